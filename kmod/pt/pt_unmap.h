/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: page tables, unmapping. A template: see pt_fmt.h.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A page that reaches across an end of the range is cut first. The tables for
 * both cuts are allocated before anything is changed, so nothing can fail later
 * on. A cut replaces an entry by a full table of smaller pages that map the
 * same, linked by one store; within a contiguous page it rewrites entries one
 * by one, each with a smaller page that maps the same. So a walk
 * beside it finds the old entry or an equivalent new one.
 *
 * Then the range consists of whole pages. Their entries are cleared; a table
 * that has lost its last entry is unlinked, and one that the range covers is
 * unlinked with all that is below it by a single store. Empty address space has
 * no tables, so the work is bounded by the tables that there are.
 */
#ifndef NYX_PT_PT_UNMAP_H
#define NYX_PT_PT_UNMAP_H

#include "pt/pt_map.h"

/*
 * Number of tables that a cut at @va needs beyond those that a cut at @other
 * needs; both addresses lie in or next to the span of @table.
 */
static unsigned int pt_cut_tables(const u64 *table, unsigned int level, u64 va,
				  u64 other)
{
	unsigned int tables = 0;
	u64 entry;

	if (!pt_offset(va, level + 1))
		return 0;
	for (;;) {
		entry = table[pt_index(va, level)];
		if (!pt_entry_present(entry))
			return 0;
		if (pt_entry_leaf(entry, level))
			break;
		table = pt_mem_ptr(pt_entry_next(entry));
		level--;
	}
	/* A new table for each level whose entries are too coarse for @va. */
	for (; pt_offset(va, level); level--) {
		/* A cut at @other inside the same entry has counted this table. */
		if ((va ^ other) >> pt_shift(level) || !pt_offset(other, level))
			tables++;
	}
	return tables;
}

/* As pt_fill(), with no page that reaches across @cut, an address in the run. */
static void pt_fill_cut(u64 *table, unsigned int level, struct pt_leaves *next,
			unsigned int n, u64 cut)
{
	unsigned int before = (cut - next->va) >> pt_shift(level);

	pt_fill(table, level, next, before);
	n -= before;
	if (next->va != cut) {
		/* @cut lies inside this entry, which the next level splits. */
		pt_fill(table, level, next, 1);
		n--;
	}
	pt_fill(table, level, next, n);
}

static u64 *pt_reserve_take(struct pt_chain *reserve)
{
	struct page *page = reserve->head;

	reserve->head = (struct page *)page_private(page);
	reserve->count--;
	set_page_private(page, 0);
	return page_address(page);
}

static int pt_reserve_fill(struct pt_chain *reserve, unsigned int tables)
{
	u64 *table;

	while (tables--) {
		table = pt_mem_alloc();
		if (!table) {
			while (reserve->head)
				pt_mem_free(pt_reserve_take(reserve));
			return -ENOMEM;
		}
		pt_chain_add(reserve, table);
	}
	return 0;
}

/* Make sure that no page reaches across @cut. */
static void pt_cut(struct pt *pt, u64 *table, unsigned int level, u64 cut,
		   struct pt_chain *reserve)
{
	if (!pt_offset(cut, level + 1))
		return;
	for (;;) {
		u64 *slot = &table[pt_index(cut, level)];
		u64 entry = *slot;
		struct pt_leaves next = { .sizes = pt->page_sizes };
		unsigned int lg2;
		u64 *child;

		if (!pt_entry_present(entry))
			return;
		if (!pt_entry_leaf(entry, level)) {
			table = pt_mem_ptr(pt_entry_next(entry));
			level--;
			continue;
		}
		lg2 = pt_entry_lg2(entry, level);
		next.va = cut & (~0ull << lg2);
		if (next.va == cut)
			return;
		next.oa = pt_entry_oa(entry, level);
		next.perm = pt_grant_perm(pt_entry_grant(entry));
		if (PT_FMT_CONTIG && lg2 > pt_shift(level)) {
			pt_fill_cut(table, level, &next,
				    1u << (lg2 - pt_shift(level)), cut);
			continue;
		}
		child = pt_reserve_take(reserve);
		level--;
		pt_fill(child, level, &next, PT_ENTRIES);
		pt_mem_meta(child)->present = PT_ENTRIES;
		pt->tables++;
		/* Publish the entries of the table. Pairs with pt_walk_step(). */
		smp_store_release(slot, pt_make_table(pt_mem_addr(child),
						      level + 1));
		table = child;
	}
}

/* Put a table that has been unlinked, and all below it, on the chain. */
static u64 pt_reap(struct pt *pt, u64 *table, unsigned int level,
		   struct pt_chain *free)
{
	unsigned int left = pt_mem_meta(table)->present;
	u64 bytes = 0;
	unsigned int i;

	if (!level)
		bytes = left * pt_span(0);
	for (i = 0; level && left; i++) {
		u64 entry = table[i];

		if (!pt_entry_present(entry))
			continue;
		left--;
		if (pt_entry_leaf(entry, level))
			bytes += pt_span(level);
		else
			bytes += pt_reap(pt, pt_mem_ptr(pt_entry_next(entry)),
					 level - 1, free);
	}
	pt_chain_add(free, table);
	pt->tables--;
	pt_mem_relax();
	return bytes;
}

/*
 * Clear a run of entries up to @end, all leaves or empty. Returns the number of
 * leaves.
 */
static inline unsigned int pt_clear_leaves(u64 *table, u64 *slot, u64 *end)
{
	struct pt_meta *meta = pt_mem_meta(table);
	unsigned int count = 0;

	if (meta->present == PT_ENTRIES) {
		for (count = end - slot; slot < end; slot++)
			WRITE_ONCE(*slot, 0);
	} else {
		for (; slot < end; slot++) {
			count += !!*slot;
			WRITE_ONCE(*slot, 0);
		}
	}
	meta->present -= count;
	return count;
}

/* Clear a range that no page reaches out of. Returns the bytes that were mapped. */
static u64 pt_clear(struct pt *pt, u64 *table, unsigned int level, u64 va,
		    u64 last, struct pt_chain *free)
{
	struct pt_meta *meta = pt_mem_meta(table);
	u64 *slot = &table[pt_index(va, level)];
	u64 *end = &table[pt_index(last, level)] + 1;
	u64 stop, bytes = 0;

	if (!level)
		return pt_clear_leaves(table, slot, end) * pt_span(0);

	for (; slot < end && meta->present; slot++, va = stop + 1) {
		u64 entry = *slot, *child;

		stop = pt_clip(va, last, level);
		if (!pt_entry_present(entry))
			continue;
		if (pt_entry_leaf(entry, level)) {
			u64 *first = slot;

			do {
				WRITE_ONCE(*slot++, 0);
			} while (slot < end && pt_entry_present(*slot) &&
				 pt_entry_leaf(*slot, level));
			meta->present -= slot - first;
			bytes += (slot - first) * pt_span(level);
			stop = va + ((slot - first) * pt_span(level) - 1);
			slot--;
			continue;
		}
		child = pt_mem_ptr(pt_entry_next(entry));
		if (pt_covers(va, stop, level)) {
			WRITE_ONCE(*slot, 0);
			meta->present--;
			bytes += pt_reap(pt, child, level - 1, free);
			continue;
		}
		bytes += pt_clear(pt, child, level - 1, va, stop, free);
		if (!pt_mem_meta(child)->present) {
			WRITE_ONCE(*slot, 0);
			meta->present--;
			pt_chain_add(free, child);
			pt->tables--;
		}
		pt_mem_relax();
	}
	return bytes;
}

/* Let no page reach across an end of the range; @path ends above all of it. */
static inline int pt_cut_ends(struct pt *pt, struct pt_path *path, u64 va,
			      u64 last)
{
	struct pt_chain reserve = {};
	unsigned int level, tables;
	u64 *table;
	int err;

	path->table[path->level] = pt_mem_ptr(pt->root);
	pt_descend(path, va, last);
	level = path->level;
	table = path->table[level];

	tables = pt_cut_tables(table, level, va, 0);
	tables += pt_cut_tables(table, level, last + 1, va);
	if (tables) {
		err = pt_reserve_fill(&reserve, tables);
		if (err)
			return err;
	}
	pt_cut(pt, table, level, va, &reserve);
	pt_cut(pt, table, level, last + 1, &reserve);
	return 0;
}

int PT_NAME(split)(struct pt *pt, u64 va, u64 last)
{
	struct pt_path path = { .level = pt->top };

	last = min(last, pt->va_last);
	return pt->root && va <= last ? pt_cut_ends(pt, &path, va, last) : 0;
}

int PT_NAME(unmap)(struct pt *pt, u64 va, u64 last, struct pt_chain *free,
		   u64 *unmapped)
{
	struct pt_path path = { .level = pt->top };
	unsigned int level;
	u64 bytes, *table;
	int err;

	*unmapped = 0;
	if (WARN_ON_ONCE(va > last || ((va | (last + 1)) & NYX_PAGE_MASK)))
		return 0;
	last = min(last, pt->va_last);
	if (!pt->root || va > last)
		return 0;

	err = pt_cut_ends(pt, &path, va, last);
	if (err)
		return err;
	level = path.level;
	table = path.table[level];
	bytes = pt_clear(pt, table, level, va, last, free);
	for (; level < pt->top && !pt_mem_meta(table)->present; level++) {
		u64 *parent = path.table[level + 1];

		WRITE_ONCE(parent[pt_index(va, level + 1)], 0);
		pt_mem_meta(parent)->present--;
		pt_chain_add(free, table);
		pt->tables--;
		table = parent;
	}
	pt->mapped -= bytes;
	*unmapped = bytes;
	return 0;
}

#endif /* NYX_PT_PT_UNMAP_H */
