// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: page requests: a device asks for pages, the VMM maps them and answers.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A group is in the table for as long as it has no answer. The answer takes the group out;
 * so does a timeout, by wait_for_answer() or, for a group without a waiter, by pages_work().
 * A caller that waits frees its group; group_close() frees others.
 */
#include "core/access/page.h"

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/export.h"
#include "base/reason.h"
#include "base/types.h"
#include "core/access/device.h"
#include "core/access/translate.h"
#include "core/fault/event.h"
#include "core/space/domain.h"
#include "core/unit.h"

/* Limit on the requests of a unit that have no answer. */
#define GROUPS_MAX	4096u

/* How a group ends that a caller waits for. */
enum group_fate { GROUP_OPEN, GROUP_ANSWERED, GROUP_NO_DEVICE, GROUP_NO_UNIT };

/**
 * struct page_group - a request
 * @id: its id
 * @dev: the device; cannot go while the group is in the table
 * @pasid: the PASID of the request
 * @domain_id: its domain
 * @nr: pages
 * @deadline: jiffies at which its time is over
 * @wait: a caller waits for it
 * @fate: of enum group_fate
 * @response: the answer
 */
struct page_group {
	u32 id;
	struct nyx_device *dev;
	u32 pasid;
	u32 domain_id;
	u32 nr;
	unsigned long deadline;
	bool wait;
	enum group_fate fate;
	u32 response;
};

static void emit(struct nyx_unit *unit, const struct page_group *group, u32 type,
		 const struct nyx_page *page, u32 index)
{
	struct nyx_event event;

	memset(&event, 0, sizeof(event));
	event.type = type;
	event.page.sbdf = group->dev->sbdf;
	event.page.pasid = group->pasid;
	event.page.domain_id = group->domain_id;
	event.page.group = group->id;
	event.page.nr = group->nr;
	event.page.response = group->response;
	if (page) {
		event.page.iova = page->iova;
		event.page.access = page->access;
		event.page.index = index;
	}
	nyx_events_push(unit->events, &event);
}

/* Take a group out of the table. */
static void group_remove(struct nyx_pages *pages, struct page_group *group)
{
	lockdep_assert_held(&pages->lock);
	xa_erase(&pages->groups, group->id);
	group->dev->nr_groups--;
	pages->nr_groups--;
	pages->nr_pages -= group->nr;
}

/* Take a group out of the table, with its answer or without one. */
static void group_close(struct nyx_unit *unit, struct page_group *group,
			enum group_fate fate, u32 response)
{
	struct nyx_pages *pages = &unit->pages;

	lockdep_assert_held(&pages->lock);
	group_remove(pages, group);
	group->response = response;
	if (group->wait) {
		WRITE_ONCE(group->fate, fate);
		wake_up_all(&pages->wait);
		return;		/* freed by the waiter */
	}
	emit(unit, group, NYX_EVENT_PAGE_RESPONSE, NULL, 0);
	kfree(group);
}

/* Let pages_work() run at @deadline, if not before. */
static void arm(struct nyx_pages *pages, unsigned long deadline)
{
	unsigned long now = jiffies;

	lockdep_assert_held(&pages->lock);
	if (pages->armed && !time_before(deadline, pages->due))
		return;
	pages->armed = true;
	pages->due = deadline;
	mod_delayed_work(system_unbound_wq, &pages->work,
			 time_after(deadline, now) ? deadline - now : 0);
}

/* Close the groups without a waiter whose deadline has passed. */
static void pages_work(struct work_struct *work)
{
	struct nyx_pages *pages = container_of(work, struct nyx_pages, work.work);
	struct nyx_unit *unit = container_of(pages, struct nyx_unit, pages);
	unsigned long id, now = jiffies, next = 0;
	struct page_group *group;
	bool more = false;

	mutex_lock(&pages->lock);
	pages->armed = false;
	xa_for_each(&pages->groups, id, group) {
		if (group->wait)
			continue;
		if (time_after_eq(now, group->deadline)) {
			group_close(unit, group, GROUP_ANSWERED, NYX_PAGE_TIMEOUT);
			continue;
		}
		if (!more || time_before(group->deadline, next))
			next = group->deadline;
		more = true;
	}
	if (more)
		arm(pages, next);
	mutex_unlock(&pages->lock);
}

void nyx_pages_init(struct nyx_pages *pages)
{
	mutex_init(&pages->lock);
	xa_init_flags(&pages->groups, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	init_waitqueue_head(&pages->wait);
	INIT_DELAYED_WORK(&pages->work, pages_work);
}

void nyx_pages_fini(struct nyx_pages *pages)
{
	cancel_delayed_work_sync(&pages->work);
	xa_destroy(&pages->groups);
	mutex_destroy(&pages->lock);
}

static void close_all(struct nyx_unit *unit, const struct nyx_device *dev,
		      enum group_fate fate)
{
	struct page_group *group;
	unsigned long id;

	mutex_lock(&unit->pages.lock);
	xa_for_each(&unit->pages.groups, id, group) {
		if (!dev || group->dev == dev)
			group_close(unit, group, fate, NYX_PAGE_INVALID);
	}
	mutex_unlock(&unit->pages.lock);
}

void nyx_pages_end(struct nyx_unit *unit)
{
	close_all(unit, NULL, GROUP_NO_UNIT);
}

void nyx_pages_drop_device(struct nyx_unit *unit, struct nyx_device *dev)
{
	if (dev->nr_groups)
		close_all(unit, dev, GROUP_NO_DEVICE);
}

/* Put a group into the table. The caller's access keeps the device of the group. */
static int group_publish(struct nyx_unit *unit, struct page_group *group)
{
	struct nyx_pages *pages = &unit->pages;
	int ret;

	lockdep_assert_held(&pages->lock);
	if (READ_ONCE(unit->dead))
		return NYX_ERR(UNIT_ENDED);
	if (group->dev->nr_groups >= NYX_PAGE_GROUPS_MAX)
		return NYX_ERR(GROUPS_MAX_DEVICE);
	if (pages->nr_groups >= GROUPS_MAX ||
	    pages->nr_pages + group->nr > unit->cfg.event_entries / 2)
		return NYX_ERR(GROUPS_MAX_UNIT);
	ret = xa_alloc_cyclic(&pages->groups, &group->id, group,
			      XA_LIMIT(1, INT_MAX), &pages->next_group,
			      GFP_CALLER);
	if (ret < 0)
		return ret;
	group->dev->nr_groups++;
	pages->nr_groups++;
	pages->nr_pages += group->nr;
	return 0;
}

/*
 * 0, or an error if quarantine stops the request, which is counted as an access is. The
 * mark of the device is read once: a command may change it meanwhile.
 */
static int check_quarantine(const struct nyx_access *acc, const struct nyx_page_req *req)
{
	bool own = READ_ONCE(acc->dev->quarantined);
	struct nyx_fault_info fault;

	if (!own && !atomic_read(&acc->dom->quarantined))
		return 0;
	nyx_access_fault(acc, NYX_FAULT_QUARANTINED, req->page->iova, req->page->access,
			 NYX_GPA_UNKNOWN, &fault);
	nyx_access_report(acc, &fault, 0);
	return own ? NYX_ERR(QUARANTINED) : NYX_ERR(DOMAIN_QUARANTINED);
}

/* Ask: put the group into the table, and push its events. */
static int ask(struct nyx_unit *unit, struct page_group *group,
	       struct nyx_page_req *req)
{
	struct nyx_access acc;
	u32 i;
	int ret;

	mutex_lock(&unit->pages.lock);
	/* nyx_device_remove() waits for this access, and then closes the group. */
	ret = nyx_access_begin(unit, req->sbdf, req->pasid, &acc);
	if (ret)
		goto out_unlock;
	group->dev = acc.dev;
	group->domain_id = acc.dom->id;
	ret = check_quarantine(&acc, req);
	if (!ret)
		ret = acc.dom->cfg.kind == NYX_DOMAIN_PAGING ? group_publish(unit, group) :
							       NYX_ERR(DEVICE_NOT_PAGING);
	if (!ret) {
		req->group = group->id;
		group->deadline = jiffies + msecs_to_jiffies(req->timeout_ms) + 1;
		for (i = 0; i < group->nr; i++)
			emit(unit, group, NYX_EVENT_PAGE_REQUEST, &req->page[i], i);
		nyx_stat_add_both(acc.dev->stats, acc.dom->stats,
				  NYX_STAT_PAGE_REQUESTS, group->nr);
		if (!group->wait)
			arm(&unit->pages, group->deadline);
	}
	nyx_access_end(&acc);
out_unlock:
	mutex_unlock(&unit->pages.lock);
	return ret;
}

/* Wait for the answer. On return the group is out of the table. */
static int wait_for_answer(struct nyx_unit *unit, struct page_group *group,
			   u32 *response)
{
	struct nyx_pages *pages = &unit->pages;
	unsigned long now = jiffies, timeout = 0;
	long left;

	if (time_before(now, group->deadline))
		timeout = group->deadline - now;
	left = wait_event_interruptible_timeout(pages->wait,
						READ_ONCE(group->fate) != GROUP_OPEN,
						timeout);

	mutex_lock(&pages->lock);
	if (group->fate == GROUP_OPEN) {
		group_remove(pages, group);
		group->response = NYX_PAGE_TIMEOUT;
	}
	mutex_unlock(&pages->lock);

	switch (group->fate) {
	case GROUP_NO_DEVICE:
		return -ENOENT;
	case GROUP_NO_UNIT:
		return NYX_ERR(UNIT_ENDED);
	case GROUP_OPEN:
		if (left < 0)
			return -EINTR;
		break;
	default:
		break;
	}
	*response = group->response;
	return 0;
}

int nyx_page_request(struct nyx_unit *unit, struct nyx_page_req *req)
{
	struct page_group *group;
	int ret;

	group = kzalloc(sizeof(*group), GFP_CALLER);
	if (!group)
		return -ENOMEM;
	group->pasid = req->pasid;
	group->nr = req->nr;
	group->wait = req->wait;
	ret = ask(unit, group, req);
	if (ret) {
		kfree(group);
		return ret;
	}
	if (!req->wait)
		return 0;
	ret = wait_for_answer(unit, group, &req->response);
	kfree(group);
	return ret;
}

int nyx_page_respond(struct nyx_unit *unit, u32 id, u32 response)
{
	struct page_group *group;

	mutex_lock(&unit->pages.lock);
	group = xa_load(&unit->pages.groups, id);
	if (group)
		group_close(unit, group, GROUP_ANSWERED, response);
	mutex_unlock(&unit->pages.lock);
	return group ? 0 : NYX_ERR(NO_SUCH_GROUP);
}

NYX_EXPORT_FOR_TEST(nyx_page_request);
