/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: walks of tables in guest memory, for people to look at.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The walker is the one that translates (pt_walk_trace()); here is only where it
 * begins, and what a device would be told. Nothing is cached, counted or
 * reported.
 */
#ifndef NYX_CORE_WALK_H
#define NYX_CORE_WALK_H

#include <linux/nyx_iommu.h>
#include <linux/types.h>

#include "core/front.h"
#include "pt/pt.h"

struct nyx_unit;

/**
 * struct nyx_walk_view - what a walk came by, and how it ended
 * @map: where it began
 * @trace: the steps
 * @res: outcome of the walk
 * @fault: what would refuse the access, or reason NYX_FAULT_NONE
 */
struct nyx_walk_view {
	struct nyx_guest_map map;
	struct pt_trace trace;
	struct pt_result res;
	struct nyx_fault fault;
};

/**
 * nyx_walk_table() - walk a table
 * @unit: the unit
 * @iova: the address
 * @access: NYX_ACC_* that is asked for, or 0
 * @view: with &nyx_walk_view.map; the rest is set
 *
 * Context: may sleep.
 * Return: 0, or -EINTR if the caller was killed.
 */
int nyx_walk_table(struct nyx_unit *unit, u64 iova, unsigned int access,
		   struct nyx_walk_view *view);

/**
 * nyx_walk_device() - walk what an access of a device would
 * @unit: the unit
 * @sbdf: the device
 * @iova: the address
 * @access: NYX_ACC_* that is asked for, or 0
 * @view: set
 *
 * As with an access, the guest's tables are asked where the device's table is, if
 * that is not known.
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP if the unit has no vendor model; an error of
 * nyx_access_begin(); -EINTR.
 */
int nyx_walk_device(struct nyx_unit *unit, u32 sbdf, u64 iova,
		    unsigned int access, struct nyx_walk_view *view);

#endif /* NYX_CORE_WALK_H */
