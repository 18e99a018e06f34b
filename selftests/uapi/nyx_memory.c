// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: guest memory: ranges, backings, pins, other processes.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "nyx_env.h"

#include <grp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define NOBODY	65534

/* The VMM sees what a device writes, and the reverse; untouched memory is 0. */
TEST_EACH(reads_and_writes, memory_cases)
{
	unsigned char *buf = ktap_alloc(SZ_1M), *got = ktap_alloc(SZ_1M);
	struct rng r = rng_start(1);
	struct env e;

	env_open(&e, .memory = v->memory);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, e.mem_size, RW));
	dma_read(e.fd, e.sbdf, 3 * SZ_1M, got, SZ_1M);
	ASSERT_FILLED(got, 0, SZ_1M);
	for (size_t i = 0; i < SZ_1M; i++)
		buf[i] = rng_next(&r);
	dma_write(e.fd, e.sbdf, 0x777, buf, SZ_1M);
	ASSERT_SAME(e.mem + 0x777, buf, SZ_1M);
	ASSERT_FILLED(e.mem, 0, 0x777);
	memset(e.mem + 2 * SZ_1M, 0x5a, 5000);
	dma_read(e.fd, e.sbdf, 2 * SZ_1M, got, 5001);
	ASSERT_FILLED(got, 0x5a, 5000);
	ASSERT_EQ(0, got[5000]);
}

TEST_EACH(listed, memory_cases)
{
	struct nyx_memory_info *info;
	struct nyx_unit_info unit;
	struct env e;
	size_t nr;
	__u32 flags = 0;

	env_open(&e, .memory = v->memory);
	if (v->memory == MEM_PINNED || v->memory == MEM_FILE_PINNED)
		flags |= NYX_MEMORY_F_PINNED;
	if (e.file >= 0)
		flags |= NYX_MEMORY_F_FILE;
	info = list_all(e.fd, NYX_LIST_MEMORY, 0, sizeof(*info), &nr);
	ASSERT_EQ(1, nr);
	ASSERT_EQ(0, info->gpa);
	ASSERT_EQ(e.mem_size, info->length);
	ASSERT_EQ(e.file >= 0 ? 0 : PTR(e.mem), info->backing);
	ASSERT_EQ(flags, info->flags);
	ASSERT_EQ(SZ_4K, info->page_size);
	ASSERT_EQ(flags & NYX_MEMORY_F_PINNED ? e.mem_size : 0, info->pinned_bytes);
	free(info);
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(1, unit.nr_memory);
	ASSERT_EQ(e.mem_size, unit.memory_bytes);
	test_cmd(cmd_memory_remove(e.fd, 0, e.mem_size));
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(0, unit.nr_memory);
	ASSERT_EQ(0, unit.memory_bytes);
}

TEST_EACH(readonly, memory_cases)
{
	const bool file = v->memory == MEM_FILE || v->memory == MEM_FILE_PINNED;
	const bool pinned = v->memory == MEM_PINNED || v->memory == MEM_FILE_PINNED;
	const __u32 flags = NYX_MEMORY_F_READONLY | (pinned ? NYX_MEMORY_F_PINNED : 0);
	unsigned char buf[64], *mem;
	struct nyx_translate t;
	struct nyx_dma c;
	struct env e;
	int memfd;

	env_open(&e, .memory = MEM_NONE);
	if (file) {
		memfd = memfd_new("rom", SZ_64K);
		mem = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE, MAP_SHARED, memfd);
		memset(mem, 0x11, SZ_64K);
		test_cmd(cmd_memory_add_file(e.fd, flags, SZ_1M, SZ_64K, memfd, 0));
	} else {
		mem = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1);
		memset(mem, 0x11, SZ_64K);
		/* The process itself cannot write it any more, either. */
		test_cmd(mprotect(mem, SZ_64K, PROT_READ));
		test_cmd(cmd_memory_add(e.fd, flags, SZ_1M, SZ_64K, mem));
	}
	test_cmd(cmd_map(e.fd, e.domain, 0, SZ_1M, SZ_64K, RW));
	dma_read(e.fd, e.sbdf, 100, buf, sizeof(buf));
	ASSERT_FILLED(buf, 0x11, sizeof(buf));

	test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, 0x1fff, buf, 2));
	ASSERT_EQ(0, c.out_done);
	check_fault(&c.out_fault, NYX_FAULT_READONLY_MEMORY, NYX_PROT_WRITE, NYX_LEVEL_NONE,
		    0x1fff, SZ_1M + 0x1fff);
	test_cmd(cmd_dma_fill(e.fd, &c, e.sbdf, 0, SZ_64K, 8, ~0ull));
	ASSERT_EQ(0, c.out_done);
	ASSERT_EQ(NYX_FAULT_READONLY_MEMORY, c.out_fault.reason);
	test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_FETCH_ADD, 8, 8, 1, 0));
	ASSERT_EQ(0, c.out_done);
	ASSERT_EQ(NYX_FAULT_READONLY_MEMORY, c.out_fault.reason);
	ASSERT_FILLED(mem, 0x11, SZ_64K);

	test_cmd(cmd_translate(e.fd, &t, e.sbdf, NYX_PROT_READ, 0, SZ_64K));
	ASSERT_EQ(NYX_FAULT_NONE, t.out_fault.reason);
	ASSERT_EQ(SZ_64K, t.out_done);
	ASSERT_EQ(NYX_PROT_READ, t.out_extent.prot);
	ASSERT_TRUE(t.out_extent.memory_flags & NYX_MEMORY_F_READONLY);
	test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, 0x42, 1));
	ASSERT_EQ(NYX_FAULT_READONLY_MEMORY, t.out_fault.reason);
	ASSERT_EQ(0, t.out_done);
}

/* A file at an offset; other parts of it are out of reach. */
TEST(file_offset)
{
	unsigned char *mem, buf[8192];
	struct nyx_translate t;
	struct env e;
	int memfd = memfd_new("parts", SZ_64K);

	env_open(&e, .memory = MEM_NONE);
	mem = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE, MAP_SHARED, memfd);
	for (unsigned int i = 0; i < 16; i++)
		memset(mem + i * SZ_4K, 0x80 + i, SZ_4K);
	/* In the guest the other way round: pages 4-5 before pages 2-3. */
	test_cmd(cmd_memory_add_file(e.fd, 0, SZ_1M, 2 * SZ_4K, memfd, 4 * SZ_4K));
	test_cmd(cmd_memory_add_file(e.fd, 0, SZ_1M + 2 * SZ_4K, 2 * SZ_4K, memfd, 2 * SZ_4K));
	test_cmd(cmd_map(e.fd, e.domain, 0, SZ_1M, 8 * SZ_4K, RW));
	dma_read(e.fd, e.sbdf, SZ_4K, buf, sizeof(buf));
	ASSERT_FILLED(buf, 0x85, SZ_4K);
	ASSERT_FILLED(buf + SZ_4K, 0x82, SZ_4K);
	dma_refused(e.fd, e.sbdf, 4 * SZ_4K, NYX_PROT_READ, NYX_FAULT_NO_MEMORY);
	test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, 2 * SZ_4K + 5, 10));
	ASSERT_EQ(2 * SZ_4K + 5, t.out_extent.backing);
	ASSERT_EQ(SZ_1M + 2 * SZ_4K + 5, t.out_extent.gpa);

	/* The file stays as long as the range, whatever happens to the fd. */
	close(memfd);
	dma_write(e.fd, e.sbdf, 0, "hello", 5);
	ASSERT_EQ(0, memcmp(mem + 4 * SZ_4K, "hello", 5));
}

/* A file that becomes shorter is an error of the host, not a crash. */
TEST(file_truncated)
{
	struct env e;
	struct nyx_dma c;
	unsigned char buf[3 * 4096];

	env_open(&e, .memory = MEM_FILE);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, e.mem_size, RW));
	dma_write(e.fd, e.sbdf, 0, "x", 1);
	test_cmd(ftruncate(e.file, SZ_4K));
	test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, 0x800, buf, sizeof(buf)));
	ASSERT_EQ(0x800, c.out_done);
	check_fault(&c.out_fault, NYX_FAULT_MEMORY_ERROR, NYX_PROT_READ, NYX_LEVEL_NONE, SZ_4K,
		    SZ_4K);
	test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, SZ_2M, buf, 1));
	ASSERT_EQ(0, c.out_done);
	ASSERT_EQ(NYX_FAULT_MEMORY_ERROR, c.out_fault.reason);
	/* Devices reach the file's memory again when it has its size again. */
	test_cmd(ftruncate(e.file, e.mem_size));
	dma_read(e.fd, e.sbdf, 0, buf, sizeof(buf));
	ASSERT_EQ('x', buf[0]);
}

/* A hole punched into pinned memory: the device keeps what it has. */
TEST(file_pinned_truncated)
{
	unsigned char buf[64];
	struct env e;

	env_open(&e, .memory = MEM_FILE_PINNED);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, e.mem_size, RW));
	dma_write(e.fd, e.sbdf, SZ_1M, "pinned", 6);
	test_cmd(ftruncate(e.file, 0));
	dma_read(e.fd, e.sbdf, SZ_1M, buf, 6);
	ASSERT_EQ(0, memcmp(buf, "pinned", 6));
	dma_write(e.fd, e.sbdf, SZ_1M, "again!", 6);
}

/* Memory seals that forbid to write. */
TEST(file_sealed)
{
	struct env e;
	int memfd = memfd_new("sealed", SZ_64K);

	env_open(&e, .memory = MEM_NONE);
	test_cmd(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE));
	ASSERT_EQ(-EPERM, cmd_memory_add_file(e.fd, 0, 0, SZ_64K, memfd, 0));
	test_cmd(cmd_memory_add_file(e.fd, NYX_MEMORY_F_READONLY, 0, SZ_64K, memfd, 0));
}

TEST(hugetlb_file)
{
	unsigned char *mem, buf[128];
	struct nyx_memory_info *info;
	struct env e;
	size_t nr;
	int memfd;

	memfd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | (21u << 26));
	if (memfd < 0)
		NOT_HERE("no hugetlbfs of 2 MiB: %s", strerror(errno));
	test_cmd(ftruncate(memfd, 2 * SZ_2M));
	mem = mmap(NULL, 2 * SZ_2M, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (mem == MAP_FAILED)
		SKIP("no huge pages reserved: %s", strerror(errno));

	env_open(&e, .memory = MEM_NONE);
	/* Offsets and lengths are multiples of the file's pages. */
	test_err(EINVAL, cmd_memory_add_file(e.fd, 0, 0, SZ_4K, memfd, 0));
	test_err(EINVAL, cmd_memory_add_file(e.fd, 0, 0, SZ_2M, memfd, SZ_4K));
	for (int pinned = 0; pinned < 2; pinned++) {
		__u32 flags = pinned ? NYX_MEMORY_F_PINNED : 0;

		test_cmd(cmd_memory_add_file(e.fd, flags, 0, SZ_2M, memfd, SZ_2M));
		info = list_all(e.fd, NYX_LIST_MEMORY, 0, sizeof(*info), &nr);
		ASSERT_EQ(1, nr);
		ASSERT_EQ(SZ_2M, info->page_size);
		ASSERT_EQ(pinned ? SZ_2M : 0, info->pinned_bytes);
		free(info);
		test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_2M, RW));
		memset(mem + SZ_2M, 0x31 + pinned, SZ_2M);
		dma_read(e.fd, e.sbdf, SZ_2M - 100, buf, 100);
		ASSERT_FILLED(buf, 0x31 + pinned, 100);
		dma_write(e.fd, e.sbdf, SZ_1M, "huge page", 9);
		ASSERT_EQ(0, memcmp(mem + SZ_2M + SZ_1M, "huge page", 9));
		test_cmd(cmd_unmap(e.fd, e.domain, 0, SZ_2M, NULL));
		test_cmd(cmd_memory_remove(e.fd, 0, SZ_2M));
	}
}

TEST(hugetlb_user)
{
	unsigned char *mem;
	struct env e;

	mem = mmap(NULL, SZ_2M, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << 26), -1, 0);
	if (mem == MAP_FAILED)
		SKIP("no huge pages: %s", strerror(errno));
	env_open(&e, .memory = MEM_NONE);
	for (int pinned = 0; pinned < 2; pinned++) {
		test_cmd(cmd_memory_add(e.fd, pinned ? NYX_MEMORY_F_PINNED : 0, 0, SZ_2M, mem));
		test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_2M, RW));
		dma_write(e.fd, e.sbdf, SZ_1M + 7, "huge user", 9);
		ASSERT_EQ(0, memcmp(mem + SZ_1M + 7, "huge user", 9));
		test_cmd(cmd_unmap(e.fd, e.domain, 0, SZ_2M, NULL));
		test_cmd(cmd_memory_remove(e.fd, 0, SZ_2M));
	}
}

/* Unpinned user memory may be changed beneath the range at any time. */
TEST(user_memory_is_looked_up)
{
	unsigned char buf[16];
	struct nyx_dma c;
	struct env e;

	env_open(&e, .memory = MEM_USER);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, e.mem_size, RW));
	dma_write(e.fd, e.sbdf, SZ_4K, "one", 3);
	/* New pages. */
	ASSERT_TRUE(mmap(e.mem, SZ_64K, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == e.mem);
	dma_read(e.fd, e.sbdf, SZ_4K, buf, 3);
	ASSERT_FILLED(buf, 0, 3);
	/* No access: the host cannot provide it. */
	test_cmd(mprotect(e.mem, SZ_4K, PROT_NONE));
	test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, 0, buf, 16));
	ASSERT_EQ(0, c.out_done);
	check_fault(&c.out_fault, NYX_FAULT_MEMORY_ERROR, NYX_PROT_READ, NYX_LEVEL_NONE, 0, 0);
	/* Read-only for the process is read-only for the device. */
	test_cmd(mprotect(e.mem, SZ_4K, PROT_READ));
	dma_read(e.fd, e.sbdf, 0, buf, 16);
	test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, 5, buf, 16));
	ASSERT_EQ(0, c.out_done);
	check_fault(&c.out_fault, NYX_FAULT_MEMORY_ERROR, NYX_PROT_WRITE, NYX_LEVEL_NONE, 5, 5);
	/* Nothing there. */
	test_cmd(munmap(e.mem, SZ_4K));
	test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, 0, buf, 16));
	ASSERT_EQ(NYX_FAULT_MEMORY_ERROR, c.out_fault.reason);
	/* Exact up to the hole. */
	test_cmd(munmap(e.mem + 2 * SZ_4K, SZ_4K));
	memset(e.mem + SZ_4K, 7, SZ_4K);
	test_cmd(cmd_dma_fill(e.fd, &c, e.sbdf, SZ_4K + 0x10, 2 * SZ_4K, 1, 0x99));
	ASSERT_EQ(SZ_4K - 0x10, c.out_done);
	check_fault(&c.out_fault, NYX_FAULT_MEMORY_ERROR, NYX_PROT_WRITE, NYX_LEVEL_NONE,
		    2 * SZ_4K, 2 * SZ_4K);
	ASSERT_FILLED(e.mem + SZ_4K, 7, 0x10);
	ASSERT_FILLED(e.mem + SZ_4K + 0x10, 0x99, SZ_4K - 0x10);
}

/* Pinned memory is what it was when it was pinned. */
TEST(pinned_memory_stays)
{
	unsigned char buf[16];
	struct env e;

	env_open(&e, .memory = MEM_PINNED);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, e.mem_size, RW));
	memcpy(e.mem, "kept", 4);
	test_cmd(munmap(e.mem, SZ_1M));
	dma_read(e.fd, e.sbdf, 0, buf, 4);
	ASSERT_EQ(0, memcmp(buf, "kept", 4));
	dma_write(e.fd, e.sbdf, 0, "more", 4);
}

static const struct memory_case private_backings[] = {
	{ "user", MEM_USER },
	{ "pinned", MEM_PINNED },
};

/* The device sees what the process sees, also of the zero page and after fork. */
TEST_EACH(zero_page_and_fork, private_backings)
{
	unsigned char buf[4096], *mem;
	struct env e;

	mem = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	/* Reading maps the zero page. */
	ASSERT_FILLED(mem, 0, SZ_64K);
	env_open(&e, .memory = MEM_NONE);
	test_cmd(cmd_memory_add(e.fd, v->memory == MEM_PINNED ? NYX_MEMORY_F_PINNED : 0, 0, SZ_64K,
				mem));
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	dma_write(e.fd, e.sbdf, 0, "zero page", 9);
	ASSERT_EQ(0, memcmp(mem, "zero page", 9));
	memcpy(mem + SZ_4K, "by the process", 14);
	dma_read(e.fd, e.sbdf, SZ_4K, buf, 14);
	ASSERT_EQ(0, memcmp(buf, "by the process", 14));

	/* Writes of a child to its copy stay there. */
	IN_CHILD {
		memset(mem, 0xee, SZ_64K);
	}
	memcpy(mem, "after fork", 10);
	dma_read(e.fd, e.sbdf, 0, buf, 10);
	ASSERT_EQ(0, memcmp(buf, "after fork", 10));
	dma_write(e.fd, e.sbdf, 2 * SZ_4K, "by the device", 13);
	ASSERT_EQ(0, memcmp(mem + 2 * SZ_4K, "by the device", 13));
}

/* ---- many ranges ---- */

TEST_EACH(many_ranges, memory_cases)
{
	enum { RANGES = 4096 };
	const __u64 stride = 3 * SZ_4K;
	const bool file = v->memory == MEM_FILE || v->memory == MEM_FILE_PINNED;
	const __u32 flags = v->memory == MEM_PINNED || v->memory == MEM_FILE_PINNED ?
		NYX_MEMORY_F_PINNED : 0;
	struct rng r = rng_start(2);
	struct nyx_memory_info *info;
	struct nyx_unit_info unit;
	unsigned char *mem, byte;
	struct snapshot s;
	struct env e;
	size_t nr;
	int memfd = -1;

	env_open(&e, .memory = MEM_NONE, .kind = NYX_DOMAIN_IDENTITY);
	if (file)
		memfd = memfd_new("many", RANGES * SZ_4K);
	mem = map_aligned(RANGES * SZ_4K, SZ_4K, PROT_READ | PROT_WRITE,
			  file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, memfd);
	/* In no order: 2027 is prime. Guest memory goes down where user memory goes up. */
	for (unsigned int i = 0; i < RANGES; i++) {
		unsigned int n = i * 2027 % RANGES;
		__u64 gpa = (RANGES - n) * stride;

		if (file)
			test_cmd(cmd_memory_add_file(e.fd, flags, gpa, SZ_4K, memfd, n * SZ_4K));
		else
			test_cmd(cmd_memory_add(e.fd, flags, gpa, SZ_4K, mem + n * SZ_4K));
	}
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(RANGES, unit.nr_memory);
	ASSERT_EQ(RANGES * SZ_4K, unit.memory_bytes);
	info = list_all(e.fd, NYX_LIST_MEMORY, 0, sizeof(*info), &nr);
	ASSERT_EQ(RANGES, nr);
	for (size_t i = 0; i < nr; i++)
		ASSERT_EQ((i + 1) * stride, info[i].gpa);
	free(info);

	/* Overlaps of any kind, with any of them. */
	snapshot_take(&s, e.fd, true);
	for (int i = 0; i < 50; i++) {
		__u64 gpa = (1 + rng_below(&r, RANGES)) * stride;

		test_err(EEXIST, cmd_memory_add(e.fd, 0, gpa, SZ_4K, mem));
		test_err(EEXIST, cmd_memory_add(e.fd, 0, gpa - SZ_4K, 3 * SZ_4K, mem));
		test_err(EEXIST, cmd_memory_add(e.fd, 0, gpa - SZ_4K, 2 * SZ_4K, mem));
		test_err(EEXIST, cmd_memory_add(e.fd, 0, gpa, 2 * SZ_4K, mem));
	}
	snapshot_check(&s, e.fd, true);

	for (int i = 0; i < 1000; i++) {
		unsigned int n = rng_below(&r, RANGES), at = rng_below(&r, 4096);
		__u64 gpa = (RANGES - n) * stride;

		byte = i;
		dma_write(e.fd, e.sbdf, gpa + at, &byte, 1);
		ASSERT_EQ(byte, mem[n * SZ_4K + at]);
		dma_refused(e.fd, e.sbdf, gpa + SZ_4K + at, NYX_PROT_READ, NYX_FAULT_NO_MEMORY);
	}
	for (unsigned int i = 0; i < RANGES; i += 2)
		test_cmd(cmd_memory_remove(e.fd, (i * 2027 % RANGES + 1) * stride, SZ_4K));
	for (unsigned int i = 0; i < RANGES; i++) {
		__u64 gpa = (i * 2027 % RANGES + 1) * stride;

		if (i % 2)
			dma_read(e.fd, e.sbdf, gpa, &byte, 1);
		else
			dma_refused(e.fd, e.sbdf, gpa, NYX_PROT_READ, NYX_FAULT_NO_MEMORY);
	}
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(RANGES / 2, unit.nr_memory);
}

/* The same memory may back several ranges; the ends of the address space. */
TEST(aliases_and_ends)
{
	const __u64 top = 1ull << 52;
	unsigned char byte;
	struct env e;

	env_open(&e, .memory = MEM_USER);
	test_cmd(cmd_memory_add(e.fd, 0, top - SZ_4K, SZ_4K, e.mem));
	test_cmd(cmd_memory_add(e.fd, 0, SZ_1G, SZ_64K, e.mem));
	test_cmd(cmd_map(e.fd, e.domain, 0, top - SZ_4K, SZ_4K, RW));
	test_cmd(cmd_map(e.fd, e.domain, SZ_4K, SZ_1G, SZ_64K, RW));
	dma_write(e.fd, e.sbdf, 0xfff, "z", 1);
	dma_read(e.fd, e.sbdf, 0x1fff, &byte, 1);
	ASSERT_EQ('z', byte);
	ASSERT_EQ('z', e.mem[0xfff]);
	test_cmd(cmd_memory_remove(e.fd, top - SZ_4K, SZ_4K));
	dma_refused(e.fd, e.sbdf, 0, NYX_PROT_READ, NYX_FAULT_NO_MEMORY);
	dma_read(e.fd, e.sbdf, 0x1fff, &byte, 1);
}

/* Removing and adding under a mapping that stays: the device follows. */
TEST_EACH(remove_and_add, memory_cases)
{
	unsigned char *other = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned char byte;
	struct env e;

	env_open(&e, .memory = v->memory);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	for (int i = 0; i < 20; i++) {
		dma_write(e.fd, e.sbdf, 7, "a", 1);
		ASSERT_EQ('a', e.mem[7]);
		test_cmd(cmd_memory_remove(e.fd, 0, e.mem_size));
		dma_refused(e.fd, e.sbdf, 7, NYX_PROT_WRITE, NYX_FAULT_NO_MEMORY);
		test_cmd(cmd_memory_add(e.fd, 0, 0, SZ_64K, other));
		byte = i;
		dma_write(e.fd, e.sbdf, 7, &byte, 1);
		ASSERT_EQ(byte, other[7]);
		ASSERT_EQ('a', e.mem[7]);
		test_cmd(cmd_memory_remove(e.fd, 0, SZ_64K));
		if (e.file >= 0)
			test_cmd(cmd_memory_add_file(e.fd, 0, 0, e.mem_size, e.file, 0));
		else
			test_cmd(cmd_memory_add(e.fd, 0, 0, e.mem_size, e.mem));
	}
}

/* ---- pins and RLIMIT_MEMLOCK ---- */

static long locked_kb(void)
{
	return status_kb("VmPin") + status_kb("VmLck");
}

TEST(pins_are_accounted)
{
	const size_t size = 2 * SZ_1M;
	long base, pins, faults = 0;
	unsigned char *mem;
	struct env e;
	int memfd;

	env_open(&e, .memory = MEM_NONE);
	memfd = memfd_new("pins", size);
	mem = map_aligned(size, SZ_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	base = locked_kb();
	pins = pinned_pages();
	ASSERT_TRUE(base >= 0);
	for (int i = 0; i < 5; i++) {
		test_cmd(cmd_memory_add(e.fd, NYX_MEMORY_F_PINNED, 0, size, mem));
		ASSERT_EQ(base + size / 1024, locked_kb());
		if (pins >= 0)
			ASSERT_EQ(pins + size / SZ_4K, pinned_pages());
		test_cmd(cmd_memory_add_file(e.fd, NYX_MEMORY_F_PINNED, SZ_1G, size, memfd, 0));
		ASSERT_EQ(base + 2 * size / 1024, locked_kb());
		/* Failing attempts leave no trace. */
		faults += cmd_memory_add(e.fd, NYX_MEMORY_F_PINNED, 0, size, mem) == -EEXIST;
		faults += cmd_memory_add(e.fd, NYX_MEMORY_F_PINNED, 2 * SZ_1G, size + SZ_4K,
					 mem) == -EFAULT;	/* the guard page behind it */
		ASSERT_EQ(2 * (i + 1), faults);
		ASSERT_EQ(base + 2 * size / 1024, locked_kb());
		test_cmd(cmd_memory_remove(e.fd, 0, size));
		ASSERT_EQ(base + size / 1024, locked_kb());
		test_cmd(cmd_memory_remove(e.fd, SZ_1G, size));
		ASSERT_EQ(base, locked_kb());
		if (pins >= 0)
			ASSERT_EQ(pins, pinned_pages());
	}
	/* With the unit, too. */
	test_cmd(cmd_memory_add(e.fd, NYX_MEMORY_F_PINNED, 0, size, mem));
	close(e.fd);
	ASSERT_EQ(base, locked_kb());
}

/*
 * A hole below a stack, before, in and behind which there is something. The kernel
 * would complain in its log, where the run looks for complaints.
 */
TEST(pin_below_a_stack)
{
	const int rw = PROT_READ | PROT_WRITE;
	const int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	unsigned char *stack;
	struct env e;
	long base;

	env_open(&e, .memory = MEM_NONE);
	stack = map_aligned(SZ_2M, SZ_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	munmap(stack, SZ_2M);
	stack += SZ_1M;
	if (mmap(stack, SZ_64K, rw, fixed | MAP_GROWSDOWN, -1, 0) != stack)
		SKIP("MAP_GROWSDOWN: %s", strerror(errno));
	base = locked_kb();
	test_err(EFAULT, cmd_memory_add(e.fd, NYX_MEMORY_F_PINNED, 0, SZ_4K, stack - SZ_4K));
	test_err(EFAULT, cmd_memory_add(e.fd, NYX_MEMORY_F_PINNED, 0, SZ_64K, stack - SZ_4K));
	ASSERT_TRUE(mmap(stack - 4 * SZ_4K, SZ_4K, rw, fixed, -1, 0) != MAP_FAILED);
	test_err(EFAULT, cmd_memory_add(e.fd, NYX_MEMORY_F_PINNED, 0, SZ_64K, stack - 4 * SZ_4K));
	ASSERT_EQ(base, locked_kb());
	/* Memory that is there can be pinned. */
	test_cmd(cmd_memory_add(e.fd, NYX_MEMORY_F_PINNED, 0, SZ_4K, stack - 4 * SZ_4K));
	test_cmd(cmd_memory_add(e.fd, NYX_MEMORY_F_PINNED, SZ_1G, SZ_64K, stack));
}

/* Runs as a user with a limit of 256 KiB. */
static void limited_user(int fd)
{
	const struct rlimit limit = { SZ_64K * 4, SZ_64K * 4 };
	unsigned char *mem = map_aligned(SZ_1M, SZ_4K, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct snapshot s;
	long base;

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setgroups(0, NULL) ||
	    setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		SKIP("cannot become another user: %s", strerror(errno));
	base = locked_kb();
	test_cmd(cmd_unit_create_dflt(fd, NULL, 0, NULL));
	snapshot_take(&s, fd, true);
	test_err(EDQUOT, cmd_memory_add(fd, NYX_MEMORY_F_PINNED, 0, SZ_1M, mem));
	test_err(EDQUOT, cmd_memory_add(fd, NYX_MEMORY_F_PINNED, 0, SZ_64K * 4 + SZ_4K, mem));
	snapshot_check(&s, fd, true);
	ASSERT_EQ(base, locked_kb());
	test_cmd(cmd_memory_add(fd, NYX_MEMORY_F_PINNED, 0, SZ_64K * 3, mem));
	test_err(EDQUOT, cmd_memory_add(fd, NYX_MEMORY_F_PINNED, SZ_1G, SZ_64K * 2, mem));
	test_cmd(cmd_memory_add(fd, NYX_MEMORY_F_PINNED, SZ_1G, SZ_64K, mem));
	test_cmd(cmd_memory_remove(fd, 0, SZ_64K * 3));
	test_cmd(cmd_memory_add(fd, NYX_MEMORY_F_PINNED, 0, SZ_64K * 3, mem));
	/* Memory that is not pinned does not count. */
	test_cmd(cmd_memory_add(fd, 0, 2 * SZ_1G, SZ_1M, mem));
}

TEST(pins_are_limited)
{
	int fd = nyx_open();

	if (geteuid())
		SKIP("needs root");
	IN_CHILD {
		limited_user(fd);
	}
}

struct greed {
	int fd;
	unsigned char *mem;
	bool stop;
};

static void *pin_too_much(void *arg)
{
	struct greed *g = arg;

	while (!__atomic_load_n(&g->stop, __ATOMIC_RELAXED))
		test_err(EDQUOT, cmd_memory_add(g->fd, NYX_MEMORY_F_PINNED, 0, SZ_1M, g->mem));
	return NULL;
}

static void limited_pair(int fd)
{
	const struct rlimit limit = { SZ_64K * 4, SZ_64K * 4 };
	struct greed g = { .fd = fd };
	pthread_t t;

	g.mem = map_aligned(SZ_1M, SZ_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1);
	/* A user of its own, as below. */
	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setgroups(0, NULL) ||
	    setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY - 8, NOBODY - 8, NOBODY - 8))
		SKIP("cannot become another user: %s", strerror(errno));
	test_cmd(cmd_unit_create_dflt(fd, NULL, 0, NULL));
	t = thread_start(pin_too_much, &g);
	for (unsigned long i = 0; i < ktap_iterations(1000); i++) {
		test_cmd(cmd_memory_add(fd, NYX_MEMORY_F_PINNED, SZ_1G, SZ_4K, g.mem));
		test_cmd(cmd_memory_remove(fd, SZ_1G, SZ_4K));
		if (i % 64 == 0)
			sched_yield();
	}
	__atomic_store_n(&g.stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
}

/* A refused pin takes nothing from others of the same user, not for a moment. */
TEST(refused_pins_do_not_count)
{
	int fd = nyx_open();

	if (geteuid())
		SKIP("needs root");
	IN_CHILD {
		limited_pair(fd);
	}
}

/* Pins outlive the process that made them, and count for its user. */
static void limited_family(int fd)
{
	const struct rlimit limit = { SZ_64K * 4, SZ_64K * 4 };
	unsigned char *mem = map_aligned(SZ_1M, SZ_4K, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1);

	/* A user of its own, whom no other case has charged. */
	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setgroups(0, NULL) ||
	    setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY - 7, NOBODY - 7, NOBODY - 7))
		SKIP("cannot become another user: %s", strerror(errno));
	test_cmd(cmd_unit_create_dflt(fd, NULL, 0, NULL));
	IN_CHILD {
		test_cmd(cmd_memory_add(fd, NYX_MEMORY_F_PINNED | NYX_MEMORY_F_SHARED, 0,
					SZ_64K * 3, mem));
	}
	test_err(EDQUOT, cmd_memory_add(fd, NYX_MEMORY_F_PINNED, SZ_1G, SZ_64K * 2, mem));
	test_cmd(cmd_memory_add(fd, NYX_MEMORY_F_PINNED, SZ_1G, SZ_64K, mem));
	test_err(EDQUOT, cmd_memory_add(fd, NYX_MEMORY_F_PINNED, 2 * SZ_1G, SZ_4K, mem));
	test_cmd(cmd_memory_remove(fd, 0, SZ_64K * 3));
	test_cmd(cmd_memory_add(fd, NYX_MEMORY_F_PINNED, 0, SZ_64K * 3, mem));
}

TEST(pins_are_the_users)
{
	int fd = nyx_open();

	if (geteuid())
		SKIP("needs root");
	IN_CHILD {
		limited_family(fd);
	}
}

/* The process that adds is charged, also when another one removes, or none does. */
TEST(pins_of_another_process)
{
	int fd = nyx_open(), fork_pipe[2];
	const size_t size = SZ_1M;
	long base = locked_kb();
	pid_t pid;
	char byte;

	test_cmd(cmd_unit_create_dflt(fd, NULL, 0, NULL));
	for (int i = 0; i < 3; i++) {
		test_cmd(pipe(fork_pipe));
		pid = fork();
		ASSERT_TRUE(pid >= 0);
		if (!pid) {
			unsigned char *mem = map_aligned(size, SZ_4K, PROT_READ | PROT_WRITE,
							 MAP_PRIVATE | MAP_ANONYMOUS, -1);
			long own = locked_kb();

			test_cmd(cmd_memory_add(fd, NYX_MEMORY_F_PINNED | NYX_MEMORY_F_SHARED, 0,
						size, mem));
			ASSERT_EQ(own + size / 1024, locked_kb());
			ASSERT_EQ(1, write(fork_pipe[1], "x", 1));
			if (i == 0)
				_exit(0);	/* with its memory pinned */
			if (i == 1)
				execl("/bin/sleep", "sleep", "1", (char *)NULL);
			for (int j = 0; j < 1000 && locked_kb() != own; j++)
				usleep(10000);
			ASSERT_EQ(own, locked_kb());
			_exit(0);
		}
		ASSERT_EQ(1, read(fork_pipe[0], &byte, 1));
		ASSERT_EQ(base, locked_kb());
		if (i == 0)
			ktap_wait_exit(pid);
		test_cmd(cmd_memory_remove(fd, 0, size));
		if (i == 2)
			ktap_wait_exit(pid);
		if (i == 1)
			waitpid(pid, NULL, 0);	/* there may be no sleep(1) */
		ASSERT_EQ(base, locked_kb());
		close(fork_pipe[0]);
		close(fork_pipe[1]);
	}
}

/* ---- memory of another process ---- */

/* A device model that was given the file reaches the memory of another process. */
TEST_EACH(other_process, memory_cases)
{
	unsigned char buf[100];
	struct nyx_dma c;
	struct env e;

	env_open(&e, .memory = v->memory);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, e.mem_size, RW));
	memset(e.mem, 0x21, SZ_64K);
	IN_CHILD {
		/* Its own copy at the same address is not what the device sees. */
		if (e.file < 0)
			memset(e.mem, 0x22, SZ_64K);
		dma_read(e.fd, e.sbdf, 0xff0, buf, sizeof(buf));
		ASSERT_FILLED(buf, 0x21, sizeof(buf));
		memset(buf, 0x23, sizeof(buf));
		dma_write(e.fd, e.sbdf, 0x1ff0, buf, sizeof(buf));
		test_cmd(cmd_dma_fill(e.fd, &c, e.sbdf, 0x3000, SZ_64K, 2, 0x4342));
		ASSERT_EQ(SZ_64K, c.out_done);
		test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_FETCH_ADD, 0x2800, 4, 1, 0));
		ASSERT_EQ(4, c.out_done);
		ASSERT_EQ(0x21212121, c.out_old);
		if (e.file < 0)
			ASSERT_FILLED(e.mem, 0x22, SZ_64K);
	}
	ASSERT_FILLED(e.mem, 0x21, 0x1ff0);
	ASSERT_FILLED(e.mem + 0x1ff0, 0x23, sizeof(buf));
	ASSERT_EQ(0x22, e.mem[0x2800]);
	for (unsigned int i = 0; i < SZ_64K; i++)
		ASSERT_EQ(0x42 + i % 2, e.mem[0x3000 + i]);
}

/* The memory of a process goes with it, but a file or a pin stays. */
TEST_EACH(process_has_ended, memory_cases)
{
	struct nyx_dma c;
	struct env e = { .fd = nyx_open(), .sbdf = ENV_SBDF };
	unsigned char buf[64];
	__u32 domain;
	int fds[2];

	test_cmd(pipe(fds));
	IN_CHILD {
		struct env owner;

		env_open(&owner, .memory = v->memory, .shared = true);
		test_cmd(cmd_unit_persist(owner.fd, 1));
		test_cmd(cmd_map(owner.fd, owner.domain, 0, 0, owner.mem_size, RW));
		memset(owner.mem, 0x77, SZ_64K);
		ASSERT_EQ(sizeof(owner), write(fds[1], &owner, sizeof(owner)));
	}
	{
		struct env owner;

		ASSERT_EQ(sizeof(owner), read(fds[0], &owner, sizeof(owner)));
		test_cmd(cmd_unit_open(e.fd, owner.unit, NULL, NULL));
		domain = owner.domain;
	}
	if (v->memory == MEM_USER) {
		test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, 5, buf, sizeof(buf)));
		ASSERT_EQ(0, c.out_done);
		check_fault(&c.out_fault, NYX_FAULT_MEMORY_ERROR, NYX_PROT_READ, NYX_LEVEL_NONE,
			    5, 5);
		test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_SWAP, 8, 8, 1, 0));
		ASSERT_EQ(NYX_FAULT_MEMORY_ERROR, c.out_fault.reason);
	} else {
		dma_read(e.fd, e.sbdf, 5, buf, sizeof(buf));
		ASSERT_FILLED(buf, 0x77, sizeof(buf));
		dma_write(e.fd, e.sbdf, 5, "still", 5);
	}
	test_cmd(cmd_unmap_all(e.fd, domain, NULL));
	test_cmd(cmd_unit_destroy(e.fd));
}
