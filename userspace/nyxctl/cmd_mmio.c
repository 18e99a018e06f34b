// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl mmio: registers of a unit with a vendor model.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * To look at what the driver of a running guest has set up, and to play the driver
 * where there is no guest.
 */
#include <errno.h>
#include <inttypes.h>

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
		return err_usage("OFFSET '%s' is no register of %u bytes: it must be a multiple of %u",
				 cli->args[0], *width, *width);
	return cli_open_unit(cli);
}

static int finish(struct cli *cli, int err, struct out *out, uint32_t offset, uint32_t width,
		  uint64_t value)
{
	if (err == -EOPNOTSUPP)
		return out_cancel(out, err_say(err, "unit '%s' has no registers; only one made with --model has",
					       cli->unit_name));
	if (err == -EINVAL)
		return out_cancel(out, err_say(err, "the registers of unit '%s' end before 0x%" PRIx32,
					       cli->unit_name, offset));
	if (err)
		return out_cancel(out, err_explain(err, "cannot reach the registers of unit '%s'",
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
		return err_usage("VALUE '%s' has more than 4 bytes; take --width 8", cli->args[1]);
	wait_begin(cli, "the next write goes on with it", "what follows the write, like the guest's invalidations");
	ret = nyx_mmio_write(cli->unit, offset, width, value);
	wait_end();
	return finish(cli, ret, out_result(&cli->out, "register", register_cols,
					   "0x%" PRIx64 " written at 0x%" PRIx32, value, offset),
		      offset, width, value);
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
		.help = "Write a register, as the guest would, and do what follows from it",
		.args = {
			OFFSET_ARG,
			{ "VALUE", WORD_ANY, false, NULL, "what to write" },
		},
		.opts = { WIDTH_OPT, WAIT_OPT },
		.cols = register_cols,
		.run = run_write,
		.example = "mmio write 0x20 0x11000 --width 8 -u vm1",
	},
	{ 0 }
};
