// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyxctl: calls that wait for in-flight accesses.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "wait.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "err.h"
#include "parse.h"

#define NEVER	UINT64_MAX

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool running;		/* the watcher thread exists */
	bool over;		/* @lock: the call has returned */
	uint64_t notice;	/* when to say something, by now_ms(), or NEVER */
	uint64_t deadline;
	const char *resume;
	char what[256];
} watch = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* End the process. The caller holds the lock, so that wait_end() blocks the main thread. */
static void give_up(void)
{
	int rc = err_exit(EXIT_TIMEOUT, -ETIMEDOUT, "timed out waiting for %s; the changes so far are kept; %s",
			  watch.what, watch.resume);

	_exit(out_close_stdout(rc));
}

static void *watcher(void *arg)
{
	struct timespec until;
	uint64_t next;

	pthread_mutex_lock(&watch.lock);
	while (!watch.over) {
		next = watch.notice < watch.deadline ? watch.notice : watch.deadline;
		if (next == NEVER) {
			pthread_cond_wait(&watch.changed, &watch.lock);
			continue;
		}
		until = (struct timespec){
			.tv_sec = (time_t)(next / 1000), .tv_nsec = (long)(next % 1000) * 1000000,
		};
		if (pthread_cond_timedwait(&watch.changed, &watch.lock, &until) != ETIMEDOUT)
			continue;
		if (watch.over)
			break;
		next = now_ms();
		if (next >= watch.notice) {
			watch.notice = NEVER;
			err_note("waiting for %s", watch.what);
		}
		if (next >= watch.deadline)
			give_up();
	}
	pthread_mutex_unlock(&watch.lock);
	return arg;
}

uint64_t wait_timeout(const struct cli *cli)
{
	const char *word = cmd_has_option(cli->verb, "timeout") ? cli_opt(cli, "timeout") : NULL;
	uint64_t ms;

	/* cli.c has checked --timeout. */
	return word && !parse_time("--timeout", word, &ms) ? ms : NEVER;
}

void wait_begin(struct cli *cli, const char *resume, const char *format, ...)
{
	uint64_t timeout = resume ? wait_timeout(cli) : NEVER, now = now_ms();
	pthread_condattr_t attr;
	va_list args;

	va_start(args, format);
	vsnprintf(watch.what, sizeof(watch.what), format, args);
	va_end(args);
	watch.over = false;
	watch.resume = resume;
	watch.notice = cli->quiet ? NEVER : now + WAIT_NOTICE_MS;
	if (__builtin_add_overflow(now, timeout, &watch.deadline))
		watch.deadline = NEVER;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&watch.changed, &attr);
	pthread_condattr_destroy(&attr);
	watch.running = !pthread_create(&watch.thread, NULL, watcher, NULL);
}

void wait_end(void)
{
	if (!watch.running)
		return;
	pthread_mutex_lock(&watch.lock);
	/* The watcher thread may be late. */
	if (now_ms() >= watch.notice) {
		watch.notice = NEVER;
		err_note("waiting for %s", watch.what);
	}
	watch.over = true;
	pthread_cond_signal(&watch.changed);
	pthread_mutex_unlock(&watch.lock);
	pthread_join(watch.thread, NULL);
	pthread_cond_destroy(&watch.changed);
	watch.running = false;
}
