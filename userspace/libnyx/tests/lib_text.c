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
	uint32_t sbdf = 0;

	EXPECT_EQ(v->ret, nyx_sbdf_parse(v->name, &sbdf));
	EXPECT_EQ(v->sbdf, sbdf);
}

TEST(sbdf_format)
{
	char text[NYX_SBDF_TEXT_LEN];

	ASSERT_EQ(0, nyx_sbdf_format(NYX_SBDF(0xabcd, 0x12, 0x1e, 3), text, sizeof(text)));
	EXPECT_EQ(0, strcmp("abcd:12:1e.3", text));
	ASSERT_EQ(0, nyx_sbdf_format(0, text, 13));
	EXPECT_EQ(0, strcmp("0000:00:00.0", text));
	EXPECT_EQ(-EMSGSIZE, nyx_sbdf_format(0, text, 12));
	EXPECT_EQ(-EMSGSIZE, nyx_sbdf_format(0, NULL, 0));
}

TEST(sbdf_round_trip)
{
	struct rng rng = rng_start(1);
	char text[NYX_SBDF_TEXT_LEN];
	uint32_t in, out;
	unsigned long i;

	for (i = 0; i < ktap_iterations(100000); i++) {
		in = (uint32_t)rng_next(&rng);
		ASSERT_EQ(0, nyx_sbdf_format(in, text, sizeof(text)));
		ASSERT_EQ(0, nyx_sbdf_parse(text, &out));
		ASSERT_EQ(in, out);
	}
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
	for (i = 0; i <= NYX_FAULT_MEMORY_ERROR; i++) {
		ASSERT_TRUE(nyx_fault_reason_name(i));
		ASSERT_TRUE(nyx_fault_reason_text(i));
	}
	EXPECT_TRUE(!nyx_fault_reason_name(i));
	EXPECT_TRUE(nyx_fault_reason_text(0xffffffff));
	for (i = 0; i <= NYX_DOMAIN_BLOCKED; i++)
		ASSERT_TRUE(nyx_domain_kind_name(i));
	EXPECT_TRUE(!nyx_domain_kind_name(i));
	for (i = 0; i <= NYX_FORMAT_AMDV1; i++)
		ASSERT_TRUE(nyx_format_name(i));
	EXPECT_TRUE(!nyx_format_name(i));
	for (i = 0; i <= NYX_ISOLATION_UNMANAGED; i++)
		ASSERT_TRUE(nyx_isolation_name(i));
	EXPECT_TRUE(!nyx_isolation_name(i));
	EXPECT_EQ(0, strcmp("native", nyx_model_name(NYX_MODEL_NATIVE)));
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
	event.fault.domain_id = 0;
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
	char text[NYX_EVENT_TEXT_LEN];
	struct nyx_event event = { .type = NYX_EVENT_FAULT };
	uint32_t reason;

	memset(&event.fault, 0xff, sizeof(event.fault));
	event.fault.pasid = 0xfffffffe;
	event.fault.fault.gpa = NYX_GPA_UNKNOWN - 1;
	event.fault.fault.level = 0xfe;
	event.fault.fault.access = NYX_PROT_READ | NYX_PROT_WRITE;
	for (reason = 0; reason <= NYX_FAULT_MEMORY_ERROR + 1; reason++) {
		event.fault.fault.reason = reason;
		ASSERT_EQ(0, nyx_event_format(&event, text, sizeof(text)));
	}
}
