// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: interrupt controllers and timers, as a CPU sees them.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Intel 82093AA (IOAPIC), 8259A, IA-PC HPET Specification 1.0a; numbers of the data sheets are
 * written out again.
 */
#include "vmm_env.h"

#include <linux/pci_regs.h>
#include <unistd.h>

#include "iommu.h"
#include "iommu_unit.h"

#define IOAPIC		0xfec00000

/* The device interrupts until it has been served. */
static void served(struct vmm *vmm, unsigned int pin, uint8_t vector)
{
	ioapic_set(vmm, pin, 0, true);
	EXPECT_TRUE(rte_get(vmm, pin) & REMOTE_IRR);
	EXPECT_TRUE(env_awaits_eoi(vector));
	ioapic_set(vmm, pin, 0, false);
	ioapic_eoi(vmm, vector);
	EXPECT_TRUE(!(rte_get(vmm, pin) & REMOTE_IRR));
}

static const struct { const char *name; enum env_dma dma; uint8_t vector; } machines[] = {
	{ "plain", ENV_MAP, 0x41 },
	{ "iommu", ENV_FAULTS, 0x41 },
};

/* An EOI is awaited as long as its pin is in service, whatever other pins do. */
TEST_EACH(eoi_awaited, machines)
{
	struct vmm *vmm = env_machine(v->dma);
	unsigned int i;

	rte_set(vmm, 10, LEVEL | v->vector);
	ioapic_set(vmm, 10, 0, true);
	EXPECT_TRUE(env_awaits_eoi(v->vector));
	/* Other vectors than those with bit 4, which the IOMMU of the test blocks */
	for (i = 0; i < 64; i++) {
		rte_set(vmm, 11, LEVEL | (0x80 + (i >> 4 << 5) + (i & 15)));
		served(vmm, 11, (uint8_t)(0x80 + (i >> 4 << 5) + (i & 15)));
	}
	/* Masked, and given another vector for later, it still is. */
	rte_set(vmm, 10, MASKED | LEVEL | 0x42);
	EXPECT_TRUE(env_awaits_eoi(v->vector));
	rte_set(vmm, 10, LEVEL | v->vector);
	EXPECT_TRUE(rte_get(vmm, 10) & REMOTE_IRR);
	ioapic_set(vmm, 10, 0, false);
	EXPECT_TRUE(env_awaits_eoi(v->vector));
	ioapic_eoi(vmm, v->vector);
	EXPECT_TRUE(!(rte_get(vmm, 10) & REMOTE_IRR));
	served(vmm, 10, v->vector);
	env_end(vmm);
}

/* No EOI is awaited of a message that is blocked; others stay awaited. */
TEST(eoi_of_a_blocked_message)
{
	struct vmm *vmm = env_machine(ENV_FAULTS);

	rte_set(vmm, 10, LEVEL | 0x41);
	ioapic_set(vmm, 10, 0, true);
	rte_set(vmm, 11, LEVEL | 0x51);
	ioapic_set(vmm, 11, 0, true);
	EXPECT_TRUE(env_awaits_eoi(0x41) && !env_awaits_eoi(0x51));
	/* Nor is one that is edge-triggered. */
	rte_set(vmm, 12, 0x61);
	ioapic_set(vmm, 12, 0, true);
	EXPECT_TRUE(env_awaits_eoi(0x41) && !env_awaits_eoi(0x61));
	env_end(vmm);
}

/* ---- requester id of the IOAPIC's messages ---------------------------------------------- */

#define IOAPIC_RID	0xff00
#define IRT		0x300000
#define REMAPPABLE	0xfee00010	/* 5.1.2.2 of VT-d: index in bits 19:5 and 2 */

static const struct {
	const char *name;
	bool any;
	uint64_t address;
	uint32_t data;
	uint64_t irta;
	unsigned int index;		/* of the entry, whose high half is */
	uint64_t entry;
	uint32_t sender;
} sources[] = {
	{ "strict", false, REMAPPABLE | 3 << 5, 0, IRT | 7, 3, 1 << 18 | 0x0008, IOAPIC_RID },
	{ "any", true, REMAPPABLE | 3 << 5, 0, IRT | 7, 3, 1 << 18 | 0x0008, 0x0008 },
	{ "subhandle", true, REMAPPABLE | 8 | 3 << 5, 4, IRT | 7, 7, 1 << 18 | 0x10, 0x0010 },
	{ "bit_2", true, REMAPPABLE | 4, 0, IRT | 15, 0x8000, 1 << 18 | 0x18, 0x0018 },
	{ "buses", true, REMAPPABLE | 3 << 5, 0, IRT | 7, 3, 2 << 18 | 0x0305, 0x0300 },
	{ "unchecked", true, REMAPPABLE | 3 << 5, 0, IRT | 7, 3, 0x0008, IOAPIC_RID },
	{ "compatible", true, 0xfee03000, 0, IRT | 7, 0, 1 << 18 | 0x0008, IOAPIC_RID },
	{ "behind", true, REMAPPABLE | 2 << 5, 0, IRT | 0, 2, 1 << 18 | 0x0008, IOAPIC_RID },
	{ "last", true, REMAPPABLE | 1 << 5, 0, IRT | 0, 1, 1 << 18 | 0x0008, 0x0008 },
	{ "nowhere", true, REMAPPABLE | 3 << 5, 0, 0xc0000007, 3, 0, IOAPIC_RID },
};

TEST_EACH(ioapic_source, sources)
{
	const struct options opts = { .unit.any_source = v->any };
	struct iommu_unit iu = { .events = -1 };
	struct vmm *vmm = env_machine(ENV_MAP);
	struct irq_message message;

	vmm->opts = &opts;
	vmm->iommu_data = &iu;
	vmm->iommu = &iommu_vtd;
	env_irta = v->irta;
	env_put(vmm, IRT + 16 * v->index + 8, v->entry, 8);
	ASSERT_EQ(0, iommu_vtd.remap(vmm, IOAPIC_RID, v->address, v->data, &message));
	EXPECT_EQ(v->sender, env_sender);
	/* Others are always who they are. */
	ASSERT_EQ(0, iommu_vtd.remap(vmm, 0x0020, v->address, v->data, &message));
	EXPECT_EQ(0x0020, env_sender);
	env_end(vmm);
}

/* ---- the 8259s ------------------------------------------------------------------------ */

#define MASTER		0x20
#define SLAVE		0xa0
#define EOI		0x20
#define SPECIFIC_EOI	0x60

/* As Linux does: vectors from 0x30 and 0x38, @mask of all 16 wires. */
static struct vmm *pics(uint16_t mask, uint8_t icw4)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	unsigned int port;

	for (port = MASTER; port <= SLAVE; port += SLAVE - MASTER) {
		env_out(vmm, IO_PORT, port, 0x11, 1);
		env_out(vmm, IO_PORT, port + 1, port == MASTER ? 0x30 : 0x38, 1);
		env_out(vmm, IO_PORT, port + 1, port == MASTER ? 4 : 2, 1);
		env_out(vmm, IO_PORT, port + 1, icw4, 1);
		env_out(vmm, IO_PORT, port + 1, port == MASTER ? mask & 0xff : mask >> 8, 1);
	}
	return vmm;
}

static void pulse(struct vmm *vmm, unsigned int pin)
{
	ioapic_set(vmm, pin, 0, true);
	ioapic_set(vmm, pin, 0, false);
}

/* The vector that CPU 0 takes, or 0 */
static unsigned int taken(struct vmm *vmm)
{
	return pic_raised() ? pic_acknowledge(vmm) : 0;
}

static const struct { const char *name; unsigned int pin; uint8_t vector; } wires[] = {
	{ "timer", 2, 0x30 },		/* the one that the MADT moves */
	{ "serial", 4, 0x34 },
	{ "clock", 8, 0x38 },
	{ "sci", 9, 0x39 },
	{ "last", 15, 0x3f },
};

TEST_EACH(pic_wire, wires)
{
	struct vmm *vmm = pics(0xffff, 1);
	unsigned int port = v->vector >= 0x38 ? SLAVE : MASTER;
	uint8_t bit = (uint8_t)(1 << (v->vector & 7));

	pulse(vmm, v->pin);
	EXPECT_TRUE(!pic_raised());
	env_out(vmm, IO_PORT, port + 1, 0xff & ~bit, 1);
	EXPECT_EQ(port == SLAVE, !pic_raised());
	env_out(vmm, IO_PORT, MASTER + 1, port == SLAVE ? 0xfb : 0xff & ~bit, 1);
	EXPECT_EQ(bit, env_in(vmm, IO_PORT, port, 1));		/* requested */
	EXPECT_EQ(v->vector, taken(vmm));
	EXPECT_EQ(0, env_in(vmm, IO_PORT, port, 1));
	env_out(vmm, IO_PORT, port, 0x0b, 1);
	EXPECT_EQ(bit, env_in(vmm, IO_PORT, port, 1));		/* in service */
	/* Not again before its EOI; then the one that came meanwhile */
	pulse(vmm, v->pin);
	EXPECT_TRUE(!pic_raised());
	env_out(vmm, IO_PORT, port, EOI, 1);
	EXPECT_EQ(port == SLAVE, !pic_raised());
	env_out(vmm, IO_PORT, MASTER, EOI, 1);
	EXPECT_EQ(v->vector, taken(vmm));
	EXPECT_EQ(0, taken(vmm));
	env_end(vmm);
}

TEST(pic_priorities)
{
	struct vmm *vmm = pics(0, 1);

	pulse(vmm, 4);
	EXPECT_EQ(0x34, taken(vmm));
	/* A lower one waits, a higher one does not, nor one of the slave, which is wire 2. */
	pulse(vmm, 6);
	EXPECT_EQ(0, taken(vmm));
	pulse(vmm, 14);
	EXPECT_EQ(0x3e, taken(vmm));
	pulse(vmm, 2);
	EXPECT_EQ(0x30, taken(vmm));
	env_out(vmm, IO_PORT, MASTER, EOI, 1);			/* of the timer */
	env_out(vmm, IO_PORT, SLAVE, EOI, 1);
	env_out(vmm, IO_PORT, MASTER, SPECIFIC_EOI | 2, 1);
	EXPECT_EQ(0, taken(vmm));
	env_out(vmm, IO_PORT, MASTER, SPECIFIC_EOI | 4, 1);
	EXPECT_EQ(0x36, taken(vmm));
	/* Special mask mode: a wire in service that is masked holds no other back. */
	pulse(vmm, 7);
	env_out(vmm, IO_PORT, MASTER + 1, 1 << 6, 1);
	EXPECT_EQ(0, taken(vmm));
	env_out(vmm, IO_PORT, MASTER, 0x68, 1);
	EXPECT_EQ(0x37, taken(vmm));
	env_end(vmm);
}

TEST(pic_rotation)
{
	struct vmm *vmm = pics(0, 1);

	/* The one that was served comes last. */
	pulse(vmm, 3);
	EXPECT_EQ(0x33, taken(vmm));
	env_out(vmm, IO_PORT, MASTER, 0xa0, 1);
	pulse(vmm, 3);
	pulse(vmm, 5);
	EXPECT_EQ(0x35, taken(vmm));
	/* Set by hand: wire 4 last, so 5 first */
	env_out(vmm, IO_PORT, MASTER, EOI, 1);
	env_out(vmm, IO_PORT, MASTER, 0xc4, 1);
	pulse(vmm, 5);
	EXPECT_EQ(0x35, taken(vmm));
	env_out(vmm, IO_PORT, MASTER, EOI, 1);
	EXPECT_EQ(0x33, taken(vmm));
	env_end(vmm);
}

TEST(pic_auto_eoi)
{
	struct vmm *vmm = pics(0, 3);

	pulse(vmm, 4);
	EXPECT_EQ(0x34, taken(vmm));
	pulse(vmm, 14);
	EXPECT_EQ(0x3e, taken(vmm));
	pulse(vmm, 4);
	EXPECT_EQ(0x34, taken(vmm));
	env_end(vmm);
}

TEST(pic_levels)
{
	struct vmm *vmm = pics(0, 1);

	/* Wires 9 and 4; the timer's cannot be one. */
	env_out(vmm, IO_PORT, 0x4d0, 0x11, 1);
	env_out(vmm, IO_PORT, 0x4d1, 0x02, 1);
	EXPECT_EQ(0x0210, env_in(vmm, IO_PORT, 0x4d0, 2));
	ioapic_set(vmm, 9, 0, true);
	EXPECT_EQ(0x39, taken(vmm));
	env_out(vmm, IO_PORT, SLAVE, EOI, 1);
	env_out(vmm, IO_PORT, MASTER, EOI, 1);
	EXPECT_EQ(0x39, taken(vmm));				/* still high */
	ioapic_set(vmm, 9, 0, false);
	env_out(vmm, IO_PORT, SLAVE, EOI, 1);
	env_out(vmm, IO_PORT, MASTER, EOI, 1);
	EXPECT_EQ(0, taken(vmm));
	/* Gone before it is taken: spurious, and nothing is in service. */
	ioapic_set(vmm, 4, 0, true);
	EXPECT_TRUE(pic_raised());
	ioapic_set(vmm, 4, 0, false);
	EXPECT_TRUE(!pic_raised());
	EXPECT_EQ(0x37, pic_acknowledge(vmm));
	env_out(vmm, IO_PORT, MASTER, 0x0b, 1);
	EXPECT_EQ(0, env_in(vmm, IO_PORT, MASTER, 1));
	env_end(vmm);
}

/* INTx of slot 1 asks the 8259s by wire 11, which is level-triggered as firmware leaves it. */
TEST(pic_intx)
{
	struct vmm *vmm = pics(0, 1);
	uint64_t bar;

	ASSERT_EQ(0, edu_init(vmm, UINT64_MAX));
	EXPECT_EQ(0x010b, env_config_get(vmm, 1, PCI_INTERRUPT_LINE) & 0xffff);
	EXPECT_EQ(0x1c00, env_in(vmm, IO_PORT, 0x4d0, 2));
	bar = env_config_get(vmm, 1, PCI_BASE_ADDRESS_0) & PCI_BASE_ADDRESS_MEM_MASK;
	env_out(vmm, IO_MMIO, bar + 0x60, 1, 4);
	EXPECT_EQ(0x3b, taken(vmm));
	env_out(vmm, IO_PORT, SLAVE, EOI, 1);
	env_out(vmm, IO_PORT, MASTER, EOI, 1);
	EXPECT_EQ(0x3b, taken(vmm));				/* not served yet */
	env_out(vmm, IO_MMIO, bar + 0x64, 1, 4);
	env_out(vmm, IO_PORT, SLAVE, EOI, 1);
	env_out(vmm, IO_PORT, MASTER, EOI, 1);
	EXPECT_EQ(0, taken(vmm));
	/* The same pin of the IOAPIC, and the one that only it has */
	rte_set(vmm, 11, LEVEL | 0x41);
	rte_set(vmm, 17, LEVEL | 0x42);
	env_out(vmm, IO_MMIO, bar + 0x60, 1, 4);
	EXPECT_TRUE(rte_get(vmm, 11) & REMOTE_IRR);
	EXPECT_TRUE(rte_get(vmm, 17) & REMOTE_IRR);
	env_end(vmm);
}

TEST(pic_poll)
{
	struct vmm *vmm = pics(0, 1);

	env_out(vmm, IO_PORT, MASTER, 0x0c, 1);
	EXPECT_EQ(0, env_in(vmm, IO_PORT, MASTER, 1) & 0x80);
	pulse(vmm, 5);
	env_out(vmm, IO_PORT, MASTER, 0x0c, 1);
	EXPECT_EQ(0x85, env_in(vmm, IO_PORT, MASTER, 1));
	EXPECT_EQ(0, taken(vmm));
	env_end(vmm);
}

/* Linux looks for this before it believes that there is one; after reset all is masked */
TEST(pic_probe)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	EXPECT_EQ(0xff, env_in(vmm, IO_PORT, MASTER + 1, 1));
	EXPECT_EQ(0xff, env_in(vmm, IO_PORT, SLAVE + 1, 1));
	env_out(vmm, IO_PORT, MASTER + 1, 0xfb, 1);
	EXPECT_EQ(0xfb, env_in(vmm, IO_PORT, MASTER + 1, 1));
	pulse(vmm, 4);
	EXPECT_TRUE(!pic_raised());
	env_end(vmm);
}

/* ---- the HPET --------------------------------------------------------------------------- */

#define HPET		UINT64_C(0xfed00000)
#define TIMER(n)	(HPET + 0x100 + 0x20 * (n))

/* The message of pin @pin, edge-triggered, is @vector. */
static struct vmm *hpet(unsigned int pin, uint32_t rte)
{
	struct vmm *vmm = env_machine(ENV_FAULTS);

	rte_set(vmm, pin, rte);
	return vmm;
}

static uint64_t hpet_get(struct vmm *vmm, uint64_t reg)
{
	return env_in(vmm, IO_MMIO, reg, 8);
}

static void hpet_set(struct vmm *vmm, uint64_t reg, uint64_t value)
{
	env_out(vmm, IO_MMIO, reg, value, 8);
}

static void come(uint8_t vector, unsigned int times)
{
	while (env_sent(vector) < times)
		usleep(1000);
}

TEST(hpet_counter)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	uint64_t caps = hpet_get(vmm, HPET), before;

	EXPECT_EQ(10000000, caps >> 32);	/* fs */
	EXPECT_EQ(0x8086a201, caps & UINT32_MAX);
	EXPECT_EQ(0, hpet_get(vmm, HPET + 0xf0));
	hpet_set(vmm, HPET + 0xf0, UINT64_C(0x123456789));
	EXPECT_EQ(0x23456789, env_in(vmm, IO_MMIO, HPET + 0xf0, 4));
	EXPECT_EQ(1, env_in(vmm, IO_MMIO, HPET + 0xf4, 4));
	hpet_set(vmm, HPET + 0x10, 1);
	while (hpet_get(vmm, HPET + 0xf0) <= UINT64_C(0x123456789))
		;
	/* While it counts it is not set, when it stops it stays. */
	hpet_set(vmm, HPET + 0xf0, 0);
	hpet_set(vmm, HPET + 0x10, 0);
	before = hpet_get(vmm, HPET + 0xf0);
	EXPECT_TRUE(before > UINT64_C(0x123456789));
	usleep(1000);
	EXPECT_EQ(before, hpet_get(vmm, HPET + 0xf0));
	/* Neither in the middle nor in halves that do not exist */
	EXPECT_EQ(0, env_in(vmm, IO_MMIO, HPET + 0xf2, 4));
	EXPECT_EQ(0, env_in(vmm, IO_MMIO, HPET + 0xf0, 2));
	env_end(vmm);
}

static const struct { const char *name; unsigned int timer, pin; uint64_t general, config; }
hpet_timers[] = {
	{ "pin", 2, 17, 1, 0x04 | 17 << 9 },
	{ "pin_32", 1, 20, 1, 0x104 | 20 << 9 },
	{ "replaces_the_pit", 0, 2, 3, 0x04 },
	{ "replaces_the_clock", 1, 8, 3, 0x04 },
};

TEST_EACH(hpet_once, hpet_timers)
{
	struct vmm *vmm = hpet(v->pin, 0x41);

	hpet_set(vmm, TIMER(v->timer), v->config);
	hpet_set(vmm, TIMER(v->timer) + 8, 100000);
	hpet_set(vmm, HPET + 0x10, v->general);
	come(0x41, 1);
	EXPECT_TRUE(hpet_get(vmm, HPET + 0xf0) >= 100000);
	EXPECT_EQ(0, hpet_get(vmm, HPET + 0x20));
	/* Again, from where the counter stops */
	hpet_set(vmm, HPET + 0x10, v->general & ~UINT64_C(1));
	hpet_set(vmm, TIMER(v->timer) + 8, hpet_get(vmm, HPET + 0xf0) + 1000);
	hpet_set(vmm, HPET + 0x10, v->general);
	come(0x41, 2);
	env_end(vmm);
	EXPECT_EQ(2, env_sent(0x41));
}

TEST_EACH(hpet_periodic, hpet_timers)
{
	struct vmm *vmm = hpet(v->pin, 0x41);

	hpet_set(vmm, TIMER(v->timer), v->config | 0x48);
	hpet_set(vmm, TIMER(v->timer) + 8, 50000);
	EXPECT_EQ(0, hpet_get(vmm, TIMER(v->timer)) & 0x40);
	hpet_set(vmm, HPET + 0x10, v->general);
	come(0x41, 3);
	EXPECT_EQ(0, hpet_get(vmm, TIMER(v->timer) + 8) % 50000);
	EXPECT_TRUE(hpet_get(vmm, HPET + 0xf0) >= 150000);
	env_end(vmm);
}

TEST(hpet_level)
{
	struct vmm *vmm = hpet(18, LEVEL | 0x41);

	hpet_set(vmm, TIMER(0), 0x06 | 18 << 9);
	hpet_set(vmm, TIMER(0) + 8, 1000);
	hpet_set(vmm, HPET + 0x10, 1);
	come(0x41, 1);
	EXPECT_EQ(1, hpet_get(vmm, HPET + 0x20));
	/* High until it is told that it was seen */
	ioapic_eoi(vmm, 0x41);
	EXPECT_EQ(2, env_sent(0x41));
	hpet_set(vmm, HPET + 0x20, 1);
	EXPECT_EQ(0, hpet_get(vmm, HPET + 0x20));
	ioapic_eoi(vmm, 0x41);
	EXPECT_EQ(2, env_sent(0x41));
	EXPECT_TRUE(!(rte_get(vmm, 18) & REMOTE_IRR));
	env_end(vmm);
}

/* It offers pins 16 to 23; another one leaves the last, and is not driven. */
TEST(hpet_route)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	EXPECT_EQ(0xff0000, hpet_get(vmm, TIMER(0)) >> 32);
	hpet_set(vmm, TIMER(0), 19 << 9);
	hpet_set(vmm, TIMER(0), 4 << 9 | 4);
	EXPECT_EQ(19 << 9 | 4, hpet_get(vmm, TIMER(0)) & 0x3e04);
	env_end(vmm);
}

/* ---- what kvm-unit-tests want ------------------------------------------------------------- */

static uint64_t fw_cfg(struct vmm *vmm, uint16_t key, unsigned int len)
{
	uint64_t value = 0;
	unsigned int i;

	env_out(vmm, IO_PORT, 0x510, key, 2);
	for (i = 0; i < len; i++)
		value |= env_in(vmm, IO_PORT, 0x511, 1) << 8 * i;
	return value;
}

TEST(fw_cfg_entries)
{
	const struct options opts = { .memory = 5 * GIB, .cpus = 300, .cpu_step = 3 };
	struct vmm *vmm = env_machine(ENV_MAP);

	vmm->opts = &opts;
	EXPECT_EQ('Q' | 'E' << 8 | 'M' << 16 | 'U' << 24, fw_cfg(vmm, 0, 4));
	EXPECT_EQ(1, fw_cfg(vmm, 1, 4));
	EXPECT_EQ(5 * GIB, fw_cfg(vmm, 3, 8));
	EXPECT_EQ(300, fw_cfg(vmm, 5, 2));
	EXPECT_EQ(300, fw_cfg(vmm, 5, 8));		/* zeros behind it */
	EXPECT_EQ(898, fw_cfg(vmm, 0x0f, 2));
	EXPECT_EQ(0, fw_cfg(vmm, 0x19, 4));		/* no files */
	EXPECT_EQ(0, fw_cfg(vmm, 0xffff, 4));
	fw_cfg(vmm, 3, 8);
	EXPECT_EQ(0, env_in(vmm, IO_PORT, 0x511, 1));	/* at its end */
	env_end(vmm);
}

TEST(testdev_pins)
{
	struct vmm *vmm = env_machine(ENV_FAULTS);

	rte_set(vmm, 14, 0x41);
	rte_set(vmm, 2, 0x42);
	env_out(vmm, IO_PORT, 0x200e, 1, 1);
	EXPECT_EQ(1, env_sent(0x41));
	env_out(vmm, IO_PORT, 0x200e, 1, 1);
	EXPECT_EQ(1, env_sent(0x41));
	env_out(vmm, IO_PORT, 0x200e, 0, 1);
	env_out(vmm, IO_PORT, 0x200e, 1, 1);
	EXPECT_EQ(2, env_sent(0x41));
	env_out(vmm, IO_PORT, 0x2000, 1, 1);
	EXPECT_EQ(1, env_sent(0x42));
	env_end(vmm);
}

TEST(testdev_latches)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	env_out(vmm, IO_PORT, 0xe0, 0x12345678, 4);
	EXPECT_EQ(0x1234, env_in(vmm, IO_PORT, 0xe2, 2));
	env_out(vmm, IO_PORT, 0xe9, 0x9a, 1);
	env_out(vmm, IO_PORT, 0xe8, 0x1111, 2);
	EXPECT_EQ(0x9a, env_in(vmm, IO_PORT, 0xe9, 1));
	EXPECT_EQ(0, env_in(vmm, IO_PORT, 0xe8, 1));
	EXPECT_EQ(0xffff, env_in(vmm, IO_PORT, 0xe8, 2));
	env_out(vmm, IO_MMIO, 0xff00fff8, UINT64_C(0x0102030405060708), 8);
	EXPECT_EQ(0x0304, env_in(vmm, IO_MMIO, 0xff00fffc, 2));
	EXPECT_EQ(0x01, env_in(vmm, IO_MMIO, 0xff00ffff, 1));
	EXPECT_EQ(0, env_in(vmm, IO_MMIO, 0xff000000, 8));
	env_end(vmm);
}

/* Whether this process has the page of @p mapped now */
static bool mapped(const void *p)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	ASSERT_TRUE(fd >= 0);
	ASSERT_EQ(8, pread(fd, &entry, 8, (off_t)((uintptr_t)p / 4096 * 8)));
	close(fd);
	return entry >> 63;
}

/* The page goes, not what is in it; there is none where no RAM is. */
TEST(testdev_flush)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	env_put(vmm, 0x400000, 0x1122, 8);
	env_put(vmm, 0x401000, 0x3344, 8);
	ASSERT_TRUE(mapped(vmm->ram + 0x400000) && mapped(vmm->ram + 0x401000));
	env_out(vmm, IO_PORT, 0xe4, 0x401123, 4);
	EXPECT_TRUE(mapped(vmm->ram + 0x400000) && !mapped(vmm->ram + 0x401000));
	EXPECT_EQ(0x3344, env_get(vmm, 0x401000, 8));
	env_out(vmm, IO_PORT, 0xe4, 0xfffff000, 4);
	env_out(vmm, IO_PORT, 0xe4, ENV_RAM, 4);
	env_end(vmm);
}
