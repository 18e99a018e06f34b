/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the kernel's types.h and poison.h that its list.h needs. */
#include "host/kernel.h"

#ifndef NYX_BENCH_POISON_H
#define NYX_BENCH_POISON_H

struct list_head { struct list_head *next, *prev; };
struct hlist_head { struct hlist_node *first; };
struct hlist_node { struct hlist_node *next, **pprev; };

#define LIST_POISON1	((void *)0x100)
#define LIST_POISON2	((void *)0x122)

#endif
