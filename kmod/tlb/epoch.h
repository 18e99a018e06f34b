/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: accesses in flight, and how to wait for them.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A thread that uses a translation does so between epoch_enter() and epoch_exit() and
 * may sleep in between. A thread that has taken one away calls epoch_drain():
 * when it returns, every reader that could have seen it has left.
 *
 * Readers count themselves in and out in per-CPU counters, of which there are
 * two pairs; the drain flips the pair that newcomers use, so that they cannot
 * hold it up, and waits until as many have left the old pair as have entered
 * it. If no reader is inside, it sees that without flipping and returns at once.
 * A reader may leave on another CPU than it entered on, hence two counters and
 * not one; the sum of the exits is taken before the sum of the entries, so
 * that no reader is counted out that is not also counted in.
 *
 * Barriers pair as follows. A reader counts itself in, then (full barrier A) looks at the
 * tables; the drain's caller changes the tables, then (full barrier S, between the sums)
 * the drain sums up the entries: one of the two sees the other. A reader counts itself out
 * behind its access (release R); the drain sums up the exits, then (S) its caller goes on.
 * Exits that were summed before the change are too few, which only makes the drain wait.
 *
 * A reader looks whether its pair is waited for without a barrier behind its count, so it
 * may miss a drain that is about to sleep. A sleeping drain therefore looks again each
 * jiffy: wake-ups make it faster, and nothing depends on them. selftests/spin/epoch.pml
 * and selftests/litmus/epoch-*.litmus are models of all this.
 *
 * epoch_exit() still looks at the epoch after it has counted itself out. It
 * does so in an RCU read-side critical section; the owner of the epoch
 * frees it after a grace period.
 */
#ifndef NYX_TLB_EPOCH_H
#define NYX_TLB_EPOCH_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <linux/wait.h>

/**
 * struct epoch_cpu - one CPU's counters
 * @in: readers that entered, by pair
 * @out: readers that left, by pair; written by this_cpu_inc() only
 */
struct epoch_cpu {
	atomic_long_t in[2];
	unsigned long out[2];
};

/**
 * struct epoch - accesses in flight
 * @cpu: counters
 * @pair: the pair that newcomers use; written under @lock
 * @waiters: pair that a drain waits for, as a bit, or 0; written under @lock
 * @wait: where the drain sleeps
 * @lock: serialises drains that have to wait
 * @dep_map: what lockdep knows: readers hold it, a drain takes it for a moment
 */
struct epoch {
	struct epoch_cpu __percpu *cpu;
	unsigned int pair;
	unsigned int waiters;
	wait_queue_head_t wait;
	struct mutex lock;
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	struct lockdep_map dep_map;
#endif
};

/* Tell lockdep about an access that another thread takes over; nothing without lockdep. */
static inline void epoch_dep_enter(struct epoch *epoch)
{
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	/* May be inside one of another domain, or of the same. */
	lock_map_acquire_read(&epoch->dep_map);
#endif
}

static inline void epoch_dep_exit(struct epoch *epoch)
{
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	lock_map_release(&epoch->dep_map);
#endif
}

/*
 * Tell lockdep that readers of @_epoch, which was just prepared, wait for drains of other
 * epochs; nothing without lockdep.
 */
#ifdef CONFIG_DEBUG_LOCK_ALLOC
#define epoch_dep_outer(_epoch) do {					\
	static struct lock_class_key __key;				\
									\
	lockdep_init_map(&(_epoch)->dep_map, #_epoch, &__key, 0);	\
} while (0)
#else
#define epoch_dep_outer(_epoch)	((void)(_epoch))
#endif

/**
 * epoch_init() - prepare an epoch
 * @epoch: the epoch
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int epoch_init(struct epoch *epoch);

/**
 * epoch_fini() - free what an epoch holds
 * @epoch: an epoch without readers, which none can enter any more
 *
 * Context: any; a grace period after the last epoch_exit() began.
 */
void epoch_fini(struct epoch *epoch);

/**
 * epoch_drain() - wait for all readers that are inside now
 * @epoch: the epoch
 *
 * Each reader that enters later sees the writes of before the call; writes and reads after it
 * come after all that the readers did. A full memory barrier, also when no reader
 * is inside.
 *
 * Context: may sleep.
 * Return: 0, or -EINTR if the caller was killed before all had left.
 */
int epoch_drain(struct epoch *epoch);

/**
 * epoch_drain_bounded() - as epoch_drain(), without an end by a signal
 * @epoch: an epoch in which no reader sleeps or stays long
 *
 * A full memory barrier.
 *
 * Context: may sleep; cannot be killed.
 */
void epoch_drain_bounded(struct epoch *epoch);

/**
 * epoch_busy() - is a reader inside?
 * @epoch: the epoch
 *
 * A full memory barrier. "No" is reliable for every reader that entered before.
 *
 * Context: any.
 * Return: true if one is.
 */
bool epoch_busy(struct epoch *epoch);

/* Wakes the drain, if it sleeps; the slow path of epoch_exit(). */
void epoch_wake(struct epoch *epoch);

/**
 * epoch_enter() - begin an access
 * @epoch: the epoch
 *
 * A full memory barrier.
 *
 * Context: any.
 * Return: what to hand to epoch_exit().
 */
static inline unsigned int epoch_enter(struct epoch *epoch)
{
	unsigned int pair = READ_ONCE(epoch->pair);

	atomic_long_inc(&raw_cpu_ptr(epoch->cpu)->in[pair]);
	/* A: see the head of the file. */
	smp_mb__after_atomic();
	epoch_dep_enter(epoch);
	return pair;
}

/**
 * epoch_exit() - end an access
 * @epoch: the epoch
 * @pair: what epoch_enter() returned
 *
 * A release.
 *
 * Context: any.
 */
static inline void epoch_exit(struct epoch *epoch, unsigned int pair)
{
	epoch_dep_exit(epoch);
	rcu_read_lock();
	/*
	 * R: see the head of the file. On x86 the compiler's barrier is enough, for no store
	 * overtakes an access there; elsewhere this is a full barrier.
	 */
	smp_mb__before_atomic();
	this_cpu_inc(epoch->cpu->out[pair]);
	if (unlikely(READ_ONCE(epoch->waiters) & BIT(pair)))
		epoch_wake(epoch);
	rcu_read_unlock();
}

#endif /* NYX_TLB_EPOCH_H */
