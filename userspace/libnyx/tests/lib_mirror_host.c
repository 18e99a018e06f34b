// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: the back ends of mirrors, VFIO's container and iommufd's address space. They need
 * neither the module nor such a device.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * ioctl(2) is replaced by what the kernel's interface says, and by answers that it never gives.
 * The structures of iommufd are written out again.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/vfio.h>

#include <nyx/nyx.h>

#include "ktap.h"

#define FD		1234
#define IOAS		77u
#define PAGE		UINT64_C(4096)
#define RW		(NYX_PROT_READ | NYX_PROT_WRITE)

#define IOMMUFD(nr)	_IO(0x3b, nr)

struct range {
	uint64_t first;
	uint64_t last;
};

struct iommufd_ranges {
	uint32_t size, ioas_id, nr, reserved;
	uint64_t ranges, alignment;
};

struct iommufd_map {
	uint32_t size, flags, ioas_id, reserved;
	uint64_t user_va, length, iova;
};

struct iommufd_unmap {
	uint32_t size, ioas_id;
	uint64_t iova, length;
};

/**
 * struct answers - what the kernel does
 * @error: errno of each command, or 0
 * @type: what VFIO_CHECK_EXTENSION returns
 * @info: the answer to VFIO_IOMMU_GET_INFO
 * @bytes: of it
 * @info_size: its bytes
 * @argsz: what it says that it has; 0: @info_size
 * @grow: it is longer each time
 * @calls: commands
 * @request: the last one
 * @map: of VFIO
 * @unmap: of VFIO
 * @dirty: of VFIO
 * @get: behind @dirty, for the bitmap
 * @map2: of iommufd
 * @unmap2: of iommufd
 * @unmapped: bytes that an unmapping tells
 * @range: ranges of iommufd
 * @nr_ranges: how many
 * @alignment: of iommufd
 */
static struct answers {
	int error;
	int type;
	union {
		struct vfio_iommu_type1_info info;
		unsigned char bytes[512];
	};
	uint32_t info_size;
	uint32_t argsz;
	bool grow;
	unsigned int calls;
	unsigned long request;
	struct vfio_iommu_type1_dma_map map;
	struct vfio_iommu_type1_dma_unmap unmap;
	struct vfio_iommu_type1_dirty_bitmap dirty;
	struct vfio_iommu_type1_dirty_bitmap_get get;
	struct iommufd_map map2;
	struct iommufd_unmap unmap2;
	uint64_t unmapped;
	struct range range[40];
	uint32_t nr_ranges;
	uint64_t alignment;
} k;

static int get_info(struct vfio_iommu_type1_info *info)
{
	uint32_t room = info->argsz, size = k.info_size;

	if (k.grow)
		size = room + 8;
	if (room >= size) {
		memcpy(info, k.bytes, size);
	} else {
		/* No capability is told for which there is no room. */
		memcpy(info, k.bytes, sizeof(*info) < room ? sizeof(*info) : room);
		info->cap_offset = 0;
	}
	info->argsz = k.argsz ? k.argsz : size;
	return 0;
}

static int get_ranges(struct iommufd_ranges *req)
{
	uint32_t room = req->nr;

	ASSERT_EQ(sizeof(*req), req->size);
	ASSERT_EQ(IOAS, req->ioas_id);
	ASSERT_EQ(0, req->reserved);
	memcpy((void *)(uintptr_t)req->ranges, k.range,
	       (room < k.nr_ranges ? room : k.nr_ranges) * sizeof(k.range[0]));
	req->nr = k.nr_ranges;
	req->alignment = k.alignment;
	return room < k.nr_ranges ? EMSGSIZE : 0;
}

static int command(unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_CHECK_EXTENSION:
		ASSERT_EQ(VFIO_TYPE1v2_IOMMU, (uintptr_t)arg);
		return -k.type;
	case VFIO_IOMMU_GET_INFO:
		return get_info(arg);
	case VFIO_IOMMU_MAP_DMA:
		k.map = *(struct vfio_iommu_type1_dma_map *)arg;
		return 0;
	case VFIO_IOMMU_UNMAP_DMA:
		k.unmap = *(struct vfio_iommu_type1_dma_unmap *)arg;
		((struct vfio_iommu_type1_dma_unmap *)arg)->size = k.unmapped;
		return 0;
	case VFIO_IOMMU_DIRTY_PAGES:
		memcpy(&k.dirty, arg, sizeof(k.dirty));
		if (k.dirty.argsz == sizeof(k.dirty) + sizeof(k.get))
			memcpy(&k.get, (char *)arg + sizeof(k.dirty), sizeof(k.get));
		return 0;
	case IOMMUFD(0x84):
		return get_ranges(arg);
	case IOMMUFD(0x85):
		k.map2 = *(struct iommufd_map *)arg;
		return 0;
	case IOMMUFD(0x86):
		k.unmap2 = *(struct iommufd_unmap *)arg;
		((struct iommufd_unmap *)arg)->length = k.unmapped;
		return 0;
	}
	FAIL("command 0x%lx", request);
	return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	ASSERT_EQ(FD, fd);
	k.calls++;
	k.request = request;
	ret = k.error ? k.error : command(request, arg);
	if (ret <= 0)
		return -ret;
	errno = ret;
	return -1;
}

/* ---- VFIO --------------------------------------------------------------------- */

static uint32_t last_capability;	/* 0: there is none */

/* Begin an answer without capabilities. */
static struct vfio_iommu_type1_info *begin_info(void)
{
	struct vfio_iommu_type1_info *info = &k.info;

	memset(&k, 0, sizeof(k));
	last_capability = 0;
	k.type = 1;
	k.info_size = sizeof(*info);
	info->flags = VFIO_IOMMU_INFO_PGSIZES;
	info->iova_pgsizes = 0x40201000;
	return info;
}

/*
 * Add a capability of @size bytes behind the last one, as closely as Linux 6.1 does. Returns
 * where it is.
 */
static uint32_t add_capability(uint16_t id, uint32_t size)
{
	struct vfio_info_cap_header header = { .id = id, .version = 1 };
	uint32_t at = k.info_size;

	if (last_capability)
		memcpy(k.bytes + last_capability + offsetof(struct vfio_info_cap_header, next),
		       &at, sizeof(at));
	else
		k.info.cap_offset = at;
	k.info.flags |= VFIO_IOMMU_INFO_CAPS;
	last_capability = at;
	k.info_size += size;
	ASSERT_LE(k.info_size, sizeof(k.bytes));
	memcpy(k.bytes + at, &header, sizeof(header));
	return at;
}

static void add_ranges(uint32_t nr)
{
	struct vfio_iommu_type1_info_cap_iova_range cap;
	struct vfio_iova_range range;
	uint32_t i, at;

	at = add_capability(VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
			    (uint32_t)(sizeof(cap) + nr * sizeof(range)));
	memcpy(&cap, k.bytes + at, sizeof(cap));
	cap.nr_iovas = nr;
	memcpy(k.bytes + at, &cap, sizeof(cap));
	at += sizeof(cap);
	for (i = 0; i < nr; i++, at += sizeof(range)) {
		range.start = (2 * i) * PAGE;
		range.end = (2 * i + 1) * PAGE - 1;
		memcpy(k.bytes + at, &range, sizeof(range));
	}
}

static void add_avail(uint32_t avail)
{
	struct vfio_iommu_type1_info_dma_avail cap;
	uint32_t at = add_capability(VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, sizeof(cap));

	memcpy(&cap, k.bytes + at, sizeof(cap));
	cap.avail = avail;
	memcpy(k.bytes + at, &cap, sizeof(cap));
}

static int limits_of(const struct nyx_mirror_backend *backend, struct nyx_mirror_limits *limits,
		     struct nyx_mirror_range *ranges, size_t nr)
{
	*limits = (struct nyx_mirror_limits){ .ranges = ranges, .nr = nr };
	return backend->limits(backend, limits);
}

TEST(vfio_maps)
{
	struct nyx_mirror_backend backend = NYX_MIRROR_BACKEND_INIT;
	struct nyx_mirror_map map = {
		.iova = 0x1000, .length = 0x3000, .gpa = 0x7000, .host = &map, .prot = RW,
	};
	uint64_t unmapped = 0;

	begin_info();
	ASSERT_EQ(0, nyx_mirror_vfio(FD, &backend));
	ASSERT_TRUE(!backend.commit);
	ASSERT_EQ(0, backend.map(&backend, &map));
	ASSERT_EQ(sizeof(k.map), k.map.argsz);
	ASSERT_EQ(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE, k.map.flags);
	ASSERT_EQ((uintptr_t)&map, k.map.vaddr);
	ASSERT_EQ(0x1000, k.map.iova);
	ASSERT_EQ(0x3000, k.map.size);
	map.prot = NYX_PROT_READ;
	ASSERT_EQ(0, backend.map(&backend, &map));
	ASSERT_EQ(VFIO_DMA_MAP_FLAG_READ, k.map.flags);
	map.prot = NYX_PROT_WRITE;
	ASSERT_EQ(0, backend.map(&backend, &map));
	ASSERT_EQ(VFIO_DMA_MAP_FLAG_WRITE, k.map.flags);

	k.unmapped = 0x2000;
	ASSERT_EQ(0, backend.unmap(&backend, 0x1000, 0x3000, &unmapped));
	ASSERT_EQ(0x2000, unmapped);
	ASSERT_EQ(sizeof(k.unmap), k.unmap.argsz);
	ASSERT_EQ(0, k.unmap.flags);
	ASSERT_EQ(0x1000, k.unmap.iova);
	ASSERT_EQ(0x3000, k.unmap.size);

	k.error = ENOMEM;
	ASSERT_EQ(-ENOMEM, backend.map(&backend, &map));
	k.error = EINVAL;
	ASSERT_EQ(-EINVAL, backend.unmap(&backend, 0x1000, 0x3000, &unmapped));
}

TEST(vfio_tells_dirty_pages)
{
	struct nyx_mirror_backend backend = NYX_MIRROR_BACKEND_INIT;
	uint64_t bitmap[2];

	begin_info();
	ASSERT_EQ(0, nyx_mirror_vfio(FD, &backend));
	ASSERT_EQ(0, backend.dirty(&backend, NYX_MIRROR_DIRTY_START, 0, 0, NULL));
	ASSERT_EQ(VFIO_IOMMU_DIRTY_PAGES_FLAG_START, k.dirty.flags);
	ASSERT_EQ(sizeof(k.dirty), k.dirty.argsz);
	ASSERT_EQ(0, backend.dirty(&backend, NYX_MIRROR_DIRTY_READ, 0x1000, 65 * PAGE, bitmap));
	ASSERT_EQ(VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, k.dirty.flags);
	ASSERT_EQ(sizeof(k.dirty) + sizeof(k.get), k.dirty.argsz);
	ASSERT_EQ(0x1000, k.get.iova);
	ASSERT_EQ(65 * PAGE, k.get.size);
	ASSERT_EQ(PAGE, k.get.bitmap.pgsize);
	ASSERT_EQ(16, k.get.bitmap.size);
	ASSERT_TRUE(k.get.bitmap.data == (__u64 *)bitmap);
	ASSERT_EQ(0, backend.dirty(&backend, NYX_MIRROR_DIRTY_STOP, 0, 0, NULL));
	ASSERT_EQ(VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP, k.dirty.flags);
	ASSERT_EQ(-EINVAL, backend.dirty(&backend, 0, 0, 0, NULL));
	k.error = ENOTTY;
	ASSERT_EQ(-ENOTTY, backend.dirty(&backend, NYX_MIRROR_DIRTY_START, 0, 0, NULL));
}

/* A program that knows no member behind commit has no room for one. */
TEST(shorter_back_ends)
{
	struct {
		struct nyx_mirror_backend backend;
		uint64_t behind;
	} s;

	begin_info();
	memset(&s, 0x5a, sizeof(s));
	s.backend.size = offsetof(struct nyx_mirror_backend, dirty);
	ASSERT_EQ(0, nyx_mirror_vfio(FD, &s.backend));
	ASSERT_EQ(offsetof(struct nyx_mirror_backend, dirty), s.backend.size);
	ASSERT_TRUE(s.backend.map);
	ASSERT_FILLED(&s.backend.dirty, 0x5a, sizeof(s.backend.dirty));
}

TEST(vfio_opens_what_it_can)
{
	struct nyx_mirror_backend backend = NYX_MIRROR_BACKEND_INIT;

	begin_info();
	k.type = 0;
	ASSERT_EQ(-EOPNOTSUPP, nyx_mirror_vfio(FD, &backend));
	ASSERT_TRUE(!backend.map);
	begin_info();
	k.error = EBADF;
	ASSERT_EQ(-EBADF, nyx_mirror_vfio(FD, &backend));
	begin_info();
	backend.size = 8;
	ASSERT_EQ(-EINVAL, nyx_mirror_vfio(FD, &backend));
	ASSERT_EQ(0, k.calls);
}

TEST(vfio_tells_limits)
{
	struct nyx_mirror_backend backend = NYX_MIRROR_BACKEND_INIT;
	struct nyx_mirror_range ranges[16];
	struct nyx_mirror_limits limits;

	/* An old kernel, without capabilities */
	begin_info();
	ASSERT_EQ(0, nyx_mirror_vfio(FD, &backend));
	ASSERT_EQ(0, limits_of(&backend, &limits, ranges, 16));
	ASSERT_EQ(4096, limits.page_size);
	ASSERT_EQ(65535, limits.more_maps);
	ASSERT_EQ(1, limits.nr_ranges);
	ASSERT_EQ(0, ranges[0].first);
	ASSERT_EQ(UINT64_MAX, ranges[0].last);
	/* Without page sizes */
	begin_info()->flags = 0;
	ASSERT_EQ(0, limits_of(&backend, &limits, ranges, 16));
	ASSERT_EQ(4096, limits.page_size);

	begin_info()->iova_pgsizes = 0x10000;
	add_capability(99, 24);
	add_ranges(3);
	add_capability(98, 8);
	add_avail(1000);
	ASSERT_EQ(0, limits_of(&backend, &limits, ranges, 16));
	ASSERT_EQ(0x10000, limits.page_size);
	ASSERT_EQ(1000, limits.more_maps);
	ASSERT_EQ(3, limits.nr_ranges);
	ASSERT_EQ(4 * PAGE, ranges[2].first);
	ASSERT_EQ(5 * PAGE - 1, ranges[2].last);
	/* No room for all */
	memset(ranges, 0xee, sizeof(ranges));
	ASSERT_EQ(0, limits_of(&backend, &limits, ranges, 2));
	ASSERT_EQ(3, limits.nr_ranges);
	ASSERT_EQ(2 * PAGE, ranges[1].first);
	ASSERT_EQ(0xeeeeeeeeeeeeeeee, ranges[2].first);
	ASSERT_EQ(0, limits_of(&backend, &limits, NULL, 0));
	ASSERT_EQ(3, limits.nr_ranges);
	/* None, and the limit is reached */
	begin_info();
	add_ranges(0);
	add_avail(0);
	ASSERT_EQ(0, limits_of(&backend, &limits, ranges, 16));
	ASSERT_EQ(0, limits.nr_ranges);
	ASSERT_EQ(0, limits.more_maps);
	k.error = ENODEV;
	ASSERT_EQ(-ENODEV, limits_of(&backend, &limits, ranges, 16));
}

/* Each of these makes an answer wrong that has a capability. */
static void set_next(uint32_t next)
{
	memcpy(k.bytes + k.info.cap_offset + offsetof(struct vfio_info_cap_header, next), &next,
	       sizeof(next));
}

static void offset_inside(void) { k.info.cap_offset = sizeof(k.info) - 4; }
static void offset_at_end(void) { k.info.cap_offset = k.info_size; }
static void offset_far(void) { k.info.cap_offset = 0xfffffff8; }
static void next_loops(void) { set_next(k.info.cap_offset); }
static void next_overlaps(void) { set_next(k.info.cap_offset + 4); }
static void next_back(void) { set_next(8); }
static void next_far(void) { set_next(0xfffffff8); }

/* Only half of a header is left. */
static void next_beyond(void)
{
	set_next(k.info_size);
	k.info_size += 4;
}

static void set_ranges(uint32_t nr)
{
	begin_info();
	add_ranges(2);
	memcpy(k.bytes + last_capability +
	       offsetof(struct vfio_iommu_type1_info_cap_iova_range, nr_iovas), &nr, sizeof(nr));
}

static void ranges_too_many(void) { set_ranges(3); }
static void ranges_far_too_many(void) { set_ranges(UINT32_MAX); }

static void ranges_cut(void)
{
	begin_info();
	add_capability(VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 8);
}

static void avail_cut(void)
{
	begin_info();
	add_capability(VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 8);
}

static void answer_huge(void) { k.argsz = UINT32_MAX; }
static void answer_grows(void) { k.grow = true; }

static const struct {
	const char *name;
	void (*spoil)(void);
} malformed[] = {
	{ "offset_inside", offset_inside },
	{ "offset_at_end", offset_at_end },
	{ "offset_far", offset_far },
	{ "next_loops", next_loops },
	{ "next_overlaps", next_overlaps },
	{ "next_back", next_back },
	{ "next_far", next_far },
	{ "next_beyond", next_beyond },
	{ "ranges_too_many", ranges_too_many },
	{ "ranges_far_too_many", ranges_far_too_many },
	{ "ranges_cut", ranges_cut },
	{ "avail_cut", avail_cut },
	{ "answer_huge", answer_huge },
	{ "answer_grows", answer_grows },
};

TEST_EACH(vfio_answers_that_are_malformed, malformed)
{
	struct nyx_mirror_backend backend = NYX_MIRROR_BACKEND_INIT;

	/* One that it has not to look at, in front of those that it has */
	begin_info();
	add_capability(99, 8);
	v->spoil();
	ASSERT_EQ(-EPROTO, nyx_mirror_vfio(FD, &backend));
	ASSERT_TRUE(!backend.map);
}

/* The library neither crashes nor hangs, by no chain. */
TEST(vfio_answers_at_random)
{
	unsigned long i, n = ktap_iterations(20000);
	struct nyx_mirror_range ranges[16];
	struct nyx_mirror_limits limits;
	struct rng rng = rng_start(1);
	struct nyx_mirror_backend backend = NYX_MIRROR_BACKEND_INIT;
	uint64_t j;

	begin_info();
	ASSERT_EQ(0, nyx_mirror_vfio(FD, &backend));
	for (i = 0; i < n; i++) {
		int ret;

		begin_info();
		add_capability((uint16_t)rng_below(&rng, 5), 24);
		add_ranges((uint32_t)rng_below(&rng, 4));
		add_avail(9);
		for (j = rng_below(&rng, 4); j > 0; j--)
			k.bytes[rng_below(&rng, k.info_size)] =
				(unsigned char)(rng_below(&rng, 2) ? rng_next(&rng) :
						rng_below(&rng, 16) * 8);
		ret = limits_of(&backend, &limits, ranges, 16);
		ASSERT_TRUE(!ret || ret == -EPROTO);
	}
}

/* ---- iommufd ------------------------------------------------------------------ */

static void begin_ioas(uint32_t nr)
{
	uint32_t i;

	memset(&k, 0, sizeof(k));
	k.alignment = 0x1000;
	k.nr_ranges = nr;
	for (i = 0; i < nr; i++)
		k.range[i] = (struct range){ (2 * i) * PAGE, (2 * i + 1) * PAGE - 1 };
}

TEST(iommufd_maps)
{
	struct nyx_mirror_backend backend = NYX_MIRROR_BACKEND_INIT;
	struct nyx_mirror_map map = {
		.iova = 0x1000, .length = 0x3000, .gpa = 0x7000, .host = &map, .prot = RW,
	};
	uint64_t unmapped = 0;

	begin_ioas(1);
	ASSERT_EQ(0, nyx_mirror_iommufd(FD, IOAS, &backend));
	ASSERT_EQ(0, backend.map(&backend, &map));
	ASSERT_EQ(sizeof(k.map2), k.map2.size);
	ASSERT_EQ(7, k.map2.flags);
	ASSERT_EQ(IOAS, k.map2.ioas_id);
	ASSERT_EQ(0, k.map2.reserved);
	ASSERT_EQ((uintptr_t)&map, k.map2.user_va);
	ASSERT_EQ(0x3000, k.map2.length);
	ASSERT_EQ(0x1000, k.map2.iova);
	map.prot = NYX_PROT_READ;
	ASSERT_EQ(0, backend.map(&backend, &map));
	ASSERT_EQ(5, k.map2.flags);
	map.prot = NYX_PROT_WRITE;
	ASSERT_EQ(0, backend.map(&backend, &map));
	ASSERT_EQ(3, k.map2.flags);

	k.unmapped = 0x2000;
	ASSERT_EQ(0, backend.unmap(&backend, 0x1000, 0x3000, &unmapped));
	ASSERT_EQ(0x2000, unmapped);
	ASSERT_EQ(sizeof(k.unmap2), k.unmap2.size);
	ASSERT_EQ(IOAS, k.unmap2.ioas_id);
	ASSERT_EQ(0x1000, k.unmap2.iova);
	ASSERT_EQ(0x3000, k.unmap2.length);

	k.error = ENOENT;
	ASSERT_EQ(0, backend.unmap(&backend, 0x1000, 0x3000, &unmapped));
	ASSERT_EQ(0, unmapped);
	k.error = EBUSY;
	ASSERT_EQ(-EBUSY, backend.unmap(&backend, 0x1000, 0x3000, &unmapped));
	ASSERT_EQ(-EBUSY, backend.map(&backend, &map));
}

TEST(iommufd_tells_limits)
{
	struct nyx_mirror_backend backend = NYX_MIRROR_BACKEND_INIT;
	struct nyx_mirror_range ranges[40];
	struct nyx_mirror_limits limits;

	begin_ioas(40);
	ASSERT_EQ(0, nyx_mirror_iommufd(FD, IOAS, &backend));
	ASSERT_EQ(0, limits_of(&backend, &limits, ranges, 2));
	ASSERT_EQ(40, limits.nr_ranges);
	ASSERT_EQ(2 * PAGE, ranges[1].first);
	ASSERT_EQ(0, limits_of(&backend, &limits, ranges, 40));
	ASSERT_EQ(40, limits.nr_ranges);
	ASSERT_EQ(79 * PAGE - 1, ranges[39].last);
	ASSERT_EQ(UINT64_MAX, limits.more_maps);
	ASSERT_EQ(4096, limits.page_size);

	k.error = ENOENT;
	ASSERT_EQ(-ENOENT, nyx_mirror_iommufd(FD, IOAS, &backend));
	k.error = EMSGSIZE;
	ASSERT_EQ(-EMSGSIZE, nyx_mirror_iommufd(FD, IOAS, &backend));
	backend.size = 8;
	ASSERT_EQ(-EINVAL, nyx_mirror_iommufd(FD, IOAS, &backend));
}
