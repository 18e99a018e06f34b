/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: xarrays, as sorted arrays.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * For one thread: a reader beside a writer is not provided for.
 */
#include "host/memory.h"

#ifndef NYX_HOST_XARRAY_H
#define NYX_HOST_XARRAY_H

/* A slot without an entry is reserved. */
struct xa_slot {
	unsigned long index;
	void *entry;
};

struct xarray {
	struct xa_slot *slot;
	unsigned int nr;
	unsigned int room;
};

struct xa_limit { u32 max, min; };
typedef unsigned int xa_mark_t;

#define XA_LIMIT(a, b)		((struct xa_limit){ .min = (a), .max = (b) })
#define XA_PRESENT		((xa_mark_t)8)
#define XA_FLAGS_ALLOC		0
#define XA_FLAGS_ALLOC1		0
#define XA_FLAGS_ACCOUNT	0

static inline void xa_init_flags(struct xarray *xa, gfp_t flags)
{
	*xa = (struct xarray){};
}

/* The first slot that is not below an index, or the end. */
static inline unsigned int host_xa_at(const struct xarray *xa, unsigned long index)
{
	unsigned int low = 0, high = xa->nr;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (xa->slot[mid].index < index)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static inline struct xa_slot *host_xa_slot(const struct xarray *xa, unsigned long index)
{
	unsigned int at = host_xa_at(xa, index);

	return at < xa->nr && xa->slot[at].index == index ? &xa->slot[at] : NULL;
}

static inline void *xa_load(const struct xarray *xa, unsigned long index)
{
	const struct xa_slot *slot = host_xa_slot(xa, index);

	return slot ? slot->entry : NULL;
}

static inline int host_xa_add(struct xarray *xa, unsigned long index, void *entry,
			      gfp_t gfp)
{
	unsigned int at = host_xa_at(xa, index);
	struct xa_slot *more;

	if (xa->nr == xa->room) {
		more = kmalloc((2ul * xa->room + 4) * sizeof(*more), gfp);
		if (!more)
			return -ENOMEM;
		if (xa->nr)
			memcpy(more, xa->slot, xa->nr * sizeof(*more));
		kfree(xa->slot);
		xa->slot = more;
		xa->room = 2 * xa->room + 4;
	}
	memmove(&xa->slot[at + 1], &xa->slot[at], (xa->nr - at) * sizeof(*xa->slot));
	xa->slot[at] = (struct xa_slot){ index, entry };
	xa->nr++;
	return 0;
}

static inline void *xa_erase(struct xarray *xa, unsigned long index)
{
	struct xa_slot *slot = host_xa_slot(xa, index);
	void *old;

	if (!slot)
		return NULL;
	old = slot->entry;
	memmove(slot, slot + 1, (char *)(xa->slot + xa->nr) - (char *)(slot + 1));
	xa->nr--;
	return old;
}

static inline void *xa_store(struct xarray *xa, unsigned long index, void *entry,
			     gfp_t gfp)
{
	struct xa_slot *slot = host_xa_slot(xa, index);
	int err;

	if (slot) {
		swap(slot->entry, entry);
		return entry;
	}
	err = host_xa_add(xa, index, entry, gfp);
	return err ? ERR_PTR(err) : NULL;
}

#define xa_err(p)		PTR_ERR_OR_ZERO(p)

static inline void xa_release(struct xarray *xa, unsigned long index)
{
	if (host_xa_slot(xa, index) && !xa_load(xa, index))
		xa_erase(xa, index);
}

static inline int xa_insert(struct xarray *xa, unsigned long index, void *entry,
			    gfp_t gfp)
{
	return host_xa_slot(xa, index) ? -EBUSY : host_xa_add(xa, index, entry, gfp);
}

/* The first free index that is not below the first. */
static inline int host_xa_alloc(struct xarray *xa, u32 *id, void *entry, u32 first,
				u32 last, gfp_t gfp)
{
	unsigned long index = first;
	unsigned int at;

	for (at = host_xa_at(xa, index); at < xa->nr && xa->slot[at].index == index; at++)
		index++;
	if (index > last)
		return -EBUSY;
	*id = index;
	return host_xa_add(xa, index, entry, gfp);
}

static inline int xa_alloc(struct xarray *xa, u32 *id, void *entry,
			   struct xa_limit limit, gfp_t gfp)
{
	return host_xa_alloc(xa, id, entry, limit.min, limit.max, gfp);
}

/* 1: the ids have begun anew. */
static inline int xa_alloc_cyclic(struct xarray *xa, u32 *id, void *entry,
				  struct xa_limit limit, u32 *next, gfp_t gfp)
{
	u32 first = max(*next, limit.min);
	int ret = -EBUSY, wrapped = 0;

	if (first <= limit.max)
		ret = host_xa_alloc(xa, id, entry, first, limit.max, gfp);
	if (ret == -EBUSY && first > limit.min) {
		wrapped = 1;
		ret = host_xa_alloc(xa, id, entry, limit.min, first - 1, gfp);
	}
	if (ret)
		return ret;
	*next = *id + 1;
	return wrapped;
}

static inline void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
			    xa_mark_t filter)
{
	unsigned int at = host_xa_at(xa, *index);

	for (; at < xa->nr && xa->slot[at].index <= max; at++) {
		if (xa->slot[at].entry) {
			*index = xa->slot[at].index;
			return xa->slot[at].entry;
		}
	}
	return NULL;
}

static inline void *xa_find_after(struct xarray *xa, unsigned long *index,
				  unsigned long max, xa_mark_t filter)
{
	if (*index == ULONG_MAX)
		return NULL;
	++*index;
	return xa_find(xa, index, max, filter);
}

static inline void xa_destroy(struct xarray *xa)
{
	kfree(xa->slot);
	*xa = (struct xarray){};
}

#define xa_for_each_range(xa, index, entry, first, last)			\
	for ((index) = (first), (entry) = xa_find(xa, &(index), last, XA_PRESENT); \
	     (entry); (entry) = xa_find_after(xa, &(index), last, XA_PRESENT))
#define xa_for_each(xa, index, entry) \
	xa_for_each_range(xa, index, entry, 0, ULONG_MAX)

#endif /* NYX_HOST_XARRAY_H */
