// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: QEMU's pc-testdev, for kvm-unit-tests.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 *	ports 0xe0 to 0xe3	hold what is written to them
 *	port 0xe4		the address of a page of RAM, which KVM maps anew when it is
 *				used next: its contents stay
 *	ports 0xe8 to 0xeb	as 0xe0, by bytes only
 *	port 0x2000 + N		a byte sets pin N of the IOAPIC
 *	64K at 0xff000000	registers that hold what is written to them
 *
 * Port 0xf4 is that of pm.c, which is always there.
 */
#include <string.h>
#include <sys/mman.h>

#include "vmm.h"

enum {
	PORT_LATCH	= 0xe0,
	PORT_FLUSH	= 0xe4,
	PORT_BYTES	= 0xe8,
	LATCH_SIZE	= 4,
	PORT_PINS	= 0x2000,
	PAGE		= 4096,
};

#define GPA_MEMORY	UINT64_C(0xff000000)
#define MEMORY_SIZE	0x10000

static uint8_t latch[LATCH_SIZE], bytes[LATCH_SIZE], memory[MEMORY_SIZE];	/* vmm::lock */

static uint64_t latch_read(void *opaque, uint64_t offset, unsigned int len)
{
	const uint8_t *values = opaque;

	return le_get(values + offset, len);
}

static void latch_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	uint8_t *values = opaque;

	le_put(values + offset, value, len);
}

static uint64_t byte_read(void *opaque, uint64_t offset, unsigned int len)
{
	return len == 1 ? latch_read(opaque, offset, len) : UINT64_MAX;
}

static void byte_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	if (len == 1)
		latch_write(opaque, offset, value, len);
}

static uint64_t flush_read(void *opaque, uint64_t offset, unsigned int len)
{
	(void)opaque;
	(void)offset;
	(void)len;
	return 0;
}

/* Drop the mapping of a page of RAM. RAM is a file mapped shared, so its contents stay. */
static void flush_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	void *page = ram_ptr(opaque, value & ~(uint64_t)(PAGE - 1), PAGE);

	(void)offset;
	(void)len;
	if (page)
		madvise(page, PAGE, MADV_DONTNEED);
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
	/* Wire 0 of ISA, the timer's, has another pin, see PIN_PIT and the MADT. */
	unsigned int pin = offset ? (unsigned int)offset : PIN_PIT;

	(void)len;
	ioapic_set(opaque, pin, SOURCE_TESTDEV, value & 0xff);
}

static const struct io_ops latch_ops = { latch_read, latch_write };
static const struct io_ops byte_ops = { byte_read, byte_write };
static const struct io_ops flush_ops = { flush_read, flush_write };
static const struct io_ops pins_ops = { pins_read, pins_write };

int testdev_init(struct vmm *vmm)
{
	int rc;

	memset(latch, 0, sizeof(latch));
	memset(bytes, 0, sizeof(bytes));
	memset(memory, 0, sizeof(memory));
	rc = io_add(vmm, IO_PORT, PORT_LATCH, LATCH_SIZE, &latch_ops, latch);
	if (!rc)
		rc = io_add(vmm, IO_PORT, PORT_FLUSH, 4, &flush_ops, vmm);
	if (!rc)
		rc = io_add(vmm, IO_PORT, PORT_BYTES, LATCH_SIZE, &byte_ops, bytes);
	if (!rc)
		rc = io_add(vmm, IO_MMIO, GPA_MEMORY, MEMORY_SIZE, &latch_ops, memory);
	if (!rc)
		rc = io_add(vmm, IO_PORT, PORT_PINS, IOAPIC_PINS, &pins_ops, vmm);
	if (rc)
		say("the test device: %s", strerror(-rc));
	return rc;
}
