// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: as much of the two 8259 interrupt controllers as a guest looks for.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Linux takes a machine for one without legacy interrupts, and so without a PIT that
 * interrupts, if their mask registers do not hold what is written to them. They do, and
 * that is all: no interrupt comes from here, all wires end at the IOAPIC. The mask is
 * all ones after reset, as firmware leaves it.
 */
#include "vmm.h"

enum {
	PIC_MASTER	= 0x20,
	PIC_SLAVE	= 0xa0,
	PORT_DATA	= 1,
	ICW1		= 1 << 4,
	ICW1_ICW4	= 1 << 0,
	ICW1_SINGLE	= 1 << 1,
};

static struct pic {
	uint8_t mask;
	uint8_t initialising;		/* words that are still to come: not masks */
} pics[2];				/* vmm::lock */

static uint64_t pic_read(void *opaque, uint64_t offset, unsigned int len)
{
	const struct pic *pic = opaque;

	(void)len;
	return offset == PORT_DATA ? pic->mask : 0;	/* nothing requested or in service */
}

static void pic_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	struct pic *pic = opaque;

	(void)len;
	if (offset == PORT_DATA) {
		if (pic->initialising)
			pic->initialising--;
		else
			pic->mask = (uint8_t)value;
	} else if (value & ICW1) {
		pic->mask = 0;
		pic->initialising = (uint8_t)(1 + !(value & ICW1_SINGLE) + !!(value & ICW1_ICW4));
	}
}

static const struct io_ops ops = { pic_read, pic_write };

int pic_init(struct vmm *vmm)
{
	int rc;

	pics[0] = pics[1] = (struct pic){ .mask = 0xff };
	rc = io_add(vmm, IO_PORT, PIC_MASTER, 2, &ops, &pics[0]);
	return rc ? rc : io_add(vmm, IO_PORT, PIC_SLAVE, 2, &ops, &pics[1]);
}
