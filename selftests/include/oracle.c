// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: what a domain must hold, page by page.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "oracle.h"

#include <stdlib.h>

void oracle_add_window(struct oracle *o, __u64 base, __u64 bytes)
{
	struct oracle_window *w = &o->window[o->nr++];

	ASSERT_LE(o->nr, ORACLE_WINDOWS);
	w->base = base;
	w->nr = bytes / SZ_4K;
	w->page = ktap_alloc(w->nr * sizeof(w->page[0]));
}

void oracle_free(struct oracle *o)
{
	while (o->nr)
		free(o->window[--o->nr].page);
}

static struct oracle_window *find_window(const struct oracle *o, __u64 iova)
{
	for (unsigned int i = 0; i < o->nr; i++) {
		const struct oracle_window *w = &o->window[i];

		if (iova - w->base < w->nr * SZ_4K)
			return (struct oracle_window *)w;
	}
	FAIL("0x%llx is in no window", (unsigned long long)iova);
	return NULL;
}

__u64 oracle_page(const struct oracle *o, __u64 iova)
{
	const struct oracle_window *w = find_window(o, iova);

	return w->page[(iova - w->base) / SZ_4K];
}

void oracle_map(struct oracle *o, __u64 iova, __u64 gpa, __u64 length, __u32 prot)
{
	struct oracle_window *w = find_window(o, iova);
	__u64 first = (iova - w->base) / SZ_4K, n = length / SZ_4K;
	int expect = 0;

	for (__u64 i = 0; i < n; i++)
		if (w->page[first + i])
			expect = -EEXIST;
	ktap_note("map 0x%llx + 0x%llx to 0x%llx, %u", (unsigned long long)iova,
		  (unsigned long long)length, (unsigned long long)gpa, prot);
	ASSERT_EQ(expect, cmd_map(o->fd, o->domain, iova, gpa, length, prot));
	if (expect)
		return;
	if (o->no_write_only && prot == NYX_PROT_WRITE)
		prot = RW;
	for (__u64 i = 0; i < n; i++)
		w->page[first + i] = (gpa + i * SZ_4K) | prot;
}

static __u64 forget(struct oracle_window *w, __u64 first, __u64 n)
{
	__u64 bytes = 0;

	for (__u64 i = 0; i < n; i++) {
		if (w->page[first + i])
			bytes += SZ_4K;
		w->page[first + i] = 0;
	}
	return bytes;
}

static void invalidate(const struct oracle *o)
{
	if (o->batched)
		test_cmd(cmd_invalidate(o->fd, NYX_SCOPE_DOMAIN, o->domain, 0, 0, 0));
}

void oracle_unmap(struct oracle *o, __u64 iova, __u64 length)
{
	struct oracle_window *w = find_window(o, iova);
	__u64 expect = forget(w, (iova - w->base) / SZ_4K, length / SZ_4K), unmapped;
	int ret;

	ktap_note("unmap 0x%llx + 0x%llx", (unsigned long long)iova,
		  (unsigned long long)length);
	ret = cmd_unmap(o->fd, o->domain, iova, length, &unmapped);
	ASSERT_EQ(expect ? 0 : -ENOENT, ret);
	if (!ret)
		ASSERT_EQ(expect, unmapped);
	invalidate(o);
}

void oracle_unmap_all(struct oracle *o)
{
	__u64 expect = 0, unmapped;

	for (unsigned int i = 0; i < o->nr; i++)
		expect += forget(&o->window[i], 0, o->window[i].nr);
	ktap_note("unmap all");
	test_cmd(cmd_unmap_all(o->fd, o->domain, &unmapped));
	ASSERT_EQ(expect, unmapped);
	invalidate(o);
}

void oracle_step(struct oracle *o, struct rng *r, __u64 gpas)
{
	struct oracle_window *w = &o->window[rng_below(r, o->nr)];
	__u64 align = 1, first, n, gpa;
	unsigned int what = rng_below(r, 1000);

	if (!what) {
		oracle_unmap_all(o);
		return;
	}
	/* Small and large pieces, on small and large boundaries. */
	if (rng_below(r, 2))
		align = 512;
	first = rng_below(r, w->nr) & ~(align - 1);
	n = 1 + rng_below(r, rng_below(r, 3) ? 64 : 2048);
	if (align > 1 && rng_below(r, 2))
		n = 512 * (1 + rng_below(r, 4));
	if (n > w->nr - first)
		n = w->nr - first;
	if (what < 550) {
		/* Often where large pages and neighbours fit. */
		gpa = rng_below(r, gpas / SZ_4K - n + 1) * SZ_4K;
		if (rng_below(r, 4)) {
			__u64 iova = w->base + first * SZ_4K;

			gpa = (iova % (gpas / 2)) & ~(SZ_4K - 1);
			if (!rng_below(r, 8))
				gpa ^= SZ_2M;
			if (gpa > gpas - n * SZ_4K)
				gpa = gpas - n * SZ_4K;
		}
		oracle_map(o, w->base + first * SZ_4K, gpa, n * SZ_4K,
			   rng_below(r, 4) ? RW : 1 + rng_below(r, 3));
	} else {
		oracle_unmap(o, w->base + first * SZ_4K, n * SZ_4K);
	}
}

/* The fault that ends a translation of what is not mapped. */
static void check_not_present(const struct nyx_fault *f, __u64 iova)
{
	ASSERT_TRUE(f->reason == NYX_FAULT_NOT_PRESENT ||
		    f->reason == NYX_FAULT_TABLE_NOT_PRESENT);
	ASSERT_EQ(f->reason == NYX_FAULT_TABLE_NOT_PRESENT, f->level > 0);
	ASSERT_NE(NYX_LEVEL_NONE, f->level);
	ASSERT_EQ(iova, f->iova);
	ASSERT_EQ(NYX_GPA_UNKNOWN, f->gpa);
}

static void check_window(const struct oracle *o, const struct oracle_window *w, __u32 access)
{
	static struct nyx_extent extents[512];
	struct nyx_translate t;
	__u64 i = 0;

	while (i < w->nr) {
		__u64 iova = w->base + i * SZ_4K, described = 0;

		ktap_note("translate from 0x%llx for %u", (unsigned long long)iova, access);
		nyx_translate_init(&t, o->sbdf, access, iova, (w->nr - i) * SZ_4K);
		t.extents = PTR(extents);
		t.nr_extents = ARRAY_SIZE(extents);
		test_cmd(nyx_cmd(o->fd, NYX_TRANSLATE, &t));
		ASSERT_LE(t.out_nr_extents, ARRAY_SIZE(extents));
		for (__u32 j = 0; j < t.out_nr_extents; j++) {
			ASSERT_EQ(iova + described, extents[j].iova);
			ASSERT_GT(extents[j].length, 0);
			ASSERT_EQ(0, extents[j].length % SZ_4K);
			for (__u64 at = 0; at < extents[j].length; at += SZ_4K, i++) {
				ASSERT_LT(i, w->nr);
				ktap_note("page 0x%llx", (unsigned long long)(w->base + i * SZ_4K));
				ASSERT_EQ(w->page[i], (extents[j].gpa + at) | extents[j].prot);
			}
			described += extents[j].length;
		}
		ASSERT_EQ(described, t.out_done);
		if (t.out_fault.reason == NYX_FAULT_NONE) {
			ASSERT_TRUE(i == w->nr || t.out_nr_extents == ARRAY_SIZE(extents));
			continue;
		}
		/* The next page does not grant it. */
		iova = w->base + i * SZ_4K;
		ktap_note("fault at page 0x%llx for %u", (unsigned long long)iova, access);
		ASSERT_LT(i, w->nr);
		if (!w->page[i]) {
			check_not_present(&t.out_fault, iova);
		} else {
			__u32 missing = access & ~(__u32)w->page[i];

			ASSERT_NE(0, missing);
			ASSERT_EQ(missing & NYX_PROT_READ ? NYX_FAULT_READ_DENIED :
				  NYX_FAULT_WRITE_DENIED, t.out_fault.reason);
			ASSERT_EQ(iova, t.out_fault.iova);
			ASSERT_EQ(w->page[i] & ~(SZ_4K - 1), t.out_fault.gpa);
		}
		ASSERT_EQ(access, t.out_fault.access);
		/* On to the next that does. */
		while (i < w->nr && (access & ~(__u32)w->page[i])) {
			i++;
			if (i % 64 == 0)
				break;
		}
	}
}

void oracle_check_translate(const struct oracle *o)
{
	for (unsigned int i = 0; i < o->nr; i++)
		for (__u32 access = NYX_PROT_READ; access <= RW; access++)
			check_window(o, &o->window[i], access);
}

/* The next mapped page from *@i of window *@w on. */
static bool next_mapped(const struct oracle *o, unsigned int *w, __u64 *i)
{
	for (; *w < o->nr; (*w)++, *i = 0)
		for (; *i < o->window[*w].nr; (*i)++)
			if (o->window[*w].page[*i])
				return true;
	return false;
}

void oracle_check_list(const struct oracle *o)
{
	struct nyx_mapping_info *all;
	unsigned int w = 0;
	__u64 i = 0, bytes = 0;
	struct nyx_domain_info info;
	size_t nr;

	all = list_all(o->fd, NYX_LIST_MAPPINGS, o->domain, sizeof(*all), &nr);
	for (size_t j = 0; j < nr; j++) {
		const struct nyx_mapping_info *m = &all[j];

		ktap_note("extent %zu, 0x%llx + 0x%llx", j, (unsigned long long)m->iova,
			  (unsigned long long)m->length);
		ASSERT_TRUE(next_mapped(o, &w, &i));
		ASSERT_EQ(o->window[w].base + i * SZ_4K, m->iova);
		ASSERT_TRUE(m->length && m->length % SZ_4K == 0);
		ASSERT_TRUE(m->page_size_lg2 >= 12 && m->length >= 1ull << m->page_size_lg2);
		for (__u64 at = 0; at < m->length; at += SZ_4K, i++) {
			ASSERT_LT(i, o->window[w].nr);
			ASSERT_EQ(o->window[w].page[i], (m->gpa + at) | m->prot);
		}
		/* Extents that could be one are one. */
		if (i < o->window[w].nr)
			ASSERT_NE(o->window[w].page[i], (m->gpa + m->length) | m->prot);
		bytes += m->length;
	}
	ASSERT_TRUE(!next_mapped(o, &w, &i));
	free(all);
	domain_info(o->fd, o->domain, &info);
	ASSERT_EQ(bytes, info.mapped_bytes);
}

void oracle_check_access(const struct oracle *o, __u64 iova, __u64 length, __u32 access)
{
	struct nyx_translate t;
	__u64 done = 0;

	while (done < length && !(access & ~(__u32)oracle_page(o, iova + done)))
		done += SZ_4K - (iova + done) % SZ_4K;
	if (done > length)
		done = length;
	ktap_note("access of 0x%llx at 0x%llx", (unsigned long long)length,
		  (unsigned long long)iova);
	test_cmd(cmd_translate(o->fd, &t, o->sbdf, access, iova, length));
	/* Without room for extents the answer is about the first. */
	ASSERT_LE(t.out_done, done);
	ASSERT_EQ(!done, !t.out_done);
	if (!done) {
		ASSERT_NE(NYX_FAULT_NONE, t.out_fault.reason);
		ASSERT_EQ(iova, t.out_fault.iova);
		return;
	}
	ASSERT_EQ(iova, t.out_extent.iova);
	ASSERT_EQ(t.out_done, t.out_extent.length);
	for (__u64 at = 0; at < t.out_done; at += SZ_4K) {
		__u64 page = oracle_page(o, iova + at);

		ASSERT_EQ((page & ~(SZ_4K - 1)) + (iova + at) % SZ_4K, t.out_extent.gpa + at);
		ASSERT_EQ(page & RW, t.out_extent.prot);
	}
}
