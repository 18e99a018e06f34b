/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: faults: why something does not get through, and what follows from that.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The part of the module that stops an access, an interrupt or a page request says why in
 * a struct nyx_fault_info: the translation path for table walks, contexts and memory, a
 * model's decoders for the guest's tables, the interrupt path, and the marks of
 * quarantine. nyx_fault_report() does all that follows from it.
 */
#ifndef NYX_CORE_FAULT_H
#define NYX_CORE_FAULT_H

#include <linux/types.h>

struct nyx_device;
struct nyx_domain;
struct nyx_fault;
struct nyx_unit;

/**
 * struct nyx_fault_info - why an access, an interrupt or a page request does not get through
 * @reason: of enum nyx_fault_reason; NYX_FAULT_NONE: nothing is stopped, and no other field
 *          is set
 * @code: the model's code for the guest's driver, of the decoder that found the fault or
 *        of &nyx_viommu_ops.fault_code; 0: the guest's driver does not see the fault
 * @irq: an interrupt; else an access, or a page request
 * @fpd: fault processing is disabled by the guest's tables: the guest's log does not get
 *       the fault
 * @unreported: an interrupt remapping entry of a native unit has NYX_IRTE_F_FPD:
 *              nyx_fault_report() ignores the fault
 * @access: NYX_ACC_* that was asked for; of an interrupt NYX_ACC_WRITE
 * @level: level of the table entry that ended a walk, or NYX_LEVEL_NONE
 * @levels: levels of the guest's table that was walked; 0: none was
 * @model: &nyx_ctx_attrs.model of the context; 0 without one
 * @pasid: PASID of the request, or NYX_PASID_NONE
 * @did: the guest's id of the domain, or 0
 * @address: the first byte that does not get through, as the device sees it: an IOVA, or
 *           the address of a message
 * @gpa: where @address leads to, or NYX_GPA_UNKNOWN
 * @entry: NYX_FAULT_RESERVED_BIT: the table entry, see &pt_result.entry
 * @entry_gpa: the GPA of the table entry, of any table, that could not be read
 * @length: bytes of an access that are left, from @address on
 * @index: index of an interrupt's entry, or IRT_INDEX_NONE
 * @data: data of a message
 */
struct nyx_fault_info {
	u32 reason;
	u16 code;
	bool irq;
	bool fpd;
	bool unreported;
	u8 access;
	u8 level;
	u8 levels;
	u8 model;
	u32 pasid;
	u32 did;
	u64 address;
	u64 gpa;
	u64 entry;
	u64 entry_gpa;
	u64 length;
	u32 index;
	u32 data;
};

/**
 * nyx_fault_name() - say what the guest's driver calls a fault
 * @unit: the unit
 * @info: the fault; its code is set, if the unit's model has any
 *
 * Context: any.
 */
void nyx_fault_name(struct nyx_unit *unit, struct nyx_fault_info *info);

/**
 * nyx_fault_answer() - a fault, as a command reports it
 * @info: the fault of an access
 * @out: set
 *
 * Context: any.
 */
void nyx_fault_answer(const struct nyx_fault_info *info, struct nyx_fault *out);

/**
 * nyx_fault_report() - do what follows from a fault
 * @unit: the unit
 * @dev: the device, which cannot go
 * @dom: the domain that counts the fault
 * @info: the fault
 *
 * NYX_FAULT_QUARANTINED is counted, and nothing else. Of other faults, counters and the
 * tracepoint have each one. The fault tracker of the device weighs it, which may
 * quarantine the device, and rations the record; a record has the cause from the history
 * of the domain. The guest's log gets the fault if the guest's driver has a name for it, and
 * @info->fpd is not set. Nothing follows from a fault with @info->unreported.
 *
 * Context: any.
 */
void nyx_fault_report(struct nyx_unit *unit, struct nyx_device *dev,
		      struct nyx_domain *dom, const struct nyx_fault_info *info);

#endif /* NYX_CORE_FAULT_H */
