// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: walks of tables, for people to look at.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/access/walk.h"

#include <linux/rcupdate.h>
#include <linux/sched/signal.h>

#include "core/access/context.h"
#include "core/access/device.h"
#include "core/access/translate.h"
#include "core/space/domain.h"
#include "core/space/memory.h"
#include "core/unit.h"
#include "mem/region.h"

/* Say whether the memory at @gpa refuses an access, and why. */
static u32 memory_reason(struct nyx_unit *unit, u64 gpa, unsigned int access)
{
	struct region *region;
	u64 offset;

	region = nyx_memory_find(unit, gpa, &offset);
	if (!region)
		return NYX_FAULT_NO_MEMORY;
	return (access & NYX_ACC_WRITE) && (region_flags(region) & REGION_READONLY) ?
		NYX_FAULT_READONLY_MEMORY : NYX_FAULT_NONE;
}

static void walk_to_page(struct nyx_unit *unit, const struct pt_result *res,
			 unsigned int access, struct nyx_walk_view *view)
{
	nyx_walk_fault(res, &view->fault);
	if (res->status != PT_OK)
		return;
	view->fault.reason = memory_reason(unit, res->oa, access);
	view->fault.level = NYX_LEVEL_NONE;
	view->perm = res->perm;
	view->lg2 = res->lg2;
}

static void look(struct nyx_walk_view *view, u64 iova, unsigned int access)
{
	view->fault = (struct nyx_fault_info) {
		.access = access,
		.level = NYX_LEVEL_NONE,
		.address = iova,
		.gpa = NYX_GPA_UNKNOWN,
	};
}

int nyx_walk_table(struct nyx_unit *unit, u64 iova, unsigned int access,
		   struct nyx_walk_view *view)
{
	const struct pt_guest_mem mem = nyx_guest_mem(unit);
	struct pt_result res;
	unsigned int pair;

	look(view, iova, access);
	/* nyx_memory_remove() waits for this section. */
	pair = nyx_guest_mem_enter(unit);
	pt_walk_trace(&view->cfg, view->root, &mem, iova, access, &res,
		      &view->trace);
	walk_to_page(unit, &res, access, view);
	nyx_guest_mem_exit(unit, pair);
	/* A killed thread may have failed to read a word that is there. */
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* Walk the kernel's own table. */
static void walk_own(const struct nyx_access *acc, u64 iova, unsigned int access,
		     struct nyx_walk_view *view)
{
	const struct pt *pt = &acc->dom->pt;
	struct pt_result res;

	look(view, iova, access);
	rcu_read_lock();
	pt_walk_own_trace(pt, iova, access, &res, &view->trace);
	rcu_read_unlock();
	walk_to_page(acc->unit, &res, access, view);
}

/* Walk as an access translates, through a guest's table if there is one. */
static void walk_access(struct nyx_access *acc, u64 iova, unsigned int access,
			struct nyx_walk_view *view)
{
	struct nyx_segment seg = {};

	if (nyx_translate(acc, iova, 1, access, &seg, &view->fault)) {
		look(view, iova, access);
		view->fault.gpa = seg.gpa;
	}
	view->perm = seg.perm;
	view->lg2 = seg.lg2;
}

int nyx_walk_device(struct nyx_unit *unit, u32 sbdf, u32 pasid, u64 iova,
		    unsigned int access, struct nyx_walk_view *view)
{
	struct nyx_access acc;
	const struct pt *pt;
	int ret;

	ret = nyx_access_begin(unit, sbdf, pasid, &acc);
	if (ret)
		return ret;
	acc.trace = &view->trace;
	pt = &acc.dom->pt;
	if (acc.dom->stage.kind == NYX_STAGE_GUEST) {
		view->cfg = acc.dom->guest.cfg;
		view->root = acc.dom->guest.root;
	} else if (acc.dom->stage.kind == NYX_STAGE_KERNEL) {
		view->cfg.format = pt->format;
		view->cfg.levels = pt->top + 1;
		view->root = NYX_GPA_UNKNOWN;
	}
	if (acc.dom->stage.kind == NYX_STAGE_KERNEL &&
	    !nyx_device_quarantined(acc.dev, acc.dom))
		walk_own(&acc, iova, access, view);
	else
		walk_access(&acc, iova, access, view);
	/* Count nothing: no access was made. */
	acc.tally = (struct nyx_tally){};
	nyx_access_end(&acc);
	return fatal_signal_pending(current) ? -EINTR : 0;
}
