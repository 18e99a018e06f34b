/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: a guest with a VT-d unit, and the driver in it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Registers, entries and descriptors are numbers of the VT-d specification,
 * written out here once more: nothing is taken from the module's headers.
 */
#ifndef NYX_SELFTESTS_VTD_GUEST_H
#define NYX_SELFTESTS_VTD_GUEST_H

#include "guest.h"

/* Registers. */
#define VER	0x000
#define CAP	0x008
#define ECAP	0x010
#define GCMD	0x018
#define GSTS	0x01c
#define RTADDR	0x020
#define CCMD	0x028
#define FSTS	0x034
#define FECTL	0x038
#define FEDATA	0x03c
#define FEADDR	0x040
#define FEUADDR	0x044
#define IQH	0x080
#define IQT	0x088
#define IQA	0x090
#define ICS	0x09c
#define IECTL	0x0a0
#define IEDATA	0x0a4
#define IEADDR	0x0a8
#define IEUADDR	0x0ac
#define IQERCD	0x0b0
#define IRTA	0x0b8
#define IVA	0x0f0
#define IOTLB	0x0f8
#define FRCD(n)	(0x220 + 16 * (n))

/* Global commands, and what they become in the status. */
#define G_TE	0x80000000u
#define G_RTP	0x40000000u
#define G_QIE	0x04000000u
#define G_IRE	0x02000000u
#define G_IRTP	0x01000000u
#define G_CFI	0x00800000u

#define F_PFO	0x01u
#define F_PPF	0x02u
#define F_IQE	0x10u
#define F_ITE	0x40u
#define IM	0x80000000u
#define IP	0x40000000u

/* Descriptors. */
#define CC_GLOBAL		0x11ull
#define CC_DOMAIN(did)		(0x21ull | (__u64)(did) << 16)
#define CC_DEVICE(did, sid, fm)	(0x31ull | (__u64)(did) << 16 | (__u64)(sid) << 32 | \
				 (__u64)(fm) << 48)
#define IOTLB_GLOBAL		0xd2ull
#define IOTLB_DOMAIN(did)	(0xe2ull | (__u64)(did) << 16)
#define IOTLB_PAGE(did)		(0xf2ull | (__u64)(did) << 16)
#define IEC_GLOBAL		0x04ull
#define IEC_INDEX(index, im)	(0x14ull | (__u64)(im) << 27 | (__u64)(index) << 32)
#define WAIT_SW			0x25ull
#define WAIT_IF			0x15ull
#define WAIT_FN			0x40ull

/* Second-level entries. */
#define PTE_R	0x1ull
#define PTE_W	0x2ull
#define PTE_RW	0x3ull
#define PTE_PS	0x80ull
#define PTE_SNP	0x800ull

/* Where the guest has its things, beside those of guest.h. */
#define AT_ROOT		0x11000ull
#define AT_CTX		0x12000ull	/* of bus 0; others are made */
#define AT_STATUS	0x13000ull	/* of wait descriptors */
#define AT_QUEUE	0x100000ull	/* up to 512 KiB */
#define AT_IRT		0x200000ull	/* 1 MiB */

/**
 * struct guest_opts - what kind of unit; zero is the default of each
 * @flags: of enum nyx_vtd_flags
 * @faults: fault records
 * @width: of addresses
 * @iotlb: entries, or ENV_IOTLB_OFF
 * @view_timeout_ms: of the unit
 */
struct guest_opts {
	__u32 flags;
	__u32 faults;
	__u32 width;
	__u32 iotlb;
	__u32 view_timeout_ms;
};

/* The unit, with DEV and its kin added, and a policy that never intervenes. */
void guest_open_opts(struct guest *g, const struct guest_opts *o);
#define guest_open(g, ...) \
	guest_open_opts(g, &(struct guest_opts){ __VA_ARGS__ })

/* ---- registers ---- */

/* One global command, and its status. */
void command(struct guest *g, __u32 set, __u32 clear);

/* ---- memory ---- */

void set_context(struct guest *g, __u32 sbdf, __u64 lo, __u64 hi);
void set_irte(struct guest *g, unsigned int index, __u64 lo, __u64 hi);

/* Enters @leaf into the table at @root; levels between are made. */
void set_pte(struct guest *g, __u64 root, unsigned int levels, __u64 iova,
	     unsigned int leaf_level, __u64 leaf);
/* The word of the entry at a level; the levels above are there. */
__u64 *pte(struct guest *g, __u64 root, unsigned int levels, __u64 iova, unsigned int level);

/* A table for DEV, domain DID, of so many levels. */
__u64 attach(struct guest *g, __u32 sbdf, unsigned int did, unsigned int levels);

/* ---- the queue ---- */

void queue_on(struct guest *g, unsigned int qs);
void put(struct guest *g, __u64 lo, __u64 hi);
void submit(struct guest *g);	/* tells the unit of it */
void settle(struct guest *g);	/* with a wait descriptor, and checks that all is done */
/* One descriptor, waited for. */
void invalidate(struct guest *g, __u64 lo, __u64 hi);

/* ---- as the driver starts ---- */

#define BOOT_QUEUE	1u
#define BOOT_IRQ	2u
#define BOOT_XAPIC	4u	/* with BOOT_IRQ: 8-bit destinations */
#define BOOT_DMA	8u
#define BOOT_ALL	(BOOT_QUEUE | BOOT_IRQ | BOOT_DMA)

void boot(struct guest *g, unsigned int what);

/* ---- what devices do ---- */

/* The message of entry @handle, with a subhandle. */
__u64 msi_address(unsigned int handle);

/* ---- faults ---- */

/**
 * struct record - a fault record
 * @lo: its low word
 * @sid: requester
 * @reason: fault reason
 * @read: T1
 */
struct record {
	__u64 lo;
	__u16 sid;
	__u8 reason;
	bool read;
};

/* Takes the oldest record as the driver does; there must be one. */
void take_record(struct guest *g, struct record *r);
/* There is exactly one, this. */
void expect_record(struct guest *g, __u32 sbdf, __u8 reason, bool read, __u64 lo);
void expect_no_record(struct guest *g);

/* An access is refused, for this reason. */
void refused(struct guest *g, __u32 sbdf, bool read, __u64 iova, __u8 reason);
/* A message is, with this index. */
void msi_refused(struct guest *g, __u32 sbdf, __u64 address, __u32 data, __u8 reason,
		 unsigned int index);

#endif /* NYX_SELFTESTS_VTD_GUEST_H */
