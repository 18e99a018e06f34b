// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: how a row is measured. For programs and for the kernel.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "measure.h"

#define MAX_SIDES	4
/* A batch takes that long at least, against which the clock is nothing. */
#define BATCH_NS	400000

unsigned int bench_reps = 21;

/* Two looks at the clock; taken off each repetition. */
static u64 clock_cost;
/* Cycles of the time stamp counter in 2^20 ns, and for two looks at it. */
static u64 tsc_rate;
static u64 tsc_cost;
static u64 state = 1;

u64 bench_random(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

static u64 run_once(const struct bench_side *side, unsigned long n)
{
	u64 start, took;

	if (side->prepare)
		side->prepare(side->ctx, n);
	start = bench_clock();
	side->run(side->ctx, n);
	took = bench_clock() - start;
	if (side->took)
		return side->took(side->ctx);
	return took > clock_cost ? took - clock_cost : 0;
}

/* How many operations make a batch. Finding out warms up, too. */
static unsigned long calibrate(const struct bench_side *side)
{
	unsigned long n = side->most ? side->most : 16;

	while (run_once(side, n) < BATCH_NS && !side->most)
		n *= 2;
	run_once(side, n);
	return n;
}

static void sort(u64 *v, unsigned int n)
{
	unsigned int i, j;

	for (i = 1; i < n; i++) {
		u64 x = v[i];

		for (j = i; j && v[j - 1] > x; j--)
			v[j] = v[j - 1];
		v[j] = x;
	}
}

void bench_row(const char *id, const char *variant, u64 target_ps,
	       const struct bench_side *ours, const struct bench_side *peers,
	       unsigned int nr)
{
	static u64 ps[MAX_SIDES][BENCH_MAX_REPS];
	const struct bench_side *side[MAX_SIDES];
	unsigned long n[MAX_SIDES];
	unsigned int i, rep, mid = bench_reps / 2;

	for (i = 0; i <= nr; i++) {
		side[i] = i ? &peers[i - 1] : ours;
		n[i] = calibrate(side[i]);
	}
	for (rep = 0; rep < bench_reps; rep++) {
		for (i = 0; i <= nr; i++)
			ps[i][rep] = run_once(side[i], n[i]) * 1000 / n[i];
	}
	for (i = 0; i <= nr; i++)
		sort(ps[i], bench_reps);

	if (!nr)
		bench_print("row\t%s\t%s\t%llu\t%llu\t-\t-\t-\t%llu\t-\n", id,
			    variant, ps[0][mid], ps[0][0], target_ps);
	for (i = 1; i <= nr; i++) {
		u64 target = target_ps;

		if (side[i]->share)
			target = ps[i][mid] * 100 / side[i]->share;
		bench_print("row\t%s\t%s\t%llu\t%llu\t%s\t%llu\t%llu\t%llu\t%u\n",
			    id, variant, ps[0][mid], ps[0][0], side[i]->name,
			    ps[i][mid], ps[i][0], target, side[i]->ratio);
	}
}

static inline u64 tsc(void)
{
	u64 now;

	__asm__ __volatile__("lfence" : : : "memory");
	now = __builtin_ia32_rdtsc();
	__asm__ __volatile__("lfence" : : : "memory");
	return now;
}

u64 bench_between(void (*other)(void *ctx), void (*ours)(void *ctx), void *ctx,
		  unsigned int nr)
{
	static u64 took[BENCH_MAX_PIECES];
	unsigned int i;
	u64 start;

	for (i = 0; i < nr; i++) {
		other(ctx);
		start = tsc();
		ours(ctx);
		took[i] = tsc() - start;
	}
	sort(took, nr);
	start = took[nr / 2];
	start = start > tsc_cost ? start - tsc_cost : 0;
	return ((start * nr) << 20) / tsc_rate;
}

/* A try that is interrupted has more cycles for its time: the fewest are right. */
static void calibrate_tsc(void)
{
	u64 start, cycles, ns, rate;
	unsigned int i;

	tsc_rate = ~0ull;
	tsc_cost = ~0ull;
	for (i = 0; i < 20; i++) {
		start = bench_clock();
		cycles = tsc();
		do {
			ns = bench_clock() - start;
		} while (ns < 500000);
		rate = ((tsc() - cycles) << 20) / ns;
		if (rate < tsc_rate)
			tsc_rate = rate;
	}
	for (i = 0; i < 1000; i++) {
		cycles = tsc();
		cycles = tsc() - cycles;
		if (cycles < tsc_cost)
			tsc_cost = cycles;
	}
}

void bench_skip(const char *id, const char *what, const char *why)
{
	bench_print("skip\t%s\t%s\t%s\n", id, what, why);
}

void bench_init(u64 seed)
{
	unsigned int i;
	u64 took;

	if (seed)
		state = seed;
	for (i = 0; i < 16; i++)
		bench_random();

	clock_cost = ~0ull;
	for (i = 0; i < 1000; i++) {
		took = bench_clock();
		took = bench_clock() - took;
		if (took < clock_cost)
			clock_cost = took;
	}
	calibrate_tsc();
}
