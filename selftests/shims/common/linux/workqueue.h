/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: work that is never done: there is no worker.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/sync.h"

#ifndef NYX_HOST_WORKQUEUE_H
#define NYX_HOST_WORKQUEUE_H

struct work_struct { void (*func)(struct work_struct *work); };
struct delayed_work { struct work_struct work; unsigned long at; };

#define INIT_DELAYED_WORK(w, f)		((w)->work.func = (f))
/* In the kernel that arms a timer; it is done once in a while. */
#define mod_delayed_work(wq, w, delay)	((void)((w)->at = (delay)))
#define cancel_delayed_work_sync(w)	((void)(w))

#endif
