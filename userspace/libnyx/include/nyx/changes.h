/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: change streams, what a VMM keeps a host's IOMMU equal by.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A stream has targets, devices or domains, and tells what each of them maps: first all of it,
 * then the differences, as records (struct nyx_change). Each record is applied behind the one
 * before it. An invalidation of the guest, or a command that takes a translation away, is
 * complete only when all that was to be reported is applied.
 *
 * An inline stream (NYX_CHANGES_F_INLINE) is read by the thread that calls the command:
 *
 *	ret = nyx_changes_mmio(changes, &access);
 *	if (!ret && access.out_pending)
 *		ret = nyx_changes_handle(changes, fn, arg);
 *	... now the guest's processor goes on ...
 *
 * A command that returns -EINPROGRESS is followed by nyx_changes_handle() likewise. A threaded
 * stream has a thread that sleeps until there is something: nyx_changes_start() makes one, or
 * the caller polls nyx_changes_fd() and calls nyx_changes_handle(). That thread calls no
 * command of the unit that waits, which would be waiting for itself.
 *
 * <nyx/mirror.h> does all of it for VFIO.
 *
 * A stream is of no use in the child of fork(2).
 */
#ifndef NYX_CHANGES_H
#define NYX_CHANGES_H

#include <stddef.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#include <nyx/id.h>
#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nyx_changes;

/**
 * nyx_changes_open() - open a change stream of a unit
 * @unit: the unit, of which the stream has a reference
 * @flags: of enum nyx_changes_flags
 * @changes: where to put the stream
 *
 * Return: 0; -ENOSPC if the unit has too many streams; -ENOMEM; other errors of the kernel.
 */
int nyx_changes_open(struct nyx_unit *unit, uint32_t flags, struct nyx_changes **changes);

/**
 * nyx_changes_close() - close a stream
 * @changes: the stream, or NULL
 *
 * From then on nobody waits for its reader: the caller has undone before what it has made of
 * the changes.
 *
 * Return: 0; -EBUSY while it has a mirror, or a thread of nyx_changes_start().
 */
int nyx_changes_close(struct nyx_changes *changes);

/**
 * nyx_changes_fd() - the file descriptor of a stream
 * @changes: the stream
 *
 * poll(2) reports POLLIN while there may be something to handle. The stream still owns it.
 *
 * Return: the file descriptor.
 */
int nyx_changes_fd(const struct nyx_changes *changes);

/**
 * nyx_changes_irte_changes() - changes of interrupt entries
 * @changes: the stream
 *
 * As out_irte_changes of nyx_mmio(), when the stream was last read: after
 * nyx_changes_handle(), say.
 *
 * Return: the number of them.
 */
uint64_t nyx_changes_irte_changes(const struct nyx_changes *changes);

/**
 * nyx_changes_id() - the id of a stream, for &struct nyx_mmio.changes_id
 * @changes: the stream
 *
 * Return: the id, unique in the unit.
 */
uint32_t nyx_changes_id(const struct nyx_changes *changes);

/**
 * nyx_changes_add_device() - follow a device, whatever domain it is in
 * @changes: the stream
 * @device: the device
 * @max_maps: limit on maps that are reported and not unmapped; 0: NYX_CHANGES_MAPS_DEFAULT.
 *            A device that would have more is quarantined
 * @target: where to put the number that records have
 *
 * The next nyx_changes_handle() reports what it maps.
 *
 * Return: 0; -ENOENT if there is no such device; -EEXIST if the stream has it; -ENOSPC at the
 * limit on targets of the unit; -EINVAL for @max_maps; -EBUSY if the stream has mirrors.
 */
int nyx_changes_add_device(struct nyx_changes *changes, nyx_device_t device, uint32_t max_maps,
			   uint32_t *target);

/**
 * nyx_changes_add_domain() - follow a domain of a native unit
 * @changes: the stream
 * @domain: the domain, which is not destroyed while it is followed
 * @max_maps: as for nyx_changes_add_device()
 * @target: where to put the number that records have
 *
 * Return: as nyx_changes_add_device(); -EOPNOTSUPP if the unit has a vendor model.
 */
int nyx_changes_add_domain(struct nyx_changes *changes, nyx_domain_t domain, uint32_t max_maps,
			   uint32_t *target);

/**
 * nyx_changes_remove() - follow a target no more
 * @changes: the stream
 * @target: the target
 *
 * The caller has undone before what it has made of the changes. No function is called for the
 * target when this one has returned.
 *
 * Return: 0; -ENOENT if there is no such target; -EBUSY if it belongs to a mirror.
 */
int nyx_changes_remove(struct nyx_changes *changes, uint32_t target);

/**
 * nyx_changes_next() - get the next changes
 * @changes: the stream
 * @records: where to put them
 * @nr: room there, at least 1
 * @nr_records: where to put how many there are
 * @more: where to put 1 if there may be more, and 0 otherwise
 *
 * A call says to the kernel that the caller has applied what all calls before have returned.
 * So the last call is one that finds nothing, with 0 in both: then all is applied, and what
 * commands have begun is complete. nyx_changes_handle() is such a loop.
 *
 * Return: 0; -EBUSY if the stream has a mirror, or a thread of nyx_changes_start(); -EINVAL if
 * @nr is 0; -ENODEV if the unit was destroyed; other errors of the kernel.
 */
int nyx_changes_next(struct nyx_changes *changes, struct nyx_change *records, size_t nr,
		     size_t *nr_records, int *more);

/**
 * typedef nyx_change_fn - applies a change
 * @change: the change
 * @arg: as passed on
 *
 * May add and remove targets. A command of the unit that waits is for nobody to call here.
 *
 * Return: 0; a negative errno if the change is not applied.
 */
typedef int (*nyx_change_fn)(const struct nyx_change *change, void *arg);

/**
 * nyx_changes_handle() - handle all changes that there are
 * @changes: the stream
 * @fn: called for each change, or NULL: mirrors of the stream apply them
 * @arg: passed on
 *
 * Any number of threads may call it: one at a time reads,
 * and a call that returns 0 has found all applied that was to be reported when it began.
 *
 * Return: 0; what @fn returned, if not 0: then that change and those behind it are handed to
 * the next call, and commands still wait; -ENODEV if the unit was destroyed; other errors of
 * the kernel, and of mirrors, see nyx_mirror_run(). Of an inline stream: -EINPROGRESS: all is
 * applied here, but commands wait for another stream of the unit; -ETIMEDOUT: all is applied,
 * and complete, but a view or another reader was cut off since a command had to wait.
 */
int nyx_changes_handle(struct nyx_changes *changes, nyx_change_fn fn, void *arg);

/**
 * nyx_changes_start() - make a thread that handles the changes of a threaded stream
 * @changes: the stream, not NYX_CHANGES_F_INLINE
 * @fn: as for nyx_changes_handle()
 * @arg: passed on
 *
 * All signals are blocked in the thread. It ends by nyx_changes_stop(), or when
 * nyx_changes_handle() would return an error.
 *
 * Return: 0; -EBUSY if it has one; -EOPNOTSUPP if the stream is inline; errors of
 * pthread_create(3).
 */
int nyx_changes_start(struct nyx_changes *changes, nyx_change_fn fn, void *arg);

/**
 * nyx_changes_stop() - end the thread
 * @changes: the stream
 *
 * Return: 0; the error that has ended it before; -ENOENT if it has none; -EDEADLK if the
 * thread itself calls.
 */
int nyx_changes_stop(struct nyx_changes *changes);

/**
 * nyx_changes_mmio() - the guest accesses a register of a vendor model
 * @changes: the stream
 * @access: the access, as for nyx_mmio(). The members for changes are set here, and out_seq and
 *          out_nr_changes are of no use
 *
 * As nyx_mmio(); for an inline stream it gets changes in the same system call. If out_pending
 * is 1, call nyx_changes_handle() or nyx_mirror_run() before the guest's processor goes on.
 *
 * Return: as nyx_mmio(); -EINVAL if @access is shorter than struct nyx_mmio of the library.
 */
int nyx_changes_mmio(struct nyx_changes *changes, struct nyx_mmio *access);

/**
 * nyx_target_key() - the key of an entry of nyx_target_foreach()
 * @changes_id: the stream
 * @target: the target
 *
 * Return: the key: NYX_TARGET_KEY().
 */
uint64_t nyx_target_key(uint32_t changes_id, uint32_t target);

/**
 * typedef nyx_target_fn - called for each target
 * @info: the target
 * @arg: as passed on
 *
 * Return: 0 to go on.
 */
typedef int (*nyx_target_fn)(const struct nyx_target_info *info, void *arg);

/**
 * nyx_target_foreach() - walk over the targets of all change streams of a unit
 * @unit: the unit
 * @fn: called for each target, by nyx_target_key()
 * @arg: for @fn
 *
 * Return: 0; what @fn returned, if not 0; errors of the kernel.
 */
int nyx_target_foreach(struct nyx_unit *unit, nyx_target_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif /* NYX_CHANGES_H */
