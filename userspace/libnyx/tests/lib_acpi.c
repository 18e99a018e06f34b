// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: the ACPI tables. They need no module.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The bytes are written out after the specifications, field by field, and not by the
 * library's constants.
 */
#include "ktap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nyx/nyx.h>

/* A function behind a bridge; a bridge; an IOAPIC and a HPET. */
static const struct nyx_dmar_scope functions[] = {
	{ NYX_DMAR_ENDPOINT, 0, 0, 2, { { 1, 0 }, { 3, 1 } } },
	{ NYX_DMAR_BRIDGE, 0, 0x80, 1, { { 2, 0 } } },
};

static const struct nyx_dmar_scope chips[] = {
	{ NYX_DMAR_IOAPIC, 2, 0xf0, 1, { { 31, 7 } } },
	{ NYX_DMAR_HPET, 0, 0xf0, 1, { { 15, 0 } } },
};

static const struct nyx_dmar_unit units[] = {
	{ .base = 0xfed90000, .scopes = functions, .nr_scopes = 2 },
	{ .base = 0xfed91000, .flags = NYX_DMAR_UNIT_F_ALL, .scopes = chips, .nr_scopes = 2 },
};

static const struct nyx_dmar_region regions[] = {
	{ .base = 0x7d800000, .last = 0x7fffffff, .nr_scopes = 1, .scopes = functions },
};

static const struct nyx_acpi_dmar_opts dmar = {
	.size = sizeof(dmar),
	.flags = NYX_DMAR_F_INTR_REMAP | NYX_DMAR_F_DMA_PROTECTED,
	.ids = { "ACME", "VMM 1", "ACM", 0x01020304, 5 },
	.address_width = 39,
	.nr_units = 2,
	.units = units,
	.regions = regions,
	.nr_regions = 1,
};

static const uint8_t dmar_table[] = {
	'D', 'M', 'A', 'R', 0x94, 0, 0, 0, 1, 0, 'A', 'C', 'M', 'E', ' ', ' ',
	'V', 'M', 'M', ' ', '1', ' ', ' ', ' ', 4, 3, 2, 1, 'A', 'C', 'M', ' ', 5, 0, 0, 0,
	38, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* DRHD: type, length, flags, size, segment, base; scopes */
	0, 0, 0x22, 0, 0, 0, 0, 0, 0x00, 0x00, 0xd9, 0xfe, 0, 0, 0, 0,
	1, 10, 0, 0, 0, 0x00, 1, 0, 3, 1,
	2, 8, 0, 0, 0, 0x80, 2, 0,
	0, 0, 0x20, 0, 1, 0, 0, 0, 0x00, 0x10, 0xd9, 0xfe, 0, 0, 0, 0,
	3, 8, 0, 0, 2, 0xf0, 31, 7,
	4, 8, 0, 0, 0, 0xf0, 15, 0,
	/* RMRR: type, length, reserved, segment, base, last; scope */
	1, 0, 0x22, 0, 0, 0, 0, 0,
	0x00, 0x00, 0x80, 0x7d, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0,
	1, 10, 0, 0, 0, 0x00, 1, 0, 3, 1,
};

static const struct nyx_ivrs_entry entries[] = {
	{ .type = NYX_IVRS_SELECT, .first = 0x0008 },
	{ .type = NYX_IVRS_ALIAS_RANGE, .first = 0x0100, .last = 0x01ff, .alias = 0x0110 },
	{ .type = NYX_IVRS_RANGE, .first = 0x0200, .last = 0x02ff,
	  .settings = NYX_IVRS_LINT1_PASS },
	{ .type = NYX_IVRS_ALL },
	{ .type = NYX_IVRS_ALIAS, .first = 0x0300, .alias = 0x0020 },
	{ .type = NYX_IVRS_IOAPIC, .first = 0x00a0, .id = 33,
	  .settings = NYX_IVRS_INIT_PASS | NYX_IVRS_EXTINT_PASS | NYX_IVRS_NMI_PASS },
	{ .type = NYX_IVRS_HPET, .first = 0x00a1 },
	{ .type = NYX_IVRS_SELECT, .first = 0x0400 },
};

/*
 * PreFSup, XTSup, NXSup, GTSup, IASup, GASup, PCSup; HATS 2, GATS 1, GLXSup 1, PASmax 15.
 * One bit that is in no field of a block of type 10h: EPHSup.
 */
#define EFR	UINT64_C(0x0004000f00005add)

static const struct nyx_ivrs_unit ivrs_unit = {
	.base = 0xfd200000,
	.efr = EFR,
	.efr2 = 0x1122334455667788,
	.blocks = NYX_IVRS_BLOCK_10 | NYX_IVRS_BLOCK_11 | NYX_IVRS_BLOCK_40,
	.flags = NYX_IVRS_UNIT_F_COHERENT | NYX_IVRS_UNIT_F_REMOTE_IOTLB,
	.segment = 1,
	.function = 0x0002,
	.capability = 0x40,
	.unit_id = 3,
	.msi = 1,
	.msi_ppr = 2,
	.nr_counter_banks = 2,
	.nr_counters = 4,
	.nr_entries = ARRAY_SIZE(entries),
	.entries = entries,
};

static const struct nyx_ivrs_region ivrs_regions[] = {
	{ .base = 0x1000, .length = 0x1000, .first = 0, .last = 0xffff,
	  .flags = NYX_IVRS_REGION_F_UNITY | NYX_IVRS_REGION_F_READ | NYX_IVRS_REGION_F_WRITE },
	{ .base = 0x2000, .length = 0x1000, .first = 8, .last = 8, .segment = 1,
	  .flags = NYX_IVRS_REGION_F_UNITY | NYX_IVRS_REGION_F_READ },
	{ .base = 0x4000, .length = 0x2000, .first = 8, .last = 15,
	  .flags = NYX_IVRS_REGION_F_EXCLUSION },
};

static const struct nyx_acpi_ivrs_opts ivrs = {
	.size = sizeof(ivrs),
	.flags = NYX_IVRS_F_HT_ATS_RESERVED | NYX_IVRS_F_DMA_PROTECTED,
	.virtual_bits = 64,
	.physical_bits = 48,
	.guest_bits = 48,
	.nr_units = 1,
	.units = &ivrs_unit,
	.regions = ivrs_regions,
	.nr_regions = ARRAY_SIZE(ivrs_regions),
};

static const uint8_t ivrs_head[] = {
	'I', 'V', 'R', 'S', 0xb8, 0x01, 0, 0, 2, 0, 'N', 'Y', 'X', ' ', ' ', ' ',
	'N', 'Y', 'X', ' ', ' ', ' ', ' ', ' ', 0, 0, 0, 0, 'N', 'Y', 'X', ' ', 0, 0, 0, 0,
	/* EFRSup, DMA protection, GVAsize 2, PAsize 48, VAsize 64, HtAtsResv */
	0x43, 0x30, 0x60, 0x00, 0, 0, 0, 0, 0, 0, 0, 0,
};

/* IotlbSup, Coherent, PreFSup; XT NX GT GLX 1 IA GA, PASmax 15, ..., GATS 1, HATS 2 */
static const uint8_t ivhd_10[] = {
	0x10, 0x70, 0x58, 0, 0x02, 0x00, 0x40, 0x00, 0x00, 0x00, 0x20, 0xfd, 0, 0, 0, 0,
	1, 0, 0x01, 0x03, 0x6f, 0x8f, 0x04, 0x91,
};

/* Attributes: 4 counters, 2 banks, message 2 */
static const uint8_t ivhd_11[] = {
	0x11, 0x30, 0x68, 0, 0x02, 0x00, 0x40, 0x00, 0x00, 0x00, 0x20, 0xfd, 0, 0, 0, 0,
	1, 0, 0x01, 0x03, 0x00, 0x80, 0x04, 0x01, 0xdd, 0x5a, 0x00, 0x00, 0x0f, 0x00, 0x04, 0x00,
	0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
};

static const uint8_t ivhd_40[] = {
	0x40, 0x30, 0x68, 0, 0x02, 0x00, 0x40, 0x00, 0x00, 0x00, 0x20, 0xfd, 0, 0, 0, 0,
	1, 0, 0x01, 0x03, 0x00, 0x80, 0x04, 0x01, 0xdd, 0x5a, 0x00, 0x00, 0x0f, 0x00, 0x04, 0x00,
	0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
};

/* Nothing of 4 bytes before what has 8, and one at the end */
static const uint8_t ivhd_entries[] = {
	0x02, 0x08, 0x00, 0, 0, 0, 0, 0,
	0x43, 0x00, 0x01, 0, 0, 0x10, 0x01, 0, 0x04, 0xff, 0x01, 0,
	0x03, 0x00, 0x02, 0x80, 0x04, 0xff, 0x02, 0,
	0x01, 0, 0, 0,
	0x42, 0x00, 0x03, 0, 0, 0x20, 0x00, 0,
	0x48, 0, 0, 0x07, 33, 0xa0, 0x00, 1,
	0x48, 0, 0, 0x00, 0, 0xa1, 0x00, 2,
	0x02, 0x00, 0x04, 0, 0, 0, 0, 0,
};

/* IVMD: type, flags, length, device, last device, segment, base, length */
static const uint8_t ivmd[] = {
	0x20, 0x07, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0x00, 0x10, 0, 0, 0, 0, 0, 0, 0x00, 0x10, 0, 0, 0, 0, 0, 0,
	0x21, 0x03, 32, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
	0x00, 0x20, 0, 0, 0, 0, 0, 0, 0x00, 0x10, 0, 0, 0, 0, 0, 0,
	0x22, 0x08, 32, 0, 8, 0, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0x00, 0x40, 0, 0, 0, 0, 0, 0, 0x00, 0x20, 0, 0, 0, 0, 0, 0,
};

static const struct {
	const uint8_t *bytes;
	size_t len;
} ivrs_parts[] = {
	{ ivrs_head, sizeof(ivrs_head) },
	{ ivhd_10, sizeof(ivhd_10) }, { ivhd_entries, sizeof(ivhd_entries) },
	{ ivhd_11, sizeof(ivhd_11) }, { ivhd_entries, sizeof(ivhd_entries) },
	{ ivhd_40, sizeof(ivhd_40) }, { ivhd_entries, sizeof(ivhd_entries) },
	{ ivmd, sizeof(ivmd) },
};

#define IVRS_SIZE	0x1b8

static uint8_t table[64 * 1024];

/* All the bytes but that of the checksum, which makes the sum 0 */
static void expect_bytes(const uint8_t *want, size_t want_len, size_t len)
{
	uint8_t sum = 0;
	size_t i;

	ASSERT_EQ(want_len, len);
	for (i = 0; i < len; i++) {
		sum += table[i];
		ktap_note("byte %zu", i);
		if (i != 9)
			EXPECT_EQ(want[i], table[i]);
	}
	EXPECT_EQ(0, sum);
}

TEST(dmar_bytes)
{
	size_t len;

	ASSERT_EQ(0, nyx_acpi_dmar_build(&dmar, table, sizeof(table), &len));
	expect_bytes(dmar_table, sizeof(dmar_table), len);
}

TEST(ivrs_bytes)
{
	uint8_t want[IVRS_SIZE];
	size_t i, len, at = 0;

	for (i = 0; i < ARRAY_SIZE(ivrs_parts); i++) {
		ASSERT_TRUE(at + ivrs_parts[i].len <= sizeof(want));
		memcpy(want + at, ivrs_parts[i].bytes, ivrs_parts[i].len);
		at += ivrs_parts[i].len;
	}
	ASSERT_EQ(sizeof(want), at);
	ASSERT_EQ(0, nyx_acpi_ivrs_build(&ivrs, table, sizeof(table), &len));
	expect_bytes(want, sizeof(want), len);
}

/* A guest that knows the first revision reads no block of another type. */
TEST(ivrs_revision)
{
	struct nyx_ivrs_unit unit = ivrs_unit;
	struct nyx_acpi_ivrs_opts opts = ivrs;
	size_t len;

	opts.units = &unit;
	unit.blocks = NYX_IVRS_BLOCK_10;
	ASSERT_EQ(0, nyx_acpi_ivrs_build(&opts, table, sizeof(table), &len));
	EXPECT_EQ(1, table[8]);
	unit.blocks = NYX_IVRS_BLOCK_40;
	ASSERT_EQ(0, nyx_acpi_ivrs_build(&opts, table, sizeof(table), &len));
	EXPECT_EQ(2, table[8]);
	EXPECT_EQ(0x40, table[48]);
}

/* The length comes without room, and nothing is written beyond it. */
TEST(room)
{
	size_t len = 0, i;

	EXPECT_EQ(-EMSGSIZE, nyx_acpi_dmar_build(&dmar, NULL, 0, &len));
	EXPECT_EQ(sizeof(dmar_table), len);
	memset(table, 0xee, sizeof(table));
	EXPECT_EQ(-EMSGSIZE, nyx_acpi_dmar_build(&dmar, table, len - 1, &len));
	EXPECT_EQ(-EMSGSIZE, nyx_acpi_ivrs_build(&ivrs, table, IVRS_SIZE - 1, &i));
	EXPECT_EQ(IVRS_SIZE, i);
	for (i = 0; i < sizeof(table); i++)
		ASSERT_EQ(0xee, table[i]);
	EXPECT_EQ(0, nyx_acpi_dmar_build(&dmar, table, len, &len));
	EXPECT_EQ(0xee, table[len]);
}

/* ---- what is refused ------------------------------------------------------ */

/* A description of which a case spoils one thing */
static struct {
	struct nyx_dmar_scope functions[2], chips[2];
	struct nyx_dmar_unit units[2];
	struct nyx_dmar_region region;
	struct nyx_acpi_dmar_opts opts;
} d;

static struct {
	struct nyx_ivrs_entry entries[ARRAY_SIZE(entries)];
	struct nyx_ivrs_unit units[2];
	struct nyx_ivrs_region region;
	struct nyx_acpi_ivrs_opts opts;
} a;

static void copies(void)
{
	memcpy(d.functions, functions, sizeof(functions));
	memcpy(d.chips, chips, sizeof(chips));
	memcpy(d.units, units, sizeof(units));
	d.units[0].scopes = d.functions;
	d.units[1].scopes = d.chips;
	d.region = regions[0];
	d.opts = dmar;
	d.opts.units = d.units;
	d.opts.regions = &d.region;

	memcpy(a.entries, entries, sizeof(entries));
	a.units[0] = ivrs_unit;
	a.units[0].entries = a.entries;
	a.units[1] = ivrs_unit;
	a.units[1].base += 0x80000;
	a.units[1].function = 0x0102;
	a.units[1].nr_entries = 1;
	a.region = ivrs_regions[0];
	a.opts = ivrs;
	a.opts.nr_units = 2;
	a.opts.units = a.units;
	a.opts.regions = &a.region;
	a.opts.nr_regions = 1;
}

struct setting {
	void *field;
	size_t size;
	uint64_t value;
};

#define SET(field, value)	{ &(field), sizeof(field), value }

static const struct {
	const char *name;
	struct setting set, set2;
} spoils[] = {
	{ "flags", SET(d.opts.flags, 8) },
	{ "reserved", SET(d.opts.reserved, 1) },
	{ "width_small", SET(d.opts.address_width, 31) },
	{ "width_large", SET(d.opts.address_width, 65) },
	{ "no_unit", SET(d.opts.nr_units, 0) },
	{ "null_units", SET(d.opts.units, 0) },
	{ "null_regions", SET(d.opts.regions, 0) },
	{ "unit_base_0", SET(d.units[0].base, 0) },
	{ "unit_base", SET(d.units[0].base, 0xfed90000 + 2048) },
	{ "unit_same_base", SET(d.units[0].base, 0xfed91000) },
	{ "unit_segment", SET(d.units[0].segment, 0x10000) },
	{ "unit_flags", SET(d.units[0].flags, 2) },
	{ "unit_reserved", SET(d.units[0].reserved, 1) },
	{ "unit_null_scopes", SET(d.units[0].scopes, 0) },
	{ "unit_no_scopes", SET(d.units[0].nr_scopes, 0) },
	{ "all_not_last", SET(d.units[0].flags, NYX_DMAR_UNIT_F_ALL),
	  SET(d.units[0].nr_scopes, 0) },
	{ "all_with_function", SET(d.units[1].scopes, (uintptr_t)d.functions) },
	{ "scope_type_0", SET(d.functions[0].type, 0) },
	{ "scope_type_5", SET(d.functions[0].type, 5) },
	{ "scope_id", SET(d.functions[0].id, 1) },
	{ "scope_ioapic", SET(d.chips[0].id, 256) },
	{ "scope_bus", SET(d.functions[0].bus, 256) },
	{ "scope_no_steps", SET(d.functions[0].nr_steps, 0) },
	{ "scope_steps", SET(d.functions[0].nr_steps, 9) },
	{ "scope_device", SET(d.functions[0].path[1].device, 32) },
	{ "scope_function", SET(d.functions[0].path[1].function, 8) },
	{ "ioapic_twice", SET(d.chips[1].type, NYX_DMAR_IOAPIC), SET(d.chips[1].id, 2) },
	{ "ioapic_of_two", SET(d.functions[0].type, 3), SET(d.functions[0].id, 2) },
	{ "region_base", SET(d.region.base, 0x7d800000 + 1) },
	{ "region_last", SET(d.region.last, 0x7fffffff - 1) },
	{ "region_empty", SET(d.region.last, 0x7d7fffff) },
	{ "region_wide", SET(d.region.last, 0x807fffffff) },
	{ "region_segment", SET(d.region.segment, 0x10000) },
	{ "region_no_scopes", SET(d.region.nr_scopes, 0) },
	{ "region_ioapic", SET(d.region.scopes, (uintptr_t)d.chips) },
	{ "oem_long", SET(d.opts.ids.oem_id, (uintptr_t)"1234567") },
	{ "oem_table_long", SET(d.opts.ids.oem_table_id, (uintptr_t)"123456789") },
	{ "creator_long", SET(d.opts.ids.creator_id, (uintptr_t)"12345") },
	{ "oem_unprintable", SET(d.opts.ids.oem_id, (uintptr_t)"a\n") },
	{ "size_0", SET(d.opts.size, 0) },
	{ "a_flags", SET(a.opts.flags, 4) },
	{ "a_reserved", SET(a.opts.reserved, 1) },
	{ "a_virtual", SET(a.opts.virtual_bits, 57) },
	{ "a_physical_small", SET(a.opts.physical_bits, 31) },
	{ "a_physical_large", SET(a.opts.physical_bits, 53) },
	{ "a_guest", SET(a.opts.guest_bits, 57) },
	{ "a_no_unit", SET(a.opts.nr_units, 0) },
	{ "a_null_units", SET(a.opts.units, 0) },
	{ "a_null_regions", SET(a.opts.regions, 0) },
	{ "a_base_0", SET(a.units[0].base, 0) },
	{ "a_base_counters", SET(a.units[0].base, 0xfd200000 + 0x4000) },
	{ "a_base", SET(a.units[0].efr, 0), SET(a.units[0].base, 0xfd200000 + 0x1000) },
	{ "a_same_base", SET(a.units[1].base, 0xfd200000) },
	{ "a_same_function", SET(a.units[1].function, 0x0002) },
	{ "a_no_blocks", SET(a.units[0].blocks, 0) },
	{ "a_blocks", SET(a.units[0].blocks, 8) },
	{ "a_unit_flags", SET(a.units[0].flags, 1 << 6) },
	{ "a_segment", SET(a.units[0].segment, 0x10000) },
	{ "a_function", SET(a.units[0].function, 0x10000) },
	{ "a_capability_low", SET(a.units[0].capability, 60) },
	{ "a_capability_high", SET(a.units[0].capability, 256) },
	{ "a_capability", SET(a.units[0].capability, 65) },
	{ "a_unit_id", SET(a.units[0].unit_id, 32) },
	{ "a_msi", SET(a.units[0].msi, 32) },
	{ "a_msi_ppr", SET(a.units[0].msi_ppr, 32) },
	{ "a_banks", SET(a.units[0].nr_counter_banks, 64) },
	{ "a_counters", SET(a.units[0].nr_counters, 16) },
	{ "a_unit_reserved", SET(a.units[0].reserved, 1) },
	{ "a_no_entries", SET(a.units[0].nr_entries, 0) },
	{ "a_null_entries", SET(a.units[0].entries, 0) },
	{ "a_entry_type_0", SET(a.entries[0].type, 0) },
	{ "a_entry_type_8", SET(a.entries[0].type, 8) },
	{ "a_entry_first", SET(a.entries[0].first, 0x10000) },
	{ "a_entry_last", SET(a.entries[0].last, 9) },
	{ "a_entry_alias", SET(a.entries[0].alias, 1) },
	{ "a_entry_id", SET(a.entries[0].id, 1) },
	{ "a_entry_settings", SET(a.entries[0].settings, 8) },
	{ "a_range_backwards", SET(a.entries[2].last, 0x1ff) },
	{ "a_range_last", SET(a.entries[2].last, 0x10000) },
	{ "a_all_first", SET(a.entries[3].first, 1) },
	{ "a_alias", SET(a.entries[4].alias, 0x10000) },
	{ "a_ioapic", SET(a.entries[5].id, 256) },
	{ "a_ioapic_of_two", SET(a.units[1].entries, (uintptr_t)&a.entries[5]) },
	{ "a_region_base", SET(a.region.base, 1) },
	{ "a_region_length", SET(a.region.length, 1) },
	{ "a_region_empty", SET(a.region.length, 0) },
	{ "a_region_wraps", SET(a.region.length, -UINT64_C(0x1000)), SET(a.region.base, 0x2000) },
	{ "a_region_wide", SET(a.region.base, UINT64_C(1) << 48) },
	{ "a_region_segment", SET(a.region.segment, 0x10000) },
	{ "a_region_backwards", SET(a.region.first, 2), SET(a.region.last, 1) },
	{ "a_region_last", SET(a.region.last, 0x10000) },
	{ "a_region_no_access", SET(a.region.flags, NYX_IVRS_REGION_F_UNITY) },
	{ "a_region_no_unity", SET(a.region.flags, NYX_IVRS_REGION_F_READ) },
	{ "a_region_both", SET(a.region.flags, 7 | NYX_IVRS_REGION_F_EXCLUSION) },
	{ "a_region_flags", SET(a.region.flags, 7 | 16) },
	{ "a_size_0", SET(a.opts.size, 0) },
};

static void spoil(const struct setting *set)
{
	if (set->field)
		memcpy(set->field, &set->value, set->size);	/* little endian */
}

static void expect_built(int ret_dmar, int ret_ivrs)
{
	size_t len;

	EXPECT_EQ(ret_dmar, nyx_acpi_dmar_build(&d.opts, table, sizeof(table), &len));
	EXPECT_EQ(ret_ivrs, nyx_acpi_ivrs_build(&a.opts, table, sizeof(table), &len));
}

TEST_EACH(refuses, spoils)
{
	bool of_amd = !strncmp(v->name, "a_", 2);

	copies();
	expect_built(0, 0);
	spoil(&v->set);
	spoil(&v->set2);
	expect_built(of_amd ? 0 : -EINVAL, of_amd ? -EINVAL : 0);
}

/* A structure of a newer library's: what is new and not 0 is refused. */
TEST(newer_opts)
{
	struct {
		struct nyx_acpi_dmar_opts opts;
		uint64_t more;
	} newer = { .opts = dmar };
	size_t len;

	newer.opts.size = sizeof(newer);
	EXPECT_EQ(0, nyx_acpi_dmar_build(&newer.opts, table, sizeof(table), &len));
	newer.more = 1;
	EXPECT_EQ(-E2BIG, nyx_acpi_dmar_build(&newer.opts, table, sizeof(table), &len));
	EXPECT_EQ(-EINVAL, nyx_acpi_dmar_build(NULL, table, sizeof(table), &len));
	EXPECT_EQ(-EINVAL, nyx_acpi_ivrs_build(NULL, table, sizeof(table), &len));
}

/* The length of a structure has 16 bits. */
TEST(too_long)
{
	static struct nyx_dmar_scope many[8192];
	static struct nyx_ivrs_entry more[16384];
	size_t i, len;

	copies();
	for (i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = functions[1];
	for (i = 0; i < ARRAY_SIZE(more); i++)
		more[i] = entries[0];
	d.units[0].scopes = many;
	d.units[0].nr_scopes = 8189;		/* 16 + 8 * 8189 = 65528 */
	a.units[0].entries = more;
	a.units[0].nr_entries = 16372;		/* 40 + 4 * 16372 = 65528 */
	EXPECT_EQ(-EMSGSIZE, nyx_acpi_dmar_build(&d.opts, table, 0, &len));
	EXPECT_EQ(-EMSGSIZE, nyx_acpi_ivrs_build(&a.opts, table, 0, &len));
	d.units[0].nr_scopes++;
	a.units[0].nr_entries++;
	expect_built(-EINVAL, -EINVAL);
}

/* ---- the tables as iasl reads them ---------------------------------------------- */

static void disassemble(const char *name, size_t len)
{
	char dir[] = "/tmp/nyx-acpi-XXXXXX", command[512];
	FILE *file;

	ASSERT_TRUE(mkdtemp(dir));
	snprintf(command, sizeof(command), "%s/%s", dir, name);
	file = fopen(command, "w");
	ASSERT_TRUE(file);
	ASSERT_EQ(len, fwrite(table, 1, len, file));
	ASSERT_EQ(0, fclose(file));
	/*
	 * iasl reports errors in its text, and exits with 0. A library that is preloaded
	 * into this program must not be into iasl.
	 */
	snprintf(command, sizeof(command), "unset LD_PRELOAD; cd %s && iasl -d %s >log 2>&1 && "
		 "! grep -iE '\\*\\*\\*\\*|error|invalid|unknown|warning' log *.dsl; "
		 "rc=$?; cd /; rm -r %s; exit $rc", dir, name, dir);
	EXPECT_EQ(0, system(command));
}

/* iasl of Debian 12 does not know blocks of type 40h. */
TEST(disassembles)
{
	struct nyx_ivrs_unit unit = ivrs_unit;
	struct nyx_acpi_ivrs_opts opts = ivrs;
	size_t len;

	if (system("command -v iasl >/dev/null"))
		ktap_skip("no iasl: package acpica-tools");
	ASSERT_EQ(0, nyx_acpi_dmar_build(&dmar, table, sizeof(table), &len));
	disassemble("dmar.aml", len);
	unit.blocks &= ~(uint32_t)NYX_IVRS_BLOCK_40;
	opts.units = &unit;
	ASSERT_EQ(0, nyx_acpi_ivrs_build(&opts, table, sizeof(table), &len));
	disassemble("ivrs.aml", len);
}
