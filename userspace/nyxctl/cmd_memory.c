// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl memory: guest memory that devices reach.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * nyxctl adds files only: memory of its own process would end with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "err.h"
#include "parse.h"
#include "wait.h"

enum {
	COL_GPA, COL_LENGTH, COL_TYPE, COL_ACCESS, COL_PINNED, COL_BACKING, COL_PAGE,
};

static const struct out_col memory_cols[] = {
	[COL_GPA] = { "gpa", OUT_ADDR },
	[COL_LENGTH] = { "length_bytes", OUT_SIZE },
	[COL_TYPE] = { "type", OUT_TEXT },
	[COL_ACCESS] = { "access", OUT_TEXT },
	[COL_PINNED] = { "pinned_bytes", OUT_SIZE },
	[COL_BACKING] = { "backing", OUT_ADDR },
	[COL_PAGE] = { "page_bytes", OUT_SIZE },
	{ 0 }
};

static int put_memory(const struct nyx_memory_info *info, void *arg)
{
	struct out *out = arg;

	out_u64(out, COL_GPA, info->gpa);
	out_u64(out, COL_LENGTH, info->length);
	out_text(out, COL_TYPE, info->flags & NYX_MEMORY_F_FILE ? "file" : "user");
	out_text(out, COL_ACCESS, info->flags & NYX_MEMORY_F_READONLY ? "r" : "rw");
	out_u64(out, COL_PINNED, info->pinned_bytes);
	out_u64(out, COL_BACKING, info->backing);
	out_u64(out, COL_PAGE, info->page_size);
	out_row(out);
	return 0;
}

struct search {
	uint64_t gpa;
	struct nyx_memory_info info;
};

static int match_gpa(const struct nyx_memory_info *info, void *arg)
{
	struct search *search = arg;

	search->info = *info;
	return info->gpa == search->gpa;
}

/* The range that begins at @gpa. */
static int find_range(struct cli *cli, uint64_t gpa, struct nyx_memory_info *info)
{
	struct search search = { .gpa = gpa };
	int ret;

	ret = nyx_memory_foreach(cli->unit, match_gpa, &search);
	if (ret < 0)
		return err_explain(ret, "cannot list memory");
	if (!ret)
		return err_say(-ENOENT, "no memory range begins at 0x%" PRIx64 "; 'nyxctl memory list' shows all",
			       gpa);
	*info = search.info;
	return EXIT_OK;
}

/* The range to add. */
struct source {
	int fd;
	uint64_t gpa;
	uint64_t offset;
	uint64_t length;
	uint32_t flags;
};

static int open_memfd(const struct cli *cli, const char *size, struct source *src)
{
	const char *huge = cli_opt(cli, "huge");
	uint32_t flags = 0;
	int rc, ret;

	rc = parse_length("--memfd", size, &src->length);
	if (rc)
		return rc;
	if (huge)
		flags = strcmp(huge, "2M") ? NYX_MEMFD_F_HUGE_1G : NYX_MEMFD_F_HUGE_2M;
	ret = nyx_memfd_create(cli->unit_name, src->length, flags, &src->fd);
	if (ret == -EINVAL && huge)
		return err_say(ret, "--memfd '%s' is not a multiple of %s", size, huge);
	if (ret == -ENOMEM && huge)
		return err_say(ret, "there are not enough huge pages of %s; raise nr_hugepages in /sys/kernel/mm/hugepages",
			       huge);
	return ret ? err_explain(ret, "cannot create a memfd of %s", size) : EXIT_OK;
}

static int open_file(const struct cli *cli, const char *path, struct source *src)
{
	const char *offset = cli_opt(cli, "offset"), *length = cli_opt(cli, "length");
	struct stat st;
	int rc = EXIT_OK;

	if (offset)
		rc = parse_page("--offset", offset, &src->offset);
	if (!rc && length)
		rc = parse_length("--length", length, &src->length);
	if (rc)
		return rc;
	src->fd = open(path, (src->flags & NYX_MEMORY_F_READONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (src->fd < 0 || fstat(src->fd, &st))
		return err_say(-errno, "cannot open '%s': %s", path, strerror(errno));
	if (length)
		return EXIT_OK;
	if ((uint64_t)st.st_size <= src->offset)
		return err_usage("'%s' ends at %" PRIu64 ", before --offset", path,
				 (uint64_t)st.st_size);
	src->length = (uint64_t)st.st_size - src->offset;
	return EXIT_OK;
}

static int run_add(struct cli *cli)
{
	const char *memfd = cli_opt(cli, "memfd"), *file = cli_opt(cli, "file");
	const char *gpa = cli_opt(cli, "gpa");
	struct source src = { .fd = -1 };
	struct nyx_memory_info info;
	struct out *out;
	int rc = EXIT_OK, ret;

	if (!memfd == !file)
		return err_usage("memory add needs --memfd SIZE or --file PATH");
	if (memfd && (cli_opt(cli, "offset") || cli_opt(cli, "length")))
		return err_usage("--offset and --length need --file");
	if (file && cli_opt(cli, "huge"))
		return err_usage("--huge needs --memfd; a file on hugetlbfs has huge pages anyway");
	if (gpa)
		rc = parse_page("--gpa", gpa, &src.gpa);
	if (rc)
		return rc;
	/* The unit is shared, for nyxctl could not have opened it otherwise. */
	src.flags = NYX_MEMORY_F_SHARED |
		    (cli_opt(cli, "read-only") ? NYX_MEMORY_F_READONLY : 0) |
		    (cli_opt(cli, "pinned") ? NYX_MEMORY_F_PINNED : 0);
	rc = cli_open_unit(cli);
	if (!rc)
		rc = memfd ? open_memfd(cli, memfd, &src) : open_file(cli, file, &src);
	if (!rc) {
		ret = nyx_memory_add_file(cli->unit, src.gpa, src.fd, src.offset, src.length,
					  src.flags);
		if (ret)
			rc = err_explain(ret, "cannot add GPA 0x%" PRIx64 " + %s",
					 src.gpa, out_bytes(src.length));
	}
	if (src.fd >= 0)
		close(src.fd);
	if (!rc)
		rc = find_range(cli, src.gpa, &info);
	if (rc)
		return rc;
	out = out_result(&cli->out, "memory", memory_cols,
			 "%s of guest memory added at GPA 0x%" PRIx64, out_bytes(info.length),
			 (uint64_t)info.gpa);
	put_memory(&info, out);
	return out_end(out);
}

static int run_remove(struct cli *cli)
{
	struct nyx_memory_info info;
	uint64_t gpa, length = 0;
	struct out *out;
	int rc, ret;

	rc = parse_page("GPA", cli->args[0], &gpa);
	if (!rc && cli->args[1])
		rc = parse_length("LENGTH", cli->args[1], &length);
	if (!rc)
		rc = cli_open_unit(cli);
	if (!rc)
		rc = find_range(cli, gpa, &info);
	if (rc)
		return rc;
	if (cli->args[1] && length != info.length)
		return err_say(-ENOENT, "the memory range at 0x%" PRIx64 " has %s; only a whole range can be removed",
			       gpa, out_bytes(info.length));
	wait_begin(cli, WAIT_REPEAT, "in-flight accesses of guest memory");
	ret = nyx_memory_remove(cli->unit, gpa, info.length);
	wait_end();
	if (ret)
		return err_explain(ret, "cannot remove the memory range at 0x%" PRIx64, gpa);
	out = out_result(&cli->out, "memory", memory_cols,
			 "%s of guest memory removed at GPA 0x%" PRIx64, out_bytes(info.length),
			 gpa);
	put_memory(&info, out);
	return out_end(out);
}

static int run_list(struct cli *cli)
{
	struct out *out;
	int rc, ret;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	out = out_list(&cli->out, "memory", memory_cols);
	ret = nyx_memory_foreach(cli->unit, put_memory, out);
	if (ret)
		return out_cancel(out, err_explain(ret, "cannot list memory"));
	return out_end(out);
}

/* ---- dirty tracking ---- */

enum { COL_DIRTY_GPA, COL_DIRTY_LENGTH, COL_DIRTY };

static const struct out_col dirty_cols[] = {
	[COL_DIRTY_GPA] = { "gpa", OUT_ADDR },
	[COL_DIRTY_LENGTH] = { "length_bytes", OUT_SIZE },
	[COL_DIRTY] = { "dirty_bytes", OUT_SIZE },
	{ 0 }
};

#define DIRTY_PAGE	UINT64_C(4096)
#define DIRTY_WORDS	8192u	/* that are read at a time: 2 GiB */

/* A listing under way. */
struct dirty {
	struct cli *cli;
	struct out *out;
	uint32_t flags;
	bool any;	/* range that was read */
};

static void put_dirty_row(struct dirty *dirty, uint64_t gpa, uint64_t length, uint64_t pages)
{
	out_u64(dirty->out, COL_DIRTY_GPA, gpa);
	out_u64(dirty->out, COL_DIRTY_LENGTH, length);
	out_u64(dirty->out, COL_DIRTY, pages * DIRTY_PAGE);
	out_row(dirty->out);
	dirty->any = true;
}

static int put_dirty(const struct nyx_memory_info *info, void *arg)
{
	static uint64_t bitmap[DIRTY_WORDS];
	uint64_t at, n, nr, sum = 0;
	struct dirty *dirty = arg;
	int ret = 0;

	for (at = 0; at < info->length; at += n) {
		n = info->length - at;
		if (n > DIRTY_WORDS * 64 * DIRTY_PAGE)
			n = DIRTY_WORDS * 64 * DIRTY_PAGE;
		ret = nyx_dirty_read(dirty->cli->unit, info->gpa + at, n, DIRTY_PAGE, dirty->flags,
				     bitmap, &nr);
		if (ret)
			break;
		sum += nr;
	}
	/* After an error: how far it has come. */
	if (at)
		put_dirty_row(dirty, info->gpa, at, sum);
	return ret;
}

static int run_dirty(struct cli *cli)
{
	struct dirty dirty = { .cli = cli };
	int rc, ret;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	dirty.flags = cli_opt(cli, "clear") ? 0 : NYX_DIRTY_READ_F_NO_CLEAR;
	dirty.out = out_list(&cli->out, "memory", dirty_cols);
	wait_begin(cli, WAIT_REPEAT, "in-flight accesses of guest memory");
	ret = nyx_memory_foreach(cli->unit, put_dirty, &dirty);
	wait_end();
	if (!ret)
		return out_end(dirty.out);
	err_keep(ret);
	/* The ranges that are clean now are told nowhere else. */
	if (dirty.any && cli_opt(cli, "clear"))
		out_end(dirty.out);
	else
		out_cancel(dirty.out, EXIT_REFUSED);
	return err_explain(ret, "cannot read what is dirty");
}

static const struct out_col track_cols[] = {
	{ "dirty_tracking", OUT_TEXT },
	{ 0 }
};

static int tell_tracking(struct cli *cli, const char *state)
{
	struct out *out = out_result(&cli->out, "memory", track_cols, "dirty tracking is %s",
				     state);

	out_text(out, 0, state);
	out_row(out);
	return out_end(out);
}

static int run_track(struct cli *cli)
{
	int rc, ret;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	wait_begin(cli, WAIT_REPEAT, "in-flight accesses of guest memory");
	ret = nyx_dirty_start(cli->unit);
	wait_end();
	if (ret == -ETIMEDOUT)
		return err_explain(ret, "dirty tracking is on, but a view was cut off");
	return ret ? err_explain(ret, "cannot track writes") : tell_tracking(cli, "on");
}

static int run_untrack(struct cli *cli)
{
	int rc, ret;

	rc = cli_open_unit(cli);
	if (rc)
		return rc;
	ret = nyx_dirty_stop(cli->unit);
	return ret ? err_explain(ret, "cannot stop tracking") : tell_tracking(cli, "off");
}

static const char *const huge_sizes[] = { "2M", "1G", NULL };

const struct cmd_verb cmd_memory_verbs[] = {
	{
		.name = "add",
		.help = "Add a range of guest memory, new or from a file",
		.opts = {
			{ "memfd", 0, "SIZE", WORD_ANY, NULL, "new memory that lives as long as the unit" },
			{ "huge", 0, "SIZE", WORD_CHOICE, huge_sizes, "with --memfd: use huge pages of this size" },
			{ "file", 0, "PATH", WORD_FILE, NULL, "a file on tmpfs or hugetlbfs, or a memfd in /proc" },
			{ "offset", 0, "BYTES", WORD_ANY, NULL, "with --file: where to begin (default: 0)" },
			{ "length", 0, "BYTES", WORD_ANY, NULL, "with --file: how much (default: all)" },
			{ "gpa", 0, "ADDRESS", WORD_ANY, NULL, "first guest-physical address (default: 0)" },
			{ "read-only", 0, NULL, WORD_ANY, NULL, "devices cannot write it" },
			{ "pinned", 0, NULL, WORD_ANY, NULL, "pin its pages" },
		},
		.cols = memory_cols,
		.run = run_add,
		.example = "memory add --memfd 64M -u vm1",
	},
	{
		.name = "remove",
		.help = "Remove a range of guest memory",
		.args = {
			{ "GPA", WORD_ANY, false, NULL, "its first guest-physical address" },
			{ "LENGTH", WORD_ANY, true, NULL, "expected length, which is checked" },
		},
		.opts = { WAIT_OPT },
		.cols = memory_cols,
		.run = run_remove,
		.example = "memory remove 0 -u vm1",
	},
	{
		.name = "list",
		.help = "List the ranges of guest memory",
		.cols = memory_cols,
		.run = run_list,
		.example = "memory list -u vm1",
	},
	{
		.name = "track",
		.help = "Begin to track which guest memory devices write",
		.opts = { WAIT_OPT },
		.cols = track_cols,
		.run = run_track,
		.example = "memory track -u vm1",
	},
	{
		.name = "dirty",
		.help = "Show how much of each range devices have written",
		.opts = {
			{ "clear", 0, NULL, WORD_ANY, NULL, "it is clean from now on" },
			WAIT_OPT,
		},
		.cols = dirty_cols,
		.run = run_dirty,
		.example = "memory dirty -u vm1",
	},
	{
		.name = "untrack",
		.help = "End dirty tracking",
		.cols = track_cols,
		.run = run_untrack,
		.example = "memory untrack -u vm1",
	},
	{ 0 }
};
