/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: saving a unit to a stream, and loading one from it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Saving is a listing; loading calls the handlers of the commands that make the objects. The
 * gate of the unit is closed meanwhile, so both have the unit to themselves, but for what
 * only looks at it, and for time that goes by.
 */
#ifndef NYX_CHR_MIGRATE_H
#define NYX_CHR_MIGRATE_H

#include <linux/types.h>

#include "migrate/frame.h"
#include "migrate/objects.h"

struct nyx_unit;

/* Bytes of a section with its head. */
#define MIGRATE_BUFFER	(FRAME_SECTION + NYX_SECTION_MAX)

/**
 * struct nyx_save - a unit that is saved
 * @unit: the unit
 * @to: MIGRATE_BUFFER bytes: what was written last
 * @len: bytes of it
 * @step: the kind of sections that comes next
 * @id: the object that the next section is of, or a later one
 * @part: of the next section
 * @key: where the records of the next section begin
 * @nr_sections: sections so far
 */
struct nyx_save {
	struct nyx_unit *unit;
	u8 *to;
	u32 len;
	unsigned int step;
	u32 id;
	u32 part;
	u64 key;
	u64 nr_sections;
};

/**
 * nyx_save_begin() - begin to save a unit: write the head of the stream
 * @s: the save, of which @unit and @to are set, and the rest is 0
 *
 * Context: any.
 */
void nyx_save_begin(struct nyx_save *s);

/**
 * nyx_save_next() - write the next section
 * @s: the save; @s->len is 0 behind the last section
 *
 * After an error the next call writes the same section.
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM; -EINTR if the caller was killed.
 */
int nyx_save_next(struct nyx_save *s);

/**
 * struct nyx_load - a unit that is loaded
 * @unit: the unit
 * @reader: of the stream
 * @object: the section NYX_SECTION_UNIT
 * @policy: that the unit had before; set with @has_unit, as is what follows
 * @irq_mode: likewise
 * @next_domain: likewise
 * @nr_sections: sections so far
 * @nr_memory: ranges of guest memory that the stream has
 * @has_unit: @object is there
 * @has_model: there was a NYX_SECTION_MODEL
 * @error: 0, or why the stream was refused; the rest says where
 * @section: section, of enum nyx_section, or 0
 * @id: its id
 * @part: its part
 * @record: its record, or U32_MAX
 * @field: the id of the field, or 0
 */
struct nyx_load {
	struct nyx_unit *unit;
	struct frame_reader reader;
	struct object_unit object;
	struct nyx_policy policy;
	u32 irq_mode;
	u32 next_domain;
	u64 nr_sections;
	u32 nr_memory;
	bool has_unit;
	bool has_model;
	int error;
	u32 section;
	u32 id;
	u32 part;
	u32 record;
	u32 field;
};

/**
 * nyx_load_write() - load bytes of a stream
 * @l: the load
 * @from: the bytes
 * @len: how many
 *
 * After an error the unit is empty, and has the policy and interrupt mode of before.
 *
 * Context: may sleep.
 * Return: @l->error.
 */
int nyx_load_write(struct nyx_load *l, const u8 *from, size_t len);

/**
 * nyx_load_end() - end the load: the unit is what the stream says, or empty
 * @l: the load
 *
 * Context: may sleep.
 * Return: @l->error.
 */
int nyx_load_end(struct nyx_load *l);

/**
 * nyx_load_empty() - is there nothing in a unit but memory, and its model as after power-on?
 * @unit: the unit
 *
 * Context: may sleep.
 * Return: true if there is not.
 */
bool nyx_load_empty(const struct nyx_unit *unit);

#endif /* NYX_CHR_MIGRATE_H */
