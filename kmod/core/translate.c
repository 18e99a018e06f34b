// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the translation path.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/translate.h"

#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "base/export.h"
#include "base/trace.h"
#include "core/context.h"
#include "core/device.h"
#include "core/domain.h"
#include "core/history.h"
#include "core/oracle.h"
#include "core/unit.h"
#include "mem/region.h"

static int enter(struct nyx_unit *unit, u32 sbdf, u32 pasid, struct nyx_access *acc)
{
	struct nyx_device *dev;
	struct nyx_domain *dom;

	rcu_read_lock();
	dev = xa_load(&unit->devices, sbdf);
	if (!dev) {
		rcu_read_unlock();
		return -ENOENT;
	}
	acc->unit = unit;
	acc->dev = dev;
	acc->pasid = pasid;
	for (;;) {
		dom = rcu_dereference(dev->domain);
		if (unlikely(!dom)) {
			rcu_read_unlock();
			return -ENOENT;
		}
		acc->dom = dom;
		acc->pair = epoch_enter(&dom->epoch);
		/*
		 * Inside, is it still the device's? If so a detach from now on
		 * waits for us. Pairs with move_begin() of core/attach.c.
		 */
		if (likely(rcu_access_pointer(dev->domain) == dom))
			break;
		epoch_exit(&dom->epoch, acc->pair);
	}
	rcu_read_unlock();
	return 0;
}

/* A device whose domain only the guest's tables know. */
static noinline int enter_guest(struct nyx_unit *unit, u32 sbdf, u32 pasid,
				struct nyx_access *acc)
{
	u64 generation;
	int ret;

	/* A refusal, too, is one by tables that the guest has not taken back. */
	do {
		epoch_exit(&acc->dom->epoch, acc->pair);
		ret = nyx_guest_resolve(unit, sbdf, pasid, &generation,
					&acc->refusal);
		if (!ret)
			ret = enter(unit, sbdf, pasid, acc);
	} while (!ret && acc->dom == unit->nowhere &&
		 (!acc->refusal.reason ||
		  generation != READ_ONCE(unit->guest.generation)));
	return ret;
}

int nyx_access_begin(struct nyx_unit *unit, u32 sbdf, u32 pasid,
		     struct nyx_access *acc)
{
	int ret = enter(unit, sbdf, pasid, acc);

	if (unlikely(!ret && unit->guest.front && acc->dom == unit->nowhere))
		ret = enter_guest(unit, sbdf, pasid, acc);
	return ret;
}

void nyx_access_end(struct nyx_access *acc)
{
	nyx_stat_tally(acc->dev->stats, &acc->tally);
	nyx_stat_tally(acc->dom->stats, &acc->tally);
	epoch_exit(&acc->dom->epoch, acc->pair);
}

u32 nyx_walk_reason(u8 status)
{
	static const u8 reason[] = {
		[PT_OK] = NYX_FAULT_NONE,
		[PT_WIDTH] = NYX_FAULT_ADDRESS_WIDTH,
		[PT_NOT_PRESENT] = NYX_FAULT_NOT_PRESENT,
		[PT_TABLE_NOT_PRESENT] = NYX_FAULT_TABLE_NOT_PRESENT,
		[PT_NO_READ] = NYX_FAULT_READ_DENIED,
		[PT_NO_WRITE] = NYX_FAULT_WRITE_DENIED,
		[PT_RESERVED] = NYX_FAULT_RESERVED_BIT,
		[PT_TABLE_ACCESS] = NYX_FAULT_TABLE_ACCESS,
		[PT_INTERRUPT_RANGE] = NYX_FAULT_INTERRUPT_RANGE,
	};

	return reason[status];
}

/* An access is refused. Returns false, for the caller to return. */
static noinline bool refuse(struct nyx_fault *fault, enum nyx_fault_reason reason,
			    u64 iova, unsigned int perm, u64 gpa)
{
	*fault = (struct nyx_fault) {
		.reason = reason,
		.access = perm,
		.level = NYX_LEVEL_NONE,
		.iova = iova,
		.gpa = gpa,
	};
	return false;
}

/* The table walk behind the cache. Says exactly what is wrong. */
static bool walk(struct nyx_access *acc, u64 iova, unsigned int perm,
		 struct nyx_span *span, struct nyx_fault *fault)
{
	struct nyx_domain *dom = acc->dom;
	struct pt_result res;

	acc->tally.walks++;
	iotlb_begin(&dom->space, &acc->snap);
	if (dom->kind == NYX_DOMAIN_GUEST) {
		nyx_guest_walk(acc->unit, dom, iova, perm, &res, acc->trace);
	} else if (unlikely(dom->oracle)) {
		if (!nyx_oracle_walk(dom, iova, perm, &res))
			return refuse(fault, NYX_FAULT_ORACLE, iova, perm,
				      NYX_GPA_UNKNOWN);
	} else {
		rcu_read_lock();
		pt_walk(&dom->pt, iova, perm, &res);
		rcu_read_unlock();
	}

	if (unlikely(res.status != PT_OK)) {
		refuse(fault, nyx_walk_reason(res.status), iova, perm,
		       res.status == PT_NO_READ || res.status == PT_NO_WRITE ||
		       res.status == PT_INTERRUPT_RANGE ?
		       res.oa : NYX_GPA_UNKNOWN);
		if (res.status != PT_WIDTH && res.status != PT_INTERRUPT_RANGE)
			fault->level = res.level;
		if (res.status == PT_TABLE_ACCESS || res.status == PT_RESERVED)
			acc->refusal.at = res.oa;
		return false;
	}
	span->gpa = res.oa;
	span->perm = res.perm;
	if (dom->kind == NYX_DOMAIN_GUEST)
		span->perm &= dom->guest.perm;
	span->lg2 = res.lg2;
	span->reach = res.lg2;
	return true;
}

/* True on success; *walked tells whether the cache could have it. */
static bool translate_paging(struct nyx_access *acc, u64 iova,
			     unsigned int perm, struct nyx_span *span,
			     struct nyx_fault *fault, bool *walked)
{
	struct iotlb *tlb = &acc->unit->iotlb;
	struct iotlb_hit hit;

	if (tlb->sets) {
		if (likely(iotlb_lookup(tlb, &acc->dom->space, iova, &hit) &&
			   !(perm & ~hit.perm))) {
			acc->tally.hits++;
			acc->hint = hit.hint;
			span->gpa = hit.oa;
			span->perm = hit.perm;
			span->lg2 = hit.lg2;
			span->reach = hit.reach;
			return true;
		}
		acc->tally.misses++;
	}
	trace_nyx_translate_miss(acc->unit->id, acc->dom->id, acc->dev->sbdf,
				 iova, perm);
	*walked = true;
	return walk(acc, iova, perm, span, fault);
}

/* Find the memory behind the span and cut the span to it. */
static bool find_memory(struct nyx_access *acc, u64 iova, unsigned int perm,
			struct nyx_span *span, struct nyx_fault *fault)
{
	const struct gmap_slot *slot;
	u64 left;

	rcu_read_lock();
	slot = gmap_find(&acc->unit->mem, span->gpa, &acc->hint);
	if (likely(slot)) {
		/* The region stays: who removes it drains the domain. */
		span->region = slot->region;
		span->offset = gmap_offset(slot, span->gpa);
		left = slot->last - span->gpa;
	}
	rcu_read_unlock();

	if (unlikely(!slot))
		return refuse(fault, NYX_FAULT_NO_MEMORY, iova, perm, span->gpa);
	if (span->length - 1 > left)
		span->length = left + 1;
	if (unlikely((perm & NYX_ACC_WRITE) &&
		     (region_flags(span->region) & REGION_READONLY)))
		return refuse(fault, NYX_FAULT_READONLY_MEMORY, iova, perm,
			      span->gpa);
	return true;
}

/* The address is the output, up to @last. */
static void pass(u64 iova, u64 last, unsigned int perm, struct nyx_span *span)
{
	if (span->length - 1 > last - iova)
		span->length = last - iova + 1;
	span->gpa = iova;
	span->perm = perm;
	span->lg2 = 0;
}

/* The pages behind @first are treated in another way. */
static void cut_before(u64 iova, u64 first, struct nyx_span *span)
{
	if (iova < first && span->length > first - iova)
		span->length = first - iova;
}

enum guest_way { GUEST_TABLE, GUEST_PASS, GUEST_REFUSED };

/* Decode what the guest's tables say about a device, before any table is walked. */
static enum guest_way guest_way(struct nyx_access *acc, u64 iova,
				unsigned int perm, struct nyx_span *span,
				struct nyx_fault *fault)
{
	const struct nyx_guest_map *map = &acc->dom->guest;
	u64 last = nyx_lg2_last(map->width);
	enum nyx_fault_reason reason;

	if (map->keep_irqs && nyx_guest_irq_range(iova)) {
		reason = NYX_FAULT_INTERRUPT_RANGE;
		goto refused;
	}
	if (map->hole && iova >= map->hole_first && iova <= map->hole_last) {
		pass(iova, map->hole_last, NYX_ACC_RW, span);
		return GUEST_PASS;
	}
	if (map->hole)
		cut_before(iova, map->hole_first, span);
	if (unlikely(map->blocked)) {
		reason = NYX_FAULT_CONTEXT;
		goto refused;
	}
	if (unlikely(perm & ~map->perm)) {
		reason = perm & ~map->perm & NYX_ACC_WRITE ?
			NYX_FAULT_WRITE_DENIED : NYX_FAULT_READ_DENIED;
		goto refused;
	}
	if (!map->pass_through)
		return GUEST_TABLE;
	if (iova > last) {
		reason = NYX_FAULT_ADDRESS_WIDTH;
		goto refused;
	}
	if (map->keep_irqs)
		cut_before(iova, NYX_IRQ_RANGE_START, span);
	pass(iova, last, map->perm, span);
	return GUEST_PASS;

refused:
	refuse(fault, reason, iova, perm, NYX_GPA_UNKNOWN);
	return GUEST_REFUSED;
}

bool nyx_translate(struct nyx_access *acc, u64 iova, u64 length,
		   unsigned int perm, struct nyx_span *span,
		   struct nyx_fault *fault)
{
	struct nyx_domain *dom = acc->dom;
	bool walked = false;
	enum guest_way way;
	u64 left, mask;

	if (unlikely(READ_ONCE(acc->dev->refused) || atomic_read(&dom->refused)))
		return refuse(fault, NYX_FAULT_QUARANTINED, iova, perm,
			      NYX_GPA_UNKNOWN);
	span->length = length;
	switch (dom->kind) {
	case NYX_DOMAIN_GUEST:
		way = guest_way(acc, iova, perm, span, fault);
		if (way == GUEST_REFUSED)
			return false;
		if (way == GUEST_PASS)
			break;
		/* A caller that only looks wants to see the walk. */
		if (unlikely(acc->trace)) {
			if (!walk(acc, iova, perm, span, fault))
				return false;
			break;
		}
		fallthrough;
	case NYX_DOMAIN_PAGING:
		if (!translate_paging(acc, iova, perm, span, fault, &walked))
			return false;
		/* To the end of what the translation speaks for. */
		mask = nyx_lg2_last(span->reach);
		left = mask - (iova & mask);
		if (span->length - 1 > left)
			span->length = left + 1;
		break;
	case NYX_DOMAIN_IDENTITY:
		span->gpa = iova;
		span->perm = NYX_ACC_RW;
		span->lg2 = 0;
		break;
	case NYX_DOMAIN_BLOCKED:
		return refuse(fault, NYX_FAULT_BLOCKED, iova, perm,
			      NYX_GPA_UNKNOWN);
	default:
		return refuse(fault, acc->refusal.reason ?: NYX_FAULT_NO_DOMAIN,
			      iova, perm, NYX_GPA_UNKNOWN);
	}
	if (!find_memory(acc, iova, perm, span, fault))
		return false;
	/* Now that it is known where the memory is: the entry says so, too. */
	if (walked)
		iotlb_fill(&acc->unit->iotlb, &dom->space, &acc->snap, iova,
			   span->gpa, span->lg2, span->perm, acc->hint);
	return true;
}

bool nyx_fault_name(struct nyx_access *acc, struct nyx_fault *fault,
		    struct nyx_refusal *refusal)
{
	struct nyx_front *front = acc->unit->guest.front;
	const struct nyx_guest_map *map = &acc->dom->guest;

	if (!front)
		return false;
	*refusal = acc->refusal;
	if (acc->dom->kind == NYX_DOMAIN_GUEST)
		*refusal = (struct nyx_refusal) {
			.code = fault->reason == NYX_FAULT_CONTEXT ?
				map->blocked : 0,
			.quiet = map->quiet,
			.levels = map->cfg.levels,
			.note = map->note,
			.tag = map->tag,
			.at = acc->refusal.at,
		};
	fault->vendor = front->ops->dma_code(front, fault, refusal);
	return fault->vendor && !refusal->quiet;
}

void nyx_fault_report(struct nyx_access *acc, struct nyx_fault *fault,
		      u64 length)
{
	struct nyx_front *front = acc->unit->guest.front;
	struct nyx_event event, state;
	struct nyx_refusal refusal;
	bool tell;

	/* A thread that was killed while a table was read has seen nothing of it. */
	if (fault->reason == NYX_FAULT_TABLE_ACCESS &&
	    fatal_signal_pending(current))
		return;
	if (fault->reason == NYX_FAULT_QUARANTINED) {
		nyx_stat_add_both(acc->dev->stats, acc->dom->stats,
				  NYX_STAT_REFUSED, 1);
		return;
	}
	tell = nyx_fault_name(acc, fault, &refusal);
	/* All of it goes to user space, also what no field names. */
	memset(&event, 0, sizeof(event));
	event.type = NYX_EVENT_FAULT;
	event.time_ns = ktime_get_boottime_ns();
	event.fault.sbdf = acc->dev->sbdf;
	event.fault.pasid = acc->pasid;
	event.fault.domain_id = acc->dom->id;
	event.fault.length = length;
	event.fault.fault = *fault;

	atomic64_inc(&acc->dev->faults);
	WRITE_ONCE(acc->dev->last_fault_ns, event.time_ns);
	atomic64_inc(&acc->dom->faults);
	nyx_stat_add_both(acc->dev->stats, acc->dom->stats, NYX_STAT_FAULTS, 1);
	trace_nyx_fault(acc->unit->id, event.fault.domain_id, acc->dev->sbdf,
			fault->iova, fault->gpa, fault->access, fault->reason,
			fault->level);
	if (nyx_guard_fault(acc->unit, acc->dev, &event, &state)) {
		event.fault.cause = nyx_fault_explain(acc, fault, event.time_ns,
						      &event.fault.detail);
		nyx_events_push(acc->unit->events, &event);
	}
	if (tell)
		front->ops->dma_fault(front, acc->dev->sbdf, acc->pasid, fault,
				      &refusal);
	nyx_guard_tell(acc->unit, acc->dev, &state);
}

NYX_EXPORT_FOR_TEST(nyx_access_begin);
NYX_EXPORT_FOR_TEST(nyx_access_end);
NYX_EXPORT_FOR_TEST(nyx_translate);
