/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: Intel VT-d: configuration and architectural state.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_VIOMMU_VTD_STATE_H
#define NYX_VIOMMU_VTD_STATE_H

#include <linux/types.h>

#include "viommu/regfile.h"
#include "viommu/state.h"
#include "viommu/vtd/vtd_decode.h"

/* Indices into &vtd_arch.reg. */
enum vtd_reg {
	REG_VER, REG_CAP, REG_ECAP, REG_GCMD, REG_GSTS, REG_RTADDR, REG_CCMD,
	REG_FSTS, REG_FECTL, REG_FEDATA, REG_FEADDR, REG_FEUADDR, REG_IQH,
	REG_IQT, REG_IQA, REG_ICS, REG_IECTL, REG_IEDATA, REG_IEADDR,
	REG_IEUADDR, REG_IQERCD, REG_IRTA, REG_IVA, REG_IOTLB,
	REG_FRCD,	/* two for each record */
	VTD_NR_REGS = REG_FRCD + 2 * VTD_FRCD_MAX,
};

#define VTD_NR_FIELDS	4u

/**
 * struct vtd_cfg - configuration: what the creator of the unit chose
 * @shape: capabilities that decide which tables are valid
 * @page_sizes: page sizes that tables may use; 0: all
 * @nr_frcd: fault records
 * @reg: table of the registers; depends on capabilities
 * @field: table of the state that is no register
 * @state: both tables
 *
 * Constant after create.
 */
struct vtd_cfg {
	struct vtd_shape shape;
	u64 page_sizes;
	unsigned int nr_frcd;
	struct reg_def reg[VTD_NR_REGS];
	struct state_field field[VTD_NR_FIELDS];
	struct state_desc state;
};

/**
 * struct vtd_arch - architectural state: what a save must hold
 * @reg: values of the registers, by enum vtd_reg
 * @status: the bits of GSTS that are in effect; GSTS shows them when no access uses the old
 *          state any more
 * @root: RTADDR as the last SRTP has latched it
 * @irta: IRTA as the last SIRTP has latched it
 * @next_frcd: the fault record that is written next
 *
 * Plain data, under &vendor.lock. Everything else in struct vtd is configuration, or
 * is rebuilt.
 */
struct vtd_arch {
	u64 reg[VTD_NR_REGS];
	u64 status;
	u64 root;
	u64 irta;
	u32 next_frcd;
};

/**
 * vtd_cfg_init() - work out the configuration
 * @cfg: set
 * @address_width: bits of an address of a device: 39 or 48
 * @flags: of enum nyx_vtd_flags
 * @nr_frcd: fault records, at most VTD_FRCD_MAX
 *
 * @cfg has pointers to parts of itself: do not move it.
 */
void vtd_cfg_init(struct vtd_cfg *cfg, u32 address_width, u32 flags, u32 nr_frcd);

#endif /* NYX_VIOMMU_VTD_STATE_H */
