// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: map, unmap, listing: every format, page size and border.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "oracle.h"

#include <stdlib.h>

#define GPAS	(16 * SZ_1G)	/* guest memory, reserved addresses only */

/**
 * struct format - a shape of the table
 * @name: name
 * @format: of enum nyx_format
 * @width: address width
 * @end: last address that may be mapped, plus one; 0: 2^64
 */
struct format {
	const char *name;
	__u32 format;
	__u32 width;
	__u64 end;
};

static const struct format formats[] = {
	{ "vtdss_39", NYX_FORMAT_VTDSS, 39, 1ull << 39 },
	{ "vtdss_48", NYX_FORMAT_VTDSS, 48, 1ull << 48 },
	{ "vtdss_57", NYX_FORMAT_VTDSS, 57, 1ull << 57 },
	{ "x86_48", NYX_FORMAT_X86, 48, 1ull << 47 },
	{ "x86_57", NYX_FORMAT_X86, 57, 1ull << 56 },
	{ "amdv1_32", NYX_FORMAT_AMDV1, 32, 1ull << 32 },
	{ "amdv1_43", NYX_FORMAT_AMDV1, 43, 1ull << 43 },
	{ "amdv1_48", NYX_FORMAT_AMDV1, 48, 1ull << 48 },
	{ "amdv1_64", NYX_FORMAT_AMDV1, 64, 0 },
};

static void format_env(struct env *e, const struct format *f, __u64 page_sizes)
{
	env_open(e, .memory = MEM_RESERVED, .mem_size = GPAS, .unit_width = 64,
		 .format = f->format, .width = f->width, .page_sizes = page_sizes);
}

static unsigned int page_lg2(const struct env *e, __u64 iova)
{
	struct nyx_translate t;

	test_cmd(cmd_translate(e->fd, &t, e->sbdf, RW, iova, 1));
	ASSERT_EQ(NYX_FAULT_NONE, t.out_fault.reason);
	return t.out_page_size_lg2;
}

static __u64 table_bytes(const struct env *e)
{
	struct nyx_domain_info info;

	domain_info(e->fd, e->domain, &info);
	return info.table_bytes;
}

static __u64 page_sizes_of(const struct env *e)
{
	struct nyx_domain_info info;

	domain_info(e->fd, e->domain, &info);
	return info.page_sizes;
}

/* The largest page at @iova for @left bytes. */
static unsigned int best_lg2(__u64 sizes, __u64 iova, __u64 gpa, __u64 left)
{
	unsigned int best = 12;

	for (unsigned int lg2 = 12; lg2 < 64; lg2++)
		if ((sizes >> lg2 & 1) && !((iova | gpa) & ((1ull << lg2) - 1)) &&
		    left >> lg2)
			best = lg2;
	return best;
}

/* ---- which pages are chosen ---- */

static void check_chosen(struct env *e, __u64 sizes, __u64 iova, __u64 gpa, __u64 length)
{
	struct nyx_mapping_info m;
	struct nyx_list l = { .type = NYX_LIST_MAPPINGS, .domain_id = e->domain };
	unsigned int smallest = 63, lg2;
	__u64 unmapped;

	ktap_note("0x%llx + 0x%llx to 0x%llx", (unsigned long long)iova,
		  (unsigned long long)length, (unsigned long long)gpa);
	test_cmd(cmd_map(e->fd, e->domain, iova, gpa, length, RW));
	for (__u64 at = 0; at < length; at += 1ull << lg2) {
		lg2 = best_lg2(sizes, iova + at, gpa + at, length - at);
		ASSERT_EQ(lg2, page_lg2(e, iova + at));
		ASSERT_EQ(lg2, page_lg2(e, iova + at + (1ull << lg2) - 1));
		if (lg2 < smallest)
			smallest = lg2;
	}
	test_cmd(cmd_list(e->fd, &l, &m, sizeof(m), 1));
	ASSERT_EQ(1, l.out_nr);
	ASSERT_EQ(0, l.out_more);
	ASSERT_EQ(iova, m.iova);
	ASSERT_EQ(length, m.length);
	ASSERT_EQ(gpa, m.gpa);
	ASSERT_EQ(RW, m.prot);
	ASSERT_EQ(smallest, m.page_size_lg2);
	test_cmd(cmd_unmap(e->fd, e->domain, iova, length, &unmapped));
	ASSERT_EQ(length, unmapped);
}

TEST_EACH(chosen_pages, formats)
{
	struct rng r = rng_start(1);
	struct env e;
	__u64 sizes;

	format_env(&e, v, 0);
	sizes = page_sizes_of(&e);
	/* Each size on its own. */
	for (unsigned int lg2 = 12; lg2 < 64; lg2++) {
		__u64 size = 1ull << lg2;

		if (!(sizes & size) || size > GPAS / 4 || (v->end && size >= v->end / 2))
			continue;
		check_chosen(&e, sizes, size, size, size);
		check_chosen(&e, sizes, 0, size, size);
		/* A little to both sides, and misaligned to each other. */
		check_chosen(&e, sizes, size - SZ_4K, size - SZ_4K, size + SZ_4K);
		check_chosen(&e, sizes, size, size, size + 3 * SZ_4K);
		if (lg2 > 12 && lg2 <= 24)
			check_chosen(&e, sizes, size, size + size / 2, size);
		/* As high as it goes. */
		check_chosen(&e, sizes, v->end - size, size, size);
	}
	check_chosen(&e, sizes, SZ_1G - SZ_2M - SZ_4K, 2 * SZ_1G - SZ_2M - SZ_4K,
		     SZ_1G + 2 * SZ_2M + 2 * SZ_4K);
	for (int i = 0; i < 30; i++) {
		__u64 length = (1 + rng_below(&r, 3000)) * SZ_4K;
		__u64 iova = rng_below(&r, SZ_1G / SZ_4K) * SZ_4K;
		__u64 gpa = rng_below(&r, 2) ? iova : rng_below(&r, SZ_1G / SZ_4K) * SZ_4K;

		check_chosen(&e, sizes, iova, gpa, length);
	}
}

/* A terabyte and more at once: few tables, no time. */
TEST_EACH(huge_range, formats)
{
	const __u64 length = v->width == 32 ? 2 * SZ_1G : v->width == 39 ? 256 * SZ_1G :
		4096 * SZ_1G;
	__u64 unmapped;
	struct env e;

	format_env(&e, v, 0);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, length, RW));
	ASSERT_LE(table_bytes(&e), 12 * SZ_4K);
	test_err(EEXIST, cmd_map(e.fd, e.domain, length - SZ_4K, 0, SZ_4K, RW));
	test_cmd(cmd_unmap_all(e.fd, e.domain, &unmapped));
	ASSERT_EQ(length, unmapped);
	/* Nothing but the top table may be left. */
	ASSERT_LE(table_bytes(&e), SZ_4K);
	test_cmd(cmd_unmap_all(e.fd, e.domain, &unmapped));
	ASSERT_EQ(0, unmapped);
}

/* ---- large pages that are cut ---- */

static void cut(const struct format *f, __u64 size, __u64 piece)
{
	struct rng r = rng_start(size);
	struct oracle o = { .no_write_only = f->format == NYX_FORMAT_X86 };
	struct env e;

	format_env(&e, f, 0);
	o.fd = e.fd;
	o.domain = e.domain;
	o.sbdf = e.sbdf;
	oracle_add_window(&o, size, size);
	oracle_map(&o, size, 0, size, RW);
	ASSERT_GE(1ull << page_lg2(&e, size), size);
	/* The first, the last, one in the middle, then others until half is gone. */
	oracle_unmap(&o, size, piece);
	oracle_unmap(&o, 2 * size - piece, piece);
	oracle_unmap(&o, size + size / 2, piece);
	oracle_check_translate(&o);
	oracle_check_list(&o);
	for (int i = 0; i < 40; i++)
		oracle_unmap(&o, size + rng_below(&r, size / piece) * piece, piece);
	oracle_check_translate(&o);
	oracle_check_list(&o);
	oracle_unmap(&o, size, size / 2);
	oracle_check_list(&o);
	oracle_unmap(&o, size, size);
	oracle_check_list(&o);
	ASSERT_LE(table_bytes(&e), SZ_4K);
	oracle_free(&o);
}

TEST_EACH(cut_2m_page, formats)
{
	cut(v, SZ_2M, SZ_4K);
}

TEST_EACH(cut_1g_page, formats)
{
	cut(v, SZ_1G, SZ_4K);
	cut(v, SZ_1G, SZ_2M);
	cut(v, SZ_1G, 17 * SZ_4K);
}

/* A cut that is filled again with what was there is one page again. */
TEST_EACH(cut_and_heal, formats)
{
	struct env e;
	__u64 tables;

	format_env(&e, v, 0);
	test_cmd(cmd_map(e.fd, e.domain, SZ_1G, SZ_1G, SZ_1G, RW));
	tables = table_bytes(&e);
	for (__u64 at = 0; at < SZ_1G; at += 37 * SZ_2M + 5 * SZ_4K) {
		ktap_note("cut at 0x%llx", (unsigned long long)at);
		test_cmd(cmd_unmap(e.fd, e.domain, SZ_1G + at, SZ_4K, NULL));
		ASSERT_GT(table_bytes(&e), tables);
		test_cmd(cmd_map(e.fd, e.domain, SZ_1G + at, SZ_1G + at, SZ_4K, RW));
		ASSERT_EQ(30, page_lg2(&e, SZ_1G + at));
		ASSERT_EQ(tables, table_bytes(&e));
	}
}

/* ---- small pages that become large ones ---- */

/**
 * struct coalesce - mappings that do, or do not, become one page
 * @name: name
 * @order: 0 forward, 1 backward, 2 in no order
 * @spoil: 1: one page has another permission, 2: another GPA, 3: is missing
 */
struct coalesce {
	const char *name;
	int order;
	int spoil;
};

static const struct coalesce coalesces[] = {
	{ "forward", 0, 0 },
	{ "backward", 1, 0 },
	{ "no_order", 2, 0 },
	{ "permission_differs", 2, 1 },
	{ "gpa_differs", 2, 2 },
	{ "one_is_missing", 2, 3 },
};

static void coalesce(const struct format *f, const struct coalesce *v, __u64 size)
{
	const unsigned int nr = 512;
	const __u64 piece = size / nr;
	unsigned int best = 0;
	struct env e;

	format_env(&e, f, 0);
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int n = v->order == 0 ? i : v->order == 1 ? nr - 1 - i : i * 211 % nr;
		__u64 gpa = n * piece + SZ_1G;
		__u32 prot = RW;

		if (n == 300 && v->spoil == 1)
			prot = NYX_PROT_READ;
		if (n == 300 && v->spoil == 2)
			gpa += 2 * SZ_1G;
		if (n == 300 && v->spoil == 3)
			continue;
		test_cmd(cmd_map(e.fd, e.domain, SZ_1G + n * piece, gpa, piece, prot));
	}
	for (unsigned int i = 0; i < nr; i++) {
		if (i == 300 && v->spoil)
			continue;
		if (1ull << page_lg2(&e, SZ_1G + i * piece) > piece)
			best++;
	}
	if (!v->spoil) {
		ASSERT_EQ(nr, best);
		ASSERT_EQ(size, 1ull << page_lg2(&e, SZ_1G));
	} else {
		ASSERT_LT(1ull << page_lg2(&e, SZ_1G), size);
	}
	close(e.fd);
}

TEST_EACH(coalesce_to_2m, coalesces)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		ktap_note("%s", formats[i].name);
		coalesce(&formats[i], v, SZ_2M);
	}
}

TEST_EACH(coalesce_to_1g, coalesces)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		ktap_note("%s", formats[i].name);
		coalesce(&formats[i], v, SZ_1G);
	}
}

/* From the bottom to 1 GiB in one go: the last 4 KiB page closes both levels. */
TEST_EACH(coalesce_two_levels, formats)
{
	const __u64 hole = SZ_1G + 123 * SZ_2M + 45 * SZ_4K;
	__u64 tables;
	struct env e;

	format_env(&e, v, 0);
	test_cmd(cmd_map(e.fd, e.domain, SZ_1G, SZ_1G, hole - SZ_1G, RW));
	test_cmd(cmd_map(e.fd, e.domain, hole + SZ_4K, hole + SZ_4K, 2 * SZ_1G - hole - SZ_4K,
			 RW));
	tables = table_bytes(&e);
	test_cmd(cmd_map(e.fd, e.domain, hole, hole, SZ_4K, RW));
	ASSERT_EQ(30, page_lg2(&e, hole));
	ASSERT_EQ(tables - 2 * SZ_4K, table_bytes(&e));
}

/* Pages that the domain may not use do not come about, either. */
TEST_EACH(coalesce_forbidden, formats)
{
	struct env e;

	format_env(&e, v, SZ_4K);
	for (unsigned int i = 0; i < 512; i++)
		test_cmd(cmd_map(e.fd, e.domain, SZ_1G + i * SZ_4K, SZ_1G + i * SZ_4K, SZ_4K, RW));
	for (unsigned int i = 0; i < 512; i++)
		ASSERT_EQ(12, page_lg2(&e, SZ_1G + i * SZ_4K));
}

/* ---- EEXIST ---- */

TEST_EACH(taken_changes_nothing, formats)
{
	struct snapshot s;
	struct env e;

	format_env(&e, v, 0);
	test_cmd(cmd_map(e.fd, e.domain, SZ_1G + SZ_2M, 0, SZ_4K, RW));
	snapshot_take(&s, e.fd, true);
	/* Its only obstacle is at the end, in the middle, at the beginning. */
	test_err(EEXIST, cmd_map(e.fd, e.domain, 0, 0, SZ_1G + SZ_2M + SZ_4K, RW));
	test_err(EEXIST, cmd_map(e.fd, e.domain, SZ_4K, 0, 2 * SZ_1G, RW));
	test_err(EEXIST, cmd_map(e.fd, e.domain, SZ_1G + SZ_2M, 0, SZ_1G, RW));
	test_err(EEXIST, cmd_map(e.fd, e.domain, SZ_1G, 0, SZ_1G, RW));
	test_err(EEXIST, cmd_map(e.fd, e.domain, SZ_1G + SZ_2M, 0, SZ_4K, NYX_PROT_READ));
	/* The same again is no exception. */
	test_err(EEXIST, cmd_map(e.fd, e.domain, SZ_1G + SZ_2M, 0, SZ_4K, RW));
	snapshot_check(&s, e.fd, true);
	/* Inside a large page. */
	test_cmd(cmd_map(e.fd, e.domain, 2 * SZ_1G, 0, SZ_1G, RW));
	snapshot_free(&s);
	snapshot_take(&s, e.fd, true);
	test_err(EEXIST, cmd_map(e.fd, e.domain, 2 * SZ_1G + 7 * SZ_4K, 0, SZ_4K, RW));
	test_err(EEXIST, cmd_map(e.fd, e.domain, 2 * SZ_1G + SZ_2M, 0, SZ_2M, RW));
	snapshot_check(&s, e.fd, true);
}

/* ---- permissions ---- */

TEST_EACH(permissions, formats)
{
	struct nyx_translate t;
	struct nyx_dma c;
	struct env e;
	char byte = 1;

	env_open(&e, .unit_width = 64, .format = v->format, .width = v->width);
	for (__u32 prot = NYX_PROT_READ; prot <= RW; prot++) {
		const __u64 iova = prot * SZ_1M + SZ_4K, gpa = prot * SZ_64K;
		__u32 granted = prot;

		if (v->format == NYX_FORMAT_X86 && prot == NYX_PROT_WRITE)
			granted = RW;	/* as documented */
		test_cmd(cmd_map(e.fd, e.domain, iova, gpa, SZ_4K, prot));
		/* Twice: the second time it may come from the cache. */
		for (int i = 0; i < 2; i++) {
			ktap_note("prot %u, time %d", prot, i);
			test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, iova + 5, &byte, 1));
			if (granted & NYX_PROT_READ)
				ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
			else
				check_fault(&c.out_fault, NYX_FAULT_READ_DENIED, NYX_PROT_READ, 0,
					    iova + 5, gpa + 5);
			test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, iova + 6, &byte, 1));
			if (granted & NYX_PROT_WRITE)
				ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
			else
				check_fault(&c.out_fault, NYX_FAULT_WRITE_DENIED, NYX_PROT_WRITE,
					    0, iova + 6, gpa + 6);
			/* An atomic needs both. */
			test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_SWAP, iova + 8, 8, 0, 0));
			ASSERT_EQ(granted == RW, c.out_fault.reason == NYX_FAULT_NONE);
			for (__u32 access = NYX_PROT_READ; access <= RW; access++) {
				test_cmd(cmd_translate(e.fd, &t, e.sbdf, access, iova, 1));
				ASSERT_EQ(!(access & ~granted),
					  t.out_fault.reason == NYX_FAULT_NONE);
			}
		}
	}
}

/* ---- random operations against the oracle ---- */

TEST_EACH(random_ops, formats)
{
	struct rng r = rng_start(v->format * 100 + v->width);
	struct oracle o = { .no_write_only = v->format == NYX_FORMAT_X86 };
	const unsigned long steps = ktap_iterations(1500);
	struct env e;

	format_env(&e, v, 0);
	o.fd = e.fd;
	o.domain = e.domain;
	o.sbdf = e.sbdf;
	oracle_add_window(&o, 0, 16 * SZ_1M);
	oracle_add_window(&o, SZ_1G - 8 * SZ_1M, 16 * SZ_1M);
	if (v->width > 40)
		oracle_add_window(&o, SZ_512G - 4 * SZ_1M, 8 * SZ_1M);
	oracle_add_window(&o, v->end - 8 * SZ_1M, 8 * SZ_1M);
	for (unsigned long i = 0; i < steps; i++) {
		oracle_step(&o, &r, GPAS);
		if (i % 8 == 0) {
			const struct oracle_window *w = &o.window[rng_below(&r, o.nr)];
			__u64 length = 1 + rng_below(&r, SZ_64K);
			__u64 at = rng_below(&r, w->nr * SZ_4K - length);

			oracle_check_access(&o, w->base + at, length, 1 + rng_below(&r, 3));
		}
		if (i % 150 == 149) {
			oracle_check_list(&o);
			oracle_check_translate(&o);
		}
	}
	oracle_check_list(&o);
	oracle_check_translate(&o);
	oracle_unmap_all(&o);
	oracle_check_list(&o);
	ASSERT_LE(table_bytes(&e), SZ_4K);
	oracle_free(&o);
}

/* A mapping across the middle of 64 bits is one, in a listing as elsewhere. */
TEST(listed_across_the_middle)
{
	const __u64 middle = 1ull << 63;
	struct nyx_mapping_info *info;
	struct env e;
	size_t nr;

	env_open(&e, .memory = MEM_NONE, .unit_width = 64, .format = NYX_FORMAT_AMDV1,
		 .width = 64);
	test_cmd(cmd_map(e.fd, e.domain, middle - SZ_64K, SZ_1G, 2 * SZ_64K, RW));
	info = list_all(e.fd, NYX_LIST_MAPPINGS, e.domain, sizeof(*info), &nr);
	ASSERT_EQ(1, nr);
	ASSERT_EQ(middle - SZ_64K, info->iova);
	ASSERT_EQ(2 * SZ_64K, info->length);
	ASSERT_EQ(SZ_1G, info->gpa);
	free(info);
}

/* ---- unmap reports what was there ---- */

TEST(unmap_counts)
{
	__u64 unmapped;
	struct env e;

	env_open(&e);
	for (int i = 0; i < 10; i++)
		test_cmd(cmd_map(e.fd, e.domain, (1ull + 2 * i) * SZ_1M, 0, SZ_64K, RW));
	/* A range that begins and ends in holes, and one that covers nothing. */
	test_cmd(cmd_unmap(e.fd, e.domain, 0, 6 * SZ_1M, &unmapped));
	ASSERT_EQ(3 * SZ_64K, unmapped);
	test_err(ENOENT, cmd_unmap(e.fd, e.domain, 0, 6 * SZ_1M, &unmapped));
	test_err(ENOENT, cmd_unmap(e.fd, e.domain, 8 * SZ_1M, SZ_1M, NULL));
	/* Parts of mappings. */
	test_cmd(cmd_unmap(e.fd, e.domain, 7 * SZ_1M + SZ_4K, 2 * SZ_1M, &unmapped));
	ASSERT_EQ(SZ_64K - SZ_4K + SZ_4K, unmapped);
	/* The whole address space as a range. */
	test_cmd(cmd_unmap(e.fd, e.domain, 0, 1ull << 48, &unmapped));
	ASSERT_EQ(7 * SZ_64K - SZ_64K, unmapped);
	test_err(ENOENT, cmd_unmap(e.fd, e.domain, 0, 1ull << 48, NULL));
	test_cmd(cmd_unmap_all(e.fd, e.domain, &unmapped));
	ASSERT_EQ(0, unmapped);
}

/* ---- what stays mapped never faults ---- */

struct split_race {
	struct env e;
	__u64 size;
	bool stop;
	unsigned long accesses;
};

static void *split_reader(void *arg)
{
	struct split_race *s = arg;
	struct rng r = { .state = ktap_seed };
	struct nyx_translate t;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		/* Odd pages stay. */
		__u64 at = rng_below(&r, s->size / SZ_4K / 2) * 2 * SZ_4K + SZ_4K;

		test_cmd(cmd_translate(s->e.fd, &t, s->e.sbdf, RW, SZ_1G + at, SZ_4K));
		ASSERT_EQ(NYX_FAULT_NONE, t.out_fault.reason);
		ASSERT_EQ(SZ_1G + at, t.out_extent.gpa);
		ASSERT_EQ(SZ_4K, t.out_done);
		__atomic_add_fetch(&s->accesses, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void split_under_access(const struct format *v, __u64 size, __u32 iotlb)
{
	struct rng r = rng_start(size);
	struct split_race s = { .size = size };
	pthread_t t;

	env_open(&s.e, .memory = MEM_RESERVED, .mem_size = GPAS, .unit_width = 64,
		 .format = v->format, .width = v->width, .iotlb = iotlb);
	test_cmd(cmd_map(s.e.fd, s.e.domain, SZ_1G, SZ_1G, size, RW));
	t = thread_start(split_reader, &s);
	for (unsigned long i = 0; i < ktap_iterations(400); i++) {
		__u64 at = rng_below(&r, size / SZ_4K / 2) * 2 * SZ_4K;

		/* Cut the large page, and make it whole again. */
		test_cmd(cmd_unmap(s.e.fd, s.e.domain, SZ_1G + at, SZ_4K, NULL));
		if (i % 8 == 0)
			sched_yield();
		test_cmd(cmd_map(s.e.fd, s.e.domain, SZ_1G + at, SZ_1G + at, SZ_4K, RW));
		if (i % 8 == 4)
			sched_yield();
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	close(s.e.fd);
}

TEST_EACH(split_2m_under_access, formats)
{
	split_under_access(v, SZ_2M, 0);
	split_under_access(v, SZ_2M, ENV_IOTLB_OFF);
}

TEST_EACH(split_1g_under_access, formats)
{
	split_under_access(v, SZ_1G, 0);
	split_under_access(v, SZ_1G, ENV_IOTLB_OFF);
}
