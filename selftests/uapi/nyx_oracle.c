// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: domains with NYX_DOMAIN_F_ORACLE: random operations, all that
 * translates is compared by the module, with its own ranges, and by this program,
 * with its own arrays. That a difference is found is for the KUnit suite
 * nyx_oracle to show.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "oracle.h"

#include <stdlib.h>

#define GPAS	(16 * SZ_1G)

static const struct shape {
	const char *name;
	__u32 format;
	__u32 width;
	__u64 end;	/* of what may be mapped */
	__u32 flags;
	__u32 iotlb;
	__u64 page_sizes;
} shapes[] = {
	{ "vtdss_39", NYX_FORMAT_VTDSS, 39, 1ull << 39, 0, ENV_IOTLB_OFF, 0 },
	{ "vtdss_48", NYX_FORMAT_VTDSS, 48, 1ull << 48, 0, ENV_IOTLB_OFF, 0 },
	{ "vtdss_57", NYX_FORMAT_VTDSS, 57, 1ull << 57, 0, ENV_IOTLB_OFF, 0 },
	{ "vtdss_4k", NYX_FORMAT_VTDSS, 48, 1ull << 48, 0, ENV_IOTLB_OFF, SZ_4K },
	{ "x86_48", NYX_FORMAT_X86, 48, 1ull << 47, 0, ENV_IOTLB_OFF, 0 },
	{ "x86_57", NYX_FORMAT_X86, 57, 1ull << 56, 0, ENV_IOTLB_OFF, 0 },
	{ "amdv1_48", NYX_FORMAT_AMDV1, 48, 1ull << 48, 0, ENV_IOTLB_OFF, 0 },
	{ "amdv1_64", NYX_FORMAT_AMDV1, 64, 0, 0, ENV_IOTLB_OFF, 0 },
	{ "vtdss_cached", NYX_FORMAT_VTDSS, 48, 1ull << 48, 0, 0, 0 },
	{ "amdv1_batched", NYX_FORMAT_AMDV1, 48, 1ull << 48, NYX_DOMAIN_F_BATCHED, 0, 0 },
};

/* Modules that are installed are built without. */
static void need_oracle(void)
{
	struct nyx_domain_create c = { .flags = NYX_DOMAIN_F_ORACLE };
	struct env e;

	env_open(&e);
	if (cmd_domain_create(e.fd, &c) == -EOPNOTSUPP)
		SKIP("the module is built without CONFIG_NYX_ORACLE");
	close(e.fd);
}

static void shape_env(struct env *e, const struct shape *v)
{
	need_oracle();
	env_open(e, .memory = MEM_RESERVED, .mem_size = GPAS, .unit_width = 64,
		 .format = v->format, .width = v->width, .page_sizes = v->page_sizes,
		 .iotlb = v->iotlb, .domain_flags = v->flags | NYX_DOMAIN_F_ORACLE);
}

static __u64 domain_stat(const struct env *e, enum nyx_stat stat)
{
	__u64 values[NYX_STAT_MAX];

	test_cmd(cmd_stats(e->fd, NYX_SCOPE_DOMAIN, e->domain, values));
	return values[stat];
}

static void no_mismatch(const struct env *e)
{
	ASSERT_EQ(0, domain_stat(e, NYX_STAT_ORACLE_MISMATCHES));
	ASSERT_EQ(0, unit_stat(e->fd, NYX_STAT_ORACLE_MISMATCHES));
}

TEST_EACH(random_operations, shapes)
{
	struct rng r = rng_start(1);
	struct oracle o = {
		.no_write_only = v->format == NYX_FORMAT_X86,
		.batched = v->flags & NYX_DOMAIN_F_BATCHED,
	};
	unsigned long rounds = ktap_iterations(600);
	struct env e;

	shape_env(&e, v);
	o.fd = e.fd;
	o.domain = e.domain;
	o.sbdf = e.sbdf;
	oracle_add_window(&o, 0, 4 * SZ_2M);
	oracle_add_window(&o, SZ_1G - 2 * SZ_2M, 4 * SZ_2M);
	oracle_add_window(&o, v->end - 4 * SZ_2M, 4 * SZ_2M);
	for (unsigned long i = 0; i < rounds; i++) {
		oracle_step(&o, &r, GPAS);
		for (int j = 0; j < 4; j++) {
			const struct oracle_window *w = &o.window[rng_below(&r, o.nr)];
			__u64 at = rng_below(&r, w->nr) * SZ_4K;
			__u64 length = 1 + rng_below(&r, w->nr * SZ_4K - at);

			oracle_check_access(&o, w->base + at, length, 1 + rng_below(&r, 3));
		}
		if (i % 100 == 99) {
			oracle_check_translate(&o);
			oracle_check_list(&o);
		}
		no_mismatch(&e);
	}
	oracle_unmap_all(&o);
	oracle_check_translate(&o);
	no_mismatch(&e);
	/* It was worth it: without a cache nothing has escaped. */
	ASSERT_GT(domain_stat(&e, NYX_STAT_ORACLE_CHECKS), 0);
	if (v->iotlb == ENV_IOTLB_OFF)
		ASSERT_EQ(domain_stat(&e, NYX_STAT_WALKS),
			  domain_stat(&e, NYX_STAT_ORACLE_CHECKS));
	oracle_free(&o);
}

/* Pages of 1 GiB, 512 GiB and more, and what is left when they are cut. */
TEST_EACH(huge_pages, shapes)
{
	struct nyx_translate t;
	struct env e;
	__u64 end = v->end ? v->end : 1ull << 51;

	/* With small pages a terabyte is a lot of them. */
	if (v->page_sizes)
		NOT_HERE("small pages");
	shape_env(&e, v);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, end / 2 < 1ull << 50 ? end / 2 : 1ull << 50, RW));
	for (int i = 0; i < 40; i++) {
		__u64 iova = (1ull << (12 + i % 26)) - SZ_4K;

		cmd_unmap(e.fd, e.domain, iova, SZ_4K, NULL);
		for (int j = -1; j < 2; j++) {
			if (!iova && j < 0)
				continue;
			test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, iova + j * SZ_4K, 1));
			ASSERT_NE(NYX_FAULT_ORACLE, t.out_fault.reason);
		}
		/* And whole again. */
		if (i % 3 == 0)
			test_cmd(cmd_map(e.fd, e.domain, iova, iova, SZ_4K, RW));
		no_mismatch(&e);
	}
	ASSERT_GT(domain_stat(&e, NYX_STAT_ORACLE_CHECKS), 40);
}

/* Data goes the same way. */
TEST(dma)
{
	unsigned char out[3 * SZ_4K], in[3 * SZ_4K];
	struct env e;

	need_oracle();
	env_open(&e, .domain_flags = NYX_DOMAIN_F_ORACLE, .iotlb = ENV_IOTLB_OFF);
	for (int i = 0; i < 3; i++)
		test_cmd(cmd_map(e.fd, e.domain, SZ_1G + i * SZ_4K, (8 - 2 * i) * SZ_4K, SZ_4K,
				 RW));
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = i * 7 + i / SZ_4K;
	dma_write(e.fd, e.sbdf, SZ_1G, out, sizeof(out));
	dma_read(e.fd, e.sbdf, SZ_1G, in, sizeof(in));
	ASSERT_EQ(0, memcmp(in, out, sizeof(in)));
	ASSERT_EQ(0, memcmp(e.mem + 8 * SZ_4K, out, SZ_4K));
	ASSERT_EQ(6, domain_stat(&e, NYX_STAT_ORACLE_CHECKS));
	no_mismatch(&e);
}

/* Only what has a table; the flag is told. */
TEST(properties)
{
	struct nyx_domain_create c = { .flags = NYX_DOMAIN_F_ORACLE };
	struct nyx_domain_info info;
	struct env e;

	need_oracle();
	env_open(&e);
	for (__u32 kind = NYX_DOMAIN_IDENTITY; kind <= NYX_DOMAIN_BLOCKED; kind++) {
		c.kind = kind;
		test_err(EINVAL, cmd_domain_create(e.fd, &c));
	}
	c.kind = NYX_DOMAIN_PAGING;
	test_cmd(cmd_domain_create(e.fd, &c));
	domain_info(e.fd, c.out_domain_id, &info);
	ASSERT_EQ(NYX_DOMAIN_F_ORACLE, info.flags);
	/* Other domains know nothing of it. */
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_4K, RW));
	dma_write(e.fd, e.sbdf, 0, "x", 1);
	ASSERT_EQ(0, unit_stat(e.fd, NYX_STAT_ORACLE_CHECKS));
	test_cmd(cmd_domain_destroy(e.fd, c.out_domain_id));
}

/**
 * struct beside - a thread that maps and unmaps
 * @e: the unit
 * @r: random numbers
 * @stop: end
 */
struct beside {
	struct env *e;
	struct rng r;
	bool stop;
};

static void *map_and_unmap(void *arg)
{
	struct beside *b = arg;
	struct env *e = b->e;
	__u64 size;

	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED)) {
		size = (2 + rng_below(&b->r, 600)) * SZ_4K;
		test_cmd(cmd_map(e->fd, e->domain, SZ_2M, SZ_2M * rng_below(&b->r, 4), size, RW));
		test_cmd(cmd_unmap(e->fd, e->domain, SZ_2M + size / 2 / SZ_4K * SZ_4K, SZ_4K,
				   NULL));
		test_cmd(cmd_unmap(e->fd, e->domain, SZ_2M, SZ_2M * 2, NULL));
	}
	return NULL;
}

/* A walk beside a writer sees no difference where there is none. */
TEST_EACH(beside_writers, shapes)
{
	struct beside b = { .r = rng_start(2) };
	struct rng r = rng_start(3);
	struct nyx_translate t;
	struct env e;
	pthread_t thread;

	shape_env(&e, v);
	b.e = &e;
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_2M, RW));
	thread = thread_start(map_and_unmap, &b);
	for (unsigned long i = 0; i < ktap_iterations(20000); i++) {
		test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, rng_below(&r, 3 * SZ_2M), 1));
		ASSERT_NE(NYX_FAULT_ORACLE, t.out_fault.reason);
		ASSERT_TRUE(t.iova >= SZ_2M || t.out_fault.reason == NYX_FAULT_NONE);
	}
	__atomic_store_n(&b.stop, true, __ATOMIC_RELAXED);
	thread_end(thread, "map and unmap");
	no_mismatch(&e);
}
