/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: page tables in guest memory, level by level.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_WALK_H
#define NYX_WALK_H

#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_walk_get() - walk a page table, and return each step
 * @unit: the unit
 * @walk: where to begin and what to look for, and the answer. It begins
 *        as NYX_WALK_INIT
 *
 * The walker is the one that translates. Nothing is cached, counted or reported.
 *
 * Return: 0, also if the access would be refused: see out_fault; -ENOENT if there is
 * no such device; another negative errno.
 */
int nyx_walk_get(struct nyx_unit *unit, struct nyx_walk *walk);

#ifdef __cplusplus
}
#endif

#endif /* NYX_WALK_H */
