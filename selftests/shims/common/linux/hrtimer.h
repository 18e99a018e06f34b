/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: timers that never fire, and sleeps.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/sync.h"

#ifndef NYX_HOST_HRTIMER_H
#define NYX_HOST_HRTIMER_H

#define HRTIMER_MODE_ABS	0
#define TASK_INTERRUPTIBLE	1
#define TASK_KILLABLE		2
#define TASK_RUNNING		0
#define HRTIMER_MODE_REL	1
#define set_current_state(s)	((void)(s))
#define __set_current_state(s)	((void)(s))
#define ns_to_ktime(ns)		((ktime_t)(ns))
#define schedule_hrtimeout_range(t, d, m) \
	((m) == HRTIMER_MODE_REL ? host_sleep_ns(*(t)) : (void)(t))

static inline void host_sleep_ns(s64 ns)
{
	nanosleep(&(struct timespec) { .tv_nsec = ns }, NULL);
}

#endif
