// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: memory, mappings, translation, DMA, events and counters.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "lib_env.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MB	(UINT64_C(1) << 20)
#define IOVA	UINT64_C(0x10000000)

/* A unit with 4 MiB of memory at GPA 0, a domain, and SBDF in it. */
struct setup {
	struct nyx_unit *unit;
	nyx_domain_t domain;
	int fd;
	unsigned char *mem;
};

static struct setup setup(void)
{
	struct setup s = { .unit = env_unit() };

	ASSERT_EQ(0, nyx_memfd_create(NULL, 4 * MB, 0, &s.fd));
	s.mem = mmap(NULL, 4 * MB, PROT_READ | PROT_WRITE, MAP_SHARED, s.fd, 0);
	ASSERT_TRUE(s.mem != MAP_FAILED);
	ASSERT_EQ(0, nyx_memory_add_file(s.unit, 0, s.fd, 0, 4 * MB, 0));
	ASSERT_EQ(0, nyx_domain_create(s.unit, NULL, &s.domain));
	ASSERT_EQ(0, nyx_device_add(s.unit, DEV));
	ASSERT_EQ(0, nyx_device_attach(s.unit, DEV, s.domain, 0));
	return s;
}

TEST(memfd)
{
	int fd;

	ASSERT_EQ(0, nyx_memfd_create("test", MB, 0, &fd));
	EXPECT_EQ(MB, lseek(fd, 0, SEEK_END));
	EXPECT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	EXPECT_EQ(-1, ftruncate(fd, 0));
	close(fd);
	EXPECT_EQ(-EINVAL, nyx_memfd_create(NULL, 0, 0, &fd));
	EXPECT_EQ(-EINVAL, nyx_memfd_create(NULL, UINT64_MAX, 0, &fd));
	EXPECT_EQ(-EINVAL, nyx_memfd_create(NULL, MB,
					    NYX_MEMFD_F_HUGE_2M | NYX_MEMFD_F_HUGE_1G, &fd));
	EXPECT_EQ(-EOPNOTSUPP, nyx_memfd_create(NULL, MB, 4, &fd));
}

/* The module had no part in it: the reason of the command before is none of it. */
TEST(memfd_without_reason)
{
	struct nyx_unit *unit = env_unit();
	int fd;

	ASSERT_EQ(-EINVAL, nyx_memory_remove(unit, 1, MB));
	EXPECT_EQ(NYX_REASON_MISALIGNED, nyx_last_reason(-EINVAL));
	ASSERT_EQ(-EINVAL, nyx_memfd_create(NULL, 0, 0, &fd));
	EXPECT_EQ(NYX_REASON_NONE, nyx_last_reason(-EINVAL));
	nyx_unit_unref(unit);
}

static int see_memory(const struct nyx_memory_info *info, void *arg)
{
	struct nyx_memory_info *list = arg;
	int i;

	for (i = 0; list[i].length; i++)
		;
	list[i] = *info;
	return 0;
}

TEST(memory_ranges)
{
	struct nyx_memory_info list[4] = { 0 };
	struct nyx_unit *unit = env_unit();
	void *user;
	int fd;

	user = mmap(NULL, MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(user != MAP_FAILED);
	ASSERT_EQ(0, nyx_memfd_create(NULL, MB, 0, &fd));
	ASSERT_EQ(0, nyx_memory_add_file(unit, 16 * MB, fd, 4096, 8192, NYX_MEMORY_F_READONLY));
	ASSERT_EQ(0, nyx_memory_add_user(unit, 0, user, MB, 0));
	EXPECT_EQ(-EEXIST, nyx_memory_add_user(unit, MB - 4096, user, 8192, 0));
	EXPECT_EQ(-EINVAL, nyx_memory_add_user(unit, 32 * MB, user, 8192, NYX_MEMORY_F_FILE));
	EXPECT_EQ(-EINVAL, nyx_memory_add_user(unit, 32 * MB, user, 100, 0));
	ASSERT_EQ(0, nyx_memory_foreach(unit, see_memory, list));
	EXPECT_EQ(0, list[0].gpa);
	EXPECT_EQ(MB, list[0].length);
	EXPECT_EQ((uintptr_t)user, list[0].backing);
	EXPECT_EQ(0, list[0].flags);
	EXPECT_EQ(16 * MB, list[1].gpa);
	EXPECT_EQ(8192, list[1].length);
	EXPECT_EQ(4096, list[1].backing);
	EXPECT_EQ(NYX_MEMORY_F_READONLY | NYX_MEMORY_F_FILE, list[1].flags);
	EXPECT_EQ(0, list[2].length);
	EXPECT_EQ(-ENOENT, nyx_memory_remove(unit, 0, 4096));
	ASSERT_EQ(0, nyx_memory_remove(unit, 0, MB));
	EXPECT_EQ(-ENOENT, nyx_memory_remove(unit, 0, MB));
}

TEST(dirty_pages)
{
	uint64_t bitmap[16], nr = 7;
	struct setup s = setup();
	struct nyx_fault fault;

	ASSERT_EQ(16, nyx_dirty_words(4 * MB, 4096));
	EXPECT_EQ(1, nyx_dirty_words(4096, 4096));
	EXPECT_EQ(1, nyx_dirty_words(64 * 4096, 4096));
	EXPECT_EQ(2, nyx_dirty_words(65 * 4096, 4096));
	EXPECT_EQ(1, nyx_dirty_words(4 * MB, 2 * MB));
	EXPECT_EQ(0, nyx_dirty_words(0, 4096));
	EXPECT_EQ(0, nyx_dirty_words(4096, 0));
	EXPECT_EQ(-EINVAL, nyx_dirty_stop(s.unit));
	EXPECT_EQ(-EINVAL, nyx_dirty_read(s.unit, 0, 4 * MB, 4096, 0, bitmap, &nr));
	EXPECT_EQ(NYX_REASON_DIRTY_OFF, nyx_last_reason(-EINVAL));
	EXPECT_EQ(7, nr);
	ASSERT_EQ(0, nyx_dirty_start(s.unit));
	EXPECT_EQ(-EBUSY, nyx_dirty_start(s.unit));
	EXPECT_EQ(NYX_REASON_DIRTY_ON, nyx_last_reason(-EBUSY));
	EXPECT_EQ(-EINVAL, nyx_dirty_read(s.unit, 4096, 4 * MB, 2 * MB, 0, bitmap, &nr));
	EXPECT_EQ(0, strcmp("gpa", nyx_last_field(-EINVAL)));
	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, 0, 4 * MB, RW));
	ASSERT_EQ(0, nyx_dma_write(s.unit, DEV, IOVA + 70 * 4096 - 1, "xy", 2, NULL, &fault));
	ASSERT_EQ(0, nyx_dirty_read(s.unit, 0, 4 * MB, 4096, NYX_DIRTY_READ_F_NO_CLEAR, bitmap,
				    NULL));
	ASSERT_EQ(0, nyx_dirty_read(s.unit, 0, 4 * MB, 4096, 0, bitmap, &nr));
	EXPECT_EQ(2, nr);
	EXPECT_EQ(0, bitmap[0]);
	EXPECT_EQ(0x60, bitmap[1]);
	ASSERT_EQ(0, nyx_dirty_read(s.unit, 0, 4 * MB, 2 * MB, 0, bitmap, &nr));
	EXPECT_EQ(0, nr);
	EXPECT_EQ(0, bitmap[0]);
	ASSERT_EQ(0, nyx_dirty_stop(s.unit));
}

static int see_mapping(const struct nyx_mapping_info *info, void *arg)
{
	struct nyx_mapping_info *list = arg;
	int i;

	for (i = 0; list[i].length; i++)
		;
	list[i] = *info;
	return 0;
}

TEST(map_and_unmap)
{
	struct nyx_mapping_info list[8] = { 0 };
	struct setup s = setup();
	uint64_t unmapped = 1;

	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, 0, 2 * MB, RW));
	EXPECT_EQ(-EEXIST, nyx_map_add(s.unit, s.domain, IOVA + 4096, 0, 4096, RW));
	EXPECT_EQ(-EINVAL, nyx_map_add(s.unit, s.domain, IOVA + 1, 0, 4096, RW));
	EXPECT_EQ(-EINVAL, nyx_map_add(s.unit, s.domain, 0, 0, 0, RW));
	EXPECT_EQ(-EINVAL, nyx_map_add(s.unit, s.domain, 0, 0, 4096, 0));
	EXPECT_EQ(-ENOENT, nyx_map_add(s.unit, (nyx_domain_t){ 99 }, 0, 0, 4096, RW));
	EXPECT_EQ(-ERANGE, nyx_map_add(s.unit, s.domain, UINT64_C(1) << 50, 0, 4096, RW));
	ASSERT_EQ(0, nyx_map_remove(s.unit, s.domain, IOVA + MB, 4096, &unmapped));
	EXPECT_EQ(4096, unmapped);
	EXPECT_EQ(-ENOENT, nyx_map_remove(s.unit, s.domain, IOVA + MB, 4096, &unmapped));
	EXPECT_EQ(0, unmapped);
	ASSERT_EQ(0, nyx_map_foreach(s.unit, s.domain, 0, see_mapping, list));
	EXPECT_EQ(IOVA, list[0].iova);
	EXPECT_EQ(MB, list[0].length);
	EXPECT_EQ(IOVA + MB + 4096, list[1].iova);
	EXPECT_EQ(MB + 4096, list[1].gpa);
	EXPECT_EQ(MB - 4096, list[1].length);
	EXPECT_EQ(0, list[2].length);
	ASSERT_EQ(0, nyx_map_remove_all(s.unit, s.domain, &unmapped));
	EXPECT_EQ(2 * MB - 4096, unmapped);
	ASSERT_EQ(0, nyx_map_remove_all(s.unit, s.domain, &unmapped));
	EXPECT_EQ(0, unmapped);
	ASSERT_EQ(0, nyx_map_remove_all(s.unit, s.domain, NULL));
}

TEST(map_arrays)
{
	struct setup s = setup();
	struct nyx_unmap unmaps[4];
	struct nyx_map maps[4];
	struct nyx_domain_info info;
	size_t done = 99;
	int i;

	for (i = 0; i < 4; i++) {
		maps[i] = (struct nyx_map)NYX_MAP_INIT;
		unmaps[i] = (struct nyx_unmap)NYX_UNMAP_INIT;
		maps[i].domain_id = unmaps[i].domain_id = s.domain.id;
		maps[i].iova = unmaps[i].iova = IOVA + 8192u * (unsigned int)i;
		maps[i].length = unmaps[i].length = 4096;
		maps[i].prot = RW;
	}
	maps[3].iova = maps[1].iova;
	ASSERT_EQ(-EEXIST, nyx_map_add_array(s.unit, maps, 4, &done));
	EXPECT_EQ(3, done);
	ASSERT_EQ(0, nyx_domain_get(s.unit, s.domain, &info, sizeof(info)));
	EXPECT_EQ(3 * 4096, info.mapped_bytes);
	ASSERT_EQ(-ENOENT, nyx_map_remove_array(s.unit, unmaps, 4, &done));
	EXPECT_EQ(3, done);
	EXPECT_EQ(4096, unmaps[0].out_unmapped);
	EXPECT_EQ(4096, unmaps[2].out_unmapped);
	EXPECT_EQ(0, unmaps[3].out_unmapped);
	ASSERT_EQ(0, nyx_map_add_array(s.unit, maps, 0, &done));
	EXPECT_EQ(0, done);
	ASSERT_EQ(0, nyx_map_add_array(s.unit, maps, 2, NULL));
	/* An item without a size, or of another one than the first: none is tried. */
	maps[1].size = 0;
	EXPECT_EQ(-EINVAL, nyx_map_add_array(s.unit, maps, 2, &done));
	EXPECT_EQ(0, done);
	maps[0].size = 0;
	EXPECT_EQ(-EINVAL, nyx_map_add_array(s.unit, maps, 2, &done));
	maps[0].size = maps[1].size = sizeof(maps[0]) + 1;
	EXPECT_EQ(-EINVAL, nyx_map_add_array(s.unit, maps, 2, &done));
}

/* More items than one command takes. */
TEST(array_of_many)
{
	const size_t nr = NYX_ARRAY_MAX + 100;
	struct nyx_invalidate *items = ktap_alloc(nr * sizeof(*items));
	struct setup s = setup();
	size_t done, i;

	memset(items, 0, nr * sizeof(*items));
	for (i = 0; i < nr; i++) {
		items[i].scope = NYX_SCOPE_DOMAIN;
		items[i].size = sizeof(items[i]);
		items[i].domain_id = s.domain.id;
		items[i].pasid = NYX_PASID_NONE;
	}
	ASSERT_EQ(0, nyx_iotlb_invalidate_array(s.unit, items, nr, &done));
	EXPECT_EQ(nr, done);
	items[nr - 2].domain_id = 99;
	ASSERT_EQ(-ENOENT, nyx_iotlb_invalidate_array(s.unit, items, nr, &done));
	EXPECT_EQ(nr - 2, done);
}

TEST(invalidate_scopes)
{
	struct setup s = setup();

	EXPECT_EQ(0, nyx_iotlb_invalidate_unit(s.unit));
	EXPECT_EQ(0, nyx_iotlb_invalidate_domain(s.unit, s.domain));
	EXPECT_EQ(-ENOENT, nyx_iotlb_invalidate_domain(s.unit, (nyx_domain_t){ 99 }));
	EXPECT_EQ(0, nyx_iotlb_invalidate_device(s.unit, DEV));
	EXPECT_EQ(-ENOENT, nyx_iotlb_invalidate_device(s.unit, DEV2));
	EXPECT_EQ(0, nyx_iotlb_invalidate_range(s.unit, s.domain, 0, 4096));
	EXPECT_EQ(-EINVAL, nyx_iotlb_invalidate_range(s.unit, s.domain, 1, 4096));
}

TEST(translate)
{
	struct setup s = setup();
	struct nyx_extent extents[4];
	struct nyx_translate t = {
		.size = sizeof(t), .sbdf = SBDF, .pasid = NYX_PASID_NONE, .access = NYX_PROT_READ,
		.iova = IOVA + 100, .length = 8192, .extents = (uintptr_t)extents, .nr_extents = 4,
	};

	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, 8192, 4096, RW));
	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA + 4096, 0, 4096, NYX_PROT_READ));
	ASSERT_EQ(0, nyx_device_translate(s.unit, &t));
	EXPECT_EQ(2, t.out_nr_extents);
	EXPECT_EQ(8192 - 100, t.out_done);
	EXPECT_EQ(8192 + 100, extents[0].gpa);
	EXPECT_EQ(4096 - 100, extents[0].length);
	EXPECT_EQ(0, extents[1].gpa);
	EXPECT_EQ(4096, extents[1].length);
	EXPECT_EQ(IOVA + 8192, t.out_fault.iova);
	EXPECT_EQ(12, t.out_page_size_lg2);
	EXPECT_EQ(NYX_PROT_READ, t.out_fault.access);
	t.sbdf = SBDF2;
	EXPECT_EQ(-ENOENT, nyx_device_translate(s.unit, &t));
}

TEST(translate_array)
{
	struct setup s = setup();
	struct nyx_translate items[3];
	size_t done;
	int i;

	memset(items, 0, sizeof(items));
	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, 0, 4096, RW));
	for (i = 0; i < 3; i++) {
		items[i].size = sizeof(items[i]);
		items[i].sbdf = SBDF;
		items[i].pasid = NYX_PASID_NONE;
		items[i].access = NYX_PROT_READ;
		items[i].iova = IOVA + 4000u * (unsigned int)i;
		items[i].length = 8;
	}
	ASSERT_EQ(0, nyx_device_translate_array(s.unit, items, 3, &done));
	EXPECT_EQ(3, done);
	EXPECT_EQ(4000, items[1].out_extent.gpa);
	EXPECT_EQ(8, items[1].out_done);
	EXPECT_EQ(0, items[2].out_done);
	EXPECT_TRUE(items[2].out_fault.reason != NYX_FAULT_NONE);
}

TEST(walk)
{
	struct nyx_walk w = {
		.size = sizeof(w), .format = NYX_FORMAT_AMDV1, .levels = 2, .root = MB,
		.iova = 0x1234, .pasid = NYX_PASID_NONE, .access = NYX_PROT_WRITE,
	};
	struct setup s = setup();
	uint64_t *root = (uint64_t *)(s.mem + MB);

	root[0] = UINT64_C(0x6000000000000201) | (MB + 4096);
	root[512 + 1] = UINT64_C(0x6000000000002001);
	ASSERT_EQ(0, nyx_walk_get(s.unit, &w));
	ASSERT_EQ(2, w.out_nr_steps);
	EXPECT_EQ(NYX_WALK_TABLE, w.out_steps[0].kind);
	EXPECT_EQ(root[0], w.out_steps[0].entry);
	EXPECT_EQ(MB + 4096, w.out_steps[1].table);
	EXPECT_EQ(NYX_WALK_PAGE, w.out_steps[1].kind);
	EXPECT_EQ(0x2234, w.out_gpa);
	EXPECT_EQ(NYX_FAULT_NONE, w.out_fault.reason);
	root[512 + 1] = 0;
	ASSERT_EQ(0, nyx_walk_get(s.unit, &w));
	EXPECT_EQ(NYX_FAULT_NOT_PRESENT, w.out_fault.reason);
	w.root++;
	EXPECT_EQ(-EINVAL, nyx_walk_get(s.unit, &w));
	/* The table of a domain, in the kernel */
	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, 0x3000, 4096, RW));
	w = (struct nyx_walk){
		.size = sizeof(w), .flags = NYX_WALK_F_DEVICE, .sbdf = SBDF, .iova = IOVA + 4,
		.pasid = NYX_PASID_NONE, .access = NYX_PROT_WRITE,
	};
	ASSERT_EQ(0, nyx_walk_get(s.unit, &w));
	EXPECT_EQ(NYX_FAULT_NONE, w.out_fault.reason);
	EXPECT_EQ(0x3004, w.out_gpa);
	w.sbdf = SBDF2;
	EXPECT_EQ(-ENOENT, nyx_walk_get(s.unit, &w));
	nyx_unit_unref(s.unit);
}

TEST(dma_reaches_the_file)
{
	unsigned char buf[10000], back[10000];
	struct setup s = setup();
	struct nyx_fault fault;
	uint64_t done = 0;
	size_t i;

	for (i = 0; i < sizeof(buf); i++)
		buf[i] = (unsigned char)(i * 7);
	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, MB, MB, RW));
	ASSERT_EQ(0, nyx_dma_write(s.unit, DEV, IOVA + 4000, buf, sizeof(buf), &done, &fault));
	EXPECT_EQ(sizeof(buf), done);
	EXPECT_EQ(NYX_FAULT_NONE, fault.reason);
	ASSERT_SAME(buf, s.mem + MB + 4000, sizeof(buf));
	ASSERT_EQ(0, nyx_dma_read(s.unit, DEV, IOVA + 4000, back, sizeof(back), NULL, NULL));
	ASSERT_SAME(buf, back, sizeof(buf));
	ASSERT_EQ(0, nyx_dma_fill(s.unit, DEV, IOVA + 1, 4096, 0x0403020101020304, 4, &done,
				  &fault));
	EXPECT_EQ(0x04, s.mem[MB + 1]);
	EXPECT_EQ(0x01, s.mem[MB + 4]);
	EXPECT_EQ(0x04, s.mem[MB + 5]);
	EXPECT_EQ(0, s.mem[MB]);
}

TEST(dma_faults)
{
	unsigned char buf[8192];
	struct setup s = setup();
	struct nyx_fault fault;
	uint64_t done = 0, old;

	memset(buf, 0x55, sizeof(buf));
	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, 0, 4096, RW));
	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA + MB, 4096, 4096, NYX_PROT_READ));
	ASSERT_EQ(0, nyx_dma_write(s.unit, DEV, IOVA + 100, buf, sizeof(buf), &done, &fault));
	EXPECT_EQ(4096 - 100, done);
	EXPECT_TRUE(fault.reason == NYX_FAULT_NOT_PRESENT ||
		    fault.reason == NYX_FAULT_TABLE_NOT_PRESENT);
	EXPECT_EQ(IOVA + 4096, fault.iova);
	EXPECT_EQ(NYX_PROT_WRITE, fault.access);
	EXPECT_EQ(NYX_GPA_UNKNOWN, fault.gpa);
	/* A caller without a place for the fault gets an error. */
	EXPECT_EQ(-EREMOTEIO, nyx_dma_write(s.unit, DEV, IOVA + MB, buf, 1, &done, NULL));
	EXPECT_EQ(0, done);
	EXPECT_EQ(-EREMOTEIO, nyx_dma_swap(s.unit, DEV, IOVA + MB, 4, 1, &old, NULL));
	ASSERT_EQ(0, nyx_dma_cas(s.unit, DEV, IOVA + MB, 8, 0, 1, &old, &fault));
	EXPECT_EQ(NYX_FAULT_WRITE_DENIED, fault.reason);
	EXPECT_EQ(RW, fault.access);
	EXPECT_EQ(4096, fault.gpa);
	EXPECT_EQ(-ENOENT, nyx_dma_read(s.unit, DEV2, 0, buf, 1, NULL, NULL));
	EXPECT_EQ(-EINVAL, nyx_dma_read(s.unit, DEV, IOVA, buf, 0, &done, NULL));
	EXPECT_EQ(-EOVERFLOW, nyx_dma_read(s.unit, DEV, UINT64_MAX - 3, buf, 8, &done, NULL));
	EXPECT_EQ(-EINVAL, nyx_dma_fill(s.unit, DEV, IOVA, 6, 0, 4, &done, NULL));
	EXPECT_EQ(-EINVAL, nyx_dma_fetch_add(s.unit, DEV, IOVA + 2, 4, 1, NULL, NULL));
}

/* Segments and buffers that end at different places, more than one system call takes. */
TEST(dma_vectors)
{
	enum { SEGS = 300, TOTAL = SEGS * 7 };
	unsigned char buf[TOTAL], back[TOTAL];
	struct nyx_dma_seg segs[SEGS];
	struct setup s = setup();
	struct iovec iov[100];
	struct nyx_fault fault;
	uint64_t done = 0;
	size_t i;

	for (i = 0; i < sizeof(buf); i++)
		buf[i] = (unsigned char)(i * 7);
	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, MB, MB, RW));
	/* Backwards in memory, some of them empty */
	for (i = 0; i < SEGS; i++)
		segs[i] = (struct nyx_dma_seg){
			.iova = IOVA + (SEGS - i) * 32,
			.length = i % 3 ? (i % 3 == 1 ? 14 : 7) : 0,
		};
	for (i = 0; i < 100; i++)
		iov[i] = (struct iovec){ .iov_base = buf + i * 21, .iov_len = 21 };
	ASSERT_EQ(0, nyx_dma_writev(s.unit, DEV, segs, SEGS, iov, 100, &done, &fault));
	EXPECT_EQ(TOTAL, done);
	EXPECT_EQ(NYX_FAULT_NONE, fault.reason);
	ASSERT_SAME(buf, s.mem + MB + (SEGS - 1) * 32, 14);
	ASSERT_SAME(buf + TOTAL - 7, s.mem + MB + 32, 7);
	for (i = 0; i < 100; i++)
		iov[i].iov_base = back + i * 21;
	ASSERT_EQ(0, nyx_dma_readv(s.unit, DEV, segs, SEGS, iov, 100, &done, NULL));
	EXPECT_EQ(TOTAL, done);
	ASSERT_SAME(buf, back, TOTAL);

	/* The shorter string ends it. */
	ASSERT_EQ(0, nyx_dma_readv(s.unit, DEV, segs, SEGS, iov, 2, &done, NULL));
	EXPECT_EQ(42, done);
	ASSERT_EQ(0, nyx_dma_readv(s.unit, DEV, segs, 2, iov, 100, &done, NULL));
	EXPECT_EQ(14, done);
	ASSERT_EQ(0, nyx_dma_readv(s.unit, DEV, NULL, 0, iov, 100, &done, NULL));
	EXPECT_EQ(0, done);
	ASSERT_EQ(0, nyx_dma_writev(s.unit, DEV, segs, SEGS, NULL, 0, &done, &fault));
	EXPECT_EQ(0, done);

	/* A fault does, too: what is behind it is not tried. */
	segs[101].iova = IOVA + MB - 3;
	memset(s.mem + MB, 0, MB);
	ASSERT_EQ(0, nyx_dma_writev(s.unit, DEV, segs, SEGS, iov, 100, &done, &fault));
	EXPECT_EQ(IOVA + MB, fault.iova);
	EXPECT_EQ(34 * 14 + 33 * 7 + 3, (int)done);
	EXPECT_EQ(0, s.mem[MB + 32]);
	EXPECT_EQ(-EREMOTEIO, nyx_dma_readv(s.unit, DEV, segs, SEGS, iov, 100, &done, NULL));
	EXPECT_EQ(34 * 14 + 33 * 7 + 3, (int)done);

	segs[1].length = UINT64_MAX;
	EXPECT_EQ(-EOVERFLOW, nyx_dma_readv(s.unit, DEV, segs, SEGS, iov, 100, &done, &fault));
	EXPECT_EQ(0, done);
	segs[1] = (struct nyx_dma_seg){ .iova = UINT64_MAX - 5, .length = 7 };
	EXPECT_EQ(-EOVERFLOW, nyx_dma_readv(s.unit, DEV, segs, SEGS, iov, 100, &done, &fault));
	EXPECT_EQ(-ENOENT, nyx_dma_readv(s.unit, DEV2, segs + 2, 1, iov, 1, &done, &fault));
	nyx_unit_unref(s.unit);
}

TEST(dma_atomics)
{
	struct setup s = setup();
	uint64_t *word = (uint64_t *)s.mem, old;

	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, 0, 4096, RW));
	*word = 5;
	ASSERT_EQ(0, nyx_dma_cas(s.unit, DEV, IOVA, 8, 4, 9, &old, NULL));
	EXPECT_EQ(5, old);
	EXPECT_EQ(5, *word);
	ASSERT_EQ(0, nyx_dma_cas(s.unit, DEV, IOVA, 8, 5, 9, &old, NULL));
	EXPECT_EQ(9, *word);
	ASSERT_EQ(0, nyx_dma_fetch_add(s.unit, DEV, IOVA, 8, UINT64_MAX, &old, NULL));
	EXPECT_EQ(9, old);
	EXPECT_EQ(8, *word);
	ASSERT_EQ(0, nyx_dma_swap(s.unit, DEV, IOVA + 4, 4, 0xffffffff, &old, NULL));
	EXPECT_EQ(0, old);
	EXPECT_EQ(0xffffffff00000008, *word);
}

TEST(dma_array)
{
	struct setup s = setup();
	uint64_t value = 0x1122334455667788, back = 0;
	struct nyx_dma items[3];
	size_t done;
	int i;

	memset(items, 0, sizeof(items));
	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, 0, 4096, RW));
	for (i = 0; i < 3; i++) {
		items[i].size = sizeof(items[i]);
		items[i].sbdf = SBDF;
		items[i].pasid = NYX_PASID_NONE;
		items[i].iova = IOVA;
		items[i].length = 8;
	}
	items[0].op = NYX_DMA_WRITE;
	items[0].buffer = (uintptr_t)&value;
	items[1].op = NYX_DMA_READ;
	items[1].buffer = (uintptr_t)&back;
	items[1].iova = 0;
	items[2].op = NYX_DMA_READ;
	items[2].buffer = (uintptr_t)&back;
	ASSERT_EQ(0, nyx_dma_submit_array(s.unit, items, 3, &done));
	EXPECT_EQ(3, done);
	EXPECT_TRUE(items[1].out_fault.reason != NYX_FAULT_NONE);
	EXPECT_EQ(value, back);
	items[1].sbdf = SBDF2;
	ASSERT_EQ(-ENOENT, nyx_dma_submit_array(s.unit, items, 3, &done));
	EXPECT_EQ(1, done);
}

TEST(events)
{
	struct nyx_event events[4];
	struct setup s = setup();
	struct nyx_fault fault;
	int live, history, waiting;
	unsigned char byte = 0;
	struct pollfd pfd;
	size_t got = 9;

	ASSERT_EQ(0, nyx_dma_read(s.unit, DEV, IOVA, &byte, 1, NULL, &fault));
	ASSERT_EQ(0, nyx_event_open(s.unit, NYX_EVENTS_F_NONBLOCK, &live));
	ASSERT_EQ(0, nyx_event_open(s.unit, NYX_EVENTS_F_NONBLOCK | NYX_EVENTS_F_HISTORY,
				    &history));
	ASSERT_EQ(0, nyx_event_open(s.unit, 0, &waiting));
	EXPECT_TRUE(fcntl(live, F_GETFD) & FD_CLOEXEC);
	EXPECT_EQ(-EAGAIN, nyx_event_read(live, events, 4, &got));
	EXPECT_EQ(-EINVAL, nyx_event_read(live, events, 0, &got));
	ASSERT_EQ(0, nyx_event_read(history, events, 4, &got));
	ASSERT_EQ(1, got);
	EXPECT_EQ(NYX_EVENT_FAULT, events[0].type);
	EXPECT_EQ(SBDF, events[0].fault.sbdf);
	EXPECT_EQ(s.domain.id, events[0].fault.domain_id);
	EXPECT_EQ(IOVA, events[0].fault.fault.iova);

	ASSERT_EQ(0, nyx_dma_write(s.unit, DEV, IOVA + 1, &byte, 1, NULL, &fault));
	pfd = (struct pollfd){ .fd = live, .events = POLLIN };
	ASSERT_EQ(1, poll(&pfd, 1, 1000));
	ASSERT_EQ(0, nyx_event_read(live, events, 4, &got));
	ASSERT_EQ(1, got);
	EXPECT_EQ(1, events[0].seq);
	EXPECT_EQ(IOVA + 1, events[0].fault.fault.iova);
	ASSERT_EQ(0, nyx_event_read(waiting, events, 4, &got));
	EXPECT_EQ(1, got);

	ASSERT_EQ(0, nyx_unit_destroy(s.unit));
	ASSERT_EQ(0, nyx_event_read(waiting, events, 4, &got));
	EXPECT_EQ(0, got);
}

TEST(events_lost)
{
	struct nyx_unit_create_opts opts = { .size = sizeof(opts), .event_entries = 16 };
	struct nyx_ctx *ctx = env_ctx();
	struct nyx_event events[32];
	char text[NYX_EVENT_TEXT_LEN];
	struct nyx_unit *unit;
	struct nyx_fault fault;
	unsigned char byte;
	size_t got;
	int fd, i;

	ASSERT_EQ(0, nyx_unit_create(ctx, &opts, &unit));
	ASSERT_EQ(0, nyx_device_add(unit, DEV));
	env_tolerate(unit);
	ASSERT_EQ(0, nyx_event_open(unit, NYX_EVENTS_F_NONBLOCK, &fd));
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, nyx_dma_read(unit, DEV, 0, &byte, 1, NULL, &fault));
	EXPECT_EQ(NYX_FAULT_NO_DOMAIN, fault.reason);
	ASSERT_EQ(0, nyx_event_read(fd, events, 32, &got));
	ASSERT_EQ(17, got);
	EXPECT_EQ(NYX_EVENT_LOST, events[0].type);
	EXPECT_EQ(4, events[0].lost);
	EXPECT_EQ(0, events[0].seq);
	EXPECT_EQ(4, events[1].seq);
	ASSERT_EQ(0, nyx_event_format(&events[0], text, sizeof(text)));
	EXPECT_EQ(0, strcmp("4 records lost, from number 0 on", text));
}

TEST(counters)
{
	uint64_t values[NYX_STAT_MAX + 3];
	struct setup s = setup();
	unsigned char buf[100];
	uint32_t known = 0;

	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, 0, 8192, RW));
	ASSERT_EQ(0, nyx_dma_read(s.unit, DEV, IOVA, buf, 100, NULL, NULL));
	ASSERT_EQ(0, nyx_dma_write(s.unit, DEV, IOVA, buf, 50, NULL, NULL));
	memset(values, 0xff, sizeof(values));
	ASSERT_EQ(0, nyx_stat_get_unit(s.unit, values, NYX_STAT_MAX + 3, &known));
	EXPECT_TRUE(known >= NYX_STAT_MAX);
	EXPECT_EQ(0, values[NYX_STAT_MAX + 2]);
	EXPECT_EQ(100, values[NYX_STAT_READ_BYTES]);
	EXPECT_EQ(50, values[NYX_STAT_WRITE_BYTES]);
	EXPECT_EQ(2, values[NYX_STAT_DMA_OPS]);
	EXPECT_EQ(1, values[NYX_STAT_MAPS]);
	EXPECT_EQ(8192, values[NYX_STAT_MAPPED_BYTES]);
	EXPECT_EQ(1, values[NYX_STAT_IOTLB_HITS]);
	EXPECT_EQ(1, values[NYX_STAT_IOTLB_MISSES]);
	ASSERT_EQ(0, nyx_stat_get_device(s.unit, DEV, values, NYX_STAT_MAX, NULL));
	EXPECT_EQ(100, values[NYX_STAT_READ_BYTES]);
	ASSERT_EQ(0, nyx_stat_get_domain(s.unit, s.domain, values, 1, NULL));
	EXPECT_EQ(-ENOENT, nyx_stat_get_domain(s.unit, (nyx_domain_t){ 99 }, values, 1, NULL));
	EXPECT_EQ(-ENOENT, nyx_stat_get_device(s.unit, DEV2, values, 1, NULL));
}

/* After a signal the library goes on, but where it must not. */
TEST(interrupted)
{
	struct setup s = setup();
	uint64_t unmapped;
	size_t done;
	struct nyx_map map = {
		.size = sizeof(map), .domain_id = s.domain.id, .prot = RW, .iova = IOVA,
		.length = 4096,
	};

	env_inject("0x15:4");
	ASSERT_EQ(0, nyx_map_add_array(s.unit, &map, 1, &done));
	EXPECT_TRUE(inject_done);
	EXPECT_EQ(1, done);
	ASSERT_EQ(0, nyx_map_remove(s.unit, s.domain, IOVA, 4096, &unmapped));
}

TEST(interrupted_unmap)
{
	struct setup s = setup();

	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, 0, 4096, RW));
	env_inject("0x11:4");
	EXPECT_EQ(-EINTR, nyx_map_remove(s.unit, s.domain, IOVA, 4096, NULL));
}

TEST(interrupted_dma)
{
	struct setup s = setup();
	uint32_t word = 7;
	uint64_t done;

	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, 0, 4096, RW));
	env_inject("0x14:4");
	EXPECT_EQ(0, nyx_dma_write(s.unit, DEV, IOVA, &word, sizeof(word), &done, NULL));
	EXPECT_TRUE(inject_done);
	EXPECT_EQ(4, done);
	EXPECT_EQ(7, *s.mem);
}
