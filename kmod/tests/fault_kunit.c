// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_fault: each source of a fault fills in a struct nyx_fault_info, and
 * nyx_fault_report() makes of it what counters, the event stream and the guest's log have.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The vIOMMU model is the suite's own: its tables say what a case wants, and its log
 * keeps the last fault.
 */
#include <kunit/test.h>

#include "base/reason.h"
#include "base/types.h"
#include "core/access/context.h"
#include "core/access/device.h"
#include "core/access/dma.h"
#include "core/access/page.h"
#include "core/attach.h"
#include "core/fault/event.h"
#include "core/irq/irq.h"
#include "core/space/domain.h"
#include "core/unit.h"
#include "suite_unit.h"

#define SBDF	0x0018u
#define DID	0x51u
#define IOVA	0x201008ull
#define ROOT	0x5000ull
#define MSI	0xfee00000ull
#define INDEX	3u
#define FPD	BIT(8)	/* of a message's data: the guest's log does not get its fault */
#define LENGTH	8u

/* Codes of the model: of a decoder, and of a fault that has none by itself. */
#define DECODED		0x71u
#define NAMED(reason)	(0x80u + (reason))

/**
 * struct fixture - a unit with a device, kunit.priv
 * @test: the case
 * @viommu: the vIOMMU model of the unit
 * @unit: the unit
 * @entry: what the context entry says
 * @irte: what an interrupt remapping table entry says
 * @decoder: the fault that a decoder finds instead, or reason NYX_FAULT_NONE
 * @log: the last fault in the guest's log
 * @nr_log: faults in it
 */
struct fixture {
	struct kunit *test;
	struct suite_viommu viommu;
	struct nyx_unit *unit;
	struct nyx_ctx_entry entry;
	struct irt_entry irte;
	struct nyx_fault_info decoder;
	struct nyx_fault_info log;
	unsigned int nr_log;
};

static struct fixture *to_fixture(struct nyx_viommu *viommu)
{
	return container_of(viommu, struct fixture, viommu.base);
}

static bool viommu_decode_device(struct nyx_viommu *viommu, u32 sbdf, u32 pasid,
				 struct nyx_ctx_entry *entry,
				 struct nyx_fault_info *fault)
{
	struct fixture *f = to_fixture(viommu);

	if (f->decoder.reason != NYX_FAULT_NONE) {
		*fault = f->decoder;
		return false;
	}
	*entry = f->entry;
	return true;
}

static u32 viommu_decode_msg(u32 imode, u32 mode, u64 address, u32 data,
			     struct irt_msg *msg)
{
	*msg = (struct irt_msg) {
		.index = data & 0xff,
		.flags = data & FPD ? NYX_IRTE_F_FPD : 0,
	};
	return address == MSI ? NYX_FAULT_NONE : NYX_FAULT_IRQ_REQUEST;
}

static int viommu_decode_irte(struct nyx_viommu *viommu, u32 sbdf, u32 index,
			      struct irt_entry *e, struct nyx_fault_info *fault)
{
	struct fixture *f = to_fixture(viommu);

	if (f->decoder.reason != NYX_FAULT_NONE) {
		*fault = f->decoder;
		return -EACCES;
	}
	*e = f->irte;
	return 0;
}

static u16 viommu_fault_code(const struct nyx_fault_info *info)
{
	return info->code ?: NAMED(info->reason);
}

static void viommu_log_fault(struct nyx_viommu *viommu, u32 sbdf,
			     const struct nyx_fault_info *info)
{
	struct fixture *f = to_fixture(viommu);

	KUNIT_EXPECT_EQ(f->test, sbdf, SBDF);
	f->log = *info;
	f->nr_log++;
}

static const struct nyx_viommu_ops viommu_ops = {
	.destroy = suite_viommu_destroy,
	.decode_device = viommu_decode_device,
	.decode_msg = viommu_decode_msg,
	.decode_irte = viommu_decode_irte,
	.fault_code = viommu_fault_code,
	.log_fault = viommu_log_fault,
};

static int fault_init(struct kunit *test)
{
	static const struct nyx_unit_config cfg = {
		SUITE_UNIT(NYX_MODEL_NATIVE, 48), .irt_entries = 16,
	};
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	*f = (struct fixture) {
		.test = test,
		.unit = suite_unit_open(test, &cfg),
		.entry = {
			.attrs = { .perm = NYX_ACC_RW, .model = 5 },
			.stage = {
				.kind = NYX_STAGE_GUEST, .width = 48, .msi_window = true,
			},
			.table = {
				.did = DID,
				.cfg = { .format = PT_VTDSS, .levels = 4 },
				.root = ROOT,
			},
		},
	};
	test->priv = f;
	suite_viommu_use(&f->viommu, f->unit, &viommu_ops);
	return nyx_device_add(f->unit, SBDF);
}

/* ---- comparing ---------------------------------------------------------- */

#define SAME(field)	KUNIT_EXPECT_EQ_MSG(test, got->field, want->field, "%s", #field)

static void expect_same(struct kunit *test, const struct nyx_fault_info *got,
			const struct nyx_fault_info *want)
{
	SAME(reason);
	SAME(code);
	SAME(irq);
	SAME(fpd);
	SAME(unreported);
	SAME(access);
	SAME(level);
	SAME(levels);
	SAME(model);
	SAME(pasid);
	SAME(did);
	SAME(address);
	SAME(gpa);
	SAME(entry);
	SAME(entry_gpa);
	SAME(length);
	SAME(index);
	SAME(data);
}

static void expect_record(struct kunit *test, const struct nyx_event *event,
			  const struct nyx_fault_info *want)
{
	const struct nyx_event_irq_fault *irq = &event->irq_fault;
	const struct nyx_event_fault *dma = &event->fault;

	if (want->irq) {
		KUNIT_ASSERT_EQ(test, event->type, (u32)NYX_EVENT_IRQ_FAULT);
		KUNIT_EXPECT_EQ(test, irq->sbdf, SBDF);
		KUNIT_EXPECT_EQ(test, irq->reason, want->reason);
		KUNIT_EXPECT_EQ(test, irq->index, want->index);
		KUNIT_EXPECT_EQ(test, irq->data, want->data);
		KUNIT_EXPECT_EQ(test, irq->address, want->address);
		KUNIT_EXPECT_EQ(test, irq->vendor, (u32)want->code);
		KUNIT_EXPECT_EQ(test, irq->count, 1ull);
		return;
	}
	KUNIT_ASSERT_EQ(test, event->type, (u32)NYX_EVENT_FAULT);
	KUNIT_EXPECT_EQ(test, dma->sbdf, SBDF);
	KUNIT_EXPECT_EQ(test, dma->pasid, want->pasid);
	KUNIT_EXPECT_EQ(test, dma->length, want->length);
	KUNIT_EXPECT_EQ(test, dma->count, 1ull);
	KUNIT_EXPECT_EQ(test, dma->fault.reason, want->reason);
	KUNIT_EXPECT_EQ(test, dma->fault.access, want->access);
	KUNIT_EXPECT_EQ(test, dma->fault.level, want->level);
	KUNIT_EXPECT_EQ(test, dma->fault.vendor, want->code);
	KUNIT_EXPECT_EQ(test, dma->fault.iova, want->address);
	KUNIT_EXPECT_EQ(test, dma->fault.gpa, want->gpa);
}

/* Counters, records and the guest's log have what follows from @want, and no more. */
static void expect_reported(struct fixture *f, const struct nyx_fault_info *want)
{
	bool quarantined = want->reason == NYX_FAULT_QUARANTINED;
	bool fault = !quarantined;
	struct nyx_device *dev = xa_load(&f->unit->devices, SBDF);
	struct kunit *test = f->test;
	struct nyx_event event;
	bool ended;
	u64 pos = 0;

	KUNIT_EXPECT_EQ(test, nyx_stat_get(dev->stats, NYX_STAT_QUARANTINED_ACCESSES),
			(u64)quarantined);
	KUNIT_EXPECT_EQ(test, nyx_stat_get(dev->stats, NYX_STAT_FAULTS), (u64)fault);
	KUNIT_EXPECT_EQ(test, nyx_stat_get(dev->stats, NYX_STAT_IRQ_FAULTS),
			(u64)(fault && want->irq));
	KUNIT_EXPECT_EQ(test, atomic64_read(&dev->faults), (s64)fault);
	KUNIT_EXPECT_EQ(test, dev->tracker.state.score.sum, (u32)fault);
	KUNIT_EXPECT_EQ(test, f->nr_log, (unsigned int)(fault && !want->fpd));
	if (f->nr_log)
		expect_same(test, &f->log, want);
	/* A command that quarantines the device has a record, too. */
	while (nyx_events_pull(f->unit->events, &pos, &event, 1, &ended) &&
	       event.type == NYX_EVENT_DEVICE_STATE)
		;
	KUNIT_ASSERT_EQ(test, pos, (u64)fault + quarantined);
	KUNIT_EXPECT_EQ(test, nyx_events_pull(f->unit->events, &pos, &event, 1, &ended), 0u);
	if (fault)
		expect_record(test, &event, want);
}

/* ---- the sources -------------------------------------------------------- */

static struct nyx_fault_info of_dma(u32 reason)
{
	return (struct nyx_fault_info) {
		.reason = reason,
		.code = NAMED(reason),
		.access = NYX_ACC_WRITE,
		.level = NYX_LEVEL_NONE,
		.levels = 4,
		.model = 5,
		.pasid = NYX_PASID_NONE,
		.did = DID,
		.address = IOVA,
		.gpa = NYX_GPA_UNKNOWN,
		.length = LENGTH,
	};
}

static void check_dma(struct fixture *f, const struct nyx_fault_info *want)
{
	struct nyx_dma_req req = {
		.sbdf = SBDF, .pasid = NYX_PASID_NONE, .op = NYX_DMA_FILL, .width = 1,
		.iova = want->address, .length = LENGTH,
	};

	KUNIT_ASSERT_EQ(f->test, nyx_dma_do(f->unit, &req), 0);
	expect_same(f->test, &req.fault, want);
	expect_reported(f, want);
}

static struct nyx_fault_info of_irq(u32 reason, u32 data)
{
	return (struct nyx_fault_info) {
		.reason = reason,
		.code = NAMED(reason),
		.irq = true,
		.fpd = data & FPD,
		.access = NYX_ACC_WRITE,
		.level = NYX_LEVEL_NONE,
		.pasid = NYX_PASID_NONE,
		.address = MSI,
		.gpa = NYX_GPA_UNKNOWN,
		.index = INDEX,
		.data = data,
	};
}

static void check_irq(struct fixture *f, const struct nyx_fault_info *want)
{
	const struct nyx_irq_req req = {
		.sbdf = SBDF, .address = want->address, .data = want->data,
	};
	struct nyx_irq_reply reply;

	/* A probe meets the same, and reports nothing. */
	KUNIT_ASSERT_EQ(f->test, nyx_irq_probe(f->unit, &req, &reply), 0);
	KUNIT_EXPECT_EQ(f->test, reply.result, (u32)NYX_IRQ_REFUSED);
	expect_same(f->test, &reply.fault, want);
	KUNIT_ASSERT_EQ(f->test, nyx_irq_send(f->unit, &req, &reply), 0);
	KUNIT_EXPECT_EQ(f->test, reply.result, (u32)NYX_IRQ_REFUSED);
	expect_same(f->test, &reply.fault, want);
	expect_reported(f, want);
}

static void walker_finds_width(struct kunit *test)
{
	struct nyx_fault_info want = of_dma(NYX_FAULT_ADDRESS_WIDTH);

	want.address = 1ull << 48;
	check_dma(test->priv, &want);
}

/* The unit has no memory: the top table cannot be read. */
static void walker_cannot_read(struct kunit *test)
{
	struct nyx_fault_info want = of_dma(NYX_FAULT_TABLE_ACCESS);

	want.level = 3;
	want.address |= 7ull << 39;
	want.entry_gpa = ROOT + 7 * sizeof(u64);
	check_dma(test->priv, &want);
}

static void fpd_is_for_the_guest(struct kunit *test)
{
	struct nyx_fault_info want = of_dma(NYX_FAULT_TABLE_ACCESS);
	struct fixture *f = test->priv;

	f->entry.attrs.fpd = true;
	want.fpd = true;
	want.level = 3;
	want.entry_gpa = ROOT;
	check_dma(f, &want);
}

static void decoder_finds_no_context(struct kunit *test)
{
	struct nyx_fault_info want = of_dma(NYX_FAULT_CONTEXT);
	struct fixture *f = test->priv;

	f->decoder = (struct nyx_fault_info) {
		.reason = NYX_FAULT_CONTEXT, .code = DECODED, .did = 7, .entry_gpa = 0x9000,
	};
	want.code = DECODED;
	want.did = 7;
	want.levels = 0;
	want.model = 0;
	want.entry_gpa = 0x9000;
	check_dma(f, &want);
}

static void context_blocks(struct kunit *test)
{
	struct nyx_fault_info want = of_dma(NYX_FAULT_CONTEXT);
	struct fixture *f = test->priv;

	f->entry.attrs.block_reason = NYX_FAULT_CONTEXT;
	f->entry.attrs.code = DECODED;
	want.code = DECODED;
	check_dma(f, &want);
}

static void context_denies(struct kunit *test)
{
	struct nyx_fault_info want = of_dma(NYX_FAULT_WRITE_DENIED);
	struct fixture *f = test->priv;

	f->entry.attrs.perm = NYX_ACC_READ;
	check_dma(f, &want);
}

static void no_memory_is_there(struct kunit *test)
{
	struct nyx_fault_info want = of_dma(NYX_FAULT_NO_MEMORY);
	struct fixture *f = test->priv;

	f->entry.stage.kind = NYX_STAGE_IDENTITY;
	want.levels = 0;
	want.gpa = IOVA;
	check_dma(f, &want);
}

static void message_is_none(struct kunit *test)
{
	struct nyx_fault_info want = of_irq(NYX_FAULT_IRQ_REQUEST, INDEX);

	want.address = MSI + 4;
	check_irq(test->priv, &want);
}

static void message_has_fpd(struct kunit *test)
{
	struct nyx_fault_info want = of_irq(NYX_FAULT_IRQ_REQUEST, INDEX | FPD);

	want.address = MSI + 4;
	check_irq(test->priv, &want);
}

/* The decoder knows more than the message says: that the fault is reported, too. */
static void decoder_finds_no_entry(struct kunit *test)
{
	struct nyx_fault_info want = of_irq(NYX_FAULT_IRQ_TABLE, INDEX | FPD);
	struct fixture *f = test->priv;

	f->decoder = (struct nyx_fault_info) {
		.reason = NYX_FAULT_IRQ_TABLE, .code = DECODED, .did = 7, .entry_gpa = 0x9000,
	};
	want.code = DECODED;
	want.fpd = false;
	want.did = 7;
	want.entry_gpa = 0x9000;
	check_irq(f, &want);
}

static void entry_is_of_another(struct kunit *test)
{
	struct nyx_fault_info want = of_irq(NYX_FAULT_IRQ_SOURCE, INDEX);
	struct fixture *f = test->priv;

	f->irte = (struct irt_entry) {
		.vector = 0x41, .check = NYX_SOURCE_RID, .source = SBDF + 1,
	};
	check_irq(f, &want);
}

static void quarantine(struct fixture *f)
{
	KUNIT_ASSERT_EQ(f->test, nyx_device_control(f->unit, SBDF,
						    NYX_DEVICE_DO_QUARANTINE), 0);
}

static void quarantine_blocks_dma(struct kunit *test)
{
	struct nyx_fault_info want = of_dma(NYX_FAULT_QUARANTINED);

	quarantine(test->priv);
	check_dma(test->priv, &want);
}

static void quarantine_blocks_irq(struct kunit *test)
{
	struct nyx_fault_info want = of_irq(NYX_FAULT_QUARANTINED, INDEX);

	want.index = IRT_INDEX_NONE;
	quarantine(test->priv);
	check_irq(test->priv, &want);
}

static void quarantine_blocks_page_request(struct kunit *test)
{
	static const struct nyx_page page = { .iova = IOVA, .access = NYX_PROT_READ };
	struct nyx_fault_info want = of_dma(NYX_FAULT_QUARANTINED);
	struct nyx_page_req req = {
		.sbdf = SBDF, .pasid = NYX_PASID_NONE, .page = &page, .nr = 1,
	};
	struct fixture *f = test->priv;

	quarantine(f);
	KUNIT_EXPECT_EQ(test, nyx_page_request(f->unit, &req), NYX_ERR(QUARANTINED));
	expect_reported(f, &want);
}

static struct kunit_case fault_cases[] = {
	KUNIT_CASE(walker_finds_width),
	KUNIT_CASE(walker_cannot_read),
	KUNIT_CASE(fpd_is_for_the_guest),
	KUNIT_CASE(decoder_finds_no_context),
	KUNIT_CASE(context_blocks),
	KUNIT_CASE(context_denies),
	KUNIT_CASE(no_memory_is_there),
	KUNIT_CASE(message_is_none),
	KUNIT_CASE(message_has_fpd),
	KUNIT_CASE(decoder_finds_no_entry),
	KUNIT_CASE(entry_is_of_another),
	KUNIT_CASE(quarantine_blocks_dma),
	KUNIT_CASE(quarantine_blocks_irq),
	KUNIT_CASE(quarantine_blocks_page_request),
	{}
};

static struct kunit_suite fault_suite = {
	.name = "nyx_fault",
	.init = fault_init,
	.test_cases = fault_cases,
};

kunit_test_suite(fault_suite);
