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

void irt_pack(const struct irt_entry *e, struct irt_word *w)
{
	u64 lo = IRTE_PRESENT;

	if (e->flags & NYX_IRTE_F_FPD)
		lo |= IRTE_FPD;
	lo |= (u64)e->check << IRTE_CHECK_SHIFT;
	lo |= (u64)(e->mask & 7) << IRTE_MASK_SHIFT;
	lo |= (u64)e->vector << IRTE_VECTOR_SHIFT;
	if (e->flags & NYX_IRTE_F_POSTED) {
		lo |= IRTE_POSTED;
		if (e->flags & NYX_IRTE_F_URGENT)
			lo |= IRTE_URGENT;
		lo |= e->posted >> 6 << IRTE_PID_SHIFT;
		*w = (struct irt_word){ .lo = lo, .source = e->source };
		return;
	}
	if (e->flags & NYX_IRTE_F_LOGICAL)
		lo |= IRTE_LOGICAL;
	if (e->flags & NYX_IRTE_F_LEVEL)
		lo |= IRTE_LEVEL;
	if (e->flags & NYX_IRTE_F_HINT)
		lo |= IRTE_HINT;
	lo |= (u64)e->delivery << IRTE_DELIVERY_SHIFT;
	lo |= (u64)e->dest << IRTE_DEST_SHIFT;
	*w = (struct irt_word){ .lo = lo, .source = e->source };
}

bool irt_write(struct irt *irt, u32 index, const struct irt_entry *e)
{
	struct irte *irte = &irt->entries[array_index_nospec(index, irt->nr)];
	struct irt_word w = {};
	bool was = irte->lo;
	unsigned long flags;

	if (e)
		irt_pack(e, &w);
	local_irq_save(flags);
	WRITE_ONCE(irte->seq, irte->seq + 1);
	/* Make @seq odd before the entry changes; pairs with irt_load(). */
	smp_wmb();
	WRITE_ONCE(irte->lo, w.lo);
	WRITE_ONCE(irte->source, w.source);
	/* Make @seq even once the entry is whole; pairs with irt_load(). */
	smp_store_release(&irte->seq, irte->seq + 1);
	local_irq_restore(flags);

	irt->nr_present += !!e - was;
	return was;
}

void irt_clear(struct irt *irt)
{
	u32 i;

	for (i = 0; i < irt->nr && irt->nr_present; i++)
		irt_write(irt, i, NULL);
}

bool irt_read(const struct irt *irt, u32 index, struct irt_entry *e)
{
	struct irt_word w;

	irt_load(&irt->entries[array_index_nospec(index, irt->nr)], &w);
	*e = (struct irt_entry){ .source = w.source };
	if (!(w.lo & IRTE_PRESENT))
		return false;
	e->flags = irt_word_flags(w.lo);
	e->vector = w.lo >> IRTE_VECTOR_SHIFT;
	e->check = w.lo >> IRTE_CHECK_SHIFT & 3;
	e->mask = w.lo >> IRTE_MASK_SHIFT & 7;
	if (w.lo & IRTE_POSTED) {
		e->posted = irt_word_posted(w.lo);
	} else {
		e->delivery = w.lo >> IRTE_DELIVERY_SHIFT & 7;
		e->dest = w.lo >> IRTE_DEST_SHIFT;
	}
	return true;
}

NYX_EXPORT_FOR_TEST(irt_init);
NYX_EXPORT_FOR_TEST(irt_fini);
NYX_EXPORT_FOR_TEST(irt_write);
NYX_EXPORT_FOR_TEST(irt_read);
NYX_EXPORT_FOR_TEST(irt_clear);
