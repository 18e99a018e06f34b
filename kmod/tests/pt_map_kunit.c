// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suites nyx_pt_init, nyx_pt_map: shapes of tables, and mapping.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "pt_kunit.h"

#include <linux/module.h>

#define R	NYX_ACC_READ
#define W	NYX_ACC_WRITE
#define RW	NYX_ACC_RW
#define K	4096ull
#define M2	BIT_ULL(21)
#define G1	BIT_ULL(30)

/* ---- pt_init() and what formats offer ------------------------------------ */

static void init_knows_all_shapes(struct kunit *test)
{
	const struct pt_shape *shape = test->param_value;
	struct pt_config cfg = { .format = shape->format, .levels = shape->levels };
	unsigned int lg2;
	struct pt pt;
	u64 sizes = 0;

	for (lg2 = 12; lg2 < 64; lg2++)
		sizes |= (u64)shape_has_size(shape, lg2) << lg2;
	KUNIT_ASSERT_EQ(test, pt_init(&pt, &cfg), 0);
	KUNIT_EXPECT_EQ(test, pt.va_last, lg2_last(shape->va_lg2));
	KUNIT_EXPECT_EQ(test, pt.page_sizes, sizes);
	KUNIT_EXPECT_EQ(test, pt.root, 0);
	KUNIT_EXPECT_EQ(test, pt.tables, 0);
	KUNIT_EXPECT_EQ(test, pt_format_page_sizes(shape->format, shape->levels),
			sizes);
	KUNIT_EXPECT_EQ(test, pt_format_levels(shape->format, shape->va_lg2),
			shape->levels);

	cfg.va_lg2 = shape->va_lg2 - 1;
	KUNIT_EXPECT_EQ(test, pt_init(&pt, &cfg), 0);
	KUNIT_EXPECT_EQ(test, pt.va_last, lg2_last(shape->va_lg2 - 1));
	cfg.va_lg2 = shape->va_lg2 + 1;
	KUNIT_EXPECT_EQ(test, pt_init(&pt, &cfg), -EINVAL);
	pt_fini(&pt);
}

static void init_refuses_unknown_shapes(struct kunit *test)
{
	static const struct pt_config bad[] = {
		{ PT_VTDSS, 0 }, { PT_VTDSS, 2 }, { PT_VTDSS, 6 },
		{ PT_X86, 3 }, { PT_X86, 6 }, { PT_AMDV1, 0 }, { PT_AMDV1, 7 },
		{ PT_NR_FORMATS, 4 }, { PT_VTDSS, 4, 11 },
		{ PT_VTDSS, 4, 0, M2 },
	};
	struct pt pt;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, pt_init(&pt, &bad[i]), -EINVAL,
				    "shape %d", i);
	KUNIT_EXPECT_EQ(test, pt_format_page_sizes(PT_X86, 3), 0);
	KUNIT_EXPECT_EQ(test, pt_format_levels(PT_X86, 57), 0);
	KUNIT_EXPECT_EQ(test, pt_format_levels(PT_X86, 48), 5);
	KUNIT_EXPECT_EQ(test, pt_format_levels(PT_VTDSS, 12), 3);
	KUNIT_EXPECT_EQ(test, pt_format_levels(PT_AMDV1, 12), 1);
	KUNIT_EXPECT_EQ(test, pt_format_levels(PT_AMDV1, 22), 2);
}

static void init_drops_sizes_that_cannot_be_split(struct kunit *test)
{
	struct pt_config cfg = { PT_VTDSS, 4, 0, K | G1 };
	struct pt pt;

	KUNIT_ASSERT_EQ(test, pt_init(&pt, &cfg), 0);
	KUNIT_EXPECT_EQ(test, pt.page_sizes, K);
	cfg = (struct pt_config){ PT_AMDV1, 4, 0, K | 64 * K | 4 * M2 | G1 };
	KUNIT_ASSERT_EQ(test, pt_init(&pt, &cfg), 0);
	KUNIT_EXPECT_EQ(test, pt.page_sizes, K | 64 * K);
	cfg.page_sizes = K | M2 | 4 * M2;
	KUNIT_ASSERT_EQ(test, pt_init(&pt, &cfg), 0);
	KUNIT_EXPECT_EQ(test, pt.page_sizes, K | M2 | 4 * M2);
}

static struct kunit_case init_cases[] = {
	KUNIT_CASE_PARAM(init_knows_all_shapes, pt_shape_gen_params),
	KUNIT_CASE(init_refuses_unknown_shapes),
	KUNIT_CASE(init_drops_sizes_that_cannot_be_split),
	{}
};

static struct kunit_suite init_suite = {
	.name = "nyx_pt_init",
	.test_cases = init_cases,
};

/* ---- pt_map() ------------------------------------------------------------- */

/* Map one page, look at it from all sides, and take it away. */
static void one_page(struct pt_fixture *f, u64 va, u64 oa, unsigned int lg2)
{
	u64 last = va + lg2_last(lg2);

	KUNIT_ASSERT_EQ(f->test, fixture_map(f, va, last, oa, RW), 0);
	KUNIT_EXPECT_TRUE(f->test, fixture_maps(f, va, oa, RW, lg2));
	KUNIT_EXPECT_TRUE(f->test, fixture_maps(f, last, oa + (last - va), RW, lg2));
	KUNIT_EXPECT_TRUE(f->test, fixture_maps(f, va + (last - va) / 3,
						oa + (last - va) / 3, RW, lg2));
	if (va)
		KUNIT_EXPECT_TRUE(f->test, fixture_lacks(f, va - 1));
	if (last != f->pt.va_last)
		KUNIT_EXPECT_TRUE(f->test, fixture_lacks(f, last + 1));
	KUNIT_EXPECT_EQ(f->test, f->pt.mapped, last - va + 1);
	fixture_check(f);
	KUNIT_EXPECT_EQ(f->test, fixture_unmap(f, va, last), last - va + 1);
	KUNIT_EXPECT_TRUE(f->test, fixture_lacks(f, va));
	KUNIT_EXPECT_EQ(f->test, f->pt.mapped, 0);
	KUNIT_EXPECT_EQ(f->test, f->pt.tables, 1);
}

static void map_each_size_at_each_end(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	unsigned int lg2, level;

	for (lg2 = 12; lg2 <= 52; lg2++) {
		u64 size = 1ull << lg2;
		/* A page's worth of output addresses, near the end. */
		u64 oa = lg2 < 52 ? (1ull << 52) - size : 0;

		if (!shape_has_size(f->shape, lg2) || lg2 > f->shape->va_lg2)
			continue;
		one_page(f, 0, oa, lg2);
		one_page(f, 0, 0, lg2);
		one_page(f, f->pt.va_last - (size - 1), oa, lg2);
		/* First and last entry of a table of each level. */
		for (level = 0; level < f->shape->levels; level++) {
			u64 span = 1ull << (12 + 9 * level);
			u64 base = f->pt.va_last / 2 + 1;

			if (span < size || span > base / 2)
				continue;
			one_page(f, base, oa, lg2);
			one_page(f, base - size, oa, lg2);
			one_page(f, base + span, oa, lg2);
			one_page(f, base - span, oa, lg2);
			one_page(f, span, oa, lg2);
		}
	}
}

static void map_across_each_boundary(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	unsigned int level;

	for (level = 0; level < f->shape->levels; level++) {
		u64 edge = 1ull << (12 + 9 * level);
		u64 va = edge - K, oa = 7 * G1;

		if (edge > f->pt.va_last / 2)
			break;
		KUNIT_ASSERT_EQ(test, fixture_map(f, va, edge + K - 1, oa, R), 0);
		KUNIT_EXPECT_TRUE(test, fixture_maps(f, va, oa, R, 0));
		KUNIT_EXPECT_TRUE(test, fixture_maps(f, edge - 1, oa + K - 1, R, 0));
		KUNIT_EXPECT_TRUE(test, fixture_maps(f, edge, oa + K, R, 0));
		KUNIT_EXPECT_TRUE(test, fixture_maps(f, edge + K - 1,
						     oa + 2 * K - 1, R, 0));
		KUNIT_EXPECT_TRUE(test, fixture_lacks(f, edge + K));
		fixture_check(f);
		KUNIT_EXPECT_EQ(test, fixture_unmap(f, va, edge + K - 1), 2 * K);
		KUNIT_EXPECT_EQ(test, f->pt.tables, 1);
	}
}

static void map_whole_space_by_large_pages(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	u64 last = min(f->pt.va_last, lg2_last(52));

	KUNIT_ASSERT_EQ(test, fixture_map(f, 0, last, 0, RW), 0);
	KUNIT_EXPECT_EQ(test, f->pt.mapped, last + 1);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 0, 0, RW, 0));
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, last, last, RW, 0));
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, last / 3, last / 3, RW, 0));
	KUNIT_EXPECT_EQ(test, fixture_unmap(f, 0, ~0ull), last + 1);
	KUNIT_EXPECT_EQ(test, f->pt.tables, 1);
}

static void map_chooses_as_brute_force_does(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	u64 state = 0x1234567;
	u64 va, last, oa, pos, size;
	int i, pages;

	for (i = 0; i < 200; i++) {
		unsigned int lg2 = 12 + random_below(&state, 26);

		/* Ends that are more or less aligned, a distance likewise. */
		size = (next_random(&state) & lg2_last(lg2)) | K;
		size &= ~0ull << (12 + random_below(&state, lg2 - 11));
		size = (max(size, K) & ~(K - 1)) ?: K;
		va = next_random(&state) & f->pt.va_last;
		va &= ~0ull << (12 + random_below(&state, 20));
		oa = va & lg2_last(51);
		oa ^= next_random(&state) & lg2_last(50) &
		      ~0ull << (12 + random_below(&state, 30));
		if (size - 1 > f->pt.va_last - va)
			size = f->pt.va_last - va + 1;
		last = va + size - 1;

		for (pages = 0, pos = va; pages < 5000; pages++) {
			unsigned int best = ref_best_lg2(&f->pt, pos, last,
							 oa + (pos - va));

			if (last - pos <= lg2_last(best))
				break;
			pos += 1ull << best;
		}
		if (pages == 5000)
			continue;

		KUNIT_ASSERT_EQ(test, fixture_map(f, va, last, oa, RW), 0);
		for (pos = va;;) {
			unsigned int best = ref_best_lg2(&f->pt, pos, last,
							 oa + (pos - va));
			u64 end = pos + lg2_last(best);

			KUNIT_ASSERT_TRUE(test, fixture_maps(f, pos, oa + (pos - va),
							     RW, best));
			KUNIT_ASSERT_TRUE(test, fixture_maps(f, end, oa + (end - va),
							     RW, best));
			if (end == last)
				break;
			pos = end + 1;
		}
		fixture_check(f);
		KUNIT_ASSERT_EQ(test, fixture_unmap(f, va, last), size);
		KUNIT_ASSERT_EQ(test, f->pt.tables, 1);
	}
}

static void map_obeys_page_sizes(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	u64 size = min(2 * G1 - 1, f->pt.va_last) + 1;
	u64 len;

	fixture_reset(f, K);
	len = min(size, 2 * M2);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 0, len - 1, 0, RW), 0);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 0, 0, RW, 12));
	fixture_check(f);
	if (f->shape->levels < 2)
		return;
	fixture_reset(f, K | M2);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 0, size - 1, 0, RW), 0);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 0, 0, RW, 21));
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, size - 1, size - 1, RW, 21));
	fixture_check(f);
}

static void map_refuses_overlap_and_changes_nothing(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	u64 top = f->pt.va_last - (K - 1);
	u64 before, tables;
	/* Enough to need tables of all levels on the way to what is in the way. */
	u64 from[] = { 0, K, 2 * K, 3 * K, 4 * K };
	int i, j;

	KUNIT_ASSERT_EQ(test, fixture_map(f, 2 * K, 3 * K - 1, 5 * K, R), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, top, f->pt.va_last, 9 * K, RW), 0);
	before = fixture_check(f);
	tables = f->pt.tables;
	for (i = 0; i < ARRAY_SIZE(from); i++) {
		for (j = i; j < ARRAY_SIZE(from); j++) {
			if (i > 2 || j < 2)
				continue;
			KUNIT_EXPECT_EQ(test, fixture_map(f, from[i],
							  from[j] + K - 1,
							  M2 + from[i], RW),
					-EEXIST);
		}
	}
	KUNIT_EXPECT_EQ(test, fixture_check(f), before);
	/* New tables, then something that is in the way. */
	for (i = 1; i < f->shape->levels; i++) {
		u64 span = 1ull << (12 + 9 * i);

		if (span > min(f->pt.va_last, lg2_last(50)) / 4)
			break;
		KUNIT_EXPECT_EQ(test, fixture_map(f, top - span - K, f->pt.va_last,
						  (top - span - K) & lg2_last(40),
						  RW), -EEXIST);
		KUNIT_EXPECT_EQ(test, fixture_map(f, 0, span - 1, 0, RW), -EEXIST);
		KUNIT_EXPECT_EQ(test, fixture_map(f, K, 4 * span - 1 - K,
						  K + 8 * span, RW), -EEXIST);
	}
	KUNIT_EXPECT_EQ(test, fixture_check(f), before);
	KUNIT_EXPECT_EQ(test, f->pt.tables, tables);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 2 * K, 5 * K, R, 12));
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, f->pt.va_last, 10 * K - 1, RW, 12));
}

static void map_refuses_overlap_with_large_page(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	u64 before;

	if (f->shape->levels < 2)
		kunit_skip(test, "no large pages");
	KUNIT_ASSERT_EQ(test, fixture_map(f, M2, 2 * M2 - 1, 0, RW), 0);
	before = fixture_check(f);
	KUNIT_EXPECT_EQ(test, fixture_map(f, M2, M2 + K - 1, 0, RW), -EEXIST);
	KUNIT_EXPECT_EQ(test, fixture_map(f, 2 * M2 - K, 2 * M2 + K - 1, 0, RW),
			-EEXIST);
	KUNIT_EXPECT_EQ(test, fixture_map(f, 0, 4 * M2 - 1, 0, RW), -EEXIST);
	KUNIT_EXPECT_EQ(test, fixture_map(f, M2 - K, M2 + K - 1, K, RW), -EEXIST);
	KUNIT_EXPECT_EQ(test, fixture_check(f), before);
}

static void map_permissions_come_back(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	bool x86 = f->shape->format == PT_X86;
	struct pt_result res;

	KUNIT_ASSERT_EQ(test, fixture_map(f, 0, K - 1, 0, R), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, K, 2 * K - 1, 0, RW), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 2 * K, 3 * K - 1, 0, W), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 3 * K, 4 * K - 1, 0,
					  R | NYX_ACC_EXEC), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 4 * K, 5 * K - 1, 0, NYX_ACC_EXEC), 0);

	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 0, 0, R, 12));
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, K, 0, RW, 12));
	pt_walk(&f->pt, 5, W, &res);
	KUNIT_EXPECT_EQ(test, res.status, PT_NO_WRITE);
	KUNIT_EXPECT_EQ(test, res.oa, 5);
	KUNIT_EXPECT_EQ(test, res.perm, R);
	KUNIT_EXPECT_EQ(test, res.lg2, 12);
	pt_walk(&f->pt, 5, RW, &res);
	KUNIT_EXPECT_EQ(test, res.status, PT_NO_WRITE);

	/* Write-only exists where reading can be forbidden. */
	pt_walk(&f->pt, 2 * K, W, &res);
	KUNIT_EXPECT_EQ(test, res.status, PT_OK);
	KUNIT_EXPECT_EQ(test, res.perm, x86 ? RW : W);
	pt_walk(&f->pt, 2 * K, RW, &res);
	KUNIT_EXPECT_EQ(test, res.status, x86 ? PT_OK : PT_NO_READ);

	/* Execution is a permission of its own on x86, else reading. */
	pt_walk(&f->pt, 3 * K, NYX_ACC_EXEC, &res);
	KUNIT_EXPECT_EQ(test, res.status, PT_OK);
	KUNIT_EXPECT_EQ(test, res.perm, x86 ? R | NYX_ACC_EXEC : R);
	pt_walk(&f->pt, K, NYX_ACC_EXEC, &res);
	KUNIT_EXPECT_EQ(test, res.status, x86 ? PT_NO_READ : PT_OK);
	pt_walk(&f->pt, 2 * K, NYX_ACC_EXEC, &res);
	KUNIT_EXPECT_EQ(test, res.status, PT_NO_READ);
	pt_walk(&f->pt, 4 * K, NYX_ACC_EXEC, &res);
	KUNIT_EXPECT_EQ(test, res.status, PT_OK);
	KUNIT_EXPECT_EQ(test, res.perm, x86 ? R | NYX_ACC_EXEC : R);
}

/* ---- coalescing ------------------------------------------------------------ */

/* Map @n pages of @size in an order that jumps about. */
static void map_scattered(struct pt_fixture *f, u64 va, u64 oa, u64 size, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		/* 337 is prime to all the n in use. */
		u64 at = (i * 337 + 91) % n * size;

		KUNIT_ASSERT_EQ(f->test, fixture_map(f, va + at, va + at + size - 1,
						     oa + at, RW), 0);
	}
}

static void coalesce_single_pages(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	u64 tables;

	if (f->shape->levels < 2)
		kunit_skip(test, "no large pages");
	map_scattered(f, M2, 4 * M2, K, 512);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, M2, 4 * M2, RW, 21));
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 2 * M2 - 1, 5 * M2 - 1, RW, 21));
	KUNIT_EXPECT_EQ(test, f->free.count, 1);
	fixture_check(f);
	/* A hole splits it, filling the hole heals it. */
	tables = f->pt.tables;
	KUNIT_EXPECT_EQ(test, fixture_unmap(f, M2 + 5 * K, M2 + 7 * K - 1), 2 * K);
	KUNIT_EXPECT_TRUE(test, fixture_lacks(f, M2 + 5 * K));
	KUNIT_EXPECT_EQ(test, f->pt.tables, tables + 1);
	KUNIT_ASSERT_EQ(test, fixture_map(f, M2 + 5 * K, M2 + 7 * K - 1,
					  4 * M2 + 5 * K, RW), 0);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, M2, 4 * M2, RW, 21));
	KUNIT_EXPECT_EQ(test, f->pt.tables, tables);
	fixture_check(f);
}

static void coalesce_two_levels_at_once(struct kunit *test)
{
	struct pt_fixture *f = test->priv;

	if (f->shape->levels < 3)
		kunit_skip(test, "no such pages");
	/* All but one page, then this one. */
	KUNIT_ASSERT_EQ(test, fixture_map(f, G1, G1 + 5 * M2 - 1, 0, RW), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, G1 + 5 * M2 + K, 2 * G1 - 1,
					  5 * M2 + K, RW), 0);
	KUNIT_EXPECT_TRUE(test, fixture_lacks(f, G1 + 5 * M2));
	KUNIT_ASSERT_EQ(test, fixture_map(f, G1 + 5 * M2, G1 + 5 * M2 + K - 1,
					  5 * M2, RW), 0);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, G1, 0, RW, 30));
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 2 * G1 - 1, G1 - 1, RW, 30));
	KUNIT_EXPECT_EQ(test, f->free.count, 2);
	fixture_check(f);
	map_scattered(f, 4 * G1, 8 * G1, M2, 512);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 4 * G1, 8 * G1, RW, 30));
	fixture_check(f);
}

static void coalesce_mixed_sizes(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	u64 at, size;

	if (f->shape->levels < 2)
		kunit_skip(test, "no large pages");
	/* 4K, 4K, 8K, 16K, ... 1M, from behind: as large as the format has. */
	for (size = M2 / 2; size >= K; size /= 2)
		KUNIT_ASSERT_EQ(test, fixture_map(f, size, 2 * size - 1, size, R), 0);
	at = f->pt.tables;
	KUNIT_ASSERT_EQ(test, fixture_map(f, 0, K - 1, 0, R), 0);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, M2 - 1, M2 - 1, R, 21));
	KUNIT_EXPECT_EQ(test, f->pt.tables, at - 1);
	fixture_check(f);
}

static void coalesce_edges_of_a_long_range(struct kunit *test)
{
	struct pt_fixture *f = test->priv;

	if (f->shape->levels < 2)
		kunit_skip(test, "no large pages");
	KUNIT_ASSERT_EQ(test, fixture_map(f, 0, 3 * K - 1, 0, RW), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 5 * M2 - K, 5 * M2 - 1, 5 * M2 - K,
					  RW), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 3 * K, 5 * M2 - K - 1, 3 * K, RW), 0);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 0, 0, RW, 21));
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 5 * M2 - 1, 5 * M2 - 1, RW, 21));
	fixture_check(f);
}

static void coalesce_not_if_different(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	u64 limit = f->pt.va_last;

	if (f->shape->levels < 2)
		kunit_skip(test, "no large pages");
	/* One page with other permissions. */
	KUNIT_ASSERT_EQ(test, fixture_map(f, 0, 9 * K - 1, 0, RW), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 9 * K, 10 * K - 1, 9 * K, R), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 10 * K, M2 - 1, 10 * K, RW), 0);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 9 * K, 9 * K, R, 12));
	fixture_check(f);
	/* Contiguous, but off by a page. */
	KUNIT_ASSERT_EQ(test, fixture_map(f, M2, 2 * M2 - K - 1, M2 + K, RW), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 2 * M2 - K, 2 * M2 - 1, 2 * M2, RW), 0);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, M2, M2 + K, RW, 12));
	fixture_check(f);
	/* Two halves exchanged. */
	KUNIT_ASSERT_EQ(test, fixture_map(f, 2 * M2, 2 * M2 + M2 / 2 - 1,
					  M2 / 2, RW), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 2 * M2 + M2 / 2, 3 * M2 - 1, 0, RW), 0);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 2 * M2, M2 / 2, RW, 0));
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 3 * M2 - 1, M2 / 2 - 1, RW, 0));
	fixture_check(f);
	KUNIT_EXPECT_EQ(test, fixture_unmap(f, 0, limit), 3 * M2);
	/* Not allowed. */
	fixture_reset(f, K);
	map_scattered(f, 0, 0, K, 512);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 0, 0, RW, 12));
	fixture_check(f);
}

static void map_of_contiguous_memory_costs_no_tables(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	u64 va;

	if (f->shape->levels < 3)
		kunit_skip(test, "no such pages");
	for (va = 0; va < 16 * M2; va += K)
		KUNIT_ASSERT_EQ(test, fixture_map(f, va, va + K - 1, va, RW), 0);
	/* One table for each level, at most. */
	KUNIT_EXPECT_LE(test, f->pt.tables, f->shape->levels);
	KUNIT_EXPECT_TRUE(test, fixture_maps(f, 16 * M2 - 1, 16 * M2 - 1, RW, 0));
	fixture_check(f);
}

static struct kunit_case map_cases[] = {
	KUNIT_CASE_PARAM(map_each_size_at_each_end, pt_shape_gen_params),
	KUNIT_CASE_PARAM(map_across_each_boundary, pt_shape_gen_params),
	KUNIT_CASE_PARAM(map_whole_space_by_large_pages, pt_shape_gen_params),
	KUNIT_CASE_PARAM(map_chooses_as_brute_force_does, pt_shape_gen_params),
	KUNIT_CASE_PARAM(map_obeys_page_sizes, pt_shape_gen_params),
	KUNIT_CASE_PARAM(map_refuses_overlap_and_changes_nothing, pt_shape_gen_params),
	KUNIT_CASE_PARAM(map_refuses_overlap_with_large_page, pt_shape_gen_params),
	KUNIT_CASE_PARAM(map_permissions_come_back, pt_shape_gen_params),
	KUNIT_CASE_PARAM(coalesce_single_pages, pt_shape_gen_params),
	KUNIT_CASE_PARAM(coalesce_two_levels_at_once, pt_shape_gen_params),
	KUNIT_CASE_PARAM(coalesce_mixed_sizes, pt_shape_gen_params),
	KUNIT_CASE_PARAM(coalesce_edges_of_a_long_range, pt_shape_gen_params),
	KUNIT_CASE_PARAM(coalesce_not_if_different, pt_shape_gen_params),
	KUNIT_CASE_PARAM(map_of_contiguous_memory_costs_no_tables, pt_shape_gen_params),
	{}
};

static struct kunit_suite map_suite = {
	.name = "nyx_pt_map",
	.suite_exit = pt_suite_exit,
	.init = pt_fixture_init,
	.exit = pt_fixture_exit,
	.test_cases = map_cases,
};

kunit_test_suites(&init_suite, &map_suite);
