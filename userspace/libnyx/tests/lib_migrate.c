// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: streams of saved units are read without a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nyx/nyx.h>

#include "ktap.h"

#define ROOM	4096u

/**
 * struct builder - a stream that is made
 * @data: its bytes
 * @size: how many
 * @section: where the last section begins
 */
struct builder {
	unsigned char data[ROOM];
	size_t size;
	size_t section;
};

static void put(struct builder *b, uint64_t value, unsigned int bytes)
{
	for (; bytes; bytes--, value >>= 8)
		b->data[b->size++] = (unsigned char)value;
}

static void put_name(struct builder *b, const char *name)
{
	memset(b->data + b->size, 0, NYX_FIELD_NAME_LEN);
	memcpy(b->data + b->size, name, strlen(name));
	b->size += NYX_FIELD_NAME_LEN;
}

static uint32_t crc(uint32_t sum, const unsigned char *data, size_t n)
{
	for (sum = ~sum; n; n--) {
		sum ^= *data++;
		for (int i = 0; i < 8; i++)
			sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78 : 0);
	}
	return ~sum;
}

static void patch(struct builder *b, size_t at, uint32_t value)
{
	size_t size = b->size;

	b->size = at;
	put(b, value, 4);
	b->size = size;
}

static void head(struct builder *b)
{
	b->size = 0;
	put(b, NYX_STREAM_MAGIC, 8);
	put(b, 1, 4);
	put(b, 0x01020304, 4);
	put(b, 0, 4);
	put(b, crc(0, b->data, 20), 4);
}

static void section(struct builder *b, unsigned int type, unsigned int id, const char *name)
{
	b->section = b->size;
	put(b, type, 2);
	put(b, 1, 2);
	put(b, NYX_SECTION_F_MANDATORY, 4);
	put(b, 0, 4);
	put(b, id, 4);
	put(b, 0, 4);
	put(b, 0, 4);	/* length */
	put(b, 0, 4);	/* checksum */
	put(b, 0, 4);
	put_name(b, name);
}

static void end(struct builder *b)
{
	const unsigned char *at = b->data + b->section;

	patch(b, b->section + 20, (uint32_t)(b->size - b->section - 48));
	patch(b, b->section + 24, crc(crc(0, at, 24), at + 28, b->size - b->section - 28));
}

static void field(struct builder *b, unsigned int id, unsigned int size, unsigned int count,
		  const char *name)
{
	put(b, id, 2);
	put(b, size, 1);
	put(b, 1, 1);
	put(b, count, 2);
	put(b, 0, 2);
	put_name(b, name);
}

/* Two records of two fields, a section that is no table, and the end. */
static void build(struct builder *b)
{
	head(b);
	section(b, NYX_SECTION_MAPPINGS, 7, "mappings");
	put(b, 2, 4);
	put(b, 2, 4);
	field(b, 1, 8, 1, "iova");
	field(b, 9, 2, 3, "sixteen-letters!");
	put(b, 0x1122334455667788, 8);
	put(b, 1, 2);
	put(b, 2, 2);
	put(b, 3, 2);
	put(b, 0xffffffffffffffff, 8);
	put(b, 4, 2);
	put(b, 5, 2);
	put(b, 6, 2);
	end(b);
	section(b, NYX_SECTION_MODEL, 0, "model");
	put(b, 0xabcdef, 3);
	end(b);
	section(b, NYX_SECTION_END, 0, "end");
	put(b, 1, 4);
	put(b, 1, 4);
	field(b, 1, 8, 1, "nr_sections");
	put(b, 2, 8);
	end(b);
}

/* The outcome of reading it all: 0, or the errno. */
static int read_all(const struct builder *b, size_t size)
{
	struct nyx_migrate_section s;
	size_t at = 0;
	int ret;

	while ((ret = nyx_migrate_section_next(b->data, size, &at, &s)) > 0)
		;
	return ret;
}

TEST(read)
{
	struct nyx_migrate_section s;
	struct nyx_migrate_field f;
	struct builder b;
	size_t at = 0;

	build(&b);
	ASSERT_EQ(1, nyx_migrate_section_next(b.data, b.size, &at, &s));
	ASSERT_EQ(NYX_SECTION_MAPPINGS, s.type);
	ASSERT_EQ(7, s.id);
	ASSERT_EQ(1, s.version);
	ASSERT_EQ(2, s.nr_fields);
	ASSERT_EQ(2, s.nr_records);
	ASSERT_EQ(0, strcmp("mappings", s.name));
	ASSERT_EQ(0, nyx_migrate_field_get(&s, 0, &f));
	ASSERT_EQ(0, strcmp("iova", f.name));
	ASSERT_EQ(0x1122334455667788, nyx_migrate_value(&s, &f, 0, 0));
	ASSERT_EQ(-1, nyx_migrate_value(&s, &f, 1, 0));
	ASSERT_EQ(0, nyx_migrate_value(&s, &f, 2, 0));
	ASSERT_EQ(0, nyx_migrate_value(&s, &f, 0, 1));
	ASSERT_EQ(0, nyx_migrate_field_get(&s, 1, &f));
	ASSERT_EQ(0, strcmp("sixteen-letters!", f.name));
	ASSERT_EQ(9, f.id);
	for (uint32_t n = 0; n < 6; n++)
		ASSERT_EQ(n + 1, nyx_migrate_value(&s, &f, n / 3, n % 3));
	ASSERT_EQ(-ENOENT, nyx_migrate_field_get(&s, 2, &f));
	ASSERT_EQ(1, nyx_migrate_section_next(b.data, b.size, &at, &s));
	ASSERT_EQ(NYX_SECTION_MODEL, s.type);
	ASSERT_EQ(3, s.length);
	ASSERT_EQ(0, s.nr_fields);
	ASSERT_EQ(0xef, s.payload[0]);
	ASSERT_EQ(1, nyx_migrate_section_next(b.data, b.size, &at, &s));
	ASSERT_EQ(0, nyx_migrate_section_next(b.data, b.size, &at, &s));
	ASSERT_EQ(b.size, at);
}

TEST(truncated)
{
	struct builder b;

	build(&b);
	for (size_t size = 0; size < b.size; size++) {
		/* A copy of its size, so that a sanitizer sees what is read behind it. */
		unsigned char *copy = ktap_alloc(size ? size : 1);
		struct nyx_migrate_section s;
		size_t at = 0;
		int ret;

		memcpy(copy, b.data, size);
		while ((ret = nyx_migrate_section_next(copy, size, &at, &s)) > 0)
			;
		if (ret != -ENODATA)
			FAIL("%zu bytes: %d", size, ret);
		free(copy);
	}
	ASSERT_EQ(0, read_all(&b, b.size));
}

TEST(flipped)
{
	struct builder b;

	build(&b);
	for (size_t bit = 0; bit < 8 * b.size; bit++) {
		b.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
		if (!read_all(&b, b.size))
			FAIL("bit %zu", bit);
		b.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}

/**
 * struct edit - a number of the first section, or of the head
 * @name: for people
 * @at: where it is in the stream
 * @value: its new four bytes
 * @err: what comes of it
 */
struct edit {
	const char *name;
	size_t at;
	uint32_t value;
	int err;
};

static const struct edit edits[] = {
	{ "magic", 0, 1, -EINVAL },
	{ "version", 8, 2, -EOPNOTSUPP },
	{ "order", 12, 0x04030201, -EOPNOTSUPP },
	{ "flags", 16, 1, -EOPNOTSUPP },
	{ "length", 24 + 20, NYX_SECTION_MAX + 1, -EINVAL },
	{ "length_max", 24 + 20, 0xffffffff, -EINVAL },
	{ "fields", 24 + 48, 3, -EINVAL },
	{ "fields_max", 24 + 48, 0xffffffff, -EINVAL },
	{ "records", 24 + 52, 3, -EINVAL },
	{ "records_max", 24 + 52, 0xffffffff, -EINVAL },
	{ "size_count", 24 + 56 + 2, 0xffff01ff, -EINVAL },
};

TEST_EACH(edited, edits)
{
	struct builder b;

	build(&b);
	patch(&b, v->at, v->value);
	if (v->at < 24) {
		patch(&b, 20, crc(0, b.data, 20));
	} else if (v->value <= NYX_SECTION_MAX || v->at != 24 + 20) {
		const unsigned char *at = b.data + 24;
		size_t n = 48 + 8 + 2 * 24 + 2 * 14;

		patch(&b, 24 + 24, crc(crc(0, at, 24), at + 28, n - 28));
	}
	ASSERT_EQ(v->err, read_all(&b, b.size));
}

TEST(blockers)
{
	for (uint32_t bit = 1; bit <= NYX_MIGRATE_B_OBJECTS; bit <<= 1)
		ASSERT_TRUE(nyx_migrate_blocker_text(bit));
	ASSERT_TRUE(!nyx_migrate_blocker_text(0));
	ASSERT_TRUE(!nyx_migrate_blocker_text(NYX_MIGRATE_B_OBJECTS << 1));
}
