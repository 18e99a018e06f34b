/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the architectural state of a model, by tables.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A model has its architectural state in one structure of plain data: the values of
 * its registers first, then state that is no register. Two tables describe it, the
 * table of the registers and a table of the other fields. Reset, save, load, dump and
 * comparison follow from the tables.
 *
 * A stream, all little endian:
 *
 *	u32 STATE_MAGIC, u32 STATE_VERSION, u32 model, u32 number of fields
 *	for each field, by ascending id:
 *		u32 id, u32 bytes of an element, u32 elements, u32 0
 *		the elements; zeros to the next multiple of 8
 *
 * The id of a register is its offset in the window of registers; ids of other fields
 * begin at STATE_FIELD. An id is never used for something else. So a stream depends on
 * no layout of a structure; state_load() takes the fields of its own tables only.
 */
#ifndef NYX_VIOMMU_STATE_H
#define NYX_VIOMMU_STATE_H

#include <linux/types.h>
#include <linux/nyx_iommu.h>

#include "viommu/regfile.h"

struct nyx_register;

#define STATE_MAGIC	0x5358594eu	/* "NYXS" */
#define STATE_VERSION	1u
#define STATE_FIELD	NYX_REGISTER_STATE	/* ids of fields that are no registers */

/**
 * struct state_field - a field of the state
 * @name: for people
 * @id: in a stream
 * @offset: in the structure
 * @size: bytes of an element: 1, 4 or 8
 * @count: elements
 * @reset: value of an element after a reset
 * @change: bits of an element that may differ from @reset
 * @max: largest value of an element
 */
struct state_field {
	const char *name;
	u32 id;
	u32 offset;
	u32 size;
	u32 count;
	u64 reset;
	u64 change;
	u64 max;
};

/**
 * struct state_desc - the tables of a model's state
 * @model: of enum nyx_model
 * @size: bytes of the structure, which begins with the values of the registers
 * @reg: table of the registers
 * @nr_regs: its length
 * @field: table of the other fields, by ascending id from STATE_FIELD on
 * @nr_fields: its length
 * @check: find a field that contradicts another one; the name, or NULL
 */
struct state_desc {
	u32 model;
	u32 size;
	const struct reg_def *reg;
	unsigned int nr_regs;
	const struct state_field *field;
	unsigned int nr_fields;
	const char *(*check)(const struct state_desc *desc, const void *arch);
};

/**
 * struct state_error - the reason why a stream was refused
 * @why: a text
 * @name: of the field, or NULL: the fault is not in a field that is known
 * @offset: of the field's head, or of the head of the stream, in the stream
 */
struct state_error {
	const char *why;
	const char *name;
	size_t offset;
};

/**
 * struct state_diff - where two states differ
 * @name: of the field
 * @index: of the element
 * @a: its value in the first state
 * @b: its value in the second
 */
struct state_diff {
	const char *name;
	u32 index;
	u64 a;
	u64 b;
};

/**
 * state_reset() - set all fields to their reset values
 * @desc: the tables
 * @arch: the state
 *
 * Context: any.
 */
void state_reset(const struct state_desc *desc, void *arch);

/**
 * state_next() - describe the next register, bit field or other field
 * @desc: the tables
 * @arch: the state
 * @key: NYX_REGISTER_KEY() of the first one that is wanted
 * @reg: set
 *
 * The dump of a state is a loop of these. Of a field with several elements those are
 * skipped that are as after a reset.
 *
 * Context: any.
 * Return: false if there is no more.
 */
bool state_next(const struct state_desc *desc, const void *arch, u64 key,
		struct nyx_register *reg);

/**
 * state_save_size() - size of a stream
 * @desc: the tables
 *
 * Context: any.
 * Return: bytes.
 */
size_t state_save_size(const struct state_desc *desc);

/**
 * state_save() - write a state to a stream
 * @desc: the tables
 * @arch: the state; the caller keeps it from changing
 * @to: state_save_size() bytes
 *
 * Context: any.
 */
void state_save(const struct state_desc *desc, const void *arch, void *to);

/**
 * state_load() - read a state from a stream that nobody vouches for
 * @desc: the tables
 * @from: the stream
 * @len: its bytes
 * @arch: set, if the whole stream is good; otherwise not changed
 * @error: set on -EINVAL
 *
 * Refused are a stream of another model or version, an unknown field, a field that is
 * missing or out of order, another size or count, a value with bits that the field
 * cannot have or beyond its range, fields that contradict each other, padding that is
 * not zero, and anything before or behind.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL; -ENOMEM.
 */
int state_load(const struct state_desc *desc, const void *from, size_t len,
	       void *arch, struct state_error *error);

/**
 * state_compare() - find the first difference between two states
 * @desc: the tables of both
 * @a: a state
 * @b: another one
 * @diff: set if they differ
 *
 * Context: any.
 * Return: true if they are equal.
 */
bool state_compare(const struct state_desc *desc, const void *a, const void *b,
		   struct state_diff *diff);

#endif /* NYX_VIOMMU_STATE_H */
