// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: bound interrupts: an eventfd in, an eventfd out, remapped in between.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/irqfd.h"

#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "compat.h"
#include "core/device.h"
#include "core/guest.h"
#include "core/irq.h"
#include "core/unit.h"

/* For how long memory that is not at hand is asked for again. */
#define PATIENCE_MS	5000

/* All eventfds that are bound, in the whole system. */
static DEFINE_MUTEX(eventfds_lock);
static DEFINE_HASHTABLE(sources, 10);
static DEFINE_HASHTABLE(targets, 10);

/* ---- sending ------------------------------------------------------------ */

static u32 add_sat(u32 a, u64 b)
{
	return b > U32_MAX - a ? U32_MAX : a + b;
}

/* Send what is held in @ns, if not before. */
static void hold(struct nyx_binding *b, u64 ns)
{
	ktime_t due = ktime_add_ns(ktime_get(), ns);

	lockdep_assert_held(&b->lock);
	if (b->dead || (hrtimer_is_queued(&b->timer) && ktime_before(b->due, due)))
		return;
	b->due = due;
	hrtimer_start(&b->timer, due, HRTIMER_MODE_ABS);
}

/* Memory was not at hand: ask again in so many ms; 0: not any more. */
static unsigned int ask_again_ms(ktime_t *since)
{
	ktime_t now = ktime_get();
	s64 ms;

	if (!*since)
		*since = now;
	ms = ktime_ms_delta(now, *since);
	return ms < PATIENCE_MS ? 1 + ms / 50 : 0;
}

/*
 * The interrupt that is to be sent now; false if there is none to be. All that
 * came so far are one.
 */
static bool compose(struct nyx_binding *b, struct nyx_irq_req *req,
		    struct nyx_irq_wait *limit)
{
	unsigned long flags;
	bool send = false;
	s64 rest;

	*limit = (struct nyx_irq_wait){};
	*req = (struct nyx_irq_req) {
		.sbdf = b->cfg.sbdf,
		.signal = b->target,
		.refused_index = IRT_INDEX_NONE,
	};
	spin_lock_irqsave(&b->lock, flags);
	/* It has a turn, and this is not it. */
	if (b->limit.charged && ktime_before(ktime_get(), b->due))
		goto out_unlock;
	if (b->busy) {
		b->stalled = true;
		goto out_unlock;
	}
	rest = b->post_again ? ktime_sub(b->post_again, ktime_get()) : 0;
	if (rest > 0) {
		hold(b, rest);
		goto out_unlock;
	}
	send = b->held && !b->cfg.masked && !b->dead;
	if (b->held && b->cfg.masked)
		b->pending = true;
	/* Those that came after the entry was read have to see it anew. */
	b->held = send && b->refused_index != IRT_INDEX_NONE &&
		  b->signals != b->fetched;
	if (b->held)
		irq_work_queue(&b->work);
	/* What comes from now on has a time of its own. */
	hrtimer_try_to_cancel(&b->timer);
	*limit = b->limit;
	b->limit = (struct nyx_irq_wait){};
	req->refused_index = b->refused_index;
	req->refusal = b->refusal;
	b->refused_index = IRT_INDEX_NONE;
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
	}
	hold(b, limit->ns);
	spin_unlock_irqrestore(&b->lock, flags);
	nyx_irq_wait_end(b->unit, b->cfg.sbdf, &spare, false);
}

/* It waits for its entry, and so do those that come meanwhile. */
static void miss(struct nyx_binding *b, struct nyx_irq_wait *limit, u32 index)
{
	unsigned long flags;

	spin_lock_irqsave(&b->lock, flags);
	b->held = add_sat(b->held, 1);
	b->missing = index;
	/* If that is under way it will come again. */
	if (!b->dead && !b->fetch_since)
		queue_delayed_work(system_unbound_wq, &b->fetch, 0);
	spin_unlock_irqrestore(&b->lock, flags);
	nyx_irq_wait_end(b->unit, b->cfg.sbdf, limit, false);
}

static void fetch_work(struct work_struct *work)
{
	struct nyx_binding *b = container_of(to_delayed_work(work),
					     struct nyx_binding, fetch);
	struct nyx_refusal refusal;
	unsigned int ms = 0;
	u64 signals;
	u32 index;
	int ret;

	spin_lock_irq(&b->lock);
	index = b->missing;
	signals = b->signals;
	spin_unlock_irq(&b->lock);
	ret = nyx_guest_resolve_irte(b->unit, b->cfg.sbdf, index, &refusal);
	spin_lock_irq(&b->lock);
	if (b->dead)
		goto out_unlock;
	if (ret == -EAGAIN)
		ms = ask_again_ms(&b->fetch_since);
	if (ms) {
		queue_delayed_work(system_unbound_wq, &b->fetch,
				   msecs_to_jiffies(ms));
		goto out_unlock;
	}
	b->fetch_since = 0;
	if (ret > 0) {
		b->posted_index = index;
	} else if (ret) {
		if (ret != -EACCES)
			refusal = (struct nyx_refusal) {
				.reason = NYX_FAULT_IRQ_TABLE,
			};
		b->refused_index = index;
		b->refusal = refusal;
		b->fetched = signals;
	}
	irq_work_queue(&b->work);
out_unlock:
	spin_unlock_irq(&b->lock);
}

/* What became of an interrupt that was sent. */
static void account(struct nyx_binding *b, const struct nyx_irq_req *req)
{
	unsigned long flags;

	spin_lock_irqsave(&b->lock, flags);
	if (req->result == NYX_IRQ_REFUSED) {
		b->refused++;
		b->last_reason = req->reason;
	} else if (req->result != NYX_IRQ_POSTED) {
		b->delivered++;
	}
	spin_unlock_irqrestore(&b->lock, flags);
}

/* Who may sleep posts it. What comes meanwhile waits for that. */
static void post_later(struct nyx_binding *b, const struct nyx_irq_req *req,
		       struct nyx_irq_wait *limit, unsigned int posting)
{
	unsigned long flags;
	bool ours;

	spin_lock_irqsave(&b->lock, flags);
	ours = !b->busy && !b->dead;
	if (ours) {
		b->busy = true;
		b->late = *req;
		b->late_limit = *limit;
		b->posting = posting;
		/* It is inside instead of us. */
		epoch_dep_exit(&b->unit->irq.posting);
		/* Not where fetches wait for the lock under which it is flushed. */
		queue_work(system_long_wq, &b->post);
	} else {
		b->held = add_sat(b->held, 1);
		b->stalled = true;
	}
	spin_unlock_irqrestore(&b->lock, flags);
	if (ours)
		return;
	epoch_exit(&b->unit->irq.posting, posting);
	nyx_irq_wait_end(b->unit, b->cfg.sbdf, limit, false);
}

static void post_work(struct work_struct *work)
{
	struct nyx_binding *b = container_of(work, struct nyx_binding, post);
	struct nyx_irq_wait limit = b->late_limit;
	struct nyx_irq_req req = b->late;
	bool last = b->post_since && !ask_again_ms(&b->post_since);
	u64 ns;
	int ret;

	/* As post_later() left it. */
	epoch_dep_enter(&b->unit->irq.posting);
	ret = nyx_irq_post(b->unit, &req, last);
	if (!ret)
		account(b, &req);
	epoch_exit(&b->unit->irq.posting, b->posting);
	nyx_irq_wait_end(b->unit, req.sbdf, &limit, !ret);

	spin_lock_irq(&b->lock);
	b->busy = false;
	if (ret) {
		/* Memory is not at hand: from the start, a little later. */
		ns = ask_again_ms(&b->post_since) * (u64)NSEC_PER_MSEC;
		b->post_again = ktime_add_ns(ktime_get(), ns);
		b->held = add_sat(b->held, 1);
		hold(b, ns);
	} else {
		b->post_since = 0;
		b->post_again = 0;
		/* Not posted any more, maybe: its entry can be in the cache. */
		if (req.result == NYX_IRQ_DELIVER || req.result == NYX_IRQ_REFUSED)
			b->posted_index = IRT_INDEX_NONE;
	}
	if (b->stalled)
		irq_work_queue(&b->work);
	b->stalled = false;
	spin_unlock_irq(&b->lock);
}

/* With interrupts off. */
static void send(struct nyx_binding *b)
{
	struct nyx_unit *unit = b->unit;
	struct nyx_irq_wait limit;
	struct nyx_irq_req req;
	unsigned int pair, posting;
	int ret;

	/* Who changes message or mask waits for those that have read them. */
	pair = epoch_enter(&unit->irq.epoch);
	if (!compose(b, &req, &limit)) {
		nyx_irq_wait_end(unit, req.sbdf, &limit, false);
		goto out;
	}
	ret = nyx_irq_try(unit, &req, &limit, &posting);
	if (ret == -EAGAIN) {
		postpone(b, &limit);
		goto out;
	}
	if (ret == -ENODATA) {
		miss(b, &limit, req.msg.index);
		goto out;
	}
	if (ret == -EINPROGRESS) {
		post_later(b, &req, &limit, posting);
		goto out;
	}
	nyx_irq_wait_end(unit, req.sbdf, &limit, !ret);
	if (ret) {
		/* The device has been removed. */
		req.result = NYX_IRQ_REFUSED;
		req.reason = NYX_FAULT_NO_DOMAIN;
	}
	account(b, &req);
out:
	epoch_exit(&unit->irq.epoch, pair);
}

static void send_work(struct irq_work *work)
{
	send(container_of(work, struct nyx_binding, work));
}

static enum hrtimer_restart send_timer(struct hrtimer *timer)
{
	send(container_of(timer, struct nyx_binding, timer));
	return HRTIMER_NORESTART;
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
	if (b->limit.charged)
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

static void source_queue(struct file *file, wait_queue_head_t *queue,
			 poll_table *poll)
{
	struct nyx_binding *b = container_of(poll, struct nyx_binding, poll);

	b->queue = queue;
	add_wait_queue(queue, &b->wait);
}

/* Begin to listen. What is there already counts. */
static void listen(struct nyx_binding *b, struct file *source)
{
	u64 n = 0;

	init_waitqueue_func_entry(&b->wait, source_wakeup);
	init_poll_funcptr(&b->poll, source_queue);
	if (!(vfs_poll(source, &b->poll) & EPOLLIN))
		return;
	spin_lock_irq(&b->queue->lock);
	eventfd_ctx_do_read(b->source, &n);
	/* Somebody may wait for room to write. */
	wake_up_locked_poll(b->queue, EPOLLOUT);
	spin_unlock_irq(&b->queue->lock);
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
	struct nyx_binding *b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);

	if (!b)
		return NULL;
	b->unit = unit;
	b->cfg = *cfg;
	spin_lock_init(&b->lock);
	init_irq_work(&b->work, send_work);
	hrtimer_init(&b->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	b->timer.function = send_timer;
	INIT_DELAYED_WORK(&b->fetch, fetch_work);
	INIT_WORK(&b->post, post_work);
	b->refused_index = IRT_INDEX_NONE;
	b->posted_index = IRT_INDEX_NONE;
	return b;
}

/* No signal comes in any more, nothing is begun. Nobody can find the binding. */
static void binding_stop(struct nyx_binding *b)
{
	u64 n;

	eventfd_ctx_remove_wait_queue(b->source, &b->wait, &n);
	spin_lock_irq(&b->lock);
	b->dead = true;
	spin_unlock_irq(&b->lock);
	cancel_delayed_work_sync(&b->fetch);
	/* It is inside an epoch. */
	flush_work(&b->post);
	irq_work_sync(&b->work);
}

/* A grace period after binding_stop() began. */
static void binding_free(struct nyx_binding *b)
{
	hrtimer_cancel(&b->timer);
	nyx_irq_wait_end(b->unit, b->cfg.sbdf, &b->limit, false);
	eventfds_release(b);
	eventfd_ctx_put(b->target);
	eventfd_ctx_put(b->source);
	kfree(b);
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
	ret = xa_alloc_cyclic(&irq->bindings, &b->id, b, XA_LIMIT(1, INT_MAX),
			      &irq->next_binding, GFP_KERNEL_ACCOUNT);
	if (ret < 0)
		return ret;
	irq->nr_bindings++;
	return 0;
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
		ret = bind_files(unit, b, from, to);
		*id = b->id;
		mutex_unlock(&unit->irq.lock);
	}
	if (to)
		fput(to);
	if (from)
		fput(from);
	if (ret)
		kfree(b);
	return ret;
}

int nyx_irq_unbind(struct nyx_unit *unit, u32 id)
{
	struct nyx_binding *b;

	mutex_lock(&unit->irq.lock);
	b = xa_erase(&unit->irq.bindings, id);
	if (b)
		unit->irq.nr_bindings--;
	mutex_unlock(&unit->irq.lock);
	if (!b)
		return -ENOENT;
	binding_stop(b);
	/* See the head of irqfd.h. */
	synchronize_rcu_expedited();
	binding_free(b);
	return 0;
}

/* Wait for who has read the old message or mask, to send or to post. */
static void binding_settle(struct nyx_unit *unit, u32 id)
{
	struct nyx_binding *b;

	epoch_drain_bounded(&unit->irq.epoch);
	mutex_lock(&unit->irq.lock);
	b = xa_load(&unit->irq.bindings, id);
	/* It takes no lock of ours, and waits for nobody in user space. */
	if (b)
		flush_work(&b->post);
	mutex_unlock(&unit->irq.lock);
}

int nyx_irq_change(struct nyx_unit *unit, u32 id, u32 what,
		   const struct nyx_binding_config *cfg)
{
	struct nyx_binding *b;
	int ret = 0;

	mutex_lock(&unit->irq.lock);
	b = xa_load(&unit->irq.bindings, id);
	if (!b) {
		ret = -ENOENT;
		goto out_unlock;
	}
	spin_lock_irq(&b->lock);
	if (what & NYX_CHANGE_F_MESSAGE) {
		b->cfg.address = cfg->address;
		b->cfg.data = cfg->data;
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
out_unlock:
	mutex_unlock(&unit->irq.lock);
	if (!ret)
		binding_settle(unit, id);
	return ret;
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
	struct nyx_binding *b;
	unsigned long id;

	if (xa_empty(&unit->irq.bindings))
		return;
	/* Nobody else uses the unit. */
	xa_for_each(&unit->irq.bindings, id, b) {
		binding_stop(b);
		cond_resched();
	}
	/* See the head of irqfd.h. */
	synchronize_rcu();
	xa_for_each(&unit->irq.bindings, id, b) {
		xa_erase(&unit->irq.bindings, id);
		binding_free(b);
		cond_resched();
	}
	unit->irq.nr_bindings = 0;
}
