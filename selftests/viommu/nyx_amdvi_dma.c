// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: AMD-Vi units: device table entries, host page tables,
 * invalidation, the exclusion range, and what is logged of accesses.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "amdvi_guest.h"

static void set_dte(struct guest *g, __u32 sbdf, __u64 q0, __u64 q1)
{
	dte(g, sbdf)[1] = q1;
	dte(g, sbdf)[0] = q0;
	invalidate(g, CMD_DTE(sbdf), 0);
}

/* Refused, with an address of its own in the event. */
static void refused_at(struct guest *g, __u32 sbdf, bool read, __u64 iova, __u16 did,
		       __u16 code, __u64 address)
{
	expect_no_event(g);
	ASSERT_NE(0, read ? peek(g, sbdf, iova) : poke(g, sbdf, iova));
	expect_event(g, sbdf, did, code | (read ? 0 : E_RW), address);
}

/* ---- device table entries ---- */

TEST(off_and_not_valid)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	reaches(g, DEV, AT_DATA, AT_DATA);
	boot(g, BOOT_XT);
	reaches(g, DEV, AT_DATA, AT_DATA);
	/* V=0: no other bit means anything. */
	set_dte(g, DEV, ~0ull & ~D_V, ~0ull);
	reaches(g, DEV, AT_DATA + 0xff8, AT_DATA + 0xff8);
	/* Beyond memory a bus would not answer; the unit reports no fault. */
	refused_quietly(g, DEV, true, NOWHERE);
	refused_quietly(g, DEV, false, ~0ull);
	set_dte(g, DEV, D_V, DID);
	refused(g, DEV, false, AT_DATA, DID, E_FAULT);
	control(g, 0, C_IOMMU);
	reaches(g, DEV, AT_DATA, AT_DATA);
	control(g, C_IOMMU, 0);
	refused(g, DEV, true, AT_DATA, DID, E_FAULT);
}

/* No table: addresses pass, as far as IR and IW allow. */
static const struct perm_case {
	const char *name;
	__u64 perm;
	bool read;
	bool write;
} perm_cases[] = {
	{ "none", 0, false, false },
	{ "read", BIT(61), true, false },
	{ "write", BIT(62), false, true },
	{ "both", BIT(61) | BIT(62), true, true },
};

static void check_perm(struct guest *g, const struct perm_case *v, __u64 iova)
{
	if (v->read)
		ASSERT_EQ(0, peek(g, DEV, iova));
	else
		refused(g, DEV, true, iova, DID, E_FAULT | E_PR | E_PE);
	if (v->write)
		ASSERT_EQ(0, poke(g, DEV, iova));
	else
		refused(g, DEV, false, iova, DID, E_FAULT | E_PR | E_PE);
}

TEST_EACH(mode_0, perm_cases)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	set_dte(g, DEV, D_V | D_TV | v->perm, DID);
	check_perm(g, v, AT_DATA);
	if (!v->read || !v->write)
		return;
	/* Addresses beyond memory lead to no memory. */
	refused_quietly(g, DEV, true, NOWHERE);
	refused_quietly(g, DEV, false, ~0ull);
}

/* Each level of a table, and the entry of the device, have a say. */
TEST_EACH(permission, perm_cases)
{
	struct guest guest, *g = &guest;
	__u64 root, *entry;

	guest_open(g);
	boot(g, BOOT_XT);
	for (unsigned int level = 1; level <= 5; level++) {
		ktap_note("level %u", level);
		root = attach(g, DEV, DID, 4);
		set_pte(g, root, 4, 0x1000, 1, AT_DATA | P_RW);
		entry = level == 5 ? dte(g, DEV) : pte(g, root, 4, 0x1000, level);
		*entry = (*entry & ~D_RW) | v->perm;
		invalidate(g, CMD_DTE(DEV), 0);
		check_perm(g, v, 0x1000);
		/* Once more, from the cache. */
		check_perm(g, v, 0x1000);
	}
}

TEST(dte_reserved)
{
	const __u64 bad0 = 0x9ff00000000001fcull, bad1 = BIT(42);
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	for (unsigned int bit = 0; bit < 64; bit++) {
		__u64 root = AT_TABLES;

		ktap_note("bit %u", bit);
		if (bad0 & BIT(bit)) {
			set_dte(g, DEV, D_V | D_TV | D_MODE(3) | D_RW | root | BIT(bit), DID);
			refused(g, DEV, bit & 1, 0x1000, 0, E_DTE | E_RZ);
		}
		if (bit == 33 || bit == 34)
			continue;	/* no events */
		set_dte(g, DEV, D_V | D_TV, bit < 16 ? 0 : BIT(bit));
		if (bad1 & BIT(bit))
			refused(g, DEV, bit & 1, 0x1000, 0, E_DTE | E_RZ);
		else
			refused(g, DEV, bit & 1, 0x1000, 0, E_FAULT | E_PR | E_PE);
	}
}

static const struct mode_case {
	const char *name;
	__u32 width;
	unsigned int max;
} mode_cases[] = {
	{ "width_48", 48, 4 }, { "width_57", 57, 5 }, { "width_64", 64, 6 },
};

TEST_EACH(modes, mode_cases)
{
	struct guest guest, *g = &guest;

	guest_open(g, .width = v->width);
	boot(g, BOOT_XT);
	for (unsigned int mode = 1; mode <= 7; mode++) {
		unsigned int bits = mode == 6 ? 64 : 12 + 9 * mode;
		__u64 root, top = mode == 6 ? ~0xfffull : BIT(bits) - SZ_4K;

		ktap_note("mode %u", mode);
		root = attach(g, DEV, DID, mode);
		if (mode > v->max) {
			invalidate(g, CMD_DTE(DEV), 0);
			refused(g, DEV, true, 0x1000, 0 + DID, E_DTE);
			continue;
		}
		set_pte(g, root, mode, 0, 1, AT_DATA | P_RW);
		set_pte(g, root, mode, top, 1, (AT_DATA + SZ_4K) | P_RW);
		invalidate(g, CMD_DTE(DEV), 0);
		reaches(g, DEV, 0, AT_DATA);
		reaches(g, DEV, top + 8, AT_DATA + SZ_4K + 8);
		if (mode == 6)
			continue;
		refused(g, DEV, true, BIT(bits), DID, E_FAULT);
		refused(g, DEV, false, BIT(63), DID, E_FAULT);
		refused(g, DEV, true, ~0ull, DID, E_FAULT);
	}
}

TEST(device_table_ends)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	/* Of one page: 128 entries; DEV is the 24th, DEV_BUS far beyond. */
	W64(DEVTAB, AT_DEVTAB);
	invalidate(g, CMD_ALL, 0);
	reaches(g, DEV, AT_DATA, AT_DATA);
	refused(g, DEV_BUS, true, 0x1230, 0, E_DTE);
	refused_at(g, DEV_BUS, false, 0x1237, 0, E_DTE, 0x1234);
	/* Just enough of it. */
	W64(DEVTAB, AT_DEVTAB | (DEV_BUS * 32 / 4096));
	reaches(g, DEV_BUS, AT_DATA, AT_DATA);
	W64(DEVTAB, AT_DEVTAB | (DEV_BUS * 32 / 4096 - 1));
	invalidate(g, CMD_ALL, 0);
	refused(g, DEV_BUS, true, 0x1230, 0, E_DTE);
	/* Not in memory. */
	W64(DEVTAB, NOWHERE | 0x1ff);
	invalidate(g, CMD_ALL, 0);
	refused_at(g, DEV, true, 0x1000, 0, E_DTE_HW | E_ABORT, NOWHERE + DEV * 32);
	refused_at(g, DEV_BUS, false, 0x1000, 0, E_DTE_HW | E_ABORT, NOWHERE + DEV_BUS * 32);
	W64(DEVTAB, 0x000ffffffffff1ffull);
	invalidate(g, CMD_ALL, 0);
	refused_at(g, DEV, true, 0x1000, 0, E_DTE_HW | E_ABORT, 0x000ffffffffff000ull + DEV * 32);
	refused_at(g, DEV_BUS, true, 0x1000, 0, E_DTE_HW | E_ABORT,
		   0x000ffffffffff000ull + DEV_BUS * 32);
}

TEST(device_table_segments)
{
	static const __u32 rids[] = { 0x0018, 0x2018, 0x4018, 0x8018, 0xe018, 0xffff };
	struct guest guest, *g = &guest;

	guest_open(g, .flags = NYX_AMDVI_F_SEGMENTS);
	for (size_t i = 1; i < ARRAY_SIZE(rids); i++)
		test_cmd(cmd_device_add(g->fd, rids[i]));
	boot(g, BOOT_XT);
	for (unsigned int lg2 = 0; lg2 <= 3; lg2++) {
		const unsigned int nr = 0x10000 >> lg2;

		ktap_note("%u segments", 1u << lg2);
		/* Each segment of 2^(16 - lg2) entries, in another order. */
		W64(DEVTAB, (AT_DATA + 7 * SZ_2M) | (nr * 32 / SZ_4K - 1));
		for (unsigned int s = 1; s < 8; s++)
			W64(SEGMENT(s), (AT_DATA + (7 - s) * SZ_2M) | (nr * 32 / SZ_4K - 1));
		control(g, 0, C_SEGMENTS(7));
		control(g, C_SEGMENTS(lg2), 0);
		memset(g->ram + AT_DATA, 0, 8 * SZ_2M);
		for (size_t i = 0; i < ARRAY_SIZE(rids); i++) {
			unsigned int s = rids[i] / nr;
			__u64 at = AT_DATA + (7 - s) * SZ_2M + rids[i] % nr * 32;

			words(g, at)[1] = 100 + i;
			words(g, at)[0] = D_V;
		}
		invalidate(g, CMD_ALL, 0);
		for (size_t i = 0; i < ARRAY_SIZE(rids); i++)
			refused(g, rids[i], true, 0x1000, 100 + i, E_FAULT);
	}
}

/* ---- host page tables ---- */

/* The entry for a page of 2^lg2 bytes, and its level. */
static __u64 page_entry(__u64 oa, unsigned int lg2, unsigned int *level)
{
	*level = (lg2 - 12) / 9 + 1;
	if ((lg2 - 12) % 9 == 0)
		return oa | P_RW;
	return oa | P_RW | P_NL(7) | ((BIT(lg2 - 1) - 1) & ~0xfffull);
}

TEST(page_sizes)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	for (unsigned int lg2 = 12; lg2 <= 52; lg2++) {
		__u64 iova = 3ull << lg2, oa = lg2 <= 22 ? AT_DATA : 0, root, entry, off;
		unsigned int level;

		ktap_note("2^%u bytes", lg2);
		g->next_table = AT_TABLES;
		entry = page_entry(oa, lg2, &level);
		root = attach(g, DEV, DID, 6);
		/* Of a page that many entries span, any one is enough. */
		for (unsigned int i = 0; i < 3; i++) {
			off = i ? (i == 1 ? AT_DATA + 0x1230 : 0x3ff8) & (BIT(lg2) - 1) : 0x10;
			set_pte(g, root, 6, iova + off, level, entry);
			invalidate(g, CMD_DTE(DEV), 0);
			reaches(g, DEV, iova + off, oa + off);
		}
		/* An invalidation of any page in it is one of all. */
		memset(g->ram + root, 0, SZ_4K);
		invalidate(g, CMD_PAGES(DID), ((iova + BIT(lg2) - SZ_4K) & ~0xfffull) | 2);
		refused(g, DEV, true, iova + off, DID, E_FAULT);
	}
}

/* Entries with a wrong size or level: present, but nothing is reserved. */
TEST(bad_levels)
{
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g);
	boot(g, BOOT_XT);
	root = attach(g, DEV, DID, 4);
	set_pte(g, root, 4, 0x1000, 1, AT_DATA | P_RW);
	invalidate(g, CMD_DTE(DEV), 0);
	/* Not below the entry's own. */
	for (unsigned int level = 1; level <= 4; level++) {
		for (unsigned int next = level; next < 7; next++) {
			__u64 *entry = pte(g, root, 4, 0x1000, level), old = *entry;

			ktap_note("level %u, next %u", level, next);
			*entry = (old & ~(P_NL(7) | P_FC)) | P_NL(next);
			refused(g, DEV, true, 0x1000, DID, E_FAULT | E_PR);
			*entry = old;
		}
	}
	/* A size that belongs to another level. */
	for (unsigned int level = 1; level <= 4; level++) {
		for (unsigned int lg2 = 13; lg2 <= 52; lg2++) {
			__u64 *entry = pte(g, root, 4, 0x1000, level), old = *entry;

			if (lg2 > 12 + 9 * (level - 1) && lg2 < 12 + 9 * level)
				continue;
			ktap_note("level %u, 2^%u bytes", level, lg2);
			*entry = P_RW | P_NL(7) | ((BIT(lg2 - 1) - 1) & ~0xfffull);
			refused(g, DEV, false, 0x1000, DID, E_FAULT | E_PR);
			*entry = old;
		}
	}
	reaches(g, DEV, 0x1000, AT_DATA);
}

TEST(reserved_bits)
{
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g, .iotlb = ENV_IOTLB_OFF);
	boot(g, BOOT_XT);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, 0x1000, 1, AT_DATA | P_RW);
	invalidate(g, CMD_DTE(DEV), 0);
	for (unsigned int level = 1; level <= 3; level++) {
		const __u64 bad = level == 1 ? 0x07f0000000000000ull : 0x1ff0000000000000ull;
		const __u64 ignored = 0x80000000000001feull | (level == 1 ? 3ull << 59 : 0);

		for (unsigned int bit = 0; bit < 64; bit++) {
			__u64 *entry = pte(g, root, 3, 0x1000, level), old = *entry;

			ktap_note("level %u, bit %u", level, bit);
			*entry = old ^ BIT(bit);
			if (bad & BIT(bit)) {
				refused(g, DEV, true, 0x1000, DID, E_FAULT | E_PR | E_RZ);
				/* Permission comes first. */
				*entry &= ~P_IR;
				refused(g, DEV, true, 0x1000, DID, E_FAULT | E_PR | E_PE);
			} else if (ignored & BIT(bit)) {
				reaches(g, DEV, 0x1000, AT_DATA);
			} else if (bit == 0) {
				refused(g, DEV, true, 0x1000, DID, E_FAULT);
			}
			*entry = old;
		}
	}
}

TEST(skipped_levels)
{
	struct guest guest, *g = &guest;
	struct nyx_walk w;
	__u64 leaf, root;

	guest_open(g);
	boot(g, BOOT_XT);
	for (unsigned int mode = 3; mode <= 6; mode++) {
		for (unsigned int next = 1; next < mode - 1; next++) {
			__u64 top = 5ull << (3 + 9 * mode), iova;

			ktap_note("mode %u, next %u", mode, next);
			g->next_table = AT_TABLES;
			root = attach(g, DEV, DID, mode);
			leaf = new_table(g);
			*pte(g, root, mode, top, mode) = leaf | P_TABLE | P_NL(next);
			iova = top | 7ull << (3 + 9 * next);
			/* A page of the level that is reached. */
			words(g, leaf)[7] = (next == 1 ? AT_DATA : 0) | P_RW;
			invalidate(g, CMD_DTE(DEV), 0);
			reaches(g, DEV, iova + 0x10, (next == 1 ? AT_DATA : 0) + 0x10);
			test_cmd(cmd_walk_device(g->fd, &w, DEV, RW, iova + 0x10));
			ASSERT_EQ(NYX_FORMAT_AMDV1, w.out_format);
			ASSERT_EQ(mode, w.out_levels);
			ASSERT_EQ(root, w.out_root);
			ASSERT_EQ(mode - next + 1, w.out_nr_steps);
			ASSERT_EQ(next - 1, w.out_steps[0].next_level);
			ASSERT_EQ(NYX_WALK_SKIPPED, w.out_steps[1].kind);
			ASSERT_EQ(leaf, w.out_steps[mode - next].table);
			ASSERT_EQ(NYX_WALK_PAGE, w.out_steps[mode - next].kind);
			ASSERT_EQ((next == 1 ? AT_DATA : 0) + 0x10, w.out_gpa);
			ASSERT_EQ(NYX_FAULT_NONE, w.out_fault.reason);
			/* The bits of each level in between are zero. */
			for (unsigned int level = next + 1; level < mode; level++)
				refused(g, DEV, true, iova | BIT(3 + 9 * level), DID,
					E_FAULT | E_PR);
			refused(g, DEV, true, iova ^ 1ull << (3 + 9 * next), DID, E_FAULT);
		}
	}
}

TEST(tables_out_of_reach)
{
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g);
	boot(g, BOOT_XT);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, 0x1000, 1, AT_DATA | P_RW);
	invalidate(g, CMD_DTE(DEV), 0);
	*pte(g, root, 3, 0x1000, 2) = NOWHERE | P_TABLE | P_NL(1);
	refused_at(g, DEV, true, 0x1000, DID, E_PTE_HW | E_ABORT, NOWHERE + 8);
	*pte(g, root, 3, 0x1000, 3) = 0x000ffffffffff000ull | P_TABLE | P_NL(2);
	refused_at(g, DEV, false, 0x40201000, DID, E_FAULT, 0x40201000);
	refused_at(g, DEV, false, 0x201000, DID, E_PTE_HW | E_ABORT, 0x000ffffffffff008ull);
	set_dte(g, DEV, D_V | D_TV | D_MODE(4) | D_RW | NOWHERE, DID);
	refused_at(g, DEV, true, 0x8000000000, DID, E_PTE_HW | E_ABORT, NOWHERE + 8);
	/* A table that refers to itself ends. */
	root = attach(g, DEV, DID, 6);
	for (unsigned int i = 0; i < 512; i++)
		words(g, root)[i] = root | P_TABLE | P_NL(5);
	invalidate(g, CMD_DTE(DEV), 0);
	refused(g, DEV, true, 0x123456789000, DID, E_FAULT | E_PR);
	/* A mapping to where no memory is, is no fault of the table. */
	root = attach(g, DEV, DID, 1);
	words(g, root)[1] = NOWHERE | P_RW;
	invalidate(g, CMD_DTE(DEV), 0);
	refused_quietly(g, DEV, true, 0x1000);
}

/* ---- invalidation ---- */

static const struct range_case {
	const char *name;
	__u64 hi;
	__u64 first;
	__u64 last;
} range_cases[] = {
	{ "page", 0x5000, 0x5000, 0x5fff },
	{ "page_pde", 0x5002, 0x5000, 0x5fff },
	{ "8k", 0x4001, 0x4000, 0x5fff },
	{ "8k_other", 0x6003, 0x6000, 0x7fff },
	{ "16k", 0x9003, 0x8000, 0xbfff },
	{ "64k", 0x17003, 0x10000, 0x1ffff },
	{ "2m", 0x2ff003, 0x200000, 0x3fffff },
	{ "domain", PAGES_ALL, 0, 0x7fffffffffull },
	{ "no_zero", ~0xfffull | 3, 0, 0x7fffffffffull },
};

TEST_EACH(pages_in_range, range_cases)
{
	static const __u64 at[] = {
		0, 0x3000, 0x4000, 0x5000, 0x6000, 0x7000, 0x8000, 0xb000, 0xc000, 0xf000,
		0x10000, 0x1f000, 0x20000, 0x1ff000, 0x200000, 0x3ff000, 0x400000,
	};
	struct guest guest, *g = &guest;
	__u64 root, other;

	guest_open(g);
	boot(g, BOOT_XT);
	root = attach(g, DEV, DID, 3);
	other = attach(g, DEV2, DID + 1, 3);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		set_pte(g, root, 3, at[i], 1, (AT_DATA + i * SZ_4K) | P_RW);
		set_pte(g, other, 3, at[i], 1, (AT_DATA + i * SZ_4K) | P_RW);
	}
	invalidate(g, CMD_ALL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		reaches(g, DEV, at[i], AT_DATA + i * SZ_4K);
		reaches(g, DEV2, at[i], AT_DATA + i * SZ_4K);
	}
	/* All move; whatever was named is seen to. */
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		set_pte(g, root, 3, at[i], 1, (AT_DATA + SZ_2M + i * SZ_4K) | P_RW);
	invalidate(g, CMD_PAGES(DID), v->hi);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		if (at[i] >= v->first && at[i] <= v->last)
			reaches(g, DEV, at[i], AT_DATA + SZ_2M + i * SZ_4K);
		reaches(g, DEV2, at[i], AT_DATA + i * SZ_4K);
	}
}

/* An entry that changes is seen after its invalidation, and no other is needed. */
TEST(entries_change)
{
	struct guest guest, *g = &guest;
	__u64 a, b;

	guest_open(g);
	boot(g, BOOT_XT);
	a = attach(g, DEV, DID, 3);
	set_pte(g, a, 3, 0x1000, 1, AT_DATA | P_RW);
	invalidate(g, CMD_DTE(DEV), 0);
	reaches(g, DEV, 0x1000, AT_DATA);
	/* The same domain with another table. */
	b = attach(g, DEV, DID, 4);
	set_pte(g, b, 4, 0x1000, 1, (AT_DATA + SZ_4K) | P_RW);
	invalidate(g, CMD_DTE(DEV), 0);
	reaches(g, DEV, 0x1000, AT_DATA + SZ_4K);
	/* The table changed, and only the entry was invalidated: that goes, too. */
	set_pte(g, b, 4, 0x1000, 1, (AT_DATA + 2 * SZ_4K) | P_RW);
	invalidate(g, CMD_DTE(DEV), 0);
	reaches(g, DEV, 0x1000, AT_DATA + 2 * SZ_4K);
	/* Another device's says nothing of this one. */
	set_dte(g, DEV2, D_V, 9);
	reaches(g, DEV, 0x1000, AT_DATA + 2 * SZ_4K);
	refused(g, DEV2, true, 0x1000, 9, E_FAULT);
	dte(g, DEV)[0] = D_V;
	dte(g, DEV2)[0] = 0;
	invalidate(g, CMD_ALL, 0);
	refused(g, DEV, true, 0x1000, DID, E_FAULT);
	reaches(g, DEV2, AT_DATA, AT_DATA);
}

/* Two devices of one domain; then as many domains as there can be of one id. */
TEST(domains)
{
	struct guest guest, *g = &guest;
	struct nyx_device_info a, b;
	__u64 root;

	guest_open(g);
	boot(g, BOOT_XT);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, 0x1000, 1, AT_DATA | P_RW);
	dte(g, DEV2)[1] = dte(g, DEV)[1];
	dte(g, DEV2)[0] = dte(g, DEV)[0];
	invalidate(g, CMD_ALL, 0);
	reaches(g, DEV, 0x1000, AT_DATA);
	reaches(g, DEV2, 0x1000, AT_DATA);
	device_info(g->fd, DEV, &a);
	device_info(g->fd, DEV2, &b);
	ASSERT_EQ(a.domain_id, b.domain_id);
	/* Another table: another domain, of the same id for commands. */
	root = attach(g, DEV2, DID, 3);
	set_pte(g, root, 3, 0x1000, 1, (AT_DATA + SZ_4K) | P_RW);
	invalidate(g, CMD_DTE(DEV2), 0);
	reaches(g, DEV2, 0x1000, AT_DATA + SZ_4K);
	reaches(g, DEV, 0x1000, AT_DATA);
	device_info(g->fd, DEV2, &b);
	ASSERT_NE(a.domain_id, b.domain_id);
	words(g, root)[0] = 0;
	words(g, dte(g, DEV)[0] & 0x000ffffffffff000ull)[0] = 0;
	invalidate(g, CMD_PAGES(DID), PAGES_ALL);
	refused(g, DEV, true, 0x1000, DID, E_FAULT);
	refused(g, DEV2, true, 0x1000, DID, E_FAULT);
}

/*
 * Two devices of one domain, of which the first of each turn fills the cache: the other
 * hits, and what the entry of one grants is not what the entry of the other does.
 */
TEST(permission_is_of_one_device)
{
	const __u16 denied = E_FAULT | E_PR | E_PE;
	struct nyx_unit_info info;
	struct guest guest, *g = &guest;
	__u64 root, walks;

	guest_open(g);
	boot(g, BOOT_XT);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, 0x1000, 1, AT_DATA | P_RW);
	dte(g, DEV2)[0] = dte(g, DEV)[0];
	dte(g, DEV2)[1] = DID;
	dte(g, DEV)[0] &= ~D_IW;
	for (int turn = 0; turn < 2; turn++) {
		invalidate(g, CMD_ALL, 0);
		walks = unit_stat(g->fd, NYX_STAT_WALKS);
		if (turn)
			ASSERT_EQ(0, poke(g, DEV2, 0x1000));
		ASSERT_EQ(0, peek(g, DEV, 0x1000));
		refused(g, DEV, false, 0x1000, DID, denied);
		ASSERT_EQ(0, poke(g, DEV2, 0x1000));
		refused(g, DEV, false, 0x1000, DID, denied);
		ASSERT_EQ(walks + 1, unit_stat(g->fd, NYX_STAT_WALKS));
		test_cmd(cmd_unit_info(g->fd, &info));
		ASSERT_EQ(1, info.nr_domains);
	}
	/* One that is granted nothing, and one whose faults are not logged. */
	dte(g, DEV)[0] &= ~D_IR;
	dte(g, DEV2)[1] = D1_SA | DID;
	invalidate(g, CMD_DTE(DEV), 0);
	invalidate(g, CMD_DTE(DEV2), 0);
	ASSERT_EQ(0, poke(g, DEV2, 0x1000));
	refused(g, DEV, true, 0x1000, DID, denied);
	refused_quietly(g, DEV2, true, 0x2000);
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(1, info.nr_domains);
}

/* ---- the exclusion range ---- */

static const struct excl_case {
	const char *name;
	__u64 base;
	__u64 limit;
	__u64 ex;
	bool on;
} excl_cases[] = {
	{ "of_the_device", (AT_DATA + SZ_4K) | 1, AT_DATA + 2 * SZ_4K, D1_EX, true },
	{ "of_all", (AT_DATA + SZ_4K) | 3, AT_DATA + 2 * SZ_4K, 0, true },
	{ "of_others", (AT_DATA + SZ_4K) | 1, AT_DATA + 2 * SZ_4K, 0, false },
	{ "disabled", (AT_DATA + SZ_4K) | 2, AT_DATA + 2 * SZ_4K, D1_EX, false },
	{ "empty", (AT_DATA + 2 * SZ_4K) | 3, AT_DATA + SZ_4K, D1_EX, false },
};

static const struct {
	const char *name;
	__u64 q0;
	__u16 code;
} behind[] = {
	{ "no translation", D_V, E_FAULT },
	{ "no permission", D_V | D_TV, E_FAULT | E_PR | E_PE },
	{ "no such mode", D_V | D_TV | D_MODE(7) | D_RW, E_DTE },
	{ "a table", D_V | D_TV | D_MODE(1) | D_RW, E_FAULT },
};

TEST_EACH(exclusion, excl_cases)
{
	const __u64 first = AT_DATA + SZ_4K, end = AT_DATA + 3 * SZ_4K;
	struct guest guest, *g = &guest;
	struct nyx_walk w;
	struct nyx_dma c;
	char buf[64];

	guest_open(g);
	boot(g, BOOT_XT);
	W64(EXCLBASE, v->base);
	W64(EXCLLIMIT, v->limit);
	for (size_t i = 0; i < ARRAY_SIZE(behind); i++) {
		ktap_note("%s", behind[i].name);
		set_dte(g, DEV, behind[i].q0 | AT_TABLES, v->ex | DID);
		refused(g, DEV, true, first - 8, DID, behind[i].code);
		refused(g, DEV, true, end, DID, behind[i].code);
		if (!v->on) {
			refused(g, DEV, true, first, DID, behind[i].code);
			refused(g, DEV, false, end - 8, DID, behind[i].code);
			continue;
		}
		reaches(g, DEV, first, first);
		reaches(g, DEV, end - 8, end - 8);
		/* No table is looked at there. */
		test_cmd(cmd_walk_device(g->fd, &w, DEV, RW, first));
		ASSERT_EQ(0, w.out_nr_steps);
		ASSERT_EQ(first, w.out_gpa);
		ASSERT_EQ(NYX_FAULT_NONE, w.out_fault.reason);
		/* Across its end: what is inside is done. */
		test_cmd(cmd_dma_write(g->fd, &c, DEV, end - 16, buf, sizeof(buf)));
		ASSERT_EQ(16, c.out_done);
		expect_event(g, DEV, DID, behind[i].code | E_RW, end);
		test_cmd(cmd_dma_write(g->fd, &c, DEV, first - 16, buf, sizeof(buf)));
		ASSERT_EQ(0, c.out_done);
		expect_event(g, DEV, DID, behind[i].code | E_RW, first - 16);
	}
}

/* A page that spans the range is used around it, and not in it. */
TEST(exclusion_in_a_page)
{
	struct guest guest, *g = &guest;
	const __u64 at = AT_DATA, to = AT_DATA + SZ_2M;
	struct nyx_dma c;
	__u64 root;
	char buf[3 * SZ_4K];

	guest_open(g);
	boot(g, BOOT_XT);
	W64(EXCLBASE, (at + SZ_4K) | 3);
	W64(EXCLLIMIT, at + SZ_4K);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, at, 2, to | P_RW);
	invalidate(g, CMD_ALL, 0);
	for (unsigned int i = 0; i < 2; i++) {
		reaches(g, DEV, at, to);
		reaches(g, DEV, at + SZ_4K, at + SZ_4K);
		reaches(g, DEV, at + 2 * SZ_4K, to + 2 * SZ_4K);
	}
	memset(buf, 0x3c, sizeof(buf));
	memset(g->ram + at, 0, 2 * SZ_2M);
	test_cmd(cmd_dma_write(g->fd, &c, DEV, at, buf, sizeof(buf)));
	ASSERT_EQ(sizeof(buf), c.out_done);
	ASSERT_FILLED(g->ram + to, 0x3c, SZ_4K);
	ASSERT_FILLED(g->ram + to + SZ_4K, 0, SZ_4K);
	ASSERT_FILLED(g->ram + at + SZ_4K, 0x3c, SZ_4K);
	ASSERT_FILLED(g->ram + to + 2 * SZ_4K, 0x3c, SZ_4K);
	ASSERT_FILLED(g->ram + at + 2 * SZ_4K, 0, SZ_4K);
	ASSERT_FILLED(g->ram + at, 0, SZ_4K);
}

/**
 * struct range_pair - two exclusion ranges that differ in one of their ends
 * @name: for the report
 * @first: first page of each
 * @last: last page of each
 * @only: a page that only the second has
 */
static const struct range_pair {
	const char *name;
	unsigned int first[2];
	unsigned int last[2];
	unsigned int only;
} range_pairs[] = {
	{ "end_later", { 2, 2 }, { 4, 5 }, 5 },
	{ "end_last", { 2, 2 }, { 4, 7 }, 7 },
	{ "begins_before", { 2, 1 }, { 4, 4 }, 1 },
	{ "begins_at_first", { 2, 0 }, { 4, 4 }, 0 },
};

/*
 * Two devices with the same domain id and table. The range changes between what is
 * read of the one and of the other: each keeps its own, and they share the domain.
 */
TEST_EACH(exclusion_changes, range_pairs)
{
	static const __u32 devices[] = { DEV, DEV2 };
	const __u64 at = AT_DATA, to = AT_DATA + SZ_2M, only = at + v->only * SZ_4K;
	struct guest guest, *g = &guest;
	struct nyx_unit_info info;
	__u64 root;

	guest_open(g);
	boot(g, BOOT_XT);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, at, 2, to | P_RW);
	dte(g, DEV2)[0] = dte(g, DEV)[0];
	for (unsigned int i = 0; i < 2; i++)
		dte(g, devices[i])[1] = D1_EX | DID;
	for (unsigned int i = 0; i < 2; i++) {
		W64(EXCLBASE, (at + v->first[i] * SZ_4K) | 1);
		W64(EXCLLIMIT, at + v->last[i] * SZ_4K);
		invalidate(g, CMD_DTE(devices[i]), 0);
		reaches(g, devices[i], only, i ? only : only - at + to);
	}
	reaches(g, DEV, only, only - at + to);
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(1, info.nr_domains);
	/* When the entry is read anew the range is. */
	invalidate(g, CMD_DTE(DEV), 0);
	reaches(g, DEV, only, only);
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(1, info.nr_domains);
}

/* ---- what is logged ---- */

TEST(suppressed)
{
	struct guest guest, *g = &guest;
	struct nyx_event e;

	guest_open(g);
	boot(g, BOOT_XT);
	/* SA: none. The host is told all the same. */
	set_dte(g, DEV, D_V | D_TV, D1_SA | DID);
	refused_quietly(g, DEV, true, 0x1000);
	ASSERT_EQ(1, events(g, NYX_EVENT_FAULT, &e));
	ASSERT_EQ(E_FAULT | E_PR | E_PE, e.fault.fault.vendor);
	/* SE: the first, until the entry is invalidated. */
	set_dte(g, DEV, D_V | D_TV, D1_SE | DID);
	for (unsigned int i = 0; i < 2; i++) {
		refused(g, DEV, true, 0x1000, DID, E_FAULT | E_PR | E_PE);
		refused_quietly(g, DEV, false, 0x1000);
		refused_quietly(g, DEV, true, 0x2000);
		invalidate(g, CMD_DTE(DEV), 0);
	}
	/* Of another device nothing is known. */
	set_dte(g, DEV2, D_V | D_TV, D1_SE | DID);
	refused(g, DEV, true, 0x1000, DID, E_FAULT | E_PR | E_PE);
	refused(g, DEV2, true, 0x1000, DID, E_FAULT | E_PR | E_PE);
	refused_quietly(g, DEV2, true, 0x1000);
	/* An event that is no page fault is always logged. */
	set_dte(g, DEV, D_V | D_TV | D_MODE(7), D1_SA | D1_SE | DID);
	refused(g, DEV, true, 0x1000, DID, E_DTE);
	refused(g, DEV, true, 0x1000, DID, E_DTE);
}

/* The range of interrupt messages is no memory. */
TEST(interrupt_range)
{
	struct guest guest, *g = &guest;
	struct nyx_dma c;
	__u64 root;
	char buf[16];

	guest_open(g);
	boot(g, BOOT_XT);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, 0xfee00000, 1, AT_DATA | P_RW);
	set_pte(g, root, 3, 0xfedff000, 1, AT_DATA | P_RW);
	set_dte(g, DEV2, D_V | D_TV | D_RW, DID);
	invalidate(g, CMD_DTE(DEV), 0);
	/* Reads are no requests; writes are, and not of memory. */
	refused(g, DEV, true, 0xfee00000, DID, E_REQUEST);
	refused(g, DEV, true, 0xfeeffff8, DID, E_REQUEST);
	refused_quietly(g, DEV, false, 0xfee00000);
	refused(g, DEV2, true, 0xfee01000, DID, E_REQUEST);
	refused_quietly(g, DEV2, false, 0xfee01000);
	reaches(g, DEV, 0xfedff000, AT_DATA);
	test_cmd(cmd_dma_read(g->fd, &c, DEV, 0xfedffff8, buf, sizeof(buf)));
	ASSERT_EQ(8, c.out_done);
	expect_event(g, DEV, DID, E_REQUEST, 0xfee00000);
	refused(g, DEV, true, 0xfef00000, DID, E_FAULT);
}

/* ---- the guest takes memory away from under the unit ---- */

TEST(memory_goes)
{
	struct guest guest, *g = &guest;
	__u64 root, tail;

	guest_open(g);
	boot(g, BOOT_XT);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, 0x1000, 1, AT_DATA | P_RW);
	invalidate(g, CMD_DTE(DEV), 0);
	reaches(g, DEV, 0x1000, AT_DATA);
	poke(g, DEV, 0x2000);
	test_cmd(cmd_memory_remove(g->fd, 0, GUEST_RAM));
	/* The event, unless it was in memory before, the commands, the table: all lost. */
	tail = r32(g, EVTTAIL);
	ASSERT_TRUE(!tail || tail == 0x10);
	ASSERT_NE(0, poke(g, DEV, 0x1000));
	ASSERT_NE(0, poke(g, DEV2, 0x1000));
	cmd(g, CMD_ALL, 0);
	ASSERT_EQ(0, r32(g, STATUS) & S_CMDRUN);
	ASSERT_NE(0, send_msi(g, IOAPIC, 0xfee00000, 2));
	test_cmd(cmd_memory_add(g->fd, 0, 0, GUEST_RAM, g->ram));
	control(g, 0, C_CMD);
	control(g, C_CMD, 0);
	settle(g);
	reaches(g, DEV, 0x1000, AT_DATA);
}
