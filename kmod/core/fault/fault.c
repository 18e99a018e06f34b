// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: faults: what follows from one.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/fault/fault.h"

#include <linux/ktime.h>
#include <linux/string.h>

#include "base/trace.h"
#include "core/access/device.h"
#include "core/fault/event.h"
#include "core/fault/history.h"
#include "core/space/domain.h"
#include "core/unit.h"

void nyx_fault_name(struct nyx_unit *unit, struct nyx_fault_info *info)
{
	const struct nyx_viommu_ops *ops = unit->guest.viommu->ops;

	if (ops->fault_code)
		info->code = ops->fault_code(info);
}

void nyx_fault_answer(const struct nyx_fault_info *info, struct nyx_fault *out)
{
	*out = (struct nyx_fault) {
		.reason = info->reason,
		.access = info->access,
		.level = info->level,
		.vendor = info->code,
		.iova = info->address,
		.gpa = info->gpa,
	};
}

/* Make the record of a fault. User space gets all of it: clear what no field names, too. */
static void make_record(const struct nyx_device *dev, const struct nyx_domain *dom,
			const struct nyx_fault_info *info, struct nyx_event *event)
{
	memset(event, 0, sizeof(*event));
	event->time_ns = ktime_get_boottime_ns();
	if (info->irq) {
		event->type = NYX_EVENT_IRQ_FAULT;
		event->irq_fault.sbdf = dev->sbdf;
		event->irq_fault.reason = info->reason;
		event->irq_fault.index = info->index;
		event->irq_fault.data = info->data;
		event->irq_fault.address = info->address;
		event->irq_fault.vendor = info->code;
		return;
	}
	event->type = NYX_EVENT_FAULT;
	event->fault.sbdf = dev->sbdf;
	event->fault.pasid = info->pasid;
	event->fault.domain_id = dom->id;
	event->fault.length = info->length;
	nyx_fault_answer(info, &event->fault.fault);
}

static void count_fault(struct nyx_device *dev, struct nyx_domain *dom, bool irq,
			u64 now)
{
	atomic64_inc(&dev->faults);
	WRITE_ONCE(dev->last_fault_ns, now);
	atomic64_inc(&dom->faults);
	nyx_stat_add_both(dev->stats, dom->stats, NYX_STAT_FAULTS, 1);
	if (irq)
		nyx_stat_add_both(dev->stats, dom->stats, NYX_STAT_IRQ_FAULTS, 1);
}

void nyx_fault_report(struct nyx_unit *unit, struct nyx_device *dev,
		      struct nyx_domain *dom, const struct nyx_fault_info *info)
{
	struct nyx_viommu *viommu = unit->guest.viommu;
	struct nyx_event event, state;
	bool changed;

	if (info->reason == NYX_FAULT_QUARANTINED) {
		nyx_stat_add_both(dev->stats, dom->stats, NYX_STAT_QUARANTINED_ACCESSES, 1);
		return;
	}
	if (info->unreported)
		return;
	make_record(dev, dom, info, &event);
	count_fault(dev, dom, info->irq, event.time_ns);
	trace_nyx_fault(unit->id, dom->id, dev->sbdf, info->address, info->gpa,
			info->access, info->reason, info->level);
	if (nyx_tracker_fault(unit, dev, info, &event, &state, &changed)) {
		if (!info->irq)
			event.fault.cause = nyx_fault_explain(dom, info, event.time_ns,
							      &event.fault);
		nyx_events_push(unit->events, &event);
	}
	if (info->code && !info->fpd)
		viommu->ops->log_fault(viommu, dev->sbdf, info);
	if (changed)
		nyx_tracker_emit(unit, dev, &state);
}
