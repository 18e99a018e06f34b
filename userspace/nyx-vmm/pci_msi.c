// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: how a PCI function interrupts: MSI, MSI-X, INTx.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A message is a DMA write of the function, wherever it points: dma.c makes an interrupt
 * of it, and the IOMMU sees which function sends it. Vectors of MSI-X that point to interrupts
 * have a line each, see irq_line.c.
 */
#include <errno.h>
#include <string.h>

#include "dma.h"
#include "irq_line.h"
#include "pci.h"

/* The page of MSI-X: first the table, then the pending bits. */
#define MSIX_PAGE	4096
#define MSIX_PENDING	2048

static void send_message(struct pci_dev *dev, uint64_t address, uint32_t data)
{
	uint8_t bytes[4];

	le_put(bytes, data, 4);
	dma_write(dev, address, bytes, sizeof(bytes));	/* blocked: it is lost */
}

/* ---- MSI: one message, 64-bit address ----------------------------------------- */

int pci_msi_add(struct pci_dev *dev)
{
	uint16_t at = pci_cap_add(dev, PCI_CAP_ID_MSI, 14);

	if (!at)
		return -ENOSPC;
	dev->msi.cap = at;
	pci_config_set(dev, at + PCI_MSI_FLAGS, PCI_MSI_FLAGS_64BIT, 2);
	pci_writable(dev, at + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE, 2);
	pci_writable(dev, at + PCI_MSI_ADDRESS_LO, 0xfffffffc, 4);
	pci_writable(dev, at + PCI_MSI_ADDRESS_HI, 0xffffffff, 4);
	pci_writable(dev, at + PCI_MSI_DATA_64, 0xffff, 2);
	return 0;
}

bool pci_msi_send(struct pci_dev *dev)
{
	bool on;

	pthread_mutex_lock(&dev->irq_lock);
	on = dev->msi.control & PCI_MSI_FLAGS_ENABLE;
	if (on)
		send_message(dev, dev->msi.address, dev->msi.data);
	pthread_mutex_unlock(&dev->irq_lock);
	return on;
}

bool pci_msi_get(struct pci_dev *dev, uint64_t *address, uint32_t *data)
{
	bool on;

	pthread_mutex_lock(&dev->irq_lock);
	on = dev->msi.control & PCI_MSI_FLAGS_ENABLE;
	*address = dev->msi.address;
	*data = dev->msi.data;
	pthread_mutex_unlock(&dev->irq_lock);
	return on;
}

/* ---- MSI-X ---------------------------------------------------------------------- */

static bool enabled(const struct pci_dev *dev)
{
	return atomic_load(&dev->msix.control) & PCI_MSIX_FLAGS_ENABLE;
}

static bool usable(const struct pci_dev *dev, const struct msix_vector *v)
{
	return enabled(dev) && !(atomic_load(&dev->msix.control) & PCI_MSIX_FLAGS_MASKALL) &&
		!(v->control & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

/* Called with the vector's lock held. */
static void send_vector(struct pci_dev *dev, struct msix_vector *v)
{
	if (!dma_is_message(v->address)) {
		send_message(dev, v->address, v->data);
		return;
	}
	if (!pci_is_master(dev))
		return;
	if (!v->line)
		v->line = irq_line_new(dev->vmm);
	irq_line_send(dev->vmm, v->line, dev->rid, v->address, v->data);
}

/* Called with the vector's lock held: send a pending message if its entry is unmasked now. */
static void deliver_pending(struct pci_dev *dev, struct msix_vector *v)
{
	if (!v->pending || !usable(dev, v))
		return;
	v->pending = false;
	send_vector(dev, v);
}

/*
 * Called with the vector's lock held after a change of the table or, with @valid false, of how
 * the IOMMU remaps its messages.
 */
static void follow_entry(struct pci_dev *dev, struct msix_vector *v, bool valid)
{
	if (irq_line_follow(dev->vmm, v->line, valid && usable(dev, v), v->address, v->data))
		v->pending = true;
	deliver_pending(dev, v);
}

static void follow_table(struct pci_dev *dev, bool valid)
{
	unsigned int i;

	for (i = 0; i < dev->msix.nr; i++) {
		pthread_mutex_lock(&dev->msix.table[i].lock);
		follow_entry(dev, &dev->msix.table[i], valid);
		pthread_mutex_unlock(&dev->msix.table[i].lock);
	}
}

void pci_msix_irtes_changed(struct pci_dev *dev)
{
	follow_table(dev, false);
}

bool pci_msix_enabled(struct pci_dev *dev)
{
	return enabled(dev);
}

void pci_msix_send(struct pci_dev *dev, uint16_t vector)
{
	struct msix_vector *v;

	if (vector >= dev->msix.nr)
		return;
	v = &dev->msix.table[vector];
	pthread_mutex_lock(&v->lock);
	if (enabled(dev)) {
		v->pending = true;
		deliver_pending(dev, v);
	}
	pthread_mutex_unlock(&v->lock);
}

static uint64_t pending_bits(struct pci_dev *dev)
{
	uint64_t bits = 0;
	unsigned int i;

	for (i = 0; i < dev->msix.nr; i++) {
		pthread_mutex_lock(&dev->msix.table[i].lock);
		bits |= (uint64_t)dev->msix.table[i].pending << i;
		pthread_mutex_unlock(&dev->msix.table[i].lock);
	}
	return bits;
}

/* An entry as the guest sees it */
static void entry_bytes(const struct msix_vector *v, uint8_t *entry)
{
	le_put(entry, v->address, 8);
	le_put(entry + 8, v->data, 4);
	le_put(entry + 12, v->control, 4);
}

/* The table as the guest sees it: 16 bytes an entry. */
static uint64_t table_read(void *opaque, uint64_t offset, unsigned int len)
{
	struct pci_dev *dev = opaque;
	struct msix_vector *v;
	uint8_t entry[16];

	if (offset >= MSIX_PENDING)
		return offset - MSIX_PENDING < 8 ?
			pending_bits(dev) >> 8 * (offset - MSIX_PENDING) : 0;
	if (offset / 16 >= dev->msix.nr || offset % 16 + len > 16)
		return 0;
	v = &dev->msix.table[offset / 16];
	pthread_mutex_lock(&v->lock);
	entry_bytes(v, entry);
	pthread_mutex_unlock(&v->lock);
	return le_get(entry + offset % 16, len);
}

static void table_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	struct pci_dev *dev = opaque;
	struct msix_vector *v;
	uint8_t entry[16];

	/* The specification allows aligned accesses of 4 and 8 bytes. */
	if ((len != 4 && len != 8) || offset % len || offset / 16 >= dev->msix.nr)
		return;
	v = &dev->msix.table[offset / 16];
	pthread_mutex_lock(&v->lock);
	entry_bytes(v, entry);
	le_put(entry + offset % 16, value, len);
	v->address = le_get(entry, 8) & ~UINT64_C(3);
	v->data = (uint32_t)le_get(entry + 8, 4);
	v->control = (uint32_t)le_get(entry + 12, 4) & PCI_MSIX_ENTRY_CTRL_MASKBIT;
	follow_entry(dev, v, true);
	pthread_mutex_unlock(&v->lock);
}

static const struct io_ops table_ops = { table_read, table_write };

int pci_msix_add(struct pci_dev *dev, unsigned int bar, uint16_t nr)
{
	uint16_t at = pci_cap_add(dev, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
	unsigned int i;

	if (!at || nr > PCI_MSIX_MAX)
		return -ENOSPC;
	dev->msix.cap = at;
	dev->msix.nr = nr;
	for (i = 0; i < nr; i++) {
		pthread_mutex_init(&dev->msix.table[i].lock, NULL);
		dev->msix.table[i].control = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	}
	pci_bar_init(dev, bar, MSIX_PAGE, false, &table_ops, dev);
	pci_config_set(dev, at + PCI_MSIX_FLAGS, nr - 1u, 2);
	pci_writable(dev, at + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
	pci_config_set(dev, at + PCI_MSIX_TABLE, bar, 4);
	pci_config_set(dev, at + PCI_MSIX_PBA, MSIX_PENDING | bar, 4);
	return 0;
}

/* ---- INTx ------------------------------------------------------------------------ */

/* Called with @irq_lock held. */
static void drive_pin(struct pci_dev *dev)
{
	bool masked = atomic_load(&dev->command) & PCI_COMMAND_INTX_DISABLE ||
		dev->msi.control & PCI_MSI_FLAGS_ENABLE || enabled(dev);
	unsigned int slot = dev->rid >> 3;

	if (!dev->config[PCI_INTERRUPT_PIN])
		return;
	ioapic_set(dev->vmm, pci_intx_gsi(slot, 0), slot, dev->intx && !masked);
	ioapic_set(dev->vmm, pci_intx_isa(slot, 0), slot, dev->intx && !masked);
}

void pci_intx_set(struct pci_dev *dev, bool level)
{
	pthread_mutex_lock(&dev->irq_lock);
	dev->intx = level;
	drive_pin(dev);
	pthread_mutex_unlock(&dev->irq_lock);
}

/* ---- both ------------------------------------------------------------------------- */

/* Called with vmm::lock held, after a write to configuration space. */
void pci_msi_written(struct pci_dev *dev)
{
	uint16_t cap;

	pthread_mutex_lock(&dev->irq_lock);
	cap = dev->msi.cap;
	if (cap) {
		dev->msi.control = (uint16_t)le_get(dev->config + cap + PCI_MSI_FLAGS, 2);
		dev->msi.address = le_get(dev->config + cap + PCI_MSI_ADDRESS_LO, 8);
		dev->msi.data = (uint32_t)le_get(dev->config + cap + PCI_MSI_DATA_64, 2);
	}
	cap = dev->msix.cap;
	if (cap)
		atomic_store(&dev->msix.control,
			     (uint16_t)le_get(dev->config + cap + PCI_MSIX_FLAGS, 2));
	drive_pin(dev);
	pthread_mutex_unlock(&dev->irq_lock);
	follow_table(dev, true);
}
