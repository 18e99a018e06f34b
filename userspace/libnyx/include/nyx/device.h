/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: devices, what they are attached to, and what they reach.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_DEVICE_H
#define NYX_DEVICE_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_device_add() - add a device; it has no domain, its accesses are refused
 * @unit: the unit
 * @device: the device
 *
 * In a unit with a vendor model its accesses go as the guest's tables say.
 *
 * Return: 0; -EEXIST; -ENOSPC at the unit's limit; -EINVAL with a vendor model,
 * unless the segment is 0.
 */
int nyx_device_add(struct nyx_unit *unit, nyx_device_t device);

/**
 * nyx_device_remove() - detach and remove a device
 * @unit: the unit
 * @device: the device
 *
 * When the call returns no access of the device is under way.
 *
 * Return: 0; -ENOENT.
 */
int nyx_device_remove(struct nyx_unit *unit, nyx_device_t device);

/**
 * nyx_device_attach() - attach a device to a domain
 * @unit: the unit
 * @device: the device
 * @domain: the domain
 * @flags: of enum nyx_attach_flags
 *
 * When the call returns no access of the device uses its former domain.
 *
 * Return: 0; -EBUSY if the device is attached and is not to be replaced, or if
 * the domain is STRICT and has a device; -ENOENT.
 */
int nyx_device_attach(struct nyx_unit *unit, nyx_device_t device, nyx_domain_t domain,
		      uint32_t flags);

/**
 * nyx_device_detach() - detach a device from its domain
 * @unit: the unit
 * @device: the device
 *
 * When the call returns no access of the device uses the domain.
 *
 * Return: 0; -ENOENT if there is no such device or it has no domain.
 */
int nyx_device_detach(struct nyx_unit *unit, nyx_device_t device);

/**
 * nyx_device_get() - properties of a device
 * @unit: the unit
 * @device: the device
 * @info: where to put them
 * @size: sizeof(struct nyx_device_info) as the caller knows it
 *
 * Return: 0; -ENOENT.
 */
int nyx_device_get(struct nyx_unit *unit, nyx_device_t device, struct nyx_device_info *info,
		   size_t size);

/**
 * typedef nyx_device_fn - what nyx_device_foreach() calls
 * @info: a device; valid during the call
 * @arg: as passed to nyx_device_foreach()
 *
 * Return: 0 to go on; anything else ends the listing.
 */
typedef int (*nyx_device_fn)(const struct nyx_device_info *info, void *arg);

/**
 * nyx_device_foreach() - call a function for each device
 * @unit: the unit
 * @fn: what to call, in the order of SBDFs
 * @arg: passed on
 *
 * Return: 0, a negative errno, or what @fn returned if that is not 0.
 */
int nyx_device_foreach(struct nyx_unit *unit, nyx_device_fn fn, void *arg);

/**
 * enum nyx_isolation - what nyx_device_assign() protects a device from
 * @NYX_ISOLATION_STRICT: a domain of its own, "strict/SSSS:BB:DD.F"
 * @NYX_ISOLATION_SHARED: one domain with other devices: "shared", or
 *                        "shared/GROUP"
 * @NYX_ISOLATION_UNMANAGED: the identity domain "identity": the device reaches
 *                           all guest memory, and nothing else
 */
enum nyx_isolation {
	NYX_ISOLATION_STRICT = 0,
	NYX_ISOLATION_SHARED = 1,
	NYX_ISOLATION_UNMANAGED = 2
};

/* Longest group name of nyx_device_assign(). */
enum { NYX_GROUP_LEN = 24 };

/**
 * nyx_device_assign() - give a device the right domain
 * @unit: the unit
 * @device: the device; it is added if it is absent
 * @isolation: of enum nyx_isolation
 * @group: with NYX_ISOLATION_SHARED: name of a group of devices, of letters,
 *         digits and ``._:-/``, or NULL for the unit's one shared domain;
 *         otherwise must be NULL
 * @domain: where to put the id of the domain, or NULL
 *
 * Finds the domain, or makes it, and attaches the device. A failure undoes what
 * the call itself made, and nothing else. Any number of threads and processes
 * may assign and release devices at the same time; a call that meets others may
 * sleep for some milliseconds.
 *
 * Domains are recognised by their names, so a domain with one of the names
 * above is taken for the manager's, also if another program made it: beforehand,
 * for instance, with options or mappings of its own.
 *
 * Return: 0; -EBUSY if the device has a domain already, or if its STRICT domain
 * is in use by another device; -EEXIST if a domain has the name but not the
 * kind; -EINVAL for a wrong @isolation or @group; -ENAMETOOLONG for a group
 * longer than NYX_GROUP_LEN; -ENOSPC.
 */
int nyx_device_assign(struct nyx_unit *unit, nyx_device_t device, uint32_t isolation,
		      const char *group, nyx_domain_t *domain);

/**
 * nyx_device_release() - undo nyx_device_assign()
 * @unit: the unit
 * @device: the device
 *
 * Detaches and removes the device. If its domain has one of the names of
 * nyx_device_assign() and no device is left in it, the domain is destroyed,
 * with its mappings.
 *
 * Return: 0; -ENOENT if there is no such device; -EBUSY if other callers keep
 * moving the device.
 */
int nyx_device_release(struct nyx_unit *unit, nyx_device_t device);

/**
 * nyx_device_translate() - translate a range as a DMA of a device would
 * @unit: the unit
 * @translate: what to translate, and the answer; begins as NYX_TRANSLATE_INIT
 *
 * The answer is a snapshot: an unmap does not wait until the caller has used it.
 *
 * Return: 0, also if the access is refused: see out_fault and out_done; a
 * negative errno.
 */
int nyx_device_translate(struct nyx_unit *unit, struct nyx_translate *translate);

/**
 * nyx_device_translate_array() - do many translations in one system call
 * @unit: the unit
 * @items: as for nyx_device_translate(); each begins as NYX_TRANSLATE_INIT
 * @nr: items; any number
 * @done: where to put the number of items that succeeded, or NULL; valid also
 *        after an error
 *
 * Return: 0, or the error of the first item that failed: nothing after it was
 * tried.
 */
int nyx_device_translate_array(struct nyx_unit *unit, struct nyx_translate *items,
			       size_t nr, size_t *done);

#ifdef __cplusplus
}
#endif

#endif /* NYX_DEVICE_H */
