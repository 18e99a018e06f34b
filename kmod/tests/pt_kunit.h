/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: what the suites of the page tables share.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The suites know the layer by pt.h alone. They derive anew from the
 * specifications what an entry looks like, how large a page may be and how wide
 * a table is, so that a slip of the format headers is found.
 */
#ifndef NYX_TESTS_PT_KUNIT_H
#define NYX_TESTS_PT_KUNIT_H

#include <kunit/test.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "pt/pt.h"

/**
 * struct pt_shape - a kind of table to test
 * @name: for the report
 * @format: of enum pt_format
 * @levels: depth
 * @va_lg2: log2 of what can be mapped
 */
struct pt_shape {
	const char *name;
	u8 format;
	u8 levels;
	u8 va_lg2;
};

static const struct pt_shape pt_shapes[] = {
	{ "vtdss-3", PT_VTDSS, 3, 39 },
	{ "vtdss-4", PT_VTDSS, 4, 48 },
	{ "vtdss-5", PT_VTDSS, 5, 57 },
	{ "x86-4", PT_X86, 4, 47 },
	{ "x86-5", PT_X86, 5, 56 },
	{ "amdv1-1", PT_AMDV1, 1, 21 },
	{ "amdv1-2", PT_AMDV1, 2, 30 },
	{ "amdv1-3", PT_AMDV1, 3, 39 },
	{ "amdv1-4", PT_AMDV1, 4, 48 },
	{ "amdv1-5", PT_AMDV1, 5, 57 },
	{ "amdv1-6", PT_AMDV1, 6, 64 },
};

static inline void pt_shape_desc(const struct pt_shape *shape, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s", shape->name);
}

KUNIT_ARRAY_PARAM(pt_shape, pt_shapes, pt_shape_desc);

/**
 * struct pt_fixture - a table under test, kunit.priv
 * @test: the case
 * @shape: its kind
 * @pt: the table
 * @free: tables that have been taken out, freed in the end
 */
struct pt_fixture {
	struct kunit *test;
	const struct pt_shape *shape;
	struct pt pt;
	struct pt_chain free;
};

static inline u64 lg2_last(unsigned int lg2)
{
	return ~0ull >> (64 - lg2);
}

/* Page sizes, derived again: every power of two for AMD v1, else three. */
static inline bool shape_has_size(const struct pt_shape *shape, unsigned int lg2)
{
	if (lg2 < 12 || lg2 > 52 || lg2 >= 12 + 9 * shape->levels)
		return false;
	return shape->format == PT_AMDV1 || lg2 == 12 || lg2 == 21 || lg2 == 30;
}

static inline void fixture_reset(struct pt_fixture *f, u64 page_sizes)
{
	struct pt_config cfg = {
		.format = f->shape->format,
		.levels = f->shape->levels,
		.page_sizes = page_sizes,
	};

	pt_fini(&f->pt);
	pt_chain_free(&f->free);
	KUNIT_ASSERT_EQ(f->test, pt_init(&f->pt, &cfg), 0);
}

/* The init and exit functions of a suite whose cases take a shape. */
static inline int pt_fixture_init(struct kunit *test)
{
	struct pt_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	f->test = test;
	f->shape = test->param_value ?: &pt_shapes[1];
	test->priv = f;
	fixture_reset(f, 0);
	return 0;
}

static inline void pt_fixture_exit(struct kunit *test)
{
	struct pt_fixture *f = test->priv;

	if (!f)
		return;
	pt_fini(&f->pt);
	pt_chain_free(&f->free);
}

/* Tables that are being freed still need this module's code. */
static inline void pt_suite_exit(struct kunit_suite *suite)
{
	rcu_barrier();
}

static inline int fixture_map(struct pt_fixture *f, u64 va, u64 last, u64 oa,
			      unsigned int perm)
{
	return pt_map(&f->pt, va, last, oa, perm, &f->free);
}

/* Unmap, which must not fail, and return the bytes. */
static inline u64 fixture_unmap(struct pt_fixture *f, u64 va, u64 last)
{
	u64 bytes = ~0ull;

	KUNIT_EXPECT_EQ(f->test, pt_unmap(&f->pt, va, last, &f->free, &bytes), 0);
	return bytes;
}

/* The result of a reader for @va; @lg2 is its page, 0 if it does not matter. */
static inline bool fixture_maps(struct pt_fixture *f, u64 va, u64 oa,
				unsigned int perm, unsigned int lg2)
{
	struct pt_result res;

	rcu_read_lock();
	pt_walk(&f->pt, va, perm, &res);
	rcu_read_unlock();
	if (res.status == PT_OK && res.oa == oa && res.perm == perm &&
	    (!lg2 || res.lg2 == lg2))
		return true;
	kunit_info(f->test,
		   "va %llx: status %u oa %llx perm %u lg2 %u, not oa %llx perm %u lg2 %u\n",
		   va, res.status, res.oa, res.perm, res.lg2, oa, perm, lg2);
	return false;
}

static inline bool fixture_lacks(struct pt_fixture *f, u64 va)
{
	struct pt_result res;

	rcu_read_lock();
	pt_walk(&f->pt, va, 0, &res);
	rcu_read_unlock();
	if (res.status == (res.level ? PT_TABLE_NOT_PRESENT : PT_NOT_PRESENT))
		return true;
	kunit_info(f->test, "va %llx: status %u oa %llx lg2 %u, not empty\n",
		   va, res.status, res.oa, res.lg2);
	return false;
}

/**
 * struct pt_census - what a visit of all entries finds
 * @tables: entries that refer to tables
 * @bytes: what the leaves map
 * @hash: of all entries with their places
 * @bad: something is wrong
 * @below: the entry before this one refers to a table of this level, plus 1
 * @f: the table
 * @prev: the leaf before this one
 * @row: bytes that the table of a level maps contiguously from its first entry
 * @oa: where to
 * @perm: and how
 */
struct pt_census {
	u64 tables;
	u64 bytes;
	u64 hash;
	const char *bad;
	unsigned int below;
	struct pt_fixture *f;
	struct pt_entry prev;
	u64 row[6];
	u64 oa[6];
	u8 perm[6];
};

/* A table that could be a page of the level above should be one. */
static inline bool pt_census_could_be_page(struct pt_census *c,
					   const struct pt_entry *e)
{
	unsigned int l = e->level, above = 21 + 9 * l;
	u64 span = 1ull << (12 + 9 * l);
	u64 at = e->va & (512 * span - 1);
	u64 oa = e->next + (e->va & lg2_last(e->lg2));

	/* The table of the highest level has nothing above. */
	if (l + 1 >= c->f->shape->levels)
		return false;
	if (!at) {
		c->row[l] = 0;
		c->oa[l] = oa;
		c->perm[l] = e->perm;
	}
	if (at != c->row[l] || oa != c->oa[l] + at || e->perm != c->perm[l])
		return false;
	c->row[l] += span;
	return c->row[l] == 512 * span && !(c->oa[l] & (512 * span - 1)) &&
	       (c->f->pt.page_sizes >> above & 1);
}

static inline bool pt_census_entry(void *ctx, const struct pt_entry *e)
{
	struct pt_census *c = ctx;
	u64 span = 1ull << (12 + 9 * e->level);

	c->hash = (c->hash ^ e->va ^ e->raw * 3 ^ e->level) * 0x9e3779b97f4a7c15ull;
	c->hash ^= c->hash >> 29;
	if (c->below && e->level + 1 != c->below)
		c->bad = "empty table";
	c->below = 0;
	if (e->va & (span - 1) || e->va > c->f->pt.va_last)
		c->bad = "place";
	if (!e->leaf) {
		if (!e->level)
			c->bad = "table below level 0";
		c->tables++;
		c->below = e->level;
		if (e->level)
			c->row[e->level - 1] = ~0ull;
		return true;
	}
	c->bytes += span;
	if (!e->perm)
		c->bad = "no permission";
	if (!shape_has_size(c->f->shape, e->lg2) ||
	    !(c->f->pt.page_sizes >> e->lg2 & 1) ||
	    e->lg2 < 12 + 9 * e->level || e->lg2 >= 21 + 9 * e->level)
		c->bad = "size";
	if (e->next & lg2_last(e->lg2) || e->next > lg2_last(52))
		c->bad = "output address";
	/* The entries of a contiguous page, all of them and all alike. */
	if (e->va & lg2_last(e->lg2) &&
	    (c->prev.raw != e->raw || c->prev.va + span != e->va))
		c->bad = "contiguous page";
	c->prev = *e;
	if (pt_census_could_be_page(c, e))
		c->bad = "not coalesced";
	return true;
}

/* Check what pt.h and pt_defs.h promise of a table at rest. Returns its hash. */
static inline u64 fixture_check(struct pt_fixture *f)
{
	struct pt_census c = { .f = f };

	pt_dump(&f->pt, pt_census_entry, &c);
	if (c.below)
		c.bad = "empty table";
	KUNIT_EXPECT_TRUE_MSG(f->test, !c.bad, "%s", c.bad ?: "");
	KUNIT_EXPECT_EQ(f->test, f->pt.mapped, c.bytes);
	KUNIT_EXPECT_EQ(f->test, f->pt.tables, c.tables + !!f->pt.root);
	return c.hash;
}

/* The largest page that a mapping may begin with, by trial. */
static inline unsigned int ref_best_lg2(const struct pt *pt, u64 va, u64 last,
					u64 oa)
{
	unsigned int lg2;

	for (lg2 = 63; lg2 > 12; lg2--) {
		u64 rest = (1ull << lg2) - 1;

		if ((pt->page_sizes >> lg2 & 1) && !(va & rest) &&
		    !(oa & rest) && last - va >= rest)
			break;
	}
	return lg2;
}

/* Random numbers that a seed repeats (xorshift64*). */
static inline u64 next_random(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

/* 0 to n - 1, for small n. */
static inline u32 random_below(u64 *state, u32 n)
{
	return (next_random(state) >> 32) * n >> 32;
}

#endif /* NYX_TESTS_PT_KUNIT_H */
