// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl dma: accesses as a device makes them.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A refused access is a result, not a failure to ask: it is printed like any
 * other, with the fault, and the exit status tells whether nothing (1) or a part
 * (5) was done.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "err.h"
#include "lookup.h"
#include "parse.h"

#define CHUNK		(UINT64_C(4) << 20)
#define MAX_INLINE	(UINT64_C(1) << 20)	/* bytes that are printed in hexadecimal */

enum {
	COL_OP, COL_DEVICE, COL_IOVA, COL_LENGTH, COL_DONE, COL_OLD, COL_DATA, COL_FAULT_REASON,
	COL_FAULT_TEXT, COL_FAULT_ACCESS, COL_FAULT_IOVA, COL_FAULT_GPA, COL_FAULT_LEVEL,
};

static const struct out_col dma_cols[] = {
	[COL_OP] = { "op", OUT_TEXT },
	[COL_DEVICE] = { "device", OUT_TEXT },
	[COL_IOVA] = { "iova", OUT_ADDR },
	[COL_LENGTH] = { "length_bytes", OUT_SIZE },
	[COL_DONE] = { "done_bytes", OUT_SIZE },
	[COL_OLD] = { "old", OUT_ADDR },
	[COL_DATA] = { "data", OUT_TEXT },
	[COL_FAULT_REASON] = { "fault.reason", OUT_TEXT },
	[COL_FAULT_TEXT] = { "fault.text", OUT_TEXT },
	[COL_FAULT_ACCESS] = { "fault.access", OUT_TEXT },
	[COL_FAULT_IOVA] = { "fault.iova", OUT_ADDR },
	[COL_FAULT_GPA] = { "fault.gpa", OUT_ADDR },
	[COL_FAULT_LEVEL] = { "fault.level", OUT_COUNT },
	{ 0 }
};

/* An access and its outcome. */
struct access {
	struct cli *cli;
	const char *op;
	const char *past;	/* "written to" */
	nyx_device_t device;
	uint64_t iova;
	uint64_t length;	/* 0: until the end of the input */
	uint64_t done;
	struct nyx_fault fault;
};

static int access_init(struct access *acc, struct cli *cli, const char *op, const char *past)
{
	int rc;

	memset(acc, 0, sizeof(*acc));
	acc->cli = cli;
	acc->op = op;
	acc->past = past;
	rc = parse_sbdf(cli->args[0], &acc->device.sbdf);
	return rc ? rc : parse_u64("IOVA", cli->args[1], &acc->iova);
}

static int access_failed(const struct access *acc, int err)
{
	return err_explain(err, "the %s of device %s at IOVA 0x%" PRIx64 " failed after %s",
			   acc->op, lookup_sbdf_text(acc->device.sbdf), acc->iova,
			   out_bytes(acc->done));
}

static void put_access(struct out *out, const struct access *acc)
{
	const struct nyx_fault *fault = &acc->fault;

	out_text(out, COL_OP, acc->op);
	out_text(out, COL_DEVICE, lookup_sbdf_text(acc->device.sbdf));
	out_u64(out, COL_IOVA, acc->iova);
	out_u64(out, COL_LENGTH, acc->length);
	out_u64(out, COL_DONE, acc->done);
	if (fault->reason == NYX_FAULT_NONE)
		return;
	out_text(out, COL_FAULT_REASON, nyx_fault_reason_name(fault->reason));
	out_text(out, COL_FAULT_TEXT, nyx_fault_reason_text(fault->reason));
	out_text(out, COL_FAULT_ACCESS, nyx_prot_name(fault->access));
	out_u64(out, COL_FAULT_IOVA, fault->iova);
	if (fault->gpa != NYX_GPA_UNKNOWN)
		out_u64(out, COL_FAULT_GPA, fault->gpa);
	if (fault->level != NYX_LEVEL_NONE)
		out_u64(out, COL_FAULT_LEVEL, fault->level);
}

/* Add the access to the row of @out, print @out, and report the fault. */
static int finish(struct out *out, const struct access *acc)
{
	int rc;

	put_access(out, acc);
	out_row(out);
	rc = out_end(out);
	if (rc || acc->fault.reason == NYX_FAULT_NONE)
		return rc;
	err_note("%s of %s by device %s at IOVA 0x%" PRIx64 " refused at 0x%" PRIx64 ", after %s: %s",
		 acc->op, out_bytes(acc->length), lookup_sbdf_text(acc->device.sbdf), acc->iova,
		 (uint64_t)acc->fault.iova, out_bytes(acc->done),
		 nyx_fault_reason_text(acc->fault.reason));
	return acc->done ? EXIT_PARTIAL : EXIT_REFUSED;
}

static struct out *result(const struct access *acc)
{
	struct out_style *style = &acc->cli->out;

	/* Nothing was done, so print no sentence: finish() reports the fault. */
	if (!acc->done && style->format == OUT_TABLE)
		style->quiet = true;
	return out_result(style, "dma", dma_cols, "%s %s IOVA 0x%" PRIx64 " by device %s",
			  out_bytes(acc->done), acc->past, acc->iova, lookup_sbdf_text(acc->device.sbdf));
}

static int write_all(int fd, const unsigned char *buf, uint64_t length)
{
	ssize_t n;

	while (length) {
		n = write(fd, buf, length);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			buf += n;
			length -= (uint64_t)n;
		}
	}
	return 0;
}

/* As read(2), but less than @length only at the end of the file. */
static ssize_t read_all(int fd, unsigned char *buf, uint64_t length)
{
	uint64_t got = 0;
	ssize_t n;

	while (got < length) {
		n = read(fd, buf + got, length - got);
		if (!n)
			break;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			got += (uint64_t)n;
	}
	return (ssize_t)got;
}

static int read_to_fd(struct access *acc, int fd, const char *path, unsigned char *buf)
{
	uint64_t step, got;
	int ret;

	while (acc->done < acc->length && acc->fault.reason == NYX_FAULT_NONE) {
		step = acc->length - acc->done < CHUNK ? acc->length - acc->done : CHUNK;
		ret = nyx_dma_read(acc->cli->unit, acc->device, acc->iova + acc->done, buf, step,
				   &got, &acc->fault);
		acc->done += got;
		if (ret)
			return access_failed(acc, ret);
		ret = write_all(fd, buf, got);
		if (ret)
			return err_say(ret, "cannot write to '%s': %s", path, strerror(-ret));
	}
	return EXIT_OK;
}

static int read_to_file(struct access *acc, const char *path)
{
	bool is_stdout = !strcmp(path, "-");
	unsigned char *buf;
	int rc, fd;

	if (is_stdout && acc->cli->out.format != OUT_TABLE)
		return err_usage("--to - writes to standard output; it cannot be combined with --output json or raw");
	fd = is_stdout ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_say(-errno, "cannot open '%s': %s", path, strerror(errno));
	buf = malloc(CHUNK);
	rc = buf ? read_to_fd(acc, fd, path, buf) : err_explain(-ENOMEM, "cannot read");
	free(buf);
	if (!is_stdout && close(fd) && !rc)
		rc = err_say(-errno, "cannot write to '%s': %s", path, strerror(errno));
	if (rc)
		return rc;
	if (is_stdout)
		acc->cli->out.quiet = true;
	return finish(result(acc), acc);
}

static void dump(uint64_t iova, const unsigned char *buf, uint64_t length)
{
	uint64_t i, j;

	for (i = 0; i < length; i += 16) {
		printf("0x%08" PRIx64 " ", iova + i);
		for (j = i; j < i + 16; j++) {
			if (j < length)
				printf(" %02x", buf[j]);
			else
				printf("   ");
		}
		printf("  |");
		for (j = i; j < i + 16 && j < length; j++)
			putchar(isprint(buf[j]) ? buf[j] : '.');
		puts("|");
	}
}

static int read_to_text(struct access *acc)
{
	unsigned char *buf;
	char *hex = NULL;
	struct out *out;
	uint64_t i;
	int ret;

	if (acc->length > MAX_INLINE)
		return err_usage("cannot print more than 1M; use --to FILE");
	buf = malloc(acc->length);
	if (!buf)
		return err_explain(-ENOMEM, "cannot read");
	ret = nyx_dma_read(acc->cli->unit, acc->device, acc->iova, buf, acc->length, &acc->done,
			   &acc->fault);
	if (ret) {
		free(buf);
		return access_failed(acc, ret);
	}
	if (acc->cli->out.format == OUT_TABLE) {
		dump(acc->iova, buf, acc->done);
		acc->cli->out.quiet = true;
	} else {
		hex = malloc(2 * acc->done + 1);
		for (i = 0; hex && i < acc->done; i++)
			snprintf(hex + 2 * i, 3, "%02x", buf[i]);
	}
	out = result(acc);
	if (hex && acc->done)
		out_text(out, COL_DATA, hex);
	free(hex);
	free(buf);
	return finish(out, acc);
}

static int run_read(struct cli *cli)
{
	const char *to = cli_opt(cli, "to");
	struct access acc;
	int rc;

	rc = access_init(&acc, cli, "read", "read from");
	if (!rc)
		rc = parse_u64("LENGTH", cli->args[2], &acc.length);
	if (!rc && !acc.length)
		rc = err_usage("LENGTH must not be 0");
	if (!rc)
		rc = cli_open_unit(cli);
	if (rc)
		return rc;
	return to ? read_to_file(&acc, to) : read_to_text(&acc);
}

static int write_from_fd(struct access *acc, int fd, const char *path, unsigned char *buf)
{
	uint64_t limit = acc->length ? acc->length : UINT64_MAX, step, done;
	ssize_t got;
	int ret;

	acc->length = 0;
	while (acc->length < limit && acc->fault.reason == NYX_FAULT_NONE) {
		step = limit - acc->length < CHUNK ? limit - acc->length : CHUNK;
		got = read_all(fd, buf, step);
		if (got < 0)
			return err_say((int)got, "cannot read '%s': %s", path,
				       strerror((int)-got));
		if (!got)
			break;
		ret = nyx_dma_write(acc->cli->unit, acc->device, acc->iova + acc->length, buf,
				    (uint64_t)got, &done, &acc->fault);
		acc->length += (uint64_t)got;
		acc->done += done;
		if (ret)
			return access_failed(acc, ret);
	}
	if (limit != UINT64_MAX && acc->length < limit && acc->fault.reason == NYX_FAULT_NONE)
		return err_usage("'%s' ended after %s; those bytes were written", path,
				 out_bytes(acc->length));
	return acc->length ? EXIT_OK : err_usage("'%s' is empty", path);
}

static int write_from_file(struct access *acc, const char *path)
{
	bool is_stdin = !strcmp(path, "-");
	unsigned char *buf;
	int rc, fd;

	fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_say(-errno, "cannot open '%s': %s", path, strerror(errno));
	buf = malloc(CHUNK);
	rc = buf ? write_from_fd(acc, fd, path, buf) : err_explain(-ENOMEM, "cannot write");
	free(buf);
	if (!is_stdin)
		close(fd);
	return rc ? rc : finish(result(acc), acc);
}

static int run_write(struct cli *cli)
{
	const char *from = cli_opt(cli, "from"), *data = cli_opt(cli, "data");
	const char *length = cli_opt(cli, "length");
	struct access acc;
	unsigned char *bytes = NULL;
	int rc, ret;

	if (!from == !data)
		return err_usage("dma write needs --from FILE or --data HEX");
	if (data && length)
		return err_usage("--length needs --from");
	rc = access_init(&acc, cli, "write", "written to");
	if (!rc && length)
		rc = parse_u64("--length", length, &acc.length);
	if (!rc && length && !acc.length)
		rc = err_usage("--length must not be 0");
	if (!rc && data)
		rc = parse_bytes("--data", data, &bytes, &acc.length);
	if (!rc)
		rc = cli_open_unit(cli);
	if (rc || from) {
		free(bytes);
		return rc ? rc : write_from_file(&acc, from);
	}
	ret = nyx_dma_write(cli->unit, acc.device, acc.iova, bytes, acc.length, &acc.done,
			    &acc.fault);
	free(bytes);
	return ret ? access_failed(&acc, ret) : finish(result(&acc), &acc);
}

/* Parse --width; @widths are the widths that the operation takes. */
static int width_opt(const struct cli *cli, const char *const *widths, uint32_t *width)
{
	const char *word = cli_opt(cli, "width");
	uint32_t i;
	int rc;

	if (!word)
		return EXIT_OK;
	rc = parse_choice("--width", word, widths, &i);
	if (!rc)
		*width = (uint32_t)(word[0] - '0');
	return rc;
}

static int value_arg(const char *what, const char *word, uint32_t width, uint64_t *value)
{
	int rc;

	rc = parse_u64(what, word, value);
	if (!rc && width < 8 && *value >> (8 * width))
		rc = err_usage("%s '%s' does not fit in %u bytes", what, word, width);
	return rc;
}

static const char *const fill_widths[] = { "1", "2", "4", "8", NULL };
static const char *const atomic_widths[] = { "4", "8", NULL };

static int run_fill(struct cli *cli)
{
	uint64_t value = 0;
	uint32_t width = 1;
	struct access acc;
	int rc, ret;

	rc = access_init(&acc, cli, "fill", "filled at");
	if (!rc)
		rc = parse_u64("LENGTH", cli->args[2], &acc.length);
	if (!rc)
		rc = width_opt(cli, fill_widths, &width);
	if (!rc && (!acc.length || acc.length % width))
		rc = err_usage("LENGTH must be a multiple of --width, and not 0");
	if (!rc && cli->args[3])
		rc = value_arg("VALUE", cli->args[3], width, &value);
	if (!rc)
		rc = cli_open_unit(cli);
	if (rc)
		return rc;
	ret = nyx_dma_fill(cli->unit, acc.device, acc.iova, acc.length, value, width, &acc.done,
			   &acc.fault);
	return ret ? access_failed(&acc, ret) : finish(result(&acc), &acc);
}

/* Parse the arguments that the three atomic operations share. */
static int atomic_init(struct access *acc, struct cli *cli, const char *op, uint32_t *width)
{
	int rc;

	*width = 8;
	rc = access_init(acc, cli, op, "");
	if (!rc)
		rc = width_opt(cli, atomic_widths, width);
	if (!rc && acc->iova % *width)
		rc = err_usage("IOVA must be a multiple of --width, %u", *width);
	acc->length = *width;
	return rc;
}

static int atomic_finish(struct access *acc, int err, uint64_t old)
{
	bool done = !err && acc->fault.reason == NYX_FAULT_NONE;
	struct out *out;

	if (err)
		return access_failed(acc, err);
	acc->done = done ? acc->length : 0;
	if (!done && acc->cli->out.format == OUT_TABLE)
		acc->cli->out.quiet = true;
	out = out_result(&acc->cli->out, "dma", dma_cols, "0x%" PRIx64 " was at IOVA 0x%" PRIx64,
			 old, acc->iova);
	if (done)
		out_u64(out, COL_OLD, old);
	return finish(out, acc);
}

static int run_cas(struct cli *cli)
{
	uint64_t compare, value, old = 0;
	struct access acc;
	uint32_t width;
	int rc, ret;

	rc = atomic_init(&acc, cli, "cas", &width);
	if (!rc)
		rc = value_arg("COMPARE", cli->args[2], width, &compare);
	if (!rc)
		rc = value_arg("VALUE", cli->args[3], width, &value);
	if (!rc)
		rc = cli_open_unit(cli);
	if (rc)
		return rc;
	ret = nyx_dma_cas(cli->unit, acc.device, acc.iova, width, compare, value, &old, &acc.fault);
	return atomic_finish(&acc, ret, old);
}

/* Run fetch-add or swap, which take a single value. */
static int atomic_run(struct cli *cli, const char *op,
		      int (*fn)(struct nyx_unit *unit, nyx_device_t device, uint64_t iova,
				uint32_t width, uint64_t value, uint64_t *old,
				struct nyx_fault *fault))
{
	uint64_t value, old = 0;
	struct access acc;
	uint32_t width;
	int rc, ret;

	rc = atomic_init(&acc, cli, op, &width);
	if (!rc)
		rc = value_arg("VALUE", cli->args[2], width, &value);
	if (!rc)
		rc = cli_open_unit(cli);
	if (rc)
		return rc;
	ret = fn(cli->unit, acc.device, acc.iova, width, value, &old, &acc.fault);
	return atomic_finish(&acc, ret, old);
}

static int run_fetch_add(struct cli *cli)
{
	return atomic_run(cli, "fetch-add", nyx_dma_fetch_add);
}

static int run_swap(struct cli *cli)
{
	return atomic_run(cli, "swap", nyx_dma_swap);
}

#define IOVA_ARG { "IOVA", WORD_ANY, false, NULL, "the first IOVA" }
#define ATOMIC_OPTS \
	{ "width", 0, "BYTES", WORD_CHOICE, atomic_widths, "4 or 8, of which IOVA is a multiple (default: 8)" }

const struct cmd_verb cmd_dma_verbs[] = {
	{
		.name = "read",
		.help = "Read guest memory, to a file or as text",
		.args = {
			DEVICE_ARG, IOVA_ARG,
			{ "LENGTH", WORD_ANY, false, NULL, "bytes" },
		},
		.opts = { { "to", 0, "FILE", WORD_FILE, NULL, "where to put the bytes; -: standard output" } },
		.cols = dma_cols,
		.run = run_read,
		.example = "dma read 0000:03:00.0 0x1000 64 -u vm1",
	},
	{
		.name = "write",
		.help = "Write guest memory, from a file or from the command line",
		.args = { DEVICE_ARG, IOVA_ARG },
		.opts = {
			{ "from", 0, "FILE", WORD_FILE, NULL, "where to take the bytes from; -: standard input" },
			{ "length", 0, "BYTES", WORD_ANY, NULL, "with --from: how many (default: all)" },
			{ "data", 0, "HEX", WORD_ANY, NULL, "the bytes, two digits each" },
		},
		.cols = dma_cols,
		.run = run_write,
		.example = "dma write 0000:03:00.0 0x1000 --data cafe -u vm1",
	},
	{
		.name = "fill",
		.help = "Fill guest memory with a pattern",
		.args = {
			DEVICE_ARG, IOVA_ARG,
			{ "LENGTH", WORD_ANY, false, NULL, "bytes, a multiple of --width" },
			{ "VALUE", WORD_ANY, true, NULL, "the pattern, little endian (default: 0)" },
		},
		.opts = {
			{ "width", 0, "BYTES", WORD_CHOICE, fill_widths, "bytes of the pattern: 1, 2, 4 or 8 (default: 1)" },
		},
		.cols = dma_cols,
		.run = run_fill,
		.example = "dma fill 0000:03:00.0 0x1000 4K 0xff -u vm1",
	},
	{
		.name = "cas",
		.help = "Compare and swap, atomically",
		.args = {
			DEVICE_ARG, IOVA_ARG,
			{ "COMPARE", WORD_ANY, false, NULL, "write only if this is there" },
			{ "VALUE", WORD_ANY, false, NULL, "what to write" },
		},
		.opts = { ATOMIC_OPTS },
		.cols = dma_cols,
		.run = run_cas,
		.example = "dma cas 0000:03:00.0 0x1000 0 1 -u vm1",
	},
	{
		.name = "fetch-add",
		.help = "Add, atomically",
		.args = { DEVICE_ARG, IOVA_ARG, { "VALUE", WORD_ANY, false, NULL, "what to add" } },
		.opts = { ATOMIC_OPTS },
		.cols = dma_cols,
		.run = run_fetch_add,
		.example = "dma fetch-add 0000:03:00.0 0x1000 1 -u vm1",
	},
	{
		.name = "swap",
		.help = "Exchange a value, atomically",
		.args = { DEVICE_ARG, IOVA_ARG, { "VALUE", WORD_ANY, false, NULL, "what to write" } },
		.opts = { ATOMIC_OPTS },
		.cols = dma_cols,
		.run = run_swap,
		.example = "dma swap 0000:03:00.0 0x1000 7 --width 4 -u vm1",
	},
	{ 0 }
};
