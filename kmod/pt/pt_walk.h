/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: page tables, the walker. A template: see pt_fmt.h.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * One step a level, each with a constant level, so shifts and the tests of a
 * level fold. The same steps serve both kinds of memory; @mem is a compile-time
 * NULL for kernel-owned tables, where everything that only guests can get wrong
 * folds away too, and where the leaf alone decides about permissions.
 *
 * A step goes to a lower level or ends the walk, so a table that refers to
 * itself costs a guest as many reads as a good one.
 *
 * Two more, for people, note what each step met; for the others
 * &pt_walk_state.trace is a compile-time NULL.
 *
 * A reader of a kernel-owned table reaches what an entry refers to by address
 * dependency; that pairs with the smp_store_release() that links a table
 * (pt_get_child(), pt_cut(), and pt_map() for the root).
 */
#ifndef NYX_PT_PT_WALK_H
#define NYX_PT_PT_WALK_H

#include <linux/compiler.h>

#include "pt/pt_fmt.h"

/**
 * struct pt_walk_state - where a walk is
 * @va: address that is asked for
 * @table: address of the table that is next
 * @sizes: page sizes that a guest may use
 * @grant: AND of what the entries so far have granted
 * @mem: how to read a guest's table, or NULL
 * @access: NYX_ACC_* that must be granted
 * @next: level of the table that is next
 * @res: outcome
 * @trace: gets the steps, or NULL
 */
struct pt_walk_state {
	u64 va;
	u64 table;
	u64 sizes;
	u64 grant;
	const struct pt_guest_mem *mem;
	unsigned int access;
	unsigned int next;
	struct pt_result *res;
	struct pt_trace *trace;
};

/* Note the contents of an entry, whatever the walk makes of it. */
static noinline void pt_trace_entry(struct pt_step *step, u64 entry, u64 sizes)
{
	unsigned int level = step->level;

	step->raw = entry;
	if (!pt_entry_present(entry)) {
		step->kind = PT_STEP_EMPTY;
		return;
	}
	step->perm = pt_grant_perm(pt_entry_grant(entry));
	step->reserved = pt_entry_reserved(entry, level, sizes);
	step->kind = pt_entry_leaf(entry, level) ? PT_STEP_LEAF : PT_STEP_TABLE;
	/* An entry with reserved bits set refers to nothing. */
	if (step->reserved)
		return;
	if (step->kind == PT_STEP_LEAF) {
		step->lg2 = pt_entry_lg2(entry, level);
		step->next = pt_entry_oa(entry, level);
	} else {
		step->next_level = pt_entry_next_level(entry, level);
		step->next = pt_entry_next(entry);
	}
}

/* Note a step. Takes values, so that &pt_walk_state stays in registers. */
static __always_inline struct pt_step *
pt_trace_step(struct pt_trace *trace, u64 va, u64 table, unsigned int level,
	      enum pt_step_kind kind)
{
	struct pt_step *step = &trace->step[trace->nr++];

	*step = (struct pt_step){
		.table = table,
		.index = pt_index(va, level),
		.level = level,
		.kind = kind,
	};
	return step;
}

/*
 * Note an entry of a kernel-owned table. Its tables are at physical addresses, which
 * are not for people to see.
 */
static __always_inline void pt_trace_own(struct pt_walk_state *w,
					 unsigned int level, u64 entry)
{
	struct pt_step *step = pt_trace_step(w->trace, w->va, ~0ull, level,
					     PT_STEP_EMPTY);

	pt_trace_entry(step, entry, w->sizes);
	if (step->kind == PT_STEP_TABLE) {
		step->raw &= ~pt_entry_next(entry);
		step->next = ~0ull;
	}
}

static __always_inline bool pt_walk_end(struct pt_walk_state *w,
					unsigned int level,
					enum pt_status status)
{
	*w->res = (struct pt_result) {
		.oa = PT_OA_UNKNOWN, .status = status, .level = level,
	};
	return false;
}

/* The accesses that the entries so far do not grant. */
static __always_inline enum pt_status pt_walk_denied(const struct pt_walk_state *w)
{
	unsigned int missing = w->access;

	if (missing & NYX_ACC_EXEC) {
		missing |= NYX_ACC_READ;
		if (!PT_FMT_EXEC)
			missing &= ~NYX_ACC_EXEC;
	}
	missing &= ~pt_grant_perm(w->grant);
	if (likely(!missing))
		return PT_OK;
	return (missing & NYX_ACC_WRITE) ? PT_NO_WRITE : PT_NO_READ;
}

static __always_inline bool pt_walk_leaf(struct pt_walk_state *w,
					 unsigned int level, u64 entry)
{
	unsigned int lg2 = pt_entry_lg2(entry, level);

	w->res->oa = pt_entry_oa(entry, level) |
		     (w->va & ((1ull << lg2) - 1));
	w->res->status = pt_walk_denied(w);
	w->res->perm = pt_grant_perm(w->grant);
	w->res->level = level;
	w->res->lg2 = lg2;
	return false;
}

/* Check what only guests can get wrong. Returns true if the walk goes on. */
static __always_inline bool pt_walk_check(struct pt_walk_state *w,
					  unsigned int level, u64 entry)
{
	bool reserved = pt_entry_reserved(entry, level, w->sizes);
	enum pt_status denied = PT_OK;

	w->grant &= pt_entry_grant(entry);
	if (PT_FMT_DENY_FIRST && (reserved || !pt_entry_leaf(entry, level)))
		denied = pt_walk_denied(w);
	if (likely(!denied && !reserved))
		return true;
	pt_walk_end(w, level, denied ?: PT_RESERVED);
	w->res->entry = entry;
	return false;
}

/* One level. Returns true if the walk goes on. */
static __always_inline bool pt_walk_step(struct pt_walk_state *w,
					 unsigned int level)
{
	unsigned int index = pt_index(w->va, level);
	u64 entry;

	if (w->mem) {
		u64 gpa = w->table + index * sizeof(entry);

		if (w->next != level) {
			/* The level is skipped. */
			if (w->trace)
				pt_trace_step(w->trace, w->va, 0, level,
					      PT_STEP_SKIPPED);
			if (index)
				return pt_walk_end(w, level, PT_RESERVED);
			return true;
		}
		if (w->mem->read64(w->mem->ctx, gpa, &entry)) {
			if (w->trace)
				pt_trace_step(w->trace, w->va, w->table, level,
					      PT_STEP_UNREADABLE);
			pt_walk_end(w, level, PT_TABLE_ACCESS);
			w->res->entry_gpa = gpa;
			return false;
		}
		if (w->trace)
			pt_trace_entry(pt_trace_step(w->trace, w->va, w->table,
						     level, PT_STEP_EMPTY),
				       entry, w->sizes);
	} else {
		entry = READ_ONCE(pt_mem_ptr(w->table)[index]);
		if (w->trace)
			pt_trace_own(w, level, entry);
	}

	if (unlikely(!pt_entry_present(entry)))
		return pt_walk_end(w, level, level ? PT_TABLE_NOT_PRESENT :
						     PT_NOT_PRESENT);
	if (w->mem && !pt_walk_check(w, level, entry))
		return false;

	if (pt_entry_leaf(entry, level)) {
		w->grant &= pt_entry_grant(entry);
		return pt_walk_leaf(w, level, entry);
	}
	w->table = pt_entry_next(entry);
	if (w->mem)
		w->next = pt_entry_next_level(entry, level);
	return true;
}

/*
 * Walk one level, if the table is that deep. The check folds for levels that every
 * depth has.
 */
static __always_inline bool pt_walk_level(struct pt_walk_state *w,
					  unsigned int level, unsigned int top)
{
	if (level >= PT_FMT_MAX_LEVELS ||
	    (level >= PT_FMT_MIN_LEVELS && level > top))
		return true;
	return pt_walk_step(w, level);
}

static __always_inline void pt_walk_levels(struct pt_walk_state *w,
					   unsigned int top)
{
	(void)(pt_walk_level(w, 5, top) && pt_walk_level(w, 4, top) &&
	       pt_walk_level(w, 3, top) && pt_walk_level(w, 2, top) &&
	       pt_walk_level(w, 1, top) && pt_walk_level(w, 0, top));
}

/* True if the address is the sign extension of its low @width bits. */
static inline bool pt_canonical(u64 va, unsigned int bits)
{
	return va + (1ull << (bits - 1)) <= nyx_lg2_last(bits);
}

static __always_inline void pt_walk_own(const struct pt *pt, u64 va,
					unsigned int access,
					struct pt_result *res,
					struct pt_trace *trace)
{
	unsigned int top = pt->top;
	struct pt_walk_state w = {
		.va = va,
		/* Pairs with the smp_store_release() in pt_map(). */
		.table = READ_ONCE(pt->root),
		.sizes = PT_FMT_SIZES,
		.grant = ~0ull,
		.access = access,
		.res = res,
		.trace = trace,
	};

	if (unlikely(va > pt->va_last)) {
		/* The upper half of a canonical space is there, but empty. */
		if (PT_FMT_CANONICAL && (s64)va < 0 &&
		    pt_canonical(va, pt_width(top + 1)))
			pt_walk_end(&w, top, PT_TABLE_NOT_PRESENT);
		else
			pt_walk_end(&w, PT_LEVEL_NONE, PT_WIDTH);
		return;
	}
	if (unlikely(!w.table)) {
		/* A table without a root is empty. */
		if (trace)
			pt_trace_own(&w, top, 0);
		pt_walk_end(&w, top, top ? PT_TABLE_NOT_PRESENT :
					   PT_NOT_PRESENT);
		return;
	}
	pt_walk_levels(&w, top);
}

void PT_NAME(walk)(const struct pt *pt, u64 va, unsigned int access,
		   struct pt_result *res)
{
	pt_walk_own(pt, va, access, res, NULL);
}

void PT_NAME(walk_own_trace)(const struct pt *pt, u64 va, unsigned int access,
			     struct pt_result *res, struct pt_trace *trace)
{
	trace->nr = 0;
	pt_walk_own(pt, va, access, res, trace);
}

static __always_inline void
pt_walk_guest_levels(const struct pt_config *cfg, u64 root,
		     const struct pt_guest_mem *mem, u64 va,
		     unsigned int access, struct pt_result *res,
		     struct pt_trace *trace)
{
	unsigned int width = pt_width(cfg->levels);
	unsigned int top = cfg->levels - 1;
	struct pt_walk_state w = {
		.va = va,
		.table = root,
		.sizes = (cfg->page_sizes ?: ~0ull) & PT_FMT_SIZES,
		.grant = ~0ull,
		.mem = mem,
		.access = access,
		.next = top,
		.res = res,
		.trace = trace,
	};

	if (cfg->levels < PT_FMT_MIN_LEVELS || cfg->levels > PT_FMT_MAX_LEVELS ||
	    (PT_FMT_CANONICAL ? !pt_canonical(va, width) :
				va > nyx_lg2_last(cfg->va_lg2 ?: width)))
		pt_walk_end(&w, PT_LEVEL_NONE, PT_WIDTH);
	else
		pt_walk_levels(&w, top);
}

void PT_NAME(walk_guest)(const struct pt_config *cfg, u64 root,
			 const struct pt_guest_mem *mem, u64 va,
			 unsigned int access, struct pt_result *res)
{
	pt_walk_guest_levels(cfg, root, mem, va, access, res, NULL);
}

void PT_NAME(walk_trace)(const struct pt_config *cfg, u64 root,
			 const struct pt_guest_mem *mem, u64 va,
			 unsigned int access, struct pt_result *res,
			 struct pt_trace *trace)
{
	trace->nr = 0;
	pt_walk_guest_levels(cfg, root, mem, va, access, res, trace);
}

#endif /* NYX_PT_PT_WALK_H */
