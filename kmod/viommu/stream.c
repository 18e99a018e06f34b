// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the architectural state of a model as a stream.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/stream.h"

#include <linux/align.h>
#include <linux/errno.h>
#include <linux/string.h>

#include "base/export.h"

#define HEAD_SIZE	16u	/* of a stream, and of a field in it */

bool state_compare(const struct state_desc *desc, const void *a, const void *b,
		   struct state_diff *diff)
{
	struct state_field f;
	unsigned int n;
	u32 i;

	for (n = 0; state_field_get(desc, n, &f); n++) {
		for (i = 0; i < f.count; i++) {
			*diff = (struct state_diff) {
				.name = f.name,
				.index = i,
				.a = state_get(&f, a, i),
				.b = state_get(&f, b, i),
			};
			if (diff->a != diff->b)
				return false;
		}
	}
	return true;
}

static size_t body_size(const struct state_field *f)
{
	return ALIGN((size_t)f->size * f->count, sizeof(u64));
}

static u8 *put(u8 *to, u64 value, u32 size)
{
	for (; size; size--, value >>= 8)
		*to++ = value;
	return to;
}

static u64 take(const u8 *from, u32 size)
{
	u64 value = 0;

	while (size--)
		value = value << 8 | from[size];
	return value;
}

size_t state_save_size(const struct state_desc *desc)
{
	size_t size = HEAD_SIZE;
	struct state_field f;
	unsigned int n;

	for (n = 0; state_field_get(desc, n, &f); n++)
		size += HEAD_SIZE + body_size(&f);
	return size;
}

static u8 *put_head(u8 *to, u32 a, u32 b, u32 c, u32 d)
{
	to = put(to, a, sizeof(a));
	to = put(to, b, sizeof(b));
	to = put(to, c, sizeof(c));
	return put(to, d, sizeof(d));
}

void state_save(const struct state_desc *desc, const void *arch, void *to)
{
	struct state_field f;
	unsigned int n;
	u8 *at, *end;
	u32 i;

	at = put_head(to, STATE_MAGIC, STATE_VERSION, desc->model,
		      desc->nr_regs + desc->nr_fields);
	for (n = 0; state_field_get(desc, n, &f); n++) {
		at = put_head(at, f.id, f.size, f.count, 0);
		end = at + body_size(&f);
		for (i = 0; i < f.count; i++)
			at = put(at, state_get(&f, arch, i), f.size);
		memset(at, 0, end - at);
		at = end;
	}
}

static bool knows_id(const struct state_desc *desc, u32 id)
{
	struct state_field f;
	unsigned int n;

	for (n = 0; state_field_get(desc, n, &f); n++) {
		if (f.id == id)
			return true;
	}
	return false;
}

/* Check the head of a stream. Returns NULL, or the reason why the stream is refused. */
static const char *check_head(const struct state_desc *desc, const u8 *from, size_t len)
{
	if (len < HEAD_SIZE)
		return "the stream ends within its head";
	if (take(from, 4) != STATE_MAGIC)
		return "this is no saved state";
	if (take(from + 4, 4) != STATE_VERSION)
		return "the version is unknown";
	if (take(from + 8, 4) != desc->model)
		return "the state is of another model";
	if (take(from + 12, 4) != desc->nr_regs + desc->nr_fields)
		return "the number of fields is another one";
	return NULL;
}

/*
 * Load the field @f, with its head, from @from. Returns NULL, or the reason why it is
 * refused.
 */
static const char *load_field(const struct state_desc *desc, const struct state_field *f,
			      const u8 *from, size_t len, void *arch)
{
	size_t at, end = HEAD_SIZE + body_size(f);
	u64 value;
	u32 i;

	if (len < HEAD_SIZE)
		return "the stream ends before the field";
	if (take(from, 4) != f->id)
		return knows_id(desc, take(from, 4)) ?
			"another field is where this one belongs" :
			"an unknown field is where this one belongs";
	if (take(from + 4, 4) != f->size || take(from + 8, 4) != f->count)
		return "size or number of elements differ";
	if (len < end)
		return "the stream ends within the field";
	if (take(from + 12, 4))
		return "a reserved part is not zero";
	for (at = HEAD_SIZE, i = 0; i < f->count; i++, at += f->size) {
		value = take(from + at, f->size);
		if ((value ^ f->reset) & ~f->change)
			return "bits differ that cannot change";
		if (value > f->max)
			return "a value is out of range";
		state_set(f, arch, i, value);
	}
	return take(from + at, end - at) ? "a reserved part is not zero" : NULL;
}

static void load_all(const struct state_desc *desc, const u8 *from, size_t len,
		     void *arch, struct state_error *error)
{
	struct state_field f;
	unsigned int n;

	error->why = check_head(desc, from, len);
	if (error->why)
		return;
	error->offset = HEAD_SIZE;
	for (n = 0; state_field_get(desc, n, &f); n++) {
		error->name = f.name;
		error->why = load_field(desc, &f, from + error->offset,
					len - error->offset, arch);
		if (error->why)
			return;
		error->offset += HEAD_SIZE + body_size(&f);
	}
	error->name = NULL;
	if (error->offset != len) {
		error->why = "something follows the last field";
		return;
	}
	error->name = desc->check ? desc->check(desc, arch) : NULL;
	if (error->name)
		error->why = "the field contradicts another one";
}

int state_load(const struct state_desc *desc, const void *from, size_t len,
	       void *arch, struct state_error *error)
{
	*error = (struct state_error){};
	load_all(desc, from, len, arch, error);
	return error->why ? -EINVAL : 0;
}

NYX_EXPORT_FOR_TEST(state_save_size);
NYX_EXPORT_FOR_TEST(state_save);
NYX_EXPORT_FOR_TEST(state_load);
NYX_EXPORT_FOR_TEST(state_compare);
