// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: AMD-Vi: commands.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Section 2.4.
 */
#include "viommu/amdvi/amdvi.h"

#include <linux/bitmap.h>
#include <linux/container_of.h>
#include <linux/lockdep.h>

#include "core/access/context.h"
#include "core/irq/irte.h"
#include "core/unit.h"

static void stop(struct amdvi *amdvi, u16 code, u64 address)
{
	spin_lock_irq(&amdvi->base.lock);
	amdvi->arch.cmd_stopped = true;
	amdvi_status_update(amdvi);
	amdvi_log_event_locked(amdvi, 0, 0, code, address);
	spin_unlock_irq(&amdvi->base.lock);
}

static void stop_hardware(struct amdvi *amdvi, u64 address)
{
	stop(amdvi, AMDVI_EVENT_COMMAND_HARDWARE | AMDVI_EVENT_MASTER_ABORT,
	     address);
}

/*
 * Clear the bits of fresh requesters in a range, one by one: page faults set others
 * meanwhile.
 */
static void clear_silence(struct amdvi *amdvi, unsigned long first, unsigned long nr)
{
	unsigned long rid = first, end = first + nr;

	for (;; rid++) {
		rid = find_next_and_bit(amdvi->arch.silenced, amdvi->fresh, end, rid);
		if (rid >= end)
			break;
		clear_bit(rid, amdvi->arch.silenced);
	}
}

void amdvi_clear_silence(struct amdvi *amdvi, u32 first, u32 nr)
{
	lockdep_assert_held(&amdvi->base.mutex);
	bitmap_set(amdvi->fresh, first, nr);
	amdvi->any_fresh = true;
	clear_silence(amdvi, first, nr);
}

int amdvi_drain(struct amdvi *amdvi)
{
	int ret = nyx_inval_wait(&amdvi->base.queue.ticket);

	lockdep_assert_held(&amdvi->base.mutex);
	/* As for the IOTLB of a device that does not answer; section 2.5.8. */
	if (ret == -ETIMEDOUT) {
		amdvi_log_event(amdvi, 0, 0, AMDVI_EVENT_IOTLB_TIMEOUT, 0);
		ret = 0;
	}
	if (ret || !amdvi->any_fresh)
		return ret;
	/* A fault of an access before the drain does not silence later faults. */
	clear_silence(amdvi, 0, AMDVI_REQUESTERS);
	bitmap_zero(amdvi->fresh, AMDVI_REQUESTERS);
	amdvi->any_fresh = false;
	return 0;
}

/* Returns 1 if the command fails, which stops the command buffer. */
static int completion_wait(struct amdvi *amdvi, const struct amdvi_cmd *cmd)
{
	int ret;

	ret = amdvi_drain(amdvi);
	if (!ret && cmd->store)
		ret = queue_store(&amdvi->base.queue, cmd->addr, sizeof(u64), cmd->data);
	if (ret == -EINTR || ret == -EINPROGRESS)
		return ret;
	if (ret) {
		stop_hardware(amdvi, cmd->addr);
		return 1;
	}
	if (cmd->interrupt) {
		spin_lock_irq(&amdvi->base.lock);
		amdvi_completion(amdvi);
		spin_unlock_irq(&amdvi->base.lock);
	}
	return 0;
}

/*
 * Section 2.4.2. Translations for the device by the old entry go, too:
 * drivers expect that of hardware that has a cache for each device.
 */
static void invalidate_device(struct amdvi *amdvi, u16 rid)
{
	struct nyx_unit *unit = amdvi->base.viommu.unit;
	struct nyx_ticket *ticket = &amdvi->base.queue.ticket;
	u32 did = nyx_guest_invalidate_ctx_device(unit, rid, ticket);

	if (did != NYX_GUEST_ALL_DIDS)
		nyx_guest_invalidate_iotlb(unit, did, 0, U64_MAX, ticket);
	nyx_guest_invalidate_irt(unit, rid, ticket);
	amdvi_clear_silence(amdvi, rid, 1);
}

static void invalidate_all(struct amdvi *amdvi)
{
	struct nyx_unit *unit = amdvi->base.viommu.unit;
	struct nyx_ticket *ticket = &amdvi->base.queue.ticket;

	nyx_guest_invalidate_ctx(unit, NYX_GUEST_ALL_DIDS, ticket);
	nyx_guest_invalidate_iotlb(unit, NYX_GUEST_ALL_DIDS, 0, U64_MAX,
				   ticket);
	nyx_guest_invalidate_irt(unit, NYX_GUEST_ALL_IRQS, ticket);
	amdvi_clear_silence(amdvi, 0, AMDVI_REQUESTERS);
}

static int perform(struct amdvi *amdvi, const struct amdvi_cmd *cmd)
{
	switch (cmd->opcode) {
	case AMDVI_COMPLETION_WAIT:
		return completion_wait(amdvi, cmd);
	case AMDVI_INVALIDATE_DEVTAB_ENTRY:
		invalidate_device(amdvi, cmd->rid);
		break;
	case AMDVI_INVALIDATE_IOMMU_PAGES:
		nyx_guest_invalidate_iotlb(amdvi->base.viommu.unit, cmd->did,
					   cmd->first, cmd->last,
					   &amdvi->base.queue.ticket);
		break;
	case AMDVI_INVALIDATE_INTERRUPT_TABLE:
		nyx_guest_invalidate_irt(amdvi->base.viommu.unit, cmd->rid,
					 &amdvi->base.queue.ticket);
		break;
	case AMDVI_INVALIDATE_IOMMU_ALL:
		invalidate_all(amdvi);
		break;
	default:
		/* Prefetching is a hint; no device has translations of its own. */
		return 0;
	}
	return 0;
}

/* Find the next command to execute. */
static bool amdvi_next(struct queue *q, u64 *gpa, u64 *after)
{
	struct amdvi *amdvi = container_of(q, struct amdvi, base.queue);
	u64 head, tail, base, size;
	bool go;

	spin_lock_irq(&amdvi->base.lock);
	head = amdvi->arch.reg[REG_CMD_HEAD];
	tail = amdvi->arch.reg[REG_CMD_TAIL];
	base = amdvi->arch.reg[REG_CMD_BASE];
	size = amdvi_ring_size(base);
	go = (amdvi->arch.reg[REG_STATUS] & AMDVI_STS_CMD_RUN) && head != tail;
	spin_unlock_irq(&amdvi->base.lock);
	if (!go)
		return false;
	base &= AMDVI_BASE_ADDR;
	/* The length does not exist, or no head would ever get to the tail. */
	if (head >= size || tail >= size) {
		stop_hardware(amdvi, base + (head >= size ? head : tail));
		return false;
	}
	*gpa = base + head;
	*after = (head + AMDVI_CMD_SIZE) & (size - 1);
	return true;
}

static int amdvi_execute(struct queue *q, u64 gpa, const u64 word[2])
{
	struct amdvi *amdvi = container_of(q, struct amdvi, base.queue);
	struct amdvi_cmd cmd;
	u16 error;

	error = amdvi_decode_cmd(&amdvi->cfg.shape, word[0], word[1], &cmd);
	if (error) {
		stop(amdvi, error, gpa);
		return 1;
	}
	return perform(amdvi, &cmd);
}

static void amdvi_unreadable(struct queue *q, u64 gpa)
{
	stop_hardware(container_of(q, struct amdvi, base.queue), gpa);
}

static void amdvi_advance(struct queue *q, u64 after)
{
	struct amdvi *amdvi = container_of(q, struct amdvi, base.queue);

	spin_lock_irq(&amdvi->base.lock);
	amdvi->arch.reg[REG_CMD_HEAD] = after;
	spin_unlock_irq(&amdvi->base.lock);
}

const struct queue_ops amdvi_queue_ops = {
	.next = amdvi_next,
	.execute = amdvi_execute,
	.unreadable = amdvi_unreadable,
	.advance = amdvi_advance,
};

int amdvi_cmd_run(struct amdvi *amdvi)
{
	lockdep_assert_held(&amdvi->base.mutex);
	return queue_run(&amdvi->base.queue);
}
