/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: page tables, format of the AMD-Vi host tables ("v1").
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * AMD I/O Virtualization Technology (IOMMU) specification, document 48882,
 * revision 3.10: section 2.2.3 (I/O page tables for host translations), with
 * the tables of the page-directory entry, the page-table entry and the
 * encoding of page sizes.
 *
 * A level n here is the specification's level n + 1.
 *
 *   level  bits of the address  leaf by itself  contiguous leaves
 *   5      63:57                -               -
 *   4      56:48                256 TiB         512 TiB to 4 PiB
 *   3      47:39                512 GiB         1 TiB to 128 TiB
 *   2      38:30                1 GiB           2 GiB to 256 GiB
 *   1      29:21                2 MiB           4 MiB to 512 MiB
 *   0      20:12                4 KiB           8 KiB to 1 MiB
 *
 *   bit 0  PR: present
 *   4:1    ignored
 *   5, 6   A, D; ignored here
 *   8:7    ignored
 *   11:9   NextLevel: 0 a leaf as large as the entry's span, 7 a larger one,
 *          1 to 6 the level of the table, counted from 1 and below this one
 *   51:12  address
 *   58:52  reserved
 *   59     U of a leaf, ignored here; reserved otherwise
 *   60     FC of a leaf: coherent; reserved otherwise
 *   61     IR: reading is allowed
 *   62     IW: writing is allowed
 *   63     ignored
 *
 * NextLevel 7: the lowest zero bit of the address, counted from bit 12, tells
 * the size; if it is bit n, the page has 2^(n + 1) bytes, and bits n:12 do not
 * belong to its address. All entries that it spans are the same.
 *
 * A table may be more than one level below; the address bits of the levels in
 * between are then zero. Kernel-owned tables do not use that.
 */
#ifndef NYX_PT_FMT_AMDV1_H
#define NYX_PT_FMT_AMDV1_H

#include <linux/bitops.h>
#include <linux/bits.h>

#include "pt/pt_defs.h"

#define AMDV1_PR	BIT_ULL(0)
#define AMDV1_NL	GENMASK_ULL(11, 9)
#define AMDV1_NL_SHIFT	9
#define AMDV1_NL_SIZED	7
#define AMDV1_ADDR	GENMASK_ULL(51, 12)
#define AMDV1_FC	BIT_ULL(60)
#define AMDV1_IR	BIT_ULL(61)
#define AMDV1_IW	BIT_ULL(62)
#define AMDV1_PTE_RSVD	GENMASK_ULL(58, 52)
#define AMDV1_PDE_RSVD	GENMASK_ULL(60, 52)

#define PT_FMT			amdv1
#define PT_FMT_MIN_LEVELS	1
#define PT_FMT_MAX_LEVELS	6
#define PT_FMT_SIZES		GENMASK_ULL(52, 12)
#define PT_FMT_CONTIG		1
#define PT_FMT_EXEC		0
#define PT_FMT_CANONICAL	0
#define PT_FMT_DENY_FIRST	1

static inline unsigned int amdv1_pt_nl(u64 entry)
{
	return (entry & AMDV1_NL) >> AMDV1_NL_SHIFT;
}

static inline bool amdv1_pt_entry_present(u64 entry)
{
	return entry & AMDV1_PR;
}

static inline bool amdv1_pt_entry_leaf(u64 entry, unsigned int level)
{
	unsigned int nl = amdv1_pt_nl(entry);

	return !nl || nl == AMDV1_NL_SIZED;
}

static inline unsigned int amdv1_pt_entry_lg2(u64 entry, unsigned int level)
{
	if (!amdv1_pt_nl(entry))
		return pt_shift(level);
	/* ~(...) is not 0: the shift has moved zeroes in from above. */
	return NYX_PAGE_LG2 + 1 + __ffs64(~(entry >> NYX_PAGE_LG2));
}

static inline u64 amdv1_pt_entry_reserved(u64 entry, unsigned int level,
					  u64 sizes)
{
	unsigned int nl = amdv1_pt_nl(entry);
	unsigned int lg2;

	if (nl && nl != AMDV1_NL_SIZED)
		return (entry & AMDV1_PDE_RSVD) | (nl > level ? AMDV1_NL : 0);
	if (entry & AMDV1_PTE_RSVD)
		return entry & AMDV1_PTE_RSVD;
	lg2 = amdv1_pt_entry_lg2(entry, level);
	if (nl && (lg2 <= pt_shift(level) || lg2 >= pt_shift(level + 1)))
		return AMDV1_NL;
	return sizes & BIT_ULL(lg2) ? 0 : AMDV1_NL;
}

static inline u64 amdv1_pt_entry_next(u64 entry)
{
	return entry & AMDV1_ADDR;
}

static inline unsigned int amdv1_pt_entry_next_level(u64 entry,
						     unsigned int level)
{
	return amdv1_pt_nl(entry) - 1;
}

static inline u64 amdv1_pt_entry_oa(u64 entry, unsigned int level)
{
	return entry & AMDV1_ADDR & (~0ull << amdv1_pt_entry_lg2(entry, level));
}

static inline u64 amdv1_pt_entry_grant(u64 entry)
{
	return entry;
}

static inline unsigned int amdv1_pt_grant_perm(u64 grant)
{
	return ((grant & AMDV1_IR) ? NYX_ACC_READ : 0) |
	       ((grant & AMDV1_IW) ? NYX_ACC_WRITE : 0);
}

static inline u64 amdv1_pt_make_leaf(u64 oa, unsigned int lg2,
				     unsigned int level, unsigned int perm)
{
	u64 entry = oa | AMDV1_PR | AMDV1_FC |
		    ((perm & (NYX_ACC_READ | NYX_ACC_EXEC)) ? AMDV1_IR : 0) |
		    ((perm & NYX_ACC_WRITE) ? AMDV1_IW : 0);

	if (lg2 == pt_shift(level))
		return entry;
	/* Ones below bit lg2 - 1, which stays zero. */
	return entry | AMDV1_NL |
	       (((1ull << (lg2 - 1)) - 1) & ~(u64)NYX_PAGE_MASK);
}

static inline u64 amdv1_pt_make_table(u64 addr, unsigned int level)
{
	return addr | AMDV1_PR | AMDV1_IR | AMDV1_IW |
	       (u64)level << AMDV1_NL_SHIFT;
}

/* The contract's names: see pt_fmt.h. */
#define pt_entry_present	amdv1_pt_entry_present
#define pt_entry_leaf		amdv1_pt_entry_leaf
#define pt_entry_lg2		amdv1_pt_entry_lg2
#define pt_entry_reserved	amdv1_pt_entry_reserved
#define pt_entry_next		amdv1_pt_entry_next
#define pt_entry_next_level	amdv1_pt_entry_next_level
#define pt_entry_oa		amdv1_pt_entry_oa
#define pt_entry_grant		amdv1_pt_entry_grant
#define pt_grant_perm		amdv1_pt_grant_perm
#define pt_make_leaf		amdv1_pt_make_leaf
#define pt_make_table		amdv1_pt_make_table

#endif /* NYX_PT_FMT_AMDV1_H */
