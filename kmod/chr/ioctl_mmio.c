// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands about the registers of a unit's model.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/uaccess.h>

#include "chr/ioctl.h"
#include "core/changes/changes.h"
#include "core/unit.h"

static int check_mmio(struct nyx_ucmd *uc, const struct nyx_viommu *viommu,
		      const struct nyx_mmio *cmd)
{
	if (cmd->width != 4 && cmd->width != 8)
		return NYX_BAD(uc, cmd, width, OUT_OF_RANGE);
	if (cmd->offset % cmd->width)
		return NYX_BAD(uc, cmd, offset, MISALIGNED);
	if (cmd->offset >= viommu->ops->mmio_size)
		return NYX_BAD(uc, cmd, offset, OUT_OF_RANGE);
	if ((cmd->flags & NYX_MMIO_F_WRITE) && cmd->width == 4 && cmd->value >> 32)
		return NYX_BAD(uc, cmd, value, OUT_OF_RANGE);
	if (cmd->nr_changes > NYX_ARRAY_MAX)
		return NYX_BAD(uc, cmd, nr_changes, OUT_OF_RANGE);
	if (cmd->nr_changes && !cmd->changes_id)
		return NYX_BAD(uc, cmd, nr_changes, UNUSED);
	return 0;
}

/* Report the changes that a write waits for. */
static int report(struct nyx_ucmd *uc, struct nyx_mmio *cmd, struct nyx_changes *changes)
{
	struct nyx_changes_read read = {
		.to = u64_to_user_ptr(cmd->changes),
		.room = cmd->nr_changes,
	};
	int ret;

	ret = nyx_changes_next(changes, 0, &read);
	cmd->out_nr_changes = read.nr;
	cmd->out_seq = read.seq;
	/* NYX_CHANGES_NEXT reports what could not be reported here. */
	return ret == -EINTR ? ret : 0;
}

static int mmio_write(struct nyx_ucmd *uc, struct nyx_viommu *viommu, struct nyx_mmio *cmd)
{
	struct nyx_changes *changes = NULL;
	int ret;

	if (cmd->changes_id) {
		changes = nyx_changes_get(uc->unit, cmd->changes_id);
		if (!changes)
			return NYX_BAD(uc, cmd, changes_id, NO_SUCH_STREAM);
		if (!changes->is_inline) {
			nyx_changes_put(changes);
			return NYX_BAD(uc, cmd, changes_id, CONFLICT);
		}
		nyx_changes_begin(changes);
	}
	ret = viommu->ops->mmio_write(viommu, cmd->offset, cmd->width, cmd->value);
	if (ret == NYX_VIOMMU_PENDING) {
		cmd->out_pending = 1;
		ret = cmd->nr_changes ? report(uc, cmd, changes) : 0;
	}
	if (changes) {
		nyx_changes_end(changes);
		nyx_changes_put(changes);
	}
	return ret;
}

static int mmio_one(struct nyx_ucmd *uc, struct nyx_viommu *viommu,
		    struct nyx_mmio *cmd)
{
	int ret = check_mmio(uc, viommu, cmd);

	if (ret)
		return ret;
	cmd->out_seq = 0;
	cmd->out_nr_changes = 0;
	cmd->out_pending = 0;
	return cmd->flags & NYX_MMIO_F_WRITE ? mmio_write(uc, viommu, cmd) :
		viommu->ops->mmio_read(viommu, cmd->offset, cmd->width, &cmd->value);
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
		if (unlikely(cmd->out_pending)) {
			/* The next item may depend on what is not complete. */
			++*done;
			return 0;
		}
	}
	return 0;
}

int nyx_ioctl_unit_reset(struct nyx_ucmd *uc, void *cmd)
{
	struct nyx_viommu *viommu = uc->unit->guest.viommu;

	return viommu->ops->reset ? viommu->ops->reset(viommu) : NYX_ERR(NO_VENDOR_MODEL);
}
