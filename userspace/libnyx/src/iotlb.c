// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: the translation cache.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/iotlb.h>

#include "private.h"

static int invalidate(struct nyx_unit *unit, struct nyx_invalidate *req)
{
	req->size = sizeof(*req);
	req->pasid = NYX_PASID_NONE;
	return nyx__ioctl(unit->fd, NYX_INVALIDATE, req);
}

NYX_EXPORT int nyx_iotlb_invalidate_unit(struct nyx_unit *unit)
{
	struct nyx_invalidate req = { .scope = NYX_SCOPE_UNIT };

	return invalidate(unit, &req);
}

NYX_EXPORT int nyx_iotlb_invalidate_domain(struct nyx_unit *unit, nyx_domain_t domain)
{
	struct nyx_invalidate req = { .scope = NYX_SCOPE_DOMAIN, .domain_id = domain.id };

	return invalidate(unit, &req);
}

NYX_EXPORT int nyx_iotlb_invalidate_device(struct nyx_unit *unit, nyx_device_t device)
{
	struct nyx_invalidate req = { .scope = NYX_SCOPE_DEVICE, .sbdf = device.sbdf };

	return invalidate(unit, &req);
}

NYX_EXPORT int nyx_iotlb_invalidate_range(struct nyx_unit *unit, nyx_domain_t domain,
					  uint64_t iova, uint64_t length)
{
	struct nyx_invalidate req = {
		.scope = NYX_SCOPE_RANGE,
		.domain_id = domain.id,
		.iova = iova,
		.length = length,
	};

	return invalidate(unit, &req);
}

NYX_EXPORT int nyx_iotlb_invalidate_array(struct nyx_unit *unit, struct nyx_invalidate *items,
					  size_t nr, size_t *done)
{
	return nyx__array(unit, NYX_CMD_INVALIDATE, items, nr, true, done);
}
