// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: change streams, beside a unit that is a part of the program. They need no
 * module.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "fake.h"

#define RW	(NYX_PROT_READ | NYX_PROT_WRITE)

/* The table that a reader has made of the changes of device 0 */
static struct fake_page copy[FAKE_PAGES];
static unsigned int handled;
static unsigned int fail_in;		/* the change that is not applied; 0: none */
static struct nyx_changes *own;

static int apply(const struct nyx_change *change, void *arg)
{
	uint64_t i, first, last;

	ASSERT_TRUE(arg == copy);
	if (fail_in && !--fail_in)
		return -EAGAIN;
	handled++;
	if (change->kind == NYX_CHANGE_STATE)
		return 0;
	ASSERT_LE(fake.device[0].base, change->iova);
	first = (change->iova - fake.device[0].base) / FAKE_PAGE;
	last = (change->last - fake.device[0].base) / FAKE_PAGE;
	ASSERT_LT(last, FAKE_PAGES);
	for (i = first; i <= last; i++) {
		bool is_map = change->kind == NYX_CHANGE_MAP;

		ASSERT_TRUE(!is_map || !copy[i].prot);
		copy[i].prot = change->prot;
		copy[i].gpa = is_map ? (uint32_t)(change->gpa / FAKE_PAGE + (i - first)) : 0;
	}
	return 0;
}

static void compare(void)
{
	struct fake_page page;
	uint32_t i;

	for (i = 0; i < FAKE_PAGES; i++) {
		page = fake_told(&fake.device[0], i);
		ASSERT_EQ(page.prot, copy[i].prot);
		ASSERT_EQ(page.gpa, copy[i].gpa);
	}
}

static struct nyx_changes *open_stream(uint32_t flags, uint32_t *target)
{
	struct nyx_unit *unit = fake_unit();
	struct nyx_changes *changes = NULL;

	ASSERT_EQ(0, nyx_changes_open(unit, flags, &changes));
	nyx_unit_unref(unit);
	fake_attach(0, 1, 0, RW);
	fake.acknowledged = compare;
	ASSERT_EQ(0, nyx_changes_add_device(changes, FAKE_DEV(0), 100, target));
	ASSERT_EQ(100, fake.device[0].max_maps);
	own = changes;
	return changes;
}

TEST(handles_all_changes)
{
	struct nyx_changes *changes;
	uint32_t target;

	changes = open_stream(NYX_CHANGES_F_INLINE, &target);
	ASSERT_EQ(fake.stream, nyx_changes_fd(changes));
	ASSERT_EQ(7, nyx_changes_id(changes));
	ASSERT_EQ(0, nyx_changes_handle(changes, apply, copy));
	ASSERT_LT(1, handled);
	ASSERT_EQ(RW, copy[63].prot);
	ASSERT_EQ(fake.seq, fake.acked);
	handled = 0;
	ASSERT_EQ(0, nyx_changes_handle(changes, apply, copy));
	ASSERT_EQ(0, handled);
	fake.device[0].want[3].prot = 0;
	ASSERT_EQ(0, nyx_changes_handle(changes, apply, copy));
	ASSERT_EQ(0, copy[3].prot);
	ASSERT_EQ(0, nyx_changes_remove(changes, target));
	ASSERT_EQ(-ENOENT, nyx_changes_remove(changes, target));
	ASSERT_EQ(NYX_REASON_NO_SUCH_TARGET, nyx_last_reason(-ENOENT));
	ASSERT_EQ(0, nyx_changes_close(changes));
	ASSERT_EQ(0, nyx_changes_close(NULL));
}

/* A change that is not applied comes again, and nothing is acknowledged before it is. */
TEST(hands_out_again_what_was_not_applied)
{
	struct nyx_changes *changes;
	uint32_t target;
	unsigned int n;

	for (n = 1; n < 8; n++) {
		changes = open_stream(NYX_CHANGES_F_INLINE, &target);
		memset(copy, 0, sizeof(copy));
		fail_in = n;
		handled = 0;
		while (nyx_changes_handle(changes, apply, copy)) {
			ASSERT_EQ(n - 1, handled);
			ASSERT_LE(fake.acked, handled);
		}
		compare();
		ASSERT_EQ(fake.seq, fake.acked);
		ASSERT_EQ(fake.seq, handled);
		ASSERT_EQ(0, nyx_changes_close(changes));
	}
}

TEST(next_acknowledges_what_it_has_returned)
{
	struct nyx_change records[3];
	struct nyx_changes *changes;
	uint64_t seen = 0;
	uint32_t target;
	size_t i, n = 9;
	int more = 1;

	changes = open_stream(NYX_CHANGES_F_INLINE, &target);
	ASSERT_EQ(-EINVAL, nyx_changes_next(changes, records, 0, &n, &more));
	do {
		ASSERT_EQ(0, nyx_changes_next(changes, records, 3, &n, &more));
		ASSERT_LE(n, 3);
		ASSERT_EQ(seen, fake.acked);
		seen += n;
		for (i = 0; i < n; i++)
			ASSERT_EQ(0, apply(&records[i], copy));
	} while (n || more);
	ASSERT_EQ(seen, fake.acked);
	compare();
	fake.next_error = -ENOMEM;
	ASSERT_EQ(-ENOMEM, nyx_changes_next(changes, records, 3, &n, &more));
	fake.destroyed = true;
	ASSERT_EQ(-ENODEV, nyx_changes_next(changes, records, 3, &n, &more));
	ASSERT_EQ(0, nyx_changes_close(changes));
}

static void forget_page(void)
{
	fake.device[0].want[9].prot = 0;
	fake.device[0].want[30].prot = 0;
}

TEST(mmio_gets_changes_in_one_call)
{
	struct nyx_mmio access = NYX_MMIO_INIT;
	struct nyx_change records[64];
	struct nyx_changes *changes;
	uint32_t target;
	uint64_t reads;
	size_t n, i;
	int more;

	changes = open_stream(NYX_CHANGES_F_INLINE, &target);
	ASSERT_EQ(0, nyx_changes_handle(changes, apply, copy));
	reads = fake.reads;
	fake.mmio = forget_page;
	access.flags = NYX_MMIO_F_WRITE;
	access.width = 8;
	ASSERT_EQ(0, nyx_changes_mmio(changes, &access));
	ASSERT_EQ(1, access.out_pending);
	ASSERT_LT(fake.acked, fake.seq);
	/* Changes that come before these are applied are behind them. */
	ASSERT_EQ(0, nyx_changes_mmio(changes, &access));
	ASSERT_EQ(1, access.out_pending);
	ASSERT_EQ(0, access.nr_changes);
	ASSERT_EQ(0, nyx_changes_handle(changes, apply, copy));
	compare();
	ASSERT_EQ(0, copy[9].prot);
	/* One call is left, if all of them had room in the first. */
	ASSERT_LE(reads + 1, fake.reads);
	ASSERT_EQ(fake.reads, nyx_changes_irte_changes(changes));
	ASSERT_EQ(fake.seq, fake.acked);

	/* nyx_changes_next() hands them out, too; they are still to be acknowledged. */
	do {
		fake.device[0].want[5].prot ^= NYX_PROT_READ;
		ASSERT_EQ(0, nyx_changes_mmio(changes, &access));
	} while (!access.out_nr_changes && !nyx_changes_handle(changes, apply, copy));
	reads = fake.reads;
	for (; access.out_nr_changes; access.out_nr_changes--) {
		ASSERT_EQ(0, nyx_changes_next(changes, records, 1, &n, &more));
		ASSERT_EQ(1, n);
		ASSERT_EQ(1, more);
		ASSERT_EQ(0, apply(&records[0], copy));
	}
	ASSERT_EQ(reads, fake.reads);
	do {
		ASSERT_EQ(0, nyx_changes_next(changes, records, 64, &n, &more));
		for (i = 0; i < n; i++)
			ASSERT_EQ(0, apply(&records[i], copy));
	} while (n || more);
	compare();

	/* A register is read without the stream. */
	access.flags = 0;
	access.out_pending = 9;
	ASSERT_EQ(0, nyx_changes_mmio(changes, &access));
	ASSERT_EQ(0x1234, access.value);
	ASSERT_EQ(0, access.out_pending);
	access.size = 8;
	ASSERT_EQ(-EINVAL, nyx_changes_mmio(changes, &access));
	ASSERT_EQ(0, nyx_changes_close(changes));
}

/* Inside the function: targets may be added and removed, but the stream is not read. */
static int add_and_remove(const struct nyx_change *change, void *arg)
{
	static uint32_t second;

	ASSERT_EQ(-EDEADLK, nyx_changes_handle(own, add_and_remove, arg));
	ASSERT_EQ(-EDEADLK, nyx_changes_close(own));
	if (!handled++) {
		ASSERT_EQ(0, nyx_changes_add_device(own, FAKE_DEV(1), 0, &second));
		ASSERT_EQ(0, nyx_changes_remove(own, change->target));
	}
	if (handled > 1)
		ASSERT_EQ(second, change->target);
	return 0;
}

TEST(targets_change_while_changes_are_handled)
{
	struct nyx_changes *changes;
	uint32_t target;

	changes = open_stream(NYX_CHANGES_F_INLINE, &target);
	fake.acknowledged = NULL;
	ASSERT_EQ(0, nyx_changes_handle(changes, add_and_remove, NULL));
	/* The state of the second, and nothing more of the first */
	ASSERT_EQ(2, handled);
	ASSERT_EQ(0, nyx_changes_close(changes));
}

TEST(a_stream_without_a_function)
{
	struct nyx_changes *changes;
	uint32_t target;

	changes = open_stream(NYX_CHANGES_F_INLINE, &target);
	ASSERT_EQ(-EINVAL, nyx_changes_handle(changes, NULL, NULL));
	ASSERT_EQ(0, fake.acked);
	ASSERT_EQ(0, nyx_changes_handle(changes, apply, copy));
	ASSERT_EQ(0, nyx_changes_close(changes));
}

TEST(errors_of_the_kernel)
{
	struct nyx_changes *changes;
	uint32_t target, other = 99;

	changes = open_stream(NYX_CHANGES_F_INLINE, &target);
	ASSERT_EQ(-EEXIST, nyx_changes_add_device(changes, FAKE_DEV(0), 0, &other));
	ASSERT_EQ(-ENOENT, nyx_changes_add_device(changes, (nyx_device_t){ 1 }, 0, &other));
	ASSERT_EQ(-ENOENT, nyx_changes_add_domain(changes, (nyx_domain_t){ 99 }, 0, &other));
	ASSERT_EQ(99, other);
	ASSERT_EQ(0, nyx_changes_add_domain(changes, (nyx_domain_t){ 2 }, 0, &other));
	ASSERT_EQ(NYX_CHANGES_DOMAIN, fake.device[1].kind);
	ASSERT_EQ(0, nyx_changes_remove(changes, other));
	fake.next_error = -ENOMEM;
	ASSERT_EQ(-ENOMEM, nyx_changes_handle(changes, apply, copy));
	ASSERT_EQ(0, nyx_changes_handle(changes, apply, copy));
	compare();
	ASSERT_EQ(-EOPNOTSUPP, nyx_changes_start(changes, apply, copy));
	ASSERT_EQ(-ENOENT, nyx_changes_stop(changes));
	ASSERT_EQ(0, nyx_changes_close(changes));
	ASSERT_EQ(-EOPNOTSUPP, nyx_changes_open(fake_unit(), 0x80, &changes));
}

/* ---- threads ------------------------------------------------------------------ */

TEST(a_thread_handles)
{
	unsigned long i, n = ktap_iterations(2000);
	struct rng rng = rng_start(1);
	struct nyx_change record;
	struct nyx_changes *changes;
	uint32_t target;
	size_t got;
	int more;

	changes = open_stream(0, &target);
	ASSERT_EQ(0, nyx_changes_start(changes, apply, copy));
	ASSERT_EQ(-EBUSY, nyx_changes_start(changes, apply, copy));
	ASSERT_EQ(-EBUSY, nyx_changes_next(changes, &record, 1, &got, &more));
	ASSERT_EQ(-EBUSY, nyx_changes_close(changes));
	for (i = 0; i < n; i++) {
		pthread_mutex_lock(&fake.lock);
		fake.device[0].want[rng_below(&rng, FAKE_PAGES)] = (struct fake_page) {
			.prot = (uint32_t)rng_below(&rng, 4), .gpa = (uint32_t)i % 1000,
		};
		fake_changed();
		if (rng_below(&rng, 3) == 0) {
			fake_wait();
			compare();
		}
		pthread_mutex_unlock(&fake.lock);
	}
	ASSERT_EQ(0, nyx_changes_stop(changes));
	ASSERT_EQ(-ENOENT, nyx_changes_stop(changes));
	/* Another one goes on. */
	ASSERT_EQ(0, nyx_changes_start(changes, apply, copy));
	pthread_mutex_lock(&fake.lock);
	fake.device[0].want[0].prot ^= NYX_PROT_READ;
	fake_changed();
	fake_wait();
	compare();
	pthread_mutex_unlock(&fake.lock);
	ASSERT_EQ(0, nyx_changes_stop(changes));
	ASSERT_EQ(0, nyx_changes_close(changes));
}

/* A write of a register waits for the thread, which it must not keep out. */
static void forget_and_wait(void)
{
	fake.device[0].want[9].prot = 0;
	fake_changed();
	fake_wait();
	compare();
}

TEST(mmio_of_a_threaded_stream)
{
	struct nyx_mmio access = NYX_MMIO_INIT;
	struct nyx_changes *changes;
	uint32_t target;

	changes = open_stream(0, &target);
	ASSERT_EQ(0, nyx_changes_start(changes, apply, copy));
	access.flags = NYX_MMIO_F_WRITE;
	access.width = 4;
	access.out_pending = 9;
	fake.mmio = forget_and_wait;
	ASSERT_EQ(0, nyx_changes_mmio(changes, &access));
	ASSERT_EQ(0, access.out_pending);
	ASSERT_EQ(0, access.changes_id);
	ASSERT_EQ(0, copy[9].prot);
	ASSERT_EQ(0, nyx_changes_stop(changes));
	ASSERT_EQ(0, nyx_changes_close(changes));
}

static int stop_refused(const struct nyx_change *change, void *arg)
{
	sigset_t set, all;
	int sig;

	(void)change;
	ASSERT_EQ(-EDEADLK, nyx_changes_stop(own));
	/* Signals are for the threads of the program. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	for (sig = 1; sig < 32; sig++) {
		if (sig != SIGKILL && sig != SIGSTOP)
			ASSERT_TRUE(sigismember(&set, sig));
	}
	__atomic_fetch_add((unsigned int *)arg, 1, __ATOMIC_SEQ_CST);
	return -EAGAIN;
}

TEST(a_thread_ends_by_an_error)
{
	struct nyx_changes *changes;
	unsigned int calls = 0;
	uint32_t target;
	sigset_t before, after;

	changes = open_stream(0, &target);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	ASSERT_EQ(0, nyx_changes_start(changes, stop_refused, &calls));
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	ASSERT_EQ(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
	while (!__atomic_load_n(&calls, __ATOMIC_SEQ_CST))
		sched_yield();
	ASSERT_EQ(-EAGAIN, nyx_changes_stop(changes));
	ASSERT_EQ(1, calls);
	ASSERT_EQ(0, nyx_changes_close(changes));
}

static void *handle_often(void *arg)
{
	unsigned long i, n = ktap_iterations(3000);

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, nyx_changes_handle(arg, apply, copy));
	return NULL;
}

/* Several threads handle, and write registers: records are applied in their order. */
TEST(threads_handle_in_order)
{
	unsigned long i, n = ktap_iterations(3000);
	struct nyx_mmio access = NYX_MMIO_INIT;
	struct rng rng = rng_start(2);
	struct nyx_changes *changes;
	pthread_t threads[2];
	uint32_t target;

	changes = open_stream(NYX_CHANGES_F_INLINE, &target);
	access.flags = NYX_MMIO_F_WRITE;
	access.width = 4;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, handle_often, changes));
	for (i = 0; i < n; i++) {
		pthread_mutex_lock(&fake.lock);
		fake.device[0].want[rng_below(&rng, FAKE_PAGES)] = (struct fake_page) {
			.prot = (uint32_t)rng_below(&rng, 4), .gpa = (uint32_t)i % 1000,
		};
		pthread_mutex_unlock(&fake.lock);
		ASSERT_EQ(0, nyx_changes_mmio(changes, &access));
		if (access.out_pending)
			ASSERT_EQ(0, nyx_changes_handle(changes, apply, copy));
	}
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	ASSERT_EQ(0, nyx_changes_handle(changes, apply, copy));
	compare();
	ASSERT_EQ(0, nyx_changes_close(changes));
}
