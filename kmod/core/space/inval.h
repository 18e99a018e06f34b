/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: invalidation: posts of what is no longer true, and waits for its users.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A translation, a context, an interrupt entry or a range of memory ceases to be true
 * in two steps. A caller changes the table, and posts that: the cache forgets,
 * listeners (core/space/listener.h) are marked, and a ticket notes what was touched.
 * nyx_inval_wait() of the ticket then waits for the accesses and interrupts that may have
 * seen the old state, and for listeners. No other file drains an epoch or invalidates the cache.
 *
 * A command has a ticket of its own, which names up to NYX_TICKET_DOMAINS domains. The
 * ticket of a guest's queue lives as long as the queue and names nothing: the unit lists at
 * once what is posted by it. The unit also lists what a command has touched beyond the
 * names that its ticket has room for, and what is left when a kill cuts a wait short. A
 * wait for the list therefore finishes what others could not.
 *
 * The unit lists a domain by a node inside it, once, with the numbers of the first and
 * the last post since it was waited for. Each post has the next number of the unit. So
 * a wait for all posts up to a number visits the domains that were touched and no
 * others, two waits may be under way at once, and nothing is allocated.
 *
 * A ticket and a node also have the ranges of pages that were touched in the domain, so that
 * a wait waits for holders of copies of these pages, and not of others. An access inside
 * the domain is waited for whatever pages it uses.
 *
 * A context that a device has lost is retired with the number of that post. Accesses that
 * are inside the domain may still use it, so the domain keeps it. A wait that has drained
 * the domain frees the contexts with numbers up to the one that it noted before it began.
 */
#ifndef NYX_CORE_INVAL_H
#define NYX_CORE_INVAL_H

#include <linux/errno.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "core/space/ranges.h"

struct nyx_ctx;
struct nyx_device;
struct nyx_domain;
struct nyx_unit;
struct region;

/**
 * struct nyx_drain - something that has to be waited for, as the unit lists it
 * @link: of a domain; head at &nyx_inval.pending
 * @first: number of the first post that no wait has covered; 0: nothing is owed
 * @last: number of the last post
 * @ranges: of a domain; cover what posts have touched since nothing was owed
 *
 * Under &nyx_inval.lock.
 */
struct nyx_drain {
	struct list_head link;
	u64 first;
	u64 last;
	struct nyx_ranges ranges;
};

/**
 * struct nyx_put_off - waits that were cut short, and are to be made good
 * @is_set: there are some
 * @cuts: &nyx_listeners.cuts when the first of them began
 */
struct nyx_put_off {
	bool is_set;
	u32 cuts;
};

/**
 * struct nyx_inval - what a unit has to wait for
 * @lock: protects all of it, and each &struct nyx_drain; inside every mutex
 * @posted: number of the last post
 * @pending: domains whose accesses have to be waited for; head of
 *           &nyx_domain.drain
 * @lookups: interrupts, and all between nyx_guest_mem_enter() and nyx_guest_mem_exit():
 *           they look tables up outside of accesses
 * @memory: all users of memory
 * @deferred: regions that have left the memory map, by the number of the post; a wait for
 *            @memory that began later frees them
 * @nr_retired: contexts that domains keep for accesses that may use them
 * @put_off: waits of commands that were cut short
 */
struct nyx_inval {
	spinlock_t lock;
	u64 posted;
	struct list_head pending;
	struct nyx_drain lookups;
	struct nyx_drain memory;
	struct list_head deferred;
	unsigned int nr_retired;
	struct nyx_put_off put_off;
};

/* Domains that a ticket names. */
#define NYX_TICKET_DOMAINS	4u

/**
 * struct nyx_ticket - what a command, or a queue, has touched and not yet waited for
 * @unit: the unit
 * @dom: domains, with references
 * @ranges: what was touched in each of them
 * @nr: how many
 * @lists: names nothing: the unit lists what is posted by it
 * @lookups: interrupts, and all between nyx_guest_mem_enter() and nyx_guest_mem_exit():
 *           they look tables up outside of accesses
 * @memory: all users of memory
 * @until: wait for all that the unit lists up to this post; 0: nothing
 * @put_off: of a queue: waits that were cut short
 *
 * The owner serialises its use.
 */
struct nyx_ticket {
	struct nyx_unit *unit;
	struct nyx_domain *dom[NYX_TICKET_DOMAINS];
	struct nyx_ranges ranges[NYX_TICKET_DOMAINS];
	u8 nr;
	bool lists;
	bool lookups;
	bool memory;
	u64 until;
	struct nyx_put_off put_off;
};

/* A ticket of a command, which calls nyx_inval_wait() once before it ends. */
#define NYX_TICKET(_unit)	((struct nyx_ticket){ .unit = (_unit) })
/* A ticket of a queue. */
#define NYX_TICKET_QUEUE(_unit)	((struct nyx_ticket){ .unit = (_unit), .lists = true })

/**
 * nyx_inval_init() - prepare a unit
 * @inval: set: nothing is pending
 *
 * Context: any; before the unit is published.
 */
void nyx_inval_init(struct nyx_inval *inval);

/**
 * nyx_inval_purge() - forget what a unit lists
 * @inval: of a unit without accesses, interrupts and commands
 *
 * Context: may sleep; with mutexes of the unit held, too.
 */
void nyx_inval_purge(struct nyx_inval *inval);

/**
 * nyx_inval_purge_memory() - free deferred regions
 * @inval: of a unit as for nyx_inval_purge(), whose vIOMMU model has stopped
 *
 * Context: may sleep.
 */
void nyx_inval_purge_memory(struct nyx_inval *inval);

/**
 * nyx_ticket_range() - let a ticket wait for users of a range of a domain, too
 * @t: the ticket
 * @dom: the domain, of which the caller has a reference
 * @first: first IOVA
 * @last: last IOVA
 *
 * Context: any process; also with mutexes of the unit held.
 */
void nyx_ticket_range(struct nyx_ticket *t, struct nyx_domain *dom, u64 first,
		      u64 last);

/**
 * nyx_ticket_domain() - let a ticket wait for users of any page of a domain, too
 * @t: the ticket
 * @dom: the domain, of which the caller has a reference
 *
 * Context: any process; also with mutexes of the unit held.
 */
void nyx_ticket_domain(struct nyx_ticket *t, struct nyx_domain *dom);

/**
 * nyx_ticket_device() - let a ticket wait for the accesses of a device, too
 * @t: the ticket
 * @dev: the device
 *
 * The ticket gets the device's domain, and domains that the device has left.
 *
 * Context: under &nyx_unit.lock.
 */
void nyx_ticket_device(struct nyx_ticket *t, struct nyx_device *dev);

/**
 * nyx_inval_range() - translations of a domain are no longer true
 * @dom: the domain, whose table was changed before
 * @first: first IOVA
 * @last: last IOVA
 * @t: gets the range, widened to the pages of which the cache may hold parts
 *
 * On return the translations are not cached, and a fill under way does not bring them back.
 *
 * Context: may sleep.
 */
void nyx_inval_range(struct nyx_domain *dom, u64 first, u64 last,
		     struct nyx_ticket *t);

/**
 * nyx_inval_range_locked() - as nyx_inval_range(), under the domain's lock
 * @dom: the domain, whose table was changed before
 * @first: first IOVA
 * @last: last IOVA
 * @t: as there
 *
 * Context: under &nyx_domain.lock.
 */
void nyx_inval_range_locked(struct nyx_domain *dom, u64 first, u64 last,
			    struct nyx_ticket *t);

/**
 * nyx_inval_context() - a device has another context
 * @dev: the device
 * @from: the context that it had, which nyx_device_set_ctx() has taken away
 * @t: gets the domain of @from, and domains that the device left before and that no wait
 *     has covered
 *
 * The domain takes over @from, and frees it after a wait for its accesses.
 *
 * Context: under &nyx_unit.lock.
 */
void nyx_inval_context(struct nyx_device *dev, struct nyx_ctx *from,
		       struct nyx_ticket *t);

/**
 * nyx_inval_may_retire() - may a device get a context that has to be freed?
 * @unit: the unit
 *
 * Context: any.
 * Return: false while accesses may use NYX_CTX_RETIRED_MAX contexts that devices have lost,
 * because no wait has covered them.
 */
bool nyx_inval_may_retire(struct nyx_unit *unit);

/**
 * nyx_inval_lookups() - tables that are looked up outside of accesses have changed
 * @t: gets interrupts, and others that look at guest memory
 *
 * Context: any process; also with mutexes of the unit held.
 */
void nyx_inval_lookups(struct nyx_ticket *t);

/**
 * nyx_inval_memory() - memory has left a unit
 * @t: gets all users of memory
 * @region: its backing, whose reference the unit takes over; NULL: another command may have
 *          removed the range
 *
 * Context: any process; also with mutexes of the unit held.
 */
void nyx_inval_memory(struct nyx_ticket *t, struct region *region);

/**
 * nyx_inval_wait() - wait for all that may use what was posted by a ticket
 * @t: the ticket
 *
 * The cost is in proportion to what was touched. The wait destroys a guest's domain that
 * has no device any more. It is a full memory barrier, if anything was posted.
 *
 * Context: may sleep; without a mutex of the unit.
 * Return: 0; -EINTR if the caller was killed, -EINPROGRESS if it has to act for a listener
 * first: the unit lists what is left, and a ticket of a queue waits for that the next time;
 * -ETIMEDOUT: nothing is left, but a process whose view was cut off, or the copy of a
 * listener, may still use what was taken away.
 */
int nyx_inval_wait(struct nyx_ticket *t);

/* Has a wait with this result left nothing that could be waited for? */
static inline bool nyx_inval_is_done(int ret)
{
	return !ret || ret == -ETIMEDOUT;
}

/**
 * nyx_inval_finish() - wait for all that a unit lists
 * @unit: the unit
 *
 * -ETIMEDOUT also if a view or a listener was cut off since a command was put off.
 *
 * Context: may sleep; without a mutex of the unit.
 * Return: as of nyx_inval_wait().
 */
int nyx_inval_finish(struct nyx_unit *unit);

/**
 * nyx_inval_wait_writers() - wait for all that may write guest memory
 * @unit: the unit
 * @views: wait for views as well, as nyx_views_wait() does; otherwise only for the kernel
 *
 * Not for listeners, whose writes the module does not see.
 *
 * A full memory barrier comes before the wait, and one behind it.
 *
 * Context: may sleep, without locks of the unit.
 * Return: 0; -EINTR if the caller was killed; -ETIMEDOUT as of nyx_views_wait().
 */
int nyx_inval_wait_writers(struct nyx_unit *unit, bool views);

/**
 * nyx_inval_wait_senders() - wait for interrupts that look at tables or bindings
 * @unit: the unit
 *
 * Context: may sleep; cannot be killed.
 */
void nyx_inval_wait_senders(struct nyx_unit *unit);

/**
 * nyx_inval_wait_commands() - wait for commands that have passed the gate
 * @unit: the unit
 *
 * Context: may sleep; not inside a command that has passed the gate.
 * Return: 0, or -EINTR if the caller was killed.
 */
int nyx_inval_wait_commands(struct nyx_unit *unit);

/**
 * nyx_inval_wait_gone() - wait for accesses that found a device before it was unpublished
 * @unit: the unit
 *
 * &nyx_unit.blocked_domain refuses these accesses at once.
 *
 * Context: may sleep; cannot be killed.
 */
void nyx_inval_wait_gone(struct nyx_unit *unit);

/**
 * nyx_inval_device_pending() - may a device have accesses in domains that it has
 *                              left?
 * @unit: the unit
 * @dev: the device
 *
 * Context: under &nyx_unit.lock.
 * Return: true if a wait for them was cut short, or has not begun or ended.
 */
bool nyx_inval_device_pending(struct nyx_unit *unit, struct nyx_device *dev);

/**
 * nyx_inval_domain_busy() - may a domain have accesses of a device that has left?
 * @dom: the domain
 *
 * Context: under &nyx_unit.lock.
 * Return: true if it is listed, and not idle.
 */
bool nyx_inval_domain_busy(struct nyx_domain *dom);

/**
 * nyx_inval_drop() - destroy a domain, if no device is in it
 * @dom: the domain, of which the caller has a reference
 *
 * Context: may sleep.
 * Return: 0; -ENOENT if it has gone; -EBUSY while it has devices, or another caller is
 * about to take it away; -EINTR if the caller was killed, -EINPROGRESS if it has to act for a
 * listener first: the domain stays; -ETIMEDOUT: it is destroyed, but a view or a listener was
 * cut off.
 */
int nyx_inval_drop(struct nyx_domain *dom);

#endif /* NYX_CORE_INVAL_H */
