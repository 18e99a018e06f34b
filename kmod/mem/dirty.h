/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: which pages of a region devices have written.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * While a region is tracked, it has a bitmap with a bit for each page of 4 KiB. The functions
 * of access.c that write set the bits of what they are about to write, and write then. A
 * reader that clears bits has to wait, behind that, for the accesses that are under way:
 * then each write is either in memory, or sets a bit that the reader did not take.
 * Documentation/design/dirty.rst has the argument.
 */
#ifndef NYX_MEM_DIRTY_H
#define NYX_MEM_DIRTY_H

#include <linux/types.h>

struct dirty_bitmap;
struct region;

/**
 * region_dirty_bytes() - size of the bitmap of a region
 * @region: the region
 *
 * Return: bytes; 0 if devices cannot write the region, which then needs no bitmap.
 */
u64 region_dirty_bytes(const struct region *region);

/**
 * region_dirty_start() - begin to track a region
 * @region: the region, not tracked
 *
 * All its pages are clean. A write that is under way may set no bit.
 *
 * Context: may sleep; the caller serialises start and stop.
 * Return: 0 or -ENOMEM.
 */
int region_dirty_start(struct region *region);

/**
 * region_dirty_stop() - end that
 * @region: the region, tracked or not
 * @gone: list that the bitmap is added to, for region_dirty_free(); NULL if it is empty
 *
 * Context: as region_dirty_start(), but it does not sleep.
 * Return: true if it was tracked.
 */
bool region_dirty_stop(struct region *region, struct dirty_bitmap **gone);

/**
 * region_dirty_free() - free bitmaps of regions that are tracked no longer
 * @gone: the list
 *
 * Waits for the accesses that may look at them.
 *
 * Context: may sleep.
 */
void region_dirty_free(struct dirty_bitmap *gone);

/**
 * region_dirty_set() - mark pages of a region, if it is tracked
 * @region: the region
 * @offset: first byte
 * @length: bytes, within the region
 *
 * Context: any.
 */
void region_dirty_set(struct region *region, u64 offset, u64 length);

/**
 * struct dirty_bits - a bitmap that is filled
 * @word: its words
 * @nr: how many
 * @shift: a bit is for 2^@shift pages
 */
struct dirty_bits {
	u64 *word;
	u32 nr;
	u32 shift;
};

/**
 * region_dirty_read() - find the pages of a region that are marked
 * @region: the region
 * @offset: first byte, a multiple of 4096
 * @length: bytes, within the region, a multiple of 4096
 * @clear: unmark them; a full barrier for each word that has one
 * @bits: bitmap, of which bits are set
 * @first: number of the page at @offset, counted from the first one of @bits
 *
 * Context: any.
 */
void region_dirty_read(struct region *region, u64 offset, u64 length, bool clear,
		       const struct dirty_bits *bits, u64 first);

#endif /* NYX_MEM_DIRTY_H */
