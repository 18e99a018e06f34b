// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: commands that end accesses: attach, detach, remove or stop a device, destroy a domain.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/attach.h"

#include <linux/err.h>
#include <linux/rcupdate.h>

#include "base/export.h"
#include "base/reason.h"
#include "core/access/device.h"
#include "core/access/page.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/listener.h"
#include "core/unit.h"

/*
 * A command moves a device in three steps: move_begin(); move_wait() for the accesses in
 * flight, without a lock; move_end(). In between, &nyx_device.moving keeps other commands
 * from moving or removing the device, and the device counts in both domains: a STRICT
 * domain is not free before the wait is over.
 *
 * From here on, accesses of @dev go to @to, by its plain context. Accesses in flight may
 * still be in the domain that move_begin() returns with a reference. A reader that enters
 * an epoch looks at the device's context again when it is inside; pairs with the barrier in
 * epoch_drain().
 */
static struct nyx_domain *move_begin(struct nyx_unit *unit,
				     struct nyx_device *dev,
				     struct nyx_domain *to, struct nyx_ticket *t)
{
	struct nyx_ctx *ctx = nyx_device_ctx(unit, dev);
	struct nyx_domain *from = ctx->dom;

	lockdep_assert_held(&unit->lock);
	refcount_inc(&from->ref);
	from->nr_leaving++;
	to->nr_devices++;
	nyx_device_set_ctx(dev, &to->ctx);
	dev->moving = true;
	nyx_inval_context(dev, ctx, t);
	return from;
}

/*
 * Wait for the accesses in flight in @from. If a kill cuts the wait short, the unit lists
 * the rest.
 */
static int move_wait(struct nyx_unit *unit, struct nyx_device *dev,
		     struct nyx_domain *from, struct nyx_ticket *t)
{
	int ret = nyx_inval_wait(t);

	mutex_lock(&unit->lock);
	from->nr_devices--;
	from->nr_leaving--;
	/* @dev->moving keeps other commands from taking @dev out of a domain meanwhile. */
	if (nyx_inval_is_done(ret))
		dev->left = 0;
	mutex_unlock(&unit->lock);
	/*
	 * @dev may have been the last device of a guest's domain: nyx_inval_drop() destroys
	 * @from, or fails if it has others. Try after a kill, too: while @dev counted in
	 * @from, no other thread could destroy it.
	 */
	if (from->cfg.kind == NYX_DOMAIN_GUEST)
		nyx_inval_drop(from);
	nyx_domain_put(from);
	return ret;
}

static void move_end(struct nyx_unit *unit, struct nyx_device *dev)
{
	mutex_lock(&unit->lock);
	dev->moving = false;
	mutex_unlock(&unit->lock);
}

/* Find a device that no other command is moving. */
static struct nyx_device *find_idle(struct nyx_unit *unit, u32 sbdf)
{
	struct nyx_device *dev = xa_load(&unit->devices, sbdf);

	lockdep_assert_held(&unit->lock);
	if (!dev)
		return ERR_PTR(NYX_ERR(NO_SUCH_DEVICE));
	return dev->moving ? ERR_PTR(NYX_ERR(DEVICE_MOVING)) : dev;
}

/*
 * find_idle() that returns a device with &nyx_unit.lock held. If there is no such device,
 * wait for accesses that found it before another command removed it: see
 * nyx_device_unpublish().
 */
static struct nyx_device *lock_idle(struct nyx_unit *unit, u32 sbdf)
{
	struct nyx_device *dev;

	mutex_lock(&unit->lock);
	dev = find_idle(unit, sbdf);
	if (IS_ERR(dev)) {
		mutex_unlock(&unit->lock);
		if (PTR_ERR(dev) == NYX_ERR(NO_SUCH_DEVICE))
			nyx_inval_wait_gone(unit);
	}
	return dev;
}

int nyx_device_remove(struct nyx_unit *unit, u32 sbdf)
{
	struct nyx_ticket ticket = NYX_TICKET(unit);
	struct nyx_domain *from;
	struct nyx_device *dev;
	int ret;

	dev = lock_idle(unit, sbdf);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	if (dev->nr_followers) {
		mutex_unlock(&unit->lock);
		return NYX_ERR(FOLLOWED);
	}
	from = move_begin(unit, dev, unit->blocked_domain, &ticket);
	WRITE_ONCE(dev->leaving, true);
	nyx_inval_lookups(&ticket);
	mutex_unlock(&unit->lock);

	ret = move_wait(unit, dev, from, &ticket);
	if (!nyx_inval_is_done(ret)) {
		WRITE_ONCE(dev->leaving, false);
		move_end(unit, dev);
	} else {
		nyx_device_unpublish(unit, dev);
		nyx_pages_drop_device(unit, dev);
		nyx_device_free(unit, dev);
	}
	return ret;
}

/* Does a domain have room for one more device? */
static int check_room(struct nyx_unit *unit, struct nyx_domain *dom)
{
	lockdep_assert_held(&unit->lock);
	if (dom->cfg.flags & NYX_DOMAIN_F_SHARED)
		return 0;
	if (dom->nr_devices > dom->nr_leaving)
		return NYX_ERR(DOMAIN_STRICT);
	/* After a kill, accesses of a device that has left may still be in @dom. */
	return dom->nr_leaving || nyx_inval_domain_busy(dom) ? NYX_ERR(DOMAIN_DRAINING) : 0;
}

int nyx_device_attach(struct nyx_unit *unit, u32 sbdf, u32 domain_id,
		      bool replace)
{
	struct nyx_ticket ticket = NYX_TICKET(unit);
	struct nyx_domain *dom, *from;
	struct nyx_device *dev;
	int ret = 0;

	mutex_lock(&unit->lock);
	dev = find_idle(unit, sbdf);
	dom = xa_load(&unit->domains, domain_id);
	if (IS_ERR(dev)) {
		ret = PTR_ERR(dev);
		goto out_unlock;
	}
	if (!dom) {
		ret = NYX_ERR(NO_SUCH_DOMAIN);
		goto out_unlock;
	}
	from = nyx_device_domain(unit, dev);
	if (from != unit->blocked_domain && !replace) {
		ret = NYX_ERR(DEVICE_ATTACHED);
		goto out_unlock;
	}
	if (dom->dying) {
		ret = NYX_ERR(DOMAIN_DYING);
		goto out_unlock;
	}
	/* @dev is attached to @dom, and no access of it is left in another domain. */
	if (from == dom && !nyx_inval_device_pending(unit, dev))
		goto out_unlock;
	if (from != dom)
		ret = check_room(unit, dom);
	if (ret)
		goto out_unlock;
	from = move_begin(unit, dev, dom, &ticket);
	mutex_unlock(&unit->lock);
	ret = move_wait(unit, dev, from, &ticket);
	move_end(unit, dev);
	return ret;

out_unlock:
	mutex_unlock(&unit->lock);
	return ret;
}

int nyx_device_detach(struct nyx_unit *unit, u32 sbdf)
{
	struct nyx_ticket ticket = NYX_TICKET(unit);
	struct nyx_domain *from;
	struct nyx_device *dev;
	bool attached;
	int ret;

	dev = lock_idle(unit, sbdf);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	attached = nyx_device_domain(unit, dev) != unit->blocked_domain;
	/* @dev is not attached, and no access of it is left in a domain that it had. */
	if (!attached && !nyx_inval_device_pending(unit, dev)) {
		mutex_unlock(&unit->lock);
		return NYX_ERR(NOT_ATTACHED);
	}
	from = move_begin(unit, dev, unit->blocked_domain, &ticket);
	mutex_unlock(&unit->lock);
	ret = move_wait(unit, dev, from, &ticket);
	move_end(unit, dev);
	return ret ?: attached ? 0 : NYX_ERR(NOT_ATTACHED);
}

/* Keep a device from being moved or removed, until move_end(). */
static struct nyx_device *lock_for_move(struct nyx_unit *unit, u32 sbdf)
{
	struct nyx_device *dev = lock_idle(unit, sbdf);

	if (IS_ERR(dev))
		return dev;
	dev->moving = true;
	mutex_unlock(&unit->lock);
	return dev;
}

/*
 * Wait for all accesses and interrupts of a device that is locked for a move.
 */
static int drain_device(struct nyx_unit *unit, struct nyx_device *dev)
{
	struct nyx_ticket ticket = NYX_TICKET(unit);

	mutex_lock(&unit->lock);
	nyx_ticket_device(&ticket, dev);
	/* Devices of the domain may be stopped, too. */
	nyx_listeners_device(&unit->listeners, NYX_SBDF_ANY);
	mutex_unlock(&unit->lock);
	nyx_inval_lookups(&ticket);
	return nyx_inval_wait(&ticket);
}

int nyx_device_control(struct nyx_unit *unit, u32 sbdf, u32 action)
{
	struct nyx_device *dev;
	int ret;

	dev = lock_for_move(unit, sbdf);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	nyx_tracker_control(unit, dev, action, NYX_STATE_BY_COMMAND);
	ret = action == NYX_DEVICE_DO_RESET ? 0 : drain_device(unit, dev);
	move_end(unit, dev);
	return ret;
}

int nyx_domain_destroy(struct nyx_unit *unit, u32 id)
{
	struct nyx_domain *dom = nyx_domain_get(unit, id);
	int ret;

	if (!dom)
		return NYX_ERR(NO_SUCH_DOMAIN);
	ret = nyx_inval_drop(dom);
	nyx_domain_put(dom);
	return ret;
}

NYX_EXPORT_FOR_TEST(nyx_domain_destroy);
NYX_EXPORT_FOR_TEST(nyx_device_attach);
NYX_EXPORT_FOR_TEST(nyx_device_control);
NYX_EXPORT_FOR_TEST(nyx_device_detach);
NYX_EXPORT_FOR_TEST(nyx_device_remove);
