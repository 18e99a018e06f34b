// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_view: the reader of a window.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The reader of libnyx looks up what the kernel's code has filled. The last case is a race: readers
 * and requests use pages by IOVAs while their mappings are taken away. A page that is free
 * is poisoned, and no reader may ever see that.
 */
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/module.h>

#include "view_world.h"

#define ENTRIES		64u
#define K		4096ull

static unsigned int view_rounds = 3000;
module_param(view_rounds, uint, 0444);
MODULE_PARM_DESC(view_rounds, "mappings that are taken away");

static u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int setup(struct kunit *test)
{
	struct view_world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	KUNIT_ASSERT_EQ(test, view_init(w, ENTRIES), 0);
	test->priv = w;
	return 0;
}

static void teardown(struct kunit *test)
{
	if (test->priv)
		view_fini(test->priv);
}

static void fill(struct view_world *w, u64 va, u64 oa, unsigned int lg2, unsigned int perm)
{
	struct iotlb_snap snap;

	iotlb_begin(&w->space, &snap);
	view_fill(w, &snap, va, oa, lg2, perm);
}

static bool lookup(struct view_world *w, u64 iova, u64 length, u32 access,
		   struct nyx_view_hit *hit)
{
	return nyx_reader_lookup(&w->readers[0], view_handle(), iova, length, access, hit) ==
	       NYX_READER_HIT;
}

static bool found(struct view_world *w, u64 iova)
{
	struct nyx_view_hit hit;

	return lookup(w, iova, 1, NYX_PROT_READ, &hit);
}

/* ---- entries ----------------------------------------------------------------- */

static void hit_tells_all_of_the_page(struct kunit *test)
{
	static const struct {
		unsigned int lg2, block;
	} size[] = { { 12, 12 }, { 14, 12 }, { 21, 21 }, { 23, 21 }, { 30, 30 }, { 39, 30 } };
	struct view_world *w = test->priv;
	struct nyx_view_hit hit;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(size); i++) {
		u64 page = 1ull << size[i].lg2, block = 1ull << size[i].block;
		u64 va = 5 * page + (page - block) + 0x123, oa = 3 * page;

		view_reset(w);
		fill(w, va, oa + (va & (page - 1)), size[i].lg2, NYX_ACC_RW);
		KUNIT_ASSERT_TRUE(test, lookup(w, va, 64, NYX_PROT_READ, &hit));
		KUNIT_EXPECT_EQ(test, hit.gpa, oa + (va & (page - 1)));
		KUNIT_EXPECT_EQ(test, hit.length, 64);
		KUNIT_EXPECT_EQ(test, hit.prot, NYX_PROT_READ | NYX_PROT_WRITE);
		KUNIT_EXPECT_EQ(test, hit.domain, VIEW_DOM);
		/* A hold names the page, a hit ends with the block. */
		KUNIT_EXPECT_EQ(test, hit.first, 5 * page / K);
		KUNIT_EXPECT_EQ(test, hit.last, 6 * page / K - 1);
		KUNIT_ASSERT_TRUE(test, lookup(w, va, ~0ull, NYX_PROT_READ, &hit));
		KUNIT_EXPECT_EQ(test, hit.length, block - 0x123);
		KUNIT_ASSERT_TRUE(test, lookup(w, va, block - 0x123, NYX_PROT_READ, &hit));
		KUNIT_EXPECT_EQ(test, hit.length, block - 0x123);
		KUNIT_EXPECT_FALSE(test, found(w, va + block));
		KUNIT_EXPECT_FALSE(test, found(w, va - block));
	}
}

static void permission_of_entry_and_device(struct kunit *test)
{
	struct view_world *w = test->priv;
	unsigned int mapping, device, access;
	struct nyx_view_hit hit;

	for (mapping = 1; mapping <= 3; mapping++) {
		view_reset(w);
		fill(w, 5 * K, 9 * K, 12, mapping);
		for (device = 0; device <= 3; device++) {
			view_set_dev(w, NYX_WINDOW_DEV_LIVE |
					device << NYX_WINDOW_DEV_PROT_SHIFT);
			for (access = 1; access <= 3; access++) {
				bool may = !(access & ~(mapping & device));

				KUNIT_EXPECT_EQ(test, lookup(w, 5 * K, 1, access, &hit), may);
				if (may)
					KUNIT_EXPECT_EQ(test, hit.prot, mapping & device);
			}
		}
	}
}

/* The reader finds all that the kernel finds, and nothing else. */
static void reader_agrees_with_kernel(struct kunit *test)
{
	static const unsigned int lg2[] = { 12, 21, 30 };
	struct view_world *w = test->priv;
	unsigned int i, hits = 0;
	struct nyx_view_hit hit;
	struct iotlb_hit ours;
	u64 state = 11, va;
	bool there;

	for (i = 0; i < 20000; i++) {
		u64 random = next_random(&state);
		unsigned int size = lg2[random % 3];

		va = (random >> 8) % 64 << size;
		switch (random >> 32 & 15) {
		case 0:
			iotlb_invalidate(&w->tlb, &w->space, va, va + K - 1);
			break;
		case 1:
			if (!(random >> 40 & 15))
				iotlb_flush(&w->tlb, &w->space);
			break;
		case 2 ... 7:
			fill(w, va, va + (7ull << 40), size, 1 + (random >> 44) % 3);
			break;
		default:
			there = iotlb_lookup(&w->tlb, &w->space, va, &ours) &&
				(ours.perm & NYX_ACC_READ);
			KUNIT_ASSERT_EQ(test, lookup(w, va, 1, NYX_PROT_READ, &hit), there);
			if (!there)
				break;
			hits++;
			KUNIT_ASSERT_EQ(test, hit.gpa, ours.oa);
			KUNIT_ASSERT_EQ(test, hit.prot, ours.perm);
		}
	}
	KUNIT_EXPECT_GT(test, hits, 500);
}

static void entry_that_is_written_is_no_hit(struct kunit *test)
{
	struct view_world *w = test->priv;
	struct iotlb_entry *e;

	fill(w, 5 * K, 9 * K, 12, NYX_ACC_RW);
	KUNIT_ASSERT_TRUE(test, found(w, 5 * K));
	for (e = w->tlb.sets[0].way; !e->key; e++)
		;
	e->seq++;
	KUNIT_EXPECT_FALSE(test, found(w, 5 * K));
	e->seq++;
	KUNIT_EXPECT_TRUE(test, found(w, 5 * K));
	e->tag++;
	KUNIT_EXPECT_FALSE(test, found(w, 5 * K));
}

static void classes_are_those_of_the_word(struct kunit *test)
{
	static const unsigned int lg2[] = { 12, 21, 30 };
	struct view_world *w = test->priv;
	unsigned int class;

	for (class = 0; class < 3; class++) {
		view_reset(w);
		fill(w, 1ull << 39, 0, lg2[class], NYX_ACC_RW);
		KUNIT_EXPECT_TRUE(test, found(w, 1ull << 39));
		w->doms[VIEW_DOM].word ^= 1ull << (NYX_WINDOW_DOM_CLASS_SHIFT + class);
		KUNIT_EXPECT_FALSE(test, found(w, 1ull << 39));
	}
}

/* ---- words -------------------------------------------------------------------- */

static void device_word_decides(struct kunit *test)
{
	struct view_world *w = test->priv;
	const u64 rw = NYX_WINDOW_DEV_READ | NYX_WINDOW_DEV_WRITE;
	u64 live;

	fill(w, 5 * K, 9 * K, 12, NYX_ACC_RW);
	live = w->devs[VIEW_DEV].word;
	KUNIT_EXPECT_TRUE(test, found(w, 5 * K));
	view_set_dev(w, rw);
	KUNIT_EXPECT_FALSE(test, found(w, 5 * K));
	view_set_dev(w, NYX_WINDOW_DEV_LIVE | rw | NYX_WINDOW_DEV_REFUSED);
	KUNIT_EXPECT_FALSE(test, found(w, 5 * K));
	view_set_dev(w, NYX_WINDOW_DEV_LIVE | rw | NYX_WINDOW_DEV_LIMITED);
	KUNIT_EXPECT_FALSE(test, found(w, 5 * K));
	view_set_dev(w, NYX_WINDOW_DEV_LIVE | rw | NYX_WINDOW_DEV_FILTERED);
	KUNIT_EXPECT_FALSE(test, found(w, 5 * K));
	/* Another device has the index, or another domain has the device. */
	w->devs[VIEW_DEV].word = live + (1ull << NYX_WINDOW_DEV_SERIAL_SHIFT);
	KUNIT_EXPECT_FALSE(test, found(w, 5 * K));
	w->devs[VIEW_DEV].word = live ^ 1ull << 63;
	KUNIT_EXPECT_FALSE(test, found(w, 5 * K));
	w->devs[VIEW_DEV].word = live ^ 1ull << NYX_WINDOW_DEV_DOMAIN_SHIFT;
	KUNIT_EXPECT_FALSE(test, found(w, 5 * K));
	w->devs[VIEW_DEV].word = live;
	KUNIT_EXPECT_TRUE(test, found(w, 5 * K));
}

static void domain_word_decides(struct kunit *test)
{
	static const u64 no[] = { 0, NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_REFUSED,
		NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_LIMITED,
		NYX_WINDOW_DOM_DIRTY,
		NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_DIRTY | NYX_WINDOW_DOM_REFUSED,
		NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_DIRTY | NYX_WINDOW_DOM_LIMITED };
	struct view_world *w = test->priv;
	unsigned int i;

	fill(w, 5 * K, 9 * K, 12, NYX_ACC_RW);
	for (i = 0; i < ARRAY_SIZE(no); i++) {
		view_set_dom(w, no[i]);
		KUNIT_EXPECT_FALSE(test, found(w, 5 * K));
	}
	view_set_dom(w, NYX_WINDOW_DOM_LIVE);
	KUNIT_EXPECT_TRUE(test, found(w, 5 * K));
}

/* The kernel makes the writes while it tracks them. */
static void dirty_domain_is_read_only(struct kunit *test)
{
	struct view_world *w = test->priv;
	struct nyx_view_hit hit;

	fill(w, 5 * K, 9 * K, 12, NYX_ACC_RW);
	view_set_dom(w, NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_DIRTY);
	KUNIT_ASSERT_TRUE(test, lookup(w, 5 * K, 8, NYX_PROT_READ, &hit));
	KUNIT_EXPECT_EQ(test, hit.prot, NYX_PROT_READ);
	KUNIT_EXPECT_EQ(test, hit.gpa, 9 * K);
	KUNIT_EXPECT_FALSE(test, lookup(w, 5 * K, 8, NYX_PROT_WRITE, &hit));
	KUNIT_EXPECT_FALSE(test, lookup(w, 5 * K, 8, NYX_PROT_READ | NYX_PROT_WRITE, &hit));
	w->doms[VIEW_DOM].last = ~0ull;
	view_set_dom(w, NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_DIRTY | NYX_WINDOW_DOM_IDENTITY);
	KUNIT_ASSERT_TRUE(test, lookup(w, 5 * K, 8, NYX_PROT_READ, &hit));
	KUNIT_EXPECT_EQ(test, hit.prot, NYX_PROT_READ);
	KUNIT_EXPECT_FALSE(test, lookup(w, 5 * K, 8, NYX_PROT_WRITE, &hit));
	/* A walk is no way around it. */
	view_set_dom(w, NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_DIRTY | NYX_WINDOW_DOM_TABLE);
	hit.prot = NYX_PROT_READ | NYX_PROT_WRITE;
	KUNIT_EXPECT_FALSE(test, lookup(w, 1ull << 39, 8, NYX_PROT_READ, &hit));
	KUNIT_EXPECT_EQ(test, hit.prot, NYX_PROT_READ);
}

static void interrupt_range_is_no_memory(struct kunit *test)
{
	struct view_world *w = test->priv;
	const u64 first = NYX_WINDOW_MSI_FIRST, last = NYX_WINDOW_MSI_LAST;
	struct nyx_view_hit hit;

	/* One entry has all of it, and the words beside it. */
	fill(w, first, 0, 30, NYX_ACC_RW);
	KUNIT_EXPECT_TRUE(test, found(w, first));
	view_set_dom(w, NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_MSI_WINDOW);
	KUNIT_EXPECT_FALSE(test, found(w, first));
	KUNIT_EXPECT_FALSE(test, found(w, last));
	KUNIT_EXPECT_TRUE(test, found(w, last + 1));
	KUNIT_ASSERT_TRUE(test, lookup(w, first - 16, 64, NYX_PROT_READ, &hit));
	KUNIT_EXPECT_EQ(test, hit.length, 16);
	KUNIT_ASSERT_TRUE(test, lookup(w, first - 16, 16, NYX_PROT_READ, &hit));
	KUNIT_EXPECT_EQ(test, hit.length, 16);
	KUNIT_ASSERT_TRUE(test, lookup(w, last + 1, 64, NYX_PROT_READ, &hit));
	KUNIT_EXPECT_EQ(test, hit.length, 64);
}

static void identity_ends_at_its_last_address(struct kunit *test)
{
	struct view_world *w = test->priv;
	const u64 last = (1ull << 39) - 1;
	struct nyx_view_hit hit;

	w->doms[VIEW_DOM].last = last;
	view_set_dom(w, NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_IDENTITY);
	view_set_dev(w, NYX_WINDOW_DEV_LIVE | NYX_WINDOW_DEV_READ);
	KUNIT_ASSERT_TRUE(test, lookup(w, 0x12345, ~0ull, NYX_PROT_READ, &hit));
	KUNIT_EXPECT_EQ(test, hit.gpa, 0x12345);
	KUNIT_EXPECT_EQ(test, hit.length, last - 0x12345 + 1);
	KUNIT_EXPECT_EQ(test, hit.prot, NYX_PROT_READ);
	KUNIT_EXPECT_EQ(test, hit.first, 0x12);
	KUNIT_EXPECT_EQ(test, hit.last, last / K);
	KUNIT_EXPECT_FALSE(test, lookup(w, 0x12345, 1, NYX_PROT_WRITE, &hit));
	KUNIT_ASSERT_TRUE(test, lookup(w, last, 64, NYX_PROT_READ, &hit));
	KUNIT_EXPECT_EQ(test, hit.length, 1);
	KUNIT_EXPECT_FALSE(test, found(w, last + 1));
	view_set_dom(w, NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_IDENTITY |
			NYX_WINDOW_DOM_MSI_WINDOW);
	KUNIT_EXPECT_FALSE(test, found(w, NYX_WINDOW_MSI_FIRST));
	KUNIT_ASSERT_TRUE(test, lookup(w, NYX_WINDOW_MSI_FIRST - 1, 2, NYX_PROT_READ, &hit));
	KUNIT_EXPECT_EQ(test, hit.length, 1);
	/* All of 64 bits. */
	w->doms[VIEW_DOM].last = ~0ull;
	KUNIT_ASSERT_TRUE(test, lookup(w, ~0ull, 1, NYX_PROT_READ, &hit));
	KUNIT_EXPECT_EQ(test, hit.gpa, ~0ull);
}

static void device_has_a_serial(struct kunit *test)
{
	struct view_world *w = test->priv;
	const struct nyx_view_reader *r = &w->readers[0];

	KUNIT_EXPECT_EQ(test, nyx_reader_device(r, VIEW_DEV, VIEW_SBDF, NYX_PASID_NONE),
			view_handle());
	KUNIT_EXPECT_EQ(test, nyx_reader_device(r, VIEW_DEV, VIEW_SBDF + 1, NYX_PASID_NONE), 0);
	KUNIT_EXPECT_EQ(test, nyx_reader_device(r, VIEW_DEV, VIEW_SBDF, 1), 0);
	KUNIT_EXPECT_EQ(test, nyx_reader_device(r, VIEW_DEV + 1, VIEW_SBDF, NYX_PASID_NONE), 0);
	view_set_dev(w, NYX_WINDOW_DEV_READ);
	KUNIT_EXPECT_EQ(test, nyx_reader_device(r, VIEW_DEV, VIEW_SBDF, NYX_PASID_NONE), 0);
	/* An unknown device is a miss. */
	fill(w, 5 * K, 9 * K, 12, NYX_ACC_RW);
	KUNIT_EXPECT_EQ(test, nyx_reader_lookup(r, 0, 5 * K, 1, NYX_PROT_READ,
						&(struct nyx_view_hit) {}), NYX_READER_KERNEL);
}

static void unknown_layout_is_refused(struct kunit *test)
{
	static u8 window[3 * 4096] __aligned(4096);
	struct nyx_window_head *head = (void *)window;
	const struct nyx_window_head good = {
		.version = NYX_WINDOW_VERSION, .head_size = sizeof(good), .set_shift = 60,
		.dev_offset = 4096, .nr_devs = 256, .dom_offset = 8192, .nr_doms = 32,
		.set_offset = 10240, .nr_sets = 16,
	};
	struct nyx_view_slot slot = { .seq = 7 };
	struct nyx_view_reader r = {};

	*head = good;
	KUNIT_ASSERT_TRUE(test, nyx_reader_init(&r, window, sizeof(window), &slot));
	KUNIT_EXPECT_PTR_EQ(test, (const void *)r.head, (const void *)window);
	KUNIT_EXPECT_PTR_EQ(test, (const void *)r.devs, (const void *)(window + 4096));
	KUNIT_EXPECT_PTR_EQ(test, (const void *)r.doms, (const void *)(window + 8192));
	KUNIT_EXPECT_PTR_EQ(test, (const void *)r.entries, (const void *)(window + 10240));
	KUNIT_EXPECT_EQ(test, r.set_shift, 60);
	/* A section that was never left is over. */
	KUNIT_EXPECT_EQ(test, slot.seq, 8);
	head->version = 0;
	KUNIT_EXPECT_FALSE(test, nyx_reader_init(&r, window, sizeof(window), &slot));
	head->version = NYX_WINDOW_VERSION + 1;
	KUNIT_EXPECT_FALSE(test, nyx_reader_init(&r, window, sizeof(window), &slot));
	*head = good;
	head->nr_devs = 513;
	KUNIT_EXPECT_FALSE(test, nyx_reader_init(&r, window, sizeof(window), &slot));
	*head = good;
	head->nr_doms = 65;
	KUNIT_EXPECT_FALSE(test, nyx_reader_init(&r, window, sizeof(window), &slot));
	*head = good;
	head->nr_sets = 17;
	KUNIT_EXPECT_FALSE(test, nyx_reader_init(&r, window, sizeof(window), &slot));
	*head = good;
	head->set_shift = 64;
	KUNIT_EXPECT_FALSE(test, nyx_reader_init(&r, window, sizeof(window), &slot));
}

/* ---- slots and holds ------------------------------------------------------------ */

static void section_is_odd_and_names_the_device(struct kunit *test)
{
	struct view_world *w = test->priv;
	struct nyx_view_slot *slot = &w->slots[0];

	w->head.phase = 30;
	KUNIT_EXPECT_TRUE(test, nyx_reader_enter(&w->readers[0], VIEW_DEV));
	KUNIT_EXPECT_EQ(test, slot->seq, 1);
	KUNIT_EXPECT_EQ(test, slot->dev, VIEW_DEV);
	KUNIT_EXPECT_EQ(test, slot->phase, 30);
	KUNIT_EXPECT_TRUE(test, nyx_reader_leave(&w->readers[0]));
	KUNIT_EXPECT_EQ(test, slot->seq, 2);
	KUNIT_EXPECT_TRUE(test, nyx_reader_enter(&w->readers[0], 0));
	KUNIT_EXPECT_EQ(test, slot->seq, 3);
	/* Cut off inside, and known at once. */
	slot->cut = 1;
	KUNIT_EXPECT_FALSE(test, nyx_reader_leave(&w->readers[0]));
	KUNIT_EXPECT_EQ(test, slot->seq, 4);
	KUNIT_EXPECT_FALSE(test, nyx_reader_enter(&w->readers[0], 0));
	KUNIT_EXPECT_EQ(test, slot->seq, 5);
}

static void hold_names_what_it_is_for(struct kunit *test)
{
	struct view_world *w = test->priv;
	struct nyx_view_hold *hold = &w->holds[1];

	w->head.phase = 70;
	nyx_reader_enter(&w->readers[0], VIEW_DEV);
	w->head.phase = 71;
	nyx_hold_take(hold, VIEW_DOM, &w->slots[0], 5, 4);
	nyx_reader_leave(&w->readers[0]);
	KUNIT_EXPECT_EQ(test, hold->seq, 1);
	KUNIT_EXPECT_EQ(test, hold->dom, VIEW_DOM);
	KUNIT_EXPECT_EQ(test, hold->dev, VIEW_DEV);
	KUNIT_EXPECT_EQ(test, hold->first, 5);
	KUNIT_EXPECT_EQ(test, hold->nr, 4);
	KUNIT_EXPECT_EQ(test, hold->phase, 70);
	/* Drains of other pages do not wait. */
	view_drain(w, 0, 5 * K - 1);
	view_drain(w, 10 * K, ~0ull);
	nyx_hold_release(hold);
	KUNIT_EXPECT_EQ(test, hold->seq, 2);
	view_drain(w, 0, ~0ull);
	nyx_hold_take(hold, VIEW_DOM, &w->slots[1], 1, 0);
	KUNIT_EXPECT_EQ(test, hold->seq, 3);
	KUNIT_EXPECT_EQ(test, hold->dev, 0);
	KUNIT_EXPECT_EQ(test, hold->nr, 0);
}

/* ---- a section that begins beside a drain -------------------------------------------- */

/* ThreadSanitizer takes its time, and does not know of barriers. */
#ifdef NYX_HOST_TSAN
#define MEETINGS	(view_rounds / 2)
#else
#define MEETINGS	(view_rounds * 32)
#endif

/**
 * struct meeting - a thread that begins a section, and one that takes the translation away
 * @w: the window
 * @go: number of the try, when the reader may begin
 * @looked: likewise, when the drain has looked at the slot
 * @left: likewise, when the section is over
 * @hit: the reader has found the translation
 */
struct meeting {
	struct view_world *w;
	unsigned int go;
	unsigned int looked;
	unsigned int left;
	bool hit;
};

static void wait_for_try(const unsigned int *at, unsigned int n)
{
	unsigned int spins = 0;

	while (smp_load_acquire(at) != n) {
		if (++spins % 256)
			cpu_relax();
		else
			cond_resched();
	}
}

static int meeting_reader(void *arg)
{
	struct meeting *m = arg;
	unsigned int n;

	for (n = 1; n <= MEETINGS; n++) {
		wait_for_try(&m->go, n);
		/* With the words in its cache, the processor reads them at once. */
		found(m->w, 5 * K);
		nyx_reader_enter(&m->w->readers[0], VIEW_DEV);
		m->hit = found(m->w, 5 * K);
		wait_for_try(&m->looked, n);
		nyx_reader_leave(&m->w->readers[0]);
		smp_store_release(&m->left, n);
	}
	return 0;
}

/* A hit whose section the drain has not seen is one that nobody waits for. */
static void drain_sees_section_or_section_sees_change(struct kunit *test)
{
	struct view_world *w = test->priv;
	struct meeting m = { .w = w };
	unsigned int n, missed = 0, hits = 0, delay = 0;
	struct task_struct *reader;
	u64 state = 3, spin;
	bool seen;

	fill(w, 5 * K, 9 * K, 12, NYX_ACC_RW);
	reader = kthread_run(meeting_reader, &m, "nyx-reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(reader));
	for (n = 1; n <= MEETINGS; n++) {
		view_set_dom(w, NYX_WINDOW_DOM_LIVE);
		smp_store_release(&m.go, n);
		for (spin = delay + next_random(&state) % 64; spin; spin--)
			barrier();
		view_set_dom(w, 0);
		smp_mb();
		seen = smp_load_acquire(&w->slots[0].seq) & 1;
		smp_store_release(&m.looked, n);
		wait_for_try(&m.left, n);
		/* Stay where both meet. */
		if (m.hit)
			delay -= min(delay, 8u);
		else if (delay < 4096)
			delay += 8;
		hits += m.hit;
		missed += m.hit && !seen;
	}
	kthread_stop(reader);
	KUNIT_EXPECT_EQ(test, missed, 0);
	kunit_info(test, "%u of %u were hits\n", hits, n - 1);
}

/* ---- the race -------------------------------------------------------------------- */

#define PAGES		8u
#define VAS		16u
#define POISON		0xdeadull

/**
 * struct race - pages that come and go
 * @w: the window
 * @page: what is in the pages: the number of the address that a page is mapped at, twice, or
 *        POISON, twice
 * @table: the page of each address, counted from 1, or 0
 * @request: one for each reader: the address that a request with its hold uses, counted from 1
 * @requested: the page of that
 * @poisoned: uses that have seen something else
 * @used: uses
 * @held: requests
 * @stop: it is over
 */
struct race {
	struct view_world *w;
	u64 page[PAGES][2];
	unsigned int table[VAS];
	unsigned int request[2];
	unsigned int requested[2];
	atomic_long_t poisoned;
	atomic_long_t used;
	atomic_long_t held;
	int stop;
};

struct race_reader {
	struct race *race;
	unsigned int nr;
	struct task_struct *task;
};

static u64 address_of(unsigned int nr)
{
	/* One is in a large page, which the others are not. */
	return nr ? nr * K : 1ull << 21;
}

/* Use a page by plain accesses, which ThreadSanitizer looks at, too. */
static void use(struct race *r, unsigned int va, unsigned int page)
{
	u64 *p = r->page[page - 1];

	if (((volatile u64 *)p)[0] != va || ((volatile u64 *)p)[1] != va)
		atomic_long_inc(&r->poisoned);
}

/* NYX_VIEW_FILL: the answer, or 0. */
static unsigned int kernel_fill(struct race *r, unsigned int va)
{
	unsigned int lg2 = va ? 12 : 21;
	struct view_world *w = r->w;
	unsigned int page, pair;
	struct iotlb_snap snap;

	pair = epoch_enter(&w->epoch);
	iotlb_begin(&w->space, &snap);
	page = READ_ONCE(r->table[va]);
	if (page)
		view_fill(w, &snap, address_of(va), (u64)page << lg2, lg2, NYX_ACC_RW);
	epoch_exit(&w->epoch, pair);
	return page;
}

static int race_reader(void *arg)
{
	struct race_reader *me = arg;
	struct race *r = me->race;
	struct view_world *w = r->w;
	struct nyx_view_reader *reader = &w->readers[me->nr];
	struct nyx_view_hold *hold = &w->holds[VIEW_HOLDS - 1 - me->nr];
	u64 state = me->nr + 5, n = 0, random;
	struct nyx_view_hit hit;
	unsigned int va, page;

	while (!READ_ONCE(r->stop)) {
		random = next_random(&state);
		va = random % VAS;
		nyx_reader_enter(reader, VIEW_DEV);
		if (nyx_reader_lookup(reader, view_handle(), address_of(va), 8,
				      NYX_PROT_READ, &hit) == NYX_READER_HIT) {
			page = hit.gpa >> (va ? 12 : 21);
		} else {
			page = kernel_fill(r, va);
			hit.first = address_of(va) / K;
			hit.last = hit.first + (va ? 0 : 511);
		}
		if (page) {
			use(r, va, page);
			n++;
			/* A request that outlasts the section, if the last one is over. */
			if (!(random >> 32 & 7) && !smp_load_acquire(&r->request[me->nr])) {
				nyx_hold_take(hold, VIEW_DOM, reader->slot, hit.first,
					      hit.last - hit.first);
				r->requested[me->nr] = page;
				smp_store_release(&r->request[me->nr], va + 1);
			}
		}
		nyx_reader_leave(reader);
	}
	atomic_long_add(n, &r->used);
	return 0;
}

/* Ends the requests of both readers. */
static int race_io(void *arg)
{
	struct race *r = arg;
	unsigned int i, j, va, busy = 1;
	u64 state = 99;

	while (!READ_ONCE(r->stop) || busy) {
		busy = 0;
		for (i = 0; i < 2; i++) {
			va = smp_load_acquire(&r->request[i]);
			if (!va)
				continue;
			busy = 1;
			for (j = next_random(&state) % 64; j; j--)
				use(r, va - 1, r->requested[i]);
			use(r, va - 1, r->requested[i]);
			atomic_long_inc(&r->held);
			nyx_hold_release(&r->w->holds[VIEW_HOLDS - 1 - i]);
			smp_store_release(&r->request[i], 0);
		}
		cpu_relax();
	}
	return 0;
}

/* Take the mapping of an address away, and poison its page. */
static void take_away(struct race *r, unsigned int va, u64 random)
{
	struct view_world *w = r->w;
	u64 first = address_of(va), last = first + (va ? K : 1ull << 21) - 1;
	unsigned int page = r->table[va];

	WRITE_ONCE(r->table[va], 0);
	/* A guest may name any page of a large one. */
	if (!va && (random & 8))
		first = last = last - 17 * K;
	if (random & 7)
		iotlb_invalidate(&w->tlb, &w->space, first, last);
	else
		iotlb_flush(&w->tlb, &w->space);
	view_drain(w, first, last);
	r->page[page - 1][0] = POISON;
	r->page[page - 1][1] = POISON;
}

static void race_writer(struct kunit *test, struct race *r)
{
	unsigned int i, va, page, free = 1;
	u64 state = 42, random;

	for (i = 0; i < view_rounds || atomic_long_read(&r->held) < view_rounds / 8; i++) {
		random = next_random(&state);
		for (va = random % VAS; !r->table[va]; va = (va + 1) % VAS)
			;
		page = r->table[va];
		take_away(r, va, random >> 32);
		for (va = (random >> 16) % VAS; r->table[va]; va = (va + 1) % VAS)
			;
		r->page[free - 1][0] = r->page[free - 1][1] = va;
		smp_store_release(&r->table[va], free);
		free = page;
	}
}

static void nobody_sees_poison(struct kunit *test)
{
	struct race *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	struct race_reader readers[2];
	struct task_struct *io;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->w = test->priv;
	/* Each page but one is mapped; the free one goes to another address. */
	for (i = 2; i <= PAGES; i++) {
		r->page[i - 1][0] = r->page[i - 1][1] = i;
		r->table[i] = i;
	}
	for (i = 0; i < 2; i++) {
		readers[i] = (struct race_reader) { .race = r, .nr = i };
		readers[i].task = kthread_run(race_reader, &readers[i], "nyx-reader");
		KUNIT_ASSERT_FALSE(test, IS_ERR(readers[i].task));
	}
	io = kthread_run(race_io, r, "nyx-io");
	KUNIT_ASSERT_FALSE(test, IS_ERR(io));
	race_writer(test, r);
	WRITE_ONCE(r->stop, 1);
	for (i = 0; i < 2; i++)
		kthread_stop(readers[i].task);
	kthread_stop(io);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&r->poisoned), 0);
	KUNIT_EXPECT_GT(test, atomic_long_read(&r->used), view_rounds);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(hit_tells_all_of_the_page),
	KUNIT_CASE(permission_of_entry_and_device),
	KUNIT_CASE(reader_agrees_with_kernel),
	KUNIT_CASE(entry_that_is_written_is_no_hit),
	KUNIT_CASE(classes_are_those_of_the_word),
	KUNIT_CASE(device_word_decides),
	KUNIT_CASE(domain_word_decides),
	KUNIT_CASE(dirty_domain_is_read_only),
	KUNIT_CASE(interrupt_range_is_no_memory),
	KUNIT_CASE(identity_ends_at_its_last_address),
	KUNIT_CASE(device_has_a_serial),
	KUNIT_CASE(unknown_layout_is_refused),
	KUNIT_CASE(section_is_odd_and_names_the_device),
	KUNIT_CASE(hold_names_what_it_is_for),
	KUNIT_CASE(drain_sees_section_or_section_sees_change),
	KUNIT_CASE(nobody_sees_poison),
	{}
};

static struct kunit_suite suite = {
	.name = "nyx_view",
	.init = setup,
	.exit = teardown,
	.test_cases = cases,
};

kunit_test_suite(suite);
