// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: VT-d units that are saved and loaded.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "migrate_guest.h"
#include "vtd_guest.h"

#define P	1ull

/* DEV reaches AT_DATA, and has entry 5. */
static void boot_guest(struct guest *g)
{
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, AT_DATA, 0, AT_DATA | PTE_RW);
	set_irte(g, 5, P | 0x51 << 16 | 1ull << 32, 0);
	boot(g, BOOT_ALL);
}

static void forget(struct guest *g)
{
	put(g, CC_GLOBAL, 0);
	put(g, IOTLB_GLOBAL, 0);
	put(g, IEC_GLOBAL, 0);
	settle(g);
}

static const struct nyx_unit_vtd other = { .flags = NYX_VTD_F_SMALL_PAGES };

static const struct migrate_vendor vendor = {
	.boot = boot_guest,
	.forget = forget,
	.iova = AT_DATA,
	.msi = { .address = 0xfee00018 | 5 << 5 },
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
