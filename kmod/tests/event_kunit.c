// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite of the event stream.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each record that is pushed carries a number of the test's own, so that what comes
 * out can be told from what merely has the right sequence number.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "core/fault/event.h"

#define ENTRIES		16u
#define MAX_PULL	40u

static unsigned long event_seed;
module_param(event_seed, ulong, 0444);
MODULE_PARM_DESC(event_seed, "seed of the random cases of nyx_event; 0: any");

/* The contents of the record number @seq. */
static u64 mark_of(u64 seq)
{
	return seq * 0x9e3779b97f4a7c15ull + 1;
}

static void push(struct nyx_events *ev, u64 mark)
{
	struct nyx_event event = {
		.type = NYX_EVENT_FAULT,
		.seq = 12345,		/* to be overwritten */
		.fault.fault.iova = mark,
	};

	nyx_events_push(ev, &event);
}

static void push_many(struct nyx_events *ev, unsigned int n)
{
	while (n--)
		push(ev, mark_of(ev->head));
}

/**
 * struct reader - a reader, and what it has seen
 * @pos: its position
 * @seen: records
 * @lost: records that it has missed, by NYX_EVENT_LOST
 * @next: number of the record that must come next
 */
struct reader {
	u64 pos;
	u64 seen;
	u64 lost;
	u64 next;
};

/* Pull at most @max, check each record. Returns records, with that of a loss. */
static unsigned int pull(struct kunit *test, struct reader *r, unsigned int max,
			 bool *ended)
{
	static struct nyx_event out[MAX_PULL + 1];
	unsigned int n, i;

	KUNIT_ASSERT_LE(test, max, MAX_PULL);
	memset(out, 0xa5, sizeof(out));
	n = nyx_events_pull(test->priv, &r->pos, out, max, ended);
	KUNIT_ASSERT_LE(test, n, max);
	KUNIT_ASSERT_NULL(test, memchr_inv(&out[n], 0xa5, sizeof(out[n])));
	for (i = 0; i < n; i++) {
		KUNIT_ASSERT_EQ(test, out[i].seq, r->next);
		KUNIT_ASSERT_EQ(test, out[i].flags, 0);
		if (out[i].type == NYX_EVENT_LOST) {
			/* Only the first can be, for the ring does not move. */
			KUNIT_ASSERT_EQ(test, i, 0);
			KUNIT_ASSERT_GT(test, out[i].lost, 0);
			r->lost += out[i].lost;
			r->next += out[i].lost;
			continue;
		}
		KUNIT_ASSERT_EQ(test, out[i].type, NYX_EVENT_FAULT);
		KUNIT_ASSERT_EQ(test, out[i].fault.fault.iova, mark_of(out[i].seq));
		r->seen++;
		r->next++;
	}
	KUNIT_ASSERT_EQ(test, r->pos, r->next);
	return n;
}

static int event_setup(struct kunit *test)
{
	test->priv = nyx_events_alloc(ENTRIES);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	return 0;
}

static void event_teardown(struct kunit *test)
{
	if (test->priv)
		nyx_events_put(test->priv);
}

static void pull_of_empty_is_nothing(struct kunit *test)
{
	struct reader r = {};
	bool ended = true;

	KUNIT_EXPECT_EQ(test, pull(test, &r, 1, &ended), 0);
	KUNIT_EXPECT_FALSE(test, ended);
	KUNIT_EXPECT_EQ(test, nyx_events_oldest(test->priv), 0);
}

static void push_numbers_and_dates(struct kunit *test)
{
	struct nyx_events *ev = test->priv;
	u64 before = ktime_get_boottime_ns(), after, pos = 0, last = before;
	struct nyx_event out[3];
	unsigned int i;
	bool ended;

	push_many(ev, 3);
	after = ktime_get_boottime_ns();
	KUNIT_ASSERT_EQ(test, nyx_events_pull(ev, &pos, out, 3, &ended), 3);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, out[i].seq, i);
		KUNIT_EXPECT_GE(test, out[i].time_ns, last);
		KUNIT_EXPECT_LE(test, out[i].time_ns, after);
		last = out[i].time_ns;
	}
}

static void pull_takes_no_more_than_asked(struct kunit *test)
{
	struct reader r = {};
	bool ended;

	push_many(test->priv, 10);
	KUNIT_EXPECT_EQ(test, pull(test, &r, 1, &ended), 1);
	KUNIT_EXPECT_EQ(test, pull(test, &r, 4, &ended), 4);
	KUNIT_EXPECT_EQ(test, pull(test, &r, MAX_PULL, &ended), 5);
	KUNIT_EXPECT_EQ(test, pull(test, &r, MAX_PULL, &ended), 0);
	KUNIT_EXPECT_EQ(test, r.seen, 10);
}

static void ring_wraps(struct kunit *test)
{
	struct reader r = {};
	unsigned int i;
	bool ended;

	/* Steps that do not divide the size, so that each slot is the first once. */
	for (i = 0; i < 5 * ENTRIES; i++) {
		push_many(test->priv, 7);
		KUNIT_ASSERT_EQ(test, pull(test, &r, MAX_PULL, &ended), 7);
	}
	KUNIT_EXPECT_EQ(test, r.seen, 5 * ENTRIES * 7);
	KUNIT_EXPECT_EQ(test, r.lost, 0);
}

static void full_ring_loses_nothing(struct kunit *test)
{
	struct nyx_events *ev = test->priv;
	struct reader r = {};
	bool ended;

	push_many(ev, ENTRIES);
	KUNIT_EXPECT_EQ(test, nyx_events_oldest(ev), 0);
	KUNIT_EXPECT_EQ(test, pull(test, &r, MAX_PULL, &ended), ENTRIES);
	KUNIT_EXPECT_EQ(test, r.lost, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ev->lost), 0);
}

static void overtaken_reader_is_told(struct kunit *test)
{
	struct nyx_events *ev = test->priv;
	struct reader r = {};
	bool ended;

	push_many(ev, ENTRIES + 1);
	KUNIT_EXPECT_EQ(test, nyx_events_oldest(ev), 1);
	KUNIT_EXPECT_EQ(test, pull(test, &r, MAX_PULL, &ended), 1 + ENTRIES);
	KUNIT_EXPECT_EQ(test, r.lost, 1);
	KUNIT_EXPECT_EQ(test, r.seen, ENTRIES);

	push_many(ev, 1000);
	KUNIT_EXPECT_EQ(test, pull(test, &r, MAX_PULL, &ended), 1 + ENTRIES);
	KUNIT_EXPECT_EQ(test, r.lost, 1 + 1000 - ENTRIES);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ev->lost), r.lost);
}

/* The record of a loss takes a place of its own, also if there is only one. */
static void loss_fits_where_one_record_does(struct kunit *test)
{
	struct nyx_events *ev = test->priv;
	struct reader r = {};
	bool ended;

	push_many(ev, ENTRIES + 5);
	KUNIT_EXPECT_EQ(test, pull(test, &r, 1, &ended), 1);
	KUNIT_EXPECT_EQ(test, r.lost, 5);
	KUNIT_EXPECT_EQ(test, r.seen, 0);
	KUNIT_EXPECT_EQ(test, pull(test, &r, 1, &ended), 1);
	KUNIT_EXPECT_EQ(test, r.lost, 5);
	KUNIT_EXPECT_EQ(test, r.seen, 1);

	/* Overtaken again, by two, in the middle. */
	push_many(ev, 3);
	KUNIT_EXPECT_EQ(test, pull(test, &r, 2, &ended), 2);
	KUNIT_EXPECT_EQ(test, r.lost, 7);
	KUNIT_EXPECT_EQ(test, r.seen, 2);
}

static void readers_do_not_disturb_each_other(struct kunit *test)
{
	struct nyx_events *ev = test->priv;
	struct reader fast = {}, slow = {};
	unsigned int i;
	bool ended;

	for (i = 0; i < 3 * ENTRIES; i++) {
		push_many(ev, 1);
		KUNIT_ASSERT_EQ(test, pull(test, &fast, MAX_PULL, &ended), 1);
	}
	KUNIT_EXPECT_EQ(test, fast.lost, 0);
	KUNIT_EXPECT_EQ(test, fast.seen, 3 * ENTRIES);

	KUNIT_EXPECT_EQ(test, pull(test, &slow, MAX_PULL, &ended), 1 + ENTRIES);
	KUNIT_EXPECT_EQ(test, slow.lost, 2 * ENTRIES);
	KUNIT_EXPECT_EQ(test, pull(test, &fast, MAX_PULL, &ended), 0);
	/* Summed over the readers. */
	KUNIT_EXPECT_EQ(test, atomic64_read(&ev->lost), 2 * ENTRIES);
}

static void oldest_begins_with_what_is_there(struct kunit *test)
{
	struct nyx_events *ev = test->priv;
	struct reader r = {};
	bool ended;

	push_many(ev, 3 * ENTRIES + 2);
	r.pos = nyx_events_oldest(ev);
	r.next = r.pos;
	KUNIT_EXPECT_EQ(test, r.pos, 2 * ENTRIES + 2);
	KUNIT_EXPECT_EQ(test, pull(test, &r, MAX_PULL, &ended), ENTRIES);
	KUNIT_EXPECT_EQ(test, r.lost, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ev->lost), 0);
}

static void end_is_behind_the_last_record(struct kunit *test)
{
	struct nyx_events *ev = test->priv;
	struct reader r = {}, late = {};
	bool ended;

	push_many(ev, 3);
	nyx_events_end(ev);
	KUNIT_EXPECT_EQ(test, pull(test, &r, 2, &ended), 2);
	KUNIT_EXPECT_FALSE(test, ended);
	KUNIT_EXPECT_EQ(test, pull(test, &r, 1, &ended), 1);
	KUNIT_EXPECT_TRUE(test, ended);
	KUNIT_EXPECT_EQ(test, pull(test, &r, 1, &ended), 0);
	KUNIT_EXPECT_TRUE(test, ended);

	KUNIT_EXPECT_EQ(test, pull(test, &late, MAX_PULL, &ended), 3);
	KUNIT_EXPECT_TRUE(test, ended);
}

static void end_of_empty_is_seen_at_once(struct kunit *test)
{
	struct reader r = {};
	bool ended = false;

	nyx_events_end(test->priv);
	KUNIT_EXPECT_EQ(test, pull(test, &r, 1, &ended), 0);
	KUNIT_EXPECT_TRUE(test, ended);
}

/* An access may still be under way when its unit ends. */
static void push_after_the_end_is_dropped(struct kunit *test)
{
	struct nyx_events *ev = test->priv;
	struct nyx_event late = { .type = NYX_EVENT_FAULT };
	struct reader r = {};
	bool ended;

	push_many(ev, 2);
	nyx_events_end(ev);
	nyx_events_push(ev, &late);
	KUNIT_EXPECT_NE(test, late.time_ns, 0);	/* its issuer may want it */
	KUNIT_EXPECT_EQ(test, ev->head, 2);
	KUNIT_EXPECT_EQ(test, pull(test, &r, MAX_PULL, &ended), 2);
	KUNIT_EXPECT_TRUE(test, ended);
	push_many(ev, ENTRIES + 1);
	KUNIT_EXPECT_EQ(test, pull(test, &r, MAX_PULL, &ended), 0);
	KUNIT_EXPECT_TRUE(test, ended);
	KUNIT_EXPECT_EQ(test, nyx_events_oldest(ev), 0);
}

static void ring_outlives_its_owner(struct kunit *test)
{
	struct nyx_events *ev = nyx_events_get(test->priv);
	struct reader r = {};
	bool ended;

	push_many(ev, ENTRIES + 1);
	nyx_events_end(ev);
	nyx_events_put(ev);		/* the owner's: the test's remains */
	KUNIT_EXPECT_EQ(test, pull(test, &r, MAX_PULL, &ended), 1 + ENTRIES);
	KUNIT_EXPECT_TRUE(test, ended);
}

/* Two readers at random paces: records seen and lost make up all there were. */
static void counts_are_exact_at_any_pace(struct kunit *test)
{
	struct nyx_events *ev = test->priv;
	struct reader r[2] = {};
	struct rnd_state rnd;
	u64 seed = event_seed ?: get_random_u32();
	unsigned int i, j, steps = 20000;
	bool ended;

	kunit_info(test, "event_seed=%llu", seed);
	prandom_seed_state(&rnd, seed);
	for (i = 0; i < steps; i++) {
		u32 dice = prandom_u32_state(&rnd);

		if (dice & 1) {
			push_many(ev, (dice >> 8) % (dice & 2 ? 3 : 3 * ENTRIES));
			continue;
		}
		j = dice >> 1 & 1;
		pull(test, &r[j], 1 + (dice >> 8) % MAX_PULL, &ended);
		KUNIT_ASSERT_FALSE(test, ended);
		KUNIT_ASSERT_EQ(test, r[j].seen + r[j].lost, r[j].pos);
	}
	nyx_events_end(ev);
	for (j = 0; j < 2; j++) {
		do {
			pull(test, &r[j], MAX_PULL, &ended);
		} while (!ended);
		KUNIT_EXPECT_EQ(test, r[j].seen + r[j].lost, ev->head);
		KUNIT_EXPECT_GT(test, r[j].lost, 0);
	}
	KUNIT_EXPECT_EQ(test, atomic64_read(&ev->lost), r[0].lost + r[1].lost);
}

#define NR_WRITERS	3u
#define PER_WRITER	5000u

/**
 * struct writer - a thread that pushes
 * @ev: where to
 * @id: which one
 * @done: it has pushed all
 */
struct writer {
	struct nyx_events *ev;
	unsigned int id;
	struct completion done;
};

static int writer_thread(void *data)
{
	struct writer *w = data;
	unsigned int i;

	for (i = 0; i < PER_WRITER; i++) {
		push(w->ev, (u64)w->id << 32 | i);
		if (!(i % 64))
			cond_resched();
	}
	/* Its module may be gone by the time that it would return. */
	kthread_complete_and_exit(&w->done, 0);
}

/*
 * Writers beside each other and beside a reader: each record appears once or is
 * counted as lost, and those of one writer keep their order.
 */
static void writers_may_overlap(struct kunit *test)
{
	static struct nyx_event out[8];
	struct nyx_events *ev = test->priv;
	struct writer w[NR_WRITERS];
	s64 last[NR_WRITERS] = { -1, -1, -1 };
	u64 pos = 0, seen = 0, lost = 0, next = 0;
	unsigned int n, i, left = NR_WRITERS;
	bool ended = false;

	for (i = 0; i < NR_WRITERS; i++) {
		struct task_struct *t;

		w[i].ev = ev;
		w[i].id = i;
		init_completion(&w[i].done);
		t = kthread_run(writer_thread, &w[i], "nyx-writer");
		if (IS_ERR(t))
			complete(&w[i].done);
		KUNIT_EXPECT_FALSE(test, IS_ERR(t));
	}
	while (!ended) {
		n = nyx_events_pull(ev, &pos, out, ARRAY_SIZE(out), &ended);
		for (i = 0; i < n; i++) {
			u64 mark = out[i].fault.fault.iova;

			KUNIT_EXPECT_EQ(test, out[i].seq, next);
			next = out[i].seq + 1;
			if (out[i].type == NYX_EVENT_LOST) {
				lost += out[i].lost;
				next += out[i].lost - 1;
				continue;
			}
			seen++;
			if (mark >> 32 < NR_WRITERS) {
				KUNIT_EXPECT_GT(test, (s64)(u32)mark, last[mark >> 32]);
				last[mark >> 32] = (u32)mark;
			} else {
				KUNIT_FAIL(test, "a record that nobody wrote");
			}
		}
		if (!n && left && try_wait_for_completion(&w[left - 1].done) && !--left)
			nyx_events_end(ev);
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, seen + lost, NR_WRITERS * PER_WRITER);
	KUNIT_EXPECT_EQ(test, ev->head, NR_WRITERS * PER_WRITER);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ev->lost), lost);
}

/**
 * struct sleeper - a thread that waits for something to read
 * @ev: the stream
 * @pos: where it begins
 * @started: it is about to sleep
 * @done: it was woken
 */
struct sleeper {
	struct nyx_events *ev;
	u64 pos;
	struct completion started;
	struct completion done;
};

static int sleeper_thread(void *data)
{
	struct sleeper *s = data;

	complete(&s->started);
	/* As read(2) waits; the interruptible wait of a thread without signals. */
	wait_event_interruptible(s->ev->wait, READ_ONCE(s->ev->head) != s->pos ||
				 READ_ONCE(s->ev->ended));
	kthread_complete_and_exit(&s->done, 0);
}

static void start_sleeper(struct kunit *test, struct sleeper *s)
{
	struct task_struct *t;

	s->ev = test->priv;
	s->pos = s->ev->head;
	init_completion(&s->started);
	init_completion(&s->done);
	t = kthread_run(sleeper_thread, s, "nyx-sleeper");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	wait_for_completion(&s->started);
	/* It sleeps by now, most likely; if not, the case proves less. */
	msleep(20);
}

static void push_wakes_all_readers(struct kunit *test)
{
	struct sleeper s[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(s); i++) {
		start_sleeper(test, &s[i]);
		KUNIT_EXPECT_FALSE(test, completion_done(&s[i].done));
	}
	push_many(test->priv, 1);
	for (i = 0; i < ARRAY_SIZE(s); i++)
		wait_for_completion(&s[i].done);
}

static void end_wakes_readers(struct kunit *test)
{
	struct sleeper s;

	start_sleeper(test, &s);
	KUNIT_EXPECT_FALSE(test, completion_done(&s.done));
	nyx_events_end(test->priv);
	wait_for_completion(&s.done);
}

/* Faults are reported from wherever the access is made. */
static void push_works_with_interrupts_off(struct kunit *test)
{
	struct reader r = {};
	unsigned long flags;
	bool ended;

	local_irq_save(flags);
	push_many(test->priv, 2);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, pull(test, &r, MAX_PULL, &ended), 2);
}

static struct kunit_case event_cases[] = {
	KUNIT_CASE(pull_of_empty_is_nothing),
	KUNIT_CASE(push_numbers_and_dates),
	KUNIT_CASE(pull_takes_no_more_than_asked),
	KUNIT_CASE(ring_wraps),
	KUNIT_CASE(full_ring_loses_nothing),
	KUNIT_CASE(overtaken_reader_is_told),
	KUNIT_CASE(loss_fits_where_one_record_does),
	KUNIT_CASE(readers_do_not_disturb_each_other),
	KUNIT_CASE(oldest_begins_with_what_is_there),
	KUNIT_CASE(end_is_behind_the_last_record),
	KUNIT_CASE(end_of_empty_is_seen_at_once),
	KUNIT_CASE(push_after_the_end_is_dropped),
	KUNIT_CASE(ring_outlives_its_owner),
	KUNIT_CASE(counts_are_exact_at_any_pace),
	KUNIT_CASE(writers_may_overlap),
	KUNIT_CASE(push_wakes_all_readers),
	KUNIT_CASE(end_wakes_readers),
	KUNIT_CASE(push_works_with_interrupts_off),
	{}
};

static struct kunit_suite event_suite = {
	.name = "nyx_event",
	.init = event_setup,
	.exit = event_teardown,
	.test_cases = event_cases,
};

kunit_test_suite(event_suite);
