/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx fuzzers: a unit, its guest's memory, and what a model is checked against.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * An input is a list of operations: fuzz.c reads it and does them. A model, vtd.c
 * or amdvi.c, says what its registers and entries look like, how a driver makes
 * the unit forget what it has cached, and what the guest's tables say: that is
 * written from the specification, with numbers of its own, and uses nothing of the
 * module's but the registers that the guest cannot read back (the root that is in
 * use).
 */
#ifndef NYX_FUZZ_H
#define NYX_FUZZ_H

#include "core/irq/irq.h"
#include "core/unit.h"
#include "host/memory.h"

#define FUZZ_BIT(n)	(1ull << (n))
#define PAGE_BYTES	4096ull

/* ---- the input ------------------------------------------------------------- */

/**
 * struct input - what is left of an input; zeros follow it
 * @at: next byte
 * @end: behind the last
 */
struct input {
	const u8 *at;
	const u8 *end;
};

u64 input_take(struct input *in, unsigned int bytes);

static inline u8 input8(struct input *in)
{
	return input_take(in, 1);
}

static inline u16 input16(struct input *in)
{
	return input_take(in, 2);
}

static inline u32 input32(struct input *in)
{
	return input_take(in, 4);
}

static inline u64 input64(struct input *in)
{
	return input_take(in, 8);
}

/* An address of guest memory in a byte or two, or of nothing; a multiple of 4096. */
u64 input_page(struct input *in);
/* An address that a device may send. */
u64 input_iova(struct input *in);
/* Mostly zero: bits to flip. */
u64 input_noise(struct input *in);

/* ---- guest memory ------------------------------------------------------------ */

/* Pages of main memory, as far as a guest keeps to its plan. */
#define AT(page)	((page) * PAGE_BYTES)
#define TABLE_PAGE	8u	/* page tables: a few for each of four domains */

/* The word of guest memory, or NULL: there is none, or it cannot be read. */
u64 *fuzz_word(u64 gpa);
/* The guest stores a word, where it has memory. */
void fuzz_store(u64 gpa, u64 value);
/* Is there memory that can be read, or written? */
bool fuzz_memory(u64 gpa, bool write);

/* ---- what the tables say ------------------------------------------------------ */

/**
 * struct ref - where an access must lead to
 * @open: the tables contradict themselves: either answer is right
 * @ok: it is allowed
 * @gpa: then: where to
 * @perm: then: NYX_ACC_* that is granted
 * @did: id of the guest's domain, if there is one
 * @at: GPA of the last entry of a page table that was read, or 0
 * @lg2: of the addresses that this entry is for
 */
struct ref {
	bool open;
	bool ok;
	u64 gpa;
	u8 perm;
	u32 did;
	u64 at;
	unsigned int lg2;
};

enum ref_irq_what { REF_REFUSED, REF_DELIVERED, REF_NOT_SAID };

/**
 * struct ref_irq - what an interrupt must become
 * @what: of enum ref_irq_what
 * @vector: if it is remapped and delivered
 * @delivery: likewise
 * @dest: likewise
 * @at: GPA of its entry, or 0
 */
struct ref_irq {
	enum ref_irq_what what;
	u8 vector;
	u8 delivery;
	u32 dest;
	u64 at;
};

/* ---- models ------------------------------------------------------------------- */

/**
 * struct fuzz_reg - a register
 * @offset: where
 * @size: bytes
 * @bits: those that may ever read as one, if @needs is there
 * @needs: one of the unit's flags, or 0; with FUZZ_UNLESS: without it
 */
struct fuzz_reg {
	u16 offset;
	u8 size;
	u64 bits;
	u32 needs;
};

#define FUZZ_UNLESS	0x80000000u

/* The part of the tables that changes and is invalidated alone. */
enum fuzz_edit { EDIT_PAGE, EDIT_DEVICE, EDIT_IRQ };

/**
 * struct fuzz_model - a vendor's model
 * @configure: what kind of unit, by a byte of the input
 * @ops: it, as the core knows it
 * @regs: registers; an offset may be there more than once
 * @nr_regs: how many
 * @devices: requesters
 * @nr_devices: how many
 * @boot: as a driver starts; bits of @how leave something out
 * @value: what may be written to a register
 * @entry: the guest changes some table
 * @map: the guest enters a page into a device's table
 * @queue: the guest fills in some commands, and tells the unit
 * @message: an interrupt of a device
 * @flush: the guest makes the unit forget all; false: it could not
 * @invalidate: likewise, after an edit only that
 * @translate: what the tables say
 * @irq: likewise, of an interrupt
 * @device_entry: GPA of a device's entry and its words; ~0: there is none
 */
struct fuzz_model {
	void (*configure)(struct nyx_unit_config *cfg, u8 how);
	const struct nyx_viommu_ops *ops;
	const struct fuzz_reg *regs;
	unsigned int nr_regs;
	const u32 *devices;
	unsigned int nr_devices;
	void (*boot)(u8 how);
	u64 (*value)(struct input *in, u16 offset);
	void (*entry)(struct input *in);
	void (*map)(struct input *in);
	void (*queue)(struct input *in);
	void (*message)(struct input *in, u64 *address, u32 *data);
	bool (*flush)(void);
	bool (*invalidate)(enum fuzz_edit what, u32 sbdf, u32 did, u64 iova,
			   unsigned int lg2, u32 index);
	void (*translate)(u32 sbdf, u64 iova, unsigned int access, struct ref *ref);
	void (*irq)(u32 sbdf, u64 address, u32 data, struct ref_irq *ref);
	u64 (*device_entry)(u32 sbdf, unsigned int *words);
};

extern const struct fuzz_model fuzz_model;

/* ---- the unit ------------------------------------------------------------------- */

extern struct nyx_unit fuzz_unit;

/* The flags of the model; its options begin with them. */
static inline u32 fuzz_flags(void)
{
	return *(const u32 *)fuzz_unit.cfg.data;
}

void fuzz_unit_make(const struct nyx_unit_config *cfg);
void fuzz_unit_end(void);

/* Memory that comes and goes; the first is main memory, which stays. */
#define FUZZ_SLOTS	6u
void fuzz_memory_add(unsigned int slot);
void fuzz_memory_remove(unsigned int slot);
/* A page cannot be reached from now on, or again. */
void fuzz_memory_break(unsigned int slot, unsigned int page, bool broken);
/* Memory that devices may only read is as it was. */
void fuzz_memory_check(void);
/* Kernel threads find no memory at hand. */
extern bool fuzz_memory_away;

/* As a guest does it; with what a kill or a lack of memory may answer. */
void fuzz_write(u32 offset, u32 size, u64 value);
u64 fuzz_read(u32 offset, u32 size);

/* The nth question whether the thread was killed has yes for an answer; 0: none. */
void fuzz_kill(unsigned int nth);
/* RCU callbacks; work items that are due. */
void fuzz_rcu(void);
void fuzz_work(void);

/* Something is wrong: say where and end. */
#define FUZZ_CHECK(cond, fmt, ...)						\
	do {									\
		if (unlikely(!(cond))) {					\
			fprintf(stderr, "%s:%d: %s: " fmt "\n", __FILE__, __LINE__, #cond, \
				##__VA_ARGS__);					\
			abort();						\
		}								\
	} while (0)

#endif /* NYX_FUZZ_H */
