// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: what a target of a change stream translates.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/changes/source.h"

#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/nyx_iommu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "base/export.h"
#include "base/types.h"
#include "core/access/context.h"
#include "core/space/domain.h"
#include "core/space/memory.h"
#include "core/unit.h"
#include "mem/memslots.h"
#include "mem/region.h"

/* Look-ups between two calls of cond_resched(). */
#define BATCH		256u

/**
 * struct leaf - addresses that a stage translates alike, or not at all
 * @last: last IOVA
 * @gpa: GPA of the first
 * @perm: NYX_ACC_*; 0: they are not mapped
 * @lg2: log2 of the size of the page, if a guest may take it away as a whole
 */
struct leaf {
	u64 last;
	u64 gpa;
	u32 perm;
	u8 lg2;
};

static void leaf_kernel(struct nyx_domain *dom, u64 iova, u64 last, struct leaf *leaf)
{
	struct pt_extent ext;
	bool found;

	mutex_lock(&dom->lock);
	found = pt_next(&dom->pt, iova, last, &ext);
	mutex_unlock(&dom->lock);
	if (!found)
		return;
	if (ext.start > iova) {
		leaf->last = ext.start - 1;
		return;
	}
	leaf->last = ext.last;
	leaf->gpa = ext.oa;
	leaf->perm = ext.perm;
}

/* Bits of an address that an entry of a level leaves open. */
static unsigned int level_lg2(unsigned int level)
{
	return NYX_PAGE_LG2 + 9 * level;
}

static void walk_guest(struct source *s, u64 iova, struct pt_result *res)
{
	const struct pt_guest_mem mem = nyx_guest_mem(s->unit);
	const struct nyx_guest_table *table = &s->dom->guest;
	unsigned int pair;

	pair = nyx_guest_mem_enter(s->unit);
	pt_walk_guest(&table->cfg, table->root, &mem, iova, 0, res);
	nyx_guest_mem_exit(s->unit, pair);
}

static int leaf_guest(struct source *s, u64 iova, struct leaf *leaf)
{
	struct pt_result res;

	walk_guest(s, iova, &res);
	/* The read of the table may have failed only because this thread was killed. */
	if (res.status == PT_TABLE_ACCESS && fatal_signal_pending(current))
		return -EINTR;
	if (res.status == PT_OK) {
		leaf->last = min(leaf->last, iova | nyx_lg2_last(res.lg2));
		leaf->gpa = res.oa;
		leaf->perm = res.perm;
		leaf->lg2 = res.lg2;
	} else if (res.level != PT_LEVEL_NONE && level_lg2(res.level) < 64) {
		leaf->last = min(leaf->last, iova | nyx_lg2_last(level_lg2(res.level)));
	}
	/* Otherwise the address is beyond the width, and so are those behind it. */
	return 0;
}

static void leaf_identity(const struct source *s, u64 iova, struct leaf *leaf)
{
	u64 end = s->dom->stage.width < 64 ? nyx_lg2_last(s->dom->stage.width) : U64_MAX;

	if (iova > end)
		return;
	leaf->last = min(leaf->last, end);
	leaf->gpa = iova;
	leaf->perm = NYX_ACC_RW;
}

/* Cut a leaf where a range begins or ends. True: it is in the range. */
static bool cut(u64 addr, u64 first, u64 last, u64 *leaf_last)
{
	if (addr > last)
		return false;
	if (addr < first) {
		*leaf_last = min(*leaf_last, first - 1);
		return false;
	}
	*leaf_last = min(*leaf_last, last);
	return true;
}

/* How is @iova translated, and how far alike? 0, or -EINTR. */
static int find_leaf(struct source *s, u64 iova, u64 last, struct leaf *leaf)
{
	u64 irqs = NYX_IRQ_RANGE_START + nyx_lg2_last(NYX_IRQ_RANGE_LG2);
	int ret = 0;

	*leaf = (struct leaf){ .last = last };
	/* Writes there are interrupts, which never reach memory. */
	if (s->dom->stage.msi_window && cut(iova, NYX_IRQ_RANGE_START, irqs, &leaf->last))
		return 0;
	if (s->attrs.excl &&
	    cut(iova, s->attrs.excl_first, s->attrs.excl_last, &leaf->last)) {
		leaf->gpa = iova;
		leaf->perm = NYX_ACC_RW;
		return 0;
	}
	if (s->attrs.block_reason)
		return 0;
	switch (s->dom->stage.kind) {
	case NYX_STAGE_IDENTITY:
		leaf_identity(s, iova, leaf);
		break;
	case NYX_STAGE_KERNEL:
		leaf_kernel(s->dom, iova, leaf->last, leaf);
		break;
	case NYX_STAGE_GUEST:
		ret = leaf_guest(s, iova, leaf);
		break;
	default:
		break;
	}
	leaf->perm &= s->attrs.perm;
	if (ret || !leaf->perm || !s->dom->stage.msi_window)
		return ret;
	/* Nor may a page lead there. */
	last = leaf->gpa + (leaf->last - iova);
	if (cut(leaf->gpa, NYX_IRQ_RANGE_START, irqs, &last))
		leaf->perm = 0;
	leaf->last = iova + (last - leaf->gpa);
	return 0;
}

/*
 * Find the memory behind a leaf: the first run at or after @iova that memory of the unit is behind,
 * or false.
 */
static bool memory_run(struct source *s, u64 iova, const struct leaf *leaf,
		       struct shadow_run *run)
{
	u64 gpa_last = leaf->gpa + (leaf->last - iova);
	const struct memslot *slot;
	bool found = false;
	u64 skip;

	if (gpa_last < leaf->gpa)
		gpa_last = U64_MAX;
	rcu_read_lock();
	slot = memslots_next(&s->unit->mem, leaf->gpa);
	if (slot && slot->start <= gpa_last) {
		skip = slot->start > leaf->gpa ? slot->start - leaf->gpa : 0;
		run->iova = iova + skip;
		run->gpa = leaf->gpa + skip;
		run->last = iova + (min(slot->last, gpa_last) - leaf->gpa);
		run->memory = slot->region;
		run->prot = leaf->perm;
		run->lg2 = max_t(u8, leaf->lg2, NYX_PAGE_LG2);
		if (region_flags(slot->region) & REGION_READONLY)
			run->prot &= ~NYX_ACC_WRITE;
		found = true;
	}
	rcu_read_unlock();
	return found;
}

/* Use up budget. 0, -EAGAIN or -EINTR. */
static int spend(struct source *s)
{
	if (!s->budget)
		return -EAGAIN;
	if (--s->budget % BATCH == 0) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* Find the first run from @iova on, within one leaf. */
static int first_run(struct source *s, u64 iova, u64 last, struct shadow_run *run)
{
	struct leaf leaf;
	int ret;

	for (;;) {
		run->iova = iova;
		ret = spend(s);
		if (ret)
			return ret;
		ret = find_leaf(s, iova, last, &leaf);
		if (ret)
			return ret;
		if (leaf.perm && memory_run(s, iova, &leaf, run)) {
			if (run->prot)
				return 1;
			/* Read-only memory that may only be written: look behind it. */
			leaf.last = run->last;
		}
		if (leaf.last >= last)
			return 0;
		iova = leaf.last + 1;
	}
}

/* Log2 of the size of the page at an address of a guest's table. */
static u32 page_lg2(struct source *s, u64 iova)
{
	struct pt_result res;

	walk_guest(s, iova, &res);
	return res.status == PT_OK ? res.lg2 : NYX_PAGE_LG2;
}

void source_widen(struct source *s, u64 *first, u64 *last)
{
	if (s->dom->stage.kind != NYX_STAGE_GUEST || (!*first && *last == U64_MAX))
		return;
	*first &= ~nyx_lg2_last(page_lg2(s, *first));
	*last |= nyx_lg2_last(page_lg2(s, *last));
}

int source_next(void *ctx, u64 iova, u64 last, struct shadow_run *run)
{
	struct source *s = ctx;
	struct shadow_run more;
	int ret;

	ret = first_run(s, iova, last, run);
	/* Add runs that go on where this one ends. */
	while (ret == 1 && run->last < last && !spend(s)) {
		struct leaf leaf;

		if (find_leaf(s, run->last + 1, last, &leaf) || !leaf.perm ||
		    leaf.gpa != run->gpa + (run->last + 1 - run->iova) ||
		    !memory_run(s, run->last + 1, &leaf, &more) ||
		    more.iova != run->last + 1 || more.memory != run->memory ||
		    more.prot != run->prot)
			break;
		run->last = more.last;
		run->lg2 = max(run->lg2, more.lg2);
	}
	return ret;
}

NYX_EXPORT_FOR_TEST(source_next);
