// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl stat: counters.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <stdio.h>

#include "cmd.h"
#include "err.h"
#include "lookup.h"
#include "parse.h"

enum { COL_SCOPE, COL_UNIT, COL_DOMAIN, COL_DID, COL_DEVICE, COL_HIT_RATE, COL_STAT };

/* Keys are those of nyx_stat_name(). */
static const struct out_col stat_cols[] = {
	[COL_SCOPE] = { "scope", OUT_TEXT },
	[COL_UNIT] = { "unit", OUT_TEXT },
	[COL_DOMAIN] = { "domain", OUT_COUNT },
	[COL_DID] = { "did", OUT_COUNT },
	[COL_DEVICE] = { "device", OUT_TEXT },
	[COL_HIT_RATE] = { "iotlb_hit_rate", OUT_RATIO },
	[COL_STAT + NYX_STAT_IOTLB_HITS] = { "iotlb_hits", OUT_COUNT },
	[COL_STAT + NYX_STAT_IOTLB_MISSES] = { "iotlb_misses", OUT_COUNT },
	[COL_STAT + NYX_STAT_WALKS] = { "walks", OUT_COUNT },
	[COL_STAT + NYX_STAT_FAULTS] = { "faults", OUT_COUNT },
	[COL_STAT + NYX_STAT_READ_BYTES] = { "read_bytes", OUT_SIZE },
	[COL_STAT + NYX_STAT_WRITE_BYTES] = { "write_bytes", OUT_SIZE },
	[COL_STAT + NYX_STAT_DMA_OPS] = { "dma_ops", OUT_COUNT },
	[COL_STAT + NYX_STAT_TRANSLATIONS] = { "translations", OUT_COUNT },
	[COL_STAT + NYX_STAT_MAPS] = { "maps", OUT_COUNT },
	[COL_STAT + NYX_STAT_UNMAPS] = { "unmaps", OUT_COUNT },
	[COL_STAT + NYX_STAT_MAPPED_BYTES] = { "mapped_bytes", OUT_SIZE },
	[COL_STAT + NYX_STAT_UNMAPPED_BYTES] = { "unmapped_bytes", OUT_SIZE },
	[COL_STAT + NYX_STAT_INVALIDATIONS] = { "invalidations", OUT_COUNT },
	[COL_STAT + NYX_STAT_FLUSHES] = { "flushes", OUT_COUNT },
	[COL_STAT + NYX_STAT_EVENTS_LOST] = { "events_lost", OUT_COUNT },
	[COL_STAT + NYX_STAT_IRQS] = { "irqs", OUT_COUNT },
	[COL_STAT + NYX_STAT_IRQS_POSTED] = { "irqs_posted", OUT_COUNT },
	[COL_STAT + NYX_STAT_IRQ_FAULTS] = { "irq_faults", OUT_COUNT },
	[COL_STAT + NYX_STAT_QUARANTINED_ACCESSES] = { "quarantined_accesses", OUT_COUNT },
	[COL_STAT + NYX_STAT_QUARANTINES] = { "quarantines", OUT_COUNT },
	[COL_STAT + NYX_STAT_PROBATIONS] = { "probations", OUT_COUNT },
	[COL_STAT + NYX_STAT_RECOVERIES] = { "recoveries", OUT_COUNT },
	[COL_STAT + NYX_STAT_THROTTLED] = { "throttled", OUT_COUNT },
	[COL_STAT + NYX_STAT_PAGE_REQUESTS] = { "page_requests", OUT_COUNT },
	[COL_STAT + NYX_STAT_ORACLE_CHECKS] = { "oracle_checks", OUT_COUNT },
	[COL_STAT + NYX_STAT_ORACLE_MISMATCHES] = { "oracle_mismatches", OUT_COUNT },
	[COL_STAT + NYX_STAT_MAX] = { 0 }
};

static int read_counters(struct cli *cli, uint32_t scope, uint32_t id, uint64_t *values)
{
	switch (scope) {
	case NYX_SCOPE_DOMAIN:
		return nyx_stat_get_domain(cli->unit, (nyx_domain_t){ id }, values, NYX_STAT_MAX,
					   NULL);
	case NYX_SCOPE_DEVICE:
		return nyx_stat_get_device(cli->unit, (nyx_device_t){ id }, values, NYX_STAT_MAX,
					   NULL);
	default:
		return nyx_stat_get_unit(cli->unit, values, NYX_STAT_MAX, NULL);
	}
}

/* In the order of enum nyx_scope. */
static const char *const scopes[] = { "unit", "domain", "device", NULL };

static int run_show(struct cli *cli)
{
	struct nyx_domain_info domain = { 0 };
	struct nyx_device_info device = { 0 };
	uint64_t values[NYX_STAT_MAX], lookups;
	uint32_t scope = NYX_SCOPE_UNIT, id = 0, i;
	struct out *out;
	int rc = EXIT_OK, ret;

	if (cli->args[0])
		rc = parse_choice("SCOPE", cli->args[0], scopes, &scope);
	if (!rc && !cli->args[1] != (scope == NYX_SCOPE_UNIT))
		rc = err_usage("stat show: write 'unit', 'domain DOMAIN' or 'device DEVICE'");
	if (rc)
		return rc;
	if (scope == NYX_SCOPE_DOMAIN) {
		rc = lookup_domain(cli, cli->args[1], &domain);
		id = domain.domain_id;
	} else if (scope == NYX_SCOPE_DEVICE) {
		rc = lookup_device(cli, cli->args[1], &device);
		id = device.sbdf;
	} else {
		rc = cli_open_unit(cli);
	}
	if (rc)
		return rc;
	ret = read_counters(cli, scope, id, values);
	if (ret)
		return err_explain(ret, "cannot read the counters");

	out = out_record(&cli->out, "stats", stat_cols);
	out_text(out, COL_SCOPE, scopes[scope]);
	out_text(out, COL_UNIT, cli->unit_name);
	if (scope == NYX_SCOPE_DOMAIN)
		lookup_put_domain(out, COL_DOMAIN, &domain);
	if (scope == NYX_SCOPE_DEVICE)
		out_text(out, COL_DEVICE, lookup_sbdf_text(id));
	lookups = values[NYX_STAT_IOTLB_HITS] + values[NYX_STAT_IOTLB_MISSES];
	if (lookups)
		out_ratio(out, COL_HIT_RATE,
			  (double)values[NYX_STAT_IOTLB_HITS] / (double)lookups);
	for (i = 0; i < NYX_STAT_MAX; i++)
		out_u64(out, COL_STAT + i, values[i]);
	out_row(out);
	return out_end(out);
}

const struct cmd_verb cmd_stat_verbs[] = {
	{
		.name = "show",
		.help = "Show the counters of the unit, of a domain or of a device",
		.args = {
			{ "SCOPE", WORD_CHOICE, true, scopes, "unit, domain or device (default: unit)" },
			{ "OBJECT", WORD_DOMAIN, true, NULL, "the domain, or the device" },
		},
		.cols = stat_cols,
		.run = run_show,
		.example = "stat show device 0000:03:00.0 -u vm1",
	},
	{ 0 }
};
