// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: the one printer.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Tables are laid out by libsmartcols, JSON is written by json-c. JSON rows are
 * kept as text until the end, since a listing of mappings can be long.
 */
#include "out.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <libsmartcols/libsmartcols.h>

#include "cmd.h"
#include "err.h"
#include "when.h"

#define MAX_COLS	48u

struct value {
	bool set;
	uint64_t u;
	double d;
	char *s;
};

struct out {
	const struct out_style *style;
	const char *name;
	const struct out_col *cols;
	unsigned int nr_cols;
	bool list;
	char *sentence;			/* of a result */
	unsigned int shown[MAX_COLS];	/* columns, in the order wanted */
	unsigned int nr_shown;
	bool used[MAX_COLS];		/* some row has a value */
	struct value row[MAX_COLS];
	size_t nr_rows;
	struct libscols_table *table;	/* lists for people */
	FILE *buffer;			/* everything else */
	char *text;			/* what @buffer has collected */
	size_t text_len;
};

static void out_of_memory(void)
{
	err_explain(-ENOMEM, "cannot print");
	exit(EXIT_REFUSED);
}

static int find_col(const struct out *out, const char *key, size_t len)
{
	unsigned int i;

	for (i = 0; i < out->nr_cols; i++) {
		if (strlen(out->cols[i].key) == len && !strncmp(out->cols[i].key, key, len))
			return (int)i;
	}
	return -1;
}

/* cli.c has checked the names. */
static void choose_columns(struct out *out)
{
	const char *s = out->style->columns;
	unsigned int i;
	size_t len;
	int col;

	for (; s && *s; s += len + (s[len] == ',')) {
		len = strcspn(s, ",");
		col = find_col(out, s, len);
		if (col >= 0 && out->nr_shown < MAX_COLS)
			out->shown[out->nr_shown++] = (unsigned int)col;
	}
	if (out->style->columns)
		return;
	for (i = 0; i < out->nr_cols; i++) {
		if (!out->cols[i].hidden || out->style->verbose || !out->list ||
		    out->style->format != OUT_TABLE)
			out->shown[out->nr_shown++] = i;
	}
}

/* "mapped_bytes" is MAPPED in a heading, where the unit shows in the value. */
static size_t label_length(const char *key)
{
	size_t len = strlen(key);

	if (len > 6 && !strcmp(key + len - 6, "_bytes"))
		return len - 6;
	if (len > 3 && (!strcmp(key + len - 3, "_ns") || !strcmp(key + len - 3, "_ms")))
		return len - 3;
	return len;
}

static void heading(char *buf, size_t size, const char *key)
{
	size_t len = label_length(key), i;

	for (i = 0; i < len && i + 1 < size; i++)
		buf[i] = key[i] == '_' || key[i] == '.' ? '-' :
			 (char)toupper((unsigned char)key[i]);
	buf[i] = '\0';
}

static void start_table(struct out *out)
{
	struct libscols_column *column;
	char head[64];
	unsigned int i;
	int flags;

	out->table = scols_new_table();
	if (!out->table)
		out_of_memory();
	for (i = 0; i < out->nr_shown; i++) {
		heading(head, sizeof(head), out->cols[out->shown[i]].key);
		switch (out->cols[out->shown[i]].type) {
		case OUT_COUNT:
		case OUT_SIZE:
		case OUT_ADDR:
		case OUT_RATIO:
		case OUT_TIME:
		case OUT_DURATION:
		case OUT_MILLIS:
			flags = SCOLS_FL_RIGHT;
			break;
		default:
			flags = 0;
			break;
		}
		if (out->cols[out->shown[i]].cut)
			flags |= SCOLS_FL_TRUNC;
		column = scols_table_new_column(out->table, head, 0, flags);
		if (!column)
			out_of_memory();
	}
}

/* Cut no value in a pipe unless COLUMNS is set, which ls(1) and ps(1) obey as well. */
static void fit_table(struct out *out)
{
	const char *columns = getenv("COLUMNS");
	struct libscols_column *column;
	unsigned int i;
	int width = columns ? atoi(columns) : 0;

	if (out->style->verbose) {
		scols_table_set_termforce(out->table, SCOLS_TERMFORCE_NEVER);
		return;
	}
	if (width > 0) {
		scols_table_set_termforce(out->table, SCOLS_TERMFORCE_ALWAYS);
		scols_table_set_termwidth(out->table, (size_t)width);
	}
	for (i = 0; !out->style->columns && i < out->nr_shown; i++) {
		column = scols_table_get_column(out->table, i);
		if (!out->used[out->shown[i]])
			scols_column_set_flags(column, scols_column_get_flags(column) |
						       SCOLS_FL_HIDDEN);
	}
}

static struct out *start(const struct out_style *style, const char *name,
			 const struct out_col *cols, bool list)
{
	struct out *out = calloc(1, sizeof(*out));

	if (!out)
		out_of_memory();
	out->style = style;
	out->name = name;
	out->cols = cols;
	out->list = list;
	while (cols[out->nr_cols].key && out->nr_cols < MAX_COLS)
		out->nr_cols++;
	choose_columns(out);
	out->buffer = open_memstream(&out->text, &out->text_len);
	if (!out->buffer)
		out_of_memory();
	return out;
}

struct out *out_list(const struct out_style *style, const char *name,
		     const struct out_col *cols)
{
	struct out *out = start(style, name, cols, true);

	if (style->format == OUT_TABLE)
		start_table(out);
	return out;
}

struct out *out_record(const struct out_style *style, const char *name,
		       const struct out_col *cols)
{
	return start(style, name, cols, false);
}

struct out *out_result(const struct out_style *style, const char *name,
		       const struct out_col *cols, const char *sentence, ...)
{
	struct out *out = start(style, name, cols, false);
	va_list args;

	va_start(args, sentence);
	/* With --columns, print these columns instead of the sentence. */
	if (style->format == OUT_TABLE && !style->columns &&
	    vasprintf(&out->sentence, sentence, args) < 0)
		out_of_memory();
	va_end(args);
	return out;
}

void out_text(struct out *out, unsigned int col, const char *text)
{
	struct value *value = &out->row[col];

	if (!text)
		return;
	free(value->s);
	value->s = strdup(text);
	if (!value->s)
		out_of_memory();
	value->set = true;
}

void out_u64(struct out *out, unsigned int col, uint64_t v)
{
	out->row[col].u = v;
	out->row[col].set = true;
}

void out_ratio(struct out *out, unsigned int col, double v)
{
	out->row[col].d = v;
	out->row[col].set = true;
}

static void clear_row(struct out *out)
{
	unsigned int i;

	for (i = 0; i < out->nr_cols; i++)
		free(out->row[i].s);
	memset(out->row, 0, sizeof(out->row));
}

const char *out_bytes(uint64_t bytes)
{
	static char texts[4][32];
	static unsigned int next;
	char *text = texts[next++ % 4];

	if (bytes < 1024 || bytes % 1024)
		snprintf(text, sizeof(texts[0]), "%" PRIu64 " %s", bytes,
			 bytes == 1 ? "byte" : "bytes");
	else if (bytes % (UINT64_C(1) << 20))
		snprintf(text, sizeof(texts[0]), "%" PRIu64 "K", bytes >> 10);
	else if (bytes % (UINT64_C(1) << 30))
		snprintf(text, sizeof(texts[0]), "%" PRIu64 "M", bytes >> 20);
	else
		snprintf(text, sizeof(texts[0]), "%" PRIu64 "G", bytes >> 30);
	return text;
}

static void format_size(char *buf, size_t size, uint64_t bytes)
{
	static const char suffixes[] = "KMGTPE";
	unsigned int shift = 0;

	while (shift < 60 && bytes >> shift >= 1024)
		shift += 10;
	if (!shift)
		snprintf(buf, size, "%" PRIu64, bytes);
	else if (bytes & ((UINT64_C(1) << shift) - 1))
		snprintf(buf, size, "%.1f%c", (double)bytes / (double)(UINT64_C(1) << shift),
			 suffixes[shift / 10 - 1]);
	else
		snprintf(buf, size, "%" PRIu64 "%c", bytes >> shift, suffixes[shift / 10 - 1]);
}

/* Use the largest unit that needs no fraction. */
static void format_millis(char *buf, size_t size, uint64_t ms)
{
	if (!ms || ms % 1000)
		snprintf(buf, size, "%" PRIu64 "ms", ms);
	else if (ms % 60000)
		snprintf(buf, size, "%" PRIu64 "s", ms / 1000);
	else if (ms % 3600000)
		snprintf(buf, size, "%" PRIu64 "m", ms / 60000);
	else
		snprintf(buf, size, "%" PRIu64 "h", ms / 3600000);
}

/* A value for people, or for the raw form. */
static const char *format_value(const struct out *out, unsigned int col, char *buf, size_t size)
{
	const struct value *value = &out->row[col];
	bool raw = out->style->format == OUT_RAW;

	if (!value->set)
		return "-";
	switch (out->cols[col].type) {
	case OUT_TEXT:
	case OUT_LIST:
	case OUT_NESTED:
		return *value->s ? value->s : "-";
	case OUT_COUNT:
		snprintf(buf, size, "%" PRIu64, value->u);
		break;
	case OUT_SIZE:
		if (raw || out->style->bytes)
			snprintf(buf, size, "%" PRIu64, value->u);
		else
			format_size(buf, size, value->u);
		break;
	case OUT_ADDR:
		snprintf(buf, size, "0x%" PRIx64, value->u);
		break;
	case OUT_BOOL:
		return value->u ? "yes" : "no";
	case OUT_RATIO:
		if (raw)
			snprintf(buf, size, "%.4f", value->d);
		else
			snprintf(buf, size, "%.2f%%", value->d * 100);
		break;
	case OUT_TIME:
		if (raw)
			snprintf(buf, size, "%" PRIu64, value->u);
		else
			when_relative(buf, size, value->u);
		break;
	case OUT_DURATION:
		if (raw)
			snprintf(buf, size, "%" PRIu64, value->u);
		else
			when_duration(buf, size, value->u);
		break;
	case OUT_MILLIS:
		if (raw)
			snprintf(buf, size, "%" PRIu64, value->u);
		else
			format_millis(buf, size, value->u);
		break;
	}
	return buf;
}

static struct json_object *json_list(const char *text)
{
	struct json_object *array = json_object_new_array();
	size_t len;

	for (; *text; text += len + (text[len] == ',')) {
		len = strcspn(text, ",");
		json_object_array_add(array, json_object_new_string_len(text, (int)len));
	}
	return array;
}

static struct json_object *json_value(const struct out *out, unsigned int col)
{
	const struct value *value = &out->row[col];
	char buf[32];

	if (!value->set)
		return NULL;
	switch (out->cols[col].type) {
	case OUT_TEXT:
		return json_object_new_string(value->s);
	case OUT_ADDR:
		snprintf(buf, sizeof(buf), "0x%" PRIx64, value->u);
		return json_object_new_string(buf);
	case OUT_BOOL:
		return json_object_new_boolean(value->u != 0);
	case OUT_RATIO:
		snprintf(buf, sizeof(buf), "%.6f", value->d);
		return json_object_new_double_s(value->d, buf);
	case OUT_LIST:
		return json_list(value->s);
	case OUT_NESTED:
		return json_tokener_parse(value->s);
	default:
		return json_object_new_uint64(value->u);
	}
}

/* True if any member of the object @prefix is set. */
static bool group_is_set(const struct out *out, const char *prefix, size_t len)
{
	unsigned int i, col;

	for (i = 0; i < out->nr_shown; i++) {
		col = out->shown[i];
		if (!strncmp(out->cols[col].key, prefix, len) && out->row[col].set)
			return true;
	}
	return false;
}

/* Add a member; for a moment, add a second one that people can read. */
static void json_add(struct json_object *to, const char *key, const struct out *out,
		     unsigned int col)
{
	const struct value *value = &out->row[col];
	char text[WHEN_TEXT_LEN], name[64];

	json_object_object_add(to, key, json_value(out, col));
	if (out->cols[col].type != OUT_TIME)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)label_length(key), key);
	when_utc(text, sizeof(text), value->u);
	json_object_object_add(to, name, value->set ? json_object_new_string(text) : NULL);
}

static struct json_object *json_row(const struct out *out)
{
	struct json_object *row = json_object_new_object(), *group;
	char name[64];
	const char *key, *dot;
	unsigned int i;

	for (i = 0; i < out->nr_shown; i++) {
		key = out->cols[out->shown[i]].key;
		dot = strchr(key, '.');
		if (!dot) {
			json_add(row, key, out, out->shown[i]);
			continue;
		}
		snprintf(name, sizeof(name), "%.*s", (int)(dot - key), key);
		if (!json_object_object_get_ex(row, name, &group)) {
			group = group_is_set(out, key, (size_t)(dot - key) + 1) ?
				json_object_new_object() : NULL;
			json_object_object_add(row, name, group);
		}
		if (group)
			json_add(group, dot + 1, out, out->shown[i]);
	}
	return row;
}

static void json_write(const struct out *out, FILE *file)
{
	struct json_object *row = json_row(out);

	fputs(json_object_to_json_string_ext(row, JSON_C_TO_STRING_PLAIN |
						  JSON_C_TO_STRING_NOSLASHESCAPE), file);
	json_object_put(row);
}

/* One word: a blank or a control character would split it. */
static void raw_word(FILE *file, const char *s)
{
	for (; *s; s++) {
		if (isgraph((unsigned char)*s) && *s != '\\')
			fputc(*s, file);
		else
			fprintf(file, "\\x%02x", (unsigned char)*s);
	}
}

static void raw_write(const struct out *out, FILE *file)
{
	char buf[64];
	unsigned int i;

	for (i = 0; i < out->nr_shown; i++) {
		if (i)
			fputc(' ', file);
		raw_word(file, format_value(out, out->shown[i], buf, sizeof(buf)));
	}
	fputc('\n', file);
}

static void record_write(const struct out *out, FILE *file)
{
	bool raw = out->style->format == OUT_RAW;
	char buf[64], label[64];
	unsigned int i, col;
	size_t width = 0, n, len;
	const char *key;

	for (i = 0; !raw && i < out->nr_shown; i++) {
		n = label_length(out->cols[out->shown[i]].key);
		width = n > width ? n : width;
	}
	for (i = 0; i < out->nr_shown; i++) {
		col = out->shown[i];
		key = out->cols[col].key;
		if (raw) {
			fprintf(file, "%s ", key);
			raw_word(file, format_value(out, col, buf, sizeof(buf)));
			fputc('\n', file);
			continue;
		}
		len = label_length(key);
		for (n = 0; n < len && n + 1 < sizeof(label); n++)
			label[n] = key[n] == '_' || key[n] == '.' ? ' ' : key[n];
		label[n] = '\0';
		fprintf(file, "%-*s  %s\n", (int)width, label,
			format_value(out, col, buf, sizeof(buf)));
	}
}

static void table_row(struct out *out)
{
	struct libscols_line *line = scols_table_new_line(out->table, NULL);
	char buf[64];
	unsigned int i;

	for (i = 0; i < out->nr_shown; i++) {
		out->used[out->shown[i]] |= out->row[out->shown[i]].set;
		if (!line || scols_line_set_data(line, i, format_value(out, out->shown[i], buf,
								       sizeof(buf))))
			out_of_memory();
	}
}

void out_row(struct out *out)
{
	if (out->style->format == OUT_JSON) {
		if (out->nr_rows)
			fputs(",\n", out->buffer);
		else if (out->list)
			fputs("\n", out->buffer);
		json_write(out, out->buffer);
	} else if (out->sentence) {
		if (!out->style->quiet)
			fprintf(out->buffer, "%s\n", out->sentence);
	} else if (!out->list) {
		record_write(out, out->buffer);
	} else if (out->table) {
		table_row(out);
	} else {
		raw_write(out, out->buffer);
	}
	out->nr_rows++;
	clear_row(out);
}

static void out_free(struct out *out)
{
	if (out->buffer)
		fclose(out->buffer);
	free(out->text);
	scols_unref_table(out->table);
	clear_row(out);
	free(out->sentence);
	free(out);
}

int out_end(struct out *out)
{
	bool json = out->style->format == OUT_JSON;

	if (fclose(out->buffer))
		out_of_memory();
	out->buffer = NULL;
	if (json)
		printf("{\"%s\":%s", out->name, out->list ? "[" : "");
	if (out->table) {
		fit_table(out);
		scols_print_table(out->table);
	}
	fwrite(out->text, 1, out->text_len, stdout);
	if (json)
		puts(!out->list ? "}" : out->nr_rows ? "\n]}" : "]}");
	out_free(out);
	return EXIT_OK;
}

int out_cancel(struct out *out, int exit_code)
{
	out_free(out);
	return exit_code;
}

int out_event(struct out *out, const char *text)
{
	switch (out->style->format) {
	case OUT_JSON:
		json_write(out, stdout);
		putchar('\n');
		break;
	case OUT_RAW:
		raw_write(out, stdout);
		break;
	case OUT_TABLE:
		puts(text);
		break;
	}
	clear_row(out);
	if (fflush(stdout))
		return err_say(-errno, "cannot write to standard output: %s", strerror(errno));
	return EXIT_OK;
}

void out_error_json(const char *code, const char *message, const char *reason,
		    const char *field)
{
	struct json_object *doc = json_object_new_object();
	struct json_object *error = json_object_new_object();

	json_object_object_add(error, "code", json_object_new_string(code));
	json_object_object_add(error, "message", json_object_new_string(message));
	json_object_object_add(error, "reason", reason ? json_object_new_string(reason) : NULL);
	json_object_object_add(error, "field", field ? json_object_new_string(field) : NULL);
	json_object_object_add(doc, "error", error);
	puts(json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN |
						 JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(doc);
}

int out_close_stdout(int exit_code)
{
	bool failed = ferror(stdout);

	if (fclose(stdout))
		failed = true;
	if (!failed)
		return exit_code;
	/* err_say() may write JSON to standard output, which is what failed. */
	fprintf(stderr, "nyxctl: cannot write to standard output: %s\n", strerror(errno));
	return exit_code ? exit_code : EXIT_REFUSED;
}
