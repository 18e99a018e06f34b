// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: copies through the translation. Rows D1, D4.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * nyx_dma_do() as NYX_DMA calls it: device, epoch, translation, memory map, region,
 * copy from or to the caller's memory, counters. The system call is not part of it. The
 * peer copies the same bytes. Guest memory is of huge pages.
 */
#include "user/bench.h"

#include "core/access/dma.h"
#include "core/space/memory.h"
#include "mem/dirty.h"

struct dma_bench {
	struct world *w;
	char *buf;
	u64 length;
	u64 iova;
	u32 op;
};

static void run_dma(void *ctx, unsigned long n)
{
	struct dma_bench *b = ctx;
	struct nyx_dma_req req = {
		.sbdf = b->w->sbdf,
		.pasid = NYX_PASID_NONE,
		.op = b->op,
		.iova = b->iova,
		.length = b->length,
		.buf = b->buf,
	};

	while (n--) {
		bench_check(!nyx_dma_do(&b->w->unit, &req));
		bench_check(req.done == b->length);
	}
}

/* The length is not known to the compiler, so this is a call. */
static void run_memcpy(void *ctx, unsigned long n)
{
	struct dma_bench *b = ctx;

	while (n--) {
		if (b->op == NYX_DMA_READ)
			memcpy(b->buf, b->w->memory, READ_ONCE(b->length));
		else
			memcpy(b->w->memory, b->buf, READ_ONCE(b->length));
		barrier();
	}
}

/* The same pages in the same order, by hand. */
static void run_memcpy_pages(void *ctx, unsigned long n)
{
	struct dma_bench *b = ctx;
	unsigned int i;

	while (n--) {
		for (i = 0; i < 256; i++)
			memcpy(b->buf + PAGES(i), b->w->memory + PAGES(i * 5 % 256),
			       NYX_PAGE_SIZE);
		barrier();
	}
}

void bench_dma(void)
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
	struct dma_bench b = { .w = world_new(PT_VTDSS, true) };
	struct bench_side ours = { .ctx = &b, .run = run_dma };
	struct bench_side peer = { .name = "memcpy", .ctx = &b, .run = run_memcpy };
	struct bench_side both[] = {
		{ .name = "memcpy", .ctx = &b, .run = run_memcpy, .share = 85 },
		{ .name = "memcpy of those pages", .ctx = &b, .run = run_memcpy_pages },
	};
	struct dirty_bitmap *gone = NULL;
	u64 scattered = WORLD_IOVA + (1ull << 30), offset;
	struct region *region;
	char variant[64];
	unsigned int i;

	b.buf = aligned_alloc(PAGE_SIZE, 1 << 20);
	memset(b.buf, 2, 1 << 20);
	/* One large page, and 256 small ones that are no neighbours. */
	bench_check(!nyx_domain_map(b.w->dom, WORLD_IOVA, WORLD_IOVA + (4ull << 20) - 1, 0,
				    NYX_ACC_RW));
	for (i = 0; i < 256; i++)
		bench_check(!nyx_domain_map(b.w->dom, scattered + PAGES(i),
					    scattered + PAGES(i + 1) - 1,
					    PAGES(i * 5 % 256), NYX_ACC_RW));

	for (i = 0; i < ARRAY_SIZE(size); i++) {
		b.length = size[i].length;
		b.iova = WORLD_IOVA;
		peer.share = size[i].share;
		b.op = NYX_DMA_READ;
		snprintf(variant, sizeof(variant), "nyx_dma_do read, %s, hot", size[i].name);
		bench_row("D1", variant, size[i].target, &ours, &peer, 1);
		b.op = NYX_DMA_WRITE;
		snprintf(variant, sizeof(variant), "nyx_dma_do write, %s, hot", size[i].name);
		bench_row("D1", variant, size[i].target, &ours, &peer, 1);
	}
	/* The same with dirty tracking: the pages are dirty already, as between two reads. */
	region = nyx_memory_find(&b.w->unit, 0, &offset);
	bench_check(!region_dirty_start(region));
	b.op = NYX_DMA_WRITE;
	for (i = 0; i < ARRAY_SIZE(size); i++) {
		b.length = size[i].length;
		snprintf(variant, sizeof(variant), "nyx_dma_do write, %s, hot, tracked",
			 size[i].name);
		bench_row("D1", variant, 0, &ours, &peer, 1);
	}
	bench_check(region_dirty_stop(region, &gone));
	region_dirty_free(gone);
	b.iova = scattered;
	b.length = 1 << 20;
	b.op = NYX_DMA_READ;
	bench_row("D4", "nyx_dma_do read, 1 MiB in 256 scattered 4K pages", 0, &ours, both, 2);
}
