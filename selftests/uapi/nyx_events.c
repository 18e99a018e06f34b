// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: the stream of events: order, loss, readers, the end.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "nyx_env.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

#define RING	16u	/* the smallest */

/* @n faults, at IOVAs that tell them apart. */
static void make_faults(const struct env *e, __u64 first, unsigned int n)
{
	struct nyx_dma c;
	char byte = 0;

	for (unsigned int i = 0; i < n; i++) {
		test_cmd(cmd_dma_write(e->fd, &c, e->sbdf, (first + i) * SZ_4K, &byte, 1));
		ASSERT_NE(NYX_FAULT_NONE, c.out_fault.reason);
	}
}

static void check_event(const struct nyx_event *event, __u64 seq, __u64 page)
{
	ASSERT_EQ(NYX_EVENT_FAULT, event->type);
	ASSERT_EQ(0, event->flags);
	ASSERT_EQ(seq, event->seq);
	ASSERT_EQ(page * SZ_4K, event->fault.fault.iova);
}

TEST(layout)
{
	ASSERT_EQ(128, sizeof(struct nyx_event));
	ASSERT_EQ(24, offsetof(struct nyx_event, lost));
	ASSERT_EQ(24, offsetof(struct nyx_event, fault));
}

TEST(record)
{
	struct nyx_event event;
	__u64 before, after;
	struct nyx_dma c;
	char buf[100] = { 0 };
	struct env e;
	int ev;

	env_open(&e);
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	ASSERT_TRUE(fcntl(ev, F_GETFD) & FD_CLOEXEC);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_4K, NYX_PROT_READ));
	before = boottime_ns();
	test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, 0x123, buf, 100));
	after = boottime_ns();
	ASSERT_EQ(1, events_read(ev, &event, 1));
	ASSERT_EQ(NYX_EVENT_FAULT, event.type);
	ASSERT_EQ(0, event.flags);
	ASSERT_EQ(0, event.seq);
	ASSERT_TRUE(event.time_ns >= before && event.time_ns <= after);
	ASSERT_EQ(e.sbdf, event.fault.sbdf);
	ASSERT_EQ(NYX_PASID_NONE, event.fault.pasid);
	ASSERT_EQ(e.domain, event.fault.domain_id);
	ASSERT_EQ(NYX_CAUSE_PERMISSION, event.fault.cause);
	ASSERT_EQ(NYX_PROT_READ, event.fault.prot);
	ASSERT_EQ(1, event.fault.count);
	ASSERT_EQ(100, event.fault.length);
	check_fault(&event.fault.fault, NYX_FAULT_WRITE_DENIED, NYX_PROT_WRITE, 0, 0x123, 0x123);
	ASSERT_EQ(0, memcmp(&event.fault.fault, &c.out_fault, sizeof(c.out_fault)));
	ASSERT_FILLED((char *)&event + 24 + sizeof(event.fault), 0,
		      sizeof(event) - 24 - sizeof(event.fault));

	/* The length is what was left from the refused byte on. */
	test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, SZ_4K - 30, buf, 100));
	ASSERT_EQ(1, events_read(ev, &event, 1));
	ASSERT_EQ(1, event.seq);
	ASSERT_EQ(70, event.fault.length);
	check_fault(&event.fault.fault, NYX_FAULT_NOT_PRESENT, NYX_PROT_READ, 0, SZ_4K,
		    NYX_GPA_UNKNOWN);

	/* A device without a domain. */
	test_cmd(cmd_device_detach(e.fd, e.sbdf));
	dma_refused(e.fd, e.sbdf, 5, NYX_PROT_READ, NYX_FAULT_NO_DOMAIN);
	ASSERT_EQ(1, events_read(ev, &event, 1));
	ASSERT_EQ(2, event.seq);
	ASSERT_EQ(0, event.fault.domain_id);
	check_fault(&event.fault.fault, NYX_FAULT_NO_DOMAIN, NYX_PROT_READ, NYX_LEVEL_NONE, 5,
		    NYX_GPA_UNKNOWN);
}

TEST(sizes_of_read)
{
	struct nyx_event event[4];
	struct env e;
	char *raw = (char *)event;
	int ev;

	env_open(&e);
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	make_faults(&e, 0, 3);
	ASSERT_EQ(-1, read(ev, raw, sizeof(event[0]) - 1));
	ASSERT_EQ(EINVAL, errno);
	ASSERT_EQ(-1, read(ev, raw, 1));
	ASSERT_EQ(EINVAL, errno);
	ASSERT_EQ(-1, read(ev, (void *)-4096, sizeof(event[0])));
	ASSERT_EQ(EFAULT, errno);
	/* Whole records only; nothing was lost by the failing ones. */
	memset(event, NYX_POISON, sizeof(event));
	ASSERT_EQ(sizeof(event[0]), read(ev, raw, 2 * sizeof(event[0]) - 1));
	check_event(&event[0], 0, 0);
	ASSERT_FILLED(raw + sizeof(event[0]), NYX_POISON, 3 * sizeof(event[0]));
	ASSERT_EQ(2 * sizeof(event[0]), read(ev, raw, sizeof(event)));
	check_event(&event[0], 1, 1);
	check_event(&event[1], 2, 2);
	ASSERT_EQ(-1, read(ev, raw, sizeof(event)));
	ASSERT_EQ(EAGAIN, errno);
	/* It is a stream to read from and nothing else. */
	ASSERT_TRUE(write(ev, raw, sizeof(event[0])) < 0);
	ASSERT_TRUE(ioctl(ev, NYX_UNIT_DESTROY, raw) < 0);
}

TEST(polling)
{
	struct nyx_event event;
	struct pollfd p;
	struct env e;
	int ev;

	env_open(&e);
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	p = (struct pollfd){ .fd = ev, .events = POLLIN | POLLOUT };
	ASSERT_EQ(0, poll(&p, 1, 0));
	make_faults(&e, 0, 2);
	ASSERT_EQ(1, poll(&p, 1, -1));
	ASSERT_EQ(POLLIN, p.revents);
	ASSERT_EQ(1, events_read(ev, &event, 1));
	ASSERT_EQ(1, poll(&p, 1, 0));
	ASSERT_EQ(1, events_read(ev, &event, 1));
	ASSERT_EQ(0, poll(&p, 1, 0));
	/* The end is readable, too. */
	make_faults(&e, 7, 1);
	test_cmd(cmd_unit_destroy(e.fd));
	ASSERT_EQ(1, poll(&p, 1, 0));
	ASSERT_TRUE(p.revents & POLLIN);
	ASSERT_EQ(1, events_read(ev, &event, 1));
	check_event(&event, 2, 7);
	ASSERT_EQ(1, poll(&p, 1, 0));
	ASSERT_EQ(0, events_read(ev, &event, 1));
	ASSERT_EQ(0, read(ev, &event, sizeof(event)));
}

TEST(history)
{
	struct nyx_event event[8];
	struct env e;
	int all, next;

	env_open(&e, .events = RING);
	make_faults(&e, 0, 5);
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_HISTORY | NYX_EVENTS_F_NONBLOCK, &all));
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_NONBLOCK, &next));
	ASSERT_EQ(0, events_read(next, event, 8));
	make_faults(&e, 5, 1);
	ASSERT_EQ(6, events_read(all, event, 8));
	for (unsigned int i = 0; i < 6; i++)
		check_event(&event[i], i, i);
	ASSERT_EQ(1, events_read(next, event, 8));
	check_event(&event[0], 5, 5);
	close(all);

	/* The oldest that is there; what is gone was never promised to a new reader. */
	make_faults(&e, 6, 100);
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_HISTORY | NYX_EVENTS_F_NONBLOCK, &all));
	ASSERT_EQ(8, events_read(all, event, 8));
	check_event(&event[0], 106 - RING, 106 - RING);
}

/* Of @behind records a reader that did not read finds the last RING. */
TEST(lost)
{
	static const unsigned int counts[] = { 1, 15, 16, 17, 18, 31, 32, 33, 100, 1000 };
	struct nyx_event event[2 * RING];
	__u64 seq = 0, lost = 0;
	struct env e;
	int ev;

	env_open(&e, .events = RING);
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		const unsigned int behind = counts[i];
		unsigned int n, at = 0;

		ktap_note("%u records", behind);
		make_faults(&e, seq, behind);
		n = events_read(ev, event, 2 * RING);
		if (behind > RING) {
			ASSERT_EQ(RING + 1, n);
			ASSERT_EQ(NYX_EVENT_LOST, event[0].type);
			ASSERT_EQ(0, event[0].flags);
			ASSERT_EQ(seq, event[0].seq);
			ASSERT_EQ(behind - RING, event[0].lost);
			ASSERT_FILLED((char *)&event[0] + 32, 0, sizeof(event[0]) - 32);
			lost += behind - RING;
			seq += behind - RING;
			at = 1;
		} else {
			ASSERT_EQ(behind, n);
		}
		for (; at < n; at++, seq++)
			check_event(&event[at], seq, seq);
		ASSERT_EQ(lost, unit_stat(e.fd, NYX_STAT_EVENTS_LOST));
		ASSERT_EQ(0, events_read(ev, event, 1));
	}
	/* The record of the loss takes the room of one in a small read. */
	make_faults(&e, seq, 20);
	ASSERT_EQ(1, events_read(ev, event, 1));
	ASSERT_EQ(NYX_EVENT_LOST, event[0].type);
	ASSERT_EQ(4, event[0].lost);
	make_faults(&e, seq + 20, 1);
	ASSERT_EQ(1, events_read(ev, event, 1));
	/* Overtaken again by that one. */
	ASSERT_EQ(NYX_EVENT_LOST, event[0].type);
	ASSERT_EQ(seq + 4, event[0].seq);
	ASSERT_EQ(1, event[0].lost);
	ASSERT_EQ(RING, events_read(ev, event, 2 * RING));
	check_event(&event[0], seq + 5, seq + 5);
}

/* Each reads at its own pace; the unit counts the losses of all. */
TEST(two_readers)
{
	struct nyx_event event[2 * RING];
	int fast, slow, late;
	struct env e;

	env_open(&e, .events = RING);
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_NONBLOCK, &fast));
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_NONBLOCK, &slow));
	for (unsigned int i = 0; i < 50; i++) {
		make_faults(&e, i, 1);
		ASSERT_EQ(1, events_read(fast, event, 2 * RING));
		check_event(&event[0], i, i);
	}
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_NONBLOCK, &late));
	ASSERT_EQ(RING + 1, events_read(slow, event, 2 * RING));
	ASSERT_EQ(50 - RING, event[0].lost);
	check_event(&event[1], 50 - RING, 50 - RING);
	make_faults(&e, 50, RING + 2);
	ASSERT_EQ(RING + 1, events_read(late, event, 2 * RING));
	ASSERT_EQ(2, event[0].lost);
	ASSERT_EQ(50, event[0].seq);
	close(late);
	ASSERT_EQ(RING + 1, events_read(fast, event, 2 * RING));
	ASSERT_EQ(2, event[0].lost);
	ASSERT_EQ(50 - RING + 2 + 2, unit_stat(e.fd, NYX_STAT_EVENTS_LOST));
}

struct stream {
	struct env e;
	int ev;
	unsigned long faults;
	unsigned long seen, lost;
};

static void *stream_reader(void *arg)
{
	struct stream *s = arg;
	struct nyx_event event[7];
	__u64 expect = 0;
	ssize_t n;

	while ((n = read(s->ev, event, sizeof(event))) > 0) {
		for (unsigned int i = 0; i < n / sizeof(event[0]); i++) {
			ASSERT_EQ(expect, event[i].seq);
			if (event[i].type == NYX_EVENT_LOST) {
				s->lost += event[i].lost;
				expect += event[i].lost;
			} else {
				check_event(&event[i], expect, expect);
				s->seen++;
				expect++;
			}
		}
	}
	ASSERT_EQ(0, n);
	return NULL;
}

/* Nothing is missing that is not told, nothing comes twice, until the very end. */
TEST(blocking_readers)
{
	enum { READERS = 3 };
	struct stream s[READERS] = { { .ev = -1 } };
	pthread_t t[READERS];
	struct env e;
	const unsigned long n = ktap_iterations(3000);

	env_open(&e, .events = 64);
	for (int i = 0; i < READERS; i++) {
		test_cmd(cmd_events_open(e.fd, 0, &s[i].ev));
		t[i] = thread_start(stream_reader, &s[i]);
	}
	for (unsigned long i = 0; i < n; i++) {
		make_faults(&e, i, 1);
		if (i % 97 == 0)
			sched_yield();
	}
	test_cmd(cmd_unit_destroy(e.fd));
	for (int i = 0; i < READERS; i++) {
		pthread_join(t[i], NULL);
		ktap_print("reader %d: %lu records, %lu lost", i, s[i].seen, s[i].lost);
		ASSERT_EQ(n, s[i].seen + s[i].lost);
	}
}

static void on_signal(int sig)
{
	(void)sig;
}

struct waiter {
	int ev;
	pid_t tid;
	ssize_t ret;
	int error;
};

static void *wait_for_event(void *arg)
{
	struct waiter *w = arg;
	struct nyx_event event;

	__atomic_store_n(&w->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	w->ret = read(w->ev, &event, sizeof(event));
	w->error = errno;
	return NULL;
}

static pthread_t start_waiter(struct waiter *w)
{
	pthread_t t = thread_start(wait_for_event, w);

	while (!__atomic_load_n(&w->tid, __ATOMIC_ACQUIRE))
		sched_yield();
	wait_asleep(w->tid);
	return t;
}

/* A reader that waits can be interrupted, and its descriptor closed elsewhere. */
TEST(interrupted)
{
	struct sigaction sa = { .sa_handler = on_signal };	/* no SA_RESTART */
	struct waiter w = { .tid = 0 };
	pthread_t t;
	struct env e;

	env_open(&e);
	sigaction(SIGUSR1, &sa, NULL);
	test_cmd(cmd_events_open(e.fd, 0, &w.ev));
	t = start_waiter(&w);
	/* Until it hits the read: the thread may not have come that far. */
	while (pthread_tryjoin_np(t, NULL)) {
		pthread_kill(t, SIGUSR1);
		usleep(1000);
	}
	ASSERT_EQ(-1, w.ret);
	ASSERT_EQ(EINTR, w.error);
}

TEST(closed_while_waiting)
{
	struct waiter w = { .tid = 0 };
	struct nyx_event event;
	struct env e;
	pthread_t t;
	int ev;

	env_open(&e);
	test_cmd(cmd_events_open(e.fd, 0, &w.ev));
	ev = dup(w.ev);
	t = start_waiter(&w);
	/* The read holds the file: it goes on, and ends with an event. */
	close(w.ev);
	make_faults(&e, 3, 1);
	pthread_join(t, NULL);
	ASSERT_EQ(sizeof(event), w.ret);
	/* A duplicate shares the position. */
	test_cmd(fcntl(ev, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(0, events_read(ev, &event, 1));
}

/* The stream outlives the unit: history and a reader that comes late to the end. */
TEST(after_the_end)
{
	struct nyx_event event[8];
	struct env e;
	int ev;

	env_open(&e);
	make_faults(&e, 0, 3);
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_HISTORY, &ev));
	make_faults(&e, 3, 1);
	close(e.fd);
	ASSERT_EQ(4, events_read(ev, event, 8));
	check_event(&event[3], 3, 3);
	ASSERT_EQ(0, read(ev, event, sizeof(event)));
	ASSERT_EQ(0, read(ev, event, sizeof(event)));
}

/* Many descriptors: all see the same. */
TEST(many_readers)
{
	enum { READERS = 200 };
	struct nyx_event event;
	int ev[READERS];
	struct env e;

	env_open(&e);
	for (int i = 0; i < READERS; i++)
		test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_NONBLOCK, &ev[i]));
	make_faults(&e, 42, 1);
	for (int i = 0; i < READERS; i++) {
		ASSERT_EQ(1, events_read(ev[i], &event, 1));
		check_event(&event, 0, 42);
	}
}

/* A flood of faults from several devices leaves the unit usable. */
TEST(flood)
{
	struct nyx_device_info info;
	struct nyx_unit_info unit;
	struct nyx_dma *c = ktap_alloc(1000 * sizeof(*c));
	const unsigned long n = ktap_iterations(20);
	struct env e;
	__u32 done;

	env_open(&e, .events = RING);
	for (__u32 i = 0; i < 4; i++)
		test_cmd(cmd_device_add(e.fd, 0x1000 + i));
	for (unsigned int i = 0; i < 1000; i++) {
		nyx_dma_init(&c[i], 0x1000 + i % 4, NYX_DMA_FILL, i, 8);
		c[i].width = 8;
	}
	for (unsigned long i = 0; i < n; i++) {
		test_cmd(cmd_array(e.fd, NYX_CMD_DMA, c, sizeof(*c), 1000, &done));
		ASSERT_EQ(1000, done);
	}
	for (__u32 i = 0; i < 4; i++) {
		device_info(e.fd, 0x1000 + i, &info);
		ASSERT_EQ(250 * n, info.fault_events);
		ASSERT_TRUE(info.last_fault_ns && info.last_fault_ns <= boottime_ns());
	}
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(1000 * n, unit.fault_events);
	ASSERT_EQ(1000 * n, unit_stat(e.fd, NYX_STAT_FAULTS));
}
