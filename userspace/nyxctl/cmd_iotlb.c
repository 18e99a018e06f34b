// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl iotlb: the translation cache.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <inttypes.h>

#include "cmd.h"
#include "err.h"
#include "lookup.h"
#include "parse.h"
#include "wait.h"

enum { COL_SCOPE, COL_DOMAIN, COL_DID, COL_DEVICE, COL_IOVA, COL_LENGTH };

static const struct out_col result_cols[] = {
	[COL_SCOPE] = { "scope", OUT_TEXT },
	[COL_DOMAIN] = { "domain", OUT_COUNT },
	[COL_DID] = { "did", OUT_COUNT },
	[COL_DEVICE] = { "device", OUT_TEXT },
	[COL_IOVA] = { "iova", OUT_ADDR },
	[COL_LENGTH] = { "length_bytes", OUT_SIZE },
	{ 0 }
};

/* In the order of enum nyx_scope. */
static const char *const scopes[] = { "unit", "domain", "device", "range", NULL };
static const unsigned int nr_args[] = { 1, 2, 2, 4 };

static int finish(struct cli *cli, int err, struct out *out)
{
	if (err)
		return out_cancel(out, err_explain(err, "cannot invalidate in unit '%s'",
						   cli->unit_name));
	out_text(out, COL_SCOPE, cli->args[0]);
	out_row(out);
	return out_end(out);
}

static int invalidate_unit(struct cli *cli)
{
	int rc, ret;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	wait_begin(cli, WAIT_REPEAT, "in-flight accesses in unit '%s'",
		   cli->unit_name);
	ret = nyx_iotlb_invalidate_unit(cli->unit);
	wait_end();
	return finish(cli, ret, out_result(&cli->out, "invalidation", result_cols,
					   "unit %s invalidated", cli->unit_name));
}

static int invalidate_domain(struct cli *cli)
{
	struct nyx_domain_info domain;
	struct out *out;
	int rc, ret;

	rc = lookup_domain(cli, cli->args[1], &domain);
	if (rc)
		return rc;
	wait_begin(cli, WAIT_REPEAT, "in-flight accesses in domain %s",
		   lookup_domain_text(&domain));
	ret = nyx_iotlb_invalidate_domain(cli->unit, (nyx_domain_t){ domain.domain_id });
	wait_end();
	out = out_result(&cli->out, "invalidation", result_cols, "domain %s invalidated",
			 lookup_domain_text(&domain));
	lookup_put_domain(out, COL_DOMAIN, &domain);
	return finish(cli, ret, out);
}

static int invalidate_device(struct cli *cli)
{
	struct nyx_device_info device;
	struct out *out;
	int rc, ret;

	rc = lookup_device(cli, cli->args[1], &device);
	if (rc)
		return rc;
	wait_begin(cli, WAIT_REPEAT, "in-flight accesses in the domain of device %s",
		   lookup_sbdf_text(device.sbdf));
	ret = nyx_iotlb_invalidate_device(cli->unit, (nyx_device_t){ device.sbdf });
	wait_end();
	out = out_result(&cli->out, "invalidation", result_cols,
			 "domain of device %s invalidated", lookup_sbdf_text(device.sbdf));
	out_text(out, COL_DEVICE, lookup_sbdf_text(device.sbdf));
	return finish(cli, ret, out);
}

static int invalidate_range(struct cli *cli)
{
	struct nyx_domain_info domain;
	uint64_t iova, length;
	struct out *out;
	int rc, ret;

	rc = parse_page("IOVA", cli->args[2], &iova);
	if (!rc)
		rc = parse_length("LENGTH", cli->args[3], &length);
	if (!rc)
		rc = lookup_domain(cli, cli->args[1], &domain);
	if (rc)
		return rc;
	wait_begin(cli, WAIT_REPEAT, "in-flight accesses in domain %s",
		   lookup_domain_text(&domain));
	ret = nyx_iotlb_invalidate_range(cli->unit, (nyx_domain_t){ domain.domain_id }, iova,
					 length);
	wait_end();
	out = out_result(&cli->out, "invalidation", result_cols,
			 "IOVA 0x%" PRIx64 " + %s of domain %s invalidated", iova,
			 out_bytes(length), lookup_domain_text(&domain));
	lookup_put_domain(out, COL_DOMAIN, &domain);
	out_u64(out, COL_IOVA, iova);
	out_u64(out, COL_LENGTH, length);
	return finish(cli, ret, out);
}

static int run_invalidate(struct cli *cli)
{
	static int (*const run[])(struct cli *cli) = {
		[NYX_SCOPE_UNIT] = invalidate_unit,
		[NYX_SCOPE_DOMAIN] = invalidate_domain,
		[NYX_SCOPE_DEVICE] = invalidate_device,
		[NYX_SCOPE_RANGE] = invalidate_range,
	};
	unsigned int nr = 0;
	uint32_t scope;
	int rc;

	rc = parse_choice("SCOPE", cli->args[0], scopes, &scope);
	if (rc)
		return rc;
	while (nr < 4 && cli->args[nr])
		nr++;
	if (nr != nr_args[scope])
		return err_usage("iotlb invalidate: write 'unit', 'domain DOMAIN', 'device DEVICE' or 'range DOMAIN IOVA LENGTH'");
	return run[scope](cli);
}

const struct cmd_verb cmd_iotlb_verbs[] = {
	{
		.name = "invalidate",
		.help = "Drop cached translations and wait for accesses that use them",
		.args = {
			{ "SCOPE", WORD_CHOICE, false, scopes, "unit, domain, device or range" },
			{ "OBJECT", WORD_DOMAIN, true, NULL, "domain or range: the domain; device: the device" },
			{ "IOVA", WORD_ANY, true, NULL, "range: first IOVA, a multiple of 4096" },
			{ "LENGTH", WORD_ANY, true, NULL, "range: bytes, a multiple of 4096" },
		},
		.opts = { WAIT_OPT },
		.cols = result_cols,
		.run = run_invalidate,
		.example = "iotlb invalidate domain net -u vm1",
	},
	{ 0 }
};
