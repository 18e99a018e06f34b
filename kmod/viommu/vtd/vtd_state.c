// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: Intel VT-d: configuration and architectural state.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/vtd/vtd_state.h"

#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/container_of.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/nyx_iommu.h>

#include "base/export.h"
#include "base/types.h"

#define REG(_name, _size, _rw, _w1c, _hw)				\
	{								\
		.offset = VTD_##_name, .size = (_size),			\
		.index = REG_##_name, .rw = (_rw), .w1c = (_w1c),	\
		.hw = (_hw), .name = #_name,				\
	}

#define ALL	(~0ull)

/* Bit fields, by name; for people. */
static const struct reg_bits ver_bits[] = {
	{ "MIN", GENMASK_ULL(3, 0) }, { "MAX", GENMASK_ULL(7, 4) },
};

static const struct reg_bits cap_bits[] = {
	{ "ND", GENMASK_ULL(2, 0) }, { "CM", VTD_CAP_CM },
	{ "SAGAW", GENMASK_ULL(12, 8) }, { "MGAW", GENMASK_ULL(21, 16) },
	{ "ZLR", VTD_CAP_ZLR }, { "FRO", GENMASK_ULL(33, 24) },
	{ "SLLPS", GENMASK_ULL(37, 34) }, { "PSI", VTD_CAP_PSI },
	{ "NFR", GENMASK_ULL(47, 40) }, { "MAMV", GENMASK_ULL(53, 48) },
	{ "DWD", VTD_CAP_DWD }, { "DRD", VTD_CAP_DRD }, { "PI", VTD_CAP_PI },
};

static const struct reg_bits ecap_bits[] = {
	{ "C", VTD_ECAP_C }, { "QI", VTD_ECAP_QI }, { "IR", VTD_ECAP_IR },
	{ "EIM", VTD_ECAP_EIM }, { "PT", VTD_ECAP_PT }, { "SC", VTD_ECAP_SC },
	{ "IRO", GENMASK_ULL(17, 8) }, { "MHMV", VTD_ECAP_MHMV },
};

static const struct reg_bits gsts_bits[] = {
	{ "CFIS", VTD_GSTS_CFIS }, { "IRTPS", VTD_GSTS_IRTPS }, { "IRES", VTD_GSTS_IRES },
	{ "QIES", VTD_GSTS_QIES }, { "RTPS", VTD_GSTS_RTPS }, { "TES", VTD_GSTS_TES },
};

static const struct reg_bits rtaddr_bits[] = {
	{ "TTM", VTD_RTADDR_TTM }, { "RTA", VTD_RTADDR_ADDR },
};

static const struct reg_bits ccmd_bits[] = {
	{ "DID", VTD_CCMD_DID }, { "SID", VTD_CCMD_SID }, { "FM", VTD_CCMD_FM },
	{ "CAIG", VTD_CCMD_CAIG }, { "CIRG", VTD_CCMD_CIRG }, { "ICC", VTD_CCMD_ICC },
};

static const struct reg_bits fsts_bits[] = {
	{ "PFO", VTD_FSTS_PFO }, { "PPF", VTD_FSTS_PPF }, { "IQE", VTD_FSTS_IQE },
	{ "ICE", VTD_FSTS_ICE }, { "ITE", VTD_FSTS_ITE }, { "FRI", VTD_FSTS_FRI },
};

static const struct reg_bits ctl_bits[] = {	/* FECTL, IECTL */
	{ "IP", VTD_CTL_IP }, { "IM", VTD_CTL_IM },
};

static const struct reg_bits iqh_bits[] = { { "QH", VTD_IQ_OFFSET } };
static const struct reg_bits iqt_bits[] = { { "QT", VTD_IQ_OFFSET } };

static const struct reg_bits iqa_bits[] = {
	{ "QS", VTD_IQA_QS }, { "DW", VTD_IQA_DW }, { "IQA", VTD_IQA_ADDR },
};

static const struct reg_bits ics_bits[] = { { "IWC", VTD_ICS_IWC } };
static const struct reg_bits iqercd_bits[] = { { "IQEI", VTD_IQERCD_IQEI } };

static const struct reg_bits irta_bits[] = {
	{ "S", VTD_IRTA_S }, { "EIME", VTD_IRTA_EIME }, { "IRTA", VTD_IRTA_ADDR },
};

static const struct reg_bits iva_bits[] = {
	{ "AM", VTD_IVA_AM }, { "IH", VTD_IVA_IH }, { "ADDR", VTD_IVA_ADDR },
};

static const struct reg_bits iotlb_bits[] = {
	{ "DID", VTD_IOTLB_DID }, { "IAIG", VTD_IOTLB_IAIG },
	{ "IIRG", VTD_IOTLB_IIRG }, { "IVT", VTD_IOTLB_IVT },
};

static const struct reg_bits frcd_bits[] = { { "FI", VTD_FRCD_FI_ADDR } };

static const struct reg_bits frcd_high_bits[] = {
	{ "SID", VTD_FRCD_SID }, { "FR", VTD_FRCD_FR },
	{ "T1", VTD_FRCD_T1_READ }, { "F", VTD_FRCD_F },
};

#define REG_BITS(_name, _size, _rw, _w1c, _hw, _bits)			\
	{								\
		.offset = VTD_##_name, .size = (_size),			\
		.index = REG_##_name, .rw = (_rw), .w1c = (_w1c),	\
		.hw = (_hw), .name = #_name,				\
		.bits = (_bits), .nr_bits = ARRAY_SIZE(_bits),		\
	}

/* Section 11.4. Registers without bits to write are read-only, or vtd_follow() handles them. */
static const struct reg_def vtd_defs[] = {
	REG_BITS(VER, 4, 0, 0, 0, ver_bits),
	REG_BITS(CAP, 8, 0, 0, 0, cap_bits),
	REG_BITS(ECAP, 8, 0, 0, 0, ecap_bits),
	REG(GCMD, 4, 0, 0, 0),
	REG_BITS(GSTS, 4, 0, 0, VTD_GSTS_ALL, gsts_bits),
	REG_BITS(RTADDR, 8, VTD_RTADDR_ADDR | VTD_RTADDR_TTM, 0, 0, rtaddr_bits),
	REG_BITS(CCMD, 8, ALL & ~VTD_CCMD_CAIG, 0, VTD_CCMD_CAIG, ccmd_bits),
	REG_BITS(FSTS, 4, 0, VTD_FSTS_PFO | VTD_FSTS_IQE | VTD_FSTS_ICE | VTD_FSTS_ITE,
		 VTD_FSTS_PPF | VTD_FSTS_FRI, fsts_bits),
	REG_BITS(FECTL, 4, VTD_CTL_IM, 0, VTD_CTL_IP, ctl_bits),
	REG(FEDATA, 4, ALL, 0, 0),
	REG(FEADDR, 4, ALL & ~3ull, 0, 0),
	REG(FEUADDR, 4, ALL, 0, 0),
	REG_BITS(IQH, 8, 0, 0, VTD_IQ_OFFSET, iqh_bits),
	REG_BITS(IQT, 8, VTD_IQ_OFFSET, 0, 0, iqt_bits),
	REG_BITS(IQA, 8, VTD_IQA_ADDR | VTD_IQA_DW | VTD_IQA_QS, 0, 0, iqa_bits),
	REG_BITS(ICS, 4, 0, VTD_ICS_IWC, 0, ics_bits),
	REG_BITS(IECTL, 4, VTD_CTL_IM, 0, VTD_CTL_IP, ctl_bits),
	REG(IEDATA, 4, ALL, 0, 0),
	REG(IEADDR, 4, ALL & ~3ull, 0, 0),
	REG(IEUADDR, 4, ALL, 0, 0),
	REG_BITS(IQERCD, 8, 0, 0, VTD_IQERCD_IQEI, iqercd_bits),
	REG_BITS(IRTA, 8, VTD_IRTA_ADDR | VTD_IRTA_EIME | VTD_IRTA_S, 0, 0, irta_bits),
	REG_BITS(IVA, 8, VTD_IVA_ADDR | VTD_IVA_IH | VTD_IVA_AM, 0, 0, iva_bits),
	REG_BITS(IOTLB, 8, ALL & ~VTD_IOTLB_IAIG, 0, VTD_IOTLB_IAIG, iotlb_bits),
};

static const char *const frcd_name[2 * VTD_FRCD_MAX] = {
	"FRCD0", "FRCD0_HIGH", "FRCD1", "FRCD1_HIGH",
	"FRCD2", "FRCD2_HIGH", "FRCD3", "FRCD3_HIGH",
	"FRCD4", "FRCD4_HIGH", "FRCD5", "FRCD5_HIGH",
	"FRCD6", "FRCD6_HIGH", "FRCD7", "FRCD7_HIGH",
};

static u64 capability(u32 address_width, u32 flags, u32 nr_frcd)
{
	u64 cap = VTD_CAP_ND_64K | VTD_CAP_MGAW(address_width) |
		  VTD_CAP_ZLR | VTD_CAP_FRO | VTD_CAP_PSI |
		  VTD_CAP_NFR(nr_frcd) | VTD_CAP_MAMV(VTD_MAMV) |
		  VTD_CAP_DWD | VTD_CAP_DRD | VTD_CAP_SAGAW_39;

	if (address_width >= 48)
		cap |= VTD_CAP_SAGAW_48;
	if (!(flags & NYX_VTD_F_SMALL_PAGES))
		cap |= VTD_CAP_SLLPS_2M | VTD_CAP_SLLPS_1G;
	if (flags & NYX_VTD_F_CACHING_MODE)
		cap |= VTD_CAP_CM;
	if (flags & NYX_VTD_F_POSTED)
		cap |= VTD_CAP_PI;
	return cap;
}

static u64 extended_capability(u32 flags)
{
	u64 ecap = VTD_ECAP_C | VTD_ECAP_QI | VTD_ECAP_IR | VTD_ECAP_PT |
		   VTD_ECAP_SC | VTD_ECAP_IRO | VTD_ECAP_MHMV;

	if (!(flags & NYX_VTD_F_XAPIC))
		ecap |= VTD_ECAP_EIM;
	return ecap;
}

static unsigned int make_registers(struct vtd_cfg *cfg, u32 address_width, u32 flags)
{
	unsigned int n = ARRAY_SIZE(vtd_defs), i;

	static_assert(ARRAY_SIZE(vtd_defs) == REG_FRCD);
	memcpy(cfg->reg, vtd_defs, sizeof(vtd_defs));
	cfg->reg[REG_VER].reset = VTD_VER_1_0;
	cfg->reg[REG_CAP].reset = capability(address_width, flags, cfg->nr_frcd);
	cfg->reg[REG_ECAP].reset = extended_capability(flags);
	cfg->reg[REG_FECTL].reset = VTD_CTL_IM;
	cfg->reg[REG_IECTL].reset = VTD_CTL_IM;
	if (flags & NYX_VTD_F_XAPIC)
		cfg->reg[REG_IRTA].rw &= ~VTD_IRTA_EIME;
	for (i = 0; i < 2 * cfg->nr_frcd; i++) {
		cfg->reg[n++] = (struct reg_def) {
			.offset = VTD_FRCD + 8 * i,
			.size = 8,
			.index = REG_FRCD + i,
			.w1c = i % 2 ? VTD_FRCD_F : 0,
			.hw = i % 2 ? VTD_FRCD_FR | VTD_FRCD_SID | VTD_FRCD_T1_READ :
				      VTD_FRCD_FI_ADDR,
			.name = frcd_name[i],
			.bits = i % 2 ? frcd_high_bits : frcd_bits,
			.nr_bits = i % 2 ? ARRAY_SIZE(frcd_high_bits) :
					   ARRAY_SIZE(frcd_bits),
		};
	}
	return n;
}

#define FIELD(_id, _name, _member, _change)				\
	{								\
		.id = STATE_FIELD + (_id), .name = (_name),		\
		.offset = offsetof(struct vtd_arch, _member),		\
		.size = sizeof_field(struct vtd_arch, _member),		\
		.count = 1, .change = (_change), .max = U64_MAX,	\
	}

/* make_fields() adds what capabilities bring. */
static const struct state_field vtd_fields[] = {
	FIELD(0, "status_in_effect", status, VTD_GSTS_ALL),
	FIELD(1, "root_latched", root, 0),
	FIELD(2, "irta_latched", irta, 0),
	FIELD(3, "next_frcd", next_frcd, U32_MAX),
};

static void make_fields(struct vtd_cfg *cfg)
{
	static_assert(ARRAY_SIZE(vtd_fields) == VTD_NR_FIELDS);
	memcpy(cfg->field, vtd_fields, sizeof(vtd_fields));
	cfg->field[1].change = cfg->reg[REG_RTADDR].rw;
	cfg->field[2].change = cfg->reg[REG_IRTA].rw;
	cfg->field[3].max = cfg->nr_frcd - 1;
}

/* Does FSTS say truly whether there is a record, and name one that exists as the oldest? */
static bool fsts_is_true(const struct vtd_cfg *cfg, const struct vtd_arch *arch)
{
	u64 fsts = arch->reg[REG_FSTS];
	bool any = false;
	unsigned int i;

	for (i = 0; i < cfg->nr_frcd; i++)
		any |= !!(arch->reg[REG_FRCD + 2 * i + 1] & VTD_FRCD_F);
	return any == !!(fsts & VTD_FSTS_PPF) &&
	       FIELD_GET(VTD_FSTS_FRI, fsts) < cfg->nr_frcd;
}

/* Check that no command is under way, as in each saved state, and that FSTS is true. */
static const char *vtd_check(const struct state_desc *desc, const void *_arch)
{
	const struct vtd_cfg *cfg = container_of(desc, struct vtd_cfg, state);
	const struct vtd_arch *arch = _arch;

	if (arch->reg[REG_GSTS] != arch->status)
		return "GSTS";
	if (arch->reg[REG_CCMD] & VTD_CCMD_ICC)
		return "CCMD";
	if (arch->reg[REG_IOTLB] & VTD_IOTLB_IVT)
		return "IOTLB";
	return fsts_is_true(cfg, arch) ? NULL : "FSTS";
}

void vtd_cfg_init(struct vtd_cfg *cfg, u32 address_width, u32 flags, u32 nr_frcd)
{
	static_assert(offsetof(struct vtd_arch, reg) == 0);
	cfg->nr_frcd = nr_frcd;
	cfg->shape = (struct vtd_shape) {
		.haw = NYX_GPA_LG2,
		.sagaw = address_width >= 48 ? BIT(1) | BIT(2) : BIT(1),
		.mgaw = address_width,
		.pass_through = true,
		.posted = flags & NYX_VTD_F_POSTED,
	};
	cfg->page_sizes = flags & NYX_VTD_F_SMALL_PAGES ? NYX_PAGE_SIZE : 0;
	cfg->state = (struct state_desc) {
		.model = NYX_MODEL_VTD,
		.size = sizeof(struct vtd_arch),
		.reg = cfg->reg,
		.nr_regs = make_registers(cfg, address_width, flags),
		.field = cfg->field,
		.nr_fields = VTD_NR_FIELDS,
		.check = vtd_check,
	};
	make_fields(cfg);
}

NYX_EXPORT_FOR_TEST(vtd_cfg_init);
