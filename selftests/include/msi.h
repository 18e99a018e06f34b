/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: messages of interrupts, put together and taken apart.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Written from the VT-d specification (5.1.2.1, 5.1.2.2, 9.11) and from what KVM
 * takes as an MSI, without a look at the module.
 */
#ifndef NYX_SELFTESTS_MSI_H
#define NYX_SELFTESTS_MSI_H

#include <stdbool.h>

#include <linux/nyx_iommu.h>

#define MSI_BASE	0xfee00000ull
#define MSI_NO_INDEX	0xffffffffu

/**
 * struct msi - a message
 * @address: where a device writes
 * @data: what it writes
 */
struct msi {
	__u64 address;
	__u32 data;
};

/* Remappable format; with @shv the data is @sub. */
static inline struct msi msi_remappable(__u32 handle, bool shv, __u32 sub)
{
	struct msi m = {
		.address = MSI_BASE | (__u64)(handle & 0x7fff) << 5 | 1 << 4 |
			   (shv ? 1 << 3 : 0) | ((handle >> 15) & 1) << 2,
		.data = shv ? sub : 0,
	};

	return m;
}

/* The usual one for an entry: no sub-handle. */
static inline struct msi msi_index(__u32 index)
{
	return msi_remappable(index, false, 0);
}

/**
 * struct msi_fields - what a processor sees
 * @dest: destination
 * @vector: vector
 * @delivery: of enum nyx_delivery
 * @flags: NYX_IRTE_F_LOGICAL, _LEVEL, _HINT
 */
struct msi_fields {
	__u32 dest;
	__u8 vector;
	__u8 delivery;
	__u32 flags;
};

/* Compatibility format. */
static inline struct msi msi_compat(const struct msi_fields *f)
{
	struct msi m = {
		.address = MSI_BASE | (f->dest & 0xff) << 12 |
			   (f->flags & NYX_IRTE_F_HINT ? 1 << 3 : 0) |
			   (f->flags & NYX_IRTE_F_LOGICAL ? 1 << 2 : 0),
		.data = f->vector | f->delivery << 8 |
			(f->flags & NYX_IRTE_F_LEVEL ? 3 << 14 : 0),
	};

	return m;
}

/*
 * As KVM reads a message with 32-bit destinations: bits 31:8 of the destination
 * are in bits 63:40 of the address. False if anything else is set.
 */
static inline bool msi_decode(__u64 address, __u32 data, struct msi_fields *f)
{
	f->dest = ((address >> 12) & 0xff) | (__u32)(address >> 32 & 0xffffff00u);
	f->vector = data & 0xff;
	f->delivery = data >> 8 & 7;
	f->flags = 0;
	if (address & (1 << 3))
		f->flags |= NYX_IRTE_F_HINT;
	if (address & (1 << 2))
		f->flags |= NYX_IRTE_F_LOGICAL;
	if (data & (1 << 15))
		f->flags |= NYX_IRTE_F_LEVEL;
	if ((address & 0xff00000000ull) || (address & 0xfff00000ull) != MSI_BASE ||
	    (address & 0xff3))
		return false;
	/* Bit 14 is the level, which is asserted or of no meaning. */
	return !(data & ~0xc7ffu);
}

/**
 * struct pi_desc - posted-interrupt descriptor (9.11)
 * @pir: bit of each vector that is pending
 * @control: bit 0 outstanding notification, bit 1 suppress notification
 * @nv: notification vector
 * @rsvd1: 0
 * @ndst: notification destination
 * @rsvd2: 0
 */
struct pi_desc {
	__u32 pir[8];
	__u16 control;
	__u8 nv;
	__u8 rsvd1;
	__u32 ndst;
	__u32 rsvd2[6];
};

#define PI_ON	(1u << 0)
#define PI_SN	(1u << 1)

#endif /* NYX_SELFTESTS_MSI_H */
