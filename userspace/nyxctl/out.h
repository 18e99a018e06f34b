/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyxctl: the one printer.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A command describes its columns once and passes values; the printer makes
 * tables, records, raw lines and JSON of them. Keys of JSON and the raw form
 * are stable, tables are for people.
 *
 *   struct out *out = out_list(&cli->out, "domains", cols);
 *   out_u64(out, COL_ID, 1);
 *   out_row(out);
 *   return out_end(out);
 *
 * Nothing is printed before out_end(), so that an error on the way leaves no
 * half document.
 */
#ifndef NYXCTL_OUT_H
#define NYXCTL_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum out_format { OUT_TABLE, OUT_JSON, OUT_RAW };

/**
 * struct out_style - how to print
 * @format: the form
 * @bytes: sizes in bytes, not in K, M, G
 * @verbose: with the columns that are hidden otherwise
 * @quiet: do not report what was done
 * @columns: the wanted columns, separated by commas, or NULL
 */
struct out_style {
	enum out_format format;
	bool bytes;
	bool verbose;
	bool quiet;
	const char *columns;
};

/*
 * In JSON: numbers, but text for OUT_TEXT and OUT_ADDR, booleans for OUT_BOOL. The key of
 * OUT_TIME ends in "_ns"; without that it is there as well, in RFC 3339.
 */
enum out_type {
	OUT_TEXT,
	OUT_COUNT,
	OUT_SIZE,	/* bytes; people see K, M, G */
	OUT_ADDR,	/* hexadecimal */
	OUT_BOOL,
	OUT_RATIO,	/* 0 to 1; people see per cent */
	OUT_TIME,	/* CLOCK_BOOTTIME in nanoseconds; people see "3 s ago" */
	OUT_DURATION,	/* nanoseconds; people see "12 ms" */
	OUT_MILLIS,	/* milliseconds; people see 10s, 250ms */
	OUT_LIST,	/* of texts, separated by commas */
	OUT_NESTED,	/* the text of a JSON value */
};

/**
 * struct out_col - a column
 * @key: name in JSON and for --columns; "a.b" is the member b of an object a
 * @type: what it holds
 * @hidden: shown to people with --verbose only
 * @cut: may be cut where a table would be too wide
 */
struct out_col {
	const char *key;
	enum out_type type;
	bool hidden;
	bool cut;
};

struct out;

/*
 * An array of rows, named in JSON. @cols is closed by one without a key. A table leaves
 * out columns that no row has a value for, and fits the terminal, or COLUMNS; with
 * --verbose it does neither.
 */
struct out *out_list(const struct out_style *style, const char *name,
		     const struct out_col *cols);
/* One row alone, printed for people line by line. */
struct out *out_record(const struct out_style *style, const char *name,
		       const struct out_col *cols);
/*
 * A single row that says what was done. People see the sentence instead, unless
 * they name columns; with --quiet they see nothing.
 */
__attribute__((format(printf, 4, 5)))
struct out *out_result(const struct out_style *style, const char *name,
		       const struct out_col *cols, const char *sentence, ...);

/* Set a value of the current row. A value that is never set prints as null, or "-". */
void out_text(struct out *out, unsigned int col, const char *text);
void out_u64(struct out *out, unsigned int col, uint64_t value);
void out_ratio(struct out *out, unsigned int col, double value);
void out_row(struct out *out);

/* Print. Both return an enum exit_code and free @out. */
int out_end(struct out *out);
int out_cancel(struct out *out, int exit_code);

/*
 * One row at once, printed and flushed: a line of JSON (NDJSON), or @text for
 * people.
 */
int out_event(struct out *out, const char *text);

/* Returns "64M", "100000 bytes" or "1 byte". The results of the last four calls are valid. */
const char *out_bytes(uint64_t bytes);

/* {"error": ...} on standard output. @reason and @field may be NULL. */
void out_error_json(const char *code, const char *message, const char *reason,
		    const char *field);

/* Flush standard output. Returns an enum exit_code; reports what is wrong. */
int out_close_stdout(int exit_code);

#endif /* NYXCTL_OUT_H */
