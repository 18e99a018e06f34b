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
 * A region that gmap_remove() took out may still be in use by accesses that
 * found it before. The caller waits for them (tlb/epoch.h) before it calls
 * region_put() for the map's reference.
 *
 * This file knows no struct page and no user memory: what a region is backed by
 * is the business of backing.c and access.c.
 */
#ifndef NYX_MEM_GMAP_H
#define NYX_MEM_GMAP_H

#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "base/types.h"

struct region;

/**
 * struct gmap_slot - one range of the map
 * @start: first GPA
 * @last: last GPA
 * @region: what is behind it
 */
struct gmap_slot {
	u64 start;
	u64 last;
	struct region *region;
};

/**
 * struct gmap_array - a published state of the map, immutable
 * @rcu: frees it
 * @next: of the retired arrays; the writer's
 * @nr: number of slots
 * @slots: sorted by @start
 */
struct gmap_array {
	union {
		struct rcu_head rcu;
		struct gmap_array *next;
	};
	unsigned int nr;
	struct gmap_slot slots[];
};

/**
 * struct gmap - guest memory of a unit
 * @array: the current state; NULL while the map is empty
 * @bytes: size of all ranges; the writer's
 * @max: limit on ranges; const after init
 * @retired: large former states that readers may still use; the writer's
 * @retired_bytes: their size; the writer's
 */
struct gmap {
	struct gmap_array __rcu *array;
	u64 bytes;
	unsigned int max;
	struct gmap_array *retired;
	size_t retired_bytes;
};

/**
 * gmap_init() - prepare an empty map
 * @map: the map
 * @max: limit on ranges
 */
void gmap_init(struct gmap *map, unsigned int max);

/**
 * gmap_fini() - free the map, which must be empty
 * @map: the map, without readers
 *
 * Context: may sleep.
 */
void gmap_fini(struct gmap *map);

/**
 * gmap_insert() - add a range
 * @map: the map
 * @start: first GPA
 * @last: last GPA
 * @region: what is behind it; the map takes over the caller's reference
 *
 * Context: may sleep; the caller serialises writers.
 * Return: 0; -EEXIST if it overlaps a range; -ENOSPC if the limit is reached;
 * -ENOMEM.
 */
int gmap_insert(struct gmap *map, u64 start, u64 last, struct region *region);

/**
 * gmap_remove() - take out a range
 * @map: the map
 * @start: first GPA of the range as it was added
 * @last: last GPA of the range as it was added
 *
 * Context: may sleep; the caller serialises writers.
 * Return: the region, with the map's reference; ERR_PTR(-ENOENT) if there is no
 * such range; ERR_PTR(-ENOMEM) with nothing changed.
 */
struct region *gmap_remove(struct gmap *map, u64 start, u64 last);

/**
 * gmap_pop() - take out a range, to empty a map that has no readers
 * @map: the map
 *
 * Needs no memory, and takes the same time however many ranges there are.
 *
 * Return: its region, with the map's reference, or NULL if the map is empty.
 */
struct region *gmap_pop(struct gmap *map);

/**
 * gmap_next() - find the first range that ends at or after an address
 * @map: the map
 * @gpa: the address
 *
 * Context: an RCU read-side critical section, or the writer.
 * Return: the slot, or NULL. It is valid for as long as the critical section.
 */
const struct gmap_slot *gmap_next(const struct gmap *map, u64 gpa);

/**
 * gmap_array_next() - gmap_next() in a state of the map
 * @array: the state
 * @gpa: the address
 *
 * Context: that in which @array was found.
 * Return: the slot, or NULL.
 */
const struct gmap_slot *gmap_array_next(const struct gmap_array *array, u64 gpa);

/**
 * gmap_offset() - where in its range an address is
 * @slot: the range
 * @gpa: the address, in it
 *
 * A processor that speculates past the comparison of address and range gets an
 * offset in the range, too.
 *
 * Context: that in which @slot was found.
 * Return: the offset.
 */
static inline u64 gmap_offset(const struct gmap_slot *slot, u64 gpa)
{
	return array_index_nospec(gpa - slot->start, slot->last - slot->start + 1);
}

/**
 * gmap_find() - find the range that holds an address
 * @map: the map
 * @gpa: the address
 * @hint: index at which to look first; set to where it was found
 *
 * Context: an RCU read-side critical section.
 * Return: the slot, or NULL. It is valid for as long as the critical section.
 */
static inline const struct gmap_slot *gmap_find(const struct gmap *map, u64 gpa,
						u32 *hint)
{
	const struct gmap_array *array = rcu_dereference(map->array);
	const struct gmap_slot *slot;
	u32 i = *hint;

	if (!array)
		return NULL;
	if (likely(i < array->nr)) {
		slot = &array->slots[array_index_nospec(i, array->nr)];
		if (likely(gpa >= slot->start && gpa <= slot->last))
			return slot;
	}
	slot = gmap_array_next(array, gpa);
	if (!slot || gpa < slot->start)
		return NULL;
	*hint = slot - array->slots;
	return slot;
}

#endif /* NYX_MEM_GMAP_H */
