/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: copies from and to user memory, with what they cost in a kernel on x86:
 * a look at the address, and for a copy from there the barrier behind it. Left out are
 * stac and clac, which a program cannot execute.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/kernel.h"

#ifndef NYX_HOST_UACCESS_H
#define NYX_HOST_UACCESS_H

#define u64_to_user_ptr(x)	((void *)(unsigned long)(x))

static inline bool access_ok(const void *addr, unsigned long n)
{
	return (unsigned long)addr <= LONG_MAX - n;
}

static inline unsigned long copy_to_user(void *to, const void *from, unsigned long n)
{
	if (!access_ok(to, n))
		return n;
	memcpy(to, from, n);
	return 0;
}

static inline unsigned long __copy_from_user(void *to, const void *from, unsigned long n)
{
	memcpy(to, from, n);
	return 0;
}

static inline unsigned long copy_from_user(void *to, const void *from, unsigned long n)
{
	if (!access_ok(from, n))
		return n;
	barrier_nospec();
	return __copy_from_user(to, from, n);
}

#define get_user(x, ptr) \
	((x) = *(const volatile __typeof__(*(ptr)) *)(uintptr_t)(ptr), 0)
#define put_user(x, ptr) \
	(*(volatile __typeof__(*(ptr)) *)(uintptr_t)(ptr) = (x), 0)

#endif
