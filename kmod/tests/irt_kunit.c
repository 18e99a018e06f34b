// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of the interrupt remapping table, and of the messages of VT-d and
 * native units.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The oracle keeps entries as they were written and says, in the words of the
 * VT-d specification (5.1.2 to 5.1.5), what becomes of a message. Module
 * parameters: irt_seed repeats a random run (0: take the clock; it is printed),
 * irt_rounds is its length and that of the race.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "tlb/irt.h"
#include "viommu/msi.h"

#define ENTRIES		1024u
#define DEV		NYX_SBDF(0, 1, 2, 3)
#define GPA_MAX		((1ull << 52) - 64)

static unsigned long irt_seed;
module_param(irt_seed, ulong, 0444);
MODULE_PARM_DESC(irt_seed, "seed of the random cases of nyx_irt; 0: the clock");
static unsigned int irt_rounds = 20000;
module_param(irt_rounds, uint, 0444);
MODULE_PARM_DESC(irt_rounds, "operations of the random cases of nyx_irt");

/* Random numbers that a seed repeats (xorshift64*). */
static u64 draw(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

static u32 below(u64 *state, u32 n)
{
	return (draw(state) >> 32) * n >> 32;
}

/* The address of a message in the remappable format, without a sub-handle. */
static u64 msi(u32 handle)
{
	u64 address = 0xfee00010;
	unsigned int i;

	for (i = 0; i < 15; i++) {
		if (handle & 1u << i)
			address |= 1ull << (5 + i);
	}
	if (handle & 0x8000)
		address |= 0x4;
	return address;
}

/* The same with one, which is in the data. */
static u64 msi_sub(u32 handle)
{
	return msi(handle) | 0x8;
}

/* A message on its way: decoded, its entry fetched, remapped. */
static u32 remap(const struct irt *irt, u32 mode, u32 sbdf, u64 address, u32 data,
		 struct irt_msg *msg)
{
	u32 reason = msi_decode(0, mode, address, data, msg);
	struct irt_word w;

	if (reason || msg->passthrough)
		return reason;
	reason = irt_fetch(irt, msg->index, &w);
	return reason ?: irt_remap(&w, mode, sbdf, msg);
}

static const struct irt_entry fixed = {
	.dest = 3, .vector = 0x40, .delivery = NYX_DELIVERY_FIXED,
};

static int irt_setup(struct kunit *test)
{
	struct irt *irt = kunit_kzalloc(test, sizeof(*irt), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, irt);
	KUNIT_ASSERT_EQ(test, irt_init(irt, ENTRIES), 0);
	test->priv = irt;
	return 0;
}

static void irt_teardown(struct kunit *test)
{
	if (test->priv)
		irt_fini(test->priv);
}

/* A table as large as they get, in the place of the suite's. */
static struct irt *largest(struct kunit *test)
{
	struct irt *irt = test->priv;

	irt_fini(irt);
	KUNIT_ASSERT_EQ(test, irt_init(irt, IRT_MAX_ENTRIES), 0);
	return irt;
}

static u32 send(struct irt *irt, u64 address, u32 data, struct irt_msg *msg)
{
	/* Nothing may be left of it. */
	memset(msg, 0xa5, sizeof(*msg));
	return remap(irt, 0, DEV, address, data, msg);
}

/* ---- writing and reading ------------------------------------------------ */

static void expect_same(struct kunit *test, const struct irt_entry *a,
			const struct irt_entry *b)
{
	KUNIT_EXPECT_EQ(test, a->flags, b->flags);
	KUNIT_EXPECT_EQ(test, a->dest, b->dest);
	KUNIT_EXPECT_EQ(test, a->source, b->source);
	KUNIT_EXPECT_EQ(test, (u32)a->vector, (u32)b->vector);
	KUNIT_EXPECT_EQ(test, (u32)a->delivery, (u32)b->delivery);
	KUNIT_EXPECT_EQ(test, (u32)a->check, (u32)b->check);
	KUNIT_EXPECT_EQ(test, (u32)a->mask, (u32)b->mask);
	KUNIT_EXPECT_EQ(test, a->posted, b->posted);
}

static void expect_message(struct kunit *test, const struct irt_entry *e,
			   const struct irt_msg *msg)
{
	KUNIT_EXPECT_EQ(test, (u32)msg->flags, e->flags);
	KUNIT_EXPECT_EQ(test, (u32)msg->vector, (u32)e->vector);
	KUNIT_EXPECT_EQ(test, (u32)msg->delivery, (u32)e->delivery);
	KUNIT_EXPECT_EQ(test, msg->dest, e->dest);
	KUNIT_EXPECT_EQ(test, msg->posted, e->posted);
	KUNIT_EXPECT_FALSE(test, msg->passthrough);
}

/* An entry reads as it was written and, if every requester may use it, is sent so. */
static void round_trip(struct kunit *test, const struct irt_entry *e)
{
	struct irt *irt = test->priv;
	struct irt_entry got;
	struct irt_msg msg;

	irt_write(irt, 5, e);
	memset(&got, 0xa5, sizeof(got));
	KUNIT_ASSERT_TRUE(test, irt_read(irt, 5, &got));
	expect_same(test, &got, e);
	if (e->check != NYX_SOURCE_ANY)
		return;
	KUNIT_ASSERT_EQ(test, send(irt, msi(5), 0, &msg), NYX_FAULT_NONE);
	KUNIT_EXPECT_EQ(test, msg.index, 5);
	expect_message(test, e, &msg);
}

static void every_field_keeps_its_value(struct kunit *test)
{
	static const u8 masks[] = { 0, 4, 6, 7 };
	struct irt_entry e;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		e = (struct irt_entry){ .dest = 1u << i };
		round_trip(test, &e);
		e.dest = ~e.dest;
		round_trip(test, &e);
		e = (struct irt_entry){ .check = NYX_SOURCE_RID };
		e.source = 1u << i;
		round_trip(test, &e);
		e.source = ~e.source;
		round_trip(test, &e);
	}
	for (i = 0; i < 256; i++) {
		e = (struct irt_entry){ .vector = i };
		round_trip(test, &e);
	}
	for (i = 0; i < 8; i++) {
		e = (struct irt_entry){ .delivery = i };
		round_trip(test, &e);
	}
	for (i = 0; i < 3; i++) {
		e = (struct irt_entry){ .check = i };
		round_trip(test, &e);
	}
	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		e = (struct irt_entry) {
			.check = NYX_SOURCE_RID, .mask = masks[i],
		};
		round_trip(test, &e);
	}
	/* All combinations of FPD, LOGICAL, LEVEL and HINT. */
	for (i = 0; i < 16; i++) {
		e = (struct irt_entry){ .flags = i };
		round_trip(test, &e);
		e = (struct irt_entry) {
			.flags = i, .dest = ~0u, .vector = 0xff, .delivery = 7,
			.check = NYX_SOURCE_RID, .mask = 7, .source = ~0u,
		};
		round_trip(test, &e);
	}
}

static void posted_entries_keep_their_values(struct kunit *test)
{
	struct irt_entry e = { .flags = NYX_IRTE_F_POSTED };
	unsigned int i;

	round_trip(test, &e);
	for (i = 6; i < 52; i++) {
		e.posted = 1ull << i;
		round_trip(test, &e);
		e.posted = GPA_MAX & ~e.posted;
		round_trip(test, &e);
	}
	e.posted = GPA_MAX;
	for (i = 0; i < 256; i++) {
		e.vector = i;
		round_trip(test, &e);
	}
	for (i = 0; i < 4; i++) {
		e.flags = NYX_IRTE_F_POSTED | (i & 1 ? NYX_IRTE_F_URGENT : 0) |
			  (i & 2 ? NYX_IRTE_F_FPD : 0);
		round_trip(test, &e);
	}
	e.check = NYX_SOURCE_RID;
	e.mask = 7;
	e.source = ~0u;
	round_trip(test, &e);
}

static void write_counts_what_is_present(struct kunit *test)
{
	struct irt *irt = test->priv;
	struct irt_entry got;

	KUNIT_EXPECT_EQ(test, irt->nr_present, 0);
	KUNIT_EXPECT_FALSE(test, irt_write(irt, 0, NULL));
	KUNIT_EXPECT_EQ(test, irt->nr_present, 0);
	KUNIT_EXPECT_FALSE(test, irt_write(irt, 0, &fixed));
	KUNIT_EXPECT_FALSE(test, irt_write(irt, ENTRIES - 1, &fixed));
	KUNIT_EXPECT_EQ(test, irt->nr_present, 2);
	KUNIT_EXPECT_TRUE(test, irt_write(irt, 0, &fixed));
	KUNIT_EXPECT_EQ(test, irt->nr_present, 2);
	KUNIT_EXPECT_TRUE(test, irt_write(irt, 0, NULL));
	KUNIT_EXPECT_EQ(test, irt->nr_present, 1);
	KUNIT_EXPECT_FALSE(test, irt_write(irt, 0, NULL));
	KUNIT_EXPECT_EQ(test, irt->nr_present, 1);

	/* Nothing is left of an entry that was cleared. */
	memset(&got, 0xa5, sizeof(got));
	KUNIT_EXPECT_FALSE(test, irt_read(irt, 0, &got));
	KUNIT_EXPECT_EQ(test, got.dest, 0);
	KUNIT_EXPECT_EQ(test, (u32)got.vector, 0);
	KUNIT_EXPECT_TRUE(test, irt_read(irt, ENTRIES - 1, &got));

	irt_write(irt, 5, &fixed);
	irt_clear(irt);
	KUNIT_EXPECT_EQ(test, irt->nr_present, 0);
	KUNIT_EXPECT_FALSE(test, irt_read(irt, 5, &got));
	KUNIT_EXPECT_FALSE(test, irt_read(irt, ENTRIES - 1, &got));
}

/* Of a table that caches, each page is there from its first entry on. */
static void cached_entries_bring_their_pages(struct kunit *test)
{
	struct irt *irt = test->priv;
	u32 i, pages = ENTRIES / IRT_PAGE;
	struct irt_entry got;
	struct irt_word w;

	irt_fini(irt);
	KUNIT_ASSERT_EQ(test, irt_init_cache(irt, ENTRIES), 0);
	for (i = 0; i < pages; i++) {
		KUNIT_EXPECT_NULL(test, irt->pages[i]);
		KUNIT_EXPECT_FALSE(test, irt_present(irt, i * IRT_PAGE));
		KUNIT_EXPECT_EQ(test, irt_fetch(irt, i * IRT_PAGE, &w),
				NYX_FAULT_IRQ_NOT_PRESENT);
		memset(&got, 0xa5, sizeof(got));
		KUNIT_EXPECT_FALSE(test, irt_read(irt, i * IRT_PAGE, &got));
		KUNIT_EXPECT_EQ(test, got.dest, 0);
	}
	KUNIT_EXPECT_EQ(test, irt_fetch(irt, ENTRIES, &w), NYX_FAULT_IRQ_INDEX);
	/* To clear an entry takes no page. */
	KUNIT_EXPECT_FALSE(test, irt_write(irt, IRT_PAGE, NULL));
	KUNIT_EXPECT_NULL(test, irt->pages[1]);

	KUNIT_ASSERT_EQ(test, irt_reserve(irt, 2 * IRT_PAGE - 1), 0);
	KUNIT_EXPECT_FALSE(test, irt_present(irt, 2 * IRT_PAGE - 1));
	KUNIT_EXPECT_FALSE(test, irt_write(irt, 2 * IRT_PAGE - 1, &fixed));
	KUNIT_EXPECT_EQ(test, irt->nr_present, 1);
	for (i = 0; i < ENTRIES; i++)
		KUNIT_EXPECT_EQ(test, irt_present(irt, i), i == 2 * IRT_PAGE - 1);
	for (i = 0; i < pages; i++)
		KUNIT_EXPECT_EQ(test, !irt->pages[i], i != 1);
	/* A page that is there stays as it is. */
	KUNIT_ASSERT_EQ(test, irt_reserve(irt, IRT_PAGE), 0);
	KUNIT_EXPECT_TRUE(test, irt_present(irt, 2 * IRT_PAGE - 1));
	irt_clear(irt);
	KUNIT_EXPECT_EQ(test, irt->nr_present, 0);
	KUNIT_EXPECT_FALSE(test, irt_present(irt, 2 * IRT_PAGE - 1));
}

/* All of the table is there, and no entry is another one. */
static void each_handle_has_its_entry(struct kunit *test)
{
	struct irt *irt = largest(test);
	struct irt_entry e = fixed;
	struct irt_msg msg;
	u32 i, bad = 0;

	for (i = 0; i < IRT_MAX_ENTRIES; i++) {
		e.dest = i * 0x10001;
		KUNIT_ASSERT_FALSE(test, irt_write(irt, i, &e));
	}
	for (i = 0; i < IRT_MAX_ENTRIES; i++) {
		bad += send(irt, msi(i), 0, &msg) != NYX_FAULT_NONE ||
		       msg.index != i || msg.dest != i * 0x10001;
		/* These bits and this data mean nothing. */
		bad += send(irt, msi(i) | 3, ~i, &msg) != NYX_FAULT_NONE ||
		       msg.index != i || msg.dest != i * 0x10001;
	}
	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_EQ(test, irt->nr_present, IRT_MAX_ENTRIES);
}

/* ---- the message -------------------------------------------------------- */

static void sub_handle_is_added(struct kunit *test)
{
	static const struct {
		u32 handle, sub;
	} t[] = {
		{ 0, 0 }, { 0, 1 }, { 1, 0 }, { 0, 0xffff }, { 0xffff, 0 },
		{ 0x7fff, 0x7fff }, { 0x8000, 0x7fff }, { 0x7fff, 0x8000 },
		{ 0x1234, 0x4321 }, { 0xfffe, 1 },
		/* Beyond the largest table; the sum does not wrap. */
		{ 0xffff, 1 }, { 1, 0xffff }, { 0x8000, 0x8000 },
		{ 0xffff, 0xffff },
	};
	struct irt *irt = largest(test);
	struct irt_entry e = fixed;
	struct irt_msg msg;
	u32 i, want;

	for (i = 0; i < IRT_MAX_ENTRIES; i++)
		irt_write(irt, i, &e);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		want = t[i].handle + t[i].sub;
		KUNIT_EXPECT_EQ(test, send(irt, msi_sub(t[i].handle), t[i].sub,
					   &msg),
				want < IRT_MAX_ENTRIES ? NYX_FAULT_NONE :
							 NYX_FAULT_IRQ_INDEX);
		KUNIT_EXPECT_EQ(test, msg.index, want);
	}
}

static void index_ends_with_the_table(struct kunit *test)
{
	struct irt *irt = test->priv;
	struct irt_msg msg;
	u32 i;

	for (i = 0; i < ENTRIES; i++)
		irt_write(irt, i, &fixed);
	KUNIT_EXPECT_EQ(test, send(irt, msi(ENTRIES - 1), 0, &msg),
			NYX_FAULT_NONE);
	KUNIT_EXPECT_EQ(test, send(irt, msi(ENTRIES), 0, &msg),
			NYX_FAULT_IRQ_INDEX);
	KUNIT_EXPECT_EQ(test, send(irt, msi(0xffff), 0, &msg),
			NYX_FAULT_IRQ_INDEX);
	KUNIT_EXPECT_EQ(test, send(irt, msi_sub(ENTRIES - 1), 0, &msg),
			NYX_FAULT_NONE);
	KUNIT_EXPECT_EQ(test, send(irt, msi_sub(ENTRIES - 1), 1, &msg),
			NYX_FAULT_IRQ_INDEX);
	KUNIT_EXPECT_EQ(test, msg.index, ENTRIES);

	/* A guest may have said that its table is shorter. */
	WRITE_ONCE(irt->limit, 3);
	KUNIT_EXPECT_EQ(test, send(irt, msi(2), 0, &msg), NYX_FAULT_NONE);
	KUNIT_EXPECT_EQ(test, send(irt, msi(3), 0, &msg), NYX_FAULT_IRQ_INDEX);
}

static void request_must_be_well_formed(struct kunit *test)
{
	struct irt *irt = test->priv;
	struct irt_msg msg;
	unsigned int i;

	irt_write(irt, 0, &fixed);
	/* Each bit that makes it a message. */
	for (i = 20; i < 64; i++) {
		KUNIT_EXPECT_EQ(test, send(irt, msi(0) ^ 1ull << i, 0, &msg),
				NYX_FAULT_IRQ_REQUEST);
		KUNIT_EXPECT_EQ(test, msg.index, IRT_INDEX_NONE);
	}
	KUNIT_EXPECT_EQ(test, send(irt, 0, 0, &msg), NYX_FAULT_IRQ_REQUEST);
	/* Above a sub-handle there is nothing; without one data is no matter. */
	for (i = 16; i < 32; i++) {
		KUNIT_EXPECT_EQ(test, send(irt, msi_sub(0), 1u << i, &msg),
				NYX_FAULT_IRQ_REQUEST);
		KUNIT_EXPECT_EQ(test, msg.index, IRT_INDEX_NONE);
		KUNIT_EXPECT_EQ(test, send(irt, msi(0), 1u << i, &msg),
				NYX_FAULT_NONE);
	}
}

/*
 * A message that everything is wrong with, put right step by step: each reason
 * is seen in its turn, so each check comes before those that follow.
 */
static void checks_come_in_order(struct kunit *test)
{
	const u32 mode = NYX_IRQ_MODE_XAPIC;
	struct irt_entry e = {
		.flags = NYX_IRTE_F_FPD, .dest = 0x100, .vector = 0x40,
		.check = NYX_SOURCE_RID, .source = DEV ^ 0x8,
	};
	struct irt *irt = test->priv;
	u64 address = 0x1000000000ull | (msi_sub(ENTRIES) & ~0x10ull);
	u32 data = 0x10000;
	struct irt_msg msg;

	KUNIT_EXPECT_EQ(test, remap(irt, mode, DEV, address, data, &msg),
			NYX_FAULT_IRQ_REQUEST);
	KUNIT_EXPECT_EQ(test, msg.index, IRT_INDEX_NONE);
	address &= 0xffffffff;
	KUNIT_EXPECT_EQ(test, remap(irt, mode, DEV, address, data, &msg),
			NYX_FAULT_IRQ_COMPAT);
	KUNIT_EXPECT_EQ(test, msg.index, IRT_INDEX_NONE);
	address |= 0x10;
	KUNIT_EXPECT_EQ(test, remap(irt, mode, DEV, address, data, &msg),
			NYX_FAULT_IRQ_REQUEST);
	KUNIT_EXPECT_EQ(test, msg.index, IRT_INDEX_NONE);
	data = 0;
	KUNIT_EXPECT_EQ(test, remap(irt, mode, DEV, address, data, &msg),
			NYX_FAULT_IRQ_INDEX);
	KUNIT_EXPECT_EQ(test, msg.index, ENTRIES);
	address = msi_sub(7);
	KUNIT_EXPECT_EQ(test, remap(irt, mode, DEV, address, data, &msg),
			NYX_FAULT_IRQ_NOT_PRESENT);
	KUNIT_EXPECT_EQ(test, msg.index, 7);
	/* No flag so far: no entry was read that has NYX_IRTE_F_FPD. */
	KUNIT_EXPECT_EQ(test, (u32)msg.flags, 0);
	irt_write(irt, 7, &e);
	KUNIT_EXPECT_EQ(test, remap(irt, mode, DEV, address, data, &msg),
			NYX_FAULT_IRQ_RESERVED);
	KUNIT_EXPECT_EQ(test, msg.index, 7);
	KUNIT_EXPECT_TRUE(test, msg.flags & NYX_IRTE_F_FPD);
	e.dest = 0xff;
	irt_write(irt, 7, &e);
	KUNIT_EXPECT_EQ(test, remap(irt, mode, DEV, address, data, &msg),
			NYX_FAULT_IRQ_SOURCE);
	KUNIT_EXPECT_EQ(test, msg.index, 7);
	KUNIT_EXPECT_TRUE(test, msg.flags & NYX_IRTE_F_FPD);
	e.source = DEV;
	irt_write(irt, 7, &e);
	KUNIT_EXPECT_EQ(test, remap(irt, mode, DEV, address, data, &msg),
			NYX_FAULT_NONE);
	KUNIT_EXPECT_EQ(test, msg.index, 7);
	expect_message(test, &e, &msg);
}

static void xapic_has_eight_bits_of_destination(struct kunit *test)
{
	struct irt *irt = test->priv;
	struct irt_entry e = fixed;
	struct irt_msg msg;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		e.dest = 1u << i;
		irt_write(irt, 0, &e);
		KUNIT_EXPECT_EQ(test, remap(irt, NYX_IRQ_MODE_XAPIC, DEV,
					    msi(0), 0, &msg),
				i < 8 ? NYX_FAULT_NONE : NYX_FAULT_IRQ_RESERVED);
		KUNIT_EXPECT_EQ(test, remap(irt, 0, DEV, msi(0), 0, &msg),
				NYX_FAULT_NONE);
		KUNIT_EXPECT_EQ(test, msg.dest, e.dest);
	}
	/* A descriptor's address is no destination. */
	e = (struct irt_entry){ .flags = NYX_IRTE_F_POSTED, .posted = GPA_MAX };
	irt_write(irt, 0, &e);
	KUNIT_EXPECT_EQ(test, remap(irt, NYX_IRQ_MODE_XAPIC, DEV, msi(0), 0,
				    &msg), NYX_FAULT_NONE);
	KUNIT_EXPECT_EQ(test, msg.posted, GPA_MAX);
}

/* ---- requesters that may use an entry ------------------------------------ */

/* As the specification says it: function by function. */
static bool oracle_rid(u32 sbdf, u32 source, u32 mask)
{
	u32 fn = NYX_SBDF_FUNCTION(sbdf), want = NYX_SBDF_FUNCTION(source), i;

	if (NYX_SBDF_SEGMENT(sbdf) != NYX_SBDF_SEGMENT(source) ||
	    NYX_SBDF_BUS(sbdf) != NYX_SBDF_BUS(source) ||
	    NYX_SBDF_DEVICE(sbdf) != NYX_SBDF_DEVICE(source))
		return false;
	for (i = 0; i < 3; i++) {
		if (!(mask & 1u << i) && (fn & 1u << i) != (want & 1u << i))
			return false;
	}
	return true;
}

/* Requesters that are treated unlike @allowed says, of two segments. */
static u32 wrong_sources(struct irt *irt, const struct irt_entry *e,
			 bool (*allowed)(const struct irt_entry *e, u32 sbdf))
{
	u32 segment[] = { NYX_SBDF_SEGMENT(e->source), 0x55aa };
	u32 i, rid, wrong = 0;
	struct irt_msg msg;

	irt_write(irt, 0, e);
	for (i = 0; i < ARRAY_SIZE(segment); i++) {
		for (rid = 0; rid < 0x10000; rid++) {
			u32 sbdf = segment[i] << 16 | rid;
			u32 reason = remap(irt, 0, sbdf, msi(0), 0, &msg);

			if (reason != (allowed(e, sbdf) ? NYX_FAULT_NONE :
							  NYX_FAULT_IRQ_SOURCE))
				wrong++;
		}
		cond_resched();
	}
	return wrong;
}

static bool rid_allowed(const struct irt_entry *e, u32 sbdf)
{
	return oracle_rid(sbdf, e->source, e->mask);
}

static bool bus_allowed(const struct irt_entry *e, u32 sbdf)
{
	u32 first = e->source >> 8 & 0xff, last = e->source & 0xff, bus;

	if (NYX_SBDF_SEGMENT(sbdf) != e->source >> 16)
		return false;
	for (bus = first; bus <= last; bus++) {
		if (NYX_SBDF_BUS(sbdf) == bus)
			return true;
	}
	return false;
}

static bool all_allowed(const struct irt_entry *e, u32 sbdf)
{
	return true;
}

static bool none_allowed(const struct irt_entry *e, u32 sbdf)
{
	return false;
}

static void source_check_of_functions_is_exact(struct kunit *test)
{
	static const u32 source[] = {
		NYX_SBDF(0, 0, 0, 0), NYX_SBDF(0, 1, 2, 3),
		NYX_SBDF(0xffff, 0xff, 0x1f, 7), NYX_SBDF(0x8000, 0x80, 0x10, 5),
	};
	static const u8 masks[] = { 0, 4, 6, 7 };
	struct irt_entry e = { .check = NYX_SOURCE_RID };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(source); i++) {
		for (j = 0; j < ARRAY_SIZE(masks); j++) {
			e.source = source[i];
			e.mask = masks[j];
			KUNIT_EXPECT_EQ(test, wrong_sources(test->priv, &e,
							    rid_allowed), 0);
		}
	}
}

static void source_check_of_buses_is_exact(struct kunit *test)
{
	static const struct {
		u16 segment;
		u8 first, last;
	} t[] = {
		{ 0, 0, 0 }, { 0, 0, 255 }, { 0, 255, 255 }, { 1, 5, 5 },
		{ 0xffff, 5, 9 }, { 0x8000, 0x7f, 0x80 },
		{ 0, 9, 5 },		/* empty */
	};
	struct irt_entry e = { .check = NYX_SOURCE_BUS };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		e.source = NYX_SOURCE_BUSES(t[i].segment, t[i].first, t[i].last);
		KUNIT_EXPECT_EQ(test, wrong_sources(test->priv, &e, bus_allowed),
				0);
	}
}

static void no_source_check_lets_all_in(struct kunit *test)
{
	struct irt_entry e = fixed;

	KUNIT_EXPECT_EQ(test, wrong_sources(test->priv, &e, all_allowed), 0);
	/* Nor is what stands in the field looked at. */
	e.source = NYX_SBDF(3, 4, 5, 6);
	KUNIT_EXPECT_EQ(test, wrong_sources(test->priv, &e, all_allowed), 0);
	/* A sender that cannot be told from others is refused. */
	e.check = 3;
	KUNIT_EXPECT_EQ(test, wrong_sources(test->priv, &e, none_allowed), 0);
}

/* Posted entries are checked as the others are. */
static void posted_entries_are_checked(struct kunit *test)
{
	struct irt_entry e = {
		.flags = NYX_IRTE_F_POSTED, .posted = GPA_MAX,
		.check = NYX_SOURCE_RID, .source = DEV, .mask = 4,
	};

	KUNIT_EXPECT_EQ(test, wrong_sources(test->priv, &e, rid_allowed), 0);
	e.check = NYX_SOURCE_BUS;
	e.mask = 0;
	e.source = NYX_SOURCE_BUSES(0, 1, 2);
	KUNIT_EXPECT_EQ(test, wrong_sources(test->priv, &e, bus_allowed), 0);
}

/* ---- messages that pass ------------------------------------------------- */

/* A message of the compatibility format, taken apart by hand. */
static void expect_passed(struct kunit *test, const struct irt_msg *msg,
			  u64 address, u32 data)
{
	u64 to;
	u32 what;

	KUNIT_EXPECT_EQ(test, msg->index, IRT_INDEX_NONE);
	KUNIT_EXPECT_EQ(test, msg->dest, (u32)(address >> 12) & 0xff);
	KUNIT_EXPECT_EQ(test, (u32)msg->vector, data & 0xff);
	KUNIT_EXPECT_EQ(test, (u32)msg->delivery, data >> 8 & 7);
	KUNIT_EXPECT_EQ(test, (u32)msg->flags,
			(address & 4 ? NYX_IRTE_F_LOGICAL : 0) |
			(address & 8 ? NYX_IRTE_F_HINT : 0) |
			(data & 0x8000 ? NYX_IRTE_F_LEVEL : 0));
	KUNIT_EXPECT_EQ(test, msg->posted, 0);
	KUNIT_EXPECT_TRUE(test, msg->passthrough);
	/* The fields that were understood make the same message again. */
	irt_compose(msg, &to, &what);
	KUNIT_EXPECT_EQ(test, to, address & 0xfffff00c);
	KUNIT_EXPECT_EQ(test, what, (data & 0x87ff) |
			(data & 0x8000 ? 0x4000 : 0));
}

static void compatible_messages_pass_if_they_may(struct kunit *test)
{
	const u32 xapic = NYX_IRQ_MODE_XAPIC;
	const u32 compat = xapic | NYX_IRQ_MODE_COMPAT;
	u64 state = 1, address;
	struct irt_msg msg;
	unsigned int i;
	u32 data;

	for (i = 0; i < 2000; i++) {
		address = 0xfee00000 | (draw(&state) >> 40 & 0xfffef);
		data = draw(&state) >> 32;
		KUNIT_EXPECT_EQ(test, remap(test->priv, 0, DEV, address,
					    data, &msg),
				NYX_FAULT_IRQ_COMPAT);
		KUNIT_EXPECT_EQ(test, msg.index, IRT_INDEX_NONE);
		KUNIT_EXPECT_EQ(test, remap(test->priv, xapic, DEV, address,
					    data, &msg),
				NYX_FAULT_IRQ_COMPAT);
		KUNIT_ASSERT_EQ(test, remap(test->priv, compat, DEV, address,
					    data, &msg), NYX_FAULT_NONE);
		expect_passed(test, &msg, address, data);
	}
	/* Others are remapped as ever, and what is none is refused. */
	KUNIT_EXPECT_EQ(test, remap(test->priv, compat, DEV, msi(0), 0, &msg),
			NYX_FAULT_IRQ_NOT_PRESENT);
	KUNIT_EXPECT_EQ(test, remap(test->priv, compat, DEV, 0xfef00000, 0,
				    &msg), NYX_FAULT_IRQ_REQUEST);
}

static void all_messages_pass_when_it_is_off(struct kunit *test)
{
	const u32 off = NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF;
	u64 state = 2, address;
	struct irt_msg msg;
	unsigned int i;
	u32 data;

	irt_write(test->priv, 0, &fixed);
	for (i = 0; i < 2000; i++) {
		address = 0xfee00000 | (draw(&state) >> 40 & 0xfffff);
		data = draw(&state) >> 32;
		KUNIT_ASSERT_EQ(test, remap(test->priv, off, DEV, address,
					    data, &msg), NYX_FAULT_NONE);
		expect_passed(test, &msg, address, data);
	}
	KUNIT_EXPECT_EQ(test, remap(test->priv, off, DEV, 0xfed00000, 0,
				    &msg), NYX_FAULT_IRQ_REQUEST);
}

static void compose_says_it_to_the_processor(struct kunit *test)
{
	static const struct {
		struct irt_msg msg;
		u64 address;
		u32 data;
	} t[] = {
		{ { 0 }, 0xfee00000, 0 },
		{ { .vector = 0xff }, 0xfee00000, 0xff },
		{ { .delivery = 1, .vector = 0x31 }, 0xfee00000, 0x131 },
		{ { .delivery = 7 }, 0xfee00000, 0x700 },
		{ { .dest = 0xff }, 0xfeeff000, 0 },
		{ { .dest = 0x100 }, 0x10000000000ull | 0xfee00000, 0 },
		{ { .dest = 0xffffffff }, 0xffffff00feeff000ull, 0 },
		{ { .dest = 0x12345678 }, 0x12345600fee78000ull, 0 },
		{ { .flags = NYX_IRTE_F_LOGICAL }, 0xfee00004, 0 },
		{ { .flags = NYX_IRTE_F_HINT }, 0xfee00008, 0 },
		{ { .flags = NYX_IRTE_F_LEVEL }, 0xfee00000, 0xc000 },
		/* These are not for the processor. */
		{ { .flags = NYX_IRTE_F_FPD | NYX_IRTE_F_POSTED |
			     NYX_IRTE_F_URGENT }, 0xfee00000, 0 },
		{ { .dest = 0x80000001, .vector = 0x20, .delivery = 4,
		    .flags = NYX_IRTE_F_LOGICAL | NYX_IRTE_F_HINT |
			     NYX_IRTE_F_LEVEL },
		  0x80000000fee0100cull, 0xc420 },
	};
	u64 address;
	u32 i, data;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		irt_compose(&t[i].msg, &address, &data);
		KUNIT_EXPECT_EQ(test, address, t[i].address);
		KUNIT_EXPECT_EQ(test, data, t[i].data);
	}
}

/* ---- a random run against an oracle ------------------------------------- */

#define ORACLE_ENTRIES	24u

struct oracle {
	bool present[ORACLE_ENTRIES];
	struct irt_entry entry[ORACLE_ENTRIES];
};

/* Crowded, so that requesters and entries meet. */
static u32 random_sbdf(u64 *state)
{
	u32 sbdf = below(state, 2) << 16 | below(state, 4) << 8 |
		   below(state, 2) << 3 | below(state, 8);

	return below(state, 16) ? sbdf : (u32)draw(state);
}

static void random_entry(u64 *state, struct irt_entry *e)
{
	static const u8 masks[] = { 0, 4, 6, 7 };

	*e = (struct irt_entry) {
		.vector = draw(state) >> 56,
		.check = below(state, 3),
		.flags = draw(state) >> 60 & (NYX_IRTE_F_FPD |
					      NYX_IRTE_F_LOGICAL |
					      NYX_IRTE_F_LEVEL |
					      NYX_IRTE_F_HINT),
	};
	if (e->check)
		e->source = random_sbdf(state);
	if (e->check == NYX_SOURCE_RID)
		e->mask = masks[below(state, 4)];
	if (below(state, 3)) {
		e->delivery = below(state, 8);
		e->dest = draw(state) >> (below(state, 2) ? 32 : 56);
		return;
	}
	e->flags &= NYX_IRTE_F_FPD;
	e->flags |= NYX_IRTE_F_POSTED | (below(state, 2) ? NYX_IRTE_F_URGENT : 0);
	e->posted = draw(state) >> (12 + below(state, 40)) & ~63ull;
}

static u32 oracle_remap(const struct oracle *o, u32 mode, u32 sbdf, u64 address,
			u32 data, u32 *index)
{
	const struct irt_entry *e;

	*index = IRT_INDEX_NONE;
	if (address < 0xfee00000 || address > 0xfeefffff)
		return NYX_FAULT_IRQ_REQUEST;
	if (mode & NYX_IRQ_MODE_OFF)
		return NYX_FAULT_NONE;
	if (!(address & 0x10))
		return mode & NYX_IRQ_MODE_COMPAT ? NYX_FAULT_NONE :
						    NYX_FAULT_IRQ_COMPAT;
	if (address & 0x8 && data > 0xffff)
		return NYX_FAULT_IRQ_REQUEST;
	*index = (address % 0x100000) / 0x20 + (address & 4 ? 0x8000 : 0) +
		 (address & 8 ? data : 0);
	if (*index >= ORACLE_ENTRIES)
		return NYX_FAULT_IRQ_INDEX;
	if (!o->present[*index])
		return NYX_FAULT_IRQ_NOT_PRESENT;
	e = &o->entry[*index];
	if (mode & NYX_IRQ_MODE_XAPIC && e->dest > 255)
		return NYX_FAULT_IRQ_RESERVED;
	if (e->check == NYX_SOURCE_RID && !rid_allowed(e, sbdf))
		return NYX_FAULT_IRQ_SOURCE;
	if (e->check == NYX_SOURCE_BUS && !bus_allowed(e, sbdf))
		return NYX_FAULT_IRQ_SOURCE;
	return NYX_FAULT_NONE;
}

static void random_message(u64 *state, u64 *address, u32 *data)
{
	u32 handle = below(state, ORACLE_ENTRIES + 2);
	u32 sub = below(state, 4);

	*data = below(state, 2) ? below(state, 4) : (u32)draw(state);
	if (!below(state, 8))
		handle ^= 1u << below(state, 16);
	*address = below(state, 2) ? msi(handle) :
				     msi_sub(handle - min(sub, handle));
	if (!below(state, 8))
		*address ^= 1ull << below(state, 64);
}

static void check_message(struct kunit *test, struct irt *irt,
			  const struct oracle *o, u64 *state)
{
	static const u32 modes[] = {
		0, NYX_IRQ_MODE_XAPIC, NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_COMPAT,
		NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF,
		NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_COMPAT | NYX_IRQ_MODE_OFF,
	};
	u32 mode = modes[below(state, ARRAY_SIZE(modes))];
	u32 sbdf = random_sbdf(state), data, index, want, got;
	struct irt_msg msg;
	u64 address;

	random_message(state, &address, &data);
	want = oracle_remap(o, mode, sbdf, address, data, &index);
	memset(&msg, 0xa5, sizeof(msg));
	got = remap(irt, mode, sbdf, address, data, &msg);
	KUNIT_ASSERT_EQ(test, got, want);
	KUNIT_ASSERT_EQ(test, msg.index, index);
	if (want == NYX_FAULT_NONE && index == IRT_INDEX_NONE) {
		expect_passed(test, &msg, address, data);
	} else if (want == NYX_FAULT_NONE) {
		expect_message(test, &o->entry[index], &msg);
	} else {
		bool fpd = index < ORACLE_ENTRIES && o->present[index] &&
			     o->entry[index].flags & NYX_IRTE_F_FPD;

		KUNIT_ASSERT_EQ(test, !!(msg.flags & NYX_IRTE_F_FPD), fpd);
	}
}

static void random_messages_match_oracle(struct kunit *test)
{
	u64 seed = irt_seed ?: ktime_get_ns(), state = seed ?: 1;
	struct irt *irt = test->priv;
	struct irt_entry e;
	struct oracle *o;
	unsigned int i;

	kunit_info(test, "irt_seed=%llu\n", seed);
	o = kunit_kzalloc(test, sizeof(*o), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, o);
	irt_fini(irt);
	KUNIT_ASSERT_EQ(test, irt_init(irt, ORACLE_ENTRIES), 0);
	for (i = 0; i < irt_rounds; i++) {
		u32 index = below(&state, ORACLE_ENTRIES);

		switch (below(&state, 8)) {
		case 0:
			random_entry(&state, &e);
			KUNIT_ASSERT_EQ(test, irt_write(irt, index, &e),
					o->present[index]);
			o->entry[index] = e;
			o->present[index] = true;
			break;
		case 1:
			if (below(&state, 3))
				break;
			KUNIT_ASSERT_EQ(test, irt_write(irt, index, NULL),
					o->present[index]);
			o->present[index] = false;
			break;
		case 2:
			KUNIT_ASSERT_EQ(test, irt_read(irt, index, &e),
					o->present[index]);
			if (o->present[index])
				expect_same(test, &e, &o->entry[index]);
			break;
		default:
			check_message(test, irt, o, &state);
		}
		if (!(i % 1024))
			cond_resched();
	}
	for (i = 0; i < ORACLE_ENTRIES; i++)
		irt->nr_present -= o->present[i];
	KUNIT_EXPECT_EQ(test, irt->nr_present, 0);
}

/* ---- readers beside a writer -------------------------------------------- */

#define RACE_READERS	2u
#define RACE_STATES	64u
#define RACE_INDEX	9u
#define RACE_TURN	64	/* looks between two counts */

/**
 * struct race - a reader, and what it has seen
 * @irt: the table
 * @looks: at the entry
 * @seen: whole entries
 * @refused: entries of others
 * @absent: times that there was none
 * @torn: entries that no writer wrote
 */
struct race {
	struct irt *irt;
	atomic_long_t looks;
	unsigned long seen;
	unsigned long refused;
	unsigned long absent;
	unsigned long torn;
};

/* The entry number @k: each of its fields says so. Every third one is posted. */
static void race_entry(u32 k, struct irt_entry *e)
{
	*e = (struct irt_entry) {
		.vector = 0x80 + k, .check = NYX_SOURCE_RID,
		.source = k << 26 | k << 8,
	};
	if (k % 3) {
		e->dest = k * 0x01010101;
		e->delivery = k & 7;
		e->flags = k & 1 ? NYX_IRTE_F_LOGICAL : NYX_IRTE_F_HINT;
	} else {
		e->flags = NYX_IRTE_F_POSTED;
		e->posted = (u64)k << 46 | (u64)k << 6;
	}
}

static bool race_msg_is(const struct irt_msg *msg, u32 k)
{
	struct irt_entry e;

	race_entry(k, &e);
	return msg->index == RACE_INDEX && msg->vector == e.vector &&
	       msg->dest == e.dest && msg->delivery == e.delivery &&
	       msg->flags == e.flags && msg->posted == e.posted;
}

static bool race_read_is_whole(const struct irt_entry *got)
{
	struct irt_entry e;

	race_entry(got->vector - 0x80u, &e);
	return got->vector >= 0x80 && got->vector < 0x80 + RACE_STATES &&
	       got->flags == e.flags && got->dest == e.dest &&
	       got->source == e.source && got->delivery == e.delivery &&
	       got->check == e.check && got->mask == e.mask &&
	       got->posted == e.posted;
}

static int race_reader(void *data)
{
	struct race *r = data;
	struct irt_entry got;
	struct irt_msg msg;
	u32 k = 0;

	while (!kthread_should_stop()) {
		unsigned int i;

		for (i = 0; i < RACE_TURN / 2; i++) {
			/* The sender of this may use that entry, and no other one. */
			k = (k + 1) % RACE_STATES;
			switch (remap(r->irt, 0, k << 26 | k << 8,
				      msi(RACE_INDEX), 0, &msg)) {
			case NYX_FAULT_NONE:
				if (race_msg_is(&msg, k))
					r->seen++;
				else
					r->torn++;
				break;
			case NYX_FAULT_IRQ_SOURCE:
				if (msg.vector != 0x80 + k &&
				    race_msg_is(&msg, msg.vector - 0x80u))
					r->refused++;
				else
					r->torn++;
				break;
			case NYX_FAULT_IRQ_NOT_PRESENT:
				r->absent++;
				break;
			default:
				r->torn++;
			}
			if (!irt_read(r->irt, RACE_INDEX, &got))
				r->absent++;
			else if (!race_read_is_whole(&got))
				r->torn++;
		}
		atomic_long_add(RACE_TURN, &r->looks);
		cond_resched();
	}
	return 0;
}

/* Of the one that has looked least. */
static unsigned long race_looks(struct race *race)
{
	unsigned long least = ULONG_MAX;
	unsigned int i;

	for (i = 0; i < RACE_READERS; i++)
		least = min_t(unsigned long, least,
			      atomic_long_read(&race[i].looks));
	return least;
}

static void readers_never_see_a_torn_entry(struct kunit *test)
{
	struct task_struct *task[RACE_READERS];
	struct irt *irt = test->priv;
	struct irt_entry *e;
	struct race *race;
	unsigned int i;
	long looks;

	race = kunit_kcalloc(test, RACE_READERS, sizeof(*race), GFP_KERNEL);
	e = kunit_kcalloc(test, RACE_STATES, sizeof(*e), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, race);
	KUNIT_ASSERT_NOT_NULL(test, e);
	for (i = 0; i < RACE_READERS; i++) {
		race[i].irt = irt;
		task[i] = kthread_run(race_reader, &race[i], "nyx-irt-reader");
		/* It counts as done, and fails below. */
		if (IS_ERR(task[i]))
			atomic_long_set(&race[i].looks, LONG_MAX);
	}
	/* All entries beforehand: the faster it writes, the more it meets. */
	for (i = 0; i < RACE_STATES; i++)
		race_entry(i, &e[i]);
	for (i = 0; i < irt_rounds || race_looks(race) < 50ul * irt_rounds; i++) {
		irt_write(irt, RACE_INDEX, i % 50 ? &e[i * 7 % RACE_STATES] :
						    NULL);
		/* Where there is one CPU the others want it, too. */
		if (!(i % 16))
			cond_resched();
	}
	/* A reader that looked only while there was none finds this one. */
	irt_write(irt, RACE_INDEX, &e[0]);
	for (i = 0; i < RACE_READERS; i++) {
		if (IS_ERR(task[i])) {
			KUNIT_FAIL(test, "no thread");
			continue;
		}
		/* The turn that it is in, and another one. */
		looks = atomic_long_read(&race[i].looks);
		while (atomic_long_read(&race[i].looks) - looks < 2 * RACE_TURN)
			cond_resched();
		kthread_stop(task[i]);
		KUNIT_EXPECT_EQ(test, race[i].torn, 0);
		KUNIT_EXPECT_GT(test, race[i].seen + race[i].refused, 0);
	}
}

static struct kunit_case irt_cases[] = {
	KUNIT_CASE(every_field_keeps_its_value),
	KUNIT_CASE(posted_entries_keep_their_values),
	KUNIT_CASE(write_counts_what_is_present),
	KUNIT_CASE(cached_entries_bring_their_pages),
	KUNIT_CASE(each_handle_has_its_entry),
	KUNIT_CASE(sub_handle_is_added),
	KUNIT_CASE(index_ends_with_the_table),
	KUNIT_CASE(request_must_be_well_formed),
	KUNIT_CASE(checks_come_in_order),
	KUNIT_CASE(xapic_has_eight_bits_of_destination),
	KUNIT_CASE(source_check_of_functions_is_exact),
	KUNIT_CASE(source_check_of_buses_is_exact),
	KUNIT_CASE(no_source_check_lets_all_in),
	KUNIT_CASE(posted_entries_are_checked),
	KUNIT_CASE(compatible_messages_pass_if_they_may),
	KUNIT_CASE(all_messages_pass_when_it_is_off),
	KUNIT_CASE(compose_says_it_to_the_processor),
	KUNIT_CASE(random_messages_match_oracle),
	KUNIT_CASE(readers_never_see_a_torn_entry),
	{}
};

static struct kunit_suite irt_suite = {
	.name = "nyx_irt",
	.init = irt_setup,
	.exit = irt_teardown,
	.test_cases = irt_cases,
};

kunit_test_suite(irt_suite);
