// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: contexts: what the unit knows of a requester, and which domain it uses.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/access/context.h"

#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "base/export.h"
#include "base/types.h"
#include "core/access/device.h"
#include "core/fault/fault.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/listener.h"
#include "core/space/memory.h"
#include "core/unit.h"

/*
 * The id of a guest's domain is made of the guest's id and a number that tells apart
 * domains with the same guest's id and different tables.
 */
#define SIBLINGS_LG2	8
#define FIRST_ID(did)	(((did) << SIBLINGS_LG2) + 1)
#define LAST_ID(did)	(FIRST_ID(did) + BIT(SIBLINGS_LG2) - 1)

/* Does a context entry restrict its requester in no way, so that the plain context serves? */
static bool is_plain(const struct nyx_ctx_attrs *attrs)
{
	return attrs->perm == NYX_ACC_RW && !attrs->block_reason && !attrs->excl &&
	       !attrs->fpd && !attrs->model;
}

/* Find the domain of a context entry, or create it. */
static struct nyx_domain *domain_for(struct nyx_unit *unit,
				     const struct nyx_ctx_entry *entry)
{
	u32 did = entry->table.did;
	struct nyx_domain *dom;
	unsigned long id;
	int ret;

	lockdep_assert_held(&unit->lock);
	xa_for_each_range(&unit->domains, id, dom, FIRST_ID(did), LAST_ID(did)) {
		if (!dom->dying && nyx_domain_is(dom, entry))
			return dom;
	}
	if (unit->nr_domains >= unit->cfg.max_domains)
		return ERR_PTR(-ENOSPC);
	dom = nyx_domain_guest(unit, entry);
	if (IS_ERR(dom))
		return dom;
	ret = xa_alloc(&unit->domains, &dom->id, dom,
		       XA_LIMIT(FIRST_ID(did), LAST_ID(did)), GFP_CALLER);
	if (ret) {
		nyx_domain_put(dom);
		return ERR_PTR(ret == -EBUSY ? -ENOSPC : ret);
	}
	unit->nr_domains++;
	/* Dirty tracking may be on. */
	nyx_window_domain(dom);
	return dom;
}

/*
 * Make the context of a context entry before the domain, so that a failure leaves no domain
 * without devices behind.
 */
static struct nyx_ctx *ctx_for(struct nyx_unit *unit, const struct nyx_ctx_entry *entry)
{
	bool plain = is_plain(&entry->attrs);
	struct nyx_ctx *ctx = NULL;
	struct nyx_domain *dom;

	lockdep_assert_held(&unit->lock);
	if (!plain && !nyx_inval_may_retire(unit))
		return ERR_PTR(-ENOSPC);
	if (!plain) {
		ctx = kzalloc(sizeof(*ctx), GFP_CALLER);
		if (!ctx)
			return ERR_PTR(-ENOMEM);
	}
	dom = domain_for(unit, entry);
	if (IS_ERR(dom)) {
		kfree(ctx);
		return ERR_CAST(dom);
	}
	if (plain)
		return &dom->ctx;
	nyx_ctx_init(ctx, dom, &entry->attrs);
	return ctx;
}

static int install(struct nyx_unit *unit, u32 sbdf,
		   const struct nyx_ctx_entry *entry, u64 generation)
{
	struct nyx_device *dev;
	struct nyx_ctx *ctx;
	int ret = 0;

	mutex_lock(&unit->lock);
	dev = xa_load(&unit->devices, sbdf);
	if (!dev || READ_ONCE(dev->leaving))
		ret = -ENOENT;
	else if (unit->guest.generation != generation)
		ret = -EAGAIN;
	if (ret || nyx_device_domain(unit, dev) != unit->blocked_domain)
		goto out_unlock;
	ctx = ctx_for(unit, entry);
	if (IS_ERR(ctx)) {
		ret = PTR_ERR(ctx);
		goto out_unlock;
	}
	ctx->dom->nr_devices++;
	unit->blocked_domain->nr_devices--;
	nyx_device_set_ctx(dev, ctx);
out_unlock:
	mutex_unlock(&unit->lock);
	return ret;
}

int nyx_guest_resolve(struct nyx_unit *unit, u32 sbdf, u32 pasid, u64 *generation,
		      struct nyx_fault_info *fault)
{
	struct nyx_viommu *viommu = unit->guest.viommu;
	struct nyx_ctx_entry entry;
	unsigned int pair;
	int ret;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		/* nyx_memory_remove() and nyx_device_remove() wait for this section. */
		pair = nyx_guest_mem_enter(unit);
		*generation = READ_ONCE(unit->guest.generation);
		/*
		 * Read the generation before the tables; pairs with &nyx_unit.lock in
		 * invalidate_begin().
		 */
		smp_mb();
		*fault = (struct nyx_fault_info){};
		ret = 0;
		if (viommu->ops->decode_device(viommu, sbdf, pasid, &entry,
					       fault))
			ret = install(unit, sbdf, &entry, *generation);
		else if (fatal_signal_pending(current))
			ret = -EINTR;	/* the signal may have failed decode_device() */
		if (ret == -ENOSPC) {
			/* The guest uses more domains, or contexts, than a unit may have. */
			fault->reason = NYX_FAULT_NO_DOMAIN;
			ret = 0;
		}
		nyx_guest_mem_exit(unit, pair);
		cond_resched();
	} while (ret == -EAGAIN);
	return ret;
}

/* The context that a device got from the guest's tables, or NULL. */
static struct nyx_ctx *guest_ctx_of(struct nyx_unit *unit, struct nyx_device *dev)
{
	struct nyx_ctx *ctx = nyx_device_ctx(unit, dev);

	return ctx->dom->cfg.kind == NYX_DOMAIN_GUEST ? ctx : NULL;
}

static void invalidate_begin(struct nyx_unit *unit)
{
	mutex_lock(&unit->lock);
	WRITE_ONCE(unit->guest.generation, unit->guest.generation + 1);
}

static void invalidate_end(struct nyx_unit *unit, u32 sbdf, struct nyx_ticket *t)
{
	/* Devices without a context may have one now. */
	nyx_listeners_device(&unit->listeners, sbdf);
	/* Accesses in @blocked_domain may be about to report a fault of the old entry. */
	nyx_ticket_domain(t, unit->blocked_domain);
	mutex_unlock(&unit->lock);
	/* Accesses and interrupts may be decoding the old entry now. */
	nyx_inval_lookups(t);
}

static void invalidate_device(struct nyx_unit *unit, struct nyx_device *dev,
			      struct nyx_ctx *ctx, struct nyx_ticket *t)
{
	ctx->dom->nr_devices--;
	unit->blocked_domain->nr_devices++;
	nyx_device_set_ctx(dev, &unit->blocked_domain->ctx);
	/*
	 * A command that removes @dev, or has locked @dev for a move, waits for the domain
	 * of @ctx, too.
	 */
	nyx_inval_context(dev, ctx, t);
}

void nyx_guest_invalidate_ctx(struct nyx_unit *unit, u32 did,
			      struct nyx_ticket *t)
{
	bool all = did == NYX_GUEST_ALL_DIDS;
	unsigned long first = all ? 0 : FIRST_ID(did);
	unsigned long last = all ? ULONG_MAX : LAST_ID(did);
	struct nyx_device *dev, *next;
	struct nyx_domain *dom;
	unsigned long id;

	invalidate_begin(unit);
	xa_for_each_range(&unit->domains, id, dom, first, last) {
		list_for_each_entry_safe(dev, next, &dom->devices, link) {
			invalidate_device(unit, dev, nyx_device_ctx(unit, dev), t);
			cond_resched();
		}
		cond_resched();
	}
	invalidate_end(unit, NYX_SBDF_ANY, t);
}

u32 nyx_guest_invalidate_ctx_device(struct nyx_unit *unit, u32 sbdf,
				    struct nyx_ticket *t)
{
	u32 did = NYX_GUEST_ALL_DIDS;
	struct nyx_device *dev;
	struct nyx_ctx *ctx;

	invalidate_begin(unit);
	dev = xa_load(&unit->devices, sbdf);
	ctx = dev ? guest_ctx_of(unit, dev) : NULL;
	if (ctx) {
		did = ctx->dom->guest.did;
		invalidate_device(unit, dev, ctx, t);
	}
	invalidate_end(unit, sbdf, t);
	return did;
}

void nyx_guest_invalidate_iotlb(struct nyx_unit *unit, u32 did, u64 first,
				u64 last, struct nyx_ticket *t)
{
	bool all = did == NYX_GUEST_ALL_DIDS;
	unsigned long id = all ? 0 : FIRST_ID(did);
	struct nyx_domain *dom;

	while ((dom = nyx_domain_next(unit, id))) {
		id = dom->id + 1ul;
		if (!all && dom->id > LAST_ID(did)) {
			nyx_domain_put(dom);
			break;
		}
		nyx_inval_range(dom, first, last, t);
		nyx_domain_put(dom);
		cond_resched();
	}
	nyx_inval_lookups(t);
}

static bool reaches_irqs(u64 addr, unsigned int lg2)
{
	return lg2 > NYX_IRQ_RANGE_LG2 &&
	       addr >> lg2 == NYX_IRQ_RANGE_START >> lg2;
}

/* Record, before iotlb_fill(), that the IOTLB may hold only part of a page of this size. */
static void record_partial(struct nyx_domain *dom, u32 lg2)
{
	u32 old = READ_ONCE(dom->max_partial_lg2);

	while (old < lg2 && !try_cmpxchg(&dom->max_partial_lg2, &old, lg2))
		;
}

void nyx_guest_walk(struct nyx_unit *unit, struct nyx_domain *dom, u64 iova,
		    unsigned int perm, struct pt_result *res,
		    struct pt_trace *trace)
{
	const struct pt_guest_mem mem = nyx_guest_mem(unit);
	const struct nyx_guest_table *table = &dom->guest;

	if (unlikely(trace))
		pt_walk_trace(&table->cfg, table->root, &mem, iova, perm, res, trace);
	else
		pt_walk_guest(&table->cfg, table->root, &mem, iova, perm, res);
	if (res->status != PT_OK)
		return;
	if (iotlb_holds_part(res->lg2))
		record_partial(dom, res->lg2);
	if (!dom->stage.msi_window)
		return;
	if (nyx_guest_irq_range(res->oa)) {
		res->status = PT_INTERRUPT_RANGE;
		res->level = PT_LEVEL_NONE;
	} else if (reaches_irqs(iova, res->lg2) ||
		   reaches_irqs(res->oa, res->lg2)) {
		/*
		 * The page includes interrupt messages: let the IOTLB hold only its 4K
		 * pages.
		 */
		record_partial(dom, res->lg2);
		res->lg2 = NYX_PAGE_LG2;
	}
}

NYX_EXPORT_FOR_TEST(nyx_guest_invalidate_ctx);
NYX_EXPORT_FOR_TEST(nyx_guest_invalidate_ctx_device);
