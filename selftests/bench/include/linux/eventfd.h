/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: the word that an eventfd is.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/sync.h"

#ifndef NYX_BENCH_EVENTFD_H
#define NYX_BENCH_EVENTFD_H

struct eventfd_ctx {
	spinlock_t lock;
	u64 count;
};

#endif
