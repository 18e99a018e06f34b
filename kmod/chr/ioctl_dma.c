// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands that act as a device: translate, DMA.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/build_bug.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "base/types.h"
#include "chr/ioctl.h"
#include "chr/uring.h"
#include "core/access/device.h"
#include "core/access/dma.h"
#include "core/access/translate.h"
#include "core/space/domain.h"
#include "core/unit.h"
#include "mem/region.h"

#define DMA_MAX_LENGTH	SZ_1G
/* Extents that are copied out at once. */
#define EXTENT_CHUNK	16u
/* Segments between two calls of cond_resched(). */
#define SPAN_BATCH	256u

/**
 * struct extent_out - extents on their way to the caller
 * @to: where the next ones go
 * @capacity: how many may follow @buf
 * @n: extents in @buf
 * @buf: the last extents; the newest may still grow
 */
struct extent_out {
	struct nyx_extent __user *to;
	u32 capacity;
	u32 n;
	struct nyx_extent buf[EXTENT_CHUNK];
};

static bool extent_extends(const struct nyx_extent *ext, const struct nyx_extent *next)
{
	return ext->gpa + ext->length == next->gpa &&
	       ext->backing + ext->length == next->backing &&
	       ext->prot == next->prot &&
	       ext->memory_flags == next->memory_flags;
}

/*
 * Extents are copied out between accesses, not during one, because copy_to_user()
 * may sleep long.
 */
static int extent_flush(struct extent_out *out)
{
	if (copy_to_user(out->to, out->buf, out->n * sizeof(out->buf[0])))
		return -EFAULT;
	out->to += out->n;
	out->capacity -= out->n;
	out->n = 0;
	return 0;
}

static void segment_to_extent(u64 iova, const struct nyx_segment *seg,
			      struct nyx_extent *ext)
{
	struct region_info info;
	u32 prot = seg->perm & NYX_ACC_RW;

	region_get_info(seg->region, &info);
	if (info.flags & REGION_READONLY)
		prot &= ~NYX_ACC_WRITE;
	*ext = (struct nyx_extent) {
		.iova = iova,
		.length = seg->length,
		.gpa = seg->gpa,
		.backing = info.backing + seg->offset,
		.prot = prot,
		.memory_flags = info.flags,
	};
}

/*
 * Translate from @done on until the buffer of extents is full, the range ends, or
 * a fault stops it. The first extent is also stored in the command.
 */
static void translate_some(struct nyx_access *acc, struct nyx_translate *cmd,
			   u64 *done, struct extent_out *out, bool *full,
			   struct nyx_fault_info *fault)
{
	u32 max = max(min(out->capacity, EXTENT_CHUNK), 1u);
	const struct region *prev = NULL;
	unsigned int segments = 0;
	struct nyx_segment seg;
	struct nyx_extent ext;
	u64 iova;

	while (*done < cmd->length) {
		if (unlikely(++segments % SPAN_BATCH == 0)) {
			if (fatal_signal_pending(current))
				return;
			cond_resched();
		}
		iova = cmd->iova + *done;
		if (!nyx_translate(acc, iova, cmd->length - *done, cmd->access,
				   &seg, fault))
			return;
		segment_to_extent(iova, &seg, &ext);
		if (!*done)
			cmd->out_page_size_lg2 = seg.lg2;
		/* Offsets in different regions are not contiguous. */
		if (seg.region == prev &&
		    extent_extends(&out->buf[out->n - 1], &ext)) {
			out->buf[out->n - 1].length += ext.length;
		} else {
			*full = out->n == max;
			if (*full)
				return;
			out->buf[out->n++] = ext;
		}
		prev = seg.region;
		*done += seg.length;
	}
}

/*
 * @out is the batch's: to clear such a buffer for each item, as some kernels do with all that is
 * on the stack, costs more than most translations.
 */
static int translate_one(struct nyx_ucmd *uc, struct nyx_translate *cmd,
			 struct extent_out *out)
{
	struct nyx_fault_info fault;
	struct nyx_access acc;
	bool full, first = true;
	u64 done = 0;
	int ret;

	ret = nyx_check_translate(uc, cmd);
	if (ret)
		return ret;

	out->to = u64_to_user_ptr(cmd->extents);
	out->capacity = cmd->nr_extents;
	out->n = 0;
	/* Write the answer first: a command that cannot report must not act. */
	if (cmd->nr_extents && clear_user(out->to, sizeof(*out->to)))
		return NYX_BAD(uc, cmd, extents, POINTER);

	cmd->out_nr_extents = 0;
	cmd->out_page_size_lg2 = 0;
	cmd->out_done = 0;
	memset(&cmd->out_extent, 0, sizeof(cmd->out_extent));
	memset(&cmd->out_fault, 0, sizeof(cmd->out_fault));

	do {
		full = false;
		fault.reason = NYX_FAULT_NONE;
		ret = nyx_access_begin(uc->unit, cmd->sbdf, cmd->pasid, &acc);
		if (ret)
			return nyx_access_err(ret);
		translate_some(&acc, cmd, &done, out, &full, &fault);
		if (fault.reason != NYX_FAULT_NONE) {
			nyx_fault_answer(&fault, &cmd->out_fault);
			if (cmd->flags & NYX_TRANSLATE_F_REPORT)
				nyx_access_report(&acc, &fault, cmd->length - done);
		}
		if (first) {
			nyx_stat_add_both(acc.dev->stats, acc.dom->stats,
					  NYX_STAT_TRANSLATIONS, 1);
		}
		nyx_access_end(&acc);

		if (first && out->n)
			cmd->out_extent = out->buf[0];
		first = false;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (!cmd->nr_extents)
			break;
		cmd->out_nr_extents += out->n;
		if (extent_flush(out))
			return NYX_BAD(uc, cmd, extents, POINTER);
		cond_resched();
	} while (full && out->capacity);

	cmd->out_done = done;
	return 0;
}

int nyx_ioctl_translate(struct nyx_ucmd *uc, void *items, u32 n, u32 *done)
{
	struct nyx_translate *cmd = items;
	struct extent_out out;
	int ret;

	for (*done = 0; *done < n; (*done)++, cmd++) {
		ret = translate_one(uc, cmd, &out);
		if (ret)
			return ret;
	}
	return 0;
}

/* Check the fields that only some operations use. */
static int check_dma_unused(struct nyx_ucmd *uc, const struct nyx_dma *cmd)
{
	bool copy = cmd->op <= NYX_DMA_WRITE;

	if (copy && cmd->width)
		return NYX_BAD(uc, cmd, width, UNUSED);
	if (copy && cmd->operand)
		return NYX_BAD(uc, cmd, operand, UNUSED);
	if (!copy && cmd->buffer)
		return NYX_BAD(uc, cmd, buffer, UNUSED);
	if (cmd->op != NYX_DMA_CAS && cmd->compare)
		return NYX_BAD(uc, cmd, compare, UNUSED);
	return 0;
}

/* Check the width: 4 or 8, or for FILL also 1 and 2. */
static int check_dma_width(struct nyx_ucmd *uc, const struct nyx_dma *cmd)
{
	bool fill = cmd->op == NYX_DMA_FILL;

	if (cmd->width != 4 && cmd->width != 8 &&
	    !(fill && (cmd->width == 1 || cmd->width == 2)))
		return NYX_BAD(uc, cmd, width, OUT_OF_RANGE);
	if (fill)
		return cmd->length % cmd->width ?
			NYX_BAD(uc, cmd, length, MISALIGNED) : 0;
	if (cmd->length != cmd->width)
		return NYX_BAD(uc, cmd, length, CONFLICT);
	if (cmd->iova % cmd->width)
		return NYX_BAD(uc, cmd, iova, MISALIGNED);
	return 0;
}

static int check_dma(struct nyx_ucmd *uc, const struct nyx_dma *cmd)
{
	u64 last;
	int ret;

	if (cmd->op > NYX_DMA_SWAP)
		return NYX_BAD(uc, cmd, op, UNKNOWN_VALUE);
	if (cmd->pasid != NYX_PASID_NONE)
		return NYX_BAD(uc, cmd, pasid, PASID);
	if (!cmd->length)
		return NYX_BAD(uc, cmd, length, EMPTY);
	if (cmd->length > DMA_MAX_LENGTH)
		return NYX_BAD(uc, cmd, length, OUT_OF_RANGE);
	ret = check_dma_unused(uc, cmd);
	if (!ret && cmd->op > NYX_DMA_WRITE)
		ret = check_dma_width(uc, cmd);
	if (!ret && !nyx_range_last(cmd->iova, cmd->length, &last))
		ret = NYX_BAD(uc, cmd, length, OVERFLOW);
	return ret;
}

/* The buffer of a DMA by io_uring is a registered one. */
static int use_fixed(struct nyx_ucmd *uc, const struct nyx_dma *cmd, struct iov_iter *iter)
{
	int ret;

	if (cmd->op > NYX_DMA_WRITE)
		return NYX_BAD(uc, cmd, op, CONFLICT);
	ret = nyx_uring_buffer(uc->fixed, uc->issue_flags, cmd, iter);
	return ret == -EFAULT ? NYX_BAD(uc, cmd, buffer, POINTER) : ret;
}

static int dma_one(struct nyx_ucmd *uc, struct nyx_dma *cmd)
{
	struct nyx_dma_req req = {
		.sbdf = cmd->sbdf,
		.pasid = cmd->pasid,
		.op = cmd->op,
		.width = cmd->width,
		.iova = cmd->iova,
		.length = cmd->length,
		.buf = u64_to_user_ptr(cmd->buffer),
		.operand = cmd->operand,
		.compare = cmd->compare,
		.nonblock = uc->nonblock,
		.nowait = uc->nowait,
	};
	struct iov_iter iter;
	int ret;

	cmd->out_old = 0;
	cmd->out_done = 0;
	memset(&cmd->out_fault, 0, sizeof(cmd->out_fault));
	ret = check_dma(uc, cmd);
	if (ret)
		return ret;
	if (unlikely(uc->fixed)) {
		ret = use_fixed(uc, cmd, &iter);
		if (ret)
			return ret;
		req.iter = &iter;
	}
	ret = nyx_dma_do(uc->unit, &req);
	cmd->out_old = req.old;
	cmd->out_done = req.done;
	if (req.fault.reason != NYX_FAULT_NONE)
		nyx_fault_answer(&req.fault, &cmd->out_fault);
	if (ret == -EFAULT)
		return NYX_BAD(uc, cmd, buffer, POINTER);
	return nyx_access_err(ret);
}

int nyx_ioctl_dma(struct nyx_ucmd *uc, void *items, u32 n, u32 *done)
{
	struct nyx_dma *cmd = items;
	int ret;

	for (*done = 0; *done < n; (*done)++, cmd++) {
		ret = dma_one(uc, cmd);
		if (ret)
			return ret;
		if (uc->stop_at_fault && cmd->out_fault.reason != NYX_FAULT_NONE)
			break;
	}
	return 0;
}
