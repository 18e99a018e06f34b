// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: a few ranges of pages, which cover what was touched in a domain.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/space/ranges.h"

#include <linux/minmax.h>

#include "base/export.h"

/* Pages between a range of a set and another range; 0 if they overlap or touch. */
static u64 gap(const struct nyx_ranges *ranges, unsigned int i, u64 first, u64 last)
{
	if (ranges->range[i].last < first)
		return first - ranges->range[i].last - 1;
	if (ranges->range[i].first > last)
		return ranges->range[i].first - last - 1;
	return 0;
}

static unsigned int nearest(const struct nyx_ranges *ranges, u64 first, u64 last)
{
	unsigned int i, best = 0;

	for (i = 1; i < ranges->nr; i++) {
		if (gap(ranges, i, first, last) < gap(ranges, best, first, last))
			best = i;
	}
	return best;
}

static bool covers(const struct nyx_ranges *ranges, u64 first, u64 last)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++) {
		if (ranges->range[i].first <= first && ranges->range[i].last >= last)
			return true;
	}
	return false;
}

void nyx_ranges_join(struct nyx_ranges *ranges, u64 first, u64 last)
{
	unsigned int i;

	if (covers(ranges, first, last))
		return;
	/*
	 * Take over each range that the new one touches; without room, the nearest one. No
	 * other is in between, so the new one touches no other then.
	 */
	while (ranges->nr) {
		i = nearest(ranges, first, last);
		if (gap(ranges, i, first, last) && ranges->nr < NYX_RANGES_MAX)
			break;
		first = min(first, ranges->range[i].first);
		last = max(last, ranges->range[i].last);
		ranges->range[i] = ranges->range[--ranges->nr];
	}
	i = ranges->nr++;
	ranges->range[i].first = first;
	ranges->range[i].last = last;
}

void nyx_ranges_merge(struct nyx_ranges *ranges, const struct nyx_ranges *from)
{
	unsigned int i;

	for (i = 0; i < from->nr; i++)
		nyx_ranges_add(ranges, from->range[i].first, from->range[i].last);
}

NYX_EXPORT_FOR_TEST(nyx_ranges_join);
NYX_EXPORT_FOR_TEST(nyx_ranges_merge);
