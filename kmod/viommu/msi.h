/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: messages that devices send, decoded, where models agree.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A message of the compatibility format is what a local APIC takes; all models know it. The
 * remappable format names an entry. The VT-d specification (revision 4.1), sections 5.1.2
 * to 5.1.5, defines that format; native units have it, too.
 */
#ifndef NYX_VIOMMU_MSI_H
#define NYX_VIOMMU_MSI_H

#include <linux/types.h>

#include "tlb/irt.h"

/* Is a write to an address a message at all? */
static inline bool msi_is_irq(u64 address)
{
	return address >> 20 == 0xfee;
}

/**
 * msi_pass() - pass a message of the compatibility format through
 * @address: its address
 * @data: its data
 * @msg: its fields are set
 *
 * Return: NYX_FAULT_NONE.
 */
u32 msi_pass(u64 address, u32 data, struct irt_msg *msg);

/**
 * msi_decode() - say which entry a message asks for
 * @imode: unused: there is one table for all requesters
 * @mode: of enum nyx_irq_mode
 * @address: its address
 * @data: its data
 * @msg: set
 *
 * Context: any.
 * Return: as &nyx_viommu_ops.decode_msg.
 */
u32 msi_decode(u32 imode, u32 mode, u64 address, u32 data, struct irt_msg *msg);

#endif /* NYX_VIOMMU_MSI_H */
