// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: epochs beside what the kernel has for the same job. Rows F2, F4.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A reader that may sleep comes and goes (F2), and a writer makes sure that no reader from
 * before is left while there is none (F4). Each loop does it for one object, by SRCU, by a
 * percpu_ref that is killed and revived, and by a semaphore. On a kernel for one CPU SRCU is
 * Tiny SRCU, which has less to do than the one for many: its readers have no barriers, and
 * its grace period has one work item.
 */
#include <linux/completion.h>
#include <linux/percpu-refcount.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "bench.h"

#include "core/space/domain.h"
#include "tlb/epoch.h"

struct sync_rows {
	struct epoch *epoch;
	struct srcu_struct srcu;
	struct percpu_ref ref;
	struct completion idle;
	struct rw_semaphore sem;
};

static void run_epoch(void *ctx, unsigned long n)
{
	struct sync_rows *r = ctx;

	while (n--)
		epoch_exit(r->epoch, epoch_enter(r->epoch));
}

static void run_srcu(void *ctx, unsigned long n)
{
	struct sync_rows *r = ctx;

	while (n--)
		srcu_read_unlock(&r->srcu, srcu_read_lock(&r->srcu));
}

static void run_ref(void *ctx, unsigned long n)
{
	struct sync_rows *r = ctx;

	while (n--) {
		bench_check(percpu_ref_tryget_live(&r->ref));
		percpu_ref_put(&r->ref);
	}
}

static void run_sem(void *ctx, unsigned long n)
{
	struct sync_rows *r = ctx;

	while (n--) {
		down_read(&r->sem);
		up_read(&r->sem);
	}
}

static void drain_epoch(void *ctx, unsigned long n)
{
	struct sync_rows *r = ctx;

	while (n--)
		bench_check(!epoch_drain(r->epoch));
}

static void drain_srcu(void *ctx, unsigned long n)
{
	struct sync_rows *r = ctx;

	while (n--)
		synchronize_srcu(&r->srcu);
}

static void drain_srcu_expedited(void *ctx, unsigned long n)
{
	struct sync_rows *r = ctx;

	while (n--)
		synchronize_srcu_expedited(&r->srcu);
}

static void ref_idle(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct sync_rows, ref)->idle);
}

static void drain_ref(void *ctx, unsigned long n)
{
	struct sync_rows *r = ctx;

	while (n--) {
		reinit_completion(&r->idle);
		percpu_ref_kill(&r->ref);
		wait_for_completion(&r->idle);
		percpu_ref_reinit(&r->ref);
	}
}

static void rows(struct sync_rows *r)
{
	const struct bench_side enter[] = {
		{ .name = "srcu_read_lock + unlock", .ctx = r, .run = run_srcu },
		{ .name = "percpu_ref_tryget_live + put", .ctx = r, .run = run_ref },
		{ .name = "down_read + up_read", .ctx = r, .run = run_sem },
	};
	const struct bench_side drain[] = {
		{ .name = "synchronize_srcu", .ctx = r, .run = drain_srcu },
		{ .name = "synchronize_srcu_expedited", .ctx = r,
		  .run = drain_srcu_expedited },
		{ .name = "percpu_ref_kill, wait, reinit", .ctx = r, .run = drain_ref },
	};
	struct bench_side ours = { .ctx = r, .run = run_epoch };

	bench_row("F2", "epoch_enter + epoch_exit", 0, &ours, enter, ARRAY_SIZE(enter));
	ours.run = drain_epoch;
	bench_row("F4", "epoch_drain, idle", 0, &ours, drain, ARRAY_SIZE(drain));
}

void bench_sync_rows(struct world *w)
{
	struct sync_rows *r = kzalloc(sizeof(*r), GFP_KERNEL);

	if (!r)
		return bench_fail(__LINE__, "memory");
	r->epoch = &w->dom->epoch;
	init_completion(&r->idle);
	init_rwsem(&r->sem);
	if (init_srcu_struct(&r->srcu)) {
		bench_fail(__LINE__, "memory");
	} else if (percpu_ref_init(&r->ref, ref_idle, PERCPU_REF_ALLOW_REINIT, GFP_KERNEL)) {
		bench_fail(__LINE__, "memory");
		cleanup_srcu_struct(&r->srcu);
	} else {
		rows(r);
		percpu_ref_exit(&r->ref);
		cleanup_srcu_struct(&r->srcu);
	}
	kfree(r);
}
