// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: the rows of the kernel module. T2, M1, M2, M9, D1 and floors.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * All of it is the module's own code, called as the ioctls call it. As in the
 * user-space program, mapped pages form a cycle, so that a dependent chain is
 * pointer chasing. A DMA copies from and to memory of the process that loads the module,
 * as NYX_DMA does; its peer copies as many bytes from or to the same memory.
 */
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include "bench.h"

#include "core/access/device.h"
#include "core/access/dma.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/map.h"
#include "core/access/translate.h"
#include "core/unit.h"
#include "peer/peer.h"

#define MAX_LIVE	WORLD_TLB
#define VHOST_LIVE	2048

struct rows {
	struct world *w;
	struct nyx_access acc;
	void *amdv1;
	void *vhost;
	unsigned long nr;	/* pages in @page */
	u64 page[MAX_LIVE];
	u64 vhost_page[VHOST_LIVE];
	/* D1 */
	char *buf;
	u64 length;
	u32 op;
	u64 iova;
};

/* ---- floors ----------------------------------------------------------------- */

static void run_mutex(void *ctx, unsigned long n)
{
	struct rows *r = ctx;

	while (n--) {
		mutex_lock(&r->w->dom->lock);
		mutex_unlock(&r->w->dom->lock);
	}
}

static void run_access(void *ctx, unsigned long n)
{
	struct rows *r = ctx;

	while (n--) {
		struct nyx_access acc;

		bench_check(!nyx_access_begin(r->w->unit, WORLD_SBDF, NYX_PASID_NONE, &acc));
		acc.tally.hits = 1;
		nyx_access_end(&acc);
	}
}

static void run_xa_load(void *ctx, unsigned long n)
{
	struct rows *r = ctx;

	rcu_read_lock();
	while (n--)
		bench_use(xa_load(&r->w->unit->devices, WORLD_SBDF));
	rcu_read_unlock();
}

static void run_page(void *ctx, unsigned long n)
{
	while (n--)
		__free_page(alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO));
}

static void floors(struct rows *r)
{
	static const struct {
		const char *id, *name;
		void (*run)(void *ctx, unsigned long n);
	} row[] = {
		{ "F1", "mutex_lock + mutex_unlock, uncontended", run_mutex },
		{ "F3", "nyx_access_begin + nyx_access_end", run_access },
		{ "F6", "xa_load of a device", run_xa_load },
		{ "F7", "alloc_page(ACCOUNT, ZERO) + __free_page", run_page },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(row); i++) {
		struct bench_side side = { .ctx = r, .run = row[i].run };

		bench_row(row[i].id, row[i].name, 0, &side, NULL, 0);
	}
}

/* ---- T2 ---------------------------------------------------------------------- */

static bool translate(struct nyx_access *acc, u64 va, u64 *oa)
{
	struct nyx_fault_info fault;
	struct nyx_segment seg;

	if (!nyx_translate(acc, va, 64, NYX_ACC_READ, &seg, &fault))
		return false;
	*oa = seg.gpa;
	return true;
}

static bool access(struct rows *r, u64 va, u64 *oa)
{
	struct nyx_access acc;
	bool ok;

	if (nyx_access_begin(r->w->unit, WORLD_SBDF, NYX_PASID_NONE, &acc))
		return false;
	ok = translate(&acc, va, oa);
	nyx_access_end(&acc);
	return ok;
}

#define DEFINE_LOOPS(name, pages, nr, expr)				\
static void name##_indep(void *ctx, unsigned long n)			\
{									\
	struct rows *r = ctx;						\
	unsigned long i, mask = (nr) - 1;				\
	u64 va, oa = 0;							\
									\
	for (i = 0; i < n; i++) {					\
		va = r->pages[i & mask];				\
		bench_check(expr);					\
		bench_use(oa);						\
	}								\
}									\
static void name##_dep(void *ctx, unsigned long n)			\
{									\
	struct rows *r = ctx;						\
	u64 va = r->pages[0], oa = 0;					\
									\
	while (n--) {							\
		bench_check(expr);					\
		va = oa;						\
	}								\
	bench_use(va);							\
}

DEFINE_LOOPS(translate, page, r->nr, translate(&r->acc, va, &oa))
DEFINE_LOOPS(access, page, r->nr, access(r, va, &oa))
DEFINE_LOOPS(vhost, vhost_page, VHOST_LIVE, ((oa = vhost_walk(r->vhost, va, 1)) != ~0ull))

/* Random pages of guest memory, no more of them in a set than it has ways. */
static int pick_pages(struct rows *r, unsigned long nr)
{
	const struct iotlb *tlb = &r->w->unit->iotlb;
	u8 *used = kcalloc(tlb->nr_sets, 1, GFP_KERNEL);
	u8 *taken = vzalloc(WORLD_MEMORY >> NYX_PAGE_LG2);
	unsigned long n = 0, tries = 0;

	while (used && taken && n < nr && tries++ < 10000000) {
		u64 page = bench_random() % (WORLD_MEMORY >> NYX_PAGE_LG2);
		u64 set = iotlb_set(tlb, iotlb_key(PAGES(page), IOTLB_4K),
				    iotlb_tag(&r->w->dom->space)) - tlb->sets;

		if (taken[page] || used[set] == IOTLB_WAYS)
			continue;
		taken[page] = 1;
		used[set]++;
		r->page[n++] = PAGES(page);
	}
	kfree(used);
	vfree(taken);
	r->nr = nr;
	return n == nr ? 0 : -ENOMEM;
}

static void map_cycle(struct rows *r)
{
	unsigned long i;

	for (i = 0; i < r->nr; i++)
		bench_check(!nyx_domain_map(r->w->dom, r->page[i],
					    r->page[i] + NYX_PAGE_SIZE - 1,
					    r->page[(i + 1) & (r->nr - 1)], NYX_ACC_RW));
}

/* As a command does it. */
static void unmap(struct world *w, u64 iova, u64 last, u64 *bytes)
{
	struct nyx_ticket ticket = NYX_TICKET(w->unit);

	bench_check(!nyx_domain_unmap(w->dom, iova, last, bytes, &ticket));
	bench_check(!nyx_inval_wait(&ticket));
}

static void unmap_cycle(struct rows *r)
{
	unsigned long i;
	u64 bytes;

	for (i = 0; i < r->nr; i++)
		unmap(r->w, r->page[i], r->page[i] + NYX_PAGE_SIZE - 1, &bytes);
}

static int vhost_fill(struct rows *r)
{
	unsigned long i;
	int ret = 0;

	r->vhost = vhost_new(VHOST_LIVE);
	if (!r->vhost)
		return -ENOMEM;
	/* Pages with gaps, in random order. */
	for (i = 0; i < VHOST_LIVE; i++)
		r->vhost_page[i] = PAGES(2 * i);
	for (i = VHOST_LIVE - 1; i; i--) {
		unsigned long j = bench_random() % (i + 1);

		swap(r->vhost_page[i], r->vhost_page[j]);
	}
	for (i = 0; i < VHOST_LIVE && !ret; i++)
		ret = vhost_add(r->vhost, r->vhost_page[i],
				r->vhost_page[i] + NYX_PAGE_SIZE - 1,
				r->vhost_page[(i + 1) & (VHOST_LIVE - 1)]);
	return ret;
}

static void row(struct rows *r, const char *what, unsigned long nr, const char *how,
		u64 target, void (*run)(void *, unsigned long),
		void (*peer_run)(void *, unsigned long))
{
	struct bench_side ours = { .ctx = r, .run = run };
	struct bench_side peer = {
		.name = "vhost_iotlb, 2048", .ctx = r, .run = peer_run, .ratio = 400,
	};
	char variant[96];

	snprintf(variant, sizeof(variant), "%s, %lu live, %s", what, nr, how);
	bench_row("T2", variant, target, &ours, &peer, 1);
}

static void hits(struct rows *r)
{
	static const struct {
		unsigned long nr;
		u64 indep, dep;
	} size[] = {
		{ 64, NS(4), NS(11) },
		{ 512, NS(5), NS(13) },
		{ 4096, NS(14), NS(20) },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(size); i++) {
		if (pick_pages(r, size[i].nr)) {
			bench_skip("T2", "U", "no memory");
			continue;
		}
		map_cycle(r);
		bench_check(!nyx_access_begin(r->w->unit, WORLD_SBDF, NYX_PASID_NONE, &r->acc));
		row(r, "nyx_translate (hit + memory map)", size[i].nr, "independent",
		    size[i].indep, translate_indep, vhost_indep);
		row(r, "nyx_translate (hit + memory map)", size[i].nr, "dependent",
		    size[i].dep, translate_dep, vhost_dep);
		nyx_access_end(&r->acc);
		row(r, "begin + translate + end", size[i].nr, "independent",
		    size[i].indep, access_indep, vhost_indep);
		row(r, "begin + translate + end", size[i].nr, "dependent",
		    size[i].dep, access_dep, vhost_dep);
		unmap_cycle(r);
	}
}

/* ---- M1, M2 ------------------------------------------------------------------ */

static void pair(struct rows *r, unsigned long n, u64 base, u64 pages, u64 mask)
{
	struct nyx_domain *dom = r->w->dom;
	u64 va, last, bytes;
	unsigned long i;

	for (i = 0; i < n; i++) {
		va = base + PAGES(i & mask);
		bench_check(!nyx_domain_check_range(dom, va, PAGES(pages), &last));
		bench_check(!nyx_domain_map(dom, va, last, PAGES(1), NYX_ACC_RW));
		bench_check(!nyx_domain_check_range(dom, va, PAGES(pages), &last));
		unmap(r->w, va, last, &bytes);
	}
}

static void run_pair_1(void *ctx, unsigned long n)
{
	pair(ctx, n, WORLD_IOVA, 1, 255);
}

static void run_pair_256(void *ctx, unsigned long n)
{
	pair(ctx, n, WORLD_IOVA, 256, 0);
}

static void run_pair_1_fresh(void *ctx, unsigned long n)
{
	pair(ctx, n, 2 * WORLD_IOVA, 1, 255);
}

static void run_pair_256_fresh(void *ctx, unsigned long n)
{
	pair(ctx, n, 2 * WORLD_IOVA, 256, 0);
}

static void run_amd_1(void *ctx, unsigned long n)
{
	struct rows *r = ctx;
	unsigned long i;

	for (i = 0; i < n; i++) {
		u64 va = WORLD_IOVA + PAGES(i & 255);

		bench_check(!amdv1_map(r->amdv1, va, PAGES(1), 1));
		bench_check(amdv1_unmap(r->amdv1, va, 1) == NYX_PAGE_SIZE);
	}
}

static void run_amd_256(void *ctx, unsigned long n)
{
	struct rows *r = ctx;

	while (n--) {
		bench_check(!amdv1_map(r->amdv1, WORLD_IOVA, PAGES(1), 256));
		bench_check(amdv1_unmap(r->amdv1, WORLD_IOVA, 256) == PAGES(256));
	}
}

static void maps(struct rows *r)
{
	struct bench_side peer = { .name = "Linux AMD v1, no lock, no flush", .ctx = r };
	struct bench_side ours = { .ctx = r };
	u64 keep = WORLD_IOVA + PAGES(511), bytes, oa;

	/* So that the tables stay, and the cache knows of small pages. */
	bench_check(!nyx_domain_map(r->w->dom, keep, keep + NYX_PAGE_SIZE - 1, 0, NYX_ACC_RW));
	bench_check(access(r, keep, &oa));

	ours.run = run_pair_256;
	peer.run = run_amd_256;
	peer.ratio = 1000;
	bench_row("M1", "nyx_domain_map + unmap + drain, 256 x 4K, tables exist", NS(330), &ours,
		  &peer, 1);
	ours.run = run_pair_256_fresh;
	bench_row("M1", "the same, 3 tables come and go", 0, &ours, &peer, 1);
	ours.run = run_pair_1;
	peer.run = run_amd_1;
	peer.ratio = 100;
	bench_row("M2", "nyx_domain_map + unmap + drain, 1 x 4K", NS(40), &ours, &peer, 1);
	ours.run = run_pair_1_fresh;
	bench_row("M2", "the same, 3 tables come and go", 0, &ours, &peer, 1);

	unmap(r->w, keep, keep + NYX_PAGE_SIZE - 1, &bytes);
}

/* ---- M9 ----------------------------------------------------------------------- */

static void prepare_cycle(void *ctx, unsigned long n)
{
	struct rows *r = ctx;
	unsigned long i;
	u64 oa;

	for (i = 0; i < r->nr; i++)
		bench_check(access(r, r->page[i], &oa));
}

static void run_inv_page(void *ctx, unsigned long n)
{
	struct rows *r = ctx;
	struct nyx_ticket ticket = NYX_TICKET(r->w->unit);
	unsigned long i;

	for (i = 0; i < n; i++)
		nyx_inval_range(r->w->dom, r->page[i], r->page[i] + NYX_PAGE_SIZE - 1,
				&ticket);
	bench_check(!nyx_inval_wait(&ticket));
}

static void run_inv_512(void *ctx, unsigned long n)
{
	struct rows *r = ctx;
	struct nyx_ticket ticket = NYX_TICKET(r->w->unit);

	while (n--)
		nyx_inval_range(r->w->dom, 0, PAGES(512) - 1, &ticket);
	bench_check(!nyx_inval_wait(&ticket));
}

static void run_inv_all(void *ctx, unsigned long n)
{
	struct rows *r = ctx;
	struct nyx_ticket ticket = NYX_TICKET(r->w->unit);

	while (n--)
		nyx_inval_range(r->w->dom, 0, ~0ull, &ticket);
	bench_check(!nyx_inval_wait(&ticket));
}

static void run_memset(void *ctx, unsigned long n)
{
	struct rows *r = ctx;

	while (n--) {
		memset(r->buf, 0, WORLD_TLB * sizeof(struct iotlb_entry));
		barrier();
	}
}

static void invalidations(struct rows *r)
{
	struct bench_side ours = { .ctx = r };
	struct bench_side peer = {
		.name = "memset of 128 KiB", .ctx = r, .run = run_memset,
	};

	if (pick_pages(r, 4096))
		return;
	map_cycle(r);
	ours.run = run_inv_page;
	ours.prepare = prepare_cycle;
	ours.most = 4096;
	bench_row("M9", "nyx_inval_range, 1 page, cached, 4096 live", NS(8), &ours, &peer, 1);
	ours.run = run_inv_512;
	ours.prepare = NULL;
	ours.most = 0;
	bench_row("M9", "nyx_inval_range, 512 pages, few cached", NS(2000), &ours, &peer, 1);
	ours.run = run_inv_all;
	bench_row("M9", "nyx_inval_range, all of the domain", NS(5), &ours, &peer, 1);
	unmap_cycle(r);
}

/* ---- D1 ----------------------------------------------------------------------- */

static void run_dma(void *ctx, unsigned long n)
{
	struct rows *r = ctx;
	struct nyx_dma_req req = {
		.sbdf = WORLD_SBDF,
		.pasid = NYX_PASID_NONE,
		.op = r->op,
		.iova = r->iova,
		.length = r->length,
		.buf = (void __user *)r->w->buf,
	};

	while (n--) {
		bench_check(!nyx_dma_do(r->w->unit, &req));
		bench_check(req.done == r->length);
	}
}

static void run_usercopy(void *ctx, unsigned long n)
{
	struct rows *r = ctx;
	void __user *user = (void __user *)r->w->buf;

	while (n--) {
		if (r->op == NYX_DMA_READ)
			bench_check(!copy_to_user(user, r->buf, READ_ONCE(r->length)));
		else
			bench_check(!copy_from_user(r->buf, user, READ_ONCE(r->length)));
	}
}

static void dma(struct rows *r)
{
	static const struct {
		u64 length;
		const char *name;
		u64 target;
		unsigned int share;
	} size[] = {
		{ 64, "64 B", NS(12), 0 },
		{ 4096, "4 KiB", 0, 80 },
		{ 65536, "64 KiB", 0, 95 },
		{ 1048576, "1 MiB", 0, 97 },
	};
	struct bench_side ours = { .ctx = r, .run = run_dma };
	struct bench_side peer = { .ctx = r, .run = run_usercopy };
	u64 scattered = WORLD_IOVA, bytes;
	char variant[64];
	unsigned int i;

	bench_check(!nyx_domain_map(r->w->dom, 0, (4ull << 20) - 1, 0, NYX_ACC_RW));
	for (i = 0; i < 256; i++)
		bench_check(!nyx_domain_map(r->w->dom, scattered + PAGES(i),
					    scattered + PAGES(i + 1) - 1,
					    PAGES(i * 5 % 256), NYX_ACC_RW));
	for (i = 0; i < ARRAY_SIZE(size); i++) {
		r->length = size[i].length;
		r->iova = 0;
		peer.share = size[i].share;
		r->op = NYX_DMA_READ;
		peer.name = "copy_to_user";
		snprintf(variant, sizeof(variant), "nyx_dma_do read, %s, hot", size[i].name);
		bench_row("D1", variant, size[i].target, &ours, &peer, 1);
		r->op = NYX_DMA_WRITE;
		peer.name = "copy_from_user";
		snprintf(variant, sizeof(variant), "nyx_dma_do write, %s, hot", size[i].name);
		bench_row("D1", variant, size[i].target, &ours, &peer, 1);
	}
	r->iova = scattered;
	r->op = NYX_DMA_READ;
	peer.name = "copy_to_user";
	peer.share = 85;
	bench_row("D4", "nyx_dma_do read, 1 MiB in 256 scattered 4K pages", 0, &ours, &peer, 1);
	unmap(r->w, 0, ~0ull, &bytes);
}

void bench_rows(struct world *w)
{
	struct rows *r = kvzalloc(sizeof(*r), GFP_KERNEL);

	if (!r)
		return bench_fail(__LINE__, "memory");
	r->w = w;
	r->amdv1 = amdv1_new();
	r->buf = vmalloc(WORLD_BUF);
	if (!r->amdv1 || !r->buf || vhost_fill(r)) {
		bench_fail(__LINE__, "memory");
	} else {
		memset(r->buf, 1, WORLD_BUF);
		floors(r);
		hits(r);
		maps(r);
		invalidations(r);
		dma(r);
	}
	if (r->vhost)
		vhost_delete(r->vhost);
	if (r->amdv1)
		amdv1_free(r->amdv1);
	vfree(r->buf);
	kvfree(r);
}
