// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: vectors of MSI-X that interrupt by eventfd.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The IOMMU is the tests' own: it remaps, and binds nothing but counts. As the module does, it
 * sends one that it has kept when the binding is there again. A function of the tests
 * interrupts.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "pci.h"
#include "vmm_env.h"

#define TABLE		UINT64_C(0xd0000000)	/* of the function, as the guest sees it */
#define MESSAGE(n)	(GPA_LAPIC | (uint64_t)(n) << 12)

/* Requests that the IOMMU has got, and its answers. */
static struct {
	unsigned int remaps, binds, unbinds;
	struct irq_binding last;
	int remap, bind;		/* answers */
	bool pending;			/* it finds one on its way, and keeps it */
	bool kept;
	unsigned int sent;		/* that it had kept */
	uint32_t vector;		/* of what messages become */
} iommu;

static int count_remap(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		       struct irq_message *message)
{
	(void)vmm;
	(void)rid;
	iommu.remaps++;
	*message = (struct irq_message){ (uint32_t)address, 0, data | iommu.vector };
	return iommu.remap;
}

static int count_bind(struct vmm *vmm, uint16_t rid, struct irq_binding *binding)
{
	(void)vmm;
	(void)rid;
	iommu.binds++;
	if (iommu.bind)
		return iommu.bind;
	if (!binding->id)
		binding->id = 100 + iommu.binds;
	iommu.last = *binding;
	iommu.sent += iommu.kept;
	iommu.kept = false;
	return 0;
}

static bool count_unbind(struct vmm *vmm, uint32_t id)
{
	(void)vmm;
	ASSERT_EQ(iommu.last.id, id);
	iommu.unbinds++;
	iommu.kept |= iommu.pending;
	iommu.pending = false;
	return iommu.kept;
}

static const struct iommu_ops counting = {
	.name = "counting", .ioapic_rid = 0xff00, .remap = count_remap, .bind = count_bind,
	.unbind = count_unbind,
};

static struct pci_dev dev;

static void entry_set(struct vmm *vmm, unsigned int vector, uint64_t address, uint32_t data,
		      uint32_t control)
{
	env_out(vmm, IO_MMIO, TABLE + 16 * vector, address, 8);
	env_out(vmm, IO_MMIO, TABLE + 16 * vector + 8, data, 4);
	env_out(vmm, IO_MMIO, TABLE + 16 * vector + 12, control, 4);
}

static void control_set(struct vmm *vmm, uint32_t control)
{
	env_config_set(vmm, dev.rid >> 3, dev.msix.cap, control << 16);
}

/* A machine with a function that has vectors; the first may interrupt. */
static struct vmm *setup(void)
{
	struct vmm *vmm = env_machine(ENV_MAP);

	memset(&iommu, 0, sizeof(iommu));
	memset(&dev, 0, sizeof(dev));
	vmm->iommu = &counting;
	pci_config_init(&dev, vmm, "test", 0x1234, 0x5678, 0xff0000);
	ASSERT_EQ(0, pci_msix_add(&dev, 1, 2));
	ASSERT_EQ(0, pci_register(&dev));
	env_config_set(vmm, dev.rid >> 3, PCI_BASE_ADDRESS_0 + 4, (uint32_t)TABLE);
	env_config_set(vmm, dev.rid >> 3, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	entry_set(vmm, 0, MESSAGE(0), 0x41, 0);
	control_set(vmm, PCI_MSIX_FLAGS_ENABLE);
	return vmm;
}

/* Signals of the line since the last time */
static uint64_t signals(void)
{
	uint64_t nr = 0;

	return read(iommu.last.source, &nr, sizeof(nr)) == sizeof(nr) ? nr : 0;
}

/* The next message goes by the IOMMU and KVM, and those after it by the line. */
static void opens(unsigned int vector, uint32_t data)
{
	unsigned int remaps = iommu.remaps, messages = env_messages();

	pci_msix_send(&dev, (uint16_t)vector);
	ASSERT_EQ(remaps + 1, iommu.remaps);
	ASSERT_EQ(messages + 1, env_messages());
	ASSERT_EQ(data | iommu.vector, env_message().data);
	ASSERT_EQ(data, iommu.last.data);
	ASSERT_EQ(0, signals());
	for (unsigned int i = 0; i < 3; i++)
		pci_msix_send(&dev, (uint16_t)vector);
	ASSERT_EQ(3, signals());
	ASSERT_EQ(remaps + 1, iommu.remaps);
	ASSERT_EQ(messages + 1, env_messages());
}

TEST(line_opens)
{
	struct vmm *vmm = setup();

	opens(0, 0x41);
	ASSERT_EQ(1, iommu.binds);
	ASSERT_EQ(MESSAGE(0), iommu.last.address);
	/* Each vector has its own. */
	entry_set(vmm, 1, MESSAGE(1), 0x42, 0);
	opens(1, 0x42);
	ASSERT_EQ(2, iommu.binds);
	ASSERT_EQ(0, iommu.unbinds);
	env_end(vmm);
}

/* The guest changes what the IOMMU makes of messages: no route is older. */
TEST(entries_change)
{
	struct vmm *vmm = setup();
	uint32_t id;

	opens(0, 0x41);
	id = iommu.last.id;
	iommu.vector = 0x20;
	pci_irtes_changed(vmm);
	ASSERT_EQ(1, iommu.unbinds);
	pci_irtes_changed(vmm);
	ASSERT_EQ(1, iommu.unbinds);
	opens(0, 0x41);
	ASSERT_EQ(id, iommu.last.id);
	env_end(vmm);
}

static const struct kept_case {
	const char *name;
	int routes;
	int bind;
	unsigned int by_hand;
} kept_cases[] = {
	{ "opens", 0, 0, 0 },
	{ "no_route", -EINVAL, 0, 1 },
	{ "no_binding", 0, -ENOMEM, 1 },
};

/* One that is on its way is sent by the new entry, once. */
TEST_EACH(entries_change_with_one, kept_cases)
{
	struct vmm *vmm = setup();
	unsigned int messages;

	opens(0, 0x41);
	messages = env_messages();
	iommu.vector = 0x80;
	iommu.pending = true;
	iommu.bind = v->bind;
	env_routes = v->routes;
	pci_irtes_changed(vmm);
	ASSERT_EQ(messages + v->by_hand, env_messages());
	ASSERT_EQ(1 - v->by_hand, iommu.sent);
	if (v->by_hand)
		ASSERT_EQ(0xc1, env_message().data);
	/* The next one goes by the line, where there is one. */
	pci_msix_send(&dev, 0);
	ASSERT_EQ(v->by_hand ? 0 : 1, signals());
	ASSERT_EQ(messages + 2 * v->by_hand, env_messages());
	env_end(vmm);
}

/* Not even the entry's refusal makes two of one, when it is there again. */
TEST(blocked_with_one)
{
	struct vmm *vmm = setup();
	unsigned int messages;

	opens(0, 0x41);
	messages = env_messages();
	iommu.pending = true;
	iommu.remap = -EFAULT;
	pci_irtes_changed(vmm);
	ASSERT_EQ(0, iommu.sent);
	iommu.remap = 0;
	pci_msix_send(&dev, 0);
	ASSERT_EQ(1, iommu.sent);
	ASSERT_EQ(messages, env_messages());
	iommu.sent = 0;
	pci_irtes_changed(vmm);
	opens(0, 0x41);
	ASSERT_EQ(0, iommu.sent);
	env_end(vmm);
}

TEST(message_changes)
{
	struct vmm *vmm = setup();

	opens(0, 0x41);
	env_out(vmm, IO_MMIO, TABLE + 8, 0x43, 4);
	ASSERT_EQ(1, iommu.unbinds);
	opens(0, 0x43);
	env_out(vmm, IO_MMIO, TABLE, MESSAGE(7), 8);
	ASSERT_EQ(2, iommu.unbinds);
	opens(0, 0x43);
	ASSERT_EQ(MESSAGE(7), iommu.last.address);
	/* The same again is no change. */
	env_out(vmm, IO_MMIO, TABLE, MESSAGE(7), 8);
	ASSERT_EQ(2, iommu.unbinds);
	env_end(vmm);
}

/* Masked, by the vector's bit, by that of the function, or off: it is kept, or lost. */
TEST(masked)
{
	struct vmm *vmm = setup();
	unsigned int messages;

	opens(0, 0x41);
	iommu.pending = true;
	messages = env_messages();
	env_out(vmm, IO_MMIO, TABLE + 12, 1, 4);
	ASSERT_EQ(1, iommu.unbinds);
	/* It was signalled when the guest masked it. */
	ASSERT_EQ(1, env_in(vmm, IO_MMIO, TABLE + 2048, 8));
	ASSERT_EQ(messages, env_messages());
	/* The IOMMU sends it, and nobody else does. */
	env_out(vmm, IO_MMIO, TABLE + 12, 0, 4);
	ASSERT_EQ(1, iommu.sent);
	ASSERT_EQ(messages, env_messages());
	ASSERT_EQ(0, env_in(vmm, IO_MMIO, TABLE + 2048, 8));
	control_set(vmm, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	ASSERT_EQ(2, iommu.unbinds);
	pci_msix_send(&dev, 0);
	ASSERT_EQ(0, signals());
	ASSERT_EQ(messages, env_messages());
	control_set(vmm, PCI_MSIX_FLAGS_ENABLE);
	ASSERT_EQ(messages + 1, env_messages());
	control_set(vmm, 0);
	pci_msix_send(&dev, 0);
	ASSERT_EQ(0, signals());
	ASSERT_EQ(messages + 1, env_messages());
	ASSERT_EQ(1, iommu.sent);
	env_end(vmm);
}

TEST(no_master)
{
	struct vmm *vmm = setup();

	opens(0, 0x41);
	env_config_set(vmm, dev.rid >> 3, PCI_COMMAND, PCI_COMMAND_MEMORY);
	pci_msix_send(&dev, 0);
	ASSERT_EQ(0, signals());
	env_end(vmm);
}

static const struct answer_case {
	const char *name;
	int remap;
	int bind;
	int irqfd;
} answer_cases[] = {
	{ "blocked", -EFAULT, 0, 0 },
	{ "only_now", 1, 0, 0 },	/* a notification */
	{ "no_binding", 0, -ENOSPC, 0 },
	{ "no_irqfd", 0, 0, -EINVAL },
};

/* Each message goes by the IOMMU where no line can stand for it. */
TEST_EACH(no_line, answer_cases)
{
	struct vmm *vmm = setup();

	iommu.remap = v->remap;
	iommu.bind = v->bind;
	env_irqfd = v->irqfd;
	for (unsigned int i = 1; i < 4; i++) {
		pci_msix_send(&dev, 0);
		ASSERT_EQ(i, iommu.remaps);
		ASSERT_EQ(v->remap < 0 ? 0 : i, env_messages());
	}
	/* It is asked for one once. */
	ASSERT_EQ(v->bind ? 1 : 0, iommu.binds);
	env_end(vmm);
}
