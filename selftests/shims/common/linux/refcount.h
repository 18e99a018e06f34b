/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/sync.h"

#ifndef NYX_HOST_REFCOUNT_H
#define NYX_HOST_REFCOUNT_H

typedef struct { atomic_t refs; } refcount_t;

#define refcount_set(r, n)		atomic_set(&(r)->refs, n)
#define refcount_inc(r)			atomic_inc(&(r)->refs)
#define refcount_inc_not_zero(r)	atomic_inc_not_zero(&(r)->refs)
#define refcount_dec_and_test(r)	atomic_dec_and_test(&(r)->refs)

#endif
