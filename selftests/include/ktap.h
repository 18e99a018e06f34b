/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: a small test harness that speaks KTAP.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A program is a list of cases:
 *
 *	TEST(name) { ... }		one case
 *	TEST_EACH(name, table) { ... }	one case for each entry of an array of
 *					structs whose first member is
 *					``const char *name``; the entry is @v
 *
 * Each case runs in a child process of its own, in a process group of its own:
 * a failed assertion ends the child, and with it everything that it had open. A
 * case that hangs is killed with its whole group and has failed. No case passes
 * or fails by the clock otherwise.
 *
 * Exit status of a program: 0 no case failed, 1 one failed, 2 usage, 4 all cases
 * were skipped. Options: see ktap_usage() in ktap.c.
 */
#ifndef NYX_SELFTESTS_KTAP_H
#define NYX_SELFTESTS_KTAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KTAP_FAIL	1
#define KTAP_SKIP	4

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define __maybe_unused	__attribute__((__unused__))

/**
 * struct ktap_case - a case, or one for each entry of a table
 * @name: name
 * @run: the body; gets the entry of the table, or NULL
 * @table: first entry, or NULL
 * @entry_size: bytes from one entry to the next
 * @nr: number of entries
 * @line: where it is written; cases run in this order
 * @next: list of the program's cases
 */
struct ktap_case {
	const char *name;
	void (*run)(const void *v);
	const void *table;
	size_t entry_size;
	size_t nr;
	int line;
	struct ktap_case *next;
};

void ktap_add(struct ktap_case *c);

/* Options of the command line. */
extern uint64_t ktap_seed;	/* -s: of the random cases */

/**
 * ktap_iterations() - how often to do it
 * @dflt: without option -n, and at 100 percent of NYX_TEST_EFFORT
 *
 * Return: the number, at least 1.
 */
unsigned long ktap_iterations(unsigned long dflt);

/*
 * A program may define these beside its cases. ktap_precheck() returns a reason to skip
 * everything, or NULL. The parent calls ktap_baseline() before each case and ktap_leaks()
 * after it, which returns what the case has left behind, or NULL.
 */
const char *ktap_precheck(void);
void ktap_baseline(void);
const char *ktap_leaks(void);

#define __TEST_REGISTER(fn, tab, esize, n)				\
	__attribute__((__constructor__))				\
	static void fn##_register(void)					\
	{								\
		static struct ktap_case c = {				\
			.name = #fn, .run = fn##_call, .line = __LINE__	\
		};							\
		c.table = (tab);					\
		c.entry_size = (esize);					\
		c.nr = (n);						\
		ktap_add(&c);						\
	}

#define TEST(fn)							\
	static void fn(void);						\
	static void fn##_call(const void *v)				\
	{								\
		(void)v;						\
		fn();							\
	}								\
	__TEST_REGISTER(fn, NULL, 0, 1)					\
	static void fn(void)

#define TEST_EACH(fn, tab)						\
	static void fn(const __typeof__((tab)[0]) *v);			\
	static void fn##_call(const void *v)				\
	{								\
		fn(v);							\
	}								\
	__TEST_REGISTER(fn, tab, sizeof((tab)[0]), ARRAY_SIZE(tab))	\
	static void fn(const __typeof__((tab)[0]) *v)

/* A line for people. */
__attribute__((__format__(__printf__, 1, 2)))
void ktap_print(const char *fmt, ...);

/* Notes what this thread is doing; shown with a failure. */
__attribute__((__format__(__printf__, 1, 2)))
void ktap_note(const char *fmt, ...);

/* End the case: skipped. */
__attribute__((__noreturn__, __format__(__printf__, 1, 2)))
void ktap_skip(const char *fmt, ...);

/* Record a failure; end the case if it is @fatal. */
__attribute__((__format__(__printf__, 4, 5)))
void ktap_failed(bool fatal, const char *file, int line, const char *fmt, ...);

#define SKIP(...)	ktap_skip(__VA_ARGS__)
/*
 * The case needs something that a kernel like this can never have. selftests/check does
 * not count it.
 */
#define NOT_HERE(...)	ktap_skip("does not apply: " __VA_ARGS__)
#define FAIL(...)	ktap_failed(true, __FILE__, __LINE__, __VA_ARGS__)

#define __CHECK(fatal, cond) do {					\
	if (!(cond))							\
		ktap_failed(fatal, __FILE__, __LINE__, "%s", #cond);	\
} while (0)

#define __CHECK_EQ(fatal, want, seen) do {				\
	long long __want = (long long)(want);				\
	long long __seen = (long long)(seen);				\
									\
	if (__want != __seen)						\
		ktap_failed(fatal, __FILE__, __LINE__,			\
			    "%s is %lld (0x%llx), not %s = %lld (0x%llx)", \
			    #seen, __seen, __seen, #want, __want, __want); \
} while (0)

#define __CHECK_OP(fatal, a, op, b) do {				\
	unsigned long long __a = (unsigned long long)(a);		\
	unsigned long long __b = (unsigned long long)(b);		\
									\
	if (!(__a op __b))						\
		ktap_failed(fatal, __FILE__, __LINE__,			\
			    "not %s %s %s: %llu (0x%llx), %llu (0x%llx)", \
			    #a, #op, #b, __a, __a, __b, __b);		\
} while (0)

/* Orders are those of unsigned 64-bit numbers. */
#define ASSERT_TRUE(cond)	__CHECK(true, cond)
#define ASSERT_EQ(want, seen)	__CHECK_EQ(true, want, seen)
#define ASSERT_NE(a, b)		__CHECK_OP(true, a, !=, b)
#define ASSERT_LE(a, b)		__CHECK_OP(true, a, <=, b)
#define ASSERT_LT(a, b)		__CHECK_OP(true, a, <, b)
#define ASSERT_GE(a, b)		__CHECK_OP(true, a, >=, b)
#define ASSERT_GT(a, b)		__CHECK_OP(true, a, >, b)
#define EXPECT_TRUE(cond)	__CHECK(false, cond)
#define EXPECT_EQ(want, seen)	__CHECK_EQ(false, want, seen)

/* All of @len bytes at @p are @byte. */
#define ASSERT_FILLED(p, byte, len) do {				\
	size_t __at = ktap_differs(p, byte, len);			\
									\
	if (__at != (size_t)(len))					\
		ktap_failed(true, __FILE__, __LINE__,			\
			    "%s: byte %zu of %zu is 0x%02x, not 0x%02x", \
			    #p, __at, (size_t)(len),			\
			    ((const unsigned char *)(p))[__at],		\
			    (unsigned char)(byte));			\
} while (0)

/* @len bytes at @p are those at @q. */
#define ASSERT_SAME(p, q, len) do {					\
	size_t __at = ktap_mismatch(p, q, len);				\
									\
	if (__at != (size_t)(len))					\
		ktap_failed(true, __FILE__, __LINE__,			\
			    "%s and %s: byte %zu of %zu is 0x%02x and 0x%02x", \
			    #p, #q, __at, (size_t)(len),		\
			    ((const unsigned char *)(p))[__at],		\
			    ((const unsigned char *)(q))[__at]);	\
} while (0)

size_t ktap_differs(const void *p, unsigned char byte, size_t len);
size_t ktap_mismatch(const void *p, const void *q, size_t len);

/* A case fails that calls one of these and it does not work. */
void *ktap_alloc(size_t size);
void ktap_wait_exit(int pid);	/* the child @pid exits with 0 */
int ktap_fork(void);
void ktap_fork_end(int *pid);
/* A child does what follows, and exits with 0; the parent goes on behind it. */
#define IN_CHILD							\
	for (int child_ = ktap_fork(); child_ >= 0; ktap_fork_end(&child_)) \
		if (!child_)

/**
 * struct rng - a source of pseudo-random numbers (splitmix64)
 * @state: the state
 */
struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* A number below @n, which is not 0. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return rng_next(r) % n;
}

/* Begins the sequence number @salt of the program's seed, and says so. */
struct rng rng_start(uint64_t salt);

#endif /* NYX_SELFTESTS_KTAP_H */
