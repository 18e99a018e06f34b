// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: what the ACPI tables say of processors and timers.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * ACPI Specification 6.5: 5.2.5 (RSDP), 5.2.8 (XSDT), 5.2.12 (MADT).
 */
#include "vmm_env.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t *sound(const uint8_t *table, size_t len)
{
	uint8_t sum = 0;
	size_t i;

	for (i = 0; i < len; i++)
		sum = (uint8_t)(sum + table[i]);
	ASSERT_EQ(0, sum);
	return table;
}

/* The table of that signature, or NULL; all on the way are sound. */
static const uint8_t *find_table(struct vmm *vmm, const char *signature)
{
	const uint8_t *rsdp = sound(ram_ptr(vmm, vmm->rsdp, 36), 36), *xsdt, *table;
	size_t len, at;

	ASSERT_EQ(0, memcmp(rsdp, "RSD PTR ", 8));
	xsdt = ram_ptr(vmm, le_get(rsdp + 24, 8), 36);
	len = le_get(xsdt + 4, 4);
	sound(xsdt, len);
	for (at = 36; at < len; at += 8) {
		table = ram_ptr(vmm, le_get(xsdt + at, 8), 36);
		ASSERT_TRUE(!!table);
		sound(table, le_get(table + 4, 4));
		if (!memcmp(table, signature, 4))
			return table;
	}
	return NULL;
}

static const struct { const char *name; unsigned int cpus, step; } machines[] = {
	{ "1", 1, 1 }, { "255", 255, 1 }, { "256", 256, 1 }, { "288", 288, 1 },
	{ "4096", 4096, 1 }, { "4_by_127", 4, 127 }, { "5_by_1000", 5, 1000 },
};

/* Each processor once, in the kind of entry that its id needs, and enabled */
TEST_EACH(madt_cpus, machines)
{
	const struct options opts = {
		.memory = ENV_RAM, .append = "", .cpus = v->cpus, .cpu_step = v->step,
	};
	struct vmm *vmm = env_machine(ENV_MAP);
	unsigned int cpus = 0, nmis = 0, x2apic_nmis = 0, ioapics = 0, overrides = 0;
	const uint8_t *madt, *p, *end;

	vmm->opts = &opts;
	ASSERT_EQ(0, acpi_build(vmm));
	madt = find_table(vmm, "APIC");
	ASSERT_TRUE(!!madt);
	end = madt + le_get(madt + 4, 4);
	for (p = madt + 44; p < end; p += p[1]) {
		ASSERT_TRUE(p[1] && p + p[1] <= end);
		switch (p[0]) {
		case 0:
			ASSERT_EQ(8, p[1]);
			ASSERT_EQ(cpus, p[2]);
			ASSERT_EQ(cpus * v->step, p[3]);
			ASSERT_TRUE(p[3] < 255);
			ASSERT_EQ(1, le_get(p + 4, 4));
			cpus++;
			break;
		case 9:
			ASSERT_EQ(16, p[1]);
			ASSERT_EQ(0, le_get(p + 2, 2));
			ASSERT_EQ(cpus * v->step, le_get(p + 4, 4));
			ASSERT_TRUE(cpus * v->step >= 255);
			ASSERT_EQ(1, le_get(p + 8, 4));
			ASSERT_EQ(cpus, le_get(p + 12, 4));
			cpus++;
			break;
		case 1:
			ioapics++;
			break;
		case 2:
			overrides++;
			break;
		case 4:
			nmis++;
			break;
		case 10:
			ASSERT_EQ(UINT32_MAX, le_get(p + 4, 4));
			x2apic_nmis++;
			break;
		default:
			FAIL("entry of type %u", p[0]);
		}
	}
	EXPECT_EQ(v->cpus, cpus);
	EXPECT_EQ(1, ioapics);
	EXPECT_EQ(2, overrides);
	EXPECT_EQ(1, nmis);
	EXPECT_EQ((v->cpus - 1) * v->step >= 255, x2apic_nmis);
	env_end(vmm);
}

/* More than the area for tables has room for: said, and nothing is written behind it. */
TEST(madt_too_large)
{
	const struct options opts = {
		.memory = ENV_RAM, .append = "", .cpus = 8192, .cpu_step = 1,
	};
	struct vmm *vmm = env_machine(ENV_MAP);

	vmm->opts = &opts;
	env_put(vmm, GPA_BIOS_END, 0x5ca1ab1e, 4);
	EXPECT_EQ(-ENOSPC, acpi_build(vmm));
	EXPECT_TRUE(strstr(env_said(), "processors does not fit"));
	EXPECT_EQ(0x5ca1ab1e, env_get(vmm, GPA_BIOS_END, 4));
	env_end(vmm);
}

TEST(hpet_table)
{
	struct options opts = { .memory = ENV_RAM, .append = "", .cpus = 1, .cpu_step = 1 };
	struct vmm *vmm = env_machine(ENV_MAP);
	const uint8_t *hpet;

	vmm->opts = &opts;
	ASSERT_EQ(0, acpi_build(vmm));
	EXPECT_TRUE(!find_table(vmm, "HPET"));
	opts.hpet = true;
	ASSERT_EQ(0, acpi_build(vmm));
	hpet = find_table(vmm, "HPET");
	ASSERT_TRUE(!!hpet);
	EXPECT_EQ(56, le_get(hpet + 4, 4));
	/* The table says of the device what the device says. */
	EXPECT_EQ(env_in(vmm, IO_MMIO, le_get(hpet + 44, 8), 4), le_get(hpet + 36, 4));
	env_end(vmm);
}

/* ---- how many there may be ---------------------------------------------------------- */

static const struct { const char *name, *cpus, *iommu; int rc; } limits[] = {
	{ "254_alone", "255", "none", -1 },
	{ "255_alone", "256", "none", STATUS_USAGE },
	{ "288_alone", "288", "none", STATUS_USAGE },
	{ "288_vtd", "288", "vtd", -1 },
	{ "288_vtd_xapic", "288", "vtd,xapic", STATUS_USAGE },
	{ "288_amdvi", "288", "amdvi,guest-apic", -1 },
	{ "288_amdvi_xapic", "288", "amdvi,xapic", STATUS_USAGE },
	{ "288_small_irtes", "288", "amdvi,small-irtes", STATUS_USAGE },
	{ "255_xapic", "255", "vtd,xapic", -1 },
	{ "4096", "4096", "vtd", -1 },
	{ "4097", "4097", "vtd", STATUS_USAGE },
	{ "step_84", "4,step=84", "none", -1 },
	{ "step_85", "4,step=85", "none", STATUS_USAGE },
	{ "step_85_vtd", "4,step=85", "vtd", -1 },
	{ "step_32767", "4096,step=32767", "vtd", -1 },
	{ "step_32768", "4,step=32768", "vtd", STATUS_USAGE },
	{ "step_0", "4,step=0", "vtd", STATUS_USAGE },
	{ "step_nothing", "4,step=", "vtd", STATUS_USAGE },
	{ "step_unknown", "4,stop=1", "vtd", STATUS_USAGE },
};

/* The order of the options does not matter. */
TEST_EACH(cpu_limits, limits)
{
	const char *const lines[2][7] = {
		{ "nyx-vmm", "--kernel", "x", "--cpus", v->cpus, "--iommu", v->iommu },
		{ "nyx-vmm", "--kernel", "x", "--iommu", v->iommu, "--cpus", v->cpus },
	};
	char *argv[8] = { NULL };
	struct options opts;
	unsigned int i, n;

	for (i = 0; i < 2; i++) {
		for (n = 0; n < 7; n++)
			argv[n] = strdup(lines[i][n]);	/* parsing cuts words up */
		optind = 0;			/* the harness has used it, too */
		EXPECT_EQ(v->rc, options_parse(&opts, 7, argv));
		if (v->rc < 0)
			EXPECT_EQ(strtoul(v->cpus, NULL, 10), opts.cpus);
		else
			EXPECT_TRUE(strstr(env_said(), "--cpus"));
		for (n = 1; n < 7; n++)		/* 0 is another one now */
			free(argv[n]);
	}
}
