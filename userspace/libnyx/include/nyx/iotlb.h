/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: the translation cache.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Needed for domains with NYX_DOMAIN_F_BATCHED only: everywhere else
 * nyx_map_remove() invalidates. Each of the calls drops cached translations and
 * waits for the accesses that use them.
 */
#ifndef NYX_IOTLB_H
#define NYX_IOTLB_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_iotlb_invalidate_unit() - invalidate everything
 * @unit: the unit
 *
 * Return: 0 or a negative errno.
 */
int nyx_iotlb_invalidate_unit(struct nyx_unit *unit);

/**
 * nyx_iotlb_invalidate_domain() - invalidate what a domain holds
 * @unit: the unit
 * @domain: the domain
 *
 * Return: 0; -ENOENT.
 */
int nyx_iotlb_invalidate_domain(struct nyx_unit *unit, nyx_domain_t domain);

/**
 * nyx_iotlb_invalidate_device() - invalidate what a device's domain holds
 * @unit: the unit
 * @device: the device
 *
 * Return: 0; -ENOENT.
 */
int nyx_iotlb_invalidate_device(struct nyx_unit *unit, nyx_device_t device);

/**
 * nyx_iotlb_invalidate_range() - invalidate a range of a domain
 * @unit: the unit
 * @domain: the domain
 * @iova: first IOVA, a multiple of 4096
 * @length: bytes, a multiple of 4096
 *
 * Return: 0; -ENOENT; -EINVAL.
 */
int nyx_iotlb_invalidate_range(struct nyx_unit *unit, nyx_domain_t domain, uint64_t iova,
			       uint64_t length);

/**
 * nyx_iotlb_invalidate_array() - do many invalidations in one system call
 * @unit: the unit
 * @items: the invalidations; each begins as NYX_INVALIDATE_INIT
 * @nr: items; any number
 * @done: where to put the number of items that succeeded, or NULL; valid also
 *        after an error
 *
 * Return: 0, or the error of the first item that failed: nothing after it was
 * tried.
 */
int nyx_iotlb_invalidate_array(struct nyx_unit *unit, struct nyx_invalidate *items,
			       size_t nr, size_t *done);

#ifdef __cplusplus
}
#endif

#endif /* NYX_IOTLB_H */
