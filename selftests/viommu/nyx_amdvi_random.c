// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: AMD-Vi units: a guest that does whatever comes to its mind.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * See chaos.h. Afterwards the unit has to work.
 */
#include "amdvi_guest.h"
#include "chaos.h"

#include <sys/mman.h>

/*
 * Pages of the guest, as far as it keeps to its plan. Of the device table only
 * two are looked at: the others have their own use.
 */
#define DEVTAB_PAGE	1u	/* of bus 0; and 11, of bus 5 */
#define IRT_PAGE	2u	/* three */
#define GALOG_PAGE	5u
#define EVT_PAGE	6u	/* two */
#define CMD_PAGE	8u	/* two */

#define LEVELS		4u	/* of tables, mostly */

/* In a segment of its own, if there are any. */
#define DEV_FAR		NYX_SBDF(0, 0xc0, 3, 0)

#define EFR_PREFETCH	BIT(0)
#define EFR_XT		BIT(2)
#define EFR_GA		BIT(7)
#define EFR_GAM		BIT(21)
#define EFR_SEGMENTS	BIT(39)

#define RING_ADDRESS	0x000ffffffffff000ull
#define ALL_ON		(C_IOMMU | C_CMD | C_EVT | C_GALOG)
#define S_WRITABLE	(S_EVTOVERFLOW | S_EVTINT | S_WAITINT | S_GAOVERFLOW | S_GAINT)

static const __u32 devices[] = { DEV, DEV_FN, DEV2, DEV_BUS, DEV_FAR, IOAPIC };

/* EFR of the unit; there is one at a time. */
static __u64 efr;

static const __u16 registers[] = {
	DEVTAB, CMDBASE, EVTBASE, CONTROL, CONTROL, CONTROL, EXCLBASE, EXCLLIMIT, GABASE, GATAILADDR,
	SEGMENT(1), SEGMENT(2), SEGMENT(3), SEGMENT(4), SEGMENT(5), SEGMENT(6), SEGMENT(7), XTGENERAL,
	XTPPR, XTGA, CMDHEAD, CMDTAIL, CMDTAIL, EVTHEAD, EVTTAIL, STATUS, GAHEAD, GATAIL, EFR, EFR2,
};

/* ---- what is in memory ---- */

static unsigned int level_of(__u64 table)
{
	return 1 + table / SZ_4K % LEVELS;
}

static __u64 table_of(struct rng *r, unsigned int level)
{
	return (TABLE_PAGE + LEVELS * rng_below(r, (PAGES - TABLE_PAGE) / LEVELS) + level - 1) *
	       SZ_4K;
}

static __u64 few(struct rng *r, __u64 bit)
{
	return rng_below(r, 8) ? 0 : bit;
}

static __u64 many(struct rng *r, __u64 bit)
{
	return rng_below(r, 16) ? bit : 0;
}

static __u64 int_word(struct rng *r)
{
	return many(r, D2_IV) | D2_LEN(rng_below(r, 4) ? 6 + rng_below(r, 4) : rng_below(r, 16)) |
	       (IRT_PAGE * SZ_4K + 64 * rng_below(r, 16)) |
	       D2_CTL(rng_below(r, 4) ? 2 : rng_below(r, 4)) | few(r, D2_IG) |
	       few(r, D2_INIT) | few(r, D2_EXTINT) | few(r, D2_NMI);
}

/* At its place with any number of segments. */
static void write_dte(struct guest *g, struct rng *r)
{
	const __u32 rid = devices[rng_below(r, ARRAY_SIZE(devices))];
	const __u64 at = DEVTAB_PAGE * SZ_4K + 32 * (rid & 0xffff >> rng_below(r, 4));
	__u64 root = rng_below(r, 4) ? table_of(r, LEVELS) : chaos_page(r);
	unsigned int mode = rng_below(r, 6) ? level_of(root) : rng_below(r, 8);

	chaos_store(g, at + 16, int_word(r) ^ chaos_noise(r), chaos_noise(r) & few(r, ~0ull));
	root |= D_MODE(mode) | many(r, D_V) | many(r, D_TV) | many(r, D_IR) | many(r, D_IW);
	chaos_store(g, at, root ^ chaos_noise(r),
		    (rng_below(r, 4) | few(r, D1_SE) | few(r, D1_SA) | few(r, D1_EX)) ^
		    chaos_noise(r));
}

/* The address of a page of any power of two. */
static __u64 sized(struct rng *r, unsigned int max)
{
	const unsigned int lg2 = 13 + rng_below(r, max);

	return (chaos_page(r) & ~(BIT(lg2) - 1)) | (BIT(lg2 - 1) - SZ_4K) | P_NL(7);
}

static __u64 any_entry(struct rng *r, unsigned int level)
{
	switch (rng_below(r, 24)) {
	case 0:
		return chaos_page(r) | P_NL(rng_below(r, 8));
	case 1:
		return sized(r, 38);
	case 2:
		return sized(r, 9) << (9 * (level - 1));
	case 3:
		/* A large page. */
		return rng_below(r, 2) ? SZ_1G : 0;
	default:
		break;
	}
	if (level == 1)
		return chaos_page(r);
	if (level > 2)
		level -= !rng_below(r, 4);
	return table_of(r, level - 1) | P_NL(level - 1);
}

static void write_entry(struct guest *g, struct rng *r)
{
	const unsigned int level = 1 + rng_below(r, LEVELS);

	store64(g, table_of(r, level) + 8 * rng_below(r, 8),
		(any_entry(r, level) | many(r, P_PR) | many(r, P_IR) | many(r, P_IW) |
		 (level == 1 ? few(r, P_FC) : 0)) ^ chaos_noise(r));
}

/* Of both sizes, which share the table. */
static void write_irte(struct guest *g, struct rng *r)
{
	const __u64 first = many(r, 1) | few(r, 2) | rng_below(r, 2) << 2 | rng_below(r, 4) << 5 |
			    few(r, rng_below(r, 8) << 2);
	const __u64 irt = IRT_PAGE * SZ_4K;

	if (!(efr & EFR_GA) || !rng_below(r, 4)) {
		store32(g, irt + 4 * rng_below(r, 128),
			(first | rng_below(r, SZ_64K) << 8) ^ chaos_noise(r));
		return;
	}
	chaos_store(g, irt + 16 * rng_below(r, 128),
		    (first | (rng_below(r, 4) ? 0 : 1 << 7) | rng_next(r) << 8) ^ chaos_noise(r),
		    (chaos_page(r) | rng_below(r, 256)) ^ chaos_noise(r));
}

static void write_memory(struct guest *g, struct rng *r)
{
	switch (rng_below(r, 8)) {
	case 0:
		write_dte(g, r);
		break;
	case 1:
	case 2:
		write_irte(g, r);
		break;
	default:
		write_entry(g, r);
		break;
	}
}

/* ---- commands ---- */

static __u64 pages_range(struct rng *r)
{
	switch (rng_below(r, 4)) {
	case 0:
		return PAGES_ALL;
	case 1:
		return (sized(r, 38) & ~0xfffull) | 1 | few(r, 2);
	case 2:
		return chaos_page(r) | rng_below(r, 4);
	default:
		return (chaos_iova(r) & ~0xfffull) | rng_below(r, 4);
	}
}

static void write_command(struct guest *g, struct rng *r, __u64 at)
{
	const __u32 rid = devices[rng_below(r, ARRAY_SIZE(devices))];
	__u64 lo, hi = 0;

	switch (rng_below(r, 12)) {
	case 0:
		/* Stores anywhere; also with I, and F. */
		lo = CMD_WAIT(chaos_page(r) & RING_ADDRESS) | 8 * rng_below(r, 512);
		lo |= rng_below(r, 4) << 1;
		hi = rng_next(r);
		break;
	case 1:
		lo = CMD_WAIT_INT;
		break;
	case 2:
	case 3:
		lo = CMD_PAGES(rng_below(r, 4));
		hi = pages_range(r);
		break;
	case 4:
	case 5:
		lo = CMD_IRT(rid);
		break;
	case 6:
		lo = rng_below(r, 4) ? CMD_DTE(rid) : CMD_IOTLB(rid);
		break;
	case 7:
		lo = rng_below(r, 4) && !(efr & EFR_PREFETCH) ? CMD_DTE(rid) : CMD_PREFETCH(rid);
		break;
	case 8:
		lo = rng_below(r, 20) ? CMD_ALL : CMD_PPR;
		break;
	case 9:
		lo = CMD_DTE(rid);
		break;
	default:
		/* Any opcode; but then all that follow are not done. */
		lo = rng_below(r, 20) ? CMD_DTE(rid) : rng_next(r);
		break;
	}
	chaos_store(g, at, lo ^ chaos_noise(r) * !rng_below(r, 4), hi);
}

static void commands(struct guest *g, bool on)
{
	const __u64 control = r64(g, CONTROL);

	w64(g, CONTROL, on ? control | C_CMD : control & ~C_CMD);
}

static void restart(struct guest *g)
{
	commands(g, false);
	w32(g, CMDHEAD, 0);
	w32(g, CMDTAIL, 0);
	commands(g, true);
}

/* As a driver; and when the unit stops, one of the ways out. */
static void use_queue(struct chaos *c, struct rng *r)
{
	struct guest *g = c->g;
	const __u64 base = r64(g, CMDBASE), size = 16ull << (base >> 56);
	const __u32 head = r32(g, CMDHEAD), n = 1 + rng_below(r, 20);
	const __u64 ring = base & RING_ADDRESS;

	if (size < SZ_4K || ring + size > CHAOS_RAM || head >= size) {
		w64(g, CMDBASE, CMD_PAGE * SZ_4K | (8 + rng_below(r, 2)) << 56);
		restart(g);
		return;
	}
	for (__u32 i = 0; i < n; i++)
		write_command(g, r, ring + ((head + 16 * i) & (size - 1)));
	w32(g, CMDTAIL, (head + 16 * n) & (size - 1));
	if (r32(g, STATUS) & S_CMDRUN)
		return;
	if (rng_below(r, 4)) {
		commands(g, false);
		chaos_store(g, ring + (r32(g, CMDHEAD) & (size - 1)), CMD_ALL, 0);
		commands(g, true);
	} else if (rng_below(r, 4)) {
		restart(g);
	}
}

/* ---- registers ---- */

static __u64 near(struct rng *r, unsigned int page)
{
	return rng_below(r, 4) ? page * SZ_4K : chaos_page(r);
}

static __u64 register_value(struct rng *r, __u16 offset)
{
	/* Pages of a table; logarithms of a ring. */
	const __u64 pages = rng_below(r, 4) ? 0x1ff : rng_below(r, 16);
	const __u64 len = rng_below(r, 4) ? 8 + rng_below(r, 2) : rng_below(r, 16);

	switch (offset) {
	case DEVTAB:
	case SEGMENT(1) ... SEGMENT(7):
		return near(r, DEVTAB_PAGE) | pages | (chaos_noise(r) & 0xfff);
	case CMDBASE:
		return near(r, CMD_PAGE) | len << 56;
	case EVTBASE:
		return near(r, EVT_PAGE) | len << 56;
	case GABASE:
		return near(r, GALOG_PAGE) | len << 56;
	case CONTROL:
		/* Mostly on, as otherwise nothing happens. */
		return rng_next(r) | (rng_below(r, 4) ? ALL_ON : 0);
	case EXCLBASE:
	case EXCLLIMIT:
		return (chaos_iova(r) & ~0xfffull) | rng_below(r, 4);
	case CMDHEAD ... EVTTAIL:
	case GAHEAD:
	case GATAIL:
		return rng_below(r, rng_below(r, 4) ? 64 : 0x10000) << 4;
	case XTGENERAL:
	case XTPPR:
	case XTGA:
		/* A vector of 0 is special. */
		return rng_next(r) & ~(rng_below(r, 2) ? 0xffull << 32 : 0);
	default:
		return rng_next(r);
	}
}

static void access_registers(struct chaos *c, struct rng *r)
{
	const __u16 offset = registers[rng_below(r, ARRAY_SIZE(registers))];

	chaos_access(c->g, r, offset, register_value(r, offset));
	/* Once in a while it clears what stands in its way, or reads a log. */
	if (!rng_below(r, 4))
		w32(c->g, STATUS, S_WRITABLE);
	if (!rng_below(r, 32))
		w32(c->g, EVTHEAD, r32(c->g, EVTTAIL));
	if (!rng_below(r, 32))
		w32(c->g, GAHEAD, r32(c->g, GATAIL));
}

/* Everything on, at its place. */
static void revive(struct chaos *c, struct rng *r)
{
	static const __u16 pointers[] = { CMDHEAD, CMDTAIL, EVTHEAD, EVTTAIL, GAHEAD, GATAIL };
	struct guest *g = c->g;
	__u64 on = ALL_ON | C_EVTINT | C_WAITINT | C_GAINT;

	w64(g, CONTROL, 0);
	w32(g, STATUS, S_WRITABLE);
	for (size_t i = 0; i < ARRAY_SIZE(pointers); i++)
		w32(g, pointers[i], 0);
	w64(g, DEVTAB, DEVTAB_PAGE * SZ_4K | 0x1ff);
	for (unsigned int n = 1; n < 8; n++)
		w64(g, SEGMENT(n), DEVTAB_PAGE * SZ_4K | 0x1ff);
	w64(g, CMDBASE, CMD_PAGE * SZ_4K | 8ull << 56);
	w64(g, EVTBASE, EVT_PAGE * SZ_4K | 9ull << 56);
	w64(g, GABASE, GALOG_PAGE * SZ_4K | 8ull << 56);
	if (rng_below(r, 4))
		w64(g, EXCLBASE, 0);
	on |= few(r, C_SEGMENTS(rng_below(r, 8)));
	on |= many(r, C_GA) | many(r, C_XT) | many(r, C_GAM) | few(r, C_INTCAPXT);
	w64(g, CONTROL, on);
	for (int i = 0; i < 4; i++)
		write_dte(g, r);
}

static void message(struct rng *r, struct nyx_irq_send *s)
{
	s->address = (MSI_BASE | few(r, 4 * rng_below(r, SZ_64K))) ^ (chaos_noise(r) & 0xffffffff);
	s->data = rng_below(r, 8) ? rng_below(r, 64) : rng_next(r) & 0x1ffff;
}

/* ---- the cases ---- */

static const struct chaos_model model = {
	.devices = devices, .nr_devices = ARRAY_SIZE(devices), .page = P_RW,
	.write_memory = write_memory, .use_queue = use_queue,
	.access_registers = access_registers, .revive = revive, .message = message,
};

static void works_again(struct guest *g)
{
	__u64 root;

	R64(CONTROL, 0);
	R32(STATUS, 0);
	R64(EFR, efr);
	g->control = 0;
	root = attach(g, DEV, DID, 4);
	set_pte(g, root, 4, 0x5000, 1, 0x800000 | P_RW);
	attach(g, DEV2, DID + 1, 3);
	dte(g, DEV)[2] = irt_at(0) | D2_IV | D2_LEN(9) | D2_CTL(2);
	if (efr & EFR_GA)
		chaos_store(g, irt_at(0) + 3 * 16, 7 << 8 | 1, 0x42);
	else
		store32(g, irt_at(0) + 3 * 4, 0x42 << 16 | 7 << 8 | 1);
	boot(g, (efr & EFR_XT ? BOOT_XT : 0) | (efr & EFR_GA ? BOOT_GA : 0));
	R32(STATUS, S_CMDRUN | S_EVTRUN);
	reaches(g, DEV, 0x5000, 0x800000);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, MSI_BASE, 3));
	ASSERT_EQ(0x42, g->s.out_vector);
	ASSERT_EQ(7, g->s.out_dest);
	control(g, C_WAITINT, 0);
	ASSERT_EQ(0, msis(g, NULL));
	cmd(g, CMD_WAIT_INT, 0);
	ASSERT_EQ(1, msis(g, NULL));
	refused(g, DEV2, false, 0x5000, DID + 1, E_FAULT);
	ASSERT_EQ(1, msis(g, NULL));
	R32(STATUS, S_CMDRUN | S_EVTRUN | S_WAITINT | S_EVTINT);
}

static void hostile(struct guest *g, const struct guest_opts *opts, __u64 salt,
		    unsigned long steps)
{
	guest_open_opts(g, opts);
	test_cmd(cmd_device_add(g->fd, DEV_FAR));
	efr = r64(g, EFR);
	chaos(g, &model, salt, steps);
	works_again(g);
}

#define GUEST_APIC	NYX_AMDVI_F_GUEST_APIC
#define EVERYTHING	(GUEST_APIC | NYX_AMDVI_F_SEGMENTS | NYX_AMDVI_F_PREFETCH | \
			 NYX_AMDVI_F_DEVICE_TLB)
#define SMALL		(NYX_AMDVI_F_XAPIC | NYX_AMDVI_F_SMALL_IRTES)

static const struct chaos_case {
	const char *name;
	struct guest_opts opts;
} chaos_cases[] = {
	{ "plain", { .width = 57 } },
	{ "everything", { .flags = EVERYTHING, .iotlb = 64 } },
};

TEST_EACH(hostile_guest, chaos_cases)
{
	struct guest guest;

	hostile(&guest, &v->opts, 100 * (unsigned int)(v - chaos_cases), ktap_iterations(30000));
	chaos_tell(&guest);
}

/* All that there can be, a little of each. */
TEST(every_feature)
{
	const __u32 all = SMALL | EVERYTHING;

	for (__u32 flags = 0; flags <= all; flags++) {
		const struct guest_opts opts = { .flags = flags };
		struct guest guest;

		/* Small entries have no room for the rest. */
		if ((flags & NYX_AMDVI_F_SMALL_IRTES) &&
		    (flags & (SMALL | GUEST_APIC)) != SMALL)
			continue;
		hostile(&guest, &opts, 1000 + flags, ktap_iterations(200));
		close(guest.events);
		close(guest.fd);
		munmap(guest.ram, GUEST_RAM);
	}
}
