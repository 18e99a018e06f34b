// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of the register file.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The oracle is a page of bytes with three more pages that say, bit by bit,
 * what can be written and what a one clears. Module parameters: regfile_seed
 * repeats a random run (0: take the clock; it is printed), regfile_rounds is its
 * length.
 */
#include <kunit/test.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/string.h>

#include "base/types.h"
#include "viommu/regfile.h"
#include "viommu/state.h"

static unsigned long regfile_seed;
module_param(regfile_seed, ulong, 0444);
MODULE_PARM_DESC(regfile_seed, "seed of the random case of nyx_regfile; 0: the clock");
static unsigned int regfile_rounds = 20000;
module_param(regfile_rounds, uint, 0444);
MODULE_PARM_DESC(regfile_rounds, "accesses of the random case of nyx_regfile");

enum {
	WIDE, LOW, HIGH, ALONE, UPPER, CLEAR, MIXED, LAST, VALUES,
};

#define ALL	(~0ull)

/* 0x18 (lower half of a slot), 0x30 and behind 0x48 have no register. */
static const struct reg_def defs[] = {
	{ .offset = 0x00, .size = 8, .index = WIDE, .reset = 0x1122334455667788,
	  .rw = ALL },
	{ .offset = 0x08, .size = 4, .index = LOW, .reset = 0xaabbccdd,
	  .rw = 0x0000ffff },
	{ .offset = 0x0c, .size = 4, .index = HIGH, .reset = 0x01020304, .rw = ALL },
	{ .offset = 0x10, .size = 4, .index = ALONE, .rw = ALL },
	{ .offset = 0x1c, .size = 4, .index = UPPER, .rw = ALL },
	{ .offset = 0x20, .size = 8, .index = CLEAR,
	  .reset = 0xf00000000000000f, .w1c = 0x8000000100000001 },
	{ .offset = 0x28, .size = 4, .index = MIXED, .reset = 0xff0000ff,
	  .rw = 0x00ff0000, .w1c = 0x0000000f },
	{ .offset = 0x40, .size = 8, .index = LAST, .reset = 0x5a5a5a5a5a5a5a5a },
};

static const struct state_desc state = { .reg = defs, .nr_regs = ARRAY_SIZE(defs) };

#define ROOM	0x80u	/* all offsets that are tried */

struct file {
	struct regfile regs;
	u64 value[VALUES + 1];
};

static int regfile_setup(struct kunit *test)
{
	struct file *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->regs.def = defs;
	f->regs.nr = ARRAY_SIZE(defs);
	f->regs.value = f->value;
	/* No function writes behind the values. */
	f->value[VALUES] = 0xdeadbeefdeadbeef;
	state_reset(&state, f->value);
	test->priv = f;
	return 0;
}

static void regfile_teardown(struct kunit *test)
{
	struct file *f = test->priv;

	if (f)
		KUNIT_EXPECT_EQ(test, f->value[VALUES], 0xdeadbeefdeadbeefull);
}

static void expect_read(struct kunit *test, u32 offset, u32 size, u64 want)
{
	struct file *f = test->priv;

	KUNIT_EXPECT_EQ_MSG(test, regfile_read(&f->regs, offset, size), want,
			    "%u bytes at 0x%x", size, offset);
}

static unsigned int store(struct kunit *test, u32 offset, u32 size, u64 value,
			  struct reg_write done[2])
{
	struct file *f = test->priv;

	memset(done, 0xa5, 2 * sizeof(done[0]));
	return regfile_write(&f->regs, offset, size, value, done);
}

static void expect_done(struct kunit *test, const struct reg_write *w,
			unsigned int def, u64 old, u64 new, u64 written, u64 mask)
{
	KUNIT_ASSERT_PTR_EQ(test, w->def, &defs[def]);
	KUNIT_EXPECT_EQ(test, w->old, old);
	KUNIT_EXPECT_EQ(test, w->new, new);
	KUNIT_EXPECT_EQ(test, w->written, written);
	KUNIT_EXPECT_EQ(test, w->mask, mask);
}

static void regfile_after_reset(struct kunit *test)
{
	struct file *f = test->priv;
	struct reg_write done[2];

	expect_read(test, 0x00, 8, 0x1122334455667788);
	expect_read(test, 0x08, 4, 0xaabbccdd);
	expect_read(test, 0x0c, 4, 0x01020304);
	expect_read(test, 0x10, 4, 0);
	expect_read(test, 0x20, 8, 0xf00000000000000f);
	expect_read(test, 0x28, 4, 0xff0000ff);
	expect_read(test, 0x40, 8, 0x5a5a5a5a5a5a5a5a);

	store(test, 0x00, 8, 0, done);
	store(test, 0x08, 8, ALL, done);
	store(test, 0x20, 8, ALL, done);
	store(test, 0x28, 4, 0x0012345f, done);
	state_reset(&state, f->value);
	expect_read(test, 0x00, 8, 0x1122334455667788);
	expect_read(test, 0x08, 8, 0x01020304aabbccdd);
	expect_read(test, 0x20, 8, 0xf00000000000000f);
	expect_read(test, 0x28, 4, 0xff0000ff);
}

static void regfile_halves(struct kunit *test)
{
	struct reg_write done[2];

	expect_read(test, 0x00, 4, 0x55667788);
	expect_read(test, 0x04, 4, 0x11223344);

	KUNIT_ASSERT_EQ(test, store(test, 0x04, 4, 0xcafe0001, done), 1u);
	expect_done(test, &done[0], WIDE, 0x1122334455667788, 0xcafe000155667788,
		    0xcafe000100000000, 0xffffffff00000000);
	KUNIT_ASSERT_EQ(test, store(test, 0x00, 4, 0x87654321, done), 1u);
	expect_done(test, &done[0], WIDE, 0xcafe000155667788, 0xcafe000187654321,
		    0x87654321, 0xffffffff);
	expect_read(test, 0x00, 8, 0xcafe000187654321);
	KUNIT_ASSERT_EQ(test, store(test, 0x00, 8, 42, done), 1u);
	expect_done(test, &done[0], WIDE, 0xcafe000187654321, 42, 42, ALL);
}

static void regfile_two_at_once(struct kunit *test)
{
	struct reg_write done[2];

	expect_read(test, 0x08, 8, 0x01020304aabbccdd);
	KUNIT_ASSERT_EQ(test, store(test, 0x08, 8, 0x99887766554433ee, done), 2u);
	expect_done(test, &done[0], LOW, 0xaabbccdd, 0xaabb33ee, 0x554433ee,
		    0xffffffff);
	expect_done(test, &done[1], HIGH, 0x01020304, 0x99887766, 0x99887766,
		    0xffffffff);
	expect_read(test, 0x08, 8, 0x99887766aabb33ee);
	/* One of them does not touch the other. */
	KUNIT_ASSERT_EQ(test, store(test, 0x0c, 4, 7, done), 1u);
	expect_done(test, &done[0], HIGH, 0x99887766, 7, 7, 0xffffffff);
	KUNIT_ASSERT_EQ(test, store(test, 0x08, 4, 0, done), 1u);
	expect_read(test, 0x08, 8, 0x00000007aabb0000);
}

/* Eight bytes of which a register has four, in the lower or the upper half. */
static void regfile_half_empty(struct kunit *test)
{
	struct reg_write done[2];

	KUNIT_ASSERT_EQ(test, store(test, 0x10, 8, 0x1111111122222222, done), 1u);
	expect_done(test, &done[0], ALONE, 0, 0x22222222, 0x22222222, 0xffffffff);
	expect_read(test, 0x10, 8, 0x22222222);
	KUNIT_ASSERT_EQ(test, store(test, 0x18, 8, 0x3333333344444444, done), 1u);
	expect_done(test, &done[0], UPPER, 0, 0x33333333, 0x33333333, 0xffffffff);
	expect_read(test, 0x18, 8, 0x3333333300000000);
	expect_read(test, 0x1c, 4, 0x33333333);
}

static void regfile_no_register(struct kunit *test)
{
	static const u16 offsets[] = { 0x14, 0x18, 0x2c, 0x30, 0x34, 0x48, 0x4c, 0x7c };
	struct reg_write done[2];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		KUNIT_EXPECT_EQ(test, store(test, offsets[i], 4, 0xffffffff, done), 0u);
		expect_read(test, offsets[i], 4, 0);
	}
	for (i = 0x30; i < ROOM; i += 8) {
		if (i == 0x40)
			continue;
		KUNIT_EXPECT_EQ(test, store(test, i, 8, ALL, done), 0u);
		expect_read(test, i, 8, 0);
	}
	KUNIT_EXPECT_EQ(test, store(test, 0xff8, 8, ALL, done), 0u);
	expect_read(test, 0xff8, 8, 0);
	expect_read(test, 0xffc, 4, 0);
	/* And nothing else has changed. */
	expect_read(test, 0x10, 8, 0);
	expect_read(test, 0x28, 8, 0xff0000ff);
	expect_read(test, 0x40, 8, 0x5a5a5a5a5a5a5a5a);
}

static void regfile_read_only(struct kunit *test)
{
	struct reg_write done[2];

	KUNIT_ASSERT_EQ(test, store(test, 0x40, 8, 0, done), 1u);
	expect_done(test, &done[0], LAST, 0x5a5a5a5a5a5a5a5a, 0x5a5a5a5a5a5a5a5a,
		    0, ALL);
	KUNIT_ASSERT_EQ(test, store(test, 0x44, 4, 0xffffffff, done), 1u);
	expect_done(test, &done[0], LAST, 0x5a5a5a5a5a5a5a5a, 0x5a5a5a5a5a5a5a5a,
		    0xffffffff00000000, 0xffffffff00000000);
	/* Bits that cannot be written, beside those that can. */
	store(test, 0x08, 4, 0x11111111, done);
	expect_read(test, 0x08, 4, 0xaabb1111);
}

static void regfile_write_one_to_clear(struct kunit *test)
{
	struct reg_write done[2];

	/* A zero clears nothing, a one elsewhere neither. */
	store(test, 0x20, 8, 0, done);
	expect_read(test, 0x20, 8, 0xf00000000000000f);
	store(test, 0x20, 8, 0x7000000000000006, done);
	expect_read(test, 0x20, 8, 0xf00000000000000f);
	/* The lower half does not clear in the upper one. */
	KUNIT_ASSERT_EQ(test, store(test, 0x20, 4, 0xffffffff, done), 1u);
	expect_done(test, &done[0], CLEAR, 0xf00000000000000f, 0xf00000000000000e,
		    0xffffffff, 0xffffffff);
	KUNIT_ASSERT_EQ(test, store(test, 0x24, 4, 0x80000000, done), 1u);
	expect_done(test, &done[0], CLEAR, 0xf00000000000000e, 0x700000000000000e,
		    0x8000000000000000, 0xffffffff00000000);
	/* It stays clear, and a one does not set it. */
	store(test, 0x20, 8, ALL, done);
	expect_read(test, 0x20, 8, 0x700000000000000e);

	/* Beside bits that are written. */
	KUNIT_ASSERT_EQ(test, store(test, 0x28, 4, 0x00ab0005, done), 1u);
	expect_done(test, &done[0], MIXED, 0xff0000ff, 0xffab00fa, 0x00ab0005,
		    0xffffffff);
}

/* ---- at random ---------------------------------------------------------- */

/**
 * struct bytes - the oracle
 * @value: what is there
 * @rw: bits that can be written
 * @w1c: bits that a one clears
 */
struct bytes {
	u8 value[ROOM];
	u8 rw[ROOM];
	u8 w1c[ROOM];
};

static void put(u8 *at, u64 value, u32 size)
{
	u32 i;

	for (i = 0; i < size; i++)
		at[i] = value >> (8 * i);
}

static u64 get(const u8 *at, u32 size)
{
	u64 value = 0;
	u32 i;

	for (i = 0; i < size; i++)
		value |= (u64)at[i] << (8 * i);
	return value;
}

static u64 draw(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

static void regfile_random(struct kunit *test)
{
	struct bytes *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	u64 seed = regfile_seed ?: ktime_get_ns() | 1;
	struct reg_write done[2];
	unsigned int round, i;

	KUNIT_ASSERT_NOT_NULL(test, b);
	kunit_info(test, "regfile_seed=%llu\n", (unsigned long long)seed);
	for (i = 0; i < ARRAY_SIZE(defs); i++) {
		put(b->value + defs[i].offset, defs[i].reset, defs[i].size);
		put(b->rw + defs[i].offset, defs[i].rw, defs[i].size);
		put(b->w1c + defs[i].offset, defs[i].w1c, defs[i].size);
	}
	for (round = 0; round < regfile_rounds; round++) {
		u32 size = draw(&seed) & (1ull << 40) ? 4 : 8;
		u32 offset = (draw(&seed) >> 32) % (ROOM / size) * size;
		u64 value = draw(&seed);

		if (size == 4)
			value &= 0xffffffff;
		if (draw(&seed) & (1ull << 41)) {
			store(test, offset, size, value, done);
			for (i = 0; i < size; i++) {
				u8 byte = value >> (8 * i), *at = &b->value[offset + i];
				u8 rw = b->rw[offset + i];

				*at = ((*at & ~rw) | (byte & rw)) &
				      ~(byte & b->w1c[offset + i]);
			}
		}
		KUNIT_ASSERT_EQ_MSG(test,
				    regfile_read(&((struct file *)test->priv)->regs,
						 offset, size),
				    get(b->value + offset, size),
				    "round %u: %u bytes at 0x%x", round, size, offset);
	}
}

static void regfile_empty(struct kunit *test)
{
	struct regfile regs = {};
	struct reg_write done[2];

	KUNIT_EXPECT_EQ(test, regfile_read(&regs, 0, 8), 0ull);
	KUNIT_EXPECT_EQ(test, regfile_write(&regs, 0, 8, ALL, done), 0u);
}

static struct kunit_case regfile_cases[] = {
	KUNIT_CASE(regfile_after_reset),
	KUNIT_CASE(regfile_halves),
	KUNIT_CASE(regfile_two_at_once),
	KUNIT_CASE(regfile_half_empty),
	KUNIT_CASE(regfile_no_register),
	KUNIT_CASE(regfile_read_only),
	KUNIT_CASE(regfile_write_one_to_clear),
	KUNIT_CASE(regfile_random),
	KUNIT_CASE(regfile_empty),
	{}
};

static struct kunit_suite regfile_suite = {
	.name = "nyx_regfile",
	.init = regfile_setup,
	.exit = regfile_teardown,
	.test_cases = regfile_cases,
};

kunit_test_suite(regfile_suite);
