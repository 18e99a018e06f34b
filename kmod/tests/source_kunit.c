// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_source: what a target of a change stream translates is cut to memory,
 * to permissions, and to its budget.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The unit has four ranges of memory: two that touch, one that is read-only, and one
 * around the addresses of interrupt messages. Tables are the kernel's; those of guests are
 * read by programs of selftests/vm.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>

#include "base/types.h"
#include "compat.h"
#include "core/access/context.h"
#include "core/changes/source.h"
#include "core/space/domain.h"
#include "core/space/map.h"
#include "core/space/memory.h"
#include "core/unit.h"
#include "mem/region_priv.h"
#include "suite_unit.h"

#define PAGE(n)		((u64)(n) << NYX_PAGE_LG2)
#define MSI_PAGE	(NYX_IRQ_RANGE_START >> NYX_PAGE_LG2)
#define MSI_PAGES	(1u << (NYX_IRQ_RANGE_LG2 - NYX_PAGE_LG2))
#define ENDLESS		1000000u

/* Memory, by pages of GPAs */
static const struct {
	u64 first, last;
	u32 flags;
} ranges[] = {
	{ 0, 7, 0 },
	{ 8, 15, 0 },
	{ 32, 39, REGION_READONLY },
	{ MSI_PAGE - 2, MSI_PAGE + MSI_PAGES + 1, 0 },
};

/**
 * struct fixture - a unit with memory and a domain, kunit.priv
 * @unit: the unit
 * @file: its memory
 * @dom: a domain with a table, with a reference
 * @identity: a domain without one, with a reference
 * @source: of @dom
 * @run: what was found last
 */
struct fixture {
	struct nyx_unit *unit;
	struct file *file;
	struct nyx_domain *dom;
	struct nyx_domain *identity;
	struct source source;
	struct shadow_run run;
};

static struct nyx_domain *make_domain(struct nyx_unit *unit, u32 kind, u32 id)
{
	struct nyx_domain_config cfg = {
		.kind = kind, .pt = { .format = PT_VTDSS, .levels = 4 }, .id = id,
	};

	if (kind == NYX_DOMAIN_IDENTITY)
		cfg.pt = (struct pt_config){};
	return nyx_domain_create(unit, &cfg, &id) ? NULL : nyx_domain_get(unit, id);
}

static int source_init(struct kunit *test)
{
	static const struct nyx_unit_config cfg = {
		SUITE_UNIT(NYX_MODEL_NATIVE, 48), .iotlb_entries = 64, .irt_entries = 64,
		.shared = true,
	};
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	struct region *region;
	struct mm_struct *mm;
	unsigned long addr;
	unsigned int i;
	u64 size;

	if (!f)
		return -ENOMEM;
	f->unit = suite_unit_open(test, &cfg);
	f->file = shmem_file_setup("nyx-source", PAGE(MSI_PAGES + 4), VM_NORESERVE);
	if (IS_ERR(f->file))
		return PTR_ERR(f->file);
	test->priv = f;
	/* A process gives the memory. It is a file, and so outlives the process. */
	addr = compat_kunit_vm_mmap(test, f->file, 0, PAGE(1), PROT_READ | PROT_WRITE,
				    MAP_SHARED, 0);
	if (!addr || IS_ERR_VALUE(addr))
		kunit_skip(test, "no address space");
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		size = PAGE(ranges[i].last - ranges[i].first + 1);
		region = region_create_backing(f->file, 0, size,
					       REGION_SHARED | ranges[i].flags);
		KUNIT_ASSERT_FALSE(test, IS_ERR(region));
		KUNIT_ASSERT_EQ(test, nyx_memory_add(f->unit, PAGE(ranges[i].first),
						     PAGE(ranges[i].last + 1) - 1, region), 0);
	}
	mm = current->mm;
	kthread_unuse_mm(mm);
	mmput(mm);
	f->dom = make_domain(f->unit, NYX_DOMAIN_PAGING, 1);
	f->identity = make_domain(f->unit, NYX_DOMAIN_IDENTITY, 2);
	KUNIT_ASSERT_NOT_NULL(test, f->dom);
	KUNIT_ASSERT_NOT_NULL(test, f->identity);
	f->source = (struct source) {
		.unit = f->unit,
		.dom = f->dom,
		.attrs = { .perm = NYX_ACC_RW },
		.budget = ENDLESS,
	};
	return 0;
}

static void source_exit(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (!f)
		return;
	if (f->dom)
		nyx_domain_put(f->dom);
	if (f->identity)
		nyx_domain_put(f->identity);
	fput(f->file);
}

static void map(struct kunit *test, u64 first, u64 last, u64 gpa, u32 perm)
{
	struct fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, nyx_domain_map(f->dom, PAGE(first), PAGE(last + 1) - 1,
					     PAGE(gpa), perm), 0);
}

/* Look for the first run in pages @first to @last. */
static int find(struct fixture *f, u64 first, u64 last)
{
	return source_next(&f->source, PAGE(first), PAGE(last) | NYX_PAGE_MASK, &f->run);
}

static bool is_run(const struct fixture *f, u64 first, u64 last, u64 gpa, u32 prot)
{
	const struct shadow_run *run = &f->run;

	return run->iova == PAGE(first) && run->last == (PAGE(last) | NYX_PAGE_MASK) &&
	       run->gpa == PAGE(gpa) && run->prot == prot;
}

#define EXPECT_RUN(_test, _f, _from, _to, _first, _last, _gpa, _prot) do {	\
	KUNIT_EXPECT_EQ(_test, find(_f, _from, _to), 1);			\
	KUNIT_EXPECT_TRUE_MSG(_test, is_run(_f, _first, _last, _gpa, _prot),	\
			      "%llx to %llx, %llx, %x", (_f)->run.iova,		\
			      (_f)->run.last, (_f)->run.gpa, (_f)->run.prot);	\
} while (0)

static void leaves_add_up(struct kunit *test)
{
	struct fixture *f = test->priv;

	map(test, 100, 101, 0, NYX_ACC_RW);
	map(test, 102, 103, 2, NYX_ACC_RW);
	map(test, 104, 104, 4, NYX_ACC_READ);
	map(test, 105, 105, 6, NYX_ACC_READ);
	EXPECT_RUN(test, f, 0, 1000, 100, 103, 0, NYX_ACC_RW);
	/* The range begins and ends inside. */
	EXPECT_RUN(test, f, 101, 1000, 101, 103, 1, NYX_ACC_RW);
	EXPECT_RUN(test, f, 101, 102, 101, 102, 1, NYX_ACC_RW);
	EXPECT_RUN(test, f, 103, 103, 103, 103, 3, NYX_ACC_RW);
	/* Another permission, another GPA. */
	EXPECT_RUN(test, f, 104, 1000, 104, 104, 4, NYX_ACC_READ);
	EXPECT_RUN(test, f, 105, 1000, 105, 105, 6, NYX_ACC_READ);
	KUNIT_EXPECT_EQ(test, find(f, 0, 99), 0);
	KUNIT_EXPECT_EQ(test, find(f, 106, U64_MAX >> NYX_PAGE_LG2), 0);
}

static void runs_are_of_one_memory(struct kunit *test)
{
	struct fixture *f = test->priv;
	const void *memory;

	map(test, 200, 219, 4, NYX_ACC_RW);
	EXPECT_RUN(test, f, 0, 1000, 200, 203, 4, NYX_ACC_RW);
	memory = f->run.memory;
	EXPECT_RUN(test, f, 203, 1000, 203, 203, 7, NYX_ACC_RW);
	KUNIT_EXPECT_PTR_EQ(test, f->run.memory, memory);
	EXPECT_RUN(test, f, 204, 1000, 204, 211, 8, NYX_ACC_RW);
	KUNIT_EXPECT_PTR_NE(test, f->run.memory, memory);
	/* The rest leads nowhere. */
	KUNIT_EXPECT_EQ(test, find(f, 212, 219), 0);
	/* The first part does. */
	map(test, 300, 309, 28, NYX_ACC_READ);
	EXPECT_RUN(test, f, 212, 1000, 304, 309, 32, NYX_ACC_READ);
	KUNIT_EXPECT_EQ(test, find(f, 212, 303), 0);
}

static void memory_may_be_read_only(struct kunit *test)
{
	struct fixture *f = test->priv;

	map(test, 300, 303, 32, NYX_ACC_RW);
	EXPECT_RUN(test, f, 0, 1000, 300, 303, 32, NYX_ACC_READ);
	/* Nothing can be done there, but behind it. */
	map(test, 320, 323, 36, NYX_ACC_WRITE);
	map(test, 324, 324, 3, NYX_ACC_WRITE);
	EXPECT_RUN(test, f, 304, 1000, 324, 324, 3, NYX_ACC_WRITE);
	KUNIT_EXPECT_EQ(test, find(f, 304, 323), 0);
}

static void context_cuts_permissions(struct kunit *test)
{
	struct fixture *f = test->priv;

	map(test, 10, 11, 0, NYX_ACC_RW);
	map(test, 12, 12, 2, NYX_ACC_WRITE);
	f->source.attrs.perm = NYX_ACC_READ;
	EXPECT_RUN(test, f, 0, 1000, 10, 11, 0, NYX_ACC_READ);
	KUNIT_EXPECT_EQ(test, find(f, 12, 1000), 0);
	f->source.attrs.perm = 0;
	KUNIT_EXPECT_EQ(test, find(f, 0, 1000), 0);
}

/* Addresses of the exclusion range lead to themselves, whatever the table says. */
static void exclusion_range_is_not_translated(struct kunit *test)
{
	struct fixture *f = test->priv;

	map(test, 0, 7, 8, NYX_ACC_READ);
	f->source.attrs.excl = true;
	f->source.attrs.excl_first = PAGE(2);
	f->source.attrs.excl_last = PAGE(6) - 1;
	EXPECT_RUN(test, f, 0, 1000, 0, 1, 8, NYX_ACC_READ);
	EXPECT_RUN(test, f, 2, 1000, 2, 5, 2, NYX_ACC_RW);
	EXPECT_RUN(test, f, 4, 4, 4, 4, 4, NYX_ACC_RW);
	EXPECT_RUN(test, f, 6, 1000, 6, 7, 14, NYX_ACC_READ);
	f->source.attrs.excl = false;
	EXPECT_RUN(test, f, 0, 1000, 0, 7, 8, NYX_ACC_READ);
}

static void identity_ends_with_the_width(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 last = U64_MAX >> NYX_PAGE_LG2;

	f->source.dom = f->identity;
	EXPECT_RUN(test, f, 0, last, 0, 7, 0, NYX_ACC_RW);
	EXPECT_RUN(test, f, 8, last, 8, 15, 8, NYX_ACC_RW);
	EXPECT_RUN(test, f, 16, last, 32, 39, 32, NYX_ACC_READ);
	EXPECT_RUN(test, f, 40, last, MSI_PAGE - 2, MSI_PAGE + MSI_PAGES + 1, MSI_PAGE - 2,
		   NYX_ACC_RW);
	KUNIT_EXPECT_EQ(test, find(f, MSI_PAGE + MSI_PAGES + 2, last), 0);
	/* Pages 0 to 3 are all that it has. */
	f->identity->stage.width = NYX_PAGE_LG2 + 2;
	EXPECT_RUN(test, f, 0, last, 0, 3, 0, NYX_ACC_RW);
	KUNIT_EXPECT_EQ(test, find(f, 4, last), 0);
}

/* Neither an IOVA nor a GPA of interrupt messages is memory, for some tables. */
static void interrupt_messages_are_no_memory(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 end = MSI_PAGE + MSI_PAGES;

	f->source.dom = f->identity;
	f->identity->stage.msi_window = true;
	EXPECT_RUN(test, f, 40, 2 * MSI_PAGE, MSI_PAGE - 2, MSI_PAGE - 1, MSI_PAGE - 2,
		   NYX_ACC_RW);
	EXPECT_RUN(test, f, MSI_PAGE, 2 * MSI_PAGE, end, end + 1, end, NYX_ACC_RW);
	KUNIT_EXPECT_EQ(test, find(f, MSI_PAGE, end - 1), 0);

	f->source.dom = f->dom;
	/* IOVAs before the range, inside, and behind it. */
	map(test, MSI_PAGE - 2, MSI_PAGE + 1, 0, NYX_ACC_RW);
	map(test, end - 2, end + 1, 8, NYX_ACC_RW);
	/* GPAs before the range, inside, and behind it. */
	map(test, 400, 403, MSI_PAGE - 2, NYX_ACC_RW);
	map(test, 500, 503, end - 2, NYX_ACC_RW);
	EXPECT_RUN(test, f, 400, 1000, 400, 403, MSI_PAGE - 2, NYX_ACC_RW);
	f->dom->stage.msi_window = true;
	EXPECT_RUN(test, f, 400, 1000, 400, 401, MSI_PAGE - 2, NYX_ACC_RW);
	EXPECT_RUN(test, f, 402, 1000, 502, 503, end, NYX_ACC_RW);
	EXPECT_RUN(test, f, 1000, 2 * MSI_PAGE, MSI_PAGE - 2, MSI_PAGE - 1, 0, NYX_ACC_RW);
	EXPECT_RUN(test, f, MSI_PAGE, 2 * MSI_PAGE, end, end + 1, 10, NYX_ACC_RW);
}

static void budget_is_spent(struct kunit *test)
{
	struct fixture *f = test->priv;

	map(test, 100, 107, 0, NYX_ACC_RW);
	f->source.budget = 0;
	KUNIT_EXPECT_EQ(test, find(f, 30, 1000), -EAGAIN);
	KUNIT_EXPECT_EQ(test, f->run.iova, PAGE(30));
	/* The hole is looked at, and not again. */
	f->source.budget = 1;
	KUNIT_EXPECT_EQ(test, find(f, 30, 1000), -EAGAIN);
	KUNIT_EXPECT_EQ(test, f->run.iova, PAGE(100));
	KUNIT_EXPECT_EQ(test, f->source.budget, 0u);
	f->source.budget = 1;
	EXPECT_RUN(test, f, 100, 107, 100, 107, 0, NYX_ACC_RW);
	KUNIT_EXPECT_EQ(test, f->source.budget, 0u);
	/* A hole of all addresses is one look-up. */
	f->source.budget = 1;
	KUNIT_EXPECT_EQ(test, find(f, 108, U64_MAX >> NYX_PAGE_LG2), 0);
}

static struct kunit_case source_cases[] = {
	KUNIT_CASE(leaves_add_up),
	KUNIT_CASE(runs_are_of_one_memory),
	KUNIT_CASE(memory_may_be_read_only),
	KUNIT_CASE(context_cuts_permissions),
	KUNIT_CASE(exclusion_range_is_not_translated),
	KUNIT_CASE(identity_ends_with_the_width),
	KUNIT_CASE(interrupt_messages_are_no_memory),
	KUNIT_CASE(budget_is_spent),
	{}
};

static struct kunit_suite source_suite = {
	.name = "nyx_source",
	.init = source_init,
	.exit = source_exit,
	.test_cases = source_cases,
};

kunit_test_suite(source_suite);
