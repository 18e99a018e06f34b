// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: dirty tracking: which pages, how they are told, what waits for what.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * nyx_dirty_stress has the concurrent writers; the writes that the vendor models make are in
 * the tests of these models.
 */
#include "view.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NO_CLEAR	NYX_DIRTY_READ_F_NO_CLEAR
#define IOVA		(16 * SZ_1G)	/* where the guest's memory is mapped, from GPA 0 */
#define PAGES		1024u		/* of the guest */
#define WORDS(bits)	(((bits) + 63) / 64)

static bool bit(const __u64 *bitmap, unsigned int i)
{
	return bitmap[i / 64] >> i % 64 & 1;
}

static void set_bit(__u64 *bitmap, unsigned int i)
{
	bitmap[i / 64] |= 1ull << i % 64;
}

/* A tracked unit with 4 MiB of memory, all of it mapped. */
static void open_tracked(struct env *e, enum env_memory memory)
{
	env_open(e, .memory = memory);
	test_cmd(cmd_map(e->fd, e->domain, IOVA, 0, e->mem_size, RW));
	test_cmd(cmd_dirty_start(e->fd));
}

static void write_at(const struct env *e, __u64 gpa, __u64 length)
{
	struct nyx_dma c;

	test_cmd(cmd_dma_fill(e->fd, &c, e->sbdf, IOVA + gpa, length, 1, 0x5a));
	ASSERT_EQ(length, c.out_done);
}

/* Exactly the pages from @first to @last are dirty, and nothing is any more. */
static void expect_pages(const struct env *e, unsigned int first, unsigned int last)
{
	__u64 bitmap[WORDS(PAGES)], nr;

	memset(bitmap, NYX_POISON, sizeof(bitmap));
	test_cmd(cmd_dirty_read(e->fd, 0, 0, PAGES * SZ_4K, SZ_4K, bitmap, &nr));
	for (unsigned int i = 0; i < PAGES; i++) {
		ktap_note("page %u", i);
		ASSERT_EQ(i >= first && i <= last, bit(bitmap, i));
	}
	ASSERT_EQ(last >= first ? last - first + 1 : 0, nr);
	test_cmd(cmd_dirty_read(e->fd, NO_CLEAR, 0, PAGES * SZ_4K, SZ_4K, bitmap, &nr));
	ASSERT_EQ(0, nr);
	ASSERT_FILLED(bitmap, 0, sizeof(bitmap));
}

#define EXPECT_CLEAN(e)	expect_pages(e, 1, 0)

/* ---- what counts ---- */

TEST_EACH(writes, memory_cases)
{
	unsigned char buf[3 * SZ_4K] = { 0 };
	struct nyx_dma c;
	struct env e;

	open_tracked(&e, v->memory);
	EXPECT_CLEAN(&e);
	dma_read(e.fd, e.sbdf, IOVA, buf, sizeof(buf));
	EXPECT_CLEAN(&e);
	/* A byte, a word, a page, from the last byte of one page to the first of another. */
	dma_write(e.fd, e.sbdf, IOVA, buf, 1);
	expect_pages(&e, 0, 0);
	dma_write(e.fd, e.sbdf, IOVA + e.mem_size - 8, buf, 8);
	expect_pages(&e, PAGES - 1, PAGES - 1);
	dma_write(e.fd, e.sbdf, IOVA + 64 * SZ_4K, buf, SZ_4K);
	expect_pages(&e, 64, 64);
	dma_write(e.fd, e.sbdf, IOVA + 63 * SZ_4K - 1, buf, SZ_4K + 2);
	expect_pages(&e, 62, 64);
	write_at(&e, 0, e.mem_size);
	expect_pages(&e, 0, PAGES - 1);
	write_at(&e, 127 * SZ_4K + 5, 66 * SZ_4K);
	expect_pages(&e, 127, 193);
	/* An atomic, also one that finds something else than it expects. */
	test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_FETCH_ADD, IOVA + 7 * SZ_4K, 8, 1, 0));
	expect_pages(&e, 7, 7);
	test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_SWAP, IOVA + 9 * SZ_4K - 4, 4, 1, 0));
	expect_pages(&e, 8, 8);
	test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_CAS, IOVA + 9 * SZ_4K, 8, 1, 77));
	expect_pages(&e, 9, 9);
	/* A refused write makes nothing dirty. */
	test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, IOVA - SZ_4K, buf, SZ_4K));
	ASSERT_EQ(0, c.out_done);
	EXPECT_CLEAN(&e);
	/* The same page twice; the first read takes it. */
	write_at(&e, SZ_4K, 1);
	write_at(&e, SZ_4K, 1);
	expect_pages(&e, 1, 1);
	test_cmd(cmd_dirty_stop(e.fd));
	write_at(&e, 0, e.mem_size);
	test_cmd(cmd_dirty_start(e.fd));
	EXPECT_CLEAN(&e);
}

/* It counts by GPA: two IOVAs of one page are one. */
TEST(by_gpa)
{
	struct env e;

	open_tracked(&e, MEM_PINNED);
	test_cmd(cmd_map(e.fd, e.domain, 0, 5 * SZ_4K, SZ_4K, RW));
	test_cmd(cmd_map(e.fd, e.domain, SZ_1G, 5 * SZ_4K, SZ_4K, RW));
	dma_write(e.fd, e.sbdf, 0, "x", 1);
	expect_pages(&e, 5, 5);
	dma_write(e.fd, e.sbdf, SZ_1G + 8, "x", 1);
	expect_pages(&e, 5, 5);
}

/* Several at once, by all commands that write. */
TEST(arrays)
{
	struct nyx_dma d[3];
	struct env e;

	open_tracked(&e, MEM_FILE);
	for (unsigned int i = 0; i < 3; i++)
		d[i] = (struct nyx_dma) {
			.size = sizeof(d[i]), .sbdf = e.sbdf, .pasid = NYX_PASID_NONE,
			.op = NYX_DMA_FILL, .width = 1, .length = 1,
			.iova = IOVA + (100 + i) * SZ_4K,
		};
	test_cmd(cmd_array(e.fd, NYX_CMD_DMA, d, sizeof(d[0]), 3, NULL));
	expect_pages(&e, 100, 102);
}

/* ---- how it is told ---- */

static const struct page_case {
	const char *name;
	__u64 size;
} page_cases[] = {
	{ "4k", SZ_4K }, { "8k", 2 * SZ_4K }, { "64k", SZ_64K }, { "128k", 2 * SZ_64K },
	{ "256k", 4 * SZ_64K }, { "512k", 8 * SZ_64K }, { "1m", SZ_1M }, { "2m", SZ_2M },
	{ "4m", 2 * SZ_2M }, { "512m", SZ_1G / 2 }, { "1g", SZ_1G },
};

/* Random pages, and ranges that begin and end anywhere, against a plain map of bytes. */
TEST_EACH(page_sizes, page_cases)
{
	const unsigned int per = v->size / SZ_4K, all = per > PAGES ? per : PAGES;
	const __u64 base = 8 * SZ_1G;	/* of 3 ranges, which touch, and not */
	static const unsigned int start[] = { 0, 100, 519 }, end[] = { 100, 517, PAGES };
	unsigned char *mem = map_aligned(PAGES * SZ_4K, SZ_4K, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1);
	__u64 *bitmap = ktap_alloc(WORDS(all) * 8 + 16), want[WORDS(PAGES)], nr;
	struct rng r = rng_start(1);
	unsigned char dirty[PAGES];
	struct env e;

	env_open(&e, .memory = MEM_NONE);
	for (unsigned int i = 0; i < 3; i++)
		test_cmd(cmd_memory_add(e.fd, i % 2 ? NYX_MEMORY_F_PINNED : 0,
					base + start[i] * SZ_4K, (end[i] - start[i]) * SZ_4K,
					mem + start[i] * SZ_4K));
	test_cmd(cmd_map(e.fd, e.domain, IOVA, base, PAGES * SZ_4K, RW));
	test_cmd(cmd_dirty_start(e.fd));
	memset(dirty, 0, sizeof(dirty));
	for (unsigned int round = 0; round < 200; round++) {
		unsigned int from = rng_below(&r, all / per) * per;
		unsigned int n = (1 + rng_below(&r, (all - from) / per)) * per, words;
		const __u32 flags = rng_below(&r, 2) ? NO_CLEAR : 0;

		for (unsigned int i = rng_below(&r, round % 3 ? 4 : 100); i; i--) {
			unsigned int page = rng_below(&r, PAGES);

			if (page == 517 || page == 518)
				continue;	/* no memory */
			write_at(&e, page * SZ_4K, 1);
			dirty[page] = 1;
		}
		words = WORDS(n / per);
		memset(want, 0, sizeof(want));
		for (unsigned int i = 0; i < n && from + i < PAGES; i++) {
			if (dirty[from + i])
				set_bit(want, i / per);
			if (!flags)
				dirty[from + i] = 0;
		}
		ktap_note("round %u, pages from %u, %u of them", round, from, n);
		memset(bitmap, NYX_POISON, WORDS(all) * 8 + 16);
		test_cmd(cmd_dirty_read(e.fd, flags, base + from * SZ_4K, n * SZ_4K, v->size,
					bitmap + 1, &nr));
		/* Whole words, and nothing beside. */
		ASSERT_FILLED(bitmap, NYX_POISON, 8);
		ASSERT_SAME(bitmap + 1, want, words * 8);
		ASSERT_FILLED(bitmap + 1 + words, NYX_POISON, 8);
		for (unsigned int i = 0; i < n / per; i++)
			nr -= bit(want, i);
		ASSERT_EQ(0, nr);
	}
	free(bitmap);
}

/* All that a guest can have, of which four MiB are there. */
TEST(huge_range)
{
	const __u64 all = 1ull << 52, bits = all / SZ_1G;
	__u64 *bitmap = ktap_alloc(bits / 8), nr;
	struct env e;

	open_tracked(&e, MEM_USER);
	test_cmd(cmd_memory_add(e.fd, 0, all - SZ_64K, SZ_64K, e.mem));
	test_cmd(cmd_map(e.fd, e.domain, 0, all - SZ_64K, SZ_64K, RW));
	write_at(&e, SZ_1M, 1);
	dma_write(e.fd, e.sbdf, SZ_64K - 1, "x", 1);
	memset(bitmap, NYX_POISON, bits / 8);
	test_cmd(cmd_dirty_read(e.fd, NO_CLEAR, 0, all, SZ_1G, bitmap, &nr));
	ASSERT_EQ(2, nr);
	ASSERT_EQ(1, bitmap[0]);
	ASSERT_EQ(1ull << 63, bitmap[bits / 64 - 1]);
	ASSERT_FILLED(bitmap + 1, 0, bits / 8 - 16);
	/* Finer, where a bitmap fits in several chunks. */
	test_cmd(cmd_dirty_read(e.fd, 0, all - 256 * SZ_1G, 256 * SZ_1G, SZ_64K, bitmap, &nr));
	ASSERT_EQ(1, nr);
	ASSERT_EQ(1ull << 63, bitmap[256 * SZ_1G / SZ_64K / 64 - 1]);
	test_cmd(cmd_dirty_read(e.fd, 0, 0, all, SZ_1G, bitmap, &nr));
	ASSERT_EQ(1, nr);
	free(bitmap);
}

/* A range that has more pages than the kernel reads at once; a file without pages. */
TEST(large_memory)
{
	const __u64 size = 24 * SZ_1G, at[] = { 0, 8 * SZ_1G - SZ_4K, 8 * SZ_1G, size - SZ_4K };
	__u64 *bitmap = ktap_alloc(size / SZ_4K / 8), nr;
	struct env e;
	int memfd = memfd_new("large", size);

	env_open(&e, .memory = MEM_NONE);
	test_cmd(cmd_memory_add_file(e.fd, 0, SZ_1G, size, memfd, 0));
	test_cmd(cmd_map(e.fd, e.domain, 0, SZ_1G, size, RW));
	test_cmd(cmd_dirty_start(e.fd));
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		dma_write(e.fd, e.sbdf, at[i] + i, "x", 1);
	test_cmd(cmd_dirty_read(e.fd, 0, SZ_1G, size, SZ_4K, bitmap, &nr));
	ASSERT_EQ(4, nr);
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		ASSERT_TRUE(bit(bitmap, at[i] / SZ_4K));
	test_cmd(cmd_dirty_read(e.fd, 0, SZ_1G, size, SZ_4K, bitmap, &nr));
	ASSERT_EQ(0, nr);
	ASSERT_FILLED(bitmap, 0, size / SZ_4K / 8);
	free(bitmap);
}

/* ---- start, stop, memory ---- */

TEST(on_and_off)
{
	__u64 bitmap[WORDS(PAGES)];
	struct env e;

	env_open(&e);
	test_err(EINVAL, cmd_dirty_stop(e.fd));
	test_err(EINVAL, cmd_dirty_read(e.fd, 0, 0, SZ_4K, SZ_4K, bitmap, NULL));
	test_err(EINVAL, cmd_dirty_read(e.fd, NO_CLEAR, 0, SZ_4K, SZ_4K, bitmap, NULL));
	for (unsigned int i = 0; i < 3; i++) {
		test_cmd(cmd_dirty_start(e.fd));
		test_err(EBUSY, cmd_dirty_start(e.fd));
		test_cmd(cmd_dirty_read(e.fd, 0, 0, SZ_4K, SZ_4K, bitmap, NULL));
		test_cmd(cmd_dirty_stop(e.fd));
		test_err(EINVAL, cmd_dirty_stop(e.fd));
		test_err(EINVAL, cmd_dirty_read(e.fd, 0, 0, SZ_4K, SZ_4K, bitmap, NULL));
	}
	/* Units that end while they are tracked. */
	test_cmd(cmd_dirty_start(e.fd));
	test_cmd(cmd_unit_destroy(e.fd));
	close(e.fd);
	open_tracked(&e, MEM_PINNED);
	close(e.fd);
	/* Without memory. */
	env_open(&e, .memory = MEM_NONE);
	test_cmd(cmd_dirty_start(e.fd));
	test_cmd(cmd_dirty_read(e.fd, 0, 0, SZ_1G, SZ_1G, bitmap, NULL));
	ASSERT_EQ(0, bitmap[0]);
}

TEST(memory_comes_and_goes)
{
	unsigned char *mem = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1);
	__u64 bitmap = 0, nr;
	struct env e;

	open_tracked(&e, MEM_USER);
	test_cmd(cmd_map(e.fd, e.domain, 0, SZ_1G, SZ_64K, RW));
	for (unsigned int i = 0; i < 3; i++) {
		const __u32 flags = i % 2 ? NYX_MEMORY_F_PINNED : 0;

		test_cmd(cmd_memory_add(e.fd, flags, SZ_1G, SZ_64K, mem));
		/* It begins clean, and is tracked. */
		test_cmd(cmd_dirty_read(e.fd, 0, SZ_1G, SZ_64K, SZ_4K, &bitmap, &nr));
		ASSERT_EQ(0, bitmap);
		dma_write(e.fd, e.sbdf, (2 + i) * SZ_4K, "x", 1);
		test_cmd(cmd_dirty_read(e.fd, NO_CLEAR, SZ_1G, SZ_64K, SZ_4K, &bitmap, &nr));
		ASSERT_EQ(4u << i, bitmap);
		/* A range that overlaps changes nothing. */
		test_err(EEXIST, cmd_memory_add(e.fd, flags, SZ_1G, SZ_4K, mem));
		write_at(&e, i * SZ_4K, 1);
		test_cmd(cmd_memory_remove(e.fd, SZ_1G, SZ_64K));
		test_cmd(cmd_dirty_read(e.fd, 0, SZ_1G, SZ_64K, SZ_4K, &bitmap, &nr));
		ASSERT_EQ(0, bitmap);
		expect_pages(&e, i, i);
	}
	test_cmd(cmd_dirty_stop(e.fd));
	/* A range that was added while it was off. */
	test_cmd(cmd_memory_add(e.fd, 0, SZ_1G, SZ_64K, mem));
	test_cmd(cmd_dirty_start(e.fd));
	dma_write(e.fd, e.sbdf, 15 * SZ_4K, "x", 1);
	test_cmd(cmd_dirty_read(e.fd, 0, SZ_1G, SZ_64K, SZ_4K, &bitmap, NULL));
	ASSERT_EQ(1u << 15, bitmap);
}

/* Memory that devices cannot write has no bitmap, and is clean. */
TEST(readonly)
{
	unsigned char *mem = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1);
	__u64 bitmap = ~0ull, nr;
	struct nyx_dma c;
	struct env e;

	open_tracked(&e, MEM_USER);
	test_cmd(cmd_memory_add(e.fd, NYX_MEMORY_F_READONLY, SZ_1G, SZ_64K, mem));
	test_cmd(cmd_map(e.fd, e.domain, 0, SZ_1G, SZ_64K, RW));
	test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, 0, "x", 1));
	ASSERT_EQ(NYX_FAULT_READONLY_MEMORY, c.out_fault.reason);
	test_cmd(cmd_dirty_read(e.fd, 0, SZ_1G, SZ_64K, SZ_4K, &bitmap, &nr));
	ASSERT_EQ(0, bitmap);
	ASSERT_EQ(0, nr);
	test_cmd(cmd_dirty_stop(e.fd));
	test_cmd(cmd_dirty_start(e.fd));
}

/* ---- bitmaps that cannot be written ---- */

TEST(bad_pointer)
{
	unsigned char *two = map_aligned(2 * SZ_4K, SZ_4K, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct env e;
	__u64 nr;

	env_open(&e, .mem_size = 256 * SZ_1M);
	test_cmd(cmd_map(e.fd, e.domain, IOVA, 0, e.mem_size, RW));
	test_cmd(cmd_dirty_start(e.fd));
	write_at(&e, 0, 1);
	write_at(&e, 255 * SZ_1M, 1);
	test_cmd(munmap(two + SZ_4K, SZ_4K));
	test_err(EFAULT, cmd_dirty_read(e.fd, 0, 0, e.mem_size, SZ_4K, NULL, NULL));
	/* The first page of the bitmap can be written; no bit is taken. */
	test_err(EFAULT, cmd_dirty_read(e.fd, 0, 0, e.mem_size, SZ_4K, two, NULL));
	ASSERT_FILLED(two, 0, SZ_4K);
	test_cmd(mprotect(two, SZ_4K, PROT_READ));
	test_err(EFAULT, cmd_dirty_read(e.fd, 0, 0, SZ_4K, SZ_4K, two, NULL));
	test_cmd(mprotect(two, SZ_4K, PROT_READ | PROT_WRITE));
	/* At any address. */
	test_cmd(cmd_dirty_read(e.fd, 0, 0, 64 * SZ_1M, SZ_4K, two + 3, &nr));
	ASSERT_EQ(1, nr);
	ASSERT_EQ(1, two[3]);
	test_cmd(cmd_dirty_read(e.fd, 0, 128 * SZ_1M, 128 * SZ_1M, SZ_4K, two, &nr));
	ASSERT_EQ(1, nr);
}

/* ---- who may ---- */

TEST(inspection)
{
	__u64 bitmap;
	struct env e;

	open_tracked(&e, MEM_PINNED);
	write_at(&e, 3 * SZ_4K, 1);
	IN_CHILD {
		int fd = nyx_open();

		test_cmd(cmd_unit_open(fd, e.unit, NULL, NULL));
		test_err(EACCES, cmd_dirty_stop(fd));
		test_err(EACCES, cmd_dirty_start(fd));
		test_err(EACCES, cmd_dirty_read(fd, 0, 0, SZ_64K, SZ_4K, &bitmap, NULL));
		test_cmd(cmd_dirty_read(fd, NO_CLEAR, 0, SZ_64K, SZ_4K, &bitmap, NULL));
		ASSERT_EQ(8, bitmap);
	}
	expect_pages(&e, 3, 3);
}

#define MAX_KIB	"/sys/module/nyx_iommu/parameters/max_dirty_kib_per_user"

/* As a user who has 4 KiB of bitmaps: 128 MiB of memory, by 32 MiB. */
static void up_to_the_limit(const struct stat *node)
{
	const __u64 part = 32 * SZ_1M;
	int memfd = memfd_new("limit", 8 * part), fd[2];
	struct env e;

	(void)node;
	test_cmd(setresgid(12345, 12345, 12345));
	test_cmd(setresuid(12345, 12345, 12345));
	for (unsigned int i = 0; i < 2; i++) {
		fd[i] = nyx_open();
		test_cmd(cmd_unit_create_dflt(fd[i], NULL, 0, NULL));
		for (unsigned int k = 0; k < 2; k++)
			test_cmd(cmd_memory_add_file(fd[i], 0, k * part, part, memfd, k * part));
	}
	for (unsigned int turn = 0; turn < 100; turn++) {
		/* Two units have all of it. */
		test_cmd(cmd_dirty_start(fd[0]));
		test_cmd(cmd_dirty_start(fd[1]));
		test_err(ENOSPC, cmd_memory_add_file(fd[0], 0, 2 * part, SZ_4K, memfd, 2 * part));
		/* A removal makes room. */
		test_cmd(cmd_memory_remove(fd[1], 0, part));
		test_cmd(cmd_memory_add_file(fd[0], 0, 2 * part, part, memfd, 2 * part));
		test_err(ENOSPC, cmd_memory_add_file(fd[1], 0, 0, part, memfd, 0));
		test_cmd(cmd_dirty_stop(fd[0]));
		test_cmd(cmd_memory_add_file(fd[1], 0, 0, part, memfd, 0));
		/* Three parts are too many beside two; nothing of them stays counted. */
		test_err(ENOSPC, cmd_dirty_start(fd[0]));
		test_err(EINVAL, cmd_dirty_stop(fd[0]));
		test_cmd(cmd_dirty_stop(fd[1]));
		test_cmd(cmd_memory_remove(fd[0], 2 * part, part));
	}
	/* So does the end of a unit. */
	test_cmd(cmd_dirty_start(fd[0]));
	test_cmd(cmd_dirty_start(fd[1]));
	close(fd[0]);
	e.fd = nyx_open();
	test_cmd(cmd_unit_create_dflt(e.fd, NULL, 0, NULL));
	test_cmd(cmd_memory_add_file(e.fd, 0, 0, 2 * part, memfd, 0));
	test_cmd(cmd_dirty_start(e.fd));
}

TEST(limit_of_a_user)
{
	struct stat node;
	char old[32] = "";
	int status;
	FILE *f;
	pid_t pid;

	f = fopen(MAX_KIB, "r");
	ASSERT_TRUE(f && fgets(old, sizeof(old), f));
	fclose(f);
	ASSERT_EQ(262144, atoi(old));
	ASSERT_EQ(0, stat(NYX_DEVICE, &node));
	ASSERT_EQ(0, chmod(NYX_DEVICE, 0666));
	write_file(MAX_KIB, "4");
	pid = fork();
	if (!pid) {
		up_to_the_limit(&node);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, chmod(NYX_DEVICE, node.st_mode));
	/* Not for root, who can raise it. */
	for (unsigned int i = 0; i < 2; i++) {
		struct env e;

		env_open(&e, .memory = MEM_FILE, .mem_size = 256 * SZ_1M);
		test_cmd(cmd_dirty_start(e.fd));
		close(e.fd);
	}
	write_file(MAX_KIB, old);
	ASSERT_EQ(0, status);
}

/* ---- views ---- */

#define DIRTY	NYX_WINDOW_DOM_DIRTY

TEST(views_read_only)
{
	struct nyx_view_fill fill;
	struct view view;
	__u64 gpa, size;
	struct env e;
	__u32 dom, late;

	env_open(&e);
	size = e.mem_size;
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, size, RW));
	test_cmd(cmd_device_add(e.fd, 0x77));
	view_open(&view, e.fd, 4, 2);
	dom = view_domain_of(&view, e.sbdf);
	for (unsigned int turn = 0; turn < 2; turn++) {
		test_cmd(cmd_view_fill(e.fd, &fill, e.sbdf, NYX_PROT_READ, 0, 8));
		ASSERT_EQ(RW, fill.out_extent.prot);
		ASSERT_EQ(0, view_dom(&view, dom) & DIRTY);
		test_cmd(cmd_dirty_start(e.fd));
		ASSERT_EQ(DIRTY, view_dom(&view, dom) & DIRTY);
		test_err(EOPNOTSUPP, cmd_view_fill(e.fd, &fill, e.sbdf, RW, 0, 8));
		ASSERT_EQ(NYX_REASON_TRACKED, fill.out_err_reason);
		test_err(EOPNOTSUPP, cmd_view_fill(e.fd, &fill, e.sbdf, NYX_PROT_WRITE, 0, 8));
		/* A translation for reading does not allow to write. */
		test_cmd(cmd_view_fill(e.fd, &fill, e.sbdf, NYX_PROT_READ, 0, 8));
		ASSERT_EQ(NYX_PROT_READ, fill.out_extent.prot);
		ASSERT_EQ(8, fill.out_done);
		/* Limits of a domain, and their end, leave the bit alone. */
		test_cmd(cmd_limit_set(e.fd, NYX_SCOPE_DOMAIN, e.domain,
				       &(struct nyx_limits){ .ops_per_s = 1, .burst_ms = 1 }));
		test_cmd(cmd_limit_set(e.fd, NYX_SCOPE_DOMAIN, e.domain,
				       &(struct nyx_limits){ 0 }));
		ASSERT_EQ(DIRTY, view_dom(&view, dom) & DIRTY);
		/* A domain that is new has it, too. */
		test_cmd(cmd_domain_paging(e.fd, 0, &late));
		test_cmd(cmd_device_attach(e.fd, 0x77, late, turn ? NYX_ATTACH_F_REPLACE : 0));
		ASSERT_EQ(DIRTY, view_dom(&view, view_domain_of(&view, 0x77)) & DIRTY);
		/* A reader in user space goes on. */
		ASSERT_EQ(NYX_READER_HIT, view_reads(&view, e.mem, size, e.sbdf, 0, &gpa));
		test_cmd(cmd_dirty_stop(e.fd));
		ASSERT_EQ(0, view_dom(&view, dom) & DIRTY);
		ASSERT_EQ(0, view_dom(&view, view_domain_of(&view, 0x77)) & DIRTY);
		test_cmd(cmd_view_fill(e.fd, &fill, e.sbdf, RW, 0, 8));
	}
}

static int do_start(void *arg)
{
	return cmd_dirty_start(((struct env *)arg)->fd);
}

/* A section, or a hold, that may have found that it may write. */
TEST(start_waits_for_views)
{
	struct caller c;
	struct view view;
	struct env e;
	__u32 dev, dom;

	env_open(&e, .view_timeout_ms = 60000);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	view_open(&view, e.fd, 4, 2);
	dev = view_find(&view, e.sbdf);
	dom = view_domain_of(&view, e.sbdf);
	for (unsigned int hold = 0; hold < 2; hold++) {
		__u64 bitmap;

		if (hold)
			hold_take(&view, 1, dom, dev, 3, 3);
		else
			slot_enter(&view, 0, dev);
		caller_start(&c, do_start, &e);
		ASSERT_TRUE(caller_waits(&c));
		/* It has begun, and is not there yet. */
		ASSERT_EQ(DIRTY, view_dom(&view, dom) & DIRTY);
		test_err(EBUSY, cmd_dirty_start(e.fd));
		test_err(EINVAL, cmd_dirty_stop(e.fd));
		test_err(EINVAL, cmd_dirty_read(e.fd, 0, 0, SZ_4K, SZ_4K, &bitmap, NULL));
		if (hold)
			hold_release(&view, 1);
		else
			slot_leave(&view, 0);
		test_cmd(caller_end(&c));
		/* From here on neither is waited for. */
		if (hold)
			hold_take(&view, 1, dom, dev, 3, 3);
		else
			slot_enter(&view, 0, dev);
		test_cmd(cmd_dirty_read(e.fd, 0, 0, SZ_4K, SZ_4K, &bitmap, NULL));
		test_cmd(cmd_dirty_stop(e.fd));
		if (hold)
			hold_release(&view, 1);
		else
			slot_leave(&view, 0);
	}
}

TEST(start_cuts_off_views)
{
	struct view view;
	struct env e;
	__u64 bitmap;

	env_open(&e, .view_timeout_ms = 10);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	view_open(&view, e.fd, 1, 0);
	slot_enter(&view, 0, view_find(&view, e.sbdf));
	test_err(ETIMEDOUT, cmd_dirty_start(e.fd));
	/* It is on all the same. */
	test_cmd(cmd_dirty_read(e.fd, 0, 0, SZ_4K, SZ_4K, &bitmap, NULL));
	test_cmd(cmd_dirty_stop(e.fd));
}

/* ---- accesses in flight ---- */

/**
 * struct scene - a write that is held up in the second page of three
 * @e: the unit
 * @stall: where it is held
 * @dma: the write
 * @bitmap: what a read says
 */
struct scene {
	struct env e;
	struct stall stall;
	struct caller dma;
	__u64 bitmap;
};

static int do_write(void *arg)
{
	static const unsigned char zeros[3 * SZ_4K];
	struct scene *s = arg;
	struct nyx_dma c;

	return cmd_dma_write(s->e.fd, &c, s->e.sbdf, IOVA, zeros, sizeof(zeros));
}

static int do_read(void *arg)
{
	struct scene *s = arg;

	return cmd_dirty_read(s->e.fd, 0, 0, SZ_64K, SZ_4K, &s->bitmap, NULL);
}

/**
 * struct late_read - a read that is held up before it takes bits
 * @e: the unit
 * @bitmap: where it is held
 */
struct late_read {
	struct env e;
	__u64 *bitmap;
};

static int do_late_read(void *arg)
{
	struct late_read *late = arg;

	return cmd_dirty_read(late->e.fd, 0, 0, SZ_64K, SZ_4K, late->bitmap, NULL);
}

static void hold_write(struct scene *s)
{
	stall_arm(&s->stall, s->e.mem + SZ_4K, SZ_4K);
	caller_start(&s->dma, do_write, s);
	stall_wait(&s->stall);
}

static void let_write_go(struct scene *s)
{
	stall_release(&s->stall, 0);
	test_cmd(caller_end(&s->dma));
}

/* The bits are there before the write; a read that takes them waits for it. */
TEST(read_waits_for_write)
{
	struct caller reader;
	struct scene s = { 0 };

	open_tracked(&s.e, MEM_USER);
	hold_write(&s);
	test_cmd(cmd_dirty_read(s.e.fd, NO_CLEAR, 0, SZ_64K, SZ_4K, &s.bitmap, NULL));
	ASSERT_EQ(7, s.bitmap);
	s.bitmap = 0;
	caller_start(&reader, do_read, &s);
	ASSERT_TRUE(caller_waits(&reader));
	let_write_go(&s);
	test_cmd(caller_end(&reader));
	ASSERT_EQ(7, s.bitmap);
	EXPECT_CLEAN(&s.e);
}

/* A write that has found no bitmap. */
TEST(start_waits_for_write)
{
	struct caller starter;
	struct scene s = { 0 };

	env_open(&s.e, .memory = MEM_USER);
	test_cmd(cmd_map(s.e.fd, s.e.domain, IOVA, 0, s.e.mem_size, RW));
	hold_write(&s);
	caller_start(&starter, do_start, &s.e);
	ASSERT_TRUE(caller_waits(&starter));
	let_write_go(&s);
	test_cmd(caller_end(&starter));
}

/* Stop waits for nothing, and takes the bits of a write that is under way with it. */
TEST(stop_waits_for_nothing)
{
	struct caller reader;
	struct scene s = { 0 };

	open_tracked(&s.e, MEM_USER);
	hold_write(&s);
	caller_start(&reader, do_read, &s);
	ASSERT_TRUE(caller_waits(&reader));
	test_cmd(cmd_dirty_stop(s.e.fd));
	test_err(EINVAL, cmd_dirty_stop(s.e.fd));
	let_write_go(&s);
	/* It cannot promise anything. */
	test_err(EINVAL, caller_end(&reader));
	test_cmd(cmd_dirty_start(s.e.fd));
	EXPECT_CLEAN(&s.e);
}

/* A read that has begun before tracking was stopped and started takes nothing from the new run. */
TEST(read_across_a_restart)
{
	__u64 *bitmap = map_aligned(SZ_4K, SZ_4K, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1), again = 0;
	struct late_read late = { .bitmap = bitmap };
	struct caller reader;
	struct stall stall;

	open_tracked(&late.e, MEM_PINNED);
	/* It has looked at the run, and writes zeros, before it takes bits. */
	stall_arm(&stall, bitmap, SZ_4K);
	caller_start(&reader, do_late_read, &late);
	stall_wait(&stall);
	test_cmd(cmd_dirty_stop(late.e.fd));
	test_cmd(cmd_dirty_start(late.e.fd));
	write_at(&late.e, 3 * SZ_4K, 1);
	stall_release(&stall, 0);
	test_err(EINVAL, caller_end(&reader));
	/* It gives back what it has taken, or more. */
	test_cmd(cmd_dirty_read(late.e.fd, 0, 0, SZ_64K, SZ_4K, &again, NULL));
	ASSERT_TRUE(bit(&again, 3));
	EXPECT_CLEAN(&late.e);
}

/* A process that is killed while it waits gives back what it has taken, or more. */
TEST(killed_reader)
{
	struct scene s = { 0 };
	__u64 nr;

	open_tracked(&s.e, MEM_USER);
	hold_write(&s);
	caller_kill(caller_fork(do_read, &s));
	let_write_go(&s);
	test_cmd(cmd_dirty_read(s.e.fd, 0, 0, SZ_64K, SZ_4K, &s.bitmap, &nr));
	ASSERT_EQ(0xffff, s.bitmap);
	/* But no more than the range. */
	EXPECT_CLEAN(&s.e);
}

/* One that is killed while it starts leaves nothing on. */
TEST(killed_starter)
{
	struct scene s = { 0 };

	env_open(&s.e, .memory = MEM_USER);
	test_cmd(cmd_map(s.e.fd, s.e.domain, IOVA, 0, s.e.mem_size, RW));
	hold_write(&s);
	caller_kill(caller_fork(do_start, &s.e));
	test_err(EINVAL, cmd_dirty_stop(s.e.fd));
	let_write_go(&s);
	test_cmd(cmd_dirty_start(s.e.fd));
	EXPECT_CLEAN(&s.e);
}
