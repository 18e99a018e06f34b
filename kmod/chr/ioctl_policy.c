// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands about fault policies, device states and limits.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/string.h>

#include "chr/ioctl.h"
#include "core/account/qos.h"
#include "core/attach.h"
#include "core/fault/quarantine.h"
#include "core/unit.h"

#define THRESHOLD_MAX	1000000u
#define WINDOW_MAX_MS	3600000u
#define WEIGHT_MAX	1000u
#define DAY_MS		86400000u
#define TRIES_MAX	1000u
#define BURST_MAX_MS	10000u

/**
 * struct bounds - what a field of a policy may be
 * @at: its offset
 * @min: least value
 * @max: greatest value
 */
struct bounds {
	u32 at;
	u32 min;
	u32 max;
};

#define BOUNDS(_field, _min, _max) \
	{ offsetof(struct nyx_policy, _field), _min, _max }

static const struct bounds bounds[] = {
	BOUNDS(threshold, 1, THRESHOLD_MAX),
	BOUNDS(window_ms, 1, WINDOW_MAX_MS),
	BOUNDS(backoff_ms, 1, DAY_MS),
	BOUNDS(backoff_max_ms, 1, DAY_MS),
	BOUNDS(probation_ms, 1, DAY_MS),
	BOUNDS(max_tries, 1, TRIES_MAX),
	BOUNDS(records_per_s, 1, U32_MAX),
};

static int check_weights(struct nyx_ucmd *uc, const struct nyx_policy_set *cmd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cmd->policy.weight); i++) {
		if (i >= NYX_CLASS_MAX && cmd->policy.weight[i])
			return NYX_BAD(uc, cmd, policy.weight, RESERVED);
		if (cmd->policy.weight[i] > WEIGHT_MAX)
			return NYX_BAD(uc, cmd, policy.weight, OUT_OF_RANGE);
	}
	return 0;
}

static int check_policy(struct nyx_ucmd *uc, const struct nyx_policy_set *cmd)
{
	const struct nyx_policy *p = &cmd->policy;
	unsigned int i;
	u32 value;
	int ret;

	if (p->__reserved)
		return NYX_BAD(uc, cmd, policy.__reserved, RESERVED);
	if (p->action > NYX_ACTION_QUARANTINE)
		return NYX_BAD(uc, cmd, policy.action, UNKNOWN_VALUE);
	if (p->flags & ~(NYX_POLICY_F_OBSERVE | NYX_POLICY_F_DOMAIN |
			 NYX_POLICY_F_RECOVER))
		return NYX_BAD(uc, cmd, policy.flags, FLAG);
	ret = check_weights(uc, cmd);
	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(bounds); i++) {
		value = *(const u32 *)((const u8 *)p + bounds[i].at);
		if (value < bounds[i].min || value > bounds[i].max)
			return nyx_bad_field(uc, offsetof(struct nyx_policy_set, policy) +
					     bounds[i].at, NYX_ERR(OUT_OF_RANGE));
	}
	if (p->backoff_max_ms < p->backoff_ms)
		return NYX_BAD(uc, cmd, policy.backoff_max_ms, CONFLICT);
	return 0;
}

/* The device that a scope names, or NULL. */
#define parse_scope(_uc, _cmd, _device)					\
	scope_device(_uc, (_cmd)->scope, &(_cmd)->sbdf,			\
		     offsetof(typeof(*(_cmd)), scope),			\
		     offsetof(typeof(*(_cmd)), sbdf), _device)

static int scope_device(struct nyx_ucmd *uc, u32 scope, const u32 *sbdf, u32 scope_at,
			u32 sbdf_at, const u32 **device)
{
	*device = scope == NYX_SCOPE_DEVICE ? sbdf : NULL;
	if (scope == NYX_SCOPE_DEVICE)
		return 0;
	if (scope != NYX_SCOPE_UNIT)
		return nyx_bad_field(uc, scope_at, NYX_ERR(UNKNOWN_VALUE));
	return *sbdf ? nyx_bad_field(uc, sbdf_at, NYX_ERR(UNUSED)) : 0;
}

int nyx_ioctl_policy_set(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_policy_set *cmd = _cmd;
	const u32 *device;
	int ret;

	ret = parse_scope(uc, cmd, &device);
	if (ret)
		return ret;
	if (cmd->flags & NYX_POLICY_SET_F_INHERIT) {
		if (!device)
			return NYX_BAD(uc, cmd, flags, CONFLICT);
		if (memchr_inv(&cmd->policy, 0, sizeof(cmd->policy)))
			return NYX_BAD(uc, cmd, policy, UNUSED);
		return nyx_policy_set(uc->unit, device, NULL);
	}
	ret = check_policy(uc, cmd);
	return ret ?: nyx_policy_set(uc->unit, device, &cmd->policy);
}

int nyx_ioctl_policy_get(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_policy_get *cmd = _cmd;
	const u32 *device;
	bool own;
	int ret;

	ret = parse_scope(uc, cmd, &device);
	if (ret)
		return ret;
	ret = nyx_policy_get(uc->unit, device, &cmd->out_policy, &own);
	cmd->out_own = own;
	return ret;
}

int nyx_ioctl_device_control(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_device_control *cmd = _cmd;

	if (cmd->action > NYX_DEVICE_DO_DISABLE)
		return NYX_BAD(uc, cmd, action, UNKNOWN_VALUE);
	return nyx_device_control(uc->unit, cmd->sbdf, cmd->action);
}

static bool has_limits(u32 scope)
{
	return scope == NYX_SCOPE_DOMAIN || scope == NYX_SCOPE_DEVICE;
}

static int check_limits(struct nyx_ucmd *uc, const struct nyx_limit_set *cmd)
{
	const struct nyx_limits *l = &cmd->limits;

	if (l->__reserved)
		return NYX_BAD(uc, cmd, limits.__reserved, RESERVED);
	if (l->bytes_per_s > NYX_LIMIT_MAX)
		return NYX_BAD(uc, cmd, limits.bytes_per_s, OUT_OF_RANGE);
	if (l->ops_per_s > NYX_LIMIT_MAX)
		return NYX_BAD(uc, cmd, limits.ops_per_s, OUT_OF_RANGE);
	if (l->irqs_per_s > NYX_LIMIT_MAX)
		return NYX_BAD(uc, cmd, limits.irqs_per_s, OUT_OF_RANGE);
	if (l->burst_ms > BURST_MAX_MS)
		return NYX_BAD(uc, cmd, limits.burst_ms, OUT_OF_RANGE);
	return 0;
}

int nyx_ioctl_limit_set(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_limit_set *cmd = _cmd;
	int ret;

	if (!has_limits(cmd->scope))
		return NYX_BAD(uc, cmd, scope, UNKNOWN_VALUE);
	/* A guest makes and drops its domains, and would drop their limits with them. */
	if (cmd->scope == NYX_SCOPE_DOMAIN &&
	    nyx_viommu_has_guest(uc->unit->guest.viommu))
		return NYX_BAD(uc, cmd, scope, VENDOR_MODEL);
	ret = check_limits(uc, cmd);
	if (ret)
		return ret;
	return nyx_limits_set(uc->unit, cmd->scope, cmd->id, &cmd->limits);
}

int nyx_ioctl_limit_get(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_limit_get *cmd = _cmd;

	if (!has_limits(cmd->scope))
		return NYX_BAD(uc, cmd, scope, UNKNOWN_VALUE);
	return nyx_limits_get(uc->unit, cmd->scope, cmd->id, &cmd->out_limits);
}
