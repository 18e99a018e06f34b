// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: a queue of commands in guest memory.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/queue.h"

#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "core/space/memory.h"
#include "core/unit.h"

void queue_init(struct queue *q, struct nyx_unit *unit, const struct queue_ops *ops)
{
	q->ops = ops;
	q->unit = unit;
	q->ticket = NYX_TICKET_QUEUE(unit);
}

static int fetch(struct nyx_unit *unit, u64 gpa, u64 word[2])
{
	unsigned int pair = nyx_guest_mem_enter(unit);
	int ret;

	ret = nyx_guest_read64(unit, gpa, &word[0]);
	if (!ret)
		ret = nyx_guest_read64(unit, gpa + 8, &word[1]);
	nyx_guest_mem_exit(unit, pair);
	return ret;
}

int queue_run(struct queue *q)
{
	u64 gpa, after, word[2];
	int ret;

	while (q->ops->next(q, &gpa, &after)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = fetch(q->unit, gpa, word);
		if (ret == -EINTR)
			return ret;
		if (ret) {
			q->ops->unreadable(q, gpa);
			return 0;
		}
		ret = q->ops->execute(q, gpa, word);
		if (ret)
			return min(ret, 0);
		q->ops->advance(q, after);
		cond_resched();
	}
	return 0;
}

int queue_store(struct queue *q, u64 gpa, u32 width, u64 val)
{
	unsigned int pair = nyx_guest_mem_enter(q->unit);
	int ret;

	ret = width == sizeof(u32) ? nyx_guest_write32(q->unit, gpa, val) :
				     nyx_guest_write64(q->unit, gpa, val);
	nyx_guest_mem_exit(q->unit, pair);
	return ret;
}
