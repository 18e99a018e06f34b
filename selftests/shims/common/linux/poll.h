/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: readers of files, of which there are none.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/sync.h"

#ifndef NYX_HOST_POLL_H
#define NYX_HOST_POLL_H

#define EPOLLIN		1u
#define EPOLLRDNORM	2u
#define wake_up_interruptible_poll(q, m)	wake_up_all(q)
#define wake_up_interruptible_all(q)		wake_up_all(q)

#endif
