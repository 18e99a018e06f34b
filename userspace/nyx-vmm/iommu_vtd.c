// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: Intel VT-d, by the Nyx module.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * What a VMM has to do for it: give the unit the guest's memory and the ids of its
 * devices, pass on accesses of the registers, of devices to memory, and their
 * interrupts, deliver what the unit itself sends, and describe it all in the DMAR
 * table. All else, tables, caches, queue and faults, is in the kernel.
 *
 * Intel Virtualization Technology for Directed I/O, revision 4.1: chapter 8 for DMAR.
 */
#include <errno.h>
#include <nyx/nyx.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dma_nyx.h"
#include "iommu.h"
#include "vmm.h"

enum {
	REG_GCMD	= 0x18,
	REG_GSTS	= 0x1c,

	DMAR_SIZE	= 72,
	DMAR_WIDTH	= 36,
	DMAR_FLAGS	= 37,
	DMAR_DRHD	= 48,		/* type 0 */
	DMAR_SCOPE	= 64,
	DMAR_INTR_REMAP	= 1 << 0,
	DRHD_PCI_ALL	= 1 << 0,
	SCOPE_IOAPIC	= 3,
	HOST_WIDTH	= 48,

	NR_EVENTS	= 16,
	NR_LEVELS	= 32,
};

#define GSTS_IRES	(UINT32_C(1) << 25)

/* A level-triggered message of the IOAPIC, and what became of it last. */
struct level {
	bool valid;
	uint32_t data;
	uint64_t address;
	struct irq_message message;
};

struct vtd {
	struct nyx_ctx *ctx;
	struct nyx_unit *unit;
	int events;
	atomic_bool remapping;		/* GSTS.IRES */
	pthread_mutex_t lock;		/* innermost */
	struct level levels[NR_LEVELS];	/* @lock */
	unsigned int next_level;	/* @lock */
};

/* ---- registers ------------------------------------------------------------------ */

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned int len)
{
	struct vmm *vmm = opaque;
	struct vtd *vtd = vmm->iommu_data;
	uint64_t value;

	/* Other widths, or unaligned: nothing is there. */
	if (nyx_mmio_read(vtd->unit, (uint32_t)offset, len, &value))
		return 0;
	return value;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	struct vmm *vmm = opaque;
	struct vtd *vtd = vmm->iommu_data;
	uint64_t status;
	bool on;

	if (nyx_mmio_write(vtd->unit, (uint32_t)offset, len, value))
		return;
	/* Wide writes of what is before it may reach it, too */
	if (offset > REG_GCMD || offset + len <= REG_GCMD)
		return;
	if (nyx_mmio_read(vtd->unit, REG_GSTS, 4, &status))
		return;
	on = status & GSTS_IRES;
	if (atomic_exchange(&vtd->remapping, on) != on)
		irq_routes_refresh(vmm);
}

static const struct io_ops mmio = { mmio_read, mmio_write };

/* ---- devices -------------------------------------------------------------------- */

static int vtd_device_add(struct vmm *vmm, uint16_t rid)
{
	struct vtd *vtd = vmm->iommu_data;

	return nyx_device_add(vtd->unit, rid);
}

static int vtd_access(struct vmm *vmm, uint16_t rid, const struct dma_op *ops,
		      unsigned int nr)
{
	struct vtd *vtd = vmm->iommu_data;

	return dma_nyx(vtd->unit, rid, ops, nr);
}

/* ---- interrupts ------------------------------------------------------------------ */

static struct irq_message to_message(uint64_t address, uint32_t data)
{
	return (struct irq_message){
		.address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32),
		.data = data,
	};
}

/* Called with @lock held. */
static struct level *find_level(struct vtd *vtd, uint64_t address, uint32_t data)
{
	unsigned int i;

	for (i = 0; i < NR_LEVELS; i++) {
		struct level *l = &vtd->levels[i];

		if (l->valid && l->address == address && l->data == data)
			return l;
	}
	return NULL;
}

/*
 * KVM has to know the vectors whose EOI the IOAPIC waits for before it sees one of
 * them. There is no need to follow the guest's changes of its table: what counts is
 * what the last message became.
 */
static void learn_level(struct vmm *vmm, uint64_t address, uint32_t data,
			const struct irq_message *message)
{
	struct vtd *vtd = vmm->iommu_data;
	struct level *l;
	bool news;

	pthread_mutex_lock(&vtd->lock);
	l = find_level(vtd, address, data);
	news = !l || memcmp(&l->message, message, sizeof(*message));
	if (news) {
		if (!l) {
			l = &vtd->levels[vtd->next_level];
			vtd->next_level = (vtd->next_level + 1) % NR_LEVELS;
		}
		*l = (struct level){
			.valid = true, .data = data, .address = address, .message = *message,
		};
	}
	pthread_mutex_unlock(&vtd->lock);
	if (news)
		irq_routes_refresh(vmm);
}

/* To ask the unit would count, and be a fault if it refuses. */
static int probe_level(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		       struct irq_message *message)
{
	struct vtd *vtd = vmm->iommu_data;
	const struct level *l;
	int rc = -EFAULT;

	if (!atomic_load(&vtd->remapping)) {
		*message = to_message(address, data);
		return 0;
	}
	if (rid != RID_IOAPIC)
		return rc;
	pthread_mutex_lock(&vtd->lock);
	l = find_level(vtd, address, data);
	if (l) {
		*message = l->message;
		rc = 0;
	}
	pthread_mutex_unlock(&vtd->lock);
	return rc;
}

static int vtd_remap(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		     bool probe, struct irq_message *message)
{
	struct vtd *vtd = vmm->iommu_data;
	struct nyx_irq_send irq = {
		.size = sizeof(irq), .sbdf = rid, .address = address, .data = data,
	};

	if (probe)
		return probe_level(vmm, rid, address, data, message);
	if (nyx_irq_send(vtd->unit, &irq))
		return -EFAULT;
	if (irq.out_result != NYX_IRQ_DELIVER && irq.out_result != NYX_IRQ_NOTIFY)
		return -EFAULT;
	*message = to_message(irq.out_address, irq.out_data);
	if (rid == RID_IOAPIC && irq.out_flags & NYX_IRTE_F_LEVEL &&
	    atomic_load(&vtd->remapping))
		learn_level(vmm, address, data, message);
	return 0;
}

/* ---- what the unit says ----------------------------------------------------------- */

static void tell(const struct vmm *vmm, const struct nyx_event *event)
{
	char text[NYX_EVENT_TEXT_LEN];

	if (vmm->opts->verbose && !nyx_event_format(event, text, sizeof(text)))
		say("%s", text);
}

/* Main thread */
static void events_ready(void *opaque, int fd)
{
	struct vmm *vmm = opaque;
	struct nyx_event events[NR_EVENTS];
	struct irq_message message;
	size_t got, i;
	int rc;

	rc = nyx_event_read(fd, events, NR_EVENTS, &got);
	if (rc == -EAGAIN || rc == -EINTR)
		return;
	if (rc || !got) {
		say("the unit of the IOMMU is gone");
		loop_remove(fd);
		return;
	}
	for (i = 0; i < got; i++) {
		if (events[i].type == NYX_EVENT_MSI) {
			message = to_message(events[i].msi.address, events[i].msi.data);
			irq_deliver(vmm, &message);
		} else {
			tell(vmm, &events[i]);
		}
	}
}

/* ---- life ------------------------------------------------------------------------- */

static int create_unit(struct vtd *vtd, const struct options *opts)
{
	struct nyx_unit_create_opts create = {
		.size = sizeof(create), .model = NYX_MODEL_VTD,
		.address_width = opts->vtd.width,
	};
	int rc;

	if (opts->vtd.caching_mode)
		create.vtd_flags |= NYX_VTD_F_CACHING_MODE;
	if (opts->vtd.xapic)
		create.vtd_flags |= NYX_VTD_F_XAPIC;
	if (opts->vtd.small_pages)
		create.vtd_flags |= NYX_VTD_F_SMALL_PAGES;
	rc = nyx_ctx_open(NULL, &vtd->ctx);
	if (rc) {
		say("%s: %s; is the module loaded?", NYX_NODE_DEFAULT, strerror(-rc));
		return rc;
	}
	rc = nyx_unit_create(vtd->ctx, &create, &vtd->unit);
	if (rc)
		say("no VT-d unit: %s", strerror(-rc));
	return rc;
}

/* What a guest's own device does wrong is the guest's to see; it goes on working. */
static int report_only(struct vtd *vtd)
{
	struct nyx_policy policy;
	int rc;

	rc = nyx_policy_get(vtd->unit, NYX_SCOPE_UNIT, 0, &policy, sizeof(policy), NULL);
	if (rc)
		return rc;
	policy.action = NYX_ACTION_REPORT;
	return nyx_policy_set(vtd->unit, NYX_SCOPE_UNIT, 0, &policy, sizeof(policy));
}

static int add_memory(struct vmm *vmm, struct vtd *vtd)
{
	int rc;

	rc = nyx_memory_add_file(vtd->unit, 0, vmm->ram_fd, 0, vmm->ram_low, 0);
	if (!rc && vmm->ram_high)
		rc = nyx_memory_add_file(vtd->unit, GPA_RAM_HIGH, vmm->ram_fd, vmm->ram_low,
					 vmm->ram_high, 0);
	return rc;
}

static int vtd_init(struct vmm *vmm)
{
	struct vtd *vtd = calloc(1, sizeof(*vtd));
	int rc;

	if (!vtd)
		return -ENOMEM;
	vtd->events = -1;
	pthread_mutex_init(&vtd->lock, NULL);
	vmm->iommu_data = vtd;
	rc = create_unit(vtd, vmm->opts);
	if (rc)
		return rc;
	if (!vmm->opts->vtd.quarantine)
		rc = report_only(vtd);
	if (!rc)
		rc = add_memory(vmm, vtd);
	if (!rc)
		rc = vtd_device_add(vmm, RID_IOAPIC);
	if (!rc)
		rc = nyx_event_open(vtd->unit, NYX_EVENTS_F_NONBLOCK, &vtd->events);
	if (!rc)
		rc = loop_add(vtd->events, events_ready, vmm);
	if (!rc)
		rc = io_add(vmm, IO_MMIO, GPA_IOMMU, NYX_MMIO_SIZE, &mmio, vmm);
	if (rc)
		say("the VT-d unit cannot be set up: %s", strerror(-rc));
	return rc;
}

static void vtd_exit(struct vmm *vmm)
{
	struct vtd *vtd = vmm->iommu_data;

	if (!vtd)
		return;
	if (vtd->events >= 0) {
		loop_remove(vtd->events);
		close(vtd->events);
	}
	nyx_unit_unref(vtd->unit);
	nyx_ctx_unref(vtd->ctx);
	pthread_mutex_destroy(&vtd->lock);
	free(vtd);
	vmm->iommu_data = NULL;
}

/* One unit for all functions, and for the IOAPIC, whose id in the MADT is 0. */
static size_t vtd_acpi(struct vmm *vmm, uint8_t *table, size_t room)
{
	uint8_t *drhd = table + DMAR_DRHD, *scope = table + DMAR_SCOPE;

	(void)vmm;
	if (room < DMAR_SIZE)
		return 0;
	memcpy(table, "DMAR", 4);
	table[8] = 1;
	table[DMAR_WIDTH] = HOST_WIDTH - 1;
	table[DMAR_FLAGS] = DMAR_INTR_REMAP;
	le_put(drhd + 2, DMAR_SIZE - DMAR_DRHD, 2);
	drhd[4] = DRHD_PCI_ALL;
	le_put(drhd + 8, GPA_IOMMU, 8);
	scope[0] = SCOPE_IOAPIC;
	scope[1] = DMAR_SIZE - DMAR_SCOPE;
	scope[4] = 0;			/* its id */
	scope[5] = RID_IOAPIC >> 8;
	scope[6] = RID_IOAPIC >> 3 & 0x1f;
	scope[7] = RID_IOAPIC & 7;
	return DMAR_SIZE;
}

const struct iommu_ops iommu_vtd = {
	.name = "VT-d",
	.init = vtd_init,
	.exit = vtd_exit,
	.device_add = vtd_device_add,
	.access = vtd_access,
	.remap = vtd_remap,
	.acpi = vtd_acpi,
};
