// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: VT-d units: interrupt remapping by a table in guest memory.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vtd_guest.h"

#include <linux/fuse.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#define P	0x1ull
#define IFPD	0x2ull
#define POSTED	0x8000ull
#define VECTOR(v)	((__u64)(v) << 16)
#define DEST(d)		((__u64)(d) << 32)
#define SVT_RID(sid, sq)	((__u64)(sid) | (__u64)(sq) << 16 | 1ull << 18)
#define SVT_BUS(first, last)	((__u64)(first) << 8 | (last) | 2ull << 18)

/* ---- modes ---- */

/* A message in the compatibility format, as the local APIC takes it. */
static void passes(struct guest *g, __u64 address, __u32 data)
{
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, address, data));
	ASSERT_EQ(address, g->s.out_address);
	ASSERT_EQ(data, g->s.out_data);
	ASSERT_EQ(data & 0xff, g->s.out_vector);
	ASSERT_EQ(address >> 12 & 0xff, g->s.out_dest);
	ASSERT_EQ(0xffffffff, g->s.out_index);
	expect_no_record(g);
}

TEST(not_remapped_before_it_is_on)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	/* The firmware's, and the kernel's first ones. */
	passes(g, 0xfee01000, 0x41);
	queue_on(g, 0);
	passes(g, 0xfee0c000, 0x4042);
	W64(IRTA, AT_IRT | 0x80f);
	passes(g, 0xfee02000, 0x43);
	command(g, G_IRTP, 0);
	passes(g, 0xfee03000, 0x44);
	invalidate(g, IEC_GLOBAL, 0);
	command(g, G_IRE, 0);
	msi_refused(g, DEV, 0xfee03000, 0x44, 0x25, 0xffff);
	command(g, 0, G_IRE);
	passes(g, 0xfee03000, 0x44);
	R32(GSTS, G_QIE | G_IRTP);
}

static const struct mode_case {
	const char *name;
	__u32 flags;
	__u32 irta;
	bool cfi;
	bool compat;	/* passes */
	bool wide;	/* 32-bit destinations */
} mode_cases[] = {
	{ "x2apic", 0, 0x80f, false, false, true },
	{ "x2apic_cfi", 0, 0x80f, true, false, true },
	{ "xapic", 0, 0x00f, false, false, false },
	{ "xapic_cfi", 0, 0x00f, true, true, false },
	{ "no_eim", NYX_VTD_F_XAPIC, 0x80f, false, false, false },
	{ "no_eim_cfi", NYX_VTD_F_XAPIC, 0x80f, true, true, false },
};

TEST_EACH(modes, mode_cases)
{
	struct guest guest, *g = &guest;

	guest_open(g, .flags = v->flags);
	set_irte(g, 1, P | VECTOR(0x51) | DEST(0x12345678), 0);
	set_irte(g, 2, P | VECTOR(0x52) | DEST(0x0000fe00), 0);
	set_irte(g, 3, P | VECTOR(0x53) | DEST(0xff), 0);
	queue_on(g, 0);
	W64(IRTA, AT_IRT | v->irta);
	R64(IRTA, AT_IRT | (v->flags & NYX_VTD_F_XAPIC ? 0xf : v->irta));
	if (v->cfi)
		command(g, G_CFI, 0);
	command(g, G_IRTP, 0);
	command(g, G_IRE, 0);
	if (v->compat)
		passes(g, 0xfee03000, 0x44);
	else
		msi_refused(g, DEV, 0xfee03000, 0x44, 0x25, 0xffff);
	if (v->wide) {
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(1), 0));
		ASSERT_EQ(0x12345678, g->s.out_dest);
		ASSERT_EQ(0x12345600fee78000ull, g->s.out_address);
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(2), 0));
		ASSERT_EQ(0xfe00, g->s.out_dest);
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(3), 0));
		ASSERT_EQ(0xff, g->s.out_dest);
	} else {
		msi_refused(g, DEV, msi_address(1), 0, 0x24, 1);
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(2), 0));
		ASSERT_EQ(0xfe, g->s.out_dest);
		ASSERT_EQ(0xfeefe000, g->s.out_address);
		msi_refused(g, DEV, msi_address(3), 0, 0x24, 3);
	}
	/* On the way. */
	command(g, 0, G_CFI);
	msi_refused(g, DEV, 0xfee03000, 0x44, 0x25, 0xffff);
	command(g, G_CFI, 0);
	if (!v->wide)
		passes(g, 0xfee03000, 0x44);
	else
		msi_refused(g, DEV, 0xfee03000, 0x44, 0x25, 0xffff);
}

/* From one mode to the other: entries are read anew. */
TEST(mode_changes)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	set_irte(g, 1, P | VECTOR(0x51) | DEST(0x300), 0);
	boot(g, BOOT_QUEUE | BOOT_IRQ | BOOT_XAPIC);
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(1), 0));
		ASSERT_EQ(i & 1 ? 0x300 : 3, g->s.out_dest);
		W64(IRTA, AT_IRT | (i & 1 ? 0x00f : 0x80f));
		command(g, G_IRTP, 0);
		invalidate(g, IEC_GLOBAL, 0);
	}
}

/* ---- fields ---- */

static const struct field_case {
	const char *name;
	__u64 lo;
	__u64 address;
	__u32 data;
	__u16 flags;
} field_cases[] = {
	{ "edge", P | VECTOR(0x40) | DEST(5), 0xfee05000, 0x40, 0 },
	{ "logical", P | 4 | VECTOR(0x41) | DEST(5), 0xfee05004, 0x41, NYX_IRTE_F_LOGICAL },
	{ "hint", P | 8 | VECTOR(0x42) | DEST(5), 0xfee05008, 0x42, NYX_IRTE_F_HINT },
	{ "level", P | 16 | VECTOR(0x43) | DEST(5), 0xfee05000, 0xc043, NYX_IRTE_F_LEVEL },
	{ "lowest", P | 1 << 5 | VECTOR(0x44) | DEST(5), 0xfee05000, 0x144, 0 },
	{ "nmi", P | 4 << 5 | VECTOR(0) | DEST(0x105), 0x00000100fee05000, 0x400, 0 },
	{ "available", P | 0xf00 | VECTOR(0xff) | DEST(0xffffffff), 0xffffff00feeff000, 0xff, 0 },
};

TEST_EACH(fields, field_cases)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	set_irte(g, 9, v->lo, 0);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(9), 0));
		ASSERT_EQ(v->address, g->s.out_address);
		ASSERT_EQ(v->data, g->s.out_data);
		ASSERT_EQ(v->flags, g->s.out_flags);
		ASSERT_EQ(9, g->s.out_index);
	}
}

/* Handle, subhandle, with and without; and the end of the table by each size. */
TEST(index_and_size)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	for (unsigned int i = 0; i < 65536; i++)
		set_irte(g, i, P | VECTOR(0x40) | DEST(i), 0);
	queue_on(g, 0);
	for (unsigned int s = 0; s < 16; s++) {
		const unsigned int n = 2u << s;

		W64(IRTA, AT_IRT | 0x800 | s);
		command(g, G_IRTP, 0);
		invalidate(g, IEC_GLOBAL, 0);
		command(g, G_IRE, 0);
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(n - 1), 0));
		ASSERT_EQ(n - 1, g->s.out_dest);
		ASSERT_EQ(n - 1, g->s.out_index);
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(0), n - 1));
		ASSERT_EQ(n - 1, g->s.out_dest);
		if (n < 65536)
			msi_refused(g, DEV, msi_address(n), 0, 0x21, n);
		msi_refused(g, DEV, msi_address(n - 1), 1, 0x21, n);
		msi_refused(g, DEV, msi_address(0xffff), 0xffff, 0x21, 0xfffe);
		/* Without SHV the data has no meaning. */
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(1) & ~8ull, 0xdeadbeef));
		ASSERT_EQ(1, g->s.out_dest);
	}
	/* A smaller table that came later hides what was cached. */
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(100), 0));
	W64(IRTA, AT_IRT | 0x800 | 3);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(100), 0));
	command(g, G_IRTP, 0);
	msi_refused(g, DEV, msi_address(100), 0, 0x21, 100);
}

/* ---- sources ---- */

static const struct source_case {
	const char *name;
	__u64 hi;
	__u16 allowed;	/* bit 0 DEV, 1 DEV_FN, 2 DEV2, 3 DEV_BUS */
} source_cases[] = {
	{ "any", 0x1234 | 3 << 16, 0xf },
	{ "dev", SVT_RID(DEV, 0), 0x1 },
	{ "other", SVT_RID(DEV2, 0), 0x4 },
	{ "bus_5", SVT_RID(DEV_BUS, 0), 0x8 },
	{ "mask_bit_2", SVT_RID(DEV | 4, 1), 0x1 },
	{ "mask_bit_2_fn", SVT_RID(DEV | 5, 1), 0x2 },
	{ "mask_bits_21", SVT_RID(DEV | 6, 2), 0x1 },
	{ "mask_bits_210", SVT_RID(DEV | 7, 3), 0x3 },
	{ "no_mask", SVT_RID(DEV | 7, 0), 0x0 },
	{ "buses_0", SVT_BUS(0, 0), 0x7 },
	{ "buses_0_5", SVT_BUS(0, 5), 0xf },
	{ "buses_1_4", SVT_BUS(1, 4), 0x0 },
	{ "buses_5_255", SVT_BUS(5, 255), 0x8 },
	{ "buses_backwards", SVT_BUS(5, 0), 0x0 },
};

TEST_EACH(sources, source_cases)
{
	static const __u32 devices[] = { DEV, DEV_FN, DEV2, DEV_BUS };
	struct guest guest, *g = &guest;

	guest_open(g);
	set_irte(g, 4, P | VECTOR(0x40), v->hi);
	set_irte(g, 5, P | IFPD | VECTOR(0x40), v->hi);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < 4; i++) {
			ktap_note("device %d", i);
			if (v->allowed & 1 << i) {
				ASSERT_EQ(NYX_IRQ_DELIVER,
					  send_msi(g, devices[i], msi_address(4), 0));
				continue;
			}
			msi_refused(g, devices[i], msi_address(4), 0, 0x26, 4);
			ASSERT_EQ(NYX_IRQ_REFUSED,
				  send_msi(g, devices[i], msi_address(5), 0));
			expect_no_record(g);
		}
	}
}

/* ---- reasons ---- */

static const struct irq_reason {
	const char *name;
	__u8 reason;
	__u64 lo, hi;
	__u64 address;
	__u32 data;
	unsigned int index;
	__u32 nyx;
	bool qualified;	/* by FPD of the entry */
} irq_reasons[] = {
	{ "20_data", 0x20, P, 0, 0xfee00018 | 6 << 5, 0x10000, 0xffff,
	  NYX_FAULT_IRQ_REQUEST, false },
	{ "20_data_top", 0x20, P, 0, 0xfee00018 | 6 << 5, 0x80000000, 0xffff,
	  NYX_FAULT_IRQ_REQUEST, false },
	{ "22_not_present", 0x22, 0, 0, 0xfee00018 | 6 << 5, 0, 6,
	  NYX_FAULT_IRQ_NOT_PRESENT, true },
	{ "22_before_reserved", 0x22, BIT(12), ~0ull, 0xfee00018 | 6 << 5, 0, 6,
	  NYX_FAULT_IRQ_NOT_PRESENT, true },
	{ "24_low", 0x24, P | BIT(12), 0, 0xfee00018 | 6 << 5, 0, 6,
	  NYX_FAULT_IRQ_RESERVED, true },
	{ "24_middle", 0x24, P | BIT(24), 0, 0xfee00018 | 6 << 5, 0, 6,
	  NYX_FAULT_IRQ_RESERVED, true },
	{ "24_high", 0x24, P, BIT(20), 0xfee00018 | 6 << 5, 0, 6,
	  NYX_FAULT_IRQ_RESERVED, true },
	{ "24_posted", 0x24, P | POSTED, 0, 0xfee00018 | 6 << 5, 0, 6,
	  NYX_FAULT_IRQ_RESERVED, true },
	{ "24_svt", 0x24, P, 3 << 18, 0xfee00018 | 6 << 5, 0, 6,
	  NYX_FAULT_IRQ_RESERVED, true },
	{ "24_before_source", 0x24, P | BIT(13), SVT_RID(DEV2, 0), 0xfee00018 | 6 << 5, 0, 6,
	  NYX_FAULT_IRQ_RESERVED, true },
	{ "25_compatibility", 0x25, P, 0, 0xfee00000, 0x40, 0xffff,
	  NYX_FAULT_IRQ_COMPAT, false },
	{ "26_source", 0x26, P, SVT_RID(DEV2, 0), 0xfee00018 | 6 << 5, 0, 6,
	  NYX_FAULT_IRQ_SOURCE, true },
};

TEST_EACH(irq_reason, irq_reasons)
{
	struct guest guest, *g = &guest;
	struct nyx_event e;
	__u64 counted;

	guest_open(g);
	set_irte(g, 6, v->lo, v->hi);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	counted = unit_stat(g->fd, NYX_STAT_IRQ_FAULTS);
	for (int i = 0; i < 3; i++) {
		msi_refused(g, DEV, v->address, v->data, v->reason, v->index);
		ASSERT_EQ(v->nyx, g->s.out_reason);
	}
	ASSERT_EQ(3, events(g, NYX_EVENT_IRQ_FAULT, &e));
	ASSERT_EQ(v->nyx, e.irq_fault.reason);
	ASSERT_EQ(v->reason, e.irq_fault.vendor);
	ASSERT_EQ(v->address, e.irq_fault.address);

	set_irte(g, 6, v->lo | IFPD, v->hi);
	invalidate(g, IEC_INDEX(6, 0), 0);
	if (!v->qualified) {
		msi_refused(g, DEV, v->address, v->data, v->reason, v->index);
		return;
	}
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(NYX_IRQ_REFUSED, send_msi(g, DEV, v->address, v->data));
		ASSERT_EQ(v->nyx, g->s.out_reason);
		R32(FSTS, r32(g, FSTS) & 0xff00);
	}
	/* The host sees it. */
	ASSERT_EQ(counted + 6, unit_stat(g->fd, NYX_STAT_IRQ_FAULTS));
	ASSERT_EQ(3, events(g, NYX_EVENT_IRQ_FAULT, &e));
	ASSERT_EQ(v->reason, e.irq_fault.vendor);
}

TEST(irt_outside_of_memory)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	queue_on(g, 0);
	W64(IRTA, NOWHERE | 0x80f);
	command(g, G_IRTP, 0);
	command(g, G_IRE, 0);
	msi_refused(g, DEV, msi_address(0), 0, 0x23, 0);
	msi_refused(g, DEV, msi_address(0xffff), 0, 0x23, 0xffff);
	W64(IRTA, 0xfffffffffffff80full);
	command(g, G_IRTP, 0);
	msi_refused(g, DEV, msi_address(7), 0, 0x23, 7);
	/* Past the last address it does not go on at the first. */
	words(g, 0)[0] = P | VECTOR(0x66);
	words(g, 0)[1] = 0;
	msi_refused(g, DEV, msi_address(256), 0, 0x23, 256);
	/* The last page of memory, and beyond. */
	W64(IRTA, (GUEST_RAM - SZ_4K) | 0x80f);
	command(g, G_IRTP, 0);
	words(g, GUEST_RAM)[-2] = P | VECTOR(0x66);
	words(g, GUEST_RAM)[-1] = 0;
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(255), 0));
	ASSERT_EQ(0x66, g->s.out_vector);
	msi_refused(g, DEV, msi_address(256), 0, 0x23, 256);
	/* It goes away beneath: what is cached stays, until it is flushed. */
	test_cmd(cmd_memory_remove(g->fd, 0, GUEST_RAM));
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(255), 0));
	test_cmd(cmd_memory_add(g->fd, 0, 0, GUEST_RAM - SZ_4K, g->ram));
	invalidate(g, IEC_INDEX(255, 0), 0);
	msi_refused(g, DEV, msi_address(255), 0, 0x23, 255);
}

/* ---- the cache ---- */

static const struct iec_case {
	const char *name;
	__u64 lo;
	bool hits;	/* entry 0x123 */
} iec_cases[] = {
	{ "global", IEC_GLOBAL, true },
	{ "index", IEC_INDEX(0x123, 0), true },
	{ "other_index", IEC_INDEX(0x124, 0), false },
	{ "mask_1", IEC_INDEX(0x122, 1), true },
	{ "mask_1_unaligned", IEC_INDEX(0x123, 1), true },
	{ "mask_1_other", IEC_INDEX(0x124, 1), false },
	{ "mask_8", IEC_INDEX(0x1ff, 8), true },
	{ "mask_8_other", IEC_INDEX(0x200, 8), false },
	{ "mask_15", IEC_INDEX(0, 15), true },
	{ "mask_15_other", IEC_INDEX(0x8000, 15), false },
	{ "mask_16", IEC_INDEX(0xffff, 16), true },
	{ "mask_31", IEC_INDEX(0xffff, 31), true },
	{ "contexts", CC_GLOBAL, false },
	{ "translations", IOTLB_GLOBAL, false },
};

TEST_EACH(entries_are_cached, iec_cases)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	set_irte(g, 0x123, P | VECTOR(0x40), 0);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(0x123), 0));
	ASSERT_EQ(0x40, g->s.out_vector);
	set_irte(g, 0x123, P | VECTOR(0x50), 0);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(0x123), 0));
	ASSERT_EQ(0x40, g->s.out_vector);
	invalidate(g, v->lo, 0);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(0x123), 0));
	ASSERT_EQ(v->hits ? 0x50 : 0x40, g->s.out_vector);
	if (!v->hits)
		return;
	/* An entry that is not present, or refused, is not cached. */
	set_irte(g, 0x123, 0, 0);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(0x123), 0));
	invalidate(g, v->lo, 0);
	msi_refused(g, DEV, msi_address(0x123), 0, 0x22, 0x123);
	set_irte(g, 0x123, P | BIT(12), 0);
	msi_refused(g, DEV, msi_address(0x123), 0, 0x24, 0x123);
	set_irte(g, 0x123, P | VECTOR(0x60), 0);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(0x123), 0));
	ASSERT_EQ(0x60, g->s.out_vector);
}

TEST(cached_entries_are_counted)
{
	struct nyx_unit_info info;
	struct guest guest, *g = &guest;

	guest_open(g);
	for (unsigned int i = 0; i < 100; i++)
		set_irte(g, i, P | VECTOR(0x40), 0);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	for (unsigned int i = 0; i < 100; i++)
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(i), 0));
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(100, info.nr_irtes);
	invalidate(g, IEC_INDEX(0, 5), 0);
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(68, info.nr_irtes);
	command(g, G_IRTP, 0);
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(0, info.nr_irtes);
}

/* A VMM that has copies of entries sees from the access to a register that they are stale. */
TEST(changes_are_counted)
{
	struct guest guest, *g = &guest;
	__u64 changes;

	guest_open(g);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	changes = irte_changes(g);
	ASSERT_EQ(changes, irte_changes(g));
	invalidate(g, IOTLB_GLOBAL, 0);
	ASSERT_EQ(changes, irte_changes(g));
	invalidate(g, IEC_INDEX(7, 0), 0);
	ASSERT_EQ(changes + 1, irte_changes(g));
	invalidate(g, IEC_GLOBAL, 0);
	ASSERT_EQ(changes + 2, irte_changes(g));
	command(g, G_IRTP, 0);
	ASSERT_LT(changes + 2, irte_changes(g));
}

/* ---- posted ---- */

#define AT_PID		0xc00040ull

TEST(posted)
{
	struct guest guest, *g = &guest;
	__u64 *pid;

	guest_open(g, .flags = NYX_VTD_F_POSTED);
	pid = words(g, AT_PID);
	set_irte(g, 8, P | POSTED | VECTOR(0x91) | (AT_PID & 0xffffffc0) << 32, SVT_RID(DEV, 0));
	set_irte(g, 9, P | POSTED | BIT(14) | VECTOR(0x92) | (AT_PID & 0xffffffc0) << 32, 0);
	set_irte(g, 10, P | POSTED | VECTOR(0x93) | (NOWHERE & 0xffffffc0) << 32,
		 NOWHERE >> 32 << 32);
	set_irte(g, 11, P | POSTED | IFPD | VECTOR(0x93), NOWHERE >> 32 << 32);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	pid[4] = 0xf2ull << 16 | 0x123ull << 32;
	ASSERT_EQ(NYX_IRQ_NOTIFY, send_msi(g, DEV, msi_address(8), 0));
	ASSERT_EQ(0xf2, g->s.out_vector);
	ASSERT_EQ(0x123, g->s.out_dest);
	ASSERT_EQ(BIT(0x91 - 128), pid[2]);
	ASSERT_EQ(1, pid[4] & 3);
	ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, msi_address(8), 0));
	msi_refused(g, DEV2, msi_address(8), 0, 0x26, 8);
	/* Suppressed; but not if it is urgent. */
	memset(pid, 0, 32);
	pid[4] = 2 | 0xf2ull << 16;
	ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, msi_address(8), 0));
	ASSERT_EQ(NYX_IRQ_NOTIFY, send_msi(g, DEV, msi_address(9), 0));
	ASSERT_EQ(BIT(0x91 - 128) | BIT(0x92 - 128), pid[2]);
	/* A descriptor that is not there. */
	msi_refused(g, DEV, msi_address(10), 0, 0x27, 10);
	ASSERT_EQ(NYX_IRQ_REFUSED, send_msi(g, DEV, msi_address(11), 0));
	expect_no_record(g);
	expect_no_record(g);
	/* From posted to remapped, as KVM does. */
	set_irte(g, 8, P | VECTOR(0x70), 0);
	invalidate(g, IEC_INDEX(8, 0), 0);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(8), 0));
	ASSERT_EQ(0x70, g->s.out_vector);
}

/* A descriptor that is posted is dirty, whichever context posts it. */
TEST(posted_is_dirty)
{
	struct guest guest, *g = &guest;
	struct nyx_irq_bind b;

	guest_open(g, .flags = NYX_VTD_F_POSTED);
	set_irte(g, 8, P | POSTED | VECTOR(0x91) | (AT_PID & 0xffffffc0) << 32, SVT_RID(DEV, 0));
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	test_cmd(cmd_dirty_start(g->fd));
	ASSERT_EQ(NYX_IRQ_NOTIFY, send_msi(g, DEV, msi_address(8), 0));
	EXPECT_DIRTY(AT_PID);
	ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, msi_address(8), 0));
	EXPECT_DIRTY(AT_PID);
	/* A bound interrupt, which is posted by whoever signals the eventfd, or by a worker. */
	memset(words(g, AT_PID), 0, 64);
	bind_irq(g, &b, msi_address(8), 0);
	eventfd_give(b.source);
	WAIT_FOR(load64(g, AT_PID + 32) & 1);
	/* The bit is set before the write. */
	EXPECT_DIRTY(AT_PID);
	test_cmd(cmd_dirty_stop(g->fd));
}

/* Reserved bits of the descriptor are refused, and nothing is posted. */
TEST(posted_reserved)
{
	struct guest guest, *g = &guest;
	__u64 *pid;

	guest_open(g, .flags = NYX_VTD_F_POSTED);
	pid = words(g, AT_PID);
	set_irte(g, 8, P | POSTED | VECTOR(0x91) | (AT_PID & 0xffffffc0) << 32, 0);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	pid[4] = BIT(5);
	ASSERT_EQ(NYX_IRQ_REFUSED, send_msi(g, DEV, msi_address(8), 0));
	ASSERT_EQ(NYX_FAULT_IRQ_POST_RESERVED, g->s.out_reason);
	ASSERT_EQ(0, pid[2]);
	expect_record(g, DEV, 0x28, false, 8ull << 48);
}

/* ---- bound interrupts ---- */

struct bound {
	struct guest g;
	struct nyx_irq_bind b;
};

static void bind_msi(struct bound *b, __u64 address)
{
	bind_irq(&b->g, &b->b, address, 0);
}

static void raise_irq(struct bound *b)
{
	eventfd_give(b->b.source);
}

static void arrives(struct bound *b)
{
	raise_irq(b);
	WAIT_FOR(eventfd_take(b->b.target));
	expect_no_record(&b->g);
}

static void does_not_arrive(struct bound *b, __u8 reason, unsigned int index)
{
	raise_irq(b);
	WAIT_FOR(r32(&b->g, FSTS) & F_PPF);
	expect_record(&b->g, DEV, reason, false, (__u64)index << 48);
	ASSERT_EQ(0, eventfd_take(b->b.target));
}

/* A bound interrupt follows the guest's entry, through the cache and without it. */
TEST(bound)
{
	struct bound bound, *b = &bound;
	struct guest *g = &b->g;

	guest_open(g);
	set_irte(g, 7, P | VECTOR(0x60), SVT_RID(DEV, 0));
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	bind_msi(b, msi_address(7));
	for (int i = 0; i < 3; i++)
		arrives(b);
	/* Another requester's */
	set_irte(g, 7, P | VECTOR(0x60), SVT_RID(DEV2, 0));
	arrives(b);	/* no event was sent yet */
	invalidate(g, IEC_INDEX(7, 0), 0);
	does_not_arrive(b, 0x26, 7);
	/* Not present, which is not cached */
	set_irte(g, 7, 0, 0);
	invalidate(g, IEC_GLOBAL, 0);
	does_not_arrive(b, 0x22, 7);
	does_not_arrive(b, 0x22, 7);
	set_irte(g, 7, P | VECTOR(0x60), 0);
	arrives(b);
	/* With reserved bits; quietly */
	set_irte(g, 7, P | 1ull << 12, 0);
	invalidate(g, IEC_INDEX(6, 1), 0);
	does_not_arrive(b, 0x24, 7);
	set_irte(g, 7, P | IFPD, 3ull << 18);
	invalidate(g, IEC_INDEX(7, 0), 0);
	raise_irq(b);
	set_irte(g, 7, P | VECTOR(0x60), 0);
	arrives(b);
	unbind_irq(g, &b->b);
	raise_irq(b);
	ASSERT_EQ(0, eventfd_take(b->b.target));
}

/* The message decides, as it does for any interrupt. */
TEST(bound_messages)
{
	struct bound bound, *b = &bound;
	struct nyx_irq_change c = { .size = sizeof(c), .flags = NYX_CHANGE_F_MESSAGE };
	struct guest *g = &b->g;

	guest_open(g);
	set_irte(g, 1, P | VECTOR(0x61), 0);
	set_irte(g, 2, P | VECTOR(0x62), 0);
	bind_msi(b, 0xfee01000);
	arrives(b);		/* not remapped yet */
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	does_not_arrive(b, 0x25, 0xffff);
	c.binding_id = b->b.out_binding_id;
	for (unsigned int i = 0; i < 5; i++) {
		c.address = msi_address(i);
		test_cmd(nyx_cmd(g->fd, NYX_IRQ_CHANGE, &c));
		if (i == 1 || i == 2)
			arrives(b);
		else
			does_not_arrive(b, 0x22, i);
	}
}

/* A table that is nowhere */
TEST(bound_no_table)
{
	struct bound bound, *b = &bound;
	struct guest *g = &b->g;

	guest_open(g);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	bind_msi(b, msi_address(3));
	W64(IRTA, NOWHERE | 0x80f);
	command(g, G_IRTP, 0);
	does_not_arrive(b, 0x23, 3);
	set_irte(g, 3, P | VECTOR(0x63), 0);
	W64(IRTA, AT_IRT | 0x80f);
	command(g, G_IRTP, 0);
	arrives(b);
}

/*
 * The table's memory has to come from user space, which takes its time. The wait delays
 * neither the end of a binding nor later interrupts.
 */
TEST(bound_table_stalls)
{
	struct bound bound, *b = &bound;
	struct guest *g = &b->g;
	struct stall stall;
	struct record r;

	guest_open(g);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	stall_arm(&stall, g->ram + AT_IRT, 4096);
	bind_msi(b, msi_address(3));
	raise_irq(b);
	unbind_irq(g, &b->b);
	bind_msi(b, msi_address(3));
	raise_irq(b);
	/* In the end it is as if the table could not be read. */
	WAIT_FOR(r32(g, FSTS) & F_PPF);
	take_record(g, &r);
	ASSERT_EQ(0x23, r.reason);
	ASSERT_EQ(0, eventfd_take(b->b.target));
	stall_release(&stall, 0);
	does_not_arrive(b, 0x22, 3);
	set_irte(g, 3, P | VECTOR(0x63), 0);
	arrives(b);
}

/**
 * struct fuse - a file that the caller serves, and does not
 * @fd: /dev/fuse
 * @path: where it is
 * @reading: a thread waits for what is in it
 * @give: give it to them
 */
struct fuse {
	int fd;
	char path[32];
	bool reading;
	bool give;
};

static void fuse_answer(struct fuse *f, __u64 unique, const void *data, size_t size)
{
	char buf[SZ_4K + sizeof(struct fuse_out_header)];
	struct fuse_out_header *out = (void *)buf;

	*out = (struct fuse_out_header){ .len = sizeof(*out) + size, .unique = unique };
	memcpy(out + 1, data, size);
	ASSERT_EQ(out->len, write(f->fd, buf, out->len));
}

/* One request at a time, in the order in which they come. */
static void *fuse_serve(void *arg)
{
	static char buf[SZ_64K];
	static const char page[SZ_4K];
	const struct fuse_in_header *in = (void *)buf;
	struct fuse *f = arg;
	struct fuse_init_out init = {
		.major = 7, .minor = 31, .max_write = SZ_4K, .max_readahead = 0,
	};
	struct fuse_attr_out attr = {
		.attr_valid = 1000,
		.attr = { .ino = 1, .size = SZ_4K, .blocks = 8, .mode = S_IFREG | 0600,
			  .nlink = 1, .blksize = SZ_4K },
	};
	struct fuse_open_out open = { .fh = 1 };

	while (read(f->fd, buf, sizeof(buf)) > 0) {
		switch (in->opcode) {
		case FUSE_INIT:
			fuse_answer(f, in->unique, &init, sizeof(init));
			break;
		case FUSE_GETATTR:
			fuse_answer(f, in->unique, &attr, sizeof(attr));
			break;
		case FUSE_OPEN:
			fuse_answer(f, in->unique, &open, sizeof(open));
			break;
		case FUSE_READ:
			__atomic_store_n(&f->reading, true, __ATOMIC_SEQ_CST);
			while (!__atomic_load_n(&f->give, __ATOMIC_SEQ_CST))
				pause_ms(1);
			fuse_answer(f, in->unique, page, sizeof(page));
			break;
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
		case FUSE_INTERRUPT:
			break;
		default:
			fuse_answer(f, in->unique, NULL, 0);
			break;
		}
	}
	return NULL;
}

static void fuse_mount(struct fuse *f)
{
	char opts[96];
	int fd;

	*f = (struct fuse){ .fd = open("/dev/fuse", O_RDWR | O_CLOEXEC) };
	if (f->fd < 0)
		NOT_HERE("/dev/fuse: %s", strerror(errno));
	strcpy(f->path, "/tmp/nyx-fuse-XXXXXX");
	fd = mkstemp(f->path);
	ASSERT_TRUE(fd >= 0);
	close(fd);
	/* No other process sees it, and it goes with us. */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		SKIP("mounts of our own: %s", strerror(errno));
	snprintf(opts, sizeof(opts), "fd=%d,rootmode=100600,user_id=0,group_id=0", f->fd);
	if (mount("nyx", f->path, "fuse", MS_NOSUID | MS_NODEV, opts))
		SKIP("fuse: %s", strerror(errno));
}

/* A kernel thread does not wait for a process that need not answer. */
TEST(bound_table_of_a_file_server)
{
	struct guest guest, *g = &guest;
	struct nyx_irq_bind b;
	struct fuse fuse;
	struct stat st;
	pthread_t t;
	void *page;
	int fd;

	fuse_mount(&fuse);
	t = thread_start(fuse_serve, &fuse);
	fd = open(fuse.path, O_RDWR | O_CLOEXEC);
	ASSERT_TRUE(fd >= 0);
	ASSERT_EQ(0, fstat(fd, &st));
	ASSERT_EQ(SZ_4K, st.st_size);
	page = mmap(NULL, SZ_4K, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_TRUE(page != MAP_FAILED);

	guest_open(g);
	test_cmd(cmd_memory_add(g->fd, 0, NOWHERE, SZ_4K, page));
	queue_on(g, 0);
	W64(IRTA, NOWHERE | 0x807);
	command(g, G_IRTP, 0);
	command(g, G_IRE, 0);
	bind_irq(g, &b, msi_address(3), 0);
	eventfd_give(b.source);
	WAIT_FOR(r32(g, FSTS) & F_PPF);
	expect_record(g, DEV, 0x23, false, 3ull << 48);
	unbind_irq(g, &b);
	ASSERT_TRUE(!__atomic_load_n(&fuse.reading, __ATOMIC_SEQ_CST));
	__atomic_store_n(&fuse.give, true, __ATOMIC_SEQ_CST);
	/* An interrupt that is sent by command waits, as for any memory. */
	msi_refused(g, DEV, msi_address(3), 0, 0x22, 3);
	ASSERT_TRUE(fuse.reading);
	close(g->fd);
	close(g->events);
	munmap(page, SZ_4K);
	close(fd);
	umount2(fuse.path, MNT_DETACH);
	pthread_detach(t);
	close(fuse.fd);
	unlink(fuse.path);
}

/* The unit ends while a binding waits for memory. */
TEST(bound_table_stalls_to_the_end)
{
	struct bound bound, *b = &bound;
	struct guest *g = &b->g;
	struct stall stall;

	guest_open(g);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	stall_arm(&stall, g->ram + AT_IRT, 4096);
	bind_msi(b, msi_address(3));
	raise_irq(b);
	close(g->fd);
	close(g->events);
	ASSERT_EQ(0, eventfd_take(b->b.target));
	close(stall.uffd);
}

/* Entries come and go under it; none is lost, whatever is invalidated meanwhile. */
TEST(bound_while_invalidated)
{
	struct bound bound, *b = &bound;
	struct guest *g = &b->g;
	struct signaller s;

	guest_open(g);
	set_irte(g, 7, P | VECTOR(0x60), 0);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	bind_msi(b, msi_address(7));
	signaller_start(&s, b->b.source);
	for (unsigned long i = 0; i < ktap_iterations(300); i++) {
		store64(g, AT_IRT + 16 * 7, P | VECTOR(0x60 + i % 16));
		invalidate(g, i & 1 ? IEC_GLOBAL : IEC_INDEX(7, 0), 0);
	}
	signaller_stop(&s);
	eventfd_take(b->b.target);
	invalidate(g, IEC_GLOBAL, 0);
	/* At most one of before is still on its way. */
	arrives(b);
	expect_no_record(g);
}

/* A probe reads the guest's entry as an interrupt does, and records no fault. */
TEST(probe)
{
	struct nyx_irq_send s = {
		.size = sizeof(s), .flags = NYX_IRQ_F_PROBE, .sbdf = DEV,
	};
	struct guest guest, *g = &guest;

	guest_open(g);
	set_irte(g, 5, P | VECTOR(0x41), 0);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	s.address = msi_address(5);
	test_cmd(nyx_cmd(g->fd, NYX_IRQ_SEND, &s));
	ASSERT_EQ(NYX_IRQ_DELIVER, s.out_result);
	ASSERT_EQ(0x41, s.out_vector);
	s.address = msi_address(6);
	test_cmd(nyx_cmd(g->fd, NYX_IRQ_SEND, &s));
	ASSERT_EQ(NYX_IRQ_REFUSED, s.out_result);
	ASSERT_EQ(NYX_FAULT_IRQ_NOT_PRESENT, s.out_reason);
	expect_no_record(g);
	/* The interrupt itself is recorded. */
	msi_refused(g, DEV, msi_address(6), 0, 0x22, 6);
}

/* ---- a race: an entry that was changed is not used after the wait ---- */

struct irq_race {
	struct guest *g;
	__u32 valid;	/* vectors that may come: two of them */
	unsigned long n;
	bool stop;
};

static void *irq_racer(void *arg)
{
	struct irq_race *r = arg;
	struct nyx_irq_send s;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		__u32 valid = __atomic_load_n(&r->valid, __ATOMIC_SEQ_CST);

		s = (struct nyx_irq_send){
			.size = sizeof(s), .sbdf = DEV, .address = msi_address(5),
		};
		test_cmd(nyx_cmd(r->g->fd, NYX_IRQ_SEND, &s));
		ASSERT_EQ(NYX_IRQ_DELIVER, s.out_result);
		/* An interrupt that began after the change was complete sees it. */
		if (valid == __atomic_load_n(&r->valid, __ATOMIC_SEQ_CST))
			ASSERT_TRUE(s.out_vector == (valid & 0xff) ||
				    s.out_vector == valid >> 8);
		__atomic_add_fetch(&r->n, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

TEST(no_interrupt_after_the_wait)
{
	struct guest guest, *g = &guest;
	struct irq_race r = { .g = g };
	pthread_t t;

	guest_open(g);
	set_irte(g, 5, P | VECTOR(0x20), 0);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	r.valid = 0x20 | 0x20 << 8;
	t = thread_start(irq_racer, &r);
	for (unsigned long i = 0; i < ktap_iterations(1000); i++) {
		__u32 old = 0x20 + i % 200, new = 0x20 + (i + 1) % 200;
		unsigned long n = __atomic_load_n(&r.n, __ATOMIC_SEQ_CST);

		__atomic_store_n(&r.valid, old | new << 8, __ATOMIC_SEQ_CST);
		store64(g, AT_IRT + 16 * 5, P | VECTOR(new));
		invalidate(g, i & 1 ? IEC_GLOBAL : IEC_INDEX(5, 0), 0);
		__atomic_store_n(&r.valid, new | new << 8, __ATOMIC_SEQ_CST);
		for (int k = 0; k < 1000 && __atomic_load_n(&r.n, __ATOMIC_SEQ_CST) < n + 2; k++)
			sched_yield();
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_SEQ_CST);
	pthread_join(t, NULL);
	ASSERT_GT(r.n, 0);
}
