// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A module that is not there: mappings.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "mock.h"

#include <errno.h>
#include <string.h>

int m_paging_range(struct m_unit *unit, uint32_t id, uint64_t iova, uint64_t length,
			struct m_domain **dom)
{
	int ret;

	*dom = m_domain_find(unit, id);
	if (!*dom)
		return -ENOENT;
	if ((*dom)->info.kind != NYX_DOMAIN_PAGING)
		return -EOPNOTSUPP;
	ret = m_check_range(iova, length);
	if (ret)
		return ret;
	if ((*dom)->info.address_width < 64 &&
	    (iova + (length - 1)) >> (*dom)->info.address_width)
		return -ERANGE;
	return 0;
}

/* The largest page by which the whole extent can be mapped. */
static uint32_t page_lg2(const struct m_domain *dom, const struct nyx_mapping_info *info)
{
	uint64_t bits = info->iova | info->gpa | info->length;
	uint32_t lg2 = 12, i;

	for (i = 13; i < 40; i++) {
		if (dom->info.page_sizes >> i & 1 && !(bits & ((UINT64_C(1) << i) - 1)))
			lg2 = i;
	}
	return lg2;
}

static struct m_mapping *mapping_new(struct m_unit *unit, const struct m_domain *dom,
				     uint64_t iova, uint64_t gpa, uint64_t length, uint32_t prot)
{
	struct m_mapping *map;

	for (map = unit->mappings; map < unit->mappings + MAX_MAPPINGS; map++) {
		if (map->used)
			continue;
		memset(map, 0, sizeof(*map));
		map->used = true;
		map->domain_id = dom->info.domain_id;
		map->info.iova = iova;
		map->info.gpa = gpa;
		map->info.length = length;
		map->info.prot = prot;
		map->info.page_size_lg2 = page_lg2(dom, &map->info);
		return map;
	}
	return NULL;
}

int m_map(struct m_unit *unit, const struct nyx_map *m)
{
	struct m_mapping *map;
	struct m_domain *dom;
	int ret;

	if (m->flags || m->prot & ~3u)
		return -EOPNOTSUPP;
	ret = m_paging_range(unit, m->domain_id, m->iova, m->length, &dom);
	if (ret)
		return ret;
	if (!m->prot || m->gpa & PAGE_MASK)
		return -EINVAL;
	for (map = unit->mappings; map < unit->mappings + MAX_MAPPINGS; map++) {
		if (map->used && map->domain_id == m->domain_id &&
		    m_overlap(m->iova, m->length, map->info.iova, map->info.length))
			return -EEXIST;
	}
	if (!mapping_new(unit, dom, m->iova, m->gpa, m->length, m->prot))
		return -ENOMEM;
	dom->info.mapped_bytes += m->length;
	dom->count[NYX_STAT_MAPS]++;
	dom->count[NYX_STAT_MAPPED_BYTES] += m->length;
	return 0;
}

int m_unmap(struct m_unit *unit, struct nyx_unmap *u)
{
	struct m_mapping *map;
	struct nyx_mapping_info old;
	struct m_domain *dom;
	uint64_t from, to;
	int ret;

	if (u->flags & ~(uint32_t)NYX_UNMAP_F_ALL)
		return -EOPNOTSUPP;
	if (u->flags && (u->iova || u->length))
		return -EINVAL;
	ret = m_paging_range(unit, u->domain_id, u->iova, u->flags ? 4096 : u->length, &dom);
	if (ret)
		return ret;
	u->out_unmapped = 0;
	for (map = unit->mappings; map < unit->mappings + MAX_MAPPINGS; map++) {
		old = map->info;
		if (!map->used || map->domain_id != u->domain_id ||
		    (!u->flags && !m_overlap(u->iova, u->length, old.iova, old.length)))
			continue;
		from = u->flags || u->iova < old.iova ? old.iova : u->iova;
		to = old.iova + old.length;
		if (!u->flags && u->iova + u->length < to)
			to = u->iova + u->length;
		map->used = false;
		m_past_add(unit, u->domain_id, from, to - from);
		u->out_unmapped += to - from;
		if (from > old.iova)
			mapping_new(unit, dom, old.iova, old.gpa, from - old.iova, old.prot);
		if (to < old.iova + old.length)
			mapping_new(unit, dom, to, old.gpa + (to - old.iova),
				    old.iova + old.length - to, old.prot);
	}
	if (!u->out_unmapped && !u->flags)
		return -ENOENT;
	dom->info.mapped_bytes -= u->out_unmapped;
	dom->count[NYX_STAT_UNMAPS]++;
	dom->count[NYX_STAT_UNMAPPED_BYTES] += u->out_unmapped;
	return 0;
}

int m_invalidate(struct m_unit *unit, const struct nyx_invalidate *inv)
{
	struct m_domain *dom = NULL;
	struct m_device *dev;
	unsigned int i;
	int ret = 0;

	if (inv->flags || inv->pasid != NYX_PASID_NONE)
		return -EOPNOTSUPP;
	switch (inv->scope) {
	case NYX_SCOPE_UNIT:
		break;
	case NYX_SCOPE_DOMAIN:
		dom = m_domain_find(unit, inv->domain_id);
		ret = dom ? 0 : -ENOENT;
		break;
	case NYX_SCOPE_DEVICE:
		dev = m_device_find(unit, inv->sbdf);
		ret = dev ? 0 : -ENOENT;
		dom = dev ? m_domain_find(unit, dev->info.domain_id) : NULL;
		break;
	case NYX_SCOPE_RANGE:
		ret = m_paging_range(unit, inv->domain_id, inv->iova, inv->length, &dom);
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (ret)
		return ret;
	for (i = 0; i < MAX_MAPPINGS; i++)
		unit->mappings[i].hot = false;
	if (dom)
		dom->count[inv->scope == NYX_SCOPE_RANGE ? NYX_STAT_INVALIDATIONS :
							   NYX_STAT_FLUSHES]++;
	return 0;
}
