/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: the word that an eventfd is.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/sync.h"

#ifndef NYX_HOST_EVENTFD_H
#define NYX_HOST_EVENTFD_H

struct eventfd_ctx {
	spinlock_t lock;
	u64 count;
};

#endif
