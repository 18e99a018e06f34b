/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: counters.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_STAT_H
#define NYX_STAT_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_stat_get() - read the counters of a unit, a domain or a device
 * @unit: the unit
 * @scope: NYX_SCOPE_UNIT, NYX_SCOPE_DOMAIN or NYX_SCOPE_DEVICE
 * @id: domain id or SBDF; 0 for the unit
 * @values: array of @nr counters, indexed by enum nyx_stat; what the kernel
 *          does not count is 0
 * @nr: room at @values, normally NYX_STAT_MAX
 * @known: where to put the number of counters that the kernel knows, or NULL
 *
 * Return: 0; -ENOENT; -EINVAL.
 */
int nyx_stat_get(struct nyx_unit *unit, uint32_t scope, uint32_t id, uint64_t *values,
		 uint32_t nr, uint32_t *known);

/**
 * nyx_stat_name() - the name of a counter
 * @stat: of enum nyx_stat
 *
 * Return: a name like "iotlb_hits", or NULL if the library does not know it.
 */
const char *nyx_stat_name(uint32_t stat);

#ifdef __cplusplus
}
#endif

#endif /* NYX_STAT_H */
