// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the stream of a saved unit: its head and its sections.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "migrate/frame.h"

#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "base/export.h"
#include "base/reason.h"

/* Where the checksum of a head is in it. */
#define HEAD_CRC	20u
#define SECTION_CRC	24u

u32 frame_crc(u32 crc, const u8 *data, size_t len)
{
	/* CRC-32C of four bits. */
	static const u32 table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};

	crc = ~crc;
	while (len--) {
		crc ^= *data++;
		crc = table[crc & 15] ^ crc >> 4;
		crc = table[crc & 15] ^ crc >> 4;
	}
	return ~crc;
}

void frame_write_head(u8 *to)
{
	u8 *at = to;

	at = frame_put(at, NYX_STREAM_MAGIC, 8);
	at = frame_put(at, NYX_STREAM_VERSION, 4);
	at = frame_put(at, NYX_STREAM_ORDER, 4);
	at = frame_put(at, 0, 4);
	frame_put(at, frame_crc(0, to, HEAD_CRC), 4);
}

/* The checksum of a section, whose payload may be elsewhere. */
static u32 section_crc(const u8 *head, const u8 *payload, u32 length)
{
	u32 crc = frame_crc(0, head, SECTION_CRC);

	crc = frame_crc(crc, head + SECTION_CRC + 4, FRAME_SECTION - SECTION_CRC - 4);
	return frame_crc(crc, payload, length);
}

void frame_write_section(u8 *to, const struct frame_section *s)
{
	u8 *at = to;

	at = frame_put(at, s->type, 2);
	at = frame_put(at, s->version, 2);
	at = frame_put(at, s->flags, 4);
	at = frame_put(at, s->phase, 4);
	at = frame_put(at, s->id, 4);
	at = frame_put(at, s->part, 4);
	at = frame_put(at, s->length, 4);
	at = frame_put(at, 0, 4);
	at = frame_put(at, 0, 4);
	memcpy(at, s->name, sizeof(s->name));
	frame_put(to + SECTION_CRC, section_crc(to, to + FRAME_SECTION, s->length), 4);
}

void frame_reader_init(struct frame_reader *r, u8 *payload)
{
	memset(r, 0, sizeof(*r));
	r->payload = payload;
}

static int check_head(const u8 *head)
{
	if (frame_take(head, 8) != NYX_STREAM_MAGIC)
		return NYX_ERR(STREAM_MAGIC);
	if (frame_take(head + 8, 4) != NYX_STREAM_VERSION ||
	    frame_take(head + 12, 4) != NYX_STREAM_ORDER)
		return NYX_ERR(STREAM_VERSION);
	if (frame_take(head + HEAD_CRC, 4) != frame_crc(0, head, HEAD_CRC))
		return NYX_ERR(STREAM_CHECKSUM);
	/* A flag changes what a stream means. */
	return frame_take(head + 16, 4) ? NYX_ERR(STREAM_VERSION) : 0;
}

/* Is @b what may follow @a? */
static bool follows(const struct frame_section *a, const struct frame_section *b)
{
	if (b->phase != a->phase)
		return b->phase == a->phase + 1 && b->phase && !b->part;
	if (b->type != a->type)
		return b->type > a->type && !b->part;
	if (b->id != a->id)
		return b->id > a->id && !b->part;
	return b->part == a->part + 1 && b->part;
}

static int begin_section(struct frame_reader *r)
{
	const struct frame_section last = r->section;
	struct frame_section *s = &r->section;
	const u8 *head = r->head;

	*s = (struct frame_section) {
		.type = frame_take(head, 2),
		.version = frame_take(head + 2, 2),
		.flags = frame_take(head + 4, 4),
		.phase = frame_take(head + 8, 4),
		.id = frame_take(head + 12, 4),
		.part = frame_take(head + 16, 4),
		.length = frame_take(head + 20, 4),
	};
	memcpy(s->name, head + 32, sizeof(s->name));
	if (s->length > NYX_SECTION_MAX)
		return NYX_ERR(STREAM_LENGTH);
	if (r->ended || (r->any ? !follows(&last, s) : s->phase || s->part))
		return NYX_ERR(STREAM_ORDER);
	return 0;
}

static int end_section(struct frame_reader *r)
{
	const struct frame_section *s = &r->section;

	if (frame_take(r->head + SECTION_CRC, 4) != section_crc(r->head, r->payload, s->length))
		return NYX_ERR(STREAM_CHECKSUM);
	if ((s->flags & ~NYX_SECTION_F_MANDATORY) || frame_take(r->head + 28, 4))
		return NYX_ERR(STREAM_VERSION);
	r->any = true;
	r->ended = s->type == NYX_SECTION_END;
	r->have = 0;
	return 1;
}

/* Take up to @want bytes of a head; true when all are there. */
static bool fill_head(struct frame_reader *r, const u8 **from, size_t *left, u32 want)
{
	u32 n;

	if (r->have >= want)
		return true;
	n = min_t(size_t, *left, want - r->have);
	memcpy(r->head + r->have, *from, n);
	r->have += n;
	*from += n;
	*left -= n;
	return r->have == want;
}

static int read_some(struct frame_reader *r, const u8 **from, size_t *left)
{
	bool had = r->have >= FRAME_SECTION;
	u32 at, n;
	int ret;

	if (!r->begun) {
		if (!fill_head(r, from, left, FRAME_HEAD))
			return 0;
		r->begun = true;
		r->have = 0;
		return check_head(r->head);
	}
	if (!fill_head(r, from, left, FRAME_SECTION))
		return 0;
	if (!had) {
		ret = begin_section(r);
		if (ret)
			return ret;
	}
	at = r->have - FRAME_SECTION;
	n = min_t(size_t, *left, r->section.length - at);
	memcpy(r->payload + at, *from, n);
	r->have += n;
	*from += n;
	*left -= n;
	return at + n == r->section.length ? end_section(r) : 0;
}

int frame_read(struct frame_reader *r, const u8 *from, size_t len, size_t *used)
{
	size_t left = len;
	int ret = 0;

	while (left && !ret)
		ret = read_some(r, &from, &left);
	*used = len - left;
	r->offset += *used;
	return ret;
}

NYX_EXPORT_FOR_TEST(frame_crc);
NYX_EXPORT_FOR_TEST(frame_write_head);
NYX_EXPORT_FOR_TEST(frame_write_section);
NYX_EXPORT_FOR_TEST(frame_reader_init);
NYX_EXPORT_FOR_TEST(frame_read);
