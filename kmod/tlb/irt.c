// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the interrupt remapping table, decoded.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "tlb/irt.h"

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "base/export.h"
#include "base/types.h"

static u32 nr_pages(const struct irt *irt)
{
	return DIV_ROUND_UP(irt->nr, IRT_PAGE);
}

int irt_init_cache(struct irt *irt, u32 nr)
{
	irt->nr = nr;
	irt->limit = nr;
	irt->nr_present = 0;
	irt->pages = kcalloc(nr_pages(irt), sizeof(*irt->pages), GFP_CALLER);
	return irt->pages ? 0 : -ENOMEM;
}

int irt_init(struct irt *irt, u32 nr)
{
	int ret = irt_init_cache(irt, nr);
	u32 i;

	if (ret)
		return ret;
	for (i = 0; i < nr_pages(irt) && !ret; i++)
		ret = irt_reserve(irt, i << IRT_PAGE_LG2);
	if (ret)
		irt_fini(irt);
	return ret;
}

int irt_reserve(struct irt *irt, u32 index)
{
	struct irte **place, *page;

	index = array_index_nospec(index, irt->nr);
	place = &irt->pages[index >> IRT_PAGE_LG2];
	if (READ_ONCE(*place))
		return 0;
	page = kcalloc(min_t(u32, irt->nr, IRT_PAGE), sizeof(*page), GFP_CALLER);
	if (!page)
		return -ENOMEM;
	/* Pairs with irt_entry_at(). Another thread may have been faster. */
	if (cmpxchg(place, NULL, page))
		kfree(page);
	return 0;
}

void irt_fini(struct irt *irt)
{
	u32 i;

	for (i = 0; irt->pages && i < nr_pages(irt); i++)
		kfree(irt->pages[i]);
	kfree(irt->pages);
	irt->pages = NULL;
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
	struct irte *irte = irt_entry_at(irt, index);
	struct irt_word w = {};
	unsigned long flags;
	bool was;

	if (!irte) {
		WARN_ON_ONCE(e);
		return false;
	}
	was = irte->lo;
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
	const struct irte *irte = irt_entry_at(irt, index);
	struct irt_word w;

	*e = (struct irt_entry){};
	if (!irte)
		return false;
	irt_load(irte, &w);
	e->source = w.source;
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
NYX_EXPORT_FOR_TEST(irt_init_cache);
NYX_EXPORT_FOR_TEST(irt_reserve);
NYX_EXPORT_FOR_TEST(irt_fini);
NYX_EXPORT_FOR_TEST(irt_write);
NYX_EXPORT_FOR_TEST(irt_read);
NYX_EXPORT_FOR_TEST(irt_clear);
