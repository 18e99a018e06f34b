// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the event stream of a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/fault/event.h"

#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/export.h"
#include "base/types.h"

struct nyx_events *nyx_events_alloc(u32 entries)
{
	struct nyx_events *ev = kzalloc(sizeof(*ev), GFP_CALLER);

	if (!ev)
		return NULL;
	ev->ring = kvcalloc(entries, sizeof(*ev->ring), GFP_CALLER);
	if (!ev->ring) {
		kfree(ev);
		return NULL;
	}
	kref_init(&ev->ref);
	spin_lock_init(&ev->lock);
	init_waitqueue_head(&ev->wait);
	ev->mask = entries - 1;
	return ev;
}

struct nyx_events *nyx_events_get(struct nyx_events *ev)
{
	kref_get(&ev->ref);
	return ev;
}

static void events_release(struct kref *ref)
{
	struct nyx_events *ev = container_of(ref, struct nyx_events, ref);

	kvfree(ev->ring);
	kfree(ev);
}

void nyx_events_put(struct nyx_events *ev)
{
	kref_put(&ev->ref, events_release);
}

void nyx_events_push(struct nyx_events *ev, struct nyx_event *event)
{
	unsigned long flags;

	spin_lock_irqsave(&ev->lock, flags);
	if (!event->time_ns)
		event->time_ns = ktime_get_boottime_ns();
	event->seq = ev->head;
	/* A reader may have seen the end of the stream: drop the record. */
	if (!ev->ended) {
		ev->ring[ev->head & ev->mask] = *event;
		/* reader_poll() reads @ev->head without the lock. */
		WRITE_ONCE(ev->head, ev->head + 1);
	}
	spin_unlock_irqrestore(&ev->lock, flags);

	/*
	 * wq_has_sleeper() has the barrier that pairs with prepare_to_wait(),
	 * and with that of reader_poll().
	 */
	if (wq_has_sleeper(&ev->wait))
		wake_up_interruptible_poll(&ev->wait, EPOLLIN | EPOLLRDNORM);
}

void nyx_events_end(struct nyx_events *ev)
{
	unsigned long flags;

	spin_lock_irqsave(&ev->lock, flags);
	WRITE_ONCE(ev->ended, true);
	spin_unlock_irqrestore(&ev->lock, flags);
	wake_up_interruptible_all(&ev->wait);
}

static u64 oldest_locked(const struct nyx_events *ev)
{
	u64 slots = (u64)ev->mask + 1;

	lockdep_assert_held(&ev->lock);
	return ev->head > slots ? ev->head - slots : 0;
}

unsigned int nyx_events_pull(struct nyx_events *ev, u64 *pos,
			     struct nyx_event *out, unsigned int max,
			     bool *ended)
{
	unsigned int n = 0;
	unsigned long flags;
	u64 oldest, lost = 0;

	spin_lock_irqsave(&ev->lock, flags);
	oldest = oldest_locked(ev);
	if (*pos < oldest) {
		lost = oldest - *pos;
		/* User space gets the whole record: clear what no field names, too. */
		memset(out, 0, sizeof(*out));
		out->type = NYX_EVENT_LOST;
		out->seq = *pos;
		out->time_ns = ev->ring[oldest & ev->mask].time_ns;
		out->lost = lost;
		n++;
		*pos = oldest;
	}
	for (; n < max && *pos < ev->head; n++)
		out[n] = ev->ring[(*pos)++ & ev->mask];
	*ended = ev->ended && *pos == ev->head;
	spin_unlock_irqrestore(&ev->lock, flags);

	if (lost)
		nyx_events_count_lost(ev, lost);
	return n;
}

u64 nyx_events_oldest(struct nyx_events *ev)
{
	unsigned long flags;
	u64 oldest;

	spin_lock_irqsave(&ev->lock, flags);
	oldest = oldest_locked(ev);
	spin_unlock_irqrestore(&ev->lock, flags);
	return oldest;
}

NYX_EXPORT_FOR_TEST(nyx_events_alloc);
NYX_EXPORT_FOR_TEST(nyx_events_get);
NYX_EXPORT_FOR_TEST(nyx_events_put);
NYX_EXPORT_FOR_TEST(nyx_events_push);
NYX_EXPORT_FOR_TEST(nyx_events_end);
NYX_EXPORT_FOR_TEST(nyx_events_pull);
NYX_EXPORT_FOR_TEST(nyx_events_oldest);
