// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: the ACPI table of Intel VT-d.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Intel Virtualization Technology for Directed I/O, revision 4.1: 8.1 for the table, 8.3 for
 * units, 8.3.1 for scopes, 8.4 for reserved memory.
 */
#include "acpi.h"

#include <errno.h>
#include <string.h>

enum {
	REVISION	= 1,
	UNIT		= 0,		/* DRHD */
	UNIT_SIZE	= 16,
	REGION		= 1,		/* RMRR */
	REGION_SIZE	= 24,
	SCOPE_SIZE	= 6,
	STEP_SIZE	= 2,
	PAGE		= 4096,

	UNIT_FLAGS	= NYX_DMAR_UNIT_F_ALL,
	TABLE_FLAGS	= NYX_DMAR_F_INTR_REMAP | NYX_DMAR_F_X2APIC_OPT_OUT |
			  NYX_DMAR_F_DMA_PROTECTED,
};

/* ---- checks -------------------------------------------------------------- */

static bool has_id(const struct nyx_dmar_scope *scope)
{
	return scope->type == NYX_DMAR_IOAPIC || scope->type == NYX_DMAR_HPET;
}

static bool scope_valid(const struct nyx_dmar_scope *scope)
{
	uint32_t i;

	if (scope->type < NYX_DMAR_ENDPOINT || scope->type > NYX_DMAR_HPET ||
	    scope->id > (has_id(scope) ? UINT8_MAX : 0) || scope->bus > UINT8_MAX ||
	    !scope->nr_steps || scope->nr_steps > NYX_DMAR_PATH_MAX)
		return false;
	for (i = 0; i < scope->nr_steps; i++) {
		if (scope->path[i].device > 31 || scope->path[i].function > 7)
			return false;
	}
	return true;
}

static size_t scopes_size(const struct nyx_dmar_scope *scopes, uint32_t nr)
{
	size_t size = 0;
	uint32_t i;

	for (i = 0; i < nr; i++)
		size += SCOPE_SIZE + STEP_SIZE * (size_t)scopes[i].nr_steps;
	return size;
}

/*
 * The structure's length must fit in 16 bits. @with_ids allows scopes that have an id,
 * @without allows those that have none.
 */
static bool scopes_valid(const struct nyx_dmar_scope *scopes, uint32_t nr, size_t header,
			 bool with_ids, bool without)
{
	uint32_t i;

	if (nr && !scopes)
		return false;
	for (i = 0; i < nr; i++) {
		if (!scope_valid(&scopes[i]) || !(has_id(&scopes[i]) ? with_ids : without))
			return false;
	}
	return header + scopes_size(scopes, nr) <= UINT16_MAX;
}

static bool unit_valid(const struct nyx_dmar_unit *unit)
{
	bool all = unit->flags & NYX_DMAR_UNIT_F_ALL;

	return unit->base && !(unit->base % PAGE) && unit->segment <= UINT16_MAX &&
	       !(unit->flags & ~(uint32_t)UNIT_FLAGS) && !unit->reserved &&
	       (all || unit->nr_scopes) &&
	       scopes_valid(unit->scopes, unit->nr_scopes, UNIT_SIZE, true, !all);
}

/* True if both scopes name the same IOAPIC or HPET. */
static bool clash(const struct nyx_dmar_scope *a, const struct nyx_dmar_scope *b)
{
	return has_id(a) && a->type == b->type && a->id == b->id;
}

static bool scope_clashes(const struct nyx_acpi_dmar_opts *o, uint32_t unit, uint32_t scope)
{
	const struct nyx_dmar_scope *own = &o->units[unit].scopes[scope];
	uint32_t i, j;

	for (i = 0; i <= unit; i++) {
		for (j = 0; j < (i == unit ? scope : o->units[i].nr_scopes); j++) {
			if (clash(own, &o->units[i].scopes[j]))
				return true;
		}
	}
	return false;
}

static bool unit_clashes(const struct nyx_acpi_dmar_opts *o, uint32_t unit)
{
	const struct nyx_dmar_unit *own = &o->units[unit], *other;
	uint32_t i;

	for (other = o->units; other < own; other++) {
		if (other->base == own->base)
			return true;
		/* A unit with NYX_DMAR_UNIT_F_ALL must be the last of its segment. */
		if (other->segment == own->segment && (other->flags & NYX_DMAR_UNIT_F_ALL))
			return true;
	}
	for (i = 0; i < own->nr_scopes; i++) {
		if (scope_clashes(o, unit, i))
			return true;
	}
	return false;
}

static bool units_valid(const struct nyx_acpi_dmar_opts *o)
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

static bool regions_valid(const struct nyx_acpi_dmar_opts *o)
{
	const struct nyx_dmar_region *r;
	uint32_t i;

	if (o->nr_regions && !o->regions)
		return false;
	for (i = 0; i < o->nr_regions; i++) {
		r = &o->regions[i];
		if (r->base % PAGE || r->last % PAGE != PAGE - 1 || r->last < r->base ||
		    r->segment > UINT16_MAX || !r->nr_scopes ||
		    !scopes_valid(r->scopes, r->nr_scopes, REGION_SIZE, false, true))
			return false;
		if (o->address_width < 64 && r->last >> o->address_width)
			return false;
	}
	return true;
}

/* ---- bytes --------------------------------------------------------------- */

static void put_scopes(struct acpi_writer *w, const struct nyx_dmar_scope *scopes, uint32_t nr)
{
	const struct nyx_dmar_scope *s;
	uint32_t i;

	for (s = scopes; nr--; s++) {
		nyx__acpi_put(w, s->type, 1);
		nyx__acpi_put(w, SCOPE_SIZE + STEP_SIZE * s->nr_steps, 1);
		nyx__acpi_put(w, 0, 2);
		nyx__acpi_put(w, s->id, 1);
		nyx__acpi_put(w, s->bus, 1);
		for (i = 0; i < s->nr_steps; i++) {
			nyx__acpi_put(w, s->path[i].device, 1);
			nyx__acpi_put(w, s->path[i].function, 1);
		}
	}
}

static void put_unit(struct acpi_writer *w, const struct nyx_dmar_unit *u)
{
	nyx__acpi_put(w, UNIT, 2);
	nyx__acpi_put(w, UNIT_SIZE + scopes_size(u->scopes, u->nr_scopes), 2);
	nyx__acpi_put(w, u->flags, 1);
	nyx__acpi_put(w, 0, 1);		/* its registers are one page */
	nyx__acpi_put(w, u->segment, 2);
	nyx__acpi_put(w, u->base, 8);
	put_scopes(w, u->scopes, u->nr_scopes);
}

static void put_region(struct acpi_writer *w, const struct nyx_dmar_region *r)
{
	nyx__acpi_put(w, REGION, 2);
	nyx__acpi_put(w, REGION_SIZE + scopes_size(r->scopes, r->nr_scopes), 2);
	nyx__acpi_put(w, 0, 2);
	nyx__acpi_put(w, r->segment, 2);
	nyx__acpi_put(w, r->base, 8);
	nyx__acpi_put(w, r->last, 8);
	put_scopes(w, r->scopes, r->nr_scopes);
}

static void body(struct acpi_writer *w, const void *opts)
{
	const struct nyx_acpi_dmar_opts *o = opts;
	uint32_t i;

	nyx__acpi_put(w, o->address_width - 1, 1);
	nyx__acpi_put(w, o->flags, 1);
	nyx__acpi_put(w, 0, 8);
	nyx__acpi_put(w, 0, 2);
	for (i = 0; i < o->nr_units; i++)
		put_unit(w, &o->units[i]);
	for (i = 0; i < o->nr_regions; i++)
		put_region(w, &o->regions[i]);
}

NYX_EXPORT int nyx_acpi_dmar_build(const struct nyx_acpi_dmar_opts *opts, void *table,
				   size_t room, size_t *length)
{
	struct nyx_acpi_dmar_opts o = { 0 };
	int ret;

	if (!opts)
		return -EINVAL;
	ret = nyx__opts_copy(&o, sizeof(o), opts, opts->size);
	if (!ret)
		ret = nyx__acpi_ids_check(&o.ids);
	if (ret)
		return ret;
	if (o.flags & ~(uint32_t)TABLE_FLAGS || o.reserved || o.address_width < 32 ||
	    o.address_width > 64 || !units_valid(&o) || !regions_valid(&o))
		return -EINVAL;
	return nyx__acpi_build("DMAR", REVISION, &o.ids, body, &o, table, room, length);
}
