// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl view: processes that translate by themselves.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <string.h>

#include "cmd.h"
#include "err.h"

enum {
	COL_ID, COL_PID, COL_NAME, COL_SLOTS, COL_HOLDS, COL_HITS, COL_WALKS, COL_MISSES, COL_CUT
};

static const struct out_col view_cols[] = {
	[COL_ID] = { "id", OUT_COUNT },
	[COL_PID] = { "pid", OUT_COUNT },
	[COL_NAME] = { "process", OUT_TEXT, .cut = true },
	[COL_SLOTS] = { "slots", OUT_COUNT, true },
	[COL_HOLDS] = { "holds", OUT_COUNT, true },
	[COL_HITS] = { "hits", OUT_COUNT },
	[COL_WALKS] = { "walks", OUT_COUNT },
	[COL_MISSES] = { "misses", OUT_COUNT },
	[COL_CUT] = { "cut_off", OUT_BOOL },
	{ 0 }
};

static int put_view(const struct nyx_view_info *info, void *arg)
{
	char name[sizeof(info->name) + 1] = "";
	struct out *out = arg;

	memcpy(name, info->name, sizeof(info->name));
	out_u64(out, COL_ID, info->view_id);
	/* Not in a process namespace of the caller's. */
	if (info->pid)
		out_u64(out, COL_PID, info->pid);
	out_text(out, COL_NAME, name);
	out_u64(out, COL_SLOTS, info->nr_slots);
	out_u64(out, COL_HOLDS, info->nr_holds);
	out_u64(out, COL_HITS, info->hits);
	out_u64(out, COL_WALKS, info->walks);
	out_u64(out, COL_MISSES, info->misses);
	out_u64(out, COL_CUT, !!(info->flags & NYX_VIEW_F_CUT));
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
	out = out_list(&cli->out, "views", view_cols);
	ret = nyx_view_foreach(cli->unit, put_view, out);
	if (ret)
		return out_cancel(out, err_explain(ret, "cannot list views"));
	return out_end(out);
}

const struct cmd_verb cmd_view_verbs[] = {
	{
		.name = "list",
		.help = "List the processes that translate by themselves",
		.cols = view_cols,
		.run = run_list,
		.example = "view list -u vm1",
	},
	{ 0 }
};
