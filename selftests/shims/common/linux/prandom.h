/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/kernel.h"

#ifndef NYX_HOST_PRANDOM_H
#define NYX_HOST_PRANDOM_H

struct rnd_state { u64 state; };

static inline void prandom_seed_state(struct rnd_state *rnd, u64 seed)
{
	rnd->state = seed * 0x9e3779b97f4a7c15ull | 1;
}

/* xorshift64* */
static inline u32 prandom_u32_state(struct rnd_state *rnd)
{
	rnd->state ^= rnd->state >> 12;
	rnd->state ^= rnd->state << 25;
	rnd->state ^= rnd->state >> 27;
	return rnd->state * 0x2545f4914f6cdd1dull >> 32;
}

#endif
