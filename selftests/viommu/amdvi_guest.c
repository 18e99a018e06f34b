// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a guest with an AMD-Vi unit, and the driver in it.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "amdvi_guest.h"

void guest_open_opts(struct guest *g, const struct guest_opts *o)
{
	const struct nyx_unit_amdvi amdvi = { .flags = o->flags };
	struct nyx_unit_create u = {
		.model = NYX_MODEL_AMDVI, .address_width = o->width,
		.data_uptr = (uintptr_t)&amdvi, .data_len = sizeof(amdvi),
		.iotlb_entries = o->iotlb ? o->iotlb : NYX_DEFAULT,
		.view_timeout_ms = o->view_timeout_ms,
	};

	if (o->iotlb == ENV_IOTLB_OFF)
		u.iotlb_entries = 0;
	guest_create(g, &u);
	test_cmd(cmd_device_add(g->fd, IOAPIC));
	g->queue = AT_CMD;
	g->slots = CMD_SLOTS;
}

/* ---- registers ---- */

void control(struct guest *g, __u64 set, __u64 clear)
{
	ASSERT_EQ(g->control, r64(g, CONTROL));
	g->control = (g->control | set) & ~clear;
	w64(g, CONTROL, g->control);
	ASSERT_EQ(g->control, r64(g, CONTROL));
}

/* ---- memory ---- */

__u64 *pte(struct guest *g, __u64 root, unsigned int levels, __u64 iova, unsigned int level)
{
	__u64 *entry;

	for (;;) {
		entry = words(g, root) + (iova >> (3 + 9 * levels) & 511);
		if (levels-- == level)
			return entry;
		root = *entry & 0x000ffffffffff000ull;
	}
}

void set_pte(struct guest *g, __u64 root, unsigned int levels, __u64 iova,
	     unsigned int level, __u64 leaf)
{
	for (unsigned int l = levels; l > level; l--) {
		__u64 *entry = pte(g, root, levels, iova, l);

		if (!*entry)
			*entry = new_table(g) | P_TABLE | P_NL(l - 1);
	}
	*pte(g, root, levels, iova, level) = leaf;
}

__u64 attach(struct guest *g, __u32 sbdf, unsigned int did, unsigned int mode)
{
	__u64 root = new_table(g);

	dte(g, sbdf)[1] = did;
	dte(g, sbdf)[0] = root | D_V | D_TV | D_MODE(mode) | D_RW;
	return root;
}

/* ---- commands ---- */

void cmd(struct guest *g, __u64 lo, __u64 hi)
{
	__u64 *slot = words(g, g->queue) + 2 * g->tail;

	slot[0] = lo;
	slot[1] = hi;
	g->tail = (g->tail + 1) % g->slots;
	w32(g, CMDTAIL, g->tail << 4);
}

void settle(struct guest *g)
{
	g->cookie++;
	cmd(g, CMD_WAIT(AT_SEM), g->cookie);
	ASSERT_EQ(g->cookie, load64(g, AT_SEM));
	ASSERT_EQ(g->tail << 4, r32(g, CMDHEAD));
	ASSERT_TRUE(r32(g, STATUS) & S_CMDRUN);
}

void invalidate(struct guest *g, __u64 lo, __u64 hi)
{
	cmd(g, lo, hi);
	settle(g);
}

/* ---- as the driver starts ---- */

void boot(struct guest *g, unsigned int what)
{
	w64(g, DEVTAB, AT_DEVTAB | 0x1ff);
	w64(g, CMDBASE, AT_CMD | 9ull << 56);
	w64(g, EVTBASE, AT_EVT | 9ull << 56);
	control(g, C_CMD | C_EVT | C_EVTINT, 0);
	if (what & (BOOT_XT | BOOT_GA))
		control(g, C_GA, 0);
	if (what & BOOT_XT)
		control(g, C_XT, 0);
	control(g, C_IOMMU, 0);
	invalidate(g, CMD_ALL, 0);
}

/* ---- the event log ---- */

void take_event(struct guest *g, struct log_event *e)
{
	__u32 head = r32(g, EVTHEAD), tail = r32(g, EVTTAIL);
	__u64 *entry = words(g, AT_EVT + head);

	ASSERT_NE(head, tail);
	*e = (struct log_event){
		.rid = entry[0], .did = entry[0] >> 32, .code = entry[0] >> 48,
		.address = entry[1],
	};
	/* No PASID. */
	ASSERT_EQ(0, entry[0] >> 16 & 0xffff);
	entry[0] = 0;
	entry[1] = 0;
	w32(g, EVTHEAD, (head + 16) % 0x2000);
}

void expect_no_event(struct guest *g)
{
	ASSERT_EQ(r32(g, EVTHEAD), r32(g, EVTTAIL));
}

void expect_event(struct guest *g, __u32 sbdf, __u16 did, __u16 code, __u64 address)
{
	struct log_event e;

	take_event(g, &e);
	ASSERT_EQ(code, e.code);
	ASSERT_EQ((__u16)sbdf, e.rid);
	ASSERT_EQ(did, e.did);
	ASSERT_EQ(address, e.address);
	expect_no_event(g);
}

void refused(struct guest *g, __u32 sbdf, bool read, __u64 iova, __u16 did, __u16 code)
{
	struct nyx_dma c;
	__u8 byte = 0;

	expect_no_event(g);
	if (read)
		test_cmd(cmd_dma_read(g->fd, &c, sbdf, iova, &byte, 1));
	else
		test_cmd(cmd_dma_write(g->fd, &c, sbdf, iova, &byte, 1));
	ASSERT_EQ(0, c.out_done);
	ASSERT_NE(0, c.out_fault.reason);
	code |= read ? 0 : E_RW;
	/* The host is told in the same words. */
	ASSERT_EQ(code, c.out_fault.vendor);
	expect_event(g, sbdf, did, code, iova);
}

void refused_quietly(struct guest *g, __u32 sbdf, bool read, __u64 iova)
{
	expect_no_event(g);
	ASSERT_NE(0, read ? peek(g, sbdf, iova) : poke(g, sbdf, iova));
	expect_no_event(g);
}
