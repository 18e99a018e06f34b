/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: counters.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Domains and devices count per CPU, without atomics, what enum nyx_stat of the
 * uAPI names. A unit has only what its domains and devices left behind; its
 * totals are summed on request. An access gathers its counts in a
 * struct nyx_tally and adds them at its end.
 */
#ifndef NYX_CORE_STATS_H
#define NYX_CORE_STATS_H

#include <linux/nyx_iommu.h>
#include <linux/percpu.h>
#include <linux/types.h>

/**
 * struct nyx_stats_cpu - one CPU's counters
 * @count: by enum nyx_stat
 */
struct nyx_stats_cpu {
	u64 count[NYX_STAT_MAX];
};

/**
 * struct nyx_tally - counts of one access
 * @hits: NYX_STAT_IOTLB_HITS
 * @misses: NYX_STAT_IOTLB_MISSES
 * @walks: NYX_STAT_WALKS
 */
struct nyx_tally {
	u32 hits;
	u32 misses;
	u32 walks;
};

static inline void nyx_stat_add(struct nyx_stats_cpu __percpu *stats,
				enum nyx_stat stat, u64 n)
{
	this_cpu_add(stats->count[stat], n);
}

/* Add to the counters of a device and to those of its domain. */
static inline void nyx_stat_add_both(struct nyx_stats_cpu __percpu *a,
				     struct nyx_stats_cpu __percpu *b,
				     enum nyx_stat stat, u64 n)
{
	nyx_stat_add(a, stat, n);
	nyx_stat_add(b, stat, n);
}

static inline void nyx_stat_tally(struct nyx_stats_cpu __percpu *stats,
				  const struct nyx_tally *tally)
{
	if (tally->hits)
		nyx_stat_add(stats, NYX_STAT_IOTLB_HITS, tally->hits);
	if (tally->misses)
		nyx_stat_add(stats, NYX_STAT_IOTLB_MISSES, tally->misses);
	if (tally->walks)
		nyx_stat_add(stats, NYX_STAT_WALKS, tally->walks);
}

/**
 * nyx_stats_alloc() - allocate the counters of an object
 *
 * Context: may sleep.
 * Return: zeroed counters, or NULL.
 */
struct nyx_stats_cpu __percpu *nyx_stats_alloc(void);

/**
 * nyx_stat_get() - one of an object's counters
 * @stats: its counters
 * @stat: which
 *
 * Context: any.
 * Return: its value, which may be a moment old.
 */
u64 nyx_stat_get(struct nyx_stats_cpu __percpu *stats, enum nyx_stat stat);

/**
 * nyx_stats_sum() - add an object's counters to a total
 * @stats: its counters
 * @total: array of NYX_STAT_MAX
 *
 * Context: any. Counters that are moving may be a moment old.
 */
void nyx_stats_sum(struct nyx_stats_cpu __percpu *stats, u64 *total);

#endif /* NYX_CORE_STATS_H */
