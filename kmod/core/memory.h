/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: guest memory of a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_CORE_MEMORY_H
#define NYX_CORE_MEMORY_H

#include <linux/types.h>

struct nyx_unit;
struct region;

/**
 * nyx_memory_add() - add a range to a unit's guest memory
 * @unit: the unit
 * @gpa: first GPA, a multiple of 4096
 * @last: last GPA
 * @region: what backs it; on success the unit has the caller's reference
 *
 * Context: may sleep.
 * Return: 0, -EEXIST if it overlaps a range, -ENOSPC at the limit, -ENOMEM, -EPERM
 * if other processes than the current one would reach it, and it is not
 * REGION_SHARED.
 */
int nyx_memory_add(struct nyx_unit *unit, u64 gpa, u64 last,
		   struct region *region);

/**
 * nyx_memory_remove() - take a range out of a unit's guest memory
 * @unit: the unit
 * @gpa: first GPA of the range as it was added
 * @last: last GPA of the range as it was added
 *
 * When it returns 0 or -ENOENT no access uses the range.
 *
 * Context: may sleep.
 * Return: 0; -ENOENT; -ENOMEM; -EINTR if the caller was killed: the range is
 * gone, but accesses may still use its backing, which the unit keeps until its
 * end or the end of another removal, also of a range that is not there.
 */
int nyx_memory_remove(struct nyx_unit *unit, u64 gpa, u64 last);

/**
 * nyx_memory_find() - the memory behind an address
 * @unit: the unit
 * @gpa: the address
 * @offset: set to where in the region that is
 *
 * Context: any; inside an epoch that nyx_memory_remove() drains, for as long as
 * the region is used. Ranges are made of pages.
 * Return: the region, or NULL.
 */
struct region *nyx_memory_find(struct nyx_unit *unit, u64 gpa, u64 *offset);

/**
 * nyx_memory_shared() - may other processes reach all memory of a unit?
 * @unit: the unit
 *
 * Context: under &nyx_unit.lock; may sleep.
 * Return: true if all of it is REGION_SHARED.
 */
bool nyx_memory_shared(struct nyx_unit *unit);

/* Drop all memory of a unit that has no accesses any more; at its end. */
void nyx_memory_purge(struct nyx_unit *unit);

#endif /* NYX_CORE_MEMORY_H */
