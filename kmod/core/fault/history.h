/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: what was unmapped when, and what led to a fault.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A paging domain remembers its last unmapped ranges, so that a fault can say "unmapped 12
 * ms ago". Written under &nyx_domain.lock; read, when a fault is recorded, without a lock:
 * a reader that meets a writer finds nothing.
 */
#ifndef NYX_CORE_HISTORY_H
#define NYX_CORE_HISTORY_H

#include <linux/seqlock.h>
#include <linux/types.h>

struct nyx_domain;
struct nyx_event_fault;
struct nyx_fault_info;

#define NYX_HISTORY_MAX	64u

/**
 * struct nyx_past - a range that was unmapped
 * @first: first IOVA
 * @last: last IOVA
 * @time_ns: CLOCK_BOOTTIME, coarse; 0: none
 */
struct nyx_past {
	u64 first;
	u64 last;
	u64 time_ns;
};

/**
 * struct nyx_history - the last ranges that were unmapped
 * @seq: odd while it is written
 * @next: where the next one goes
 * @past: the ranges
 */
struct nyx_history {
	seqcount_t seq;
	u32 next;
	struct nyx_past past[NYX_HISTORY_MAX];
};

/**
 * nyx_history_prepare() - let a domain remember
 * @dom: a paging domain
 *
 * Context: may sleep. Without memory the domain does not remember.
 */
void nyx_history_prepare(struct nyx_domain *dom);

/**
 * nyx_history_before() - a range is about to be unmapped
 * @dom: the domain; under &nyx_domain.lock
 * @first: first IOVA
 * @last: last IOVA
 *
 * Records which parts of a large range are mapped, because the table does not say that any
 * more after pt_unmap(). After that pt_unmap() of the range cannot fail, so that the
 * history never has what is still mapped.
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM: the caller must not unmap it, and nothing is recorded.
 */
int nyx_history_before(struct nyx_domain *dom, u64 first, u64 last);

/**
 * nyx_history_after() - something in a range was unmapped
 * @dom: the domain; under &nyx_domain.lock
 * @first: first IOVA
 * @last: last IOVA
 *
 * A small range is recorded as it is, mapped in whole or not.
 *
 * Context: may sleep.
 */
void nyx_history_after(struct nyx_domain *dom, u64 first, u64 last);

/**
 * nyx_history_find() - when an address was unmapped
 * @dom: the domain
 * @iova: the address
 *
 * Context: any.
 * Return: CLOCK_BOOTTIME in ns, or 0 if that is not known.
 */
u64 nyx_history_find(struct nyx_domain *dom, u64 iova);

/**
 * nyx_fault_explain() - what led to a fault
 * @dom: the domain
 * @info: the fault of an access in it
 * @now: CLOCK_BOOTTIME
 * @event: its record, in which the field that belongs to the cause is set
 *
 * Context: any. Walks the table a few times.
 * Return: of enum nyx_fault_cause.
 */
u32 nyx_fault_explain(struct nyx_domain *dom, const struct nyx_fault_info *info,
		      u64 now, struct nyx_event_fault *event);

#endif /* NYX_CORE_HISTORY_H */
