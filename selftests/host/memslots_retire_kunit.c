// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx host build: former states of the memory map, and readers that are still in them.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * In user space a reader may stay in its critical section for as long as a case wants.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>

#include "mem/memslots.h"

#define PAGE_4K		4096ull
#define RANGES		4096u
#define RETIRED_MAX	(16u << 20)
#define CHANGES		1000u	/* each leaves a state of almost 100 KiB behind */
#define LOOKS		50u	/* while the writer has to wait */

static struct region *region_nr(unsigned long nr)
{
	return (struct region *)(16 * (nr + 1));
}

static int retire_setup(struct kunit *test)
{
	struct memslots *map = kunit_kzalloc(test, sizeof(*map), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, map);
	memslots_init(map, RANGES + 1);
	test->priv = map;
	for (i = 0; i < RANGES; i++)
		KUNIT_ASSERT_EQ(test, memslots_insert(map, i * PAGE_4K,
						      i * PAGE_4K + 0xfff,
						      region_nr(i)), 0);
	return 0;
}

static void retire_teardown(struct kunit *test)
{
	struct memslots *map = test->priv;

	while (map && memslots_pop(map))
		;
	if (map)
		memslots_fini(map);
}

/**
 * struct reader - a thread that stays in a state of the map
 * @map: the map
 * @in: it is
 * @leaves: it is about to leave
 * @wrong: what it has found changed
 */
struct reader {
	struct memslots *map;
	struct completion in;
	bool leaves;
	unsigned int wrong;
};

/* Stays until the writer waits for it, and looks around meanwhile. */
static int reader_thread(void *data)
{
	struct reader *r = data;
	const struct memslots_array *array;
	unsigned int looks = 0, i;

	rcu_read_lock();
	array = rcu_dereference(r->map->array);
	complete(&r->in);
	while (looks < LOOKS && !kthread_should_stop()) {
		/* The writer is about to free what is above the limit. */
		if (looks || READ_ONCE(r->map->retired_bytes) > RETIRED_MAX)
			looks++;
		for (i = 0; i < RANGES; i += RANGES - 1) {
			if (array->slots[i].region != region_nr(i))
				r->wrong++;
		}
		usleep_range(100, 200);
	}
	WRITE_ONCE(r->leaves, true);
	rcu_read_unlock();
	return 0;
}

/* Large former states go when their readers have left. */
static void writer_waits_for_readers(struct kunit *test)
{
	struct memslots *map = test->priv;
	struct reader r = { .map = map };
	struct task_struct *task;
	unsigned int i;
	size_t before;

	init_completion(&r.in);
	task = kthread_run(reader_thread, &r, "nyx-memslots-reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	wait_for_completion(&r.in);
	/* Until a limit's worth has been given up since the reader came. */
	for (i = 0; i < CHANGES; i++) {
		before = map->retired_bytes;
		if (memslots_insert(map, RANGES * PAGE_4K, RANGES * PAGE_4K + 0xfff,
				    region_nr(RANGES)))
			memslots_remove(map, RANGES * PAGE_4K, RANGES * PAGE_4K + 0xfff);
		if (map->retired_bytes < before)
			break;
	}
	KUNIT_EXPECT_LT(test, i, CHANGES);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(r.leaves));
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, r.wrong, 0);
}

static struct kunit_case retire_cases[] = {
	KUNIT_CASE(writer_waits_for_readers),
	{}
};

static struct kunit_suite retire_suite = {
	.name = "nyx_memslots_retire",
	.init = retire_setup,
	.exit = retire_teardown,
	.test_cases = retire_cases,
};

kunit_test_suite(retire_suite);
