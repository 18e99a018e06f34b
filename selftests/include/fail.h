/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: allocations and copies of the kernel that fail.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A test makes the same call again and again: with its first allocation failing,
 * with its second, and so on until the call meets no failure:
 *
 *	for (n = 1, used = true; used && n < FAIL_MAX; n++) {
 *		fail_arm(nth, n);
 *		ret = ...;
 *		used = fail_disarm(nth);
 *	}
 */
#ifndef NYX_SELFTESTS_FAIL_H
#define NYX_SELFTESTS_FAIL_H

#include "nyx_cmd.h"

#define FAIL_MAX	400	/* no call has as many allocations */

/*
 * Opens the switch of this thread: for allocations, or for copies from and to user
 * memory. Skips the case where the kernel has no fault injection.
 */
int fail_open(bool copies);

/*
 * From now on only allocations count that are made on behalf of @function of the kernel,
 * however deep below it. Skips the case where the kernel does not tell its address.
 */
void fail_only_below(const char *function);

/* The allocation (or copy) number @n from now on fails. */
void fail_arm(int nth, unsigned int n);

/* Switches it off. True if the failure has been used up. */
bool fail_disarm(int nth);

/*
 * All of this thread's allocations fail when they have taken @bytes together. An
 * allocation with a second way to get memory, as kvmalloc() has, fails only so.
 */
int fail_open_budget(void);
void fail_budget(int fd, unsigned int bytes);
void fail_budget_end(int fd);
#define FAIL_BUDGET	16384u	/* enough for a call, but that needs larger tables */
#define FAIL_BUDGET_STEP	512u

#endif /* NYX_SELFTESTS_FAIL_H */
