// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of the stream of a saved unit: heads, sections, records.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Bytes are written out in digits where the format is what is shown. Module parameters:
 * migrate_seed repeats a random run (0: take the clock; it is printed), migrate_rounds is its
 * length.
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/reason.h"
#include "base/types.h"
#include "migrate/objects.h"

static unsigned long migrate_seed;
module_param(migrate_seed, ulong, 0444);
MODULE_PARM_DESC(migrate_seed, "seed of the random cases of nyx_migrate; 0: the clock");
static unsigned int migrate_rounds = 20000;
module_param(migrate_rounds, uint, 0444);
MODULE_PARM_DESC(migrate_rounds, "length of the random cases of nyx_migrate");

#define ROOM	(4 * (FRAME_SECTION + NYX_SECTION_MAX))

/**
 * struct bench - kunit.priv
 * @stream: a stream
 * @len: its bytes
 * @payload: for a reader
 * @reader: the reader
 * @nr: sections that it has read
 * @draw: state of the random numbers
 */
struct bench {
	u8 *stream;
	size_t len;
	u8 *payload;
	struct frame_reader reader;
	unsigned int nr;
	u64 draw;
};

static u64 draw(struct bench *b)
{
	b->draw ^= b->draw >> 12;
	b->draw ^= b->draw << 25;
	b->draw ^= b->draw >> 27;
	return b->draw * 0x2545f4914f6cdd1dull;
}

static u32 below(struct bench *b, u32 n)
{
	return (draw(b) >> 32) * n >> 32;
}

static int bench_init(struct kunit *test)
{
	struct bench *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->stream = kunit_kzalloc(test, ROOM, GFP_KERNEL);
	b->payload = kunit_kzalloc(test, NYX_SECTION_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b->stream);
	KUNIT_ASSERT_NOT_NULL(test, b->payload);
	b->draw = migrate_seed ?: ktime_get_ns() | 1;
	test->priv = b;
	return 0;
}

/* ---- writing ------------------------------------------------------------ */

static void add_head(struct bench *b)
{
	frame_write_head(b->stream);
	b->len = FRAME_HEAD;
}

/* A section of @nr mappings, each of a page. */
static void add_maps(struct bench *b, u32 phase, u32 id, u32 part, u32 nr)
{
	struct object_mapping o = { .length = 0x1000, .prot = 3 };
	struct table_writer w;
	u32 i;

	table_begin(&w, &object_mapping_table, b->stream + b->len);
	for (i = 0; i < nr; i++) {
		o.iova = (u64)i << 13;
		o.gpa = (u64)i << 12 | 1ull << 51;
		table_add(&w, &o);
	}
	b->len += table_end(&w, phase, id, part);
}

static void add_end(struct bench *b)
{
	const struct object_end o = { .nr_sections = 1 };
	struct table_writer w;

	table_begin(&w, &object_end_table, b->stream + b->len);
	table_add(&w, &o);
	b->len += table_end(&w, 0, 0, 0);
}

/* Read the stream in pieces of @piece bytes; a code of NYX_ERR() or 0. */
static int read_all(struct bench *b, size_t piece)
{
	size_t at = 0, n, used;
	int ret;

	b->nr = 0;
	frame_reader_init(&b->reader, b->payload);
	while (at < b->len) {
		n = min(piece, b->len - at);
		ret = frame_read(&b->reader, b->stream + at, n, &used);
		if (ret < 0)
			return ret;
		if (!ret && used != n)
			return -EIO;
		b->nr += ret;
		at += used;
	}
	return b->reader.offset == b->len ? 0 : -EIO;
}

/* Where the checksum of the section at @at is. */
static void fix(struct bench *b, size_t at)
{
	u8 *head = b->stream + at;
	u32 length = frame_take(head + 20, 4);
	u32 crc = frame_crc(0, head, 24);

	crc = frame_crc(crc, head + 28, 20);
	frame_put(head + 24, frame_crc(crc, head + 48, length), 4);
}

/* ---- the format --------------------------------------------------------- */

/* RFC 3720, B.4 */
static void crc_is_that_of_iscsi(struct kunit *test)
{
	u8 data[32];
	u32 i;

	memset(data, 0, sizeof(data));
	KUNIT_EXPECT_EQ(test, frame_crc(0, data, 32), 0x8a9136aau);
	memset(data, 0xff, sizeof(data));
	KUNIT_EXPECT_EQ(test, frame_crc(0, data, 32), 0x62a8ab43u);
	for (i = 0; i < sizeof(data); i++)
		data[i] = i;
	KUNIT_EXPECT_EQ(test, frame_crc(0, data, 32), 0x46dd794eu);
	KUNIT_EXPECT_EQ(test, frame_crc(frame_crc(0, data, 5), data + 5, 27), 0x46dd794eu);
}

static void head_is_as_written_down(struct kunit *test)
{
	static const u8 want[20] = {
		'N', 'Y', 'X', 'U', 'N', 'I', 'T', 0, 1, 0, 0, 0, 4, 3, 2, 1,
	};
	struct bench *b = test->priv;

	add_head(b);
	KUNIT_EXPECT_EQ(test, memcmp(b->stream, want, sizeof(want)), 0);
	KUNIT_EXPECT_EQ(test, frame_take(b->stream + 20, 4), (u64)frame_crc(0, want, 20));
}

static void section_is_as_written_down(struct kunit *test)
{
	static const u8 want[] = {
		4, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0,
		2, 0, 0, 0, 8 + 4 * 24 + 28, 0, 0, 0,
	};
	/* An address, with the description of the first field before it. */
	static const u8 payload[] = {
		4, 0, 0, 0, 1, 0, 0, 0,
		1, 0, 8, 1, 1, 0, 0, 0,
		'i', 'o', 'v', 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	};
	static const u8 record[] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0,
		0, 16, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0,
	};
	struct bench *b = test->priv;
	u8 *at = b->stream;

	add_maps(b, 0, 7, 2, 1);
	KUNIT_ASSERT_EQ(test, b->len, (size_t)48 + 8 + 4 * 24 + 28);
	KUNIT_EXPECT_EQ(test, memcmp(at, want, sizeof(want)), 0);
	KUNIT_EXPECT_EQ(test, memcmp(at + 32, "mappings\0\0\0\0\0\0\0", 16), 0);
	KUNIT_EXPECT_EQ(test, memcmp(at + 48, payload, sizeof(payload)), 0);
	KUNIT_EXPECT_EQ(test, memcmp(at + 48 + 8 + 4 * 24, record, sizeof(record)), 0);
}

static void pieces_of_any_size_are_read(struct kunit *test)
{
	struct bench *b = test->priv;
	size_t piece;

	add_head(b);
	add_maps(b, 0, 1, 0, 20);
	add_maps(b, 0, 1, 1, 0);
	add_maps(b, 0, 2, 0, 3);
	add_end(b);
	for (piece = 1; piece < 300; piece++) {
		KUNIT_ASSERT_EQ(test, read_all(b, piece), 0);
		KUNIT_EXPECT_EQ(test, b->nr, 4u);
		KUNIT_EXPECT_TRUE(test, b->reader.ended);
	}
}

static void section_can_be_full(struct kunit *test)
{
	struct object_mapping o = {};
	struct bench *b = test->priv;
	struct table_reader r;
	struct table_writer w;
	u32 nr = 0;

	add_head(b);
	table_begin(&w, &object_mapping_table, b->stream + b->len);
	for (; table_has_room(&w); nr++) {
		o.iova = nr;
		table_add(&w, &o);
	}
	b->len += table_end(&w, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, nr, (65536u - 8 - 4 * 24) / 28);
	KUNIT_ASSERT_EQ(test, read_all(b, 4096), 0);
	KUNIT_ASSERT_EQ(test, table_open(&r, &object_mapping_table, &b->reader.section,
					 b->payload), 0);
	for (nr = 0; table_next(&r, &o); nr++)
		KUNIT_ASSERT_EQ(test, o.iova, (u64)nr);
	KUNIT_EXPECT_EQ(test, nr, (65536u - 8 - 4 * 24) / 28);
}

/* ---- order -------------------------------------------------------------- */

struct place {
	u16 type;
	u32 phase;
	u32 id;
	u32 part;
};

struct order_case {
	const char *name;
	struct place a;
	struct place b;
	int err;
};

#define BAD	NYX_ERR(STREAM_ORDER)

static const struct order_case orders[] = {
	{ "same", { 4, 0, 1, 0 }, { 4, 0, 1, 0 }, BAD },
	{ "next-part", { 4, 0, 1, 0 }, { 4, 0, 1, 1 }, 0 },
	{ "part-left-out", { 4, 0, 1, 0 }, { 4, 0, 1, 2 }, BAD },
	{ "next-id", { 4, 0, 1, 0 }, { 4, 0, 9, 0 }, 0 },
	{ "next-id-part", { 4, 0, 1, 0 }, { 4, 0, 9, 1 }, BAD },
	{ "id-before", { 4, 0, 1, 0 }, { 4, 0, 0, 0 }, BAD },
	{ "next-type", { 4, 0, 1, 0 }, { 7, 0, 0, 0 }, 0 },
	{ "next-type-part", { 4, 0, 1, 0 }, { 7, 0, 0, 1 }, BAD },
	{ "type-before", { 4, 0, 1, 0 }, { 3, 0, 9, 0 }, BAD },
	{ "next-phase", { 4, 0, 1, 0 }, { 1, 1, 0, 0 }, 0 },
	{ "phase-left-out", { 4, 0, 1, 0 }, { 5, 2, 0, 0 }, BAD },
	{ "next-phase-part", { 4, 0, 1, 0 }, { 5, 1, 0, 1 }, BAD },
	{ "first-part", { 4, 0, 1, 1 }, { 5, 0, 0, 0 }, BAD },
	{ "first-phase", { 4, 1, 1, 0 }, { 5, 1, 0, 0 }, BAD },
	{ "behind-end", { 255, 0, 0, 0 }, { 255, 0, 1, 0 }, BAD },
};

static void describe_order(const struct order_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(order, orders, describe_order);

static void add_place(struct bench *b, const struct place *place)
{
	const struct frame_section s = {
		.type = place->type,
		.phase = place->phase,
		.id = place->id,
		.part = place->part,
	};

	frame_write_section(b->stream + b->len, &s);
	b->len += FRAME_SECTION;
}

static void sections_ascend(struct kunit *test)
{
	const struct order_case *c = test->param_value;
	struct bench *b = test->priv;

	add_head(b);
	add_place(b, &c->a);
	add_place(b, &c->b);
	KUNIT_EXPECT_EQ(test, read_all(b, b->len), c->err);
}

/* ---- hostile ------------------------------------------------------------ */

static void each_bit_counts(struct kunit *test)
{
	struct bench *b = test->priv;
	size_t bit, whole;

	add_head(b);
	add_maps(b, 0, 1, 0, 2);
	add_end(b);
	whole = b->len;
	for (bit = 0; bit < 8 * whole; bit++) {
		b->stream[bit / 8] ^= 1u << bit % 8;
		/* A length that is larger lets the section go on beyond the end. */
		if (!read_all(b, whole))
			KUNIT_ASSERT_FALSE_MSG(test, b->reader.ended, "bit %zu", bit);
		b->stream[bit / 8] ^= 1u << bit % 8;
	}
	KUNIT_EXPECT_EQ(test, read_all(b, whole), 0);
}

static void length_is_bounded(struct kunit *test)
{
	struct bench *b = test->priv;

	add_head(b);
	add_maps(b, 0, 1, 0, 2);
	frame_put(b->stream + FRAME_HEAD + 20, NYX_SECTION_MAX + 1, 4);
	KUNIT_EXPECT_EQ(test, read_all(b, b->len), NYX_ERR(STREAM_LENGTH));
	frame_put(b->stream + FRAME_HEAD + 20, U32_MAX, 4);
	KUNIT_EXPECT_EQ(test, read_all(b, b->len), NYX_ERR(STREAM_LENGTH));
}

/**
 * struct edit - a number of a section of two mappings, changed
 * @name: for people
 * @at: where it is, from the section's head on
 * @size: its bytes
 * @value: what it becomes
 * @err: what table_open() says
 */
struct edit {
	const char *name;
	u32 at;
	u32 size;
	u64 value;
	int err;
};

/* The description of a field. */
#define AT(_field)	(48 + 8 + 24 * (_field))

static const struct edit edits[] = {
	{ "records-0", 52, 4, 0, NYX_ERR(STREAM_LENGTH) },
	{ "records-1", 52, 4, 1, NYX_ERR(STREAM_LENGTH) },
	{ "records-max", 52, 4, U32_MAX, NYX_ERR(STREAM_LENGTH) },
	{ "fields-3", 48, 4, 3, NYX_ERR(STREAM_FIELD) },
	{ "fields-65", 48, 4, 65, NYX_ERR(STREAM_LENGTH) },
	{ "fields-max", 48, 4, U32_MAX, NYX_ERR(STREAM_LENGTH) },
	{ "id-0", AT(0), 2, 0, NYX_ERR(STREAM_FIELD) },
	{ "id-twice", AT(1), 2, 1, NYX_ERR(STREAM_FIELD) },
	{ "id-unknown", AT(3), 2, 9, NYX_ERR(STREAM_FIELD) },
	{ "size-0", AT(1) + 2, 1, 0, NYX_ERR(STREAM_FIELD) },
	{ "size-4", AT(1) + 2, 1, 4, NYX_ERR(STREAM_FIELD) },
	{ "size-16", AT(1) + 2, 1, 16, NYX_ERR(STREAM_FIELD) },
	{ "flags", AT(1) + 3, 1, 2, NYX_ERR(STREAM_FIELD) },
	{ "optional", AT(1) + 3, 1, 0, 0 },
	{ "count-0", AT(1) + 4, 2, 0, NYX_ERR(STREAM_FIELD) },
	{ "count-max", AT(1) + 4, 2, 65535, NYX_ERR(STREAM_FIELD) },
	{ "reserved", AT(1) + 6, 2, 1, NYX_ERR(STREAM_FIELD) },
	{ "name", AT(1) + 8, 8, 0, 0 },
	{ "version", 2, 2, 65535, 0 },
};

static void describe_edit(const struct edit *e, char *desc)
{
	strscpy(desc, e->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(edit, edits, describe_edit);

static void payload_is_checked(struct kunit *test)
{
	const struct edit *e = test->param_value;
	struct bench *b = test->priv;
	struct table_reader r;

	add_head(b);
	add_maps(b, 0, 1, 0, 2);
	frame_put(b->stream + FRAME_HEAD + e->at, e->value, e->size);
	fix(b, FRAME_HEAD);
	KUNIT_ASSERT_EQ(test, read_all(b, b->len), 0);
	KUNIT_EXPECT_EQ(test, table_open(&r, &object_mapping_table, &b->reader.section,
					 b->payload), e->err);
}

/* A section of mappings, without records, that has @nr more fields from @id on. */
static int open_more(struct kunit *test, u16 id, u32 flags, u32 nr)
{
	struct bench *b = test->priv;
	struct table_reader r;
	u8 *at;
	u32 i;

	add_head(b);
	add_maps(b, 0, 1, 0, 0);
	at = b->stream + b->len;
	for (i = 0; i < nr; i++) {
		memset(at, 0, TABLE_FIELD);
		frame_put(at, id + i, 2);
		frame_put(at + 2, 8, 1);
		frame_put(at + 3, flags, 1);
		frame_put(at + 4, 1, 2);
		at += TABLE_FIELD;
	}
	b->len = at - b->stream;
	frame_put(b->stream + FRAME_HEAD + 48, 4 + nr, 4);
	frame_put(b->stream + FRAME_HEAD + 20, b->len - FRAME_HEAD - FRAME_SECTION, 4);
	fix(b, FRAME_HEAD);
	KUNIT_ASSERT_EQ(test, read_all(b, b->len), 0);
	return table_open(&r, &object_mapping_table, &b->reader.section, b->payload);
}

static void more_fields_are_checked(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, open_more(test, 5, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, open_more(test, 5, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, open_more(test, 5, NYX_FIELD_F_MANDATORY, 1),
			NYX_ERR(STREAM_FIELD));
	/* One that is there already. */
	KUNIT_EXPECT_EQ(test, open_more(test, 1, NYX_FIELD_F_MANDATORY, 1),
			NYX_ERR(STREAM_FIELD));
	KUNIT_EXPECT_EQ(test, open_more(test, 4, NYX_FIELD_F_MANDATORY, 1),
			NYX_ERR(STREAM_FIELD));
	KUNIT_EXPECT_EQ(test, open_more(test, 5, 0, 60), 0);
	KUNIT_EXPECT_EQ(test, open_more(test, 5, 0, 61), NYX_ERR(STREAM_LENGTH));
}

/* ---- versions ----------------------------------------------------------- */

struct record {
	u32 old;
	u16 pair[2];
	u8 new;
};

static const struct table_field fields_v2[] = {
	{ "old", 1, 4, NYX_FIELD_F_MANDATORY, 1, 1, offsetof(struct record, old) },
	{ "pair", 2, 2, NYX_FIELD_F_MANDATORY, 2, 1, offsetof(struct record, pair) },
	{ "new", 3, 1, 0, 1, 2, offsetof(struct record, new) },
};

#define TABLE_OF(_version, _nr)						\
	{ "t", 9, _version, 0, sizeof(struct record), fields_v2, _nr }

static const struct table v1 = TABLE_OF(1, 2), v2 = TABLE_OF(2, 3);

static void exchange(struct kunit *test, const struct table *from, const struct table *to,
		     struct record *got)
{
	const struct record sent = { .old = 0x01020304, .pair = { 5, 6 }, .new = 7 };
	struct bench *b = test->priv;
	struct table_reader r;
	struct table_writer w;

	add_head(b);
	table_begin(&w, from, b->stream + b->len);
	table_add(&w, &sent);
	table_add(&w, &sent);
	b->len += table_end(&w, 0, 0, 0);
	KUNIT_ASSERT_EQ(test, read_all(b, b->len), 0);
	KUNIT_ASSERT_EQ(test, table_open(&r, to, &b->reader.section, b->payload), 0);
	memset(got, 0xff, sizeof(*got));
	KUNIT_EXPECT_TRUE(test, table_next(&r, got));
	KUNIT_EXPECT_TRUE(test, table_next(&r, got));
	KUNIT_EXPECT_FALSE(test, table_next(&r, got));
	KUNIT_EXPECT_EQ(test, got->old, sent.old);
	KUNIT_EXPECT_EQ(test, got->pair[0], sent.pair[0]);
	KUNIT_EXPECT_EQ(test, got->pair[1], sent.pair[1]);
}

static void versions_understand_each_other(struct kunit *test)
{
	struct record got;

	exchange(test, &v2, &v2, &got);
	KUNIT_EXPECT_EQ(test, got.new, 7);
	/* An older stream has no such field; an older reader skips it. */
	exchange(test, &v1, &v2, &got);
	KUNIT_EXPECT_EQ(test, got.new, 0);
	exchange(test, &v2, &v1, &got);
	KUNIT_EXPECT_EQ(test, got.new, 0);
}

/* ---- tables ------------------------------------------------------------- */

static const struct table *const tables[] = {
	&object_unit_table, &object_memory_table, &object_domain_table, &object_mapping_table,
	&object_irte_table, &object_device_table, &object_end_table,
};

static void tables_are_sound(struct kunit *test)
{
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct table *t = tables[i];
		u32 bytes = TABLE_HEAD + t->nr * TABLE_FIELD;

		KUNIT_EXPECT_LE(test, t->nr, TABLE_FIELDS_MAX);
		KUNIT_EXPECT_LT(test, strlen(t->name), (size_t)NYX_FIELD_NAME_LEN);
		for (n = 0; n < t->nr; n++) {
			const struct table_field *f = &t->field[n];

			KUNIT_EXPECT_GT(test, f->id, n ? t->field[n - 1].id : 0);
			KUNIT_EXPECT_LT_MSG(test, strlen(f->name), (size_t)NYX_FIELD_NAME_LEN,
					    "%s", f->name);
			KUNIT_EXPECT_LE(test, f->since, t->version);
			KUNIT_EXPECT_LE(test, f->offset + f->size * f->count, t->size);
			bytes += f->size * f->count;
		}
		KUNIT_EXPECT_LE(test, bytes, NYX_SECTION_MAX);
	}
}

/* The reader stays within the bytes of a stream, and ends, whatever they are. */
static void random_bytes_are_survived(struct kunit *test)
{
	union {
		struct object_unit unit;
		struct object_device device;
	} record;
	struct bench *b = test->priv;
	struct table_reader r;
	unsigned int round, n;

	kunit_info(test, "migrate_seed=%llu\n", b->draw);
	for (round = 0; round < migrate_rounds; round++) {
		const struct table *t = tables[below(b, ARRAY_SIZE(tables))];
		size_t at;

		add_head(b);
		add_maps(b, 0, below(b, 2), 0, below(b, 4));
		for (n = below(b, 6); n; n--) {
			at = FRAME_HEAD + below(b, b->len - FRAME_HEAD);
			b->stream[at] = below(b, 2) ? below(b, 256) : below(b, 4) - 1;
		}
		if (frame_take(b->stream + FRAME_HEAD + 20, 4) <= NYX_SECTION_MAX)
			fix(b, FRAME_HEAD);
		if (read_all(b, 1 + below(b, 200)) || !b->nr)
			continue;
		if (below(b, 2))
			t = &object_mapping_table;
		if (table_open(&r, t, &b->reader.section, b->payload))
			continue;
		while (table_next(&r, &record))
			;
		KUNIT_EXPECT_EQ(test, (size_t)(r.at - b->payload),
				(size_t)b->reader.section.length);
	}
}

static struct kunit_case migrate_cases[] = {
	KUNIT_CASE(crc_is_that_of_iscsi),
	KUNIT_CASE(head_is_as_written_down),
	KUNIT_CASE(section_is_as_written_down),
	KUNIT_CASE(pieces_of_any_size_are_read),
	KUNIT_CASE(section_can_be_full),
	KUNIT_CASE_PARAM(sections_ascend, order_gen_params),
	KUNIT_CASE(each_bit_counts),
	KUNIT_CASE(length_is_bounded),
	KUNIT_CASE_PARAM(payload_is_checked, edit_gen_params),
	KUNIT_CASE(more_fields_are_checked),
	KUNIT_CASE(versions_understand_each_other),
	KUNIT_CASE(tables_are_sound),
	KUNIT_CASE(random_bytes_are_survived),
	{}
};

static struct kunit_suite migrate_suite = {
	.name = "nyx_migrate",
	.init = bench_init,
	.test_cases = migrate_cases,
};

kunit_test_suite(migrate_suite);
