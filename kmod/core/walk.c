// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: walks of tables in guest memory, for people to look at.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/walk.h"

#include <linux/sched/signal.h>

#include "core/domain.h"
#include "core/guest.h"
#include "core/memory.h"
#include "core/translate.h"
#include "core/unit.h"
#include "mem/region.h"

/* Addresses that are not translated: there is nothing to walk. */
static void pass_through(const struct nyx_guest_map *map, u64 iova,
			 struct nyx_walk_view *view)
{
	view->res = (struct pt_result){ .oa = iova, .perm = NYX_ACC_RW };
	if (iova > nyx_lg2_last(map->width))
		view->res.status = PT_WIDTH;
}

/* What is behind the GPA. */
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

static void view_init(struct nyx_walk_view *view, u64 iova, unsigned int access)
{
	view->trace.nr = 0;
	view->res = (struct pt_result){};
	view->fault = (struct nyx_fault) {
		.access = access,
		.level = NYX_LEVEL_NONE,
		.iova = iova,
		.gpa = NYX_GPA_UNKNOWN,
	};
}

int nyx_walk_table(struct nyx_unit *unit, u64 iova, unsigned int access,
		   struct nyx_walk_view *view)
{
	const struct nyx_guest_map *map = &view->map;
	unsigned int pair;

	view_init(view, iova, access);
	/* Whoever removes memory waits for us. */
	pair = epoch_enter(&unit->irq.posting);
	if (map->pass_through)
		pass_through(map, iova, view);
	else
		nyx_guest_walk(unit, map, iova, access, &view->res, &view->trace);
	if (view->res.status != PT_OK) {
		nyx_walk_refuse(&view->res, iova, access, &view->fault);
	} else {
		view->fault.gpa = view->res.oa;
		view->fault.reason = memory_reason(unit, view->res.oa, access);
	}
	epoch_exit(&unit->irq.posting, pair);
	/* Then a word may not have been read that is there. */
	return fatal_signal_pending(current) ? -EINTR : 0;
}

int nyx_walk_device(struct nyx_unit *unit, u32 sbdf, u64 iova,
		    unsigned int access, struct nyx_walk_view *view)
{
	struct nyx_access acc = {};
	int ret;

	if (!unit->guest.front)
		return -EOPNOTSUPP;
	ret = nyx_access_begin(unit, sbdf, &acc);
	if (ret)
		return ret;
	if (acc.dom->kind == NYX_DOMAIN_GUEST) {
		view->map = acc.dom->guest;
		ret = nyx_walk_table(unit, iova, access, view);
	} else {
		view->map = (struct nyx_guest_map){};
		view_init(view, iova, access);
		view->fault.reason = acc.refusal.reason ?: NYX_FAULT_NO_DOMAIN;
	}
	if (view->fault.reason != NYX_FAULT_NONE)
		nyx_fault_name(&acc, &view->fault);
	nyx_access_end(&acc);
	return ret;
}
