// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the I/O APIC, Intel 82093AA with the EOI register of version 0x20.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A redirection entry becomes a message like that of any device: bits 63:48 are address
 * bits 19:4, bit 11 is address bit 2; vector, delivery and trigger mode are data. This
 * holds for both formats of an entry, the compatible one (destination in 63:56, mode
 * in 11) and that of interrupt remapping (index in 63:49 and 11, format in 48).
 *
 * A level-triggered pin sends once and waits, with its Remote IRR set, for an EOI. There
 * are two kinds:
 *
 *	that of a local APIC, which it broadcasts and KVM reports. It names the vector that
 *	the CPU has seen: behind an IOMMU, not that of the redirection entry
 *
 *	that which a driver writes to the EOI register, with the entry's vector. CPUs with
 *	directed EOI broadcast none: kvm.c keeps theirs from us. Xen 4.17 writes the
 *	CPU's vector behind AMD-Vi, too; so a vector that no entry has is taken for that
 *
 * A device of the host tells when its line is high, but not when it is low. So the pin takes
 * its level away with the EOI, and signals an eventfd: the device raises it again if there is
 * still a reason.
 */
#include <errno.h>
#include <unistd.h>

#include "iommu.h"
#include "vmm.h"

enum {
	REG_SELECT	= 0x00,
	REG_WINDOW	= 0x10,
	REG_EOI		= 0x40,
	IOAPIC_SIZE	= 0x1000,

	INDEX_ID	= 0x00,
	INDEX_VERSION	= 0x01,
	INDEX_ARB	= 0x02,
	INDEX_RTE	= 0x10,

	VERSION		= 0x20 | (IOAPIC_PINS - 1) << 16,
};

#define RTE_VECTOR	UINT64_C(0xff)
#define RTE_STATUS	(UINT64_C(1) << 12)
#define RTE_REMOTE_IRR	(UINT64_C(1) << 14)
#define RTE_LEVEL	(UINT64_C(1) << 15)
#define RTE_MASKED	(UINT64_C(1) << 16)
#define RTE_READONLY	(RTE_STATUS | RTE_REMOTE_IRR)
#define MSI_ASSERT	(1u << 14)
#define PIC_WIRES	16
#define MAX_RESAMPLERS	64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	uint8_t select;
	uint8_t id;
	uint64_t level[IOAPIC_PINS];	/* a bit for each source that is high */
	uint64_t rte[IOAPIC_PINS];
	int sent[IOAPIC_PINS];		/* the last vector that the CPU saw, or negative */
	struct { unsigned int pin, source; int fd; } resamplers[MAX_RESAMPLERS];
	unsigned int nr_resamplers;
} ioapic;				/* @lock */

static uint64_t message_address(uint64_t rte)
{
	return GPA_LAPIC | rte >> 48 << 4 | (rte >> 11 & 1) << 2;
}

static uint32_t message_data(uint64_t rte)
{
	return (uint32_t)(rte & (RTE_LEVEL | 0x7ff)) | MSI_ASSERT;
}

static void fire(struct vmm *vmm, unsigned int pin)
{
	uint64_t *rte = &ioapic.rte[pin];

	if (*rte & RTE_MASKED)
		return;
	if (*rte & RTE_LEVEL) {
		if (!ioapic.level[pin] || *rte & RTE_REMOTE_IRR)
			return;
		*rte |= RTE_REMOTE_IRR;
		ioapic.sent[pin] = irq_send_level(vmm, pin, message_address(*rte), message_data(*rte));
		return;
	}
	irq_send(vmm, vmm->iommu->ioapic_rid, message_address(*rte), message_data(*rte));
}

/*
 * Pass a pin's level to the wire of the 8259s: the PIT's has another number there; pins
 * other than ISA's have none.
 */
static void pic_wire(struct vmm *vmm, unsigned int pin, bool high)
{
	if (pin == PIN_PIT)
		pic_set(vmm, 0, high);
	else if (pin && pin < PIC_WIRES)
		pic_set(vmm, pin, high);
}

void ioapic_set(struct vmm *vmm, unsigned int pin, unsigned int source, bool level)
{
	uint64_t before;

	if (pin >= IOAPIC_PINS || source >= 64)
		return;
	pthread_mutex_lock(&lock);
	before = ioapic.level[pin];
	if (level)
		ioapic.level[pin] |= UINT64_C(1) << source;
	else
		ioapic.level[pin] &= ~(UINT64_C(1) << source);
	if (!before && ioapic.level[pin])
		fire(vmm, pin);
	if (!before != !ioapic.level[pin])
		pic_wire(vmm, pin, ioapic.level[pin]);
	pthread_mutex_unlock(&lock);
}

/* True if a pin, then level-triggered, awaits an EOI. */
static bool in_service(unsigned int pin)
{
	return ioapic.rte[pin] & RTE_REMOTE_IRR;
}

/* The interrupt of @pin has ended: lower the sources that are raised anew. */
static void resample(struct vmm *vmm, unsigned int pin)
{
	static const uint64_t one = 1;
	bool before = ioapic.level[pin];
	unsigned int i;

	for (i = 0; i < ioapic.nr_resamplers; i++) {
		uint64_t bit = UINT64_C(1) << ioapic.resamplers[i].source;

		if (ioapic.resamplers[i].pin != pin || !(ioapic.level[pin] & bit))
			continue;
		ioapic.level[pin] &= ~bit;
		/* Full: its reader is awake. */
		if (write(ioapic.resamplers[i].fd, &one, sizeof(one)) < 0)
			continue;
	}
	if (before && !ioapic.level[pin])
		pic_wire(vmm, pin, false);
}

int ioapic_resample(unsigned int pin, unsigned int source, int fd, bool on)
{
	unsigned int i;
	int rc = 0;

	pthread_mutex_lock(&lock);
	for (i = 0; i < ioapic.nr_resamplers; i++) {
		if (ioapic.resamplers[i].pin == pin && ioapic.resamplers[i].source == source)
			break;
	}
	if (on && i == MAX_RESAMPLERS) {
		rc = -ENOSPC;
	} else if (on) {
		ioapic.resamplers[i].pin = pin;
		ioapic.resamplers[i].source = source;
		ioapic.resamplers[i].fd = fd;
		ioapic.nr_resamplers += i == ioapic.nr_resamplers;
	} else if (i < ioapic.nr_resamplers) {
		ioapic.resamplers[i] = ioapic.resamplers[--ioapic.nr_resamplers];
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

static void end(struct vmm *vmm, unsigned int pin)
{
	ioapic.rte[pin] &= ~RTE_REMOTE_IRR;
	resample(vmm, pin);
	fire(vmm, pin);
}

void ioapic_wire_ends(struct vmm *vmm, unsigned int wire)
{
	pthread_mutex_lock(&lock);
	resample(vmm, wire);
	pthread_mutex_unlock(&lock);
}

static void broadcast(struct vmm *vmm, uint8_t vector)
{
	unsigned int pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		if (in_service(pin) && ioapic.sent[pin] == vector)
			end(vmm, pin);
	}
}

static void eoi_write(struct vmm *vmm, uint8_t vector)
{
	bool found = false;
	unsigned int pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		if ((ioapic.rte[pin] & RTE_VECTOR) != vector || !(ioapic.rte[pin] & RTE_LEVEL))
			continue;
		found = true;
		if (in_service(pin))
			end(vmm, pin);
	}
	if (!found)
		broadcast(vmm, vector);
}

void ioapic_eoi(struct vmm *vmm, uint8_t vector)
{
	pthread_mutex_lock(&lock);
	broadcast(vmm, vector);
	pthread_mutex_unlock(&lock);
}

static void rte_write(struct vmm *vmm, unsigned int pin, bool high, uint32_t value)
{
	uint64_t *rte = &ioapic.rte[pin], old = *rte;

	if (high)
		*rte = (*rte & UINT32_MAX) | (uint64_t)value << 32;
	else
		*rte = (*rte & ~(uint64_t)UINT32_MAX & ~RTE_READONLY) | (old & RTE_READONLY) |
			(value & ~(uint32_t)RTE_READONLY);
	/* Switching to edge mode clears Remote IRR: drivers clear a stuck one this way. */
	if (!(*rte & RTE_LEVEL))
		*rte &= ~RTE_REMOTE_IRR;
	/* Drivers may mask an interrupt in service: its EOI still comes. */
	if ((*rte & RTE_MASKED || !(*rte & RTE_LEVEL)) && !(*rte & RTE_REMOTE_IRR))
		irq_forget_level(vmm, pin);
	/* An edge that came while the pin was masked is lost, a level is not. */
	if (*rte & RTE_LEVEL)
		fire(vmm, pin);
}

static uint32_t window_read(void)
{
	unsigned int index = ioapic.select, pin = (index - INDEX_RTE) / 2;

	switch (index) {
	case INDEX_ID:
	case INDEX_ARB:
		return (uint32_t)ioapic.id << 24;
	case INDEX_VERSION:
		return VERSION;
	}
	if (index < INDEX_RTE || pin >= IOAPIC_PINS)
		return 0;
	return (uint32_t)(ioapic.rte[pin] >> (index & 1 ? 32 : 0));
}

static void window_write(struct vmm *vmm, uint32_t value)
{
	unsigned int index = ioapic.select, pin = (index - INDEX_RTE) / 2;

	if (index == INDEX_ID)
		ioapic.id = value >> 24 & 0xf;
	else if (index >= INDEX_RTE && pin < IOAPIC_PINS)
		rte_write(vmm, pin, index & 1, value);
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned int len)
{
	uint32_t value = 0;

	(void)opaque;
	(void)len;
	pthread_mutex_lock(&lock);
	if (offset == REG_SELECT)
		value = ioapic.select;
	else if (offset == REG_WINDOW)
		value = window_read();
	pthread_mutex_unlock(&lock);
	return value;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	(void)len;
	pthread_mutex_lock(&lock);
	if (offset == REG_SELECT)
		ioapic.select = (uint8_t)value;
	else if (offset == REG_WINDOW)
		window_write(opaque, (uint32_t)value);
	else if (offset == REG_EOI)
		eoi_write(opaque, (uint8_t)value);
	pthread_mutex_unlock(&lock);
}

static const struct io_ops mmio = { mmio_read, mmio_write };

int ioapic_init(struct vmm *vmm)
{
	unsigned int pin;

	ioapic.select = 0;
	ioapic.id = 0;
	ioapic.nr_resamplers = 0;
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		ioapic.level[pin] = 0;
		ioapic.sent[pin] = -1;
		ioapic.rte[pin] = RTE_MASKED;
	}
	return io_add(vmm, IO_MMIO, GPA_IOAPIC, IOAPIC_SIZE, &mmio, vmm);
}
