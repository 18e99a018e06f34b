/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the architectural state of a model as a stream, and its comparison.
 *
 * Copyright (C) 2026 The Nyx authors
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
#ifndef NYX_VIOMMU_STREAM_H
#define NYX_VIOMMU_STREAM_H

#include <linux/types.h>

#include "viommu/state.h"

#define STATE_MAGIC	0x5358594eu	/* "NYXS" */
#define STATE_VERSION	1u

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
 * state_load() - read a state from an untrusted stream
 * @desc: the tables
 * @from: the stream
 * @len: its bytes
 * @arch: set; on an error only some fields are
 * @error: set on -EINVAL
 *
 * The function refuses a stream of another model or version, an unknown field, a field that
 * is missing or out of order, another size or count, a value with bits that the field
 * cannot have or beyond its range, fields that contradict each other, padding that is not
 * zero, and bytes before or behind the stream.
 *
 * Context: any.
 * Return: 0 or -EINVAL.
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

#endif /* NYX_VIOMMU_STREAM_H */
