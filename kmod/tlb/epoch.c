// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: accesses in flight, and how to wait for them.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "tlb/epoch.h"

#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/sched/signal.h>

#include "base/export.h"
#include "base/types.h"

/* For lockdep: a reader must not wait for a drain. */
static void epoch_dep_drain(struct epoch *epoch)
{
#if defined(CONFIG_DEBUG_LOCK_ALLOC) && defined(lock_map_sync)
	/* Since 6.5. Not an acquisition: readers may come in interrupts. */
	lock_map_sync(&epoch->dep_map);
#endif
}

int epoch_init(struct epoch *epoch)
{
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	static struct lock_class_key key;

	lockdep_init_map(&epoch->dep_map, "nyx_epoch", &key, 0);
#endif
	epoch->cpu = alloc_percpu_gfp(struct epoch_cpu, GFP_CALLER);
	if (!epoch->cpu)
		return -ENOMEM;
	epoch->pair = 0;
	epoch->waiters = 0;
	init_waitqueue_head(&epoch->wait);
	mutex_init(&epoch->lock);
	return 0;
}

void epoch_fini(struct epoch *epoch)
{
	free_percpu(epoch->cpu);
	epoch->cpu = NULL;
}

/*
 * True if all readers that entered by the pairs from @first to @last have left. Inlined, so
 * that the loop over pairs folds.
 */
static __always_inline bool pairs_idle(struct epoch *epoch, unsigned int first, unsigned int last)
{
	unsigned long in = 0, out = 0;
	unsigned int pair;
	int cpu;

	for_each_possible_cpu(cpu)
		for (pair = first; pair <= last; pair++)
			out += READ_ONCE(per_cpu_ptr(epoch->cpu, cpu)->out[pair]);
	/* S: see the head of epoch.h. */
	smp_mb();
	for_each_possible_cpu(cpu)
		for (pair = first; pair <= last; pair++)
			in += atomic_long_read(&per_cpu_ptr(epoch->cpu, cpu)->in[pair]);
	return in == out;
}

bool epoch_busy(struct epoch *epoch)
{
	return !pairs_idle(epoch, 0, 1);
}

/*
 * Wait until all readers that entered by @pair have left, or the caller is killed. Look
 * again each jiffy, see the head of epoch.h.
 */
static int wait_idle(struct epoch *epoch, unsigned int pair, bool killable)
{
	long left;

	do {
		left = killable ?
		       wait_event_killable_timeout(epoch->wait,
						   pairs_idle(epoch, pair, pair), 1) :
		       wait_event_timeout(epoch->wait, pairs_idle(epoch, pair, pair), 1);
	} while (!left);
	return left < 0 ? -EINTR : 0;
}

static int drain_slow(struct epoch *epoch, bool killable)
{
	unsigned int pair;
	int ret;

	lockdep_assert_held(&epoch->lock);
	/*
	 * Wait for stragglers of an earlier flip first: a reader may have looked at
	 * @pair before that flip and counted itself in after it.
	 */
	pair = epoch->pair;
	WRITE_ONCE(epoch->waiters, BIT(!pair));
	ret = wait_idle(epoch, !pair, killable);
	if (!ret) {
		WRITE_ONCE(epoch->waiters, BIT(pair));
		WRITE_ONCE(epoch->pair, !pair);
		ret = wait_idle(epoch, pair, killable);
	}

	WRITE_ONCE(epoch->waiters, 0);
	return ret;
}

int epoch_drain(struct epoch *epoch)
{
	int ret = 0;

	might_sleep();
	epoch_dep_drain(epoch);
	if (epoch_busy(epoch)) {
		ret = mutex_lock_killable(&epoch->lock);
		if (ret)
			return ret;
		ret = drain_slow(epoch, true);
		mutex_unlock(&epoch->lock);
	}
	return ret;
}

void epoch_drain_bounded(struct epoch *epoch)
{
	might_sleep();
	epoch_dep_drain(epoch);
	if (epoch_busy(epoch)) {
		mutex_lock(&epoch->lock);
		drain_slow(epoch, false);
		mutex_unlock(&epoch->lock);
	}
}

void epoch_wake(struct epoch *epoch)
{
	/* A drain that this look misses looks again by itself. */
	if (waitqueue_active(&epoch->wait))
		wake_up_all(&epoch->wait);
}

NYX_EXPORT_FOR_TEST(epoch_init);
NYX_EXPORT_FOR_TEST(epoch_fini);
NYX_EXPORT_FOR_TEST(epoch_busy);
NYX_EXPORT_FOR_TEST(epoch_drain);
NYX_EXPORT_FOR_TEST(epoch_wake);
