// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: a device: a requester.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/device.h"

#include <linux/err.h>
#include <linux/slab.h>

#include "base/export.h"
#include "core/domain.h"
#include "core/unit.h"

static struct nyx_domain *domain_of(struct nyx_unit *unit,
				    struct nyx_device *dev)
{
	return rcu_dereference_protected(dev->domain,
					 lockdep_is_held(&unit->lock));
}

int nyx_device_add(struct nyx_unit *unit, u32 sbdf)
{
	struct nyx_device *dev;
	int ret;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);
	if (!dev)
		return -ENOMEM;
	dev->sbdf = sbdf;
	RCU_INIT_POINTER(dev->domain, unit->nowhere);
	dev->stats = nyx_stats_alloc();
	if (!dev->stats) {
		kfree(dev);
		return -ENOMEM;
	}

	mutex_lock(&unit->lock);
	if (xa_load(&unit->devices, sbdf)) {
		ret = -EEXIST;
	} else if (unit->nr_devices >= unit->cfg.max_devices) {
		ret = -ENOSPC;
	} else {
		ret = xa_err(xa_store(&unit->devices, sbdf, dev,
				      GFP_KERNEL_ACCOUNT));
		if (!ret) {
			unit->nr_devices++;
			unit->nowhere->nr_devices++;
		}
	}
	mutex_unlock(&unit->lock);

	if (ret) {
		free_percpu(dev->stats);
		kfree(dev);
	}
	return ret;
}
NYX_EXPORT_FOR_TEST(nyx_device_add);

static void device_free_rcu(struct rcu_head *rcu)
{
	struct nyx_device *dev = container_of(rcu, struct nyx_device, rcu);

	free_percpu(dev->stats);
	kfree(dev);
}

/*
 * Move a device to another domain, and wait until no access of it uses the
 * former one. Whoever enters an epoch looks at the device's domain
 * again when it is inside; pairs with the barrier in epoch_drain().
 */
static int device_move(struct nyx_unit *unit, struct nyx_device *dev,
		       struct nyx_domain *to)
{
	struct nyx_domain *from = domain_of(unit, dev);
	int ret;

	to->nr_devices++;
	rcu_assign_pointer(dev->domain, to);
	from->nr_devices--;
	ret = epoch_drain(&from->epoch);
	if (ret)
		dev->unsettled = true;
	return ret;
}

int nyx_device_remove(struct nyx_unit *unit, u32 sbdf)
{
	struct nyx_device *dev;
	int ret;

	mutex_lock(&unit->lock);
	dev = xa_load(&unit->devices, sbdf);
	ret = dev ? device_move(unit, dev, unit->nowhere) : -ENOENT;
	if (!ret && dev->unsettled)
		ret = nyx_domains_drain(unit);
	if (!ret) {
		xa_erase(&unit->devices, sbdf);
		unit->nr_devices--;
		unit->nowhere->nr_devices--;
		call_rcu(&dev->rcu, device_free_rcu);
	}
	mutex_unlock(&unit->lock);
	return ret;
}

int nyx_device_attach(struct nyx_unit *unit, u32 sbdf, u32 domain_id,
		      bool replace)
{
	struct nyx_domain *dom, *from;
	struct nyx_device *dev;
	int ret;

	mutex_lock(&unit->lock);
	dev = xa_load(&unit->devices, sbdf);
	dom = xa_load(&unit->domains, domain_id);
	from = dev ? domain_of(unit, dev) : NULL;
	if (!dev || !dom)
		ret = -ENOENT;
	else if (from != unit->nowhere && !replace)
		ret = -EBUSY;
	else if (from == dom)
		ret = 0;
	else if (!(dom->flags & NYX_DOMAIN_F_SHARED) && dom->nr_devices)
		ret = -EBUSY;
	else
		ret = device_move(unit, dev, dom);
	mutex_unlock(&unit->lock);
	return ret;
}
NYX_EXPORT_FOR_TEST(nyx_device_attach);

int nyx_device_detach(struct nyx_unit *unit, u32 sbdf)
{
	struct nyx_device *dev;
	int ret;

	mutex_lock(&unit->lock);
	dev = xa_load(&unit->devices, sbdf);
	if (!dev || domain_of(unit, dev) == unit->nowhere)
		ret = -ENOENT;
	else
		ret = device_move(unit, dev, unit->nowhere);
	mutex_unlock(&unit->lock);
	return ret;
}

void nyx_devices_purge(struct nyx_unit *unit)
{
	struct nyx_device *dev;
	unsigned long sbdf;

	lockdep_assert_held(&unit->lock);
	xa_for_each(&unit->devices, sbdf, dev) {
		domain_of(unit, dev)->nr_devices--;
		xa_erase(&unit->devices, sbdf);
		call_rcu(&dev->rcu, device_free_rcu);
		cond_resched();
	}
	unit->nr_devices = 0;
	xa_destroy(&unit->devices);
}
