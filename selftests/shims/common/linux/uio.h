/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: iterators over memory, of one range.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/kernel.h"

#ifndef NYX_HOST_UIO_H
#define NYX_HOST_UIO_H

struct iov_iter {
	char *at;
	size_t count;
};

static inline size_t copy_to_iter(const void *from, size_t n, struct iov_iter *iter)
{
	n = min(n, iter->count);
	memcpy(iter->at, from, n);
	iter->at += n;
	iter->count -= n;
	return n;
}

static inline size_t copy_from_iter(void *to, size_t n, struct iov_iter *iter)
{
	n = min(n, iter->count);
	memcpy(to, iter->at, n);
	iter->at += n;
	iter->count -= n;
	return n;
}

#endif
