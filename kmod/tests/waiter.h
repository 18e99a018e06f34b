/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: a thread that calls a function which has to wait, for KUnit suites.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A case starts the thread while it holds what the function waits for, looks whether the
 * thread sleeps, lets it go, and reads what the function returned.
 */
#ifndef NYX_TESTS_WAITER_H
#define NYX_TESTS_WAITER_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/wait.h>

#include "tlb/epoch.h"

/**
 * struct waiter - a thread that calls a function
 * @fn: the function
 * @arg: its argument
 * @task: the thread, with a reference until waiter_end()
 * @done: the function has returned
 * @ret: what it returned; -1 before
 */
struct waiter {
	int (*fn)(void *arg);
	void *arg;
	struct task_struct *task;
	struct completion done;
	int ret;
};

static inline int waiter_thread(void *data)
{
	struct waiter *w = data;

	allow_signal(SIGKILL);
	w->ret = w->fn(w->arg);
	/* The suite's module may be gone by the time that the thread would return. */
	kthread_complete_and_exit(&w->done, 0);
}

/* Begin to call @fn in a thread, which a case may send SIGKILL. waiter_end() follows. */
static inline void waiter_start(struct kunit *test, struct waiter *w,
				int (*fn)(void *arg), void *arg)
{
	w->fn = fn;
	w->arg = arg;
	w->ret = -1;
	init_completion(&w->done);
	w->task = kthread_create(waiter_thread, w, "nyx-waiter");
	KUNIT_ASSERT_FALSE(test, IS_ERR(w->task));
	get_task_struct(w->task);
	wake_up_process(w->task);
}

/* Wait until the function has returned. Returns what it returned. */
static inline int waiter_end(struct waiter *w)
{
	wait_for_completion(&w->done);
	put_task_struct(w->task);
	return w->ret;
}

/* True when the function sleeps until readers leave @epoch; false if it has returned. */
static inline bool waiter_drains(struct waiter *w, struct epoch *epoch)
{
	while (!completion_done(&w->done)) {
		/* Pairs with prepare_to_wait() of the drain. */
		if (wq_has_sleeper(&epoch->wait))
			return true;
		usleep_range(500, 1000);
	}
	return false;
}

/* True when the function sleeps, wherever, and stays asleep; false if it has returned. */
static inline bool waiter_sleeps(struct waiter *w)
{
	unsigned int asleep = 0;

	while (!completion_done(&w->done)) {
		asleep = task_is_running(w->task) ? 0 : asleep + 1;
		if (asleep == 10)
			return true;
		usleep_range(500, 1000);
	}
	return false;
}

#endif /* NYX_TESTS_WAITER_H */
