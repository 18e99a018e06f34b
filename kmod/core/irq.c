// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: interrupt remapping: from a device's message to what the processor sees.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/irq.h"

#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "base/export.h"
#include "base/trace.h"
#include "base/types.h"
#include "compat.h"
#include "core/device.h"
#include "core/domain.h"
#include "core/event.h"
#include "core/inval.h"
#include "core/irte.h"
#include "core/memory.h"
#include "core/qos.h"
#include "core/unit.h"

int nyx_irq_init(struct nyx_irq *irq, u32 entries)
{
	int ret;

	ret = irt_init(&irq->irt, entries);
	if (ret)
		return ret;
	ret = epoch_init(&irq->epoch);
	if (ret) {
		irt_fini(&irq->irt);
		return ret;
	}
	irq->mode = 0;
	irq->per_device = !entries;
	mutex_init(&irq->lock);
	xa_init_flags(&irq->bindings, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	return 0;
}

void nyx_irq_fini(struct nyx_irq *irq)
{
	xa_destroy(&irq->bindings);
	mutex_destroy(&irq->lock);
	epoch_fini(&irq->epoch);
	irt_fini(&irq->irt);
}

/* In the guest's own words. */
static void refusal_of(struct nyx_unit *unit, struct nyx_device *dev,
		       const struct nyx_irq_req *req, struct nyx_refusal *refusal)
{
	struct irt_device *irqs = READ_ONCE(dev->irqs);

	/* It was the table that refused it. */
	if (req->code)
		*refusal = req->refusal;
	else
		*refusal = (struct nyx_refusal) {
			.reason = req->reason,
			.tag = irqs ? READ_ONCE(irqs->tag) : 0,
		};
	refusal->code = unit->guest.front->ops->irq_code(refusal);
}

static void refused(struct nyx_unit *unit, struct nyx_device *dev,
		    struct nyx_domain *dom, const struct nyx_irq_req *req)
{
	struct nyx_front *front = unit->guest.front;
	struct nyx_refusal refusal = {};
	struct nyx_event event, state;

	if (req->reason == NYX_FAULT_QUARANTINED) {
		nyx_stat_add_both(dev->stats, dom->stats, NYX_STAT_REFUSED, 1);
		return;
	}
	if (req->msg.flags & NYX_IRTE_F_QUIET)
		return;

	memset(&event, 0, sizeof(event));
	event.type = NYX_EVENT_IRQ_FAULT;
	event.time_ns = ktime_get_boottime_ns();
	event.irq_fault.sbdf = req->sbdf;
	event.irq_fault.reason = req->reason;
	event.irq_fault.index = req->msg.index;
	event.irq_fault.data = req->data;
	event.irq_fault.address = req->address;
	if (front->ops->irq_code)
		refusal_of(unit, dev, req, &refusal);
	event.irq_fault.vendor = refusal.code;

	atomic64_inc(&dev->faults);
	WRITE_ONCE(dev->last_fault_ns, event.time_ns);
	atomic64_inc(&dom->faults);
	nyx_stat_add_both(dev->stats, dom->stats, NYX_STAT_FAULTS, 1);
	nyx_stat_add_both(dev->stats, dom->stats, NYX_STAT_IRQ_FAULTS, 1);
	if (nyx_guard_fault(unit, dev, &event, &state))
		nyx_events_push(unit->events, &event);
	if (refusal.code)
		front->ops->irq_fault(front, req, &refusal);
	nyx_guard_tell(unit, dev, &state);
}

static void finish(struct nyx_unit *unit, struct nyx_device *dev,
		   struct nyx_domain *dom, struct nyx_irq_req *req)
{
	if (req->result == NYX_IRQ_REFUSED) {
		refused(unit, dev, dom, req);
	} else {
		nyx_stat_add_both(dev->stats, dom->stats, NYX_STAT_IRQS, 1);
		if (req->msg.flags & NYX_IRTE_F_POSTED) {
			nyx_stat_add_both(dev->stats, dom->stats,
					  NYX_STAT_IRQS_POSTED, 1);
		}
		if (req->signal && req->result != NYX_IRQ_POSTED)
			compat_eventfd_signal(req->signal);
	}
	trace_nyx_irq(unit->id, req->sbdf, req->address, req->data,
		      req->msg.index, req->result, req->reason, req->msg.vector,
		      req->msg.dest);
}

/* Over a limit? Then it is charged for later if it can wait. */
static bool throttled(struct nyx_device *dev, struct nyx_domain *dom,
		      struct nyx_irq_wait *wait, bool reserve, bool keep)
{
	struct nyx_qos *mine = rcu_dereference(dev->qos);
	struct nyx_qos *ours = rcu_dereference(dom->qos);

	if (likely(!mine && !ours) || wait->charged)
		return false;
	wait->charge.work = (struct nyx_work){ .amount[NYX_RATE_IRQS] = 1 };
	wait->ns = nyx_qos_charge(mine, ours, &wait->charge, ktime_get_ns(),
				  reserve);
	wait->charged = reserve || !wait->ns;
	/* For who may have to take it back; not where it cannot be put. */
	if (wait->charged && keep && refcount_inc_not_zero(&dom->ref))
		wait->dom = dom;
	if (!wait->ns)
		return false;
	nyx_stat_add_both(dev->stats, dom->stats, NYX_STAT_THROTTLED, 1);
	return true;
}

void nyx_irq_wait_end(struct nyx_unit *unit, u32 sbdf, struct nyx_irq_wait *wait,
		      bool sent)
{
	if (!wait->charged)
		return;
	if (!sent)
		nyx_qos_give_back(unit, sbdf, wait->dom, &wait->charge);
	if (wait->dom)
		nyx_domain_put(wait->dom);
	*wait = (struct nyx_irq_wait){};
}

/*
 * Post as the entry says. -EINPROGRESS: @sleep is false, and the model has to look at
 * guest memory that may have to be brought in.
 */
static int post(struct nyx_unit *unit, struct nyx_irq_req *req, bool sleep)
{
	struct nyx_front *front = unit->guest.front;
	int ret;

	ret = front->ops->post_irte(front, req->sbdf, &req->msg, sleep,
				    &req->refusal);
	if (ret == -EACCES) {
		req->reason = req->refusal.reason;
		req->code = req->refusal.code;
		req->msg.flags = req->refusal.quiet ? NYX_IRTE_F_QUIET : 0;
		ret = NYX_IRQ_REFUSED;
	}
	if (ret < 0)
		return ret;
	req->result = ret;
	return 0;
}

static void post_failed(struct nyx_irq_req *req, int error)
{
	req->result = NYX_IRQ_REFUSED;
	req->reason = error == -EINVAL ? NYX_FAULT_IRQ_POST_RESERVED :
					 NYX_FAULT_IRQ_POST;
}

/* By the cache alone. */
static u32 remap(struct nyx_unit *unit, struct nyx_device *dev,
		 struct nyx_irq_req *req)
{
	struct nyx_irq *irq = &unit->irq;
	const struct irt *irt = &irq->irt;
	u32 mode = READ_ONCE(irq->mode), how = 0, reason;
	struct irt_device *irqs;
	struct irt_word w;

	if (unlikely(irq->per_device)) {
		/* Pairs with resolve_irqs(). */
		irqs = smp_load_acquire(&dev->irqs);
		how = irt_device_how(irqs);
		irt = how & IRT_KNOWN ? &irqs->irt : NULL;
	}
	reason = unit->guest.front->ops->decode_msg(how, mode, req->address,
						    req->data, &req->msg);
	if (unlikely(reason || req->msg.as_is))
		return reason;
	if (unlikely(irq->per_device && !(how & IRT_KNOWN)))
		return NYX_FAULT_IRQ_NOT_PRESENT;
	reason = irt_fetch(irt, req->msg.index, &w);
	return likely(!reason) ? irt_remap(&w, mode, req->sbdf, &req->msg) : reason;
}

/* Is it known that they are remapped? Else it may not be the entry that counts. */
static bool irqs_known(const struct nyx_device *dev)
{
	/* Pairs with resolve_irqs(). */
	return irt_device_known(smp_load_acquire(&dev->irqs));
}

/* Where an interrupt comes from, and what that allows. */
enum sender {
	SEND_COMMAND,	/* may sleep */
	SEND_WORKER,	/* may sleep; what is left over is handled in an interrupt */
	SEND_ATOMIC,
};

/*
 * All but the way to guest memory that may have to be brought in. On -EINPROGRESS
 * the caller has to go that way; unless it is SEND_ATOMIC, nyx_guest_mem_enter() was
 * called for it.
 */
static int attempt(struct nyx_unit *unit, struct nyx_irq_req *req,
		   struct nyx_irq_wait *wait, enum sender sender,
		   unsigned int *posting)
{
	struct nyx_irq *irq = &unit->irq;
	unsigned int pair = epoch_enter(&irq->epoch);
	struct nyx_device *dev;
	struct nyx_domain *dom;
	int error = 0, ret = 0;

	rcu_read_lock();
	dev = xa_load(&unit->devices, req->sbdf);
	dom = dev ? nyx_device_domain_rcu(dev) : NULL;
	if (unlikely(!dom || READ_ONCE(dev->leaving))) {
		ret = -ENOENT;
		goto out;
	}

	req->result = NYX_IRQ_DELIVER;
	req->code = 0;
	if (unlikely(READ_ONCE(dev->refused) || atomic_read(&dom->refused))) {
		req->msg = (struct irt_msg){ .index = IRT_INDEX_NONE };
		req->reason = NYX_FAULT_QUARANTINED;
	} else {
		req->reason = remap(unit, dev, req);
	}
	if (unlikely(req->reason == NYX_FAULT_IRQ_NOT_PRESENT &&
		     unit->guest.front->ops->decode_irte)) {
		/* Not in the cache of the guest's table: bring it in, once. */
		if (req->posted_index == req->msg.index && irqs_known(dev)) {
			req->reason = NYX_FAULT_NONE;
			req->msg.flags = NYX_IRTE_F_POSTED;
		} else if (req->refused_index == req->msg.index) {
			req->reason = req->refusal.reason;
			req->code = req->refusal.code;
			if (req->refusal.quiet)
				req->msg.flags |= NYX_IRTE_F_QUIET;
		} else {
			ret = -ENODATA;
			goto out;
		}
	}
	if (unlikely(throttled(dev, dom, wait, !req->nonblock,
			       sender == SEND_COMMAND))) {
		ret = -EAGAIN;
		goto out;
	}
	if (!req->reason && (req->msg.flags & NYX_IRTE_F_POSTED))
		error = sender == SEND_ATOMIC ? post(unit, req, false) :
						-EINPROGRESS;
	if (error == -EINPROGRESS) {
		if (sender != SEND_ATOMIC)
			*posting = nyx_guest_mem_enter(unit);
		ret = error;
		goto out;
	}
	if (unlikely(req->reason))
		req->result = NYX_IRQ_REFUSED;
	else if (unlikely(error))
		post_failed(req, error);
	finish(unit, dev, dom, req);
out:
	rcu_read_unlock();
	epoch_exit(&irq->epoch, pair);
	return ret;
}

int nyx_irq_try(struct nyx_unit *unit, struct nyx_irq_req *req,
		struct nyx_irq_wait *wait)
{
	int ret;

	req->refused_index = IRT_INDEX_NONE;
	ret = attempt(unit, req, wait, SEND_ATOMIC, NULL);
	return ret == -ENODATA ? -EINPROGRESS : ret;
}

/*
 * The rest of the way of a posted interrupt; inside nyx_guest_mem_enter(), so that its
 * device cannot go. @last: a kernel thread need not wait for memory any more.
 */
static int post_slow(struct nyx_unit *unit, struct nyx_irq_req *req, bool last)
{
	struct nyx_device *dev;
	struct nyx_domain *dom;
	unsigned int pair;
	int ret = post(unit, req, true);

	if (ret == -EINTR || (ret == -EAGAIN && !last))
		return ret;
	if (ret)
		post_failed(req, ret);
	/* The domain counts before it goes. */
	pair = epoch_enter(&unit->irq.epoch);
	rcu_read_lock();
	dev = xa_load(&unit->devices, req->sbdf);
	dom = dev ? nyx_device_domain_rcu(dev) : NULL;
	if (dom)
		finish(unit, dev, dom, req);
	rcu_read_unlock();
	epoch_exit(&unit->irq.epoch, pair);
	return 0;
}

/* Bring in the entry that attempt() has missed. 0: try again. */
static int bring_in(struct nyx_unit *unit, struct nyx_irq_req *req)
{
	int ret = nyx_guest_resolve_irte(unit, req->sbdf, req->msg.index,
					 &req->refusal);

	if (ret > 0)
		req->posted_index = req->msg.index;
	else if (ret == -EACCES)
		req->refused_index = req->msg.index;
	else
		return ret;
	return 0;
}

/* How often a worker brings in an entry that the guest takes away again. */
#define BRING_IN_TRIES	8u

int nyx_irq_try_slow(struct nyx_unit *unit, struct nyx_irq_req *req,
		     struct nyx_irq_wait *wait, bool last)
{
	unsigned int pair, tries;
	int ret, error;

	req->refused_index = IRT_INDEX_NONE;
	for (tries = 0;; tries++) {
		ret = attempt(unit, req, wait, SEND_WORKER, &pair);
		if (ret != -ENODATA)
			break;
		error = tries < BRING_IN_TRIES ? bring_in(unit, req) : -EAGAIN;
		if (error == -EAGAIN && !last)
			return -EBUSY;
		if (error) {
			req->refused_index = req->msg.index;
			req->refusal = (struct nyx_refusal) {
				.reason = NYX_FAULT_IRQ_TABLE,
			};
		}
	}
	if (ret == -EINPROGRESS) {
		ret = post_slow(unit, req, last);
		nyx_guest_mem_exit(unit, pair);
		if (ret == -EAGAIN)
			ret = -EBUSY;
	}
	return ret;
}

/* attempt(), with entries that are not in the cache brought in. */
static int attempt_guest(struct nyx_unit *unit, struct nyx_irq_req *req,
			 struct nyx_irq_wait *wait, unsigned int *posting)
{
	int ret;

	for (;;) {
		ret = attempt(unit, req, wait, SEND_COMMAND, posting);
		if (likely(ret != -ENODATA))
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = bring_in(unit, req);
		if (ret)
			return ret;
		cond_resched();
	}
}

int nyx_irq_send(struct nyx_unit *unit, struct nyx_irq_req *req)
{
	struct nyx_irq_wait wait = {};
	unsigned int pair;
	int ret;

	req->refused_index = IRT_INDEX_NONE;
	req->posted_index = IRT_INDEX_NONE;
	ret = attempt_guest(unit, req, &wait, &pair);
	if (unlikely(ret == -EAGAIN && wait.charged)) {
		ret = nyx_qos_wait(unit, req->sbdf, wait.dom, &wait.charge,
				   wait.ns);
		if (ret) {
			/* It was given back. */
			nyx_irq_wait_end(unit, req->sbdf, &wait, true);
			return ret;
		}
		ret = attempt_guest(unit, req, &wait, &pair);
	}
	if (ret == -EINPROGRESS) {
		ret = post_slow(unit, req, true);
		nyx_guest_mem_exit(unit, pair);
	}
	nyx_irq_wait_end(unit, req->sbdf, &wait, !ret);
	return ret;
}

void nyx_irq_set_mode(struct nyx_unit *unit, u32 mode, struct nyx_ticket *t)
{
	mutex_lock(&unit->irq.lock);
	WRITE_ONCE(unit->irq.mode, mode);
	nyx_irq_tell_change(unit, NYX_SBDF_ANY, 0,
			    unit->irq.irt.nr ?: IRT_DEVICE_ENTRIES);
	mutex_unlock(&unit->irq.lock);
	nyx_inval_irqs(t);
}

NYX_EXPORT_FOR_TEST(nyx_irq_send);
NYX_EXPORT_FOR_TEST(nyx_irq_set_mode);
