// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: names and texts. They need no module.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "ktap.h"

#include <errno.h>
#include <string.h>

#include <nyx/nyx.h>

static const struct {
	const char *name;
	int ret;
	uint32_t sbdf;
} sbdfs[] = {
	{ "0000:03:00.0", 0, NYX_SBDF(0, 3, 0, 0) },
	{ "03:00.0", 0, NYX_SBDF(0, 3, 0, 0) },
	{ "3:0.0", 0, NYX_SBDF(0, 3, 0, 0) },
	{ "ffff:ff:1f.7", 0, 0xffffffff },
	{ "FFFF:fF:1F.7", 0, 0xffffffff },
	{ "12:34:5.6", 0, NYX_SBDF(0x12, 0x34, 5, 6) },
	{ "ff:1f.7", 0, 0xffff },
	{ "", -EINVAL, 0 },
	{ "3", -EINVAL, 0 },
	{ "3:0", -EINVAL, 0 },
	{ "3:0.", -EINVAL, 0 },
	{ "3:0.8", -EINVAL, 0 },
	{ "3:20.0", -EINVAL, 0 },
	{ "100:0.0", -EINVAL, 0 },
	{ "0:100:0.0", -EINVAL, 0 },
	{ "10000:0:0.0", -EINVAL, 0 },
	{ "0:0:0:0.0", -EINVAL, 0 },
	{ "3:0.0 ", -EINVAL, 0 },
	{ " 3:0.0", -EINVAL, 0 },
	{ "3:0.00", -EINVAL, 0 },
	{ "0x3:0.0", -EINVAL, 0 },
	{ "-3:0.0", -EINVAL, 0 },
	{ ":0.0", -EINVAL, 0 },
	{ "3::0.0", -EINVAL, 0 },
};

TEST_EACH(sbdf_parse, sbdfs)
{
	nyx_device_t device = { 0 };

	EXPECT_EQ(v->ret, nyx_sbdf_parse(v->name, &device));
	EXPECT_EQ(v->sbdf, device.sbdf);
}

TEST(sbdf_format)
{
	const nyx_device_t device = { NYX_SBDF(0xabcd, 0x12, 0x1e, 3) }, none = { 0 };
	char text[NYX_SBDF_TEXT_LEN];

	ASSERT_EQ(0, nyx_sbdf_format(device, text, sizeof(text)));
	EXPECT_EQ(0, strcmp("abcd:12:1e.3", text));
	ASSERT_EQ(0, nyx_sbdf_format(none, text, 13));
	EXPECT_EQ(0, strcmp("0000:00:00.0", text));
	EXPECT_EQ(-EMSGSIZE, nyx_sbdf_format(none, text, 12));
	EXPECT_EQ(-EMSGSIZE, nyx_sbdf_format(none, NULL, 0));
}

TEST(sbdf_round_trip)
{
	struct rng rng = rng_start(1);
	char text[NYX_SBDF_TEXT_LEN];
	nyx_device_t in, out;
	unsigned long i;

	for (i = 0; i < ktap_iterations(100000); i++) {
		in.sbdf = (uint32_t)rng_next(&rng);
		ASSERT_EQ(0, nyx_sbdf_format(in, text, sizeof(text)));
		ASSERT_EQ(0, nyx_sbdf_parse(text, &out));
		ASSERT_EQ(in.sbdf, out.sbdf);
	}
}

/* The numbers that macros put together, for languages without them */
TEST(pci_addresses)
{
	uint32_t segment, bus, slot, function, source = 0;
	nyx_device_t device;

	ASSERT_EQ(0, nyx_device_from_pci(0xabcd, 0x12, 0x1e, 3, &device));
	EXPECT_EQ(0xabcd12f3, device.sbdf);
	nyx_device_to_pci(device, &segment, &bus, &slot, &function);
	EXPECT_EQ(0xabcd, segment);
	EXPECT_EQ(0x12, bus);
	EXPECT_EQ(0x1e, slot);
	EXPECT_EQ(3, function);
	nyx_device_to_pci(device, NULL, NULL, NULL, NULL);
	EXPECT_EQ(-EINVAL, nyx_device_from_pci(0x10000, 0, 0, 0, &device));
	EXPECT_EQ(-EINVAL, nyx_device_from_pci(0, 0x100, 0, 0, &device));
	EXPECT_EQ(-EINVAL, nyx_device_from_pci(0, 0, 32, 0, &device));
	EXPECT_EQ(-EINVAL, nyx_device_from_pci(0, 0, 0, 8, &device));
	EXPECT_EQ(0xabcd12f3, device.sbdf);

	EXPECT_EQ(0xabcd12f300000007, nyx_irte_key(device, 7));
	EXPECT_EQ(5, nyx_domain_did((nyx_domain_t){ 5 * 256 + 1 }));
	EXPECT_EQ(5, nyx_domain_did((nyx_domain_t){ 6 * 256 }));
	ASSERT_EQ(0, nyx_irte_source_buses(1, 2, 3, &source));
	EXPECT_EQ(0x00010203, source);
	EXPECT_EQ(-EINVAL, nyx_irte_source_buses(0x10000, 2, 3, &source));
	EXPECT_EQ(-EINVAL, nyx_irte_source_buses(1, 3, 2, &source));
	EXPECT_EQ(-EINVAL, nyx_irte_source_buses(1, 2, 256, &source));
	EXPECT_EQ(0x00010203, source);
}

TEST(names_are_complete)
{
	uint32_t i, j;

	for (i = 0; i < NYX_STAT_MAX; i++) {
		ASSERT_TRUE(nyx_stat_name(i));
		for (j = 0; j < i; j++)
			ASSERT_TRUE(strcmp(nyx_stat_name(i), nyx_stat_name(j)));
	}
	EXPECT_TRUE(!nyx_stat_name(NYX_STAT_MAX));
	for (i = 0; i <= NYX_FAULT_ORACLE; i++) {
		ASSERT_TRUE(nyx_fault_reason_name(i));
		ASSERT_TRUE(nyx_fault_reason_text(i));
	}
	EXPECT_TRUE(!nyx_fault_reason_name(i));
	EXPECT_TRUE(nyx_fault_reason_text(0xffffffff));
	for (i = 0; i < NYX_REASON_MAX; i++) {
		ASSERT_TRUE(nyx_reason_name(i));
		ASSERT_TRUE(nyx_reason_text(i));
	}
	EXPECT_TRUE(!nyx_reason_name(i));
	EXPECT_TRUE(nyx_reason_text(0xffffffff));
	for (i = 0; i <= NYX_DOMAIN_GUEST; i++)
		ASSERT_TRUE(nyx_domain_kind_name(i));
	EXPECT_TRUE(!nyx_domain_kind_name(i));
	for (i = 0; i <= NYX_FORMAT_AMDV1; i++)
		ASSERT_TRUE(nyx_format_name(i));
	EXPECT_TRUE(!nyx_format_name(i));
	for (i = 0; i <= NYX_ISOLATION_UNMANAGED; i++)
		ASSERT_TRUE(nyx_isolation_name(i));
	EXPECT_TRUE(!nyx_isolation_name(i));
	for (i = 0; i <= NYX_WALK_PAGE; i++)
		ASSERT_TRUE(nyx_walk_kind_name(i));
	EXPECT_TRUE(!nyx_walk_kind_name(i));
	for (i = 0; i <= NYX_CAUSE_MEMORY; i++)
		ASSERT_TRUE(nyx_fault_cause_name(i));
	EXPECT_TRUE(!nyx_fault_cause_name(i));
	for (i = 0; i < NYX_CLASS_MAX; i++)
		ASSERT_TRUE(nyx_fault_class_name(i));
	EXPECT_TRUE(!nyx_fault_class_name(i));
	for (i = 0; i <= NYX_ACTION_QUARANTINE; i++)
		ASSERT_TRUE(nyx_policy_action_name(i));
	EXPECT_TRUE(!nyx_policy_action_name(i));
	for (i = 0; i <= NYX_DEVICE_DISABLED; i++)
		ASSERT_TRUE(nyx_device_state_name(i));
	EXPECT_TRUE(!nyx_device_state_name(i));
	for (i = 0; i <= NYX_CHANGE_LATE; i++)
		ASSERT_TRUE(nyx_change_state_name(i));
	EXPECT_TRUE(!nyx_change_state_name(i));
	for (i = 0; i <= NYX_STATE_BY_CHANGES; i++)
		ASSERT_TRUE(nyx_state_cause_name(i));
	EXPECT_TRUE(!nyx_state_cause_name(i));
	for (i = 0; i <= NYX_IRQ_REFUSED; i++)
		ASSERT_TRUE(nyx_irq_result_name(i));
	EXPECT_TRUE(!nyx_irq_result_name(i));
	for (i = 0; i <= NYX_PAGE_TIMEOUT; i++)
		ASSERT_TRUE(nyx_page_response_name(i));
	EXPECT_TRUE(!nyx_page_response_name(i));
	for (i = 0; i <= NYX_EVENT_VIEW; i++)
		ASSERT_TRUE(nyx_event_type_name(i));
	EXPECT_TRUE(!nyx_event_type_name(i));
	for (i = 0; i <= NYX_VIEW_HOLD; i++)
		ASSERT_TRUE(nyx_view_part_name(i));
	EXPECT_TRUE(!nyx_view_part_name(i));
	for (i = 0; i <= NYX_DELIVERY_EXTINT; i++)
		EXPECT_EQ(i == 3 || i == 6, !nyx_delivery_name(i));
	EXPECT_TRUE(!nyx_delivery_name(i));
	EXPECT_EQ(0, strcmp("x2apic", nyx_irq_mode_name(0)));
	EXPECT_EQ(0, strcmp("xapic", nyx_irq_mode_name(NYX_IRQ_MODE_XAPIC)));
	EXPECT_EQ(0, strcmp("compat", nyx_irq_mode_name(3)));
	EXPECT_EQ(0, strcmp("off", nyx_irq_mode_name(5)));
	EXPECT_TRUE(!nyx_irq_mode_name(NYX_IRQ_MODE_OFF));
	EXPECT_EQ(0, strcmp("native", nyx_model_name(NYX_MODEL_NATIVE)));
	EXPECT_EQ(0, strcmp("vtd", nyx_model_name(NYX_MODEL_VTD)));
	EXPECT_EQ(0, strcmp("amdvi", nyx_model_name(NYX_MODEL_AMDVI)));
	EXPECT_TRUE(!nyx_model_name(99));
	EXPECT_EQ(0, strcmp("rw", nyx_prot_name(3)));
	EXPECT_EQ(0, strcmp("r", nyx_prot_name(1)));
	EXPECT_EQ(0, strcmp("w", nyx_prot_name(2)));
	EXPECT_EQ(0, strcmp("none", nyx_prot_name(4)));
	EXPECT_TRUE(nyx_library_version());
}

TEST(event_text)
{
	char text[NYX_EVENT_TEXT_LEN];
	struct nyx_event event = {
		.type = NYX_EVENT_FAULT,
		.fault = {
			.sbdf = NYX_SBDF(0, 3, 0, 0), .pasid = NYX_PASID_NONE, .domain_id = 4,
			.length = 1,
			.fault = {
				.reason = NYX_FAULT_WRITE_DENIED, .access = NYX_PROT_WRITE,
				.level = 0, .iova = 0x1000, .gpa = 0x2000,
			},
		},
	};

	ASSERT_EQ(0, nyx_event_format(&event, text, sizeof(text)));
	EXPECT_EQ(0, strcmp("device 0000:03:00.0, domain 4: write of 1 byte at IOVA 0x1000 "
			    "refused: the mapping does not allow to write, GPA 0x2000, level 0",
			    text));
	event.fault.domain_id = 0x501;
	ASSERT_EQ(0, nyx_event_format_guest(&event, text, sizeof(text)));
	EXPECT_EQ(0, strncmp("device 0000:03:00.0, DID 5: write of 1 byte at ", text, 47));
	event.fault.domain_id = 1;	/* DIDs of AMD-Vi begin with 0 */
	ASSERT_EQ(0, nyx_event_format_guest(&event, text, sizeof(text)));
	EXPECT_EQ(0, strncmp("device 0000:03:00.0, DID 0: ", text, 28));
	event.fault.domain_id = 0;
	ASSERT_EQ(0, nyx_event_format_guest(&event, text, sizeof(text)));
	EXPECT_EQ(0, strncmp("device 0000:03:00.0: ", text, 21));
	event.fault.pasid = 5;
	event.fault.fault.level = NYX_LEVEL_NONE;
	event.fault.fault.gpa = NYX_GPA_UNKNOWN;
	event.fault.fault.reason = NYX_FAULT_NO_DOMAIN;
	ASSERT_EQ(0, nyx_event_format(&event, text, sizeof(text)));
	EXPECT_EQ(0, strcmp("device 0000:03:00.0 PASID 5: write of 1 byte at IOVA 0x1000 "
			    "refused: the device has no domain", text));
	EXPECT_EQ(-EMSGSIZE, nyx_event_format(&event, text, 20));
	EXPECT_EQ(-EMSGSIZE, nyx_event_format(&event, text, 0));
	event.type = 99;
	EXPECT_EQ(-EINVAL, nyx_event_format(&event, text, sizeof(text)));
}

/* The longest text there can be. */
TEST(event_text_fits)
{
	char text[NYX_EVENT_TEXT_LEN], why[NYX_CAUSE_TEXT_LEN];
	struct nyx_event event = { .type = NYX_EVENT_FAULT };
	uint32_t reason, cause;

	memset(&event.fault, 0xff, sizeof(event.fault));
	event.fault.pasid = 0xfffffffe;
	event.fault.fault.gpa = NYX_GPA_UNKNOWN - 1;
	event.fault.fault.level = 0xfe;
	event.fault.fault.access = NYX_PROT_READ | NYX_PROT_WRITE;
	event.fault.count = UINT64_MAX;
	for (reason = 0; reason <= NYX_FAULT_ORACLE + 1; reason++) {
		event.fault.fault.reason = reason;
		ASSERT_EQ(0, nyx_event_format(&event, text, sizeof(text)));
	}
	for (cause = 0; cause <= NYX_CAUSE_MEMORY + 1; cause++) {
		event.fault.cause = cause;
		ASSERT_EQ(0, nyx_event_format(&event, text, sizeof(text)));
		ASSERT_EQ(0, nyx_fault_cause_format(&event.fault, why, sizeof(why)));
	}
	memset(&event.__pad, 0xff, sizeof(event.__pad));
	for (event.type = NYX_EVENT_LOST; event.type <= NYX_EVENT_VIEW; event.type++)
		ASSERT_EQ(0, nyx_event_format(&event, text, sizeof(text)));
	event.type = NYX_EVENT_DEVICE_STATE;
	event.state.old_state = NYX_DEVICE_QUARANTINED;
	event.state.new_state = NYX_DEVICE_QUARANTINED;
	event.state.cause = NYX_STATE_WOULD;
	for (cause = 0; cause < NYX_SAMPLES_MAX; cause++) {
		event.state.samples[cause].access = NYX_PROT_READ | NYX_PROT_WRITE;
		event.state.samples[cause].reason = NYX_FAULT_TABLE_NOT_PRESENT;
	}
	ASSERT_EQ(0, nyx_event_format(&event, text, sizeof(text)));
}

static const struct {
	const char *name;
	struct nyx_event_fault fault;
} causes[] = {
	{ "", { .cause = NYX_CAUSE_UNKNOWN, .bytes = 5 } },
	{ "never mapped", { .cause = NYX_CAUSE_NEVER_MAPPED } },
	{ "unmapped 0 ns ago", { .cause = NYX_CAUSE_UNMAPPED, .since_ns = 0 } },
	{ "unmapped 999 ns ago", { .cause = NYX_CAUSE_UNMAPPED, .since_ns = 999 } },
	{ "unmapped 1.0 us ago", { .cause = NYX_CAUSE_UNMAPPED, .since_ns = 1000 } },
	{ "unmapped 12.3 ms ago", { .cause = NYX_CAUSE_UNMAPPED, .since_ns = 12399999 } },
	{ "unmapped 61.5 s ago", { .cause = NYX_CAUSE_UNMAPPED, .since_ns = 61500000000 } },
	{ "just past the end of a mapping", { .cause = NYX_CAUSE_PAST_END, .bytes = 0 } },
	{ "1 byte past the end of a mapping", { .cause = NYX_CAUSE_PAST_END, .bytes = 1 } },
	{ "16 bytes past the end of a mapping", { .cause = NYX_CAUSE_PAST_END, .bytes = 16 } },
	{ "wrong permission (is r)", { .cause = NYX_CAUSE_PERMISSION, .prot = NYX_PROT_READ } },
	{ "blocked, or no domain", { .cause = NYX_CAUSE_BLOCKED } },
	{ "the table is damaged", { .cause = NYX_CAUSE_TABLE } },
	{ "beyond the address width", { .cause = NYX_CAUSE_WIDTH } },
	{ "mapped to GPA 0x1000, which is not usable", { .cause = NYX_CAUSE_MEMORY, .gpa = 0x1000 } },
	{ "", { .cause = 99 } },
};

TEST_EACH(cause_text, causes)
{
	char text[NYX_CAUSE_TEXT_LEN];

	ASSERT_EQ(0, nyx_fault_cause_format(&v->fault, text, sizeof(text)));
	EXPECT_EQ(0, strcmp(v->name, text));
	EXPECT_EQ(-EMSGSIZE, nyx_fault_cause_format(&v->fault, text, strlen(v->name)));
}

static const struct {
	const char *name;
	struct nyx_event event;
} events[] = {
	{
		"device 0000:03:00.0, domain 4: read of 2 bytes at IOVA 0x3000 refused: nothing is mapped there, level 0; unmapped 12.3 ms ago (and 1 fault before it)",
		{
			.type = NYX_EVENT_FAULT,
			.fault = {
				.sbdf = NYX_SBDF(0, 3, 0, 0), .pasid = NYX_PASID_NONE,
				.domain_id = 4, .length = 2, .cause = NYX_CAUSE_UNMAPPED,
				.since_ns = 12345678, .count = 2,
				.fault = {
					.reason = NYX_FAULT_NOT_PRESENT, .access = NYX_PROT_READ,
					.iova = 0x3000, .gpa = NYX_GPA_UNKNOWN,
				},
			},
		},
	}, {
		"device 0000:03:00.0: interrupt, address 0xfee000b0 data 0x0, entry 5, refused: the entry belongs to another requester, 0x26 to the guest (and 9 faults before it)",
		{
			.type = NYX_EVENT_IRQ_FAULT,
			.irq_fault = {
				.sbdf = NYX_SBDF(0, 3, 0, 0), .reason = NYX_FAULT_IRQ_SOURCE,
				.index = 5, .address = 0xfee000b0, .count = 10, .vendor = 0x26,
			},
		},
	}, {
		"device 0000:03:00.0: interrupt, address 0x1000 data 0x7, refused: the message is no interrupt, or has a reserved bit set",
		{
			.type = NYX_EVENT_IRQ_FAULT,
			.irq_fault = {
				.sbdf = NYX_SBDF(0, 3, 0, 0), .reason = NYX_FAULT_IRQ_REQUEST,
				.index = 0xffffffff, .address = 0x1000, .data = 7, .count = 1,
			},
		},
	}, {
		"device 0000:03:00.0 was active and is quarantined: too many faults, score 10, try 1, next change in 4.2 s; 9 x write at 0x1000 (write-denied), 3 ms before; 1 x interrupt at 0xfee00010 (irq-index), 20 ms before",
		{
			.type = NYX_EVENT_DEVICE_STATE, .time_ns = 1000000000,
			.state = {
				.sbdf = NYX_SBDF(0, 3, 0, 0),
				.new_state = NYX_DEVICE_QUARANTINED, .nr_samples = 2,
				.score = 10, .tries = 1, .next_ns = 5250000000,
				.samples = {
					{
						.address = 0x1000, .ago_ms = 3, .count = 9,
						.reason = NYX_FAULT_WRITE_DENIED,
						.access = NYX_PROT_WRITE,
					}, {
						.address = 0xfee00010, .ago_ms = 20, .count = 1,
						.reason = NYX_FAULT_IRQ_INDEX,
					},
				},
			},
		},
	}, {
		"device 0000:03:00.0 is active and would be quarantined: too many faults, score 3",
		{
			.type = NYX_EVENT_DEVICE_STATE,
			.state = {
				.sbdf = NYX_SBDF(0, 3, 0, 0),
				.new_state = NYX_DEVICE_QUARANTINED, .score = 3,
				.cause = NYX_STATE_WOULD,
			},
		},
	}, {
		"device 0000:03:00.0 was quarantined and is on probation: its time has passed, try 2",
		{
			.type = NYX_EVENT_DEVICE_STATE,
			.state = {
				.sbdf = NYX_SBDF(0, 3, 0, 0), .tries = 2,
				.old_state = NYX_DEVICE_QUARANTINED,
				.new_state = NYX_DEVICE_PROBATION, .cause = NYX_STATE_BY_TIME,
			},
		},
	}, {
		"device 0000:03:00.0 was disabled and is active: by command",
		{
			.type = NYX_EVENT_DEVICE_STATE,
			.state = {
				.sbdf = NYX_SBDF(0, 3, 0, 0), .old_state = NYX_DEVICE_DISABLED,
				.cause = NYX_STATE_BY_COMMAND,
			},
		},
	}, {
		"entry 5 of the interrupt remapping table has changed",
		{
			.type = NYX_EVENT_IRTE,
			.irte = { .index = 5, .nr = 1, .sbdf = NYX_SBDF_ANY },
		},
	}, {
		"256 entries of the interrupt remapping table have changed, from 0 on",
		{ .type = NYX_EVENT_IRTE, .irte = { .nr = 256, .sbdf = NYX_SBDF_ANY } },
	}, {
		"device 0000:03:00.0: 512 entries of the interrupt remapping table have changed, from 0 on",
		{
			.type = NYX_EVENT_IRTE,
			.irte = { .nr = 512, .sbdf = NYX_SBDF(0, 3, 0, 0) },
		},
	}, {
		"device 0000:03:00.0, domain 4: asks for the page at IOVA 0x1000 to read and write, page 2 of 3 of group 7",
		{
			.type = NYX_EVENT_PAGE_REQUEST,
			.page = {
				.sbdf = NYX_SBDF(0, 3, 0, 0), .pasid = NYX_PASID_NONE,
				.domain_id = 4, .group = 7, .iova = 0x1000, .access = 3, .nr = 3,
				.index = 1,
			},
		},
	}, {
		"device 0000:03:00.0, domain 4: the answer to group 7 is invalid",
		{
			.type = NYX_EVENT_PAGE_RESPONSE,
			.page = {
				.sbdf = NYX_SBDF(0, 3, 0, 0), .pasid = NYX_PASID_NONE,
				.domain_id = 4, .group = 7, .nr = 3,
				.response = NYX_PAGE_INVALID,
			},
		},
	}, {
		"the unit sends an interrupt, address 0x1200fee00000 data 0x41",
		{
			.type = NYX_EVENT_MSI,
			.msi = { .address = UINT64_C(0x1200fee00000), .data = 0x41 },
		},
	}, {
		"the unit sends the interrupt of its PCI function",
		{
			.type = NYX_EVENT_MSI,
			.msi = { .flags = NYX_MSI_F_FUNCTION },
		},
	}, {
		"view 2 of process 431 (vmm) was cut off: slot 3 held up a command",
		{
			.type = NYX_EVENT_VIEW,
			.view = {
				.view_id = 2, .pid = 431, .name = "vmm", .part = NYX_VIEW_SLOT,
				.index = 3, .sbdf = NYX_SBDF_ANY, .pasid = NYX_PASID_NONE,
				.last = UINT64_MAX,
			},
		},
	}, {
		"view 1 of process 0 (0123456789abcdef) was cut off: device 0000:03:00.0, "
		"hold 7, domain 4, IOVA 0x1000 to 0x1fff, held up a command",
		{
			.type = NYX_EVENT_VIEW,
			.view = {
				.view_id = 1, .name = "0123456789abcdef", .part = NYX_VIEW_HOLD,
				.index = 7, .sbdf = NYX_SBDF(0, 3, 0, 0),
				.pasid = NYX_PASID_NONE, .domain_id = 4, .iova = 0x1000,
				.last = 0x1fff,
			},
		},
	},
};

static const void *part(bool is, const void *at)
{
	return is ? at : NULL;
}

/* Each record has the part of its type, and no other. */
TEST_EACH(event_parts, events)
{
	const struct nyx_event *e = &v->event;
	bool page = e->type == NYX_EVENT_PAGE_REQUEST || e->type == NYX_EVENT_PAGE_RESPONSE;
	uint64_t lost = 77;

	EXPECT_TRUE(nyx_event_as_fault(e) == part(e->type == NYX_EVENT_FAULT, &e->fault));
	EXPECT_TRUE(nyx_event_as_irq_fault(e) == part(e->type == NYX_EVENT_IRQ_FAULT, &e->irq_fault));
	EXPECT_TRUE(nyx_event_as_state(e) == part(e->type == NYX_EVENT_DEVICE_STATE, &e->state));
	EXPECT_TRUE(nyx_event_as_irte(e) == part(e->type == NYX_EVENT_IRTE, &e->irte));
	EXPECT_TRUE(nyx_event_as_page(e) == part(page, &e->page));
	EXPECT_TRUE(nyx_event_as_msi(e) == part(e->type == NYX_EVENT_MSI, &e->msi));
	EXPECT_TRUE(nyx_event_as_view(e) == part(e->type == NYX_EVENT_VIEW, &e->view));
	EXPECT_EQ(e->type == NYX_EVENT_LOST ? 0 : -ENOENT, nyx_event_lost(e, &lost));
	EXPECT_EQ(e->type == NYX_EVENT_LOST ? e->lost : 77, lost);
}

TEST_EACH(event_texts, events)
{
	char text[NYX_EVENT_TEXT_LEN];
	nyx_device_t device;

	ASSERT_EQ(0, nyx_event_format(&v->event, text, sizeof(text)));
	if (strcmp(v->name, text))
		ktap_print("%s", text);
	EXPECT_EQ(0, strcmp(v->name, text));
	if (!strstr(v->name, "device ")) {
		EXPECT_EQ(-ENOENT, nyx_event_device(&v->event, &device));
	} else {
		EXPECT_EQ(0, nyx_event_device(&v->event, &device));
		EXPECT_EQ(NYX_SBDF(0, 3, 0, 0), device.sbdf);
	}
}
