/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: how a row is measured. For programs and for the kernel.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A row is one operation of ours and the peers that do the same. All sides run
 * in turn, repetition by repetition, so that a machine that becomes slower does
 * so for all of them. A repetition is a batch of operations that is long
 * against the clock; what is reported is the median and the minimum of the
 * repetitions, in picoseconds an operation.
 *
 * The environment provides bench_clock(), CPU time of this thread in ns, and
 * bench_print(), which takes a line:
 *
 *   row <tab> id, variant, ns, min_ns, peer, peer_ns, peer_min_ns, target_ns,
 *             target_ratio, note
 *
 * Fields are separated by tabs; what does not exist is "-", or, at the end, left
 * out. Times are in picoseconds, ratios (peer / ours) in percent. A note is what
 * a time cannot say.
 */
#ifndef NYX_BENCH_MEASURE_H
#define NYX_BENCH_MEASURE_H

#include <linux/types.h>

#define BENCH_MAX_REPS	101

/* The environment's. */
u64 bench_clock(void);
__attribute__((__format__(printf, 1, 2))) void bench_print(const char *fmt, ...);

/* Repetitions, 15 to BENCH_MAX_REPS. */
extern unsigned int bench_reps;

/**
 * struct bench_side - one way to do an operation
 * @name: what it is
 * @run: do it @n times
 * @prepare: before each batch, not timed; or NULL
 * @took: the time of the batch in ns, if not all of it counts; or NULL
 * @ctx: handed to all three
 * @most: operations in a batch at most; 0: as many as the clock needs
 * @ratio: of a peer: the target, its time / ours, in percent; 0: none
 * @share: of a peer: ours shall reach this share of its speed, in percent, which
 *         makes the row's target; 0: no
 */
struct bench_side {
	const char *name;
	void (*run)(void *ctx, unsigned long n);
	void (*prepare)(void *ctx, unsigned long n);
	u64 (*took)(void *ctx);
	void *ctx;
	unsigned long most;
	unsigned int ratio;
	unsigned int share;
};

/**
 * bench_init() - before anything else
 * @seed: of bench_random()
 */
void bench_init(u64 seed);

u64 bench_random(void);

/**
 * bench_row() - measure a row and print it
 * @id: its id in the list of benchmarks
 * @variant: which operation, how large
 * @target_ps: what it should take at most, in ps; 0: no target
 * @ours: ours
 * @peers: the peers
 * @nr: how many, at most 3; 0: none
 */
void bench_row(const char *id, const char *variant, u64 target_ps,
	       const struct bench_side *ours, const struct bench_side *peers,
	       unsigned int nr);

#define BENCH_MAX_PIECES	1024

/**
 * bench_between() - measure pieces of work that other work comes between
 * @other: the other work, not timed
 * @ours: a piece
 * @ctx: handed to both
 * @nr: pieces, at most BENCH_MAX_PIECES
 *
 * Short pieces are timed by the time stamp counter, and the median counts for
 * all, so that an interruption does not.
 *
 * Return: time of all pieces, in ns.
 */
u64 bench_between(void (*other)(void *ctx), void (*ours)(void *ctx), void *ctx,
		  unsigned int nr);

/**
 * bench_skip() - say that a row is missing
 * @id: its id
 * @what: which part
 * @why: the reason
 */
void bench_skip(const char *id, const char *what, const char *why);

#endif /* NYX_BENCH_MEASURE_H */
