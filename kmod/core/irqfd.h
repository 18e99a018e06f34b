/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: bound interrupts: an eventfd in, an eventfd out, remapped in between.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Whoever signals the source runs our wait-queue entry, with interrupts off and
 * inside the source; nobody may signal another eventfd there. So it only counts,
 * and leaves the rest to an irq_work, or to a timer if the interrupt is to be
 * held. No thread wakes up but those that wait for the target. Nothing there may
 * sleep. If the entry is one of the guest's that is not in the cache, a work item
 * brings it in, and sends again. If the interrupt is to be posted to memory that
 * is not pinned, another one does that; what comes meanwhile waits for it.
 *
 * An irq_work that is raised anew while it runs can run on two CPUs at once, and
 * irq_work_sync() waits for one of them. Both are RCU read-side critical sections,
 * because interrupts are off: who frees a binding waits for a grace period, too.
 *
 * Bindings must not form loops. No eventfd may be a source here and a target
 * there, in the whole system, so that there are not even chains.
 *
 * Lock order: nyx_irq::lock, then the lock of all bindings' eventfds (a mutex),
 * then an eventfd's wait queue, then nyx_binding::lock. Nothing is signalled with
 * the last one held.
 */
#ifndef NYX_CORE_IRQFD_H
#define NYX_CORE_IRQFD_H

#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/nyx_iommu.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "core/irq.h"

struct eventfd_ctx;
struct nyx_unit;

#define NYX_BINDINGS_MAX	65536u	/* of a unit */

/**
 * struct nyx_binding_config - what a binding is made from; all values checked
 * @sbdf: the device
 * @address: its message's address
 * @data: its message's data
 * @coalesce_us: time for which an interrupt is held
 * @coalesce_count: count at which it is not
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
 * struct nyx_binding - a bound interrupt
 * @id: its id; const after init
 * @unit: its unit; const after init
 * @source: who signals; const after init
 * @target: who is signalled; const after init
 * @queue: wait queue of @source; const after init
 * @wait: ours, in @queue
 * @poll: puts it there
 * @node: in the table of eventfds, as a source; under its lock
 * @target_node: likewise, as a target
 * @work: sends the interrupt
 * @timer: sends it later
 * @fetch: brings in the guest's entry, and sends it then
 * @post: posts @late
 * @lock: protects what follows
 * @cfg: message, coalescing, mask
 * @dead: it is being unbound: nothing is sent any more
 * @closed: the source was closed
 * @pending: interrupts that came while it was masked; all count as one
 * @held: interrupts that wait for the timer
 * @due: when the timer ends, if it runs
 * @limit: how the next one gets on with limits
 * @missing: the entry that is to be brought in
 * @fetch_since: since when that is tried again and again; or 0
 * @refused_index: as in struct nyx_irq_req, for the next one
 * @refusal: likewise
 * @fetched: what @signals was before that was looked at
 * @posted_index: as in struct nyx_irq_req, for all that follow
 * @busy: an interrupt is being posted by @post
 * @stalled: another one wants to be sent meanwhile
 * @late: the interrupt
 * @late_limit: how it got on with limits
 * @posting: its place in &nyx_irq.posting
 * @post_since: since when that is tried again and again; or 0
 * @post_again: when it is next
 * @last_reason: of enum nyx_fault_reason
 * @signals: signals of the source
 * @delivered: signals of the target
 * @refused: interrupts refused
 */
struct nyx_binding {
	u32 id;
	struct nyx_unit *unit;
	struct eventfd_ctx *source;
	struct eventfd_ctx *target;
	wait_queue_head_t *queue;
	wait_queue_entry_t wait;
	poll_table poll;
	struct hlist_node node;
	struct hlist_node target_node;
	struct irq_work work;
	struct hrtimer timer;
	struct delayed_work fetch;
	struct work_struct post;
	spinlock_t lock;
	struct nyx_binding_config cfg;
	bool dead;
	bool closed;
	bool pending;
	u32 held;
	ktime_t due;
	struct nyx_irq_wait limit;
	u32 missing;
	ktime_t fetch_since;
	u32 refused_index;
	struct nyx_refusal refusal;
	u64 fetched;
	u32 posted_index;
	bool busy;
	bool stalled;
	struct nyx_irq_req late;
	struct nyx_irq_wait late_limit;
	unsigned int posting;
	ktime_t post_since;
	ktime_t post_again;
	u32 last_reason;
	u64 signals;
	u64 delivered;
	u64 refused;
};

/**
 * nyx_irq_bind() - bind an interrupt
 * @unit: the unit
 * @cfg: what it is
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
 * @cfg: the new values of what is named
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

/* End all bindings of a unit; at its end. May sleep. */
void nyx_bindings_purge(struct nyx_unit *unit);

#endif /* NYX_CORE_IRQFD_H */
