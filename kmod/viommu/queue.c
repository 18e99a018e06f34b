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

/* Commands that are read together: a driver mostly submits two. */
#define FETCH_MAX	8u
#define CMD_WORDS	(QUEUE_CMD_SIZE / sizeof(u64))

/**
 * struct commands - commands that were read
 * @nr: how many
 * @next: which of them comes next
 * @word: their words
 */
struct commands {
	unsigned int nr;
	unsigned int next;
	u64 word[FETCH_MAX][CMD_WORDS];
};

/*
 * Read the command at @gpa, and those that follow it in the page. Those behind the tail are not
 * executed: the tail does not move while the queue runs.
 */
static int fetch(struct nyx_unit *unit, u64 gpa, struct commands *c)
{
	unsigned int pair = nyx_guest_mem_enter(unit);
	u64 left = NYX_PAGE_SIZE - (gpa & NYX_PAGE_MASK);
	int ret;

	c->next = 0;
	c->nr = min_t(u64, left / QUEUE_CMD_SIZE, FETCH_MAX);
	ret = nyx_guest_read_words(unit, gpa, c->word[0], c->nr * CMD_WORDS);
	nyx_guest_mem_exit(unit, pair);
	return ret;
}

int queue_run(struct queue *q)
{
	struct commands c = {};
	u64 gpa, after;
	int ret;

	while (q->ops->next(q, &gpa, &after)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = c.next < c.nr ? 0 : fetch(q->unit, gpa, &c);
		if (ret == -EINTR)
			return ret;
		if (ret) {
			q->ops->unreadable(q, gpa);
			return 0;
		}
		ret = q->ops->execute(q, gpa, c.word[c.next++]);
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
