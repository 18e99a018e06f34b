// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_tracker: a reset makes the state of a device that of a new one.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * States are compared field by field, so that a failure has a name; a field that the
 * table below does not have fails a case, too.
 */
#include <kunit/test.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "core/access/device.h"
#include "core/access/dma.h"
#include "core/attach.h"
#include "core/unit.h"
#include "suite_unit.h"
#include "viommu/stream.h"

#define SBDF		0x0010u
#define SBDF_NEW	0x0018u
#define THRESHOLD	3u

#define FIELDS(_member, _type)							\
	{									\
		.name = #_member,						\
		.offset = offsetof(struct nyx_tracker_state, _member),		\
		.size = sizeof(_type),						\
		.count = sizeof_field(struct nyx_tracker_state, _member) /	\
			 (sizeof(_type)),					\
	}

static const struct state_field fields[] = {
	FIELDS(next_ns, u64),
	FIELDS(would_ns, u64),
	FIELDS(score.part_ns, u64),
	FIELDS(score.start, u64),
	FIELDS(score.part, u32),
	FIELDS(score.sum, u32),
	FIELDS(score.weight, u32),
	FIELDS(samples, u8),
	FIELDS(tries, u32),
	FIELDS(device, u32),
};

static const struct state_desc desc = {
	.size = sizeof(struct nyx_tracker_state),
	.field = fields,
	.nr_fields = ARRAY_SIZE(fields),
};

static struct nyx_unit *open_unit(struct kunit *test, u32 policy_flags)
{
	const struct nyx_unit_config cfg = { SUITE_UNIT(NYX_MODEL_NATIVE, 48) };
	struct nyx_unit *unit = suite_unit_open(test, &cfg);

	test->priv = unit;
	unit->cfg.policy.threshold = THRESHOLD;
	unit->cfg.policy.flags = policy_flags;
	KUNIT_ASSERT_EQ(test, nyx_device_add(unit, SBDF), 0);
	KUNIT_ASSERT_EQ(test, nyx_device_add(unit, SBDF_NEW), 0);
	return unit;
}

static struct nyx_tracker_state *state_of(struct nyx_unit *unit, u32 sbdf)
{
	struct nyx_device *dev = xa_load(&unit->devices, sbdf);

	return &dev->tracker.state;
}

static void expect_new(struct kunit *test)
{
	struct state_diff diff;

	KUNIT_EXPECT_TRUE_MSG(test, state_compare(&desc, state_of(test->priv, SBDF),
						  state_of(test->priv, SBDF_NEW), &diff),
			      "%s[%u] is 0x%llx, of a new device 0x%llx", diff.name,
			      diff.index, diff.a, diff.b);
}

/* The device has no domain. */
static void fault(struct kunit *test, unsigned int n)
{
	for (; n; n--) {
		struct nyx_dma_req req = {
			.sbdf = SBDF, .pasid = NYX_PASID_NONE, .op = NYX_DMA_FILL,
			.width = 1, .iova = n << 12, .length = 1,
		};

		KUNIT_ASSERT_EQ(test, nyx_dma_do(test->priv, &req), 0);
		KUNIT_ASSERT_NE(test, req.fault.reason, (u32)NYX_FAULT_NONE);
	}
}

static void reset(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, nyx_device_control(test->priv, SBDF, NYX_DEVICE_DO_RESET), 0);
}

static void table_has_all_fields(struct kunit *test)
{
	unsigned int n, i, unknown = 0;
	struct nyx_tracker_state state;
	struct state_field f;

	memset(&state, 0xa5, sizeof(state));
	for (n = 0; state_field_get(&desc, n, &f); n++) {
		for (i = 0; i < f.count; i++)
			state_set(&f, &state, i, 0);
	}
	for (i = 0; i < sizeof(state); i++)
		unknown += ((u8 *)&state)[i] != 0;
	/* The struct has no padding in which a field could hide. */
	KUNIT_EXPECT_EQ(test, unknown, 0u);
}

static void new_devices_are_alike(struct kunit *test)
{
	open_unit(test, 0);
	expect_new(test);
}

static void reset_of_a_watched_device(struct kunit *test)
{
	struct nyx_unit *unit = open_unit(test, 0);

	fault(test, THRESHOLD - 1);
	KUNIT_EXPECT_NE(test, state_of(unit, SBDF)->score.sum, 0u);
	reset(test);
	expect_new(test);
}

static void reset_of_a_quarantined_device(struct kunit *test)
{
	struct nyx_unit *unit = open_unit(test, NYX_POLICY_F_RECOVER);

	fault(test, THRESHOLD);
	KUNIT_EXPECT_EQ(test, state_of(unit, SBDF)->device, (u32)NYX_DEVICE_QUARANTINED);
	KUNIT_EXPECT_NE(test, state_of(unit, SBDF)->next_ns, 0ull);
	KUNIT_EXPECT_EQ(test, state_of(unit, SBDF)->tries, 1u);
	reset(test);
	expect_new(test);
}

static void reset_of_an_observed_device(struct kunit *test)
{
	struct nyx_unit *unit = open_unit(test, NYX_POLICY_F_OBSERVE);

	fault(test, THRESHOLD + 1);
	KUNIT_EXPECT_NE(test, state_of(unit, SBDF)->would_ns, 0ull);
	reset(test);
	expect_new(test);
}

/* Also of fields that no fault of this suite changes */
static void reset_of_any_state(struct kunit *test)
{
	struct nyx_unit *unit = open_unit(test, 0);

	memset(state_of(unit, SBDF), 0xa5, sizeof(struct nyx_tracker_state));
	state_of(unit, SBDF)->device = NYX_DEVICE_PROBATION;
	reset(test);
	expect_new(test);
}

static struct kunit_case tracker_cases[] = {
	KUNIT_CASE(table_has_all_fields),
	KUNIT_CASE(new_devices_are_alike),
	KUNIT_CASE(reset_of_a_watched_device),
	KUNIT_CASE(reset_of_a_quarantined_device),
	KUNIT_CASE(reset_of_an_observed_device),
	KUNIT_CASE(reset_of_any_state),
	{}
};

static struct kunit_suite tracker_suite = {
	.name = "nyx_tracker",
	.test_cases = tracker_cases,
};

kunit_test_suite(tracker_suite);
