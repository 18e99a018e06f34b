// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands of dirty tracking.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/log2.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include "base/types.h"
#include "chr/ioctl.h"
#include "core/space/dirty.h"

int nyx_ioctl_dirty_start(struct nyx_ucmd *uc, void *cmd)
{
	return nyx_dirty_start(uc->unit);
}

int nyx_ioctl_dirty_stop(struct nyx_ucmd *uc, void *cmd)
{
	return nyx_dirty_stop(uc->unit);
}

static int check_read(struct nyx_ucmd *uc, const struct nyx_dirty_read *cmd)
{
	u64 last;

	/* The owner would not see the pages that are cleared. */
	if (nyx_file_inspects(uc->file) && !(cmd->flags & NYX_DIRTY_READ_F_NO_CLEAR))
		return NYX_BAD(uc, cmd, flags, INSPECT_ONLY);
	if (!is_power_of_2(cmd->page_size) || cmd->page_size < NYX_PAGE_SIZE ||
	    cmd->page_size > SZ_1G)
		return NYX_BAD(uc, cmd, page_size, OUT_OF_RANGE);
	if (!cmd->length)
		return NYX_BAD(uc, cmd, length, EMPTY);
	if (cmd->gpa & (cmd->page_size - 1))
		return NYX_BAD(uc, cmd, gpa, MISALIGNED);
	if (cmd->length & (cmd->page_size - 1))
		return NYX_BAD(uc, cmd, length, MISALIGNED);
	if (!nyx_range_last(cmd->gpa, cmd->length, &last))
		return NYX_BAD(uc, cmd, length, OVERFLOW);
	return last > NYX_GPA_LAST ? NYX_ERR(GPA_WIDTH) : 0;
}

int nyx_ioctl_dirty_read(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_dirty_read *cmd = _cmd;
	struct nyx_dirty_req req;
	int ret;

	ret = check_read(uc, cmd);
	if (ret)
		return ret;
	req = (struct nyx_dirty_req) {
		.gpa = cmd->gpa,
		.length = cmd->length,
		.page_lg2 = ilog2(cmd->page_size),
		.clear = !(cmd->flags & NYX_DIRTY_READ_F_NO_CLEAR),
		.bitmap = u64_to_user_ptr(cmd->bitmap),
	};
	ret = nyx_dirty_read(uc->unit, &req);
	if (ret == -EFAULT)
		return NYX_BAD(uc, cmd, bitmap, POINTER);
	cmd->out_nr_dirty = req.nr_dirty;
	return ret;
}
