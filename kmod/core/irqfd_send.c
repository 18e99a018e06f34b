// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: bound interrupts are sent: at once, by the unit's timer, or by its worker.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/irqfd_send.h"

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "base/trace.h"
#include "base/types.h"
#include "compat.h"
#include "core/irq.h"
#include "core/tenant.h"
#include "core/unit.h"

/*
 * For how long memory that is not at hand is asked for again, not counting how long
 * that takes: 104 times at most.
 */
#define PATIENCE_MS	5000u

/* Interrupts that a worker, or a timer, sends before others have their turn. */
#define TURNS_MAX	64u

/* Held interrupts that are sent in softirqs of one processor, in one tick. */
#define SOFTIRQ_MAX	256u

/* Does what takes long, for all units; its CPUs and nice value are in sysfs. */
static struct workqueue_struct *workers;

/* ---- later -------------------------------------------------------------- */

void nyx_binding_hold(struct nyx_binding *b, u64 ns)
{
	struct nyx_irqfds *fds = b->unit->irq.fds;
	ktime_t due = ktime_add_ns(ktime_get(), ns);
	bool queued;

	lockdep_assert_held(&b->lock);
	if (b->dead)
		return;
	spin_lock(&fds->lock);
	queued = timerqueue_node_queued(&b->due);
	if (!queued || ktime_before(due, b->due.expires)) {
		if (queued)
			timerqueue_del(&fds->due, &b->due);
		b->due.expires = due;
		if (timerqueue_add(&fds->due, &b->due))
			hrtimer_start(&fds->timer, due, HRTIMER_MODE_ABS_SOFT);
	}
	spin_unlock(&fds->lock);
}

void nyx_binding_unhold(struct nyx_binding *b)
{
	struct nyx_irqfds *fds = b->unit->irq.fds;

	lockdep_assert_held(&b->lock);
	/* Under @b->lock it only leaves the queue. */
	if (!data_race(timerqueue_node_queued(&b->due)))
		return;
	spin_lock(&fds->lock);
	if (timerqueue_node_queued(&b->due))
		timerqueue_del(&fds->due, &b->due);
	spin_unlock(&fds->lock);
}

/* Let the worker send what is held. */
static void make_ready(struct nyx_irqfds *fds, struct nyx_binding *b)
{
	lockdep_assert_held(&fds->lock);
	if (!list_empty(&b->ready))
		return;
	list_add_tail(&b->ready, &fds->ready);
	queue_work(workers, &fds->work);
}

/* ---- sending ------------------------------------------------------------ */

/*
 * The interrupt that is to be sent now; false if there is none to be. All that
 * came so far are one. @slow: by the worker, which is the only one to send while
 * &nyx_binding.slow is set.
 */
static bool compose(struct nyx_binding *b, bool slow, struct nyx_irq_req *req,
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
	/* It has a turn, and this is not it. */
	if (b->limit.charged && ktime_before(ktime_get(), b->due.expires))
		goto out_unlock;
	if (b->slow && !slow)
		goto out_unlock;
	send = b->held && !b->cfg.masked && !b->dead;
	if (b->held && b->cfg.masked)
		b->pending = true;
	b->held = 0;
	/* Signals that come from now on have a time of their own. */
	nyx_binding_unhold(b);
	*limit = b->limit;
	b->limit = (struct nyx_irq_wait){};
	req->data = b->cfg.data;
	req->address = b->cfg.address;
out_unlock:
	spin_unlock_irqrestore(&b->lock, flags);
	return send && !READ_ONCE(b->unit->dead);
}

/* Over a limit: it has its turn after @limit->ns. */
static void postpone(struct nyx_binding *b, const struct nyx_irq_wait *limit)
{
	struct nyx_irq_wait spare = *limit;
	unsigned long flags;

	spin_lock_irqsave(&b->lock, flags);
	b->held = add_sat(b->held, 1);
	/* Two that were sent at once need one turn only. */
	if (!b->limit.charged && !b->dead) {
		b->limit = *limit;
		spare.charged = false;
		nyx_binding_unhold(b);
	}
	nyx_binding_hold(b, limit->ns);
	spin_unlock_irqrestore(&b->lock, flags);
	nyx_irq_wait_end(b->unit, b->cfg.sbdf, &spare, false);
}

/* Only the worker can send it, which may sleep. Others join it meanwhile. */
static void hand_over(struct nyx_binding *b, struct nyx_irq_wait *limit)
{
	struct nyx_irqfds *fds = b->unit->irq.fds;
	unsigned long flags;

	spin_lock_irqsave(&b->lock, flags);
	b->held = add_sat(b->held, 1);
	if (!b->dead && !b->slow) {
		WRITE_ONCE(b->slow, true);
		spin_lock(&fds->lock);
		make_ready(fds, b);
		spin_unlock(&fds->lock);
	}
	spin_unlock_irqrestore(&b->lock, flags);
	nyx_irq_wait_end(b->unit, b->cfg.sbdf, limit, false);
}

/* An interrupt has been sent, or refused; or, with @error, has no device. */
static void account(struct nyx_binding *b, const struct nyx_irq_reply *reply,
		    struct nyx_irq_wait *limit, int error)
{
	unsigned long flags;

	nyx_irq_wait_end(b->unit, b->cfg.sbdf, limit, !error);
	spin_lock_irqsave(&b->lock, flags);
	if (error || reply->result == NYX_IRQ_REFUSED) {
		b->refused++;
		b->last_reason = error ? NYX_FAULT_NO_DOMAIN : reply->reason;
	} else if (reply->result != NYX_IRQ_POSTED) {
		b->delivered++;
	}
	spin_unlock_irqrestore(&b->lock, flags);
}

/* Any context, under RCU. */
static void send(struct nyx_binding *b)
{
	struct nyx_unit *unit = b->unit;
	struct nyx_irq_reply reply;
	struct nyx_irq_wait limit;
	struct nyx_irq_req req;
	unsigned int pair;
	int ret;

	/* NYX_IRQ_CHANGE and NYX_IRQ_UNBIND wait for those inside. */
	pair = epoch_enter(&unit->irq.epoch);
	if (!compose(b, false, &req, &limit)) {
		nyx_irq_wait_end(unit, req.sbdf, &limit, false);
		goto out;
	}
	ret = nyx_irq_try(unit, &req, &limit, &reply);
	if (ret == -EAGAIN)
		postpone(b, &limit);
	else if (ret == -EINPROGRESS)
		hand_over(b, &limit);
	else
		account(b, &reply, &limit, ret);
out:
	epoch_exit(&unit->irq.epoch, pair);
}

void nyx_binding_send_work(struct irq_work *work)
{
	send(container_of(work, struct nyx_binding, work));
}

/* Send one whose time has come; false if there is none. */
static bool send_due(struct nyx_irqfds *fds)
{
	struct timerqueue_node *node;
	struct nyx_binding *b;
	bool due, slow = false;
	unsigned long flags;

	rcu_read_lock();
	spin_lock_irqsave(&fds->lock, flags);
	node = timerqueue_getnext(&fds->due);
	b = node ? container_of(node, struct nyx_binding, due) : NULL;
	due = node && !ktime_before(ktime_get(), node->expires);
	if (due) {
		timerqueue_del(&fds->due, node);
		slow = READ_ONCE(b->slow);
		/* binding_end() looks for it there afterwards. */
		if (slow)
			make_ready(fds, b);
	} else if (node && !hrtimer_is_queued(&fds->timer)) {
		hrtimer_start(&fds->timer, node->expires, HRTIMER_MODE_ABS_SOFT);
	}
	spin_unlock_irqrestore(&fds->lock, flags);
	if (due && !slow)
		send(b);
	rcu_read_unlock();
	return due;
}

/**
 * struct softirq_use - what a processor did in softirqs
 * @tick: jiffies at which it began
 * @nr: interrupts sent since
 */
struct softirq_use {
	unsigned long tick;
	unsigned int nr;
};

static DEFINE_PER_CPU(struct softirq_use, softirq_use);

/* However many units have one that is due at the same moment. */
static bool within_softirq_max(void)
{
	struct softirq_use *use = this_cpu_ptr(&softirq_use);
	unsigned long now = jiffies;

	if (use->tick != now) {
		use->tick = now;
		use->nr = 0;
	}
	return use->nr++ < SOFTIRQ_MAX;
}

static enum hrtimer_restart send_timer(struct hrtimer *timer)
{
	struct nyx_irqfds *fds = container_of(timer, struct nyx_irqfds, timer);
	unsigned int turns;

	for (turns = 0; turns < TURNS_MAX && within_softirq_max(); turns++) {
		if (!send_due(fds))
			return HRTIMER_NORESTART;
	}
	queue_work(workers, &fds->work);
	return HRTIMER_NORESTART;
}

/* ---- the worker --------------------------------------------------------- */

/*
 * The least time in milliseconds until a binding's next attempt; @nr: bindings of the
 * user that wait for memory.
 *
 * If each of @nr came again after @nr ms, all together would do so once in a
 * millisecond, however many there are, but a guest with many would slow those of
 * the user's other guests. So units share the time: one with few of them takes its
 * part of the milliseconds for these. Both together is two attempts in a millisecond
 * at most, because either rule alone allows one; the first one again of a unit's only
 * binding comes beside them, once for a signal.
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
	/* A signal has caused it, as it caused the attempt before. */
	if (first && here == 1)
		return 1;
	return min_t(u64, *nr, (u64)here * units);
}

/* Memory is not at hand: it is asked for again later. */
static void stall(struct nyx_binding *b, struct nyx_irq_wait *limit)
{
	u32 ms, nr;

	nyx_irq_wait_end(b->unit, b->cfg.sbdf, limit, false);
	spin_lock_irq(&b->lock);
	if (b->dead)
		goto out_unlock;
	ms = max(1 + b->waited_ms / 16, stall_share(b, &nr));
	trace_nyx_irq_stall(b->unit->id, b->cfg.sbdf, b->id, b->waited_ms, ms, nr);
	b->waited_ms += ms;
	b->held = add_sat(b->held, 1);
	nyx_binding_hold(b, (u64)ms * NSEC_PER_MSEC);
out_unlock:
	spin_unlock_irq(&b->lock);
}

void nyx_binding_stall_end(struct nyx_binding *b)
{
	lockdep_assert_held(&b->lock);
	if (!b->waited_ms)
		return;
	b->waited_ms = 0;
	nyx_tenants_add(b->unit, NYX_TENANT_STALLED, -1);
	if (atomic_dec_and_test(&b->unit->irq.fds->nr_stalled))
		nyx_tenants_add(b->unit, NYX_TENANT_STALLED_UNITS, -1);
}

/* Interrupts that come from now on need not wait for the worker. */
static void hand_back(struct nyx_binding *b)
{
	spin_lock_irq(&b->lock);
	nyx_binding_stall_end(b);
	WRITE_ONCE(b->slow, false);
	if (b->held && !b->limit.charged && !b->dead)
		irq_work_queue(&b->work);
	spin_unlock_irq(&b->lock);
}

/* Send an interrupt that nyx_irq_try() could not send. */
static void send_slow(struct nyx_binding *b)
{
	struct nyx_irq_reply reply;
	struct nyx_irq_wait limit;
	struct nyx_irq_req req;
	int ret;

	if (!compose(b, true, &req, &limit)) {
		nyx_irq_wait_end(b->unit, req.sbdf, &limit, false);
		hand_back(b);
		return;
	}
	ret = nyx_irq_try_slow(b->unit, &req, &limit,
			       b->waited_ms >= PATIENCE_MS, &reply);
	if (ret == -EBUSY) {
		stall(b, &limit);
		return;
	}
	if (ret == -EAGAIN)
		postpone(b, &limit);
	else
		account(b, &reply, &limit, ret);
	hand_back(b);
}

/* Send one that is ready; false if there is none. */
static bool send_ready(struct nyx_irqfds *fds)
{
	struct nyx_binding *b;
	struct mem_cgroup *old;

	spin_lock_irq(&fds->lock);
	b = list_first_entry_or_null(&fds->ready, struct nyx_binding, ready);
	if (b)
		list_del_init(&b->ready);
	fds->at_work = b;
	spin_unlock_irq(&fds->lock);
	if (!b)
		return false;

	old = set_active_memcg(b->memcg);
	send_slow(b);
	set_active_memcg(old);
	spin_lock_irq(&fds->lock);
	fds->at_work = NULL;
	fds->turn++;
	spin_unlock_irq(&fds->lock);
	wake_up_all(&fds->wait);
	return true;
}

static void worker(struct work_struct *work)
{
	struct nyx_irqfds *fds = container_of(work, struct nyx_irqfds, work);
	unsigned int turns;
	bool more = true;

	for (turns = 0; more && turns < TURNS_MAX; turns++) {
		more = send_due(fds);
		more |= send_ready(fds);
		cond_resched();
	}
	/* Behind other units. */
	if (more)
		queue_work(workers, &fds->work);
}

void nyx_irqfds_wait(struct nyx_irqfds *fds, const struct nyx_binding *b)
{
	unsigned int turn;
	bool busy;

	spin_lock_irq(&fds->lock);
	turn = fds->turn;
	busy = b ? fds->at_work == b : !!fds->at_work;
	spin_unlock_irq(&fds->lock);
	/* It waits for nobody in user space. */
	if (busy)
		wait_event(fds->wait, READ_ONCE(fds->turn) != turn);
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
	INIT_LIST_HEAD(&fds->ready);
	INIT_WORK(&fds->work, worker);
	init_waitqueue_head(&fds->wait);
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
