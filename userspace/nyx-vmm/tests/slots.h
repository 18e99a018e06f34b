/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm tests: slots as a guest's driver works them.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * PCI Express Base Specification 6.0, 7.5.3, written out again.
 */
#ifndef NYX_VMM_TESTS_SLOTS_H
#define NYX_VMM_TESTS_SLOTS_H

#include <linux/pci_regs.h>

#include "vmm_env.h"

#define PORT		1		/* slot of the first port on bus 0 */
#define CARD		(1 << 5)	/* bus 1, device 0, as env_config_get() counts */
#define ONES		UINT32_MAX

/* Slot Control in the lower, Slot Status in the upper half of a register */
#define SLOT		0x18
#define ABPE		0x0001
#define PFDE		0x0002
#define PDCE		0x0008
#define CCIE		0x0010
#define HPIE		0x0020
#define PIC_ON		0x0100
#define PIC_BLINK	0x0200
#define PIC_OFF		0x0300
#define OFF		0x0400
#define ABP		0x00010000u
#define PFD		0x00020000u
#define PDC		0x00080000u
#define CC		0x00100000u
#define PDS		0x00400000u
#define DLLSC		0x01000000u
#define EVENTS		(ABP | PFD | PDC | CC | DLLSC)
#define LINK		0x10
#define LINK_UP		0x20000000u

static inline unsigned int express(struct vmm *vmm, unsigned int slot)
{
	unsigned int at = env_config_get(vmm, slot, PCI_CAPABILITY_LIST) & 0xff;
	uint32_t head;

	while (head = env_config_get(vmm, slot, at), (head & 0xff) != PCI_CAP_ID_EXP) {
		at = head >> 8 & 0xff;
		ASSERT_TRUE(at);
	}
	return at;
}

static inline uint32_t slot_get(struct vmm *vmm, unsigned int port)
{
	return env_config_get(vmm, port, express(vmm, port) + SLOT);
}

/* Write Slot Control, and let the status be */
static inline void slot_set(struct vmm *vmm, unsigned int port, uint16_t control)
{
	env_out(vmm, IO_MMIO, GPA_ECAM + ((uint64_t)port << 15) + express(vmm, port) + SLOT, control,
		2);
}

static inline void slot_clear(struct vmm *vmm, unsigned int port, uint32_t events)
{
	env_out(vmm, IO_MMIO, GPA_ECAM + ((uint64_t)port << 15) + express(vmm, port) + SLOT + 2,
		events >> 16, 2);
}

static inline bool link_is_up(struct vmm *vmm, unsigned int port)
{
	return env_config_get(vmm, port, express(vmm, port) + LINK) & LINK_UP;
}

#endif /* NYX_VMM_TESTS_SLOTS_H */
