// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of ranges of pages: a set covers what was added, and as little else as
 * its room allows.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The oracle is an array with a flag for each page of a small space, which lies at the
 * bottom, somewhere, or at the top of all pages. Module parameter ranges_seed repeats a
 * random run (0: take the clock; it is printed).
 */
#include <kunit/test.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "core/space/ranges.h"

#define SPACE		96u
#define NR_RUNS		300u
#define NR_ADDS		24u

static unsigned long ranges_seed;
module_param(ranges_seed, ulong, 0444);
MODULE_PARM_DESC(ranges_seed, "seed of the random case; 0: the clock");

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

static bool has(const struct nyx_ranges *ranges, u64 first, u64 last)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++) {
		if (ranges->range[i].first == first && ranges->range[i].last == last)
			return true;
	}
	return false;
}

#define EXPECT_RANGE(_test, _ranges, _first, _last) \
	KUNIT_EXPECT_TRUE_MSG(_test, has(_ranges, _first, _last), \
			      "%llx to %llx", (u64)(_first), (u64)(_last))

static void empty_set_overlaps_nothing(struct kunit *test)
{
	struct nyx_ranges ranges = {}, other = {};

	KUNIT_EXPECT_FALSE(test, nyx_ranges_overlap(&ranges, 0, U64_MAX));
	nyx_ranges_merge(&ranges, &other);
	KUNIT_EXPECT_EQ(test, ranges.nr, 0u);
}

static void overlap_ends_with_the_range(struct kunit *test)
{
	struct nyx_ranges ranges = {};

	nyx_ranges_add(&ranges, 10, 12);
	nyx_ranges_add(&ranges, 20, 20);
	KUNIT_EXPECT_FALSE(test, nyx_ranges_overlap(&ranges, 0, 9));
	KUNIT_EXPECT_TRUE(test, nyx_ranges_overlap(&ranges, 0, 10));
	KUNIT_EXPECT_TRUE(test, nyx_ranges_overlap(&ranges, 11, 11));
	KUNIT_EXPECT_TRUE(test, nyx_ranges_overlap(&ranges, 12, 15));
	KUNIT_EXPECT_FALSE(test, nyx_ranges_overlap(&ranges, 13, 19));
	KUNIT_EXPECT_TRUE(test, nyx_ranges_overlap(&ranges, 20, 20));
	KUNIT_EXPECT_FALSE(test, nyx_ranges_overlap(&ranges, 21, U64_MAX));
	KUNIT_EXPECT_TRUE(test, nyx_ranges_overlap(&ranges, 0, U64_MAX));
}

static void ranges_that_touch_are_one(struct kunit *test)
{
	struct nyx_ranges ranges = {};

	nyx_ranges_add(&ranges, 10, 12);
	nyx_ranges_add(&ranges, 13, 13);
	EXPECT_RANGE(test, &ranges, 10, 13);
	nyx_ranges_add(&ranges, 8, 9);
	EXPECT_RANGE(test, &ranges, 8, 13);
	nyx_ranges_add(&ranges, 9, 11);
	EXPECT_RANGE(test, &ranges, 8, 13);
	nyx_ranges_add(&ranges, 6, 8);
	nyx_ranges_add(&ranges, 13, 15);
	EXPECT_RANGE(test, &ranges, 6, 15);
	KUNIT_EXPECT_EQ(test, ranges.nr, 1u);
	/* One page in between. */
	nyx_ranges_add(&ranges, 17, 18);
	nyx_ranges_add(&ranges, 3, 4);
	KUNIT_EXPECT_EQ(test, ranges.nr, 3u);
	/* A range takes over all that it touches. */
	nyx_ranges_add(&ranges, 16, 16);
	KUNIT_EXPECT_EQ(test, ranges.nr, 2u);
	nyx_ranges_add(&ranges, 0, 100);
	EXPECT_RANGE(test, &ranges, 0, 100);
	KUNIT_EXPECT_EQ(test, ranges.nr, 1u);
}

static void nearest_is_taken_over(struct kunit *test)
{
	static const struct {
		u64 first, last;
		u64 from, to;
	} added[] = {
		/* Below all, above all, nearer to the lower one, nearer to the upper one. */
		{ 50, 60, 50, 109 },
		{ 1000, 2000, 400, 2000 },
		{ 112, 112, 100, 112 },
		{ 190, 197, 190, 209 },
		/* One more than four, but no room is needed. */
		{ 110, 120, 100, 120 },
	};
	struct nyx_ranges full = {}, ranges;
	unsigned int i;

	nyx_ranges_add(&full, 300, 309);
	nyx_ranges_add(&full, 100, 109);
	nyx_ranges_add(&full, 400, 409);
	nyx_ranges_add(&full, 200, 209);
	KUNIT_EXPECT_EQ(test, full.nr, NYX_RANGES_MAX);
	for (i = 0; i < ARRAY_SIZE(added); i++) {
		ranges = full;
		nyx_ranges_add(&ranges, added[i].first, added[i].last);
		KUNIT_EXPECT_EQ(test, ranges.nr, NYX_RANGES_MAX);
		EXPECT_RANGE(test, &ranges, added[i].from, added[i].to);
		EXPECT_RANGE(test, &ranges, 300, 309);
	}
}

static void ends_of_the_space_do_not_wrap(struct kunit *test)
{
	struct nyx_ranges ranges = {};

	nyx_ranges_add(&ranges, U64_MAX, U64_MAX);
	nyx_ranges_add(&ranges, 0, 0);
	KUNIT_EXPECT_EQ(test, ranges.nr, 2u);
	EXPECT_RANGE(test, &ranges, 0, 0);
	nyx_ranges_add(&ranges, U64_MAX - 1, U64_MAX - 1);
	EXPECT_RANGE(test, &ranges, U64_MAX - 1, U64_MAX);
	nyx_ranges_add(&ranges, 1, 1);
	EXPECT_RANGE(test, &ranges, 0, 1);
	nyx_ranges_add(&ranges, 4, 4);
	nyx_ranges_add(&ranges, 8, 8);
	KUNIT_EXPECT_EQ(test, ranges.nr, 4u);
	/* The gap is nearly all of 64 bits, to both ends. */
	nyx_ranges_add(&ranges, U64_MAX - 4, U64_MAX - 3);
	EXPECT_RANGE(test, &ranges, U64_MAX - 4, U64_MAX);
	EXPECT_RANGE(test, &ranges, 0, 1);
	nyx_ranges_add(&ranges, 2, U64_MAX - 5);
	EXPECT_RANGE(test, &ranges, 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, ranges.nr, 1u);
}

static void all_pages_stay_all(struct kunit *test)
{
	struct nyx_ranges all = NYX_RANGES_ALL, ranges = {};

	nyx_ranges_add(&all, 5, 6);
	nyx_ranges_add(&all, NYX_LAST_PAGE, NYX_LAST_PAGE);
	KUNIT_EXPECT_EQ(test, all.nr, 1u);
	EXPECT_RANGE(test, &all, 0, NYX_LAST_PAGE);
	nyx_ranges_add(&ranges, 5, 6);
	nyx_ranges_add(&ranges, 50, 60);
	nyx_ranges_merge(&ranges, &all);
	KUNIT_EXPECT_EQ(test, ranges.nr, 1u);
	EXPECT_RANGE(test, &ranges, 0, NYX_LAST_PAGE);
}

static void sets_merge(struct kunit *test)
{
	struct nyx_ranges a = {}, b = {};

	nyx_ranges_add(&a, 10, 19);
	nyx_ranges_add(&a, 40, 49);
	nyx_ranges_add(&b, 20, 20);
	nyx_ranges_add(&b, 42, 43);
	nyx_ranges_add(&b, 60, 60);
	nyx_ranges_add(&b, 80, 80);
	nyx_ranges_merge(&a, &b);
	KUNIT_EXPECT_EQ(test, a.nr, 4u);
	EXPECT_RANGE(test, &a, 10, 20);
	EXPECT_RANGE(test, &a, 40, 49);
	EXPECT_RANGE(test, &a, 60, 60);
	EXPECT_RANGE(test, &a, 80, 80);
	/* The other one is as it was. */
	KUNIT_EXPECT_EQ(test, b.nr, 4u);
	EXPECT_RANGE(test, &b, 20, 20);
}

/* ---- against the oracle -------------------------------------------------- */

static unsigned int nr_runs(const bool *set)
{
	unsigned int i, nr = 0;

	for (i = 0; i < SPACE; i++)
		nr += set[i] && (!i || !set[i - 1]);
	return nr;
}

/*
 * Add pages to the oracle; without room, fill the gap to the nearest run, on one side, or
 * on the other if both are as near.
 */
static void oracle_add(bool *set, u32 first, u32 last, bool prefer_up)
{
	u32 down = 1, up = 1;

	memset(set + first, true, last - first + 1);
	if (nr_runs(set) <= NYX_RANGES_MAX)
		return;
	/* The new range touches none: else there were no more runs than before. */
	while (down <= first && !set[first - down])
		down++;
	while (last + up < SPACE && !set[last + up])
		up++;
	if (down > first)
		down = SPACE;
	if (last + up >= SPACE)
		up = SPACE;
	if (up < down || (up == down && prefer_up))
		memset(set + last, true, up);
	else
		memset(set + first - down, true, down);
}

/* Are the ranges the runs of an oracle whose page 0 is @base? */
static bool is_set(const struct nyx_ranges *ranges, const bool *set, u64 base)
{
	bool found[SPACE] = {};
	unsigned int i;
	u64 first, last;

	for (i = 0; i < ranges->nr; i++) {
		first = ranges->range[i].first - base;
		last = ranges->range[i].last - base;
		if (first > last || last >= SPACE)
			return false;
		memset(found + first, true, last - first + 1);
	}
	/* As many as there are runs: none touches another. */
	return ranges->nr == nr_runs(set) && !memcmp(found, set, sizeof(found));
}

static void random_ranges_match_the_oracle(struct kunit *test)
{
	static const u64 bases[] = { 0, 0x123456789ull, U64_MAX - SPACE + 1 };
	u64 seed = ranges_seed ?: ktime_get_ns(), state = seed ?: 1;
	bool set[SPACE], other[SPACE];
	struct nyx_ranges ranges;
	u32 run, i, first, last;
	u64 base;

	kunit_info(test, "ranges_seed=%llu\n", seed);
	for (run = 0; run < NR_RUNS; run++) {
		base = bases[run % ARRAY_SIZE(bases)];
		memset(set, false, sizeof(set));
		ranges.nr = 0;
		for (i = 0; i < NR_ADDS; i++) {
			first = below(&state, SPACE);
			last = min(SPACE - 1, first + below(&state, 4));
			memcpy(other, set, sizeof(other));
			oracle_add(set, first, last, false);
			oracle_add(other, first, last, true);
			nyx_ranges_add(&ranges, base + first, base + last);
			if (!is_set(&ranges, set, base))
				memcpy(set, other, sizeof(set));
			KUNIT_ASSERT_TRUE(test, is_set(&ranges, set, base));
		}
		cond_resched();
	}
}

static struct kunit_case ranges_cases[] = {
	KUNIT_CASE(empty_set_overlaps_nothing),
	KUNIT_CASE(overlap_ends_with_the_range),
	KUNIT_CASE(ranges_that_touch_are_one),
	KUNIT_CASE(nearest_is_taken_over),
	KUNIT_CASE(ends_of_the_space_do_not_wrap),
	KUNIT_CASE(all_pages_stay_all),
	KUNIT_CASE(sets_merge),
	KUNIT_CASE(random_ranges_match_the_oracle),
	{}
};

static struct kunit_suite ranges_suite = {
	.name = "nyx_ranges",
	.test_cases = ranges_cases,
};

kunit_test_suite(ranges_suite);
