// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_pt_fail: no memory, no patience.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each operation is tried again and again, and each time a later allocation
 * fails, or a later question whether the caller was killed is answered with
 * yes, until it gets through. As long as it does not, nothing may change. Only
 * the host build can make allocations fail one by one.
 */
#include "../../kmod/tests/pt_kunit.h"

#include <linux/module.h>

#define K	4096ull
#define M2	BIT_ULL(21)
#define G1	BIT_ULL(30)
#define RW	NYX_ACC_RW

/**
 * struct op - an operation on a prepared table
 * @name: for the report
 * @unmap: it is pt_unmap()
 * @va: first address
 * @last: last address
 * @oa: output address
 * @levels: depth that it needs
 */
struct op {
	const char *name;
	bool unmap;
	u64 va;
	u64 last;
	u64 oa;
	unsigned int levels;
};

static const struct op ops[] = {
	{ "one page", false, 3 * K, 4 * K - 1, 0, 1 },
	{ "across tables", false, 3 * M2 - K, 6 * M2 + K - 1, K, 2 },
	{ "across large tables", false, 3 * G1 - K, 3 * G1 + K - 1, 5 * M2, 3 },
	{ "many tables", false, 20 * M2, 50 * M2 - 1, K, 2 },
	{ "page out of a large one", true, 8 * M2 + K, 8 * M2 + 2 * K - 1, 0, 2 },
	{ "end of one to start of another", true, 9 * M2 - K, 10 * M2 + K - 1, 0, 2 },
	{ "page out of a huge one", true, 5 * G1 + 7 * M2 + K,
	  5 * G1 + 7 * M2 + 2 * K - 1, 0, 3 },
	{ "large page out of a huge one", true, 5 * G1 + 7 * M2,
	  5 * G1 + 8 * M2 - 1, 0, 3 },
	{ "two ends of a huge one", true, 5 * G1 + K, 6 * G1 - K - 1, 0, 3 },
	{ "two huge ones", true, 6 * G1 - K, 6 * G1 + 3 * M2 + K - 1, 0, 3 },
	{ "all of it", true, 0, ~0ull, 0, 1 },
};

static void prepare(struct pt_fixture *f)
{
	struct kunit *test = f->test;
	unsigned int levels = f->shape->levels;

	fixture_reset(f, 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 10 * K, 11 * K - 1, 0, RW), 0);
	if (levels > 1)
		KUNIT_ASSERT_EQ(test, fixture_map(f, 8 * M2, 11 * M2 - 1, M2, RW), 0);
	if (levels > 2)
		KUNIT_ASSERT_EQ(test, fixture_map(f, 5 * G1, 7 * G1 - 1, 0, RW), 0);
}

static int run_op(struct pt_fixture *f, const struct op *op, u64 *bytes)
{
	if (op->unmap)
		return pt_unmap(&f->pt, op->va, op->last, &f->free, bytes);
	*bytes = op->last - op->va + 1;
	return pt_map(&f->pt, op->va, op->last, op->oa, RW, &f->free);
}

static void sweep(struct pt_fixture *f, void (*nth)(unsigned int nth), int error)
{
	struct kunit *test = f->test;
	unsigned int n, i, most = 0;
	u64 before, bytes, mapped;
	int err;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		const struct op *op = &ops[i];

		if (op->levels > f->shape->levels)
			continue;
		prepare(f);
		before = fixture_check(f);
		mapped = f->pt.mapped;
		for (n = 1;; n++) {
			bytes = 77;
			nth(n);
			err = run_op(f, op, &bytes);
			nth(0);
			if (!err)
				break;
			KUNIT_ASSERT_EQ_MSG(test, err, error, "%s, %u", op->name, n);
			KUNIT_ASSERT_EQ_MSG(test, fixture_check(f), before,
					    "%s, %u", op->name, n);
			KUNIT_ASSERT_EQ(test, f->pt.mapped, mapped);
			if (op->unmap)
				KUNIT_ASSERT_EQ(test, bytes, 0);
		}
		most = max(most, n - 1);
		KUNIT_EXPECT_EQ(test, f->pt.mapped,
				op->unmap ? mapped - bytes : mapped + bytes);
		fixture_check(f);
	}
	if (f->shape->levels > 2)
		KUNIT_EXPECT_GT(test, most, 2);
}

static void nothing_changes_without_memory(struct kunit *test)
{
	sweep(test->priv, host_fail_nth, -ENOMEM);
}

static void nothing_changes_if_killed(struct kunit *test)
{
	sweep(test->priv, host_kill_nth, -EINTR);
}

static void first_map_without_memory_leaves_no_root(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	unsigned int n;
	int err;

	for (n = 1;; n++) {
		host_fail_nth(n);
		err = fixture_map(f, K, 2 * K - 1, 0, RW);
		host_fail_nth(0);
		if (!err)
			break;
		KUNIT_ASSERT_EQ(test, err, -ENOMEM);
		KUNIT_ASSERT_EQ(test, f->pt.root, 0);
		KUNIT_ASSERT_EQ(test, f->pt.tables, 0);
	}
	KUNIT_EXPECT_EQ(test, n, f->shape->levels + 1);
}

/* A range that was split before can be unmapped without memory. */
static void unmap_of_what_is_split_cannot_fail(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	unsigned int n, i;
	u64 before, bytes, mapped;
	int err;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		const struct op *op = &ops[i];

		if (!op->unmap || op->levels > f->shape->levels)
			continue;
		prepare(f);
		before = fixture_check(f);
		mapped = f->pt.mapped;
		for (n = 1;; n++) {
			host_fail_nth(n);
			err = pt_split(&f->pt, op->va, op->last);
			host_fail_nth(0);
			if (!err)
				break;
			KUNIT_ASSERT_EQ_MSG(test, err, -ENOMEM, "%s, %u", op->name, n);
			KUNIT_ASSERT_EQ_MSG(test, fixture_check(f), before,
					    "%s, %u", op->name, n);
		}
		KUNIT_ASSERT_EQ(test, f->pt.mapped, mapped);
		host_fail_nth(1);
		err = pt_unmap(&f->pt, op->va, op->last, &f->free, &bytes);
		host_fail_nth(0);
		KUNIT_ASSERT_EQ_MSG(test, err, 0, "%s", op->name);
		KUNIT_EXPECT_GT(test, bytes, 0);
		fixture_check(f);
	}
}

static struct kunit_case fail_cases[] = {
	KUNIT_CASE_PARAM(nothing_changes_without_memory, pt_shape_gen_params),
	KUNIT_CASE_PARAM(nothing_changes_if_killed, pt_shape_gen_params),
	KUNIT_CASE_PARAM(unmap_of_what_is_split_cannot_fail, pt_shape_gen_params),
	KUNIT_CASE_PARAM(first_map_without_memory_leaves_no_root, pt_shape_gen_params),
	{}
};

static struct kunit_suite fail_suite = {
	.name = "nyx_pt_fail",
	.suite_exit = pt_suite_exit,
	.init = pt_fixture_init,
	.exit = pt_fixture_exit,
	.test_cases = fail_cases,
};

kunit_test_suite(fail_suite);
