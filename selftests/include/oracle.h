/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: what a domain must hold, page by page.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A few windows of the address space, each an array with one word a page: its
 * GPA and permission, or 0. It knows nothing of page sizes, tables and caches:
 * whatever the module does with them must not show.
 */
#ifndef NYX_SELFTESTS_ORACLE_H
#define NYX_SELFTESTS_ORACLE_H

#include "nyx_env.h"

#define ORACLE_WINDOWS	4

/**
 * struct oracle_window - a part of the address space
 * @base: first IOVA
 * @nr: number of pages
 * @page: GPA | permission of each, or 0
 */
struct oracle_window {
	__u64 base;
	__u64 nr;
	__u64 *page;
};

/**
 * struct oracle - a domain
 * @fd: bound to its unit
 * @domain: its id
 * @sbdf: a device in it
 * @no_write_only: its format has no write-only pages
 * @batched: what was unmapped may still be cached
 * @nr: number of windows
 * @window: the windows
 */
struct oracle {
	int fd;
	__u32 domain;
	__u32 sbdf;
	bool no_write_only;
	bool batched;
	unsigned int nr;
	struct oracle_window window[ORACLE_WINDOWS];
};

void oracle_add_window(struct oracle *o, __u64 base, __u64 bytes);

/* The command, which must do to the module what it does to the oracle. */
void oracle_map(struct oracle *o, __u64 iova, __u64 gpa, __u64 length, __u32 prot);
void oracle_unmap(struct oracle *o, __u64 iova, __u64 length);
void oracle_unmap_all(struct oracle *o);

/* A random one of them. @gpas is the size of guest memory. */
void oracle_step(struct oracle *o, struct rng *r, __u64 gpas);

/* All windows by NYX_TRANSLATE, and by NYX_LIST. */
void oracle_check_translate(const struct oracle *o);
void oracle_check_list(const struct oracle *o);

/* One access, exact to its end or to the fault. */
void oracle_check_access(const struct oracle *o, __u64 iova, __u64 length, __u32 access);

/* The word of the page at @iova, which lies in a window. */
__u64 oracle_page(const struct oracle *o, __u64 iova);

void oracle_free(struct oracle *o);

#endif /* NYX_SELFTESTS_ORACLE_H */
