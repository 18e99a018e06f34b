// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: fault policies of units and devices.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Options change what they name; the rest of the policy stays as it is.
 */
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "lookup.h"
#include "parse.h"

#define RECORDS_ALL	UINT32_MAX
#define HOUR_MS		3600000u
#define DAY_MS		86400000u

enum {
	COL_UNIT, COL_DEVICE, COL_INHERITED, COL_ACTION, COL_OBSERVE, COL_SCOPE, COL_THRESHOLD,
	COL_WINDOW, COL_WEIGHT, COL_RECOVER = COL_WEIGHT + NYX_CLASS_MAX, COL_BACKOFF,
	COL_BACKOFF_MAX, COL_PROBATION, COL_TRIES, COL_RECORDS,
};

const struct out_col policy_cols[] = {
	[COL_UNIT] = { "unit", OUT_TEXT },
	[COL_DEVICE] = { "device", OUT_TEXT },
	[COL_INHERITED] = { "inherited", OUT_BOOL },
	[COL_ACTION] = { "action", OUT_TEXT },
	[COL_OBSERVE] = { "observe", OUT_BOOL },
	[COL_SCOPE] = { "scope", OUT_TEXT },
	[COL_THRESHOLD] = { "threshold", OUT_COUNT },
	[COL_WINDOW] = { "window_ms", OUT_MILLIS },
	[COL_WEIGHT + NYX_CLASS_ADDRESS] = { "weight.address", OUT_COUNT },
	[COL_WEIGHT + NYX_CLASS_PERMISSION] = { "weight.permission", OUT_COUNT },
	[COL_WEIGHT + NYX_CLASS_TABLE] = { "weight.table", OUT_COUNT },
	[COL_WEIGHT + NYX_CLASS_MEMORY] = { "weight.memory", OUT_COUNT },
	[COL_WEIGHT + NYX_CLASS_INTERRUPT] = { "weight.interrupt", OUT_COUNT },
	[COL_RECOVER] = { "recover", OUT_BOOL },
	[COL_BACKOFF] = { "backoff_ms", OUT_MILLIS },
	[COL_BACKOFF_MAX] = { "backoff_max_ms", OUT_MILLIS },
	[COL_PROBATION] = { "probation_ms", OUT_MILLIS },
	[COL_TRIES] = { "max_tries", OUT_COUNT },
	[COL_RECORDS] = { "records_per_s", OUT_COUNT },
	{ 0 }
};

/* In the order of enum nyx_policy_action. */
const char *const policy_actions[] = { "report", "quarantine", NULL };
const char *const policy_scopes[] = { "device", "domain", NULL };
const char *const policy_yes_no[] = { "no", "yes", NULL };

static int number_opt(const struct cli *cli, const char *name, uint32_t limit, uint32_t *value)
{
	const char *word = cli_opt(cli, name);
	char what[40];
	uint32_t v;
	int rc;

	if (!word)
		return EXIT_OK;
	snprintf(what, sizeof(what), "--%s", name);
	rc = parse_u32(what, word, &v);
	if (rc)
		return rc;
	if (!v || v > limit)
		return err_usage("%s must be 1 to %u", what, limit);
	*value = v;
	return EXIT_OK;
}

static int time_opt(const struct cli *cli, const char *name, uint32_t limit, uint32_t *value)
{
	const char *word = cli_opt(cli, name);
	char what[40];
	uint64_t ms;
	int rc;

	if (!word)
		return EXIT_OK;
	snprintf(what, sizeof(what), "--%s", name);
	rc = parse_time(what, word, &ms);
	if (rc)
		return rc;
	if (!ms || ms > limit)
		return err_usage("%s must be 1ms to %uh", what, limit / HOUR_MS);
	*value = (uint32_t)ms;
	return EXIT_OK;
}

static void flag_set(uint32_t *flags, uint32_t flag, bool on)
{
	*flags = on ? *flags | flag : *flags & ~flag;
}

/* "address=1,interrupt=5" */
static int parse_weights(const char *list, struct nyx_policy *p)
{
	char *copy = strdup(list), *rest = copy, *item, *equals;
	const char *names[NYX_CLASS_MAX + 1] = { NULL };
	uint32_t i, weight;
	int rc = EXIT_OK;

	for (i = 0; i < NYX_CLASS_MAX; i++)
		names[i] = nyx_fault_class_name(i);
	while (!rc && copy && (item = strsep(&rest, ","))) {
		equals = strchr(item, '=');
		if (!equals) {
			rc = err_usage("--weight '%s' is wrong; write it like address=1,interrupt=5",
				       list);
			break;
		}
		*equals = '\0';
		rc = parse_choice("the class", item, names, &i);
		if (!rc)
			rc = parse_u32("the weight", equals + 1, &weight);
		if (!rc && weight > 1000)
			rc = err_usage("the weight '%s' is too large; at most 1000", equals + 1);
		if (!rc)
			p->weight[i] = (uint16_t)weight;
	}
	free(copy);
	return rc;
}

/* Change @p as the options say. *given: whether there is any option. */
static int apply(const struct cli *cli, struct nyx_policy *p, bool *given)
{
	const char *action = cli_opt(cli, "action"), *scope = cli_opt(cli, "scope");
	const char *weight = cli_opt(cli, "weight"), *recover = cli_opt(cli, "recover");
	const char *records = cli_opt(cli, "records");
	const struct cmd_opt *opt;
	uint32_t choice = 0;
	int rc;

	*given = false;
	for (opt = cli->verb->opts; opt->name; opt++)
		*given |= !!cli->opts[opt - cli->verb->opts];

	rc = number_opt(cli, "threshold", 1000000, &p->threshold);
	if (!rc)
		rc = time_opt(cli, "window", HOUR_MS, &p->window_ms);
	if (!rc && action) {
		rc = parse_choice("--action", action, policy_actions, &p->action);
		flag_set(&p->flags, NYX_POLICY_F_OBSERVE, false);
	}
	if (cli_opt(cli, "observe"))
		flag_set(&p->flags, NYX_POLICY_F_OBSERVE, true);
	if (!rc && scope) {
		rc = parse_choice("--scope", scope, policy_scopes, &choice);
		flag_set(&p->flags, NYX_POLICY_F_DOMAIN, choice);
	}
	if (!rc && weight)
		rc = parse_weights(weight, p);
	if (!rc && recover) {
		rc = parse_choice("--recover", recover, policy_yes_no, &choice);
		flag_set(&p->flags, NYX_POLICY_F_RECOVER, choice);
	}
	if (!rc)
		rc = time_opt(cli, "backoff", DAY_MS, &p->backoff_ms);
	if (!rc)
		rc = time_opt(cli, "backoff-max", DAY_MS, &p->backoff_max_ms);
	if (!rc)
		rc = time_opt(cli, "probation", DAY_MS, &p->probation_ms);
	if (!rc)
		rc = number_opt(cli, "max-tries", 1000, &p->max_tries);
	if (!rc && records && !strcmp(records, "all"))
		p->records_per_s = RECORDS_ALL;
	else if (!rc)
		rc = number_opt(cli, "records", RECORDS_ALL, &p->records_per_s);
	return rc;
}

/* An option that not every verb has. */
static bool inherits(const struct cli *cli)
{
	return cmd_has_option(cli->verb, "inherit") && cli_opt(cli, "inherit");
}

int policy_check(struct cli *cli)
{
	struct nyx_policy scratch = { .flags = 0 };
	const struct cmd_opt *opt;
	unsigned int nr = 0;
	bool given;
	int rc;

	rc = apply(cli, &scratch, &given);
	for (opt = cli->verb->opts; opt->name; opt++)
		nr += !!cli->opts[opt - cli->verb->opts];
	if (!rc && inherits(cli) && nr > 1)
		rc = err_usage("--inherit cannot be combined with another option");
	return rc;
}

static const char *whose(const struct cli *cli, uint32_t scope, uint32_t sbdf)
{
	static char text[NYX_NAME_LEN + 32];

	if (scope == NYX_SCOPE_UNIT)
		snprintf(text, sizeof(text), "unit %s", cli->unit_name);
	else
		snprintf(text, sizeof(text), "device %s", lookup_sbdf_text(sbdf));
	return text;
}

static int failed(struct cli *cli, const char *what, uint32_t scope, uint32_t sbdf, int err)
{
	return err_explain(err, "cannot %s the policy of %s", what, whose(cli, scope, sbdf));
}

static int policy_get(struct cli *cli, uint32_t scope, uint32_t sbdf, struct nyx_policy *p,
		      uint32_t *own)
{
	if (scope == NYX_SCOPE_UNIT)
		return nyx_policy_get_unit(cli->unit, p, sizeof(*p));
	return nyx_policy_get_device(cli->unit, (nyx_device_t){ sbdf }, p, sizeof(*p), own);
}

static int policy_set(struct cli *cli, uint32_t scope, uint32_t sbdf, const struct nyx_policy *p)
{
	if (scope == NYX_SCOPE_UNIT)
		return nyx_policy_set_unit(cli->unit, p, sizeof(*p));
	return nyx_policy_set_device(cli->unit, (nyx_device_t){ sbdf }, p, sizeof(*p));
}

/* The policy as it is now. */
static int put(struct cli *cli, struct out *out, uint32_t scope, uint32_t sbdf)
{
	uint32_t own = 0, i;
	struct nyx_policy p;
	int ret;

	ret = policy_get(cli, scope, sbdf, &p, &own);
	if (ret)
		return out_cancel(out, failed(cli, "read", scope, sbdf, ret));
	out_text(out, COL_UNIT, cli->unit_name);
	if (scope == NYX_SCOPE_DEVICE) {
		out_text(out, COL_DEVICE, lookup_sbdf_text(sbdf));
		out_u64(out, COL_INHERITED, !own);
	}
	out_text(out, COL_ACTION, nyx_policy_action_name(p.action));
	out_u64(out, COL_OBSERVE, !!(p.flags & NYX_POLICY_F_OBSERVE));
	out_text(out, COL_SCOPE, policy_scopes[!!(p.flags & NYX_POLICY_F_DOMAIN)]);
	out_u64(out, COL_THRESHOLD, p.threshold);
	out_u64(out, COL_WINDOW, p.window_ms);
	for (i = 0; i < NYX_CLASS_MAX; i++)
		out_u64(out, COL_WEIGHT + i, p.weight[i]);
	out_u64(out, COL_RECOVER, !!(p.flags & NYX_POLICY_F_RECOVER));
	out_u64(out, COL_BACKOFF, p.backoff_ms);
	out_u64(out, COL_BACKOFF_MAX, p.backoff_max_ms);
	out_u64(out, COL_PROBATION, p.probation_ms);
	out_u64(out, COL_TRIES, p.max_tries);
	out_u64(out, COL_RECORDS, p.records_per_s);
	out_row(out);
	return out_end(out);
}

int policy_run(struct cli *cli, uint32_t scope, uint32_t sbdf)
{
	struct nyx_policy p;
	bool given;
	int rc, ret;

	if (inherits(cli)) {
		ret = nyx_policy_inherit(cli->unit, (nyx_device_t){ sbdf });
		if (ret)
			return failed(cli, "change", scope, sbdf, ret);
		return put(cli, out_result(&cli->out, "policy", policy_cols,
					   "device %s has the policy of its unit",
					   lookup_sbdf_text(sbdf)), scope, sbdf);
	}
	ret = policy_get(cli, scope, sbdf, &p, NULL);
	if (ret)
		return failed(cli, "read", scope, sbdf, ret);
	rc = apply(cli, &p, &given);
	if (rc)
		return rc;
	if (!given)
		return put(cli, out_record(&cli->out, "policy", policy_cols), scope, sbdf);
	if (p.backoff_ms > p.backoff_max_ms)
		return err_usage("the back-off would start at %ums and end at %ums; set both --backoff and --backoff-max",
				 p.backoff_ms, p.backoff_max_ms);
	ret = policy_set(cli, scope, sbdf, &p);
	if (ret)
		return failed(cli, "change", scope, sbdf, ret);
	return put(cli, out_result(&cli->out, "policy", policy_cols, "policy of %s set",
				   whose(cli, scope, sbdf)), scope, sbdf);
}
