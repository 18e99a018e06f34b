// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the payload of a section: records, by a table of their fields.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "migrate/table.h"

#include <linux/errno.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "base/export.h"
#include "base/reason.h"

static u64 get(const struct table_field *f, const void *record, u32 i)
{
	const void *at = record + f->offset + (size_t)i * f->size;

	switch (f->size) {
	case 1:
		return *(const u8 *)at;
	case 2:
		return *(const u16 *)at;
	case 4:
		return *(const u32 *)at;
	default:
		return *(const u64 *)at;
	}
}

static void set(const struct table_field *f, void *record, u32 i, u64 value)
{
	void *at = record + f->offset + (size_t)i * f->size;

	switch (f->size) {
	case 1:
		*(u8 *)at = value;
		break;
	case 2:
		*(u16 *)at = value;
		break;
	case 4:
		*(u32 *)at = value;
		break;
	default:
		*(u64 *)at = value;
		break;
	}
}

static u8 *put_name(u8 *to, const char *name)
{
	memset(to, 0, NYX_FIELD_NAME_LEN);
	memcpy(to, name, strlen(name));
	return to + NYX_FIELD_NAME_LEN;
}

void table_begin(struct table_writer *w, const struct table *table, u8 *to)
{
	u8 *at = to + FRAME_SECTION + TABLE_HEAD;
	unsigned int i;

	w->table = table;
	w->to = to;
	w->nr = 0;
	w->record = 0;
	for (i = 0; i < table->nr; i++) {
		const struct table_field *f = &table->field[i];

		at = frame_put(at, f->id, 2);
		at = frame_put(at, f->size, 1);
		at = frame_put(at, f->flags, 1);
		at = frame_put(at, f->count, 2);
		at = frame_put(at, 0, 2);
		at = put_name(at, f->name);
		w->record += f->size * f->count;
	}
	w->at = at;
}

bool table_has_room(const struct table_writer *w)
{
	return w->at - w->to + w->record <= FRAME_SECTION + NYX_SECTION_MAX;
}

void table_add(struct table_writer *w, const void *record)
{
	unsigned int i;
	u32 n;

	for (i = 0; i < w->table->nr; i++) {
		const struct table_field *f = &w->table->field[i];

		for (n = 0; n < f->count; n++)
			w->at = frame_put(w->at, get(f, record, n), f->size);
	}
	w->nr++;
}

u32 table_end(struct table_writer *w, u32 phase, u32 id, u32 part)
{
	struct frame_section s = {
		.type = w->table->type,
		.version = w->table->version,
		.flags = w->table->flags,
		.phase = phase,
		.id = id,
		.part = part,
		.length = w->at - w->to - FRAME_SECTION,
	};

	memcpy(s.name, w->table->name, strlen(w->table->name));
	frame_put(w->to + FRAME_SECTION, w->table->nr, 4);
	frame_put(w->to + FRAME_SECTION + 4, w->nr, 4);
	frame_write_section(w->to, &s);
	return w->at - w->to;
}

/* The number of a field in the table, or TABLE_FIELDS_MAX. */
static unsigned int find(const struct table *table, u16 id)
{
	unsigned int i;

	for (i = 0; i < table->nr; i++) {
		if (table->field[i].id == id)
			return i;
	}
	return TABLE_FIELDS_MAX;
}

static bool is_size(u32 size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

/* Read the description of field @i of the payload. Adds what it has in a record to *bytes. */
static int open_field(struct table_reader *r, u32 i, const u8 *from, u32 *bytes)
{
	u32 size = frame_take(from + 2, 1), flags = frame_take(from + 3, 1);
	u32 count = frame_take(from + 4, 2);
	const struct table_field *f;
	unsigned int n;

	n = find(r->table, frame_take(from, 2));
	if (!is_size(size) || !count || (flags & ~NYX_FIELD_F_MANDATORY) ||
	    frame_take(from + 6, 2))
		return NYX_ERR(STREAM_FIELD);
	r->known[i] = n;
	r->bytes[i] = size * count;
	*bytes += size * count;
	if (n == TABLE_FIELDS_MAX)
		return flags ? NYX_ERR(STREAM_FIELD) : 0;
	f = &r->table->field[n];
	return size != f->size || count != f->count ? NYX_ERR(STREAM_FIELD) : 0;
}

/* Find a field that the payload must have and has not; its id, or 0. */
static u32 missing(const struct table_reader *r, const struct frame_section *s)
{
	unsigned int i, n;

	for (i = 0; i < r->table->nr; i++) {
		for (n = 0; n < r->nr_fields && r->known[n] != i; n++)
			;
		if (n == r->nr_fields && r->table->field[i].since <= s->version)
			return r->table->field[i].id;
	}
	return 0;
}

int table_open(struct table_reader *r, const struct table *table,
	       const struct frame_section *s, const u8 *payload)
{
	const u8 *from = payload + TABLE_HEAD;
	u32 bytes = 0, last = 0, i;
	u64 length;
	int ret;

	r->table = table;
	r->field = 0;
	if (s->length < TABLE_HEAD)
		return NYX_ERR(STREAM_LENGTH);
	r->nr_fields = frame_take(payload, 4);
	r->nr = frame_take(payload + 4, 4);
	if (r->nr_fields > TABLE_FIELDS_MAX ||
	    s->length < TABLE_HEAD + r->nr_fields * TABLE_FIELD)
		return NYX_ERR(STREAM_LENGTH);
	for (i = 0; i < r->nr_fields; i++, from += TABLE_FIELD) {
		r->field = frame_take(from, 2);
		ret = r->field > last ? open_field(r, i, from, &bytes) : NYX_ERR(STREAM_FIELD);
		if (ret)
			return ret;
		last = r->field;
	}
	r->field = missing(r, s);
	if (r->field)
		return NYX_ERR(STREAM_FIELD);
	/* 64 fields of 8 * 65535 bytes, and 2^32 records of them: no sum leaves 64 bits. */
	length = TABLE_HEAD + (u64)r->nr_fields * TABLE_FIELD + (u64)r->nr * bytes;
	if (length != s->length || (r->nr && !bytes))
		return NYX_ERR(STREAM_LENGTH);
	r->at = from;
	return 0;
}

bool table_next(struct table_reader *r, void *record)
{
	const struct table_field *f;
	u32 i, n;

	if (!r->nr)
		return false;
	r->nr--;
	memset(record, 0, r->table->size);
	for (i = 0; i < r->nr_fields; i++) {
		if (r->known[i] < TABLE_FIELDS_MAX) {
			f = &r->table->field[array_index_nospec(r->known[i], r->table->nr)];
			for (n = 0; n < f->count; n++)
				set(f, record, n, frame_take(r->at + n * f->size, f->size));
		}
		r->at += r->bytes[i];
	}
	return true;
}

NYX_EXPORT_FOR_TEST(table_begin);
NYX_EXPORT_FOR_TEST(table_has_room);
NYX_EXPORT_FOR_TEST(table_add);
NYX_EXPORT_FOR_TEST(table_end);
NYX_EXPORT_FOR_TEST(table_open);
NYX_EXPORT_FOR_TEST(table_next);
