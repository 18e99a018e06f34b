// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: what the main thread waits for.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * poll(2), not epoll(7): standard input may be a plain file or /dev/null.
 */
#include <errno.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "vmm.h"

#define MAX_SOURCES	256
#define PROMPT_MS	5	/* a wait that is no longer is prompt */
#define TOTAL_MS	20000	/* of all waits, also prompt ones: 4000 that just are */
#define BUDGET_MS	60000	/* the next budget, without an access of the guest */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct source {
	int fd;
	bool paused;
	loop_fn *fn;
	void *opaque;
} sources[MAX_SOURCES];		/* @lock */
static unsigned int nr_sources;	/* @lock */
static int wake_fd = -1;

/* A function that the main thread is to call for another one, which waits */
struct call {
	struct call *next;
	void (*fn)(void *arg);
	void *arg;
	bool done;
};

static struct call *calls;	/* @lock */
static pthread_cond_t called = PTHREAD_COND_INITIALIZER;
static pthread_t runner;	/* the main thread; @lock */
static bool ended;		/* loop_run() is over; @lock */

static pthread_mutex_t signals_lock = PTHREAD_MUTEX_INITIALIZER;
static aio_context_t signals;	/* of event_signal(); one request at a time: @signals_lock */
static int nothing = -1;	/* an empty file */
static atomic_bool shared;	/* both are there: other processes have eventfds */

static void woken(void *opaque, int fd)
{
	uint64_t count;

	(void)opaque;
	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

int event_share(const char *option, const char *name)
{
	int rc = 0;

	pthread_mutex_lock(&signals_lock);
	if (nothing < 0)
		nothing = memfd_create("nyx-vmm-nothing", MFD_CLOEXEC);
	if (nothing < 0 || (!signals && syscall(SYS_io_setup, 1, &signals)))
		rc = -errno;
	atomic_store(&shared, !rc);
	pthread_mutex_unlock(&signals_lock);
	if (rc == -EAGAIN)
		say("%s%s: no asynchronous I/O is left on this machine; raise its limit, fs.aio-max-nr",
		    option, name);
	else if (rc)
		say("%s%s: the kernel has no asynchronous I/O: %s", option, name, strerror(-rc));
	return rc;
}

static void signals_exit(void)
{
	atomic_store(&shared, false);
	if (signals)
		syscall(SYS_io_destroy, signals);
	if (nothing >= 0)
		close(nothing);
	signals = 0;
	nothing = -1;
}

int loop_init(void)
{
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0)
		return -errno;
	runner = pthread_self();
	ended = false;
	return loop_add(wake_fd, woken, NULL);
}

void loop_exit(void)
{
	if (wake_fd >= 0)
		close(wake_fd);
	wake_fd = -1;
	nr_sources = 0;
	signals_exit();
}

void loop_wake(void)
{
	uint64_t one = 1;

	if (write(wake_fd, &one, sizeof(one)) < 0)
		return;		/* full: it is awake */
}

int loop_add(int fd, loop_fn *fn, void *opaque)
{
	int rc = -ENOSPC;

	pthread_mutex_lock(&lock);
	if (nr_sources < MAX_SOURCES) {
		sources[nr_sources++] = (struct source){ .fd = fd, .fn = fn, .opaque = opaque };
		rc = 0;
	}
	pthread_mutex_unlock(&lock);
	loop_wake();
	return rc;
}

void loop_pause(int fd, bool paused)
{
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < nr_sources; i++) {
		if (sources[i].fd == fd)
			sources[i].paused = paused;
	}
	pthread_mutex_unlock(&lock);
	loop_wake();
}

void loop_remove(int fd)
{
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < nr_sources; i++) {
		if (sources[i].fd != fd)
			continue;
		sources[i] = sources[--nr_sources];
		break;
	}
	pthread_mutex_unlock(&lock);
	loop_wake();
}

/* A function that was called before may have removed the source, and freed what it is about. */
static bool is_there(const struct source *source)
{
	bool found = false;
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < nr_sources && !found; i++)
		found = sources[i].fd == source->fd && sources[i].opaque == source->opaque;
	pthread_mutex_unlock(&lock);
	return found;
}

void loop_call(void (*fn)(void *arg), void *arg)
{
	struct call call = { .fn = fn, .arg = arg };

	pthread_mutex_lock(&lock);
	if (ended || pthread_equal(runner, pthread_self())) {
		pthread_mutex_unlock(&lock);
		fn(arg);
		return;
	}
	call.next = calls;
	calls = &call;
	loop_wake();
	while (!call.done)
		pthread_cond_wait(&called, &lock);
	pthread_mutex_unlock(&lock);
}

/* Called with @lock held, which is not held meanwhile. */
static void run_calls(void)
{
	struct call *call;

	while ((call = calls)) {
		calls = call->next;
		pthread_mutex_unlock(&lock);
		call->fn(call->arg);
		pthread_mutex_lock(&lock);
		call->done = true;
		pthread_cond_broadcast(&called);
	}
}

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

int64_t budget_left(struct budget *budget, const atomic_ullong *accesses, int64_t most)
{
	unsigned long long nr = atomic_load(accesses);
	int64_t now = now_ms();

	if (budget->access != nr || now - budget->since >= BUDGET_MS)
		*budget = (struct budget){ .access = nr, .since = now };
	most -= budget->slow;
	return most < TOTAL_MS - budget->total ? most : TOTAL_MS - budget->total;
}

/* A write of the guest may bring thousands of messages, to which an honest process replies soon. */
void budget_use(struct budget *budget, int64_t ms)
{
	budget->total += ms;
	if (ms > PROMPT_MS)
		budget->slow += ms - PROMPT_MS;
}

bool event_take(int fd)
{
	uint64_t count;
	struct iovec iov = { &count, sizeof(count) };

	return preadv2(fd, &iov, 1, -1, RWF_NOWAIT) == sizeof(count);
}

/*
 * No write to an eventfd has a flag for that, and one that another process fills would wait. The
 * kernel does not wait where it signals the end of a request: here, to read nothing.
 */
static bool signal_shared(int fd)
{
	struct iocb request = {
		.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = (uint32_t)nothing,
		.aio_flags = IOCB_FLAG_RESFD, .aio_resfd = (uint32_t)fd,
	};
	struct iocb *requests[] = { &request };
	struct timespec now = { 0 };
	struct io_event result;
	bool sent;

	pthread_mutex_lock(&signals_lock);
	sent = syscall(SYS_io_submit, signals, 1, requests) == 1;
	if (sent)
		syscall(SYS_io_getevents, signals, 0, 1, &result, &now);
	pthread_mutex_unlock(&signals_lock);
	return sent;
}

bool event_signal(int fd)
{
	static const uint64_t one = 1;

	if (atomic_load(&shared))
		return signal_shared(fd);
	/* All have O_NONBLOCK. */
	return write(fd, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN;
}

void loop_run(struct vmm *vmm)
{
	struct pollfd fds[MAX_SOURCES];
	struct source ready[MAX_SOURCES];
	unsigned int i, nr;

	pthread_mutex_lock(&lock);
	runner = pthread_self();
	pthread_mutex_unlock(&lock);
	while (!vmm_stopping(vmm)) {
		pthread_mutex_lock(&lock);
		run_calls();
		nr = nr_sources;
		for (i = 0; i < nr; i++) {
			ready[i] = sources[i];
			fds[i].fd = sources[i].paused ? -1 : sources[i].fd;
			fds[i].events = POLLIN;
			fds[i].revents = 0;
		}
		pthread_mutex_unlock(&lock);
		if (poll(fds, nr, -1) < 0)
			continue;	/* a signal */
		for (i = 0; i < nr; i++) {
			if (fds[i].revents && is_there(&ready[i]))
				ready[i].fn(ready[i].opaque, ready[i].fd);
		}
	}
	pthread_mutex_lock(&lock);
	run_calls();
	ended = true;
	pthread_mutex_unlock(&lock);
}
