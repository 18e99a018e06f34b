// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: VT-d units: DMA through contexts and tables in guest memory,
 * what is cached of them, and how long.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vtd_guest.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* ---- translation ---- */

static const struct shape {
	const char *name;
	unsigned int levels;
	unsigned int leaf;	/* level of the leaf */
	__u32 iotlb;
	__u32 width;
} shapes[] = {
	{ "3_levels_4k", 3, 0, 0, 0 },
	{ "3_levels_2m", 3, 1, 0, 0 },
	{ "3_levels_1g", 3, 2, 0, 0 },
	{ "4_levels_4k", 4, 0, 0, 0 },
	{ "4_levels_2m", 4, 1, 0, 0 },
	{ "4_levels_1g", 4, 2, 0, 0 },
	{ "no_iotlb_4k", 4, 0, ENV_IOTLB_OFF, 0 },
	{ "no_iotlb_2m", 3, 1, ENV_IOTLB_OFF, 0 },
	{ "no_iotlb_1g", 4, 2, ENV_IOTLB_OFF, 0 },
	{ "width_39_4k", 3, 0, 0, 39 },
	{ "width_39_1g", 3, 2, 0, 39 },
};

TEST_EACH(translates, shapes)
{
	const __u64 size = 4096ull << 9 * v->leaf;
	const __u64 top = v->levels == 3 ? BIT(39) : BIT(48);
	/* First, some, last page of the space; the last of a table. */
	const __u64 iovas[] = { 0, 7 * size, 511 * size, top / 2, top - size };
	struct nyx_translate t;
	struct guest guest, *g = &guest;
	__u64 root, gpa;

	guest_open(g, .iotlb = v->iotlb, .width = v->width);
	root = attach(g, DEV, DID, v->levels);
	boot(g, BOOT_ALL);
	for (size_t i = 0; i < ARRAY_SIZE(iovas); i++) {
		gpa = v->leaf == 2 ? 0 : 0x800000 + i * SZ_2M;
		set_pte(g, root, v->levels, iovas[i], v->leaf,
			gpa | PTE_RW | (v->leaf ? PTE_PS : 0));
	}
	for (int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < ARRAY_SIZE(iovas); i++) {
			gpa = v->leaf == 2 ? 0 : 0x800000 + i * SZ_2M;
			ktap_note("iova 0x%llx", (unsigned long long)iovas[i]);
			if (v->leaf < 2) {
				reaches(g, DEV, iovas[i], gpa);
				reaches(g, DEV, iovas[i] + size - 8, gpa + size - 8);
			}
			reaches(g, DEV, iovas[i] + 0xc00000 % size, gpa + 0xc00000 % size);
			test_cmd(cmd_translate(g->fd, &t, DEV, RW, iovas[i] + 0x123, 1));
			ASSERT_EQ(NYX_FAULT_NONE, t.out_fault.reason);
			ASSERT_EQ(12 + 9 * v->leaf, t.out_page_size_lg2);
			ASSERT_EQ(gpa + 0x123, t.out_extent.gpa);
		}
	}
	expect_no_record(g);
	refused(g, DEV, false, top, 0x04);
	refused(g, DEV, true, top + 0x5123, 0x04);
	refused(g, DEV, false, 0xfffffffffffff000ull, 0x04);
	refused(g, DEV, true, 9 * size, 0x06);
}

/* A device sees its own domain; one domain may have several devices. */
TEST(devices_and_domains)
{
	struct guest guest, *g = &guest;
	__u64 a, b;

	guest_open(g);
	a = attach(g, DEV, 1, 4);
	b = attach(g, DEV_BUS, 2, 3);
	set_context(g, DEV2, a | 1, 2 | 1 << 8);
	set_context(g, DEV_FN, 2 << 2 | 1, 2 | 3 << 8);	/* pass-through */
	set_pte(g, a, 4, 0x5000, 0, 0x800000 | PTE_RW);
	set_pte(g, b, 3, 0x5000, 0, 0x801000 | PTE_RW);
	boot(g, BOOT_ALL);
	for (int turn = 0; turn < 2; turn++) {
		reaches(g, DEV, 0x5000, 0x800000);
		reaches(g, DEV2, 0x5000, 0x800000);
		reaches(g, DEV_BUS, 0x5000, 0x801000);
		reaches(g, DEV_FN, 0x5000, 0x5000);
	}
	refused(g, DEV_BUS, false, 0x6000, 0x05);
	refused(g, DEV2, false, 0x6000, 0x05);
	struct nyx_dma c;
	__u64 word = 0;

	test_err(ENOENT, cmd_dma_write(g->fd, &c, DEV_ABSENT, 0x5000, &word, 8));
	/* Two tables with one id: each device keeps its own. */
	b = attach(g, DEV2, 1, 4);
	set_pte(g, b, 4, 0x5000, 0, 0x802000 | PTE_RW);
	invalidate(g, CC_DEVICE(1, DEV2, 0), 0);
	reaches(g, DEV2, 0x5000, 0x802000);
	reaches(g, DEV, 0x5000, 0x800000);
}

/* An access over pages that lie apart, and up to one that is refused. */
TEST(long_accesses)
{
	static unsigned char buf[5 * SZ_4K];
	struct guest guest, *g = &guest;
	struct nyx_dma c;
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	for (unsigned int i = 0; i < 4; i++)
		set_pte(g, root, 4, i * SZ_4K, 0, (0x800000 + i * SZ_64K) | PTE_RW);
	*pte(g, root, 4, 3 * SZ_4K, 0) &= ~PTE_W;
	boot(g, BOOT_ALL);
	memset(buf, 0x77, sizeof(buf));
	test_cmd(cmd_dma_write(g->fd, &c, DEV, 0x800, buf, 4 * SZ_4K));
	ASSERT_EQ(3 * SZ_4K - 0x800, c.out_done);
	ASSERT_EQ(0x05, c.out_fault.vendor);
	c.out_fault.vendor = 0;
	check_fault(&c.out_fault, NYX_FAULT_WRITE_DENIED, NYX_PROT_WRITE, 0, 3 * SZ_4K,
		    0x800000 + 3 * SZ_64K);
	expect_record(g, DEV, 0x05, false, 3 * SZ_4K);
	for (unsigned int i = 0; i < 3; i++)
		ASSERT_FILLED(g->ram + 0x800800 + i * SZ_64K, 0x77, SZ_2M / 1024);
	test_cmd(cmd_dma_read(g->fd, &c, DEV, 0x800, buf, 4 * SZ_4K));
	ASSERT_EQ(4 * SZ_4K - 0x800, c.out_done);
	expect_record(g, DEV, 0x06, true, 4 * SZ_4K);
	/* Atomics need both. */
	test_cmd(cmd_dma_atomic(g->fd, &c, DEV, NYX_DMA_FETCH_ADD, 0x10, 8, 5, 0));
	ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
	ASSERT_EQ(5, *words(g, 0x800010));
	test_cmd(cmd_dma_atomic(g->fd, &c, DEV, NYX_DMA_SWAP, 3 * SZ_4K, 8, 5, 0));
	expect_record(g, DEV, 0x05, false, 3 * SZ_4K);
	/* A translation alone faults only if it is asked to. */
	struct nyx_translate t;

	test_cmd(cmd_translate(g->fd, &t, DEV, NYX_PROT_WRITE, 3 * SZ_4K, 1));
	ASSERT_EQ(NYX_FAULT_WRITE_DENIED, t.out_fault.reason);
	expect_no_record(g);
}

/* Permission is what all levels grant. */
TEST_EACH(permissions, shapes)
{
	const unsigned int n = v->levels - v->leaf;
	struct guest guest, *g = &guest;
	__u64 root, leaf;

	guest_open(g, .iotlb = v->iotlb, .width = v->width);
	root = attach(g, DEV, DID, v->levels);
	leaf = v->leaf ? PTE_PS : 0x800000;
	set_pte(g, root, v->levels, 0, v->leaf, leaf | PTE_RW);
	boot(g, BOOT_ALL);
	for (unsigned int combo = 0; combo < 1u << 2 * n; combo++) {
		unsigned int all = 3;

		for (unsigned int i = 0; i < n; i++) {
			__u64 *entry = pte(g, root, v->levels, 0, v->levels - 1 - i);

			*entry |= PTE_RW;
		}
		/* From the leaf up: a way to it is needed. */
		for (unsigned int i = n; i-- > 0; ) {
			__u64 *entry = pte(g, root, v->levels, 0, v->levels - 1 - i);

			*entry = (*entry & ~PTE_RW) | (combo >> 2 * i & 3);
			all &= combo >> 2 * i;
		}
		invalidate(g, IOTLB_DOMAIN(DID), 0);
		ktap_note("permissions 0x%x", combo);
		if (all & 2) {
			ASSERT_EQ(0, poke(g, DEV, 0x10));
			expect_no_record(g);
		} else {
			refused(g, DEV, false, 0x10, 0x05);
		}
		if (all & 1) {
			ASSERT_EQ(0, peek(g, DEV, 0x10));
			expect_no_record(g);
		} else {
			refused(g, DEV, true, 0x10, 0x06);
		}
	}
}

/* Reserved bits of entries that are present, level by level. */
TEST_EACH(entry_bits, shapes)
{
	struct guest guest, *g = &guest;
	__u64 root, *entry, good;

	guest_open(g, .iotlb = v->iotlb, .width = v->width);
	root = attach(g, DEV, DID, v->levels);
	set_pte(g, root, v->levels, 0, v->leaf, (v->leaf ? PTE_PS : 0x800000) | PTE_RW);
	boot(g, BOOT_ALL);
	for (unsigned int level = v->leaf; level < v->levels; level++) {
		const bool leaf = level == v->leaf;

		entry = pte(g, root, v->levels, 0, level);
		good = *entry;
		for (unsigned int bit = 2; bit < 64; bit++) {
			bool reserved = bit == 62 || (bit == 11 && !leaf) ||
				(bit == 7 && level == 3) ||
				(leaf && bit >= 12 && bit < 12 + 9 * level);

			/* An address, or a leaf instead of a table. */
			if (!reserved && ((bit >= 12 && bit < 52) || (bit == 7 && level)))
				continue;
			*entry = good | BIT(bit);
			invalidate(g, IOTLB_PAGE(DID), 0);
			ktap_note("level %u, bit %u", level, bit);
			if (reserved) {
				refused(g, DEV, false, 0x20, 0x0c);
				refused(g, DEV, true, 0x20, 0x0c);
			} else {
				ASSERT_EQ(0, poke(g, DEV, 0x20));
				expect_no_record(g);
			}
		}
		*entry = good;
	}
}

/* A unit without large pages: PS is reserved at levels where it would be one. */
TEST(small_pages_only)
{
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g, .flags = NYX_VTD_F_SMALL_PAGES);
	root = attach(g, DEV, DID, 4);
	set_pte(g, root, 4, 0, 1, 0x800000 | PTE_PS | PTE_RW);
	set_pte(g, root, 4, SZ_1G, 2, PTE_PS | PTE_RW);
	set_pte(g, root, 4, SZ_2M, 0, 0x800000 | PTE_PS | PTE_RW);
	boot(g, BOOT_ALL);
	refused(g, DEV, false, 0x20, 0x0c);
	refused(g, DEV, true, SZ_1G, 0x0c);
	/* Of a leaf of 4 KiB it is no size. */
	reaches(g, DEV, SZ_2M, 0x800000);
}

/* Tables that refer to themselves: as deep as they are, and no deeper. */
TEST(tables_in_circles)
{
	struct guest guest, *g = &guest;
	__u64 root, other;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	for (unsigned int i = 0; i < 512; i++)
		words(g, root)[i] = root | PTE_RW;
	boot(g, BOOT_ALL);
	/* The leaf is the table itself. */
	for (unsigned int i = 0; i < 100; i++) {
		*words(g, root + 0xff8) = root | PTE_RW;
		ASSERT_EQ(0, peek(g, DEV, i * 0x123456789ull));
	}
	/* The device changes its own way. */
	writes_to(g, DEV, 0xff0, root + 0xff0);
	expect_no_record(g);

	other = new_table(g);
	words(g, root)[0] = other | PTE_RW;
	words(g, other)[0] = root | PTE_RW;
	invalidate(g, IOTLB_GLOBAL, 0);
	writes_to(g, DEV, 0x800, root + 0x800);
	/* Contexts that lie in the root table, or the root table in itself. */
	words(g, AT_ROOT)[0] = AT_ROOT | 1;
	invalidate(g, CC_GLOBAL, 0);
	ASSERT_NE(0, poke(g, DEV, 0));
	struct record r;

	take_record(g, &r);
	ASSERT_EQ(0x02, r.reason);
	words(g, AT_ROOT)[2 * DEV] = AT_ROOT | 1;
	words(g, AT_ROOT)[2 * DEV + 1] = 2 | 9 << 8;
	invalidate(g, CC_GLOBAL, 0);
	poke(g, DEV, 0);
}

/* ---- what is refused, and for which reason ---- */

#define FPD	2ull

/**
 * struct reason_case - something that is wrong
 * @name: name
 * @reason: what the guest is told
 * @spoil: makes it wrong; @fpd to be set in the context
 * @iova: of the access
 * @read: and its direction
 * @early: before the context entry: FPD is not looked at
 */
static const struct reason_case {
	const char *name;
	__u8 reason;
	void (*spoil)(struct guest *g, __u64 root, __u64 fpd);
	__u64 iova;
	bool read;
	bool early;
} reason_cases[];

static void ctx_words(struct guest *g, __u64 lo, __u64 hi)
{
	words(g, AT_CTX)[2 * DEV] = lo;
	words(g, AT_CTX)[2 * DEV + 1] = hi;
}

static void nothing(struct guest *g, __u64 root, __u64 fpd)
{
	ctx_words(g, root | fpd | 1, 2 | DID << 8);
}

static void no_root(struct guest *g, __u64 root, __u64 fpd)
{
	nothing(g, root, fpd);
	words(g, AT_ROOT)[0] = AT_CTX;
}

static void no_context(struct guest *g, __u64 root, __u64 fpd)
{
	ctx_words(g, root | fpd, 2 | DID << 8);
}

static void empty_context(struct guest *g, __u64 root, __u64 fpd)
{
	(void)root;
	ctx_words(g, fpd, 0);
}

static void context_type(struct guest *g, __u64 root, __u64 fpd)
{
	ctx_words(g, root | 3 << 2 | fpd | 1, 2 | DID << 8);
}

/* Untranslated and translated requests: there are no device TLBs. */
static void context_ats(struct guest *g, __u64 root, __u64 fpd)
{
	ctx_words(g, root | 1 << 2 | fpd | 1, 2 | DID << 8);
}

static void context_width(struct guest *g, __u64 root, __u64 fpd)
{
	ctx_words(g, root | fpd | 1, 3 | DID << 8);
}

static void pass_width(struct guest *g, __u64 root, __u64 fpd)
{
	ctx_words(g, root | 2 << 2 | fpd | 1, 0 | DID << 8);
}

static void table_nowhere(struct guest *g, __u64 root, __u64 fpd)
{
	(void)root;
	ctx_words(g, NOWHERE | fpd | 1, 2 | DID << 8);
}

static void lower_nowhere(struct guest *g, __u64 root, __u64 fpd)
{
	nothing(g, root, fpd);
	*pte(g, root, 4, 0, 2) = NOWHERE | PTE_RW;
}

static void leaf_nowhere(struct guest *g, __u64 root, __u64 fpd)
{
	nothing(g, root, fpd);
	*pte(g, root, 4, 0, 1) = NOWHERE | PTE_RW;
}

static void root_nowhere(struct guest *g, __u64 root, __u64 fpd)
{
	nothing(g, root, fpd);
	w64(g, RTADDR, NOWHERE);
	command(g, G_RTP, 0);
}

static void context_nowhere(struct guest *g, __u64 root, __u64 fpd)
{
	nothing(g, root, fpd);
	words(g, AT_ROOT)[0] = NOWHERE | 1;
}

static void root_reserved(struct guest *g, __u64 root, __u64 fpd)
{
	nothing(g, root, fpd);
	words(g, AT_ROOT)[0] |= 2;
}

static void root_high(struct guest *g, __u64 root, __u64 fpd)
{
	nothing(g, root, fpd);
	words(g, AT_ROOT)[1] = 1;
}

static void context_reserved(struct guest *g, __u64 root, __u64 fpd)
{
	ctx_words(g, root | BIT(4) | fpd | 1, 2 | DID << 8);
}

static void context_high(struct guest *g, __u64 root, __u64 fpd)
{
	ctx_words(g, root | fpd | 1, 2 | DID << 8 | BIT(24));
}

static void read_only(struct guest *g, __u64 root, __u64 fpd)
{
	nothing(g, root, fpd);
	*pte(g, root, 4, 0, 0) &= ~PTE_W;
}

static void write_only(struct guest *g, __u64 root, __u64 fpd)
{
	nothing(g, root, fpd);
	*pte(g, root, 4, 0, 0) &= ~PTE_R;
}

static void no_upper(struct guest *g, __u64 root, __u64 fpd)
{
	nothing(g, root, fpd);
	words(g, root)[0] &= ~PTE_RW;
}

static void entry_reserved(struct guest *g, __u64 root, __u64 fpd)
{
	nothing(g, root, fpd);
	*pte(g, root, 4, 0, 1) |= PTE_SNP;
}

/* Each entry is asked for permission first, before what is wrong with it and below. */
static void denied_above(struct guest *g, __u64 root, __u64 fpd)
{
	lower_nowhere(g, root, fpd);
	words(g, root)[0] &= ~PTE_W;
}

static void denied_and_reserved(struct guest *g, __u64 root, __u64 fpd)
{
	entry_reserved(g, root, fpd);
	*pte(g, root, 4, 0, 1) &= ~PTE_R;
}

static const struct reason_case reason_cases[] = {
	{ "01_root_not_present", 0x01, no_root, 0x123, false, true },
	{ "02_context_not_present", 0x02, no_context, 0x123, false, false },
	{ "02_context_empty", 0x02, empty_context, 0x123, true, false },
	{ "03_context_type", 0x03, context_type, 0x123, false, false },
	{ "03_context_ats", 0x03, context_ats, 0x123, true, false },
	{ "03_context_width", 0x03, context_width, 0x123, false, false },
	{ "03_pass_through_width", 0x03, pass_width, 0x123, false, false },
	{ "03_top_table", 0x03, table_nowhere, 0x123, false, false },
	{ "04_beyond", 0x04, nothing, BIT(48), false, false },
	{ "04_beyond_read", 0x04, nothing, ~0xfffull, true, false },
	{ "05_write_denied", 0x05, read_only, 0x123, false, false },
	{ "05_not_present", 0x05, nothing, 0x5123, false, false },
	{ "05_denied_above", 0x05, denied_above, 0x123, false, false },
	{ "07_not_denied", 0x07, denied_above, 0x123, true, false },
	{ "06_denied_and_reserved", 0x06, denied_and_reserved, 0x123, true, false },
	{ "0c_not_denied", 0x0c, denied_and_reserved, 0x123, false, false },
	{ "05_no_table", 0x05, no_upper, 0x123, false, false },
	{ "06_read_denied", 0x06, write_only, 0x123, true, false },
	{ "06_not_present", 0x06, nothing, 0x5123, true, false },
	{ "06_no_table", 0x06, no_upper, 0x123, true, false },
	{ "07_lower_table", 0x07, lower_nowhere, 0x123, false, false },
	{ "07_last_table", 0x07, leaf_nowhere, 0x123, true, false },
	{ "08_root_table", 0x08, root_nowhere, 0x123, false, true },
	{ "09_context_table", 0x09, context_nowhere, 0x123, true, true },
	{ "0a_root_reserved", 0x0a, root_reserved, 0x123, false, true },
	{ "0a_root_high", 0x0a, root_high, 0x123, true, true },
	{ "0b_context_reserved", 0x0b, context_reserved, 0x123, false, false },
	{ "0b_context_high", 0x0b, context_high, 0x123, true, false },
	{ "0c_entry_reserved", 0x0c, entry_reserved, 0x123, false, false },
};

static __u64 spoilt(struct guest *g, const struct reason_case *v, __u64 fpd)
{
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	set_pte(g, root, 4, 0, 0, 0x800000 | PTE_RW);
	boot(g, BOOT_ALL);
	reaches(g, DEV, 0, 0x800000);
	v->spoil(g, root, fpd);
	invalidate(g, CC_GLOBAL, 0);
	invalidate(g, IOTLB_GLOBAL, 0);
	return root;
}

TEST_EACH(reason, reason_cases)
{
	struct guest guest, *g = &guest;
	struct nyx_event e;
	struct nyx_walk w;

	spoilt(g, v, 0);
	for (int i = 0; i < 3; i++)
		refused(g, DEV, v->read, v->iova, v->reason);
	ASSERT_EQ(3, events(g, NYX_EVENT_FAULT, &e));
	ASSERT_EQ(DEV, e.fault.sbdf);
	ASSERT_EQ(v->iova, e.fault.fault.iova);
	ASSERT_EQ(v->reason, e.fault.fault.vendor);

	/* A caller that looks is told the same, and the guest nothing. */
	test_cmd(cmd_walk_device(g->fd, &w, DEV, v->read ? NYX_PROT_READ : NYX_PROT_WRITE,
				 v->iova));
	ASSERT_EQ(0, memcmp(&w.out_fault, &e.fault.fault, sizeof(w.out_fault)));
	expect_no_record(g);
	ASSERT_EQ(0, events(g, NYX_EVENT_FAULT, &e));
}

/* NYX_WALK shows the guest's tables, level by level. */
TEST_EACH(walk, shapes)
{
	const __u64 iova = v->levels == 3 ? BIT(38) : BIT(47);
	struct guest guest, *g = &guest;
	struct nyx_walk w;
	__u64 root;

	guest_open(g, .iotlb = v->iotlb, .width = v->width);
	/* Translation is off: there is no table. */
	test_cmd(cmd_walk_device(g->fd, &w, DEV, RW, 0x800123));
	ASSERT_EQ(0, w.out_levels);
	ASSERT_EQ(0, w.out_nr_steps);
	ASSERT_EQ(0x800123, w.out_gpa);
	ASSERT_EQ(NYX_FAULT_NONE, w.out_fault.reason);

	root = attach(g, DEV, DID, v->levels);
	boot(g, BOOT_ALL);
	set_pte(g, root, v->levels, iova, v->leaf, PTE_RW | (v->leaf ? PTE_PS : 0x800000));
	test_cmd(cmd_walk_device(g->fd, &w, DEV, RW, iova | 0x123));
	ASSERT_EQ(NYX_FORMAT_VTDSS, w.out_format);
	ASSERT_EQ(v->levels, w.out_levels);
	ASSERT_EQ(root, w.out_root);
	ASSERT_EQ(v->levels - v->leaf, w.out_nr_steps);
	ASSERT_EQ(root, w.out_steps[0].table);
	ASSERT_EQ(NYX_WALK_PAGE, w.out_steps[w.out_nr_steps - 1].kind);
	ASSERT_EQ(*pte(g, root, v->levels, iova, v->leaf), w.out_steps[w.out_nr_steps - 1].entry);
	ASSERT_EQ((v->leaf ? 0 : 0x800000) + 0x123, w.out_gpa);
	ASSERT_EQ(12 + 9 * v->leaf, w.out_page_size_lg2);
	ASSERT_EQ(NYX_FAULT_NONE, w.out_fault.reason);
	/* Nothing of it was cached: the table is read anew. */
	*pte(g, root, v->levels, iova, v->leaf) &= ~PTE_W;
	test_cmd(cmd_walk_device(g->fd, &w, DEV, NYX_PROT_WRITE, iova));
	ASSERT_EQ(NYX_FAULT_WRITE_DENIED, w.out_fault.reason);
	*pte(g, root, v->levels, iova, v->leaf) |= PTE_W;
	test_err(ENOENT, cmd_walk_device(g->fd, &w, DEV_ABSENT, RW, 0));
	expect_no_record(g);
}

/* FPD in the context entry, whether it is good or not: the guest is not told. */
TEST_EACH(reason_with_fpd, reason_cases)
{
	struct guest guest, *g = &guest;

	spoilt(g, v, FPD);
	if (v->early) {
		refused(g, DEV, v->read, v->iova, v->reason);
		return;
	}
	for (int i = 0; i < 12; i++) {
		ASSERT_NE(0, v->read ? peek(g, DEV, v->iova) : poke(g, DEV, v->iova));
		R32(FSTS, 0);
	}
	R32(FECTL, IM);
	/* Another device's faults are recorded. */
	refused(g, DEV2, false, 0, 0x02);
}

/*
 * Two devices of one domain, of which the first of each turn fills the cache: the other
 * hits, and FPD of one hides no fault of the other.
 */
TEST(fpd_is_of_one_device)
{
	struct nyx_unit_info info;
	struct guest guest, *g = &guest;
	__u64 root, walks;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	set_pte(g, root, 4, 0x5000, 0, 0x800000 | PTE_RW);
	set_context(g, DEV2, root | FPD | 1, 2 | DID << 8);
	boot(g, BOOT_ALL);
	for (int turn = 0; turn < 2; turn++) {
		walks = unit_stat(g->fd, NYX_STAT_WALKS);
		reaches(g, turn ? DEV2 : DEV, 0x5000, 0x800000);
		ASSERT_EQ(walks + 1, unit_stat(g->fd, NYX_STAT_WALKS));
		reaches(g, turn ? DEV : DEV2, 0x5000, 0x800000);
		ASSERT_EQ(walks + 1, unit_stat(g->fd, NYX_STAT_WALKS));
		test_cmd(cmd_unit_info(g->fd, &info));
		ASSERT_EQ(1, info.nr_domains);
		ASSERT_EQ(NYX_FAULT_NOT_PRESENT, poke(g, DEV2, 0x6000));
		expect_no_record(g);
		refused(g, DEV, false, 0x6000, 0x05);
		invalidate(g, CC_GLOBAL, 0);
		invalidate(g, IOTLB_GLOBAL, 0);
	}
	/* The bit is read anew with the entry. */
	set_context(g, DEV2, root | 1, 2 | DID << 8);
	ASSERT_EQ(NYX_FAULT_NOT_PRESENT, poke(g, DEV, 0x6000));
	expect_record(g, DEV, 0x05, false, 0x6000);
	invalidate(g, CC_DEVICE(DID, DEV2, 0), 0);
	refused(g, DEV2, false, 0x6000, 0x05);
}

/* The host sees faults that the guest does not. */
TEST(beyond_the_iommu)
{
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	set_pte(g, root, 4, 0x5000, 0, NOWHERE | PTE_RW);
	set_context(g, DEV2, 2 << 2 | 1, 2 | 8 << 8);
	boot(g, BOOT_ALL);
	ASSERT_EQ(NYX_FAULT_NO_MEMORY, poke(g, DEV, 0x5000));
	ASSERT_EQ(NYX_FAULT_NO_MEMORY, poke(g, DEV2, NOWHERE));
	expect_no_record(g);
}

/* Tables of scalable mode, which there is not; and back. */
TEST(table_type)
{
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	set_pte(g, root, 4, 0x5000, 0, 0x800000 | PTE_RW);
	boot(g, BOOT_ALL);
	for (__u64 ttm = 1; ttm < 4; ttm++) {
		W64(RTADDR, AT_ROOT | ttm << 10);
		reaches(g, DEV, 0x5000, 0x800000);	/* not yet */
		command(g, G_RTP, 0);
		refused(g, DEV, false, 0x5000, 0x33);
		refused(g, DEV, true, 0x5000, 0x33);
		W64(RTADDR, AT_ROOT);
		command(g, G_RTP, 0);
		reaches(g, DEV, 0x5000, 0x800000);
	}
}

/* Nothing is written where interrupt messages go, whatever the table says. */
TEST(interrupt_range)
{
	const __u64 behind = 0xfef00000;
	struct guest guest, *g = &guest;
	unsigned char *page = map_aligned(SZ_1M, SZ_1M, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1);
	__u64 root;

	guest_open(g);
	/* A VMM that has memory there, too. */
	test_cmd(cmd_memory_add(g->fd, 0, 0xfee00000, SZ_4K, page));
	test_cmd(cmd_memory_add(g->fd, 0, behind, SZ_4K, page + SZ_4K));
	root = attach(g, DEV, DID, 4);
	/* As output, by a small page and by a large one */
	set_pte(g, root, 4, 0x5000, 0, 0xfee00000 | PTE_RW);
	set_pte(g, root, 4, SZ_1G, 1, 0xfee00000 | PTE_PS | PTE_RW);
	/* As input, likewise */
	set_pte(g, root, 4, 0xfee00000, 0, 0x800000 | PTE_RW);
	set_pte(g, root, 4, 0xfef00000, 0, 0x900000 | PTE_RW);
	boot(g, BOOT_ALL);
	for (int i = 0; i < 2; i++) {
		/* The rest of the large page works; the interrupt range does not. */
		ASSERT_EQ(0, poke(g, DEV, SZ_1G + SZ_1M + 8));
		ASSERT_NE(0, page[SZ_4K + 8]);
		refused(g, DEV, false, 0x5123, 0x0e);
		refused(g, DEV, true, 0x5123, 0x0e);
		refused(g, DEV, false, SZ_1G, 0x0e);
		refused(g, DEV, true, SZ_1G + SZ_1M - 1, 0x0e);
		ASSERT_EQ(NYX_FAULT_INTERRUPT_RANGE, poke(g, DEV, 0xfee00000));
		ASSERT_EQ(NYX_FAULT_INTERRUPT_RANGE, peek(g, DEV, 0xfee00fff));
		expect_no_record(g);
		reaches(g, DEV, 0xfef00000, 0x900000);
	}
	ASSERT_FILLED(page, 0, SZ_4K);
	/* A large page on both sides */
	words(g, root)[0] = 0;
	set_pte(g, root, 4, SZ_1G * 3ull, 2, PTE_PS | PTE_RW);
	invalidate(g, IOTLB_GLOBAL, 0);
	reaches(g, DEV, 3ull * SZ_1G + 0x812345, 0x812345);
	reaches(g, DEV, 3ull * SZ_1G + 0x912345, 0x912345);
	ASSERT_EQ(NYX_FAULT_INTERRUPT_RANGE, poke(g, DEV, 0xfee12345));
	expect_no_record(g);
}

/* More tables of one domain than a guest can have a use for. */
TEST(tables_without_end)
{
	struct guest guest, *g = &guest;
	unsigned int refusals = 0;

	guest_open(g);
	boot(g, BOOT_ALL);
	for (unsigned int i = 0; i < 600; i++) {
		set_context(g, DEV, (AT_DATA + i * SZ_4K) | 1, 2 | DID << 8);
		put(g, CC_GLOBAL, 0);	/* without a wait */
		submit(g);
		if (peek(g, DEV, 0x5000) == NYX_FAULT_NO_DOMAIN) {
			refusals++;
			expect_no_record(g);
		} else {
			expect_record(g, DEV, 0x06, true, 0x5000);
		}
	}
	ASSERT_GT(refusals, 0);
	settle(g);
	refused(g, DEV, true, 0x5000, 0x06);
}

/* Memory that goes, under data and under each table, and comes back. */
static const struct beneath_case {
	const char *name;
	__u64 gpa;
	__u8 reason;	/* 0: none for the guest */
} beneath_cases[] = {
	{ "data", 0x2c00000, 0 },
	{ "leaf_table", 0x2c01000, 0x07 },
	{ "middle_table", 0x2c02000, 0x07 },
	{ "upper_table", 0x2c03000, 0x07 },
	{ "top_table", 0x2c04000, 0x03 },
	{ "context_table", 0x2c05000, 0x09 },
	{ "root_table", 0x2c06000, 0x08 },
};

TEST_EACH(memory_goes, beneath_cases)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	/* The memory of the guest in two parts, and seven pages on their own. */
	test_cmd(cmd_memory_remove(g->fd, 0, GUEST_RAM));
	test_cmd(cmd_memory_add(g->fd, 0, 0, 0x2c00000, g->ram));
	for (__u64 at = 0x2c00000; at < 0x2c07000; at += SZ_4K)
		test_cmd(cmd_memory_add(g->fd, 0, at, SZ_4K, g->ram + at));
	*words(g, 0x2c01000) = 0x2c00000 | PTE_RW;
	*words(g, 0x2c02000) = 0x2c01000 | PTE_RW;
	*words(g, 0x2c03000) = 0x2c02000 | PTE_RW;
	*words(g, 0x2c04000) = 0x2c03000 | PTE_RW;
	words(g, 0x2c05000)[2 * DEV] = 0x2c04000 | 1;
	words(g, 0x2c05000)[2 * DEV + 1] = 2 | DID << 8;
	*words(g, 0x2c06000) = 0x2c05000 | 1;
	boot(g, BOOT_QUEUE);
	W64(RTADDR, 0x2c06000);
	command(g, G_RTP, 0);
	command(g, G_TE, 0);
	reaches(g, DEV, 0x123, 0x2c00123);
	test_cmd(cmd_memory_remove(g->fd, v->gpa, SZ_4K));
	if (v->gpa != 0x2c00000)
		reaches(g, DEV, 0x123, 0x2c00123);	/* all is cached */
	invalidate(g, CC_GLOBAL, 0);
	invalidate(g, IOTLB_GLOBAL, 0);
	if (v->reason) {
		refused(g, DEV, false, 0x123, v->reason);
	} else {
		ASSERT_EQ(NYX_FAULT_NO_MEMORY, poke(g, DEV, 0x123));
		expect_no_record(g);
	}
	test_cmd(cmd_memory_add(g->fd, 0, v->gpa, SZ_4K, g->ram + v->gpa));
	reaches(g, DEV, 0x123, 0x2c00123);
}

/* ---- what is cached, and what ends it ---- */

/* Queue, or register. */
#define BY_QUEUE	false
#define BY_REGISTER	true

/**
 * struct flush_case - an invalidation
 * @name: name
 * @by_register: CCMD or IOTLB instead of the queue
 * @lo: the descriptor
 * @hi: its high word
 * @reg: the register's value
 * @hits: DEV is meant
 */
static const struct flush_case {
	const char *name;
	bool by_register;
	__u64 lo, hi;
	__u64 reg;
	bool hits;
} context_flushes[] = {
	{ "global", BY_QUEUE, CC_GLOBAL, 0, 0, true },
	{ "domain", BY_QUEUE, CC_DOMAIN(DID), 0, 0, true },
	{ "other_domain", BY_QUEUE, CC_DOMAIN(DID + 1), 0, 0, false },
	{ "device", BY_QUEUE, CC_DEVICE(DID, DEV, 0), 0, 0, true },
	{ "device_domain_0", BY_QUEUE, CC_DEVICE(0, DEV, 0), 0, 0, true },
	{ "other_device", BY_QUEUE, CC_DEVICE(DID, DEV2, 0), 0, 0, false },
	{ "other_bus", BY_QUEUE, CC_DEVICE(DID, DEV | 0x100, 3), 0, 0, false },
	{ "other_function", BY_QUEUE, CC_DEVICE(DID, DEV | 1, 0), 0, 0, false },
	{ "function_masked_3", BY_QUEUE, CC_DEVICE(DID, DEV | 7, 3), 0, 0, true },
	{ "function_masked_2", BY_QUEUE, CC_DEVICE(DID, DEV | 6, 2), 0, 0, true },
	{ "function_masked_1", BY_QUEUE, CC_DEVICE(DID, DEV | 4, 1), 0, 0, true },
	{ "function_not_masked_2", BY_QUEUE, CC_DEVICE(DID, DEV | 1, 2), 0, 0, false },
	{ "function_not_masked_1", BY_QUEUE, CC_DEVICE(DID, DEV | 2, 1), 0, 0, false },
	{ "register_global", BY_REGISTER, 0, 0, BIT(63) | 1ull << 61, true },
	{ "register_domain", BY_REGISTER, 0, 0, BIT(63) | 2ull << 61 | DID, true },
	{ "register_other_domain", BY_REGISTER, 0, 0, BIT(63) | 2ull << 61 | 8, false },
	{ "register_device", BY_REGISTER, 0, 0, BIT(63) | 3ull << 61 | DEV << 16 | DID, true },
	{ "register_other_device", BY_REGISTER, 0, 0,
	  BIT(63) | 3ull << 61 | DEV2 << 16 | DID, false },
	{ "register_function", BY_REGISTER, 0, 0,
	  BIT(63) | 3ull << 61 | 3ull << 32 | (DEV + 5) << 16, true },
};

TEST_EACH(context_is_cached, context_flushes)
{
	struct guest guest, *g = &guest;
	__u64 a, b;

	guest_open(g);
	a = attach(g, DEV, DID, 4);
	set_pte(g, a, 4, 0x5000, 0, 0x800000 | PTE_RW);
	boot(g, v->by_register ? BOOT_DMA : BOOT_ALL);
	reaches(g, DEV, 0x5000, 0x800000);
	/* Another table, without an invalidation. */
	b = new_table(g);
	set_pte(g, b, 3, 0x5000, 0, 0x810000 | PTE_RW);
	set_context(g, DEV, b | 1, 1 | 9 << 8);
	reaches(g, DEV, 0x5000, 0x800000);
	if (v->by_register) {
		W64(CCMD, v->reg);
		ASSERT_EQ(0, r64(g, CCMD) >> 63);
	} else {
		invalidate(g, v->lo, v->hi);
	}
	reaches(g, DEV, 0x5000, v->hits ? 0x810000 : 0x800000);
	if (!v->hits)
		return;
	/* Not present is not cached: what appears is seen at once. */
	set_context(g, DEV, 0, 0);
	if (v->by_register)
		W64(CCMD, BIT(63) | 1ull << 61);
	else
		invalidate(g, CC_GLOBAL, 0);
	refused(g, DEV, false, 0x5000, 0x02);
	set_context(g, DEV, a | 1, 2 | DID << 8);
	reaches(g, DEV, 0x5000, 0x800000);
}

#define IOTLB_CMD(g, did)	(BIT(63) | (__u64)(g) << 60 | 3ull << 48 | (__u64)(did) << 32)

/* @hi is IVA for registers. The page is that of 0x345000. */
static const struct flush_case iotlb_flushes[] = {
	{ "global", BY_QUEUE, IOTLB_GLOBAL, 0, 0, true },
	{ "domain", BY_QUEUE, IOTLB_DOMAIN(DID), 0, 0, true },
	{ "other_domain", BY_QUEUE, IOTLB_DOMAIN(DID + 1), 0, 0, false },
	{ "page", BY_QUEUE, IOTLB_PAGE(DID), 0x345000, 0, true },
	{ "page_hint", BY_QUEUE, IOTLB_PAGE(DID), 0x345040, 0, true },
	{ "page_no_drain", BY_QUEUE, IOTLB_PAGE(DID) & ~0xc0ull, 0x345000, 0, true },
	{ "other_page", BY_QUEUE, IOTLB_PAGE(DID), 0x346000, 0, false },
	{ "page_of_other_domain", BY_QUEUE, IOTLB_PAGE(DID + 1), 0x345000, 0, false },
	{ "pages_2", BY_QUEUE, IOTLB_PAGE(DID), 0x344001, 0, true },
	{ "pages_2_unaligned", BY_QUEUE, IOTLB_PAGE(DID), 0x345001, 0, true },
	{ "pages_16", BY_QUEUE, IOTLB_PAGE(DID), 0x340004, 0, true },
	{ "pages_512", BY_QUEUE, IOTLB_PAGE(DID), 0x200009, 0, true },
	{ "pages_1g", BY_QUEUE, IOTLB_PAGE(DID), 18, 0, true },
	{ "pages_too_many", BY_QUEUE, IOTLB_PAGE(DID), 0xfff00003f, 0, true },
	{ "register_global", BY_REGISTER, 0, 0, IOTLB_CMD(1, 0), true },
	{ "register_domain", BY_REGISTER, 0, 0, IOTLB_CMD(2, DID), true },
	{ "register_other_domain", BY_REGISTER, 0, 0, IOTLB_CMD(2, DID + 1), false },
	{ "register_page", BY_REGISTER, 0, 0x345000, IOTLB_CMD(3, DID), true },
	{ "register_pages", BY_REGISTER, 0, 0x340003, IOTLB_CMD(3, DID), true },
	{ "register_other_page", BY_REGISTER, 0, 0x344000, IOTLB_CMD(3, DID), false },
};

static void flush(struct guest *g, const struct flush_case *v)
{
	if (!v->by_register) {
		invalidate(g, v->lo, v->hi);
		return;
	}
	W64(IVA, v->hi);
	W64(IOTLB, v->reg);
	ASSERT_EQ(0, r64(g, IOTLB) >> 63);
}

TEST_EACH(translation_is_cached, iotlb_flushes)
{
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	set_pte(g, root, 4, 0x345000, 0, 0x800000 | PTE_RW);
	boot(g, v->by_register ? BOOT_DMA : BOOT_ALL);
	reaches(g, DEV, 0x345000, 0x800000);
	set_pte(g, root, 4, 0x345000, 0, 0x810000 | PTE_RW);
	reaches(g, DEV, 0x345000, 0x800000);
	flush(g, v);
	reaches(g, DEV, 0x345000, v->hits ? 0x810000 : 0x800000);
	if (!v->hits)
		return;
	set_pte(g, root, 4, 0x345000, 0, 0);
	writes_to(g, DEV, 0x345000, 0x810000);
	flush(g, v);
	refused(g, DEV, false, 0x345000, 0x05);
	/* Not present is not cached. */
	set_pte(g, root, 4, 0x345000, 0, 0x820000 | PTE_RW);
	reaches(g, DEV, 0x345000, 0x820000);
	/* Nor is less permission than there is: what is missing is looked up again. */
	set_pte(g, root, 4, 0x345000, 0, 0x820000 | PTE_R);
	flush(g, v);
	ASSERT_EQ(0, peek(g, DEV, 0x345000));
	refused(g, DEV, false, 0x345000, 0x05);
	set_pte(g, root, 4, 0x345000, 0, 0x820000 | PTE_RW);
	reaches(g, DEV, 0x345000, 0x820000);
}

/* A large page goes with any page in it, wherever it was accessed. */
static const struct super_case {
	const char *name;
	unsigned int leaf;
	__u64 hi;
} super_cases[] = {
	{ "2m_first", 1, 0 }, { "2m_inside", 1, 0x123000 }, { "2m_last", 1, 0x1ff000 },
	{ "2m_hint", 1, 0x123040 }, { "2m_64k", 1, 0x1f0004 }, { "2m_whole", 1, 9 },
	{ "2m_more", 1, 12 },
	{ "1g_first", 2, 0 }, { "1g_inside", 2, 0x12345000 }, { "1g_last", 2, 0x3ffff000 },
	{ "1g_2m", 2, 0x3f200009 }, { "1g_whole", 2, 18 },
};

TEST_EACH(large_page_is_intersected, super_cases)
{
	const __u64 size = 4096ull << 9 * v->leaf, base = 4 * SZ_1G;
	const __u64 at[] = { 0, 0x1000, 0x123000, 0x1fe000, size - SZ_4K };
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	set_pte(g, root, 4, base, v->leaf, (v->leaf == 2 ? 0 : 0x800000) | PTE_PS | PTE_RW);
	boot(g, BOOT_ALL);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		if (at[i] < 0x2000000)
			ASSERT_EQ(0, peek(g, DEV, base + at[i]));
	set_pte(g, root, 4, base, v->leaf, 0);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		if (at[i] < 0x2000000)
			ASSERT_EQ(0, peek(g, DEV, base + at[i]));
	invalidate(g, IOTLB_PAGE(DID), base | v->hi);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		refused(g, DEV, true, base + at[i], 0x06);
}

/* Turning translation off and on forgets all, whatever the guest flushes. */
TEST(translation_off_and_on)
{
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	set_pte(g, root, 4, 0x5000, 0, 0x800000 | PTE_RW);
	boot(g, BOOT_ALL);
	for (int i = 0; i < 5; i++) {
		reaches(g, DEV, 0x5000, 0x800000);
		command(g, 0, G_TE);
		reaches(g, DEV, 0x5000, 0x5000);
		command(g, G_TE, 0);
	}
	reaches(g, DEV, 0x5000, 0x800000);
}

/* A guest makes and drops domains for ever: no limit is ever reached. */
TEST(domains_come_and_go)
{
	struct nyx_unit_info info;
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	set_pte(g, root, 4, 0x5000, 0, 0x800000 | PTE_RW);
	boot(g, BOOT_ALL);
	for (unsigned int i = 0; i < ktap_iterations(2000); i++) {
		set_context(g, DEV, root | 1, 2 | (i & 0xffff) << 8);
		/* Also with ids that stay, and tables that do not. */
		set_context(g, DEV2, (i & 1 ? root : AT_DATA + i * SZ_4K) | 1, 2 | 3 << 8);
		put(g, CC_GLOBAL, 0);
		settle(g);
		ASSERT_EQ(0, poke(g, DEV, 0x5000));
		poke(g, DEV2, 0x5000);
	}
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_LE(info.nr_domains, 4);
}

/* The domain of a removed device goes with it, and leaves what it has counted. */
TEST(removed_device_takes_its_domain)
{
	struct nyx_unit_info info;
	struct guest guest, *g = &guest;
	__u64 root, faults;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	set_context(g, DEV2, root | 1, 2 | DID << 8);
	set_pte(g, root, 4, 0x5000, 0, AT_DATA | PTE_RW);
	boot(g, BOOT_ALL);
	/* With another device in it the domain stays. */
	reaches(g, DEV, 0x5000, AT_DATA);
	reaches(g, DEV2, 0x5000, AT_DATA);
	ASSERT_NE(0, poke(g, DEV2, 0x6000));
	faults = unit_stat(g->fd, NYX_STAT_FAULTS);
	ASSERT_NE(0, faults);
	test_cmd(cmd_device_remove(g->fd, DEV));
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(1, info.nr_domains);
	reaches(g, DEV2, 0x5000, AT_DATA);
	test_cmd(cmd_device_remove(g->fd, DEV2));
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(0, info.nr_domains);
	ASSERT_EQ(faults, info.fault_events);
	ASSERT_EQ(faults, unit_stat(g->fd, NYX_STAT_FAULTS));
	/* It comes again with the device. */
	test_cmd(cmd_device_add(g->fd, DEV));
	reaches(g, DEV, 0x5000, AT_DATA);
	/* One that the guest has invalidated, without a wait. */
	put(g, CC_GLOBAL, 0);
	submit(g);
	test_cmd(cmd_device_remove(g->fd, DEV));
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(0, info.nr_domains);
	settle(g);
}

/* ---- accesses under way ---- */

/**
 * struct held - a DMA that is held up in guest memory
 * @g: the guest
 * @stall: where
 * @ret: of the DMA
 * @c: the DMA
 * @tid: of the thread that waits for it
 * @let_go: the DMA may go on
 * @early: the other came back before that
 * @act: what the other does
 */
struct held {
	struct guest *g;
	struct stall stall;
	int ret;
	struct nyx_dma c;
	pid_t tid;
	bool let_go;
	bool early;
	void (*act)(struct guest *g);
};

static void *held_dma(void *arg)
{
	static unsigned char buf[2 * SZ_4K];
	struct held *h = arg;

	h->ret = cmd_dma_write(h->g->fd, &h->c, DEV, 0x5000, buf, sizeof(buf));
	return NULL;
}

static void *held_act(void *arg)
{
	struct held *h = arg;

	__atomic_store_n(&h->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	h->act(h->g);
	h->early = !__atomic_load_n(&h->let_go, __ATOMIC_SEQ_CST);
	return NULL;
}

static void act_iotlb(struct guest *g)
{
	put(g, IOTLB_PAGE(DID), 0x5000);
	put(g, WAIT_SW | 1ull << 32, AT_STATUS);
	submit(g);
}

static void act_context(struct guest *g)
{
	put(g, CC_DEVICE(DID, DEV, 0), 0);
	put(g, WAIT_SW | 1ull << 32, AT_STATUS);
	submit(g);
}

static void act_register(struct guest *g)
{
	W64(IOTLB, IOTLB_CMD(1, 0));
}

static void act_root(struct guest *g)
{
	command(g, G_RTP, 0);
}

static void act_off(struct guest *g)
{
	command(g, 0, G_TE);
}

static void act_reset(struct guest *g)
{
	struct nyx_unit_reset reset = { .size = sizeof(reset) };

	test_cmd(nyx_cmd(g->fd, NYX_UNIT_RESET, &reset));
}

/* The guest invalidates without a wait; a command that frees something waits nevertheless. */
static void act_remove_device(struct guest *g)
{
	put(g, CC_GLOBAL, 0);
	submit(g);
	test_cmd(cmd_device_remove(g->fd, DEV));
}

static void act_claim(struct guest *g)
{
	struct nyx_device_control c = {
		.size = sizeof(c), .sbdf = DEV, .action = NYX_DEVICE_DO_QUARANTINE,
	};

	test_cmd(nyx_cmd(g->fd, NYX_DEVICE_CONTROL, &c));
}

static void act_quarantine(struct guest *g)
{
	put(g, CC_GLOBAL, 0);
	submit(g);
	act_claim(g);
}

static void act_remove_memory(struct guest *g)
{
	put(g, CC_GLOBAL, 0);
	submit(g);
	test_cmd(cmd_memory_remove(g->fd, 0, GUEST_RAM));
}

static const struct held_case {
	const char *name;
	void (*act)(struct guest *g);
} held_cases[] = {
	{ "iotlb", act_iotlb },
	{ "context", act_context },
	{ "register", act_register },
	{ "root", act_root },
	{ "translation_off", act_off },
	{ "reset", act_reset },
	{ "device_remove", act_remove_device },
	{ "quarantine", act_quarantine },
	{ "memory_remove", act_remove_memory },
};

TEST_EACH(waits_for_access, held_cases)
{
	struct guest guest, *g = &guest;
	struct held h = { .g = g, .act = v->act };
	pthread_t dma, act;
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	set_pte(g, root, 4, 0x5000, 0, 0x800000 | PTE_RW);
	set_pte(g, root, 4, 0x6000, 0, 0x801000 | PTE_RW);
	boot(g, BOOT_ALL);
	stall_arm(&h.stall, g->ram + 0x800000, SZ_4K);
	dma = thread_start(held_dma, &h);
	stall_wait(&h.stall);
	act = thread_start(held_act, &h);
	while (!__atomic_load_n(&h.tid, __ATOMIC_ACQUIRE))
		sched_yield();
	wait_asleep(h.tid);
	if (v->act == act_iotlb)
		ASSERT_EQ(0, load32(g, AT_STATUS));
	__atomic_store_n(&h.let_go, true, __ATOMIC_SEQ_CST);
	stall_release(&h.stall, 0);
	pthread_join(act, NULL);
	pthread_join(dma, NULL);
	if (h.early)
		FAIL("it did not wait");
	test_cmd(h.ret);
	ASSERT_GE(h.c.out_done, SZ_4K);
}

static int do_remove(void *arg)
{
	struct guest *g = arg;

	return cmd_device_remove(g->fd, DEV);
}

/* The removal is killed while the access is in the domain; the next one is not. */
TEST(domain_goes_after_a_killed_removal)
{
	struct guest guest, *g = &guest;
	struct held h = { .g = g };
	struct nyx_device_info dev;
	struct nyx_unit_info info;
	struct caller again;
	pthread_t dma;
	pid_t pid;

	guest_open(g);
	set_pte(g, attach(g, DEV, DID, 4), 4, 0x5000, 0, 0x800000 | PTE_RW);
	boot(g, BOOT_ALL);
	stall_arm(&h.stall, g->ram + 0x800000, SZ_4K);
	dma = thread_start(held_dma, &h);
	stall_wait(&h.stall);
	pid = caller_fork(do_remove, g);
	do {
		device_info(g->fd, DEV, &dev);
	} while (dev.domain_id);
	caller_kill(pid);
	caller_start(&again, do_remove, g);
	ASSERT_TRUE(caller_waits(&again));
	stall_release(&h.stall, 0);
	test_cmd(caller_end(&again));
	pthread_join(dma, NULL);
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(0, info.nr_domains);
}

/* The guest forgets contexts while a device is claimed by another command. */
TEST(forgets_devices_in_use)
{
	struct nyx_device_control c = {
		.size = sizeof(c), .sbdf = DEV, .action = NYX_DEVICE_DO_RESET,
	};
	struct guest guest, *g = &guest;
	struct held h = { .g = g, .act = act_claim };
	pthread_t dma, act;
	__u64 a, b;

	guest_open(g);
	a = attach(g, DEV, DID, 4);
	b = attach(g, DEV2, 9, 4);
	set_pte(g, a, 4, 0x5000, 0, 0x800000 | PTE_RW);
	set_pte(g, a, 4, 0x6000, 0, 0x801000 | PTE_RW);
	set_pte(g, b, 4, 0x5000, 0, 0x810000 | PTE_RW);
	boot(g, BOOT_ALL);
	stall_arm(&h.stall, g->ram + 0x800000, SZ_4K);
	dma = thread_start(held_dma, &h);
	stall_wait(&h.stall);
	/* This one holds the device until the access has ended. */
	act = thread_start(held_act, &h);
	while (!__atomic_load_n(&h.tid, __ATOMIC_ACQUIRE))
		sched_yield();
	wait_asleep(h.tid);
	words(g, AT_CTX)[2 * DEV] = b | 1;
	words(g, AT_CTX)[2 * DEV + 1] = 2 | 9 << 8;
	put(g, CC_GLOBAL, 0);
	submit(g);
	__atomic_store_n(&h.let_go, true, __ATOMIC_SEQ_CST);
	stall_release(&h.stall, 0);
	pthread_join(act, NULL);
	pthread_join(dma, NULL);
	settle(g);
	test_cmd(nyx_cmd(g->fd, NYX_DEVICE_CONTROL, &c));
	reaches(g, DEV, 0x5000, 0x810000);
}

/* ---- races: what was taken away is not touched any more ---- */

struct race {
	struct guest *g;
	unsigned long done;
	unsigned long no;
	bool stop;
};

static void *racer(void *arg)
{
	struct race *r = arg;
	static unsigned char buf[SZ_4K];
	struct nyx_dma c;

	memset(buf, 0xdd, sizeof(buf));
	for (unsigned int i = 0; !__atomic_load_n(&r->stop, __ATOMIC_RELAXED); i++) {
		test_cmd(cmd_dma_write(r->g->fd, &c, DEV, 0x5000, buf, i & 1 ? 64 : SZ_4K));
		__atomic_add_fetch(c.out_fault.reason ? &r->no : &r->done, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void racer_goes_on(struct race *r)
{
	unsigned long done = __atomic_load_n(&r->done, __ATOMIC_SEQ_CST);

	for (int i = 0; i < 20000; i++) {
		if (__atomic_load_n(&r->done, __ATOMIC_SEQ_CST) > done + 1)
			return;
		sched_yield();
	}
}

static const struct race_case {
	const char *name;
	bool context;	/* the context changes, not the entry */
	bool global;
	bool by_register;
	bool large;
	__u32 iotlb;
} race_cases[] = {
	{ "page", false, false, false, false, 0 },
	{ "domain", false, true, false, false, 0 },
	{ "page_no_iotlb", false, false, false, false, ENV_IOTLB_OFF },
	{ "large_page", false, false, false, true, 0 },
	{ "register", false, true, true, false, 0 },
	{ "context", true, false, false, false, 0 },
	{ "context_global", true, true, false, false, 0 },
	{ "context_register", true, true, true, false, 0 },
};

TEST_EACH(no_access_after_the_wait, race_cases)
{
	const __u64 page[2] = { 0x800000, 0xa00000 };
	struct guest guest, *g = &guest;
	struct race r[2] = { { .g = g }, { .g = g } };
	pthread_t t[2];
	__u64 root[2];

	guest_open(g, .iotlb = v->iotlb, .faults = 1);
	for (int i = 0; i < 2; i++) {
		root[i] = new_table(g);
		if (v->large)
			set_pte(g, root[i], 4, 0, 1, page[i] | PTE_PS | PTE_RW);
		else
			set_pte(g, root[i], 4, 0x5000, 0, (page[i] + 0x5000) | PTE_RW);
	}
	set_context(g, DEV, root[0] | 1, 2 | DID << 8);
	boot(g, v->by_register ? BOOT_DMA : BOOT_ALL);
	for (int i = 0; i < 2; i++)
		t[i] = thread_start(racer, &r[i]);
	for (unsigned long i = 0; i < ktap_iterations(150); i++) {
		const __u64 old = page[i & 1], new = page[~i & 1];
		__u64 *entry, value;

		racer_goes_on(&r[0]);
		if (v->context) {
			/* As the driver: the pointer is one word. */
			entry = words(g, AT_CTX) + 2 * DEV;
			__atomic_store_n(entry, root[~i & 1] | 1, __ATOMIC_SEQ_CST);
			if (v->by_register)
				W64(CCMD, BIT(63) | 1ull << 61);
			else
				invalidate(g, v->global ? CC_GLOBAL : CC_DEVICE(DID, DEV, 0), 0);
		} else if (v->large) {
			entry = pte(g, root[0], 4, 0x5000, 1);
			__atomic_store_n(entry, new | PTE_PS | PTE_RW, __ATOMIC_SEQ_CST);
			invalidate(g, IOTLB_PAGE(DID), 0x1ff000);
		} else {
			entry = pte(g, root[0], 4, 0x5000, 0);
			value = (new + 0x5000) | PTE_RW;
			/* Now and then a while of faults. */
			__atomic_store_n(entry, i & 2 ? 0 : value, __ATOMIC_SEQ_CST);
			if (v->by_register)
				W64(IOTLB, IOTLB_CMD(2, DID));
			else
				invalidate(g, v->global ? IOTLB_DOMAIN(DID) : IOTLB_PAGE(DID),
					   v->global ? 0 : 0x5000);
			__atomic_store_n(entry, value, __ATOMIC_SEQ_CST);
		}
		/* The page belongs to another user from here on. */
		memset(g->ram + old + 0x5000, 0x11 + (i & 0x3f), SZ_4K);
		racer_goes_on(&r[1]);
		ASSERT_FILLED(g->ram + old + 0x5000, 0x11 + (i & 0x3f), SZ_4K);
	}
	for (int i = 0; i < 2; i++)
		__atomic_store_n(&r[i].stop, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ASSERT_GT(r[0].done + r[1].done, 0);
	if (v->context || v->large)
		ASSERT_EQ(0, r[0].no + r[1].no);
}
