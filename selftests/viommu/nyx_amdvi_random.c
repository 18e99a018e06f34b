// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: AMD-Vi units: a guest that does everything at once.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * See chaos.h. Afterwards the unit has to work.
 */
#include "amdvi_guest.h"
#include "chaos.h"

#define ALL_ON	(C_IOMMU | C_CMD | C_EVT | C_EVTINT | C_WAITINT | C_GALOG | C_GAINT | C_GA | \
		 C_XT | C_GAM)

static const __u32 devices[] = { DEV, DEV_FN, DEV2, DEV_BUS, IOAPIC };

static void fill(struct guest *g)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++) {
		/* The first two share a domain. */
		const __u64 root = attach(g, devices[i], DID + i / 2, 3);
		__u64 *irt = words(g, irt_at(i));

		set_pte(g, root, 3, CHAOS_DATA, 1, (AT_DATA + CHAOS_DATA) | P_RW);
		set_pte(g, root, 3, CHAOS_TABLE, 1, AT_DEVTAB | P_RW);
		dte(g, devices[i])[2] = irt_at(i) | D2_IV | D2_LEN(9) | D2_CTL(2);
		irt[0] = 1 | 7 << 8;
		irt[1] = 0x40 + i;
		/* The second is for a guest of the guest that does not run. */
		irt[2] = 1 | 2 | 1 << 7 | 7 << 8;
		irt[3] = (AT_DATA + i * SZ_4K) | 0x50;
	}
}

static void start(struct guest *g)
{
	static const __u16 pointers[] = { CMDHEAD, CMDTAIL, EVTHEAD, EVTTAIL, GAHEAD, GATAIL };

	w64(g, CONTROL, 0);
	w32(g, STATUS, S_EVTOVERFLOW | S_EVTINT | S_WAITINT | S_GAOVERFLOW | S_GAINT);
	for (size_t i = 0; i < ARRAY_SIZE(pointers); i++)
		w32(g, pointers[i], 0);
	w64(g, DEVTAB, AT_DEVTAB | 0x1ff);
	w64(g, CMDBASE, AT_CMD | 8ull << 56);
	w64(g, EVTBASE, AT_EVT | 8ull << 56);
	w64(g, GABASE, AT_GALOG | 8ull << 56);
	w64(g, CONTROL, ALL_ON);
}

static void give_commands(struct guest *g, struct rng *r)
{
	static const __u64 cmd[][2] = {
		{ CMD_ALL }, { CMD_DTE(DEV) }, { CMD_DTE(DEV2) }, { CMD_PAGES(DID), PAGES_ALL },
		{ CMD_PAGES(DID), CHAOS_DATA }, { CMD_IRT(DEV) }, { CMD_WAIT(AT_SEM), 1 },
		{ CMD_WAIT_INT }, { CMD_WAIT(AT_SEM), 2 },
	};
	__u32 at = r32(g, CMDHEAD) & 0xff0;

	for (__u64 n = 1 + rng_below(r, 8); n; n--) {
		const __u64 *c = cmd[rng_below(r, ARRAY_SIZE(cmd))];

		store64(g, AT_CMD + at + 8, c[1]);
		store64(g, AT_CMD + at, c[0] ^ (rng_below(r, 8) ? 0 : chaos_noise(r)));
		at = (at + 16) & 0xff0;
	}
	w32(g, CMDTAIL, at);
	/* Read the logs, as a driver does. */
	w32(g, EVTHEAD, r32(g, EVTTAIL));
	w32(g, GAHEAD, r32(g, GATAIL));
	if (!(r32(g, STATUS) & S_CMDRUN))
		start(g);
}

static void message(struct rng *r, struct nyx_irq_send *s)
{
	s->address = MSI_BASE ^ (chaos_noise(r) & 0xffffffff);
	s->data = rng_below(r, 3);
}

static const struct chaos_model model = {
	.devices = devices, .nr_devices = ARRAY_SIZE(devices), .fill = fill, .start = start,
	.give_commands = give_commands, .message = message,
};

static const struct chaos_case {
	const char *name;
	struct guest_opts opts;
} chaos_cases[] = {
	{ "plain", { .width = 57 } },
	{ "everything", { .flags = NYX_AMDVI_F_GUEST_APIC | NYX_AMDVI_F_SEGMENTS |
				   NYX_AMDVI_F_PREFETCH | NYX_AMDVI_F_DEVICE_TLB, .iotlb = 64 } },
};

TEST_EACH(hostile_guest, chaos_cases)
{
	struct guest guest, *g = &guest;

	guest_open_opts(g, &v->opts);
	chaos(g, &model, v - chaos_cases, ktap_iterations(30000));
	fill(g);
	boot(g, BOOT_XT);
	reaches(g, DEV, CHAOS_DATA, AT_DATA + CHAOS_DATA);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, MSI_BASE, 0));
	ASSERT_EQ(0x40, g->s.out_vector);
	refused(g, DEV2, true, 0x9000, DID + 1, E_FAULT);
}
