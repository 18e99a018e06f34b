/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: Intel VT-d: registers and structures in memory.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Intel Virtualization Technology for Directed I/O, architecture specification,
 * revision 4.1: chapter 9 (structures), 6.5 (invalidation queue), 11
 * (registers). Little endian. Legacy mode; what belongs to scalable mode only
 * is not here.
 */
#ifndef NYX_VIOMMU_VTD_REGS_H
#define NYX_VIOMMU_VTD_REGS_H

#include <linux/bits.h>

#define VTD_PAGE_SIZE		0x1000u

/* ---- registers (11.4): offsets ------------------------------------------ */

#define VTD_VER			0x000
#define VTD_CAP			0x008
#define VTD_ECAP		0x010
#define VTD_GCMD		0x018
#define VTD_GSTS		0x01c
#define VTD_RTADDR		0x020
#define VTD_CCMD		0x028
#define VTD_FSTS		0x034
#define VTD_FECTL		0x038
#define VTD_FEDATA		0x03c
#define VTD_FEADDR		0x040
#define VTD_FEUADDR		0x044
#define VTD_IQH			0x080
#define VTD_IQT			0x088
#define VTD_IQA			0x090
#define VTD_ICS			0x09c
#define VTD_IECTL		0x0a0
#define VTD_IEDATA		0x0a4
#define VTD_IEADDR		0x0a8
#define VTD_IEUADDR		0x0ac
#define VTD_IQERCD		0x0b0
#define VTD_IRTA		0x0b8
#define VTD_IVA			0x0f0	/* ECAP.IRO * 16 */
#define VTD_IOTLB		0x0f8
#define VTD_FRCD		0x220	/* CAP.FRO * 16 */

#define VTD_FRCD_MAX		8u	/* fault recording registers */

/* ---- registers: fields -------------------------------------------------- */

#define VTD_VER_1_0		0x10

#define VTD_CAP_ND_64K		6ull
#define VTD_CAP_CM		BIT_ULL(7)
#define VTD_CAP_SAGAW_39	BIT_ULL(9)
#define VTD_CAP_SAGAW_48	BIT_ULL(10)
#define VTD_CAP_MGAW(width)	((u64)((width) - 1) << 16)
#define VTD_CAP_ZLR		BIT_ULL(22)
#define VTD_CAP_FRO		((u64)(VTD_FRCD / 16) << 24)
#define VTD_CAP_SLLPS_2M	BIT_ULL(34)
#define VTD_CAP_SLLPS_1G	BIT_ULL(35)
#define VTD_CAP_PSI		BIT_ULL(39)
#define VTD_CAP_NFR(nr)		((u64)((nr) - 1) << 40)
#define VTD_CAP_MAMV(bits)	((u64)(bits) << 48)
#define VTD_CAP_DWD		BIT_ULL(54)
#define VTD_CAP_DRD		BIT_ULL(55)
#define VTD_CAP_PI		BIT_ULL(59)

#define VTD_MAMV		18u	/* largest address mask: 1 GiB */

#define VTD_ECAP_C		BIT_ULL(0)
#define VTD_ECAP_QI		BIT_ULL(1)
#define VTD_ECAP_IR		BIT_ULL(3)
#define VTD_ECAP_EIM		BIT_ULL(4)
#define VTD_ECAP_PT		BIT_ULL(6)
#define VTD_ECAP_SC		BIT_ULL(7)
#define VTD_ECAP_IRO		((u64)(VTD_IVA / 16) << 8)
#define VTD_ECAP_MHMV		(0xfull << 20)

#define VTD_GCMD_TE		BIT_ULL(31)
#define VTD_GCMD_SRTP		BIT_ULL(30)
#define VTD_GCMD_QIE		BIT_ULL(26)
#define VTD_GCMD_IRE		BIT_ULL(25)
#define VTD_GCMD_SIRTP		BIT_ULL(24)
#define VTD_GCMD_CFI		BIT_ULL(23)

#define VTD_GSTS_TES		VTD_GCMD_TE
#define VTD_GSTS_RTPS		VTD_GCMD_SRTP
#define VTD_GSTS_QIES		VTD_GCMD_QIE
#define VTD_GSTS_IRES		VTD_GCMD_IRE
#define VTD_GSTS_IRTPS		VTD_GCMD_SIRTP
#define VTD_GSTS_CFIS		VTD_GCMD_CFI
#define VTD_GSTS_ALL		(VTD_GSTS_TES | VTD_GSTS_RTPS | VTD_GSTS_QIES | \
				 VTD_GSTS_IRES | VTD_GSTS_IRTPS | VTD_GSTS_CFIS)

#define VTD_RTADDR_ADDR		GENMASK_ULL(63, 12)
#define VTD_RTADDR_TTM		GENMASK_ULL(11, 10)

#define VTD_CCMD_ICC		BIT_ULL(63)
#define VTD_CCMD_CIRG		GENMASK_ULL(62, 61)
#define VTD_CCMD_CAIG		GENMASK_ULL(60, 59)
#define VTD_CCMD_FM		GENMASK_ULL(33, 32)
#define VTD_CCMD_SID		GENMASK_ULL(31, 16)
#define VTD_CCMD_DID		GENMASK_ULL(15, 0)

#define VTD_FSTS_PFO		BIT_ULL(0)
#define VTD_FSTS_PPF		BIT_ULL(1)
#define VTD_FSTS_IQE		BIT_ULL(4)
#define VTD_FSTS_ICE		BIT_ULL(5)
#define VTD_FSTS_ITE		BIT_ULL(6)
#define VTD_FSTS_FRI		GENMASK_ULL(15, 8)

#define VTD_CTL_IM		BIT_ULL(31)	/* FECTL, IECTL */
#define VTD_CTL_IP		BIT_ULL(30)

#define VTD_IQ_OFFSET		GENMASK_ULL(18, 4)	/* IQH, IQT */
#define VTD_IQA_ADDR		GENMASK_ULL(63, 12)
#define VTD_IQA_DW		BIT_ULL(11)
#define VTD_IQA_QS		GENMASK_ULL(2, 0)

#define VTD_ICS_IWC		BIT_ULL(0)

#define VTD_IQERCD_IQEI		GENMASK_ULL(3, 0)

#define VTD_IRTA_ADDR		GENMASK_ULL(63, 12)
#define VTD_IRTA_EIME		BIT_ULL(11)
#define VTD_IRTA_S		GENMASK_ULL(3, 0)

#define VTD_IVA_ADDR		GENMASK_ULL(63, 12)
#define VTD_IVA_IH		BIT_ULL(6)
#define VTD_IVA_AM		GENMASK_ULL(5, 0)

#define VTD_IOTLB_IVT		BIT_ULL(63)
#define VTD_IOTLB_IIRG		GENMASK_ULL(61, 60)
#define VTD_IOTLB_IAIG		GENMASK_ULL(58, 57)
#define VTD_IOTLB_DID		GENMASK_ULL(47, 32)

/* Granularities of register- and queue-based invalidations: 6.5.1.1, 6.5.2 */
enum vtd_granularity {
	VTD_GLOBAL = 1,
	VTD_DOMAIN = 2,
	VTD_DEVICE = 3,		/* context cache */
	VTD_PAGE = 3,		/* IOTLB */
};

/* ---- fault recording register (11.4.14) --------------------------------- */

#define VTD_FRCD_FI_ADDR	GENMASK_ULL(63, 12)	/* low half */
#define VTD_FRCD_FI_INDEX	GENMASK_ULL(63, 48)	/* of an interrupt */
#define VTD_FRCD_SID		GENMASK_ULL(15, 0)	/* high half */
#define VTD_FRCD_FR		GENMASK_ULL(39, 32)
#define VTD_FRCD_T1_READ	BIT_ULL(62)
#define VTD_FRCD_F		BIT_ULL(63)

/* Fault reasons: 7.1.3 (DMA), 5.1.4.1 (interrupts) */
enum vtd_reason {
	VTD_OK			= 0x00,
	VTD_ROOT_NOT_PRESENT	= 0x01,
	VTD_CTX_NOT_PRESENT	= 0x02,
	VTD_CTX_INVALID		= 0x03,
	VTD_ADDR_BEYOND		= 0x04,
	VTD_WRITE_DENIED	= 0x05,
	VTD_READ_DENIED		= 0x06,
	VTD_TABLE_ACCESS	= 0x07,
	VTD_ROOT_ACCESS		= 0x08,
	VTD_CTX_ACCESS		= 0x09,
	VTD_ROOT_RESERVED	= 0x0a,
	VTD_CTX_RESERVED	= 0x0b,
	VTD_PTE_RESERVED	= 0x0c,
	VTD_OUT_IN_IRQ_RANGE	= 0x0e,
	VTD_TABLE_TYPE		= 0x33,
	VTD_IR_REQ_RESERVED	= 0x20,
	VTD_IR_INDEX_BEYOND	= 0x21,
	VTD_IR_NOT_PRESENT	= 0x22,
	VTD_IR_ACCESS		= 0x23,
	VTD_IR_RESERVED		= 0x24,
	VTD_IR_COMPAT_BLOCKED	= 0x25,
	VTD_IR_SOURCE		= 0x26,
	VTD_IR_PID_ACCESS	= 0x27,
	VTD_IR_PID_RESERVED	= 0x28,
};

/* ---- root and context entries (9.1, 9.3) -------------------------------- */

#define VTD_ENTRY_SIZE		16u	/* of both; a table has 256 */

#define VTD_ROOT_P		BIT_ULL(0)
#define VTD_ROOT_CTP		GENMASK_ULL(63, 12)
#define VTD_ROOT_RESERVED_LO	GENMASK_ULL(11, 1)

#define VTD_CTX_P		BIT_ULL(0)
#define VTD_CTX_FPD		BIT_ULL(1)
#define VTD_CTX_TT		GENMASK_ULL(3, 2)
#define VTD_CTX_SLPTPTR		GENMASK_ULL(63, 12)
#define VTD_CTX_RESERVED_LO	GENMASK_ULL(11, 4)
#define VTD_CTX_AW		GENMASK_ULL(2, 0)	/* high half */
#define VTD_CTX_DID		GENMASK_ULL(23, 8)
#define VTD_CTX_RESERVED_HI	(BIT_ULL(7) | GENMASK_ULL(63, 24))

enum vtd_translation_type {
	VTD_TT_TABLE = 0,
	VTD_TT_TABLE_ATS = 1,
	VTD_TT_PASS = 2,
};

/* ---- interrupt remapping table entry (9.9, 9.10) ------------------------ */

#define VTD_IRTE_P		BIT_ULL(0)
#define VTD_IRTE_FPD		BIT_ULL(1)
#define VTD_IRTE_DM		BIT_ULL(2)
#define VTD_IRTE_RH		BIT_ULL(3)
#define VTD_IRTE_TM		BIT_ULL(4)
#define VTD_IRTE_DLM		GENMASK_ULL(7, 5)
#define VTD_IRTE_URG		BIT_ULL(14)
#define VTD_IRTE_IM		BIT_ULL(15)
#define VTD_IRTE_VECTOR		GENMASK_ULL(23, 16)
#define VTD_IRTE_DEST		GENMASK_ULL(63, 32)
#define VTD_IRTE_DEST_XAPIC	GENMASK_ULL(47, 40)
#define VTD_IRTE_PDA_LOW	GENMASK_ULL(63, 38)	/* bits 31:6 */
#define VTD_IRTE_RESERVED	(GENMASK_ULL(14, 12) | GENMASK_ULL(31, 24))
#define VTD_IRTE_RESERVED_POST	(GENMASK_ULL(7, 2) | GENMASK_ULL(13, 12) | \
				 GENMASK_ULL(37, 24))
#define VTD_IRTE_SID		GENMASK_ULL(15, 0)	/* high half */
#define VTD_IRTE_SQ		GENMASK_ULL(17, 16)
#define VTD_IRTE_SVT		GENMASK_ULL(19, 18)
#define VTD_IRTE_RESERVED_HI	GENMASK_ULL(63, 20)
#define VTD_IRTE_PDA_HIGH	GENMASK_ULL(63, 32)	/* bits 63:32 */
#define VTD_IRTE_RESERVED_HI_POST GENMASK_ULL(31, 20)

/* ---- invalidation descriptors (6.5.2) ----------------------------------- */

#define VTD_DESC_SIZE		16u

enum vtd_desc_type {
	VTD_DESC_CONTEXT	= 1,
	VTD_DESC_IOTLB		= 2,
	VTD_DESC_DEVICE_TLB	= 3,
	VTD_DESC_IEC		= 4,
	VTD_DESC_WAIT		= 5,
};

#define VTD_DESC_TYPE		GENMASK_ULL(3, 0)
#define VTD_DESC_TYPE_HIGH	GENMASK_ULL(11, 9)
#define VTD_DESC_G		GENMASK_ULL(5, 4)
#define VTD_DESC_DID		GENMASK_ULL(31, 16)
#define VTD_DESC_CC_SID		GENMASK_ULL(47, 32)
#define VTD_DESC_CC_FM		GENMASK_ULL(49, 48)
#define VTD_DESC_CC_RESERVED	0xfffc00000000f1c0ull
#define VTD_DESC_IOTLB_RESERVED	0xffffffff0000f100ull
#define VTD_DESC_IOTLB_ADDR	GENMASK_ULL(63, 12)	/* second word */
#define VTD_DESC_IOTLB_AM	GENMASK_ULL(5, 0)
#define VTD_DESC_IOTLB_RESERVED2 GENMASK_ULL(11, 7)
#define VTD_DESC_DEV_RESERVED	0x000f0000ffe001f0ull
#define VTD_DESC_DEV_RESERVED2	GENMASK_ULL(11, 1)
#define VTD_DESC_IEC_G		BIT_ULL(4)
#define VTD_DESC_IEC_IM		GENMASK_ULL(31, 27)
#define VTD_DESC_IEC_INDEX	GENMASK_ULL(47, 32)
#define VTD_DESC_IEC_RESERVED	0xffff000007fff1e0ull
#define VTD_DESC_WAIT_IF	BIT_ULL(4)
#define VTD_DESC_WAIT_SW	BIT_ULL(5)
#define VTD_DESC_WAIT_DATA	GENMASK_ULL(63, 32)
#define VTD_DESC_WAIT_RESERVED	0xfffff180ull
#define VTD_DESC_WAIT_ADDR	GENMASK_ULL(63, 2)	/* second word */

/* Why the queue stopped: IQERCD.IQEI */
enum vtd_queue_error {
	VTD_IQE_NONE		= 0,
	VTD_IQE_TAIL		= 1,
	VTD_IQE_FETCH		= 2,
	VTD_IQE_TYPE		= 3,
	VTD_IQE_RESERVED	= 4,
	VTD_IQE_WIDTH		= 5,
	VTD_IQE_TABLE_TYPE	= 7,
};

#endif /* NYX_VIOMMU_VTD_REGS_H */
