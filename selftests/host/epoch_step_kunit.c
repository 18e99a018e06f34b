// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_epoch_step: readers and drains in all orders.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A translation is one word here, @mapped. A reader enters, looks at the word, and uses what it
 * has found for a step; an actor that takes the translation away clears the word and drains. When
 * the drain has succeeded, no reader may be using it.
 */
#include <kunit/test.h>
#include <linux/slab.h>

#include "host/step.h"
#include "tlb/epoch.h"

struct fixture {
	struct epoch *epoch;
	bool mapped;
	unsigned int using;
	bool inside;
	unsigned int pair;
	bool bounded;
	int ret;
	bool done;
	bool bad;
};

static int setup(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->epoch = kunit_kzalloc(test, sizeof(*f->epoch), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f->epoch);
	KUNIT_ASSERT_EQ(test, epoch_init(f->epoch), 0);
	test->priv = f;
	return 0;
}

static void teardown(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (f && f->epoch)
		epoch_fini(f->epoch);
}

static void restart(void *arg)
{
	struct fixture *f = arg;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(f->epoch->cpu, cpu), 0, sizeof(*f->epoch->cpu));
	f->epoch->pair = 0;
	f->epoch->waiters = 0;
	f->mapped = true;
	f->using = 0;
	f->bad = false;
	f->done = false;
	f->ret = -1;
	f->inside = false;
}

/* As restart(), with a reader inside that has found the translation. */
static void restart_inside(void *arg)
{
	struct fixture *f = arg;

	restart(f);
	f->pair = epoch_enter(f->epoch);
	f->using = 1;
}

static void reader(void *arg)
{
	struct fixture *f = arg;
	unsigned int pair = epoch_enter(f->epoch);

	if (READ_ONCE(f->mapped)) {
		f->using++;
		host_step();
		f->using--;
	}
	epoch_exit(f->epoch, pair);
}

static void leaver(void *arg)
{
	struct fixture *f = arg;

	/* An actor runs up to its first step at once: it is to use the translation till then. */
	host_step();
	f->using--;
	epoch_exit(f->epoch, f->pair);
}

static void drainer(void *arg)
{
	struct fixture *f = arg;

	WRITE_ONCE(f->mapped, false);
	if (f->bounded) {
		epoch_drain_bounded(f->epoch);
		f->ret = 0;
	} else {
		f->ret = epoch_drain(f->epoch);
	}
	if (!f->ret && f->using)
		f->bad = true;
	f->done = true;
}

/* Also without a reader that is inside still, or waited for. */
static bool kept(void *arg)
{
	struct fixture *f = arg;

	return !f->bad && f->done && !f->ret && !epoch_busy(f->epoch) && !f->epoch->waiters;
}

static void drain_waits_for_each_reader(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { drainer, f }, { reader, f } };

	KUNIT_EXPECT_GT(test, step_explore(test, actor, 3, restart, kept, f), 1000);
	f->bounded = true;
	KUNIT_EXPECT_GT(test, step_explore(test, actor, 2, restart, kept, f), 50);
}

/* No reader that leaves may hide one that stays: the order of the sums. */
static void leaving_newcomer_hides_nobody(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = {
		{ drainer, f }, { reader, f }, { leaver, f },
	};

	KUNIT_EXPECT_GT(test, step_explore(test, actor, 2, restart_inside, kept, f), 1000);
	f->bounded = true;
	KUNIT_EXPECT_GT(test, step_explore(test, actor, 1, restart_inside, kept, f), 50);
}

/* Whether it came by the one pair or by the other. */
static void restart_second_pair(void *arg)
{
	struct fixture *f = arg;

	restart(f);
	f->epoch->pair = 1;
	f->pair = epoch_enter(f->epoch);
	f->using = 1;
	f->epoch->pair = 0;
}

static void both_pairs_are_waited_for(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { drainer, f }, { leaver, f } };

	restart_second_pair(f);
	KUNIT_EXPECT_TRUE(test, epoch_busy(f->epoch));
	step_explore(test, actor, 2, restart_second_pair, kept, f);
	restart_inside(f);
	KUNIT_EXPECT_TRUE(test, epoch_busy(f->epoch));
	step_explore(test, actor, 2, restart_inside, kept, f);
}

/*
 * A reader has looked which pair newcomers use, and stands still. A drain flips the pairs, and
 * ends. Only then it counts itself in, by the pair of before, and finds the next translation. The
 * next drain waits for it, although newcomers use the other pair since long.
 */
static void drain_twice(void *arg)
{
	struct fixture *f = arg;

	drainer(f);
	WRITE_ONCE(f->mapped, true);
	f->done = false;
	while (!READ_ONCE(f->inside))
		host_yield();
	drainer(f);
}

static void straggler(void *arg)
{
	struct fixture *f = arg;
	unsigned int pair = epoch_enter(f->epoch);

	f->pair = pair;
	if (READ_ONCE(f->mapped)) {
		f->using++;
		WRITE_ONCE(f->inside, true);
		host_step();
		f->using--;
	}
	epoch_exit(f->epoch, pair);
}

static void straggler_is_waited_for(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = {
		{ drain_twice, f }, { straggler, f }, { leaver, f },
	};
	unsigned int steps;

	restart_inside(f);
	KUNIT_ASSERT_EQ(test, f->pair, 0);
	step_start(actor);
	/* It has read the pair, and nothing else. */
	KUNIT_ASSERT_TRUE(test, step_go(1, 1));
	/* The drain waits for the one that is inside, having flipped. */
	while (!step_asleep(0))
		KUNIT_ASSERT_TRUE(test, step_go(0, 1));
	KUNIT_ASSERT_EQ(test, f->epoch->pair, 1);
	while (step_go(2, 1))
		;
	/* It is done with that one, and waits for the straggler to come in. */
	for (steps = 0; !f->mapped && steps < 200; steps++)
		step_go(0, 1);
	KUNIT_ASSERT_TRUE(test, f->mapped);
	while (!f->inside)
		KUNIT_ASSERT_TRUE(test, step_go(1, 1));
	KUNIT_ASSERT_EQ(test, f->pair, 0);
	/* The second drain must not end before the straggler has left. */
	while (!step_asleep(0))
		KUNIT_ASSERT_TRUE(test, step_go(0, 1));
	KUNIT_EXPECT_FALSE(test, f->done);
	step_finish();
	KUNIT_EXPECT_TRUE(test, kept(f));
}

/* A newcomer that stays inside does not hold up a drain that has flipped. */
static void stayer(void *arg)
{
	struct fixture *f = arg;
	unsigned int pair = epoch_enter(f->epoch);

	while (!READ_ONCE(f->done))
		host_yield();
	epoch_exit(f->epoch, pair);
}

static void newcomer_holds_up_nobody(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = {
		{ drainer, f }, { stayer, f }, { leaver, f },
	};

	restart_inside(f);
	step_start(actor);
	while (!step_asleep(0))
		KUNIT_ASSERT_TRUE(test, step_go(0, 1));
	/* It comes in, and stays until the drain is over. */
	KUNIT_EXPECT_TRUE(test, step_go(1, 20));
	step_finish();
	KUNIT_EXPECT_TRUE(test, kept(f));
}

/* ---- signals -------------------------------------------------------------------- */

static void second_drainer(void *arg)
{
	struct fixture *f = arg;

	f->bounded ? epoch_drain_bounded(f->epoch) : (void)epoch_drain(f->epoch);
}

static void sleep_in_drain(struct kunit *test, struct fixture *f)
{
	unsigned int i;

	while (!step_asleep(0))
		KUNIT_ASSERT_TRUE(test, step_go(0, 1));
	/* Woken for nothing it sleeps again. */
	for (i = 0; i < 3; i++) {
		step_signal(0, false);
		step_go(0, 100);
		KUNIT_ASSERT_TRUE(test, step_asleep(0));
	}
}

static void only_fatal_signal_ends_drain(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { drainer, f }, { leaver, f } };

	restart_inside(f);
	step_start(actor);
	sleep_in_drain(test, f);
	step_signal(0, true);
	KUNIT_EXPECT_FALSE(test, step_go(0, 100));
	KUNIT_EXPECT_EQ(test, f->ret, -EINTR);
	KUNIT_EXPECT_EQ(test, f->epoch->waiters, 0);
	/* Nothing is left of it: the next drain waits, and succeeds. */
	step_finish();
	KUNIT_EXPECT_FALSE(test, epoch_busy(f->epoch));
	step_explore(test, actor, 1, restart_inside, kept, f);
}

/* Killed among readers that came by the other pair, it does not begin to wait for the rest. */
static void drain_killed_early_flips_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { drainer, f }, { leaver, f } };

	restart_second_pair(f);
	step_start(actor);
	sleep_in_drain(test, f);
	KUNIT_EXPECT_EQ(test, f->epoch->waiters, BIT(1));
	step_signal(0, true);
	KUNIT_EXPECT_FALSE(test, step_go(0, 100));
	KUNIT_EXPECT_EQ(test, f->ret, -EINTR);
	KUNIT_EXPECT_EQ(test, f->epoch->pair, 0);
	KUNIT_EXPECT_EQ(test, f->epoch->waiters, 0);
	step_finish();
}

static void bounded_drain_cannot_be_killed(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { drainer, f }, { leaver, f } };

	f->bounded = true;
	restart_inside(f);
	step_start(actor);
	sleep_in_drain(test, f);
	step_signal(0, true);
	step_go(0, 100);
	KUNIT_EXPECT_TRUE(test, step_asleep(0));
	step_finish();
	KUNIT_EXPECT_TRUE(test, kept(f));
}

/* The same while it waits for another drain to end. */
static void only_fatal_signal_ends_wait_for_drain(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = {
		{ second_drainer, f }, { drainer, f }, { leaver, f },
	};

	restart_inside(f);
	step_start(actor);
	while (!step_asleep(0))
		KUNIT_ASSERT_TRUE(test, step_go(0, 1));
	KUNIT_EXPECT_TRUE(test, step_go(1, 100));
	step_signal(1, false);
	KUNIT_EXPECT_TRUE(test, step_go(1, 100));
	KUNIT_EXPECT_FALSE(test, f->done);
	step_signal(1, true);
	KUNIT_EXPECT_FALSE(test, step_go(1, 100));
	KUNIT_EXPECT_EQ(test, f->ret, -EINTR);
	KUNIT_EXPECT_TRUE(test, step_asleep(0));
	step_finish();
	KUNIT_EXPECT_FALSE(test, epoch_busy(f->epoch));
}

/* ---- the end of an epoch ------------------------------------------------------------ */

static void freer(void *arg)
{
	struct fixture *f = arg;

	drainer(f);
	synchronize_rcu();
	epoch_fini(f->epoch);
	kfree(f->epoch);
	f->epoch = NULL;
}

static void restart_fresh(void *arg)
{
	struct fixture *f = arg;

	f->epoch = kzalloc(sizeof(*f->epoch), GFP_KERNEL);
	if (!f->epoch || epoch_init(f->epoch))
		abort();
	restart_inside(f);
}

static bool freed(void *arg)
{
	struct fixture *f = arg;

	return !f->bad && !f->ret && !f->epoch;
}

/* A reader that has left still looks at the epoch: AddressSanitizer watches. */
static void epoch_outlives_its_readers(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { freer, f }, { leaver, f } };

	epoch_fini(f->epoch);
	kunit_kfree(test, f->epoch);
	f->epoch = NULL;
	step_explore(test, actor, 2, restart_fresh, freed, f);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(drain_waits_for_each_reader),
	KUNIT_CASE(leaving_newcomer_hides_nobody),
	KUNIT_CASE(both_pairs_are_waited_for),
	KUNIT_CASE(straggler_is_waited_for),
	KUNIT_CASE(newcomer_holds_up_nobody),
	KUNIT_CASE(only_fatal_signal_ends_drain),
	KUNIT_CASE(drain_killed_early_flips_nothing),
	KUNIT_CASE(bounded_drain_cannot_be_killed),
	KUNIT_CASE(only_fatal_signal_ends_wait_for_drain),
	KUNIT_CASE(epoch_outlives_its_readers),
	{}
};

static struct kunit_suite suite = {
	.name = "nyx_epoch_step",
	.init = setup,
	.exit = teardown,
	.test_cases = cases,
};

kunit_test_suite(suite);
