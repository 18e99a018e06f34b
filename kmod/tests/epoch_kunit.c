// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of the accounting of accesses in flight.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>

#include "tlb/epoch.h"

static int epoch_setup(struct kunit *test)
{
	struct epoch *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, e);
	KUNIT_ASSERT_EQ(test, epoch_init(e), 0);
	test->priv = e;
	return 0;
}

static void epoch_teardown(struct kunit *test)
{
	if (test->priv)
		epoch_fini(test->priv);
}

static void drain_of_empty_returns(struct kunit *test)
{
	struct epoch *e = test->priv;
	int i;

	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_EQ(test, epoch_drain(e), 0);
		KUNIT_EXPECT_EQ(test, e->pair, 0);	/* without a flip */
		KUNIT_EXPECT_EQ(test, e->waiters, 0);
	}
}

static void busy_counts_readers(struct kunit *test)
{
	struct epoch *e = test->priv;
	unsigned int a, b;

	KUNIT_EXPECT_FALSE(test, epoch_busy(e));
	a = epoch_enter(e);
	KUNIT_EXPECT_TRUE(test, epoch_busy(e));
	b = epoch_enter(e);
	epoch_exit(e, a);
	KUNIT_EXPECT_TRUE(test, epoch_busy(e));
	epoch_exit(e, b);
	KUNIT_EXPECT_FALSE(test, epoch_busy(e));
}

struct drainer {
	struct epoch *epoch;
	struct completion started;
	struct completion done;
	int ret;
};

static int drain_thread(void *data)
{
	struct drainer *d = data;

	complete(&d->started);
	d->ret = epoch_drain(d->epoch);
	/* Its module may be gone by the time that it would return. */
	kthread_complete_and_exit(&d->done, 0);
}

static void start_drain(struct kunit *test, struct drainer *d)
{
	struct task_struct *t;

	d->epoch = test->priv;
	d->ret = -1;
	init_completion(&d->started);
	init_completion(&d->done);
	t = kthread_run(drain_thread, d, "nyx-drain");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	wait_for_completion(&d->started);
}

/* A drain that has flipped, and waits for readers that came by @pair. */
static void start_drain_of(struct kunit *test, struct drainer *d, unsigned int pair)
{
	struct epoch *e = test->priv;
	bool waits = false;
	int i;

	start_drain(test, d);
	/* Long, as the machine may be busy. */
	for (i = 0; i < 20000 && !waits; i++) {
		waits = READ_ONCE(e->pair) != pair && READ_ONCE(e->waiters) == BIT(pair);
		if (!waits)
			usleep_range(1000, 2000);
	}
	if (!waits) {
		epoch_exit(e, pair);
		wait_for_completion(&d->done);
	}
	KUNIT_ASSERT_TRUE(test, waits);
}

static void drain_waits_for_reader(struct kunit *test)
{
	struct epoch *e = test->priv;
	struct drainer d;
	unsigned int a;

	a = epoch_enter(e);
	start_drain_of(test, &d, a);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&d.done, HZ / 20), 0);
	epoch_exit(e, a);
	wait_for_completion(&d.done);
	KUNIT_EXPECT_EQ(test, d.ret, 0);
}

/* A reader that comes after the drain has begun does not hold it up. */
static void drain_ignores_newcomers(struct kunit *test)
{
	struct epoch *e = test->priv;
	struct drainer d;
	unsigned int a, b;

	a = epoch_enter(e);
	start_drain_of(test, &d, a);
	b = epoch_enter(e);
	KUNIT_EXPECT_NE(test, a, b);
	epoch_exit(e, a);
	wait_for_completion(&d.done);
	KUNIT_EXPECT_TRUE(test, epoch_busy(e));
	epoch_exit(e, b);
	KUNIT_EXPECT_FALSE(test, epoch_busy(e));
}

/* A drain names the pair that it waits for: a reader that leaves the other wakes no drain. */
static void drain_names_its_pair(struct kunit *test)
{
	struct epoch *e = test->priv;
	struct drainer d;
	unsigned int a, b;

	a = epoch_enter(e);
	start_drain_of(test, &d, a);
	b = epoch_enter(e);
	KUNIT_EXPECT_NE(test, a, b);
	epoch_exit(e, b);
	KUNIT_EXPECT_EQ(test, READ_ONCE(e->waiters), BIT(a));

	/* The next one waits for readers that came meanwhile, by the new pair. */
	b = epoch_enter(e);
	epoch_exit(e, a);
	wait_for_completion(&d.done);
	KUNIT_EXPECT_EQ(test, READ_ONCE(e->waiters), 0);
	start_drain_of(test, &d, b);
	epoch_exit(e, b);
	wait_for_completion(&d.done);
	KUNIT_EXPECT_EQ(test, READ_ONCE(e->waiters), 0);
}

/* A reader that misses a drain when it leaves wakes no drain, which looks again by itself. */
static void drain_looks_again(struct kunit *test)
{
	struct epoch *e = test->priv;
	struct drainer d;
	unsigned int a;
	bool ended;

	a = epoch_enter(e);
	start_drain_of(test, &d, a);
	WRITE_ONCE(e->waiters, 0);
	epoch_exit(e, a);
	ended = wait_for_completion_timeout(&d.done, 60 * HZ);
	KUNIT_EXPECT_TRUE(test, ended);
	if (!ended) {
		epoch_wake(e);
		wait_for_completion(&d.done);
	}
	KUNIT_EXPECT_EQ(test, d.ret, 0);
}

/* Drains that wait at the same time all end. */
static void drains_may_overlap(struct kunit *test)
{
	struct epoch *e = test->priv;
	struct drainer d[3];
	unsigned int a;
	int i;

	a = epoch_enter(e);
	for (i = 0; i < ARRAY_SIZE(d); i++)
		start_drain(test, &d[i]);
	epoch_exit(e, a);
	for (i = 0; i < ARRAY_SIZE(d); i++) {
		wait_for_completion(&d[i].done);
		KUNIT_EXPECT_EQ(test, d[i].ret, 0);
	}
}

static struct kunit_case epoch_cases[] = {
	KUNIT_CASE(drain_of_empty_returns),
	KUNIT_CASE(busy_counts_readers),
	KUNIT_CASE(drain_waits_for_reader),
	KUNIT_CASE(drain_ignores_newcomers),
	KUNIT_CASE(drain_names_its_pair),
	KUNIT_CASE(drain_looks_again),
	KUNIT_CASE(drains_may_overlap),
	{}
};

static struct kunit_suite epoch_suite = {
	.name = "nyx_epoch",
	.init = epoch_setup,
	.exit = epoch_teardown,
	.test_cases = epoch_cases,
};

kunit_test_suite(epoch_suite);
