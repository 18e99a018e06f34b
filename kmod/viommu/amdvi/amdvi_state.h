/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: AMD-Vi: configuration and architectural state.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_VIOMMU_AMDVI_STATE_H
#define NYX_VIOMMU_AMDVI_STATE_H

#include <linux/bitmap.h>
#include <linux/types.h>

#include "viommu/amdvi/amdvi_decode.h"
#include "viommu/regfile.h"
#include "viommu/state.h"

/* Indices into &amdvi_arch.reg. */
enum amdvi_reg {
	REG_DEV_TABLE, REG_CMD_BASE, REG_EVT_BASE, REG_CONTROL, REG_EXCL_BASE,
	REG_EXCL_LIMIT, REG_EFR, REG_GA_BASE, REG_GA_TAIL_ADDR,
	REG_SEGMENT1, REG_SEGMENT2, REG_SEGMENT3, REG_SEGMENT4, REG_SEGMENT5,
	REG_SEGMENT6, REG_SEGMENT7, REG_XT_GENERAL, REG_XT_PPR, REG_XT_GA,
	REG_EFR2, REG_CMD_HEAD, REG_CMD_TAIL, REG_EVT_HEAD, REG_EVT_TAIL,
	REG_STATUS, REG_GA_HEAD, REG_GA_TAIL,
	AMDVI_NR_REGS,
};

enum amdvi_log_id { LOG_EVENT, LOG_GA, LOG_MAX };

/**
 * struct amdvi_cfg - configuration: what the creator of the unit chose
 * @shape: features that decide which commands and tables are valid
 * @reg: table of the registers; depends on features
 * @state: tables of the architectural state
 *
 * Constant after create.
 */
struct amdvi_cfg {
	struct amdvi_shape shape;
	struct reg_def reg[AMDVI_NR_REGS];
	struct state_desc state;
};

#define AMDVI_REQUESTERS	(U16_MAX + 1)

/**
 * struct amdvi_arch - architectural state: what a save must hold
 * @reg: values of the registers, by enum amdvi_reg
 * @unsent: XT_GENERAL, XT_PPR, XT_GA: an interrupt waits for a vector
 * @cmd_stopped: a command was refused, and commands were not enabled anew
 * @log_stopped: a log has overflowed, and was not started anew; by enum amdvi_log_id
 * @silenced: requesters whose page faults are not logged until their entry is
 *            invalidated (SE), by requester id; bits change atomically
 *
 * Plain data, under &vendor.lock. Everything else in struct amdvi is configuration,
 * or is rebuilt: entries on the way to a log are in guest memory before a save.
 */
struct amdvi_arch {
	u64 reg[AMDVI_NR_REGS];
	u8 unsent[3];
	u8 cmd_stopped;
	u8 log_stopped[LOG_MAX];
	DECLARE_BITMAP(silenced, AMDVI_REQUESTERS);
};

/**
 * amdvi_cfg_init() - work out the configuration
 * @cfg: set
 * @levels: most levels of a page table
 * @flags: of enum nyx_amdvi_flags
 *
 * @cfg has pointers to parts of itself: do not move it.
 */
void amdvi_cfg_init(struct amdvi_cfg *cfg, u8 levels, u32 flags);

/**
 * amdvi_ring_size() - size of the command buffer or of a log
 * @base: its register
 *
 * Return: bytes; 0: a length that does not exist.
 */
u64 amdvi_ring_size(u64 base);

/**
 * amdvi_running() - which rings run
 * @arch: the state
 *
 * Return: bits of STATUS, of %AMDVI_STS_RUN.
 */
u64 amdvi_running(const struct amdvi_arch *arch);

#endif /* NYX_VIOMMU_AMDVI_STATE_H */
