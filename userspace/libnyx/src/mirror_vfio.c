// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: mirrors: the back end of a VFIO container, of type 1, version 2.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * VFIO_IOMMU_GET_INFO answers with a chain of capabilities behind the structure. None of it
 * is used before its place is checked: a chain that leaves the answer, or does not go
 * forward, is -EPROTO.
 */
#include <nyx/memory.h>
#include <nyx/mirror.h>

#include "private.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <linux/vfio.h>

/* Of a kernel that does not tell the limit: that of the module's parameter, dma_entry_limit */
#define MAPS_DEFAULT	65535u

#define PAGE_BYTES	4096u

/* Answers are not longer, and do not grow more often. */
#define INFO_MAX	(1u << 20)
#define INFO_TRIES	16u

static int vfio_map(const struct nyx_mirror_backend *backend, const struct nyx_mirror_map *map)
{
	struct vfio_iommu_type1_dma_map req = {
		.argsz = sizeof(req),
		.vaddr = (uintptr_t)map->host,
		.iova = map->iova,
		.size = map->length,
	};
	int ret;

	if (map->prot & NYX_PROT_READ)
		req.flags |= VFIO_DMA_MAP_FLAG_READ;
	if (map->prot & NYX_PROT_WRITE)
		req.flags |= VFIO_DMA_MAP_FLAG_WRITE;
	ret = nyx__ioctl_other(backend->fd, VFIO_IOMMU_MAP_DMA, &req);
	return ret < 0 ? ret : 0;
}

static int vfio_unmap(const struct nyx_mirror_backend *backend, uint64_t iova, uint64_t length,
		      uint64_t *unmapped)
{
	struct vfio_iommu_type1_dma_unmap req = {
		.argsz = sizeof(req), .iova = iova, .size = length,
	};
	int ret = nyx__ioctl_other(backend->fd, VFIO_IOMMU_UNMAP_DMA, &req);

	*unmapped = req.size;
	return ret < 0 ? ret : 0;
}

/* VFIO_IOMMU_DIRTY_PAGES: start and stop have no more than the head. */
struct dirty_pages {
	struct vfio_iommu_type1_dirty_bitmap head;
	struct vfio_iommu_type1_dirty_bitmap_get get;
};

/*
 * Linux has this since 5.8. It tells pages of one whole mapping, of the smallest size that the
 * IOMMU has; one that has no such bits tells all that it may write.
 */
static int vfio_dirty(const struct nyx_mirror_backend *backend, uint32_t op, uint64_t iova,
		      uint64_t length, uint64_t *bitmap)
{
	struct dirty_pages req = { .head.argsz = sizeof(req.head) };
	int ret;

	switch (op) {
	case NYX_MIRROR_DIRTY_START:
		req.head.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START;
		break;
	case NYX_MIRROR_DIRTY_STOP:
		req.head.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP;
		break;
	case NYX_MIRROR_DIRTY_READ:
		req.head.argsz = sizeof(req);
		req.head.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP;
		req.get.iova = iova;
		req.get.size = length;
		req.get.bitmap.pgsize = PAGE_BYTES;
		req.get.bitmap.size = nyx_dirty_words(length, PAGE_BYTES) * sizeof(*bitmap);
		req.get.bitmap.data = (__u64 *)bitmap;
		break;
	default:
		return nyx__fail(-EINVAL);
	}
	ret = nyx__ioctl_other(backend->fd, VFIO_IOMMU_DIRTY_PAGES, &req);
	return ret < 0 ? ret : 0;
}

/*
 * Copy the fixed part of a capability, of @size bytes; *at is where it begins, or 0: it is not
 * there. Linux 6.1 puts them at multiples of 4, though some have members of 8 bytes.
 */
static int copy_capability(const struct vfio_iommu_type1_info *info, uint16_t id, void *to,
			   size_t size, uint32_t *at)
{
	const unsigned char *bytes = (const unsigned char *)info;
	struct vfio_info_cap_header header;
	uint32_t least = sizeof(*info);

	*at = 0;
	if (!(info->flags & VFIO_IOMMU_INFO_CAPS) || !info->cap_offset)
		return 0;
	header.next = info->cap_offset;
	do {
		*at = header.next;
		if (*at < least || *at > info->argsz || info->argsz - *at < sizeof(header))
			return nyx__fail(-EPROTO);
		memcpy(&header, bytes + *at, sizeof(header));
		if (header.id == id) {
			if (info->argsz - *at < size)
				return nyx__fail(-EPROTO);
			memcpy(to, bytes + *at, size);
			return 0;
		}
		least = *at + sizeof(header);
	} while (header.next);
	*at = 0;
	return 0;
}

static int take_ranges(const struct vfio_iommu_type1_info *info, struct nyx_mirror_limits *limits)
{
	const unsigned char *bytes = (const unsigned char *)info;
	struct vfio_iommu_type1_info_cap_iova_range cap;
	struct vfio_iova_range range;
	uint32_t at;
	size_t i;
	int ret;

	ret = copy_capability(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, &cap, sizeof(cap), &at);
	if (ret)
		return ret;
	if (!at) {
		/* Linux before 5.4 */
		limits->nr_ranges = 1;
		if (limits->nr)
			limits->ranges[0] = (struct nyx_mirror_range){ .last = UINT64_MAX };
		return 0;
	}
	at += sizeof(cap);
	if (cap.nr_iovas > (info->argsz - at) / sizeof(range))
		return nyx__fail(-EPROTO);
	limits->nr_ranges = cap.nr_iovas;
	for (i = 0; i < cap.nr_iovas && i < limits->nr; i++, at += sizeof(range)) {
		memcpy(&range, bytes + at, sizeof(range));
		limits->ranges[i] = (struct nyx_mirror_range) {
			.first = range.start, .last = range.end,
		};
	}
	return 0;
}

static int take_info(const struct vfio_iommu_type1_info *info, struct nyx_mirror_limits *limits)
{
	struct vfio_iommu_type1_info_dma_avail avail;
	uint32_t at;
	int ret;

	ret = copy_capability(info, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, &avail, sizeof(avail), &at);
	if (ret)
		return ret;
	limits->more_maps = at ? avail.avail : MAPS_DEFAULT;
	limits->page_size = info->flags & VFIO_IOMMU_INFO_PGSIZES && info->iova_pgsizes ?
			    info->iova_pgsizes & -info->iova_pgsizes : 4096;
	return take_ranges(info, limits);
}

/* The whole answer, from malloc(3). */
static int get_info(int container, struct vfio_iommu_type1_info **info)
{
	struct vfio_iommu_type1_info *answer = NULL, *more;
	uint32_t size = sizeof(*answer), tries;
	int ret = -EPROTO;

	/* A device that is added meanwhile makes the answer longer. */
	for (tries = 0; tries < INFO_TRIES && size <= INFO_MAX; tries++) {
		more = realloc(answer, size);
		if (!more) {
			ret = -ENOMEM;
			break;
		}
		answer = more;
		memset(answer, 0, size);
		answer->argsz = size;
		ret = nyx__ioctl_other(container, VFIO_IOMMU_GET_INFO, answer);
		if (ret < 0)
			break;
		if (answer->argsz <= size) {
			*info = answer;
			return 0;
		}
		size = answer->argsz;
		ret = -EPROTO;
	}
	free(answer);
	return nyx__fail(ret);
}

static int vfio_limits(const struct nyx_mirror_backend *backend, struct nyx_mirror_limits *limits)
{
	struct vfio_iommu_type1_info *info = NULL;
	int ret;

	ret = get_info(backend->fd, &info);
	if (ret)
		return ret;
	ret = take_info(info, limits);
	free(info);
	return ret;
}

NYX_EXPORT int nyx_mirror_vfio(int container, struct nyx_mirror_backend *backend)
{
	struct nyx_mirror_backend b = {
		.size = backend->size,
		.fd = container,
		.map = vfio_map,
		.unmap = vfio_unmap,
		.limits = vfio_limits,
		.dirty = vfio_dirty,
	};
	struct nyx_mirror_limits limits = { 0 };
	int ret;

	/* A program that was built before the last member has less room. */
	if (backend->size < offsetof(struct nyx_mirror_backend, dirty))
		return nyx__fail(-EINVAL);
	ret = nyx__ioctl_other(container, VFIO_CHECK_EXTENSION,
			       (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU);
	if (ret <= 0)
		return nyx__fail(ret ? ret : -EOPNOTSUPP);
	ret = vfio_limits(&b, &limits);
	if (!ret)
		memcpy(backend, &b, backend->size < sizeof(b) ? backend->size : sizeof(b));
	return ret;
}
