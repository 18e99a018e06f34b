/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: page tables, what a format has to say.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A format header (fmt_*.h) defines static inline functions of its own names,
 * and maps the names below to them; the prototypes here make the compiler check
 * that they fit. The templates (pt_iter.h, pt_walk.h, pt_map.h, pt_unmap.h) use
 * nothing else. Levels are mostly compile-time constants in the walker, so a
 * test of the level costs nothing there.
 *
 * Constants of a format:
 *
 *   PT_FMT             its name, the prefix of the instances
 *   PT_FMT_MIN_LEVELS  depths that exist
 *   PT_FMT_MAX_LEVELS
 *   PT_FMT_SIZES       page sizes of a table that is deep enough, bit mask
 *   PT_FMT_CONTIG      1: pages larger than an entry's span exist
 *   PT_FMT_EXEC        1: entries say whether code may be fetched. Otherwise
 *                      permission to read includes that, and NYX_ACC_EXEC is
 *                      neither stored nor reported
 *   PT_FMT_CANONICAL   1: addresses are sign-extended; a kernel-owned table
 *                      maps the lower half
 *   PT_FMT_DENY_FIRST  1: in a guest's table each entry is asked for permission
 *                      before its reserved bits are looked at
 *
 * Functions of entries expect one that is present, except where they ask for
 * that. Those without "guest" in their comment trust the entry to be well
 * formed.
 */
#ifndef NYX_PT_PT_FMT_H
#define NYX_PT_PT_FMT_H

#include "pt/pt_defs.h"

/* Each header compiles alone, this one with some format. */
#ifndef PT_FMT
#include "pt/fmt_vtdss.h"
#endif

#define __PT_PASTE(fmt, name)	fmt##_pt_##name
#define _PT_PASTE(fmt, name)	__PT_PASTE(fmt, name)
/* Name of the format's instance of a function of pt.h. */
#define PT_NAME(name)		_PT_PASTE(PT_FMT, name)

/**
 * pt_entry_present() - is an entry in use?
 * @entry: any entry, of a guest too
 *
 * Return: false if it is empty.
 */
static inline bool pt_entry_present(u64 entry);

/**
 * pt_entry_leaf() - is an entry a leaf?
 * @entry: the entry, of a guest too
 * @level: its level
 *
 * Return: false if it refers to a table.
 */
static inline bool pt_entry_leaf(u64 entry, unsigned int level);

/**
 * pt_entry_reserved() - check an entry of a guest
 * @entry: the entry
 * @level: its level
 * @sizes: page sizes that the guest may use, of PT_FMT_SIZES
 *
 * Return: the bits that are not as they must be; 0 if it is well formed.
 */
static inline u64 pt_entry_reserved(u64 entry, unsigned int level, u64 sizes);

/**
 * pt_entry_next() - the table that an entry refers to
 * @entry: an entry that is no leaf
 *
 * Return: its address.
 */
static inline u64 pt_entry_next(u64 entry);

/**
 * pt_entry_next_level() - level of the table that an entry refers to
 * @entry: an entry that is no leaf
 * @level: its level
 *
 * Return: a level below @level; one below in kernel-owned tables.
 */
static inline unsigned int pt_entry_next_level(u64 entry, unsigned int level);

/**
 * pt_entry_oa() - output address of a leaf
 * @entry: the leaf
 * @level: its level
 *
 * Return: first output address of the page.
 */
static inline u64 pt_entry_oa(u64 entry, unsigned int level);

/**
 * pt_entry_lg2() - size of a leaf
 * @entry: the leaf
 * @level: its level
 *
 * Return: log2 of the size of the page.
 */
static inline unsigned int pt_entry_lg2(u64 entry, unsigned int level);

/**
 * pt_entry_grant() - what an entry grants, in a form that can be ANDed
 * @entry: the entry, of a guest too
 *
 * Return: bits for pt_grant_perm().
 */
static inline u64 pt_entry_grant(u64 entry);

/**
 * pt_grant_perm() - permissions out of an AND of grants
 * @grant: the bits
 *
 * Return: NYX_ACC_*.
 */
static inline unsigned int pt_grant_perm(u64 grant);

/**
 * pt_make_leaf() - compose a leaf
 * @oa: output address, a multiple of the size
 * @lg2: log2 of the size of the page
 * @level: level of the entry
 * @perm: NYX_ACC_*, at least one
 *
 * The address is at its own place in an entry: adding to the entry adds to the
 * address, as long as @lg2 is the span of the level.
 *
 * Return: the entry.
 */
static inline u64 pt_make_leaf(u64 oa, unsigned int lg2, unsigned int level,
			       unsigned int perm);

/**
 * pt_make_table() - compose an entry that refers to a table
 * @addr: address of the table, which is one level below
 * @level: level of the entry
 *
 * Return: the entry; it grants everything.
 */
static inline u64 pt_make_table(u64 addr, unsigned int level);

#endif /* NYX_PT_PT_FMT_H */
