// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands about guest memory.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/build_bug.h>
#include <linux/err.h>

#include "base/types.h"
#include "chr/ioctl.h"
#include "core/memory.h"
#include "mem/region.h"

static_assert(REGION_READONLY == NYX_MEMORY_F_READONLY);
static_assert(REGION_PINNED == NYX_MEMORY_F_PINNED);
static_assert(REGION_FILE == NYX_MEMORY_F_FILE);
static_assert(REGION_SHARED == NYX_MEMORY_F_SHARED);

static int check_gpa_range(u64 gpa, u64 length, u64 *last)
{
	if (!length || ((gpa | length) & NYX_PAGE_MASK))
		return -EINVAL;
	if (!nyx_range_last(gpa, length, last))
		return -EOVERFLOW;
	return *last > NYX_GPA_LAST ? -ERANGE : 0;
}

int nyx_ioctl_memory_add(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_memory_add *cmd = _cmd;
	u32 flags = cmd->flags & ~NYX_MEMORY_F_FILE;
	struct region *region;
	u64 last, end;
	int ret;

	ret = check_gpa_range(cmd->gpa, cmd->length, &last);
	if (ret)
		return ret;

	if (cmd->flags & NYX_MEMORY_F_FILE) {
		if (cmd->user_addr || (cmd->file_offset & NYX_PAGE_MASK))
			return -EINVAL;
		if (!nyx_range_last(cmd->file_offset, cmd->length, &end))
			return -EOVERFLOW;
		region = region_create_file(cmd->fd, cmd->file_offset,
					    cmd->length, flags);
	} else {
		if (cmd->file_offset || cmd->fd ||
		    (cmd->user_addr & NYX_PAGE_MASK))
			return -EINVAL;
		if (!nyx_range_last(cmd->user_addr, cmd->length, &end))
			return -EOVERFLOW;
		region = region_create_user(cmd->user_addr, cmd->length, flags);
	}
	if (IS_ERR(region))
		return PTR_ERR(region);

	ret = nyx_memory_add(uc->unit, cmd->gpa, last, region);
	if (ret)
		region_put(region);
	return ret;
}

int nyx_ioctl_memory_remove(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_memory_remove *cmd = _cmd;
	u64 last;
	int ret;

	ret = check_gpa_range(cmd->gpa, cmd->length, &last);
	return ret ?: nyx_memory_remove(uc->unit, cmd->gpa, last);
}
