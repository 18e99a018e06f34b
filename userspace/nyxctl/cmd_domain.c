// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl domain: address spaces of devices.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <nyx/reason.h>

#include "cmd.h"
#include "err.h"
#include "limit.h"
#include "lookup.h"
#include "parse.h"
#include "wait.h"

enum {
	COL_ID, COL_DID, COL_NAME, COL_KIND, COL_ISOLATION, COL_FORMAT, COL_WIDTH, COL_PAGES,
	COL_BATCHED, COL_ORACLE, COL_DEVICES, COL_MAPPED, COL_TABLES, COL_FAULTS,
};

static const struct out_col domain_cols[] = {
	[COL_ID] = { "id", OUT_COUNT },
	[COL_DID] = { "did", OUT_COUNT },
	[COL_NAME] = { "name", OUT_TEXT, .cut = true },
	[COL_KIND] = { "kind", OUT_TEXT },
	[COL_ISOLATION] = { "isolation", OUT_TEXT },
	[COL_FORMAT] = { "format", OUT_TEXT },
	[COL_WIDTH] = { "address_width", OUT_COUNT, true },
	[COL_PAGES] = { "page_sizes", OUT_LIST, true },
	[COL_BATCHED] = { "batched", OUT_BOOL, true },
	[COL_ORACLE] = { "oracle", OUT_BOOL, true },
	[COL_DEVICES] = { "devices", OUT_COUNT },
	[COL_MAPPED] = { "mapped_bytes", OUT_SIZE },
	[COL_TABLES] = { "table_bytes", OUT_SIZE, true },
	[COL_FAULTS] = { "fault_events", OUT_COUNT },
	{ 0 }
};

static const char *const kinds[] = { "paging", "identity", "blocked", NULL };
static const char *const page_formats[] = { "vtdss", "x86", "amdv1", NULL };

/* "4K,2M,1G" */
static void page_sizes_text(char *buf, size_t size, uint64_t mask)
{
	static const char suffixes[] = "KMGTPE";
	unsigned int shift;
	size_t len = 0;

	*buf = '\0';
	for (shift = 10; shift < 64 && len < size; shift++) {
		if (mask & (UINT64_C(1) << shift))
			len += (size_t)snprintf(buf + len, size - len, "%s%u%c", len ? "," : "",
						1u << shift % 10, suffixes[shift / 10 - 1]);
	}
}

static int put_domain(const struct nyx_domain_info *info, void *arg)
{
	char name[NYX_NAME_LEN + 1] = "", sizes[256];
	struct out *out = arg;

	memcpy(name, info->name, NYX_NAME_LEN);
	lookup_put_domain(out, COL_ID, info);
	if (*name)
		out_text(out, COL_NAME, name);
	out_text(out, COL_KIND, nyx_domain_kind_name(info->kind));
	out_text(out, COL_ISOLATION, info->flags & NYX_DOMAIN_F_SHARED ? "shared" : "strict");
	if (info->kind == NYX_DOMAIN_PAGING) {
		out_text(out, COL_FORMAT, nyx_format_name(info->format));
		out_u64(out, COL_WIDTH, info->address_width);
		page_sizes_text(sizes, sizeof(sizes), info->page_sizes);
		out_text(out, COL_PAGES, sizes);
	}
	out_u64(out, COL_BATCHED, !!(info->flags & NYX_DOMAIN_F_BATCHED));
	out_u64(out, COL_ORACLE, !!(info->flags & NYX_DOMAIN_F_ORACLE));
	out_u64(out, COL_DEVICES, info->nr_devices);
	out_u64(out, COL_MAPPED, info->mapped_bytes);
	out_u64(out, COL_TABLES, info->table_bytes);
	out_u64(out, COL_FAULTS, info->fault_events);
	out_row(out);
	return 0;
}

static int create_opts(const struct cli *cli, struct nyx_domain_create_opts *opts)
{
	const char *kind = cli_opt(cli, "kind"), *format = cli_opt(cli, "format");
	const char *width = cli_opt(cli, "address-width"), *sizes = cli_opt(cli, "page-sizes");
	const char *id = cli_opt(cli, "id");
	nyx_device_t device;
	int rc = EXIT_OK;

	opts->name = cli->args[0];
	opts->flags = (cli_opt(cli, "shared") ? NYX_DOMAIN_F_SHARED : 0) |
		      (cli_opt(cli, "batched") ? NYX_DOMAIN_F_BATCHED : 0) |
		      (cli_opt(cli, "oracle") ? NYX_DOMAIN_F_ORACLE : 0);
	if (opts->name)
		rc = parse_name("the name", opts->name, "._:-/");
	if (!rc && opts->name && !nyx_sbdf_parse(opts->name, &device))
		rc = err_usage("the name '%s' would be taken for the domain of a device; use another",
			       opts->name);
	if (!rc && kind)
		rc = parse_choice("--kind", kind, kinds, &opts->kind);
	if (!rc && opts->kind != NYX_DOMAIN_PAGING &&
	    (format || width || sizes || cli_opt(cli, "oracle")))
		return err_usage("--format, --address-width, --page-sizes and --oracle need --kind paging");
	if (!rc && format)
		rc = parse_choice("--format", format, page_formats, &opts->format);
	if (!rc && width)
		rc = parse_u32("--address-width", width, &opts->address_width);
	if (!rc && sizes)
		rc = parse_page_sizes("--page-sizes", sizes, &opts->page_sizes);
	if (!rc && id)
		rc = parse_u32("--id", id, &opts->domain_id);
	if (!rc && id && (!opts->domain_id || opts->domain_id > 65535))
		rc = err_usage("--id must be 1 to 65535");
	return rc;
}

static int run_create(struct cli *cli)
{
	struct nyx_domain_create_opts opts = { .size = sizeof(opts) };
	struct nyx_domain_info info;
	struct out *out;
	nyx_domain_t id;
	int rc, ret;

	rc = create_opts(cli, &opts);
	if (!rc)
		rc = cli_open_unit(cli);
	if (rc)
		return rc;
	ret = nyx_domain_create(cli->unit, &opts, &id);
	/* Every module knows the other flags that nyxctl sets. */
	if (ret && nyx_last_reason(ret) == NYX_REASON_FLAG &&
	    (opts.flags & NYX_DOMAIN_F_ORACLE))
		return err_say(ret, "cannot create the domain: the module is built without CONFIG_NYX_ORACLE, which is for tests");
	if (ret)
		return err_explain(ret, "cannot create the domain");
	ret = nyx_domain_get(cli->unit, id, &info, sizeof(info));
	if (ret)
		return err_explain(ret, "cannot show domain %u", id.id);
	out = out_result(&cli->out, "domain", domain_cols, "domain %s created",
			 lookup_domain_text(&info));
	put_domain(&info, out);
	return out_end(out);
}

static int run_destroy(struct cli *cli)
{
	struct nyx_domain_info info;
	struct out *out;
	int rc, ret;

	rc = lookup_domain(cli, cli->args[0], &info);
	if (rc)
		return rc;
	wait_begin(cli, WAIT_REPEAT, "in-flight accesses in domain %s", lookup_domain_text(&info));
	ret = nyx_domain_destroy(cli->unit, (nyx_domain_t){ info.domain_id });
	wait_end();
	if (ret)
		return err_explain(ret, "cannot destroy domain %s", lookup_domain_text(&info));
	out = out_result(&cli->out, "domain", domain_cols, "domain %s destroyed",
			 lookup_domain_text(&info));
	put_domain(&info, out);
	return out_end(out);
}

static int run_list(struct cli *cli)
{
	struct out *out;
	int rc, ret;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	out = out_list(&cli->out, "domains", domain_cols);
	ret = nyx_domain_foreach(cli->unit, put_domain, out);
	if (ret)
		return out_cancel(out, err_explain(ret, "cannot list domains"));
	return out_end(out);
}

static int run_show(struct cli *cli)
{
	struct nyx_domain_info info;
	struct out *out;
	int rc;

	rc = lookup_domain(cli, cli->args[0], &info);
	if (rc)
		return rc;
	out = out_record(&cli->out, "domain", domain_cols);
	put_domain(&info, out);
	return out_end(out);
}

static int run_limit(struct cli *cli)
{
	struct nyx_domain_info info;
	int rc;

	rc = limit_check(cli);
	if (!rc)
		rc = lookup_domain(cli, cli->args[0], &info);
	return rc ? rc : limit_run(cli, NYX_SCOPE_DOMAIN, info.domain_id);
}

const struct cmd_verb cmd_domain_verbs[] = {
	{
		.name = "create",
		.help = "Create a domain, STRICT (for one device) unless --shared",
		.args = { { "NAME", WORD_ANY, true, NULL, "its name (default: none, only an id)" } },
		.opts = {
			{ "shared", 0, NULL, WORD_ANY, NULL, "let many devices attach to it" },
			{ "kind", 0, "KIND", WORD_CHOICE, kinds, "paging, identity or blocked (default: paging)" },
			{ "batched", 0, NULL, WORD_ANY, NULL,
			  "unmap does not invalidate; see nyxctl-iotlb(1)" },
			{ "format", 0, "FORMAT", WORD_CHOICE, page_formats,
			  "page table: vtdss, x86 or amdv1 (default: vtdss)" },
			{ "address-width", 0, "BITS", WORD_ANY, NULL, "bits of an IOVA (default: the widest)" },
			{ "page-sizes", 0, "LIST", WORD_ANY, NULL, "page sizes to use, like 4K,2M (default: all)" },
			{ "oracle", 0, NULL, WORD_ANY, NULL,
			  "compare walks of several page tables, to find bugs of the module" },
			{ "id", 0, "ID", WORD_ANY, NULL, "the wanted id, 1 to 65535 (default: a free one)" },
		},
		.cols = domain_cols,
		.run = run_create,
		.example = "domain create net --shared --page-sizes 4K,2M -u vm1",
	},
	{
		.name = "destroy",
		.help = "Destroy a domain that has no devices, with its mappings",
		.args = { DOMAIN_ARG },
		.opts = { WAIT_OPT },
		.cols = domain_cols,
		.run = run_destroy,
		.example = "domain destroy net -u vm1",
	},
	{
		.name = "list",
		.help = "List the domains of the unit",
		.cols = domain_cols,
		.run = run_list,
		.example = "domain list -u vm1 --json",
	},
	{
		.name = "show",
		.help = "Show a domain",
		.args = { DOMAIN_ARG },
		.cols = domain_cols,
		.run = run_show,
		.example = "domain show net -u vm1",
	},
	{
		.name = "limit",
		.help = "Show the limits of a domain, or change them",
		.args = { DOMAIN_ARG },
		.opts = { LIMIT_OPTS },
		.cols = limit_cols,
		.run = run_limit,
		.example = "domain limit net --bytes 1G -u vm1",
	},
	{ 0 }
};
