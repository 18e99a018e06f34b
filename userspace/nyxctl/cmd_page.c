// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl page: pages that devices ask for, and the answers.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cmd.h"
#include "err.h"
#include "lookup.h"
#include "parse.h"
#include "wait.h"

#define PAGE_BYTES	4096u
#define TIMEOUT_MS	10000u
#define TIMEOUT_MAX_MS	600000u

enum { COL_GROUP, COL_DEVICE, COL_IOVA, COL_PAGES, COL_ACCESS, COL_RESPONSE };

static const struct out_col request_cols[] = {
	[COL_GROUP] = { "group", OUT_COUNT },
	[COL_DEVICE] = { "device", OUT_TEXT },
	[COL_IOVA] = { "iova", OUT_ADDR },
	[COL_PAGES] = { "pages", OUT_COUNT },
	[COL_ACCESS] = { "access", OUT_TEXT },
	[COL_RESPONSE] = { "response", OUT_TEXT },
	{ 0 }
};

/* The pages to ask for. */
struct request {
	uint32_t sbdf;
	uint64_t iova;
	uint32_t nr;
	uint32_t access;
	uint32_t timeout_ms;
	bool nowait;
	nyx_group_t group;
	uint32_t response;
	struct nyx_page pages[NYX_PAGE_GROUP_MAX];
};

static int request_init(struct cli *cli, struct request *r)
{
	const char *access = cli_opt(cli, "access"), *timeout = cli_opt(cli, "timeout");
	uint64_t ms = TIMEOUT_MS;
	uint32_t i;
	int rc;

	r->nowait = cli_opt(cli, "nowait");
	rc = parse_page("IOVA", cli->args[1], &r->iova);
	if (!rc && cli->args[2])
		rc = parse_u32("PAGES", cli->args[2], &r->nr);
	if (!rc && (!r->nr || r->nr > NYX_PAGE_GROUP_MAX))
		rc = err_usage("PAGES must be 1 to %u", NYX_PAGE_GROUP_MAX);
	if (!rc && r->iova > UINT64_MAX - (uint64_t)r->nr * PAGE_BYTES)
		rc = err_usage("IOVA '%s' and PAGES go beyond 64 bits", cli->args[1]);
	if (!rc && access)
		rc = parse_prot("--access", access, &r->access);
	if (!rc && timeout)
		rc = parse_time("--timeout", timeout, &ms);
	if (!rc && (!ms || ms > TIMEOUT_MAX_MS))
		rc = err_usage("--timeout must be 1ms to 10m");
	r->timeout_ms = (uint32_t)ms;
	for (i = 0; !rc && i < r->nr; i++)
		r->pages[i] = (struct nyx_page){
			.iova = r->iova + (uint64_t)i * PAGE_BYTES,
			.access = r->access,
		};
	return rc ? rc : lookup_sbdf(cli, cli->args[0], &r->sbdf);
}

static int request_failed(const struct request *r, int err)
{
	if (err == -EINTR)
		return err_say(err, "interrupted before an answer came; the request of device %s was withdrawn",
			       lookup_sbdf_text(r->sbdf));
	return err_explain(err, "cannot request pages for device %s", lookup_sbdf_text(r->sbdf));
}

/* Print the meaning of the answer, and return its exit status. */
static int answered(const struct request *r)
{
	switch (r->response) {
	case NYX_PAGE_SUCCESS:
		return EXIT_OK;
	case NYX_PAGE_TIMEOUT:
		err_note("group %u was not answered in time; 'nyxctl event monitor' shows page requests",
			 r->group.id);
		return EXIT_TIMEOUT;
	case NYX_PAGE_INVALID:
		err_note("the answer to group %u is invalid: at least one page is not available",
			 r->group.id);
		return EXIT_REFUSED;
	default:
		err_note("the answer to group %u is failure: the device must not ask again",
			 r->group.id);
		return EXIT_REFUSED;
	}
}

/* The kernel enforces the time-out, so that no request outlives nyxctl. */
static int request_and_wait(struct cli *cli, struct request *r)
{
	int ret;

	wait_begin(cli, NULL, "an answer to the page request of device %s; 'nyxctl page respond' gives it",
		   lookup_sbdf_text(r->sbdf));
	ret = nyx_page_request(cli->unit, (nyx_device_t){ r->sbdf }, r->pages, r->nr,
			       r->timeout_ms, &r->group, &r->response);
	wait_end();
	return ret;
}

static int run_request(struct cli *cli)
{
	struct request r = {
		.nr = 1, .access = NYX_PROT_READ | NYX_PROT_WRITE,
	};
	struct out *out;
	int rc, ret;

	rc = request_init(cli, &r);
	if (rc)
		return rc;
	if (r.nowait)
		ret = nyx_page_request_nowait(cli->unit, (nyx_device_t){ r.sbdf }, r.pages, r.nr,
					      r.timeout_ms, &r.group);
	else
		ret = request_and_wait(cli, &r);
	if (ret)
		return request_failed(&r, ret);
	/* answered() tells people what went wrong. */
	if (!r.nowait && r.response != NYX_PAGE_SUCCESS && cli->out.format == OUT_TABLE)
		cli->out.quiet = true;
	out = out_result(&cli->out, "request", request_cols,
			 r.nowait ? "group %u of device %s waits for an answer" :
				    "group %u of device %s answered: the pages are mapped",
			 r.group.id, lookup_sbdf_text(r.sbdf));
	out_u64(out, COL_GROUP, r.group.id);
	out_text(out, COL_DEVICE, lookup_sbdf_text(r.sbdf));
	out_u64(out, COL_IOVA, r.iova);
	out_u64(out, COL_PAGES, r.nr);
	out_text(out, COL_ACCESS, nyx_prot_name(r.access));
	if (!r.nowait)
		out_text(out, COL_RESPONSE, nyx_page_response_name(r.response));
	out_row(out);
	rc = out_end(out);
	return rc || r.nowait ? rc : answered(&r);
}

enum { RE_GROUP, RE_RESPONSE };

static const struct out_col respond_cols[] = {
	[RE_GROUP] = { "group", OUT_COUNT },
	[RE_RESPONSE] = { "response", OUT_TEXT },
	{ 0 }
};

/* In the order of enum nyx_page_response. */
static const char *const responses[] = { "success", "invalid", "failure", NULL };

static int run_respond(struct cli *cli)
{
	uint32_t group, response;
	struct out *out;
	int rc, ret;

	rc = parse_u32("GROUP", cli->args[0], &group);
	if (!rc)
		rc = parse_choice("RESPONSE", cli->args[1], responses, &response);
	if (!rc)
		rc = cli_open_unit(cli);
	if (rc)
		return rc;
	ret = nyx_page_respond(cli->unit, (nyx_group_t){ group }, response);
	if (ret)
		return err_explain(ret, "cannot answer group %u", group);
	out = out_result(&cli->out, "response", respond_cols, "group %u answered: %s", group,
			 responses[response]);
	out_u64(out, RE_GROUP, group);
	out_text(out, RE_RESPONSE, responses[response]);
	out_row(out);
	return out_end(out);
}

static const char *const prots[] = { "r", "w", "rw", NULL };

const struct cmd_verb cmd_page_verbs[] = {
	{
		.name = "request",
		.help = "Ask for pages as a device does, and wait for the answer",
		.args = {
			DEVICE_ARG,
			{ "IOVA", WORD_ANY, false, NULL, "the first page, a multiple of 4096" },
			{ "PAGES", WORD_ANY, true, NULL, "how many, up to 64 (default: 1)" },
		},
		.opts = {
			{ "access", 0, "ACCESS", WORD_CHOICE, prots, "access that the device wants: r, w or rw (default: rw)" },
			{ "timeout", 0, "TIME", WORD_TIME, NULL, "time for the answer (default: 10s)" },
			{ "nowait", 0, NULL, WORD_ANY, NULL, "do not wait: the answer is an event" },
		},
		.cols = request_cols,
		.run = run_request,
		.example = "page request 0000:03:00.0 0x10000000 4 --access r -u vm1",
	},
	{
		.name = "respond",
		.help = "Answer a group of page requests",
		.args = {
			{ "GROUP", WORD_ANY, false, NULL, "the group, as in the event" },
			{ "RESPONSE", WORD_CHOICE, false, responses, "success, invalid or failure" },
		},
		.cols = respond_cols,
		.run = run_respond,
		.example = "page respond 7 success -u vm1",
	},
	{ 0 }
};
