// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_pt_unmap: what goes, and what stays.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "pt_kunit.h"

#include <linux/module.h>

#define RW	NYX_ACC_RW
#define K	4096ull
#define M2	BIT_ULL(21)
#define G1	BIT_ULL(30)

/* Take [from, to] out of one page at @va, look at all the edges, and clean up. */
static void punch(struct pt_fixture *f, u64 va, u64 oa, unsigned int lg2,
		  u64 from, u64 to)
{
	u64 size = 1ull << lg2, at;
	unsigned int bit;

	KUNIT_ASSERT_EQ(f->test, fixture_map(f, va, va + size - 1, oa, RW), 0);
	KUNIT_ASSERT_EQ(f->test, fixture_unmap(f, va + from, va + to),
			to - from + 1);
	KUNIT_EXPECT_EQ(f->test, f->pt.mapped, size - (to - from + 1));
	/* Before and after each power of two, and at the edges of the hole. */
	for (bit = 11; bit <= lg2 + 2; bit++) {
		u64 edges[] = { 1ull << bit, from, to + 1, size };
		u64 edge = edges[bit > lg2 ? bit - lg2 + 1 : 0];
		int i;

		for (i = 0; i < 2; i++) {
			at = edge - i;
			if (at >= size)
				continue;
			if (at >= from && at <= to)
				KUNIT_ASSERT_TRUE(f->test, fixture_lacks(f, va + at));
			else
				KUNIT_ASSERT_TRUE(f->test, fixture_maps(f, va + at,
									oa + at, RW, 0));
		}
	}
	fixture_check(f);
	KUNIT_EXPECT_EQ(f->test, fixture_unmap(f, va, va + size - 1),
			size - (to - from + 1));
	KUNIT_EXPECT_EQ(f->test, f->pt.tables, 1);
}

static void unmap_part_of_a_page(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	unsigned int lg2, a, b;

	for (lg2 = 13; lg2 <= 52; lg2++) {
		u64 size = 1ull << lg2;
		u64 va = f->pt.va_last - (size - 1);
		u64 oa = lg2 < 51 ? 3ull << lg2 & lg2_last(52) : 0;
		u64 half;

		if (!shape_has_size(f->shape, lg2) || lg2 > f->shape->va_lg2)
			continue;
		for (a = 12; a < lg2; a += 1 + (lg2 > 36)) {
			punch(f, va, oa, lg2, 0, lg2_last(a));
			punch(f, va, oa, lg2, size - (1ull << a), size - 1);
			half = max((1ull << a) / 2, K);
			if (2 * half < size)
				punch(f, va, oa, lg2, size / 2 - half,
				      size / 2 + half - 1);
			for (b = 12; b < lg2; b += 1 + (lg2 > 30) * 6) {
				u64 from = 1ull << a, to = size - (1ull << b) - 1;

				if (from < to && (a != 12 || b != 12 || lg2 != 13))
					punch(f, va, oa, lg2, from, to);
			}
		}
	}
}

static void unmap_across_pages_of_all_sizes(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	u64 limit = min(f->pt.va_last, 4 * G1 - 1);
	u64 state = 4711, from, to, at;
	int i, j;

	for (i = 0; i < 100; i++) {
		KUNIT_ASSERT_EQ(test, fixture_map(f, K, limit, K, RW), 0);
		from = next_random(&state) & limit;
		to = next_random(&state) & limit;
		if (from > to)
			swap(from, to);
		from = max(from & ~(K - 1), K);
		to = max(to | (K - 1), from | (K - 1));
		KUNIT_ASSERT_EQ(test, fixture_unmap(f, from, to), to - from + 1);
		KUNIT_EXPECT_TRUE(test, fixture_lacks(f, from));
		KUNIT_EXPECT_TRUE(test, fixture_lacks(f, to));
		if (from > K)
			KUNIT_EXPECT_TRUE(test, fixture_maps(f, from - 1, from - 1,
							     RW, 0));
		if (to < limit)
			KUNIT_EXPECT_TRUE(test, fixture_maps(f, to + 1, to + 1,
							     RW, 0));
		for (j = 0; j < 50; j++) {
			at = max(next_random(&state) & limit, K);
			KUNIT_EXPECT_TRUE(test, at >= from && at <= to ?
					  fixture_lacks(f, at) :
					  fixture_maps(f, at, at, RW, 0));
		}
		fixture_check(f);
		fixture_unmap(f, 0, ~0ull);
		KUNIT_ASSERT_EQ(test, f->pt.tables, 1);
	}
}

static void unmap_finds_nothing(struct kunit *test)
{
	struct pt_fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, fixture_unmap(f, 0, ~0ull), 0);
	KUNIT_EXPECT_EQ(test, f->pt.tables, 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, K, 2 * K - 1, 0, RW), 0);
	KUNIT_EXPECT_EQ(test, fixture_unmap(f, 0, K - 1), 0);
	KUNIT_EXPECT_EQ(test, fixture_unmap(f, 2 * K, ~0ull), 0);
	if (f->pt.va_last != ~0ull)
		KUNIT_EXPECT_EQ(test, fixture_unmap(f, f->pt.va_last + 1, ~0ull), 0);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, K, 0, RW, 12));
	KUNIT_EXPECT_EQ(test, fixture_unmap(f, 0, ~0ull), K);
}

static void unmap_of_sparse_space_is_bounded(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	unsigned int bit, n = 0;

	/* One page behind each power of two: far apart, so many tables. */
	for (bit = 12; bit < f->shape->va_lg2; bit++, n++)
		KUNIT_ASSERT_EQ(test, fixture_map(f, 1ull << bit,
						  (1ull << bit) + K - 1, 0, RW), 0);
	fixture_check(f);
	/* All of it at once; address space by address space this takes years. */
	KUNIT_EXPECT_EQ(test, fixture_unmap(f, 0, ~0ull), n * K);
	KUNIT_EXPECT_EQ(test, f->pt.tables, 1);
}

static void unmap_leaves_neighbours_alone(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	int i;

	/* Every other page, so that nothing coalesces. */
	for (i = 0; i < 512; i += 2)
		KUNIT_ASSERT_EQ(test, fixture_map(f, i * K, i * K + K - 1,
						  i * K, RW), 0);
	KUNIT_EXPECT_EQ(test, fixture_unmap(f, 100 * K, 200 * K - 1), 50 * K);
	for (i = 0; i < 512; i++) {
		if (i % 2 || (i >= 100 && i < 200))
			KUNIT_EXPECT_TRUE(test, fixture_lacks(f, i * K));
		else
			KUNIT_EXPECT_TRUE(test, fixture_maps(f, i * K, i * K, RW, 12));
	}
	fixture_check(f);
}

static void unmap_clears_large_pages_one_by_one(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	u64 free;

	if (f->shape->levels < 2)
		kunit_skip(test, "no large pages");
	KUNIT_ASSERT_EQ(test, fixture_map(f, 0, 8 * M2 - 1, 0, RW), 0);
	free = f->free.count;
	KUNIT_EXPECT_EQ(test, fixture_unmap(f, 2 * M2, 4 * M2 - 1), 2 * M2);
	KUNIT_EXPECT_EQ(test, f->free.count, free);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 2 * M2 - 1, 2 * M2 - 1, RW, 0));
	KUNIT_EXPECT_TRUE(test, fixture_lacks(f, 2 * M2));
	KUNIT_EXPECT_TRUE(test, fixture_lacks(f, 4 * M2 - 1));
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 4 * M2, 4 * M2, RW, 0));
	fixture_check(f);
}

/* A table that became empty is handed to the caller, who waits for readers. */
static void unmap_keeps_tables_for_readers(struct kunit *test)
{
	struct pt_fixture *f = test->priv;

	if (f->pt.va_last < 2 * M2)
		return;
	/* The last page of one table, the first of the next, and both tables with others. */
	KUNIT_ASSERT_EQ(test, fixture_map(f, M2 - K, M2 + K - 1, 0, RW), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 2 * M2 - K, 2 * M2 - 1, 0, RW), 0);
	pt_chain_free(&f->free);
	KUNIT_EXPECT_EQ(test, fixture_unmap(f, M2 - K, M2 + K - 1), 2 * K);
	KUNIT_EXPECT_EQ(test, f->free.count, 1);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 2 * M2 - K, 0, RW, 12));
}

/* A range that begins in the space of the table and ends beyond. */
static void unmap_across_the_end(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	u64 va = f->pt.va_last - (K - 1);

	if (f->pt.va_last > ~0ull - K)
		return;
	KUNIT_ASSERT_EQ(test, fixture_map(f, va, f->pt.va_last, 0, RW), 0);
	KUNIT_EXPECT_EQ(test, fixture_unmap(f, va, f->pt.va_last + K), K);
	KUNIT_EXPECT_EQ(test, f->pt.mapped, 0);
}

static struct kunit_case unmap_cases[] = {
	KUNIT_CASE_PARAM(unmap_part_of_a_page, pt_shape_gen_params),
	KUNIT_CASE_PARAM(unmap_across_pages_of_all_sizes, pt_shape_gen_params),
	KUNIT_CASE_PARAM(unmap_finds_nothing, pt_shape_gen_params),
	KUNIT_CASE_PARAM(unmap_of_sparse_space_is_bounded, pt_shape_gen_params),
	KUNIT_CASE_PARAM(unmap_leaves_neighbours_alone, pt_shape_gen_params),
	KUNIT_CASE_PARAM(unmap_clears_large_pages_one_by_one, pt_shape_gen_params),
	KUNIT_CASE_PARAM(unmap_keeps_tables_for_readers, pt_shape_gen_params),
	KUNIT_CASE_PARAM(unmap_across_the_end, pt_shape_gen_params),
	{}
};

static struct kunit_suite unmap_suite = {
	.name = "nyx_pt_unmap",
	.suite_exit = pt_suite_exit,
	.init = pt_fixture_init,
	.exit = pt_fixture_exit,
	.test_cases = unmap_cases,
};

kunit_test_suite(unmap_suite);
