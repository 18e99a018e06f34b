// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the guest memory map: GPA -> backing.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each change copies the array, O(n): a machine has tens of ranges, they change
 * when memory is plugged, and each DMA searches them. A map may have tens of
 * thousands, whose array is larger than a megabyte. RCU may free late; so that
 * former states do not pile up, the writer itself waits for the readers of large
 * ones whenever there are too many.
 */
#include "mem/memslots.h"

#include <linux/bug.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/export.h"
#include "base/types.h"

/* Up to this many slots, a scan is faster than a binary search. */
#define MEMSLOTS_SCAN_MAX	8

/* Size from which on an array is large, and bound on the sum of retired large arrays. */
#define MEMSLOTS_LARGE		(32u << 10)
#define MEMSLOTS_LARGE_MAX	(16u << 20)

/* Returns the current array; for the writer only. */
static struct memslots_array *writer_array(const struct memslots *map)
{
	return rcu_dereference_protected(map->array, true);
}

/*
 * Allocate an array without slots. A failure becomes the caller's errno, without a
 * line in the log.
 */
static struct memslots_array *array_alloc(unsigned int nr)
{
	struct memslots_array *array;

	array = kvmalloc(struct_size(array, slots, nr), GFP_CALLER);
	if (array)
		array->nr = nr;
	return array;
}

static void free_retired(struct memslots *map)
{
	struct memslots_array *array;

	if (!map->retired)
		return;
	synchronize_rcu();
	while ((array = map->retired)) {
		map->retired = array->next;
		kvfree(array);
	}
	map->retired_bytes = 0;
}

static void retire(struct memslots *map, struct memslots_array *array)
{
	size_t bytes = struct_size(array, slots, array->nr);

	if (bytes < MEMSLOTS_LARGE) {
		kvfree_rcu(array, rcu);
		return;
	}
	array->next = map->retired;
	map->retired = array;
	map->retired_bytes += bytes;
	if (map->retired_bytes > MEMSLOTS_LARGE_MAX)
		free_retired(map);
}

static void publish(struct memslots *map, struct memslots_array *old,
		    struct memslots_array *new)
{
	/*
	 * Pairs with rcu_dereference() in memslots_find() and memslots_next()
	 */
	rcu_assign_pointer(map->array, new);
	if (old)
		retire(map, old);
}

/* Index of the first slot that ends at or after @gpa, or the number of slots. */
static unsigned int lower_bound(const struct memslots_array *array, u64 gpa)
{
	unsigned int low = 0, high = array->nr;

	while (high - low > MEMSLOTS_SCAN_MAX) {
		unsigned int mid = low + (high - low) / 2;

		if (array->slots[mid].last < gpa)
			low = mid + 1;
		else
			high = mid;
	}
	while (low < high && array->slots[low].last < gpa)
		low++;
	return low;
}

void memslots_init(struct memslots *map, unsigned int max)
{
	RCU_INIT_POINTER(map->array, NULL);
	WRITE_ONCE(map->bytes, 0);
	map->max = max;
	map->retired = NULL;
	map->retired_bytes = 0;
}

void memslots_fini(struct memslots *map)
{
	WARN_ON(writer_array(map));
	free_retired(map);
}

int memslots_insert(struct memslots *map, u64 start, u64 last,
		    struct region *region)
{
	struct memslots_array *old = writer_array(map), *new;
	unsigned int nr = old ? old->nr : 0;
	unsigned int at = old ? lower_bound(old, start) : 0;

	if (at < nr && old->slots[at].start <= last)
		return -EEXIST;
	if (nr >= map->max)
		return -ENOSPC;

	new = array_alloc(nr + 1);
	if (!new)
		return -ENOMEM;
	if (old) {
		memcpy(new->slots, old->slots, at * sizeof(*new->slots));
		memcpy(new->slots + at + 1, old->slots + at,
		       (nr - at) * sizeof(*new->slots));
	}
	new->slots[at] = (struct memslot){
		.start = start, .last = last, .region = region,
	};
	WRITE_ONCE(map->bytes, map->bytes + (last - start + 1));
	publish(map, old, new);
	return 0;
}

struct region *memslots_remove(struct memslots *map, u64 start, u64 last)
{
	struct memslots_array *old = writer_array(map), *new = NULL;
	unsigned int at = old ? lower_bound(old, start) : 0;
	struct region *region;

	if (!old || at == old->nr || old->slots[at].start != start ||
	    old->slots[at].last != last)
		return ERR_PTR(-ENOENT);

	if (old->nr > 1) {
		new = array_alloc(old->nr - 1);
		if (!new)
			return ERR_PTR(-ENOMEM);
		memcpy(new->slots, old->slots, at * sizeof(*new->slots));
		memcpy(new->slots + at, old->slots + at + 1,
		       (new->nr - at) * sizeof(*new->slots));
	}
	region = old->slots[at].region;
	WRITE_ONCE(map->bytes, map->bytes - (last - start + 1));
	publish(map, old, new);
	return region;
}

struct region *memslots_pop(struct memslots *map)
{
	struct memslots_array *array = writer_array(map);
	struct memslot *slot;
	struct region *region;

	if (!array)
		return NULL;
	/* The map has no readers, so change the array in place, which takes O(1). */
	slot = &array->slots[--array->nr];
	region = slot->region;
	WRITE_ONCE(map->bytes, map->bytes - (slot->last - slot->start + 1));
	if (!array->nr) {
		RCU_INIT_POINTER(map->array, NULL);
		kvfree_rcu(array, rcu);
	}
	return region;
}

const struct memslot *memslots_array_next(const struct memslots_array *array,
					  u64 gpa)
{
	unsigned int at = lower_bound(array, gpa);

	return at < array->nr ? &array->slots[array_index_nospec(at, array->nr)] :
				NULL;
}

const struct memslot *memslots_next(const struct memslots *map, u64 gpa)
{
	/* Pairs with rcu_assign_pointer() in publish() */
	const struct memslots_array *array = rcu_dereference_raw(map->array);

	return array ? memslots_array_next(array, gpa) : NULL;
}

NYX_EXPORT_FOR_TEST(memslots_init);
NYX_EXPORT_FOR_TEST(memslots_fini);
NYX_EXPORT_FOR_TEST(memslots_insert);
NYX_EXPORT_FOR_TEST(memslots_remove);
NYX_EXPORT_FOR_TEST(memslots_pop);
NYX_EXPORT_FOR_TEST(memslots_next);
NYX_EXPORT_FOR_TEST(memslots_array_next);
