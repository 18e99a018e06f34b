// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands about devices.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "chr/ioctl.h"
#include "core/access/device.h"
#include "core/attach.h"

int nyx_ioctl_device_add(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_device_add *cmd = _cmd;

	return nyx_device_add(uc->unit, cmd->sbdf);
}

int nyx_ioctl_device_remove(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_device_remove *cmd = _cmd;

	return nyx_device_remove(uc->unit, cmd->sbdf);
}

int nyx_ioctl_device_attach(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_device_attach *cmd = _cmd;

	if (cmd->pasid != NYX_PASID_NONE)
		return NYX_BAD(uc, cmd, pasid, PASID);
	return nyx_device_attach(uc->unit, cmd->sbdf, cmd->domain_id,
				 cmd->flags & NYX_ATTACH_F_REPLACE);
}

int nyx_ioctl_device_detach(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_device_detach *cmd = _cmd;

	if (cmd->pasid != NYX_PASID_NONE)
		return NYX_BAD(uc, cmd, pasid, PASID);
	return nyx_device_detach(uc->unit, cmd->sbdf);
}
