// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the data that firmware leaves below 1M.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * There is no firmware, but payloads written for machines that have one read its data
 * without asking: the serial ports, the end of conventional memory and the EBDA in the
 * BIOS data area at 400h, and the vectors of its services. A payload that goes back to
 * real mode to call them, for a memory map or for disks, is told that none of them exists,
 * and uses what the boot protocol has told it instead.
 */
#include <string.h>

#include "boot.h"

enum {
	BDA_SERIAL	= 0x400,	/* the port of COM1 */
	BDA_EBDA	= 0x40e,	/* its segment */
	BDA_EQUIPMENT	= 0x410,
	BDA_MEMORY	= 0x413,	/* in KiB */
	EQUIPMENT_FPU	= 1 << 1,
	EQUIPMENT_SERIAL = 1 << 9,	/* one port */
	COM1		= 0x3f8,

	/* In the EBDA, whose first byte is its size in KiB */
	STUB_SERVICE	= 0x10,
	STUB_IRET	= 0x20,

	VECTORS		= 256,
	VECTOR_VIDEO	= 0x10,		/* services; lower ones are exceptions and the first 8259 */
	VECTOR_SLAVE	= 0x70,		/* 8 of the second 8259 */
};

/* Every service sets the caller's carry flag, and AH to "no such function". */
static const uint8_t service[] = {
	0x55,				/* push %bp */
	0x89, 0xe5,			/* mov %sp, %bp */
	0x80, 0x4e, 0x06, 0x01,		/* orb $1, 6(%bp) */
	0xb4, 0x86,			/* mov $0x86, %ah */
	0x5d,				/* pop %bp */
	0xcf,				/* iret */
};

static bool is_service(unsigned int vector)
{
	return vector >= VECTOR_VIDEO && (vector < VECTOR_SLAVE || vector >= VECTOR_SLAVE + 8);
}

void bios_data(struct vmm *vmm)
{
	uint8_t *low = ram_ptr(vmm, 0, BOOT_EBDA_END), *ebda = low + BOOT_EBDA;
	unsigned int i;

	le_put(low + BDA_SERIAL, COM1, 2);
	le_put(low + BDA_EBDA, BOOT_EBDA >> 4, 2);
	le_put(low + BDA_EQUIPMENT, EQUIPMENT_FPU | EQUIPMENT_SERIAL, 2);
	le_put(low + BDA_MEMORY, BOOT_EBDA / KIB, 2);

	ebda[0] = (BOOT_EBDA_END - BOOT_EBDA) / KIB;
	memcpy(ebda + STUB_SERVICE, service, sizeof(service));
	ebda[STUB_IRET] = 0xcf;
	for (i = 0; i < VECTORS; i++) {
		le_put(low + 4 * i, is_service(i) ? STUB_SERVICE : STUB_IRET, 2);
		le_put(low + 4 * i + 2, BOOT_EBDA >> 4, 2);
	}
}
