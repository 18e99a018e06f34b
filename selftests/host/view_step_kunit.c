// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_view_step: sections, holds and drains in all orders.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The reader of libnyx is an actor, what the kernel does beside it another one. A use of the page
 * after a drain of its mapping is an error. Orders only: barriers are for the race of nyx_view
 * and for selftests/litmus.
 */
#include <kunit/test.h>

#include "host/step.h"
#include "view_world.h"

/* Two sets of four ways: the smallest cache. */
#define ENTRIES		8u
#define VA		0x5000ull
#define OA		0x70000ull

struct fixture {
	struct view_world w;
	bool mapped;		/* the table */
	bool gone;		/* a drain of the mapping has returned */
	bool cached;		/* at the start */
	bool flush;
	bool used;
	bool bad;
	bool held;		/* the request has a hold */
	u64 same_set[6];
	struct nyx_view_hit hit;
	bool found;
};

static int setup(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	KUNIT_ASSERT_EQ(test, view_init(&f->w, ENTRIES), 0);
	test->priv = f;
	return 0;
}

static void teardown(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (f)
		view_fini(&f->w);
}

static u64 oa_of(u64 va)
{
	return OA + (va << 4);
}

static void fill_page(struct fixture *f, u64 va)
{
	struct iotlb_snap snap;

	iotlb_begin(&f->w.space, &snap);
	view_fill(&f->w, &snap, va, oa_of(va), NYX_PAGE_LG2, NYX_ACC_RW);
}

static void restart(void *arg)
{
	struct fixture *f = arg;

	view_reset(&f->w);
	f->mapped = true;
	f->gone = f->used = f->bad = f->held = f->found = false;
	if (f->cached)
		fill_page(f, VA);
}

static bool never_bad(void *arg)
{
	struct fixture *f = arg;

	return !f->bad;
}

static void use(struct fixture *f)
{
	host_step();
	f->used = true;
	f->bad |= f->gone;
}

/* NYX_VIEW_FILL. */
static bool kernel_fill(struct fixture *f)
{
	unsigned int pair = epoch_enter(&f->w.epoch);
	struct iotlb_snap snap;
	bool mapped;

	iotlb_begin(&f->w.space, &snap);
	mapped = READ_ONCE(f->mapped) && READ_ONCE(f->w.devs[VIEW_DEV].word);
	if (mapped)
		view_fill(&f->w, &snap, VA, oa_of(VA), NYX_PAGE_LG2, NYX_ACC_RW);
	epoch_exit(&f->w.epoch, pair);
	return mapped;
}

static bool translate(struct fixture *f)
{
	return nyx_reader_lookup(&f->w.readers[0], view_handle(), VA, 8, NYX_PROT_WRITE,
				 &f->hit) == NYX_READER_HIT || kernel_fill(f);
}

static void section(void *arg)
{
	struct fixture *f = arg;

	nyx_reader_enter(&f->w.readers[0], VIEW_DEV);
	if (translate(f))
		use(f);
	nyx_reader_leave(&f->w.readers[0]);
}

static void request(void *arg)
{
	struct fixture *f = arg;
	struct nyx_view_hold *hold = &f->w.holds[0];
	bool there;

	nyx_reader_enter(&f->w.readers[0], VIEW_DEV);
	there = translate(f);
	if (there)
		nyx_hold_take(hold, VIEW_DOM, &f->w.slots[0], VA >> 12, 0);
	nyx_reader_leave(&f->w.readers[0]);
	if (there) {
		use(f);
		nyx_hold_release(hold);
	}
}

static void unmap(void *arg)
{
	struct fixture *f = arg;

	WRITE_ONCE(f->mapped, false);
	if (f->flush)
		iotlb_flush(&f->w.tlb, &f->w.space);
	else
		iotlb_invalidate(&f->w.tlb, &f->w.space, VA, VA + NYX_PAGE_SIZE - 1);
	view_drain(&f->w, VA, VA + NYX_PAGE_SIZE - 1);
	f->gone = true;
}

static void detach(void *arg)
{
	struct fixture *f = arg;

	WRITE_ONCE(f->w.devs[VIEW_DEV].word, 0);
	view_drain(&f->w, 0, ~0ull);
	f->gone = true;
}

static void explore(struct kunit *test, void (*reader)(void *), void (*writer)(void *),
		    unsigned int switches)
{
	struct fixture *f = test->priv;
	const struct step_actor readers_first[STEP_ACTORS] = { { reader, f }, { writer, f } };
	const struct step_actor writer_first[STEP_ACTORS] = { { writer, f }, { reader, f } };

	for (f->cached = false;; f->cached = true) {
		KUNIT_EXPECT_GT(test, step_explore(test, readers_first, switches, restart,
						   never_bad, f), 15);
		KUNIT_EXPECT_GT(test, step_explore(test, writer_first, switches, restart,
						   never_bad, f), 15);
		if (f->cached)
			break;
	}
}

static void section_is_waited_for(struct kunit *test)
{
	struct fixture *f = test->priv;

	explore(test, section, unmap, 2);
	f->flush = true;
	explore(test, section, unmap, 1);
	explore(test, section, detach, 2);
}

static void hold_is_waited_for(struct kunit *test)
{
	struct fixture *f = test->priv;

	explore(test, request, unmap, 2);
	f->flush = true;
	explore(test, request, unmap, 1);
	explore(test, request, detach, 2);
}

/* A thread that leaves and enters again at once, where its memory is: no drain waits for ever. */
static void sections(void *arg)
{
	section(arg);
	section(arg);
}

static void newcomers_are_not_waited_for(struct kunit *test)
{
	explore(test, sections, unmap, 2);
}

/* ---- a hold that is taken again ---------------------------------------------------- */

/*
 * The request of VA ends, and its hold goes to a request of other pages, while a drain looks: it
 * neither takes the new range for that of the old one, nor the reverse.
 */
static void end_and_take_again(void *arg)
{
	struct fixture *f = arg;
	struct nyx_view_hold *hold = &f->w.holds[0];

	use(f);
	nyx_hold_release(hold);
	nyx_reader_enter(&f->w.readers[0], VIEW_DEV);
	nyx_hold_take(hold, VIEW_DOM, &f->w.slots[0], 100, 0);
	nyx_reader_leave(&f->w.readers[0]);
	host_step();
	host_step();
	nyx_hold_release(hold);
}

static void restart_held(void *arg)
{
	struct fixture *f = arg;

	restart(f);
	nyx_hold_take(&f->w.holds[0], VIEW_DOM, &f->w.slots[0], VA >> 12, 0);
}

static void hold_that_is_taken_again_was_released(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor user_first[STEP_ACTORS] = { { end_and_take_again, f },
							    { unmap, f } };
	const struct step_actor drain_first[STEP_ACTORS] = { { unmap, f },
							     { end_and_take_again, f } };

	KUNIT_EXPECT_GT(test, step_explore(test, user_first, 2, restart_held, never_bad, f), 50);
	KUNIT_EXPECT_GT(test, step_explore(test, drain_first, 2, restart_held, never_bad, f), 50);
}

/* ---- entries that are replaced ------------------------------------------------------ */

static void restart_full(void *arg)
{
	struct fixture *f = arg;
	const struct iotlb_set *set;
	unsigned int n = 0;
	u64 va;

	restart(f);
	set = iotlb_set(&f->w.tlb, iotlb_key(VA, IOTLB_4K), iotlb_tag(&f->w.space));
	for (va = VA; n < ARRAY_SIZE(f->same_set); va += NYX_PAGE_SIZE) {
		if (iotlb_set(&f->w.tlb, iotlb_key(va, IOTLB_4K), iotlb_tag(&f->w.space)) == set)
			f->same_set[n++] = va;
	}
	for (n = 0; n < IOTLB_WAYS; n++)
		fill_page(f, f->same_set[n]);
}

static void replace(void *arg)
{
	struct fixture *f = arg;

	fill_page(f, f->same_set[IOTLB_WAYS]);
	fill_page(f, f->same_set[IOTLB_WAYS + 1]);
}

static void replace_and_back(void *arg)
{
	struct fixture *f = arg;
	unsigned int i;

	/* The same entry twice: a reader that meets the other page between sees two counts. */
	for (i = 0; i < IOTLB_WAYS; i++)
		iotlb_invalidate(&f->w.tlb, &f->w.space, f->same_set[i], f->same_set[i]);
	fill_page(f, f->same_set[IOTLB_WAYS]);
	fill_page(f, VA);
}

static void look(void *arg)
{
	struct fixture *f = arg;

	f->found = nyx_reader_lookup(&f->w.readers[0], view_handle(), VA, 8, NYX_PROT_READ,
				     &f->hit) == NYX_READER_HIT;
}

static bool whole(void *arg)
{
	struct fixture *f = arg;

	return !f->found || (f->hit.gpa == oa_of(VA) && f->hit.length == 8);
}

static void lookup_beside_replacement_is_whole(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { look, f }, { replace, f } };
	const struct step_actor twice[STEP_ACTORS] = { { look, f }, { replace_and_back, f } };

	f->cached = false;
	KUNIT_EXPECT_GT(test, step_explore(test, actor, 2, restart_full, whole, f), 50);
	KUNIT_EXPECT_GT(test, step_explore(test, twice, 2, restart_full, whole, f), 50);
}

/* ---- a device index that another device gets --------------------------------------- */

static void replace_device(void *arg)
{
	struct fixture *f = arg;
	struct nyx_window_dev *dev = &f->w.devs[VIEW_DEV];
	u64 word = READ_ONCE(dev->word);

	WRITE_ONCE(dev->word, 0);
	/* The other device is looked up by no handle of the first. */
	smp_wmb();
	WRITE_ONCE(dev->sbdf, VIEW_SBDF + 1);
	smp_store_release(&dev->word, word + (1ull << NYX_WINDOW_DEV_SERIAL_SHIFT));
}

static u64 looked_up;

static void find_device(void *arg)
{
	struct fixture *f = arg;

	looked_up = nyx_reader_device(&f->w.readers[0], VIEW_DEV, VIEW_SBDF, NYX_PASID_NONE);
}

static bool handle_is_of_the_device(void *arg)
{
	return !looked_up || looked_up == view_handle();
}

static void handle_has_the_serial_of_its_device(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct step_actor actor[STEP_ACTORS] = { { find_device, f }, { replace_device, f } };

	KUNIT_EXPECT_GT(test, step_explore(test, actor, 2, restart, handle_is_of_the_device, f),
			10);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(section_is_waited_for),
	KUNIT_CASE(hold_is_waited_for),
	KUNIT_CASE(newcomers_are_not_waited_for),
	KUNIT_CASE(hold_that_is_taken_again_was_released),
	KUNIT_CASE(lookup_beside_replacement_is_whole),
	KUNIT_CASE(handle_has_the_serial_of_its_device),
	{}
};

static struct kunit_suite suite = {
	.name = "nyx_view_step",
	.init = setup,
	.exit = teardown,
	.test_cases = cases,
};

kunit_test_suite(suite);
