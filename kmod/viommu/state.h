/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the architectural state of a model, by tables.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A model has its architectural state in one structure of plain data: the values of
 * its registers first, then state that is no register. Two tables describe it, the
 * table of the registers and a table of the other fields. Reset and dump follow from
 * the tables; so do save, load and comparison, see viommu/stream.h.
 */
#ifndef NYX_VIOMMU_STATE_H
#define NYX_VIOMMU_STATE_H

#include <linux/types.h>
#include <linux/nyx_iommu.h>

#include "viommu/regfile.h"

struct nyx_register;

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
 * state_field_get() - describe a field of either table
 * @desc: the tables
 * @n: its number; registers come first
 * @f: set; a register is a field of 8 bytes
 *
 * Context: any.
 * Return: false if there is no such field.
 */
bool state_field_get(const struct state_desc *desc, unsigned int n,
		     struct state_field *f);

/**
 * state_get() - get an element of a field
 * @f: the field
 * @arch: the state
 * @index: of the element
 *
 * Context: any.
 * Return: its value.
 */
u64 state_get(const struct state_field *f, const void *arch, u32 index);

/**
 * state_set() - set an element of a field
 * @f: the field
 * @arch: the state
 * @index: of the element
 * @value: its value
 *
 * Context: any.
 */
void state_set(const struct state_field *f, void *arch, u32 index, u64 value);

/**
 * state_reset() - set all fields to their reset values
 * @desc: the tables
 * @arch: the state
 *
 * Context: any.
 */
void state_reset(const struct state_desc *desc, void *arch);

/**
 * state_is_reset() - do all fields have their reset values?
 * @desc: the tables
 * @arch: the state
 *
 * Context: any.
 * Return: true if they have.
 */
bool state_is_reset(const struct state_desc *desc, const void *arch);

/**
 * state_next() - describe the next register, bit field or other field
 * @desc: the tables
 * @arch: the state
 * @key: NYX_REGISTER_KEY() of the first one that is wanted
 * @reg: set
 *
 * The dump of a state is a loop of these. Of a field with several elements, those with
 * their reset value are skipped.
 *
 * Context: any.
 * Return: false if there is no more.
 */
bool state_next(const struct state_desc *desc, const void *arch, u64 key,
		struct nyx_register *reg);

#endif /* NYX_VIOMMU_STATE_H */
