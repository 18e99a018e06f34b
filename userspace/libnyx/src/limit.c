// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: limits.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/limit.h>

#include "private.h"

#include <string.h>

static int get(struct nyx_unit *unit, uint32_t scope, uint32_t id, struct nyx_limits *limits,
	       size_t size)
{
	struct nyx_limit_get req = { .size = sizeof(req), .scope = scope, .id = id };
	int ret;

	ret = nyx__ioctl(unit->fd, NYX_LIMIT_GET, &req);
	if (ret)
		return ret;
	memset(limits, 0, size);
	memcpy(limits, &req.out_limits,
	       size < sizeof(req.out_limits) ? size : sizeof(req.out_limits));
	return 0;
}

static int set(struct nyx_unit *unit, uint32_t scope, uint32_t id,
	       const struct nyx_limits *limits, size_t size)
{
	struct nyx_limit_set req = { .size = sizeof(req), .scope = scope, .id = id };
	int ret;

	ret = nyx__opts_copy(&req.limits, sizeof(req.limits), limits, size);
	return ret ? ret : nyx__ioctl(unit->fd, NYX_LIMIT_SET, &req);
}

NYX_EXPORT int nyx_limit_get_domain(struct nyx_unit *unit, nyx_domain_t domain,
				    struct nyx_limits *limits, size_t size)
{
	return get(unit, NYX_SCOPE_DOMAIN, domain.id, limits, size);
}

NYX_EXPORT int nyx_limit_set_domain(struct nyx_unit *unit, nyx_domain_t domain,
				    const struct nyx_limits *limits, size_t size)
{
	return set(unit, NYX_SCOPE_DOMAIN, domain.id, limits, size);
}

NYX_EXPORT int nyx_limit_get_device(struct nyx_unit *unit, nyx_device_t device,
				    struct nyx_limits *limits, size_t size)
{
	return get(unit, NYX_SCOPE_DEVICE, device.sbdf, limits, size);
}

NYX_EXPORT int nyx_limit_set_device(struct nyx_unit *unit, nyx_device_t device,
				    const struct nyx_limits *limits, size_t size)
{
	return set(unit, NYX_SCOPE_DEVICE, device.sbdf, limits, size);
}
