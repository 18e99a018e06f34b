// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx host build: how fast the page tables are.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Pinned to a CPU, by the thread's CPU time, median of REPS runs after one to
 * warm up. Compiled as user space, so without what a kernel adds to allocations
 * and locks; nothing here allocates in a loop unless it says so. The walks
 * include a random number, about as long as an L1 hit.
 */
#include <sched.h>

#include <kunit/test.h>

#include "pt/pt.h"

#define REPS	15
#define K	4096ull
#define M2	BIT_ULL(21)
#define G1	BIT_ULL(30)
#define RW	NYX_ACC_RW

static struct pt pt;
static struct pt_chain chain;
static u64 sink;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

/* Run @fn, which does @n things, and print what one of them takes. */
static void measure(const char *format, const char *what, void (*fn)(unsigned int n),
		    unsigned int n)
{
	double t[REPS];
	int i;

	fn(n);
	for (i = 0; i < REPS; i++) {
		double start = now();

		fn(n);
		t[i] = (now() - start) / n;
	}
	qsort(t, REPS, sizeof(t[0]), compare);
	printf("%-6s %-44s median %9.2f ns   min %9.2f ns\n", format, what,
	       t[REPS / 2], t[0]);
	fflush(stdout);
}

static void must_map(u64 va, u64 last, u64 oa)
{
	if (pt_map(&pt, va, last, oa, RW, &chain))
		abort();
}

static void must_unmap(u64 va, u64 last)
{
	u64 bytes;

	if (pt_unmap(&pt, va, last, &chain, &bytes) || !bytes)
		abort();
}

static void reset(unsigned int format, u64 page_sizes)
{
	struct pt_config cfg = { format, 4, 0, page_sizes };

	pt_fini(&pt);
	pt_chain_free(&chain);
	rcu_barrier();
	if (pt_init(&pt, &cfg))
		abort();
}

static u64 base, mask;

static inline u64 random_step(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void walk_independent(unsigned int n)
{
	u64 state = 88172645463325252ull, sum = 0;
	struct pt_result res;

	while (n--) {
		pt_walk(&pt, base + (random_step(&state) & mask), RW, &res);
		sum += res.oa;
	}
	sink += sum;
}

static void walk_dependent(unsigned int n)
{
	u64 state = 88172645463325252ull, last = 0;
	struct pt_result res;

	while (n--) {
		pt_walk(&pt, base + ((random_step(&state) + last) & mask), RW, &res);
		last = res.oa;
	}
	sink += last;
}

static void random_only(unsigned int n)
{
	u64 state = 88172645463325252ull, sum = 0;

	while (n--)
		sum += base + (random_step(&state) & mask);
	sink += sum;
}

/* Next to a page that stays, so the table stays. */
static void map_256(unsigned int n)
{
	while (n--) {
		must_map(base, base + 256 * K - 1, 7 * K);
		must_unmap(base, base + 256 * K - 1);
	}
}

static void map_one(unsigned int n)
{
	while (n--) {
		must_map(base + 9 * K, base + 10 * K - 1, 5 * K);
		must_unmap(base + 9 * K, base + 10 * K - 1);
	}
}

static void map_256_large(unsigned int n)
{
	while (n--) {
		must_map(G1, G1 + 256 * M2 - 1, 4 * M2);
		must_unmap(G1, G1 + 256 * M2 - 1);
	}
}

static void map_1g(unsigned int n)
{
	while (n--) {
		must_map(4 * G1, 5 * G1 - 1, 8 * G1);
		must_unmap(4 * G1, 5 * G1 - 1);
	}
}

/* 512 calls that become one page, with a fresh table. */
static void map_coalesce(unsigned int n)
{
	u64 va;

	while (n--) {
		for (va = 0; va < M2; va += K)
			must_map(4 * G1 + va, 4 * G1 + va + K - 1, 8 * G1 + va);
		must_unmap(4 * G1, 4 * G1 + M2 - 1);
		pt_chain_free(&chain);
	}
}

/* A page out of a large one and back. */
static void split_and_heal(unsigned int n)
{
	while (n--) {
		must_unmap(6 * G1 + 9 * K, 6 * G1 + 10 * K - 1);
		must_map(6 * G1 + 9 * K, 6 * G1 + 10 * K - 1, 6 * G1 + 9 * K);
		pt_chain_free(&chain);
	}
}

static void list_extents(unsigned int n)
{
	struct pt_extent ext;
	u64 va = base;

	while (va <= base + mask && pt_next(&pt, va, base + mask, &ext))
		va = ext.last + 1;
	sink += va;
}

static void bench_edit(unsigned int format, const char *name)
{
	double t_map[REPS], t_unmap[REPS];
	unsigned int i, j;

	reset(format, 0);
	base = 3 * G1;
	/* Neighbours that keep the table, and keep it from coalescing. */
	must_map(base + 300 * K, base + 302 * K - 1, 3 * K);
	measure(name, "map+unmap 256 x 4K, tables exist", map_256, 2000);

	/* The two halves apart: 64 tables, mapped in turn, then unmapped. */
	for (i = 0; i < 64; i++)
		must_map(8 * G1 + i * M2 + 300 * K, 8 * G1 + i * M2 + 301 * K - 1, 3 * K);
	for (j = 0; j < REPS; j++) {
		double start = now();

		for (i = 0; i < 64; i++)
			must_map(8 * G1 + i * M2, 8 * G1 + i * M2 + 256 * K - 1, 7 * K);
		t_map[j] = (now() - start) / 64;
		start = now();
		for (i = 0; i < 64; i++)
			must_unmap(8 * G1 + i * M2, 8 * G1 + i * M2 + 256 * K - 1);
		t_unmap[j] = (now() - start) / 64;
	}
	qsort(t_map, REPS, sizeof(t_map[0]), compare);
	qsort(t_unmap, REPS, sizeof(t_unmap[0]), compare);
	printf("%-6s %-44s median %9.2f ns   min %9.2f ns\n", name,
	       "  map alone, 64 tables in turn", t_map[REPS / 2], t_map[0]);
	printf("%-6s %-44s median %9.2f ns   min %9.2f ns\n", name,
	       "  unmap alone, 64 tables in turn", t_unmap[REPS / 2], t_unmap[0]);

	measure(name, "map+unmap one 4K, neighbours exist", map_one, 100000);
	must_map(G1 + 300 * M2, G1 + 301 * M2 - 1, 0);
	measure(name, "map+unmap 256 x 2M", map_256_large, 2000);
	measure(name, "map+unmap one 1G", map_1g, 100000);
	measure(name, "512 x map 4K -> one 2M, unmap (allocates)", map_coalesce, 100);
	must_map(6 * G1, 6 * G1 + M2 - 1, 6 * G1);
	measure(name, "unmap 4K of a 2M, map it again (allocates)", split_and_heal, 1000);
}

static void bench_walk(unsigned int format, const char *name)
{
	static const struct {
		const char *what;
		u64 size;
	} windows[] = {
		{ "2 MiB", M2 }, { "64 MiB", 32 * M2 }, { "1 GiB", G1 },
	};
	char what[64];
	int i;

	for (i = 0; i < ARRAY_SIZE(windows); i++) {
		reset(format, K);
		base = 3 * G1;
		mask = windows[i].size - 1;
		/* Off by a page, so that it is 4K pages in each format. */
		must_map(base, base + mask, base + K);
		snprintf(what, sizeof(what), "walk %s of 4K, independent", windows[i].what);
		measure(name, what, walk_independent, 1000000);
		snprintf(what, sizeof(what), "walk %s of 4K, dependent", windows[i].what);
		measure(name, what, walk_dependent, 1000000);
	}
	printf("%-6s pt_next() over 1 GiB of 4K:\n", name);
	measure(name, "  for each entry", list_extents, mask / K + 1);
	reset(format, 0);
	base = 0;
	mask = 64 * G1 - 1;
	must_map(0, mask, M2);
	measure(name, "walk 64 GiB of 2M, independent", walk_independent, 1000000);
	measure(name, "walk 64 GiB of 2M, dependent", walk_dependent, 1000000);
}

int main(int argc, char **argv)
{
	static const char * const names[] = { "vtdss", "x86", "amdv1" };
	cpu_set_t set;
	int format;

	CPU_ZERO(&set);
	CPU_SET(argc > 1 ? atoi(argv[1]) : (int)num_online_cpus() - 1, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		perror("sched_setaffinity");
	measure("-", "random number alone", random_only, 1000000);
	for (format = 0; format < PT_NR_FORMATS; format++) {
		bench_edit(format, names[format]);
		bench_walk(format, names[format]);
	}
	pt_fini(&pt);
	pt_chain_free(&chain);
	return sink == 42;
}
