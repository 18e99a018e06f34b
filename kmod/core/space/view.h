/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: views: processes that use translations without a system call.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A process that opens a view of a unit reads the unit's window (core/window/window.h), and
 * has memory of its own, which it shares with the kernel: slots and holds. A thread is
 * inside a section while the count of its slot is odd; a hold is in use while its count is
 * odd, and names pages of a domain. Documentation/design/window.rst has the protocol.
 *
 * A wait waits until each section that it sees has ended, then until each hold that is in
 * its way has been released. Of both it waits only for those that began before it: the window
 * has a count of waits, &nyx_window_head.phase, which sections and holds repeat. A wait polls,
 * so that user space cannot make it sleep for long. A value that user space writes decides
 * only how long a wait waits for the process that wrote it.
 *
 * A view that holds a wait up for longer than the unit's time-out is cut off: the devices
 * that its sections and holds name are quarantined, its threads are told, and no wait looks
 * at it any more. Waits that have seen it inside return -ETIMEDOUT: all is taken away, but
 * that process may still use it.
 *
 * A view whose writable area is no longer mapped has no threads that could use anything:
 * the kernel unmaps the memory of a process when the last of them has gone. So its slots are
 * free then. Requests may still be under way, such as those of io_uring: its holds are free
 * when its file is closed, which a ring may have.
 */
#ifndef NYX_CORE_VIEW_H
#define NYX_CORE_VIEW_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/nyx_iommu.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct mm_struct;
struct nyx_domain;
struct nyx_unit;
struct page;

#define NYX_VIEWS_MAX	64u

/**
 * struct nyx_view_counts - sums of the counters of slots, as &struct nyx_view_slot has them
 * @hits: translations found in the window
 * @misses: translations that the kernel was asked for
 * @walks: translations found in a table of the guest
 * @read_bytes: bytes that devices read
 * @write_bytes: bytes that devices wrote
 */
struct nyx_view_counts {
	u64 hits;
	u64 misses;
	u64 walks;
	u64 read_bytes;
	u64 write_bytes;
};

/**
 * struct nyx_views - the views of a unit
 * @lock: serialises changes of @list, and protects @retired
 * @list: struct nyx_view by id
 * @nr: how many; written under @lock
 * @retired: counters of views that have ended
 */
struct nyx_views {
	struct mutex lock;
	struct xarray list;
	unsigned int nr;
	struct nyx_view_counts retired;
};

/**
 * struct nyx_view - a view
 * @ref: references: of the list, and of waits that look at it
 * @unit: its unit, of which the file of the view is a user
 * @mm: address space of the process, for comparison only; holds mm_count
 * @pid: its process
 * @name: name of the process
 * @id: its id in the unit
 * @nr_slots: slots
 * @nr_holds: holds
 * @ctl: the writable area: this page, slots and holds
 * @slots: part of @ctl
 * @holds: part of @ctl
 * @size: bytes of the area, in whole pages
 * @nr_vmas: mappings of the area; 0: no thread can be inside
 * @mapped: the area was mapped, and is not mapped a second time
 * @cut: it was cut off
 * @closed: its file was closed: no request holds anything
 * @rcu: frees it
 *
 * All but @nr_vmas, @mapped, @cut and @closed are const after init.
 */
struct nyx_view {
	struct kref ref;
	struct nyx_unit *unit;
	struct mm_struct *mm;
	struct pid *pid;
	char name[TASK_COMM_LEN];
	u32 id;
	u32 nr_slots;
	u32 nr_holds;
	struct nyx_view_ctl *ctl;
	struct nyx_view_slot *slots;
	struct nyx_view_hold *holds;
	u64 size;
	atomic_t nr_vmas;
	atomic_t mapped;
	u32 cut;
	bool closed;
	struct rcu_head rcu;
};

/**
 * nyx_views_init() - prepare a unit
 * @views: set: no views
 */
void nyx_views_init(struct nyx_views *views);

/**
 * nyx_views_fini() - clean up
 * @views: of a unit without views
 */
void nyx_views_fini(struct nyx_views *views);

/**
 * nyx_view_open() - open a view for the current process
 * @unit: the unit; the caller makes the view a user of it
 * @nr_slots: slots, 1 to NYX_VIEW_SLOTS_MAX
 * @nr_holds: holds, at most NYX_VIEW_HOLDS_MAX
 *
 * Context: may sleep.
 * Return: the view, or ERR_PTR: -ENOSPC at the limit, -ENOMEM.
 */
struct nyx_view *nyx_view_open(struct nyx_unit *unit, u32 nr_slots, u32 nr_holds);

/**
 * nyx_view_close() - end a view
 * @view: the view, of which nothing is mapped
 *
 * Context: may sleep.
 */
void nyx_view_close(struct nyx_view *view);

/**
 * nyx_view_page() - find a page of the writable area
 * @view: the view
 * @nr: number of the page
 *
 * Context: any.
 * Return: the page, without a reference, or NULL beyond the end.
 */
struct page *nyx_view_page(struct nyx_view *view, unsigned long nr);

/**
 * typedef nyx_view_wants_fn - is a hold in the way of a wait?
 * @arg: of nyx_views_wait()
 * @dom: the domain that the hold names; stays until the return
 * @first: first page
 * @last: last page
 *
 * Context: under RCU.
 */
typedef bool nyx_view_wants_fn(const void *arg, struct nyx_domain *dom, u64 first, u64 last);

/**
 * nyx_views_wait() - wait until no view uses what was taken away
 * @unit: the unit
 * @wants: says which holds are in the way; sections are, all of them
 * @arg: for @wants
 *
 * The caller has changed what the window shows, with a full barrier after that. The wait ends
 * within the unit's time-out.
 *
 * Context: may sleep, without locks of the unit.
 * Return: 0; -EINTR if the caller was killed; -ETIMEDOUT: nothing is left to wait for,
 * because a view was cut off.
 */
int nyx_views_wait(struct nyx_unit *unit, nyx_view_wants_fn *wants, const void *arg);

/**
 * nyx_views_count() - add the counters of views to those of the unit
 * @unit: the unit
 * @count: array of NYX_STAT_MAX
 *
 * Context: may sleep.
 */
void nyx_views_count(struct nyx_unit *unit, u64 *count);

/**
 * nyx_view_next() - describe the next view by id
 * @unit: the unit
 * @id: the first id of interest
 * @info: set
 *
 * Context: may sleep.
 * Return: true if there is one.
 */
bool nyx_view_next(struct nyx_unit *unit, unsigned long id, struct nyx_view_info *info);

#endif /* NYX_CORE_VIEW_H */
