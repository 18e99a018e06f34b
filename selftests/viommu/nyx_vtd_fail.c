// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: VT-d units: allocations that fail, one after the other.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Beside the answers, the kernel's own complaints and leaks are looked for.
 */
#include "fail_guest.h"
#include "vtd_guest.h"

#include <sys/mman.h>

#define P	1ull

static void forget(struct guest *g)
{
	put(g, CC_GLOBAL, 0);
	put(g, IOTLB_GLOBAL, 0);
	put(g, IEC_GLOBAL, 0);
	settle(g);
}

static void restart(struct guest *g)
{
	test_cmd(nyx_cmd(g->fd, NYX_UNIT_RESET, &(struct nyx_unit_reset){
		.size = sizeof(struct nyx_unit_reset) }));
	g->gcmd = 0;
	boot(g, BOOT_ALL);
}

static const struct fail_vendor vendor = {
	.create = { .model = NYX_MODEL_VTD, .iotlb_entries = NYX_DEFAULT },
	.mmio_size = NYX_MMIO_SIZE,
	.forget = forget,
	.restart = restart,
	.msi = { .address = 0xfee00018 | 5 << 5 },
};

/* DEV reaches AT_DATA, and has entry 5. */
static void boot_guest(struct guest *g)
{
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, AT_DATA, 0, AT_DATA | PTE_RW);
	memset(g->ram + AT_DATA, 0, SZ_4K);
	set_irte(g, 5, P | 0x51 << 16 | 1ull << 32, 0);
	boot(g, BOOT_ALL);
}

static const struct create_case {
	const char *name;
	struct nyx_unit_create u;
	struct nyx_unit_vtd vtd;
} create_cases[] = {
	{ "plain", { .model = NYX_MODEL_VTD, .iotlb_entries = NYX_DEFAULT }, {} },
	{ "no_cache", { .model = NYX_MODEL_VTD }, {} },
	{ "all", { .model = NYX_MODEL_VTD, .iotlb_entries = 65536, .event_entries = 4096,
		   .flags = NYX_UNIT_F_SHARED, .name = "failing" },
	  { .flags = NYX_VTD_F_CACHING_MODE | NYX_VTD_F_XAPIC | NYX_VTD_F_SMALL_PAGES |
		     NYX_VTD_F_POSTED } },
};

TEST_EACH(creation, create_cases)
{
	struct nyx_unit_create u = v->u;

	u.data_uptr = (uintptr_t)&v->vtd;
	u.data_len = sizeof(v->vtd);
	fail_creation(&u);
}

/* A context entry that says something of its requester needs memory of its own. */
static const struct ctx_case {
	const char *name;
	__u64 lo;
} ctx_cases[] = {
	{ "plain", 0 },
	{ "fpd", 2 },
};

TEST_EACH(every_command, ctx_cases)
{
	struct guest guest, *g = &guest;

	boot_guest(g);
	words(g, AT_CTX)[2 * (DEV & 0xff)] |= v->lo;
	fail_commands(g, &vendor);
	expect_no_record(g);
}

TEST(every_offset)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	fail_offsets(g, &vendor);
}

/* One of each kind, and what a wait stores goes to a page that is not there. */
static void fill_queue(struct guest *g)
{
	put(g, CC_DEVICE(DID, DEV & 0xffff, 0), 0);
	put(g, CC_DOMAIN(DID), 0);
	put(g, CC_GLOBAL, 0);
	put(g, IOTLB_PAGE(DID), AT_DATA);
	put(g, IOTLB_DOMAIN(DID), 0);
	put(g, IOTLB_GLOBAL, 0);
	put(g, IEC_INDEX(5, 0), 0);
	put(g, IEC_GLOBAL, 0);
	put(g, WAIT_SW | WAIT_IF, AT_DATA + SZ_1M);
	ASSERT_EQ(0, madvise(g->ram + AT_DATA + SZ_1M, SZ_4K, MADV_DONTNEED));
	/* Where it is going to be written to. */
	store64(g, AT_STATUS, 0);
}

/* The tail is the slot behind what fill_queue() puts, from 0 on. */
static void queue_from_0(struct guest *g)
{
	command(g, 0, G_QIE);
	queue_on(g, 0);
	fill_queue(g);
}

/* Stopped by a descriptor that there is not; then that is mended. */
static void stop_queue(struct guest *g)
{
	queue_from_0(g);
	words(g, AT_QUEUE)[0] = 0xf;
	submit(g);
	ASSERT_EQ(F_IQE, r32(g, FSTS) & F_IQE);
	words(g, AT_QUEUE)[0] = CC_GLOBAL;
}

static void queue_off(struct guest *g)
{
	command(g, 0, G_QIE);
	w32(g, IQT, 0);
	g->tail = 0;
	fill_queue(g);
	w32(g, IQT, g->tail << 4);
}

#define ON	(G_TE | G_QIE | G_IRE)

static const struct fail_write writes[] = {
	{ "new_root", NULL, GCMD, 4, ON | G_RTP },
	{ "new_table", NULL, GCMD, 4, ON | G_IRTP },
	{ "translation_off", NULL, GCMD, 4, ON & ~G_TE },
	{ "remapping_off", NULL, GCMD, 4, ON & ~G_IRE },
	{ "compatible", NULL, GCMD, 4, ON | G_CFI },
	{ "queue_off", NULL, GCMD, 4, ON & ~G_QIE },
	{ "all_off", NULL, GCMD, 4, 0 },
	{ "queue_on", queue_off, GCMD, 4, ON },
	{ "context_global", NULL, CCMD, 8, 1ull << 63 | 1ull << 61 },
	{ "context_domain", NULL, CCMD, 8, 1ull << 63 | 2ull << 61 | DID },
	{ "context_device", NULL, CCMD, 8,
	  1ull << 63 | 3ull << 61 | (DEV & 0xffff) << 16 | DID },
	{ "iotlb_global", NULL, IOTLB, 8, 1ull << 63 | 1ull << 60 },
	{ "iotlb_domain", NULL, IOTLB, 8, 1ull << 63 | 2ull << 60 | (__u64)DID << 32 },
	{ "iotlb_page", NULL, IOTLB, 8, 1ull << 63 | 3ull << 60 | (__u64)DID << 32 },
	{ "queue", queue_from_0, IQT, 4, 9 << 4 },
	{ "queue_goes_on", stop_queue, FSTS, 4, F_IQE },
};

TEST_EACH(register_write, writes)
{
	struct guest guest, *g = &guest;

	boot_guest(g);
	fail_write(g, &vendor, v);
}
