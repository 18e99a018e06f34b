// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: what names an object.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/id.h>

#include "private.h"

#include <errno.h>

NYX_EXPORT int nyx_device_from_pci(uint32_t segment, uint32_t bus, uint32_t slot,
				   uint32_t function, nyx_device_t *device)
{
	if (segment > UINT16_MAX || bus > UINT8_MAX || slot > 31 || function > 7)
		return -EINVAL;
	device->sbdf = NYX_SBDF(segment, bus, slot, function);
	return 0;
}

NYX_EXPORT void nyx_device_to_pci(nyx_device_t device, uint32_t *segment, uint32_t *bus,
				  uint32_t *slot, uint32_t *function)
{
	if (segment)
		*segment = NYX_SBDF_SEGMENT(device.sbdf);
	if (bus)
		*bus = NYX_SBDF_BUS(device.sbdf);
	if (slot)
		*slot = NYX_SBDF_DEVICE(device.sbdf);
	if (function)
		*function = NYX_SBDF_FUNCTION(device.sbdf);
}

NYX_EXPORT uint32_t nyx_domain_did(nyx_domain_t domain)
{
	return (domain.id - 1) >> 8;
}
