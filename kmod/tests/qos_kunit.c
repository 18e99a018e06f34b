// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of limits.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Time is what the cases say it is: nothing sleeps. The oracle is a leaky
 * bucket: a level that falls with time, where the module has a time at which it
 * would be empty. Module parameter qos_seed repeats a random run (0: take the
 * clock; it is printed).
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/time64.h>

#include "base/types.h"
#include "core/account/qos.h"

/* In the units of struct nyx_bucket, and of struct nyx_qos. */
#define COST(rate)	div64_u64((u64)NSEC_PER_SEC << 32, rate)
#define TICKS(ns)	((u64)(ns) << 4)
#define MS		((u64)NSEC_PER_MSEC)
#define SEC		((u64)NSEC_PER_SEC)
/* Some days, and ten years, after the machine was started. */
#define T0		(1000000 * SEC)
#define TEN_YEARS	(315360000 * SEC)

static unsigned long qos_seed;
module_param(qos_seed, ulong, 0444);
MODULE_PARM_DESC(qos_seed, "seed of the random case of nyx_qos; 0: the clock");

static u64 draw(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

static u32 below(u64 *state, u32 n)
{
	return (draw(state) >> 32) * n >> 32;
}

static struct nyx_qos *limit(struct kunit *test, enum nyx_rate kind, u64 rate,
			     u32 burst_ms)
{
	struct nyx_qos *qos = kunit_kzalloc(test, sizeof(*qos), GFP_KERNEL);
	static u64 serial;

	KUNIT_ASSERT_NOT_NULL(test, qos);
	qos->serial = ++serial;
	qos->burst = TICKS(burst_ms * MS);
	qos->limits.burst_ms = burst_ms;
	qos->rate[kind].cost = COST(rate);
	if (kind == NYX_RATE_BYTES)
		qos->limits.bytes_per_s = rate;
	return qos;
}

static struct nyx_charge some(enum nyx_rate kind, u64 amount)
{
	struct nyx_charge work = {};

	work.work.amount[kind] = amount;
	return work;
}

static u64 try_one(struct nyx_qos *dev, struct nyx_qos *dom, enum nyx_rate kind,
		   u64 amount, u64 now)
{
	struct nyx_charge work = some(kind, amount);

	return nyx_qos_charge(dev, dom, &work, now, false);
}

static u64 reserve_one(struct nyx_qos *dev, struct nyx_qos *dom,
		       enum nyx_rate kind, u64 amount, u64 now)
{
	struct nyx_charge work = some(kind, amount);

	return nyx_qos_charge(dev, dom, &work, now, true);
}

static void give_back(struct nyx_qos *dev, struct nyx_qos *dom,
		      enum nyx_rate kind, u64 amount)
{
	struct nyx_charge work = some(kind, amount);

	work.dev = dev ? dev->serial : 0;
	work.dom = dom ? dom->serial : 0;
	nyx_qos_refund(dev, dom, &work);
}

/* How much of it is let through at once. */
static unsigned int burst_of(struct nyx_qos *dev, struct nyx_qos *dom,
			     enum nyx_rate kind, u64 amount, u64 now)
{
	unsigned int n = 0;

	while (n < 100000 && !try_one(dev, dom, kind, amount, now))
		n++;
	return n;
}

/* ---- one limit ---------------------------------------------------------- */

static void work_without_limit_never_waits(struct kunit *test)
{
	struct nyx_qos *none = kunit_kzalloc(test, sizeof(*none), GFP_KERNEL);
	struct nyx_qos *irqs = limit(test, NYX_RATE_IRQS, 1, 1);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, none);
	for (i = 0; i < 100; i++) {
		KUNIT_EXPECT_EQ(test, try_one(NULL, NULL, NYX_RATE_BYTES, ~0ull,
					      T0), 0);
		KUNIT_EXPECT_EQ(test, try_one(none, none, NYX_RATE_OPS, ~0ull,
					      T0), 0);
		KUNIT_EXPECT_EQ(test, try_one(irqs, irqs, NYX_RATE_BYTES, 1, T0),
				0);
		KUNIT_EXPECT_EQ(test, reserve_one(irqs, NULL, NYX_RATE_OPS, 1,
						  T0), 0);
	}
	/* No work is no work of the limited kind, either. */
	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_EQ(test, try_one(irqs, irqs, NYX_RATE_IRQS, 0, T0),
				0);
	KUNIT_EXPECT_EQ(test, burst_of(irqs, NULL, NYX_RATE_IRQS, 1, T0), 1);
}

static void burst_comes_at_once(struct kunit *test)
{
	static const struct {
		u64 rate;
		u32 burst_ms;
		u64 amount;
		unsigned int at_once;	/* one, and what the burst allows */
	} t[] = {
		{ 1, 10, 1, 1 }, { 1, 1000, 1, 2 }, { 1, 10000, 1, 11 },
		{ 1000, 10, 1, 11 }, { 1000, 1, 1, 2 }, { 1000, 10, 20, 1 },
		{ 1000000, 10, 1, 10001 }, { 1000000, 10, 1000, 11 },
		/* One page, or operation, however large. */
		{ 1, 1, 4096, 1 },
		{ 1000000000, 10, 1u << 20, 10 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		struct nyx_qos *q = limit(test, NYX_RATE_OPS, t[i].rate,
					  t[i].burst_ms);

		KUNIT_EXPECT_EQ(test, burst_of(q, NULL, NYX_RATE_OPS,
					       t[i].amount, T0), t[i].at_once);
		/* Idle for long, it allows as much again and not more. */
		KUNIT_EXPECT_EQ(test, burst_of(q, NULL, NYX_RATE_OPS,
					       t[i].amount, T0 + 100000 * SEC),
				t[i].at_once);
	}
}

static void wait_is_exact(struct kunit *test)
{
	struct nyx_qos *q = limit(test, NYX_RATE_OPS, 1000, 10);
	unsigned int i;
	u64 wait;

	KUNIT_EXPECT_EQ(test, burst_of(q, NULL, NYX_RATE_OPS, 1, T0), 11);
	/* A caller that is refused is not charged: it does not become more. */
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, T0), MS);
	wait = try_one(q, NULL, NYX_RATE_OPS, 1, T0 + 1);
	KUNIT_EXPECT_EQ(test, wait, MS - 1);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, T0 + MS - 1), 1);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, T0 + MS), 0);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, T0 + MS), MS);
	/* Half of the burst has come back after half of its time. */
	KUNIT_EXPECT_EQ(test, burst_of(q, NULL, NYX_RATE_OPS, 1, T0 + 6 * MS), 5);
}

/* Fractions of a nanosecond are waited for, not left out. */
static void wait_is_rounded_up(struct kunit *test)
{
	/* 1.5 ns for each. */
	struct nyx_qos *q = limit(test, NYX_RATE_OPS, 666666667, 1);
	u64 now = T0, wait;

	while (!try_one(q, NULL, NYX_RATE_OPS, 1, now))
		;
	wait = try_one(q, NULL, NYX_RATE_OPS, 1, now);
	KUNIT_EXPECT_GE(test, wait, 1);
	KUNIT_EXPECT_LE(test, wait, 2);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, now + wait), 0);
}

static void reservations_queue_up(struct kunit *test)
{
	struct nyx_qos *q = limit(test, NYX_RATE_OPS, 1000, 10);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, burst_of(q, NULL, NYX_RATE_OPS, 1, T0), 11);
	for (i = 1; i <= 100; i++)
		KUNIT_EXPECT_EQ(test, reserve_one(q, NULL, NYX_RATE_OPS, 1, T0),
				i * MS);
	/* A caller that does not wait sees them all before it. */
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, T0), 101 * MS);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, T0 + 100 * MS),
			MS);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, T0 + 101 * MS), 0);
}

static void extremes_do_not_overflow(struct kunit *test)
{
	static const u64 time[] = { 0, T0, TEN_YEARS };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(time); i++) {
		struct nyx_qos *slow = limit(test, NYX_RATE_BYTES, 1, 10000);
		struct nyx_qos *fast = limit(test, NYX_RATE_BYTES, NYX_LIMIT_MAX,
					     10000);

		KUNIT_EXPECT_EQ(test, reserve_one(slow, NULL, NYX_RATE_BYTES,
						  4096, time[i]), 0);
		for (j = 1; j <= 4096; j++)
			KUNIT_ASSERT_EQ(test, reserve_one(slow, NULL,
							  NYX_RATE_BYTES, 4096,
							  time[i]),
					(4096ull * j - 10) * SEC);
		for (j = 0; j < 10000; j++)
			KUNIT_ASSERT_EQ(test, reserve_one(fast, NULL,
							  NYX_RATE_BYTES,
							  1u << 20, time[i]), 0);
	}
}

/* ---- in the long run ---------------------------------------------------- */

#define RUN	50000u

/* Time that RUN times @amount takes, ns, one after the other. */
static u64 run_time(struct nyx_qos *q, u64 amount, bool reserve)
{
	struct nyx_charge work = some(NYX_RATE_BYTES, amount);
	u64 now = T0, wait;
	unsigned int i;

	for (i = 0; i < RUN; i++) {
		wait = nyx_qos_charge(q, NULL, &work, now, reserve);
		now += wait;
		/* A caller that has waited for the time that was returned is let through. */
		if (wait && !reserve && nyx_qos_charge(q, NULL, &work, now, false))
			return 0;
	}
	return now - T0;
}

static void expect_rate(struct kunit *test, u64 rate, u64 amount, u32 burst_ms)
{
	/* All but the last one, and what the burst allows. */
	u64 all = mul_u64_u64_div_u64(amount * (RUN - 1), SEC, rate);
	u64 want = all - min(all, burst_ms * MS);
	/* The cost of one is rounded to its unit: matters above 2.6e14 per s. */
	u64 slack = all / 1000 + div64_u64(all, COST(rate)) + 2;
	u64 least = want - min(want, slack), took;
	int reserve;

	for (reserve = 0; reserve < 2; reserve++) {
		took = run_time(limit(test, NYX_RATE_BYTES, rate, burst_ms),
				amount, reserve);
		KUNIT_EXPECT_LE_MSG(test, took, want + slack,
				    "%llu/s, %llu at once", rate, amount);
		KUNIT_EXPECT_GE_MSG(test, took, least,
				    "%llu/s, %llu at once", rate, amount);
	}
	cond_resched();
}

/* From one per second on, in work that takes 64 ns or more. */
static void long_run_is_exact(struct kunit *test)
{
	u64 rate, least;

	for (rate = 1; rate <= NYX_LIMIT_MAX; rate *= 10) {
		least = max(div64_u64(rate * 64, SEC), 1ull);
		expect_rate(test, rate, least, 1);
		expect_rate(test, rate, least + least / 3, 1);
		expect_rate(test, rate, 64 * least, 10);
		if (rate > 10)
			expect_rate(test, rate * 7 / 10, least, 1);
		if (rate < NYX_LIMIT_MAX)
			expect_rate(test, rate * 10 / 7, 10 * least, 1);
	}
}

/*
 * Work of less than that is charged in sixteenths of a nanosecond, rounded down:
 * it may come sooner by that much each, and never later.
 */
static void small_work_is_exact_to_a_sixteenth(struct kunit *test)
{
	static const u64 rates[] = {
		1000000000ull, 3000000000ull, 12345678901ull, 100000000000ull,
		NYX_LIMIT_MAX,
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		struct nyx_qos *q = limit(test, NYX_RATE_BYTES, rates[i], 0);
		u64 want = div64_u64(64 * (RUN - 1) * SEC, rates[i]), wait = 0;

		for (j = 0; j < RUN; j++)
			wait = reserve_one(q, NULL, NYX_RATE_BYTES, 64, T0);
		KUNIT_EXPECT_LE(test, wait, want + 1);
		KUNIT_EXPECT_GE(test, wait + RUN / 16 + 1, want);
	}
}

#define ORACLE_STEPS	20000u

/**
 * struct oracle - a leaky bucket
 * @rate: of the leak, per second
 * @burst: level above which one has to wait, ps
 * @level: what is in it, ps
 * @time: of @level, ns
 * @slips: how often a fraction was rounded since it was empty
 */
struct oracle {
	u64 rate;
	u64 burst;
	u64 level;
	u64 time;
	u64 slips;
};

/* Time to wait, ps. */
static u64 oracle_wait(struct oracle *o, u64 now)
{
	u64 leaked = (now - o->time) * 1000;

	if (leaked >= o->level)
		o->slips = 0;
	o->level -= min(o->level, leaked);
	o->time = now;
	return o->level > o->burst ? o->level - o->burst : 0;
}

static void random_charges_match_oracle(struct kunit *test)
{
	static const u64 rates[] = { 7, 1000, 33333, 1000000, 123456789, SEC };
	u64 seed = qos_seed ?: ktime_get_ns(), state = seed ?: 1;
	unsigned int i, r;

	kunit_info(test, "qos_seed=%llu\n", seed);
	for (r = 0; r < ARRAY_SIZE(rates); r++) {
		struct nyx_qos *q = limit(test, NYX_RATE_OPS, rates[r], 20);
		struct oracle o = {
			.rate = rates[r], .burst = 20000 * MS, .time = T0,
		};
		/* The amount that the rate gives in a millisecond, on average. */
		u64 usual = max(div_u64(rates[r], 1000), 1ull), now = T0;

		for (i = 0; i < ORACLE_STEPS; i++) {
			bool reserve = !below(&state, 4);
			u64 amount = 1 + draw(&state) % (2 * usual);
			u64 got, want, slack;

			if (below(&state, 3))
				now += draw(&state) % (3 * MS * amount / usual + 1);
			if (!below(&state, 1000))
				now += SEC;
			want = oracle_wait(&o, now);
			got = reserve ?
				reserve_one(q, NULL, NYX_RATE_OPS, amount, now) :
				try_one(q, NULL, NYX_RATE_OPS, amount, now);
			/* A sixteenth of a ns each, and the last one rounded up. */
			slack = 1001 + o.slips * 63 + (o.level >> 20);
			KUNIT_ASSERT_LE(test, got * 1000, want + slack);
			KUNIT_ASSERT_GE(test, got * 1000 + slack, want);
			if (got && !reserve)
				continue;
			o.level += mul_u64_u64_div_u64(amount, 1000 * SEC, o.rate);
			o.slips++;
			/* As a caller that reserves would wait. */
			if (got > SEC)
				now += got;
		}
		cond_resched();
	}
}

/* ---- refunds ------------------------------------------------------------ */

static void refund_undoes_a_charge(struct kunit *test)
{
	struct nyx_qos *q = limit(test, NYX_RATE_OPS, 1000, 10);
	unsigned int i;

	burst_of(q, NULL, NYX_RATE_OPS, 1, T0);
	for (i = 0; i < 50; i++)
		reserve_one(q, NULL, NYX_RATE_OPS, 3, T0);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, T0), 151 * MS);
	for (i = 0; i < 50; i++)
		give_back(q, NULL, NYX_RATE_OPS, 3);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, T0), MS);
	give_back(q, NULL, NYX_RATE_OPS, 1);
	KUNIT_EXPECT_EQ(test, burst_of(q, NULL, NYX_RATE_OPS, 1, T0), 1);
	/* A quantity without a limit is not refunded, nor is an object without limits. */
	give_back(q, NULL, NYX_RATE_BYTES, 1000);
	give_back(q, NULL, NYX_RATE_OPS, 0);
	give_back(NULL, NULL, NYX_RATE_OPS, 1);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, T0), MS);
}

/* Of a charge that time has paid for, nothing is left to give. */
static void late_refund_gives_no_credit(struct kunit *test)
{
	struct nyx_qos *q = limit(test, NYX_RATE_OPS, 1000, 10);

	reserve_one(q, NULL, NYX_RATE_OPS, 1000, T0);
	give_back(q, NULL, NYX_RATE_OPS, 1000);
	KUNIT_EXPECT_EQ(test, burst_of(q, NULL, NYX_RATE_OPS, 1, T0 + 5 * SEC),
			11);
}

/* ---- several limits ----------------------------------------------------- */

static void all_kinds_must_allow_it(struct kunit *test)
{
	struct nyx_qos *q = limit(test, NYX_RATE_BYTES, 1000000, 10);
	struct nyx_charge work = { .work = {
		.amount[NYX_RATE_BYTES] = 1000, .amount[NYX_RATE_OPS] = 1,
		.amount[NYX_RATE_IRQS] = 1,
	} };
	unsigned int n = 0;

	q->rate[NYX_RATE_OPS].cost = COST(100);
	q->rate[NYX_RATE_IRQS].cost = COST(50);
	while (!nyx_qos_charge(q, NULL, &work, T0, false))
		n++;
	/* Interrupts are the scarcest: one. */
	KUNIT_EXPECT_EQ(test, n, 1);
	KUNIT_EXPECT_EQ(test, nyx_qos_charge(q, NULL, &work, T0, false), 10 * MS);
	/* Bytes and operations of those that were refused are back. */
	KUNIT_EXPECT_EQ(test, burst_of(q, NULL, NYX_RATE_OPS, 1, T0), 1);
	KUNIT_EXPECT_EQ(test, burst_of(q, NULL, NYX_RATE_BYTES, 1000, T0), 10);

	/* A caller that reserves waits for the longest, and is charged for all. */
	KUNIT_EXPECT_EQ(test, nyx_qos_charge(q, NULL, &work, T0, true), 10 * MS);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_IRQS, 1, T0), 30 * MS);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, T0), 20 * MS);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_BYTES, 1, T0), 2 * MS);
	nyx_qos_refund(q, NULL, &work);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_IRQS, 1, T0), 10 * MS);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, T0), 10 * MS);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_BYTES, 1, T0), MS);

	/* nyx_qos_charge() applies each limit, of whichever kind. */
	q->rate[NYX_RATE_BYTES].cost = COST(1000);
	KUNIT_EXPECT_EQ(test, nyx_qos_charge(q, NULL, &work, T0 + SEC, true), 0);
	KUNIT_EXPECT_EQ(test, nyx_qos_charge(q, NULL, &work, T0 + SEC, true),
			990 * MS);
}

static void others_get_no_refund(struct kunit *test)
{
	struct nyx_qos *a = limit(test, NYX_RATE_OPS, 100, 10);
	struct nyx_qos *b = limit(test, NYX_RATE_OPS, 100, 10);
	struct nyx_charge work = some(NYX_RATE_OPS, 10);
	struct nyx_charge same = some(NYX_RATE_OPS, 10);

	KUNIT_EXPECT_EQ(test, nyx_qos_charge(a, NULL, &work, T0, true), 0);
	KUNIT_EXPECT_EQ(test, nyx_qos_charge(b, NULL, &same, T0, true), 0);
	nyx_qos_refund(b, a, &work);
	KUNIT_EXPECT_EQ(test, try_one(a, NULL, NYX_RATE_OPS, 1, T0), 90 * MS);
	KUNIT_EXPECT_EQ(test, try_one(b, NULL, NYX_RATE_OPS, 1, T0), 90 * MS);
	nyx_qos_refund(a, NULL, &work);
	KUNIT_EXPECT_EQ(test, try_one(a, NULL, NYX_RATE_OPS, 1, T0), 0);
	/* Refused work was not charged. */
	KUNIT_EXPECT_GT(test, nyx_qos_charge(b, NULL, &same, T0, false), 0);
	nyx_qos_refund(b, NULL, &same);
	KUNIT_EXPECT_EQ(test, try_one(b, NULL, NYX_RATE_OPS, 1, T0), 90 * MS);
}

static void device_and_domain_must_allow_it(struct kunit *test)
{
	struct nyx_qos *dev = limit(test, NYX_RATE_OPS, 1000, 10);
	struct nyx_qos *dom = limit(test, NYX_RATE_OPS, 100, 50);

	/* The domain is the narrower one: 5 of its burst, and one. */
	KUNIT_EXPECT_EQ(test, burst_of(dev, dom, NYX_RATE_OPS, 1, T0), 6);
	KUNIT_EXPECT_EQ(test, try_one(dev, dom, NYX_RATE_OPS, 1, T0), 10 * MS);
	/* The device was not charged for what its domain refused. */
	KUNIT_EXPECT_EQ(test, burst_of(dev, NULL, NYX_RATE_OPS, 1, T0), 5);
	/* Nor the domain for what the device refuses, which is asked first. */
	KUNIT_EXPECT_EQ(test, try_one(dev, dom, NYX_RATE_OPS, 1, T0), MS);
	KUNIT_EXPECT_EQ(test, try_one(NULL, dom, NYX_RATE_OPS, 1, T0), 10 * MS);

	/* A caller that reserves is charged in both and waits for the longer one. */
	KUNIT_EXPECT_EQ(test, reserve_one(dev, dom, NYX_RATE_OPS, 1, T0), 10 * MS);
	KUNIT_EXPECT_EQ(test, try_one(dev, NULL, NYX_RATE_OPS, 1, T0), 2 * MS);
	KUNIT_EXPECT_EQ(test, try_one(NULL, dom, NYX_RATE_OPS, 1, T0), 20 * MS);
	give_back(dev, dom, NYX_RATE_OPS, 1);
	KUNIT_EXPECT_EQ(test, try_one(dev, NULL, NYX_RATE_OPS, 1, T0), MS);
	KUNIT_EXPECT_EQ(test, try_one(NULL, dom, NYX_RATE_OPS, 1, T0), 10 * MS);
}

/* Devices of a domain share its limit, without one of theirs being lost. */
static void devices_share_their_domain(struct kunit *test)
{
	struct nyx_qos *dom = limit(test, NYX_RATE_BYTES, 1000000, 10);
	struct nyx_qos *dev[] = {
		limit(test, NYX_RATE_BYTES, 600000, 10), NULL,
		limit(test, NYX_RATE_BYTES, 200000, 10),
	};
	u64 got[3] = {}, all = 0, now, state = 3;
	unsigned int i;

	/* Ten seconds, in which each asks all the time. */
	for (now = T0; now < T0 + 10 * SEC; now += 100000) {
		u32 first = below(&state, 3);

		for (i = 0; i < 3; i++) {
			u32 n = (first + i) % 3;

			if (!try_one(dev[n], dom, NYX_RATE_BYTES, 500, now)) {
				got[n] += 500;
				all += 500;
			}
		}
		if (!below(&state, 100))
			cond_resched();
	}
	/* 1 MB/s, and the burst. */
	KUNIT_EXPECT_GE(test, all, 9990000);
	KUNIT_EXPECT_LE(test, all, 10010000 + 10000 + 500);
	KUNIT_EXPECT_LE(test, got[0], 6006000 + 6000 + 500);
	KUNIT_EXPECT_LE(test, got[2], 2002000 + 2000 + 500);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_GT(test, got[i], 500000);
}

static void chunk_is_what_a_burst_allows(struct kunit *test)
{
	struct nyx_qos *slow = limit(test, NYX_RATE_BYTES, 1000000, 10);
	struct nyx_qos *fast = limit(test, NYX_RATE_BYTES, 10000000, 20);
	struct nyx_qos *most = limit(test, NYX_RATE_BYTES, NYX_LIMIT_MAX, 10000);
	struct nyx_qos *least = limit(test, NYX_RATE_BYTES, 1, 1);
	struct nyx_qos *ops = limit(test, NYX_RATE_OPS, 1, 1);

	KUNIT_EXPECT_EQ(test, nyx_qos_chunk(NULL, NULL, 1u << 20), 1u << 20);
	KUNIT_EXPECT_EQ(test, nyx_qos_chunk(ops, ops, 1u << 20), 1u << 20);
	KUNIT_EXPECT_EQ(test, nyx_qos_chunk(slow, NULL, 1u << 20), 10000);
	KUNIT_EXPECT_EQ(test, nyx_qos_chunk(NULL, fast, 1u << 20), 200000);
	KUNIT_EXPECT_EQ(test, nyx_qos_chunk(slow, fast, 1u << 20), 10000);
	KUNIT_EXPECT_EQ(test, nyx_qos_chunk(fast, slow, 1u << 20), 10000);
	KUNIT_EXPECT_EQ(test, nyx_qos_chunk(slow, NULL, 64), 64);
	KUNIT_EXPECT_EQ(test, nyx_qos_chunk(slow, NULL, 10000), 10000);
	KUNIT_EXPECT_EQ(test, nyx_qos_chunk(slow, NULL, 10001), 10000);
	/* A page at least, and no overflow. */
	KUNIT_EXPECT_EQ(test, nyx_qos_chunk(least, most, 1u << 20), NYX_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, nyx_qos_chunk(least, NULL, 64), 64);
	KUNIT_EXPECT_EQ(test, nyx_qos_chunk(most, NULL, 1ull << 40), 1ull << 40);
}

/* ---- several at once ---------------------------------------------------- */

#define NR_PAYERS	3u
#define PER_PAYER	20000u

struct payer {
	struct nyx_qos *qos;
	struct completion done;
};

static int payer_thread(void *data)
{
	struct payer *p = data;
	unsigned int i;

	for (i = 0; i < PER_PAYER; i++) {
		reserve_one(p->qos, NULL, NYX_RATE_OPS, 2, T0);
		give_back(p->qos, NULL, NYX_RATE_OPS, 1);
		/* Refused, and so without a trace. */
		try_one(p->qos, NULL, NYX_RATE_OPS, 5, T0);
		if (!(i % 64))
			cond_resched();
	}
	/* Its module may be gone by the time that it would return. */
	kthread_complete_and_exit(&p->done, 0);
}

static void no_charge_is_lost(struct kunit *test)
{
	struct nyx_qos *q = limit(test, NYX_RATE_OPS, 1000, 10);
	struct payer p[NR_PAYERS];
	unsigned int i, n = 0;

	/* So that each of them waits. */
	reserve_one(q, NULL, NYX_RATE_OPS, 1000, T0);
	for (i = 0; i < NR_PAYERS; i++) {
		struct task_struct *t;

		p[i].qos = q;
		init_completion(&p[i].done);
		t = kthread_run(payer_thread, &p[i], "nyx-payer");
		KUNIT_EXPECT_FALSE(test, IS_ERR(t));
		if (IS_ERR(t))
			complete(&p[i].done);
		else
			n++;
	}
	for (i = 0; i < NR_PAYERS; i++)
		wait_for_completion(&p[i].done);
	KUNIT_EXPECT_EQ(test, try_one(q, NULL, NYX_RATE_OPS, 1, T0),
			(1000 + (u64)n * PER_PAYER - 10) * MS);
}

static struct kunit_case qos_cases[] = {
	KUNIT_CASE(work_without_limit_never_waits),
	KUNIT_CASE(burst_comes_at_once),
	KUNIT_CASE(wait_is_exact),
	KUNIT_CASE(wait_is_rounded_up),
	KUNIT_CASE(reservations_queue_up),
	KUNIT_CASE(extremes_do_not_overflow),
	KUNIT_CASE(long_run_is_exact),
	KUNIT_CASE(small_work_is_exact_to_a_sixteenth),
	KUNIT_CASE(random_charges_match_oracle),
	KUNIT_CASE(refund_undoes_a_charge),
	KUNIT_CASE(late_refund_gives_no_credit),
	KUNIT_CASE(all_kinds_must_allow_it),
	KUNIT_CASE(others_get_no_refund),
	KUNIT_CASE(device_and_domain_must_allow_it),
	KUNIT_CASE(devices_share_their_domain),
	KUNIT_CASE(chunk_is_what_a_burst_allows),
	KUNIT_CASE(no_charge_is_lost),
	{}
};

static struct kunit_suite qos_suite = {
	.name = "nyx_qos",
	.test_cases = qos_cases,
};

kunit_test_suite(qos_suite);
