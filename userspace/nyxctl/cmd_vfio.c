// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl vfio: what stands in the way of passing a PCI device of this host to a guest.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cmd.h"
#include "err.h"
#include "lookup.h"
#include "parse.h"
#include "vfio_check.h"
#include "vfio_host.h"

enum { COL_CHECK, COL_SUBJECT, COL_STATUS, COL_FOUND, COL_ADVICE, COL_COMMANDS };

static const struct out_col check_cols[] = {
	[COL_CHECK] = { "check", OUT_TEXT },
	[COL_SUBJECT] = { "subject", OUT_TEXT },
	[COL_STATUS] = { "status", OUT_TEXT },
	[COL_FOUND] = { "found", OUT_TEXT },
	[COL_ADVICE] = { "advice", OUT_TEXT, .hidden = true },
	[COL_COMMANDS] = { "commands", OUT_NESTED, .hidden = true },
	{ 0 }
};

static const char *const status_names[] = {
	[VFIO_OK] = "ok",
	[VFIO_NOTE] = "note",
	[VFIO_UNKNOWN] = "unknown",
	[VFIO_BLOCKS] = "blocks",
};

/* @notes: for people, below the table */
struct report {
	struct out *out;
	FILE *notes;
	unsigned int nr[VFIO_BLOCKS + 1];
};

static void put_commands(struct out *out, const struct vfio_finding *f)
{
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; i < f->nr_commands; i++)
		json_object_array_add(list, json_object_new_string(f->commands[i]));
	out_text(out, COL_COMMANDS,
		 json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN |
						      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(list);
}

static void put_finding(const struct vfio_finding *f, void *arg)
{
	struct report *report = arg;
	unsigned int i;

	report->nr[f->status]++;
	out_text(report->out, COL_CHECK, f->check);
	if (*f->subject)
		out_text(report->out, COL_SUBJECT, f->subject);
	out_text(report->out, COL_STATUS, status_names[f->status]);
	out_text(report->out, COL_FOUND, f->found);
	if (*f->advice)
		out_text(report->out, COL_ADVICE, f->advice);
	put_commands(report->out, f);
	out_row(report->out);

	if (*f->advice)
		fprintf(report->notes, "\n%s%s%s: %s%s\n", f->check, *f->subject ? " " : "",
			f->subject, f->advice, f->nr_commands ? ":" : ".");
	for (i = 0; i < f->nr_commands; i++)
		fprintf(report->notes, "  %s\n", f->commands[i]);
}

static void print_notes(const struct cli *cli, const struct report *report, const char *notes)
{
	unsigned int blocks = report->nr[VFIO_BLOCKS];

	if (cli->out.format != OUT_TABLE || cli->out.columns || cli->quiet)
		return;
	fputs(notes, stdout);
	if (blocks)
		printf("\n%u thing%s in the way.\n", blocks, blocks == 1 ? " stands" : "s stand");
	else
		printf("\nNothing stands in the way%s.\n",
		       report->nr[VFIO_UNKNOWN] ? ", as far as the host tells" : "");
}

static int cannot_read(const char *root, const char *name, int err)
{
	switch (-err) {
	case ENOENT:
		return err_say(err, "this host has no PCI device %s; 'lspci -D' lists all", name);
	case ENOTDIR:
		return err_say(-ENOENT, "'%s' has no sys/bus/pci/devices; is sysfs mounted there?",
			       root);
	default:
		return err_explain(err, "cannot look at device %s", name);
	}
}

static int run_check(struct cli *cli)
{
	const char *memory_word = cli_opt(cli, "memory"), *root = cli_opt(cli, "root"), *name;
	struct report report = { 0 };
	struct vfio_host *host;
	uint64_t memory = 0;
	char *notes = NULL;
	uint32_t sbdf;
	size_t len;
	int rc, err;

	root = root ? root : "/";
	rc = parse_sbdf(cli->args[0], &sbdf);
	if (!rc && memory_word)
		rc = parse_u64("--memory", memory_word, &memory);
	if (!rc && memory_word && !memory)
		rc = err_usage("--memory must not be 0");
	if (rc)
		return rc;
	name = lookup_sbdf_text(sbdf);
	host = malloc(sizeof(*host));
	if (!host)
		return err_explain(-ENOMEM, "cannot look at device %s", name);
	err = vfio_host_read(root, name, host);
	if (err) {
		free(host);
		return cannot_read(root, name, err);
	}
	report.notes = open_memstream(&notes, &len);
	if (!report.notes) {
		free(host);
		return err_explain(-ENOMEM, "cannot print");
	}
	report.out = out_list(&cli->out, "checks", check_cols);
	vfio_check(host, memory, put_finding, &report);
	free(host);
	fclose(report.notes);
	rc = out_end(report.out);
	if (!rc)
		print_notes(cli, &report, notes);
	free(notes);
	if (rc)
		return rc;
	return report.nr[VFIO_BLOCKS] ? EXIT_REFUSED :
	       report.nr[VFIO_UNKNOWN] ? EXIT_PARTIAL : EXIT_OK;
}

const struct cmd_verb cmd_vfio_verbs[] = {
	{
		.name = "check",
		.help = "Tell what stands in the way of passing a PCI device of this host to a guest",
		.args = {
			{ "DEVICE", WORD_HOST_DEVICE, false, NULL,
			  "a PCI device of this host, like 0000:03:00.0" },
		},
		.opts = {
			{ "memory", 0, "SIZE", WORD_ANY, NULL,
			  "memory of the guest, which is locked (default: 256M, as of nyx-vmm)" },
			{ "root", 0, "FOLDER", WORD_FILE, NULL,
			  "look at sys, proc, dev and lib in this folder (default: /)" },
		},
		.cols = check_cols,
		.no_unit = true,
		.run = run_check,
		.example = "vfio check 0000:03:00.0 --memory 4G",
	},
	{ 0 }
};
