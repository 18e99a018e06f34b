// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A module that is not there: registers of units with a vendor model.
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

/* Of AMD-Vi */
enum { DEVTAB = 0x00, CMDBASE = 0x08, EVTBASE = 0x10, CONTROL = 0x18, EFR = 0x30 };

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
static void reset_amdvi(struct m_unit *unit)
{
	uint64_t efr = 0x40;

	memset(unit->regs, 0, sizeof(unit->regs));
	efr |= (uint64_t)(unit->info.address_width - 48) / 8 << 10;
	if (!(unit->amdvi_flags & NYX_AMDVI_F_SMALL_IRTES))
		efr |= 1u << 7;
	if (!(unit->amdvi_flags & NYX_AMDVI_F_XAPIC))
		efr |= 1u << 2;
	if (unit->amdvi_flags & NYX_AMDVI_F_GUEST_APIC)
		efr |= 1u << 21;
	if (unit->amdvi_flags & NYX_AMDVI_F_SEGMENTS)
		efr |= UINT64_C(3) << 38;
	if (unit->amdvi_flags & NYX_AMDVI_F_PREFETCH)
		efr |= 1;
	put(unit, EFR, 8, efr);
}

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

static int check_amdvi(const struct nyx_unit_create *c)
{
	const uint32_t flags = NYX_AMDVI_F_XAPIC | NYX_AMDVI_F_SMALL_IRTES |
		NYX_AMDVI_F_GUEST_APIC | NYX_AMDVI_F_SEGMENTS | NYX_AMDVI_F_PREFETCH |
		NYX_AMDVI_F_DEVICE_TLB;

	if (c->amdvi_flags & ~flags)
		return -EOPNOTSUPP;
	if ((c->amdvi_flags & NYX_AMDVI_F_SMALL_IRTES) &&
	    (c->amdvi_flags & (NYX_AMDVI_F_XAPIC | NYX_AMDVI_F_GUEST_APIC)) != NYX_AMDVI_F_XAPIC)
		return -EINVAL;
	return (c->address_width && c->address_width != 48 && c->address_width != 57 &&
		c->address_width != 64) || c->vtd_flags || c->vtd_faults || c->irt_entries ?
		-EINVAL : 0;
}

int m_model_check(const struct nyx_unit_create *c)
{
	const uint32_t flags = NYX_VTD_F_CACHING_MODE | NYX_VTD_F_XAPIC |
		NYX_VTD_F_SMALL_PAGES | NYX_VTD_F_POSTED;

	if (c->model > NYX_MODEL_AMDVI)
		return -EOPNOTSUPP;
	if (c->model == NYX_MODEL_AMDVI)
		return check_amdvi(c);
	if (c->amdvi_flags)
		return -EINVAL;
	if (c->model == NYX_MODEL_NATIVE)
		return c->vtd_flags || c->vtd_faults ? -EINVAL : 0;
	if (c->vtd_flags & ~flags)
		return -EOPNOTSUPP;
	return (c->address_width && c->address_width != 39 && c->address_width != 48) ||
		c->vtd_faults > 8 || c->irt_entries ? -EINVAL : 0;
}

void m_model_init(struct m_unit *unit, const struct nyx_unit_create *c)
{
	if (c->model == NYX_MODEL_NATIVE)
		return;
	unit->vtd_flags = c->vtd_flags;
	unit->vtd_faults = c->vtd_faults ? c->vtd_faults : 8;
	unit->amdvi_flags = c->amdvi_flags;
	unit->info.model_flags = c->vtd_flags | c->amdvi_flags;
	unit->info.irt_entries = c->model == NYX_MODEL_VTD ? MAX_IRTES : 0;
	if (c->model == NYX_MODEL_AMDVI && !c->address_width)
		unit->info.address_width = 64;
	unit->info.irq_mode = NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF;
	m_unit_reset(unit);
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

static void write_half_amdvi(struct m_unit *unit, uint32_t offset, uint32_t value)
{
	static const uint64_t rw[] = {
		[DEVTAB] = UINT64_C(0x000ffffffffff1ff),
		[CMDBASE] = UINT64_C(0x0f0ffffffffff000),
		[EVTBASE] = UINT64_C(0x0f0ffffffffff000),
		[CONTROL] = UINT64_C(0x000c000000021fff),
	};
	uint32_t reg = offset & ~7u;

	if (reg <= CONTROL)
		put(unit, offset, 4, value & (uint32_t)(rw[reg] >> 8 * (offset & 4)));
}

int m_mmio(struct m_unit *unit, struct nyx_mmio *m)
{
	bool amdvi = unit->info.model == NYX_MODEL_AMDVI;
	void (*write)(struct m_unit *unit, uint32_t offset, uint32_t value) =
		amdvi ? write_half_amdvi : write_half;

	if (m->flags & ~(uint32_t)NYX_MMIO_F_WRITE)
		return -EOPNOTSUPP;
	if ((m->width != 4 && m->width != 8) || m->offset % m->width ||
	    m->offset >= (amdvi ? NYX_MMIO_SIZE_AMDVI : NYX_MMIO_SIZE))
		return -EINVAL;
	if (!(m->flags & NYX_MMIO_F_WRITE)) {
		m->value = get(unit, m->offset, m->width);
		return 0;
	}
	if (m->width == 4 && m->value >> 32)
		return -EINVAL;
	write(unit, m->offset, (uint32_t)m->value);
	if (m->width == 8)
		write(unit, m->offset + 4, (uint32_t)(m->value >> 32));
	return 0;
}

int m_unit_reset(struct m_unit *unit)
{
	if (unit->info.model == NYX_MODEL_AMDVI)
		reset_amdvi(unit);
	else
		reset(unit);
	return 0;
}
