/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: listeners: holders of copies of translations, outside of the module.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A listener has a copy of what a device, or a domain, translates: a mirror in the IOMMU of
 * the host. Each post (core/space/inval.h) marks in the listeners concerned what may have
 * changed, and never blocks: a listener has a set of ranges, and a flag for the
 * context. nyx_listener_take() takes these marks; then the listener brings its copy up to
 * date, and calls nyx_listener_ack(). nyx_listeners_wait() waits for that.
 *
 * Posts are numbered. A listener has the numbers of the first and of the last post that it
 * has not acknowledged. A wait reads the number of the last post, and waits for listeners
 * with first numbers up to that. A listener that does not acknowledge is cut off: no wait waits
 * for it before it takes what is marked again, and learns that it was late.
 *
 * A post is made under &nyx_domain.lock or &nyx_unit.lock, after the change that it is about.
 * A listener begins to follow something under the same lock, before it looks at it. So it
 * sees the change, or is marked.
 */
#ifndef NYX_CORE_LISTENER_H
#define NYX_CORE_LISTENER_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "core/space/ranges.h"

struct nyx_domain;
struct nyx_listener;

/**
 * struct nyx_listener_ops - what a kind of listener does
 * @get: take a reference; under &nyx_listeners.lock
 * @put: drop it; may sleep
 * @sleeps: does its reader have to be woken, now that something is marked? Under
 *          &nyx_listeners.lock
 * @wait: wait until posts up to a number are acknowledged, or the listener is removed; may
 *        sleep. 0; -EINTR if the caller was killed; -EINPROGRESS: the caller has to act
 *        first; -ETIMEDOUT: the listener was cut off, and has acknowledged all
 */
struct nyx_listener_ops {
	void (*get)(struct nyx_listener *listener);
	void (*put)(struct nyx_listener *listener);
	bool (*sleeps)(struct nyx_listener *listener);
	int (*wait)(struct nyx_listener *listener, u64 number);
};

/**
 * struct nyx_listener - a holder of copies
 * @ops: its kind; const after init
 * @is_device: it follows the contexts of a device; const after init
 * @sbdf: of that device; const after init
 * @marked: a list of listeners of which something is marked, or NULL; const after init
 * @link: in &nyx_listeners.list
 * @marked_link: in @marked, from a mark until the owner of that list takes it off, or until
 *               nyx_listener_take()
 * @dom: the domain of which it has copies, for comparison only, or NULL
 * @first: number of the first post that was not acknowledged; 0: there is none
 * @last: number of the last post
 * @cut: number of the last post for which it was cut off
 * @waited_ns: since when a wait has seen it behind, CLOCK_MONOTONIC; 0: none has since it
 *             acknowledged something
 * @ranges: pages in which something may have changed since nyx_listener_take()
 * @context: the context, or the state, of the device may have changed since then
 * @late: it was cut off since then
 *
 * Under &nyx_listeners.lock, as is what @marked points to, but for @ops, @is_device, @sbdf and
 * @marked.
 */
struct nyx_listener {
	const struct nyx_listener_ops *ops;
	bool is_device;
	u32 sbdf;
	struct list_head *marked;
	struct list_head link;
	struct list_head marked_link;
	struct nyx_domain *dom;
	u64 first;
	u64 last;
	u64 cut;
	u64 waited_ns;
	struct nyx_ranges ranges;
	bool context;
	bool late;
};

/**
 * struct nyx_listeners - the listeners of a unit
 * @lock: protects all of it
 * @list: struct nyx_listener
 * @posted: number of the last post
 * @cuts: how often a listener was cut off
 * @states: how often quarantine has begun or ended for a device or a domain; no lock
 * @wq: waits; woken when a listener has acknowledged, is cut off, or is removed
 * @readers: those that read for listeners; woken when a listener is marked whose reader sleeps,
 *           when the state of a device changes, and when the unit ends
 */
struct nyx_listeners {
	spinlock_t lock;
	struct list_head list;
	u64 posted;
	u32 cuts;
	atomic_t states;
	wait_queue_head_t wq;
	wait_queue_head_t readers;
};

/**
 * nyx_listeners_init() - prepare a unit
 * @ls: set: no listeners
 */
void nyx_listeners_init(struct nyx_listeners *ls);

/**
 * nyx_listener_add() - add a listener, marked as if all had changed
 * @ls: the listeners
 * @l: the listener, zeroed, with @ops, @is_device, @sbdf and @marked
 *
 * Context: under &nyx_unit.lock.
 */
void nyx_listener_add(struct nyx_listeners *ls, struct nyx_listener *l);

/**
 * nyx_listener_remove() - remove a listener
 * @ls: the listeners
 * @l: the listener; waits that have a reference look at it until they drop that
 *
 * Context: any process.
 */
void nyx_listener_remove(struct nyx_listeners *ls, struct nyx_listener *l);

/**
 * nyx_listener_follow() - get the posts of a domain
 * @ls: the listeners
 * @l: the listener
 * @dom: the domain, with a reference; NULL: none
 * @number: set to the number of a post that stands for what the listener does about that,
 *          if it had nothing to acknowledge
 *
 * Context: under &nyx_domain.lock of @dom; if the listener has a device, under
 * &nyx_unit.lock, too.
 * Return: true if it has followed @dom before.
 */
bool nyx_listener_follow(struct nyx_listeners *ls, struct nyx_listener *l,
			 struct nyx_domain *dom, u64 *number);

/**
 * nyx_listener_take() - take what is marked
 * @ls: the listeners
 * @l: the listener
 * @ranges: the marked pages are added
 * @context: set if the context is marked
 * @late: set if it was cut off since the last call
 *
 * Context: any process.
 * Return: number of the last post, for nyx_listener_ack(), or 0: all is acknowledged.
 */
u64 nyx_listener_take(struct nyx_listeners *ls, struct nyx_listener *l,
		      struct nyx_ranges *ranges, bool *context, bool *late);

/**
 * nyx_listener_ack() - no copy is in use of what changed up to a post
 * @ls: the listeners
 * @l: the listener
 * @number: of nyx_listener_take() or nyx_listener_follow()
 *
 * Context: any process.
 */
void nyx_listener_ack(struct nyx_listeners *ls, struct nyx_listener *l, u64 number);

/**
 * nyx_listener_is_behind() - has a listener yet to acknowledge a post?
 * @ls: the listeners
 * @l: the listener
 * @number: posts up to this one count
 *
 * Context: any process.
 * Return: true if it does.
 */
bool nyx_listener_is_behind(struct nyx_listeners *ls, struct nyx_listener *l, u64 number);

/**
 * nyx_listener_waited() - begin, or go on, to wait for a listener
 * @ls: the listeners
 * @l: the listener
 * @number: posts up to this one count
 * @first: set to the first of them that is not acknowledged; the first call for a wait has 0
 *         there
 * @since_ns: set to the time since when a wait has seen it behind
 *
 * Context: any process.
 * Return: -EINPROGRESS: it is behind; 0: it has acknowledged; -ETIMEDOUT: it was cut off
 * meanwhile, or has been and does not know it yet.
 */
int nyx_listener_waited(struct nyx_listeners *ls, struct nyx_listener *l, u64 number,
			u64 *first, u64 *since_ns);

/**
 * nyx_listener_cut() - cut a listener off
 * @ls: the listeners
 * @l: the listener, whose device can do nothing any more
 *
 * Context: any process.
 */
void nyx_listener_cut(struct nyx_listeners *ls, struct nyx_listener *l);

/* Mark pages from @first to @last, of listeners that follow @dom. */
void nyx_listeners_post(struct nyx_listeners *ls, struct nyx_domain *dom, u64 first,
			u64 last);
/* Mark the context of listeners that follow @sbdf; NYX_SBDF_ANY: any device. */
void nyx_listeners_post_device(struct nyx_listeners *ls, u32 sbdf);
/* Mark all pages of all listeners. */
void nyx_listeners_post_all(struct nyx_listeners *ls);
/* Let no listener follow @dom, which goes. */
void nyx_listeners_forget(struct nyx_listeners *ls, const struct nyx_domain *dom);

/**
 * nyx_listeners_range() - translations of a domain have changed
 * @ls: the listeners
 * @dom: the domain
 * @first: first page
 * @last: last page
 *
 * Context: under &nyx_domain.lock.
 */
static inline void nyx_listeners_range(struct nyx_listeners *ls, struct nyx_domain *dom,
				       u64 first, u64 last)
{
	if (unlikely(!list_empty(&ls->list)))
		nyx_listeners_post(ls, dom, first, last);
}

/**
 * nyx_listeners_device() - the context or state of a device has changed
 * @ls: the listeners
 * @sbdf: the device; NYX_SBDF_ANY: perhaps that of each device
 *
 * Context: under &nyx_unit.lock.
 */
static inline void nyx_listeners_device(struct nyx_listeners *ls, u32 sbdf)
{
	if (unlikely(!list_empty(&ls->list)))
		nyx_listeners_post_device(ls, sbdf);
}

/**
 * nyx_listeners_memory() - memory has been added to the unit, or has left it
 * @ls: the listeners
 *
 * Context: under &nyx_unit.lock.
 */
static inline void nyx_listeners_memory(struct nyx_listeners *ls)
{
	if (unlikely(!list_empty(&ls->list)))
		nyx_listeners_post_all(ls);
}

/**
 * nyx_listeners_state() - quarantine has begun or ended for a device or a domain
 * @ls: the listeners
 *
 * Context: any, after that change; no listener is marked, and none is woken.
 */
static inline void nyx_listeners_state(struct nyx_listeners *ls)
{
	/* A reader of the count sees the change: pairs with nyx_listeners_states(). */
	smp_mb__before_atomic();
	atomic_inc(&ls->states);
}

/**
 * nyx_listeners_states() - how often was that?
 * @ls: the listeners
 *
 * Context: any.
 * Return: a count, for comparison only.
 */
static inline int nyx_listeners_states(const struct nyx_listeners *ls)
{
	return atomic_read_acquire(&ls->states);
}

/* Count something that was cut off, other than a listener. */
void nyx_listeners_count_cut(struct nyx_listeners *ls);

/**
 * nyx_listeners_wait() - wait until listeners have acknowledged what was posted
 * @ls: the listeners
 *
 * Context: may sleep, without locks of the unit.
 * Return: 0; -EINTR if the caller was killed; -EINPROGRESS: the caller has to act for a
 * listener first; -ETIMEDOUT: nothing is left to wait for, because a listener was cut off.
 */
int nyx_listeners_wait(struct nyx_listeners *ls);

#endif /* NYX_CORE_LISTENER_H */
