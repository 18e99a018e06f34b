/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/refcount.h>

#ifndef NYX_HOST_KREF_H
#define NYX_HOST_KREF_H

struct kref { refcount_t refcount; };

#define kref_init(k)		refcount_set(&(k)->refcount, 1)
#define kref_get(k)		refcount_inc(&(k)->refcount)
#define kref_get_unless_zero(k)	refcount_inc_not_zero(&(k)->refcount)
#define kref_put(k, release) \
	(refcount_dec_and_test(&(k)->refcount) ? (release(k), 1) : 0)

#endif
