// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: a machine without IOMMU.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A device of the host reaches all of the guest's memory, at the guest's own addresses.
 */
#include "iommu.h"

#include "vfio.h"
#include "vmm.h"

static int none_mirror_open(struct vmm *vmm, struct vfio_container *container)
{
	int rc;

	rc = vfio_container_map(container, 0, vmm->ram_low, vmm->ram);
	if (rc || !vmm->ram_high)
		return rc;
	rc = vfio_container_map(container, GPA_RAM_HIGH, vmm->ram_high, vmm->ram + vmm->ram_low);
	if (rc)
		vfio_container_unmap(container, 0, vmm->ram_low);
	return rc;
}

static void none_mirror_close(struct vmm *vmm, struct vfio_container *container)
{
	vfio_container_unmap(container, 0, vmm->ram_low);
	if (vmm->ram_high)
		vfio_container_unmap(container, GPA_RAM_HIGH, vmm->ram_high);
}

const struct iommu_ops iommu_none = {
	.name = "none",
	.ioapic_rid = 0xff00,		/* not used */
	.mirror_open = none_mirror_open,
	.mirror_close = none_mirror_close,
};
