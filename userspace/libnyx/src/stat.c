// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: counters.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/stat.h>

#include "private.h"

static const char *const stat_names[] = {
	[NYX_STAT_IOTLB_HITS]		= "iotlb_hits",
	[NYX_STAT_IOTLB_MISSES]		= "iotlb_misses",
	[NYX_STAT_WALKS]		= "walks",
	[NYX_STAT_FAULTS]		= "faults",
	[NYX_STAT_READ_BYTES]		= "read_bytes",
	[NYX_STAT_WRITE_BYTES]		= "write_bytes",
	[NYX_STAT_DMA_OPS]		= "dma_ops",
	[NYX_STAT_TRANSLATIONS]		= "translations",
	[NYX_STAT_MAPS]			= "maps",
	[NYX_STAT_UNMAPS]		= "unmaps",
	[NYX_STAT_MAPPED_BYTES]		= "mapped_bytes",
	[NYX_STAT_UNMAPPED_BYTES]	= "unmapped_bytes",
	[NYX_STAT_INVALIDATIONS]	= "invalidations",
	[NYX_STAT_FLUSHES]		= "flushes",
	[NYX_STAT_EVENTS_LOST]		= "events_lost",
	[NYX_STAT_IRQS]			= "irqs",
	[NYX_STAT_IRQS_POSTED]		= "irqs_posted",
	[NYX_STAT_IRQ_FAULTS]		= "irq_faults",
	[NYX_STAT_QUARANTINED_ACCESSES]	= "quarantined_accesses",
	[NYX_STAT_QUARANTINES]		= "quarantines",
	[NYX_STAT_PROBATIONS]		= "probations",
	[NYX_STAT_RECOVERIES]		= "recoveries",
	[NYX_STAT_THROTTLED]		= "throttled",
	[NYX_STAT_PAGE_REQUESTS]	= "page_requests",
	[NYX_STAT_ORACLE_CHECKS]	= "oracle_checks",
	[NYX_STAT_ORACLE_MISMATCHES]	= "oracle_mismatches",
};

_Static_assert(ARRAY_SIZE(stat_names) == NYX_STAT_MAX, "a name for each counter");

static int get(struct nyx_unit *unit, uint32_t scope, uint32_t id, uint64_t *values, uint32_t nr,
	       uint32_t *known)
{
	struct nyx_stats req = {
		.size = sizeof(req),
		.scope = scope,
		.id = id,
		.values = (uintptr_t)values,
		.nr = nr,
	};
	int ret;

	ret = nyx__ioctl(unit->fd, NYX_STATS, &req);
	if (!ret && known)
		*known = req.out_nr;
	return ret;
}

NYX_EXPORT int nyx_stat_get_unit(struct nyx_unit *unit, uint64_t *values, uint32_t nr,
				 uint32_t *known)
{
	return get(unit, NYX_SCOPE_UNIT, 0, values, nr, known);
}

NYX_EXPORT int nyx_stat_get_domain(struct nyx_unit *unit, nyx_domain_t domain, uint64_t *values,
				   uint32_t nr, uint32_t *known)
{
	return get(unit, NYX_SCOPE_DOMAIN, domain.id, values, nr, known);
}

NYX_EXPORT int nyx_stat_get_device(struct nyx_unit *unit, nyx_device_t device, uint64_t *values,
				   uint32_t nr, uint32_t *known)
{
	return get(unit, NYX_SCOPE_DEVICE, device.sbdf, values, nr, known);
}

NYX_EXPORT const char *nyx_stat_name(uint32_t stat)
{
	return stat < ARRAY_SIZE(stat_names) ? stat_names[stat] : NULL;
}
