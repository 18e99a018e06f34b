// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: the ACPI tables, read as a payload would: found by their signature, by 32
 * or by 64-bit addresses, each with its checksum.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vmm_env.h"

#include <string.h>

#include "iommu.h"

static const struct {
	const char *name;
	const struct iommu_ops *iommu;
	const char *table;
} machines[] = {
	{ "none", &iommu_none, NULL },
	{ "vtd", &iommu_vtd, "DMAR" },
	{ "amdvi", &iommu_amdvi, "IVRS" },
};

/* A unit without features, as far as the tables ask for them */
static uint64_t unit[8192];

static struct vmm *build(const struct iommu_ops *iommu)
{
	static struct iommu_ops ops;
	struct vmm *vmm = env_machine(ENV_MAP);

	ops = *iommu;
	ops.device_add = NULL;		/* it would ask the unit */
	vmm->iommu = &ops;
	vmm->iommu_data = unit;
	if (iommu->functions)
		ASSERT_EQ(0, ops.functions(vmm));
	ASSERT_EQ(0, acpi_build(vmm));
	return vmm;
}

static uint8_t sum(struct vmm *vmm, uint64_t gpa, uint64_t len)
{
	uint8_t all = 0;

	while (len--)
		all += (uint8_t)env_get(vmm, gpa++, 1);
	return all;
}

static bool is(struct vmm *vmm, uint64_t gpa, const char *signature)
{
	return !memcmp(ram_ptr(vmm, gpa, 8), signature, strlen(signature));
}

/* Reserved memory, and all of it there */
static uint64_t length(struct vmm *vmm, uint64_t gpa)
{
	uint64_t len = env_get(vmm, gpa + 4, 4);

	ASSERT_TRUE(gpa >= GPA_BIOS && gpa < GPA_BIOS_END && len <= GPA_BIOS_END - gpa);
	return len;
}

static uint64_t root(struct vmm *vmm)
{
	uint64_t gpa;

	for (gpa = GPA_BIOS; gpa < GPA_BIOS_END; gpa += 16) {
		if (is(vmm, gpa, "RSD PTR ") && !sum(vmm, gpa, 20) && !sum(vmm, gpa, 36))
			return gpa;
	}
	ASSERT_TRUE(!"an RSDP");
	return 0;
}

static uint64_t find(struct vmm *vmm, const char *signature)
{
	uint64_t rsdt = env_get(vmm, root(vmm) + 16, 4), len, at, table;

	ASSERT_TRUE(is(vmm, rsdt, "RSDT"));
	len = length(vmm, rsdt);
	for (at = rsdt + 36; at < rsdt + len; at += 4) {
		table = env_get(vmm, at, 4);
		if (is(vmm, table, signature)) {
			EXPECT_EQ(0, sum(vmm, table, length(vmm, table)));
			return table;
		}
	}
	return 0;
}

TEST_EACH(roots, machines)
{
	struct vmm *vmm = build(v->iommu);
	uint64_t rsdp = root(vmm), rsdt = env_get(vmm, rsdp + 16, 4), i;
	uint64_t xsdt = env_get(vmm, rsdp + 24, 8), nr = (length(vmm, xsdt) - 36) / 8;

	EXPECT_EQ(rsdp, vmm->rsdp);
	EXPECT_TRUE(is(vmm, rsdt, "RSDT") && is(vmm, xsdt, "XSDT"));
	EXPECT_EQ(0, sum(vmm, rsdt, length(vmm, rsdt)));
	EXPECT_EQ(0, sum(vmm, xsdt, length(vmm, xsdt)));
	EXPECT_EQ(36 + 4 * nr, length(vmm, rsdt));
	EXPECT_EQ(v->table ? 4 : 3, nr);
	for (i = 0; i < nr; i++)
		EXPECT_EQ(env_get(vmm, xsdt + 36 + 8 * i, 8), env_get(vmm, rsdt + 36 + 4 * i, 4));
	EXPECT_TRUE(find(vmm, "APIC") && find(vmm, "MCFG"));
	EXPECT_TRUE(!v->table || find(vmm, v->table));
	env_end(vmm);
}

/* Old payloads read the first address of each pair, new ones the second. */
TEST(fadt)
{
	static const struct { unsigned int old, new, len; } blocks[] = {
		{ 56, 148, 4 }, { 64, 172, 2 }, { 76, 208, 4 },
	};
	struct vmm *vmm = build(&iommu_none);
	uint64_t fadt = find(vmm, "FACP"), dsdt, facs;
	unsigned int i;

	ASSERT_TRUE(fadt);
	EXPECT_EQ(276, length(vmm, fadt));
	facs = env_get(vmm, fadt + 36, 4);
	dsdt = env_get(vmm, fadt + 40, 4);
	EXPECT_EQ(facs, env_get(vmm, fadt + 132, 8));
	EXPECT_EQ(dsdt, env_get(vmm, fadt + 140, 8));
	EXPECT_TRUE(is(vmm, facs, "FACS") && is(vmm, dsdt, "DSDT"));
	EXPECT_EQ(0, facs % 64);
	EXPECT_EQ(64, length(vmm, facs));
	EXPECT_EQ(0, sum(vmm, dsdt, length(vmm, dsdt)));
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		EXPECT_EQ(1, env_get(vmm, fadt + blocks[i].new, 1));	/* ports */
		EXPECT_EQ(8 * blocks[i].len, env_get(vmm, fadt + blocks[i].new + 1, 1));
		EXPECT_EQ(env_get(vmm, fadt + blocks[i].old, 4),
			  env_get(vmm, fadt + blocks[i].new + 4, 8));
	}
	env_end(vmm);
}

static uint64_t find_in(struct vmm *vmm, uint64_t table, const char *bytes, size_t len)
{
	uint64_t at, end = table + length(vmm, table);

	for (at = table + 36; at + len <= end; at++) {
		if (!memcmp(ram_ptr(vmm, at, len), bytes, len))
			return at;
	}
	ASSERT_TRUE(!"found");
	return 0;
}

/* An integer as AML has it; *at is moved behind. */
static uint64_t integer(struct vmm *vmm, uint64_t *at)
{
	uint64_t op = env_get(vmm, (*at)++, 1), len = op == 0x0a ? 1 : op == 0x0b ? 2 : 4;

	if (op <= 1)
		return op;
	ASSERT_TRUE(op >= 0x0a && op <= 0x0c);
	*at += len;
	return env_get(vmm, *at - len, (unsigned int)len);
}

static const struct { const char *name; char table[6]; unsigned int first, count; } irqs[] = {
	{ "ioapic", "PRTA\x12", 16, 7 },
	{ "8259s", "PRTP\x12", 10, 2 },
};

/*
 * All pins of all slots have a pin of the interrupt controller that the guest uses: INTD# the one
 * behind those of the others.
 */
TEST_EACH(intx_routes, irqs)
{
	struct vmm *vmm = build(&iommu_none);
	uint64_t dsdt = env_get(vmm, find(vmm, "FACP") + 40, 4), at, end;
	unsigned int i;

	at = find_in(vmm, dsdt, v->table, 5) + 5;
	at += 1 + (env_get(vmm, at, 1) >> 6);		/* the package's length */
	EXPECT_EQ(32 * 4, env_get(vmm, at++, 1));
	for (i = 0; i < 32 * 4; i++) {
		EXPECT_EQ(0x12, env_get(vmm, at++, 1));
		end = at + env_get(vmm, at, 1);
		EXPECT_EQ(4, env_get(vmm, ++at, 1));
		at++;
		EXPECT_EQ(i / 4 << 16 | 0xffff, integer(vmm, &at));
		EXPECT_EQ(i % 4, integer(vmm, &at));
		EXPECT_EQ(0, integer(vmm, &at));
		EXPECT_EQ(v->first + (i % 4 == 3 ? v->count : (i / 4 + i % 4) % v->count),
			  integer(vmm, &at));
		EXPECT_EQ(end, at);
	}
	env_end(vmm);
}

/* _PIC keeps what it is told; _PRT answers with the table for that. */
TEST(intx_methods)
{
	static const char pic[] = "\x14\x0e\\_PIC\x01\x70\x68\\APIC";
	static const char prt[] = "\x14\x16_PRT\x00\xa0\012APIC\xa4PRTA\xa4PRTP";
	struct vmm *vmm = build(&iommu_none);
	uint64_t dsdt = env_get(vmm, find(vmm, "FACP") + 40, 4);

	EXPECT_TRUE(find_in(vmm, dsdt, pic, sizeof(pic) - 1));
	EXPECT_TRUE(find_in(vmm, dsdt, prt, sizeof(prt) - 1));
	env_end(vmm);
}

/* All processors, the IOAPIC, LINT1 of each as NMI */
TEST(madt)
{
	struct vmm *vmm = env_machine(ENV_MAP);
	struct options opts = *vmm->opts;
	unsigned int cpus = 0, ioapics = 0, nmis = 0;
	uint64_t madt, at;

	opts.cpus = 3;
	vmm->opts = &opts;
	ASSERT_EQ(0, acpi_build(vmm));
	madt = find(vmm, "APIC");
	ASSERT_TRUE(madt);
	EXPECT_EQ(GPA_LAPIC, env_get(vmm, madt + 36, 4));
	for (at = madt + 44; at < madt + length(vmm, madt); at += env_get(vmm, at + 1, 1)) {
		ASSERT_TRUE(env_get(vmm, at + 1, 1));
		switch (env_get(vmm, at, 1)) {
		case 0:
			EXPECT_EQ(cpus++, env_get(vmm, at + 3, 1));
			EXPECT_EQ(1, env_get(vmm, at + 4, 4));
			break;
		case 1:
			ioapics++;
			EXPECT_EQ(GPA_IOAPIC, env_get(vmm, at + 4, 4));
			break;
		case 4:
			nmis++;
			EXPECT_EQ(0xff, env_get(vmm, at + 2, 1));
			EXPECT_EQ(1, env_get(vmm, at + 5, 1));
			break;
		}
	}
	EXPECT_EQ(3, cpus);
	EXPECT_EQ(1, ioapics);
	EXPECT_EQ(1, nmis);
	env_end(vmm);
}

/*
 * The blocks of types 10h and 11h: all devices as a range, which each driver understands,
 * aligned as the entries want it, and the IOAPIC.
 */
TEST(ivrs)
{
	static const uint8_t entries[16] = {
		3, 0, 0, 0, 4, 0xff, 0xff, 0, 0x48, 0, 0, 0, 0, 0xa0, 0, 1,
	};
	static const struct { uint8_t type; unsigned int header; } blocks[] = {
		{ 0x10, 24 }, { 0x11, 40 },
	};
	struct vmm *vmm = build(&iommu_amdvi);
	uint64_t ivrs = find(vmm, "IVRS"), at = ivrs + 48;
	unsigned int i;

	ASSERT_TRUE(ivrs);
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		EXPECT_EQ(blocks[i].type, env_get(vmm, at, 1));
		EXPECT_EQ(blocks[i].header + sizeof(entries), env_get(vmm, at + 2, 2));
		EXPECT_EQ(GPA_AMDVI, env_get(vmm, at + 8, 8));
		at += blocks[i].header;
		EXPECT_EQ(0, at % 8);
		EXPECT_TRUE(!memcmp(ram_ptr(vmm, at, 16), entries, sizeof(entries)));
		at += sizeof(entries);
	}
	EXPECT_EQ(ivrs + length(vmm, ivrs), at);
	env_end(vmm);
}
