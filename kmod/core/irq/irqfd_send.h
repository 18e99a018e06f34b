/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: bound interrupts are sent: at once, or by the unit's worker.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * core/irq/irqfd.c makes bindings, ends them and takes the signals of their sources;
 * core/irq/irqfd_send.c sends what came. core/irq/irqfd.h says how, and in which order
 * locks are taken.
 */
#ifndef NYX_CORE_IRQFD_SEND_H
#define NYX_CORE_IRQFD_SEND_H

#include <linux/irq_work.h>
#include <linux/types.h>

#include "core/irq/irqfd.h"

/**
 * nyx_irqfds_init() - make the workqueue of all units
 *
 * Context: while the module starts.
 * Return: 0 or -ENOMEM.
 */
int nyx_irqfds_init(void);

/* Undo nyx_irqfds_init(); no unit exists. May sleep. */
void nyx_irqfds_exit(void);

/**
 * nyx_irqfds_alloc() - make what the bindings of a unit have in common
 *
 * Context: may sleep.
 * Return: the struct, or NULL.
 */
struct nyx_irqfds *nyx_irqfds_alloc(void);

/* Stop timer and worker of a unit that has no binding left. May sleep. */
void nyx_irqfds_stop(struct nyx_irqfds *fds);

/**
 * nyx_irqfds_wait() - wait until the worker has left a binding
 * @fds: of its unit
 * @b: the binding; NULL: any of them
 *
 * If the worker was queued again while it runs, the wait lasts until the end of that run,
 * too: at most the time to send twice TURNS_MAX interrupts.
 *
 * Context: may sleep; waits for nothing that user space does.
 */
void nyx_irqfds_wait(struct nyx_irqfds *fds, const struct nyx_binding *b);

/**
 * nyx_binding_signal() - signals have come, or what is held may be sent again
 * @b: the binding
 * @n: how many signals; 0: none, look at what is held
 *
 * Context: any, under &nyx_binding.lock.
 */
void nyx_binding_signal(struct nyx_binding *b, u64 n);

/**
 * nyx_binding_queue() - let the worker send what is held
 * @b: the binding
 * @ns: after this time, in place of any deadline that it has
 *
 * Context: any, under &nyx_binding.lock.
 */
void nyx_binding_queue(struct nyx_binding *b, u64 ns);

/**
 * nyx_binding_stop() - stop a binding: nothing is queued for it any more, nor will be
 * @b: the binding
 *
 * The caller then waits for senders, and takes back the charge in @b->limit.
 *
 * Context: any, under &nyx_binding.lock.
 */
void nyx_binding_stop(struct nyx_binding *b);

/**
 * nyx_binding_send_work() - send what is held, now
 * @work: &nyx_binding.work
 *
 * Context: an irq_work.
 */
void nyx_binding_send_work(struct irq_work *work);

#endif /* NYX_CORE_IRQFD_SEND_H */
