// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_inval: posts mark the listeners concerned and no others, a
 * wait waits for what was touched and for nothing else, with the ranges of it, and what one
 * wait leaves is listed for the next.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Threads of the suite are in an epoch, or wait. A thread that is to give up a wait is
 * sent SIGKILL, as a caller of the module would be.
 */
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "base/reason.h"
#include "base/types.h"
#include "core/access/device.h"
#include "core/attach.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/listener.h"
#include "core/space/map.h"
#include "core/space/memory.h"
#include "core/unit.h"
#include "suite_unit.h"
#include "waiter.h"

#define SBDF		0x0018u
#define OTHER_SBDF	0x0020u
#define NR_DOMAINS	8u
#define PAGE(n)		((u64)(n) << NYX_PAGE_LG2)

/**
 * struct listener - a listener that acknowledges when the case says so
 * @base: the listener
 * @ls: the listeners of its unit
 * @answer: what a wait returns at once; 0: it sleeps
 * @held: a wait sleeps until @done, whatever is acknowledged
 * @done: ends waits that began while it was held
 * @asked: how often it was waited for
 * @number: up to which post the last time
 * @gets: references that waits have taken
 * @puts: references that they have dropped
 */
struct listener {
	struct nyx_listener base;
	struct nyx_listeners *ls;
	int answer;
	bool held;
	struct completion done;
	unsigned int asked;
	u64 number;
	atomic_t gets;
	atomic_t puts;
};

/**
 * struct fixture - a unit with domains, kunit.priv
 * @unit: the unit
 * @dom: its domains, with references
 * @listener: for cases with many
 */
struct fixture {
	struct nyx_unit *unit;
	struct nyx_domain *dom[NR_DOMAINS];
	struct listener listener[4];
};

static struct listener *to_listener(struct nyx_listener *base)
{
	return container_of(base, struct listener, base);
}

static void listener_get(struct nyx_listener *base)
{
	atomic_inc(&to_listener(base)->gets);
}

static void listener_put(struct nyx_listener *base)
{
	atomic_inc(&to_listener(base)->puts);
}

static bool listener_sleeps(struct nyx_listener *base)
{
	return false;
}

static int listener_wait(struct nyx_listener *base, u64 number)
{
	struct listener *l = to_listener(base);
	int ret;

	WRITE_ONCE(l->number, number);
	WRITE_ONCE(l->asked, l->asked + 1);
	if (l->answer == -ETIMEDOUT)
		nyx_listener_ack(l->ls, base, U64_MAX);
	if (l->answer)
		return l->answer;
	if (READ_ONCE(l->held))
		ret = wait_for_completion_killable(&l->done);
	else
		ret = wait_event_killable(l->ls->wq,
					  !nyx_listener_is_behind(l->ls, base, number));
	return ret ? -EINTR : 0;
}

static const struct nyx_listener_ops listener_ops = {
	.get = listener_get,
	.put = listener_put,
	.sleeps = listener_sleeps,
	.wait = listener_wait,
};

static int inval_init(struct kunit *test)
{
	static const struct nyx_unit_config cfg = {
		SUITE_UNIT(NYX_MODEL_NATIVE, 48), .iotlb_entries = 64, .irt_entries = 64,
	};
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	struct nyx_unit *unit;
	unsigned int i;
	int ret = 0;
	u32 id;

	if (!f)
		return -ENOMEM;
	unit = suite_unit_open(test, &cfg);
	f->unit = unit;
	test->priv = f;
	for (i = 0; i < NR_DOMAINS && !ret; i++) {
		struct nyx_domain_config dom_cfg = {
			.kind = NYX_DOMAIN_PAGING,
			.pt = { .format = PT_VTDSS, .levels = 4 },
			.id = i + 1,
		};

		ret = nyx_domain_create(unit, &dom_cfg, &id);
		if (!ret)
			f->dom[i] = nyx_domain_get(unit, id);
	}
	ret = ret ?: nyx_device_add(unit, SBDF);
	return ret ?: nyx_device_add(unit, OTHER_SBDF);
}

static void inval_exit(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	if (!f)
		return;
	for (i = 0; i < NR_DOMAINS; i++) {
		if (f->dom[i])
			nyx_domain_put(f->dom[i]);
	}
}

static bool is_listed(struct nyx_domain *dom)
{
	return READ_ONCE(dom->drain.first);
}

/* ---- threads that wait -------------------------------------------------- */

/**
 * struct ticket_wait - a thread that waits for a ticket
 * @base: the thread
 * @t: the ticket
 */
struct ticket_wait {
	struct waiter base;
	struct nyx_ticket t;
};

static int do_wait(void *arg)
{
	struct ticket_wait *w = arg;

	return nyx_inval_wait(&w->t);
}

static int do_drop(void *arg)
{
	struct fixture *f = arg;

	return nyx_inval_drop(f->dom[0]);
}

static int do_finish(void *arg)
{
	struct fixture *f = arg;

	return nyx_inval_finish(f->unit);
}

/* @w->t is filled. */
static void wait_start(struct kunit *test, struct ticket_wait *w)
{
	waiter_start(test, &w->base, do_wait, w);
}

/* As waiter_drains(), for a listener that was asked before @asked times. */
static bool waits_for_listener(struct ticket_wait *w, struct listener *l, unsigned int asked)
{
	while (!completion_done(&w->base.done)) {
		if (READ_ONCE(l->asked) > asked)
			return true;
		usleep_range(500, 1000);
	}
	return false;
}

/* Wait, and be killed while an access is inside. */
static void wait_and_be_killed(struct kunit *test, struct ticket_wait *w, struct epoch *epoch)
{
	unsigned int pair = epoch_enter(epoch);

	wait_start(test, w);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w->base, epoch));
	send_sig(SIGKILL, w->base.task, 1);
	KUNIT_EXPECT_EQ(test, waiter_end(&w->base), -EINTR);
	epoch_exit(epoch, pair);
}

/* ---- marks of listeners -------------------------------------------------- */

/* Let a listener follow a domain of the fixture, or none, with nothing to acknowledge. */
static void listen(struct kunit *test, struct listener *l, u32 sbdf, struct nyx_domain *dom)
{
	struct fixture *f = test->priv;
	struct nyx_ranges ranges = {};
	bool context = false, late;
	u64 number = 0;

	*l = (struct listener) {
		.base = {
			.ops = &listener_ops, .is_device = sbdf != NYX_SBDF_ANY, .sbdf = sbdf,
		},
		.ls = &f->unit->listeners,
	};
	init_completion(&l->done);
	mutex_lock(&f->unit->lock);
	nyx_listener_add(l->ls, &l->base);
	if (dom) {
		mutex_lock(&dom->lock);
		KUNIT_EXPECT_FALSE(test, nyx_listener_follow(l->ls, &l->base, dom, &number));
		KUNIT_EXPECT_TRUE(test, nyx_listener_follow(l->ls, &l->base, dom, &number));
		mutex_unlock(&dom->lock);
		/* It has posts to acknowledge already. */
		KUNIT_EXPECT_EQ(test, number, 0ull);
	}
	mutex_unlock(&f->unit->lock);
	/* It has no copy yet. */
	nyx_listener_ack(l->ls, &l->base,
			 nyx_listener_take(l->ls, &l->base, &ranges, &context, &late));
	KUNIT_EXPECT_EQ(test, ranges.nr, 1u);
	KUNIT_EXPECT_EQ(test, ranges.range[0].first, 0ull);
	KUNIT_EXPECT_EQ(test, ranges.range[0].last, (u64)NYX_LAST_PAGE);
	KUNIT_EXPECT_TRUE(test, context);
	KUNIT_EXPECT_FALSE(test, late);
}

/* Remove a listener, of which no wait has a reference any more. */
static void unlisten(struct kunit *test, struct listener *l)
{
	nyx_listener_remove(l->ls, &l->base);
	KUNIT_EXPECT_EQ(test, atomic_read(&l->gets), (int)l->asked);
	KUNIT_EXPECT_EQ(test, atomic_read(&l->puts), (int)l->asked);
}

/* Does a listener owe anything? */
static bool behind(struct listener *l)
{
	return nyx_listener_is_behind(l->ls, &l->base, U64_MAX);
}

/* Acknowledge all that was posted. */
static void catch_up(struct listener *l)
{
	l->base.ranges.nr = 0;
	l->base.context = false;
	nyx_listener_ack(l->ls, &l->base, U64_MAX);
}

/* Has a set this range, among others? */
static bool has(const struct nyx_ranges *ranges, u64 first, u64 last)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++) {
		if (ranges->range[i].first == first && ranges->range[i].last == last)
			return true;
	}
	return false;
}

static bool has_all(const struct nyx_ranges *ranges)
{
	return ranges->nr == 1 && has(ranges, 0, NYX_LAST_PAGE);
}

/* Post pages of a domain. */
static void post(struct nyx_domain *dom, u64 first, u64 last, struct nyx_ticket *t)
{
	nyx_inval_range(dom, PAGE(first), PAGE(last + 1) - 1, t);
}

/* A listener is in the list of its stream from the first mark until that is taken, or it goes. */
static void marks_are_listed(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_domain *dom = f->dom[0];
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct listener *a = &f->listener[0], *b = &f->listener[1];
	struct nyx_ranges ranges = {};
	bool context = false, late;
	LIST_HEAD(marked);

	listen(test, a, SBDF, dom);
	listen(test, b, NYX_SBDF_ANY, dom);
	a->base.marked = &marked;
	b->base.marked = &marked;
	post(f->dom[1], 1, 2, &t);
	KUNIT_EXPECT_TRUE(test, list_empty(&marked));
	post(dom, 1, 2, &t);
	post(dom, 4, 4, &t);
	KUNIT_EXPECT_PTR_EQ(test, marked.next, &a->base.marked_link);
	KUNIT_EXPECT_PTR_EQ(test, marked.next->next, &b->base.marked_link);
	KUNIT_EXPECT_PTR_EQ(test, marked.prev, &b->base.marked_link);
	nyx_listener_take(a->ls, &a->base, &ranges, &context, &late);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&marked));
	unlisten(test, b);
	KUNIT_EXPECT_TRUE(test, list_empty(&marked));
	post(dom, 1, 1, &t);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&marked));
	unlisten(test, a);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
}

/* Posts of a domain mark the listeners that follow it, and no others. */
static void posts_mark_those_who_follow(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_domain *dom = f->dom[0];
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct listener *a = &f->listener[0], *b = &f->listener[1];
	struct listener *c = &f->listener[2], *d = &f->listener[3];
	u64 bytes, posted;

	listen(test, a, NYX_SBDF_ANY, dom);
	listen(test, b, SBDF, dom);
	listen(test, c, NYX_SBDF_ANY, f->dom[1]);
	listen(test, d, SBDF, NULL);
	KUNIT_EXPECT_EQ(test, nyx_domain_map(dom, 0, PAGE(8) - 1, 0, NYX_ACC_RW), 0);
	KUNIT_EXPECT_EQ(test, a->base.ranges.nr, 1u);
	KUNIT_EXPECT_TRUE(test, has(&a->base.ranges, 0, 7));
	KUNIT_EXPECT_TRUE(test, has(&b->base.ranges, 0, 7));
	KUNIT_EXPECT_TRUE(test, behind(a));
	KUNIT_EXPECT_TRUE(test, behind(b));
	catch_up(a);
	/* Ranges add up. */
	KUNIT_EXPECT_EQ(test, nyx_domain_unmap(dom, PAGE(1), PAGE(2) - 1, &bytes, &t), 0);
	KUNIT_EXPECT_EQ(test, nyx_domain_unmap(dom, PAGE(4), PAGE(7) - 1, &bytes, &t), 0);
	KUNIT_EXPECT_EQ(test, a->base.ranges.nr, 2u);
	KUNIT_EXPECT_TRUE(test, has(&a->base.ranges, 1, 1));
	KUNIT_EXPECT_TRUE(test, has(&a->base.ranges, 4, 6));
	KUNIT_EXPECT_EQ(test, b->base.ranges.nr, 1u);
	KUNIT_EXPECT_TRUE(test, has(&b->base.ranges, 0, 7));
	/* Nothing is mapped there, or all is: no listener has another copy. */
	catch_up(a);
	posted = a->ls->posted;
	KUNIT_EXPECT_EQ(test, nyx_domain_unmap(dom, PAGE(1), PAGE(2) - 1, &bytes, &t), 0);
	KUNIT_EXPECT_EQ(test, nyx_domain_map(dom, 0, PAGE(1) - 1, 0, NYX_ACC_RW), -EEXIST);
	KUNIT_EXPECT_FALSE(test, behind(a));
	KUNIT_EXPECT_EQ(test, a->ls->posted, posted);
	/* One post has one number, for all listeners that it marks. */
	nyx_inval_range(dom, 0, U64_MAX, &t);
	KUNIT_EXPECT_TRUE(test, has_all(&a->base.ranges));
	KUNIT_EXPECT_TRUE(test, has_all(&b->base.ranges));
	KUNIT_EXPECT_EQ(test, a->base.first, posted + 1);
	KUNIT_EXPECT_EQ(test, a->base.last, posted + 1);
	KUNIT_EXPECT_EQ(test, b->base.last, posted + 1);
	KUNIT_EXPECT_FALSE(test, a->base.context);
	KUNIT_EXPECT_FALSE(test, b->base.context);
	KUNIT_EXPECT_FALSE(test, behind(c));
	KUNIT_EXPECT_EQ(test, c->base.ranges.nr, 0u);
	KUNIT_EXPECT_FALSE(test, behind(d));
	KUNIT_EXPECT_EQ(test, d->base.ranges.nr, 0u);
	post(f->dom[1], 3, 3, &t);
	KUNIT_EXPECT_TRUE(test, has(&c->base.ranges, 3, 3));
	KUNIT_EXPECT_EQ(test, a->base.last, posted + 1);
	/* No wait has begun. */
	KUNIT_EXPECT_EQ(test, a->asked + b->asked + c->asked + d->asked, 0u);
	unlisten(test, a);
	nyx_inval_range(f->dom[0], 0, U64_MAX, &t);
	KUNIT_EXPECT_FALSE(test, behind(a));
	unlisten(test, b);
	unlisten(test, c);
	unlisten(test, d);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
}

/* The cache may hold parts of larger pages, and so may a listener. */
static void marks_are_widened(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct listener l;

	listen(test, &l, NYX_SBDF_ANY, f->dom[0]);
	WRITE_ONCE(f->dom[0]->max_partial_lg2, 21);
	post(f->dom[0], 515, 516, &t);
	KUNIT_EXPECT_EQ(test, l.base.ranges.nr, 1u);
	KUNIT_EXPECT_TRUE(test, has(&l.base.ranges, 512, 1023));
	/* Parts of pages. */
	catch_up(&l);
	WRITE_ONCE(f->dom[0]->max_partial_lg2, 0);
	nyx_inval_range(f->dom[0], PAGE(21) - 1, PAGE(22), &t);
	KUNIT_EXPECT_TRUE(test, has(&l.base.ranges, 20, 22));
	unlisten(test, &l);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
}

/* A device's context marks the listeners that follow the device; all contexts, all such. */
static void contexts_mark_their_device(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct listener a, b, c;

	listen(test, &a, SBDF, NULL);
	listen(test, &b, OTHER_SBDF, NULL);
	listen(test, &c, NYX_SBDF_ANY, f->dom[0]);
	a.answer = -ETIMEDOUT;
	b.answer = -ETIMEDOUT;
	KUNIT_EXPECT_EQ(test, nyx_device_attach(f->unit, SBDF, f->dom[0]->id, false),
			-ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, a.base.context);
	KUNIT_EXPECT_EQ(test, a.base.ranges.nr, 0u);
	KUNIT_EXPECT_EQ(test, a.asked, 1u);
	KUNIT_EXPECT_FALSE(test, b.base.context);
	KUNIT_EXPECT_EQ(test, b.asked, 0u);
	a.base.context = false;
	KUNIT_EXPECT_EQ(test, nyx_device_detach(f->unit, SBDF), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, a.base.context);
	KUNIT_EXPECT_EQ(test, a.asked, 2u);
	a.base.context = false;
	/* A state may be that of a domain. */
	KUNIT_EXPECT_EQ(test, nyx_device_control(f->unit, SBDF, NYX_DEVICE_DO_QUARANTINE),
			-ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, a.base.context);
	KUNIT_EXPECT_TRUE(test, b.base.context);
	KUNIT_EXPECT_EQ(test, a.asked, 3u);
	KUNIT_EXPECT_EQ(test, b.asked, 1u);
	/* No device: what marked the others is none of its business. */
	KUNIT_EXPECT_FALSE(test, c.base.context);
	KUNIT_EXPECT_FALSE(test, behind(&c));
	KUNIT_EXPECT_EQ(test, c.asked, 0u);
	unlisten(test, &a);
	unlisten(test, &b);
	unlisten(test, &c);
}

/* Memory is behind all pages of all domains. */
static void memory_marks_all(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct listener a, b;

	listen(test, &a, NYX_SBDF_ANY, f->dom[0]);
	listen(test, &b, SBDF, NULL);
	post(f->dom[0], 1, 1, &t);
	nyx_inval_memory(&t, NULL);
	KUNIT_EXPECT_TRUE(test, has_all(&a.base.ranges));
	KUNIT_EXPECT_TRUE(test, has_all(&b.base.ranges));
	KUNIT_EXPECT_FALSE(test, a.base.context);
	KUNIT_EXPECT_FALSE(test, b.base.context);
	KUNIT_EXPECT_EQ(test, a.base.last, b.base.first);
	catch_up(&a);
	catch_up(&b);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	/* There is none, but another command may have removed it. */
	a.answer = -ETIMEDOUT;
	b.answer = -ETIMEDOUT;
	KUNIT_EXPECT_EQ(test, nyx_memory_remove(f->unit, 0, PAGE(1) - 1), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, has_all(&a.base.ranges));
	KUNIT_EXPECT_EQ(test, a.asked, 1u);
	KUNIT_EXPECT_EQ(test, b.asked, 1u);
	unlisten(test, &a);
	unlisten(test, &b);
}

/* A domain that goes is forgotten: another one may lie at its address. */
static void gone_domain_is_forgotten(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct listener a, b;
	u64 number = 0;

	listen(test, &a, SBDF, f->dom[0]);
	listen(test, &b, SBDF, f->dom[1]);
	KUNIT_EXPECT_EQ(test, nyx_inval_drop(f->dom[0]), 0);
	KUNIT_EXPECT_PTR_EQ(test, a.base.dom, NULL);
	KUNIT_EXPECT_PTR_EQ(test, b.base.dom, f->dom[1]);
	KUNIT_EXPECT_TRUE(test, nyx_listener_follow(a.ls, &a.base, NULL, &number));
	KUNIT_EXPECT_EQ(test, number, 0ull);
	/* Waits wait for what it does about that. */
	KUNIT_EXPECT_FALSE(test, nyx_listener_follow(b.ls, &b.base, NULL, &number));
	KUNIT_EXPECT_NE(test, number, 0ull);
	KUNIT_EXPECT_EQ(test, b.base.first, number);
	unlisten(test, &a);
	unlisten(test, &b);
}

static void expect_numbers(struct kunit *test, const struct listener *l, u64 first, u64 last)
{
	KUNIT_EXPECT_EQ(test, l->base.first, first);
	KUNIT_EXPECT_EQ(test, l->base.last, last);
}

/* As nyx_listener_take(), of a listener that was not cut off. */
static u64 take(struct listener *l, struct nyx_ranges *ranges, bool *context)
{
	bool late;
	u64 number = nyx_listener_take(l->ls, &l->base, ranges, context, &late);

	return late ? ~0ull : number;
}

/* An acknowledgment is for what was taken, and for no later post. */
static void acks_are_for_what_was_taken(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct nyx_ranges ranges = {};
	bool context = false;
	struct listener l;
	u64 n;

	listen(test, &l, SBDF, f->dom[0]);
	n = l.ls->posted;
	/* Nothing to take. */
	KUNIT_EXPECT_EQ(test, take(&l, &ranges, &context), 0ull);
	KUNIT_EXPECT_EQ(test, ranges.nr, 0u);
	KUNIT_EXPECT_FALSE(test, context);
	post(f->dom[0], 1, 1, &t);
	post(f->dom[0], 5, 5, &t);
	expect_numbers(test, &l, n + 1, n + 2);
	KUNIT_EXPECT_FALSE(test, nyx_listener_is_behind(l.ls, &l.base, n));
	KUNIT_EXPECT_TRUE(test, nyx_listener_is_behind(l.ls, &l.base, n + 1));
	/* Marks are added to those that the caller has, and taken once. */
	nyx_ranges_add(&ranges, 9, 9);
	context = true;
	KUNIT_EXPECT_EQ(test, take(&l, &ranges, &context), n + 2);
	KUNIT_EXPECT_EQ(test, ranges.nr, 3u);
	KUNIT_EXPECT_TRUE(test, has(&ranges, 1, 1));
	KUNIT_EXPECT_TRUE(test, has(&ranges, 5, 5));
	KUNIT_EXPECT_TRUE(test, context);
	KUNIT_EXPECT_EQ(test, l.base.ranges.nr, 0u);
	/* It has not acknowledged that yet. */
	expect_numbers(test, &l, n + 1, n + 2);
	ranges.nr = 0;
	KUNIT_EXPECT_EQ(test, take(&l, &ranges, &context), n + 2);
	KUNIT_EXPECT_EQ(test, ranges.nr, 0u);

	/* A post in between. */
	post(f->dom[0], 7, 7, &t);
	expect_numbers(test, &l, n + 1, n + 3);
	nyx_listener_ack(l.ls, &l.base, n + 2);
	expect_numbers(test, &l, n + 3, n + 3);
	KUNIT_EXPECT_FALSE(test, nyx_listener_is_behind(l.ls, &l.base, n + 2));
	KUNIT_EXPECT_TRUE(test, nyx_listener_is_behind(l.ls, &l.base, n + 3));
	/* An old one says nothing. */
	nyx_listener_ack(l.ls, &l.base, n + 1);
	expect_numbers(test, &l, n + 3, n + 3);
	KUNIT_EXPECT_EQ(test, take(&l, &ranges, &context), n + 3);
	KUNIT_EXPECT_EQ(test, ranges.nr, 1u);
	KUNIT_EXPECT_TRUE(test, has(&ranges, 7, 7));
	nyx_listener_ack(l.ls, &l.base, n + 3);
	KUNIT_EXPECT_FALSE(test, behind(&l));
	KUNIT_EXPECT_EQ(test, take(&l, &ranges, &context), 0ull);

	/* An old one with nothing to acknowledge. */
	nyx_listener_ack(l.ls, &l.base, n + 2);
	KUNIT_EXPECT_FALSE(test, behind(&l));
	post(f->dom[0], 2, 2, &t);
	expect_numbers(test, &l, n + 4, n + 4);
	post(f->dom[0], 2, 2, &t);
	nyx_listener_ack(l.ls, &l.base, U64_MAX);
	KUNIT_EXPECT_FALSE(test, behind(&l));
	unlisten(test, &l);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
}

/* ---- waits for listeners -------------------------------------------------- */

/* Each listener that is behind is waited for, once, and no other. */
static void wait_waits_for_those_behind(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET(f->unit) };
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct listener *a = &f->listener[0], *b = &f->listener[1];
	struct listener *c = &f->listener[2], *d = &f->listener[3];
	unsigned int pair;

	listen(test, a, NYX_SBDF_ANY, f->dom[0]);
	listen(test, b, NYX_SBDF_ANY, f->dom[0]);
	listen(test, c, NYX_SBDF_ANY, f->dom[1]);
	listen(test, d, NYX_SBDF_ANY, f->dom[0]);
	post(f->dom[0], 0, 0, &w.t);
	post(f->dom[0], 1, 1, &w.t);
	catch_up(a);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, b, 0));
	KUNIT_EXPECT_EQ(test, b->number, b->base.last);
	/* It is no wait for what is posted now. */
	post(f->dom[0], 2, 2, &t);
	post(f->dom[1], 2, 2, &t);
	KUNIT_EXPECT_TRUE(test, behind(a));
	nyx_listener_ack(b->ls, &b->base, b->number);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, d, 0));
	KUNIT_EXPECT_EQ(test, d->number, b->number);
	/* Accesses are waited for after listeners. */
	pair = epoch_enter(&f->dom[0]->epoch);
	nyx_listener_ack(d->ls, &d->base, d->number);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w.base, &f->dom[0]->epoch));
	epoch_exit(&f->dom[0]->epoch, pair);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_EQ(test, a->asked, 0u);
	KUNIT_EXPECT_EQ(test, b->asked, 1u);
	KUNIT_EXPECT_EQ(test, c->asked, 0u);
	KUNIT_EXPECT_EQ(test, d->asked, 1u);
	KUNIT_EXPECT_TRUE(test, behind(b));
	KUNIT_EXPECT_TRUE(test, behind(d));
	unlisten(test, a);
	unlisten(test, b);
	unlisten(test, c);
	unlisten(test, d);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
}

/* A ticket that has nothing but look-ups is no promise about translations. */
static void lookups_wait_for_no_listener(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket t = NYX_TICKET(f->unit), rest = NYX_TICKET(f->unit);
	struct listener l;

	listen(test, &l, NYX_SBDF_ANY, f->dom[0]);
	l.answer = -EINPROGRESS;
	post(f->dom[0], 0, 0, &rest);
	nyx_inval_lookups(&t);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_EQ(test, l.asked, 0u);
	/* A queue's wait for a domain that no listener follows waits for it, too. */
	t = NYX_TICKET_QUEUE(f->unit);
	post(f->dom[1], 0, 0, &t);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, l.asked, 1u);
	catch_up(&l);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&rest), 0);
	KUNIT_EXPECT_EQ(test, l.asked, 1u);
	unlisten(test, &l);
}

/* A kill ends the wait for a listener; the next one waits for it again. */
static void listener_is_waited_for_after_a_kill(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET(f->unit) };
	struct listener l;

	listen(test, &l, NYX_SBDF_ANY, f->dom[0]);
	nyx_inval_range(f->dom[0], 0, U64_MAX, &w.t);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &l, 0));
	send_sig(SIGKILL, w.base.task, 1);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), -EINTR);
	KUNIT_EXPECT_TRUE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_TRUE(test, behind(&l));
	w.t = NYX_TICKET(f->unit);
	nyx_ticket_domain(&w.t, f->dom[0]);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &l, 1));
	catch_up(&l);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	unlisten(test, &l);
}

/* The caller has to act first: nothing is waited for, and all of it is listed. */
static void wait_in_progress_is_finished(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET(f->unit) };
	struct epoch *epoch = &f->dom[1]->epoch;
	unsigned int pair = epoch_enter(epoch), i;
	struct listener l;

	listen(test, &l, NYX_SBDF_ANY, f->dom[0]);
	l.answer = -EINPROGRESS;
	for (i = 0; i < NR_DOMAINS; i++)
		post(f->dom[i], i, i, &w.t);
	nyx_inval_lookups(&w.t);
	wait_start(test, &w);
	KUNIT_EXPECT_FALSE(test, waiter_drains(&w.base, epoch));
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, w.t.nr, 0u);
	for (i = 0; i < NR_DOMAINS; i++) {
		KUNIT_EXPECT_TRUE(test, is_listed(f->dom[i]));
		KUNIT_EXPECT_EQ(test, f->dom[i]->drain.ranges.nr, 1u);
		KUNIT_EXPECT_TRUE(test, has(&f->dom[i]->drain.ranges, i, i));
	}
	KUNIT_EXPECT_NE(test, f->unit->inval.lookups.first, 0ull);
	/* It has not acted. */
	KUNIT_EXPECT_EQ(test, nyx_inval_finish(f->unit), -EINPROGRESS);
	KUNIT_EXPECT_TRUE(test, is_listed(f->dom[1]));
	KUNIT_EXPECT_EQ(test, l.asked, 2u);
	catch_up(&l);
	waiter_start(test, &w.base, do_finish, f);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w.base, epoch));
	epoch_exit(epoch, pair);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	for (i = 0; i < NR_DOMAINS; i++)
		KUNIT_EXPECT_FALSE(test, is_listed(f->dom[i]));
	KUNIT_EXPECT_EQ(test, f->unit->inval.lookups.first, 0ull);
	KUNIT_EXPECT_EQ(test, l.asked, 2u);
	/* Memory, and what was posted by a queue. */
	w.t = NYX_TICKET_QUEUE(f->unit);
	post(f->dom[0], 7, 7, &w.t);
	nyx_inval_memory(&w.t, NULL);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&w.t), -EINPROGRESS);
	KUNIT_EXPECT_TRUE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_NE(test, f->unit->inval.memory.first, 0ull);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&w.t), -EINPROGRESS);
	catch_up(&l);
	KUNIT_EXPECT_EQ(test, nyx_inval_finish(f->unit), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_EQ(test, f->unit->inval.memory.first, 0ull);
	KUNIT_EXPECT_EQ(test, l.asked, 4u);
	unlisten(test, &l);
}

/* A listener that is cut off keeps no other from being waited for, nor accesses. */
static void wait_goes_on_after_a_time_out(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET(f->unit) };
	struct epoch *epoch = &f->dom[0]->epoch;
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct listener a, b;
	unsigned int pair;

	listen(test, &a, NYX_SBDF_ANY, f->dom[0]);
	listen(test, &b, NYX_SBDF_ANY, f->dom[0]);
	a.answer = -ETIMEDOUT;
	pair = epoch_enter(epoch);
	nyx_inval_range(f->dom[0], 0, U64_MAX, &w.t);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &b, 0));
	KUNIT_EXPECT_EQ(test, a.asked, 1u);
	catch_up(&b);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w.base, epoch));
	epoch_exit(epoch, pair);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, a.asked, 1u);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	/* Something is left, after all. */
	b.answer = -EINPROGRESS;
	nyx_inval_range(f->dom[0], 0, U64_MAX, &t);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), -EINPROGRESS);
	KUNIT_EXPECT_TRUE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_EQ(test, a.asked, 2u);
	b.answer = -ETIMEDOUT;
	KUNIT_EXPECT_EQ(test, nyx_inval_finish(f->unit), -ETIMEDOUT);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	unlisten(test, &a);
	unlisten(test, &b);
}

/* No wait goes on for a listener that is removed. */
static void removal_ends_waits(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET(f->unit) }, v;
	struct listener a, b;

	listen(test, &a, NYX_SBDF_ANY, f->dom[0]);
	listen(test, &b, NYX_SBDF_ANY, f->dom[0]);
	nyx_inval_range(f->dom[0], 0, U64_MAX, &w.t);
	v.t = NYX_TICKET(f->unit);
	nyx_ticket_domain(&v.t, f->dom[0]);
	wait_start(test, &w);
	wait_start(test, &v);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &a, 1));
	nyx_listener_remove(a.ls, &a.base);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &b, 1));
	nyx_listener_remove(b.ls, &b.base);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_EQ(test, waiter_end(&v.base), 0);
	KUNIT_EXPECT_EQ(test, a.asked, 2u);
	KUNIT_EXPECT_EQ(test, atomic_read(&a.gets), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&a.puts), 2);
	KUNIT_EXPECT_EQ(test, b.asked, 2u);
	KUNIT_EXPECT_EQ(test, atomic_read(&b.gets), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&b.puts), 2);
	KUNIT_EXPECT_TRUE(test, list_empty(&f->unit->listeners.list));
}

/* A device has left a domain, but a listener may still use what the domain had mapped. */
static void end_of_a_domain_waits_for_listeners(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w;
	struct listener l;

	KUNIT_ASSERT_EQ(test, nyx_device_attach(f->unit, SBDF, f->dom[0]->id, false), 0);
	listen(test, &l, SBDF, f->dom[0]);
	l.answer = -EINPROGRESS;
	KUNIT_EXPECT_EQ(test, nyx_device_detach(f->unit, SBDF), -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, nyx_domain_destroy(f->unit, f->dom[0]->id), -EINPROGRESS);
	KUNIT_EXPECT_FALSE(test, f->dom[0]->gone);
	l.answer = 0;
	waiter_start(test, &w.base, do_drop, f);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &l, 2));
	send_sig(SIGKILL, w.base.task, 1);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), -EINTR);
	KUNIT_EXPECT_FALSE(test, f->dom[0]->gone);
	KUNIT_EXPECT_FALSE(test, f->dom[0]->dying);
	l.answer = -ETIMEDOUT;
	KUNIT_EXPECT_EQ(test, nyx_domain_destroy(f->unit, f->dom[0]->id), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, f->dom[0]->gone);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_PTR_EQ(test, l.base.dom, NULL);
	unlisten(test, &l);
}

/* ---- tickets ------------------------------------------------------------ */

/* A ticket waits for each domain that was posted by it, also beyond those it names. */
static void waits_for_each(struct kunit *test, bool lists)
{
	struct fixture *f = test->priv;
	unsigned int i, j, pair;
	struct ticket_wait w;

	for (i = 0; i < NR_DOMAINS; i++) {
		w.t = (struct nyx_ticket) { .unit = f->unit, .lists = lists };
		for (j = 0; j < NR_DOMAINS; j++)
			nyx_inval_range(f->dom[j], 0, U64_MAX, &w.t);
		pair = epoch_enter(&f->dom[i]->epoch);
		wait_start(test, &w);
		KUNIT_EXPECT_TRUE(test, waiter_drains(&w.base, &f->dom[i]->epoch));
		epoch_exit(&f->dom[i]->epoch, pair);
		KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
		for (j = 0; j < NR_DOMAINS; j++)
			KUNIT_EXPECT_FALSE(test, is_listed(f->dom[j]));
	}
}

static void command_waits_for_each(struct kunit *test)
{
	waits_for_each(test, false);
}

static void queue_waits_for_each(struct kunit *test)
{
	waits_for_each(test, true);
}

/* Wait in a thread that is in no epoch. */
static int wait_elsewhere(struct kunit *test, struct ticket_wait *w)
{
	wait_start(test, w);
	return waiter_end(&w->base);
}

/* A wait visits nothing that was not touched, and a second one nothing at all. */
static void waits_for_no_other(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET(f->unit) };
	struct nyx_ticket t = NYX_TICKET(f->unit);
	unsigned int pair = epoch_enter(&f->dom[1]->epoch);

	nyx_inval_range(f->dom[0], 0, U64_MAX, &w.t);
	KUNIT_EXPECT_EQ(test, wait_elsewhere(test, &w), 0);
	w.t = NYX_TICKET_QUEUE(f->unit);
	nyx_inval_range(f->dom[0], 0, U64_MAX, &w.t);
	KUNIT_EXPECT_TRUE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_EQ(test, wait_elsewhere(test, &w), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	/* The ticket of a command, which the queue's does not wait for. */
	nyx_inval_range(f->dom[1], 0, U64_MAX, &t);
	KUNIT_EXPECT_EQ(test, wait_elsewhere(test, &w), 0);
	epoch_exit(&f->dom[1]->epoch, pair);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
}

/* A wait does not pay for posts made while it drains. */
static void post_during_a_wait_is_kept(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket q = NYX_TICKET_QUEUE(f->unit);
	struct ticket_wait w = { .t = NYX_TICKET_QUEUE(f->unit) };
	struct epoch *epoch = &f->dom[0]->epoch;
	unsigned int pair = epoch_enter(epoch);

	nyx_inval_range(f->dom[0], 0, U64_MAX, &w.t);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w.base, epoch));
	nyx_inval_range(f->dom[0], 0, U64_MAX, &q);
	epoch_exit(epoch, pair);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_TRUE(test, is_listed(f->dom[0]));
	pair = epoch_enter(epoch);
	w.t = q;
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w.base, epoch));
	epoch_exit(epoch, pair);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
}

/* Two waits for one post, at once: neither returns before the access has left. */
static void two_wait_for_one_post(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET_QUEUE(f->unit) }, v;
	struct epoch *epoch = &f->dom[0]->epoch;
	unsigned int pair = epoch_enter(epoch);

	nyx_inval_range(f->dom[0], 0, U64_MAX, &w.t);
	v.t = w.t;
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w.base, epoch));
	wait_start(test, &v);
	KUNIT_EXPECT_TRUE(test, waiter_sleeps(&v.base));
	epoch_exit(epoch, pair);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_EQ(test, waiter_end(&v.base), 0);
}

/* A wait that began earlier and ends later than another lists nothing anew. */
static void slow_wait_lists_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET_QUEUE(f->unit) }, v;
	struct listener l;

	listen(test, &l, NYX_SBDF_ANY, f->dom[0]);
	l.held = true;
	nyx_inval_range(f->dom[0], 0, U64_MAX, &w.t);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &l, 0));
	v.t = NYX_TICKET_QUEUE(f->unit);
	nyx_inval_range(f->dom[0], 0, U64_MAX, &v.t);
	catch_up(&l);
	wait_start(test, &v);
	KUNIT_EXPECT_EQ(test, waiter_end(&v.base), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	complete(&l.done);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_TRUE(test, list_empty(&f->dom[0]->drain.link));
	unlisten(test, &l);
}

/* ---- ranges --------------------------------------------------------------- */

/* Ranges of a domain that a ticket names, or that the unit lists. */
static const struct nyx_ranges *ranges_of(const struct nyx_ticket *t, struct nyx_domain *dom)
{
	unsigned int i;

	for (i = 0; i < t->nr; i++) {
		if (t->dom[i] == dom)
			return &t->ranges[i];
	}
	return &dom->drain.ranges;
}

static void command_waits_for_its_ranges(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct nyx_domain *dom = f->dom[0];
	unsigned int i;
	u64 bytes;

	post(dom, 1, 2, &t);
	post(dom, 10, 10, &t);
	post(dom, 3, 3, &t);
	/* Parts of pages. */
	nyx_inval_range(dom, PAGE(21) - 1, PAGE(22), &t);
	KUNIT_ASSERT_EQ(test, t.nr, 1u);
	KUNIT_EXPECT_PTR_EQ(test, t.dom[0], dom);
	KUNIT_EXPECT_EQ(test, t.ranges[0].nr, 3u);
	KUNIT_EXPECT_TRUE(test, has(&t.ranges[0], 1, 3));
	KUNIT_EXPECT_TRUE(test, has(&t.ranges[0], 10, 10));
	KUNIT_EXPECT_TRUE(test, has(&t.ranges[0], 20, 22));
	/* No other has to wait for them. */
	KUNIT_EXPECT_FALSE(test, is_listed(dom));
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	/* Nothing of that is left in the ticket, nor listed. */
	KUNIT_EXPECT_EQ(test, t.nr, 0u);
	KUNIT_EXPECT_FALSE(test, is_listed(dom));
	post(dom, 5, 5, &t);
	KUNIT_EXPECT_EQ(test, t.ranges[0].nr, 1u);
	KUNIT_EXPECT_TRUE(test, has(&t.ranges[0], 5, 5));
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	/* Nothing was mapped: another command may have unmapped it. */
	KUNIT_EXPECT_EQ(test, nyx_domain_unmap(dom, PAGE(7), PAGE(9) - 1, &bytes, &t), 0);
	KUNIT_EXPECT_EQ(test, t.nr, 1u);
	KUNIT_EXPECT_EQ(test, t.ranges[0].nr, 1u);
	KUNIT_EXPECT_TRUE(test, has(&t.ranges[0], 7, 8));
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	/* More than there is room for. */
	for (i = 0; i < NYX_RANGES_MAX; i++)
		post(dom, 100 * i, 100 * i, &t);
	post(dom, 190, 190, &t);
	KUNIT_EXPECT_EQ(test, t.ranges[0].nr, NYX_RANGES_MAX);
	KUNIT_EXPECT_TRUE(test, has(&t.ranges[0], 0, 0));
	KUNIT_EXPECT_TRUE(test, has(&t.ranges[0], 100, 100));
	KUNIT_EXPECT_TRUE(test, has(&t.ranges[0], 190, 200));
	KUNIT_EXPECT_TRUE(test, has(&t.ranges[0], 300, 300));
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
}

/* The cache may hold parts of larger pages, and so may a view. */
static void ranges_are_widened(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket t = NYX_TICKET(f->unit), q = NYX_TICKET_QUEUE(f->unit);

	WRITE_ONCE(f->dom[0]->max_partial_lg2, 21);
	post(f->dom[0], 515, 516, &t);
	KUNIT_EXPECT_EQ(test, t.ranges[0].nr, 1u);
	KUNIT_EXPECT_TRUE(test, has(&t.ranges[0], 512, 1023));
	post(f->dom[0], 2050, 2050, &q);
	KUNIT_EXPECT_EQ(test, f->dom[0]->drain.ranges.nr, 1u);
	KUNIT_EXPECT_TRUE(test, has(&f->dom[0]->drain.ranges, 2048, 2559));
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
}

/* A domain has its own ranges, named or listed. */
static void domains_have_their_own_ranges(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket t = NYX_TICKET(f->unit);
	const struct nyx_ranges *ranges;
	unsigned int i;

	for (i = 0; i < NR_DOMAINS; i++)
		post(f->dom[i], 10 * i, 10 * i, &t);
	for (i = 0; i < NR_DOMAINS; i++)
		post(f->dom[i], 10 * i + 5, 10 * i + 5, &t);
	KUNIT_EXPECT_EQ(test, t.nr, NYX_TICKET_DOMAINS);
	for (i = 0; i < NR_DOMAINS; i++) {
		ranges = ranges_of(&t, f->dom[i]);
		KUNIT_EXPECT_EQ(test, ranges->nr, 2u);
		KUNIT_EXPECT_TRUE(test, has(ranges, 10 * i, 10 * i));
		KUNIT_EXPECT_TRUE(test, has(ranges, 10 * i + 5, 10 * i + 5));
		KUNIT_EXPECT_EQ(test, is_listed(f->dom[i]), i >= NYX_TICKET_DOMAINS);
	}
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_EQ(test, t.nr, 0u);
	for (i = 0; i < NR_DOMAINS; i++)
		KUNIT_EXPECT_EQ(test, f->dom[i]->drain.ranges.nr, 0u);
}

/* A wait forgets the ranges that it has paid for. */
static void queue_waits_for_its_ranges(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct nyx_ranges *listed = &f->dom[0]->drain.ranges;
	struct nyx_ticket q = NYX_TICKET_QUEUE(f->unit);

	post(f->dom[0], 1, 1, &q);
	post(f->dom[0], 8, 9, &q);
	KUNIT_EXPECT_EQ(test, q.nr, 0u);
	KUNIT_EXPECT_EQ(test, listed->nr, 2u);
	KUNIT_EXPECT_TRUE(test, has(listed, 1, 1));
	KUNIT_EXPECT_TRUE(test, has(listed, 8, 9));
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_EQ(test, listed->nr, 0u);
	post(f->dom[0], 4, 4, &q);
	KUNIT_EXPECT_EQ(test, listed->nr, 1u);
	KUNIT_EXPECT_TRUE(test, has(listed, 4, 4));
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_EQ(test, listed->nr, 0u);
}

static int do_detach(void *arg)
{
	struct fixture *f = arg;

	return nyx_device_detach(f->unit, SBDF);
}

/* Devices and memory mean all pages, whatever was posted before. */
static void all_pages_are_waited_for(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket t = NYX_TICKET(f->unit), q = NYX_TICKET_QUEUE(f->unit);
	struct ticket_wait w;
	unsigned int pair;

	post(f->dom[0], 3, 3, &t);
	nyx_ticket_domain(&t, f->dom[0]);
	KUNIT_EXPECT_TRUE(test, has_all(&t.ranges[0]));
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	post(f->dom[0], 3, 3, &q);
	nyx_ticket_domain(&q, f->dom[0]);
	KUNIT_EXPECT_TRUE(test, has_all(&f->dom[0]->drain.ranges));
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);

	KUNIT_ASSERT_EQ(test, nyx_device_attach(f->unit, SBDF, f->dom[0]->id, false), 0);
	pair = epoch_enter(&f->dom[0]->epoch);
	waiter_start(test, &w.base, do_detach, f);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w.base, &f->dom[0]->epoch));
	KUNIT_EXPECT_TRUE(test, has_all(&f->dom[0]->drain.ranges));
	epoch_exit(&f->dom[0]->epoch, pair);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_EQ(test, f->dom[0]->drain.ranges.nr, 0u);

	nyx_inval_memory(&t, NULL);
	KUNIT_EXPECT_TRUE(test, t.memory);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_FALSE(test, t.memory);
}

/* A wait for the list finishes what a command about all pages has begun, or has left. */
static void all_pages_are_listed(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct nyx_ranges *listed = &f->dom[0]->drain.ranges;
	struct nyx_ticket q = NYX_TICKET_QUEUE(f->unit);
	struct ticket_wait w;
	struct listener l;
	unsigned int pair;

	KUNIT_ASSERT_EQ(test, nyx_device_attach(f->unit, SBDF, f->dom[0]->id, false), 0);
	listen(test, &l, SBDF, f->dom[0]);
	l.held = true;
	waiter_start(test, &w.base, do_detach, f);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &l, 0));
	KUNIT_EXPECT_TRUE(test, has_all(listed));
	catch_up(&l);
	post(f->dom[7], 0, 0, &q);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_EQ(test, listed->nr, 0u);
	complete(&l.done);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	unlisten(test, &l);

	pair = epoch_enter(&f->dom[0]->epoch);
	waiter_start(test, &w.base, do_drop, f);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w.base, &f->dom[0]->epoch));
	send_sig(SIGKILL, w.base.task, 1);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), -EINTR);
	epoch_exit(&f->dom[0]->epoch, pair);
	KUNIT_EXPECT_TRUE(test, has_all(listed));
	post(f->dom[7], 0, 0, &q);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_EQ(test, listed->nr, 0u);
}

/* A wait does not pay for a post that is made meanwhile, and keeps its range. */
static void range_posted_during_a_wait_is_kept(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct nyx_ranges *listed = &f->dom[0]->drain.ranges;
	struct ticket_wait w = { .t = NYX_TICKET_QUEUE(f->unit) };
	struct nyx_ticket q = NYX_TICKET_QUEUE(f->unit);
	struct listener l;

	listen(test, &l, NYX_SBDF_ANY, f->dom[0]);
	post(f->dom[0], 1, 1, &w.t);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &l, 0));
	KUNIT_EXPECT_EQ(test, listed->nr, 1u);
	KUNIT_EXPECT_TRUE(test, has(listed, 1, 1));
	post(f->dom[0], 7, 7, &q);
	nyx_listener_ack(l.ls, &l.base, l.number);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_TRUE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_TRUE(test, has(listed, 7, 7));
	catch_up(&l);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_EQ(test, listed->nr, 0u);
	unlisten(test, &l);
}

/*
 * A wait that is killed leaves its ranges to the unit, and a command that pays for the
 * domain takes them off the list, too.
 */
static void ranges_of_a_killed_wait_are_kept(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct nyx_ranges *listed = &f->dom[0]->drain.ranges;
	struct ticket_wait w = { .t = NYX_TICKET(f->unit) };
	struct nyx_ticket t = NYX_TICKET(f->unit);

	post(f->dom[0], 1, 1, &w.t);
	post(f->dom[0], 4, 5, &w.t);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	wait_and_be_killed(test, &w, &f->dom[0]->epoch);
	KUNIT_EXPECT_EQ(test, w.t.nr, 0u);
	KUNIT_EXPECT_EQ(test, listed->nr, 2u);
	KUNIT_EXPECT_TRUE(test, has(listed, 1, 1));
	KUNIT_EXPECT_TRUE(test, has(listed, 4, 5));
	post(f->dom[0], 9, 9, &t);
	KUNIT_EXPECT_EQ(test, t.ranges[0].nr, 1u);
	KUNIT_EXPECT_TRUE(test, has(&t.ranges[0], 9, 9));
	KUNIT_EXPECT_EQ(test, listed->nr, 2u);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_EQ(test, listed->nr, 0u);

	/* The wait of a queue. */
	w.t = NYX_TICKET_QUEUE(f->unit);
	post(f->dom[0], 20, 20, &w.t);
	wait_and_be_killed(test, &w, &f->dom[0]->epoch);
	KUNIT_EXPECT_EQ(test, listed->nr, 1u);
	post(f->dom[0], 30, 30, &w.t);
	KUNIT_EXPECT_EQ(test, listed->nr, 2u);
	KUNIT_EXPECT_TRUE(test, has(listed, 20, 20));
	KUNIT_EXPECT_TRUE(test, has(listed, 30, 30));
	KUNIT_EXPECT_EQ(test, wait_elsewhere(test, &w), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_EQ(test, listed->nr, 0u);
}

/* Of two waits at once, the later one is also for what the first one was for. */
static void two_waits_have_their_ranges(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct nyx_ranges *listed = &f->dom[0]->drain.ranges;
	struct ticket_wait w = { .t = NYX_TICKET_QUEUE(f->unit) };
	struct nyx_ticket q = NYX_TICKET_QUEUE(f->unit);
	struct listener l;

	listen(test, &l, NYX_SBDF_ANY, f->dom[0]);
	l.held = true;
	post(f->dom[0], 1, 1, &w.t);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &l, 0));
	KUNIT_EXPECT_EQ(test, listed->nr, 1u);
	post(f->dom[0], 7, 7, &q);
	KUNIT_EXPECT_EQ(test, listed->nr, 2u);
	KUNIT_EXPECT_TRUE(test, has(listed, 1, 1));
	KUNIT_EXPECT_TRUE(test, has(listed, 7, 7));
	catch_up(&l);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_EQ(test, listed->nr, 0u);
	/* The first wait ends when all is paid, and takes nothing from what comes after. */
	post(f->dom[0], 9, 9, &q);
	complete(&l.done);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_TRUE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_EQ(test, listed->nr, 1u);
	KUNIT_EXPECT_TRUE(test, has(listed, 9, 9));
	catch_up(&l);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_EQ(test, listed->nr, 0u);
	unlisten(test, &l);
}

/* ---- after a kill -------------------------------------------------------- */

static void command_leaves_its_rest_to_the_unit(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket q = NYX_TICKET_QUEUE(f->unit);
	struct ticket_wait w = { .t = NYX_TICKET(f->unit) };
	unsigned int i, pair;

	for (i = 0; i < 3; i++)
		nyx_inval_range(f->dom[i], 0, U64_MAX, &w.t);
	nyx_inval_lookups(&w.t);
	wait_and_be_killed(test, &w, &f->dom[1]->epoch);
	KUNIT_EXPECT_TRUE(test, is_listed(f->dom[1]));
	KUNIT_EXPECT_NE(test, f->unit->inval.lookups.first, 0ull);

	/* The next wait for the list waits for it. */
	nyx_inval_range(f->dom[7], 0, U64_MAX, &q);
	w.t = q;
	pair = epoch_enter(&f->dom[1]->epoch);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w.base, &f->dom[1]->epoch));
	epoch_exit(&f->dom[1]->epoch, pair);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	for (i = 0; i < NR_DOMAINS; i++)
		KUNIT_EXPECT_FALSE(test, is_listed(f->dom[i]));
	KUNIT_EXPECT_EQ(test, f->unit->inval.lookups.first, 0ull);
}

static void queue_waits_again(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET_QUEUE(f->unit) };
	unsigned int pair;

	nyx_inval_range(f->dom[0], 0, U64_MAX, &w.t);
	nyx_inval_lookups(&w.t);
	wait_and_be_killed(test, &w, &f->unit->mem_epoch);
	pair = nyx_guest_mem_enter(f->unit);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w.base, &f->unit->mem_epoch));
	nyx_guest_mem_exit(f->unit, pair);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
}

/* A command about memory that was killed: the next wait for the list finishes it. */
static void memory_is_waited_for_after_a_kill(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET(f->unit) };
	unsigned int pair;

	nyx_inval_memory(&w.t, NULL);
	wait_and_be_killed(test, &w, &f->dom[3]->epoch);
	KUNIT_EXPECT_NE(test, f->unit->inval.memory.first, 0ull);
	w.t = NYX_TICKET_QUEUE(f->unit);
	nyx_inval_lookups(&w.t);
	pair = epoch_enter(&f->dom[3]->epoch);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w.base, &f->dom[3]->epoch));
	epoch_exit(&f->dom[3]->epoch, pair);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_EQ(test, f->unit->inval.memory.first, 0ull);
	KUNIT_EXPECT_EQ(test, f->unit->inval.lookups.first, 0ull);
}

static struct kunit_case inval_cases[] = {
	KUNIT_CASE(posts_mark_those_who_follow),
	KUNIT_CASE(marks_are_listed),
	KUNIT_CASE(marks_are_widened),
	KUNIT_CASE(contexts_mark_their_device),
	KUNIT_CASE(memory_marks_all),
	KUNIT_CASE(gone_domain_is_forgotten),
	KUNIT_CASE(acks_are_for_what_was_taken),
	KUNIT_CASE(wait_waits_for_those_behind),
	KUNIT_CASE(lookups_wait_for_no_listener),
	KUNIT_CASE(listener_is_waited_for_after_a_kill),
	KUNIT_CASE(wait_in_progress_is_finished),
	KUNIT_CASE(wait_goes_on_after_a_time_out),
	KUNIT_CASE(removal_ends_waits),
	KUNIT_CASE(end_of_a_domain_waits_for_listeners),
	KUNIT_CASE(command_waits_for_each),
	KUNIT_CASE(queue_waits_for_each),
	KUNIT_CASE(waits_for_no_other),
	KUNIT_CASE(post_during_a_wait_is_kept),
	KUNIT_CASE(two_wait_for_one_post),
	KUNIT_CASE(slow_wait_lists_nothing),
	KUNIT_CASE(command_waits_for_its_ranges),
	KUNIT_CASE(ranges_are_widened),
	KUNIT_CASE(domains_have_their_own_ranges),
	KUNIT_CASE(queue_waits_for_its_ranges),
	KUNIT_CASE(all_pages_are_waited_for),
	KUNIT_CASE(all_pages_are_listed),
	KUNIT_CASE(range_posted_during_a_wait_is_kept),
	KUNIT_CASE(ranges_of_a_killed_wait_are_kept),
	KUNIT_CASE(two_waits_have_their_ranges),
	KUNIT_CASE(command_leaves_its_rest_to_the_unit),
	KUNIT_CASE(queue_waits_again),
	KUNIT_CASE(memory_is_waited_for_after_a_kill),
	{}
};

static struct kunit_suite inval_suite = {
	.name = "nyx_inval",
	.init = inval_init,
	.exit = inval_exit,
	.test_cases = inval_cases,
};

kunit_test_suite(inval_suite);
