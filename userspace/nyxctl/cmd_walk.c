// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl walk: page tables, level by level.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The module decodes the entries. Here their bits get the names that the specifications
 * give them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "err.h"
#include "lookup.h"
#include "parse.h"

enum {
	COL_LEVEL, COL_TABLE, COL_INDEX, COL_ENTRY, COL_KIND, COL_PROT, COL_ADDRESS, COL_PAGE,
	COL_NEXT, COL_BITS, COL_BAD, COL_FAULT,
};

static const struct out_col walk_cols[] = {
	[COL_LEVEL] = { "level", OUT_COUNT },
	[COL_TABLE] = { "table", OUT_ADDR },
	[COL_INDEX] = { "index", OUT_COUNT },
	[COL_ENTRY] = { "entry", OUT_ADDR },
	[COL_KIND] = { "kind", OUT_TEXT },
	[COL_PROT] = { "prot", OUT_TEXT },
	[COL_ADDRESS] = { "address", OUT_ADDR },
	[COL_PAGE] = { "page_bytes", OUT_SIZE },
	[COL_NEXT] = { "next_level", OUT_COUNT, true },
	[COL_BITS] = { "bits", OUT_LIST, .cut = true },
	[COL_BAD] = { "bad_bits", OUT_LIST, .cut = true },
	[COL_FAULT] = { "fault", OUT_TEXT, .cut = true },
	{ 0 }
};

static const char *const formats[] = { "vtdss", "x86", "amdv1", NULL };
static const char *const accesses[] = { "r", "w", "rw", NULL };

/* Names of bits, by format. The address is in the others. */
static const char *const bit_names[][64] = {
	[NYX_FORMAT_VTDSS] = {
		[0] = "R", [1] = "W", [2] = "X", [7] = "PS", [8] = "A", [9] = "D",
		[11] = "SNP", [62] = "TM",
	},
	[NYX_FORMAT_X86] = {
		[0] = "P", [1] = "RW", [2] = "US", [3] = "PWT", [4] = "PCD", [5] = "A",
		[6] = "D", [7] = "PS", [8] = "G", [63] = "XD",
	},
	[NYX_FORMAT_AMDV1] = {
		[0] = "PR", [5] = "A", [6] = "D", [59] = "U", [60] = "FC", [61] = "IR",
		[62] = "IW",
	},
};

#define AMDV1_NEXT_LEVEL	UINT64_C(0xe00)
#define BITS_TEXT_LEN		512

__attribute__((format(printf, 3, 4)))
static size_t add_word(char *buf, size_t len, const char *format, ...)
{
	va_list args;

	if (len)
		buf[len++] = ',';
	va_start(args, format);
	len += (size_t)vsnprintf(buf + len, BITS_TEXT_LEN - len, format, args);
	va_end(args);
	return len;
}

/* "R,W,PS"; with @all also those without a name, by number. */
static void bits_text(char *buf, uint32_t format, uint64_t entry, uint64_t bits, bool all)
{
	const char *name;
	unsigned int i;
	size_t len = 0;

	*buf = '\0';
	if (format >= sizeof(bit_names) / sizeof(bit_names[0]))
		return;
	for (i = 0; i < 64; i++) {
		name = bit_names[format][i];
		/* The level of the next table is a number. */
		if (format == NYX_FORMAT_AMDV1 && i == 9 && (bits & AMDV1_NEXT_LEVEL)) {
			len = add_word(buf, len, "NL=%" PRIu64, (entry & AMDV1_NEXT_LEVEL) >> 9);
			bits &= ~AMDV1_NEXT_LEVEL;
		}
		if (!(bits & UINT64_C(1) << i))
			continue;
		if (name)
			len = add_word(buf, len, "%s", name);
		else if (all)
			len = add_word(buf, len, "%u", i);
	}
}

static void put_step(struct out *out, uint32_t format, const struct nyx_walk_step *step)
{
	char text[BITS_TEXT_LEN];

	out_u64(out, COL_LEVEL, step->level);
	out_u64(out, COL_INDEX, step->index);
	out_text(out, COL_KIND, nyx_walk_kind_name(step->kind));
	if (step->kind != NYX_WALK_SKIPPED && step->table != NYX_GPA_UNKNOWN)
		out_u64(out, COL_TABLE, step->table);
	if (step->kind >= NYX_WALK_EMPTY)
		out_u64(out, COL_ENTRY, step->entry);
	if (step->kind >= NYX_WALK_TABLE) {
		out_text(out, COL_PROT, nyx_prot_name(step->prot));
		bits_text(text, format, step->entry, step->entry, false);
		out_text(out, COL_BITS, text);
	}
	if (step->bad) {
		bits_text(text, format, step->entry, step->bad, true);
		out_text(out, COL_BAD, text);
	} else if (step->kind >= NYX_WALK_TABLE) {
		if (step->address != NYX_GPA_UNKNOWN)
			out_u64(out, COL_ADDRESS, step->address);
		if (step->kind == NYX_WALK_PAGE)
			out_u64(out, COL_PAGE, UINT64_C(1) << step->page_size_lg2);
		else
			out_u64(out, COL_NEXT, step->next_level);
	}
	out_row(out);
}

/* The last row shows the result of the access. */
static void put_result(struct out *out, const struct nyx_walk *walk)
{
	const struct nyx_fault *fault = &walk->out_fault;

	out_text(out, COL_KIND, "result");
	if (walk->out_gpa != NYX_GPA_UNKNOWN)
		out_u64(out, COL_ADDRESS, walk->out_gpa);
	if (walk->out_prot)
		out_text(out, COL_PROT, nyx_prot_name(walk->out_prot));
	if (walk->out_page_size_lg2)
		out_u64(out, COL_PAGE, UINT64_C(1) << walk->out_page_size_lg2);
	if (fault->level != NYX_LEVEL_NONE)
		out_u64(out, COL_LEVEL, fault->level);
	if (fault->reason != NYX_FAULT_NONE)
		out_text(out, COL_FAULT, nyx_fault_reason_name(fault->reason));
	out_row(out);
}

/* The start of the walk: a table, or the table of a device's domain. */
static int parse_begin(struct cli *cli, struct nyx_walk *walk)
{
	const char *format = cli_opt(cli, "format"), *root = cli_opt(cli, "root");
	const char *levels = cli_opt(cli, "levels"), *sizes = cli_opt(cli, "page-sizes");
	const char *device = cli_opt(cli, "device");
	uint64_t value;
	int rc = EXIT_OK;

	if (device) {
		if (format || root || levels || sizes)
			return err_usage("walk: --format, --root, --levels and --page-sizes cannot be combined with --device");
		walk->flags = NYX_WALK_F_DEVICE;
		return lookup_sbdf(cli, device, &walk->sbdf);
	}
	if (!format || !root)
		return err_usage("walk: use --format FORMAT --root GPA, or --device DEVICE");
	rc = parse_choice("--format", format, formats, &walk->format);
	if (!rc)
		rc = parse_page("--root", root, &value);
	walk->root = value;
	if (!rc && levels)
		rc = parse_u32("--levels", levels, &walk->levels);
	if (!rc && levels && (!walk->levels || walk->levels > NYX_WALK_STEPS))
		rc = err_usage("--levels must be 1 to %u", NYX_WALK_STEPS);
	if (!rc && sizes) {
		rc = parse_page_sizes("--page-sizes", sizes, &value);
		walk->page_sizes = value;
	}
	return rc ? rc : cli_open_unit(cli);
}

static int run_walk(struct cli *cli)
{
	struct nyx_walk walk = NYX_WALK_INIT;
	const char *iova = cli_opt(cli, "iova"), *access = cli_opt(cli, "access");
	uint64_t value;
	struct out *out;
	uint32_t i;
	int rc = EXIT_OK, ret;

	walk.access = NYX_PROT_READ;
	if (iova) {
		rc = parse_u64("--iova", iova, &value);
		walk.iova = value;
	}
	if (!rc && access)
		rc = parse_prot("--access", access, &walk.access);
	if (!rc)
		rc = parse_begin(cli, &walk);
	if (rc)
		return rc;
	ret = nyx_walk_get(cli->unit, &walk);
	if (ret)
		return err_explain(ret, "cannot walk");

	out = out_list(&cli->out, "steps", walk_cols);
	for (i = 0; i < walk.out_nr_steps && i < NYX_WALK_STEPS; i++)
		put_step(out, walk.out_format, &walk.out_steps[i]);
	put_result(out, &walk);
	rc = out_end(out);
	if (walk.out_fault.reason == NYX_FAULT_NONE) {
		if (!walk.out_levels && !cli->quiet)
			err_note("device %s: addresses are not translated",
				 lookup_sbdf_text(walk.sbdf));
		return rc;
	}
	err_note("IOVA 0x%" PRIx64 " would be refused: %s", (uint64_t)walk.iova,
		 nyx_fault_reason_text(walk.out_fault.reason));
	return rc ? rc : EXIT_REFUSED;
}

const struct cmd_verb cmd_walk_verbs[] = {
	{
		.name = "",
		.help = "Show the steps of a walk of a page table",
		.opts = {
			{ "format", 0, "FORMAT", WORD_CHOICE, formats, "vtdss, x86 or amdv1" },
			{ "root", 0, "GPA", WORD_ANY, NULL, "guest-physical address of the top table" },
			{ "levels", 0, "N", WORD_ANY, NULL,
			  "depth of the table (default: by the unit's address width)" },
			{ "page-sizes", 0, "LIST", WORD_ANY, NULL,
			  "page sizes that the domain may use, like 4K,2M (default: all)" },
			{ "device", 0, "DEVICE", WORD_DEVICE, NULL,
			  "walk the table of this device instead" },
			{ "iova", 0, "IOVA", WORD_ANY, NULL, "the address to translate (default: 0)" },
			{ "access", 0, "PROT", WORD_CHOICE, accesses, "r, w or rw (default: r)" },
		},
		.cols = walk_cols,
		.run = run_walk,
		.example = "walk --format vtdss --root 0x10000 --iova 0x7f001000 -u vm1",
	},
	{ 0 }
};
