// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl device: devices and what they are attached to.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "err.h"
#include "lookup.h"
#include "parse.h"

enum { COL_DEVICE, COL_DOMAIN, COL_DOMAIN_NAME, COL_ISOLATION, COL_FAULTS, COL_LAST_FAULT };

static const struct out_col device_cols[] = {
	[COL_DEVICE] = { "device", OUT_TEXT },
	[COL_DOMAIN] = { "domain", OUT_COUNT },
	[COL_DOMAIN_NAME] = { "domain_name", OUT_TEXT },
	[COL_ISOLATION] = { "isolation", OUT_TEXT },
	[COL_FAULTS] = { "fault_events", OUT_COUNT },
	[COL_LAST_FAULT] = { "last_fault_ns", OUT_SECONDS },
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
		memcpy(name, domain->name, NYX_NAME_LEN);
		if (*name)
			out_text(out, COL_DOMAIN_NAME, name);
		out_text(out, COL_ISOLATION, isolation_of(domain));
	}
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

/* The row of one device, as it is now; it may have gone. */
static int put_current(struct cli *cli, struct out *out, uint32_t sbdf)
{
	struct nyx_device_info info = { .sbdf = sbdf };
	struct nyx_domain_info domain;
	bool found;

	if (nyx_device_get(cli->unit, sbdf, &info, sizeof(info)))
		info.sbdf = sbdf;
	found = info.domain_id &&
		!nyx_domain_get(cli->unit, info.domain_id, &domain, sizeof(domain));
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
	ret = nyx_device_add(cli->unit, sbdf);
	if (ret == -EEXIST)
		return err_say(ret, "unit '%s' has device %s already; 'nyxctl device show' tells its domain",
			       cli->unit_name, lookup_sbdf_text(sbdf));
	if (ret)
		return err_explain(ret, "cannot add device %s", lookup_sbdf_text(sbdf));
	return put_current(cli, out_result(&cli->out, "device", device_cols, "device %s added",
					   lookup_sbdf_text(sbdf)), sbdf);
}

static int run_remove(struct cli *cli)
{
	uint32_t sbdf;
	int rc, ret;

	rc = lookup_sbdf(cli, cli->args[0], &sbdf);
	if (rc)
		return rc;
	ret = nyx_device_remove(cli->unit, sbdf);
	if (ret == -ENOENT)
		return lookup_no_device(cli, sbdf);
	if (ret)
		return err_explain(ret, "cannot remove device %s", lookup_sbdf_text(sbdf));
	return put_current(cli, out_result(&cli->out, "device", device_cols,
					   "device %s removed", lookup_sbdf_text(sbdf)), sbdf);
}

/* Why a device cannot be attached: it has a domain, or the domain is taken. */
static int say_busy(struct cli *cli, uint32_t sbdf, const struct nyx_domain_info *target,
		    const char *advice)
{
	struct nyx_device_info info;
	struct nyx_domain_info domain = { 0 };
	uint32_t other;

	if (!nyx_device_get(cli->unit, sbdf, &info, sizeof(info)) && info.domain_id) {
		domain.domain_id = info.domain_id;
		nyx_domain_get(cli->unit, info.domain_id, &domain, sizeof(domain));
		return err_say(-EBUSY, "device %s is attached to domain %s; %s",
			       lookup_sbdf_text(sbdf), lookup_domain_text(&domain), advice);
	}
	if (target && lookup_any_device(cli, target->domain_id, &other))
		return err_say(-EBUSY, "domain %s is STRICT and has device %s already; make a domain for many devices with 'nyxctl domain create --shared'",
			       lookup_domain_text(target), lookup_sbdf_text(other));
	return err_explain(-EBUSY, "cannot attach device %s", lookup_sbdf_text(sbdf));
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
	ret = nyx_device_attach(cli->unit, device.sbdf, domain.domain_id,
				replace ? NYX_ATTACH_F_REPLACE : 0);
	if (ret == -EBUSY && !replace)
		return say_busy(cli, device.sbdf, &domain, "use --replace to move it");
	if (ret == -EBUSY) {
		uint32_t other;

		if (lookup_any_device(cli, domain.domain_id, &other))
			return err_say(ret, "domain %s is STRICT and has device %s already; make a domain for many devices with 'nyxctl domain create --shared'",
				       lookup_domain_text(&domain), lookup_sbdf_text(other));
	}
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
	int rc, ret;

	rc = lookup_device(cli, cli->args[0], &device);
	if (rc)
		return rc;
	ret = nyx_device_detach(cli->unit, device.sbdf);
	if (ret == -ENOENT)
		return err_say(ret, "device %s is attached to no domain; there is nothing to detach",
			       lookup_sbdf_text(device.sbdf));
	if (ret)
		return err_explain(ret, "cannot detach device %s",
				   lookup_sbdf_text(device.sbdf));
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
		return err_usage("KIND takes a group like this: shared,group=NAME");
	word += strlen(option);
	if (strlen(word) > NYX_GROUP_LEN)
		return err_usage("the group '%s' is too long; use at most %d characters", word,
				 NYX_GROUP_LEN);
	if (word[strspn(word, GROUP_LETTERS)])
		return err_usage("the group '%s' is wrong; use letters, digits and '._:-/' only", word);
	snprintf(group, size, "%s", word);
	return EXIT_OK;
}

static int assign_failed(struct cli *cli, uint32_t sbdf, int err)
{
	struct nyx_domain_info domain;
	char name[NYX_NAME_LEN];

	switch (-err) {
	case EBUSY:
		snprintf(name, sizeof(name), "strict/%s", lookup_sbdf_text(sbdf));
		if (nyx_domain_find(cli->unit, name, &domain, sizeof(domain)))
			return say_busy(cli, sbdf, NULL, "release it first with 'nyxctl device release'");
		return say_busy(cli, sbdf, &domain, "release it first with 'nyxctl device release'");
	case EEXIST:
		return err_say(err, "a domain has the name that is needed for device %s but is of another kind; 'nyxctl domain list' shows all",
			       lookup_sbdf_text(sbdf));
	default:
		return err_explain(err, "cannot assign device %s", lookup_sbdf_text(sbdf));
	}
}

static int run_assign(struct cli *cli)
{
	struct nyx_domain_info domain = { 0 };
	char group[NYX_GROUP_LEN + 1];
	uint32_t sbdf, isolation, id;
	int rc, ret;

	rc = parse_isolation(cli->args[1], &isolation, group, sizeof(group));
	if (!rc)
		rc = lookup_sbdf(cli, cli->args[0], &sbdf);
	if (rc)
		return rc;
	ret = nyx_device_assign(cli->unit, sbdf, isolation, *group ? group : NULL, &id);
	if (ret)
		return assign_failed(cli, sbdf, ret);
	domain.domain_id = id;
	nyx_domain_get(cli->unit, id, &domain, sizeof(domain));
	return put_current(cli, out_result(&cli->out, "device", device_cols,
					   "device %s assigned to domain %s",
					   lookup_sbdf_text(sbdf), lookup_domain_text(&domain)),
			   sbdf);
}

static int run_release(struct cli *cli)
{
	uint32_t sbdf;
	int rc, ret;

	rc = lookup_sbdf(cli, cli->args[0], &sbdf);
	if (rc)
		return rc;
	ret = nyx_device_release(cli->unit, sbdf);
	if (ret == -ENOENT)
		return lookup_no_device(cli, sbdf);
	if (ret)
		return err_explain(ret, "cannot release device %s", lookup_sbdf_text(sbdf));
	return put_current(cli, out_result(&cli->out, "device", device_cols,
					   "device %s released", lookup_sbdf_text(sbdf)), sbdf);
}

enum { RUN_IOVA, RUN_LENGTH, RUN_GPA, RUN_BACKING, RUN_PROT, RUN_PAGE, RUN_FAULT, RUN_LEVEL };

static const struct out_col run_cols[] = {
	[RUN_IOVA] = { "iova", OUT_ADDR },
	[RUN_LENGTH] = { "length_bytes", OUT_SIZE },
	[RUN_GPA] = { "gpa", OUT_ADDR },
	[RUN_BACKING] = { "backing", OUT_ADDR },
	[RUN_PROT] = { "prot", OUT_TEXT },
	[RUN_PAGE] = { "page_bytes", OUT_SIZE },
	[RUN_FAULT] = { "fault", OUT_TEXT },
	[RUN_LEVEL] = { "fault_level", OUT_COUNT, true },
	{ 0 }
};

#define NR_RUNS	256u

/* One page of runs. */
static void put_runs(struct out *out, const struct nyx_translate *t, const struct nyx_run *runs)
{
	uint32_t i;

	for (i = 0; i < t->out_nr_runs; i++) {
		out_u64(out, RUN_IOVA, runs[i].iova);
		out_u64(out, RUN_LENGTH, runs[i].length);
		out_u64(out, RUN_GPA, runs[i].gpa);
		out_u64(out, RUN_BACKING, runs[i].backing);
		out_text(out, RUN_PROT, nyx_prot_name(runs[i].prot));
		if (!i && t->out_page_size_lg2)
			out_u64(out, RUN_PAGE, UINT64_C(1) << t->out_page_size_lg2);
		out_row(out);
	}
}

/* What was refused comes last, so that the rows are the whole range. */
static void put_refused(struct out *out, const struct nyx_fault *fault, uint64_t length)
{
	out_u64(out, RUN_IOVA, fault->iova);
	out_u64(out, RUN_LENGTH, length);
	if (fault->gpa != NYX_GPA_UNKNOWN)
		out_u64(out, RUN_GPA, fault->gpa);
	out_text(out, RUN_FAULT, nyx_fault_reason_name(fault->reason));
	if (fault->level != NYX_LEVEL_NONE)
		out_u64(out, RUN_LEVEL, fault->level);
	out_row(out);
}

static int translate(struct cli *cli, struct out *out, struct nyx_translate *t)
{
	uint64_t begin = t->iova, length = t->length;
	struct nyx_run runs[NR_RUNS];
	int rc, ret;

	t->runs = (uintptr_t)runs;
	t->nr_runs = NR_RUNS;
	do {
		ret = nyx_device_translate(cli->unit, t);
		if (ret == -ENOENT)
			return out_cancel(out, lookup_no_device(cli, t->sbdf));
		if (ret)
			return out_cancel(out, err_explain(ret, "cannot translate IOVA 0x%" PRIx64,
							   (uint64_t)t->iova));
		put_runs(out, t, runs);
		t->iova += t->out_done;
		t->length -= t->out_done;
	} while (t->length && t->out_done && t->out_fault.reason == NYX_FAULT_NONE);
	if (t->out_fault.reason == NYX_FAULT_NONE)
		return out_end(out);

	put_refused(out, &t->out_fault, t->length);
	rc = out_end(out);
	err_note("device %s may not %s IOVA 0x%" PRIx64 ": %s", lookup_sbdf_text(t->sbdf),
		 t->access == NYX_PROT_READ ? "read" : t->access == NYX_PROT_WRITE ? "write" :
		 "read and write", (uint64_t)t->out_fault.iova,
		 nyx_fault_reason_text(t->out_fault.reason));
	if (rc)
		return rc;
	return t->length < length && t->iova != begin ? EXIT_PARTIAL : EXIT_REFUSED;
}

static int run_translate(struct cli *cli)
{
	struct nyx_translate t = {
		.size = sizeof(t),
		.pasid = NYX_PASID_NONE,
		.access = NYX_PROT_READ,
	};
	uint64_t iova, length = 1;
	int rc;

	rc = parse_u64("IOVA", cli->args[1], &iova);
	if (!rc && cli->args[2])
		rc = parse_u64("LENGTH", cli->args[2], &length);
	if (!rc && !length)
		rc = err_usage("LENGTH must not be 0");
	if (!rc && cli_opt(cli, "access"))
		rc = parse_prot("--access", cli_opt(cli, "access"), &t.access);
	if (!rc)
		rc = lookup_sbdf(cli, cli->args[0], &t.sbdf);
	if (rc)
		return rc;
	t.iova = iova;
	t.length = length;
	if (cli_opt(cli, "report"))
		t.flags = NYX_TRANSLATE_F_REPORT;
	return translate(cli, out_list(&cli->out, "runs", run_cols), &t);
}

static const char *const prots[] = { "r", "w", "rw", NULL };

#define DEVICE_ARG { "DEVICE", WORD_DEVICE, false, NULL, "the device, like 0000:03:00.0" }

const struct cmd_verb cmd_device_verbs[] = {
	{
		.name = "add",
		.help = "Add a device; it has no domain, its accesses are refused",
		.args = { { "DEVICE", WORD_ANY, false, NULL, "the device, like 0000:03:00.0" } },
		.cols = device_cols,
		.run = run_add,
		.example = "device add 0000:03:00.0 -u vm1",
	},
	{
		.name = "remove",
		.help = "Detach and remove a device",
		.args = { DEVICE_ARG },
		.cols = device_cols,
		.run = run_remove,
		.example = "device remove 0000:03:00.0 -u vm1",
	},
	{
		.name = "attach",
		.help = "Attach a device to a domain",
		.args = {
			DEVICE_ARG,
			{ "DOMAIN", WORD_DOMAIN, false, NULL, "the domain, by name or id" },
		},
		.opts = {
			{ "replace", 0, NULL, WORD_ANY, NULL, "move it from the domain that it has" },
		},
		.cols = device_cols,
		.run = run_attach,
		.example = "device attach 0000:03:00.0 net -u vm1",
	},
	{
		.name = "detach",
		.help = "Detach a device from its domain",
		.args = { DEVICE_ARG },
		.cols = device_cols,
		.run = run_detach,
		.example = "device detach 0000:03:00.0 -u vm1",
	},
	{
		.name = "assign",
		.help = "Give a device the right domain: find or make it, add the device, attach",
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
		.help = "Undo 'assign': remove the device, and its domain if that is empty then",
		.args = { DEVICE_ARG },
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
			{ "LENGTH", WORD_ANY, true, NULL, "bytes; 1" },
		},
		.opts = {
			{ "access", 0, "ACCESS", WORD_CHOICE, prots, "what is to be allowed: r, w or rw; r" },
			{ "report", 0, NULL, WORD_ANY, NULL, "count and report a fault as a DMA's" },
		},
		.cols = run_cols,
		.run = run_translate,
		.example = "device translate 0000:03:00.0 0x1000 8K -u vm1",
	},
	{ 0 }
};
