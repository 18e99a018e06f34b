/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: walks of tables, for people to look at.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * nyx_walk_table() uses the walker that translates, nyx_walk_device() the whole path of an
 * access. Neither caches a translation, counts or reports.
 */
#ifndef NYX_CORE_WALK_H
#define NYX_CORE_WALK_H

#include <linux/nyx_iommu.h>
#include <linux/types.h>

#include "core/fault/fault.h"
#include "pt/pt.h"

struct nyx_unit;

/**
 * struct nyx_walk_view - what a walk came by, and how it ended
 * @cfg: shape of the table; no levels: there is none
 * @root: GPA of the table; NYX_GPA_UNKNOWN: it is the kernel's own
 * @trace: the steps
 * @perm: NYX_ACC_* that is granted, or 0 if the walk ended before that was known
 * @lg2: log2 of the size of the page, likewise
 * @fault: what would refuse the access, or reason NYX_FAULT_NONE; its gpa is where
 *         the address leads to
 */
struct nyx_walk_view {
	struct pt_config cfg;
	u64 root;
	struct pt_trace trace;
	u8 perm;
	u8 lg2;
	struct nyx_fault_info fault;
};

/**
 * nyx_walk_table() - walk a table
 * @unit: the unit
 * @iova: the address
 * @access: NYX_ACC_* that is asked for, or 0
 * @view: with @view->cfg and @view->root; the rest is zero, and set
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
 * @pasid: the PASID of the access
 * @iova: the address
 * @access: NYX_ACC_* that is asked for, or 0
 * @view: zero, and set
 *
 * As for an access, the guest's context entry is decoded first if the device has no
 * context. Without a vendor model the table is that of the device's domain.
 *
 * Context: may sleep.
 * Return: 0; an error of nyx_access_begin(); -EINTR.
 */
int nyx_walk_device(struct nyx_unit *unit, u32 sbdf, u32 pasid, u64 iova,
		    unsigned int access, struct nyx_walk_view *view);

#endif /* NYX_CORE_WALK_H */
