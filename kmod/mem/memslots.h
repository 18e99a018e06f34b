/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the guest memory map: GPA -> backing.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A sorted array of ranges that never overlap. Readers search it without a
 * lock, in an RCU read-side critical section; writers, serialised by the
 * caller, publish a new array and free the old one after a grace period.
 *
 * A region that memslots_remove() took out may still be in use by accesses that
 * found it before. The caller waits for them (tlb/epoch.h) before it calls
 * region_put() for the map's reference.
 *
 * This file knows no struct page and no user memory: backing.c and access.c
 * handle the backing of a region.
 */
#ifndef NYX_MEM_MEMSLOTS_H
#define NYX_MEM_MEMSLOTS_H

#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "base/types.h"

struct region;

/**
 * struct memslot - one range of the map
 * @start: first GPA
 * @last: last GPA
 * @region: what is behind it
 */
struct memslot {
	u64 start;
	u64 last;
	struct region *region;
};

/**
 * struct memslots_array - a published state of the map, immutable
 * @rcu: frees it
 * @next: of the retired arrays; the writer's
 * @nr: number of slots
 * @slots: sorted by @start
 */
struct memslots_array {
	union {
		struct rcu_head rcu;
		struct memslots_array *next;
	};
	unsigned int nr;
	struct memslot slots[];
};

/**
 * struct memslots - guest memory of a unit
 * @array: the current state; NULL while the map is empty
 * @bytes: size of all ranges; the writer's
 * @max: limit on ranges; const after init
 * @retired: large former states that readers may still use; the writer's
 * @retired_bytes: their size; the writer's
 */
struct memslots {
	struct memslots_array __rcu *array;
	u64 bytes;
	unsigned int max;
	struct memslots_array *retired;
	size_t retired_bytes;
};

/**
 * memslots_init() - prepare an empty map
 * @map: the map
 * @max: limit on ranges
 */
void memslots_init(struct memslots *map, unsigned int max);

/**
 * memslots_fini() - free the map, which must be empty
 * @map: the map, without readers
 *
 * Context: may sleep.
 */
void memslots_fini(struct memslots *map);

/**
 * memslots_insert() - add a range
 * @map: the map
 * @start: first GPA
 * @last: last GPA
 * @region: what is behind it; the map takes over the caller's reference
 *
 * Context: may sleep; the caller serialises writers.
 * Return: 0; -EEXIST if it overlaps a range; -ENOSPC if the limit is reached;
 * -ENOMEM.
 */
int memslots_insert(struct memslots *map, u64 start, u64 last,
		    struct region *region);

/**
 * memslots_remove() - take out a range
 * @map: the map
 * @start: first GPA of the range as it was added
 * @last: last GPA of the range as it was added
 *
 * Context: may sleep; the caller serialises writers.
 * Return: the region, with the map's reference; ERR_PTR(-ENOENT) if there is no
 * such range; ERR_PTR(-ENOMEM) with nothing changed.
 */
struct region *memslots_remove(struct memslots *map, u64 start, u64 last);

/**
 * memslots_pop() - take out a range, to empty a map that has no readers
 * @map: the map
 *
 * Needs no memory, and takes the same time however many ranges there are.
 *
 * Return: its region, with the map's reference, or NULL if the map is empty.
 */
struct region *memslots_pop(struct memslots *map);

/**
 * memslots_next() - find the first range that ends at or after an address
 * @map: the map
 * @gpa: the address
 *
 * Context: an RCU read-side critical section, or the writer.
 * Return: the slot, or NULL. It is valid for as long as the critical section.
 */
const struct memslot *memslots_next(const struct memslots *map, u64 gpa);

/**
 * memslots_array_next() - memslots_next() in a state of the map
 * @array: the state
 * @gpa: the address
 *
 * Context: that in which @array was found.
 * Return: the slot, or NULL.
 */
const struct memslot *memslots_array_next(const struct memslots_array *array,
					  u64 gpa);

/**
 * memslot_offset() - where in its range an address is
 * @slot: the range
 * @gpa: the address, in it
 *
 * A processor that speculates past the comparison of address and range gets an
 * offset in the range, too.
 *
 * Context: that in which @slot was found.
 * Return: the offset.
 */
static inline u64 memslot_offset(const struct memslot *slot, u64 gpa)
{
	return array_index_nospec(gpa - slot->start, slot->last - slot->start + 1);
}

/**
 * memslots_find() - find the range that holds an address
 * @map: the map
 * @gpa: the address
 * @hint: index at which to look first; set to where it was found
 *
 * Context: an RCU read-side critical section.
 * Return: the slot, or NULL. It is valid for as long as the critical section.
 */
static inline const struct memslot *memslots_find(const struct memslots *map,
						  u64 gpa, u32 *hint)
{
	const struct memslots_array *array = rcu_dereference(map->array);
	const struct memslot *slot;
	u32 i = *hint;

	if (!array)
		return NULL;
	if (likely(i < array->nr)) {
		slot = &array->slots[array_index_nospec(i, array->nr)];
		if (likely(gpa >= slot->start && gpa <= slot->last))
			return slot;
	}
	slot = memslots_array_next(array, gpa);
	if (!slot || gpa < slot->start)
		return NULL;
	*hint = slot - array->slots;
	return slot;
}

#endif /* NYX_MEM_MEMSLOTS_H */
