/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the event stream of a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A ring that holds the newest records. Writers never wait: the oldest record
 * is overwritten. Any number of readers look at the ring, each with a position
 * of its own; one that was overtaken gets the number of records it missed. The
 * ring outlives its unit for as long as it has readers.
 */
#ifndef NYX_CORE_EVENT_H
#define NYX_CORE_EVENT_H

#include <linux/kref.h>
#include <linux/nyx_iommu.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

/**
 * struct nyx_events - ring of records
 * @ref: the unit's and the readers' references
 * @lock: protects @head, @ended and the records
 * @head: number of the next record
 * @ended: no record will follow
 * @wait: readers and pollers
 * @lost: records that readers missed, or that there was no memory for
 * @nr_irte: readers that want NYX_EVENT_IRTE
 * @mask: number of slots - 1; const after init
 * @ring: the slots
 */
struct nyx_events {
	struct kref ref;
	spinlock_t lock;
	u64 head;
	bool ended;
	wait_queue_head_t wait;
	atomic64_t lost;
	atomic_t nr_irte;
	u32 mask;
	struct nyx_event *ring;
};

/* Count records that no reader will see. */
static inline void nyx_events_count_lost(struct nyx_events *ev, u64 nr)
{
	atomic64_add(nr, &ev->lost);
}

/**
 * nyx_events_alloc() - a new ring
 * @entries: slots, a power of two
 *
 * Context: may sleep.
 * Return: the ring with one reference, or NULL.
 */
struct nyx_events *nyx_events_alloc(u32 entries);

struct nyx_events *nyx_events_get(struct nyx_events *ev);
void nyx_events_put(struct nyx_events *ev);

/**
 * nyx_events_push() - add a record of any type
 * @ev: the ring
 * @event: the record; its number is filled in, and its time unless it is set
 *
 * Once the stream has ended the record is dropped.
 *
 * Context: any.
 */
void nyx_events_push(struct nyx_events *ev, struct nyx_event *event);

/**
 * nyx_events_end() - say that no record will follow
 * @ev: the ring
 *
 * Context: any.
 */
void nyx_events_end(struct nyx_events *ev);

/**
 * nyx_events_pull() - take records for a reader
 * @ev: the ring
 * @pos: the reader's position, moved on
 * @out: where to
 * @max: room, at least 1
 * @ended: set to whether the stream ends behind what was taken
 *
 * Context: any; the caller serialises the users of @pos.
 * Return: records taken; a NYX_EVENT_LOST record among them if the reader was
 * overtaken.
 */
unsigned int nyx_events_pull(struct nyx_events *ev, u64 *pos,
			     struct nyx_event *out, unsigned int max,
			     bool *ended);

/**
 * nyx_events_oldest() - where a reader begins that wants all records
 * @ev: the ring
 *
 * Context: any.
 * Return: number of the oldest record in the ring.
 */
u64 nyx_events_oldest(struct nyx_events *ev);

#endif /* NYX_CORE_EVENT_H */
