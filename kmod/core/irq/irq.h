/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: interrupt remapping: from a device's message to what the processor sees.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Three steps: *fetch* gets the entry that a message asks for, from the cache or from the
 * guest's memory; *remap* says what the message becomes by the entry, and nothing else
 * counts; *deliver* posts it, signals, counts, or reports the fault.
 *
 * From the cache nyx_irq_try() does all three inside &nyx_irq.epoch, in any context and
 * without waiting. If an entry or a descriptor is in guest memory that may have to be
 * brought in, send_slow() does all three in process context, inside nyx_guest_mem_enter(),
 * and may have to wait for user space. A thread that changes entries, removes devices or
 * memory waits for both.
 */
#ifndef NYX_CORE_IRQ_H
#define NYX_CORE_IRQ_H

#include <linux/mutex.h>
#include <linux/nyx_iommu.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "core/account/qos.h"
#include "core/fault/fault.h"
#include "tlb/epoch.h"
#include "tlb/irt.h"

struct eventfd_ctx;
struct nyx_device;
struct nyx_domain;
struct nyx_irqfds;
struct nyx_ticket;
struct nyx_unit;

/**
 * struct nyx_irq - interrupts of a unit
 * @irt: its table; writers under @lock
 * @nr_irtes: entries that are present, in all tables; written under @lock
 * @nr_changes: changes of entries or of @mode, see nyx_irq_notify_change();
 *              written under @lock
 * @mode: of enum nyx_irq_mode; written under @lock
 * @per_device: devices have tables of their own, and @irt has no entries; const
 *              after init
 * @epoch: interrupts that read @irt or signal an eventfd
 * @lock: serialises changes; inside no other lock of the unit
 * @bindings: struct nyx_binding by id; written under @lock
 * @nr_bindings: entries of @bindings; written under @lock
 * @next_binding: where the search for a free id begins
 * @fds: what @bindings have in common; NULL before the first binding; const after that
 */
struct nyx_irq {
	struct irt irt;
	u32 nr_irtes;
	u64 nr_changes;
	u32 mode;
	bool per_device;
	struct epoch epoch;
	struct mutex lock;
	struct xarray bindings;
	u32 nr_bindings;
	u32 next_binding;
	struct nyx_irqfds *fds;
};

/**
 * struct nyx_irq_req - an interrupt
 * @sbdf: the sender
 * @data: its data
 * @address: its address
 * @signal: the eventfd to signal if the interrupt is delivered; or NULL
 * @nonblock: do not wait for a limit
 * @nowait: do nothing if there are limits
 */
struct nyx_irq_req {
	u32 sbdf;
	u32 data;
	u64 address;
	struct eventfd_ctx *signal;
	bool nonblock;
	bool nowait;
};

/**
 * struct nyx_irq_reply - the outcome of an interrupt
 * @result: of enum nyx_irq_result
 * @fault: why the interrupt is refused, or reason NYX_FAULT_NONE
 * @msg: the remapped interrupt, or the notification
 */
struct nyx_irq_reply {
	u32 result;
	struct nyx_fault_info fault;
	struct irt_msg msg;
};

/**
 * nyx_irq_init() - prepare a unit for interrupts
 * @irq: its interrupts
 * @entries: size of the table; 0: each device has one of its own
 * @cache: the table caches one of the guest's, and has memory for entries that are there
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int nyx_irq_init(struct nyx_irq *irq, u32 entries, bool cache);

/**
 * nyx_irq_fini() - free what nyx_irq_init() has made
 * @irq: interrupts of a unit, of which none is under way or can come
 *
 * Context: may sleep.
 */
void nyx_irq_fini(struct nyx_irq *irq);

/**
 * struct nyx_irq_wait - limits on the way of an interrupt; zero at first, but for @hold
 * @hold: a reference to the domain may be taken, and dropped by nyx_irq_wait_end() in
 *        process context
 * @charged: limits were charged for the interrupt
 * @ns: after -EAGAIN: how long to wait
 * @charge: what was charged
 * @dom: the domain that was charged, with a reference; or NULL
 */
struct nyx_irq_wait {
	bool hold;
	bool charged;
	u64 ns;
	struct nyx_charge charge;
	struct nyx_domain *dom;
};

/**
 * nyx_irq_send() - a device sends an interrupt
 * @unit: the unit
 * @req: the interrupt
 * @reply: set
 *
 * Context: may sleep.
 * Return: 0, also if it is refused; -ENOENT if there is no such device; -EAGAIN
 * over a limit if @req->nonblock, or @req->nowait; -EINTR if a signal arrived while it
 * waited; -ENOMEM.
 */
int nyx_irq_send(struct nyx_unit *unit, const struct nyx_irq_req *req,
		 struct nyx_irq_reply *reply);

/**
 * nyx_irq_probe() - what would become of an interrupt?
 * @unit: the unit
 * @req: the interrupt; its signal, nonblock and nowait do not count
 * @reply: set as by nyx_irq_send(); the message of an entry that is posted is the entry's
 *
 * Nothing is posted, signalled, counted, charged or reported. An entry of the guest's
 * table comes into the cache.
 *
 * Context: may sleep.
 * Return: 0, also if it would be refused; -ENOENT if there is no such device; -EINTR if
 * the caller was killed; -ENOMEM.
 */
int nyx_irq_probe(struct nyx_unit *unit, const struct nyx_irq_req *req,
		  struct nyx_irq_reply *reply);

/**
 * nyx_irq_try() - as nyx_irq_send(), without waiting
 * @unit: the unit
 * @req: the interrupt
 * @wait: kept by the caller from one try to the next
 * @reply: set
 *
 * Context: any.
 * Return: 0; -ENOENT; -EAGAIN over a limit: try again with the same @wait after @wait->ns,
 * and that limit is not checked again; -EINPROGRESS: only nyx_irq_try_slow(), which reads
 * guest memory, can send the interrupt.
 */
int nyx_irq_try(struct nyx_unit *unit, const struct nyx_irq_req *req,
		struct nyx_irq_wait *wait, struct nyx_irq_reply *reply);

/**
 * nyx_irq_try_slow() - as nyx_irq_try(), for a kernel thread
 * @unit: the unit
 * @req: the interrupt
 * @wait: kept by the caller from one try to the next
 * @last: if memory is not at hand the interrupt is refused
 * @reply: set
 *
 * The function does not wait for user space.
 *
 * Context: may sleep.
 * Return: 0; -ENOENT; -EAGAIN over a limit, as nyx_irq_try(); -EBUSY, unless
 * @last: memory is not at hand.
 */
int nyx_irq_try_slow(struct nyx_unit *unit, const struct nyx_irq_req *req,
		     struct nyx_irq_wait *wait, bool last,
		     struct nyx_irq_reply *reply);

/**
 * nyx_irq_wait_end() - an interrupt was sent, or will not be
 * @unit: the unit
 * @sbdf: the sender
 * @wait: zero again afterwards
 * @sent: the interrupt was sent; otherwise the charge is taken back
 *
 * Context: any; may sleep if @wait->hold was set.
 */
void nyx_irq_wait_end(struct nyx_unit *unit, u32 sbdf, struct nyx_irq_wait *wait,
		      bool sent);

/**
 * nyx_irq_set_mode() - say how interrupts are treated
 * @unit: the unit
 * @mode: of enum nyx_irq_mode
 * @t: gets interrupts: some may be under way in the old mode
 *
 * Context: may sleep.
 */
void nyx_irq_set_mode(struct nyx_unit *unit, u32 mode, struct nyx_ticket *t);

#endif /* NYX_CORE_IRQ_H */
