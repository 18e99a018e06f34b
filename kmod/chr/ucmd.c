// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: what the handlers of commands have in common.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The dispatcher (ioctl.c) calls the handlers, and these call what is here.
 */
#include "chr/ioctl.h"

#include <linux/ctype.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/lockdep.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "base/types.h"
#include "core/unit.h"

int nyx_check_name(const u8 *name, const char *extra)
{
	const u8 *c;

	if (!memchr(name, 0, NYX_NAME_LEN))
		return NYX_ERR(NAME);
	for (c = name; *c; c++) {
		if (!isascii(*c) || (!isalnum(*c) && !strchr(extra, *c)))
			return NYX_ERR(NAME);
	}
	return 0;
}

int nyx_access_err(int err)
{
	if (err == -ENOENT)
		return NYX_ERR(NO_SUCH_DEVICE);
	return err == -EAGAIN ? NYX_ERR(RATE_LIMIT) : err;
}

int nyx_ucmd_respond(struct nyx_ucmd *uc, const void *cmd, u32 ksize)
{
	return copy_to_user(uc->arg, cmd, min(uc->size, ksize)) ? -EFAULT : 0;
}

int nyx_ucmd_give_file(struct nyx_ucmd *uc, const void *cmd, u32 ksize, __s32 *out_fd,
		       struct file *filp)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	int ret;

	if (fd < 0) {
		fput(filp);
		return fd;
	}
	*out_fd = fd;
	ret = nyx_ucmd_respond(uc, cmd, ksize);
	if (ret) {
		put_unused_fd(fd);
		fput(filp);
		return ret;
	}
	fd_install(fd, filp);
	return 0;
}

bool nyx_file_inspects(const struct nyx_file *file)
{
	return file->refused & OP_INSPECT;
}

void nyx_file_bind(struct nyx_file *file, struct nyx_unit *unit, bool inspect)
{
	lockdep_assert_held(&file->lock);
	file->refused = (nyx_viommu_has_guest(unit->guest.viommu) ? OP_NATIVE : 0) |
			(inspect ? OP_INSPECT : 0);
	/* Pairs with get_unit(). */
	smp_store_release(&file->unit, unit);
}

int nyx_check_translate(struct nyx_ucmd *uc, const struct nyx_translate *cmd)
{
	u64 last;

	if (cmd->pasid != NYX_PASID_NONE)
		return NYX_BAD(uc, cmd, pasid, PASID);
	if (cmd->access & ~NYX_ACC_RW)
		return NYX_BAD(uc, cmd, access, UNKNOWN_VALUE);
	if (!cmd->access)
		return NYX_BAD(uc, cmd, access, OUT_OF_RANGE);
	if (!cmd->length)
		return NYX_BAD(uc, cmd, length, EMPTY);
	if (cmd->nr_extents > NYX_ARRAY_MAX)
		return NYX_BAD(uc, cmd, nr_extents, OUT_OF_RANGE);
	if (cmd->extents && !cmd->nr_extents)
		return NYX_BAD(uc, cmd, extents, UNUSED);
	if (!nyx_range_last(cmd->iova, cmd->length, &last))
		return NYX_BAD(uc, cmd, length, OVERFLOW);
	return 0;
}
