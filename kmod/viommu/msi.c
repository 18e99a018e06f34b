// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: messages that devices send, decoded, where models agree.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/msi.h"

#include "base/export.h"

/* The remappable format: bit 4 of the address is set. */
#define MSI_REMAPPABLE	BIT_ULL(4)
#define MSI_SUBHANDLE	BIT_ULL(3)	/* the low half of the data is added */
#define MSI_HANDLE_HIGH	BIT_ULL(2)	/* bit 15 of the handle; the others: 19:5 */

/* The compatibility format. */
#define MSI_HINT	BIT_ULL(3)
#define MSI_LOGICAL	BIT_ULL(2)
#define MSI_DATA_LEVEL	BIT(15)

u32 msi_pass(u64 address, u32 data, struct irt_msg *msg)
{
	msg->passthrough = true;
	msg->dest = address >> 12 & 0xff;
	msg->vector = data;
	msg->delivery = data >> 8 & 7;
	if (address & MSI_LOGICAL)
		msg->flags |= NYX_IRTE_F_LOGICAL;
	if (address & MSI_HINT)
		msg->flags |= NYX_IRTE_F_HINT;
	if (data & MSI_DATA_LEVEL)
		msg->flags |= NYX_IRTE_F_LEVEL;
	return NYX_FAULT_NONE;
}

u32 msi_decode(u32 imode, u32 mode, u64 address, u32 data, struct irt_msg *msg)
{
	u32 index;

	*msg = (struct irt_msg){ .index = IRT_INDEX_NONE };
	if (unlikely(!msi_is_irq(address)))
		return NYX_FAULT_IRQ_REQUEST;
	if (unlikely(mode & NYX_IRQ_MODE_OFF))
		return msi_pass(address, data, msg);
	if (unlikely(!(address & MSI_REMAPPABLE)))
		return mode & NYX_IRQ_MODE_COMPAT ?
			msi_pass(address, data, msg) : NYX_FAULT_IRQ_COMPAT;
	index = (address >> 5 & 0x7fff) | (address & MSI_HANDLE_HIGH) << 13;
	if (address & MSI_SUBHANDLE) {
		if (unlikely(data >> 16))
			return NYX_FAULT_IRQ_REQUEST;
		index += data;
	}
	msg->index = index;
	return NYX_FAULT_NONE;
}

NYX_EXPORT_FOR_TEST(msi_pass);
NYX_EXPORT_FOR_TEST(msi_decode);
