// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of Intel VT-d: what is in guest memory, decoded.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Entries, reasons and bit numbers are written out in digits here, by hand from
 * the drawings of the specification (chapters 5 to 7 and 9); the names of
 * vtd_regs.h are not used.
 */
#include <kunit/test.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/string.h>

#include "base/types.h"
#include "viommu/vtd/vtd_decode.h"

static unsigned long vtd_seed;
module_param(vtd_seed, ulong, 0444);
MODULE_PARM_DESC(vtd_seed, "seed of the random cases of nyx_vtd; 0: the clock");
static unsigned int vtd_rounds = 50000;
module_param(vtd_rounds, uint, 0444);
MODULE_PARM_DESC(vtd_rounds, "length of the random cases of nyx_vtd");

#define B(n)		(1ull << (n))
#define ROOT_AT		0x40000ull
#define CTX_AT		0x80000ull
#define TABLE_AT	0x123000ull

/**
 * struct words - guest memory: a root table and a context table
 * @root: at ROOT_AT
 * @ctx: at CTX_AT
 * @bad: address whose read fails
 * @reads: how many
 */
struct words {
	struct kunit *test;
	u64 root[512];
	u64 ctx[512];
	u64 bad;
	unsigned int reads;
};

static int words_read(void *ctx, u64 gpa, u64 *val)
{
	struct words *m = ctx;

	m->reads++;
	KUNIT_EXPECT_EQ(m->test, gpa & 7, 0ull);
	if (gpa == m->bad)
		return -EIO;
	if (gpa >= ROOT_AT && gpa < ROOT_AT + sizeof(m->root))
		*val = m->root[(gpa - ROOT_AT) / 8];
	else if (gpa >= CTX_AT && gpa < CTX_AT + sizeof(m->ctx))
		*val = m->ctx[(gpa - CTX_AT) / 8];
	else
		return -EIO;
	return 0;
}

/* 52-bit memory, 3 and 4 levels, pass-through. */
static const struct vtd_shape wide = {
	.haw = 52, .sagaw = 0x6, .mgaw = 48, .pass_through = true,
};

static int vtd_setup(struct kunit *test)
{
	struct words *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->test = test;
	m->bad = ~0ull;
	test->priv = m;
	return 0;
}

#define RID	0x1a2bu		/* bus 0x1a, devfn 0x2b */

/* The entries of RID. */
static void entries(struct words *m, u64 root_lo, u64 root_hi, u64 lo, u64 hi)
{
	m->root[2 * 0x1a] = root_lo;
	m->root[2 * 0x1a + 1] = root_hi;
	m->ctx[2 * 0x2b] = lo;
	m->ctx[2 * 0x2b + 1] = hi;
}

static u8 decode_at(struct words *m, const struct vtd_shape *shape, u64 rtaddr,
		    struct vtd_context *ctx)
{
	const struct pt_guest_mem mem = { .read64 = words_read, .ctx = m };
	u8 code;

	memset(ctx, 0xa5, sizeof(*ctx));
	m->reads = 0;
	code = vtd_decode_device(shape, rtaddr, &mem, RID, ctx);
	KUNIT_EXPECT_LE(m->test, m->reads, 4u);
	return code;
}

static u8 decode(struct words *m, const struct vtd_shape *shape,
		 struct vtd_context *ctx)
{
	return decode_at(m, shape, ROOT_AT, ctx);
}

#define ROOT_OK		(CTX_AT | 1)
#define LO_OK		(TABLE_AT | 1)
#define HI_OK		(2ull | 0x77ull << 8)	/* 48 bits, domain 0x77 */

static void expect_code(struct kunit *test, u64 lo, u64 hi, u8 want)
{
	struct words *m = test->priv;
	struct vtd_context ctx;

	entries(m, ROOT_OK, 0, lo, hi);
	KUNIT_EXPECT_EQ_MSG(test, decode(m, &wide, &ctx), want,
			    "context %016llx %016llx", lo, hi);
	KUNIT_EXPECT_EQ(test, ctx.fpd, !!(lo & 2));
}

static void vtd_device_found(struct kunit *test)
{
	struct words *m = test->priv;
	struct vtd_context ctx;

	entries(m, ROOT_OK, 0, LO_OK, HI_OK);
	KUNIT_ASSERT_EQ(test, decode(m, &wide, &ctx), 0);
	KUNIT_EXPECT_EQ(test, ctx.did, 0x77);
	KUNIT_EXPECT_FALSE(test, ctx.pass_through);
	KUNIT_EXPECT_FALSE(test, ctx.fpd);
	KUNIT_EXPECT_EQ(test, ctx.width, 48);
	KUNIT_EXPECT_EQ(test, ctx.levels, 4);
	KUNIT_EXPECT_EQ(test, ctx.root, TABLE_AT);
	KUNIT_EXPECT_EQ(test, m->reads, 4u);

	/* The widest values of every field; AVAIL (6:3) means nothing. */
	entries(m, ROOT_OK, 0, 0x000ffffffffff003ull, 0xffff79ull);
	KUNIT_ASSERT_EQ(test, decode(m, &wide, &ctx), 0);
	KUNIT_EXPECT_EQ(test, ctx.did, 0xffff);
	KUNIT_EXPECT_TRUE(test, ctx.fpd);
	KUNIT_EXPECT_EQ(test, ctx.width, 39);
	KUNIT_EXPECT_EQ(test, ctx.levels, 3);
	KUNIT_EXPECT_EQ(test, ctx.root, 0x000ffffffffff000ull);

	/* Bits that belong to the register, and not to the address. */
	entries(m, ROOT_OK, 0, LO_OK, HI_OK);
	KUNIT_EXPECT_EQ(test, decode_at(m, &wide, ROOT_AT | 0x3ff, &ctx), 0);
}

/* Bus and devfn choose the entries, each on its own. */
static void vtd_device_every_rid(struct kunit *test)
{
	struct words *m = test->priv;
	const struct pt_guest_mem mem = { .read64 = words_read, .ctx = m };
	struct vtd_context ctx;
	unsigned int i;

	for (i = 0; i < 256; i++) {
		m->root[2 * i] = ROOT_OK;
		m->ctx[2 * i] = LO_OK;
		m->ctx[2 * i + 1] = 1 | i << 8;
	}
	for (i = 0; i < 256; i++) {
		KUNIT_ASSERT_EQ(test, vtd_decode_device(&wide, ROOT_AT, &mem,
							i << 8 | (i ^ 0x5a), &ctx), 0);
		KUNIT_ASSERT_EQ(test, ctx.did, i ^ 0x5a);
		m->root[2 * i] = 0;
		KUNIT_ASSERT_EQ(test, vtd_decode_device(&wide, ROOT_AT, &mem,
							i << 8 | 7, &ctx), 0x01);
	}
}

static void vtd_device_unreadable(struct kunit *test)
{
	struct words *m = test->priv;
	struct vtd_context ctx;
	unsigned int i;

	entries(m, ROOT_OK, 0, LO_OK | 2, HI_OK);
	for (i = 0; i < 2; i++) {
		m->bad = ROOT_AT + 16 * 0x1a + 8 * i;
		KUNIT_EXPECT_EQ(test, decode(m, &wide, &ctx), 0x08);
		KUNIT_EXPECT_FALSE(test, ctx.fpd);
		m->bad = CTX_AT + 16 * 0x2b + 8 * i;
		KUNIT_EXPECT_EQ(test, decode(m, &wide, &ctx), 0x09);
		KUNIT_EXPECT_FALSE(test, ctx.fpd);
	}
	m->bad = ~0ull;
	/* Nowhere at all. */
	KUNIT_EXPECT_EQ(test, decode_at(m, &wide, 0, &ctx), 0x08);
	KUNIT_EXPECT_EQ(test, decode_at(m, &wide, 0xfffffffffffff000ull, &ctx), 0x08);
	entries(m, 0x000ffffffffff001ull, 0, LO_OK, HI_OK);
	KUNIT_EXPECT_EQ(test, decode(m, &wide, &ctx), 0x09);
	entries(m, 1, 0, LO_OK, HI_OK);
	KUNIT_EXPECT_EQ(test, decode(m, &wide, &ctx), 0x09);
}

static void vtd_root_bits(struct kunit *test)
{
	struct words *m = test->priv;
	struct vtd_context ctx;
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		/* Reserved: 11:1, what no address has, and all of the high word. */
		if ((bit >= 1 && bit <= 11) || bit >= 52) {
			entries(m, ROOT_OK | B(bit), 0, LO_OK, HI_OK);
			KUNIT_EXPECT_EQ_MSG(test, decode(m, &wide, &ctx), 0x0a,
					    "bit %u", bit);
			KUNIT_EXPECT_FALSE(test, ctx.fpd);
			/* Not present comes first. */
			entries(m, CTX_AT | B(bit), 0, LO_OK, HI_OK);
			KUNIT_EXPECT_EQ_MSG(test, decode(m, &wide, &ctx), 0x01,
					    "bit %u", bit);
		}
		entries(m, ROOT_OK, B(bit), LO_OK, HI_OK);
		KUNIT_EXPECT_EQ_MSG(test, decode(m, &wide, &ctx), 0x0a,
				    "bit %u of the high word", bit);
		entries(m, CTX_AT, B(bit), LO_OK, HI_OK);
		KUNIT_EXPECT_EQ(test, decode(m, &wide, &ctx), 0x01);
	}
}

static void vtd_context_bits(struct kunit *test)
{
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		bool lo = (bit >= 4 && bit <= 11) || bit >= 52;
		bool hi = bit == 7 || bit >= 24;

		/* 3:2 and 2:0 are values: see below. */
		if (bit != 0 && bit != 2 && bit != 3)
			expect_code(test, LO_OK | B(bit), HI_OK, lo ? 0x0b : 0);
		if (bit > 2)
			expect_code(test, LO_OK, HI_OK | B(bit), hi ? 0x0b : 0);
		/* Not present comes before reserved; FPD counts all the same. */
		if (bit)
			expect_code(test, (LO_OK & ~1ull) | B(bit), HI_OK, 0x02);
		expect_code(test, LO_OK & ~1ull, HI_OK | B(bit), 0x02);
		expect_code(test, (LO_OK & ~1ull) | 2, HI_OK | B(bit), 0x02);
	}
}

/* Every translation type with every width, on units that have all, or less. */
static void vtd_context_types(struct kunit *test)
{
	struct words *m = test->priv;
	struct vtd_context ctx;
	unsigned int n;

	for (n = 0; n < 4 * 8 * 32 * 2 * 2; n++) {
		unsigned int tt = n & 3, aw = n >> 2 & 7, sagaw = n >> 5 & 31;
		bool pt = n & 1 << 10, fpd = n & 1 << 11;
		const struct vtd_shape shape = {
			.haw = 52, .sagaw = sagaw, .mgaw = 57, .pass_through = pt,
		};
		bool good = (tt == 0 || (tt == 2 && pt)) && (sagaw >> aw & 1);

		entries(m, ROOT_OK, 0, LO_OK | tt << 2 | fpd << 1, aw | 5 << 8);
		KUNIT_ASSERT_EQ_MSG(test, decode(m, &shape, &ctx), good ? 0 : 3,
				    "TT %u AW %u SAGAW 0x%x PT %u", tt, aw, sagaw, pt);
		KUNIT_ASSERT_EQ(test, ctx.fpd, fpd);
		if (!good)
			continue;
		KUNIT_EXPECT_EQ(test, ctx.pass_through, tt == 2);
		KUNIT_EXPECT_EQ(test, ctx.levels, aw + 2);
		KUNIT_EXPECT_EQ(test, ctx.did, 5);
		KUNIT_EXPECT_EQ(test, ctx.width, tt == 2 ? 52 : min(30 + 9 * aw, 57u));
		KUNIT_EXPECT_EQ(test, ctx.root, tt == 2 ? 0 : TABLE_AT);
	}
}

static void vtd_context_order(struct kunit *test)
{
	struct words *m = test->priv;
	struct vtd_context ctx;

	/* Reserved bits before values that are not supported. */
	expect_code(test, LO_OK | 3 << 2 | B(4), HI_OK, 0x0b);
	expect_code(test, LO_OK, 7 | B(63), 0x0b);
	/* All wrong at once: root first. */
	entries(m, CTX_AT | B(5), B(3), B(4), B(63));
	KUNIT_EXPECT_EQ(test, decode(m, &wide, &ctx), 0x01);
	m->root[2 * 0x1a] |= 1;
	KUNIT_EXPECT_EQ(test, decode(m, &wide, &ctx), 0x0a);
	m->bad = CTX_AT + 16 * 0x2b;
	KUNIT_EXPECT_EQ(test, decode(m, &wide, &ctx), 0x0a);
	entries(m, ROOT_OK, 0, B(4), B(63));
	KUNIT_EXPECT_EQ(test, decode(m, &wide, &ctx), 0x09);
	m->bad = ~0ull;
	KUNIT_EXPECT_EQ(test, decode(m, &wide, &ctx), 0x02);
}

/* The pointer of a pass-through entry means nothing, whatever it is. */
static void vtd_context_pass_through(struct kunit *test)
{
	struct words *m = test->priv;
	struct vtd_context ctx;

	entries(m, ROOT_OK, 0, ~0xfffull | 2 << 2 | 1, 2 | 1 << 8);
	KUNIT_ASSERT_EQ(test, decode(m, &wide, &ctx), 0);
	KUNIT_EXPECT_TRUE(test, ctx.pass_through);
	KUNIT_EXPECT_EQ(test, ctx.did, 1);
	/* The width is that of the bus, not of a table. */
	KUNIT_EXPECT_EQ(test, ctx.width, wide.haw);
}

/* Tables of another mode are not even read. */
static void vtd_table_type(struct kunit *test)
{
	struct words *m = test->priv;
	struct vtd_context ctx;
	unsigned int ttm;

	entries(m, ROOT_OK, 0, LO_OK, HI_OK);
	for (ttm = 0; ttm < 4; ttm++) {
		KUNIT_EXPECT_EQ(test, decode_at(m, &wide, ROOT_AT | ttm << 10, &ctx),
				ttm ? 0x33 : 0);
		KUNIT_EXPECT_EQ(test, m->reads, ttm ? 0u : 4u);
		KUNIT_EXPECT_FALSE(test, ctx.fpd);
	}
}

/* Fewer bits: what is above them is reserved, and addresses end earlier. */
static void vtd_narrow(struct kunit *test)
{
	const struct vtd_shape narrow = {
		.haw = 36, .sagaw = 0x6, .mgaw = 39, .pass_through = true,
	};
	struct words *m = test->priv;
	struct vtd_context ctx;
	unsigned int bit;

	for (bit = 20; bit < 64; bit++) {
		entries(m, ROOT_OK, 0, LO_OK | B(bit), HI_OK);
		KUNIT_EXPECT_EQ_MSG(test, decode(m, &narrow, &ctx),
				    bit < 36 ? 0 : 0x0b, "bit %u", bit);
		if (bit < 36)
			continue;
		entries(m, ROOT_OK | B(bit), 0, LO_OK, HI_OK);
		KUNIT_EXPECT_EQ_MSG(test, decode(m, &narrow, &ctx), 0x0a,
				    "bit %u", bit);
	}
	entries(m, ROOT_OK, 0, LO_OK, HI_OK);
	KUNIT_ASSERT_EQ(test, decode(m, &narrow, &ctx), 0);
	KUNIT_EXPECT_EQ(test, ctx.levels, 4);
	KUNIT_EXPECT_EQ(test, ctx.width, 39);
}

/* ---- interrupt remapping table entries ---------------------------------- */

#define ANY		NYX_SOURCE_ANY

static const struct vtd_shape poster = {
	.haw = 52, .sagaw = 0x6, .mgaw = 48, .pass_through = true, .posted = true,
};

static u8 irte(const struct vtd_shape *shape, bool x2apic, u64 lo, u64 hi,
	       struct irt_entry *e)
{
	memset(e, 0xa5, sizeof(*e));
	return vtd_decode_irte(shape, x2apic, lo, hi, e);
}

static void vtd_irte_fields(struct kunit *test)
{
	struct irt_entry e;
	unsigned int dlm;

	/* Linux writes: present, hint, vector 0x42, 32-bit destination. */
	KUNIT_ASSERT_EQ(test, irte(&wide, true, 0x12345678ull << 32 | 0x420009,
				   0x40018, &e), 0);
	KUNIT_EXPECT_EQ(test, e.vector, 0x42);
	KUNIT_EXPECT_EQ(test, e.dest, 0x12345678u);
	KUNIT_EXPECT_EQ(test, e.flags, (u32)NYX_IRTE_F_HINT);
	KUNIT_EXPECT_EQ(test, e.delivery, 0);
	KUNIT_EXPECT_EQ(test, e.check, NYX_SOURCE_RID);
	KUNIT_EXPECT_EQ(test, e.mask, 0);
	KUNIT_EXPECT_EQ(test, e.source, 0x18u);
	KUNIT_EXPECT_EQ(test, e.posted, 0ull);

	/* AVAIL, 11:8, means nothing. */
	KUNIT_ASSERT_EQ(test, irte(&wide, true, 0xff0f17, 0, &e), 0);
	KUNIT_EXPECT_EQ(test, e.flags, (u32)(NYX_IRTE_F_FPD | NYX_IRTE_F_LOGICAL |
					     NYX_IRTE_F_LEVEL));
	KUNIT_EXPECT_EQ(test, e.vector, 0xff);
	KUNIT_EXPECT_EQ(test, e.check, ANY);
	KUNIT_EXPECT_EQ(test, e.source, 0u);
	for (dlm = 0; dlm < 8; dlm++) {
		/* Two do not exist. */
		if (dlm == 3 || dlm == 6) {
			KUNIT_EXPECT_EQ(test, irte(&wide, true, 1 | dlm << 5, 0, &e), 0x24);
			continue;
		}
		KUNIT_ASSERT_EQ(test, irte(&wide, true, 1 | dlm << 5, 0, &e), 0);
		KUNIT_EXPECT_EQ(test, e.delivery, dlm);
	}
}

static void vtd_irte_destination(struct kunit *test)
{
	struct irt_entry e;
	unsigned int bit;

	for (bit = 32; bit < 64; bit++) {
		bool short_ok = bit >= 40 && bit <= 47;

		KUNIT_ASSERT_EQ(test, irte(&wide, true, 1 | B(bit), 0, &e), 0);
		KUNIT_EXPECT_EQ(test, e.dest, 1u << (bit - 32));
		KUNIT_EXPECT_EQ_MSG(test, irte(&wide, false, 1 | B(bit), 0, &e),
				    short_ok ? 0 : 0x24, "bit %u", bit);
		if (short_ok)
			KUNIT_EXPECT_EQ(test, e.dest, 1u << (bit - 40));
	}
}

static void vtd_irte_bits(struct kunit *test)
{
	struct irt_entry e;
	unsigned int n;

	for (n = 0; n < 2 * 64; n++) {
		unsigned int bit = n / 2, fpd = n % 2;
		bool lo = (bit >= 12 && bit <= 15) || (bit >= 24 && bit <= 31);
		u64 q = fpd ? 2 : 0;

		KUNIT_EXPECT_EQ_MSG(test, irte(&wide, true, 1 | q | B(bit), 0, &e),
				    lo ? 0x24 : 0, "bit %u", bit);
		KUNIT_EXPECT_EQ(test, e.flags & NYX_IRTE_F_FPD,
				fpd || bit == 1 ? (u32)NYX_IRTE_F_FPD : 0u);
		KUNIT_EXPECT_EQ_MSG(test, irte(&wide, true, 1 | q, B(bit), &e),
				    bit >= 20 ? 0x24 : 0, "bit %u of the high word",
				    bit);
		KUNIT_EXPECT_EQ(test, e.flags & NYX_IRTE_F_FPD,
				fpd ? (u32)NYX_IRTE_F_FPD : 0u);
		if (!bit)
			continue;
		/* Not present comes first, and FPD counts. */
		KUNIT_EXPECT_EQ(test, irte(&wide, true, q | B(bit), ~0ull, &e), 0x22);
		KUNIT_EXPECT_EQ(test, e.flags & NYX_IRTE_F_FPD,
				fpd || bit == 1 ? (u32)NYX_IRTE_F_FPD : 0u);
	}
}

static void vtd_irte_source(struct kunit *test)
{
	static const u8 mask[] = { 0, 4, 6, 7 };
	struct irt_entry e;
	unsigned int sq;

	for (sq = 0; sq < 4; sq++) {
		u64 hi = 0x1234 | sq << 16;

		KUNIT_ASSERT_EQ(test, irte(&wide, true, 1, hi, &e), 0);
		KUNIT_EXPECT_EQ(test, e.check, NYX_SOURCE_ANY);
		KUNIT_ASSERT_EQ(test, irte(&wide, true, 1, hi | 1 << 18, &e), 0);
		KUNIT_EXPECT_EQ(test, e.check, NYX_SOURCE_RID);
		KUNIT_EXPECT_EQ(test, e.mask, mask[sq]);
		KUNIT_EXPECT_EQ(test, e.source, 0x1234u);
		KUNIT_ASSERT_EQ(test, irte(&wide, true, 1, hi | 2 << 18, &e), 0);
		KUNIT_EXPECT_EQ(test, e.check, NYX_SOURCE_BUS);
		KUNIT_EXPECT_EQ(test, e.mask, 0);
		KUNIT_EXPECT_EQ(test, e.source, 0x1234u);
		KUNIT_EXPECT_EQ(test, irte(&wide, true, 1, hi | 3 << 18, &e), 0x24);
		KUNIT_EXPECT_EQ(test, vtd_function_mask(sq), mask[sq]);
	}
}

/* IM: only where CAP.PI says so. */
static void vtd_irte_posted(struct kunit *test)
{
	u64 lo = 0x8000ull | 0x33 << 16 | 1, pda;
	struct irt_entry e;
	unsigned int bit;

	KUNIT_EXPECT_EQ(test, irte(&wide, true, lo, 0, &e), 0x24);
	KUNIT_ASSERT_EQ(test, irte(&poster, true, lo | 0x80000040ull << 32, 0x00001, &e), 0);
	KUNIT_EXPECT_EQ(test, e.flags, (u32)NYX_IRTE_F_POSTED);
	KUNIT_EXPECT_EQ(test, e.vector, 0x33);
	KUNIT_EXPECT_EQ(test, e.posted, 0x80000040ull);
	KUNIT_ASSERT_EQ(test, irte(&poster, false, lo | B(14) | 2 | 0xf00,
				   0xabcdeull << 32 | 1 << 18 | 0x18, &e), 0);
	KUNIT_EXPECT_EQ(test, e.flags, (u32)(NYX_IRTE_F_POSTED | NYX_IRTE_F_URGENT |
					     NYX_IRTE_F_FPD));
	KUNIT_EXPECT_EQ(test, e.posted, 0xabcdeull << 32);
	KUNIT_EXPECT_EQ(test, e.check, NYX_SOURCE_RID);
	KUNIT_EXPECT_EQ(test, e.source, 0x18u);

	for (bit = 1; bit < 64; bit++) {
		bool bad = (bit >= 2 && bit <= 7) || bit == 12 || bit == 13 ||
			   (bit >= 24 && bit <= 37);

		if (bit == 15)
			continue;
		pda = bit >= 38 ? B(bit - 32) : 0;
		KUNIT_EXPECT_EQ_MSG(test, irte(&poster, true, lo | B(bit), 0, &e),
				    bad ? 0x24 : 0, "bit %u", bit);
		if (!bad)
			KUNIT_EXPECT_EQ(test, e.posted, pda);
	}
	for (bit = 0; bit < 64; bit++) {
		/* 52-bit memory. */
		bool bad = (bit >= 20 && bit <= 31) || bit >= 32 + 20;

		pda = bit >= 32 ? B(bit) : 0;
		KUNIT_EXPECT_EQ_MSG(test, irte(&poster, true, lo, B(bit), &e),
				    bad ? 0x24 : 0, "bit %u of the high word", bit);
		if (!bad)
			KUNIT_EXPECT_EQ(test, e.posted, pda);
	}
	KUNIT_EXPECT_EQ(test, irte(&poster, true, lo, 3 << 18, &e), 0x24);
	KUNIT_EXPECT_EQ(test, irte(&poster, true, lo & ~1ull, 3 << 18, &e), 0x22);
}

/* ---- invalidation descriptors ------------------------------------------- */

static u8 desc(u64 lo, u64 hi, struct vtd_desc *d)
{
	memset(d, 0xa5, sizeof(*d));
	return vtd_decode_desc(lo, hi, d);
}

/* Exactly the bits of @mask are reserved in a word, the others but @skip not. */
static void expect_reserved(struct kunit *test, u64 lo, u64 hi, bool second,
			    u64 mask, u64 skip)
{
	struct vtd_desc d;
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		u64 x = lo | (second ? 0 : B(bit)), y = hi | (second ? B(bit) : 0);

		if (B(bit) & skip)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, desc(x, y, &d), mask & B(bit) ? 4 : 0,
				    "%016llx %016llx", x, y);
	}
}

#define TYPE_BITS	(0xfull | 0xe00)	/* 11:9 extend the type */

static void vtd_desc_types(struct kunit *test)
{
	struct vtd_desc d;
	unsigned int type;

	for (type = 0; type < 128; type++) {
		unsigned int low = type & 15, high = type >> 4;
		u8 want = !high && low >= 1 && low <= 5 ? 0 : 3;

		/* Granularity 1 for those that have one; IEC ignores it. */
		KUNIT_EXPECT_EQ_MSG(test, desc(low | (low == 3 ? 0 : 1 << 4) | high << 9,
					       0, &d), want,
				    "type 0x%x.%x", high, low);
		if (!want)
			KUNIT_EXPECT_EQ(test, d.type, low);
		/* A type that is not known says so, whatever else is wrong. */
		if (want)
			KUNIT_EXPECT_EQ(test, desc(low | high << 9 | 0xffffffffffff0000,
						   ~0ull, &d), 3);
	}
}

static void vtd_desc_context(struct kunit *test)
{
	static const u8 mask[] = { 0, 4, 6, 7 };
	struct vtd_desc d;
	unsigned int n;

	for (n = 0; n < 16; n++) {
		unsigned int g = n / 4, fm = n % 4;
		u64 lo = 1 | g << 4 | 0xbeefull << 16 | 0x1a2bull << 32 |
			 (u64)fm << 48;

		KUNIT_ASSERT_EQ(test, desc(lo, 0, &d), g ? 0 : 4);
		if (!g)
			continue;
		KUNIT_EXPECT_EQ(test, d.granularity, g);
		KUNIT_EXPECT_EQ(test, d.did, 0xbeef);
		KUNIT_EXPECT_EQ(test, d.sid, 0x1a2b);
		KUNIT_EXPECT_EQ(test, d.function_mask, mask[fm]);
	}
	expect_reserved(test, 0x11, 0, false, 0xfffc00000000f1c0, TYPE_BITS);
	expect_reserved(test, 0x11, 0, true, ~0ull, 0);
}

static void vtd_desc_iotlb(struct kunit *test)
{
	struct vtd_desc d;
	unsigned int am;

	KUNIT_EXPECT_EQ(test, desc(0x02, 0, &d), 4);
	/* Linux sends it with DW and DR. */
	KUNIT_ASSERT_EQ(test, desc(0xd2, 0, &d), 0);
	KUNIT_EXPECT_EQ(test, d.granularity, 1);
	KUNIT_ASSERT_EQ(test, desc(0xe2 | 0x1234 << 16, 0, &d), 0);
	KUNIT_EXPECT_EQ(test, d.granularity, 2);
	KUNIT_EXPECT_EQ(test, d.did, 0x1234);
	for (am = 0; am < 64; am++) {
		u64 at = 0xfedcba9876543000ull, span = (4096ull << am) - 1;

		KUNIT_ASSERT_EQ(test, desc(0xf2 | 9 << 16, at | am, &d), 0);
		KUNIT_EXPECT_EQ(test, d.did, 9);
		if (am > 18) {
			/* More than CAP.MAMV: the domain. */
			KUNIT_EXPECT_EQ(test, d.granularity, 2);
			continue;
		}
		KUNIT_EXPECT_EQ(test, d.granularity, 3);
		KUNIT_EXPECT_EQ(test, d.first, at & ~span);
		KUNIT_EXPECT_EQ(test, d.last, at | span);
		/* IH makes no difference. */
		KUNIT_ASSERT_EQ(test, desc(0xf2 | 9 << 16, at | am | 0x40, &d), 0);
		KUNIT_EXPECT_EQ(test, d.first, at & ~span);
	}
	KUNIT_ASSERT_EQ(test, desc(0x32, ~0xfffull, &d), 0);
	KUNIT_EXPECT_EQ(test, d.first, ~0xfffull);
	KUNIT_EXPECT_EQ(test, d.last, ~0ull);
	expect_reserved(test, 0x12, 0, false, 0xffffffff0000f100, TYPE_BITS);
	expect_reserved(test, 0x32, 0, true, 0xf80, 0);
}

static void vtd_desc_iec(struct kunit *test)
{
	struct vtd_desc d;
	unsigned int im;

	KUNIT_ASSERT_EQ(test, desc(4 | 0x1234ull << 32 | 3 << 27, 0, &d), 0);
	KUNIT_EXPECT_EQ(test, d.nr, 0u);
	KUNIT_EXPECT_EQ(test, d.index, 0u);
	for (im = 0; im < 32; im++) {
		KUNIT_ASSERT_EQ(test, desc(0x14 | 0xfedcull << 32 | (u64)im << 27, 0, &d), 0);
		/* 16 bits of an index, and more: all. */
		KUNIT_EXPECT_EQ(test, d.nr, im < 16 ? 1u << im : 0u);
		KUNIT_EXPECT_EQ(test, d.index, im < 16 ? 0xfedcu >> im << im : 0u);
	}
	expect_reserved(test, 0x14, 0, false, 0xffff000007fff1e0, TYPE_BITS);
	expect_reserved(test, 0x04, 0, true, ~0ull, 0);
}

static void vtd_desc_device_tlb(struct kunit *test)
{
	expect_reserved(test, 3, 0, false, 0x000f0000ffe001f0, TYPE_BITS);
	expect_reserved(test, 3, 0, true, 0xffe, 0);
}

static void vtd_desc_wait(struct kunit *test)
{
	struct vtd_desc d;

	KUNIT_ASSERT_EQ(test, desc(0x0000000200000025, 0x12345670c, &d), 0);
	KUNIT_EXPECT_TRUE(test, d.store);
	KUNIT_EXPECT_FALSE(test, d.interrupt);
	KUNIT_EXPECT_EQ(test, d.data, 2u);
	KUNIT_EXPECT_EQ(test, d.addr, 0x12345670cull);
	KUNIT_ASSERT_EQ(test, desc(0xdeadbeef00000015, 0, &d), 0);
	KUNIT_EXPECT_FALSE(test, d.store);
	KUNIT_EXPECT_TRUE(test, d.interrupt);
	KUNIT_EXPECT_EQ(test, d.data, 0xdeadbeefu);
	KUNIT_ASSERT_EQ(test, desc(0x75, ~3ull, &d), 0);
	KUNIT_EXPECT_TRUE(test, d.store && d.interrupt);
	KUNIT_EXPECT_EQ(test, d.addr, ~3ull);
	KUNIT_ASSERT_EQ(test, desc(0x05, 0, &d), 0);
	KUNIT_EXPECT_FALSE(test, d.store || d.interrupt);
	expect_reserved(test, 0x25, 0, false, 0xfffff180, TYPE_BITS);
	expect_reserved(test, 0x25, 0, true, 3, 0);
}

/* ---- at random ---------------------------------------------------------- */

static u64 draw(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

/* Mostly few bits. */
static u64 sparse(u64 *state)
{
	u64 word = draw(state);

	while (draw(state) >> 62)
		word &= draw(state);
	return word;
}

/* Any contents have an answer that makes sense, and in bounds. */
static void vtd_random(struct kunit *test)
{
	u64 state = vtd_seed ?: ktime_get_ns() | 1;
	struct words *m = test->priv;
	struct vtd_context ctx;
	struct irt_entry e;
	struct vtd_desc d;
	unsigned int i;
	u8 code;

	kunit_info(test, "vtd_seed=%llu\n", (unsigned long long)state);
	for (i = 0; i < vtd_rounds; i++) {
		const struct vtd_shape *shape = i & 1 ? &wide : &poster;

		entries(m, i & 2 ? ROOT_OK : sparse(&state), i & 6 ? 0 : sparse(&state),
			sparse(&state) | (i & 8 ? 1 : 0), sparse(&state));
		code = decode(m, shape, &ctx);
		KUNIT_ASSERT_LE(test, code, 0x0b);
		if (!code) {
			KUNIT_ASSERT_TRUE(test, ctx.levels == 3 || ctx.levels == 4);
			KUNIT_ASSERT_EQ(test, ctx.root & ~0x000ffffffffff000ull, 0ull);
		}
		code = irte(shape, i & 4, sparse(&state) | (i & 8 ? 1 : 0),
			    sparse(&state), &e);
		KUNIT_ASSERT_TRUE(test, !code || code == 0x22 || code == 0x24);
		if (!code) {
			KUNIT_ASSERT_LE(test, e.check, NYX_SOURCE_BUS);
			KUNIT_ASSERT_LE(test, e.delivery, 7);
			KUNIT_ASSERT_EQ(test, e.posted & ~0x000fffffffffffc0ull, 0ull);
			KUNIT_ASSERT_TRUE(test, i & 4 || e.dest <= 0xff);
		}
		code = desc(sparse(&state), i & 16 ? 0 : sparse(&state), &d);
		KUNIT_ASSERT_TRUE(test, !code || code == 3 || code == 4);
		if (!code && d.type == 4)
			KUNIT_ASSERT_LE(test, d.index + d.nr, 0x10000u);
		if (!code && d.type == 2 && d.granularity == 3)
			KUNIT_ASSERT_LT(test, d.first, d.last);
	}
}

static struct kunit_case vtd_cases[] = {
	KUNIT_CASE(vtd_device_found),
	KUNIT_CASE(vtd_device_every_rid),
	KUNIT_CASE(vtd_device_unreadable),
	KUNIT_CASE(vtd_root_bits),
	KUNIT_CASE(vtd_context_bits),
	KUNIT_CASE(vtd_context_types),
	KUNIT_CASE(vtd_context_order),
	KUNIT_CASE(vtd_context_pass_through),
	KUNIT_CASE(vtd_table_type),
	KUNIT_CASE(vtd_narrow),
	KUNIT_CASE(vtd_irte_fields),
	KUNIT_CASE(vtd_irte_destination),
	KUNIT_CASE(vtd_irte_bits),
	KUNIT_CASE(vtd_irte_source),
	KUNIT_CASE(vtd_irte_posted),
	KUNIT_CASE(vtd_desc_types),
	KUNIT_CASE(vtd_desc_context),
	KUNIT_CASE(vtd_desc_iotlb),
	KUNIT_CASE(vtd_desc_iec),
	KUNIT_CASE(vtd_desc_device_tlb),
	KUNIT_CASE(vtd_desc_wait),
	KUNIT_CASE(vtd_random),
	{}
};

static struct kunit_suite vtd_suite = {
	.name = "nyx_vtd",
	.init = vtd_setup,
	.test_cases = vtd_cases,
};

kunit_test_suite(vtd_suite);
