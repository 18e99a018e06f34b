/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: change streams: what devices and domains translate, as differences.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A stream has targets, each a listener (core/space/listener.h) with a shadow
 * (core/changes/shadow.h). A post marks what may have changed. A reader takes the marks, and
 * compares tables and memory with the shadow; the differences are the changes. So no change
 * is queued in the kernel but those of the buffer of the stream, which are on their way
 * to the reader, and nothing depends on how fast it reads.
 *
 * A reader acknowledges changes by their numbers. A target has acknowledged a post when the
 * marks of that post are dealt with, and the reader has acknowledged the changes that came of it.
 *
 * A wait of a threaded stream sleeps until then; of an inline stream it returns -EINPROGRESS, and
 * nyx_changes_finish() finishes what was begun. A reader that does nothing for the unit's
 * time-out, while a wait waits, is cut off: devices of targets that are behind are quarantined.
 */
#ifndef NYX_CORE_CHANGES_H
#define NYX_CORE_CHANGES_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/nyx_iommu.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "core/changes/shadow.h"
#include "core/space/listener.h"

struct nyx_unit;
struct task_struct;

/* Changes on their way to a reader. */
#define NYX_CHANGES_BUFFER	64u

/**
 * struct nyx_changes - a change stream
 * @ref: references: of its file, of targets, and of commands that have found it
 * @unit: the unit; const after init
 * @id: its id in the unit; const after init
 * @is_inline: its reader is the caller of the commands that wait; const after init
 * @lock: one reader at a time; outside of all locks of the unit
 * @targets: struct nyx_target; under @lock
 * @marked: those of which something is marked, see &nyx_listener.marked
 * @active: those that have something to report, or to acknowledge; under @lock
 * @states: nyx_listeners_states(), when all targets were last looked at; written under @lock
 * @next_target: number of the next target; under @lock
 * @seq: number of the last change that was put into @buffer; under @lock
 * @told: number of the last change that a reader was given; under @lock
 * @acked: the reader has applied changes up to this number; under @lock
 * @nr: changes in @buffer; under @lock
 * @pos: those before it were given to a reader; under @lock
 * @more: something is left to report, though nothing is marked; written under @lock
 * @closed: its file is closed: it takes no target; under @lock
 * @asked_ns: when a reader was last at work, CLOCK_MONOTONIC
 * @caller: the task that reads the changes which it makes; NULL: none. For comparison only
 * @rcu: frees it
 * @buffer: changes; under @lock
 */
struct nyx_changes {
	struct kref ref;
	struct nyx_unit *unit;
	u32 id;
	bool is_inline;
	struct mutex lock;
	struct list_head targets;
	struct list_head marked;
	struct list_head active;
	int states;
	u32 next_target;
	u64 seq;
	u64 told;
	u64 acked;
	u32 nr;
	u32 pos;
	bool more;
	bool closed;
	u64 asked_ns;
	const struct task_struct *caller;
	struct rcu_head rcu;
	struct nyx_change buffer[NYX_CHANGES_BUFFER];
};

/**
 * nyx_changes_open() - make a change stream without targets
 * @unit: the unit; the caller makes the stream's file a user of it
 * @is_inline: see &struct nyx_changes
 *
 * Context: may sleep.
 * Return: the stream, or ERR_PTR: NYX_ERR(STREAMS_MAX), -ENOMEM.
 */
struct nyx_changes *nyx_changes_open(struct nyx_unit *unit, bool is_inline);

/**
 * nyx_changes_close() - end a change stream
 * @changes: the stream, which no lookup finds any more on return
 *
 * Context: may sleep.
 */
void nyx_changes_close(struct nyx_changes *changes);

/**
 * nyx_changes_get() - find a change stream
 * @unit: the unit
 * @id: its id
 *
 * Context: any process.
 * Return: the stream with a reference for nyx_changes_put(), or NULL.
 */
struct nyx_changes *nyx_changes_get(struct nyx_unit *unit, u32 id);

void nyx_changes_put(struct nyx_changes *changes);

/**
 * nyx_changes_add() - add a target
 * @changes: the stream
 * @kind: of enum nyx_changes_kind
 * @id: SBDF of a device, id of a domain
 * @max: limit on maps, at least 1
 * @target: set to its number
 *
 * Context: may sleep.
 * Return: 0; NYX_ERR() of NO_SUCH_DEVICE, NO_SUCH_DOMAIN, DOMAIN_DYING, DEVICE_MOVING,
 * TARGET_EXISTS or TARGETS_MAX; -ENOMEM; -EINTR if the caller was killed.
 */
int nyx_changes_add(struct nyx_changes *changes, u32 kind, u32 id, u32 max, u32 *target);

/**
 * nyx_changes_remove() - remove a target
 * @changes: the stream
 * @target: its number
 *
 * Context: may sleep.
 * Return: 0; NYX_ERR(NO_SUCH_TARGET); -EINTR if the caller was killed.
 */
int nyx_changes_remove(struct nyx_changes *changes, u32 target);

/**
 * struct nyx_changes_read - a read of a change stream
 * @to: where changes go
 * @room: how many fit
 * @nr: how many were written
 * @seq: number of the last change in @to; if there is none, of the last that was
 *       acknowledged
 * @more: there may be more
 */
struct nyx_changes_read {
	struct nyx_change __user *to;
	u32 room;
	u32 nr;
	u64 seq;
	bool more;
};

/**
 * nyx_changes_next() - acknowledge changes, and get the next ones
 * @changes: the stream
 * @ack: changes up to this number are acknowledged; 0: none
 * @read: with @to and @room; the rest is set, also on an error
 *
 * Context: may sleep.
 * Return: 0; -ERANGE: no change has the number @ack yet; -EFAULT: the changes that could not
 * be written are given to the next reader; -ENOMEM with the rest left to report; -EINTR if
 * the caller was killed.
 */
int nyx_changes_next(struct nyx_changes *changes, u64 ack, struct nyx_changes_read *read);

/**
 * nyx_changes_finish() - go on with what has waited for an inline stream
 * @changes: the stream, from which nothing is left to report
 *
 * Context: may sleep.
 * Return: 0; -EINPROGRESS: a reader has to act first; -ETIMEDOUT: all is finished, but a view or
 * a reader was cut off meanwhile; -EINTR if the caller was killed.
 */
int nyx_changes_finish(struct nyx_changes *changes);

/**
 * nyx_changes_begin() - the caller makes changes, and reads them itself
 * @changes: the stream
 *
 * Until nyx_changes_end(), no other reader is woken for what the caller marks. Of several callers
 * at once, one has this effect.
 *
 * Context: any process.
 */
void nyx_changes_begin(struct nyx_changes *changes);

/**
 * nyx_changes_end() - the end of nyx_changes_begin()
 * @changes: the stream; other readers are woken if it has something to report
 *
 * Context: any process.
 */
void nyx_changes_end(struct nyx_changes *changes);

/**
 * nyx_changes_pending() - may there be something to report?
 * @changes: the stream
 *
 * Context: any process. &nyx_listeners.readers is woken when the answer may change, but for the
 * changes that nyx_changes_begin() tells of.
 * Return: true if there may be.
 */
bool nyx_changes_pending(struct nyx_changes *changes);

/**
 * nyx_target_next() - describe the next target of a unit's streams
 * @unit: the unit
 * @key: of the first one of interest, NYX_TARGET_KEY()
 * @info: set
 *
 * The function takes no lock that a reader holds while it waits.
 *
 * Context: any process.
 * Return: true if there is one.
 */
bool nyx_target_next(struct nyx_unit *unit, u64 key, struct nyx_target_info *info);

#endif /* NYX_CORE_CHANGES_H */
