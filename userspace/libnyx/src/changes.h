/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: change streams, as mirrors see them.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * One thread at a time is inside a stream: it handles changes, or works on a mirror. It holds no
 * mutex meanwhile, so functions that it calls may add and remove targets.
 */
#ifndef LIBNYX_CHANGES_H
#define LIBNYX_CHANGES_H

#include <nyx/changes.h>

#include "private.h"

/**
 * struct nyx__sink - what applies the changes of some targets
 * @change: apply a change of the target with @cookie
 * @commit: complete what was applied: it is acknowledged next
 * @settle: all is acknowledged. True if the sink has work to do that may wait for readers of
 *          the unit, in @work
 * @work: do that work; no other thread works on the sink meanwhile, and none of its targets
 *        is in the stream when it begins
 * @gone: the unit was destroyed
 * @working: @work is under way
 * @next: of the same stream
 *
 * All but @work are called by the thread inside the stream. An error of @change and @commit
 * ends the handling: nothing of it is acknowledged.
 */
struct nyx__sink {
	int (*change)(struct nyx__sink *sink, void *cookie, const struct nyx_change *change);
	int (*commit)(struct nyx__sink *sink);
	bool (*settle)(struct nyx__sink *sink);
	void (*work)(struct nyx__sink *sink);
	void (*gone)(struct nyx__sink *sink);
	bool working;
	struct nyx__sink *next;
};

struct nyx_unit *nyx__changes_unit(const struct nyx_changes *changes);
/* System calls that have read the stream. Inside it. */
uint64_t nyx__changes_reads(const struct nyx_changes *changes);

/*
 * Wait until no other thread is inside, and no work of a sink is under way, and go in.
 * -EDEADLK if the caller is inside.
 */
int nyx__changes_enter(struct nyx_changes *changes);
void nyx__changes_leave(struct nyx_changes *changes);

/* Of nyx_changes_handle(): is all applied, though commands may wait, or were cut off? */
static inline bool nyx__changes_applied(int ret)
{
	return !ret || ret == -EINPROGRESS || ret == -ETIMEDOUT;
}

/* Inside the stream. -EBUSY if it has targets of the caller's. */
int nyx__changes_sink_add(struct nyx_changes *changes, struct nyx__sink *sink);
/* Inside the stream. */
void nyx__changes_sink_remove(struct nyx_changes *changes, struct nyx__sink *sink);

/* Inside the stream or not. No change of a removed target is handed out any more. */
int nyx__changes_add(struct nyx_changes *changes, uint32_t kind, uint32_t id, uint32_t max_maps,
		     struct nyx__sink *sink, void *cookie, uint32_t *target);
int nyx__changes_remove(struct nyx_changes *changes, uint32_t target);

#endif /* LIBNYX_CHANGES_H */
