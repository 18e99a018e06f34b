// SPDX-License-Identifier: GPL-2.0-only
/* Nyx benchmarks: the peer is not to be had. */
#include "peer/peer.h"

void *amdv1_new(void)
{
	return NULL;
}

void amdv1_free(void *table)
{
}

int amdv1_map(void *table, u64 va, u64 pa, unsigned long count)
{
	return -1;
}

u64 amdv1_unmap(void *table, u64 va, unsigned long count)
{
	return 0;
}

u64 amdv1_walk(void *table, u64 va)
{
	return 0;
}
