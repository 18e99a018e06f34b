// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: page requests.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/page.h>

#include "private.h"

NYX_EXPORT int nyx_page_request(struct nyx_unit *unit, nyx_device_t device,
				const struct nyx_page *pages, uint32_t nr, uint32_t timeout_ms,
				nyx_group_t *group, uint32_t *response)
{
	struct nyx_page_request req = {
		.size = sizeof(req),
		.sbdf = device.sbdf,
		.pasid = NYX_PASID_NONE,
		.pages = (uintptr_t)pages,
		.nr = nr,
		.timeout_ms = timeout_ms,
	};
	int ret;

	/*
	 * Do not repeat after EINTR: the group is withdrawn, and a repetition would begin
	 * another.
	 */
	ret = nyx__ioctl_once(unit->fd, NYX_PAGE_REQUEST, &req);
	if (ret)
		return ret;
	if (group)
		group->id = req.out_group;
	*response = req.out_response;
	return 0;
}

NYX_EXPORT int nyx_page_request_nowait(struct nyx_unit *unit, nyx_device_t device,
				       const struct nyx_page *pages, uint32_t nr,
				       uint32_t timeout_ms, nyx_group_t *group)
{
	struct nyx_page_request req = {
		.size = sizeof(req),
		.flags = NYX_PAGE_F_NOWAIT,
		.sbdf = device.sbdf,
		.pasid = NYX_PASID_NONE,
		.pages = (uintptr_t)pages,
		.nr = nr,
		.timeout_ms = timeout_ms,
	};
	int ret;

	ret = nyx__ioctl(unit->fd, NYX_PAGE_REQUEST, &req);
	if (!ret && group)
		group->id = req.out_group;
	return ret;
}

NYX_EXPORT int nyx_page_respond(struct nyx_unit *unit, nyx_group_t group, uint32_t response)
{
	struct nyx_page_respond req = {
		.size = sizeof(req),
		.group = group.id,
		.response = response,
	};

	return nyx__ioctl(unit->fd, NYX_PAGE_RESPOND, &req);
}
