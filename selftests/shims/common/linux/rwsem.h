/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host tests: a semaphore of readers and writers, which only one thread takes.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/sync.h"

#ifndef NYX_HOST_RWSEM_H
#define NYX_HOST_RWSEM_H

struct rw_semaphore { struct mutex lock; };

#define init_rwsem(s)		mutex_init(&(s)->lock)
#define down_write(s)		mutex_lock(&(s)->lock)
#define down_write_killable(s)	(mutex_lock(&(s)->lock), 0)
#define up_write(s)		mutex_unlock(&(s)->lock)
#define down_read_killable(s)	(mutex_lock(&(s)->lock), 0)
#define up_read(s)		mutex_unlock(&(s)->lock)

#endif
