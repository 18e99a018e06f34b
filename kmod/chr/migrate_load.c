// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: loading a unit from a stream.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The stream is hostile. A record becomes the structure of a command, whose handler checks
 * it as it checks a caller's. A value that no command sets is checked here, or where it is set.
 */
#include <linux/container_of.h>
#include <linux/limits.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "base/reason.h"
#include "base/types.h"
#include "chr/ioctl.h"
#include "chr/migrate.h"
#include "core/access/device.h"
#include "core/attach.h"
#include "core/fault/quarantine.h"
#include "core/irq/irq.h"
#include "core/irq/irte.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/map.h"
#include "core/unit.h"
#include "core/viommu.h"
#include "mem/memslots.h"
#include "mem/region.h"
#include "viommu/stream.h"

union object {
	struct object_unit unit;
	struct object_memory memory;
	struct object_domain domain;
	struct object_mapping mapping;
	struct object_irte irte;
	struct object_device device;
	struct object_end end;
};

static bool has_guest(const struct nyx_unit *unit)
{
	return nyx_viommu_has_guest(unit->guest.viommu);
}

/* Refuse a record for the value of a field, by the field's name in the table. */
static int bad_field(struct nyx_load *l, const struct table *table, const char *name, int err)
{
	unsigned int i;

	for (i = 0; i < table->nr; i++) {
		if (!strcmp(table->field[i].name, name))
			l->field = table->field[i].id;
	}
	return err;
}

/* ---- the unit ----------------------------------------------------------- */

/* Note the values that the unit gets back if the stream is refused. */
static void get_before(struct nyx_load *l)
{
	struct nyx_unit *unit = l->unit;

	mutex_lock(&unit->lock);
	l->policy = unit->cfg.policy;
	l->next_domain = unit->state.next_domain;
	mutex_unlock(&unit->lock);
	mutex_lock(&unit->irq.lock);
	l->irq_mode = unit->irq.mode;
	mutex_unlock(&unit->irq.lock);
}

static int load_unit(struct nyx_load *l, struct nyx_ucmd *uc, const union object *object)
{
	const struct object_unit *o = &object->unit;
	const struct nyx_unit_config *cfg = &l->unit->cfg;
	struct nyx_policy_set policy = { .scope = NYX_SCOPE_UNIT, .policy = o->policy };
	struct nyx_irq_setup irqs = { .mode = o->irq_mode };
	const char *differs = NULL;
	int ret;

	if (l->has_unit)
		return NYX_ERR(STREAM_ORDER);
	if (o->model != cfg->model)
		differs = "model";
	else if (o->address_width != cfg->address_width)
		differs = "address_width";
	else if (o->irt_entries != cfg->irt_entries)
		differs = "irt_entries";
	else if (memcmp(o->data, cfg->data, sizeof(o->data)))
		differs = "data";
	if (differs)
		return bad_field(l, &object_unit_table, differs, NYX_ERR(STREAM_DIFFERS));
	if (o->next_domain > U16_MAX + 1u)
		return bad_field(l, &object_unit_table, "next_domain", NYX_ERR(STREAM_VALUE));
	if (has_guest(l->unit) && o->irq_mode)
		return bad_field(l, &object_unit_table, "irq_mode", NYX_ERR(STREAM_VALUE));
	get_before(l);
	l->object = *o;
	l->has_unit = true;
	ret = nyx_ioctl_policy_set(uc, &policy);
	if (!ret && !has_guest(l->unit))
		ret = nyx_ioctl_irq_setup(uc, &irqs);
	return ret;
}

/* The VMM has added the memory: is it where it was? */
static int load_memory(struct nyx_load *l, struct nyx_ucmd *uc, const union object *object)
{
	const struct object_memory *o = &object->memory;
	const struct memslot *slot;
	bool same;

	if (o->flags & ~REGION_READONLY)
		return bad_field(l, &object_memory_table, "flags", NYX_ERR(STREAM_VALUE));
	mutex_lock(&l->unit->lock);
	rcu_read_lock();
	slot = memslots_next(&l->unit->mem, o->gpa);
	same = slot && slot->start == o->gpa && slot->last - slot->start == o->length - 1 &&
	       (region_flags(slot->region) & REGION_READONLY) == o->flags;
	rcu_read_unlock();
	mutex_unlock(&l->unit->lock);
	l->nr_memory++;
	return same ? 0 : NYX_ERR(STREAM_DIFFERS);
}

/* ---- domains ------------------------------------------------------------ */

static int load_limits(struct nyx_ucmd *uc, u32 scope, u32 id,
		       const struct nyx_limits *limits)
{
	struct nyx_limit_set cmd = { .scope = scope, .id = id, .limits = *limits };

	if (!memchr_inv(limits, 0, sizeof(*limits)))
		return 0;
	return nyx_ioctl_limit_set(uc, &cmd);
}

static int load_domain(struct nyx_load *l, struct nyx_ucmd *uc, const union object *object)
{
	const struct object_domain *o = &object->domain;
	struct nyx_domain_create cmd = {
		.flags = o->flags,
		.kind = o->kind,
		.format = o->format,
		.address_width = o->address_width,
		.domain_id = o->id,
		.page_sizes = o->page_sizes,
	};
	u32 known = NYX_DOMAIN_F_SHARED | NYX_DOMAIN_F_BATCHED |
		    (IS_ENABLED(CONFIG_NYX_ORACLE) ? NYX_DOMAIN_F_ORACLE : 0);
	int ret;

	/* Not NYX_ID_ANY: it would be a domain that the next records do not know. */
	if (!o->id)
		return bad_field(l, &object_domain_table, "id", NYX_ERR(STREAM_VALUE));
	if (o->flags & ~known)
		return bad_field(l, &object_domain_table, "flags", NYX_ERR(STREAM_VALUE));
	memcpy(cmd.name, o->name, sizeof(cmd.name));
	ret = nyx_ioctl_domain_create(uc, &cmd);
	return ret ?: load_limits(uc, NYX_SCOPE_DOMAIN, o->id, &o->limits);
}

static int load_mapping(struct nyx_load *l, struct nyx_ucmd *uc, const union object *object)
{
	const struct object_mapping *o = &object->mapping;
	struct nyx_map cmd = {
		.domain_id = l->reader.section.id,
		.prot = o->prot,
		.iova = o->iova,
		.gpa = o->gpa,
		.length = o->length,
	};
	u32 done;

	return nyx_ioctl_map(uc, &cmd, 1, &done);
}

/* ---- interrupts, devices ------------------------------------------------ */

static int load_irte(struct nyx_load *l, struct nyx_ucmd *uc, const union object *object)
{
	const struct object_irte *o = &object->irte;
	struct nyx_irte_set cmd = {
		.flags = o->flags,
		.index = o->index,
		.dest = o->dest,
		.vector = o->vector,
		.delivery = o->delivery,
		.source_check = o->source_check,
		.source_mask = o->source_mask,
		.source = o->source,
		.posted = o->posted,
	};
	const u32 known = NYX_IRTE_F_FPD | NYX_IRTE_F_LOGICAL | NYX_IRTE_F_LEVEL |
			  NYX_IRTE_F_HINT | NYX_IRTE_F_POSTED | NYX_IRTE_F_URGENT;
	u32 done;

	if (o->flags & ~known)
		return bad_field(l, &object_irte_table, "flags", NYX_ERR(STREAM_VALUE));
	return nyx_ioctl_irte_set(uc, &cmd, 1, &done);
}

static int load_tracker(struct nyx_load *l, const struct object_device *o)
{
	struct nyx_unit *unit = l->unit;
	struct nyx_device *dev;
	int ret = NYX_ERR(NO_SUCH_DEVICE);

	mutex_lock(&unit->lock);
	dev = xa_load(&unit->devices, o->sbdf);
	if (dev)
		ret = nyx_tracker_load(unit, dev, o);
	mutex_unlock(&unit->lock);
	return ret;
}

static int load_device(struct nyx_load *l, struct nyx_ucmd *uc, const union object *object)
{
	const struct object_device *o = &object->device;
	struct nyx_device_add add = { .sbdf = o->sbdf };
	struct nyx_device_attach attach = {
		.sbdf = o->sbdf,
		.domain_id = o->domain_id,
		.pasid = NYX_PASID_NONE,
	};
	struct nyx_policy_set policy = {
		.scope = NYX_SCOPE_DEVICE,
		.sbdf = o->sbdf,
		.policy = o->policy,
	};
	int ret;

	if (o->own_policy > 1)
		return bad_field(l, &object_device_table, "own_policy", NYX_ERR(STREAM_VALUE));
	if (o->domain_id && has_guest(l->unit))
		return bad_field(l, &object_device_table, "domain_id", NYX_ERR(STREAM_VALUE));
	ret = nyx_ioctl_device_add(uc, &add);
	if (!ret && o->domain_id)
		ret = nyx_ioctl_device_attach(uc, &attach);
	if (!ret && o->own_policy)
		ret = nyx_ioctl_policy_set(uc, &policy);
	if (!ret)
		ret = load_limits(uc, NYX_SCOPE_DEVICE, o->sbdf, &o->limits);
	return ret ?: load_tracker(l, o);
}

/* ---- the model, the end ------------------------------------------------- */

static int load_model(struct nyx_load *l)
{
	const struct frame_section *s = &l->reader.section;
	struct nyx_viommu *viommu = l->unit->guest.viommu;
	struct state_error error = {};
	int ret;

	if (!viommu->ops->load || s->id || l->has_model)
		return NYX_ERR(STREAM_SECTION);
	if (s->version != OBJECT_MODEL_VERSION)
		return NYX_ERR(STREAM_VERSION);
	ret = viommu->ops->load(viommu, l->reader.payload, s->length, &error);
	l->has_model = !ret;
	if (!ret || !error.why)
		return ret;
	/* The id of the field, which its head begins with. */
	if (error.name && error.offset + 4 <= s->length)
		l->field = frame_take(l->reader.payload + error.offset, 4);
	return NYX_ERR(STREAM_VALUE);
}

static int load_end(struct nyx_load *l, struct nyx_ucmd *uc, const union object *object)
{
	struct nyx_unit *unit = l->unit;

	if (object->end.nr_sections != l->nr_sections ||
	    (unit->guest.viommu->ops->load && !l->has_model))
		return NYX_ERR(STREAM_ENDS);
	mutex_lock(&unit->lock);
	unit->state.next_domain = l->object.next_domain;
	if (unit->nr_memory != l->nr_memory) {
		mutex_unlock(&unit->lock);
		l->section = NYX_SECTION_MEMORY;
		return NYX_ERR(STREAM_DIFFERS);
	}
	mutex_unlock(&unit->lock);
	mutex_lock(&unit->irq.lock);
	WRITE_ONCE(unit->irq.nr_changes, l->object.irq_changes);
	mutex_unlock(&unit->irq.lock);
	return 0;
}

/* ---- sections ----------------------------------------------------------- */

/**
 * struct loader - a kind of sections
 * @table: of its records
 * @load: do what a record says
 * @native: units with a guest have no such section
 * @of_object: the id of the section is an object's; otherwise it is 0
 * @single: the section has one record
 */
struct loader {
	const struct table *table;
	int (*load)(struct nyx_load *l, struct nyx_ucmd *uc, const union object *object);
	bool native;
	bool of_object;
	bool single;
};

static const struct loader loaders[] = {
	{ .table = &object_unit_table, .load = load_unit, .single = true },
	{ .table = &object_memory_table, .load = load_memory },
	{ .table = &object_domain_table, .load = load_domain, .native = true },
	{ .table = &object_mapping_table, .load = load_mapping, .native = true,
	  .of_object = true },
	{ .table = &object_irte_table, .load = load_irte, .native = true },
	{ .table = &object_device_table, .load = load_device },
	{ .table = &object_end_table, .load = load_end, .single = true },
};

static const struct loader *find_loader(u32 type)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(loaders); i++) {
		if (loaders[i].table->type == type)
			return &loaders[i];
	}
	return NULL;
}

static int load_records(struct nyx_load *l, const struct loader *loader)
{
	const struct frame_section *s = &l->reader.section;
	struct nyx_ucmd uc = { .unit = l->unit, .ticket = NYX_TICKET(l->unit) };
	struct table_reader r;
	union object object;
	int ret, err;

	if ((s->id && !loader->of_object) || (loader->native && has_guest(l->unit)))
		return NYX_ERR(STREAM_SECTION);
	ret = table_open(&r, loader->table, s, l->reader.payload);
	l->field = r.field;
	if (ret)
		return ret;
	if (loader->single && r.nr != 1)
		return NYX_ERR(STREAM_LENGTH);
	for (l->record = 0; !ret && table_next(&r, &object); l->record++) {
		l->field = 0;
		ret = fatal_signal_pending(current) ? -EINTR : loader->load(l, &uc, &object);
		cond_resched();
		if (ret)
			break;
	}
	err = nyx_inval_wait(&uc.ticket);
	if (!ret)
		l->record = U32_MAX;
	return ret ?: err;
}

static int load_section(struct nyx_load *l)
{
	const struct frame_section *s = &l->reader.section;
	const struct loader *loader = find_loader(s->type);
	int ret;

	l->section = s->type;
	l->id = s->id;
	l->part = s->part;
	l->record = U32_MAX;
	l->field = 0;
	/* Later versions may have more phases, which need not be understood alone. */
	if (s->phase)
		return NYX_ERR(STREAM_ORDER);
	if (!l->has_unit && s->type != NYX_SECTION_UNIT)
		return NYX_ERR(STREAM_ORDER);
	if (s->type == NYX_SECTION_MODEL)
		ret = load_model(l);
	else if (loader)
		ret = load_records(l, loader);
	else
		ret = s->flags & NYX_SECTION_F_MANDATORY ? NYX_ERR(STREAM_SECTION) : 0;
	l->nr_sections++;
	return ret;
}

/* ---- the whole ---------------------------------------------------------- */

bool nyx_load_empty(const struct nyx_unit *unit)
{
	struct nyx_viommu *viommu = unit->guest.viommu;

	return !READ_ONCE(unit->nr_domains) && !READ_ONCE(unit->nr_devices) &&
	       !READ_ONCE(unit->irq.nr_irtes) &&
	       (!viommu->ops->is_reset || viommu->ops->is_reset(viommu));
}

static void remove_devices(struct nyx_unit *unit)
{
	unsigned long sbdf = 0;
	struct nyx_device *dev;

	for (;; sbdf++) {
		mutex_lock(&unit->lock);
		dev = xa_find(&unit->devices, &sbdf, ULONG_MAX, XA_PRESENT);
		mutex_unlock(&unit->lock);
		/* The gate is closed: no command removes devices. */
		if (!dev)
			return;
		nyx_device_remove(unit, sbdf);
		cond_resched();
	}
}

static void remove_domains(struct nyx_unit *unit)
{
	struct nyx_domain *dom;
	u32 id = 0;

	for (;; id++) {
		dom = nyx_domain_next(unit, id);
		if (!dom)
			return;
		id = dom->id;
		nyx_domain_put(dom);
		nyx_domain_destroy(unit, id);
		cond_resched();
	}
}

/**
 * struct unloading - work that takes away what was loaded
 * @work: the work
 * @l: the load
 */
struct unloading {
	struct work_struct work;
	const struct nyx_load *l;
};

static void unload_work(struct work_struct *work)
{
	const struct nyx_load *l = container_of(work, struct unloading, work)->l;
	struct nyx_unit *unit = l->unit;
	struct nyx_viommu *viommu = unit->guest.viommu;
	struct nyx_ticket ticket = NYX_TICKET(unit);

	remove_devices(unit);
	if (has_guest(unit)) {
		if (viommu->ops->reset)
			viommu->ops->reset(viommu);
	} else {
		remove_domains(unit);
		nyx_irte_write(unit, 0, unit->irq.irt.nr, NULL, &ticket);
		nyx_irq_set_mode(unit, l->irq_mode, &ticket);
		nyx_inval_wait(&ticket);
	}
	nyx_policy_set(unit, NULL, &l->policy);
	mutex_lock(&unit->lock);
	unit->state.next_domain = l->next_domain;
	mutex_unlock(&unit->lock);
}

/* Take away all that was loaded. In a worker: a kill of the caller cuts no wait short. */
static void unload(const struct nyx_load *l)
{
	struct unloading unloading = { .l = l };

	INIT_WORK_ONSTACK(&unloading.work, unload_work);
	queue_work(system_unbound_wq, &unloading.work);
	flush_work(&unloading.work);
	destroy_work_on_stack(&unloading.work);
}

/* Refuse the stream; the unit is empty then. */
static void refuse(struct nyx_load *l, int error)
{
	l->error = error;
	/* Nothing was loaded without the first section. */
	if (l->has_unit)
		unload(l);
}

int nyx_load_write(struct nyx_load *l, const u8 *from, size_t len)
{
	size_t used;
	int ret;

	while (len && !l->error) {
		ret = frame_read(&l->reader, from, len, &used);
		from += used;
		len -= used;
		if (ret < 0) {
			l->section = l->reader.begun ? l->reader.section.type : 0;
			l->id = l->reader.section.id;
			l->part = l->reader.section.part;
			l->record = U32_MAX;
			l->field = 0;
		} else if (ret) {
			ret = load_section(l);
		}
		if (ret < 0)
			refuse(l, ret);
	}
	return l->error;
}

int nyx_load_end(struct nyx_load *l)
{
	/* Bytes behind the last section that are no head of another one. */
	bool trailing = l->reader.ended && l->reader.have;

	if (!l->error && (!l->reader.ended || trailing)) {
		l->section = l->reader.section.type;
		l->id = l->reader.section.id;
		l->part = l->reader.section.part;
		l->record = U32_MAX;
		l->field = 0;
		refuse(l, trailing ? NYX_ERR(STREAM_LENGTH) : NYX_ERR(STREAM_ENDS));
	}
	return l->error;
}
