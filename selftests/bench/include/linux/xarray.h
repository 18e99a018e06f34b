/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: an array of a few slots where the kernel has a tree. The rows of the
 * kernel module include the cost of a lookup in the real one.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/kernel.h"

#ifndef NYX_BENCH_XARRAY_H
#define NYX_BENCH_XARRAY_H

#define BENCH_SLOTS	32

struct xarray { void *slot[BENCH_SLOTS]; };
struct xa_limit { u32 max, min; };
typedef unsigned int xa_mark_t;

#define XA_LIMIT(a, b)		((struct xa_limit){ .min = (a), .max = (b) })
#define XA_PRESENT		((xa_mark_t)8)
#define XA_FLAGS_ALLOC		0
#define XA_FLAGS_ALLOC1		0
#define XA_FLAGS_ACCOUNT	0

static inline void xa_init_flags(struct xarray *xa, gfp_t flags)
{
	memset(xa, 0, sizeof(*xa));
}

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

/* Reservations hold nothing here: what is stored next has the slot. */
static inline int xa_insert(struct xarray *xa, unsigned long i, void *p, gfp_t gfp)
{
	if (i >= BENCH_SLOTS || xa->slot[i])
		return -EBUSY;
	xa->slot[i] = p;
	return 0;
}

static inline int xa_alloc(struct xarray *xa, u32 *id, void *p,
			   struct xa_limit limit, gfp_t gfp)
{
	for (*id = limit.min; *id < BENCH_SLOTS; ++*id) {
		if (!xa_insert(xa, *id, p, gfp))
			return 0;
	}
	return -EBUSY;
}

static inline void *xa_find(struct xarray *xa, unsigned long *i,
			    unsigned long max, xa_mark_t filter)
{
	for (; *i < BENCH_SLOTS && *i <= max; ++*i) {
		if (xa->slot[*i])
			return xa->slot[*i];
	}
	return NULL;
}

#define xa_find_after(xa, i, max, filter)	(++*(i), xa_find(xa, i, max, filter))
#define xa_alloc_cyclic(xa, id, p, limit, next, gfp) xa_alloc(xa, id, p, limit, gfp)
#define xa_release(xa, i)	((void)(i))
#define xa_err(p)		((void)(p), 0)
#define xa_erase(xa, i)		xa_store(xa, i, NULL, 0)
#define xa_destroy(xa)		((void)(xa))
#define xa_for_each_range(xa, i, p, first, last)			\
	for ((i) = (first); (i) < BENCH_SLOTS && (i) <= (last); (i)++)	\
		if (((p) = (xa)->slot[i]))
#define xa_for_each(xa, i, p)	xa_for_each_range(xa, i, p, 0, ULONG_MAX)

#endif
