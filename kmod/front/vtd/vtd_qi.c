// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: Intel VT-d: invalidation, by queue and by registers.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Section 6.5. The queue is executed before the write of the tail returns: stock
 * drivers spin for the status with interrupts off.
 */
#include "front/vtd/vtd.h"

#include <linux/bitfield.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "core/irq.h"
#include "core/unit.h"
#include "tlb/epoch.h"

/* Which requesters a context invalidation is about. */
static bool context_match(const void *ctx, u32 sbdf, u32 tag)
{
	const struct vtd_desc *desc = ctx;
	u16 ignored = desc->function_mask;

	switch (desc->granularity) {
	case VTD_DOMAIN:
		return tag == desc->did;
	case VTD_DEVICE:
		/* The domain is a hint: what counts is the requester. */
		return !(((u16)sbdf ^ desc->sid) & ~ignored);
	default:
		return true;
	}
}

void vtd_invalidate_context(struct vtd *vtd, const struct vtd_desc *desc)
{
	nyx_guest_forget(vtd->front.unit, context_match, desc);
	vtd->drain = true;
}

void vtd_invalidate_iotlb(struct vtd *vtd, const struct vtd_desc *desc)
{
	struct nyx_unit *unit = vtd->front.unit;

	switch (desc->granularity) {
	case VTD_GLOBAL:
		nyx_guest_invalidate(unit, NYX_GUEST_ALL_TAGS, 0, U64_MAX);
		break;
	case VTD_DOMAIN:
		nyx_guest_invalidate(unit, desc->did, 0, U64_MAX);
		break;
	default:
		nyx_guest_invalidate(unit, desc->did, desc->first, desc->last);
		break;
	}
	vtd->drain = true;
}

/* After this nobody uses what was invalidated. */
static int drain(struct vtd *vtd)
{
	int ret;

	if (!vtd->drain)
		return 0;
	ret = nyx_guest_drain(vtd->front.unit);
	if (!ret)
		ret = nyx_irq_drain(vtd->front.unit);
	if (!ret)
		vtd->drain = false;
	return ret;
}

static int wait_done(struct vtd *vtd, const struct vtd_desc *desc)
{
	struct nyx_unit *unit = vtd->front.unit;
	unsigned int pair;
	int ret;

	ret = drain(vtd);
	if (ret)
		return ret;
	if (desc->store) {
		pair = epoch_enter(&unit->irq.posting);
		ret = nyx_guest_write32(unit, desc->addr, desc->data);
		epoch_exit(&unit->irq.posting, pair);
		/* Where there is no memory the write is lost. */
		if (ret == -EINTR)
			return ret;
	}
	if (desc->interrupt) {
		spin_lock_irq(&vtd->lock);
		vtd_completion(vtd);
		spin_unlock_irq(&vtd->lock);
	}
	return 0;
}

static int execute(struct vtd *vtd, const struct vtd_desc *desc)
{
	switch (desc->type) {
	case VTD_DESC_CONTEXT:
		vtd_invalidate_context(vtd, desc);
		return 0;
	case VTD_DESC_IOTLB:
		vtd_invalidate_iotlb(vtd, desc);
		return 0;
	case VTD_DESC_IEC:
		nyx_guest_forget_irtes(vtd->front.unit, desc->index,
				       desc->nr ?: IRT_MAX_ENTRIES);
		vtd->drain = true;
		return 0;
	case VTD_DESC_WAIT:
		return wait_done(vtd, desc);
	default:
		return 0;
	}
}

static int fetch(struct vtd *vtd, u64 gpa, u64 word[2])
{
	struct nyx_unit *unit = vtd->front.unit;
	unsigned int pair = epoch_enter(&unit->irq.posting);
	int ret;

	ret = nyx_guest_read64(unit, gpa, &word[0]);
	if (!ret)
		ret = nyx_guest_read64(unit, gpa + 8, &word[1]);
	epoch_exit(&unit->irq.posting, pair);
	return ret;
}

static void stop_locked(struct vtd *vtd, u8 error)
{
	vtd->value[REG_IQERCD] = error;
	vtd_fault_status(vtd, VTD_FSTS_IQE);
}

static void stop(struct vtd *vtd, u8 error)
{
	spin_lock_irq(&vtd->lock);
	stop_locked(vtd, error);
	spin_unlock_irq(&vtd->lock);
}

/* What keeps the queue from being read. */
static u8 refuse_queue(const struct vtd *vtd, u64 tail, u64 size)
{
	/* No head would ever get there. */
	if (tail >= size)
		return VTD_IQE_TAIL;
	/* Descriptors of 256 bits, and tables, of scalable mode */
	if (vtd->value[REG_IQA] & VTD_IQA_DW)
		return VTD_IQE_WIDTH;
	return vtd->root & VTD_RTADDR_TTM ? VTD_IQE_TABLE_TYPE : VTD_IQE_NONE;
}

/* The next descriptor, if there is one to execute. */
static bool next(struct vtd *vtd, u64 *gpa, u64 *after)
{
	u64 head, tail, size;
	u8 error;
	bool go;

	spin_lock_irq(&vtd->lock);
	head = vtd->value[REG_IQH] & VTD_IQ_OFFSET;
	tail = vtd->value[REG_IQT] & VTD_IQ_OFFSET;
	size = (u64)VTD_PAGE_SIZE << FIELD_GET(VTD_IQA_QS, vtd->value[REG_IQA]);
	*gpa = (vtd->value[REG_IQA] & VTD_IQA_ADDR) + head;
	*after = (head + VTD_DESC_SIZE) % size;
	go = (vtd->value[REG_GSTS] & VTD_GSTS_QIES) && head != tail &&
	     !(vtd->value[REG_FSTS] & VTD_FSTS_IQE);
	error = go ? refuse_queue(vtd, tail, size) : VTD_IQE_NONE;
	if (error) {
		stop_locked(vtd, error);
		go = false;
	}
	spin_unlock_irq(&vtd->lock);
	return go;
}

int vtd_queue_run(struct vtd *vtd)
{
	struct vtd_desc desc;
	u64 gpa, after, word[2];
	u8 error;
	int ret;

	lockdep_assert_held(&vtd->mutex);
	while (next(vtd, &gpa, &after)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = fetch(vtd, gpa, word);
		if (ret == -EINTR)
			return ret;
		error = ret ? VTD_IQE_FETCH :
			      vtd_decode_desc(word[0], word[1], &desc);
		if (error) {
			stop(vtd, error);
			return 0;
		}
		ret = execute(vtd, &desc);
		if (ret)
			return ret;
		spin_lock_irq(&vtd->lock);
		vtd->value[REG_IQH] = after;
		spin_unlock_irq(&vtd->lock);
		cond_resched();
	}
	return 0;
}
