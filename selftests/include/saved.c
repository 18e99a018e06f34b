// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: the stream of a saved unit, to read, change and write.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "saved.h"

#include <stdlib.h>

#define HEAD	sizeof(struct nyx_stream_head)

/* CRC-32C, bit by bit. */
static __u32 crc(__u32 crc, const void *data, size_t n)
{
	const unsigned char *at = data;

	crc = ~crc;
	while (n--) {
		crc ^= *at++;
		for (int i = 0; i < 8; i++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

void saved_init(struct saved *s)
{
	s->data = ktap_alloc(SAVED_ROOM);
	s->size = 0;
}

void saved_copy(struct saved *to, const struct saved *from)
{
	memcpy(to->data, from->data, from->size);
	to->size = from->size;
}

void saved_free(struct saved *s)
{
	free(s->data);
	s->data = NULL;
}

static int migrate(int fd, __u32 flags, __u32 state, struct nyx_migrate *c)
{
	memset(c, NYX_POISON, sizeof(*c));
	c->size = sizeof(*c);
	c->flags = flags;
	c->state = state;
	c->__reserved = 0;
	return nyx_cmd(fd, NYX_MIGRATE, c);
}

int cmd_migrate(int fd, __u32 state, struct nyx_migrate *c)
{
	return migrate(fd, 0, state, c);
}

int cmd_migrate_probe(int fd, __u32 state, struct nyx_migrate *c)
{
	return migrate(fd, NYX_MIGRATE_F_PROBE, state, c);
}

void saved_save(int fd, struct saved *s)
{
	struct nyx_migrate c;
	ssize_t n;
	int file;

	test_cmd(cmd_migrate(fd, NYX_MIGRATE_STOP_COPY, &c));
	ASSERT_EQ(NYX_MIGRATE_STOP_COPY, c.out_state);
	file = c.out_fd;
	s->size = 0;
	while ((n = read(file, s->data + s->size, SAVED_ROOM - s->size)) > 0)
		s->size += n;
	ASSERT_EQ(0, n);
	test_cmd(cmd_migrate(fd, NYX_MIGRATE_RUNNING, &c));
	ASSERT_EQ(NYX_MIGRATE_RUNNING, c.out_state);
	ASSERT_EQ(-1, c.out_fd);
	ASSERT_EQ(s->size, c.out_bytes);
	close(file);
}

int saved_write(int file, const struct saved *s, size_t piece)
{
	size_t at, n;
	ssize_t ret;

	for (at = 0; at < s->size; at += n) {
		n = s->size - at < piece ? s->size - at : piece;
		ret = write(file, s->data + at, n);
		if (ret < 0)
			return -errno;
		ASSERT_EQ(n, ret);
	}
	return 0;
}

int saved_load(int fd, const struct saved *s, struct nyx_migrate *c)
{
	int ret, file, written;

	test_cmd(cmd_migrate(fd, NYX_MIGRATE_RESUMING, c));
	ASSERT_EQ(NYX_MIGRATE_RESUMING, c->out_state);
	file = c->out_fd;
	written = saved_write(file, s, s->size ? s->size : 1);
	ret = cmd_migrate(fd, NYX_MIGRATE_RUNNING, c);
	ASSERT_EQ(NYX_MIGRATE_RUNNING, c->out_state);
	ASSERT_EQ(-1, c->out_fd);
	if (written)
		ASSERT_TRUE(ret);
	if (!ret)
		ASSERT_EQ(s->size, c->out_bytes);
	close(file);
	return ret;
}

size_t saved_section_size(const struct nyx_stream_section *section)
{
	return sizeof(*section) + section->length;
}

struct nyx_stream_section *saved_find(const struct saved *s, __u32 type, unsigned int nr)
{
	struct nyx_stream_section *section;
	size_t at;

	for (at = HEAD; at < s->size; at += saved_section_size(section)) {
		section = (void *)(s->data + at);
		if (section->type == type && !nr--)
			return section;
	}
	return NULL;
}

void saved_fix(struct nyx_stream_section *section)
{
	__u32 sum = crc(0, section, offsetof(struct nyx_stream_section, crc));

	sum = crc(sum, &section->__reserved, saved_section_size(section) -
		  offsetof(struct nyx_stream_section, __reserved));
	section->crc = sum;
}

void saved_fix_head(struct saved *s)
{
	struct nyx_stream_head *head = (void *)s->data;

	head->crc = crc(0, head, offsetof(struct nyx_stream_head, crc));
}

void *saved_field(struct nyx_stream_section *section, const char *name, __u32 record,
		  struct nyx_stream_field **field)
{
	struct nyx_stream_table *table = (void *)(section + 1);
	struct nyx_stream_field *f = (void *)(table + 1);
	const unsigned char *end = (unsigned char *)table + section->length;
	size_t before = 0, bytes = 0;
	bool found = false;

	*field = NULL;
	for (__u32 i = 0; i < table->nr_fields && (unsigned char *)(f + 1) <= end; i++, f++) {
		if (!strncmp((char *)f->name, name, sizeof(f->name))) {
			*field = f;
			before = bytes;
			found = true;
		}
		bytes += f->elem_size * f->count;
	}
	/* Tests spoil tables, too. */
	found = found && (unsigned char *)f + (record + 1) * bytes <= end;
	return found ? (unsigned char *)f + record * bytes + before : NULL;
}

void saved_set(struct nyx_stream_section *section, const char *name, __u32 record, __u64 value)
{
	struct nyx_stream_field *f;
	void *at = saved_field(section, name, record, &f);

	ASSERT_TRUE(at);
	memcpy(at, &value, f->elem_size);
	saved_fix(section);
}

void saved_shift(struct saved *s, void *at, long by)
{
	unsigned char *from = at;
	size_t rest = s->data + s->size - from;

	if (by < 0)
		memmove(from, from - by, rest + by);
	else
		memmove(from + by, from, rest);
	s->size += by;
}
