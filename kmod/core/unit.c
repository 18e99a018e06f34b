// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: an IOMMU unit.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/unit.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/user_namespace.h>

#include "base/export.h"
#include "base/reason.h"
#include "base/types.h"
#include "core/access/device.h"
#include "core/account/tenant.h"
#include "core/irq/irqfd.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/memory.h"

/*
 * Protects the fields below, and users, persist, dead and tenants of every unit.
 *
 * Processes of all users take this lock, so no code allocates with it held: see
 * mutex_never_allocates().
 */
static DEFINE_MUTEX(units_lock);
/* unit_reserve() reserves an id, with room for the unit, without units_lock. */
static struct xarray units = XARRAY_INIT(units, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
/* Marks a unit that lookups find; unit_publish() has not published the others yet. */
#define UNIT_FOUND	XA_MARK_1
static unsigned int nr_units;
/*
 * Units that count for max_units: reserved or published, and ended ones until their
 * teardown.
 */
static unsigned int nr_held;
static unsigned int max_units;
static u32 next_id;
static const struct nyx_observer *observer;

void nyx_unit_init(unsigned int max, unsigned int per_user,
		   const struct nyx_observer *obs)
{
	max_units = max;
	observer = obs;
	nyx_tenants_init(&units_lock, per_user);
	mutex_never_allocates(&units_lock);
}

void nyx_unit_exit(void)
{
	/*
	 * Wait for the RCU callbacks that free domains, contexts, devices, bindings,
	 * limits, tables and the memory map.
	 */
	rcu_barrier();
	xa_destroy(&units);
}

static struct nyx_viommu *viommu_create(struct nyx_unit *unit,
					const struct nyx_unit_config *cfg)
{
	const struct nyx_viommu_ops *ops = nyx_viommu_find(cfg->model);

	return ops ? ops->create(unit, cfg) : ERR_PTR(-EOPNOTSUPP);
}

static struct nyx_unit *unit_alloc(const struct nyx_unit_config *cfg)
{
	const struct nyx_viommu_ops *ops = nyx_viommu_find(cfg->model);
	struct nyx_unit *unit;
	int ret;

	unit = kzalloc(sizeof(*unit), GFP_CALLER);
	if (!unit)
		return ERR_PTR(-ENOMEM);

	nyx_inval_init(&unit->inval);
	ret = iotlb_init(&unit->iotlb, cfg->iotlb_entries);
	if (ret)
		goto err_free;
	nyx_views_init(&unit->views);
	nyx_listeners_init(&unit->listeners);
	xa_init_flags(&unit->streams, XA_FLAGS_ALLOC1);
	ret = nyx_window_init(&unit->window, cfg, &unit->iotlb);
	if (ret)
		goto err_iotlb;
	unit->events = nyx_events_alloc(cfg->event_entries);
	if (!unit->events) {
		ret = -ENOMEM;
		goto err_window;
	}
	ret = nyx_irq_init(&unit->irq, cfg->irt_entries, ops && ops->decode_irte);
	if (ret)
		goto err_events;
	ret = nyx_memory_init(unit, cfg->max_memory);
	if (ret)
		goto err_irq;
	ret = nyx_gate_init(&unit->gate);
	if (ret)
		goto err_memory;

	unit->blocked_domain = nyx_domain_blocked(unit);
	if (IS_ERR(unit->blocked_domain)) {
		ret = PTR_ERR(unit->blocked_domain);
		goto err_gate;
	}

	kref_init(&unit->ref);
	unit->cfg = *cfg;
	unit->owner = current_euid();
	unit->user_ns = get_user_ns(current_user_ns());
	unit->pid_ns = get_pid_ns(task_active_pid_ns(current));
	unit->mm = current->mm;
	if (unit->mm)
		mmgrab(unit->mm);
	unit->users = 1;
	mutex_init(&unit->lock);
	xa_init_flags(&unit->domains, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	xa_init_flags(&unit->devices, XA_FLAGS_ACCOUNT);
	unit->cfg.policy = nyx_policy_default;
	nyx_pages_init(&unit->pages);
	nyx_deadlines_init(&unit->deadlines);
	unit->guest.viommu = viommu_create(unit, cfg);
	if (IS_ERR(unit->guest.viommu)) {
		ret = PTR_ERR(unit->guest.viommu);
		goto err_domain;
	}
	return unit;

err_domain:
	if (unit->mm)
		mmdrop(unit->mm);
	put_pid_ns(unit->pid_ns);
	put_user_ns(unit->user_ns);
	nyx_domain_put(unit->blocked_domain);
err_gate:
	nyx_gate_fini(&unit->gate);
err_memory:
	nyx_memory_fini(unit);
err_irq:
	nyx_irq_fini(&unit->irq);
err_events:
	nyx_events_put(unit->events);
err_window:
	nyx_window_fini(&unit->window);
err_iotlb:
	iotlb_fini(&unit->iotlb);
err_free:
	kfree(unit);
	return ERR_PTR(ret);
}

static void unit_free(struct kref *ref)
{
	struct nyx_unit *unit = container_of(ref, struct nyx_unit, ref);

	unit->guest.viommu->ops->destroy(unit->guest.viommu);
	nyx_views_fini(&unit->views);
	nyx_window_fini(&unit->window);
	iotlb_fini(&unit->iotlb);
	nyx_gate_fini(&unit->gate);
	nyx_memory_fini(unit);
	nyx_irq_fini(&unit->irq);
	nyx_events_put(unit->events);
	mutex_destroy(&unit->lock);
	if (unit->mm)
		mmdrop(unit->mm);
	put_pid_ns(unit->pid_ns);
	put_user_ns(unit->user_ns);
	kfree(unit);
}

void nyx_unit_put(struct nyx_unit *unit)
{
	kref_put(&unit->ref, unit_free);
}

/*
 * Free the objects of the unit, leaves first. The unit has ended and its last user has
 * left, so no access is under way and none can begin.
 */
static void unit_teardown(struct nyx_unit *unit)
{
	struct nyx_viommu *viommu = unit->guest.viommu;
	struct nyx_domain *blocked;

	nyx_bindings_purge(unit);
	nyx_pages_fini(&unit->pages);
	nyx_deadlines_fini(&unit->deadlines);
	mutex_lock(&unit->lock);
	nyx_devices_purge(unit);
	nyx_inval_purge(&unit->inval);
	blocked = unit->blocked_domain;
	unit->blocked_domain = NULL;
	mutex_unlock(&unit->lock);
	nyx_domain_put(blocked);
	nyx_domains_purge(unit);
	if (viommu->ops->stop)
		viommu->ops->stop(viommu);
	nyx_memory_purge(unit);

	mutex_lock(&units_lock);
	if (unit->tenants[0]) {
		nr_held--;
		nyx_tenants_uncharge(unit);
	}
	mutex_unlock(&units_lock);
	nyx_unit_put(unit);
	module_put(THIS_MODULE);
}

/*
 * Count a new unit, if the limits allow one more. Elements of @spare that become tenants
 * are NULL afterwards.
 */
static int unit_charge(struct nyx_unit *unit, struct nyx_tenant **spare)
{
	int ret;

	lockdep_assert_held(&units_lock);
	if (nr_held >= max_units)
		return NYX_ERR(UNITS_MAX);
	ret = nyx_tenants_charge(unit, spare);
	if (!ret)
		nr_held++;
	return ret;
}

/* Does @owner own the unit, and was the unit created in the current user namespace? */
static bool is_of(const struct nyx_unit *unit, kuid_t owner)
{
	return uid_eq(unit->owner, owner) && unit->user_ns == current_user_ns();
}

/* Find a unit of @owner by name, published or only reserved. */
static struct nyx_unit *find_name(const char *name, kuid_t owner)
{
	struct nyx_unit *unit;
	unsigned long id;

	lockdep_assert_held(&units_lock);
	xa_for_each(&units, id, unit) {
		if (is_of(unit, owner) && !strcmp(unit->cfg.name, name))
			return unit;
	}
	return NULL;
}

/* Take id, name and quota for a unit that is not published yet. */
static int unit_reserve(struct nyx_unit *unit)
{
	struct nyx_tenant *spare[NYX_TENANTS];
	int ret;

	ret = nyx_tenants_alloc(spare);
	if (ret)
		goto out_free;
	/* Cyclic, so that a stale id finds no unit. */
	ret = xa_alloc_cyclic(&units, &unit->id, NULL, XA_LIMIT(1, INT_MAX),
			      &next_id, GFP_CALLER);
	if (ret < 0)
		goto out_free;

	mutex_lock(&units_lock);
	if (unit->cfg.name[0] && find_name(unit->cfg.name, unit->owner))
		ret = NYX_ERR(UNIT_NAME_TAKEN);
	else
		ret = unit_charge(unit, spare);
	/*
	 * xa_alloc_cyclic() reserved the slot, so xa_store() needs no memory and cannot
	 * fail.
	 */
	if (!ret)
		xa_store(&units, unit->id, unit, 0);
	mutex_unlock(&units_lock);
	if (ret)
		xa_release(&units, unit->id);
out_free:
	nyx_tenants_free(spare);
	return ret;
}

/* Show a unit to the observer, then let lookups find it. */
static int unit_publish(struct nyx_unit *unit)
{
	int ret;

	ret = unit_reserve(unit);
	if (ret)
		return ret;
	unit->window.head->unit = unit->id;
	ret = observer->add(unit);
	mutex_lock(&units_lock);
	if (ret) {
		xa_erase(&units, unit->id);
	} else {
		xa_set_mark(&units, unit->id, UNIT_FOUND);
		nr_units++;
	}
	mutex_unlock(&units_lock);
	return ret;
}

struct nyx_unit *nyx_unit_create(const struct nyx_unit_config *cfg)
{
	struct nyx_unit *unit;
	int ret;

	/* A persistent unit has no file that would hold the module. */
	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(NYX_ERR(MODULE_LEAVES));

	unit = unit_alloc(cfg);
	if (IS_ERR(unit)) {
		module_put(THIS_MODULE);
		return unit;
	}

	ret = unit_publish(unit);
	if (ret) {
		unit_teardown(unit);
		return ERR_PTR(ret);
	}
	return unit;
}

bool nyx_unit_is_visible(const struct nyx_unit *unit)
{
	return is_of(unit, current_euid()) ||
	       ns_capable_noaudit(unit->user_ns, CAP_SYS_ADMIN);
}

/* May the current process open a unit, and is that only to inspect it? */
static int may_open(const struct nyx_unit *unit, bool *inspect)
{
	bool shared = READ_ONCE(unit->cfg.shared);

	*inspect = false;
	if (is_of(unit, current_euid()) && (shared || unit->mm == current->mm))
		return 0;
	/*
	 * A unit that its creator has not shared must not bypass ptrace_may_access() and
	 * its security hooks, the kernel's check for access to another process's memory. No
	 * module can call that check, so allow inspection only.
	 */
	*inspect = !shared;
	return ns_capable_noaudit(unit->user_ns, CAP_SYS_ADMIN) ?
		0 : NYX_ERR(UNIT_PRIVATE);
}

struct nyx_unit *nyx_unit_open(u32 id, const char *name, kuid_t owner,
			       bool *inspect)
{
	bool own = !uid_valid(owner);
	struct nyx_unit *unit;
	int ret;

	if (own)
		owner = current_euid();
	mutex_lock(&units_lock);
	unit = id == NYX_ID_ANY ? find_name(name, owner) : xa_load(&units, id);
	if (!unit || !xa_get_mark(&units, unit->id, UNIT_FOUND) ||
	    !uid_eq(unit->owner, owner) || (own && !is_of(unit, owner)))
		ret = NYX_ERR(NO_SUCH_UNIT);
	else
		ret = may_open(unit, inspect);
	if (!ret)
		unit->users++;
	mutex_unlock(&units_lock);
	return ret ? ERR_PTR(ret) : unit;
}

void nyx_unit_use(struct nyx_unit *unit)
{
	mutex_lock(&units_lock);
	WRITE_ONCE(unit->users, unit->users + 1);
	mutex_unlock(&units_lock);
}

int nyx_unit_share(struct nyx_unit *unit)
{
	int ret = NYX_ERR(MEMORY_UNSHARED);

	mutex_lock(&unit->lock);
	if (unit->cfg.shared || nyx_memory_shared(unit)) {
		/*
		 * Pairs with READ_ONCE() in may_open(); nyx_memory_add() reads @shared
		 * under the lock.
		 */
		WRITE_ONCE(unit->cfg.shared, true);
		ret = 0;
	}
	mutex_unlock(&unit->lock);
	return ret;
}

/*
 * From here on no lookup finds the unit. The caller calls unit_hide() without units_lock,
 * because the observer waits for its readers. The unit is not torn down before that: the
 * caller is a user, or tears it down next.
 */
static void unit_end(struct nyx_unit *unit)
{
	lockdep_assert_held(&units_lock);
	WRITE_ONCE(unit->dead, true);
	unit->cfg.persist = false;
	xa_erase(&units, unit->id);
	nr_units--;
}

/*
 * End page requests, fault records and events of a unit, and hide it; may wait for the
 * unit's locks.
 */
static void unit_hide(struct nyx_unit *unit)
{
	nyx_pages_end(unit);
	nyx_window_end(&unit->window);
	nyx_devices_flush(unit);
	nyx_events_end(unit->events);
	/* Readers of change streams, and commands that wait, look at @dead. */
	wake_up_all(&unit->listeners.readers);
	wake_up_all(&unit->gate.wait);
	observer->remove(unit);
}

void nyx_unit_close(struct nyx_unit *unit)
{
	bool last, ended = false;

	mutex_lock(&units_lock);
	WRITE_ONCE(unit->users, unit->users - 1);
	last = !unit->users && !unit->cfg.persist;
	if (last && !unit->dead) {
		unit_end(unit);
		ended = true;
	}
	mutex_unlock(&units_lock);

	if (ended)
		unit_hide(unit);
	if (last)
		unit_teardown(unit);
}

int nyx_unit_set_persist(struct nyx_unit *unit, bool persist)
{
	int ret = 0;

	mutex_lock(&units_lock);
	if (unit->dead)
		ret = NYX_ERR(UNIT_ENDED);
	else if (persist && !READ_ONCE(unit->cfg.shared))
		ret = NYX_ERR(PERSIST_UNSHARED);
	else
		unit->cfg.persist = persist;
	mutex_unlock(&units_lock);
	return ret;
}

int nyx_unit_destroy(struct nyx_unit *unit)
{
	int ret = 0;

	mutex_lock(&units_lock);
	if (unit->dead)
		ret = NYX_ERR(UNIT_ENDED);
	else
		unit_end(unit);
	mutex_unlock(&units_lock);
	if (!ret)
		unit_hide(unit);
	return ret;
}

struct nyx_unit *nyx_unit_next(u32 id)
{
	unsigned long index = id;
	struct nyx_unit *unit;

	mutex_lock(&units_lock);
	unit = xa_find(&units, &index, ULONG_MAX, UNIT_FOUND);
	if (unit)
		kref_get(&unit->ref);
	mutex_unlock(&units_lock);
	return unit;
}

unsigned int nyx_unit_count(unsigned int *max)
{
	*max = max_units;
	return READ_ONCE(nr_units);
}

void nyx_unit_get_totals(struct nyx_unit *unit, struct nyx_unit_totals *totals)
{
	struct nyx_domain *dom;
	unsigned long id;

	lockdep_assert_held(&unit->lock);
	*totals = (struct nyx_unit_totals) {
		.faults = unit->state.retired[NYX_STAT_FAULTS],
	};
	if (unit->blocked_domain)	/* not torn down */
		totals->faults += atomic64_read(&unit->blocked_domain->faults);
	xa_for_each(&unit->domains, id, dom) {
		totals->mapped += READ_ONCE(dom->pt.mapped);
		totals->tables += READ_ONCE(dom->pt.tables) * PAGE_SIZE;
		totals->faults += atomic64_read(&dom->faults);
		cond_resched();
	}
}

/* Each domain has counters: a unit's are their sum, with those of destroyed domains. */
void nyx_unit_get_stats(struct nyx_unit *unit, u64 *count)
{
	struct nyx_domain *dom;
	unsigned long id;

	lockdep_assert_held(&unit->lock);
	memcpy(count, unit->state.retired, sizeof(unit->state.retired));
	if (unit->blocked_domain)	/* not torn down */
		nyx_stats_sum(unit->blocked_domain->stats, count);
	xa_for_each(&unit->domains, id, dom) {
		nyx_stats_sum(dom->stats, count);
		cond_resched();
	}
	nyx_views_count(unit, count);
	count[NYX_STAT_EVENTS_LOST] = atomic64_read(&unit->events->lost);
}

NYX_EXPORT_FOR_TEST(nyx_unit_create);
NYX_EXPORT_FOR_TEST(nyx_unit_close);
