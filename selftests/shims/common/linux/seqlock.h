/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: sequence counts, as the kernel has them.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/sync.h"

#ifndef NYX_HOST_SEQLOCK_H
#define NYX_HOST_SEQLOCK_H

typedef struct { unsigned int sequence; } seqcount_t;

#define seqcount_init(s)	((s)->sequence = 0)
#define raw_read_seqcount(s)	smp_load_acquire(&(s)->sequence)

static inline unsigned int read_seqcount_begin(const seqcount_t *s)
{
	unsigned int seq;

	while (unlikely((seq = raw_read_seqcount(s)) & 1))
		cpu_relax();
	return seq;
}

static inline bool read_seqcount_retry(const seqcount_t *s, unsigned int seq)
{
	smp_rmb();
	return READ_ONCE(s->sequence) != seq;
}

static inline void raw_write_seqcount_begin(seqcount_t *s)
{
	WRITE_ONCE(s->sequence, s->sequence + 1);
	smp_wmb();
}

static inline void raw_write_seqcount_end(seqcount_t *s)
{
	smp_wmb();
	WRITE_ONCE(s->sequence, s->sequence + 1);
}

#define write_seqcount_begin	raw_write_seqcount_begin
#define write_seqcount_end	raw_write_seqcount_end

#endif
