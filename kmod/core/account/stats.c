// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: counters.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/account/stats.h"

#include <linux/cpumask.h>

#include "base/export.h"
#include "base/types.h"

struct nyx_stats_cpu __percpu *nyx_stats_alloc(void)
{
	return alloc_percpu_gfp(struct nyx_stats_cpu, GFP_CALLER);
}

u64 nyx_stat_get(struct nyx_stats_cpu __percpu *stats, enum nyx_stat stat)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(stats, cpu)->count[stat]);
	return sum;
}

void nyx_stats_sum(struct nyx_stats_cpu __percpu *stats, u64 *total)
{
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct nyx_stats_cpu *s = per_cpu_ptr(stats, cpu);

		for (i = 0; i < NYX_STAT_MAX; i++)
			total[i] += READ_ONCE(s->count[i]);
	}
}

NYX_EXPORT_FOR_TEST(nyx_stat_get);
