// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands about interrupts.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/err.h>
#include <linux/eventfd.h>

#include "base/types.h"
#include "chr/ioctl.h"
#include "core/irq/irq.h"
#include "core/irq/irqfd.h"
#include "core/irq/irte.h"
#include "core/unit.h"

#define COALESCE_MAX_US	1000000u

int nyx_ioctl_irq_setup(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_irq_setup *cmd = _cmd;

	if (cmd->mode & ~(NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_COMPAT |
			  NYX_IRQ_MODE_OFF))
		return NYX_BAD(uc, cmd, mode, UNKNOWN_VALUE);
	if (cmd->mode && !(cmd->mode & NYX_IRQ_MODE_XAPIC))
		return NYX_BAD(uc, cmd, mode, CONFLICT);
	nyx_irq_set_mode(uc->unit, cmd->mode, &uc->ticket);
	return 0;
}

static int check_source(struct nyx_ucmd *uc, const struct nyx_irte_set *cmd)
{
	switch (cmd->source_check) {
	case NYX_SOURCE_ANY:
		if (cmd->source)
			return NYX_BAD(uc, cmd, source, UNUSED);
		break;
	case NYX_SOURCE_RID:
		if (cmd->source_mask && cmd->source_mask != 4 &&
		    cmd->source_mask != 6 && cmd->source_mask != 7)
			return NYX_BAD(uc, cmd, source_mask, OUT_OF_RANGE);
		return 0;
	case NYX_SOURCE_BUS:
		if (NYX_SBDF_BUS(cmd->source) > (cmd->source & 0xff))
			return NYX_BAD(uc, cmd, source, CONFLICT);
		break;
	default:
		return NYX_BAD(uc, cmd, source_check, UNKNOWN_VALUE);
	}
	return cmd->source_mask ? NYX_BAD(uc, cmd, source_mask, UNUSED) : 0;
}

static int check_posted(struct nyx_ucmd *uc, const struct nyx_irte_set *cmd)
{
	if (cmd->delivery)
		return NYX_BAD(uc, cmd, delivery, UNUSED);
	if (cmd->dest)
		return NYX_BAD(uc, cmd, dest, UNUSED);
	if (cmd->vector < 16)
		return NYX_BAD(uc, cmd, vector, OUT_OF_RANGE);
	if (cmd->flags & (NYX_IRTE_F_LOGICAL | NYX_IRTE_F_LEVEL |
			  NYX_IRTE_F_HINT))
		return NYX_BAD(uc, cmd, flags, CONFLICT);
	if (cmd->posted & 63)
		return NYX_BAD(uc, cmd, posted, MISALIGNED);
	if (cmd->posted > NYX_GPA_LAST)
		return NYX_BAD(uc, cmd, posted, DESCRIPTOR_WIDTH);
	return 0;
}

static int check_irte(struct nyx_ucmd *uc, const struct nyx_irte_set *cmd)
{
	int ret = check_source(uc, cmd);

	if (ret)
		return ret;
	if (cmd->flags & NYX_IRTE_F_POSTED)
		return check_posted(uc, cmd);
	if (cmd->posted)
		return NYX_BAD(uc, cmd, posted, UNUSED);
	if (cmd->flags & NYX_IRTE_F_URGENT)
		return NYX_BAD(uc, cmd, flags, CONFLICT);
	switch (cmd->delivery) {
	case NYX_DELIVERY_FIXED:
	case NYX_DELIVERY_LOWEST:
		return cmd->vector < 16 ? NYX_BAD(uc, cmd, vector, OUT_OF_RANGE) : 0;
	case NYX_DELIVERY_SMI:
	case NYX_DELIVERY_NMI:
	case NYX_DELIVERY_INIT:
	case NYX_DELIVERY_EXTINT:
		return 0;
	default:
		return NYX_BAD(uc, cmd, delivery, UNKNOWN_VALUE);
	}
}

static int set_one(struct nyx_ucmd *uc, const struct nyx_irte_set *cmd)
{
	const struct irt_entry entry = {
		.flags = cmd->flags,
		.dest = cmd->dest,
		.source = cmd->source,
		.vector = cmd->vector,
		.delivery = cmd->delivery,
		.check = cmd->source_check,
		.mask = cmd->source_mask,
		.posted = cmd->posted,
	};
	int ret = check_irte(uc, cmd);

	return ret ?: nyx_irte_write(uc->unit, cmd->index, 1, &entry,
				     &uc->ticket);
}

int nyx_ioctl_irte_set(struct nyx_ucmd *uc, void *items, u32 n, u32 *done)
{
	struct nyx_irte_set *cmd = items;
	int ret;

	for (*done = 0; *done < n; (*done)++, cmd++) {
		ret = set_one(uc, cmd);
		if (ret)
			return ret;
	}
	return 0;
}

int nyx_ioctl_irte_clear(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_irte_clear *cmd = _cmd;

	if (!cmd->nr)
		return NYX_BAD(uc, cmd, nr, OUT_OF_RANGE);
	return nyx_irte_write(uc->unit, cmd->index, cmd->nr, NULL, &uc->ticket);
}

static void fill_reply(struct nyx_irq_send *cmd, const struct nyx_irq_reply *reply)
{
	const struct irt_msg *msg = &reply->msg;

	cmd->out_result = reply->result;
	cmd->out_reason = reply->fault.reason;
	cmd->out_index = msg->index;
	if (reply->result == NYX_IRQ_POSTED && (cmd->flags & NYX_IRQ_F_PROBE))
		cmd->out_vector = msg->vector;
	if (reply->result == NYX_IRQ_DELIVER || reply->result == NYX_IRQ_NOTIFY) {
		if (msg->passthrough) {
			cmd->out_address = cmd->address;
			cmd->out_data = cmd->data;
		} else {
			irt_compose(msg, &cmd->out_address, &cmd->out_data);
		}
		cmd->out_dest = msg->dest;
		cmd->out_vector = msg->vector;
		cmd->out_delivery = msg->delivery;
	}
	if (reply->result != NYX_IRQ_REFUSED)
		cmd->out_flags = msg->flags &
				 (NYX_IRTE_F_LOGICAL | NYX_IRTE_F_LEVEL |
				  NYX_IRTE_F_HINT | NYX_IRTE_F_POSTED);
}

static int send_one(struct nyx_ucmd *uc, struct nyx_irq_send *cmd)
{
	struct nyx_irq_req req = {
		.sbdf = cmd->sbdf,
		.data = cmd->data,
		.address = cmd->address,
		.nonblock = uc->nonblock,
		.nowait = uc->nowait,
	};
	struct nyx_irq_reply reply;
	int ret;

	if ((cmd->flags & NYX_IRQ_F_SIGNAL) && (cmd->flags & NYX_IRQ_F_PROBE))
		return NYX_BAD(uc, cmd, flags, CONFLICT);
	if (cmd->flags & NYX_IRQ_F_SIGNAL) {
		req.signal = eventfd_ctx_fdget(cmd->eventfd);
		if (IS_ERR(req.signal))
			return PTR_ERR(req.signal) == -EBADF ? NYX_ERR(BAD_FD) :
							       NYX_ERR(NO_EVENTFD);
	} else if (cmd->eventfd && cmd->eventfd != -1) {
		return NYX_BAD(uc, cmd, eventfd, UNUSED);
	}
	ret = cmd->flags & NYX_IRQ_F_PROBE ?
		nyx_irq_probe(uc->unit, &req, &reply) :
		nyx_irq_send(uc->unit, &req, &reply);
	if (req.signal)
		eventfd_ctx_put(req.signal);
	if (ret)
		return nyx_access_err(ret);
	fill_reply(cmd, &reply);
	return 0;
}

int nyx_ioctl_irq_send(struct nyx_ucmd *uc, void *items, u32 n, u32 *done)
{
	struct nyx_irq_send *cmd = items;
	int ret;

	for (*done = 0; *done < n; (*done)++, cmd++) {
		cmd->out_result = 0;
		cmd->out_address = 0;
		cmd->out_data = 0;
		cmd->out_index = 0;
		cmd->out_dest = 0;
		cmd->out_vector = 0;
		cmd->out_delivery = 0;
		cmd->out_flags = 0;
		cmd->out_reason = 0;
		ret = send_one(uc, cmd);
		if (ret)
			return ret;
	}
	return 0;
}

int nyx_ioctl_irq_bind(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_irq_bind *cmd = _cmd;
	const struct nyx_binding_config cfg = {
		.sbdf = cmd->sbdf,
		.data = cmd->data,
		.address = cmd->address,
		.coalesce_us = cmd->coalesce_us,
		.coalesce_count = cmd->coalesce_count,
		.masked = cmd->flags & NYX_BIND_F_MASKED,
	};

	if (cmd->coalesce_us > COALESCE_MAX_US)
		return NYX_BAD(uc, cmd, coalesce_us, OUT_OF_RANGE);
	if (cmd->coalesce_count && !cmd->coalesce_us)
		return NYX_BAD(uc, cmd, coalesce_count, UNUSED);
	return nyx_irq_bind(uc->unit, &cfg, cmd->source, cmd->target,
			    &cmd->out_binding_id);
}

int nyx_ioctl_irq_unbind(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_irq_unbind *cmd = _cmd;

	return nyx_irq_unbind(uc->unit, cmd->binding_id);
}

/* A field that no flag names is 0. */
static int check_change(struct nyx_ucmd *uc, const struct nyx_irq_change *cmd)
{
	if (!cmd->flags)
		return NYX_BAD(uc, cmd, flags, OUT_OF_RANGE);
	if (cmd->masked > 1)
		return NYX_BAD(uc, cmd, masked, OUT_OF_RANGE);
	if (!(cmd->flags & NYX_CHANGE_F_MASK) && cmd->masked)
		return NYX_BAD(uc, cmd, masked, UNUSED);
	if (!(cmd->flags & NYX_CHANGE_F_MESSAGE)) {
		if (cmd->address)
			return NYX_BAD(uc, cmd, address, UNUSED);
		if (cmd->data)
			return NYX_BAD(uc, cmd, data, UNUSED);
	}
	if (!(cmd->flags & NYX_CHANGE_F_COALESCE) && cmd->coalesce_us)
		return NYX_BAD(uc, cmd, coalesce_us, UNUSED);
	if (cmd->coalesce_us > COALESCE_MAX_US)
		return NYX_BAD(uc, cmd, coalesce_us, OUT_OF_RANGE);
	if (cmd->coalesce_count && !cmd->coalesce_us)
		return NYX_BAD(uc, cmd, coalesce_count, UNUSED);
	return 0;
}

int nyx_ioctl_irq_change(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_irq_change *cmd = _cmd;
	const struct nyx_binding_config cfg = {
		.data = cmd->data,
		.address = cmd->address,
		.coalesce_us = cmd->coalesce_us,
		.coalesce_count = cmd->coalesce_count,
		.masked = cmd->masked,
	};
	int ret;

	ret = check_change(uc, cmd);
	if (ret)
		return ret;
	return nyx_irq_change(uc->unit, cmd->binding_id, cmd->flags, &cfg);
}
