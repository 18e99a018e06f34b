/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: AMD-Vi: registers and structures in memory.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * AMD I/O Virtualization Technology (IOMMU) specification, document 48882,
 * revision 3.10: sections 2.2 (device table, interrupt remapping table), 2.4
 * (commands), 2.5 (event log), 2.10 (guest virtual APIC), 3.4 (registers). Little
 * endian. Host page tables (v1) are in pt/fmt_amdv1.h; what belongs to guest
 * page tables (v2) and page requests only is not here.
 */
#ifndef NYX_VIOMMU_AMDVI_REGS_H
#define NYX_VIOMMU_AMDVI_REGS_H

#include <linux/bits.h>

#define AMDVI_PAGE_SIZE		0x1000u

/* ---- registers (3.4): offsets ------------------------------------------- */

#define AMDVI_DEV_TABLE		0x0000
#define AMDVI_CMD_BASE		0x0008
#define AMDVI_EVT_BASE		0x0010
#define AMDVI_CONTROL		0x0018
#define AMDVI_EXCL_BASE		0x0020
#define AMDVI_EXCL_LIMIT	0x0028
#define AMDVI_EFR		0x0030
#define AMDVI_GA_BASE		0x00e0
#define AMDVI_GA_TAIL_ADDR	0x00e8
#define AMDVI_SEGMENT		0x0100	/* of segment 1; a register for each */
#define AMDVI_XT_GENERAL	0x0170
#define AMDVI_XT_PPR		0x0178
#define AMDVI_XT_GA		0x0180
#define AMDVI_EFR2		0x01a0
#define AMDVI_CMD_HEAD		0x2000
#define AMDVI_CMD_TAIL		0x2008
#define AMDVI_EVT_HEAD		0x2010
#define AMDVI_EVT_TAIL		0x2018
#define AMDVI_STATUS		0x2020
#define AMDVI_GA_HEAD		0x2040
#define AMDVI_GA_TAIL		0x2048

#define AMDVI_WINDOW		0x4000u
#define AMDVI_SEGMENTS_LG2	3u

/* ---- registers: fields -------------------------------------------------- */

#define AMDVI_BASE_ADDR		GENMASK_ULL(51, 12)
#define AMDVI_DEV_TABLE_SIZE	GENMASK_ULL(8, 0)	/* pages - 1 */
#define AMDVI_RING_LEN		GENMASK_ULL(59, 56)	/* commands and logs */
#define AMDVI_RING_LEN_MIN	8u
#define AMDVI_RING_POINTER	GENMASK_ULL(18, 4)
#define AMDVI_GA_POINTER	GENMASK_ULL(18, 3)
#define AMDVI_GA_TAIL_ADDR_MASK	GENMASK_ULL(51, 3)

#define AMDVI_CTL_IOMMU		BIT_ULL(0)
#define AMDVI_CTL_HT_TUNNEL	BIT_ULL(1)
#define AMDVI_CTL_EVT_LOG	BIT_ULL(2)
#define AMDVI_CTL_EVT_INT	BIT_ULL(3)
#define AMDVI_CTL_WAIT_INT	BIT_ULL(4)
#define AMDVI_CTL_INV_TIMEOUT	GENMASK_ULL(7, 5)
#define AMDVI_CTL_PASS_PW	BIT_ULL(8)
#define AMDVI_CTL_RES_PASS_PW	BIT_ULL(9)
#define AMDVI_CTL_COHERENT	BIT_ULL(10)
#define AMDVI_CTL_ISOC		BIT_ULL(11)
#define AMDVI_CTL_CMD		BIT_ULL(12)
#define AMDVI_CTL_GA		BIT_ULL(17)	/* 128-bit IRTEs */
#define AMDVI_CTL_GAM		GENMASK_ULL(27, 25)
#define AMDVI_CTL_GA_LOG	BIT_ULL(28)
#define AMDVI_CTL_GA_INT	BIT_ULL(29)
#define AMDVI_CTL_SEGMENTS	GENMASK_ULL(36, 34)
#define AMDVI_CTL_XT		BIT_ULL(50)	/* 32-bit destinations */
#define AMDVI_CTL_INT_CAP_XT	BIT_ULL(51)

#define AMDVI_EFR_PREFETCH	BIT_ULL(0)
#define AMDVI_EFR_XT		BIT_ULL(2)
#define AMDVI_EFR_IA		BIT_ULL(6)
#define AMDVI_EFR_GA		BIT_ULL(7)
#define AMDVI_EFR_HATS(levels)	((u64)((levels) - 4) << 10)
#define AMDVI_EFR_GAM		BIT_ULL(21)
#define AMDVI_EFR_SEGMENTS	((u64)AMDVI_SEGMENTS_LG2 << 38)

#define AMDVI_EXCL_ENABLE	BIT_ULL(0)
#define AMDVI_EXCL_ALLOW	BIT_ULL(1)	/* all devices */

#define AMDVI_STS_EVT_OVERFLOW	BIT_ULL(0)
#define AMDVI_STS_EVT_INT	BIT_ULL(1)
#define AMDVI_STS_WAIT_INT	BIT_ULL(2)
#define AMDVI_STS_EVT_RUN	BIT_ULL(3)
#define AMDVI_STS_CMD_RUN	BIT_ULL(4)
#define AMDVI_STS_GA_RUN	BIT_ULL(8)
#define AMDVI_STS_GA_OVERFLOW	BIT_ULL(9)
#define AMDVI_STS_GA_INT	BIT_ULL(10)
#define AMDVI_STS_RUN		(AMDVI_STS_EVT_RUN | AMDVI_STS_CMD_RUN | \
				 AMDVI_STS_GA_RUN)

#define AMDVI_XT_LOGICAL	BIT_ULL(2)
#define AMDVI_XT_DEST_LOW	GENMASK_ULL(31, 8)
#define AMDVI_XT_VECTOR		GENMASK_ULL(39, 32)
#define AMDVI_XT_DELIVERY	BIT_ULL(40)
#define AMDVI_XT_DEST_HIGH	GENMASK_ULL(63, 56)

/* ---- device table entry (2.2.2.1): four words --------------------------- */

#define AMDVI_DTE_SIZE		32u

#define AMDVI_DTE_V		BIT_ULL(0)
#define AMDVI_DTE_TV		BIT_ULL(1)
#define AMDVI_DTE_MODE		GENMASK_ULL(11, 9)
#define AMDVI_DTE_ROOT		GENMASK_ULL(51, 12)
#define AMDVI_DTE_IR		BIT_ULL(61)
#define AMDVI_DTE_IW		BIT_ULL(62)
/* Includes A/D bits, page requests and guest page tables, which the unit does not have. */
#define AMDVI_DTE_RESERVED0	(GENMASK_ULL(8, 2) | GENMASK_ULL(60, 52) | \
				 BIT_ULL(63))
#define AMDVI_DTE_DOMAIN	GENMASK_ULL(15, 0)	/* second word */
#define AMDVI_DTE_SE		BIT_ULL(33)
#define AMDVI_DTE_SA		BIT_ULL(34)
#define AMDVI_DTE_EX		BIT_ULL(39)
#define AMDVI_DTE_RESERVED1	BIT_ULL(42)
#define AMDVI_DTE_IV		BIT_ULL(0)		/* third word */
#define AMDVI_DTE_INT_LEN	GENMASK_ULL(4, 1)
#define AMDVI_DTE_IG		BIT_ULL(5)
#define AMDVI_DTE_INT_ROOT	GENMASK_ULL(51, 6)
#define AMDVI_DTE_INIT		BIT_ULL(56)
#define AMDVI_DTE_EXTINT	BIT_ULL(57)
#define AMDVI_DTE_NMI		BIT_ULL(58)
#define AMDVI_DTE_INT_CTL	GENMASK_ULL(61, 60)
#define AMDVI_DTE_RESERVED2	GENMASK_ULL(55, 52)
#define AMDVI_DTE_RESERVED3	GENMASK_ULL(53, 0)	/* fourth word */

#define AMDVI_INT_LEN_MAX	11u	/* log2 of entries */

enum amdvi_int_ctl {
	AMDVI_INT_ABORT		= 0,
	AMDVI_INT_PASS		= 1,
	AMDVI_INT_REMAP		= 2,
	AMDVI_INT_RESERVED	= 3,
};

/* ---- host page tables (2.2.3): see pt/fmt_amdv1.h ------------------------ */

#define AMDVI_PTE_NEXT		GENMASK_ULL(11, 9)
#define AMDVI_PTE_NEXT_SIZED	7u
#define AMDVI_PTE_RESERVED	GENMASK_ULL(58, 52)
#define AMDVI_PDE_RESERVED	GENMASK_ULL(60, 52)

/* ---- interrupt remapping table entry (2.2.5.2) -------------------------- */

#define AMDVI_IRTE_REMAP	BIT_ULL(0)
#define AMDVI_IRTE_SUP_IOPF	BIT_ULL(1)
#define AMDVI_IRTE_TYPE		GENMASK_ULL(4, 2)
#define AMDVI_IRTE_DM		BIT_ULL(6)
#define AMDVI_IRTE_GUEST	BIT_ULL(7)

/* 32 bits: CONTROL.GAEn is 0 */
#define AMDVI_IRTE32_SIZE	4u
#define AMDVI_IRTE32_DEST	GENMASK_ULL(15, 8)
#define AMDVI_IRTE32_VECTOR	GENMASK_ULL(23, 16)
#define AMDVI_IRTE32_RESERVED	GENMASK_ULL(31, 24)

/* 128 bits */
#define AMDVI_IRTE128_SIZE	16u
#define AMDVI_IRTE128_DEST_LOW	GENMASK_ULL(31, 8)
#define AMDVI_IRTE128_DEST_XAPIC GENMASK_ULL(15, 8)
#define AMDVI_IRTE128_VECTOR	GENMASK_ULL(7, 0)	/* second word */
#define AMDVI_IRTE128_RESERVED	(GENMASK_ULL(11, 8) | GENMASK_ULL(55, 52))
#define AMDVI_IRTE128_DEST_HIGH	GENMASK_ULL(63, 56)

/* 128 bits, with GuestMode */
#define AMDVI_IRTEG_GA_LOG_INTR	BIT_ULL(2)
#define AMDVI_IRTEG_RESERVED	GENMASK_ULL(5, 3)
#define AMDVI_IRTEG_IS_RUN	BIT_ULL(6)
#define AMDVI_IRTEG_TAG		GENMASK_ULL(63, 32)
#define AMDVI_IRTEG_ROOT	GENMASK_ULL(51, 12)	/* second word */

/* The interrupt request registers in a virtual APIC's page */
#define AMDVI_VAPIC_IRR		0x200u	/* 32 bits each 16 bytes */

/* ---- commands (2.4) ----------------------------------------------------- */

#define AMDVI_CMD_SIZE		16u

enum amdvi_opcode {
	AMDVI_COMPLETION_WAIT		= 1,
	AMDVI_INVALIDATE_DEVTAB_ENTRY	= 2,
	AMDVI_INVALIDATE_IOMMU_PAGES	= 3,
	AMDVI_INVALIDATE_IOTLB_PAGES	= 4,
	AMDVI_INVALIDATE_INTERRUPT_TABLE = 5,
	AMDVI_PREFETCH_IOMMU_PAGES	= 6,
	AMDVI_COMPLETE_PPR_REQUEST	= 7,
	AMDVI_INVALIDATE_IOMMU_ALL	= 8,
};

#define AMDVI_CMD_OPCODE	GENMASK_ULL(63, 60)
#define AMDVI_CMD_DEVICE	GENMASK_ULL(15, 0)
#define AMDVI_CMD_DEVICE_RESERVED GENMASK_ULL(59, 16)
#define AMDVI_WAIT_STORE	BIT_ULL(0)
#define AMDVI_WAIT_INT		BIT_ULL(1)
#define AMDVI_WAIT_ADDR		GENMASK_ULL(51, 3)
#define AMDVI_WAIT_RESERVED	GENMASK_ULL(59, 52)
#define AMDVI_PAGES_DOMAIN	GENMASK_ULL(47, 32)
#define AMDVI_PAGES_RESERVED	(GENMASK_ULL(31, 0) | GENMASK_ULL(59, 48))
#define AMDVI_PAGES_S		BIT_ULL(0)		/* second word */
#define AMDVI_PAGES_GN		BIT_ULL(2)
#define AMDVI_PAGES_ADDR	GENMASK_ULL(63, 12)
#define AMDVI_PAGES_RESERVED2	GENMASK_ULL(11, 3)

/* ---- event log (2.5) ---------------------------------------------------- */

#define AMDVI_EVENT_SIZE	16u

/*
 * Upper half of the second doubleword of an event: a code and flags. The module calls this
 * the vendor's fault reason.
 */
#define AMDVI_EVENT_ILLEGAL_DTE		0x1000u
#define AMDVI_EVENT_PAGE_FAULT		0x2000u
#define AMDVI_EVENT_DTE_HARDWARE	0x3000u
#define AMDVI_EVENT_PTE_HARDWARE	0x4000u
#define AMDVI_EVENT_ILLEGAL_COMMAND	0x5000u
#define AMDVI_EVENT_COMMAND_HARDWARE	0x6000u
#define AMDVI_EVENT_IOTLB_TIMEOUT	0x7000u
#define AMDVI_EVENT_INVALID_REQUEST	0x8000u
#define AMDVI_EVENT_CODE		0xf000u

#define AMDVI_EVENT_I			0x008u	/* of an interrupt */
#define AMDVI_EVENT_PR			0x010u	/* present */
#define AMDVI_EVENT_RW			0x020u	/* a write */
#define AMDVI_EVENT_PE			0x040u	/* permission */
#define AMDVI_EVENT_RZ			0x080u	/* reserved bits */
#define AMDVI_EVENT_MASTER_ABORT	0x200u	/* type of a hardware error */
/* Type of an invalid request: 0: read in the range of interrupt messages */

/* ---- GA log (2.10) ------------------------------------------------------ */

#define AMDVI_GA_ENTRY_SIZE	8u
#define AMDVI_GA_ENTRY_GUEST	BIT_ULL(60)
#define AMDVI_GA_ENTRY_DEVICE	GENMASK_ULL(47, 32)

#endif /* NYX_VIOMMU_AMDVI_REGS_H */
