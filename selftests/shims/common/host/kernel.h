/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: the kernel's C dialect in user space.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Types, attributes, arithmetic, error values, warnings. Under ThreadSanitizer
 * and AddressSanitizer the accessors are real atomics, so that what the kernel's
 * memory model allows is no report.
 */
#ifndef NYX_HOST_KERNEL_H
#define NYX_HOST_KERNEL_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include_next <linux/types.h>

#include "host/step.h"

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef u64 phys_addr_t;
typedef u64 dma_addr_t;
typedef unsigned int gfp_t;

/* ---- attributes and annotations ---------------------------------------- */

#ifndef __always_inline
#define __always_inline		inline __attribute__((__always_inline__))
#endif
#ifndef __must_check
#define __must_check		__attribute__((__warn_unused_result__))
#endif
#ifndef __packed
#define __packed		__attribute__((__packed__))
#endif
#ifndef __aligned
#define __aligned(x)		__attribute__((__aligned__(x)))
#endif
#define noinline		__attribute__((__noinline__))
#define __noreturn		__attribute__((__noreturn__))
#define __maybe_unused		__attribute__((__unused__))
#define ____cacheline_aligned	__attribute__((__aligned__(64)))
#define ____cacheline_aligned_in_smp ____cacheline_aligned
#define fallthrough		__attribute__((__fallthrough__))
#define __user
#define __rcu
#define __percpu
#define __init
#define __exit

#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define barrier()		__asm__ __volatile__("" : : : "memory")
#define prefetch(p)		__builtin_prefetch(p)
#define OPTIMIZER_HIDE_VAR(v)	__asm__ ("" : "=r" (v) : "0" (v))

#define ___PASTE(a, b)		a##b
#define __PASTE(a, b)		___PASTE(a, b)
#define __UNIQUE_ID(prefix)	__PASTE(__PASTE(__UNIQUE_ID_, prefix), __COUNTER__)

/* An option is set if it is defined as 1. */
#define CONFIG_64BIT		1
#define HOST_COMMA_1		0,
#define HOST_SECOND(a, b, ...)	b
#define HOST_IS_SET_3(x)	HOST_SECOND(x 1, 0, 0)
#define HOST_IS_SET_2(x)	HOST_IS_SET_3(HOST_COMMA_##x)
#define HOST_IS_SET(x)		HOST_IS_SET_2(x)
#define IS_ENABLED(option)	HOST_IS_SET(option)

#define BUILD_BUG_ON_MSG(cond, msg)	_Static_assert(!(cond), msg)
#define BUILD_BUG_ON(cond)		BUILD_BUG_ON_MSG(cond, #cond)
#define static_assert(expr, ...)	_Static_assert(expr, #expr)

/* ---- arithmetic --------------------------------------------------------- */

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define sizeof_field(t, m)	sizeof(((t *)0)->m)
#define offsetofend(t, m)	(offsetof(t, m) + sizeof_field(t, m))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

/* As newer kernels have it: integers of any width that compare rightly. */
#define min(a, b) ({ __auto_type _a = (a); __auto_type _b = (b); \
		     _a < _b ? _a : _b; })
#define max(a, b) ({ __auto_type _a = (a); __auto_type _b = (b); \
		     (void)(&_a == &_b); _a > _b ? _a : _b; })
#define min_t(t, a, b) ({ t _a = (a); t _b = (b); _a < _b ? _a : _b; })
#define max_t(t, a, b) ({ t _a = (a); t _b = (b); _a > _b ? _a : _b; })
#define min3(a, b, c)		min((typeof(a))min(a, b), c)
#define clamp(v, lo, hi)	min((typeof(v))max(v, lo), hi)
#define swap(a, b) ({ typeof(a) _t = (a); (a) = (b); (b) = _t; })

#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define DIV_ROUND_UP_ULL(n, d)	DIV_ROUND_UP((unsigned long long)(n), d)
#define ALIGN(x, a)		(((x) + ((typeof(x))(a) - 1)) & ~((typeof(x))(a) - 1))
#define IS_ALIGNED(x, a)	(!((x) & ((typeof(x))(a) - 1)))
#define round_up(x, y)		((((x) - 1) | ((typeof(x))(y) - 1)) + 1)
#define round_down(x, y)	((x) & ~((typeof(x))(y) - 1))
#define U8_MAX			((u8)~0)
#define U16_MAX			((u16)~0)
#define U32_MAX			((u32)~0U)
#define U64_MAX			((u64)~0ULL)
#define S32_MAX			((s32)(U32_MAX >> 1))
#define S64_MAX			((s64)(U64_MAX >> 1))

#define BITS_PER_LONG		64
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK_ULL(h, l)	((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define FIELD_PREP(m, v)	(((typeof(m))(v) << __builtin_ctzll(m)) & (m))
#define FIELD_GET(m, r)		((typeof(m))(((r) & (m)) >> __builtin_ctzll(m)))

static inline unsigned long __ffs(unsigned long x)
{
	return __builtin_ctzl(x);
}

static inline unsigned int __ffs64(u64 x)
{
	return __builtin_ctzll(x);
}

static inline int fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

#define ffz(x)			__ffs(~(x))
#define ilog2(n)		(63 - __builtin_clzll(n))
#define is_power_of_2(n)	((n) && !((n) & ((n) - 1)))

static inline unsigned long roundup_pow_of_two(unsigned long n)
{
	return n <= 1 ? 1 : 1UL << (64 - __builtin_clzl(n - 1));
}

#define check_add_overflow(a, b, d)	__builtin_add_overflow(a, b, d)
#define check_mul_overflow(a, b, d)	__builtin_mul_overflow(a, b, d)

static inline size_t size_mul(size_t a, size_t b)
{
	size_t r;

	return check_mul_overflow(a, b, &r) ? SIZE_MAX : r;
}

static inline size_t size_add(size_t a, size_t b)
{
	size_t r;

	return check_add_overflow(a, b, &r) ? SIZE_MAX : r;
}

#define flex_array_size(p, m, n)	size_mul(n, sizeof(*(p)->m))
#define struct_size(p, m, n)		size_add(sizeof(*(p)), flex_array_size(p, m, n))
#define array_size(a, b)		size_mul(a, b)

/* As on x86: all ones, if the index is below the size, without a branch. */
static inline unsigned long host_index_mask(unsigned long index, unsigned long size)
{
#ifdef __x86_64__
	unsigned long mask;

	__asm__ volatile("cmp %1, %2\n\tsbb %0, %0"
			 : "=r" (mask) : "g" (size), "r" (index) : "cc");
	return mask;
#else
	return index < size ? ~0ul : 0;
#endif
}

static inline void barrier_nospec(void)
{
#ifdef __x86_64__
	__asm__ volatile("lfence" ::: "memory");
#endif
}

#define array_index_nospec(i, n)	((__typeof__(i))((i) & host_index_mask(i, n)))

static inline u64 mul_u64_u64_shr(u64 a, u64 b, unsigned int shift)
{
	return (u64)((unsigned __int128)a * b >> shift);
}

static inline u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 c)
{
	return (u64)((unsigned __int128)a * b / c);
}

static inline u64 ror64(u64 x, unsigned int n)
{
	return x >> (n & 63) | x << (-n & 63);
}

#define div_u64(a, b)		((u64)(a) / (u32)(b))
#define div64_u64(a, b)		((u64)(a) / (u64)(b))
#define le64_to_cpu(x)		((u64)(x))

/* ---- strings and memory ------------------------------------------------- */

static inline void *memchr_inv(const void *p, int c, size_t n)
{
	const unsigned char *b = p;

	for (; n; n--, b++) {
		if (*b != (unsigned char)c)
			return (void *)b;
	}
	return NULL;
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

/* ---- single accesses ---------------------------------------------------- */

#ifdef __SANITIZE_THREAD__
#define NYX_HOST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NYX_HOST_TSAN 1
#endif
#endif

#if defined(NYX_HOST_STEP)
#define READ_ONCE(x)		({ host_step(); *(const volatile typeof(x) *)&(x); })
#define WRITE_ONCE(x, v) ({ typeof(x) _w = (v); host_step(); *(volatile typeof(x) *)&(x) = _w; })
#elif defined(NYX_HOST_TSAN)
/* Acquire stands for the address dependency that TSan does not know. */
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (typeof(x))(v), __ATOMIC_RELAXED)
#else
#define READ_ONCE(x)		(*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile typeof(x) *)&(x) = (v))
#endif
#define data_race(x)		(x)

/* ---- errors, warnings, messages ----------------------------------------- */

#define MAX_ERRNO		4095
#define ERESTARTSYS		512

static inline void *ERR_PTR(long error)
{
	return (void *)error;
}

static inline long PTR_ERR(const void *ptr)
{
	return (long)ptr;
}

static inline bool IS_ERR(const void *ptr)
{
	return (unsigned long)ptr >= (unsigned long)-MAX_ERRNO;
}

static inline bool IS_ERR_OR_NULL(const void *ptr)
{
	return !ptr || IS_ERR(ptr);
}

static inline int PTR_ERR_OR_ZERO(const void *ptr)
{
	return IS_ERR(ptr) ? PTR_ERR(ptr) : 0;
}

#define ERR_CAST(p)		((void *)(p))

/* Each warning fails the KUnit case that it comes in. */
void host_warn(const char *file, int line, const char *what);
unsigned long host_warnings(void);

#define WARN_ON(cond) ({ bool _c = !!(cond);				\
	if (unlikely(_c))						\
		host_warn(__FILE__, __LINE__, #cond);			\
	unlikely(_c); })
#define WARN_ON_ONCE(cond)	WARN_ON(cond)
#define WARN(cond, fmt...)	WARN_ON(cond)
#define BUG()			do { host_warn(__FILE__, __LINE__, "BUG"); abort(); } while (0)
#define BUG_ON(cond)		do { if (unlikely(cond)) BUG(); } while (0)

#define printk(fmt...)		fprintf(stderr, fmt)
#define pr_err(fmt...)		fprintf(stderr, fmt)
#define pr_warn(fmt...)		fprintf(stderr, fmt)

/* ---- modules ------------------------------------------------------------ */

#define EXPORT_SYMBOL(sym)
#define EXPORT_SYMBOL_NS_GPL(sym, ns)
#define MODULE_LICENSE(x)	_Static_assert(1, "")
#define MODULE_AUTHOR(x)	_Static_assert(1, "")
#define MODULE_DESCRIPTION(x)	_Static_assert(1, "")
#define MODULE_IMPORT_NS(x)	_Static_assert(1, "")
#define MODULE_PARM_DESC(n, d)	_Static_assert(1, "")
#ifndef KBUILD_MODNAME
#define KBUILD_MODNAME		"host"
#endif
#define THIS_MODULE		NULL

/* Module parameters are arguments of the program: name=value. */
void host_param_add(const char *name, const char *type, void *value);

#define module_param(name, type, mode)					\
	static void __attribute__((__constructor__)) host_param_##name(void) \
	{								\
		host_param_add(#name, #type, &name);			\
	}								\
	_Static_assert(1, "")
#define module_param_named(pname, name, type, mode)			\
	static void __attribute__((__constructor__)) host_param_##pname(void) \
	{								\
		host_param_add(#pname, #type, &name);			\
	}								\
	_Static_assert(1, "")

#endif /* NYX_HOST_KERNEL_H */
