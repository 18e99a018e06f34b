/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: an IOMMU whose registers, tables, caches, queues and faults are a unit of
 * the Nyx module.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * iommu_unit.c does what a VMM has to do for either model: it gives the unit the guest's
 * memory and the ids of its devices, passes on accesses of the registers, of devices to
 * memory, and their interrupts, and delivers the interrupts of the unit itself.
 * iommu_mirror.c keeps the host's IOMMU equal to the unit, for devices of the host, and device
 * IOTLBs, for back ends of vhost. A model adds
 * how the guest finds it: an ACPI table, perhaps a PCI function.
 */
#ifndef NYX_VMM_IOMMU_UNIT_H
#define NYX_VMM_IOMMU_UNIT_H

#include <nyx/nyx.h>
#include <stdint.h>

#include "iommu.h"

struct dma_views;

struct iommu_unit_model {
	uint64_t gpa;			/* of the registers */
	uint32_t size;

	/* The unit's own interrupt, by its PCI function; NULL: it has none */
	void (*function_msi)(struct vmm *vmm);

	/* Events were lost, perhaps interrupts of the unit: send each that may have been. */
	void (*resend)(struct vmm *vmm);

	/* Words of --iommu for options_reports_maps() */
	const char *reporting;
	/* Addresses that drivers of the model do not map, for a mirror */
	const struct nyx_mirror_range *reserved;
	size_t nr_reserved;
};

/* The first member of what vmm::iommu_data points to, which free() takes. */
struct iommu_unit {
	const struct iommu_unit_model *model;
	struct nyx_ctx *ctx;
	struct nyx_unit *unit;
	struct dma_views *views;	/* NULL: each access is a call of the unit */
	int events;
	uint64_t irte_changes;		/* last count that lines have followed; vmm::lock */
	uint8_t left[0x10000 / 8];	/* bits of ids that are to be removed yet; vmm::lock */

	/* iommu_mirror.c: of devices of the host, and of vhost; NULL: there has been none */
	struct nyx_changes *changes;
	bool changes_failed;		/* said already */
};

/* Prints its failures; the caller calls iommu_unit_exit() after a failure as well. */
int iommu_unit_init(struct vmm *vmm, struct iommu_unit *iu,
		    const struct iommu_unit_model *model,
		    const struct nyx_unit_create_opts *create);
void iommu_unit_exit(struct vmm *vmm);

/* Of struct iommu_ops */
int iommu_unit_device_add(struct vmm *vmm, uint16_t rid);
void iommu_unit_device_remove(struct vmm *vmm, uint16_t rid);
int iommu_unit_access(struct vmm *vmm, uint16_t rid, struct dma_op *ops, unsigned int nr);
void iommu_unit_hold(struct vmm *vmm, uint16_t rid, struct dma_span *spans, unsigned int nr);
void iommu_unit_release(struct vmm *vmm, struct dma_holds *holds);
void iommu_unit_device_reset(struct vmm *vmm, uint16_t rid);
int iommu_unit_remap(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		     struct irq_message *message);
int iommu_unit_probe(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		     struct irq_message *message);
int iommu_unit_bind(struct vmm *vmm, uint16_t rid, struct irq_binding *binding);
bool iommu_unit_unbind(struct vmm *vmm, uint32_t id);
void iommu_unit_bind_end(struct vmm *vmm, uint32_t id);
int iommu_unit_mirror_open(struct vmm *vmm, struct vfio_container *container);
void iommu_unit_mirror_close(struct vmm *vmm, struct vfio_container *container);
int iommu_unit_mirror(struct vmm *vmm, uint16_t rid, struct vfio_container *container);
void iommu_unit_unmirror(struct vmm *vmm, uint16_t rid, struct vfio_container *container);
int iommu_unit_iotlb_open(struct vmm *vmm, uint16_t rid, struct vhost *vhost);
void iommu_unit_iotlb_close(struct vmm *vmm, uint16_t rid, struct vhost *vhost);
void iommu_unit_iotlb_reset(struct vmm *vmm, uint16_t rid);
bool iommu_unit_is_cut_off(struct vmm *vmm, uint16_t rid);
int iommu_unit_host_fault(struct vmm *vmm, uint16_t rid, uint64_t iova, bool write);

/* iommu_mirror.c: applies what the guest has mapped and unmapped for devices of the host. */
void iommu_unit_apply(struct iommu_unit *iu);
void iommu_unit_mirror_exit(struct iommu_unit *iu);

#endif /* NYX_VMM_IOMMU_UNIT_H */
