// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: devices of a host, which is vfio_fake.c.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * PCI Express Base Specification 5.0, chapter 7; PCI Local Bus Specification 3.0, 6.8.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "iommu_unit.h"
#include "pci.h"
#include "vfio.h"
#include "vfio_fake.h"

#define NAME		"0000:00:05.0"
#define SLOT		1
#define PAGE		UINT64_C(4096)

/* Where the capabilities of the fake are */
#define PM		0x40
#define MSI		0x50
#define EXP		0x70
#define MSIX		0xb0
#define VENDOR		0xc0
#define DSN		0x150
#define TABLE		0x2000
#define PENDING		0x3800

static struct vmm *setup(void)
{
	struct vmm *vmm;

	fake_add(NAME, 7);
	fake_begin();
	vmm = env_machine(ENV_MAP);
	ASSERT_EQ(0, vfio_init(vmm, NAME, false));
	return vmm;
}

static void teardown(struct vmm *vmm)
{
	env_end(vmm);
	fake_end();
}

static uint64_t cfg(struct vmm *vmm, unsigned int at, unsigned int len)
{
	return env_in(vmm, IO_MMIO, env_ecam(SLOT, at), len);
}

static void cfg_set(struct vmm *vmm, unsigned int at, uint64_t value, unsigned int len)
{
	env_out(vmm, IO_MMIO, env_ecam(SLOT, at), value, len);
}

static uint64_t bar(struct vmm *vmm, unsigned int nr)
{
	return cfg(vmm, PCI_BASE_ADDRESS_0 + 4 * nr, 4) & ~UINT64_C(0xf);
}

/* The device's own configuration */
static uint64_t own(unsigned int at, unsigned int len)
{
	return fake_get(&fake.devices[0], VFIO_PCI_CONFIG_REGION_INDEX, at, len);
}

/* For the main thread; the harness ends a case that waits for ever. */
#define WAIT(cond) do {		\
	while (!(cond))		\
		usleep(100);	\
} while (0)

/* ---- configuration space --------------------------------------------------------- */

TEST(capabilities_shown)
{
	static const struct { uint8_t at, id; } want[] = {
		{ PM, PCI_CAP_ID_PM }, { MSI, PCI_CAP_ID_MSI }, { EXP, PCI_CAP_ID_EXP },
		{ MSIX, PCI_CAP_ID_MSIX }, { VENDOR, PCI_CAP_ID_VNDR },
	};
	struct vmm *vmm = setup();
	unsigned int i;
	uint64_t at;

	EXPECT_EQ(0x00101b36, cfg(vmm, PCI_VENDOR_ID, 4));
	EXPECT_EQ(0x01080202, cfg(vmm, PCI_CLASS_REVISION, 4));
	EXPECT_EQ(0x11001af4, cfg(vmm, PCI_SUBSYSTEM_VENDOR_ID, 4));
	EXPECT_EQ(0, cfg(vmm, PCI_HEADER_TYPE, 1));
	at = cfg(vmm, PCI_CAPABILITY_LIST, 1);
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		ASSERT_EQ(want[i].at, at);
		ASSERT_EQ(want[i].id, cfg(vmm, (unsigned int)at, 1));
		at = cfg(vmm, (unsigned int)at + 1, 1);
	}
	EXPECT_EQ(0, at);
	/* Others read as zero */
	EXPECT_EQ(0, cfg(vmm, 0x48, 4));
	EXPECT_EQ(0, cfg(vmm, 0x4c, 4));
	EXPECT_EQ(0, cfg(vmm, 0xd0, 4));
	teardown(vmm);
}

TEST(capabilities_are_tamed)
{
	struct vmm *vmm = setup();

	EXPECT_EQ(0x0003, cfg(vmm, PM + PCI_PM_PMC, 2));
	EXPECT_EQ(PCI_PM_CTRL_NO_SOFT_RESET, cfg(vmm, PM + PCI_PM_CTRL, 2));
	/* 8 messages, 64 bits, no masks */
	EXPECT_EQ(PCI_MSI_FLAGS_64BIT | 3 << 1, cfg(vmm, MSI + PCI_MSI_FLAGS, 2));
	/* Of the root complex, without link; FLR, but no phantom functions */
	EXPECT_EQ(PCI_EXP_TYPE_RC_END << 4 | 2, cfg(vmm, EXP + PCI_EXP_FLAGS, 2));
	EXPECT_EQ(0x10008027, cfg(vmm, EXP + PCI_EXP_DEVCAP, 4));
	EXPECT_EQ(0, cfg(vmm, EXP + PCI_EXP_LNKCAP, 4));
	EXPECT_EQ(0, cfg(vmm, EXP + PCI_EXP_DEVCAP2, 4));
	EXPECT_EQ(FAKE_VECTORS - 1, cfg(vmm, MSIX + PCI_MSIX_FLAGS, 2));
	EXPECT_EQ(TABLE, cfg(vmm, MSIX + PCI_MSIX_TABLE, 4));
	EXPECT_EQ(PENDING, cfg(vmm, MSIX + PCI_MSIX_PBA, 4));
	EXPECT_EQ(0xcafef00d, cfg(vmm, VENDOR + 4, 4));
	/* The list begins with a null capability, and has only the serial number */
	EXPECT_EQ(DSN << 20, cfg(vmm, 0x100, 4));
	EXPECT_EQ(0, cfg(vmm, 0x104, 4));
	EXPECT_EQ(0x00010003, cfg(vmm, DSN, 4));
	EXPECT_EQ(0x55667788, cfg(vmm, DSN + 4, 4));
	EXPECT_EQ(0x11223344, cfg(vmm, DSN + 8, 4));
	EXPECT_EQ(0, cfg(vmm, 0x200, 4));
	teardown(vmm);
}

TEST(live_bits)
{
	struct vmm *vmm = setup();
	struct fake_device *dev = &fake.devices[0];

	fake_put(dev, VFIO_PCI_CONFIG_REGION_INDEX, PCI_STATUS, 0x8208, 2);
	EXPECT_EQ(0x8218, cfg(vmm, PCI_STATUS, 2));
	/* With the command register, which is the guest's */
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	EXPECT_EQ(0x82180002, cfg(vmm, PCI_COMMAND, 4));
	fake_put(dev, VFIO_PCI_CONFIG_REGION_INDEX, EXP + PCI_EXP_DEVSTA, 0xffff, 2);
	EXPECT_EQ(PCI_EXP_DEVSTA_TRPND, cfg(vmm, EXP + PCI_EXP_DEVSTA, 2));
	fake_put(dev, VFIO_PCI_CONFIG_REGION_INDEX, VENDOR + 4, 0xa5a5, 2);
	EXPECT_EQ(0xcafea5a5, cfg(vmm, VENDOR + 4, 4));
	teardown(vmm);
}

TEST(command_reaches_device)
{
	static const uint16_t enabled = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;
	struct vmm *vmm = setup();

	EXPECT_EQ(enabled, own(PCI_COMMAND, 2));
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	EXPECT_EQ(enabled | PCI_COMMAND_MASTER, own(PCI_COMMAND, 2));
	cfg_set(vmm, PCI_COMMAND, 0xffff, 2);
	EXPECT_EQ(enabled | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE, own(PCI_COMMAND, 2));
	cfg_set(vmm, PCI_COMMAND, 0, 2);
	EXPECT_EQ(enabled, own(PCI_COMMAND, 2));
	teardown(vmm);
}

/* No other register of the device changes by what the guest writes. */
TEST(random_writes)
{
	struct vmm *vmm = setup();
	struct rng rng = rng_start(1);
	static uint8_t before[4096];
	unsigned long i, nr = ktap_iterations(20000);
	unsigned int at;

	memcpy(before, fake.devices[0].config, sizeof(before));
	for (i = 0; i < nr; i++) {
		unsigned int len = 1u << rng_below(&rng, 3);

		at = (unsigned int)rng_below(&rng, rng_below(&rng, 2) ? 256 : 4096) & ~(len - 1);
		cfg_set(vmm, at, rng_next(&rng), len);
	}
	for (at = 0; at < 4096; at++) {
		if (at != PCI_COMMAND && at != PCI_COMMAND + 1)
			ASSERT_EQ(before[at], own(at, 1));
	}
	EXPECT_EQ(PCI_COMMAND_IO | PCI_COMMAND_MEMORY, own(PCI_COMMAND, 2) &
		  ~(PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE));
	teardown(vmm);
}

/* A list that leads to itself, and capabilities that reach over the end */
TEST(bad_lists)
{
	struct fake_device *dev = fake_add(NAME, 7);
	struct vmm *vmm;

	dev->config[MSIX + 1] = 0xf8;
	dev->config[0xf8] = PCI_CAP_ID_MSI;
	dev->config[0xf9] = 0xfc;
	dev->config[0xfc] = PCI_CAP_ID_VNDR;
	dev->config[0xfd] = PM;
	dev->config[0xfe] = 9;
	le_put(dev->config + DSN, 0x15010003, 4);
	fake_begin();
	vmm = env_machine(ENV_MAP);
	ASSERT_EQ(0, vfio_init(vmm, NAME, false));
	EXPECT_EQ(PCI_CAP_ID_MSIX, cfg(vmm, MSIX, 2));
	EXPECT_EQ(0, cfg(vmm, 0xf8, 4));
	EXPECT_EQ(0, cfg(vmm, 0xfc, 4));
	EXPECT_EQ(0x00010003, cfg(vmm, DSN, 4));
	teardown(vmm);
}

static const struct { const char *name; uint8_t at; uint32_t flags; } express_at[] = {
	{ "fits", 0xd4, PCI_EXP_TYPE_RC_END << 4 | 2 },
	{ "too_long", 0xd8, PCI_EXP_TYPE_RC_END << 4 | 1 },
};

/* A function of the root complex has no registers of a link: version 2 has 0x2c bytes. */
TEST_EACH(express_size, express_at)
{
	struct fake_device *dev = fake_add(NAME, 7);
	struct vmm *vmm;

	dev->config[MSI + 1] = v->at;
	dev->config[v->at] = PCI_CAP_ID_EXP;
	dev->config[v->at + 1] = MSIX;
	le_put(dev->config + v->at + PCI_EXP_FLAGS, PCI_EXP_TYPE_RC_END << 4 | 2, 2);
	fake_begin();
	vmm = env_machine(ENV_MAP);
	ASSERT_EQ(0, vfio_init(vmm, NAME, false));
	EXPECT_EQ(v->flags, cfg(vmm, v->at + PCI_EXP_FLAGS, 2));
	EXPECT_EQ(PCI_CAP_ID_MSIX, cfg(vmm, MSIX, 1));
	teardown(vmm);
}

TEST(function_level_reset)
{
	struct vmm *vmm = setup();
	struct fake_device *dev = &fake.devices[0];
	uint64_t table = bar(vmm, 0) + TABLE;
	unsigned int resets = dev->resets;

	env_out(vmm, IO_MMIO, table, GPA_LAPIC, 8);
	env_out(vmm, IO_MMIO, table + 8, 0x41, 8);
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	EXPECT_TRUE(dev->triggers[VFIO_PCI_MSIX_IRQ_INDEX][0] >= 0);
	cfg_set(vmm, EXP + PCI_EXP_DEVCTL, 0x2810 | PCI_EXP_DEVCTL_BCR_FLR, 2);
	EXPECT_EQ(resets + 1, dev->resets);
	EXPECT_EQ(0x2810, cfg(vmm, EXP + PCI_EXP_DEVCTL, 2));
	EXPECT_EQ(0, cfg(vmm, PCI_COMMAND, 2));
	EXPECT_EQ(0, bar(vmm, 0));
	EXPECT_EQ(0, env_memories());
	EXPECT_EQ(FAKE_VECTORS - 1, cfg(vmm, MSIX + PCI_MSIX_FLAGS, 2));
	EXPECT_EQ(-1, dev->triggers[VFIO_PCI_MSIX_IRQ_INDEX][0]);
	EXPECT_EQ(PCI_COMMAND_IO | PCI_COMMAND_MEMORY, own(PCI_COMMAND, 2));
	teardown(vmm);
}

/* ---- BARs ------------------------------------------------------------------------ */

static const struct { const char *name; unsigned int at; uint32_t mask; } sizes[] = {
	{ "64_bit", PCI_BASE_ADDRESS_0, 0xffff8004 },
	{ "upper_half", PCI_BASE_ADDRESS_1, 0xffffffff },
	{ "ports", PCI_BASE_ADDRESS_2, 0xffffffe1 },
	{ "prefetchable_rounded", PCI_BASE_ADDRESS_3, 0xffffc008 },
	{ "none", PCI_BASE_ADDRESS_4, 0 },
	{ "rom", PCI_ROM_ADDRESS, 0xfffff001 },
};

TEST_EACH(bar_sizes, sizes)
{
	struct vmm *vmm = setup();

	cfg_set(vmm, PCI_COMMAND, 0, 2);
	cfg_set(vmm, v->at, UINT32_MAX, 4);
	EXPECT_EQ(v->mask, cfg(vmm, v->at, 4));
	teardown(vmm);
}

/* True if the guest reaches [offset, offset + PAGE) of BAR 0 at @gpa without the VMM */
static bool direct(uint64_t gpa, uint64_t offset)
{
	uint8_t *host = env_memory_at(gpa + offset);

	if (!host)
		return false;
	ASSERT_TRUE(env_memory_at(gpa + offset + PAGE - 1) == host + PAGE - 1);
	host[8] = (uint8_t)(1 + offset / PAGE);
	ASSERT_EQ(1 + offset / PAGE, fake_get(&fake.devices[0], 0, offset + 8, 1));
	return true;
}

TEST(bar_moves)
{
	struct vmm *vmm = setup();
	uint64_t old = bar(vmm, 0), at;
	unsigned int page;

	/* All but the pages of table and pending bits */
	for (page = 0; page < 8; page++)
		EXPECT_EQ(page != 2 && page != 3, direct(old, page * PAGE));
	EXPECT_EQ(3, env_memories());		/* BAR 0 in two pieces, BAR 3 */
	cfg_set(vmm, PCI_BASE_ADDRESS_0, 0xd0000000, 4);
	EXPECT_TRUE(!env_memory_at(old) && direct(0xd0000000, 0) && direct(0xd0000000, 0x7000));
	/* Above 4G, where the window of large BARs is */
	pci_high_window(vmm, &at, &old);
	cfg_set(vmm, PCI_BASE_ADDRESS_1, at >> 32, 4);
	cfg_set(vmm, PCI_BASE_ADDRESS_0, at, 4);
	EXPECT_TRUE(!env_memory_at(0xd0000000) && direct(at, 0));
	cfg_set(vmm, PCI_COMMAND, 0, 2);
	EXPECT_EQ(0, env_memories());
	EXPECT_EQ(UINT32_MAX, env_in(vmm, IO_MMIO, at, 4));
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	EXPECT_TRUE(direct(at, 0));
	teardown(vmm);
}

static const struct { const char *name; uint32_t at; } places[] = {
	{ "ram", 0 }, { "ioapic", 0xfec00000 }, { "lapic", 0xfee00000 }, { "ecam", 0xe0000000 },
	{ "top", 0xffff8000 },
};

/* Where a BAR must not be memory of KVM, the guest reaches the device by the VMM, or not. */
TEST_EACH(bar_misplaced, places)
{
	struct vmm *vmm = setup();
	unsigned int before = env_memories();

	cfg_set(vmm, PCI_BASE_ADDRESS_0, v->at, 4);
	EXPECT_EQ(before - 2, env_memories());
	cfg_set(vmm, PCI_BASE_ADDRESS_0, 0xd0000000, 4);
	EXPECT_EQ(before, env_memories());
	teardown(vmm);
}

/* Two BARs in one place, or no slot: what KVM refuses comes to the VMM. */
TEST(bar_refused)
{
	struct vmm *vmm = setup();
	struct fake_device *dev = &fake.devices[0];

	cfg_set(vmm, PCI_BASE_ADDRESS_0, bar(vmm, 3), 4);
	EXPECT_TRUE(env_memory_at(bar(vmm, 3)));
	env_memory = -ENOSPC;
	cfg_set(vmm, PCI_BASE_ADDRESS_0, 0xd0000000, 4);
	EXPECT_TRUE(!env_memory_at(0xd0000000));
	env_out(vmm, IO_MMIO, 0xd0000010, 0xabcd1234, 4);
	EXPECT_EQ(0xabcd1234, fake_get(dev, 0, 0x10, 4));
	env_memory = 0;
	teardown(vmm);
}

TEST(bar_trapped)
{
	struct vmm *vmm = setup();
	struct fake_device *dev = &fake.devices[0];
	uint64_t ports = cfg(vmm, PCI_BASE_ADDRESS_2, 4) & ~3u, rom = 0xd0000000;

	fake_put(dev, 2, 4, 0x55aa, 2);
	EXPECT_EQ(0x55aa, env_in(vmm, IO_PORT, ports + 4, 2));
	env_out(vmm, IO_PORT, ports + 8, 0x77, 1);
	EXPECT_EQ(0x77, fake_get(dev, 2, 8, 1));
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	EXPECT_EQ(0xffff, env_in(vmm, IO_PORT, ports + 4, 2));
	/* Beside the table, in its page, and in registers of 8 bytes */
	env_out(vmm, IO_MMIO, bar(vmm, 0) + TABLE + 0x80, 0x1122334455667788, 8);
	EXPECT_EQ(0x1122334455667788, fake_get(dev, 0, TABLE + 0x80, 8));
	/* Behind the end of the region, in the BAR */
	EXPECT_EQ(UINT32_MAX, env_in(vmm, IO_MMIO, bar(vmm, 3) + 0x3000, 4));
	env_out(vmm, IO_MMIO, bar(vmm, 3) + 0x3000, 1, 4);
	EXPECT_EQ(0, fake_get(dev, 3, 0x3000, 4));
	EXPECT_EQ(0, env_says());
	/* The ROM is only there when it is enabled, and only to be read */
	fake_put(dev, VFIO_PCI_ROM_REGION_INDEX, 0, 0xaa55, 2);
	cfg_set(vmm, PCI_ROM_ADDRESS, rom, 4);
	EXPECT_EQ(0xffff, env_in(vmm, IO_MMIO, rom, 2));
	cfg_set(vmm, PCI_ROM_ADDRESS, rom | PCI_ROM_ADDRESS_ENABLE, 4);
	EXPECT_EQ(0xaa55, env_in(vmm, IO_MMIO, rom, 2));
	env_out(vmm, IO_MMIO, rom, 0, 2);
	EXPECT_EQ(0xaa55, fake_get(dev, VFIO_PCI_ROM_REGION_INDEX, 0, 2));
	teardown(vmm);
}

/* Pages of BAR 0 that the guest reaches, a bit each; those of the table are 2 and 3. */
static const struct {
	const char *name;
	unsigned int nr;
	struct vfio_region_sparse_mmap_area areas[2];
	uint8_t pages;
	int error;
} sparse[] = {
	{ "whole", 1, { { 0, 0x8000 } }, 0xf3 },
	{ "around_table", 2, { { 0, 0x2000 }, { 0x4000, 0x4000 } }, 0xf3 },
	{ "middle", 1, { { 0x1000, 0x4000 } }, 0x12 },
	{ "parts_of_pages", 1, { { 0x800, 0x5000 } }, 0x12 },
	{ "only_table", 1, { { 0x2000, 0x2000 } }, 0x00 },
	{ "small", 1, { { 0x100, 0x200 } }, 0x00 },
	{ "empty", 1, { { 0x1000, 0 } }, 0x00 },
	{ "behind_end", 1, { { 0x8000, 0x1000 } }, 0, -EINVAL },
	{ "wraps", 1, { { 0x1000, UINT64_MAX } }, 0, -EINVAL },
};

TEST_EACH(bar_sparse, sparse)
{
	struct fake_device *dev = fake_add(NAME, 7);
	struct vmm *vmm;
	unsigned int page;

	dev->regions[0].nr_sparse = v->nr;
	memcpy(dev->regions[0].sparse, v->areas, sizeof(v->areas));
	fake_begin();
	vmm = env_machine(ENV_MAP);
	ASSERT_EQ(v->error, vfio_init(vmm, NAME, false));
	for (page = 0; page < 8 && !v->error; page++)
		EXPECT_EQ(v->pages >> page & 1, direct(bar(vmm, 0), page * PAGE));
	teardown(vmm);
}

/* A BAR that has no room below 4G */
TEST(bar_large)
{
	struct fake_device *dev = fake_add(NAME, 7);
	struct vmm *vmm;
	uint64_t first, last, at;

	dev->regions[0] = (struct fake_region){ 1 * GIB, VFIO_REGION_INFO_FLAG_READ };
	fake_begin();
	vmm = env_machine(ENV_MAP);
	ASSERT_EQ(0, vfio_init(vmm, NAME, false));
	pci_high_window(vmm, &first, &last);
	at = cfg(vmm, PCI_BASE_ADDRESS_1, 4) << 32 | bar(vmm, 0);
	EXPECT_TRUE(at >= first && at + GIB - 1 <= last && !(at % GIB));
	teardown(vmm);
}

/* ---- interrupts ------------------------------------------------------------------ */

static void entry_set(struct vmm *vmm, unsigned int vector, uint64_t address, uint32_t data,
		      uint32_t control)
{
	uint64_t at = bar(vmm, 0) + TABLE + 16 * vector;

	env_out(vmm, IO_MMIO, at, address, 8);
	env_out(vmm, IO_MMIO, at + 8, data, 4);
	env_out(vmm, IO_MMIO, at + 12, control, 4);
}

static int *msix_triggers(void)
{
	return fake.devices[0].triggers[VFIO_PCI_MSIX_IRQ_INDEX];
}

/* The device interrupts. */
static void interrupt(int fd)
{
	uint64_t one = 1;

	ASSERT_EQ(sizeof(one), write(fd, &one, sizeof(one)));
}

/* KVM takes the signals of @fd for that message. */
static bool listens(int fd, uint64_t address, uint32_t data)
{
	struct irq_message message;

	return fd >= 0 && env_irqfd_get(fd, &message) && message.address_lo == (uint32_t)address &&
		message.data == data;
}

TEST(msix)
{
	struct vmm *vmm = setup();
	struct irq_message message;
	int fd;

	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	EXPECT_TRUE(fake.devices[0].triggers[VFIO_PCI_INTX_IRQ_INDEX][0] >= 0);
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
	EXPECT_EQ(-1, fake.devices[0].triggers[VFIO_PCI_INTX_IRQ_INDEX][0]);
	EXPECT_EQ(-1, msix_triggers()[3]);
	entry_set(vmm, 3, GPA_LAPIC | 0x1000, 0x43, 0);
	fd = msix_triggers()[3];
	ASSERT_TRUE(fd >= 0);
	EXPECT_TRUE(!env_irqfd_get(fd, &message));
	/* The table is the guest's, not the device's */
	EXPECT_EQ(0x43, env_in(vmm, IO_MMIO, bar(vmm, 0) + TABLE + 0x38, 4));
	EXPECT_EQ(0, fake_get(&fake.devices[0], 0, TABLE + 0x38, 4));
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	EXPECT_TRUE(listens(fd, GPA_LAPIC | 0x1000, 0x43));
	/* Another one, and another message */
	entry_set(vmm, 0, GPA_LAPIC, 0x50, 0);
	EXPECT_TRUE(listens(msix_triggers()[0], GPA_LAPIC, 0x50));
	entry_set(vmm, 3, GPA_LAPIC, 0x51, 0);
	EXPECT_EQ(fd, msix_triggers()[3]);
	EXPECT_TRUE(listens(fd, GPA_LAPIC, 0x51));
	EXPECT_EQ(-1, msix_triggers()[1]);
	EXPECT_EQ(0, env_messages());
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, 0, 2);
	EXPECT_EQ(-1, msix_triggers()[3]);
	EXPECT_TRUE(!env_irqfd_get(fd, &message));
	EXPECT_TRUE(fake.devices[0].triggers[VFIO_PCI_INTX_IRQ_INDEX][0] >= 0);
	teardown(vmm);
}

/* An interrupt that comes while its vector is masked is pending, and comes once. */
TEST(msix_masked)
{
	struct vmm *vmm = setup();
	struct irq_message message;
	uint64_t pending;
	int fd;

	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	pending = bar(vmm, 0) + PENDING;
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	entry_set(vmm, 2, GPA_LAPIC, 0x42, 0);
	fd = msix_triggers()[2];
	entry_set(vmm, 2, GPA_LAPIC, 0x42, PCI_MSIX_ENTRY_CTRL_MASKBIT);
	EXPECT_TRUE(!env_irqfd_get(fd, &message));
	EXPECT_EQ(fd, msix_triggers()[2]);
	EXPECT_EQ(0, env_in(vmm, IO_MMIO, pending, 8));
	interrupt(fd);
	interrupt(fd);
	WAIT(env_in(vmm, IO_MMIO, pending, 8) == 1 << 2);
	EXPECT_EQ(0, env_messages());
	entry_set(vmm, 2, GPA_LAPIC, 0x42, 0);
	EXPECT_EQ(1, env_messages());
	EXPECT_EQ(0x42, env_message().data);
	EXPECT_EQ(0, env_in(vmm, IO_MMIO, pending, 8));
	EXPECT_TRUE(listens(fd, GPA_LAPIC, 0x42));
	teardown(vmm);
}

/* KVM takes no more eventfds: the main thread sends what the device signals. */
TEST(msix_by_hand)
{
	struct vmm *vmm = setup();

	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	env_irqfd = -ENOSPC;
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	entry_set(vmm, 1, GPA_LAPIC, 0x41, 0);
	interrupt(msix_triggers()[1]);
	WAIT(env_messages() == 1);
	interrupt(msix_triggers()[1]);
	WAIT(env_messages() == 2);
	EXPECT_EQ(0x41, env_message().data);
	teardown(vmm);
}

/* A message that is a write to memory is that. */
TEST(msix_to_memory)
{
	struct vmm *vmm = setup();

	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	entry_set(vmm, 1, 0x5000, 0x12345678, 0);
	interrupt(msix_triggers()[1]);
	WAIT(env_get(vmm, 0x5000, 4) == 0x12345678);
	EXPECT_EQ(0, env_messages());
	teardown(vmm);
}

TEST(msix_fewer)
{
	struct vmm *vmm;

	fake_add(NAME, 7)->vectors = 2;
	fake_begin();
	vmm = env_machine(ENV_MAP);
	ASSERT_EQ(0, vfio_init(vmm, NAME, false));
	entry_set(vmm, 1, GPA_LAPIC, 0x41, 0);
	entry_set(vmm, 2, GPA_LAPIC, 0x42, 0);
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	EXPECT_EQ(1, env_says());
	EXPECT_TRUE(strstr(env_said(), "only 2 of 8 vectors"));
	EXPECT_TRUE(listens(msix_triggers()[1], GPA_LAPIC, 0x41));
	EXPECT_EQ(-1, msix_triggers()[2]);
	teardown(vmm);
}

TEST(msi)
{
	struct vmm *vmm = setup();
	struct irq_message message;
	int fd;

	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	cfg_set(vmm, MSI + PCI_MSI_ADDRESS_LO, GPA_LAPIC | 0x2000, 4);
	cfg_set(vmm, MSI + PCI_MSI_DATA_64, 0x47, 2);
	cfg_set(vmm, MSI + PCI_MSI_FLAGS, 0x8f, 1);
	EXPECT_EQ(PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_ENABLE | 3 << 1,
		  cfg(vmm, MSI + PCI_MSI_FLAGS, 2));
	fd = fake.devices[0].triggers[VFIO_PCI_MSI_IRQ_INDEX][0];
	EXPECT_TRUE(listens(fd, GPA_LAPIC | 0x2000, 0x47));
	EXPECT_EQ(-1, fake.devices[0].triggers[VFIO_PCI_INTX_IRQ_INDEX][0]);
	cfg_set(vmm, MSI + PCI_MSI_DATA_64, 0x48, 2);
	EXPECT_TRUE(listens(fd, GPA_LAPIC | 0x2000, 0x48));
	cfg_set(vmm, MSI + PCI_MSI_FLAGS, 0, 1);
	EXPECT_TRUE(!env_irqfd_get(fd, &message));
	EXPECT_EQ(-1, fake.devices[0].triggers[VFIO_PCI_MSI_IRQ_INDEX][0]);
	teardown(vmm);
}

/* The host has @nr triggers for MSI, and KVM has their messages. */
static bool has_messages(unsigned int nr, uint32_t data)
{
	const int *triggers = fake.devices[0].triggers[VFIO_PCI_MSI_IRQ_INDEX];
	unsigned int i;

	for (i = 0; i < FAKE_VECTORS; i++) {
		if (i < nr ? !listens(triggers[i], GPA_LAPIC, data + i) : triggers[i] >= 0)
			return false;
	}
	return true;
}

/* The number of a message is in the lowest bits of the data. */
TEST(msi_messages)
{
	struct vmm *vmm = setup();
	unsigned int power;

	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	cfg_set(vmm, MSI + PCI_MSI_ADDRESS_LO, GPA_LAPIC, 4);
	cfg_set(vmm, MSI + PCI_MSI_DATA_64, 0x47, 2);
	for (power = 0; power < 8; power++) {
		unsigned int nr = power < 3 ? 1u << power : 8;

		cfg_set(vmm, MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE | power << 4, 2);
		EXPECT_TRUE(has_messages(nr, 0x48 - nr));
	}
	/* Fewer, while it is enabled, and another message */
	cfg_set(vmm, MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE | 1 << 4, 2);
	EXPECT_TRUE(has_messages(2, 0x46));
	cfg_set(vmm, MSI + PCI_MSI_DATA_64, 0x61, 2);
	EXPECT_TRUE(has_messages(2, 0x60));
	EXPECT_EQ(0, env_messages());
	cfg_set(vmm, MSI + PCI_MSI_FLAGS, 0, 2);
	EXPECT_TRUE(has_messages(0, 0));
	/* KVM takes no eventfds: the main thread sends them. */
	env_irqfd = -ENOSPC;
	cfg_set(vmm, MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE | 3 << 4, 2);
	interrupt(fake.devices[0].triggers[VFIO_PCI_MSI_IRQ_INDEX][5]);
	WAIT(env_messages() == 1);
	EXPECT_EQ(0x65, env_message().data);
	env_irqfd = 0;
	EXPECT_EQ(0, env_says());
	teardown(vmm);
}

static const struct { const char *name; unsigned int host; uint64_t shown; } message_counts[] = {
	{ "one", 1, 0 }, { "two", 2, 1 }, { "three", 3, 1 }, { "seven", 7, 2 }, { "eight", 8, 3 },
};

/* A guest is not offered more than the host has: the device would send what nobody takes. */
TEST_EACH(msi_fewer, message_counts)
{
	struct vmm *vmm;

	fake_add(NAME, 7)->messages = v->host;
	fake_begin();
	vmm = env_machine(ENV_MAP);
	ASSERT_EQ(0, vfio_init(vmm, NAME, false));
	EXPECT_EQ(v->shown, cfg(vmm, MSI + PCI_MSI_FLAGS, 2) >> 1 & 7);
	EXPECT_EQ(-1, fake.devices[0].triggers[VFIO_PCI_MSI_IRQ_INDEX][0]);
	EXPECT_EQ(0, env_says());
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	cfg_set(vmm, MSI + PCI_MSI_ADDRESS_LO, GPA_LAPIC, 4);
	cfg_set(vmm, MSI + PCI_MSI_DATA_64, 0x40, 2);
	cfg_set(vmm, MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE | 3 << 4, 2);
	EXPECT_TRUE(has_messages(1u << v->shown, 0x40));
	teardown(vmm);
}

/* INTA# of slot 1 is pin 17 */
TEST(intx)
{
	struct vmm *vmm = setup();
	struct fake_device *dev = &fake.devices[0];
	int fd = dev->triggers[VFIO_PCI_INTX_IRQ_INDEX][0];

	ASSERT_TRUE(fd >= 0);
	rte_set(vmm, 17, 0x61 | LEVEL);
	interrupt(fd);
	WAIT(env_messages() == 1);
	EXPECT_EQ(0x61, env_message().data & 0xff);
	EXPECT_TRUE(rte_get(vmm, 17) & REMOTE_IRR);
	EXPECT_EQ(0, dev->unmasks);
	/* The EOI takes the level away, and VFIO looks again */
	ioapic_eoi(vmm, 0x61);
	WAIT(dev->unmasks == 1);
	EXPECT_EQ(1, env_messages());
	EXPECT_TRUE(!(rte_get(vmm, 17) & REMOTE_IRR));
	interrupt(fd);
	WAIT(env_messages() == 2);
	ioapic_eoi(vmm, 0x61);
	WAIT(dev->unmasks == 2);
	/* Masked by the guest, it waits */
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
	EXPECT_TRUE(own(PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE);
	teardown(vmm);
}

/* By the 8259s: wire 11 is INTA# of slot 1. */
TEST(intx_8259)
{
	static const struct { uint16_t port; uint8_t value; } init[] = {
		{ 0x20, 0x11 }, { 0x21, 0x30 }, { 0x21, 4 }, { 0x21, 1 }, { 0x21, 0xfb },
		{ 0xa0, 0x11 }, { 0xa1, 0x38 }, { 0xa1, 2 }, { 0xa1, 1 }, { 0xa1, 0xf7 },
	};
	struct vmm *vmm = setup();
	struct fake_device *dev = &fake.devices[0];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(init); i++)
		env_out(vmm, IO_PORT, init[i].port, init[i].value, 1);
	interrupt(dev->triggers[VFIO_PCI_INTX_IRQ_INDEX][0]);
	WAIT(pic_raised());
	EXPECT_EQ(0x3b, pic_acknowledge(vmm));
	EXPECT_EQ(0, dev->unmasks);
	env_out(vmm, IO_PORT, 0xa0, 0x20, 1);
	env_out(vmm, IO_PORT, 0x20, 0x20, 1);
	WAIT(dev->unmasks == 1);
	EXPECT_TRUE(!pic_raised());
	teardown(vmm);
}

/* ---- the host -------------------------------------------------------------------- */

static void other_name(struct fake_device *dev)
{
	dev->name = "0000:00:06.0";
}

static void no_iommu(struct fake_device *dev)
{
	dev->group = 0;
}

static void no_driver(struct fake_device *dev)
{
	dev->driver = "";
}

static void other_driver(struct fake_device *dev)
{
	dev->driver = "nvme";
}

static void culprit(struct fake_device *dev)
{
	fake_add("0000:00:05.1", dev->group)->driver = "e1000e";
	fake.viable = EBUSY;
}

static void unsafe(struct fake_device *dev)
{
	(void)dev;
	fake.set_iommu = EPERM;
}

static void refused(struct fake_device *dev)
{
	(void)dev;
	fake.set_container = EINVAL;
}

static void gone(struct fake_device *dev)
{
	(void)dev;
	fake.device = ENODEV;
}

static void bridge(struct fake_device *dev)
{
	dev->config[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_BRIDGE;
}

static void platform(struct fake_device *dev)
{
	dev->flags = VFIO_DEVICE_FLAGS_PLATFORM;
}

static void short_config(struct fake_device *dev)
{
	dev->regions[VFIO_PCI_CONFIG_REGION_INDEX].size = 64;
}

static void table_outside(struct fake_device *dev)
{
	le_put(dev->config + MSIX + PCI_MSIX_TABLE, 0x7ff8, 4);
}

static void table_nowhere(struct fake_device *dev)
{
	le_put(dev->config + MSIX + PCI_MSIX_TABLE, 0x2007, 4);
}

static void lone_half(struct fake_device *dev)
{
	dev->regions[5] = dev->regions[0];
	le_put(dev->config + PCI_BASE_ADDRESS_5, PCI_BASE_ADDRESS_MEM_TYPE_64, 4);
}

static void huge(struct fake_device *dev)
{
	dev->regions[0].size = UINT64_MAX;
}

static const struct {
	const char *name;
	void (*change)(struct fake_device *dev);
	const char *says;
} hosts[] = {
	{ "no_device", other_name, "no such PCI device; 'lspci -D'" },
	{ "no_iommu", no_iommu, "enable VT-d or AMD-Vi in the firmware" },
	{ "no_driver", no_driver, "its driver is none; bind it to vfio-pci" },
	{ "other_driver", other_driver, "its driver is nvme; bind it to vfio-pci" },
	{ "not_viable", culprit, "0000:00:05.1, with the driver e1000e, is in the same IOMMU group 7" },
	{ "unsafe", unsafe, "allow_unsafe_interrupts=1" },
	{ "refused", refused, "does not take the group 7" },
	{ "gone", gone, NAME ": No such device" },
	{ "bridge", bridge, "assign the devices behind it" },
	{ "platform", platform, "VFIO does not know it as a PCI device" },
	{ "short_config", short_config, "VFIO does not know it as a PCI device" },
	{ "table_outside", table_outside, "its MSI-X table lies in no BAR" },
	{ "table_nowhere", table_nowhere, "its MSI-X table lies in no BAR" },
	{ "lone_half", lone_half, "its last BAR has no upper half" },
	{ "huge", huge, "BAR 0 is too large" },
};

/* The message says once what is wrong, and nothing is left. */
TEST_EACH(host_is_not_ready, hosts)
{
	struct vmm *vmm;

	v->change(fake_add(NAME, 7));
	fake_begin();
	vmm = env_machine(ENV_MAP);
	EXPECT_TRUE(vfio_init(vmm, NAME, false) < 0);
	EXPECT_EQ(1, env_says());
	if (!strstr(env_said(), v->says))
		FAIL("says: %s", env_said());
	teardown(vmm);
}

/* All of the guest's memory, at its own addresses, while the guest has the device */
TEST(memory_is_mapped)
{
	struct vmm *vmm = setup();

	ASSERT_EQ(1, fake.nr_mapped);
	EXPECT_EQ(0, fake.mapped[0].iova);
	EXPECT_EQ(ENV_RAM, fake.mapped[0].size);
	EXPECT_TRUE(fake.mapped[0].host == (uintptr_t)vmm->ram);
	EXPECT_EQ(1, fake.devices[0].resets);
	env_end(vmm);
	EXPECT_EQ(2, fake.devices[0].resets);
	fake_end();
}

TEST(memory_is_refused)
{
	struct vmm *vmm;

	fake_add(NAME, 7);
	fake.map = ENOMEM;
	fake.map_at = 1;
	fake_begin();
	vmm = env_machine(ENV_MAP);
	EXPECT_EQ(-ENOMEM, vfio_init(vmm, NAME, false));
	EXPECT_EQ(1, env_says());
	EXPECT_TRUE(strstr(env_said(), "the guest's memory"));
	teardown(vmm);
}

static const struct { const char *name; unsigned int devices, may_lock; const char *says; } locks[] = {
	{ "none_for_one", 1, 0, "locked, 2 MiB, and this process may lock 0 MiB; raise that" },
	{ "one_for_two", 2, 1, "of its own, 4 MiB, and this process may lock 2 MiB; raise that" },
	{ "two_for_two", 2, 2, "does not map the guest's memory: Cannot allocate memory" },
};

/* VFIO locks the guest's memory for each address space anew. */
TEST_EACH(too_little_may_be_locked, locks)
{
	const uint64_t memory = 2 * MIB;	/* any user may lock some MiB */
	struct options options;
	struct rlimit limit;
	unsigned int i;
	struct vmm *vmm;

	fake_add(NAME, 7);
	fake_add("0000:00:06.0", 8);
	fake.map = ENOMEM;
	fake.map_at = v->devices;
	fake_begin();
	vmm = env_machine(ENV_MAP);
	options = *vmm->opts;
	options.memory = memory;
	vmm->opts = &options;
	ASSERT_EQ(0, getrlimit(RLIMIT_MEMLOCK, &limit));
	limit.rlim_cur = v->may_lock * memory;
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	for (i = 1; i < v->devices; i++)
		ASSERT_EQ(0, vfio_init(vmm, NAME, false));
	EXPECT_EQ(-ENOMEM, vfio_init(vmm, v->devices > 1 ? "0000:00:06.0" : NAME, false));
	if (!strstr(env_said(), v->says))
		FAIL("says: %s", env_said());
	teardown(vmm);
}

/* ---- a mirror that refuses, without a unit ------------------------------------------------ */

static struct nyx_mirror_opts mirrored;

int __wrap_nyx_mirror_open(struct nyx_changes *changes, const struct nyx_mirror_backend *backend,
			   const struct nyx_mirror_opts *opts, struct nyx_mirror **mirror);
int __wrap_nyx_mirror_memory_add(struct nyx_mirror *mirror, uint64_t gpa, uint64_t length,
				 void *host, uint32_t flags);
int __wrap_nyx_mirror_check(struct nyx_mirror *mirror, struct nyx_mirror_range *conflicts,
			    size_t nr, size_t *nr_conflicts);
int __wrap_nyx_mirror_close(struct nyx_mirror *mirror);

int __wrap_nyx_mirror_open(struct nyx_changes *changes, const struct nyx_mirror_backend *backend,
			   const struct nyx_mirror_opts *opts, struct nyx_mirror **mirror)
{
	(void)changes;
	(void)backend;
	mirrored = *opts;
	*mirror = NULL;
	return 0;
}

int __wrap_nyx_mirror_memory_add(struct nyx_mirror *mirror, uint64_t gpa, uint64_t length,
				 void *host, uint32_t flags)
{
	(void)mirror;
	(void)gpa;
	(void)length;
	(void)host;
	(void)flags;
	return 0;
}

int __wrap_nyx_mirror_check(struct nyx_mirror *mirror, struct nyx_mirror_range *conflicts,
			    size_t nr, size_t *nr_conflicts)
{
	(void)mirror;
	(void)conflicts;
	(void)nr;
	*nr_conflicts = 0;
	return 0;
}

int __wrap_nyx_mirror_close(struct nyx_mirror *mirror)
{
	(void)mirror;
	return 0;
}

static const struct { const char *name; uint32_t why; bool stops; } refusals[] = {
	{ "range", NYX_MIRROR_WHY_RANGE, false }, { "memory", NYX_MIRROR_WHY_MEMORY, false },
	{ "limit", NYX_MIRROR_WHY_LIMIT, true }, { "memlock", NYX_MIRROR_WHY_MEMLOCK, true },
};

/* The lines are bounded; what becomes of the device does not depend on them. */
TEST_EACH(mirror_refuses, refusals)
{
	static const struct iommu_unit_model model = { .reporting = "vtd,caching-mode" };
	const struct nyx_mirror_backend backend = NYX_MIRROR_BACKEND_INIT;
	struct vfio_container container = {
		.fd = -1, .backend = &backend, .option = "--vfio-user",
	};
	struct iommu_unit unit = { .model = &model, .changes = (void *)&unit };
	struct nyx_mirror_event event = {
		.size = sizeof(event), .kind = NYX_MIRROR_REFUSED, .why = v->why,
		.prot = NYX_PROT_READ,
	};
	struct vmm *vmm = env_machine(ENV_MAP);
	struct options options = *vmm->opts;
	unsigned int i;

	options.has_vfio = true;
	vmm->opts = &options;
	vmm->iommu_data = &unit;
	ASSERT_EQ(0, iommu_unit_mirror_open(vmm, &container));
	for (i = 0; i < 20; i++)
		EXPECT_EQ(v->stops, mirrored.event(NULL, &event, mirrored.arg) != 0);
	EXPECT_EQ(8, env_says());
	EXPECT_TRUE(strstr(env_said(), "--vfio-user: "));
	EXPECT_TRUE(strstr(env_said(), "more such lines are left out"));
	env_end(vmm);
}

static const struct {
	const char *name;
	unsigned int group;		/* of the second device, the first has 7 */
	bool shared[2];
	int error;
	unsigned int containers, maps;
} pairs[] = {
	{ "strict", 8, { false, false }, 0, 2, 2 },
	{ "shared", 8, { true, true }, 0, 1, 1 },
	{ "mixed", 8, { true, false }, 0, 2, 2 },
	{ "group_strict", 7, { false, false }, -EBUSY, 1, 1 },
	{ "group_mixed", 7, { false, true }, -EBUSY, 1, 1 },
	{ "group_shared", 7, { true, true }, 0, 1, 1 },
};

TEST_EACH(two_devices, pairs)
{
	struct vmm *vmm;

	fake_add(NAME, 7);
	fake_add("0000:00:06.0", v->group);
	fake_begin();
	vmm = env_machine(ENV_MAP);
	ASSERT_EQ(0, vfio_init(vmm, NAME, v->shared[0]));
	EXPECT_EQ(v->error, vfio_init(vmm, "0000:00:06.0", v->shared[1]));
	EXPECT_EQ(v->error != 0, env_says());
	EXPECT_TRUE(!v->error || strstr(env_said(), "give both isolation=shared"));
	EXPECT_EQ(v->containers, fake.containers);
	EXPECT_EQ(v->maps, fake.nr_mapped);
	EXPECT_EQ(v->error ? UINT32_MAX : 0x00101b36, env_config_get(vmm, 2, PCI_VENDOR_ID));
	teardown(vmm);
}

/* Functions of one slot stay together, if the first is there. */
TEST(functions)
{
	struct vmm *vmm;

	fake_add(NAME, 7);
	fake_add("0000:00:05.3", 7);
	fake_add("0000:00:06.1", 8);
	fake_begin();
	vmm = env_machine(ENV_MAP);
	ASSERT_EQ(0, vfio_init(vmm, NAME, true));
	EXPECT_EQ(0, cfg(vmm, PCI_HEADER_TYPE, 1));
	ASSERT_EQ(0, vfio_init(vmm, "0000:00:05.3", true));
	ASSERT_EQ(0, vfio_init(vmm, "0000:00:06.1", true));
	EXPECT_EQ(0x80, cfg(vmm, PCI_HEADER_TYPE, 1));
	EXPECT_EQ(0x00101b36, cfg(vmm, 3 << 12, 4));
	EXPECT_EQ(UINT32_MAX, cfg(vmm, 1 << 12, 4));
	EXPECT_EQ(0x00101b36, env_config_get(vmm, 2, PCI_VENDOR_ID));
	EXPECT_EQ(0, env_config_get(vmm, 2, PCI_CACHE_LINE_SIZE) >> 16 & 0x80);
	/* INTA# of both is the same pin, which is high while one of them is */
	rte_set(vmm, 17, 0x61 | LEVEL);
	interrupt(fake.devices[0].triggers[VFIO_PCI_INTX_IRQ_INDEX][0]);
	interrupt(fake.devices[1].triggers[VFIO_PCI_INTX_IRQ_INDEX][0]);
	WAIT(env_messages());
	/* One interrupt or two: the second device may be late */
	while (fake.devices[0].unmasks != 1 || fake.devices[1].unmasks != 1) {
		ioapic_eoi(vmm, 0x61);
		usleep(100);
	}
	EXPECT_TRUE(!(rte_get(vmm, 17) & REMOTE_IRR));
	teardown(vmm);
}

static int mirror(struct vmm *vmm, uint16_t rid, struct vfio_container *container)
{
	(void)vmm;
	(void)rid;
	(void)container;
	return 0;
}

/* Behind an IOMMU those that share an address space are functions of a slot, and no others are. */
TEST(shared_slot)
{
	struct iommu_ops mirroring = iommu_none;
	char names[8][16];
	struct vmm *vmm;
	unsigned int i;

	mirroring.mirror = mirror;
	fake_add(NAME, 7);
	fake_add("0000:00:05.1", 8);
	for (i = 0; i < 8; i++) {
		snprintf(names[i], sizeof(names[i]), "0000:00:%02x.0", 6 + i);
		fake_add(names[i], 9 + i);
	}
	fake_begin();
	vmm = env_machine(ENV_MAP);
	vmm->iommu = &mirroring;
	ASSERT_EQ(0, vfio_init(vmm, NAME, true));
	ASSERT_EQ(0, vfio_init(vmm, "0000:00:05.1", false));
	EXPECT_EQ(0x00101b36, env_config_get(vmm, 2, PCI_VENDOR_ID));
	EXPECT_EQ(0, cfg(vmm, PCI_HEADER_TYPE, 1));
	for (i = 0; i < 7; i++) {
		ASSERT_EQ(0, vfio_init(vmm, names[i], true));
		EXPECT_EQ(0x00101b36, cfg(vmm, (i + 1) << 12, 4));
	}
	EXPECT_EQ(-ENOSPC, vfio_init(vmm, names[i], true));
	EXPECT_TRUE(strstr(env_said(), "8 devices have isolation=shared already"));
	EXPECT_EQ(0x80, cfg(vmm, PCI_HEADER_TYPE, 1));
	EXPECT_EQ(0, env_config_get(vmm, 2, PCI_CACHE_LINE_SIZE) >> 16 & 0x80);
	EXPECT_EQ(UINT32_MAX, env_config_get(vmm, 3, PCI_VENDOR_ID));
	EXPECT_EQ(2, fake.containers);
	EXPECT_EQ(2, fake.nr_mapped);
	teardown(vmm);
}

static void by_bus(struct fake_device *dev)
{
	dev->flags &= ~(uint32_t)VFIO_DEVICE_FLAGS_RESET;
}

TEST(bus_reset)
{
	struct vmm *vmm;

	by_bus(fake_add(NAME, 7));
	fake_begin();
	vmm = env_machine(ENV_MAP);
	ASSERT_EQ(0, vfio_init(vmm, NAME, false));
	EXPECT_EQ(1, fake.bus_resets);
	EXPECT_EQ(0, fake.devices[0].resets);
	EXPECT_EQ(0, env_says());
	/* The guest cannot reset the bus */
	EXPECT_EQ(0, cfg(vmm, EXP + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR);
	cfg_set(vmm, EXP + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR, 2);
	EXPECT_EQ(1, fake.bus_resets);
	teardown(vmm);
}

/* Another group's device is on the bus. */
TEST(no_reset)
{
	struct vmm *vmm;

	by_bus(fake_add(NAME, 7));
	fake_add("0000:00:06.0", 8);
	fake_begin();
	vmm = env_machine(ENV_MAP);
	ASSERT_EQ(0, vfio_init(vmm, NAME, false));
	EXPECT_EQ(0, fake.bus_resets);
	EXPECT_TRUE(strstr(env_said(), "the host cannot reset it"));
	teardown(vmm);
}

/* ---- a device that goes ---------------------------------------------------------- */

static void no_memory_after(struct vmm *vmm)
{
	EXPECT_EQ(0, env_memories());
	EXPECT_EQ(0, fake.nr_mapped);
	EXPECT_EQ(UINT32_MAX, cfg(vmm, PCI_VENDOR_ID, 4));
	EXPECT_EQ(0xff, cfg(vmm, PCI_INTERRUPT_LINE, 1));
	EXPECT_EQ(UINT32_MAX, env_in(vmm, IO_MMIO, 0xd0000000, 4));
	EXPECT_EQ(UINT32_MAX, env_in(vmm, IO_MMIO, 0xd0002100, 4));
	/* A driver that goes on has no effect */
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	env_out(vmm, IO_MMIO, 0xd000200c, 0, 4);
	cfg_set(vmm, PCI_BASE_ADDRESS_0, 0xd8000000, 4);
	cfg_set(vmm, EXP + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR, 2);
	EXPECT_EQ(0, env_memories());
	EXPECT_EQ(1, env_says());
}

/* In quarantine; what the guest does meanwhile has effect afterwards. */
TEST(cut_off)
{
	struct vmm *vmm = setup();
	struct fake_device *dev = &fake.devices[0];
	uint16_t rid = SLOT << 3;

	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	entry_set(vmm, 1, GPA_LAPIC, 0x41, 0);
	vfio_cut_off(vmm, rid + 8, true);
	EXPECT_TRUE(own(PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
	vfio_cut_off(vmm, rid, true);
	EXPECT_TRUE(!(own(PCI_COMMAND, 2) & PCI_COMMAND_MASTER));
	EXPECT_EQ(-1, msix_triggers()[1]);
	EXPECT_EQ(-1, dev->triggers[VFIO_PCI_INTX_IRQ_INDEX][0]);
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	entry_set(vmm, 2, GPA_LAPIC, 0x42, 0);
	EXPECT_TRUE(!(own(PCI_COMMAND, 2) & PCI_COMMAND_MASTER));
	EXPECT_TRUE(cfg(vmm, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
	EXPECT_EQ(-1, msix_triggers()[2]);
	vfio_cut_off(vmm, rid, false);
	EXPECT_TRUE(own(PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
	EXPECT_TRUE(listens(msix_triggers()[1], GPA_LAPIC, 0x41));
	EXPECT_TRUE(listens(msix_triggers()[2], GPA_LAPIC, 0x42));
	teardown(vmm);
}

static struct vfio_container *first_container;

static int note_mirror(struct vmm *vmm, struct vfio_container *container)
{
	if (!first_container)
		first_container = container;
	return iommu_none.mirror_open(vmm, container);
}

/* The host's IOMMU may still have what the guest has taken away: no release lets it make DMA. */
TEST(stopped_for_good)
{
	struct fake_device *dev = fake_add(NAME, 7);
	struct iommu_ops noting = iommu_none;
	struct vmm *vmm;

	fake_add("0000:00:06.0", 8);
	fake_begin();
	vmm = env_machine(ENV_MAP);
	noting.mirror_open = note_mirror;
	vmm->iommu = &noting;
	ASSERT_EQ(0, vfio_init(vmm, NAME, false));
	ASSERT_EQ(0, vfio_init(vmm, "0000:00:06.0", false));
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	cfg_set(vmm, (1 << 15) + PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	vfio_cut_off(vmm, SLOT << 3, true);
	pthread_mutex_lock(&vmm->lock);
	vfio_stop(first_container);
	pthread_mutex_unlock(&vmm->lock);
	vfio_cut_off(vmm, SLOT << 3, false);
	EXPECT_TRUE(!(own(PCI_COMMAND, 2) & PCI_COMMAND_MASTER));
	EXPECT_EQ(-1, dev->triggers[VFIO_PCI_INTX_IRQ_INDEX][0]);
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	cfg_set(vmm, EXP + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR, 2);
	EXPECT_TRUE(!(own(PCI_COMMAND, 2) & PCI_COMMAND_MASTER));
	/* Another container goes on */
	EXPECT_TRUE(fake_get(&fake.devices[1], VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 2) &
		    PCI_COMMAND_MASTER);
	teardown(vmm);
}

static const struct { const char *name; unsigned int index; const char *says; } ends[] = {
	{ "request", VFIO_PCI_REQ_IRQ_INDEX, "the host takes it back" },
	{ "error", VFIO_PCI_ERR_IRQ_INDEX, "it had an error" },
};

TEST_EACH(lost, ends)
{
	struct vmm *vmm = setup();

	cfg_set(vmm, PCI_BASE_ADDRESS_0, 0xd0000000, 4);
	cfg_set(vmm, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	cfg_set(vmm, MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
	entry_set(vmm, 1, GPA_LAPIC, 0x41, 0);
	interrupt(fake.devices[0].triggers[v->index][0]);
	WAIT(cfg(vmm, PCI_VENDOR_ID, 4) == UINT32_MAX && !fake.nr_mapped);
	EXPECT_TRUE(strstr(env_said(), v->says));
	no_memory_after(vmm);
	teardown(vmm);
}

/* Accesses that fail are told once. */
TEST(does_not_answer)
{
	struct vmm *vmm = setup();
	struct fake_device *dev = &fake.devices[0];
	uint64_t at = bar(vmm, 0) + TABLE + 0x100;

	ASSERT_EQ(0, ftruncate(dev->file, 0x1000));
	EXPECT_EQ(UINT32_MAX, env_in(vmm, IO_MMIO, at, 4));
	EXPECT_EQ(UINT32_MAX, env_in(vmm, IO_MMIO, at, 4));
	EXPECT_EQ(PCI_STATUS_CAP_LIST, cfg(vmm, PCI_STATUS, 2));
	EXPECT_EQ(1, env_says());
	EXPECT_TRUE(strstr(env_said(), "the device does not answer"));
	teardown(vmm);
}

/* ---- names ----------------------------------------------------------------------- */

static const struct { const char *name, *want; } names[] = {
	{ "0000:00:05.0", "0000:00:05.0" }, { "00:05.0", "0000:00:05.0" },
	{ "1a:1f.7", "0000:1a:1f.7" }, { "10a0:ff:1f.7", "10a0:ff:1f.7" },
	{ "5.0", NULL }, { "00:20.0", NULL }, { "00:05.8", NULL }, { "00:05", NULL },
	{ "00:05.0 ", NULL }, { " 00:05.0", NULL }, { "0x:05.0", NULL }, { "0000:00:05.0x", NULL },
	{ "", NULL }, { "../00:05.0", NULL },
};

TEST_EACH(device_names, names)
{
	char name[16];
	bool good = vfio_name_parse(v->name, name, sizeof(name));

	EXPECT_EQ(!!v->want, good);
	EXPECT_TRUE(!good || !strcmp(name, v->want));
}
