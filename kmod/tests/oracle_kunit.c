// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_oracle: domains whose translations are checked: they agree
 * with themselves, and find each table that has been tampered with.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The unit has no memory, so that a translation ends in NYX_FAULT_NO_MEMORY.
 * Module parameters: oracle_seed repeats a run (0: take the clock; it is
 * printed), oracle_rounds is the number of operations.
 */
#include <kunit/test.h>
#include <linux/ktime.h>
#include <linux/module.h>

#include "core/access/device.h"
#include "core/access/translate.h"
#include "core/account/stats.h"
#include "core/attach.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/map.h"
#include "core/space/oracle.h"
#include "core/unit.h"
#include "suite_unit.h"

#define K	4096ull
#define M	(256 * K)
#define SBDF	0x0018u
#define ALL	(BIT(PT_NR_FORMATS + 1) - 1)	/* tables and ranges */

static unsigned long oracle_seed;
module_param(oracle_seed, ulong, 0444);
MODULE_PARM_DESC(oracle_seed, "seed of the random oracle tests, 0: the clock");
static unsigned int oracle_rounds = 400;
module_param(oracle_rounds, uint, 0444);
MODULE_PARM_DESC(oracle_rounds, "operations of each random oracle test");

/**
 * struct kind - a shape of the domain's own table
 * @name: for the report
 * @format: of enum pt_format
 * @levels: depth
 * @page_sizes: that it may use, 0: all
 * @following: tables that can hold the same
 */
struct kind {
	const char *name;
	u8 format;
	u8 levels;
	u64 page_sizes;
	unsigned int following;
};

static const struct kind kinds[] = {
	{ "vtdss-3", PT_VTDSS, 3, 0, ALL & ~BIT(PT_VTDSS) },
	{ "vtdss-4", PT_VTDSS, 4, 0, ALL & ~BIT(PT_VTDSS) },
	{ "vtdss-4-small", PT_VTDSS, 4, K, ALL & ~BIT(PT_VTDSS) },
	/* The lower half of x86 ends at 56 bits, VT-d at 57. */
	{ "vtdss-5", PT_VTDSS, 5, 0, ALL & ~BIT(PT_VTDSS) & ~BIT(PT_X86) },
	{ "x86-4", PT_X86, 4, 0, ALL & ~BIT(PT_X86) },
	{ "x86-5", PT_X86, 5, 0, ALL & ~BIT(PT_X86) },
	{ "amdv1-4", PT_AMDV1, 4, 0, ALL & ~BIT(PT_AMDV1) },
	{ "amdv1-6", PT_AMDV1, 6, 0, BIT(PT_NR_FORMATS) },
};

static void kind_desc(const struct kind *kind, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s", kind->name);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

/**
 * struct fixture - a domain with a device, kunit.priv
 * @test: the case
 * @unit: its unit
 * @dom: the domain
 * @free: tables that tampering has taken out
 */
struct fixture {
	struct kunit *test;
	struct nyx_unit *unit;
	struct nyx_domain *dom;
	struct pt_chain free;
};

static int oracle_init(struct kunit *test)
{
	static const struct nyx_unit_config unit_cfg = {
		SUITE_UNIT(NYX_MODEL_NATIVE, 64), .irt_entries = 64,
	};
	const struct kind *kind = test->param_value ?: &kinds[1];
	const struct nyx_domain_config cfg = {
		.flags = NYX_DOMAIN_F_ORACLE,
		.kind = NYX_DOMAIN_PAGING,
		.pt = {
			.format = kind->format,
			.levels = kind->levels,
			.page_sizes = kind->page_sizes,
		},
	};
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	struct nyx_unit *unit;
	u32 id;
	int ret;

	if (!f)
		return -ENOMEM;
	f->test = test;
	unit = suite_unit_open(test, &unit_cfg);
	test->priv = f;
	f->unit = unit;
	ret = nyx_domain_create(unit, &cfg, &id);
	if (ret)
		return ret;
	f->dom = nyx_domain_get(unit, id);
	return nyx_device_add(unit, SBDF) ?:
	       nyx_device_attach(unit, SBDF, id, false);
}

static void oracle_exit(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (!f)
		return;
	pt_chain_free(&f->free);
	if (f->dom)
		nyx_domain_put(f->dom);
}

/* Tables that are being freed still need this module's code. */
static void oracle_suite_exit(struct kunit_suite *suite)
{
	rcu_barrier();
}

/* Random numbers that a seed repeats (xorshift64*). */
static u64 next_random(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

/* 0 to n - 1, for small n. */
static u32 random_below(u64 *state, u32 n)
{
	return (next_random(state) >> 32) * n >> 32;
}

static u64 stat(struct fixture *f, enum nyx_stat which)
{
	return nyx_stat_get(f->dom->stats, which);
}

static u32 translate(struct fixture *f, u64 iova, unsigned int perm)
{
	struct nyx_access acc;
	struct nyx_fault_info fault;
	struct nyx_segment seg;

	KUNIT_ASSERT_EQ(f->test, nyx_access_begin(f->unit, SBDF, NYX_PASID_NONE, &acc), 0);
	KUNIT_EXPECT_FALSE(f->test, nyx_translate(&acc, iova, 1, perm, &seg,
						  &fault));
	nyx_access_end(&acc);
	return fault.reason;
}

static bool is_absent(u32 reason)
{
	return reason == NYX_FAULT_NOT_PRESENT ||
	       reason == NYX_FAULT_TABLE_NOT_PRESENT;
}

static void map(struct fixture *f, u64 iova, u64 size, u64 gpa, unsigned int perm)
{
	KUNIT_ASSERT_EQ(f->test, nyx_domain_map(f->dom, iova, iova + size - 1,
						gpa, perm), 0);
}

static int unmap(struct fixture *f, u64 iova, u64 last, u64 *bytes)
{
	struct nyx_ticket ticket = NYX_TICKET(f->unit);
	int ret = nyx_domain_unmap(f->dom, iova, last, bytes, &ticket);

	return nyx_inval_wait(&ticket) ?: ret;
}

/* The n-th table of the domain, its own first; NULL: there are no more. */
static struct pt *table(struct fixture *f, unsigned int n)
{
	struct nyx_oracle *o = f->dom->oracle;
	unsigned int format;

	if (!n)
		return &f->dom->pt;
	for (format = 0; format < PT_NR_FORMATS; format++) {
		if ((o->following & BIT(format)) && !--n)
			return &o->table[format];
	}
	return NULL;
}

static void tamper_map(struct fixture *f, struct pt *pt, u64 iova, u64 size,
		       u64 gpa, unsigned int perm)
{
	mutex_lock(&f->dom->lock);
	KUNIT_EXPECT_EQ(f->test, pt_map(pt, iova, iova + size - 1, gpa, perm,
					&f->free), 0);
	mutex_unlock(&f->dom->lock);
}

static void tamper_unmap(struct fixture *f, struct pt *pt, u64 iova, u64 size)
{
	u64 bytes;

	mutex_lock(&f->dom->lock);
	KUNIT_EXPECT_EQ(f->test, pt_unmap(pt, iova, iova + size - 1, &f->free,
					  &bytes), 0);
	mutex_unlock(&f->dom->lock);
	KUNIT_EXPECT_EQ(f->test, bytes, size);
}

/* The next walk finds it, and says so; and the one behind it, which is right. */
static void expect_found(struct fixture *f, u64 iova, unsigned int perm,
			 unsigned int n)
{
	u64 before = stat(f, NYX_STAT_ORACLE_MISMATCHES);

	KUNIT_EXPECT_EQ_MSG(f->test, translate(f, iova, perm), NYX_FAULT_ORACLE,
			    "table %u", n);
	KUNIT_EXPECT_EQ(f->test, stat(f, NYX_STAT_ORACLE_MISMATCHES), before + 1);
	KUNIT_EXPECT_EQ(f->test, translate(f, 64 * M, NYX_ACC_RW),
			NYX_FAULT_NO_MEMORY);
	KUNIT_EXPECT_EQ(f->test, stat(f, NYX_STAT_ORACLE_MISMATCHES), before + 1);
}

static void tables_follow(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	struct fixture *f = test->priv;
	unsigned int n;

	KUNIT_EXPECT_EQ(test, f->dom->oracle->following, kind->following);
	map(f, 0, 2 * M, 2 * M, NYX_ACC_RW);
	map(f, 2 * M, K, 0, NYX_ACC_READ);
	for (n = 0; table(f, n); n++)
		KUNIT_EXPECT_EQ(test, table(f, n)->mapped, 2 * M + K);
	KUNIT_EXPECT_EQ(test, translate(f, 2 * M - 1, NYX_ACC_RW),
			NYX_FAULT_NO_MEMORY);
	KUNIT_EXPECT_EQ(test, translate(f, 2 * M, NYX_ACC_WRITE),
			NYX_FAULT_WRITE_DENIED);
	KUNIT_EXPECT_TRUE(test, is_absent(translate(f, 2 * M + K, NYX_ACC_READ)));
	if (f->dom->pt.va_last != U64_MAX)
		KUNIT_EXPECT_EQ(test, translate(f, f->dom->pt.va_last + 1,
						NYX_ACC_READ),
				NYX_FAULT_ADDRESS_WIDTH);
	KUNIT_EXPECT_GE(test, stat(f, NYX_STAT_ORACLE_CHECKS), 3);
	KUNIT_EXPECT_EQ(test, stat(f, NYX_STAT_ORACLE_MISMATCHES), 0);
}

/* A permission that x86 cannot hold is no difference. */
static void write_only_pages_agree(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	struct fixture *f = test->priv;

	/* With neighbours that x86 puts into the same page. */
	map(f, 0, M, 2 * M, NYX_ACC_WRITE);
	map(f, M, M, 3 * M, NYX_ACC_RW);
	KUNIT_EXPECT_EQ(test, translate(f, 5 * K, NYX_ACC_WRITE),
			NYX_FAULT_NO_MEMORY);
	KUNIT_EXPECT_EQ(test, translate(f, 5 * K, NYX_ACC_READ),
			kind->format == PT_X86 ? NYX_FAULT_NO_MEMORY :
						 NYX_FAULT_READ_DENIED);
	KUNIT_EXPECT_EQ(test, translate(f, M, NYX_ACC_READ), NYX_FAULT_NO_MEMORY);
	KUNIT_EXPECT_EQ(test, stat(f, NYX_STAT_ORACLE_CHECKS), 3);
	KUNIT_EXPECT_EQ(test, stat(f, NYX_STAT_ORACLE_MISMATCHES), 0);
}

static void finds_what_is_missing(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int n;

	map(f, 64 * M, M, 0, NYX_ACC_RW);
	for (n = 0; table(f, n); n++) {
		map(f, n * M, K, K, NYX_ACC_RW);
		tamper_unmap(f, table(f, n), n * M, K);
		expect_found(f, n * M + 1, NYX_ACC_READ, n);
	}
}

static void finds_what_is_too_much(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int n;

	map(f, 64 * M, M, 0, NYX_ACC_RW);
	for (n = 0; table(f, n); n++) {
		tamper_map(f, table(f, n), n * M, K, K, NYX_ACC_RW);
		expect_found(f, n * M + 1, NYX_ACC_READ, n);
	}
}

static void finds_the_wrong_place(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int n;

	map(f, 64 * M, M, 0, NYX_ACC_RW);
	for (n = 0; table(f, n); n++) {
		map(f, n * M, K, K, NYX_ACC_RW);
		tamper_unmap(f, table(f, n), n * M, K);
		tamper_map(f, table(f, n), n * M, K, 3 * K, NYX_ACC_RW);
		expect_found(f, n * M + 1, NYX_ACC_READ, n);
	}
}

static void finds_the_wrong_permission(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int n;

	map(f, 64 * M, M, 0, NYX_ACC_RW);
	for (n = 0; table(f, n); n++) {
		map(f, n * M, K, K, NYX_ACC_READ);
		tamper_unmap(f, table(f, n), n * M, K);
		tamper_map(f, table(f, n), n * M, K, K, NYX_ACC_RW);
		/* Both if it is asked for, and if it is not. */
		expect_found(f, n * M + 1, NYX_ACC_WRITE, n);
		expect_found(f, n * M + 1, NYX_ACC_READ, n);
	}
}

/* Right where it is asked, but its page reaches to where nothing is mapped. */
static void finds_a_page_that_is_too_large(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int n;

	map(f, 64 * M, M, 0, NYX_ACC_RW);
	for (n = 0; table(f, n); n++) {
		u64 iova = 2 * n * M;

		if (!(table(f, n)->page_sizes & (2 * M)))
			continue;
		map(f, iova, 2 * M - K, 4 * M, NYX_ACC_RW);
		KUNIT_EXPECT_EQ(test, translate(f, iova, NYX_ACC_READ),
				NYX_FAULT_NO_MEMORY);
		tamper_map(f, table(f, n), iova + 2 * M - K, K, 6 * M - K,
			   NYX_ACC_RW);
		expect_found(f, iova, NYX_ACC_READ, n);
		expect_found(f, iova + M, NYX_ACC_READ, n);
	}
}

/* Maps and unmaps count differences, too, and go on. */
static void changes_compare(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 bytes, before;
	unsigned int n;

	for (n = 0; table(f, n); n++) {
		before = stat(f, NYX_STAT_ORACLE_MISMATCHES);
		tamper_map(f, table(f, n), n * M, K, K, NYX_ACC_RW);
		KUNIT_EXPECT_EQ(test, nyx_domain_map(f->dom, n * M, n * M + M - 1,
						     0, NYX_ACC_RW),
				n ? 0 : -EEXIST);
		KUNIT_EXPECT_GT(test, stat(f, NYX_STAT_ORACLE_MISMATCHES), before);
		before = stat(f, NYX_STAT_ORACLE_MISMATCHES);
		KUNIT_EXPECT_EQ(test, unmap(f, n * M, n * M + M - 1, &bytes), 0);
		KUNIT_EXPECT_EQ(test, bytes, n ? M : K);
		KUNIT_EXPECT_GT(test, stat(f, NYX_STAT_ORACLE_MISMATCHES), before);
		/* Nothing is left: they agree again. */
		KUNIT_EXPECT_TRUE(test, is_absent(translate(f, n * M, NYX_ACC_READ)));
	}
}

/* A table that could not follow is not asked; without the ranges none is. */
static void table_that_gave_up_is_not_asked(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct pt *pt = table(f, 1);
	u64 checks;

	map(f, 64 * M, M, 0, NYX_ACC_RW);
	if (pt) {
		tamper_map(f, pt, 0, K, K, NYX_ACC_RW);
		expect_found(f, 0, NYX_ACC_READ, 1);
		f->dom->oracle->following &= ~BIT(pt->format);
		KUNIT_EXPECT_TRUE(test, is_absent(translate(f, 0, NYX_ACC_READ)));
	}
	tamper_map(f, &f->dom->pt, M, K, K, NYX_ACC_RW);
	expect_found(f, M, NYX_ACC_READ, 0);
	f->dom->oracle->following = 0;
	checks = stat(f, NYX_STAT_ORACLE_CHECKS);
	KUNIT_EXPECT_EQ(test, translate(f, M, NYX_ACC_READ), NYX_FAULT_NO_MEMORY);
	KUNIT_EXPECT_EQ(test, stat(f, NYX_STAT_ORACLE_CHECKS), checks);
	map(f, 2 * M, K, 0, NYX_ACC_RW);
	KUNIT_EXPECT_EQ(test, translate(f, 2 * M, NYX_ACC_READ),
			NYX_FAULT_NO_MEMORY);
}

/* More ranges than are taken out at once. */
static void many_ranges(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 bytes;
	int i;

	for (i = 0; i < 3000; i++)
		map(f, 2 * i * K, K, i * K, NYX_ACC_RW);
	KUNIT_EXPECT_EQ(test, unmap(f, K, 4000 * K - 1, &bytes), 0);
	KUNIT_EXPECT_EQ(test, bytes, 1999 * K);
	KUNIT_EXPECT_EQ(test, translate(f, 0, NYX_ACC_RW), NYX_FAULT_NO_MEMORY);
	KUNIT_EXPECT_TRUE(test, is_absent(translate(f, 2 * K, NYX_ACC_RW)));
	KUNIT_EXPECT_TRUE(test, is_absent(translate(f, 3998 * K, NYX_ACC_RW)));
	KUNIT_EXPECT_EQ(test, translate(f, 4000 * K, NYX_ACC_RW),
			NYX_FAULT_NO_MEMORY);
	KUNIT_EXPECT_EQ(test, unmap(f, 0, f->dom->pt.va_last, &bytes), 0);
	KUNIT_EXPECT_EQ(test, bytes, 1001 * K);
	KUNIT_EXPECT_EQ(test, stat(f, NYX_STAT_ORACLE_MISMATCHES), 0);
}

static void random_operations_agree(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 seed = oracle_seed ?: ktime_get_ns();
	u64 state = seed | 1, bytes, checks;
	unsigned int i, j;

	kunit_info(test, "oracle_seed=%llu\n", seed);
	for (i = 0; i < oracle_rounds; i++) {
		u64 iova = (random_below(&state, 3) * (f->dom->pt.va_last / 2 + 1)) &
			   f->dom->pt.va_last & ~(K - 1);
		u64 size = (1 + random_below(&state, 3)) *
			   (K << random_below(&state, 11));
		u64 gpa;
		int ret;

		/* Three places, in each some 16 MiB, so that much meets. */
		iova &= ~(16 * M - 1);
		iova += random_below(&state, 4096) * K;
		if (random_below(&state, 2))
			iova &= ~(size - 1) | (f->dom->pt.va_last - 16 * M);
		if (size - 1 > f->dom->pt.va_last - iova)
			size = K;
		gpa = random_below(&state, 3) ? iova & nyx_lg2_last(51) :
						random_below(&state, 4096) * K;
		if (random_below(&state, 5) < 3) {
			ret = nyx_domain_map(f->dom, iova, iova + size - 1, gpa,
					     1 + random_below(&state, 3));
			KUNIT_ASSERT_TRUE_MSG(test, !ret || ret == -EEXIST,
					      "%d", ret);
		} else {
			KUNIT_ASSERT_EQ(test, unmap(f, iova, iova + size - 1, &bytes),
					0);
		}
		checks = stat(f, NYX_STAT_ORACLE_CHECKS);
		for (j = 0; j < 8; j++) {
			u64 at[] = {
				iova, iova + size - 1, iova - 1, iova + size,
				iova + next_random(&state) % size,
			};
			u32 reason = translate(f, at[j % ARRAY_SIZE(at)],
					       1 + random_below(&state, 3));

			KUNIT_ASSERT_NE_MSG(test, reason, NYX_FAULT_ORACLE,
					    "round %u, iova %llx", i,
					    at[j % ARRAY_SIZE(at)]);
		}
		KUNIT_ASSERT_EQ(test, stat(f, NYX_STAT_ORACLE_CHECKS), checks + 8);
		KUNIT_ASSERT_EQ_MSG(test, stat(f, NYX_STAT_ORACLE_MISMATCHES), 0,
				    "round %u", i);
	}
}

static struct kunit_case oracle_cases[] = {
	KUNIT_CASE_PARAM(tables_follow, kind_gen_params),
	KUNIT_CASE_PARAM(write_only_pages_agree, kind_gen_params),
	KUNIT_CASE_PARAM(finds_what_is_missing, kind_gen_params),
	KUNIT_CASE_PARAM(finds_what_is_too_much, kind_gen_params),
	KUNIT_CASE_PARAM(finds_the_wrong_place, kind_gen_params),
	KUNIT_CASE_PARAM(finds_the_wrong_permission, kind_gen_params),
	KUNIT_CASE_PARAM(finds_a_page_that_is_too_large, kind_gen_params),
	KUNIT_CASE_PARAM(changes_compare, kind_gen_params),
	KUNIT_CASE_PARAM(table_that_gave_up_is_not_asked, kind_gen_params),
	KUNIT_CASE_PARAM(many_ranges, kind_gen_params),
	KUNIT_CASE_PARAM(random_operations_agree, kind_gen_params),
	{}
};

static struct kunit_suite oracle_suite = {
	.name = "nyx_oracle",
	.suite_exit = oracle_suite_exit,
	.init = oracle_init,
	.exit = oracle_exit,
	.test_cases = oracle_cases,
};

kunit_test_suite(oracle_suite);
