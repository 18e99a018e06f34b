// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: as much of QEMU's pc-testdev as drives interrupts, for kvm-unit-tests.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A byte to port 0x2000 + N sets pin N of the IOAPIC; ports 0xe0 to 0xe3 hold what is
 * written to them. Port 0xf4 is that of pm.c, which is always there.
 */
#include <string.h>

#include "vmm.h"

enum {
	PORT_LATCH	= 0xe0,
	LATCH_SIZE	= 4,
	PORT_PINS	= 0x2000,
};

static uint8_t latch[LATCH_SIZE];	/* vmm::lock */

static uint64_t latch_read(void *opaque, uint64_t offset, unsigned int len)
{
	(void)opaque;
	return le_get(latch + offset, len);
}

static void latch_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	(void)opaque;
	le_put(latch + offset, value, len);
}

static uint64_t pins_read(void *opaque, uint64_t offset, unsigned int len)
{
	(void)opaque;
	(void)offset;
	(void)len;
	return 0;
}

static void pins_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	/* Wire 0 of ISA, the timer's, is another pin here: the MADT says so. */
	unsigned int pin = offset ? (unsigned int)offset : PIN_PIT;

	(void)len;
	ioapic_set(opaque, pin, SOURCE_TESTDEV, value & 0xff);
}

static const struct io_ops latch_ops = { latch_read, latch_write };
static const struct io_ops pins_ops = { pins_read, pins_write };

int testdev_init(struct vmm *vmm)
{
	int rc;

	memset(latch, 0, sizeof(latch));
	rc = io_add(vmm, IO_PORT, PORT_LATCH, LATCH_SIZE, &latch_ops, NULL);
	if (!rc)
		rc = io_add(vmm, IO_PORT, PORT_PINS, IOAPIC_PINS, &pins_ops, vmm);
	if (rc)
		say("the test device: %s", strerror(-rc));
	return rc;
}
