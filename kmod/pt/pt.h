/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: page tables.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A radix tree of 512-entry tables that maps addresses (VA: here IOVAs) to
 * output addresses (OA: here GPAs), in a format that hardware also knows. One
 * set of templates (pt_walk.h, pt_map.h) is compiled once for each format
 * (fmt_*.h); the functions below choose by &struct pt.format with direct calls.
 *
 * Levels count from the leaves: an entry of level 0 covers 4 KiB, of level 1
 * 2 MiB, of level 2 1 GiB.
 *
 * Writers (pt_map(), pt_unmap(), pt_next()) are serialised by their caller.
 * Readers (pt_walk()) need no lock, only an RCU read-side critical section, and
 * may run beside a writer: an entry changes from one valid state to another by
 * a single store, a mapped address that a writer does not unmap translates at
 * every moment, and tables are freed after a grace period. The
 * caller invalidates what readers have cached elsewhere, after pt_unmap() and
 * before it reports that the range is gone.
 */
#ifndef NYX_PT_PT_H
#define NYX_PT_PT_H

#include <linux/cache.h>

#include "base/pt_mem.h"
#include "base/types.h"

/**
 * enum pt_format - layout of the entries
 * @PT_VTDSS: Intel VT-d second stage: 3, 4 or 5 levels (39, 48, 57 bits)
 * @PT_X86: x86-64, VT-d first stage, AMD v2: 4 or 5 levels. Addresses are
 *          canonical; kernel-owned tables map the lower half (47, 56 bits)
 * @PT_AMDV1: AMD-Vi host table: 1 to 6 levels, any page size of 2^12 and up
 * @PT_NR_FORMATS: number of formats
 */
enum pt_format {
	PT_VTDSS,
	PT_X86,
	PT_AMDV1,
	PT_NR_FORMATS,
};

/**
 * enum pt_status - outcome of a walk
 * @PT_OK: a leaf that grants the access
 * @PT_WIDTH: the address is beyond the table's width, or not canonical
 * @PT_NOT_PRESENT: the entry of level 0 is empty
 * @PT_TABLE_NOT_PRESENT: an entry of a higher level is empty
 * @PT_NO_READ: reading is not allowed
 * @PT_NO_WRITE: writing is not allowed
 * @PT_RESERVED: a reserved bit is set, or a leaf stands where none may
 * @PT_TABLE_ACCESS: a table is not readable (guest-owned tables)
 * @PT_INTERRUPT_RANGE: the address, or the output address, is in the range of
 *                      interrupt messages; set by core, never by the walker
 */
enum pt_status {
	PT_OK,
	PT_WIDTH,
	PT_NOT_PRESENT,
	PT_TABLE_NOT_PRESENT,
	PT_NO_READ,
	PT_NO_WRITE,
	PT_RESERVED,
	PT_TABLE_ACCESS,
	PT_INTERRUPT_RANGE,
};

/**
 * struct pt_result - a translation
 * @oa: output address of the byte that was asked for; PT_OA_UNKNOWN if the walk
 *      ended before a leaf
 * @status: of enum pt_status
 * @perm: NYX_ACC_* that all entries on the way grant together; 0 without a leaf
 * @level: level of the entry that ended the walk, or PT_LEVEL_NONE
 * @lg2: log2 of the size of the page; 0 without a leaf
 * @entry: PT_RESERVED: the entry, or 0 if the walk skips the level and the entry
 *         that it needs is not the first one; not set with a leaf
 * @entry_gpa: PT_TABLE_ACCESS: GPA of the entry; not set with a leaf
 */
struct pt_result {
	u64 oa;
	u8 status;
	u8 perm;
	u8 level;
	u8 lg2;
	u64 entry;
	u64 entry_gpa;
};

#define PT_OA_UNKNOWN	(~0ull)
#define PT_LEVEL_NONE	0xffu

/**
 * enum pt_step_kind - what a walk met at a level
 * @PT_STEP_SKIPPED: nothing: the level above refers to one below. The walk goes
 *                   on only if the index is 0
 * @PT_STEP_UNREADABLE: a table that is not readable
 * @PT_STEP_EMPTY: an entry that is not present
 * @PT_STEP_TABLE: an entry that refers to a table
 * @PT_STEP_LEAF: a leaf
 */
enum pt_step_kind {
	PT_STEP_SKIPPED,
	PT_STEP_UNREADABLE,
	PT_STEP_EMPTY,
	PT_STEP_TABLE,
	PT_STEP_LEAF,
};

/**
 * struct pt_step - a level of a walk, for people to look at
 * @table: GPA of the table; 0 if the level is skipped; ~0 for a kernel-owned table
 * @raw: the entry, if it was read; see pt_walk_own_trace()
 * @next: OA of a leaf's page, GPA of a table; 0 if @reserved is not; ~0 for a
 *        kernel-owned table
 * @reserved: bits of the entry that are not as they must be
 * @index: which entry
 * @level: level of the table
 * @next_level: level of the table at @next
 * @kind: of enum pt_step_kind
 * @perm: NYX_ACC_* of this entry alone
 * @lg2: log2 of the size of a leaf's page
 */
struct pt_step {
	u64 table;
	u64 raw;
	u64 next;
	u64 reserved;
	u16 index;
	u8 level;
	u8 next_level;
	u8 kind;
	u8 perm;
	u8 lg2;
};

#define PT_TRACE_STEPS	6u

/**
 * struct pt_trace - a walk, level by level
 * @nr: number of steps
 * @step: the steps, from the top table on
 */
struct pt_trace {
	unsigned int nr;
	struct pt_step step[PT_TRACE_STEPS];
};

/**
 * struct pt_config - shape of a table
 * @format: of enum pt_format
 * @levels: number of levels
 * @va_lg2: bits of an address that may be mapped, at most what @levels hold;
 *          0: all of them
 * @page_sizes: page sizes that pt_map() may use, bit mask, with 4096; 0: all
 */
struct pt_config {
	u8 format;
	u8 levels;
	u8 va_lg2;
	u64 page_sizes;
};

/**
 * struct pt - a kernel-owned table
 * @root: physical address of the top table, or 0 before the first pt_map().
 *        Written once; a reader that sees 0 sees an empty table
 * @va_last: last address that may be mapped; const after init
 * @page_sizes: page sizes in use, bit mask; const after init
 * @format: of enum pt_format; const after init
 * @top: level of the top table; const after init
 * @mapped: bytes mapped; the writer's, in a cache line that no walk reads
 * @tables: tables allocated; the writer's
 */
struct pt {
	u64 root;
	u64 va_last;
	u64 page_sizes;
	u8 format;
	u8 top;
	u64 mapped ____cacheline_aligned_in_smp;
	u64 tables;
};

/**
 * struct pt_extent - a mapped piece, as pt_next() finds it
 * @start: first address
 * @last: last address
 * @oa: output address of @start
 * @perm: NYX_ACC_*
 * @lg2: log2 of the smallest page in it
 */
struct pt_extent {
	u64 start;
	u64 last;
	u64 oa;
	u8 perm;
	u8 lg2;
};

/**
 * struct pt_entry - an entry of a kernel-owned table, for people to look at
 * @va: first address that it covers
 * @raw: the entry
 * @next: OA of a leaf, address of a table
 * @level: level
 * @leaf: it is a leaf
 * @lg2: log2 of the size of a leaf's page
 * @perm: NYX_ACC_* of this entry alone
 */
struct pt_entry {
	u64 va;
	u64 raw;
	u64 next;
	u8 level;
	u8 leaf;
	u8 lg2;
	u8 perm;
};

/**
 * pt_init() - prepare an empty table
 * @pt: the table
 * @cfg: its shape
 *
 * Allocates nothing; the root comes with the first pt_map().
 *
 * Return: 0, or -EINVAL for a shape that the format does not know.
 */
int pt_init(struct pt *pt, const struct pt_config *cfg);

/**
 * pt_fini() - free all tables at once
 * @pt: a table that has no readers and no writers any more
 *
 * Context: may sleep; lets others run on the way.
 */
void pt_fini(struct pt *pt);

/**
 * pt_map() - map a range
 * @pt: the table
 * @va: first address, a multiple of 4096
 * @last: last address, one below a multiple of 4096, within &pt.va_last
 * @oa: first output address, a multiple of 4096; the range ends within 52 bits
 * @perm: NYX_ACC_*, at least one; write-only becomes read-write where the
 *        format has no such thing
 * @free: gets tables that large pages have replaced; the caller frees the
 *        chain, whatever is returned
 *
 * Uses the largest pages that alignment, length and &pt.page_sizes allow, and
 * replaces a table by one page of the level above when its entries have become
 * contiguous.
 *
 * Context: may sleep; the caller serialises writers.
 * Return: 0; -EEXIST if a part of the range is mapped; -ENOMEM; -EINTR if the
 * caller was killed. On an error nothing has changed and no reader has seen
 * any of it.
 */
int pt_map(struct pt *pt, u64 va, u64 last, u64 oa, unsigned int perm,
	   struct pt_chain *free);

/**
 * pt_split() - let no page reach out of a range
 * @pt: the table
 * @va: first address, a multiple of 4096
 * @last: last address, one below a multiple of 4096
 *
 * The first half of pt_unmap(), which cannot fail afterwards. Nothing is
 * translated in another way.
 *
 * Context: may sleep; the caller serialises writers.
 * Return: 0, or -ENOMEM with nothing changed.
 */
int pt_split(struct pt *pt, u64 va, u64 last);

/**
 * pt_unmap() - unmap what is mapped in a range
 * @pt: the table
 * @va: first address, a multiple of 4096
 * @last: last address, one below a multiple of 4096
 * @free: gets tables that have become empty; the caller frees the chain after
 *        it has invalidated what readers may have cached, whatever is returned
 * @unmapped: bytes that were mapped
 *
 * A page that reaches out of the range is split first; what stays mapped
 * translates at every moment.
 *
 * Context: may sleep; the caller serialises writers.
 * Return: 0, or -ENOMEM if there was no memory for a split, with nothing
 * changed.
 */
int pt_unmap(struct pt *pt, u64 va, u64 last, struct pt_chain *free,
	     u64 *unmapped);

/**
 * pt_walk() - translate an address
 * @pt: the table
 * @va: the address, any alignment
 * @access: NYX_ACC_* that must be granted
 * @res: the outcome
 *
 * Context: an RCU read-side critical section.
 */
void pt_walk(const struct pt *pt, u64 va, unsigned int access,
	     struct pt_result *res);

/**
 * pt_walk_own_trace() - as pt_walk(), and note each step
 * @pt: the table
 * @va: as there
 * @access: as there
 * @res: as there
 * @trace: the steps, as for pt_walk_trace(), without the addresses of tables:
 *         &pt_step.table is ~0, and in an entry that refers to a table there is no
 *         address, and &pt_step.next is ~0
 *
 * Context: an RCU read-side critical section.
 */
void pt_walk_own_trace(const struct pt *pt, u64 va, unsigned int access,
		       struct pt_result *res, struct pt_trace *trace);

/**
 * pt_walk_guest() - translate an address by a table in guest memory
 * @cfg: format, levels and &pt_config.page_sizes that the guest may use (0: all)
 * @root: GPA of the top table
 * @mem: how to read it
 * @va: the address, any alignment
 * @access: NYX_ACC_* that must be granted
 * @res: the outcome
 *
 * Reads at most one entry a level, each once, and trusts none: reserved bits,
 * sizes and levels are checked as the format's specification says.
 *
 * Context: that of @mem->read64().
 */
void pt_walk_guest(const struct pt_config *cfg, u64 root,
		   const struct pt_guest_mem *mem, u64 va, unsigned int access,
		   struct pt_result *res);

/**
 * pt_walk_trace() - as pt_walk_guest(), and note each step
 * @cfg: as there
 * @root: as there
 * @mem: as there
 * @va: as there
 * @access: as there
 * @res: as there
 * @trace: what the walk met; the last step is where it ended
 *
 * Context: that of @mem->read64().
 */
void pt_walk_trace(const struct pt_config *cfg, u64 root,
		   const struct pt_guest_mem *mem, u64 va, unsigned int access,
		   struct pt_result *res, struct pt_trace *trace);

/**
 * pt_next() - find the next mapped extent
 * @pt: the table
 * @va: first address of interest
 * @last: last address of interest
 * @ext: the first extent in the range, cut to it. Adjacent pages that are
 *       contiguous and agree in permission are one extent
 *
 * Context: may sleep; the caller excludes writers.
 * Return: true if there is one.
 */
bool pt_next(const struct pt *pt, u64 va, u64 last, struct pt_extent *ext);

/**
 * pt_dump() - visit the entries that are not empty, in order of address
 * @pt: the table
 * @fn: called for each entry, a table's before those in it; returns false to
 *      end the visit
 * @ctx: handed to @fn
 *
 * Context: may sleep; the caller excludes writers.
 */
void pt_dump(const struct pt *pt,
	     bool (*fn)(void *ctx, const struct pt_entry *entry), void *ctx);

/**
 * pt_format_page_sizes() - page sizes of a format
 * @format: of enum pt_format
 * @levels: number of levels
 *
 * Return: bit mask of sizes, or 0 if the format has no such depth.
 */
u64 pt_format_page_sizes(enum pt_format format, unsigned int levels);

/**
 * pt_format_levels() - depth that holds addresses of a width
 * @format: of enum pt_format
 * @va_lg2: bits
 *
 * Return: the smallest number of levels, or 0 if the format has none.
 */
unsigned int pt_format_levels(enum pt_format format, unsigned int va_lg2);

#endif /* NYX_PT_PT_H */
