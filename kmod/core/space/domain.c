// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: a domain: an address space for devices.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/space/domain.h"

#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/export.h"
#include "base/reason.h"
#include "base/types.h"
#include "core/fault/history.h"
#include "core/space/oracle.h"
#include "core/unit.h"

void nyx_ctx_init(struct nyx_ctx *ctx, struct nyx_domain *dom,
		  const struct nyx_ctx_attrs *attrs)
{
	ctx->dom = dom;
	ctx->attrs = *attrs;
	ctx->filtered = dom->stage.msi_window || attrs->block_reason || attrs->excl ||
			attrs->perm != NYX_ACC_RW;
}

void nyx_ctx_free(struct nyx_ctx *ctx)
{
	if (ctx != &ctx->dom->ctx)
		kfree_rcu(ctx, rcu);
}

/*
 * The stage of a domain that a command creates. A guest's domain has that of a context
 * entry.
 */
static struct nyx_stage stage_of_kind(u32 kind)
{
	static const u8 stage[] = {
		[NYX_DOMAIN_PAGING] = NYX_STAGE_KERNEL,
		[NYX_DOMAIN_IDENTITY] = NYX_STAGE_IDENTITY,
		[NYX_DOMAIN_BLOCKED] = NYX_STAGE_NONE,
	};

	return (struct nyx_stage) {
		.kind = stage[array_index_nospec(kind, ARRAY_SIZE(stage))],
		.width = 64,
	};
}

/* The plain context grants everything, or is blocked if the domain has no stage. */
static struct nyx_ctx_attrs plain_attrs(const struct nyx_stage *stage)
{
	return (struct nyx_ctx_attrs) {
		.perm = NYX_ACC_RW,
		.block_reason = stage->kind == NYX_STAGE_NONE ? NYX_FAULT_BLOCKED :
							   NYX_FAULT_NONE,
	};
}

static struct nyx_domain *domain_alloc(struct nyx_unit *unit,
				       const struct nyx_domain_config *cfg,
				       const struct nyx_stage *stage,
				       const struct nyx_guest_table *table)
{
	const struct nyx_ctx_attrs attrs = plain_attrs(stage);
	struct nyx_domain *dom;
	u64 *word;
	int ret;

	dom = kzalloc(sizeof(*dom), GFP_CALLER);
	if (!dom)
		return ERR_PTR(-ENOMEM);
	if (cfg->kind == NYX_DOMAIN_PAGING) {
		ret = pt_init(&dom->pt, &cfg->pt);
		if (ret)
			goto err_free;
	}
	if (IS_ENABLED(CONFIG_NYX_ORACLE) && (cfg->flags & NYX_DOMAIN_F_ORACLE)) {
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
	dom->stage = *stage;
	if (table)
		dom->guest = *table;
	ret = nyx_window_add_domain(&unit->window, dom, &word);
	if (ret)
		goto err_epoch;

	dom->cfg = *cfg;
	dom->unit = unit;
	mutex_init(&dom->lock);
	INIT_LIST_HEAD(&dom->devices);
	INIT_LIST_HEAD(&dom->drain.link);
	INIT_LIST_HEAD(&dom->retired);
	refcount_set(&dom->ref, 1);
	iotlb_space_init(&unit->iotlb, &dom->space, word);
	nyx_ctx_init(&dom->ctx, dom, &attrs);
	return dom;

err_epoch:
	epoch_fini(&dom->epoch);
err_stats:
	free_percpu(dom->stats);
err_oracle:
	if (nyx_domain_oracle(dom))
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
 * No access can find the domain, none is in flight, and no command works on it. Two readers
 * may still look at the struct, under RCU: the tail of epoch_exit(), and an access that
 * found the domain through a device and has not seen yet that the device has another
 * context.
 */
static void domain_release(struct nyx_domain *dom)
{
	WARN_ON(!list_empty(&dom->devices));
	WARN_ON(!list_empty(&dom->drain.link));
	WARN_ON(!list_empty(&dom->retired));
	nyx_window_remove_domain(&dom->unit->window, dom);
	pt_fini(&dom->pt);
	if (nyx_domain_oracle(dom))
		nyx_oracle_destroy(dom->oracle);
	mutex_destroy(&dom->lock);
	call_rcu(&dom->rcu, domain_free_rcu);
}

struct nyx_domain *nyx_domain_blocked(struct nyx_unit *unit)
{
	static const struct nyx_domain_config cfg = {
		.kind = NYX_DOMAIN_BLOCKED,
		.flags = NYX_DOMAIN_F_SHARED,
	};
	const struct nyx_stage stage = stage_of_kind(cfg.kind);
	struct nyx_domain *dom = domain_alloc(unit, &cfg, &stage, NULL);

	if (!IS_ERR(dom))
		dom->ctx.attrs.block_reason = NYX_FAULT_NO_DOMAIN;
	return dom;
}

struct nyx_domain *nyx_domain_guest(struct nyx_unit *unit,
				    const struct nyx_ctx_entry *entry)
{
	const struct nyx_domain_config cfg = {
		.kind = NYX_DOMAIN_GUEST,
		.flags = NYX_DOMAIN_F_SHARED,
		.address_width = entry->stage.width,
	};
	struct nyx_guest_table table = { .did = entry->table.did };

	if (entry->stage.kind == NYX_STAGE_GUEST)
		table = entry->table;
	return domain_alloc(unit, &cfg, &entry->stage, &table);
}

bool nyx_domain_is(const struct nyx_domain *dom, const struct nyx_ctx_entry *entry)
{
	const struct nyx_guest_table *a = &dom->guest, *b = &entry->table;

	if (a->did != b->did || dom->stage.kind != entry->stage.kind ||
	    dom->stage.width != entry->stage.width ||
	    dom->stage.msi_window != entry->stage.msi_window)
		return false;
	return dom->stage.kind != NYX_STAGE_GUEST ||
	       (a->root == b->root && a->cfg.format == b->cfg.format &&
		a->cfg.levels == b->cfg.levels && a->cfg.va_lg2 == b->cfg.va_lg2 &&
		a->cfg.page_sizes == b->cfg.page_sizes);
}

/* ---- names and ids ------------------------------------------------------ */

static int compare_names(struct rb_node *node, const struct rb_node *other)
{
	return strcmp(rb_entry(node, struct nyx_domain, by_name)->cfg.name,
		      rb_entry(other, struct nyx_domain, by_name)->cfg.name);
}

/* Enter a domain's name, if it has one. False: another domain has it. */
static bool add_name(struct nyx_unit *unit, struct nyx_domain *dom)
{
	lockdep_assert_held(&unit->lock);
	return !dom->cfg.name[0] ||
	       !rb_find_add(&dom->by_name, &unit->names, compare_names);
}

static void remove_name(struct nyx_unit *unit, struct nyx_domain *dom)
{
	lockdep_assert_held(&unit->lock);
	if (dom->cfg.name[0])
		rb_erase(&dom->by_name, &unit->names);
}

/* Reserve an id, which is part of the domain before the domain can be found. */
static int reserve_id(struct nyx_unit *unit, struct nyx_domain *dom, u32 want)
{
	int ret;

	lockdep_assert_held(&unit->lock);
	if (unit->nr_domains >= unit->cfg.max_domains)
		return NYX_ERR(DOMAINS_MAX);
	if (want == NYX_ID_ANY) {
		/* Cyclic, so that a stale id finds no domain. */
		ret = xa_alloc_cyclic(&unit->domains, &dom->id, NULL,
				      XA_LIMIT(1, U16_MAX), &unit->state.next_domain,
				      GFP_CALLER);
		if (ret < 0)
			return ret == -EBUSY ? NYX_ERR(DOMAINS_MAX) : ret;
		return 0;
	}
	dom->id = want;
	ret = xa_insert(&unit->domains, want, NULL, GFP_CALLER);
	return ret == -EBUSY ? NYX_ERR(DOMAIN_ID_TAKEN) : ret;
}

static int domain_publish(struct nyx_unit *unit, struct nyx_domain *dom,
			  u32 want)
{
	int ret;

	if (!add_name(unit, dom))
		return NYX_ERR(DOMAIN_NAME_TAKEN);
	ret = reserve_id(unit, dom, want);
	if (ret) {
		remove_name(unit, dom);
		return ret;
	}
	/* xa_store() cannot fail: the slot is reserved. */
	xa_store(&unit->domains, dom->id, dom, GFP_CALLER);
	unit->nr_domains++;
	/* Dirty tracking may have begun since nyx_window_add_domain(). */
	nyx_window_domain(dom);
	return 0;
}

int nyx_domain_create(struct nyx_unit *unit,
		      const struct nyx_domain_config *cfg, u32 *id)
{
	const struct nyx_stage stage = stage_of_kind(cfg->kind);
	struct nyx_domain *dom = domain_alloc(unit, cfg, &stage, NULL);
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

int nyx_domain_close(struct nyx_unit *unit, struct nyx_domain *dom)
{
	int ret = 0;

	mutex_lock(&unit->lock);
	if (xa_load(&unit->domains, dom->id) != dom)
		ret = NYX_ERR(NO_SUCH_DOMAIN);
	else if (dom->dying)
		ret = NYX_ERR(DOMAIN_DYING);
	else if (dom->nr_devices)
		ret = dom->nr_devices > dom->nr_leaving ? NYX_ERR(DOMAIN_HAS_DEVICES) :
							  NYX_ERR(DOMAIN_DRAINING);
	else if (dom->nr_followers)
		ret = NYX_ERR(FOLLOWED);
	else
		WRITE_ONCE(dom->dying, true);
	mutex_unlock(&unit->lock);
	return ret;
}

void nyx_domain_unpublish(struct nyx_unit *unit, struct nyx_domain *dom)
{
	mutex_lock(&unit->lock);
	xa_erase(&unit->domains, dom->id);
	remove_name(unit, dom);
	unit->nr_domains--;
	/* Keep the counters of @dom in those of the unit. */
	nyx_stats_sum(dom->stats, unit->state.retired);
	mutex_unlock(&unit->lock);
	nyx_domain_put(dom);
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

	/* Freeing tables takes long: drop the lock for commands that look at the unit. */
	for (;;) {
		mutex_lock(&unit->lock);
		dom = xa_find(&unit->domains, &id, ULONG_MAX, XA_PRESENT);
		if (dom) {
			xa_erase(&unit->domains, id);
			remove_name(unit, dom);
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

NYX_EXPORT_FOR_TEST(nyx_domain_create);
NYX_EXPORT_FOR_TEST(nyx_domain_get);
NYX_EXPORT_FOR_TEST(nyx_domain_put);
