// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: Intel VT-d: invalidation, by queue and by registers.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Section 6.5.
 */
#include "viommu/vtd/vtd.h"

#include <linux/bitfield.h>
#include <linux/container_of.h>
#include <linux/lockdep.h>

#include "core/access/context.h"
#include "core/irq/irte.h"
#include "core/unit.h"

void vtd_invalidate_context(struct vtd *vtd, const struct vtd_desc *desc)
{
	struct nyx_unit *unit = vtd->base.viommu.unit;
	struct nyx_ticket *ticket = &vtd->base.queue.ticket;
	u16 ignored = desc->function_mask, function = 0;

	switch (desc->granularity) {
	case VTD_DOMAIN:
		nyx_guest_invalidate_ctx(unit, desc->did, ticket);
		break;
	case VTD_DEVICE:
		/* The domain is a hint: the requester selects the entry. */
		do {
			nyx_guest_invalidate_ctx_device(unit,
							(desc->sid & ~ignored) |
							function, ticket);
			/* The next function made of the ignored bits */
			function = (function - ignored) & ignored;
		} while (function);
		break;
	default:
		nyx_guest_invalidate_ctx(unit, NYX_GUEST_ALL_DIDS, ticket);
		break;
	}
}

void vtd_invalidate_iotlb(struct vtd *vtd, const struct vtd_desc *desc)
{
	struct nyx_unit *unit = vtd->base.viommu.unit;
	struct nyx_ticket *ticket = &vtd->base.queue.ticket;

	switch (desc->granularity) {
	case VTD_GLOBAL:
		nyx_guest_invalidate_iotlb(unit, NYX_GUEST_ALL_DIDS, 0, U64_MAX,
					   ticket);
		break;
	case VTD_DOMAIN:
		nyx_guest_invalidate_iotlb(unit, desc->did, 0, U64_MAX, ticket);
		break;
	default:
		nyx_guest_invalidate_iotlb(unit, desc->did, desc->first,
					   desc->last, ticket);
		break;
	}
}

static int wait_done(struct vtd *vtd, const struct vtd_desc *desc)
{
	int ret;

	ret = nyx_inval_wait(&vtd->base.queue.ticket);
	if (ret == -ETIMEDOUT) {
		/*
		 * As for a device-TLB that does not answer: the head moves on, and the
		 * descriptor reports nothing. Drivers submit again what came before it.
		 */
		spin_lock_irq(&vtd->base.lock);
		vtd_fault_status(vtd, VTD_FSTS_ITE);
		spin_unlock_irq(&vtd->base.lock);
		return 0;
	}
	/* Ignore -EIO: the guest has no memory at that address, and the write is lost. */
	if (!ret && desc->store &&
	    queue_store(&vtd->base.queue, desc->addr, sizeof(u32), desc->data) == -EINTR)
		ret = -EINTR;
	if (!ret && desc->interrupt) {
		spin_lock_irq(&vtd->base.lock);
		vtd_completion(vtd);
		spin_unlock_irq(&vtd->base.lock);
	}
	return ret;
}

static int perform(struct vtd *vtd, const struct vtd_desc *desc)
{
	switch (desc->type) {
	case VTD_DESC_CONTEXT:
		vtd_invalidate_context(vtd, desc);
		return 0;
	case VTD_DESC_IOTLB:
		vtd_invalidate_iotlb(vtd, desc);
		return 0;
	case VTD_DESC_IEC:
		nyx_guest_invalidate_iec(vtd->base.viommu.unit, desc->index,
					 desc->nr ?: IRT_MAX_ENTRIES,
					 &vtd->base.queue.ticket);
		return 0;
	case VTD_DESC_WAIT:
		return wait_done(vtd, desc);
	default:
		return 0;
	}
}

static void stop_locked(struct vtd *vtd, u8 error)
{
	vtd->arch.reg[REG_IQERCD] = error;
	vtd_fault_status(vtd, VTD_FSTS_IQE);
}

static void stop(struct vtd *vtd, u8 error)
{
	spin_lock_irq(&vtd->base.lock);
	stop_locked(vtd, error);
	spin_unlock_irq(&vtd->base.lock);
}

/* Is there a state that keeps the queue from being read? */
static u8 refuse_queue(const struct vtd *vtd, u64 gpa, u64 tail, u64 size)
{
	/* No head would ever get to the tail. */
	if (tail >= size)
		return VTD_IQE_TAIL;
	/* The unit has no scalable mode: no descriptors of 256 bits, no other tables. */
	if (vtd->arch.reg[REG_IQA] & VTD_IQA_DW)
		return VTD_IQE_WIDTH;
	if (vtd->arch.root & VTD_RTADDR_TTM)
		return VTD_IQE_TABLE_TYPE;
	/* The queue does not go on at address 0: past the last address there is no memory. */
	return gpa < (vtd->arch.reg[REG_IQA] & VTD_IQA_ADDR) ? VTD_IQE_FETCH :
							    VTD_IQE_NONE;
}

/* Find the next descriptor to execute. */
static bool vtd_next(struct queue *q, u64 *gpa, u64 *after)
{
	struct vtd *vtd = container_of(q, struct vtd, base.queue);
	u64 head, tail, size;
	u8 error;
	bool go;

	spin_lock_irq(&vtd->base.lock);
	head = vtd->arch.reg[REG_IQH] & VTD_IQ_OFFSET;
	tail = vtd->arch.reg[REG_IQT] & VTD_IQ_OFFSET;
	size = (u64)VTD_PAGE_SIZE << FIELD_GET(VTD_IQA_QS, vtd->arch.reg[REG_IQA]);
	*gpa = (vtd->arch.reg[REG_IQA] & VTD_IQA_ADDR) + head;
	*after = (head + VTD_DESC_SIZE) % size;
	go = (vtd->arch.status & VTD_GSTS_QIES) && head != tail &&
	     !(vtd->arch.reg[REG_FSTS] & (VTD_FSTS_IQE | VTD_FSTS_ITE));
	error = go ? refuse_queue(vtd, *gpa, tail, size) : VTD_IQE_NONE;
	if (error) {
		stop_locked(vtd, error);
		go = false;
	}
	spin_unlock_irq(&vtd->base.lock);
	return go;
}

static int vtd_execute(struct queue *q, u64 gpa, const u64 word[2])
{
	struct vtd *vtd = container_of(q, struct vtd, base.queue);
	struct vtd_desc desc;
	u8 error;

	error = vtd_decode_desc(word[0], word[1], &desc);
	if (error) {
		stop(vtd, error);
		return 1;
	}
	return perform(vtd, &desc);
}

static void vtd_unreadable(struct queue *q, u64 gpa)
{
	stop(container_of(q, struct vtd, base.queue), VTD_IQE_FETCH);
}

static void vtd_advance(struct queue *q, u64 after)
{
	struct vtd *vtd = container_of(q, struct vtd, base.queue);

	spin_lock_irq(&vtd->base.lock);
	vtd->arch.reg[REG_IQH] = after;
	spin_unlock_irq(&vtd->base.lock);
}

const struct queue_ops vtd_queue_ops = {
	.next = vtd_next,
	.execute = vtd_execute,
	.unreadable = vtd_unreadable,
	.advance = vtd_advance,
};

int vtd_queue_run(struct vtd *vtd)
{
	lockdep_assert_held(&vtd->base.mutex);
	return queue_run(&vtd->base.queue);
}
