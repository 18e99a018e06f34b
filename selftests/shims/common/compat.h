/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: differences between kernel versions.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/eventfd.h>

#ifndef NYX_HOST_COMPAT_H
#define NYX_HOST_COMPAT_H

/* No thread waits for it. */
static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
	spin_lock(&ctx->lock);
	ctx->count++;
	spin_unlock(&ctx->lock);
}

#endif
