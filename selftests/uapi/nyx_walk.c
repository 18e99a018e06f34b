// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: NYX_WALK: tables, level by level.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Entries in guest memory are written by hand from the specifications. Tables that
 * a guest has told its unit about are in selftests/viommu.
 */
#include "nyx_env.h"

#include <stdlib.h>

#define ROOT	0x10000ull	/* tables grow from here */
#define PAGE_AT	0x200000ull	/* what they map */
#define NOWHERE	0x40000000ull	/* no memory */

/**
 * struct shape - a format
 * @name: name
 * @format: of enum nyx_format
 * @min: least levels
 * @max: most levels
 * @dflt: levels of a unit of 48 bits
 * @table: an entry that refers to a table and grants all
 * @page: an entry that maps a page and grants all; a large one has @large, too
 * @large: see there
 * @write: the bit that grants writing
 */
struct shape {
	const char *name;
	__u32 format;
	unsigned int min;
	unsigned int max;
	unsigned int dflt;
	__u64 table;
	__u64 page;
	__u64 large;
	__u64 write;
};

static const struct shape shapes[] = {
	{ "vtdss", NYX_FORMAT_VTDSS, 3, 5, 4, 0x3, 0x3, 0x80, 0x2 },
	{ "x86", NYX_FORMAT_X86, 4, 5, 4, 0x27, 0x67, 0x80, 0x2 },
	{ "amdv1", NYX_FORMAT_AMDV1, 1, 6, 4, 0x6000000000000001, 0x6000000000000001, 0,
	  1ull << 62 },
};

static __u64 *word(struct env *e, __u64 gpa)
{
	return (__u64 *)(e->mem + gpa);
}

/* A table entry of @level. */
static __u64 table_entry(const struct shape *v, __u64 gpa, unsigned int level)
{
	return gpa | v->table | (v->format == NYX_FORMAT_AMDV1 ? (__u64)level << 9 : 0);
}

static void walk_init(struct nyx_walk *w, const struct shape *v, unsigned int levels, __u64 iova)
{
	nyx_walk_init(w, 0, 0, iova);
	w->flags = 0;
	w->format = v->format;
	w->levels = levels;
	w->root = ROOT;
}

static void walk(struct env *e, struct nyx_walk *w)
{
	test_cmd(nyx_cmd(e->fd, NYX_WALK, w));
	ASSERT_LE(w->out_nr_steps, NYX_WALK_STEPS);
	for (__u32 i = w->out_nr_steps; i < NYX_WALK_STEPS; i++)
		ASSERT_FILLED(&w->out_steps[i], 0, sizeof(w->out_steps[i]));
	for (__u32 i = 0; i < w->out_nr_steps; i++) {
		ASSERT_EQ(0, w->out_steps[i].__reserved);
		ASSERT_EQ(w->out_levels - 1 - i, w->out_steps[i].level);
		ASSERT_EQ(w->iova >> (12 + 9 * w->out_steps[i].level) & 511,
			  w->out_steps[i].index);
	}
}

/* The walk ended at the last step, for this reason. */
static void ended(const struct nyx_walk *w, unsigned int steps, unsigned int kind, __u32 reason)
{
	ASSERT_EQ(steps, w->out_nr_steps);
	ASSERT_EQ(kind, w->out_steps[steps - 1].kind);
	ASSERT_EQ(reason, w->out_fault.reason);
	ASSERT_EQ(w->iova, w->out_fault.iova);
	ASSERT_EQ(w->access, w->out_fault.access);
	ASSERT_EQ(0, w->out_fault.vendor);
	ASSERT_EQ(w->out_fault.gpa, w->out_gpa);
}

/*
 * A table of so many levels with a page of @leaf's level at @iova; each table
 * behind the other. Returns the address of the last one's entry.
 */
static __u64 build(struct env *e, const struct shape *v, unsigned int levels, __u64 iova,
		   unsigned int leaf)
{
	__u64 table = ROOT, at = ROOT;

	memset(e->mem + ROOT, 0, 8 * SZ_4K);
	for (unsigned int level = levels; level-- > leaf; table += SZ_4K) {
		at = table + (iova >> (12 + 9 * level) & 511) * 8;
		*word(e, at) = level == leaf ? PAGE_AT | v->page | (leaf ? v->large : 0) :
					       table_entry(v, table + SZ_4K, level);
	}
	return at;
}

TEST_EACH(pages, shapes)
{
	struct nyx_walk w;
	struct env e;

	env_open(&e, .unit_width = 64, .no_domain = true);
	for (unsigned int levels = v->min; levels <= v->max; levels++) {
		for (unsigned int leaf = 0; leaf < levels && leaf < 2; leaf++) {
			__u64 iova = 0x3456789abcdefull % (1ull << (levels < 6 ? 11 + 9 * levels : 63));
			__u64 table = ROOT, in_page = iova & ((1ull << (12 + 9 * leaf)) - 1);

			ktap_note("levels %u, leaf %u", levels, leaf);
			build(&e, v, levels, iova, leaf);
			walk_init(&w, v, levels, iova);
			w.access = RW;
			walk(&e, &w);
			ended(&w, levels - leaf, NYX_WALK_PAGE,
			      in_page < e.mem_size - PAGE_AT ? NYX_FAULT_NONE :
							       NYX_FAULT_NO_MEMORY);
			ASSERT_EQ(NYX_LEVEL_NONE, w.out_fault.level);
			ASSERT_EQ(PAGE_AT + in_page, w.out_gpa);
			ASSERT_EQ(RW, w.out_prot);
			ASSERT_EQ(12 + 9 * leaf, w.out_page_size_lg2);
			ASSERT_EQ(v->format, w.out_format);
			ASSERT_EQ(levels, w.out_levels);
			ASSERT_EQ(ROOT, w.out_root);
			for (__u32 i = 0; i < w.out_nr_steps; i++, table += SZ_4K) {
				const struct nyx_walk_step *s = &w.out_steps[i];
				bool last = i + 1 == w.out_nr_steps;

				ASSERT_EQ(table, s->table);
				ASSERT_EQ(*word(&e, table + s->index * 8), s->entry);
				ASSERT_EQ(last ? NYX_WALK_PAGE : NYX_WALK_TABLE, s->kind);
				ASSERT_EQ(last ? PAGE_AT : table + SZ_4K, s->address);
				ASSERT_EQ(last ? 0 : s->level - 1, s->next_level);
				ASSERT_EQ(last ? 12 + 9 * leaf : 0, s->page_size_lg2);
				ASSERT_EQ(RW, s->prot);
				ASSERT_EQ(0, s->bad);
			}
		}
	}
}

/* Without a number of levels, those that the unit's addresses take. */
TEST_EACH(default_levels, shapes)
{
	static const struct { __u32 width, levels[3]; } units[] = {
		{ 32, { 3, 4, 3 } }, { 39, { 3, 4, 3 } }, { 48, { 4, 4, 4 } },
		{ 57, { 5, 5, 5 } }, { 64, { 5, 5, 6 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		struct nyx_walk w;
		struct env e;

		ktap_note("unit of %u bits", units[i].width);
		env_open(&e, .unit_width = units[i].width, .no_domain = true);
		walk_init(&w, v, 0, 0x1000);
		walk(&e, &w);
		ended(&w, 1, NYX_WALK_EMPTY, NYX_FAULT_TABLE_NOT_PRESENT);
		ASSERT_EQ(units[i].levels[v->format], w.out_levels);
		close(e.fd);
	}
}

TEST_EACH(what_is_not_there, shapes)
{
	struct nyx_walk w;
	struct env e;
	__u64 at;

	env_open(&e, .no_domain = true);
	for (unsigned int level = 0; level < v->dflt; level++) {
		ktap_note("level %u", level);
		at = build(&e, v, v->dflt, 0, level);
		*word(&e, at) = 0;
		walk_init(&w, v, v->dflt, 0x123);
		walk(&e, &w);
		ended(&w, v->dflt - level, NYX_WALK_EMPTY,
		      level ? NYX_FAULT_TABLE_NOT_PRESENT : NYX_FAULT_NOT_PRESENT);
		ASSERT_EQ(level, w.out_fault.level);
		ASSERT_EQ(NYX_GPA_UNKNOWN, w.out_gpa);
		ASSERT_EQ(0, w.out_prot);
		ASSERT_EQ(0, w.out_page_size_lg2);
		if (!level)
			continue;
		/* A table that is no memory. */
		*word(&e, at) = table_entry(v, NOWHERE, level);
		walk(&e, &w);
		ended(&w, v->dflt - level + 1, NYX_WALK_UNREADABLE, NYX_FAULT_TABLE_ACCESS);
		ASSERT_EQ(NOWHERE, w.out_steps[w.out_nr_steps - 1].table);
		ASSERT_EQ(0, w.out_steps[w.out_nr_steps - 1].entry);
		ASSERT_EQ(level - 1, w.out_fault.level);
		ASSERT_EQ(NYX_GPA_UNKNOWN, w.out_gpa);
	}
	/* The top table itself, beside memory and at the end of all. */
	for (int i = 0; i < 2; i++) {
		walk_init(&w, v, v->dflt, 0x123);
		w.root = i ? (1ull << 52) - SZ_4K : e.mem_size;
		walk(&e, &w);
		ended(&w, 1, NYX_WALK_UNREADABLE, NYX_FAULT_TABLE_ACCESS);
		ASSERT_EQ(w.root, w.out_steps[0].table);
	}
	/* Its last page is memory. */
	w.root = e.mem_size - SZ_4K;
	walk(&e, &w);
	ended(&w, 1, NYX_WALK_EMPTY, NYX_FAULT_TABLE_NOT_PRESENT);
}

TEST_EACH(permissions, shapes)
{
	struct nyx_walk w;
	struct env e;
	__u64 at;

	env_open(&e, .no_domain = true);
	for (unsigned int level = 0; level < v->dflt; level++) {
		ktap_note("level %u", level);
		build(&e, v, v->dflt, 0, 0);
		at = ROOT + (v->dflt - 1 - level) * SZ_4K;
		*word(&e, at) &= ~v->write;
		walk_init(&w, v, v->dflt, 0x123);
		w.access = NYX_PROT_WRITE;
		walk(&e, &w);
		ASSERT_EQ(NYX_FAULT_WRITE_DENIED, w.out_fault.reason);
		ASSERT_EQ(NYX_PROT_READ, w.out_steps[v->dflt - 1 - level].prot);
		w.access = NYX_PROT_READ;
		walk(&e, &w);
		ended(&w, v->dflt, NYX_WALK_PAGE, NYX_FAULT_NONE);
		ASSERT_EQ(NYX_PROT_READ, w.out_prot);
		/* A walk that asks for nothing is denied nothing. */
		w.access = 0;
		walk(&e, &w);
		ended(&w, v->dflt, NYX_WALK_PAGE, NYX_FAULT_NONE);
		ASSERT_EQ(PAGE_AT + 0x123, w.out_gpa);
	}
}

/* Behind the table: memory that is not there, or not to be written. */
TEST_EACH(memory, shapes)
{
	struct nyx_walk w;
	struct env e;
	__u64 at;

	env_open(&e, .no_domain = true);
	test_cmd(cmd_memory_add(e.fd, NYX_MEMORY_F_READONLY, NOWHERE, SZ_64K, e.mem));
	at = build(&e, v, v->dflt, 0, 0);
	walk_init(&w, v, v->dflt, 0xfff);
	w.access = RW;
	*word(&e, at) = NOWHERE | v->page;
	walk(&e, &w);
	ended(&w, v->dflt, NYX_WALK_PAGE, NYX_FAULT_READONLY_MEMORY);
	ASSERT_EQ(NOWHERE + 0xfff, w.out_gpa);
	w.access = NYX_PROT_READ;
	walk(&e, &w);
	ended(&w, v->dflt, NYX_WALK_PAGE, NYX_FAULT_NONE);
	*word(&e, at) = (NOWHERE + SZ_64K) | v->page;
	walk(&e, &w);
	ended(&w, v->dflt, NYX_WALK_PAGE, NYX_FAULT_NO_MEMORY);
	ASSERT_EQ(NOWHERE + SZ_64K + 0xfff, w.out_gpa);
	ASSERT_EQ(12, w.out_page_size_lg2);
}

static const struct bad_entry {
	const char *name;
	unsigned int shape;
	unsigned int level;
	__u64 entry;
	__u64 bad;
	unsigned int kind;
} bad_entries[] = {
	{ "vtdss_tm", 0, 0, 0x4000000000200003, 0x4000000000000000, NYX_WALK_PAGE },
	{ "vtdss_table_snp", 0, 2, 0x11803, 0x800, NYX_WALK_TABLE },
	{ "vtdss_2m_misaligned", 0, 1, 0x203083, 0x3000, NYX_WALK_PAGE },
	{ "vtdss_512g", 0, 3, 0x83, 0x80, NYX_WALK_PAGE },
	{ "x86_2m_misaligned", 1, 1, 0x206087, 0x6000, NYX_WALK_PAGE },
	{ "x86_1g_misaligned", 1, 2, 0x200087, 0x200000, NYX_WALK_PAGE },
	{ "x86_512g", 1, 3, 0x87, 0x80, NYX_WALK_PAGE },
	{ "amdv1_page", 2, 0, 0x7010000000200001, 0x0010000000000000, NYX_WALK_PAGE },
	{ "amdv1_table", 2, 2, 0x7000000000011401, 0x1000000000000000, NYX_WALK_TABLE },
	{ "amdv1_level_up", 2, 2, 0x6000000000011601, 0xe00, NYX_WALK_TABLE },
	{ "amdv1_itself", 2, 0, 0x6000000000010201, 0xe00, NYX_WALK_TABLE },
	{ "amdv1_size", 2, 0, 0x60000000002ffe01, 0xe00, NYX_WALK_PAGE },
	{ "amdv1_endless", 2, 0, 0x600ffffffffffe01, 0xe00, NYX_WALK_PAGE },
};

TEST_EACH(reserved_bits, bad_entries)
{
	const struct shape *s = &shapes[v->shape];
	const struct nyx_walk_step *last;
	struct nyx_walk w;
	struct env e;
	__u64 at;

	env_open(&e, .no_domain = true);
	at = build(&e, s, 4, 0, v->level);
	*word(&e, at) = v->entry;
	walk_init(&w, s, 4, 0x123);
	w.access = NYX_PROT_READ;
	walk(&e, &w);
	ended(&w, 4 - v->level, v->kind, NYX_FAULT_RESERVED_BIT);
	last = &w.out_steps[w.out_nr_steps - 1];
	ASSERT_EQ(v->entry, last->entry);
	ASSERT_EQ(v->bad, last->bad);
	ASSERT_EQ(0, last->address);
	ASSERT_EQ(0, last->page_size_lg2);
	ASSERT_EQ(v->level, w.out_fault.level);
	ASSERT_EQ(NYX_GPA_UNKNOWN, w.out_gpa);
}

/* A page that the table may not use. */
TEST_EACH(page_sizes, shapes)
{
	struct nyx_walk w;
	struct env e;

	env_open(&e, .no_domain = true);
	build(&e, v, 4, 0, 1);
	walk_init(&w, v, 4, 0);
	w.page_sizes = SZ_4K | SZ_2M;
	walk(&e, &w);
	ended(&w, 3, NYX_WALK_PAGE, NYX_FAULT_NONE);
	w.page_sizes = SZ_4K;
	walk(&e, &w);
	ended(&w, 3, NYX_WALK_PAGE, NYX_FAULT_RESERVED_BIT);
	ASSERT_EQ(v->format == NYX_FORMAT_AMDV1 ? 0xe00 : 0x80, w.out_steps[2].bad);
}

/* Tables that refer to themselves cost what others do. */
TEST_EACH(own_child, shapes)
{
	struct nyx_walk w;
	struct env e;

	env_open(&e, .unit_width = 64, .no_domain = true);
	for (int i = 0; i < 512; i++)
		*word(&e, ROOT + 8 * i) = table_entry(v, ROOT, v->max - 1);
	walk_init(&w, v, v->max, 0x123456789abcull);
	walk(&e, &w);
	if (v->format == NYX_FORMAT_AMDV1) {
		/* An entry that is right at the top is not one level below. */
		ended(&w, 2, NYX_WALK_TABLE, NYX_FAULT_RESERVED_BIT);
		return;
	}
	ended(&w, v->max, NYX_WALK_PAGE, NYX_FAULT_NONE);
	ASSERT_EQ(ROOT + 0xabc, w.out_gpa);
	for (unsigned int i = 0; i < v->max; i++)
		ASSERT_EQ(ROOT, w.out_steps[i].table);
}

TEST(amdv1_levels_skipped)
{
	const struct shape *v = &shapes[2];
	struct nyx_walk w;
	struct env e;

	env_open(&e, .no_domain = true);
	*word(&e, ROOT) = (ROOT + SZ_4K) | v->table | 1 << 9;
	*word(&e, ROOT + SZ_4K + 5 * 8) = PAGE_AT | v->page;
	walk_init(&w, v, 4, 0x5123);
	walk(&e, &w);
	ended(&w, 4, NYX_WALK_PAGE, NYX_FAULT_NONE);
	ASSERT_EQ(0, w.out_steps[0].next_level);
	for (int i = 1; i < 3; i++) {
		ASSERT_EQ(NYX_WALK_SKIPPED, w.out_steps[i].kind);
		ASSERT_EQ(0, w.out_steps[i].table);
		ASSERT_EQ(0, w.out_steps[i].entry);
	}
	ASSERT_EQ(PAGE_AT + 0x123, w.out_gpa);
	/* The bits of the skipped levels must be 0. */
	walk_init(&w, v, 4, 0x205123);
	walk(&e, &w);
	ended(&w, 3, NYX_WALK_SKIPPED, NYX_FAULT_RESERVED_BIT);
	ASSERT_EQ(1, w.out_steps[2].index);
	ASSERT_EQ(1, w.out_fault.level);
}

/* Beyond the table's width, or not canonical: nothing is read. */
TEST_EACH(width, shapes)
{
	static const __u64 beyond[] = { 1ull << 48, 0xffff000000000000ull, 1ull << 47 };
	struct nyx_walk w;
	struct env e;

	env_open(&e, .unit_width = 64, .no_domain = true);
	for (size_t i = 0; i < ARRAY_SIZE(beyond) - (v->format != NYX_FORMAT_X86); i++) {
		ktap_note("0x%llx", (unsigned long long)beyond[i]);
		walk_init(&w, v, 4, beyond[i]);
		walk(&e, &w);
		ASSERT_EQ(0, w.out_nr_steps);
		ASSERT_EQ(NYX_FAULT_ADDRESS_WIDTH, w.out_fault.reason);
		ASSERT_EQ(NYX_LEVEL_NONE, w.out_fault.level);
		ASSERT_EQ(NYX_GPA_UNKNOWN, w.out_gpa);
	}
	walk_init(&w, v, 4, v->format == NYX_FORMAT_X86 ? ~0ull : (1ull << 48) - 1);
	walk(&e, &w);
	ended(&w, 1, NYX_WALK_EMPTY, NYX_FAULT_TABLE_NOT_PRESENT);
	ASSERT_EQ(511, w.out_steps[0].index);
}

/* A look changes nothing, not even a counter. */
TEST_EACH(leaves_no_trace, shapes)
{
	struct snapshot s;
	struct nyx_walk w;
	struct env e;

	env_open(&e);
	build(&e, v, 4, 0, 0);
	snapshot_take(&s, e.fd, true);
	for (__u64 iova = 0; iova < SZ_1G; iova += SZ_1G / 8) {
		walk_init(&w, v, 4, iova);
		w.access = RW;
		walk(&e, &w);
	}
	snapshot_check(&s, e.fd, true);
	snapshot_free(&s);
}

/* ---- bad values ---- */

static const struct bad_value {
	const char *name;
	int error;
	size_t offset;
	size_t size;
	__u64 value;
} bad_values[] = {
#define BAD(_name, _error, _field, _value) \
	{ _name, _error, offsetof(struct nyx_walk, _field), \
	  sizeof(((struct nyx_walk *)0)->_field), _value }
	BAD("format", EOPNOTSUPP, format, 3),
	BAD("format_huge", EOPNOTSUPP, format, ~0u),
	BAD("levels_few", EINVAL, levels, 2),
	BAD("levels_many", EINVAL, levels, 6),
	BAD("levels_byte", EINVAL, levels, 256 + 4),
	BAD("levels_huge", EINVAL, levels, ~0u),
	BAD("root_misaligned", EINVAL, root, ROOT + 8),
	BAD("root_beyond", ERANGE, root, 1ull << 52),
	BAD("root_huge", ERANGE, root, ~0xfffull),
	BAD("page_sizes_without_4k", EINVAL, page_sizes, SZ_2M),
	BAD("page_sizes_unknown", EINVAL, page_sizes, SZ_4K | SZ_64K),
	BAD("page_sizes_all", EINVAL, page_sizes, ~0ull),
	BAD("sbdf", EINVAL, sbdf, ENV_SBDF),
	BAD("access", EOPNOTSUPP, access, 4),
	BAD("access_huge", EOPNOTSUPP, access, ~0u),
	BAD("flags", EOPNOTSUPP, flags, 2),
	BAD("pasid", EOPNOTSUPP, pasid, 0),
	BAD("pasid_other", EOPNOTSUPP, pasid, 0xfffffffe),
};

TEST_EACH(bad_value, bad_values)
{
	struct nyx_walk w;
	struct env e;

	env_open(&e);
	walk_init(&w, &shapes[0], 4, 0);
	memcpy((char *)&w + v->offset, &v->value, v->size);
	test_err(v->error, nyx_cmd(e.fd, NYX_WALK, &w));
}

/* ---- devices of a unit without a vendor model ---- */

#define ADDRESS		0x000ffffffffff000ull
#define SMALL_AT	0x40003000ull	/* a page of 4 KiB, to PAGE_AT + 0x1000 */
#define LARGE_AT	0x80000000ull	/* one of 2 MiB, to PAGE_AT, to be read */

static void native_walk(struct env *e, struct nyx_walk *w, __u64 iova, __u32 access)
{
	nyx_walk_init(w, e->sbdf, access, iova);
	walk(e, w);
}

static void native_open(struct env *e, const struct shape *v)
{
	env_open(e, .format = v->format);
	test_cmd(cmd_map(e->fd, e->domain, SMALL_AT, PAGE_AT + 0x1000, SZ_4K, RW));
	test_cmd(cmd_map(e->fd, e->domain, LARGE_AT, PAGE_AT, SZ_2M, NYX_PROT_READ));
}

/* Tables, and a leaf at the end; where the kernel has its tables is not told. */
static void native_steps(const struct nyx_walk *w, unsigned int steps, __u64 page, __u32 prot)
{
	ASSERT_EQ(NYX_GPA_UNKNOWN, w->out_root);
	ASSERT_EQ(steps, w->out_nr_steps);
	for (unsigned int i = 0; i < steps; i++) {
		const struct nyx_walk_step *s = &w->out_steps[i];
		bool last = i + 1 == steps;

		ASSERT_EQ(NYX_GPA_UNKNOWN, s->table);
		ASSERT_EQ(last ? NYX_WALK_PAGE : NYX_WALK_TABLE, s->kind);
		ASSERT_EQ(last ? page : NYX_GPA_UNKNOWN, s->address);
		ASSERT_NE(0, s->entry);
		ASSERT_EQ(last ? page : 0, s->entry & ADDRESS);
		ASSERT_EQ(last ? 0 : s->level - 1, s->next_level);
		ASSERT_EQ(last ? 12 + 9 * s->level : 0, s->page_size_lg2);
		ASSERT_EQ(last ? prot : RW, s->prot);
		ASSERT_EQ(0, s->bad);
	}
}

TEST_EACH(native_pages, shapes)
{
	struct nyx_walk w;
	struct env e;

	native_open(&e, v);
	native_walk(&e, &w, SMALL_AT + 0x123, RW);
	ended(&w, v->dflt, NYX_WALK_PAGE, NYX_FAULT_NONE);
	native_steps(&w, v->dflt, PAGE_AT + 0x1000, RW);
	ASSERT_EQ(v->format, w.out_format);
	ASSERT_EQ(v->dflt, w.out_levels);
	ASSERT_EQ(PAGE_AT + 0x1123, w.out_gpa);
	ASSERT_EQ(RW, w.out_prot);
	ASSERT_EQ(12, w.out_page_size_lg2);
	ASSERT_EQ(NYX_LEVEL_NONE, w.out_fault.level);

	native_walk(&e, &w, LARGE_AT + 0x12345, NYX_PROT_READ);
	ended(&w, v->dflt - 1, NYX_WALK_PAGE, NYX_FAULT_NONE);
	native_steps(&w, v->dflt - 1, PAGE_AT, NYX_PROT_READ);
	ASSERT_EQ(PAGE_AT + 0x12345, w.out_gpa);
	ASSERT_EQ(NYX_PROT_READ, w.out_prot);
	ASSERT_EQ(21, w.out_page_size_lg2);

	native_walk(&e, &w, LARGE_AT + 0x12345, NYX_PROT_WRITE);
	ended(&w, v->dflt - 1, NYX_WALK_PAGE, NYX_FAULT_WRITE_DENIED);
	native_steps(&w, v->dflt - 1, PAGE_AT, NYX_PROT_READ);
	ASSERT_EQ(1, w.out_fault.level);
	ASSERT_EQ(PAGE_AT + 0x12345, w.out_gpa);
}

TEST_EACH(native_is_not_there, shapes)
{
	struct nyx_walk w;
	struct env e;

	native_open(&e, v);
	native_walk(&e, &w, SMALL_AT + 0x1000, NYX_PROT_READ);
	ended(&w, v->dflt, NYX_WALK_EMPTY, NYX_FAULT_NOT_PRESENT);
	ASSERT_EQ(0, w.out_fault.level);
	ASSERT_EQ(NYX_GPA_UNKNOWN, w.out_steps[v->dflt - 1].table);
	ASSERT_EQ(0, w.out_steps[v->dflt - 1].entry);
	ASSERT_EQ(NYX_GPA_UNKNOWN, w.out_gpa);
	native_walk(&e, &w, 0x123, NYX_PROT_READ);
	ended(&w, 2, NYX_WALK_EMPTY, NYX_FAULT_TABLE_NOT_PRESENT);
	ASSERT_EQ(2, w.out_fault.level);
	native_walk(&e, &w, 1ull << 48, NYX_PROT_READ);
	ASSERT_EQ(0, w.out_nr_steps);
	ASSERT_EQ(NYX_FAULT_ADDRESS_WIDTH, w.out_fault.reason);
	/* Without memory behind it. */
	test_cmd(cmd_memory_remove(e.fd, 0, e.mem_size));
	native_walk(&e, &w, SMALL_AT, NYX_PROT_READ);
	ended(&w, v->dflt, NYX_WALK_PAGE, NYX_FAULT_NO_MEMORY);
	ASSERT_EQ(PAGE_AT + 0x1000, w.out_gpa);
	close(e.fd);
	/* A table that nothing was ever mapped in. */
	env_open(&e, .format = v->format);
	native_walk(&e, &w, 0x123, NYX_PROT_READ);
	ended(&w, 1, NYX_WALK_EMPTY, NYX_FAULT_TABLE_NOT_PRESENT);
	ASSERT_EQ(v->dflt - 1, w.out_fault.level);
}

TEST_EACH(native_leaves_no_trace, shapes)
{
	struct snapshot s;
	struct nyx_walk w;
	struct env e;

	native_open(&e, v);
	snapshot_take(&s, e.fd, true);
	for (__u64 iova = 0; iova < 4 * SZ_1G; iova += SZ_1G / 8)
		native_walk(&e, &w, iova, RW);
	native_walk(&e, &w, SMALL_AT, RW);
	snapshot_check(&s, e.fd, true);
	snapshot_free(&s);
}

/* No table at all: the answer is that of an access. */
TEST(native_without_a_table)
{
	struct nyx_walk w;
	struct env e;

	env_open(&e, .kind = NYX_DOMAIN_IDENTITY);
	native_walk(&e, &w, 0x1234, RW);
	ASSERT_EQ(0, w.out_nr_steps);
	ASSERT_EQ(0, w.out_levels);
	ASSERT_EQ(NYX_FAULT_NONE, w.out_fault.reason);
	ASSERT_EQ(0x1234, w.out_gpa);
	ASSERT_EQ(RW, w.out_prot);
	ASSERT_EQ(0, w.out_page_size_lg2);
	native_walk(&e, &w, NOWHERE, RW);
	ASSERT_EQ(NYX_FAULT_NO_MEMORY, w.out_fault.reason);
	ASSERT_EQ(NOWHERE, w.out_gpa);
	test_cmd(cmd_device_detach(e.fd, e.sbdf));
	native_walk(&e, &w, 0x1234, RW);
	ASSERT_EQ(NYX_FAULT_NO_DOMAIN, w.out_fault.reason);
	ASSERT_EQ(0, w.out_levels);
	ASSERT_EQ(NYX_GPA_UNKNOWN, w.out_gpa);
	close(e.fd);

	env_open(&e, .kind = NYX_DOMAIN_BLOCKED);
	native_walk(&e, &w, 0x1234, 0);
	ASSERT_EQ(NYX_FAULT_BLOCKED, w.out_fault.reason);
	ASSERT_EQ(0, w.out_levels);
	ASSERT_EQ(NYX_GPA_UNKNOWN, w.out_gpa);
}

TEST(native_refused)
{
	struct nyx_walk w;
	struct env e;

	native_open(&e, &shapes[0]);
	test_cmd(cmd_device_control(e.fd, e.sbdf, NYX_DEVICE_DO_QUARANTINE));
	native_walk(&e, &w, SMALL_AT, RW);
	ASSERT_EQ(0, w.out_nr_steps);
	ASSERT_EQ(NYX_FAULT_QUARANTINED, w.out_fault.reason);
	test_cmd(cmd_device_control(e.fd, e.sbdf, NYX_DEVICE_DO_RESET));
	native_walk(&e, &w, SMALL_AT, RW);
	ended(&w, 4, NYX_WALK_PAGE, NYX_FAULT_NONE);
	nyx_walk_init(&w, ENV_SBDF + 1, RW, 0);
	test_err(ENOENT, nyx_cmd(e.fd, NYX_WALK, &w));
	nyx_walk_init(&w, e.sbdf, RW, 0);
	w.root = ROOT;
	test_err(EINVAL, nyx_cmd(e.fd, NYX_WALK, &w));
}

/* ---- guests that fight ---- */

/* The answer is well formed for any contents of memory. */
TEST_EACH(random_tables, shapes)
{
	struct rng r = rng_start(1);
	struct nyx_walk w;
	unsigned int seen = 0;
	struct env e;

	env_open(&e, .unit_width = 64, .no_domain = true);
	for (__u64 at = 0; at < SZ_1M; at += 8) {
		__u64 entry = rng_next(&r) & ~0x1ff0000000000000ull;

		/* Mostly within memory, and to somewhere below. */
		if (rng_below(&r, 8))
			entry = (entry & ~0xffffffff00000ull) | v->page;
		if (rng_below(&r, 8))
			entry &= ~0x40000000000008f8ull;
		if (v->format == NYX_FORMAT_AMDV1 && rng_below(&r, 8))
			entry = (entry & ~0xe00ull) | rng_below(&r, 5) << 9;
		*word(&e, at) = entry;
	}
	for (unsigned long i = 0; i < ktap_iterations(20000); i++) {
		walk_init(&w, v, v->min + rng_below(&r, v->max - v->min + 1), rng_next(&r));
		w.iova >>= rng_below(&r, 52);
		w.root = rng_below(&r, 256) * SZ_4K;
		w.access = rng_below(&r, 4);
		walk(&e, &w);
		if (w.out_fault.reason == NYX_FAULT_NONE) {
			ASSERT_EQ(0, w.access & ~w.out_prot);
			ASSERT_LT(w.out_gpa, e.mem_size);
			ASSERT_EQ(0, (w.out_gpa ^ w.iova) & ((1ull << w.out_page_size_lg2) - 1));
			ASSERT_EQ(NYX_WALK_PAGE, w.out_steps[w.out_nr_steps - 1].kind);
		}
		for (__u32 j = 0; j < w.out_nr_steps; j++)
			seen |= 1 << w.out_steps[j].kind;
		seen |= 0x100 << w.out_fault.reason;
	}
	ASSERT_NE(0, seen & 1 << NYX_WALK_PAGE);
	ASSERT_NE(0, seen & 1 << NYX_WALK_TABLE);
	ASSERT_NE(0, seen & 0x100 << NYX_FAULT_NONE);
}

/**
 * struct churn - memory that comes and goes
 * @e: the unit
 * @stop: end
 */
struct churn {
	struct env *e;
	bool stop;
};

static void *churn(void *arg)
{
	struct churn *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		test_cmd(cmd_memory_remove(c->e->fd, 0, c->e->mem_size));
		test_cmd(cmd_memory_add(c->e->fd, 0, 0, c->e->mem_size, c->e->mem));
	}
	return NULL;
}

TEST_EACH(memory_that_goes, shapes)
{
	struct churn c = { 0 };
	struct nyx_walk w;
	struct env e;
	pthread_t t;

	env_open(&e, .no_domain = true);
	c.e = &e;
	build(&e, v, 4, 0, 0);
	t = thread_start(churn, &c);
	for (unsigned long i = 0; i < ktap_iterations(2000); i++) {
		walk_init(&w, v, 4, 0x123);
		walk(&e, &w);
		if (w.out_fault.reason != NYX_FAULT_NONE &&
		    w.out_fault.reason != NYX_FAULT_NO_MEMORY)
			ASSERT_EQ(NYX_FAULT_TABLE_ACCESS, w.out_fault.reason);
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	thread_end(t, "churn");
}
