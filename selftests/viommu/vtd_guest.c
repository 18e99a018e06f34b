// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a guest with a VT-d unit, and the driver in it.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vtd_guest.h"

void guest_open_opts(struct guest *g, const struct guest_opts *o)
{
	const struct nyx_unit_vtd vtd = { .flags = o->flags, .faults = o->faults };
	struct nyx_unit_create u = {
		.model = NYX_MODEL_VTD, .address_width = o->width,
		.data_uptr = (uintptr_t)&vtd, .data_len = sizeof(vtd),
		.iotlb_entries = o->iotlb ? o->iotlb : NYX_DEFAULT,
		.view_timeout_ms = o->view_timeout_ms,
	};

	if (o->iotlb == ENV_IOTLB_OFF)
		u.iotlb_entries = 0;
	guest_create(g, &u);
	g->slots = 256;
	g->queue = AT_QUEUE;
	g->faults = o->faults ? o->faults : 8;
}

/* ---- registers ---- */

void command(struct guest *g, __u32 set, __u32 clear)
{
	const __u32 once = G_RTP | G_IRTP;

	g->gcmd = (g->gcmd | (set & ~once)) & ~clear;
	w32(g, GCMD, g->gcmd | (set & once));
	ASSERT_EQ(0, r32(g, GCMD));
	ASSERT_EQ(g->gcmd | (set & once), r32(g, GSTS) & (~once | set));
}

/* ---- memory ---- */

void set_context(struct guest *g, __u32 sbdf, __u64 lo, __u64 hi)
{
	unsigned int bus = sbdf >> 8 & 0xff, devfn = sbdf & 0xff;
	__u64 *root = words(g, AT_ROOT), *ctx;

	if (!root[2 * bus])
		root[2 * bus] = (bus ? new_table(g) : AT_CTX) | 1;
	ctx = words(g, (root[2 * bus] & ~0xfffull) + 16 * devfn);
	ctx[1] = hi;
	ctx[0] = lo;
}

void set_irte(struct guest *g, unsigned int index, __u64 lo, __u64 hi)
{
	words(g, AT_IRT)[2 * index] = lo;
	words(g, AT_IRT)[2 * index + 1] = hi;
}

__u64 *pte(struct guest *g, __u64 root, unsigned int levels, __u64 iova, unsigned int level)
{
	__u64 *entry;

	for (;;) {
		levels--;
		entry = words(g, root) + (iova >> (12 + 9 * levels) & 511);
		if (levels == level)
			return entry;
		root = *entry & 0x000ffffffffff000ull;
	}
}

void set_pte(struct guest *g, __u64 root, unsigned int levels, __u64 iova,
	     unsigned int leaf_level, __u64 leaf)
{
	for (unsigned int level = levels - 1; level > leaf_level; level--) {
		__u64 *entry = pte(g, root, levels, iova, level);

		if (!*entry)
			*entry = new_table(g) | PTE_RW;
	}
	*pte(g, root, levels, iova, leaf_level) = leaf;
}

__u64 attach(struct guest *g, __u32 sbdf, unsigned int did, unsigned int levels)
{
	__u64 root = new_table(g);

	set_context(g, sbdf, root | 1, (levels - 2) | did << 8);
	return root;
}

/* ---- the queue ---- */

void queue_on(struct guest *g, unsigned int qs)
{
	w32(g, IQT, 0);
	w64(g, IQA, g->queue | qs);
	command(g, G_QIE, 0);
	g->slots = 256 << qs;
	g->tail = 0;
}

void put(struct guest *g, __u64 lo, __u64 hi)
{
	__u64 *slot = words(g, g->queue) + 2 * g->tail;

	slot[0] = lo;
	slot[1] = hi;
	g->tail = (g->tail + 1) % g->slots;
}

void submit(struct guest *g)
{
	w32(g, IQT, g->tail << 4);
}

void settle(struct guest *g)
{
	__u64 at = AT_STATUS + 4 * (g->tail % 256);

	store32(g, at, g->cookie);
	g->cookie++;
	put(g, WAIT_SW | (__u64)g->cookie << 32, at);
	submit(g);
	ASSERT_EQ(g->cookie, load32(g, at));
	ASSERT_EQ(g->tail << 4, r64(g, IQH));
	ASSERT_EQ(g->tail << 4, r64(g, IQT));
	ASSERT_EQ(0, r32(g, FSTS) & F_IQE);
}

void invalidate(struct guest *g, __u64 lo, __u64 hi)
{
	put(g, lo, hi);
	settle(g);
}

/* ---- as the driver starts ---- */

void boot(struct guest *g, unsigned int what)
{
	if (what & BOOT_QUEUE)
		queue_on(g, 0);
	if (what & BOOT_IRQ) {
		w64(g, IRTA, AT_IRT | (what & BOOT_XAPIC ? 0x00f : 0x80f));
		command(g, G_IRTP, 0);
		invalidate(g, IEC_GLOBAL, 0);
		command(g, G_IRE, 0);
	}
	if (what & BOOT_DMA) {
		w64(g, RTADDR, AT_ROOT);
		command(g, G_RTP, 0);
		if (what & BOOT_QUEUE) {
			invalidate(g, CC_GLOBAL, 0);
			invalidate(g, IOTLB_GLOBAL, 0);
		}
		command(g, G_TE, 0);
	}
}

/* ---- what devices do ---- */

__u64 msi_address(unsigned int handle)
{
	return 0xfee00018 | (__u64)(handle & 0x7fff) << 5 | (__u64)(handle >> 15 & 1) << 2;
}

/* ---- faults ---- */

void take_record(struct guest *g, struct record *r)
{
	__u32 status = r32(g, FSTS), top, fri = status >> 8 & 0xff;

	ASSERT_TRUE(status & F_PPF);
	ASSERT_LT(fri, g->faults);
	top = r32(g, FRCD(fri) + 12);
	ASSERT_TRUE(top & BIT(31));
	/* No PASID, no type, no other bits: 61:40 and 31:16 of the high word. */
	ASSERT_EQ(0, top & 0x3fffff00);
	ASSERT_EQ(0, r32(g, FRCD(fri) + 8) >> 16);
	r->lo = r64(g, FRCD(fri));
	r->sid = r32(g, FRCD(fri) + 8);
	r->reason = top;
	r->read = top & BIT(30);
	w32(g, FRCD(fri) + 12, BIT(31));
	ASSERT_EQ(top & ~BIT(31), r32(g, FRCD(fri) + 12));
}

void expect_no_record(struct guest *g)
{
	ASSERT_EQ(0, r32(g, FSTS) & 0xff);
}

void expect_record(struct guest *g, __u32 sbdf, __u8 reason, bool read, __u64 lo)
{
	struct record r;

	take_record(g, &r);
	ASSERT_EQ(reason, r.reason);
	ASSERT_EQ((__u16)sbdf, r.sid);
	ASSERT_EQ(read, r.read);
	ASSERT_EQ(lo, r.lo);
	expect_no_record(g);
}

void refused(struct guest *g, __u32 sbdf, bool read, __u64 iova, __u8 reason)
{
	expect_no_record(g);
	ASSERT_NE(0, read ? peek(g, sbdf, iova) : poke(g, sbdf, iova));
	expect_record(g, sbdf, reason, read, iova & ~0xfffull);
}

void msi_refused(struct guest *g, __u32 sbdf, __u64 address, __u32 data, __u8 reason,
		 unsigned int index)
{
	expect_no_record(g);
	ASSERT_EQ(NYX_IRQ_REFUSED, send_msi(g, sbdf, address, data));
	expect_record(g, sbdf, reason, false, (__u64)(index & 0xffff) << 48);
}
