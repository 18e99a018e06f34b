// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A module that is not there: interrupts.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Interrupts that are sent are remapped and posted as they should be. Bindings
 * are checked and stored; nobody listens to their sources.
 */
#include "mock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NO_INDEX	UINT32_MAX

static bool any_binding(const struct m_unit *unit)
{
	unsigned int i;

	for (i = 0; i < MAX_BINDINGS; i++) {
		if (unit->bindings[i].info.binding_id)
			return true;
	}
	return false;
}

static void changed(struct m_unit *unit, uint32_t index, uint32_t nr)
{
	struct nyx_event *event;

	if (!any_binding(unit))
		return;
	event = m_event(unit, NYX_EVENT_IRTE);
	event->irte.index = index;
	event->irte.nr = nr;
	event->irte.sbdf = NYX_SBDF_ANY;
}

int m_irq_setup(struct m_unit *unit, const struct nyx_irq_setup *s)
{
	if (s->flags || s->__reserved || s->mode & ~7u)
		return -EOPNOTSUPP;
	if (s->mode && !(s->mode & NYX_IRQ_MODE_XAPIC))
		return -EINVAL;
	unit->info.irq_mode = s->mode;
	changed(unit, 0, unit->info.irt_entries);
	return 0;
}

static int irte_check(const struct m_unit *unit, const struct nyx_irte_set *s)
{
	static const uint8_t masks[] = { 0, 4, 6, 7 };
	bool posted = s->flags & NYX_IRTE_F_POSTED;
	unsigned int i;

	if (s->flags & ~0x3fu || s->source_check > NYX_SOURCE_BUS || s->delivery == 3 ||
	    s->delivery == 6 || s->delivery > 7)
		return -EOPNOTSUPP;
	if (s->index >= unit->info.irt_entries)
		return -EINVAL;
	for (i = 0; i < 4 && masks[i] != s->source_mask; i++)
		;
	if (i == 4 || (s->source_check != NYX_SOURCE_RID && s->source_mask) ||
	    (s->source_check == NYX_SOURCE_ANY && s->source) ||
	    (s->source_check == NYX_SOURCE_BUS && (s->source >> 8 & 0xff) > (s->source & 0xff)))
		return -EINVAL;
	if (s->delivery <= NYX_DELIVERY_LOWEST && s->vector < 16)
		return -EINVAL;
	if (posted ? s->dest || s->delivery || s->posted & 63 || s->flags & 0xe :
		     s->posted || s->flags & NYX_IRTE_F_URGENT)
		return -EINVAL;
	return s->posted >> 52 ? -ERANGE : 0;
}

int m_irte_set(struct m_unit *unit, const struct nyx_irte_set *s)
{
	struct m_irte *irte;
	int ret;

	ret = irte_check(unit, s);
	if (ret)
		return ret;
	irte = &unit->irt[s->index];
	irte->present = true;
	irte->info = (struct nyx_irte_info){
		.index = s->index,
		.flags = s->flags,
		.dest = s->dest,
		.source = s->source,
		.vector = s->vector,
		.delivery = s->delivery,
		.source_check = s->source_check,
		.source_mask = s->source_mask,
		.posted = s->posted,
	};
	changed(unit, s->index, 1);
	return 0;
}

int m_irte_clear(struct m_unit *unit, const struct nyx_irte_clear *c)
{
	uint32_t i, nr = 0;

	if (c->flags)
		return -EOPNOTSUPP;
	if (!c->nr || c->index >= unit->info.irt_entries ||
	    c->nr > unit->info.irt_entries - c->index)
		return -EINVAL;
	for (i = c->index; i < c->index + c->nr; i++) {
		nr += unit->irt[i].present;
		unit->irt[i].present = false;
	}
	if (!nr)
		return -ENOENT;
	changed(unit, c->index, c->nr);
	return 0;
}

static bool source_ok(const struct nyx_irte_info *irte, uint32_t sbdf)
{
	uint32_t bus = NYX_SBDF_BUS(sbdf);

	switch (irte->source_check) {
	case NYX_SOURCE_RID:
		return !((sbdf ^ irte->source) & ~(uint32_t)irte->source_mask);
	case NYX_SOURCE_BUS:
		return NYX_SBDF_SEGMENT(sbdf) == irte->source >> 16 &&
		       bus >= (irte->source >> 8 & 0xff) && bus <= (irte->source & 0xff);
	default:
		return true;
	}
}

/* Pass the message on unchanged; take one of the compatibility format apart for the answer. */
static void pass(struct nyx_irq_send *irq)
{
	irq->out_dest = (uint32_t)(irq->address >> 12) & 0xff;
	irq->out_vector = (uint8_t)irq->data;
	irq->out_delivery = irq->data >> 8 & 7;
	irq->out_flags = (irq->address & 4 ? NYX_IRTE_F_LOGICAL : 0) |
		(irq->address & 8 ? NYX_IRTE_F_HINT : 0) |
		(irq->data & 0x8000 ? NYX_IRTE_F_LEVEL : 0);
}

static void compose(struct nyx_irq_send *irq)
{
	irq->out_address = 0xfee00000 | (irq->out_dest & 0xff) << 12 |
		(uint64_t)(irq->out_dest & ~0xffu) << 32 |
		(irq->out_flags & NYX_IRTE_F_HINT ? 8 : 0) |
		(irq->out_flags & NYX_IRTE_F_LOGICAL ? 4 : 0);
	irq->out_data = irq->out_vector | (uint32_t)irq->out_delivery << 8 |
		(irq->out_flags & NYX_IRTE_F_LEVEL ? 0xc000 : 0);
}

/* VT-d specification, section 9.11: 256 requests; ON, SN, NV, NDST. */
static uint32_t post(struct m_unit *unit, const struct nyx_irte_info *irte,
		     struct nyx_irq_send *irq)
{
	bool urgent = irte->flags & NYX_IRTE_F_URGENT;
	unsigned char pid[64];

	if (!m_peek(unit, irte->posted, pid, sizeof(pid)) || pid[32] & 0xfc || pid[33] || pid[35])
		return NYX_FAULT_IRQ_POST;
	pid[irte->vector / 8] |= (unsigned char)(1 << irte->vector % 8);
	irq->out_result = NYX_IRQ_POSTED;
	irq->out_vector = 0;
	if (!(pid[32] & 1) && (urgent || !(pid[32] & 2))) {
		pid[32] |= 1;
		irq->out_result = NYX_IRQ_NOTIFY;
		irq->out_vector = pid[34];
		memcpy(&irq->out_dest, pid + 36, sizeof(irq->out_dest));
		if (unit->info.irq_mode & NYX_IRQ_MODE_XAPIC)
			irq->out_dest = irq->out_dest >> 8 & 0xff;
		compose(irq);
	}
	return m_poke(unit, irte->posted, pid, sizeof(pid)) ? NYX_FAULT_NONE : NYX_FAULT_IRQ_POST;
}

/* Returns why it is refused. *irte: its entry, if there is one. */
static uint32_t remap(struct m_unit *unit, struct nyx_irq_send *irq, struct nyx_irte_info **irte)
{
	uint32_t index, mode = unit->info.irq_mode;

	if (irq->address >> 20 != 0xfee)
		return NYX_FAULT_IRQ_REQUEST;
	if (mode & NYX_IRQ_MODE_OFF || (!(irq->address & 0x10) && mode & NYX_IRQ_MODE_COMPAT)) {
		pass(irq);
		compose(irq);
		return NYX_FAULT_NONE;
	}
	if (!(irq->address & 0x10))
		return NYX_FAULT_IRQ_COMPAT;
	index = (irq->address >> 5 & 0x7fff) | (uint32_t)(irq->address >> 2 & 1) << 15;
	if (irq->address & 8) {
		if (irq->data >> 16)
			return NYX_FAULT_IRQ_REQUEST;
		index += irq->data;
	}
	irq->out_index = index;
	if (index >= unit->info.irt_entries)
		return NYX_FAULT_IRQ_INDEX;
	if (!unit->irt[index].present)
		return NYX_FAULT_IRQ_NOT_PRESENT;
	*irte = &unit->irt[index].info;
	if (mode & NYX_IRQ_MODE_XAPIC && (*irte)->dest > 0xff)
		return NYX_FAULT_IRQ_RESERVED;
	if (!source_ok(*irte, irq->sbdf))
		return NYX_FAULT_IRQ_SOURCE;
	irq->out_flags = (*irte)->flags & (NYX_IRTE_F_LOGICAL | NYX_IRTE_F_LEVEL |
					   NYX_IRTE_F_HINT | NYX_IRTE_F_POSTED);
	irq->out_vector = (*irte)->vector;
	if ((*irte)->flags & NYX_IRTE_F_POSTED)
		return post(unit, *irte, irq);
	irq->out_delivery = (*irte)->delivery;
	irq->out_dest = (*irte)->dest;
	compose(irq);
	return NYX_FAULT_NONE;
}

int m_irq_send(struct m_unit *unit, struct nyx_irq_send *irq)
{
	struct m_device *dev = m_device_find(unit, irq->sbdf);
	struct nyx_irte_info *irte = NULL;
	const uint64_t one = 1;

	if (irq->flags & ~(uint32_t)NYX_IRQ_F_SIGNAL || irq->__reserved)
		return -EOPNOTSUPP;
	if (!(irq->flags & NYX_IRQ_F_SIGNAL) && irq->eventfd && irq->eventfd != -1)
		return -EINVAL;
	if (!dev)
		return -ENOENT;
	irq->out_result = NYX_IRQ_DELIVER;
	irq->out_address = 0;
	irq->out_data = irq->out_dest = irq->out_reason = 0;
	irq->out_vector = irq->out_delivery = 0;
	irq->out_flags = 0;
	irq->out_index = NO_INDEX;
	irq->out_reason = m_refused(unit, dev, true) ? NYX_FAULT_QUARANTINED : remap(unit, irq, &irte);
	if (irq->out_reason) {
		irq->out_result = NYX_IRQ_REFUSED;
		irq->out_vector = irq->out_delivery = 0;
		irq->out_flags = 0;
		irq->out_dest = 0;
		if (irq->out_reason != NYX_FAULT_QUARANTINED &&
		    !(irte && irte->flags & NYX_IRTE_F_QUIET))
			m_irq_fault(unit, dev, irq);
		return 0;
	}
	m_count(unit, dev, NYX_STAT_IRQS, 1);
	if (irq->out_flags & NYX_IRTE_F_POSTED)
		m_count(unit, dev, NYX_STAT_IRQS_POSTED, 1);
	if (irq->flags && irq->out_result != NYX_IRQ_POSTED &&
	    write(irq->eventfd, &one, sizeof(one)) < 0)
		return -EINVAL;
	return 0;
}

/* The eventfd's id in the system, or 0. */
static uint64_t eventfd_id(int fd)
{
	unsigned long id = 0, value;
	bool is = false;
	char line[128];
	FILE *file;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		is |= !strncmp(line, "eventfd-count:", 14);
		if (sscanf(line, "eventfd-id: %lu", &value) == 1)
			id = value;
	}
	fclose(file);
	return is ? id + 1 : 0;
}

static struct m_binding *binding_find(struct m_unit *unit, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < MAX_BINDINGS; i++) {
		if (unit->bindings[i].info.binding_id == id)
			return &unit->bindings[i];
	}
	return NULL;
}

static bool coalesce_ok(uint32_t us)
{
	return us <= 1000000;
}

int m_irq_bind(struct m_unit *unit, struct nyx_irq_bind *b)
{
	uint64_t source = eventfd_id(b->source), target = eventfd_id(b->target);
	struct m_binding *slot = binding_find(unit, 0), *other;

	if (b->flags & ~(uint32_t)NYX_BIND_F_MASKED || b->__reserved)
		return -EOPNOTSUPP;
	if (!source || !target || source == target || !coalesce_ok(b->coalesce_us))
		return -EINVAL;
	if (!m_device_find(unit, b->sbdf))
		return -ENOENT;
	for (other = unit->bindings; other < unit->bindings + MAX_BINDINGS; other++) {
		if (!other->info.binding_id)
			continue;
		if (other->source == source)
			return -EBUSY;
		if (other->target == source || other->source == target)
			return -ELOOP;
	}
	if (!slot)
		return -ENOSPC;
	memset(slot, 0, sizeof(*slot));
	slot->source = source;
	slot->target = target;
	slot->info.binding_id = ++unit->last_binding_id;
	slot->info.flags = b->flags;
	slot->info.sbdf = b->sbdf;
	slot->info.data = b->data;
	slot->info.address = b->address;
	slot->info.coalesce_us = b->coalesce_us;
	slot->info.coalesce_count = b->coalesce_count;
	b->out_binding_id = slot->info.binding_id;
	return 0;
}

int m_irq_unbind(struct m_unit *unit, const struct nyx_irq_unbind *u)
{
	struct m_binding *binding = u->binding_id ? binding_find(unit, u->binding_id) : NULL;

	if (u->flags || u->__reserved)
		return -EOPNOTSUPP;
	if (!binding)
		return -ENOENT;
	memset(binding, 0, sizeof(*binding));
	return 0;
}

int m_irq_change(struct m_unit *unit, const struct nyx_irq_change *c)
{
	struct m_binding *binding = c->binding_id ? binding_find(unit, c->binding_id) : NULL;
	struct nyx_binding_info *info = binding ? &binding->info : NULL;

	if (c->flags & ~7u || c->__reserved)
		return -EOPNOTSUPP;
	if (!c->flags || c->masked > 1 || !coalesce_ok(c->coalesce_us) ||
	    (!(c->flags & NYX_CHANGE_F_MASK) && c->masked) ||
	    (!(c->flags & NYX_CHANGE_F_MESSAGE) && (c->address || c->data)) ||
	    (!(c->flags & NYX_CHANGE_F_COALESCE) && (c->coalesce_us || c->coalesce_count)))
		return -EINVAL;
	if (!info)
		return -ENOENT;
	if (c->flags & NYX_CHANGE_F_MASK)
		info->flags = c->masked ? NYX_BIND_F_MASKED : 0;
	if (c->flags & NYX_CHANGE_F_MESSAGE) {
		info->address = c->address;
		info->data = c->data;
	}
	if (c->flags & NYX_CHANGE_F_COALESCE) {
		info->coalesce_us = c->coalesce_us;
		info->coalesce_count = c->coalesce_count;
	}
	return 0;
}

void m_bindings_drop(struct m_unit *unit, uint32_t sbdf)
{
	struct m_binding *binding;

	for (binding = unit->bindings; binding < unit->bindings + MAX_BINDINGS; binding++) {
		if (binding->info.binding_id && binding->info.sbdf == sbdf)
			memset(binding, 0, sizeof(*binding));
	}
}
