// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_iotlb_step: fills, invalidations and lookups in all orders.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A table is one word here, @mapped. An actor that fills notes the space, looks at the word, and
 * fills if it is set; one that takes the translation away clears the word and invalidates.
 */
#include <kunit/test.h>

#include "host/step.h"
#include "tlb/iotlb.h"

/* Two sets of four ways: the smallest cache. */
#define ENTRIES		8u
#define VA		0x5000ull
#define OA		0x70000ull

struct fixture {
	struct iotlb tlb;
	u64 word[2];
	struct iotlb_space a;
	struct iotlb_space b;
	bool mapped;
	bool filled;
	bool flush;
	u64 va;
	u64 last;
	unsigned int lg2;
	u64 same_set[8];
	unsigned int nr_same;
	struct iotlb_hit hit[2];
	bool found[2];
};

static int setup(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	KUNIT_ASSERT_EQ(test, iotlb_init(&f->tlb, ENTRIES), 0);
	test->priv = f;
	return 0;
}

static void teardown(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (f)
		iotlb_fini(&f->tlb);
}

/* The output address, hint and permission of a page: no part of one fits to another. */
static u64 oa_of(u64 va)
{
	return OA + (va << 4);
}

static u32 hint_of(u64 va)
{
	return va >> 12;
}

static void fill_page(struct fixture *f, struct iotlb_space *s, u64 va, unsigned int lg2)
{
	const struct iotlb_page page = {
		.va = va, .oa = oa_of(va), .lg2 = lg2, .perm = NYX_ACC_RW, .hint = hint_of(va),
	};
	struct iotlb_snap snap;

	iotlb_begin(s, &snap);
	iotlb_fill(&f->tlb, s, &snap, &page);
}

static bool right(const struct iotlb_hit *hit, u64 va)
{
	return hit->oa == oa_of(va) && hit->hint == hint_of(va) && hit->lg2 == NYX_PAGE_LG2 &&
	       hit->perm == NYX_ACC_RW && hit->valid_lg2 == NYX_PAGE_LG2;
}

static void restart(void *arg)
{
	struct fixture *f = arg;

	memset(f->tlb.sets, 0, f->tlb.nr_sets * sizeof(*f->tlb.sets));
	atomic64_set(&f->tlb.next_tag, 0);
	f->word[0] = 0;
	iotlb_space_init(&f->tlb, &f->a, &f->word[0]);
	iotlb_space_init(&f->tlb, &f->b, &f->word[1]);
	f->mapped = true;
	if (f->filled)
		fill_page(f, &f->a, f->va, f->lg2);
	memset(f->hit, 0, sizeof(f->hit));
	memset(f->found, 0, sizeof(f->found));
}

/* ---- a fill beside the end of its translation ------------------------------- */

static void filler(void *arg)
{
	struct fixture *f = arg;
	const struct iotlb_page page = {
		.va = f->va, .oa = oa_of(f->va), .lg2 = f->lg2, .perm = NYX_ACC_RW,
	};
	struct iotlb_snap snap;

	iotlb_begin(&f->a, &snap);
	if (READ_ONCE(f->mapped))
		iotlb_fill(&f->tlb, &f->a, &snap, &page);
}

static void unmapper(void *arg)
{
	struct fixture *f = arg;

	WRITE_ONCE(f->mapped, false);
	if (f->flush)
		iotlb_flush(&f->tlb, &f->a);
	else
		iotlb_invalidate(&f->tlb, &f->a, f->va, f->last);
}

static bool nothing_stale(void *arg)
{
	struct fixture *f = arg;
	struct iotlb_hit hit;

	/* Class bits may be lost: a page beside it sets them. */
	fill_page(f, &f->a, f->va + (1ull << f->lg2), f->lg2);
	return !iotlb_lookup(&f->tlb, &f->a, f->va, &hit) &&
	       iotlb_lookup(&f->tlb, &f->a, f->va + (1ull << f->lg2), &hit);
}

static void fill_beside_invalidation_is_never_stale(struct kunit *test)
{
	static const unsigned int lg2[] = { 12, 21, 30 };
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { filler, f }, { unmapper, f } };
	int i;

	for (i = 0; i < ARRAY_SIZE(lg2); i++) {
		f->lg2 = lg2[i];
		f->va = 3ull << f->lg2;
		f->last = f->va + NYX_PAGE_SIZE - 1;
		f->filled = false;
		KUNIT_EXPECT_GT(test, step_explore(test, actor, 3, restart, nothing_stale, f),
				500);
		/* A fill that is too late must not keep the invalidation from the entry. */
		f->filled = true;
		KUNIT_EXPECT_GT(test, step_explore(test, actor, 2, restart, nothing_stale, f),
				100);
	}
}

static void fill_beside_flush_is_never_stale(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { filler, f }, { unmapper, f } };

	f->lg2 = NYX_PAGE_LG2;
	f->va = VA;
	f->flush = true;
	KUNIT_EXPECT_GT(test, step_explore(test, actor, 3, restart, nothing_stale, f), 100);
	/* And a range that is too large to be looked for. */
	f->flush = false;
	f->last = ~0ull;
	step_explore(test, actor, 3, restart, nothing_stale, f);
}

/* After a flush, a fill with the new tag is found by the invalidation that follows. */
static void flush_then_unmap(void *arg)
{
	struct fixture *f = arg;

	iotlb_flush(&f->tlb, &f->a);
	unmapper(f);
}

static void fill_after_flush_is_invalidated(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { filler, f }, { flush_then_unmap, f } };

	f->lg2 = NYX_PAGE_LG2;
	f->va = VA;
	f->last = VA + NYX_PAGE_SIZE - 1;
	step_explore(test, actor, 3, restart, nothing_stale, f);
}

/* ---- bits of the word's owner --------------------------------------------------- */

#define OWNER_BIT	0x2ull

static void owner(void *arg)
{
	struct fixture *f = arg;
	u64 word = READ_ONCE(f->word[0]), old;

	for (; (old = cmpxchg(&f->word[0], word, word | OWNER_BIT)) != word; word = old)
		;
}

static bool owner_has_its_bit(void *arg)
{
	struct fixture *f = arg;

	return f->word[0] & OWNER_BIT;
}

static void fill_and_flush_leave_the_owner_its_bits(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor fills[STEP_ACTORS] = { { filler, f }, { owner, f } };
	const struct step_actor flushes[STEP_ACTORS] = { { unmapper, f }, { owner, f } };

	f->lg2 = NYX_PAGE_LG2;
	f->va = VA;
	f->flush = true;
	step_explore(test, fills, 3, restart, owner_has_its_bit, f);
	step_explore(test, flushes, 3, restart, owner_has_its_bit, f);
}

/* ---- entries that are replaced ------------------------------------------------ */

/* Pages that share a set with the first one, for a full set. */
static void find_same_set(struct fixture *f, const struct iotlb_space *s)
{
	const struct iotlb_set *set;
	u64 va = VA;

	set = iotlb_set(&f->tlb, iotlb_key(va, IOTLB_4K), iotlb_tag(s));
	for (f->nr_same = 0; f->nr_same < ARRAY_SIZE(f->same_set); va += NYX_PAGE_SIZE) {
		if (iotlb_set(&f->tlb, iotlb_key(va, IOTLB_4K), iotlb_tag(s)) == set)
			f->same_set[f->nr_same++] = va;
	}
}

static void restart_full(void *arg)
{
	struct fixture *f = arg;
	unsigned int i;

	restart(f);
	find_same_set(f, &f->a);
	for (i = 0; i < IOTLB_WAYS; i++)
		fill_page(f, &f->a, f->same_set[i], NYX_PAGE_LG2);
}

/* The order of earlier steps decides which of the four goes next: look up all four. */
static void replacer(void *arg)
{
	struct fixture *f = arg;

	fill_page(f, &f->a, f->same_set[4], NYX_PAGE_LG2);
	fill_page(f, &f->a, f->same_set[5], NYX_PAGE_LG2);
}

static void other_replacer(void *arg)
{
	struct fixture *f = arg;

	fill_page(f, &f->a, f->same_set[6], NYX_PAGE_LG2);
}

static void looker(void *arg)
{
	struct fixture *f = arg;

	f->found[0] = iotlb_lookup(&f->tlb, &f->a, f->va, &f->hit[0]);
}

static bool all_right(void *arg)
{
	struct fixture *f = arg;
	struct iotlb_hit hit;
	unsigned int i;

	if (f->found[0] && !right(&f->hit[0], f->va))
		return false;
	for (i = 0; i < f->nr_same; i++) {
		if (iotlb_lookup(&f->tlb, &f->a, f->same_set[i], &hit) &&
		    !right(&hit, f->same_set[i]))
			return false;
	}
	return true;
}

static void lookup_beside_replacement_is_whole(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { looker, f }, { replacer, f } };
	unsigned int i;

	for (i = 0; i < IOTLB_WAYS + 2; i++) {
		restart_full(f);
		f->va = f->same_set[i];
		KUNIT_EXPECT_GT(test, step_explore(test, actor, 2, restart_full, all_right, f),
				100);
	}
}

/* Two that replace the same entry: the second one gives up, or comes later. */
static void replacements_beside_each_other_are_whole(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { replacer, f }, { other_replacer, f } };

	restart_full(f);
	f->va = f->same_set[0];
	KUNIT_EXPECT_GT(test, step_explore(test, actor, 2, restart_full, all_right, f), 100);
}

/* An invalidation, while another page takes the entry. */
static void unmap_first(void *arg)
{
	struct fixture *f = arg;

	iotlb_invalidate(&f->tlb, &f->a, f->va, f->va + NYX_PAGE_SIZE - 1);
}

static bool first_is_gone(void *arg)
{
	struct fixture *f = arg;
	struct iotlb_hit hit;

	return !iotlb_lookup(&f->tlb, &f->a, f->va, &hit) && all_right(f);
}

static void invalidation_beside_replacement_is_done(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { unmap_first, f }, { replacer, f } };
	unsigned int i;

	for (i = 0; i < IOTLB_WAYS; i++) {
		restart_full(f);
		f->va = f->same_set[i];
		KUNIT_EXPECT_GT(test, step_explore(test, actor, 2, restart_full, first_is_gone, f),
				100);
	}
}

/*
 * A fill that stands still with the entry of its page in its hands: the invalidation of the page
 * waits for it, and then empties the entry.
 */
static void fill_first(void *arg)
{
	struct fixture *f = arg;

	fill_page(f, &f->a, f->va, NYX_PAGE_LG2);
}

static void invalidation_waits_for_writer(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { fill_first, f }, { unmap_first, f } };
	struct iotlb_entry *e;
	struct iotlb_hit hit;
	unsigned int way;
	bool odd = false;

	restart(f);
	f->va = VA;
	e = iotlb_set(&f->tlb, iotlb_key(VA, IOTLB_4K), iotlb_tag(&f->a))->way;
	step_start(actor);
	while (!odd && step_go(0, 1)) {
		for (way = 0; way < IOTLB_WAYS; way++)
			odd |= e[way].seq & 1;
	}
	KUNIT_ASSERT_TRUE(test, odd);
	KUNIT_EXPECT_TRUE(test, step_go(1, 300));
	KUNIT_EXPECT_TRUE(test, step_go(1, 300));
	step_finish();
	KUNIT_EXPECT_FALSE(test, iotlb_lookup(&f->tlb, &f->a, VA, &hit));
}

/* ---- several spaces ------------------------------------------------------------- */

static void tags_are_compared(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int count[IOTLB_NR_CLASSES];
	struct iotlb_hit hit;
	u64 va;

	/* Of two sets, each page's is the same for both spaces every other time. */
	for (va = 0; va < 64 * NYX_PAGE_SIZE; va += NYX_PAGE_SIZE) {
		restart(f);
		fill_page(f, &f->b, va, NYX_PAGE_LG2);
		f->word[0] |= IOTLB_CLASS(IOTLB_4K);
		KUNIT_ASSERT_FALSE(test, iotlb_lookup(&f->tlb, &f->a, va, &hit));
		fill_page(f, &f->a, va, NYX_PAGE_LG2);
		/* Two entries: no page was replaced by that of the other space. */
		KUNIT_ASSERT_TRUE(test, iotlb_lookup(&f->tlb, &f->b, va, &hit));
		iotlb_count(&f->tlb, &f->a, count);
		KUNIT_ASSERT_EQ(test, count[IOTLB_4K], 1);
		iotlb_invalidate(&f->tlb, &f->a, va, va);
		KUNIT_ASSERT_FALSE(test, iotlb_lookup(&f->tlb, &f->a, va, &hit));
		KUNIT_ASSERT_TRUE(test, iotlb_lookup(&f->tlb, &f->b, va, &hit));
		iotlb_count(&f->tlb, &f->a, count);
		KUNIT_ASSERT_EQ(test, count[IOTLB_4K], 0);
	}
}

/* Each entry of a set has its turn, so that none stays for ever. */
static void full_set_replaces_each_in_turn(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct iotlb_hit hit;
	unsigned int i, there;

	restart_full(f);
	for (i = 0; i < IOTLB_WAYS; i++)
		KUNIT_EXPECT_TRUE(test, iotlb_lookup(&f->tlb, &f->a, f->same_set[i], &hit));
	for (i = IOTLB_WAYS; i < 2 * IOTLB_WAYS; i++)
		fill_page(f, &f->a, f->same_set[i], NYX_PAGE_LG2);
	for (i = 0, there = 0; i < 2 * IOTLB_WAYS; i++)
		there += iotlb_lookup(&f->tlb, &f->a, f->same_set[i], &hit);
	KUNIT_EXPECT_EQ(test, there, IOTLB_WAYS);
	for (i = IOTLB_WAYS; i < 2 * IOTLB_WAYS; i++)
		KUNIT_EXPECT_TRUE(test, iotlb_lookup(&f->tlb, &f->a, f->same_set[i], &hit));
}

/* Nothing is replaced as long as there is an empty entry, wherever it is. */
static void empty_entry_is_filled_first(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct iotlb_hit hit;
	unsigned int a, b, i;
	u64 *va = f->same_set;

	for (a = 0; a < IOTLB_WAYS; a++) {
		for (b = a + 1; b < IOTLB_WAYS; b++) {
			restart_full(f);
			iotlb_invalidate(&f->tlb, &f->a, va[a], va[a]);
			iotlb_invalidate(&f->tlb, &f->a, va[b], va[b]);
			fill_page(f, &f->a, va[IOTLB_WAYS], NYX_PAGE_LG2);
			fill_page(f, &f->a, va[IOTLB_WAYS + 1], NYX_PAGE_LG2);
			for (i = 0; i < IOTLB_WAYS + 2; i++) {
				KUNIT_EXPECT_EQ(test, iotlb_lookup(&f->tlb, &f->a, va[i], &hit),
						i != a && i != b);
			}
		}
	}
}

/* An entry of @s in the way that its page is looked for in first */
static bool at_home(struct fixture *f, const struct iotlb_space *s, u64 va)
{
	u64 key = iotlb_key(va, IOTLB_4K), tag = iotlb_tag(s);
	const struct iotlb_entry *e = iotlb_home(&f->tlb, key, tag);

	return e->key == key && e->tag == tag;
}

/* Fills all entries with pages of a tag that is gone, and gives @a and @b new tags. */
static void only_old_tags(struct fixture *f)
{
	struct iotlb_entry *e = f->tlb.sets->way;
	unsigned int i;

	for (i = 0; i < f->tlb.nr_sets * IOTLB_WAYS; i++)
		e[i] = (struct iotlb_entry){
			.key = 1ull << 60 | 1, .tag = iotlb_tag(&f->a), .seq = i % 7 * 2,
		};
	iotlb_flush(&f->tlb, &f->a);
	iotlb_flush(&f->tlb, &f->b);
}

/* A page goes home if its home is empty. */
static void page_goes_home(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	restart(f);
	for (i = 0; i < 64; i++) {
		memset(f->tlb.sets, 0, iotlb_size(&f->tlb));
		fill_page(f, &f->a, (u64)i << NYX_PAGE_LG2, NYX_PAGE_LG2);
		KUNIT_EXPECT_TRUE(test, at_home(f, &f->a, (u64)i << NYX_PAGE_LG2));
	}
}

/* Most pages go home although entries of old tags are there. */
static void old_tags_leave_homes(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int round, i, home = 0;

	restart(f);
	for (round = 0; round < 64; round++) {
		only_old_tags(f);
		for (i = 0; i < 8; i++) {
			u64 va = (u64)(round * 8 + i) << NYX_PAGE_LG2;

			fill_page(f, &f->a, va, NYX_PAGE_LG2);
			home += at_home(f, &f->a, va);
		}
	}
	KUNIT_EXPECT_GT(test, 2 * home, 64 * 8);
}

/* Pages of two spaces with one home have room for both soon, wherever that is in the set. */
static void two_tags_share_a_home(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i, j, ways = 0;
	struct iotlb_hit hit;

	restart(f);
	for (i = 0; i < 64; i++) {
		u64 va = (u64)i << NYX_PAGE_LG2, other = 0;
		const struct iotlb_entry *home;

		only_old_tags(f);
		home = iotlb_home(&f->tlb, iotlb_key(va, IOTLB_4K), iotlb_tag(&f->a));
		while (iotlb_home(&f->tlb, iotlb_key(other, IOTLB_4K), iotlb_tag(&f->b)) != home)
			other += NYX_PAGE_SIZE;
		for (j = 0; j < 12; j++) {
			if (!iotlb_lookup(&f->tlb, &f->a, va, &hit))
				fill_page(f, &f->a, va, NYX_PAGE_LG2);
			if (!iotlb_lookup(&f->tlb, &f->b, other, &hit))
				fill_page(f, &f->b, other, NYX_PAGE_LG2);
		}
		KUNIT_EXPECT_TRUE(test, iotlb_lookup(&f->tlb, &f->a, va, &hit));
		KUNIT_EXPECT_TRUE(test, iotlb_lookup(&f->tlb, &f->b, other, &hit));
		ways |= 1 << (home - f->tlb.sets->way) % IOTLB_WAYS;
	}
	KUNIT_EXPECT_EQ(test, ways, (1u << IOTLB_WAYS) - 1);
}

/* A page that is not at home is refilled where it is: no other page loses its entry. */
static void page_is_refilled_elsewhere(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int round, i, away = 0;
	struct iotlb_hit hit;

	restart(f);
	for (round = 0; round < 16; round++) {
		memset(f->tlb.sets, 0, iotlb_size(&f->tlb));
		iotlb_flush(&f->tlb, &f->a);
		find_same_set(f, &f->a);
		for (i = 0; i < IOTLB_WAYS; i++)
			fill_page(f, &f->a, f->same_set[i], NYX_PAGE_LG2);
		for (i = 0; i < IOTLB_WAYS; i++)
			away += !at_home(f, &f->a, f->same_set[i]);
		for (i = 0; i < IOTLB_WAYS; i++)
			fill_page(f, &f->a, f->same_set[i], NYX_PAGE_LG2);
		for (i = 0; i < IOTLB_WAYS; i++)
			KUNIT_EXPECT_TRUE(test, iotlb_lookup(&f->tlb, &f->a, f->same_set[i], &hit));
	}
	KUNIT_EXPECT_NE(test, away, 0);
}

/* If two fills at once have made two entries of a page, the one that lookups see is refilled. */
static void home_is_refilled_first(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 key, tag, va;
	struct iotlb_entry *home;
	struct iotlb_hit hit;
	unsigned int i, way;

	restart(f);
	for (i = 0; i < 16; i++) {
		va = (u64)i << NYX_PAGE_LG2;
		key = iotlb_key(va, IOTLB_4K);
		tag = iotlb_tag(&f->a);
		home = iotlb_home(&f->tlb, key, tag);
		for (way = 0; way < IOTLB_WAYS; way++)
			iotlb_set(&f->tlb, key, tag)->way[way] = (struct iotlb_entry){
				.key = key, .tag = tag, .val = NYX_PAGE_LG2,
			};
		fill_page(f, &f->a, va, NYX_PAGE_LG2);
		KUNIT_EXPECT_NE(test, home->seq, 0);
		KUNIT_EXPECT_TRUE(test, iotlb_lookup(&f->tlb, &f->a, va, &hit));
		KUNIT_EXPECT_NE(test, hit.perm, 0);
	}
}

static void no_memory_is_an_error(struct kunit *test)
{
	struct iotlb tlb;

	host_fail_nth(1);
	KUNIT_EXPECT_EQ(test, iotlb_init(&tlb, ENTRIES), -ENOMEM);
	KUNIT_EXPECT_TRUE(test, host_failed());
	host_fail_nth(0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(fill_beside_invalidation_is_never_stale),
	KUNIT_CASE(fill_beside_flush_is_never_stale),
	KUNIT_CASE(fill_after_flush_is_invalidated),
	KUNIT_CASE(fill_and_flush_leave_the_owner_its_bits),
	KUNIT_CASE(lookup_beside_replacement_is_whole),
	KUNIT_CASE(replacements_beside_each_other_are_whole),
	KUNIT_CASE(invalidation_beside_replacement_is_done),
	KUNIT_CASE(invalidation_waits_for_writer),
	KUNIT_CASE(tags_are_compared),
	KUNIT_CASE(full_set_replaces_each_in_turn),
	KUNIT_CASE(empty_entry_is_filled_first),
	KUNIT_CASE(page_goes_home),
	KUNIT_CASE(old_tags_leave_homes),
	KUNIT_CASE(two_tags_share_a_home),
	KUNIT_CASE(page_is_refilled_elsewhere),
	KUNIT_CASE(home_is_refilled_first),
	KUNIT_CASE(no_memory_is_an_error),
	{}
};

static struct kunit_suite suite = {
	.name = "nyx_iotlb_step",
	.init = setup,
	.exit = teardown,
	.test_cases = cases,
};

kunit_test_suite(suite);
