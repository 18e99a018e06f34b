/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: a guest with an AMD-Vi unit, and the driver in it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Registers, entries and commands are numbers of the AMD IOMMU specification,
 * written out here once more: nothing is taken from the module's headers.
 */
#ifndef NYX_SELFTESTS_AMDVI_GUEST_H
#define NYX_SELFTESTS_AMDVI_GUEST_H

#include "guest.h"

/* Registers. */
#define DEVTAB		0x0000
#define CMDBASE		0x0008
#define EVTBASE		0x0010
#define CONTROL		0x0018
#define EXCLBASE	0x0020
#define EXCLLIMIT	0x0028
#define EFR		0x0030
#define GABASE		0x00e0
#define GATAILADDR	0x00e8
#define SEGMENT(n)	(0x0100 + 8 * ((n) - 1))
#define XTGENERAL	0x0170
#define XTPPR		0x0178
#define XTGA		0x0180
#define EFR2		0x01a0
#define CMDHEAD		0x2000
#define CMDTAIL		0x2008
#define EVTHEAD		0x2010
#define EVTTAIL		0x2018
#define STATUS		0x2020
#define GAHEAD		0x2040
#define GATAIL		0x2048

#define EFR_DEFAULT	0x8c4ull

#define C_IOMMU		BIT(0)
#define C_EVT		BIT(2)
#define C_EVTINT	BIT(3)
#define C_WAITINT	BIT(4)
#define C_CMD		BIT(12)
#define C_GA		BIT(17)
#define C_GAM		BIT(25)
#define C_GALOG		BIT(28)
#define C_GAINT		BIT(29)
#define C_SEGMENTS(n)	((__u64)(n) << 34)
#define C_XT		BIT(50)
#define C_INTCAPXT	BIT(51)

#define S_EVTOVERFLOW	0x001u
#define S_EVTINT	0x002u
#define S_WAITINT	0x004u
#define S_EVTRUN	0x008u
#define S_CMDRUN	0x010u
#define S_GARUN		0x100u
#define S_GAOVERFLOW	0x200u
#define S_GAINT		0x400u

/* Device table entries: words 0, 1, 2. */
#define D_V		BIT(0)
#define D_TV		BIT(1)
#define D_MODE(n)	((__u64)(n) << 9)
#define D_IR		BIT(61)
#define D_IW		BIT(62)
#define D_RW		(D_IR | D_IW)
#define D1_SE		BIT(33)
#define D1_SA		BIT(34)
#define D1_EX		BIT(39)
#define D2_IV		BIT(0)
#define D2_LEN(n)	((__u64)(n) << 1)
#define D2_IG		BIT(5)
#define D2_INIT		BIT(56)
#define D2_EXTINT	BIT(57)
#define D2_NMI		BIT(58)
#define D2_CTL(n)	((__u64)(n) << 60)

/* Page table entries. */
#define P_PR		BIT(0)
#define P_NL(n)		((__u64)(n) << 9)
#define P_FC		BIT(60)
#define P_IR		BIT(61)
#define P_IW		BIT(62)
#define P_RW		(P_PR | P_FC | P_IR | P_IW)	/* a page */
#define P_TABLE		(P_PR | P_IR | P_IW)

/* Commands: the low word. */
#define CMD_WAIT(addr)		(1ull << 60 | 1 | (addr))
#define CMD_WAIT_INT		(1ull << 60 | 2)
#define CMD_DTE(rid)		(2ull << 60 | (__u16)(rid))
#define CMD_PAGES(did)		(3ull << 60 | (__u64)(did) << 32)
#define CMD_IOTLB(rid)		(4ull << 60 | (__u16)(rid))
#define CMD_IRT(rid)		(5ull << 60 | (__u16)(rid))
#define CMD_PREFETCH(rid)	(6ull << 60 | (__u16)(rid))
#define CMD_PPR			(7ull << 60)
#define CMD_ALL			(8ull << 60)
/* Of CMD_PAGES: all of the domain. */
#define PAGES_ALL		0x7ffffffffffff003ull

/* Events: code and flags. */
#define E_DTE		0x1000u
#define E_FAULT		0x2000u
#define E_DTE_HW	0x3000u
#define E_PTE_HW	0x4000u
#define E_CMD		0x5000u
#define E_CMD_HW	0x6000u
#define E_TIMEOUT	0x7000u
#define E_REQUEST	0x8000u
#define E_I		0x008u
#define E_PR		0x010u
#define E_RW		0x020u
#define E_PE		0x040u
#define E_RZ		0x080u
#define E_ABORT		0x200u	/* type 1: master abort */

/* Where the guest has its things, beside those of guest.h. */
#define AT_SEM		0x11000ull	/* of COMPLETION_WAIT */
#define AT_CMD		0x100000ull	/* 512 commands */
#define AT_EVT		0x110000ull	/* 512 events */
#define AT_GALOG	0x118000ull	/* 512 entries */
#define AT_IRTS		0x120000ull	/* 8 KiB each */
#define AT_DEVTAB	0x200000ull	/* 2 MiB */
#define CMD_SLOTS	512u

#define IOAPIC		0x00a0u

/**
 * struct guest_opts - what kind of unit; zero is the default of each
 * @flags: of enum nyx_amdvi_flags
 * @width: of addresses
 * @iotlb: entries, or ENV_IOTLB_OFF
 * @view_timeout_ms: of the unit
 */
struct guest_opts {
	__u32 flags;
	__u32 width;
	__u32 iotlb;
	__u32 view_timeout_ms;
};

/* The unit, with DEV and its kin and the IOAPIC. */
void guest_open_opts(struct guest *g, const struct guest_opts *o);
#define guest_open(g, ...) \
	guest_open_opts(g, &(struct guest_opts){ __VA_ARGS__ })

/* ---- registers ---- */

/* A change of CONTROL, as the driver does it. */
void control(struct guest *g, __u64 set, __u64 clear);

/* ---- memory ---- */

static inline __u64 *dte(struct guest *g, __u32 sbdf)
{
	return words(g, AT_DEVTAB) + 4 * (__u16)sbdf;
}

/* The table that @slot of a case is, for 512 entries of 128 bits. */
static inline __u64 irt_at(unsigned int slot)
{
	return AT_IRTS + slot * 0x2000ull;
}

/* Enters @leaf at a level, 1 or above, of the table at @root of so many. */
void set_pte(struct guest *g, __u64 root, unsigned int levels, __u64 iova,
	     unsigned int level, __u64 leaf);
/* The word of the entry at a level; those above are there. */
__u64 *pte(struct guest *g, __u64 root, unsigned int levels, __u64 iova, unsigned int level);

/* A table of so many levels for a device. The entry is written, not invalidated. */
__u64 attach(struct guest *g, __u32 sbdf, unsigned int did, unsigned int mode);

/* ---- commands ---- */

/* One command, and its own write of the tail, as the driver does it. */
void cmd(struct guest *g, __u64 lo, __u64 hi);
/* COMPLETION_WAIT; checks that all is done. */
void settle(struct guest *g);
/* One command, waited for. */
void invalidate(struct guest *g, __u64 lo, __u64 hi);

/* ---- as the driver starts ---- */

#define BOOT_XT		1u	/* 128-bit entries, 32-bit destinations */
#define BOOT_GA		2u	/* 128-bit entries */

/* Device table, commands and event log, all on. */
void boot(struct guest *g, unsigned int what);

/* ---- the event log ---- */

/**
 * struct log_event - an entry of the event log
 * @rid: requester
 * @did: domain
 * @code: code and flags
 * @address: address
 */
struct log_event {
	__u16 rid;
	__u16 did;
	__u16 code;
	__u64 address;
};

/* Takes the oldest event as the driver does; there must be one. */
void take_event(struct guest *g, struct log_event *e);
/* There is exactly one, this. */
void expect_event(struct guest *g, __u32 sbdf, __u16 did, __u16 code, __u64 address);
void expect_no_event(struct guest *g);

/* An access is refused, and that is logged; RW is added to @code. */
void refused(struct guest *g, __u32 sbdf, bool read, __u64 iova, __u16 did, __u16 code);
/* An access is refused, and that is not. */
void refused_quietly(struct guest *g, __u32 sbdf, bool read, __u64 iova);

#endif /* NYX_SELFTESTS_AMDVI_GUEST_H */
