// SPDX-License-Identifier: GPL-2.0-only
/* Nyx benchmarks: the peer is not to be had. */
#include "peer/peer.h"

void *qemu_new(void)
{
	return NULL;
}

void qemu_insert(void *tlb, u16 domain, u64 va, u64 pa, unsigned int level)
{
}

u64 qemu_walk(void *tlb, u64 va, bool write)
{
	return ~0ull;
}

void qemu_flush_pages(void *tlb, u16 domain, u64 va, unsigned int lg2)
{
}

void qemu_flush_domain(void *tlb, u16 domain)
{
}

void qemu_flush_all(void *tlb)
{
}
