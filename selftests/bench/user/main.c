// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: the user-space program.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * usage: nyx-bench [-c CPU] [-s SEED] [-r REPS] [AREA]...
 *
 * Prints the lines that measure.h describes. Areas: floor tlb walk map dma irq
 * fault syscall. A build with threads has floor and growth.
 */
#include "user/bench.h"

#include <stdarg.h>

u64 bench_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * (u64)NSEC_PER_SEC + ts.tv_nsec;
}

void bench_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fflush(stdout);
}

void bench_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "nyx-bench: %s:%d: %s\n", file, line, what);
	exit(1);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		perror("nyx-bench: sched_setaffinity");
}

/* The costs of the machine and of the loops by themselves. */
struct floor {
	struct world *w;
	void *readers;
	unsigned long word;
};

static void run_mutex(void *ctx, unsigned long n)
{
	struct floor *f = ctx;

	while (n--) {
		mutex_lock(&f->w->dom->lock);
		mutex_unlock(&f->w->dom->lock);
	}
}

static void run_epoch(void *ctx, unsigned long n)
{
	struct floor *f = ctx;

	while (n--)
		epoch_exit(&f->w->dom->epoch, epoch_enter(&f->w->dom->epoch));
}

static void run_srcu(void *ctx, unsigned long n)
{
	readers_srcu(((struct floor *)ctx)->readers, n);
}

static void run_ref(void *ctx, unsigned long n)
{
	readers_ref(((struct floor *)ctx)->readers, n);
}

static void run_access(void *ctx, unsigned long n)
{
	struct floor *f = ctx;

	while (n--) {
		struct nyx_access acc;

		bench_check(!nyx_access_begin(&f->w->unit, f->w->sbdf, NYX_PASID_NONE, &acc));
		acc.tally.hits = 1;
		nyx_access_end(&acc);
	}
}

static void run_atomic(void *ctx, unsigned long n)
{
	struct floor *f = ctx;

	while (n--)
		__atomic_fetch_add(&f->word, 1, __ATOMIC_SEQ_CST);
}

static void run_drain(void *ctx, unsigned long n)
{
	struct floor *f = ctx;

	while (n--)
		bench_check(!epoch_drain(&f->w->dom->epoch));
}

static void run_drain64(void *ctx, unsigned long n)
{
	bench_cpus = 64;
	run_drain(ctx, n);
	bench_cpus = 2;
}

static void bench_floor(void)
{
	struct floor f = { .w = world_new(PT_VTDSS, false), .readers = readers_new() };
	struct bench_side side[] = {
		{ .run = run_atomic, .ctx = &f },
		{ .run = run_mutex, .ctx = &f },
		{ .run = run_epoch, .ctx = &f },
		{ .run = run_access, .ctx = &f },
		{ .run = run_drain, .ctx = &f },
		{ .run = run_drain64, .ctx = &f },
	};
	struct bench_side readers[] = {
		{ .name = "srcu_read_lock + unlock (tree)", .run = run_srcu, .ctx = &f },
		{ .name = "percpu_ref_tryget_live + put", .run = run_ref, .ctx = &f },
	};

	bench_row("F0", "one locked instruction", 0, &side[0], NULL, 0);
	bench_row("F1", "mutex_lock + mutex_unlock, uncontended", 0, &side[1], NULL, 0);
	bench_row("F2", "epoch_enter + epoch_exit", 0, &side[2], readers,
		  f.readers ? ARRAY_SIZE(readers) : 0);
	bench_row("F3", "nyx_access_begin + nyx_access_end", 0, &side[3], NULL, 0);
	bench_row("F4", "epoch_drain, idle, 2 possible CPUs", 0, &side[4], NULL, 0);
	bench_row("F4", "epoch_drain, idle, 64 possible CPUs, near", 0, &side[5], NULL, 0);
}

static const struct area {
	const char *name;
	void (*run)(void);
} areas[] = {
	{ "floor", bench_floor },
#ifdef NYX_BENCH_THREADS
	{ "growth", bench_growth },
#else
	{ "tlb", bench_tlb },
	{ "walk", bench_walk },
	{ "map", bench_map },
	{ "dma", bench_dma },
	{ "irq", bench_irq },
	{ "fault", bench_fault },
	{ "syscall", bench_syscall },
#endif
};

int main(int argc, char **argv)
{
	int opt, cpu = -1, i, j;
	u64 seed = 1;

	while ((opt = getopt(argc, argv, "c:s:r:")) != -1) {
		switch (opt) {
		case 'c':
			cpu = atoi(optarg);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			bench_reps = clamp(atoi(optarg), 15, BENCH_MAX_REPS);
			break;
		default:
			return 2;
		}
	}
	if (cpu >= 0)
		pin(cpu);
	bench_init(seed);
	for (i = 0; i < ARRAY_SIZE(areas); i++) {
		bool wanted = optind == argc;

		for (j = optind; j < argc; j++)
			wanted |= !strcmp(argv[j], areas[i].name);
		if (wanted)
			areas[i].run();
	}
	return 0;
}
