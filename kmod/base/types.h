/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: words that every layer uses.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Vocabulary, fixed for the whole module:
 *
 * - an IOVA is what a device sends, a GPA is guest-physical; both are u64 in
 *   bytes;
 * - @last is the last byte or item of a range (inclusive), @end is one past it;
 *   ranges of IOVAs are carried as (start, last), because a 64-bit address
 *   space has no representable end;
 * - @lg2 is the base-2 logarithm of a size in bytes.
 */
#ifndef NYX_BASE_TYPES_H
#define NYX_BASE_TYPES_H

#include <linux/bits.h>
#include <linux/overflow.h>
#include <linux/types.h>

/* Release of the module. */
#define NYX_VERSION	"0.1.0"

/*
 * Flags for all memory that a caller or a guest makes the module allocate: the caller's
 * cgroup is charged, and a failure becomes an errno without a line in the kernel's log.
 */
#define GFP_CALLER	(GFP_KERNEL_ACCOUNT | __GFP_NOWARN)
/* The same where the caller may not sleep. */
#define GFP_CALLER_ATOMIC	(GFP_ATOMIC | __GFP_ACCOUNT | __GFP_NOWARN)

/*
 * Tell lockdep that @mutex, which all users take, must not be held where memory
 * is charged to one of them, because the memory cgroup may make that process
 * wait. Lockdep reports it from now on.
 */
#define mutex_never_allocates(mutex) do {				\
	fs_reclaim_acquire(GFP_CALLER);					\
	might_lock(mutex);						\
	fs_reclaim_release(GFP_CALLER);					\
} while (0)

/* Bits of a permission, and of what an access asks for. */
#define NYX_ACC_READ	0x1u
#define NYX_ACC_WRITE	0x2u
#define NYX_ACC_EXEC	0x4u
#define NYX_ACC_RW	(NYX_ACC_READ | NYX_ACC_WRITE)

#define NYX_PAGE_LG2	12u
#define NYX_PAGE_SIZE	BIT_ULL(NYX_PAGE_LG2)
#define NYX_PAGE_MASK	(NYX_PAGE_SIZE - 1)

/* GPAs are 52 bits wide, as in every page-table format of the module. */
#define NYX_GPA_LG2	52u
#define NYX_GPA_LAST	((1ull << NYX_GPA_LG2) - 1)

/**
 * nyx_range_last() - last byte of a range, unless it leaves 64 bits
 * @start: first byte
 * @length: bytes, not 0
 * @last: last byte, set on success
 *
 * Return: true if the range is not empty and does not wrap.
 */
static inline bool nyx_range_last(u64 start, u64 length, u64 *last)
{
	return length && !check_add_overflow(start, length - 1, last);
}

/**
 * nyx_lg2_last() - last address of a space that is so many bits wide
 * @lg2: width in bits, 1 to 64
 *
 * Return: 2^lg2 - 1.
 */
static inline u64 nyx_lg2_last(unsigned int lg2)
{
	return ~0ull >> (64 - lg2);
}

#endif /* NYX_BASE_TYPES_H */
