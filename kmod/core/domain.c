// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: a domain: an address space for devices.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/domain.h"

#include <linux/err.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/export.h"
#include "base/trace.h"
#include "base/types.h"
#include "core/history.h"
#include "core/oracle.h"
#include "core/unit.h"

static struct nyx_domain *domain_alloc(struct nyx_unit *unit,
				       const struct nyx_domain_config *cfg)
{
	struct nyx_domain *dom;
	int ret;

	dom = kzalloc(sizeof(*dom), GFP_CALLER);
	if (!dom)
		return ERR_PTR(-ENOMEM);
	if (cfg->kind == NYX_DOMAIN_PAGING) {
		ret = pt_init(&dom->pt, &cfg->pt);
		if (ret)
			goto err_free;
	}
	if (cfg->flags & NYX_DOMAIN_F_ORACLE) {
		dom->oracle = nyx_oracle_create(&dom->pt);
		if (!dom->oracle) {
			ret = -ENOMEM;
			goto err_free;
		}
	}
	dom->stats = nyx_stats_alloc();
	if (!dom->stats) {
		ret = -ENOMEM;
		goto err_oracle;
	}
	ret = epoch_init(&dom->epoch);
	if (ret)
		goto err_stats;

	dom->kind = cfg->kind;
	dom->flags = cfg->flags;
	dom->address_width = cfg->address_width;
	dom->unit = unit;
	strscpy(dom->name, cfg->name, sizeof(dom->name));
	mutex_init(&dom->lock);
	refcount_set(&dom->ref, 1);
	iotlb_space_init(&unit->iotlb, &dom->space);
	return dom;

err_stats:
	free_percpu(dom->stats);
err_oracle:
	nyx_oracle_destroy(dom->oracle);
err_free:
	kfree(dom);
	return ERR_PTR(ret);
}

static void domain_free_rcu(struct rcu_head *rcu)
{
	struct nyx_domain *dom = container_of(rcu, struct nyx_domain, rcu);

	kfree(rcu_dereference_protected(dom->qos, true));
	kfree(dom->history);
	epoch_fini(&dom->epoch);
	free_percpu(dom->stats);
	kfree(dom);
}

/*
 * No access can find the domain, none is in flight, and no command works on it.
 * The tail of epoch_exit() may still look at it, and an access that
 * found it through a device and has not yet seen that the device moved on:
 * both only at the struct, under RCU.
 */
static void domain_release(struct nyx_domain *dom)
{
	pt_fini(&dom->pt);
	nyx_oracle_destroy(dom->oracle);
	mutex_destroy(&dom->lock);
	call_rcu(&dom->rcu, domain_free_rcu);
}

struct nyx_domain *nyx_domain_nowhere(struct nyx_unit *unit)
{
	static const struct nyx_domain_config cfg = {
		.kind = NYX_DOMAIN_NOWHERE,
		.flags = NYX_DOMAIN_F_SHARED,
	};

	return domain_alloc(unit, &cfg);
}

struct nyx_domain *nyx_domain_guest(struct nyx_unit *unit,
				    const struct nyx_guest_map *map)
{
	const struct nyx_domain_config cfg = {
		.kind = NYX_DOMAIN_GUEST,
		.flags = NYX_DOMAIN_F_SHARED,
		.address_width = map->width,
	};
	struct nyx_domain *dom = domain_alloc(unit, &cfg);

	if (!IS_ERR(dom))
		dom->guest = *map;
	return dom;
}

static bool name_taken(struct nyx_unit *unit, const char *name)
{
	struct nyx_domain *dom;
	unsigned long id;

	lockdep_assert_held(&unit->lock);
	xa_for_each(&unit->domains, id, dom) {
		if (!strcmp(dom->name, name))
			return true;
	}
	return false;
}

static int domain_publish(struct nyx_unit *unit, struct nyx_domain *dom,
			  u32 want)
{
	int ret;

	lockdep_assert_held(&unit->lock);
	if (dom->name[0] && name_taken(unit, dom->name))
		return -EEXIST;
	if (unit->nr_domains >= unit->cfg.max_domains)
		return -ENOSPC;
	/* The id is part of the domain before the domain can be found. */
	if (want == NYX_ID_ANY) {
		/* Ids are not reused soon: who holds a stale one finds nothing. */
		ret = xa_alloc_cyclic(&unit->domains, &dom->id, NULL,
				      XA_LIMIT(1, U16_MAX), &unit->next_domain,
				      GFP_CALLER);
		if (ret < 0)
			return ret == -EBUSY ? -ENOSPC : ret;
	} else {
		dom->id = want;
		ret = xa_insert(&unit->domains, want, NULL, GFP_CALLER);
		if (ret)
			return ret == -EBUSY ? -EEXIST : ret;
	}
	/* Cannot fail: the slot is reserved. */
	xa_store(&unit->domains, dom->id, dom, GFP_CALLER);
	unit->nr_domains++;
	return 0;
}

int nyx_domain_create(struct nyx_unit *unit,
		      const struct nyx_domain_config *cfg, u32 *id)
{
	struct nyx_domain *dom = domain_alloc(unit, cfg);
	int ret;

	if (IS_ERR(dom))
		return PTR_ERR(dom);
	mutex_lock(&unit->lock);
	ret = domain_publish(unit, dom, cfg->id);
	*id = dom->id;
	mutex_unlock(&unit->lock);
	if (ret)
		domain_release(dom);
	return ret;
}

/* Let nobody attach a device, if there is none. */
static int destroy_begin(struct nyx_unit *unit, struct nyx_domain *dom)
{
	int ret = 0;

	mutex_lock(&unit->lock);
	if (xa_load(&unit->domains, dom->id) != dom)
		ret = -ENOENT;
	else if (dom->nr_devices || dom->dying)
		ret = -EBUSY;
	else
		dom->dying = true;
	mutex_unlock(&unit->lock);
	return ret;
}

static void destroy_end(struct nyx_unit *unit, struct nyx_domain *dom, bool gone)
{
	mutex_lock(&unit->lock);
	dom->dying = false;
	if (!gone) {
		dom->unsettled = true;
	} else {
		xa_erase(&unit->domains, dom->id);
		unit->nr_domains--;
		/* Keep what it has counted. */
		nyx_stats_sum(dom->stats, unit->retired);
	}
	mutex_unlock(&unit->lock);
}

int nyx_domain_drop(struct nyx_unit *unit, struct nyx_domain *dom)
{
	int ret = destroy_begin(unit, dom);

	if (ret)
		return ret;
	/* A detach may have been killed before it had waited. */
	ret = epoch_drain(&dom->epoch);
	/* Interrupts count in the domain of their device. */
	epoch_drain_bounded(&unit->irq.epoch);
	destroy_end(unit, dom, !ret);
	if (!ret)
		nyx_domain_put(dom);
	return ret;
}

int nyx_domain_destroy(struct nyx_unit *unit, u32 id)
{
	struct nyx_domain *dom = nyx_domain_get(unit, id);
	int ret;

	if (!dom)
		return -ENOENT;
	ret = nyx_domain_drop(unit, dom);
	nyx_domain_put(dom);
	return ret;
}

struct nyx_domain *nyx_domain_get(struct nyx_unit *unit, u32 id)
{
	struct nyx_domain *dom;

	rcu_read_lock();
	dom = xa_load(&unit->domains, id);
	if (dom && !refcount_inc_not_zero(&dom->ref))
		dom = NULL;
	rcu_read_unlock();
	return dom;
}

struct nyx_domain *nyx_domain_next(struct nyx_unit *unit, unsigned long id)
{
	struct nyx_domain *dom;

	mutex_lock(&unit->lock);
	dom = xa_find(&unit->domains, &id, ULONG_MAX, XA_PRESENT);
	if (dom)
		refcount_inc(&dom->ref);
	mutex_unlock(&unit->lock);
	return dom;
}

void nyx_domain_put(struct nyx_domain *dom)
{
	if (refcount_dec_and_test(&dom->ref))
		domain_release(dom);
}

void nyx_domains_purge(struct nyx_unit *unit)
{
	struct nyx_domain *dom;
	unsigned long id = 0;

	/* Giving back tables takes long, and looking at the unit needs the lock. */
	for (;;) {
		mutex_lock(&unit->lock);
		dom = xa_find(&unit->domains, &id, ULONG_MAX, XA_PRESENT);
		if (dom) {
			xa_erase(&unit->domains, id);
			unit->nr_domains--;
		}
		mutex_unlock(&unit->lock);
		if (!dom)
			break;
		nyx_domain_put(dom);
		cond_resched();
	}
	xa_destroy(&unit->domains);
}

int nyx_domains_drain(struct nyx_unit *unit)
{
	struct nyx_domain *dom;
	unsigned long id = 0;
	int ret = 0;

	/* A domain that goes meanwhile was drained by nyx_domain_drop(). */
	while (!ret && (dom = nyx_domain_next(unit, id))) {
		ret = fatal_signal_pending(current) ? -EINTR :
						      epoch_drain(&dom->epoch);
		/* Not one that has devices: -EBUSY. */
		if (!ret && dom->kind == NYX_DOMAIN_GUEST)
			nyx_domain_drop(unit, dom);
		id = dom->id + 1ul;
		nyx_domain_put(dom);
		cond_resched();
	}
	return ret;
}

int nyx_domain_check_range(const struct nyx_domain *dom, u64 iova, u64 length,
			   u64 *last)
{
	if (dom->kind != NYX_DOMAIN_PAGING)
		return -EOPNOTSUPP;
	if (!length || ((iova | length) & NYX_PAGE_MASK))
		return -EINVAL;
	if (!nyx_range_last(iova, length, last))
		return -EOVERFLOW;
	return *last > dom->pt.va_last ? -ERANGE : 0;
}

int nyx_domain_map(struct nyx_domain *dom, u64 iova, u64 last, u64 gpa,
		   unsigned int perm)
{
	struct pt_chain free = {};
	int ret;

	mutex_lock(&dom->lock);
	/* A range that was not mapped is not cached: nothing to invalidate. */
	ret = dom->oracle ?
		nyx_oracle_map(dom, iova, last, gpa, perm, &free) :
		pt_map(&dom->pt, iova, last, gpa, perm, &free);
	mutex_unlock(&dom->lock);
	pt_chain_free(&free);

	trace_nyx_map(dom->unit->id, dom->id, iova, last, gpa, perm, ret);
	if (!ret) {
		nyx_stat_add(dom->stats, NYX_STAT_MAPS, 1);
		nyx_stat_add(dom->stats, NYX_STAT_MAPPED_BYTES, last - iova + 1);
	}
	return ret;
}

/* Returns with cached translations of the range gone, and none to come. */
static void invalidate_locked(struct nyx_domain *dom, u64 iova, u64 last)
{
	bool whole = iova == 0 && last >= dom->pt.va_last;

	lockdep_assert_held(&dom->lock);
	if (whole)
		iotlb_flush(&dom->unit->iotlb, &dom->space);
	else
		whole = iotlb_invalidate(&dom->unit->iotlb, &dom->space, iova,
					 last);
	nyx_stat_add(dom->stats,
		     whole ? NYX_STAT_FLUSHES : NYX_STAT_INVALIDATIONS, 1);
	trace_nyx_invalidate(dom->unit->id, dom->id, iova, last, whole);
}

int nyx_domain_unmap(struct nyx_domain *dom, u64 iova, u64 last, u64 *unmapped)
{
	/* 2^64 bytes count as 0: a whole domain is not judged by its bytes. */
	bool whole = !iova && last >= dom->pt.va_last;
	struct pt_chain free = {};
	int ret;

	*unmapped = 0;
	nyx_history_prepare(dom);
	mutex_lock(&dom->lock);
	ret = nyx_history_before(dom, iova, last);
	if (!ret)
		ret = dom->oracle ?
			nyx_oracle_unmap(dom, iova, last, &free, unmapped) :
			pt_unmap(&dom->pt, iova, last, &free, unmapped);
	if (!ret && *unmapped)
		nyx_history_after(dom, iova, last);
	if (!ret && (*unmapped || whole) && !(dom->flags & NYX_DOMAIN_F_BATCHED))
		invalidate_locked(dom, iova, last);
	mutex_unlock(&dom->lock);
	pt_chain_free(&free);

	trace_nyx_unmap(dom->unit->id, dom->id, iova, last, *unmapped, ret);
	if (!ret && *unmapped) {
		nyx_stat_add(dom->stats, NYX_STAT_UNMAPS, 1);
		nyx_stat_add(dom->stats, NYX_STAT_UNMAPPED_BYTES, *unmapped);
	}
	return ret;
}

void nyx_domain_invalidate(struct nyx_domain *dom, u64 iova, u64 last)
{
	mutex_lock(&dom->lock);
	invalidate_locked(dom, iova, last);
	mutex_unlock(&dom->lock);
}

NYX_EXPORT_FOR_TEST(nyx_domain_create);
NYX_EXPORT_FOR_TEST(nyx_domain_destroy);
NYX_EXPORT_FOR_TEST(nyx_domain_get);
NYX_EXPORT_FOR_TEST(nyx_domain_put);
NYX_EXPORT_FOR_TEST(nyx_domain_check_range);
NYX_EXPORT_FOR_TEST(nyx_domain_map);
NYX_EXPORT_FOR_TEST(nyx_domain_unmap);
NYX_EXPORT_FOR_TEST(nyx_domain_invalidate);
