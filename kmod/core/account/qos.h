/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: limits of devices and domains.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A bucket does not hold tokens but the time at which it would be empty of work if nothing
 * came any more ("virtual scheduling", ITU-T I.371). Work moves that time on by what it
 * costs at the rate; work that is further ahead than the burst has to wait. A bucket is one
 * word, changed by cmpxchg, without a timer.
 *
 * Objects without limits have no &struct nyx_qos, and cost one load.
 */
#ifndef NYX_CORE_QOS_H
#define NYX_CORE_QOS_H

#include <linux/atomic.h>
#include <linux/nyx_iommu.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct nyx_device;
struct nyx_domain;
struct nyx_unit;

/* The quantities that are limited. */
enum nyx_rate {
	NYX_RATE_BYTES,
	NYX_RATE_OPS,
	NYX_RATE_IRQS,
	NYX_RATE_MAX,
};

/**
 * struct nyx_bucket - one limit
 * @cost: of one unit, in 2^-32 ns; 0: no limit; const after init
 * @busy_until: the time that the head of this file describes, in 2^-4 ns
 */
struct nyx_bucket {
	u64 cost;
	atomic64_t busy_until;
};

/**
 * struct nyx_qos - limits of an object
 * @rcu: for kfree_rcu()
 * @serial: never used twice; const after init
 * @limits: as they were set; const after init
 * @burst: time that work may be ahead, in 2^-4 ns; const after init
 * @rate: the buckets
 */
struct nyx_qos {
	struct rcu_head rcu;
	u64 serial;
	struct nyx_limits limits;
	u64 burst;
	struct nyx_bucket rate[NYX_RATE_MAX];
};

/**
 * struct nyx_work - what is to be charged
 * @amount: by enum nyx_rate
 */
struct nyx_work {
	u64 amount[NYX_RATE_MAX];
};

/**
 * struct nyx_charge - work that was charged
 * @work: the work
 * @dev: serial of the device's limits that were charged, or 0
 * @dom: serial of the domain's limits that were charged, or 0
 */
struct nyx_charge {
	struct nyx_work work;
	u64 dev;
	u64 dom;
};

/**
 * nyx_qos_charge() - charge work to a device and its domain
 * @dev: limits of the device, or NULL
 * @dom: limits of its domain, or NULL
 * @charge: the work; set: the limits that were charged
 * @now: CLOCK_MONOTONIC, ns
 * @reserve: charge the work also if it has to wait
 *
 * Context: any; an RCU read-side critical section that holds @dev and @dom.
 * Return: 0: the work is charged and may go on; otherwise ns to wait: the work is charged
 * for that time if @reserve, else not charged.
 */
u64 nyx_qos_charge(struct nyx_qos *dev, struct nyx_qos *dom,
		   struct nyx_charge *charge, u64 now, bool reserve);

/**
 * nyx_qos_refund() - take back a charge
 * @dev: limits of the device, or NULL
 * @dom: limits of the domain, or NULL
 * @charge: the work that is not done; limits that were not charged stay
 *
 * Context: as nyx_qos_charge().
 */
void nyx_qos_refund(struct nyx_qos *dev, struct nyx_qos *dom,
		    const struct nyx_charge *charge);

/**
 * nyx_qos_chunk() - how many bytes to charge at once
 * @dev: limits of the device, or NULL
 * @dom: limits of its domain, or NULL
 * @max: most bytes
 *
 * Context: as nyx_qos_charge().
 * Return: bytes, at least a page unless @max is less.
 */
u64 nyx_qos_chunk(const struct nyx_qos *dev, const struct nyx_qos *dom, u64 max);

/**
 * nyx_qos_wait() - wait for a limit
 * @unit: the unit
 * @sbdf: the device
 * @dom: its domain when it was charged, with a reference; NULL: the one it has
 * @charge: what was charged
 * @ns: how long
 *
 * Ends early if the limits have changed since the charge. On an error the charge is taken
 * back.
 *
 * Context: may sleep; outside of accesses.
 * Return: 0, or -EINTR if a signal arrived.
 */
int nyx_qos_wait(struct nyx_unit *unit, u32 sbdf, struct nyx_domain *dom,
		 const struct nyx_charge *charge, u64 ns);

/**
 * nyx_qos_give_back() - take back a charge of a device that may be gone
 * @unit: the unit
 * @sbdf: the device
 * @dom: its domain when it was charged, with a reference; NULL: the one it has
 * @charge: what was charged
 *
 * Context: any.
 */
void nyx_qos_give_back(struct nyx_unit *unit, u32 sbdf, struct nyx_domain *dom,
		       const struct nyx_charge *charge);

/**
 * nyx_limits_set() - set limits
 * @unit: the unit
 * @scope: NYX_SCOPE_DOMAIN or NYX_SCOPE_DEVICE
 * @id: which one
 * @limits: checked by the caller
 *
 * Context: may sleep.
 * Return: 0, -ENOENT, -ENOMEM.
 */
int nyx_limits_set(struct nyx_unit *unit, u32 scope, u32 id,
		   const struct nyx_limits *limits);

/**
 * nyx_limits_get() - read limits
 * @unit: the unit
 * @scope: NYX_SCOPE_DOMAIN or NYX_SCOPE_DEVICE
 * @id: which one
 * @limits: set
 *
 * Context: may sleep.
 * Return: 0 or -ENOENT.
 */
int nyx_limits_get(struct nyx_unit *unit, u32 scope, u32 id,
		   struct nyx_limits *limits);

#endif /* NYX_CORE_QOS_H */
