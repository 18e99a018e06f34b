// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: AMD-Vi units: registers, the boot of stock guests, commands,
 * the event log and the unit's own interrupts.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "amdvi_guest.h"
#include "victim.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

/* ---- features, and what a unit is made of ---- */

static const struct efr_case {
	const char *name;
	struct guest_opts opts;
	__u64 efr;
} efr_cases[] = {
	{ "default", { 0 }, 0x8c4 },
	{ "xapic", { .flags = NYX_AMDVI_F_XAPIC }, 0x8c0 },
	{ "small_irtes", { .flags = NYX_AMDVI_F_XAPIC | NYX_AMDVI_F_SMALL_IRTES }, 0x840 },
	{ "guest_apic", { .flags = NYX_AMDVI_F_GUEST_APIC }, 0x2008c4 },
	{ "segments", { .flags = NYX_AMDVI_F_SEGMENTS }, 0xc0000008c4 },
	{ "prefetch", { .flags = NYX_AMDVI_F_PREFETCH }, 0x8c5 },
	{ "device_tlb", { .flags = NYX_AMDVI_F_DEVICE_TLB }, 0x8c4 },
	{ "width_48", { .width = 48 }, 0x0c4 },
	{ "width_57", { .width = 57 }, 0x4c4 },
	{ "width_64", { .width = 64 }, 0x8c4 },
};

TEST_EACH(features, efr_cases)
{
	struct nyx_unit_info info;
	struct guest guest, *g = &guest;
	struct nyx_unit_amdvi data;

	guest_open_opts(g, &v->opts);
	R64(EFR, v->efr);
	R32(EFR, v->efr & 0xffffffff);
	R32(EFR + 4, v->efr >> 32);
	R64(EFR2, 0);
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(NYX_MODEL_AMDVI, info.model);
	ASSERT_EQ(v->opts.width ? v->opts.width : 64, info.address_width);
	ASSERT_EQ(sizeof(data), info.data_len);
	memcpy(&data, info.data, sizeof(data));
	ASSERT_EQ(v->opts.flags, data.flags);
	ASSERT_EQ(0, info.irt_entries);
	ASSERT_EQ(NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF, info.irq_mode);
}

#define M NYX_MODEL_AMDVI

static const struct create_case {
	const char *name;
	struct nyx_unit_create c;
	int error;
	struct nyx_unit_amdvi data;
} create_cases[] = {
	{ "width_47", { .model = M, .address_width = 47 }, EINVAL, {} },
	{ "width_65", { .model = M, .address_width = 65 }, EINVAL, {} },
	{ "reserved", { .model = M }, EOPNOTSUPP, { .__reserved = 1 } },
	{ "small_with_guests", { .model = M }, EINVAL, { .flags = NYX_AMDVI_F_SMALL_IRTES |
		NYX_AMDVI_F_XAPIC | NYX_AMDVI_F_GUEST_APIC } },
	{ "flags", { .model = M }, EOPNOTSUPP, { .flags = 1 << 6 } },
};

TEST_EACH(create_refused, create_cases)
{
	struct nyx_unit_create c = v->c;

	c.data_uptr = (uintptr_t)&v->data;
	c.data_len = sizeof(v->data);
	test_err(v->error, cmd_unit_create(nyx_open(), &c));
}

TEST(model_is_announced)
{
	struct nyx_module_info info;

	test_cmd(cmd_module_info(nyx_open(), &info));
	ASSERT_TRUE(info.out_models & 1u << NYX_MODEL_AMDVI);
}

/* ---- registers one by one ---- */

#define RING	0x0f0ffffffffff000ull
#define TABLE	0x000ffffffffff1ffull

/* Every register that is there: what it is after a reset, and what can be written. */
static const struct reg_case {
	const char *name;
	__u32 offset;
	__u64 reset;
	__u64 rw;
} reg_cases[] = {
	{ "DEVTAB", DEVTAB, 0, TABLE },
	{ "CMDBASE", CMDBASE, 0, RING },
	{ "EVTBASE", EVTBASE, 0, RING },
	{ "EXCLBASE", EXCLBASE, 0, 0x000ffffffffff003 },
	{ "EXCLLIMIT", EXCLLIMIT, 0, 0x000ffffffffff000 },
	{ "EFR", EFR, EFR_DEFAULT, 0 },
	{ "GABASE", GABASE, 0, 0 },
	{ "GATAILADDR", GATAILADDR, 0, 0 },
	{ "SEGMENT1", SEGMENT(1), 0, 0 },
	{ "SEGMENT7", SEGMENT(7), 0, 0 },
	{ "XTGENERAL", XTGENERAL, 0, 0xff0001ffffffff04 },
	{ "XTPPR", XTPPR, 0, 0xff0001ffffffff04 },
	{ "XTGA", XTGA, 0, 0xff0001ffffffff04 },
	{ "EFR2", EFR2, 0, 0 },
	{ "CMDHEAD", CMDHEAD, 0, 0x7fff0 },
	{ "CMDTAIL", CMDTAIL, 0, 0x7fff0 },
	{ "EVTHEAD", EVTHEAD, 0, 0x7fff0 },
	{ "EVTTAIL", EVTTAIL, 0, 0x7fff0 },
	{ "STATUS", STATUS, 0, 0 },
	{ "GAHEAD", GAHEAD, 0, 0 },
	{ "GATAIL", GATAIL, 0, 0 },
	/* Behind it is what all bits together start. */
	{ "CONTROL", CONTROL, 0, 0x000c000000021fff },
};

static void check_bits(struct guest *g, const struct reg_case *v)
{
	W64(v->offset, ~0ull);
	R64(v->offset, v->reset | v->rw);
	W64(v->offset, 0);
	R64(v->offset, v->reset);
	for (unsigned int bit = 0; bit < 64; bit++) {
		W64(v->offset, BIT(bit));
		R64(v->offset, v->reset | (BIT(bit) & v->rw));
	}
	W64(v->offset, 0);
	/* Two halves do the same, and leave the other alone. */
	W32(v->offset, 0xffffffff);
	R64(v->offset, v->reset | (v->rw & 0xffffffff));
	W32(v->offset + 4, 0xffffffff);
	R64(v->offset, v->reset | v->rw);
	W32(v->offset, 0);
	R64(v->offset, v->reset | (v->rw & ~0xffffffffull));
	R32(v->offset, v->reset & 0xffffffff);
	R32(v->offset + 4, (v->reset | v->rw) >> 32);
}

TEST_EACH(register_bits, reg_cases)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	R64(v->offset, v->reset);
	check_bits(g, v);
}

static const struct reg_feature {
	const char *name;
	__u32 flags;
	struct reg_case reg;
} reg_features[] = {
	{ "ga_base", NYX_AMDVI_F_GUEST_APIC, { "", GABASE, 0, RING } },
	{ "ga_tail_addr", NYX_AMDVI_F_GUEST_APIC, { "", GATAILADDR, 0, 0x000ffffffffffff8 } },
	{ "ga_head", NYX_AMDVI_F_GUEST_APIC, { "", GAHEAD, 0, 0x7fff8 } },
	{ "ga_tail", NYX_AMDVI_F_GUEST_APIC, { "", GATAIL, 0, 0x7fff8 } },
	{ "ga_control", NYX_AMDVI_F_GUEST_APIC,
	  { "", CONTROL, 0, 0x000c00003e021fff } },
	{ "segment_1", NYX_AMDVI_F_SEGMENTS, { "", SEGMENT(1), 0, TABLE } },
	{ "segment_7", NYX_AMDVI_F_SEGMENTS, { "", SEGMENT(7), 0, TABLE } },
	{ "segment_control", NYX_AMDVI_F_SEGMENTS, { "", CONTROL, 0, 0x000c001c00021fff } },
	{ "xapic_control", NYX_AMDVI_F_XAPIC, { "", CONTROL, 0, 0x21fff } },
	{ "xapic_vector", NYX_AMDVI_F_XAPIC, { "", XTGENERAL, 0, 0 } },
	{ "small_control", NYX_AMDVI_F_XAPIC | NYX_AMDVI_F_SMALL_IRTES,
	  { "", CONTROL, 0, 0x1fff } },
};

TEST_EACH(register_bits_of, reg_features)
{
	struct guest guest, *g = &guest;

	guest_open(g, .flags = v->flags);
	check_bits(g, &v->reg);
}

/* In the whole window nothing else is there. */
static void check_reset(struct guest *g)
{
	for (__u32 at = 0; at < NYX_MMIO_SIZE_AMDVI; at += 8) {
		ktap_note("register 0x%x", at);
		R64(at, at == EFR ? EFR_DEFAULT : 0);
		R32(at, at == EFR ? EFR_DEFAULT : 0);
		R32(at + 4, 0);
	}
}

TEST(after_power_on)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	check_reset(g);
}

TEST(listed_by_name)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	ASSERT_EQ(27, check_listed(g));
	boot(g, BOOT_XT);
	/* A refused command */
	cmd(g, 0, 0);
	ASSERT_EQ(27, check_listed(g));
	ASSERT_EQ(1, listed_value(g, "cmd_stopped", 0));
	ASSERT_EQ(1, listed_value(g, "IommuEn", 1));
}

TEST(holes_ignore_writes)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	for (__u32 at = 0; at < NYX_MMIO_SIZE_AMDVI; at += 8) {
		if (at <= EXCLLIMIT || (at >= XTGENERAL && at <= XTGA) ||
		    (at >= CMDHEAD && at <= EVTTAIL))
			continue;
		W64(at, ~0ull);
		W32(at, 0xffffffff);
		W32(at + 4, 0xffffffff);
	}
	check_reset(g);
}

TEST(odd_accesses)
{
	static const struct {
		__u32 offset, width;
	} bad[] = {
		{ 0, 0 }, { 0, 1 }, { 0, 2 }, { 0, 3 }, { 0, 5 }, { 0, 16 }, { 0, 0xffffffff },
		{ 1, 4 }, { 2, 4 }, { 3, 4 }, { 4, 8 }, { 0xc, 8 }, { 0x4000, 4 },
		{ 0x4000, 8 }, { 0x3ffc, 8 }, { 0xfffffffc, 4 }, { 0xfffffff8, 8 },
	};
	struct guest guest, *g = &guest;
	__u64 value;

	guest_open(g);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ktap_note("%u bytes at 0x%x", bad[i].width, bad[i].offset);
		value = 0;
		test_err(EINVAL, mmio(g->fd, 0, bad[i].offset, bad[i].width, &value));
		test_err(EINVAL, mmio(g->fd, NYX_MMIO_F_WRITE, bad[i].offset, bad[i].width,
				      &value));
	}
	value = BIT(32);
	test_err(EINVAL, mmio(g->fd, NYX_MMIO_F_WRITE, CMDTAIL, 4, &value));
	check_reset(g);
}

/* ---- boot of stock Linux: register by register ---- */

/* A change of CONTROL is a read and a write, also if nothing changes. */
#define RMW(set, clear) do {						\
	__u64 __c = r64(g, 0x18);					\
									\
	ASSERT_EQ(expect, __c);						\
	expect = (__c | (set)) & ~(clear);				\
	W64(0x18, expect);						\
	expect &= ~(clear);						\
} while (0)

/* As iommu_queue_command_sync() does it: a command, a tail; then the wait. */
#define CMD(lo_, hi_) do {						\
	__u64 *__c = words(g, AT_CMD) + 2 * (g->tail % 512);		\
	__c[0] = (lo_);							\
	__c[1] = (hi_);							\
	g->tail = (g->tail + 1) % 512;					\
	W32(0x2008, g->tail << 4);					\
	R32(0x2000, g->tail << 4);					\
} while (0)

#define CWAIT() do {							\
	CMD(0x1000000000000001ull | AT_SEM, ++g->cookie);		\
	ASSERT_EQ(g->cookie, load64(g, AT_SEM));			\
} while (0)

/**
 * struct boot_case - a guest
 * @name: name
 * @linux_6_1: 6.1: the event log is there before the unit is enabled, and one
 *             interrupt stands for three
 * @flags: of enum nyx_amdvi_flags
 */
static const struct boot_case {
	const char *name;
	bool linux_6_1;
	__u32 flags;
} boot_cases[] = {
	{ "linux_6_12", false, 0 },
	{ "linux_6_12_xapic", false, NYX_AMDVI_F_XAPIC },
	{ "linux_6_12_guest_apic", false, NYX_AMDVI_F_GUEST_APIC },
	{ "linux_6_1", true, 0 },
	{ "linux_6_1_xapic", true, NYX_AMDVI_F_XAPIC },
	{ "linux_6_1_small_irtes", true, NYX_AMDVI_F_XAPIC | NYX_AMDVI_F_SMALL_IRTES },
};

static void boot_events(struct guest *g, __u64 *control)
{
	__u64 expect = *control;

	W32(0x010, AT_EVT);
	W32(0x014, 0x09000000);
	W32(0x2010, 0);
	W32(0x2018, 0);
	RMW(BIT(2), 0);
	*control = expect;
}

static void boot_disable(struct guest *g, __u64 *control)
{
	static const unsigned int bits[] = { 12, 3, 2, 28, 29, 13, 14, 0, 59 };
	__u64 expect = *control;

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		RMW(0, BIT(bits[i]));
	*control = expect;
}

/* An entry of the IOAPIC's table, pin by pin. */
static void boot_pin(struct guest *g, const struct boot_case *v, unsigned int pin, __u8 vector)
{
	if (v->flags & NYX_AMDVI_F_SMALL_IRTES) {
		((__u32 *)words(g, irt_at(0)))[pin] = 1 | 2 << 8 | vector << 16;
	} else {
		words(g, irt_at(0))[2 * pin + 1] = vector | (__u64)0 << 56;
		words(g, irt_at(0))[2 * pin] = 1 | (v->flags & NYX_AMDVI_F_XAPIC ?
						    0x2 : 0x102) << 8;
	}
	CMD(CMD_IRT(IOAPIC), 0);
	CWAIT();
}

static __u32 boot_apic(const struct boot_case *v)
{
	return v->flags & NYX_AMDVI_F_XAPIC ? 2 : 0x102;
}

static __u64 boot_early(struct guest *g, const struct boot_case *v)
{
	const bool ga = !(v->flags & NYX_AMDVI_F_SMALL_IRTES);
	const bool xt = !(v->flags & NYX_AMDVI_F_XAPIC);
	__u64 expect = 0;

	R64(0x018, 0);
	boot_disable(g, &expect);
	for (unsigned int rid = 0; rid < 0x10000; rid++)
		words(g, AT_DEVTAB)[4 * rid + 2] = 1;
	boot_disable(g, &expect);
	RMW(0, BIT(1));
	RMW(0, BIT(8));
	RMW(0, BIT(9));
	RMW(0, BIT(11));
	RMW(BIT(10), 0);
	RMW(0, 0xe0);
	RMW(0x80, 0);
	ASSERT_EQ(0x480, expect);
	W32(0x000, AT_DEVTAB | 0x1ff);
	W32(0x004, 0);
	W32(0x008, AT_CMD);
	W32(0x00c, 0x09000000);
	R64(0x008, AT_CMD | 9ull << 56);
	RMW(0, BIT(12));
	W32(0x2000, 0);
	W32(0x2008, 0);
	RMW(BIT(12), 0);
	ASSERT_EQ(0x1480, expect);
	if (v->linux_6_1)
		boot_events(g, &expect);
	if (ga)
		RMW(BIT(17), 0);
	if (xt)
		RMW(BIT(50), 0);
	R32(0x2020, 0);
	RMW(BIT(0), 0);
	if (!v->linux_6_1 && xt)
		ASSERT_EQ(0x4000000021481ull, expect);
	R64(0x018, expect);
	R32(0x2020, v->linux_6_1 ? 0x18 : 0x10);
	CMD(0x8000000000000000ull, 0);
	CWAIT();
	return expect;
}

/* The first interrupt comes while no device table entry is valid but for it. */
static void boot_timer(struct guest *g, const struct boot_case *v)
{
	dte(g, IOAPIC)[2] = irt_at(0) | 2ull << 60 | 9 << 1 | 1;
	CMD(CMD_DTE(IOAPIC), 0);
	CWAIT();
	for (unsigned int pin = 0; pin < 24; pin++)
		boot_pin(g, v, pin, 0x30 + pin);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, IOAPIC, 0xfee00000, 2));
	ASSERT_EQ(0x32, g->s.out_vector);
	ASSERT_EQ(boot_apic(v), g->s.out_dest);
	ASSERT_EQ(2, g->s.out_index);
	/* Affinity. */
	boot_pin(g, v, 2, 0x61);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, IOAPIC, 0xfee00000, 2));
	ASSERT_EQ(0x61, g->s.out_vector);
	/* All else still reaches memory as it is. */
	reaches(g, DEV, 0x600000, 0x600000);
}

TEST_EACH(boot_of, boot_cases)
{
	const bool xt = !(v->flags & NYX_AMDVI_F_XAPIC);
	struct guest guest, *g = &guest;
	struct nyx_event e;
	__u64 root, expect;

	guest_open(g, .flags = v->flags);
	expect = boot_early(g, v);
	boot_timer(g, v);
	if (!v->linux_6_1)
		boot_events(g, &expect);
	R32(0x2020, 0x18);
	R64(0x030, r64(g, EFR));
	R64(0x1a0, 0);

	/* Devices that are found get a domain; others are blocked from then on. */
	root = attach(g, DEV, DID, 3);
	CMD(CMD_DTE(DEV), 0);
	CWAIT();
	dte(g, DEV2)[1] = 5;
	dte(g, DEV2)[0] = D_V | D_TV | D_RW;	/* identity */
	CMD(CMD_DTE(DEV2), 0);
	CWAIT();
	for (unsigned int rid = 0; rid < 0x10000; rid++)
		words(g, AT_DEVTAB)[4 * rid] |= 3;
	CMD(0x8000000000000000ull, 0);
	CWAIT();
	if (xt) {
		const __u64 vector = 0x0000002400010200ull;

		W64(0x170, vector);
		W64(0x178, vector);
		W64(0x180, vector);
		R64(0x170, vector);
		RMW(BIT(51), 0);
	}
	RMW(BIT(3), 0);
	R32(0x2020, 0x18);
	ASSERT_EQ(0, msis(g, NULL));
	expect_no_event(g);

	/* The first map needs no command; unmaps do, strict and lazy. */
	set_pte(g, root, 3, 0xfffff000, 1, 0x600000 | P_RW);
	reaches(g, DEV, 0xfffff000, 0x600000);
	reaches(g, DEV2, 0x600000, 0x600000);
	set_pte(g, root, 3, 0xffffe000, 1, 0x601000 | P_RW);
	reaches(g, DEV, 0xffffe000, 0x601000);
	*pte(g, root, 3, 0xfffff000, 1) = 0;
	CMD(CMD_PAGES(DID), 0xfffff002);
	CWAIT();
	refused(g, DEV, false, 0xfffff123, DID, E_FAULT);
	ASSERT_EQ(1, msis(g, &e));
	if (xt) {
		ASSERT_EQ(0, e.msi.flags);
		ASSERT_EQ(0x00000100fee02000ull, e.msi.address);
		ASSERT_EQ(0x24, e.msi.data);
	} else {
		ASSERT_EQ(NYX_MSI_F_FUNCTION, e.msi.flags);
		ASSERT_EQ(0, e.msi.address);
		ASSERT_EQ(0, e.msi.data);
	}
	R32(0x2020, 0x1a);
	W32(0x2020, 3);
	R32(0x2020, 0x18);
	*pte(g, root, 3, 0xffffe000, 1) = 0;
	CMD(CMD_PAGES(DID), PAGES_ALL);
	CWAIT();
	refused(g, DEV, true, 0xffffe000, DID, E_FAULT);
	ASSERT_EQ(1, msis(g, NULL));
	refused(g, DEV_BUS, true, 0x600000, 0, E_FAULT | E_PR | E_PE);
	/* It has not seen the last one yet: it is not told again. */
	ASSERT_EQ(0, msis(g, NULL));

	/* The table grows: a new root above the old one, and the same addresses. */
	set_pte(g, root, 3, 0x1000, 1, 0x602000 | P_RW);
	__u64 top = new_table(g);

	*words(g, top) = root | P_TABLE | P_NL(3);
	dte(g, DEV)[0] = top | D_V | D_TV | D_MODE(4) | D_RW;
	CMD(CMD_DTE(DEV), 0);
	CWAIT();
	reaches(g, DEV, 0x1000, 0x602000);
	set_pte(g, top, 4, 0x8000000000, 1, 0x603000 | P_RW);
	reaches(g, DEV, 0x8000000000, 0x603000);

	/* And the first MSI. */
	dte(g, DEV)[2] = irt_at(1) | 2ull << 60 | 9 << 1 | 1;
	CMD(CMD_DTE(DEV), 0);
	CWAIT();
	if (v->flags & NYX_AMDVI_F_SMALL_IRTES) {
		*words(g, irt_at(1)) = 1 | 1 << 8 | 0x55 << 16;
	} else {
		words(g, irt_at(1))[1] = 0x55;
		words(g, irt_at(1))[0] = 1 | 1 << 8;
	}
	CMD(CMD_IRT(DEV), 0);
	CWAIT();
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, 0xfee00000, 0));
	ASSERT_EQ(0x55, g->s.out_vector);
	ASSERT_EQ(1, g->s.out_dest);
	expect_no_event(g);

	/* A suspend, and the same once more. */
	boot_disable(g, &expect);
	boot_disable(g, &expect);
	reaches(g, DEV_BUS, 0x600000, 0x600000);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, 0xfee01000, 0x4041));
	ASSERT_EQ(0x41, g->s.out_vector);
}

/* A kernel that crashes leaves the unit on; the next one takes it over. */
TEST(kdump)
{
	struct guest guest, *g = &guest;
	const __u64 table = AT_DATA + 2 * SZ_2M;
	__u64 root, expect;

	guest_open(g);
	boot(g, BOOT_XT);
	control(g, C_INTCAPXT, 0);
	root = attach(g, DEV, DID, 3);
	dte(g, DEV)[2] = irt_at(1) | 2ull << 60 | 9 << 1 | 1;
	words(g, irt_at(1))[1] = 0x55;
	words(g, irt_at(1))[0] = 1 | 1 << 8;
	set_pte(g, root, 3, 0x1000, 1, 0x600000 | P_RW);
	invalidate(g, CMD_DTE(DEV), 0);
	reaches(g, DEV, 0x1000, 0x600000);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, 0xfee00000, 0));

	/* The new one. */
	expect = g->control;
	ASSERT_TRUE(r64(g, 0x018) & 1);
	R32(0x000, AT_DEVTAB | 0x1ff);
	R32(0x004, 0);
	memcpy(g->ram + table, g->ram + AT_DEVTAB, SZ_2M);
	RMW(0, BIT(12));
	R32(0x2020, S_EVTRUN);
	RMW(0, BIT(2));
	RMW(0, BIT(59));
	R32(0x2020, 0);
	/* Devices go on meanwhile. */
	reaches(g, DEV, 0x1000, 0x600000);
	W32(0x008, AT_CMD);
	W32(0x00c, 0x09000000);
	RMW(0, BIT(12));
	W32(0x2000, 0);
	W32(0x2008, 0);
	g->tail = 0;
	RMW(BIT(12), 0);
	RMW(BIT(17), 0);
	RMW(BIT(50), 0);
	W32(0x000, table | 0x1ff);
	W32(0x004, 0);
	CMD(0x8000000000000000ull, 0);
	CWAIT();
	reaches(g, DEV, 0x1000, 0x600000);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, 0xfee00000, 0));
	ASSERT_EQ(0x55, g->s.out_vector);
	/* From now on it is the copy that counts. */
	words(g, table)[4 * DEV] = D_V;
	memset(g->ram + AT_DEVTAB, 0xff, SZ_2M);
	CMD(CMD_DTE(DEV), 0);
	CWAIT();
	W32(0x010, AT_EVT);
	W32(0x014, 0x09000000);
	W32(0x2010, 0);
	W32(0x2018, 0);
	RMW(BIT(2), 0);
	R32(0x2020, S_EVTRUN | S_CMDRUN);
	refused(g, DEV, true, 0x1000, DID, E_FAULT);
}

TEST(reset_forgets)
{
	struct nyx_unit_reset reset = { .size = sizeof(reset) };
	struct guest guest, *g = &guest;
	__u64 root;

	guest_open(g);
	boot(g, BOOT_XT);
	control(g, C_INTCAPXT, 0);
	root = attach(g, DEV, DID, 3);
	set_pte(g, root, 3, 0x1000, 1, 0x600000 | P_RW);
	invalidate(g, CMD_DTE(DEV), 0);
	reaches(g, DEV, 0x1000, 0x600000);
	/* An event without an interrupt, and a refused command. */
	poke(g, DEV, 0x5000);
	cmd(g, 0, 0);
	test_cmd(nyx_cmd(g->fd, NYX_UNIT_RESET, &reset));
	check_reset(g);
	reaches(g, DEV, 0x602000, 0x602000);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, 0xfee01000, 0x4041));
	/* Nothing is left that would stop it. */
	g->control = 0;
	g->tail = 0;
	boot(g, BOOT_XT);
	R32(STATUS, S_CMDRUN | S_EVTRUN);
	expect_no_event(g);
}

/* ---- commands ---- */

/* Commands that stop the unit: illegal ones. */
static const struct illegal_case {
	const char *name;
	__u64 lo;
	__u64 hi;
} illegal_cases[] = {
	{ "opcode_0", 0, 0 },
	{ "opcode_9", 9ull << 60, 0 },
	{ "opcode_15", 15ull << 60, 0 },
	{ "iotlb", CMD_IOTLB(DEV), 0 },
	{ "prefetch", CMD_PREFETCH(DEV), 0 },
	{ "ppr", CMD_PPR, 0 },
	{ "wait_reserved", 1ull << 60 | BIT(52), 0 },
	{ "dte_reserved", CMD_DTE(DEV) | BIT(16), 0 },
	{ "dte_reserved_top", CMD_DTE(DEV) | BIT(59), 0 },
	{ "dte_reserved_high", CMD_DTE(DEV), 1 },
	{ "irt_reserved", CMD_IRT(DEV) | BIT(40), 0 },
	{ "irt_reserved_high", CMD_IRT(DEV), BIT(63) },
	{ "pages_pasid", CMD_PAGES(DID) | 1, 0 },
	{ "pages_reserved", CMD_PAGES(DID) | BIT(48), 0 },
	{ "pages_gn", CMD_PAGES(DID), 4 },
	{ "pages_reserved_high", CMD_PAGES(DID), BIT(11) },
	{ "all_reserved", CMD_ALL | 1, 0 },
	{ "all_reserved_high", CMD_ALL, 1 },
};

TEST_EACH(illegal_command, illegal_cases)
{
	struct guest guest, *g = &guest;
	__u32 at;

	guest_open(g);
	boot(g, BOOT_XT);
	at = g->tail << 4;
	cmd(g, v->lo, v->hi);
	R32(STATUS, S_EVTRUN | S_EVTINT);
	R32(CMDHEAD, at);
	expect_event(g, 0, 0, E_CMD, AT_CMD + at);
	ASSERT_EQ(1, msis(g, NULL));
	/* It stays so, whatever the tail. */
	cmd(g, CMD_ALL, 0);
	R32(CMDHEAD, at);
	expect_no_event(g);
	/* Now the head can be written, but it goes on only when enabled anew. */
	W32(CMDHEAD, at + 16);
	R32(CMDHEAD, at + 16);
	R32(STATUS, S_EVTRUN | S_EVTINT);
	control(g, 0, C_CMD);
	control(g, C_CMD, 0);
	R32(STATUS, S_EVTRUN | S_EVTINT | S_CMDRUN);
	R32(CMDHEAD, at + 32);
	settle(g);
}

TEST(optional_commands)
{
	struct guest guest, *g = &guest;

	guest_open(g, .flags = NYX_AMDVI_F_PREFETCH | NYX_AMDVI_F_DEVICE_TLB);
	boot(g, BOOT_XT);
	invalidate(g, CMD_PREFETCH(DEV) | BIT(20), 0x1003);
	invalidate(g, CMD_IOTLB(DEV) | 8 << 24, 0x1000);
	invalidate(g, CMD_IOTLB(DEV_ABSENT) | 8 << 24, PAGES_ALL & ~2ull);
	expect_no_event(g);
}

/* The ring wraps, at any length; commands for what is not there do nothing. */
TEST(ring_wraps)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	for (unsigned int len = 8; len <= 15; len++) {
		ktap_note("length %u", len);
		control(g, 0, C_CMD);
		g->slots = 1u << len;
		/* In front of the device table there is room for 15 only beyond it. */
		g->queue = AT_DATA;
		W64(CMDBASE, g->queue | (__u64)len << 56);
		W32(CMDHEAD, (g->slots - 2) << 4);
		W32(CMDTAIL, (g->slots - 2) << 4);
		g->tail = g->slots - 2;
		W64(DEVTAB, AT_DEVTAB | 0x1ff);
		control(g, C_CMD | C_IOMMU, 0);
		invalidate(g, CMD_DTE(DEV_ABSENT), 0);
		ASSERT_EQ(0, g->tail);
		invalidate(g, CMD_IRT(DEV_ABSENT), 0);
		invalidate(g, CMD_PAGES(0xffff), PAGES_ALL);
	}
}

TEST(many_commands_at_once)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	for (unsigned int i = 0; i < 500; i++) {
		__u64 *slot = words(g, AT_CMD) + 2 * ((g->tail + i) % 512);

		slot[0] = i % 5 ? CMD_DTE(i) : CMD_WAIT(AT_SEM + 8 * i);
		slot[1] = i % 5 ? 0 : i;
	}
	g->tail = (g->tail + 500) % 512;
	W32(CMDTAIL, g->tail << 4);
	R32(CMDHEAD, g->tail << 4);
	for (unsigned int i = 0; i < 500; i += 5)
		ASSERT_EQ(i, load64(g, AT_SEM + 8 * i));
}

#define AT_LONG_RING	0x800000ull	/* 512 KiB */
#define LONGEST		32768u		/* commands */
#define CROWD		200u		/* devices, which each of them has to look at */

static int crowd(void *arg)
{
	struct guest *g = arg;

	guest_open(g);
	guest_share(g);
	for (unsigned int i = 0; i < CROWD; i++)
		test_cmd(cmd_device_add(g->fd, NYX_SBDF(0, 16, 0, 0) + i));
	W64(DEVTAB, AT_DEVTAB | 0x1ff);
	W64(CMDBASE, AT_LONG_RING | 15ull << 56);
	control(g, C_CMD | C_IOMMU, 0);
	for (unsigned int i = 0; i < LONGEST - 1; i++)
		words(g, AT_LONG_RING)[2 * i] = CMD_ALL;
	return g->fd;
}

static void run_ring(void *arg)
{
	struct guest *g = arg;

	W32(CMDTAIL, (LONGEST - 1) << 4);
}

static unsigned int executed(int fd)
{
	struct guest g = { .fd = fd };

	return r32(&g, CMDHEAD) >> 4;
}

/* How soon a long ring ends. */
TEST(killed_in_a_long_ring)
{
	static const struct victim_queue ring = { crowd, run_ring, executed, LONGEST - 1 };
	struct guest guest;

	victim_in_queue(&ring, &guest);
}

/* Pointers and lengths that lead nowhere. */
static const struct bad_ring_case {
	const char *name;
	__u64 base;
	__u32 head;
	__u32 tail;
	__u64 address;
} bad_rings[] = {
	{ "tail_beyond", AT_CMD | 9ull << 56, 0, 0x2000, AT_CMD + 0x2000 },
	{ "tail_far_beyond", AT_CMD | 8ull << 56, 0, 0x7fff0, AT_CMD + 0x7fff0 },
	{ "head_beyond", AT_CMD | 9ull << 56, 0x2000, 0, AT_CMD + 0x2000 },
	{ "length_0", AT_CMD, 0, 0x10, AT_CMD },
	{ "length_7", AT_CMD | 7ull << 56, 0, 0x10, AT_CMD },
	{ "no_memory", NOWHERE | 9ull << 56, 0, 0x10, NOWHERE },
	{ "end_of_memory", (GUEST_RAM - SZ_4K) | 9ull << 56, 0x1000, 0x1010, GUEST_RAM },
	{ "top", 0x090ffffffffff000ull, 0x1ff0, 0, 0x0010000000000ff0ull },
};

TEST_EACH(bad_ring, bad_rings)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	control(g, 0, C_CMD);
	W64(CMDBASE, v->base);
	W32(CMDHEAD, v->head);
	W32(CMDTAIL, v->tail);
	control(g, C_CMD, 0);
	R32(STATUS, S_EVTRUN | S_EVTINT);
	R32(CMDHEAD, v->head);
	expect_event(g, 0, 0, E_CMD_HW | E_ABORT, v->address);
	/* The driver can mend it. */
	control(g, 0, C_CMD);
	W64(CMDBASE, AT_CMD | 9ull << 56);
	W32(CMDHEAD, 0);
	W32(CMDTAIL, 0);
	g->tail = 0;
	control(g, C_CMD, 0);
	settle(g);
}

TEST(wait_without_memory)
{
	struct guest guest, *g = &guest;
	__u32 at;

	guest_open(g);
	boot(g, BOOT_XT);
	at = g->tail << 4;
	cmd(g, CMD_WAIT(NOWHERE + 8), 1);
	R32(CMDHEAD, at);
	R32(STATUS, S_EVTRUN | S_EVTINT);
	expect_event(g, 0, 0, E_CMD_HW | E_ABORT, NOWHERE + 8);
}

TEST(wait_interrupts)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	/* Not enabled: only the status. */
	cmd(g, CMD_WAIT_INT, 0);
	R32(STATUS, S_EVTRUN | S_CMDRUN | S_WAITINT);
	ASSERT_EQ(0, msis(g, NULL));
	/* Enabled: it is told what is there; then nothing until it is cleared. */
	control(g, C_WAITINT, 0);
	ASSERT_EQ(1, msis(g, NULL));
	cmd(g, CMD_WAIT_INT, 0);
	ASSERT_EQ(0, msis(g, NULL));
	W32(STATUS, S_EVTOVERFLOW | S_EVTINT);
	R32(STATUS, S_EVTRUN | S_CMDRUN | S_WAITINT);
	W32(STATUS, S_WAITINT);
	R32(STATUS, S_EVTRUN | S_CMDRUN);
	cmd(g, CMD_WAIT_INT | 4, 0);
	ASSERT_EQ(1, msis(g, NULL));
	/* Both in one, the store first. */
	W32(STATUS, S_WAITINT);
	cmd(g, CMD_WAIT(AT_SEM) | 2, 77);
	ASSERT_EQ(77, load64(g, AT_SEM));
	ASSERT_EQ(1, msis(g, NULL));
}

/* Nothing is executed until both bits are set; then all that is there. */
TEST(commands_wait_for_both_bits)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	W64(CMDBASE, AT_CMD | 9ull << 56);
	cmd(g, CMD_WAIT(AT_SEM), 1);
	ASSERT_EQ(0, load64(g, AT_SEM));
	control(g, C_CMD, 0);
	R32(STATUS, 0);
	R32(CMDHEAD, 0);
	ASSERT_EQ(0, load64(g, AT_SEM));
	control(g, C_IOMMU, 0);
	ASSERT_EQ(1, load64(g, AT_SEM));
	R32(CMDHEAD, 0x10);
	/* While it runs the head is the unit's. */
	W32(CMDHEAD, 0x100);
	R32(CMDHEAD, 0x10);
	control(g, 0, C_IOMMU);
	cmd(g, CMD_WAIT(AT_SEM), 2);
	ASSERT_EQ(1, load64(g, AT_SEM));
	control(g, C_IOMMU, 0);
	ASSERT_EQ(2, load64(g, AT_SEM));
}

static void *sender(void *arg)
{
	struct guest *g = arg;

	/* 32767 commands that each walk all that the unit knows. */
	w32(g, CMDTAIL, 0x7fff0);
	return NULL;
}

/* Another processor can read registers while one executes a long ring. */
TEST(registers_stay_readable)
{
	struct guest guest, *g = &guest;
	unsigned int seen = 0;
	pthread_t thread;

	guest_open(g);
	boot(g, BOOT_XT);
	control(g, 0, C_CMD);
	for (unsigned int i = 0; i < 32767; i++) {
		words(g, AT_DATA)[2 * i] = CMD_ALL;
		words(g, AT_DATA)[2 * i + 1] = 0;
	}
	W64(CMDBASE, AT_DATA | 15ull << 56);
	W32(CMDHEAD, 0);
	W32(CMDTAIL, 0);
	control(g, C_CMD, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, sender, g));
	do {
		ASSERT_EQ(0, r32(g, CMDHEAD) & 0xf);
		seen++;
	} while (r32(g, CMDHEAD) != 0x7fff0);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_GT(seen, 0);
	expect_no_event(g);
}

/* ---- the event log ---- */

/* Makes an event, of DEV, whose entry says nothing. No register is accessed. */
static void event_unseen(struct guest *g, __u64 iova)
{
	ASSERT_NE(0, poke(g, DEV, iova));
}

/* Likewise; a read of a register finds that it was logged. */
static void event(struct guest *g, __u64 iova)
{
	event_unseen(g, iova);
	r32(g, STATUS);
}

static void boot_faulty(struct guest *g)
{
	boot(g, BOOT_XT);
	dte(g, DEV)[1] = DID;
	dte(g, DEV)[0] = D_V;
	invalidate(g, CMD_DTE(DEV), 0);
}

TEST(log_entries)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot_faulty(g);
	event(g, 0x12345678);
	R32(EVTTAIL, 0x10);
	ASSERT_EQ(0x2020000700000018ull, *words(g, AT_EVT));
	ASSERT_EQ(0x12345678, words(g, AT_EVT)[1]);
	ASSERT_EQ(0, words(g, AT_EVT)[2]);
	R32(STATUS, S_EVTRUN | S_CMDRUN | S_EVTINT);
	/* The head is the driver's, the tail the unit's. */
	W32(EVTTAIL, 0x100);
	R32(EVTTAIL, 0x10);
	W32(EVTHEAD, 0x10);
	R32(EVTHEAD, 0x10);
}

/* Stores of the unit count as writes of a device: the page of an entry, or of a completion. */
TEST(stores_are_dirty)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot_faulty(g);
	test_cmd(cmd_dirty_start(g->fd));
	event(g, 0x12345678);
	EXPECT_DIRTY(AT_EVT);
	settle(g);
	EXPECT_DIRTY(AT_SEM);
	/* The last entry of the first page, and the first of the next one. */
	for (unsigned int i = 1; i < 257; i++)
		event(g, i * SZ_4K);
	R32(EVTTAIL, 257 * 0x10);
	EXPECT_DIRTY(AT_EVT, AT_EVT + SZ_4K);
	test_cmd(cmd_dirty_stop(g->fd));
}

TEST(log_wraps)
{
	struct guest guest, *g = &guest;
	struct log_event e;

	guest_open(g);
	boot_faulty(g);
	for (unsigned int i = 0; i < 1100; i++) {
		event(g, i);
		take_event(g, &e);
		ASSERT_EQ(i, e.address);
		R32(EVTTAIL, (i + 1) % 512 << 4);
	}
}

static void *read_status(void *arg)
{
	r32(arg, STATUS);
	return NULL;
}

/**
 * struct mover - a thread that gives the event log another base
 * @g: the guest
 * @tid: the thread, once it runs
 * @done: the register is written
 */
struct mover {
	struct guest *g;
	pid_t tid;
	bool done;
};

static void *move_log(void *arg)
{
	struct mover *m = arg;

	__atomic_store_n(&m->tid, gettid(), __ATOMIC_SEQ_CST);
	w64(m->g, EVTBASE, AT_DATA | 9ull << 56);
	__atomic_store_n(&m->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void overflow(struct guest *g, unsigned int entries)
{
	struct log_event e;

	/* One entry stays free. */
	for (unsigned int i = 0; i < entries - 1; i++) {
		event(g, i);
		R32(STATUS, S_EVTRUN | S_CMDRUN | S_EVTINT);
	}
	R32(EVTTAIL, (entries - 1) << 4);
	ASSERT_EQ(1, msis(g, NULL));
	event(g, 0xdead);
	R32(STATUS, S_CMDRUN | S_EVTINT | S_EVTOVERFLOW);
	R32(EVTTAIL, (entries - 1) << 4);
	ASSERT_EQ(1, msis(g, NULL));
	event(g, 0xdead);
	R32(EVTTAIL, (entries - 1) << 4);
	ASSERT_EQ(0, msis(g, NULL));
	/* As the driver: it reads, then starts the log anew. */
	W32(STATUS, S_EVTINT | S_EVTOVERFLOW);
	R32(STATUS, S_CMDRUN);
	for (unsigned int i = 0; i < entries - 1; i++) {
		take_event(g, &e);
		ASSERT_EQ(i, e.address);
	}
	expect_no_event(g);
	event(g, 0xdead);
	expect_no_event(g);
	control(g, 0, C_EVT);
	control(g, 0, C_EVTINT);
	W32(STATUS, 1);
	control(g, C_EVTINT, 0);
	control(g, C_EVT, 0);
	R32(STATUS, S_CMDRUN | S_EVTRUN);
	event(g, 0x1234);
	expect_event(g, DEV, DID, E_FAULT | E_RW, 0x1234);
	ASSERT_EQ(1, msis(g, NULL));
}

TEST(log_overflow)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot_faulty(g);
	overflow(g, 512);
}

/* Entry @n of a log at @base: an event of DEV at this address. */
static void in_log(struct guest *g, __u64 base, unsigned int n, __u64 address)
{
	ASSERT_EQ(0x2020000700000018ull, load64(g, base + 16 * n));
	ASSERT_EQ(address, load64(g, base + 16 * n + 8));
}

static const struct log_size_case {
	const char *name;
	unsigned int length;
} log_sizes[] = {
	{ "256", 8 }, { "512", 9 }, { "4096", 12 }, { "32768", 15 },
};

/*
 * No access to a register is needed: all entries but one can be used, they come to memory
 * by themselves, and only the next one overflows.
 */
TEST_EACH(log_fills, log_sizes)
{
	struct guest guest, *g = &guest;
	unsigned int entries = 1u << v->length, told = 0;

	guest_open(g);
	boot_faulty(g);
	control(g, 0, C_EVT);
	W64(EVTBASE, AT_DATA | (__u64)v->length << 56);
	control(g, C_EVT, 0);
	for (unsigned int i = 0; i < entries - 1; i++) {
		event_unseen(g, i);
		/* The stream has faults, too, and is not to overflow. */
		if (i % 1024 == 0)
			told += msis(g, NULL);
	}
	WAIT_FOR(load64(g, AT_DATA + 16 * (entries - 2)));
	for (unsigned int i = 0; i < entries - 1; i++)
		in_log(g, AT_DATA, i, i);
	WAIT_FOR(told += msis(g, NULL));
	ASSERT_EQ(1, told);
	event_unseen(g, 0xdead);
	WAIT_FOR(msis(g, NULL));
	ASSERT_EQ(0, load64(g, AT_DATA + 16 * (entries - 1)));
	event_unseen(g, 0xdead);
	R32(STATUS, S_CMDRUN | S_EVTINT | S_EVTOVERFLOW);
	R32(EVTTAIL, (entries - 1) << 4);
	ASSERT_EQ(0, msis(g, NULL));
	/* One is taken: one can be used, behind the end and at the start. */
	W32(EVTHEAD, 1 << 4);
	W32(STATUS, S_EVTOVERFLOW);
	w64(g, CONTROL, g->control);
	R32(STATUS, S_CMDRUN | S_EVTRUN | S_EVTINT);
	event_unseen(g, 0x77);
	WAIT_FOR(load64(g, AT_DATA + 16 * (entries - 1)));
	in_log(g, AT_DATA, entries - 1, 0x77);
	R32(EVTTAIL, 0);
	event(g, 0xdead);
	R32(STATUS, S_CMDRUN | S_EVTINT | S_EVTOVERFLOW);
}

/* Faults that come faster than the log is brought to memory: none is lost. */
TEST(log_fills_at_once)
{
	struct guest guest, *g = &guest;
	struct stall stall;
	pthread_t t;

	guest_open(g);
	boot_faulty(g);
	control(g, 0, C_EVT);
	W64(EVTBASE, AT_DATA | 11ull << 56);
	control(g, C_EVT, 0);
	stall_arm(&stall, g->ram + AT_DATA, SZ_4K);
	for (unsigned int i = 0; i < 2047; i++)
		event_unseen(g, i);
	t = thread_start(read_status, g);
	stall_wait(&stall);
	stall_release(&stall, 0);
	thread_end(t, "the reader");
	for (unsigned int i = 0; i < 2047; i++)
		in_log(g, AT_DATA, i, i);
	R32(STATUS, S_CMDRUN | S_EVTRUN | S_EVTINT);
	R32(EVTTAIL, 2047 << 4);
}

/**
 * struct reporter - a thread that makes events, one when the last one was seen
 * @g: the guest
 * @seen: events that were seen
 * @nr: how many it makes
 */
struct reporter {
	struct guest *g;
	unsigned int seen;
	unsigned int nr;
};

#define ADDRESS_OF(n)	(((n) + 1ull) << 4)	/* of event number @n; not 0 */

static void *report(void *arg)
{
	struct reporter *r = arg;

	for (unsigned int i = 0; i < r->nr; i++) {
		while (__atomic_load_n(&r->seen, __ATOMIC_ACQUIRE) < i)
			sched_yield();
		event(r->g, ADDRESS_OF(i));
	}
	return NULL;
}

/*
 * A driver takes an entry whose first word is 0 for unfinished: when it is not, the
 * second word is there. A processor of its own sees them in whichever order they come.
 */
TEST(log_entries_are_whole)
{
	struct guest guest, *g = &guest;
	struct reporter r = { .g = g, .nr = ktap_iterations(500) };
	bool alone = nr_cpus() == 1;
	pthread_t t;

	guest_open(g);
	boot_faulty(g);
	memset(g->ram + AT_EVT, 0, 512 * 16);
	t = thread_start(report, &r);
	for (unsigned int i = 0; i < r.nr; i++) {
		const __u64 at = AT_EVT + i % 512 * 16;
		__u64 until = boottime_ns() + PATIENCE_NS, address;

		for (unsigned long looks = 1; !load64(g, at); looks++) {
			if (alone)
				sched_yield();
			if (looks % 65536 == 0 && boottime_ns() > until)
				FAIL("event %u does not come", i);
		}
		address = load64(g, at + 8);
		ASSERT_EQ(ADDRESS_OF(i), address);
		store64(g, at + 8, 0);
		store64(g, at, 0);
		/* A write of a register brings entries to memory, too: not the next one. */
		W32(EVTHEAD, (i + 1) % 512 << 4);
		__atomic_store_n(&r.seen, i + 1, __ATOMIC_RELEASE);
	}
	thread_end(t, "the reporter");
}

/* First the entry, then the tail, then the interrupt. */
TEST(log_before_its_interrupt)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot_faulty(g);
	for (unsigned int i = 0; i < 100; i++) {
		event_unseen(g, i);
		WAIT_FOR(msis(g, NULL));
		in_log(g, AT_EVT, i, i);
		W32(STATUS, S_EVTINT);
	}
}

/* Its memory comes a little later: the entry waits for it, without an access to a register. */
TEST(log_memory_later)
{
	struct guest guest, *g = &guest;
	struct stall stall;

	guest_open(g);
	boot_faulty(g);
	stall_arm(&stall, g->ram + AT_EVT, SZ_4K);
	event_unseen(g, 1);
	event_unseen(g, 2);
	pause_ms(20);
	stall_release(&stall, 0);
	WAIT_FOR(load64(g, AT_EVT + 16));
	in_log(g, AT_EVT, 0, 1);
	in_log(g, AT_EVT, 1, 2);
	WAIT_FOR(msis(g, NULL));
	R32(EVTTAIL, 0x20);
}

/* It does not come: the interrupt does, and a read then waits for the memory. */
TEST(log_memory_much_later)
{
	struct guest guest, *g = &guest;
	struct stall stall;
	pthread_t t;

	guest_open(g);
	boot_faulty(g);
	stall_arm(&stall, g->ram + AT_EVT, SZ_4K);
	event_unseen(g, 1);
	WAIT_FOR(msis(g, NULL));
	event_unseen(g, 2);
	t = thread_start(read_status, g);
	stall_wait(&stall);
	stall_release(&stall, 0);
	thread_end(t, "the reader");
	R32(EVTTAIL, 0x20);
	in_log(g, AT_EVT, 0, 1);
	in_log(g, AT_EVT, 1, 2);
}

/* The unit ends while its log waits for memory. */
TEST(log_memory_never)
{
	struct guest guest, *g = &guest;
	struct stall stall;

	guest_open(g);
	boot_faulty(g);
	stall_arm(&stall, g->ram + AT_EVT, SZ_4K);
	event_unseen(g, 1);
	close(g->fd);
	close(g->events);
	close(stall.uffd);
}

/*
 * A new base is not in use before the last entry is at the old one: no write of a
 * register returns while another thread is at it.
 */
TEST(log_moves_while_it_is_written)
{
	struct guest guest, *g = &guest;
	struct mover m = { .g = g };
	struct stall stall;
	pthread_t reader, mover;

	guest_open(g);
	boot_faulty(g);
	stall_arm(&stall, g->ram + AT_EVT, SZ_4K);
	event_unseen(g, 1);
	reader = thread_start(read_status, g);
	stall_wait(&stall);
	mover = thread_start(move_log, &m);
	WAIT_FOR(__atomic_load_n(&m.tid, __ATOMIC_SEQ_CST));
	wait_asleep(m.tid);
	event_unseen(g, 2);
	ASSERT_EQ(false, __atomic_load_n(&m.done, __ATOMIC_SEQ_CST));
	stall_release(&stall, 0);
	thread_end(mover, "the mover");
	in_log(g, AT_EVT, 0, 1);
	in_log(g, AT_EVT, 1, 2);
	thread_end(reader, "the reader");
	event(g, 3);
	ASSERT_EQ(0, load64(g, AT_EVT + 32));
	in_log(g, AT_DATA, 2, 3);
}

TEST(log_interrupt_later)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot_faulty(g);
	control(g, 0, C_EVTINT);
	event(g, 1);
	event(g, 2);
	ASSERT_EQ(0, msis(g, NULL));
	control(g, C_EVTINT, 0);
	ASSERT_EQ(1, msis(g, NULL));
	/* Nothing new: nothing is told. */
	W32(STATUS, S_EVTINT);
	control(g, 0, C_EVTINT);
	control(g, C_EVTINT, 0);
	ASSERT_EQ(0, msis(g, NULL));
}

TEST(log_off)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot_faulty(g);
	control(g, 0, C_EVT);
	R32(STATUS, S_CMDRUN);
	event(g, 1);
	expect_no_event(g);
	R32(STATUS, S_CMDRUN);
	ASSERT_EQ(0, msis(g, NULL));
	control(g, C_EVT, 0);
	event(g, 2);
	expect_event(g, DEV, DID, E_FAULT | E_RW, 2);
}

static const struct bad_log_case {
	const char *name;
	__u64 base;
} bad_logs[] = {
	{ "length_0", AT_EVT },
	{ "length_7", AT_EVT | 7ull << 56 },
	{ "no_memory", NOWHERE | 9ull << 56 },
	{ "top", 0x0f0ffffffffff000ull },
};

TEST_EACH(bad_log, bad_logs)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot_faulty(g);
	control(g, 0, C_EVT);
	W64(EVTBASE, v->base);
	control(g, C_EVT, 0);
	for (unsigned int i = 0; i < 300; i++)
		event(g, i);
	R32(EVTTAIL, 0);
	settle(g);
	/* And when it is mended it works. */
	control(g, 0, C_EVT);
	W64(EVTBASE, AT_EVT | 9ull << 56);
	W32(STATUS, S_EVTOVERFLOW | S_EVTINT);
	control(g, C_EVT, 0);
	event(g, 0x77);
	expect_event(g, DEV, DID, E_FAULT | E_RW, 0x77);
}

/* As section 2.5 has it, and as drivers do it. Without the one or the other: not. */
TEST(log_restarts)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot_faulty(g);
	for (unsigned int way = 0; way < 2; way++) {
		W32(EVTHEAD, (r32(g, EVTTAIL) + 16) % 0x2000);
		event(g, 1);
		R32(STATUS, S_CMDRUN | S_EVTOVERFLOW | (way ? S_EVTINT : 0));
		W32(EVTHEAD, r32(g, EVTTAIL));
		/* It is told again; that is not cleared yet. */
		w64(g, CONTROL, g->control);
		R32(STATUS, S_CMDRUN | S_EVTOVERFLOW | (way ? S_EVTINT : 0));
		W32(STATUS, S_EVTOVERFLOW | S_EVTINT);
		R32(STATUS, S_CMDRUN);
		/* The other half of the register. */
		w32(g, CONTROL + 4, g->control >> 32);
		R32(STATUS, S_CMDRUN);
		event(g, 2);
		expect_no_event(g);
		if (way) {
			control(g, 0, C_EVT);
			control(g, C_EVT, 0);
		} else {
			w64(g, CONTROL, g->control);
		}
		R32(STATUS, S_CMDRUN | S_EVTRUN);
		event(g, 3);
		expect_event(g, DEV, DID, E_FAULT | E_RW, 3);
	}
}

/* A new buffer is empty; while the old one is used nothing happens. */
TEST(bases_empty_their_rings)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot_faulty(g);
	settle(g);
	event(g, 0x55);
	W64(CMDBASE, AT_CMD | 9ull << 56);
	R32(CMDTAIL, g->tail << 4);
	W64(EVTBASE, AT_EVT | 9ull << 56);
	ASSERT_NE(0, r32(g, EVTTAIL));
	control(g, 0, C_CMD | C_EVT);
	R32(CMDTAIL, g->tail << 4);
	W64(CMDBASE, AT_CMD | 9ull << 56);
	R32(CMDHEAD, 0);
	R32(CMDTAIL, 0);
	ASSERT_NE(0, r32(g, EVTTAIL));
	W64(EVTBASE, AT_EVT | 9ull << 56);
	R32(EVTHEAD, 0);
	R32(EVTTAIL, 0);
	/* A half of it will do. */
	W32(CMDHEAD, 0x20);
	W32(CMDTAIL, 0x40);
	W32(CMDBASE, AT_CMD);
	R32(CMDHEAD, 0);
	R32(CMDTAIL, 0);
	g->tail = 0;
	control(g, C_CMD | C_EVT, 0);
	settle(g);
	event(g, 0x56);
	R32(EVTTAIL, 0x10);
	ASSERT_EQ(0x56, words(g, AT_EVT)[1]);
}

/* Odd pointers of a log: it stays within its memory. */
TEST(log_pointers)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot_faulty(g);
	control(g, 0, C_EVT);
	W32(EVTTAIL, 0x7fff0);
	W32(EVTHEAD, 0x7fff0);
	control(g, C_EVT, 0);
	event(g, 0x55);
	R32(EVTTAIL, 0);
	ASSERT_EQ(0x55, words(g, AT_EVT + 0x1ff0)[1]);
	memset(g->ram + AT_EVT, 0, 0x2000);
	W32(EVTHEAD, 0x3000);
	event(g, 0x56);
	R32(EVTTAIL, 0x10);
	ASSERT_EQ(0x56, words(g, AT_EVT)[1]);
}

/* ---- the unit's own interrupts ---- */

TEST(vector_masked)
{
	struct guest guest, *g = &guest;
	struct nyx_event e;

	guest_open(g);
	boot_faulty(g);
	control(g, C_INTCAPXT, 0);
	event(g, 1);
	ASSERT_EQ(0, msis(g, NULL));
	/* The others are not for it. */
	W64(XTGA, 0x4100000100ull);
	W64(XTPPR, 0x4200000100ull);
	ASSERT_EQ(0, msis(g, NULL));
	W64(XTGENERAL, 0xab00014312345604ull);
	ASSERT_EQ(1, msis(g, &e));
	ASSERT_EQ(0xab123400fee56004ull, e.msi.address);
	ASSERT_EQ(0x143, e.msi.data);
	ASSERT_EQ(0, e.msi.flags);
	/* Affinity: masked, unmasked, nothing new. */
	W64(XTGENERAL, 0);
	W64(XTGENERAL, 0x4400000200ull);
	ASSERT_EQ(0, msis(g, NULL));
	W32(STATUS, S_EVTINT);
	event(g, 2);
	ASSERT_EQ(1, msis(g, &e));
	ASSERT_EQ(0xfee02000ull, e.msi.address);
	ASSERT_EQ(0x44, e.msi.data);
	/* By halves. */
	W32(STATUS, S_EVTINT);
	W64(XTGENERAL, 0);
	event(g, 3);
	W32(XTGENERAL, 0x300);
	ASSERT_EQ(0, msis(g, NULL));
	W32(XTGENERAL + 4, 0x45);
	ASSERT_EQ(1, msis(g, &e));
	ASSERT_EQ(0xfee03000ull, e.msi.address);
	ASSERT_EQ(0x45, e.msi.data);
}

/* ---- what does not fit together ---- */

TEST(commands_that_the_guest_gives)
{
	struct nyx_domain_create create = { .flags = 0 };
	struct nyx_irq_setup setup = { .size = sizeof(setup), .mode = NYX_IRQ_MODE_XAPIC };
	struct nyx_irte_set set = { .size = sizeof(set), .vector = 0x40 };
	struct nyx_irte_clear clear = { .size = sizeof(clear), .nr = 1 };
	struct guest guest, *g = &guest;
	size_t nr;

	guest_open(g);
	boot(g, BOOT_XT);
	attach(g, DEV, DID, 3);
	invalidate(g, CMD_DTE(DEV), 0);
	poke(g, DEV, 0);
	test_err(EOPNOTSUPP, cmd_domain_create(g->fd, &create));
	test_err(EOPNOTSUPP, cmd_device_detach(g->fd, DEV));
	test_err(EOPNOTSUPP, nyx_cmd(g->fd, NYX_IRQ_SETUP, &setup));
	test_err(EOPNOTSUPP, nyx_cmd(g->fd, NYX_IRTE_SET, &set));
	test_err(EOPNOTSUPP, nyx_cmd(g->fd, NYX_IRTE_CLEAR, &clear));
	free(list_all(g->fd, NYX_LIST_IRTES, 0, sizeof(struct nyx_irte_info), &nr));
	ASSERT_EQ(0, nr);
	test_cmd(cmd_device_remove(g->fd, DEV));
	test_cmd(cmd_device_add(g->fd, DEV));
	test_err(EINVAL, cmd_device_add(g->fd, NYX_SBDF(1, 0, 3, 0)));
}

