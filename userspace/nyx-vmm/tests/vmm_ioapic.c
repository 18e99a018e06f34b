// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: the IOAPIC's level-triggered pins, and the EOIs that KVM is to report.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>

#include "vmm_env.h"

static void expect_sent(unsigned int nr, uint8_t vector)
{
	EXPECT_EQ(nr, env_messages());
	EXPECT_EQ(vector, env_message().data & 0xff);
}

static uint32_t table_entry;

static int by_table(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		    struct irq_message *message)
{
	(void)vmm;
	(void)address;
	(void)data;
	*message = (struct irq_message){ GPA_LAPIC, 0, table_entry };
	return rid == 0xff00 && table_entry ? 0 : -1;
}

static const struct iommu_ops remapping = {
	.name = "remapping", .ioapic_rid = 0xff00, .remap = by_table,
};

/* A pin that sends again and again with other vectors takes no other pin's place. */
TEST(in_service_stays_known)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	unsigned int vector;

	vmm->iommu = &remapping;
	table_entry = LEVEL | 0x41;
	rte_set(vmm, 10, LEVEL | 0x41);
	ioapic_set(vmm, 10, 0, true);
	expect_sent(1, 0x41);
	for (vector = 0x50; vector < 0x90; vector++) {
		table_entry = LEVEL | vector;
		rte_set(vmm, 11, LEVEL | vector);
		ioapic_set(vmm, 11, 0, true);
		EXPECT_EQ(vector, env_message().data & 0xff);
		EXPECT_TRUE(env_awaits_eoi((uint8_t)vector));
		EXPECT_TRUE(env_awaits_eoi(0x41));
		ioapic_set(vmm, 11, 0, false);
		ioapic_eoi(vmm, (uint8_t)vector);
		EXPECT_EQ(0, rte_get(vmm, 11) & REMOTE_IRR);
	}
	EXPECT_EQ(REMOTE_IRR, rte_get(vmm, 10) & REMOTE_IRR);
	table_entry = LEVEL | 0x41;
	ioapic_eoi(vmm, 0x41);
	expect_sent(66, 0x41);		/* the line is still high */
	env_end(vmm);
}

/* Masked or given another vector while it is in service, it is ended by the old one. */
TEST(change_in_service)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	rte_set(vmm, 10, LEVEL | 0x41);
	ioapic_set(vmm, 10, 0, true);
	rte_set(vmm, 10, LEVEL | MASKED | 0x41);
	EXPECT_TRUE(env_awaits_eoi(0x41));
	ioapic_eoi(vmm, 0x41);
	EXPECT_EQ(0, rte_get(vmm, 10) & REMOTE_IRR);
	expect_sent(1, 0x41);
	rte_set(vmm, 10, LEVEL | 0x41);
	expect_sent(2, 0x41);

	rte_set(vmm, 10, LEVEL | 0x42);
	EXPECT_TRUE(env_awaits_eoi(0x41));
	EXPECT_EQ(REMOTE_IRR, rte_get(vmm, 10) & REMOTE_IRR);
	/* By edge mode a driver ends what hangs. */
	rte_set(vmm, 10, 0x42);
	EXPECT_EQ(0, rte_get(vmm, 10) & REMOTE_IRR);
	EXPECT_TRUE(!env_awaits_eoi(0x41));
	rte_set(vmm, 10, LEVEL | 0x42);
	expect_sent(3, 0x42);
	EXPECT_TRUE(env_awaits_eoi(0x42));
	env_end(vmm);
}

/* EOIs of a vector that no pin sends any more end no run of a virtual CPU. */
TEST(freed_vector_forgotten)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	rte_set(vmm, 10, LEVEL | 0x41);
	ioapic_set(vmm, 10, 0, true);
	ioapic_set(vmm, 10, 0, false);
	ioapic_eoi(vmm, 0x41);
	EXPECT_TRUE(env_awaits_eoi(0x41));
	rte_set(vmm, 10, LEVEL | MASKED | 0x41);
	EXPECT_TRUE(!env_awaits_eoi(0x41));
	env_end(vmm);
}

/* KVM does not forget one: the user is told, and the next change asks again. */
TEST(vector_not_forgotten)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	unsigned int says;

	rte_set(vmm, 10, LEVEL | 0x41);
	ioapic_set(vmm, 10, 0, true);
	ioapic_set(vmm, 10, 0, false);
	ioapic_eoi(vmm, 0x41);
	says = env_says();
	env_routes = -ENOMEM;
	rte_set(vmm, 10, LEVEL | MASKED | 0x41);
	EXPECT_TRUE(env_says() > says);
	EXPECT_TRUE(env_awaits_eoi(0x41));
	env_routes = 0;
	rte_set(vmm, 10, LEVEL | MASKED | 0x41);
	EXPECT_TRUE(!env_awaits_eoi(0x41));
	env_end(vmm);
}

/* As a CPU with directed EOI ends it, when the device is quiet or while it is not */
TEST(eoi_register)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	rte_set(vmm, 10, LEVEL | 0x41);
	ioapic_set(vmm, 10, 0, true);
	env_out(vmm, IO_MMIO, GPA_IOAPIC + 0x40, 0x42, 4);
	expect_sent(1, 0x41);
	env_out(vmm, IO_MMIO, GPA_IOAPIC + 0x40, 0x41, 4);
	expect_sent(2, 0x41);
	ioapic_set(vmm, 10, 0, false);
	env_out(vmm, IO_MMIO, GPA_IOAPIC + 0x40, 0x41, 4);
	expect_sent(2, 0x41);
	EXPECT_EQ(0, rte_get(vmm, 10) & REMOTE_IRR);
	env_end(vmm);
}

/*
 * The register takes the vector of an entry. One that no entry has is that of the CPU, as Xen
 * writes it behind AMD-Vi.
 */
TEST(eoi_register_remapped)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	vmm->iommu = &remapping;
	table_entry = LEVEL | 0x77;
	rte_set(vmm, 10, LEVEL | 0x05);
	ioapic_set(vmm, 10, 0, true);
	env_out(vmm, IO_MMIO, GPA_IOAPIC + 0x40, 0x05, 4);
	expect_sent(2, 0x77);
	env_out(vmm, IO_MMIO, GPA_IOAPIC + 0x40, 0x77, 4);
	expect_sent(3, 0x77);
	/* Now pin 11 has it, and is not in service. */
	rte_set(vmm, 11, LEVEL | 0x77);
	env_out(vmm, IO_MMIO, GPA_IOAPIC + 0x40, 0x77, 4);
	expect_sent(3, 0x77);
	env_end(vmm);
}

/* KVM awaits what the IOMMU's table has; that may be an edge, which has no EOI. */
TEST(remapped)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	vmm->iommu = &remapping;
	table_entry = LEVEL | 0x77;
	rte_set(vmm, 10, LEVEL | 0x41);
	ioapic_set(vmm, 10, 0, true);
	expect_sent(1, 0x77);
	EXPECT_TRUE(env_awaits_eoi(0x77));
	EXPECT_TRUE(!env_awaits_eoi(0x41));
	table_entry = LEVEL | 0x78;
	EXPECT_TRUE(env_awaits_eoi(0x77));
	ioapic_eoi(vmm, 0x41);
	expect_sent(1, 0x77);
	ioapic_eoi(vmm, 0x77);
	expect_sent(2, 0x78);
	EXPECT_TRUE(env_awaits_eoi(0x78));
	EXPECT_TRUE(!env_awaits_eoi(0x77));

	table_entry = 0x79;
	rte_set(vmm, 11, LEVEL | 0x50);
	ioapic_set(vmm, 11, 0, true);
	expect_sent(3, 0x79);
	EXPECT_TRUE(!env_awaits_eoi(0x79));

	table_entry = 0;
	rte_set(vmm, 12, LEVEL | 0x51);
	ioapic_set(vmm, 12, 0, true);
	expect_sent(3, 0x79);
	env_end(vmm);
}
