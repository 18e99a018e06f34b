// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: Intel VT-d: structures in guest memory, decoded.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/vtd/vtd_decode.h"

#include <linux/bitfield.h>

#include "base/export.h"
#include "base/types.h"

u8 vtd_function_mask(u8 fm)
{
	static const u8 mask[] = { 0, 4, 6, 7 };

	return mask[fm & 3];
}

/* The bits of an address beyond the host address width of the unit. */
static u64 beyond(const struct vtd_shape *shape)
{
	return ~nyx_lg2_last(shape->haw);
}

static u8 decode_context(const struct vtd_shape *shape, u64 lo, u64 hi,
			 struct vtd_context *ctx)
{
	u8 type = FIELD_GET(VTD_CTX_TT, lo), aw = FIELD_GET(VTD_CTX_AW, hi);
	u64 reserved = VTD_CTX_RESERVED_LO;

	ctx->fpd = lo & VTD_CTX_FPD;
	if (!(lo & VTD_CTX_P))
		return VTD_CTX_NOT_PRESENT;
	if (type != VTD_TT_PASS)
		reserved |= VTD_CTX_SLPTPTR & beyond(shape);
	if ((lo & reserved) || (hi & VTD_CTX_RESERVED_HI))
		return VTD_CTX_RESERVED;
	/* Other types need a device TLB, which the unit does not have. */
	if (type != VTD_TT_TABLE && !(type == VTD_TT_PASS && shape->pass_through))
		return VTD_CTX_INVALID;
	if (!(shape->sagaw & BIT(aw)))
		return VTD_CTX_INVALID;

	ctx->did = FIELD_GET(VTD_CTX_DID, hi);
	ctx->pass_through = type == VTD_TT_PASS;
	ctx->levels = aw + 2;
	ctx->width = ctx->pass_through ? shape->haw :
					 min_t(u8, 30 + 9 * aw, shape->mgaw);
	ctx->root = ctx->pass_through ? 0 : lo & VTD_CTX_SLPTPTR;
	return VTD_OK;
}

u8 vtd_decode_device(const struct vtd_shape *shape, u64 rtaddr,
		     const struct pt_guest_mem *mem, u16 rid,
		     struct vtd_context *ctx)
{
	u64 lo, hi, at;

	*ctx = (struct vtd_context){};
	/* TTM asks for scalable mode, or for no mode at all. */
	if (rtaddr & VTD_RTADDR_TTM)
		return VTD_TABLE_TYPE;
	at = (rtaddr & VTD_RTADDR_ADDR) + (rid >> 8) * VTD_ENTRY_SIZE;
	if (mem->read64(mem->ctx, at, &lo) || mem->read64(mem->ctx, at + 8, &hi))
		return VTD_ROOT_ACCESS;
	if (!(lo & VTD_ROOT_P))
		return VTD_ROOT_NOT_PRESENT;
	if ((lo & (VTD_ROOT_RESERVED_LO | (VTD_ROOT_CTP & beyond(shape)))) || hi)
		return VTD_ROOT_RESERVED;

	at = (lo & VTD_ROOT_CTP) + (rid & 0xff) * VTD_ENTRY_SIZE;
	if (mem->read64(mem->ctx, at, &lo) || mem->read64(mem->ctx, at + 8, &hi))
		return VTD_CTX_ACCESS;
	return decode_context(shape, lo, hi, ctx);
}

static u8 decode_source(u64 hi, struct irt_entry *e)
{
	switch (FIELD_GET(VTD_IRTE_SVT, hi)) {
	case 0:
		e->check = NYX_SOURCE_ANY;
		return VTD_OK;
	case 1:
		e->check = NYX_SOURCE_RID;
		e->mask = vtd_function_mask(FIELD_GET(VTD_IRTE_SQ, hi));
		break;
	case 2:
		e->check = NYX_SOURCE_BUS;
		break;
	default:
		return VTD_IR_RESERVED;
	}
	e->source = FIELD_GET(VTD_IRTE_SID, hi);
	return VTD_OK;
}

static u8 decode_posted(const struct vtd_shape *shape, u64 lo, u64 hi,
			struct irt_entry *e)
{
	if (!shape->posted || (lo & VTD_IRTE_RESERVED_POST) ||
	    (hi & VTD_IRTE_RESERVED_HI_POST))
		return VTD_IR_RESERVED;
	e->flags |= NYX_IRTE_F_POSTED;
	if (lo & VTD_IRTE_URG)
		e->flags |= NYX_IRTE_F_URGENT;
	e->posted = FIELD_GET(VTD_IRTE_PDA_LOW, lo) << 6 |
		    FIELD_GET(VTD_IRTE_PDA_HIGH, hi) << 32;
	return e->posted & beyond(shape) ? VTD_IR_RESERVED : VTD_OK;
}

static u8 decode_remapped(bool x2apic, u64 lo, u64 hi, struct irt_entry *e)
{
	if ((lo & VTD_IRTE_RESERVED) || (hi & VTD_IRTE_RESERVED_HI))
		return VTD_IR_RESERVED;
	if (x2apic) {
		e->dest = FIELD_GET(VTD_IRTE_DEST, lo);
	} else {
		if (lo & VTD_IRTE_DEST & ~VTD_IRTE_DEST_XAPIC)
			return VTD_IR_RESERVED;
		e->dest = FIELD_GET(VTD_IRTE_DEST_XAPIC, lo);
	}
	if (lo & VTD_IRTE_DM)
		e->flags |= NYX_IRTE_F_LOGICAL;
	if (lo & VTD_IRTE_RH)
		e->flags |= NYX_IRTE_F_HINT;
	if (lo & VTD_IRTE_TM)
		e->flags |= NYX_IRTE_F_LEVEL;
	e->delivery = FIELD_GET(VTD_IRTE_DLM, lo);
	/* Two of the modes do not exist. */
	return e->delivery == 3 || e->delivery == 6 ? VTD_IR_RESERVED : VTD_OK;
}

u8 vtd_decode_irte(const struct vtd_shape *shape, bool x2apic, u64 lo, u64 hi,
		   struct irt_entry *e)
{
	u8 reason;

	*e = (struct irt_entry){};
	if (lo & VTD_IRTE_FPD)
		e->flags |= NYX_IRTE_F_FPD;
	if (!(lo & VTD_IRTE_P))
		return VTD_IR_NOT_PRESENT;
	e->vector = FIELD_GET(VTD_IRTE_VECTOR, lo);
	reason = lo & VTD_IRTE_IM ? decode_posted(shape, lo, hi, e) :
				    decode_remapped(x2apic, lo, hi, e);
	return reason ?: decode_source(hi, e);
}

static u8 decode_iotlb(u64 lo, u64 hi, struct vtd_desc *desc)
{
	u8 am = FIELD_GET(VTD_DESC_IOTLB_AM, hi);
	u64 span;

	if ((lo & VTD_DESC_IOTLB_RESERVED) || (hi & VTD_DESC_IOTLB_RESERVED2) ||
	    !desc->granularity)
		return VTD_IQE_RESERVED;
	if (desc->granularity != VTD_PAGE)
		return VTD_IQE_NONE;
	/* The mask is beyond MAMV: invalidate all of the domain, which is safe. */
	if (am > VTD_MAMV) {
		desc->granularity = VTD_DOMAIN;
		return VTD_IQE_NONE;
	}
	span = nyx_lg2_last(NYX_PAGE_LG2 + am);
	desc->first = (hi & VTD_DESC_IOTLB_ADDR) & ~span;
	desc->last = desc->first | span;
	return VTD_IQE_NONE;
}

static u8 decode_iec(u64 lo, u64 hi, struct vtd_desc *desc)
{
	u8 im = FIELD_GET(VTD_DESC_IEC_IM, lo);

	if ((lo & VTD_DESC_IEC_RESERVED) || hi)
		return VTD_IQE_RESERVED;
	if (!(lo & VTD_DESC_IEC_G) || im >= 16)
		return VTD_IQE_NONE;	/* all entries */
	desc->nr = 1u << im;
	desc->index = FIELD_GET(VTD_DESC_IEC_INDEX, lo) & ~(desc->nr - 1);
	return VTD_IQE_NONE;
}

u8 vtd_decode_desc(u64 lo, u64 hi, struct vtd_desc *desc)
{
	*desc = (struct vtd_desc) {
		.type = FIELD_GET(VTD_DESC_TYPE, lo) |
			FIELD_GET(VTD_DESC_TYPE_HIGH, lo) << 4,
		.granularity = FIELD_GET(VTD_DESC_G, lo),
		.did = FIELD_GET(VTD_DESC_DID, lo),
	};
	switch (desc->type) {
	case VTD_DESC_CONTEXT:
		if ((lo & VTD_DESC_CC_RESERVED) || hi || !desc->granularity)
			return VTD_IQE_RESERVED;
		desc->sid = FIELD_GET(VTD_DESC_CC_SID, lo);
		desc->function_mask =
			vtd_function_mask(FIELD_GET(VTD_DESC_CC_FM, lo));
		return VTD_IQE_NONE;
	case VTD_DESC_IOTLB:
		return decode_iotlb(lo, hi, desc);
	case VTD_DESC_DEVICE_TLB:
		/* There are no device TLBs to invalidate. */
		return (lo & VTD_DESC_DEV_RESERVED) || (hi & VTD_DESC_DEV_RESERVED2) ?
			VTD_IQE_RESERVED : VTD_IQE_NONE;
	case VTD_DESC_IEC:
		return decode_iec(lo, hi, desc);
	case VTD_DESC_WAIT:
		if ((lo & VTD_DESC_WAIT_RESERVED) || (hi & ~VTD_DESC_WAIT_ADDR))
			return VTD_IQE_RESERVED;
		desc->interrupt = lo & VTD_DESC_WAIT_IF;
		desc->store = lo & VTD_DESC_WAIT_SW;
		desc->data = FIELD_GET(VTD_DESC_WAIT_DATA, lo);
		desc->addr = hi & VTD_DESC_WAIT_ADDR;
		return VTD_IQE_NONE;
	default:
		return VTD_IQE_TYPE;
	}
}

NYX_EXPORT_FOR_TEST(vtd_function_mask);
NYX_EXPORT_FOR_TEST(vtd_decode_device);
NYX_EXPORT_FOR_TEST(vtd_decode_irte);
NYX_EXPORT_FOR_TEST(vtd_decode_desc);
