// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_dirty_step: writers and reads of dirty pages in all orders.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The memory is a word for each page. A writer marks a page and writes it, inside an epoch. A
 * collector reads and clears the marks, drains, and copies the pages that were marked, as a VMM
 * does that moves a guest. In whatever order that happens, each write is in the copy, or its page
 * is marked.
 */
#include <kunit/test.h>
#include <linux/slab.h>

#include "host/step.h"
#include "mem/region_priv.h"
#include "tlb/epoch.h"

#define PAGES	2u

/**
 * struct fixture - what the actors share
 * @region: the marks
 * @epoch: the writers'
 * @page: the memory
 * @copy: of it
 * @reads: collectors that have ended
 * @bad: a drain has failed
 */
struct fixture {
	struct region region;
	struct epoch epoch;
	u64 page[PAGES];
	u64 copy[PAGES];
	unsigned int reads;
	bool bad;
};

static int setup(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->region.nr_pages = PAGES;
	f->region.length = PAGES * NYX_PAGE_SIZE;
	KUNIT_ASSERT_EQ(test, epoch_init(&f->epoch), 0);
	KUNIT_ASSERT_EQ(test, region_dirty_start(&f->region), 0);
	return 0;
}

static void teardown(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct dirty_bitmap *gone = NULL;

	if (!f || !f->epoch.cpu)
		return;
	region_dirty_stop(&f->region, &gone);
	region_dirty_free(gone);
	epoch_fini(&f->epoch);
}

static u64 take_marks(struct fixture *f)
{
	u64 word = 0;
	struct dirty_bits bits = { .word = &word, .nr = 1 };

	region_dirty_read(&f->region, 0, f->region.length, true, &bits, 0);
	return word;
}

static void restart(void *arg)
{
	struct fixture *f = arg;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(f->epoch.cpu, cpu), 0, sizeof(*f->epoch.cpu));
	f->epoch.pair = 0;
	f->epoch.waiters = 0;
	memset(f->page, 0, sizeof(f->page));
	memset(f->copy, 0, sizeof(f->copy));
	f->reads = 0;
	f->bad = false;
	take_marks(f);
}

/* As restart(), with a page that is marked already, and copied. */
static void restart_marked(void *arg)
{
	struct fixture *f = arg;

	restart(f);
	region_mark_dirty(&f->region, 0, 1);
}

static void write_pages(struct fixture *f, unsigned int first, unsigned int nr)
{
	unsigned int pair = epoch_enter(&f->epoch), i;

	region_mark_dirty(&f->region, first * NYX_PAGE_SIZE, nr * NYX_PAGE_SIZE);
	for (i = first; i < first + nr; i++)
		WRITE_ONCE(f->page[i], READ_ONCE(f->page[i]) + 1);
	epoch_exit(&f->epoch, pair);
}

static void writer(void *arg)
{
	write_pages(arg, 0, 1);
}

static void writer_of_both(void *arg)
{
	write_pages(arg, 0, PAGES);
}

static void collector(void *arg)
{
	struct fixture *f = arg;
	u64 marks = take_marks(f);
	unsigned int i;

	if (epoch_drain(&f->epoch))
		f->bad = true;
	for (i = 0; i < PAGES; i++) {
		if (marks >> i & 1)
			f->copy[i] = READ_ONCE(f->page[i]);
	}
	f->reads++;
}

static bool kept(void *arg)
{
	struct fixture *f = arg;
	u64 marks = take_marks(f);
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		if (f->copy[i] != f->page[i] && !(marks >> i & 1))
			return false;
	}
	return f->reads && !f->bad;
}

static void no_write_is_missed(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { collector, f }, { writer, f } };

	KUNIT_EXPECT_GT(test, step_explore(test, actor, 3, restart, kept, f), 500);
	KUNIT_EXPECT_GT(test, step_explore(test, actor, 3, restart_marked, kept, f), 500);
}

/* One that finds the mark of another, which is taken meanwhile. */
static void marks_of_others_count(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = {
		{ collector, f }, { writer, f }, { writer_of_both, f },
	};

	KUNIT_EXPECT_GT(test, step_explore(test, actor, 2, restart, kept, f), 1000);
	KUNIT_EXPECT_GT(test, step_explore(test, actor, 2, restart_marked, kept, f), 1000);
}

static struct kunit_case dirty_step_cases[] = {
	KUNIT_CASE(no_write_is_missed),
	KUNIT_CASE(marks_of_others_count),
	{}
};

static struct kunit_suite dirty_step_suite = {
	.name = "nyx_dirty_step",
	.init = setup,
	.exit = teardown,
	.test_cases = dirty_step_cases,
};

kunit_test_suite(dirty_step_suite);
