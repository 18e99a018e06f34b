/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: what is inside a region, for backing.c and access.c.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Memory that the kernel reaches through its direct map is handed out in runs: an
 * address and a number of bytes. A run is found in one of two ways:
 *
 *   pinned   by an index; no lock, no reference, any context
 *   others   by a walk, which holds what the current run needs
 *
 * The index of pinned memory has an entry for each chunk, 2 MiB of the backing's
 * own addresses (so that a huge page is a chunk, wherever the region begins). A
 * chunk whose pages are adjacent in the direct map, a "flat" one, is its address,
 * tagged; any other points to a table of 512 page addresses. One run never
 * crosses a chunk, and 1 GiB of huge pages has an index of 4 KiB.
 */
#ifndef NYX_MEM_REGION_PRIV_H
#define NYX_MEM_REGION_PRIV_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/kconfig.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "base/types.h"
#include "mem/dirty.h"
#include "mem/region.h"

struct dirty_bitmap;
struct file;
struct mm_struct;
struct page;
struct user_struct;

/*
 * The code assumes that all memory is in the direct map, in pages of 4 KiB, and
 * little endian.
 */
static_assert(IS_ENABLED(CONFIG_64BIT) && !IS_ENABLED(CONFIG_HIGHMEM) &&
	      !IS_ENABLED(CONFIG_CPU_BIG_ENDIAN));

#define CHUNK_LG2	21u
#define CHUNK_SIZE	BIT(CHUNK_LG2)
#define CHUNK_MASK	(CHUNK_SIZE - 1)
#define CHUNK_PAGES	(1u << (CHUNK_LG2 - NYX_PAGE_LG2))
#define CHUNK_FLAT	1ul

/**
 * struct region - a range of guest memory
 * @length: bytes
 * @bias: where in its first chunk the region begins
 * @chunks: index of pinned memory, or NULL
 * @dirty: marks of pages that devices have written, or NULL: see mem/dirty.h. In the cache line
 *         of @length, as each write looks at both
 * @flags: REGION_*
 * @page_lg2: size of the backing's pages
 * @backing: user address or offset in the file
 * @mm: the process of the memory, which is charged for pins; holds mm_count. NULL
 *      for a file that is not pinned
 * @user: the user that is charged for pins, or NULL
 * @file: the file, or NULL. While the region may be written to, the file's
 *        mapping counts as a writable one
 * @nr_pages: size in pages, which is what is charged for pins
 * @nr_pinned: pages that are pinned, from the first one
 * @refs: references
 * @deferred: see region_defer()
 * @number: likewise
 *
 * All const after creation, but for @dirty and the last three.
 */
struct region {
	u64 length;
	u64 bias;
	unsigned long *chunks;
	struct dirty_bitmap __rcu *dirty;
	u32 flags;
	u32 page_lg2;
	u64 backing;
	struct mm_struct *mm;
	struct user_struct *user;
	struct file *file;
	unsigned long nr_pages;
	unsigned long nr_pinned;
	refcount_t refs;
	struct list_head deferred;
	u64 number;
};

/* Pages of another process that a walk pins at a time. */
#define WALK_BATCH	16

/**
 * struct region_walk - passes over a part of a region, in ascending order
 * @region: the region
 * @mm: if not NULL, holds mm_users
 * @write: pages become dirty
 * @nr: pages held
 * @next: of these, the first one that was not handed out
 * @pages: held: pinned for user memory, else by a reference
 */
struct region_walk {
	struct region *region;
	struct mm_struct *mm;
	bool write;
	unsigned int nr;
	unsigned int next;
	struct page *pages[WALK_BATCH];
};

/**
 * region_walk_begin() - prepare a walk
 * @walk: set up
 * @region: the region
 * @write: whether the memory will be written to
 *
 * Context: any for pinned regions, otherwise may sleep.
 * Return: 0, or -EIO if the memory's owner is gone. The caller calls
 * region_walk_end() only after 0.
 */
int region_walk_begin(struct region_walk *walk, struct region *region, bool write);

/**
 * region_walk_next() - the next run
 * @walk: the walk; the former run may no longer be used
 * @offset: first byte, the one after the former run if there was one
 * @length: bytes wanted, not 0 and within the region
 * @addr: set to the address of the run
 *
 * Context: as region_walk_begin().
 * Return: bytes of the run, at least 1; -EIO; -EINTR; -EAGAIN, for a kernel thread
 * only: it is not at hand.
 */
s64 region_walk_next(struct region_walk *walk, u64 offset, u64 length, void **addr);

/**
 * region_walk_end() - release what a walk holds
 * @walk: the walk
 */
void region_walk_end(struct region_walk *walk);

/**
 * region_usercopy_max() - how much of a run one copy to or from user space may touch
 * @addr: an address of a run
 * @length: bytes of the run from there
 *
 * Hardened usercopy kills the machine if a copy leaves the folio it began in.
 *
 * Return: bytes, at least 1.
 */
u64 region_usercopy_max(const void *addr, u64 length);

/**
 * region_create_backing() - region_create_file() by file
 * @file: the file; the region takes a reference of its own
 * @offset: as there
 * @length: as there
 * @flags: as there
 *
 * Context: may sleep; process context.
 * Return: as region_create_file().
 */
struct region *region_create_backing(struct file *file, u64 offset, u64 length,
				     u32 flags);

/**
 * region_clamp() - an offset, also for a processor that speculates
 * @region: the region
 * @offset: an offset in it, checked
 *
 * Context: any.
 * Return: @offset; in the region also where the check was predicted wrongly.
 */
static inline u64 region_clamp(const struct region *region, u64 offset)
{
	return array_index_nospec(offset, region->length);
}

/**
 * region_mark_dirty() - mark pages that are about to be written
 * @region: the region
 * @offset: first byte
 * @length: bytes, within the region
 *
 * Each function that writes guest memory calls it, before it writes anything.
 *
 * Context: any; inside an epoch that nyx_memory_remove() drains.
 */
static __always_inline void region_mark_dirty(struct region *region, u64 offset, u64 length)
{
	if (unlikely(rcu_access_pointer(region->dirty)))
		region_dirty_set(region, offset, length);
}

/* A run in a chunk that is not flat: pages, as far as they are adjacent. */
static inline u64 region_table_run(const unsigned long *table, u64 pos,
				   u64 length, void **addr)
{
	unsigned int i = (pos & CHUNK_MASK) >> NYX_PAGE_LG2;
	u64 run = NYX_PAGE_SIZE - (pos & NYX_PAGE_MASK);

	*addr = (void *)(table[i] + (pos & NYX_PAGE_MASK));
	while (run < length && ++i < CHUNK_PAGES &&
	       table[i] == table[i - 1] + NYX_PAGE_SIZE)
		run += NYX_PAGE_SIZE;
	return min(run, length);
}

/**
 * region_pinned_run() - a run of a pinned region
 * @region: the region, pinned
 * @offset: first byte
 * @length: bytes wanted, not 0 and within the region
 * @addr: set to the address of the run
 *
 * Context: any.
 * Return: bytes of the run, at least 1.
 */
static inline u64 region_pinned_run(const struct region *region, u64 offset,
				    u64 length, void **addr)
{
	u64 pos = region->bias + region_clamp(region, offset);
	unsigned long chunk = region->chunks[pos >> CHUNK_LG2];

	if (unlikely(!(chunk & CHUNK_FLAT)))
		return region_table_run((const unsigned long *)chunk, pos,
					length, addr);
	*addr = (void *)(chunk - CHUNK_FLAT + (pos & CHUNK_MASK));
	return min(length, CHUNK_SIZE - (pos & CHUNK_MASK));
}

#endif /* NYX_MEM_REGION_PRIV_H */
