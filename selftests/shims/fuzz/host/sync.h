/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx fuzzers: the host build's header, for one thread and a clock of its own.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A run depends on its input alone: RCU callbacks and work items run where fuzz.c
 * says, time passes where it says, and a lock that is taken twice is a bug that is
 * seen at once.
 */
#ifndef NYX_FUZZ_HOST_SYNC_H
#define NYX_FUZZ_HOST_SYNC_H

#include_next "host/sync.h"

#undef HOST_NR_CPUS
#define HOST_NR_CPUS		2

/* ---- the current thread --------------------------------------------------- */

struct mm_struct;

struct task_struct {
	unsigned long flags;
	struct mm_struct *mm;
};

extern struct task_struct fuzz_task;

/* Has the thread been killed? Then it stays so; see fuzz_kill(). */
bool fuzz_killed(void);

#undef current
#undef fatal_signal_pending
#undef signal_pending
#define current			(&fuzz_task)
#define fatal_signal_pending(t)	fuzz_killed()
#define signal_pending(t)	fuzz_killed()
#define PF_KTHREAD		0x00200000

/* ---- locks ----------------------------------------------------------------- */

static inline void fuzz_lock(void *lock)
{
	BUG_ON(*(int *)lock);
	*(int *)lock = 1;
}

static inline void fuzz_unlock(void *lock)
{
	BUG_ON(*(int *)lock != 1);
	*(int *)lock = 0;
}

#undef mutex_init
#undef mutex_destroy
#undef mutex_lock
#undef mutex_lock_killable
#undef mutex_trylock
#undef mutex_unlock
#define mutex_init(l)		((void)(*(int *)(l) = 0))
#define mutex_destroy(l)	BUG_ON(*(int *)(l))
#define mutex_lock(l)		fuzz_lock(l)
#define mutex_lock_killable(l)	(fuzz_killed() ? -EINTR : (fuzz_lock(l), 0))
#define mutex_trylock(l)	(*(int *)(l) ? 0 : (fuzz_lock(l), 1))
#define mutex_unlock(l)		fuzz_unlock(l)

#undef spin_lock_init
#undef spin_lock
#undef spin_unlock
#define spin_lock_init(l)	((void)(*(int *)(l) = 0))
#define spin_lock(l)		fuzz_lock(l)
#define spin_unlock(l)		fuzz_unlock(l)

#undef lockdep_assert_held
#define lockdep_assert_held(l)	BUG_ON(!*(const int *)(l))

/* ---- waiting: there is no other thread -------------------------------------- */

#undef wait_event_timeout
#undef wait_event_killable_timeout
#undef wq_has_sleeper
#undef wake_up_all
#define wait_event_timeout(q, cond, t)	({ BUG_ON(!(cond)); 1l; })
/* A kill finds a reader inside, which leaves right after. */
#define wait_event_killable_timeout(q, cond, t)				\
	({ BUG_ON(!(cond)); fuzz_killed() ? -EINTR : 1l; })
#define wq_has_sleeper(q)	false
#define wake_up_all(q)		((void)(q))

/* ---- time ------------------------------------------------------------------ */

extern u64 fuzz_now;			/* ns */

#undef ktime_get_ns
#undef ktime_get_boottime_ns
#undef ktime_get_coarse_boottime_ns
#define ktime_get_ns()			fuzz_now
#define ktime_get_boottime_ns()		fuzz_now
#define ktime_get_coarse_boottime_ns()	fuzz_now

#endif /* NYX_FUZZ_HOST_SYNC_H */
