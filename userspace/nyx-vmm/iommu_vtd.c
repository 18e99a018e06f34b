// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: Intel VT-d, by the Nyx module.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Intel Virtualization Technology for Directed I/O, revision 4.1: 11.4 for the registers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iommu_unit.h"
#include "vmm.h"

/* The IOAPIC is no PCI function: bus 0xff exists in no machine of ours. */
#define RID_IOAPIC	0xff00

enum {
	REG_FECTL	= 0x38,		/* then data, address, upper address */
	REG_IECTL	= 0xa0,
	REG_IRTA	= 0xb8,
	CTL_MASKED_SHIFT = 31,

	/* Of a message in remappable format (5.1.2.2) */
	ADDRESS_FORMAT	= 1 << 4,
	ADDRESS_SUBHANDLE = 1 << 3,
	IRTE_SIZE	= 16,
	IRTE_SOURCE	= 8,		/* id, qualifier, type of validation */
	IRTE_SVT	= 18,		/* shift */
	SVT_ID		= 1,
	SVT_BUS		= 2,

	HOST_WIDTH	= 48,
};

static void resend_by(struct vmm *vmm, uint32_t control)
{
	const struct iommu_unit *iu = vmm->iommu_data;
	struct irq_message message;
	uint64_t value[4];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		if (nyx_mmio_read(iu->unit, control + 4 * i, 4, &value[i]))
			return;
	}
	message.data = (uint32_t)value[1];
	message.address_lo = (uint32_t)value[2];
	message.address_hi = (uint32_t)value[3];
	if (!(value[0] >> CTL_MASKED_SHIFT & 1))
		irq_deliver(vmm, &message);
}

static void resend(struct vmm *vmm)
{
	resend_by(vmm, REG_FECTL);
	resend_by(vmm, REG_IECTL);
}

static const struct iommu_unit_model model = {
	.gpa = GPA_VTD,
	.size = NYX_MMIO_SIZE,
	.resend = resend,
	.reporting = "vtd,caching-mode",
};

static int vtd_init(struct vmm *vmm)
{
	const struct options *opts = vmm->opts;
	struct nyx_unit_create_opts create = {
		.size = sizeof(create), .model = NYX_MODEL_VTD,
		.address_width = opts->unit.width ? opts->unit.width : HOST_WIDTH,
	};
	struct nyx_unit_vtd vtd = { 0 };
	struct iommu_unit *iu = alloc_for("VT-d", sizeof(*iu));

	if (!iu)
		return -ENOMEM;
	if (options_reports_maps(opts))
		vtd.flags |= NYX_VTD_F_CACHING_MODE;
	if (opts->unit.xapic)
		vtd.flags |= NYX_VTD_F_XAPIC;
	if (opts->unit.small_pages)
		vtd.flags |= NYX_VTD_F_SMALL_PAGES;
	create.data = &vtd;
	create.data_len = sizeof(vtd);
	return iommu_unit_init(vmm, iu, &model, &create);
}

/*
 * With ioapic-any-source: the id that the entry of the message asks for, or the IOAPIC's. So
 * the unit checks the source as ever, but the id is one that passes if it is a function of the
 * machine. The entry may change before the unit looks at it: then the message is a fault.
 */
static uint16_t wanted_source(struct vmm *vmm, uint64_t address, uint32_t data)
{
	const struct iommu_unit *iu = vmm->iommu_data;
	uint32_t index = (uint32_t)(address >> 5 & 0x7fff) | (uint32_t)(address >> 2 & 1) << 15;
	const uint8_t *entry;
	uint64_t irta, source;

	if (!(address & ADDRESS_FORMAT) || nyx_mmio_read(iu->unit, REG_IRTA, 8, &irta))
		return RID_IOAPIC;
	if (address & ADDRESS_SUBHANDLE)
		index += data & 0xffff;
	if (index >= UINT32_C(2) << (irta & 0xf))
		return RID_IOAPIC;
	entry = ram_ptr(vmm, (irta & ~UINT64_C(0xfff)) + IRTE_SIZE * (uint64_t)index, IRTE_SIZE);
	if (!entry)
		return RID_IOAPIC;
	source = le_get(entry + IRTE_SOURCE, 4);
	switch (source >> IRTE_SVT & 3) {
	case SVT_ID:
		return (uint16_t)source;
	case SVT_BUS:
		return source & 0xff00;
	default:
		return RID_IOAPIC;
	}
}

static int vtd_remap(struct vmm *vmm, uint16_t rid, uint64_t address, uint32_t data,
		     struct irq_message *message)
{
	if (rid == RID_IOAPIC && vmm->opts->unit.any_source)
		rid = wanted_source(vmm, address, data);
	return iommu_unit_remap(vmm, rid, address, data, message);
}

/* One unit for all functions, and for the IOAPIC, whose id in the MADT is 0. */
static int vtd_acpi(struct vmm *vmm, void *table, size_t room, size_t *length)
{
	const struct nyx_dmar_scope ioapic = {
		.type = NYX_DMAR_IOAPIC,
		.bus = RID_IOAPIC >> 8,
		.nr_steps = 1,
		.path = { { RID_IOAPIC >> 3 & 0x1f, RID_IOAPIC & 7 } },
	};
	const struct nyx_dmar_unit unit = {
		.base = GPA_VTD,
		.flags = NYX_DMAR_UNIT_F_ALL,
		.scopes = &ioapic,
		.nr_scopes = 1,
	};
	const struct nyx_acpi_dmar_opts opts = {
		.size = sizeof(opts),
		.flags = NYX_DMAR_F_INTR_REMAP,
		.ids = acpi_ids,
		.address_width = HOST_WIDTH,
		.nr_units = 1,
		.units = &unit,
	};

	(void)vmm;
	return nyx_acpi_dmar_build(&opts, table, room, length);
}

const struct iommu_ops iommu_vtd = {
	.name = "VT-d",
	.ioapic_rid = RID_IOAPIC,
	.init = vtd_init,
	.exit = iommu_unit_exit,
	.device_add = iommu_unit_device_add,
	.device_remove = iommu_unit_device_remove,
	.access = iommu_unit_access,
	.hold = iommu_unit_hold,
	.release = iommu_unit_release,
	.device_reset = iommu_unit_device_reset,
	.remap = vtd_remap,
	.probe = iommu_unit_probe,
	.bind = iommu_unit_bind,
	.unbind = iommu_unit_unbind,
	.bind_end = iommu_unit_bind_end,
	.mirror_open = iommu_unit_mirror_open,
	.mirror_close = iommu_unit_mirror_close,
	.mirror = iommu_unit_mirror,
	.unmirror = iommu_unit_unmirror,
	.iotlb_open = iommu_unit_iotlb_open,
	.iotlb_close = iommu_unit_iotlb_close,
	.iotlb_reset = iommu_unit_iotlb_reset,
	.is_cut_off = iommu_unit_is_cut_off,
	.host_fault = iommu_unit_host_fault,
	.acpi = vtd_acpi,
};
