// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: the table walk. Row T3.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Windows of 4 KiB pages, mapped one by one, of which no two neighbours are
 * contiguous, so that nothing coalesces. Again the output address of a page is
 * the address of the next one: page i leads to page a * i + c modulo the size,
 * which visits all of them in an order without pattern.
 */
#include "user/bench.h"

#define MUL	0x5851f42d4c957f2dull	/* 1 modulo 4: a full period */
#define ADD	0x14057b7ef767814full

/**
 * struct walk_bench - a table, ours or the peer's
 * @pt: ours
 * @peer: the peer's
 * @lg2: log2 of the number of pages
 * @va: where the dependent walks are; the next batch goes on from there
 * @x: the same for the independent ones
 */
struct walk_bench {
	struct pt pt;
	void *peer;
	unsigned int lg2;
	u64 va;
	u64 x;
};

static u64 step(const struct walk_bench *b, u64 i)
{
	return (i * MUL + ADD) & ((1ull << b->lg2) - 1);
}

static noinline bool walk_one(const struct pt *pt, u64 va, u64 *oa)
{
	struct pt_result res;

	pt_walk(pt, va, NYX_ACC_READ, &res);
	*oa = res.oa;
	return res.status == PT_OK;
}

#define DEFINE_LOOPS(name, expr)					\
static void name##_dep(void *ctx, unsigned long n)			\
{									\
	struct walk_bench *b = ctx;					\
	u64 va = b->va, oa = 0;						\
									\
	while (n--) {							\
		bench_check(expr);					\
		va = oa;						\
	}								\
	b->va = va;							\
}									\
static void name##_indep(void *ctx, unsigned long n)			\
{									\
	struct walk_bench *b = ctx;					\
	u64 x = b->x, va, oa = 0;					\
									\
	while (n--) {							\
		x = x * MUL + ADD;					\
		va = WORLD_IOVA + (x >> (64 - b->lg2) << NYX_PAGE_LG2);	\
		bench_check(expr);					\
		bench_use(oa);						\
	}								\
	b->x = x;							\
}

DEFINE_LOOPS(ours, walk_one(&b->pt, va, &oa))
DEFINE_LOOPS(amdv1, (oa = amdv1_walk(b->peer, va)))

/* The cost of the generator of addresses. */
static void empty_indep(void *ctx, unsigned long n)
{
	u64 x = 1;

	while (n--) {
		x = x * MUL + ADD;
		bench_use(WORLD_IOVA + (x >> 55 << NYX_PAGE_LG2));
	}
}

static struct walk_bench *ours_new(enum pt_format format, unsigned int lg2)
{
	struct pt_config cfg = { .format = format, .levels = 4 };
	struct walk_bench *b = kzalloc(sizeof(*b), GFP_KERNEL);
	struct pt_chain free = {};
	u64 i, va;

	b->lg2 = lg2;
	b->va = WORLD_IOVA;
	bench_check(!pt_init(&b->pt, &cfg));
	for (i = 0; i < 1ull << lg2; i++) {
		va = WORLD_IOVA + PAGES(i);
		bench_check(!pt_map(&b->pt, va, va + NYX_PAGE_SIZE - 1,
				    WORLD_IOVA + PAGES(step(b, i)), NYX_ACC_RW,
				    &free));
	}
	bench_check(!free.head);
	return b;
}

static void ours_free(struct walk_bench *b)
{
	pt_fini(&b->pt);
	kfree(b);
}

static struct walk_bench *peer_new(unsigned int lg2)
{
	struct walk_bench *b = kzalloc(sizeof(*b), GFP_KERNEL);
	u64 i;

	b->lg2 = lg2;
	b->va = WORLD_IOVA;
	b->peer = amdv1_new();
	if (!b->peer)
		return NULL;
	for (i = 0; i < 1ull << lg2; i++)
		bench_check(!amdv1_map(b->peer, WORLD_IOVA + PAGES(i),
				       WORLD_IOVA + PAGES(step(b, i)), 1));
	return b;
}

static void bench_window(const char *window, unsigned int lg2, u64 dep_ps,
			 unsigned int ratio)
{
	static const struct {
		enum pt_format format;
		const char *name;
	} format[] = {
		{ PT_VTDSS, "vtdss" },
		{ PT_AMDV1, "amdv1" },
	};
	struct walk_bench *b, *amdv1 = peer_new(lg2);
	struct bench_side ours = {}, peer = { .name = "Linux AMD v1", .ctx = amdv1 };
	char variant[96];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(format); i++) {
		b = ours_new(format[i].format, lg2);
		ours.ctx = b;
		ours.run = ours_dep;
		peer.run = amdv1_dep;
		peer.ratio = ratio;
		snprintf(variant, sizeof(variant), "pt_walk %s, %s, dependent",
			 format[i].name, window);
		bench_row("T3", variant, dep_ps, &ours, &peer, !!amdv1);
		ours.run = ours_indep;
		peer.run = amdv1_indep;
		peer.ratio = 0;
		snprintf(variant, sizeof(variant), "pt_walk %s, %s, independent",
			 format[i].name, window);
		bench_row("T3", variant, 0, &ours, &peer, !!amdv1);
		ours_free(b);
	}
	if (amdv1)
		amdv1_free(amdv1->peer);
}

void bench_walk(void)
{
	struct bench_side loop = { .run = empty_indep };

	bench_row("F5", "generator of the independent walks", 0, &loop, NULL, 0);
	bench_window("hot 2 MiB", 9, NS(9), 130);
	bench_window("1 GiB", 18, NS(25), 130);
	bench_window("random 64 GiB", 24, NS(200), 95);
}
