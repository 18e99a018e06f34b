// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the translation path.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/access/translate.h"

#include <linux/build_bug.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "base/export.h"
#include "base/trace.h"
#include "core/access/context.h"
#include "core/access/device.h"
#include "core/fault/history.h"
#include "core/space/domain.h"
#include "core/space/oracle.h"
#include "core/unit.h"
#include "mem/region.h"

static int enter(struct nyx_unit *unit, u32 sbdf, u32 pasid, struct nyx_access *acc)
{
	struct nyx_device *dev;
	struct nyx_domain *dom;
	struct nyx_ctx *ctx;

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
		ctx = rcu_dereference(dev->ctx);
		if (unlikely(!ctx)) {
			rcu_read_unlock();
			return -ENOENT;
		}
		dom = ctx->dom;
		acc->ctx = ctx;
		acc->dom = dom;
		acc->pair = epoch_enter(&dom->epoch);
		/*
		 * Inside, is it still the device's? If so a command that takes it away
		 * from now on waits for us, and only then is it freed. Pairs with
		 * move_begin() of core/attach.c and invalidate_device() of
		 * core/access/context.c.
		 */
		if (likely(rcu_access_pointer(dev->ctx) == ctx))
			break;
		epoch_exit(&dom->epoch, acc->pair);
	}
	rcu_read_unlock();
	return 0;
}

/* A device whose context only the guest's tables know. */
static noinline int enter_guest(struct nyx_unit *unit, struct nyx_access *acc)
{
	u32 sbdf = acc->dev->sbdf, pasid = acc->pasid;
	u64 generation;
	int ret;

	/* A refusal, too, is one by tables that the guest has not taken back. */
	do {
		epoch_exit(&acc->dom->epoch, acc->pair);
		ret = nyx_guest_resolve(unit, sbdf, pasid, &generation,
					&acc->refusal);
		if (!ret)
			ret = enter(unit, sbdf, pasid, acc);
	} while (!ret && acc->dom == unit->blocked_domain &&
		 (!acc->refusal.reason ||
		  generation != READ_ONCE(unit->guest.generation)));
	/* Another thread has installed a context: what was refused before counts no more. */
	if (!ret && acc->dom != unit->blocked_domain)
		acc->refusal = (struct nyx_refusal){};
	return ret;
}

int nyx_access_begin(struct nyx_unit *unit, u32 sbdf, u32 pasid,
		     struct nyx_access *acc)
{
	int ret = enter(unit, sbdf, pasid, acc);

	if (unlikely(!ret && acc->dom == unit->blocked_domain &&
		     nyx_viommu_has_guest(unit->guest.viommu)))
		ret = enter_guest(unit, acc);
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

static_assert(PT_OA_UNKNOWN == NYX_GPA_UNKNOWN);
static_assert(PT_LEVEL_NONE == NYX_LEVEL_NONE);

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
	if (dom->stage.kind == NYX_STAGE_GUEST) {
		nyx_guest_walk(acc->unit, dom, iova, perm, &res, acc->trace);
	} else if (unlikely(nyx_domain_oracle(dom))) {
		if (!nyx_oracle_walk(dom, iova, perm, &res))
			return refuse(fault, NYX_FAULT_ORACLE, iova, perm,
				      NYX_GPA_UNKNOWN);
	} else {
		rcu_read_lock();
		pt_walk(&dom->pt, iova, perm, &res);
		rcu_read_unlock();
	}

	if (unlikely(res.status != PT_OK)) {
		refuse(fault, nyx_walk_reason(res.status), iova, perm, res.oa);
		fault->level = res.level;
		acc->refusal.at = res.status == PT_RESERVED ? res.entry : res.entry_gpa;
		return false;
	}
	span->gpa = res.oa;
	span->perm = res.perm;
	span->lg2 = res.lg2;
	span->valid_lg2 = res.lg2;
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
			span->valid_lg2 = hit.valid_lg2;
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
	const struct memslot *slot;
	u64 left;

	rcu_read_lock();
	slot = memslots_find(&acc->unit->mem, span->gpa, &acc->hint);
	if (likely(slot)) {
		/* The region stays: who removes it drains the domain. */
		span->region = slot->region;
		span->offset = memslot_offset(slot, span->gpa);
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
static void pass(u64 iova, u64 last, struct nyx_span *span)
{
	if (span->length - 1 > last - iova)
		span->length = last - iova + 1;
	span->gpa = iova;
	span->perm = NYX_ACC_RW;
	span->lg2 = 0;
}

/* The pages behind @first are treated in another way. */
static void cut_before(u64 iova, u64 first, struct nyx_span *span)
{
	if (iova < first && span->length > first - iova)
		span->length = first - iova;
}

enum filter_verdict { FILTER_REFUSES, FILTER_EXCLUDES, FILTER_PASSES };

/*
 * Check an access against its context, before anything is translated. With FILTER_EXCLUDES
 * the span is complete but for its memory.
 */
static noinline enum filter_verdict filter(struct nyx_access *acc, u64 iova,
					   unsigned int perm, struct nyx_span *span,
					   struct nyx_fault *fault)
{
	const struct nyx_ctx_attrs *attrs = &acc->ctx->attrs;
	enum nyx_fault_reason reason;

	if (acc->dom->stage.msi_window && nyx_guest_irq_range(iova)) {
		reason = NYX_FAULT_INTERRUPT_RANGE;
		goto refused;
	}
	if (attrs->excl && iova >= attrs->excl_first && iova <= attrs->excl_last) {
		pass(iova, attrs->excl_last, span);
		return FILTER_EXCLUDES;
	}
	if (attrs->excl)
		cut_before(iova, attrs->excl_first, span);
	if (unlikely(attrs->blocked)) {
		/* Of the blocked domain: the guest's tables refuse the device. */
		reason = acc->refusal.reason ?: attrs->blocked;
		goto refused;
	}
	if (unlikely(perm & ~attrs->perm)) {
		reason = perm & ~attrs->perm & NYX_ACC_WRITE ?
			NYX_FAULT_WRITE_DENIED : NYX_FAULT_READ_DENIED;
		goto refused;
	}
	return FILTER_PASSES;

refused:
	refuse(fault, reason, iova, perm, NYX_GPA_UNKNOWN);
	return FILTER_REFUSES;
}

static bool translate_identity(const struct nyx_stage *stage, u64 iova,
			       unsigned int perm, struct nyx_span *span,
			       struct nyx_fault *fault)
{
	u64 last = nyx_lg2_last(stage->width);

	if (unlikely(iova > last))
		return refuse(fault, NYX_FAULT_ADDRESS_WIDTH, iova, perm,
			      NYX_GPA_UNKNOWN);
	if (stage->msi_window)
		cut_before(iova, NYX_IRQ_RANGE_START, span);
	pass(iova, last, span);
	return true;
}

/* Translate an access by the stage of its domain; *walked as of translate_paging(). */
static bool translate_stage(struct nyx_access *acc, u64 iova, unsigned int perm,
			    struct nyx_span *span, struct nyx_fault *fault,
			    bool *walked)
{
	const struct nyx_stage *stage = &acc->dom->stage;
	u64 left, mask;

	switch (stage->kind) {
	case NYX_STAGE_GUEST:
		/* A caller that only looks wants to see the walk. */
		if (unlikely(acc->trace))
			return walk(acc, iova, perm, span, fault);
		fallthrough;
	case NYX_STAGE_KERNEL:
		if (!translate_paging(acc, iova, perm, span, fault, walked))
			return false;
		/* To the end of what the translation speaks for. */
		mask = nyx_lg2_last(span->valid_lg2);
		left = mask - (iova & mask);
		if (span->length - 1 > left)
			span->length = left + 1;
		return true;
	case NYX_STAGE_IDENTITY:
		return translate_identity(stage, iova, perm, span, fault);
	default:
		/* Its contexts are blocked: this is not reached. */
		return refuse(fault, NYX_FAULT_BLOCKED, iova, perm, NYX_GPA_UNKNOWN);
	}
}

bool nyx_translate(struct nyx_access *acc, u64 iova, u64 length,
		   unsigned int perm, struct nyx_span *span,
		   struct nyx_fault *fault)
{
	enum filter_verdict verdict = FILTER_PASSES;
	const struct nyx_ctx *ctx = acc->ctx;
	struct nyx_domain *dom = acc->dom;
	bool walked = false;
	u8 granted;

	if (unlikely(READ_ONCE(acc->dev->refused) || atomic_read(&dom->refused)))
		return refuse(fault, NYX_FAULT_QUARANTINED, iova, perm,
			      NYX_GPA_UNKNOWN);
	span->length = length;
	if (unlikely(ctx->filtered))
		verdict = filter(acc, iova, perm, span, fault);
	if (unlikely(verdict == FILTER_REFUSES))
		return false;
	if (likely(verdict == FILTER_PASSES)) {
		if (!translate_stage(acc, iova, perm, span, fault, &walked))
			return false;
		/* The cache gets what the domain grants: other contexts use it, too. */
		granted = span->perm;
		span->perm &= ctx->attrs.perm;
	}
	if (!find_memory(acc, iova, perm, span, fault))
		return false;
	/* The entry also says which memory was found: the hint. */
	if (walked)
		iotlb_fill(&acc->unit->iotlb, &dom->space, &acc->snap, iova,
			   span->gpa, span->lg2, granted, acc->hint);
	return true;
}

bool nyx_fault_name(struct nyx_access *acc, struct nyx_fault *fault,
		    struct nyx_refusal *refusal)
{
	struct nyx_viommu *viommu = acc->unit->guest.viommu;
	const struct nyx_ctx_attrs *attrs = &acc->ctx->attrs;
	const struct nyx_guest_table *table = &acc->dom->guest;

	if (!viommu->ops->dma_code)
		return false;
	*refusal = acc->refusal;
	if (acc->dom->cfg.kind == NYX_DOMAIN_GUEST)
		*refusal = (struct nyx_refusal) {
			.code = fault->reason == NYX_FAULT_CONTEXT ?
				attrs->code : 0,
			.quiet = attrs->fpd,
			.levels = table->cfg.levels,
			.model = attrs->model,
			.tag = table->did,
			.at = acc->refusal.at,
		};
	fault->vendor = viommu->ops->dma_code(viommu, fault, refusal);
	return fault->vendor && !refusal->quiet;
}

void nyx_fault_report(struct nyx_access *acc, struct nyx_fault *fault,
		      u64 length)
{
	struct nyx_viommu *viommu = acc->unit->guest.viommu;
	struct nyx_event event, state;
	struct nyx_refusal refusal;
	bool notify;

	/* A thread that was killed while a table was read has seen nothing of it. */
	if (fault->reason == NYX_FAULT_TABLE_ACCESS &&
	    fatal_signal_pending(current))
		return;
	if (fault->reason == NYX_FAULT_QUARANTINED) {
		nyx_stat_add_both(acc->dev->stats, acc->dom->stats,
				  NYX_STAT_REFUSED, 1);
		return;
	}
	notify = nyx_fault_name(acc, fault, &refusal);
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
	if (nyx_tracker_fault(acc->unit, acc->dev, &event, &state)) {
		event.fault.cause = nyx_fault_explain(acc, fault, event.time_ns,
						      &event.fault.detail);
		nyx_events_push(acc->unit->events, &event);
	}
	if (notify)
		viommu->ops->dma_fault(viommu, acc->dev->sbdf, acc->pasid,
				       fault, &refusal);
	nyx_tracker_emit(acc->unit, acc->dev, &state);
}

NYX_EXPORT_FOR_TEST(nyx_access_begin);
NYX_EXPORT_FOR_TEST(nyx_access_end);
NYX_EXPORT_FOR_TEST(nyx_translate);
NYX_EXPORT_FOR_TEST(nyx_fault_report);
