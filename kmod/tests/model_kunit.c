// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_model: a model that the core has never seen, see
 * Documentation/design/viommu.rst: its options, a context, a fault, an interrupt. And what of
 * VT-d only a race shows, unless its operation is called directly.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <kunit/test.h>
#include <linux/bitfield.h>
#include <linux/err.h>
#include <linux/string.h>

#include "base/reason.h"
#include "core/access/device.h"
#include "core/access/dma.h"
#include "core/access/translate.h"
#include "core/irq/irq.h"
#include "core/unit.h"
#include "suite_unit.h"
#include "tests/demo_model.h"

#define SBDF	0x0013u		/* uses context and entry 3 */
#define ENTRY	3u
#define MSI	0xfee00000ull

static struct nyx_unit_config config(u32 flags)
{
	struct nyx_unit_config cfg = {
		SUITE_UNIT(NYX_MODEL_DEMO, 0), .data_len = sizeof(struct demo_options),
	};
	const struct demo_options opt = { .flags = flags };

	memcpy(cfg.data, &opt, sizeof(opt));
	return cfg;
}

static struct nyx_unit *open_unit(struct kunit *test, u32 flags)
{
	struct nyx_unit_config cfg = config(flags);
	struct nyx_unit *unit;

	KUNIT_ASSERT_EQ(test, demo_model.configure(&cfg), 0);
	unit = suite_unit_open(test, &cfg);
	test->priv = unit;
	KUNIT_ASSERT_EQ(test, nyx_device_add(unit, SBDF), 0);
	return unit;
}

static void set(struct kunit *test, u32 offset, u64 value)
{
	struct nyx_unit *unit = test->priv;
	struct nyx_viommu *viommu = unit->guest.viommu;

	KUNIT_ASSERT_EQ(test, viommu->ops->mmio_write(viommu, offset, 8, value), 0);
}

/* The code of the last fault, which must be the device's. */
static u64 fault_code(struct kunit *test)
{
	struct nyx_unit *unit = test->priv;
	struct nyx_viommu *viommu = unit->guest.viommu;
	u64 value;

	KUNIT_ASSERT_EQ(test, viommu->ops->mmio_read(viommu, DEMO_FAULT, 8, &value), 0);
	if (value)
		KUNIT_EXPECT_EQ(test, FIELD_GET(DEMO_FAULT_RID, value), (u64)SBDF);
	return FIELD_GET(DEMO_FAULT_CODE, value);
}

static void model_is_found_by_number(struct kunit *test)
{
	struct nyx_unit_config cfg = config(0);
	struct nyx_unit *unit = open_unit(test, 0);

	KUNIT_EXPECT_STREQ(test, unit->guest.viommu->ops->name, "demo");
	/* The guest's device table knows one segment. */
	KUNIT_EXPECT_EQ(test, nyx_device_add(unit, 1u << 16), NYX_ERR(SEGMENT));
	cfg.model = NYX_MODEL_DEMO - 1;
	unit = nyx_unit_create(&cfg);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(unit), -EOPNOTSUPP);
}

static void options_are_checked_by_the_model(struct kunit *test)
{
	struct nyx_unit_config cfg = config(DEMO_F_READONLY);

	KUNIT_EXPECT_EQ(test, demo_model.configure(&cfg), 0);
	KUNIT_EXPECT_EQ(test, cfg.address_width, 48u);
	KUNIT_EXPECT_EQ(test, cfg.irt_entries, DEMO_ENTRIES);
	cfg = config(DEMO_F_READONLY << 1);
	KUNIT_EXPECT_EQ(test, demo_model.configure(&cfg), NYX_ERR(OPTION_UNKNOWN));
}

/* Let the device do a DMA, and say why it is stopped: the unit has no memory. */
static u32 dma_reason(struct kunit *test, u16 *vendor)
{
	struct nyx_dma_req req = {
		.sbdf = SBDF, .pasid = NYX_PASID_NONE, .op = NYX_DMA_FILL, .width = 1,
		.iova = 0x1000, .length = 8,
	};

	KUNIT_ASSERT_EQ(test, nyx_dma_do(test->priv, &req), 0);
	*vendor = req.fault.code;
	return req.fault.reason;
}

static void context_is_decoded(struct kunit *test)
{
	struct nyx_unit *unit = open_unit(test, 0);
	struct nyx_access acc;
	u16 vendor;

	set(test, DEMO_CONTEXT(ENTRY), DEMO_VALID | DEMO_WRITABLE);
	KUNIT_ASSERT_EQ(test, nyx_access_begin(unit, SBDF, NYX_PASID_NONE, &acc), 0);
	KUNIT_EXPECT_PTR_NE(test, acc.dom, unit->blocked_domain);
	nyx_access_end(&acc);
	/* There is no memory: the guest's driver does not see that. */
	KUNIT_EXPECT_EQ(test, dma_reason(test, &vendor), (u32)NYX_FAULT_NO_MEMORY);
	KUNIT_EXPECT_EQ(test, fault_code(test), 0ull);
	/* A write of the register takes the context away. */
	set(test, DEMO_CONTEXT(ENTRY), 0);
	KUNIT_EXPECT_EQ(test, dma_reason(test, &vendor), (u32)NYX_FAULT_CONTEXT);
}

static void fault_is_reported(struct kunit *test)
{
	u16 vendor;

	open_unit(test, DEMO_F_READONLY);
	KUNIT_EXPECT_EQ(test, dma_reason(test, &vendor), (u32)NYX_FAULT_CONTEXT);
	KUNIT_EXPECT_EQ(test, (u32)vendor, (u32)DEMO_NO_CONTEXT);
	KUNIT_EXPECT_EQ(test, fault_code(test), (u64)DEMO_NO_CONTEXT);
	set(test, DEMO_FAULT, 0);
	KUNIT_EXPECT_EQ(test, fault_code(test), 0ull);
	/* The unit was made so that no context allows writes. */
	set(test, DEMO_CONTEXT(ENTRY), DEMO_VALID | DEMO_WRITABLE);
	KUNIT_EXPECT_EQ(test, dma_reason(test, &vendor), (u32)NYX_FAULT_WRITE_DENIED);
	KUNIT_EXPECT_EQ(test, fault_code(test), (u64)DEMO_DENIED);
}

static void interrupt_is_remapped(struct kunit *test)
{
	const struct nyx_irq_req req = { .sbdf = SBDF, .address = MSI, .data = ENTRY };
	struct nyx_unit *unit = open_unit(test, 0);
	struct nyx_irq_reply reply;

	/* A probe says the same, and reports nothing. */
	KUNIT_ASSERT_EQ(test, nyx_irq_probe(unit, &req, &reply), 0);
	KUNIT_EXPECT_EQ(test, reply.fault.reason, (u32)NYX_FAULT_IRQ_NOT_PRESENT);
	KUNIT_EXPECT_EQ(test, fault_code(test), 0ull);
	KUNIT_ASSERT_EQ(test, nyx_irq_send(unit, &req, &reply), 0);
	KUNIT_EXPECT_EQ(test, reply.result, (u32)NYX_IRQ_REFUSED);
	KUNIT_EXPECT_EQ(test, reply.fault.reason, (u32)NYX_FAULT_IRQ_NOT_PRESENT);
	KUNIT_EXPECT_EQ(test, fault_code(test), (u64)DEMO_NO_ENTRY);

	set(test, DEMO_IRTE(ENTRY), DEMO_VALID | FIELD_PREP(DEMO_VECTOR, 0x41) |
				    FIELD_PREP(DEMO_DEST, 7));
	KUNIT_ASSERT_EQ(test, nyx_irq_probe(unit, &req, &reply), 0);
	KUNIT_EXPECT_EQ(test, reply.result, (u32)NYX_IRQ_DELIVER);
	KUNIT_EXPECT_EQ(test, (u32)reply.msg.vector, 0x41u);
	KUNIT_ASSERT_EQ(test, nyx_irq_send(unit, &req, &reply), 0);
	KUNIT_EXPECT_EQ(test, reply.result, (u32)NYX_IRQ_DELIVER);
	KUNIT_EXPECT_EQ(test, (u32)reply.msg.vector, 0x41u);
	KUNIT_EXPECT_EQ(test, reply.msg.dest, 7u);
	/* The entry is in the cache; a write of the register takes it away. */
	KUNIT_EXPECT_EQ(test, unit->irq.nr_irtes, 1u);
	set(test, DEMO_IRTE(ENTRY), DEMO_VALID | FIELD_PREP(DEMO_VECTOR, 0x42));
	KUNIT_EXPECT_EQ(test, unit->irq.nr_irtes, 0u);
	KUNIT_ASSERT_EQ(test, nyx_irq_send(unit, &req, &reply), 0);
	KUNIT_EXPECT_EQ(test, (u32)reply.msg.vector, 0x42u);
}

static int model_suite_init(struct kunit_suite *suite)
{
	nyx_viommu_register(NYX_MODEL_DEMO, &demo_model);
	return 0;
}

static void model_suite_exit(struct kunit_suite *suite)
{
	nyx_viommu_register(NYX_MODEL_DEMO, NULL);
}

/*
 * A sender has found the index within the table; SIRTP comes before it reads the entry, and
 * the table of now has two.
 */
static void vtd_reads_no_entry_behind_the_table(struct kunit *test)
{
	const struct nyx_unit_vtd opt = { .faults = 1 };
	struct nyx_unit_config cfg = config(0);
	struct nyx_fault_info fault;
	struct nyx_viommu *viommu;
	struct irt_entry e = {};
	struct nyx_unit *unit;

	cfg.model = NYX_MODEL_VTD;
	cfg.address_width = 48;
	cfg.irt_entries = IRT_MAX_ENTRIES;
	memcpy(cfg.data, &opt, sizeof(opt));
	unit = suite_unit_open(test, &cfg);
	viommu = unit->guest.viommu;
	KUNIT_EXPECT_EQ(test, viommu->ops->decode_irte(viommu, SBDF, 2, &e, &fault), -EACCES);
	KUNIT_EXPECT_EQ(test, fault.reason, (u32)NYX_FAULT_IRQ_INDEX);
	KUNIT_EXPECT_EQ(test, (u32)fault.code, 0x21u);
	/* The last one is read: it is not in memory. */
	KUNIT_EXPECT_EQ(test, viommu->ops->decode_irte(viommu, SBDF, 1, &e, &fault), -EACCES);
	KUNIT_EXPECT_EQ(test, fault.reason, (u32)NYX_FAULT_IRQ_TABLE);
	KUNIT_EXPECT_EQ(test, (u32)fault.code, 0x23u);
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE(model_is_found_by_number),
	KUNIT_CASE(options_are_checked_by_the_model),
	KUNIT_CASE(context_is_decoded),
	KUNIT_CASE(fault_is_reported),
	KUNIT_CASE(interrupt_is_remapped),
	KUNIT_CASE(vtd_reads_no_entry_behind_the_table),
	{}
};

static struct kunit_suite model_suite = {
	.name = "nyx_model",
	.suite_init = model_suite_init,
	.suite_exit = model_suite_exit,
	.test_cases = model_cases,
};

kunit_test_suite(model_suite);
