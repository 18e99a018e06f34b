// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: how soon a long command ends when its caller is killed.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each command has work for a second or so. Its caller is killed when the command
 * has begun, and what the command did after that is counted: bytes, items, entries,
 * as far as they can be seen meanwhile; at least it has not done all of it.
 */
#include "victim.h"

#include <stdlib.h>
#include <sys/mman.h>

#define DEVICE	ENV_SBDF

/* A command that each signal has found done, or that none has ended in time. */
static void too_late(void)
{
	FAIL("the command did its work to the end %d times, or was faster than a signal",
	     VICTIM_TRIES);
}

/* ---- DMA ---- */

#define WINDOW		(64 * SZ_1M)	/* of guest memory, mapped again and again */
#define LENGTH		SZ_1G
#define FILLING		0x5d

static const struct dma_case {
	const char *name;
	__u32 flags;
	bool file;
	__u64 after;	/* bytes, at most, that are done after the signal */
} dma_cases[] = {
	/* By the piece, or by the page; in pinned memory a megabyte at a time. */
	{ "user", 0, false, SZ_64K },
	{ "file", 0, true, SZ_64K },
	{ "pinned", NYX_MEMORY_F_PINNED, false, 2 * SZ_1M },
	{ "file_pinned", NYX_MEMORY_F_PINNED, true, 2 * SZ_1M },
};

/**
 * struct dma - what the process of a DMA works with
 * @v: kind of memory
 * @fd: the unit
 * @memfd: the memory
 * @mem: likewise, mapped by both processes
 */
struct dma {
	const struct dma_case *v;
	int fd;
	int memfd;
	unsigned char *mem;
};

static int dma_prepare(void *arg)
{
	struct dma *d = arg;
	const __u32 flags = d->v->flags | NYX_MEMORY_F_SHARED;
	__u32 id;

	d->fd = nyx_open();
	test_cmd(cmd_unit_create_dflt(d->fd, NULL, 0, NULL));
	if (d->v->file)
		test_cmd(cmd_memory_add_file(d->fd, flags, 0, WINDOW, d->memfd, 0));
	else
		test_cmd(cmd_memory_add(d->fd, flags, 0, WINDOW, d->mem));
	test_cmd(cmd_domain_paging(d->fd, 0, &id));
	for (__u64 iova = 0; iova < LENGTH; iova += WINDOW)
		test_cmd(cmd_map(d->fd, id, iova, 0, WINDOW, RW));
	test_cmd(cmd_device_add(d->fd, DEVICE));
	test_cmd(cmd_device_attach(d->fd, DEVICE, id, 0));
	return d->fd;
}

static void dma_run(void *arg)
{
	struct dma *d = arg;
	struct nyx_dma c;

	cmd_dma_fill(d->fd, &c, DEVICE, 0, LENGTH, 1, FILLING);
}

static unsigned char dma_byte(const struct dma *d, __u64 at)
{
	return __atomic_load_n(d->mem + at, __ATOMIC_SEQ_CST);
}

static bool dma_began(struct victim *v, void *arg)
{
	(void)v;
	return dma_byte(arg, 0) == FILLING;
}

/* How far the first round through the window has come. */
static __u64 dma_done(const struct dma *d)
{
	__u64 low = 0, high = WINDOW;

	while (low < high) {
		__u64 mid = (low + high) / 2;

		if (dma_byte(d, mid) == FILLING)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

TEST_EACH(dma, dma_cases)
{
	struct dma d = { .v = v, .memfd = memfd_new("killed", WINDOW) };
	struct victim victim;

	d.mem = map_aligned(WINDOW, SZ_2M, PROT_READ | PROT_WRITE, MAP_SHARED, d.memfd);
	for (int i = 0; i < VICTIM_TRIES; i++) {
		__u64 seen, done = LENGTH;

		memset(d.mem, 0, WINDOW);
		victim_start(&victim, dma_prepare, dma_run, &d);
		victim_kill(&victim, dma_began, &d);
		seen = dma_done(&d);
		if (victim_end(&victim))
			done = unit_stat(victim.fd, NYX_STAT_WRITE_BYTES);
		victim_close(&victim);
		ASSERT_LE(done, LENGTH);
		if (done == LENGTH || seen == WINDOW)
			continue;
		ktap_print("%llu KiB when it was killed, %llu in all",
			   (unsigned long long)seen >> 10, (unsigned long long)done >> 10);
		ASSERT_LE(done, seen + v->after);
		return;
	}
	too_late();
}

/* ---- what has a table of small pages ---- */

/**
 * struct tables - what the process of such a command works with
 * @fd: the unit
 * @domain: its domain
 * @out: memory of both processes: what the command tells
 * @items: of an array, likewise
 * @pages: that are mapped before
 */
struct tables {
	int fd;
	__u32 domain;
	void *out;
	struct nyx_unmap *items;
	__u64 pages;
};

static int tables_prepare(void *arg)
{
	struct nyx_domain_create c = { .page_sizes = SZ_4K, .domain_id = 1 };
	struct nyx_unit_create u = { 0 };	/* no cache: each page is a walk */
	struct tables *t = arg;

	t->fd = nyx_open();
	test_cmd(cmd_unit_create(t->fd, &u));
	test_cmd(cmd_domain_create(t->fd, &c));
	t->domain = c.out_domain_id;
	test_cmd(cmd_device_add(t->fd, DEVICE));
	test_cmd(cmd_device_attach(t->fd, DEVICE, t->domain, 0));
	if (t->pages)
		test_cmd(cmd_map(t->fd, t->domain, SZ_1G, 0, t->pages * SZ_4K, RW));
	return t->fd;
}

static __u64 mapped_pages(const struct victim *v)
{
	struct nyx_domain_info info;

	domain_info(v->fd, 1, &info);
	return info.mapped_bytes / SZ_4K;
}

/* ---- translate ---- */

#define EXTENTS	64u	/* apart from each other, before all that is one */

static int translate_prepare(void *arg)
{
	struct tables *t = arg;
	int fd = tables_prepare(arg);
	unsigned char *mem = map_aligned(t->pages * SZ_4K, SZ_2M, PROT_NONE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	test_cmd(cmd_memory_add(fd, NYX_MEMORY_F_SHARED, 0, t->pages * SZ_4K, mem));
	for (unsigned int i = 1; i <= EXTENTS; i++)
		test_cmd(cmd_map(fd, t->domain, SZ_1G - i * SZ_4K, 2 * i * SZ_4K, SZ_4K, RW));
	return fd;
}

static void translate_run(void *arg)
{
	struct tables *t = arg;
	struct nyx_translate c = {
		.size = sizeof(c), .sbdf = DEVICE, .pasid = NYX_PASID_NONE,
		.access = NYX_PROT_READ, .iova = SZ_1G - EXTENTS * SZ_4K,
		.length = (t->pages + EXTENTS) * SZ_4K, .extents = PTR(t->out), .nr_extents = 2 * EXTENTS,
	};

	nyx_cmd(t->fd, NYX_TRANSLATE, &c);
}

static bool translate_began(struct victim *v, void *arg)
{
	const struct nyx_extent *extents = ((struct tables *)arg)->out;

	(void)v;
	/* All but those that are told together with what follows. */
	return __atomic_load_n(&extents[EXTENTS - 17].length, __ATOMIC_SEQ_CST);
}

TEST(translate)
{
	struct tables t = { .out = victim_memory(SZ_64K), .pages = 1 << 19 };
	struct victim victim;

	for (int i = 0; i < VICTIM_TRIES; i++) {
		__u64 done = 0;

		memset(t.out, 0, SZ_64K);
		victim_start(&victim, translate_prepare, translate_run, &t);
		victim_kill(&victim, translate_began, &t);
		if (victim_end(&victim))
			done = unit_stat(victim.fd, NYX_STAT_WALKS);
		victim_close(&victim);
		/* Of what it has done nothing can be seen before its end: not much, once. */
		if (!done || done > t.pages / 4)
			continue;
		ktap_print("%llu walks of %llu", (unsigned long long)done,
			   (unsigned long long)t.pages);
		return;
	}
	too_late();
}

/* ---- map and unmap ---- */

#define MANY	(2 * SZ_1M)	/* pages: 8 GiB */

static void map_run(void *arg)
{
	struct tables *t = arg;

	cmd_map(t->fd, t->domain, SZ_1G, 0, MANY * SZ_4K, RW);
}

static bool map_began(struct victim *v, void *arg)
{
	struct nyx_domain_info info;

	(void)arg;
	domain_info(v->fd, 1, &info);
	return info.table_bytes > 4 * SZ_4K;
}

/* A map that is killed takes back what it has done. */
TEST(map)
{
	struct tables t = { 0 };
	struct victim victim;

	for (int i = 0; i < VICTIM_TRIES; i++) {
		__u64 mapped = MANY;

		victim_start(&victim, tables_prepare, map_run, &t);
		victim_kill(&victim, map_began, &t);
		if (victim_end(&victim))
			mapped = mapped_pages(&victim);
		victim_close(&victim);
		if (mapped == MANY)
			continue;
		ASSERT_EQ(0, mapped);
		return;
	}
	too_late();
}

/* ---- arrays ---- */

#define ITEMS	NYX_ARRAY_MAX

static void array_run(void *arg)
{
	struct tables *t = arg;

	for (unsigned int i = 0; i < ITEMS; i++)
		t->items[i] = (struct nyx_unmap){
			.size = sizeof(t->items[i]), .domain_id = t->domain,
			.iova = SZ_1G + i * SZ_4K, .length = SZ_4K,
		};
	cmd_array(t->fd, NYX_CMD_UNMAP, t->items, sizeof(t->items[0]), ITEMS, NULL);
}

static unsigned int items_done(const struct tables *t)
{
	unsigned int low = 0, high = ITEMS;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (__atomic_load_n(&t->items[mid].out_unmapped, __ATOMIC_SEQ_CST))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool array_began(struct victim *v, void *arg)
{
	(void)v;
	return items_done(arg);
}

TEST(array)
{
	const size_t size = ITEMS * sizeof(struct nyx_unmap);
	struct tables t = { .items = victim_memory(size), .pages = ITEMS };
	struct victim victim;

	for (int i = 0; i < VICTIM_TRIES; i++) {
		unsigned int seen, done = ITEMS;

		memset(t.items, 0, size);
		victim_start(&victim, tables_prepare, array_run, &t);
		victim_kill(&victim, array_began, &t);
		seen = items_done(&t);
		if (victim_end(&victim))
			done = ITEMS - mapped_pages(&victim);
		victim_close(&victim);
		if (done == ITEMS || seen == ITEMS)
			continue;
		ktap_print("%u items when it was killed, %u in all", seen, done);
		/* A chunk that is under way, and one that has not been told. */
		ASSERT_LE(done, seen + 64);
		return;
	}
	too_late();
}

/* ---- listings ---- */

#define ENTRIES	NYX_ARRAY_MAX
#define STEP	2u	/* mappings are one page, and one page apart */

static int list_prepare(void *arg)
{
	struct nyx_map *items = ktap_alloc(ENTRIES * sizeof(*items));
	struct tables *t = arg;
	int fd = tables_prepare(arg);

	for (unsigned int i = 0; i < ENTRIES; i++)
		items[i] = (struct nyx_map){
			.size = sizeof(items[i]), .domain_id = t->domain, .prot = RW,
			.iova = SZ_1G + i * STEP * SZ_4K, .length = SZ_4K,
		};
	test_cmd(cmd_array(fd, NYX_CMD_MAP, items, sizeof(items[0]), ENTRIES, NULL));
	free(items);
	return fd;
}

static void list_run(void *arg)
{
	struct tables *t = arg;
	struct nyx_list l = { .type = NYX_LIST_MAPPINGS, .domain_id = t->domain };

	cmd_list(t->fd, &l, t->out, sizeof(struct nyx_mapping_info), ENTRIES);
}

static unsigned int entries_done(const struct tables *t)
{
	const struct nyx_mapping_info *info = t->out;
	unsigned int low = 0, high = ENTRIES;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (__atomic_load_n(&info[mid].length, __ATOMIC_SEQ_CST))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool list_began(struct victim *v, void *arg)
{
	(void)v;
	return entries_done(arg);
}

TEST(list)
{
	const size_t size = ENTRIES * sizeof(struct nyx_mapping_info);
	struct tables t = { .out = victim_memory(size) };
	struct victim victim;

	for (int i = 0; i < VICTIM_TRIES; i++) {
		unsigned int seen, done = ENTRIES;

		memset(t.out, 0, size);
		victim_start(&victim, list_prepare, list_run, &t);
		victim_kill(&victim, list_began, &t);
		seen = entries_done(&t);
		if (victim_end(&victim))
			done = entries_done(&t);
		victim_close(&victim);
		if (done == ENTRIES || seen == ENTRIES)
			continue;
		ktap_print("%u entries when it was killed, %u in all", seen, done);
		ASSERT_LE(done, seen + 1);
		return;
	}
	too_late();
}
