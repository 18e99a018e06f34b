/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: domains, the address spaces of devices.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_DOMAIN_H
#define NYX_DOMAIN_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct nyx_domain_create_opts - how to make a domain
 * @size: sizeof(struct nyx_domain_create_opts)
 * @flags: of enum nyx_domain_flags; 0: STRICT, takes one device
 * @name: name, unique in the unit, or NULL. At most NYX_NAME_LEN - 1 letters,
 *        digits and ``._:-/``
 * @kind: of enum nyx_domain_kind; 0: paging
 * @format: of enum nyx_format; paging domains only
 * @address_width: bits of an IOVA; 0: the widest; paging domains only
 * @page_sizes: bit mask of the page sizes that may be used, with 4096; 0: all
 *              of the format; paging domains only
 * @domain_id: the wanted id, 1 to 65535, or NYX_ID_ANY
 * @reserved: must be 0
 */
struct nyx_domain_create_opts {
	uint32_t size;
	uint32_t flags;
	const char *name;
	uint32_t kind;
	uint32_t format;
	uint32_t address_width;
	uint64_t page_sizes;
	uint32_t domain_id;
	uint32_t reserved;
};

/**
 * nyx_domain_create() - make a domain
 * @unit: the unit
 * @opts: how, or NULL: a STRICT paging domain
 * @domain: where to put its id, or NULL
 *
 * Return: 0; -EEXIST if the name or the id is taken; -EINVAL; -ENAMETOOLONG;
 * -ENOSPC at the unit's limit.
 */
int nyx_domain_create(struct nyx_unit *unit, const struct nyx_domain_create_opts *opts,
		      nyx_domain_t *domain);

/**
 * nyx_domain_destroy() - destroy a domain without devices
 * @unit: the unit
 * @domain: the domain
 *
 * Return: 0; -EBUSY while it has devices; -ENOENT.
 */
int nyx_domain_destroy(struct nyx_unit *unit, nyx_domain_t domain);

/**
 * nyx_domain_get() - properties of a domain
 * @unit: the unit
 * @domain: the domain
 * @info: where to put them
 * @size: sizeof(struct nyx_domain_info) as the caller knows it
 *
 * Return: 0; -ENOENT.
 */
int nyx_domain_get(struct nyx_unit *unit, nyx_domain_t domain, struct nyx_domain_info *info,
		   size_t size);

/**
 * nyx_domain_find() - find a domain by its name
 * @unit: the unit
 * @name: the name
 * @info: where to put its properties
 * @size: sizeof(struct nyx_domain_info) as the caller knows it
 *
 * Takes time in proportion to the number of domains.
 *
 * Return: 0; -ENOENT.
 */
int nyx_domain_find(struct nyx_unit *unit, const char *name, struct nyx_domain_info *info,
		    size_t size);

/**
 * typedef nyx_domain_fn - what nyx_domain_foreach() calls
 * @info: a domain; valid during the call
 * @arg: as passed to nyx_domain_foreach()
 *
 * Return: 0 to go on; anything else ends the listing.
 */
typedef int (*nyx_domain_fn)(const struct nyx_domain_info *info, void *arg);

/**
 * nyx_domain_foreach() - call a function for each domain
 * @unit: the unit
 * @fn: what to call, in the order of ids
 * @arg: passed on
 *
 * Return: 0, a negative errno, or what @fn returned if that is not 0.
 */
int nyx_domain_foreach(struct nyx_unit *unit, nyx_domain_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif /* NYX_DOMAIN_H */
