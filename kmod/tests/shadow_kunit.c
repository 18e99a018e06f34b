// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_shadow: changes of a shadow, applied one by one, make a copy of the
 * translation.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The translation is an array of pages at the bottom, somewhere, or at the top of all
 * addresses. It gives up, fails, or changes at a look-up that a case chooses. A reader applies the
 * changes to pages of its own, and refuses what the rules of change streams forbid.
 * Module parameter shadow_seed repeats a random run (0: take the clock; it is printed).
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/nyx_iommu.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "base/types.h"
#include "core/changes/shadow.h"

#define NR_PAGES	320u
#define ROOM		64u
#define TARGET		7u
#define MAX_MAPS	1000u
#define ENDLESS		U32_MAX
#define NR_RUNS		30u
#define NR_ROUNDS	24u
#define TOUCHED_MAX	64u

static unsigned long shadow_seed;
module_param(shadow_seed, ulong, 0444);
MODULE_PARM_DESC(shadow_seed, "seed of the random cases; 0: the clock");

/**
 * struct page_state - how a page translates
 * @gpa: page number of its GPA
 * @memory: number of the memory
 * @prot: NYX_ACC_*; 0: it does not
 */
struct page_state {
	u32 gpa;
	u8 memory;
	u8 prot;
};

/**
 * struct got - a page as a reader has it
 * @is: how it translates
 * @first: first page of the map that it is part of
 * @last: last page of that
 */
struct got {
	struct page_state is;
	u32 first;
	u32 last;
};

struct span {
	u32 first;
	u32 last;
};

/**
 * struct fixture - a translation, its shadow, and a reader, kunit.priv
 * @base: IOVA of the first page
 * @page: the translation
 * @given: memory of what shadow_next_fn has answered last for each page
 * @budget: pages that look-ups may still look at
 * @cut: a run has at most so many pages
 * @lookups: how many there were
 * @fail_at: the look-up that fails; 0: none
 * @error: how
 * @next_iova: the look-up after one that gave up begins there
 * @gave_up: a look-up of the second step gave up; @next_iova is valid
 * @shadow: the shadow
 * @sync: a sync
 * @out: changes
 * @change: room for them
 * @got: pages of the reader
 * @nr_maps: maps that the reader has
 * @nr_changes: changes that it was given
 * @bad: first rule that was broken, or NULL
 * @random: state of random numbers; 0: nothing is random
 * @changes_left: changes of the translation that may come during a sync
 * @strict: nothing changes during a sync: a map that is unmapped is another one
 * @touched: pages that have changed since they were last in a sync
 * @nr_touched: how many
 */
struct fixture {
	u64 base;
	struct page_state page[NR_PAGES];
	u8 given[NR_PAGES];
	u32 budget;
	u32 cut;
	u32 lookups;
	u32 fail_at;
	int error;
	u64 next_iova;
	bool gave_up;
	struct shadow shadow;
	struct shadow_sync sync;
	struct shadow_out out;
	struct nyx_change change[ROOM];
	struct got got[NR_PAGES];
	u32 nr_maps;
	u32 nr_changes;
	const char *bad;
	u64 random;
	u32 changes_left;
	bool strict;
	struct span touched[TOUCHED_MAX];
	u32 nr_touched;
};

static u64 draw(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

static u32 below(struct fixture *f, u32 n)
{
	return (draw(&f->random) >> 32) * n >> 32;
}

static void broken(struct fixture *f, bool ok, const char *rule)
{
	if (!ok && !f->bad)
		f->bad = rule;
}

static int shadow_suite_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	test->priv = f;
	f->base = 0x123456000ull;
	f->budget = ENDLESS;
	f->cut = NR_PAGES;
	f->strict = true;
	shadow_init(&f->shadow, MAX_MAPS);
	return 0;
}

static void shadow_suite_exit(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (f)
		shadow_clear(&f->shadow);
}

/* ---- the translation ------------------------------------------------------ */

static u64 iova_of(const struct fixture *f, u32 page)
{
	return f->base + ((u64)page << NYX_PAGE_LG2);
}

static u64 last_of(const struct fixture *f, u32 page)
{
	return iova_of(f, page) + NYX_PAGE_MASK;
}

/* Number of the page that has an address, NR_PAGES behind all, and 0 before. */
static u32 page_of(const struct fixture *f, u64 iova)
{
	if (iova < f->base)
		return 0;
	return min_t(u64, (iova - f->base) >> NYX_PAGE_LG2, NR_PAGES);
}

static bool same_page(const struct page_state *a, const struct page_state *b)
{
	return a->prot == b->prot &&
	       (!a->prot || (a->gpa == b->gpa && a->memory == b->memory));
}

/* Does the page after this one go on with it? */
static bool goes_on(const struct page_state *page)
{
	return page[0].prot == page[1].prot && page[0].memory == page[1].memory &&
	       page[0].gpa + 1 == page[1].gpa;
}

static void touch(struct fixture *f, u32 first, u32 last)
{
	struct span *s;

	/* The last one takes over what there is no room for. */
	if (f->nr_touched == TOUCHED_MAX) {
		s = &f->touched[TOUCHED_MAX - 1];
		s->first = min(s->first, first);
		s->last = max(s->last, last);
		return;
	}
	f->touched[f->nr_touched++] = (struct span){ first, last };
}

/* Map pages, to GPAs in a row. */
static void map(struct fixture *f, u32 first, u32 last, u32 gpa, u8 memory, u8 prot)
{
	u32 i;

	for (i = first; i <= last; i++)
		f->page[i] = (struct page_state){ gpa + (i - first), memory, prot };
	touch(f, first, last);
}

static void unmap(struct fixture *f, u32 first, u32 last)
{
	memset(&f->page[first], 0, (last - first + 1) * sizeof(f->page[0]));
	touch(f, first, last);
}

static void change_at_random(struct fixture *f)
{
	u32 first = below(f, NR_PAGES), last, i, step, kind = below(f, 8);

	last = min(NR_PAGES - 1, first + below(f, below(f, 4) ? 6 : 60));
	step = below(f, 3) ? 1 : 2;
	touch(f, first, last);
	for (i = first; i <= last; i += step) {
		switch (kind) {
		case 0:
		case 1:
			f->page[i].prot = 0;
			break;
		case 2:
			if (f->page[i].prot)
				f->page[i].prot ^= NYX_ACC_RW ^ NYX_ACC_READ;
			if (!f->page[i].prot)
				f->page[i].prot = NYX_ACC_READ;
			break;
		case 3:
			f->page[i].memory ^= 1;
			break;
		default:
			/* Few differences to the IOVA, so that neighbours go on. */
			f->page[i] = (struct page_state) {
				.gpa = i + 1000 * (kind - 3),
				.memory = kind == 7,
				.prot = NYX_ACC_RW,
			};
		}
	}
}

/* A look-up gives up at @iova. */
static int give_up(struct fixture *f, u64 iova, struct shadow_run *run)
{
	run->iova = iova;
	f->next_iova = iova;
	/* The step before it then takes a map for gone, and goes on with another. */
	f->gave_up = f->sync.step == SHADOW_FILL;
	return -EAGAIN;
}

/* The answer for a run that begins with page @i, or behind its beginning. */
static int answer(struct fixture *f, u32 i, u64 iova, u64 last, struct shadow_run *run)
{
	const struct page_state *page = &f->page[i];
	u32 end = i;

	while (end + 1 < NR_PAGES && iova_of(f, end + 1) <= last && goes_on(&f->page[end]) &&
	       end - i + 1 < f->cut && f->budget) {
		end++;
		f->budget--;
	}
	memset(&f->given[i], page->memory, end - i + 1);
	run->iova = max(iova, iova_of(f, i));
	run->last = min(last, last_of(f, end));
	run->gpa = ((u64)page->gpa << NYX_PAGE_LG2) + (run->iova - iova_of(f, i));
	run->memory = &f->page[page->memory];
	run->prot = page->prot;
	run->lg2 = NYX_PAGE_LG2;
	return 1;
}

static int next(void *ctx, u64 iova, u64 last, struct shadow_run *run)
{
	struct fixture *f = ctx;
	u32 i;

	f->lookups++;
	broken(f, iova <= last, "a look-up of nothing");
	broken(f, !f->gave_up || iova == f->next_iova,
	       "a look-up that gave up went on elsewhere");
	f->gave_up = false;
	memset(run, 0xee, sizeof(*run));
	if (f->lookups == f->fail_at) {
		if (f->error == -EAGAIN)
			return give_up(f, iova, run);
		return f->error;
	}
	if (f->changes_left && !below(f, 4)) {
		f->changes_left--;
		change_at_random(f);
	}
	for (i = page_of(f, iova); i < NR_PAGES && iova_of(f, i) <= last; i++) {
		if (!f->budget)
			return give_up(f, max(iova, iova_of(f, i)), run);
		f->budget--;
		if (f->page[i].prot)
			return answer(f, i, iova, last, run);
	}
	return 0;
}

/* ---- the reader ------------------------------------------------------------ */

static void read_map(struct fixture *f, const struct nyx_change *c)
{
	u32 first = page_of(f, c->iova), last = page_of(f, c->last), i;

	broken(f, last < NR_PAGES && first <= last, "a map of what cannot be mapped");
	broken(f, c->iova == iova_of(f, first) && c->last == last_of(f, last),
	       "a map of parts of pages");
	broken(f, c->prot && !(c->gpa & NYX_PAGE_MASK), "a map of nothing");
	for (i = first; i <= last && !f->bad; i++) {
		broken(f, !f->got[i].is.prot, "a map of what is mapped");
		f->got[i] = (struct got) {
			.is = {
				.gpa = (c->gpa >> NYX_PAGE_LG2) + (i - first),
				.memory = f->given[i],
				.prot = c->prot,
			},
			.first = first,
			.last = last,
		};
	}
	f->nr_maps++;
}

/* Has any page of a map another translation now? */
static bool has_changed(const struct fixture *f, u32 first, u32 last)
{
	u32 i;

	for (i = first; i <= last; i++) {
		if (!same_page(&f->got[i].is, &f->page[i]))
			return true;
	}
	return false;
}

static void read_unmap(struct fixture *f, const struct nyx_change *c)
{
	u32 first = page_of(f, c->iova), last = page_of(f, c->last), i;

	broken(f, first < NR_PAGES && last < NR_PAGES && first <= last,
	       "an unmap of what cannot be mapped");
	if (f->bad)
		return;
	broken(f, f->got[first].is.prot && iova_of(f, f->got[first].first) == c->iova,
	       "an unmap begins where no map does");
	broken(f, f->got[last].is.prot && last_of(f, f->got[last].last) == c->last,
	       "an unmap ends where no map does");
	broken(f, !c->prot && !c->gpa, "an unmap with more than a range");
	for (i = first; i <= last; i++) {
		if (!f->got[i].is.prot || f->got[i].first != i)
			continue;
		broken(f, !f->strict || has_changed(f, i, f->got[i].last),
		       "a map that is as it was is unmapped");
		f->nr_maps--;
	}
	memset(&f->got[first], 0, (last - first + 1) * sizeof(f->got[0]));
}

/* Apply the changes of a call, and check that the shadow has what the reader has. */
static void read_changes(struct fixture *f)
{
	const struct nyx_change *c;
	u64 bytes = 0, first, last;
	u32 i;

	for (i = 0; i < f->out.nr && !f->bad; i++) {
		c = &f->change[i];
		broken(f, c->target == TARGET && !c->state, "a change with another target");
		broken(f, c->kind == NYX_CHANGE_MAP || c->kind == NYX_CHANGE_UNMAP,
		       "a change of another kind");
		if (c->kind == NYX_CHANGE_MAP)
			read_map(f, c);
		else
			read_unmap(f, c);
	}
	f->nr_changes += f->out.nr;
	for (i = 0; i < NR_PAGES; i++)
		bytes += f->got[i].is.prot ? NYX_PAGE_SIZE : 0;
	broken(f, f->shadow.nr == f->nr_maps && f->shadow.bytes == bytes,
	       "the shadow counts other maps than were reported");
	broken(f, shadow_span(&f->shadow, &first, &last) == !!f->nr_maps,
	       "the shadow has no range, or one too many");
	if (f->bad || !f->nr_maps)
		return;
	broken(f, f->got[page_of(f, first)].is.prot && f->got[page_of(f, last)].is.prot,
	       "the range of the shadow is too large");
	for (i = 0; i < NR_PAGES; i++)
		broken(f, !f->got[i].is.prot || (iova_of(f, i) >= first && last_of(f, i) <= last),
		       "the range of the shadow is too small");
}

/* Has the reader what the translation says? */
static bool is_copy(const struct fixture *f)
{
	u32 i;

	for (i = 0; i < NR_PAGES; i++) {
		if (!same_page(&f->got[i].is, &f->page[i]))
			return false;
	}
	return true;
}

/* Go on with the sync, with room for @room changes. */
static int go_on(struct fixture *f, u32 room)
{
	int ret;

	f->out = (struct shadow_out){ .change = f->change, .room = room, .target = TARGET };
	memset(f->change, 0xee, sizeof(f->change));
	ret = shadow_update(&f->shadow, &f->sync, next, f, &f->out);
	broken(f, f->out.nr <= room, "more changes than there is room for");
	read_changes(f);
	return ret;
}

static void start(struct fixture *f, u32 first, u32 last)
{
	shadow_begin(&f->sync, iova_of(f, first), last_of(f, last));
	f->gave_up = false;
}

/* A sync of pages @_first to @_last, which needs one call. */
#define SYNC(_test, _f, _first, _last) do {				\
	start(_f, _first, _last);					\
	KUNIT_EXPECT_EQ(_test, go_on(_f, ROOM), 0);			\
	KUNIT_EXPECT_EQ(_test, (_f)->sync.step, SHADOW_IDLE);		\
	EXPECT_GOOD(_test, _f);						\
} while (0)

#define EXPECT_GOOD(_test, _f) \
	KUNIT_EXPECT_TRUE_MSG(_test, !(_f)->bad, "%s", (_f)->bad ?: "")

static bool is_unmap(const struct fixture *f, u32 i, u32 first, u32 last)
{
	const struct nyx_change *c = &f->change[i];

	return i < f->out.nr && c->kind == NYX_CHANGE_UNMAP && c->iova == iova_of(f, first) &&
	       c->last == last_of(f, last);
}

static bool is_map(const struct fixture *f, u32 i, u32 first, u32 last, u32 gpa, u8 prot)
{
	const struct nyx_change *c = &f->change[i];

	return i < f->out.nr && c->kind == NYX_CHANGE_MAP && c->iova == iova_of(f, first) &&
	       c->last == last_of(f, last) && c->gpa == (u64)gpa << NYX_PAGE_LG2 &&
	       c->prot == prot;
}

/* ---- exact changes ---------------------------------------------------------- */

static void runs_are_maps(struct kunit *test)
{
	struct fixture *f = test->priv;

	map(f, 10, 19, 100, 0, NYX_ACC_RW);
	map(f, 20, 29, 110, 0, NYX_ACC_RW);
	map(f, 30, 30, 120, 1, NYX_ACC_RW);
	map(f, 31, 32, 121, 1, NYX_ACC_READ);
	map(f, 34, 34, 124, 1, NYX_ACC_READ);
	SYNC(test, f, 0, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, f->out.nr, 4u);
	KUNIT_EXPECT_TRUE(test, is_map(f, 0, 10, 29, 100, NYX_ACC_RW));
	KUNIT_EXPECT_TRUE(test, is_map(f, 1, 30, 30, 120, NYX_ACC_RW));
	KUNIT_EXPECT_TRUE(test, is_map(f, 2, 31, 32, 121, NYX_ACC_READ));
	KUNIT_EXPECT_TRUE(test, is_map(f, 3, 34, 34, 124, NYX_ACC_READ));
	KUNIT_EXPECT_TRUE(test, is_copy(f));
	/* An idle sync does nothing. */
	unmap(f, 0, NR_PAGES - 1);
	f->lookups = 0;
	KUNIT_EXPECT_EQ(test, go_on(f, ROOM), 0);
	KUNIT_EXPECT_EQ(test, f->out.nr, 0u);
	KUNIT_EXPECT_EQ(test, f->lookups, 0u);
}

static void same_map_is_no_change(struct kunit *test)
{
	struct fixture *f = test->priv;

	map(f, 10, 19, 100, 0, NYX_ACC_RW);
	map(f, 21, 25, 0, 1, NYX_ACC_READ);
	SYNC(test, f, 0, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, f->out.nr, 2u);
	unmap(f, 0, NR_PAGES - 1);
	map(f, 10, 19, 100, 0, NYX_ACC_RW);
	map(f, 21, 25, 0, 1, NYX_ACC_READ);
	SYNC(test, f, 0, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, f->out.nr, 0u);
	/* Nor when it is found in pieces. */
	for (f->cut = 1; f->cut < 12; f->cut++) {
		SYNC(test, f, 0, NR_PAGES - 1);
		KUNIT_EXPECT_EQ(test, f->out.nr, 0u);
		SYNC(test, f, 12, 23);
		KUNIT_EXPECT_EQ(test, f->out.nr, 0u);
	}
	/* A map that was reported in pieces, and is found as one. */
	f->cut = 3;
	map(f, 50, 59, 0, 0, NYX_ACC_RW);
	SYNC(test, f, 50, 59);
	KUNIT_EXPECT_EQ(test, f->out.nr, 4u);
	f->cut = NR_PAGES;
	SYNC(test, f, 50, 59);
	KUNIT_EXPECT_EQ(test, f->out.nr, 0u);
}

/* Unmaps in a row are one change, whatever is between them, unless that is a map. */
static void unmaps_in_a_row_are_one(struct kunit *test)
{
	struct fixture *f = test->priv;
	u32 i;

	for (i = 0; i < 20; i++)
		map(f, 3 * i, 3 * i + i % 2, 1000 * i, 0, NYX_ACC_RW);
	SYNC(test, f, 0, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, f->out.nr, 20u);
	unmap(f, 0, 59);
	SYNC(test, f, 0, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, f->out.nr, 1u);
	KUNIT_EXPECT_TRUE(test, is_unmap(f, 0, 0, 58));

	for (i = 0; i < 20; i++)
		map(f, 3 * i, 3 * i + i % 2, 1000 * i, 0, NYX_ACC_RW);
	SYNC(test, f, 0, NR_PAGES - 1);
	unmap(f, 0, 29);
	unmap(f, 32, 59);
	SYNC(test, f, 0, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, f->out.nr, 2u);
	KUNIT_EXPECT_TRUE(test, is_unmap(f, 0, 0, 28));
	KUNIT_EXPECT_TRUE(test, is_unmap(f, 1, 33, 58));
	KUNIT_EXPECT_EQ(test, f->shadow.nr, 1u);
	/* Other maps there come behind the unmap. */
	map(f, 28, 29, 0, 0, NYX_ACC_RW);
	SYNC(test, f, 0, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, f->out.nr, 1u);
	map(f, 30, 31, 5000, 0, NYX_ACC_RW);
	map(f, 27, 29, 4000, 0, NYX_ACC_RW);
	SYNC(test, f, 0, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, f->out.nr, 3u);
	KUNIT_EXPECT_TRUE(test, is_unmap(f, 0, 28, 30));
	KUNIT_EXPECT_TRUE(test, is_map(f, 1, 27, 29, 4000, NYX_ACC_RW));
	KUNIT_EXPECT_TRUE(test, is_map(f, 2, 30, 31, 5000, NYX_ACC_RW));
}

/* A map that goes in part goes as a whole, and the rest comes again. */
static void part_of_a_map_unmaps_all(struct kunit *test)
{
	static const struct {
		u32 first, last;
		u32 nr;
	} gone[] = {
		{ 10, 10, 2 }, { 10, 12, 2 }, { 14, 15, 3 }, { 19, 19, 2 }, { 5, 10, 2 },
		{ 19, 25, 2 }, { 10, 19, 1 }, { 0, 40, 1 },
	};
	struct fixture *f = test->priv;
	u32 i, n;

	for (i = 0; i < ARRAY_SIZE(gone); i++) {
		map(f, 10, 19, 100, 0, NYX_ACC_RW);
		SYNC(test, f, 0, NR_PAGES - 1);
		unmap(f, gone[i].first, gone[i].last);
		/* Only what has changed is asked for. */
		SYNC(test, f, gone[i].first, gone[i].last);
		KUNIT_EXPECT_EQ(test, f->out.nr, gone[i].nr);
		KUNIT_EXPECT_TRUE(test, is_unmap(f, 0, 10, 19));
		n = 1;
		if (gone[i].first > 10)
			KUNIT_EXPECT_TRUE(test, is_map(f, n++, 10, gone[i].first - 1, 100,
						       NYX_ACC_RW));
		if (gone[i].last < 19)
			KUNIT_EXPECT_TRUE(test, is_map(f, n, gone[i].last + 1, 19,
						       gone[i].last + 91, NYX_ACC_RW));
		KUNIT_EXPECT_TRUE(test, is_copy(f));
		unmap(f, 0, NR_PAGES - 1);
		SYNC(test, f, 0, NR_PAGES - 1);
	}
}

/* Another permission, GPA or memory is another map, also of one page. */
static void all_of_a_map_counts(struct kunit *test)
{
	static const struct page_state other[] = {
		{ .gpa = 105, .memory = 0, .prot = NYX_ACC_READ },
		{ .gpa = 105, .memory = 0, .prot = NYX_ACC_RW | NYX_ACC_EXEC },
		{ .gpa = 205, .memory = 0, .prot = NYX_ACC_RW },
		{ .gpa = 104, .memory = 0, .prot = NYX_ACC_RW },
		{ .gpa = 105, .memory = 1, .prot = NYX_ACC_RW },
	};
	struct fixture *f = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(other); i++) {
		map(f, 10, 19, 100, 0, NYX_ACC_RW);
		SYNC(test, f, 0, NR_PAGES - 1);
		f->page[15] = other[i];
		SYNC(test, f, 15, 15);
		KUNIT_EXPECT_EQ(test, f->out.nr, 4u);
		KUNIT_EXPECT_TRUE(test, is_unmap(f, 0, 10, 19));
		KUNIT_EXPECT_TRUE(test, is_map(f, 1, 10, 14, 100, NYX_ACC_RW));
		KUNIT_EXPECT_TRUE(test, is_map(f, 2, 15, 15, other[i].gpa, other[i].prot));
		KUNIT_EXPECT_TRUE(test, is_map(f, 3, 16, 19, 106, NYX_ACC_RW));
		KUNIT_EXPECT_TRUE(test, is_copy(f));
		/* Again, when the first page that is looked at is right. */
		map(f, 10, 19, 100, 0, NYX_ACC_RW);
		SYNC(test, f, 0, NR_PAGES - 1);
		map(f, 10, 19, 100, 0, NYX_ACC_RW);
		f->page[15] = other[i];
		SYNC(test, f, 12, 30);
		KUNIT_EXPECT_TRUE(test, is_copy(f));
		unmap(f, 0, NR_PAGES - 1);
		SYNC(test, f, 0, NR_PAGES - 1);
	}
}

/* A sync looks at its range, and where it has unmapped more than that, at nothing else. */
static void sync_is_of_its_range(struct kunit *test)
{
	struct fixture *f = test->priv;

	map(f, 10, 19, 100, 0, NYX_ACC_RW);
	SYNC(test, f, 10, 19);
	/* Behind the range. */
	unmap(f, 10, 11);
	unmap(f, 18, 19);
	map(f, 30, 30, 0, 0, NYX_ACC_RW);
	map(f, 5, 5, 0, 0, NYX_ACC_RW);
	SYNC(test, f, 12, 17);
	KUNIT_EXPECT_EQ(test, f->out.nr, 0u);
	/* A map that goes on at both sides of the range. */
	map(f, 8, 21, 500, 0, NYX_ACC_RW);
	SYNC(test, f, 12, 13);
	KUNIT_EXPECT_EQ(test, f->out.nr, 2u);
	KUNIT_EXPECT_TRUE(test, is_unmap(f, 0, 10, 19));
	KUNIT_EXPECT_TRUE(test, is_map(f, 1, 10, 19, 502, NYX_ACC_RW));
	/* The rest, from both sides. */
	SYNC(test, f, 0, 12);
	KUNIT_EXPECT_EQ(test, f->out.nr, 2u);
	KUNIT_EXPECT_TRUE(test, is_map(f, 0, 5, 5, 0, NYX_ACC_RW));
	KUNIT_EXPECT_TRUE(test, is_map(f, 1, 8, 9, 500, NYX_ACC_RW));
	SYNC(test, f, 15, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, f->out.nr, 2u);
	KUNIT_EXPECT_TRUE(test, is_map(f, 0, 20, 21, 512, NYX_ACC_RW));
	KUNIT_EXPECT_TRUE(test, is_map(f, 1, 30, 30, 0, NYX_ACC_RW));
	KUNIT_EXPECT_TRUE(test, is_copy(f));
}

/* A range may begin with the last byte of a map, and end with the first one. */
static void range_may_be_a_byte(struct kunit *test)
{
	struct fixture *f = test->priv;

	map(f, 10, 19, 100, 0, NYX_ACC_RW);
	map(f, 21, 22, 200, 0, NYX_ACC_RW);
	SYNC(test, f, 0, NR_PAGES - 1);
	unmap(f, 19, 19);
	unmap(f, 21, 21);
	shadow_begin(&f->sync, last_of(f, 19), iova_of(f, 21));
	KUNIT_EXPECT_EQ(test, go_on(f, ROOM), 0);
	KUNIT_EXPECT_EQ(test, f->out.nr, 3u);
	KUNIT_EXPECT_TRUE(test, is_unmap(f, 0, 10, 22));
	KUNIT_EXPECT_TRUE(test, is_map(f, 1, 10, 18, 100, NYX_ACC_RW));
	KUNIT_EXPECT_TRUE(test, is_map(f, 2, 22, 22, 201, NYX_ACC_RW));
	KUNIT_EXPECT_TRUE(test, is_copy(f));
	EXPECT_GOOD(test, f);
}

/* Syncs may write to one array, one after the other: their unmaps are not joined. */
static void syncs_may_share_room(struct kunit *test)
{
	static const u32 order[][2] = { { 10, 30 }, { 30, 10 } };
	struct fixture *f = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		map(f, 10, 11, 0, 0, NYX_ACC_RW);
		map(f, 20, 21, 0, 0, NYX_ACC_RW);
		map(f, 30, 31, 0, 0, NYX_ACC_RW);
		SYNC(test, f, 0, NR_PAGES - 1);
		unmap(f, 10, 11);
		unmap(f, 30, 31);
		f->out = (struct shadow_out) {
			.change = f->change, .room = ROOM, .target = TARGET,
		};
		start(f, order[i][0], order[i][0] + 1);
		KUNIT_EXPECT_EQ(test, shadow_update(&f->shadow, &f->sync, next, f, &f->out), 0);
		KUNIT_EXPECT_EQ(test, f->out.nr, 1u);
		start(f, order[i][1], order[i][1] + 1);
		KUNIT_EXPECT_EQ(test, shadow_update(&f->shadow, &f->sync, next, f, &f->out), 0);
		KUNIT_EXPECT_EQ(test, f->out.nr, 2u);
		KUNIT_EXPECT_TRUE(test, is_unmap(f, 0, order[i][0], order[i][0] + 1));
		KUNIT_EXPECT_TRUE(test, is_unmap(f, 1, order[i][1], order[i][1] + 1));
		read_changes(f);
		KUNIT_EXPECT_TRUE(test, is_copy(f));
		EXPECT_GOOD(test, f);
	}
}

/* Maps fill the holes between others. */
static void holes_are_filled(struct kunit *test)
{
	struct fixture *f = test->priv;
	u32 i;

	for (i = 10; i < 20; i += 2)
		map(f, i, i, i, 0, NYX_ACC_RW);
	SYNC(test, f, 0, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, f->out.nr, 5u);
	map(f, 8, 21, 8, 0, NYX_ACC_RW);
	SYNC(test, f, 0, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, f->out.nr, 6u);
	KUNIT_EXPECT_TRUE(test, is_map(f, 0, 8, 9, 8, NYX_ACC_RW));
	KUNIT_EXPECT_TRUE(test, is_map(f, 1, 11, 11, 11, NYX_ACC_RW));
	KUNIT_EXPECT_TRUE(test, is_map(f, 4, 17, 17, 17, NYX_ACC_RW));
	KUNIT_EXPECT_TRUE(test, is_map(f, 5, 19, 21, 19, NYX_ACC_RW));
	KUNIT_EXPECT_TRUE(test, is_copy(f));
	KUNIT_EXPECT_EQ(test, f->shadow.nr, 11u);
	/* Begin and end inside of maps. */
	SYNC(test, f, 8, 21);
	KUNIT_EXPECT_EQ(test, f->out.nr, 0u);
}

/* The first and the last address of all. */
static void ends_of_the_space(struct kunit *test)
{
	static const u64 bases[] = { 0, U64_MAX - ((u64)NR_PAGES << NYX_PAGE_LG2) + 1 };
	struct fixture *f = test->priv;
	u32 i, page, other;

	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		f->base = bases[i];
		page = i ? NR_PAGES - 1 : 0;
		other = i ? NR_PAGES - 3 : 2;
		map(f, page, page, 3, 0, NYX_ACC_RW);
		SYNC(test, f, page, page);
		KUNIT_EXPECT_EQ(test, f->out.nr, 1u);
		KUNIT_EXPECT_TRUE(test, is_map(f, 0, page, page, 3, NYX_ACC_RW));
		SYNC(test, f, page, page);
		KUNIT_EXPECT_EQ(test, f->out.nr, 0u);
		map(f, other, other, 9, 0, NYX_ACC_RW);
		shadow_begin(&f->sync, 0, U64_MAX);
		KUNIT_EXPECT_EQ(test, go_on(f, ROOM), 0);
		KUNIT_EXPECT_EQ(test, f->out.nr, 1u);
		KUNIT_EXPECT_TRUE(test, is_map(f, 0, other, other, 9, NYX_ACC_RW));
		unmap(f, 0, NR_PAGES - 1);
		shadow_begin(&f->sync, 0, U64_MAX);
		KUNIT_EXPECT_EQ(test, go_on(f, ROOM), 0);
		KUNIT_EXPECT_EQ(test, f->sync.step, SHADOW_IDLE);
		KUNIT_EXPECT_EQ(test, f->out.nr, 1u);
		KUNIT_EXPECT_TRUE(test, is_unmap(f, 0, min(page, other), max(page, other)));
		EXPECT_GOOD(test, f);
	}
}

/* A translation of all addresses to themselves, if @ctx is not NULL. */
static int next_all(void *ctx, u64 iova, u64 last, struct shadow_run *run)
{
	*run = (struct shadow_run) {
		.iova = iova, .last = last, .gpa = iova, .memory = ctx, .prot = NYX_ACC_RW,
	};
	return !!ctx;
}

static void one_map_of_all(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_change change[4];
	struct shadow_out out = { .change = change, .room = ARRAY_SIZE(change) };
	u64 first = 1, last = 1;
	u32 i;

	KUNIT_EXPECT_FALSE(test, shadow_span(&f->shadow, &first, &last));
	for (i = 0; i < 3; i++) {
		shadow_begin(&f->sync, i == 1 ? 1 : 0, i == 1 ? U64_MAX - 1 : U64_MAX);
		KUNIT_EXPECT_EQ(test, shadow_update(&f->shadow, &f->sync, next_all, f, &out), 0);
		KUNIT_EXPECT_EQ(test, f->sync.step, SHADOW_IDLE);
		KUNIT_EXPECT_EQ(test, out.nr, 1u);
	}
	KUNIT_EXPECT_EQ(test, change[0].kind, (u32)NYX_CHANGE_MAP);
	KUNIT_EXPECT_EQ(test, change[0].iova, 0ull);
	KUNIT_EXPECT_EQ(test, change[0].last, U64_MAX);
	KUNIT_EXPECT_TRUE(test, shadow_span(&f->shadow, &first, &last));
	KUNIT_EXPECT_EQ(test, first, 0ull);
	KUNIT_EXPECT_EQ(test, last, U64_MAX);
	KUNIT_EXPECT_EQ(test, f->shadow.nr, 1u);
	/* 2^64 of them. */
	KUNIT_EXPECT_EQ(test, f->shadow.bytes, 0ull);
	shadow_begin(&f->sync, 1ull << 63, (1ull << 63) + 1);
	KUNIT_EXPECT_EQ(test, shadow_update(&f->shadow, &f->sync, next_all, NULL, &out), 0);
	KUNIT_EXPECT_EQ(test, out.nr, 2u);
	KUNIT_EXPECT_EQ(test, change[1].kind, (u32)NYX_CHANGE_UNMAP);
	KUNIT_EXPECT_EQ(test, change[1].iova, 0ull);
	KUNIT_EXPECT_EQ(test, change[1].last, U64_MAX);
	KUNIT_EXPECT_EQ(test, f->shadow.nr, 0u);
	KUNIT_EXPECT_FALSE(test, shadow_span(&f->shadow, &first, &last));
}

static void cleared_shadow_has_no_map(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 first, last;
	u32 i;

	for (i = 0; i < NR_PAGES; i += 2)
		map(f, i, i, i, 0, NYX_ACC_RW);
	f->sync.step = SHADOW_IDLE;
	for (i = 0; i < NR_PAGES; i += ROOM)
		SYNC(test, f, i, i + ROOM - 1);
	KUNIT_EXPECT_EQ(test, f->shadow.nr, NR_PAGES / 2);
	shadow_clear(&f->shadow);
	KUNIT_EXPECT_EQ(test, f->shadow.nr, 0u);
	KUNIT_EXPECT_EQ(test, f->shadow.bytes, 0ull);
	KUNIT_EXPECT_EQ(test, f->shadow.max, MAX_MAPS);
	KUNIT_EXPECT_FALSE(test, shadow_span(&f->shadow, &first, &last));
	memset(f->got, 0, sizeof(f->got));
	f->nr_maps = 0;
	unmap(f, 0, NR_PAGES - 1);
	SYNC(test, f, 0, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, f->out.nr, 0u);
}

/* ---- stops ------------------------------------------------------------------ */

/* A translation with which a sync of the pages that are touched has all to do. */
static void prepare(struct kunit *test, struct fixture *f)
{
	shadow_clear(&f->shadow);
	memset(f->got, 0, sizeof(f->got));
	f->nr_maps = 0;
	f->fail_at = 0;
	f->cut = NR_PAGES;
	unmap(f, 0, NR_PAGES - 1);
	map(f, 4, 9, 0, 0, NYX_ACC_RW);
	map(f, 12, 13, 12, 0, NYX_ACC_RW);
	map(f, 15, 15, 15, 0, NYX_ACC_RW);
	map(f, 20, 25, 20, 1, NYX_ACC_READ);
	map(f, 30, 39, 30, 0, NYX_ACC_RW);
	SYNC(test, f, 0, NR_PAGES - 1);
	KUNIT_EXPECT_EQ(test, f->out.nr, 5u);
	/* An unmap, a map that stays, an unmap of three, and maps. */
	unmap(f, 7, 7);
	unmap(f, 14, 24);
	map(f, 33, 36, 0, 0, NYX_ACC_RW);
	map(f, 41, 41, 41, 0, NYX_ACC_RW);
	f->cut = 2;
	f->lookups = 0;
	f->nr_changes = 0;
	start(f, 6, 45);
}

#define PREPARED_MIN	9u

/* The changes make a copy, with any room for them. */
static void sync_stops_without_room(struct kunit *test)
{
	struct fixture *f = test->priv;
	u32 nr, first, calls;

	prepare(test, f);
	KUNIT_EXPECT_EQ(test, go_on(f, ROOM), 0);
	nr = f->out.nr;
	KUNIT_EXPECT_GE(test, nr, PREPARED_MIN);
	KUNIT_EXPECT_TRUE(test, is_copy(f));
	/* Stop once, behind each of them. */
	for (first = 0; first < nr; first++) {
		prepare(test, f);
		KUNIT_EXPECT_EQ(test, go_on(f, first), 0);
		KUNIT_EXPECT_EQ(test, f->out.nr, first);
		KUNIT_EXPECT_NE(test, f->sync.step, SHADOW_IDLE);
		KUNIT_EXPECT_EQ(test, go_on(f, ROOM), 0);
		KUNIT_EXPECT_EQ(test, f->sync.step, SHADOW_IDLE);
		KUNIT_EXPECT_TRUE(test, is_copy(f));
		EXPECT_GOOD(test, f);
	}
	/* One at a time. */
	prepare(test, f);
	for (calls = 0; f->sync.step != SHADOW_IDLE && calls < 100; calls++)
		KUNIT_EXPECT_EQ(test, go_on(f, 1), 0);
	KUNIT_EXPECT_EQ(test, f->sync.step, SHADOW_IDLE);
	/* Unmaps in a row are still one. */
	KUNIT_EXPECT_EQ(test, f->nr_changes, nr);
	KUNIT_EXPECT_TRUE(test, is_copy(f));
	EXPECT_GOOD(test, f);
}

/* Stop once, at each look-up. */
static void stop_at_each_lookup(struct kunit *test, int error)
{
	struct fixture *f = test->priv;
	u32 i, nr;

	prepare(test, f);
	KUNIT_EXPECT_EQ(test, go_on(f, ROOM), 0);
	nr = f->lookups;
	KUNIT_EXPECT_GE(test, nr, PREPARED_MIN);
	for (i = 1; i <= nr; i++) {
		prepare(test, f);
		f->fail_at = i;
		f->error = error;
		KUNIT_EXPECT_EQ(test, go_on(f, ROOM), error);
		KUNIT_EXPECT_NE(test, f->sync.step, SHADOW_IDLE);
		KUNIT_EXPECT_EQ(test, go_on(f, ROOM), 0);
		KUNIT_EXPECT_EQ(test, f->sync.step, SHADOW_IDLE);
		/* One look-up was in vain, and no map is looked at from the beginning again. */
		KUNIT_EXPECT_EQ(test, f->lookups, nr + 1);
		KUNIT_EXPECT_TRUE(test, is_copy(f));
		EXPECT_GOOD(test, f);
	}
}

static void sync_goes_on_later(struct kunit *test)
{
	stop_at_each_lookup(test, -EAGAIN);
}

static void sync_goes_on_after_an_error(struct kunit *test)
{
	stop_at_each_lookup(test, -EINTR);
}

/* With any budget a sync ends, and looks at no page of a hole twice. */
static void budget_is_no_limit(struct kunit *test)
{
	struct fixture *f = test->priv;
	u32 budget, calls;
	int ret;

	for (budget = 1; budget < 50; budget++) {
		f->budget = ENDLESS;
		prepare(test, f);
		for (calls = 0; f->sync.step != SHADOW_IDLE && calls < 200; calls++) {
			f->budget = budget;
			ret = go_on(f, ROOM);
			KUNIT_EXPECT_TRUE(test, !ret || ret == -EAGAIN);
		}
		KUNIT_EXPECT_EQ(test, f->sync.step, SHADOW_IDLE);
		KUNIT_EXPECT_TRUE(test, is_copy(f));
		EXPECT_GOOD(test, f);
	}
	/* An empty space. */
	f->budget = ENDLESS;
	unmap(f, 0, NR_PAGES - 1);
	SYNC(test, f, 0, NR_PAGES - 1);
	start(f, 0, NR_PAGES - 1);
	for (calls = 1; calls <= NR_PAGES / 16; calls++) {
		f->budget = 16;
		ret = go_on(f, ROOM);
		KUNIT_EXPECT_EQ(test, ret, calls < NR_PAGES / 16 ? -EAGAIN : 0);
	}
	KUNIT_EXPECT_EQ(test, f->sync.step, SHADOW_IDLE);
}

/* At the limit on maps a sync stops, and goes on when there are fewer, or more are allowed. */
static void limit_stops_a_sync(struct kunit *test)
{
	struct fixture *f = test->priv;
	u32 max;

	for (max = 1; max < 6; max++) {
		f->shadow.max = MAX_MAPS;
		unmap(f, 0, NR_PAGES - 1);
		SYNC(test, f, 0, NR_PAGES - 1);
		map(f, 10, 10, 0, 0, NYX_ACC_RW);
		map(f, 20, 20, 0, 0, NYX_ACC_RW);
		map(f, 30, 30, 0, 0, NYX_ACC_RW);
		map(f, 40, 40, 0, 0, NYX_ACC_RW);
		map(f, 50, 50, 0, 0, NYX_ACC_RW);
		map(f, 60, 60, 0, 0, NYX_ACC_RW);
		f->shadow.max = max;
		start(f, 0, NR_PAGES - 1);
		KUNIT_EXPECT_EQ(test, go_on(f, ROOM), -ENOSPC);
		KUNIT_EXPECT_EQ(test, f->out.nr, max);
		KUNIT_EXPECT_EQ(test, f->shadow.nr, max);
		/* Nothing is lost by another try. */
		KUNIT_EXPECT_EQ(test, go_on(f, ROOM), -ENOSPC);
		KUNIT_EXPECT_EQ(test, f->out.nr, 0u);
		KUNIT_EXPECT_EQ(test, f->shadow.nr, max);
		f->shadow.max = 6;
		KUNIT_EXPECT_EQ(test, go_on(f, ROOM), 0);
		KUNIT_EXPECT_EQ(test, f->sync.step, SHADOW_IDLE);
		KUNIT_EXPECT_EQ(test, f->out.nr, 6 - max);
		KUNIT_EXPECT_TRUE(test, is_copy(f));
		EXPECT_GOOD(test, f);
		/* One for another fits, and a map that stays counts once. */
		map(f, 30, 30, 9, 0, NYX_ACC_RW);
		SYNC(test, f, 0, NR_PAGES - 1);
		KUNIT_EXPECT_EQ(test, f->out.nr, 2u);
		KUNIT_EXPECT_EQ(test, f->shadow.nr, 6u);
		/* A sync that is given up is begun anew, with what is mapped then. */
		map(f, 70, 70, 9, 0, NYX_ACC_RW);
		start(f, 0, NR_PAGES - 1);
		KUNIT_EXPECT_EQ(test, go_on(f, ROOM), -ENOSPC);
		unmap(f, 10, 50);
		SYNC(test, f, 0, NR_PAGES - 1);
		KUNIT_EXPECT_EQ(test, f->out.nr, 2u);
		KUNIT_EXPECT_TRUE(test, is_copy(f));
	}
}

/* ---- at random ---------------------------------------------------------------- */

/* Sync pages that have changed, and others. False: it did not end. */
static bool sync_touched(struct fixture *f)
{
	struct span s = f->touched[--f->nr_touched];
	u64 first, last;
	u32 calls;
	int ret;

	s.first -= min(s.first, below(f, 8));
	s.last = min(NR_PAGES - 1, s.last + below(f, 8));
	first = below(f, 16) ? iova_of(f, s.first) : 0;
	last = below(f, 16) ? last_of(f, s.last) : U64_MAX;
	shadow_begin(&f->sync, first, last);
	f->gave_up = false;
	for (calls = 0; f->sync.step != SHADOW_IDLE && !f->bad; calls++) {
		f->budget = below(f, 3) ? 1 + below(f, 20) : ENDLESS;
		f->cut = below(f, 3) ? NR_PAGES : 1 + below(f, 4);
		ret = go_on(f, below(f, 2) ? 1 + below(f, 4) : ROOM);
		if (ret == -ENOSPC)
			f->shadow.max += 1 + below(f, 4);
		broken(f, !ret || ret == -EAGAIN || ret == -ENOSPC, "an error of a sync");
		if (calls > 100000)
			return false;
	}
	return true;
}

static void copies_at_random(struct kunit *test, bool during)
{
	static const u64 bases[] = {
		0, 0x123456000ull, U64_MAX - ((u64)NR_PAGES << NYX_PAGE_LG2) + 1,
	};
	u64 seed = shadow_seed ?: ktime_get_ns();
	struct fixture *f = test->priv;
	u32 run, round, i, changes = 0;

	kunit_info(test, "shadow_seed=%llu\n", seed);
	f->random = seed ?: 1;
	f->strict = !during;
	for (run = 0; run < NR_RUNS; run++) {
		f->base = bases[run % ARRAY_SIZE(bases)];
		shadow_clear(&f->shadow);
		f->shadow.max = below(f, 2) ? MAX_MAPS : 1 + below(f, 8);
		memset(f->got, 0, sizeof(f->got));
		f->nr_maps = 0;
		f->nr_touched = 0;
		f->changes_left = 0;
		unmap(f, 0, NR_PAGES - 1);
		for (round = 0; round < NR_ROUNDS; round++) {
			for (i = below(f, 5); i; i--)
				change_at_random(f);
			f->changes_left = during ? below(f, 8) : 0;
			while (f->nr_touched)
				KUNIT_ASSERT_TRUE(test, sync_touched(f));
			KUNIT_ASSERT_TRUE_MSG(test, !f->bad, "%s", f->bad ?: "");
			KUNIT_ASSERT_TRUE(test, is_copy(f));
			cond_resched();
		}
		changes += f->nr_changes;
		/* Nothing is left. */
		f->changes_left = 0;
		f->budget = ENDLESS;
		f->cut = NR_PAGES;
		f->lookups = 0;
		shadow_begin(&f->sync, 0, U64_MAX);
		KUNIT_ASSERT_EQ(test, go_on(f, 0), 0);
		KUNIT_ASSERT_EQ(test, f->sync.step, SHADOW_IDLE);
	}
	KUNIT_EXPECT_GT(test, changes, NR_RUNS * NR_ROUNDS);
}

static void random_changes_make_a_copy(struct kunit *test)
{
	copies_at_random(test, false);
}

/* The translation changes while a sync looks at it; another sync looks at that. */
static void random_changes_during_a_sync(struct kunit *test)
{
	copies_at_random(test, true);
}

static struct kunit_case shadow_cases[] = {
	KUNIT_CASE(runs_are_maps),
	KUNIT_CASE(same_map_is_no_change),
	KUNIT_CASE(unmaps_in_a_row_are_one),
	KUNIT_CASE(part_of_a_map_unmaps_all),
	KUNIT_CASE(all_of_a_map_counts),
	KUNIT_CASE(sync_is_of_its_range),
	KUNIT_CASE(range_may_be_a_byte),
	KUNIT_CASE(syncs_may_share_room),
	KUNIT_CASE(holes_are_filled),
	KUNIT_CASE(ends_of_the_space),
	KUNIT_CASE(one_map_of_all),
	KUNIT_CASE(cleared_shadow_has_no_map),
	KUNIT_CASE(sync_stops_without_room),
	KUNIT_CASE(sync_goes_on_later),
	KUNIT_CASE(sync_goes_on_after_an_error),
	KUNIT_CASE(budget_is_no_limit),
	KUNIT_CASE(limit_stops_a_sync),
	KUNIT_CASE(random_changes_make_a_copy),
	KUNIT_CASE(random_changes_during_a_sync),
	{}
};

static struct kunit_suite shadow_suite = {
	.name = "nyx_shadow",
	.init = shadow_suite_init,
	.exit = shadow_suite_exit,
	.test_cases = shadow_cases,
};

kunit_test_suite(shadow_suite);
