// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the translation path.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/access/translate.h"

#include <linux/build_bug.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>

#include "base/export.h"
#include "base/trace.h"
#include "core/access/context.h"
#include "core/access/device.h"
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
		 * Inside the epoch, is @ctx still the device's? If so, a command that takes
		 * @ctx away from now on waits for this access before it frees @ctx. Pairs
		 * with move_begin() of core/attach.c and invalidate_device() of
		 * core/access/context.c.
		 */
		if (likely(rcu_access_pointer(dev->ctx) == ctx))
			break;
		epoch_exit(&dom->epoch, acc->pair);
	}
	rcu_read_unlock();
	return 0;
}

/* Enter a device whose context only the guest's tables know. */
static noinline int enter_guest(struct nyx_unit *unit, struct nyx_access *acc)
{
	u32 sbdf = acc->dev->sbdf, pasid = acc->pasid;
	u64 generation;
	int ret;

	/* Retry as well if the tables that caused the fault were invalidated meanwhile. */
	do {
		epoch_exit(&acc->dom->epoch, acc->pair);
		ret = nyx_guest_resolve(unit, sbdf, pasid, &generation,
					&acc->fault);
		if (!ret)
			ret = enter(unit, sbdf, pasid, acc);
	} while (!ret && acc->dom == unit->blocked_domain &&
		 (acc->fault.reason == NYX_FAULT_NONE ||
		  generation != READ_ONCE(unit->guest.generation)));
	/* Another thread has installed a context: drop the fault of this one. */
	if (!ret && acc->dom != unit->blocked_domain)
		acc->fault.reason = NYX_FAULT_NONE;
	return ret;
}

int nyx_access_begin(struct nyx_unit *unit, u32 sbdf, u32 pasid,
		     struct nyx_access *acc)
{
	int ret = enter(unit, sbdf, pasid, acc);

	acc->fault.reason = NYX_FAULT_NONE;
	acc->hint = 0;
	acc->tally = (struct nyx_tally){};
	acc->trace = NULL;
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

/* ---- faults ------------------------------------------------------------- */

static_assert(PT_OA_UNKNOWN == NYX_GPA_UNKNOWN);
static_assert(PT_LEVEL_NONE == NYX_LEVEL_NONE);

void nyx_walk_fault(const struct pt_result *res, struct nyx_fault_info *fault)
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

	fault->reason = reason[res->status];
	fault->level = res->level;
	fault->gpa = res->oa;
	if (res->status == PT_RESERVED)
		fault->entry = res->entry;
	if (res->status == PT_TABLE_ACCESS)
		fault->entry_gpa = res->entry_gpa;
}

static void describe(const struct nyx_access *acc, u32 reason, u64 iova,
		     unsigned int perm, u64 gpa, struct nyx_fault_info *fault)
{
	const struct nyx_ctx_attrs *attrs = &acc->ctx->attrs;
	const struct nyx_guest_table *table = &acc->dom->guest;

	*fault = (struct nyx_fault_info) {
		.reason = reason,
		.code = reason == NYX_FAULT_CONTEXT ? attrs->code : 0,
		.fpd = attrs->fpd,
		.access = perm,
		.level = NYX_LEVEL_NONE,
		.levels = table->cfg.levels,
		.model = attrs->model,
		.pasid = acc->pasid,
		.did = table->did,
		.address = iova,
		.gpa = gpa,
	};
}

noinline bool nyx_access_fault(const struct nyx_access *acc, u32 reason, u64 iova,
			       unsigned int perm, u64 gpa, struct nyx_fault_info *fault)
{
	describe(acc, reason, iova, perm, gpa, fault);
	nyx_fault_name(acc->unit, fault);
	return false;
}

/* As nyx_access_fault(), for the fault of a table walk. */
static noinline bool walk_fault(const struct nyx_access *acc, const struct pt_result *res,
				u64 iova, unsigned int perm, struct nyx_fault_info *fault)
{
	describe(acc, NYX_FAULT_NONE, iova, perm, NYX_GPA_UNKNOWN, fault);
	nyx_walk_fault(res, fault);
	nyx_fault_name(acc->unit, fault);
	return false;
}

/* As nyx_access_fault(), for a device without a context in the guest's tables. */
static bool ctx_fault(const struct nyx_access *acc, u64 iova, unsigned int perm,
		      struct nyx_fault_info *fault)
{
	*fault = acc->fault;
	fault->access = perm;
	fault->level = NYX_LEVEL_NONE;
	fault->pasid = acc->pasid;
	fault->address = iova;
	fault->gpa = NYX_GPA_UNKNOWN;
	nyx_fault_name(acc->unit, fault);
	return false;
}

void nyx_access_report(const struct nyx_access *acc, struct nyx_fault_info *fault,
		       u64 length)
{
	/* The read of the table may have failed only because this thread was killed. */
	if (fault->reason == NYX_FAULT_TABLE_ACCESS && fatal_signal_pending(current))
		return;
	fault->length = length;
	nyx_fault_report(acc->unit, acc->dev, acc->dom, fault);
}

/* ---- the path ----------------------------------------------------------- */

/* Walk the table after a miss of the cache, and describe the fault exactly. */
static bool walk(struct nyx_access *acc, u64 iova, unsigned int perm,
		 struct nyx_segment *seg, struct nyx_fault_info *fault)
{
	struct nyx_domain *dom = acc->dom;
	struct pt_result res;

	acc->tally.walks++;
	iotlb_begin(&dom->space, &acc->snap);
	if (dom->stage.kind == NYX_STAGE_GUEST) {
		nyx_guest_walk(acc->unit, dom, iova, perm, &res, acc->trace);
	} else if (unlikely(nyx_domain_oracle(dom))) {
		if (!nyx_oracle_walk(dom, iova, perm, &res))
			return nyx_access_fault(acc, NYX_FAULT_ORACLE, iova, perm,
						NYX_GPA_UNKNOWN, fault);
	} else {
		rcu_read_lock();
		pt_walk(&dom->pt, iova, perm, &res);
		rcu_read_unlock();
	}

	if (unlikely(res.status != PT_OK))
		return walk_fault(acc, &res, iova, perm, fault);
	seg->gpa = res.oa;
	seg->perm = res.perm;
	seg->lg2 = res.lg2;
	seg->valid_lg2 = res.lg2;
	return true;
}

/* Translate by cache or table. Sets *walked if the cache may get the translation. */
static bool translate_paging(struct nyx_access *acc, u64 iova,
			     unsigned int perm, struct nyx_segment *seg,
			     struct nyx_fault_info *fault, bool *walked)
{
	struct iotlb *tlb = &acc->unit->iotlb;
	struct iotlb_hit hit;

	if (tlb->sets) {
		if (likely(iotlb_lookup(tlb, &acc->dom->space, iova, &hit) &&
			   !(perm & ~hit.perm))) {
			acc->tally.hits++;
			acc->hint = hit.hint;
			seg->gpa = hit.oa;
			seg->perm = hit.perm;
			seg->lg2 = hit.lg2;
			seg->valid_lg2 = hit.valid_lg2;
			return true;
		}
		acc->tally.misses++;
	}
	trace_nyx_translate_miss(acc->unit->id, acc->dom->id, acc->dev->sbdf,
				 iova, perm);
	*walked = true;
	return walk(acc, iova, perm, seg, fault);
}

/* Find the memory behind the segment, and cut the segment to it. */
static bool find_memory(struct nyx_access *acc, u64 iova, unsigned int perm,
			struct nyx_segment *seg, struct nyx_fault_info *fault)
{
	const struct memslot *slot;
	u64 left;

	rcu_read_lock();
	slot = memslots_find(&acc->unit->mem, seg->gpa, &acc->hint);
	if (likely(slot)) {
		/* The region stays: nyx_memory_remove() drains the domain. */
		seg->region = slot->region;
		seg->offset = memslot_offset(slot, seg->gpa);
		left = slot->last - seg->gpa;
	}
	rcu_read_unlock();

	if (unlikely(!slot))
		return nyx_access_fault(acc, NYX_FAULT_NO_MEMORY, iova, perm,
					seg->gpa, fault);
	if (seg->length - 1 > left)
		seg->length = left + 1;
	if (unlikely((perm & NYX_ACC_WRITE) &&
		     (region_flags(seg->region) & REGION_READONLY)))
		return nyx_access_fault(acc, NYX_FAULT_READONLY_MEMORY, iova, perm,
					seg->gpa, fault);
	return true;
}

/* Translate @iova to itself, up to @last. */
static void identity_map(u64 iova, u64 last, struct nyx_segment *seg)
{
	if (seg->length - 1 > last - iova)
		seg->length = last - iova + 1;
	seg->gpa = iova;
	seg->perm = NYX_ACC_RW;
	seg->lg2 = 0;
}

/* End the segment before @first, where other rules begin. */
static void cut_before(u64 iova, u64 first, struct nyx_segment *seg)
{
	if (iova < first && seg->length > first - iova)
		seg->length = first - iova;
}

enum filter_verdict { FILTER_BLOCKS, FILTER_EXCLUDES, FILTER_PASSES };

/*
 * Check an access against its context, before anything is translated. With FILTER_EXCLUDES
 * the segment is complete but for its memory.
 */
static noinline enum filter_verdict filter(struct nyx_access *acc, u64 iova,
					   unsigned int perm, struct nyx_segment *seg,
					   struct nyx_fault_info *fault)
{
	const struct nyx_ctx_attrs *attrs = &acc->ctx->attrs;
	enum nyx_fault_reason reason;

	if (acc->dom->stage.msi_window && nyx_guest_irq_range(iova)) {
		reason = NYX_FAULT_INTERRUPT_RANGE;
		goto blocked;
	}
	if (attrs->excl && iova >= attrs->excl_first && iova <= attrs->excl_last) {
		identity_map(iova, attrs->excl_last, seg);
		return FILTER_EXCLUDES;
	}
	if (attrs->excl)
		cut_before(iova, attrs->excl_first, seg);
	if (unlikely(attrs->block_reason)) {
		if (acc->fault.reason != NYX_FAULT_NONE) {
			ctx_fault(acc, iova, perm, fault);
			return FILTER_BLOCKS;
		}
		reason = attrs->block_reason;
		goto blocked;
	}
	if (unlikely(perm & ~attrs->perm)) {
		reason = perm & ~attrs->perm & NYX_ACC_WRITE ?
			NYX_FAULT_WRITE_DENIED : NYX_FAULT_READ_DENIED;
		goto blocked;
	}
	return FILTER_PASSES;

blocked:
	nyx_access_fault(acc, reason, iova, perm, NYX_GPA_UNKNOWN, fault);
	return FILTER_BLOCKS;
}

static bool translate_identity(const struct nyx_access *acc, u64 iova,
			       unsigned int perm, struct nyx_segment *seg,
			       struct nyx_fault_info *fault)
{
	const struct nyx_stage *stage = &acc->dom->stage;
	u64 last = nyx_lg2_last(stage->width);

	if (unlikely(iova > last))
		return nyx_access_fault(acc, NYX_FAULT_ADDRESS_WIDTH, iova, perm,
					NYX_GPA_UNKNOWN, fault);
	if (stage->msi_window)
		cut_before(iova, NYX_IRQ_RANGE_START, seg);
	identity_map(iova, last, seg);
	return true;
}

/* Translate an access by the stage of its domain; *walked as of translate_paging(). */
static bool translate_stage(struct nyx_access *acc, u64 iova, unsigned int perm,
			    struct nyx_segment *seg, struct nyx_fault_info *fault,
			    bool *walked)
{
	const struct nyx_stage *stage = &acc->dom->stage;
	u64 left, mask;

	switch (stage->kind) {
	case NYX_STAGE_GUEST:
		/* nyx_walk_device() must see every step: bypass the cache. */
		if (unlikely(acc->trace))
			return walk(acc, iova, perm, seg, fault);
		fallthrough;
	case NYX_STAGE_KERNEL:
		if (!translate_paging(acc, iova, perm, seg, fault, walked))
			return false;
		/* Cut the segment to the block that the translation covers. */
		mask = nyx_lg2_last(seg->valid_lg2);
		left = mask - (iova & mask);
		if (seg->length - 1 > left)
			seg->length = left + 1;
		return true;
	case NYX_STAGE_IDENTITY:
		return translate_identity(acc, iova, perm, seg, fault);
	default:
		/* Not reached: filter() refuses, as contexts of NYX_STAGE_NONE are blocked. */
		return nyx_access_fault(acc, NYX_FAULT_BLOCKED, iova, perm,
					NYX_GPA_UNKNOWN, fault);
	}
}

bool nyx_translate(struct nyx_access *acc, u64 iova, u64 length,
		   unsigned int perm, struct nyx_segment *seg,
		   struct nyx_fault_info *fault)
{
	enum filter_verdict verdict = FILTER_PASSES;
	const struct nyx_ctx *ctx = acc->ctx;
	struct nyx_domain *dom = acc->dom;
	bool walked = false;
	u8 granted;

	if (unlikely(nyx_device_quarantined(acc->dev, dom)))
		return nyx_access_fault(acc, NYX_FAULT_QUARANTINED, iova, perm,
					NYX_GPA_UNKNOWN, fault);
	seg->length = length;
	if (unlikely(ctx->filtered))
		verdict = filter(acc, iova, perm, seg, fault);
	if (unlikely(verdict == FILTER_BLOCKS))
		return false;
	if (likely(verdict == FILTER_PASSES)) {
		if (!translate_stage(acc, iova, perm, seg, fault, &walked))
			return false;
		/* Cache what the domain grants: other contexts use the entry, too. */
		granted = seg->perm;
		seg->perm &= ctx->attrs.perm;
	}
	if (!find_memory(acc, iova, perm, seg, fault))
		return false;
	/* Fill after find_memory(): the entry also has the hint. */
	if (walked)
		iotlb_fill(&acc->unit->iotlb, &dom->space, &acc->snap, &(struct iotlb_page) {
				.va = iova, .oa = seg->gpa, .lg2 = seg->lg2,
				.perm = granted, .hint = acc->hint,
			});
	return true;
}

NYX_EXPORT_FOR_TEST(nyx_access_begin);
NYX_EXPORT_FOR_TEST(nyx_access_end);
NYX_EXPORT_FOR_TEST(nyx_translate);
NYX_EXPORT_FOR_TEST(nyx_access_report);
