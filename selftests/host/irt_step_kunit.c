// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_irt_step: interrupts while their entry is written, in all orders.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <kunit/test.h>

#include "host/step.h"
#include "tlb/irt.h"

#define SBDF		0x0300u

static const struct irt_entry before = {
	.dest = 0x11111111, .source = SBDF, .vector = 0x31, .check = NYX_SOURCE_RID,
};

static const struct irt_entry after = {
	.dest = 0x22222222, .source = SBDF + 8, .vector = 0x62, .check = NYX_SOURCE_RID,
};

struct fixture {
	struct irt irt;
	const struct irt_entry *next[2];
	struct irt_msg msg;
	struct irt_entry read;
	bool present;
	u32 ret;
};

static int setup(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	KUNIT_ASSERT_EQ(test, irt_init(&f->irt, 16), 0);
	test->priv = f;
	return 0;
}

static void teardown(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (f)
		irt_fini(&f->irt);
}

static void restart(void *arg)
{
	struct fixture *f = arg;

	irt_write(&f->irt, 0, &before);
}

static void writer(void *arg)
{
	struct fixture *f = arg;

	irt_write(&f->irt, 0, f->next[0]);
	irt_write(&f->irt, 0, f->next[1]);
}

static void sender(void *arg)
{
	struct fixture *f = arg;

	struct irt_word w;

	f->msg = (struct irt_msg){};
	f->ret = irt_fetch(&f->irt, 0, &w);
	if (!f->ret)
		f->ret = irt_remap(&w, 0, SBDF, &f->msg);
}

/* As one of the entries says: the first one is for this requester, the other one is not. */
static bool message_is_whole(void *arg)
{
	struct fixture *f = arg;

	switch (f->ret) {
	case NYX_FAULT_NONE:
		return f->msg.dest == before.dest && f->msg.vector == before.vector;
	case NYX_FAULT_IRQ_SOURCE:
		return f->msg.dest == after.dest && f->msg.vector == after.vector;
	case NYX_FAULT_IRQ_NOT_PRESENT:
		return !f->next[0] || !f->next[1];
	default:
		return false;
	}
}

static void message_beside_write_is_whole(struct kunit *test)
{
	static const struct irt_entry *const next[][2] = {
		{ &after, &before }, { &after, NULL }, { NULL, &after }, { &after, &after },
	};
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { sender, f }, { writer, f } };
	int i;

	for (i = 0; i < ARRAY_SIZE(next); i++) {
		memcpy(f->next, next[i], sizeof(f->next));
		KUNIT_EXPECT_GT(test, step_explore(test, actor, 3, restart, message_is_whole, f),
				100);
	}
}

static void lister(void *arg)
{
	struct fixture *f = arg;

	f->present = irt_read(&f->irt, 0, &f->read);
}

static bool entry_is_whole(void *arg)
{
	struct fixture *f = arg;

	if (!f->present)
		return !f->next[0] || !f->next[1];
	return (f->read.dest == before.dest && f->read.source == before.source) ||
	       (f->read.dest == after.dest && f->read.source == after.source);
}

static void entry_read_beside_write_is_whole(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { lister, f }, { writer, f } };

	f->next[0] = &after;
	f->next[1] = NULL;
	KUNIT_EXPECT_GT(test, step_explore(test, actor, 3, restart, entry_is_whole, f), 100);
}

/* The first entry of a page. */
static void restart_empty(void *arg)
{
	struct fixture *f = arg;

	irt_fini(&f->irt);
	BUG_ON(irt_init_cache(&f->irt, 16));
}

static void first_writer(void *arg)
{
	struct fixture *f = arg;

	if (!irt_reserve(&f->irt, 0))
		irt_write(&f->irt, 0, &before);
}

static void reserver(void *arg)
{
	struct fixture *f = arg;

	irt_reserve(&f->irt, 0);
}

static bool message_is_whole_or_not_there(void *arg)
{
	struct fixture *f = arg;

	/* Neither of two new pages is lost once an entry is in it. */
	if (!irt_present(&f->irt, 0))
		return false;
	return f->ret == NYX_FAULT_IRQ_NOT_PRESENT ||
	       (!f->ret && f->msg.dest == before.dest && f->msg.vector == before.vector);
}

static void message_beside_first_write_is_whole(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = {
		{ sender, f }, { first_writer, f }, { reserver, f },
	};

	KUNIT_EXPECT_GT(test, step_explore(test, actor, 2, restart_empty,
					   message_is_whole_or_not_there, f), 30);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(message_beside_write_is_whole),
	KUNIT_CASE(entry_read_beside_write_is_whole),
	KUNIT_CASE(message_beside_first_write_is_whole),
	{}
};

static struct kunit_suite suite = {
	.name = "nyx_irt_step",
	.init = setup,
	.exit = teardown,
	.test_cases = cases,
};

kunit_test_suite(suite);
