// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: page tables, the public functions.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each of them chooses among the instances of the templates by the format. The
 * calls are direct ones, because an indirect call through a retpoline would
 * cost as much as a whole walk.
 */
#include "pt/pt.h"

#include <linux/bug.h>
#include <linux/errno.h>

#include "base/export.h"
#include "pt/pt_defs.h"

static u64 pt_shape(unsigned int format, unsigned int levels,
		    unsigned int *va_lg2)
{
	switch (format) {
	case PT_VTDSS:
		return vtdss_pt_shape(levels, va_lg2);
	case PT_X86:
		return x86_pt_shape(levels, va_lg2);
	case PT_AMDV1:
		return amdv1_pt_shape(levels, va_lg2);
	default:
		return 0;
	}
}

int pt_init(struct pt *pt, const struct pt_config *cfg)
{
	unsigned int va_lg2, level;
	u64 sizes;

	sizes = pt_shape(cfg->format, cfg->levels, &va_lg2);
	if (!sizes || cfg->va_lg2 > va_lg2 ||
	    (cfg->va_lg2 && cfg->va_lg2 < NYX_PAGE_LG2))
		return -EINVAL;
	if (cfg->page_sizes)
		sizes &= cfg->page_sizes;
	if (!(sizes & NYX_PAGE_SIZE))
		return -EINVAL;
	/*
	 * A page must be divisible into pages of the next level that are in use
	 * too. So where one level has none of its own size, the ones above it
	 * have nothing.
	 */
	for (level = 1; level < cfg->levels; level++) {
		if (sizes & pt_span(level))
			continue;
		sizes &= pt_span(level) - 1;
		break;
	}

	*pt = (struct pt){
		.va_last = nyx_lg2_last(cfg->va_lg2 ?: va_lg2),
		.page_sizes = sizes,
		.format = cfg->format,
		.top = cfg->levels - 1,
	};
	return 0;
}

void pt_fini(struct pt *pt)
{
	switch (pt->format) {
	case PT_VTDSS:
		vtdss_pt_fini(pt);
		break;
	case PT_X86:
		x86_pt_fini(pt);
		break;
	case PT_AMDV1:
		amdv1_pt_fini(pt);
		break;
	}
}

int pt_map(struct pt *pt, u64 va, u64 last, u64 oa, unsigned int perm,
	   struct pt_chain *free)
{
	switch (pt->format) {
	case PT_VTDSS:
		return vtdss_pt_map(pt, va, last, oa, perm, free);
	case PT_X86:
		return x86_pt_map(pt, va, last, oa, perm, free);
	case PT_AMDV1:
		return amdv1_pt_map(pt, va, last, oa, perm, free);
	}
	WARN_ON_ONCE(1);
	return -EINVAL;
}

int pt_split(struct pt *pt, u64 va, u64 last)
{
	switch (pt->format) {
	case PT_VTDSS:
		return vtdss_pt_split(pt, va, last);
	case PT_X86:
		return x86_pt_split(pt, va, last);
	case PT_AMDV1:
		return amdv1_pt_split(pt, va, last);
	}
	WARN_ON_ONCE(1);
	return -EINVAL;
}

int pt_unmap(struct pt *pt, u64 va, u64 last, struct pt_chain *free,
	     u64 *unmapped)
{
	switch (pt->format) {
	case PT_VTDSS:
		return vtdss_pt_unmap(pt, va, last, free, unmapped);
	case PT_X86:
		return x86_pt_unmap(pt, va, last, free, unmapped);
	case PT_AMDV1:
		return amdv1_pt_unmap(pt, va, last, free, unmapped);
	}
	WARN_ON_ONCE(1);
	*unmapped = 0;
	return 0;
}

void pt_walk(const struct pt *pt, u64 va, unsigned int access,
	     struct pt_result *res)
{
	switch (pt->format) {
	case PT_VTDSS:
		vtdss_pt_walk(pt, va, access, res);
		break;
	case PT_X86:
		x86_pt_walk(pt, va, access, res);
		break;
	case PT_AMDV1:
		amdv1_pt_walk(pt, va, access, res);
		break;
	default:
		WARN_ON_ONCE(1);
		*res = (struct pt_result){ .status = PT_WIDTH };
	}
}

void pt_walk_own_trace(const struct pt *pt, u64 va, unsigned int access,
		       struct pt_result *res, struct pt_trace *trace)
{
	switch (pt->format) {
	case PT_VTDSS:
		vtdss_pt_walk_own_trace(pt, va, access, res, trace);
		break;
	case PT_X86:
		x86_pt_walk_own_trace(pt, va, access, res, trace);
		break;
	case PT_AMDV1:
		amdv1_pt_walk_own_trace(pt, va, access, res, trace);
		break;
	default:
		WARN_ON_ONCE(1);
		*res = (struct pt_result){ .status = PT_WIDTH };
		trace->nr = 0;
	}
}

void pt_walk_guest(const struct pt_config *cfg, u64 root,
		   const struct pt_guest_mem *mem, u64 va, unsigned int access,
		   struct pt_result *res)
{
	switch (cfg->format) {
	case PT_VTDSS:
		vtdss_pt_walk_guest(cfg, root, mem, va, access, res);
		break;
	case PT_X86:
		x86_pt_walk_guest(cfg, root, mem, va, access, res);
		break;
	case PT_AMDV1:
		amdv1_pt_walk_guest(cfg, root, mem, va, access, res);
		break;
	default:
		WARN_ON_ONCE(1);
		*res = (struct pt_result){ .status = PT_WIDTH };
	}
}

void pt_walk_trace(const struct pt_config *cfg, u64 root,
		   const struct pt_guest_mem *mem, u64 va, unsigned int access,
		   struct pt_result *res, struct pt_trace *trace)
{
	switch (cfg->format) {
	case PT_VTDSS:
		vtdss_pt_walk_trace(cfg, root, mem, va, access, res, trace);
		break;
	case PT_X86:
		x86_pt_walk_trace(cfg, root, mem, va, access, res, trace);
		break;
	case PT_AMDV1:
		amdv1_pt_walk_trace(cfg, root, mem, va, access, res, trace);
		break;
	default:
		WARN_ON_ONCE(1);
		*res = (struct pt_result){ .status = PT_WIDTH };
		trace->nr = 0;
	}
}

bool pt_next(const struct pt *pt, u64 va, u64 last, struct pt_extent *ext)
{
	switch (pt->format) {
	case PT_VTDSS:
		return vtdss_pt_next(pt, va, last, ext);
	case PT_X86:
		return x86_pt_next(pt, va, last, ext);
	case PT_AMDV1:
		return amdv1_pt_next(pt, va, last, ext);
	}
	return false;
}

void pt_dump(const struct pt *pt,
	     bool (*fn)(void *ctx, const struct pt_entry *entry), void *ctx)
{
	switch (pt->format) {
	case PT_VTDSS:
		vtdss_pt_dump(pt, fn, ctx);
		break;
	case PT_X86:
		x86_pt_dump(pt, fn, ctx);
		break;
	case PT_AMDV1:
		amdv1_pt_dump(pt, fn, ctx);
		break;
	}
}

u64 pt_format_page_sizes(enum pt_format format, unsigned int levels)
{
	unsigned int va_lg2;

	return pt_shape(format, levels, &va_lg2);
}

unsigned int pt_format_levels(enum pt_format format, unsigned int va_lg2)
{
	unsigned int levels, most;

	for (levels = 1; levels <= PT_MAX_LEVELS; levels++) {
		if (pt_shape(format, levels, &most) && most >= va_lg2)
			return levels;
	}
	return 0;
}

NYX_EXPORT_FOR_TEST(pt_init);
NYX_EXPORT_FOR_TEST(pt_fini);
NYX_EXPORT_FOR_TEST(pt_map);
NYX_EXPORT_FOR_TEST(pt_split);
NYX_EXPORT_FOR_TEST(pt_unmap);
NYX_EXPORT_FOR_TEST(pt_walk);
NYX_EXPORT_FOR_TEST(pt_walk_own_trace);
NYX_EXPORT_FOR_TEST(pt_walk_guest);
NYX_EXPORT_FOR_TEST(pt_walk_trace);
NYX_EXPORT_FOR_TEST(pt_next);
NYX_EXPORT_FOR_TEST(pt_dump);
NYX_EXPORT_FOR_TEST(pt_format_page_sizes);
NYX_EXPORT_FOR_TEST(pt_format_levels);
