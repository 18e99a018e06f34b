/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: page tables, format of x86-64.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The tables of the processors, which two more readers share: the VT-d first
 * stage (VT-d specification, revision 4.1, sections 3.6 and 9.7) and the AMD-Vi
 * guest tables, "v2". Layout: Intel SDM volume 3, section 4.5; AMD64
 * Architecture Programmer's Manual volume 2, section 5.3.
 *
 *   level  entry  bits of the address  leaf
 *   4      PML5E  56:48                -
 *   3      PML4E  47:39                -
 *   2      PDPE   38:30                1 GiB
 *   1      PDE    29:21                2 MiB
 *   0      PTE    20:12                4 KiB
 *
 *   bit 0  P: present
 *   1      R/W: writing is allowed
 *   2      U/S: user accesses are allowed. A device's are user accesses
 *   3, 4   PWT, PCD; ignored here
 *   5, 6   A, D; set in advance in kernel-owned tables, else ignored here
 *   7      PS: a leaf. Reserved at levels 3 and 4, PAT at level 0
 *   8      G; ignored here
 *   11:9   ignored
 *   12     PAT of a large leaf; ignored here
 *   51:12  address; the low bits of a large leaf, but for PAT, are reserved
 *   62:52  ignored
 *   63     XD: no code may be fetched
 *
 * Addresses are sign-extended from 48 or 57 bits.
 */
#ifndef NYX_PT_FMT_X86_H
#define NYX_PT_FMT_X86_H

#include <linux/bits.h>

#include "pt/pt_defs.h"

#define X86PT_P		BIT_ULL(0)
#define X86PT_RW	BIT_ULL(1)
#define X86PT_US	BIT_ULL(2)
#define X86PT_A		BIT_ULL(5)
#define X86PT_D		BIT_ULL(6)
#define X86PT_PS	BIT_ULL(7)
#define X86PT_PAT_LARGE	BIT_ULL(12)
#define X86PT_ADDR	GENMASK_ULL(51, 12)
#define X86PT_XD	BIT_ULL(63)

#define PT_FMT			x86
#define PT_FMT_MIN_LEVELS	4
#define PT_FMT_MAX_LEVELS	5
#define PT_FMT_SIZES		(BIT_ULL(12) | BIT_ULL(21) | BIT_ULL(30))
#define PT_FMT_CONTIG		0
#define PT_FMT_EXEC		1
#define PT_FMT_CANONICAL	1
#define PT_FMT_DENY_FIRST	0

static inline bool x86_pt_entry_present(u64 entry)
{
	return entry & X86PT_P;
}

static inline bool x86_pt_entry_leaf(u64 entry, unsigned int level)
{
	return !level || (entry & X86PT_PS);
}

static inline u64 x86_pt_entry_reserved(u64 entry, unsigned int level,
					u64 sizes)
{
	if (!level || !(entry & X86PT_PS))
		return 0;
	return (entry & X86PT_ADDR & ~X86PT_PAT_LARGE & (pt_span(level) - 1)) |
	       (sizes & pt_span(level) ? 0 : X86PT_PS);
}

static inline u64 x86_pt_entry_next(u64 entry)
{
	return entry & X86PT_ADDR;
}

static inline unsigned int x86_pt_entry_next_level(u64 entry,
						   unsigned int level)
{
	return level - 1;
}

static inline u64 x86_pt_entry_oa(u64 entry, unsigned int level)
{
	return entry & X86PT_ADDR & ~(pt_span(level) - 1);
}

static inline unsigned int x86_pt_entry_lg2(u64 entry, unsigned int level)
{
	return pt_shift(level);
}

/* XD forbids, so its inverse is what can be ANDed. */
static inline u64 x86_pt_entry_grant(u64 entry)
{
	return entry ^ X86PT_XD;
}

static inline unsigned int x86_pt_grant_perm(u64 grant)
{
	if (!(grant & X86PT_US))
		return 0;
	return NYX_ACC_READ |
	       ((grant & X86PT_RW) ? NYX_ACC_WRITE : 0) |
	       ((grant & X86PT_XD) ? NYX_ACC_EXEC : 0);
}

static inline u64 x86_pt_make_leaf(u64 oa, unsigned int lg2,
				   unsigned int level, unsigned int perm)
{
	return oa | X86PT_P | X86PT_US | X86PT_A |
	       ((perm & NYX_ACC_WRITE) ? X86PT_RW | X86PT_D : 0) |
	       ((perm & NYX_ACC_EXEC) ? 0 : X86PT_XD) |
	       (level ? X86PT_PS : 0);
}

static inline u64 x86_pt_make_table(u64 addr, unsigned int level)
{
	return addr | X86PT_P | X86PT_RW | X86PT_US | X86PT_A;
}

/* The contract's names: see pt_fmt.h. */
#define pt_entry_present	x86_pt_entry_present
#define pt_entry_leaf		x86_pt_entry_leaf
#define pt_entry_reserved	x86_pt_entry_reserved
#define pt_entry_next		x86_pt_entry_next
#define pt_entry_next_level	x86_pt_entry_next_level
#define pt_entry_oa		x86_pt_entry_oa
#define pt_entry_lg2		x86_pt_entry_lg2
#define pt_entry_grant		x86_pt_entry_grant
#define pt_grant_perm		x86_pt_grant_perm
#define pt_make_leaf		x86_pt_make_leaf
#define pt_make_table		x86_pt_make_table

#endif /* NYX_PT_FMT_X86_H */
