// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: bound interrupts are sent: at once, or by the unit's worker.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/irq/irqfd_send.h"

#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "base/trace.h"
#include "base/types.h"
#include "core/account/tenant.h"
#include "core/irq/irq.h"
#include "core/unit.h"

/*
 * For how long the worker tries again for memory that is not at hand, without the time of
 * the attempts: 104 attempts at most.
 */
#define PATIENCE_MS	5000u

/* Interrupts that a worker sends before it is the turn of other units. */
#define TURNS_MAX	64u

/* Runs worker() of all units; its CPUs and nice value are in sysfs. */
static struct workqueue_struct *workers;

/* ---- deadlines ---------------------------------------------------------- */

static void due_remove(struct nyx_irqfds *fds, struct nyx_binding *b)
{
	lockdep_assert_held(&fds->lock);
	if (timerqueue_node_queued(&b->due))
		timerqueue_del(&fds->due, &b->due);
}

static void unqueue(struct nyx_binding *b)
{
	struct nyx_irqfds *fds = b->unit->irq.fds;

	lockdep_assert_held(&b->lock);
	/*
	 * With @b->lock held no other thread puts @b into the queue; the worker may take it
	 * out.
	 */
	if (!data_race(timerqueue_node_queued(&b->due)))
		return;
	spin_lock(&fds->lock);
	due_remove(fds, b);
	spin_unlock(&fds->lock);
}

void nyx_binding_queue(struct nyx_binding *b, u64 ns)
{
	struct nyx_irqfds *fds = b->unit->irq.fds;

	lockdep_assert_held(&b->lock);
	spin_lock(&fds->lock);
	due_remove(fds, b);
	b->due.expires = ktime_add_ns(ktime_get(), ns);
	if (!timerqueue_add(&fds->due, &b->due))
		;	/* an earlier deadline wakes the worker */
	else if (ns)
		hrtimer_start(&fds->timer, b->due.expires, HRTIMER_MODE_ABS_SOFT);
	else
		queue_work(workers, &fds->work);
	spin_unlock(&fds->lock);
}

void nyx_binding_signal(struct nyx_binding *b, u64 n)
{
	const struct nyx_binding_config *cfg = &b->cfg;

	lockdep_assert_held(&b->lock);
	b->held = n > U32_MAX - b->held ? U32_MAX : b->held + n;
	if (!b->held || cfg->masked || b->state >= NYX_BINDING_DEFERRED)
		return;
	if (!cfg->coalesce_us || (cfg->coalesce_count && b->held >= cfg->coalesce_count)) {
		irq_work_queue(&b->work);
	} else if (b->state == NYX_BINDING_IDLE) {
		b->state = NYX_BINDING_HELD;
		nyx_binding_queue(b, (u64)cfg->coalesce_us * NSEC_PER_USEC);
	}
}

/* End the wait of a binding for memory, if it waits. */
static void stall_end(struct nyx_binding *b)
{
	lockdep_assert_held(&b->lock);
	if (!b->waited_ms)
		return;
	WRITE_ONCE(b->waited_ms, 0);
	nyx_tenants_add(b->unit, NYX_TENANT_STALLED, -1);
	if (atomic_dec_and_test(&b->unit->irq.fds->nr_stalled))
		nyx_tenants_add(b->unit, NYX_TENANT_STALLED_UNITS, -1);
}

void nyx_binding_stop(struct nyx_binding *b)
{
	lockdep_assert_held(&b->lock);
	b->state = NYX_BINDING_DEAD;
	unqueue(b);
	stall_end(b);
}

/* ---- sending ------------------------------------------------------------ */

/*
 * Take the interrupt that is held, and the charge for it. Returns false if this caller has
 * none to send. @worker: the caller is the worker, which has taken @b out of the queue, and
 * alone sends for @b until it is done.
 */
static bool compose(struct nyx_binding *b, bool worker, struct nyx_irq_req *req,
		    struct nyx_irq_wait *limit)
{
	unsigned long flags;
	bool send = false;

	*limit = (struct nyx_irq_wait){};
	*req = (struct nyx_irq_req) {
		.sbdf = b->cfg.sbdf,
		.signal = b->target,
	};
	spin_lock_irqsave(&b->lock, flags);
	if (b->state == NYX_BINDING_DEAD)
		goto out_unlock;
	/*
	 * If @b is queued again it has another deadline; if it is deferred only the worker
	 * sends.
	 */
	if (worker ? data_race(timerqueue_node_queued(&b->due)) :
		     b->state == NYX_BINDING_DEFERRED)
		goto out_unlock;
	/* Signals that come from now on get a deadline of their own. */
	unqueue(b);
	*limit = b->limit;
	b->limit = (struct nyx_irq_wait){};
	send = b->held && !b->cfg.masked && !READ_ONCE(b->unit->dead);
	if (send) {
		b->held = 0;
		req->data = b->cfg.data;
		req->address = b->cfg.address;
	} else {
		stall_end(b);
	}
	b->state = send && worker ? NYX_BINDING_DEFERRED : NYX_BINDING_IDLE;
out_unlock:
	spin_unlock_irqrestore(&b->lock, flags);
	if (!send)
		nyx_irq_wait_end(b->unit, req->sbdf, limit, false);
	return send;
}

/* Hold the interrupt again, with its charge. The caller gives @b a deadline. */
static void put_back(struct nyx_binding *b, struct nyx_irq_wait *limit)
{
	lockdep_assert_held(&b->lock);
	b->held += b->held < U32_MAX;
	b->state = NYX_BINDING_DEFERRED;
	b->limit = *limit;
	*limit = (struct nyx_irq_wait){};
}

/* Let the worker send the interrupt after @ns; signals that come until then join it. */
static void defer(struct nyx_binding *b, bool worker, struct nyx_irq_wait *limit, u64 ns)
{
	unsigned long flags;

	spin_lock_irqsave(&b->lock, flags);
	/* Another sender has deferred its interrupt: this one joins it. */
	if (b->state == NYX_BINDING_DEFERRED && !worker) {
		b->held += b->held < U32_MAX;
	} else if (b->state != NYX_BINDING_DEAD) {
		put_back(b, limit);
		/* The interrupt waits for a limit now, and no longer for memory. */
		stall_end(b);
		nyx_binding_queue(b, ns);
	}
	spin_unlock_irqrestore(&b->lock, flags);
	nyx_irq_wait_end(b->unit, b->cfg.sbdf, limit, false);
}

/* Count an interrupt that was sent or refused or, with @error, has no device. */
static void account(struct nyx_binding *b, const struct nyx_irq_reply *reply,
		    struct nyx_irq_wait *limit, int error)
{
	unsigned long flags;

	nyx_irq_wait_end(b->unit, b->cfg.sbdf, limit, !error);
	spin_lock_irqsave(&b->lock, flags);
	if (error || reply->result == NYX_IRQ_REFUSED) {
		b->refused++;
		b->last_reason = error ? NYX_FAULT_NO_DOMAIN : reply->fault.reason;
	} else if (reply->result != NYX_IRQ_POSTED) {
		b->delivered++;
	}
	spin_unlock_irqrestore(&b->lock, flags);
}

void nyx_binding_send_work(struct irq_work *work)
{
	struct nyx_binding *b = container_of(work, struct nyx_binding, work);
	struct nyx_unit *unit = b->unit;
	struct nyx_irq_reply reply;
	struct nyx_irq_wait limit;
	struct nyx_irq_req req;
	unsigned int pair;
	int ret;

	/* NYX_IRQ_CHANGE and NYX_IRQ_UNBIND drain this epoch. */
	pair = epoch_enter(&unit->irq.epoch);
	if (compose(b, false, &req, &limit)) {
		ret = nyx_irq_try(unit, &req, &limit, &reply);
		if (ret == -EAGAIN)
			defer(b, false, &limit, limit.ns);
		else if (ret == -EINPROGRESS)
			defer(b, false, &limit, 0);
		else
			account(b, &reply, &limit, ret);
	}
	epoch_exit(&unit->irq.epoch, pair);
}

/* ---- the worker --------------------------------------------------------- */

/*
 * The least time in milliseconds until a binding's next attempt; @nr: bindings of the
 * user that wait for memory.
 *
 * If each of @nr bindings tried again after @nr ms, all together would try once in a
 * millisecond, however many there are, but a guest with many would slow down the user's
 * other guests. So units share the time: a unit with few stalled bindings divides its part
 * of the milliseconds among these. Either rule alone allows one attempt in a millisecond,
 * so both together allow two at most. The first retry of a unit's only stalled binding
 * comes on top, once for each signal.
 */
static u32 stall_share(struct nyx_binding *b, u32 *nr)
{
	struct nyx_irqfds *fds = b->unit->irq.fds;
	u32 here, units;
	bool first = !b->waited_ms;

	lockdep_assert_held(&b->lock);
	*nr = nyx_tenants_add(b->unit, NYX_TENANT_STALLED, first);
	here = atomic_add_return(first, &fds->nr_stalled);
	units = nyx_tenants_add(b->unit, NYX_TENANT_STALLED_UNITS,
				first && here == 1);
	/* The signal that caused the first attempt also pays for this retry. */
	if (first && here == 1)
		return 1;
	return min_t(u64, *nr, (u64)here * units);
}

/*
 * Memory is not at hand: the worker asks for it again later, or at once where
 * nyx_irq_change() has queued the binding meanwhile, for its new message.
 */
static void stall(struct nyx_binding *b, struct nyx_irq_wait *limit)
{
	u32 ms, nr;

	spin_lock_irq(&b->lock);
	if (b->state == NYX_BINDING_DEAD)
		goto out_unlock;
	put_back(b, limit);
	/* nyx_irq_change() has queued @b; only this worker takes @b out. */
	if (data_race(timerqueue_node_queued(&b->due)))
		goto out_unlock;
	ms = max(1 + b->waited_ms / 16, stall_share(b, &nr));
	trace_nyx_irq_stall(b->unit->id, b->cfg.sbdf, b->id, b->waited_ms, ms, nr);
	WRITE_ONCE(b->waited_ms, b->waited_ms + ms);
	nyx_binding_queue(b, (u64)ms * NSEC_PER_MSEC);
out_unlock:
	spin_unlock_irq(&b->lock);
	nyx_irq_wait_end(b->unit, b->cfg.sbdf, limit, false);
}

/* End a turn of the worker that has sent for @b, and has not queued @b again. */
static void finish(struct nyx_binding *b)
{
	spin_lock_irq(&b->lock);
	stall_end(b);
	if (b->state == NYX_BINDING_DEFERRED) {
		unqueue(b);
		b->state = NYX_BINDING_IDLE;
		nyx_binding_signal(b, 0);
	}
	spin_unlock_irq(&b->lock);
}

static void send_slow(struct nyx_binding *b)
{
	struct nyx_irq_reply reply;
	struct nyx_irq_wait limit;
	struct nyx_irq_req req;
	int ret;

	if (!compose(b, true, &req, &limit))
		return;
	ret = nyx_irq_try_slow(b->unit, &req, &limit,
			       READ_ONCE(b->waited_ms) >= PATIENCE_MS, &reply);
	if (ret == -EBUSY) {
		stall(b, &limit);
	} else if (ret == -EAGAIN) {
		defer(b, true, &limit, limit.ns);
	} else {
		account(b, &reply, &limit, ret);
		finish(b);
	}
}

/* Send for one binding whose deadline has passed; false if there is none. */
static bool send_due(struct nyx_irqfds *fds)
{
	struct timerqueue_node *node;
	struct nyx_binding *b = NULL;
	struct mem_cgroup *old;

	spin_lock_irq(&fds->lock);
	node = timerqueue_getnext(&fds->due);
	if (node && !ktime_before(ktime_get(), node->expires)) {
		b = container_of(node, struct nyx_binding, due);
		timerqueue_del(&fds->due, node);
	} else if (node) {
		hrtimer_start(&fds->timer, node->expires, HRTIMER_MODE_ABS_SOFT);
	}
	fds->at_work = b;
	spin_unlock_irq(&fds->lock);
	if (!b)
		return false;
	old = set_active_memcg(b->memcg);
	send_slow(b);
	set_active_memcg(old);
	return true;
}

static void worker(struct work_struct *work)
{
	struct nyx_irqfds *fds = container_of(work, struct nyx_irqfds, work);
	unsigned int turns;

	for (turns = 0; turns < TURNS_MAX; turns++) {
		if (!send_due(fds))
			return;
		cond_resched();
	}
	/* Queue the worker behind those of other units. */
	queue_work(workers, &fds->work);
}

void nyx_irqfds_wait(struct nyx_irqfds *fds, const struct nyx_binding *b)
{
	bool busy;

	spin_lock_irq(&fds->lock);
	busy = b ? fds->at_work == b : !!fds->at_work;
	spin_unlock_irq(&fds->lock);
	/*
	 * The worker runs once or twice, for TURNS_MAX interrupts each, and does not wait
	 * for user space.
	 */
	if (busy)
		flush_work(&fds->work);
}

static enum hrtimer_restart send_timer(struct hrtimer *timer)
{
	struct nyx_irqfds *fds = container_of(timer, struct nyx_irqfds, timer);

	queue_work(workers, &fds->work);
	return HRTIMER_NORESTART;
}

/* ---- what the bindings of a unit have in common ------------------------- */

struct nyx_irqfds *nyx_irqfds_alloc(void)
{
	struct nyx_irqfds *fds = kzalloc(sizeof(*fds), GFP_CALLER);

	if (!fds)
		return NULL;
	spin_lock_init(&fds->lock);
	timerqueue_init_head(&fds->due);
	hrtimer_init(&fds->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	fds->timer.function = send_timer;
	INIT_WORK(&fds->work, worker);
	return fds;
}

void nyx_irqfds_stop(struct nyx_irqfds *fds)
{
	hrtimer_cancel(&fds->timer);
	cancel_work_sync(&fds->work);
}

int nyx_irqfds_init(void)
{
	workers = alloc_workqueue("nyx", WQ_UNBOUND | WQ_SYSFS, 0);
	return workers ? 0 : -ENOMEM;
}

void nyx_irqfds_exit(void)
{
	destroy_workqueue(workers);
}
