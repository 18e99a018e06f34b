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
#include <stdlib.h>
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

/* How many messages are enabled: called with @irq_lock held. */
static unsigned int messages(const struct pci_dev *dev)
{
	unsigned int able = (dev->msi.control & PCI_MSI_FLAGS_QMASK) >> 1;
	unsigned int wanted = (dev->msi.control & PCI_MSI_FLAGS_QSIZE) >> 4, nr;

	if (!(dev->msi.control & PCI_MSI_FLAGS_ENABLE))
		return 0;
	/* Codes above that of 32 messages are reserved. */
	nr = 1u << (wanted < able ? wanted : able);
	return nr < PCI_MSI_MAX ? nr : PCI_MSI_MAX;
}

/* The lowest bits of the data are the number of the message. */
static uint32_t data_of(const struct pci_dev *dev, unsigned int message)
{
	return (dev->msi.data & ~(messages(dev) - 1)) | message;
}

/* Called with @irq_lock held; @message is enabled. */
static void send_msi(struct pci_dev *dev, unsigned int message)
{
	struct irq_line *line = dev->msi.lines[message];

	if (!line || !dma_is_message(dev->msi.address))
		send_message(dev, dev->msi.address, data_of(dev, message));
	else if (pci_is_master(dev))
		irq_line_send(dev->vmm, line, dev->rid, dev->msi.address, data_of(dev, message));
}

/* Called with @irq_lock held; @valid as for follow_entry(). */
static void follow_message(struct pci_dev *dev, unsigned int message, bool valid)
{
	struct irq_line *line = dev->msi.lines[message];
	bool on = message < messages(dev), kept;

	kept = irq_line_follow(dev->vmm, line, valid && on, dev->msi.address,
			       on ? data_of(dev, message) : 0);
	if (on && kept)
		send_msi(dev, message);
	else if (on && dma_is_message(dev->msi.address))
		irq_line_arm(dev->vmm, line, dev->rid, dev->msi.address, data_of(dev, message));
}

static void follow_msi(struct pci_dev *dev, bool valid)
{
	unsigned int i;

	for (i = 0; i < PCI_MSI_MAX; i++)
		follow_message(dev, i, valid);
}

bool pci_msi_send(struct pci_dev *dev, unsigned int message)
{
	bool on;

	pthread_mutex_lock(&dev->irq_lock);
	on = message < messages(dev);
	if (on)
		send_msi(dev, message);
	pthread_mutex_unlock(&dev->irq_lock);
	return on;
}

unsigned int pci_msi_enabled(struct pci_dev *dev)
{
	unsigned int nr;

	pthread_mutex_lock(&dev->irq_lock);
	nr = messages(dev);
	pthread_mutex_unlock(&dev->irq_lock);
	return nr;
}

void pci_msi_line_set(struct pci_dev *dev, unsigned int message, struct irq_line *line)
{
	pthread_mutex_lock(&dev->irq_lock);
	dev->msi.lines[message] = line;
	follow_message(dev, message, true);
	pthread_mutex_unlock(&dev->irq_lock);
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
	if (usable(dev, v) && dma_is_message(v->address))
		irq_line_arm(dev->vmm, v->line, dev->rid, v->address, v->data);
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

void pci_msi_irtes_changed(struct pci_dev *dev)
{
	pthread_mutex_lock(&dev->irq_lock);
	follow_msi(dev, false);
	pthread_mutex_unlock(&dev->irq_lock);
	follow_table(dev, false);
}

void pci_msix_line_set(struct pci_dev *dev, uint16_t vector, struct irq_line *line)
{
	struct msix_vector *v = &dev->msix.table[vector];

	pthread_mutex_lock(&v->lock);
	v->line = line;
	follow_entry(dev, v, true);
	pthread_mutex_unlock(&v->lock);
}

bool pci_msix_unmasked(struct pci_dev *dev, uint16_t vector)
{
	struct msix_vector *v = &dev->msix.table[vector];
	bool unmasked;

	pthread_mutex_lock(&v->lock);
	unmasked = !(v->control & PCI_MSIX_ENTRY_CTRL_MASKBIT);
	pthread_mutex_unlock(&v->lock);
	return unmasked;
}

void pci_lines_reset(struct pci_dev *dev)
{
	struct msix_vector *v;
	unsigned int i;

	pthread_mutex_lock(&dev->irq_lock);
	for (i = 0; i < PCI_MSI_MAX; i++)
		dev->msi.lines[i] = irq_line_reset(dev->vmm, dev->msi.lines[i]);
	pthread_mutex_unlock(&dev->irq_lock);
	for (i = 0; i < dev->msix.nr; i++) {
		v = &dev->msix.table[i];
		pthread_mutex_lock(&v->lock);
		v->line = irq_line_reset(dev->vmm, v->line);
		v->address = 0;
		v->data = 0;
		v->control = PCI_MSIX_ENTRY_CTRL_MASKBIT;
		v->pending = false;
		pthread_mutex_unlock(&v->lock);
	}
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

uint64_t pci_msix_pending_read(struct pci_dev *dev, uint64_t offset, unsigned int len)
{
	uint64_t bits = 0, vector = 8 * offset;
	unsigned int i;

	for (i = 0; i < 8 * len && vector + i < dev->msix.nr; i++) {
		struct msix_vector *v = &dev->msix.table[vector + i];

		pthread_mutex_lock(&v->lock);
		bits |= (uint64_t)(v->pending || irq_line_pending(dev->vmm, v->line)) << i;
		pthread_mutex_unlock(&v->lock);
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

uint64_t pci_msix_table_read(struct pci_dev *dev, uint64_t offset, unsigned int len)
{
	struct msix_vector *v;
	uint8_t entry[16];

	if (offset / 16 >= dev->msix.nr || offset % 16 + len > 16)
		return 0;
	v = &dev->msix.table[offset / 16];
	pthread_mutex_lock(&v->lock);
	entry_bytes(v, entry);
	pthread_mutex_unlock(&v->lock);
	return le_get(entry + offset % 16, len);
}

void pci_msix_table_write(struct pci_dev *dev, uint64_t offset, uint64_t value, unsigned int len)
{
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

static uint64_t page_read(void *opaque, uint64_t offset, unsigned int len)
{
	return offset < MSIX_PENDING ? pci_msix_table_read(opaque, offset, len) :
		pci_msix_pending_read(opaque, offset - MSIX_PENDING, len);
}

static void page_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	if (offset < MSIX_PENDING)
		pci_msix_table_write(opaque, offset, value, len);
}

static const struct io_ops page_ops = { page_read, page_write };

int pci_msix_init(struct pci_dev *dev, uint16_t cap, uint16_t nr)
{
	unsigned int i;

	dev->msix.table = calloc(nr, sizeof(*dev->msix.table));
	if (!dev->msix.table)
		return -ENOMEM;
	dev->msix.cap = cap;
	dev->msix.nr = nr;
	for (i = 0; i < nr; i++) {
		pthread_mutex_init(&dev->msix.table[i].lock, NULL);
		dev->msix.table[i].control = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	}
	pci_writable(dev, cap + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
	return 0;
}

void pci_msix_free(struct pci_dev *dev)
{
	free(dev->msix.table);
	dev->msix.table = NULL;
	dev->msix.nr = 0;
}

int pci_msix_add(struct pci_dev *dev, unsigned int bar, uint16_t nr)
{
	uint16_t at = pci_cap_add(dev, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
	int rc;

	if (!at || nr > MSIX_PENDING / 16)
		return -ENOSPC;
	rc = pci_msix_init(dev, at, nr);
	if (rc)
		return rc;
	pci_bar_init(dev, bar, MSIX_PAGE, 0, &page_ops, dev);
	pci_config_set(dev, at + PCI_MSIX_FLAGS, nr - 1u, 2);
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
	unsigned int slot = dev->intx_slot;

	if (!dev->config[PCI_INTERRUPT_PIN])
		return;
	ioapic_set(dev->vmm, pci_intx_gsi(slot, pci_intx_pin(dev)), dev->intx_source,
		   dev->intx && !masked);
	ioapic_set(dev->vmm, pci_intx_isa(slot, pci_intx_pin(dev)), dev->intx_source,
		   dev->intx && !masked);
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
		bool wide = dev->config[cap + PCI_MSI_FLAGS] & PCI_MSI_FLAGS_64BIT;

		dev->msi.control = (uint16_t)le_get(dev->config + cap + PCI_MSI_FLAGS, 2);
		dev->msi.address = le_get(dev->config + cap + PCI_MSI_ADDRESS_LO, wide ? 8 : 4);
		dev->msi.data = (uint32_t)le_get(dev->config + cap +
						 (wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32), 2);
		follow_msi(dev, true);
	}
	cap = dev->msix.cap;
	if (cap)
		atomic_store(&dev->msix.control,
			     (uint16_t)le_get(dev->config + cap + PCI_MSIX_FLAGS, 2));
	drive_pin(dev);
	pthread_mutex_unlock(&dev->irq_lock);
	follow_table(dev, true);
}
