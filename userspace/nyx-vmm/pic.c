// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the two 8259A interrupt controllers, and their edge/level registers.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Wires of the ISA devices end at the IOAPIC and here; the slave is wire 2 of the master,
 * whose output is LINT0 of CPU 0. A guest that uses the IOAPIC leaves all wires masked here,
 * as firmware does; one that is told not to use it ("noapic"), or finds no table that names it,
 * has only these. Wires 10 to 12 are INTx of PCI, and level-triggered from the start.
 *
 * Of the modes, MCS-80 vectors and the buffered mode are missing: no PC uses them.
 */
#include "vmm.h"

enum {
	PIC_MASTER	= 0x20,
	PIC_SLAVE	= 0xa0,
	PORT_DATA	= 1,
	PORT_ELCR	= 0x4d0,	/* of the master, then the slave's */
	CASCADE		= 2,		/* wire of the slave */
	SPURIOUS	= 7,
	NONE		= 8,

	ICW1		= 1 << 4,
	ICW1_ICW4	= 1 << 0,
	ICW1_SINGLE	= 1 << 1,
	ICW4_AUTO_EOI	= 1 << 1,
	ICW4_NESTED	= 1 << 4,	/* the slave may interrupt itself */
	OCW3		= 1 << 3,
	OCW3_READ	= 1 << 1,
	OCW3_READ_ISR	= 1 << 0,
	OCW3_POLL	= 1 << 2,
	OCW3_SET_MASK	= 1 << 6,
	OCW3_MASK	= 1 << 5,

	/* OCW2, bits 7:5 */
	EOI		= 1,		/* bits that make up a command */
	SPECIFIC	= 2,
	ROTATE		= 4,

	ELCR_MASTER	= 0xf8,		/* timer, keyboard and cascade are edges */
	ELCR_SLAVE	= 0xde,		/* so are clock and coprocessor */
	ELCR_SLAVE_PCI	= 7 << (PIN_PCI_ISA - 8),
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct pic {
	uint8_t wires, requests, mask, service;
	uint8_t level;			/* those that are level-triggered */
	uint8_t base;			/* vector of wire 0 */
	uint8_t first;			/* the wire of the highest priority */
	uint8_t icw;			/* the next initialisation word, 0: none is awaited */
	bool single, wants_icw4, auto_eoi, rotates, nested, special_mask, reads_isr, polled;
} pics[2];				/* @lock */
static atomic_bool output;		/* of the master; changes under @lock */

/* The wire of the highest priority in @wires, or NONE */
static unsigned int highest(const struct pic *pic, uint8_t wires)
{
	unsigned int i, wire;

	for (i = 0; i < 8; i++) {
		wire = (pic->first + i) & 7;
		if (wires >> wire & 1)
			return wire;
	}
	return NONE;
}

static unsigned int priority(const struct pic *pic, unsigned int wire)
{
	return wire == NONE ? NONE : (wire - pic->first) & 7;
}

/* The wire to serve now, or NONE. */
static unsigned int pending(const struct pic *pic)
{
	unsigned int wire = highest(pic, pic->requests & (uint8_t)~pic->mask);
	uint8_t service = pic->service;

	if (pic->special_mask)
		service &= (uint8_t)~pic->mask;
	if (pic->nested && pic == &pics[0])
		service &= (uint8_t)~(1 << CASCADE);
	return priority(pic, wire) < priority(pic, highest(pic, service)) ? wire : NONE;
}

static void wire_set(struct pic *pic, unsigned int wire, bool high)
{
	uint8_t bit = (uint8_t)(1 << wire);

	if (high && (pic->level & bit || !(pic->wires & bit)))
		pic->requests |= bit;
	else if (!high && pic->level & bit)
		pic->requests &= (uint8_t)~bit;
	pic->wires = (uint8_t)(high ? pic->wires | bit : pic->wires & ~bit);
}

/* Called with @lock held, after each change. */
static void update(struct vmm *vmm)
{
	bool high;

	wire_set(&pics[0], CASCADE, pending(&pics[1]) != NONE);
	high = pending(&pics[0]) != NONE;
	if (atomic_exchange(&output, high) != high && high)
		kvm_pic_raised(vmm);
}

static void acknowledge(struct pic *pic, unsigned int wire)
{
	uint8_t bit = (uint8_t)(1 << wire);

	if (!pic->auto_eoi)
		pic->service |= bit;
	else if (pic->rotates)
		pic->first = (wire + 1) & 7;
	if (!(pic->level & bit))
		pic->requests &= (uint8_t)~bit;
}

bool pic_raised(void)
{
	return atomic_load_explicit(&output, memory_order_acquire);
}

uint8_t pic_acknowledge(struct vmm *vmm)
{
	struct pic *pic = &pics[0];
	unsigned int wire;

	pthread_mutex_lock(&lock);
	wire = pending(pic);
	if (wire != NONE)
		acknowledge(pic, wire);
	if (wire == CASCADE) {
		pic = &pics[1];
		wire = pending(pic);
		if (wire != NONE)
			acknowledge(pic, wire);
	}
	/* The wire that raised the interrupt has gone low meanwhile. */
	if (wire == NONE)
		wire = SPURIOUS;
	wire += pic->base;
	update(vmm);
	pthread_mutex_unlock(&lock);
	return (uint8_t)wire;
}

void pic_set(struct vmm *vmm, unsigned int wire, bool high)
{
	pthread_mutex_lock(&lock);
	wire_set(&pics[wire >> 3], wire & 7, high);
	update(vmm);
	pthread_mutex_unlock(&lock);
}

/* ---- registers ------------------------------------------------------------------- */

static void initialise(struct pic *pic, uint8_t icw1)
{
	*pic = (struct pic){
		.wires = pic->wires, .level = pic->level, .base = pic->base, .icw = 2,
		.single = icw1 & ICW1_SINGLE, .wants_icw4 = icw1 & ICW1_ICW4,
	};
	pic->requests = pic->wires & pic->level;
}

static void next_icw(struct pic *pic, uint8_t value)
{
	switch (pic->icw) {
	case 2:
		pic->base = value & 0xf8;
		pic->icw = !pic->single ? 3 : pic->wants_icw4 ? 4 : 0;
		break;
	case 3:
		pic->icw = pic->wants_icw4 ? 4 : 0;
		break;
	case 4:
		pic->auto_eoi = value & ICW4_AUTO_EOI;
		pic->nested = value & ICW4_NESTED;
		pic->icw = 0;
		break;
	}
}

static void command(struct pic *pic, uint8_t value)
{
	unsigned int op = value >> 5, wire = value & 7;

	if (!(op & EOI)) {
		if (op & SPECIFIC && op & ROTATE)
			pic->first = (wire + 1) & 7;
		else if (!(op & SPECIFIC))
			pic->rotates = op & ROTATE;
		return;
	}
	if (!(op & SPECIFIC)) {
		wire = highest(pic, pic->service);
		if (wire == NONE)
			return;
	}
	pic->service &= (uint8_t)~(1 << wire);
	if (op & ROTATE)
		pic->first = (wire + 1) & 7;
}

/* The wire whose interrupt a write ends, or NONE */
static unsigned int ended(const struct pic *pic, uint64_t offset, uint8_t value)
{
	if (offset == PORT_DATA || value & (ICW1 | OCW3) || !(value >> 5 & EOI))
		return NONE;
	return value >> 5 & SPECIFIC ? value & 7u : highest(pic, pic->service);
}

static void set_modes(struct pic *pic, uint8_t value)
{
	if (value & OCW3_READ)
		pic->reads_isr = value & OCW3_READ_ISR;
	if (value & OCW3_SET_MASK)
		pic->special_mask = value & OCW3_MASK;
	pic->polled = value & OCW3_POLL;
}

/* The poll command takes the place of an interrupt: bit 7 says whether there is one. */
static uint8_t poll_read(struct pic *pic)
{
	unsigned int wire = pending(pic);

	pic->polled = false;
	if (wire == NONE)
		return SPURIOUS;
	acknowledge(pic, wire);
	return (uint8_t)(0x80 | wire);
}

static uint8_t pic_read(struct pic *pic, uint64_t offset)
{
	if (pic->polled)
		return poll_read(pic);
	if (offset == PORT_DATA)
		return pic->mask;
	return pic->reads_isr ? pic->service : pic->requests;
}

static void pic_write(struct pic *pic, uint64_t offset, uint8_t value)
{
	if (offset == PORT_DATA) {
		if (pic->icw)
			next_icw(pic, value);
		else
			pic->mask = value;
	} else if (value & ICW1) {
		initialise(pic, value);
	} else if (value & OCW3) {
		set_modes(pic, value);
	} else {
		command(pic, value);
	}
}

/* One region for each of the two, so that both know the machine */
static uint64_t port_read(struct vmm *vmm, unsigned int nr, uint64_t offset)
{
	uint8_t value;

	pthread_mutex_lock(&lock);
	value = pic_read(&pics[nr], offset);
	update(vmm);
	pthread_mutex_unlock(&lock);
	return value;
}

static void port_write(struct vmm *vmm, unsigned int nr, uint64_t offset, uint64_t value)
{
	unsigned int wire;

	pthread_mutex_lock(&lock);
	wire = ended(&pics[nr], offset, (uint8_t)value);
	pthread_mutex_unlock(&lock);
	/* Before the wire can interrupt again */
	if (wire != NONE)
		ioapic_wire_ends(vmm, 8 * nr + wire);
	pthread_mutex_lock(&lock);
	pic_write(&pics[nr], offset, (uint8_t)value);
	update(vmm);
	pthread_mutex_unlock(&lock);
}

static uint64_t master_read(void *opaque, uint64_t offset, unsigned int len)
{
	(void)len;
	return port_read(opaque, 0, offset);
}

static void master_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	(void)len;
	port_write(opaque, 0, offset, value);
}

static uint64_t slave_read(void *opaque, uint64_t offset, unsigned int len)
{
	(void)len;
	return port_read(opaque, 1, offset);
}

static void slave_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	(void)len;
	port_write(opaque, 1, offset, value);
}

static uint64_t elcr_read(void *opaque, uint64_t offset, unsigned int len)
{
	uint64_t value;

	(void)opaque;
	pthread_mutex_lock(&lock);
	value = pics[0].level | pics[1].level << 8;
	pthread_mutex_unlock(&lock);
	return value >> 8 * offset & (len == 1 ? 0xff : 0xffff);
}

static void elcr_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	static const uint8_t writable[2] = { ELCR_MASTER, ELCR_SLAVE };
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < len; i++, value >>= 8) {
		struct pic *pic = &pics[offset + i];

		pic->level = value & writable[offset + i];
		pic->requests = (uint8_t)((pic->requests & ~pic->level) |
					  (pic->wires & pic->level));
	}
	update(opaque);
	pthread_mutex_unlock(&lock);
}

static const struct io_ops master_ops = { master_read, master_write };
static const struct io_ops slave_ops = { slave_read, slave_write };
static const struct io_ops elcr_ops = { elcr_read, elcr_write };

int pic_init(struct vmm *vmm)
{
	int rc;

	pics[0] = pics[1] = (struct pic){ .mask = 0xff };
	pics[1].level = ELCR_SLAVE_PCI;
	atomic_store(&output, false);
	rc = io_add(vmm, IO_PORT, PIC_MASTER, 2, &master_ops, vmm);
	if (!rc)
		rc = io_add(vmm, IO_PORT, PIC_SLAVE, 2, &slave_ops, vmm);
	if (!rc)
		rc = io_add(vmm, IO_PORT, PORT_ELCR, 2, &elcr_ops, vmm);
	return rc;
}
