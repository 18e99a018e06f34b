// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of the score: the weight of faults within a window.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A window is a row of eight parts that begin at multiples of their length; a
 * fault counts until the eighth part after its own begins. The oracle keeps a
 * list of faults with their times. Module parameter score_seed repeats a random
 * run (0: take the clock; it is printed).
 */
#include <kunit/test.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/time64.h>

#include "core/fault/quarantine.h"

#define PARTS		8u
#define WINDOW		(8ull * NSEC_PER_SEC)
#define PART		((u64)NSEC_PER_SEC)
/* Some time after the machine was started. */
#define T0		(1000 * PART)

static unsigned long score_seed;
module_param(score_seed, ulong, 0444);
MODULE_PARM_DESC(score_seed, "seed of the random case; 0: the clock");

static u64 draw(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

static u32 below(u64 *state, u32 n)
{
	return (draw(state) >> 32) * n >> 32;
}

static int score_setup(struct kunit *test)
{
	struct nyx_score *score = kunit_kzalloc(test, sizeof(*score), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, score);
	nyx_score_setup(score, WINDOW);
	test->priv = score;
	return 0;
}

/* The score at a time, without a fault. */
static u32 at(struct kunit *test, u64 now)
{
	return nyx_score_add(test->priv, now, 0);
}

static void empty_window_weighs_nothing(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, at(test, 0), 0);
	KUNIT_EXPECT_EQ(test, at(test, T0), 0);
	KUNIT_EXPECT_EQ(test, at(test, T0 + 3 * WINDOW), 0);
}

static void faults_add_up(struct kunit *test)
{
	struct nyx_score *score = test->priv;
	u32 i;

	/* Each in the next part, up to the eighth. */
	for (i = 0; i < PARTS; i++)
		KUNIT_EXPECT_EQ(test, nyx_score_add(score, T0 + i * PART, 1 << i),
				(2u << i) - 1);
	KUNIT_EXPECT_EQ(test, nyx_score_add(score, T0 + 7 * PART + 1, 1000),
			255 + 1000);
	KUNIT_EXPECT_EQ(test, at(test, T0 + 8 * PART - 1), 1255);
}

/* No sooner and no later, wherever in its part a fault comes. */
static void fault_counts_for_seven_to_eight_parts(struct kunit *test)
{
	static const u64 within[] = { 0, 1, PART / 2, PART - 2, PART - 1 };
	struct nyx_score *score = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(within); i++) {
		nyx_score_setup(score, WINDOW);
		nyx_score_add(score, T0 + within[i], 3);
		KUNIT_EXPECT_EQ(test, at(test, T0 + within[i] + 7 * PART), 3);
		KUNIT_EXPECT_EQ(test, at(test, T0 + 8 * PART - 1), 3);
		KUNIT_EXPECT_EQ(test, at(test, T0 + 8 * PART), 0);

		/* A look in between changes nothing. */
		nyx_score_setup(score, WINDOW);
		nyx_score_add(score, T0 + within[i], 3);
		KUNIT_EXPECT_EQ(test, at(test, T0 + 8 * PART - 1), 3);
		nyx_score_setup(score, WINDOW);
		nyx_score_add(score, T0 + within[i], 3);
		KUNIT_EXPECT_EQ(test, at(test, T0 + 8 * PART), 0);
	}
}

static void parts_are_forgotten_one_by_one(struct kunit *test)
{
	struct nyx_score *score = test->priv;
	u32 i, left = 0xff;

	for (i = 0; i < PARTS; i++)
		nyx_score_add(score, T0 + i * PART + i, 1 << i);
	for (i = 0; i < PARTS; i++) {
		KUNIT_EXPECT_EQ(test, at(test, T0 + (i + 8) * PART - 1), left);
		left &= ~(1u << i);
		KUNIT_EXPECT_EQ(test, at(test, T0 + (i + 8) * PART), left);
	}
	KUNIT_EXPECT_EQ(test, left, 0);

	/* Several at once. */
	for (i = 0; i < PARTS; i++)
		nyx_score_add(score, T0 + (100 + i) * PART, 1 << i);
	KUNIT_EXPECT_EQ(test, at(test, T0 + (100 + 10) * PART), 0xf8);
	KUNIT_EXPECT_EQ(test, at(test, T0 + (100 + 14) * PART), 0x80);
}

static void long_gaps_forget_all(struct kunit *test)
{
	static const u64 gap[] = {
		8 * PART, 9 * PART, 15 * PART, 16 * PART, 17 * PART,
		1000001 * PART, 1ull << 60,
	};
	struct nyx_score *score = test->priv;
	unsigned int i;
	u64 now = T0;

	for (i = 0; i < ARRAY_SIZE(gap); i++) {
		KUNIT_EXPECT_EQ(test, nyx_score_add(score, now, 7), 7);
		now += gap[i];
		KUNIT_EXPECT_EQ(test, nyx_score_add(score, now, 1), 1);
		now += 8 * PART;
	}
}

/* Time goes back a little, where two CPUs meet. */
static void time_may_go_back(struct kunit *test)
{
	struct nyx_score *score = test->priv;

	nyx_score_add(score, T0 + 5 * PART, 1);
	/* Before the part, and it is counted in it. */
	KUNIT_EXPECT_EQ(test, nyx_score_add(score, T0 + 5 * PART - 1, 2), 3);
	KUNIT_EXPECT_EQ(test, nyx_score_add(score, T0 + 4 * PART, 4), 7);
	KUNIT_EXPECT_EQ(test, at(test, T0), 7);
	KUNIT_EXPECT_EQ(test, at(test, 0), 7);
	KUNIT_EXPECT_EQ(test, at(test, T0 + 13 * PART - 1), 7);
	KUNIT_EXPECT_EQ(test, at(test, T0 + 13 * PART), 0);
	/* Faults that have expired do not come back. */
	KUNIT_EXPECT_EQ(test, at(test, T0 + 5 * PART), 0);
	KUNIT_EXPECT_EQ(test, nyx_score_add(score, T0 + 12 * PART, 8), 8);
	KUNIT_EXPECT_EQ(test, at(test, T0 + 21 * PART - 1), 8);
	KUNIT_EXPECT_EQ(test, at(test, T0 + 21 * PART), 0);
}

static void score_does_not_overflow(struct kunit *test)
{
	struct nyx_score *score = test->priv;
	u32 i;

	KUNIT_EXPECT_EQ(test, nyx_score_add(score, T0, S32_MAX - 1),
			S32_MAX - 1);
	KUNIT_EXPECT_EQ(test, nyx_score_add(score, T0 + PART, 1000), S32_MAX);
	KUNIT_EXPECT_EQ(test, nyx_score_add(score, T0 + PART, U32_MAX), S32_MAX);
	KUNIT_EXPECT_EQ(test, nyx_score_add(score, T0 + 2 * PART, 1), S32_MAX);
	/* Only what was counted is forgotten: here 1 of the second part. */
	KUNIT_EXPECT_EQ(test, at(test, T0 + 8 * PART), 1);
	KUNIT_EXPECT_EQ(test, at(test, T0 + 9 * PART), 0);

	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_LE(test, nyx_score_add(score, T0 + (20 + i) * PART,
						    U32_MAX), S32_MAX);
	KUNIT_EXPECT_EQ(test, at(test, T0 + 200 * PART), 0);
}

static void setup_forgets_all(struct kunit *test)
{
	struct nyx_score *score = test->priv;

	nyx_score_add(score, T0, 5);
	nyx_score_setup(score, 2 * WINDOW);
	KUNIT_EXPECT_EQ(test, at(test, T0), 0);
	nyx_score_add(score, T0, 5);
	KUNIT_EXPECT_EQ(test, at(test, T0 + 15 * PART), 5);
	KUNIT_EXPECT_EQ(test, at(test, T0 + 16 * PART), 0);
}

/* The time at which the machine was started is a time as any other. */
static void first_window_is_as_others(struct kunit *test)
{
	struct nyx_score *score = test->priv;

	KUNIT_EXPECT_EQ(test, nyx_score_add(score, 0, 1), 1);
	KUNIT_EXPECT_EQ(test, nyx_score_add(score, 1, 2), 3);
	KUNIT_EXPECT_EQ(test, nyx_score_add(score, PART, 4), 7);
	KUNIT_EXPECT_EQ(test, at(test, 8 * PART - 1), 7);
	KUNIT_EXPECT_EQ(test, at(test, 8 * PART), 4);
	KUNIT_EXPECT_EQ(test, at(test, 9 * PART), 0);
}

#define MAX_FAULTS	4096u

/**
 * struct oracle - faults, as they came
 * @nr: how many
 * @latest: the latest time that was seen
 * @time: of each, or the latest before it
 * @weight: what it counted
 */
struct oracle {
	unsigned int nr;
	u64 latest;
	u64 time[MAX_FAULTS];
	u32 weight[MAX_FAULTS];
};

/* Is a fault's time so long ago, seen from @now, that it does not count? */
static bool is_past(u64 time, u64 now, u64 part)
{
	return div64_u64(now, part) - div64_u64(time, part) >= PARTS;
}

static u64 oracle_sum(const struct oracle *o, u64 part)
{
	unsigned int i = o->nr;
	u64 sum = 0;

	/* Times do not go back in the list. */
	while (i-- && !is_past(o->time[i], o->latest, part))
		sum += o->weight[i];
	return sum;
}

static u32 oracle_add(struct oracle *o, u64 now, u32 weight, u64 part)
{
	u64 sum;

	o->latest = max(o->latest, now);
	sum = oracle_sum(o, part);
	weight = min_t(u64, weight, S32_MAX - sum);
	o->time[o->nr] = o->latest;
	o->weight[o->nr] = weight;
	o->nr++;
	return sum + weight;
}

static u64 random_step(u64 *state, u64 part)
{
	switch (below(state, 8)) {
	case 0:
		return 0;
	case 1:		/* a part, or nearly */
		return part - 1 + below(state, 3);
	case 2:		/* some parts */
		return below(state, 12) * part;
	case 3:
		return div64_u64(draw(state) >> 20, 1000);
	default:
		return below(state, 1000) * div_u64(part, 700);
	}
}

static void random_faults_match_oracle(struct kunit *test)
{
	/* The shortest window, an odd one, the usual and the longest. */
	static const u64 windows[] = {
		NSEC_PER_MSEC, 1234567, 10ull * NSEC_PER_SEC,
		3600ull * NSEC_PER_SEC,
	};
	u64 seed = score_seed ?: ktime_get_ns(), state = seed ?: 1;
	struct nyx_score *score = test->priv;
	u64 now, when, part;
	struct oracle *o;
	u32 i, w, weight;

	kunit_info(test, "score_seed=%llu\n", seed);
	o = kunit_kzalloc(test, sizeof(*o), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, o);
	for (w = 0; w < ARRAY_SIZE(windows); w++) {
		part = div_u64(windows[w], PARTS);
		nyx_score_setup(score, windows[w]);
		o->nr = 0;
		o->latest = 0;
		now = below(&state, 2) ? 0 : draw(&state) >> 10;
		for (i = 0; i < MAX_FAULTS; i++) {
			now += random_step(&state, part);
			when = now - min(now, below(&state, 4) ? 0 :
					 draw(&state) % part);
			weight = below(&state, 3) ? below(&state, 1001) :
						    (u32)draw(&state);
			if (!below(&state, 4))
				weight = 0;
			KUNIT_ASSERT_EQ(test, nyx_score_add(score, when, weight),
					oracle_add(o, when, weight, part));
		}
		cond_resched();
	}
}

static struct kunit_case score_cases[] = {
	KUNIT_CASE(empty_window_weighs_nothing),
	KUNIT_CASE(faults_add_up),
	KUNIT_CASE(fault_counts_for_seven_to_eight_parts),
	KUNIT_CASE(parts_are_forgotten_one_by_one),
	KUNIT_CASE(long_gaps_forget_all),
	KUNIT_CASE(time_may_go_back),
	KUNIT_CASE(score_does_not_overflow),
	KUNIT_CASE(setup_forgets_all),
	KUNIT_CASE(first_window_is_as_others),
	KUNIT_CASE(random_faults_match_oracle),
	{}
};

static struct kunit_suite score_suite = {
	.name = "nyx_score",
	.init = score_setup,
	.test_cases = score_cases,
};

kunit_test_suite(score_suite);
