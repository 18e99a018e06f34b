// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl map: mappings of a domain.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "err.h"
#include "lookup.h"
#include "parse.h"
#include "wait.h"

/* "map add --from" reads the rows of the raw form. */
enum { COL_IOVA, COL_GPA, COL_LENGTH, COL_PROT, COL_PAGE };

static const struct out_col map_cols[] = {
	[COL_IOVA] = { "iova", OUT_ADDR },
	[COL_GPA] = { "gpa", OUT_ADDR },
	[COL_LENGTH] = { "length_bytes", OUT_SIZE },
	[COL_PROT] = { "prot", OUT_TEXT },
	[COL_PAGE] = { "smallest_page_bytes", OUT_SIZE },
	{ 0 }
};

enum { RES_DOMAIN, RES_RANGES, RES_DONE, RES_BYTES, RES_LINE, RES_ERROR };

static const struct out_col result_cols[] = {
	[RES_DOMAIN] = { "domain", OUT_COUNT },
	[RES_RANGES] = { "ranges", OUT_COUNT },
	[RES_DONE] = { "done", OUT_COUNT },
	[RES_BYTES] = { "done_bytes", OUT_SIZE },
	[RES_LINE] = { "failed_line", OUT_COUNT },
	[RES_ERROR] = { "failure", OUT_TEXT },
	{ 0 }
};

/* A range of the command line or of a file. */
struct range {
	uint64_t iova;
	uint64_t gpa;
	uint64_t length;
	uint32_t prot;
	unsigned int line;
};

struct ranges {
	struct range *list;
	size_t nr;
	size_t room;
};

static struct range *ranges_add(struct ranges *ranges)
{
	struct range *list;

	if (ranges->nr == ranges->room) {
		ranges->room = ranges->room ? 2 * ranges->room : 16;
		list = realloc(ranges->list, ranges->room * sizeof(*list));
		if (!list)
			return NULL;
		ranges->list = list;
	}
	list = &ranges->list[ranges->nr++];
	memset(list, 0, sizeof(*list));
	return list;
}

/*
 * "IOVA GPA LENGTH [PROT]", or without @with_gpa "IOVA LENGTH". A row of "map list" goes
 * on with the smallest page: the kernel chooses the pages anew.
 */
static int parse_range(char *const *words, unsigned int nr, bool with_gpa, struct range *range)
{
	unsigned int i = 0, need = with_gpa ? 3 : 2, most = with_gpa ? 5 : 2;
	uint64_t page;
	int rc;

	if (nr < need || nr > most)
		return err_usage("write a range as '%s'",
				 with_gpa ? "IOVA GPA LENGTH [PROT]" : "IOVA LENGTH");
	rc = parse_page("IOVA", words[i++], &range->iova);
	if (!rc && with_gpa)
		rc = parse_page("GPA", words[i++], &range->gpa);
	if (!rc)
		rc = parse_length("LENGTH", words[i++], &range->length);
	if (!rc && i < nr)
		rc = parse_prot("PROT", words[i++], &range->prot);
	if (!rc && i < nr)
		rc = parse_length("the page size", words[i], &page);
	return rc;
}

static int read_line(struct ranges *ranges, char *text, unsigned int line, uint32_t prot,
		     bool with_gpa)
{
	char *words[6], *rest = text, *word;
	struct range *range;
	unsigned int nr = 0;

	text[strcspn(text, "#\n")] = '\0';
	while ((word = strsep(&rest, " \t")) && nr < 6) {
		if (*word)
			words[nr++] = word;
	}
	if (!nr)
		return EXIT_OK;
	range = ranges_add(ranges);
	if (!range)
		return err_explain(-ENOMEM, "cannot read the ranges");
	range->line = line;
	range->prot = prot;
	if (parse_range(words, nr, with_gpa, range)) {
		err_note("the error is in line %u", line);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static int read_ranges(const char *path, struct ranges *ranges, uint32_t prot, bool with_gpa)
{
	bool is_stdin = !strcmp(path, "-");
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	unsigned int line = 0;
	int rc = EXIT_OK;
	char *text = NULL;
	size_t room = 0;

	if (!file)
		return err_say(-errno, "cannot open '%s': %s", path, strerror(errno));
	while (!rc && getline(&text, &room, file) >= 0)
		rc = read_line(ranges, text, ++line, prot, with_gpa);
	if (!rc && ferror(file))
		rc = err_say(-EIO, "cannot read '%s'", path);
	free(text);
	if (!is_stdin)
		fclose(file);
	return rc;
}

/* The ranges of a call of "map add" or "map remove". */
static int get_ranges(struct cli *cli, struct ranges *ranges, bool with_gpa)
{
	const char *from = cli_opt(cli, "from");
	uint32_t prot = NYX_PROT_READ | NYX_PROT_WRITE;
	unsigned int need = with_gpa ? 3 : 2, nr = 0;
	struct range *range;
	int rc;

	while (nr < need && cli->args[1 + nr])
		nr++;
	if (with_gpa && cli_opt(cli, "prot")) {
		rc = parse_prot("--prot", cli_opt(cli, "prot"), &prot);
		if (rc)
			return rc;
	}
	if (from && nr)
		return err_usage("name a range or --from FILE, not both");
	if (from)
		return read_ranges(from, ranges, prot, with_gpa);
	if (nr < need)
		return err_usage("map %s needs %s", cli->verb->name,
				 with_gpa ? "IOVA GPA LENGTH, or --from FILE" :
					    "IOVA LENGTH, or --from FILE, or --all");
	range = ranges_add(ranges);
	if (!range)
		return err_explain(-ENOMEM, "cannot read the range");
	range->prot = prot;
	return parse_range((char *const *)&cli->args[1], need, with_gpa, range);
}

static int range_failed(const struct range *range, const struct nyx_domain_info *domain, int err,
			bool adding)
{
	char where[80] = "";

	if (range->line)
		snprintf(where, sizeof(where), "line %u: ", range->line);
	if (!range->length)
		return err_explain(err, "cannot unmap domain %s", lookup_domain_text(domain));
	return err_explain(err, "%scannot %s IOVA 0x%" PRIx64 " + %s in domain %s", where,
			   adding ? "map" : "unmap", range->iova, out_bytes(range->length),
			   lookup_domain_text(domain));
}

/*
 * Report the outcome: @done of the ranges succeeded, then @err, a negative
 * errno, ended the command.
 */
static int report(struct cli *cli, const struct nyx_domain_info *domain,
		  const struct ranges *ranges, size_t done, uint64_t bytes, int err, bool adding)
{
	struct out *out;
	int rc;

	if (err && !done)
		return range_failed(&ranges->list[0], domain, err, adding);
	out = out_result(&cli->out, adding ? "map" : "unmap", result_cols,
			 "%s %s domain %s", out_bytes(bytes),
			 adding ? "mapped in" : "unmapped from", lookup_domain_text(domain));
	out_u64(out, RES_DOMAIN, domain->domain_id);
	out_u64(out, RES_RANGES, ranges->nr);
	out_u64(out, RES_DONE, done);
	out_u64(out, RES_BYTES, bytes);
	if (err) {
		out_u64(out, RES_LINE, ranges->list[done].line);
		out_text(out, RES_ERROR, err_code(err));
	}
	out_row(out);
	rc = out_end(out);
	if (!err || rc)
		return rc;
	/* The JSON document is printed already: print only the line on standard error. */
	err_init(false);
	range_failed(&ranges->list[done], domain, err, adding);
	err_note("%zu of %zu ranges were %s", done, ranges->nr, adding ? "mapped" : "unmapped");
	return EXIT_PARTIAL;
}

static int add_ranges(struct cli *cli, const struct nyx_domain_info *domain,
		      const struct ranges *ranges)
{
	struct nyx_map *maps = calloc(ranges->nr + 1, sizeof(*maps));
	size_t done = 0, i;
	uint64_t bytes = 0;
	int ret;

	/* One element more, so that an empty list is no failure of calloc(). */
	if (!maps)
		return err_explain(-ENOMEM, "cannot map");
	for (i = 0; i < ranges->nr; i++) {
		maps[i] = (struct nyx_map)NYX_MAP_INIT;
		maps[i].domain_id = domain->domain_id;
		maps[i].iova = ranges->list[i].iova;
		maps[i].gpa = ranges->list[i].gpa;
		maps[i].length = ranges->list[i].length;
		maps[i].prot = ranges->list[i].prot;
	}
	ret = nyx_map_add_array(cli->unit, maps, ranges->nr, &done);
	for (i = 0; i < done; i++)
		bytes += maps[i].length;
	free(maps);
	return report(cli, domain, ranges, done, bytes, ret, true);
}

static void unmap_begin(struct cli *cli, const struct nyx_domain_info *domain)
{
	static char resume[64];

	snprintf(resume, sizeof(resume), "'nyxctl iotlb invalidate domain %u' keeps waiting",
		 domain->domain_id);
	wait_begin(cli, resume, "in-flight accesses in domain %s",
		   lookup_domain_text(domain));
}

static int remove_ranges(struct cli *cli, const struct nyx_domain_info *domain,
			 const struct ranges *ranges)
{
	struct nyx_unmap *unmaps = calloc(ranges->nr + 1, sizeof(*unmaps));
	size_t done = 0, i;
	uint64_t bytes = 0;
	int ret;

	if (!unmaps)
		return err_explain(-ENOMEM, "cannot unmap");
	for (i = 0; i < ranges->nr; i++) {
		unmaps[i] = (struct nyx_unmap)NYX_UNMAP_INIT;
		unmaps[i].domain_id = domain->domain_id;
		unmaps[i].iova = ranges->list[i].iova;
		unmaps[i].length = ranges->list[i].length;
	}
	unmap_begin(cli, domain);
	ret = nyx_map_remove_array(cli->unit, unmaps, ranges->nr, &done);
	wait_end();
	for (i = 0; i < done; i++)
		bytes += unmaps[i].out_unmapped;
	free(unmaps);
	return report(cli, domain, ranges, done, bytes, ret, false);
}

static int run_add(struct cli *cli)
{
	struct nyx_domain_info domain;
	struct ranges ranges = { 0 };
	int rc;

	rc = get_ranges(cli, &ranges, true);
	if (!rc)
		rc = lookup_domain(cli, cli->args[0], &domain);
	if (!rc)
		rc = add_ranges(cli, &domain, &ranges);
	free(ranges.list);
	return rc;
}

static int remove_all(struct cli *cli)
{
	const struct range whole = { 0 };
	const struct ranges ranges = { .list = (struct range *)&whole, .nr = 1 };
	struct nyx_domain_info domain;
	uint64_t unmapped = 0;
	int rc, ret;

	rc = lookup_domain(cli, cli->args[0], &domain);
	if (rc)
		return rc;
	unmap_begin(cli, &domain);
	ret = nyx_map_remove_all(cli->unit, (nyx_domain_t){ domain.domain_id }, &unmapped);
	wait_end();
	return report(cli, &domain, &ranges, ret ? 0 : 1, unmapped, ret, false);
}

static int run_remove(struct cli *cli)
{
	struct nyx_domain_info domain;
	struct ranges ranges = { 0 };
	int rc;

	if (cli_opt(cli, "all")) {
		if (cli->args[1] || cli_opt(cli, "from"))
			return err_usage("--all takes no range");
		return remove_all(cli);
	}
	rc = get_ranges(cli, &ranges, false);
	if (!rc)
		rc = lookup_domain(cli, cli->args[0], &domain);
	if (!rc)
		rc = remove_ranges(cli, &domain, &ranges);
	free(ranges.list);
	return rc;
}

struct listing {
	struct out *out;
	uint64_t left;
};

static int put_mapping(const struct nyx_mapping_info *info, void *arg)
{
	struct listing *listing = arg;
	struct out *out = listing->out;

	if (!listing->left--)
		return 1;
	out_u64(out, COL_IOVA, info->iova);
	out_u64(out, COL_LENGTH, info->length);
	out_u64(out, COL_GPA, info->gpa);
	out_text(out, COL_PROT, nyx_prot_name(info->prot));
	out_u64(out, COL_PAGE, UINT64_C(1) << info->page_size_lg2);
	out_row(out);
	return 0;
}

static int run_list(struct cli *cli)
{
	struct listing listing = { .left = UINT64_MAX };
	struct nyx_domain_info domain;
	uint64_t start = 0;
	int rc = EXIT_OK, ret;

	if (cli_opt(cli, "start"))
		rc = parse_u64("--start", cli_opt(cli, "start"), &start);
	if (!rc && cli_opt(cli, "count"))
		rc = parse_u64("--count", cli_opt(cli, "count"), &listing.left);
	if (!rc)
		rc = lookup_domain(cli, cli->args[0], &domain);
	if (rc)
		return rc;
	listing.out = out_list(&cli->out, "mappings", map_cols);
	ret = nyx_map_foreach(cli->unit, (nyx_domain_t){ domain.domain_id }, start, put_mapping,
			      &listing);
	if (ret < 0)
		return out_cancel(listing.out, err_explain(ret, "cannot list mappings of domain %s",
						       lookup_domain_text(&domain)));
	return out_end(listing.out);
}

static const char *const prots[] = { "r", "w", "rw", NULL };

const struct cmd_verb cmd_map_verbs[] = {
	{
		.name = "add",
		.help = "Map one range of IOVAs to guest memory, or many ranges",
		.args = {
			DOMAIN_ARG,
			{ "IOVA", WORD_ANY, true, NULL, "first IOVA, a multiple of 4096" },
			{ "GPA", WORD_ANY, true, NULL, "first guest-physical address, a multiple of 4096" },
			{ "LENGTH", WORD_ANY, true, NULL, "bytes, a multiple of 4096" },
		},
		.opts = {
			{ "prot", 0, "PROT", WORD_CHOICE, prots, "what devices may do: r, w or rw (default: rw)" },
			{ "from", 0, "FILE", WORD_FILE, NULL,
			  "read 'IOVA GPA LENGTH [PROT]' lines, as printed by 'map list -o raw'; -: standard input" },
		},
		.cols = result_cols,
		.run = run_add,
		.example = "map add net 0x10000000 0 16M --prot r -u vm1",
	},
	{
		.name = "remove",
		.help = "Unmap one range, many ranges, or the whole domain",
		.args = {
			DOMAIN_ARG,
			{ "IOVA", WORD_ANY, true, NULL, "first IOVA, a multiple of 4096" },
			{ "LENGTH", WORD_ANY, true, NULL, "bytes, a multiple of 4096" },
		},
		.opts = {
			{ "all", 0, NULL, WORD_ANY, NULL, "unmap the whole domain" },
			{ "from", 0, "FILE", WORD_FILE, NULL,
			  "read 'IOVA LENGTH' lines; -: standard input" },
			WAIT_OPT,
		},
		.cols = result_cols,
		.run = run_remove,
		.example = "map remove net 0x10000000 4K -u vm1",
	},
	{
		.name = "list",
		.help = "List what is mapped; contiguous mappings appear as one",
		.args = { DOMAIN_ARG },
		.opts = {
			{ "start", 0, "IOVA", WORD_ANY, NULL, "the first IOVA to list (default: 0)" },
			{ "count", 0, "NUMBER", WORD_ANY, NULL, "at most NUMBER rows (default: all)" },
		},
		.cols = map_cols,
		.run = run_list,
		.example = "map list net -u vm1",
	},
	{ 0 }
};
