// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl target: devices and domains that change streams follow.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "cmd.h"
#include "err.h"
#include "lookup.h"

enum {
	COL_STREAM, COL_TARGET, COL_DEVICE, COL_DOMAIN, COL_STATE, COL_MAPS, COL_MAX, COL_BYTES,
	COL_WAITED, COL_INLINE
};

static const struct out_col target_cols[] = {
	[COL_STREAM] = { "stream", OUT_COUNT },
	[COL_TARGET] = { "target", OUT_COUNT },
	[COL_DEVICE] = { "device", OUT_TEXT },
	[COL_DOMAIN] = { "domain", OUT_COUNT },
	[COL_STATE] = { "state", OUT_TEXT },
	[COL_MAPS] = { "maps", OUT_COUNT },
	[COL_MAX] = { "max_maps", OUT_COUNT, true },
	[COL_BYTES] = { "mapped_bytes", OUT_SIZE },
	[COL_WAITED] = { "waited_ns", OUT_DURATION },
	[COL_INLINE] = { "inline", OUT_BOOL, true },
	{ 0 }
};

static int put_target(const struct nyx_target_info *info, void *arg)
{
	struct out *out = arg;

	out_u64(out, COL_STREAM, info->changes_id);
	out_u64(out, COL_TARGET, info->target);
	if (info->kind == NYX_CHANGES_DEVICE)
		out_text(out, COL_DEVICE, lookup_sbdf_text(info->id));
	if (info->kind == NYX_CHANGES_DOMAIN || info->domain_id)
		out_u64(out, COL_DOMAIN,
			info->kind == NYX_CHANGES_DOMAIN ? info->id : info->domain_id);
	out_text(out, COL_STATE, nyx_change_state_name(info->state));
	out_u64(out, COL_MAPS, info->nr_maps);
	out_u64(out, COL_MAX, info->max_maps);
	out_u64(out, COL_BYTES, info->bytes);
	/* No command waits for its reader. */
	if (info->behind_ns)
		out_u64(out, COL_WAITED, info->behind_ns);
	out_u64(out, COL_INLINE, !!(info->flags & NYX_TARGET_F_INLINE));
	out_row(out);
	return 0;
}

static int run_list(struct cli *cli)
{
	struct out *out;
	int rc, ret;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	out = out_list(&cli->out, "targets", target_cols);
	ret = nyx_target_foreach(cli->unit, put_target, out);
	if (ret)
		return out_cancel(out, err_explain(ret, "cannot list targets"));
	return out_end(out);
}

const struct cmd_verb cmd_target_verbs[] = {
	{
		.name = "list",
		.help = "List what programs mirror, such as devices of a host",
		.cols = target_cols,
		.run = run_list,
		.example = "target list -u vm1",
	},
	{ 0 }
};
