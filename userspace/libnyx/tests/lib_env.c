// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: what they share.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "lib_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *ktap_precheck(void)
{
	static char reason[128];
	struct nyx_ctx *ctx;
	int ret;

	ret = nyx_ctx_open(NULL, &ctx);
	if (ret) {
		snprintf(reason, sizeof(reason), "cannot open " NYX_NODE_DEFAULT ": %s",
			 strerror(-ret));
		return reason;
	}
	nyx_ctx_unref(ctx);
	return NULL;
}

struct nyx_ctx *env_ctx(void)
{
	struct nyx_ctx *ctx = NULL;

	ASSERT_EQ(0, nyx_ctx_open(NULL, &ctx));
	return ctx;
}

struct nyx_unit *env_unit(void)
{
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_unit *unit = NULL;

	ASSERT_EQ(0, nyx_unit_create(ctx, NULL, &unit));
	nyx_ctx_unref(ctx);
	return unit;
}

void env_tolerate(struct nyx_unit *unit)
{
	struct nyx_policy policy;

	ASSERT_EQ(0, nyx_policy_get_unit(unit, &policy, sizeof(policy)));
	policy.action = NYX_ACTION_REPORT;
	policy.records_per_s = UINT32_MAX;
	ASSERT_EQ(0, nyx_policy_set_unit(unit, &policy, sizeof(policy)));
}

void env_inject(const char *spec)
{
	ASSERT_EQ(0, setenv("NYX_INJECT", spec, 1));
}
