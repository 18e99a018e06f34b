/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: Intel VT-d: a unit's vIOMMU model.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Locks: see viommu/vendor.h.
 *
 * A command by register (GCMD, CCMD, IOTLB_REG) takes effect at once, and reads as done
 * when accesses that may use the old state have ended. Until then GSTS, CCMD.ICC and
 * IOTLB_REG.IVT keep their values. If the writer is killed while it waits, the next access
 * to any register waits in its place.
 */
#ifndef NYX_VIOMMU_VTD_H
#define NYX_VIOMMU_VTD_H

#include <linux/container_of.h>
#include <linux/types.h>

#include "viommu/vendor.h"
#include "viommu/vtd/vtd_state.h"

/**
 * struct vtd - a unit's model
 * @base: the part that all models share
 * @cfg: configuration
 * @arch: architectural state
 */
struct vtd {
	struct vendor base;
	struct vtd_cfg cfg;
	struct vtd_arch arch;
};

/* ---- vtd_fault.c -------------------------------------------------------- */

/**
 * vtd_fault_record() - record a fault for the guest
 * @vtd: the vIOMMU model
 * @sid: the requester
 * @info: the low word of the record: address or index
 * @code: of enum vtd_reason
 * @read: the access was a read
 *
 * Section 7.2.1. Context: any.
 */
void vtd_fault_record(struct vtd *vtd, u16 sid, u64 info, u8 code, bool read);

/**
 * vtd_fault_status() - set a bit of FSTS that is not about records
 * @vtd: the vIOMMU model
 * @bit: VTD_FSTS_IQE
 *
 * Context: under &vendor.lock.
 */
void vtd_fault_status(struct vtd *vtd, u64 bit);

/**
 * vtd_fault_written() - FSTS, FECTL or a record was written
 * @vtd: the vIOMMU model
 * @w: how
 *
 * Context: under &vendor.lock.
 */
void vtd_fault_written(struct vtd *vtd, const struct reg_write *w);

/**
 * vtd_completion() - a wait descriptor asks for an interrupt
 * @vtd: the vIOMMU model
 *
 * Context: under &vendor.lock.
 */
void vtd_completion(struct vtd *vtd);

/**
 * vtd_event_written() - ICS or IECTL was written
 * @vtd: the vIOMMU model
 * @w: how
 *
 * Context: under &vendor.lock.
 */
void vtd_event_written(struct vtd *vtd, const struct reg_write *w);

/* ---- vtd_qi.c ----------------------------------------------------------- */

extern const struct queue_ops vtd_queue_ops;

/**
 * vtd_queue_run() - execute what is in the invalidation queue
 * @vtd: the vIOMMU model
 *
 * Context: may sleep; under &vendor.mutex.
 * Return: 0, or -EINTR if the caller was killed: the rest is executed with the
 * next write of the tail.
 */
int vtd_queue_run(struct vtd *vtd);

/**
 * vtd_invalidate_context() - invalidate context entries, for CCMD or a descriptor
 * @vtd: the vIOMMU model
 * @desc: granularity, domain, requester
 */
void vtd_invalidate_context(struct vtd *vtd, const struct vtd_desc *desc);

/**
 * vtd_invalidate_iotlb() - invalidate translations, for IOTLB_REG or a descriptor
 * @vtd: the vIOMMU model
 * @desc: granularity, domain, range
 */
void vtd_invalidate_iotlb(struct vtd *vtd, const struct vtd_desc *desc);

static inline struct vtd *to_vtd(struct nyx_viommu *viommu)
{
	return container_of(viommu, struct vtd, base.viommu);
}

#endif /* NYX_VIOMMU_VTD_H */
