// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_pt_random: random mappings against an oracle, and
 * pt_next(), which must list what the oracle holds.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The oracle is a sorted array of ranges. Operations crowd around the places
 * where tables of some level begin and end, so that they meet, overlap, split
 * and heal each other. Module parameters: pt_seed repeats a run (0: take the
 * clock; it is printed), pt_rounds is the number of operations of a shape.
 */
#include "pt_kunit.h"

#include <linux/ktime.h>
#include <linux/module.h>

#define K		4096ull
#define MAX_RANGES	150
/* A mapping may not have more pages than this. */
#define MAX_PAGES	2000

static unsigned long pt_seed;
module_param(pt_seed, ulong, 0444);
MODULE_PARM_DESC(pt_seed, "seed of the random page-table tests, 0: the clock");
static unsigned int pt_rounds = 300;
module_param(pt_rounds, uint, 0444);
MODULE_PARM_DESC(pt_rounds, "operations of each random page-table test");

struct pt_piece {
	u64 start;
	u64 last;
	u64 oa;
	unsigned int perm;
};

/**
 * struct oracle - what is mapped
 * @nr: number of ranges
 * @at: the ranges, sorted; neighbours may be contiguous
 */
struct oracle {
	unsigned int nr;
	struct pt_piece at[MAX_RANGES + 4];
};

/* Index of the first range that ends at or after @va. */
static unsigned int oracle_find(const struct oracle *o, u64 va)
{
	unsigned int i = 0;

	while (i < o->nr && o->at[i].last < va)
		i++;
	return i;
}

static void oracle_move(struct oracle *o, unsigned int to, unsigned int from)
{
	memmove(&o->at[to], &o->at[from], (o->nr - from) * sizeof(o->at[0]));
	o->nr += to - from;
}

static bool oracle_map(struct oracle *o, u64 va, u64 last, u64 oa,
		       unsigned int perm)
{
	unsigned int i = oracle_find(o, va);

	if (i < o->nr && o->at[i].start <= last)
		return false;
	oracle_move(o, i + 1, i);
	o->at[i] = (struct pt_piece){ va, last, oa, perm };
	return true;
}

static u64 oracle_unmap(struct oracle *o, u64 va, u64 last)
{
	unsigned int i = oracle_find(o, va), end;
	u64 bytes = 0;

	/* Split at the ends, then drop what is between. */
	if (i < o->nr && o->at[i].start < va) {
		oracle_move(o, i + 1, i);
		o->at[i] = o->at[i + 1];
		o->at[i].last = va - 1;
		i++;
		o->at[i].oa += va - o->at[i].start;
		o->at[i].start = va;
	}
	for (end = i; end < o->nr && o->at[end].start <= last; end++) {
		if (o->at[end].last > last) {
			oracle_move(o, end + 1, end);
			o->at[end] = o->at[end + 1];
			o->at[end].last = last;
			o->at[end + 1].oa += last + 1 - o->at[end + 1].start;
			o->at[end + 1].start = last + 1;
		}
		bytes += o->at[end].last - o->at[end].start + 1;
	}
	oracle_move(o, i, end);
	return bytes;
}

/* The extent that pt_next() must find: neighbours that fit are one. */
static bool oracle_next(const struct oracle *o, u64 va, u64 last,
			struct pt_piece *ext)
{
	unsigned int i = oracle_find(o, va);

	if (i == o->nr || o->at[i].start > last)
		return false;
	*ext = o->at[i];
	while (++i < o->nr && o->at[i].start == ext->last + 1 &&
	       o->at[i].oa == ext->oa + (o->at[i].start - ext->start) &&
	       o->at[i].perm == ext->perm)
		ext->last = o->at[i].last;
	if (ext->start < va) {
		ext->oa += va - ext->start;
		ext->start = va;
	}
	ext->last = min(ext->last, last);
	return true;
}

static void check_extents(struct pt_fixture *f, const struct oracle *o,
			  u64 va, u64 last)
{
	struct kunit *test = f->test;
	struct pt_extent got;
	struct pt_piece want;

	while (oracle_next(o, va, last, &want)) {
		KUNIT_ASSERT_TRUE(test, pt_next(&f->pt, va, last, &got));
		KUNIT_ASSERT_EQ(test, got.start, want.start);
		KUNIT_ASSERT_EQ(test, got.last, want.last);
		KUNIT_ASSERT_EQ(test, got.oa, want.oa);
		KUNIT_ASSERT_EQ(test, got.perm, want.perm);
		KUNIT_ASSERT_TRUE(test, f->pt.page_sizes >> got.lg2 & 1);
		if (got.last == last)
			return;
		va = got.last + 1;
	}
	KUNIT_ASSERT_FALSE(test, pt_next(&f->pt, va, last, &got));
}

static void check_all(struct pt_fixture *f, const struct oracle *o, u64 *state)
{
	unsigned int i, j;
	u64 bytes = 0;

	for (i = 0; i < o->nr; i++) {
		const struct pt_piece *r = &o->at[i];
		u64 at[] = { r->start, r->last,
			     r->start + next_random(state) % (r->last - r->start + 1) };

		bytes += r->last - r->start + 1;
		for (j = 0; j < ARRAY_SIZE(at); j++)
			KUNIT_ASSERT_TRUE(f->test, fixture_maps(f, at[j],
								r->oa + (at[j] - r->start),
								r->perm, 0));
		if (r->start && (!i || o->at[i - 1].last != r->start - 1))
			KUNIT_ASSERT_TRUE(f->test, fixture_lacks(f, r->start - 1));
		if (r->last != f->pt.va_last &&
		    (i + 1 == o->nr || o->at[i + 1].start != r->last + 1))
			KUNIT_ASSERT_TRUE(f->test, fixture_lacks(f, r->last + 1));
	}
	KUNIT_ASSERT_EQ(f->test, f->pt.mapped, bytes);
	check_extents(f, o, 0, ~0ull);
	fixture_check(f);
}

/* A place near where a table begins, in one of a few regions. */
static u64 random_place(const struct pt *pt, u64 *state)
{
	u64 base = (u64)random_below(state, 3) * (pt->va_last / 2 + 1);
	unsigned int lg2 = 12 + 9 * random_below(state, pt->top + 1);
	u64 va = base + ((u64)random_below(state, 5) << lg2);

	va += (random_below(state, 9) - 4) * (K << random_below(state, 12));
	if (!random_below(state, 3))
		va &= ~0ull << (12 + random_below(state, 12));
	return va & pt->va_last & ~(K - 1);
}

static u64 random_last(const struct pt *pt, u64 *state, u64 va)
{
	unsigned int lg2 = 12 + random_below(state, 9 * pt->top + 8);
	u64 size = min((1ull + random_below(state, 4)) << min(lg2, 49u), 1ull << 51);

	size += random_below(state, 3) * K;
	return size - 1 > pt->va_last - va ? pt->va_last : va + size - 1;
}

/* Where [va, last] goes: mostly such that large pages fit, and not too many. */
static u64 random_oa(const struct pt *pt, u64 *state, u64 va, u64 last)
{
	u64 oa = va, largest = pt->page_sizes & lg2_last(41);

	if (!random_below(state, 3))
		oa ^= K << random_below(state, 25);
	else if (!random_below(state, 3))
		oa += (u64)random_below(state, 8) << (21 + 9 * random_below(state, 3));
	oa &= lg2_last(51);
	if (va != oa)
		largest &= ((va ^ oa) & -(va ^ oa)) * 2 - 1;
	largest = 1ull << (fls64(largest) - 1);
	if ((last - va) / largest > MAX_PAGES)
		oa = va & lg2_last(51);
	return oa;
}

static void random_operations_match_oracle(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	struct oracle *o = kunit_kzalloc(test, sizeof(*o), GFP_KERNEL);
	u64 seed = pt_seed ?: ktime_get_ns();
	u64 state = seed | 1;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, o);
	kunit_info(test, "%s: pt_seed=%llu\n", f->shape->name, seed);
	/* Sometimes without some or all of the large pages. */
	if (!random_below(&state, 4))
		fixture_reset(f, next_random(&state) | K);

	for (i = 0; i < pt_rounds; i++) {
		u64 va = random_place(&f->pt, &state);
		u64 last = random_last(&f->pt, &state, va);
		u64 oa = random_oa(&f->pt, &state, va, last);
		unsigned int perm = random_below(&state, 8) ? NYX_ACC_RW :
							      NYX_ACC_READ;
		u64 largest = pt_format_page_sizes(f->shape->format,
						   f->shape->levels);
		int err, want;

		/* Without large pages, a large range is none to map. */
		largest &= f->pt.page_sizes;
		if ((last - va) >> (fls64(largest) - 1) > MAX_PAGES)
			last = va + MAX_PAGES * K - 1 > f->pt.va_last ?
			       f->pt.va_last : va + MAX_PAGES * K - 1;

		if (random_below(&state, 5) < 3 && o->nr < MAX_RANGES) {
			u64 before = 0;

			want = oracle_map(o, va, last, oa, perm) ? 0 : -EEXIST;
			if (want && !random_below(&state, 8))
				before = fixture_check(f);
			err = fixture_map(f, va, last, oa, perm);
			KUNIT_ASSERT_EQ_MSG(test, err, want,
					    "map %llx-%llx to %llx, round %u",
					    va, last, oa, i);
			if (before)
				KUNIT_ASSERT_EQ(test, fixture_check(f), before);
		} else {
			u64 bytes = oracle_unmap(o, va, last);

			KUNIT_ASSERT_EQ_MSG(test, fixture_unmap(f, va, last),
					    bytes, "unmap %llx-%llx, round %u",
					    va, last, i);
		}
		if (i % 32 == 31 || i < 16)
			check_all(f, o, &state);
		check_extents(f, o, va, last);
		if (i % 64 == 63)
			pt_chain_free(&f->free);
	}
	check_all(f, o, &state);
	KUNIT_EXPECT_EQ(test, fixture_unmap(f, 0, ~0ull),
			oracle_unmap(o, 0, ~0ull));
	KUNIT_EXPECT_EQ(test, f->pt.mapped, 0);
	KUNIT_EXPECT_LE(test, f->pt.tables, 1);
}

static void next_of_empty_table(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	struct pt_extent ext;

	KUNIT_EXPECT_FALSE(test, pt_next(&f->pt, 0, ~0ull, &ext));
	KUNIT_ASSERT_EQ(test, fixture_map(f, K, 3 * K - 1, 5 * K, NYX_ACC_RW), 0);
	KUNIT_EXPECT_FALSE(test, pt_next(&f->pt, 0, K - 1, &ext));
	KUNIT_EXPECT_FALSE(test, pt_next(&f->pt, 3 * K, ~0ull, &ext));
	/* An unaligned question gets an unaligned answer. */
	KUNIT_ASSERT_TRUE(test, pt_next(&f->pt, K + 5, 2 * K + 7, &ext));
	KUNIT_EXPECT_EQ(test, ext.start, K + 5);
	KUNIT_EXPECT_EQ(test, ext.last, 2 * K + 7);
	KUNIT_EXPECT_EQ(test, ext.oa, 5 * K + 5);
}

/* Neighbours with one output address look alike, but are two extents. */
static void next_tells_aliases_apart(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	struct pt_extent ext;
	u64 size;

	for (size = K; size <= 16 * K; size *= 2) {
		KUNIT_ASSERT_EQ(test, fixture_map(f, 0, size - 1, 32 * K,
						  NYX_ACC_RW), 0);
		KUNIT_ASSERT_EQ(test, fixture_map(f, size, 2 * size - 1, 32 * K,
						  NYX_ACC_RW), 0);
		KUNIT_ASSERT_TRUE(test, pt_next(&f->pt, 0, ~0ull, &ext));
		KUNIT_EXPECT_EQ(test, ext.last, size - 1);
		KUNIT_ASSERT_TRUE(test, pt_next(&f->pt, size, ~0ull, &ext));
		KUNIT_EXPECT_EQ(test, ext.last, 2 * size - 1);
		KUNIT_EXPECT_EQ(test, ext.oa, 32 * K);
		KUNIT_EXPECT_EQ(test, fixture_unmap(f, 0, ~0ull), 2 * size);
	}
	/* From the middle of a page on, with a larger one behind it. */
	KUNIT_ASSERT_EQ(test, fixture_map(f, 2 * K, 4 * K - 1, 32 * K,
					  NYX_ACC_RW), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 4 * K, 8 * K - 1, 32 * K,
					  NYX_ACC_RW), 0);
	KUNIT_ASSERT_TRUE(test, pt_next(&f->pt, 3 * K, ~0ull, &ext));
	KUNIT_EXPECT_EQ(test, ext.oa, 33 * K);
	KUNIT_EXPECT_EQ(test, ext.last, 4 * K - 1);
}

/* &pt_extent.lg2 is that of the smallest page in an extent, wherever the page is. */
static void next_tells_the_smallest_page(struct kunit *test)
{
	const u64 large = 512 * K;
	struct pt_fixture *f = test->priv;
	struct pt_extent ext;

	if (f->pt.va_last < 3 * large)
		return;
	KUNIT_ASSERT_EQ(test, fixture_map(f, large - K, 2 * large - 1, large - K, NYX_ACC_RW), 0);
	KUNIT_ASSERT_TRUE(test, pt_next(&f->pt, 0, ~0ull, &ext));
	KUNIT_EXPECT_EQ(test, ext.start, large - K);
	KUNIT_EXPECT_EQ(test, ext.last, 2 * large - 1);
	KUNIT_EXPECT_EQ(test, ext.lg2, 12);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 2 * large, 2 * large + K - 1, 2 * large,
					  NYX_ACC_RW), 0);
	KUNIT_ASSERT_TRUE(test, pt_next(&f->pt, large, ~0ull, &ext));
	KUNIT_EXPECT_EQ(test, ext.last, 2 * large + K - 1);
	KUNIT_EXPECT_EQ(test, ext.lg2, 12);
	KUNIT_ASSERT_TRUE(test, pt_next(&f->pt, large, 2 * large - 1, &ext));
	KUNIT_EXPECT_EQ(test, ext.lg2, shape_has_size(f->shape, 21) ? 21 : 12);
}

static bool dump_three(void *ctx, const struct pt_entry *entry)
{
	unsigned int *n = ctx;

	return ++*n < 3;
}

static void dump_ends_when_told(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	unsigned int n = 0;
	int i;

	for (i = 0; i < 5; i++)
		KUNIT_ASSERT_EQ(test, fixture_map(f, 2 * i * K, 2 * i * K + K - 1,
						  i * K, NYX_ACC_RW), 0);
	pt_dump(&f->pt, dump_three, &n);
	KUNIT_EXPECT_EQ(test, n, 3);
}

static struct kunit_case random_cases[] = {
	KUNIT_CASE_PARAM(random_operations_match_oracle, pt_shape_gen_params),
	KUNIT_CASE_PARAM(next_of_empty_table, pt_shape_gen_params),
	KUNIT_CASE_PARAM(next_tells_aliases_apart, pt_shape_gen_params),
	KUNIT_CASE_PARAM(next_tells_the_smallest_page, pt_shape_gen_params),
	KUNIT_CASE_PARAM(dump_ends_when_told, pt_shape_gen_params),
	{}
};

static struct kunit_suite random_suite = {
	.name = "nyx_pt_random",
	.suite_exit = pt_suite_exit,
	.init = pt_fixture_init,
	.exit = pt_fixture_exit,
	.test_cases = random_cases,
};

kunit_test_suite(random_suite);
