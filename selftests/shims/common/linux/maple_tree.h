/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: a tree that no benchmark gets to.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_HOST_MAPLE_TREE_H
#define NYX_HOST_MAPLE_TREE_H

struct maple_tree { void *root; };

#endif
