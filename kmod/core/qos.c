// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: limits of devices and domains.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/qos.h"

#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/time64.h>

#include "base/export.h"
#include "base/types.h"
#include "core/device.h"
#include "core/domain.h"
#include "core/unit.h"

#define TIME_LG2	4	/* &nyx_bucket.busy_until is in 2^-4 ns */
#define COST_LG2	28	/* &nyx_bucket.cost has so many bits more */
#define BURST_MS	10u	/* unless said otherwise */

static u64 bucket_cost(const struct nyx_bucket *b, u64 amount)
{
	return mul_u64_u64_shr(b->cost, amount, COST_LG2);
}

/* Charges @cost if that is allowed now, or if @reserve. Returns ns to wait. */
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
		   const struct nyx_work *work, u64 now, bool reserve)
{
	u64 first = charge_one(dev, work, now, reserve), second;

	if (first && !reserve)
		return first;
	second = charge_one(dom, work, now, reserve);
	if (second && !reserve)
		refund_some(dev, work, NYX_RATE_MAX);
	return max(first, second);
}

void nyx_qos_refund(struct nyx_qos *dev, struct nyx_qos *dom,
		    const struct nyx_work *work)
{
	refund_some(dev, work, NYX_RATE_MAX);
	refund_some(dom, work, NYX_RATE_MAX);
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

int nyx_qos_sleep(u64 ns)
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
	struct nyx_qos *qos = kzalloc(sizeof(*qos), GFP_KERNEL_ACCOUNT);

	if (!qos)
		return ERR_PTR(-ENOMEM);
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
	if (where)
		qos = rcu_replace_pointer(*where, qos, lockdep_is_held(&unit->lock));
	mutex_unlock(&unit->lock);
	if (qos)
		kfree_rcu(qos, rcu);
	return where ? 0 : -ENOENT;
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
	return where ? 0 : -ENOENT;
}

NYX_EXPORT_FOR_TEST(nyx_qos_charge);
NYX_EXPORT_FOR_TEST(nyx_qos_refund);
NYX_EXPORT_FOR_TEST(nyx_qos_chunk);
