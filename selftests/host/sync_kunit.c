// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_host_sync: RCU and threads of the host build.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>

struct job {
	struct completion started;
	struct completion done;
};

static void start(struct kunit *test, struct job *job, int (*fn)(void *arg))
{
	init_completion(&job->started);
	init_completion(&job->done);
	KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(fn, job, "nyx-host")));
	wait_for_completion(&job->started);
}

static int grace_period(void *arg)
{
	struct job *job = arg;

	complete(&job->started);
	synchronize_rcu();
	kthread_complete_and_exit(&job->done, 0);
}

static int reader(void *arg)
{
	struct job *job = arg;

	complete(&job->started);
	rcu_read_lock();
	rcu_read_unlock();
	kthread_complete_and_exit(&job->done, 0);
}

/* Not even one that reads for the first time. */
static void reader_waits_for_no_grace_period(struct kunit *test)
{
	struct job gp, r;

	rcu_read_lock();
	start(test, &gp, grace_period);
	/* It waits by now, most likely; if not, the case proves less. */
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&gp.done, HZ / 20), 0);
	start(test, &r, reader);
	if (!wait_for_completion_timeout(&r.done, 20 * HZ)) {
		KUNIT_FAIL(test, "a reader waits");
		rcu_read_unlock();
		wait_for_completion(&r.done);
	} else {
		rcu_read_unlock();
	}
	wait_for_completion(&gp.done);
}

static int never(void *arg)
{
	*(bool *)arg = true;
	return 0;
}

static void thread_stopped_early_never_begins(struct kunit *test)
{
	unsigned int late = host_late;
	struct task_struct *task;
	bool begun = false;

	/* Until it is stopped, on a machine however busy. */
	host_late = 60000;
	task = kthread_run(never, &begun, "nyx-host");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	KUNIT_EXPECT_EQ(test, kthread_stop(task), -EINTR);
	KUNIT_EXPECT_FALSE(test, begun);
	host_late = late;
}

static struct kunit_case sync_cases[] = {
	KUNIT_CASE(reader_waits_for_no_grace_period),
	KUNIT_CASE(thread_stopped_early_never_begins),
	{}
};

static struct kunit_suite sync_suite = {
	.name = "nyx_host_sync",
	.test_cases = sync_cases,
};

kunit_test_suite(sync_suite);
