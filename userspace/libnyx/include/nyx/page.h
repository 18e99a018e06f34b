/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: page requests: devices ask for pages that are not mapped.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A device model asks with nyx_page_request(). The server of the unit reads a
 * NYX_EVENT_PAGE_REQUEST for each page, maps them and answers the group with
 * nyx_page_respond().
 */
#ifndef NYX_PAGE_H
#define NYX_PAGE_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_page_request() - a device asks for pages, and waits for the answer
 * @unit: the unit
 * @device: the device, attached to a paging domain
 * @pages: the pages
 * @nr: how many, 1 to NYX_PAGE_GROUP_MAX: a group, which is answered as one
 * @timeout_ms: time for the answer, 1 to 600000
 * @group: where to put the group's id, or NULL
 * @response: where to put the answer, of enum nyx_page_response
 *
 * Return: 0, whatever the answer; -EINTR if a signal interrupted the wait: the
 * group is withdrawn, and the library does not ask again; -ENOSPC if
 * NYX_PAGE_GROUPS_MAX groups of the device have no answer; -EOPNOTSUPP if its
 * domain is not paging; -EPERM while the device is quarantined; -ENOENT; -EINVAL.
 */
int nyx_page_request(struct nyx_unit *unit, nyx_device_t device, const struct nyx_page *pages,
		     uint32_t nr, uint32_t timeout_ms, nyx_group_t *group, uint32_t *response);

/**
 * nyx_page_request_nowait() - a device asks for pages; the answer is an event
 * @unit: the unit
 * @device: as for nyx_page_request()
 * @pages: as for nyx_page_request()
 * @nr: as for nyx_page_request()
 * @timeout_ms: as for nyx_page_request()
 * @group: where to put the group's id, which the NYX_EVENT_PAGE_RESPONSE names,
 *         or NULL
 *
 * Return: as nyx_page_request(), but never -EINTR.
 */
int nyx_page_request_nowait(struct nyx_unit *unit, nyx_device_t device, const struct nyx_page *pages,
			    uint32_t nr, uint32_t timeout_ms, nyx_group_t *group);

/**
 * nyx_page_respond() - answer a group of pages
 * @unit: the unit
 * @group: the group, of the event
 * @response: NYX_PAGE_SUCCESS, NYX_PAGE_INVALID or NYX_PAGE_FAILURE
 *
 * Return: 0; -ENOENT if no group with this id waits for an answer; -EOPNOTSUPP
 * for another response.
 */
int nyx_page_respond(struct nyx_unit *unit, nyx_group_t group, uint32_t response);

#ifdef __cplusplus
}
#endif

#endif /* NYX_PAGE_H */
