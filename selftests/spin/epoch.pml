/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kmod/tlb/epoch.[ch]: readers, drains, the flip of the pairs, kills and lost wake-ups.
 *
 * A drainer maps a page twice and takes it away twice; the page has the number of the mapping
 * as its contents. When a drain has returned 0, no reader may use that mapping or an earlier one.
 * A deadlock is a lost wake-up.
 *
 * Each reader counts in words of its own, as if each had a CPU: only sums are looked at, so
 * this is no restriction. Without the macros below it is the code as it is. Each macro takes
 * one thing away, or does it otherwise; selftests/spin/run knows what must come of that.
 *
 *   NO_A          epoch_enter() has no barrier behind the count
 *   NO_S          pairs_idle() has no barrier between the sums
 *   NO_RECHECK    the wait does not look again after it has queued itself
 *   NO_FIRST_LOOK the wait does not look before it queues itself
 *   IN_BEFORE_OUT pairs_idle() sums the entries first
 *   NO_STRAGGLERS drain_slow() does not wait for the pair of before
 *   ONE_PAIR      epoch_busy() looks at the pair of newcomers only
 *   NO_WAITERS    drain_slow() does not say which pair it waits for
 *   NO_MAIN_WAIT  drain_slow() only flips
 *   KILL_IS_OK    a drain that was killed returns 0
 *   NO_REPOLL     a drain that sleeps does not look again after a jiffy
 *   C             epoch_exit() has a full barrier behind the count
 */
#define READERS		2
#define CPUS		3
#define BUFFERED	2
#define DRAINER		READERS

/* Words: two pairs of counters for each reader, then the rest. */
#define IN(pair, r)	((pair) * READERS + (r))
#define OUT(pair, r)	(2 * READERS + (pair) * READERS + (r))
#define PAIR		(4 * READERS)
#define WAITERS		(PAIR + 1)
#define MAPPED		(PAIR + 2)
#define WORDS		(PAIR + 3)

#include "tso.h"

byte using[READERS];	/* the mapping that a reader uses, or 0 */
bool asleep, woken;	/* the drainer's place in the wait queue */
bool killed;		/* the drainer may be: a sleep ends at any time */

#if !defined(NO_A)
#define BARRIER_A	FENCE
#else
#define BARRIER_A	skip
#endif
#if defined(C)
#define BARRIER_C	FENCE
#else
#define BARRIER_C	skip
#endif
#if !defined(NO_S)
#define BARRIER_S	FENCE
#else
#define BARRIER_S	skip
#endif

proctype reader(byte me; byte times)
{
	byte pair, count[2], left[2];

	do
	:: times > 0 ->
		/* epoch_enter() */
		atomic { times--; pair = mem[PAIR]; count[pair]++ };
		STORE(IN(pair, me), count[pair]);
		BARRIER_A;
		/* The access. */
		using[me] = mem[MAPPED];
		/* epoch_exit(). TSO keeps the access before the count. */
		atomic { using[me] = 0; left[pair]++; STORE(OUT(pair, me), left[pair]) };
		BARRIER_C;
		if
		:: mem[WAITERS] == pair + 1 ->
			/* epoch_wake(): waitqueue_active(), wake_up_all() */
			if
			:: atomic { asleep -> woken = true }
			:: else
			fi
		:: else
		fi
	:: else -> break
	od
}

byte sum_out, sum_in;

/* Loads one by one: a reader may move on in between. */
inline add_out(p)
{
	sum_out = sum_out + mem[OUT(p, 0)];
	sum_out = sum_out + mem[OUT(p, 1)]
}

inline add_in(p)
{
	sum_in = sum_in + mem[IN(p, 0)];
	sum_in = sum_in + mem[IN(p, 1)]
}

/* pairs_idle() of one pair */
inline pair_idle(p)
{
	d_step { sum_out = 0; sum_in = 0 };
#ifdef IN_BEFORE_OUT
	add_in(p);
	BARRIER_S;
	add_out(p);
#else
	add_out(p);
	BARRIER_S;
	add_in(p);
#endif
	idle = (sum_in == sum_out)
}

/* pairs_idle() of both */
inline both_idle()
{
	d_step { sum_out = 0; sum_in = 0 };
#ifdef IN_BEFORE_OUT
	add_in(0);
	add_in(1);
	BARRIER_S;
	add_out(0);
	add_out(1);
#else
	add_out(0);
	add_out(1);
	BARRIER_S;
	add_in(0);
	add_in(1);
#endif
	idle = (sum_in == sum_out)
}

inline wait_idle(p)
{
	idle = false;
#ifndef NO_FIRST_LOOK
	pair_idle(p);
#endif
	do
	:: idle -> break
	:: else ->
		/* prepare_to_wait(): on the queue, then a barrier. */
		atomic { asleep = true; woken = false };
		FENCE;
#ifndef NO_RECHECK
		pair_idle(p);
#endif
		if
		:: idle
		:: else ->
			if
			:: woken
			:: killed -> ret = 1
#ifndef NO_REPOLL
			:: timeout
#endif
			fi
		fi;
		atomic { asleep = false; woken = false };
		if
		:: ret -> break
		:: else ->
			if
			:: !idle -> pair_idle(p)
			:: else
			fi
		fi
	od
}

inline drain_slow()
{
	pair = mem[PAIR];
#ifndef NO_STRAGGLERS
#ifndef NO_WAITERS
	STORE(WAITERS, (1 - pair) + 1);
#endif
	wait_idle(1 - pair);
#endif
	if
	:: !ret ->
#ifndef NO_WAITERS
		STORE(WAITERS, pair + 1);
#endif
		STORE(PAIR, 1 - pair);
#ifndef NO_MAIN_WAIT
		wait_idle(pair)
#endif
	:: else
	fi;
	STORE(WAITERS, 0);
#ifdef KILL_IS_OK
	ret = 0
#endif
}

inline epoch_drain()
{
	ret = 0;
#ifdef ONE_PAIR
	pair_idle(mem[PAIR]);
#else
	both_idle();
#endif
	if
	:: !idle -> drain_slow()
	:: else
	fi
}

proctype drainer(byte me)
{
	byte pair, mapping = 1;
	bool idle, ret;

	do
	:: mapping <= 2 ->
		STORE(MAPPED, mapping);
		/* It is there for a while, or a command takes it away at once. */
		STORE(MAPPED, 0);
		epoch_drain();
		if
		:: ret
		:: else ->
			d_step {
				assert(!using[0] || using[0] > mapping);
				assert(!using[1] || using[1] > mapping)
			}
		fi;
		mapping++
	:: else -> break
	od
}

init
{
	atomic {
		run store_buffer(0);
		run store_buffer(1);
		run store_buffer(2);
		run reader(0, 2);
		run reader(1, 1);
		run drainer(DRAINER);
		/* It ends a sleep, if anything; when it arrived does not matter. */
		if
		:: killed = true
		:: skip
		fi
	}
}
