/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: a few ranges of pages, which cover what was touched in a domain.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The ranges of a set neither overlap nor touch. A set has room for NYX_RANGES_MAX. When
 * there is no more room, a range that is added takes over the nearest one, and the pages
 * in between. So a set covers all pages that were added, and may cover others.
 */
#ifndef NYX_CORE_RANGES_H
#define NYX_CORE_RANGES_H

#include <linux/limits.h>
#include <linux/types.h>

#include "base/types.h"

#define NYX_RANGES_MAX		4u
/* Number of the last page. */
#define NYX_LAST_PAGE		(U64_MAX >> NYX_PAGE_LG2)

/**
 * struct nyx_ranges - a set of ranges of pages
 * @nr: how many; 0: no page
 * @range: the ranges, in no order
 * @range.first: first page (an IOVA, shifted by NYX_PAGE_LG2)
 * @range.last: last page
 *
 * The caller serialises its use.
 */
struct nyx_ranges {
	u32 nr;
	struct {
		u64 first;
		u64 last;
	} range[NYX_RANGES_MAX];
};

/* All pages. */
#define NYX_RANGES_ALL \
	((struct nyx_ranges){ .nr = 1, .range = { { .first = 0, .last = NYX_LAST_PAGE } } })

/* Add pages to a set that has some. */
void nyx_ranges_join(struct nyx_ranges *ranges, u64 first, u64 last);

/**
 * nyx_ranges_add() - add pages to a set
 * @ranges: the set
 * @first: first page
 * @last: last page, not below @first
 *
 * Context: any.
 */
static inline void nyx_ranges_add(struct nyx_ranges *ranges, u64 first, u64 last)
{
	if (ranges->nr) {
		nyx_ranges_join(ranges, first, last);
		return;
	}
	ranges->nr = 1;
	ranges->range[0].first = first;
	ranges->range[0].last = last;
}

/**
 * nyx_ranges_merge() - add the pages of another set
 * @ranges: the set
 * @from: the other one
 *
 * Context: any.
 */
void nyx_ranges_merge(struct nyx_ranges *ranges, const struct nyx_ranges *from);

/**
 * nyx_ranges_overlap() - does a set have one of these pages?
 * @ranges: the set
 * @first: first page
 * @last: last page, not below @first
 *
 * Context: any.
 * Return: true if it does.
 */
static inline bool nyx_ranges_overlap(const struct nyx_ranges *ranges, u64 first,
				      u64 last)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++) {
		if (ranges->range[i].first <= last && ranges->range[i].last >= first)
			return true;
	}
	return false;
}

#endif /* NYX_CORE_RANGES_H */
