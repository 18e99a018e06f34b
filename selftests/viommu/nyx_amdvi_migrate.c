// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: AMD-Vi units that are saved and loaded.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "amdvi_guest.h"
#include "migrate_guest.h"

/* DEV reaches AT_DATA, and has entry 5 of a table. */
static void boot_guest(struct guest *g)
{
	__u64 root;

	guest_open(g, .flags = NYX_AMDVI_F_SEGMENTS);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, AT_DATA, 1, AT_DATA | P_RW);
	dte(g, DEV)[2] = irt_at(0) | D2_IV | D2_LEN(9) | D2_CTL(2);
	words(g, irt_at(0))[10] = 1 | 1 << 8;
	words(g, irt_at(0))[11] = 0x51;
	boot(g, BOOT_XT);
}

static void forget(struct guest *g)
{
	invalidate(g, CMD_ALL, 0);
}

static const struct nyx_unit_amdvi other = { .flags = NYX_AMDVI_F_PREFETCH };

static const struct migrate_vendor vendor = {
	.boot = boot_guest,
	.forget = forget,
	.iova = AT_DATA,
	.msi = { .address = 0xfee00000, .data = 5 },
	.other = &other,
	.other_len = sizeof(other),
};

TEST(round_trip)
{
	migrate_round_trip(&vendor);
}

/**
 * struct stop - a stop of a guest's unit
 * @g: the guest
 * @c: the command
 */
struct stop {
	struct guest g;
	struct nyx_migrate c;
};

static int do_stop(void *arg)
{
	struct stop *s = arg;

	return cmd_migrate(s->g.fd, NYX_MIGRATE_STOP_COPY, &s->c);
}

/* The entry of a fault is in the log before the stop returns; no byte changes behind it. */
TEST(stop_finishes_the_log)
{
	unsigned char before[SZ_4K], part[512];
	struct caller caller;
	struct stall stall;
	struct nyx_dma dma;
	struct stop s;
	__u8 byte;

	boot_guest(&s.g);
	stall_arm(&stall, s.g.ram + AT_EVT, SZ_4K);
	test_cmd(cmd_dma_read(s.g.fd, &dma, DEV, AT_DATA + SZ_4K, &byte, 1));
	ASSERT_EQ(0, dma.out_done);
	caller_start(&caller, do_stop, &s);
	stall_wait(&stall);
	ASSERT_TRUE(caller_waits(&caller));
	stall_release(&stall, 0);
	test_cmd(caller_end(&caller));
	ASSERT_EQ(AT_DATA + SZ_4K, load64(&s.g, AT_EVT + 8));
	ASSERT_NE(0, load64(&s.g, AT_EVT));
	memcpy(before, s.g.ram + AT_EVT, SZ_4K);
	while (read(s.c.out_fd, part, sizeof(part)) > 0)
		;
	ASSERT_SAME(before, s.g.ram + AT_EVT, SZ_4K);
	close(s.c.out_fd);
	expect_event(&s.g, DEV, DID, E_FAULT, AT_DATA + SZ_4K);
}

TEST(hostile)
{
	migrate_hostile(&vendor);
}
