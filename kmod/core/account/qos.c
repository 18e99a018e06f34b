// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: limits of devices and domains.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/account/qos.h"

#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/time64.h>

#include "base/export.h"
#include "base/reason.h"
#include "base/types.h"
#include "core/access/device.h"
#include "core/space/domain.h"
#include "core/unit.h"
#include "core/window/window.h"

#define TIME_LG2	4	/* &nyx_bucket.busy_until is in 2^-4 ns */
#define COST_LG2	28	/* bits that &nyx_bucket.cost has beyond that */
#define BURST_MS	10u	/* default of &nyx_limits.burst_ms */

static atomic64_t last_serial;

static u64 bucket_cost(const struct nyx_bucket *b, u64 amount)
{
	return mul_u64_u64_shr(b->cost, amount, COST_LG2);
}

/* Charge @cost if the bucket allows it now, or if @reserve. Returns ns to wait. */
static u64 bucket_take(struct nyx_bucket *b, u64 burst, u64 cost, u64 now,
		       bool reserve)
{
	s64 old = atomic64_read(&b->busy_until);
	u64 base, wait;

	now <<= TIME_LG2;
	do {
		base = max_t(s64, old, now);
		wait = base - now > burst ? base - now - burst : 0;
		if (wait && !reserve)
			break;
	} while (!atomic64_try_cmpxchg(&b->busy_until, &old, base + cost));
	return DIV_ROUND_UP_ULL(wait, 1u << TIME_LG2);
}

static void refund_some(struct nyx_qos *qos, const struct nyx_work *work,
			unsigned int n)
{
	while (qos && n--) {
		if (qos->rate[n].cost && work->amount[n])
			atomic64_sub(bucket_cost(&qos->rate[n], work->amount[n]),
				     &qos->rate[n].busy_until);
	}
}

/* As nyx_qos_charge(), for one object. */
static u64 charge_one(struct nyx_qos *qos, const struct nyx_work *work, u64 now,
		      bool reserve)
{
	u64 wait, longest = 0;
	unsigned int i;

	if (!qos)
		return 0;
	for (i = 0; i < NYX_RATE_MAX; i++) {
		struct nyx_bucket *b = &qos->rate[i];

		if (!b->cost || !work->amount[i])
			continue;
		wait = bucket_take(b, qos->burst,
				   bucket_cost(b, work->amount[i]), now, reserve);
		if (wait && !reserve) {
			refund_some(qos, work, i);
			return wait;
		}
		longest = max(longest, wait);
	}
	return longest;
}

u64 nyx_qos_charge(struct nyx_qos *dev, struct nyx_qos *dom,
		   struct nyx_charge *charge, u64 now, bool reserve)
{
	const struct nyx_work *work = &charge->work;
	u64 first, second;

	charge->dev = 0;
	charge->dom = 0;
	first = charge_one(dev, work, now, reserve);
	if (first && !reserve)
		return first;
	second = charge_one(dom, work, now, reserve);
	if (second && !reserve) {
		refund_some(dev, work, NYX_RATE_MAX);
		return second;
	}
	charge->dev = dev ? dev->serial : 0;
	charge->dom = dom ? dom->serial : 0;
	return max(first, second);
}

void nyx_qos_refund(struct nyx_qos *dev, struct nyx_qos *dom,
		    const struct nyx_charge *charge)
{
	if (dev && dev->serial == charge->dev)
		refund_some(dev, &charge->work, NYX_RATE_MAX);
	if (dom && dom->serial == charge->dom)
		refund_some(dom, &charge->work, NYX_RATE_MAX);
}

static u64 chunk_one(const struct nyx_qos *qos, u64 max)
{
	u64 burst;

	if (!qos || !qos->rate[NYX_RATE_BYTES].cost)
		return max;
	burst = div_u64(qos->limits.bytes_per_s * qos->limits.burst_ms,
			MSEC_PER_SEC);
	return min(max, max_t(u64, burst, NYX_PAGE_SIZE));
}

u64 nyx_qos_chunk(const struct nyx_qos *dev, const struct nyx_qos *dom, u64 max)
{
	return min(chunk_one(dev, max), chunk_one(dom, max));
}

/* Longest time for which nyx_qos_wait() misses a change of the limits. */
#define LOOK_NS		(100 * NSEC_PER_MSEC)

static int sleep_ns(u64 ns)
{
	ktime_t until = ktime_add_ns(ktime_get(), ns);

	while (ktime_before(ktime_get(), until)) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (signal_pending(current)) {
			__set_current_state(TASK_RUNNING);
			return -EINTR;
		}
		schedule_hrtimeout_range(&until, 50 * NSEC_PER_USEC,
					 HRTIMER_MODE_ABS);
	}
	return 0;
}

/* Find the current limits of a device and a domain. Under RCU. */
static void limits_now(struct nyx_unit *unit, u32 sbdf, struct nyx_domain *dom,
		       struct nyx_qos **mine, struct nyx_qos **ours)
{
	struct nyx_device *dev = xa_load(&unit->devices, sbdf);

	if (!dom && dev)
		dom = nyx_device_domain_rcu(dev);
	*mine = dev ? rcu_dereference(dev->qos) : NULL;
	*ours = dom ? rcu_dereference(dom->qos) : NULL;
}

void nyx_qos_give_back(struct nyx_unit *unit, u32 sbdf, struct nyx_domain *dom,
		       const struct nyx_charge *charge)
{
	struct nyx_qos *mine, *ours;

	rcu_read_lock();
	limits_now(unit, sbdf, dom, &mine, &ours);
	nyx_qos_refund(mine, ours, charge);
	rcu_read_unlock();
}

static bool limits_stand(struct nyx_unit *unit, u32 sbdf, struct nyx_domain *dom,
			 const struct nyx_charge *charge)
{
	struct nyx_qos *mine, *ours;
	bool same;

	rcu_read_lock();
	limits_now(unit, sbdf, dom, &mine, &ours);
	same = (mine ? mine->serial : 0) == charge->dev &&
	       (ours ? ours->serial : 0) == charge->dom;
	rcu_read_unlock();
	return same;
}

int nyx_qos_wait(struct nyx_unit *unit, u32 sbdf, struct nyx_domain *dom,
		 const struct nyx_charge *charge, u64 ns)
{
	u64 step;
	int ret;

	for (; ns && limits_stand(unit, sbdf, dom, charge); ns -= step) {
		step = min_t(u64, ns, LOOK_NS);
		ret = sleep_ns(step);
		if (ret) {
			nyx_qos_give_back(unit, sbdf, dom, charge);
			return ret;
		}
	}
	return 0;
}

static u64 rate_cost(u64 per_s)
{
	if (!per_s)
		return 0;
	/* A rate of one per second is the largest cost: 2^62. */
	return max_t(u64, div64_u64((u64)NSEC_PER_SEC << (TIME_LG2 + COST_LG2),
				    per_s), 1);
}

static struct nyx_qos *qos_alloc(const struct nyx_limits *limits)
{
	struct nyx_qos *qos = kzalloc(sizeof(*qos), GFP_CALLER);

	if (!qos)
		return ERR_PTR(-ENOMEM);
	qos->serial = atomic64_inc_return(&last_serial);
	qos->limits = *limits;
	if (!qos->limits.burst_ms)
		qos->limits.burst_ms = BURST_MS;
	qos->burst = (u64)qos->limits.burst_ms * NSEC_PER_MSEC << TIME_LG2;
	qos->rate[NYX_RATE_BYTES].cost = rate_cost(limits->bytes_per_s);
	qos->rate[NYX_RATE_OPS].cost = rate_cost(limits->ops_per_s);
	qos->rate[NYX_RATE_IRQS].cost = rate_cost(limits->irqs_per_s);
	return qos;
}

/* Where the limits of an object are; under &nyx_unit.lock. */
static struct nyx_qos __rcu **qos_of(struct nyx_unit *unit, u32 scope, u32 id)
{
	struct nyx_domain *dom;
	struct nyx_device *dev;

	lockdep_assert_held(&unit->lock);
	if (scope == NYX_SCOPE_DOMAIN) {
		dom = xa_load(&unit->domains, id);
		return dom ? &dom->qos : NULL;
	}
	dev = xa_load(&unit->devices, id);
	return dev ? &dev->qos : NULL;
}

/* Say in the window whether an object that is there has limits. */
static void show_limits(struct nyx_unit *unit, u32 scope, u32 id)
{
	struct nyx_device *dev;

	lockdep_assert_held(&unit->lock);
	if (scope == NYX_SCOPE_DOMAIN) {
		nyx_window_domain(xa_load(&unit->domains, id));
		return;
	}
	dev = xa_load(&unit->devices, id);
	spin_lock_irq(&dev->tracker.lock);
	nyx_window_device(dev);
	spin_unlock_irq(&dev->tracker.lock);
}

static int no_object(u32 scope)
{
	return scope == NYX_SCOPE_DOMAIN ? NYX_ERR(NO_SUCH_DOMAIN) :
					   NYX_ERR(NO_SUCH_DEVICE);
}

int nyx_limits_set(struct nyx_unit *unit, u32 scope, u32 id,
		   const struct nyx_limits *limits)
{
	struct nyx_qos __rcu **where;
	struct nyx_qos *qos = NULL;

	if (limits->bytes_per_s || limits->ops_per_s || limits->irqs_per_s) {
		qos = qos_alloc(limits);
		if (IS_ERR(qos))
			return PTR_ERR(qos);
	}
	mutex_lock(&unit->lock);
	where = qos_of(unit, scope, id);
	if (where) {
		qos = rcu_replace_pointer(*where, qos, lockdep_is_held(&unit->lock));
		show_limits(unit, scope, id);
	}
	mutex_unlock(&unit->lock);
	if (qos)
		kfree_rcu(qos, rcu);
	return where ? 0 : no_object(scope);
}

int nyx_limits_get(struct nyx_unit *unit, u32 scope, u32 id,
		   struct nyx_limits *limits)
{
	struct nyx_qos __rcu **where;
	struct nyx_qos *qos;

	*limits = (struct nyx_limits){};
	mutex_lock(&unit->lock);
	where = qos_of(unit, scope, id);
	qos = where ? rcu_dereference_protected(*where, lockdep_is_held(&unit->lock)) :
		      NULL;
	if (qos)
		*limits = qos->limits;
	mutex_unlock(&unit->lock);
	return where ? 0 : no_object(scope);
}

NYX_EXPORT_FOR_TEST(nyx_qos_charge);
NYX_EXPORT_FOR_TEST(nyx_qos_refund);
NYX_EXPORT_FOR_TEST(nyx_qos_chunk);
NYX_EXPORT_FOR_TEST(nyx_limits_set);
