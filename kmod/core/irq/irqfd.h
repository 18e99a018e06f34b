/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: bound interrupts: an eventfd in, an eventfd out, remapped in between.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A signal of the source runs source_wakeup(), with interrupts off and the lock of the
 * source held, where no other eventfd may be signalled. So source_wakeup() only counts the
 * signal, and raises the irq_work of nyx_binding_send_work(), which remaps the interrupt
 * and signals the target. Neither may sleep, and only threads that wait for the target wake
 * up.
 *
 * Everything that cannot be sent at once has a deadline, by which it is queued for the
 * unit's worker: a signal that is held for others (coalescing), an interrupt over a limit, an
 * entry of the guest's that is not in the cache, a descriptor in memory that is not pinned,
 * and memory that is not at hand. Until then later signals join it, see enum
 * nyx_binding_state. The unit's timer only queues the worker.
 *
 * Work is bounded. A signal causes one attempt, at once, and one more by the worker. If memory
 * is not at hand, workers try again: for all bindings of a user together once for each signal,
 * and otherwise no more often than twice in a millisecond, in which units have equal parts.
 * The scheduler decides when a worker runs; after TURNS_MAX interrupts it is the turn of
 * other units.
 *
 * nyx_irq_unbind() returns when the senders have left &nyx_irq.epoch and the worker has left
 * the binding. The memory of the binding is freed a grace period later: an irq_work that is
 * raised while it runs can run on two CPUs at once, and irq_work_sync() waits for one of them.
 *
 * Bindings must not form loops. An eventfd that is the source of a binding is the target of
 * none, in the whole system, so not even chains form.
 *
 * Lock order: nyx_irq::lock, then the lock of all bindings' eventfds (a mutex),
 * then an eventfd's wait queue, then nyx_binding::lock, then nyx_irqfds::lock.
 * Nothing is signalled with the last two held.
 */
#ifndef NYX_CORE_IRQFD_H
#define NYX_CORE_IRQFD_H

#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/nyx_iommu.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/timerqueue.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "core/irq/irq.h"

struct eventfd_ctx;
struct mem_cgroup;
struct nyx_binding;
struct nyx_unit;

#define NYX_BINDINGS_MAX	65536u	/* of a unit */

/* Limit on the bindings of a user without CAP_SYS_RESOURCE. May change at any time. */
extern unsigned int nyx_max_bindings_per_user;

/**
 * struct nyx_binding_config - what a binding is made from; all values checked
 * @sbdf: the device
 * @address: its message's address
 * @data: its message's data
 * @coalesce_us: time for which an interrupt is held
 * @coalesce_count: count of signals at which it is sent before that time
 * @masked: begin masked
 */
struct nyx_binding_config {
	u32 sbdf;
	u32 data;
	u64 address;
	u32 coalesce_us;
	u32 coalesce_count;
	bool masked;
};

/**
 * struct nyx_irqfds - what the bound interrupts of a unit have in common
 * @lock: protects what follows
 * @due: bindings by their deadlines
 * @timer: queues @work at the first deadline, or before
 * @work: the worker
 * @at_work: the binding that the worker took last, for comparison only; NULL: the worker
 *           has nothing to do
 * @nr_stalled: bindings that wait for memory; not under @lock
 * @nr_ended: bindings that ended; not under @lock
 */
struct nyx_irqfds {
	spinlock_t lock;
	struct timerqueue_head due;
	struct hrtimer timer;
	struct work_struct work;
	struct nyx_binding *at_work;
	atomic_t nr_stalled;
	atomic_t nr_ended;
};

/**
 * struct nyx_eventfd - an eventfd that is bound
 * @node: in the tree of bound eventfds, by @ctx
 * @ctx: the eventfd; const while it is in the tree
 * @nr_targeting: bindings whose target the eventfd is; 0: it is the source of one
 *
 * The lock of all bindings' eventfds protects all fields. A source is a part of its
 * binding.
 */
struct nyx_eventfd {
	struct rb_node node;
	struct eventfd_ctx *ctx;
	u32 nr_targeting;
};

/**
 * enum nyx_binding_state - what becomes of a signal; the order counts
 * @NYX_BINDING_IDLE: the irq_work sends it, at once
 * @NYX_BINDING_HELD: the worker sends it at the deadline, or the irq_work before that if
 *                    enough have come
 * @NYX_BINDING_DEFERRED: only the worker sends it, at the deadline
 * @NYX_BINDING_DEAD: nothing is sent any more
 *
 * From NYX_BINDING_DEFERRED on a signal causes nothing by itself: nyx_binding_signal()
 * compares.
 */
enum nyx_binding_state {
	NYX_BINDING_IDLE,
	NYX_BINDING_HELD,
	NYX_BINDING_DEFERRED,
	NYX_BINDING_DEAD,
};

/**
 * struct nyx_binding - a bound interrupt
 * @id: its id; const after init
 * @unit: its unit; const after init
 * @source: the eventfd that the device signals; its context is const after init
 * @target: the eventfd that the kernel signals; other bindings may have the same one; const
 *          after init
 * @memcg: is charged for memory that the worker allocates: the cgroup of the
 *         process that has bound it; const after init
 * @wait: in the wait queue of @source
 * @work: sends the interrupt at once
 * @due: the deadline, in &nyx_irqfds.due; put there and moved under @lock and
 *       &nyx_irqfds.lock, taken out under the latter
 * @lock: protects what follows
 * @cfg: message, coalescing, mask
 * @state: what becomes of a signal
 * @closed: the source was closed
 * @held: signals that wait to be sent, as one interrupt; while it is masked: pending
 * @waited_ms: for how long the interrupt has waited for memory; 0: it does not wait
 * @limit: what limits were charged for the interrupt that waits
 * @last_reason: of enum nyx_fault_reason
 * @signals: signals of the source
 * @delivered: signals of the target
 * @refused: interrupts refused
 * @rcu: for call_rcu()
 */
struct nyx_binding {
	u32 id;
	struct nyx_unit *unit;
	struct nyx_eventfd source;
	struct eventfd_ctx *target;
	struct mem_cgroup *memcg;
	wait_queue_entry_t wait;
	struct irq_work work;
	struct timerqueue_node due;
	spinlock_t lock;
	struct nyx_binding_config cfg;
	enum nyx_binding_state state;
	bool closed;
	u32 held;
	u32 waited_ms;
	struct nyx_irq_wait limit;
	u32 last_reason;
	u64 signals;
	u64 delivered;
	u64 refused;
	struct rcu_head rcu;
};

/**
 * nyx_irqfd_init() - prepare for bound interrupts
 *
 * Context: while the module starts.
 * Return: 0 or -ENOMEM.
 */
int nyx_irqfd_init(void);

/* Undo nyx_irqfd_init(); no unit exists. May sleep. */
void nyx_irqfd_exit(void);

/**
 * nyx_irq_bind() - bind an interrupt
 * @unit: the unit
 * @cfg: its configuration
 * @source: fd of an eventfd
 * @target: fd of an eventfd
 * @id: set
 *
 * Context: may sleep.
 * Return: 0; -ENOENT if there is no such device; -EBADF; -EINVAL if one is no
 * eventfd, or both are the same; -EBUSY if the source is bound; -ELOOP; -ENOSPC;
 * -ENOMEM.
 */
int nyx_irq_bind(struct nyx_unit *unit, const struct nyx_binding_config *cfg,
		 int source, int target, u32 *id);

/**
 * nyx_irq_unbind() - end a binding
 * @unit: the unit
 * @id: which one
 *
 * Context: may sleep.
 * Return: 0 or -ENOENT.
 */
int nyx_irq_unbind(struct nyx_unit *unit, u32 id);

/**
 * nyx_irq_change() - change a binding
 * @unit: the unit
 * @id: which one
 * @what: of enum nyx_change_flags
 * @cfg: the new values of the fields that @what names
 *
 * Context: may sleep.
 * Return: 0 or -ENOENT.
 */
int nyx_irq_change(struct nyx_unit *unit, u32 id, u32 what,
		   const struct nyx_binding_config *cfg);

/**
 * nyx_binding_next() - describe the next binding by id
 * @unit: the unit
 * @id: the first id of interest
 * @info: set
 *
 * Context: may sleep.
 * Return: true if there is one.
 */
bool nyx_binding_next(struct nyx_unit *unit, unsigned long id,
		      struct nyx_binding_info *info);

/* End all bindings of a unit that is torn down. May sleep. */
void nyx_bindings_purge(struct nyx_unit *unit);

#endif /* NYX_CORE_IRQFD_H */
