/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: a file of registers, as a guest sees it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A vendor model has a table of its registers: offset, width, value after a reset,
 * bits that can be written, bits that are cleared by writing a one, bits that the
 * unit changes by itself. regfile_write() tells the model which registers a write
 * has touched, and the model does all else that follows. viommu/state.h saves,
 * loads and resets registers by the same table.
 *
 * Registers are 4 or 8 bytes wide and naturally aligned. Accesses are 4 or 8
 * bytes and naturally aligned: a half of a register, a register, or two small
 * ones. A register that is not in the table reads as zero and ignores writes.
 */
#ifndef NYX_VIOMMU_REGFILE_H
#define NYX_VIOMMU_REGFILE_H

#include <linux/types.h>

/**
 * struct reg_bits - a bit field of a register
 * @name: the specification's
 * @mask: its bits
 */
struct reg_bits {
	const char *name;
	u64 mask;
};

/**
 * struct reg_def - a register
 * @offset: where; a multiple of @size
 * @size: 4 or 8
 * @index: index of its value in &regfile.value
 * @reset: value after a reset
 * @rw: bits that can be written
 * @w1c: bits that are cleared by writing a one
 * @hw: other bits that the unit changes by itself
 * @name: the specification's
 * @bits: bit fields, for people; NULL: none
 * @nr_bits: how many
 */
struct reg_def {
	u16 offset;
	u8 size;
	u8 index;
	u64 reset;
	u64 rw;
	u64 w1c;
	u64 hw;
	const char *name;
	const struct reg_bits *bits;
	unsigned int nr_bits;
};

/**
 * struct regfile - registers
 * @def: the table, sorted by offset; const after init
 * @nr: its length; const after init
 * @value: the values, by &reg_def.index
 */
struct regfile {
	const struct reg_def *def;
	unsigned int nr;
	u64 *value;
};

/**
 * struct reg_write - what a write has done to a register
 * @def: which one
 * @old: its value before
 * @new: its value now
 * @written: the bits that were covered by the write, as they were written
 * @mask: the bits that were covered by the write
 */
struct reg_write {
	const struct reg_def *def;
	u64 old;
	u64 new;
	u64 written;
	u64 mask;
};

/**
 * regfile_read() - read registers
 * @regs: the registers
 * @offset: a multiple of @size
 * @size: 4 or 8
 *
 * Return: the value.
 */
u64 regfile_read(const struct regfile *regs, u32 offset, u32 size);

/**
 * regfile_write() - write registers, by the rules of the table
 * @regs: the registers
 * @offset: a multiple of @size
 * @size: 4 or 8
 * @value: what to write
 * @done: room for two; what was done to each register that was touched
 *
 * Return: registers that were touched, 0 to 2.
 */
unsigned int regfile_write(struct regfile *regs, u32 offset, u32 size, u64 value,
			   struct reg_write done[2]);

#endif /* NYX_VIOMMU_REGFILE_H */
