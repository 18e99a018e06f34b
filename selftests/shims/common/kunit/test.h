/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: the part of KUnit that Nyx' suites use, as of kernel 6.1.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Suites register themselves; kunit.c has main() and prints KTAP. An assertion
 * that fails leaves the case by longjmp(), so only the thread that runs the
 * case may assert; expectations work in any thread.
 */
#ifndef NYX_HOST_KUNIT_TEST_H
#define NYX_HOST_KUNIT_TEST_H

#include <setjmp.h>

#include "host/memory.h"

#define KUNIT_PARAM_DESC_SIZE	128

enum kunit_status { KUNIT_SUCCESS, KUNIT_FAILURE, KUNIT_SKIPPED };

/**
 * struct kunit - a case that runs
 * @priv: the suite's
 * @param_value: the parameter
 * @param_index: its number
 * @status: so far
 * @name: of the case
 * @reason: why it was skipped
 * @resources: memory to free in the end
 * @leave: where an assertion jumps to
 */
struct kunit {
	void *priv;
	const void *param_value;
	int param_index;
	enum kunit_status status;
	const char *name;
	char reason[128];
	void *resources;
	jmp_buf leave;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
	const void *(*generate_params)(const void *prev, char *desc);
};

struct kunit_suite {
	const char name[256];
	int (*suite_init)(struct kunit_suite *suite);
	void (*suite_exit)(struct kunit_suite *suite);
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(fn)		{ .run_case = fn, .name = #fn }
#define KUNIT_CASE_SLOW(fn)	KUNIT_CASE(fn)
#define KUNIT_CASE_PARAM(fn, gen) \
	{ .run_case = fn, .name = #fn, .generate_params = gen }

#define KUNIT_ARRAY_PARAM(id, array, get_desc)				\
	static const void *id##_gen_params(const void *prev, char *desc) \
	{								\
		typeof((array)[0]) *next = prev ?			\
			((typeof(next))prev) + 1 : (array);		\
									\
		if (next - (array) >= (long)ARRAY_SIZE(array))		\
			return NULL;					\
		void (*get)(typeof(next), char *) = get_desc;		\
		if (get)						\
			get(next, desc);				\
		return next;						\
	}

void host_kunit_add(struct kunit_suite *const *suites, unsigned int nr);
void host_kunit_fail(struct kunit *test, bool fatal, const char *file, int line,
		     const char *expr, bool values, long long left,
		     long long right, const char *fmt, ...);
void host_kunit_skip(struct kunit *test, bool now, const char *fmt, ...);
void *host_kunit_alloc(struct kunit *test, size_t size, gfp_t gfp);
void kunit_kfree(struct kunit *test, const void *p);

#define HOST_KUNIT_SUITES(id, ...)					\
	static void __attribute__((__constructor__)) id(void)		\
	{								\
		struct kunit_suite *const suites[] = { __VA_ARGS__ };	\
									\
		host_kunit_add(suites, ARRAY_SIZE(suites));		\
	}								\
	_Static_assert(1, "")
#define kunit_test_suites(...)	HOST_KUNIT_SUITES(__UNIQUE_ID(suites), __VA_ARGS__)
#define kunit_test_suite(suite)	kunit_test_suites(&(suite))

#define kunit_kzalloc(test, size, gfp)		host_kunit_alloc(test, size, (gfp) | __GFP_ZERO)
#define kunit_kcalloc(test, n, size, gfp)	host_kunit_alloc(test, size_mul(n, size), (gfp) | __GFP_ZERO)

#define kunit_info(test, fmt, ...)	printf("    # %s: " fmt, (test)->name, ##__VA_ARGS__)
#define kunit_skip(test, fmt...)	host_kunit_skip(test, true, fmt)

#define HOST_KUNIT_CMP(test, fatal, l, op, r, fmt...)			\
	do {								\
		__auto_type _left = (l);				\
		__auto_type _right = (r);				\
									\
		if (unlikely(!(_left op _right)))			\
			host_kunit_fail(test, fatal, __FILE__, __LINE__, \
					#l " " #op " " #r, true,	\
					(long long)_left,		\
					(long long)_right, fmt);	\
	} while (0)
#define HOST_KUNIT_BOOL(test, fatal, cond, text, fmt...)		\
	do {								\
		if (unlikely(!(cond)))					\
			host_kunit_fail(test, fatal, __FILE__, __LINE__, \
					text, false, 0, 0, fmt);	\
	} while (0)

#define KUNIT_SUCCEED(test)			do { } while (0)
#define KUNIT_FAIL(test, fmt...)		HOST_KUNIT_BOOL(test, false, false, "KUNIT_FAIL", fmt)
#define KUNIT_FAIL_AND_ABORT(test, fmt...)	HOST_KUNIT_BOOL(test, true, false, "KUNIT_FAIL", fmt)

#define KUNIT_EXPECT_EQ(t, l, r)		HOST_KUNIT_CMP(t, false, l, ==, r, NULL)
#define KUNIT_EXPECT_NE(t, l, r)		HOST_KUNIT_CMP(t, false, l, !=, r, NULL)
#define KUNIT_EXPECT_LT(t, l, r)		HOST_KUNIT_CMP(t, false, l, <, r, NULL)
#define KUNIT_EXPECT_LE(t, l, r)		HOST_KUNIT_CMP(t, false, l, <=, r, NULL)
#define KUNIT_EXPECT_GT(t, l, r)		HOST_KUNIT_CMP(t, false, l, >, r, NULL)
#define KUNIT_EXPECT_GE(t, l, r)		HOST_KUNIT_CMP(t, false, l, >=, r, NULL)
#define KUNIT_EXPECT_PTR_EQ			KUNIT_EXPECT_EQ
#define KUNIT_EXPECT_PTR_NE			KUNIT_EXPECT_NE
#define KUNIT_EXPECT_EQ_MSG(t, l, r, f...)	HOST_KUNIT_CMP(t, false, l, ==, r, f)
#define KUNIT_EXPECT_NE_MSG(t, l, r, f...)	HOST_KUNIT_CMP(t, false, l, !=, r, f)
#define KUNIT_EXPECT_LE_MSG(t, l, r, f...)	HOST_KUNIT_CMP(t, false, l, <=, r, f)
#define KUNIT_EXPECT_GE_MSG(t, l, r, f...)	HOST_KUNIT_CMP(t, false, l, >=, r, f)
#define KUNIT_EXPECT_LT_MSG(t, l, r, f...)	HOST_KUNIT_CMP(t, false, l, <, r, f)
#define KUNIT_EXPECT_GT_MSG(t, l, r, f...)	HOST_KUNIT_CMP(t, false, l, >, r, f)
#define KUNIT_EXPECT_TRUE(t, c)			HOST_KUNIT_BOOL(t, false, c, #c, NULL)
#define KUNIT_EXPECT_FALSE(t, c)		HOST_KUNIT_BOOL(t, false, !(c), "!(" #c ")", NULL)
#define KUNIT_EXPECT_TRUE_MSG(t, c, f...)	HOST_KUNIT_BOOL(t, false, c, #c, f)
#define KUNIT_EXPECT_FALSE_MSG(t, c, f...)	HOST_KUNIT_BOOL(t, false, !(c), "!(" #c ")", f)
#define KUNIT_EXPECT_NULL(t, p)			HOST_KUNIT_BOOL(t, false, !(p), #p " == NULL", NULL)
#define KUNIT_EXPECT_NOT_NULL(t, p)		HOST_KUNIT_BOOL(t, false, p, #p " != NULL", NULL)
#define KUNIT_EXPECT_NOT_ERR_OR_NULL(t, p)	HOST_KUNIT_BOOL(t, false, !IS_ERR_OR_NULL(p), #p, NULL)
#define KUNIT_EXPECT_STREQ(t, l, r)		HOST_KUNIT_BOOL(t, false, !strcmp(l, r), #l " is " #r, NULL)
#define KUNIT_EXPECT_MEMEQ(t, l, r, n)		HOST_KUNIT_BOOL(t, false, !memcmp(l, r, n), #l " equals " #r, NULL)

#define KUNIT_ASSERT_EQ(t, l, r)		HOST_KUNIT_CMP(t, true, l, ==, r, NULL)
#define KUNIT_ASSERT_NE(t, l, r)		HOST_KUNIT_CMP(t, true, l, !=, r, NULL)
#define KUNIT_ASSERT_LT(t, l, r)		HOST_KUNIT_CMP(t, true, l, <, r, NULL)
#define KUNIT_ASSERT_LE(t, l, r)		HOST_KUNIT_CMP(t, true, l, <=, r, NULL)
#define KUNIT_ASSERT_GT(t, l, r)		HOST_KUNIT_CMP(t, true, l, >, r, NULL)
#define KUNIT_ASSERT_GE(t, l, r)		HOST_KUNIT_CMP(t, true, l, >=, r, NULL)
#define KUNIT_ASSERT_PTR_EQ			KUNIT_ASSERT_EQ
#define KUNIT_ASSERT_PTR_NE			KUNIT_ASSERT_NE
#define KUNIT_ASSERT_EQ_MSG(t, l, r, f...)	HOST_KUNIT_CMP(t, true, l, ==, r, f)
#define KUNIT_ASSERT_NE_MSG(t, l, r, f...)	HOST_KUNIT_CMP(t, true, l, !=, r, f)
#define KUNIT_ASSERT_TRUE(t, c)			HOST_KUNIT_BOOL(t, true, c, #c, NULL)
#define KUNIT_ASSERT_FALSE(t, c)		HOST_KUNIT_BOOL(t, true, !(c), "!(" #c ")", NULL)
#define KUNIT_ASSERT_TRUE_MSG(t, c, f...)	HOST_KUNIT_BOOL(t, true, c, #c, f)
#define KUNIT_ASSERT_FALSE_MSG(t, c, f...)	HOST_KUNIT_BOOL(t, true, !(c), "!(" #c ")", f)
#define KUNIT_ASSERT_NULL(t, p)			HOST_KUNIT_BOOL(t, true, !(p), #p " == NULL", NULL)
#define KUNIT_ASSERT_NOT_NULL(t, p)		HOST_KUNIT_BOOL(t, true, p, #p " != NULL", NULL)
#define KUNIT_ASSERT_NOT_ERR_OR_NULL(t, p)	HOST_KUNIT_BOOL(t, true, !IS_ERR_OR_NULL(p), #p, NULL)
#define KUNIT_ASSERT_STREQ(t, l, r)		HOST_KUNIT_BOOL(t, true, !strcmp(l, r), #l " is " #r, NULL)

#endif /* NYX_HOST_KUNIT_TEST_H */
