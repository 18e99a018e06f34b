/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx fuzzers: work items, which fuzz_work() does.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/sync.h"

#ifndef NYX_FUZZ_WORKQUEUE_H
#define NYX_FUZZ_WORKQUEUE_H

struct work_struct { void (*func)(struct work_struct *work); };

struct delayed_work {
	struct work_struct work;
	struct delayed_work *next;
	bool pending;
	u64 at;
};

#define INIT_DELAYED_WORK(w, f) \
	(*(w) = (struct delayed_work){ .work.func = (f) })
#define to_delayed_work(w)	container_of(w, struct delayed_work, work)

void fuzz_queue(struct delayed_work *work, unsigned long delay, bool again);
void cancel_delayed_work_sync(struct delayed_work *work);

#define mod_delayed_work(wq, w, delay)	fuzz_queue(w, delay, true)
#define queue_delayed_work(wq, w, delay) fuzz_queue(w, delay, false)

#endif
