// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: how readers of Linux' SRCU and percpu_ref come and go.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The functions are those of kernel/rcu/srcutree.c and linux/percpu-refcount.h, taken out of
 * the source unmodified: what an SMP kernel runs. Here are only the parts of the structures
 * that they look at, and what an operation of per-CPU data is on x86: one instruction
 * without a lock prefix. As in the kernel, SRCU's are calls, and percpu_ref's are inline.
 */
#include <linux/atomic.h>
#include <linux/slab.h>

#include "peer/peer.h"

#undef this_cpu_inc
#undef this_cpu_sub
#define this_cpu_inc(x)		__asm__("incq %0" : "+m" (x) : : "cc")
#define this_cpu_sub(x, n)	__asm__("subq %1, %0" : "+m" (x) : "er" (n) : "cc")
#define atomic_long_sub_and_test(n, v)	(!__atomic_sub_fetch(&(v)->counter, n, __ATOMIC_SEQ_CST))

struct srcu_data {
	atomic_long_t srcu_lock_count[2];
	atomic_long_t srcu_unlock_count[2];
};

struct srcu_struct {
	unsigned int srcu_idx;
	struct srcu_data *sda;
};

static noinline int __srcu_read_lock(struct srcu_struct *ssp);
static noinline void __srcu_read_unlock(struct srcu_struct *ssp, int idx);
#include "srcu_readers.h"

#define __PERCPU_REF_ATOMIC		1ul
#define __PERCPU_REF_DEAD		2ul
#define __PERCPU_REF_ATOMIC_DEAD	3ul

struct percpu_ref;

struct percpu_ref_data {
	atomic_long_t count;
	void (*release)(struct percpu_ref *ref);
};

struct percpu_ref {
	unsigned long percpu_count_ptr;
	struct percpu_ref_data *data;
};

#include "ref_users.h"

struct readers {
	struct srcu_struct srcu;
	struct srcu_data srcu_data;
	struct percpu_ref ref;
	struct percpu_ref_data ref_data;
	unsigned long ref_count;
};

void *readers_new(void)
{
	struct readers *r = kzalloc(sizeof(*r), GFP_KERNEL);

	r->srcu.sda = &r->srcu_data;
	r->ref.percpu_count_ptr = (unsigned long)&r->ref_count;
	r->ref.data = &r->ref_data;
	return r;
}

void readers_srcu(void *readers, unsigned long n)
{
	struct srcu_struct *srcu = &((struct readers *)readers)->srcu;

	while (n--)
		__srcu_read_unlock(srcu, __srcu_read_lock(srcu));
}

void readers_ref(void *readers, unsigned long n)
{
	struct percpu_ref *ref = &((struct readers *)readers)->ref;

	while (n--) {
		if (percpu_ref_tryget_live(ref))
			percpu_ref_put(ref);
	}
}
