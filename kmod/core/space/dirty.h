/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: dirty tracking: which guest memory devices have written.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The bits are those of mem/dirty.h. This file gives them to the memory of a unit, and has
 * the waits that make them exact: Documentation/design/dirty.rst.
 */
#ifndef NYX_CORE_DIRTY_H
#define NYX_CORE_DIRTY_H

#include <linux/types.h>

struct dirty_bitmap;
struct nyx_unit;
struct region;

/* Most KiB of bitmaps of a user without CAP_SYS_RESOURCE; a parameter of the module. */
extern unsigned int nyx_max_dirty_kib_per_user;

/**
 * enum nyx_dirty_state - is a unit tracked?
 * @NYX_DIRTY_OFF: no
 * @NYX_DIRTY_STARTING: bits are set, but writes that began before may set none
 * @NYX_DIRTY_ON: yes
 */
enum nyx_dirty_state {
	NYX_DIRTY_OFF,
	NYX_DIRTY_STARTING,
	NYX_DIRTY_ON,
};

/**
 * struct nyx_dirty - dirty tracking of a unit
 * @state: of enum nyx_dirty_state; written under &nyx_unit.lock
 * @runs: how often it was stopped; likewise
 */
struct nyx_dirty {
	u32 state;
	u32 runs;
};

/**
 * struct nyx_dirty_gone - bitmaps that are used no longer, and are not freed yet
 * @bitmaps: the bitmaps
 * @kib: KiB that they are counted with
 */
struct nyx_dirty_gone {
	struct dirty_bitmap *bitmaps;
	u32 kib;
};

/**
 * nyx_dirty_start() - track all memory of a unit
 * @unit: the unit
 *
 * Context: may sleep, without locks of the unit.
 * Return: 0; -EBUSY if it is tracked; -ENOSPC at the limit; -ENOMEM; -EINTR if the caller was
 * killed: it is not tracked; -ETIMEDOUT: it is, but for a view that was cut off.
 */
int nyx_dirty_start(struct nyx_unit *unit);

/**
 * nyx_dirty_stop() - end that
 * @unit: the unit
 *
 * Context: as nyx_dirty_start().
 * Return: 0; -EINVAL if it is not tracked.
 */
int nyx_dirty_stop(struct nyx_unit *unit);

/**
 * nyx_dirty_add() - give a region to a unit that may be tracked
 * @unit: the unit
 * @region: the region, before any access can find it
 *
 * Context: under &nyx_unit.lock; may sleep.
 * Return: 0; -ENOSPC at the limit; -ENOMEM.
 */
int nyx_dirty_add(struct nyx_unit *unit, struct region *region);

/**
 * nyx_dirty_remove() - undo nyx_dirty_add(), or nyx_dirty_start() for one region
 * @unit: the unit
 * @region: the region
 * @gone: gets the bitmap, for nyx_dirty_free()
 *
 * Context: as nyx_dirty_add().
 */
void nyx_dirty_remove(struct nyx_unit *unit, struct region *region, struct nyx_dirty_gone *gone);

/**
 * nyx_dirty_free() - free bitmaps, and count them no longer
 * @unit: the unit
 * @gone: the bitmaps
 *
 * Waits for RCU: bitmaps count until they are freed, so that a user who makes and drops them
 * fast has no more memory than the limit allows.
 *
 * Context: may sleep, without locks of the unit.
 */
void nyx_dirty_free(struct nyx_unit *unit, const struct nyx_dirty_gone *gone);

/**
 * struct nyx_dirty_req - what to read
 * @gpa: first GPA, a multiple of the page
 * @length: bytes, a multiple of the page, not 0
 * @page_lg2: log2 of the page that a bit is for, at least NYX_PAGE_LG2
 * @clear: the pages are clean from now on
 * @bitmap: where to: a bit for each page, in words of 64
 * @nr_dirty: bits that are set in it; set
 */
struct nyx_dirty_req {
	u64 gpa;
	u64 length;
	u32 page_lg2;
	bool clear;
	u8 __user *bitmap;
	u64 nr_dirty;
};

/**
 * nyx_dirty_read() - read which pages are dirty
 * @unit: the unit
 * @req: what to read
 *
 * When it returns, each write to a page that was dirty and is now clean is in memory. After
 * an error no page is clean that was dirty.
 *
 * Context: may sleep, without locks of the unit.
 * Return: 0; -EINVAL if the unit is not tracked, or no longer; -EFAULT for a bad @bitmap;
 * -ENOMEM; -EINTR if the caller was killed.
 */
int nyx_dirty_read(struct nyx_unit *unit, struct nyx_dirty_req *req);

#endif /* NYX_CORE_DIRTY_H */
