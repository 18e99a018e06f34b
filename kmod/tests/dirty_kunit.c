// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of the marks of dirty pages.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The regions here have a size and no memory.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "mem/dirty.h"
#include "mem/region_priv.h"
#include "tlb/epoch.h"

#define PAGES		1000u	/* and so the last word is a part of one */
#define WORDS		((PAGES + 63) / 64)

static unsigned long dirty_seed;
module_param(dirty_seed, ulong, 0444);

struct fixture {
	struct region region;
	u64 word[WORDS + 2];	/* one on each side that stays as it is */
	bool dirty[PAGES];
};

static u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int dirty_setup(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->region.nr_pages = PAGES;
	f->region.length = PAGES * NYX_PAGE_SIZE;
	test->priv = f;
	return 0;
}

static bool stop(struct region *region)
{
	struct dirty_bitmap *gone = NULL;
	bool ret = region_dirty_stop(region, &gone);

	region_dirty_free(gone);
	return ret;
}

static void dirty_teardown(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (f)
		stop(&f->region);
}

static void mark(struct fixture *f, u64 offset, u64 length)
{
	u64 i;

	region_mark_dirty(&f->region, offset, length);
	for (i = offset / NYX_PAGE_SIZE; length && i <= (offset + length - 1) / NYX_PAGE_SIZE; i++)
		f->dirty[i] = true;
}

/* Pages from @from on are to be as @f says, at bit @at of a bitmap with a bit for 2^@shift. */
static void check(struct kunit *test, u64 from, u64 nr, bool clear, u64 at, unsigned int shift)
{
	struct fixture *f = test->priv;
	struct dirty_bits bits = { .word = f->word + 1, .shift = shift };
	u64 want[WORDS + 1] = {}, i, bit;

	bits.nr = ((at + nr - 1) >> shift) / 64 + 1;
	KUNIT_ASSERT_LE(test, bits.nr, WORDS);
	for (i = 0; i < nr; i++) {
		bit = (at + i) >> shift;
		if (f->dirty[from + i])
			want[bit / 64] |= BIT_ULL(bit & 63);
		if (clear)
			f->dirty[from + i] = false;
	}
	memset(f->word, 0, sizeof(f->word));
	f->word[0] = 0x5a5a5a5a5a5a5a5aull;
	f->word[bits.nr + 1] = 0x5a5a5a5a5a5a5a5aull;
	region_dirty_read(&f->region, from * NYX_PAGE_SIZE, nr * NYX_PAGE_SIZE, clear, &bits, at);
	KUNIT_EXPECT_MEMEQ(test, f->word + 1, want, bits.nr * sizeof(u64));
	KUNIT_EXPECT_EQ(test, f->word[0], 0x5a5a5a5a5a5a5a5aull);
	KUNIT_EXPECT_EQ(test, f->word[bits.nr + 1], 0x5a5a5a5a5a5a5a5aull);
}

static void off_is_clean(struct kunit *test)
{
	struct fixture *f = test->priv;

	region_mark_dirty(&f->region, 0, f->region.length);
	region_dirty_set(&f->region, 0, f->region.length);
	check(test, 0, PAGES, false, 0, 0);
	KUNIT_EXPECT_FALSE(test, stop(&f->region));
	KUNIT_ASSERT_EQ(test, region_dirty_start(&f->region), 0);
	check(test, 0, PAGES, true, 0, 0);
	mark(f, 0, f->region.length);
	KUNIT_EXPECT_TRUE(test, stop(&f->region));
	memset(f->dirty, 0, sizeof(f->dirty));
	check(test, 0, PAGES, true, 0, 0);
}

static void size_is_in_words(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, region_dirty_bytes(&f->region), WORDS * 8);
	f->region.nr_pages = 64;
	KUNIT_EXPECT_EQ(test, region_dirty_bytes(&f->region), 8);
	f->region.nr_pages = 65;
	KUNIT_EXPECT_EQ(test, region_dirty_bytes(&f->region), 16);
	/* Devices do not write it. */
	f->region.flags = REGION_READONLY;
	KUNIT_EXPECT_EQ(test, region_dirty_bytes(&f->region), 0);
	KUNIT_EXPECT_EQ(test, region_dirty_start(&f->region), 0);
	KUNIT_EXPECT_FALSE(test, stop(&f->region));
}

/* Bytes at the edges of pages and words. */
static void writes_mark_their_pages(struct kunit *test)
{
	static const u32 at[] = { 0, 1, 4095, 4096, 63 * 4096, 64 * 4096 - 1, 64 * 4096,
				  127 * 4096, PAGES * 4096 - 1 };
	static const u32 length[] = { 0, 1, 2, 4095, 4096, 4097, 64 * 4096, 200 * 4096 };
	struct fixture *f = test->priv;
	unsigned int i, k;

	KUNIT_ASSERT_EQ(test, region_dirty_start(&f->region), 0);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		for (k = 0; k < ARRAY_SIZE(length); k++) {
			if (at[i] + length[k] > f->region.length)
				continue;
			mark(f, at[i], length[k]);
			check(test, 0, PAGES, false, 0, 0);
			check(test, 0, PAGES, true, 0, 0);
			check(test, 0, PAGES, true, 0, 0);
		}
	}
}

/* Any ranges, kept or cleared, at any place of a bitmap of any page size. */
static void reads_of_any_range(struct kunit *test)
{
	u64 state = dirty_seed + 1, from, nr, at;
	struct fixture *f = test->priv;
	unsigned int round, shift;

	KUNIT_ASSERT_EQ(test, region_dirty_start(&f->region), 0);
	for (round = 0; round < 20000; round++) {
		from = next_random(&state) % PAGES;
		nr = 1 + next_random(&state) % (round % 3 ? min(PAGES - from, 5ull) : PAGES - from);
		mark(f, from * NYX_PAGE_SIZE, nr * NYX_PAGE_SIZE);
		from = next_random(&state) % PAGES;
		nr = 1 + next_random(&state) % (PAGES - from);
		shift = next_random(&state) % 19;
		at = next_random(&state) % (((u64)PAGES << shift) - nr + 1);
		check(test, from, nr, next_random(&state) & 1, at, shift);
	}
}

/* ---- a migration ------------------------------------------------------------------ */

#define RACE_WRITERS	2
#define RACE_PAGES	160u
#define RACE_ROUNDS	3000

/**
 * struct race - memory that is copied while threads write it
 * @region: marks of its pages
 * @epoch: writers are inside while they mark and write
 * @page: a count for each page and writer: the memory
 * @writes: of each writer
 * @start: of each writer: begins a count
 */
struct race {
	struct region region;
	struct epoch epoch;
	atomic_long_t page[RACE_WRITERS][RACE_PAGES];
	atomic_long_t writes[RACE_WRITERS];
	atomic_t start;
};

static int race_writer(void *data)
{
	struct race *race = data;
	unsigned int nr = atomic_inc_return(&race->start) - 1, first, last, i, pair;
	u64 state = nr + 1;

	while (!kthread_should_stop()) {
		/* Mostly the same few, so that marks are there already. */
		first = next_random(&state) % (next_random(&state) % 4 ? 4 : RACE_PAGES);
		last = min(first + (u32)(next_random(&state) % 3), RACE_PAGES - 1);
		pair = epoch_enter(&race->epoch);
		region_mark_dirty(&race->region, first * NYX_PAGE_SIZE,
				  (last - first + 1) * NYX_PAGE_SIZE);
		for (i = first; i <= last; i++)
			atomic_long_inc(&race->page[nr][i]);
		epoch_exit(&race->epoch, pair);
		atomic_long_inc(&race->writes[nr]);
		cond_resched();
	}
	return 0;
}

/* Copy the pages that are marked. */
static void race_copy(struct kunit *test, struct race *race,
		      long copy[RACE_WRITERS][RACE_PAGES])
{
	u64 word[(RACE_PAGES + 63) / 64] = {};
	struct dirty_bits bits = { .word = word, .nr = ARRAY_SIZE(word) };
	unsigned int i, k;

	region_dirty_read(&race->region, 0, race->region.length, true, &bits, 0);
	KUNIT_ASSERT_EQ(test, epoch_drain(&race->epoch), 0);
	for (i = 0; i < RACE_PAGES; i++) {
		for (k = 0; word[i / 64] >> (i & 63) & 1 && k < RACE_WRITERS; k++)
			copy[k][i] = atomic_long_read(&race->page[k][i]);
	}
}

static void no_write_is_missed(struct kunit *test)
{
	long (*copy)[RACE_PAGES] = kunit_kcalloc(test, RACE_WRITERS, sizeof(*copy), GFP_KERNEL);
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	struct task_struct *task[RACE_WRITERS];
	unsigned int i, k, started = 0, round;
	unsigned long missed = 0;

	KUNIT_ASSERT_NOT_NULL(test, race);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	race->region.nr_pages = RACE_PAGES;
	race->region.length = RACE_PAGES * NYX_PAGE_SIZE;
	KUNIT_ASSERT_EQ(test, region_dirty_start(&race->region), 0);
	KUNIT_ASSERT_EQ(test, epoch_init(&race->epoch), 0);
	for (; started < RACE_WRITERS; started++) {
		task[started] = kthread_run(race_writer, race, "nyx-dirty-writer");
		if (IS_ERR(task[started]))
			break;
	}
	/* A thread may begin late; one that is stopped before never does. */
	for (i = 0; i < started; i++) {
		while (!atomic_long_read(&race->writes[i]))
			usleep_range(500, 1000);
	}
	for (round = 0; round < RACE_ROUNDS; round++) {
		race_copy(test, race, copy);
		if (!(round % 64))
			usleep_range(500, 1000);
	}
	for (i = 0; i < started; i++)
		kthread_stop(task[i]);
	race_copy(test, race, copy);
	for (i = 0; i < RACE_PAGES; i++) {
		for (k = 0; k < RACE_WRITERS; k++)
			missed += copy[k][i] != atomic_long_read(&race->page[k][i]);
	}
	KUNIT_EXPECT_EQ(test, missed, 0);
	KUNIT_EXPECT_EQ(test, started, RACE_WRITERS);
	stop(&race->region);
	epoch_fini(&race->epoch);
}

static struct kunit_case dirty_cases[] = {
	KUNIT_CASE(off_is_clean),
	KUNIT_CASE(size_is_in_words),
	KUNIT_CASE(writes_mark_their_pages),
	KUNIT_CASE(reads_of_any_range),
	KUNIT_CASE(no_write_is_missed),
	{}
};

static struct kunit_suite dirty_suite = {
	.name = "nyx_dirty",
	.init = dirty_setup,
	.exit = dirty_teardown,
	.test_cases = dirty_cases,
};

kunit_test_suite(dirty_suite);
