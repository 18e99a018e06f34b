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
#include <linux/sched.h>
#include <linux/slab.h>

#include "base/export.h"
#include "base/types.h"
#include "core/domain.h"
#include "core/unit.h"
#include "mem/gmap.h"
#include "mem/region.h"

/* A region that has left the map, and may still be in use. */
struct nyx_limbo {
	struct list_head link;	/* Head at nyx_unit::limbo */
	struct region *region;
};

int nyx_memory_init(struct nyx_unit *unit, unsigned int max)
{
	gmap_init(&unit->mem, max);
	INIT_LIST_HEAD(&unit->limbo);
	return epoch_init(&unit->mem_epoch);
}

void nyx_memory_fini(struct nyx_unit *unit)
{
	epoch_fini(&unit->mem_epoch);
}

int nyx_guest_mem_drain(struct nyx_unit *unit)
{
	return epoch_drain(&unit->mem_epoch);
}

int nyx_memory_add(struct nyx_unit *unit, u64 gpa, u64 last,
		   struct region *region)
{
	int ret = -EPERM;

	mutex_lock(&unit->lock);
	if (region_flags(region) & REGION_SHARED ||
	    (!unit->shared && unit->mm == current->mm))
		ret = gmap_insert(&unit->mem, gpa, last, region);
	if (!ret)
		unit->nr_memory++;
	mutex_unlock(&unit->lock);
	return ret;
}

static void limbo_free(struct list_head *list)
{
	struct nyx_limbo *limbo, *next;

	list_for_each_entry_safe(limbo, next, list, link) {
		region_put(limbo->region);
		kfree(limbo);
		cond_resched();
	}
}

/* Wait for everybody who may use memory that was found before. */
static int drain_users(struct nyx_unit *unit)
{
	int ret = nyx_domains_drain(unit);

	if (ret)
		return ret;
	/* Those that post to pinned memory. */
	epoch_drain_bounded(&unit->irq.epoch);
	return nyx_guest_mem_drain(unit);
}

int nyx_memory_remove(struct nyx_unit *unit, u64 gpa, u64 last)
{
	struct nyx_limbo *limbo;
	struct region *region;
	LIST_HEAD(gone);
	int ret, err;

	/* Before anything changes: the failing path must not need memory. */
	limbo = kmalloc(sizeof(*limbo), GFP_CALLER);
	if (!limbo)
		return -ENOMEM;

	mutex_lock(&unit->lock);
	region = gmap_remove(&unit->mem, gpa, last);
	ret = PTR_ERR_OR_ZERO(region);
	if (!ret) {
		unit->nr_memory--;
		limbo->region = region;
		list_add(&limbo->link, &unit->limbo);
	}
	/* Regions that killed removals have left behind go, too. */
	if (!ret || ret == -ENOENT)
		list_splice_init(&unit->limbo, &gone);
	mutex_unlock(&unit->lock);
	if (ret)
		kfree(limbo);
	if (ret == -ENOMEM)
		return ret;

	/* -ENOENT: another removal of the range may be here, or was killed here. */
	err = drain_users(unit);
	if (err) {
		mutex_lock(&unit->lock);
		list_splice(&gone, &unit->limbo);
		mutex_unlock(&unit->lock);
		return err;
	}
	limbo_free(&gone);
	return ret;
}

struct region *nyx_memory_find(struct nyx_unit *unit, u64 gpa, u64 *offset)
{
	const struct gmap_slot *slot;
	struct region *region = NULL;
	u32 hint = 0;

	rcu_read_lock();
	slot = gmap_find(&unit->mem, gpa, &hint);
	if (slot) {
		region = slot->region;
		*offset = gmap_offset(slot, gpa);
	}
	rcu_read_unlock();
	return region;
}

bool nyx_memory_shared(struct nyx_unit *unit)
{
	const struct gmap_slot *slot;
	bool shared = true;
	u64 gpa = 0;

	lockdep_assert_held(&unit->lock);
	do {
		rcu_read_lock();
		slot = gmap_next(&unit->mem, gpa);
		if (slot) {
			shared = region_flags(slot->region) & REGION_SHARED;
			gpa = slot->last + 1;
		}
		rcu_read_unlock();
		cond_resched();
	} while (slot && shared);
	return shared;
}

void nyx_memory_purge(struct nyx_unit *unit)
{
	struct region *region;

	/* Giving back pins takes long, and looking at the unit needs the lock. */
	for (;;) {
		mutex_lock(&unit->lock);
		region = gmap_pop(&unit->mem);
		unit->nr_memory = 0;
		mutex_unlock(&unit->lock);
		if (!region)
			break;
		region_put(region);
		cond_resched();
	}
	gmap_fini(&unit->mem);
	limbo_free(&unit->limbo);
}

NYX_EXPORT_FOR_TEST(nyx_memory_add);
NYX_EXPORT_FOR_TEST(nyx_memory_remove);
NYX_EXPORT_FOR_TEST(nyx_guest_mem_drain);
