/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: the host build's header with the costs of the kernel.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * selftests/host is made to find bugs, so its barriers, locks and RCU are strong
 * and real. Here they cost what they cost in an SMP kernel on x86 without
 * preemption: barriers of reads and writes are the compiler's, RCU readers do
 * nothing, an uncontended mutex is two atomic instructions, per-CPU data are
 * near. One thread runs; with NYX_BENCH_THREADS more may, each a CPU of its own, and locks
 * are waited for by looking.
 */
#ifndef NYX_BENCH_HOST_SYNC_H
#define NYX_BENCH_HOST_SYNC_H

#include_next "host/sync.h"

#undef smp_mb
#undef smp_rmb
#undef smp_wmb
#undef smp_mb__after_spinlock
#undef smp_mb__before_atomic
#undef smp_mb__after_atomic
#define smp_mb()		__asm__ __volatile__("lock; addl $0,-4(%%rsp)" : : : "memory", "cc")
#define smp_rmb()		barrier()
#define smp_wmb()		barrier()
#define smp_mb__after_spinlock() barrier()
#define smp_mb__before_atomic()	barrier()
#define smp_mb__after_atomic()	barrier()

#define rcu_read_lock()		barrier()
#define rcu_read_unlock()	barrier()
#undef rcu_dereference
#undef rcu_dereference_raw
#define rcu_dereference(p)	READ_ONCE(p)
#define rcu_dereference_raw(p)	READ_ONCE(p)

/* ---- per-CPU data: this is CPU 0, or that of the thread -------------------- */

extern unsigned int bench_cpus;		/* possible CPUs */

#undef raw_cpu_ptr
#undef this_cpu_ptr
#undef this_cpu_add
#undef this_cpu_inc
#undef nr_cpu_ids
#ifdef NYX_BENCH_THREADS
/* As the kernel's: a segment register leads to it. */
extern __thread unsigned long bench_cpu_offset;
#define raw_cpu_ptr(p)		((typeof(p))((char *)(p) + bench_cpu_offset))
#else
#define raw_cpu_ptr(p)		(p)
#endif
#define this_cpu_ptr(p)		raw_cpu_ptr(p)
#define this_cpu_add(pcp, n)	((void)(*raw_cpu_ptr(&(pcp)) += (n)))
#define this_cpu_inc(pcp)							\
	__asm__ __volatile__("incq %0" : "+m" (*raw_cpu_ptr(&(pcp))) : : "cc")
#define nr_cpu_ids		bench_cpus

/* ---- the current thread --------------------------------------------------- */

struct mm_struct;

struct task_struct {
	unsigned long flags;
	struct mm_struct *mm;
};

extern struct task_struct bench_task;

#undef current
#undef fatal_signal_pending
#undef signal_pending
#undef cond_resched
#define current			(&bench_task)
#define PF_KTHREAD		0x00200000
#define fatal_signal_pending(t)	(!!READ_ONCE((t)->flags))
#define signal_pending(t)	fatal_signal_pending(t)
#define cond_resched()		barrier()

/* ---- spinlocks, as queued ones without waiters ----------------------------- */

/* The lock is taken: a bug, unless there are threads. */
void bench_wait_for_lock(void);

/* Interrupts are not switched off: that takes privileges. */
static inline void bench_spin_lock(void *lock)
{
	unsigned int none = 0;

	while (!__atomic_compare_exchange_n((unsigned int *)lock, &none, 1, false,
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		bench_wait_for_lock();
		none = 0;
	}
}

static inline void bench_spin_unlock(void *lock)
{
	__atomic_store_n((unsigned int *)lock, 0, __ATOMIC_RELEASE);
}

#undef spin_lock_init
#undef spin_lock
#undef spin_unlock
#define spin_lock_init(l)	((void)(*(unsigned int *)(l) = 0))
#define spin_lock(l)		bench_spin_lock(l)
#define spin_unlock(l)		bench_spin_unlock(l)

/* There is no other thread that could be waited for. */
#undef wait_event_timeout
#undef wait_event_killable_timeout
#define wait_event_timeout(q, cond, t)	({ BUG_ON(!(cond)); 1l; })
#define wait_event_killable_timeout	wait_event_timeout

/* There are no waiters; the barrier is there. */
#undef wq_has_sleeper
#define wq_has_sleeper(q)	({ smp_mb(); false; })

/* ---- time: the vDSO does what the kernel's own functions do ----------------- */

#undef nsecs_to_jiffies64
#define nsecs_to_jiffies64(ns)	((u64)(ns) / 4000000)

/* ---- mutexes, as __mutex_trylock_fast() and __mutex_unlock_fast() --------- */

void bench_mutex_lock(unsigned long *owner);
void bench_mutex_unlock(unsigned long *owner);

#undef mutex_init
#undef mutex_destroy
#undef mutex_lock
#undef mutex_lock_killable
#undef mutex_unlock
#define mutex_init(l)		(*(unsigned long *)(l) = 0)
#define mutex_destroy(l)	((void)(l))
#define mutex_lock(l)		bench_mutex_lock((unsigned long *)(l))
#define mutex_lock_killable(l)	(bench_mutex_lock((unsigned long *)(l)), 0)
#define mutex_unlock(l)		bench_mutex_unlock((unsigned long *)(l))

#endif /* NYX_BENCH_HOST_SYNC_H */
