/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: the host build's header, and what core/ and mem/ want besides.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_BENCH_HOST_KERNEL_H
#define NYX_BENCH_HOST_KERNEL_H

#include_next "host/kernel.h"

/* An option is set if it is defined as 1. */
#define CONFIG_64BIT		1
#define BENCH_COMMA_1		0,
#define BENCH_SECOND(a, b, ...)	b
#define BENCH_IS_SET_3(x)	BENCH_SECOND(x 1, 0, 0)
#define BENCH_IS_SET_2(x)	BENCH_IS_SET_3(BENCH_COMMA_##x)
#define BENCH_IS_SET(x)		BENCH_IS_SET_2(x)
#undef IS_ENABLED
#define IS_ENABLED(option)	BENCH_IS_SET(option)

/* As newer kernels have them: integers of any width that compare rightly. */
#undef min
#define min(a, b) ({ __auto_type _a = (a); __auto_type _b = (b); \
		     _a < _b ? _a : _b; })

#define S32_MAX			((s32)(U32_MAX >> 1))
#define MAX_JIFFY_OFFSET	((LONG_MAX >> 1) - 1)
#define MSEC_PER_SEC		1000L
#define NSEC_PER_USEC		1000L

static inline u64 mul_u64_u64_shr(u64 a, u64 b, unsigned int shift)
{
	return (u64)((unsigned __int128)a * b >> shift);
}

static inline void *memchr_inv(const void *p, int c, size_t n)
{
	const unsigned char *b = p;

	for (; n; n--, b++) {
		if (*b != (unsigned char)c)
			return (void *)b;
	}
	return NULL;
}

static inline u64 ror64(u64 x, unsigned int n)
{
	return x >> (n & 63) | x << (-n & 63);
}

static inline void *memset64(u64 *p, u64 v, size_t n)
{
	while (n--)
		*p++ = v;
	return p;
}

static inline long strscpy(char *to, const char *from, size_t size)
{
	snprintf(to, size, "%s", from);
	return 0;
}

#endif /* NYX_BENCH_HOST_KERNEL_H */
