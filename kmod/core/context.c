// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: contexts: domains whose tables the guest owns.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/context.h"

#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>

#include "base/export.h"
#include "base/types.h"
#include "core/device.h"
#include "core/domain.h"
#include "core/inval.h"
#include "core/memory.h"
#include "core/unit.h"

/*
 * The ids of guest domains: the guest's id, and a number that tells apart those
 * with the same id and different tables.
 */
#define SIBLINGS_LG2	8
#define FIRST_ID(tag)	(((tag) << SIBLINGS_LG2) + 1)
#define LAST_ID(tag)	(FIRST_ID(tag) + BIT(SIBLINGS_LG2) - 1)

static bool same_map(const struct nyx_guest_map *a, const struct nyx_guest_map *b)
{
	return a->pass_through == b->pass_through && a->quiet == b->quiet &&
	       a->keep_irqs == b->keep_irqs && a->hole == b->hole &&
	       a->perm == b->perm && a->blocked == b->blocked &&
	       a->note == b->note && a->width == b->width &&
	       a->root == b->root && a->hole_first == b->hole_first &&
	       a->hole_last == b->hole_last &&
	       a->cfg.levels == b->cfg.levels && a->cfg.format == b->cfg.format;
}

/* The domain for a map; made if there is none. */
static struct nyx_domain *domain_for(struct nyx_unit *unit,
				     const struct nyx_guest_map *map)
{
	struct nyx_domain *dom;
	unsigned long id;
	int ret;

	lockdep_assert_held(&unit->lock);
	xa_for_each_range(&unit->domains, id, dom, FIRST_ID(map->tag),
			  LAST_ID(map->tag)) {
		if (!dom->dying && same_map(&dom->guest, map))
			return dom;
	}
	if (unit->nr_domains >= unit->cfg.max_domains)
		return ERR_PTR(-ENOSPC);
	dom = nyx_domain_guest(unit, map);
	if (IS_ERR(dom))
		return dom;
	ret = xa_alloc(&unit->domains, &dom->id, dom,
		       XA_LIMIT(FIRST_ID(map->tag), LAST_ID(map->tag)),
		       GFP_CALLER);
	if (ret) {
		nyx_domain_put(dom);
		return ERR_PTR(ret == -EBUSY ? -ENOSPC : ret);
	}
	unit->nr_domains++;
	return dom;
}

static int install(struct nyx_unit *unit, u32 sbdf,
		   const struct nyx_guest_map *map, u64 generation)
{
	struct nyx_domain *dom;
	struct nyx_device *dev;
	int ret = 0;

	mutex_lock(&unit->lock);
	dev = xa_load(&unit->devices, sbdf);
	if (!dev || READ_ONCE(dev->leaving))
		ret = -ENOENT;
	else if (unit->guest.generation != generation)
		ret = -EAGAIN;
	if (ret || rcu_access_pointer(dev->domain) != unit->nowhere)
		goto out_unlock;
	dom = domain_for(unit, map);
	if (IS_ERR(dom)) {
		ret = PTR_ERR(dom);
		goto out_unlock;
	}
	dom->nr_devices++;
	unit->nowhere->nr_devices--;
	nyx_device_set_domain(dev, dom);
out_unlock:
	mutex_unlock(&unit->lock);
	return ret;
}

int nyx_guest_resolve(struct nyx_unit *unit, u32 sbdf, u32 pasid, u64 *generation,
		      struct nyx_refusal *refusal)
{
	struct nyx_front *front = unit->guest.front;
	struct nyx_guest_map map;
	unsigned int pair;
	int ret;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		/* A thread that removes memory, or the device, waits for us. */
		pair = nyx_guest_mem_enter(unit);
		*generation = READ_ONCE(unit->guest.generation);
		/* Pairs with the lock of who counts: the tables are read later. */
		smp_mb();
		*refusal = (struct nyx_refusal){};
		ret = 0;
		if (front->ops->decode_device(front, sbdf, pasid, &map, refusal))
			ret = install(unit, sbdf, &map, *generation);
		else if (fatal_signal_pending(current))
			ret = -EINTR;	/* maybe before it was read */
		if (ret == -ENOSPC) {
			/* More than the guest may have. */
			refusal->reason = NYX_FAULT_NO_DOMAIN;
			ret = 0;
		}
		nyx_guest_mem_exit(unit, pair);
		cond_resched();
	} while (ret == -EAGAIN);
	return ret;
}

static struct nyx_domain *guest_domain_of(struct nyx_unit *unit,
					  struct nyx_device *dev)
{
	struct nyx_domain *dom = nyx_device_domain(unit, dev);

	return dom->kind == NYX_DOMAIN_GUEST ? dom : NULL;
}

static void forget_begin(struct nyx_unit *unit)
{
	mutex_lock(&unit->lock);
	WRITE_ONCE(unit->guest.generation, unit->guest.generation + 1);
}

static void forget_end(struct nyx_unit *unit, struct nyx_ticket *t)
{
	/* Some are about to report a refusal. */
	nyx_ticket_domain(t, unit->nowhere);
	mutex_unlock(&unit->lock);
	/* Some decode what is forgotten. */
	nyx_inval_irqs(t);
}

static void forget_device(struct nyx_unit *unit, struct nyx_device *dev,
			  struct nyx_domain *dom, struct nyx_ticket *t)
{
	dom->nr_devices--;
	unit->nowhere->nr_devices++;
	nyx_device_set_domain(dev, unit->nowhere);
	/* A thread that removes it, or has claimed it, waits for that domain, too. */
	nyx_inval_context(dev, dom, t);
}

void nyx_guest_forget(struct nyx_unit *unit, u32 tag, struct nyx_ticket *t)
{
	struct nyx_domain *dom;
	struct nyx_device *dev;
	unsigned long sbdf;

	forget_begin(unit);
	xa_for_each(&unit->devices, sbdf, dev) {
		dom = guest_domain_of(unit, dev);
		if (dom && (tag == NYX_GUEST_ALL_TAGS || tag == dom->guest.tag))
			forget_device(unit, dev, dom, t);
		cond_resched();
	}
	forget_end(unit, t);
}

u32 nyx_guest_forget_device(struct nyx_unit *unit, u32 sbdf, struct nyx_ticket *t)
{
	u32 tag = NYX_GUEST_ALL_TAGS;
	struct nyx_domain *dom;
	struct nyx_device *dev;

	forget_begin(unit);
	dev = xa_load(&unit->devices, sbdf);
	dom = dev ? guest_domain_of(unit, dev) : NULL;
	if (dom) {
		tag = dom->guest.tag;
		forget_device(unit, dev, dom, t);
	}
	forget_end(unit, t);
	return tag;
}

void nyx_guest_invalidate(struct nyx_unit *unit, u32 tag, u64 first, u64 last,
			  struct nyx_ticket *t)
{
	bool all = tag == NYX_GUEST_ALL_TAGS;
	unsigned long id = all ? 0 : FIRST_ID(tag);
	struct nyx_domain *dom;

	while ((dom = nyx_domain_next(unit, id))) {
		id = dom->id + 1ul;
		if (!all && dom->id > LAST_ID(tag)) {
			nyx_domain_put(dom);
			break;
		}
		nyx_inval_range(dom, first, last, t);
		nyx_domain_put(dom);
		cond_resched();
	}
	nyx_inval_irqs(t);
}

static bool reaches_irqs(u64 addr, unsigned int lg2)
{
	return lg2 > NYX_IRQ_RANGE_LG2 &&
	       addr >> lg2 == NYX_IRQ_RANGE_START >> lg2;
}

/* The cache will hold a part of a page, if any. Before it does. */
static void note_piece(struct nyx_domain *dom, u32 lg2)
{
	u32 old = READ_ONCE(dom->pieces_lg2);

	while (old < lg2 && !try_cmpxchg(&dom->pieces_lg2, &old, lg2))
		;
}

void nyx_guest_walk(struct nyx_unit *unit, struct nyx_domain *dom, u64 iova,
		    unsigned int perm, struct pt_result *res,
		    struct pt_trace *trace)
{
	const struct pt_guest_mem mem = nyx_guest_mem(unit);
	const struct nyx_guest_map *map = &dom->guest;
	bool keep = map->keep_irqs;

	if (unlikely(trace))
		pt_walk_trace(&map->cfg, map->root, &mem, iova, perm, res, trace);
	else
		pt_walk_guest(&map->cfg, map->root, &mem, iova, perm, res);
	if (res->status != PT_OK)
		return;
	if (iotlb_holds_part(res->lg2))
		note_piece(dom, res->lg2);
	if (!keep)
		return;
	if (nyx_guest_irq_range(res->oa)) {
		res->status = PT_INTERRUPT_RANGE;
	} else if (reaches_irqs(iova, res->lg2) ||
		   reaches_irqs(res->oa, res->lg2)) {
		/* The rest of a large page is as good as any. */
		note_piece(dom, res->lg2);
		res->lg2 = NYX_PAGE_LG2;
	}
}

NYX_EXPORT_FOR_TEST(nyx_guest_forget);
NYX_EXPORT_FOR_TEST(nyx_guest_forget_device);
