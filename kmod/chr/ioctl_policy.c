// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands about fault policies, device states and limits.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/string.h>

#include "chr/ioctl.h"
#include "core/attach.h"
#include "core/qos.h"
#include "core/quarantine.h"
#include "core/unit.h"

#define THRESHOLD_MAX	1000000u
#define WINDOW_MAX_MS	3600000u
#define WEIGHT_MAX	1000u
#define DAY_MS		86400000u
#define TRIES_MAX	1000u
#define BURST_MAX_MS	10000u

static bool within(u32 value, u32 min, u32 max)
{
	return value >= min && value <= max;
}

static int check_policy(const struct nyx_policy *p)
{
	unsigned int i;

	if (p->__reserved || p->action > NYX_ACTION_QUARANTINE ||
	    p->flags & ~(NYX_POLICY_F_OBSERVE | NYX_POLICY_F_DOMAIN |
			 NYX_POLICY_F_RECOVER))
		return -EOPNOTSUPP;
	for (i = 0; i < ARRAY_SIZE(p->weight); i++) {
		if (i >= NYX_CLASS_MAX && p->weight[i])
			return -EOPNOTSUPP;
		if (p->weight[i] > WEIGHT_MAX)
			return -EINVAL;
	}
	if (!within(p->threshold, 1, THRESHOLD_MAX) ||
	    !within(p->window_ms, 1, WINDOW_MAX_MS) ||
	    !within(p->backoff_ms, 1, DAY_MS) ||
	    !within(p->backoff_max_ms, p->backoff_ms, DAY_MS) ||
	    !within(p->probation_ms, 1, DAY_MS) ||
	    !within(p->max_tries, 1, TRIES_MAX) || !p->records_per_s)
		return -EINVAL;
	return 0;
}

/* The device that a scope names; -EINVAL if it is no such scope. */
static int parse_scope(u32 scope, const u32 *sbdf, const u32 **device)
{
	*device = scope == NYX_SCOPE_DEVICE ? sbdf : NULL;
	if (scope == NYX_SCOPE_DEVICE)
		return 0;
	if (scope != NYX_SCOPE_UNIT)
		return -EOPNOTSUPP;
	return *sbdf ? -EINVAL : 0;
}

int nyx_ioctl_policy_set(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_policy_set *cmd = _cmd;
	const u32 *device;
	int ret;

	ret = parse_scope(cmd->scope, &cmd->sbdf, &device);
	if (ret)
		return ret;
	if (cmd->flags & NYX_POLICY_SET_F_INHERIT) {
		if (!device || memchr_inv(&cmd->policy, 0, sizeof(cmd->policy)))
			return -EINVAL;
		return nyx_policy_set(uc->unit, device, NULL);
	}
	ret = check_policy(&cmd->policy);
	return ret ?: nyx_policy_set(uc->unit, device, &cmd->policy);
}

int nyx_ioctl_policy_get(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_policy_get *cmd = _cmd;
	const u32 *device;
	bool own;
	int ret;

	ret = parse_scope(cmd->scope, &cmd->sbdf, &device);
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
		return -EOPNOTSUPP;
	return nyx_device_control(uc->unit, cmd->sbdf, cmd->action);
}

static int check_limit_scope(u32 scope)
{
	return scope == NYX_SCOPE_DOMAIN || scope == NYX_SCOPE_DEVICE ?
		0 : -EOPNOTSUPP;
}

int nyx_ioctl_limit_set(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_limit_set *cmd = _cmd;
	const struct nyx_limits *l = &cmd->limits;
	int ret;

	ret = check_limit_scope(cmd->scope);
	if (ret)
		return ret;
	/* The guest drops its domains when it likes, and their limits with them. */
	if (cmd->scope == NYX_SCOPE_DOMAIN &&
	    nyx_front_has_guest(uc->unit->guest.front))
		return -EOPNOTSUPP;
	if (l->__reserved)
		return -EOPNOTSUPP;
	if (l->bytes_per_s > NYX_LIMIT_MAX || l->ops_per_s > NYX_LIMIT_MAX ||
	    l->irqs_per_s > NYX_LIMIT_MAX || l->burst_ms > BURST_MAX_MS)
		return -EINVAL;
	return nyx_limits_set(uc->unit, cmd->scope, cmd->id, l);
}

int nyx_ioctl_limit_get(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_limit_get *cmd = _cmd;
	int ret = check_limit_scope(cmd->scope);

	return ret ?: nyx_limits_get(uc->unit, cmd->scope, cmd->id,
				     &cmd->out_limits);
}
