/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: page requests: a device asks for pages, the VMM maps them and answers.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_CORE_PAGE_H
#define NYX_CORE_PAGE_H

#include <linux/mutex.h>
#include <linux/nyx_iommu.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

struct nyx_device;
struct nyx_unit;

/**
 * struct nyx_pages - page requests of a unit
 * @lock: protects what follows; inside no other lock
 * @groups: requests without an answer, by id
 * @nr_groups: entries of @groups
 * @nr_pages: pages of all @groups
 * @next_group: where the search for a free id begins
 * @wait: callers that wait for answers
 * @armed: @work will run
 * @due: if @armed: jiffies at which @work will run
 * @work: gives up on groups without a waiter and without an answer
 */
struct nyx_pages {
	struct mutex lock;
	struct xarray groups;
	u32 nr_groups;
	u32 nr_pages;
	u32 next_group;
	wait_queue_head_t wait;
	bool armed;
	unsigned long due;
	struct delayed_work work;
};

void nyx_pages_init(struct nyx_pages *pages);

/* Free the table; the unit takes no page requests any more. May sleep. */
void nyx_pages_fini(struct nyx_pages *pages);

/**
 * nyx_pages_end() - the unit has ended: wake the callers that wait for answers
 * @unit: the unit
 *
 * Context: may sleep.
 */
void nyx_pages_end(struct nyx_unit *unit);

/**
 * nyx_pages_drop_device() - a device is gone: its requests get no answer
 * @unit: the unit
 * @dev: the device, which cannot be found any more
 *
 * Context: may sleep.
 */
void nyx_pages_drop_device(struct nyx_unit *unit, struct nyx_device *dev);

/**
 * struct nyx_page_req - a request for pages
 * @sbdf: the device
 * @pasid: the PASID of the request
 * @page: the pages, checked by the caller
 * @nr: number of @page
 * @timeout_ms: time for the answer
 * @wait: wait for the answer
 * @group: set to the group's id
 * @response: set to the answer, if @wait
 */
struct nyx_page_req {
	u32 sbdf;
	u32 pasid;
	const struct nyx_page *page;
	u32 nr;
	u32 timeout_ms;
	bool wait;
	u32 group;
	u32 response;
};

/**
 * nyx_page_request() - a device asks for pages
 * @unit: the unit
 * @req: the request
 *
 * Context: may sleep.
 * Return: 0; -ENOENT if there is no such device, or it was removed meanwhile;
 * -EPERM if it is quarantined; -EOPNOTSUPP if its domain is not paging; -ENOSPC;
 * -ENOMEM; -EINTR; -ENODEV if the unit has ended.
 */
int nyx_page_request(struct nyx_unit *unit, struct nyx_page_req *req);

/**
 * nyx_page_respond() - answer a group
 * @unit: the unit
 * @group: id of the group
 * @response: of enum nyx_page_response
 *
 * Context: may sleep.
 * Return: 0 or -ENOENT.
 */
int nyx_page_respond(struct nyx_unit *unit, u32 group, u32 response);

#endif /* NYX_CORE_PAGE_H */
