// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: the translation cache. Rows T2, T6, M9, M10.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Entries form a cycle: the output address of a page is the address of the next
 * one. So a dependent chain is pointer chasing, without anything in the loop but
 * the look-up; an independent one reads the same pages from an array, in the same order
 * each time, which a branch predictor learns. "At random" is without an order.
 */
#include "user/bench.h"

#include <nyx/view_reader.h>

#define MAX_LIVE	WORLD_TLB
#define QEMU_LIVE	1024u
#define VHOST_LIVE	2048u
#define DOMAINS		16u
#define BATCH		16u
#define TABLE_GPA	(1ull << 30)

/**
 * struct chain - pages in a cycle
 * @nr: how many, a power of two
 * @page: in the order of the cycle
 */
struct chain {
	unsigned long nr;
	u64 page[MAX_LIVE];
};

/**
 * struct view - a process that reads the unit's window
 * @device: serial and index of the device
 * @dom: a domain's words, if the domain is not the unit's
 * @table: a table of that, as the process has it; 4 pages
 * @slot: its slot
 * @reader: its reader
 */
struct view {
	u64 device;
	struct nyx_window_dom dom[2];
	u64 (*table)[512];
	struct nyx_view_slot slot ____cacheline_aligned;
	struct nyx_view_reader reader ____cacheline_aligned;
};

/* A bench of ours, or of a peer. */
struct tlb_bench {
	struct chain *chain;
	struct world *w;
	struct nyx_access acc;
	void *peer;
	struct view *view;
	u64 word[DOMAINS];
	struct iotlb_space space[DOMAINS];
	u64 at;
	u64 random;			/* state of the order without one */
};

static u64 chain_next(const struct chain *c, unsigned long i)
{
	return c->page[(i + 1) & (c->nr - 1)];
}

static void chain_random(struct chain *c, unsigned long nr, unsigned int lg2)
{
	unsigned long i, j;

	c->nr = nr;
	for (i = 0; i < nr; i++) {
		c->page[i] = WORLD_IOVA + ((bench_random() % (1u << 24)) << lg2);
		for (j = 0; j < i && c->page[j] != c->page[i]; j++)
			;
		if (j < i)
			i--;
	}
}

static void fill(struct tlb_bench *b, unsigned int lg2)
{
	struct iotlb_snap snap;
	unsigned long i;

	iotlb_begin(&b->w->dom->space, &snap);
	for (i = 0; i < b->chain->nr; i++)
		iotlb_fill(&b->w->unit.iotlb, &b->w->dom->space, &snap, &(struct iotlb_page) {
				.va = b->chain->page[i], .oa = chain_next(b->chain, i),
				.lg2 = lg2, .perm = NYX_ACC_RW,
			});
}

/* The steps of translate_paging() on a hit, alone. */
static noinline bool lookup(const struct world *w, u64 va, unsigned int perm,
			    u64 *oa)
{
	const struct nyx_domain *dom = w->dom;
	struct iotlb_hit hit;

	if (unlikely(dom->cfg.kind != NYX_DOMAIN_PAGING))
		return false;
	if (!likely(iotlb_lookup(&w->unit.iotlb, &dom->space, va, &hit) &&
		    !(perm & ~hit.perm)))
		return false;
	*oa = hit.oa;
	return true;
}

/* The range of memory that is looked at first, as a VMM's. */
static const __u64 *entry_at(void *arg, uint64_t gpa)
{
	struct view *v = arg;
	u64 offset = gpa - TABLE_GPA;

	return offset < 4 * NYX_PAGE_SIZE ? (const __u64 *)((char *)v->table + offset) : NULL;
}

/*
 * The loops, for some way to translate: @expr sets @oa from @va. The compiler
 * does not see that they are alike for all sides, but they are.
 */
#define DEFINE_LOOPS(name, setup, expr)					\
static void name##_indep(void *ctx, unsigned long n)			\
{									\
	struct tlb_bench *b = ctx;					\
	const u64 *page = b->chain->page;				\
	unsigned long i, mask = b->chain->nr - 1;			\
	u64 va, oa = 0;							\
									\
	setup;								\
	for (i = 0; i < n; i++) {					\
		va = page[i & mask];					\
		bench_check(expr);					\
		bench_use(oa);						\
	}								\
}									\
static void name##_random(void *ctx, unsigned long n)			\
{									\
	struct tlb_bench *b = ctx;					\
	const u64 *page = b->chain->page;				\
	u64 va, oa = 0, mask = b->chain->nr - 1, at = b->random;	\
									\
	setup;								\
	while (n--) {							\
		at = at * 0x5851f42d4c957f2dull + 1;			\
		va = page[at >> 33 & mask];				\
		bench_check(expr);					\
		bench_use(oa);						\
	}								\
	b->random = at;							\
}									\
static void name##_dep(void *ctx, unsigned long n)			\
{									\
	struct tlb_bench *b = ctx;					\
	u64 va = b->chain->page[0], oa = 0;				\
									\
	setup;								\
	while (n--) {							\
		bench_check(expr);					\
		va = oa;						\
	}								\
	bench_use(va);							\
}

DEFINE_LOOPS(lookup, struct world *w = b->w,
	     lookup(w, va, NYX_ACC_READ, &oa))
DEFINE_LOOPS(translate, struct nyx_segment seg; struct nyx_fault_info fault,
	     (nyx_translate(&b->acc, va, 64, NYX_ACC_READ, &seg, &fault) &&
	      ((oa = seg.gpa), seg.length == 64)))
DEFINE_LOOPS(access, struct nyx_segment seg; struct nyx_fault_info fault,
	     ({ struct nyx_access acc;
		bool ok;

		nyx_access_begin(&b->w->unit, b->w->sbdf, NYX_PASID_NONE, &acc);
		ok = nyx_translate(&acc, va, 64, NYX_ACC_READ, &seg, &fault);
		oa = seg.gpa;
		nyx_access_end(&acc);
		ok; }))
DEFINE_LOOPS(view, struct nyx_view_reader *reader = &b->view->reader,
	     ({ struct nyx_view_hit hit;
		u64 device = b->view->device;
		bool ok;

		nyx_reader_enter(reader, device);
		ok = nyx_reader_lookup(reader, device, va, 64, NYX_PROT_READ, &hit) ==
		     NYX_READER_HIT && hit.length == 64;
		oa = hit.gpa;
		ok & nyx_reader_leave(reader); }))
/* A ring's worth of addresses in one section: b->at counts. */
DEFINE_LOOPS(batch, struct nyx_view_reader *reader = &b->view->reader,
	     ({ struct nyx_view_hit hit;
		bool ok = true;

		if (!(b->at % BATCH))
			nyx_reader_enter(reader, b->view->device);
		ok &= nyx_reader_lookup(reader, b->view->device, va, 64, NYX_PROT_READ,
					&hit) == NYX_READER_HIT && hit.length == 64;
		oa = hit.gpa;
		if (!(++b->at % BATCH))
			ok &= nyx_reader_leave(reader);
		ok; }))
DEFINE_LOOPS(walk, struct nyx_view_reader *reader = &b->view->reader,
	     ({ struct nyx_view_hit hit;
		u64 device = b->view->device;
		bool ok;

		nyx_reader_enter(reader, device);
		ok = nyx_reader_lookup(reader, device, va, 64, NYX_PROT_READ, &hit) ==
		     NYX_READER_TABLE &&
		     nyx_reader_walk(reader, va, NYX_PROT_READ, entry_at, b->view, &hit) &&
		     hit.length == 64;
		oa = hit.gpa;
		ok & nyx_reader_leave(reader); }))
DEFINE_LOOPS(qemu, void *peer = b->peer, ((oa = qemu_walk(peer, va, false)) != ~0ull))
DEFINE_LOOPS(vhost, void *peer = b->peer, ((oa = vhost_walk(peer, va, 1)) != ~0ull))

/* The loops of a way to translate */
struct loops {
	void (*indep)(void *ctx, unsigned long n);
	void (*random)(void *ctx, unsigned long n);
	void (*dep)(void *ctx, unsigned long n);
};

#define LOOPS(name) (&(const struct loops){ name##_indep, name##_random, name##_dep })

static void row(struct tlb_bench *ours, const char *what, const char *id,
		const char *pages, u64 indep, u64 dep,
		const struct loops *loops,
		struct bench_side *peers_indep, struct bench_side *peers_random,
		struct bench_side *peers_dep, unsigned int nr)
{
	struct bench_side side = { .ctx = ours };
	char variant[128];

	side.run = loops->indep;
	snprintf(variant, sizeof(variant), "%s, %s, independent", what, pages);
	bench_row(id, variant, indep, &side, peers_indep, nr);
	side.run = loops->random;
	snprintf(variant, sizeof(variant), "%s, %s, at random", what, pages);
	bench_row(id, variant, 0, &side, peers_random, nr);
	side.run = loops->dep;
	snprintf(variant, sizeof(variant), "%s, %s, dependent", what, pages);
	bench_row(id, variant, dep, &side, peers_dep, nr);
}

static struct tlb_bench *peer_qemu(unsigned long nr, unsigned int lg2)
{
	struct tlb_bench *b = kzalloc(sizeof(*b), GFP_KERNEL);
	unsigned long i;

	b->peer = qemu_new();
	if (!b->peer)
		return NULL;
	b->chain = kzalloc(sizeof(*b->chain), GFP_KERNEL);
	chain_random(b->chain, nr, lg2);
	for (i = 0; i < nr; i++)
		qemu_insert(b->peer, 1, b->chain->page[i], chain_next(b->chain, i),
			    (lg2 - NYX_PAGE_LG2) / 9 + 1);
	return b;
}

static struct tlb_bench *peer_vhost(unsigned long nr)
{
	struct tlb_bench *b = kzalloc(sizeof(*b), GFP_KERNEL);
	unsigned long i;

	b->peer = vhost_new(nr);
	if (!b->peer)
		return NULL;
	b->chain = kzalloc(sizeof(*b->chain), GFP_KERNEL);
	chain_random(b->chain, nr, NYX_PAGE_LG2);
	for (i = 0; i < nr; i++)
		bench_check(!vhost_add(b->peer, b->chain->page[i],
				       b->chain->page[i] + NYX_PAGE_SIZE - 1,
				       chain_next(b->chain, i)));
	return b;
}

/* A page of the window: what is not mapped has its pages here and there. */
static const void *window_page(struct nyx_window *win, u32 offset)
{
	return xa_load(&win->pages, offset >> PAGE_SHIFT);
}

static struct view *view_new(struct world *w)
{
	struct nyx_window *win = &w->unit.window;
	const struct nyx_device *dev = xa_load(&w->unit.devices, w->sbdf);
	struct view *v = kzalloc(sizeof(*v), GFP_KERNEL);

	v->reader = (struct nyx_view_reader) {
		.head = win->head,
		.devs = window_page(win, win->head->dev_offset),
		.doms = window_page(win, win->head->dom_offset),
		.entries = (const struct nyx_window_entry *)w->unit.iotlb.sets,
		.set_shift = w->unit.iotlb.shift,
		.slot = &v->slot,
	};
	v->device = nyx_reader_device(&v->reader, dev->index, w->sbdf, NYX_PASID_NONE);
	bench_check(v->device);
	return v;
}

/* Pages that follow each other @run by @run, as a guest's buffers do */
static struct tlb_bench *ours_new_runs(unsigned long nr, unsigned int lg2, unsigned int run)
{
	struct tlb_bench *b = kzalloc(sizeof(*b), GFP_KERNEL);

	b->w = world_new(PT_VTDSS, false);
	b->chain = kzalloc(sizeof(*b->chain), GFP_KERNEL);
	b->chain->nr = nr;
	world_pick_pages(&b->w->unit.iotlb, iotlb_tag(&b->w->dom->space), lg2, run,
			 nr, b->chain->page);
	fill(b, lg2);
	b->view = view_new(b->w);
	bench_check(!nyx_access_begin(&b->w->unit, b->w->sbdf, NYX_PASID_NONE, &b->acc));
	return b;
}

static struct tlb_bench *ours_new(unsigned long nr, unsigned int lg2)
{
	return ours_new_runs(nr, lg2, 1);
}

/* A process whose guest has a table of 2 MiB in 4K pages, a cycle; nothing is cached. */
static struct tlb_bench *guest_new(void)
{
	struct tlb_bench *b = kzalloc(sizeof(*b), GFP_KERNEL);
	struct view *v = kzalloc(sizeof(*v), GFP_KERNEL);
	const u64 iova = WORLD_IOVA;
	unsigned int level, i;

	b->w = world_new(PT_VTDSS, false);
	b->view = v;
	b->chain = kzalloc(sizeof(*b->chain), GFP_KERNEL);
	b->chain->nr = 512;
	for (i = 0; i < 512; i++)
		b->chain->page[i] = iova + PAGES(i * 197 % 512);
	v->table = kzalloc(4 * NYX_PAGE_SIZE, GFP_KERNEL);
	for (level = 3; level; level--)
		v->table[3 - level][iova >> (12 + 9 * level) & 511] =
			(TABLE_GPA + PAGES(4 - level)) | 3;
	for (i = 0; i < 512; i++)
		v->table[3][b->chain->page[i] >> 12 & 511] = chain_next(b->chain, i) | 3;
	v->dom[1] = (struct nyx_window_dom) {
		.word = NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_TABLE | NYX_WINDOW_DOM_4K |
			NYX_WINDOW_DOM_MSI_WINDOW | ~0ull << NYX_WINDOW_DOM_TAG_SHIFT,
		.last = nyx_lg2_last(48), .root = TABLE_GPA, .page_sizes = NYX_PAGE_SIZE,
		.format = NYX_FORMAT_VTDSS, .levels = 4,
	};
	v->reader = view_new(b->w)->reader;
	v->reader.doms = v->dom;
	v->reader.slot = &v->slot;
	v->device = view_new(b->w)->device;
	/* Domain 1 is the one of the first device. */
	bench_check((v->reader.devs[(u32)v->device].word >> NYX_WINDOW_DEV_DOMAIN_SHIFT &
		     NYX_WINDOW_DEV_DOMAIN_MASK) == 1);
	return b;
}

static void bench_hits(void)
{
	static const struct {
		unsigned long nr;
		unsigned int run;
		const char *pages;
		u64 indep, dep;
	} size[] = {
		{ 64, 1, "64 live", NS(4), NS(11) },
		{ 512, 1, "512 live", NS(5), NS(13) },
		{ 4096, 1, "4096 live", NS(14), NS(20) },
		{ 4096, 256, "4096 live in runs of 256", NS(14), NS(20) },
	};
	struct tlb_bench *qemu = peer_qemu(QEMU_LIVE, NYX_PAGE_LG2);
	struct tlb_bench *vhost = peer_vhost(VHOST_LIVE);
	struct bench_side indep[] = {
		{ .name = "QEMU model, 1024", .run = qemu_indep, .ctx = qemu, .ratio = 300 },
		{ .name = "vhost_iotlb, 2048", .run = vhost_indep, .ctx = vhost, .ratio = 400 },
	};
	struct bench_side random[] = {
		{ .name = "QEMU model, 1024", .run = qemu_random, .ctx = qemu },
		{ .name = "vhost_iotlb, 2048", .run = vhost_random, .ctx = vhost },
	};
	struct bench_side dep[] = {
		{ .name = "QEMU model, 1024", .run = qemu_dep, .ctx = qemu, .ratio = 300 },
		{ .name = "vhost_iotlb, 2048", .run = vhost_dep, .ctx = vhost, .ratio = 400 },
	};
	unsigned int nr, i;

	bench_peers(indep, ARRAY_SIZE(indep));
	bench_peers(random, ARRAY_SIZE(random));
	nr = bench_peers(dep, ARRAY_SIZE(dep));
	for (i = 0; i < ARRAY_SIZE(size); i++) {
		struct tlb_bench *b = ours_new_runs(size[i].nr, NYX_PAGE_LG2, size[i].run);

		row(b, "cache hit + permission", "T2", size[i].pages, size[i].indep,
		    size[i].dep, LOOPS(lookup), indep, random, dep, nr);
		row(b, "nyx_translate (hit + memory map)", "T2", size[i].pages,
		    size[i].indep, size[i].dep, LOOPS(translate), indep, random, dep, nr);
		row(b, "begin + translate + end", "T2", size[i].pages,
		    size[i].indep, size[i].dep, LOOPS(access), indep, random, dep, nr);
		row(b, "view: begin + lookup + end", "T2", size[i].pages, size[i].indep,
		    size[i].dep, LOOPS(view), indep, random, dep, nr);
		row(b, "view: 16 lookups in a section, each", "T2", size[i].pages, size[i].indep,
		    size[i].dep, LOOPS(batch), indep, random, dep, nr);
	}
	row(guest_new(), "view: begin + walk of the guest's table + end", "T2", "hot 2 MiB", 0, 0,
	    LOOPS(walk), indep, random, dep, nr);
}

static void bench_large(void)
{
	struct tlb_bench *b = ours_new(512, 21), *mixed = ours_new(512, 21);
	struct tlb_bench *qemu = peer_qemu(512, 21);
	struct bench_side indep = {
		.name = "QEMU model, 512 of 2M", .run = qemu_indep, .ctx = qemu, .ratio = 400,
	};
	struct bench_side random = {
		.name = "QEMU model, 512 of 2M", .run = qemu_random, .ctx = qemu,
	};
	struct bench_side dep = {
		.name = "QEMU model, 512 of 2M", .run = qemu_dep, .ctx = qemu, .ratio = 400,
	};
	unsigned int nr;

	bench_peers(&indep, 1);
	bench_peers(&random, 1);
	nr = bench_peers(&dep, 1);
	row(b, "cache hit + permission, 2M pages only", "T6", "512 live", NS(5),
	    NS(13), LOOPS(lookup), &indep, &random, &dep, nr);
	/* As if the space had pages of all three sizes. */
	*mixed->w->dom->space.word |= IOTLB_CLASSES;
	row(mixed, "cache hit + permission, 2M pages among all sizes", "T6", "512 live",
	    NS(5.5), NS(14.3), LOOPS(lookup), &indep, &random, &dep, nr);
}

/* ---- invalidation --------------------------------------------------------- */

static void refill(void *ctx, unsigned long n)
{
	fill(ctx, NYX_PAGE_LG2);
}

static void run_inv_page(void *ctx, unsigned long n)
{
	struct tlb_bench *b = ctx;
	unsigned long i;

	for (i = 0; i < n; i++) {
		u64 va = b->chain->page[i & (b->chain->nr - 1)];

		iotlb_invalidate(&b->w->unit.iotlb, &b->w->dom->space, va,
				 va + NYX_PAGE_SIZE - 1);
	}
}

static void run_inv_absent(void *ctx, unsigned long n)
{
	struct tlb_bench *b = ctx;
	u64 va = 0;

	while (n--) {
		iotlb_invalidate(&b->w->unit.iotlb, &b->w->dom->space, va,
				 va + NYX_PAGE_SIZE - 1);
		va += NYX_PAGE_SIZE;
	}
}

/* The chain's pages are neighbours here. */
static void run_inv_512(void *ctx, unsigned long n)
{
	struct tlb_bench *b = ctx;
	unsigned long i;

	for (i = 0; i < n; i++) {
		u64 va = WORLD_IOVA + PAGES(512 * (i & 3));

		iotlb_invalidate(&b->w->unit.iotlb, &b->w->dom->space, va,
				 va + PAGES(512) - 1);
	}
}

static void run_flush(void *ctx, unsigned long n)
{
	struct tlb_bench *b = ctx;

	while (n--)
		iotlb_flush(&b->w->unit.iotlb, &b->w->dom->space);
}

static void run_flush_all(void *ctx, unsigned long n)
{
	struct tlb_bench *b = ctx;
	unsigned int i;

	while (n--) {
		for (i = 0; i < DOMAINS; i++)
			iotlb_flush(&b->w->unit.iotlb, &b->space[i]);
	}
}

static void run_memset(void *ctx, unsigned long n)
{
	struct tlb_bench *b = ctx;

	while (n--) {
		memset(b->w->unit.iotlb.sets, 0,
		       b->w->unit.iotlb.nr_sets * sizeof(struct iotlb_set));
		barrier();
	}
}

static void run_qemu_page(void *ctx, unsigned long n)
{
	struct tlb_bench *b = ctx;

	while (n--)
		qemu_flush_pages(b->peer, 1, 0x1000, NYX_PAGE_LG2);
}

static void run_qemu_512(void *ctx, unsigned long n)
{
	struct tlb_bench *b = ctx;

	while (n--)
		qemu_flush_pages(b->peer, 1, 0, 21);
}

static void run_qemu_domain(void *ctx, unsigned long n)
{
	struct tlb_bench *b = ctx;

	while (n--)
		qemu_flush_domain(b->peer, 2);
}

static void prepare_qemu(void *ctx, unsigned long n)
{
	struct tlb_bench *b = ctx;
	unsigned long i;

	for (i = 0; i < b->chain->nr; i++)
		qemu_insert(b->peer, 1, b->chain->page[i], 0, 1);
}

static void run_qemu_all(void *ctx, unsigned long n)
{
	struct tlb_bench *b = ctx;

	qemu_flush_all(b->peer);
}

static void bench_invalidate(void)
{
	struct tlb_bench *b = ours_new(4096, NYX_PAGE_LG2);
	struct tlb_bench *range = ours_new(2048, NYX_PAGE_LG2);
	struct tlb_bench *victim = ours_new(64, NYX_PAGE_LG2);
	struct tlb_bench *qemu = peer_qemu(QEMU_LIVE, NYX_PAGE_LG2);
	struct bench_side scan = { .name = "QEMU model, scan of 1024", .ctx = qemu, .ratio = 10000 };
	struct bench_side clear = { .name = "memset of the cache, 128 KiB", .ctx = victim, .run = run_memset };
	struct bench_side ours = { .ctx = b };
	struct bench_side peers[2];
	unsigned int nr, i;

	for (i = 0; i < range->chain->nr; i++)
		range->chain->page[i] = WORLD_IOVA + PAGES(i);
	for (i = 0; i < DOMAINS; i++)
		iotlb_space_init(&b->w->unit.iotlb, &b->space[i], &b->word[i]);

	scan.run = run_qemu_page;
	peers[0] = scan;
	peers[1] = clear;
	nr = bench_peers(peers, 2);
	ours.run = run_inv_page;
	ours.prepare = refill;
	ours.most = 4096;
	bench_row("M9", "1 page, cached, 4096 live", NS(8), &ours, peers, nr);
	ours.run = run_inv_absent;
	ours.prepare = NULL;
	ours.most = 0;
	refill(b, 0);
	bench_row("M9", "1 page, not cached, 4096 live", NS(8), &ours, peers, nr);

	scan.run = run_qemu_512;
	scan.ratio = 0;
	peers[0] = scan;
	peers[1] = clear;
	nr = bench_peers(peers, 2);
	ours.run = run_inv_512;
	ours.prepare = refill;
	ours.most = 4;
	ours.ctx = range;
	bench_row("M9", "512 pages, all cached", NS(2000), &ours, peers, nr);

	scan.run = run_qemu_domain;
	scan.ratio = 10000;
	peers[0] = scan;
	peers[1] = clear;
	nr = bench_peers(peers, 2);
	ours.run = run_flush;
	ours.prepare = NULL;
	ours.most = 0;
	ours.ctx = b;
	bench_row("M9", "domain, 4096 live", NS(5), &ours, peers, nr);

	ours.run = run_flush_all;
	scan.name = "QEMU model, 1024 removed";
	scan.run = run_qemu_all;
	scan.prepare = prepare_qemu;
	scan.most = 1;
	scan.ratio = 0;
	peers[0] = scan;
	peers[1] = clear;
	nr = bench_peers(peers, 2);
	bench_row("M9", "all, 16 domains one by one", NS(5), &ours, peers, nr);
}

/* ---- refill --------------------------------------------------------------- */

struct rewarm {
	struct world *w;
};

static void prepare_rewarm(void *ctx, unsigned long n)
{
	struct rewarm *r = ctx;

	iotlb_flush(&r->w->unit.iotlb, &r->w->dom->space);
}

static void run_rewarm(void *ctx, unsigned long n)
{
	struct rewarm *r = ctx;
	struct nyx_access acc;
	struct nyx_fault_info fault;
	struct nyx_segment seg;
	unsigned long i;

	nyx_access_begin(&r->w->unit, r->w->sbdf, NYX_PASID_NONE, &acc);
	for (i = 0; i < n; i++)
		bench_check(nyx_translate(&acc, WORLD_IOVA + PAGES(i * 5 % 512), 64,
					  NYX_ACC_READ, &seg, &fault));
	nyx_access_end(&acc);
}

static void bench_rewarm(void)
{
	struct rewarm r = { .w = world_new(PT_VTDSS, false) };
	struct bench_side ours = {
		.ctx = &r, .run = run_rewarm, .prepare = prepare_rewarm, .most = 512,
	};
	unsigned int i;

	for (i = 0; i < 512; i++)
		bench_check(!nyx_domain_map(r.w->dom, WORLD_IOVA + PAGES(i),
					    WORLD_IOVA + PAGES(i + 1) - 1,
					    PAGES(i * 7 % 512), NYX_ACC_RW));
	bench_row("M10", "miss: walk + fill, hot 2 MiB, each of 512 pages", NS(9),
		  &ours, NULL, 0);
}

void bench_tlb(void)
{
	bench_hits();
	bench_large();
	bench_invalidate();
	bench_rewarm();
}
