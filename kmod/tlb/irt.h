/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the interrupt remapping table, decoded.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * An entry is 16 bytes: the interrupt that a message becomes, packed into one word; the
 * requesters that may use it; a sequence count that is odd while the entry is written. Readers, in
 * any context, take no lock and write nothing. Writers are serialised by the
 * caller and keep interrupts off while the count is odd, so that a reader never
 * waits for one that sleeps.
 *
 * Entries lie in pages. A table that caches the one of a guest has none at first: few of its
 * 65,536 entries are ever used. A page comes with the first entry that needs it, and stays; an
 * entry that has none is not present.
 *
 * The table belongs to no model: a model says which entry a message asks for, and how
 * an entry of a guest's table reads; struct irt_msg and struct irt_entry are the results.
 * A model may have one table for all requesters, or one for each: struct irt_device.
 */
#ifndef NYX_TLB_IRT_H
#define NYX_TLB_IRT_H

#include <asm/barrier.h>
#include <asm/processor.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/nospec.h>
#include <linux/nyx_iommu.h>
#include <linux/types.h>

#include "base/types.h"

#define IRT_MAX_ENTRIES	65536u
#define IRT_INDEX_NONE	0xffffffffu

/* Entries of a requester's own table: larger indices are other kinds of messages. */
#define IRT_DEVICE_ENTRIES	512u

/* Entries of a page. */
#define IRT_PAGE_LG2	8
#define IRT_PAGE	BIT(IRT_PAGE_LG2)

/**
 * struct irte - an entry
 * @lo: IRTE_* fields; 0: not present
 * @source: an SBDF, or segment, first and last bus
 * @seq: odd while the entry is written
 */
struct irte {
	u64 lo;
	u32 source;
	u32 seq;
};

/* Fields of &irte.lo. From bit 16 on: one layout without IRTE_POSTED, another one with it. */
#define IRTE_PRESENT		BIT_ULL(0)
#define IRTE_FPD		BIT_ULL(1)
#define IRTE_POSTED		BIT_ULL(2)
#define IRTE_CHECK_SHIFT	3	/* 2 bits: enum nyx_source_check */
#define IRTE_MASK_SHIFT		5	/* 3 bits: bits of the function, ignored */
#define IRTE_VECTOR_SHIFT	8	/* 8 bits */
#define IRTE_LOGICAL		BIT_ULL(16)
#define IRTE_LEVEL		BIT_ULL(17)
#define IRTE_HINT		BIT_ULL(18)
#define IRTE_DELIVERY_SHIFT	19	/* 3 bits: enum nyx_delivery */
#define IRTE_DEST_SHIFT		32	/* 32 bits */
#define IRTE_PID_SHIFT		16	/* 46 bits: GPA of the descriptor >> 6 */
#define IRTE_PID_MASK		GENMASK_ULL(61, 16)
#define IRTE_URGENT		BIT_ULL(62)

/**
 * struct irt - a table
 * @pages: the entries, by page; NULL: none of the page is present
 * @nr: number of entries; const after init
 * @limit: those that may be used, at most @nr; the writer's
 * @nr_present: how many are present; the writer's
 */
struct irt {
	struct irte **pages;
	u32 nr;
	u32 limit;
	u32 nr_present;
};

/* &irt_device.imode: the other bits are valid, whose meaning is the model's */
#define IRT_KNOWN	BIT(0)

/**
 * struct irt_device - interrupts of one requester
 * @irt: its table, of IRT_DEVICE_ENTRIES
 * @imode: how they are treated: IRT_KNOWN, and bits of the model; the writer's, as
 *       the table
 * @did: the guest's id of its domain; the writer's
 */
struct irt_device {
	struct irt irt;
	u32 imode;
	u32 did;
};

/**
 * irt_device_imode() - how a requester's interrupts are treated
 * @dev: the requester's side, or NULL
 *
 * Context: any.
 * Return: &irt_device.imode; without IRT_KNOWN nothing is known.
 */
static inline u32 irt_device_imode(const struct irt_device *dev)
{
	/* Pairs with the release in resolve_irqs(): the limit is read later. */
	return dev ? smp_load_acquire(&dev->imode) : 0;
}

/**
 * irt_device_known() - is it known how a requester's interrupts are treated?
 * @dev: the requester's side, or NULL
 *
 * Context: any.
 * Return: true if it is.
 */
static inline bool irt_device_known(const struct irt_device *dev)
{
	return irt_device_imode(dev) & IRT_KNOWN;
}

/**
 * struct irt_entry - an entry, spelled out
 * @flags: of enum nyx_irte_flags
 * @dest: destination
 * @source: as in struct nyx_irte_set
 * @vector: vector
 * @delivery: of enum nyx_delivery
 * @check: of enum nyx_source_check
 * @mask: bits of the function number that are ignored, at most 7
 * @posted: GPA of the posted-interrupt descriptor, or 0
 * @post: for the model that posts the interrupt
 * @once: the entry is not kept in a table, because it does not fit there, or the
 *        guest may change it at any time
 */
struct irt_entry {
	u32 flags;
	u32 dest;
	u32 source;
	u8 vector;
	u8 delivery;
	u8 check;
	u8 mask;
	u64 posted;
	u64 post;
	bool once;
};

/**
 * struct irt_msg - what an interrupt becomes
 * @index: of the entry, or IRT_INDEX_NONE
 * @dest: destination
 * @vector: vector
 * @delivery: of enum nyx_delivery
 * @flags: NYX_IRTE_F_*
 * @passthrough: the message is not remapped
 * @posted: with NYX_IRTE_F_POSTED: GPA of the descriptor
 * @post: likewise, of &irt_entry.post
 */
struct irt_msg {
	u32 index;
	u32 dest;
	u8 vector;
	u8 delivery;
	u16 flags;
	bool passthrough;
	u64 posted;
	u64 post;
};

/**
 * struct irt_word - an entry as it lies in a table, whole
 * @lo: as &irte.lo
 * @source: as &irte.source
 */
struct irt_word {
	u64 lo;
	u32 source;
};

/**
 * irt_pack() - an entry as it lies in a table
 * @e: the entry
 * @w: set
 */
void irt_pack(const struct irt_entry *e, struct irt_word *w);

/**
 * irt_init() - make an empty table
 * @irt: the table
 * @nr: entries, at most IRT_MAX_ENTRIES
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int irt_init(struct irt *irt, u32 nr);

/**
 * irt_init_cache() - make an empty table whose pages come by irt_reserve()
 * @irt: the table
 * @nr: entries, at most IRT_MAX_ENTRIES
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int irt_init_cache(struct irt *irt, u32 nr);

/**
 * irt_reserve() - make sure that an entry has a page
 * @irt: the table
 * @index: below &irt.nr
 *
 * Needed before irt_write() writes to a table of irt_init_cache().
 *
 * Context: may sleep; beside readers and writers.
 * Return: 0 or -ENOMEM.
 */
int irt_reserve(struct irt *irt, u32 index);

/**
 * irt_fini() - free a table
 * @irt: the table, without readers
 */
void irt_fini(struct irt *irt);

/**
 * irt_write() - set an entry, or clear it
 * @irt: the table
 * @index: below &irt.nr
 * @e: what to write, or NULL: it is not present any more. The entry has a page, or @e is NULL
 *
 * Context: any; the caller serialises writers.
 * Return: true if the entry was present before.
 */
bool irt_write(struct irt *irt, u32 index, const struct irt_entry *e);

/* An entry by its index, below &irt.nr; NULL: it has no page, and is not present. */
static __always_inline struct irte *irt_entry_at(const struct irt *irt, u32 index)
{
	struct irte *page;

	index = array_index_nospec(index, irt->nr);
	/* Pairs with irt_reserve(), by the address dependency: the page is empty. */
	page = READ_ONCE(irt->pages[index >> IRT_PAGE_LG2]);
	return likely(page) ? &page[index & (IRT_PAGE - 1)] : NULL;
}

/**
 * irt_present() - is an entry there?
 * @irt: the table
 * @index: below &irt.nr
 *
 * Context: any.
 * Return: true if it is.
 */
static inline bool irt_present(const struct irt *irt, u32 index)
{
	const struct irte *irte = irt_entry_at(irt, index);

	return irte && READ_ONCE(irte->lo) & IRTE_PRESENT;
}

/**
 * irt_read() - spell out an entry
 * @irt: the table
 * @index: below &irt.nr
 * @e: set
 *
 * Context: any.
 * Return: true if it is present.
 */
bool irt_read(const struct irt *irt, u32 index, struct irt_entry *e);

/**
 * irt_clear() - make all entries not present
 * @irt: the table
 *
 * Context: as irt_write().
 */
void irt_clear(struct irt *irt);

/* Read an entry that its writer may be at, until both halves are of one. */
static __always_inline void irt_load(const struct irte *irte, struct irt_word *w)
{
	u32 seq;

	for (;;) {
		/* Pairs with irt_write(). */
		seq = smp_load_acquire(&irte->seq);
		w->lo = READ_ONCE(irte->lo);
		w->source = READ_ONCE(irte->source);
		/* Pairs with irt_write(). */
		smp_rmb();
		if (likely(!(seq & 1) && READ_ONCE(irte->seq) == seq))
			return;
		cpu_relax();
	}
}

/**
 * irt_fetch() - get an entry
 * @irt: the table
 * @index: any number
 * @w: set if there is no fault
 *
 * Context: any.
 * Return: NYX_FAULT_NONE; NYX_FAULT_IRQ_INDEX; NYX_FAULT_IRQ_NOT_PRESENT.
 */
static __always_inline u32 irt_fetch(const struct irt *irt, u32 index,
				     struct irt_word *w)
{
	const struct irte *irte;

	if (unlikely(index >= READ_ONCE(irt->limit)))
		return NYX_FAULT_IRQ_INDEX;
	irte = irt_entry_at(irt, index);
	if (unlikely(!irte))
		return NYX_FAULT_IRQ_NOT_PRESENT;
	irt_load(irte, w);
	return likely(w->lo & IRTE_PRESENT) ? NYX_FAULT_NONE :
					      NYX_FAULT_IRQ_NOT_PRESENT;
}

/* NYX_IRTE_F_* of an entry. */
static inline u16 irt_word_flags(u64 lo)
{
	u16 flags = 0;

	if (lo & IRTE_FPD)
		flags |= NYX_IRTE_F_FPD;
	if (lo & IRTE_POSTED) {
		flags |= NYX_IRTE_F_POSTED;
		if (lo & IRTE_URGENT)
			flags |= NYX_IRTE_F_URGENT;
		return flags;
	}
	if (lo & IRTE_LOGICAL)
		flags |= NYX_IRTE_F_LOGICAL;
	if (lo & IRTE_LEVEL)
		flags |= NYX_IRTE_F_LEVEL;
	if (lo & IRTE_HINT)
		flags |= NYX_IRTE_F_HINT;
	return flags;
}

/* GPA of the descriptor of an entry that is posted. */
static inline u64 irt_word_posted(u64 lo)
{
	return (lo & IRTE_PID_MASK) >> IRTE_PID_SHIFT << 6;
}

static inline bool irt_source_allowed(const struct irt_word *w, u32 sbdf)
{
	u32 bus = NYX_SBDF_BUS(sbdf), source = w->source;

	switch (w->lo >> IRTE_CHECK_SHIFT & 3) {
	case NYX_SOURCE_ANY:
		return true;
	case NYX_SOURCE_RID:
		return !((sbdf ^ source) & ~(u32)(w->lo >> IRTE_MASK_SHIFT & 7));
	case NYX_SOURCE_BUS:
		return NYX_SBDF_SEGMENT(sbdf) == NYX_SBDF_SEGMENT(source) &&
		       bus >= NYX_SBDF_BUS(source) && bus <= (source & 0xff);
	default:
		return false;
	}
}

/**
 * irt_remap() - say what an interrupt becomes by an entry
 * @w: the entry
 * @mode: of enum nyx_irq_mode
 * @sbdf: the sender
 * @msg: what the model has decoded; set. @msg->flags has those of the message, to
 *       which those of the entry come; NYX_IRTE_F_FPD also if it is refused
 *
 * Pure: nothing but its arguments counts.
 *
 * Return: NYX_FAULT_NONE, or of enum nyx_fault_reason: why it is refused.
 */
static __always_inline u32 irt_remap(const struct irt_word *w, u32 mode, u32 sbdf,
				     struct irt_msg *msg)
{
	u64 lo = w->lo;

	msg->vector = lo >> IRTE_VECTOR_SHIFT;
	if (lo & IRTE_POSTED) {
		/* A descriptor has no trigger mode. */
		msg->flags = irt_word_flags(lo);
		msg->posted = irt_word_posted(lo);
	} else {
		msg->flags |= irt_word_flags(lo);
		msg->delivery = lo >> IRTE_DELIVERY_SHIFT & 7;
		msg->dest = lo >> IRTE_DEST_SHIFT;
		if (unlikely(mode & NYX_IRQ_MODE_XAPIC && msg->dest > 0xff))
			return NYX_FAULT_IRQ_RESERVED;
	}
	return likely(irt_source_allowed(w, sbdf)) ? NYX_FAULT_NONE :
						     NYX_FAULT_IRQ_SOURCE;
}

/**
 * irt_compose() - the message that a local APIC understands
 * @msg: what an interrupt has become by remapping
 * @address: set, with bits 31:8 of the destination in bits 63:40
 * @data: set
 */
static inline void irt_compose(const struct irt_msg *msg, u64 *address,
			       u32 *data)
{
	*address = 0xfee00000 | (msg->dest & 0xff) << 12 |
		   (u64)(msg->dest & ~0xffu) << 32;
	if (msg->flags & NYX_IRTE_F_HINT)
		*address |= 0x8;
	if (msg->flags & NYX_IRTE_F_LOGICAL)
		*address |= 0x4;
	*data = msg->vector | msg->delivery << 8;
	if (msg->flags & NYX_IRTE_F_LEVEL)
		*data |= 0xc000;
}

#endif /* NYX_TLB_IRT_H */
