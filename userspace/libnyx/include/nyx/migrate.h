/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: saving a unit to a stream, and loading one from it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A stream has all of a unit but the contents of guest memory. The target of a migration is
 * a unit that was made with the same options, and has the same ranges of guest memory:
 *
 *	ret = nyx_migrate_save(unit, &stream, &size);
 *	... send the stream ...
 *	ret = nyx_migrate_load(unit, stream, size, &where);
 *
 * A stream says itself what is in it: nyx_migrate_section_next() and the functions below it
 * read one without a unit, and without a module.
 */
#ifndef NYX_MIGRATE_H
#define NYX_MIGRATE_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_migrate_check() - find out what keeps a unit from being saved, or loaded
 * @unit: the unit
 * @state: NYX_MIGRATE_STOP_COPY or NYX_MIGRATE_RESUMING
 * @blockers: set, of enum nyx_migrate_blockers; 0: nothing
 *
 * Return: 0, or an error of NYX_MIGRATE.
 */
int nyx_migrate_check(struct nyx_unit *unit, uint32_t state, uint32_t *blockers);

/**
 * nyx_migrate_blocker_text() - what a blocker is
 * @blocker: a bit of enum nyx_migrate_blockers
 *
 * Return: a sentence's part like "processes have views", or NULL.
 */
const char *nyx_migrate_blocker_text(uint32_t blocker);

/**
 * nyx_migrate_begin() - stop a unit to save it, or begin to load it
 * @unit: the unit, which runs
 * @state: NYX_MIGRATE_STOP_COPY or NYX_MIGRATE_RESUMING
 * @fd: set: a file to read the stream from, or to write it to; the caller closes it
 *
 * Closing @fd lets the unit run again. Other commands that use the unit wait meanwhile, or
 * fail while it is loaded.
 *
 * Return: 0, or an error of NYX_MIGRATE.
 */
int nyx_migrate_begin(struct nyx_unit *unit, uint32_t state, int *fd);

/**
 * struct nyx_migrate_place - where a stream is wrong
 * @section: number of the section, of enum nyx_section; 0: not in a section
 * @id: its id
 * @part: its part
 * @record: its record, or 0xffffffff: the section as a whole
 * @field: the id of the field, or 0
 */
struct nyx_migrate_place {
	uint32_t section;
	uint32_t id;
	uint32_t part;
	uint32_t record;
	uint32_t field;
};

/**
 * nyx_migrate_end() - let a unit run that was stopped or loaded
 * @unit: the unit
 * @place: set if this fails because of the stream; or NULL
 *
 * Return: 0; why the unit was not loaded: nyx_last_reason() tells the reason, and the unit is
 * empty.
 */
int nyx_migrate_end(struct nyx_unit *unit, struct nyx_migrate_place *place);

/**
 * nyx_migrate_save() - save a unit, which runs on
 * @unit: the unit; it is stopped while the stream is copied
 * @stream: set: the stream, for free(3)
 * @size: set: its bytes
 *
 * Return: 0; -ENOMEM; an error of NYX_MIGRATE, or of read(2) of its file.
 */
int nyx_migrate_save(struct nyx_unit *unit, void **stream, size_t *size);

/**
 * nyx_migrate_load() - load a unit
 * @unit: the unit, without domains, devices and interrupt entries
 * @stream: a stream
 * @size: its bytes
 * @place: set if this fails because of the stream; or NULL
 *
 * Return: as nyx_migrate_end().
 */
int nyx_migrate_load(struct nyx_unit *unit, const void *stream, size_t size,
		     struct nyx_migrate_place *place);

/**
 * struct nyx_migrate_section - a section of a stream
 * @type: of enum nyx_section
 * @version: of its format
 * @flags: of enum nyx_section_flags
 * @phase: see struct nyx_stream_section
 * @id: likewise
 * @part: likewise
 * @length: bytes of the payload
 * @nr_fields: fields of a record; 0: it is no table
 * @nr_records: records
 * @name: its name
 * @payload: in the stream
 */
struct nyx_migrate_section {
	uint16_t type;
	uint16_t version;
	uint32_t flags;
	uint32_t phase;
	uint32_t id;
	uint32_t part;
	uint32_t length;
	uint32_t nr_fields;
	uint32_t nr_records;
	char name[NYX_FIELD_NAME_LEN + 1];
	const unsigned char *payload;
};

/**
 * nyx_migrate_section_next() - read the next section of a stream
 * @stream: the stream, which need not be trusted
 * @size: its bytes
 * @at: 0 at first; moved on
 * @section: set; it has the section before, but for the first one
 *
 * Return: 1; 0 behind NYX_SECTION_END; -EINVAL: this is no stream, or a length in it is
 * wrong; -EOPNOTSUPP: its version is unknown; -EBADMSG: a checksum is wrong; -ENODATA: it ends
 * too early.
 */
int nyx_migrate_section_next(const void *stream, size_t size, size_t *at,
			     struct nyx_migrate_section *section);

/**
 * struct nyx_migrate_field - a field of a section
 * @id: its id
 * @elem_size: bytes of an element
 * @flags: of enum nyx_field_flags
 * @count: elements
 * @name: its name
 * @offset: in a record
 */
struct nyx_migrate_field {
	uint16_t id;
	uint8_t elem_size;
	uint8_t flags;
	uint16_t count;
	char name[NYX_FIELD_NAME_LEN + 1];
	uint32_t offset;
};

/**
 * nyx_migrate_field_get() - describe a field of a section
 * @section: the section
 * @index: which, below @section->nr_fields
 * @field: set
 *
 * Return: 0; -ENOENT: there is no such field.
 */
int nyx_migrate_field_get(const struct nyx_migrate_section *section, uint32_t index,
			  struct nyx_migrate_field *field);

/**
 * nyx_migrate_value() - an element of a field
 * @section: the section
 * @field: the field, of nyx_migrate_field_get()
 * @record: of which record
 * @element: which
 *
 * Return: its value; 0 if there is no such record or element.
 */
uint64_t nyx_migrate_value(const struct nyx_migrate_section *section,
			   const struct nyx_migrate_field *field, uint32_t record,
			   uint32_t element);

#ifdef __cplusplus
}
#endif

#endif /* NYX_MIGRATE_H */
