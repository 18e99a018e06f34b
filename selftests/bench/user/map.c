// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: map and unmap. Rows M1, M2.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * "Tables exist": the last page of each 2 MiB stays mapped, so that no table is
 * added or removed. AMD v1 keeps empty tables; ours go, and that has its price,
 * which the rows with "table comes and goes" show.
 */
#include "user/bench.h"

#define WINDOWS		64u	/* leaf tables */

struct map_bench {
	struct world *w;
	void *peer;
	struct pt pt;
	bool keep;
};

static u64 window_va(unsigned int i)
{
	return WORLD_IOVA + (u64)i * (2ull << 20);
}

/* ---- M1: 256 pages, the table alone ---------------------------------------- */

static void pt_map_256(void *ctx, unsigned long n)
{
	struct map_bench *b = ctx;
	struct pt_chain free = {};
	unsigned long i;

	for (i = 0; i < n; i++) {
		u64 va = window_va(i % WINDOWS);

		bench_check(!pt_map(&b->pt, va, va + PAGES(256) - 1, PAGES(1), NYX_ACC_RW,
				    &free));
	}
	pt_chain_free(&free);
}

static void pt_unmap_256(void *ctx, unsigned long n)
{
	struct map_bench *b = ctx;
	struct pt_chain free = {};
	unsigned long i;
	u64 bytes;

	for (i = 0; i < n; i++) {
		u64 va = window_va(i % WINDOWS);

		pt_unmap(&b->pt, va, va + PAGES(256) - 1, &free, &bytes);
		bench_check(bytes == PAGES(256));
	}
	pt_chain_free(&free);
}

static void pt_clear_windows(void *ctx, unsigned long n)
{
	struct map_bench *b = ctx;
	struct pt_chain free = {};
	unsigned long i;
	u64 bytes;

	for (i = 0; i < WINDOWS; i++)
		pt_unmap(&b->pt, window_va(i), window_va(i) + PAGES(256) - 1, &free, &bytes);
	pt_chain_free(&free);
}

static void pt_fill_windows(void *ctx, unsigned long n)
{
	pt_clear_windows(ctx, n);
	pt_map_256(ctx, WINDOWS);
}

static void pt_pair_256(void *ctx, unsigned long n)
{
	struct map_bench *b = ctx;
	struct pt_chain free = {};
	u64 va = window_va(0), bytes;

	while (n--) {
		bench_check(!pt_map(&b->pt, va, va + PAGES(256) - 1, PAGES(1), NYX_ACC_RW,
				    &free));
		pt_unmap(&b->pt, va, va + PAGES(256) - 1, &free, &bytes);
		pt_chain_free(&free);
	}
}

static void amd_map_256(void *ctx, unsigned long n)
{
	struct map_bench *b = ctx;
	unsigned long i;

	for (i = 0; i < n; i++)
		bench_check(!amdv1_map(b->peer, window_va(i % WINDOWS), PAGES(1), 256));
}

static void amd_unmap_256(void *ctx, unsigned long n)
{
	struct map_bench *b = ctx;
	unsigned long i;

	for (i = 0; i < n; i++)
		bench_check(amdv1_unmap(b->peer, window_va(i % WINDOWS), 256) == PAGES(256));
}

static void amd_clear_windows(void *ctx, unsigned long n)
{
	amd_unmap_256(ctx, WINDOWS);
}

static void amd_fill_windows(void *ctx, unsigned long n)
{
	amd_map_256(ctx, WINDOWS);
}

static void amd_pair_256(void *ctx, unsigned long n)
{
	struct map_bench *b = ctx;

	while (n--) {
		bench_check(!amdv1_map(b->peer, window_va(0), PAGES(1), 256));
		bench_check(amdv1_unmap(b->peer, window_va(0), 256) == PAGES(256));
	}
}

static void bench_256(enum pt_format format, const char *name)
{
	struct pt_config cfg = { .format = format, .levels = 4 };
	struct map_bench b = {}, amd = { .peer = amdv1_new() };
	struct bench_side ours = { .ctx = &b, .most = WINDOWS };
	struct bench_side peer = {
		.name = "Linux AMD v1", .ctx = &amd, .most = WINDOWS, .ratio = 1000,
	};
	struct pt_chain free = {};
	char variant[96];
	unsigned int i;

	bench_check(!pt_init(&b.pt, &cfg));
	for (i = 0; i < WINDOWS; i++) {
		u64 va = window_va(i) + PAGES(511);

		bench_check(!pt_map(&b.pt, va, va + NYX_PAGE_SIZE - 1, 0, NYX_ACC_RW, &free));
	}
	if (amd.peer)
		amd_map_256(&amd, WINDOWS);

	ours.run = pt_map_256;
	ours.prepare = pt_clear_windows;
	peer.run = amd_map_256;
	peer.prepare = amd_clear_windows;
	snprintf(variant, sizeof(variant), "pt_map %s, 256 x 4K, tables exist", name);
	bench_row("M1", variant, NS(180), &ours, &peer, !!amd.peer);

	/* Either side leaves the windows as the other one's preparation wants them. */
	pt_fill_windows(&b, 0);
	ours.run = pt_unmap_256;
	ours.prepare = pt_fill_windows;
	peer.run = amd_unmap_256;
	peer.prepare = amd_fill_windows;
	snprintf(variant, sizeof(variant), "pt_unmap %s, 256 x 4K, tables exist", name);
	bench_row("M1", variant, NS(150), &ours, &peer, !!amd.peer);

	pt_clear_windows(&b, 0);
	ours = (struct bench_side){ .ctx = &b, .run = pt_pair_256 };
	peer = (struct bench_side){ .name = peer.name, .ctx = &amd, .run = amd_pair_256, .ratio = 1000 };
	snprintf(variant, sizeof(variant), "pt_map + pt_unmap %s, 256 x 4K, one hot table", name);
	bench_row("M1", variant, NS(330), &ours, &peer, !!amd.peer);

	b.pt.root = 0;
	snprintf(variant, sizeof(variant), "pt_map + pt_unmap %s, 256 x 4K, 3 tables come and go", name);
	bench_row("M1", variant, 0, &ours, &peer, !!amd.peer);
}

/* ---- M2: one page, as a command does it ------------------------------------ */

static void domain_pair(struct map_bench *b, unsigned long n, bool drain)
{
	struct nyx_domain *dom = b->w->dom;
	struct nyx_ticket ticket = NYX_TICKET(&b->w->unit);
	u64 unmapped, last, va;
	unsigned long i;

	for (i = 0; i < n; i++) {
		va = WORLD_IOVA + PAGES(i & 255);
		bench_check(!nyx_domain_check_range(dom, va, NYX_PAGE_SIZE, &last));
		bench_check(!nyx_domain_map(dom, va, last, PAGES(1), NYX_ACC_RW));
		bench_check(!nyx_domain_check_range(dom, va, NYX_PAGE_SIZE, &last));
		bench_check(!nyx_domain_unmap(dom, va, last, &unmapped, &ticket));
		if (drain)
			bench_check(!nyx_inval_wait(&ticket));
	}
	bench_check(!nyx_inval_wait(&ticket));
}

static void run_domain_pair(void *ctx, unsigned long n)
{
	domain_pair(ctx, n, false);
}

static void run_domain_pair_drain(void *ctx, unsigned long n)
{
	domain_pair(ctx, n, true);
}

static void run_pt_pair(void *ctx, unsigned long n)
{
	struct map_bench *b = ctx;
	struct pt *pt = &b->w->dom->pt;
	struct pt_chain free = {};
	unsigned long i;
	u64 va, bytes;

	for (i = 0; i < n; i++) {
		va = WORLD_IOVA + PAGES(i & 255);
		bench_check(!pt_map(pt, va, va + NYX_PAGE_SIZE - 1, PAGES(1), NYX_ACC_RW,
				    &free));
		pt_unmap(pt, va, va + NYX_PAGE_SIZE - 1, &free, &bytes);
		pt_chain_free(&free);
	}
}

static void run_amd_pair(void *ctx, unsigned long n)
{
	struct map_bench *b = ctx;
	unsigned long i;
	u64 va;

	for (i = 0; i < n; i++) {
		va = WORLD_IOVA + PAGES(i & 255);
		bench_check(!amdv1_map(b->peer, va, PAGES(1), 1));
		bench_check(amdv1_unmap(b->peer, va, 1) == NYX_PAGE_SIZE);
	}
}

static void bench_one(void)
{
	struct map_bench b = { .w = world_new(PT_VTDSS, false) };
	struct map_bench sole = { .w = world_new(PT_VTDSS, false) };
	struct map_bench amd = { .peer = amdv1_new() };
	struct bench_side ours = { .ctx = &b };
	struct bench_side peer = {
		.name = "Linux AMD v1, no lock, no flush", .ctx = &amd, .run = run_amd_pair,
		.ratio = 100,
	};
	struct map_bench *each[] = { &b, &sole };
	const struct iotlb_page page = { .lg2 = NYX_PAGE_LG2, .perm = NYX_ACC_RW };
	struct iotlb_snap snap;
	unsigned int i;
	u64 va;

	for (i = 0; i < ARRAY_SIZE(each); i++) {
		struct nyx_domain *dom = each[i]->w->dom;

		/* The space has 4K pages in the cache, or nothing were to be done. */
		iotlb_begin(&dom->space, &snap);
		iotlb_fill(&each[i]->w->unit.iotlb, &dom->space, &snap, &page);
	}
	va = WORLD_IOVA + PAGES(511);
	bench_check(!nyx_domain_map(b.w->dom, va, va + NYX_PAGE_SIZE - 1, 0, NYX_ACC_RW));

	ours.run = run_pt_pair;
	bench_row("M2", "pt_map + pt_unmap, 1 x 4K", NS(40), &ours, &peer, !!amd.peer);
	ours.run = run_domain_pair;
	bench_row("M2", "check + lock + map, check + lock + unmap + invalidate, 1 x 4K", NS(40),
		  &ours, &peer, !!amd.peer);
	ours.run = run_domain_pair_drain;
	bench_row("M2", "the same + wait (2 possible CPUs)", NS(40), &ours, &peer,
		  !!amd.peer);
	ours.ctx = &sole;
	bench_row("M2", "the same, 3 tables come and go", 0, &ours, &peer, !!amd.peer);
}

void bench_map(void)
{
	bench_256(PT_VTDSS, "vtdss");
	bench_256(PT_AMDV1, "amdv1");
	bench_one();
}
