// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: VT-d units: a guest that does everything at once.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * See chaos.h. Afterwards the unit has to work.
 */
#include "chaos.h"
#include "vtd_guest.h"

static const __u32 devices[] = { DEV, DEV_FN, DEV2, DEV_BUS };

static void fill(struct guest *g)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++) {
		/* The first two share a domain. */
		const __u64 root = attach(g, devices[i], DID + i / 2, 3);

		set_pte(g, root, 3, CHAOS_DATA, 0, (AT_DATA + CHAOS_DATA) | PTE_RW);
		set_pte(g, root, 3, CHAOS_TABLE, 0, AT_CTX | PTE_RW);
		/* The second is posted, where the unit can. */
		set_irte(g, 2 * i, 1 | (0x40 + i) << 16, 0);
		set_irte(g, 2 * i + 1, 1 | 0x8000 | 0x50 << 16 | (AT_DATA + 64 * i) << 32, 0);
	}
}

static void start(struct guest *g)
{
	w32(g, GCMD, 0);
	w32(g, FSTS, 0x7f);
	w32(g, IQT, 0);
	w64(g, IQA, AT_QUEUE);
	w64(g, RTADDR, AT_ROOT);
	w64(g, IRTA, AT_IRT | 0xf);
	w32(g, GCMD, G_RTP | G_IRTP | G_QIE);
	w32(g, GCMD, G_TE | G_IRE | G_QIE);
}

static void give_commands(struct guest *g, struct rng *r)
{
	static const __u64 desc[][2] = {
		{ CC_GLOBAL }, { CC_DOMAIN(DID) }, { CC_DEVICE(DID, DEV, 0) }, { IOTLB_GLOBAL },
		{ IOTLB_DOMAIN(DID) }, { IOTLB_PAGE(DID), CHAOS_DATA }, { IEC_GLOBAL },
		{ IEC_INDEX(2, 1) }, { WAIT_SW | BIT(32), AT_STATUS }, { WAIT_IF },
	};
	__u32 at = r32(g, IQH) & 0xff0;

	for (__u64 n = 1 + rng_below(r, 8); n; n--) {
		const __u64 *d = desc[rng_below(r, ARRAY_SIZE(desc))];

		store64(g, AT_QUEUE + at + 8, d[1]);
		store64(g, AT_QUEUE + at, d[0] ^ (rng_below(r, 8) ? 0 : chaos_noise(r)));
		at = (at + 16) & 0xff0;
	}
	w32(g, IQT, at);
	if (r32(g, FSTS) & F_IQE)
		start(g);
}

static void message(struct rng *r, struct nyx_irq_send *s)
{
	s->address = msi_address(rng_below(r, 9)) ^ (chaos_noise(r) & 0xffffffff);
	s->data = 0;
}

static const struct chaos_model model = {
	.devices = devices, .nr_devices = ARRAY_SIZE(devices), .fill = fill, .start = start,
	.give_commands = give_commands, .message = message,
};

static const struct chaos_case {
	const char *name;
	struct guest_opts opts;
} chaos_cases[] = {
	{ "plain", { 0 } },
	{ "posted", { .flags = NYX_VTD_F_POSTED, .iotlb = 64 } },
};

TEST_EACH(hostile_guest, chaos_cases)
{
	struct guest guest, *g = &guest;

	guest_open_opts(g, &v->opts);
	chaos(g, &model, v - chaos_cases, ktap_iterations(30000));
	fill(g);
	boot(g, BOOT_ALL);
	reaches(g, DEV, CHAOS_DATA, AT_DATA + CHAOS_DATA);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(2), 0));
	ASSERT_EQ(0x41, g->s.out_vector);
	refused(g, DEV2, true, 0x9000, 0x06);
}
