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
 * nyx_stat_get_unit() - read the counters of a unit
 * @unit: the unit
 * @values: array of @nr counters, indexed by enum nyx_stat; what the kernel
 *          does not count is 0
 * @nr: room at @values, normally NYX_STAT_MAX
 * @known: where to put the number of counters that the kernel knows, or NULL
 *
 * Return: 0; -EINVAL.
 */
int nyx_stat_get_unit(struct nyx_unit *unit, uint64_t *values, uint32_t nr, uint32_t *known);

/**
 * nyx_stat_get_domain() - read the counters of a domain
 * @unit: the unit
 * @domain: the domain
 * @values: as for nyx_stat_get_unit()
 * @nr: as for nyx_stat_get_unit()
 * @known: as for nyx_stat_get_unit()
 *
 * Return: 0; -ENOENT; -EINVAL.
 */
int nyx_stat_get_domain(struct nyx_unit *unit, nyx_domain_t domain, uint64_t *values,
			uint32_t nr, uint32_t *known);

/**
 * nyx_stat_get_device() - read the counters of a device
 * @unit: the unit
 * @device: the device
 * @values: as for nyx_stat_get_unit()
 * @nr: as for nyx_stat_get_unit()
 * @known: as for nyx_stat_get_unit()
 *
 * Return: 0; -ENOENT; -EINVAL.
 */
int nyx_stat_get_device(struct nyx_unit *unit, nyx_device_t device, uint64_t *values,
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
