// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_memslots_step: searches of the memory map while it changes, in all
 * orders.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Whether a state of the map was freed too early AddressSanitizer says.
 */
#include <kunit/test.h>

#include "host/step.h"
#include "mem/memslots.h"

#define K		4096ull
/* So many slots that a state is a large one, which the writer itself frees. */
#define LARGE		2000u
/* Bytes of those that wait to be freed, at most. */
#define RETIRED_MAX	(16ul << 20)

struct fixture {
	struct memslots map;
	unsigned int nr;
	u64 gpa;
	u32 hint;
	struct region *found;
};

/* No region is looked into; a number tells them apart. */
static struct region *region_nr(unsigned int i)
{
	return (struct region *)(unsigned long)(i + 1);
}

static void fill(struct fixture *f)
{
	unsigned int i;

	for (i = 0; i < f->nr; i++)
		WARN_ON(memslots_insert(&f->map, 2 * i * K, 2 * i * K + K - 1,
					region_nr(i)));
}

static void empty(struct fixture *f)
{
	while (memslots_pop(&f->map))
		;
	memslots_fini(&f->map);
	rcu_barrier();
}

static void restart(void *arg)
{
	struct fixture *f = arg;

	f->hint = 1;
	f->found = NULL;
}

static void seeker(void *arg)
{
	struct fixture *f = arg;
	const struct memslot *slot;

	rcu_read_lock();
	slot = memslots_find(&f->map, f->gpa, &f->hint);
	host_step();
	if (slot)
		f->found = slot->region;
	rcu_read_unlock();
}

/* Slots 2, 1 and 0 go and come back. */
static void changer(void *arg)
{
	struct fixture *f = arg;
	int i;

	for (i = 2; i >= 0; i--) {
		memslots_remove(&f->map, 2 * i * K, 2 * i * K + K - 1);
		memslots_insert(&f->map, 2 * i * K, 2 * i * K + K - 1, region_nr(i));
	}
}

/* Slot 3 stays; slot 1 is its own or none. */
static bool found_the_right_one(void *arg)
{
	struct fixture *f = arg;
	unsigned int i = f->gpa / (2 * K);

	return f->found == region_nr(i) || (i == 1 && !f->found);
}

static void search(struct kunit *test, unsigned int nr, unsigned int switches)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	const struct step_actor actor[STEP_ACTORS] = { { seeker, f }, { changer, f } };

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->nr = nr;
	memslots_init(&f->map, nr);
	fill(f);
	f->gpa = 6 * K + 5;
	KUNIT_EXPECT_GT(test, step_explore(test, actor, switches, restart, found_the_right_one, f),
			10);
	f->gpa = 2 * K + 5;
	step_explore(test, actor, switches, restart, found_the_right_one, f);
	empty(f);
}

static void search_beside_change_finds_what_stays(struct kunit *test)
{
	search(test, 4, 2);
}

/*
 * Large states are freed by the writer, when there are many. It waits for a search that goes on,
 * and frees all of them.
 */
static void change_first(void *arg)
{
	struct fixture *f = arg;

	memslots_remove(&f->map, 0, K - 1);
	memslots_insert(&f->map, 0, K - 1, region_nr(0));
}

static void large_states_outlive_their_readers(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	const struct step_actor actor[STEP_ACTORS] = { { seeker, f }, { change_first, f } };
	size_t state = struct_size(f->map.array, slots, LARGE);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->nr = LARGE;
	memslots_init(&f->map, LARGE);
	fill(f);
	/* A change retires two; up to where the next one would make too many. */
	do {
		change_first(f);
		KUNIT_ASSERT_LE(test, f->map.retired_bytes, RETIRED_MAX);
	} while (f->map.retired_bytes + 2 * state <= RETIRED_MAX);
	restart(f);
	f->gpa = 6 * K + 5;
	step_start(actor);
	/* It has read the pointer to the state. */
	KUNIT_ASSERT_TRUE(test, step_go(0, 1));
	KUNIT_EXPECT_TRUE(test, step_go(1, 1000));
	KUNIT_EXPECT_GT(test, f->map.retired_bytes, RETIRED_MAX);
	step_finish();
	KUNIT_EXPECT_TRUE(test, found_the_right_one(f));
	KUNIT_EXPECT_LE(test, f->map.retired_bytes, 2 * state);
	empty(f);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(large_states_outlive_their_readers),
	KUNIT_CASE(search_beside_change_finds_what_stays),
	{}
};

static struct kunit_suite suite = {
	.name = "nyx_memslots_step",
	.test_cases = cases,
};

kunit_test_suite(suite);
