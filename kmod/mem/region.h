/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: a range of guest memory and what backs it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Four backings, by two properties:
 *
 *               unpinned                          pinned
 *   user VA     looked up at each access, like    pages held from the start,
 *               KVM's memory slots: by uaccess    reached through the direct
 *               in the owner's mm, by remote      map from any context
 *               page lookup from any other
 *   file        the file's page cache, looked up  the same
 *   (memfd,     at each access (holes are
 *   hugetlbfs)  filled): outlives the process
 *
 * The layers above reach all of them by region_read() and the functions below.
 * Accesses do not take references: the command that removes a region from the map
 * waits for the accesses in flight before it drops the last reference.
 */
#ifndef NYX_MEM_REGION_H
#define NYX_MEM_REGION_H

#include <linux/types.h>

#include "base/types.h"

struct iov_iter;
struct list_head;
struct region;

/* Properties of a region. The values are the uAPI's; chr/ checks that. */
#define REGION_READONLY	0x1u
#define REGION_PINNED	0x2u
#define REGION_FILE	0x4u
#define REGION_SHARED	0x8u	/* only core/ looks at this flag */

/**
 * struct region_info - properties of a region
 * @backing: user address, or offset in the file
 * @flags: REGION_*
 * @page_size: bytes of the backing's pages
 * @pinned: bytes that are pinned
 */
struct region_info {
	u64 backing;
	u64 pinned;
	u32 flags;
	u32 page_size;
};

/**
 * region_create_user() - a region backed by memory of the current process
 * @uaddr: first address, a multiple of the page size
 * @length: bytes, a multiple of the page size
 * @flags: REGION_READONLY, REGION_PINNED, REGION_SHARED
 *
 * Context: may sleep; process context.
 * Return: the region with one reference, or ERR_PTR: -EINVAL for a range that
 * is not user space, -EFAULT if it cannot be pinned, -EDQUOT if that would
 * exceed RLIMIT_MEMLOCK, -ENOMEM, -EINTR.
 */
struct region *region_create_user(u64 uaddr, u64 length, u32 flags);

/**
 * region_create_file() - a region backed by a memfd or hugetlbfs file
 * @fd: the file, of the current process
 * @offset: first byte in the file, a multiple of its page size
 * @length: bytes, a multiple of its page size
 * @flags: REGION_READONLY, REGION_PINNED, REGION_SHARED
 *
 * Context: may sleep; process context.
 * Return: the region with one reference, or ERR_PTR: -EBADF, -EACCES if the
 * file is not open for the access, -EPERM if it is sealed against writing,
 * -EINVAL if it is no such file or too short, and as region_create_user().
 */
struct region *region_create_file(int fd, u64 offset, u64 length, u32 flags);

/**
 * region_put() - drop a reference
 * @region: the region; freed with its pins, its charge and its file when this
 *          was the last reference
 *
 * Context: may sleep.
 */
void region_put(struct region *region);

/**
 * region_defer() - put a region aside until no access uses it any more
 * @region: the region; the list takes over the caller's reference
 * @list: the list
 * @number: greater than those that are in the list
 *
 * A region is in one list at most. Nothing is allocated.
 *
 * Context: any; the caller serialises the use of the list.
 */
void region_defer(struct region *region, struct list_head *list, u64 number);

/**
 * region_undefer() - take a region out of such a list
 * @list: the list
 * @until: the greatest number of interest
 *
 * Context: as region_defer().
 * Return: the first one with such a number, with its reference; NULL: there is none.
 */
struct region *region_undefer(struct list_head *list, u64 until);

/**
 * region_get_info() - describe a region
 * @region: the region
 * @info: set
 */
void region_get_info(const struct region *region, struct region_info *info);

/**
 * region_flags() - properties of a region
 * @region: the region
 *
 * Return: REGION_*.
 */
u32 region_flags(const struct region *region);

/**
 * region_read() - copy from guest memory
 * @region: the region
 * @offset: first byte in it
 * @buf: where to, memory of the current process; any address
 * @iter: where to, if not @buf: it advances; otherwise NULL
 * @length: bytes, within the region
 * @error: 0, -EFAULT if @buf is not accessible, -EIO if the guest memory is
 *         not, -EINTR if the caller was killed (or, in rare cases, has a signal
 *         pending while a huge page of a file has to be allocated)
 *
 * Context: may sleep.
 * Return: bytes copied, exact up to the first byte that was not accessible.
 */
u64 region_read(struct region *region, u64 offset, void __user *buf,
		struct iov_iter *iter, u64 length, int *error);

/**
 * region_write() - copy to guest memory
 * @region: the region, not REGION_READONLY
 * @offset: first byte in it
 * @buf: where from, memory of the current process; any address
 * @iter: where from, if not @buf: it advances; otherwise NULL
 * @length: bytes, within the region
 * @error: as for region_read()
 *
 * Context: as region_read().
 * Return: bytes copied, exact up to the first byte that was not accessible.
 */
u64 region_write(struct region *region, u64 offset, void __user *buf,
		 struct iov_iter *iter, u64 length, int *error);

/**
 * region_fill() - repeat a pattern over guest memory
 * @region: the region, not REGION_READONLY
 * @offset: first byte in it
 * @pattern: eight bytes, of which byte (@phase + i) % 8 goes to the i-th byte
 * @phase: where in the pattern to begin
 * @length: bytes, within the region
 * @error: 0, -EIO or -EINTR
 *
 * Context: as region_read().
 * Return: bytes filled, exact up to the first byte that was not accessible.
 */
u64 region_fill(struct region *region, u64 offset, u64 pattern,
		unsigned int phase, u64 length, int *error);

/**
 * enum region_atomic_op - read-modify-write operations
 * @REGION_CAS: compare-and-swap
 * @REGION_ADD: fetch-and-add
 * @REGION_SWAP: exchange
 * @REGION_OR: fetch-and-or
 */
enum region_atomic_op {
	REGION_CAS,
	REGION_ADD,
	REGION_SWAP,
	REGION_OR,
};

/**
 * region_atomic() - an atomic operation on guest memory
 * @region: the region, not REGION_READONLY
 * @offset: first byte in it, a multiple of @width
 * @op: of enum region_atomic_op
 * @width: 4 or 8
 * @operand: the new value, or what to add or to set
 * @compare: REGION_CAS: the expected value
 * @old: set to the former value
 *
 * Little endian, fully ordered, atomic against all CPUs.
 *
 * Context: as region_read64().
 * Return: as region_read64().
 */
int region_atomic(struct region *region, u64 offset, enum region_atomic_op op,
		  unsigned int width, u64 operand, u64 compare, u64 *old);

/**
 * region_read_words() - read words of guest memory, each once
 * @region: the region
 * @offset: first byte in it, a multiple of 8
 * @val: set, in CPU order; they are little endian in memory. After an error their
 *       values mean nothing
 * @nr: how many, of 8 bytes each
 *
 * Context: any for a pinned region, otherwise may sleep. A kernel thread never
 * waits for user space, and has no memory of a process's files in user space (FUSE).
 * Return: 0; -EIO if the memory is not accessible; -EINTR; -EAGAIN, for a kernel
 * thread only: it is not at hand now.
 */
int region_read_words(struct region *region, u64 offset, u64 *val, unsigned int nr);

/* As region_read_words(), for one word. */
static inline int region_read64(struct region *region, u64 offset, u64 *val)
{
	return region_read_words(region, offset, val, 1);
}

#endif /* NYX_MEM_REGION_H */
