/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: page tables, visits. A template: see pt_fmt.h.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Functions that look at a whole kernel-owned table, or at much of it, while its writer
 * is excluded: to list it, to show it, to free it. All of it recurses by level,
 * at most five deep.
 */
#ifndef NYX_PT_PT_ITER_H
#define NYX_PT_PT_ITER_H

#include "pt/pt_fmt.h"

/* Page sizes and usable width of a depth; 0 if the format does not have that depth. */
u64 PT_NAME(shape)(unsigned int levels, unsigned int *va_lg2)
{
	unsigned int width = pt_width(levels);

	if (levels < PT_FMT_MIN_LEVELS || levels > PT_FMT_MAX_LEVELS)
		return 0;
	*va_lg2 = width - PT_FMT_CANONICAL;
	/* A page is smaller than the table. */
	return PT_FMT_SIZES & nyx_lg2_last(width);
}

static void pt_free_tables(u64 *table, unsigned int level)
{
	unsigned int left = pt_mem_meta(table)->present;
	unsigned int i;

	for (i = 0; level && left; i++) {
		u64 entry = table[i];

		if (!pt_entry_present(entry))
			continue;
		left--;
		if (!pt_entry_leaf(entry, level))
			pt_free_tables(pt_mem_ptr(pt_entry_next(entry)),
				       level - 1);
	}
	pt_mem_free(table);
	pt_mem_relax();
}

void PT_NAME(fini)(struct pt *pt)
{
	if (pt->root)
		pt_free_tables(pt_mem_ptr(pt->root), pt->top);
	pt->root = 0;
	pt->mapped = 0;
	pt->tables = 0;
}

/*
 * Add a piece of a page to an extent, unless it is empty (&pt_extent.lg2 is 0).
 * Returns false if the piece does not continue the extent.
 */
static bool pt_extent_add(struct pt_extent *ext, u64 va, u64 last, u64 oa,
			  unsigned int perm, unsigned int lg2)
{
	if (!ext->lg2) {
		*ext = (struct pt_extent){
			.start = va,
			.last = last,
			.oa = oa,
			.perm = perm,
			.lg2 = lg2,
		};
		return true;
	}
	/* @va follows ext->last, because the caller visits addresses in order. */
	if (oa != ext->oa + (va - ext->start) || perm != ext->perm)
		return false;
	ext->last = last;
	ext->lg2 = min_t(unsigned int, ext->lg2, lg2);
	return true;
}

/* Returns false where the extent ends. */
static bool pt_scan(const u64 *table, unsigned int level, u64 va, u64 last,
		    struct pt_extent *ext)
{
	for (;;) {
		const u64 *slot = &table[pt_index(va, level)];
		u64 end = pt_clip(va, last, level);
		u64 entry = *slot;

		if (!pt_entry_present(entry)) {
			if (ext->lg2)
				return false;
		} else if (pt_entry_leaf(entry, level)) {
			unsigned int lg2 = pt_entry_lg2(entry, level);
			u64 inside = va & ((1ull << lg2) - 1);
			u64 oa = pt_entry_oa(entry, level) + inside;

			end = min(last, va - inside + ((1ull << lg2) - 1));
			/*
			 * Skip entries that continue the extent, without decoding
			 * them.
			 */
			while (lg2 == pt_shift(level) && end != last &&
			       slot[1] == entry + pt_span(level)) {
				end = pt_clip(end + 1, last, level);
				entry = *++slot;
			}
			if (!pt_extent_add(ext, va, end, oa,
					   pt_grant_perm(pt_entry_grant(entry)),
					   lg2))
				return false;
		} else {
			pt_mem_relax();
			if (!pt_scan(pt_mem_ptr(pt_entry_next(entry)),
				     level - 1, va, end, ext))
				return false;
		}
		if (end == last)
			return true;
		va = end + 1;
	}
}

bool PT_NAME(next)(const struct pt *pt, u64 va, u64 last,
		   struct pt_extent *ext)
{
	ext->lg2 = 0;
	last = min(last, pt->va_last);
	if (pt->root && va <= last)
		pt_scan(pt_mem_ptr(pt->root), pt->top, va, last, ext);
	return ext->lg2;
}

static bool pt_dump_table(const u64 *table, unsigned int level, u64 va,
			  bool (*fn)(void *ctx, const struct pt_entry *entry),
			  void *ctx)
{
	unsigned int left = pt_mem_meta(table)->present;
	struct pt_entry out = { .va = va, .level = level };
	unsigned int i;

	for (i = 0; left; i++, out.va += pt_span(level)) {
		u64 entry = table[i];

		if (!pt_entry_present(entry))
			continue;
		left--;
		out.raw = entry;
		out.perm = pt_grant_perm(pt_entry_grant(entry));
		out.leaf = pt_entry_leaf(entry, level);
		out.lg2 = out.leaf ? pt_entry_lg2(entry, level) : 0;
		out.next = out.leaf ? pt_entry_oa(entry, level) :
				      pt_entry_next(entry);
		if (!fn(ctx, &out))
			return false;
		if (!out.leaf && !pt_dump_table(pt_mem_ptr(out.next), level - 1,
						out.va, fn, ctx))
			return false;
	}
	pt_mem_relax();
	return true;
}

void PT_NAME(dump)(const struct pt *pt,
		   bool (*fn)(void *ctx, const struct pt_entry *entry),
		   void *ctx)
{
	if (pt->root)
		pt_dump_table(pt_mem_ptr(pt->root), pt->top, 0, fn, ctx);
}

#endif /* NYX_PT_PT_ITER_H */
