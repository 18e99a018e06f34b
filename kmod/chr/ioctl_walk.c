// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the command that looks at a table.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/build_bug.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "base/types.h"
#include "chr/ioctl.h"
#include "core/access/walk.h"
#include "core/unit.h"

static_assert((int)PT_STEP_SKIPPED == (int)NYX_WALK_SKIPPED);
static_assert((int)PT_STEP_UNREADABLE == (int)NYX_WALK_UNREADABLE);
static_assert((int)PT_STEP_EMPTY == (int)NYX_WALK_EMPTY);
static_assert((int)PT_STEP_TABLE == (int)NYX_WALK_TABLE);
static_assert((int)PT_STEP_LEAF == (int)NYX_WALK_PAGE);
static_assert(PT_TRACE_STEPS == NYX_WALK_STEPS);

static int parse_table(struct nyx_ucmd *uc, const struct nyx_walk *cmd,
		       struct nyx_walk_view *view)
{
	u64 sizes;
	u32 width;

	if (cmd->format > NYX_FORMAT_AMDV1)
		return NYX_BAD(uc, cmd, format, UNKNOWN_VALUE);
	if (cmd->sbdf)
		return NYX_BAD(uc, cmd, sbdf, UNUSED);
	if (cmd->root & NYX_PAGE_MASK)
		return NYX_BAD(uc, cmd, root, MISALIGNED);
	if (cmd->root > NYX_GPA_LAST)
		return NYX_ERR(GPA_WIDTH);
	view->cfg.format = cmd->format;
	view->cfg.page_sizes = cmd->page_sizes;
	view->root = cmd->root;

	/* Second-stage tables have 57 bits at most, and x86 ones one less in each half. */
	width = min(uc->unit->cfg.address_width,
		    cmd->format == NYX_FORMAT_AMDV1 ? 64u : 57u);
	if (cmd->format == NYX_FORMAT_X86)
		width--;
	view->cfg.levels = cmd->levels > U8_MAX ? U8_MAX :
			  cmd->levels ?: pt_format_levels(cmd->format, width);
	sizes = pt_format_page_sizes(cmd->format, view->cfg.levels);
	if (!sizes)
		return NYX_BAD(uc, cmd, levels, OUT_OF_RANGE);
	if ((cmd->page_sizes & ~sizes) ||
	    (cmd->page_sizes && !(cmd->page_sizes & NYX_PAGE_SIZE)))
		return NYX_BAD(uc, cmd, page_sizes, PAGE_SIZES);
	return 0;
}

static void report_step(const struct pt_step *from, struct nyx_walk_step *to)
{
	*to = (struct nyx_walk_step) {
		.table = from->table,
		.entry = from->raw,
		.address = from->next,
		.bad = from->reserved,
		.index = from->index,
		.level = from->level,
		.next_level = from->next_level,
		.kind = from->kind,
		.prot = from->perm & NYX_ACC_RW,
		.page_size_lg2 = from->lg2,
	};
}

static void report(const struct nyx_walk_view *view, struct nyx_walk *cmd)
{
	unsigned int i;

	cmd->out_format = view->cfg.format;
	cmd->out_levels = view->cfg.levels;
	cmd->out_root = view->root;
	cmd->out_gpa = view->fault.gpa;
	cmd->out_prot = view->perm & NYX_ACC_RW;
	cmd->out_page_size_lg2 = view->lg2;
	cmd->out_nr_steps = view->trace.nr;
	memset(cmd->out_steps, 0, sizeof(cmd->out_steps));
	for (i = 0; i < view->trace.nr; i++)
		report_step(&view->trace.step[i], &cmd->out_steps[i]);
	nyx_fault_answer(&view->fault, &cmd->out_fault);
}

/* The context of a device names its table: refuse fields that describe one. */
static int check_device(struct nyx_ucmd *uc, const struct nyx_walk *cmd)
{
	if (cmd->format)
		return NYX_BAD(uc, cmd, format, UNUSED);
	if (cmd->levels)
		return NYX_BAD(uc, cmd, levels, UNUSED);
	if (cmd->root)
		return NYX_BAD(uc, cmd, root, UNUSED);
	if (cmd->page_sizes)
		return NYX_BAD(uc, cmd, page_sizes, UNUSED);
	return 0;
}

int nyx_ioctl_walk(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_walk_view view = {};
	struct nyx_walk *cmd = _cmd;
	int ret;

	if (cmd->pasid != NYX_PASID_NONE)
		return NYX_BAD(uc, cmd, pasid, PASID);
	if (cmd->access & ~NYX_ACC_RW)
		return NYX_BAD(uc, cmd, access, UNKNOWN_VALUE);
	if (cmd->flags & NYX_WALK_F_DEVICE) {
		ret = check_device(uc, cmd) ?:
		      nyx_walk_device(uc->unit, cmd->sbdf, cmd->pasid, cmd->iova,
				      cmd->access, &view);
	} else {
		ret = parse_table(uc, cmd, &view) ?:
		      nyx_walk_table(uc->unit, cmd->iova, cmd->access, &view);
	}
	if (!ret)
		report(&view, cmd);
	return nyx_access_err(ret);
}
