// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: limits of domains and devices.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Options change what they name; the other limits stay as they are.
 */
#include "limit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "err.h"
#include "lookup.h"
#include "parse.h"

#define BURST_DEFAULT_MS	10u
#define BURST_MAX_MS		10000u

enum { COL_DOMAIN, COL_DID, COL_DEVICE, COL_BYTES, COL_OPS, COL_IRQS, COL_BURST };

const struct out_col limit_cols[] = {
	[COL_DOMAIN] = { "domain", OUT_COUNT },
	[COL_DID] = { "did", OUT_COUNT },
	[COL_DEVICE] = { "device", OUT_TEXT },
	[COL_BYTES] = { "bytes_per_s", OUT_SIZE },
	[COL_OPS] = { "ops_per_s", OUT_COUNT },
	[COL_IRQS] = { "irqs_per_s", OUT_COUNT },
	[COL_BURST] = { "burst_ms", OUT_MILLIS },
	{ 0 }
};

static int rate_opt(const struct cli *cli, const char *name, __u64 *rate, bool *given)
{
	const char *word = cli_opt(cli, name);
	char what[16];
	uint64_t v;
	int rc;

	if (!word)
		return EXIT_OK;
	*given = true;
	snprintf(what, sizeof(what), "--%s", name);
	rc = parse_u64(what, word, &v);
	if (rc)
		return rc;
	if (v > NYX_LIMIT_MAX)
		return err_usage("%s '%s' is too large; at most %" PRIu64, what, word,
				 (uint64_t)NYX_LIMIT_MAX);
	*rate = v;
	return EXIT_OK;
}

/* Change @l as the options say. *given: whether there is any option. */
static int apply(const struct cli *cli, struct nyx_limits *l, bool *given)
{
	const char *burst = cli_opt(cli, "burst");
	uint64_t ms;
	int rc;

	*given = false;
	rc = rate_opt(cli, "bytes", &l->bytes_per_s, given);
	if (!rc)
		rc = rate_opt(cli, "ops", &l->ops_per_s, given);
	if (!rc)
		rc = rate_opt(cli, "irqs", &l->irqs_per_s, given);
	if (!rc && burst) {
		*given = true;
		rc = parse_time("--burst", burst, &ms);
		if (!rc && (!ms || ms > BURST_MAX_MS))
			rc = err_usage("--burst must be 1ms to 10s");
		if (!rc)
			l->burst_ms = (uint32_t)ms;
	}
	return rc;
}

int limit_check(struct cli *cli)
{
	struct nyx_limits scratch = { .burst_ms = 0 };
	bool given;
	int rc;

	rc = apply(cli, &scratch, &given);
	if (!rc && given && cli_opt(cli, "none"))
		rc = err_usage("--none cannot be combined with another option");
	return rc;
}

static const char *whose(const struct cli *cli, uint32_t scope, uint32_t id)
{
	static char text[NYX_NAME_LEN + 32];
	struct nyx_domain_info info;

	if (scope == NYX_SCOPE_DOMAIN &&
	    !nyx_domain_get(cli->unit, (nyx_domain_t){ id }, &info, sizeof(info)))
		snprintf(text, sizeof(text), "domain %s", lookup_domain_text(&info));
	else if (scope == NYX_SCOPE_DOMAIN)
		snprintf(text, sizeof(text), "domain %u", id);
	else
		snprintf(text, sizeof(text), "device %s", lookup_sbdf_text(id));
	return text;
}

/* Do not call whose() here: it queries the module, which replaces the reason of the failure. */
static int failed(const char *what, uint32_t scope, uint32_t id, int err)
{
	if (scope == NYX_SCOPE_DOMAIN)
		return err_explain(err, "cannot %s the limits of domain %u", what, id);
	return err_explain(err, "cannot %s the limits of device %s", what, lookup_sbdf_text(id));
}

static int limit_get(struct cli *cli, uint32_t scope, uint32_t id, struct nyx_limits *l)
{
	if (scope == NYX_SCOPE_DOMAIN)
		return nyx_limit_get_domain(cli->unit, (nyx_domain_t){ id }, l, sizeof(*l));
	return nyx_limit_get_device(cli->unit, (nyx_device_t){ id }, l, sizeof(*l));
}

static int limit_set(struct cli *cli, uint32_t scope, uint32_t id, const struct nyx_limits *l)
{
	if (scope == NYX_SCOPE_DOMAIN)
		return nyx_limit_set_domain(cli->unit, (nyx_domain_t){ id }, l, sizeof(*l));
	return nyx_limit_set_device(cli->unit, (nyx_device_t){ id }, l, sizeof(*l));
}

/* The limits as they are now. */
static int put(struct cli *cli, struct out *out, uint32_t scope, uint32_t id)
{
	struct nyx_domain_info domain;
	struct nyx_limits l;
	int ret;

	ret = limit_get(cli, scope, id, &l);
	if (ret)
		return out_cancel(out, failed("read", scope, id, ret));
	if (scope == NYX_SCOPE_DOMAIN &&
	    !nyx_domain_get(cli->unit, (nyx_domain_t){ id }, &domain, sizeof(domain)))
		lookup_put_domain(out, COL_DOMAIN, &domain);
	else if (scope == NYX_SCOPE_DOMAIN)
		out_u64(out, COL_DOMAIN, id);
	else
		out_text(out, COL_DEVICE, lookup_sbdf_text(id));
	if (l.bytes_per_s)
		out_u64(out, COL_BYTES, l.bytes_per_s);
	if (l.ops_per_s)
		out_u64(out, COL_OPS, l.ops_per_s);
	if (l.irqs_per_s)
		out_u64(out, COL_IRQS, l.irqs_per_s);
	if (l.bytes_per_s || l.ops_per_s || l.irqs_per_s)
		out_u64(out, COL_BURST, l.burst_ms ? l.burst_ms : BURST_DEFAULT_MS);
	out_row(out);
	return out_end(out);
}

int limit_run(struct cli *cli, uint32_t scope, uint32_t id)
{
	struct nyx_limits l;
	bool given;
	int rc, ret;

	if (cli_opt(cli, "none")) {
		ret = limit_set(cli, scope, id, NULL);
		if (ret)
			return failed("change", scope, id, ret);
		return put(cli, out_result(&cli->out, "limits", limit_cols, "%s has no limits",
					   whose(cli, scope, id)), scope, id);
	}
	ret = limit_get(cli, scope, id, &l);
	if (ret)
		return failed("read", scope, id, ret);
	rc = apply(cli, &l, &given);
	if (rc)
		return rc;
	if (!given)
		return put(cli, out_record(&cli->out, "limits", limit_cols), scope, id);
	ret = limit_set(cli, scope, id, &l);
	if (ret)
		return failed("change", scope, id, ret);
	return put(cli, out_result(&cli->out, "limits", limit_cols, "limits of %s set",
				   whose(cli, scope, id)), scope, id);
}
