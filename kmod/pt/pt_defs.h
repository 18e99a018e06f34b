/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: page tables, the words of the trade.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * - a table is 512 entries of eight bytes; an entry is empty, or refers to a
 *   table of a lower level, or is a leaf;
 * - levels count from the leaves: an entry of level 0 spans 4 KiB, one of level
 *   n spans 2^(12 + 9n) bytes. Level 1 of the hardware manuals is level 0
 *   here; their names appear in the fmt headers only;
 * - a page is what a leaf maps. It is as large as the span of its entry or, in a
 *   format with contiguous pages, a power of two of spans: then as many
 *   neighbouring entries hold the same leaf;
 * - a run is a series of neighbouring entries in one table;
 * - a cut is an address at which no page may reach across.
 *
 * An address space of 64 bits has no representable end, so ranges are carried
 * as (va, last), and loops end when they have dealt with @last.
 *
 * Invariants of a kernel-owned table, between two calls of its writer:
 *
 * - each table but the top one has at least one entry, and below each entry
 *   there is at least one leaf. So a table where a leaf should go means that
 *   something is mapped there, and only pt_map() that gives up has to look for
 *   empty tables;
 * - pt_meta.present of a table is the number of its entries that are not empty;
 * - entries that refer to tables grant everything; the leaf alone decides;
 * - neighbouring entries that belong to one contiguous page are identical.
 */
#ifndef NYX_PT_PT_DEFS_H
#define NYX_PT_PT_DEFS_H

#include <linux/minmax.h>

#include "base/types.h"
#include "pt/pt.h"

#define PT_TABLE_LG2	9u
#define PT_ENTRIES	512u
#define PT_MAX_LEVELS	PT_TRACE_STEPS

/**
 * pt_shift() - log2 of what an entry spans
 * @level: its level
 *
 * Return: 12, 21, 30, ...
 */
static __always_inline unsigned int pt_shift(unsigned int level)
{
	return NYX_PAGE_LG2 + PT_TABLE_LG2 * level;
}

/**
 * pt_span() - what an entry spans
 * @level: its level, at most 5
 *
 * Return: bytes.
 */
static __always_inline u64 pt_span(unsigned int level)
{
	return 1ull << pt_shift(level);
}

/**
 * pt_offset() - where in the span of an entry an address lies
 * @va: the address
 * @level: the entry's level; that of a table's parent, if need be one above 5
 *
 * Return: bytes from the start of the span.
 */
static __always_inline u64 pt_offset(u64 va, unsigned int level)
{
	return level < PT_MAX_LEVELS ? va & (pt_span(level) - 1) : va;
}

/**
 * pt_index() - which entry of a table is responsible for an address
 * @va: the address
 * @level: the table's level
 *
 * Return: 0 to 511.
 */
static __always_inline unsigned int pt_index(u64 va, unsigned int level)
{
	return (va >> pt_shift(level)) % PT_ENTRIES;
}

/**
 * pt_clip() - the part of a range that one entry is responsible for
 * @va: first address of the range
 * @last: last address of the range
 * @level: level of the entry that @va is in
 *
 * Return: last address of the part.
 */
static __always_inline u64 pt_clip(u64 va, u64 last, unsigned int level)
{
	return min(last, va | (pt_span(level) - 1));
}

/**
 * pt_width() - log2 of what a table of some depth spans
 * @levels: number of levels
 *
 * Return: bits, at most 64.
 */
static __always_inline unsigned int pt_width(unsigned int levels)
{
	return min(NYX_PAGE_LG2 + PT_TABLE_LG2 * levels, 64u);
}

/*
 * The functions that a format's .c file provides, by instantiating the templates. The names
 * are those of pt.h with the format in front.
 */
#define PT_DECLARE_FORMAT(fmt)						\
	u64 fmt##_pt_shape(unsigned int levels, unsigned int *va_lg2);	\
	void fmt##_pt_fini(struct pt *pt);				\
	int fmt##_pt_map(struct pt *pt, u64 va, u64 last, u64 oa,	\
			 unsigned int perm, struct pt_chain *free);	\
	int fmt##_pt_split(struct pt *pt, u64 va, u64 last);		\
	int fmt##_pt_unmap(struct pt *pt, u64 va, u64 last,		\
			   struct pt_chain *free, u64 *unmapped);	\
	void fmt##_pt_walk(const struct pt *pt, u64 va,			\
			   unsigned int access, struct pt_result *res);	\
	void fmt##_pt_walk_own_trace(const struct pt *pt, u64 va,	\
				     unsigned int access,		\
				     struct pt_result *res,		\
				     struct pt_trace *trace);		\
	void fmt##_pt_walk_guest(const struct pt_config *cfg, u64 root,	\
				 const struct pt_guest_mem *mem, u64 va, \
				 unsigned int access,			\
				 struct pt_result *res);		\
	void fmt##_pt_walk_trace(const struct pt_config *cfg, u64 root,	\
				 const struct pt_guest_mem *mem, u64 va, \
				 unsigned int access,			\
				 struct pt_result *res,			\
				 struct pt_trace *trace);		\
	bool fmt##_pt_next(const struct pt *pt, u64 va, u64 last,	\
			   struct pt_extent *ext);			\
	void fmt##_pt_dump(const struct pt *pt,				\
			   bool (*fn)(void *ctx,			\
				      const struct pt_entry *entry),	\
			   void *ctx)

PT_DECLARE_FORMAT(vtdss);
PT_DECLARE_FORMAT(x86);
PT_DECLARE_FORMAT(amdv1);

#endif /* NYX_PT_PT_DEFS_H */
