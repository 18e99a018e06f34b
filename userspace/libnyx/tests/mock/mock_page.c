// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A module that is not there: page requests.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A caller that waits gives the lock away meanwhile. Only such a caller has a time-out.
 */
#include "mock.h"

#include <errno.h>
#include <string.h>

static struct m_group *group_find(struct m_unit *unit, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < MAX_GROUPS; i++) {
		if (unit->groups[i].id == id)
			return &unit->groups[i];
	}
	return NULL;
}

static struct nyx_event_page *page_event(struct m_unit *unit, uint32_t type,
					 const struct m_group *group)
{
	struct nyx_event_page *page = &m_event(unit, type)->page;

	page->sbdf = group->sbdf;
	page->pasid = NYX_PASID_NONE;
	page->domain_id = group->domain_id;
	page->group = group->id;
	page->nr = group->nr;
	return page;
}

static int check(struct m_unit *unit, const struct nyx_page_request *r, struct m_domain **dom)
{
	const struct nyx_page *pages = (const struct nyx_page *)(uintptr_t)r->pages;
	struct m_device *dev = m_device_find(unit, r->sbdf);
	uint32_t i, nr = 0;

	if (r->flags & ~(uint32_t)NYX_PAGE_F_NOWAIT || r->pasid != NYX_PASID_NONE)
		return -EOPNOTSUPP;
	if (!r->nr || r->nr > NYX_PAGE_GROUP_MAX || !r->timeout_ms || r->timeout_ms > 600000)
		return -EINVAL;
	for (i = 0; i < r->nr; i++) {
		if (pages[i].access & ~3u || pages[i].__reserved)
			return -EOPNOTSUPP;
		if (pages[i].iova & PAGE_MASK || !pages[i].access)
			return -EINVAL;
	}
	if (!dev)
		return -ENOENT;
	if (m_refused(unit, dev, false))
		return -EPERM;
	*dom = m_domain_find(unit, dev->info.domain_id);
	if (!*dom || (*dom)->info.kind != NYX_DOMAIN_PAGING)
		return -EOPNOTSUPP;
	for (i = 0; i < MAX_GROUPS; i++)
		nr += unit->groups[i].id && unit->groups[i].sbdf == r->sbdf;
	return nr >= NYX_PAGE_GROUPS_MAX ? -ENOSPC : 0;
}

static int wait_for_answer(uint32_t unit_id, uint32_t id, uint64_t deadline,
			   struct nyx_page_request *r)
{
	struct m_group *group;
	struct m_unit *unit;

	for (;;) {
		unit = m_unit_find(unit_id);
		group = unit ? group_find(unit, id) : NULL;
		if (!group)
			return -ENODEV;
		if (group->answered || m_now() > deadline)
			break;
		m_pause();
	}
	r->out_response = group->answered ? group->response : NYX_PAGE_TIMEOUT;
	group->id = 0;
	return 0;
}

int m_page_request(struct m_unit *unit, struct nyx_page_request *r)
{
	const struct nyx_page *pages = (const struct nyx_page *)(uintptr_t)r->pages;
	struct nyx_event_page *page;
	struct m_group *group;
	struct m_domain *dom;
	uint32_t i;
	int ret;

	ret = check(unit, r, &dom);
	if (ret)
		return ret;
	group = group_find(unit, 0);
	if (!group)
		return -ENOMEM;
	memset(group, 0, sizeof(*group));
	group->id = ++unit->last_group;
	group->sbdf = r->sbdf;
	group->domain_id = dom->info.domain_id;
	group->nr = r->nr;
	group->nowait = r->flags & NYX_PAGE_F_NOWAIT;
	r->out_group = group->id;
	r->out_response = 0;
	m_count(unit, m_device_find(unit, r->sbdf), NYX_STAT_PAGE_REQUESTS, r->nr);
	for (i = 0; i < r->nr; i++) {
		page = page_event(unit, NYX_EVENT_PAGE_REQUEST, group);
		page->iova = pages[i].iova;
		page->access = pages[i].access;
		page->index = i;
	}
	if (group->nowait)
		return 0;
	return wait_for_answer(unit->info.unit_id, group->id,
			       m_now() + (uint64_t)r->timeout_ms * 1000000, r);
}

int m_page_respond(struct m_unit *unit, const struct nyx_page_respond *r)
{
	struct m_group *group = r->group ? group_find(unit, r->group) : NULL;

	if (r->response == NYX_PAGE_TIMEOUT)
		return -EINVAL;
	if (r->flags || r->response > NYX_PAGE_FAILURE)
		return -EOPNOTSUPP;
	if (!group || group->answered)
		return -ENOENT;
	group->response = r->response;
	group->answered = true;
	if (group->nowait) {
		page_event(unit, NYX_EVENT_PAGE_RESPONSE, group)->response = r->response;
		group->id = 0;
	}
	return 0;
}
