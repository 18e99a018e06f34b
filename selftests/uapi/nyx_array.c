// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: arrays of commands: all of them, and exactly how far.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "nyx_env.h"

#include <stdlib.h>
#include <sys/mman.h>

static void map_item(struct nyx_map *m, __u32 domain, __u64 iova, __u64 gpa, __u64 length)
{
	*m = (struct nyx_map) {
		.size = sizeof(*m), .domain_id = domain, .prot = RW, .iova = iova, .gpa = gpa,
		.length = length,
	};
}

static void unmap_item(struct nyx_unmap *u, __u32 domain, __u64 iova, __u64 length)
{
	*u = (struct nyx_unmap) {
		.size = sizeof(*u), .domain_id = domain, .iova = iova, .length = length,
		.out_unmapped = 0xa5a5a5a5a5a5a5a5ull,
	};
}

static bool mapped(const struct env *e, __u64 iova)
{
	struct nyx_translate t;

	test_cmd(cmd_translate(e->fd, &t, e->sbdf, NYX_PROT_READ, iova, 1));
	return t.out_fault.reason == NYX_FAULT_NONE;
}

/* Around the numbers at which an implementation might divide the work. */
static const struct count_case {
	const char *name;
	__u32 nr;
} count_cases[] = {
	{ "1", 1 }, { "2", 2 }, { "31", 31 }, { "32", 32 }, { "33", 33 }, { "63", 63 },
	{ "64", 64 }, { "65", 65 }, { "127", 127 }, { "129", 129 }, { "1000", 1000 },
	{ "most", NYX_ARRAY_MAX },
};

TEST_EACH(map_and_unmap, count_cases)
{
	struct nyx_map *m = ktap_alloc(v->nr * sizeof(*m));
	struct nyx_unmap *u = ktap_alloc(v->nr * sizeof(*u));
	struct nyx_unit_info info;
	struct env e;
	__u32 done;

	env_open(&e);
	for (__u32 i = 0; i < v->nr; i++) {
		map_item(&m[i], e.domain, SZ_1G + 2 * i * SZ_4K, i % 256 * SZ_4K, SZ_4K);
		unmap_item(&u[i], e.domain, SZ_1G + 2 * i * SZ_4K, SZ_4K);
	}
	test_cmd(cmd_array(e.fd, NYX_CMD_MAP, m, sizeof(*m), v->nr, &done));
	ASSERT_EQ(v->nr, done);
	test_cmd(cmd_unit_info(e.fd, &info));
	ASSERT_EQ(v->nr * SZ_4K, info.mapped_bytes);
	ASSERT_TRUE(mapped(&e, SZ_1G));
	ASSERT_TRUE(mapped(&e, SZ_1G + 2 * (v->nr - 1) * SZ_4K));
	ASSERT_TRUE(!mapped(&e, SZ_1G + SZ_4K));
	test_cmd(cmd_array(e.fd, NYX_CMD_UNMAP, u, sizeof(*u), v->nr, &done));
	ASSERT_EQ(v->nr, done);
	for (__u32 i = 0; i < v->nr; i++)
		ASSERT_EQ(SZ_4K, u[i].out_unmapped);
	test_cmd(cmd_unit_info(e.fd, &info));
	ASSERT_EQ(0, info.mapped_bytes);
	ASSERT_TRUE(!mapped(&e, SZ_1G));
}

/* The failing item and those behind it have not happened; those before it have. */
TEST_EACH(map_fails_at, count_cases)
{
	const __u32 nr = v->nr + 70 > NYX_ARRAY_MAX ? NYX_ARRAY_MAX : v->nr + 70;
	const __u32 bad = v->nr - 1;
	struct nyx_map *m = ktap_alloc(nr * sizeof(*m)), *copy;
	struct nyx_mapping_info *all;
	struct env e;
	__u32 done;
	size_t n;

	env_open(&e);
	for (__u32 i = 0; i < nr; i++)
		map_item(&m[i], e.domain, SZ_1G + 2 * i * SZ_4K, 0, SZ_4K);
	m[bad].length = 100;
	copy = ktap_alloc(nr * sizeof(*m));
	memcpy(copy, m, nr * sizeof(*m));
	test_err(EINVAL, cmd_array(e.fd, NYX_CMD_MAP, m, sizeof(*m), nr, &done));
	ASSERT_EQ(bad, done);
	/* NYX_MAP has no output but the reason of a failure, in the item that has failed. */
	ASSERT_EQ(NYX_REASON_MISALIGNED, m[bad].out_err_reason);
	copy[bad].out_err_reason = m[bad].out_err_reason;
	copy[bad].out_err_field = offsetof(struct nyx_map, length);
	ASSERT_SAME(m, copy, nr * sizeof(*m));
	all = list_all(e.fd, NYX_LIST_MAPPINGS, e.domain, sizeof(*all), &n);
	ASSERT_EQ(bad, n);
	for (size_t i = 0; i < n; i++)
		ASSERT_EQ(SZ_1G + 2 * i * SZ_4K, all[i].iova);
}

/* One wrong field in an item: its errno, and no more done than said. */
TEST(map_bad_items)
{
	static const struct {
		const char *what;
		size_t offset;
		size_t size;
		__u64 value;
		int error;
	} bad[] = {
#define BAD(what, member, value, error) \
	{ what, offsetof(struct nyx_map, member), sizeof(((struct nyx_map *)0)->member), \
	  value, error }
		BAD("size 0", size, 0, EINVAL),
		BAD("size short", size, sizeof(struct nyx_map) - 8, EINVAL),
		BAD("size long", size, sizeof(struct nyx_map) + 8, EINVAL),
		BAD("flags", flags, 1, EOPNOTSUPP),
		BAD("domain", domain_id, 12345, ENOENT),
		BAD("prot", prot, 0, EINVAL),
		BAD("unknown prot", prot, 8, EOPNOTSUPP),
		BAD("iova", iova, 1, EINVAL),
		BAD("gpa", gpa, 1, EINVAL),
		BAD("length 0", length, 0, EINVAL),
		BAD("length wraps", length, 0ull - SZ_4K, EOVERFLOW),
		BAD("length too long", length, 1ull << 50, ERANGE),
		BAD("taken", iova, SZ_1G, EEXIST),
#undef BAD
	};
	struct nyx_map m[5];
	struct env e;
	__u32 done;

	env_open(&e);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		for (__u32 at = 1; at < 5; at++) {
			ktap_note("%s at item %u", bad[i].what, at);
			for (__u32 j = 0; j < 5; j++)
				map_item(&m[j], e.domain, SZ_1G + j * SZ_4K, j * SZ_4K, SZ_4K);
			memcpy((char *)&m[at] + bad[i].offset, &bad[i].value, bad[i].size);
			test_err(bad[i].error,
				 cmd_array(e.fd, NYX_CMD_MAP, m, sizeof(m[0]), 5, &done));
			ASSERT_EQ(at, done);
			for (__u32 j = 0; j < 5; j++)
				ASSERT_EQ(j < at, mapped(&e, SZ_1G + j * SZ_4K));
			test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));
		}
	}
}

TEST(unmap_fails)
{
	struct nyx_unmap u[40];
	struct env e;
	__u32 done;

	env_open(&e);
	for (int i = 0; i < 40; i++) {
		if (i != 35)
			test_cmd(cmd_map(e.fd, e.domain, i * SZ_1M, 0, SZ_64K, RW));
		unmap_item(&u[i], e.domain, i * SZ_1M + SZ_4K, SZ_1M - SZ_4K);
	}
	test_err(ENOENT, cmd_array(e.fd, NYX_CMD_UNMAP, u, sizeof(u[0]), 40, &done));
	ASSERT_EQ(35, done);
	for (int i = 0; i < 40; i++) {
		ktap_note("item %d", i);
		if (i < 35)
			ASSERT_EQ(SZ_64K - SZ_4K, u[i].out_unmapped);
		if (i > 35)	/* not looked at */
			ASSERT_EQ(0xa5a5a5a5a5a5a5a5ull, u[i].out_unmapped);
		if (i != 35) {
			ASSERT_TRUE(mapped(&e, i * SZ_1M));
			ASSERT_EQ(i > 35, mapped(&e, i * SZ_1M + SZ_4K));
		}
	}
}

/* Items of several domains and devices, and UNMAP_ALL among them. */
TEST(mixed_domains)
{
	enum { DOMAINS = 10 };
	__u32 id[DOMAINS], done;
	struct nyx_map m[DOMAINS * 5];
	struct nyx_unmap u[DOMAINS * 2];
	struct nyx_domain_info info;
	struct env e;

	env_open(&e);
	for (unsigned int i = 0; i < DOMAINS; i++) {
		test_cmd(cmd_domain_paging(e.fd, i % 2 ? NYX_DOMAIN_F_BATCHED : 0, &id[i]));
		for (unsigned int j = 0; j < 5; j++)
			map_item(&m[j * DOMAINS + i], id[i], j * SZ_1M, 0, (i + 1) * SZ_4K);
		unmap_item(&u[i], id[i], 0, SZ_1M);
		unmap_item(&u[DOMAINS + i], id[i], 0, 0);
		u[DOMAINS + i].flags = NYX_UNMAP_F_ALL;
	}
	test_cmd(cmd_array(e.fd, NYX_CMD_MAP, m, sizeof(m[0]), ARRAY_SIZE(m), &done));
	ASSERT_EQ(ARRAY_SIZE(m), done);
	for (unsigned int i = 0; i < DOMAINS; i++) {
		domain_info(e.fd, id[i], &info);
		ASSERT_EQ(5 * (i + 1) * SZ_4K, info.mapped_bytes);
	}
	test_cmd(cmd_array(e.fd, NYX_CMD_UNMAP, u, sizeof(u[0]), ARRAY_SIZE(u), &done));
	ASSERT_EQ(ARRAY_SIZE(u), done);
	for (unsigned int i = 0; i < DOMAINS; i++) {
		ASSERT_EQ((i + 1) * SZ_4K, u[i].out_unmapped);
		ASSERT_EQ(4 * (i + 1) * SZ_4K, u[DOMAINS + i].out_unmapped);
	}
}

TEST(translate_items)
{
	struct nyx_translate t[100];
	struct nyx_extent extents[4];
	struct env e;
	__u32 done;

	env_open(&e);
	for (int i = 0; i < 100; i += 2)
		test_cmd(cmd_map(e.fd, e.domain, i * SZ_4K, (99 - i) * SZ_4K, SZ_4K, RW));
	for (int i = 0; i < 100; i++)
		nyx_translate_init(&t[i], e.sbdf, RW, i * SZ_4K + 7, 10);
	t[4].extents = PTR(extents);
	t[4].nr_extents = 4;
	t[80].flags = 0x100;	/* the one that fails */
	memset(extents, NYX_POISON, sizeof(extents));
	test_err(EOPNOTSUPP, cmd_array(e.fd, NYX_CMD_TRANSLATE, t, sizeof(t[0]), 100, &done));
	ASSERT_EQ(80, done);
	for (int i = 0; i < 80; i++) {
		ktap_note("item %d", i);
		if (i % 2) {
			/* A guest fault is no failure. */
			check_fault(&t[i].out_fault, NYX_FAULT_NOT_PRESENT, RW, 0, i * SZ_4K + 7,
				    NYX_GPA_UNKNOWN);
			ASSERT_EQ(0, t[i].out_done);
		} else {
			ASSERT_EQ(NYX_FAULT_NONE, t[i].out_fault.reason);
			ASSERT_EQ(10, t[i].out_done);
			ASSERT_EQ((99 - i) * SZ_4K + 7, t[i].out_extent.gpa);
		}
	}
	ASSERT_EQ(1, t[4].out_nr_extents);
	ASSERT_EQ(0, memcmp(&extents[0], &t[4].out_extent, sizeof(extents[0])));
	ASSERT_FILLED(&extents[1], NYX_POISON, 3 * sizeof(extents[0]));
	ASSERT_EQ(0xa5a5a5a5a5a5a5a5ull, t[81].out_done);
}

TEST(dma_items)
{
	enum { NR = 90 };
	unsigned char *buf = ktap_alloc(NR * 64);
	struct nyx_dma c[NR];
	struct env e;
	__u32 done;

	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	for (int i = 0; i < NR; i++) {
		nyx_dma_init(&c[i], e.sbdf, i % 3 ? NYX_DMA_WRITE : NYX_DMA_FILL,
			     i % 10 == 9 ? SZ_1G + i : (__u64)i * 64, 64);
		if (i % 3) {
			memset(buf + i * 64, i, 64);
			c[i].buffer = PTR(buf + i * 64);
		} else {
			c[i].width = 1;
			c[i].operand = i;
		}
	}
	c[70].sbdf = 0x4242;	/* fails */
	test_err(ENOENT, cmd_array(e.fd, NYX_CMD_DMA, c, sizeof(c[0]), NR, &done));
	ASSERT_EQ(70, done);
	for (int i = 0; i < NR; i++) {
		ktap_note("item %d", i);
		if (i < 70 && i % 10 == 9) {
			check_fault(&c[i].out_fault, NYX_FAULT_TABLE_NOT_PRESENT, NYX_PROT_WRITE, 2,
				    SZ_1G + i, NYX_GPA_UNKNOWN);
			ASSERT_EQ(0, c[i].out_done);
			ASSERT_FILLED(e.mem + i * 64, 0, 64);
		} else if (i < 70) {
			ASSERT_EQ(64, c[i].out_done);
			ASSERT_EQ(NYX_FAULT_NONE, c[i].out_fault.reason);
			ASSERT_FILLED(e.mem + i * 64, i, 64);
		} else {
			ASSERT_FILLED(e.mem + i * 64, 0, 64);
		}
		if (i > 70)
			ASSERT_EQ(0xa5a5a5a5a5a5a5a5ull, c[i].out_done);
	}
	/* An atomic each; the old values come back. */
	for (int i = 0; i < NR; i++) {
		nyx_dma_init(&c[i], e.sbdf, NYX_DMA_FETCH_ADD, 0x8000, 8);
		c[i].width = 8;
		c[i].operand = 1;
	}
	test_cmd(cmd_array(e.fd, NYX_CMD_DMA, c, sizeof(c[0]), NR, &done));
	for (int i = 0; i < NR; i++)
		ASSERT_EQ(i, c[i].out_old);
}

/* A DMA whose buffer is bad is the failing item, and says how far it came. */
TEST(dma_item_with_bad_buffer)
{
	unsigned char *arena = map_aligned(SZ_4K, SZ_4K, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct nyx_dma c[3];
	struct env e;
	__u32 done;

	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	memset(arena, 0x71, SZ_4K);
	for (int i = 0; i < 3; i++) {
		nyx_dma_init(&c[i], e.sbdf, NYX_DMA_WRITE, i * SZ_4K, 100);
		c[i].buffer = PTR(i == 1 ? arena + SZ_4K - 30 : arena);
	}
	test_err(EFAULT, cmd_array(e.fd, NYX_CMD_DMA, c, sizeof(c[0]), 3, &done));
	ASSERT_EQ(1, done);
	ASSERT_EQ(100, c[0].out_done);
	ASSERT_EQ(30, c[1].out_done);
	ASSERT_FILLED(e.mem, 0x71, 100);
	ASSERT_FILLED(e.mem + SZ_4K, 0x71, 30);
	ASSERT_EQ(0, e.mem[SZ_4K + 30]);
	ASSERT_EQ(0, e.mem[2 * SZ_4K]);
}

TEST(invalidate_items)
{
	static const __u32 scopes[] = {
		NYX_SCOPE_UNIT, NYX_SCOPE_DOMAIN, NYX_SCOPE_DEVICE, NYX_SCOPE_RANGE,
	};
	struct nyx_invalidate c[80];
	struct env e;
	__u32 done;

	env_open(&e, .domain_flags = NYX_DOMAIN_F_BATCHED);
	for (int i = 0; i < 80; i++) {
		c[i] = (struct nyx_invalidate) {
			.size = sizeof(c[i]), .scope = scopes[i % 4], .pasid = NYX_PASID_NONE,
		};
		if (i % 4 == 1 || i % 4 == 3)
			c[i].domain_id = e.domain;
		if (i % 4 == 2)
			c[i].sbdf = e.sbdf;
		if (i % 4 == 3)
			c[i].length = SZ_1G;
	}
	test_cmd(cmd_array(e.fd, NYX_CMD_INVALIDATE, c, sizeof(c[0]), 80, &done));
	ASSERT_EQ(80, done);
	c[77].domain_id = 4711;
	test_err(ENOENT, cmd_array(e.fd, NYX_CMD_INVALIDATE, c, sizeof(c[0]), 80, &done));
	ASSERT_EQ(77, done);
}

/* Items of a later interface: longer, with zeros, or not. */
TEST(longer_items)
{
	struct long_map {
		struct nyx_map m;
		__u64 later[2];
	} m[40];
	struct env e;
	__u32 done;

	env_open(&e);
	for (int i = 0; i < 40; i++) {
		memset(&m[i], 0, sizeof(m[i]));
		map_item(&m[i].m, e.domain, i * SZ_1M, 0, SZ_4K);
		m[i].m.size = sizeof(m[i]);
	}
	test_cmd(cmd_array(e.fd, NYX_CMD_MAP, m, sizeof(m[0]), 40, &done));
	ASSERT_EQ(40, done);
	test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));
	m[35].later[1] = 1ull << 63;
	test_err(E2BIG, cmd_array(e.fd, NYX_CMD_MAP, m, sizeof(m[0]), 40, &done));
	ASSERT_EQ(35, done);
	for (int i = 0; i < 40; i++)
		ASSERT_EQ(i < 35, mapped(&e, i * SZ_1M));
	/* An item size that the items do not know. */
	m[35].later[1] = 0;
	test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));
	m[5].m.size = sizeof(m[0].m);
	test_err(EINVAL, cmd_array(e.fd, NYX_CMD_MAP, m, sizeof(m[0]), 40, &done));
	ASSERT_EQ(5, done);
}

/* The array ends where memory ends, before its last item does. */
TEST(array_leaves_memory)
{
	unsigned char *arena = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct env e;
	__u32 done;

	env_open(&e);
	for (__u32 good = 0; good < 100; good += 9) {
		struct nyx_map *m = (struct nyx_map *)(arena + SZ_64K) - good;
		struct nyx_unmap *u = (struct nyx_unmap *)(arena + SZ_64K) - good;

		ktap_note("%u good items", good);
		for (__u32 i = 0; i < good; i++)
			map_item(&m[i], e.domain, i * SZ_1M, 0, SZ_4K);
		test_err(EFAULT, cmd_array(e.fd, NYX_CMD_MAP, m, sizeof(*m), good + 1, &done));
		/* It may read several at once; what it says is true. */
		ASSERT_LE(done, good);
		for (__u32 i = 0; i < good; i++)
			ASSERT_EQ(i < done, mapped(&e, i * SZ_1M));
		test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));

		/* Outputs that cannot be written: nothing is lost on the way. */
		for (__u32 i = 0; i < good; i++) {
			test_cmd(cmd_map(e.fd, e.domain, i * SZ_1M, 0, SZ_4K, RW));
			unmap_item(&u[i], e.domain, i * SZ_1M, SZ_4K);
		}
		test_cmd(mprotect(arena, SZ_64K, PROT_READ));
		done = 0;
		if (good)
			test_err(EFAULT, cmd_array(e.fd, NYX_CMD_UNMAP, u, sizeof(*u), good,
						   &done));
		ASSERT_EQ(0, done);
		for (__u32 i = 0; i < good; i++)
			ASSERT_TRUE(mapped(&e, i * SZ_1M));
		test_cmd(mprotect(arena, SZ_64K, PROT_READ | PROT_WRITE));
		test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));
	}
}

/* Some of the items cannot be written: they have not happened, and those before have. */
TEST(array_becomes_readonly)
{
	unsigned char *arena = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1);
	enum { NR = 100 };
	struct env e;
	__u32 done;

	env_open(&e);
	for (size_t before = 0; before < 3 * sizeof(struct nyx_unmap) * 32; before += 104) {
		struct nyx_unmap *u = (struct nyx_unmap *)(arena + 2 * SZ_4K - before);
		const __u32 good = before / sizeof(*u);

		ktap_note("%zu bytes can be written", before);
		for (__u32 i = 0; i < NR; i++) {
			test_cmd(cmd_map(e.fd, e.domain, i * SZ_1M, 0, SZ_4K, RW));
			unmap_item(&u[i], e.domain, i * SZ_1M, SZ_4K);
		}
		test_cmd(mprotect(arena + 2 * SZ_4K, SZ_64K - 2 * SZ_4K, PROT_READ));
		test_err(EFAULT, cmd_array(e.fd, NYX_CMD_UNMAP, u, sizeof(*u), NR, &done));
		ASSERT_EQ(good, done);
		for (__u32 i = 0; i < NR; i++)
			ASSERT_EQ(i >= good, mapped(&e, i * SZ_1M));
		for (__u32 i = 0; i < good; i++)
			ASSERT_EQ(SZ_4K, u[i].out_unmapped);
		test_cmd(mprotect(arena, SZ_64K, PROT_READ | PROT_WRITE));
		test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));
	}
}

/* NYX_ARRAY_F_STOP: nothing behind the fault has happened, wherever the work is divided. */
TEST_EACH(dma_stops_at_fault, count_cases)
{
	const __u32 nr = v->nr + 70 > NYX_ARRAY_MAX ? NYX_ARRAY_MAX : v->nr + 70;
	const __u32 bad = v->nr - 1;
	struct nyx_dma *d = ktap_alloc(nr * sizeof(*d));
	__u8 *buf = ktap_alloc(nr);
	struct nyx_array array;
	struct env e;

	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, SZ_1G, 0, SZ_1M, RW));
	for (__u32 i = 0; i < nr; i++) {
		buf[i] = 0x55;
		d[i] = (struct nyx_dma) {
			.size = sizeof(*d), .sbdf = e.sbdf, .pasid = NYX_PASID_NONE,
			.op = NYX_DMA_WRITE, .iova = SZ_1G + 2 * i, .length = 1,
			.buffer = PTR(&buf[i]), .out_done = 0xa5,
		};
	}
	d[bad].iova = SZ_1G + SZ_1M;
	/* Not looked at: it is behind the fault. */
	if (bad + 1 < nr)
		d[bad + 1].length = 0;
	array = (struct nyx_array) {
		.size = sizeof(array), .flags = NYX_ARRAY_F_STOP, .cmd = NYX_CMD_DMA,
		.item_size = sizeof(*d), .items = PTR(d), .nr = nr,
	};
	test_cmd(nyx_cmd(e.fd, NYX_ARRAY, &array));
	ASSERT_EQ(bad, array.out_done);
	ASSERT_TRUE(d[bad].out_fault.reason != NYX_FAULT_NONE);
	ASSERT_EQ(0, d[bad].out_done);
	for (__u32 i = 0; i < nr; i++)
		ASSERT_EQ(i < bad ? 0x55 : 0, e.mem[2 * i]);

	array.cmd = NYX_CMD_TRANSLATE;
	test_err(EOPNOTSUPP, nyx_cmd(e.fd, NYX_ARRAY, &array));
	array.flags = NYX_ARRAY_F_STOP << 1;
	array.cmd = NYX_CMD_DMA;
	test_err(EOPNOTSUPP, nyx_cmd(e.fd, NYX_ARRAY, &array));
}
