/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: bound interrupts are sent: at once, by the unit's timer, or by its worker.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * core/irqfd.c makes bindings, ends them and takes the signals of their sources;
 * core/irqfd_send.c sends what came. core/irqfd.h says how, and in which order
 * locks are taken.
 */
#ifndef NYX_CORE_IRQFD_SEND_H
#define NYX_CORE_IRQFD_SEND_H

#include <linux/irq_work.h>
#include <linux/limits.h>
#include <linux/types.h>

#include "core/irqfd.h"

/* Interrupts that wait in a binding: the count saturates. */
static inline u32 add_sat(u32 a, u64 b)
{
	return b > U32_MAX - a ? U32_MAX : a + b;
}

/**
 * nyx_irqfds_init() - make the workqueue of all units
 *
 * Context: while the module starts.
 * Return: 0 or -ENOMEM.
 */
int nyx_irqfds_init(void);

/* No unit exists. May sleep. */
void nyx_irqfds_exit(void);

/**
 * nyx_irqfds_alloc() - make what the bindings of a unit have in common
 *
 * Context: may sleep.
 * Return: it, or NULL.
 */
struct nyx_irqfds *nyx_irqfds_alloc(void);

/* Stop timer and worker of a unit that has no binding left. May sleep. */
void nyx_irqfds_stop(struct nyx_irqfds *fds);

/**
 * nyx_irqfds_wait() - wait until the worker has done with a binding
 * @fds: of its unit
 * @b: the binding; NULL: whichever the worker is at
 *
 * Context: may sleep; waits for nothing that user space does.
 */
void nyx_irqfds_wait(struct nyx_irqfds *fds, const struct nyx_binding *b);

/**
 * nyx_binding_hold() - let the unit's timer send what is held
 * @b: the binding; nothing happens if it is dead
 * @ns: after this time, if not before
 *
 * Context: any, under &nyx_binding.lock.
 */
void nyx_binding_hold(struct nyx_binding *b, u64 ns);

/**
 * nyx_binding_unhold() - take a binding out of the timer's queue
 * @b: the binding
 *
 * Context: any, under &nyx_binding.lock.
 */
void nyx_binding_unhold(struct nyx_binding *b);

/**
 * nyx_binding_stall_end() - a binding waits for memory no longer
 * @b: the binding, which need not have waited
 *
 * Context: any, under &nyx_binding.lock.
 */
void nyx_binding_stall_end(struct nyx_binding *b);

/**
 * nyx_binding_send_work() - send what is held, now
 * @work: &nyx_binding.work
 *
 * Context: an irq_work.
 */
void nyx_binding_send_work(struct irq_work *work);

#endif /* NYX_CORE_IRQFD_SEND_H */
