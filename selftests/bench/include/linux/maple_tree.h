/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: a tree that no benchmark gets to.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_BENCH_MAPLE_TREE_H
#define NYX_BENCH_MAPLE_TREE_H

struct maple_tree { void *root; };

#endif
