// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_pt_guest: walks of tables that the guest owns.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Entries are written out in hexadecimal here, by hand from the drawings of the
 * specifications.
 */
#include "pt_kunit.h"

#include <linux/module.h>

#define R	NYX_ACC_READ
#define W	NYX_ACC_WRITE
#define X	NYX_ACC_EXEC
#define RW	NYX_ACC_RW
#define K	4096ull

#define GUEST_PAGES	8

/**
 * struct guest - a guest's memory
 * @test: the case
 * @mem: it
 * @base: address of its first page
 * @reads: how often it was read
 * @state: of guest_read_random()
 * @reserved: bits that it mostly leaves clear
 */
struct guest {
	struct kunit *test;
	u64 (*mem)[512];
	u64 base;
	unsigned int reads;
	u64 state;
	u64 reserved;
};

static int guest_read(void *ctx, u64 gpa, u64 *val)
{
	struct guest *g = ctx;
	u64 page = (gpa - g->base) >> 12;

	g->reads++;
	KUNIT_EXPECT_EQ(g->test, gpa & 7, 0);
	if (gpa < g->base || page >= GUEST_PAGES)
		return -EFAULT;
	*val = g->mem[page][gpa >> 3 & 511];
	return 0;
}

/* Random entries, most of them plausible, and never the same twice. */
static int guest_read_random(void *ctx, u64 gpa, u64 *val)
{
	struct guest *g = ctx;

	g->reads++;
	*val = next_random(&g->state);
	if (next_random(&g->state) & 7)
		*val |= 7;
	if (next_random(&g->state) & 3)
		*val &= ~g->reserved;
	return next_random(&g->state) % 50 ? 0 : -EFAULT;
}

static int guest_init(struct kunit *test)
{
	struct guest *g = kunit_kzalloc(test, sizeof(*g), GFP_KERNEL);

	if (!g)
		return -ENOMEM;
	g->mem = kunit_kzalloc(test, GUEST_PAGES * sizeof(*g->mem), GFP_KERNEL);
	if (!g->mem)
		return -ENOMEM;
	g->test = test;
	g->base = 0x100000;
	test->priv = g;
	return 0;
}

/* A walk that notes its steps ends as one that does not. */
static struct pt_trace guest_trace(struct guest *g, const struct pt_config *cfg,
				   u64 va, unsigned int access,
				   const struct pt_result *want)
{
	struct pt_guest_mem mem = { .read64 = guest_read, .ctx = g };
	struct pt_trace trace;
	struct pt_result res;
	unsigned int i, reads = 0;

	memset(&trace, 0xa5, sizeof(trace));
	memset(&res, 0xa5, sizeof(res));
	g->reads = 0;
	pt_walk_trace(cfg, g->base, &mem, va, access, &res, &trace);
	KUNIT_EXPECT_EQ(g->test, res.status, want->status);
	KUNIT_EXPECT_EQ(g->test, res.level, want->level);
	KUNIT_EXPECT_EQ(g->test, res.perm, want->perm);
	KUNIT_EXPECT_EQ(g->test, res.lg2, want->lg2);
	KUNIT_EXPECT_EQ(g->test, res.oa, want->oa);
	KUNIT_EXPECT_EQ(g->test, res.entry, want->entry);
	KUNIT_EXPECT_EQ(g->test, res.entry_gpa, want->entry_gpa);
	KUNIT_ASSERT_LE(g->test, trace.nr, PT_TRACE_STEPS);
	KUNIT_EXPECT_EQ(g->test, !trace.nr, res.status == PT_WIDTH);
	for (i = 0; i < trace.nr; i++) {
		const struct pt_step *s = &trace.step[i];

		reads += s->kind != PT_STEP_SKIPPED;
		KUNIT_EXPECT_EQ(g->test, s->level, cfg->levels - 1 - i);
		KUNIT_EXPECT_EQ(g->test, s->index,
				va >> (12 + 9 * s->level) & 511);
	}
	KUNIT_EXPECT_EQ(g->test, g->reads, reads);
	if (trace.nr)
		KUNIT_EXPECT_EQ(g->test, trace.step[trace.nr - 1].level, res.level);
	return trace;
}

static struct pt_result guest_walk(struct guest *g, const struct pt_config *cfg,
				   u64 va, unsigned int access)
{
	struct pt_guest_mem mem = { .read64 = guest_read, .ctx = g };
	struct pt_result res;
	unsigned int reads;

	memset(&res, 0xa5, sizeof(res));
	g->reads = 0;
	pt_walk_guest(cfg, g->base, &mem, va, access, &res);
	KUNIT_EXPECT_LE(g->test, g->reads, cfg->levels);
	reads = g->reads;
	guest_trace(g, cfg, va, access, &res);
	KUNIT_EXPECT_EQ(g->test, g->reads, reads);
	return res;
}

/* Page n of the guest, as an address in an entry. */
#define GPAGE(g, n)	((g)->base + (n) * K)

static void expect_status(struct guest *g, const struct pt_config *cfg, u64 va,
			  unsigned int access, enum pt_status status,
			  unsigned int level, int line)
{
	struct pt_result res = guest_walk(g, cfg, va, access);

	KUNIT_EXPECT_EQ_MSG(g->test, res.status, status, "line %d", line);
	KUNIT_EXPECT_EQ_MSG(g->test, res.level, level, "line %d", line);
}

static void expect_ok(struct guest *g, const struct pt_config *cfg, u64 va,
		      u64 oa, unsigned int lg2, unsigned int perm, int line)
{
	struct pt_result res = guest_walk(g, cfg, va, 0);

	KUNIT_EXPECT_EQ_MSG(g->test, res.status, PT_OK, "line %d", line);
	KUNIT_EXPECT_EQ_MSG(g->test, res.oa, oa, "line %d", line);
	KUNIT_EXPECT_EQ_MSG(g->test, res.lg2, lg2, "line %d", line);
	KUNIT_EXPECT_EQ_MSG(g->test, res.perm, perm, "line %d", line);
}

#define EXPECT_STATUS(g, cfg, va, access, status, level) \
	expect_status(g, cfg, va, access, status, level, __LINE__)
#define EXPECT_OK(g, cfg, va, oa, lg2, perm) \
	expect_ok(g, cfg, va, oa, lg2, perm, __LINE__)

/* Four levels that lead to page 3 of the guest as table of level 0. */
static void guest_chain(struct guest *g, u64 attr, unsigned int nl_shift)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		g->mem[i][0] = GPAGE(g, i + 1) | attr |
			       (nl_shift ? (u64)(3 - i) << nl_shift : 0);
}

static void guest_vtdss_entries(struct kunit *test)
{
	static const struct pt_config cfg = { PT_VTDSS, 4 };
	static const struct pt_config small = { PT_VTDSS, 4, 0, K };
	struct guest *g = test->priv;

	EXPECT_STATUS(g, &cfg, 0, R, PT_TABLE_NOT_PRESENT, 3);
	guest_chain(g, 3, 0);
	EXPECT_STATUS(g, &cfg, 0, R, PT_NOT_PRESENT, 0);
	EXPECT_STATUS(g, &cfg, 1ull << 21, R, PT_TABLE_NOT_PRESENT, 1);
	EXPECT_STATUS(g, &cfg, 1ull << 48, R, PT_WIDTH, PT_LEVEL_NONE);

	/* All that is ignored: X, EMT, A, D, SNP of a leaf, 61:52, 63. */
	g->mem[3][1] = 0xbff0123456789ffeull;
	EXPECT_OK(g, &cfg, 0x1abc, 0x123456789abc, 12, W);
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_NO_READ, 0);
	g->mem[3][1] = 0x5001;
	EXPECT_STATUS(g, &cfg, 0x1abc, RW, PT_NO_WRITE, 0);
	/* Nothing but X is not present. */
	g->mem[3][1] = 0x5004;
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_NOT_PRESENT, 0);
	/* TM */
	g->mem[3][1] = 0x4000000000005003;
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_RESERVED, 0);

	/* Permissions are those of all levels together. */
	g->mem[3][1] = 0x5003;
	g->mem[1][0] &= ~2ull;
	EXPECT_OK(g, &cfg, 0x1000, 0x5000, 12, R);
	g->mem[0][0] &= ~1ull;
	EXPECT_OK(g, &cfg, 0x1000, 0x5000, 12, 0);
	/* The first that does not grant it ends the walk. */
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_NO_READ, 3);
	EXPECT_STATUS(g, &cfg, 0x1abc, W, PT_NO_WRITE, 2);
	KUNIT_EXPECT_EQ(test, guest_walk(g, &cfg, 0x1abc, W).oa, PT_OA_UNKNOWN);
	guest_chain(g, 3, 0);
	g->mem[3][1] = 0x5001;
	KUNIT_EXPECT_EQ(test, guest_walk(g, &cfg, 0x1abc, W).oa, 0x5abcull);
	g->mem[3][1] = 0x4000000000005001;
	EXPECT_STATUS(g, &cfg, 0x1abc, W, PT_NO_WRITE, 0);
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_RESERVED, 0);
	g->mem[3][1] = 0x5003;

	/* SNP, PS and TM where they do not belong. */
	g->mem[2][0] |= 0x800;
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_RESERVED, 1);
	g->mem[2][0] = GPAGE(g, 3) | 3 | 1ull << 62;
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_RESERVED, 1);
	guest_chain(g, 3, 0);
	g->mem[0][0] |= 0x80;
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_RESERVED, 3);
	g->mem[0][0] = 0x83;
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_RESERVED, 3);
	guest_chain(g, 3, 0);

	/* Large pages, allowed and not, aligned and not. */
	g->mem[2][1] = 0x40200883;
	EXPECT_OK(g, &cfg, 0x3fffff, 0x403fffff, 21, RW);
	EXPECT_STATUS(g, &small, 0x3fffff, R, PT_RESERVED, 1);
	g->mem[2][1] = 0x40201083;
	EXPECT_STATUS(g, &cfg, 0x3fffff, R, PT_RESERVED, 1);
	g->mem[1][1] = 0x80000083;
	EXPECT_OK(g, &cfg, 0x7fffffff, 0xbfffffff, 30, RW);
	EXPECT_STATUS(g, &small, 0x7fffffff, R, PT_RESERVED, 2);
	g->mem[1][1] = 0x80200083;
	EXPECT_STATUS(g, &cfg, 0x7fffffff, R, PT_RESERVED, 2);

	/* A table that is no memory. */
	g->mem[2][1] = 0xfffff00000003;
	KUNIT_EXPECT_EQ(test, guest_walk(g, &cfg, 0x201008, R).entry_gpa,
			0xfffff00000008);
	KUNIT_EXPECT_EQ(test, guest_walk(g, &cfg, 0x201008, R).oa, PT_OA_UNKNOWN);
	EXPECT_STATUS(g, &cfg, 0x201008, R, PT_TABLE_ACCESS, 0);
}

static void guest_x86_entries(struct kunit *test)
{
	static const struct pt_config cfg = { PT_X86, 4 };
	static const struct pt_config cfg5 = { PT_X86, 5 };
	static const struct pt_config small = { PT_X86, 4, 0, K | 1 << 21 };
	struct guest *g = test->priv;
	int i;

	guest_chain(g, 0x27, 0);
	g->mem[3][1] = 0x123456789067;
	EXPECT_OK(g, &cfg, 0x1abc, 0x123456789abc, 12, RW | X);
	/* All that is ignored: PWT, PCD, A, D, PAT, G, 11:9, 62:52. */
	g->mem[3][1] = 0x7ff0123456789fffull;
	EXPECT_OK(g, &cfg, 0x1abc, 0x123456789abc, 12, RW | X);
	g->mem[3][1] = 0x8000123456789005;
	EXPECT_OK(g, &cfg, 0x1abc, 0x123456789abc, 12, R);
	EXPECT_STATUS(g, &cfg, 0x1abc, W, PT_NO_WRITE, 0);
	EXPECT_STATUS(g, &cfg, 0x1abc, X, PT_NO_READ, 0);

	/* Canonical addresses, both halves. */
	EXPECT_STATUS(g, &cfg, 1ull << 47, R, PT_WIDTH, PT_LEVEL_NONE);
	EXPECT_STATUS(g, &cfg, 0xffff7fffffffffff, R, PT_WIDTH, PT_LEVEL_NONE);
	EXPECT_STATUS(g, &cfg, 0xffff800000000000, R, PT_TABLE_NOT_PRESENT, 3);
	EXPECT_STATUS(g, &cfg5, 1ull << 56, R, PT_WIDTH, PT_LEVEL_NONE);
	EXPECT_STATUS(g, &cfg5, 0xff00000000000000, R, PT_TABLE_NOT_PRESENT, 4);
	g->mem[0][511] = GPAGE(g, 4) | 7;
	g->mem[4][511] = GPAGE(g, 5) | 7;
	g->mem[5][511] = GPAGE(g, 6) | 7;
	g->mem[6][511] = 0x9007;
	EXPECT_OK(g, &cfg, ~0ull, 0x9fff, 12, RW | X);

	/* User, write and no-execute at each level. */
	g->mem[3][1] = 0x5007;
	for (i = 0; i < 4; i++) {
		u64 *e = i < 3 ? &g->mem[i][0] : &g->mem[3][1];

		*e &= ~2ull;
		EXPECT_OK(g, &cfg, 0x1abc, 0x5abc, 12, R | X);
		*e |= 1ull << 63;
		EXPECT_OK(g, &cfg, 0x1abc, 0x5abc, 12, R);
		*e &= ~(1ull << 63 | 4);
		EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_NO_READ, 0);
		*e |= 6;
		EXPECT_OK(g, &cfg, 0x1abc, 0x5abc, 12, RW | X);
	}

	/* PS at level 3; large pages; PAT is no address bit. */
	g->mem[0][0] |= 0x80;
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_RESERVED, 3);
	g->mem[0][0] = 0x87;
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_RESERVED, 3);
	guest_chain(g, 0x27, 0);
	g->mem[2][1] = 0x40201087;
	EXPECT_OK(g, &cfg, 0x3fffff, 0x403fffff, 21, RW | X);
	g->mem[2][1] = 0x40202087;
	EXPECT_STATUS(g, &cfg, 0x3fffff, R, PT_RESERVED, 1);
	g->mem[1][1] = 0x80000087;
	EXPECT_OK(g, &cfg, 0x7fffffff, 0xbfffffff, 30, RW | X);
	EXPECT_STATUS(g, &small, 0x7fffffff, R, PT_RESERVED, 2);
	g->mem[1][1] = 0x80200087;
	EXPECT_STATUS(g, &cfg, 0x7fffffff, R, PT_RESERVED, 2);
}

#define AMD_TABLE(nl)	(0x6000000000000001ull | (u64)(nl) << 9)

static void guest_amdv1_entries(struct kunit *test)
{
	static const struct pt_config cfg = { PT_AMDV1, 4 };
	static const struct pt_config small = { PT_AMDV1, 4, 0, K };
	static const struct pt_config narrow = { PT_AMDV1, 4, .va_lg2 = 40 };
	struct guest *g = test->priv;

	guest_chain(g, AMD_TABLE(0), 9);
	g->mem[3][1] = 0x7000123456789001;
	EXPECT_OK(g, &cfg, 0x1abc, 0x123456789abc, 12, RW);
	/* All that is ignored: 8:1, U, FC, 63. */
	g->mem[3][1] = 0xf8001234567891ff;
	EXPECT_OK(g, &cfg, 0x1abc, 0x123456789abc, 12, RW);
	EXPECT_STATUS(g, &cfg, 1ull << 48, R, PT_WIDTH, PT_LEVEL_NONE);

	/* A guest may have chosen fewer bits than the levels have. */
	EXPECT_OK(g, &narrow, 0x1abc, 0x123456789abc, 12, RW);
	EXPECT_STATUS(g, &narrow, 1ull << 40, R, PT_WIDTH, PT_LEVEL_NONE);

	/* Reserved bits: of a leaf, which is in the result; of a table. */
	g->mem[3][1] = 0x7010123456789001;
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_RESERVED, 0);
	KUNIT_EXPECT_EQ(test, guest_walk(g, &cfg, 0x1abc, R).entry, g->mem[3][1]);
	g->mem[3][1] = 0x3000000000005001;
	g->mem[1][0] |= 1ull << 60;
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_RESERVED, 2);
	guest_chain(g, AMD_TABLE(0), 9);
	EXPECT_STATUS(g, &cfg, 0x1abc, RW, PT_NO_WRITE, 0);
	/* Each entry is asked, and before its reserved bits are looked at. */
	g->mem[3][1] = 0x3010000000005001;
	EXPECT_STATUS(g, &cfg, 0x1abc, RW, PT_NO_WRITE, 0);
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_RESERVED, 0);
	g->mem[1][0] = (g->mem[1][0] & ~(1ull << 61)) | 1ull << 52;
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_NO_READ, 2);
	g->mem[0][0] &= ~(1ull << 61);
	EXPECT_STATUS(g, &cfg, 0x1abc, R, PT_NO_READ, 3);
	guest_chain(g, AMD_TABLE(0), 9);

	/* Sizes in the address: 8K, 16K, 32K, 1M; not 2M, nor endless. */
	g->mem[3][2] = 0x7000000000044e01;
	EXPECT_OK(g, &cfg, 0x2abc, 0x44abc, 13, RW);
	EXPECT_STATUS(g, &small, 0x2abc, R, PT_RESERVED, 0);
	g->mem[3][3] = 0x7000000000044e01;
	EXPECT_OK(g, &cfg, 0x3abc, 0x45abc, 13, RW);
	g->mem[3][2] = 0x7000000000045e01;
	EXPECT_OK(g, &cfg, 0x2abc, 0x46abc, 14, RW);
	g->mem[3][2] = 0x7000000000043e01;
	EXPECT_OK(g, &cfg, 0x2abc, 0x42abc, 15, RW);
	g->mem[3][2] = 0x700000000037fe01;
	EXPECT_OK(g, &cfg, 0x2abc, 0x302abc, 20, RW);
	g->mem[3][2] = 0x70000000002ffe01;
	EXPECT_STATUS(g, &cfg, 0x2abc, R, PT_RESERVED, 0);
	g->mem[3][2] = 0x700ffffffffffe01;
	EXPECT_STATUS(g, &cfg, 0x2abc, R, PT_RESERVED, 0);

	/* The same at a higher level: 2M by itself, 4M and 512M by size. */
	g->mem[2][1] = 0x7000000040200001;
	EXPECT_OK(g, &cfg, 0x3fffff, 0x403fffff, 21, RW);
	g->mem[2][1] = 0x70000000405ffe01;
	EXPECT_OK(g, &cfg, 0x3fffff, 0x407fffff, 22, RW);
	g->mem[2][1] = 0x700000006ffffe01;
	EXPECT_OK(g, &cfg, 0x3fffff, 0x603fffff, 29, RW);
	/* 2M by size is what the entry has anyway. */
	g->mem[2][1] = 0x70000000400ffe01;
	EXPECT_STATUS(g, &cfg, 0x3fffff, R, PT_RESERVED, 1);
	g->mem[2][1] = 0x7000000044444e01;
	EXPECT_STATUS(g, &cfg, 0x3fffff, R, PT_RESERVED, 1);
	g->mem[2][1] = 0x70000000dffffe01;
	EXPECT_STATUS(g, &cfg, 0x3fffff, R, PT_RESERVED, 1);
}

static void guest_amdv1_levels(struct kunit *test)
{
	static const struct pt_config cfg = { PT_AMDV1, 4 };
	static const struct pt_config deep = { PT_AMDV1, 6 };
	struct guest *g = test->priv;
	unsigned int nl;

	/* NextLevel must be below the level that the entry is on. */
	for (nl = 4; nl <= 6; nl++) {
		g->mem[0][0] = GPAGE(g, 1) | AMD_TABLE(nl);
		EXPECT_STATUS(g, &cfg, 0, R, PT_RESERVED, 3);
	}
	guest_chain(g, AMD_TABLE(0), 9);
	for (nl = 1; nl <= 6; nl++) {
		g->mem[3][1] = 0x5000 | AMD_TABLE(nl);
		EXPECT_STATUS(g, &cfg, 0x1000, R, PT_RESERVED, 0);
	}

	/* From the top to the leaves at once. */
	g->mem[0][0] = GPAGE(g, 1) | AMD_TABLE(1);
	g->mem[1][5] = 0x7000000000007001;
	EXPECT_OK(g, &cfg, 0x5123, 0x7123, 12, RW);
	KUNIT_EXPECT_EQ(test, g->reads, 2);
	EXPECT_STATUS(g, &cfg, 0x205123, R, PT_RESERVED, 1);
	EXPECT_STATUS(g, &cfg, 0x40005123, R, PT_RESERVED, 2);
	/* One level between. */
	g->mem[0][1] = GPAGE(g, 1) | AMD_TABLE(2);
	g->mem[1][6] = 0x7000000040000001;
	EXPECT_STATUS(g, &cfg, 0x8040005123, R, PT_RESERVED, 2);
	EXPECT_OK(g, &cfg, 0x8000c05123, 0x40005123, 21, RW);

	/* The top level of six has seven bits, and no leaf. */
	g->mem[0][127] = GPAGE(g, 1) | AMD_TABLE(1);
	EXPECT_OK(g, &deep, 0xfe00000000005123, 0x7123, 12, RW);
	g->mem[0][127] = 0x7000000000000001;
	EXPECT_STATUS(g, &deep, ~0ull, R, PT_RESERVED, 5);
	g->mem[0][127] = 0x7007fffffffffe01;
	EXPECT_STATUS(g, &deep, ~0ull, R, PT_RESERVED, 5);
	/* The largest page, 2^52, is one of level 4. */
	g->mem[0][0] = GPAGE(g, 1) | AMD_TABLE(5);
	g->mem[1][17] = 0x7007fffffffffe01;
	EXPECT_OK(g, &deep, 0x0011ffffffffffff, 0x1ffffffffffff, 52, RW);
}

static void expect_step(struct guest *g, const struct pt_step *s,
			enum pt_step_kind kind, u64 table, u64 raw, u64 next,
			u64 reserved, unsigned int perm, int line)
{
	KUNIT_EXPECT_EQ_MSG(g->test, s->kind, kind, "line %d", line);
	KUNIT_EXPECT_EQ_MSG(g->test, s->table, table, "line %d", line);
	KUNIT_EXPECT_EQ_MSG(g->test, s->raw, raw, "line %d", line);
	KUNIT_EXPECT_EQ_MSG(g->test, s->next, next, "line %d", line);
	KUNIT_EXPECT_EQ_MSG(g->test, s->reserved, reserved, "line %d", line);
	KUNIT_EXPECT_EQ_MSG(g->test, s->perm, perm, "line %d", line);
}

#define EXPECT_STEP(g, s, kind, table, raw, next, reserved, perm) \
	expect_step(g, s, kind, table, raw, next, reserved, perm, __LINE__)

static struct pt_trace guest_look(struct guest *g, const struct pt_config *cfg,
				  u64 va)
{
	struct pt_result res = guest_walk(g, cfg, va, 0);

	return guest_trace(g, cfg, va, 0, &res);
}

/* Each kind of step tells this. */
static void guest_trace_tells_steps(struct kunit *test)
{
	static const struct pt_config vtd = { PT_VTDSS, 4 };
	static const struct pt_config x86 = { PT_X86, 4 };
	static const struct pt_config amd = { PT_AMDV1, 4 };
	struct guest *g = test->priv;
	struct pt_trace t;
	u64 e;

	guest_chain(g, 3, 0);
	g->mem[1][0] &= ~2ull;
	g->mem[2][1] = 0x40200883;
	t = guest_look(g, &vtd, 0x200123);
	KUNIT_ASSERT_EQ(test, t.nr, 3);
	EXPECT_STEP(g, &t.step[0], PT_STEP_TABLE, GPAGE(g, 0), GPAGE(g, 1) | 3,
		    GPAGE(g, 1), 0, RW);
	KUNIT_EXPECT_EQ(test, t.step[0].next_level, 2);
	EXPECT_STEP(g, &t.step[1], PT_STEP_TABLE, GPAGE(g, 1), GPAGE(g, 2) | 1,
		    GPAGE(g, 2), 0, R);
	EXPECT_STEP(g, &t.step[2], PT_STEP_LEAF, GPAGE(g, 2), 0x40200883,
		    0x40200000, 0, RW);
	KUNIT_EXPECT_EQ(test, t.step[2].lg2, 21);
	KUNIT_EXPECT_EQ(test, t.step[2].index, 1);

	/* All that is wrong with an entry, and nothing of where it leads. */
	g->mem[2][1] = 0x4000000040203883;
	t = guest_look(g, &vtd, 0x200123);
	EXPECT_STEP(g, &t.step[2], PT_STEP_LEAF, GPAGE(g, 2), g->mem[2][1], 0,
		    0x4000000000003000, RW);
	g->mem[2][1] = 0x4000000000005803;
	t = guest_look(g, &vtd, 0x200123);
	EXPECT_STEP(g, &t.step[2], PT_STEP_TABLE, GPAGE(g, 2), g->mem[2][1], 0,
		    0x4000000000000800, RW);
	g->mem[0][0] |= 0x80;
	t = guest_look(g, &vtd, 0x200123);
	KUNIT_ASSERT_EQ(test, t.nr, 1);
	/* The page would be too large; the address is no multiple of it either. */
	EXPECT_STEP(g, &t.step[0], PT_STEP_LEAF, GPAGE(g, 0), GPAGE(g, 1) | 0x83,
		    0, GPAGE(g, 1) | 0x80, RW);

	/* Nothing there, and no memory there. */
	t = guest_look(g, &vtd, 0x8000000000);
	KUNIT_ASSERT_EQ(test, t.nr, 1);
	EXPECT_STEP(g, &t.step[0], PT_STEP_EMPTY, GPAGE(g, 0), 0, 0, 0, 0);
	g->mem[0][1] = 0xfffff00000003;
	t = guest_look(g, &vtd, 0x8000000000);
	KUNIT_ASSERT_EQ(test, t.nr, 2);
	EXPECT_STEP(g, &t.step[1], PT_STEP_UNREADABLE, 0xfffff00000000, 0, 0, 0,
		    0);

	guest_chain(g, 0x25, 0);
	g->mem[3][1] = 0x8000123456789063;
	t = guest_look(g, &x86, 0x1abc);
	KUNIT_ASSERT_EQ(test, t.nr, 4);
	EXPECT_STEP(g, &t.step[0], PT_STEP_TABLE, GPAGE(g, 0), GPAGE(g, 1) | 0x25,
		    GPAGE(g, 1), 0, R | X);
	/* No user page: nothing for a device. */
	EXPECT_STEP(g, &t.step[3], PT_STEP_LEAF, GPAGE(g, 3), g->mem[3][1],
		    0x123456789000, 0, 0);

	/* From the top to the leaves at once, rightly and not. */
	e = GPAGE(g, 3) | AMD_TABLE(1);
	g->mem[0][0] = e;
	g->mem[3][2] = 0x7000000000044e01;
	t = guest_look(g, &amd, 0x2abc);
	KUNIT_ASSERT_EQ(test, t.nr, 4);
	EXPECT_STEP(g, &t.step[0], PT_STEP_TABLE, GPAGE(g, 0), e, GPAGE(g, 3), 0,
		    RW);
	KUNIT_EXPECT_EQ(test, t.step[0].next_level, 0);
	EXPECT_STEP(g, &t.step[1], PT_STEP_SKIPPED, 0, 0, 0, 0, 0);
	EXPECT_STEP(g, &t.step[2], PT_STEP_SKIPPED, 0, 0, 0, 0, 0);
	EXPECT_STEP(g, &t.step[3], PT_STEP_LEAF, GPAGE(g, 3), g->mem[3][2],
		    0x44000, 0, RW);
	KUNIT_EXPECT_EQ(test, t.step[3].lg2, 13);
	t = guest_look(g, &amd, 0x202abc);
	KUNIT_ASSERT_EQ(test, t.nr, 3);
	EXPECT_STEP(g, &t.step[2], PT_STEP_SKIPPED, 0, 0, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, t.step[2].index, 1);
	/* A level that is not below, a size that is none, reserved bits. */
	g->mem[3][3] = GPAGE(g, 1) | AMD_TABLE(1) | 1ull << 60;
	t = guest_look(g, &amd, 0x3abc);
	EXPECT_STEP(g, &t.step[3], PT_STEP_TABLE, GPAGE(g, 3), g->mem[3][3], 0,
		    1ull << 60 | 0xe00, RW);
	g->mem[3][3] = 0x70000000002ffe01;
	t = guest_look(g, &amd, 0x3abc);
	EXPECT_STEP(g, &t.step[3], PT_STEP_LEAF, GPAGE(g, 3), g->mem[3][3], 0,
		    0xe00, RW);
	g->mem[3][3] = 0x7410000000005001;
	t = guest_look(g, &amd, 0x3abc);
	EXPECT_STEP(g, &t.step[3], PT_STEP_LEAF, GPAGE(g, 3), g->mem[3][3], 0,
		    0x0410000000000000, RW);
}

static void guest_table_that_is_its_own_child(struct kunit *test)
{
	static const struct pt_config cfgs[] = {
		{ PT_VTDSS, 3 }, { PT_VTDSS, 5 }, { PT_X86, 5 }, { PT_AMDV1, 6 },
	};
	struct guest *g = test->priv;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(cfgs); i++) {
		for (j = 0; j < 512; j++)
			g->mem[0][j] = g->base | 7;
		if (cfgs[i].format == PT_AMDV1) {
			/* It refers to level 5, whatever its own is. */
			for (j = 0; j < 512; j++)
				g->mem[0][j] = g->base | AMD_TABLE(5);
			EXPECT_STATUS(g, &cfgs[i], 0, R, PT_RESERVED, 4);
			KUNIT_EXPECT_EQ(test, g->reads, 2);
			continue;
		}
		KUNIT_EXPECT_EQ(test, guest_walk(g, &cfgs[i], 0, R).status, PT_OK);
		KUNIT_EXPECT_EQ(test, g->reads, cfgs[i].levels);
	}
}

static void guest_config_that_makes_no_sense(struct kunit *test)
{
	static const struct pt_config cfgs[] = {
		{ PT_VTDSS, 0 }, { PT_VTDSS, 2 }, { PT_VTDSS, 6 }, { PT_X86, 3 },
		{ PT_AMDV1, 0 }, { PT_AMDV1, 7 }, { PT_AMDV1, 255 },
	};
	struct guest *g = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(cfgs); i++)
		KUNIT_EXPECT_EQ(test, guest_walk(g, &cfgs[i], 0, R).status,
				PT_WIDTH);
}

/* The walk ends and says something sensible for anything that the guest does. */
static void guest_table_that_changes_all_the_time(struct kunit *test)
{
	const struct pt_shape *shape = test->param_value;
	struct pt_config cfg = { .format = shape->format, .levels = shape->levels };
	struct pt_guest_mem mem = { .read64 = guest_read_random };
	struct guest *g = test->priv;
	unsigned int seen = 0;
	struct pt_trace trace;
	struct pt_result res;
	u64 state = 99;
	int i;

	mem.ctx = g;
	g->state = 12345;
	g->reserved = shape->format == PT_AMDV1 ? 0x1ff0000000000000 :
						  0x4000000000000880;
	for (i = 0; i < 200000; i++) {
		u64 va = next_random(&state) & lg2_last(shape->va_lg2);

		if (i & 1)
			va &= lg2_last(random_below(&state, shape->va_lg2) + 1);
		memset(&res, 0xa5, sizeof(res));
		g->reads = 0;
		pt_walk_guest(&cfg, 0x1000, &mem, va, i & 3, &res);
		KUNIT_ASSERT_LE(test, g->reads, shape->levels);
		if (i % 8 == 0) {
			pt_walk_trace(&cfg, 0x1000, &mem, va, i & 3, &res, &trace);
			KUNIT_ASSERT_LE(test, trace.nr, shape->levels);
		}
		KUNIT_ASSERT_LE(test, res.status, PT_TABLE_ACCESS);
		if (res.status == PT_WIDTH)
			KUNIT_ASSERT_EQ(test, res.level, PT_LEVEL_NONE);
		else
			KUNIT_ASSERT_LT(test, res.level, shape->levels);
		seen |= 1u << res.status;
		if (res.status != PT_OK)
			continue;
		KUNIT_ASSERT_TRUE(test, shape_has_size(shape, res.lg2) ||
				  (shape->format == PT_AMDV1 && res.lg2 <= 52));
		KUNIT_ASSERT_LE(test, res.oa, lg2_last(52));
		KUNIT_ASSERT_EQ(test, (res.oa ^ va) & lg2_last(res.lg2), 0);
		KUNIT_ASSERT_EQ(test, i & 3 & ~res.perm, 0);
	}
	/* The random entries have led to a leaf at least once. */
	KUNIT_EXPECT_TRUE(test, seen & 1u << PT_OK);
	KUNIT_EXPECT_TRUE(test, seen & 1u << PT_NO_READ);
	KUNIT_EXPECT_TRUE(test, seen & 1u << PT_TABLE_ACCESS);
	KUNIT_EXPECT_TRUE(test, seen & 1u << PT_NOT_PRESENT);
}

static struct kunit_case guest_cases[] = {
	KUNIT_CASE(guest_vtdss_entries),
	KUNIT_CASE(guest_x86_entries),
	KUNIT_CASE(guest_amdv1_entries),
	KUNIT_CASE(guest_amdv1_levels),
	KUNIT_CASE(guest_trace_tells_steps),
	KUNIT_CASE(guest_table_that_is_its_own_child),
	KUNIT_CASE(guest_config_that_makes_no_sense),
	KUNIT_CASE_PARAM(guest_table_that_changes_all_the_time, pt_shape_gen_params),
	{}
};

static struct kunit_suite guest_suite = {
	.name = "nyx_pt_guest",
	.init = guest_init,
	.test_cases = guest_cases,
};

kunit_test_suite(guest_suite);
