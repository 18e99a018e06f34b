/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the translation path.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * One path for all: device -> context -> domain -> cache, or table walk -> guest memory. An
 * access is bracketed by nyx_access_begin() and nyx_access_end(); what the access learns in
 * between stays true until its end, because a command that takes a translation or memory
 * away waits for the access.
 */
#ifndef NYX_CORE_TRANSLATE_H
#define NYX_CORE_TRANSLATE_H

#include <linux/nyx_iommu.h>
#include <linux/types.h>

#include "core/account/stats.h"
#include "core/fault/fault.h"
#include "tlb/iotlb.h"

struct nyx_ctx;
struct nyx_device;
struct nyx_domain;
struct nyx_unit;
struct pt_result;
struct pt_trace;
struct region;

/**
 * struct nyx_access - an access under way
 * @unit: the unit
 * @dev: the device
 * @ctx: its context
 * @dom: the domain of @ctx
 * @pasid: the PASID of the request
 * @pair: for epoch_exit()
 * @fault: why the guest's tables have no context for the device, or reason
 *         NYX_FAULT_NONE
 * @hint: where the memory map was last hit
 * @snap: the cache's side of the domain before the last walk
 * @tally: counts of the access
 * @trace: gets the steps of the walk of a guest's table, without the cache, for
 *         nyx_walk_device(); NULL for an access; set by the caller after nyx_access_begin()
 */
struct nyx_access {
	struct nyx_unit *unit;
	struct nyx_device *dev;
	struct nyx_ctx *ctx;
	struct nyx_domain *dom;
	u32 pasid;
	unsigned int pair;
	struct nyx_fault_info fault;
	u32 hint;
	struct iotlb_snap snap;
	struct nyx_tally tally;
	struct pt_trace *trace;
};

/**
 * struct nyx_segment - a piece of a translated range, within one page and one
 *                   region of guest memory
 * @gpa: GPA of its first byte
 * @length: bytes, up to the end of the page, of the region, or of what was
 *          asked for
 * @region: the region that holds it
 * @offset: of the first byte in the region
 * @perm: NYX_ACC_* that context and mapping grant
 * @lg2: log2 of the size of the page; 0 for identity
 * @valid_lg2: log2 of the aligned block around the IOVA that is known to be
 *             mapped alike: the page, or a part of it
 */
struct nyx_segment {
	u64 gpa;
	u64 length;
	struct region *region;
	u64 offset;
	u8 perm;
	u8 lg2;
	u8 valid_lg2;
};

/**
 * nyx_access_begin() - begin an access
 * @unit: the unit
 * @sbdf: the device
 * @pasid: the PASID of the request; a caller refuses all but NYX_PASID_NONE
 * @acc: set
 *
 * Context: any; may sleep if the unit has a vendor model, because the guest's context entry
 * may have to be decoded.
 * Return: 0, or -ENOENT if there is no such device; with a vendor model also
 * -ENOMEM, -EINTR.
 */
int nyx_access_begin(struct nyx_unit *unit, u32 sbdf, u32 pasid,
		     struct nyx_access *acc);

/**
 * nyx_access_end() - end an access
 * @acc: the access
 *
 * Context: any.
 */
void nyx_access_end(struct nyx_access *acc);

/**
 * nyx_walk_fault() - say how a walk ends an access
 * @res: the outcome of the walk
 * @fault: reason, level, GPA and the entry are set; the reason is NYX_FAULT_NONE for PT_OK
 *
 * Context: any.
 */
void nyx_walk_fault(const struct pt_result *res, struct nyx_fault_info *fault);

/**
 * nyx_translate() - translate the beginning of a range
 * @acc: the access
 * @iova: first IOVA
 * @length: bytes, not 0
 * @perm: NYX_ACC_* that must be granted, by the mapping and by the memory
 * @seg: set on success
 * @fault: set on failure only, but for its length; the reason is not NYX_FAULT_NONE then
 *
 * Context: any; may sleep if the domain has a table in guest memory (NYX_STAGE_GUEST), as
 * nyx_guest_walk().
 * Return: true on success.
 */
bool nyx_translate(struct nyx_access *acc, u64 iova, u64 length,
		   unsigned int perm, struct nyx_segment *seg,
		   struct nyx_fault_info *fault);

/**
 * nyx_access_fault() - make the fault of an access that the caller stops
 * @acc: the access
 * @reason: of enum nyx_fault_reason
 * @iova: the first byte that does not get through
 * @perm: NYX_ACC_* that was asked for
 * @gpa: where @iova leads to, or NYX_GPA_UNKNOWN
 * @fault: set, as by nyx_translate()
 *
 * Context: any.
 * Return: false.
 */
bool nyx_access_fault(const struct nyx_access *acc, u32 reason, u64 iova,
		      unsigned int perm, u64 gpa, struct nyx_fault_info *fault);

/**
 * nyx_access_report() - report the fault of an access
 * @acc: the access
 * @fault: the fault; its length is set
 * @length: bytes of the access that were left
 *
 * Context: any.
 */
void nyx_access_report(const struct nyx_access *acc, struct nyx_fault_info *fault,
		       u64 length);

#endif /* NYX_CORE_TRANSLATE_H */
