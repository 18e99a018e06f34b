// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: bound interrupts: an eventfd in, an eventfd out, remapped in between.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/irq/irqfd.h"

#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/lockdep.h>
#include <linux/memcontrol.h>
#include <linux/poll.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "base/export.h"
#include "base/reason.h"
#include "base/types.h"
#include "core/access/device.h"
#include "core/account/tenant.h"
#include "core/irq/irq.h"
#include "core/irq/irqfd_send.h"
#include "core/space/inval.h"
#include "core/unit.h"

/* Number of ended bindings of a unit after which binding_end() waits for a grace period. */
#define ENDED_MAX	256u

unsigned int nyx_max_bindings_per_user = 262144;

/* All eventfds that are bound, in the whole system, by address. */
static DEFINE_MUTEX(eventfds_lock);
static struct rb_root eventfds = RB_ROOT;

/* ---- receiving ---------------------------------------------------------- */

/* Take @n signals of the source; @closed: no more will come. */
static void receive(struct nyx_binding *b, u64 n, bool closed)
{
	unsigned long flags;

	spin_lock_irqsave(&b->lock, flags);
	b->signals += n;
	b->closed |= closed;
	if (n)
		nyx_binding_signal(b, n);
	spin_unlock_irqrestore(&b->lock, flags);
}

/* Called with the lock of the source's wait queue held. */
static int source_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync,
			 void *key)
{
	struct nyx_binding *b = container_of(wait, struct nyx_binding, wait);
	__poll_t flags = key_to_poll(key);
	u64 n = 0;

	if (flags & EPOLLIN)
		eventfd_ctx_do_read(b->source.ctx, &n);
	if (n || (flags & EPOLLHUP))
		receive(b, n, flags & EPOLLHUP);
	return n != 0;
}

/**
 * struct listener - how a binding finds the wait queue of its source
 * @poll: table that calls source_queue()
 * @b: the binding
 * @queue: set to that wait queue
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

/* Begin to listen to @source, and take the signals that it already has. */
static void listen(struct nyx_binding *b, struct file *source)
{
	struct listener l = { .b = b };
	u64 n = 0;

	init_waitqueue_func_entry(&b->wait, source_wakeup);
	init_poll_funcptr(&l.poll, source_queue);
	if (!(vfs_poll(source, &l.poll) & EPOLLIN))
		return;
	spin_lock_irq(&l.queue->lock);
	eventfd_ctx_do_read(b->source.ctx, &n);
	/* A writer of the eventfd may wait for room. */
	wake_up_locked_poll(l.queue, EPOLLOUT);
	spin_unlock_irq(&l.queue->lock);
	if (n)
		receive(b, n, false);
}

/* ---- eventfds that are bound -------------------------------------------- */

/* Find a bound eventfd, or NULL and the place in the tree where it belongs. */
static struct nyx_eventfd *eventfd_find(const struct eventfd_ctx *ctx,
					struct rb_node **parent,
					struct rb_node ***link)
{
	struct nyx_eventfd *e;

	lockdep_assert_held(&eventfds_lock);
	*parent = NULL;
	*link = &eventfds.rb_node;
	while (**link) {
		*parent = **link;
		e = rb_entry(*parent, struct nyx_eventfd, node);
		if (e->ctx == ctx)
			return e;
		*link = ctx < e->ctx ? &(*parent)->rb_left : &(*parent)->rb_right;
	}
	return NULL;
}

static void eventfd_insert(struct nyx_eventfd *e)
{
	struct rb_node *parent, **link;

	eventfd_find(e->ctx, &parent, &link);
	rb_link_node(&e->node, parent, link);
	rb_insert_color(&e->node, &eventfds);
}

/*
 * Claim source and target for a binding. Processes of all users take eventfds_lock, so no
 * code allocates or scans with it held: a target costs the same whether it is that of one
 * binding or of a hundred thousand.
 */
static int eventfds_claim(struct nyx_binding *b)
{
	struct nyx_eventfd *source, *target, *spare;
	struct rb_node *parent, **link;
	int ret = 0;

	spare = kzalloc(sizeof(*spare), GFP_CALLER);
	if (!spare)
		return -ENOMEM;
	spare->ctx = b->target;
	mutex_lock(&eventfds_lock);
	source = eventfd_find(b->source.ctx, &parent, &link);
	target = eventfd_find(b->target, &parent, &link);
	if (source && !source->nr_targeting) {
		ret = NYX_ERR(SOURCE_BOUND);
	} else if (source) {
		ret = NYX_ERR(SOURCE_IS_TARGET);
	} else if (target && !target->nr_targeting) {
		ret = NYX_ERR(TARGET_IS_SOURCE);
	} else {
		eventfd_insert(&b->source);
		if (!target) {
			target = spare;
			spare = NULL;
			eventfd_insert(target);
		}
		target->nr_targeting++;
	}
	mutex_unlock(&eventfds_lock);
	kfree(spare);
	return ret;
}

static void eventfds_release(struct nyx_binding *b)
{
	struct rb_node *parent, **link;
	struct nyx_eventfd *target;

	mutex_lock(&eventfds_lock);
	rb_erase(&b->source.node, &eventfds);
	target = eventfd_find(b->target, &parent, &link);
	if (--target->nr_targeting)
		target = NULL;
	else
		rb_erase(&target->node, &eventfds);
	mutex_unlock(&eventfds_lock);
	kfree(target);
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
	init_irq_work(&b->work, nyx_binding_send_work);
	timerqueue_init(&b->due);
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

/* End a binding that no lookup finds any more. On return nothing is sent for it. */
static void binding_end(struct nyx_binding *b)
{
	struct nyx_unit *unit = b->unit;
	struct nyx_irqfds *fds = unit->irq.fds;
	u64 n;

	eventfd_ctx_remove_wait_queue(b->source.ctx, &b->wait, &n);
	spin_lock_irq(&b->lock);
	nyx_binding_stop(b);
	spin_unlock_irq(&b->lock);
	/* A sender may have left compose() before nyx_binding_stop(), and still sends. */
	nyx_inval_wait_senders(unit);
	nyx_irqfds_wait(fds, b);
	/*
	 * On PREEMPT_RT irq_work_sync() takes a grace period even if @b->work is idle.
	 * call_rcu() covers an irq_work that is idle already but has not returned.
	 */
	if (irq_work_is_busy(&b->work))
		irq_work_sync(&b->work);
	nyx_irq_wait_end(unit, b->cfg.sbdf, &b->limit, false);
	eventfds_release(b);
	eventfd_ctx_put(b->target);
	eventfd_ctx_put(b->source.ctx);
	nyx_tenants_add(unit, NYX_TENANT_BINDINGS, -1);
	call_rcu(&b->rcu, binding_free_rcu);
	/* Bound the memory of bindings that wait for a grace period. */
	if (atomic_inc_return(&fds->nr_ended) % ENDED_MAX == 0)
		synchronize_rcu();
}

/* Make &struct nyx_irqfds of a unit, with the first of its bindings. */
static int irqfds_prepare(struct nyx_irq *irq)
{
	struct nyx_irqfds *fds;

	lockdep_assert_held(&irq->lock);
	if (irq->fds)
		return 0;
	fds = nyx_irqfds_alloc();
	if (!fds)
		return -ENOMEM;
	WRITE_ONCE(irq->fds, fds);
	return 0;
}

static int binding_publish(struct nyx_unit *unit, struct nyx_binding *b)
{
	struct nyx_irq *irq = &unit->irq;
	int ret;

	lockdep_assert_held(&irq->lock);
	if (irq->nr_bindings >= NYX_BINDINGS_MAX)
		return NYX_ERR(BINDINGS_MAX);
	rcu_read_lock();
	ret = xa_load(&unit->devices, b->cfg.sbdf) ? 0 : NYX_ERR(NO_SUCH_DEVICE);
	rcu_read_unlock();
	if (ret)
		return ret;
	/*
	 * A binding keeps its eventfds after their descriptors are closed, so RLIMIT_NOFILE
	 * does not bound them.
	 */
	if (!nyx_tenants_charge_up_to(unit, NYX_TENANT_BINDINGS, 1,
				      READ_ONCE(nyx_max_bindings_per_user)))
		return NYX_ERR(BINDINGS_MAX_USER);
	ret = xa_alloc_cyclic(&irq->bindings, &b->id, b, XA_LIMIT(1, INT_MAX),
			      &irq->next_binding, GFP_CALLER);
	if (ret < 0) {
		nyx_tenants_add(unit, NYX_TENANT_BINDINGS, -1);
		return ret;
	}
	irq->nr_bindings++;
	return 0;
}

static int bind_files(struct nyx_unit *unit, struct nyx_binding *b,
		      struct file *source, struct file *target)
{
	int ret;

	b->source.ctx = eventfd_ctx_fileget(source);
	if (IS_ERR(b->source.ctx))
		return NYX_ERR(NO_EVENTFD);
	b->target = eventfd_ctx_fileget(target);
	if (IS_ERR(b->target)) {
		ret = NYX_ERR(TARGET_NO_EVENTFD);
		goto err_source;
	}
	ret = b->source.ctx == b->target ? NYX_ERR(SAME_EVENTFD) : eventfds_claim(b);
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
	eventfd_ctx_put(b->source.ctx);
	return ret;
}

int nyx_irq_bind(struct nyx_unit *unit, const struct nyx_binding_config *cfg,
		 int source, int target, u32 *id)
{
	struct file *from, *to;
	struct nyx_binding *b;
	int ret;

	b = binding_alloc(unit, cfg);
	if (!b)
		return -ENOMEM;
	from = fget(source);
	to = fget(target);
	if (!from) {
		ret = NYX_ERR(BAD_FD);
	} else if (!to) {
		ret = NYX_ERR(TARGET_BAD_FD);
	} else {
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

/* Another command may be about to end the binding: wait as that command does. */
static int no_binding(struct nyx_unit *unit)
{
	struct nyx_irqfds *fds = READ_ONCE(unit->irq.fds);

	nyx_inval_wait_senders(unit);
	if (fds)
		nyx_irqfds_wait(fds, NULL);
	return NYX_ERR(NO_SUCH_BINDING);
}

int nyx_irq_unbind(struct nyx_unit *unit, u32 id)
{
	struct nyx_binding *b;

	mutex_lock(&unit->irq.lock);
	b = xa_erase(&unit->irq.bindings, id);
	if (b) {
		unit->irq.nr_bindings--;
		/* Stop @b before another command can miss it: see no_binding(). */
		spin_lock_irq(&b->lock);
		nyx_binding_stop(b);
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
		/* The new message may need other memory: let the worker try at once. */
		if (b->waited_ms)
			nyx_binding_queue(b, 0);
	}
	if (what & NYX_CHANGE_F_COALESCE) {
		b->cfg.coalesce_us = cfg->coalesce_us;
		b->cfg.coalesce_count = cfg->coalesce_count;
	}
	if (what & NYX_CHANGE_F_MASK)
		b->cfg.masked = cfg->masked;
	/* Interrupts are held by the old rules: let nyx_binding_send_work() send them. */
	if ((what & (NYX_CHANGE_F_COALESCE | NYX_CHANGE_F_MASK)) && b->held && !b->cfg.masked)
		irq_work_queue(&b->work);
	spin_unlock_irq(&b->lock);
	mutex_unlock(&unit->irq.lock);
	/* A sender may have read the old message or mask. */
	nyx_inval_wait_senders(unit);
	nyx_irqfds_wait(unit->irq.fds, b);
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
				 (b->cfg.masked && b->held ? NYX_BIND_F_PENDING : 0) |
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
	/* The unit has no users, so no lock is needed. */
	xa_for_each(&unit->irq.bindings, id, b) {
		xa_erase(&unit->irq.bindings, id);
		binding_end(b);
		cond_resched();
	}
	unit->irq.nr_bindings = 0;
	nyx_irqfds_stop(fds);
	/* An irq_work that is about to find its binding dead uses @unit->irq, too. */
	synchronize_rcu();
	unit->irq.fds = NULL;
	kfree(fds);
}

int nyx_irqfd_init(void)
{
	mutex_never_allocates(&eventfds_lock);
	return nyx_irqfds_init();
}

void nyx_irqfd_exit(void)
{
	nyx_irqfds_exit();
}

NYX_EXPORT_FOR_TEST(nyx_irq_bind);
NYX_EXPORT_FOR_TEST(nyx_irq_unbind);
NYX_EXPORT_FOR_TEST(nyx_irq_change);
NYX_EXPORT_FOR_TEST(nyx_binding_next);
