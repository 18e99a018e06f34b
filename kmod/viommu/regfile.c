// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: a file of registers, as a guest sees it.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/regfile.h"

#include "base/export.h"
#include "base/types.h"

static u64 size_mask(u32 size)
{
	return nyx_lg2_last(8 * size);
}

/* The first register that ends behind @offset, or the end of the table. */
static const struct reg_def *first_def(const struct regfile *regs, u32 offset)
{
	unsigned int low = 0, high = regs->nr;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (regs->def[mid].offset + regs->def[mid].size <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return regs->def + low;
}

/*
 * How far a register's bit 0 is above that of the access; negative if it is
 * below. Both are aligned, so one lies within the other, or they are apart.
 */
static int bit_shift(const struct reg_def *def, u32 offset)
{
	return 8 * ((int)def->offset - (int)offset);
}

static u64 shifted(u64 value, int by)
{
	return by >= 0 ? value << by : value >> -by;
}

u64 regfile_read(const struct regfile *regs, u32 offset, u32 size)
{
	const struct reg_def *def = first_def(regs, offset);
	u64 value = 0;

	for (; def < regs->def + regs->nr && def->offset < offset + size; def++)
		value |= shifted(regs->value[def->index], bit_shift(def, offset));
	return value & size_mask(size);
}

unsigned int regfile_write(struct regfile *regs, u32 offset, u32 size, u64 value,
			   struct reg_write done[2])
{
	const struct reg_def *def = first_def(regs, offset);
	unsigned int n = 0;

	for (; def < regs->def + regs->nr && def->offset < offset + size; def++) {
		int by = -bit_shift(def, offset);
		u64 mask = shifted(size_mask(size), by) & size_mask(def->size);
		u64 written = shifted(value & size_mask(size), by) & mask;
		u64 *reg = &regs->value[def->index];
		struct reg_write *w = &done[n++];

		*w = (struct reg_write) {
			.def = def, .old = *reg, .written = written, .mask = mask,
		};
		*reg = (*reg & ~(def->rw & mask)) | (written & def->rw);
		*reg &= ~(written & def->w1c);
		w->new = *reg;
	}
	return n;
}

NYX_EXPORT_FOR_TEST(regfile_read);
NYX_EXPORT_FOR_TEST(regfile_write);
