// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands about mappings.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The commands of an array mostly name the same domain: it is looked up again
 * only when the id changes.
 */
#include <linux/build_bug.h>

#include "base/types.h"
#include "chr/ioctl.h"
#include "core/access/device.h"
#include "core/space/domain.h"
#include "core/space/map.h"
#include "core/unit.h"

static_assert(NYX_ACC_READ == NYX_PROT_READ);
static_assert(NYX_ACC_WRITE == NYX_PROT_WRITE);

/* Set *dom to the domain with this id, and take a reference. */
static int switch_domain(struct nyx_unit *unit, u32 id, struct nyx_domain **dom)
{
	if (*dom && (*dom)->id == id)
		return 0;
	if (*dom)
		nyx_domain_put(*dom);
	*dom = nyx_domain_get(unit, id);
	return *dom ? 0 : NYX_ERR(NO_SUCH_DOMAIN);
}

/* Call nyx_domain_check_range(), and name the field that is to blame. */
static int check_range(struct nyx_ucmd *uc, const struct nyx_domain *dom, u64 iova,
		       u64 length, u64 *last, u32 length_at)
{
	int ret = nyx_domain_check_range(dom, iova, length, last);

	if (ret == NYX_ERR(EMPTY) || ret == NYX_ERR(OVERFLOW) ||
	    (ret == NYX_ERR(MISALIGNED) && !(iova & NYX_PAGE_MASK)))
		uc->field = length_at;
	return ret;
}

static int map_one(struct nyx_ucmd *uc, struct nyx_domain *dom,
		   const struct nyx_map *cmd)
{
	u64 last, gpa_last;
	int ret;

	if (cmd->prot & ~NYX_ACC_RW)
		return NYX_BAD(uc, cmd, prot, UNKNOWN_VALUE);
	if (!cmd->prot)
		return NYX_BAD(uc, cmd, prot, OUT_OF_RANGE);
	if (cmd->gpa & NYX_PAGE_MASK)
		return NYX_BAD(uc, cmd, gpa, MISALIGNED);
	ret = check_range(uc, dom, cmd->iova, cmd->length, &last,
			  offsetof(struct nyx_map, length));
	if (ret)
		return ret;
	if (!nyx_range_last(cmd->gpa, cmd->length, &gpa_last))
		return NYX_BAD(uc, cmd, gpa, OVERFLOW);
	if (gpa_last > NYX_GPA_LAST)
		return NYX_ERR(GPA_WIDTH);
	ret = nyx_domain_map(dom, cmd->iova, last, cmd->gpa, cmd->prot);
	return ret == -EEXIST ? NYX_ERR(MAPPED) : ret;
}

int nyx_ioctl_map(struct nyx_ucmd *uc, void *items, u32 n, u32 *done)
{
	const struct nyx_map *cmd = items;
	struct nyx_domain *dom = NULL;
	int ret = 0;

	for (*done = 0; *done < n; (*done)++, cmd++) {
		ret = switch_domain(uc->unit, cmd->domain_id, &dom);
		if (!ret)
			ret = map_one(uc, dom, cmd);
		if (ret)
			break;
	}
	if (dom)
		nyx_domain_put(dom);
	return ret;
}

static int unmap_one(struct nyx_ucmd *uc, struct nyx_domain *dom,
		     struct nyx_unmap *cmd)
{
	bool all = cmd->flags & NYX_UNMAP_F_ALL;
	u64 last;
	int ret;

	if (all) {
		if (dom->cfg.kind != NYX_DOMAIN_PAGING)
			return NYX_ERR(NOT_PAGING);
		if (cmd->iova)
			return NYX_BAD(uc, cmd, iova, UNUSED);
		if (cmd->length)
			return NYX_BAD(uc, cmd, length, UNUSED);
		last = dom->pt.va_last;
	} else {
		ret = check_range(uc, dom, cmd->iova, cmd->length, &last,
				  offsetof(struct nyx_unmap, length));
		if (ret)
			return ret;
	}
	ret = nyx_domain_unmap(dom, cmd->iova, last, &cmd->out_unmapped, &uc->ticket);
	return ret ?: cmd->out_unmapped || all ? 0 : NYX_ERR(NOT_MAPPED);
}

int nyx_ioctl_unmap(struct nyx_ucmd *uc, void *items, u32 n, u32 *done)
{
	struct nyx_unmap *cmd = items;
	struct nyx_domain *dom = NULL;
	int ret = 0;

	for (*done = 0; *done < n; (*done)++, cmd++) {
		cmd->out_unmapped = 0;
		ret = switch_domain(uc->unit, cmd->domain_id, &dom);
		if (!ret)
			ret = unmap_one(uc, dom, cmd);
		if (ret)
			break;
	}
	if (dom)
		nyx_domain_put(dom);
	return ret;
}

/*
 * The domain that a device has now, with a reference, or NULL. The command waits for the
 * device's accesses in domains that it had before, too.
 */
static struct nyx_domain *device_domain(struct nyx_ucmd *uc, u32 sbdf)
{
	struct nyx_unit *unit = uc->unit;
	struct nyx_domain *dom = NULL;
	struct nyx_device *dev;

	mutex_lock(&unit->lock);
	dev = xa_load(&unit->devices, sbdf);
	if (dev) {
		dom = nyx_device_domain(unit, dev);
		refcount_inc(&dom->ref);
		nyx_ticket_device(&uc->ticket, dev);
	}
	mutex_unlock(&unit->lock);
	return dom;
}

static int invalidate_unit(struct nyx_ucmd *uc)
{
	struct nyx_domain *dom;
	unsigned long id = 0;

	while ((dom = nyx_domain_next(uc->unit, id))) {
		nyx_inval_range(dom, 0, U64_MAX, &uc->ticket);
		id = dom->id + 1ul;
		nyx_domain_put(dom);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int check_invalidate(struct nyx_ucmd *uc, const struct nyx_invalidate *cmd)
{
	bool range = cmd->scope == NYX_SCOPE_RANGE;

	if (cmd->scope > NYX_SCOPE_RANGE)
		return NYX_BAD(uc, cmd, scope, UNKNOWN_VALUE);
	if (cmd->pasid != NYX_PASID_NONE)
		return NYX_BAD(uc, cmd, pasid, PASID);
	if (!range && cmd->iova)
		return NYX_BAD(uc, cmd, iova, UNUSED);
	if (!range && cmd->length)
		return NYX_BAD(uc, cmd, length, UNUSED);
	if (cmd->scope != NYX_SCOPE_DEVICE && cmd->sbdf)
		return NYX_BAD(uc, cmd, sbdf, UNUSED);
	if (!range && cmd->scope != NYX_SCOPE_DOMAIN && cmd->domain_id)
		return NYX_BAD(uc, cmd, domain_id, UNUSED);
	return 0;
}

/* @cached is the domain of the item before, or NULL, as switch_domain() has it. */
static int invalidate_one(struct nyx_ucmd *uc, const struct nyx_invalidate *cmd,
			  struct nyx_domain **cached)
{
	struct nyx_domain *dom;
	u64 last = U64_MAX;
	int ret;

	ret = check_invalidate(uc, cmd);
	if (ret)
		return ret;

	if (cmd->scope == NYX_SCOPE_UNIT)
		return invalidate_unit(uc);
	if (cmd->scope == NYX_SCOPE_DEVICE) {
		dom = device_domain(uc, cmd->sbdf);
		if (!dom)
			return NYX_ERR(NO_SUCH_DEVICE);
		nyx_inval_range(dom, 0, U64_MAX, &uc->ticket);
		nyx_domain_put(dom);
		return 0;
	}
	ret = switch_domain(uc->unit, cmd->domain_id, cached);
	if (!ret && cmd->scope == NYX_SCOPE_RANGE)
		ret = check_range(uc, *cached, cmd->iova, cmd->length, &last,
				  offsetof(struct nyx_invalidate, length));
	if (!ret)
		nyx_inval_range(*cached, cmd->iova, last, &uc->ticket);
	return ret;
}

int nyx_ioctl_invalidate(struct nyx_ucmd *uc, void *items, u32 n, u32 *done)
{
	const struct nyx_invalidate *cmd = items;
	struct nyx_domain *dom = NULL;
	int ret = 0;

	for (*done = 0; *done < n; (*done)++, cmd++) {
		ret = invalidate_one(uc, cmd, &dom);
		if (ret)
			break;
	}
	if (dom)
		nyx_domain_put(dom);
	return ret;
}
