/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the stream of a saved unit: its head and its sections.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * &struct nyx_stream_head and &struct nyx_stream_section of the uAPI are the format, all
 * little endian. Nothing here depends on the layout of these structures in memory.
 *
 * Pure: a reader takes bytes as they come, and trusts none.
 */
#ifndef NYX_MIGRATE_FRAME_H
#define NYX_MIGRATE_FRAME_H

#include <linux/nyx_iommu.h>
#include <linux/types.h>

#define FRAME_HEAD	24u	/* bytes of a stream's head */
#define FRAME_SECTION	48u	/* bytes of a section's head */

/**
 * struct frame_section - the head of a section
 * @type: of enum nyx_section
 * @version: of the section's format
 * @flags: of enum nyx_section_flags
 * @phase: 0 at first
 * @id: of an object, or 0
 * @part: counts the sections of a phase, type and id
 * @length: bytes of the payload, at most NYX_SECTION_MAX
 * @name: for people; not terminated if it has NYX_FIELD_NAME_LEN characters
 */
struct frame_section {
	u16 type;
	u16 version;
	u32 flags;
	u32 phase;
	u32 id;
	u32 part;
	u32 length;
	char name[NYX_FIELD_NAME_LEN];
};

/**
 * struct frame_reader - a stream that is read
 * @offset: bytes that were taken
 * @begun: the head was read
 * @ended: NYX_SECTION_END was read
 * @any: a section was read
 * @section: the section that is read, or was read last
 * @have: bytes of the head that @head has, or FRAME_SECTION and those of @payload
 * @head: the head of the stream, or of the section, as far as it was taken
 * @payload: NYX_SECTION_MAX bytes: the payload of @section
 */
struct frame_reader {
	u64 offset;
	bool begun;
	bool ended;
	bool any;
	struct frame_section section;
	u32 have;
	u8 head[FRAME_SECTION];
	u8 *payload;
};

/**
 * frame_put() - write a number
 * @to: where to
 * @value: the number
 * @size: its bytes
 *
 * Return: behind the number.
 */
static inline u8 *frame_put(u8 *to, u64 value, u32 size)
{
	for (; size; size--, value >>= 8)
		*to++ = value;
	return to;
}

/**
 * frame_take() - read a number
 * @from: where from
 * @size: its bytes, 8 at most
 *
 * Return: the number.
 */
static inline u64 frame_take(const u8 *from, u32 size)
{
	u64 value = 0;

	while (size--)
		value = value << 8 | from[size];
	return value;
}

/**
 * frame_crc() - the checksum of bytes, CRC-32C
 * @crc: of the bytes before, or 0
 * @data: the bytes
 * @len: how many
 *
 * Context: any.
 * Return: the checksum.
 */
u32 frame_crc(u32 crc, const u8 *data, size_t len);

/**
 * frame_write_head() - write the head of a stream
 * @to: FRAME_HEAD bytes
 *
 * Context: any.
 */
void frame_write_head(u8 *to);

/**
 * frame_write_section() - write the head of a section before its payload
 * @to: FRAME_SECTION bytes; the payload, of @s->length bytes, follows them
 * @s: the section
 *
 * Context: any.
 */
void frame_write_section(u8 *to, const struct frame_section *s);

/**
 * frame_reader_init() - begin to read a stream
 * @r: the reader
 * @payload: NYX_SECTION_MAX bytes
 */
void frame_reader_init(struct frame_reader *r, u8 *payload);

/**
 * frame_read() - take bytes of a stream
 * @r: the reader
 * @from: the bytes
 * @len: how many
 * @used: set to how many were taken
 *
 * The function stops behind a section: @r->section and @r->payload have it then. A reader
 * that has returned an error is not used any more.
 *
 * Context: any.
 * Return: 1: a section is complete; 0: all bytes were taken; a code of NYX_ERR():
 * STREAM_MAGIC, STREAM_VERSION, STREAM_LENGTH, STREAM_CHECKSUM, STREAM_ORDER.
 */
int frame_read(struct frame_reader *r, const u8 *from, size_t len, size_t *used);

#endif /* NYX_MIGRATE_FRAME_H */
