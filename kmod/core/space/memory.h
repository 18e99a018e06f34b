/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: guest memory of a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Memory that was removed is given back when no access uses it any more. An access is
 * inside the epoch of its domain. An interrupt that is posted with interrupts off, to
 * pinned memory, is inside &nyx_irq.epoch. Everything else that looks at guest memory
 * (the unit's own tables, queues and logs there, posted interrupts) does so between
 * nyx_guest_mem_enter() and nyx_guest_mem_exit(), where it may wait for user space.
 */
#ifndef NYX_CORE_MEMORY_H
#define NYX_CORE_MEMORY_H

#include <linux/types.h>

#include "core/unit.h"
#include "pt/pt.h"
#include "tlb/epoch.h"

struct region;

/**
 * nyx_memory_init() - prepare a unit for memory
 * @unit: the unit
 * @max: limit on ranges
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int nyx_memory_init(struct nyx_unit *unit, unsigned int max);

/* Free what nyx_memory_init() has made; the epoch has no readers, and none can enter it. */
void nyx_memory_fini(struct nyx_unit *unit);

/**
 * nyx_guest_mem_enter() - begin to look at guest memory, outside of an access
 * @unit: the unit
 *
 * Until nyx_guest_mem_exit() memory that is found stays, and so does a device that is
 * found, if it was not leaving. The function is a full memory barrier.
 *
 * Context: any.
 * Return: what to hand to nyx_guest_mem_exit().
 */
static inline unsigned int nyx_guest_mem_enter(struct nyx_unit *unit)
{
	return epoch_enter(&unit->mem_epoch);
}

/**
 * nyx_guest_mem_exit() - end what nyx_guest_mem_enter() has begun
 * @unit: the unit
 * @pair: what nyx_guest_mem_enter() returned
 *
 * Context: any.
 */
static inline void nyx_guest_mem_exit(struct nyx_unit *unit, unsigned int pair)
{
	epoch_exit(&unit->mem_epoch, pair);
}

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
 * gone, but accesses may still use its backing, which the unit keeps until a later
 * wait is over: of another removal, also of a range that is not there, or of a guest.
 */
int nyx_memory_remove(struct nyx_unit *unit, u64 gpa, u64 last);

/**
 * nyx_memory_find() - find the memory behind an address
 * @unit: the unit
 * @gpa: the address
 * @offset: set to the offset of @gpa in the region
 *
 * Context: any; inside an epoch that nyx_memory_remove() drains (see the head of this
 * file), for as long as the region is used. Ranges are made of pages.
 * Return: the region, or NULL.
 */
struct region *nyx_memory_find(struct nyx_unit *unit, u64 gpa, u64 *offset);

/**
 * nyx_guest_read64() - read a word of guest memory
 * @unit: the unit
 * @gpa: a multiple of 8
 * @val: set, in CPU order
 *
 * Context: may sleep; inside an epoch that nyx_memory_remove() drains.
 * Return: 0; -EIO if there is no such memory; -EINTR; -EAGAIN, for a kernel thread only:
 * the memory is not at hand.
 */
int nyx_guest_read64(struct nyx_unit *unit, u64 gpa, u64 *val);

/**
 * nyx_guest_read_words() - read words of guest memory, each once
 * @unit: the unit
 * @gpa: a multiple of 8
 * @val: set, in CPU order; not after an error
 * @nr: how many words, all of one page
 *
 * Context: as nyx_guest_read64().
 * Return: as nyx_guest_read64().
 */
int nyx_guest_read_words(struct nyx_unit *unit, u64 gpa, u64 *val, unsigned int nr);

/**
 * nyx_guest_mem() - guest memory, for walks of tables
 * @unit: the unit
 *
 * Context: any; of the accessor as of nyx_guest_read64().
 * Return: an accessor that reads by nyx_guest_read64().
 */
struct pt_guest_mem nyx_guest_mem(struct nyx_unit *unit);

/**
 * nyx_guest_read128() - read two words of guest memory, as they were at some time
 * @unit: the unit
 * @gpa: a multiple of 16
 * @word: set, in CPU order
 *
 * The words belong together if the guest changes both at once. If it changes them one by
 * one, or again and again, they may be of different times; the guest has to invalidate the
 * structure then.
 *
 * Context: as nyx_guest_read64().
 * Return: as nyx_guest_read64().
 */
int nyx_guest_read128(struct nyx_unit *unit, u64 gpa, u64 word[2]);

/**
 * nyx_guest_write32() - write a word of guest memory
 * @unit: the unit
 * @gpa: a multiple of 4
 * @val: what to write, in CPU order
 *
 * Context: as nyx_guest_read64().
 * Return: as nyx_guest_read64().
 */
int nyx_guest_write32(struct nyx_unit *unit, u64 gpa, u32 val);

/**
 * nyx_guest_write64() - write a word of guest memory
 * @unit: the unit
 * @gpa: a multiple of 8
 * @val: what to write, in CPU order
 *
 * Context: as nyx_guest_read64().
 * Return: as nyx_guest_read64().
 */
int nyx_guest_write64(struct nyx_unit *unit, u64 gpa, u64 val);

/**
 * nyx_guest_or32() - set bits of a word of guest memory
 * @unit: the unit
 * @gpa: a multiple of 4
 * @bits: which, in CPU order
 *
 * Context: as nyx_guest_read64().
 * Return: as nyx_guest_read64().
 */
int nyx_guest_or32(struct nyx_unit *unit, u64 gpa, u32 bits);

/**
 * nyx_memory_shared() - may other processes reach all memory of a unit?
 * @unit: the unit
 *
 * Context: under &nyx_unit.lock; may sleep.
 * Return: true if all of it is REGION_SHARED.
 */
bool nyx_memory_shared(struct nyx_unit *unit);

/* Free all memory of a unit that is torn down, and has no accesses any more. */
void nyx_memory_purge(struct nyx_unit *unit);

#endif /* NYX_CORE_MEMORY_H */
