/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: guest memory.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Guest memory is ranges of guest-physical addresses (GPA), backed by the caller's
 * memory or by a file. Devices reach nothing else.
 */
#ifndef NYX_MEMORY_H
#define NYX_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_memory_add_user() - add guest memory that is the caller's memory
 * @unit: the unit
 * @gpa: first guest-physical address, a multiple of 4096
 * @addr: the memory, at a multiple of 4096; it must stay mapped while devices
 *        use it
 * @length: bytes, a multiple of 4096
 * @flags: NYX_MEMORY_F_READONLY, NYX_MEMORY_F_PINNED, NYX_MEMORY_F_SHARED: other
 *         processes may reach it; needed in a unit that is shared, or that another
 *         process created
 *
 * Return: 0; -EEXIST if a part of the range is taken; -EDQUOT if pinning would
 * exceed RLIMIT_MEMLOCK; -EPERM without NYX_MEMORY_F_SHARED where it is needed;
 * other errors of the kernel.
 */
int nyx_memory_add_user(struct nyx_unit *unit, uint64_t gpa, void *addr, uint64_t length,
			uint32_t flags);

/**
 * nyx_memory_add_file() - add guest memory that is a part of a file
 * @unit: the unit
 * @gpa: first guest-physical address, a multiple of 4096
 * @fd: a memfd or a file of tmpfs or hugetlbfs, open for reading and, unless
 *      read-only, for writing; the unit holds the file itself, so @fd may be closed
 * @offset: offset in the file, a multiple of the file's page size
 * @length: bytes, a multiple of 4096
 * @flags: as for nyx_memory_add_user()
 *
 * Return: 0; -EEXIST if a part of the range is taken; -EPERM if the file is sealed
 * against writing, or as for nyx_memory_add_user(); other errors of the kernel.
 */
int nyx_memory_add_file(struct nyx_unit *unit, uint64_t gpa, int fd, uint64_t offset,
			uint64_t length, uint32_t flags);

/**
 * nyx_memory_remove() - remove a range
 * @unit: the unit
 * @gpa: its first address
 * @length: its length, as it was added
 *
 * When the call returns no device access uses the range any more.
 *
 * Return: 0; -ENOENT if no range has exactly these bounds.
 */
int nyx_memory_remove(struct nyx_unit *unit, uint64_t gpa, uint64_t length);

/**
 * typedef nyx_memory_fn - what nyx_memory_foreach() calls
 * @info: a range; valid during the call
 * @arg: as passed to nyx_memory_foreach()
 *
 * Return: 0 to go on; anything else ends the listing.
 */
typedef int (*nyx_memory_fn)(const struct nyx_memory_info *info, void *arg);

/**
 * nyx_memory_foreach() - call a function for each range
 * @unit: the unit
 * @fn: what to call, in the order of addresses
 * @arg: passed on
 *
 * Return: 0, a negative errno, or what @fn returned if that is not 0.
 */
int nyx_memory_foreach(struct nyx_unit *unit, nyx_memory_fn fn, void *arg);

/**
 * nyx_dirty_start() - begin to track which guest memory is written
 * @unit: the unit
 *
 * By its devices, and by the module for them. All memory is clean when the call returns, and so is
 * what is added later. It waits for accesses that are under way, also by views, which do not write
 * in place until nyx_dirty_stop().
 *
 * Return: 0; -EBUSY if it is tracked already; -ENOSPC at the user's limit; -ENOMEM;
 * -ETIMEDOUT if a view was cut off: it is tracked then.
 */
int nyx_dirty_start(struct nyx_unit *unit);

/**
 * nyx_dirty_stop() - end that
 * @unit: the unit
 *
 * Return: 0; -EINVAL if it is not tracked.
 */
int nyx_dirty_stop(struct nyx_unit *unit);

/**
 * nyx_dirty_read() - read which pages were written, and make them clean
 * @unit: the unit
 * @gpa: first guest-physical address, a multiple of @page_size
 * @length: bytes, a multiple of @page_size
 * @page_size: bytes that a bit is for, a power of two from 4 KiB to 1 GiB
 * @flags: NYX_DIRTY_READ_F_NO_CLEAR: they stay dirty
 * @bitmap: where to put the bitmap, nyx_dirty_words() words, in the layout of KVM_GET_DIRTY_LOG
 * @nr_dirty: where to put the number of bits that are set, or NULL
 *
 * A page that is copied behind the call has each write that the bitmap tells of; later ones are
 * in the next bitmap.
 *
 * Return: 0; -EINVAL if the unit is not tracked; -EFAULT; -ENOMEM; other errors of the kernel.
 */
int nyx_dirty_read(struct nyx_unit *unit, uint64_t gpa, uint64_t length, uint64_t page_size,
		   uint32_t flags, uint64_t *bitmap, uint64_t *nr_dirty);

/**
 * nyx_dirty_words() - size of a bitmap of nyx_dirty_read()
 * @length: bytes of guest memory
 * @page_size: bytes that a bit is for
 *
 * Return: its words, of 64 bits each.
 */
uint64_t nyx_dirty_words(uint64_t length, uint64_t page_size);

/**
 * enum nyx_memfd_flags - flags of nyx_memfd_create()
 * @NYX_MEMFD_F_HUGE_2M: of huge pages of 2 MiB
 * @NYX_MEMFD_F_HUGE_1G: of huge pages of 1 GiB
 */
enum nyx_memfd_flags {
	NYX_MEMFD_F_HUGE_2M = 1 << 0,
	NYX_MEMFD_F_HUGE_1G = 1 << 1
};

/**
 * nyx_memfd_create() - make an anonymous file fit to be guest memory
 * @name: shown in /proc/PID/fd, for people; NULL: "nyx"
 * @length: bytes, a multiple of the page size
 * @flags: of enum nyx_memfd_flags, at most one
 * @fd: where to put the file descriptor
 *
 * The file is sealed against growing and shrinking.
 *
 * Return: 0; -EINVAL for @length; -ENOMEM if there are not enough huge pages;
 * other errors of memfd_create(2).
 */
int nyx_memfd_create(const char *name, uint64_t length, uint32_t flags, int *fd);

#ifdef __cplusplus
}
#endif

#endif /* NYX_MEMORY_H */
