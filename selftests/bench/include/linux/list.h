/* SPDX-License-Identifier: GPL-2.0-only */
#include "host/kernel.h"

#ifndef NYX_BENCH_LIST_H
#define NYX_BENCH_LIST_H

struct list_head { struct list_head *next, *prev; };

#endif
