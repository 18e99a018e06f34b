// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: interrupt messages.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Every interrupt of the machine is a message, address and data, with the id of its
 * sender. The IOMMU, if there is one, replaces or blocks it; then KVM delivers it.
 *
 * KVM reports the EOI of a vector only if its table of routes has a level-triggered message
 * with that vector, and the IOMMU decides which vector a pin of the IOAPIC has. So each pin
 * has one route: the message that it sent last, as the IOMMU made it. It stays while the
 * interrupt is in service, however the guest changes the redirection entry or the IOMMU's
 * table meanwhile.
 */
#include <errno.h>
#include <string.h>

#include "iommu.h"
#include "vmm.h"

#define LEVEL	(1u << 15)		/* of a message's data */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	bool used;
	struct irq_message message;
} sent[IOAPIC_PINS];			/* @lock */

static int translate(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		     struct irq_message *out)
{
	if (vmm->iommu->remap)
		return vmm->iommu->remap(vmm, rid, address, data, out);
	out->address_lo = (uint32_t)address;
	out->address_hi = 0;
	out->data = data;
	return 0;
}

void irq_deliver(struct vmm *vmm, const struct irq_message *message)
{
	/* No CPU may take it. A real bus drops what KVM calls invalid. */
	kvm_signal_msi(vmm, message);
}

int irq_send(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data)
{
	struct irq_message message;

	if (translate(vmm, rid, address, data, &message))
		return -EFAULT;
	irq_deliver(vmm, &message);
	return 0;
}

/* Called with @lock held. */
static void commit(struct vmm *vmm)
{
	struct irq_message messages[IOAPIC_PINS];
	unsigned int pin, nr = 0;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		if (sent[pin].used)
			messages[nr++] = sent[pin].message;
	}
	kvm_await_eois(vmm, messages, nr);
}

/* KVM has to know the vector before a CPU ends it. */
static void await_eoi(struct vmm *vmm, unsigned int pin, const struct irq_message *message)
{
	pthread_mutex_lock(&lock);
	if (!sent[pin].used || memcmp(&sent[pin].message, message, sizeof(*message))) {
		sent[pin].used = true;
		sent[pin].message = *message;
		commit(vmm);
	}
	pthread_mutex_unlock(&lock);
}

int irq_send_level(struct vmm *vmm, unsigned int pin, uint64_t address, uint32_t data)
{
	struct irq_message message;

	if (translate(vmm, vmm->iommu->ioapic_rid, address, data, &message))
		return -EFAULT;
	if (message.data & LEVEL)
		await_eoi(vmm, pin, &message);
	irq_deliver(vmm, &message);
	return message.data & 0xff;
}

void irq_forget_level(struct vmm *vmm, unsigned int pin)
{
	pthread_mutex_lock(&lock);
	if (sent[pin].used) {
		sent[pin].used = false;
		commit(vmm);
	}
	pthread_mutex_unlock(&lock);
}

int irq_init(struct vmm *vmm)
{
	(void)vmm;
	memset(sent, 0, sizeof(sent));
	return 0;
}
