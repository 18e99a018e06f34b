// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: AMD-Vi, by the Nyx module.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The guest finds the unit twice: in the IVRS table, and as a PCI function with a
 * capability block, whose MSI is the unit's own interrupt until the guest programs one
 * in its registers. IVRS gets the unit's features from the registers, too.
 *
 * Linux remaps interrupts only where IOAPIC 0 has the id of 00:14.0, as in AMD's
 * chipsets. There is no entry for a HPET: that of the machine sends no messages.
 *
 * AMD I/O Virtualization Technology (IOMMU) Specification, 48882, revision 3.07: 3.2
 * for the capability block, 3.4 for the registers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iommu_unit.h"
#include "pci.h"
#include "vmm.h"

#define RID_IOAPIC	0x00a0
#define CONTROL_EVT_INT	(UINT64_C(1) << 3)
#define CONTROL_WAIT_INT (UINT64_C(1) << 4)
#define CONTROL_GA_INT	(UINT64_C(1) << 29)
#define CONTROL_XT_INT	(UINT64_C(1) << 51)
#define STATUS_EVT	0x003	/* the event log: overflow, interrupt */
#define STATUS_WAIT	0x004
#define STATUS_GA	0x600	/* the GA log: overflow, interrupt */
#define XT_LOGICAL	(UINT64_C(1) << 2)
#define XT_LOWEST	(UINT64_C(1) << 40)

enum {
	REG_CONTROL	= 0x18,
	REG_EFR		= 0x30,
	REG_XT_GENERAL	= 0x170,
	REG_XT_GA	= 0x180,
	REG_EFR2	= 0x1a0,
	REG_STATUS	= 0x2020,
	EFR_HATS	= 10,		/* shift */

	/* as in other VMMs; a chipset's id would enable its quirks in a guest */
	VENDOR		= 0x1022,
	DEVICE		= 0x1419,
	CLASS		= 0x08060000,	/* system peripheral, IOMMU */

	CAP_ID		= 0x0f,
	CAP_HEADER	= 2,
	CAP_BASE	= 4,
	CAP_MISC	= 16,
	CAP_SIZE	= 20,
	HEADER_IOMMU	= 3 << 0 | 1 << 3,	/* type, revision */
	HEADER_NP_CACHE	= 1 << 10,
	HEADER_EFR	= 1 << 11,
	BASE_ENABLE	= 1 << 0,

	/* Sizes of addresses */
	SIZE_GUEST	= 2 << 5,	/* guest-virtual: 48 bits */
	SIZE_PHYSICAL	= 8,		/* shifts */
	SIZE_VIRTUAL	= 15,
	PHYSICAL_BITS	= 48,
};

struct amdvi {
	struct iommu_unit unit;		/* first */
	struct pci_dev function;
	uint16_t capability;
	uint64_t efr, efr2;
};

/* The interrupt of the unit itself is not remapped. */
static void function_msi(struct vmm *vmm)
{
	struct amdvi *amdvi = vmm->iommu_data;
	struct irq_message message = { 0 };
	uint64_t address;

	if (!pci_msi_get(&amdvi->function, &address, &message.data))
		return;
	message.address_lo = (uint32_t)address;
	message.address_hi = (uint32_t)(address >> 32);
	irq_deliver(vmm, &message);
}

/* Send the interrupt that register @reg describes (3.4.9) */
static void xt_interrupt(struct vmm *vmm, uint32_t reg)
{
	const struct iommu_unit *iu = vmm->iommu_data;
	struct irq_message message;
	uint64_t xt;

	if (nyx_mmio_read(iu->unit, reg, 8, &xt))
		return;
	message.address_lo = 0xfee00000 | (uint32_t)(xt >> 8 & 0xff) << 12 |
			     (xt & XT_LOGICAL ? 0x4 : 0);
	message.address_hi = (uint32_t)(xt >> 16 & 0xff) << 8 | (uint32_t)(xt >> 24 & 0xff) << 16 |
			     (uint32_t)(xt >> 56) << 24;
	message.data = (uint32_t)(xt >> 32 & 0xff) | (xt & XT_LOWEST ? 0x100 : 0);
	if (message.data & 0xff)
		irq_deliver(vmm, &message);
}

/*
 * Send the interrupts that the guest has not acknowledged: by the function, or one for each
 * log
 */
static void resend(struct vmm *vmm)
{
	const struct iommu_unit *iu = vmm->iommu_data;
	uint64_t control, status;
	bool general, ga;

	if (nyx_mmio_read(iu->unit, REG_CONTROL, 8, &control) ||
	    nyx_mmio_read(iu->unit, REG_STATUS, 8, &status))
		return;
	general = (control & CONTROL_EVT_INT && status & STATUS_EVT) ||
		  (control & CONTROL_WAIT_INT && status & STATUS_WAIT);
	ga = control & CONTROL_GA_INT && status & STATUS_GA;
	if (!(control & CONTROL_XT_INT)) {
		if (general || ga)
			function_msi(vmm);
		return;
	}
	if (general)
		xt_interrupt(vmm, REG_XT_GENERAL);
	if (ga)
		xt_interrupt(vmm, REG_XT_GA);
}

/*
 * The range of HyperTransport. Drivers of AMD-Vi keep out of it, unless EFR2 says that they need
 * not; hosts with AMD-Vi cannot map it.
 */
static const struct nyx_mirror_range reserved[] = {
	{ .first = 0xfd00000000, .last = 0xffffffffff },
};

static const struct iommu_unit_model model = {
	.gpa = GPA_AMDVI,
	.size = NYX_MMIO_SIZE_AMDVI,
	.function_msi = function_msi,
	.resend = resend,
	.reporting = "amdvi,np-cache",
	.reserved = reserved,
	.nr_reserved = sizeof(reserved) / sizeof(reserved[0]),
};

static int amdvi_init(struct vmm *vmm)
{
	const struct options *opts = vmm->opts;
	struct nyx_unit_create_opts create = {
		.size = sizeof(create), .model = NYX_MODEL_AMDVI,
		.address_width = opts->unit.width,
	};
	struct amdvi *amdvi = alloc_for("AMD-Vi", sizeof(*amdvi));
	struct nyx_unit_amdvi data = { 0 };
	int rc;

	if (!amdvi)
		return -ENOMEM;
	/* A host's IOMMU seldom has more. */
	if (options_reports_maps(opts) && !create.address_width &&
	    (opts->has_vfio || opts->hotplug_slots))
		create.address_width = 48;
	if (opts->unit.xapic || opts->unit.small_irtes)
		data.flags |= NYX_AMDVI_F_XAPIC;
	if (opts->unit.small_irtes)
		data.flags |= NYX_AMDVI_F_SMALL_IRTES;
	if (opts->unit.guest_apic)
		data.flags |= NYX_AMDVI_F_GUEST_APIC;
	create.data = &data;
	create.data_len = sizeof(data);
	rc = iommu_unit_init(vmm, &amdvi->unit, &model, &create);
	if (rc)
		return rc;
	rc = nyx_mmio_read(amdvi->unit.unit, REG_EFR, 8, &amdvi->efr);
	if (!rc)
		rc = nyx_mmio_read(amdvi->unit.unit, REG_EFR2, 8, &amdvi->efr2);
	if (rc)
		say("cannot read the features of the AMD-Vi unit: %s", strerror(-rc));
	return rc;
}

/* The size of an IOVA in IVRS (32, 40, 48 or 64 bits) for the unit's 4, 5 or 6 levels */
static uint32_t virtual_bits(const struct amdvi *amdvi)
{
	return amdvi->efr >> EFR_HATS & 3 ? 64 : 48;
}

static uint32_t sizes(const struct amdvi *amdvi)
{
	return SIZE_GUEST | PHYSICAL_BITS << SIZE_PHYSICAL | virtual_bits(amdvi) << SIZE_VIRTUAL;
}

static int amdvi_functions(struct vmm *vmm)
{
	struct amdvi *amdvi = vmm->iommu_data;
	struct pci_dev *dev = &amdvi->function;
	uint32_t header = HEADER_IOMMU | HEADER_EFR;
	uint16_t at;
	int rc;

	if (options_reports_maps(vmm->opts))
		header |= HEADER_NP_CACHE;
	pci_config_init(dev, vmm, "AMD-Vi", VENDOR, DEVICE, CLASS);
	at = pci_cap_add(dev, CAP_ID, CAP_SIZE);
	rc = at ? pci_msi_add(dev) : -ENOSPC;
	if (rc) {
		say("the PCI function of the AMD-Vi unit: %s", strerror(-rc));
		return rc;
	}
	pci_config_set(dev, at + CAP_HEADER, header, 2);
	pci_config_set(dev, at + CAP_BASE, (uint32_t)GPA_AMDVI | BASE_ENABLE, 4);
	pci_config_set(dev, at + CAP_MISC, sizes(amdvi), 4);
	amdvi->capability = at;
	return pci_register(dev);
}

/*
 * All functions of the segment are behind the unit, and the IOAPIC, whose id in the MADT is
 * 0. Every driver reads a range: Xen 4.17 stops at an entry of type 1, "all", and FreeBSD
 * finds no device by one. Two blocks describe the unit: an old guest reads the first, a
 * newer one the second, which alone tells of x2APIC.
 */
static int amdvi_acpi(struct vmm *vmm, void *table, size_t room, size_t *length)
{
	static const struct nyx_ivrs_entry entries[] = {
		{ .type = NYX_IVRS_RANGE, .first = 0, .last = 0xffff },
		{ .type = NYX_IVRS_IOAPIC, .first = RID_IOAPIC, .id = 0 },
	};
	const struct amdvi *amdvi = vmm->iommu_data;
	const struct nyx_ivrs_unit unit = {
		.base = GPA_AMDVI,
		.efr = amdvi->efr,
		.efr2 = amdvi->efr2,
		.blocks = NYX_IVRS_BLOCK_10 | NYX_IVRS_BLOCK_11,
		.function = amdvi->function.rid,
		.capability = amdvi->capability,
		.nr_entries = ARRAY_SIZE(entries),
		.entries = entries,
	};
	const struct nyx_acpi_ivrs_opts opts = {
		.size = sizeof(opts),
		.ids = acpi_ids,
		.virtual_bits = virtual_bits(amdvi),
		.physical_bits = PHYSICAL_BITS,
		.guest_bits = 48,
		.nr_units = 1,
		.units = &unit,
	};

	return nyx_acpi_ivrs_build(&opts, table, room, length);
}

const struct iommu_ops iommu_amdvi = {
	.name = "AMD-Vi",
	.ioapic_rid = RID_IOAPIC,
	.init = amdvi_init,
	.exit = iommu_unit_exit,
	.functions = amdvi_functions,
	.device_add = iommu_unit_device_add,
	.device_remove = iommu_unit_device_remove,
	.access = iommu_unit_access,
	.hold = iommu_unit_hold,
	.release = iommu_unit_release,
	.device_reset = iommu_unit_device_reset,
	.remap = iommu_unit_remap,
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
	.acpi = amdvi_acpi,
};
