// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl mmio: registers of a unit with a vendor model.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * To look at what the driver of a running guest has set up, and to play the driver
 * where there is no guest.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "err.h"
#include "parse.h"
#include "wait.h"

enum { COL_OFFSET, COL_WIDTH, COL_VALUE };

static const struct out_col register_cols[] = {
	[COL_OFFSET] = { "offset", OUT_ADDR },
	[COL_WIDTH] = { "width_bytes", OUT_COUNT },
	[COL_VALUE] = { "value", OUT_ADDR },
	{ 0 }
};

static const char *const widths[] = { "4", "8", NULL };

/* Parse the arguments that name a register, and open the unit. */
static int open_register(struct cli *cli, uint32_t *offset, uint32_t *width)
{
	const char *word = cli_opt(cli, "width");
	uint32_t choice = 0;
	int rc;

	rc = parse_u32("OFFSET", cli->args[0], offset);
	if (!rc && word)
		rc = parse_choice("--width", word, widths, &choice);
	if (rc)
		return rc;
	*width = choice ? 8 : 4;
	if (*offset % *width)
		return err_usage("OFFSET '%s' is not the offset of a register of %u bytes: it must be a multiple of %u",
				 cli->args[0], *width, *width);
	return cli_open_unit(cli);
}

static int finish(struct cli *cli, int err, struct out *out, uint32_t offset, uint32_t width,
		  uint64_t value)
{
	if (err)
		return out_cancel(out, err_explain(err, "cannot access the registers of unit '%s'",
						   cli->unit_name));
	out_u64(out, COL_OFFSET, offset);
	out_u64(out, COL_WIDTH, width);
	out_u64(out, COL_VALUE, value);
	out_row(out);
	return out_end(out);
}

static int run_read(struct cli *cli)
{
	uint32_t offset, width;
	uint64_t value = 0;
	int rc, ret;

	rc = open_register(cli, &offset, &width);
	if (rc)
		return rc;
	ret = nyx_mmio_read(cli->unit, offset, width, &value);
	return finish(cli, ret, out_record(&cli->out, "register", register_cols), offset, width,
		      value);
}

static int run_write(struct cli *cli)
{
	uint32_t offset, width;
	uint64_t value;
	int rc, ret;

	rc = parse_u64("VALUE", cli->args[1], &value);
	if (!rc)
		rc = open_register(cli, &offset, &width);
	if (rc)
		return rc;
	if (width == 4 && value >> 32)
		return err_usage("VALUE '%s' has more than 4 bytes; use --width 8", cli->args[1]);
	wait_begin(cli, "the next write goes on with it", "what follows the write, like the guest's invalidations");
	ret = nyx_mmio_write(cli->unit, offset, width, value);
	wait_end();
	return finish(cli, ret, out_result(&cli->out, "register", register_cols,
					   "0x%" PRIx64 " written at 0x%" PRIx32, value, offset),
		      offset, width, value);
}

enum { DU_REGISTER, DU_FIELD, DU_OFFSET, DU_WIDTH, DU_LOW, DU_HIGH, DU_VALUE };

static const struct out_col dump_cols[] = {
	[DU_REGISTER] = { "register", OUT_TEXT },
	[DU_FIELD] = { "field", OUT_TEXT },
	[DU_OFFSET] = { "offset", OUT_ADDR },
	[DU_WIDTH] = { "width_bytes", OUT_COUNT, .hidden = true },
	[DU_LOW] = { "low_bit", OUT_COUNT },
	[DU_HIGH] = { "high_bit", OUT_COUNT },
	[DU_VALUE] = { "value", OUT_ADDR },
	{ 0 }
};

struct dump {
	struct out *out;
	char name[NYX_REGISTER_NAME_MAX + 1];	/* of the register whose bit fields follow */
};

/* Names are the module's: a new model needs no line here. */
static int dump_register(const struct nyx_register_info *info, void *arg)
{
	struct dump *dump = arg;
	char field[NYX_REGISTER_NAME_MAX + 1];
	bool state = info->offset >= NYX_REGISTER_STATE;

	snprintf(field, sizeof(field), "%.*s", (int)sizeof(info->name), (const char *)info->name);
	if (state || !info->index)
		memcpy(dump->name, field, sizeof(field));
	out_text(dump->out, DU_REGISTER, dump->name);
	if (state && info->index)
		snprintf(field, sizeof(field), "%" PRIu32, (uint32_t)info->index);
	if (info->index)
		out_text(dump->out, DU_FIELD, field);
	/* Only registers can be read at their offset. */
	if (!state)
		out_u64(dump->out, DU_OFFSET, info->offset);
	out_u64(dump->out, DU_WIDTH, info->width);
	out_u64(dump->out, DU_LOW, info->low);
	out_u64(dump->out, DU_HIGH, info->high);
	out_u64(dump->out, DU_VALUE, info->value);
	out_row(dump->out);
	return 0;
}

static int run_dump(struct cli *cli)
{
	struct dump dump = { 0 };
	int rc, ret;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	dump.out = out_list(&cli->out, "registers", dump_cols);
	ret = nyx_register_foreach(cli->unit, 0, dump_register, &dump);
	if (ret)
		return out_cancel(dump.out, err_explain(ret, "cannot list the registers of unit '%s'",
							cli->unit_name));
	return out_end(dump.out);
}

#define OFFSET_ARG { "OFFSET", WORD_ANY, false, NULL, "of the register, in bytes" }
#define WIDTH_OPT { "width", 0, "BYTES", WORD_CHOICE, widths, "4 or 8 (default: 4)" }

const struct cmd_verb cmd_mmio_verbs[] = {
	{
		.name = "read",
		.help = "Read a register, as the guest would",
		.args = { OFFSET_ARG },
		.opts = { WIDTH_OPT },
		.cols = register_cols,
		.run = run_read,
		.example = "mmio read 0x1c -u vm1",
	},
	{
		.name = "write",
		.help = "Write a register, as the guest would, with all effects",
		.args = {
			OFFSET_ARG,
			{ "VALUE", WORD_ANY, false, NULL, "what to write" },
		},
		.opts = { WIDTH_OPT, WAIT_OPT },
		.cols = register_cols,
		.run = run_write,
		.example = "mmio write 0x20 0x11000 --width 8 -u vm1",
	},
	{
		.name = "dump",
		.help = "List all registers and their bit fields, by name, and change nothing",
		.cols = dump_cols,
		.run = run_dump,
		.example = "mmio dump -u vm1 --json",
	},
	{ 0 }
};
