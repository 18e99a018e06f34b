// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: mappings of a domain whose table the kernel has.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/space/map.h"

#include <linux/errno.h>
#include <linux/mutex.h>

#include "base/export.h"
#include "base/reason.h"
#include "base/trace.h"
#include "base/types.h"
#include "core/fault/history.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/listener.h"
#include "core/space/oracle.h"
#include "core/unit.h"

int nyx_domain_check_range(const struct nyx_domain *dom, u64 iova, u64 length,
			   u64 *last)
{
	if (dom->cfg.kind != NYX_DOMAIN_PAGING)
		return NYX_ERR(NOT_PAGING);
	if (!length)
		return NYX_ERR(EMPTY);
	if ((iova | length) & NYX_PAGE_MASK)
		return NYX_ERR(MISALIGNED);
	if (!nyx_range_last(iova, length, last))
		return NYX_ERR(OVERFLOW);
	return *last > dom->pt.va_last ? NYX_ERR(IOVA_WIDTH) : 0;
}

int nyx_domain_map(struct nyx_domain *dom, u64 iova, u64 last, u64 gpa,
		   unsigned int perm)
{
	struct pt_chain free = {};
	int ret;

	mutex_lock(&dom->lock);
	/* A range that was not mapped is not cached: nothing to invalidate. */
	ret = nyx_domain_oracle(dom) ?
		nyx_oracle_map(dom, iova, last, gpa, perm, &free) :
		pt_map(&dom->pt, iova, last, gpa, perm, &free);
	if (!ret)
		nyx_listeners_range(&dom->unit->listeners, dom, iova >> NYX_PAGE_LG2,
				    last >> NYX_PAGE_LG2);
	mutex_unlock(&dom->lock);
	pt_chain_free(&free);

	trace_nyx_map(dom->unit->id, dom->id, iova, last, gpa, perm, ret);
	if (!ret) {
		nyx_stat_add(dom->stats, NYX_STAT_MAPS, 1);
		nyx_stat_add(dom->stats, NYX_STAT_MAPPED_BYTES, last - iova + 1);
	}
	return ret;
}

int nyx_domain_unmap(struct nyx_domain *dom, u64 iova, u64 last, u64 *unmapped,
		     struct nyx_ticket *t)
{
	/* *unmapped wraps to 0 for a full 64-bit domain, so do not test it then. */
	bool whole = !iova && last >= dom->pt.va_last;
	struct pt_chain free = {};
	int ret;

	*unmapped = 0;
	nyx_history_prepare(dom);
	mutex_lock(&dom->lock);
	ret = nyx_history_before(dom, iova, last);
	if (!ret)
		ret = nyx_domain_oracle(dom) ?
			nyx_oracle_unmap(dom, iova, last, &free, unmapped) :
			pt_unmap(&dom->pt, iova, last, &free, unmapped);
	if (!ret && *unmapped)
		nyx_history_after(dom, iova, last);
	if (!ret && !(dom->cfg.flags & NYX_DOMAIN_F_BATCHED)) {
		if (*unmapped || whole)
			nyx_inval_range_locked(dom, iova, last, t);
		else
			nyx_ticket_range(t, dom, iova, last);
	}
	mutex_unlock(&dom->lock);
	pt_chain_free(&free);

	trace_nyx_unmap(dom->unit->id, dom->id, iova, last, *unmapped, ret);
	if (!ret && *unmapped) {
		nyx_stat_add(dom->stats, NYX_STAT_UNMAPS, 1);
		nyx_stat_add(dom->stats, NYX_STAT_UNMAPPED_BYTES, *unmapped);
	}
	return ret;
}

NYX_EXPORT_FOR_TEST(nyx_domain_check_range);
NYX_EXPORT_FOR_TEST(nyx_domain_map);
NYX_EXPORT_FOR_TEST(nyx_domain_unmap);
