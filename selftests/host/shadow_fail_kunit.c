// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_shadow_fail: a sync of a shadow stops without memory, and goes on.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Only the host build can make allocations fail one by one.
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/nyx_iommu.h>

#include "base/types.h"
#include "core/changes/shadow.h"

#define NR_MAPS		12u
#define STRIDE		(4 * NYX_PAGE_SIZE)

/* Maps of one page, STRIDE from each other; *@ctx is added to their GPAs. */
static int next(void *ctx, u64 iova, u64 last, struct shadow_run *run)
{
	u64 start = iova & ~(STRIDE - 1), shift = *(u64 *)ctx;

	if (iova > start + NYX_PAGE_MASK)
		start += STRIDE;
	if (start >= NR_MAPS * STRIDE || start > last)
		return 0;
	run->iova = max(start, iova);
	run->last = min(start + NYX_PAGE_MASK, last);
	run->gpa = run->iova + shift;
	run->memory = ctx;
	run->prot = NYX_ACC_RW;
	run->lg2 = NYX_PAGE_LG2;
	return 1;
}

/* Are the changes from @from on maps of all pages from there on, in order? */
static bool are_maps(const struct shadow_out *out, u32 from, u32 nr, u64 shift)
{
	const struct nyx_change *c;
	u32 i;

	for (i = from; i < nr; i++) {
		c = &out->change[i];
		if (c->kind != NYX_CHANGE_MAP || c->iova != i * STRIDE ||
		    c->last != i * STRIDE + NYX_PAGE_MASK || c->gpa != c->iova + shift)
			return false;
	}
	return true;
}

static void map_without_memory_is_not_reported(struct kunit *test)
{
	struct nyx_change change[2 * NR_MAPS];
	struct shadow_out out;
	struct shadow_sync sync;
	struct shadow s;
	u64 shift = 0;
	u32 n;

	shadow_init(&s, 100);
	for (n = 1; n <= NR_MAPS; n++) {
		shadow_clear(&s);
		out = (struct shadow_out){ .change = change, .room = ARRAY_SIZE(change) };
		shadow_begin(&sync, 0, U64_MAX);
		host_fail_nth(n);
		KUNIT_EXPECT_EQ(test, shadow_update(&s, &sync, next, &shift, &out), -ENOMEM);
		host_fail_nth(0);
		KUNIT_EXPECT_EQ(test, out.nr, n - 1);
		KUNIT_EXPECT_EQ(test, s.nr, n - 1);
		KUNIT_EXPECT_EQ(test, s.bytes, (n - 1) * NYX_PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, sync.step, SHADOW_FILL);
		KUNIT_EXPECT_EQ(test, shadow_update(&s, &sync, next, &shift, &out), 0);
		KUNIT_EXPECT_EQ(test, sync.step, SHADOW_IDLE);
		KUNIT_EXPECT_EQ(test, out.nr, NR_MAPS);
		KUNIT_EXPECT_EQ(test, s.nr, NR_MAPS);
		KUNIT_EXPECT_TRUE(test, are_maps(&out, 0, NR_MAPS, shift));
	}
	shadow_clear(&s);
}

/* The end of a map is reported without memory. */
static void unmap_needs_no_memory(struct kunit *test)
{
	struct nyx_change change[2 * NR_MAPS];
	struct shadow_out out = { .change = change, .room = ARRAY_SIZE(change) };
	struct shadow_sync sync;
	struct shadow s;
	u64 shift = 0;

	shadow_init(&s, 100);
	shadow_begin(&sync, 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, shadow_update(&s, &sync, next, &shift, &out), 0);
	shift = NYX_PAGE_SIZE;
	out = (struct shadow_out){ .change = change, .room = ARRAY_SIZE(change) };
	shadow_begin(&sync, 0, U64_MAX);
	host_fail_nth(1);
	KUNIT_EXPECT_EQ(test, shadow_update(&s, &sync, next, &shift, &out), -ENOMEM);
	host_fail_nth(0);
	KUNIT_EXPECT_EQ(test, out.nr, 1u);
	KUNIT_EXPECT_EQ(test, change[0].kind, (u32)NYX_CHANGE_UNMAP);
	KUNIT_EXPECT_EQ(test, change[0].iova, 0ull);
	KUNIT_EXPECT_EQ(test, change[0].last, (NR_MAPS - 1) * STRIDE + NYX_PAGE_MASK);
	KUNIT_EXPECT_EQ(test, s.nr, 0u);
	out.change++;
	out.nr = 0;
	KUNIT_EXPECT_EQ(test, shadow_update(&s, &sync, next, &shift, &out), 0);
	KUNIT_EXPECT_EQ(test, out.nr, NR_MAPS);
	KUNIT_EXPECT_TRUE(test, are_maps(&out, 0, NR_MAPS, shift));
	shadow_clear(&s);
}

static struct kunit_case fail_cases[] = {
	KUNIT_CASE(map_without_memory_is_not_reported),
	KUNIT_CASE(unmap_needs_no_memory),
	{}
};

static struct kunit_suite fail_suite = {
	.name = "nyx_shadow_fail",
	.test_cases = fail_cases,
};

kunit_test_suite(fail_suite);
