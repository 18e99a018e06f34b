// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A module that is not there: listings, counters, and the table of commands.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "mock.h"

#include <errno.h>
#include <string.h>

static int module_info(struct nyx_module_info *info)
{
	unsigned int i;

	info->out_api_version = NYX_API_VERSION;
	info->out_models = 1u << NYX_MODEL_NATIVE | 1u << NYX_MODEL_VTD |
		1u << NYX_MODEL_AMDVI;
	info->out_formats = 1u << NYX_FORMAT_VTDSS | 1u << NYX_FORMAT_X86 | 1u << NYX_FORMAT_AMDV1;
	for (info->out_nr_units = 0, i = 0; i < MAX_UNITS; i++)
		info->out_nr_units += m_state->units[i].info.unit_id != 0;
	info->out_max_units = MAX_UNITS;
	strcpy((char *)info->out_version, "0.1.0");
	return 0;
}

/* One entry for a listing: the one with the smallest key from @start on. */
struct entry {
	bool found;
	uint64_t key;
	const void *data;
	size_t size;
};

static void consider(struct entry *best, uint64_t start, uint64_t key, const void *data,
		     size_t size)
{
	if (key < start || (best->found && best->key <= key))
		return;
	*best = (struct entry){ true, key, data, size };
}

static struct nyx_mapping_info merged;

static void next_mapping(struct m_unit *unit, uint32_t domain_id, uint64_t start,
			 struct entry *best)
{
	struct m_mapping *map;
	bool grown = true;

	for (map = unit->mappings; map < unit->mappings + MAX_MAPPINGS; map++) {
		if (map->used && map->domain_id == domain_id &&
		    map->info.iova + (map->info.length - 1) >= start)
			consider(best, 0, map->info.iova, &map->info, sizeof(map->info));
	}
	if (!best->found)
		return;
	memcpy(&merged, best->data, sizeof(merged));
	while (grown) {
		grown = false;
		for (map = unit->mappings; map < unit->mappings + MAX_MAPPINGS; map++) {
			if (!map->used || map->domain_id != domain_id ||
			    map->info.iova != merged.iova + merged.length ||
			    map->info.gpa != merged.gpa + merged.length ||
			    map->info.prot != merged.prot)
				continue;
			merged.length += map->info.length;
			if (map->info.page_size_lg2 < merged.page_size_lg2)
				merged.page_size_lg2 = map->info.page_size_lg2;
			grown = true;
		}
	}
	best->key = merged.iova + merged.length - 1;
	best->data = &merged;
	/* It begins where it is asked for. */
	if (merged.iova < start) {
		merged.gpa += start - merged.iova;
		merged.length -= start - merged.iova;
		merged.iova = start;
	}
}

static int next_entry(struct m_unit *unit, const struct nyx_list *l, uint64_t start,
		      struct entry *best)
{
	unsigned int i;

	memset(best, 0, sizeof(*best));
	switch (l->type) {
	case NYX_LIST_UNITS:
		for (i = 0; i < MAX_UNITS; i++) {
			if (m_state->units[i].info.unit_id)
				consider(best, start, m_state->units[i].info.unit_id,
					 &m_state->units[i].info, sizeof(struct nyx_unit_info));
		}
		return 0;
	case NYX_LIST_MEMORY:
		for (i = 0; i < MAX_MEMORY; i++) {
			if (unit->memory[i].used)
				consider(best, start, unit->memory[i].info.gpa,
					 &unit->memory[i].info, sizeof(struct nyx_memory_info));
		}
		return 0;
	case NYX_LIST_DOMAINS:
		for (i = 0; i < MAX_DOMAINS; i++) {
			if (unit->domains[i].info.domain_id)
				consider(best, start, unit->domains[i].info.domain_id,
					 &unit->domains[i].info, sizeof(struct nyx_domain_info));
		}
		return 0;
	case NYX_LIST_DEVICES:
		for (i = 0; i < MAX_DEVICES; i++) {
			if (!unit->devices[i].used)
				continue;
			m_device_flags(unit, &unit->devices[i]);
			consider(best, start, unit->devices[i].info.sbdf,
				 &unit->devices[i].info, sizeof(struct nyx_device_info));
		}
		return 0;
	case NYX_LIST_IRTES:
		for (i = 0; i < unit->info.irt_entries; i++) {
			if (unit->irt[i].present)
				consider(best, start, i, &unit->irt[i].info,
					 sizeof(struct nyx_irte_info));
		}
		return 0;
	case NYX_LIST_BINDINGS:
		for (i = 0; i < MAX_BINDINGS; i++) {
			if (unit->bindings[i].info.binding_id)
				consider(best, start, unit->bindings[i].info.binding_id,
					 &unit->bindings[i].info,
					 sizeof(struct nyx_binding_info));
		}
		return 0;
	case NYX_LIST_MAPPINGS:
		next_mapping(unit, l->domain_id, start, best);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int list(struct m_unit *unit, struct nyx_list *l)
{
	char *out = (char *)(uintptr_t)l->entries;
	uint64_t start = l->start;
	struct m_domain *dom = NULL;
	struct entry entry = { 0 };
	unsigned int i;
	int ret;

	if (l->entry_size < 8 || l->nr > NYX_ARRAY_MAX)
		return -EINVAL;
	if (l->type != NYX_LIST_UNITS && !unit)
		return -ENXIO;
	for (i = 0; i < MAX_UNITS; i++)
		m_unit_totals(&m_state->units[i]);
	if (l->type == NYX_LIST_MAPPINGS) {
		ret = m_paging_range(unit, l->domain_id, 0, 4096, &dom);
		if (ret)
			return ret;
	}
	l->out_nr = 0;
	for (;;) {
		ret = next_entry(unit, l, start, &entry);
		if (ret)
			return ret;
		l->out_more = entry.found;
		l->out_next = start;
		if (!entry.found || l->out_nr == l->nr)
			return 0;
		memset(out, 0, l->entry_size);
		memcpy(out, entry.data, entry.size < l->entry_size ? entry.size : l->entry_size);
		out += l->entry_size;
		l->out_nr++;
		start = entry.key + 1;
	}
}

static int stats(struct m_unit *unit, struct nyx_stats *s)
{
	uint64_t *out = (uint64_t *)(uintptr_t)s->values, sum[NYX_STAT_MAX] = { 0 };
	struct m_domain *dom;
	struct m_device *dev;
	unsigned int i, j;

	switch (s->scope) {
	case NYX_SCOPE_UNIT:
		memcpy(sum, unit->retired, sizeof(sum));
		for (i = 0; i < MAX_DOMAINS; i++) {
			for (j = 0; unit->domains[i].info.domain_id && j < NYX_STAT_MAX; j++)
				sum[j] += unit->domains[i].count[j];
		}
		m_unit_totals(unit);
		sum[NYX_STAT_FAULTS] = unit->info.fault_events;
		break;
	case NYX_SCOPE_DOMAIN:
		dom = m_domain_find(unit, s->id);
		if (!dom)
			return -ENOENT;
		memcpy(sum, dom->count, sizeof(sum));
		break;
	case NYX_SCOPE_DEVICE:
		dev = m_device_find(unit, s->id);
		if (!dev)
			return -ENOENT;
		memcpy(sum, dev->count, sizeof(sum));
		break;
	default:
		return -EOPNOTSUPP;
	}
	for (i = 0; i < s->nr; i++)
		out[i] = i < NYX_STAT_MAX ? sum[i] : 0;
	s->out_nr = NYX_STAT_MAX;
	return 0;
}

/* The first release of each structure, by command. */
static const uint32_t sizes[NYX_CMD_MAX] = {
	[NYX_CMD_MODULE_INFO] = sizeof(struct nyx_module_info),
	[NYX_CMD_UNIT_CREATE] = sizeof(struct nyx_unit_create),
	[NYX_CMD_UNIT_OPEN] = sizeof(struct nyx_unit_open),
	[NYX_CMD_UNIT_INFO] = sizeof(struct nyx_unit_info),
	[NYX_CMD_UNIT_KEEP] = sizeof(struct nyx_unit_keep),
	[NYX_CMD_UNIT_DESTROY] = sizeof(struct nyx_unit_destroy),
	[NYX_CMD_LIST] = sizeof(struct nyx_list),
	[NYX_CMD_STATS] = sizeof(struct nyx_stats),
	[NYX_CMD_MEMORY_ADD] = sizeof(struct nyx_memory_add),
	[NYX_CMD_MEMORY_REMOVE] = sizeof(struct nyx_memory_remove),
	[NYX_CMD_DOMAIN_CREATE] = sizeof(struct nyx_domain_create),
	[NYX_CMD_DOMAIN_DESTROY] = sizeof(struct nyx_domain_destroy),
	[NYX_CMD_DEVICE_ADD] = sizeof(struct nyx_device_add),
	[NYX_CMD_DEVICE_REMOVE] = sizeof(struct nyx_device_remove),
	[NYX_CMD_DEVICE_ATTACH] = sizeof(struct nyx_device_attach),
	[NYX_CMD_DEVICE_DETACH] = sizeof(struct nyx_device_detach),
	[NYX_CMD_MAP] = sizeof(struct nyx_map),
	[NYX_CMD_UNMAP] = sizeof(struct nyx_unmap),
	[NYX_CMD_INVALIDATE] = sizeof(struct nyx_invalidate),
	[NYX_CMD_TRANSLATE] = sizeof(struct nyx_translate),
	[NYX_CMD_DMA] = sizeof(struct nyx_dma),
	[NYX_CMD_ARRAY] = sizeof(struct nyx_array),
	[NYX_CMD_EVENTS_OPEN] = sizeof(struct nyx_events_open),
	[NYX_CMD_IRQ_SETUP] = sizeof(struct nyx_irq_setup),
	[NYX_CMD_IRTE_SET] = sizeof(struct nyx_irte_set),
	[NYX_CMD_IRTE_CLEAR] = sizeof(struct nyx_irte_clear),
	[NYX_CMD_IRQ_SEND] = sizeof(struct nyx_irq_send),
	[NYX_CMD_IRQ_BIND] = sizeof(struct nyx_irq_bind),
	[NYX_CMD_IRQ_UNBIND] = sizeof(struct nyx_irq_unbind),
	[NYX_CMD_IRQ_CHANGE] = sizeof(struct nyx_irq_change),
	[NYX_CMD_POLICY_SET] = sizeof(struct nyx_policy_set),
	[NYX_CMD_POLICY_GET] = sizeof(struct nyx_policy_get),
	[NYX_CMD_DEVICE_CONTROL] = sizeof(struct nyx_device_control),
	[NYX_CMD_LIMIT_SET] = sizeof(struct nyx_limit_set),
	[NYX_CMD_LIMIT_GET] = sizeof(struct nyx_limit_get),
	[NYX_CMD_PAGE_REQUEST] = sizeof(struct nyx_page_request),
	[NYX_CMD_PAGE_RESPOND] = sizeof(struct nyx_page_respond),
	[NYX_CMD_MMIO] = sizeof(struct nyx_mmio),
	[NYX_CMD_UNIT_RESET] = sizeof(struct nyx_unit_reset),
	[NYX_CMD_UNIT_SHARE] = sizeof(struct nyx_unit_share),
};

static int check_size(unsigned int cmd, const void *arg)
{
	const unsigned char *bytes = arg;
	uint32_t size, i;

	if (cmd >= NYX_CMD_MAX)
		return -ENOTTY;
	memcpy(&size, arg, sizeof(size));
	if (size < sizes[cmd])
		return -EINVAL;
	for (i = sizes[cmd]; i < size; i++) {
		if (bytes[i])
			return -E2BIG;
	}
	return 0;
}

static int array(struct m_unit *unit, struct nyx_array *a)
{
	char *item = (char *)(uintptr_t)a->items;
	int ret = 0;

	if (a->flags & ~NYX_ARRAY_F_STOP || (a->flags && a->cmd != NYX_CMD_DMA))
		return -EOPNOTSUPP;
	if (!a->nr || a->nr > NYX_ARRAY_MAX)
		return -EINVAL;
	ret = check_size(a->cmd, item);
	if (ret)
		return ret;
	if (m_model_refuses(unit, a->cmd))
		return -EOPNOTSUPP;
	for (a->out_done = 0; a->out_done < a->nr && !ret; item += a->item_size) {
		switch (a->cmd) {
		case NYX_CMD_MAP:
			ret = m_map(unit, (struct nyx_map *)item);
			break;
		case NYX_CMD_UNMAP:
			ret = m_unmap(unit, (struct nyx_unmap *)item);
			break;
		case NYX_CMD_INVALIDATE:
			ret = m_invalidate(unit, (struct nyx_invalidate *)item);
			break;
		case NYX_CMD_TRANSLATE:
			ret = m_translate(unit, (struct nyx_translate *)item);
			break;
		case NYX_CMD_DMA:
			ret = m_dma(unit, (struct nyx_dma *)item);
			if (!ret && a->flags &&
			    ((struct nyx_dma *)item)->out_fault.reason != NYX_FAULT_NONE)
				return 0;
			break;
		case NYX_CMD_IRTE_SET:
			ret = m_irte_set(unit, (struct nyx_irte_set *)item);
			break;
		case NYX_CMD_MMIO:
			ret = m_mmio(unit, (struct nyx_mmio *)item);
			break;
		case NYX_CMD_IRQ_SEND:
			ret = m_irq_send(unit, (struct nyx_irq_send *)item);
			break;
		default:
			return -EOPNOTSUPP;
		}
		a->out_done += !ret;
	}
	return ret;
}

static int events_open(struct m_unit *unit, struct nyx_events_open *e)
{
	uint64_t pos = unit->head;

	if (e->flags & ~3u)
		return -EOPNOTSUPP;
	if (e->flags & NYX_EVENTS_F_HISTORY)
		pos = unit->head > unit->info.event_entries ?
			unit->head - unit->info.event_entries : 0;
	e->out_fd = m_file_add(unit->info.unit_id, pos, e->flags & NYX_EVENTS_F_NONBLOCK);
	return e->out_fd < 0 ? e->out_fd : 0;
}

static int unit_info(struct m_unit *unit, struct nyx_unit_info *info)
{
	uint32_t size = info->size;

	m_unit_totals(unit);
	memcpy(info, &unit->info, size < sizeof(*info) ? size : sizeof(*info));
	info->size = size;
	return 0;
}

int m_command(struct m_file *file, unsigned long request, void *arg)
{
	struct m_unit *unit = m_unit_find(file->unit_id);
	struct nyx_device_detach *detach = arg;
	struct nyx_unit_keep *keep = arg;
	int ret;

	ret = check_size(request & 0xff, arg);
	if (ret)
		return ret;
	if (!unit)
		m_collect();
	switch (request) {
	case NYX_MODULE_INFO:
		return module_info(arg);
	case NYX_UNIT_CREATE:
		return m_unit_create(file, arg);
	case NYX_UNIT_OPEN:
		return m_unit_open(file, arg);
	case NYX_LIST:
		if (file->unit_id && !unit)
			return -ENODEV;
		return list(unit, arg);
	}
	if (!file->unit_id)
		return -ENXIO;
	if (!unit)
		return -ENODEV;
	if (m_model_refuses(unit, request & 0xff))
		return -EOPNOTSUPP;
	switch (request) {
	case NYX_UNIT_INFO:
		return unit_info(unit, arg);
	case NYX_UNIT_KEEP:
		if (keep->keep && !(unit->info.flags & NYX_UNIT_F_SHARED))
			return -EINVAL;
		unit->info.flags &= ~(uint32_t)NYX_UNIT_F_KEEP;
		unit->info.flags |= keep->keep ? NYX_UNIT_F_KEEP : 0;
		return 0;
	case NYX_UNIT_SHARE:
		return m_unit_share(unit);
	case NYX_UNIT_DESTROY:
		m_unit_free(unit);
		return 0;
	case NYX_STATS:
		return stats(unit, arg);
	case NYX_MEMORY_ADD:
		return m_memory_add(unit, arg);
	case NYX_MEMORY_REMOVE:
		return m_memory_remove(unit, arg);
	case NYX_DOMAIN_CREATE:
		return m_domain_create(unit, arg);
	case NYX_DOMAIN_DESTROY:
		return m_domain_destroy(unit, ((struct nyx_domain_destroy *)arg)->domain_id);
	case NYX_DEVICE_ADD:
		return m_device_add(unit, ((struct nyx_device_add *)arg)->sbdf);
	case NYX_DEVICE_REMOVE:
		return m_device_remove(unit, ((struct nyx_device_remove *)arg)->sbdf);
	case NYX_DEVICE_ATTACH:
		return m_device_attach(unit, arg);
	case NYX_DEVICE_DETACH:
		return m_device_detach(unit, m_device_find(unit, detach->sbdf));
	case NYX_MAP:
		return m_map(unit, arg);
	case NYX_UNMAP:
		return m_unmap(unit, arg);
	case NYX_INVALIDATE:
		return m_invalidate(unit, arg);
	case NYX_TRANSLATE:
		return m_translate(unit, arg);
	case NYX_DMA:
		return m_dma(unit, arg);
	case NYX_ARRAY:
		return array(unit, arg);
	case NYX_EVENTS_OPEN:
		return events_open(unit, arg);
	case NYX_IRQ_SETUP:
		return m_irq_setup(unit, arg);
	case NYX_IRTE_SET:
		return m_irte_set(unit, arg);
	case NYX_IRTE_CLEAR:
		return m_irte_clear(unit, arg);
	case NYX_IRQ_SEND:
		return m_irq_send(unit, arg);
	case NYX_IRQ_BIND:
		return m_irq_bind(unit, arg);
	case NYX_IRQ_UNBIND:
		return m_irq_unbind(unit, arg);
	case NYX_IRQ_CHANGE:
		return m_irq_change(unit, arg);
	case NYX_POLICY_SET:
		return m_policy_set(unit, arg);
	case NYX_POLICY_GET:
		return m_policy_get(unit, arg);
	case NYX_DEVICE_CONTROL:
		return m_device_control(unit, arg);
	case NYX_LIMIT_SET:
		return m_limit_set(unit, arg);
	case NYX_LIMIT_GET:
		return m_limit_get(unit, arg);
	case NYX_PAGE_REQUEST:
		return m_page_request(unit, arg);
	case NYX_PAGE_RESPOND:
		return m_page_respond(unit, arg);
	case NYX_MMIO:
		return m_mmio(unit, arg);
	case NYX_UNIT_RESET:
		return m_unit_reset(unit);
	default:
		return -ENOTTY;
	}
}
