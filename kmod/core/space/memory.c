// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: guest memory of a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The translation cache holds no host addresses, only GPAs and a hint that is checked when
 * it is used. Removing memory therefore invalidates nothing, and only waits for the
 * accesses that have already found the region.
 */
#include "core/space/memory.h"

#include <linux/err.h>
#include <linux/sched.h>

#include "base/export.h"
#include "base/reason.h"
#include "base/types.h"
#include "core/space/dirty.h"
#include "core/space/inval.h"
#include "core/space/listener.h"
#include "core/unit.h"
#include "mem/memslots.h"
#include "mem/region.h"

int nyx_memory_init(struct nyx_unit *unit, unsigned int max)
{
	memslots_init(&unit->mem, max);
	return epoch_init(&unit->mem_epoch);
}

void nyx_memory_fini(struct nyx_unit *unit)
{
	epoch_fini(&unit->mem_epoch);
}

int nyx_memory_add(struct nyx_unit *unit, u64 gpa, u64 last,
		   struct region *region)
{
	struct nyx_dirty_gone gone = { 0 };
	int ret = NYX_ERR(MEMORY_PRIVATE);

	mutex_lock(&unit->lock);
	if (region_flags(region) & REGION_SHARED ||
	    (!unit->cfg.shared && unit->mm == current->mm))
		ret = nyx_dirty_add(unit, region);
	if (!ret) {
		ret = memslots_insert(&unit->mem, gpa, last, region);
		if (ret)
			nyx_dirty_remove(unit, region, &gone);
	}
	if (!ret) {
		unit->nr_memory++;
		nyx_listeners_memory(&unit->listeners);
	}
	mutex_unlock(&unit->lock);
	nyx_dirty_free(unit, &gone);
	if (ret == -EEXIST)
		return NYX_ERR(MEMORY_OVERLAP);
	return ret == -ENOSPC ? NYX_ERR(MEMORY_MAX) : ret;
}

int nyx_memory_remove(struct nyx_unit *unit, u64 gpa, u64 last)
{
	struct nyx_ticket ticket = NYX_TICKET(unit);
	struct nyx_dirty_gone gone = { 0 };
	struct region *region;
	int ret;

	mutex_lock(&unit->lock);
	region = memslots_remove(&unit->mem, gpa, last);
	ret = PTR_ERR_OR_ZERO(region);
	if (!ret) {
		unit->nr_memory--;
		nyx_dirty_remove(unit, region, &gone);
		/* Before the wait: a section that begins later sees the new count. */
		nyx_window_count_removal(&unit->window);
	}
	/*
	 * -ENOENT: another removal of the range may still wait, or was killed while it
	 * waited.
	 */
	if (!ret || ret == -ENOENT)
		nyx_inval_memory(&ticket, ret ? NULL : region);
	mutex_unlock(&unit->lock);
	nyx_dirty_free(unit, &gone);
	if (ret == -ENOENT)
		ret = NYX_ERR(NO_SUCH_MEMORY);
	return nyx_inval_wait(&ticket) ?: ret;
}

struct region *nyx_memory_find(struct nyx_unit *unit, u64 gpa, u64 *offset)
{
	const struct memslot *slot;
	struct region *region = NULL;
	u32 hint = 0;

	rcu_read_lock();
	slot = memslots_find(&unit->mem, gpa, &hint);
	if (slot) {
		region = slot->region;
		*offset = memslot_offset(slot, gpa);
	}
	rcu_read_unlock();
	return region;
}

bool nyx_memory_shared(struct nyx_unit *unit)
{
	const struct memslot *slot;
	bool shared = true;
	u64 gpa = 0;

	lockdep_assert_held(&unit->lock);
	do {
		rcu_read_lock();
		slot = memslots_next(&unit->mem, gpa);
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
	struct nyx_dirty_gone gone = { 0 };
	struct region *region;

	/* Unpinning takes long: drop the lock for commands that look at the unit. */
	for (;;) {
		mutex_lock(&unit->lock);
		region = memslots_pop(&unit->mem);
		unit->nr_memory = 0;
		if (region)
			nyx_dirty_remove(unit, region, &gone);
		mutex_unlock(&unit->lock);
		if (!region)
			break;
		region_put(region);
		cond_resched();
	}
	nyx_dirty_free(unit, &gone);
	memslots_fini(&unit->mem);
	nyx_inval_purge_memory(&unit->inval);
}

/* ---- words -------------------------------------------------------------- */

int nyx_guest_read_words(struct nyx_unit *unit, u64 gpa, u64 *val, unsigned int nr)
{
	struct region *region;
	u64 offset;

	region = nyx_memory_find(unit, gpa, &offset);
	return region ? region_read_words(region, offset, val, nr) : -EIO;
}

int nyx_guest_read64(struct nyx_unit *unit, u64 gpa, u64 *val)
{
	return nyx_guest_read_words(unit, gpa, val, 1);
}

static int read_word(void *ctx, u64 gpa, u64 *val)
{
	return nyx_guest_read64(ctx, gpa, val);
}

struct pt_guest_mem nyx_guest_mem(struct nyx_unit *unit)
{
	return (struct pt_guest_mem){ .read64 = read_word, .ctx = unit };
}

/* How often nyx_guest_read128() reads words that the guest changes meanwhile. */
#define READ_TRIES	8

int nyx_guest_read128(struct nyx_unit *unit, u64 gpa, u64 word[2])
{
	unsigned int tries;
	u64 again;
	int ret;

	ret = nyx_guest_read64(unit, gpa, &word[0]);
	for (tries = 0; !ret && tries < READ_TRIES; tries++) {
		/* Read word[1] after word[0]; the guest's store is a full barrier. */
		smp_rmb();
		ret = nyx_guest_read64(unit, gpa + 8, &word[1]);
		/* Read word[0] again after word[1]; the guest's store is a full barrier. */
		smp_rmb();
		if (!ret)
			ret = nyx_guest_read64(unit, gpa, &again);
		if (ret || again == word[0])
			break;
		word[0] = again;
	}
	return ret;
}

static int guest_write(struct nyx_unit *unit, u64 gpa, u32 width, u64 val,
		       enum region_atomic_op op)
{
	struct region *region;
	u64 offset, old;

	region = nyx_memory_find(unit, gpa, &offset);
	if (!region || (region_flags(region) & REGION_READONLY))
		return -EIO;
	return region_atomic(region, offset, op, width, val, 0, &old);
}

int nyx_guest_write32(struct nyx_unit *unit, u64 gpa, u32 val)
{
	return guest_write(unit, gpa, sizeof(val), val, REGION_SWAP);
}

int nyx_guest_or32(struct nyx_unit *unit, u64 gpa, u32 bits)
{
	return guest_write(unit, gpa, sizeof(bits), bits, REGION_OR);
}

int nyx_guest_write64(struct nyx_unit *unit, u64 gpa, u64 val)
{
	return guest_write(unit, gpa, sizeof(val), val, REGION_SWAP);
}

NYX_EXPORT_FOR_TEST(nyx_memory_add);
NYX_EXPORT_FOR_TEST(nyx_memory_remove);
