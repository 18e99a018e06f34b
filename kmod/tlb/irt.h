/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the interrupt remapping table, decoded.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * An entry is 16 bytes: what an interrupt becomes, packed into one word; who may
 * use it; a sequence count that is odd while the entry is written. Readers, in
 * any context, take no lock and write nothing. Writers are serialised by the
 * caller and keep interrupts off while the count is odd, so that a reader never
 * waits for one that sleeps.
 *
 * The format of messages and the order of the checks are those of the VT-d
 * specification (revision 4.1), sections 5.1.2 to 5.1.5; how entries lie in a
 * guest's memory is a front end's business.
 *
 * AMD-Vi has a table for each requester, and messages of the compatibility
 * format: struct irt_device, irt_remap_device().
 */
#ifndef NYX_TLB_IRT_H
#define NYX_TLB_IRT_H

#include <linux/compiler.h>
#include <linux/nospec.h>
#include <linux/nyx_iommu.h>
#include <linux/types.h>

#include "base/types.h"

#define IRT_MAX_ENTRIES	65536u
#define IRT_INDEX_NONE	0xffffffffu

/* Those of a requester: larger ones are other kinds of messages. */
#define IRT_DEVICE_ENTRIES	512u

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

/* Fields of &irte.lo; the last five if it is not posted, else IRTE_PID */
#define IRTE_PRESENT		BIT_ULL(0)
#define IRTE_QUIET		BIT_ULL(1)
#define IRTE_POSTED		BIT_ULL(2)
#define IRTE_URGENT		BIT_ULL(3)
#define IRTE_CHECK_SHIFT	4	/* 2 bits: enum nyx_source_check */
#define IRTE_MASK_SHIFT		6	/* 2 bits: index into irte_masks */
#define IRTE_VECTOR_SHIFT	8	/* 8 bits */
#define IRTE_LOGICAL		BIT_ULL(16)
#define IRTE_LEVEL		BIT_ULL(17)
#define IRTE_HINT		BIT_ULL(18)
#define IRTE_DELIVERY_SHIFT	19	/* 3 bits: enum nyx_delivery */
#define IRTE_DEST_SHIFT		32	/* 32 bits */
#define IRTE_PID_SHIFT		16	/* 46 bits: GPA of the descriptor >> 6 */

/**
 * struct irt - a table
 * @entries: the entries
 * @nr: their number; const after init
 * @limit: those that may be used, at most @nr; the writer's
 * @nr_present: how many are present; the writer's
 */
struct irt {
	struct irte *entries;
	u32 nr;
	u32 limit;
	u32 nr_present;
};

/* How a requester's interrupts are treated: &irt_device.how */
#define IRT_KNOWN	BIT(0)	/* all that follows */
#define IRT_PASS_ALL	BIT(1)	/* all pass as they are */
#define IRT_PASS	BIT(2)	/* fixed and lowest priority: pass */
#define IRT_REMAP	BIT(3)	/* likewise: are remapped; neither: refused */
#define IRT_PASS_NMI	BIT(4)	/* others: pass, or are refused */
#define IRT_PASS_INIT	BIT(5)
#define IRT_PASS_EXTINT	BIT(6)
#define IRT_QUIET	BIT(7)	/* faults are not reported */

/**
 * struct irt_device - interrupts of one requester
 * @irt: its table, of IRT_DEVICE_ENTRIES
 * @how: IRT_*; the writer's, as the table
 * @tag: the guest's id of its domain; the writer's
 */
struct irt_device {
	struct irt irt;
	u32 how;
	u32 tag;
};

/**
 * irt_device_known() - is it known how a requester's interrupts are treated?
 * @dev: the requester's side, or NULL
 *
 * Context: any.
 * Return: true if it is.
 */
static inline bool irt_device_known(const struct irt_device *dev)
{
	return dev && (READ_ONCE(dev->how) & IRT_KNOWN);
}

/**
 * struct irt_entry - an entry, spelled out
 * @flags: of enum nyx_irte_flags
 * @dest: destination
 * @source: as in struct nyx_irte_set
 * @vector: vector
 * @delivery: of enum nyx_delivery
 * @check: of enum nyx_source_check
 * @mask: bits of the function number that are ignored: 0, 4, 6 or 7
 * @posted: GPA of the posted-interrupt descriptor, or 0
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
};

/**
 * struct irt_msg - what an interrupt becomes
 * @index: of the entry, or IRT_INDEX_NONE
 * @dest: destination
 * @vector: vector
 * @delivery: of enum nyx_delivery
 * @flags: NYX_IRTE_F_*
 * @as_is: it was not remapped
 * @posted: with NYX_IRTE_F_POSTED: GPA of the descriptor
 */
struct irt_msg {
	u32 index;
	u32 dest;
	u8 vector;
	u8 delivery;
	u16 flags;
	bool as_is;
	u64 posted;
};

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
 * irt_fini() - free a table
 * @irt: the table, without readers
 */
void irt_fini(struct irt *irt);

/**
 * irt_write() - set an entry, or clear it
 * @irt: the table
 * @index: below &irt.nr
 * @e: what to write, or NULL: it is not present any more
 *
 * Context: any; the caller serialises writers.
 * Return: true if the entry was present before.
 */
bool irt_write(struct irt *irt, u32 index, const struct irt_entry *e);

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
	index = array_index_nospec(index, irt->nr);
	return READ_ONCE(irt->entries[index].lo) & IRTE_PRESENT;
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
 * irt_remap() - say what an interrupt becomes
 * @irt: the table
 * @mode: of enum nyx_irq_mode
 * @sbdf: who sends it
 * @address: where to
 * @data: what
 * @msg: set; @msg->index, and of @msg->flags NYX_IRTE_F_QUIET, also if it is
 *       refused
 *
 * Context: any.
 * Return: NYX_FAULT_NONE, or of enum nyx_fault_reason: why it is refused.
 */
u32 irt_remap(const struct irt *irt, u32 mode, u32 sbdf, u64 address, u32 data,
	      struct irt_msg *msg);

/**
 * irt_remap_device() - say what an interrupt becomes by its requester's table
 * @dev: the requester's side, or NULL: nothing is known
 * @mode: of enum nyx_irq_mode
 * @address: where to
 * @data: what
 * @msg: as irt_remap()
 *
 * AMD IOMMU specification, section 2.2.5.
 *
 * Context: any.
 * Return: as irt_remap(); NYX_FAULT_IRQ_NOT_PRESENT also if nothing is known.
 */
u32 irt_remap_device(const struct irt_device *dev, u32 mode, u64 address,
		     u32 data, struct irt_msg *msg);

/**
 * irt_forget() - make all entries not present
 * @irt: the table
 *
 * Context: as irt_write().
 */
void irt_forget(struct irt *irt);

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
