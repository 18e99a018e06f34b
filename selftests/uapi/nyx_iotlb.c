// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: the translation cache must not show.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A hunt for stale translations with one thread: every page of guest memory
 * holds its own number, so that an access tells where it came out.
 * stress/nyx_stale.c does the same with several threads.
 */
#include "oracle.h"

#include <stdlib.h>
#include <sys/mman.h>

#define MEM_PAGES	2048u

/**
 * struct cache_case - a cache and a format
 * @name: name
 * @iotlb: entries
 * @format: of enum nyx_format
 * @flags: of the domain
 */
struct cache_case {
	const char *name;
	__u32 iotlb;
	__u32 format;
	__u32 flags;
};

static const struct cache_case cache_cases[] = {
	{ "off", ENV_IOTLB_OFF, NYX_FORMAT_VTDSS, 0 },
	{ "4", 4, NYX_FORMAT_VTDSS, 0 },
	{ "64", 64, NYX_FORMAT_VTDSS, 0 },
	{ "4096", 4096, NYX_FORMAT_VTDSS, 0 },
	{ "x86_64", 64, NYX_FORMAT_X86, 0 },
	{ "x86_4096", 4096, NYX_FORMAT_X86, 0 },
	{ "amdv1_4", 4, NYX_FORMAT_AMDV1, 0 },
	{ "amdv1_4096", 4096, NYX_FORMAT_AMDV1, 0 },
	{ "batched_4", 4, NYX_FORMAT_VTDSS, NYX_DOMAIN_F_BATCHED },
	{ "batched_4096", 4096, NYX_FORMAT_VTDSS, NYX_DOMAIN_F_BATCHED },
	{ "batched_amdv1_64", 64, NYX_FORMAT_AMDV1, NYX_DOMAIN_F_BATCHED },
	{ "batched_off", ENV_IOTLB_OFF, NYX_FORMAT_X86, NYX_DOMAIN_F_BATCHED },
};

/* A word in each page, at a place of its own: its number, plus one. */
static void tag_memory(struct env *e)
{
	for (__u64 i = 0; i < e->mem_size / SZ_4K; i++) {
		__u64 tag = i + 1;

		for (unsigned int at = 0; at < SZ_4K; at += 512)
			memcpy(e->mem + i * SZ_4K + at, &tag, sizeof(tag));
	}
}

static void cache_env(struct env *e, const struct cache_case *v)
{
	env_open(e, .iotlb = v->iotlb, .format = v->format, .domain_flags = v->flags,
		 .mem_size = MEM_PAGES * SZ_4K);
	tag_memory(e);
}

/* Reads the page at @iova: returns its GPA, or sets the reason of the fault. */
static __u64 look(const struct env *e, __u64 iova, __u32 *reason)
{
	struct nyx_dma c;
	__u64 tag = 0;

	test_cmd(cmd_dma_read(e->fd, &c, e->sbdf, iova, &tag, sizeof(tag)));
	*reason = c.out_fault.reason;
	if (*reason)
		return 0;
	ASSERT_EQ(sizeof(tag), c.out_done);
	return (tag - 1) * SZ_4K;
}

static void check_at(const struct env *e, __u64 iova, __u64 gpa)
{
	__u32 reason;
	__u64 seen;

	ktap_note("0x%llx must lead to 0x%llx", (unsigned long long)iova, (unsigned long long)gpa);
	seen = look(e, iova, &reason);
	ASSERT_EQ(NYX_FAULT_NONE, reason);
	ASSERT_EQ(gpa, seen);
}

static void check_gone(const struct env *e, __u64 iova)
{
	__u32 reason;

	ktap_note("0x%llx must not be mapped", (unsigned long long)iova);
	look(e, iova, &reason);
	ASSERT_TRUE(reason == NYX_FAULT_NOT_PRESENT || reason == NYX_FAULT_TABLE_NOT_PRESENT);
}

/* For batched domains: what an unmap does not do. */
static void sync_domain(const struct env *e, const struct cache_case *v)
{
	if (v->flags & NYX_DOMAIN_F_BATCHED)
		test_cmd(cmd_invalidate(e->fd, NYX_SCOPE_DOMAIN, e->domain, 0, 0, 0));
}

TEST_EACH(unmap_and_remap, cache_cases)
{
	struct env e;

	cache_env(&e, v);
	for (unsigned int i = 0; i < 300; i++) {
		__u64 iova = i % 7 * SZ_1G + i % 13 * SZ_4K;

		check_gone(&e, iova);	/* a fault is not cached */
		test_cmd(cmd_map(e.fd, e.domain, iova, i * SZ_4K, SZ_4K, RW));
		check_at(&e, iova, i * SZ_4K);
		check_at(&e, iova + 512, i * SZ_4K);
		test_cmd(cmd_unmap(e.fd, e.domain, iova, SZ_4K, NULL));
		sync_domain(&e, v);
		check_gone(&e, iova);
		test_cmd(cmd_map(e.fd, e.domain, iova, (i + 1) * SZ_4K, SZ_4K, RW));
		check_at(&e, iova, (i + 1) * SZ_4K);
		test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));
		sync_domain(&e, v);
	}
}

/* A page of 2 MiB that is cached, cut, and filled with something else. */
TEST_EACH(cut_large_page, cache_cases)
{
	struct env e;

	cache_env(&e, v);
	for (unsigned int i = 0; i < 64; i++) {
		__u64 hole = i * 8 * SZ_4K;

		test_cmd(cmd_map(e.fd, e.domain, SZ_1G, 0, SZ_2M, RW));
		/* Cached by several of its small pages. */
		check_at(&e, SZ_1G, 0);
		check_at(&e, SZ_1G + hole, hole);
		check_at(&e, SZ_1G + SZ_2M - SZ_4K, SZ_2M - SZ_4K);
		test_cmd(cmd_unmap(e.fd, e.domain, SZ_1G + hole, SZ_4K, NULL));
		sync_domain(&e, v);
		check_gone(&e, SZ_1G + hole);
		if (hole)
			check_at(&e, SZ_1G + hole - SZ_4K, hole - SZ_4K);
		check_at(&e, SZ_1G + hole + SZ_4K, hole + SZ_4K);
		test_cmd(cmd_map(e.fd, e.domain, SZ_1G + hole, SZ_2M + hole, SZ_4K, RW));
		check_at(&e, SZ_1G + hole, SZ_2M + hole);
		check_at(&e, SZ_1G + hole + SZ_4K, hole + SZ_4K);
		test_cmd(cmd_unmap(e.fd, e.domain, SZ_1G, SZ_2M, NULL));
		sync_domain(&e, v);
		check_gone(&e, SZ_1G);
		check_gone(&e, SZ_1G + hole);
	}
}

/* A page of 1 GiB, most of it beyond memory; and pages of odd sizes of AMDV1. */
TEST_EACH(cut_huge_page, cache_cases)
{
	struct env e;

	cache_env(&e, v);
	for (unsigned int lg2 = 13; lg2 <= 32; lg2++) {
		const __u64 size = 1ull << lg2, base = 16 * SZ_1G;
		const __u64 seen = size < MEM_PAGES * SZ_4K ? size : MEM_PAGES * SZ_4K;

		test_cmd(cmd_map(e.fd, e.domain, base, 0, size, RW));
		for (__u64 at = 0; at < seen; at += seen / 2)
			check_at(&e, base + at, at);
		check_at(&e, base + seen - SZ_4K, seen - SZ_4K);
		/* The last page goes, then the first, then one that was never looked at. */
		test_cmd(cmd_unmap(e.fd, e.domain, base + seen - SZ_4K, SZ_4K, NULL));
		sync_domain(&e, v);
		check_gone(&e, base + seen - SZ_4K);
		check_at(&e, base, 0);
		test_cmd(cmd_unmap(e.fd, e.domain, base, SZ_4K, NULL));
		sync_domain(&e, v);
		check_gone(&e, base);
		if (lg2 > 14)
			check_at(&e, base + SZ_4K, SZ_4K);
		test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));
		sync_domain(&e, v);
		for (__u64 at = 0; at < seen; at += seen / 2)
			check_gone(&e, base + at);
	}
}

/*
 * A part of a large page is cached, another part goes: an access that begins in
 * the one and reaches into the other ends exactly there, however large the page
 * was when it was cached.
 */
TEST_EACH(cross_into_hole, cache_cases)
{
	static unsigned char buf[64 * 1024];
	struct nyx_translate t;
	struct nyx_dma c;
	struct env e;

	cache_env(&e, v);
	for (unsigned int lg2 = 13; lg2 <= 32; lg2++) {
		const __u64 size = 1ull << lg2, base = 16 * SZ_1G;
		const __u64 seen = size < MEM_PAGES * SZ_4K ? size : MEM_PAGES * SZ_4K;

		for (unsigned int n = 1; n < 8 && n * SZ_4K < seen; n++) {
			const __u64 hole = n % 2 ? n * SZ_4K : seen - n * SZ_4K;

			ktap_note("page of 2^%u, hole at 0x%llx", lg2, (unsigned long long)hole);
			test_cmd(cmd_map(e.fd, e.domain, base, 0, size, RW));
			for (__u64 at = 0; at < seen; at += seen / 8 < SZ_4K ? SZ_4K : seen / 8)
				check_at(&e, base + at, at);
			check_at(&e, base + hole - SZ_4K, hole - SZ_4K);
			test_cmd(cmd_unmap(e.fd, e.domain, base + hole, SZ_4K, NULL));
			sync_domain(&e, v);
			test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, base + hole - 100, buf, 1000));
			ASSERT_EQ(100, c.out_done);
			ASSERT_EQ(base + hole, c.out_fault.iova);
			test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, base, seen));
			ASSERT_LE(t.out_done, hole);
			test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));
			sync_domain(&e, v);
		}
	}
}

/* Small pages that were cached, and the large one that they became. */
TEST_EACH(coalesced, cache_cases)
{
	struct env e;

	cache_env(&e, v);
	for (int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 512; i++) {
			test_cmd(cmd_map(e.fd, e.domain, SZ_1G + i * SZ_4K, i * SZ_4K, SZ_4K, RW));
			check_at(&e, SZ_1G + i * SZ_4K, i * SZ_4K);
		}
		for (unsigned int i = 0; i < 512; i += 5)
			check_at(&e, SZ_1G + i * SZ_4K, i * SZ_4K);
		for (unsigned int i = 0; i < 512; i += 3) {
			test_cmd(cmd_unmap(e.fd, e.domain, SZ_1G + i * SZ_4K, SZ_4K, NULL));
			sync_domain(&e, v);
			check_gone(&e, SZ_1G + i * SZ_4K);
			test_cmd(cmd_map(e.fd, e.domain, SZ_1G + i * SZ_4K, (600 + i) * SZ_4K,
					 SZ_4K, RW));
			check_at(&e, SZ_1G + i * SZ_4K, (600 + i) * SZ_4K);
		}
		for (unsigned int i = 0; i < 512; i++)
			check_at(&e, SZ_1G + i * SZ_4K, (i % 3 ? i : 600 + i) * SZ_4K);
		test_cmd(cmd_unmap(e.fd, e.domain, SZ_1G, SZ_2M, NULL));
		sync_domain(&e, v);
		for (unsigned int i = 0; i < 512; i++)
			check_gone(&e, SZ_1G + i * SZ_4K);
	}
}

/* A cached permission is not a later one. */
TEST_EACH(permission_changes, cache_cases)
{
	static const __u32 prots[] = { RW, NYX_PROT_READ, RW, NYX_PROT_READ };
	struct nyx_dma c;
	struct env e;
	__u64 word = 1;

	cache_env(&e, v);
	for (size_t i = 0; i < 100; i++) {
		__u32 prot = prots[i % ARRAY_SIZE(prots)];

		test_cmd(cmd_map(e.fd, e.domain, 0, SZ_64K, SZ_4K, prot));
		for (int j = 0; j < 2; j++) {
			test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, 16, &word, 8));
			ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
			test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, 16, &word, 8));
			ASSERT_EQ(prot == RW ? NYX_FAULT_NONE : NYX_FAULT_WRITE_DENIED,
				  c.out_fault.reason);
		}
		test_cmd(cmd_unmap(e.fd, e.domain, 0, SZ_4K, NULL));
		sync_domain(&e, v);
	}
}

/* ---- invalidations of a batched domain ---- */

static const struct scope_case {
	const char *name;
	__u32 scope;
	__u32 iotlb;
	__u64 before, behind;	/* NYX_SCOPE_RANGE: how far beyond what was unmapped */
} scope_cases[] = {
	{ "unit", NYX_SCOPE_UNIT, 0, 0, 0 },
	{ "domain", NYX_SCOPE_DOMAIN, 0, 0, 0 },
	{ "device", NYX_SCOPE_DEVICE, 0, 0, 0 },
	{ "range_exact", NYX_SCOPE_RANGE, 0, 0, 0 },
	{ "range_wide", NYX_SCOPE_RANGE, 0, SZ_1G, SZ_1G },
	{ "range_all", NYX_SCOPE_RANGE, 0, 4 * SZ_1G, (1ull << 48) - 5 * SZ_1G },
	{ "range_a_little", NYX_SCOPE_RANGE, 0, SZ_4K, SZ_4K },
	{ "range_exact_tiny_cache", NYX_SCOPE_RANGE, 4, 0, 0 },
	{ "domain_tiny_cache", NYX_SCOPE_DOMAIN, 4, 0, 0 },
};

TEST_EACH(invalidate, scope_cases)
{
	static const __u64 sizes[] = { SZ_4K, SZ_64K, SZ_2M, 2 * SZ_2M };
	const __u64 base = 4 * SZ_1G;
	struct env e;

	env_open(&e, .iotlb = v->iotlb, .domain_flags = NYX_DOMAIN_F_BATCHED,
		 .mem_size = MEM_PAGES * SZ_4K);
	tag_memory(&e);
	for (unsigned int i = 0; i < 80; i++) {
		const __u64 size = sizes[i % ARRAY_SIZE(sizes)];
		const __u64 old = i % 2 * 2 * SZ_2M, new = 2 * SZ_2M - old;
		__u64 seen;
		__u32 reason;

		ktap_note("step %u, 0x%llx bytes", i, (unsigned long long)size);
		test_cmd(cmd_map(e.fd, e.domain, base, old, size, RW));
		for (__u64 at = 0; at < size; at += SZ_64K)
			check_at(&e, base + at, old + at);
		test_cmd(cmd_unmap(e.fd, e.domain, base, size, NULL));
		/* Until the invalidation: the old page or none. */
		seen = look(&e, base, &reason);
		ASSERT_TRUE(reason || seen == old);
		if (i % 3 == 0) {
			/* Mapped again before it is invalidated: one of the two. */
			test_cmd(cmd_map(e.fd, e.domain, base, new, size, RW));
			seen = look(&e, base, &reason);
			ASSERT_TRUE(!reason && (seen == old || seen == new));
		}
		test_cmd(cmd_invalidate(e.fd, v->scope,
					v->scope == NYX_SCOPE_DOMAIN || v->scope == NYX_SCOPE_RANGE ?
					e.domain : 0,
					v->scope == NYX_SCOPE_DEVICE ? e.sbdf : 0,
					v->scope == NYX_SCOPE_RANGE ? base - v->before : 0,
					v->scope == NYX_SCOPE_RANGE ? size + v->before +
					(v->behind > SZ_1G ? v->behind - size : v->behind) : 0));
		for (__u64 at = 0; at < size; at += SZ_64K) {
			if (i % 3 == 0)
				check_at(&e, base + at, new + at);
			else
				check_gone(&e, base + at);
		}
		test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));
		test_cmd(cmd_invalidate(e.fd, NYX_SCOPE_UNIT, 0, 0, 0, 0));
	}
}

/* ---- address spaces apart from each other ---- */

/* An id and a device that come back know nothing of their former life. */
TEST_EACH(new_domain_with_old_id, cache_cases)
{
	struct env e;

	cache_env(&e, v);
	for (unsigned int i = 0; i < 100; i++) {
		struct nyx_domain_create d = { .domain_id = 1234, .format = v->format };

		test_cmd(cmd_domain_create(e.fd, &d));
		test_cmd(cmd_device_attach(e.fd, e.sbdf, 1234, NYX_ATTACH_F_REPLACE));
		check_gone(&e, SZ_64K);
		test_cmd(cmd_map(e.fd, 1234, SZ_64K, i * SZ_4K, SZ_4K, RW));
		check_at(&e, SZ_64K, i * SZ_4K);
		if (i % 2) {
			test_cmd(cmd_device_detach(e.fd, e.sbdf));
		} else {
			test_cmd(cmd_device_remove(e.fd, e.sbdf));
			test_cmd(cmd_device_add(e.fd, e.sbdf));
		}
		test_cmd(cmd_domain_destroy(e.fd, 1234));
	}
}

/* Many domains, the same addresses, a cache too small for all. */
TEST_EACH(domains_do_not_mix, cache_cases)
{
	enum { DOMAINS = 40, PAGES = 16 };
	struct rng r = rng_start(4);
	__u32 dom[DOMAINS];
	__u64 gpa[DOMAINS][PAGES];
	struct env e, dev;

	cache_env(&e, v);
	dev = e;
	for (unsigned int i = 0; i < DOMAINS; i++) {
		struct nyx_domain_create d = { .format = v->format };

		test_cmd(cmd_domain_create(e.fd, &d));
		dom[i] = d.out_domain_id;
		test_cmd(cmd_device_add(e.fd, 0x100 + i));
		test_cmd(cmd_device_attach(e.fd, 0x100 + i, dom[i], 0));
		for (unsigned int j = 0; j < PAGES; j++) {
			gpa[i][j] = (i * PAGES + j) * 2 * SZ_4K;
			test_cmd(cmd_map(e.fd, dom[i], SZ_1G + j * SZ_2M, gpa[i][j], SZ_4K, RW));
		}
	}
	for (unsigned long n = 0; n < ktap_iterations(3000); n++) {
		unsigned int i = rng_below(&r, DOMAINS), j = rng_below(&r, PAGES);
		__u64 iova = SZ_1G + j * SZ_2M;

		dev.sbdf = 0x100 + i;
		if (rng_below(&r, 8)) {
			check_at(&dev, iova, gpa[i][j]);
			continue;
		}
		test_cmd(cmd_unmap(e.fd, dom[i], iova, SZ_4K, NULL));
		check_gone(&dev, iova);
		gpa[i][j] ^= SZ_4K;
		test_cmd(cmd_map(e.fd, dom[i], iova, gpa[i][j], SZ_4K, RW));
	}
}

/* Nothing that is remembered of the memory map outlives a change of it. */
TEST_EACH(memory_moves, cache_cases)
{
	enum { RANGES = 64 };
	struct rng r = rng_start(5);
	bool there[RANGES];
	struct env e = { .fd = nyx_open(), .sbdf = ENV_SBDF };
	struct nyx_domain_create d = { .format = v->format, .flags = v->flags };
	struct nyx_unit_create u = {
		.iotlb_entries = v->iotlb == ENV_IOTLB_OFF ? 0 : v->iotlb,
	};

	test_cmd(cmd_unit_create(e.fd, &u));
	test_cmd(policy_only_report(e.fd));
	test_cmd(cmd_domain_create(e.fd, &d));
	test_cmd(cmd_device_add(e.fd, e.sbdf));
	test_cmd(cmd_device_attach(e.fd, e.sbdf, d.out_domain_id, 0));
	e.mem_size = RANGES * 4 * SZ_4K;
	e.mem = map_aligned(e.mem_size, SZ_4K, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1);
	tag_memory(&e);
	test_cmd(cmd_map(e.fd, d.out_domain_id, 0, 0, RANGES * SZ_1M, RW));
	for (unsigned int i = 0; i < RANGES; i++) {
		there[i] = true;
		test_cmd(cmd_memory_add(e.fd, 0, i * SZ_1M, 4 * SZ_4K, e.mem + i * 4 * SZ_4K));
	}
	for (unsigned long n = 0; n < ktap_iterations(3000); n++) {
		unsigned int i = rng_below(&r, RANGES);
		__u32 reason;
		__u64 seen;

		seen = look(&e, i * SZ_1M + 2 * SZ_4K, &reason);
		if (there[i]) {
			ASSERT_EQ(NYX_FAULT_NONE, reason);
			ASSERT_EQ((i * 4 + 2) * SZ_4K, seen);
		} else {
			ASSERT_EQ(NYX_FAULT_NO_MEMORY, reason);
		}
		if (rng_below(&r, 4))
			continue;
		if (there[i])
			test_cmd(cmd_memory_remove(e.fd, i * SZ_1M, 4 * SZ_4K));
		else
			test_cmd(cmd_memory_add(e.fd, 0, i * SZ_1M, 4 * SZ_4K,
						e.mem + i * 4 * SZ_4K));
		there[i] = !there[i];
	}
}

/* ---- random operations against the oracle, with data ---- */

TEST_EACH(random_ops, cache_cases)
{
	struct rng r = rng_start(6 + v->format);
	struct oracle o = {
		.no_write_only = v->format == NYX_FORMAT_X86,
		.batched = v->flags & NYX_DOMAIN_F_BATCHED,
	};
	const unsigned long steps = ktap_iterations(1500);
	struct env e;

	cache_env(&e, v);
	o.fd = e.fd;
	o.domain = e.domain;
	o.sbdf = e.sbdf;
	oracle_add_window(&o, 0, 4 * SZ_2M);
	oracle_add_window(&o, SZ_1G - 2 * SZ_2M, 4 * SZ_2M);
	for (unsigned long i = 0; i < steps; i++) {
		oracle_step(&o, &r, e.mem_size);
		for (int j = 0; j < 8; j++) {
			const struct oracle_window *w = &o.window[rng_below(&r, o.nr)];
			__u64 iova = w->base + rng_below(&r, w->nr) * SZ_4K;
			__u64 page = oracle_page(&o, iova), seen;
			__u32 reason;

			seen = look(&e, iova, &reason);
			ktap_note("step %lu, page 0x%llx", i, (unsigned long long)iova);
			if (!page) {
				ASSERT_TRUE(reason == NYX_FAULT_NOT_PRESENT ||
					    reason == NYX_FAULT_TABLE_NOT_PRESENT);
			} else if (!(page & NYX_PROT_READ)) {
				ASSERT_EQ(NYX_FAULT_READ_DENIED, reason);
			} else {
				ASSERT_EQ(NYX_FAULT_NONE, reason);
				ASSERT_EQ(page & ~(SZ_4K - 1), seen);
			}
		}
		if (i % 250 == 249)
			oracle_check_translate(&o);
	}
	oracle_free(&o);
}
