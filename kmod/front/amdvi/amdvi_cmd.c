// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: AMD-Vi: commands.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Section 2.4. The command buffer is executed before the write of the tail
 * returns: stock drivers spin for the store of a COMPLETION_WAIT.
 */
#include "front/amdvi/amdvi.h"

#include <linux/bitmap.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "core/irq.h"
#include "core/unit.h"
#include "tlb/epoch.h"

/* After this nobody uses what was invalidated. */
static int drain(struct amdvi *amdvi)
{
	int ret;

	if (!amdvi->drain)
		return 0;
	ret = nyx_guest_drain(amdvi->front.unit);
	if (!ret)
		ret = nyx_irq_drain(amdvi->front.unit);
	if (!ret)
		amdvi->drain = false;
	return ret;
}

static void stop(struct amdvi *amdvi, u16 code, u64 address)
{
	spin_lock_irq(&amdvi->lock);
	amdvi->cmd_stopped = true;
	amdvi_status_update(amdvi);
	amdvi_log_event_locked(amdvi, 0, 0, code, address);
	spin_unlock_irq(&amdvi->lock);
}

static void stop_hardware(struct amdvi *amdvi, u64 address)
{
	stop(amdvi, AMDVI_EVENT_COMMAND_HARDWARE | AMDVI_EVENT_MASTER_ABORT,
	     address);
}

/* 1: it cannot be done, and no more is. */
static int completion_wait(struct amdvi *amdvi, const struct amdvi_cmd *cmd)
{
	struct nyx_unit *unit = amdvi->front.unit;
	unsigned int pair;
	int ret;

	ret = drain(amdvi);
	if (ret)
		return ret;
	if (cmd->store) {
		pair = epoch_enter(&unit->irq.posting);
		ret = nyx_guest_write64(unit, cmd->addr, cmd->data);
		epoch_exit(&unit->irq.posting, pair);
		if (ret == -EINTR)
			return ret;
		if (ret) {
			stop_hardware(amdvi, cmd->addr);
			return 1;
		}
	}
	if (cmd->interrupt) {
		spin_lock_irq(&amdvi->lock);
		amdvi_completion(amdvi);
		spin_unlock_irq(&amdvi->lock);
	}
	return 0;
}

/**
 * struct forgotten - a requester that is to be forgotten
 * @rid: it
 * @tag: where its domain's id goes
 */
struct forgotten {
	u16 rid;
	u32 *tag;
};

static bool device_match(const void *ctx, u32 sbdf, u32 tag)
{
	const struct forgotten *f = ctx;

	if ((u16)sbdf != f->rid)
		return false;
	*f->tag = tag;
	return true;
}

/*
 * Section 2.4.2. What was translated for the device by the old entry goes, too:
 * drivers expect that of hardware that has a cache for each device.
 */
static void invalidate_device(struct amdvi *amdvi, u16 rid)
{
	struct nyx_unit *unit = amdvi->front.unit;
	u32 tag = NYX_GUEST_ALL_TAGS;
	const struct forgotten f = { .rid = rid, .tag = &tag };

	nyx_guest_forget(unit, device_match, &f);
	if (tag != NYX_GUEST_ALL_TAGS)
		nyx_guest_invalidate(unit, tag, 0, U64_MAX);
	nyx_guest_forget_irqs(unit, rid);
	clear_bit(rid, amdvi->silenced);
}

static void invalidate_all(struct amdvi *amdvi)
{
	struct nyx_unit *unit = amdvi->front.unit;

	nyx_guest_forget(unit, NULL, NULL);
	nyx_guest_invalidate(unit, NYX_GUEST_ALL_TAGS, 0, U64_MAX);
	nyx_guest_forget_irqs(unit, NYX_GUEST_ALL_IRQS);
	bitmap_zero(amdvi->silenced, U16_MAX + 1);
}

static int execute(struct amdvi *amdvi, const struct amdvi_cmd *cmd)
{
	switch (cmd->opcode) {
	case AMDVI_COMPLETION_WAIT:
		return completion_wait(amdvi, cmd);
	case AMDVI_INVALIDATE_DEVTAB_ENTRY:
		invalidate_device(amdvi, cmd->rid);
		break;
	case AMDVI_INVALIDATE_IOMMU_PAGES:
		nyx_guest_invalidate(amdvi->front.unit, cmd->did, cmd->first,
				     cmd->last);
		break;
	case AMDVI_INVALIDATE_INTERRUPT_TABLE:
		nyx_guest_forget_irqs(amdvi->front.unit, cmd->rid);
		break;
	case AMDVI_INVALIDATE_IOMMU_ALL:
		invalidate_all(amdvi);
		break;
	default:
		/* Prefetching is a hint; no device has translations of its own. */
		return 0;
	}
	amdvi->drain = true;
	return 0;
}

static int fetch(struct amdvi *amdvi, u64 gpa, u64 word[2])
{
	struct nyx_unit *unit = amdvi->front.unit;
	unsigned int pair = epoch_enter(&unit->irq.posting);
	int ret;

	ret = nyx_guest_read64(unit, gpa, &word[0]);
	if (!ret)
		ret = nyx_guest_read64(unit, gpa + 8, &word[1]);
	epoch_exit(&unit->irq.posting, pair);
	return ret;
}

/* The next command, if there is one to execute. */
static bool next(struct amdvi *amdvi, u64 *gpa, u64 *after)
{
	u64 head, tail, base, size;
	bool go;

	spin_lock_irq(&amdvi->lock);
	head = amdvi->value[REG_CMD_HEAD];
	tail = amdvi->value[REG_CMD_TAIL];
	base = amdvi->value[REG_CMD_BASE];
	size = amdvi_ring_size(base);
	go = (amdvi->value[REG_STATUS] & AMDVI_STS_CMD_RUN) && head != tail;
	spin_unlock_irq(&amdvi->lock);
	if (!go)
		return false;
	base &= AMDVI_BASE_ADDR;
	/* No such length, or no head would ever get there. */
	if (head >= size || tail >= size) {
		stop_hardware(amdvi, base + (head >= size ? head : tail));
		return false;
	}
	*gpa = base + head;
	*after = (head + AMDVI_CMD_SIZE) & (size - 1);
	return true;
}

int amdvi_cmd_run(struct amdvi *amdvi)
{
	struct amdvi_cmd cmd;
	u64 gpa, after, word[2];
	u16 error;
	int ret;

	lockdep_assert_held(&amdvi->mutex);
	while (next(amdvi, &gpa, &after)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = fetch(amdvi, gpa, word);
		if (ret == -EINTR)
			return ret;
		if (ret) {
			stop_hardware(amdvi, gpa);
			return 0;
		}
		error = amdvi_decode_cmd(&amdvi->shape, word[0], word[1], &cmd);
		if (error) {
			stop(amdvi, error, gpa);
			return 0;
		}
		ret = execute(amdvi, &cmd);
		if (ret)
			return ret < 0 ? ret : 0;
		spin_lock_irq(&amdvi->lock);
		amdvi->value[REG_CMD_HEAD] = after;
		spin_unlock_irq(&amdvi->lock);
		cond_resched();
	}
	return 0;
}
