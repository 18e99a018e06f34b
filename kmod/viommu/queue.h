/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: a queue of commands in guest memory.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Every vendor has such a queue: commands of 16 bytes between a head, which the unit moves,
 * and a tail, which the guest moves. A write of the tail executes the commands before it
 * returns, because stock drivers spin for the value that the last command stores. Place and
 * format of the commands are the vendor's.
 */
#ifndef NYX_VIOMMU_QUEUE_H
#define NYX_VIOMMU_QUEUE_H

#include <linux/types.h>

#include "core/space/inval.h"

struct nyx_unit;
struct queue;

#define QUEUE_CMD_SIZE	16u

/**
 * struct queue_ops - a vendor's queue, of whole pages
 * @next: set where the next command lies, and what the head is after it; false: there is no
 *        command to execute
 * @execute: execute a command. 0: go on; 1: stop, the head stays; -EINTR; -EINPROGRESS
 * @unreadable: a command could not be read: the queue stops, and the head stays
 * @advance: move the head: a command was executed
 */
struct queue_ops {
	bool (*next)(struct queue *q, u64 *gpa, u64 *after);
	int (*execute)(struct queue *q, u64 gpa, const u64 word[2]);
	void (*unreadable)(struct queue *q, u64 gpa);
	void (*advance)(struct queue *q, u64 after);
};

/**
 * struct queue - a queue
 * @ops: the vendor's; const after init
 * @unit: the unit; const after init
 * @ticket: what was invalidated and accesses may still use
 *
 * The vendor's model serialises its use.
 */
struct queue {
	const struct queue_ops *ops;
	struct nyx_unit *unit;
	struct nyx_ticket ticket;
};

/**
 * queue_run() - execute what is in a queue
 * @q: the queue
 *
 * The work grows with the commands in the queue; the function reschedules.
 *
 * Context: may sleep.
 * Return: 0; -EINTR if the caller was killed, -EINPROGRESS if it has to act for a listener
 * first: the head is at the command that was not finished.
 */
int queue_run(struct queue *q);

/**
 * queue_init() - prepare a queue
 * @q: the queue
 * @unit: its unit
 * @ops: the vendor's
 */
void queue_init(struct queue *q, struct nyx_unit *unit, const struct queue_ops *ops);

/**
 * queue_store() - store the value of a wait command, whose wait is over
 * @q: the queue
 * @gpa: a multiple of @width
 * @width: bytes, 4 or 8
 * @val: what to write, in CPU order
 *
 * Context: may sleep.
 * Return: 0; -EIO if there is no such memory; -EINTR.
 */
int queue_store(struct queue *q, u64 gpa, u32 width, u64 val);

#endif /* NYX_VIOMMU_QUEUE_H */
