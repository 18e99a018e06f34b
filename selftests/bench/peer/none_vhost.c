// SPDX-License-Identifier: GPL-2.0-only
/* Nyx benchmarks: the peer is not to be had. */
#include "peer/peer.h"

void *vhost_new(unsigned int limit)
{
	return NULL;
}

void vhost_delete(void *tlb)
{
}

int vhost_add(void *tlb, u64 start, u64 last, u64 addr)
{
	return -1;
}

u64 vhost_walk(void *tlb, u64 va, unsigned int perm)
{
	return ~0ull;
}
