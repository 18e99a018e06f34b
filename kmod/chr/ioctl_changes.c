// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands about change streams, and the file of a stream.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "chr/ioctl.h"
#include "core/changes/changes.h"
#include "core/unit.h"

/* ---- the file ----------------------------------------------------------- */

static __poll_t changes_poll(struct file *filp, struct poll_table_struct *wait)
{
	struct nyx_changes *changes = filp->private_data;

	poll_wait(filp, &changes->unit->listeners.readers, wait);
	if (READ_ONCE(changes->unit->dead))
		return EPOLLIN | EPOLLRDNORM | EPOLLHUP;
	return nyx_changes_pending(changes) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int changes_release(struct inode *inode, struct file *filp)
{
	struct nyx_changes *changes = filp->private_data;
	struct nyx_unit *unit = changes->unit;

	nyx_changes_close(changes);
	nyx_unit_close(unit);
	return 0;
}

static const struct file_operations changes_fops = {
	.owner = THIS_MODULE,
	.poll = changes_poll,
	.release = changes_release,
	.llseek = noop_llseek,
};

int nyx_ioctl_changes_open(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_changes_open *cmd = _cmd;
	struct nyx_changes *changes;
	struct file *filp;

	changes = nyx_changes_open(uc->unit, cmd->flags & NYX_CHANGES_F_INLINE);
	if (IS_ERR(changes))
		return PTR_ERR(changes);
	filp = anon_inode_getfile("[nyx-changes]", &changes_fops, changes,
				  O_RDONLY | O_CLOEXEC);
	if (IS_ERR(filp)) {
		nyx_changes_close(changes);
		return PTR_ERR(filp);
	}
	nyx_unit_use(uc->unit);
	cmd->out_changes_id = changes->id;
	return nyx_ucmd_give_file(uc, cmd, sizeof(*cmd), &cmd->out_fd, filp);
}

/* ---- commands ----------------------------------------------------------- */

int nyx_ioctl_changes_add(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_changes_add *cmd = _cmd;
	u32 max = cmd->max_maps ?: NYX_CHANGES_MAPS_DEFAULT;
	struct nyx_changes *changes;
	int ret;

	if (cmd->kind > NYX_CHANGES_DOMAIN)
		return NYX_BAD(uc, cmd, kind, UNKNOWN_VALUE);
	if (cmd->kind == NYX_CHANGES_DOMAIN && nyx_viommu_has_guest(uc->unit->guest.viommu))
		return NYX_BAD(uc, cmd, kind, VENDOR_MODEL);
	if (cmd->pasid != NYX_PASID_NONE)
		return NYX_BAD(uc, cmd, pasid, PASID);
	if (max > NYX_CHANGES_MAPS_MAX)
		return NYX_BAD(uc, cmd, max_maps, OUT_OF_RANGE);
	changes = nyx_changes_get(uc->unit, cmd->changes_id);
	if (!changes)
		return NYX_BAD(uc, cmd, changes_id, NO_SUCH_STREAM);
	ret = nyx_changes_add(changes, cmd->kind, cmd->id, max, &cmd->out_target);
	nyx_changes_put(changes);
	return ret;
}

int nyx_ioctl_changes_remove(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_changes_remove *cmd = _cmd;
	struct nyx_changes *changes;
	int ret;

	changes = nyx_changes_get(uc->unit, cmd->changes_id);
	if (!changes)
		return NYX_BAD(uc, cmd, changes_id, NO_SUCH_STREAM);
	ret = nyx_changes_remove(changes, cmd->target);
	nyx_changes_put(changes);
	return ret;
}

/* Read until there is something, or all that commands have begun is finished. */
static int next(struct nyx_changes *changes, u64 ack, struct nyx_changes_read *read)
{
	int ret = nyx_changes_next(changes, ack, read);

	while (!ret && !read->nr && !read->more) {
		ret = nyx_changes_finish(changes);
		if (ret != -EINPROGRESS)
			break;
		/* Another reader is the one that has to act. */
		if (!nyx_changes_pending(changes))
			break;
		ret = nyx_changes_next(changes, 0, read);
	}
	return ret;
}

int nyx_ioctl_changes_next(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_changes_next *cmd = _cmd;
	struct nyx_changes_read read = {
		.to = u64_to_user_ptr(cmd->changes),
		.room = cmd->nr,
	};
	struct nyx_changes *changes;
	int ret;

	if (!cmd->nr || cmd->nr > NYX_ARRAY_MAX)
		return NYX_BAD(uc, cmd, nr, OUT_OF_RANGE);
	changes = nyx_changes_get(uc->unit, cmd->changes_id);
	if (!changes)
		return NYX_BAD(uc, cmd, changes_id, NO_SUCH_STREAM);
	nyx_changes_begin(changes);
	ret = next(changes, cmd->ack, &read);
	nyx_changes_end(changes);
	nyx_changes_put(changes);
	cmd->out_seq = read.seq;
	cmd->out_nr = read.nr;
	cmd->out_more = read.more;
	cmd->out_irte_changes = READ_ONCE(uc->unit->irq.nr_changes);
	if (ret == -ERANGE)
		return NYX_BAD(uc, cmd, ack, OUT_OF_RANGE);
	return ret == -EFAULT ? NYX_BAD(uc, cmd, changes, POINTER) : ret;
}
