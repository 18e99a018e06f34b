// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a process that is killed in the middle of a long command.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "victim.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

void *victim_memory(size_t size)
{
	return map_aligned(size, SZ_2M, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
}

static void be_victim(struct victim_state *s, int (*prepare)(void *arg),
		      void (*run)(void *arg), void *arg)
{
	struct nyx_unit_info info;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = prepare(arg);
	test_cmd(cmd_unit_share(fd));
	test_cmd(cmd_unit_info(fd, &info));
	__atomic_store_n(&s->unit, info.unit_id, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&s->go, __ATOMIC_SEQ_CST))
		sched_yield();
	run(arg);
	__atomic_store_n(&s->done, true, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

void victim_start(struct victim *v, int (*prepare)(void *arg), void (*run)(void *arg),
		  void *arg)
{
	int status;

	v->state = victim_memory(SZ_4K);
	v->pid = fork();
	ASSERT_TRUE(v->pid >= 0);
	if (!v->pid)
		be_victim(v->state, prepare, run, arg);
	while (!__atomic_load_n(&v->state->unit, __ATOMIC_SEQ_CST)) {
		if (waitpid(v->pid, &status, WNOHANG)) {
			if (WIFEXITED(status) && WEXITSTATUS(status) == KTAP_SKIP)
				_exit(KTAP_SKIP);	/* it has given the reason */
			FAIL("the process ended with status 0x%x", status);
		}
		sched_yield();
	}
	v->fd = nyx_open();
	test_cmd(cmd_unit_open(v->fd, v->state->unit, NULL, NULL));
	__atomic_store_n(&v->state->go, true, __ATOMIC_SEQ_CST);
}

static bool is_done(const struct victim *v)
{
	return __atomic_load_n(&v->state->done, __ATOMIC_SEQ_CST);
}

void victim_kill(struct victim *v, bool (*under_way)(struct victim *v, void *arg), void *arg)
{
	while (!under_way(v, arg) && !is_done(v))
		sched_yield();
	ASSERT_EQ(0, kill(v->pid, SIGKILL));
}

bool victim_end(struct victim *v)
{
	bool in_time = !is_done(v);
	int status;

	ASSERT_EQ(v->pid, waitpid(v->pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return in_time;
}

void victim_close(struct victim *v)
{
	close(v->fd);
	munmap(v->state, SZ_4K);
}

static bool queue_began(struct victim *v, void *arg)
{
	const struct victim_queue *q = arg;

	return q->executed(v->fd);
}

void victim_in_queue(const struct victim_queue *q, void *arg)
{
	struct victim victim;

	for (int i = 0; i < VICTIM_TRIES; i++) {
		unsigned int seen, done = q->entries;

		victim_start(&victim, q->prepare, q->run, arg);
		victim_kill(&victim, queue_began, (void *)q);
		seen = q->executed(victim.fd);
		if (victim_end(&victim))
			done = q->executed(victim.fd);
		victim_close(&victim);
		if (done == q->entries)
			continue;
		ktap_print("%u entries when it was killed, %u in all", seen, done);
		ASSERT_LE(done, seen + 1);
		return;
	}
	FAIL("the queue was executed in whole %d times", VICTIM_TRIES);
}
