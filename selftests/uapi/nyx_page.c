// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: page requests and their answers.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "nyx_env.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SECOND_SBDF	NYX_SBDF(0, 4, 0, 0)
#define LONG_MS		600000u

static void page_env(struct env *e, int *ev)
{
	env_open(e, .domain_flags = NYX_DOMAIN_F_SHARED);
	test_cmd(cmd_events_open(e->fd, NYX_EVENTS_F_NONBLOCK, ev));
}

/* Pages that differ in address and access. */
static void fill_pages(struct nyx_page *pages, __u32 nr)
{
	for (__u32 i = 0; i < nr; i++)
		pages[i] = (struct nyx_page) {
			.iova = SZ_1G + 3ull * i * SZ_4K, .access = 1 + i % 3,
		};
}

/* The events of a request; returns its group. */
static __u32 take_request(int ev, const struct env *e, __u32 sbdf, const struct nyx_page *pages,
			  __u32 nr)
{
	struct nyx_event event;
	__u32 group = 0;

	for (__u32 i = 0; i < nr; i++) {
		ktap_note("page %u of %u", i, nr);
		event_wait(ev, NYX_EVENT_PAGE_REQUEST, &event);
		ASSERT_EQ(0, event.flags);
		ASSERT_EQ(sbdf, event.page.sbdf);
		ASSERT_EQ(NYX_PASID_NONE, event.page.pasid);
		ASSERT_EQ(e->domain, event.page.domain_id);
		ASSERT_EQ(pages[i].iova, event.page.iova);
		ASSERT_EQ(pages[i].access, event.page.access);
		ASSERT_EQ(nr, event.page.nr);
		ASSERT_EQ(i, event.page.index);
		if (i)
			ASSERT_EQ(group, event.page.group);
		group = event.page.group;
		ASSERT_FILLED((char *)&event + 24 + sizeof(event.page), 0,
			      sizeof(event) - 24 - sizeof(event.page));
	}
	return group;
}

static void take_response(int ev, __u32 sbdf, __u32 group, __u32 nr, __u32 response)
{
	struct nyx_event event;

	event_wait(ev, NYX_EVENT_PAGE_RESPONSE, &event);
	ASSERT_EQ(0, event.flags);
	ASSERT_EQ(sbdf, event.page.sbdf);
	ASSERT_EQ(NYX_PASID_NONE, event.page.pasid);
	ASSERT_EQ(group, event.page.group);
	ASSERT_EQ(0, event.page.iova);
	ASSERT_EQ(nr, event.page.nr);
	ASSERT_EQ(response, event.page.response);
}

/**
 * struct asker - a thread that asks and waits
 * @e: the unit
 * @sbdf: the device
 * @pages: what for
 * @nr: how many
 * @timeout_ms: how long
 * @tid: the thread
 * @ret: what the command returned
 * @response: the answer
 */
struct asker {
	const struct env *e;
	__u32 sbdf;
	struct nyx_page pages[NYX_PAGE_GROUP_MAX];
	__u32 nr;
	__u32 timeout_ms;
	pid_t tid;
	int ret;
	__u32 response;
};

static void *ask_thread(void *arg)
{
	struct asker *a = arg;

	__atomic_store_n(&a->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	a->ret = cmd_page_ask(a->e->fd, a->sbdf, a->pages, a->nr, a->timeout_ms, &a->response);
	return NULL;
}

static pthread_t start_asker(struct asker *a, const struct env *e, __u32 nr, __u32 timeout_ms)
{
	*a = (struct asker){ .e = e, .sbdf = e->sbdf, .nr = nr, .timeout_ms = timeout_ms };
	fill_pages(a->pages, nr);
	return thread_start(ask_thread, a);
}

/* ---- request and answer ---- */

static const struct nr_case {
	const char *name;
	__u32 nr;
} nr_cases[] = {
	{ "1", 1 }, { "2", 2 }, { "63", 63 }, { "64", NYX_PAGE_GROUP_MAX },
};

TEST_EACH(ask, nr_cases)
{
	struct asker a;
	struct env e;
	pthread_t t;
	int ev;

	page_env(&e, &ev);
	for (__u32 response = NYX_PAGE_SUCCESS; response <= NYX_PAGE_FAILURE; response++) {
		__u32 group;

		t = start_asker(&a, &e, v->nr, LONG_MS);
		group = take_request(ev, &e, e.sbdf, a.pages, v->nr);
		test_cmd(cmd_page_respond(e.fd, group, response));
		/* Only once. */
		test_err(ENOENT, cmd_page_respond(e.fd, group, response));
		thread_end(t, "the asker");
		test_cmd(a.ret);
		ASSERT_EQ(response, a.response);
		test_err(ENOENT, cmd_page_respond(e.fd, group, response));
		/* A caller that waits needs no event. */
		ASSERT_EQ(0, events_count(ev, NYX_EVENT_PAGE_RESPONSE));
	}
	ASSERT_EQ(3 * v->nr, unit_stat(e.fd, NYX_STAT_PAGE_REQUESTS));
	ASSERT_EQ(0, unit_stat(e.fd, NYX_STAT_FAULTS));
}

TEST_EACH(post, nr_cases)
{
	struct nyx_page pages[NYX_PAGE_GROUP_MAX];
	__u64 values[NYX_STAT_MAX];
	__u32 group, last = 0;
	struct env e;
	int ev;

	page_env(&e, &ev);
	fill_pages(pages, v->nr);
	for (__u32 response = NYX_PAGE_SUCCESS; response <= NYX_PAGE_FAILURE; response++) {
		test_cmd(cmd_page_post(e.fd, e.sbdf, pages, v->nr, LONG_MS, &group));
		if (response)
			ASSERT_NE(last, group);
		last = group;
		ASSERT_EQ(group, take_request(ev, &e, e.sbdf, pages, v->nr));
		ASSERT_EQ(0, events_count(ev, NYX_EVENT_PAGE_RESPONSE));
		test_cmd(cmd_page_respond(e.fd, group, response));
		take_response(ev, e.sbdf, group, v->nr, response);
		test_err(ENOENT, cmd_page_respond(e.fd, group, response));
	}
	test_cmd(cmd_stats(e.fd, NYX_SCOPE_DEVICE, e.sbdf, values));
	ASSERT_EQ(3 * v->nr, values[NYX_STAT_PAGE_REQUESTS]);
}

/* Many at once, answered out of order. */
TEST(many)
{
	enum { NR = NYX_PAGE_GROUPS_MAX };
	struct nyx_page page = { .iova = SZ_1G, .access = RW };
	__u32 group[NR];
	struct env e;
	int ev;

	page_env(&e, &ev);
	for (__u32 i = 0; i < NR; i++) {
		page.iova += SZ_4K;
		test_cmd(cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &group[i]));
		for (__u32 j = 0; j < i; j++)
			ASSERT_NE(group[j], group[i]);
	}
	for (__u32 i = 0; i < NR; i++) {
		const __u32 n = i * 27 % NR;

		test_cmd(cmd_page_respond(e.fd, group[n], n % 3));
		take_response(ev, e.sbdf, group[n], 1, n % 3);
	}
}

/* A device that meets a page that is not there, asks for it, and goes on. */
struct server {
	const struct env *e;
	int ev;
	unsigned int served;
};

static void *serve(void *arg)
{
	struct server *s = arg;
	struct nyx_event event;

	for (unsigned int i = 0; i < 40; i++) {
		event_wait(s->ev, NYX_EVENT_PAGE_REQUEST, &event);
		test_cmd(cmd_map(s->e->fd, s->e->domain, event.page.iova,
				 event.page.iova % SZ_1M, SZ_4K, event.page.access));
		s->served++;
		if (event.page.index == event.page.nr - 1)
			test_cmd(cmd_page_respond(s->e->fd, event.page.group, NYX_PAGE_SUCCESS));
	}
	return NULL;
}

TEST(device_that_asks)
{
	struct server s = { .served = 0 };
	struct nyx_page pages[2];
	struct nyx_dma c;
	struct env e;
	pthread_t t;
	__u32 response;

	page_env(&e, &s.ev);
	s.e = &e;
	t = thread_start(serve, &s);
	for (__u64 i = 0; i < 20; i++) {
		const __u64 iova = SZ_1G + 2 * i * SZ_4K;

		test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, iova, &i, sizeof(i)));
		ASSERT_NE(NYX_FAULT_NONE, c.out_fault.reason);
		for (int j = 0; j < 2; j++)
			pages[j] = (struct nyx_page) { .iova = iova + j * SZ_4K, .access = RW };
		test_cmd(cmd_page_ask(e.fd, e.sbdf, pages, 2, LONG_MS, &response));
		ASSERT_EQ(NYX_PAGE_SUCCESS, response);
		dma_write(e.fd, e.sbdf, iova, &i, sizeof(i));
		dma_write(e.fd, e.sbdf, iova + SZ_4K, &i, sizeof(i));
		ASSERT_SAME(e.mem + iova % SZ_1M, &i, sizeof(i));
	}
	thread_end(t, "the server");
	ASSERT_EQ(40, s.served);
}

/* ---- no answer ---- */

/* Jiffies are late where ticks come late, so a time-out may look a few of them early. */
static bool waited(__u64 from, __u32 ms)
{
	return boottime_ns() - from >= ms * 750000ull;
}

TEST(timeout_of_who_waits)
{
	struct nyx_page page = { .iova = SZ_1G, .access = RW };
	__u32 group, response;
	struct env e;
	__u64 from;
	int ev;

	page_env(&e, &ev);
	for (__u32 ms = 1; ms < 300; ms *= 4) {
		from = boottime_ns();
		test_cmd(cmd_page_ask(e.fd, e.sbdf, &page, 1, ms, &response));
		ASSERT_EQ(NYX_PAGE_TIMEOUT, response);
		ASSERT_TRUE(waited(from, ms));
		group = take_request(ev, &e, e.sbdf, &page, 1);
		test_err(ENOENT, cmd_page_respond(e.fd, group, NYX_PAGE_SUCCESS));
	}
	ASSERT_EQ(0, events_count(ev, NYX_EVENT_PAGE_RESPONSE));
}

TEST(timeout_of_who_does_not)
{
	struct nyx_page pages[3];
	struct env e;
	__u32 group;
	__u64 from;
	int ev;

	page_env(&e, &ev);
	fill_pages(pages, 3);
	for (__u32 ms = 1; ms < 300; ms *= 4) {
		from = boottime_ns();
		test_cmd(cmd_page_post(e.fd, e.sbdf, pages, 3, ms, &group));
		take_response(ev, e.sbdf, group, 3, NYX_PAGE_TIMEOUT);
		ASSERT_TRUE(waited(from, ms));
		test_err(ENOENT, cmd_page_respond(e.fd, group, NYX_PAGE_SUCCESS));
	}
}

static void on_signal(int sig)
{
	(void)sig;
}

TEST(interrupted)
{
	struct sigaction sa = { .sa_handler = on_signal };	/* no SA_RESTART */
	struct asker a;
	struct env e;
	pthread_t t;
	__u32 group;
	int ev;

	sigaction(SIGUSR1, &sa, NULL);
	page_env(&e, &ev);
	t = start_asker(&a, &e, 2, LONG_MS);
	group = take_request(ev, &e, e.sbdf, a.pages, 2);
	while (pthread_tryjoin_np(t, NULL)) {
		pthread_kill(t, SIGUSR1);
		pause_ms(1);
	}
	ASSERT_EQ(-EINTR, a.ret);
	/* Withdrawn. */
	test_err(ENOENT, cmd_page_respond(e.fd, group, NYX_PAGE_SUCCESS));
	ASSERT_EQ(0, events_count(ev, NYX_EVENT_PAGE_RESPONSE));
}

TEST(killed)
{
	struct nyx_page page = { .iova = SZ_1G, .access = RW };
	struct env e;
	int ev, status;
	__u32 group;
	pid_t pid;

	page_env(&e, &ev);
	pid = fork();
	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		__u32 response;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		cmd_page_ask(e.fd, e.sbdf, &page, 1, LONG_MS, &response);
		_exit(0);	/* must not come before it is killed */
	}
	group = take_request(ev, &e, e.sbdf, &page, 1);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	test_err(ENOENT, cmd_page_respond(e.fd, group, NYX_PAGE_SUCCESS));
}

/* ---- limits and other objects ---- */

TEST(group_limit)
{
	struct nyx_page page = { .iova = SZ_1G, .access = RW };
	__u32 group[NYX_PAGE_GROUPS_MAX], other, response;
	struct snapshot s;
	struct env e;
	int ev;

	page_env(&e, &ev);
	test_cmd(cmd_device_add(e.fd, SECOND_SBDF));
	test_cmd(cmd_device_attach(e.fd, SECOND_SBDF, e.domain, 0));
	for (__u32 i = 0; i < NYX_PAGE_GROUPS_MAX; i++)
		test_cmd(cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &group[i]));
	for (int i = 0; i < 3; i++) {
		snapshot_take(&s, e.fd, true);
		test_err(ENOSPC, cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &other));
		test_err(ENOSPC, cmd_page_ask(e.fd, e.sbdf, &page, 1, LONG_MS, &response));
		snapshot_check(&s, e.fd, true);
		snapshot_free(&s);
		/* Another device has its own. */
		test_cmd(cmd_page_post(e.fd, SECOND_SBDF, &page, 1, LONG_MS, &other));
		/* One that was answered makes room for one. */
		test_cmd(cmd_page_respond(e.fd, group[i], NYX_PAGE_SUCCESS));
		test_cmd(cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &group[i]));
	}
	/* So does one that timed out. */
	test_cmd(cmd_page_respond(e.fd, group[0], NYX_PAGE_SUCCESS));
	test_cmd(cmd_page_ask(e.fd, e.sbdf, &page, 1, 1, &response));
	ASSERT_EQ(NYX_PAGE_TIMEOUT, response);
	test_cmd(cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &group[0]));
	test_err(ENOSPC, cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &other));
}

#define UNIT_GROUPS	4096u	/* of all devices of a unit, without an answer */

static __u32 asker_sbdf(__u32 i)
{
	return 0x100 + i;
}

/* Many devices, none of which is at its own limit. */
TEST(unit_group_limit)
{
	const __u32 each = NYX_PAGE_GROUPS_MAX - 1, nr = UNIT_GROUPS / each + 1;
	struct nyx_page page = { .iova = SZ_1G, .access = RW };
	__u32 last, id, response;
	struct snapshot s;
	struct env e;

	env_open(&e, .domain_flags = NYX_DOMAIN_F_SHARED, .events = 4 * UNIT_GROUPS);
	for (__u32 i = 0; i < nr; i++) {
		test_cmd(cmd_device_add(e.fd, asker_sbdf(i)));
		test_cmd(cmd_device_attach(e.fd, asker_sbdf(i), e.domain, 0));
	}
	for (__u32 i = 0; i < UNIT_GROUPS; i++)
		test_cmd(cmd_page_post(e.fd, asker_sbdf(i / each), &page, 1, LONG_MS, &last));
	for (int i = 0; i < 3; i++) {
		snapshot_take(&s, e.fd, true);
		test_err(ENOSPC, cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &id));
		test_err(ENOSPC, cmd_page_ask(e.fd, e.sbdf, &page, 1, LONG_MS, &response));
		snapshot_check(&s, e.fd, true);
		snapshot_free(&s);
		/* One that was answered makes room for one. */
		test_cmd(cmd_page_respond(e.fd, last, NYX_PAGE_SUCCESS));
		test_cmd(cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &last));
	}
	/* So do those of a device that goes. */
	test_cmd(cmd_device_remove(e.fd, asker_sbdf(0)));
	for (__u32 i = 0; i < each; i++)
		test_cmd(cmd_page_post(e.fd, asker_sbdf(nr - 1), &page, 1, LONG_MS, &id));
}

/* The pages of all groups take up no more than half of the unit's events. */
TEST(page_limit)
{
	enum { EVENTS = 256 };
	struct nyx_page pages[NYX_PAGE_GROUP_MAX];
	__u32 group[2], id;
	struct snapshot s;
	struct env e;

	fill_pages(pages, NYX_PAGE_GROUP_MAX);
	env_open(&e, .domain_flags = NYX_DOMAIN_F_SHARED, .events = EVENTS);
	test_cmd(cmd_device_add(e.fd, SECOND_SBDF));
	test_cmd(cmd_device_attach(e.fd, SECOND_SBDF, e.domain, 0));
	ASSERT_EQ(EVENTS / 2, 2 * NYX_PAGE_GROUP_MAX);
	test_cmd(cmd_page_post(e.fd, e.sbdf, pages, NYX_PAGE_GROUP_MAX, LONG_MS, &group[0]));
	test_cmd(cmd_page_post(e.fd, e.sbdf, pages, NYX_PAGE_GROUP_MAX - 1, LONG_MS, &group[1]));
	for (int i = 0; i < 3; i++) {
		ktap_note("turn %d", i);
		snapshot_take(&s, e.fd, true);
		test_err(ENOSPC, cmd_page_post(e.fd, SECOND_SBDF, pages, 2, LONG_MS, &id));
		snapshot_check(&s, e.fd, true);
		snapshot_free(&s);
		test_cmd(cmd_page_post(e.fd, SECOND_SBDF, pages, 1, LONG_MS, &id));
		test_err(ENOSPC, cmd_page_post(e.fd, SECOND_SBDF, pages, 1, LONG_MS, &group[1]));
		test_cmd(cmd_page_respond(e.fd, id, NYX_PAGE_SUCCESS));
		/* As many as the answered one had. */
		test_cmd(cmd_page_respond(e.fd, group[0], NYX_PAGE_FAILURE));
		test_cmd(cmd_page_post(e.fd, SECOND_SBDF, pages, NYX_PAGE_GROUP_MAX, LONG_MS,
				       &group[0]));
	}
}

/* A group is answered in its own unit only. */
TEST(of_another_unit)
{
	struct nyx_page page = { .iova = SZ_1G, .access = RW };
	__u32 here[3], there[3];
	struct env e, other;
	int ev, ev2;

	page_env(&e, &ev);
	page_env(&other, &ev2);
	test_cmd(cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &here[0]));
	test_err(ENOENT, cmd_page_respond(other.fd, here[0], NYX_PAGE_SUCCESS));
	/* With groups there, too: each is one's own. */
	for (int i = 0; i < 3; i++)
		test_cmd(cmd_page_post(other.fd, other.sbdf, &page, 1, LONG_MS, &there[i]));
	for (int i = 0; i < 3; i++)
		test_cmd(cmd_page_respond(other.fd, there[i], NYX_PAGE_FAILURE));
	ASSERT_EQ(0, events_count(ev, NYX_EVENT_PAGE_RESPONSE));
	test_cmd(cmd_page_respond(e.fd, here[0], NYX_PAGE_INVALID));
	take_response(ev, e.sbdf, here[0], 1, NYX_PAGE_INVALID);
	ASSERT_EQ(3, events_count(ev2, NYX_EVENT_PAGE_RESPONSE));
}

TEST(kinds_of_domain)
{
	struct nyx_page page = { .iova = SZ_1G, .access = RW };
	__u32 identity, blocked, group;
	struct env e;
	int ev, ret;

	page_env(&e, &ev);
	test_cmd(cmd_domain_kind(e.fd, NYX_DOMAIN_IDENTITY, 0, &identity));
	test_cmd(cmd_domain_kind(e.fd, NYX_DOMAIN_BLOCKED, 0, &blocked));
	test_cmd(cmd_device_attach(e.fd, e.sbdf, identity, NYX_ATTACH_F_REPLACE));
	test_err(EOPNOTSUPP, cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &group));
	test_cmd(cmd_device_attach(e.fd, e.sbdf, blocked, NYX_ATTACH_F_REPLACE));
	test_err(EOPNOTSUPP, cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &group));
	test_cmd(cmd_device_detach(e.fd, e.sbdf));
	ret = cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &group);
	ASSERT_TRUE(ret == -EOPNOTSUPP || ret == -ENOENT);
	ASSERT_EQ(0, events_count(ev, NYX_EVENT_PAGE_REQUEST));
	ASSERT_EQ(0, unit_stat(e.fd, NYX_STAT_PAGE_REQUESTS));
	test_cmd(cmd_device_attach(e.fd, e.sbdf, e.domain, 0));
	test_cmd(cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &group));
}

/* A device that may do nothing may not ask either; earlier requests can be answered. */
TEST(quarantined)
{
	static const __u32 actions[] = { NYX_DEVICE_DO_QUARANTINE, NYX_DEVICE_DO_DISABLE };
	struct nyx_page page = { .iova = SZ_1G, .access = RW };
	__u32 group, response, asked;
	struct env e;
	int ev;

	page_env(&e, &ev);
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		test_cmd(cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &asked));
		test_cmd(cmd_device_control(e.fd, e.sbdf, actions[i]));
		test_err(EPERM, cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &group));
		test_err(EPERM, cmd_page_ask(e.fd, e.sbdf, &page, 1, LONG_MS, &response));
		ASSERT_EQ(1, events_count(ev, NYX_EVENT_PAGE_REQUEST));
		test_cmd(cmd_page_respond(e.fd, asked, NYX_PAGE_INVALID));
		test_cmd(cmd_device_control(e.fd, e.sbdf, NYX_DEVICE_DO_RESET));
		test_cmd(cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &group));
		test_cmd(cmd_page_respond(e.fd, group, NYX_PAGE_SUCCESS));
		events_count(ev, NYX_EVENT_PAGE_REQUEST);
	}
	ASSERT_EQ(4, unit_stat(e.fd, NYX_STAT_PAGE_REQUESTS));
}

/* ---- the end of things ---- */

static int end_remove(struct env *e)
{
	return cmd_device_remove(e->fd, e->sbdf);
}

static int end_remove_others(struct env *e)
{
	test_cmd(cmd_device_detach(e->fd, e->sbdf));
	test_cmd(cmd_domain_destroy(e->fd, e->domain));
	return cmd_device_remove(e->fd, e->sbdf);
}

static int end_destroy(struct env *e)
{
	return cmd_unit_destroy(e->fd);
}

static const struct end_case {
	const char *name;
	int (*end)(struct env *e);
} end_cases[] = {
	{ "device_removed", end_remove }, { "all_removed", end_remove_others },
	{ "unit_destroyed", end_destroy },
};

/* A caller that waits goes on, and nothing can be answered any more. */
TEST_EACH(ended_while_waiting, end_cases)
{
	struct asker a;
	struct env e;
	pthread_t t;
	__u32 group;
	int ev, ret;

	page_env(&e, &ev);
	t = start_asker(&a, &e, 3, LONG_MS);
	group = take_request(ev, &e, e.sbdf, a.pages, 3);
	test_cmd(v->end(&e));
	thread_end(t, "the asker");
	ktap_note("returned %d, response %u", a.ret, a.response);
	ASSERT_TRUE(a.ret == -ENODEV || a.ret == -ENOENT ||
		    (!a.ret && a.response != NYX_PAGE_SUCCESS));
	ret = cmd_page_respond(e.fd, group, NYX_PAGE_SUCCESS);
	ASSERT_EQ(v->end == end_destroy ? -ENODEV : -ENOENT, ret);
}

/* The same for those that do not wait, and again for a device of the same name. */
TEST_EACH(ended_while_posted, end_cases)
{
	struct nyx_page page = { .iova = SZ_1G, .access = RW };
	__u32 group[NYX_PAGE_GROUPS_MAX], fresh;
	struct env e;
	int ev;

	page_env(&e, &ev);
	for (__u32 i = 0; i < NYX_PAGE_GROUPS_MAX; i++)
		test_cmd(cmd_page_post(e.fd, e.sbdf, &page, 1, 50 + i, &group[i]));
	test_cmd(v->end(&e));
	if (v->end == end_remove) {
		test_cmd(cmd_device_add(e.fd, e.sbdf));
		test_cmd(cmd_device_attach(e.fd, e.sbdf, e.domain, 0));
		for (__u32 i = 0; i < NYX_PAGE_GROUPS_MAX; i++)
			test_err(ENOENT, cmd_page_respond(e.fd, group[i], NYX_PAGE_SUCCESS));
		test_cmd(cmd_page_post(e.fd, e.sbdf, &page, 1, LONG_MS, &fresh));
		pause_ms(200);
		test_cmd(cmd_page_respond(e.fd, fresh, NYX_PAGE_SUCCESS));
		return;
	}
	close(e.fd);
	pause_ms(200);
}

/* ---- all at once ---- */

struct page_race {
	struct env e;
	int ev;
	unsigned long n;
	unsigned long answered, timed_out;
};

static void *race_asker(void *arg)
{
	struct page_race *r = arg;
	struct nyx_page page = { .iova = SZ_1G, .access = RW };
	__u32 response;

	for (unsigned long i = 0; i < r->n; i++) {
		int ret = cmd_page_ask(r->e.fd, r->e.sbdf, &page, 1, 1 + i % 3, &response);

		test_cmd(ret);
		if (response == NYX_PAGE_TIMEOUT) {
			__atomic_add_fetch(&r->timed_out, 1, __ATOMIC_RELAXED);
		} else {
			ASSERT_EQ(NYX_PAGE_INVALID, response);
			__atomic_add_fetch(&r->answered, 1, __ATOMIC_RELAXED);
		}
	}
	return NULL;
}

/* Each group has one answer: an answer that worked arrives, the others time out. */
TEST(answers_and_timeouts)
{
	struct page_race r = { .n = ktap_iterations(150) };
	unsigned long worked = 0, seen = 0;
	struct nyx_event event;
	pthread_t t[3];

	page_env(&r.e, &r.ev);
	for (int i = 0; i < 3; i++)
		t[i] = thread_start(race_asker, &r);
	while (seen < 3 * r.n) {
		int ret;

		event_wait(r.ev, NYX_EVENT_PAGE_REQUEST, &event);
		seen++;
		if (seen % 3 == 0)
			pause_ms(seen % 4);
		ret = cmd_page_respond(r.e.fd, event.page.group, NYX_PAGE_INVALID);
		ASSERT_TRUE(!ret || ret == -ENOENT);
		worked += !ret;
	}
	for (int i = 0; i < 3; i++)
		thread_end(t[i], "the asker");
	ktap_print("%lu answers, %lu time-outs", r.answered, r.timed_out);
	ASSERT_EQ(worked, r.answered);
	ASSERT_EQ(3 * r.n, r.answered + r.timed_out);
}
