/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: Intel VT-d: structures in guest memory, decoded.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Pure functions: they get words from the guest and say what these mean, or
 * what is wrong with them, in the order in which the specification checks.
 */
#ifndef NYX_VIOMMU_VTD_DECODE_H
#define NYX_VIOMMU_VTD_DECODE_H

#include <linux/types.h>

#include "pt/pt.h"
#include "tlb/irt.h"
#include "viommu/vtd/vtd_regs.h"

/**
 * struct vtd_shape - what a unit supports
 * @haw: host address width: bits of a guest-physical address
 * @sagaw: CAP.SAGAW, as a mask of 1 << AW
 * @mgaw: bits of the widest address
 * @pass_through: ECAP.PT
 * @posted: CAP.PI
 */
struct vtd_shape {
	u8 haw;
	u8 sagaw;
	u8 mgaw;
	bool pass_through;
	bool posted;
};

/**
 * struct vtd_context - a context entry
 * @did: domain id
 * @pass_through: the address is the output
 * @width: bits of an address
 * @levels: of the table
 * @root: GPA of the table
 * @fpd: FPD: faults of the requester are not recorded; set also if the entry is refused
 */
struct vtd_context {
	u16 did;
	bool pass_through;
	u8 width;
	u8 levels;
	u64 root;
	bool fpd;
};

/**
 * vtd_decode_device() - find and decode the context entry of a requester
 * @shape: the unit
 * @rtaddr: GPA of the root table
 * @mem: guest memory
 * @rid: the requester
 * @ctx: set
 *
 * Sections 3.4, 9.1, 9.3.
 *
 * Context: that of @mem->read64().
 * Return: VTD_OK or of enum vtd_reason.
 */
u8 vtd_decode_device(const struct vtd_shape *shape, u64 rtaddr,
		     const struct pt_guest_mem *mem, u16 rid,
		     struct vtd_context *ctx);

/**
 * vtd_decode_irte() - spell out an interrupt remapping table entry
 * @shape: the unit
 * @x2apic: destinations have 32 bits (EIME)
 * @lo: its low word
 * @hi: its high word
 * @e: set; @e->flags also if the entry is refused
 *
 * Sections 9.9, 9.10.
 *
 * Return: VTD_OK or of enum vtd_reason.
 */
u8 vtd_decode_irte(const struct vtd_shape *shape, bool x2apic, u64 lo, u64 hi,
		   struct irt_entry *e);

/**
 * struct vtd_desc - an invalidation descriptor
 * @type: of enum vtd_desc_type
 * @granularity: context, IOTLB: of enum vtd_granularity
 * @did: context, IOTLB: the domain
 * @sid: context: the requester
 * @function_mask: context: bits of the function number that are ignored
 * @first: IOTLB: first address
 * @last: IOTLB: last address
 * @index: IEC: first entry
 * @nr: IEC: how many; 0: all
 * @interrupt: wait: raise an interrupt
 * @store: wait: store @data at @addr
 * @data: wait
 * @addr: wait
 */
struct vtd_desc {
	u8 type;
	u8 granularity;
	u16 did;
	u16 sid;
	u8 function_mask;
	u64 first;
	u64 last;
	u32 index;
	u32 nr;
	bool interrupt;
	bool store;
	u32 data;
	u64 addr;
};

/**
 * vtd_decode_desc() - spell out an invalidation descriptor
 * @lo: its low word
 * @hi: its high word
 * @desc: set
 *
 * Section 6.5.2.
 *
 * Return: VTD_IQE_NONE or of enum vtd_queue_error.
 */
u8 vtd_decode_desc(u64 lo, u64 hi, struct vtd_desc *desc);

/* The bits of a function number that FM and SQ name. */
u8 vtd_function_mask(u8 fm);

#endif /* NYX_VIOMMU_VTD_DECODE_H */
