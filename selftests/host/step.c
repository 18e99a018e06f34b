// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx host build: threads that run one at a time, in an order that a test chooses.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Actors are threads that live as long as the program. The baton, a semaphore of each actor and
 * one of the test, says whose turn it is; all other variables here belong to the one whose turn it
 * is.
 */
#include "host/step.h"

#include <semaphore.h>

#include <kunit/test.h>

/* Steps after which a try is taken to be without end. */
#define MAX_STEPS	20000u
#define MAX_SWITCHES	4u

enum state { ENDED, RUNS, SLEEPS };

static struct actor {
	sem_t turn;
	struct step_actor job;
	enum state state;
	bool woken;
	bool signalled;
	bool killed;
	const wait_queue_head_t *queue;
} actors[STEP_ACTORS];

static __thread struct actor *self;
static sem_t test_turn;
static unsigned int nr_actors;

/* Steps that were made since step_start(), and those that the actor may still make. */
static unsigned int made, budget;
/* The actor that came back waits for another one. */
static bool yielded;

/* A switch that step_explore() tries: before which step, and to which actor. */
static struct {
	unsigned int at;
	unsigned int to;
} plan[MAX_SWITCHES];
static unsigned int planned;

static void tell_plan(void)
{
	unsigned int i;

	printf("    # actor 0");
	for (i = 0; i < planned; i++)
		printf(", at step %u actor %u", plan[i].at, plan[i].to);
	printf("\n");
}

/* There is no way to end the actors. */
static void __attribute__((__noreturn__)) stuck(const char *why)
{
	unsigned int i;

	for (i = 0; i < nr_actors; i++)
		printf("    # actor %u %s\n", i, actors[i].state == ENDED ? "has ended" :
		       actors[i].state == SLEEPS ? "sleeps" : "runs");
	tell_plan();
	printf("Bail out! %s\n", why);
	fflush(stdout);
	_exit(1);
}

static void take(sem_t *turn)
{
	while (sem_wait(turn))
		;
}

static void *actor_main(void *arg)
{
	self = arg;
	host_cpu();
	sem_post(&test_turn);
	for (;;) {
		take(&self->turn);
		self->job.fn(self->job.arg);
		self->state = ENDED;
		sem_post(&test_turn);
	}
	return NULL;
}

static void init(void)
{
	static bool done;
	pthread_t thread;
	unsigned int i;

	if (done)
		return;
	done = true;
	sem_init(&test_turn, 0, 0);
	for (i = 0; i < STEP_ACTORS; i++) {
		sem_init(&actors[i].turn, 0, 0);
		if (pthread_create(&thread, NULL, actor_main, &actors[i]))
			abort();
		pthread_detach(thread);
		take(&test_turn);
	}
}

/* The test's turn, until it gives the actor another one. */
static void back_to_test(void)
{
	struct actor *me = self;

	sem_post(&test_turn);
	take(&me->turn);
}

static void make_step(void)
{
	budget--;
	if (++made > MAX_STEPS)
		stuck("no end");
}

void host_step(void)
{
	if (!self)
		return;
	if (!budget)
		back_to_test();
	make_step();
}

bool host_yield(void)
{
	if (!self)
		return false;
	yielded = true;
	back_to_test();
	make_step();
	return true;
}

/* ---- queues, locks ---------------------------------------------------------- */

static bool ends_wait(enum host_signals heed)
{
	return (heed != HOST_NO_SIGNAL && self->killed) ||
	       (heed == HOST_ANY_SIGNAL && self->signalled);
}

void host_queue_enter(wait_queue_head_t *q)
{
	if (!self)
		stuck("the test itself would sleep");
	host_step();
	self->queue = q;
	self->woken = false;
}

void host_queue_leave(wait_queue_head_t *q)
{
	self->queue = NULL;
}

int host_queue_sleep(wait_queue_head_t *q, enum host_signals heed)
{
	host_step();
	if (ends_wait(heed))
		return -ERESTARTSYS;
	if (self->woken)
		return 0;
	self->state = SLEEPS;
	back_to_test();
	make_step();
	return 0;
}

bool host_queue_active(const wait_queue_head_t *q)
{
	unsigned int i;

	host_step();
	for (i = 0; i < nr_actors; i++) {
		if (actors[i].queue == q)
			return true;
	}
	return false;
}

static void wake(struct actor *a)
{
	a->woken = true;
	if (a->state == SLEEPS)
		a->state = RUNS;
}

void host_queue_wake(const wait_queue_head_t *q)
{
	unsigned int i;

	host_step();
	for (i = 0; i < nr_actors; i++) {
		if (actors[i].queue == q)
			wake(&actors[i]);
	}
}

int host_lock(pthread_mutex_t *m, enum host_signals heed)
{
	host_step();
	while (pthread_mutex_trylock(m)) {
		if (!self)
			stuck("the test itself would wait for a lock");
		if (ends_wait(heed))
			return -EINTR;
		host_yield();
	}
	return 0;
}

/* ---- the test's side ---------------------------------------------------------- */

/* Gives an actor its turn. */
static void turn(struct actor *a, unsigned int steps)
{
	budget = steps;
	yielded = false;
	sem_post(&a->turn);
	take(&test_turn);
}

void step_start(const struct step_actor actor[STEP_ACTORS])
{
	struct actor *a;

	init();
	made = 0;
	nr_actors = 0;
	while (nr_actors < STEP_ACTORS && actor[nr_actors].fn) {
		a = &actors[nr_actors];
		a->job = actor[nr_actors++];
		a->state = RUNS;
		a->woken = false;
		a->signalled = false;
		a->killed = false;
		a->queue = NULL;
		turn(a, 0);
	}
}

bool step_go(unsigned int nr, unsigned int steps)
{
	unsigned int end = made + steps;

	while (made < end && actors[nr].state == RUNS)
		turn(&actors[nr], end - made);
	return actors[nr].state != ENDED;
}

bool step_asleep(unsigned int nr)
{
	return actors[nr].state == SLEEPS;
}

void step_signal(unsigned int nr, bool fatal)
{
	actors[nr].signalled = true;
	actors[nr].killed |= fatal;
	wake(&actors[nr]);
}

/* The first actor that can run, @last only if there is no other; -1: all have ended. */
static int due(int last)
{
	bool ended = true;
	int i;

	for (i = 0; i < (int)nr_actors; i++) {
		if (actors[i].state == RUNS && i != last)
			return i;
		ended = ended && actors[i].state == ENDED;
	}
	if (last >= 0 && actors[last].state == RUNS)
		return last;
	if (!ended)
		stuck("all that have not ended sleep");
	return -1;
}

void step_finish(void)
{
	int nr = due(-1);

	while (nr >= 0) {
		turn(&actors[nr], MAX_STEPS);
		nr = due(yielded ? nr : -1);
	}
}

/* Before each step of a try, the actors that could make it instead. */
#define LOG_STEPS	1024u

struct log {
	unsigned char others[LOG_STEPS];
};

static unsigned char others(int nr)
{
	unsigned char mask = 0;
	unsigned int i;

	for (i = 0; i < nr_actors; i++) {
		if (actors[i].state == RUNS && (int)i != nr)
			mask |= BIT(i);
	}
	return mask;
}

/* One try: as planned, and without switches otherwise. */
static void try_plan(struct log *log)
{
	unsigned int next = 0;
	int nr = due(-1);

	while (nr >= 0) {
		if (next < planned && plan[next].at == made)
			nr = plan[next++].to;
		if (log && made < LOG_STEPS)
			log->others[made] = others(nr);
		/* One by one if it is noted, else up to the next switch. */
		turn(&actors[nr], log ? 1 : next < planned ? plan[next].at - made : MAX_STEPS);
		if (yielded || actors[nr].state != RUNS)
			nr = due(yielded ? nr : -1);
	}
}

struct search {
	struct kunit *test;
	const struct step_actor *actor;
	unsigned int switches;
	void (*reset)(void *arg);
	bool (*check)(void *arg);
	void *arg;
	unsigned long tries;
};

static bool explore(struct search *s, unsigned int depth, unsigned int from)
{
	bool deeper = depth < s->switches;
	struct log log;
	unsigned int at, end, to;

	planned = depth;
	s->reset(s->arg);
	step_start(s->actor);
	try_plan(deeper ? &log : NULL);
	s->tries++;
	if (!s->check(s->arg)) {
		KUNIT_FAIL(s->test, "wrong in try %lu", s->tries);
		tell_plan();
		return false;
	}
	end = deeper ? min(made, LOG_STEPS) : 0;
	for (at = from; at < end; at++) {
		for (to = 0; to < STEP_ACTORS; to++) {
			if (!(log.others[at] & BIT(to)))
				continue;
			plan[depth].at = at;
			plan[depth].to = to;
			if (!explore(s, depth + 1, at + 1))
				return false;
		}
	}
	return true;
}

unsigned long step_explore(struct kunit *test, const struct step_actor actor[STEP_ACTORS],
			   unsigned int switches, void (*reset)(void *arg),
			   bool (*check)(void *arg), void *arg)
{
	struct search s = {
		.test = test, .actor = actor, .switches = min(switches, MAX_SWITCHES),
		.reset = reset, .check = check, .arg = arg,
	};

	explore(&s, 0, 0);
	planned = 0;
	return s.tries;
}
