// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: fault policies, and the states of devices.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/policy.h>

#include "private.h"

#include <errno.h>
#include <string.h>

NYX_EXPORT int nyx_policy_get(struct nyx_unit *unit, uint32_t scope, uint32_t sbdf,
			      struct nyx_policy *policy, size_t size, uint32_t *own)
{
	struct nyx_policy_get req = { .size = sizeof(req), .scope = scope, .sbdf = sbdf };
	int ret;

	ret = nyx__ioctl(unit->fd, NYX_POLICY_GET, &req);
	if (ret)
		return ret;
	memset(policy, 0, size);
	memcpy(policy, &req.out_policy,
	       size < sizeof(req.out_policy) ? size : sizeof(req.out_policy));
	if (own)
		*own = req.out_own;
	return 0;
}

NYX_EXPORT int nyx_policy_set(struct nyx_unit *unit, uint32_t scope, uint32_t sbdf,
			      const struct nyx_policy *policy, size_t size)
{
	struct nyx_policy_set req = { .size = sizeof(req), .scope = scope, .sbdf = sbdf };
	int ret;

	if (!policy)
		return -EINVAL;
	ret = nyx__opts_copy(&req.policy, sizeof(req.policy), policy, size);
	return ret ? ret : nyx__ioctl(unit->fd, NYX_POLICY_SET, &req);
}

NYX_EXPORT int nyx_policy_inherit(struct nyx_unit *unit, uint32_t sbdf)
{
	struct nyx_policy_set req = {
		.size = sizeof(req),
		.flags = NYX_POLICY_SET_F_INHERIT,
		.scope = NYX_SCOPE_DEVICE,
		.sbdf = sbdf,
	};

	return nyx__ioctl(unit->fd, NYX_POLICY_SET, &req);
}

static int control(struct nyx_unit *unit, uint32_t sbdf, uint32_t action)
{
	struct nyx_device_control req = { .size = sizeof(req), .sbdf = sbdf, .action = action };

	return nyx__ioctl(unit->fd, NYX_DEVICE_CONTROL, &req);
}

NYX_EXPORT int nyx_device_reset(struct nyx_unit *unit, uint32_t sbdf)
{
	return control(unit, sbdf, NYX_DEVICE_DO_RESET);
}

NYX_EXPORT int nyx_device_quarantine(struct nyx_unit *unit, uint32_t sbdf)
{
	return control(unit, sbdf, NYX_DEVICE_DO_QUARANTINE);
}

NYX_EXPORT int nyx_device_disable(struct nyx_unit *unit, uint32_t sbdf)
{
	return control(unit, sbdf, NYX_DEVICE_DO_DISABLE);
}
