/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: views, translations without a system call.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A process that has mapped the guest's memory makes the accesses of its devices by itself: it
 * translates in the unit's own cache, walks a table that is in the guest's memory, and reads and
 * writes the memory in place. A system call is left for the rest: a page of a table that is the
 * kernel's own and is not cached, or a fault, which is found, reported and counted as that of
 * nyx_dma_read().
 *
 *	nyx_view_begin(thread, &device);
 *	ret = nyx_view_translate(thread, iova, length, NYX_PROT_READ, runs, nr, &n, &fault);
 *	... use runs[i].host, which is NULL where only nyx_dma_read() reaches the memory ...
 *	ret = nyx_view_end(thread);
 *
 * A command that takes a translation away (and the guest's invalidation) waits until each
 * section that may use it is over: so a section lasts microseconds, and neither sleeps nor calls
 * functions of libnyx but those of this file: others return -EDEADLK. An access that lasts
 * longer, such as a request of io_uring, has a hold, which is taken in the section and released
 * by any thread. A process that does not let go within &nyx_unit_create_opts.view_timeout_ms
 * is cut off: the view is of no use any more (-ESTALE), NYX_EVENT_VIEW names it, and the devices
 * that its sections and holds are of are quarantined. A thread that waits for a command must not
 * be the only one that can end a section or release a hold.
 *
 * The child of fork(2) has no views: all is -ESTALE there.
 */
#ifndef NYX_VIEW_H
#define NYX_VIEW_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/dma.h>
#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nyx_view;
struct nyx_view_thread;

/**
 * struct nyx_view_device - a device, as a view knows it
 * @sbdf: the device
 * @pasid: NYX_PASID_NONE
 *
 * Begins as nyx_view_device_of() gives it. Any number of threads may use one, with any number of
 * views of one unit.
 */
struct nyx_view_device {
	uint32_t sbdf;
	uint32_t pasid;
	/* private: serial and index */
	__u64 __id;
};

/**
 * nyx_view_device_of() - name a device
 * @device: the device, which need not be there yet
 *
 * Return: what a section is begun with.
 */
struct nyx_view_device nyx_view_device_of(nyx_device_t device);

/**
 * struct nyx_view_run - a piece of a translated range
 * @iova: first IOVA
 * @length: bytes that are contiguous in GPA and at @host
 * @gpa: first guest-physical address
 * @host: the memory, in a range of nyx_view_memory_add(), or NULL: it is in none
 * @first: first page that a hold names
 * @last: last page that a hold names
 * @prot: of enum nyx_prot: what the device may do there
 * @domain: index of its domain, for holds
 *
 * Never grows.
 */
struct nyx_view_run {
	uint64_t iova;
	uint64_t length;
	uint64_t gpa;
	void *host;
	uint64_t first;
	uint64_t last;
	uint32_t prot;
	uint32_t domain;
};

/**
 * nyx_view_open() - open a view of a unit
 * @unit: the unit, of which the view has a reference
 * @nr_slots: threads that may have a slot, 1 to NYX_VIEW_SLOTS_MAX
 * @nr_holds: holds, at most NYX_VIEW_HOLDS_MAX
 * @view: where to put the view
 *
 * Return: 0; -ENOSPC if the unit has too many views; -EPROTONOSUPPORT if the layout of the
 * window is not known to the library; -EINVAL; -ENOMEM; other errors of the kernel.
 */
int nyx_view_open(struct nyx_unit *unit, uint32_t nr_slots, uint32_t nr_holds,
		  struct nyx_view **view);

/**
 * nyx_view_close() - close a view
 * @view: the view, or NULL
 *
 * Return: 0; -EBUSY while a thread has a slot, or a hold is taken. In the child of fork(2)
 * it frees all of the view.
 */
int nyx_view_close(struct nyx_view *view);

/**
 * nyx_view_id() - tell the id of a view, as NYX_EVENT_VIEW names it
 * @view: the view
 *
 * Return: the id.
 */
uint32_t nyx_view_id(const struct nyx_view *view);

/**
 * nyx_view_fd() - the file descriptor of a view
 * @view: the view
 *
 * If the process is killed, its holds are free as soon as this file is closed everywhere. Most
 * requests are over by then. A direct transfer of io_uring between a disk and memory that other
 * processes have, too, is not: register the file with the ring (IORING_REGISTER_FILES), which
 * keeps it until the last request is done. The view still owns the descriptor; do not send it
 * to another process, and do not dup(2) it.
 *
 * Return: the file descriptor; -1 in the child of fork(2).
 */
int nyx_view_fd(const struct nyx_view *view);

/**
 * nyx_view_memory_add() - tell where guest memory is mapped
 * @view: the view
 * @gpa: first guest-physical address, a multiple of 4096
 * @length: bytes, a multiple of 4096
 * @host: the memory, in the process
 * @flags: NYX_MEMORY_F_READONLY: devices cannot write it
 *
 * The range need not be one that nyx_memory_add_user() was told: several may be one here. It is
 * used as long as the unit has all of it: what is removed there is not used here any more, even if
 * it is added there again. (nyx_memory_remove() drops such a range, and a part of one, from the
 * views of its process.) Waits until no section uses the former ranges.
 *
 * Return: 0; -EEXIST if it overlaps a range; -EDEADLK inside a section; -EINVAL; -EOVERFLOW;
 * -ENOMEM; -ESTALE.
 */
int nyx_view_memory_add(struct nyx_view *view, uint64_t gpa, uint64_t length, void *host,
			uint32_t flags);

/**
 * nyx_view_memory_remove() - forget a range
 * @view: the view
 * @gpa: its first address
 * @length: its bytes
 *
 * When it returns, no section uses @host. Holds are for the caller to release before.
 *
 * Return: 0; -ENOENT if no range has these bounds; -EDEADLK inside a section; -ENOMEM;
 * -ESTALE.
 */
int nyx_view_memory_remove(struct nyx_view *view, uint64_t gpa, uint64_t length);

/**
 * nyx_view_thread_open() - take a slot
 * @view: the view
 * @thread: where to put it
 *
 * Return: 0; -ENOSPC if all slots are taken; -ENOMEM; -ESTALE.
 */
int nyx_view_thread_open(struct nyx_view *view, struct nyx_view_thread **thread);

/**
 * nyx_view_thread_close() - give a slot back
 * @thread: the slot, or NULL
 *
 * Return: 0; -EPERM in another thread than the one that has taken it; -EDEADLK inside a
 * section.
 */
int nyx_view_thread_close(struct nyx_view_thread *thread);

/**
 * nyx_view_begin() - begin a section
 * @thread: a slot of the calling thread
 * @device: the device whose accesses the section makes
 *
 * Return: 0; -EDEADLK inside a section of this slot; -ESTALE if the view was cut off, or in the
 * child of fork(2). After an error the thread is not inside.
 */
int nyx_view_begin(struct nyx_view_thread *thread, struct nyx_view_device *device);

/**
 * nyx_view_end() - end a section
 * @thread: the slot
 *
 * Nothing that was translated in the section is used any more, except under a hold.
 *
 * Return: 0; -ESTALE if the view was cut off: what was used may have been taken away meanwhile;
 * -EINVAL outside a section.
 */
int nyx_view_end(struct nyx_view_thread *thread);

/**
 * nyx_view_translate() - translate an access of the section's device
 * @thread: the slot, inside a section
 * @iova: first IOVA, any alignment
 * @length: bytes, not 0
 * @access: of enum nyx_prot, at least one: what the device does
 * @runs: where to put the pieces, in order
 * @nr: room there, at least 1
 * @nr_runs: where to put the number of pieces; valid after every return
 * @fault: where to put what refused the access (reason NYX_FAULT_NONE: nothing), or NULL: then a
 *         fault is -EREMOTEIO
 *
 * The pieces are what comes before the fault, or before the first byte for which there was no
 * room.
 *
 * Return: 0; -EOPNOTSUPP if the device or its domain has limits, or for writing while
 * nyx_dirty_start() tracks writes, which only nyx_dma_write() and its like keep; -ENOENT if there
 * is no such device; -EINVAL outside a section, or for a length of 0; -EOVERFLOW; other errors of
 * the kernel.
 */
int nyx_view_translate(struct nyx_view_thread *thread, uint64_t iova, uint64_t length,
		       uint32_t access, struct nyx_view_run *runs, size_t nr, size_t *nr_runs,
		       struct nyx_fault *fault);

/**
 * nyx_view_translatev() - translate a chain of descriptors
 * @thread: the slot, inside a section
 * @segs: the segments, one string of bytes as for nyx_dma_readv()
 * @nr_segs: segments; any number
 * @access: as for nyx_view_translate()
 * @runs: where to put the pieces, in order; none has bytes of two segments
 * @nr: room there, at least 1
 * @nr_runs: as for nyx_view_translate()
 * @done: where to put the bytes that the pieces have, or NULL; valid after every return
 * @fault: as for nyx_view_translate()
 *
 * One system call fills the cache for many segments.
 *
 * Return: as nyx_view_translate().
 */
int nyx_view_translatev(struct nyx_view_thread *thread, const struct nyx_dma_seg *segs,
			size_t nr_segs, uint32_t access, struct nyx_view_run *runs, size_t nr,
			size_t *nr_runs, uint64_t *done, struct nyx_fault *fault);

/**
 * nyx_view_hold_take() - keep translations beyond the section
 * @thread: the slot, inside the section that has translated them
 * @runs: the pieces, of one domain
 * @nr: how many, at least 1
 * @hold: where to put the hold
 *
 * A request that is submitted after that, such as one of io_uring, uses the pieces until
 * nyx_view_hold_release(). A hold keeps all pages from the first to the last IOVA: pieces far
 * apart are better off with a hold each.
 *
 * Return: 0; -ENOSPC if all holds are taken, or the window has no index left for the domain: use
 * nyx_dma_read() and its like; -ERANGE if the pages are 16 TiB or more apart; -EXDEV if the pieces
 * are of several domains, as the device was moved meanwhile; -EINVAL.
 */
int nyx_view_hold_take(struct nyx_view_thread *thread, const struct nyx_view_run *runs,
		       size_t nr, uint32_t *hold);

/**
 * nyx_view_hold_release() - end a hold
 * @view: the view
 * @hold: the hold
 *
 * By any thread, inside a section or not.
 */
void nyx_view_hold_release(struct nyx_view *view, uint32_t hold);

/**
 * typedef nyx_view_fn - called for each view
 * @info: the view
 * @arg: as was passed
 *
 * Return: 0 to go on.
 */
typedef int (*nyx_view_fn)(const struct nyx_view_info *info, void *arg);

/**
 * nyx_view_foreach() - walk over the views of a unit, of all processes
 * @unit: the unit
 * @fn: called for each view, by id
 * @arg: for @fn
 *
 * Return: 0; what @fn returned, if not 0; errors of the kernel.
 */
int nyx_view_foreach(struct nyx_unit *unit, nyx_view_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif /* NYX_VIEW_H */
