// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: AMD-Vi units: interrupt remapping.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "amdvi_guest.h"

#include <signal.h>
#include <sys/wait.h>

#define MSI	0xfee00000ull
#define REMAP	BIT(0)
#define SUPIOPF	BIT(1)
#define TYPE(n)	((__u64)(n) << 2)
#define DM	BIT(6)
#define GUEST	BIT(7)
#define DEST(n)	((__u64)(n) << 8)	/* the low 24 bits */

/* Sets the quadword of a device table entry about interrupts; all else in it is 0. */
static void set_int(struct guest *g, __u32 sbdf, __u64 q2)
{
	dte(g, sbdf)[2] = q2;
	invalidate(g, CMD_DTE(sbdf), 0);
}

/* A table of 512 entries, at a place of its own. */
static void remap(struct guest *g, __u32 sbdf, unsigned int slot)
{
	set_int(g, sbdf, irt_at(slot) | D2_IV | D2_LEN(9) | D2_CTL(2));
}

static void put_irte(struct guest *g, unsigned int slot, unsigned int index, __u64 lo, __u64 hi)
{
	words(g, irt_at(slot))[2 * index + 1] = hi;
	words(g, irt_at(slot))[2 * index] = lo;
}

static void set_irte(struct guest *g, unsigned int slot, unsigned int index, __u64 lo, __u64 hi)
{
	put_irte(g, slot, index, lo, hi);
	invalidate(g, CMD_IRT(DEV), 0);
}

static void delivers(struct guest *g, __u32 sbdf, __u32 data, __u32 dest, __u8 vector)
{
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, sbdf, MSI, data));
	ASSERT_EQ(dest, g->s.out_dest);
	ASSERT_EQ(vector, g->s.out_vector);
	ASSERT_EQ(data & 0x7ff, g->s.out_index);
	ASSERT_EQ(MSI | (dest & 0xff) << 12 | (__u64)(dest & ~0xffu) << 32,
		  g->s.out_address & ~4ull);
}

static void passes(struct guest *g, __u32 sbdf, __u64 address, __u32 data)
{
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, sbdf, address, data));
	ASSERT_EQ(address, g->s.out_address);
	ASSERT_EQ(data, g->s.out_data);
	ASSERT_EQ(0xffffffff, g->s.out_index);
	ASSERT_EQ((__u8)data, g->s.out_vector);
	expect_no_event(g);
}

static void msi_refused(struct guest *g, __u32 sbdf, __u32 data, __u16 did, __u16 code,
			__u64 address)
{
	struct nyx_event e;

	events(g, NYX_EVENT_IRQ_FAULT, NULL);
	expect_no_event(g);
	ASSERT_EQ(NYX_IRQ_REFUSED, send_msi(g, sbdf, MSI, data));
	expect_event(g, sbdf, did, code | E_I | E_RW, address);
	/* The host is told the same, if not every time. */
	if (events(g, NYX_EVENT_IRQ_FAULT, &e))
		ASSERT_EQ(code | E_I | E_RW, e.irq_fault.vendor);
}

/* The guest does not see it; the host does. */
static void msi_refused_quietly(struct guest *g, __u32 sbdf, __u32 data)
{
	__u64 counted = unit_stat(g->fd, NYX_STAT_IRQ_FAULTS);

	expect_no_event(g);
	ASSERT_EQ(NYX_IRQ_REFUSED, send_msi(g, sbdf, MSI, data));
	expect_no_event(g);
	ASSERT_EQ(counted + 1, unit_stat(g->fd, NYX_STAT_IRQ_FAULTS));
}

/* ---- device table entries ---- */

TEST(not_remapped)
{
	struct guest guest, *g = &guest;
	struct nyx_unit_info info;

	guest_open(g);
	passes(g, DEV, 0xfee0300c, 0x8741);
	boot(g, BOOT_XT);
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(0, info.irq_mode);
	/* IV=0: all kinds, whatever else is there. */
	set_int(g, DEV, ~0ull & ~D2_IV);
	for (unsigned int mode = 0; mode < 8; mode++)
		passes(g, DEV, 0xfee01000, mode << 8 | 0x41);
	passes(g, DEV, 0xfee0300c, 0xc141);
	/* No message at all. */
	ASSERT_EQ(NYX_IRQ_REFUSED, send_msi(g, DEV, 0xfed00000, 0));
	ASSERT_EQ(NYX_FAULT_IRQ_REQUEST, g->s.out_reason);
	ASSERT_EQ(NYX_IRQ_REFUSED, send_msi(g, DEV, MSI | BIT(32), 0));
	expect_no_event(g);
	/* Off. */
	set_int(g, DEV, D2_IV);
	msi_refused_quietly(g, DEV, 0x41);
	control(g, 0, C_IOMMU);
	passes(g, DEV, 0xfee01000, 0x41);
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF, info.irq_mode);
}

static void *write_byte(void *arg)
{
	struct guest *g = arg;
	struct nyx_dma c;
	__u8 byte = 0x77;

	test_cmd(cmd_dma_write(g->fd, &c, DEV, 0x5000, &byte, 1));
	return NULL;
}

static int call_write_byte(void *arg)
{
	write_byte(arg);
	return 0;
}

/* A thread that turns the unit on is killed while it waits for an access: all of it is on. */
TEST(killed_while_it_is_turned_on)
{
	struct guest guest, *g = &guest;
	struct nyx_unit_info info;
	struct stall stall;
	pthread_t who;
	int status;
	pid_t pid;

	guest_open(g);
	boot(g, BOOT_XT);
	set_int(g, DEV, D2_IV);
	control(g, 0, C_IOMMU);
	passes(g, DEV, 0xfee01000, 0x41);
	stall_arm(&stall, g->ram + 0x5000, SZ_4K);
	who = thread_start(write_byte, g);
	stall_wait(&stall);
	pid = fork();
	ASSERT_NE(-1, pid);
	if (!pid) {
		control(g, C_IOMMU, 0);
		_exit(1);
	}
	while (!(r64(g, CONTROL) & C_IOMMU))
		pause_ms(1);
	wait_asleep(pid);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	g->control |= C_IOMMU;
	R64(CONTROL, g->control);
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_EQ(0, info.irq_mode);
	msi_refused_quietly(g, DEV, 0x41);
	stall_release(&stall, 0x77);
	thread_end(who, "the DMA");
	settle(g);
}

static int write_control(void *arg)
{
	struct guest *g = arg;

	w64(g, CONTROL, g->control);
	return 0;
}

/*
 * Likewise for one that turns the unit off; then the same is written again, which
 * changes nothing, and waits nevertheless.
 */
TEST(killed_while_it_is_turned_off)
{
	struct guest guest, *g = &guest;
	struct caller held, again;
	struct stall stall;
	pid_t pid;

	guest_open(g);
	boot(g, BOOT_XT);
	set_pte(g, attach(g, DEV, DID, 4), 4, 0x5000, 1, 0x800000 | P_RW);
	invalidate(g, CMD_DTE(DEV), 0);
	stall_arm(&stall, g->ram + 0x800000, SZ_4K);
	caller_start(&held, call_write_byte, g);
	stall_wait(&stall);
	g->control &= ~C_IOMMU;
	pid = caller_fork(write_control, g);
	WAIT_FOR(!(r64(g, CONTROL) & C_IOMMU));
	caller_kill(pid);
	caller_start(&again, write_control, g);
	ASSERT_TRUE(caller_waits(&again));
	stall_release(&stall, 0x77);
	test_cmd(caller_end(&held));
	test_cmd(caller_end(&again));
	R64(CONTROL, g->control);
}

TEST(int_ctl)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	put_irte(g, 0, 0x41, REMAP | DEST(7), 0x99);
	/* Refused, and the driver does not see it; the host does. */
	set_int(g, DEV, irt_at(0) | D2_IV | D2_LEN(9) | D2_CTL(0));
	msi_refused_quietly(g, DEV, 0x41);
	ASSERT_EQ(NYX_FAULT_IRQ_COMPAT, g->s.out_reason);
	ASSERT_EQ(1, events(g, NYX_EVENT_IRQ_FAULT, NULL));
	set_int(g, DEV, irt_at(0) | D2_IV | D2_LEN(9) | D2_CTL(1));
	passes(g, DEV, 0xfee01000, 0x41);
	passes(g, DEV, 0xfee01000, 0x141);
	set_int(g, DEV, irt_at(0) | D2_IV | D2_LEN(9) | D2_CTL(2));
	delivers(g, DEV, 0x41, 7, 0x99);
	set_int(g, DEV, irt_at(0) | D2_IV | D2_LEN(9) | D2_CTL(3));
	msi_refused(g, DEV, 0x41, 0, E_DTE, MSI);
	/* The domain is told if there is one. */
	dte(g, DEV)[1] = DID;
	dte(g, DEV)[0] = D_V;
	invalidate(g, CMD_DTE(DEV), 0);
	msi_refused(g, DEV, 0x41, DID, E_DTE, MSI);
}

static const struct kind_case {
	const char *name;
	__u32 mode;
	__u64 pass;
	bool always;
} kind_cases[] = {
	{ "smi", 2, 0, true },
	{ "nmi", 4, D2_NMI, false },
	{ "init", 5, D2_INIT, false },
	{ "extint", 7, D2_EXTINT, false },
	{ "mode_3", 3, 0, false },
	{ "mode_6", 6, 0, false },
};

TEST_EACH(other_kinds, kind_cases)
{
	const __u64 all = D2_NMI | D2_INIT | D2_EXTINT | BIT(62) | BIT(63);
	struct guest guest, *g = &guest;
	__u32 data = v->mode << 8 | 0x12;

	guest_open(g);
	boot(g, BOOT_XT);
	for (unsigned int ctl = 0; ctl < 3; ctl++) {
		const __u64 base = irt_at(0) | D2_IV | D2_LEN(11) | D2_CTL(ctl);

		set_int(g, DEV, base | (all & ~v->pass));
		if (v->always)
			passes(g, DEV, 0xfee01000, data);
		else
			msi_refused_quietly(g, DEV, data);
		if (!v->pass)
			continue;
		set_int(g, DEV, base | v->pass);
		passes(g, DEV, 0xfee01000, data);
	}
}

TEST(dte_reserved)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	put_irte(g, 0, 0, REMAP | DEST(1), 0x41);
	for (unsigned int bit = 52; bit < 56; bit++) {
		set_int(g, DEV, irt_at(0) | D2_IV | D2_LEN(9) | D2_CTL(2) | BIT(bit));
		msi_refused(g, DEV, 0, 0, E_DTE | E_RZ, MSI);
	}
	for (unsigned int bit = 0; bit < 64; bit++) {
		ktap_note("bit %u of word 3", bit);
		dte(g, DEV)[3] = BIT(bit);
		remap(g, DEV, 0);
		if (bit < 54)
			msi_refused(g, DEV, 0, 0, E_DTE | E_RZ, MSI);
		else
			delivers(g, DEV, 0, 1, 0x41);
	}
	/* Accesses do not mind. */
	reaches(g, DEV, AT_DATA, AT_DATA);
}

TEST(table_lengths)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	for (unsigned int i = 0; i < 512; i++)
		put_irte(g, 0, i, REMAP | DEST(i), 0x30 + i % 0xc0);
	for (unsigned int len = 0; len < 16; len++) {
		const unsigned int nr = len < 9 ? 1 << len : 512;

		ktap_note("2^%u entries", len);
		set_int(g, DEV, irt_at(0) | D2_IV | D2_LEN(len) | D2_CTL(2));
		if (len > 11) {
			msi_refused(g, DEV, 0, 0, E_DTE, MSI);
			continue;
		}
		delivers(g, DEV, 0, 0, 0x30);
		delivers(g, DEV, nr - 1, nr - 1, 0x30 + (nr - 1) % 0xc0);
		if (len >= 9)
			continue;
		msi_refused(g, DEV, nr, 0, E_FAULT, MSI);
		msi_refused(g, DEV, 511, 0, E_FAULT, MSI);
		ASSERT_EQ(NYX_FAULT_IRQ_INDEX, g->s.out_reason);
		ASSERT_EQ(511, g->s.out_index);
	}
}

TEST(tables_out_of_reach)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	set_int(g, DEV, NOWHERE | D2_IV | D2_LEN(9) | D2_CTL(2));
	msi_refused(g, DEV, 3, 0, E_PTE_HW | E_ABORT, NOWHERE + 3 * 16);
	ASSERT_EQ(NYX_FAULT_IRQ_TABLE, g->s.out_reason);
	set_int(g, DEV, 0x000fffffffffffc0ull | D2_IV | D2_LEN(9) | D2_CTL(2));
	msi_refused(g, DEV, 511, 0, E_PTE_HW | E_ABORT, 0x000fffffffffffc0ull + 511 * 16);
	/* Half of an entry. */
	set_int(g, DEV, (GUEST_RAM - 64) | D2_IV | D2_LEN(9) | D2_CTL(2));
	msi_refused(g, DEV, 4, 0, E_PTE_HW | E_ABORT, GUEST_RAM);
	/* The device table itself. */
	W64(DEVTAB, AT_DEVTAB);
	invalidate(g, CMD_ALL, 0);
	msi_refused(g, DEV_BUS, 3, 0, E_DTE, MSI);
	W64(DEVTAB, NOWHERE | 0x1ff);
	invalidate(g, CMD_ALL, 0);
	msi_refused(g, DEV, 3, 0, E_DTE_HW | E_ABORT, NOWHERE + 32 * DEV);
}

/* The interrupts of an IOAPIC come while no device table entry has V. */
TEST(each_device_has_its_own)
{
	static const __u32 devices[] = { DEV, DEV_FN, DEV2, DEV_BUS, IOAPIC };
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++) {
		put_irte(g, i, 5, REMAP | DEST(i), 0x50 + i);
		remap(g, devices[i], i);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++)
		delivers(g, devices[i], 5, i, 0x50 + i);
	/* An invalidation is of one. */
	for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++)
		put_irte(g, i, 5, REMAP | DEST(i), 0x60 + i);
	invalidate(g, CMD_IRT(DEV2), 0);
	delivers(g, DEV2, 5, 2, 0x62);
	invalidate(g, CMD_ALL, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++)
		delivers(g, devices[i], 5, i, 0x60 + i);
	/* Two that share one. */
	remap(g, DEV, 1);
	delivers(g, DEV, 5, 1, 0x61);
	delivers(g, DEV_FN, 5, 1, 0x61);
	/* And one that comes anew knows nothing of its former life. */
	test_cmd(cmd_device_remove(g->fd, DEV));
	put_irte(g, 1, 5, REMAP | DEST(3), 0x77);
	test_cmd(cmd_device_add(g->fd, DEV));
	delivers(g, DEV, 5, 3, 0x77);
}

/* ---- entries ---- */

TEST(large_entries)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	remap(g, DEV, 0);
	/* Every field at its widest, and what means nothing set. */
	set_irte(g, 0, 9, REMAP | BIT(5) | DM | TYPE(1) | DEST(0xabcdef) | 0xffffffffull << 32,
		 0x12ull << 56 | 0x000ffffffffff000ull | 0xfe);
	delivers(g, DEV, 9, 0x12abcdef, 0xfe);
	ASSERT_EQ(NYX_DELIVERY_LOWEST, g->s.out_delivery);
	ASSERT_EQ(NYX_IRTE_F_LOGICAL, g->s.out_flags);
	ASSERT_EQ(0x1fe, g->s.out_data);
	ASSERT_EQ(0x12abcd00feeef004ull, g->s.out_address);
	/* The trigger mode is the sender's. */
	delivers(g, DEV, 0x8000 | 9, 0x12abcdef, 0xfe);
	ASSERT_EQ(0xc1fe, g->s.out_data);
	/* The address of the message has no say, the kind 1 is part of the index. */
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, 0xfeefffff, 9));
	ASSERT_EQ(0x12abcd00feeef004ull, g->s.out_address);
	set_irte(g, 0, 0x1ff, REMAP | DEST(3), 0x20);
	delivers(g, DEV, 0x1ff, 3, 0x20);
	ASSERT_EQ(NYX_DELIVERY_FIXED, g->s.out_delivery);
	/* 8-bit destinations. */
	control(g, 0, C_XT);
	set_irte(g, 0, 9, REMAP | DEST(0xabcdef), 0x12ull << 56 | 0xfe);
	delivers(g, DEV, 9, 0xef, 0xfe);
	control(g, C_XT, 0);
	delivers(g, DEV, 9, 0x12abcdef, 0xfe);
}

TEST(large_entries_refused)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	remap(g, DEV, 0);
	for (unsigned int type = 0; type < 8; type++) {
		put_irte(g, 0, 1, REMAP | TYPE(type) | DEST(1), 0x41);
		invalidate(g, CMD_IRT(DEV), 0);
		if (type < 2)
			delivers(g, DEV, 1, 1, 0x41);
		else
			msi_refused(g, DEV, 1, 0, E_FAULT | E_PR | E_RZ, MSI);
	}
	for (unsigned int bit = 0; bit < 64; bit++) {
		const __u64 bad = 0x00f0000000000f00ull;

		ktap_note("bit %u", bit);
		put_irte(g, 0, 1, REMAP | DEST(1), 0x41 ^ BIT(bit));
		invalidate(g, CMD_IRT(DEV), 0);
		if (bad & BIT(bit))
			msi_refused(g, DEV, 1, 0, E_FAULT | E_PR | E_RZ, MSI);
		else
			ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, MSI, 1));
	}
	/* Of guests of the guest nothing is known. */
	set_irte(g, 0, 1, REMAP | GUEST | DEST(1), 0x41);
	msi_refused(g, DEV, 1, 0, E_FAULT | E_PR | E_RZ, MSI);
	ASSERT_EQ(NYX_FAULT_IRQ_RESERVED, g->s.out_reason);
	/* As the driver marks an entry that it has given away. */
	set_irte(g, 0, 1, ~REMAP & ~SUPIOPF, 0xff);
	msi_refused(g, DEV, 1, 0, E_FAULT, MSI);
	ASSERT_EQ(NYX_FAULT_IRQ_NOT_PRESENT, g->s.out_reason);
}

/* An entry that is not usable is looked at again each time. */
static unsigned int list_irtes(struct guest *g, __u64 start, struct nyx_irte_info list[4])
{
	struct nyx_list l = { .type = NYX_LIST_IRTES, .start = start };
	struct nyx_unit_info info;

	test_cmd(cmd_list(g->fd, &l, list, sizeof(*list), 4));
	ASSERT_EQ(0, l.out_more);
	test_cmd(cmd_unit_info(g->fd, &info));
	ASSERT_TRUE(start || info.nr_irtes == l.out_nr);
	return l.out_nr;
}

TEST(listed)
{
	struct nyx_irte_info list[4];
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	remap(g, DEV, 0);
	remap(g, DEV2, 1);
	put_irte(g, 0, 7, REMAP | DEST(1), 0x41);
	put_irte(g, 0, 511, REMAP | DM | TYPE(1) | DEST(2), 0x12ull << 56 | 0x42);
	put_irte(g, 1, 3, REMAP | SUPIOPF | DEST(3), 0x43);
	/* Those that were looked at. */
	ASSERT_EQ(0, list_irtes(g, 0, list));
	delivers(g, DEV2, 3, 3, 0x43);
	delivers(g, DEV, 7, 1, 0x41);
	delivers(g, DEV, 511, 0x12000002, 0x42);
	ASSERT_EQ(3, list_irtes(g, 0, list));
	for (size_t i = 0; i < 2; i++)
		ASSERT_EQ(DEV, list[i].sbdf);
	ASSERT_EQ(7, list[0].index);
	ASSERT_EQ(1, list[0].dest);
	ASSERT_EQ(0x41, list[0].vector);
	ASSERT_EQ(511, list[1].index);
	ASSERT_EQ(0x12000002, list[1].dest);
	ASSERT_EQ(NYX_IRTE_F_LOGICAL, list[1].flags);
	ASSERT_EQ(NYX_DELIVERY_LOWEST, list[1].delivery);
	ASSERT_EQ(DEV2, list[2].sbdf);
	ASSERT_EQ(3, list[2].index);
	ASSERT_EQ(NYX_IRTE_F_FPD, list[2].flags);
	ASSERT_EQ(2, list_irtes(g, NYX_IRTE_KEY(DEV, 8), list));
	ASSERT_EQ(511, list[0].index);
	ASSERT_EQ(1, list_irtes(g, NYX_IRTE_KEY(DEV + 1, 511), list));
	ASSERT_EQ(3, list[0].index);
	ASSERT_EQ(0, list_irtes(g, NYX_IRTE_KEY(DEV2, 4), list));
	/* Forgotten with the table, and with the device. */
	invalidate(g, CMD_IRT(DEV), 0);
	ASSERT_EQ(1, list_irtes(g, 0, list));
	ASSERT_EQ(DEV2, list[0].sbdf);
	test_cmd(cmd_device_remove(g->fd, DEV2));
	ASSERT_EQ(0, list_irtes(g, 0, list));
	/* And with all. */
	delivers(g, DEV, 7, 1, 0x41);
	ASSERT_EQ(1, list_irtes(g, 0, list));
	invalidate(g, CMD_ALL, 0);
	ASSERT_EQ(0, list_irtes(g, 0, list));
}

TEST(not_present_is_not_kept)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	remap(g, DEV, 0);
	msi_refused(g, DEV, 4, 0, E_FAULT, MSI);
	put_irte(g, 0, 4, REMAP | DEST(4), 0x44);
	delivers(g, DEV, 4, 4, 0x44);
}

/* The entry number @n: no two have a word in common. */
static void nth(unsigned int n, __u64 entry[2])
{
	entry[0] = REMAP | DEST(n);
	entry[1] = 0x40 + n % 64;
}

/* An entry is read as it was at some time, not half as it was at another. */
TEST(entry_is_read_whole)
{
	struct guest guest, *g = &guest;
	struct flipper f = { .nth = nth };
	pthread_t t;

	guest_open(g);
	boot(g, BOOT_XT);
	remap(g, DEV, 0);
	f.at = words(g, irt_at(0) + 16 * 5);
	t = flipper_start(&f);
	for (unsigned long i = 0; i < ktap_iterations(20000); i++) {
		flipper_sends(&f);
		ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, MSI, 5));
		ASSERT_EQ(0x40 + g->s.out_dest % 64, g->s.out_vector);
		cmd(g, CMD_IRT(DEV), 0);
	}
	flipper_end(&f, t);
}

TEST(suppressed)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, BOOT_XT);
	remap(g, DEV, 0);
	set_irte(g, 0, 1, SUPIOPF, 0);
	msi_refused_quietly(g, DEV, 1);
	set_irte(g, 0, 1, SUPIOPF | REMAP | TYPE(5), 0);
	msi_refused_quietly(g, DEV, 1);
	msi_refused(g, DEV, 2, 0, E_FAULT, MSI);
	/* IG: all of the device; but not what is wrong with its entry. */
	set_int(g, DEV, irt_at(0) | D2_IV | D2_IG | D2_LEN(4) | D2_CTL(2));
	msi_refused_quietly(g, DEV, 2);
	msi_refused_quietly(g, DEV, 16);
	set_int(g, DEV, irt_at(0) | D2_IV | D2_IG | D2_LEN(4) | D2_CTL(3));
	msi_refused(g, DEV, 2, 0, E_DTE, MSI);
	/* Nor a table that is not in memory. */
	set_int(g, DEV, NOWHERE | D2_IV | D2_IG | D2_LEN(4) | D2_CTL(2));
	msi_refused(g, DEV, 3, 0, E_PTE_HW | E_ABORT, NOWHERE + 3 * 16);
}

TEST(small_entries)
{
	struct guest guest, *g = &guest;
	__u32 *table;

	guest_open(g, .flags = NYX_AMDVI_F_XAPIC | NYX_AMDVI_F_SMALL_IRTES);
	boot(g, 0);
	remap(g, DEV, 0);
	table = (__u32 *)words(g, irt_at(0));
	for (unsigned int i = 0; i < 512; i++)
		table[i] = 1 | (i & 0xff) << 8 | (0x20 + i % 0xd0) << 16;
	for (unsigned int i = 0; i < 512; i++)
		delivers(g, DEV, i, i & 0xff, 0x20 + i % 0xd0);
	table[3] = 1 | BIT(5) | DM | TYPE(1) | 0x33 << 8 | 0x44 << 16;
	invalidate(g, CMD_IRT(DEV), 0);
	delivers(g, DEV, 3, 0x33, 0x44);
	ASSERT_EQ(NYX_DELIVERY_LOWEST, g->s.out_delivery);
	ASSERT_EQ(NYX_IRTE_F_LOGICAL, g->s.out_flags);
	for (unsigned int bit = 24; bit < 32; bit++) {
		table[4] = 1 | 0x41 << 16 | 1u << bit;
		invalidate(g, CMD_IRT(DEV), 0);
		msi_refused(g, DEV, 4, 0, E_FAULT | E_PR | E_RZ, MSI);
	}
	table[4] = 1 | GUEST | 0x41 << 16;
	invalidate(g, CMD_IRT(DEV), 0);
	msi_refused(g, DEV, 4, 0, E_FAULT | E_PR | E_RZ, MSI);
	table[4] = 1 | TYPE(4) | 0x41 << 16;
	msi_refused(g, DEV, 4, 0, E_FAULT | E_PR | E_RZ, MSI);
	table[4] = 0xfffffffc;
	msi_refused(g, DEV, 4, 0, E_FAULT, MSI);
	table[4] = 0xfffffffe;
	msi_refused_quietly(g, DEV, 4);
	/* Where none is. */
	set_int(g, DEV, NOWHERE | D2_IV | D2_LEN(9) | D2_CTL(2));
	msi_refused(g, DEV, 5, 0, E_PTE_HW | E_ABORT, NOWHERE + 5 * 4);
}

/* GAEn says how large they are, at any time. */
TEST(sizes_change)
{
	struct guest guest, *g = &guest;

	guest_open(g);
	boot(g, 0);
	remap(g, DEV, 0);
	*words(g, irt_at(0)) = 1 | 0x21 << 8 | 0x41 << 16;
	words(g, irt_at(0))[1] = 0x55;
	delivers(g, DEV, 0, 0x21, 0x41);
	control(g, C_GA, 0);
	delivers(g, DEV, 0, 0x21, 0x55);
	control(g, C_XT, 0);
	delivers(g, DEV, 0, 0x4121, 0x55);
	control(g, 0, C_GA);
	delivers(g, DEV, 0, 0x21, 0x41);
}

/* ---- guests of the guest ---- */

#define AT_VAPIC	(AT_DATA + 0x5000)
#define LOGINTR		BIT(2)
#define ISRUN		BIT(6)

static void boot_guest_apic(struct guest *g)
{
	guest_open(g, .flags = NYX_AMDVI_F_GUEST_APIC);
	W64(GABASE, AT_GALOG | 8ull << 56);
	W32(GAHEAD, 0);
	W32(GATAIL, 0);
	boot(g, BOOT_XT);
	control(g, C_GAM | C_GALOG | C_GAINT, 0);
	R32(STATUS, S_CMDRUN | S_EVTRUN | S_GARUN);
	remap(g, DEV, 0);
}

TEST(guest_apic)
{
	struct guest guest, *g = &guest;

	boot_guest_apic(g);
	for (unsigned int vector = 0; vector < 256; vector++) {
		__u32 *irr = (__u32 *)(g->ram + AT_VAPIC + 0x200 + vector / 32 * 16);

		put_irte(g, 0, 1, REMAP | GUEST | 0x12345678ull << 32, AT_VAPIC | vector);
		invalidate(g, CMD_IRT(DEV), 0);
		memset(g->ram + AT_VAPIC, 0, SZ_4K);
		ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, MSI, 1));
		ASSERT_EQ(1u << vector % 32, *irr);
		*irr = 0;
		ASSERT_FILLED(g->ram + AT_VAPIC, 0, SZ_4K);
	}
	/* Without GALogIntr nothing is logged; on a processor that runs the doorbell is rung. */
	R32(GATAIL, 0);
	set_irte(g, 0, 1, REMAP | GUEST | ISRUN | LOGINTR | DEST(0x345678),
		 0x12ull << 56 | AT_VAPIC | 0x41);
	ASSERT_EQ(NYX_IRQ_NOTIFY, send_msi(g, DEV, MSI, 1));
	ASSERT_EQ(0x12345678, g->s.out_dest);
	ASSERT_EQ(0, g->s.out_vector);
	ASSERT_EQ(NYX_IRTE_F_POSTED, g->s.out_flags);
	ASSERT_EQ(2, *(__u32 *)(g->ram + AT_VAPIC + 0x220));
	R32(GATAIL, 0);
	ASSERT_EQ(0, msis(g, NULL));
	/* And back to a plain one. */
	set_irte(g, 0, 1, REMAP | DEST(5), 0x55);
	delivers(g, DEV, 1, 5, 0x55);
	/* Reserved bits; no mode for it; no page. */
	for (unsigned int bit = 3; bit < 6; bit++) {
		set_irte(g, 0, 1, REMAP | GUEST | BIT(bit), AT_VAPIC | 0x41);
		msi_refused(g, DEV, 1, 0, E_FAULT | E_PR | E_RZ, MSI);
	}
	set_irte(g, 0, 1, REMAP | GUEST, NOWHERE | 0x41);
	msi_refused_quietly(g, DEV, 1);
	ASSERT_EQ(NYX_FAULT_IRQ_POST, g->s.out_reason);
	control(g, 0, C_GAM);
	set_irte(g, 0, 1, REMAP | GUEST, AT_VAPIC | 0x41);
	msi_refused(g, DEV, 1, 0, E_FAULT | E_PR | E_RZ, MSI);
}

TEST(ga_log)
{
	struct guest guest, *g = &guest;

	boot_guest_apic(g);
	set_irte(g, 0, 1, REMAP | GUEST | LOGINTR | 0x89abcdefull << 32, AT_VAPIC | 0x41);
	W64(GATAILADDR, AT_SEM + 64);
	*words(g, AT_SEM + 64) = 0x55;
	ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, MSI, 1));
	R32(GATAIL, 8);
	/* The unit also writes the tail to the driver's address, if it is in memory. */
	ASSERT_EQ(8, *words(g, AT_SEM + 64));
	W64(GATAILADDR, NOWHERE);
	ASSERT_EQ(0x1000001889abcdefull, *words(g, AT_GALOG));
	R32(STATUS, S_CMDRUN | S_EVTRUN | S_GARUN | S_GAINT);
	ASSERT_EQ(1, msis(g, NULL));
	W32(STATUS, S_GAINT);
	/* 512 entries, of which one stays free. */
	for (unsigned int i = 1; i < 511; i++) {
		ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, MSI, 1));
		R32(GATAIL, 8 * (i + 1));
	}
	R32(STATUS, S_CMDRUN | S_EVTRUN | S_GARUN | S_GAINT);
	ASSERT_EQ(1, msis(g, NULL));
	ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, MSI, 1));
	R32(GATAIL, 8 * 511);
	R32(STATUS, S_CMDRUN | S_EVTRUN | S_GAOVERFLOW | S_GAINT);
	ASSERT_EQ(1, msis(g, NULL));
	/* As the driver starts it anew. */
	control(g, 0, C_GALOG | C_GAINT);
	W32(STATUS, S_GAOVERFLOW | S_GAINT);
	W32(GAHEAD, 8 * 511);
	control(g, C_GALOG | C_GAINT, 0);
	R32(STATUS, S_CMDRUN | S_EVTRUN | S_GARUN);
	ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, MSI, 1));
	R32(GATAIL, 0);
	ASSERT_EQ(0x1000001889abcdefull, words(g, AT_GALOG)[511]);
	expect_no_event(g);
}

/* The guest's virtual APIC, the entry of the log, and where its tail is stored. */
TEST(ga_log_is_dirty)
{
	struct guest guest, *g = &guest;

	boot_guest_apic(g);
	set_irte(g, 0, 1, REMAP | GUEST | LOGINTR | 0x89abcdefull << 32, AT_VAPIC | 0x41);
	W64(GATAILADDR, AT_SEM + 64);
	test_cmd(cmd_dirty_start(g->fd));
	ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, MSI, 1));
	R32(GATAIL, 8);
	EXPECT_DIRTY(AT_VAPIC, AT_GALOG, AT_SEM);
	set_irte(g, 0, 1, REMAP | GUEST, AT_VAPIC | 0x41);
	EXPECT_DIRTY(AT_SEM);
	ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, MSI, 1));
	EXPECT_DIRTY(AT_VAPIC);
	test_cmd(cmd_dirty_stop(g->fd));
}

/* Of any size, and polled where its tail is stored: no register is accessed. */
TEST(ga_log_fills)
{
	static const unsigned int lengths[] = { 8, 12 };
	struct guest guest, *g = &guest;

	boot_guest_apic(g);
	set_irte(g, 0, 1, REMAP | GUEST | LOGINTR | 0x89abcdefull << 32, AT_VAPIC | 0x41);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		__u64 entries = 2ull << lengths[i];

		control(g, 0, C_GALOG);
		W64(GABASE, AT_DATA | (__u64)lengths[i] << 56);
		R32(GAHEAD, 0);
		R32(GATAIL, 0);
		W64(GATAILADDR, AT_SEM + 64);
		W32(STATUS, S_GAINT | S_GAOVERFLOW);
		store64(g, AT_SEM + 64, 0);
		memset(g->ram + AT_DATA, 0, 8 * entries);
		control(g, C_GALOG, 0);
		msis(g, NULL);
		for (__u64 n = 1; n < entries; n++) {
			ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, MSI, 1));
			/* Now and then, to be seen one by one. */
			if (n % 100)
				continue;
			WAIT_FOR(load64(g, AT_SEM + 64) == 8 * n);
			ASSERT_EQ(0x1000001889abcdefull, load64(g, AT_DATA + 8 * (n - 1)));
		}
		WAIT_FOR(load64(g, AT_SEM + 64) == 8 * (entries - 1));
		for (__u64 n = 0; n < entries - 1; n++)
			ASSERT_EQ(0x1000001889abcdefull, load64(g, AT_DATA + 8 * n));
		WAIT_FOR(msis(g, NULL));
		ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, MSI, 1));
		WAIT_FOR(msis(g, NULL));
		R32(STATUS, S_CMDRUN | S_EVTRUN | S_GAOVERFLOW | S_GAINT);
		R32(GATAIL, 8 * (entries - 1));
		ASSERT_EQ(0, load64(g, AT_DATA + 8 * (entries - 1)));
	}
}

/* A new base empties that log as others, unless it runs. */
TEST(ga_base_empties_its_ring)
{
	struct guest guest, *g = &guest;

	boot_guest_apic(g);
	set_irte(g, 0, 1, REMAP | GUEST | LOGINTR, AT_VAPIC | 0x41);
	ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, MSI, 1));
	ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, MSI, 1));
	R32(GATAIL, 16);
	W32(GAHEAD, 8);
	W64(GABASE, AT_GALOG | 8ull << 56);
	R32(GAHEAD, 8);
	R32(GATAIL, 16);
	control(g, 0, C_GALOG);
	R32(GATAIL, 16);
	W32(GABASE, AT_GALOG);
	R32(GAHEAD, 0);
	R32(GATAIL, 0);
}

static const struct log_change_case {
	const char *name;
	__u32 offset;
	__u64 value;
} log_changes[] = {
	{ "base", EVTBASE, AT_DATA | 9ull << 56 },
	{ "off", CONTROL, C_CMD | C_GA | C_XT | C_IOMMU | C_GAM | C_GALOG },
	{ "all_off", CONTROL, 0 },
};

/**
 * struct log_writer - a thread that writes a register
 * @g: the guest
 * @change: what it writes
 */
struct log_writer {
	struct guest *g;
	const struct log_change_case *change;
};

static void *write_register(void *arg)
{
	struct log_writer *w = arg;

	w64(w->g, w->change->offset, w->change->value);
	return NULL;
}

/*
 * An event comes up while the write of a register waits for the other log: it is in
 * the log when that returns. Afterwards the unit does not write there.
 */
TEST_EACH(log_changes_while_an_event_comes, log_changes)
{
	struct guest guest, *g = &guest;
	struct log_writer w = { .g = g, .change = v };
	unsigned char before[SZ_4K];
	struct stall stall;
	pthread_t t;

	boot_guest_apic(g);
	set_irte(g, 0, 1, REMAP | GUEST | LOGINTR, AT_VAPIC | 0x41);
	dte(g, DEV2)[1] = DID;
	dte(g, DEV2)[0] = D_V;
	invalidate(g, CMD_DTE(DEV2), 0);
	stall_arm(&stall, g->ram + AT_GALOG, SZ_4K);
	ASSERT_EQ(NYX_IRQ_POSTED, send_msi(g, DEV, MSI, 1));
	t = thread_start(write_register, &w);
	stall_wait(&stall);
	ASSERT_NE(0, poke(g, DEV2, 0x1234));
	stall_release(&stall, 0);
	thread_end(t, "the writer");
	memcpy(before, g->ram + AT_EVT, SZ_4K);
	ASSERT_EQ(0x1234, load64(g, AT_EVT + 8));
	R32(EVTTAIL, 0x10);
	ASSERT_FILLED(g->ram + AT_DATA, 0, SZ_4K);
	ASSERT_EQ(0, memcmp(before, g->ram + AT_EVT, SZ_4K));
	ASSERT_EQ(0x1000001800000000ull, load64(g, AT_GALOG));
}

/* ---- bound interrupts ---- */

static void arrives(struct guest *g, const struct nyx_irq_bind *b)
{
	eventfd_give(b->source);
	WAIT_FOR(eventfd_take(b->target));
	expect_no_event(g);
}

static void does_not_arrive(struct guest *g, const struct nyx_irq_bind *b, __u16 code)
{
	eventfd_give(b->source);
	WAIT_FOR(r32(g, EVTTAIL) != r32(g, EVTHEAD));
	expect_event(g, DEV, 0, code | E_I | E_RW, MSI);
	ASSERT_EQ(0, eventfd_take(b->target));
}

TEST(bound)
{
	struct guest guest, *g = &guest;
	struct nyx_irq_bind b;

	guest_open(g);
	bind_irq(g, &b, MSI, 7);
	arrives(g, &b);
	boot(g, BOOT_XT);
	arrives(g, &b);
	remap(g, DEV, 0);
	does_not_arrive(g, &b, E_FAULT);
	put_irte(g, 0, 7, REMAP | DEST(1), 0x41);
	for (int i = 0; i < 3; i++)
		arrives(g, &b);
	set_irte(g, 0, 7, REMAP | TYPE(3) | DEST(1), 0x41);
	does_not_arrive(g, &b, E_FAULT | E_PR | E_RZ);
	does_not_arrive(g, &b, E_FAULT | E_PR | E_RZ);
	set_irte(g, 0, 7, REMAP | DEST(1), 0x41);
	arrives(g, &b);
	set_int(g, DEV, irt_at(0) | D2_IV | D2_LEN(2) | D2_CTL(2));
	does_not_arrive(g, &b, E_FAULT);
	set_int(g, DEV, D2_IV | D2_CTL(3));
	does_not_arrive(g, &b, E_DTE);
	set_int(g, DEV, 0);
	arrives(g, &b);
}

static struct nyx_binding_info binding_of(struct guest *g, const struct nyx_irq_bind *b)
{
	struct nyx_binding_info info;

	binding_info(g->fd, b->out_binding_id, &info);
	return info;
}

/* They are refused with interrupts off; it is logged, without a read of a register. */
TEST(bound_refused_is_logged)
{
	struct guest guest, *g = &guest;
	struct nyx_irq_bind b;

	guest_open(g);
	boot(g, BOOT_XT);
	remap(g, DEV, 0);
	bind_irq(g, &b, MSI, 7);
	for (unsigned int i = 0; i < 511; i++) {
		eventfd_give(b.source);
		WAIT_FOR(load64(g, AT_EVT + 16 * i));
		ASSERT_EQ(MSI, load64(g, AT_EVT + 16 * i + 8));
	}
	R32(STATUS, S_CMDRUN | S_EVTRUN | S_EVTINT);
	R32(EVTTAIL, 511 << 4);
	unbind_irq(g, &b);
}

/* To a guest's guest, in memory that is not pinned */
TEST(bound_to_guest_apic)
{
	struct guest guest, *g = &guest;
	struct nyx_irq_bind b;
	__u32 *irr;

	boot_guest_apic(g);
	irr = (__u32 *)(g->ram + AT_VAPIC + 0x220);
	bind_irq(g, &b, MSI, 1);
	/* The processor does not run: it is logged. */
	set_irte(g, 0, 1, REMAP | GUEST | LOGINTR | 0x77ull << 32, AT_VAPIC | 0x41);
	for (unsigned int i = 1; i < 4; i++) {
		eventfd_give(b.source);
		WAIT_FOR(r32(g, GATAIL) == 8 * i);
		ASSERT_EQ(2, __atomic_exchange_n(irr, 0, __ATOMIC_SEQ_CST));
		ASSERT_EQ(0x1000001800000077ull, words(g, AT_GALOG)[i - 1]);
	}
	ASSERT_EQ(0, eventfd_take(b.target));
	/* The doorbell is rung. */
	set_irte(g, 0, 1, REMAP | GUEST | ISRUN | DEST(3), AT_VAPIC | 0x42);
	arrives(g, &b);
	ASSERT_EQ(4, __atomic_exchange_n(irr, 0, __ATOMIC_SEQ_CST));
	/* Nowhere; with reserved bits; not for guests any more, and again. */
	set_irte(g, 0, 1, REMAP | GUEST, NOWHERE | 0x41);
	eventfd_give(b.source);
	WAIT_FOR(binding_of(g, &b).refused == 1);
	ASSERT_EQ(NYX_FAULT_IRQ_POST, binding_of(g, &b).last_reason);
	set_irte(g, 0, 1, REMAP | GUEST | BIT(3), AT_VAPIC | 0x41);
	does_not_arrive(g, &b, E_FAULT | E_PR | E_RZ);
	set_irte(g, 0, 1, REMAP | DEST(5), 0x55);
	for (unsigned int i = 0; i < 3; i++)
		arrives(g, &b);
	ASSERT_EQ(0, *irr);
	set_irte(g, 0, 1, REMAP | GUEST | ISRUN, AT_VAPIC | 0x40);
	arrives(g, &b);
	ASSERT_EQ(1, *irr);
	ASSERT_EQ(2, binding_of(g, &b).refused);
	/* Not remapped any more, in two ways, after it was posted. */
	for (unsigned int i = 0; i < 2; i++) {
		set_int(g, DEV, i ? D2_IV | D2_CTL(1) : 0);
		arrives(g, &b);
		arrives(g, &b);
		remap(g, DEV, 0);
		__atomic_store_n(irr, 0, __ATOMIC_SEQ_CST);
		arrives(g, &b);
		ASSERT_EQ(1, *irr);
	}
	ASSERT_EQ(2, binding_of(g, &b).refused);
}

/* A reader that has asked for it hears whose entries have changed. */
TEST(changes_are_told)
{
	struct guest guest, *g = &guest;
	__u64 changes;
	struct nyx_event event;

	guest_open(g);
	boot(g, BOOT_XT);
	changes = irte_changes(g);
	invalidate(g, CMD_IRT(DEV), 0);
	ASSERT_EQ(changes + 1, irte_changes(g));
	ASSERT_EQ(0, events(g, NYX_EVENT_IRTE, NULL));
	close(g->events);
	test_cmd(cmd_events_open(g->fd, NYX_EVENTS_F_NONBLOCK | NYX_EVENTS_F_IRTE, &g->events));
	invalidate(g, CMD_IRT(DEV2), 0);
	ASSERT_EQ(1, events(g, NYX_EVENT_IRTE, &event));
	ASSERT_EQ(DEV2, event.irte.sbdf);
	ASSERT_EQ(0, event.irte.index);
	ASSERT_EQ(512, event.irte.nr);
	invalidate(g, CMD_DTE(DEV), 0);
	ASSERT_EQ(1, events(g, NYX_EVENT_IRTE, &event));
	ASSERT_EQ(DEV, event.irte.sbdf);
	invalidate(g, CMD_ALL, 0);
	ASSERT_EQ(1, events(g, NYX_EVENT_IRTE, &event));
	ASSERT_EQ(NYX_SBDF_ANY, event.irte.sbdf);
}
