// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: what was unmapped when, and what led to a fault.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/fault/history.h"

#include <linux/atomic.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "base/types.h"
#include "core/fault/fault.h"
#include "core/space/domain.h"

/* Pages behind a mapping in which a fault counts as an access past its end. */
#define PAST_END_PAGES	16u

/* Size from which on nyx_history_before() records only the mapped parts of a range. */
#define EXACT_FROM	SZ_2M

void nyx_history_prepare(struct nyx_domain *dom)
{
	struct nyx_history *history;

	if (READ_ONCE(dom->history))
		return;
	history = kzalloc(sizeof(*history), GFP_CALLER);
	if (!history)
		return;
	seqcount_init(&history->seq);
	/* Pairs with the dependency in nyx_history_find(). */
	if (cmpxchg(&dom->history, NULL, history))
		kfree(history);
}

static void add(struct nyx_history *h, u64 first, u64 last, u64 now)
{
	struct nyx_past *p;
	unsigned long flags;

	p = &h->past[(h->next - 1) % NYX_HISTORY_MAX];
	/* A reader on this CPU must not meet an odd count. */
	local_irq_save(flags);
	raw_write_seqcount_begin(&h->seq);
	if (p->time_ns == now && p->last + 1 == first && first) {
		p->last = last;		/* @p ends where this range begins */
	} else {
		p = &h->past[h->next++ % NYX_HISTORY_MAX];
		*p = (struct nyx_past){ first, last, now };
	}
	raw_write_seqcount_end(&h->seq);
	local_irq_restore(flags);
}

int nyx_history_before(struct nyx_domain *dom, u64 first, u64 last)
{
	struct nyx_history *h = dom->history;
	struct pt_extent ext;
	unsigned int i;
	u64 now;
	int ret;

	lockdep_assert_held(&dom->lock);
	if (!h || last - first < EXACT_FROM)
		return 0;
	/* The only part of pt_unmap() that can fail comes before add(). */
	ret = pt_split(&dom->pt, first, last);
	if (ret)
		return ret;
	now = ktime_get_coarse_boottime_ns();
	for (i = 0; i < NYX_HISTORY_MAX; i++) {
		if (!pt_next(&dom->pt, first, last, &ext))
			break;
		add(h, ext.start, min(ext.last, last), now);
		if (ext.last >= last)
			break;
		first = ext.last + 1;
	}
	return 0;
}

void nyx_history_after(struct nyx_domain *dom, u64 first, u64 last)
{
	lockdep_assert_held(&dom->lock);
	if (dom->history && last - first < EXACT_FROM)
		add(dom->history, first, last, ktime_get_coarse_boottime_ns());
}

u64 nyx_history_find(struct nyx_domain *dom, u64 iova)
{
	struct nyx_history *h = READ_ONCE(dom->history);
	unsigned int seq, i, tries;
	u64 time = 0;

	if (!h)
		return 0;
	for (tries = 0; tries < 4; tries++) {
		seq = raw_read_seqcount(&h->seq);
		time = 0;
		for (i = 0; i < NYX_HISTORY_MAX; i++) {
			const struct nyx_past *p = &h->past[i];
			u64 when = READ_ONCE(p->time_ns);

			if (when > time && iova >= READ_ONCE(p->first) &&
			    iova <= READ_ONCE(p->last))
				time = when;
		}
		if (!(seq & 1) && !read_seqcount_retry(&h->seq, seq))
			return time;
	}
	return 0;
}

/* Does a mapping end shortly before @iova? Sets the distance from its end. */
static bool past_end(struct nyx_domain *dom, u64 iova, u64 *distance)
{
	u64 va = iova & ~NYX_PAGE_MASK;
	struct pt_result res;
	unsigned int i;

	for (i = 0; i < PAST_END_PAGES && va; i++) {
		va -= NYX_PAGE_SIZE;
		rcu_read_lock();
		pt_walk(&dom->pt, va, 0, &res);
		rcu_read_unlock();
		if (res.status == PT_OK) {
			*distance = iova - (va + NYX_PAGE_SIZE);
			return true;
		}
	}
	return false;
}

static u32 explain_absent(struct nyx_domain *dom, u64 iova, u64 now,
			  struct nyx_event_fault *event)
{
	u64 when = nyx_history_find(dom, iova);

	if (when) {
		/* The clock of the history is a coarse one. */
		event->since_ns = now > when ? now - when : 0;
		return NYX_CAUSE_UNMAPPED;
	}
	return past_end(dom, iova, &event->bytes) ? NYX_CAUSE_PAST_END :
						    NYX_CAUSE_NEVER_MAPPED;
}

u32 nyx_fault_explain(struct nyx_domain *dom, const struct nyx_fault_info *info,
		      u64 now, struct nyx_event_fault *event)
{
	struct pt_result res;

	/* The guest's table may have changed, and must not be walked here. */
	if (dom->cfg.kind == NYX_DOMAIN_GUEST &&
	    info->reason != NYX_FAULT_ADDRESS_WIDTH)
		return NYX_CAUSE_UNKNOWN;
	switch (info->reason) {
	case NYX_FAULT_NOT_PRESENT:
	case NYX_FAULT_TABLE_NOT_PRESENT:
		return explain_absent(dom, info->address, now, event);
	case NYX_FAULT_READ_DENIED:
	case NYX_FAULT_WRITE_DENIED:
		rcu_read_lock();
		pt_walk(&dom->pt, info->address, 0, &res);
		rcu_read_unlock();
		if (res.status == PT_OK)
			event->prot = res.perm & NYX_ACC_RW;
		return NYX_CAUSE_PERMISSION;
	case NYX_FAULT_READONLY_MEMORY:
		event->prot = NYX_PROT_READ;
		return NYX_CAUSE_PERMISSION;
	case NYX_FAULT_NO_DOMAIN:
	case NYX_FAULT_BLOCKED:
		return NYX_CAUSE_BLOCKED;
	case NYX_FAULT_ADDRESS_WIDTH:
		return NYX_CAUSE_WIDTH;
	case NYX_FAULT_RESERVED_BIT:
	case NYX_FAULT_TABLE_ACCESS:
	case NYX_FAULT_ORACLE:
		return NYX_CAUSE_TABLE;
	case NYX_FAULT_NO_MEMORY:
	case NYX_FAULT_MEMORY_ERROR:
		event->gpa = info->gpa;
		return NYX_CAUSE_MEMORY;
	default:
		return NYX_CAUSE_UNKNOWN;
	}
}
