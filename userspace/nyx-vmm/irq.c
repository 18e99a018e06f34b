// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: interrupt messages.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Every interrupt of the machine is a message, address and data, with the id of who
 * sends it. The IOMMU, if there is one, replaces or blocks it; then KVM delivers it.
 *
 * KVM keeps a table of messages besides, one for each GSI. It needs them for two things:
 * to know which vectors' EOI it must report, those of the IOAPIC's level-triggered pins,
 * and to deliver the signals of irqfds. The table here holds the messages as the guest
 * wrote them, so that they can be translated again.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "iommu.h"
#include "vmm.h"

#define MAX_ROUTES	256

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct route {
	bool used;		/* the GSI is somebody's */
	bool valid;		/* there is a message */
	uint16_t rid;
	uint32_t data;
	uint64_t address;
} routes[MAX_ROUTES];		/* @lock */
static struct kvm_irq_routing *table;	/* @lock */

static int translate(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		     bool probe, struct irq_message *out)
{
	if (vmm->iommu->remap)
		return vmm->iommu->remap(vmm, rid, address, data, probe, out);
	out->address_lo = (uint32_t)address;
	out->address_hi = 0;
	out->data = data;
	return 0;
}

void irq_deliver(struct vmm *vmm, const struct irq_message *message)
{
	struct kvm_msi msi = {
		.address_lo = message->address_lo, .address_hi = message->address_hi,
		.data = message->data,
	};

	/* 0: no CPU takes it. What KVM calls invalid, a real bus drops. */
	ioctl(vmm->vm_fd, KVM_SIGNAL_MSI, &msi);
}

int irq_send(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data)
{
	struct irq_message message;

	if (translate(vmm, rid, address, data, false, &message))
		return -EFAULT;
	irq_deliver(vmm, &message);
	return 0;
}

/* Called with @lock held. */
static int commit(struct vmm *vmm)
{
	struct kvm_irq_routing_entry *e;
	struct irq_message m;
	uint32_t gsi;

	table->nr = 0;
	table->flags = 0;
	for (gsi = 0; gsi < MAX_ROUTES; gsi++) {
		struct route *r = &routes[gsi];

		if (!r->valid || translate(vmm, r->rid, r->address, r->data, true, &m))
			continue;
		e = &table->entries[table->nr++];
		memset(e, 0, sizeof(*e));
		e->gsi = gsi;
		e->type = KVM_IRQ_ROUTING_MSI;
		e->u.msi.address_lo = m.address_lo;
		e->u.msi.address_hi = m.address_hi;
		e->u.msi.data = m.data;
	}
	return ioctl(vmm->vm_fd, KVM_SET_GSI_ROUTING, table) ? -errno : 0;
}

int irq_route_set(struct vmm *vmm, uint32_t gsi, uint16_t rid, uint64_t address,
		  uint32_t data)
{
	int rc;

	if (gsi >= MAX_ROUTES)
		return -EINVAL;
	pthread_mutex_lock(&lock);
	routes[gsi] = (struct route){
		.used = true, .valid = true, .rid = rid, .data = data, .address = address,
	};
	rc = commit(vmm);
	pthread_mutex_unlock(&lock);
	return rc;
}

int irq_route_alloc(struct vmm *vmm)
{
	uint32_t gsi;
	int rc = -ENOSPC;

	(void)vmm;
	pthread_mutex_lock(&lock);
	for (gsi = IOAPIC_PINS; gsi < MAX_ROUTES; gsi++) {
		if (routes[gsi].used)
			continue;
		routes[gsi].used = true;
		rc = (int)gsi;
		break;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

int irq_fd_attach(struct vmm *vmm, uint32_t gsi, int eventfd, bool on)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)eventfd, .gsi = gsi, .flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return ioctl(vmm->vm_fd, KVM_IRQFD, &irqfd) ? -errno : 0;
}

void irq_routes_refresh(struct vmm *vmm)
{
	pthread_mutex_lock(&lock);
	commit(vmm);
	pthread_mutex_unlock(&lock);
}

int irq_init(struct vmm *vmm)
{
	(void)vmm;
	memset(routes, 0, sizeof(routes));
	table = calloc(1, sizeof(*table) + MAX_ROUTES * sizeof(table->entries[0]));
	return table ? 0 : -ENOMEM;
}

void irq_exit(struct vmm *vmm)
{
	(void)vmm;
	free(table);
	table = NULL;
}
