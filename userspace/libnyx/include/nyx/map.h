/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: mappings of paging domains, from IOVA to GPA.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_MAP_H
#define NYX_MAP_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_map_add() - map a range
 * @unit: the unit
 * @domain: a paging domain
 * @iova: first IOVA, a multiple of 4096
 * @gpa: first guest-physical address, a multiple of 4096; the memory need not
 *       be there yet
 * @length: bytes, a multiple of 4096
 * @prot: of enum nyx_prot, at least one
 *
 * Return: 0; -EEXIST if a part of the range is mapped; -ERANGE beyond the
 * domain's address width; -EOPNOTSUPP if the domain is not paging; other errors
 * of the kernel.
 */
int nyx_map_add(struct nyx_unit *unit, nyx_domain_t domain, uint64_t iova, uint64_t gpa,
		uint64_t length, uint32_t prot);

/**
 * nyx_map_add_array() - map many ranges in one system call
 * @unit: the unit
 * @items: the ranges; each begins as NYX_MAP_INIT
 * @nr: items; any number
 * @done: where to put the number of items that succeeded, or NULL; valid also
 *        after an error
 *
 * Return: 0, or the error of the first item that failed: all before it are
 * mapped, nothing after it was tried.
 */
int nyx_map_add_array(struct nyx_unit *unit, struct nyx_map *items, size_t nr,
		      size_t *done);

/**
 * nyx_map_remove() - unmap what is mapped in a range
 * @unit: the unit
 * @domain: a paging domain
 * @iova: first IOVA, a multiple of 4096
 * @length: bytes, a multiple of 4096
 * @unmapped: where to put the bytes that were mapped and no longer are, or NULL
 *
 * Mappings may be cut anywhere. When the call returns no access uses what was
 * unmapped, unless the domain is batched: then after the next
 * nyx_iotlb_invalidate_domain().
 *
 * Return: 0; -ENOENT if nothing was mapped there; -EINTR if a fatal signal
 * ended the wait for accesses: the range is unmapped, @unmapped is valid.
 */
int nyx_map_remove(struct nyx_unit *unit, nyx_domain_t domain, uint64_t iova, uint64_t length,
		   uint64_t *unmapped);

/**
 * nyx_map_remove_all() - unmap a whole domain
 * @unit: the unit
 * @domain: a paging domain
 * @unmapped: as for nyx_map_remove()
 *
 * Return: as nyx_map_remove(), but 0 if nothing was mapped.
 */
int nyx_map_remove_all(struct nyx_unit *unit, nyx_domain_t domain, uint64_t *unmapped);

/**
 * nyx_map_remove_array() - unmap many ranges in one system call
 * @unit: the unit
 * @items: the ranges; each begins as NYX_UNMAP_INIT; out_unmapped is valid up
 *         to and including the item that failed
 * @nr: items; any number
 * @done: where to put the number of items that succeeded, or NULL; valid also
 *        after an error
 *
 * Return: 0, or the error of the first item that failed: all before it are
 * unmapped, nothing after it was tried.
 */
int nyx_map_remove_array(struct nyx_unit *unit, struct nyx_unmap *items, size_t nr, size_t *done);

/**
 * typedef nyx_map_fn - what nyx_map_foreach() calls
 * @info: an extent; valid during the call
 * @arg: as passed to nyx_map_foreach()
 *
 * Return: 0 to go on; anything else ends the listing.
 */
typedef int (*nyx_map_fn)(const struct nyx_mapping_info *info, void *arg);

/**
 * nyx_map_foreach() - call a function for each mapped extent of a domain
 * @unit: the unit
 * @domain: a paging domain
 * @start: the first IOVA of interest
 * @fn: what to call, in the order of IOVAs
 * @arg: passed on
 *
 * Neighbours that are contiguous in both address spaces and agree in permission
 * appear as one extent.
 *
 * Return: 0, a negative errno, or what @fn returned if that is not 0.
 */
int nyx_map_foreach(struct nyx_unit *unit, nyx_domain_t domain, uint64_t start, nyx_map_fn fn,
		    void *arg);

#ifdef __cplusplus
}
#endif

#endif /* NYX_MAP_H */
