// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: interrupt messages.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Every interrupt of the machine is a message, address and data, with the id of its
 * sender. The IOMMU, if there is one, replaces or blocks it; then KVM delivers it.
 *
 * KVM has a table of routes, each a message as the IOMMU made it. The first of them are those
 * of the pins of the IOAPIC, the others those of lines, see irq_line.c.
 *
 * KVM reports the EOI of a vector only if the table has a level-triggered message with that
 * vector, for one of the pins, and the IOMMU decides which vector a pin has. So the route of a
 * pin is the message that the pin sent last. It stays while the interrupt is in service,
 * however the guest changes the redirection entry or the IOMMU's table meanwhile.
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
} routes[IOAPIC_PINS + IRQ_LINES];	/* by GSI, @lock */

int irq_translate(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		  struct irq_message *out)
{
	if (vmm->iommu->remap)
		return vmm->iommu->remap(vmm, rid, address, data, out);
	out->address_lo = (uint32_t)address;
	out->address_hi = 0;
	out->data = data;
	return 0;
}

int irq_probe(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
	      struct irq_message *out)
{
	if (!vmm->iommu->remap)
		return irq_translate(vmm, rid, address, data, out);
	return vmm->iommu->probe ? vmm->iommu->probe(vmm, rid, address, data, out) : -EOPNOTSUPP;
}

void irq_deliver(struct vmm *vmm, const struct irq_message *message)
{
	/*
	 * Ignore errors: no CPU may accept the message, and a real bus drops one that KVM
	 * rejects.
	 */
	kvm_signal_msi(vmm, message);
}

int irq_send(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data)
{
	struct irq_message message;

	if (irq_translate(vmm, rid, address, data, &message) < 0)
		return -EFAULT;
	irq_deliver(vmm, &message);
	return 0;
}

/* Called with @lock held. */
static int commit(struct vmm *vmm)
{
	struct irq_route list[ARRAY_SIZE(routes)];
	unsigned int gsi, nr = 0;

	for (gsi = 0; gsi < ARRAY_SIZE(routes); gsi++) {
		if (routes[gsi].used)
			list[nr++] = (struct irq_route){ gsi, routes[gsi].message };
	}
	return kvm_set_routes(vmm, list, nr);
}

int irq_route_set(struct vmm *vmm, unsigned int gsi, const struct irq_message *message)
{
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (!routes[gsi].used || memcmp(&routes[gsi].message, message, sizeof(*message))) {
		routes[gsi].used = true;
		routes[gsi].message = *message;
		rc = commit(vmm);
		/* KVM has the table as it was. */
		routes[gsi].used = !rc;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

int irq_send_level(struct vmm *vmm, unsigned int pin, uint64_t address, uint32_t data)
{
	struct irq_message message;

	if (irq_translate(vmm, vmm->iommu->ioapic_rid, address, data, &message) < 0)
		return -EFAULT;
	/* Set the route before delivery: KVM must know the vector before a CPU sends its EOI. */
	if (message.data & LEVEL && irq_route_set(vmm, pin, &message))
		say("KVM refuses a route for a level-triggered interrupt");
	irq_deliver(vmm, &message);
	return message.data & 0xff;
}

void irq_forget_level(struct vmm *vmm, unsigned int pin)
{
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (routes[pin].used) {
		routes[pin].used = false;
		rc = commit(vmm);
		/* KVM has the table as it was. */
		routes[pin].used = rc;
	}
	pthread_mutex_unlock(&lock);
	if (rc)
		say("KVM refuses to remove the route of a level-triggered interrupt");
}

int irq_init(struct vmm *vmm)
{
	(void)vmm;
	memset(routes, 0, sizeof(routes));
	return 0;
}
