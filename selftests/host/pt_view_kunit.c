// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_pt_view: a reader of a window walks a table of the guest.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Tables that are made at random, with some bits wrong, are walked by the reader of libnyx and
 * by the kernel's walker. The reader finds what the kernel finds, but for what it has to leave
 * to the kernel, and never anything else.
 */
#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/module.h>

#include <nyx/view_reader.h>

#include "pt/pt.h"

#define PAGES		16u
#define BASE		0x40000000ull
#define DEV		5u
#define DOM		2u
#define HANDLE		(3ull << NYX_WINDOW_DEV_SERIAL_SHIFT | DEV)
#define MSI_FIRST	((u64)NYX_WINDOW_MSI_FIRST)
#define MSI_LAST	((u64)NYX_WINDOW_MSI_LAST)

static unsigned int pt_view_tables = 4000;
module_param(pt_view_tables, uint, 0444);
MODULE_PARM_DESC(pt_view_tables, "random tables");

static unsigned long long pt_view_seed = 1;
module_param(pt_view_seed, ullong, 0444);
MODULE_PARM_DESC(pt_view_seed, "of the tables");

/**
 * struct world - a guest's memory with a table, and the window of a unit
 * @mem: pages of tables
 * @reads: how often the reader has read an entry
 * @devs: words of devices
 * @doms: of domains
 * @entries: a cache of two sets, mostly empty
 * @reader: the reader
 * @cfg: shape of the table
 * @state: of random numbers
 */
struct world {
	u64 mem[PAGES][512];
	unsigned int reads;
	struct nyx_window_dev devs[DEV + 1];
	struct nyx_window_dom doms[DOM + 1];
	struct nyx_window_entry entries[2 * NYX_WINDOW_WAYS];
	struct nyx_view_reader reader;
	struct pt_config cfg;
	u64 state;
};

static u64 next_random(struct world *w)
{
	w->state ^= w->state << 13;
	w->state ^= w->state >> 7;
	w->state ^= w->state << 17;
	return w->state * 0x2545f4914f6cdd1dull;
}

static u64 below(struct world *w, u64 n)
{
	return next_random(w) % n;
}

static const __u64 *entry_at(void *arg, uint64_t gpa)
{
	struct world *w = arg;

	w->reads++;
	return gpa - BASE < sizeof(w->mem) ? &w->mem[(gpa - BASE) / 4096][gpa / 8 % 512] : NULL;
}

static int read_entry(void *ctx, u64 gpa, u64 *val)
{
	const u64 *at = (const u64 *)entry_at(ctx, gpa);

	if (!at)
		return -EFAULT;
	*val = *at;
	return 0;
}

/* ---- tables --------------------------------------------------------------------- */

/* Where a leaf leads: now and then to where interrupts are, or a page beside that. */
static u64 random_oa(struct world *w, unsigned int lg2)
{
	u64 oa = below(w, 8) ? next_random(w) % BIT_ULL(52) :
			       MSI_FIRST - 0x1000 + 0x1000 * below(w, 0x102);

	return oa & (~0ull << lg2);
}

static u64 vtdss_entry(struct world *w, unsigned int level, u64 table)
{
	u64 perm = below(w, 6) ? 3 : below(w, 4);

	if (level && below(w, 4))
		return table | perm;
	return random_oa(w, 12 + 9 * level) | (level ? BIT_ULL(7) : 0) | perm;
}

static u64 amdv1_entry(struct world *w, unsigned int level, u64 table)
{
	u64 perm = 1 | (below(w, 6) ? 3 : below(w, 4)) << 61;
	unsigned int lg2 = 12 + 9 * level;

	if (level && below(w, 4))
		/* One level below, or now and then another. */
		return table | (u64)(below(w, 16) ? level : below(w, 8)) << 9 | perm;
	if (level == 5 || below(w, 2))
		return random_oa(w, lg2) | perm;
	/* The last one is as large as all of the table, which is wrong. */
	lg2 += 1 + below(w, 9);
	if (lg2 > 51)
		return random_oa(w, 51) | perm;
	return random_oa(w, lg2) | (BIT_ULL(lg2 - 1) - 4096) | 7ull << 9 | perm;
}

/* Entries 0 to 3 and those of the addresses of interrupts are in use, in each page. */
static u64 random_va(struct world *w)
{
	u64 va = next_random(w) & 0xfff;
	unsigned int level;

	if (!below(w, 4))
		return MSI_FIRST - 0x2000 + below(w, 0x104000);
	for (level = 0; level < 6; level++)
		va |= below(w, level < 5 ? 4 : 2) << (12 + 9 * level);
	/* Mostly not too wide. */
	return w->cfg.levels < 6 && below(w, 8) ? va & (BIT_ULL(12 + 9 * w->cfg.levels) - 1) : va;
}

/* Each page is of one level, from the top one on, and page n leads to the pages of the next. */
static void make_table(struct world *w)
{
	unsigned int page, level, i, index;
	const u64 slots[] = { 0, 1, 2, 3, MSI_FIRST >> 30 & 511, MSI_FIRST >> 21 & 511,
			      (MSI_FIRST >> 21 & 511) - 1, (MSI_LAST + 1) >> 21 & 511, 510, 511 };
	u64 table, entry;

	memset(w->mem, 0, sizeof(w->mem));
	for (page = 0; page < PAGES; page++) {
		level = page < w->cfg.levels ? w->cfg.levels - 1 - page : below(w, w->cfg.levels);
		for (i = 0; i < ARRAY_SIZE(slots); i++) {
			index = slots[i];
			table = BASE + 4096 * (below(w, 4) ? min(page + 1, PAGES - 1) :
							     below(w, PAGES + 1));
			entry = w->cfg.format == PT_AMDV1 ? amdv1_entry(w, level, table) :
							     vtdss_entry(w, level, table);
			if (!below(w, 8))
				entry ^= BIT_ULL(below(w, 64));
			if (!below(w, 16))
				entry = 0;
			w->mem[page][index] = entry;
		}
	}
}

static void make_world(struct world *w)
{
	struct nyx_window_dom *dom = &w->doms[DOM];
	unsigned int width;
	u64 sizes;

	w->cfg = (struct pt_config) { .format = below(w, 2) ? PT_AMDV1 : PT_VTDSS };
	if (w->cfg.format == PT_AMDV1) {
		w->cfg.levels = 1 + below(w, 6);
	} else {
		w->cfg.levels = 3 + below(w, 3);
		if (!below(w, 4))
			w->cfg.va_lg2 = 30 + below(w, 9 * w->cfg.levels - 17);
		if (below(w, 2))
			w->cfg.page_sizes = 4096 | (below(w, 4) << 21 & (BIT_ULL(21) | BIT_ULL(30)));
	}
	width = w->cfg.va_lg2 ?: min(12 + 9 * w->cfg.levels, 64);
	sizes = pt_format_page_sizes(w->cfg.format, w->cfg.levels);
	*dom = (struct nyx_window_dom) {
		.word = NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_TABLE |
			(below(w, 2) ? NYX_WINDOW_DOM_MSI_WINDOW : 0) |
			77ull << NYX_WINDOW_DOM_TAG_SHIFT,
		.last = width < 64 ? BIT_ULL(width) - 1 : ~0ull,
		.root = BASE,
		.page_sizes = (w->cfg.page_sizes ?: ~0ull) & sizes,
		.format = w->cfg.format,
		.levels = w->cfg.levels,
	};
	w->devs[DEV].word = (HANDLE & ~0xffffffffull) | NYX_WINDOW_DEV_LIVE |
			    (u64)DOM << NYX_WINDOW_DEV_DOMAIN_SHIFT |
			    (below(w, 4) ? 3 : below(w, 4)) << NYX_WINDOW_DEV_PROT_SHIFT;
	make_table(w);
}

/* ---- the comparison --------------------------------------------------------------- */

static bool reaches_msis(u64 addr, u64 page)
{
	return (addr & ~page) <= MSI_LAST && (addr | page) >= MSI_FIRST;
}

/* May the reader leave what the kernel has found to the kernel? */
static bool left_out(const struct world *w, u64 va, const struct pt_result *res,
		     const struct pt_trace *trace)
{
	u64 page = BIT_ULL(res->lg2) - 1;
	unsigned int i;

	for (i = 0; i < trace->nr; i++) {
		if (trace->step[i].kind == PT_STEP_SKIPPED)
			return true;
	}
	return (w->doms[DOM].word & NYX_WINDOW_DOM_MSI_WINDOW) &&
	       (reaches_msis(va, page) || reaches_msis(res->oa, page));
}

/* Returns log2 of the page that both have found, or 0. */
static unsigned int compare(struct kunit *test, struct world *w, u64 va, u64 length, u32 access)
{
	const struct pt_guest_mem mem = { .read64 = read_entry, .ctx = w };
	const u32 device = w->devs[DEV].word >> NYX_WINDOW_DEV_PROT_SHIFT & 3;
	enum nyx_reader_answer answer;
	struct nyx_view_hit hit;
	struct pt_trace trace;
	struct pt_result res;
	bool found = false;
	u64 page;

	pt_walk_trace(&w->cfg, BASE, &mem, va, access, &res, &trace);
	answer = nyx_reader_lookup(&w->reader, HANDLE, va, length, access, &hit);
	w->reads = 0;
	if (answer == NYX_READER_TABLE)
		found = nyx_reader_walk(&w->reader, va, access, entry_at, w, &hit);
	else
		KUNIT_EXPECT_TRUE(test, answer == NYX_READER_KERNEL &&
				  ((access & ~device) || reaches_msis(va, 0)));
	KUNIT_EXPECT_LE(test, w->reads, (unsigned int)w->cfg.levels);
	if (!found) {
		KUNIT_ASSERT_TRUE(test, answer != NYX_READER_TABLE || res.status != PT_OK ||
				  left_out(w, va, &res, &trace));
		return 0;
	}
	page = BIT_ULL(res.lg2) - 1;
	KUNIT_ASSERT_EQ(test, res.status, PT_OK);
	KUNIT_ASSERT_FALSE(test, left_out(w, va, &res, &trace));
	KUNIT_ASSERT_EQ(test, hit.gpa, res.oa);
	KUNIT_ASSERT_EQ(test, hit.prot, res.perm & device);
	KUNIT_ASSERT_EQ(test, hit.domain, DOM);
	KUNIT_ASSERT_EQ(test, hit.first, (va & ~page) >> 12);
	KUNIT_ASSERT_EQ(test, hit.last, (va | page) >> 12);
	if ((w->doms[DOM].word & NYX_WINDOW_DOM_MSI_WINDOW) && va < MSI_FIRST)
		length = min(length, MSI_FIRST - va);
	KUNIT_ASSERT_EQ(test, hit.length, min(length - 1, page - (va & page)) + 1);
	return res.lg2;
}

static struct world *world_new(struct kunit *test)
{
	struct world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	if (!w)
		return NULL;
	w->state = pt_view_seed * 0x9e3779b97f4a7c15ull | 1;
	w->reader = (struct nyx_view_reader) {
		.devs = w->devs, .doms = w->doms, .entries = w->entries, .set_shift = 63,
	};
	return w;
}

static void reader_walks_as_the_kernel(struct kunit *test)
{
	struct world *w = world_new(test);
	unsigned int i, j, lg2, found[2][52] = {}, sizes = 0;

	KUNIT_ASSERT_NOT_NULL(test, w);
	kunit_info(test, "pt_view_seed=%llu\n", pt_view_seed);
	for (i = 0; i < pt_view_tables; i++) {
		make_world(w);
		for (j = 0; j < 64; j++) {
			lg2 = compare(test, w, random_va(w), below(w, 4) ? 64 : next_random(w) | 1,
				      1 + below(w, 3));
			found[w->cfg.format == PT_AMDV1][lg2] += lg2 != 0;
		}
	}
	/* Pages of all sizes were among them. */
	KUNIT_EXPECT_GT(test, found[0][12], pt_view_tables);
	KUNIT_EXPECT_GT(test, found[0][21], pt_view_tables / 8);
	KUNIT_EXPECT_GT(test, found[0][30], pt_view_tables / 8);
	for (lg2 = 12; lg2 < 48; lg2++)
		sizes += found[1][lg2] > 0;
	KUNIT_EXPECT_EQ(test, sizes, 36);
}

/* The table may grant by now what an entry of the cache denies. */
static void table_counts_where_the_cache_denies(struct kunit *test)
{
	struct world *w = world_new(test);
	struct nyx_view_hit hit;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, w);
	w->devs[DEV].word = HANDLE >> 32 << 32 | NYX_WINDOW_DEV_LIVE |
			    (u64)DOM << NYX_WINDOW_DEV_DOMAIN_SHIFT |
			    3 << NYX_WINDOW_DEV_PROT_SHIFT;
	w->doms[DOM] = (struct nyx_window_dom) {
		.word = NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_TABLE | NYX_WINDOW_DOM_4K |
			77ull << NYX_WINDOW_DOM_TAG_SHIFT,
		.last = BIT_ULL(21) - 1, .root = BASE, .page_sizes = 4096,
		.format = NYX_FORMAT_AMDV1, .levels = 1,
	};
	w->mem[0][5] = 0x9000 | 1 | 3ull << 61;
	for (i = 0; i < ARRAY_SIZE(w->entries); i += NYX_WINDOW_WAYS)
		w->entries[i] = (struct nyx_window_entry) {
			.key = 5 << 2 | 1, .tag = 77,
			.val = 0x9000 | NYX_PROT_READ << NYX_WINDOW_VAL_PROT_SHIFT | 12,
		};
	KUNIT_EXPECT_EQ(test, nyx_reader_lookup(&w->reader, HANDLE, 0x5000, 8, NYX_PROT_READ, &hit),
			NYX_READER_HIT);
	KUNIT_EXPECT_EQ(test, hit.prot, NYX_PROT_READ);
	KUNIT_ASSERT_EQ(test, nyx_reader_lookup(&w->reader, HANDLE, 0x5000, 8, NYX_PROT_WRITE,
						&hit), NYX_READER_TABLE);
	KUNIT_ASSERT_TRUE(test, nyx_reader_walk(&w->reader, 0x5000, NYX_PROT_WRITE, entry_at, w,
						&hit));
	KUNIT_EXPECT_EQ(test, hit.gpa, 0x9000);
	KUNIT_EXPECT_EQ(test, hit.prot, NYX_PROT_READ | NYX_PROT_WRITE);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(reader_walks_as_the_kernel),
	KUNIT_CASE(table_counts_where_the_cache_denies),
	{}
};

static struct kunit_suite suite = {
	.name = "nyx_pt_view",
	.test_cases = cases,
};

kunit_test_suite(suite);
