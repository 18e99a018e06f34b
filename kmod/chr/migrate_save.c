// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: saving a unit to a stream.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each kind of section has a function that adds records to one until it is full, or there
 * are no more. Two numbers, &nyx_save.id and &nyx_save.key, tell what comes next: nothing is
 * held from one section to the next.
 */
#include <linux/limits.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "base/reason.h"
#include "base/types.h"
#include "chr/migrate.h"
#include "core/access/device.h"
#include "core/account/qos.h"
#include "core/fault/quarantine.h"
#include "core/irq/irte.h"
#include "core/space/domain.h"
#include "core/unit.h"
#include "core/viommu.h"
#include "mem/memslots.h"
#include "mem/region.h"

static bool has_guest(const struct nyx_save *s)
{
	return nyx_viommu_has_guest(s->unit->guest.viommu);
}

/**
 * struct step - a kind of sections
 * @table: of its records; NULL: it has none
 * @fill: add records from &nyx_save.key on, and move that; false: there are no more.
 *        The section is left out if none was added
 * @next: find the next object that has sections of its own, from &nyx_save.id on; false:
 *        there is none. NULL: the sections are of no object
 * @write: instead of @fill: write the section as a whole; its length, 0 if there is none, or
 *         negative errno
 */
struct step {
	const struct table *table;
	bool (*fill)(struct nyx_save *s, struct table_writer *w);
	bool (*next)(struct nyx_save *s);
	int (*write)(struct nyx_save *s);
};

/* ---- the unit ----------------------------------------------------------- */

static bool fill_unit(struct nyx_save *s, struct table_writer *w)
{
	struct nyx_unit *unit = s->unit;
	const struct nyx_unit_config *cfg = &unit->cfg;
	struct object_unit o = {
		.model = cfg->model,
		.address_width = cfg->address_width,
		.iotlb_entries = cfg->iotlb_entries,
		.event_entries = cfg->event_entries,
		.max_domains = cfg->max_domains,
		.max_devices = cfg->max_devices,
		.max_memory = cfg->max_memory,
		.irt_entries = cfg->irt_entries,
		.view_timeout_ms = cfg->view_timeout_ms,
	};

	if (s->key)
		return false;
	s->key = 1;
	memcpy(o.name, cfg->name, sizeof(o.name));
	memcpy(o.data, cfg->data, sizeof(o.data));
	mutex_lock(&unit->lock);
	o.next_domain = unit->state.next_domain;
	o.policy = cfg->policy;
	mutex_unlock(&unit->lock);
	mutex_lock(&unit->irq.lock);
	/* A guest's registers say which mode there is. */
	o.irq_mode = has_guest(s) ? 0 : unit->irq.mode;
	o.irq_changes = unit->irq.nr_changes;
	mutex_unlock(&unit->irq.lock);
	table_add(w, &o);
	return true;
}

static bool fill_memory(struct nyx_save *s, struct table_writer *w)
{
	const struct memslot *slot;
	struct region_info info;
	struct object_memory o;

	mutex_lock(&s->unit->lock);
	rcu_read_lock();
	slot = memslots_next(&s->unit->mem, s->key);
	if (slot) {
		region_get_info(slot->region, &info);
		o.gpa = slot->start;
		o.length = slot->last - slot->start + 1;
		o.flags = info.flags & REGION_READONLY;
		s->key = slot->last + 1;
	}
	rcu_read_unlock();
	mutex_unlock(&s->unit->lock);
	if (slot)
		table_add(w, &o);
	return slot;
}

/* ---- domains ------------------------------------------------------------ */

static bool fill_domain(struct nyx_save *s, struct table_writer *w)
{
	struct object_domain o;
	struct nyx_domain *dom;

	/* A guest's domains are made again from its tables. */
	dom = has_guest(s) ? NULL : nyx_domain_next(s->unit, s->key);
	if (!dom)
		return false;
	o = (struct object_domain) {
		.id = dom->id,
		.flags = dom->cfg.flags,
		.kind = dom->cfg.kind,
	};
	if (dom->cfg.kind == NYX_DOMAIN_PAGING) {
		o.format = dom->pt.format;
		o.address_width = dom->cfg.address_width;
		o.page_sizes = dom->pt.page_sizes;
	}
	memcpy(o.name, dom->cfg.name, sizeof(o.name));
	nyx_limits_get(s->unit, NYX_SCOPE_DOMAIN, dom->id, &o.limits);
	s->key = dom->id + 1;
	nyx_domain_put(dom);
	table_add(w, &o);
	return true;
}

/* The next domain that has mappings. */
static bool next_mapped(struct nyx_save *s)
{
	struct nyx_domain *dom;
	bool mapped;

	while ((dom = nyx_domain_next(s->unit, s->id))) {
		mapped = dom->cfg.kind == NYX_DOMAIN_PAGING && READ_ONCE(dom->pt.root);
		s->id = dom->id;
		nyx_domain_put(dom);
		if (mapped)
			return true;
		s->id++;
		cond_resched();
	}
	return false;
}

static bool fill_mapping(struct nyx_save *s, struct table_writer *w)
{
	struct nyx_domain *dom = nyx_domain_get(s->unit, s->id);
	struct object_mapping o;
	struct pt_extent ext;
	bool found = false;

	if (!dom)
		return false;
	/* The extent behind the last address was the last one. */
	if (s->key || !s->part) {
		mutex_lock(&dom->lock);
		found = pt_next(&dom->pt, s->key, U64_MAX, &ext);
		mutex_unlock(&dom->lock);
	}
	nyx_domain_put(dom);
	if (!found)
		return false;
	/* An extent of 2^64 bytes would have no length: cut in the middle. */
	if (!ext.start && ext.last == U64_MAX)
		ext.last = S64_MAX;
	o = (struct object_mapping) {
		.iova = ext.start,
		.gpa = ext.oa,
		.length = ext.last - ext.start + 1,
		.prot = ext.perm & NYX_ACC_RW,
	};
	s->key = ext.last + 1;
	table_add(w, &o);
	return s->key;
}

/* ---- interrupts, devices ------------------------------------------------ */

static bool fill_irte(struct nyx_save *s, struct table_writer *w)
{
	struct nyx_irte_info info;
	struct object_irte o;

	/* Entries of a guest's table are read again. */
	if (has_guest(s) || !nyx_irte_next(s->unit, s->key, &info))
		return false;
	o = (struct object_irte) {
		.index = info.index,
		.flags = info.flags,
		.dest = info.dest,
		.source = info.source,
		.posted = info.posted,
		.vector = info.vector,
		.delivery = info.delivery,
		.source_check = info.source_check,
		.source_mask = info.source_mask,
	};
	s->key = info.index + 1ull;
	table_add(w, &o);
	return true;
}

static bool fill_device(struct nyx_save *s, struct table_writer *w)
{
	struct nyx_unit *unit = s->unit;
	struct object_device o = {};
	unsigned long sbdf = s->key;
	struct nyx_device *dev;

	mutex_lock(&unit->lock);
	dev = xa_find(&unit->devices, &sbdf, ULONG_MAX, XA_PRESENT);
	if (dev) {
		o.sbdf = dev->sbdf;
		/* A guest's tables say where its devices are. */
		o.domain_id = has_guest(s) ? 0 : nyx_device_domain(unit, dev)->id;
		nyx_tracker_save(dev, &o);
	}
	mutex_unlock(&unit->lock);
	if (!dev)
		return false;
	nyx_limits_get(unit, NYX_SCOPE_DEVICE, o.sbdf, &o.limits);
	s->key = sbdf + 1;
	table_add(w, &o);
	return true;
}

/* ---- the model, the end ------------------------------------------------- */

static int write_model(struct nyx_save *s)
{
	struct nyx_viommu *viommu = s->unit->guest.viommu;
	struct frame_section section = {
		.type = NYX_SECTION_MODEL,
		.version = OBJECT_MODEL_VERSION,
		.flags = NYX_SECTION_F_MANDATORY,
		.name = OBJECT_MODEL_NAME,
	};
	size_t size;
	int ret;

	if (!viommu->ops->save || s->key)
		return 0;
	size = viommu->ops->save_size(viommu);
	if (WARN_ON_ONCE(size > NYX_SECTION_MAX))
		return -EIO;
	ret = viommu->ops->save(viommu, s->to + FRAME_SECTION);
	/* After an error the next read tries again. */
	if (ret)
		return ret;
	s->key = 1;
	section.length = size;
	frame_write_section(s->to, &section);
	return FRAME_SECTION + section.length;
}

static bool fill_end(struct nyx_save *s, struct table_writer *w)
{
	const struct object_end o = { .nr_sections = s->nr_sections };

	if (s->key)
		return false;
	s->key = 1;
	table_add(w, &o);
	return true;
}

/* By ascending type. */
static const struct step steps[] = {
	{ .table = &object_unit_table, .fill = fill_unit },
	{ .table = &object_memory_table, .fill = fill_memory },
	{ .table = &object_domain_table, .fill = fill_domain },
	{ .table = &object_mapping_table, .fill = fill_mapping, .next = next_mapped },
	{ .table = &object_irte_table, .fill = fill_irte },
	{ .table = &object_device_table, .fill = fill_device },
	{ .write = write_model },
	{ .table = &object_end_table, .fill = fill_end },
};

/* Write a section of the kind @step. Returns its length; 0 if there is no more. */
static int write_section(struct nyx_save *s, const struct step *step)
{
	const u64 key = s->key;
	struct table_writer w;

	if (step->write)
		return step->write(s);
	table_begin(&w, step->table, s->to);
	while (table_has_room(&w) && step->fill(s, &w)) {
		if (fatal_signal_pending(current)) {
			/* Another process that has the file reads the section as a whole. */
			s->key = key;
			return -EINTR;
		}
		cond_resched();
	}
	if (!w.nr)
		return 0;
	return table_end(&w, 0, s->id, s->part++);
}

void nyx_save_begin(struct nyx_save *s)
{
	frame_write_head(s->to);
	s->len = FRAME_HEAD;
}

int nyx_save_next(struct nyx_save *s)
{
	int ret;

	for (s->len = 0; s->step < ARRAY_SIZE(steps);) {
		const struct step *step = &steps[s->step];

		if (step->next && !s->part && !step->next(s)) {
			s->step++;
			s->id = 0;
			s->key = 0;
			continue;
		}
		ret = write_section(s, step);
		if (ret < 0)
			return ret;
		if (ret) {
			s->nr_sections++;
			s->len = ret;
			return 0;
		}
		s->part = 0;
		s->key = 0;
		if (step->next)
			s->id++;
		else
			s->step++;
	}
	return 0;
}
