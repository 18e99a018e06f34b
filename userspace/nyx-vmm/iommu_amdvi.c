// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: AMD-Vi, by the Nyx module.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The guest finds the unit twice: in the IVRS table, and as a PCI function with a
 * capability block, whose MSI is the unit's own interrupt until the guest programs one
 * in its registers. What the table says of the unit's features is read from there.
 *
 * Linux remaps interrupts only where IOAPIC 0 has the id of 00:14.0, as in AMD's
 * chipsets. There is no entry for a HPET: the machine has none.
 *
 * AMD I/O Virtualization Technology (IOMMU) Specification, 48882, revision 3.07: 3.2
 * for the capability block, 3.4 for the registers, 5.2 for IVRS.
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

/* The Extended Feature Register: what a block of type 10h repeats */
#define EFR_PREFETCH	(UINT64_C(1) << 0)
#define EFR_PPR		(UINT64_C(1) << 1)
#define EFR_XT		(UINT64_C(1) << 2)
#define EFR_NX		(UINT64_C(1) << 3)
#define EFR_GT		(UINT64_C(1) << 4)
#define EFR_IA		(UINT64_C(1) << 6)
#define EFR_GA		(UINT64_C(1) << 7)
#define EFR_HE		(UINT64_C(1) << 8)

enum {
	REG_CONTROL	= 0x18,
	REG_EFR		= 0x30,
	REG_XT_GENERAL	= 0x170,
	REG_XT_GA	= 0x180,
	REG_EFR2	= 0x1a0,
	REG_STATUS	= 0x2020,
	EFR_HATS	= 10,		/* shifts */
	EFR_GATS	= 12,
	EFR_GLX		= 14,
	EFR_PASMAX	= 32,

	/* as other VMMs have it; no chipset's, whose quirks a guest would look for */
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

	/* Sizes of addresses, alike in the capability and in the table */
	SIZE_GUEST	= 2 << 5,	/* guest-virtual: 48 bits */
	SIZE_PHYSICAL	= 48 << 8,
	SIZE_VIRTUAL	= 15,		/* shift */

	IVRS_INFO	= 36,
	IVRS_SIZE	= 48,
	INFO_EFR	= 1 << 0,
	IVHD_10		= 24,
	IVHD_11		= 40,
	IVHD_PREFETCH	= 1 << 6,
	IVHD_PPR	= 1 << 7,

	ENTRIES_SIZE	= 16,
	ENTRY_RANGE	= 3,		/* from here */
	ENTRY_RANGE_END	= 4,		/* to here */
	ENTRY_SPECIAL	= 0x48,
	SPECIAL_IOAPIC	= 1,
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

/* As a register for it says (3.4.9) */
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

/* Whichever the guest has not answered: by the function, or one for each log */
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

static const struct iommu_unit_model model = {
	.gpa = GPA_AMDVI,
	.size = NYX_MMIO_SIZE_AMDVI,
	.function_msi = function_msi,
	.resend = resend,
};

static int amdvi_init(struct vmm *vmm)
{
	const struct options *opts = vmm->opts;
	struct nyx_unit_create_opts create = {
		.size = sizeof(create), .model = NYX_MODEL_AMDVI,
		.address_width = opts->unit.width,
	};
	struct amdvi *amdvi = alloc_for("AMD-Vi", sizeof(*amdvi));
	int rc;

	if (!amdvi)
		return -ENOMEM;
	if (opts->unit.xapic || opts->unit.small_irtes)
		create.amdvi_flags |= NYX_AMDVI_F_XAPIC;
	if (opts->unit.small_irtes)
		create.amdvi_flags |= NYX_AMDVI_F_SMALL_IRTES;
	if (opts->unit.guest_apic)
		create.amdvi_flags |= NYX_AMDVI_F_GUEST_APIC;
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

/* The widest of 32, 40, 48 and 64 bits that there are for it: 4, 5 or 6 levels */
static uint32_t sizes(const struct amdvi *amdvi)
{
	uint32_t bits = amdvi->efr >> EFR_HATS & 3 ? 64 : 48;

	return SIZE_GUEST | SIZE_PHYSICAL | bits << SIZE_VIRTUAL;
}

static int amdvi_functions(struct vmm *vmm)
{
	struct amdvi *amdvi = vmm->iommu_data;
	struct pci_dev *dev = &amdvi->function;
	uint32_t header = HEADER_IOMMU | HEADER_EFR;
	uint16_t at;
	int rc;

	if (vmm->opts->unit.np_cache)
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

/* ---- IVRS -------------------------------------------------------------------------- */

/* Bits @nr from @from on of the register, at @to of the field */
static uint32_t field(uint64_t efr, unsigned int from, unsigned int nr, unsigned int to)
{
	return (uint32_t)(efr >> from & ((1u << nr) - 1)) << to;
}

/* The features as a block of type 10h has them */
static uint32_t features(uint64_t efr)
{
	return (efr & EFR_XT ? 1u << 0 : 0) | (efr & EFR_NX ? 1u << 1 : 0) |
		(efr & EFR_GT ? 1u << 2 : 0) | field(efr, EFR_GLX, 2, 3) |
		(efr & EFR_IA ? 1u << 5 : 0) | (efr & EFR_GA ? 1u << 6 : 0) |
		(efr & EFR_HE ? 1u << 7 : 0) | field(efr, EFR_PASMAX, 5, 8) |
		field(efr, EFR_GATS, 2, 28) | field(efr, EFR_HATS, 2, 30);
}

/*
 * All of the segment are behind the unit, and the IOAPIC, whose id in the MADT is 0. The
 * range is what every driver reads: Xen 4.17 stops at an entry of type 1, "all", and
 * FreeBSD finds no device by one.
 */
static void entries(uint8_t *p)
{
	p[0] = ENTRY_RANGE;		/* of id 0 */
	p[4] = ENTRY_RANGE_END;
	le_put(p + 5, 0xffff, 2);
	p += 8;
	p[0] = ENTRY_SPECIAL;
	p[4] = 0;			/* its id */
	le_put(p + 5, RID_IOAPIC, 2);
	p[7] = SPECIAL_IOAPIC;
}

static uint8_t *block(const struct amdvi *amdvi, uint8_t *p, uint8_t type, uint16_t header)
{
	p[0] = type;
	le_put(p + 2, header + ENTRIES_SIZE, 2);
	le_put(p + 4, amdvi->function.rid, 2);
	le_put(p + 6, amdvi->capability, 2);
	le_put(p + 8, GPA_AMDVI, 8);
	entries(p + header);
	return p + header + ENTRIES_SIZE;
}

/*
 * Two blocks about the one unit: an old guest reads the first, a newer one the second,
 * which alone tells of x2APIC.
 */
static size_t amdvi_acpi(struct vmm *vmm, uint8_t *table, size_t room)
{
	const struct amdvi *amdvi = vmm->iommu_data;
	uint8_t *p = table + IVRS_SIZE, *next;

	if (room < IVRS_SIZE + IVHD_10 + IVHD_11 + 2 * ENTRIES_SIZE)
		return 0;
	memcpy(table, "IVRS", 4);
	table[8] = 2;
	le_put(table + IVRS_INFO, INFO_EFR | sizes(amdvi), 4);

	next = block(amdvi, p, 0x10, IVHD_10);
	if (amdvi->efr & EFR_PREFETCH)
		p[1] |= IVHD_PREFETCH;
	if (amdvi->efr & EFR_PPR)
		p[1] |= IVHD_PPR;
	le_put(p + 20, features(amdvi->efr), 4);

	p = next;
	next = block(amdvi, p, 0x11, IVHD_11);
	le_put(p + 24, amdvi->efr, 8);
	le_put(p + 32, amdvi->efr2, 8);
	return (size_t)(next - table);
}

const struct iommu_ops iommu_amdvi = {
	.name = "AMD-Vi",
	.ioapic_rid = RID_IOAPIC,
	.init = amdvi_init,
	.exit = iommu_unit_exit,
	.functions = amdvi_functions,
	.device_add = iommu_unit_device_add,
	.access = iommu_unit_access,
	.remap = iommu_unit_remap,
	.acpi = amdvi_acpi,
};
