// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: DMA: what is transferred, exactly, and what stops it.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "nyx_env.h"

#include <stdlib.h>
#include <sys/mman.h>

static const struct dma_case {
	const char *name;
	enum env_memory memory;
	__u32 iotlb;
} dma_cases[] = {
	{ "user", MEM_USER, 0 },
	{ "pinned", MEM_PINNED, 0 },
	{ "file", MEM_FILE, 0 },
	{ "file_pinned", MEM_FILE_PINNED, 0 },
	{ "user_no_iotlb", MEM_USER, ENV_IOTLB_OFF },
	{ "pinned_small_iotlb", MEM_PINNED, 8 },
};

static void fill_random(struct rng *r, unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = rng_next(r);
}

/* ---- transfers ---- */

/*
 * Guest memory in two ranges, scattered page by page over an IOVA range: each
 * access of random place and length against a flat copy.
 */
TEST_EACH(scattered, dma_cases)
{
	enum { PAGES = 256 };
	const size_t size = PAGES * SZ_4K;
	struct rng r = rng_start(1);
	unsigned char *flat = ktap_alloc(size), *buf = ktap_alloc(size);
	struct nyx_dma c;
	struct env e;

	env_open(&e, .memory = v->memory, .iotlb = v->iotlb, .mem_size = size);
	for (unsigned int i = 0; i < PAGES; i++)
		test_cmd(cmd_map(e.fd, e.domain, SZ_1G + i * SZ_4K,
				 i * 101 % PAGES * SZ_4K, SZ_4K, RW));
	fill_random(&r, flat, size);
	dma_write(e.fd, e.sbdf, SZ_1G, flat, size);
	for (unsigned int i = 0; i < PAGES; i++)
		ASSERT_SAME(e.mem + i * 101 % PAGES * SZ_4K, flat + i * SZ_4K, SZ_4K);

	for (unsigned long i = 0; i < ktap_iterations(600); i++) {
		size_t length = 1 + rng_below(&r, rng_below(&r, 2) ? 100 : 5 * SZ_4K);
		size_t at = rng_below(&r, size - length);
		__u32 width = 1u << rng_below(&r, 4);
		__u64 value = rng_next(&r);

		switch (rng_below(&r, 3)) {
		case 0:
			ktap_note("read 0x%zx at 0x%zx", length, at);
			memset(buf, 0, length + 8);
			dma_read(e.fd, e.sbdf, SZ_1G + at, buf, length);
			ASSERT_SAME(buf, flat + at, length);
			ASSERT_FILLED(buf + length, 0, 8);
			break;
		case 1:
			ktap_note("write 0x%zx at 0x%zx", length, at);
			fill_random(&r, flat + at, length);
			dma_write(e.fd, e.sbdf, SZ_1G + at, flat + at, length);
			break;
		default:
			length = (length + width - 1) / width * width;
			if (length > size - at)
				break;
			ktap_note("fill 0x%zx at 0x%zx by %u", length, at, width);
			test_cmd(cmd_dma_fill(e.fd, &c, e.sbdf, SZ_1G + at, length, width, value));
			ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
			ASSERT_EQ(length, c.out_done);
			for (size_t j = 0; j < length; j++)
				flat[at + j] = value >> (8 * (j % width));
		}
	}
	for (unsigned int i = 0; i < PAGES; i++)
		ASSERT_SAME(e.mem + i * 101 % PAGES * SZ_4K, flat + i * SZ_4K, SZ_4K);
	free(flat);
	free(buf);
}

/* Large pages, and an access over all of them. */
TEST_EACH(large, dma_cases)
{
	const size_t size = 8 * SZ_1M;
	unsigned char *buf = ktap_alloc(size), *got = ktap_alloc(size);
	struct rng r = rng_start(2);
	struct env e;

	env_open(&e, .memory = v->memory, .iotlb = v->iotlb, .mem_size = size);
	test_cmd(cmd_map(e.fd, e.domain, SZ_2M, 0, size, RW));
	for (size_t i = 0; i < size; i += 8) {
		__u64 x = rng_next(&r);

		memcpy(buf + i, &x, 8);
	}
	dma_write(e.fd, e.sbdf, SZ_2M, buf, size);
	ASSERT_SAME(e.mem, buf, size);
	dma_read(e.fd, e.sbdf, SZ_2M + 1, got, size - 1);
	ASSERT_SAME(got, buf + 1, size - 1);
	free(buf);
	free(got);
}

TEST_EACH(fill, dma_cases)
{
	const __u64 value = 0x8877665544332211ull;
	struct nyx_dma c;
	struct env e;

	env_open(&e, .memory = v->memory, .iotlb = v->iotlb);
	/* Two pages that are apart in memory. */
	test_cmd(cmd_map(e.fd, e.domain, 0, SZ_4K, SZ_4K, RW));
	test_cmd(cmd_map(e.fd, e.domain, SZ_4K, 5 * SZ_4K, SZ_4K, RW));
	for (__u32 width = 1; width <= 8; width *= 2) {
		/* The pattern goes on across the border, whatever its phase. */
		for (__u32 at = 0; at < 8; at++) {
			const __u64 iova = SZ_4K - 16 - at;

			ktap_note("width %u, at -%u", width, 16 + at);
			memset(e.mem, 0, 8 * SZ_4K);
			test_cmd(cmd_dma_fill(e.fd, &c, e.sbdf, iova, 40, width, value));
			ASSERT_EQ(40, c.out_done);
			for (unsigned int i = 0; i < 40; i++) {
				__u64 where = iova + i < SZ_4K ? SZ_4K + iova + i :
					4 * SZ_4K + iova + i;

				ASSERT_EQ((value >> (8 * (i % width))) & 0xff, e.mem[where]);
			}
			ASSERT_EQ(0, e.mem[SZ_4K + iova - 1]);
			ASSERT_EQ(0, e.mem[4 * SZ_4K + iova + 40]);
		}
	}
}

TEST_EACH(atomics, dma_cases)
{
	const __u64 start = 0xfedcba9876543210ull;
	struct nyx_dma c;
	struct env e;
	__u64 *word;

	env_open(&e, .memory = v->memory, .iotlb = v->iotlb);
	test_cmd(cmd_map(e.fd, e.domain, 0, SZ_64K, SZ_64K, RW));
	word = (__u64 *)(e.mem + SZ_64K + SZ_4K - 8);	/* the last of a page */
	for (int first = 0; first < 2; first++) {
		const __u64 iova = SZ_4K - 8;

		*word = start;
		test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_CAS, iova, 8, 1, 2));
		ASSERT_EQ(start, c.out_old);
		ASSERT_EQ(8, c.out_done);
		ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
		ASSERT_EQ(start, *word);
		test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_CAS, iova, 8, 7, start));
		ASSERT_EQ(start, c.out_old);
		ASSERT_EQ(7, *word);
		test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_FETCH_ADD, iova, 8, ~0ull, 0));
		ASSERT_EQ(7, c.out_old);
		ASSERT_EQ(6, *word);
		test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_SWAP, iova, 8, start, 0));
		ASSERT_EQ(6, c.out_old);
		ASSERT_EQ(start, *word);

		/* Four bytes leave the other four alone; high bits are ignored or 0. */
		test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_FETCH_ADD, iova, 4, 0xf0000000,
					0));
		ASSERT_EQ(0x76543210, c.out_old);
		ASSERT_EQ(4, c.out_done);
		ASSERT_EQ(0xfedcba9866543210ull, *word);
		test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_SWAP, iova + 4, 4, 1, 0));
		ASSERT_EQ(0xfedcba98, c.out_old);
		ASSERT_EQ(0x0000000166543210ull, *word);
		test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_CAS, iova + 4, 4, 2, 1));
		ASSERT_EQ(1, c.out_old);
		ASSERT_EQ(0x0000000266543210ull, *word);
		test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_CAS, iova + 4, 4, 3, 1));
		ASSERT_EQ(2, c.out_old);
		ASSERT_EQ(0x0000000266543210ull, *word);
	}
}

struct adders {
	struct env e;
	unsigned long n;
};

static void *adder(void *arg)
{
	struct adders *a = arg;
	struct nyx_dma c;

	for (unsigned long i = 0; i < a->n; i++) {
		test_cmd(cmd_dma_atomic(a->e.fd, &c, a->e.sbdf, NYX_DMA_FETCH_ADD, 64, 8, 1, 0));
		/* By compare-and-swap, too. */
		for (;;) {
			__u64 old = __atomic_load_n((__u64 *)(a->e.mem + 128), __ATOMIC_RELAXED);

			test_cmd(cmd_dma_atomic(a->e.fd, &c, a->e.sbdf, NYX_DMA_CAS, 128, 8,
						old + 1, old));
			if (c.out_old == old)
				break;
		}
		/* The process takes part. */
		__atomic_add_fetch((__u64 *)(a->e.mem + 64), 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

TEST_EACH(atomics_are_atomic, dma_cases)
{
	struct adders a = { .n = ktap_iterations(1500) };
	pthread_t t[3];
	__u64 value;

	env_open(&a.e, .memory = v->memory, .iotlb = v->iotlb);
	test_cmd(cmd_map(a.e.fd, a.e.domain, 0, 0, SZ_4K, RW));
	for (int i = 0; i < 3; i++)
		t[i] = thread_start(adder, &a);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	memcpy(&value, a.e.mem + 64, 8);
	ASSERT_EQ(6 * a.n, value);
	memcpy(&value, a.e.mem + 128, 8);
	ASSERT_EQ(3 * a.n, value);
}

/* ---- guest faults: exact up to the faulting byte ---- */

/**
 * struct fault_case - what is behind a good page
 * @name: name
 * @what: 0: nothing mapped, 1: no memory, 2: wrong permission, 3: read-only
 *        memory, 4: no host memory
 * @op: of enum nyx_dma_op
 */
struct fault_case {
	const char *name;
	int what;
	__u32 op;
};

static const struct fault_case fault_cases[] = {
	{ "read_unmapped", 0, NYX_DMA_READ },
	{ "write_unmapped", 0, NYX_DMA_WRITE },
	{ "fill_unmapped", 0, NYX_DMA_FILL },
	{ "read_no_memory", 1, NYX_DMA_READ },
	{ "write_no_memory", 1, NYX_DMA_WRITE },
	{ "fill_no_memory", 1, NYX_DMA_FILL },
	{ "read_denied", 2, NYX_DMA_READ },
	{ "write_denied", 2, NYX_DMA_WRITE },
	{ "fill_denied", 2, NYX_DMA_FILL },
	{ "write_readonly_memory", 3, NYX_DMA_WRITE },
	{ "fill_readonly_memory", 3, NYX_DMA_FILL },
	{ "read_no_host_memory", 4, NYX_DMA_READ },
	{ "write_no_host_memory", 4, NYX_DMA_WRITE },
	{ "fill_no_host_memory", 4, NYX_DMA_FILL },
};

TEST_EACH(faults, fault_cases)
{
	const __u64 edge = 3 * SZ_4K;	/* IOVA of the bad page; GPA edge + 1M */
	const __u32 access = v->op == NYX_DMA_READ ? NYX_PROT_READ : NYX_PROT_WRITE;
	static const __u32 reasons[] = {
		NYX_FAULT_NOT_PRESENT, NYX_FAULT_NO_MEMORY, 0, NYX_FAULT_READONLY_MEMORY,
		NYX_FAULT_MEMORY_ERROR,
	};
	__u32 reason = reasons[v->what];
	unsigned char *other = map_aligned(4 * SZ_4K, SZ_4K, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned char buf[64];
	struct nyx_dma c;
	__u64 gpa = edge + SZ_1M;
	__u64 bytes[2];
	struct env e;

	env_open(&e, .memory = MEM_USER, .mem_size = SZ_1M + edge);
	test_cmd(cmd_map(e.fd, e.domain, 0, SZ_1M, edge, RW));
	switch (v->what) {
	case 0:
		gpa = NYX_GPA_UNKNOWN;
		break;
	case 1:
		test_cmd(cmd_map(e.fd, e.domain, edge, gpa, SZ_4K, RW));
		break;
	case 2:
		test_cmd(cmd_memory_add(e.fd, 0, gpa, SZ_4K, other));
		test_cmd(cmd_map(e.fd, e.domain, edge, gpa, SZ_4K, RW & ~access));
		reason = access == NYX_PROT_READ ? NYX_FAULT_READ_DENIED : NYX_FAULT_WRITE_DENIED;
		break;
	case 3:
		test_cmd(cmd_memory_add(e.fd, NYX_MEMORY_F_READONLY, gpa, SZ_4K, other));
		test_cmd(cmd_map(e.fd, e.domain, edge, gpa, SZ_4K, RW));
		break;
	case 4:
		test_cmd(cmd_memory_add(e.fd, 0, gpa, SZ_4K, other));
		test_cmd(munmap(other, SZ_4K));
		test_cmd(cmd_map(e.fd, e.domain, edge, gpa, SZ_4K, RW));
		break;
	}
	/* From @before bytes in front of the edge, twice for the cache. */
	for (unsigned int before = 0; before <= 40; before++) {
		for (int again = 0; again < 2; again++) {
			const unsigned int length = 48;

			ktap_note("%u bytes before the edge, time %d", before, again);
			memset(e.mem + SZ_1M, 0x11, edge);
			memset(buf, 0x22, sizeof(buf));
			bytes[0] = unit_stat(e.fd, NYX_STAT_READ_BYTES);
			bytes[1] = unit_stat(e.fd, NYX_STAT_WRITE_BYTES);
			if (v->op == NYX_DMA_READ)
				test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, edge - before, buf,
						      length));
			else if (v->op == NYX_DMA_WRITE)
				test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, edge - before, buf,
						       length));
			else
				test_cmd(cmd_dma_fill(e.fd, &c, e.sbdf, edge - before, length, 4,
						      0x22222222));
			ASSERT_EQ(before, c.out_done);
			check_fault(&c.out_fault, reason, access,
				    v->what == 0 || v->what == 2 ? 0 : NYX_LEVEL_NONE, edge, gpa);
			if (v->op == NYX_DMA_READ) {
				ASSERT_FILLED(buf, 0x11, before);
				ASSERT_FILLED(buf + before, 0x22, sizeof(buf) - before);
				ASSERT_FILLED(e.mem + SZ_1M, 0x11, edge);
				bytes[0] += before;
			} else {
				ASSERT_FILLED(e.mem + SZ_1M, 0x11, edge - before);
				ASSERT_FILLED(e.mem + SZ_1M + edge - before, 0x22, before);
				bytes[1] += before;
			}
			/* All that was counted was done. */
			ASSERT_EQ(bytes[0], unit_stat(e.fd, NYX_STAT_READ_BYTES));
			ASSERT_EQ(bytes[1], unit_stat(e.fd, NYX_STAT_WRITE_BYTES));
		}
	}
}

/* ---- the caller's buffer: exact, too, and -EFAULT ---- */

TEST_EACH(bad_buffer, dma_cases)
{
	unsigned char *arena = mmap(NULL, 3 * SZ_4K, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct nyx_dma c;
	struct env e;

	ASSERT_TRUE(arena != MAP_FAILED);
	env_open(&e, .memory = v->memory, .iotlb = v->iotlb);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, e.mem_size, RW));
	memset(arena, 0x33, 3 * SZ_4K);
	test_cmd(munmap(arena + 2 * SZ_4K, SZ_4K));
	for (unsigned int before = 0; before < 3000; before += before < 20 ? 1 : 331) {
		/* At all alignments to the pages of guest memory. */
		for (__u64 iova = 2 * SZ_4K - 30; iova < 2 * SZ_4K + 10; iova += 13) {
			unsigned char *edge = arena + 2 * SZ_4K;

			ktap_note("write, %u bytes, to 0x%llx", before, (unsigned long long)iova);
			memset(e.mem, 0x44, 4 * SZ_4K);
			test_err(EFAULT, cmd_dma_write(e.fd, &c, e.sbdf, iova, edge - before,
						       before + 100));
			/* Nothing behind it, and all that is said to be done. */
			ASSERT_LE(c.out_done, before);
			ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
			ASSERT_FILLED(e.mem, 0x44, iova);
			ASSERT_FILLED(e.mem + iova, 0x33, c.out_done);
			ASSERT_FILLED(e.mem + iova + before, 0x44, 4 * SZ_4K - iova - before);
			/* Exact. */
			ASSERT_EQ(before, c.out_done);

			ktap_note("read, %u bytes, from 0x%llx", before, (unsigned long long)iova);
			memset(edge - before, 0x55, before);
			test_err(EFAULT, cmd_dma_read(e.fd, &c, e.sbdf, iova, edge - before,
						      before + 100));
			ASSERT_EQ(before, c.out_done);
			ASSERT_FILLED(edge - before, before ? 0x33 : 0, before);
			memset(arena, 0x33, 2 * SZ_4K);
		}
	}
	/* A read into memory that cannot be written. */
	test_cmd(mprotect(arena + SZ_4K, SZ_4K, PROT_READ));
	test_err(EFAULT, cmd_dma_read(e.fd, &c, e.sbdf, 0, arena + SZ_4K - 7, 20));
	ASSERT_EQ(7, c.out_done);
	dma_write(e.fd, e.sbdf, 0, arena + SZ_4K, 20);
	/* Addresses that are not the user's. */
	test_err(EFAULT, cmd_dma_read(e.fd, &c, e.sbdf, 0, (void *)(uintptr_t)0xffff888000000000,
				      64));
	ASSERT_EQ(0, c.out_done);
	test_err(EFAULT, cmd_dma_write(e.fd, &c, e.sbdf, 0, (void *)-64, 128));
	ASSERT_EQ(0, c.out_done);
	test_err(EFAULT, cmd_dma_write(e.fd, &c, e.sbdf, 0, NULL, 1));
}

/* Both at once: what comes first decides. */
TEST(bad_buffer_and_fault)
{
	unsigned char *arena = map_aligned(SZ_4K, SZ_4K, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned char *edge = arena + SZ_4K;	/* a guard page follows */
	struct nyx_dma c;
	struct env e;

	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_4K, RW));
	test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, SZ_4K - 10, edge - 20, 30));
	ASSERT_EQ(10, c.out_done);
	ASSERT_EQ(NYX_FAULT_NOT_PRESENT, c.out_fault.reason);
	test_err(EFAULT, cmd_dma_write(e.fd, &c, e.sbdf, SZ_4K - 20, edge - 10, 30));
	ASSERT_EQ(10, c.out_done);
	ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
	/* A guest fault at the first byte is told before the buffer is looked at. */
	test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, SZ_1G, NULL, 30));
	ASSERT_EQ(NYX_FAULT_TABLE_NOT_PRESENT, c.out_fault.reason);
}

/* The buffer is guest memory, even the same. */
TEST_EACH(buffer_is_guest_memory, dma_cases)
{
	struct env e;

	env_open(&e, .memory = v->memory, .iotlb = v->iotlb);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, e.mem_size, RW));
	memset(e.mem, 0x61, SZ_64K);
	dma_write(e.fd, e.sbdf, SZ_1M + 1, e.mem + 3, SZ_64K - 3);
	ASSERT_FILLED(e.mem + SZ_1M + 1, 0x61, SZ_64K - 3);
	dma_read(e.fd, e.sbdf, 100, e.mem + 100, SZ_64K);
	ASSERT_FILLED(e.mem, 0x61, SZ_64K);
}

/* An access that crosses from one range of memory to the next. */
TEST(crosses_ranges)
{
	unsigned char *a = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned char buf[3 * 4096], got[3 * 4096], *b;
	struct rng r = rng_start(3);
	struct nyx_dma c;
	struct env e;
	int memfd = memfd_new("b", SZ_64K);

	b = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE, MAP_SHARED, memfd);
	env_open(&e, .memory = MEM_NONE);
	test_cmd(cmd_memory_add(e.fd, 0, 0, SZ_4K, a));
	test_cmd(cmd_memory_add_file(e.fd, 0, SZ_4K, SZ_4K, memfd, 0));
	test_cmd(cmd_memory_add(e.fd, NYX_MEMORY_F_PINNED, 2 * SZ_4K, SZ_4K, a + SZ_4K));
	test_cmd(cmd_memory_add_file(e.fd, NYX_MEMORY_F_PINNED, 3 * SZ_4K, SZ_4K, memfd, SZ_4K));
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_2M, RW));	/* one page over all */
	fill_random(&r, buf, sizeof(buf));
	dma_write(e.fd, e.sbdf, 0x800, buf, sizeof(buf));
	ASSERT_SAME(a + 0x800, buf, 0x800);
	ASSERT_SAME(b, buf + 0x800, SZ_4K);
	ASSERT_SAME(a + SZ_4K, buf + 0x1800, SZ_4K);
	ASSERT_SAME(b + SZ_4K, buf + 0x2800, 0x800);
	dma_read(e.fd, e.sbdf, 0x800, got, sizeof(got));
	ASSERT_SAME(got, buf, sizeof(buf));
	test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, 3 * SZ_4K + 100, got, SZ_4K));
	ASSERT_EQ(SZ_4K - 100, c.out_done);
	check_fault(&c.out_fault, NYX_FAULT_NO_MEMORY, NYX_PROT_READ, NYX_LEVEL_NONE, 4 * SZ_4K,
		    4 * SZ_4K);
}

/* The longest there is, over memory that is not touched: all faults at its end. */
TEST(longest)
{
	struct nyx_dma c;
	struct env e;

	env_open(&e, .memory = MEM_USER, .mem_size = SZ_2M);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, 2 * SZ_1G, RW));
	test_cmd(cmd_dma_fill(e.fd, &c, e.sbdf, 0, SZ_1G, 1, 0x66));
	ASSERT_EQ(SZ_2M, c.out_done);
	check_fault(&c.out_fault, NYX_FAULT_NO_MEMORY, NYX_PROT_WRITE, NYX_LEVEL_NONE, SZ_2M,
		    SZ_2M);
	ASSERT_FILLED(e.mem, 0x66, SZ_2M);
	test_err(EINVAL, cmd_dma_fill(e.fd, &c, e.sbdf, 0, SZ_1G + 1, 1, 0x66));
}
