// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_inval: posts are told to listeners in order and completely, a
 * wait waits for what was touched and for nothing else, with the ranges of it, and what one
 * wait leaves is listed for the next.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Threads of the suite are in an epoch, or wait. A thread that is to give up a wait is
 * sent SIGKILL, as a caller of the module would be.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sched/signal.h>

#include "base/reason.h"
#include "base/types.h"
#include "core/access/device.h"
#include "core/attach.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/map.h"
#include "core/space/memory.h"
#include "core/unit.h"
#include "suite_unit.h"
#include "waiter.h"

#define SBDF		0x0018u
#define NR_DOMAINS	8u
#define PAGE(n)		((u64)(n) << NYX_PAGE_LG2)

#define TOLD_MAX	16

/**
 * struct listener - a listener that notes what it is told
 * @base: the listener
 * @name: which one
 * @log: what all of them are told, in order
 * @done: what a wait waits for
 * @busy: it has not acted on that: a wait waits
 * @asked: how often it was waited for
 * @ranges: what the last wait was for
 */
struct listener {
	struct nyx_listener base;
	char name;
	struct told *log;
	struct completion done;
	bool busy;
	unsigned int asked;
	struct nyx_ranges ranges;
};

/* The calls of all listeners. */
struct told {
	unsigned int nr;
	struct {
		char name;
		u64 first, last;
	} call[TOLD_MAX];
};

/**
 * struct fixture - a unit with domains, kunit.priv
 * @unit: the unit
 * @dom: its domains, with references
 */
struct fixture {
	struct nyx_unit *unit;
	struct nyx_domain *dom[NR_DOMAINS];
};

static void listener_invalidated(struct nyx_listener *base, u64 first, u64 last)
{
	struct listener *l = container_of(base, struct listener, base);
	unsigned int i = l->log->nr++;

	if (i >= TOLD_MAX)
		return;
	l->log->call[i].name = l->name;
	l->log->call[i].first = first;
	l->log->call[i].last = last;
}

static int listener_wait(struct nyx_listener *base, const struct nyx_ranges *ranges)
{
	struct listener *l = container_of(base, struct listener, base);

	l->ranges = *ranges;
	WRITE_ONCE(l->asked, l->asked + 1);
	if (!READ_ONCE(l->busy))
		return 0;
	return wait_for_completion_killable(&l->done) ? -EINTR : 0;
}

static void listener_init(struct listener *l, char name, struct told *log)
{
	*l = (struct listener) {
		.base = { .invalidated = listener_invalidated, .wait = listener_wait },
		.name = name,
		.log = log,
	};
	init_completion(&l->done);
}

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
	return ret ?: nyx_device_add(unit, SBDF);
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

/* Wait, and be killed while somebody is inside. */
static void wait_and_be_killed(struct kunit *test, struct ticket_wait *w, struct epoch *epoch)
{
	unsigned int pair = epoch_enter(epoch);

	wait_start(test, w);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w->base, epoch));
	send_sig(SIGKILL, w->base.task, 1);
	KUNIT_EXPECT_EQ(test, waiter_end(&w->base), -EINTR);
	epoch_exit(epoch, pair);
}

/* ---- listeners ---------------------------------------------------------- */

static void expect_call(struct kunit *test, const struct told *log, unsigned int i,
			char name, u64 first, u64 last)
{
	KUNIT_ASSERT_LT(test, i, TOLD_MAX);
	KUNIT_EXPECT_EQ(test, log->call[i].name, name);
	KUNIT_EXPECT_EQ(test, log->call[i].first, first);
	KUNIT_EXPECT_EQ(test, log->call[i].last, last);
}

static void listeners_are_told_in_order(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_domain *dom = f->dom[0];
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct listener a, b;
	struct told log = {};
	u64 bytes;

	listener_init(&a, 'a', &log);
	listener_init(&b, 'b', &log);
	KUNIT_ASSERT_EQ(test, nyx_listener_add(dom, &a.base), 0);
	KUNIT_ASSERT_EQ(test, nyx_listener_add(dom, &b.base), 0);
	KUNIT_EXPECT_EQ(test, nyx_domain_map(dom, 0, PAGE(8) - 1, 0, NYX_ACC_RW), 0);
	KUNIT_EXPECT_EQ(test, nyx_domain_unmap(dom, PAGE(1), PAGE(2) - 1, &bytes, &t), 0);
	KUNIT_EXPECT_EQ(test, nyx_domain_unmap(dom, PAGE(4), PAGE(7) - 1, &bytes, &t), 0);
	/* Nothing is mapped there: no listener has a copy. */
	KUNIT_EXPECT_EQ(test, nyx_domain_unmap(dom, PAGE(1), PAGE(2) - 1, &bytes, &t), 0);
	nyx_inval_range(dom, 0, U64_MAX, &t);
	nyx_inval_range(f->dom[1], 0, U64_MAX, &t);
	KUNIT_EXPECT_EQ(test, log.nr, 6u);
	expect_call(test, &log, 0, 'a', PAGE(1), PAGE(2) - 1);
	expect_call(test, &log, 1, 'b', PAGE(1), PAGE(2) - 1);
	expect_call(test, &log, 2, 'a', PAGE(4), PAGE(7) - 1);
	expect_call(test, &log, 3, 'b', PAGE(4), PAGE(7) - 1);
	expect_call(test, &log, 4, 'a', 0, U64_MAX);
	expect_call(test, &log, 5, 'b', 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, a.asked, 0u);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	/* Once, however many were posted. */
	KUNIT_EXPECT_EQ(test, a.asked, 1u);
	KUNIT_EXPECT_EQ(test, b.asked, 1u);

	nyx_listener_remove(dom, &a.base);
	nyx_inval_range(dom, 0, PAGE(1) - 1, &t);
	KUNIT_EXPECT_EQ(test, log.nr, 7u);
	expect_call(test, &log, 6, 'b', 0, PAGE(1) - 1);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_EQ(test, a.asked, 1u);
	nyx_listener_remove(dom, &b.base);
}

static void wait_waits_for_listeners(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET(f->unit) };
	struct listener a, b;
	struct told log = {};

	listener_init(&a, 'a', &log);
	listener_init(&b, 'b', &log);
	b.busy = true;
	KUNIT_ASSERT_EQ(test, nyx_listener_add(f->dom[0], &a.base), 0);
	KUNIT_ASSERT_EQ(test, nyx_listener_add(f->dom[0], &b.base), 0);
	nyx_inval_range(f->dom[0], 0, U64_MAX, &w.t);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &b, 0));
	KUNIT_EXPECT_FALSE(test, completion_done(&w.base.done));
	complete(&b.done);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	nyx_listener_remove(f->dom[0], &b.base);
	nyx_listener_remove(f->dom[0], &a.base);
}

/* A kill ends the wait for a listener; the next one waits for it again. */
static void listener_is_waited_for_after_a_kill(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET(f->unit) };
	struct listener a;
	struct told log = {};

	listener_init(&a, 'a', &log);
	a.busy = true;
	KUNIT_ASSERT_EQ(test, nyx_listener_add(f->dom[0], &a.base), 0);
	nyx_inval_range(f->dom[0], 0, U64_MAX, &w.t);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &a, 0));
	send_sig(SIGKILL, w.base.task, 1);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), -EINTR);
	KUNIT_EXPECT_TRUE(test, is_listed(f->dom[0]));
	w.t = NYX_TICKET(f->unit);
	nyx_ticket_domain(&w.t, f->dom[0]);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &a, 1));
	complete(&a.done);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	nyx_listener_remove(f->dom[0], &a.base);
}

/* The end of a domain, and of memory, is the end of all translations. */
static void listeners_are_told_of_the_end(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct listener a;
	struct told log = {};

	listener_init(&a, 'a', &log);
	KUNIT_ASSERT_EQ(test, nyx_listener_add(f->dom[0], &a.base), 0);
	KUNIT_EXPECT_EQ(test, nyx_memory_remove(f->unit, 0, PAGE(1) - 1),
			NYX_ERR(NO_SUCH_MEMORY));
	KUNIT_EXPECT_EQ(test, log.nr, 1u);
	expect_call(test, &log, 0, 'a', 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, a.asked, 1u);
	KUNIT_EXPECT_EQ(test, nyx_domain_destroy(f->unit, f->dom[0]->id), 0);
	KUNIT_EXPECT_EQ(test, log.nr, 2u);
	expect_call(test, &log, 1, 'a', 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, a.asked, 2u);
	nyx_listener_remove(f->dom[0], &a.base);
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

/* Somebody waits, in a thread that is in no epoch. */
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
	/* Another's business. */
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
	struct told log = {};
	struct listener l;

	listener_init(&l, 'a', &log);
	l.busy = true;
	KUNIT_ASSERT_EQ(test, nyx_listener_add(f->dom[0], &l.base), 0);
	nyx_inval_range(f->dom[0], 0, U64_MAX, &w.t);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &l, 0));
	v.t = NYX_TICKET_QUEUE(f->unit);
	nyx_inval_range(f->dom[0], 0, U64_MAX, &v.t);
	WRITE_ONCE(l.busy, false);
	wait_start(test, &v);
	KUNIT_EXPECT_EQ(test, waiter_end(&v.base), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	complete(&l.done);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));
	KUNIT_EXPECT_TRUE(test, list_empty(&f->dom[0]->drain.link));
	nyx_listener_remove(f->dom[0], &l.base);
}

/* A domain that is taken away has no listeners from then on. */
static void ended_domain_takes_no_listener(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct told log = {};
	struct listener l;

	listener_init(&l, 'a', &log);
	KUNIT_ASSERT_EQ(test, nyx_inval_drop(f->dom[0]), 0);
	KUNIT_EXPECT_EQ(test, nyx_listener_add(f->dom[0], &l.base), -EBUSY);
	KUNIT_EXPECT_TRUE(test, list_empty(&f->dom[0]->listeners));
}

/* ---- ranges --------------------------------------------------------------- */

/* Is the last wait of a listener for these pages, among others? */
static bool asked_for(const struct listener *l, u64 first, u64 last)
{
	unsigned int i;

	for (i = 0; i < l->ranges.nr; i++) {
		if (l->ranges.range[i].first == first && l->ranges.range[i].last == last)
			return true;
	}
	return false;
}

static bool asked_for_all(const struct listener *l)
{
	return l->ranges.nr == 1 && asked_for(l, 0, NYX_LAST_PAGE);
}

/* Post pages of a domain. */
static void post(struct nyx_domain *dom, u64 first, u64 last, struct nyx_ticket *t)
{
	nyx_inval_range(dom, PAGE(first), PAGE(last + 1) - 1, t);
}

/* Let a listener listen to a domain of the fixture. */
static void listen(struct kunit *test, struct listener *l, unsigned int dom)
{
	static struct told unread;
	struct fixture *f = test->priv;

	listener_init(l, 'a', &unread);
	KUNIT_ASSERT_EQ(test, nyx_listener_add(f->dom[dom], &l->base), 0);
}

static void command_waits_for_its_ranges(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct nyx_domain *dom = f->dom[0];
	struct listener l;
	unsigned int i;
	u64 bytes;

	listen(test, &l, 0);
	post(dom, 1, 2, &t);
	post(dom, 10, 10, &t);
	post(dom, 3, 3, &t);
	/* Parts of pages. */
	nyx_inval_range(dom, PAGE(21) - 1, PAGE(22), &t);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_EQ(test, l.ranges.nr, 3u);
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 1, 3));
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 10, 10));
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 20, 22));
	/* Nothing of that is left in the ticket. */
	post(dom, 5, 5, &t);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_EQ(test, l.ranges.nr, 1u);
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 5, 5));
	/* Nothing was mapped: another command may have unmapped it. */
	KUNIT_EXPECT_EQ(test, nyx_domain_unmap(dom, PAGE(7), PAGE(9) - 1, &bytes, &t), 0);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_EQ(test, l.ranges.nr, 1u);
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 7, 8));
	/* More than there is room for. */
	for (i = 0; i < NYX_RANGES_MAX; i++)
		post(dom, 100 * i, 100 * i, &t);
	post(dom, 190, 190, &t);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_EQ(test, l.ranges.nr, NYX_RANGES_MAX);
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 0, 0));
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 100, 100));
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 190, 200));
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 300, 300));
	nyx_listener_remove(dom, &l.base);
}

/* The cache may hold parts of larger pages, and so may a listener. */
static void ranges_are_widened(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct listener l;

	listen(test, &l, 0);
	WRITE_ONCE(f->dom[0]->max_partial_lg2, 21);
	post(f->dom[0], 515, 516, &t);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_EQ(test, l.ranges.nr, 1u);
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 512, 1023));
	nyx_listener_remove(f->dom[0], &l.base);
}

/* A listener is not asked for the ranges of another domain, named or listed. */
static void domains_have_their_own_ranges(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct listener *l;
	unsigned int i;

	l = kunit_kcalloc(test, NR_DOMAINS, sizeof(*l), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, l);
	for (i = 0; i < NR_DOMAINS; i++)
		listen(test, &l[i], i);
	for (i = 0; i < NR_DOMAINS; i++)
		post(f->dom[i], 10 * i, 10 * i, &t);
	for (i = 0; i < NR_DOMAINS; i++)
		post(f->dom[i], 10 * i + 5, 10 * i + 5, &t);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	for (i = 0; i < NR_DOMAINS; i++) {
		KUNIT_EXPECT_EQ(test, l[i].ranges.nr, 2u);
		KUNIT_EXPECT_TRUE(test, asked_for(&l[i], 10 * i, 10 * i));
		KUNIT_EXPECT_TRUE(test, asked_for(&l[i], 10 * i + 5, 10 * i + 5));
		nyx_listener_remove(f->dom[i], &l[i].base);
	}
}

/* A wait forgets the ranges that it has paid for. */
static void queue_waits_for_its_ranges(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket q = NYX_TICKET_QUEUE(f->unit);
	struct listener l;

	listen(test, &l, 0);
	post(f->dom[0], 1, 1, &q);
	post(f->dom[0], 8, 9, &q);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_EQ(test, l.ranges.nr, 2u);
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 1, 1));
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 8, 9));
	post(f->dom[0], 4, 4, &q);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_EQ(test, l.ranges.nr, 1u);
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 4, 4));
	nyx_listener_remove(f->dom[0], &l.base);
}

/* Devices, memory and the end of a domain mean all pages. */
static void all_pages_are_waited_for(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct listener l;

	listen(test, &l, 0);
	nyx_ticket_domain(&t, f->dom[0]);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_TRUE(test, asked_for_all(&l));

	KUNIT_ASSERT_EQ(test, nyx_device_attach(f->unit, SBDF, f->dom[0]->id, false), 0);
	l.ranges.nr = 0;
	KUNIT_ASSERT_EQ(test, nyx_device_detach(f->unit, SBDF), 0);
	KUNIT_EXPECT_TRUE(test, asked_for_all(&l));

	l.ranges.nr = 0;
	nyx_inval_memory(&t, NULL);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_TRUE(test, asked_for_all(&l));

	l.ranges.nr = 0;
	KUNIT_EXPECT_EQ(test, nyx_inval_drop(f->dom[0]), 0);
	KUNIT_EXPECT_TRUE(test, asked_for_all(&l));
	nyx_listener_remove(f->dom[0], &l.base);
}

static int do_detach(void *arg)
{
	struct fixture *f = arg;

	return nyx_device_detach(f->unit, SBDF);
}

static int do_drop(void *arg)
{
	struct fixture *f = arg;

	return nyx_inval_drop(f->dom[0]);
}

/* A wait for the list finishes what a command about all pages has begun, or has left. */
static void all_pages_are_listed(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nyx_ticket q = NYX_TICKET_QUEUE(f->unit);
	struct ticket_wait w;
	struct listener l;
	unsigned int pair;

	listen(test, &l, 0);
	KUNIT_ASSERT_EQ(test, nyx_device_attach(f->unit, SBDF, f->dom[0]->id, false), 0);
	l.busy = true;
	waiter_start(test, &w.base, do_detach, f);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &l, 0));
	WRITE_ONCE(l.busy, false);
	l.ranges.nr = 0;
	post(f->dom[7], 0, 0, &q);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_TRUE(test, asked_for_all(&l));
	complete(&l.done);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);

	pair = epoch_enter(&f->dom[0]->epoch);
	waiter_start(test, &w.base, do_drop, f);
	KUNIT_EXPECT_TRUE(test, waiter_drains(&w.base, &f->dom[0]->epoch));
	send_sig(SIGKILL, w.base.task, 1);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), -EINTR);
	epoch_exit(&f->dom[0]->epoch, pair);
	l.ranges.nr = 0;
	post(f->dom[7], 0, 0, &q);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_TRUE(test, asked_for_all(&l));
	nyx_listener_remove(f->dom[0], &l.base);
}

/* A wait does not pay for a post that is made meanwhile, and keeps its range. */
static void range_posted_during_a_wait_is_kept(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET_QUEUE(f->unit) };
	struct nyx_ticket q = NYX_TICKET_QUEUE(f->unit);
	struct listener l;

	listen(test, &l, 0);
	l.busy = true;
	post(f->dom[0], 1, 1, &w.t);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &l, 0));
	post(f->dom[0], 7, 7, &q);
	WRITE_ONCE(l.busy, false);
	complete(&l.done);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_FALSE(test, asked_for(&l, 7, 7));
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 7, 7));
	nyx_listener_remove(f->dom[0], &l.base);
}

/*
 * A wait that is killed leaves its ranges to the unit, and a command that pays for the
 * domain waits for them, too.
 */
static void ranges_of_a_killed_wait_are_kept(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET(f->unit) };
	struct nyx_ticket t = NYX_TICKET(f->unit);
	struct listener l;

	listen(test, &l, 0);
	post(f->dom[0], 1, 1, &w.t);
	post(f->dom[0], 4, 5, &w.t);
	wait_and_be_killed(test, &w, &f->dom[0]->epoch);
	KUNIT_EXPECT_EQ(test, l.asked, 0u);
	post(f->dom[0], 9, 9, &t);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&t), 0);
	KUNIT_EXPECT_EQ(test, l.ranges.nr, 3u);
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 1, 1));
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 4, 5));
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 9, 9));
	KUNIT_EXPECT_FALSE(test, is_listed(f->dom[0]));

	/* The wait of a queue. */
	w.t = NYX_TICKET_QUEUE(f->unit);
	post(f->dom[0], 20, 20, &w.t);
	wait_and_be_killed(test, &w, &f->dom[0]->epoch);
	post(f->dom[0], 30, 30, &w.t);
	KUNIT_EXPECT_EQ(test, wait_elsewhere(test, &w), 0);
	KUNIT_EXPECT_EQ(test, l.ranges.nr, 2u);
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 20, 20));
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 30, 30));
	nyx_listener_remove(f->dom[0], &l.base);
}

/* Of two waits at once, the later one is also for what the first one was for. */
static void two_waits_have_their_ranges(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct ticket_wait w = { .t = NYX_TICKET_QUEUE(f->unit) };
	struct nyx_ticket q = NYX_TICKET_QUEUE(f->unit);
	struct listener l;

	listen(test, &l, 0);
	l.busy = true;
	post(f->dom[0], 1, 1, &w.t);
	wait_start(test, &w);
	KUNIT_EXPECT_TRUE(test, waits_for_listener(&w, &l, 0));
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 1, 1));
	WRITE_ONCE(l.busy, false);
	post(f->dom[0], 7, 7, &q);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_EQ(test, l.ranges.nr, 2u);
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 1, 1));
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 7, 7));
	/* The first wait ends when all is paid, and takes nothing from what comes after. */
	post(f->dom[0], 9, 9, &q);
	complete(&l.done);
	KUNIT_EXPECT_EQ(test, waiter_end(&w.base), 0);
	KUNIT_EXPECT_EQ(test, nyx_inval_wait(&q), 0);
	KUNIT_EXPECT_EQ(test, l.ranges.nr, 1u);
	KUNIT_EXPECT_TRUE(test, asked_for(&l, 9, 9));
	nyx_listener_remove(f->dom[0], &l.base);
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
	KUNIT_CASE(listeners_are_told_in_order),
	KUNIT_CASE(wait_waits_for_listeners),
	KUNIT_CASE(listener_is_waited_for_after_a_kill),
	KUNIT_CASE(listeners_are_told_of_the_end),
	KUNIT_CASE(command_waits_for_each),
	KUNIT_CASE(queue_waits_for_each),
	KUNIT_CASE(waits_for_no_other),
	KUNIT_CASE(post_during_a_wait_is_kept),
	KUNIT_CASE(two_wait_for_one_post),
	KUNIT_CASE(slow_wait_lists_nothing),
	KUNIT_CASE(ended_domain_takes_no_listener),
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
