// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: what an operation costs while one quantity grows.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A row's id is the name of a curve, as selftests/bench/growth knows it, and its variant is
 * the quantity. Of most operations there are two curves: one where they are all over what
 * has grown, and one where they use the same small part of it each time. The difference is
 * what the processor's caches cost; what the second one grows by is the algorithm.
 *
 * This file needs a build with NYX_BENCH_THREADS.
 */
#include "user/bench.h"

#include "core/attach.h"
#include "mem/memslots.h"

#define MUL	0x5851f42d4c957f2dull
#define ADD	0x14057b7ef767814full

/* Pages that the operations of the second kind use: in half of the sets of the cache. */
#define HOT	1024u

/**
 * struct growth - what the loops work with
 * @w: the world
 * @nr: pages, or ranges, that are there
 * @use: of these, those that the operations use
 * @x: where the random numbers are, or the place in @page
 * @page: addresses, in the order in which they are used
 * @map: a memory map of its own
 * @hint: into @map, or all ones: none is used
 */
struct growth {
	struct world *w;
	u64 nr;
	u64 use;
	u64 x;
	u64 *page;
	struct memslots map;
	u32 hint;
};

static void row(const char *curve, u64 quantity, const struct bench_side *side)
{
	char variant[32];

	snprintf(variant, sizeof(variant), "%llu", quantity);
	bench_row(curve, variant, 0, side, NULL, 0);
}

static u64 pick(struct growth *g)
{
	g->x = g->x * MUL + ADD;
	return (g->x >> 32) * g->use >> 32;
}

/* Mapped are the even pages: no two are neighbours, and between them there is room. */
static u64 page_va(u64 i)
{
	return WORLD_IOVA + PAGES(2 * i);
}

static void access_once(struct world *w, u32 sbdf, u64 va)
{
	struct nyx_fault_info fault;
	struct nyx_access acc;
	struct nyx_segment seg;

	bench_check(!nyx_access_begin(&w->unit, sbdf, NYX_PASID_NONE, &acc));
	bench_check(nyx_translate(&acc, va, 64, NYX_ACC_READ, &seg, &fault));
	bench_use(seg.gpa);
	nyx_access_end(&acc);
}

static void run_access(void *ctx, unsigned long n)
{
	struct growth *g = ctx;

	while (n--)
		access_once(g->w, g->w->sbdf, page_va(pick(g)));
}

/* ---- entries of the cache ------------------------------------------------ */

/* Neighbours, but none that is too many for its set, in an order without pattern. */
static void choose_pages(struct growth *g)
{
	const struct iotlb *tlb = &g->w->unit.iotlb;
	u64 tag = iotlb_tag(&g->w->dom->space), n, j;
	u8 *used = kcalloc(tlb->nr_sets, 1, GFP_KERNEL);
	u64 va = WORLD_IOVA;

	for (n = 0; n < g->nr; va += NYX_PAGE_SIZE) {
		u64 set = iotlb_set(tlb, iotlb_key(va, IOTLB_4K), tag) - tlb->sets;

		if (used[set]++ < IOTLB_WAYS)
			g->page[n++] = va;
	}
	for (n = g->nr - 1; n; n--) {
		j = bench_random() % (n + 1);
		swap(g->page[n], g->page[j]);
	}
	kfree(used);
}

static void fill(struct growth *g)
{
	struct nyx_domain *dom = g->w->dom;
	struct iotlb_snap snap;
	u64 i;

	iotlb_begin(&dom->space, &snap);
	for (i = 0; i < g->nr; i++)
		iotlb_fill(&g->w->unit.iotlb, &dom->space, &snap, &(struct iotlb_page) {
				.va = g->page[i], .oa = PAGES(5 * i), .lg2 = NYX_PAGE_LG2,
				.perm = NYX_ACC_RW,
			});
}

/* A list of addresses is read in its order, so that it costs next to nothing. */
static void run_listed(void *ctx, unsigned long n)
{
	struct growth *g = ctx;

	while (n--)
		access_once(g->w, g->w->sbdf, g->page[g->x++ & (g->use - 1)]);
}

/* Half of the entries are in use. Nothing is mapped, so each access must hit. */
static void grow_cache(void)
{
	unsigned int lg2;

	for (lg2 = 6; lg2 <= 20; lg2 += 2) {
		struct growth g = { .w = world_new_sized(PT_VTDSS, false, 1u << lg2, 32) };
		struct bench_side side = { .ctx = &g, .run = run_listed };

		g.nr = 1ull << (lg2 - 1);
		g.page = kmalloc_array(g.nr, sizeof(*g.page), GFP_KERNEL);
		choose_pages(&g);
		fill(&g);
		g.use = g.nr;
		row("cache", 1ull << lg2, &side);
		g.use = min_t(u64, g.nr, 32);
		row("cache-hot", 1ull << lg2, &side);
		kfree(g.page);
	}
}

/* ---- mappings ------------------------------------------------------------- */

static void map_page(struct growth *g, u64 va, u64 gpa)
{
	bench_check(!nyx_domain_map(g->w->dom, va, va + NYX_PAGE_SIZE - 1, gpa, NYX_ACC_RW));
}

/* As commands do it: a page beside one that is mapped. */
static void run_pair(void *ctx, unsigned long n)
{
	struct growth *g = ctx;
	struct nyx_ticket ticket = NYX_TICKET(&g->w->unit);
	u64 va, bytes;

	while (n--) {
		va = page_va(pick(g)) + NYX_PAGE_SIZE;
		map_page(g, va, PAGES(1));
		bench_check(!nyx_domain_unmap(g->w->dom, va, va + NYX_PAGE_SIZE - 1, &bytes,
					      &ticket));
		bench_check(!nyx_inval_wait(&ticket));
	}
}

static void grow_mappings(void)
{
	static const u64 sizes[] = { 1000, 10000, 100000, 1000000, 10000000 };
	struct growth g = { .w = world_new(PT_VTDSS, false) };
	struct bench_side access = { .ctx = &g, .run = run_access };
	struct bench_side pair = { .ctx = &g, .run = run_pair };
	struct iotlb_set *sets = g.w->unit.iotlb.sets;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (; g.nr < sizes[i]; g.nr++)
			map_page(&g, page_va(g.nr), PAGES(5 * g.nr));

		g.use = min_t(u64, g.nr, HOT);
		row("hit", g.nr, &access);
		row("map-hot", g.nr, &pair);
		/* A unit without a cache walks each time. */
		g.w->unit.iotlb.sets = NULL;
		row("walk-hot", g.nr, &access);
		g.use = g.nr;
		row("walk", g.nr, &access);
		g.w->unit.iotlb.sets = sets;
		row("miss", g.nr, &access);
		row("map", g.nr, &pair);
	}
}

/* ---- ranges of memory ------------------------------------------------------ */

static void run_find(void *ctx, unsigned long n)
{
	struct growth *g = ctx;

	while (n--) {
		u32 hint = g->hint;

		bench_check(memslots_find(&g->map, PAGES(2 * pick(g)), &hint));
		bench_use(hint);
	}
}

/* A range comes between the others, and goes. */
static void run_change(void *ctx, unsigned long n)
{
	struct growth *g = ctx;
	u64 start = PAGES(g->nr | 1);

	while (n--) {
		bench_check(!memslots_insert(&g->map, start, start + NYX_PAGE_SIZE - 1,
					     (struct region *)g));
		bench_check(!IS_ERR(memslots_remove(&g->map, start,
						    start + NYX_PAGE_SIZE - 1)));
	}
}

static void grow_ranges(void)
{
	static const u64 sizes[] = { 1, 8, 64, 512, 4096, 32768 };
	struct growth g = {};
	struct bench_side find = { .ctx = &g, .run = run_find };
	struct bench_side change = { .ctx = &g, .run = run_change };
	unsigned int i;

	memslots_init(&g.map, U32_MAX);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (; g.nr < sizes[i]; g.nr++)
			bench_check(!memslots_insert(&g.map, PAGES(2 * g.nr),
						     PAGES(2 * g.nr + 1) - 1,
						     (struct region *)&g));
		g.use = g.nr;
		g.hint = U32_MAX;
		row("range", g.nr, &find);
		/* The first range each time, by its index, as an entry of the cache has it. */
		g.use = 1;
		g.hint = 0;
		row("range-hint", g.nr, &find);
		row("range-change", g.nr, &change);
	}
}

/* ---- threads ---------------------------------------------------------------- */

#define MAX_THREADS	64u
/* Long against a slice of a busy machine's scheduler, so that the threads do run together. */
#define BATCH_ACCESS	(1ul << 19)
#define BATCH_MAP	(1ul << 17)

struct team;

/**
 * struct worker - a thread
 * @team: its team
 * @nr: its number, and that of its CPU
 * @sbdf: its device
 * @dom: its domain
 * @ns: CPU time of its batch
 */
struct worker {
	struct team *team;
	unsigned int nr;
	u32 sbdf;
	struct nyx_domain *dom;
	u64 ns;
} ____cacheline_aligned;

/**
 * struct team - threads that do the same at the same time
 * @w: the world
 * @nr: how many threads
 * @n: operations of each
 * @work: an operation
 * @ready: threads that are ready; they wait for each other awake
 * @worker: the threads
 */
struct team {
	struct world *w;
	unsigned int nr;
	unsigned long n;
	void (*work)(struct worker *worker, unsigned long i);
	unsigned int ready;
	struct worker worker[MAX_THREADS];
};

static u64 worker_va(const struct worker *worker, unsigned long i)
{
	return WORLD_IOVA + ((u64)worker->nr << 30) + PAGES(2 * (i & 255));
}

static void work_access(struct worker *worker, unsigned long i)
{
	access_once(worker->team->w, worker->sbdf, worker_va(worker, i));
}

static void work_map(struct worker *worker, unsigned long i)
{
	struct nyx_ticket ticket = NYX_TICKET(&worker->team->w->unit);
	u64 va = worker_va(worker, i) + NYX_PAGE_SIZE, bytes;

	bench_check(!nyx_domain_map(worker->dom, va, va + NYX_PAGE_SIZE - 1, 0, NYX_ACC_RW));
	bench_check(!nyx_domain_unmap(worker->dom, va, va + NYX_PAGE_SIZE - 1, &bytes,
				      &ticket));
	bench_check(!nyx_inval_wait(&ticket));
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct team *team = worker->team;
	cpu_set_t set;
	unsigned long i;
	u64 start;

	CPU_ZERO(&set);
	CPU_SET(worker->nr, &set);
	bench_check(!pthread_setaffinity_np(pthread_self(), sizeof(set), &set));
	bench_cpu_offset = worker->nr * HOST_PERCPU_STRIDE;
	__atomic_fetch_add(&team->ready, 1, __ATOMIC_SEQ_CST);
	while (READ_ONCE(team->ready) < team->nr)
		cpu_relax();
	start = bench_clock();
	for (i = 0; i < team->n; i++)
		team->work(worker, i);
	worker->ns = bench_clock() - start;
	rcu_barrier();
	return NULL;
}

static void run_team(void *ctx, unsigned long n)
{
	pthread_t thread[MAX_THREADS];
	struct team *team = ctx;
	unsigned int i;

	team->n = n;
	WRITE_ONCE(team->ready, 0);
	for (i = 0; i < team->nr; i++)
		bench_check(!pthread_create(&thread[i], NULL, work, &team->worker[i]));
	for (i = 0; i < team->nr; i++)
		pthread_join(thread[i], NULL);
}

/* CPU time of an operation, of all threads alike. */
static u64 team_took(void *ctx)
{
	const struct team *team = ctx;
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < team->nr; i++)
		sum += team->worker[i].ns;
	return sum / team->nr;
}

enum share { OWN_DOMAIN, ONE_DOMAIN, ONE_DEVICE };

static struct team *team_new(enum share share, unsigned int nr)
{
	struct team *team = kzalloc(sizeof(*team), GFP_KERNEL);
	struct world *w = world_new_sized(PT_VTDSS, false, 1 << 16, 2 * MAX_THREADS);
	unsigned int i, page;

	team->w = w;
	team->nr = nr;
	for (i = 0; i < nr; i++) {
		struct worker *worker = &team->worker[i];

		worker->team = team;
		worker->nr = i;
		worker->dom = w->dom;
		worker->sbdf = share == ONE_DEVICE ? w->sbdf : 256 + i;
		if (share == OWN_DOMAIN) {
			worker->dom = world_add_device(w, worker->sbdf, &nyx_policy_default);
		} else if (share == ONE_DOMAIN) {
			bench_check(!nyx_device_add(&w->unit, worker->sbdf));
			bench_check(!nyx_device_attach(&w->unit, worker->sbdf, w->dom->id,
						       false));
		}
		for (page = 0; page < 256; page++) {
			u64 va = worker_va(worker, page);

			bench_check(!nyx_domain_map(worker->dom, va, va + NYX_PAGE_SIZE - 1,
						    PAGES(5 * page), NYX_ACC_RW));
			access_once(w, worker->sbdf, va);
		}
	}
	return team;
}

static void grow_threads(void)
{
	static const struct {
		const char *name;
		enum share share;
		void (*work)(struct worker *worker, unsigned long i);
		unsigned long most;
	} curve[] = {
		{ "threads-access-own", OWN_DOMAIN, work_access, BATCH_ACCESS },
		{ "threads-access-domain", ONE_DOMAIN, work_access, BATCH_ACCESS },
		{ "threads-access-device", ONE_DEVICE, work_access, BATCH_ACCESS },
		{ "threads-map-own", OWN_DOMAIN, work_map, BATCH_MAP },
		{ "threads-map-domain", ONE_DOMAIN, work_map, BATCH_MAP },
	};
	unsigned int cpus = min_t(unsigned int, sysconf(_SC_NPROCESSORS_ONLN), MAX_THREADS);
	unsigned int i, nr;

	bench_cpus = cpus;
	for (nr = 1; nr <= cpus; nr = nr < cpus ? min(2 * nr, cpus) : nr + 1) {
		for (i = 0; i < ARRAY_SIZE(curve); i++) {
			struct team *team = team_new(curve[i].share, nr);
			struct bench_side side = {
				.ctx = team, .run = run_team, .took = team_took,
				.most = curve[i].most,
			};

			team->work = curve[i].work;
			row(curve[i].name, nr, &side);
		}
	}
}

void bench_growth(void)
{
	grow_cache();
	grow_mappings();
	grow_ranges();
	grow_threads();
}
