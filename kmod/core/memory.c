// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: guest memory of a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The translation cache holds no host addresses, only GPAs and a hint that is
 * checked when it is used. Removing memory therefore invalidates nothing; what
 * has to be waited for is the accesses that have already found the region.
 */
#include "core/memory.h"

#include <linux/err.h>
#include <linux/slab.h>

#include "base/export.h"
#include "core/domain.h"
#include "core/unit.h"
#include "mem/gmap.h"
#include "mem/region.h"

/* A region whose accesses could not be waited for. */
struct nyx_limbo {
	struct list_head link;	/* Head at nyx_unit::limbo */
	struct region *region;
};

int nyx_memory_add(struct nyx_unit *unit, u64 gpa, u64 last,
		   struct region *region)
{
	int ret;

	mutex_lock(&unit->lock);
	ret = gmap_insert(&unit->mem, gpa, last, region);
	if (!ret)
		unit->nr_memory++;
	mutex_unlock(&unit->lock);
	return ret;
}

int nyx_memory_remove(struct nyx_unit *unit, u64 gpa, u64 last)
{
	struct nyx_limbo *limbo;
	struct region *region;
	int ret;

	/* Before anything changes: the failing path must not need memory. */
	limbo = kmalloc(sizeof(*limbo), GFP_KERNEL_ACCOUNT);
	if (!limbo)
		return -ENOMEM;

	mutex_lock(&unit->lock);
	region = gmap_remove(&unit->mem, gpa, last);
	if (!IS_ERR(region))
		unit->nr_memory--;
	mutex_unlock(&unit->lock);
	if (IS_ERR(region)) {
		kfree(limbo);
		return PTR_ERR(region);
	}

	ret = nyx_domains_drain(unit);
	if (ret) {
		limbo->region = region;
		mutex_lock(&unit->lock);
		list_add(&limbo->link, &unit->limbo);
		mutex_unlock(&unit->lock);
		return ret;
	}
	region_put(region);
	kfree(limbo);
	return 0;
}

void nyx_memory_purge(struct nyx_unit *unit)
{
	struct nyx_limbo *limbo, *next;
	struct region *region;

	lockdep_assert_held(&unit->lock);
	while ((region = gmap_pop(&unit->mem))) {
		region_put(region);
		cond_resched();
	}
	unit->nr_memory = 0;
	gmap_fini(&unit->mem);
	list_for_each_entry_safe(limbo, next, &unit->limbo, link) {
		list_del(&limbo->link);
		region_put(limbo->region);
		kfree(limbo);
	}
}

NYX_EXPORT_FOR_TEST(nyx_memory_add);
