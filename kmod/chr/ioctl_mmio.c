// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands about the registers of a unit's model.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "chr/ioctl.h"
#include "core/unit.h"

static int mmio_one(struct nyx_ucmd *uc, struct nyx_viommu *viommu,
		    struct nyx_mmio *cmd)
{
	if (cmd->width != 4 && cmd->width != 8)
		return NYX_BAD(uc, cmd, width, OUT_OF_RANGE);
	if (cmd->offset % cmd->width)
		return NYX_BAD(uc, cmd, offset, MISALIGNED);
	if (cmd->offset >= viommu->ops->mmio_size)
		return NYX_BAD(uc, cmd, offset, OUT_OF_RANGE);
	if (cmd->flags & NYX_MMIO_F_WRITE) {
		if (cmd->width == 4 && cmd->value >> 32)
			return NYX_BAD(uc, cmd, value, OUT_OF_RANGE);
		return viommu->ops->mmio_write(viommu, cmd->offset, cmd->width,
					       cmd->value);
	}
	return viommu->ops->mmio_read(viommu, cmd->offset, cmd->width,
				      &cmd->value);
}

int nyx_ioctl_mmio(struct nyx_ucmd *uc, void *items, u32 n, u32 *done)
{
	struct nyx_viommu *viommu = uc->unit->guest.viommu;
	struct nyx_mmio *cmd = items;
	int ret;

	*done = 0;
	if (!viommu->ops->mmio_size)
		return NYX_ERR(NO_VENDOR_MODEL);
	for (; *done < n; (*done)++, cmd++) {
		ret = mmio_one(uc, viommu, cmd);
		if (ret)
			return ret;
		/* nr_changes includes the changes of this access by now. */
		cmd->out_irte_changes = READ_ONCE(uc->unit->irq.nr_changes);
	}
	return 0;
}

int nyx_ioctl_unit_reset(struct nyx_ucmd *uc, void *cmd)
{
	struct nyx_viommu *viommu = uc->unit->guest.viommu;

	return viommu->ops->reset ? viommu->ops->reset(viommu) : NYX_ERR(NO_VENDOR_MODEL);
}
