// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: devices. assign.c assigns them to domains.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/device.h>

#include "private.h"

NYX_EXPORT int nyx_device_add(struct nyx_unit *unit, nyx_device_t device)
{
	struct nyx_device_add req = { .size = sizeof(req), .sbdf = device.sbdf };

	return nyx__ioctl(unit->fd, NYX_DEVICE_ADD, &req);
}

NYX_EXPORT int nyx_device_remove(struct nyx_unit *unit, nyx_device_t device)
{
	struct nyx_device_remove req = { .size = sizeof(req), .sbdf = device.sbdf };

	return nyx__ioctl(unit->fd, NYX_DEVICE_REMOVE, &req);
}

NYX_EXPORT int nyx_device_attach(struct nyx_unit *unit, nyx_device_t device, nyx_domain_t domain,
				 uint32_t flags)
{
	struct nyx_device_attach req = {
		.size = sizeof(req),
		.flags = flags,
		.sbdf = device.sbdf,
		.domain_id = domain.id,
		.pasid = NYX_PASID_NONE,
	};

	return nyx__ioctl(unit->fd, NYX_DEVICE_ATTACH, &req);
}

NYX_EXPORT int nyx_device_detach(struct nyx_unit *unit, nyx_device_t device)
{
	struct nyx_device_detach req = {
		.size = sizeof(req),
		.sbdf = device.sbdf,
		.pasid = NYX_PASID_NONE,
	};

	return nyx__ioctl(unit->fd, NYX_DEVICE_DETACH, &req);
}

NYX_EXPORT int nyx_device_get(struct nyx_unit *unit, nyx_device_t device, struct nyx_device_info *info,
			      size_t size)
{
	return nyx__list_one(unit->fd, NYX_LIST_DEVICES, device.sbdf, info, size);
}

NYX__ENTRY(device, nyx_device_fn)

NYX_EXPORT int nyx_device_foreach(struct nyx_unit *unit, nyx_device_fn fn, void *arg)
{
	struct device_call call = { .fn = fn, .arg = arg };

	return nyx__list(unit->fd, NYX_LIST_DEVICES, 0, 0, device_entry, &call);
}

NYX_EXPORT int nyx_device_translate(struct nyx_unit *unit, struct nyx_translate *translate)
{
	return nyx__ioctl(unit->fd, NYX_TRANSLATE, translate);
}

NYX_EXPORT int nyx_device_translate_array(struct nyx_unit *unit, struct nyx_translate *items,
					  size_t nr, size_t *done)
{
	return nyx__array(unit, NYX_CMD_TRANSLATE, items, nr, true, done);
}
