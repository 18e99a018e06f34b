// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx host build: RCU, completions, threads.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A reader notes the number of the grace period in which it began. A grace
 * period ends when no reader has a smaller number than its own.
 */
#include "host/sync.h"

#include "host/memory.h"

#ifdef NYX_HOST_TSAN
int host_fence;
#endif

struct reader {
	unsigned long since;
	unsigned int nest;
	struct reader *next;
};

static struct reader *readers;
static unsigned long period = 1;
static __thread struct reader *self;

void rcu_read_lock(void)
{
	if (!self) {
		/* Never freed: an idle reader delays no grace period. */
		struct reader *r = calloc(1, sizeof(*r));

		if (!r)
			abort();
		/* Without a lock: no thread waits here for a grace period. */
		r->next = __atomic_load_n(&readers, __ATOMIC_RELAXED);
		while (!try_cmpxchg(&readers, &r->next, r))
			;
		self = r;
	}
	if (self->nest++)
		return;
	__atomic_exchange_n(&self->since, __atomic_load_n(&period, __ATOMIC_ACQUIRE),
			    __ATOMIC_SEQ_CST);
	smp_mb();
}

void rcu_read_unlock(void)
{
	if (!--self->nest)
		__atomic_store_n(&self->since, 0, __ATOMIC_RELEASE);
}

void synchronize_rcu(void)
{
	unsigned long mine = __atomic_add_fetch(&period, 1, __ATOMIC_SEQ_CST);
	struct reader *r;

	smp_mb();
	/* A reader that is not in the list yet, or idle, sees what came before. */
	for (r = __atomic_load_n(&readers, __ATOMIC_ACQUIRE); r; r = r->next) {
		unsigned long since;

		while ((since = __atomic_load_n(&r->since, __ATOMIC_ACQUIRE)) &&
		       since < mine) {
			if (!host_yield())
				sched_yield();
		}
	}
	smp_mb();
}

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_more = PTHREAD_COND_INITIALIZER;
static pthread_cond_t queue_done = PTHREAD_COND_INITIALIZER;
static struct rcu_head *queue;
static unsigned long pending;

static void run_callback(struct rcu_head *head)
{
	unsigned long func = (unsigned long)head->func;

	if (func < 4096)
		kfree((char *)head - func);
	else
		head->func(head);
}

static void *callbacks(void *unused)
{
	struct rcu_head *list, *next;

	pthread_mutex_lock(&queue_lock);
	for (;;) {
		unsigned long done = 0;

		while (!queue)
			pthread_cond_wait(&queue_more, &queue_lock);
		list = queue;
		queue = NULL;
		pthread_mutex_unlock(&queue_lock);

		synchronize_rcu();
		for (; list; list = next, done++) {
			next = list->next;
			run_callback(list);
		}

		pthread_mutex_lock(&queue_lock);
		pending -= done;
		if (!pending)
			pthread_cond_broadcast(&queue_done);
	}
	return unused;
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	static bool started;
	pthread_t thread;

	head->func = func;
	pthread_mutex_lock(&queue_lock);
	if (!started) {
		if (pthread_create(&thread, NULL, callbacks, NULL))
			abort();
		pthread_detach(thread);
		started = true;
	}
	head->next = queue;
	queue = head;
	pending++;
	pthread_cond_signal(&queue_more);
	pthread_mutex_unlock(&queue_lock);
}

void rcu_barrier(void)
{
	pthread_mutex_lock(&queue_lock);
	while (pending)
		pthread_cond_wait(&queue_done, &queue_lock);
	pthread_mutex_unlock(&queue_lock);
}

unsigned int host_cpu(void)
{
	static unsigned int next;
	static __thread unsigned int mine;

	if (!mine)
		mine = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) %
		       HOST_NR_CPUS + 1;
	return mine - 1;
}

void init_completion(struct completion *c)
{
	init_waitqueue_head(&c->q);
	c->done = 0;
}

static void completion_add(struct completion *c, int n)
{
	pthread_mutex_lock(&c->q.m);
	c->done += n;
	pthread_cond_broadcast(&c->q.c);
	pthread_mutex_unlock(&c->q.m);
}

void complete(struct completion *c)
{
	completion_add(c, 1);
}

void complete_all(struct completion *c)
{
	completion_add(c, INT_MAX / 2);
}

void wait_for_completion(struct completion *c)
{
	pthread_mutex_lock(&c->q.m);
	while (!c->done)
		pthread_cond_wait(&c->q.c, &c->q.m);
	c->done--;
	pthread_mutex_unlock(&c->q.m);
}

struct timespec host_until(unsigned long timeout)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += timeout % HZ * NSEC_PER_MSEC;
	until.tv_sec += timeout / HZ + until.tv_nsec / NSEC_PER_SEC;
	until.tv_nsec %= NSEC_PER_SEC;
	return until;
}

unsigned long wait_for_completion_timeout(struct completion *c,
					  unsigned long timeout)
{
	struct timespec until = host_until(timeout);
	int err = 0;

	pthread_mutex_lock(&c->q.m);
	while (!c->done && !err)
		err = pthread_cond_timedwait(&c->q.c, &c->q.m, &until);
	if (c->done) {
		c->done--;
		err = 0;
	}
	pthread_mutex_unlock(&c->q.m);
	return err ? 0 : max(timeout, 1ul);
}

bool try_wait_for_completion(struct completion *c)
{
	bool done;

	pthread_mutex_lock(&c->q.m);
	done = c->done;
	if (done)
		c->done--;
	pthread_mutex_unlock(&c->q.m);
	return done;
}

bool completion_done(struct completion *c)
{
	bool done;

	pthread_mutex_lock(&c->q.m);
	done = c->done;
	pthread_mutex_unlock(&c->q.m);
	return done;
}

struct task_struct {
	pthread_t thread;
	int (*fn)(void *arg);
	void *arg;
	int ret;
	bool stop;
	bool joined;
	struct task_struct *next;
};

/* Never freed, as a thread may still hold one; and so they are no leak. */
static struct task_struct *tasks;
static __thread struct task_struct *me;

unsigned int host_late;

static void *thread_main(void *task)
{
	unsigned int ms = host_late;

	me = task;
	while (ms-- && !kthread_should_stop())
		msleep(1);
	me->ret = kthread_should_stop() ? -EINTR : me->fn(me->arg);
	return NULL;
}

struct task_struct *host_thread_run(int (*fn)(void *arg), void *arg)
{
	struct task_struct *task = calloc(1, sizeof(*task));

	if (!task)
		return ERR_PTR(-ENOMEM);
	task->fn = fn;
	task->arg = arg;
	task->next = __atomic_load_n(&tasks, __ATOMIC_RELAXED);
	while (!try_cmpxchg(&tasks, &task->next, task))
		;
	if (pthread_create(&task->thread, NULL, thread_main, task)) {
		task->joined = true;
		return ERR_PTR(-EAGAIN);
	}
	return task;
}

int kthread_stop(struct task_struct *task)
{
	__atomic_store_n(&task->stop, true, __ATOMIC_RELEASE);
	pthread_join(task->thread, NULL);
	task->joined = true;
	return task->ret;
}

void kthread_complete_and_exit(struct completion *c, long ret)
{
	me->ret = ret;
	complete(c);
	pthread_exit(NULL);
}

void host_threads_join(void)
{
	struct task_struct *task;

	for (task = tasks; task; task = task->next) {
		if (!task->joined)
			kthread_stop(task);
	}
}

bool kthread_should_stop(void)
{
	return __atomic_load_n(&me->stop, __ATOMIC_ACQUIRE);
}
