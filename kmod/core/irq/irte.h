/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: entries of interrupt remapping tables.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Without a vendor model a unit has one table, whose entries its caller writes. With
 * one the unit's table, or that of each device, is the cache of the guest's: an
 * interrupt that misses its entry reads it by nyx_guest_fetch_irte(), and an invalidation
 * of the guest takes it out.
 *
 * An entry that was read before it was invalidated is neither installed nor used after:
 * nyx_guest_fetch_irte() reads &nyx_guest.irte_generation before the guest's table, and
 * takes the entry, under &nyx_irq.lock, only if the generation is still that.
 */
#ifndef NYX_CORE_IRTE_H
#define NYX_CORE_IRTE_H

#include <linux/nyx_iommu.h>
#include <linux/types.h>

struct irt_device;
struct irt_entry;
struct nyx_device;
struct nyx_events;
struct nyx_fault_info;
struct nyx_irq;
struct nyx_ticket;
struct nyx_unit;

/**
 * nyx_irqs_free() - free the interrupt remapping table of a device
 * @irqs: the table, or NULL; no interrupt can find it any more
 *
 * Context: any.
 */
void nyx_irqs_free(struct irt_device *irqs);

/**
 * nyx_irqs_invalidate() - invalidate the table of a device
 * @irq: interrupts of its unit
 * @dev: the device
 *
 * Context: under &nyx_irq.lock.
 */
void nyx_irqs_invalidate(struct nyx_irq *irq, struct nyx_device *dev);

/**
 * nyx_irq_notify_change() - count a change, and tell readers that have asked for
 *                           it
 * @unit: the unit
 * @sbdf: the device whose table it is, or NYX_SBDF_ANY
 * @index: first entry that has changed
 * @nr: how many
 *
 * Context: under &nyx_irq.lock.
 */
void nyx_irq_notify_change(struct nyx_unit *unit, u32 sbdf, u32 index, u32 nr);

/**
 * nyx_irq_follow_changes() - a reader of events wants records of changes
 * @unit: the unit
 *
 * Entries that changed before can be seen when this returns; later changes are recorded.
 * The reader calls nyx_irq_unfollow_changes() at its end.
 *
 * Context: may sleep.
 */
void nyx_irq_follow_changes(struct nyx_unit *unit);

/**
 * nyx_irq_unfollow_changes() - a reader of events does not want such records any more
 * @events: of the unit, which may have ended
 *
 * Context: any.
 */
void nyx_irq_unfollow_changes(struct nyx_events *events);

/**
 * nyx_irte_next() - the next entry that is present, in any table
 * @unit: the unit
 * @key: NYX_IRTE_KEY() from which on
 * @info: set
 *
 * Context: may sleep.
 * Return: false if there is none.
 */
bool nyx_irte_next(struct nyx_unit *unit, u64 key, struct nyx_irte_info *info);

/**
 * nyx_irte_write() - set or clear entries
 * @unit: the unit
 * @index: the first
 * @nr: how many, not 0
 * @e: what to write, checked by the caller; NULL: nothing is present any more
 * @t: gets interrupts, unless the answer is -EINVAL: also if no entry was present, because
 *     the caller that cleared them may still be waiting
 *
 * Context: may sleep.
 * Return: 0; -EINVAL beyond the table; -ENOENT if entries are cleared and none
 * was present.
 */
int nyx_irte_write(struct nyx_unit *unit, u32 index, u32 nr,
		   const struct irt_entry *e, struct nyx_ticket *t);

/**
 * nyx_guest_fetch_irte() - read an interrupt remapping table entry of the guest
 * @unit: the unit, of a model with &nyx_viommu_ops.decode_irte
 * @dev: the sender
 * @index: which entry, within the table
 * @e: set to the entry; the cache has it then, unless &irt_entry.once is set
 * @fault: set for -EACCES, by the decoder
 *
 * Context: may sleep; inside nyx_guest_mem_enter().
 * Return: 0; -ESTALE: look into the cache again: it knows more of the sender now, or the
 * guest has invalidated meanwhile; -EACCES: the guest's tables have no such entry; -ENOMEM;
 * -EINTR; -EAGAIN, for a kernel thread only: the memory is not at hand.
 */
int nyx_guest_fetch_irte(struct nyx_unit *unit, struct nyx_device *dev, u32 index,
			 struct irt_entry *e, struct nyx_fault_info *fault);

/**
 * nyx_guest_invalidate_iec() - invalidate interrupt remapping table entries
 * @unit: the unit
 * @first: the first
 * @nr: how many
 * @t: gets interrupts
 *
 * As nyx_guest_invalidate_ctx().
 */
void nyx_guest_invalidate_iec(struct nyx_unit *unit, u32 first, u32 nr,
			      struct nyx_ticket *t);

#define NYX_GUEST_ALL_IRQS	0xffffffffu

/**
 * nyx_guest_invalidate_irt() - invalidate the table of a requester
 * @unit: the unit, whose requesters have tables of their own
 * @sbdf: the requester, or NYX_GUEST_ALL_IRQS
 * @t: gets interrupts
 *
 * As nyx_guest_invalidate_iec().
 */
void nyx_guest_invalidate_irt(struct nyx_unit *unit, u32 sbdf,
			      struct nyx_ticket *t);

#endif /* NYX_CORE_IRTE_H */
