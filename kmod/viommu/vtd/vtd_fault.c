// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: Intel VT-d: fault recording, and the unit's own interrupts.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Sections 7.2 (recording), 7.3 (fault event), 6.5.2.8 (completion event).
 */
#include "viommu/vtd/vtd.h"

#include <linux/bitfield.h>
#include <linux/lockdep.h>

#define STATUS_BITS	(VTD_FSTS_PFO | VTD_FSTS_PPF | VTD_FSTS_IQE | \
			 VTD_FSTS_ICE | VTD_FSTS_ITE)

/* Four registers in a row: control, data, address, upper address. */
static void send(struct vtd *vtd, enum vtd_reg ctl)
{
	nyx_guest_msi(vtd->base.viommu.unit,
		      vtd->arch.reg[ctl + 3] << 32 | vtd->arch.reg[ctl + 2],
		      vtd->arch.reg[ctl + 1]);
}

/* Send an interrupt at once, or leave it pending while it is masked. */
static void raise(struct vtd *vtd, enum vtd_reg ctl)
{
	if (vtd->arch.reg[ctl] & VTD_CTL_IM)
		vtd->arch.reg[ctl] |= VTD_CTL_IP;
	else
		send(vtd, ctl);
}

static void unmasked(struct vtd *vtd, enum vtd_reg ctl)
{
	if ((vtd->arch.reg[ctl] & VTD_CTL_IP) && !(vtd->arch.reg[ctl] & VTD_CTL_IM)) {
		vtd->arch.reg[ctl] &= ~VTD_CTL_IP;
		send(vtd, ctl);
	}
}

void vtd_fault_status(struct vtd *vtd, u64 bit)
{
	u64 before = vtd->arch.reg[REG_FSTS] & STATUS_BITS;

	lockdep_assert_held(&vtd->base.lock);
	vtd->arch.reg[REG_FSTS] |= bit;
	/* No new fault event while FSTS has unserviced bits (7.3). */
	if (!before)
		raise(vtd, REG_FECTL);
}

void vtd_fault_record(struct vtd *vtd, u16 sid, u64 info, u8 code, bool read)
{
	unsigned long flags;
	unsigned int n;
	u64 *record;

	spin_lock_irqsave(&vtd->base.lock, flags);
	n = vtd->arch.next_frcd;
	record = &vtd->arch.reg[REG_FRCD + 2 * n];
	if (vtd->arch.reg[REG_FSTS] & VTD_FSTS_PFO)
		goto out_unlock;
	if (record[1] & VTD_FRCD_F) {
		vtd_fault_status(vtd, VTD_FSTS_PFO);
		goto out_unlock;
	}
	record[0] = info;
	record[1] = VTD_FRCD_F | FIELD_PREP(VTD_FRCD_FR, code) |
		    FIELD_PREP(VTD_FRCD_SID, sid) |
		    (read ? VTD_FRCD_T1_READ : 0);
	vtd->arch.next_frcd = (n + 1) % vtd->cfg.nr_frcd;
	if (!(vtd->arch.reg[REG_FSTS] & VTD_FSTS_PPF)) {
		vtd->arch.reg[REG_FSTS] &= ~VTD_FSTS_FRI;
		vtd->arch.reg[REG_FSTS] |= FIELD_PREP(VTD_FSTS_FRI, n);
		vtd_fault_status(vtd, VTD_FSTS_PPF);
	}
out_unlock:
	spin_unlock_irqrestore(&vtd->base.lock, flags);
}

/* Update PPF, which says that there is a record, and FRI, the oldest one. */
static void records_changed(struct vtd *vtd)
{
	unsigned int first = FIELD_GET(VTD_FSTS_FRI, vtd->arch.reg[REG_FSTS]), i, n;

	for (i = 0; i < vtd->cfg.nr_frcd; i++) {
		n = (first + i) % vtd->cfg.nr_frcd;
		if (vtd->arch.reg[REG_FRCD + 2 * n + 1] & VTD_FRCD_F)
			break;
	}
	if (i == vtd->cfg.nr_frcd) {
		vtd->arch.reg[REG_FSTS] &= ~VTD_FSTS_PPF;
		return;
	}
	vtd->arch.reg[REG_FSTS] &= ~VTD_FSTS_FRI;
	vtd->arch.reg[REG_FSTS] |= FIELD_PREP(VTD_FSTS_FRI, n);
}

void vtd_fault_written(struct vtd *vtd, const struct reg_write *w)
{
	lockdep_assert_held(&vtd->base.lock);
	if (w->def->index >= REG_FRCD)
		records_changed(vtd);
	/* Without bits in FSTS no fault event stays pending. */
	if (!(vtd->arch.reg[REG_FSTS] & STATUS_BITS))
		vtd->arch.reg[REG_FECTL] &= ~VTD_CTL_IP;
	if (w->def->index == REG_FECTL)
		unmasked(vtd, REG_FECTL);
}

void vtd_completion(struct vtd *vtd)
{
	lockdep_assert_held(&vtd->base.lock);
	if (vtd->arch.reg[REG_ICS] & VTD_ICS_IWC)
		return;
	vtd->arch.reg[REG_ICS] |= VTD_ICS_IWC;
	raise(vtd, REG_IECTL);
}

void vtd_event_written(struct vtd *vtd, const struct reg_write *w)
{
	lockdep_assert_held(&vtd->base.lock);
	if (!(vtd->arch.reg[REG_ICS] & VTD_ICS_IWC))
		vtd->arch.reg[REG_IECTL] &= ~VTD_CTL_IP;
	if (w->def->index == REG_IECTL)
		unmasked(vtd, REG_IECTL);
}
