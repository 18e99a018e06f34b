// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: AMD-Vi units: allocations that fail, one after the other.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Beside the answers, the kernel's own complaints and leaks are looked for.
 */
#include "amdvi_guest.h"
#include "fail_guest.h"

#include <sys/mman.h>

#define FLAGS	(NYX_AMDVI_F_GUEST_APIC | NYX_AMDVI_F_SEGMENTS | NYX_AMDVI_F_PREFETCH | \
		 NYX_AMDVI_F_DEVICE_TLB)

static void forget(struct guest *g)
{
	invalidate(g, CMD_ALL, 0);
}

static void restart(struct guest *g)
{
	test_cmd(nyx_cmd(g->fd, NYX_UNIT_RESET, &(struct nyx_unit_reset){
		.size = sizeof(struct nyx_unit_reset) }));
	g->control = 0;
	g->tail = 0;
	boot(g, BOOT_XT);
}

static const struct fail_vendor vendor = {
	.create = { .model = NYX_MODEL_AMDVI, .iotlb_entries = NYX_DEFAULT },
	.mmio_size = NYX_MMIO_SIZE_AMDVI,
	.forget = forget,
	.restart = restart,
	.msi = { .address = 0xfee00000, .data = 5 },
};

/* DEV reaches AT_DATA, and has entry 5 of a table. */
static void boot_guest(struct guest *g)
{
	__u64 root;

	guest_open(g, .flags = FLAGS);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, AT_DATA, 1, AT_DATA | P_RW);
	memset(g->ram + AT_DATA, 0, SZ_4K);
	dte(g, DEV)[2] = irt_at(0) | D2_IV | D2_LEN(9) | D2_CTL(2);
	words(g, irt_at(0))[10] = 1 | 1 << 8;
	words(g, irt_at(0))[11] = 0x51;
	boot(g, BOOT_XT);
}

static const struct create_case {
	const char *name;
	struct nyx_unit_create u;
	struct nyx_unit_amdvi amdvi;
} create_cases[] = {
	{ "plain", { .model = NYX_MODEL_AMDVI, .iotlb_entries = NYX_DEFAULT }, {} },
	{ "no_cache", { .model = NYX_MODEL_AMDVI }, {} },
	{ "small", { .model = NYX_MODEL_AMDVI, .iotlb_entries = 64, .event_entries = 4096,
		     .flags = NYX_UNIT_F_SHARED, .name = "failing" },
	  { .flags = NYX_AMDVI_F_XAPIC | NYX_AMDVI_F_SMALL_IRTES } },
	{ "all", { .model = NYX_MODEL_AMDVI, .iotlb_entries = 65536 }, { .flags = FLAGS } },
};

TEST_EACH(creation, create_cases)
{
	struct nyx_unit_create u = v->u;

	u.data_uptr = (uintptr_t)&v->amdvi;
	u.data_len = sizeof(v->amdvi);
	fail_creation(&u);
}

/* A device table entry that says something of its requester needs memory of its own. */
static const struct ctx_case {
	const char *name;
	__u64 base;
} ctx_cases[] = {
	{ "plain", 0 },
	{ "exclusion_range", NOWHERE | 3 },
};

TEST_EACH(every_command, ctx_cases)
{
	struct guest guest, *g = &guest;

	boot_guest(g);
	W64(EXCLBASE, v->base);
	W64(EXCLLIMIT, NOWHERE);
	fail_commands(g, &vendor);
	expect_no_event(g);
}

TEST(every_offset)
{
	struct guest guest, *g = &guest;

	guest_open(g, .flags = FLAGS);
	fail_offsets(g, &vendor);
}

/* One of each kind, and what a wait stores goes to a page that is not there. */
static void fill_ring(struct guest *g)
{
	const __u64 cmds[][2] = {
		{ CMD_DTE(DEV), 0 }, { CMD_PAGES(DID), AT_DATA }, { CMD_PAGES(DID), PAGES_ALL },
		{ CMD_IOTLB(DEV), 0 }, { CMD_IRT(DEV), 0 }, { CMD_PREFETCH(DEV), 0 },
		{ CMD_ALL, 0 }, { CMD_WAIT(AT_DATA + SZ_1M), 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++) {
		words(g, AT_CMD)[2 * i] = cmds[i][0];
		words(g, AT_CMD)[2 * i + 1] = cmds[i][1];
	}
	ASSERT_EQ(0, madvise(g->ram + AT_DATA + SZ_1M, SZ_4K, MADV_DONTNEED));
	control(g, 0, C_CMD);
	w32(g, CMDHEAD, 0);
	w32(g, CMDTAIL, 0);
}

static void ring_on(struct guest *g)
{
	fill_ring(g);
	control(g, C_CMD, 0);
}

static void ring_off(struct guest *g)
{
	fill_ring(g);
	w32(g, CMDTAIL, 8 << 4);
}

/* An entry is kept for a page of the log that is not there. */
static void log_waits(struct guest *g)
{
	ASSERT_EQ(0, madvise(g->ram + AT_EVT, 2 * SZ_4K, MADV_DONTNEED));
	ASSERT_NE(0, poke(g, DEV, AT_DATA + SZ_4K));
}

#define ON	(C_IOMMU | C_CMD | C_EVT | C_EVTINT | C_GA | C_XT)
#define LOG(lg2)	(AT_EVT | (__u64)(lg2) << 56)

static const struct fail_write writes[] = {
	{ "off", NULL, CONTROL, 8, ON & ~C_IOMMU },
	{ "all_off", NULL, CONTROL, 8, 0 },
	{ "segments", NULL, CONTROL, 8, ON | C_SEGMENTS(3) },
	{ "small_entries", NULL, CONTROL, 8, ON & ~(C_GA | C_XT) },
	{ "guest_apic", NULL, CONTROL, 8, ON | C_GAM | C_GALOG | C_GAINT },
	{ "no_log", log_waits, CONTROL, 8, ON & ~C_EVT },
	{ "ring", ring_on, CMDTAIL, 4, 8 << 4 },
	{ "ring_goes_on", ring_off, CONTROL, 8, ON },
	{ "log", log_waits, EVTHEAD, 4, 16 },
	{ "longer_log", log_waits, EVTBASE, 8, LOG(10) },
	{ "longest_log", NULL, EVTBASE, 8, LOG(15) },
	{ "upper_half", NULL, EVTBASE + 4, 4, 12u << 24 },
	{ "guest_log", NULL, GABASE, 8, AT_GALOG | 9ull << 56 },
	{ "longest_guest_log", NULL, GABASE, 8, AT_GALOG | 15ull << 56 },
};

TEST_EACH(register_write, writes)
{
	struct guest guest, *g = &guest;

	boot_guest(g);
	fail_write(g, &vendor, v);
}
