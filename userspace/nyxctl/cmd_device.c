// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl device: devices and what they are attached to.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "err.h"
#include "limit.h"
#include "lookup.h"
#include "parse.h"
#include "policy.h"
#include "translate.h"
#include "wait.h"

enum {
	COL_DEVICE, COL_DOMAIN, COL_DID, COL_DOMAIN_NAME, COL_ISOLATION, COL_STATE, COL_SCORE,
	COL_TRIES, COL_NEXT, COL_QUARANTINED, COL_HELD, COL_OWN_POLICY, COL_LIMITED, COL_FAULTS,
	COL_LAST_FAULT,
};

static const struct out_col device_cols[] = {
	[COL_DEVICE] = { "device", OUT_TEXT },
	[COL_DOMAIN] = { "domain", OUT_COUNT },
	[COL_DID] = { "did", OUT_COUNT },
	[COL_DOMAIN_NAME] = { "domain_name", OUT_TEXT, .cut = true },
	[COL_ISOLATION] = { "isolation", OUT_TEXT, true },
	[COL_STATE] = { "state", OUT_TEXT },
	[COL_SCORE] = { "score", OUT_COUNT, true },
	[COL_TRIES] = { "tries", OUT_COUNT, true },
	[COL_NEXT] = { "next_change_ns", OUT_TIME },
	[COL_QUARANTINED] = { "quarantined_accesses", OUT_COUNT, true },
	[COL_HELD] = { "held", OUT_BOOL, true },
	[COL_OWN_POLICY] = { "own_policy", OUT_BOOL, true },
	[COL_LIMITED] = { "limited", OUT_BOOL, true },
	[COL_FAULTS] = { "fault_events", OUT_COUNT },
	[COL_LAST_FAULT] = { "last_fault_ns", OUT_TIME },
	{ 0 }
};

/* The domains of the unit, by id, to show their names without a call for each. */
struct domains {
	struct nyx_domain_info *list;
	size_t nr;
	size_t room;
};

static int add_domain(const struct nyx_domain_info *info, void *arg)
{
	struct domains *domains = arg;
	struct nyx_domain_info *list;

	if (domains->nr == domains->room) {
		domains->room = domains->room ? 2 * domains->room : 64;
		list = realloc(domains->list, domains->room * sizeof(*list));
		if (!list)
			return -ENOMEM;
		domains->list = list;
	}
	domains->list[domains->nr++] = *info;
	return 0;
}

static int compare_ids(const void *key, const void *entry)
{
	const struct nyx_domain_info *info = entry;
	uint32_t id = *(const uint32_t *)key;

	return id < info->domain_id ? -1 : id > info->domain_id;
}

static const char *isolation_of(const struct nyx_domain_info *info)
{
	if (info->kind == NYX_DOMAIN_IDENTITY)
		return "unmanaged";
	return info->flags & NYX_DOMAIN_F_SHARED ? "shared" : "strict";
}

static void put_device(struct out *out, const struct nyx_device_info *info,
		       const struct nyx_domain_info *domain)
{
	char name[NYX_NAME_LEN + 1] = "";

	out_text(out, COL_DEVICE, lookup_sbdf_text(info->sbdf));
	if (info->domain_id)
		out_u64(out, COL_DOMAIN, info->domain_id);
	if (domain) {
		lookup_put_domain(out, COL_DOMAIN, domain);
		memcpy(name, domain->name, NYX_NAME_LEN);
		if (*name)
			out_text(out, COL_DOMAIN_NAME, name);
		out_text(out, COL_ISOLATION, isolation_of(domain));
	}
	out_text(out, COL_STATE, nyx_device_state_name(info->state));
	out_u64(out, COL_SCORE, info->score);
	out_u64(out, COL_TRIES, info->tries);
	if (info->next_ns)
		out_u64(out, COL_NEXT, info->next_ns);
	out_u64(out, COL_QUARANTINED, info->quarantined_accesses);
	out_u64(out, COL_HELD, !!(info->flags & NYX_DEVICE_F_HELD));
	out_u64(out, COL_OWN_POLICY, !!(info->flags & NYX_DEVICE_F_POLICY));
	out_u64(out, COL_LIMITED, !!(info->flags & NYX_DEVICE_F_LIMITS));
	out_u64(out, COL_FAULTS, info->fault_events);
	if (info->last_fault_ns)
		out_u64(out, COL_LAST_FAULT, info->last_fault_ns);
	out_row(out);
}

struct listing {
	struct domains domains;
	struct out *out;
};

static int list_device(const struct nyx_device_info *info, void *arg)
{
	const struct listing *listing = arg;
	const struct domains *domains = &listing->domains;
	const struct nyx_domain_info *domain = NULL;

	if (info->domain_id && domains->nr)
		domain = bsearch(&info->domain_id, domains->list, domains->nr,
				 sizeof(*domains->list), compare_ids);
	put_device(listing->out, info, domain);
	return 0;
}

static int run_list(struct cli *cli)
{
	struct listing listing = { 0 };
	int rc, ret;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	listing.out = out_list(&cli->out, "devices", device_cols);
	ret = nyx_domain_foreach(cli->unit, add_domain, &listing.domains);
	if (!ret)
		ret = nyx_device_foreach(cli->unit, list_device, &listing);
	free(listing.domains.list);
	if (ret)
		return out_cancel(listing.out, err_explain(ret, "cannot list devices"));
	return out_end(listing.out);
}

/* Print the row of one device in its current state. The device may be gone. */
static int put_current(struct cli *cli, struct out *out, uint32_t sbdf)
{
	struct nyx_device_info info;
	struct nyx_domain_info domain;
	bool found;

	if (nyx_device_get(cli->unit, (nyx_device_t){ sbdf }, &info, sizeof(info)))
		info = (struct nyx_device_info){ .sbdf = sbdf, .state = UINT32_MAX };
	found = info.domain_id &&
		!nyx_domain_get(cli->unit, (nyx_domain_t){ info.domain_id }, &domain,
				sizeof(domain));
	put_device(out, &info, found ? &domain : NULL);
	return out_end(out);
}

static int run_show(struct cli *cli)
{
	struct nyx_device_info info;
	int rc;

	rc = lookup_device(cli, cli->args[0], &info);
	if (rc)
		return rc;
	return put_current(cli, out_record(&cli->out, "device", device_cols), info.sbdf);
}

static int run_add(struct cli *cli)
{
	uint32_t sbdf;
	int rc, ret;

	rc = lookup_sbdf(cli, cli->args[0], &sbdf);
	if (rc)
		return rc;
	ret = nyx_device_add(cli->unit, (nyx_device_t){ sbdf });
	if (ret)
		return err_explain(ret, "cannot add device %s", lookup_sbdf_text(sbdf));
	return put_current(cli, out_result(&cli->out, "device", device_cols, "device %s added",
					   lookup_sbdf_text(sbdf)), sbdf);
}

/* The accesses that a command waits for. */
#define ACCESSES	"in-flight accesses of device %s"

static int device_failed(const char *verb, uint32_t sbdf, int err)
{
	return err_explain(err, "cannot %s device %s", verb, lookup_sbdf_text(sbdf));
}

/* Issue a command that has nothing but the device. */
static int control(struct cli *cli, int (*change)(struct nyx_unit *unit, nyx_device_t device),
		   const char *verb, const char *past)
{
	uint32_t sbdf;
	int rc, ret;

	rc = lookup_sbdf(cli, cli->args[0], &sbdf);
	if (rc)
		return rc;
	wait_begin(cli, WAIT_REPEAT, ACCESSES, lookup_sbdf_text(sbdf));
	ret = change(cli->unit, (nyx_device_t){ sbdf });
	wait_end();
	/* A device is removed only when readers are done; a new state is in effect before. */
	if (ret == -EINPROGRESS && change != nyx_device_remove)
		return err_say(ret, "device %s was %s, but the program that mirrors it has yet to take its mappings away; 'nyxctl target list' tells when it has",
			       lookup_sbdf_text(sbdf), past);
	if (ret)
		return device_failed(verb, sbdf, ret);
	return put_current(cli, out_result(&cli->out, "device", device_cols, "device %s %s",
					   lookup_sbdf_text(sbdf), past), sbdf);
}

static int run_remove(struct cli *cli)
{
	return control(cli, nyx_device_remove, "remove", "removed");
}

static int run_attach(struct cli *cli)
{
	bool replace = cli_opt(cli, "replace");
	struct nyx_domain_info domain;
	struct nyx_device_info device;
	int rc, ret;

	rc = lookup_device(cli, cli->args[0], &device);
	if (!rc)
		rc = lookup_domain(cli, cli->args[1], &domain);
	if (rc)
		return rc;
	wait_begin(cli, "repeat the command with --replace to keep waiting",
		   ACCESSES " in its former domain", lookup_sbdf_text(device.sbdf));
	ret = nyx_device_attach(cli->unit, (nyx_device_t){ device.sbdf },
				(nyx_domain_t){ domain.domain_id },
				replace ? NYX_ATTACH_F_REPLACE : 0);
	wait_end();
	if (ret)
		return err_explain(ret, "cannot attach device %s to domain %s",
				   lookup_sbdf_text(device.sbdf), lookup_domain_text(&domain));
	return put_current(cli, out_result(&cli->out, "device", device_cols,
					   "device %s attached to domain %s",
					   lookup_sbdf_text(device.sbdf),
					   lookup_domain_text(&domain)), device.sbdf);
}

static int run_detach(struct cli *cli)
{
	struct nyx_device_info device;
	char resume[64];
	int rc, ret;

	rc = lookup_device(cli, cli->args[0], &device);
	if (rc)
		return rc;
	snprintf(resume, sizeof(resume), "'nyxctl iotlb invalidate domain %u' keeps waiting",
		 device.domain_id);
	wait_begin(cli, resume, ACCESSES, lookup_sbdf_text(device.sbdf));
	ret = nyx_device_detach(cli->unit, (nyx_device_t){ device.sbdf });
	wait_end();
	if (ret)
		return device_failed("detach", device.sbdf, ret);
	return put_current(cli, out_result(&cli->out, "device", device_cols,
					   "device %s detached",
					   lookup_sbdf_text(device.sbdf)), device.sbdf);
}

static const char *const isolations[] = { "strict", "shared", "unmanaged", NULL };

#define GROUP_LETTERS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-/"

/* "shared,group=NAME" */
static int parse_isolation(const char *word, uint32_t *isolation, char *group, size_t size)
{
	static const char option[] = "group=";
	size_t len = strcspn(word, ",");
	char kind[16];
	int rc;

	*group = '\0';
	snprintf(kind, sizeof(kind), "%.*s", (int)len, word);
	rc = parse_choice("KIND", word[len] ? kind : word, isolations, isolation);
	if (rc || !word[len])
		return rc;
	word += len + 1;
	if (*isolation != NYX_ISOLATION_SHARED || strncmp(word, option, strlen(option)) ||
	    !word[strlen(option)])
		return err_usage("write the group of KIND like shared,group=NAME");
	word += strlen(option);
	if (strlen(word) > NYX_GROUP_LEN)
		return err_usage("the group '%s' is too long; use at most %d characters", word,
				 NYX_GROUP_LEN);
	if (word[strspn(word, GROUP_LETTERS)])
		return err_usage("the group '%s' is wrong; use letters, digits and '._:-/' only", word);
	snprintf(group, size, "%s", word);
	return EXIT_OK;
}

static int run_assign(struct cli *cli)
{
	struct nyx_domain_info domain = { 0 };
	char group[NYX_GROUP_LEN + 1];
	uint32_t sbdf, isolation;
	nyx_domain_t id;
	int rc, ret;

	rc = parse_isolation(cli->args[1], &isolation, group, sizeof(group));
	if (!rc)
		rc = lookup_sbdf(cli, cli->args[0], &sbdf);
	if (rc)
		return rc;
	ret = nyx_device_assign(cli->unit, (nyx_device_t){ sbdf }, isolation,
				*group ? group : NULL, &id);
	if (ret)
		return device_failed("assign", sbdf, ret);
	domain.domain_id = id.id;
	nyx_domain_get(cli->unit, id, &domain, sizeof(domain));
	return put_current(cli, out_result(&cli->out, "device", device_cols,
					   "device %s assigned to domain %s",
					   lookup_sbdf_text(sbdf), lookup_domain_text(&domain)),
			   sbdf);
}

static int run_release(struct cli *cli)
{
	return control(cli, nyx_device_release, "release", "released");
}

static int run_reset(struct cli *cli)
{
	return control(cli, nyx_device_reset, "reset", "reset");
}

static int run_quarantine(struct cli *cli)
{
	return control(cli, nyx_device_quarantine, "quarantine", "quarantined");
}

static int run_disable(struct cli *cli)
{
	return control(cli, nyx_device_disable, "disable", "disabled");
}

static int run_policy(struct cli *cli)
{
	struct nyx_device_info info;
	int rc;

	rc = policy_check(cli);
	if (!rc)
		rc = lookup_device(cli, cli->args[0], &info);
	return rc ? rc : policy_run(cli, NYX_SCOPE_DEVICE, info.sbdf);
}

static int run_limit(struct cli *cli)
{
	struct nyx_device_info info;
	int rc;

	rc = limit_check(cli);
	if (!rc)
		rc = lookup_device(cli, cli->args[0], &info);
	return rc ? rc : limit_run(cli, NYX_SCOPE_DEVICE, info.sbdf);
}

static const char *const prots[] = { "r", "w", "rw", NULL };

const struct cmd_verb cmd_device_verbs[] = {
	{
		.name = "add",
		.help = "Add a device without a domain: its accesses are refused",
		.args = { { "DEVICE", WORD_ANY, false, NULL, "the device, like 0000:03:00.0" } },
		.cols = device_cols,
		.run = run_add,
		.example = "device add 0000:03:00.0 -u vm1",
	},
	{
		.name = "remove",
		.help = "Detach and remove a device",
		.args = { DEVICE_ARG },
		.opts = { WAIT_OPT },
		.cols = device_cols,
		.run = run_remove,
		.example = "device remove 0000:03:00.0 -u vm1",
	},
	{
		.name = "attach",
		.help = "Attach a device to a domain",
		.args = {
			DEVICE_ARG,
			DOMAIN_ARG,
		},
		.opts = {
			{ "replace", 0, NULL, WORD_ANY, NULL, "move it from its present domain" },
			WAIT_OPT,
		},
		.cols = device_cols,
		.run = run_attach,
		.example = "device attach 0000:03:00.0 net -u vm1",
	},
	{
		.name = "detach",
		.help = "Detach a device from its domain",
		.args = { DEVICE_ARG },
		.opts = { WAIT_OPT },
		.cols = device_cols,
		.run = run_detach,
		.example = "device detach 0000:03:00.0 -u vm1",
	},
	{
		.name = "assign",
		.help = "Add a device and attach it to its domain, which is created if missing",
		.args = {
			{ "DEVICE", WORD_ANY, false, NULL, "the device, like 0000:03:00.0" },
			{ "KIND", WORD_ANY, false, isolations,
			  "strict, shared, shared,group=NAME or unmanaged" },
		},
		.cols = device_cols,
		.run = run_assign,
		.example = "device assign 0000:03:00.0 shared,group=storage -u vm1",
	},
	{
		.name = "release",
		.help = "Undo 'assign': remove the device, and its domain if no device is left",
		.args = { DEVICE_ARG },
		.opts = { WAIT_OPT },
		.cols = device_cols,
		.run = run_release,
		.example = "device release 0000:03:00.0 -u vm1",
	},
	{
		.name = "list",
		.help = "List the devices of the unit",
		.cols = device_cols,
		.run = run_list,
		.example = "device list -u vm1",
	},
	{
		.name = "show",
		.help = "Show a device",
		.args = { DEVICE_ARG },
		.cols = device_cols,
		.run = run_show,
		.example = "device show 0000:03:00.0 -u vm1",
	},
	{
		.name = "translate",
		.help = "Translate IOVAs as a DMA of the device would",
		.args = {
			DEVICE_ARG,
			{ "IOVA", WORD_ANY, false, NULL, "the first IOVA" },
			{ "LENGTH", WORD_ANY, true, NULL, "bytes (default: 1)" },
		},
		.opts = {
			{ "access", 0, "ACCESS", WORD_CHOICE, prots, "access to check: r, w or rw (default: r)" },
			{ "report", 0, NULL, WORD_ANY, NULL, "count and report a fault, as for a DMA" },
		},
		.cols = translate_cols,
		.run = translate_run,
		.example = "device translate 0000:03:00.0 0x1000 8K -u vm1",
	},
	{
		.name = "reset",
		.help = "Make a device active again, and forget its faults",
		.args = { DEVICE_ARG },
		.opts = { WAIT_OPT },
		.cols = device_cols,
		.run = run_reset,
		.example = "device reset 0000:03:00.0 -u vm1",
	},
	{
		.name = "quarantine",
		.help = "Refuse all accesses and interrupts of a device, until it is reset",
		.args = { DEVICE_ARG },
		.opts = { WAIT_OPT },
		.cols = device_cols,
		.run = run_quarantine,
		.example = "device quarantine 0000:03:00.0 -u vm1",
	},
	{
		.name = "disable",
		.help = "Disable a device: refuse all accesses and interrupts until it is reset",
		.args = { DEVICE_ARG },
		.opts = { WAIT_OPT },
		.cols = device_cols,
		.run = run_disable,
		.example = "device disable 0000:03:00.0 -u vm1",
	},
	{
		.name = "policy",
		.help = "Show the fault policy of a device, or give it one of its own",
		.args = { DEVICE_ARG },
		.opts = {
			POLICY_OPTS,
			{ "inherit", 0, NULL, WORD_ANY, NULL, "revert to the unit's policy" },
		},
		.cols = policy_cols,
		.run = run_policy,
		.example = "device policy 0000:03:00.0 --threshold 100 -u vm1",
	},
	{
		.name = "limit",
		.help = "Show the limits of a device, or change them",
		.args = { DEVICE_ARG },
		.opts = { LIMIT_OPTS },
		.cols = limit_cols,
		.run = run_limit,
		.example = "device limit 0000:03:00.0 --bytes 100M --ops 10K -u vm1",
	},
	{ 0 }
};
