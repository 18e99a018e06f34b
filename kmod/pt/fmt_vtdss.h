/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: page tables, format of the Intel VT-d second stage.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Intel Virtualization Technology for Directed I/O, architecture specification,
 * revision 4.1: sections 3.7 (second-stage translation) and 9.8 (second-stage
 * paging entries).
 *
 *   level  entry      bits of the address  leaf
 *   4      SS-PML5E   56:48                -
 *   3      SS-PML4E   47:39                -
 *   2      SS-PDPE    38:30                1 GiB
 *   1      SS-PDE     29:21                2 MiB
 *   0      SS-PTE     20:12                4 KiB
 *
 *   bit 0  R, 1 W: the entry is present if one of them is set
 *   2      X, if the unit can tell it from R; ignored here
 *   6:3    memory type and IPAT of a leaf, if the unit has it; ignored here
 *   7      PS: a leaf. Reserved at levels 3 and 4, ignored at level 0
 *   8, 9   A, D; ignored here
 *   10     ignored
 *   11     SNP of a leaf, accepted; reserved otherwise
 *   51:12  address; the low bits of a large leaf are reserved
 *   61:52  ignored
 *   62     TM of a leaf, for units with device TLBs; reserved here
 *   63     ignored
 */
#ifndef NYX_PT_FMT_VTDSS_H
#define NYX_PT_FMT_VTDSS_H

#include <linux/bits.h>

#include "pt/pt_defs.h"

#define VTDSS_R		BIT_ULL(0)
#define VTDSS_W		BIT_ULL(1)
#define VTDSS_PS	BIT_ULL(7)
#define VTDSS_SNP	BIT_ULL(11)
#define VTDSS_ADDR	GENMASK_ULL(51, 12)
#define VTDSS_TM	BIT_ULL(62)

#define PT_FMT			vtdss
#define PT_FMT_MIN_LEVELS	3
#define PT_FMT_MAX_LEVELS	5
#define PT_FMT_SIZES		(BIT_ULL(12) | BIT_ULL(21) | BIT_ULL(30))
#define PT_FMT_CONTIG		0
#define PT_FMT_EXEC		0
#define PT_FMT_CANONICAL	0
#define PT_FMT_DENY_FIRST	1

static inline bool vtdss_pt_entry_present(u64 entry)
{
	return entry & (VTDSS_R | VTDSS_W);
}

static inline bool vtdss_pt_entry_leaf(u64 entry, unsigned int level)
{
	return !level || (entry & VTDSS_PS);
}

static inline u64 vtdss_pt_entry_reserved(u64 entry, unsigned int level,
					  u64 sizes)
{
	if (!vtdss_pt_entry_leaf(entry, level))
		return entry & (VTDSS_TM | VTDSS_SNP);
	return (entry & (VTDSS_TM | (VTDSS_ADDR & (pt_span(level) - 1)))) |
	       (sizes & pt_span(level) ? 0 : VTDSS_PS);
}

static inline u64 vtdss_pt_entry_next(u64 entry)
{
	return entry & VTDSS_ADDR;
}

static inline unsigned int vtdss_pt_entry_next_level(u64 entry,
						     unsigned int level)
{
	return level - 1;
}

static inline u64 vtdss_pt_entry_oa(u64 entry, unsigned int level)
{
	return entry & VTDSS_ADDR;
}

static inline unsigned int vtdss_pt_entry_lg2(u64 entry, unsigned int level)
{
	return pt_shift(level);
}

static inline u64 vtdss_pt_entry_grant(u64 entry)
{
	return entry;
}

static inline unsigned int vtdss_pt_grant_perm(u64 grant)
{
	return ((grant & VTDSS_R) ? NYX_ACC_READ : 0) |
	       ((grant & VTDSS_W) ? NYX_ACC_WRITE : 0);
}

static inline u64 vtdss_pt_make_leaf(u64 oa, unsigned int lg2,
				     unsigned int level, unsigned int perm)
{
	return oa | (level ? VTDSS_PS : 0) |
	       ((perm & (NYX_ACC_READ | NYX_ACC_EXEC)) ? VTDSS_R : 0) |
	       ((perm & NYX_ACC_WRITE) ? VTDSS_W : 0);
}

static inline u64 vtdss_pt_make_table(u64 addr, unsigned int level)
{
	return addr | VTDSS_R | VTDSS_W;
}

/* The contract's names: see pt_fmt.h. */
#define pt_entry_present	vtdss_pt_entry_present
#define pt_entry_leaf		vtdss_pt_entry_leaf
#define pt_entry_reserved	vtdss_pt_entry_reserved
#define pt_entry_next		vtdss_pt_entry_next
#define pt_entry_next_level	vtdss_pt_entry_next_level
#define pt_entry_oa		vtdss_pt_entry_oa
#define pt_entry_lg2		vtdss_pt_entry_lg2
#define pt_entry_grant		vtdss_pt_entry_grant
#define pt_grant_perm		vtdss_pt_grant_perm
#define pt_make_leaf		vtdss_pt_make_leaf
#define pt_make_table		vtdss_pt_make_table

#endif /* NYX_PT_FMT_VTDSS_H */
