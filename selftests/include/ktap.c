// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a small test harness that speaks KTAP.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The parent forks a child for each case, adopts what the child leaves behind
 * (PR_SET_CHILD_SUBREAPER), kills it with the case's process group, and asks
 * ktap_leaks() only when all of them have been reaped: at that point the kernel
 * has closed their file descriptors.
 */
#include "ktap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_FAILURES	10	/* that one case prints */

uint64_t ktap_seed;
static unsigned long count;		/* -n, or 0: each case's default */
static unsigned long effort = 100;

static struct ktap_case *cases;
static unsigned int timeout_s = 300;
static unsigned int failures;
static char *skip_reason;	/* shared with the child */
static __thread char note[256];

#define SKIP_REASON_LEN	256

__attribute__((__weak__)) const char *ktap_precheck(void)
{
	return NULL;
}

__attribute__((__weak__)) void ktap_baseline(void)
{
}

__attribute__((__weak__)) const char *ktap_leaks(void)
{
	return NULL;
}

void ktap_add(struct ktap_case *c)
{
	struct ktap_case **at = &cases;

	while (*at && (*at)->line < c->line)
		at = &(*at)->next;
	c->next = *at;
	*at = c;
}

/* One write(2) a line: lines of several threads and processes do not mix. */
static void print_line(const char *prefix, const char *fmt, va_list args)
{
	char line[1024];
	int n, m;

	n = snprintf(line, sizeof(line), "%s", prefix);
	m = vsnprintf(line + n, sizeof(line) - n - 1, fmt, args);
	n += m;
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	for (int at = 0; at < n; at += m) {
		m = write(STDOUT_FILENO, line + at, n - at);
		if (m <= 0)
			break;
	}
}

static void tap(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_line("", fmt, args);
	va_end(args);
}

void ktap_print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_line("# ", fmt, args);
	va_end(args);
}

void ktap_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(note, sizeof(note), fmt, args);
	va_end(args);
}

void ktap_skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(skip_reason, SKIP_REASON_LEN, fmt, args);
	va_end(args);
	_exit(KTAP_SKIP);
}

void ktap_failed(bool fatal, const char *file, int line, const char *fmt, ...)
{
	int error = errno;
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ktap_print("%s:%d: %s", file, line, text);
	if (note[0])
		ktap_print("  at: %s", note);
	if (__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED) >= MAX_FAILURES && !fatal) {
		ktap_print("  that is enough");
		fatal = true;
	}
	if (fatal)
		_exit(KTAP_FAIL);
	errno = error;
}

size_t ktap_differs(const void *p, unsigned char byte, size_t len)
{
	const unsigned char *c = p;
	size_t i = 0;

	while (i < len && c[i] == byte)
		i++;
	return i;
}

size_t ktap_mismatch(const void *p, const void *q, size_t len)
{
	const unsigned char *a = p, *b = q;
	size_t i = 0;

	if (!memcmp(p, q, len))
		return len;
	while (i < len && a[i] == b[i])
		i++;
	return i;
}

void *ktap_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		FAIL("no memory for %zu bytes", size);
	return p;
}

void ktap_wait_exit(int pid)
{
	int status;

	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			FAIL("waitpid: %s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == KTAP_SKIP)
		_exit(KTAP_SKIP);	/* the child has given the reason */
	if (status)
		FAIL("a child ended with status 0x%x", status);
}

int ktap_fork(void)
{
	int pid = fork();

	if (pid < 0)
		FAIL("fork: %s", strerror(errno));
	return pid;
}

void ktap_fork_end(int *pid)
{
	if (!*pid)
		_exit(0);
	ktap_wait_exit(*pid);
	*pid = -1;
}

struct rng rng_start(uint64_t salt)
{
	struct rng r = { .state = ktap_seed ^ (salt * 0xd1342543de82ef95ull) };

	ktap_print("seed %" PRIu64, ktap_seed);
	return r;
}

/* Tells of a case that takes a second or more: where a slow program spends its time. */
static void tell_time(const char *name, const struct timespec *start)
{
	struct timespec now;
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
	if (ms >= 1000)
		ktap_print("%s: %ld.%ld s", name, ms / 1000, ms % 1000 / 100);
}

/* Runs one case in a child and waits for all that comes of it. */
static int run_case(const struct ktap_case *c, const void *v)
{
	sigset_t chld;
	struct timespec left = { .tv_sec = timeout_s };
	bool late = false;
	int status;
	pid_t pid;

	skip_reason[0] = '\0';
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);

	pid = fork();
	if (pid < 0) {
		ktap_print("fork: %s", strerror(errno));
		return KTAP_FAIL;
	}
	if (!pid) {
		sigprocmask(SIG_UNBLOCK, &chld, NULL);
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		c->run(v);
		_exit(failures ? KTAP_FAIL : 0);
	}
	setpgid(pid, pid);

	/* A signal that tells of another child uses up none of the time. */
	while (waitpid(pid, &status, WNOHANG) != pid) {
		struct timespec start, now;

		clock_gettime(CLOCK_MONOTONIC, &start);
		if (sigtimedwait(&chld, NULL, &left) < 0 && errno == EAGAIN) {
			late = true;
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			break;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		left.tv_sec -= now.tv_sec - start.tv_sec;
		left.tv_nsec -= now.tv_nsec - start.tv_nsec;
		if (left.tv_nsec < 0) {
			left.tv_nsec += 1000000000;
			left.tv_sec--;
		} else if (left.tv_nsec >= 1000000000) {
			left.tv_nsec -= 1000000000;
			left.tv_sec++;
		}
		if (left.tv_sec < 0)
			left = (struct timespec){ 0 };
	}
	kill(-pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	if (late) {
		ktap_print("no end within %u s", timeout_s);
		return KTAP_FAIL;
	}
	if (WIFSIGNALED(status)) {
		ktap_print("killed by signal %d (%s)", WTERMSIG(status),
			   strsignal(WTERMSIG(status)));
		return KTAP_FAIL;
	}
	return WEXITSTATUS(status);
}

/* "case" or "case.entry" */
static void case_name(char *name, size_t size, const struct ktap_case *c, const void *v)
{
	if (v)
		snprintf(name, size, "%s.%s", c->name, *(const char *const *)v);
	else
		snprintf(name, size, "%s", c->name);
}

static const void *case_entry(const struct ktap_case *c, size_t i)
{
	return c->table ? (const char *)c->table + i * c->entry_size : NULL;
}

static bool selected(const char *name, char *const *patterns, int nr)
{
	for (int i = 0; i < nr; i++)
		if (strstr(name, patterns[i]))
			return true;
	return !nr;
}

static void ktap_usage(const char *prog)
{
	fprintf(stderr,
		"usage: %s [-l] [-n COUNT] [-s SEED] [-T SECONDS] [PART-OF-A-NAME]...\n"
		"  -l  list the cases\n"
		"  -n  iterations of the cases that repeat something\n"
		"  -s  seed of the random cases, a new one each time by default\n"
		"  -T  a case that takes longer has failed, default %u s\n"
		"NYX_TEST_SEED in the environment: as -s; that of a run is in its first lines\n"
		"NYX_TEST_EFFORT likewise: iterations in percent of the default\n",
		prog, timeout_s);
	exit(2);
}

static unsigned long long parse_number(const char *prog, const char *arg)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, 0);
	if (errno || end == arg || *end)
		ktap_usage(prog);
	return n;
}

unsigned long ktap_iterations(unsigned long dflt)
{
	unsigned long n = count ? count : dflt * effort / 100;

	return n ? n : 1;
}

int main(int argc, char **argv)
{
	unsigned int nr = 0, passed = 0, failed = 0, skipped = 0;
	const char *reason = NULL;
	const char *env = getenv("NYX_TEST_EFFORT");
	const char *seed = getenv("NYX_TEST_SEED");
	bool list = false;
	char name[128];
	int opt;

	if (env)
		effort = parse_number("NYX_TEST_EFFORT", env);
	while ((opt = getopt(argc, argv, "ln:s:T:")) != -1) {
		switch (opt) {
		case 'l':
			list = true;
			break;
		case 'n':
			count = parse_number(argv[0], optarg);
			break;
		case 's':
			seed = optarg;
			break;
		case 'T':
			timeout_s = parse_number(argv[0], optarg);
			break;
		default:
			ktap_usage(argv[0]);
		}
	}
	if (seed)
		ktap_seed = parse_number(argv[0], seed);
	else if (getrandom(&ktap_seed, sizeof(uint32_t), 0) < 0)
		return 2;
	argv += optind;
	argc -= optind;

	for (struct ktap_case *c = cases; c; c = c->next) {
		for (size_t i = 0; i < c->nr; i++) {
			case_name(name, sizeof(name), c, case_entry(c, i));
			if (!selected(name, argv, argc))
				continue;
			nr++;
			if (list)
				tap("%s", name);
		}
	}
	if (list)
		return 0;

	skip_reason = mmap(NULL, SKIP_REASON_LEN, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (skip_reason == MAP_FAILED)
		return KTAP_FAIL;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	tap("KTAP version 1");
	tap("# NYX_TEST_SEED=%" PRIu64, ktap_seed);
	tap("1..%u", nr);
	reason = ktap_precheck();

	nr = 0;
	for (struct ktap_case *c = cases; c; c = c->next) {
		for (size_t i = 0; i < c->nr; i++) {
			const char *leak = NULL;
			struct timespec start;
			int result;

			case_name(name, sizeof(name), c, case_entry(c, i));
			if (!selected(name, argv, argc))
				continue;
			nr++;
			if (reason) {
				tap("ok %u %s # SKIP %s", nr, name, reason);
				skipped++;
				continue;
			}
			clock_gettime(CLOCK_MONOTONIC, &start);
			ktap_baseline();
			result = run_case(c, case_entry(c, i));
			leak = ktap_leaks();
			if (leak) {
				ktap_print("left behind: %s", leak);
				result = KTAP_FAIL;
			}
			tell_time(name, &start);
			if (!result) {
				tap("ok %u %s", nr, name);
				passed++;
			} else if (result == KTAP_SKIP) {
				tap("ok %u %s # SKIP %s", nr, name, skip_reason);
				skipped++;
			} else {
				tap("not ok %u %s", nr, name);
				failed++;
			}
		}
	}
	tap("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:%u error:0", passed, failed, skipped);
	if (failed)
		return KTAP_FAIL;
	return skipped && !passed ? KTAP_SKIP : 0;
}
