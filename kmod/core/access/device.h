/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: a device: a requester.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * An access finds its device under RCU, the device's context through it, and the
 * domain through that. It is then inside the domain's epoch. The device cannot go
 * before the access has left, because nyx_device_remove() moves it out of the domain,
 * and waits. A device that no command has attached, and of which no access has brought
 * in the guest's context entry, is in &nyx_unit.blocked_domain.
 */
#ifndef NYX_CORE_DEVICE_H
#define NYX_CORE_DEVICE_H

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "core/access/context.h"
#include "core/account/stats.h"
#include "core/fault/quarantine.h"

struct irt_device;
struct nyx_domain;
struct nyx_qos;
struct nyx_unit;

/**
 * struct nyx_device - a requester
 * @ctx: its context; NULL when it has been removed and only accesses that found it
 *       before still see it; written, by device.c alone, under &nyx_unit.lock and
 *       &nyx_fault_tracker.lock
 * @sbdf: segment and requester id; const after init
 * @stats: its counters
 * @faults: faults reported
 * @last_fault_ns: CLOCK_BOOTTIME of the last one
 * @blocked: it is quarantined or disabled; written under
 *           &nyx_fault_tracker.lock
 * @leaving: it is being removed, and sends no interrupts any more
 * @qos: its limits, or NULL; written under &nyx_unit.lock
 * @irqs: its interrupt remapping table, if it can have one of its own and has
 *        sent an interrupt; written, once, under &nyx_irq.lock
 * @tracker: its faults, its state
 * @nr_groups: page requests without an answer; under &nyx_pages.lock
 * @moving: a command is moving it to another domain, or removing it; under
 *          &nyx_unit.lock
 * @left: number of the last post that took it out of a domain, see core/space/inval.h; 0:
 *        nothing is left of that; under &nyx_unit.lock
 * @rcu: frees it
 */
struct nyx_device {
	struct nyx_ctx __rcu *ctx;
	u32 sbdf;
	struct nyx_stats_cpu __percpu *stats;
	atomic64_t faults;
	u64 last_fault_ns;
	bool blocked;
	bool leaving;
	struct nyx_qos __rcu *qos;
	struct irt_device *irqs;
	struct nyx_fault_tracker tracker;
	u32 nr_groups;
	bool moving;
	u64 left;
	struct rcu_head rcu;
};

/**
 * nyx_device_add() - add a device
 * @unit: the unit
 * @sbdf: segment and requester id
 *
 * Context: may sleep.
 * Return: 0, -EEXIST, -ENOSPC at the limit, -ENOMEM, -EINVAL if the unit's model
 * has no segment but the first.
 */
int nyx_device_add(struct nyx_unit *unit, u32 sbdf);

/* The context of a device; the lock of its unit is held. */
#define nyx_device_ctx(unit, dev)					\
	rcu_dereference_protected((dev)->ctx, lockdep_is_held(&(unit)->lock))

/* The domain that a device is in; the lock of its unit is held. */
#define nyx_device_domain(unit, dev)	(nyx_device_ctx(unit, dev)->dom)

/* Does quarantine stop a device that is in a domain? */
#define nyx_device_blocked(dev, dom)					\
	(READ_ONCE((dev)->blocked) || atomic_read(&(dom)->blocked))

/**
 * nyx_device_domain_rcu() - the domain that a device is in, for a moment
 * @dev: the device
 *
 * Context: under RCU.
 * Return: the domain, or NULL if the device has been removed.
 */
static inline struct nyx_domain *nyx_device_domain_rcu(const struct nyx_device *dev)
{
	struct nyx_ctx *ctx = rcu_dereference(dev->ctx);

	return ctx ? ctx->dom : NULL;
}

/**
 * nyx_device_set_ctx() - give a device another context
 * @dev: the device
 * @to: the context
 *
 * Accesses that begin later see @to, and all that was written to it before. The caller
 * counts the device in &nyx_domain.nr_devices of either domain, and hands the old context
 * to nyx_inval_context().
 *
 * Context: under &nyx_unit.lock.
 */
void nyx_device_set_ctx(struct nyx_device *dev, struct nyx_ctx *to);

/**
 * nyx_device_unpublish() - take a device out of sight, and out of its last domain
 * @unit: the unit
 * @dev: the device, which is leaving and is in &nyx_unit.blocked_domain
 *
 * When it returns no access and no interrupt uses the device.
 *
 * Context: may sleep; cannot be killed.
 */
void nyx_device_unpublish(struct nyx_unit *unit, struct nyx_device *dev);

/* Free a device after nyx_device_unpublish(), a grace period later. Any context. */
void nyx_device_free(struct nyx_device *dev);

/* Record the faults of all devices that were only counted; the unit ends. */
void nyx_devices_flush(struct nyx_unit *unit);

/* Drop all devices of a unit that has no accesses any more; at its end. */
void nyx_devices_purge(struct nyx_unit *unit);

#endif /* NYX_CORE_DEVICE_H */
