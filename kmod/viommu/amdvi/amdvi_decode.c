// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: AMD-Vi: structures in guest memory, decoded.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/amdvi/amdvi_decode.h"

#include <linux/bitfield.h>
#include <linux/bitops.h>

#include "base/export.h"
#include "base/types.h"
#include "viommu/msi.h"

/* ---- device table entries ----------------------------------------------- */

bool amdvi_find_dte(const struct amdvi_tables *tables, u16 rid, u64 *gpa)
{
	unsigned int shift = 16 - tables->segments_lg2;
	u64 base = tables->base[rid >> shift];
	u64 offset = (rid & (BIT(shift) - 1)) * AMDVI_DTE_SIZE;

	*gpa = (base & AMDVI_BASE_ADDR) + offset;
	return offset / AMDVI_PAGE_SIZE <= FIELD_GET(AMDVI_DEV_TABLE_SIZE, base);
}

u16 amdvi_decode_dma(const u64 dte[4], struct amdvi_dma *dma)
{
	*dma = (struct amdvi_dma) {
		.valid = dte[0] & AMDVI_DTE_V,
		.translate = dte[0] & AMDVI_DTE_TV,
		.exclude = dte[1] & AMDVI_DTE_EX,
		.se = dte[1] & AMDVI_DTE_SE,
		.sa = dte[1] & AMDVI_DTE_SA,
		.perm = (dte[0] & AMDVI_DTE_IR ? NYX_ACC_READ : 0) |
			(dte[0] & AMDVI_DTE_IW ? NYX_ACC_WRITE : 0),
		.mode = FIELD_GET(AMDVI_DTE_MODE, dte[0]),
		.did = FIELD_GET(AMDVI_DTE_DOMAIN, dte[1]),
		.root = dte[0] & AMDVI_DTE_ROOT,
	};
	if (!dma->valid)
		return 0;
	if ((dte[0] & AMDVI_DTE_RESERVED0) || (dte[1] & AMDVI_DTE_RESERVED1))
		return AMDVI_EVENT_ILLEGAL_DTE | AMDVI_EVENT_RZ;
	return 0;
}

u16 amdvi_check_dma(const struct amdvi_shape *shape, const struct amdvi_dma *dma)
{
	if (!dma->translate)
		return AMDVI_EVENT_PAGE_FAULT;
	return dma->mode > shape->levels ? AMDVI_EVENT_ILLEGAL_DTE : 0;
}

u16 amdvi_pte_code(u64 entry)
{
	u8 next = FIELD_GET(AMDVI_PTE_NEXT, entry);
	u64 reserved = next && next != AMDVI_PTE_NEXT_SIZED ?
		AMDVI_PDE_RESERVED : AMDVI_PTE_RESERVED;
	u16 code = AMDVI_EVENT_PAGE_FAULT | AMDVI_EVENT_PR;

	/* Without reserved bits, a level or a size is wrong. */
	return entry & reserved ? code | AMDVI_EVENT_RZ : code;
}

u16 amdvi_decode_int(const u64 dte[4], struct amdvi_int *irq)
{
	unsigned int len = FIELD_GET(AMDVI_DTE_INT_LEN, dte[2]);

	*irq = (struct amdvi_int) {
		.valid = dte[2] & AMDVI_DTE_IV,
		.ctl = FIELD_GET(AMDVI_DTE_INT_CTL, dte[2]),
		.ig = dte[2] & AMDVI_DTE_IG,
		.nmi = dte[2] & AMDVI_DTE_NMI,
		.init = dte[2] & AMDVI_DTE_INIT,
		.extint = dte[2] & AMDVI_DTE_EXTINT,
		.did = dte[0] & AMDVI_DTE_V ? FIELD_GET(AMDVI_DTE_DOMAIN, dte[1]) : 0,
		.nr = 1u << len,
		.root = dte[2] & AMDVI_DTE_INT_ROOT,
	};
	if (!irq->valid)
		return 0;
	if ((dte[2] & AMDVI_DTE_RESERVED2) || (dte[3] & AMDVI_DTE_RESERVED3))
		return AMDVI_EVENT_ILLEGAL_DTE | AMDVI_EVENT_I | AMDVI_EVENT_RZ;
	if (irq->ctl == AMDVI_INT_RESERVED ||
	    (irq->ctl == AMDVI_INT_REMAP && len > AMDVI_INT_LEN_MAX))
		return AMDVI_EVENT_ILLEGAL_DTE | AMDVI_EVENT_I;
	return 0;
}

/* ---- interrupt remapping table entries ---------------------------------- */

#define IRTE_NOT_PRESENT	(AMDVI_EVENT_PAGE_FAULT | AMDVI_EVENT_I)
#define IRTE_RESERVED		(AMDVI_EVENT_PAGE_FAULT | AMDVI_EVENT_I | \
				 AMDVI_EVENT_PR | AMDVI_EVENT_RZ)

/* Decode the fields that both sizes of entries have in their first byte. */
static u16 decode_first_byte(u64 lo, struct irt_entry *e)
{
	*e = (struct irt_entry) { .check = NYX_SOURCE_ANY };
	if (lo & AMDVI_IRTE_SUP_IOPF)
		e->flags |= NYX_IRTE_F_FPD;
	return lo & AMDVI_IRTE_REMAP ? 0 : IRTE_NOT_PRESENT;
}

static u16 decode_type(u64 lo, struct irt_entry *e)
{
	if (lo & AMDVI_IRTE_DM)
		e->flags |= NYX_IRTE_F_LOGICAL;
	e->delivery = FIELD_GET(AMDVI_IRTE_TYPE, lo);
	return e->delivery > NYX_DELIVERY_LOWEST ? IRTE_RESERVED : 0;
}

u16 amdvi_decode_irte32(u32 word, struct irt_entry *e)
{
	u16 code = decode_first_byte(word, e);

	if (code)
		return code;
	if (word & (AMDVI_IRTE_GUEST | AMDVI_IRTE32_RESERVED))
		return IRTE_RESERVED;
	e->dest = FIELD_GET(AMDVI_IRTE32_DEST, word);
	e->vector = FIELD_GET(AMDVI_IRTE32_VECTOR, word);
	return decode_type(word, e);
}

static u32 decode_dest(bool x2apic, u64 lo, u64 hi)
{
	if (!x2apic)
		return FIELD_GET(AMDVI_IRTE128_DEST_XAPIC, lo);
	return FIELD_GET(AMDVI_IRTE128_DEST_LOW, lo) |
	       FIELD_GET(AMDVI_IRTE128_DEST_HIGH, hi) << 24;
}

u16 amdvi_decode_irte128(bool guest_mode, bool x2apic, u64 lo, u64 hi,
			 struct irt_entry *e, struct amdvi_post *post)
{
	u16 code = decode_first_byte(lo, e);

	if (code)
		return code;
	e->dest = decode_dest(x2apic, lo, hi);
	e->vector = FIELD_GET(AMDVI_IRTE128_VECTOR, hi);
	if (hi & AMDVI_IRTE128_RESERVED)
		return IRTE_RESERVED;
	if (!(lo & AMDVI_IRTE_GUEST))
		return decode_type(lo, e);
	if (!guest_mode || (lo & AMDVI_IRTEG_RESERVED))
		return IRTE_RESERVED;
	e->flags |= NYX_IRTE_F_POSTED;
	*post = (struct amdvi_post) {
		.run = lo & AMDVI_IRTEG_IS_RUN,
		.log = lo & AMDVI_IRTEG_GA_LOG_INTR,
		.vector = e->vector,
		.dest = e->dest,
		.tag = FIELD_GET(AMDVI_IRTEG_TAG, lo),
		.apic = hi & AMDVI_IRTEG_ROOT,
	};
	return 0;
}

/* ---- messages ----------------------------------------------------------- */

/* Does a message of this kind pass without being remapped? */
static bool passes(u32 imode, u32 delivery)
{
	switch (delivery) {
	case NYX_DELIVERY_FIXED:
	case NYX_DELIVERY_LOWEST:
		return imode & AMDVI_IMODE_PASS;
	case NYX_DELIVERY_SMI:
		return true;
	case NYX_DELIVERY_NMI:
		return imode & AMDVI_IMODE_NMI;
	case NYX_DELIVERY_INIT:
		return imode & AMDVI_IMODE_INIT;
	case NYX_DELIVERY_EXTINT:
		return imode & AMDVI_IMODE_EXTINT;
	default:
		return false;
	}
}

u32 amdvi_decode_msg(u32 imode, u32 mode, u64 address, u32 data, struct irt_msg *msg)
{
	u32 delivery = data >> 8 & 7;

	*msg = (struct irt_msg){ .index = IRT_INDEX_NONE };
	if (unlikely(!msi_is_irq(address)))
		return NYX_FAULT_IRQ_REQUEST;
	if (unlikely(mode & NYX_IRQ_MODE_OFF))
		return msi_pass(address, data, msg);
	if (likely(imode & IRT_KNOWN)) {
		if ((imode & AMDVI_IMODE_PASS_ALL) || passes(imode, delivery))
			return msi_pass(address, data, msg);
		if (imode & AMDVI_IMODE_IG)
			msg->flags = NYX_IRTE_F_FPD;
		if (unlikely(!(imode & AMDVI_IMODE_REMAP) ||
			     delivery > NYX_DELIVERY_LOWEST))
			return NYX_FAULT_IRQ_COMPAT;
	}
	/* The entry does not say the trigger mode: the message keeps its own. */
	if (data & 0x8000)
		msg->flags |= NYX_IRTE_F_LEVEL;
	msg->index = data & 0x7ff;
	return NYX_FAULT_NONE;
}

/* ---- commands ----------------------------------------------------------- */

/*
 * Section 2.4.3: with S set, the lowest zero bit of the address, from bit 12 on, tells the
 * size, twice what the bit stands for. Without a zero bit: all addresses.
 */
static void decode_range(u64 hi, struct amdvi_cmd *cmd)
{
	u64 addr = hi & AMDVI_PAGES_ADDR, span = NYX_PAGE_MASK;
	u64 zeros = ~addr & AMDVI_PAGES_ADDR;

	if (hi & AMDVI_PAGES_S)
		span = zeros ? nyx_lg2_last(__ffs64(zeros) + 1) : ~0ull;
	cmd->first = addr & ~span;
	cmd->last = cmd->first | span;
}

static bool decode_wait(u64 lo, u64 hi, struct amdvi_cmd *cmd)
{
	cmd->store = lo & AMDVI_WAIT_STORE;
	cmd->interrupt = lo & AMDVI_WAIT_INT;
	cmd->addr = lo & AMDVI_WAIT_ADDR;
	cmd->data = hi;
	return !(lo & AMDVI_WAIT_RESERVED);
}

static bool decode_pages(u64 lo, u64 hi, struct amdvi_cmd *cmd)
{
	cmd->did = FIELD_GET(AMDVI_PAGES_DOMAIN, lo);
	decode_range(hi, cmd);
	/* The unit has no guest page tables and no PASIDs. */
	return !(lo & AMDVI_PAGES_RESERVED) &&
	       !(hi & (AMDVI_PAGES_GN | AMDVI_PAGES_RESERVED2));
}

static bool decode_any(const struct amdvi_shape *shape, u64 lo, u64 hi,
		       struct amdvi_cmd *cmd)
{
	switch (cmd->opcode) {
	case AMDVI_COMPLETION_WAIT:
		return decode_wait(lo, hi, cmd);
	case AMDVI_INVALIDATE_DEVTAB_ENTRY:
	case AMDVI_INVALIDATE_INTERRUPT_TABLE:
		return !(lo & AMDVI_CMD_DEVICE_RESERVED) && !hi;
	case AMDVI_INVALIDATE_IOMMU_PAGES:
		return decode_pages(lo, hi, cmd);
	case AMDVI_INVALIDATE_IOTLB_PAGES:
		return shape->device_tlb;
	case AMDVI_PREFETCH_IOMMU_PAGES:
		return shape->prefetch;
	case AMDVI_INVALIDATE_IOMMU_ALL:
		return !(lo & ~AMDVI_CMD_OPCODE) && !hi;
	default:
		return false;
	}
}

u16 amdvi_decode_cmd(const struct amdvi_shape *shape, u64 lo, u64 hi,
		     struct amdvi_cmd *cmd)
{
	*cmd = (struct amdvi_cmd) {
		.opcode = FIELD_GET(AMDVI_CMD_OPCODE, lo),
		.rid = FIELD_GET(AMDVI_CMD_DEVICE, lo),
	};
	return decode_any(shape, lo, hi, cmd) ? 0 : AMDVI_EVENT_ILLEGAL_COMMAND;
}

NYX_EXPORT_FOR_TEST(amdvi_find_dte);
NYX_EXPORT_FOR_TEST(amdvi_decode_dma);
NYX_EXPORT_FOR_TEST(amdvi_check_dma);
NYX_EXPORT_FOR_TEST(amdvi_pte_code);
NYX_EXPORT_FOR_TEST(amdvi_decode_int);
NYX_EXPORT_FOR_TEST(amdvi_decode_irte32);
NYX_EXPORT_FOR_TEST(amdvi_decode_irte128);
NYX_EXPORT_FOR_TEST(amdvi_decode_msg);
NYX_EXPORT_FOR_TEST(amdvi_decode_cmd);
