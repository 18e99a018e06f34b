// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: what the module's files ask of a kernel.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * RCU callbacks run in batches in the thread that queued them, as a softirq
 * would, without a grace period: there is no other thread, or none that reads what is freed.
 */
#include "user/bench.h"

#include "core/access/page.h"
#include "mem/region_priv.h"

#define RCU_BATCH	64

static char process;	/* stands for its struct mm_struct */
struct task_struct bench_task = { .mm = (struct mm_struct *)&process };
unsigned int bench_cpus = 2;

#ifdef NYX_BENCH_THREADS
__thread unsigned long bench_cpu_offset;
#endif

static __thread struct rcu_head *rcu_queue;
static __thread unsigned int rcu_queued;

static void rcu_run(void)
{
	while (rcu_queue) {
		struct rcu_head *head = rcu_queue;
		unsigned long func = (unsigned long)head->func;

		rcu_queue = head->next;
		if (func < PAGE_SIZE)
			kfree((char *)head - func);
		else
			head->func(head);
	}
	rcu_queued = 0;
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	head->func = func;
	head->next = rcu_queue;
	rcu_queue = head;
	if (++rcu_queued == RCU_BATCH)
		rcu_run();
}

/* The caller is the only reader. */
void synchronize_rcu(void)
{
}

void rcu_barrier(void)
{
	rcu_run();
}

/* A mutex of the kernel spins while its owner runs. */
noinline void bench_wait_for_lock(void)
{
#ifdef NYX_BENCH_THREADS
	static __thread unsigned int looks;

	if (++looks % 1024)
		cpu_relax();
	else
		sched_yield();
#else
	BUG();
#endif
}

noinline void bench_mutex_lock(unsigned long *owner)
{
	unsigned long none = 0;

	while (!__atomic_compare_exchange_n(owner, &none, (unsigned long)current,
					    false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		bench_wait_for_lock();
		none = 0;
	}
}

noinline void bench_mutex_unlock(unsigned long *owner)
{
	unsigned long me = (unsigned long)current;

	if (!__atomic_compare_exchange_n(owner, &me, 0, false, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED))
		BUG();
}

void host_warn(const char *file, int line, const char *what)
{
	bench_fail(file, line, what);
}

unsigned int host_cpu(void)
{
	return 0;
}

/* All memory is of huge pages, and no run is longer than one. */
u64 region_usercopy_max(const void *addr, u64 length)
{
	return length;
}

/* ---- what no benchmark gets to ------------------------------------------- */

u32 region_flags(const struct region *region)
{
	return region->flags;
}

/* A world keeps its memory to the end. */
void region_put(struct region *region)
{
	bench_check(false);
}

void region_defer(struct region *region, struct list_head *list, u64 number)
{
	bench_check(false);
}

struct region *region_undefer(struct list_head *list, u64 until)
{
	return NULL;
}

int region_walk_begin(struct region_walk *walk, struct region *region, bool write)
{
	BUG();
}

s64 region_walk_next(struct region_walk *walk, u64 offset, u64 length, void **addr)
{
	BUG();
}

void region_walk_end(struct region_walk *walk)
{
}

/* No command adds memory: a row tracks the region itself. */
int nyx_dirty_add(struct nyx_unit *unit, struct region *region)
{
	BUG();
}

void nyx_dirty_remove(struct nyx_unit *unit, struct region *region, struct nyx_dirty_gone *gone)
{
	BUG();
}

void nyx_dirty_free(struct nyx_unit *unit, const struct nyx_dirty_gone *gone)
{
}

void nyx_pages_drop_device(struct nyx_unit *unit, struct nyx_device *dev)
{
	BUG();
}
