// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: entries of interrupt remapping tables.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/irq/irte.h"

#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/export.h"
#include "base/reason.h"
#include "base/types.h"
#include "core/access/device.h"
#include "core/fault/event.h"
#include "core/fault/fault.h"
#include "core/irq/irq.h"
#include "core/space/inval.h"
#include "core/space/memory.h"
#include "core/unit.h"

/* ---- tables ------------------------------------------------------------- */

static struct irt_device *irqs_alloc(void)
{
	struct irt_device *irqs = kzalloc(sizeof(*irqs), GFP_CALLER);

	if (irqs && irt_init_cache(&irqs->irt, IRT_DEVICE_ENTRIES)) {
		kfree(irqs);
		return NULL;
	}
	return irqs;
}

void nyx_irqs_free(struct irt_device *irqs)
{
	if (!irqs)
		return;
	irt_fini(&irqs->irt);
	kfree(irqs);
}

void nyx_irqs_invalidate(struct nyx_irq *irq, struct nyx_device *dev)
{
	struct irt_device *irqs = dev->irqs;

	lockdep_assert_held(&irq->lock);
	if (!irqs)
		return;
	WRITE_ONCE(irqs->imode, 0);
	WRITE_ONCE(irq->nr_irtes, irq->nr_irtes - irqs->irt.nr_present);
	irt_clear(&irqs->irt);
}

/* ---- entries ------------------------------------------------------------ */

/* irt_write() that counts the entries that are present. */
static bool irte_put(struct nyx_irq *irq, struct irt *irt, u32 index,
		     const struct irt_entry *e)
{
	bool was = irt_write(irt, index, e);

	WRITE_ONCE(irq->nr_irtes, irq->nr_irtes + !!e - was);
	return was;
}

void nyx_irq_notify_change(struct nyx_unit *unit, u32 sbdf, u32 index, u32 nr)
{
	struct nyx_event event;

	lockdep_assert_held(&unit->irq.lock);
	WRITE_ONCE(unit->irq.nr_changes, unit->irq.nr_changes + 1);
	if (!atomic_read(&unit->events->nr_irte))
		return;
	memset(&event, 0, sizeof(event));
	event.type = NYX_EVENT_IRTE;
	event.irte.index = index;
	event.irte.nr = nr;
	event.irte.sbdf = sbdf;
	nyx_events_push(unit->events, &event);
}

void nyx_irq_follow_changes(struct nyx_unit *unit)
{
	mutex_lock(&unit->irq.lock);
	atomic_inc(&unit->events->nr_irte);
	mutex_unlock(&unit->irq.lock);
}

void nyx_irq_unfollow_changes(struct nyx_events *events)
{
	atomic_dec(&events->nr_irte);
}

int nyx_irte_write(struct nyx_unit *unit, u32 index, u32 nr,
		   const struct irt_entry *e, struct nyx_ticket *t)
{
	struct nyx_irq *irq = &unit->irq;
	bool was = false;
	u32 i;

	if (index >= irq->irt.nr || nr > irq->irt.nr - index)
		return NYX_ERR(IRTE_BEYOND);
	mutex_lock(&irq->lock);
	for (i = 0; i < nr; i++)
		was |= irte_put(irq, &irq->irt, index + i, e);
	if (was || e)
		nyx_irq_notify_change(unit, NYX_SBDF_ANY, index, nr);
	mutex_unlock(&irq->lock);
	nyx_inval_lookups(t);
	return !was && !e ? NYX_ERR(NO_SUCH_IRTE) : 0;
}

static bool next_entry(const struct irt *irt, u32 index,
		       struct nyx_irte_info *info)
{
	struct irt_entry e;

	for (; index < irt->nr; index++) {
		if (!irt_read(irt, index, &e))
			continue;
		*info = (struct nyx_irte_info) {
			.index = index,
			.flags = e.flags,
			.dest = e.dest,
			.source = e.source,
			.vector = e.vector,
			.delivery = e.delivery,
			.source_check = e.check,
			.source_mask = e.mask,
			.posted = e.posted,
		};
		return true;
	}
	return false;
}

static bool next_of_devices(struct nyx_unit *unit, unsigned long sbdf, u32 index,
			    struct nyx_irte_info *info)
{
	unsigned long at = sbdf;
	struct irt_device *irqs;
	struct nyx_device *dev;
	bool found;

	do {
		rcu_read_lock();
		dev = xa_find(&unit->devices, &at, ULONG_MAX, XA_PRESENT);
		/* Pairs with resolve_irqs(). */
		irqs = dev ? smp_load_acquire(&dev->irqs) : NULL;
		found = irqs && next_entry(&irqs->irt, at == sbdf ? index : 0,
					   info);
		rcu_read_unlock();
		info->sbdf = at++;
		cond_resched();
	} while (dev && !found);
	return found;
}

bool nyx_irte_next(struct nyx_unit *unit, u64 key, struct nyx_irte_info *info)
{
	if (unit->irq.per_device)
		return next_of_devices(unit, key >> 32, key, info);
	return key < unit->irq.irt.nr && next_entry(&unit->irq.irt, key, info);
}

/* ---- the cache of a guest's tables -------------------------------------- */

/* Find how the interrupts of a device with a table of its own are treated, and cache that. */
static int resolve_irqs(struct nyx_unit *unit, struct nyx_device *dev,
			u64 generation, struct nyx_fault_info *fault)
{
	struct nyx_viommu *viommu = unit->guest.viommu;
	struct nyx_guest_irqs found;
	struct irt_device *irqs;
	int ret;

	ret = viommu->ops->decode_irqs(viommu, dev->sbdf, &found, fault);
	if (ret)
		return ret;
	mutex_lock(&unit->irq.lock);
	irqs = dev->irqs ?: irqs_alloc();
	if (!irqs) {
		/* A worker tries again later, because the device is not to blame. */
		ret = current->flags & PF_KTHREAD ? -EAGAIN : -ENOMEM;
	} else if (unit->guest.irte_generation == generation) {
		WRITE_ONCE(irqs->did, found.did);
		WRITE_ONCE(irqs->irt.limit, found.nr);
		/* Pairs with irt_device_imode(): a reader sees all fields or none. */
		smp_store_release(&irqs->imode, found.imode | IRT_KNOWN);
	}
	if (irqs) {
		/* Pairs with the loads in nyx_guest_fetch_irte(), and in core/irq/irq.c. */
		smp_store_release(&dev->irqs, irqs);
	}
	mutex_unlock(&unit->irq.lock);
	return ret;
}

/*
 * Put an entry into the cache, unless the guest has invalidated since it was read. Without
 * memory for it the entry is used this once, and the next interrupt reads it again.
 */
static int irte_install(struct nyx_unit *unit, struct irt *irt, u32 index,
			const struct irt_entry *e, u64 generation)
{
	bool keep = !e->once && index < irt->nr && !irt_reserve(irt, index);
	int ret = 0;

	mutex_lock(&unit->irq.lock);
	if (unit->guest.irte_generation != generation)
		ret = -ESTALE;
	else if (keep)
		irte_put(&unit->irq, irt, index, e);
	mutex_unlock(&unit->irq.lock);
	return ret;
}

int nyx_guest_fetch_irte(struct nyx_unit *unit, struct nyx_device *dev, u32 index,
			 struct irt_entry *e, struct nyx_fault_info *fault)
{
	u64 generation = READ_ONCE(unit->guest.irte_generation);
	struct nyx_viommu *viommu = unit->guest.viommu;
	struct irt *irt = &unit->irq.irt;
	struct irt_device *irqs;
	int ret;

	/* Read the generation before the tables; pairs with &nyx_irq.lock in invalidations. */
	smp_mb();
	*fault = (struct nyx_fault_info){};
	if (unit->irq.per_device) {
		/* Pairs with resolve_irqs(). */
		irqs = smp_load_acquire(&dev->irqs);
		if (!irt_device_known(irqs))
			return resolve_irqs(unit, dev, generation, fault) ?: -ESTALE;
		irt = &irqs->irt;
	}
	ret = viommu->ops->decode_irte(viommu, dev->sbdf, index, e, fault);
	return ret ?: irte_install(unit, irt, index, e, generation);
}

void nyx_guest_invalidate_irt(struct nyx_unit *unit, u32 sbdf,
			      struct nyx_ticket *t)
{
	bool all = sbdf == NYX_GUEST_ALL_IRQS;
	unsigned long i = all ? 0 : sbdf;
	struct nyx_device *dev;

	mutex_lock(&unit->irq.lock);
	WRITE_ONCE(unit->guest.irte_generation, unit->guest.irte_generation + 1);
	do {
		rcu_read_lock();
		dev = xa_find(&unit->devices, &i, all ? ULONG_MAX : sbdf,
			      XA_PRESENT);
		if (dev)
			nyx_irqs_invalidate(&unit->irq, dev);
		rcu_read_unlock();
		i++;
		cond_resched();
	} while (dev && all);
	nyx_irq_notify_change(unit, all ? NYX_SBDF_ANY : sbdf, 0,
			      IRT_DEVICE_ENTRIES);
	mutex_unlock(&unit->irq.lock);
	nyx_inval_lookups(t);
}

void nyx_guest_invalidate_iec(struct nyx_unit *unit, u32 first, u32 nr,
			      struct nyx_ticket *t)
{
	struct irt *irt = &unit->irq.irt;
	u32 i;

	first = min(first, irt->nr);
	nr = min(nr, irt->nr - first);
	mutex_lock(&unit->irq.lock);
	WRITE_ONCE(unit->guest.irte_generation, unit->guest.irte_generation + 1);
	for (i = 0; i < nr && irt->nr_present; i++) {
		if (!irt_present(irt, first + i))
			continue;
		irte_put(&unit->irq, irt, first + i, NULL);
		cond_resched();
	}
	if (nr)
		nyx_irq_notify_change(unit, NYX_SBDF_ANY, first, nr);
	mutex_unlock(&unit->irq.lock);
	nyx_inval_lookups(t);
}

NYX_EXPORT_FOR_TEST(nyx_irte_write);
NYX_EXPORT_FOR_TEST(nyx_guest_invalidate_irt);
NYX_EXPORT_FOR_TEST(nyx_guest_invalidate_iec);
