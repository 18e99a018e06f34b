/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: a guest whose unit lacks memory.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The programs of the vendors share this. Each call is made with its first
 * allocation failing, then its second, and so on until it meets no failure. A call
 * that fails says -ENOMEM and has changed nothing; afterwards all goes on.
 */
#ifndef NYX_SELFTESTS_FAIL_GUEST_H
#define NYX_SELFTESTS_FAIL_GUEST_H

#include "fail.h"
#include "guest.h"

/**
 * struct fail_vendor - what a vendor's program says of its guest
 * @create: a unit of this kind
 * @mmio_size: bytes of registers
 * @forget: the driver invalidates everything that the unit may have cached
 * @restart: the unit is reset, and the driver starts
 * @msi: a message of DEV that is remapped
 */
struct fail_vendor {
	struct nyx_unit_create create;
	__u32 mmio_size;
	void (*forget)(struct guest *g);
	void (*restart)(struct guest *g);
	struct msi msi;
};

/* A unit is made in whole, or there is none. */
void fail_creation(const struct nyx_unit_create *u);

/*
 * Each command of the interface, by a table that must have all of them. DEV reaches
 * AT_DATA by tables of the guest, and v->msi is remapped. The unit hears of
 * DEV for the first time by this, each time.
 */
void fail_commands(struct guest *g, const struct fail_vendor *v);

/* Each offset of the registers: reads, and writes of nothing and of all bits. */
void fail_offsets(struct guest *g, const struct fail_vendor *v);

/**
 * struct fail_write - a write of a register that leads to something
 * @name: what
 * @prepare: what is done before, each time
 * @offset: the register
 * @width: bytes
 * @value: what is written
 */
struct fail_write {
	const char *name;
	void (*prepare)(struct guest *g);
	__u32 offset;
	__u32 width;
	__u64 value;
};

/* Such a write, of a unit that has just started and has heard of DEV. */
void fail_write(struct guest *g, const struct fail_vendor *v, const struct fail_write *w);

#endif /* NYX_SELFTESTS_FAIL_GUEST_H */
