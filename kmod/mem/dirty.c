// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: which pages of a region devices have written.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "mem/dirty.h"

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "base/export.h"
#include "base/types.h"
#include "mem/region_priv.h"

/**
 * struct dirty_bitmap - a bit for each page of a region
 * @next: next one of a list, once its region is tracked no longer
 * @nr: words
 * @word: the bits
 */
struct dirty_bitmap {
	struct dirty_bitmap *next;
	u64 nr;
	atomic64_t word[];
};

u64 region_dirty_bytes(const struct region *region)
{
	if (region->flags & REGION_READONLY)
		return 0;
	return DIV_ROUND_UP(region->nr_pages, 64) * sizeof(u64);
}

int region_dirty_start(struct region *region)
{
	u64 bytes = region_dirty_bytes(region), size = sizeof(struct dirty_bitmap) + bytes;
	struct dirty_bitmap *dirty;

	if (!bytes)
		return 0;
	/* kmalloc() would round the size of most bitmaps up to twice as much. */
	dirty = bytes < PAGE_SIZE ? kzalloc(size, GFP_CALLER) :
				    __vmalloc(size, GFP_CALLER | __GFP_ZERO);
	if (!dirty)
		return -ENOMEM;
	dirty->nr = bytes / sizeof(u64);
	/* Pairs with rcu_dereference() in region_dirty_set() and region_dirty_read(). */
	rcu_assign_pointer(region->dirty, dirty);
	return 0;
}

bool region_dirty_stop(struct region *region, struct dirty_bitmap **gone)
{
	struct dirty_bitmap *dirty = rcu_dereference_protected(region->dirty, true);

	if (!dirty)
		return false;
	RCU_INIT_POINTER(region->dirty, NULL);
	dirty->next = *gone;
	*gone = dirty;
	return true;
}

void region_dirty_free(struct dirty_bitmap *gone)
{
	struct dirty_bitmap *next;

	if (gone)
		synchronize_rcu();
	for (; gone; gone = next) {
		next = gone->next;
		kvfree(gone);
		cond_resched();
	}
}

/* The bits from @first to @last that word number @i has. */
static u64 mask_of(u64 i, u64 first, u64 last)
{
	u64 from = max(first, i * 64), to = min(last, i * 64 + 63);

	return GENMASK_ULL(to & 63, from & 63);
}

static atomic64_t *word_at(struct dirty_bitmap *dirty, u64 i)
{
	return &dirty->word[array_index_nospec(i, dirty->nr)];
}

void region_dirty_set(struct region *region, u64 offset, u64 length)
{
	struct dirty_bitmap *dirty;
	u64 first, last, mask, i;
	atomic64_t *word;

	if (!length)
		return;
	first = offset >> NYX_PAGE_LG2;
	last = (offset + length - 1) >> NYX_PAGE_LG2;
	rcu_read_lock();
	dirty = rcu_dereference(region->dirty);
	for (i = first / 64; dirty && i <= last / 64; i++) {
		mask = mask_of(i, first, last);
		word = word_at(dirty, i);
		/* A reader that clears the bits waits for this write: see the head of dirty.h. */
		if ((atomic64_read(word) & mask) != mask)
			atomic64_or(mask, word);
	}
	rcu_read_unlock();
}

static void put_bits(const struct dirty_bits *bits, u64 i, u64 mask)
{
	if (mask)
		bits->word[array_index_nospec(i, bits->nr)] |= mask;
}

/* Set the bits of @bits for the pages in @pages, of which the lowest is number @first. */
static void put_pages(const struct dirty_bits *bits, u64 first, u64 pages)
{
	u64 bit;

	if (!bits->shift) {
		put_bits(bits, first / 64, pages << (first & 63));
		if (first & 63)
			put_bits(bits, first / 64 + 1, pages >> (64 - (first & 63)));
		return;
	}
	while (pages) {
		bit = (first + __ffs64(pages)) >> bits->shift;
		put_bits(bits, bit / 64, BIT_ULL(bit & 63));
		/* On to the first page that has another bit. */
		bit = ((bit + 1) << bits->shift) - first;
		pages = bit < 64 ? pages & (~0ull << bit) : 0;
	}
}

void region_dirty_read(struct region *region, u64 offset, u64 length, bool clear,
		       const struct dirty_bits *bits, u64 first)
{
	u64 from = offset >> NYX_PAGE_LG2, last = (offset + length - 1) >> NYX_PAGE_LG2;
	struct dirty_bitmap *dirty;
	u64 mask, pages, skip, i;
	atomic64_t *word;

	rcu_read_lock();
	dirty = rcu_dereference(region->dirty);
	for (i = from / 64; dirty && i <= last / 64; i++) {
		mask = mask_of(i, from, last);
		word = word_at(dirty, i);
		pages = atomic64_read(word) & mask;
		if (!pages)
			continue;
		if (clear)
			pages = atomic64_fetch_andnot(mask, word) & mask;
		skip = i == from / 64 ? from & 63 : 0;
		put_pages(bits, first + max(i * 64, from) - from, pages >> skip);
	}
	rcu_read_unlock();
}

NYX_EXPORT_FOR_TEST(region_dirty_bytes);
NYX_EXPORT_FOR_TEST(region_dirty_start);
NYX_EXPORT_FOR_TEST(region_dirty_stop);
NYX_EXPORT_FOR_TEST(region_dirty_free);
NYX_EXPORT_FOR_TEST(region_dirty_set);
NYX_EXPORT_FOR_TEST(region_dirty_read);
