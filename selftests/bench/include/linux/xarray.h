/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: an array of a few slots where the kernel has a tree. What a
 * lookup in the real one costs is part of the rows of the kernel module.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/kernel.h"

#ifndef NYX_BENCH_XARRAY_H
#define NYX_BENCH_XARRAY_H

#define BENCH_SLOTS	32

struct xarray { void *slot[BENCH_SLOTS]; };

#define XA_LIMIT(a, b)	0

static inline void *xa_load(struct xarray *xa, unsigned long i)
{
	return i < BENCH_SLOTS ? READ_ONCE(xa->slot[i]) : NULL;
}

static inline void *xa_store(struct xarray *xa, unsigned long i, void *p, gfp_t gfp)
{
	void *old = xa->slot[i];

	xa->slot[i] = p;
	return old;
}

static inline int xa_insert(struct xarray *xa, unsigned long i, void *p, gfp_t gfp)
{
	return i < BENCH_SLOTS && !xa->slot[i] ? 0 : -EBUSY;
}

static inline int xa_alloc(struct xarray *xa, u32 *id, void *p, int limit, gfp_t gfp)
{
	for (*id = 1; *id < BENCH_SLOTS; ++*id) {
		if (!xa->slot[*id])
			return 0;
	}
	return -EBUSY;
}

#define xa_err(p)		((void)(p), 0)
#define xa_erase(xa, i)		xa_store(xa, i, NULL, 0)
#define xa_destroy(xa)		((void)(xa))
#define xa_for_each(xa, i, p)						\
	for ((i) = 0; (i) < BENCH_SLOTS; (i)++)				\
		if (((p) = (xa)->slot[i]))

#endif
