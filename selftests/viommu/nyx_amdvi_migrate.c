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

TEST(hostile)
{
	migrate_hostile(&vendor);
}
