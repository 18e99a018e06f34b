// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the architectural state of a model, by tables.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/state.h"

#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/nospec.h>

#include "base/export.h"
#include "base/types.h"
#include "core/viommu.h"

bool state_field_get(const struct state_desc *desc, unsigned int n,
		     struct state_field *f)
{
	const struct reg_def *def;

	if (n >= desc->nr_regs) {
		n -= desc->nr_regs;
		if (n >= desc->nr_fields)
			return false;
		*f = desc->field[n];
		return true;
	}
	def = &desc->reg[n];
	*f = (struct state_field) {
		.name = def->name,
		.id = def->offset,
		.offset = def->index * sizeof(u64),
		.size = sizeof(u64),
		.count = 1,
		.reset = def->reset,
		.change = (def->rw | def->w1c | def->hw) & nyx_lg2_last(8 * def->size),
		.max = U64_MAX,
	};
	return true;
}

u64 state_get(const struct state_field *f, const void *arch, u32 index)
{
	const void *at = arch + f->offset + (size_t)index * f->size;

	switch (f->size) {
	case 1:
		return *(const u8 *)at;
	case 4:
		return *(const u32 *)at;
	default:
		return *(const u64 *)at;
	}
}

void state_set(const struct state_field *f, void *arch, u32 index, u64 value)
{
	void *at = arch + f->offset + (size_t)index * f->size;

	switch (f->size) {
	case 1:
		*(u8 *)at = value;
		break;
	case 4:
		*(u32 *)at = value;
		break;
	default:
		*(u64 *)at = value;
		break;
	}
}

void state_reset(const struct state_desc *desc, void *arch)
{
	struct state_field f;
	unsigned int n;
	u32 i;

	for (n = 0; state_field_get(desc, n, &f); n++) {
		for (i = 0; i < f.count; i++)
			state_set(&f, arch, i, f.reset);
	}
}

bool state_is_reset(const struct state_desc *desc, const void *arch)
{
	struct state_field f;
	unsigned int n;
	u32 i;

	for (n = 0; state_field_get(desc, n, &f); n++) {
		for (i = 0; i < f.count; i++) {
			if (state_get(&f, arch, i) != f.reset)
				return false;
		}
	}
	return true;
}

/* Bit field @index of a register, from 1 on; 0 is all of it. */
static bool next_bits(const struct reg_def *def, u64 value, u32 index,
		      struct nyx_register *reg)
{
	u64 mask = nyx_lg2_last(8 * def->size);

	if (index > def->nr_bits)
		return false;
	index = array_index_nospec(index, def->nr_bits + 1);
	if (index)
		mask = def->bits[index - 1].mask;
	*reg = (struct nyx_register) {
		.name = index ? def->bits[index - 1].name : def->name,
		.offset = def->offset,
		.index = index,
		.width = def->size,
		.low = __ffs64(mask),
		.high = fls64(mask) - 1,
		.value = (value & mask) >> __ffs64(mask),
	};
	return true;
}

/* Element @index or a later one of a field that is no register. */
static bool next_element(const struct state_field *f, const void *arch, u32 index,
			 struct nyx_register *reg)
{
	for (; index < f->count; index++) {
		*reg = (struct nyx_register) {
			.name = f->name,
			.offset = f->id,
			.index = index,
			.width = f->size,
			.high = 8 * f->size - 1,
			.value = state_get(f, arch, array_index_nospec(index, f->count)),
		};
		if (f->count == 1 || reg->value != f->reset)
			return true;
	}
	return false;
}

bool state_next(const struct state_desc *desc, const void *arch, u64 key,
		struct nyx_register *reg)
{
	struct state_field f;
	unsigned int n;

	for (n = 0; state_field_get(desc, n, &f); n++) {
		u64 first = NYX_REGISTER_KEY(f.id, 0);

		if (key > (first | U32_MAX))
			continue;
		key = max(key, first);
		if (n < desc->nr_regs ?
		    next_bits(&desc->reg[n], state_get(&f, arch, 0), (u32)key, reg) :
		    next_element(&f, arch, (u32)key, reg))
			return true;
	}
	return false;
}

NYX_EXPORT_FOR_TEST(state_field_get);
NYX_EXPORT_FOR_TEST(state_set);
NYX_EXPORT_FOR_TEST(state_reset);
NYX_EXPORT_FOR_TEST(state_next);
