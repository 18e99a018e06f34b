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
#include "core/space/memory.h"
#include "mem/region.h"

static_assert(REGION_READONLY == NYX_MEMORY_F_READONLY);
static_assert(REGION_PINNED == NYX_MEMORY_F_PINNED);
static_assert(REGION_FILE == NYX_MEMORY_F_FILE);
static_assert(REGION_SHARED == NYX_MEMORY_F_SHARED);

/*
 * Check the range of NYX_MEMORY_ADD or NYX_MEMORY_REMOVE, whose fields have
 * different offsets.
 */
#define check_gpa_range(_uc, _cmd, _last)				\
	check_range(_uc, (_cmd)->gpa, (_cmd)->length,			\
		    offsetof(typeof(*(_cmd)), gpa),			\
		    offsetof(typeof(*(_cmd)), length), _last)

static int check_range(struct nyx_ucmd *uc, u64 gpa, u64 length, u32 gpa_at,
		       u32 length_at, u64 *last)
{
	if (!length)
		return nyx_bad_field(uc, length_at, NYX_ERR(EMPTY));
	if (gpa & NYX_PAGE_MASK)
		return nyx_bad_field(uc, gpa_at, NYX_ERR(MISALIGNED));
	if (length & NYX_PAGE_MASK)
		return nyx_bad_field(uc, length_at, NYX_ERR(MISALIGNED));
	if (!nyx_range_last(gpa, length, last))
		return nyx_bad_field(uc, length_at, NYX_ERR(OVERFLOW));
	return *last > NYX_GPA_LAST ? NYX_ERR(GPA_WIDTH) : 0;
}

static struct region *create_file(struct nyx_ucmd *uc,
				  const struct nyx_memory_add *cmd, u32 flags)
{
	u64 last;
	int ret;

	if (cmd->user_addr)
		ret = NYX_BAD(uc, cmd, user_addr, UNUSED);
	else if (cmd->file_offset & NYX_PAGE_MASK)
		ret = NYX_BAD(uc, cmd, file_offset, MISALIGNED);
	else if (!nyx_range_last(cmd->file_offset, cmd->length, &last))
		ret = NYX_BAD(uc, cmd, file_offset, OVERFLOW);
	else
		return region_create_file(cmd->fd, cmd->file_offset, cmd->length,
					  flags);
	return ERR_PTR(ret);
}

static struct region *create_user(struct nyx_ucmd *uc,
				  const struct nyx_memory_add *cmd, u32 flags)
{
	u64 last;
	int ret;

	if (cmd->file_offset)
		ret = NYX_BAD(uc, cmd, file_offset, UNUSED);
	else if (cmd->fd)
		ret = NYX_BAD(uc, cmd, fd, UNUSED);
	else if (cmd->user_addr & NYX_PAGE_MASK)
		ret = NYX_BAD(uc, cmd, user_addr, MISALIGNED);
	else if (!nyx_range_last(cmd->user_addr, cmd->length, &last))
		ret = NYX_BAD(uc, cmd, user_addr, OVERFLOW);
	else
		return region_create_user(cmd->user_addr, cmd->length, flags);
	return ERR_PTR(ret);
}

int nyx_ioctl_memory_add(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_memory_add *cmd = _cmd;
	u32 flags = cmd->flags & ~NYX_MEMORY_F_FILE;
	struct region *region;
	u64 last;
	int ret;

	ret = check_gpa_range(uc, cmd, &last);
	if (ret)
		return ret;
	region = cmd->flags & NYX_MEMORY_F_FILE ? create_file(uc, cmd, flags) :
						  create_user(uc, cmd, flags);
	if (region == ERR_PTR(-EFAULT) && !(cmd->flags & NYX_MEMORY_F_FILE))
		return NYX_BAD(uc, cmd, user_addr, POINTER);
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

	ret = check_gpa_range(uc, cmd, &last);
	return ret ?: nyx_memory_remove(uc->unit, cmd->gpa, last);
}
