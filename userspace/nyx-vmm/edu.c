// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: QEMU's educational device, as its documentation describes it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Registers of 4 bytes below 0x80, of 4 or 8 from there on, in a BAR of 1 MiB:
 *
 *	0x00	identification
 *	0x04	liveness: reads as the complement of what was written
 *	0x08	factorial of what was written
 *	0x20	status: 0x01 computing, 0x80 interrupt after a factorial
 *	0x24	interrupt status
 *	0x60	raise interrupts, 0x64 acknowledge them
 *	0x80	DMA source, 0x88 destination, 0x90 count
 *	0x98	DMA command: 0x01 start, 0x02 from device to RAM, 0x04 interrupt after it
 *
 * The device's memory for DMA is 4096 bytes at 0x40000. Here DMA and factorials are done
 * when the write that starts them returns. A DMA that the IOMMU refuses changes nothing and
 * interrupts all the same: the device has no way to report it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dma.h"
#include "pci.h"

enum {
	VENDOR		= 0x1234,
	DEVICE		= 0x11e8,
	CLASS		= 0x00ff0010,

	REG_ID		= 0x00,
	REG_LIVENESS	= 0x04,
	REG_FACTORIAL	= 0x08,
	REG_STATUS	= 0x20,
	REG_IRQ_STATUS	= 0x24,
	REG_IRQ_RAISE	= 0x60,
	REG_IRQ_ACK	= 0x64,
	REG_DMA		= 0x80,
	REG_DMA_SOURCE	= 0x80,
	REG_DMA_DEST	= 0x88,
	REG_DMA_COUNT	= 0x90,
	REG_DMA_COMMAND	= 0x98,

	ID		= 0x010000ed,
	STATUS_IRQ	= 0x80,
	IRQ_FACTORIAL	= 0x001,
	IRQ_DMA		= 0x100,
	DMA_START	= 1,
	DMA_TO_RAM	= 2,
	DMA_IRQ		= 4,

	MEMORY		= 0x40000,
	MEMORY_SIZE	= 4096,
};

struct edu {
	struct pci_dev pci;		/* first */
	/* vmm::lock */
	uint64_t dma_mask;
	uint32_t liveness, factorial, status, irq_status;
	uint64_t dma_source, dma_dest, dma_count, dma_command;
	uint8_t memory[MEMORY_SIZE];
};

static void raise_irq(struct edu *edu, uint32_t bits)
{
	edu->irq_status |= bits;
	if (edu->irq_status && !pci_msi_send(&edu->pci, 0))
		pci_intx_set(&edu->pci, true);
}

static void acknowledge(struct edu *edu, uint32_t bits)
{
	edu->irq_status &= ~bits;
	if (!edu->irq_status)
		pci_intx_set(&edu->pci, false);
}

static uint32_t factorial(uint32_t n)
{
	uint32_t result = 1;

	/* From 34! on, all 32 bits are 0. */
	if (n >= 34)
		return 0;
	for (; n > 1; n--)
		result *= n;
	return result;
}

/* A pointer into the device's memory, or NULL if the range leaves it. */
static uint8_t *device_memory(struct edu *edu, uint64_t addr, uint64_t count)
{
	if (addr < MEMORY || count > MEMORY_SIZE || addr - MEMORY > MEMORY_SIZE - count)
		return NULL;
	return edu->memory + (addr - MEMORY);
}

static void dma(struct edu *edu)
{
	uint8_t *p;

	if (edu->dma_command & DMA_TO_RAM) {
		p = device_memory(edu, edu->dma_source, edu->dma_count);
		if (p)
			dma_write(&edu->pci, edu->dma_dest & edu->dma_mask, p, edu->dma_count);
	} else {
		p = device_memory(edu, edu->dma_dest, edu->dma_count);
		if (p)
			dma_read(&edu->pci, edu->dma_source & edu->dma_mask, p, edu->dma_count);
	}
	edu->dma_command &= ~(uint64_t)DMA_START;
	if (edu->dma_command & DMA_IRQ)
		raise_irq(edu, IRQ_DMA);
}

static uint64_t *dma_register(struct edu *edu, uint64_t offset)
{
	switch (offset & ~UINT64_C(7)) {
	case REG_DMA_SOURCE:
		return &edu->dma_source;
	case REG_DMA_DEST:
		return &edu->dma_dest;
	case REG_DMA_COUNT:
		return &edu->dma_count;
	case REG_DMA_COMMAND:
		return &edu->dma_command;
	}
	return NULL;
}

static bool allowed(uint64_t offset, unsigned int len)
{
	return !(offset % len) && (len == 4 || (len == 8 && offset >= REG_DMA));
}

static uint64_t edu_read(void *opaque, uint64_t offset, unsigned int len)
{
	struct edu *edu = opaque;
	const uint64_t *reg;

	if (!allowed(offset, len))
		return UINT64_MAX;
	switch (offset) {
	case REG_ID:
		return ID;
	case REG_LIVENESS:
		return edu->liveness;
	case REG_FACTORIAL:
		return edu->factorial;
	case REG_STATUS:
		return edu->status;
	case REG_IRQ_STATUS:
		return edu->irq_status;
	}
	reg = dma_register(edu, offset);
	return reg ? *reg >> (offset & 4 ? 32 : 0) : UINT64_MAX;
}

static void edu_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	struct edu *edu = opaque;
	uint64_t *reg;

	if (!allowed(offset, len))
		return;
	switch (offset) {
	case REG_LIVENESS:
		edu->liveness = ~(uint32_t)value;
		return;
	case REG_FACTORIAL:
		edu->factorial = factorial((uint32_t)value);
		if (edu->status & STATUS_IRQ)
			raise_irq(edu, IRQ_FACTORIAL);
		return;
	case REG_STATUS:
		edu->status = value & STATUS_IRQ;
		return;
	case REG_IRQ_RAISE:
		raise_irq(edu, (uint32_t)value);
		return;
	case REG_IRQ_ACK:
		acknowledge(edu, (uint32_t)value);
		return;
	}
	reg = dma_register(edu, offset);
	if (!reg)
		return;
	if (len == 8)
		*reg = value;
	else if (offset & 4)
		*reg = (*reg & UINT32_MAX) | value << 32;
	else
		*reg = (*reg & ~(uint64_t)UINT32_MAX) | (uint32_t)value;
	if (offset == REG_DMA_COMMAND && edu->dma_command & DMA_START)
		dma(edu);
}

static const struct io_ops ops = { edu_read, edu_write };

static void reset(struct pci_dev *pci)
{
	struct edu *edu = (struct edu *)pci;

	edu->liveness = edu->factorial = edu->status = edu->irq_status = 0;
	edu->dma_source = edu->dma_dest = edu->dma_count = edu->dma_command = 0;
	memset(edu->memory, 0, sizeof(edu->memory));
}

static void destroy(struct pci_dev *pci)
{
	free(pci);
}

int edu_init(struct vmm *vmm, uint64_t dma_mask)
{
	struct edu *edu = alloc_for("edu", sizeof(*edu));
	int rc;

	if (!edu)
		return -ENOMEM;
	edu->dma_mask = dma_mask;
	pci_config_init(&edu->pci, vmm, "edu", VENDOR, DEVICE, CLASS);
	pci_intx_add(&edu->pci);
	pci_bar_init(&edu->pci, 0, MIB, 0, &ops, edu);
	edu->pci.reset = reset;
	edu->pci.destroy = destroy;
	rc = pci_msi_add(&edu->pci);
	if (rc)
		say("edu: %s", strerror(-rc));
	else
		rc = pci_register(&edu->pci);
	if (rc)
		free(edu);
	return rc;
}
