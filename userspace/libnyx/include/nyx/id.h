/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: what names a device, a domain, a binding, a group of pages.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each kind has a type of its own, so that a compiler refuses a domain where a device is
 * wanted. Each is a structure of one number, passed by value: in C (nyx_device_t){ sbdf }, in
 * C++ nyx_device_t{ sbdf }. The structures of <linux/nyx_iommu.h> have the plain numbers, in
 * members with the name of the kind: sbdf, domain_id, binding_id, group. A unit's id is a
 * plain number, as the kernel knows it: only nyx_unit_open_id() takes one.
 */
#ifndef NYX_ID_H
#define NYX_ID_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct nyx_device_t - a device
 * @sbdf: its PCI segment, bus, device and function, as NYX_SBDF() puts them into one number
 */
typedef struct {
	uint32_t sbdf;
} nyx_device_t;

/**
 * struct nyx_domain_t - a domain
 * @id: its id, unique in the unit
 */
typedef struct {
	uint32_t id;
} nyx_domain_t;

/**
 * struct nyx_binding_t - a bound interrupt
 * @id: its id, unique in the unit
 */
typedef struct {
	uint32_t id;
} nyx_binding_t;

/**
 * struct nyx_group_t - a group of pages that a device has asked for
 * @id: its id, unique in the unit
 */
typedef struct {
	uint32_t id;
} nyx_group_t;

/**
 * nyx_device_from_pci() - the device with a PCI address
 * @segment: the segment, up to 65535
 * @bus: the bus, up to 255
 * @slot: the device number, up to 31
 * @function: the function, up to 7
 * @device: where to put it
 *
 * As the macro NYX_SBDF(), but with an error for a number that the macro would
 * truncate.
 *
 * Return: 0; -EINVAL.
 */
int nyx_device_from_pci(uint32_t segment, uint32_t bus, uint32_t slot, uint32_t function,
			nyx_device_t *device);

/**
 * nyx_device_to_pci() - the PCI address of a device
 * @device: the device
 * @segment: where to put the segment, or NULL
 * @bus: where to put the bus, or NULL
 * @slot: where to put the device number, or NULL
 * @function: where to put the function, or NULL
 *
 * As NYX_SBDF_SEGMENT(), NYX_SBDF_BUS(), NYX_SBDF_DEVICE() and NYX_SBDF_FUNCTION().
 */
void nyx_device_to_pci(nyx_device_t device, uint32_t *segment, uint32_t *bus, uint32_t *slot,
		       uint32_t *function);

/**
 * nyx_domain_did() - the id by which the guest knows a domain of kind NYX_DOMAIN_GUEST
 * @domain: the domain
 *
 * Several domains may have the same DID.
 *
 * Return: the domain id (DID) in the guest's context or device table entries.
 */
uint32_t nyx_domain_did(nyx_domain_t domain);

#ifdef __cplusplus
}
#endif

#endif /* NYX_ID_H */
