/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: a device: a requester.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * An access finds its device under RCU, then the device's context and the context's domain,
 * and enters the domain's epoch. nyx_device_remove() moves the device out of the domain and
 * waits for the epoch, so the device stays until the access has left. A device is in
 * &nyx_unit.blocked_domain until a command attaches it, or an access brings in the guest's
 * context entry.
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
struct nyx_window_dev;

/**
 * struct nyx_device - a requester
 * @ctx: its context; NULL after nyx_device_unpublish(); written, by device.c alone, under
 *       &nyx_unit.lock and &nyx_fault_tracker.lock
 * @sbdf: segment and requester id; const after init
 * @stats: its counters
 * @faults: faults reported
 * @last_fault_ns: CLOCK_BOOTTIME of the last one
 * @quarantined: it is quarantined or disabled; written under
 *           &nyx_fault_tracker.lock
 * @leaving: it is being removed, and sends no interrupts any more
 * @qos: its limits, or NULL; written under &nyx_unit.lock
 * @irqs: its interrupt remapping table, if it can have one of its own and has
 *        sent an interrupt; written, once, under &nyx_irq.lock
 * @tracker: its fault tracker
 * @nr_groups: page requests without an answer; under &nyx_pages.lock
 * @link: in &nyx_domain.devices, if the guest's tables gave it its context; under
 *        &nyx_unit.lock
 * @moving: a command is moving or removing the device; under &nyx_unit.lock
 * @nr_followers: change streams that follow the device; under &nyx_unit.lock
 * @left: number of the last post that took the device out of a domain, see
 *        core/space/inval.h; 0: a wait has covered it; under &nyx_unit.lock
 * @window: its word in the window, or NULL; const after init
 * @index: index of @window; const after init
 * @serial: of @window; const after init
 * @rcu: for call_rcu()
 */
struct nyx_device {
	struct nyx_ctx __rcu *ctx;
	u32 sbdf;
	struct nyx_stats_cpu __percpu *stats;
	atomic64_t faults;
	u64 last_fault_ns;
	bool quarantined;
	bool leaving;
	struct nyx_qos __rcu *qos;
	struct irt_device *irqs;
	struct nyx_fault_tracker tracker;
	u32 nr_groups;
	struct list_head link;
	bool moving;
	unsigned int nr_followers;
	u64 left;
	struct nyx_window_dev *window;
	u32 index;
	u32 serial;
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

/* The context of a device; &nyx_unit.lock is held. */
#define nyx_device_ctx(unit, dev)					\
	rcu_dereference_protected((dev)->ctx, lockdep_is_held(&(unit)->lock))

/* The domain that a device is in; &nyx_unit.lock is held. */
#define nyx_device_domain(unit, dev)	(nyx_device_ctx(unit, dev)->dom)

/* Does quarantine stop a device that is in a domain? */
#define nyx_device_quarantined(dev, dom)					\
	(READ_ONCE((dev)->quarantined) || atomic_read(&(dom)->quarantined))

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
 * Accesses that begin later see @to, and all that was written to it before. The device is listed
 * in the domain of @to, if that is of kind NYX_DOMAIN_GUEST, and in no other. The caller
 * counts the device in &nyx_domain.nr_devices of either domain, and hands the old context
 * to nyx_inval_context().
 *
 * Context: under &nyx_unit.lock.
 */
void nyx_device_set_ctx(struct nyx_device *dev, struct nyx_ctx *to);

/**
 * nyx_device_unpublish() - hide a device from lookups, and take it out of its last domain
 * @unit: the unit
 * @dev: the device, which is leaving and is in &nyx_unit.blocked_domain
 *
 * When it returns no access and no interrupt uses the device.
 *
 * Context: may sleep; cannot be killed.
 */
void nyx_device_unpublish(struct nyx_unit *unit, struct nyx_device *dev);

/* Free a device after nyx_device_unpublish(), a grace period later. Any process. */
void nyx_device_free(struct nyx_unit *unit, struct nyx_device *dev);

/* Record the faults that the trackers of all devices have only counted; when the unit ends. */
void nyx_devices_flush(struct nyx_unit *unit);

/* Free all devices of a unit that is torn down, and has no accesses any more. */
void nyx_devices_purge(struct nyx_unit *unit);

#endif /* NYX_CORE_DEVICE_H */
