// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of the guest memory map.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The map only carries pointers to regions, so the regions here are numbers.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "mem/memslots.h"

#define PAGE_4K		4096ull
#define GPA_LAST	0xfffffffffffffull	/* 2^52 - 1 */
#define MANY		4096u

static unsigned long memslots_seed;
module_param(memslots_seed, ulong, 0444);

static struct region *region_nr(unsigned long nr)
{
	return (struct region *)(16 * (nr + 1));
}

static const struct memslot *find(const struct memslots *map, u64 gpa)
{
	const struct memslot *slot;
	u32 hint = 0;

	rcu_read_lock();
	slot = memslots_find(map, gpa, &hint);
	rcu_read_unlock();
	return slot;
}

static bool finds(const struct memslots *map, u64 gpa, struct region *region)
{
	const struct memslot *slot = find(map, gpa);

	return slot && slot->region == region && slot->start <= gpa && gpa <= slot->last;
}

static int memslots_setup(struct kunit *test)
{
	struct memslots *map = kunit_kzalloc(test, sizeof(*map), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, map);
	memslots_init(map, MANY);
	test->priv = map;
	return 0;
}

static void memslots_teardown(struct kunit *test)
{
	struct memslots *map = test->priv;

	if (!map)
		return;
	while (memslots_pop(map))
		;
	KUNIT_EXPECT_EQ(test, map->bytes, 0);
	memslots_fini(map);
}

static void empty_map_has_nothing(struct kunit *test)
{
	struct memslots *map = test->priv;

	KUNIT_EXPECT_NULL(test, find(map, 0));
	KUNIT_EXPECT_NULL(test, find(map, GPA_LAST));
	KUNIT_EXPECT_NULL(test, memslots_next(map, 0));
	KUNIT_EXPECT_TRUE(test, memslots_remove(map, 0, PAGE_4K - 1) == ERR_PTR(-ENOENT));
	KUNIT_EXPECT_NULL(test, memslots_pop(map));
}

static void find_ends_at_the_bounds(struct kunit *test)
{
	struct memslots *map = test->priv;

	KUNIT_ASSERT_EQ(test, memslots_insert(map, 0x10000, 0x2ffff, region_nr(1)), 0);
	KUNIT_ASSERT_EQ(test, memslots_insert(map, 0x30000, 0x30fff, region_nr(2)), 0);
	KUNIT_EXPECT_NULL(test, find(map, 0xffff));
	KUNIT_EXPECT_TRUE(test, finds(map, 0x10000, region_nr(1)));
	KUNIT_EXPECT_TRUE(test, finds(map, 0x2ffff, region_nr(1)));
	KUNIT_EXPECT_TRUE(test, finds(map, 0x30000, region_nr(2)));
	KUNIT_EXPECT_TRUE(test, finds(map, 0x30fff, region_nr(2)));
	KUNIT_EXPECT_NULL(test, find(map, 0x31000));
	KUNIT_EXPECT_EQ(test, map->bytes, 0x21000);
}

static void next_skips_gaps(struct kunit *test)
{
	struct memslots *map = test->priv;

	KUNIT_ASSERT_EQ(test, memslots_insert(map, 0x10000, 0x1ffff, region_nr(1)), 0);
	KUNIT_ASSERT_EQ(test, memslots_insert(map, 0x40000, 0x4ffff, region_nr(2)), 0);
	KUNIT_EXPECT_PTR_EQ(test, memslots_next(map, 0)->region, region_nr(1));
	KUNIT_EXPECT_PTR_EQ(test, memslots_next(map, 0x1ffff)->region, region_nr(1));
	KUNIT_EXPECT_PTR_EQ(test, memslots_next(map, 0x20000)->region, region_nr(2));
	KUNIT_EXPECT_PTR_EQ(test, memslots_next(map, 0x4ffff)->region, region_nr(2));
	KUNIT_EXPECT_NULL(test, memslots_next(map, 0x50000));
}

static void insert_rejects_overlap(struct kunit *test)
{
	static const struct {
		u64 start, last;
		int ret;
	} t[] = {
		{ 0x10000, 0x1ffff, -EEXIST },	/* the same */
		{ 0x11000, 0x11fff, -EEXIST },	/* inside */
		{ 0x0f000, 0x20fff, -EEXIST },	/* around */
		{ 0x0f000, 0x10fff, -EEXIST },	/* over the beginning */
		{ 0x1f000, 0x20fff, -EEXIST },	/* over the end */
		{ 0x20000, 0x3ffff, -EEXIST },	/* the next one's beginning */
		{ 0x00000, GPA_LAST, -EEXIST },	/* everything */
		{ 0x0f000, 0x0ffff, 0 },	/* right before */
		{ 0x20000, 0x2ffff, 0 },	/* exactly in between */
	};
	struct memslots *map = test->priv;
	int i;

	KUNIT_ASSERT_EQ(test, memslots_insert(map, 0x10000, 0x1ffff, region_nr(1)), 0);
	KUNIT_ASSERT_EQ(test, memslots_insert(map, 0x30000, 0x3ffff, region_nr(2)), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		KUNIT_EXPECT_EQ_MSG(test, memslots_insert(map, t[i].start, t[i].last,
							  region_nr(3)),
				    t[i].ret, "case %d", i);
	KUNIT_EXPECT_EQ(test, map->bytes, 0x31000);
}

static void edges_of_the_address_space(struct kunit *test)
{
	struct memslots *map = test->priv;
	u64 top = GPA_LAST - PAGE_4K + 1;

	KUNIT_ASSERT_EQ(test, memslots_insert(map, 0, PAGE_4K - 1, region_nr(1)), 0);
	KUNIT_ASSERT_EQ(test, memslots_insert(map, top, GPA_LAST, region_nr(2)), 0);
	KUNIT_EXPECT_TRUE(test, finds(map, 0, region_nr(1)));
	KUNIT_EXPECT_TRUE(test, finds(map, GPA_LAST, region_nr(2)));
	KUNIT_EXPECT_NULL(test, find(map, PAGE_4K));
	KUNIT_EXPECT_NULL(test, find(map, top - 1));
	KUNIT_EXPECT_NULL(test, find(map, GPA_LAST + 1));
	KUNIT_EXPECT_NULL(test, find(map, ~0ull));
	KUNIT_EXPECT_PTR_EQ(test, memslots_remove(map, 0, PAGE_4K - 1), region_nr(1));
	KUNIT_EXPECT_PTR_EQ(test, memslots_remove(map, top, GPA_LAST), region_nr(2));

	KUNIT_ASSERT_EQ(test, memslots_insert(map, 0, GPA_LAST, region_nr(3)), 0);
	KUNIT_EXPECT_EQ(test, map->bytes, GPA_LAST + 1);
	KUNIT_EXPECT_TRUE(test, finds(map, 0, region_nr(3)));
	KUNIT_EXPECT_TRUE(test, finds(map, GPA_LAST, region_nr(3)));
	KUNIT_EXPECT_EQ(test, memslots_insert(map, 0, PAGE_4K - 1, region_nr(4)),
			-EEXIST);
	KUNIT_EXPECT_EQ(test, memslots_insert(map, top, GPA_LAST, region_nr(4)), -EEXIST);
}

static void remove_wants_the_exact_range(struct kunit *test)
{
	struct memslots *map = test->priv;

	KUNIT_ASSERT_EQ(test, memslots_insert(map, 0x10000, 0x1ffff, region_nr(1)), 0);
	KUNIT_ASSERT_EQ(test, memslots_insert(map, 0x20000, 0x2ffff, region_nr(2)), 0);
	KUNIT_EXPECT_TRUE(test,
			  memslots_remove(map, 0x10000, 0x10fff) == ERR_PTR(-ENOENT));
	KUNIT_EXPECT_TRUE(test,
			  memslots_remove(map, 0x11000, 0x1ffff) == ERR_PTR(-ENOENT));
	KUNIT_EXPECT_TRUE(test,
			  memslots_remove(map, 0x10000, 0x2ffff) == ERR_PTR(-ENOENT));
	KUNIT_EXPECT_TRUE(test, memslots_remove(map, 0, 0xffff) == ERR_PTR(-ENOENT));
	KUNIT_EXPECT_TRUE(test,
			  memslots_remove(map, 0x30000, 0x30fff) == ERR_PTR(-ENOENT));
	KUNIT_EXPECT_EQ(test, map->bytes, 0x20000);
	KUNIT_EXPECT_PTR_EQ(test, memslots_remove(map, 0x10000, 0x1ffff), region_nr(1));
	KUNIT_EXPECT_NULL(test, find(map, 0x10000));
	KUNIT_EXPECT_TRUE(test, finds(map, 0x20000, region_nr(2)));
	KUNIT_EXPECT_TRUE(test,
			  memslots_remove(map, 0x10000, 0x1ffff) == ERR_PTR(-ENOENT));
	KUNIT_EXPECT_EQ(test, map->bytes, 0x10000);
}

static void limit_holds(struct kunit *test)
{
	struct memslots *map = test->priv;

	map->max = 2;
	KUNIT_EXPECT_EQ(test, memslots_insert(map, 0x1000, 0x1fff, region_nr(1)), 0);
	KUNIT_EXPECT_EQ(test, memslots_insert(map, 0x3000, 0x3fff, region_nr(2)), 0);
	KUNIT_EXPECT_EQ(test, memslots_insert(map, 0x5000, 0x5fff, region_nr(3)),
			-ENOSPC);
	KUNIT_EXPECT_EQ(test, memslots_insert(map, 0x3000, 0x3fff, region_nr(3)),
			-EEXIST);
	KUNIT_EXPECT_PTR_EQ(test, memslots_remove(map, 0x1000, 0x1fff), region_nr(1));
	KUNIT_EXPECT_EQ(test, memslots_insert(map, 0x5000, 0x5fff, region_nr(3)), 0);

	while (memslots_pop(map))
		;
	map->max = 0;
	KUNIT_EXPECT_EQ(test, memslots_insert(map, 0x1000, 0x1fff, region_nr(1)),
			-ENOSPC);
}

static void hint_is_set_and_never_believed(struct kunit *test)
{
	struct memslots *map = test->priv;
	const struct memslot *slot;
	u32 hint, wrong;
	int i;

	for (i = 0; i < 20; i++)
		KUNIT_ASSERT_EQ(test, memslots_insert(map, i << 16, (i << 16) + 0xfff,
						      region_nr(i)), 0);
	for (wrong = 0; wrong < 25; wrong++) {
		for (i = 0; i < 20; i++) {
			hint = wrong;
			rcu_read_lock();
			slot = memslots_find(map, (i << 16) + 5, &hint);
			rcu_read_unlock();
			KUNIT_ASSERT_NOT_NULL(test, slot);
			KUNIT_EXPECT_PTR_EQ(test, slot->region, region_nr(i));
			KUNIT_EXPECT_EQ(test, hint, i);
		}
		hint = wrong;
		rcu_read_lock();
		KUNIT_EXPECT_NULL(test, memslots_find(map, 0x1000, &hint));
		rcu_read_unlock();
		KUNIT_EXPECT_EQ(test, hint, wrong);
	}
	hint = ~0u;
	rcu_read_lock();
	KUNIT_EXPECT_NOT_NULL(test, memslots_find(map, 0, &hint));
	rcu_read_unlock();
}

static const unsigned int counts[] = { 1, 7, 8, 9, 10, 64, MANY };

static void counts_desc(const unsigned int *n, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u ranges", *n);
}

KUNIT_ARRAY_PARAM(counts, counts, counts_desc);

/* Each range and each gap of maps around the size where the search changes. */
static void every_range_is_found(struct kunit *test)
{
	unsigned int n = *(const unsigned int *)test->param_value, i, k;
	struct memslots *map = test->priv;
	u64 at;

	/* Odd numbers first, so that most go in the middle */
	for (i = 0; i < n; i++) {
		k = 2 * i < n - n % 2 ? 2 * i + 1 : (2 * i - (n - n % 2));
		at = (u64)k << 14;
		KUNIT_ASSERT_EQ(test, memslots_insert(map, at, at + 0xfff, region_nr(k)),
				0);
	}
	for (i = 0; i < n; i++) {
		at = (u64)i << 14;
		if (!finds(map, at, region_nr(i)) || !finds(map, at + 0xfff, region_nr(i)) ||
		    find(map, at + 0x1000) || find(map, at + 0x3fff))
			KUNIT_FAIL(test, "range %u of %u", i, n);
	}
	KUNIT_EXPECT_EQ(test, map->bytes, (u64)n * PAGE_4K);
	for (i = 0; i < n; i++) {
		at = (u64)i << 14;
		KUNIT_ASSERT_PTR_EQ(test, memslots_remove(map, at, at + 0xfff),
				    region_nr(i));
	}
	KUNIT_EXPECT_NULL(test, memslots_next(map, 0));
}

static void pop_hands_out_each_once(struct kunit *test)
{
	struct memslots *map = test->priv;
	unsigned long seen = 0, nr;
	struct region *region;
	int i;

	for (i = 0; i < 40; i++)
		KUNIT_ASSERT_EQ(test, memslots_insert(map, i << 12, (i << 12) + 0xfff,
						      region_nr(i)), 0);
	while ((region = memslots_pop(map))) {
		nr = (unsigned long)region / 16 - 1;
		KUNIT_EXPECT_FALSE(test, seen >> nr & 1);
		seen |= 1ul << nr;
	}
	KUNIT_EXPECT_EQ(test, seen, (1ul << 40) - 1);
	KUNIT_EXPECT_EQ(test, map->bytes, 0);
}

/* ---- random operations, and a plain array of pages to compare with ------- */

#define ORACLE_PAGES	256u

static u64 next_random(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

struct oracle {
	unsigned long owner[ORACLE_PAGES];	/* 0: none */
	unsigned int first[ORACLE_PAGES];	/* of the range that begins here, its last */
	unsigned int nr;
};

static int oracle_insert(struct oracle *o, unsigned int first, unsigned int last,
			 unsigned long owner, unsigned int max)
{
	unsigned int i;

	for (i = first; i <= last; i++)
		if (o->owner[i])
			return -EEXIST;
	if (o->nr >= max)
		return -ENOSPC;
	for (i = first; i <= last; i++)
		o->owner[i] = owner;
	o->first[first] = last;
	o->nr++;
	return 0;
}

static void check_page(struct kunit *test, struct memslots *map, struct oracle *o,
		       unsigned int page, u32 *hint)
{
	const struct memslot *slot;
	u64 gpa = ((u64)page << 12) + page;
	bool more;

	rcu_read_lock();
	slot = memslots_find(map, gpa, hint);
	if (!slot != !o->owner[page] ||
	    (slot && slot->region != region_nr(o->owner[page])))
		KUNIT_FAIL(test, "page %u: owner %lu", page, o->owner[page]);
	slot = memslots_next(map, gpa);
	rcu_read_unlock();
	while (page < ORACLE_PAGES && !o->owner[page])
		page++;
	more = page < ORACLE_PAGES;
	if (!!slot != more || (slot && slot->region != region_nr(o->owner[page])))
		KUNIT_FAIL(test, "next is not page %u", page);
}

static void random_ops_match_oracle(struct kunit *test)
{
	struct oracle *o = kunit_kzalloc(test, sizeof(*o), GFP_KERNEL);
	struct memslots *map = test->priv;
	u64 seed = memslots_seed ?: ktime_get_ns(), state = seed ?: 1;
	unsigned long owner = 0;
	struct region *region;
	u32 hint = 0;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, o);
	kunit_info(test, "memslots_seed=%llu\n", seed);
	map->max = 40;
	for (i = 0; i < 10000 && test->status == KUNIT_SUCCESS; i++) {
		unsigned int first = next_random(&state) % ORACLE_PAGES;
		unsigned int last = min(first + (unsigned int)(next_random(&state) % 12),
					ORACLE_PAGES - 1);
		u64 start = (u64)first << 12, end = ((u64)last + 1) << 12;

		switch (next_random(&state) % 4) {
		case 0:
		case 1:
			KUNIT_EXPECT_EQ(test, memslots_insert(map, start, end - 1,
							      region_nr(owner + 1)),
					oracle_insert(o, first, last, owner + 1, map->max));
			owner++;
			break;
		case 2:
			/* Mostly one that is there */
			if (o->owner[first] && next_random(&state) % 8) {
				while (first && o->owner[first - 1] == o->owner[first])
					first--;
				last = o->first[first];
			}
			region = memslots_remove(map, (u64)first << 12,
						 (((u64)last + 1) << 12) - 1);
			if (o->owner[first] && o->first[first] == last &&
			    (!first || o->owner[first - 1] != o->owner[first])) {
				KUNIT_EXPECT_PTR_EQ(test, region, region_nr(o->owner[first]));
				o->nr--;
				for (; first <= last; first++)
					o->owner[first] = 0;
			} else {
				KUNIT_EXPECT_TRUE(test, region == ERR_PTR(-ENOENT));
			}
			break;
		default:
			check_page(test, map, o, first, &hint);
		}
	}
	for (i = 0; i < ORACLE_PAGES; i++)
		check_page(test, map, o, i, &hint);
}

/* Limit on the bytes of large former states, and the size from which on one is large. */
#define RETIRED_MAX	(16u << 20)
#define RETIRED_LARGE	(32u << 10)

/* Bytes of the former states that wait for their readers. */
static size_t retired_bytes(const struct memslots *map)
{
	const struct memslots_array *array;
	size_t bytes = 0;

	for (array = map->retired; array; array = array->next)
		bytes += sizeof(*array) + array->nr * sizeof(array->slots[0]);
	return bytes;
}

/* The bytes of former states stay below the limit, however often a map changes. */
static void former_states_are_bounded(struct kunit *test)
{
	struct memslots *map = test->priv;
	unsigned int i, freed = 0;
	size_t before = 0, now;

	for (i = 0; i < MANY; i++) {
		KUNIT_ASSERT_EQ(test, memslots_insert(map, i * PAGE_4K,
						      i * PAGE_4K + 0xfff,
						      region_nr(i)), 0);
		now = map->retired_bytes;
		KUNIT_ASSERT_LE(test, now, RETIRED_MAX);
		/* Small ones are not kept at all. */
		if (i * sizeof(struct memslot) < RETIRED_LARGE - PAGE_4K)
			KUNIT_ASSERT_EQ(test, now, 0);
		if (now < before) {
			KUNIT_ASSERT_NULL(test, map->retired);
			freed++;
		}
		before = now;
	}
	KUNIT_EXPECT_GT(test, freed, 1u);
	KUNIT_EXPECT_GT(test, map->retired_bytes, 0);
	KUNIT_EXPECT_EQ(test, map->retired_bytes, retired_bytes(map));
	/* The way down, too. */
	for (i = 0; i < MANY; i++) {
		KUNIT_ASSERT_PTR_EQ(test,
				    memslots_remove(map, i * PAGE_4K,
						    i * PAGE_4K + 0xfff),
				    region_nr(i));
		KUNIT_ASSERT_LE(test, map->retired_bytes, RETIRED_MAX);
	}
	KUNIT_EXPECT_EQ(test, map->retired_bytes, retired_bytes(map));
}

/* ---- readers beside a writer -------------------------------------------- */

/**
 * struct race - a reader, and what it has seen
 * @map: the map
 * @looks: at the map
 * @wrong: what was never there
 */
struct race {
	struct memslots *map;
	atomic_long_t looks;
	unsigned long wrong;
};

#define RACE_READERS	2
#define RACE_ROUNDS	1000
#define RACE_LOOKS	1000

/* The range that stays, and neighbours that are whole whenever they are there. */
static int race_reader(void *data)
{
	const struct memslot *slot;
	struct race *race = data;
	u32 hint = 0;
	u64 gpa = 0;

	while (!kthread_should_stop()) {
		rcu_read_lock();
		slot = memslots_find(race->map, 0x80000, &hint);
		if (!slot || slot->region != region_nr(0x80))
			race->wrong++;
		gpa = (gpa + 0x1000) & 0xfffff;
		slot = memslots_find(race->map, gpa, &hint);
		if (slot && (slot->last != slot->start + 0xfff ||
			     slot->region != region_nr(slot->start >> 12)))
			race->wrong++;
		rcu_read_unlock();
		atomic_long_inc(&race->looks);
		cond_resched();
	}
	return 0;
}

/* Of the one that has looked least. */
static unsigned long race_looks(struct race *race)
{
	unsigned long least = ULONG_MAX;
	int i;

	for (i = 0; i < RACE_READERS; i++)
		least = min_t(unsigned long, least,
			      atomic_long_read(&race[i].looks));
	return least;
}

static void readers_see_whole_states(struct kunit *test)
{
	struct race *race = kunit_kcalloc(test, RACE_READERS, sizeof(*race), GFP_KERNEL);
	struct task_struct *task[RACE_READERS];
	struct memslots *map = test->priv;
	u64 state = 1, gpa;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, race);
	KUNIT_ASSERT_EQ(test, memslots_insert(map, 0x80000, 0x80fff, region_nr(0x80)), 0);
	for (i = 0; i < RACE_READERS; i++) {
		race[i].map = map;
		task[i] = kthread_run(race_reader, &race[i], "nyx-memslots-reader");
		/* It counts as done, and fails below. */
		if (IS_ERR(task[i]))
			atomic_long_set(&race[i].looks, LONG_MAX);
	}
	/* A thread may begin late; one that is stopped before never does. */
	while (!race_looks(race))
		usleep_range(500, 1000);
	for (i = 0; i < RACE_ROUNDS || race_looks(race) < RACE_LOOKS; i++) {
		gpa = (next_random(&state) >> 40 & 0xff) << 12;
		if (gpa == 0x80000)
			continue;
		if (memslots_insert(map, gpa, gpa + 0xfff, region_nr(gpa >> 12)))
			memslots_remove(map, gpa, gpa + 0xfff);
		/* Slowly, once it only waits for the readers. */
		if (!(i % 64) || i >= RACE_ROUNDS)
			usleep_range(500, 1000);
	}
	for (i = 0; i < RACE_READERS; i++) {
		if (IS_ERR(task[i])) {
			KUNIT_FAIL(test, "no thread");
			continue;
		}
		kthread_stop(task[i]);
		KUNIT_EXPECT_EQ(test, race[i].wrong, 0);
	}
}

static struct kunit_case memslots_cases[] = {
	KUNIT_CASE(empty_map_has_nothing),
	KUNIT_CASE(find_ends_at_the_bounds),
	KUNIT_CASE(next_skips_gaps),
	KUNIT_CASE(insert_rejects_overlap),
	KUNIT_CASE(edges_of_the_address_space),
	KUNIT_CASE(remove_wants_the_exact_range),
	KUNIT_CASE(limit_holds),
	KUNIT_CASE(hint_is_set_and_never_believed),
	KUNIT_CASE_PARAM(every_range_is_found, counts_gen_params),
	KUNIT_CASE(pop_hands_out_each_once),
	KUNIT_CASE(random_ops_match_oracle),
	KUNIT_CASE(former_states_are_bounded),
	KUNIT_CASE(readers_see_whole_states),
	{}
};

static struct kunit_suite memslots_suite = {
	.name = "nyx_memslots",
	.init = memslots_setup,
	.exit = memslots_teardown,
	.test_cases = memslots_cases,
};

kunit_test_suite(memslots_suite);
