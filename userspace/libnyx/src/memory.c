// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: guest memory.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/memory.h>

#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

NYX_EXPORT int nyx_memory_add_user(struct nyx_unit *unit, uint64_t gpa, void *addr,
				   uint64_t length, uint32_t flags)
{
	struct nyx_memory_add req = {
		.size = sizeof(req),
		.flags = flags,
		.gpa = gpa,
		.length = length,
		.user_addr = (uintptr_t)addr,
	};

	if (flags & NYX_MEMORY_F_FILE)
		return nyx__fail(-EINVAL);
	return nyx__ioctl(unit->fd, NYX_MEMORY_ADD, &req);
}

NYX_EXPORT int nyx_memory_add_file(struct nyx_unit *unit, uint64_t gpa, int fd, uint64_t offset,
				   uint64_t length, uint32_t flags)
{
	struct nyx_memory_add req = {
		.size = sizeof(req),
		.flags = flags | NYX_MEMORY_F_FILE,
		.gpa = gpa,
		.length = length,
		.file_offset = offset,
		.fd = fd,
	};

	return nyx__ioctl(unit->fd, NYX_MEMORY_ADD, &req);
}

NYX_EXPORT int nyx_memory_remove(struct nyx_unit *unit, uint64_t gpa, uint64_t length)
{
	struct nyx_memory_remove req = {
		.size = sizeof(req),
		.gpa = gpa,
		.length = length,
	};

	int ret = nyx__ioctl(unit->fd, NYX_MEMORY_REMOVE, &req);

	/* After any other error the range is still there. */
	if (!ret || ret == -ETIMEDOUT)
		nyx__view_memory_gone(unit, gpa, length);
	return ret;
}

NYX_EXPORT int nyx_dirty_start(struct nyx_unit *unit)
{
	struct nyx_dirty_start req = { .size = sizeof(req) };

	return nyx__ioctl(unit->fd, NYX_DIRTY_START, &req);
}

NYX_EXPORT int nyx_dirty_stop(struct nyx_unit *unit)
{
	struct nyx_dirty_stop req = { .size = sizeof(req) };

	return nyx__ioctl(unit->fd, NYX_DIRTY_STOP, &req);
}

NYX_EXPORT int nyx_dirty_read(struct nyx_unit *unit, uint64_t gpa, uint64_t length,
			      uint64_t page_size, uint32_t flags, uint64_t *bitmap,
			      uint64_t *nr_dirty)
{
	struct nyx_dirty_read req = {
		.size = sizeof(req),
		.flags = flags,
		.gpa = gpa,
		.length = length,
		.page_size = page_size,
		.bitmap = (uintptr_t)bitmap,
	};
	int ret = nyx__ioctl(unit->fd, NYX_DIRTY_READ, &req);

	if (!ret && nr_dirty)
		*nr_dirty = req.out_nr_dirty;
	return ret;
}

NYX_EXPORT uint64_t nyx_dirty_words(uint64_t length, uint64_t page_size)
{
	uint64_t pages = page_size ? length / page_size : 0;

	return pages / 64 + (pages % 64 != 0);
}

NYX__ENTRY(memory, nyx_memory_fn)

NYX_EXPORT int nyx_memory_foreach(struct nyx_unit *unit, nyx_memory_fn fn, void *arg)
{
	struct memory_call call = { .fn = fn, .arg = arg };

	return nyx__list(unit->fd, NYX_LIST_MEMORY, 0, 0, memory_entry, &call);
}

NYX_EXPORT int nyx_memfd_create(const char *name, uint64_t length, uint32_t flags, int *fd)
{
	unsigned int mfd_flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int ret, memfd;

	if (flags & ~(uint32_t)(NYX_MEMFD_F_HUGE_2M | NYX_MEMFD_F_HUGE_1G))
		return nyx__fail(-EOPNOTSUPP);
	if (flags == (NYX_MEMFD_F_HUGE_2M | NYX_MEMFD_F_HUGE_1G))
		return nyx__fail(-EINVAL);
	if (!length || length > INT64_MAX)
		return nyx__fail(-EINVAL);
	if (flags & NYX_MEMFD_F_HUGE_2M)
		mfd_flags |= MFD_HUGETLB | MFD_HUGE_2MB;
	if (flags & NYX_MEMFD_F_HUGE_1G)
		mfd_flags |= MFD_HUGETLB | MFD_HUGE_1GB;

	memfd = memfd_create(name ? name : "nyx", mfd_flags);
	if (memfd < 0)
		return nyx__fail(-errno);
	/* Seal the file, so that no process shrinks it while devices use it. */
	if (ftruncate(memfd, (off_t)length) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		ret = nyx__fail(-errno);
		close(memfd);
		return ret;
	}
	*fd = memfd;
	return 0;
}
