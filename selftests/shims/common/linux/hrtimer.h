/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: timers that never fire.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/sync.h"

#ifndef NYX_HOST_HRTIMER_H
#define NYX_HOST_HRTIMER_H

#define HRTIMER_MODE_ABS	0
#define TASK_INTERRUPTIBLE	1
#define TASK_RUNNING		0
#define set_current_state(s)	((void)(s))
#define __set_current_state(s)	((void)(s))
#define schedule_hrtimeout_range(t, d, m) ((void)(t))

#endif
