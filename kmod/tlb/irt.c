// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the interrupt remapping table, decoded.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "tlb/irt.h"

#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "base/export.h"
#include "base/types.h"

/* The bits of a function number that a source check can ignore. */
static const u8 irte_masks[] = { 0, 4, 6, 7 };

int irt_init(struct irt *irt, u32 nr)
{
	irt->entries = kvcalloc(nr, sizeof(*irt->entries), GFP_CALLER);
	irt->nr = nr;
	irt->limit = nr;
	irt->nr_present = 0;
	return irt->entries ? 0 : -ENOMEM;
}

void irt_fini(struct irt *irt)
{
	kvfree(irt->entries);
	irt->entries = NULL;
}

static u64 pack(const struct irt_entry *e)
{
	u64 lo = IRTE_PRESENT, mask = 0;

	while (irte_masks[mask] != e->mask)
		mask++;
	if (e->flags & NYX_IRTE_F_QUIET)
		lo |= IRTE_QUIET;
	lo |= (u64)e->check << IRTE_CHECK_SHIFT;
	lo |= mask << IRTE_MASK_SHIFT;
	lo |= (u64)e->vector << IRTE_VECTOR_SHIFT;
	if (e->flags & NYX_IRTE_F_POSTED) {
		lo |= IRTE_POSTED;
		if (e->flags & NYX_IRTE_F_URGENT)
			lo |= IRTE_URGENT;
		return lo | e->posted >> 6 << IRTE_PID_SHIFT;
	}
	if (e->flags & NYX_IRTE_F_LOGICAL)
		lo |= IRTE_LOGICAL;
	if (e->flags & NYX_IRTE_F_LEVEL)
		lo |= IRTE_LEVEL;
	if (e->flags & NYX_IRTE_F_HINT)
		lo |= IRTE_HINT;
	lo |= (u64)e->delivery << IRTE_DELIVERY_SHIFT;
	return lo | (u64)e->dest << IRTE_DEST_SHIFT;
}

bool irt_write(struct irt *irt, u32 index, const struct irt_entry *e)
{
	struct irte *irte = &irt->entries[array_index_nospec(index, irt->nr)];
	bool was = irte->lo;
	unsigned long flags;

	local_irq_save(flags);
	WRITE_ONCE(irte->seq, irte->seq + 1);
	/* Odd before it changes; pairs with load(). */
	smp_wmb();
	WRITE_ONCE(irte->lo, e ? pack(e) : 0);
	WRITE_ONCE(irte->source, e ? e->source : 0);
	/* Even when it is whole; pairs with load(). */
	smp_store_release(&irte->seq, irte->seq + 1);
	local_irq_restore(flags);

	irt->nr_present += !!e - was;
	return was;
}

void irt_forget(struct irt *irt)
{
	u32 i;

	for (i = 0; i < irt->nr && irt->nr_present; i++)
		irt_write(irt, i, NULL);
}

static __always_inline void load(const struct irte *irte, u64 *lo, u32 *source)
{
	u32 seq;

	for (;;) {
		/* Pairs with irt_write(). */
		seq = smp_load_acquire(&irte->seq);
		*lo = READ_ONCE(irte->lo);
		*source = READ_ONCE(irte->source);
		/* Pairs with irt_write(). */
		smp_rmb();
		if (likely(!(seq & 1) && READ_ONCE(irte->seq) == seq))
			return;
		cpu_relax();
	}
}

static u16 unpack_flags(u64 lo)
{
	u16 flags = 0;

	if (lo & IRTE_QUIET)
		flags |= NYX_IRTE_F_QUIET;
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

static u64 unpack_posted(u64 lo)
{
	return lo >> IRTE_PID_SHIFT << 6;
}

bool irt_read(const struct irt *irt, u32 index, struct irt_entry *e)
{
	u64 lo;

	*e = (struct irt_entry){};
	load(&irt->entries[array_index_nospec(index, irt->nr)], &lo, &e->source);
	if (!(lo & IRTE_PRESENT))
		return false;
	e->flags = unpack_flags(lo);
	e->vector = lo >> IRTE_VECTOR_SHIFT;
	e->check = lo >> IRTE_CHECK_SHIFT & 3;
	e->mask = irte_masks[lo >> IRTE_MASK_SHIFT & 3];
	if (lo & IRTE_POSTED) {
		e->posted = unpack_posted(lo);
	} else {
		e->delivery = lo >> IRTE_DELIVERY_SHIFT & 7;
		e->dest = lo >> IRTE_DEST_SHIFT;
	}
	return true;
}

static bool source_allowed(u64 lo, u32 source, u32 sbdf)
{
	u32 bus = NYX_SBDF_BUS(sbdf);

	switch (lo >> IRTE_CHECK_SHIFT & 3) {
	case NYX_SOURCE_ANY:
		return true;
	case NYX_SOURCE_RID:
		return !((sbdf ^ source) & ~(u32)irte_masks[lo >> IRTE_MASK_SHIFT & 3]);
	case NYX_SOURCE_BUS:
		return NYX_SBDF_SEGMENT(sbdf) == NYX_SBDF_SEGMENT(source) &&
		       bus >= NYX_SBDF_BUS(source) && bus <= (source & 0xff);
	default:
		return false;
	}
}

/* A compatibility-format message, as the local APIC takes it. */
static u32 pass(u64 address, u32 data, struct irt_msg *msg)
{
	msg->as_is = true;
	msg->dest = address >> 12 & 0xff;
	msg->vector = data;
	msg->delivery = data >> 8 & 7;
	if (address & 0x4)
		msg->flags |= NYX_IRTE_F_LOGICAL;
	if (address & 0x8)
		msg->flags |= NYX_IRTE_F_HINT;
	if (data & 0x8000)
		msg->flags |= NYX_IRTE_F_LEVEL;
	return NYX_FAULT_NONE;
}

u32 irt_remap(const struct irt *irt, u32 mode, u32 sbdf, u64 address, u32 data,
	      struct irt_msg *msg)
{
	u32 index, source;
	u64 lo;

	*msg = (struct irt_msg){ .index = IRT_INDEX_NONE };
	if (unlikely(address >> 20 != 0xfee))
		return NYX_FAULT_IRQ_REQUEST;
	if (unlikely(mode & NYX_IRQ_MODE_OFF))
		return pass(address, data, msg);
	if (unlikely(!(address & 0x10)))
		return mode & NYX_IRQ_MODE_COMPAT ? pass(address, data, msg) :
						    NYX_FAULT_IRQ_COMPAT;

	index = (address >> 5 & 0x7fff) | (address & 0x4) << 13;
	if (address & 0x8) {
		if (unlikely(data >> 16))
			return NYX_FAULT_IRQ_REQUEST;
		index += data;
	}
	msg->index = index;
	if (unlikely(index >= READ_ONCE(irt->limit)))
		return NYX_FAULT_IRQ_INDEX;
	load(&irt->entries[array_index_nospec(index, irt->nr)], &lo, &source);

	if (unlikely(!(lo & IRTE_PRESENT)))
		return NYX_FAULT_IRQ_NOT_PRESENT;
	msg->flags = unpack_flags(lo);
	msg->vector = lo >> IRTE_VECTOR_SHIFT;
	if (lo & IRTE_POSTED) {
		msg->posted = unpack_posted(lo);
	} else {
		msg->delivery = lo >> IRTE_DELIVERY_SHIFT & 7;
		msg->dest = lo >> IRTE_DEST_SHIFT;
		if (unlikely(mode & NYX_IRQ_MODE_XAPIC && msg->dest > 0xff))
			return NYX_FAULT_IRQ_RESERVED;
	}
	return likely(source_allowed(lo, source, sbdf)) ? NYX_FAULT_NONE :
							  NYX_FAULT_IRQ_SOURCE;
}

/* The kinds of messages that are not remapped. */
static bool device_passes(u32 how, u32 delivery)
{
	switch (delivery) {
	case NYX_DELIVERY_FIXED:
	case NYX_DELIVERY_LOWEST:
		return how & IRT_PASS;
	case NYX_DELIVERY_SMI:
		return true;
	case NYX_DELIVERY_NMI:
		return how & IRT_PASS_NMI;
	case NYX_DELIVERY_INIT:
		return how & IRT_PASS_INIT;
	case NYX_DELIVERY_EXTINT:
		return how & IRT_PASS_EXTINT;
	default:
		return false;
	}
}

u32 irt_remap_device(const struct irt_device *dev, u32 mode, u64 address,
		     u32 data, struct irt_msg *msg)
{
	/* Pairs with who finds out: the limit is read later. */
	u32 how = dev ? smp_load_acquire(&dev->how) : 0;
	u32 delivery = data >> 8 & 7, index = data & 0x7ff, source;
	u64 lo;

	*msg = (struct irt_msg){ .index = IRT_INDEX_NONE };
	if (unlikely(address >> 20 != 0xfee))
		return NYX_FAULT_IRQ_REQUEST;
	if (unlikely(mode & NYX_IRQ_MODE_OFF))
		return pass(address, data, msg);
	if (unlikely(!(how & IRT_KNOWN))) {
		msg->index = index;
		return NYX_FAULT_IRQ_NOT_PRESENT;
	}
	if ((how & IRT_PASS_ALL) || device_passes(how, delivery))
		return pass(address, data, msg);
	if (how & IRT_QUIET)
		msg->flags = NYX_IRTE_F_QUIET;
	if (unlikely(!(how & IRT_REMAP) || delivery > NYX_DELIVERY_LOWEST))
		return NYX_FAULT_IRQ_COMPAT;

	msg->index = index;
	if (unlikely(index >= READ_ONCE(dev->irt.limit)))
		return NYX_FAULT_IRQ_INDEX;
	load(&dev->irt.entries[array_index_nospec(index, IRT_DEVICE_ENTRIES)],
	     &lo, &source);
	if (unlikely(!(lo & IRTE_PRESENT)))
		return NYX_FAULT_IRQ_NOT_PRESENT;
	msg->flags = unpack_flags(lo);
	msg->vector = lo >> IRTE_VECTOR_SHIFT;
	msg->delivery = lo >> IRTE_DELIVERY_SHIFT & 7;
	msg->dest = lo >> IRTE_DEST_SHIFT;
	/* The entry says nothing about it: it stays as it was sent. */
	if (data & 0x8000)
		msg->flags |= NYX_IRTE_F_LEVEL;
	return NYX_FAULT_NONE;
}

NYX_EXPORT_FOR_TEST(irt_init);
NYX_EXPORT_FOR_TEST(irt_fini);
NYX_EXPORT_FOR_TEST(irt_write);
NYX_EXPORT_FOR_TEST(irt_read);
NYX_EXPORT_FOR_TEST(irt_remap);
NYX_EXPORT_FOR_TEST(irt_remap_device);
NYX_EXPORT_FOR_TEST(irt_forget);
