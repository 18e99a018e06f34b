// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: AMD-Vi: configuration and architectural state.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/amdvi/amdvi_state.h"

#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/nyx_iommu.h>

#include "base/export.h"
#include "base/types.h"

#define REG(_name, _rw, _w1c)						\
	{								\
		.offset = AMDVI_##_name, .size = 8,			\
		.index = REG_##_name, .rw = (_rw), .w1c = (_w1c),	\
		.name = #_name,						\
	}
#define REG_BITS(_name, _rw, _w1c, _bits)				\
	{								\
		.offset = AMDVI_##_name, .size = 8,			\
		.index = REG_##_name, .rw = (_rw), .w1c = (_w1c),	\
		.name = #_name,						\
		.bits = (_bits), .nr_bits = ARRAY_SIZE(_bits),		\
	}
#define SEGMENT(_n)							\
	{								\
		.offset = AMDVI_SEGMENT + 8 * ((_n) - 1), .size = 8,	\
		.index = REG_SEGMENT##_n, .name = "SEGMENT" #_n,	\
		.bits = table_bits, .nr_bits = ARRAY_SIZE(table_bits),	\
	}

#define TABLE	(AMDVI_BASE_ADDR | AMDVI_DEV_TABLE_SIZE)
#define RING	(AMDVI_BASE_ADDR | AMDVI_RING_LEN)

/* Bits of CONTROL that each unit has. Bits of features that a unit lacks read as zero. */
#define CONTROL	(AMDVI_CTL_IOMMU | AMDVI_CTL_HT_TUNNEL | AMDVI_CTL_EVT_LOG | \
		 AMDVI_CTL_EVT_INT | AMDVI_CTL_WAIT_INT | \
		 AMDVI_CTL_INV_TIMEOUT | AMDVI_CTL_PASS_PW | \
		 AMDVI_CTL_RES_PASS_PW | AMDVI_CTL_COHERENT | \
		 AMDVI_CTL_ISOC | AMDVI_CTL_CMD)

/* Bit fields, by name; for people. */
static const struct reg_bits table_bits[] = {
	{ "SIZE", AMDVI_DEV_TABLE_SIZE }, { "BASE", AMDVI_BASE_ADDR },
};

static const struct reg_bits ring_bits[] = {
	{ "BASE", AMDVI_BASE_ADDR }, { "LEN", AMDVI_RING_LEN },
};

static const struct reg_bits control_bits[] = {
	{ "IommuEn", AMDVI_CTL_IOMMU }, { "HtTunEn", AMDVI_CTL_HT_TUNNEL },
	{ "EventLogEn", AMDVI_CTL_EVT_LOG }, { "EventIntEn", AMDVI_CTL_EVT_INT },
	{ "ComWaitIntEn", AMDVI_CTL_WAIT_INT }, { "InvTimeOut", AMDVI_CTL_INV_TIMEOUT },
	{ "PassPW", AMDVI_CTL_PASS_PW }, { "ResPassPW", AMDVI_CTL_RES_PASS_PW },
	{ "Coherent", AMDVI_CTL_COHERENT }, { "Isoc", AMDVI_CTL_ISOC },
	{ "CmdBufEn", AMDVI_CTL_CMD }, { "GAEn", AMDVI_CTL_GA },
	{ "GAMEn", AMDVI_CTL_GAM }, { "GALogEn", AMDVI_CTL_GA_LOG },
	{ "GAIntEn", AMDVI_CTL_GA_INT }, { "DevTblSegEn", AMDVI_CTL_SEGMENTS },
	{ "XTEn", AMDVI_CTL_XT }, { "IntCapXTEn", AMDVI_CTL_INT_CAP_XT },
};

static const struct reg_bits excl_base_bits[] = {
	{ "ExEn", AMDVI_EXCL_ENABLE }, { "Allow", AMDVI_EXCL_ALLOW },
	{ "BASE", AMDVI_BASE_ADDR },
};

static const struct reg_bits excl_limit_bits[] = { { "LIMIT", AMDVI_BASE_ADDR } };

static const struct reg_bits efr_bits[] = {
	{ "PreFSup", AMDVI_EFR_PREFETCH }, { "XTSup", AMDVI_EFR_XT },
	{ "IASup", AMDVI_EFR_IA }, { "GASup", AMDVI_EFR_GA },
	{ "HATS", GENMASK_ULL(11, 10) }, { "GAMSup", GENMASK_ULL(23, 21) },
	{ "DevTblSegSup", GENMASK_ULL(39, 38) },
};

static const struct reg_bits ga_tail_addr_bits[] = { { "ADDR", AMDVI_GA_TAIL_ADDR_MASK } };

static const struct reg_bits xt_bits[] = {
	{ "DM", AMDVI_XT_LOGICAL }, { "DEST_LOW", AMDVI_XT_DEST_LOW },
	{ "VECTOR", AMDVI_XT_VECTOR }, { "DLM", AMDVI_XT_DELIVERY },
	{ "DEST_HIGH", AMDVI_XT_DEST_HIGH },
};

static const struct reg_bits pointer_bits[] = { { "OFFSET", AMDVI_RING_POINTER } };
static const struct reg_bits ga_pointer_bits[] = { { "OFFSET", AMDVI_GA_POINTER } };

static const struct reg_bits status_bits[] = {
	{ "EventOverflow", AMDVI_STS_EVT_OVERFLOW }, { "EventLogInt", AMDVI_STS_EVT_INT },
	{ "ComWaitInt", AMDVI_STS_WAIT_INT }, { "EventLogRun", AMDVI_STS_EVT_RUN },
	{ "CmdBufRun", AMDVI_STS_CMD_RUN }, { "GALogRun", AMDVI_STS_GA_RUN },
	{ "GALogOverflow", AMDVI_STS_GA_OVERFLOW }, { "GAInt", AMDVI_STS_GA_INT },
};

/* Section 3.4. make_registers() adds what features bring. */
static const struct reg_def amdvi_defs[] = {
	REG_BITS(DEV_TABLE, TABLE, 0, table_bits),
	REG_BITS(CMD_BASE, RING, 0, ring_bits),
	REG_BITS(EVT_BASE, RING, 0, ring_bits),
	REG_BITS(CONTROL, CONTROL, 0, control_bits),
	REG_BITS(EXCL_BASE, AMDVI_BASE_ADDR | AMDVI_EXCL_ENABLE | AMDVI_EXCL_ALLOW, 0,
		 excl_base_bits),
	REG_BITS(EXCL_LIMIT, AMDVI_BASE_ADDR, 0, excl_limit_bits),
	REG_BITS(EFR, 0, 0, efr_bits),
	REG_BITS(GA_BASE, 0, 0, ring_bits),
	REG_BITS(GA_TAIL_ADDR, 0, 0, ga_tail_addr_bits),
	SEGMENT(1),
	SEGMENT(2),
	SEGMENT(3),
	SEGMENT(4),
	SEGMENT(5),
	SEGMENT(6),
	SEGMENT(7),
	REG_BITS(XT_GENERAL, 0, 0, xt_bits),
	REG_BITS(XT_PPR, 0, 0, xt_bits),
	REG_BITS(XT_GA, 0, 0, xt_bits),
	REG(EFR2, 0, 0),
	REG_BITS(CMD_HEAD, AMDVI_RING_POINTER, 0, pointer_bits),
	REG_BITS(CMD_TAIL, AMDVI_RING_POINTER, 0, pointer_bits),
	REG_BITS(EVT_HEAD, AMDVI_RING_POINTER, 0, pointer_bits),
	REG_BITS(EVT_TAIL, AMDVI_RING_POINTER, 0, pointer_bits),
	REG_BITS(STATUS, 0, AMDVI_STS_EVT_OVERFLOW | AMDVI_STS_EVT_INT |
		 AMDVI_STS_WAIT_INT, status_bits),
	REG_BITS(GA_HEAD, 0, 0, ga_pointer_bits),
	REG_BITS(GA_TAIL, 0, 0, ga_pointer_bits),
};

u64 amdvi_ring_size(u64 base)
{
	u64 len = FIELD_GET(AMDVI_RING_LEN, base);

	return len < AMDVI_RING_LEN_MIN ? 0 : 16ull << len;
}

u64 amdvi_running(const struct amdvi_arch *arch)
{
	u64 control = arch->reg[REG_CONTROL], run = 0;

	if (!(control & AMDVI_CTL_IOMMU))
		return 0;
	if ((control & AMDVI_CTL_CMD) && !arch->cmd_stopped)
		run |= AMDVI_STS_CMD_RUN;
	if ((control & AMDVI_CTL_EVT_LOG) && !arch->log_stopped[LOG_EVENT])
		run |= AMDVI_STS_EVT_RUN;
	if ((control & AMDVI_CTL_GA_LOG) && !arch->log_stopped[LOG_GA])
		run |= AMDVI_STS_GA_RUN;
	return run;
}

static u64 features(u8 levels, u32 flags)
{
	u64 efr = AMDVI_EFR_IA | AMDVI_EFR_HATS(levels);

	if (!(flags & NYX_AMDVI_F_SMALL_IRTES))
		efr |= AMDVI_EFR_GA;
	if (!(flags & NYX_AMDVI_F_XAPIC))
		efr |= AMDVI_EFR_XT;
	if (flags & NYX_AMDVI_F_GUEST_APIC)
		efr |= AMDVI_EFR_GAM;
	if (flags & NYX_AMDVI_F_SEGMENTS)
		efr |= AMDVI_EFR_SEGMENTS;
	if (flags & NYX_AMDVI_F_PREFETCH)
		efr |= AMDVI_EFR_PREFETCH;
	return efr;
}

/* Make the table of registers, with the bits that features bring. */
static void make_registers(struct reg_def *def, u64 efr)
{
	unsigned int i;

	static_assert(ARRAY_SIZE(amdvi_defs) == AMDVI_NR_REGS);
	memcpy(def, amdvi_defs, sizeof(amdvi_defs));
	def[REG_EFR].reset = efr;
	def[REG_STATUS].hw = AMDVI_STS_EVT_RUN | AMDVI_STS_CMD_RUN;
	if (efr & AMDVI_EFR_GA)
		def[REG_CONTROL].rw |= AMDVI_CTL_GA;
	if (efr & AMDVI_EFR_XT) {
		def[REG_CONTROL].rw |= AMDVI_CTL_XT | AMDVI_CTL_INT_CAP_XT;
		for (i = REG_XT_GENERAL; i <= REG_XT_GA; i++)
			def[i].rw = AMDVI_XT_LOGICAL | AMDVI_XT_DEST_LOW |
				    AMDVI_XT_VECTOR | AMDVI_XT_DELIVERY |
				    AMDVI_XT_DEST_HIGH;
	}
	if (efr & AMDVI_EFR_GAM) {
		def[REG_CONTROL].rw |= AMDVI_CTL_GAM | AMDVI_CTL_GA_LOG |
				       AMDVI_CTL_GA_INT;
		def[REG_GA_BASE].rw = RING;
		def[REG_GA_TAIL_ADDR].rw = AMDVI_GA_TAIL_ADDR_MASK;
		def[REG_GA_HEAD].rw = AMDVI_GA_POINTER;
		def[REG_GA_TAIL].rw = AMDVI_GA_POINTER;
		def[REG_STATUS].w1c |= AMDVI_STS_GA_OVERFLOW | AMDVI_STS_GA_INT;
		def[REG_STATUS].hw |= AMDVI_STS_GA_RUN;
	}
	if (efr & AMDVI_EFR_SEGMENTS) {
		def[REG_CONTROL].rw |= AMDVI_CTL_SEGMENTS;
		for (i = REG_SEGMENT1; i <= REG_SEGMENT7; i++)
			def[i].rw = TABLE;
	}
}

#define FLAGS(_id, _member)						\
	{								\
		.id = STATE_FIELD + (_id), .name = #_member,		\
		.offset = offsetof(struct amdvi_arch, _member),		\
		.size = sizeof(u8),					\
		.count = sizeof_field(struct amdvi_arch, _member),	\
		.change = 1, .max = 1,					\
	}

static const struct state_field amdvi_fields[] = {
	FLAGS(0, unsent),
	FLAGS(1, cmd_stopped),
	FLAGS(2, log_stopped),
	{
		.id = STATE_FIELD + 3, .name = "silenced",
		.offset = offsetof(struct amdvi_arch, silenced),
		.size = sizeof(u64), .count = AMDVI_REQUESTERS / 64,
		.change = U64_MAX, .max = U64_MAX,
	},
};

/* Check that STATUS says which rings run. */
static const char *amdvi_check(const struct state_desc *desc, const void *_arch)
{
	const struct amdvi_arch *arch = _arch;

	return (arch->reg[REG_STATUS] & AMDVI_STS_RUN) == amdvi_running(arch) ?
		NULL : "STATUS";
}

void amdvi_cfg_init(struct amdvi_cfg *cfg, u8 levels, u32 flags)
{
	static_assert(offsetof(struct amdvi_arch, reg) == 0);
	cfg->shape = (struct amdvi_shape) {
		.levels = levels,
		.prefetch = flags & NYX_AMDVI_F_PREFETCH,
		.device_tlb = flags & NYX_AMDVI_F_DEVICE_TLB,
	};
	make_registers(cfg->reg, features(levels, flags));
	cfg->state = (struct state_desc) {
		.model = NYX_MODEL_AMDVI,
		.size = sizeof(struct amdvi_arch),
		.reg = cfg->reg,
		.nr_regs = AMDVI_NR_REGS,
		.field = amdvi_fields,
		.nr_fields = ARRAY_SIZE(amdvi_fields),
		.check = amdvi_check,
	};
}

NYX_EXPORT_FOR_TEST(amdvi_running);
NYX_EXPORT_FOR_TEST(amdvi_cfg_init);
