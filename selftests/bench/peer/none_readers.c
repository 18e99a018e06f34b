// SPDX-License-Identifier: GPL-2.0-only
/* Nyx benchmarks: the peer is not to be had. */
#include "peer/peer.h"

void *readers_new(void)
{
	return NULL;
}

void readers_srcu(void *readers, unsigned long n)
{
}

void readers_ref(void *readers, unsigned long n)
{
}
