// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands about domains.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/build_bug.h>
#include <linux/string.h>

#include "base/types.h"
#include "chr/ioctl.h"
#include "core/attach.h"
#include "core/space/domain.h"
#include "core/unit.h"

static_assert((int)PT_VTDSS == (int)NYX_FORMAT_VTDSS);
static_assert((int)PT_X86 == (int)NYX_FORMAT_X86);
static_assert((int)PT_AMDV1 == (int)NYX_FORMAT_AMDV1);

/* Widest IOVA of a format. */
static u32 format_max_width(u32 format)
{
	return format == NYX_FORMAT_AMDV1 ? 64 : 57;
}

static bool format_has_width(u32 format, u32 width)
{
	switch (format) {
	case NYX_FORMAT_VTDSS:
		return width == 39 || width == 48 || width == 57;
	case NYX_FORMAT_X86:
		return width == 48 || width == 57;
	default:
		return width >= 32 && width <= 64;
	}
}

/* Fill in the shape of the table of a paging domain. */
static int parse_paging(struct nyx_ucmd *uc, const struct nyx_domain_create *cmd,
			struct nyx_domain_config *cfg)
{
	u32 widest = uc->unit->cfg.address_width, width = cmd->address_width;
	struct pt probe;

	if (cmd->format > NYX_FORMAT_AMDV1)
		return NYX_BAD(uc, cmd, format, UNKNOWN_VALUE);
	if (!width)
		width = min(widest, format_max_width(cmd->format));
	else if (!format_has_width(cmd->format, width))
		return NYX_BAD(uc, cmd, address_width, FORMAT_WIDTH);
	else if (width > widest)
		return NYX_BAD(uc, cmd, address_width, UNIT_WIDTH);

	cfg->address_width = width;
	cfg->pt.format = cmd->format;
	/* Canonical addresses: no table maps the upper half. */
	cfg->pt.va_lg2 = cmd->format == NYX_FORMAT_X86 ? width - 1 : width;
	cfg->pt.levels = pt_format_levels(cmd->format, cfg->pt.va_lg2);

	cfg->pt.page_sizes = cmd->page_sizes;
	/* Refuse a set of page sizes of which pt_init() would drop some. */
	if (pt_init(&probe, &cfg->pt) ||
	    (cmd->page_sizes && cmd->page_sizes != probe.page_sizes))
		return NYX_BAD(uc, cmd, page_sizes, PAGE_SIZES);
	return 0;
}

/* A domain without a table has no shape. */
static int check_plain(struct nyx_ucmd *uc, const struct nyx_domain_create *cmd)
{
	if (cmd->format)
		return NYX_BAD(uc, cmd, format, UNUSED);
	if (cmd->address_width)
		return NYX_BAD(uc, cmd, address_width, UNUSED);
	if (cmd->page_sizes)
		return NYX_BAD(uc, cmd, page_sizes, UNUSED);
	if (cmd->flags & NYX_DOMAIN_F_ORACLE)
		return NYX_BAD(uc, cmd, flags, CONFLICT);
	return 0;
}

int nyx_ioctl_domain_create(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_domain_create *cmd = _cmd;
	struct nyx_domain_config cfg = {
		.id = cmd->domain_id,
		.flags = cmd->flags,
		.kind = cmd->kind,
	};
	int ret;

	if (cmd->domain_id > U16_MAX)
		return NYX_BAD(uc, cmd, domain_id, OUT_OF_RANGE);
	ret = nyx_check_name(cmd->name, "._:-/");
	if (ret)
		return ret;
	strscpy(cfg.name, (const char *)cmd->name, sizeof(cfg.name));

	switch (cmd->kind) {
	case NYX_DOMAIN_PAGING:
		ret = parse_paging(uc, cmd, &cfg);
		break;
	case NYX_DOMAIN_IDENTITY:
	case NYX_DOMAIN_BLOCKED:
		ret = check_plain(uc, cmd);
		break;
	default:
		ret = NYX_BAD(uc, cmd, kind, UNKNOWN_VALUE);
	}
	return ret ?: nyx_domain_create(uc->unit, &cfg, &cmd->out_domain_id);
}

int nyx_ioctl_domain_destroy(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_domain_destroy *cmd = _cmd;

	return nyx_domain_destroy(uc->unit, cmd->domain_id);
}
