// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: posted-interrupt descriptors.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/pid.h"

#include <linux/bitfield.h>
#include <linux/errno.h>

#include "core/space/memory.h"
#include "core/unit.h"
#include "mem/region.h"

#define PID_CONTROL	32u		/* offset of the control word */
#define PID_ON		BIT_ULL(0)
#define PID_SN		BIT_ULL(1)
#define PID_NV		GENMASK_ULL(23, 16)
#define PID_NDST	GENMASK_ULL(63, 32)
#define PID_NDST_XAPIC	GENMASK_ULL(47, 40)
#define PID_RESERVED	(GENMASK_ULL(15, 2) | GENMASK_ULL(31, 24))

/* Set bits in guest memory; *old gets the word of before. */
static int set_bits(struct region *region, u64 offset, u64 bits, u64 *old)
{
	return region_atomic(region, offset, REGION_OR, sizeof(u64), bits, 0, old);
}

/* Set the pending bit of a vector; *control gets the control word of after. */
static int set_pending(struct region *region, u64 offset, u8 vector, u64 *control)
{
	u64 old;
	int ret;

	ret = set_bits(region, offset + PID_CONTROL, 0, control);
	if (ret)
		return ret;
	if (*control & PID_RESERVED)
		return -EINVAL;
	ret = set_bits(region, offset + vector / 64 * sizeof(u64),
		       BIT_ULL(vector % 64), &old);
	return ret ?: set_bits(region, offset + PID_CONTROL, 0, control);
}

int pid_post(struct nyx_viommu *viommu, u32 sbdf, struct irt_msg *msg,
	     bool sleep)
{
	struct nyx_unit *unit = viommu->unit;
	struct region *region;
	u64 offset, control;
	int ret;

	region = nyx_memory_find(unit, msg->posted, &offset);
	if (!region || (region_flags(region) & REGION_READONLY))
		return -EIO;
	/* Memory that is not pinned may have to be brought in. */
	if (!sleep && !(region_flags(region) & REGION_PINNED))
		return -EINPROGRESS;
	ret = set_pending(region, offset, msg->vector, &control);
	if (ret)
		return ret;
	if ((control & PID_ON) ||
	    ((control & PID_SN) && !(msg->flags & NYX_IRTE_F_URGENT)))
		return NYX_IRQ_POSTED;
	/* The sender that sets PID_ON notifies. */
	ret = set_bits(region, offset + PID_CONTROL, PID_ON, &control);
	if (ret)
		return ret;
	if (control & PID_ON)
		return NYX_IRQ_POSTED;
	msg->vector = FIELD_GET(PID_NV, control);
	msg->dest = READ_ONCE(unit->irq.mode) & NYX_IRQ_MODE_XAPIC ?
		FIELD_GET(PID_NDST_XAPIC, control) : FIELD_GET(PID_NDST, control);
	return NYX_IRQ_NOTIFY;
}
