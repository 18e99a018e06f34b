// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: the ACPI table of AMD-Vi.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * AMD I/O Virtualization Technology (IOMMU) Specification, 48882, revision 3.07: 5.2.1 for the
 * table, 5.2.2 for the blocks of units and their entries, 5.2.3 for reserved memory, 3.4 for
 * the Extended Feature Register.
 */
#include "acpi.h"

#include <errno.h>
#include <string.h>

#define EFR_PREFETCH	(UINT64_C(1) << 0)
#define EFR_PPR		(UINT64_C(1) << 1)
#define EFR_XT		(UINT64_C(1) << 2)
#define EFR_NX		(UINT64_C(1) << 3)
#define EFR_GT		(UINT64_C(1) << 4)
#define EFR_IA		(UINT64_C(1) << 6)
#define EFR_GA		(UINT64_C(1) << 7)
#define EFR_HE		(UINT64_C(1) << 8)
#define EFR_COUNTERS	(UINT64_C(1) << 9)

enum {
	EFR_HATS	= 10,		/* shifts */
	EFR_GATS	= 12,
	EFR_GLX		= 14,
	EFR_PASMAX	= 32,

	INFO_EFR	= 1 << 0,
	INFO_DMA_PROTECTED = 1 << 1,
	INFO_GUEST_48	= 2 << 5,
	INFO_PHYSICAL	= 8,		/* shifts */
	INFO_VIRTUAL	= 15,
	INFO_HT_ATS	= 1 << 22,

	BLOCK_F_PREFETCH = 1 << 6,	/* type 10h only */
	BLOCK_F_PPR	= 1 << 7,

	ENTRY_ALL	= 1,
	ENTRY_SELECT	= 2,
	ENTRY_START	= 3,
	ENTRY_END	= 4,
	ENTRY_ALIAS	= 0x42,
	ENTRY_ALIAS_START = 0x43,
	ENTRY_SPECIAL	= 0x48,
	SPECIAL_IOAPIC	= 1,
	SPECIAL_HPET	= 2,

	REGION_ALL	= 0x20,
	REGION_ONE	= 0x21,
	REGION_RANGE	= 0x22,
	REGION_SIZE	= 32,

	PAGE		= 4096,
	REGISTERS	= 16 * 1024,
	REGISTERS_COUNTERS = 512 * 1024,

	TABLE_FLAGS	= NYX_IVRS_F_DMA_PROTECTED | NYX_IVRS_F_HT_ATS_RESERVED,
	UNIT_FLAGS	= NYX_IVRS_UNIT_F_TUNNEL | NYX_IVRS_UNIT_F_PASS_PW |
			  NYX_IVRS_UNIT_F_RES_PASS_PW | NYX_IVRS_UNIT_F_ISOC |
			  NYX_IVRS_UNIT_F_REMOTE_IOTLB | NYX_IVRS_UNIT_F_COHERENT,
	BLOCKS		= NYX_IVRS_BLOCK_10 | NYX_IVRS_BLOCK_11 | NYX_IVRS_BLOCK_40,
	SETTINGS	= NYX_IVRS_INIT_PASS | NYX_IVRS_EXTINT_PASS | NYX_IVRS_NMI_PASS |
			  NYX_IVRS_LINT0_PASS | NYX_IVRS_LINT1_PASS,
};

static const struct {
	uint32_t bit;
	uint8_t type;
} block_types[] = {
	{ NYX_IVRS_BLOCK_10, 0x10 },
	{ NYX_IVRS_BLOCK_11, 0x11 },
	{ NYX_IVRS_BLOCK_40, 0x40 },
};

/* ---- entries ------------------------------------------------------------- */

static bool is_special(const struct nyx_ivrs_entry *e)
{
	return e->type == NYX_IVRS_IOAPIC || e->type == NYX_IVRS_HPET;
}

static bool is_range(const struct nyx_ivrs_entry *e)
{
	return e->type == NYX_IVRS_RANGE || e->type == NYX_IVRS_ALIAS_RANGE;
}

static bool has_alias(const struct nyx_ivrs_entry *e)
{
	return e->type == NYX_IVRS_ALIAS || e->type == NYX_IVRS_ALIAS_RANGE;
}

static bool entry_valid(const struct nyx_ivrs_entry *e)
{
	if (e->type < NYX_IVRS_ALL || e->type > NYX_IVRS_HPET)
		return false;
	return e->first <= (e->type == NYX_IVRS_ALL ? 0 : UINT16_MAX) &&
	       (is_range(e) ? e->last >= e->first && e->last <= UINT16_MAX : !e->last) &&
	       e->alias <= (has_alias(e) ? UINT16_MAX : 0) &&
	       e->id <= (is_special(e) ? UINT8_MAX : 0) &&
	       !(e->settings & ~(uint32_t)SETTINGS);
}

static void put_short(struct acpi_writer *w, unsigned int type, uint32_t device,
		      uint32_t settings)
{
	nyx__acpi_put(w, type, 1);
	nyx__acpi_put(w, device, 2);
	nyx__acpi_put(w, settings, 1);
}

/* Entries of 8 bytes lie at multiples of 8: one of type 0, which means nothing, goes before. */
static void align(struct acpi_writer *w, size_t first)
{
	if ((w->len - first) % 8)
		nyx__acpi_put(w, 0, 4);
}

static void put_entry(struct acpi_writer *w, size_t first, const struct nyx_ivrs_entry *e)
{
	switch (e->type) {
	case NYX_IVRS_ALL:
		put_short(w, ENTRY_ALL, 0, e->settings);
		return;
	case NYX_IVRS_SELECT:
		put_short(w, ENTRY_SELECT, e->first, e->settings);
		return;
	case NYX_IVRS_RANGE:
		put_short(w, ENTRY_START, e->first, e->settings);
		break;
	case NYX_IVRS_ALIAS:
	case NYX_IVRS_ALIAS_RANGE:
		align(w, first);
		put_short(w, is_range(e) ? ENTRY_ALIAS_START : ENTRY_ALIAS, e->first, e->settings);
		nyx__acpi_put(w, 0, 1);
		nyx__acpi_put(w, e->alias, 2);
		nyx__acpi_put(w, 0, 1);
		break;
	default:
		align(w, first);
		put_short(w, ENTRY_SPECIAL, 0, e->settings);
		nyx__acpi_put(w, e->id, 1);
		nyx__acpi_put(w, e->first, 2);
		nyx__acpi_put(w, e->type == NYX_IVRS_IOAPIC ? SPECIAL_IOAPIC : SPECIAL_HPET, 1);
		return;
	}
	if (is_range(e))
		put_short(w, ENTRY_END, e->last, 0);
}

/* ---- units --------------------------------------------------------------- */

/* The features of @u in the encoding of a block of type 10h. */
static uint32_t features(const struct nyx_ivrs_unit *u)
{
	uint64_t efr = u->efr;

	return (efr & EFR_XT ? 1u << 0 : 0) | (efr & EFR_NX ? 1u << 1 : 0) |
		(efr & EFR_GT ? 1u << 2 : 0) | (uint32_t)(efr >> EFR_GLX & 3) << 3 |
		(efr & EFR_IA ? 1u << 5 : 0) | (efr & EFR_GA ? 1u << 6 : 0) |
		(efr & EFR_HE ? 1u << 7 : 0) | (uint32_t)(efr >> EFR_PASMAX & 0x1f) << 8 |
		u->nr_counters << 13 | u->nr_counter_banks << 17 | u->msi_ppr << 23 |
		(uint32_t)(efr >> EFR_GATS & 3) << 28 | (uint32_t)(efr >> EFR_HATS & 3) << 30;
}

static uint32_t attributes(const struct nyx_ivrs_unit *u)
{
	return u->nr_counters << 13 | u->nr_counter_banks << 17 | u->msi_ppr << 23;
}

static void put_block(struct acpi_writer *w, const struct nyx_ivrs_unit *u, uint8_t type)
{
	size_t start = w->len, first;
	uint32_t flags = u->flags, i;

	if (type == 0x10 && u->efr & EFR_PREFETCH)
		flags |= BLOCK_F_PREFETCH;
	if (type == 0x10 && u->efr & EFR_PPR)
		flags |= BLOCK_F_PPR;
	nyx__acpi_put(w, type, 1);
	nyx__acpi_put(w, flags, 1);
	nyx__acpi_put(w, 0, 2);		/* length */
	nyx__acpi_put(w, u->function, 2);
	nyx__acpi_put(w, u->capability, 2);
	nyx__acpi_put(w, u->base, 8);
	nyx__acpi_put(w, u->segment, 2);
	nyx__acpi_put(w, u->msi | u->unit_id << 8, 2);
	if (type == 0x10) {
		nyx__acpi_put(w, features(u), 4);
	} else {
		nyx__acpi_put(w, attributes(u), 4);
		nyx__acpi_put(w, u->efr, 8);
		nyx__acpi_put(w, u->efr2, 8);
	}
	first = w->len;
	for (i = 0; i < u->nr_entries; i++)
		put_entry(w, first, &u->entries[i]);
	align(w, first);		/* aligns the next block */
	nyx__acpi_set(w, start + 2, w->len - start, 2);
}

/* A block has 16 bits for its length. */
static bool block_fits(const struct nyx_ivrs_unit *u)
{
	struct acpi_writer w = { .bytes = NULL };

	if (u->nr_entries > UINT16_MAX)
		return false;
	put_block(&w, u, u->blocks == NYX_IVRS_BLOCK_10 ? 0x10 : 0x11);
	return w.len <= UINT16_MAX;
}

static bool unit_valid(const struct nyx_ivrs_unit *u)
{
	uint32_t alignment = u->efr & EFR_COUNTERS ? REGISTERS_COUNTERS : REGISTERS, i;

	if (!u->base || u->base % alignment || !u->blocks || u->blocks & ~(uint32_t)BLOCKS ||
	    u->flags & ~(uint32_t)UNIT_FLAGS || u->segment > UINT16_MAX ||
	    u->function > UINT16_MAX || u->capability < 64 || u->capability > 252 ||
	    u->capability % 4 || u->unit_id > 31 || u->msi > 31 || u->msi_ppr > 31 ||
	    u->nr_counter_banks > 63 || u->nr_counters > 15 || u->reserved ||
	    !u->nr_entries || !u->entries)
		return false;
	for (i = 0; i < u->nr_entries; i++) {
		if (!entry_valid(&u->entries[i]))
			return false;
	}
	return block_fits(u);
}

/* True if an earlier entry names the same IOAPIC or HPET. */
static bool entry_clashes(const struct nyx_acpi_ivrs_opts *o, uint32_t unit, uint32_t entry)
{
	const struct nyx_ivrs_entry *own = &o->units[unit].entries[entry], *other;
	uint32_t i, j;

	if (!is_special(own))
		return false;
	for (i = 0; i <= unit; i++) {
		for (j = 0; j < (i == unit ? entry : o->units[i].nr_entries); j++) {
			other = &o->units[i].entries[j];
			if (other->type == own->type && other->id == own->id)
				return true;
		}
	}
	return false;
}

static bool unit_clashes(const struct nyx_acpi_ivrs_opts *o, uint32_t unit)
{
	const struct nyx_ivrs_unit *own = &o->units[unit], *other;
	uint32_t i;

	for (other = o->units; other < own; other++) {
		if (other->base == own->base ||
		    (other->segment == own->segment && other->function == own->function))
			return true;
	}
	for (i = 0; i < own->nr_entries; i++) {
		if (entry_clashes(o, unit, i))
			return true;
	}
	return false;
}

static bool units_valid(const struct nyx_acpi_ivrs_opts *o)
{
	uint32_t i;

	if (!o->nr_units || !o->units)
		return false;
	for (i = 0; i < o->nr_units; i++) {
		if (!unit_valid(&o->units[i]))
			return false;
	}
	for (i = 0; i < o->nr_units; i++) {
		if (unit_clashes(o, i))
			return false;
	}
	return true;
}

/* ---- reserved memory ----------------------------------------------------- */

static bool region_flags_valid(uint32_t flags)
{
	const uint32_t access = NYX_IVRS_REGION_F_READ | NYX_IVRS_REGION_F_WRITE;

	if (flags == NYX_IVRS_REGION_F_EXCLUSION)
		return true;
	return flags & access && (flags & ~access) == NYX_IVRS_REGION_F_UNITY;
}

static bool regions_valid(const struct nyx_acpi_ivrs_opts *o)
{
	const struct nyx_ivrs_region *r;
	uint32_t i;

	if (o->nr_regions && !o->regions)
		return false;
	for (i = 0; i < o->nr_regions; i++) {
		r = &o->regions[i];
		if (r->base % PAGE || r->length % PAGE || !r->length ||
		    r->base + (r->length - 1) < r->base ||
		    (r->base + (r->length - 1)) >> o->physical_bits ||
		    r->segment > UINT16_MAX || r->first > r->last || r->last > UINT16_MAX ||
		    !region_flags_valid(r->flags))
			return false;
	}
	return true;
}

static void put_region(struct acpi_writer *w, const struct nyx_ivrs_region *r)
{
	uint8_t type = REGION_RANGE;

	if (!r->first && r->last == UINT16_MAX)
		type = REGION_ALL;
	else if (r->first == r->last)
		type = REGION_ONE;
	nyx__acpi_put(w, type, 1);
	nyx__acpi_put(w, r->flags, 1);
	nyx__acpi_put(w, REGION_SIZE, 2);
	nyx__acpi_put(w, type == REGION_ALL ? 0 : r->first, 2);
	nyx__acpi_put(w, type == REGION_RANGE ? r->last : 0, 2);
	nyx__acpi_put(w, r->segment, 2);
	nyx__acpi_put(w, 0, 6);
	nyx__acpi_put(w, r->base, 8);
	nyx__acpi_put(w, r->length, 8);
}

/* ---- the table ----------------------------------------------------------- */

static bool sizes_valid(const struct nyx_acpi_ivrs_opts *o)
{
	switch (o->virtual_bits) {
	case 32:
	case 40:
	case 48:
	case 64:
		break;
	default:
		return false;
	}
	return o->physical_bits >= 32 && o->physical_bits <= 52 &&
	       (!o->guest_bits || o->guest_bits == 48);
}

static void body(struct acpi_writer *w, const void *opts)
{
	const struct nyx_acpi_ivrs_opts *o = opts;
	uint32_t info, i;
	size_t j;

	info = INFO_EFR | o->physical_bits << INFO_PHYSICAL | o->virtual_bits << INFO_VIRTUAL;
	if (o->guest_bits)
		info |= INFO_GUEST_48;
	if (o->flags & NYX_IVRS_F_DMA_PROTECTED)
		info |= INFO_DMA_PROTECTED;
	if (o->flags & NYX_IVRS_F_HT_ATS_RESERVED)
		info |= INFO_HT_ATS;
	nyx__acpi_put(w, info, 4);
	nyx__acpi_put(w, 0, 8);
	for (i = 0; i < o->nr_units; i++) {
		for (j = 0; j < ARRAY_SIZE(block_types); j++) {
			if (o->units[i].blocks & block_types[j].bit)
				put_block(w, &o->units[i], block_types[j].type);
		}
	}
	for (i = 0; i < o->nr_regions; i++)
		put_region(w, &o->regions[i]);
}

/* Revision 1 of the table has blocks of type 10h only. */
static uint8_t revision(const struct nyx_acpi_ivrs_opts *o)
{
	uint32_t i;

	for (i = 0; i < o->nr_units; i++) {
		if (o->units[i].blocks != NYX_IVRS_BLOCK_10)
			return 2;
	}
	return 1;
}

NYX_EXPORT int nyx_acpi_ivrs_build(const struct nyx_acpi_ivrs_opts *opts, void *table,
				   size_t room, size_t *length)
{
	struct nyx_acpi_ivrs_opts o = { 0 };
	int ret;

	if (!opts)
		return -EINVAL;
	ret = nyx__opts_copy(&o, sizeof(o), opts, opts->size);
	if (!ret)
		ret = nyx__acpi_ids_check(&o.ids);
	if (ret)
		return ret;
	if (o.flags & ~(uint32_t)TABLE_FLAGS || o.reserved || !sizes_valid(&o) ||
	    !units_valid(&o) || !regions_valid(&o))
		return -EINVAL;
	return nyx__acpi_build("IVRS", revision(&o), &o.ids, body, &o, table, room, length);
}
