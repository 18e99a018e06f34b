// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of AMD-Vi: what is in guest memory, decoded.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Entries, codes and bit numbers are written out in digits here, by hand from
 * the drawings of the specification (sections 2.2, 2.4, 2.5); the names of
 * amdvi_regs.h are not used.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "base/types.h"
#include "viommu/amdvi/amdvi_decode.h"

#define B(n)		(1ull << (n))

static const struct amdvi_shape six = { .levels = 6 };
static const struct amdvi_shape four = { .levels = 4 };
static const struct amdvi_shape more = {
	.levels = 6, .prefetch = true, .device_tlb = true,
};

/* ---- device table entries ---- */

static void amdvi_find(struct kunit *test)
{
	struct amdvi_tables t = { .base = { 0x100000 | 0x1ff } };
	unsigned int n;
	u64 gpa;

	KUNIT_EXPECT_TRUE(test, amdvi_find_dte(&t, 0xffff, &gpa));
	KUNIT_EXPECT_EQ(test, gpa, 0x100000ull + 0xffff * 32);
	t.base[0] = 0x100000;
	KUNIT_EXPECT_TRUE(test, amdvi_find_dte(&t, 127, &gpa));
	KUNIT_EXPECT_EQ(test, gpa, 0x100fe0ull);
	KUNIT_EXPECT_FALSE(test, amdvi_find_dte(&t, 128, &gpa));
	t.base[0] = 0x100001;
	KUNIT_EXPECT_TRUE(test, amdvi_find_dte(&t, 255, &gpa));
	KUNIT_EXPECT_FALSE(test, amdvi_find_dte(&t, 256, &gpa));
	/* The top bits of the id say which segment. */
	t.segments_lg2 = 3;
	for (n = 0; n < 8; n++)
		t.base[n] = (n + 1) << 20 | 0x3f;
	for (n = 0; n < 8; n++) {
		KUNIT_EXPECT_TRUE(test, amdvi_find_dte(&t, n << 13 | 0x1fff, &gpa));
		KUNIT_EXPECT_EQ(test, gpa, (u64)((n + 1) << 20) + 0x1fff * 32);
	}
	t.base[5] = 5 << 20;
	KUNIT_EXPECT_FALSE(test, amdvi_find_dte(&t, 5 << 13 | 128, &gpa));
	KUNIT_EXPECT_TRUE(test, amdvi_find_dte(&t, 4 << 13 | 128, &gpa));
}

static void amdvi_dma_fields(struct kunit *test)
{
	struct amdvi_dma d;
	u64 dte[4] = { 0x000ffffffffff000ull | 3 | 5 << 9 | B(61), 0xbeef | B(33) | B(39) };

	KUNIT_EXPECT_EQ(test, amdvi_decode_dma(dte, &d), 0);
	KUNIT_EXPECT_TRUE(test, d.valid);
	KUNIT_EXPECT_TRUE(test, d.translate);
	KUNIT_EXPECT_TRUE(test, d.exclude);
	KUNIT_EXPECT_TRUE(test, d.se);
	KUNIT_EXPECT_FALSE(test, d.sa);
	KUNIT_EXPECT_EQ(test, d.perm, NYX_ACC_READ);
	KUNIT_EXPECT_EQ(test, d.mode, 5);
	KUNIT_EXPECT_EQ(test, d.did, 0xbeef);
	KUNIT_EXPECT_EQ(test, d.root, 0x000ffffffffff000ull);
	KUNIT_EXPECT_EQ(test, amdvi_check_dma(&six, &d), 0);
	KUNIT_EXPECT_EQ(test, amdvi_check_dma(&four, &d), 0x1000);
	/* No translation comes before no such mode. */
	d.translate = false;
	KUNIT_EXPECT_EQ(test, amdvi_check_dma(&four, &d), 0x2000);
	d.translate = true;
	d.mode = 7;
	KUNIT_EXPECT_EQ(test, amdvi_check_dma(&six, &d), 0x1000);
	/* As many levels as the unit has are not too many. */
	d.mode = 6;
	KUNIT_EXPECT_EQ(test, amdvi_check_dma(&six, &d), 0);
	d.mode = 0;
	KUNIT_EXPECT_EQ(test, amdvi_check_dma(&four, &d), 0);
	/* Without V nothing has a meaning. */
	dte[0] = ~B(0);
	dte[1] = ~0ull;
	KUNIT_EXPECT_EQ(test, amdvi_decode_dma(dte, &d), 0);
	KUNIT_EXPECT_FALSE(test, d.valid);
}

static void amdvi_dma_bits(struct kunit *test)
{
	struct amdvi_dma d;
	unsigned int bit;

	for (bit = 1; bit < 64; bit++) {
		bool bad0 = (bit >= 2 && bit <= 8) || (bit >= 52 && bit <= 60) || bit == 63;
		u64 q0[4] = { 1 | B(bit) }, q1[4] = { 1, B(bit) };

		KUNIT_EXPECT_EQ_MSG(test, amdvi_decode_dma(q0, &d), bad0 ? 0x1080 : 0,
				    "word 0, bit %u", bit);
		KUNIT_EXPECT_EQ_MSG(test, amdvi_decode_dma(q1, &d),
				    bit == 42 ? 0x1080 : 0, "word 1, bit %u", bit);
	}
}

static void amdvi_int_fields(struct kunit *test)
{
	struct amdvi_int i;
	u64 dte[4] = {
		1, 0x1234, 1 | 9 << 1 | B(5) | 0x000fffffffffffc0ull | B(57) | 2ull << 60,
		0xffc0000000000000ull,
	};
	unsigned int bit, len, ctl;

	KUNIT_EXPECT_EQ(test, amdvi_decode_int(dte, &i), 0);
	KUNIT_EXPECT_TRUE(test, i.valid);
	KUNIT_EXPECT_EQ(test, i.ctl, 2);
	KUNIT_EXPECT_TRUE(test, i.ig);
	KUNIT_EXPECT_FALSE(test, i.nmi);
	KUNIT_EXPECT_FALSE(test, i.init);
	KUNIT_EXPECT_TRUE(test, i.extint);
	KUNIT_EXPECT_EQ(test, i.did, 0x1234);
	KUNIT_EXPECT_EQ(test, i.nr, 512u);
	KUNIT_EXPECT_EQ(test, i.root, 0x000fffffffffffc0ull);
	/* The domain is one with V only. */
	dte[0] = 0;
	KUNIT_EXPECT_EQ(test, amdvi_decode_int(dte, &i), 0);
	KUNIT_EXPECT_EQ(test, i.did, 0);

	for (bit = 1; bit < 64; bit++) {
		u64 q2[4] = { 0, 0, 1 | B(bit) }, q3[4] = { 0, 0, 1, B(bit) };
		u16 want = bit >= 52 && bit <= 55 ? 0x1088 : 0;

		KUNIT_EXPECT_EQ_MSG(test, amdvi_decode_int(q2, &i), want, "bit %u", bit);
		KUNIT_EXPECT_EQ(test, amdvi_decode_int(q3, &i), bit < 54 ? 0x1088 : 0);
		/* Without IV nothing has a meaning. */
		q2[2] &= ~1ull;
		q3[2] = 0;
		KUNIT_EXPECT_EQ(test, amdvi_decode_int(q2, &i), 0);
		KUNIT_EXPECT_EQ(test, amdvi_decode_int(q3, &i), 0);
		KUNIT_EXPECT_FALSE(test, i.valid);
	}
	for (len = 0; len < 16; len++) {
		for (ctl = 0; ctl < 4; ctl++) {
			u64 q[4] = { 0, 0, 1 | len << 1 | (u64)ctl << 60 };
			bool bad = ctl == 3 || (ctl == 2 && len > 11);

			KUNIT_EXPECT_EQ(test, amdvi_decode_int(q, &i), bad ? 0x1008 : 0);
		}
	}
}

static void amdvi_pte(struct kunit *test)
{
	unsigned int next, bit;

	KUNIT_EXPECT_EQ(test, amdvi_pte_code(0), 0x2010);
	for (next = 0; next < 8; next++) {
		bool leaf = !next || next == 7;

		for (bit = 0; bit < 64; bit++) {
			u64 entry = (u64)next << 9 | (bit >= 9 && bit <= 11 ? 0 : B(bit));
			bool rz = bit >= 52 && bit <= (leaf ? 58 : 60);

			KUNIT_EXPECT_EQ_MSG(test, amdvi_pte_code(entry),
					    rz ? 0x2090 : 0x2010, "%016llx", entry);
		}
	}
}

/* ---- interrupt remapping table entries ---- */

static void amdvi_irte32(struct kunit *test)
{
	struct irt_entry e;
	unsigned int type, bit;

	KUNIT_EXPECT_EQ(test, amdvi_decode_irte32(0x00fe12e5u & ~0x80u, &e), 0);
	KUNIT_EXPECT_EQ(test, e.dest, 0x12u);
	KUNIT_EXPECT_EQ(test, e.vector, 0xfe);
	KUNIT_EXPECT_EQ(test, e.delivery, 1);
	KUNIT_EXPECT_EQ(test, e.flags, (u32)NYX_IRTE_F_LOGICAL);
	KUNIT_EXPECT_EQ(test, e.check, NYX_SOURCE_ANY);
	for (type = 0; type < 8; type++)
		KUNIT_EXPECT_EQ(test, amdvi_decode_irte32(1 | type << 2, &e),
				type < 2 ? 0 : 0x2098);
	for (bit = 7; bit < 32; bit++)
		KUNIT_EXPECT_EQ(test, amdvi_decode_irte32(1 | 1u << bit, &e),
				bit == 7 || bit >= 24 ? 0x2098 : 0);
	/* Not present: no other bit counts but SupIOPF. */
	KUNIT_EXPECT_EQ(test, amdvi_decode_irte32(0xfffffffc, &e), 0x2008);
	KUNIT_EXPECT_EQ(test, e.flags, 0u);
	KUNIT_EXPECT_EQ(test, amdvi_decode_irte32(0xfffffffe, &e), 0x2008);
	KUNIT_EXPECT_EQ(test, e.flags, (u32)NYX_IRTE_F_FPD);
}

static void amdvi_irte128(struct kunit *test)
{
	const u64 lo = 0x89abcdef00000000ull | 0x345678ull << 8, hi = 0x12ull << 56 | 0x41;
	struct amdvi_post post;
	struct irt_entry e;
	unsigned int bit;

	KUNIT_EXPECT_EQ(test, amdvi_decode_irte128(false, true, lo | 0x65, hi, &e, &post), 0);
	KUNIT_EXPECT_EQ(test, e.dest, 0x12345678u);
	KUNIT_EXPECT_EQ(test, e.vector, 0x41);
	KUNIT_EXPECT_EQ(test, e.delivery, 1);
	KUNIT_EXPECT_EQ(test, e.flags, (u32)NYX_IRTE_F_LOGICAL);
	KUNIT_EXPECT_EQ(test, amdvi_decode_irte128(false, false, lo | 1, hi, &e, &post), 0);
	KUNIT_EXPECT_EQ(test, e.dest, 0x78u);
	KUNIT_EXPECT_EQ(test, amdvi_decode_irte128(false, true, lo | 9, hi, &e, &post), 0x2098);
	KUNIT_EXPECT_EQ(test, amdvi_decode_irte128(false, true, lo, ~0ull, &e, &post), 0x2008);
	KUNIT_EXPECT_EQ(test, amdvi_decode_irte128(false, true, lo | 2, hi, &e, &post), 0x2008);
	KUNIT_EXPECT_EQ(test, e.flags, (u32)NYX_IRTE_F_FPD);
	for (bit = 0; bit < 64; bit++) {
		bool bad = (bit >= 8 && bit <= 11) || (bit >= 52 && bit <= 55);

		KUNIT_EXPECT_EQ_MSG(test, amdvi_decode_irte128(true, true, 1, B(bit), &e, &post),
				    bad ? 0x2098 : 0, "bit %u", bit);
		KUNIT_EXPECT_EQ_MSG(test, amdvi_decode_irte128(true, true, 0x81, B(bit), &e, &post),
				    bad ? 0x2098 : 0, "guest, bit %u", bit);
	}

	/* Of a guest of the guest. */
	KUNIT_EXPECT_EQ(test, amdvi_decode_irte128(false, true, lo | 0x81, hi, &e, &post), 0x2098);
	KUNIT_EXPECT_EQ(test, amdvi_decode_irte128(true, true, lo | 0xc1,
						   hi | 0x000ffffffffff000ull, &e, &post), 0);
	KUNIT_EXPECT_EQ(test, e.flags, (u32)NYX_IRTE_F_POSTED);
	KUNIT_EXPECT_TRUE(test, post.run);
	KUNIT_EXPECT_FALSE(test, post.log);
	KUNIT_EXPECT_EQ(test, post.vector, 0x41);
	KUNIT_EXPECT_EQ(test, post.dest, 0x12345678u);
	KUNIT_EXPECT_EQ(test, post.tag, 0x89abcdefu);
	KUNIT_EXPECT_EQ(test, post.apic, 0x000ffffffffff000ull);
	KUNIT_EXPECT_EQ(test, amdvi_decode_irte128(true, true, lo | 0x85, hi, &e, &post), 0);
	KUNIT_EXPECT_TRUE(test, post.log);
	KUNIT_EXPECT_FALSE(test, post.run);
	for (bit = 3; bit < 6; bit++)
		KUNIT_EXPECT_EQ(test, amdvi_decode_irte128(true, true, lo | 0x81 | B(bit), hi,
							   &e, &post), 0x2098);
}

/* ---- a requester's table ---- */

/* A message on its way, as core/irq/irq.c does it: decoded, its entry fetched, remapped. */
static u32 remap(const struct irt_device *dev, u32 mode, u64 address, u32 data,
		 struct irt_msg *msg)
{
	u32 imode = irt_device_imode(dev);
	u32 reason = amdvi_decode_msg(imode, mode, address, data, msg);
	struct irt_word w;

	if (reason || msg->passthrough)
		return reason;
	if (!(imode & IRT_KNOWN))
		return NYX_FAULT_IRQ_NOT_PRESENT;
	reason = irt_fetch(&dev->irt, msg->index, &w);
	return reason ?: irt_remap(&w, mode, 0, msg);
}

static void amdvi_remap(struct kunit *test)
{
	const struct irt_entry e = { .dest = 0x12345678, .vector = 0x41, .delivery = 1 };
	struct irt_device dev = {};
	unsigned int mode;
	struct irt_msg m;

	KUNIT_ASSERT_EQ(test, irt_init(&dev.irt, IRT_DEVICE_ENTRIES), 0);
	dev.irt.limit = 256;
	irt_write(&dev.irt, 3, &e);

	KUNIT_EXPECT_EQ(test, remap(NULL, 0, 0xfee00000, 3, &m),
			(u32)NYX_FAULT_IRQ_NOT_PRESENT);
	KUNIT_EXPECT_EQ(test, m.index, 3u);
	KUNIT_EXPECT_EQ(test, remap(&dev, 0, 0xfee00000, 3, &m),
			(u32)NYX_FAULT_IRQ_NOT_PRESENT);
	KUNIT_EXPECT_EQ(test, remap(&dev, 0, 0xfed00000, 3, &m),
			(u32)NYX_FAULT_IRQ_REQUEST);
	KUNIT_EXPECT_EQ(test, remap(&dev, NYX_IRQ_MODE_OFF, 0xfee05000, 3, &m), 0u);
	KUNIT_EXPECT_TRUE(test, m.passthrough);
	KUNIT_EXPECT_EQ(test, m.dest, 5u);

	dev.imode = IRT_KNOWN | AMDVI_IMODE_REMAP;
	KUNIT_EXPECT_EQ(test, remap(&dev, 0, 0xfee00000, 3, &m), 0u);
	KUNIT_EXPECT_FALSE(test, m.passthrough);
	KUNIT_EXPECT_EQ(test, m.dest, 0x12345678u);
	KUNIT_EXPECT_EQ(test, m.vector, 0x41);
	KUNIT_EXPECT_EQ(test, m.delivery, 1);
	KUNIT_EXPECT_EQ(test, m.flags, 0);
	KUNIT_EXPECT_EQ(test, remap(&dev, 0, 0xfee00000, 0x8003, &m), 0u);
	KUNIT_EXPECT_EQ(test, m.flags, (u16)NYX_IRTE_F_LEVEL);
	KUNIT_EXPECT_EQ(test, remap(&dev, 0, 0xfee00000, 4, &m),
			(u32)NYX_FAULT_IRQ_NOT_PRESENT);
	KUNIT_EXPECT_EQ(test, remap(&dev, 0, 0xfee00000, 256, &m),
			(u32)NYX_FAULT_IRQ_INDEX);
	dev.imode |= AMDVI_IMODE_IG;
	KUNIT_EXPECT_EQ(test, remap(&dev, 0, 0xfee00000, 256, &m),
			(u32)NYX_FAULT_IRQ_INDEX);
	KUNIT_EXPECT_EQ(test, m.flags, (u16)NYX_IRTE_F_FPD);

	/* Kinds: fixed and lowest follow REMAP or PASS, SMI passes, others have bits. */
	for (mode = 0; mode < 8; mode++) {
		static const u32 bit[] = {
			AMDVI_IMODE_PASS, AMDVI_IMODE_PASS, 0, 0, AMDVI_IMODE_NMI,
			AMDVI_IMODE_INIT, 0, AMDVI_IMODE_EXTINT,
		};
		u32 want = mode == 2 ? 0 : NYX_FAULT_IRQ_COMPAT;

		dev.imode = IRT_KNOWN;
		KUNIT_EXPECT_EQ(test, remap(&dev, 0, 0xfee00000, mode << 8, &m), want);
		if (!bit[mode])
			continue;
		dev.imode = IRT_KNOWN | bit[mode];
		KUNIT_EXPECT_EQ(test, remap(&dev, 0, 0xfee00000, mode << 8, &m), 0u);
		KUNIT_EXPECT_TRUE(test, m.passthrough);
		dev.imode = IRT_KNOWN | (0xfc & ~(bit[mode] | AMDVI_IMODE_REMAP));
		KUNIT_EXPECT_EQ(test, remap(&dev, 0, 0xfee00000, mode << 8, &m), want);
	}
	/* Whether they have an entry is not looked at. */
	dev.imode = IRT_KNOWN | AMDVI_IMODE_REMAP;
	for (mode = 3; mode < 8; mode++)
		KUNIT_EXPECT_EQ(test, remap(&dev, 0, 0xfee00000, mode << 8, &m),
				(u32)NYX_FAULT_IRQ_COMPAT);
	dev.imode = IRT_KNOWN | AMDVI_IMODE_PASS_ALL;
	for (mode = 0; mode < 8; mode++)
		KUNIT_EXPECT_EQ(test, remap(&dev, 0, 0xfee00000, mode << 8, &m), 0u);

	dev.imode = IRT_KNOWN | AMDVI_IMODE_REMAP;
	irt_clear(&dev.irt);
	KUNIT_EXPECT_EQ(test, dev.irt.nr_present, 0u);
	KUNIT_EXPECT_EQ(test, remap(&dev, 0, 0xfee00000, 3, &m),
			(u32)NYX_FAULT_IRQ_NOT_PRESENT);
	irt_fini(&dev.irt);
}

/* ---- commands ---- */

static void amdvi_cmd_opcodes(struct kunit *test)
{
	struct amdvi_cmd c;
	u64 op;

	for (op = 0; op < 16; op++) {
		bool here = (op >= 1 && op <= 3) || op == 5 || op == 8;
		bool opt = op == 4 || op == 6;

		KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, op << 60, 0, &c),
				here ? 0 : 0x5000);
		KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&more, op << 60, 0, &c),
				here || opt ? 0 : 0x5000);
		KUNIT_EXPECT_EQ(test, c.opcode, op);
	}
}

static void amdvi_cmd_bits(struct kunit *test)
{
	struct amdvi_cmd c;
	unsigned int bit;

	for (bit = 0; bit < 60; bit++) {
		u64 b = B(bit);

		KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 1ull << 60 | b, 0, &c),
				bit < 52 ? 0 : 0x5000);
		KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 2ull << 60 | b, 0, &c),
				bit < 16 ? 0 : 0x5000);
		KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 5ull << 60 | b, 0, &c),
				bit < 16 ? 0 : 0x5000);
		KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 3ull << 60 | b, 0, &c),
				bit >= 32 && bit < 48 ? 0 : 0x5000);
		KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 8ull << 60 | b, 0, &c), 0x5000);
	}
	for (bit = 0; bit < 64; bit++) {
		u64 b = B(bit);

		KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 1ull << 60, b, &c), 0);
		KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 2ull << 60, b, &c), 0x5000);
		KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 5ull << 60, b, &c), 0x5000);
		KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 8ull << 60, b, &c), 0x5000);
		KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 3ull << 60, b, &c),
				bit < 2 || bit >= 12 ? 0 : 0x5000);
	}
}

static void amdvi_cmd_wait(struct kunit *test)
{
	struct amdvi_cmd c;

	KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 0x100ffffffffffff9ull, 0x1122334455667788ull,
					       &c), 0);
	KUNIT_EXPECT_TRUE(test, c.store);
	KUNIT_EXPECT_FALSE(test, c.interrupt);
	KUNIT_EXPECT_EQ(test, c.addr, 0x000ffffffffffff8ull);
	KUNIT_EXPECT_EQ(test, c.data, 0x1122334455667788ull);
	KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 0x1000000000000006ull, 0, &c), 0);
	KUNIT_EXPECT_FALSE(test, c.store);
	KUNIT_EXPECT_TRUE(test, c.interrupt);
}

static void amdvi_cmd_ranges(struct kunit *test)
{
	struct amdvi_cmd c;
	unsigned int lg2;

	KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 0x3000123400000000ull, 0xfffff002, &c), 0);
	KUNIT_EXPECT_EQ(test, c.did, 0x1234);
	KUNIT_EXPECT_EQ(test, c.first, 0xfffff000ull);
	KUNIT_EXPECT_EQ(test, c.last, 0xffffffffull);
	/* Ones up to the bit below the size; that one is zero. */
	for (lg2 = 13; lg2 <= 64; lg2++) {
		u64 above = lg2 == 64 ? 0 : 5ull << lg2;
		u64 ones = (B(lg2 - 1) - 1) & ~0xfffull;

		KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 3ull << 60, above | ones | 1, &c), 0);
		KUNIT_EXPECT_EQ(test, c.first, above);
		KUNIT_EXPECT_EQ(test, c.last, above | (~0ull >> (64 - lg2)));
	}
	KUNIT_EXPECT_EQ(test, amdvi_decode_cmd(&six, 3ull << 60, ~0xfffull | 1, &c), 0);
	KUNIT_EXPECT_EQ(test, c.first, 0ull);
	KUNIT_EXPECT_EQ(test, c.last, ~0ull);
}

static struct kunit_case amdvi_cases[] = {
	KUNIT_CASE(amdvi_find),
	KUNIT_CASE(amdvi_dma_fields),
	KUNIT_CASE(amdvi_dma_bits),
	KUNIT_CASE(amdvi_int_fields),
	KUNIT_CASE(amdvi_pte),
	KUNIT_CASE(amdvi_irte32),
	KUNIT_CASE(amdvi_irte128),
	KUNIT_CASE(amdvi_remap),
	KUNIT_CASE(amdvi_cmd_opcodes),
	KUNIT_CASE(amdvi_cmd_bits),
	KUNIT_CASE(amdvi_cmd_wait),
	KUNIT_CASE(amdvi_cmd_ranges),
	{}
};

static struct kunit_suite amdvi_suite = {
	.name = "nyx_amdvi",
	.test_cases = amdvi_cases,
};

kunit_test_suite(amdvi_suite);
