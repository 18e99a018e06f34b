// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: an IOMMU that is a unit of the Nyx module; see iommu_unit.h.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "iommu_unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dma_nyx.h"
#include "vmm.h"

#define NR_EVENTS	16

/* ---- registers ------------------------------------------------------------------ */

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned int len)
{
	struct vmm *vmm = opaque;
	struct iommu_unit *iu = vmm->iommu_data;
	uint64_t value;

	/* Other widths, or unaligned: nothing is there. */
	if (nyx_mmio_read(iu->unit, (uint32_t)offset, len, &value))
		return 0;
	return value;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	struct vmm *vmm = opaque;
	struct iommu_unit *iu = vmm->iommu_data;
	const struct iommu_unit_model *m = iu->model;
	uint64_t status;
	bool on;

	if (nyx_mmio_write(iu->unit, (uint32_t)offset, len, value))
		return;
	/* Wide writes of what is before it may reach it, too */
	if (offset >= m->command + m->len || offset + len <= m->command)
		return;
	if (nyx_mmio_read(iu->unit, m->status, m->len, &status))
		return;
	on = status & m->on;
	if (atomic_exchange(&iu->remapping, on) != on)
		irq_routes_refresh(vmm);
}

static const struct io_ops mmio = { mmio_read, mmio_write };

/* ---- devices -------------------------------------------------------------------- */

int iommu_unit_device_add(struct vmm *vmm, uint16_t rid)
{
	struct iommu_unit *iu = vmm->iommu_data;

	return nyx_device_add(iu->unit, rid);
}

int iommu_unit_access(struct vmm *vmm, uint16_t rid, struct dma_op *ops, unsigned int nr)
{
	struct iommu_unit *iu = vmm->iommu_data;

	return dma_nyx(iu->unit, rid, ops, nr);
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
static struct iommu_level *find_level(struct iommu_unit *iu, uint64_t address, uint32_t data)
{
	unsigned int i;

	for (i = 0; i < IOMMU_LEVELS; i++) {
		struct iommu_level *l = &iu->levels[i];

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
	struct iommu_unit *iu = vmm->iommu_data;
	struct iommu_level *l;
	bool news;

	pthread_mutex_lock(&iu->lock);
	l = find_level(iu, address, data);
	news = !l || memcmp(&l->message, message, sizeof(*message));
	if (news) {
		if (!l) {
			l = &iu->levels[iu->next_level];
			iu->next_level = (iu->next_level + 1) % IOMMU_LEVELS;
		}
		*l = (struct iommu_level){
			.valid = true, .data = data, .address = address, .message = *message,
		};
	}
	pthread_mutex_unlock(&iu->lock);
	if (news)
		irq_routes_refresh(vmm);
}

/* To ask the unit would count, and be a fault if it refuses. */
static int probe_level(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		       struct irq_message *message)
{
	struct iommu_unit *iu = vmm->iommu_data;
	const struct iommu_level *l;
	int rc = -EFAULT;

	if (!atomic_load(&iu->remapping)) {
		*message = to_message(address, data);
		return 0;
	}
	if (rid != vmm->iommu->ioapic_rid)
		return rc;
	pthread_mutex_lock(&iu->lock);
	l = find_level(iu, address, data);
	if (l) {
		*message = l->message;
		rc = 0;
	}
	pthread_mutex_unlock(&iu->lock);
	return rc;
}

int iommu_unit_remap(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		     bool probe, struct irq_message *message)
{
	struct iommu_unit *iu = vmm->iommu_data;
	struct nyx_irq_send irq = {
		.size = sizeof(irq), .sbdf = rid, .address = address, .data = data,
	};

	if (probe)
		return probe_level(vmm, rid, address, data, message);
	if (nyx_irq_send(iu->unit, &irq))
		return -EFAULT;
	if (irq.out_result != NYX_IRQ_DELIVER && irq.out_result != NYX_IRQ_NOTIFY)
		return -EFAULT;
	*message = to_message(irq.out_address, irq.out_data);
	if (rid == vmm->iommu->ioapic_rid && irq.out_flags & NYX_IRTE_F_LEVEL &&
	    atomic_load(&iu->remapping))
		learn_level(vmm, address, data, message);
	return 0;
}

/* ---- what the unit says ----------------------------------------------------------- */

static void own_msi(struct vmm *vmm, const struct nyx_event_msi *msi)
{
	const struct iommu_unit *iu = vmm->iommu_data;
	struct irq_message message = to_message(msi->address, msi->data);

	if (!(msi->flags & NYX_MSI_F_FUNCTION))
		irq_deliver(vmm, &message);
	else if (iu->model->function_msi)
		iu->model->function_msi(vmm);
}

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
	const struct iommu_unit *iu = vmm->iommu_data;
	struct nyx_event events[NR_EVENTS];
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
		if (events[i].type == NYX_EVENT_MSI)
			own_msi(vmm, &events[i].msi);
		else
			tell(vmm, &events[i]);
		if (events[i].type == NYX_EVENT_LOST)
			iu->model->resend(vmm);
	}
}

/* ---- life ------------------------------------------------------------------------- */

static int create_unit(struct iommu_unit *iu, const char *name,
		       const struct nyx_unit_create_opts *create)
{
	int rc;

	rc = nyx_ctx_open(NULL, &iu->ctx);
	if (rc) {
		say("%s: %s; is the module loaded?", NYX_NODE_DEFAULT, strerror(-rc));
		return rc;
	}
	rc = nyx_unit_create(iu->ctx, create, &iu->unit);
	if (rc == -EOPNOTSUPP)
		say("no %s unit: the module that is loaded has no such model", name);
	else if (rc)
		say("no %s unit: %s", name, strerror(-rc));
	return rc;
}

/* What a guest's own device does wrong is the guest's to see; it goes on working. */
static int report_only(struct iommu_unit *iu)
{
	struct nyx_policy policy;
	int rc;

	rc = nyx_policy_get(iu->unit, NYX_SCOPE_UNIT, 0, &policy, sizeof(policy), NULL);
	if (rc)
		return rc;
	policy.action = NYX_ACTION_REPORT;
	return nyx_policy_set(iu->unit, NYX_SCOPE_UNIT, 0, &policy, sizeof(policy));
}

static int add_memory(struct vmm *vmm, struct iommu_unit *iu)
{
	int rc;

	rc = nyx_memory_add_file(iu->unit, 0, vmm->ram_fd, 0, vmm->ram_low, 0);
	if (!rc && vmm->ram_high)
		rc = nyx_memory_add_file(iu->unit, GPA_RAM_HIGH, vmm->ram_fd, vmm->ram_low,
					 vmm->ram_high, 0);
	return rc;
}

int iommu_unit_init(struct vmm *vmm, struct iommu_unit *iu,
		    const struct iommu_unit_model *model,
		    const struct nyx_unit_create_opts *create)
{
	int rc;

	iu->model = model;
	iu->events = -1;
	pthread_mutex_init(&iu->lock, NULL);
	vmm->iommu_data = iu;
	rc = create_unit(iu, vmm->iommu->name, create);
	if (rc)
		return rc;
	if (!vmm->opts->unit.quarantine)
		rc = report_only(iu);
	if (!rc)
		rc = add_memory(vmm, iu);
	if (!rc)
		rc = iommu_unit_device_add(vmm, vmm->iommu->ioapic_rid);
	if (!rc)
		rc = nyx_event_open(iu->unit, NYX_EVENTS_F_NONBLOCK, &iu->events);
	if (!rc)
		rc = loop_add(iu->events, events_ready, vmm);
	if (!rc)
		rc = io_add(vmm, IO_MMIO, model->gpa, model->size, &mmio, vmm);
	if (rc)
		say("the %s unit cannot be set up: %s", vmm->iommu->name, strerror(-rc));
	return rc;
}

void iommu_unit_exit(struct vmm *vmm)
{
	struct iommu_unit *iu = vmm->iommu_data;

	if (!iu)
		return;
	if (iu->events >= 0) {
		loop_remove(iu->events);
		close(iu->events);
	}
	nyx_unit_unref(iu->unit);
	nyx_ctx_unref(iu->ctx);
	pthread_mutex_destroy(&iu->lock);
	free(iu);
	vmm->iommu_data = NULL;
}
