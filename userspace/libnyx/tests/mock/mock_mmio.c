// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A module that is not there: registers of a VT-d unit.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A few registers that can be written and read, and commands that are done at
 * once. Tables, queue and faults are not there.
 */
#include "mock.h"

#include <errno.h>
#include <string.h>

enum {
	VER = 0x00, CAP = 0x08, ECAP = 0x10, GCMD = 0x18, GSTS = 0x1c, RTADDR = 0x20,
	IQT = 0x88, IQA = 0x90, IRTA = 0xb8,
};

/* Pointers are set, all else follows the command. */
#define ONE_SHOT	((uint32_t)(1u << 30 | 1u << 24))
#define LEVEL		((uint32_t)(1u << 31 | 1u << 26 | 1u << 25 | 1u << 23))

static void put(struct m_unit *unit, uint32_t offset, uint32_t width, uint64_t value)
{
	memcpy(unit->regs + offset, &value, width);
}

static uint64_t get(struct m_unit *unit, uint32_t offset, uint32_t width)
{
	uint64_t value = 0;

	memcpy(&value, unit->regs + offset, width);
	return value;
}

/* As <linux/nyx_iommu.h> describes the flags */
static void reset(struct m_unit *unit)
{
	uint64_t cap = UINT64_C(0x00d2008022400206), ecap = UINT64_C(0xf00fcb);

	memset(unit->regs, 0, sizeof(unit->regs));
	cap |= (uint64_t)(unit->info.address_width - 1) << 16;
	cap |= (uint64_t)(unit->vtd_faults - 1) << 40;
	if (unit->info.address_width == 48)
		cap |= 1u << 10;
	if (unit->vtd_flags & NYX_VTD_F_CACHING_MODE)
		cap |= 1u << 7;
	if (!(unit->vtd_flags & NYX_VTD_F_SMALL_PAGES))
		cap |= UINT64_C(3) << 34;
	if (unit->vtd_flags & NYX_VTD_F_POSTED)
		cap |= UINT64_C(1) << 59;
	if (!(unit->vtd_flags & NYX_VTD_F_XAPIC))
		ecap |= 1u << 4;
	put(unit, VER, 4, 0x10);
	put(unit, CAP, 8, cap);
	put(unit, ECAP, 8, ecap);
}

int m_model_check(const struct nyx_unit_create *c)
{
	const uint32_t flags = NYX_VTD_F_CACHING_MODE | NYX_VTD_F_XAPIC |
		NYX_VTD_F_SMALL_PAGES | NYX_VTD_F_POSTED;

	if (c->model > NYX_MODEL_VTD)
		return -EOPNOTSUPP;
	if (c->model == NYX_MODEL_NATIVE)
		return c->vtd_flags || c->vtd_faults ? -EINVAL : 0;
	if (c->vtd_flags & ~flags)
		return -EOPNOTSUPP;
	return (c->address_width && c->address_width != 39 && c->address_width != 48) ||
		c->vtd_faults > 8 || c->irt_entries ? -EINVAL : 0;
}

void m_model_init(struct m_unit *unit, const struct nyx_unit_create *c)
{
	if (c->model != NYX_MODEL_VTD)
		return;
	unit->vtd_flags = c->vtd_flags;
	unit->vtd_faults = c->vtd_faults ? c->vtd_faults : 8;
	unit->info.irt_entries = MAX_IRTES;
	unit->info.irq_mode = NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF;
	reset(unit);
}

bool m_model_refuses(const struct m_unit *unit, unsigned int cmd)
{
	switch (cmd) {
	case NYX_CMD_DOMAIN_CREATE:
	case NYX_CMD_DOMAIN_DESTROY:
	case NYX_CMD_DEVICE_ATTACH:
	case NYX_CMD_DEVICE_DETACH:
	case NYX_CMD_MAP:
	case NYX_CMD_UNMAP:
	case NYX_CMD_IRQ_SETUP:
	case NYX_CMD_IRTE_SET:
	case NYX_CMD_IRTE_CLEAR:
	case NYX_CMD_IRQ_BIND:
	case NYX_CMD_IRQ_UNBIND:
	case NYX_CMD_IRQ_CHANGE:
		return unit->info.model != NYX_MODEL_NATIVE;
	case NYX_CMD_MMIO:
	case NYX_CMD_UNIT_RESET:
		return unit->info.model == NYX_MODEL_NATIVE;
	default:
		return false;
	}
}

static void write_half(struct m_unit *unit, uint32_t offset, uint32_t value)
{
	uint32_t status = (uint32_t)get(unit, GSTS, 4);

	switch (offset) {
	case GCMD:
		put(unit, GSTS, 4, (status & ~LEVEL) | (value & (LEVEL | ONE_SHOT)));
		break;
	case RTADDR:
	case RTADDR + 4:
	case IQT:
	case IQA:
	case IQA + 4:
	case IRTA:
	case IRTA + 4:
		put(unit, offset, 4, value);
		break;
	}
}

int m_mmio(struct m_unit *unit, struct nyx_mmio *m)
{
	if (m->flags & ~(uint32_t)NYX_MMIO_F_WRITE)
		return -EOPNOTSUPP;
	if ((m->width != 4 && m->width != 8) || m->offset % m->width ||
	    m->offset >= NYX_MMIO_SIZE)
		return -EINVAL;
	if (!(m->flags & NYX_MMIO_F_WRITE)) {
		if (m->value)
			return -EINVAL;
		m->value = get(unit, m->offset, m->width);
		return 0;
	}
	if (m->width == 4 && m->value >> 32)
		return -EINVAL;
	write_half(unit, m->offset, (uint32_t)m->value);
	if (m->width == 8)
		write_half(unit, m->offset + 4, (uint32_t)(m->value >> 32));
	return 0;
}

int m_unit_reset(struct m_unit *unit)
{
	reset(unit);
	return 0;
}
