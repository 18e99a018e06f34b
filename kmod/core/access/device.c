// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: a device: a requester.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/access/device.h"

#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "base/export.h"
#include "base/reason.h"
#include "base/types.h"
#include "core/irq/irte.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/unit.h"
#include "core/window/window.h"

void nyx_device_set_ctx(struct nyx_device *dev, struct nyx_ctx *to)
{
	struct nyx_fault_tracker *t = &dev->tracker;
	struct nyx_domain *dom = to->dom;
	unsigned long flags;

	lockdep_assert_held(&dom->unit->lock);
	list_del_init(&dev->link);
	if (dom->cfg.kind == NYX_DOMAIN_GUEST)
		list_add_tail(&dev->link, &dom->devices);
	spin_lock_irqsave(&t->lock, flags);
	rcu_assign_pointer(dev->ctx, to);
	nyx_tracker_hold(dev);
	nyx_window_device(dev);
	spin_unlock_irqrestore(&t->lock, flags);
}

static void device_free_rcu(struct rcu_head *rcu)
{
	struct nyx_device *dev = container_of(rcu, struct nyx_device, rcu);

	kfree(rcu_dereference_protected(dev->qos, true));
	nyx_irqs_free(dev->irqs);
	nyx_tracker_free(dev);
	free_percpu(dev->stats);
	kfree(dev);
}

void nyx_device_free(struct nyx_unit *unit, struct nyx_device *dev)
{
	nyx_window_remove_device(&unit->window, dev);
	call_rcu(&dev->rcu, device_free_rcu);
}

int nyx_device_add(struct nyx_unit *unit, u32 sbdf)
{
	struct nyx_device *dev;
	int ret;

	/* Such a unit has one PCI segment, which the guest numbers. */
	if (unit->guest.viommu->ops->one_segment && NYX_SBDF_SEGMENT(sbdf))
		return NYX_ERR(SEGMENT);
	dev = kzalloc(sizeof(*dev), GFP_CALLER);
	if (!dev)
		return -ENOMEM;
	dev->sbdf = sbdf;
	INIT_LIST_HEAD(&dev->link);
	RCU_INIT_POINTER(dev->ctx, &unit->blocked_domain->ctx);
	dev->stats = nyx_stats_alloc();
	if (!dev->stats) {
		kfree(dev);
		return -ENOMEM;
	}
	ret = nyx_window_add_device(&unit->window, dev);
	if (ret)
		goto out_free;

	mutex_lock(&unit->lock);
	nyx_tracker_init(dev, &unit->cfg.policy);
	if (xa_load(&unit->devices, sbdf)) {
		ret = NYX_ERR(DEVICE_EXISTS);
	} else if (unit->nr_devices >= unit->cfg.max_devices) {
		ret = NYX_ERR(DEVICES_MAX);
	} else {
		ret = xa_err(xa_store(&unit->devices, sbdf, dev, GFP_CALLER));
		if (!ret) {
			unit->nr_devices++;
			unit->blocked_domain->nr_devices++;
		}
	}
	mutex_unlock(&unit->lock);

out_free:
	/* Under RCU: cut_off() of core/space/view.c may have found it by its index. */
	if (ret)
		nyx_device_free(unit, dev);
	return ret;
}

/*
 * The accesses that are left are in &nyx_unit.blocked_domain, which refuses them at once.
 * An access that has found the device, but enters the epoch after nyx_inval_wait_gone() has
 * drained it, sees that &nyx_device.ctx is NULL.
 */
void nyx_device_unpublish(struct nyx_unit *unit, struct nyx_device *dev)
{
	mutex_lock(&unit->lock);
	xa_erase(&unit->devices, dev->sbdf);
	unit->nr_devices--;
	unit->blocked_domain->nr_devices--;
	nyx_tracker_gone(unit, dev);
	RCU_INIT_POINTER(dev->ctx, NULL);
	mutex_unlock(&unit->lock);

	nyx_inval_wait_gone(unit);
	mutex_lock(&unit->irq.lock);
	nyx_irqs_invalidate(&unit->irq, dev);
	mutex_unlock(&unit->irq.lock);
}

void nyx_devices_flush(struct nyx_unit *unit)
{
	struct nyx_device *dev;
	unsigned long sbdf;

	mutex_lock(&unit->lock);
	xa_for_each(&unit->devices, sbdf, dev) {
		nyx_tracker_flush(unit, dev);
		cond_resched();
	}
	mutex_unlock(&unit->lock);
}

void nyx_devices_purge(struct nyx_unit *unit)
{
	struct nyx_device *dev;
	unsigned long sbdf;

	lockdep_assert_held(&unit->lock);
	xa_for_each(&unit->devices, sbdf, dev) {
		nyx_device_domain(unit, dev)->nr_devices--;
		list_del(&dev->link);
		xa_erase(&unit->devices, sbdf);
		nyx_ctx_free(nyx_device_ctx(unit, dev));
		call_rcu(&dev->rcu, device_free_rcu);
		cond_resched();
	}
	unit->nr_devices = 0;
	atomic_set(&unit->nr_quarantined, 0);
	xa_destroy(&unit->devices);
}

NYX_EXPORT_FOR_TEST(nyx_device_add);
