// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: a handle on vhost's IOTLB.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/vhost_iotlb.h>

#include "peer/peer.h"

void *vhost_new(unsigned int limit)
{
	return vhost_iotlb_alloc(limit, 0);
}

void vhost_delete(void *tlb)
{
	vhost_iotlb_free(tlb);
}

int vhost_add(void *tlb, u64 start, u64 last, u64 addr)
{
	return vhost_iotlb_add_range(tlb, start, last, addr, VHOST_MAP_RW);
}

/* Does the same as translate_desc() of vhost.c for the first piece. */
u64 vhost_walk(void *tlb, u64 va, unsigned int perm)
{
	struct vhost_iotlb_map *map = vhost_iotlb_itree_first(tlb, va, va);

	if (!map || map->start > va || (perm & ~map->perm))
		return ~0ull;
	return map->addr + va - map->start;
}
