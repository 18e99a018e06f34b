// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl module: what the kernel module is and can do.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "err.h"

enum {
	COL_VERSION, COL_API, COL_MODELS, COL_FORMATS, COL_UNITS, COL_MAX_UNITS,
};

static const struct out_col info_cols[] = {
	[COL_VERSION] = { "version", OUT_TEXT },
	[COL_API] = { "api_version", OUT_COUNT },
	[COL_MODELS] = { "models", OUT_LIST },
	[COL_FORMATS] = { "formats", OUT_LIST },
	[COL_UNITS] = { "units", OUT_COUNT },
	[COL_MAX_UNITS] = { "max_units", OUT_COUNT },
	{ 0 }
};

/* The names of the bits of a mask, separated by commas. */
static void names_of(char *buf, size_t size, uint32_t mask, const char *(*name_of)(uint32_t))
{
	size_t len = 0;
	const char *name;
	uint32_t i;

	*buf = '\0';
	for (i = 0; i < 32; i++) {
		name = mask & (1u << i) ? name_of(i) : NULL;
		if (name && len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "," : "",
						name);
	}
}

static int get_info(struct cli *cli, struct nyx_module_info *info)
{
	int rc, ret;

	rc = cli_open_ctx(cli);
	if (rc)
		return rc;
	ret = nyx_module_get(cli->ctx, info);
	return ret ? err_explain(ret, "cannot query the module") : EXIT_OK;
}

static int run_info(struct cli *cli)
{
	struct nyx_module_info info = NYX_MODULE_INFO_INIT;
	char text[128];
	struct out *out;
	int rc;

	rc = get_info(cli, &info);
	if (rc)
		return rc;
	out = out_record(&cli->out, "module", info_cols);
	snprintf(text, sizeof(text), "%.*s", NYX_NAME_LEN, (const char *)info.out_version);
	out_text(out, COL_VERSION, text);
	out_u64(out, COL_API, info.out_api_version);
	names_of(text, sizeof(text), info.out_models, nyx_model_name);
	out_text(out, COL_MODELS, text);
	names_of(text, sizeof(text), info.out_formats, nyx_format_name);
	out_text(out, COL_FORMATS, text);
	out_u64(out, COL_UNITS, info.out_nr_units);
	out_u64(out, COL_MAX_UNITS, info.out_max_units);
	out_row(out);
	return out_end(out);
}

enum { COL_NYXCTL, COL_LIBNYX, COL_HEADER, COL_MODULE, COL_MODULE_API };

static const struct out_col version_cols[] = {
	[COL_NYXCTL] = { "nyxctl", OUT_TEXT },
	[COL_LIBNYX] = { "libnyx", OUT_TEXT },
	[COL_HEADER] = { "api_version", OUT_COUNT },
	[COL_MODULE] = { "module", OUT_TEXT },
	[COL_MODULE_API] = { "module_api_version", OUT_COUNT },
	{ 0 }
};

/* Works without the module, too: then the releases of nyxctl and the library help. */
static int run_version(struct cli *cli)
{
	struct nyx_module_info info = NYX_MODULE_INFO_INIT;
	char text[NYX_NAME_LEN + 1];
	struct nyx_ctx *ctx;
	struct out *out;

	out = out_record(&cli->out, "versions", version_cols);
	out_text(out, COL_NYXCTL, NYXCTL_VERSION);
	out_text(out, COL_LIBNYX, nyx_library_version());
	out_u64(out, COL_HEADER, NYX_API_VERSION);
	if (!nyx_ctx_open(cli->node, &ctx)) {
		if (!nyx_module_get(ctx, &info)) {
			snprintf(text, sizeof(text), "%.*s", NYX_NAME_LEN,
				 (const char *)info.out_version);
			out_text(out, COL_MODULE, text);
			out_u64(out, COL_MODULE_API, info.out_api_version);
		}
		nyx_ctx_unref(ctx);
	}
	out_row(out);
	return out_end(out);
}

const struct cmd_verb cmd_module_verbs[] = {
	{
		.name = "info",
		.help = "Show what the loaded module can do",
		.cols = info_cols,
		.no_unit = true,
		.run = run_info,
		.example = "module info --json",
	},
	{
		.name = "version",
		.help = "Show the releases of nyxctl, the library and, if loaded, the module",
		.cols = version_cols,
		.no_unit = true,
		.run = run_version,
		.example = "module version",
	},
	{ 0 }
};

/* 'nyxctl version' is 'nyxctl module version'. */
const struct cmd_verb cmd_version_verbs[] = {
	{
		.name = "",
		.help = "Show the releases of nyxctl, the library and, if loaded, the module",
		.cols = version_cols,
		.no_unit = true,
		.run = run_version,
		.example = "version",
	},
	{ 0 }
};
