// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands about page requests.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "base/types.h"
#include "chr/ioctl.h"
#include "core/access/page.h"
#include "core/unit.h"

#define TIMEOUT_MAX_MS	600000u

static int check_pages(const struct nyx_page *page, u32 nr)
{
	for (; nr; nr--, page++) {
		if (page->__reserved)
			return NYX_ERR(RESERVED);
		if (page->access & ~NYX_ACC_RW)
			return NYX_ERR(UNKNOWN_VALUE);
		if (!page->access)
			return NYX_ERR(OUT_OF_RANGE);
		if (page->iova & NYX_PAGE_MASK)
			return NYX_ERR(MISALIGNED);
	}
	return 0;
}

int nyx_ioctl_page_request(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_page_request *cmd = _cmd;
	struct nyx_page_req req = {
		.sbdf = cmd->sbdf,
		.pasid = cmd->pasid,
		.nr = cmd->nr,
		.timeout_ms = cmd->timeout_ms,
		.wait = !(cmd->flags & NYX_PAGE_F_NOWAIT),
	};
	struct nyx_page *page;
	int ret;

	if (cmd->pasid != NYX_PASID_NONE)
		return NYX_BAD(uc, cmd, pasid, PASID);
	if (!cmd->nr || cmd->nr > NYX_PAGE_GROUP_MAX)
		return NYX_BAD(uc, cmd, nr, OUT_OF_RANGE);
	if (!cmd->timeout_ms || cmd->timeout_ms > TIMEOUT_MAX_MS)
		return NYX_BAD(uc, cmd, timeout_ms, OUT_OF_RANGE);
	page = kmalloc_array(cmd->nr, sizeof(*page), GFP_CALLER);
	if (!page)
		return -ENOMEM;
	req.page = page;
	cmd->out_response = 0;
	ret = copy_from_user(page, u64_to_user_ptr(cmd->pages),
			     array_size(cmd->nr, sizeof(*page))) ? -EFAULT :
		check_pages(page, cmd->nr);
	if (ret) {
		uc->field = offsetof(struct nyx_page_request, pages);
	} else {
		ret = nyx_page_request(uc->unit, &req);
		cmd->out_group = req.group;
		cmd->out_response = req.response;
	}
	kfree(page);
	return nyx_access_err(ret);
}

int nyx_ioctl_page_respond(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_page_respond *cmd = _cmd;

	if (cmd->response > NYX_PAGE_TIMEOUT)
		return NYX_BAD(uc, cmd, response, UNKNOWN_VALUE);
	/* Only the kernel may give this answer, when no other came in time. */
	if (cmd->response == NYX_PAGE_TIMEOUT)
		return NYX_BAD(uc, cmd, response, OUT_OF_RANGE);
	return nyx_page_respond(uc->unit, cmd->group, cmd->response);
}
