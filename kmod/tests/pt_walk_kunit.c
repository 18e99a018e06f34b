// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suites nyx_pt_entry, nyx_pt_walk: entries as the specifications
 * draw them, and how kernel-owned tables are read.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Entries are written out in hexadecimal here, by hand from the drawings.
 */
#include "pt_kunit.h"

#include <linux/module.h>

#define R	NYX_ACC_READ
#define W	NYX_ACC_WRITE
#define X	NYX_ACC_EXEC
#define RW	NYX_ACC_RW
#define K	4096ull

/* ---- entries that pt_map() makes ------------------------------------------- */

/**
 * struct golden - an entry as it must be
 * @format: of enum pt_format
 * @perm: NYX_ACC_*
 * @lg2: log2 of the page
 * @oa: output address
 * @raw: the entry
 */
struct golden {
	u8 format;
	u8 perm;
	u8 lg2;
	u64 oa;
	u64 raw;
};

static const struct golden goldens[] = {
	/* R 0, W 1, PS 7 */
	{ PT_VTDSS, R, 12, 0x123456789000, 0x123456789001 },
	{ PT_VTDSS, W, 12, 0x123456789000, 0x123456789002 },
	{ PT_VTDSS, RW, 12, 0xffffffffff000, 0xffffffffff003 },
	{ PT_VTDSS, RW, 21, 0x40200000, 0x40200083 },
	{ PT_VTDSS, R, 30, 0x80000000, 0x80000081 },
	/* P 0, RW 1, US 2, A 5, D 6, PS 7, XD 63 */
	{ PT_X86, R, 12, 0x123456789000, 0x8000123456789025 },
	{ PT_X86, RW, 12, 0x123456789000, 0x8000123456789067 },
	{ PT_X86, W, 12, 0x123456789000, 0x8000123456789067 },
	{ PT_X86, R | X, 12, 0xffffffffff000, 0x000ffffffffff025 },
	{ PT_X86, RW | X, 21, 0x40200000, 0x402000e7 },
	{ PT_X86, RW, 30, 0x80000000, 0x80000000800000e7 },
	/* PR 0, NextLevel 11:9, FC 60, IR 61, IW 62 */
	{ PT_AMDV1, R, 12, 0x123456789000, 0x3000123456789001 },
	{ PT_AMDV1, W, 12, 0x123456789000, 0x5000123456789001 },
	{ PT_AMDV1, RW, 12, 0xffffffffff000, 0x700ffffffffff001 },
	{ PT_AMDV1, RW, 13, 0xffffffffe000, 0x7000ffffffffee01 },
	{ PT_AMDV1, RW, 14, 0x123456788000, 0x7000123456789e01 },
	{ PT_AMDV1, RW, 15, 0x123456788000, 0x700012345678be01 },
	{ PT_AMDV1, RW, 16, 0x123456780000, 0x7000123456787e01 },
	{ PT_AMDV1, RW, 20, 0x123456700000, 0x700012345677fe01 },
	{ PT_AMDV1, RW, 21, 0x40200000, 0x7000000040200001 },
	{ PT_AMDV1, RW, 22, 0x40400000, 0x70000000405ffe01 },
	{ PT_AMDV1, RW, 29, 0x60000000, 0x700000006ffffe01 },
	{ PT_AMDV1, RW, 30, 0x80000000, 0x7000000080000001 },
	{ PT_AMDV1, RW, 31, 0x80000000, 0x70000000bffffe01 },
	{ PT_AMDV1, RW, 39, 0x8000000000, 0x7000008000000001 },
};

static void golden_desc(const struct golden *g, char *desc)
{
	static const char * const names[] = { "vtdss", "x86", "amdv1" };

	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s-%u-%u", names[g->format],
		 g->lg2, g->perm);
}

KUNIT_ARRAY_PARAM(golden, goldens, golden_desc);

struct last_entries {
	struct pt_entry leaf;
	struct pt_entry table[6];
};

static bool remember(void *ctx, const struct pt_entry *e)
{
	struct last_entries *l = ctx;

	if (e->leaf)
		l->leaf = *e;
	else
		l->table[e->level] = *e;
	return true;
}

static void entry_is_as_specified(struct kunit *test)
{
	const struct golden *g = test->param_value;
	struct pt_config cfg = { .format = g->format, .levels = 4 };
	struct last_entries *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);
	u64 va = 0x3a8000000000;
	struct pt_chain free = {};
	unsigned int level;
	u64 addr, *top;
	struct pt pt;

	KUNIT_ASSERT_NOT_NULL(test, l);
	KUNIT_ASSERT_EQ(test, pt_init(&pt, &cfg), 0);
	KUNIT_ASSERT_EQ(test, pt_map(&pt, va, va + lg2_last(g->lg2), g->oa,
				     g->perm, &free), 0);
	pt_dump(&pt, remember, l);
	KUNIT_EXPECT_EQ(test, l->leaf.raw, g->raw);
	KUNIT_EXPECT_EQ(test, l->leaf.next, g->oa);
	KUNIT_EXPECT_EQ(test, l->leaf.lg2, g->lg2);
	KUNIT_EXPECT_EQ(test, l->leaf.level, (g->lg2 - 12) / 9);

	/* The same bits, found by hand: the entries on the way, and the last one. */
	addr = pt.root;
	for (level = 3; level > l->leaf.level; level--) {
		u64 raw = pt_mem_ptr(addr)[va >> (12 + 9 * level) & 511];
		u64 attr = g->format == PT_VTDSS ? 0x3 :
			   g->format == PT_X86 ? 0x27 :
			   0x6000000000000001 | (u64)level << 9;

		KUNIT_EXPECT_EQ(test, l->table[level].raw, raw);
		addr = raw & 0xffffffffff000;
		KUNIT_EXPECT_EQ(test, raw, addr | attr);
	}
	top = pt_mem_ptr(addr);
	KUNIT_EXPECT_EQ(test, top[va >> (12 + 9 * level) & 511], g->raw);
	pt_fini(&pt);
	pt_chain_free(&free);
}

static struct kunit_case entry_cases[] = {
	KUNIT_CASE_PARAM(entry_is_as_specified, golden_gen_params),
	{}
};

static struct kunit_suite entry_suite = {
	.name = "nyx_pt_entry",
	.suite_exit = pt_suite_exit,
	.test_cases = entry_cases,
};

/* ---- pt_walk() -------------------------------------------------------------- */

static void walk_of_empty_table(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	unsigned int top = f->shape->levels - 1;
	struct pt_result res;

	pt_walk(&f->pt, 0, R, &res);
	KUNIT_EXPECT_EQ(test, res.status, top ? PT_TABLE_NOT_PRESENT :
						PT_NOT_PRESENT);
	KUNIT_EXPECT_EQ(test, res.level, top);
	KUNIT_EXPECT_EQ(test, fixture_map(f, K, 2 * K - 1, 0, RW), 0);
	pt_walk(&f->pt, 0, R, &res);
	KUNIT_EXPECT_EQ(test, res.status, PT_NOT_PRESENT);
	KUNIT_EXPECT_EQ(test, res.level, 0);
	pt_walk(&f->pt, f->pt.va_last, R, &res);
	KUNIT_EXPECT_EQ(test, res.status, top ? PT_TABLE_NOT_PRESENT :
						PT_NOT_PRESENT);
	/* The root stays. */
	fixture_unmap(f, 0, ~0ull);
	pt_walk(&f->pt, K, R, &res);
	KUNIT_EXPECT_EQ(test, res.status, top ? PT_TABLE_NOT_PRESENT :
						PT_NOT_PRESENT);
	KUNIT_EXPECT_EQ(test, res.level, top);
}

static void walk_beyond_width(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	struct pt_config cfg = { f->shape->format, f->shape->levels, 20 };
	bool x86 = f->shape->format == PT_X86;
	struct pt_result res;

	KUNIT_ASSERT_EQ(test, fixture_map(f, 0, K - 1, 0, RW), 0);
	if (f->pt.va_last != ~0ull) {
		pt_walk(&f->pt, f->pt.va_last + 1, R, &res);
		KUNIT_EXPECT_EQ(test, res.status, PT_WIDTH);
		pt_walk(&f->pt, ~0ull, R, &res);
		KUNIT_EXPECT_EQ(test, res.status, x86 ? PT_TABLE_NOT_PRESENT :
							PT_WIDTH);
	}
	if (x86) {
		pt_walk(&f->pt, ~f->pt.va_last, R, &res);
		KUNIT_EXPECT_EQ(test, res.status, PT_TABLE_NOT_PRESENT);
		KUNIT_EXPECT_EQ(test, res.level, f->shape->levels - 1);
		pt_walk(&f->pt, ~f->pt.va_last - 1, R, &res);
		KUNIT_EXPECT_EQ(test, res.status, PT_WIDTH);
	}
	pt_fini(&f->pt);
	KUNIT_ASSERT_EQ(test, pt_init(&f->pt, &cfg), 0);
	KUNIT_ASSERT_EQ(test, fixture_map(f, 0xff000, 0xfffff, 0, RW), 0);
	pt_walk(&f->pt, 0xfffff, R, &res);
	KUNIT_EXPECT_EQ(test, res.status, PT_OK);
	pt_walk(&f->pt, 0x100000, R, &res);
	KUNIT_EXPECT_EQ(test, res.status, PT_WIDTH);
	KUNIT_EXPECT_EQ(test, fixture_unmap(f, 0, ~0ull), K);
}

static int read_kernel_table(void *ctx, u64 gpa, u64 *val)
{
	*val = pt_mem_ptr(gpa & ~4095ull)[gpa >> 3 & 511];
	return 0;
}

/* A guest may build what pt_map() builds: both walkers agree. */
static void walkers_agree(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	struct pt_config cfg = { f->shape->format, f->shape->levels };
	struct pt_guest_mem mem = { .read64 = read_kernel_table };
	struct pt_result own, guest;
	u64 state = 5, va, limit;
	int i;

	limit = min(f->pt.va_last, lg2_last(36));
	for (i = 0; i < 200; i++) {
		u64 last;

		va = next_random(&state) & limit & ~(K - 1);
		va &= ~0ull << (12 + random_below(&state, 12));
		last = va | lg2_last(12 + random_below(&state, 22));
		if (last > limit)
			continue;
		fixture_map(f, va, last, va & lg2_last(51) & ~(i % 3 ? 0 : K),
			    i % 4 ? RW : R);
	}
	KUNIT_ASSERT_NE(test, f->pt.mapped, 0);
	for (i = 0; i < 20000; i++) {
		unsigned int access = i % 3 + 1;

		va = next_random(&state) & limit;
		pt_walk(&f->pt, va, access, &own);
		pt_walk_guest(&cfg, f->pt.root, &mem, va, access, &guest);
		KUNIT_ASSERT_EQ(test, own.status, guest.status);
		KUNIT_ASSERT_EQ(test, own.level, guest.level);
		KUNIT_ASSERT_EQ(test, own.oa, guest.oa);
		KUNIT_ASSERT_EQ(test, own.perm, guest.perm);
		KUNIT_ASSERT_EQ(test, own.lg2, guest.lg2);
	}
}

/* The kernel's tables are at physical addresses: no step has one. */
static void own_trace_hides_tables(struct kunit *test)
{
	struct pt_fixture *f = test->priv;
	struct pt_result res;
	struct pt_trace t;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, fixture_map(f, K, 2 * K - 1, 5 * K, RW), 0);
	pt_walk_own_trace(&f->pt, K + 5, R, &res, &t);
	KUNIT_EXPECT_EQ(test, res.status, PT_OK);
	KUNIT_EXPECT_EQ(test, res.oa, 5 * K + 5);
	KUNIT_ASSERT_EQ(test, t.nr, f->pt.top + 1u);
	for (i = 0; i < t.nr; i++) {
		KUNIT_EXPECT_EQ(test, t.step[i].table, ~0ull);
		if (i == t.nr - 1u)
			continue;
		KUNIT_EXPECT_EQ(test, t.step[i].kind, PT_STEP_TABLE);
		KUNIT_EXPECT_EQ(test, t.step[i].next, ~0ull);
		KUNIT_EXPECT_EQ(test, t.step[i].raw & GENMASK_ULL(51, 12), 0);
	}
	KUNIT_EXPECT_EQ(test, t.step[i - 1].kind, PT_STEP_LEAF);
	KUNIT_EXPECT_EQ(test, t.step[i - 1].next, 5 * K);
}

static struct kunit_case walk_cases[] = {
	KUNIT_CASE_PARAM(walk_of_empty_table, pt_shape_gen_params),
	KUNIT_CASE_PARAM(walk_beyond_width, pt_shape_gen_params),
	KUNIT_CASE_PARAM(walkers_agree, pt_shape_gen_params),
	KUNIT_CASE_PARAM(own_trace_hides_tables, pt_shape_gen_params),
	{}
};

static struct kunit_suite walk_suite = {
	.name = "nyx_pt_walk",
	.suite_exit = pt_suite_exit,
	.init = pt_fixture_init,
	.exit = pt_fixture_exit,
	.test_cases = walk_cases,
};

kunit_test_suites(&entry_suite, &walk_suite);
