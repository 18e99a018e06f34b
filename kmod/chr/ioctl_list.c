// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: listings.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each kind of object has a function that finds the first one at or after a key
 * and describes it. No lock is held while an entry is copied out: that may have
 * to wait for user space.
 */
#include <linux/err.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "chr/ioctl.h"
#include "core/access/device.h"
#include "core/changes/changes.h"
#include "core/irq/irqfd.h"
#include "core/irq/irte.h"
#include "core/space/domain.h"
#include "core/unit.h"
#include "core/viommu.h"
#include "mem/memslots.h"
#include "mem/region.h"

union list_entry {
	struct nyx_unit_info unit;
	struct nyx_memory_info memory;
	struct nyx_domain_info domain;
	struct nyx_device_info device;
	struct nyx_mapping_info mapping;
	struct nyx_irte_info irte;
	struct nyx_binding_info binding;
	struct nyx_register_info reg;
	struct nyx_view_info view;
	struct nyx_target_info target;
};

/**
 * struct list_iter - how to list a kind of object
 * @next: describe the first object at or after @key, set @key to its own key
 *        and @last to the last key that it covers; false if there is none
 * @size: size of an entry
 */
struct list_iter {
	bool (*next)(struct nyx_ucmd *uc, struct nyx_domain *dom, u64 *key,
		     u64 *last, union list_entry *e);
	u32 size;
};

static bool next_unit(struct nyx_ucmd *uc, struct nyx_domain *dom, u64 *key,
		      u64 *last, union list_entry *e)
{
	struct nyx_unit *unit;

	if (*key > U32_MAX)
		return false;
	unit = nyx_unit_next(*key);
	if (!unit)
		return false;
	/* A unit that has ended since it was found appears empty. */
	nyx_fill_unit_info(unit, &e->unit, nyx_unit_is_visible(unit));
	e->unit.size = sizeof(e->unit);
	*key = unit->id;
	*last = *key;
	nyx_unit_put(unit);
	return true;
}

static bool next_memory(struct nyx_ucmd *uc, struct nyx_domain *dom, u64 *key,
			u64 *last, union list_entry *e)
{
	const struct memslot *slot;
	struct region_info info;

	mutex_lock(&uc->unit->lock);
	rcu_read_lock();
	slot = memslots_next(&uc->unit->mem, *key);
	if (slot) {
		region_get_info(slot->region, &info);
		e->memory = (struct nyx_memory_info) {
			.gpa = slot->start,
			.length = slot->last - slot->start + 1,
			/*
			 * A file that may only inspect the unit does not show
			 * addresses of a process.
			 */
			.backing = nyx_file_inspects(uc->file) &&
				   !(info.flags & REGION_FILE) ? 0 : info.backing,
			.flags = info.flags,
			.page_size = info.page_size,
			.pinned_bytes = info.pinned,
		};
		*key = slot->start;
		*last = slot->last;
	}
	rcu_read_unlock();
	mutex_unlock(&uc->unit->lock);
	return slot;
}

static bool next_domain(struct nyx_ucmd *uc, struct nyx_domain *unused,
			u64 *key, u64 *last, union list_entry *e)
{
	unsigned long id = *key;
	struct nyx_domain *dom;

	mutex_lock(&uc->unit->lock);
	dom = xa_find(&uc->unit->domains, &id, ULONG_MAX, XA_PRESENT);
	if (dom) {
		e->domain = (struct nyx_domain_info) {
			.domain_id = dom->id,
			.flags = dom->cfg.flags,
			.kind = dom->cfg.kind,
			.format = dom->pt.format,
			.address_width = dom->cfg.address_width,
			.nr_devices = dom->nr_devices,
			.page_sizes = dom->pt.page_sizes,
			.mapped_bytes = READ_ONCE(dom->pt.mapped),
			.table_bytes = READ_ONCE(dom->pt.tables) * PAGE_SIZE,
			.fault_events = atomic64_read(&dom->faults),
		};
		memcpy(e->domain.name, dom->cfg.name, sizeof(e->domain.name));
	}
	mutex_unlock(&uc->unit->lock);
	*key = id;
	*last = id;
	return dom;
}

static bool next_device(struct nyx_ucmd *uc, struct nyx_domain *unused,
			u64 *key, u64 *last, union list_entry *e)
{
	unsigned long sbdf = *key;
	struct nyx_domain *dom;
	struct nyx_device *dev;

	mutex_lock(&uc->unit->lock);
	dev = xa_find(&uc->unit->devices, &sbdf, ULONG_MAX, XA_PRESENT);
	if (dev) {
		dom = nyx_device_domain(uc->unit, dev);
		e->device = (struct nyx_device_info) {
			.sbdf = dev->sbdf,
			.domain_id = dom->id,
			.fault_events = atomic64_read(&dev->faults),
			.last_fault_ns = READ_ONCE(dev->last_fault_ns),
			.quarantined_accesses =
				nyx_stat_get(dev->stats, NYX_STAT_QUARANTINED_ACCESSES),
		};
		if (rcu_access_pointer(dev->qos))
			e->device.flags |= NYX_DEVICE_F_LIMITS;
		nyx_tracker_get(dev, &e->device);
	}
	mutex_unlock(&uc->unit->lock);
	*key = sbdf;
	*last = sbdf;
	return dev;
}

static bool next_mapping(struct nyx_ucmd *uc, struct nyx_domain *dom, u64 *key,
			 u64 *last, union list_entry *e)
{
	struct pt_extent ext;
	bool found;

	mutex_lock(&dom->lock);
	found = pt_next(&dom->pt, *key, U64_MAX, &ext);
	mutex_unlock(&dom->lock);
	if (!found)
		return false;
	/* An extent of 2^64 bytes would have no length: cut in the middle. */
	if (!ext.start && ext.last == U64_MAX)
		ext.last = S64_MAX;

	e->mapping = (struct nyx_mapping_info) {
		.iova = ext.start,
		.length = ext.last - ext.start + 1,
		.gpa = ext.oa,
		.prot = ext.perm & NYX_ACC_RW,
		.page_size_lg2 = ext.lg2,
	};
	*key = ext.start;
	*last = ext.last;
	return true;
}

static bool next_irte(struct nyx_ucmd *uc, struct nyx_domain *unused, u64 *key,
		      u64 *last, union list_entry *e)
{
	if (!nyx_irte_next(uc->unit, *key, &e->irte))
		return false;
	*key = NYX_IRTE_KEY(e->irte.sbdf, e->irte.index);
	*last = *key;
	return true;
}

static bool next_binding(struct nyx_ucmd *uc, struct nyx_domain *unused,
			 u64 *key, u64 *last, union list_entry *e)
{
	if (!nyx_binding_next(uc->unit, *key, &e->binding))
		return false;
	*key = e->binding.binding_id;
	*last = *key;
	return true;
}

static bool next_register(struct nyx_ucmd *uc, struct nyx_domain *unused,
			  u64 *key, u64 *last, union list_entry *e)
{
	struct nyx_viommu *viommu = uc->unit->guest.viommu;
	struct nyx_register reg;

	if (!viommu->ops->next_register(viommu, *key, &reg))
		return false;
	e->reg = (struct nyx_register_info) {
		.offset = reg.offset,
		.index = reg.index,
		.width = reg.width,
		.low = reg.low,
		.high = reg.high,
		.value = reg.value,
	};
	strscpy((char *)e->reg.name, reg.name, sizeof(e->reg.name));
	*key = NYX_REGISTER_KEY(reg.offset, reg.index);
	*last = *key;
	return true;
}

static bool next_view(struct nyx_ucmd *uc, struct nyx_domain *unused, u64 *key,
		      u64 *last, union list_entry *e)
{
	if (*key > U32_MAX || !nyx_view_next(uc->unit, *key, &e->view))
		return false;
	*key = e->view.view_id;
	*last = *key;
	return true;
}

static bool next_target(struct nyx_ucmd *uc, struct nyx_domain *unused, u64 *key,
			u64 *last, union list_entry *e)
{
	if (!nyx_target_next(uc->unit, *key, &e->target))
		return false;
	*key = NYX_TARGET_KEY(e->target.changes_id, e->target.target);
	*last = *key;
	return true;
}

static const struct list_iter list_iters[] = {
	[NYX_LIST_UNITS] = { next_unit, sizeof(struct nyx_unit_info) },
	[NYX_LIST_MEMORY] = { next_memory, sizeof(struct nyx_memory_info) },
	[NYX_LIST_DOMAINS] = { next_domain, sizeof(struct nyx_domain_info) },
	[NYX_LIST_DEVICES] = { next_device, sizeof(struct nyx_device_info) },
	[NYX_LIST_MAPPINGS] = { next_mapping, sizeof(struct nyx_mapping_info) },
	[NYX_LIST_IRTES] = { next_irte, sizeof(struct nyx_irte_info) },
	[NYX_LIST_BINDINGS] = { next_binding, sizeof(struct nyx_binding_info) },
	[NYX_LIST_REGISTERS] = { next_register, sizeof(struct nyx_register_info) },
	[NYX_LIST_VIEWS] = { next_view, sizeof(struct nyx_view_info) },
	[NYX_LIST_TARGETS] = { next_target, sizeof(struct nyx_target_info) },
};

static int list_objects(struct nyx_ucmd *uc, struct nyx_list *cmd,
			struct nyx_domain *dom)
{
	const struct list_iter *l = &list_iters[cmd->type];
	void __user *to = u64_to_user_ptr(cmd->entries);
	u32 size = min(cmd->entry_size, l->size);
	u64 key = cmd->start, last;
	union list_entry e;

	cmd->out_nr = 0;
	cmd->out_more = 0;
	cmd->out_next = 0;
	for (;;) {
		memset(&e, 0, sizeof(e));
		if (!l->next(uc, dom, &key, &last, &e))
			return 0;
		if (cmd->out_nr == cmd->nr) {
			cmd->out_more = 1;
			cmd->out_next = key;
			return 0;
		}
		if (copy_to_user(to, &e, size) ||
		    clear_user(to + size, cmd->entry_size - size))
			return NYX_BAD(uc, cmd, entries, POINTER);
		to += cmd->entry_size;
		cmd->out_nr++;
		if (check_add_overflow(last, (u64)1, &key))
			return 0;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

/*
 * List registers. Pending log entries of the unit are written to guest memory once
 * for a listing, not for each entry.
 */
static int list_registers(struct nyx_ucmd *uc, struct nyx_list *cmd)
{
	struct nyx_viommu *viommu = uc->unit->guest.viommu;
	int ret;

	if (!viommu->ops->sync_registers)
		return NYX_BAD(uc, cmd, type, NO_VENDOR_MODEL);
	ret = viommu->ops->sync_registers(viommu);
	return ret ?: list_objects(uc, cmd, NULL);
}

int nyx_ioctl_list(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_list *cmd = _cmd;
	struct nyx_domain *dom = NULL;
	int ret;

	if (cmd->type >= ARRAY_SIZE(list_iters))
		return NYX_BAD(uc, cmd, type, UNKNOWN_VALUE);
	cmd->type = array_index_nospec(cmd->type, ARRAY_SIZE(list_iters));
	if (!uc->unit && cmd->type != NYX_LIST_UNITS)
		return uc->file->unit ? NYX_ERR(UNIT_ENDED) : NYX_ERR(NO_UNIT);
	if (cmd->entry_size < 8 || cmd->entry_size > PAGE_SIZE)
		return NYX_BAD(uc, cmd, entry_size, OUT_OF_RANGE);
	if (cmd->nr > NYX_ARRAY_MAX)
		return NYX_BAD(uc, cmd, nr, OUT_OF_RANGE);

	if (cmd->type == NYX_LIST_MAPPINGS) {
		dom = nyx_domain_get(uc->unit, cmd->domain_id);
		if (!dom)
			return NYX_ERR(NO_SUCH_DOMAIN);
		ret = dom->cfg.kind == NYX_DOMAIN_PAGING ?
			list_objects(uc, cmd, dom) : NYX_ERR(NOT_PAGING);
		nyx_domain_put(dom);
		return ret;
	}
	if (cmd->domain_id)
		return NYX_BAD(uc, cmd, domain_id, UNUSED);
	return cmd->type == NYX_LIST_REGISTERS ? list_registers(uc, cmd) :
						 list_objects(uc, cmd, NULL);
}
