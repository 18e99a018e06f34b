// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: counters: what each means, and that they add up.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "nyx_env.h"

struct counters {
	__u64 v[NYX_STAT_MAX];
};

static struct counters unit_counters(const struct env *e)
{
	struct counters c;

	test_cmd(cmd_stats(e->fd, NYX_SCOPE_UNIT, 0, c.v));
	return c;
}

static struct counters domain_counters(const struct env *e, __u32 id)
{
	struct counters c;

	test_cmd(cmd_stats(e->fd, NYX_SCOPE_DOMAIN, id, c.v));
	return c;
}

static struct counters device_counters(const struct env *e, __u32 sbdf)
{
	struct counters c;

	test_cmd(cmd_stats(e->fd, NYX_SCOPE_DEVICE, sbdf, c.v));
	return c;
}

TEST(zero_at_first)
{
	struct counters c;
	struct env e;

	env_open(&e);
	c = unit_counters(&e);
	ASSERT_FILLED(c.v, 0, sizeof(c.v));
	c = domain_counters(&e, e.domain);
	ASSERT_FILLED(c.v, 0, sizeof(c.v));
	c = device_counters(&e, e.sbdf);
	ASSERT_FILLED(c.v, 0, sizeof(c.v));
}

TEST(bytes_and_operations)
{
	unsigned char buf[5000] = { 0 };
	struct counters u, d, x;
	struct nyx_dma c;
	struct env e;

	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	dma_write(e.fd, e.sbdf, 10, buf, 5000);
	dma_write(e.fd, e.sbdf, 0, buf, 1);
	dma_read(e.fd, e.sbdf, 99, buf, 77);
	test_cmd(cmd_dma_fill(e.fd, &c, e.sbdf, 0, 256, 4, 1));
	test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_FETCH_ADD, 0, 8, 1, 0));
	dma_refused(e.fd, e.sbdf, SZ_1G, NYX_PROT_READ, NYX_FAULT_TABLE_NOT_PRESENT);
	u = unit_counters(&e);
	d = domain_counters(&e, e.domain);
	x = device_counters(&e, e.sbdf);
	ASSERT_EQ(6, u.v[NYX_STAT_DMA_OPS]);
	ASSERT_EQ(1, u.v[NYX_STAT_FAULTS]);
	/* An atomic reads and writes. */
	ASSERT_EQ(77 + 8, u.v[NYX_STAT_READ_BYTES]);
	ASSERT_EQ(5000 + 1 + 256 + 8, u.v[NYX_STAT_WRITE_BYTES]);
	ASSERT_EQ(0, u.v[NYX_STAT_TRANSLATIONS]);
	for (int i = 0; i < NYX_STAT_MAX; i++) {
		ktap_note("counter %d", i);
		ASSERT_EQ(u.v[i], d.v[i]);
		if (i == NYX_STAT_MAPS || i == NYX_STAT_MAPPED_BYTES)
			ASSERT_EQ(0, x.v[i]);
		else
			ASSERT_EQ(u.v[i], x.v[i]);
	}
}

static const struct iotlb_case {
	const char *name;
	__u32 iotlb;
} iotlb_cases[] = {
	{ "off", ENV_IOTLB_OFF },
	{ "default", 0 },
	{ "4", 4 },
};

/* A translation is a hit, or a miss and a walk; without a cache, a walk. */
TEST_EACH(hits_and_misses, iotlb_cases)
{
	struct counters a, b;
	struct env e;
	char byte;

	env_open(&e, .iotlb = v->iotlb);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_4K, RW));
	for (int i = 0; i < 100; i++)
		dma_read(e.fd, e.sbdf, i, &byte, 1);
	a = device_counters(&e, e.sbdf);
	if (v->iotlb == ENV_IOTLB_OFF) {
		ASSERT_EQ(0, a.v[NYX_STAT_IOTLB_HITS]);
		ASSERT_EQ(0, a.v[NYX_STAT_IOTLB_MISSES]);
		ASSERT_EQ(100, a.v[NYX_STAT_WALKS]);
	} else {
		ASSERT_EQ(99, a.v[NYX_STAT_IOTLB_HITS]);
		ASSERT_EQ(1, a.v[NYX_STAT_IOTLB_MISSES]);
		ASSERT_EQ(1, a.v[NYX_STAT_WALKS]);
	}
	/* After an unmap it is one miss again. */
	test_cmd(cmd_unmap(e.fd, e.domain, 0, SZ_4K, NULL));
	test_cmd(cmd_map(e.fd, e.domain, 0, SZ_64K, SZ_4K, RW));
	dma_read(e.fd, e.sbdf, 0, &byte, 1);
	b = device_counters(&e, e.sbdf);
	ASSERT_EQ(a.v[NYX_STAT_WALKS] + 1, b.v[NYX_STAT_WALKS]);
	ASSERT_EQ(a.v[NYX_STAT_IOTLB_HITS], b.v[NYX_STAT_IOTLB_HITS]);
	/* Refused accesses are not cached: a walk each. */
	for (int i = 0; i < 10; i++)
		dma_refused(e.fd, e.sbdf, SZ_1G, NYX_PROT_READ, NYX_FAULT_TABLE_NOT_PRESENT);
	a = device_counters(&e, e.sbdf);
	ASSERT_EQ(b.v[NYX_STAT_WALKS] + 10, a.v[NYX_STAT_WALKS]);
	ASSERT_EQ(b.v[NYX_STAT_IOTLB_HITS], a.v[NYX_STAT_IOTLB_HITS]);
}

/* At all times hits + misses are the translations, misses are walks. */
TEST_EACH(they_add_up, iotlb_cases)
{
	struct rng r = rng_start(1);
	struct counters u, d, x;
	unsigned char buf[4096];
	__u64 pieces = 0;
	struct nyx_dma c;
	struct env e;

	env_open(&e, .iotlb = v->iotlb);
	for (int i = 0; i < 256; i++)
		test_cmd(cmd_map(e.fd, e.domain, i * SZ_4K, (i * 7 % 256) * SZ_4K, SZ_4K, RW));
	for (unsigned long i = 0; i < ktap_iterations(2000); i++) {
		__u64 at = rng_below(&r, 255 * SZ_4K), n = 1 + rng_below(&r, 4096);

		test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, at, buf, n));
		ASSERT_EQ(n, c.out_done);
		pieces += (at + n - 1) / SZ_4K - at / SZ_4K + 1;
	}
	u = unit_counters(&e);
	d = domain_counters(&e, e.domain);
	x = device_counters(&e, e.sbdf);
	ASSERT_EQ(0, memcmp(&u, &d, sizeof(u)));
	if (v->iotlb == ENV_IOTLB_OFF) {
		ASSERT_EQ(pieces, x.v[NYX_STAT_WALKS]);
		ASSERT_EQ(0, x.v[NYX_STAT_IOTLB_HITS] + x.v[NYX_STAT_IOTLB_MISSES]);
	} else {
		ASSERT_EQ(pieces, x.v[NYX_STAT_IOTLB_HITS] + x.v[NYX_STAT_IOTLB_MISSES]);
		ASSERT_EQ(x.v[NYX_STAT_IOTLB_MISSES], x.v[NYX_STAT_WALKS]);
		ASSERT_GT(x.v[NYX_STAT_IOTLB_MISSES], 0);
	}
	ktap_print("%llu translations, %llu hits", (unsigned long long)pieces,
		   (unsigned long long)x.v[NYX_STAT_IOTLB_HITS]);
}

TEST(maps_and_unmaps)
{
	struct counters u, before;
	struct env e;

	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_1G, RW));
	test_cmd(cmd_map(e.fd, e.domain, SZ_1G, 0, SZ_4K, RW));
	u = unit_counters(&e);
	ASSERT_EQ(2, u.v[NYX_STAT_MAPS]);
	ASSERT_EQ(SZ_1G + SZ_4K, u.v[NYX_STAT_MAPPED_BYTES]);
	ASSERT_EQ(0, u.v[NYX_STAT_UNMAPS]);
	before = u;
	/* A command that fails does not count. */
	test_err(EEXIST, cmd_map(e.fd, e.domain, 0, 0, SZ_4K, RW));
	test_err(ENOENT, cmd_unmap(e.fd, e.domain, SZ_512G, SZ_4K, NULL));
	u = unit_counters(&e);
	ASSERT_EQ(0, memcmp(&u, &before, sizeof(u)));
	test_cmd(cmd_unmap(e.fd, e.domain, SZ_4K, SZ_2M, NULL));
	u = unit_counters(&e);
	ASSERT_EQ(1, u.v[NYX_STAT_UNMAPS]);
	ASSERT_EQ(SZ_2M, u.v[NYX_STAT_UNMAPPED_BYTES]);
	ASSERT_GT(u.v[NYX_STAT_INVALIDATIONS] + u.v[NYX_STAT_FLUSHES], 0);
	test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));
	u = unit_counters(&e);
	ASSERT_EQ(SZ_1G + SZ_4K, u.v[NYX_STAT_UNMAPPED_BYTES]);
	ASSERT_GT(u.v[NYX_STAT_FLUSHES], 0);
}

TEST(invalidations)
{
	struct counters a, b;
	struct env e;

	env_open(&e, .domain_flags = NYX_DOMAIN_F_BATCHED);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	a = domain_counters(&e, e.domain);
	test_cmd(cmd_unmap(e.fd, e.domain, 0, SZ_4K, NULL));
	b = domain_counters(&e, e.domain);
	ASSERT_EQ(a.v[NYX_STAT_INVALIDATIONS], b.v[NYX_STAT_INVALIDATIONS]);
	ASSERT_EQ(a.v[NYX_STAT_FLUSHES], b.v[NYX_STAT_FLUSHES]);
	test_cmd(cmd_invalidate(e.fd, NYX_SCOPE_RANGE, e.domain, 0, 0, SZ_4K));
	b = domain_counters(&e, e.domain);
	ASSERT_EQ(a.v[NYX_STAT_INVALIDATIONS] + 1, b.v[NYX_STAT_INVALIDATIONS]);
	test_cmd(cmd_invalidate(e.fd, NYX_SCOPE_DOMAIN, e.domain, 0, 0, 0));
	b = domain_counters(&e, e.domain);
	ASSERT_EQ(a.v[NYX_STAT_FLUSHES] + 1, b.v[NYX_STAT_FLUSHES]);
	test_cmd(cmd_invalidate(e.fd, NYX_SCOPE_UNIT, 0, 0, 0, 0));
	b = domain_counters(&e, e.domain);
	ASSERT_EQ(a.v[NYX_STAT_FLUSHES] + 2, b.v[NYX_STAT_FLUSHES]);
	test_cmd(cmd_invalidate(e.fd, NYX_SCOPE_DEVICE, 0, e.sbdf, 0, 0));
	b = domain_counters(&e, e.domain);
	ASSERT_EQ(a.v[NYX_STAT_FLUSHES] + 3, b.v[NYX_STAT_FLUSHES]);
}

TEST(translations)
{
	struct nyx_translate t;
	struct nyx_translate many[10];
	struct counters x;
	struct env e;
	__u32 done;

	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	for (int i = 0; i < 5; i++)
		test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, i, 1));
	x = device_counters(&e, e.sbdf);
	ASSERT_EQ(5, x.v[NYX_STAT_TRANSLATIONS]);
	ASSERT_EQ(0, x.v[NYX_STAT_DMA_OPS]);
	ASSERT_EQ(0, x.v[NYX_STAT_READ_BYTES] + x.v[NYX_STAT_WRITE_BYTES]);
	for (int i = 0; i < 10; i++)
		nyx_translate_init(&many[i], e.sbdf, RW, i, 1);
	test_cmd(cmd_array(e.fd, NYX_CMD_TRANSLATE, many, sizeof(many[0]), 10, &done));
	x = device_counters(&e, e.sbdf);
	ASSERT_EQ(15, x.v[NYX_STAT_TRANSLATIONS]);
	x = unit_counters(&e);
	ASSERT_EQ(15, x.v[NYX_STAT_TRANSLATIONS]);
}

/* The unit's counters are sums over what it has, and had. */
TEST(sums)
{
	struct counters u, before, sum = { { 0 } }, d;
	unsigned char buf[100] = { 0 };
	__u32 dom[3];
	struct env e;

	env_open(&e, .no_domain = true);
	for (__u32 i = 0; i < 3; i++) {
		test_cmd(cmd_domain_paging(e.fd, NYX_DOMAIN_F_SHARED, &dom[i]));
		test_cmd(cmd_map(e.fd, dom[i], 0, 0, SZ_64K, RW));
		for (__u32 j = 0; j < 3; j++) {
			__u32 sbdf = 16 * i + j;

			test_cmd(cmd_device_add(e.fd, sbdf));
			test_cmd(cmd_device_attach(e.fd, sbdf, dom[i], 0));
			for (__u32 k = 0; k <= j; k++)
				dma_write(e.fd, sbdf, 0, buf, 10 * (i + 1));
			dma_refused(e.fd, sbdf, SZ_64K, NYX_PROT_WRITE, NYX_FAULT_NOT_PRESENT);
		}
	}
	for (__u32 i = 0; i < 3; i++) {
		d = domain_counters(&e, dom[i]);
		ASSERT_EQ(6 * 10 * (i + 1), d.v[NYX_STAT_WRITE_BYTES]);
		for (int j = 0; j < NYX_STAT_MAX; j++)
			sum.v[j] += d.v[j];
	}
	u = unit_counters(&e);
	ASSERT_EQ(6 * (10 + 20 + 30), u.v[NYX_STAT_WRITE_BYTES]);
	ASSERT_EQ(9, u.v[NYX_STAT_FAULTS]);
	ASSERT_EQ(18 + 9, u.v[NYX_STAT_DMA_OPS]);
	for (int j = 0; j < NYX_STAT_MAX; j++) {
		ktap_note("counter %d", j);
		ASSERT_EQ(sum.v[j], u.v[j]);
	}
	/* A device that goes leaves what it has counted. */
	before = u;
	for (__u32 i = 0; i < 3; i++) {
		for (__u32 j = 0; j < 3; j++) {
			test_cmd(cmd_device_remove(e.fd, 16 * i + j));
			u = unit_counters(&e);
			ASSERT_EQ(0, memcmp(&u, &before, sizeof(u)));
		}
		test_cmd(cmd_domain_destroy(e.fd, dom[i]));
		u = unit_counters(&e);
		ASSERT_EQ(0, memcmp(&u, &before, sizeof(u)));
	}
}

/* Accesses of a device without a domain are the unit's, too. */
TEST(no_domain)
{
	struct counters u, x;
	struct env e;

	env_open(&e, .no_domain = true);
	test_cmd(cmd_device_add(e.fd, 5));
	for (int i = 0; i < 4; i++)
		dma_refused(e.fd, 5, 0, NYX_PROT_READ, NYX_FAULT_NO_DOMAIN);
	x = device_counters(&e, 5);
	u = unit_counters(&e);
	ASSERT_EQ(4, x.v[NYX_STAT_FAULTS]);
	ASSERT_EQ(4, x.v[NYX_STAT_DMA_OPS]);
	ASSERT_EQ(4, u.v[NYX_STAT_FAULTS]);
	ASSERT_EQ(4, u.v[NYX_STAT_DMA_OPS]);
	test_cmd(cmd_device_remove(e.fd, 5));
	u = unit_counters(&e);
	ASSERT_EQ(4, u.v[NYX_STAT_FAULTS]);
	ASSERT_EQ(4, u.v[NYX_STAT_DMA_OPS]);
}

struct counting {
	struct env e;
	unsigned long n;
};

static void *count_dma(void *arg)
{
	struct counting *s = arg;
	char buf[16] = { 0 };

	for (unsigned long i = 0; i < s->n; i++)
		dma_write(s->e.fd, s->e.sbdf, i % 64 * 64, buf, sizeof(buf));
	return NULL;
}

/* No count is lost when several threads count. */
TEST(concurrent)
{
	struct counting s = { .n = ktap_iterations(3000) };
	struct counters x, u;
	pthread_t t[4];

	env_open(&s.e);
	test_cmd(cmd_map(s.e.fd, s.e.domain, 0, 0, SZ_64K, RW));
	for (int i = 0; i < 4; i++)
		t[i] = thread_start(count_dma, &s);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	x = device_counters(&s.e, s.e.sbdf);
	u = unit_counters(&s.e);
	ASSERT_EQ(4 * s.n, x.v[NYX_STAT_DMA_OPS]);
	ASSERT_EQ(4 * s.n * 16, x.v[NYX_STAT_WRITE_BYTES]);
	ASSERT_EQ(4 * s.n, u.v[NYX_STAT_DMA_OPS]);
	ASSERT_EQ(4 * s.n, x.v[NYX_STAT_IOTLB_HITS] + x.v[NYX_STAT_IOTLB_MISSES]);
}
