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

static int get(struct nyx_unit *unit, uint32_t scope, uint32_t sbdf, struct nyx_policy *policy,
	       size_t size, uint32_t *own)
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

static int set(struct nyx_unit *unit, uint32_t scope, uint32_t sbdf,
	       const struct nyx_policy *policy, size_t size)
{
	struct nyx_policy_set req = { .size = sizeof(req), .scope = scope, .sbdf = sbdf };
	int ret;

	if (!policy)
		return nyx__fail(-EINVAL);
	ret = nyx__opts_copy(&req.policy, sizeof(req.policy), policy, size);
	return ret ? ret : nyx__ioctl(unit->fd, NYX_POLICY_SET, &req);
}

NYX_EXPORT int nyx_policy_get_unit(struct nyx_unit *unit, struct nyx_policy *policy, size_t size)
{
	return get(unit, NYX_SCOPE_UNIT, 0, policy, size, NULL);
}

NYX_EXPORT int nyx_policy_get_device(struct nyx_unit *unit, nyx_device_t device,
				     struct nyx_policy *policy, size_t size, uint32_t *own)
{
	return get(unit, NYX_SCOPE_DEVICE, device.sbdf, policy, size, own);
}

NYX_EXPORT int nyx_policy_set_unit(struct nyx_unit *unit, const struct nyx_policy *policy,
				   size_t size)
{
	return set(unit, NYX_SCOPE_UNIT, 0, policy, size);
}

NYX_EXPORT int nyx_policy_set_device(struct nyx_unit *unit, nyx_device_t device,
				     const struct nyx_policy *policy, size_t size)
{
	return set(unit, NYX_SCOPE_DEVICE, device.sbdf, policy, size);
}

NYX_EXPORT int nyx_policy_inherit(struct nyx_unit *unit, nyx_device_t device)
{
	struct nyx_policy_set req = {
		.size = sizeof(req),
		.flags = NYX_POLICY_SET_F_INHERIT,
		.scope = NYX_SCOPE_DEVICE,
		.sbdf = device.sbdf,
	};

	return nyx__ioctl(unit->fd, NYX_POLICY_SET, &req);
}

static int control(struct nyx_unit *unit, nyx_device_t device, uint32_t action)
{
	struct nyx_device_control req = { .size = sizeof(req), .sbdf = device.sbdf, .action = action };

	return nyx__ioctl(unit->fd, NYX_DEVICE_CONTROL, &req);
}

NYX_EXPORT int nyx_device_reset(struct nyx_unit *unit, nyx_device_t device)
{
	return control(unit, device, NYX_DEVICE_DO_RESET);
}

NYX_EXPORT int nyx_device_quarantine(struct nyx_unit *unit, nyx_device_t device)
{
	return control(unit, device, NYX_DEVICE_DO_QUARANTINE);
}

NYX_EXPORT int nyx_device_disable(struct nyx_unit *unit, nyx_device_t device)
{
	return control(unit, device, NYX_DEVICE_DO_DISABLE);
}
