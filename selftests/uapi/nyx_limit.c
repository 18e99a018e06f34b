// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: limits of devices and domains.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A request that must be held back has a rate so low that no machine is slow enough for it
 * to pass; a wait has a lower bound in time and no upper one.
 */
#include "nyx_env.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SECOND_SBDF	NYX_SBDF(0, 4, 0, 0)
#define THIRD_SBDF	NYX_SBDF(0, 5, 0, 0)
#define MANY		1000	/* attempts before a rate of one per second stops them */

/**
 * struct limited - a unit on two files
 * @e: the unit, [0, 1M) mapped, the domain shared
 * @nb: a file that does not block
 */
struct limited {
	struct env e;
	int nb;
};

static int open_nonblocking(const struct env *e)
{
	int fd = nyx_open();

	test_cmd(cmd_unit_open(fd, e->unit, NULL, NULL));
	test_cmd(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK));
	return fd;
}

static void limited_env(struct limited *l)
{
	env_open(&l->e, .domain_flags = NYX_DOMAIN_F_SHARED);
	test_cmd(cmd_map(l->e.fd, l->e.domain, 0, 0, SZ_1M, RW));
	test_cmd(cmd_irte_simple(l->e.fd, 1, 1, 0x40));
	l->nb = open_nonblocking(&l->e);
}

static void set_limits(const struct limited *l, __u32 scope, __u64 bytes, __u64 ops, __u64 irqs,
		       __u32 burst_ms)
{
	const struct nyx_limits limits = {
		.bytes_per_s = bytes, .ops_per_s = ops, .irqs_per_s = irqs, .burst_ms = burst_ms,
	};

	test_cmd(cmd_limit_set(l->e.fd, scope,
			       scope == NYX_SCOPE_DOMAIN ? l->e.domain : l->e.sbdf, &limits));
}

static void limit_device(const struct limited *l, __u64 bytes, __u64 ops, __u64 irqs)
{
	set_limits(l, NYX_SCOPE_DEVICE, bytes, ops, irqs, 0);
}

static void limit_domain(const struct limited *l, __u64 bytes, __u64 ops, __u64 irqs)
{
	set_limits(l, NYX_SCOPE_DOMAIN, bytes, ops, irqs, 0);
}

/* One small access on the file that does not block. */
static int small_access(const struct limited *l, __u32 sbdf)
{
	struct nyx_dma c;
	__u8 byte = 1;
	int ret = cmd_dma_write(l->nb, &c, sbdf, 64, &byte, 1);

	ASSERT_TRUE(!ret || ret == -EAGAIN);
	ASSERT_EQ(!ret, c.out_done);
	if (!ret)
		ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
	return ret;
}

static int small_irq(const struct limited *l, __u32 sbdf)
{
	struct nyx_irq_send s;
	int ret = cmd_irq_send(l->nb, &s, sbdf, msi_index(1));

	ASSERT_TRUE(!ret || ret == -EAGAIN);
	if (!ret)
		ASSERT_EQ(NYX_IRQ_DELIVER, s.out_result);
	return ret;
}

/* At first some may, soon none may. */
static unsigned int until_refused(const struct limited *l, __u32 sbdf,
				  int (*fn)(const struct limited *l, __u32 sbdf))
{
	unsigned int n = 0;

	while (n < MANY && !fn(l, sbdf))
		n++;
	ASSERT_LT(n, MANY);
	return n;
}

/* ---- set and get ---- */

TEST(set_and_get)
{
	static const struct nyx_limits values[] = {
		{ .bytes_per_s = 1, .burst_ms = 1 },
		{ .ops_per_s = 1, .burst_ms = 10000 },
		{ .irqs_per_s = 1, .burst_ms = 10 },
		{ .bytes_per_s = NYX_LIMIT_MAX, .ops_per_s = NYX_LIMIT_MAX,
		  .irqs_per_s = NYX_LIMIT_MAX, .burst_ms = 10000 },
		{ .bytes_per_s = 123456789012, .ops_per_s = 2, .irqs_per_s = 3, .burst_ms = 77 },
	};
	struct nyx_device_info info;
	struct nyx_limits seen;
	struct limited l;

	limited_env(&l);
	for (__u32 scope = NYX_SCOPE_DOMAIN; scope <= NYX_SCOPE_DEVICE; scope++) {
		const bool device = scope == NYX_SCOPE_DEVICE;
		const __u32 id = device ? l.e.sbdf : l.e.domain;

		test_cmd(cmd_limit_get(l.e.fd, scope, id, &seen));
		ASSERT_EQ(0, seen.bytes_per_s);
		ASSERT_EQ(0, seen.ops_per_s);
		ASSERT_EQ(0, seen.irqs_per_s);
		ASSERT_EQ(0, seen.__reserved);
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			ktap_note("scope %u, limits %zu", scope, i);
			test_cmd(cmd_limit_set(l.e.fd, scope, id, &values[i]));
			test_cmd(cmd_limit_get(l.e.fd, scope, id, &seen));
			ASSERT_SAME(&seen, &values[i], sizeof(seen));
			device_info(l.e.fd, l.e.sbdf, &info);
			ASSERT_EQ(device ? NYX_DEVICE_F_LIMITS : 0, info.flags);
		}
		/* Without a burst it is 10 ms. */
		set_limits(&l, scope, 5, 0, 0, 0);
		test_cmd(cmd_limit_get(l.e.fd, scope, id, &seen));
		ASSERT_EQ(5, seen.bytes_per_s);
		ASSERT_TRUE(seen.burst_ms == 0 || seen.burst_ms == 10);
		/* None. */
		set_limits(&l, scope, 0, 0, 0, 0);
		test_cmd(cmd_limit_get(l.e.fd, scope, id, &seen));
		ASSERT_EQ(0, seen.bytes_per_s | seen.ops_per_s | seen.irqs_per_s);
		device_info(l.e.fd, l.e.sbdf, &info);
		ASSERT_EQ(0, info.flags);
	}
	/* A device that comes back has none. */
	limit_device(&l, 1, 1, 1);
	test_cmd(cmd_device_remove(l.e.fd, l.e.sbdf));
	test_cmd(cmd_device_add(l.e.fd, l.e.sbdf));
	test_cmd(cmd_limit_get(l.e.fd, NYX_SCOPE_DEVICE, l.e.sbdf, &seen));
	ASSERT_EQ(0, seen.bytes_per_s | seen.ops_per_s | seen.irqs_per_s);
}

/* ---- a file that does not block ---- */

TEST(ops)
{
	struct limited l;
	__u64 throttled;

	limited_env(&l);
	limit_device(&l, 0, 1, 0);
	ASSERT_GE(until_refused(&l, l.e.sbdf, small_access), 1);
	throttled = unit_stat(l.e.fd, NYX_STAT_THROTTLED);
	ASSERT_GE(throttled, 1);
	/* Interrupts are another matter. */
	for (int i = 0; i < MANY; i++)
		test_cmd(small_irq(&l, l.e.sbdf));
	/* It is no fault. */
	ASSERT_EQ(0, unit_stat(l.e.fd, NYX_STAT_FAULTS));
	ASSERT_EQ(0, unit_stat(l.e.fd, NYX_STAT_QUARANTINED_ACCESSES));
	/* It comes back with time. */
	WAIT_FOR(!small_access(&l, l.e.sbdf));
	/* And at once without a limit. */
	until_refused(&l, l.e.sbdf, small_access);
	limit_device(&l, 0, 0, 0);
	for (int i = 0; i < MANY; i++)
		test_cmd(small_access(&l, l.e.sbdf));
}

TEST(irqs)
{
	struct limited l;
	struct nyx_irq_send s;
	int target = eventfd_new();
	__u64 irqs;

	limited_env(&l);
	limit_device(&l, 0, 0, 1);
	ASSERT_GE(until_refused(&l, l.e.sbdf, small_irq), 1);
	irqs = unit_stat(l.e.fd, NYX_STAT_IRQS);
	for (int i = 0; i < MANY; i++)
		test_cmd(small_access(&l, l.e.sbdf));
	/* An interrupt that is not sent is not signalled. */
	do {
		eventfd_take(target);
	} while (!cmd_irq_signal(l.nb, &s, l.e.sbdf, msi_index(1), target));
	ASSERT_EQ(0, eventfd_take(target));
	ASSERT_GE(unit_stat(l.e.fd, NYX_STAT_IRQS), irqs);
	ASSERT_GE(unit_stat(l.e.fd, NYX_STAT_THROTTLED), 1);
	limit_device(&l, 0, 0, 0);
	for (int i = 0; i < MANY; i++)
		test_cmd(small_irq(&l, l.e.sbdf));
}

/* A long access comes as far as the limit lets it, and says so. */
TEST(bytes)
{
	unsigned char *buf = ktap_alloc(SZ_1M);
	struct limited l;
	struct nyx_dma c;
	__u64 done;

	limited_env(&l);
	memset(buf, 0x5c, SZ_1M);
	limit_device(&l, SZ_4K, 0, 0);
	test_err(EAGAIN, cmd_dma_write(l.nb, &c, l.e.sbdf, 0, buf, SZ_1M));
	done = c.out_done;
	/* One page may always, at first. */
	ASSERT_GE(done, SZ_4K);
	ASSERT_LT(done, SZ_1M);
	ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
	ASSERT_FILLED(l.e.mem, 0x5c, done);
	ASSERT_FILLED(l.e.mem + done, 0, SZ_1M - done);
	ASSERT_EQ(done, unit_stat(l.e.fd, NYX_STAT_WRITE_BYTES));
	/* From there on, when it is time. */
	do {
		int ret = cmd_dma_write(l.nb, &c, l.e.sbdf, done, buf + done, SZ_64K - done);

		ASSERT_TRUE(!ret || ret == -EAGAIN);
		done += c.out_done;
		ASSERT_FILLED(l.e.mem, 0x5c, done);
		ASSERT_FILLED(l.e.mem + done, 0, SZ_1M - done);
		if (done > 3 * SZ_4K)
			break;
		pause_ms(20);
	} while (done < SZ_64K);
	ASSERT_EQ(done, unit_stat(l.e.fd, NYX_STAT_WRITE_BYTES));
	/* A reader has the same limit. */
	test_err(EAGAIN, cmd_dma_read(l.nb, &c, l.e.sbdf, 0, buf, SZ_1M));
	ASSERT_LT(c.out_done, SZ_1M);
	test_err(EAGAIN, cmd_dma_fill(l.nb, &c, l.e.sbdf, 0, SZ_1M, 1, 0x11));
	ASSERT_LT(c.out_done, SZ_1M);
	ASSERT_FILLED(l.e.mem, 0x11, c.out_done);
}

/* An atomic is done, or is not. */
TEST(atomics)
{
	struct limited l;
	struct nyx_dma c;
	__u64 added = 0, seen;

	limited_env(&l);
	limit_device(&l, 100, 0, 0);
	for (int i = 0; i < MANY; i++) {
		int ret = cmd_dma_atomic(l.nb, &c, l.e.sbdf, NYX_DMA_FETCH_ADD, 64, 8, 1, 0);

		ASSERT_TRUE(!ret || ret == -EAGAIN);
		ASSERT_EQ(ret ? 0 : 8, c.out_done);
		added += !ret;
	}
	memcpy(&seen, l.e.mem + 64, sizeof(seen));
	ASSERT_EQ(added, seen);
	ASSERT_GT(added, 0);
	ASSERT_LT(added, MANY);
}

/* An array stops there. */
TEST(array)
{
	struct nyx_dma items[50];
	struct limited l;
	__u32 done;

	limited_env(&l);
	limit_device(&l, 0, 1, 0);
	for (int i = 0; i < 50; i++) {
		nyx_dma_init(&items[i], l.e.sbdf, NYX_DMA_FILL, i * SZ_4K, 8);
		items[i].width = 8;
		items[i].operand = ~0ull;
	}
	test_err(EAGAIN, cmd_array(l.nb, NYX_CMD_DMA, items, sizeof(items[0]), 50, &done));
	ASSERT_GE(done, 1);
	ASSERT_LT(done, 50);
	for (__u32 i = 0; i < 50; i++) {
		ktap_note("item %u of %u", i, done);
		ASSERT_FILLED(l.e.mem + i * SZ_4K, i < done ? 0xff : 0, 8);
		if (i <= done)
			ASSERT_EQ(i < done ? 8 : 0, items[i].out_done);
		else
			ASSERT_EQ(0xa5a5a5a5a5a5a5a5ull, items[i].out_done);
	}
}

/* A rate that is high enough is no limit at all. */
TEST(highest)
{
	unsigned char *buf = ktap_alloc(SZ_1M);
	struct limited l;
	struct nyx_dma c;

	limited_env(&l);
	for (__u32 scope = NYX_SCOPE_DOMAIN; scope <= NYX_SCOPE_DEVICE; scope++)
		set_limits(&l, scope, NYX_LIMIT_MAX, NYX_LIMIT_MAX, NYX_LIMIT_MAX, 10000);
	for (unsigned long i = 0; i < ktap_iterations(3000); i++) {
		test_cmd(small_access(&l, l.e.sbdf));
		test_cmd(small_irq(&l, l.e.sbdf));
		if (i % 100 == 0)
			test_cmd(cmd_dma_read(l.nb, &c, l.e.sbdf, 0, buf, SZ_1M));
	}
	ASSERT_EQ(0, unit_stat(l.e.fd, NYX_STAT_THROTTLED));
}

/* ---- of a domain ---- */

TEST(domain_shared)
{
	unsigned int n;
	struct limited l;
	__u32 other;

	limited_env(&l);
	test_cmd(cmd_device_add(l.e.fd, SECOND_SBDF));
	test_cmd(cmd_device_attach(l.e.fd, SECOND_SBDF, l.e.domain, 0));
	test_cmd(cmd_domain_paging(l.e.fd, 0, &other));
	test_cmd(cmd_map(l.e.fd, other, 0, SZ_2M, SZ_1M, RW));
	test_cmd(cmd_device_add(l.e.fd, THIRD_SBDF));
	test_cmd(cmd_device_attach(l.e.fd, THIRD_SBDF, other, 0));
	limit_domain(&l, 0, 1, 1);
	until_refused(&l, l.e.sbdf, small_access);
	/* The other does not have what the one has used up. */
	n = until_refused(&l, SECOND_SBDF, small_access);
	ASSERT_LE(n, 20);
	until_refused(&l, SECOND_SBDF, small_irq);
	n = until_refused(&l, l.e.sbdf, small_irq);
	ASSERT_LE(n, 20);
	/* A device elsewhere is not concerned. */
	for (int i = 0; i < MANY; i++) {
		test_cmd(small_access(&l, THIRD_SBDF));
		test_cmd(small_irq(&l, THIRD_SBDF));
	}
	/* Until it comes here; and a device that leaves is free. */
	test_cmd(cmd_device_attach(l.e.fd, THIRD_SBDF, l.e.domain, NYX_ATTACH_F_REPLACE));
	until_refused(&l, THIRD_SBDF, small_access);
	test_cmd(cmd_device_attach(l.e.fd, SECOND_SBDF, other, NYX_ATTACH_F_REPLACE));
	for (int i = 0; i < MANY; i++)
		test_cmd(small_access(&l, SECOND_SBDF));
}

/* Both limits hold: the lower one shows. */
TEST(domain_and_device)
{
	struct limited l;

	limited_env(&l);
	limit_domain(&l, 0, 1, 0);
	limit_device(&l, 0, NYX_LIMIT_MAX, 0);
	until_refused(&l, l.e.sbdf, small_access);
	limit_domain(&l, 0, NYX_LIMIT_MAX, 0);
	for (int i = 0; i < MANY; i++)
		test_cmd(small_access(&l, l.e.sbdf));
	limit_device(&l, 0, 1, 0);
	until_refused(&l, l.e.sbdf, small_access);
	limit_device(&l, 0, 0, 0);
	for (int i = 0; i < MANY; i++)
		test_cmd(small_access(&l, l.e.sbdf));
}

/* ---- a file that blocks ---- */

TEST(waits_for_ops)
{
	struct limited l;
	struct nyx_dma c;
	__u8 byte = 1;
	__u64 from;

	limited_env(&l);
	/* Ten per second, one at once, beside the one that always may. */
	set_limits(&l, NYX_SCOPE_DEVICE, 0, 10, 0, 100);
	from = boottime_ns();
	for (int i = 0; i < 7; i++) {
		test_cmd(cmd_dma_write(l.e.fd, &c, l.e.sbdf, 0, &byte, 1));
		ASSERT_EQ(1, c.out_done);
	}
	ASSERT_GE(boottime_ns() - from, 450000000);
	ASSERT_GE(unit_stat(l.e.fd, NYX_STAT_THROTTLED), 1);
}

TEST(waits_for_irqs)
{
	int target = eventfd_new();
	struct nyx_irq_send s;
	struct limited l;
	__u64 from;

	limited_env(&l);
	set_limits(&l, NYX_SCOPE_DOMAIN, 0, 0, 10, 100);
	from = boottime_ns();
	for (int i = 0; i < 7; i++) {
		test_cmd(cmd_irq_signal(l.e.fd, &s, l.e.sbdf, msi_index(1), target));
		ASSERT_EQ(NYX_IRQ_DELIVER, s.out_result);
	}
	ASSERT_GE(boottime_ns() - from, 450000000);
	ASSERT_EQ(7, eventfd_take(target));
}

TEST(waits_for_bytes)
{
	unsigned char *buf = ktap_alloc(SZ_1M);
	struct limited l;
	struct nyx_dma c;
	__u64 from;

	limited_env(&l);
	memset(buf, 0x66, SZ_1M);
	/* 1 MiB at 2 MiB per second, of which 20 KiB may come at once. */
	set_limits(&l, NYX_SCOPE_DEVICE, SZ_2M, 0, 0, 10);
	from = boottime_ns();
	test_cmd(cmd_dma_write(l.e.fd, &c, l.e.sbdf, 0, buf, SZ_1M));
	ASSERT_EQ(SZ_1M, c.out_done);
	ASSERT_GE(boottime_ns() - from, 400000000);
	ASSERT_FILLED(l.e.mem, 0x66, SZ_1M);
}

/* A burst that was saved up comes at once, and no more than that. */
TEST(burst)
{
	struct limited l;
	unsigned int n = 0;

	limited_env(&l);
	/* 50 in ten seconds of five. */
	set_limits(&l, NYX_SCOPE_DEVICE, 0, 5, 0, 10000);
	for (__u64 from = boottime_ns(); boottime_ns() - from < 500000000; )
		n += !small_access(&l, l.e.sbdf);
	/* A machine that stops for long in that loop gets more. */
	ASSERT_GE(n, 1);
	ktap_print("%u at once", n);
	until_refused(&l, l.e.sbdf, small_access);
}

/* ---- waits ---- */

/**
 * struct waiter - a thread that waits for its limit
 * @l: the unit
 * @irq: it sends interrupts, otherwise it writes 64 KiB
 * @tid: the thread
 * @ret: what came of it
 * @dma: of an access
 */
struct waiter {
	struct limited *l;
	bool irq;
	pid_t tid;
	int ret;
	struct nyx_dma dma;
};

static void *wait_thread(void *arg)
{
	struct waiter *w = arg;
	unsigned char *buf = ktap_alloc(SZ_64K);
	struct nyx_irq_send s;

	memset(buf, 0x5e, SZ_64K);
	__atomic_store_n(&w->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (w->irq) {
		do {
			w->ret = cmd_irq_send(w->l->e.fd, &s, w->l->e.sbdf, msi_index(1));
		} while (!w->ret && s.out_result == NYX_IRQ_DELIVER);
	} else {
		w->ret = cmd_dma_write(w->l->e.fd, &w->dma, w->l->e.sbdf, 0, buf, SZ_64K);
	}
	free(buf);
	return NULL;
}

static pthread_t start_waiter(struct waiter *w, struct limited *l, bool irq)
{
	pthread_t t;

	*w = (struct waiter){ .l = l, .irq = irq };
	t = thread_start(wait_thread, w);
	while (!__atomic_load_n(&w->tid, __ATOMIC_ACQUIRE))
		sched_yield();
	wait_asleep(w->tid);
	return t;
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Signals it until it hits the wait; the thread may not have come that far. */
static void interrupt_waiter(pthread_t t)
{
	__u64 until = boottime_ns() + PATIENCE_NS;

	while (pthread_tryjoin_np(t, NULL)) {
		if (boottime_ns() > until)
			FAIL("a signal does not end the wait");
		pthread_kill(t, SIGUSR1);
		pause_ms(1);
	}
}

static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };	/* no SA_RESTART */

	sigaction(SIGUSR1, &sa, NULL);
}

TEST(interrupted)
{
	struct limited l;
	struct waiter w;
	pthread_t t;

	catch_signals();
	limited_env(&l);
	limit_device(&l, 1, 0, 1);
	t = start_waiter(&w, &l, false);
	interrupt_waiter(t);
	ASSERT_EQ(-EINTR, w.ret);
	ASSERT_LT(w.dma.out_done, SZ_64K);
	ASSERT_EQ(NYX_FAULT_NONE, w.dma.out_fault.reason);
	ASSERT_FILLED(l.e.mem, 0x5e, w.dma.out_done);
	ASSERT_FILLED(l.e.mem + w.dma.out_done, 0, SZ_64K - w.dma.out_done);
	ASSERT_EQ(w.dma.out_done, unit_stat(l.e.fd, NYX_STAT_WRITE_BYTES));
	t = start_waiter(&w, &l, true);
	interrupt_waiter(t);
	ASSERT_EQ(-EINTR, w.ret);
}

/* Interrupts of a device that waits for a second each, if all of them are charged. */
#define CHARGES		100	/* together more than a case is patient */

/**
 * struct give_back_case - a caller that gives up
 * @name: for the report
 * @irq: an interrupt, not an access
 * @domain: the limit is the domain's
 */
static const struct give_back_case {
	const char *name;
	bool irq;
	bool domain;
} give_back_cases[] = {
	{ "access", false, false },
	{ "access_of_domain", false, true },
	{ "irq", true, false },
	{ "irq_of_domain", true, true },
};

static void *wait_once(void *arg)
{
	struct waiter *w = arg;
	struct nyx_irq_send s;
	__u8 byte = 1;

	__atomic_store_n(&w->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (w->irq)
		w->ret = cmd_irq_send(w->l->e.fd, &s, w->l->e.sbdf, msi_index(1));
	else
		w->ret = cmd_dma_write(w->l->e.fd, &w->dma, w->l->e.sbdf, 0, &byte, 1);
	return NULL;
}

/* A wait that a signal has ended gives back its charge. */
TEST_EACH(interrupted_is_given_back, give_back_cases)
{
	int (*fn)(const struct limited *l, __u32 sbdf) = v->irq ? small_irq : small_access;
	unsigned int interrupted = 0;
	struct limited l;
	struct waiter w;
	pthread_t t;

	catch_signals();
	limited_env(&l);
	set_limits(&l, v->domain ? NYX_SCOPE_DOMAIN : NYX_SCOPE_DEVICE, 0, 1, 1, 0);
	until_refused(&l, l.e.sbdf, fn);
	while (interrupted < CHARGES) {
		w = (struct waiter){ .l = &l, .irq = v->irq };
		t = thread_start(wait_once, &w);
		while (!__atomic_load_n(&w.tid, __ATOMIC_ACQUIRE))
			sched_yield();
		interrupt_waiter(t);
		ASSERT_TRUE(!w.ret || w.ret == -EINTR);
		interrupted += !!w.ret;
	}
	WAIT_FOR(!fn(&l, l.e.sbdf));
}

TEST(killed)
{
	struct limited l;
	int status;
	pid_t pid;

	limited_env(&l);
	limit_device(&l, 1, 0, 0);
	pid = fork();
	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		struct nyx_dma c;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		cmd_dma_fill(l.e.fd, &c, l.e.sbdf, 0, SZ_1M, 8, 0);
		_exit(0);	/* must not come before it is killed */
	}
	wait_asleep(pid);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* ---- no other caller waits for a waiter ---- */

static int go_unmap(struct limited *l)
{
	return cmd_unmap(l->e.fd, l->e.domain, 0, SZ_1M, NULL);
}

static int go_unmap_all(struct limited *l)
{
	return cmd_unmap_all(l->e.fd, l->e.domain, NULL);
}

static int go_invalidate(struct limited *l)
{
	return cmd_invalidate(l->e.fd, NYX_SCOPE_UNIT, 0, 0, 0, 0);
}

static int go_memory(struct limited *l)
{
	return cmd_memory_remove(l->e.fd, 0, l->e.mem_size);
}

static int go_detach(struct limited *l)
{
	return cmd_device_detach(l->e.fd, l->e.sbdf);
}

static int go_replace(struct limited *l)
{
	__u32 id;

	test_cmd(cmd_domain_paging(l->e.fd, 0, &id));
	return cmd_device_attach(l->e.fd, l->e.sbdf, id, NYX_ATTACH_F_REPLACE);
}

static int go_remove(struct limited *l)
{
	return cmd_device_remove(l->e.fd, l->e.sbdf);
}

static int go_quarantine(struct limited *l)
{
	return cmd_device_control(l->e.fd, l->e.sbdf, NYX_DEVICE_DO_QUARANTINE);
}

static int go_irte(struct limited *l)
{
	test_cmd(cmd_irte_simple(l->e.fd, 1, 2, 0x41));
	return cmd_irte_clear(l->e.fd, 1, 1);
}

static int go_setup(struct limited *l)
{
	return cmd_irq_setup(l->e.fd, NYX_IRQ_MODE_XAPIC);
}

static int go_limit(struct limited *l)
{
	const struct nyx_limits limits = { .bytes_per_s = 2, .irqs_per_s = 1 };

	return cmd_limit_set(l->e.fd, NYX_SCOPE_DEVICE, l->e.sbdf, &limits);
}

static int go_destroy(struct limited *l)
{
	return cmd_unit_destroy(l->e.fd);
}

static const struct go_case {
	const char *name;
	int (*command)(struct limited *l);
} go_cases[] = {
	{ "unmap", go_unmap }, { "unmap_all", go_unmap_all }, { "invalidate", go_invalidate },
	{ "memory_remove", go_memory }, { "detach", go_detach }, { "replace", go_replace },
	{ "device_remove", go_remove }, { "quarantine", go_quarantine }, { "irte", go_irte },
	{ "irq_setup", go_setup }, { "limit", go_limit }, { "destroy", go_destroy },
};

struct goer {
	struct limited *l;
	const struct go_case *v;
	int ret;
};

static void *go_thread(void *arg)
{
	struct goer *g = arg;

	g->ret = g->v->command(g->l);
	return NULL;
}

static void not_held_up(const struct go_case *v, bool irq)
{
	struct limited l;
	struct waiter w;
	struct goer g = { .l = &l, .v = v };
	pthread_t waiter;

	catch_signals();
	limited_env(&l);
	limit_device(&l, irq ? 0 : 1, 0, irq ? 1 : 0);
	waiter = start_waiter(&w, &l, irq);
	/* A case that hangs here has failed. */
	thread_end(thread_start(go_thread, &g), v->name);
	test_cmd(g.ret);
	/* Then the access waits on, or ends with what has become of it. */
	interrupt_waiter(waiter);
	if (!irq) {
		ASSERT_LT(w.dma.out_done, SZ_64K);
		ASSERT_FILLED(l.e.mem, 0x5e, w.dma.out_done);
		ASSERT_FILLED(l.e.mem + w.dma.out_done, 0, SZ_64K - w.dma.out_done);
		if (!w.ret)
			ASSERT_NE(NYX_FAULT_NONE, w.dma.out_fault.reason);
	}
	ktap_note("returned %d", w.ret);
	ASSERT_TRUE(!w.ret || w.ret == -EINTR || w.ret == -ENODEV || w.ret == -ENOENT);
}

TEST_EACH(access_holds_up_nobody, go_cases)
{
	not_held_up(v, false);
}

TEST_EACH(interrupt_holds_up_nobody, go_cases)
{
	not_held_up(v, true);
}

/* Pages that were unmapped while it waited are not written when it goes on. */
TEST(unmapped_meanwhile)
{
	struct limited l;
	struct waiter w;
	pthread_t t;

	limited_env(&l);
	limit_device(&l, 16 * SZ_4K, 0, 0);
	t = start_waiter(&w, &l, false);
	test_cmd(cmd_unmap(l.e.fd, l.e.domain, 8 * SZ_4K, SZ_1M - 8 * SZ_4K, NULL));
	memset(l.e.mem + 8 * SZ_4K, 0x99, SZ_64K - 8 * SZ_4K);
	thread_end(t, "an access at 64 KiB per second");
	test_cmd(w.ret);
	/* On a slow machine it may have been past that already. */
	if (w.dma.out_fault.reason && w.dma.out_done == 8 * SZ_4K) {
		check_fault(&w.dma.out_fault, NYX_FAULT_NOT_PRESENT, NYX_PROT_WRITE, 0, 8 * SZ_4K,
			    NYX_GPA_UNKNOWN);
		ASSERT_FILLED(l.e.mem + 8 * SZ_4K, 0x99, SZ_64K - 8 * SZ_4K);
		ASSERT_FILLED(l.e.mem, 0x5e, 8 * SZ_4K);
	}
}

/* Without the limit there is nothing to wait for. */
TEST(lifted_while_waiting)
{
	struct limited l;
	struct waiter w;
	pthread_t t;

	limited_env(&l);
	for (int i = 0; i < 2; i++) {
		if (i)
			limit_domain(&l, 1, 0, 0);
		else
			limit_device(&l, 1, 0, 0);
		t = start_waiter(&w, &l, false);
		if (i)
			limit_domain(&l, 0, 0, 0);
		else
			limit_device(&l, 0, 0, 0);
		thread_end(t, "an access whose limit was lifted");
		test_cmd(w.ret);
		ASSERT_EQ(SZ_64K, w.dma.out_done);
	}
}

/* ---- bound interrupts ---- */

TEST(bound_interrupts)
{
	int source = eventfd_new(), target = eventfd_new();
	struct nyx_binding_info info;
	struct limited l;
	__u64 heard = 0, now;
	__u32 id;

	limited_env(&l);
	limit_device(&l, 0, 0, 2);
	test_cmd(cmd_irq_bind(l.e.fd, l.e.sbdf, msi_index(1), source, target, &id));
	for (int round = 0; round < 3; round++) {
		now = 0;
		for (int i = 0; i < 10; i++) {
			eventfd_give(source);
			/* Not all of them together, as far as that can be. */
			sched_yield();
		}
		WAIT_FOR((binding_info(l.e.fd, id, &info), info.signals == 10 * (round + 1ull)));
		/* The last is followed by a delivery; what was held is one. */
		while (!now)
			now = eventfd_wait(target);
		WAIT_FOR((now += eventfd_take(target),
			  binding_info(l.e.fd, id, &info), info.delivered == heard + now));
		heard += now;
		ASSERT_EQ(0, info.refused);
	}
	/* One more, when the last ones have come: none is left behind. */
	pause_ms(1500);
	heard += eventfd_take(target);
	eventfd_give(source);
	heard += eventfd_wait(target);
	WAIT_FOR((heard += eventfd_take(target),
		  binding_info(l.e.fd, id, &info), info.delivered == heard));
	ktap_print("%llu signals, %llu deliveries", (unsigned long long)info.signals,
		   (unsigned long long)info.delivered);
	ASSERT_EQ(0, info.refused);
	ASSERT_EQ(0, unit_stat(l.e.fd, NYX_STAT_FAULTS));
}

/* Held by a limit, and unbound: what was charged for it is given back. */
TEST(unbound_is_given_back)
{
	int source = eventfd_new(), target = eventfd_new();
	struct limited l;
	__u64 throttled;
	__u32 id;

	limited_env(&l);
	limit_device(&l, 0, 0, 1);
	until_refused(&l, l.e.sbdf, small_irq);
	for (unsigned int i = 0; i < CHARGES; i++) {
		throttled = unit_stat(l.e.fd, NYX_STAT_THROTTLED);
		test_cmd(cmd_irq_bind(l.e.fd, l.e.sbdf, msi_index(1), source, target, &id));
		eventfd_give(source);
		/* Held, or delivered when a second was over. */
		WAIT_FOR(unit_stat(l.e.fd, NYX_STAT_THROTTLED) > throttled ||
			 eventfd_take(target));
		test_cmd(cmd_irq_unbind(l.e.fd, id));
	}
	eventfd_take(target);
	WAIT_FOR(!small_irq(&l, l.e.sbdf));
}

/*
 * An interrupt for memory that is not at hand is charged when it is sent, not each
 * time that it is tried.
 */
TEST(stalled_is_charged_once)
{
	struct nyx_irte_set entry = {
		.flags = NYX_IRTE_F_POSTED, .index = 1, .vector = 0x66, .posted = SZ_4K,
	};
	int source = eventfd_new(), target = eventfd_new();
	struct nyx_binding_info info;
	struct stall stall;
	struct limited l;
	__u32 id;

	limited_env(&l);
	test_cmd(cmd_irte_set(l.e.fd, &entry));
	limit_device(&l, 0, 0, 1);
	stall_arm(&stall, l.e.mem + SZ_4K, SZ_4K);
	test_cmd(cmd_irq_bind(l.e.fd, l.e.sbdf, msi_index(1), source, target, &id));
	eventfd_give(source);
	/* It is tried again and again. */
	WAIT_FOR((binding_info(l.e.fd, id, &info), info.signals));
	pause_ms(200);
	stall_release(&stall, 0);
	ASSERT_EQ(1, eventfd_wait(target));
	ASSERT_EQ(0, unit_stat(l.e.fd, NYX_STAT_THROTTLED));
}

/**
 * struct burst - a thread that signals an eventfd at the same time as another one
 * @fd: the eventfd
 * @cpu: where it runs
 * @round: signals so far
 * @go: signals that it is to have given
 * @stop: it is enough
 */
struct burst {
	int fd;
	unsigned int cpu;
	unsigned long round;
	const unsigned long *go;
	bool stop;
};

static void *burst_thread(void *arg)
{
	struct burst *b = arg;
	unsigned long looks = 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(b->cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED)) {
		if (__atomic_load_n(b->go, __ATOMIC_SEQ_CST) == b->round) {
			/* Both see it at once, and the one that says so has its turn. */
			if (++looks % 1024 == 0)
				sched_yield();
			continue;
		}
		eventfd_give(b->fd);
		__atomic_store_n(&b->round, b->round + 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

/* Two that are over the limit at the same time are held as one, and charged as one. */
TEST(held_together_is_charged_once)
{
	int source = eventfd_new(), target = eventfd_new();
	unsigned long go = 0;
	struct burst b[2] = {
		{ .fd = source, .cpu = 0, .go = &go }, { .fd = source, .cpu = 1, .go = &go },
	};
	struct limited l;
	pthread_t t[2];
	__u32 id;

	if (nr_cpus() < 2)
		SKIP("needs two processors");
	limited_env(&l);
	limit_device(&l, 0, 0, 1);
	for (int i = 0; i < 2; i++)
		t[i] = thread_start(burst_thread, &b[i]);
	until_refused(&l, l.e.sbdf, small_irq);
	for (unsigned long i = 0; i < ktap_iterations(24000); i++) {
		test_cmd(cmd_irq_bind(l.e.fd, l.e.sbdf, msi_index(1), source, target, &id));
		__atomic_store_n(&go, i + 1, __ATOMIC_SEQ_CST);
		for (int k = 0; k < 2; k++) {
			while (__atomic_load_n(&b[k].round, __ATOMIC_SEQ_CST) <= i)
				sched_yield();
		}
		test_cmd(cmd_irq_unbind(l.e.fd, id));
		eventfd_take(target);
	}
	for (int i = 0; i < 2; i++) {
		__atomic_store_n(&b[i].stop, true, __ATOMIC_RELAXED);
		thread_end(t[i], "the signaller");
	}
	WAIT_FOR(!small_irq(&l, l.e.sbdf));
}

/* Held by a limit, and then: unbound, gone, or no longer limited. */
TEST(bound_and_held)
{
	int source = eventfd_new(), target = eventfd_new();
	struct nyx_irq_send s;
	struct limited l;
	__u32 id;

	for (int what = 0; what < 4; what++) {
		ktap_note("%d", what);
		limited_env(&l);
		limit_device(&l, 0, 0, 1);
		/* Uses up what there is. */
		while (!cmd_irq_send(l.nb, &s, l.e.sbdf, msi_index(1)))
			;
		WAIT_FOR(!cmd_irq_bind(l.e.fd, l.e.sbdf, msi_index(1), source, target, &id));
		eventfd_give(source);
		WAIT_FOR(unit_stat(l.e.fd, NYX_STAT_THROTTLED) >= 1);
		switch (what) {
		case 0:
			test_cmd(cmd_irq_unbind(l.e.fd, id));
			eventfd_take(target);
			pause_ms(1200);
			ASSERT_EQ(0, eventfd_take(target));
			break;
		case 1:
			test_cmd(cmd_device_remove(l.e.fd, l.e.sbdf));
			break;
		case 2:
			test_cmd(cmd_unit_destroy(l.e.fd));
			break;
		default:
			limit_device(&l, 0, 0, 0);
			eventfd_wait(target);
		}
		close(l.nb);
		close(l.e.fd);
		pause_ms(5);
		eventfd_take(target);
		eventfd_take(source);
	}
}
