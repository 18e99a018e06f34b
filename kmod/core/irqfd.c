// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: bound interrupts: an eventfd in, an eventfd out, remapped in between.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/irqfd.h"

#include <linux/capability.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/percpu.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "base/trace.h"
#include "base/types.h"
#include "compat.h"
#include "core/device.h"
#include "core/irq.h"
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

/* Ended bindings of a unit whose memory waits for a grace period. */
#define DEAD_MAX	256u

unsigned int nyx_max_bindings_per_user = 262144;

/* Does what takes long, for all units; its CPUs and nice value are in sysfs. */
static struct workqueue_struct *workers;

/* All eventfds that are bound, in the whole system. */
static DEFINE_MUTEX(eventfds_lock);
static DEFINE_HASHTABLE(sources, 10);
static DEFINE_HASHTABLE(targets, 10);

/* ---- later -------------------------------------------------------------- */

/* Send what is held in @ns, if not before. */
static void hold(struct nyx_binding *b, u64 ns)
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

static void unhold(struct nyx_binding *b)
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

static u32 add_sat(u32 a, u64 b)
{
	return b > U32_MAX - a ? U32_MAX : a + b;
}

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
	unhold(b);
	*limit = b->limit;
	b->limit = (struct nyx_irq_wait){};
	req->posted_index = b->posted_index;
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
		unhold(b);
	}
	hold(b, limit->ns);
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
static void account(struct nyx_binding *b, const struct nyx_irq_req *req,
		    struct nyx_irq_wait *limit, int error)
{
	unsigned long flags;

	nyx_irq_wait_end(b->unit, b->cfg.sbdf, limit, !error);
	spin_lock_irqsave(&b->lock, flags);
	if (error || req->result == NYX_IRQ_REFUSED) {
		b->refused++;
		b->last_reason = error ? NYX_FAULT_NO_DOMAIN : req->reason;
	} else if (req->result != NYX_IRQ_POSTED) {
		b->delivered++;
	}
	spin_unlock_irqrestore(&b->lock, flags);
}

/* Any context, under RCU. */
static void send(struct nyx_binding *b)
{
	struct nyx_unit *unit = b->unit;
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
	ret = nyx_irq_try(unit, &req, &limit);
	if (ret == -EAGAIN)
		postpone(b, &limit);
	else if (ret == -EINPROGRESS)
		hand_over(b, &limit);
	else
		account(b, &req, &limit, ret);
out:
	epoch_exit(&unit->irq.epoch, pair);
}

static void send_work(struct irq_work *work)
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

/* Memory is not at hand: it is asked for again later. */
static void stall(struct nyx_binding *b, struct nyx_irq_wait *limit)
{
	u32 ms, nr;

	nyx_irq_wait_end(b->unit, b->cfg.sbdf, limit, false);
	spin_lock_irq(&b->lock);
	if (b->dead)
		goto out_unlock;
	/* All of a user together ask once in a millisecond, as one does at first. */
	nr = nyx_tenants_add(b->unit, NYX_TENANT_STALLED, !b->waited_ms);
	ms = max(1 + b->waited_ms / 16, nr);
	trace_nyx_irq_stall(b->unit->id, b->cfg.sbdf, b->id, b->waited_ms, ms, nr);
	b->waited_ms += ms;
	b->held = add_sat(b->held, 1);
	hold(b, (u64)ms * NSEC_PER_MSEC);
out_unlock:
	spin_unlock_irq(&b->lock);
}

static void stall_end(struct nyx_binding *b)
{
	lockdep_assert_held(&b->lock);
	if (b->waited_ms)
		nyx_tenants_add(b->unit, NYX_TENANT_STALLED, -1);
	b->waited_ms = 0;
}

/* Interrupts that come from now on need not wait for the worker. */
static void hand_back(struct nyx_binding *b, u32 posted_index)
{
	spin_lock_irq(&b->lock);
	stall_end(b);
	b->posted_index = posted_index;
	WRITE_ONCE(b->slow, false);
	if (b->held && !b->limit.charged && !b->dead)
		irq_work_queue(&b->work);
	spin_unlock_irq(&b->lock);
}

/* Send an interrupt that nyx_irq_try() could not send. */
static void send_slow(struct nyx_binding *b)
{
	struct nyx_irq_wait limit;
	struct nyx_irq_req req;
	int ret;

	if (!compose(b, true, &req, &limit)) {
		nyx_irq_wait_end(b->unit, req.sbdf, &limit, false);
		hand_back(b, IRT_INDEX_NONE);
		return;
	}
	ret = nyx_irq_try_slow(b->unit, &req, &limit,
			       b->waited_ms >= PATIENCE_MS);
	if (ret == -EBUSY) {
		stall(b, &limit);
		return;
	}
	if (ret == -EAGAIN) {
		postpone(b, &limit);
	} else {
		account(b, &req, &limit, ret);
		/* Else its entry can be in the cache now. */
		if (ret || (req.result != NYX_IRQ_POSTED &&
			    req.result != NYX_IRQ_NOTIFY))
			req.posted_index = IRT_INDEX_NONE;
	}
	hand_back(b, req.posted_index);
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

/* Wait until the worker has done with a binding, if it is at it; NULL: whichever it is. */
static void worker_wait(struct nyx_irqfds *fds, const struct nyx_binding *b)
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

/* ---- receiving ---------------------------------------------------------- */

/* @n signals of the source have come. */
static void receive(struct nyx_binding *b, u64 n)
{
	unsigned long flags;

	spin_lock_irqsave(&b->lock, flags);
	b->signals += n;
	if (b->dead)
		goto out_unlock;
	if (b->cfg.masked) {
		b->pending = true;
		goto out_unlock;
	}
	b->held = add_sat(b->held, n);
	if (b->limit.charged || b->slow)
		;	/* has its turn */
	else if (!b->cfg.coalesce_us ||
		 (b->cfg.coalesce_count && b->held >= b->cfg.coalesce_count))
		irq_work_queue(&b->work);
	else
		hold(b, (u64)b->cfg.coalesce_us * NSEC_PER_USEC);
out_unlock:
	spin_unlock_irqrestore(&b->lock, flags);
}

/* Called with the lock of the source's wait queue held. */
static int source_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync,
			 void *key)
{
	struct nyx_binding *b = container_of(wait, struct nyx_binding, wait);
	__poll_t flags = key_to_poll(key);
	unsigned long irq_flags;
	u64 n = 0;

	if (flags & EPOLLIN) {
		eventfd_ctx_do_read(b->source, &n);
		if (n)
			receive(b, n);
	}
	if (flags & EPOLLHUP) {
		spin_lock_irqsave(&b->lock, irq_flags);
		b->closed = true;
		spin_unlock_irqrestore(&b->lock, irq_flags);
	}
	return n != 0;
}

/**
 * struct listener - how a binding finds the wait queue of its source
 * @poll: asks for it
 * @b: the binding
 * @queue: set
 */
struct listener {
	poll_table poll;
	struct nyx_binding *b;
	wait_queue_head_t *queue;
};

static void source_queue(struct file *file, wait_queue_head_t *queue,
			 poll_table *poll)
{
	struct listener *l = container_of(poll, struct listener, poll);

	l->queue = queue;
	add_wait_queue(queue, &l->b->wait);
}

/* Begin to listen. What is there already counts. */
static void listen(struct nyx_binding *b, struct file *source)
{
	struct listener l = { .b = b };
	u64 n = 0;

	init_waitqueue_func_entry(&b->wait, source_wakeup);
	init_poll_funcptr(&l.poll, source_queue);
	if (!(vfs_poll(source, &l.poll) & EPOLLIN))
		return;
	spin_lock_irq(&l.queue->lock);
	eventfd_ctx_do_read(b->source, &n);
	/* Somebody may wait for room to write. */
	wake_up_locked_poll(l.queue, EPOLLOUT);
	spin_unlock_irq(&l.queue->lock);
	if (n)
		receive(b, n);
}

/* ---- who is bound ------------------------------------------------------- */

static bool is_source(const struct eventfd_ctx *ctx)
{
	struct nyx_binding *b;

	hash_for_each_possible(sources, b, node, (unsigned long)ctx) {
		if (b->source == ctx)
			return true;
	}
	return false;
}

static bool is_target(const struct eventfd_ctx *ctx)
{
	struct nyx_binding *b;

	hash_for_each_possible(targets, b, target_node, (unsigned long)ctx) {
		if (b->target == ctx)
			return true;
	}
	return false;
}

static int eventfds_claim(struct nyx_binding *b)
{
	int ret = 0;

	mutex_lock(&eventfds_lock);
	if (is_source(b->source)) {
		ret = -EBUSY;
	} else if (is_target(b->source) || is_source(b->target)) {
		ret = -ELOOP;
	} else {
		hash_add(sources, &b->node, (unsigned long)b->source);
		hash_add(targets, &b->target_node, (unsigned long)b->target);
	}
	mutex_unlock(&eventfds_lock);
	return ret;
}

static void eventfds_release(struct nyx_binding *b)
{
	mutex_lock(&eventfds_lock);
	hash_del(&b->node);
	hash_del(&b->target_node);
	mutex_unlock(&eventfds_lock);
}

/* ---- bind and unbind ---------------------------------------------------- */

static struct nyx_binding *binding_alloc(struct nyx_unit *unit,
					 const struct nyx_binding_config *cfg)
{
	struct nyx_binding *b = kzalloc(sizeof(*b), GFP_CALLER);

	if (!b)
		return NULL;
	b->unit = unit;
	b->cfg = *cfg;
	b->memcg = get_mem_cgroup_from_mm(current->mm);
	spin_lock_init(&b->lock);
	init_irq_work(&b->work, send_work);
	timerqueue_init(&b->due);
	INIT_LIST_HEAD(&b->ready);
	b->posted_index = IRT_INDEX_NONE;
	return b;
}

static void binding_free(struct nyx_binding *b)
{
	mem_cgroup_put(b->memcg);
	kfree(b);
}

static void binding_free_rcu(struct rcu_head *rcu)
{
	binding_free(container_of(rcu, struct nyx_binding, rcu));
}

/* See the head of irqfd.h. Many wait for a grace period. */
static void binding_retire(struct nyx_irqfds *fds, struct nyx_binding *b)
{
	bool wait;

	spin_lock_irq(&fds->lock);
	if (poll_state_synchronize_rcu(fds->grace))
		fds->nr_dead = 0;
	wait = ++fds->nr_dead > DEAD_MAX;
	fds->grace = get_state_synchronize_rcu();
	spin_unlock_irq(&fds->lock);
	call_rcu(&b->rcu, binding_free_rcu);
	if (wait)
		synchronize_rcu();
}

/* When it returns nothing is sent any more. It cannot be found by others. */
static void binding_end(struct nyx_binding *b)
{
	struct nyx_unit *unit = b->unit;
	struct nyx_irqfds *fds = unit->irq.fds;
	struct nyx_irq_wait limit;
	u64 n;

	eventfd_ctx_remove_wait_queue(b->source, &b->wait, &n);
	spin_lock_irq(&b->lock);
	b->dead = true;
	/* send_due() may be on its way to compose(), and not in the epoch yet. */
	limit = b->limit;
	b->limit = (struct nyx_irq_wait){};
	unhold(b);
	stall_end(b);
	spin_lock(&fds->lock);
	list_del_init(&b->ready);
	spin_unlock(&fds->lock);
	spin_unlock_irq(&b->lock);
	/* An interrupt that was composed before that is still sent. */
	epoch_drain_bounded(&unit->irq.epoch);
	worker_wait(fds, b);
	irq_work_sync(&b->work);
	nyx_irq_wait_end(unit, b->cfg.sbdf, &limit, false);
	eventfds_release(b);
	eventfd_ctx_put(b->target);
	eventfd_ctx_put(b->source);
	nyx_tenants_add(unit, NYX_TENANT_BINDINGS, -1);
	binding_retire(fds, b);
}

/* Make &struct nyx_irqfds of a unit, with the first of its bindings. */
static int irqfds_prepare(struct nyx_irq *irq)
{
	struct nyx_irqfds *fds;

	lockdep_assert_held(&irq->lock);
	if (irq->fds)
		return 0;
	fds = kzalloc(sizeof(*fds), GFP_CALLER);
	if (!fds)
		return -ENOMEM;
	spin_lock_init(&fds->lock);
	timerqueue_init_head(&fds->due);
	hrtimer_init(&fds->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	fds->timer.function = send_timer;
	INIT_LIST_HEAD(&fds->ready);
	INIT_WORK(&fds->work, worker);
	init_waitqueue_head(&fds->wait);
	WRITE_ONCE(irq->fds, fds);
	return 0;
}

static int binding_publish(struct nyx_unit *unit, struct nyx_binding *b)
{
	struct nyx_irq *irq = &unit->irq;
	int ret;

	lockdep_assert_held(&irq->lock);
	if (irq->nr_bindings >= NYX_BINDINGS_MAX)
		return -ENOSPC;
	rcu_read_lock();
	ret = xa_load(&unit->devices, b->cfg.sbdf) ? 0 : -ENOENT;
	rcu_read_unlock();
	if (ret)
		return ret;
	/* An eventfd stays when its last descriptor is closed. */
	if (nyx_tenants_add(unit, NYX_TENANT_BINDINGS, 1) >
	    READ_ONCE(nyx_max_bindings_per_user) &&
	    !ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE)) {
		ret = -ENOSPC;
		goto err_count;
	}
	ret = xa_alloc_cyclic(&irq->bindings, &b->id, b, XA_LIMIT(1, INT_MAX),
			      &irq->next_binding, GFP_CALLER);
	if (ret < 0)
		goto err_count;
	irq->nr_bindings++;
	return 0;

err_count:
	nyx_tenants_add(unit, NYX_TENANT_BINDINGS, -1);
	return ret;
}

static int bind_files(struct nyx_unit *unit, struct nyx_binding *b,
		      struct file *source, struct file *target)
{
	int ret;

	b->source = eventfd_ctx_fileget(source);
	if (IS_ERR(b->source))
		return PTR_ERR(b->source);
	b->target = eventfd_ctx_fileget(target);
	if (IS_ERR(b->target)) {
		ret = PTR_ERR(b->target);
		goto err_source;
	}
	ret = b->source == b->target ? -EINVAL : eventfds_claim(b);
	if (ret)
		goto err_target;
	ret = binding_publish(unit, b);
	if (ret)
		goto err_claim;
	listen(b, source);
	return 0;

err_claim:
	eventfds_release(b);
err_target:
	eventfd_ctx_put(b->target);
err_source:
	eventfd_ctx_put(b->source);
	return ret;
}

int nyx_irq_bind(struct nyx_unit *unit, const struct nyx_binding_config *cfg,
		 int source, int target, u32 *id)
{
	struct file *from, *to;
	struct nyx_binding *b;
	int ret = -EBADF;

	b = binding_alloc(unit, cfg);
	if (!b)
		return -ENOMEM;
	from = fget(source);
	to = fget(target);
	if (from && to) {
		mutex_lock(&unit->irq.lock);
		ret = irqfds_prepare(&unit->irq);
		if (!ret)
			ret = bind_files(unit, b, from, to);
		*id = b->id;
		mutex_unlock(&unit->irq.lock);
	}
	if (to)
		fput(to);
	if (from)
		fput(from);
	if (ret)
		binding_free(b);
	return ret;
}

/* Another command may be about to end the binding: wait as that does. */
static int no_binding(struct nyx_unit *unit)
{
	struct nyx_irqfds *fds = READ_ONCE(unit->irq.fds);

	epoch_drain_bounded(&unit->irq.epoch);
	if (fds)
		worker_wait(fds, NULL);
	return -ENOENT;
}

int nyx_irq_unbind(struct nyx_unit *unit, u32 id)
{
	struct nyx_binding *b;

	mutex_lock(&unit->irq.lock);
	b = xa_erase(&unit->irq.bindings, id);
	if (b) {
		unit->irq.nr_bindings--;
		/* Before others find it gone: see no_binding(). */
		spin_lock_irq(&b->lock);
		b->dead = true;
		spin_unlock_irq(&b->lock);
	}
	mutex_unlock(&unit->irq.lock);
	if (!b)
		return no_binding(unit);
	binding_end(b);
	return 0;
}

int nyx_irq_change(struct nyx_unit *unit, u32 id, u32 what,
		   const struct nyx_binding_config *cfg)
{
	struct nyx_binding *b;

	mutex_lock(&unit->irq.lock);
	b = xa_load(&unit->irq.bindings, id);
	if (!b) {
		mutex_unlock(&unit->irq.lock);
		return no_binding(unit);
	}
	spin_lock_irq(&b->lock);
	if (what & NYX_CHANGE_F_MESSAGE) {
		b->cfg.address = cfg->address;
		b->cfg.data = cfg->data;
		/* The new one may be for other memory. */
		if (b->waited_ms)
			hold(b, 0);
	}
	if (what & NYX_CHANGE_F_COALESCE) {
		b->cfg.coalesce_us = cfg->coalesce_us;
		b->cfg.coalesce_count = cfg->coalesce_count;
		/* What is held was so by other rules. */
		if (b->held)
			irq_work_queue(&b->work);
	}
	if (what & NYX_CHANGE_F_MASK) {
		b->cfg.masked = cfg->masked;
		if (b->cfg.masked && b->held) {
			b->pending = true;
			b->held = 0;
		}
		if (!b->cfg.masked && b->pending) {
			b->pending = false;
			b->held++;
			irq_work_queue(&b->work);
		}
	}
	spin_unlock_irq(&b->lock);
	mutex_unlock(&unit->irq.lock);
	/* A sender may have read the old message or mask. */
	epoch_drain_bounded(&unit->irq.epoch);
	worker_wait(unit->irq.fds, b);
	return 0;
}

bool nyx_binding_next(struct nyx_unit *unit, unsigned long id,
		      struct nyx_binding_info *info)
{
	struct nyx_binding *b;

	mutex_lock(&unit->irq.lock);
	b = xa_find(&unit->irq.bindings, &id, ULONG_MAX, XA_PRESENT);
	if (b) {
		spin_lock_irq(&b->lock);
		*info = (struct nyx_binding_info) {
			.binding_id = b->id,
			.flags = (b->cfg.masked ? NYX_BIND_F_MASKED : 0) |
				 (b->pending ? NYX_BIND_F_PENDING : 0) |
				 (b->closed ? NYX_BIND_F_CLOSED : 0),
			.sbdf = b->cfg.sbdf,
			.data = b->cfg.data,
			.address = b->cfg.address,
			.coalesce_us = b->cfg.coalesce_us,
			.coalesce_count = b->cfg.coalesce_count,
			.last_reason = b->last_reason,
			.signals = b->signals,
			.delivered = b->delivered,
			.refused = b->refused,
		};
		spin_unlock_irq(&b->lock);
	}
	mutex_unlock(&unit->irq.lock);
	return b;
}

void nyx_bindings_purge(struct nyx_unit *unit)
{
	struct nyx_irqfds *fds = unit->irq.fds;
	struct nyx_binding *b;
	unsigned long id;

	if (!fds)
		return;
	/* Nobody else uses the unit. */
	xa_for_each(&unit->irq.bindings, id, b) {
		xa_erase(&unit->irq.bindings, id);
		binding_end(b);
		cond_resched();
	}
	unit->irq.nr_bindings = 0;
	hrtimer_cancel(&fds->timer);
	cancel_work_sync(&fds->work);
	/* The last of them looks at the unit, too. */
	if (fds->nr_dead)
		cond_synchronize_rcu(fds->grace);
	unit->irq.fds = NULL;
	kfree(fds);
}

int nyx_irqfd_init(void)
{
	workers = alloc_workqueue("nyx", WQ_UNBOUND | WQ_SYSFS, 0);
	return workers ? 0 : -ENOMEM;
}

void nyx_irqfd_exit(void)
{
	destroy_workqueue(workers);
}
