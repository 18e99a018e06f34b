// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl device translate: where an access of a device would go.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "translate.h"

#include <errno.h>
#include <inttypes.h>

#include "err.h"
#include "lookup.h"
#include "parse.h"

enum { EXTENT_IOVA, EXTENT_LENGTH, EXTENT_GPA, EXTENT_BACKING, EXTENT_PROT, EXTENT_PAGE, EXTENT_FAULT, EXTENT_LEVEL };

const struct out_col translate_cols[] = {
	[EXTENT_IOVA] = { "iova", OUT_ADDR },
	[EXTENT_LENGTH] = { "length_bytes", OUT_SIZE },
	[EXTENT_GPA] = { "gpa", OUT_ADDR },
	[EXTENT_BACKING] = { "backing", OUT_ADDR },
	[EXTENT_PROT] = { "prot", OUT_TEXT },
	[EXTENT_PAGE] = { "page_bytes", OUT_SIZE },
	[EXTENT_FAULT] = { "fault", OUT_TEXT },
	[EXTENT_LEVEL] = { "fault_level", OUT_COUNT, true },
	{ 0 }
};

#define NR_RUNS	256u

/* One page of extents. */
static void put_extents(struct out *out, const struct nyx_translate *t, const struct nyx_extent *extents)
{
	uint32_t i;

	for (i = 0; i < t->out_nr_extents; i++) {
		out_u64(out, EXTENT_IOVA, extents[i].iova);
		out_u64(out, EXTENT_LENGTH, extents[i].length);
		out_u64(out, EXTENT_GPA, extents[i].gpa);
		out_u64(out, EXTENT_BACKING, extents[i].backing);
		out_text(out, EXTENT_PROT, nyx_prot_name(extents[i].prot));
		if (!i && t->out_page_size_lg2)
			out_u64(out, EXTENT_PAGE, UINT64_C(1) << t->out_page_size_lg2);
		out_row(out);
	}
}

/* The refused part comes last, so that the rows are the whole range. */
static void put_refused(struct out *out, const struct nyx_fault *fault, uint64_t length)
{
	out_u64(out, EXTENT_IOVA, fault->iova);
	out_u64(out, EXTENT_LENGTH, length);
	if (fault->gpa != NYX_GPA_UNKNOWN)
		out_u64(out, EXTENT_GPA, fault->gpa);
	out_text(out, EXTENT_FAULT, nyx_fault_reason_name(fault->reason));
	if (fault->level != NYX_LEVEL_NONE)
		out_u64(out, EXTENT_LEVEL, fault->level);
	out_row(out);
}

static int translate(struct cli *cli, struct out *out, struct nyx_translate *t)
{
	uint64_t begin = t->iova, length = t->length;
	struct nyx_extent extents[NR_RUNS];
	int rc, ret;

	t->extents = (uintptr_t)extents;
	t->nr_extents = NR_RUNS;
	do {
		ret = nyx_device_translate(cli->unit, t);
		if (ret)
			return out_cancel(out, err_explain(ret, "cannot translate IOVA 0x%" PRIx64,
							   (uint64_t)t->iova));
		put_extents(out, t, extents);
		t->iova += t->out_done;
		t->length -= t->out_done;
	} while (t->length && t->out_done && t->out_fault.reason == NYX_FAULT_NONE);
	if (t->out_fault.reason == NYX_FAULT_NONE)
		return out_end(out);

	put_refused(out, &t->out_fault, t->length);
	rc = out_end(out);
	err_note("device %s may not %s IOVA 0x%" PRIx64 ": %s", lookup_sbdf_text(t->sbdf),
		 t->access == NYX_PROT_READ ? "read" : t->access == NYX_PROT_WRITE ? "write" :
		 "read and write", (uint64_t)t->out_fault.iova,
		 nyx_fault_reason_text(t->out_fault.reason));
	if (rc)
		return rc;
	return t->length < length && t->iova != begin ? EXIT_PARTIAL : EXIT_REFUSED;
}

int translate_run(struct cli *cli)
{
	struct nyx_translate t = {
		.size = sizeof(t),
		.pasid = NYX_PASID_NONE,
		.access = NYX_PROT_READ,
	};
	uint64_t iova, length = 1;
	int rc;

	rc = parse_u64("IOVA", cli->args[1], &iova);
	if (!rc && cli->args[2])
		rc = parse_u64("LENGTH", cli->args[2], &length);
	if (!rc && !length)
		rc = err_usage("LENGTH must not be 0");
	if (!rc && cli_opt(cli, "access"))
		rc = parse_prot("--access", cli_opt(cli, "access"), &t.access);
	if (!rc)
		rc = lookup_sbdf(cli, cli->args[0], &t.sbdf);
	if (rc)
		return rc;
	t.iova = iova;
	t.length = length;
	if (cli_opt(cli, "report"))
		t.flags = NYX_TRANSLATE_F_REPORT;
	return translate(cli, out_list(&cli->out, "extents", translate_cols), &t);
}
