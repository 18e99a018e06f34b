// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: mirrors: the back end of an address space of iommufd (IOAS).
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The few commands are written out here, as the kernel's interface has them since Linux 6.2:
 * the library is built with older headers, too.
 */
#include <nyx/mirror.h>

#include "private.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <linux/ioctl.h>

enum {
	IOAS_IOVA_RANGES = 0x84,
	IOAS_MAP = 0x85,
	IOAS_UNMAP = 0x86,
};

#define COMMAND(_nr)	_IO(';', _nr)

struct ioas_range {
	uint64_t start;
	uint64_t last;
};

struct ioas_iova_ranges {
	uint32_t size;
	uint32_t ioas_id;
	uint32_t num_iovas;
	uint32_t __reserved;
	uint64_t allowed_iovas;
	uint64_t out_iova_alignment;
};

enum {
	IOAS_MAP_FIXED_IOVA = 1 << 0,
	IOAS_MAP_WRITEABLE = 1 << 1,
	IOAS_MAP_READABLE = 1 << 2,
};

struct ioas_map {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas_id;
	uint32_t __reserved;
	uint64_t user_va;
	uint64_t length;
	uint64_t iova;
};

struct ioas_unmap {
	uint32_t size;
	uint32_t ioas_id;
	uint64_t iova;
	uint64_t length;
};

static int iommufd_map(const struct nyx_mirror_backend *backend, const struct nyx_mirror_map *map)
{
	struct ioas_map req = {
		.size = sizeof(req),
		.flags = IOAS_MAP_FIXED_IOVA,
		.ioas_id = backend->id,
		.user_va = (uintptr_t)map->host,
		.length = map->length,
		.iova = map->iova,
	};
	int ret;

	if (map->prot & NYX_PROT_READ)
		req.flags |= IOAS_MAP_READABLE;
	if (map->prot & NYX_PROT_WRITE)
		req.flags |= IOAS_MAP_WRITEABLE;
	ret = nyx__ioctl_other(backend->fd, COMMAND(IOAS_MAP), &req);
	return ret < 0 ? ret : 0;
}

static int iommufd_unmap(const struct nyx_mirror_backend *backend, uint64_t iova, uint64_t length,
			 uint64_t *unmapped)
{
	struct ioas_unmap req = {
		.size = sizeof(req), .ioas_id = backend->id, .iova = iova, .length = length,
	};
	int ret = nyx__ioctl_other(backend->fd, COMMAND(IOAS_UNMAP), &req);

	/* Nothing is mapped there. */
	if (ret == -ENOENT) {
		*unmapped = 0;
		return 0;
	}
	*unmapped = req.length;
	return ret < 0 ? ret : 0;
}

static int iommufd_limits(const struct nyx_mirror_backend *backend,
			  struct nyx_mirror_limits *limits)
{
	struct ioas_iova_ranges req = {
		.size = sizeof(req),
		.ioas_id = backend->id,
		.num_iovas = limits->nr < UINT32_MAX ? (uint32_t)limits->nr : UINT32_MAX,
	};
	struct ioas_range *ranges;
	size_t i;
	int ret;

	ranges = calloc(limits->nr + 1, sizeof(*ranges));
	if (!ranges)
		return nyx__fail(-ENOMEM);
	req.allowed_iovas = (uintptr_t)ranges;
	ret = nyx__ioctl_other(backend->fd, COMMAND(IOAS_IOVA_RANGES), &req);
	/* The number is there also if there is no room for all. */
	if (ret == -EMSGSIZE && req.num_iovas > limits->nr)
		ret = 0;
	if (ret < 0)
		goto out;
	limits->more_maps = UINT64_MAX;
	limits->page_size = req.out_iova_alignment ? req.out_iova_alignment : 1;
	limits->nr_ranges = req.num_iovas;
	for (i = 0; i < limits->nr && i < req.num_iovas; i++) {
		limits->ranges[i] = (struct nyx_mirror_range) {
			.first = ranges[i].start, .last = ranges[i].last,
		};
	}
out:
	free(ranges);
	return ret < 0 ? nyx__fail(ret) : 0;
}

NYX_EXPORT int nyx_mirror_iommufd(int fd, uint32_t ioas_id, struct nyx_mirror_backend *backend)
{
	struct nyx_mirror_backend b = {
		.size = backend->size,
		.fd = fd,
		.id = ioas_id,
		.map = iommufd_map,
		.unmap = iommufd_unmap,
		.limits = iommufd_limits,
	};
	struct nyx_mirror_limits limits = { 0 };
	int ret;

	/* A program that was built before the last member has less room. */
	if (backend->size < offsetof(struct nyx_mirror_backend, dirty))
		return nyx__fail(-EINVAL);
	ret = iommufd_limits(&b, &limits);
	if (!ret)
		memcpy(backend, &b, backend->size < sizeof(b) ? backend->size : sizeof(b));
	return ret;
}
