/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the payload of a section: records, by a table of their fields.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A payload, all little endian:
 *
 *	u32 number of fields, u32 number of records
 *	for each field, by ascending id: &struct nyx_stream_field of the uAPI
 *	for each record: the elements of each field, without padding
 *
 * So a payload says what is in it. A reader takes the fields of its own table by their
 * ids, and skips others if they are not mandatory.
 */
#ifndef NYX_MIGRATE_TABLE_H
#define NYX_MIGRATE_TABLE_H

#include <linux/types.h>

#include "migrate/frame.h"

#define TABLE_HEAD	8u	/* bytes of a payload before its fields */
#define TABLE_FIELD	24u	/* bytes of the description of a field */
#define TABLE_FIELDS_MAX	64u	/* limit on the fields of a section */

/**
 * struct table_field - a field of a record
 * @name: for people, shorter than NYX_FIELD_NAME_LEN
 * @id: in a stream, from 1 on; never used for something else
 * @size: bytes of an element: 1, 2, 4 or 8
 * @flags: of enum nyx_field_flags
 * @count: elements
 * @since: version of the section that first has it
 * @offset: in the structure of a record
 */
struct table_field {
	const char *name;
	u16 id;
	u8 size;
	u8 flags;
	u16 count;
	u16 since;
	u32 offset;
};

/**
 * struct table - the records of a section
 * @name: of the section, for people, shorter than NYX_FIELD_NAME_LEN
 * @type: of enum nyx_section
 * @version: of the section as it is written
 * @flags: of enum nyx_section_flags
 * @size: bytes of the structure of a record
 * @field: the fields, by ascending id
 * @nr: how many, at most TABLE_FIELDS_MAX
 */
struct table {
	const char *name;
	u16 type;
	u16 version;
	u32 flags;
	u32 size;
	const struct table_field *field;
	unsigned int nr;
};

/**
 * struct table_writer - a section that is written
 * @table: its table
 * @to: FRAME_SECTION and NYX_SECTION_MAX bytes
 * @at: where the next record goes
 * @record: bytes of a record
 * @nr: records
 */
struct table_writer {
	const struct table *table;
	u8 *to;
	u8 *at;
	u32 record;
	u32 nr;
};

/**
 * table_begin() - begin to write a section
 * @w: the writer
 * @table: the table
 * @to: FRAME_SECTION and NYX_SECTION_MAX bytes
 *
 * Context: any.
 */
void table_begin(struct table_writer *w, const struct table *table, u8 *to);

/**
 * table_has_room() - has a section room for one more record?
 * @w: the writer
 *
 * Context: any.
 * Return: true if it has.
 */
bool table_has_room(const struct table_writer *w);

/**
 * table_add() - write a record
 * @w: the writer, which has room
 * @record: the structure
 *
 * Context: any.
 */
void table_add(struct table_writer *w, const void *record);

/**
 * table_end() - finish a section
 * @w: the writer
 * @phase: of the section
 * @id: likewise
 * @part: likewise
 *
 * Context: any.
 * Return: bytes of the section, with its head.
 */
u32 table_end(struct table_writer *w, u32 phase, u32 id, u32 part);

/**
 * struct table_reader - a payload that is read
 * @table: the table
 * @at: the next record
 * @nr: records that are left
 * @nr_fields: fields of the payload
 * @known: by field of the payload: its number in @table, or TABLE_FIELDS_MAX
 * @bytes: by field of the payload: bytes in a record
 * @field: id of the field that is to blame for an error, or 0
 */
struct table_reader {
	const struct table *table;
	const u8 *at;
	u32 nr;
	u32 nr_fields;
	u8 known[TABLE_FIELDS_MAX];
	u32 bytes[TABLE_FIELDS_MAX];
	u32 field;
};

/**
 * table_open() - begin to read a payload
 * @r: the reader
 * @table: the table
 * @s: the section, whose checksum was right
 * @payload: its payload
 *
 * Context: any.
 * Return: 0, or a code of NYX_ERR(): STREAM_LENGTH: the payload is not as long as it says;
 * STREAM_FIELD: a mandatory field is unknown, has another shape, is missing or out of order.
 */
int table_open(struct table_reader *r, const struct table *table,
	       const struct frame_section *s, const u8 *payload);

/**
 * table_next() - read a record
 * @r: the reader
 * @record: the structure, set; zero where the payload has nothing
 *
 * Context: any.
 * Return: false if there is no more.
 */
bool table_next(struct table_reader *r, void *record);

#endif /* NYX_MIGRATE_TABLE_H */
