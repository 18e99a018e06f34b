// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: saving a unit to a stream, loading one from it, and reading streams.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/migrate.h>

#include "private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD		sizeof(struct nyx_stream_head)
#define SECTION		sizeof(struct nyx_stream_section)
#define TABLE		sizeof(struct nyx_stream_table)
#define FIELD		sizeof(struct nyx_stream_field)
#define AT(type, member)	offsetof(struct nyx_stream_##type, member)
/* Bytes to begin with; a stream is seldom longer. */
#define ROOM		65536u

/* ---- units -------------------------------------------------------------- */

NYX_EXPORT int nyx_migrate_check(struct nyx_unit *unit, uint32_t state, uint32_t *blockers)
{
	struct nyx_migrate req = {
		.size = sizeof(req), .flags = NYX_MIGRATE_F_PROBE, .state = state,
	};
	int ret = nyx__ioctl(unit->fd, NYX_MIGRATE, &req);

	if (!ret)
		*blockers = req.out_blockers;
	return ret;
}

NYX_EXPORT const char *nyx_migrate_blocker_text(uint32_t blocker)
{
	switch (blocker) {
	case NYX_MIGRATE_B_VIEWS:
		return "processes have views of it";
	case NYX_MIGRATE_B_TARGETS:
		return "change streams follow its devices or domains";
	case NYX_MIGRATE_B_BINDINGS:
		return "interrupts are bound to eventfds";
	case NYX_MIGRATE_B_PAGES:
		return "page requests have no answer";
	case NYX_MIGRATE_B_OBJECTS:
		return "it has domains, devices or interrupt remapping entries";
	default:
		return NULL;
	}
}

NYX_EXPORT int nyx_migrate_begin(struct nyx_unit *unit, uint32_t state, int *fd)
{
	struct nyx_migrate req = { .size = sizeof(req), .state = state };
	int ret = nyx__ioctl(unit->fd, NYX_MIGRATE, &req);

	if (!ret && req.out_fd < 0)
		return nyx__fail(-EBUSY);
	*fd = req.out_fd;
	return ret;
}

NYX_EXPORT int nyx_migrate_end(struct nyx_unit *unit, struct nyx_migrate_place *place)
{
	struct nyx_migrate req = { .size = sizeof(req), .state = NYX_MIGRATE_RUNNING };
	int ret = nyx__ioctl(unit->fd, NYX_MIGRATE, &req);

	if (ret && place)
		*place = (struct nyx_migrate_place){
			.section = req.out_section, .id = req.out_id, .part = req.out_part,
			.record = req.out_record, .field = req.out_field,
		};
	return ret;
}

/* Read all of a file. */
static int read_all(int fd, unsigned char **data, size_t *size)
{
	size_t room = 0;
	ssize_t n = 1;
	void *more;

	*data = NULL;
	*size = 0;
	while (n) {
		if (*size == room) {
			room = room ? 2 * room : ROOM;
			more = realloc(*data, room);
			if (!more)
				return nyx__fail(-ENOMEM);
			*data = more;
		}
		n = read(fd, *data + *size, room - *size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return nyx__fail(-errno);
		*size += (size_t)n;
	}
	return 0;
}

NYX_EXPORT int nyx_migrate_save(struct nyx_unit *unit, void **stream, size_t *size)
{
	unsigned char *data = NULL;
	int fd, ret;

	ret = nyx_migrate_begin(unit, NYX_MIGRATE_STOP_COPY, &fd);
	if (ret)
		return ret;
	ret = read_all(fd, &data, size);
	/* This lets the unit run. */
	close(fd);
	if (ret) {
		free(data);
		return ret;
	}
	*stream = data;
	return 0;
}

static int write_all(int fd, const unsigned char *data, size_t size)
{
	ssize_t n;

	while (size) {
		n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

NYX_EXPORT int nyx_migrate_load(struct nyx_unit *unit, const void *stream, size_t size,
				struct nyx_migrate_place *place)
{
	int fd, ret, written;

	ret = nyx_migrate_begin(unit, NYX_MIGRATE_RESUMING, &fd);
	if (ret)
		return ret;
	written = write_all(fd, stream, size);
	/* Why a write has failed is told by the end. */
	ret = nyx_migrate_end(unit, place);
	close(fd);
	return ret || !written ? ret : nyx__fail(written);
}

/* ---- streams ------------------------------------------------------------ */

static uint64_t number(const unsigned char *from, uint32_t size)
{
	uint64_t value = 0;

	while (size--)
		value = value << 8 | from[size];
	return value;
}

/* CRC-32C. */
static uint32_t crc(uint32_t sum, const unsigned char *data, size_t n)
{
	sum = ~sum;
	while (n--) {
		sum ^= *data++;
		for (int i = 0; i < 8; i++)
			sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78 : 0);
	}
	return ~sum;
}

static int check_head(const unsigned char *head, size_t size)
{
	if (size < HEAD)
		return -ENODATA;
	if (number(head + AT(head, magic), 8) != NYX_STREAM_MAGIC)
		return -EINVAL;
	if (number(head + AT(head, version), 4) != NYX_STREAM_VERSION ||
	    number(head + AT(head, byte_order), 4) != NYX_STREAM_ORDER ||
	    number(head + AT(head, flags), 4))
		return -EOPNOTSUPP;
	return number(head + AT(head, crc), 4) == crc(0, head, AT(head, crc)) ? 0 : -EBADMSG;
}

static uint32_t section_crc(const unsigned char *from, uint32_t length)
{
	uint32_t sum = crc(0, from, AT(section, crc));

	return crc(sum, from + AT(section, __reserved),
		   SECTION - AT(section, __reserved) + length);
}

/* The place of the description of a field. */
static const unsigned char *field_at(const struct nyx_migrate_section *section, uint32_t index)
{
	return section->payload + TABLE + index * FIELD;
}

/* Bytes of a record, whose fields are all in the payload. */
static uint64_t record_size(const struct nyx_migrate_section *section)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < section->nr_fields; i++)
		bytes += number(field_at(section, i) + AT(field, elem_size), 1) *
			 number(field_at(section, i) + AT(field, count), 2);
	return bytes;
}

/* Is the payload a table, in whole? */
static int open_table(struct nyx_migrate_section *section)
{
	uint64_t bytes;

	if (section->type == NYX_SECTION_MODEL)
		return 0;
	if (section->length < TABLE)
		return -EINVAL;
	section->nr_fields = (uint32_t)number(section->payload, 4);
	section->nr_records = (uint32_t)number(section->payload + 4, 4);
	if (section->nr_fields > (section->length - TABLE) / FIELD)
		return -EINVAL;
	bytes = record_size(section);
	if (section->nr_records && !bytes)
		return -EINVAL;
	return TABLE + section->nr_fields * FIELD + section->nr_records * bytes ==
	       section->length ? 0 : -EINVAL;
}

NYX_EXPORT int nyx_migrate_section_next(const void *stream, size_t size, size_t *at,
					struct nyx_migrate_section *section)
{
	const unsigned char *from = stream;
	bool first = !*at;
	int ret;

	if (first) {
		ret = check_head(from, size);
		if (ret)
			return nyx__fail(ret);
		*at = HEAD;
	}
	if (*at >= size)
		return !first && section->type == NYX_SECTION_END ? 0 : nyx__fail(-ENODATA);
	from += *at;
	size -= *at;
	if (size < SECTION)
		return nyx__fail(-ENODATA);
	*section = (struct nyx_migrate_section){
		.type = (uint16_t)number(from + AT(section, type), 2),
		.version = (uint16_t)number(from + AT(section, version), 2),
		.flags = (uint32_t)number(from + AT(section, flags), 4),
		.phase = (uint32_t)number(from + AT(section, phase), 4),
		.id = (uint32_t)number(from + AT(section, id), 4),
		.part = (uint32_t)number(from + AT(section, part), 4),
		.length = (uint32_t)number(from + AT(section, length), 4),
		.payload = from + SECTION,
	};
	memcpy(section->name, from + AT(section, name), NYX_FIELD_NAME_LEN);
	if (section->length > NYX_SECTION_MAX)
		return nyx__fail(-EINVAL);
	if (section->length > size - SECTION)
		return nyx__fail(-ENODATA);
	if (number(from + AT(section, crc), 4) != section_crc(from, section->length))
		return nyx__fail(-EBADMSG);
	ret = open_table(section);
	if (ret)
		return nyx__fail(ret);
	*at += SECTION + section->length;
	return 1;
}

NYX_EXPORT int nyx_migrate_field_get(const struct nyx_migrate_section *section, uint32_t index,
				     struct nyx_migrate_field *field)
{
	uint32_t offset = 0;

	if (index >= section->nr_fields)
		return nyx__fail(-ENOENT);
	for (uint32_t i = 0; i <= index; i++) {
		const unsigned char *from = field_at(section, i);

		*field = (struct nyx_migrate_field){
			.id = (uint16_t)number(from + AT(field, id), 2),
			.elem_size = from[AT(field, elem_size)],
			.flags = from[AT(field, flags)],
			.count = (uint16_t)number(from + AT(field, count), 2),
			.offset = offset,
		};
		memcpy(field->name, from + AT(field, name), NYX_FIELD_NAME_LEN);
		offset += field->elem_size * field->count;
	}
	return 0;
}

NYX_EXPORT uint64_t nyx_migrate_value(const struct nyx_migrate_section *section,
				      const struct nyx_migrate_field *field, uint32_t record,
				      uint32_t element)
{
	const unsigned char *at = field_at(section, section->nr_fields);

	if (record >= section->nr_records || element >= field->count)
		return 0;
	at += record * record_size(section) + field->offset + element * field->elem_size;
	return number(at, field->elem_size > 8 ? 8 : field->elem_size);
}
