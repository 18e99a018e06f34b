// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_pt_race: readers beside a writer.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A writer takes pieces out of a mapped window and puts them back, so that large
 * pages are split and healed at all levels, and tables come and go. Some pages
 * it never takes: readers look at them all the time, and must always find them.
 * Elsewhere they find either the one right address or nothing. The sanitizers report a
 * table that was freed too early.
 */
#include "../../kmod/tests/pt_kunit.h"

#include <linux/kthread.h>
#include <linux/module.h>

#define K		4096ull
#define READERS		3

static unsigned int pt_rounds = 2000;
module_param(pt_rounds, uint, 0444);
MODULE_PARM_DESC(pt_rounds, "operations of the writer");

/**
 * struct race - a window with a writer and readers
 * @pt: the table
 * @base: start of the window; what it maps to is as far off as large pages like
 * @oa: its output address
 * @lg2: log2 of its size
 * @kept: distance of the pages that stay
 * @walks: done by the readers
 * @lost: pages that stay and were not found
 * @wrong: wrong addresses
 * @stop: it is over
 */
struct race {
	struct pt *pt;
	u64 base;
	u64 oa;
	unsigned int lg2;
	u64 kept;
	atomic_long_t walks;
	atomic_long_t lost;
	atomic_long_t wrong;
	int stop;
};

static bool is_kept(const struct race *r, u64 offset)
{
	return (offset & (r->kept - 1)) < K;
}

static int reader(void *arg)
{
	struct race *r = arg;
	u64 state = (unsigned long)&state | 1;
	struct pt_result res;
	unsigned long n;

	for (n = 1; !READ_ONCE(r->stop); n++) {
		u64 offset = next_random(&state) & lg2_last(r->lg2);

		/* Mostly those that stay, and next to them. */
		if (n & 7)
			offset &= ~(r->kept - 1) | 0xfff;
		rcu_read_lock();
		pt_walk(r->pt, r->base + offset, NYX_ACC_RW, &res);
		rcu_read_unlock();
		if (res.status == PT_OK) {
			if (res.oa != r->oa + offset)
				atomic_long_inc(&r->wrong);
		} else if (is_kept(r, offset)) {
			atomic_long_inc(&r->lost);
		}
		if (!(n & 63))
			atomic_long_add(64, &r->walks);
	}
	return 0;
}

/* Take out and put back pieces between two pages that stay. */
static void writer(struct kunit *test, struct race *r)
{
	struct pt_chain free = {};
	u64 state = 42, bytes, mid;
	unsigned int i;

	for (i = 0; i < pt_rounds || atomic_long_read(&r->walks) < pt_rounds; i++) {
		u64 slots = (1ull << r->lg2) / r->kept;
		u64 from = next_random(&state) % slots * r->kept + K;
		u64 to = from + r->kept - K - 1;

		/* The whole piece, or some of it. */
		if (next_random(&state) & 1) {
			from += next_random(&state) % (r->kept - K) & ~(K - 1);
			to = from + (next_random(&state) % (to - from + 1) & ~(K - 1)) +
			     K - 1;
		}
		from += r->base;
		to += r->base;
		KUNIT_ASSERT_EQ(test, pt_unmap(r->pt, from, to, &free, &bytes), 0);
		KUNIT_ASSERT_EQ(test, bytes, to - from + 1);
		if (next_random(&state) & 1)
			pt_chain_free(&free);
		/* In two parts, so that tables come too. */
		mid = from + (next_random(&state) % (to - from + 1) & ~(K - 1));
		if (mid != from)
			KUNIT_ASSERT_EQ(test, pt_map(r->pt, from, mid - 1,
						     r->oa + (from - r->base),
						     NYX_ACC_RW, &free), 0);
		KUNIT_ASSERT_EQ(test, pt_map(r->pt, mid, to,
					     r->oa + (mid - r->base), NYX_ACC_RW,
					     &free), 0);
		pt_chain_free(&free);
	}
}

static void race(struct pt_fixture *f, unsigned int lg2, u64 kept)
{
	struct task_struct *task[READERS];
	struct kunit *test = f->test;
	struct race r = {
		.pt = &f->pt, .base = f->pt.va_last / 2 + 1, .oa = 1ull << 40,
		.lg2 = lg2, .kept = kept,
	};
	int i;

	KUNIT_ASSERT_EQ(test, fixture_map(f, r.base, r.base + lg2_last(lg2), r.oa,
					  NYX_ACC_RW), 0);
	for (i = 0; i < READERS; i++) {
		task[i] = kthread_run(reader, &r, "nyx-reader");
		KUNIT_ASSERT_FALSE(test, IS_ERR(task[i]));
	}
	writer(test, &r);
	WRITE_ONCE(r.stop, 1);
	for (i = 0; i < READERS; i++)
		kthread_stop(task[i]);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&r.lost), 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&r.wrong), 0);
	/* All is healed; fixture_check() would find a table too many. */
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, r.base, r.oa, NYX_ACC_RW, 0));
	fixture_check(f);
}

static void readers_find_pages_that_stay_small(struct kunit *test)
{
	struct pt_fixture *f = test->priv;

	race(f, min(22, f->shape->va_lg2 - 1), 64 * K);
}

static void readers_find_pages_that_stay_large(struct kunit *test)
{
	struct pt_fixture *f = test->priv;

	if (f->shape->levels < 3)
		kunit_skip(test, "no such pages");
	race(f, 31, 1ull << 28);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE_PARAM(readers_find_pages_that_stay_small, pt_shape_gen_params),
	KUNIT_CASE_PARAM(readers_find_pages_that_stay_large, pt_shape_gen_params),
	{}
};

static struct kunit_suite race_suite = {
	.name = "nyx_pt_race",
	.suite_exit = pt_suite_exit,
	.init = pt_fixture_init,
	.exit = pt_fixture_exit,
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
