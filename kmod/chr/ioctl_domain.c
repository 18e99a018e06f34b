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
#include "core/domain.h"
#include "core/unit.h"

static_assert((int)PT_VTDSS == (int)NYX_FORMAT_VTDSS);
static_assert((int)PT_X86 == (int)NYX_FORMAT_X86);
static_assert((int)PT_AMDV1 == (int)NYX_FORMAT_AMDV1);

/* Widest IOVA of a format, and whether a width is one that it has. */
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

/* Shape of the table of a paging domain. */
static int parse_paging(const struct nyx_unit *unit,
			const struct nyx_domain_create *cmd,
			struct nyx_domain_config *cfg)
{
	u32 width = cmd->address_width;
	struct pt probe;

	if (cmd->format > NYX_FORMAT_AMDV1)
		return -EOPNOTSUPP;
	if (!width)
		width = min(unit->cfg.address_width,
			    format_max_width(cmd->format));
	else if (width > unit->cfg.address_width ||
		 !format_has_width(cmd->format, width))
		return -EINVAL;

	cfg->address_width = width;
	cfg->pt.format = cmd->format;
	/* Canonical addresses: no table maps the upper half. */
	cfg->pt.va_lg2 = cmd->format == NYX_FORMAT_X86 ? width - 1 : width;
	cfg->pt.levels = pt_format_levels(cmd->format, cfg->pt.va_lg2);

	cfg->pt.page_sizes = cmd->page_sizes;
	if (pt_init(&probe, &cfg->pt))
		return -EINVAL;
	/* All that was asked for, or nothing. */
	return cmd->page_sizes && cmd->page_sizes != probe.page_sizes ?
		-EINVAL : 0;
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
		return -EINVAL;
	ret = nyx_check_name(cmd->name, "._:-/");
	if (ret)
		return ret;
	strscpy(cfg.name, (const char *)cmd->name, sizeof(cfg.name));

	switch (cmd->kind) {
	case NYX_DOMAIN_PAGING:
		ret = parse_paging(uc->unit, cmd, &cfg);
		break;
	case NYX_DOMAIN_IDENTITY:
	case NYX_DOMAIN_BLOCKED:
		if (cmd->format || cmd->address_width || cmd->page_sizes ||
		    (cmd->flags & NYX_DOMAIN_F_ORACLE))
			ret = -EINVAL;
		break;
	default:
		ret = -EOPNOTSUPP;
	}
	return ret ?: nyx_domain_create(uc->unit, &cfg, &cmd->out_domain_id);
}

int nyx_ioctl_domain_destroy(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_domain_destroy *cmd = _cmd;

	return nyx_domain_destroy(uc->unit, cmd->domain_id);
}
