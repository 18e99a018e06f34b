// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx fuzzers: the stream of a saved unit.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The first byte of an input says in which pieces the reader gets the rest, and whether
 * checksums are made right before. Without that hardly an input would get past the first.
 */
#include <stdlib.h>
#include <string.h>

#include "migrate/objects.h"

/* Larger inputs have nothing new. */
#define ROOM	(1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const struct table *const tables[] = {
	&object_unit_table, &object_memory_table, &object_domain_table, &object_mapping_table,
	&object_irte_table, &object_device_table, &object_end_table,
};

/* Make the checksums right, as far as the stream has whole sections. */
static void fix(u8 *stream, size_t size)
{
	size_t at = FRAME_HEAD;
	u32 length, crc;

	if (size < FRAME_HEAD)
		return;
	frame_put(stream + 20, frame_crc(0, stream, 20), 4);
	while (size - at >= FRAME_SECTION) {
		u8 *head = stream + at;

		length = frame_take(head + 20, 4);
		if (length > size - at - FRAME_SECTION)
			return;
		crc = frame_crc(0, head, 24);
		crc = frame_crc(crc, head + 28, FRAME_SECTION - 28 + length);
		frame_put(head + 24, crc, 4);
		at += FRAME_SECTION + length;
	}
}

union record {
	struct object_unit unit;
	struct object_device device;
};

/* A record that is written and read again is the same. */
static void write_again(const struct table *table, const union record *record)
{
	static u8 stream[FRAME_HEAD + FRAME_SECTION + NYX_SECTION_MAX], payload[NYX_SECTION_MAX];
	union record copy;
	struct frame_reader r;
	struct table_reader t;
	struct table_writer w;
	size_t size, used;

	frame_write_head(stream);
	table_begin(&w, table, stream + FRAME_HEAD);
	if (!table_has_room(&w))
		abort();
	table_add(&w, record);
	size = FRAME_HEAD + table_end(&w, 0, 0, 0);
	frame_reader_init(&r, payload);
	if (frame_read(&r, stream, size, &used) != 1 || used != size ||
	    table_open(&t, table, &r.section, payload) || !table_next(&t, &copy) ||
	    memcmp(record, &copy, table->size))
		abort();
}

/* Read the payload as that of each kind of sections: the reader ends behind it, or refuses it. */
static void read_records(const struct frame_reader *r)
{
	union record record;
	struct table_reader t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		if (table_open(&t, tables[i], &r->section, r->payload))
			continue;
		while (table_next(&t, &record))
			write_again(tables[i], &record);
		if (t.at != r->payload + r->section.length)
			abort();
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static u8 payload[NYX_SECTION_MAX];
	struct frame_reader r;
	size_t at, n, used, piece;
	u8 *stream;
	int ret;

	if (!size || size > ROOM)
		return 0;
	piece = 1 + data[0] / 2;
	stream = malloc(size);
	memcpy(stream, data + 1, size - 1);
	if (data[0] & 1)
		fix(stream, size - 1);
	frame_reader_init(&r, payload);
	for (at = 0; at < size - 1; at += used) {
		n = piece < size - 1 - at ? piece : size - 1 - at;
		ret = frame_read(&r, stream + at, n, &used);
		if (ret < 0)
			break;
		if (!ret && used != n)
			abort();
		if (ret)
			read_records(&r);
	}
	free(stream);
	return 0;
}
