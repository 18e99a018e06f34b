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

#include <linux/errno.h>

#include "base/export.h"
#include "pt/pt_defs.h"

/*
 * Call the instance of a template for a format, which is below PT_NR_FORMATS: pt_init() and
 * the decoders of the guest's tables see to that. Another format is one line here.
 */
#define pt_call(_format, _fn, ...)						\
({										\
	const unsigned int __format = (_format);				\
										\
	__format == PT_X86 ? x86_##_fn(__VA_ARGS__) :				\
	__format == PT_AMDV1 ? amdv1_##_fn(__VA_ARGS__) :			\
	vtdss_##_fn(__VA_ARGS__);						\
})

static u64 pt_shape(unsigned int format, unsigned int levels,
		    unsigned int *va_lg2)
{
	return format < PT_NR_FORMATS ?
	       pt_call(format, pt_shape, levels, va_lg2) : 0;
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
	 * too. So if a level does not use the size of its span, the levels
	 * above it use no size.
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
	pt_call(pt->format, pt_fini, pt);
}

int pt_map(struct pt *pt, u64 va, u64 last, u64 oa, unsigned int perm,
	   struct pt_chain *free)
{
	return pt_call(pt->format, pt_map, pt, va, last, oa, perm, free);
}

int pt_split(struct pt *pt, u64 va, u64 last)
{
	return pt_call(pt->format, pt_split, pt, va, last);
}

int pt_unmap(struct pt *pt, u64 va, u64 last, struct pt_chain *free,
	     u64 *unmapped)
{
	return pt_call(pt->format, pt_unmap, pt, va, last, free, unmapped);
}

void pt_walk(const struct pt *pt, u64 va, unsigned int access,
	     struct pt_result *res)
{
	pt_call(pt->format, pt_walk, pt, va, access, res);
}

void pt_walk_own_trace(const struct pt *pt, u64 va, unsigned int access,
		       struct pt_result *res, struct pt_trace *trace)
{
	pt_call(pt->format, pt_walk_own_trace, pt, va, access, res, trace);
}

void pt_walk_guest(const struct pt_config *cfg, u64 root,
		   const struct pt_guest_mem *mem, u64 va, unsigned int access,
		   struct pt_result *res)
{
	pt_call(cfg->format, pt_walk_guest, cfg, root, mem, va, access, res);
}

void pt_walk_trace(const struct pt_config *cfg, u64 root,
		   const struct pt_guest_mem *mem, u64 va, unsigned int access,
		   struct pt_result *res, struct pt_trace *trace)
{
	pt_call(cfg->format, pt_walk_trace, cfg, root, mem, va, access, res,
		trace);
}

bool pt_next(const struct pt *pt, u64 va, u64 last, struct pt_extent *ext)
{
	return pt_call(pt->format, pt_next, pt, va, last, ext);
}

void pt_dump(const struct pt *pt,
	     bool (*fn)(void *ctx, const struct pt_entry *entry), void *ctx)
{
	pt_call(pt->format, pt_dump, pt, fn, ctx);
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
