// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_load: the state of a unit in use, loaded into another one.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Two units of a vendor model have the same guest memory, a file. A driver sets up the
 * first: tables, queue, interrupts, logs. Its state goes to the second; then both do the
 * same, and must end alike. Numbers are those of the specifications: VT-d 4.1, chapters 9
 * and 11; AMD IOMMU 3.10, sections 2.2, 2.4, 2.5 and 3.4.
 *
 * Module parameters: load_seed repeats a random run (0: take the clock; it is printed).
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/string.h>

#include "base/types.h"
#include "compat.h"
#include "core/access/device.h"
#include "core/access/dma.h"
#include "core/fault/event.h"
#include "core/irq/irq.h"
#include "core/space/memory.h"
#include "core/unit.h"
#include "mem/region_priv.h"
#include "viommu/stream.h"
#include "viommu/vendor.h"

static unsigned long load_seed;
module_param(load_seed, ulong, 0444);
MODULE_PARM_DESC(load_seed, "seed of the random cases of nyx_load; 0: the clock");

#define SBDF	0x0010u

/* Guest memory: where the driver has its things. */
#define TABLE	0x1000ull	/* root table, or device table */
#define CONTEXT	0x2000ull
#define IRT	0x3000ull
#define PT(n)	(0x4000ull + 0x1000ull * (n))	/* page table, by level */
#define QUEUE	0x8000ull
#define LOG	0x9000ull
#define STATUS	0xa000ull
#define DATA	0xb000ull
#define SIZE	0x10000u

#define IOVA	0x10000ull	/* leads to DATA */
#define WRONG	0x20000ull	/* leads nowhere */
#define ENTRY	5u
#define VECTOR	0x41u
#define FAULTS	5u

/**
 * struct model - a vendor's model, as a driver sees it
 * @name: for people
 * @configure: what kind of unit
 * @boot: set up tables and registers
 * @acknowledge: take the faults out of the log, so that the next one sends an interrupt
 * @command: fill in the next command, which stores @token, and tell the unit
 * @msi: address of the message for ENTRY
 * @data: its data
 */
struct model {
	const char *name;
	void (*configure)(struct nyx_unit_config *cfg);
	void (*boot)(struct kunit *test, struct nyx_unit *unit);
	void (*acknowledge)(struct kunit *test, struct nyx_unit *unit);
	void (*command)(struct kunit *test, struct nyx_unit *unit, u32 token);
	u64 msi;
	u32 data;
};

/**
 * struct fixture - kunit.priv
 * @model: the model
 * @memory: guest memory
 * @unit: two units
 * @stream: the state, of @len bytes
 * @copy: likewise
 * @len: their length
 * @draw: state of the random numbers
 */
struct fixture {
	const struct model *model;
	struct file *memory;
	struct nyx_unit *unit[2];
	u8 *stream;
	u8 *copy;
	size_t len;
	u64 draw;
};

static u64 draw(struct fixture *f)
{
	f->draw ^= f->draw >> 12;
	f->draw ^= f->draw << 25;
	f->draw ^= f->draw >> 27;
	return f->draw * 0x2545f4914f6cdd1dull;
}

static void store(struct kunit *test, u64 gpa, u64 value)
{
	struct fixture *f = test->priv;
	__le64 word = cpu_to_le64(value);
	loff_t pos = gpa;

	KUNIT_ASSERT_EQ(test, kernel_write(f->memory, &word, sizeof(word), &pos),
			(ssize_t)sizeof(word));
}

static u64 fetch(struct kunit *test, u64 gpa)
{
	struct fixture *f = test->priv;
	loff_t pos = gpa;
	__le64 word;

	KUNIT_ASSERT_EQ(test, kernel_read(f->memory, &word, sizeof(word), &pos),
			(ssize_t)sizeof(word));
	return le64_to_cpu(word);
}

static void set(struct kunit *test, struct nyx_unit *unit, u32 offset, u32 size, u64 value)
{
	KUNIT_ASSERT_EQ(test, vendor_mmio_write(unit->guest.viommu, offset, size, value), 0);
}

static u64 get(struct kunit *test, struct nyx_unit *unit, u32 offset, u32 size)
{
	u64 value;

	KUNIT_ASSERT_EQ(test, vendor_mmio_read(unit->guest.viommu, offset, size, &value), 0);
	return value;
}

/* ---- VT-d ------------------------------------------------------------------------ */

static void vtd_configure(struct nyx_unit_config *cfg)
{
	struct nyx_unit_vtd *opt = (void *)cfg->data;

	cfg->model = NYX_MODEL_VTD;
	cfg->address_width = 48;
	cfg->irt_entries = IRT_MAX_ENTRIES;
	opt->faults = 8;
}

static void vtd_boot(struct kunit *test, struct nyx_unit *unit)
{
	store(test, TABLE, CONTEXT | 1);
	/* Three levels, domain 7 */
	store(test, CONTEXT + 16 * SBDF, PT(2) | 1);
	store(test, CONTEXT + 16 * SBDF + 8, 1 | 7 << 8);
	store(test, PT(2), PT(1) | 3);
	store(test, PT(1), PT(0) | 3);
	store(test, PT(0) + 8 * (IOVA >> 12), DATA | 3);
	store(test, IRT + 16 * ENTRY, VECTOR << 16 | 1);
	set(test, unit, 0x20, 8, TABLE);	/* RTADDR */
	set(test, unit, 0xb8, 8, IRT | 2);	/* IRTA: 8 entries */
	set(test, unit, 0x18, 4, 0x41000000);	/* GCMD: SRTP, SIRTP */
	set(test, unit, 0x90, 8, QUEUE);	/* IQA */
	set(test, unit, 0x3c, 4, 0x31);		/* FEDATA, FEADDR, FECTL */
	set(test, unit, 0x40, 4, 0xfee01000);
	set(test, unit, 0x38, 4, 0);
	set(test, unit, 0x18, 4, 0x86000000);	/* GCMD: TE, QIE, IRE */
}

static void vtd_acknowledge(struct kunit *test, struct nyx_unit *unit)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		set(test, unit, 0x228 + 16 * i, 8, 1ull << 63);
	set(test, unit, 0x34, 4, 0x7f);		/* FSTS */
}

static void vtd_command(struct kunit *test, struct nyx_unit *unit, u32 token)
{
	u64 tail = get(test, unit, 0x88, 8);

	/* All translations; then a wait that stores. */
	store(test, QUEUE + tail, 0x12);
	store(test, QUEUE + tail + 8, 0);
	store(test, QUEUE + tail + 16, (u64)token << 32 | 0x25);
	store(test, QUEUE + tail + 24, STATUS);
	set(test, unit, 0x88, 8, tail + 32);
	KUNIT_EXPECT_EQ(test, get(test, unit, 0x80, 8), tail + 32);
}

/* ---- AMD-Vi ---------------------------------------------------------------------- */

static void amdvi_configure(struct nyx_unit_config *cfg)
{
	cfg->model = NYX_MODEL_AMDVI;
	cfg->address_width = 48;
}

static void amdvi_boot(struct kunit *test, struct nyx_unit *unit)
{
	u64 dte = TABLE + 32 * SBDF;

	/* V, TV, one level, IR, IW; domain 7; remapping by a table of 8 entries */
	store(test, dte, PT(0) | 3 | 1 << 9 | 3ull << 61);
	store(test, dte + 8, 7);
	store(test, dte + 16, IRT | 3 << 1 | 1 | 2ull << 60);
	store(test, dte + 24, 0);
	store(test, PT(0) + 8 * (IOVA >> 12), DATA | 1 | 3ull << 61);
	/* Two entries of 32 bits in a word: RemapEn, vector */
	store(test, IRT + 4 * (ENTRY & ~1u), (u64)(VECTOR << 16 | 1) << 32);
	set(test, unit, 0x00, 8, TABLE);
	set(test, unit, 0x08, 8, QUEUE | 8ull << 56);
	set(test, unit, 0x10, 8, LOG | 8ull << 56);
	/* On, with a log and its interrupt, and commands */
	set(test, unit, 0x18, 8, 1 << 12 | 1 << 3 | 1 << 2 | 1);
}

static void amdvi_acknowledge(struct kunit *test, struct nyx_unit *unit)
{
	set(test, unit, 0x2010, 8, get(test, unit, 0x2018, 8));
	set(test, unit, 0x2020, 8, 1 << 1);	/* STATUS.EventLogInt */
}

static void amdvi_command(struct kunit *test, struct nyx_unit *unit, u32 token)
{
	u64 tail = get(test, unit, 0x2008, 8);

	/* INVALIDATE_IOMMU_ALL; COMPLETION_WAIT that stores */
	store(test, QUEUE + tail, 8ull << 60);
	store(test, QUEUE + tail + 8, 0);
	store(test, QUEUE + tail + 16, 1ull << 60 | STATUS | 1);
	store(test, QUEUE + tail + 24, token);
	set(test, unit, 0x2008, 8, tail + 32);
	KUNIT_EXPECT_EQ(test, get(test, unit, 0x2000, 8), tail + 32);
}

static const struct model models[] = {
	{
		.name = "vtd",
		.configure = vtd_configure,
		.boot = vtd_boot,
		.acknowledge = vtd_acknowledge,
		.command = vtd_command,
		.msi = 0xfee00010 | ENTRY << 5,
	},
	{
		.name = "amdvi",
		.configure = amdvi_configure,
		.boot = amdvi_boot,
		.acknowledge = amdvi_acknowledge,
		.command = amdvi_command,
		.msi = 0xfee00000,
		.data = ENTRY,
	},
};

static void describe(const struct model *m, char *desc)
{
	strscpy(desc, m->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(model, models, describe);

/* ---- units ----------------------------------------------------------------------- */

static struct nyx_unit *open_unit(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_unit_config cfg = {
		.iotlb_entries = 64, .event_entries = 64,
		.max_domains = 4, .max_devices = 4, .max_memory = 4, .shared = true,
	};
	struct region *region;
	struct nyx_unit *unit;

	f->model->configure(&cfg);
	unit = nyx_unit_create(&cfg);
	KUNIT_ASSERT_FALSE(test, IS_ERR(unit));
	f->unit[f->unit[0] ? 1 : 0] = unit;
	/* Each fault has a record, and nothing else follows. */
	unit->cfg.policy.action = NYX_ACTION_REPORT;
	unit->cfg.policy.records_per_s = U32_MAX;
	region = region_create_backing(f->memory, 0, SIZE, REGION_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR(region));
	KUNIT_ASSERT_EQ(test, nyx_memory_add(unit, 0, SIZE - 1, region), 0);
	KUNIT_ASSERT_EQ(test, nyx_device_add(unit, SBDF), 0);
	return unit;
}

static const struct state_desc *desc_of(const struct nyx_unit *unit)
{
	return to_vendor(unit->guest.viommu)->state;
}

static const void *state_of(const struct nyx_unit *unit)
{
	return to_vendor(unit->guest.viommu)->regs.value;
}

/* A process gives the memory. It is a file, and so outlives the process. */
static void open_units(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned long addr;
	struct mm_struct *mm;

	addr = compat_kunit_vm_mmap(test, f->memory, 0, SIZE, PROT_READ | PROT_WRITE,
				    MAP_SHARED, 0);
	if (!addr || IS_ERR_VALUE(addr))
		kunit_skip(test, "no address space");
	open_unit(test);
	open_unit(test);
	mm = current->mm;
	kthread_unuse_mm(mm);
	mmput(mm);
}

static struct fixture *begin(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	u64 gpa;

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->model = test->param_value;
	f->memory = shmem_file_setup("nyx-load", SIZE, VM_NORESERVE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(f->memory));
	test->priv = f;
	for (gpa = 0; gpa < SIZE; gpa += sizeof(u64))
		store(test, gpa, 0);
	open_units(test);
	f->len = state_save_size(desc_of(f->unit[0]));
	f->stream = kunit_kzalloc(test, f->len, GFP_KERNEL);
	f->copy = kunit_kzalloc(test, f->len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f->stream);
	KUNIT_ASSERT_NOT_NULL(test, f->copy);
	f->draw = load_seed ?: ktime_get_ns() | 1;
	kunit_info(test, "load_seed=%llu\n", (unsigned long long)f->draw);
	return f;
}

static void load_exit(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	if (!f)
		return;
	for (i = 0; i < 2; i++) {
		if (f->unit[i])
			nyx_unit_close(f->unit[i]);
	}
	fput(f->memory);
}

static void expect_equal(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct state_diff diff;

	KUNIT_EXPECT_TRUE_MSG(test, state_compare(desc_of(f->unit[0]), state_of(f->unit[0]),
						  state_of(f->unit[1]), &diff),
			      "%s[%u]: 0x%llx, 0x%llx", diff.name, diff.index, diff.a, diff.b);
}

/* ---- what a device and its driver do --------------------------------------------- */

/* The vendor's fault reason, or 0 if @token is where it was sent to. */
static u16 dma(struct kunit *test, struct nyx_unit *unit, u64 iova, u64 token)
{
	struct nyx_dma_req req = {
		.sbdf = SBDF, .pasid = NYX_PASID_NONE, .op = NYX_DMA_FILL, .width = 8,
		.iova = iova, .length = 8, .operand = token,
	};

	KUNIT_ASSERT_EQ(test, nyx_dma_do(unit, &req), 0);
	if (req.done == req.length)
		KUNIT_EXPECT_EQ(test, fetch(test, DATA), token);
	return req.fault.code;
}

/* The vector of an interrupt, or 0 if it is refused */
static u8 interrupt(struct kunit *test, struct nyx_unit *unit, u32 data)
{
	const struct model *m = ((struct fixture *)test->priv)->model;
	struct nyx_irq_req req = { .sbdf = SBDF, .address = m->msi, .data = data };
	struct nyx_irq_reply reply;

	KUNIT_ASSERT_EQ(test, nyx_irq_send(unit, &req, &reply), 0);
	return reply.result == NYX_IRQ_DELIVER ? reply.msg.vector : 0;
}

/**
 * struct outcome - what the driver sees of a unit in use
 * @code: the fault's reason
 * @events: records, those of the unit's own interrupts among them
 * @log: sum of the words of the log
 */
struct outcome {
	u16 code;
	u64 events;
	u64 log;
};

/* Translations, faults, interrupts and commands; and what has become of the log. */
static struct outcome use(struct kunit *test, struct nyx_unit *unit, u32 token)
{
	const struct model *m = ((struct fixture *)test->priv)->model;
	struct outcome out = { .events = unit->events->head };
	unsigned int i;
	u64 at;

	KUNIT_EXPECT_EQ(test, dma(test, unit, IOVA, token), 0);
	for (i = 0; i < FAULTS; i++)
		out.code = dma(test, unit, WRONG, token);
	KUNIT_EXPECT_NE(test, out.code, 0);
	m->acknowledge(test, unit);
	dma(test, unit, WRONG, token);
	KUNIT_EXPECT_EQ(test, interrupt(test, unit, m->data), VECTOR);
	m->command(test, unit, token);
	KUNIT_EXPECT_EQ(test, (u32)fetch(test, STATUS), token);
	/* The driver of either model reads its log, which brings that to memory. */
	get(test, unit, 0, 4);
	out.events = unit->events->head - out.events;
	for (at = LOG; at < LOG + 0x1000; at += sizeof(u64))
		out.log = out.log * 31 + fetch(test, at);
	return out;
}

static void save(struct kunit *test, struct nyx_unit *unit, u8 *to)
{
	KUNIT_ASSERT_EQ(test, vendor_save(unit->guest.viommu, to), 0);
}

static void load(struct kunit *test, struct nyx_unit *unit, const u8 *from)
{
	struct fixture *f = test->priv;
	struct state_error error = {};

	KUNIT_ASSERT_EQ_MSG(test, vendor_load(unit->guest.viommu, from, f->len, &error), 0,
			    "%s: %s", error.name ?: "-", error.why ?: "-");
}

/* ---- cases ----------------------------------------------------------------------- */

static void loaded_unit_goes_on(struct kunit *test)
{
	struct fixture *f = begin(test);
	struct outcome first, second;

	f->model->boot(test, f->unit[0]);
	use(test, f->unit[0], 0x1111);
	save(test, f->unit[0], f->stream);
	load(test, f->unit[1], f->stream);
	expect_equal(test);
	save(test, f->unit[1], f->copy);
	KUNIT_EXPECT_TRUE(test, !memcmp(f->stream, f->copy, f->len));
	second = use(test, f->unit[1], 0x2222);
	first = use(test, f->unit[0], 0x2222);
	KUNIT_EXPECT_EQ(test, first.code, second.code);
	KUNIT_EXPECT_EQ(test, first.events, second.events);
	KUNIT_EXPECT_EQ(test, first.log, second.log);
	/* All faults, and the interrupt of the last one */
	KUNIT_EXPECT_EQ(test, first.events, FAULTS + 2ull);
	expect_equal(test);
}

/* A load drops all that the unit has cached by the state before. */
static void loaded_state_replaces_another(struct kunit *test)
{
	struct fixture *f = begin(test);
	struct nyx_unit *unit = f->unit[0];

	f->model->boot(test, unit);
	use(test, unit, 0x1111);
	save(test, unit, f->stream);
	/* Off again: all pass. */
	KUNIT_ASSERT_EQ(test, vendor_reset(unit->guest.viommu), 0);
	KUNIT_EXPECT_EQ(test, dma(test, unit, DATA, 0x3333), 0);
	KUNIT_EXPECT_EQ(test, interrupt(test, unit, 0x99), 0x99);
	load(test, unit, f->stream);
	KUNIT_EXPECT_NE(test, dma(test, unit, DATA, 0x4444), 0);
	use(test, unit, 0x5555);
	/* And back: nothing of the tables is left. */
	save(test, f->unit[1], f->stream);
	load(test, unit, f->stream);
	KUNIT_EXPECT_EQ(test, dma(test, unit, DATA, 0x6666), 0);
	KUNIT_EXPECT_EQ(test, interrupt(test, unit, 0x98), 0x98);
	expect_equal(test);
}

/* A stream with bits changed is refused, with a reason, or the unit has its state. */
static void corrupted_stream(struct kunit *test)
{
	struct fixture *f = begin(test);
	const struct state_desc *desc = desc_of(f->unit[1]);
	unsigned int round, n, refused = 0, loaded = 0;
	struct state_error error;
	struct state_diff diff;
	void *before;
	int ret;

	before = kunit_kzalloc(test, desc->size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, before);
	f->model->boot(test, f->unit[0]);
	use(test, f->unit[0], 0x1111);
	save(test, f->unit[0], f->stream);
	for (round = 0; round < 500; round++) {
		memcpy(f->copy, f->stream, f->len);
		for (n = draw(f) >> 62; n < 4; n++)
			f->copy[16 + 24 * ((draw(f) >> 32) % desc->nr_regs) + 16 +
				(draw(f) >> 61)] ^= 1 << (draw(f) >> 61);
		memcpy(before, state_of(f->unit[1]), desc->size);
		error = (struct state_error){};
		ret = vendor_load(f->unit[1]->guest.viommu, f->copy, f->len, &error);
		if (ret) {
			refused++;
			KUNIT_ASSERT_EQ(test, ret, -EINVAL);
			KUNIT_ASSERT_NOT_NULL(test, error.why);
			KUNIT_ASSERT_TRUE_MSG(test, state_compare(desc, before,
								  state_of(f->unit[1]), &diff),
					      "a refused stream has changed %s[%u]",
					      diff.name, diff.index);
		} else {
			loaded++;
		}
		/* The unit has some state, and must not crash. */
		dma(test, f->unit[1], IOVA, round);
		dma(test, f->unit[1], WRONG, round);
		interrupt(test, f->unit[1], f->model->data);
		set(test, f->unit[1], f->model == &models[0] ? 0x88 : 0x2008, 8, 0x40);
		get(test, f->unit[1], 0, 4);
	}
	KUNIT_EXPECT_GT(test, refused, 0u);
	KUNIT_EXPECT_GT(test, loaded, 0u);
	load(test, f->unit[1], f->stream);
	use(test, f->unit[1], 0x7777);
}

static struct kunit_case load_cases[] = {
	KUNIT_CASE_PARAM(loaded_unit_goes_on, model_gen_params),
	KUNIT_CASE_PARAM(loaded_state_replaces_another, model_gen_params),
	KUNIT_CASE_PARAM(corrupted_stream, model_gen_params),
	{}
};

static struct kunit_suite load_suite = {
	.name = "nyx_load",
	.exit = load_exit,
	.test_cases = load_cases,
};

kunit_test_suite(load_suite);
