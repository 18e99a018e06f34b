// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: ways to end: ACPI power-off, reset, and the exit port for tests.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The fixed hardware of ACPI, as the FADT in acpi.c describes it: PM1 event and control
 * registers, always in ACPI mode, and the timer. No event ever comes from it.
 */
#include <time.h>

#include "vmm.h"

enum {
	PM1_STATUS	= 0,
	PM1_ENABLE	= 2,
	PM1_CONTROL	= 4,
	PM_TIMER	= 8,

	CONTROL_SCI	= 1 << 0,
	CONTROL_WRITABLE = 0x1c02,	/* BM_RLD, SLP_TYP */
	CONTROL_SLEEP	= 1 << 13,
	CONTROL_TYPE	= 10,		/* shift */

	PM_TIMER_HZ	= 3579545,
};

static struct {
	uint16_t enable;
	uint16_t control;
} pm;					/* vmm::lock */

static uint32_t pm_timer(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)((uint64_t)now.tv_sec * PM_TIMER_HZ +
			  (uint64_t)now.tv_nsec * PM_TIMER_HZ / 1000000000);
}

static uint64_t pm_read(void *opaque, uint64_t offset, unsigned int len)
{
	uint8_t bytes[12 + 8] = { 0 };

	(void)opaque;
	le_put(bytes + PM1_ENABLE, pm.enable, 2);
	le_put(bytes + PM1_CONTROL, pm.control | CONTROL_SCI, 2);
	le_put(bytes + PM_TIMER, pm_timer(), 4);
	return le_get(bytes + offset, len);
}

static void pm_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	uint64_t all = value << 8 * (offset & 1);

	(void)len;
	switch (offset & ~UINT64_C(1)) {
	case PM1_ENABLE:
		pm.enable = (uint16_t)all;
		break;
	case PM1_CONTROL:
		if (offset & 1)
			all |= pm.control & 0xff;
		pm.control = all & CONTROL_WRITABLE;
		if (all & CONTROL_SLEEP && (all >> CONTROL_TYPE & 7) == SLEEP_TYPE_S5)
			vmm_stop(opaque, STATUS_POWEROFF);
		break;
	}
}

static uint64_t reset_read(void *opaque, uint64_t offset, unsigned int len)
{
	(void)opaque;
	(void)offset;
	(void)len;
	return 0;
}

static void reset_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	struct vmm *vmm = opaque;

	(void)offset;
	(void)len;
	if (value & 4)
		vmm_stop(vmm, vmm->opts->no_reboot ? STATUS_RESET : STATUS_RESTART);
}

static void debug_exit_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	(void)offset;
	(void)len;
	vmm_stop(opaque, ((int)(value & 0x7f) << 1) | 1);
}

static const struct io_ops pm_ops = { pm_read, pm_write };
static const struct io_ops reset_ops = { reset_read, reset_write };
static const struct io_ops debug_exit_ops = { reset_read, debug_exit_write };

int pm_init(struct vmm *vmm)
{
	int rc;

	pm.enable = pm.control = 0;
	rc = io_add(vmm, IO_PORT, PORT_PM, PORT_PM_SIZE, &pm_ops, vmm);
	if (!rc)
		rc = io_add(vmm, IO_PORT, PORT_RESET, 1, &reset_ops, vmm);
	if (!rc)
		rc = io_add(vmm, IO_PORT, PORT_DEBUG_EXIT, 4, &debug_exit_ops, vmm);
	return rc;
}
