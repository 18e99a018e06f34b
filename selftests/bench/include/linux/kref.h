/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/refcount.h>

#ifndef NYX_BENCH_KREF_H
#define NYX_BENCH_KREF_H

struct kref { refcount_t refcount; };

#endif
