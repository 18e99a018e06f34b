// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of the translation cache.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <kunit/test.h>
#include <linux/slab.h>

#include "tlb/iotlb.h"

#define PAGE_4K		12u
#define PAGE_2M		21u
#define PAGE_1G		30u

struct fixture {
	struct iotlb tlb;
	u64 word[2];
	struct iotlb_space a;
	struct iotlb_space b;
};

static int iotlb_setup(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	KUNIT_ASSERT_EQ(test, iotlb_init(&f->tlb, 256), 0);
	iotlb_space_init(&f->tlb, &f->a, &f->word[0]);
	iotlb_space_init(&f->tlb, &f->b, &f->word[1]);
	test->priv = f;
	return 0;
}

static void iotlb_teardown(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (f)
		iotlb_fini(&f->tlb);
}

static void fill(struct fixture *f, struct iotlb_space *s, u64 va, u64 oa,
		 unsigned int lg2, unsigned int perm)
{
	const struct iotlb_page page = {
		.va = va, .oa = oa, .lg2 = lg2, .perm = perm, .hint = 7,
	};
	struct iotlb_snap snap;

	iotlb_begin(s, &snap);
	iotlb_fill(&f->tlb, s, &snap, &page);
}

static bool has(struct fixture *f, struct iotlb_space *s, u64 va)
{
	struct iotlb_hit hit;

	return iotlb_lookup(&f->tlb, s, va, &hit);
}

static void fill_then_lookup_hits(struct kunit *test)
{
	static const struct {
		u64 va, oa;
		unsigned int lg2, perm;
		u64 probe, want;
	} t[] = {
		{ 0x1000, 0x7000, 12, NYX_ACC_READ, 0x1abc, 0x7abc },
		{ 0, 0, 12, NYX_ACC_RW, 0xfff, 0xfff },
		/* A size between classes: the entry of any of its 4K has the whole 32K page. */
		{ 0x13000, 0x48000 + 0x3000, 15, NYX_ACC_WRITE, 0x13456, 0x4b456 },
		{ 0x40000000 + 0x200000, 0x600000, 21, NYX_ACC_RW, 0x403fffff, 0x7fffff },
		/* 4M counts as 2M class; the other half is a miss of its own. */
		{ 0x80000000, 0xc00000, 22, NYX_ACC_RW, 0x801fffff, 0xdfffff },
		{ 0x4000000000, 0x40000000, 30, NYX_ACC_RW, 0x400abcdef0, 0x4abcdef0 },
		{ ~0xfffull, 0xffffffffff000, 12, NYX_ACC_RW, ~0ull, 0xfffffffffffff },
		/* Any byte of the page, not only the first one. */
		{ 0xb123, 0xc123, 12, NYX_ACC_READ | NYX_ACC_EXEC, 0xb456, 0xc456 },
	};
	struct fixture *f = test->priv;
	struct iotlb_hit hit;
	int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_EXPECT_FALSE(test, has(f, &f->a, t[i].probe));
		fill(f, &f->a, t[i].va, t[i].oa, t[i].lg2, t[i].perm);
		KUNIT_ASSERT_TRUE(test, iotlb_lookup(&f->tlb, &f->a, t[i].probe,
						     &hit));
		KUNIT_EXPECT_EQ(test, hit.oa, t[i].want);
		KUNIT_EXPECT_EQ(test, (unsigned int)hit.lg2, t[i].lg2);
		KUNIT_EXPECT_EQ(test, (unsigned int)hit.perm, t[i].perm);
		KUNIT_EXPECT_EQ(test, hit.hint, 7);
		KUNIT_EXPECT_EQ(test, (unsigned int)hit.valid_lg2,
				t[i].lg2 < PAGE_2M ? PAGE_4K :
				t[i].lg2 < PAGE_1G ? PAGE_2M : PAGE_1G);
	}
	KUNIT_EXPECT_FALSE(test, has(f, &f->a, 0x80200000));
}

/* The number of a large page is that of a small one elsewhere. */
static void classes_are_separate(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int count[IOTLB_NR_CLASSES];
	struct iotlb_hit hit;
	u64 nr;

	for (nr = 0; nr < 64; nr++) {
		iotlb_flush(&f->tlb, &f->a);
		/* No class is probed that has nothing. */
		KUNIT_EXPECT_EQ(test, f->word[0] & IOTLB_CLASSES, 0);
		fill(f, &f->a, nr << PAGE_2M, 0x40000000, PAGE_2M, NYX_ACC_RW);
		f->word[0] |= IOTLB_CLASS(IOTLB_4K) | IOTLB_CLASS(IOTLB_1G);
		KUNIT_EXPECT_TRUE(test, has(f, &f->a, nr << PAGE_2M));
		if (nr) {
			KUNIT_EXPECT_FALSE(test, has(f, &f->a, nr << PAGE_4K));
			KUNIT_EXPECT_FALSE(test, has(f, &f->a, nr << PAGE_1G));
		}
		fill(f, &f->a, nr << PAGE_4K, 0x1000, PAGE_4K, NYX_ACC_RW);
		KUNIT_ASSERT_TRUE(test, iotlb_lookup(&f->tlb, &f->a, nr << PAGE_4K, &hit));
		KUNIT_EXPECT_EQ(test, hit.oa, 0x1000);
		iotlb_count(&f->tlb, &f->a, count);
		KUNIT_EXPECT_EQ(test, count[IOTLB_4K], 1);
		KUNIT_EXPECT_EQ(test, count[IOTLB_2M], 1);
		KUNIT_EXPECT_EQ(test, count[IOTLB_1G], 0);
	}
}

static void only_other_sizes_are_parts(struct kunit *test)
{
	unsigned int lg2;

	for (lg2 = PAGE_4K; lg2 < 53; lg2++) {
		KUNIT_EXPECT_EQ(test, iotlb_holds_part(lg2),
				lg2 != PAGE_4K && lg2 != PAGE_2M && lg2 != PAGE_1G);
	}
}

static void spaces_are_separate(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct iotlb_hit hit;

	fill(f, &f->a, 0x5000, 0x1000, PAGE_4K, NYX_ACC_RW);
	KUNIT_EXPECT_FALSE(test, has(f, &f->b, 0x5000));
	fill(f, &f->b, 0x5000, 0x2000, PAGE_4K, NYX_ACC_RW);
	KUNIT_ASSERT_TRUE(test, iotlb_lookup(&f->tlb, &f->a, 0x5000, &hit));
	KUNIT_EXPECT_EQ(test, hit.oa, 0x1000);
	iotlb_flush(&f->tlb, &f->a);
	KUNIT_EXPECT_FALSE(test, has(f, &f->a, 0x5000));
	KUNIT_ASSERT_TRUE(test, iotlb_lookup(&f->tlb, &f->b, 0x5000, &hit));
	KUNIT_EXPECT_EQ(test, hit.oa, 0x2000);
}

static void refill_replaces_same_page(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int count[IOTLB_NR_CLASSES];
	struct iotlb_hit hit;

	fill(f, &f->a, 0x5000, 0x1000, PAGE_4K, NYX_ACC_READ);
	fill(f, &f->a, 0x5000, 0x1000, PAGE_4K, NYX_ACC_RW);
	iotlb_count(&f->tlb, &f->a, count);
	KUNIT_EXPECT_EQ(test, count[IOTLB_4K], 1);
	KUNIT_ASSERT_TRUE(test, iotlb_lookup(&f->tlb, &f->a, 0x5000, &hit));
	KUNIT_EXPECT_EQ(test, (unsigned int)hit.perm, NYX_ACC_RW);
}

static void invalidate_drops_range_only(struct kunit *test)
{
	struct fixture *f = test->priv;

	fill(f, &f->a, 0x4000, 0x1000, PAGE_4K, NYX_ACC_RW);
	fill(f, &f->a, 0x5000, 0x2000, PAGE_4K, NYX_ACC_RW);
	fill(f, &f->a, 0x6000, 0x3000, PAGE_4K, NYX_ACC_RW);
	KUNIT_EXPECT_FALSE(test, iotlb_invalidate(&f->tlb, &f->a, 0x5000, 0x5fff));
	KUNIT_EXPECT_TRUE(test, has(f, &f->a, 0x4000));
	KUNIT_EXPECT_FALSE(test, has(f, &f->a, 0x5000));
	KUNIT_EXPECT_TRUE(test, has(f, &f->a, 0x6000));
}

/* Any part of a large page takes the whole page out. */
static void invalidate_reaches_large_pages(struct kunit *test)
{
	struct fixture *f = test->priv;

	fill(f, &f->a, 0x200000, 0x200000, PAGE_2M, NYX_ACC_RW);
	fill(f, &f->a, 0x40000000, 0x40000000, PAGE_1G, NYX_ACC_RW);
	fill(f, &f->a, 0x1000, 0x1000, PAGE_4K, NYX_ACC_RW);
	iotlb_invalidate(&f->tlb, &f->a, 0x201000, 0x201fff);
	KUNIT_EXPECT_FALSE(test, has(f, &f->a, 0x3ff000));
	KUNIT_EXPECT_TRUE(test, has(f, &f->a, 0x40000000));
	iotlb_invalidate(&f->tlb, &f->a, 0x7ffff000, 0x7fffffff);
	KUNIT_EXPECT_FALSE(test, has(f, &f->a, 0x40000000));
	KUNIT_EXPECT_TRUE(test, has(f, &f->a, 0x1000));
}

/* Bits below the classes belong to the owner of the word. */
static void word_keeps_the_bits_of_its_owner(struct kunit *test)
{
	const u64 bits = BIT(IOTLB_CLASS_SHIFT) - 1;
	struct fixture *f = test->priv;

	f->word[0] |= bits;
	fill(f, &f->a, 0x1000, 0x1000, PAGE_4K, NYX_ACC_RW);
	KUNIT_EXPECT_EQ(test, f->word[0] & (BIT(IOTLB_TAG_SHIFT) - 1),
			bits | IOTLB_CLASS(IOTLB_4K));
	iotlb_flush(&f->tlb, &f->a);
	KUNIT_EXPECT_EQ(test, f->word[0] & (BIT(IOTLB_TAG_SHIFT) - 1), bits);
	iotlb_space_init(&f->tlb, &f->a, &f->word[0]);
	KUNIT_EXPECT_EQ(test, f->word[0] & (BIT(IOTLB_TAG_SHIFT) - 1), bits);
}

/* A fill for the tag before a flush sets no class of the new tag. */
static void late_fill_sets_no_class(struct kunit *test)
{
	const struct iotlb_page page = {
		.va = 0x1000, .oa = 0x1000, .lg2 = PAGE_4K, .perm = NYX_ACC_RW,
	};
	struct fixture *f = test->priv;
	struct iotlb_snap snap;

	iotlb_begin(&f->a, &snap);
	iotlb_flush(&f->tlb, &f->a);
	iotlb_fill(&f->tlb, &f->a, &snap, &page);
	KUNIT_EXPECT_EQ(test, f->word[0] & IOTLB_CLASSES, 0);
	KUNIT_EXPECT_FALSE(test, has(f, &f->a, 0x1000));
}

static void invalidate_big_range_flushes(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 tag = iotlb_tag(&f->a);

	fill(f, &f->a, 0x1000, 0x1000, PAGE_4K, NYX_ACC_RW);
	fill(f, &f->b, 0x1000, 0x1000, PAGE_4K, NYX_ACC_RW);
	KUNIT_EXPECT_TRUE(test, iotlb_invalidate(&f->tlb, &f->a, 0, ~0ull));
	KUNIT_EXPECT_NE(test, iotlb_tag(&f->a), tag);
	KUNIT_EXPECT_FALSE(test, has(f, &f->a, 0x1000));
	KUNIT_EXPECT_TRUE(test, has(f, &f->b, 0x1000));
}

/* The boundary between probing pages and flushing. */
static void invalidate_limit_is_exact(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 bytes = IOTLB_RANGE_MAX * NYX_PAGE_SIZE;

	fill(f, &f->a, 0x1000, 0x1000, PAGE_4K, NYX_ACC_RW);
	KUNIT_EXPECT_FALSE(test, iotlb_invalidate(&f->tlb, &f->a, 0, bytes - 1));
	KUNIT_EXPECT_FALSE(test, has(f, &f->a, 0x1000));
	KUNIT_EXPECT_TRUE(test, iotlb_invalidate(&f->tlb, &f->a, 0, bytes));
}

/* The cache must never get what an invalidation has taken away. */
static void fill_after_invalidate_is_dropped(struct kunit *test)
{
	static const struct iotlb_page page = {
		.va = 0x5000, .oa = 0x1000, .lg2 = PAGE_4K, .perm = NYX_ACC_RW,
	};
	struct fixture *f = test->priv;
	struct iotlb_snap snap;

	iotlb_begin(&f->a, &snap);
	/* ... the walk reads the old entry; the unmap comes in between ... */
	iotlb_invalidate(&f->tlb, &f->a, 0x5000, 0x5fff);
	iotlb_fill(&f->tlb, &f->a, &snap, &page);
	KUNIT_EXPECT_FALSE(test, has(f, &f->a, 0x5000));

	iotlb_begin(&f->a, &snap);
	iotlb_flush(&f->tlb, &f->a);
	iotlb_fill(&f->tlb, &f->a, &snap, &page);
	KUNIT_EXPECT_FALSE(test, has(f, &f->a, 0x5000));
}

/* A lookup finds what was filled last, however full the cache is. */
static void overfull_cache_never_lies(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct iotlb_hit hit;
	u64 i, hits = 0;

	for (i = 0; i < 4096; i++)
		fill(f, &f->a, i << PAGE_4K, (i * 3 + 1) << PAGE_4K, PAGE_4K,
		     NYX_ACC_RW);
	for (i = 0; i < 4096; i++) {
		if (!iotlb_lookup(&f->tlb, &f->a, i << PAGE_4K, &hit))
			continue;
		hits++;
		KUNIT_EXPECT_EQ(test, hit.oa, (i * 3 + 1) << PAGE_4K);
	}
	/* 256 slots, all in use by now. */
	KUNIT_EXPECT_EQ(test, hits, 256);
}

static void size_is_rounded_and_checked(struct kunit *test)
{
	struct iotlb_space s;
	u64 word = 0;
	struct iotlb tlb;

	KUNIT_EXPECT_EQ(test, iotlb_init(&tlb, IOTLB_MAX_ENTRIES + 1), -EINVAL);
	KUNIT_ASSERT_EQ(test, iotlb_init(&tlb, IOTLB_MAX_ENTRIES), 0);
	KUNIT_EXPECT_EQ(test, tlb.nr_sets * IOTLB_WAYS, IOTLB_MAX_ENTRIES);
	iotlb_fini(&tlb);
	KUNIT_ASSERT_EQ(test, iotlb_init(&tlb, 1), 0);
	KUNIT_EXPECT_EQ(test, tlb.nr_sets * IOTLB_WAYS, 8);
	iotlb_fini(&tlb);
	KUNIT_ASSERT_EQ(test, iotlb_init(&tlb, 100), 0);
	KUNIT_EXPECT_EQ(test, tlb.nr_sets * IOTLB_WAYS, 128);
	iotlb_fini(&tlb);

	/* Off: everything is accepted and nothing is kept. */
	KUNIT_ASSERT_EQ(test, iotlb_init(&tlb, 0), 0);
	iotlb_space_init(&tlb, &s, &word);
	KUNIT_EXPECT_FALSE(test, iotlb_invalidate(&tlb, &s, 0, ~0ull));
	iotlb_flush(&tlb, &s);
	KUNIT_EXPECT_TRUE(test, !tlb.sets);
	iotlb_fini(&tlb);
}

static struct kunit_case iotlb_cases[] = {
	KUNIT_CASE(fill_then_lookup_hits),
	KUNIT_CASE(classes_are_separate),
	KUNIT_CASE(only_other_sizes_are_parts),
	KUNIT_CASE(spaces_are_separate),
	KUNIT_CASE(refill_replaces_same_page),
	KUNIT_CASE(invalidate_drops_range_only),
	KUNIT_CASE(invalidate_reaches_large_pages),
	KUNIT_CASE(word_keeps_the_bits_of_its_owner),
	KUNIT_CASE(late_fill_sets_no_class),
	KUNIT_CASE(invalidate_big_range_flushes),
	KUNIT_CASE(invalidate_limit_is_exact),
	KUNIT_CASE(fill_after_invalidate_is_dropped),
	KUNIT_CASE(overfull_cache_never_lies),
	KUNIT_CASE(size_is_rounded_and_checked),
	{}
};

static struct kunit_suite iotlb_suite = {
	.name = "nyx_iotlb",
	.init = iotlb_setup,
	.exit = iotlb_teardown,
	.test_cases = iotlb_cases,
};

kunit_test_suite(iotlb_suite);
