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
#include "dma_view.h"
#include "pci.h"
#include "vfio.h"
#include "vhost.h"
#include "vmm.h"

#define NR_EVENTS	16
#define REMOVALS	3	/* of a device, while our own stream has changes for it */

/*
 * An invalidation of the guest waits as long for a request in flight: as PCI Express lets a
 * function take to answer an invalidation of its device-TLB. No disk that works takes longer.
 */
#define VIEW_TIMEOUT_MS	60000

/* ---- registers ------------------------------------------------------------------ */

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned int len)
{
	struct vmm *vmm = opaque;
	struct iommu_unit *iu = vmm->iommu_data;
	uint64_t value;

	/* The unit has no registers of other widths, or unaligned: they read zero. */
	if (nyx_mmio_read(iu->unit, (uint32_t)offset, len, &value))
		return 0;
	return value;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	struct vmm *vmm = opaque;
	struct iommu_unit *iu = vmm->iommu_data;
	struct nyx_mmio access = {
		.size = sizeof(access), .flags = NYX_MMIO_F_WRITE, .offset = (uint32_t)offset,
		.width = len, .value = value,
	};

	int rc;

	rc = iu->changes ? nyx_changes_mmio(iu->changes, &access) :
			   nyx_mmio(iu->unit, &access);
	/* A write that fails has changed nothing, or nyx-vmm is being killed. */
	if (rc)
		return;
	/* Then the rest of the guest's queue is executed: see what that has changed. */
	if (iu->changes && access.out_pending) {
		iommu_unit_apply(iu);
		access.out_irte_changes = nyx_changes_irte_changes(iu->changes);
	}
	if (access.out_irte_changes == iu->irte_changes)
		return;
	/* Drop KVM's routes, which are copies of entries, before the CPU resumes. */
	iu->irte_changes = access.out_irte_changes;
	pci_irtes_changed(vmm);
}

static const struct io_ops mmio = { mmio_read, mmio_write };

/* ---- devices -------------------------------------------------------------------- */

/*
 * 0: the device is gone. An error: it is left over, and removed when its id is needed. Called with
 * vmm::lock held, or before the CPUs run.
 */
static int remove_device(struct iommu_unit *iu, uint16_t rid)
{
	uint8_t bit = (uint8_t)(1 << rid % 8);
	unsigned int i = 0;
	int rc;

	/* The device stays until the changes are handled; then the same call removes it. */
	while ((rc = nyx_device_remove(iu->unit, (nyx_device_t){ rid })) == -EINPROGRESS &&
	       iu->changes && ++i < REMOVALS)
		iommu_unit_apply(iu);
	/* nyxctl may have removed it already. -ETIMEDOUT: it is gone, and a view was cut off. */
	if (rc == -ENOENT || rc == -ETIMEDOUT)
		rc = 0;
	if (rc)
		iu->left[rid / 8] |= bit;
	else
		iu->left[rid / 8] &= (uint8_t)~bit;
	return rc;
}

int iommu_unit_device_add(struct vmm *vmm, uint16_t rid)
{
	struct iommu_unit *iu = vmm->iommu_data;
	int rc;

	if (iu->left[rid / 8] >> rid % 8 & 1) {
		rc = remove_device(iu, rid);
		if (rc)
			return rc;
	}
	/* A device that was there before may have been cut off. */
	if (iu->views)
		dma_view_was_cut_off(iu->views, rid);
	return nyx_device_add(iu->unit, (nyx_device_t){ rid });
}

void iommu_unit_device_remove(struct vmm *vmm, uint16_t rid)
{
	int rc = remove_device(vmm->iommu_data, rid);

	if (rc)
		say("cannot remove device %02x:%02x.%x of the unit: %s", rid >> 8, rid >> 3 & 0x1f,
		    rid & 7, strerror(-rc));
}

int iommu_unit_access(struct vmm *vmm, uint16_t rid, struct dma_op *ops, unsigned int nr)
{
	struct iommu_unit *iu = vmm->iommu_data;
	unsigned int done = 0;
	int rc = 0;

	if (iu->views)
		done = dma_view_access(iu->views, rid, ops, nr, &rc);
	return rc || done == nr ? rc : dma_nyx(iu->unit, rid, ops + done, nr - done);
}

void iommu_unit_hold(struct vmm *vmm, uint16_t rid, struct dma_span *spans, unsigned int nr)
{
	struct iommu_unit *iu = vmm->iommu_data;

	/* dma_can_hold() is false without views. */
	dma_view_hold(iu->views, rid, spans, nr);
}

void iommu_unit_release(struct vmm *vmm, struct dma_holds *holds)
{
	(void)vmm;
	dma_view_release(holds);
}

void iommu_unit_device_reset(struct vmm *vmm, uint16_t rid)
{
	struct iommu_unit *iu = vmm->iommu_data;

	if (iu->views && dma_view_was_cut_off(iu->views, rid))
		nyx_device_reset(iu->unit, (nyx_device_t){ rid });
}

int iommu_unit_host_fault(struct vmm *vmm, uint16_t rid, uint64_t iova, bool write)
{
	const struct iommu_unit *iu = vmm->iommu_data;
	struct nyx_translate translate = {
		.size = sizeof(translate), .flags = NYX_TRANSLATE_F_REPORT, .sbdf = rid,
		.pasid = NYX_PASID_NONE, .access = write ? NYX_PROT_WRITE : NYX_PROT_READ,
		.iova = iova, .length = 1,
	};
	int rc = nyx_device_translate(iu->unit, &translate);

	if (rc)
		return rc;
	return translate.out_fault.reason == NYX_FAULT_NONE ? 0 : -EFAULT;
}

/* ---- interrupts ------------------------------------------------------------------ */

static struct irq_message to_message(uint64_t address, uint32_t data)
{
	return (struct irq_message){
		.address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32),
		.data = data,
	};
}

int iommu_unit_remap(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		     struct irq_message *message)
{
	struct iommu_unit *iu = vmm->iommu_data;
	struct nyx_irq_send irq = {
		.size = sizeof(irq), .sbdf = rid, .address = address, .data = data,
	};

	if (nyx_irq_send(iu->unit, &irq))
		return -EFAULT;
	if (irq.out_result != NYX_IRQ_DELIVER && irq.out_result != NYX_IRQ_NOTIFY)
		return -EFAULT;
	*message = to_message(irq.out_address, irq.out_data);
	return irq.out_result == NYX_IRQ_NOTIFY;
}

int iommu_unit_probe(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		     struct irq_message *message)
{
	struct iommu_unit *iu = vmm->iommu_data;
	struct nyx_irq_send irq = {
		.size = sizeof(irq), .flags = NYX_IRQ_F_PROBE, .sbdf = rid, .address = address,
		.data = data,
	};

	if (nyx_irq_send(iu->unit, &irq) || irq.out_result == NYX_IRQ_REFUSED)
		return -EFAULT;
	*message = to_message(irq.out_address, irq.out_data);
	return irq.out_result != NYX_IRQ_DELIVER;
}

int iommu_unit_bind(struct vmm *vmm, uint16_t rid, struct irq_binding *binding)
{
	struct iommu_unit *iu = vmm->iommu_data;
	struct nyx_irq_bind bind = {
		.size = sizeof(bind), .sbdf = rid, .source = binding->source,
		.target = binding->target, .address = binding->address, .data = binding->data,
	};
	struct nyx_irq_change change = {
		.size = sizeof(change), .flags = NYX_CHANGE_F_MESSAGE | NYX_CHANGE_F_MASK,
		.binding_id = binding->id, .address = binding->address, .data = binding->data,
	};
	int rc;

	if (binding->id)
		return nyx_irq_change(iu->unit, &change);
	rc = nyx_irq_bind(iu->unit, &bind);
	binding->id = bind.out_binding_id;
	return rc;
}

bool iommu_unit_unbind(struct vmm *vmm, uint32_t id)
{
	struct iommu_unit *iu = vmm->iommu_data;
	struct nyx_irq_change change = {
		.size = sizeof(change), .flags = NYX_CHANGE_F_MASK, .binding_id = id, .masked = 1,
	};
	struct nyx_binding_info info;

	/* Once the binding is masked, no interrupt with the old entry or message is in flight. */
	return !nyx_irq_change(iu->unit, &change) &&
	       !nyx_irq_binding_get(iu->unit, (nyx_binding_t){ id }, &info, sizeof(info)) &&
	       info.flags & NYX_BIND_F_PENDING;
}

void iommu_unit_bind_end(struct vmm *vmm, uint32_t id)
{
	struct iommu_unit *iu = vmm->iommu_data;

	nyx_irq_unbind(iu->unit, (nyx_binding_t){ id });
}

/* ---- events of the unit ----------------------------------------------------------- */

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

	if (vmm->opts->verbose && !nyx_event_format_guest(event, text, sizeof(text)))
		say("%s", text);
}

bool iommu_unit_is_cut_off(struct vmm *vmm, uint16_t rid)
{
	const struct iommu_unit *iu = vmm->iommu_data;
	struct nyx_device_info info;

	return !nyx_device_get(iu->unit, (nyx_device_t){ rid }, &info, sizeof(info)) &&
		(info.state == NYX_DEVICE_QUARANTINED || info.state == NYX_DEVICE_DISABLED);
}

/* Stop a device of the host, or a back end, while its accesses are refused. */
static void follow_state(struct vmm *vmm, uint16_t rid)
{
	bool cut = iommu_unit_is_cut_off(vmm, rid);

	vfio_cut_off(vmm, rid, cut);
	vhost_cut_off(vmm, rid, cut);
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
		say("the Nyx unit was destroyed");
		loop_remove(fd);
		return;
	}
	for (i = 0; i < got; i++) {
		if (events[i].type == NYX_EVENT_MSI)
			own_msi(vmm, &events[i].msi);
		else
			tell(vmm, &events[i]);
		if (events[i].type == NYX_EVENT_DEVICE_STATE)
			follow_state(vmm, (uint16_t)events[i].state.sbdf);
		if (events[i].type == NYX_EVENT_LOST) {
			iu->model->resend(vmm);
			vfio_foreach(vmm, follow_state);
			vhost_foreach(vmm, follow_state);
		}
	}
}

/* ---- life ------------------------------------------------------------------------- */

static int create_unit(struct iommu_unit *iu, const char *model, const char *name,
		       const struct nyx_unit_create_opts *how)
{
	struct nyx_unit_create_opts create = *how;
	int rc;

	rc = nyx_ctx_open(NULL, &iu->ctx);
	if (rc) {
		say("%s: %s; is the module loaded?", NYX_NODE_DEFAULT, strerror(-rc));
		return rc;
	}
	create.name = name;
	create.view_timeout_ms = VIEW_TIMEOUT_MS;
	rc = nyx_unit_create(iu->ctx, &create, &iu->unit);
	if (rc == -EOPNOTSUPP)
		say("cannot create the %s unit: the loaded module does not support this model", model);
	else if (rc == -EEXIST)
		say("--name '%s': a unit of that name already exists", name);
	else if (rc)
		say("cannot create the %s unit: %s", model, strerror(-rc));
	return rc;
}

/* Report faults to the guest, and quarantine no device. */
static int report_only(struct iommu_unit *iu)
{
	struct nyx_policy policy;
	int rc;

	rc = nyx_policy_get_unit(iu->unit, &policy, sizeof(policy));
	if (rc)
		return rc;
	policy.action = NYX_ACTION_REPORT;
	return nyx_policy_set_unit(iu->unit, &policy, sizeof(policy));
}

static int add_memory(struct vmm *vmm, struct iommu_unit *iu)
{
	uint32_t flags = vmm->opts->unit.shared ? NYX_MEMORY_F_SHARED : 0;
	int rc;

	rc = nyx_memory_add_file(iu->unit, 0, vmm->ram_fd, 0, vmm->ram_low, flags);
	if (!rc && vmm->ram_high)
		rc = nyx_memory_add_file(iu->unit, GPA_RAM_HIGH, vmm->ram_fd, vmm->ram_low,
					 vmm->ram_high, flags);
	if (!rc && vmm->opts->unit.shared)
		rc = nyx_unit_share(iu->unit);
	return rc;
}

int iommu_unit_init(struct vmm *vmm, struct iommu_unit *iu,
		    const struct iommu_unit_model *model,
		    const struct nyx_unit_create_opts *create)
{
	int rc;

	iu->model = model;
	iu->events = -1;
	vmm->iommu_data = iu;
	rc = create_unit(iu, vmm->iommu->name, vmm->opts->name, create);
	if (rc)
		return rc;
	if (!vmm->opts->dma_copy) {
		iu->views = dma_views_new(vmm, iu->unit);
		rc = iu->views ? 0 : -ENOMEM;
	}
	if (!rc && !vmm->opts->unit.quarantine)
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
		say("cannot set up the %s unit: %s", vmm->iommu->name, strerror(-rc));
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
	iommu_unit_mirror_exit(iu);
	dma_views_free(iu->views);
	nyx_unit_unref(iu->unit);
	nyx_ctx_unref(iu->ctx);
	free(iu);
	vmm->iommu_data = NULL;
}
