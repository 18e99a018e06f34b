/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: threads that run one at a time, in an order that a test chooses.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * In the programs of STEP_SUITES each access to shared memory (READ_ONCE(), atomics,
 * cmpxchg(), locks) is a step. A test starts actors, threads that stop before each of their
 * steps, and decides which one makes the next. step_explore() tries all orders with a number of
 * switches; step_go() makes a certain one. So a race is found each time, or never.
 *
 * An actor that waits for a lock or in a queue is passed over until it can go on; if no actor
 * can, the program says so and ends.
 */
#ifndef NYX_HOST_STEP_H
#define NYX_HOST_STEP_H

#include <stdbool.h>

#ifdef NYX_HOST_STEP
/* Before an access to memory that others use. */
void host_step(void);
/* The caller cannot go on before another has. Returns false if it is no actor. */
bool host_yield(void);
#else
static inline void host_step(void)
{
}

static inline bool host_yield(void)
{
	return false;
}
#endif

struct kunit;

#define STEP_ACTORS	3

/**
 * struct step_actor - a thread under a test's control
 * @fn: what it does
 * @arg: for @fn
 */
struct step_actor {
	void (*fn)(void *arg);
	void *arg;
};

/**
 * step_start() - let actors run up to their first step
 * @actor: the actors, up to STEP_ACTORS; one without a function ends the list
 */
void step_start(const struct step_actor actor[STEP_ACTORS]);

/**
 * step_go() - let an actor make some steps
 * @nr: number of the actor
 * @steps: how many; it stops earlier if it ends or sleeps
 *
 * Return: true if it has not ended.
 */
bool step_go(unsigned int nr, unsigned int steps);

/**
 * step_asleep() - does an actor sleep in a queue?
 * @nr: its number
 */
bool step_asleep(unsigned int nr);

/* Let all actors run to their ends, the first that can first. */
void step_finish(void);

/* Send an actor a signal; it is woken, and killed if the signal is fatal. */
void step_signal(unsigned int nr, bool fatal);

/**
 * step_explore() - try the orders of the steps of some actors
 * @test: the case, which fails with the order that @check complains about
 * @actor: the actors; the first begins, and goes on where there is a choice
 * @switches: switches to another actor that is not due, at most
 * @reset: called before each try
 * @check: called after each try; false: something is wrong
 * @arg: for both
 *
 * Return: the number of tries.
 */
unsigned long step_explore(struct kunit *test, const struct step_actor actor[STEP_ACTORS],
			   unsigned int switches, void (*reset)(void *arg),
			   bool (*check)(void *arg), void *arg);

#endif /* NYX_HOST_STEP_H */
