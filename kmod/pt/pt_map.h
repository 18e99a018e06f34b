/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: page tables, mapping. A template: see pt_fmt.h.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A mapping is made in two passes. The first one, pt_prepare(), makes sure that
 * nothing is in the way and adds the tables that are missing; it can fail, and
 * then pt_prune() takes the new tables out again, which are the only ones that
 * are empty. The second pass, pt_fill_range(), writes leaves and cannot fail.
 *
 * Most mappings lie within one table that exists. For them one descent is
 * enough: it stops at the lowest table that holds the whole range, remembers
 * the way, and both passes are loops over entries of that table.
 *
 * Stores that readers can see: an entry is written once, by WRITE_ONCE() if it
 * is a leaf or becomes empty, by smp_store_release() if it links a table whose
 * contents must be seen first.
 */
#ifndef NYX_PT_PT_MAP_H
#define NYX_PT_PT_MAP_H

#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/sched.h>

#include "pt/pt_fmt.h"

/**
 * struct pt_path - the way down to a table
 * @table: the tables, by level, from the top to @level
 * @level: where it ends
 */
struct pt_path {
	u64 *table[PT_MAX_LEVELS];
	unsigned int level;
};

/* True if a range covers all that the entry at @va spans. */
static __always_inline bool pt_covers(u64 va, u64 last, unsigned int level)
{
	return !pt_offset(va, level) && last - va >= pt_span(level) - 1;
}

/*
 * Follow the tables from path->level down, for as long as one entry is
 * responsible for the whole range and spans more than it.
 */
static __always_inline void pt_descend(struct pt_path *path, u64 va, u64 last)
{
	unsigned int level = path->level;
	u64 *table = path->table[level];

	while (level) {
		u64 entry = table[pt_index(va, level)];

		if ((va ^ last) >> pt_shift(level) || pt_covers(va, last, level))
			break;
		if (!pt_entry_present(entry) || pt_entry_leaf(entry, level))
			break;
		table = pt_mem_ptr(pt_entry_next(entry));
		path->table[--level] = table;
	}
	path->level = level;
}

/* True if any of the @n entries from @slot on is not empty. */
static inline bool pt_busy(const u64 *table, const u64 *slot, unsigned int n)
{
	unsigned int present = pt_mem_meta(table)->present;
	const u64 *end = slot + n;
	u64 any = 0;

	if (!present || present > PT_ENTRIES - n)
		return present;
	while (slot < end)
		any |= *slot++;
	return any;
}

/**
 * struct pt_leaves - leaves to be written, in order of address
 * @va: address of the next page
 * @oa: its output address
 * @sizes: page sizes to use, bit mask
 * @perm: NYX_ACC_*
 */
struct pt_leaves {
	u64 va;
	u64 oa;
	u64 sizes;
	unsigned int perm;
};

/*
 * Write leaves into a run of @n entries that begins at the one of next->va, as
 * large as their sizes allow. Moves @next behind the run.
 */
static inline void pt_fill(u64 *table, unsigned int level,
			   struct pt_leaves *next, unsigned int n)
{
	u64 va = next->va, oa = next->oa, sizes = next->sizes;
	u64 *slot = &table[pt_index(va, level)];
	unsigned int perm = next->perm;
	u64 *end = slot + n;

	next->va += n * pt_span(level);
	next->oa += n * pt_span(level);
	/* Sizes that this level makes from several entries. */
	sizes &= nyx_lg2_last(pt_width(level + 1)) & ~(pt_span(level) * 2 - 1);
	if (!PT_FMT_CONTIG || !sizes) {
		u64 entry = pt_make_leaf(oa, pt_shift(level), level, perm);

		for (; slot < end; slot++, entry += pt_span(level))
			WRITE_ONCE(*slot, entry);
		return;
	}
	while (slot < end) {
		/*
		 * As aligned as the address, and not beyond the end. Both
		 * addresses agree modulo the sizes that are asked for, or that
		 * fit.
		 */
		unsigned int max = min_t(unsigned int, __ffs64(va | BIT_ULL(63)),
					 pt_shift(level) + ilog2(end - slot));
		u64 fit = sizes & nyx_lg2_last(max + 1);
		unsigned int lg2 = fit ? fls64(fit) - 1 : pt_shift(level);
		u64 entry = pt_make_leaf(oa, lg2, level, perm);
		u64 *stop = slot + (1u << (lg2 - pt_shift(level)));

		for (; slot < stop; slot++)
			WRITE_ONCE(*slot, entry);
		va += 1ull << lg2;
		oa += 1ull << lg2;
	}
}

/* The leaf that maps what a full table maps, or 0 if there is none. */
static u64 pt_merge(const u64 *table, unsigned int level)
{
	u64 final = table[PT_ENTRIES - 1];
	u64 first = table[0];
	u64 oa, plain;
	unsigned int i;

	if (!pt_entry_leaf(first, level) || !pt_entry_leaf(final, level))
		return 0;
	oa = pt_entry_oa(first, level);
	if (pt_offset(oa, level + 1))
		return 0;
	/* Compare the last entry first, which rules out most tables. */
	if (pt_entry_oa(final, level) + (1ull << pt_entry_lg2(final, level)) !=
	    oa + pt_span(level + 1))
		return 0;

	plain = pt_make_leaf(oa, pt_shift(level), level,
			     pt_grant_perm(pt_entry_grant(first)));
	for (i = 0; i < PT_ENTRIES;) {
		unsigned int lg2 = pt_shift(level);
		u64 entry = table[i];

		if (PT_FMT_CONTIG) {
			if (!pt_entry_leaf(entry, level))
				return 0;
			lg2 = pt_entry_lg2(entry, level);
			entry = pt_make_leaf(pt_entry_oa(entry, level),
					     pt_shift(level), level,
					     pt_grant_perm(pt_entry_grant(entry)));
		}
		if (entry != plain)
			return 0;
		plain += 1ull << lg2;
		i += 1u << (lg2 - pt_shift(level));
	}
	return pt_make_leaf(oa, pt_shift(level + 1), level + 1,
			    pt_grant_perm(pt_entry_grant(first)));
}

/*
 * Replace a table by a leaf of the level above, in the entry @slot that refers
 * to it, if it has become contiguous. Readers translate alike before and after.
 */
static bool pt_promote(struct pt *pt, u64 *slot, u64 *table, unsigned int level,
		       struct pt_chain *free)
{
	u64 leaf;

	if (pt_mem_meta(table)->present != PT_ENTRIES ||
	    level + 1 >= PT_MAX_LEVELS || !(pt->page_sizes & pt_span(level + 1)))
		return false;
	leaf = pt_merge(table, level);
	if (!leaf)
		return false;
	WRITE_ONCE(*slot, leaf);
	pt_chain_add(free, table);
	pt->tables--;
	return true;
}

/**
 * struct pt_mapping - a mapping under construction
 * @pt: table
 * @free: gets tables that readers may still see
 * @next: what is left to be written; its sizes are those that @pt allows and the
 *        addresses' difference leaves
 * @reached: where pt_prepare() gave up
 */
struct pt_mapping {
	struct pt *pt;
	struct pt_chain *free;
	struct pt_leaves next;
	u64 reached;
};

/*
 * True if leaves go into entries of this level, beginning with that of @va;
 * then @end is the last address of the run, else of the entry.
 */
static __always_inline bool pt_run(const struct pt_mapping *m, u64 va, u64 last,
				   unsigned int level, u64 *end)
{
	if ((m->next.sizes & pt_span(level)) && pt_covers(va, last, level)) {
		*end = last - pt_offset(last + 1, level);
		return true;
	}
	*end = pt_clip(va, last, level);
	return false;
}

/* Number of entries in a run. */
static __always_inline unsigned int pt_run_entries(u64 va, u64 end,
						   unsigned int level)
{
	return ((end - va) >> pt_shift(level)) + 1;
}

/* The table that an entry refers to; a new one if the entry is empty. */
static int pt_get_child(struct pt *pt, u64 *table, u64 *slot,
			unsigned int level, u64 **child)
{
	u64 entry = *slot;

	if (pt_entry_present(entry)) {
		if (pt_entry_leaf(entry, level))
			return -EEXIST;
		*child = pt_mem_ptr(pt_entry_next(entry));
		return 0;
	}
	*child = pt_mem_alloc();
	if (!*child)
		return -ENOMEM;
	pt->tables++;
	pt_mem_meta(table)->present++;
	/* Publish the zeroed table. Pairs with pt_walk_step(). */
	smp_store_release(slot, pt_make_table(pt_mem_addr(*child), level));
	return 0;
}

static int pt_prepare(struct pt_mapping *m, u64 *table, unsigned int level,
		      u64 va, u64 last)
{
	for (;;) {
		u64 *slot = &table[pt_index(va, level)];
		u64 *child;
		int err = 0;
		u64 end;

		m->reached = va;
		if (pt_run(m, va, last, level, &end)) {
			if (pt_busy(table, slot, pt_run_entries(va, end, level)))
				return -EEXIST;
		} else {
			if (pt_mem_relax())
				return -EINTR;
			err = pt_get_child(m->pt, table, slot, level, &child);
			if (!err)
				err = pt_prepare(m, child, level - 1, va, end);
		}
		if (err || end == last)
			return err;
		va = end + 1;
	}
}

/* Remove the empty tables in a range, which pt_prepare() has added. */
static void pt_prune(struct pt_mapping *m, u64 *table, unsigned int level,
		     u64 va, u64 last)
{
	while (level) {
		u64 *slot = &table[pt_index(va, level)];
		u64 end = pt_clip(va, last, level);
		u64 entry = *slot;

		if (pt_entry_present(entry) && !pt_entry_leaf(entry, level)) {
			u64 *child = pt_mem_ptr(pt_entry_next(entry));

			pt_prune(m, child, level - 1, va, end);
			if (!pt_mem_meta(child)->present) {
				WRITE_ONCE(*slot, 0);
				pt_mem_meta(table)->present--;
				pt_chain_add(m->free, child);
				m->pt->tables--;
				pt_mem_relax();
			}
		}
		if (end == last)
			return;
		va = end + 1;
	}
}

/* Write the leaves up to @last, all below @table. */
static void pt_fill_range(struct pt_mapping *m, u64 *table, unsigned int level,
			  u64 last)
{
	u64 end;

	do {
		u64 va = m->next.va;
		u64 *slot = &table[pt_index(va, level)];

		if (pt_run(m, va, last, level, &end)) {
			unsigned int n = pt_run_entries(va, end, level);

			pt_fill(table, level, &m->next, n);
			pt_mem_meta(table)->present += n;
		} else {
			u64 *child = pt_mem_ptr(pt_entry_next(*slot));

			pt_fill_range(m, child, level - 1, end);
			pt_promote(m->pt, slot, child, level - 1, m->free);
			pt_mem_relax();
		}
	} while (end != last);
}

/* Prepare and fill entries of the table at which @path ends. */
static int pt_map_below(struct pt_mapping *m, const struct pt_path *path,
			u64 last)
{
	unsigned int level = path->level;
	u64 *table = path->table[level];
	u64 va = m->next.va;
	unsigned int n;
	u64 end;
	int err;

	if (pt_run(m, va, last, level, &end) && end == last) {
		n = pt_run_entries(va, last, level);
		if (pt_busy(table, &table[pt_index(va, level)], n))
			return -EEXIST;
		pt_fill(table, level, &m->next, n);
		pt_mem_meta(table)->present += n;
		return 0;
	}
	err = pt_prepare(m, table, level, va, last);
	if (err)
		pt_prune(m, table, level, va, m->reached);
	else
		pt_fill_range(m, table, level, last);
	return err;
}

int PT_NAME(map)(struct pt *pt, u64 va, u64 last, u64 oa, unsigned int perm,
		 struct pt_chain *free)
{
	u64 apart = va ^ oa;
	struct pt_mapping m = {
		.pt = pt,
		.free = free,
		.next = {
			.va = va,
			.oa = oa,
			.sizes = pt->page_sizes,
			.perm = perm,
		},
	};
	struct pt_path path = { .level = pt->top };
	unsigned int level;
	u64 *root;
	int err;

	if (WARN_ON_ONCE(va > last || last > pt->va_last || !perm ||
			 ((va | oa | (last + 1)) & NYX_PAGE_MASK) ||
			 oa > NYX_GPA_LAST || last - va > NYX_GPA_LAST - oa))
		return -EINVAL;
	if (apart)
		m.next.sizes &= nyx_lg2_last(__ffs64(apart) + 1);

	if (!pt->root) {
		root = pt_mem_alloc();
		if (!root)
			return -ENOMEM;
		pt->tables++;
		path.table[path.level] = root;
		err = pt_map_below(&m, &path, last);
		if (err) {
			pt_mem_free(root);
			pt->tables--;
			return err;
		}
		pt->mapped += last - va + 1;
		/* Publish the entries of the table. Pairs with pt_walk(). */
		smp_store_release(&pt->root, pt_mem_addr(root));
		return 0;
	}

	path.table[path.level] = pt_mem_ptr(pt->root);
	pt_descend(&path, va, last);
	err = pt_map_below(&m, &path, last);
	if (err)
		return err;
	pt->mapped += last - va + 1;
	for (level = path.level; level < pt->top; level++) {
		u64 *parent = path.table[level + 1];

		if (!pt_promote(pt, &parent[pt_index(va, level + 1)],
				path.table[level], level, free))
			break;
	}
	return 0;
}

#endif /* NYX_PT_PT_MAP_H */
