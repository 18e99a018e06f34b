// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: interrupts bound to eventfds, in the kernel.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A signal may be handled later than write(2) returns, and signals that come
 * together may be delivered as one: a test waits for what must come, and looks
 * once for what must not. Where interrupts must be joined in a certain time it
 * tries again if the machine was too slow to tell.
 */
#include "nyx_env.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ENTRY		5u
#define TRIES		20	/* for what needs a machine that is not too slow */

/**
 * struct bound - a unit with one bound interrupt
 * @e: the unit
 * @ev: its events
 * @source: what the device signals
 * @target: what the processor hears
 * @id: the binding's id
 */
struct bound {
	struct env e;
	int ev;
	int source;
	int target;
	__u32 id;
};

/* Entry ENTRY exists; nothing is bound yet. */
static void bound_env_on(struct bound *b, int memory)
{
	*b = (struct bound){ .source = eventfd_new(), .target = eventfd_new() };
	env_open(&b->e, .memory = memory);
	test_cmd(cmd_events_open(b->e.fd, NYX_EVENTS_F_NONBLOCK, &b->ev));
	test_cmd(cmd_irte_simple(b->e.fd, ENTRY, 1, 0x40));
}

static void bound_env(struct bound *b)
{
	bound_env_on(b, MEM_USER);
}

static void bind_it(struct bound *b)
{
	test_cmd(cmd_irq_bind(b->e.fd, b->e.sbdf, msi_index(ENTRY), b->source, b->target,
			      &b->id));
}

static void bind_coalesced(struct bound *b, __u32 us, __u32 count)
{
	struct nyx_irq_bind c;

	nyx_bind_init(&c, b->e.sbdf, msi_index(ENTRY), b->source, b->target);
	c.coalesce_us = us;
	c.coalesce_count = count;
	test_cmd(nyx_cmd(b->e.fd, NYX_IRQ_BIND, &c));
	b->id = c.out_binding_id;
}

static struct nyx_binding_info info_of(const struct bound *b)
{
	struct nyx_binding_info info;

	binding_info(b->e.fd, b->id, &info);
	return info;
}

static void signal_arrives(const struct bound *b)
{
	__u64 before = info_of(b).delivered;

	eventfd_give(b->source);
	ASSERT_EQ(1, eventfd_wait(b->target));
	WAIT_FOR(info_of(b).delivered == before + 1);
}

static void signal_is_refused(const struct bound *b, __u32 reason)
{
	struct nyx_binding_info old = info_of(b), now;

	eventfd_give(b->source);
	WAIT_FOR((now = info_of(b)).refused > old.refused);
	ASSERT_EQ(old.refused + 1, now.refused);
	ASSERT_EQ(old.delivered, now.delivered);
	if (reason)
		ASSERT_EQ(reason, now.last_reason);
	ASSERT_EQ(0, eventfd_take(b->target));
}

/* ---- the usual ---- */

TEST(signal_to_target)
{
	struct nyx_binding_info info;
	struct nyx_unit_info unit;
	struct bound b;

	bound_env(&b);
	bind_it(&b);
	info = info_of(&b);
	ASSERT_EQ(0, info.flags);
	ASSERT_EQ(b.e.sbdf, info.sbdf);
	ASSERT_EQ(msi_index(ENTRY).address, info.address);
	ASSERT_EQ(msi_index(ENTRY).data, info.data);
	ASSERT_EQ(0, info.coalesce_us);
	ASSERT_EQ(0, info.coalesce_count);
	ASSERT_EQ(0, info.last_reason);
	ASSERT_EQ(0, info.__reserved);
	ASSERT_EQ(0, info.signals);
	ASSERT_EQ(0, info.delivered);
	ASSERT_EQ(0, info.refused);
	test_cmd(cmd_unit_info(b.e.fd, &unit));
	ASSERT_EQ(1, unit.nr_bindings);

	for (int i = 0; i < 100; i++)
		signal_arrives(&b);
	info = info_of(&b);
	ASSERT_EQ(100, info.signals);
	ASSERT_EQ(100, info.delivered);
	ASSERT_EQ(0, info.refused);
	ASSERT_EQ(100, unit_stat(b.e.fd, NYX_STAT_IRQS));
	/* The kernel has taken what was there. */
	ASSERT_EQ(0, eventfd_take(b.source));
	test_cmd(cmd_irq_unbind(b.e.fd, b.id));
	test_cmd(cmd_unit_info(b.e.fd, &unit));
	ASSERT_EQ(0, unit.nr_bindings);
	test_err(ENOENT, cmd_irq_unbind(b.e.fd, b.id));
	/* And takes no more. */
	eventfd_give(b.source);
	ASSERT_EQ(1, eventfd_take(b.source));
}

/* Any number of signals, in any pieces: the last one is followed by a delivery. */
TEST(bursts)
{
	struct rng r = rng_start(1);
	struct nyx_binding_info info;
	__u64 given = 0, heard = 0;
	struct bound b;

	bound_env(&b);
	bind_it(&b);
	for (unsigned long i = 0; i < ktap_iterations(300); i++) {
		__u64 n = 1 + rng_below(&r, 20), seen = 0;

		for (__u64 j = 0; j < n; j++)
			eventfd_give(b.source);
		given += n;
		seen = eventfd_wait(b.target);
		/* Those of them that are still on their way. */
		WAIT_FOR((info = info_of(&b)).signals == given);
		WAIT_FOR((seen += eventfd_take(b.target)) + heard == info_of(&b).delivered);
		ASSERT_LE(seen, n);
		heard += seen;
	}
	info = info_of(&b);
	ASSERT_EQ(0, info.refused);
	ktap_print("%llu signals, %llu deliveries", (unsigned long long)given,
		   (unsigned long long)heard);
}

TEST(pending_before_bind)
{
	struct bound b;

	bound_env(&b);
	for (int i = 0; i < 3; i++)
		eventfd_give(b.source);
	bind_it(&b);
	ASSERT_GE(eventfd_wait(b.target), 1);
	WAIT_FOR(info_of(&b).signals == 3);
}

/* Many on one device, two of them with one target. */
TEST(many)
{
	enum { NR = 64 };
	struct nyx_binding_info *all;
	int source[NR], target[NR];
	__u32 id[NR];
	struct bound b;
	size_t nr;

	bound_env(&b);
	for (__u32 i = 0; i < NR; i++) {
		source[i] = eventfd_new();
		target[i] = i % 8 == 7 ? target[i - 1] : eventfd_new();
		test_cmd(cmd_irte_simple(b.e.fd, 100 + i, i, 0x40));
		test_cmd(cmd_irq_bind(b.e.fd, b.e.sbdf, msi_index(100 + i), source[i], target[i],
				      &id[i]));
		for (__u32 j = 0; j < i; j++)
			ASSERT_NE(id[i], id[j]);
	}
	for (__u32 i = 0; i < NR; i++) {
		eventfd_give(source[i]);
		ASSERT_EQ(1, eventfd_wait(target[i]));
		for (__u32 j = 0; j < NR; j++)
			ASSERT_EQ(0, eventfd_take(target[j]));
	}
	all = list_all(b.e.fd, NYX_LIST_BINDINGS, 0, sizeof(*all), &nr);
	ASSERT_EQ(NR, nr);
	for (size_t i = 0; i < nr; i++) {
		if (i)
			ASSERT_LT(all[i - 1].binding_id, all[i].binding_id);
		ASSERT_EQ(1, all[i].signals);
	}
	free(all);
	for (__u32 i = 0; i < NR; i += 2)
		test_cmd(cmd_irq_unbind(b.e.fd, id[i]));
	for (__u32 i = 1; i < NR; i += 2) {
		eventfd_give(source[i]);
		ASSERT_EQ(1, eventfd_wait(target[i]));
	}
}

/* A count is one signal at least; of an eventfd that counts down by one, one. */
TEST(kinds_of_eventfd)
{
	static const int flags[] = {
		EFD_SEMAPHORE, EFD_SEMAPHORE | EFD_NONBLOCK, 0, EFD_NONBLOCK,
	};
	struct bound b;

	bound_env(&b);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		ktap_note("flags 0x%x", flags[i]);
		b.source = eventfd(2, flags[i]);
		ASSERT_TRUE(b.source >= 0);
		bind_it(&b);
		ASSERT_GE(eventfd_wait(b.target), 1);
		WAIT_FOR(info_of(&b).signals == (flags[i] & EFD_SEMAPHORE ? 1 : 2));
		for (int j = 0; j < 5; j++) {
			__u64 signals = info_of(&b).signals;

			eventfd_take(b.target);
			eventfd_give(b.source);
			eventfd_wait(b.target);
			WAIT_FOR(info_of(&b).signals == signals + 1);
		}
		test_cmd(cmd_irq_unbind(b.e.fd, b.id));
		eventfd_take(b.target);
		close(b.source);
	}
}

/* ---- eventfds that may be bound ---- */

TEST(no_eventfd)
{
	int pipes[2], memfd = memfd_new("no-eventfd", SZ_4K), closed;
	struct snapshot s;
	struct bound b;

	bound_env(&b);
	test_cmd(pipe(pipes));
	closed = eventfd_new();
	close(closed);
	snapshot_take(&s, b.e.fd, true);
#define BAD(error, source, target) \
	test_err(error, cmd_irq_bind(b.e.fd, b.e.sbdf, msi_index(ENTRY), source, target, NULL))
	BAD(EINVAL, pipes[0], b.target);
	BAD(EINVAL, memfd, b.target);
	BAD(EINVAL, b.e.fd, b.target);
	BAD(EINVAL, b.ev, b.target);
	BAD(EINVAL, b.source, pipes[1]);
	BAD(EINVAL, b.source, memfd);
	BAD(EINVAL, b.source, b.e.fd);
	BAD(EBADF, closed, b.target);
	BAD(EBADF, b.source, closed);
	BAD(EBADF, -1, b.target);
	BAD(EBADF, b.source, -1);
	BAD(EINVAL, b.source, b.source);
	BAD(EINVAL, b.source, dup(b.source));
#undef BAD
	snapshot_check(&s, b.e.fd, true);
	/* Nothing of that has taken the eventfds. */
	bind_it(&b);
	signal_arrives(&b);
}

/* A source is bound once, by any unit and any descriptor. */
TEST(source_taken)
{
	int target = eventfd_new(), copy;
	struct snapshot s;
	struct bound b;
	struct env other;

	bound_env(&b);
	env_open(&other);
	bind_it(&b);
	copy = dup(b.source);
	snapshot_take(&s, b.e.fd, true);
	test_err(EBUSY, cmd_irq_bind(b.e.fd, b.e.sbdf, msi_index(ENTRY), b.source, b.target, NULL));
	test_err(EBUSY, cmd_irq_bind(b.e.fd, b.e.sbdf, msi_index(ENTRY), b.source, target, NULL));
	test_err(EBUSY, cmd_irq_bind(b.e.fd, b.e.sbdf, msi_index(ENTRY), copy, target, NULL));
	test_err(EBUSY, cmd_irq_bind(other.fd, other.sbdf, msi_index(1), copy, target, NULL));
	snapshot_check(&s, b.e.fd, true);
	signal_arrives(&b);
	test_cmd(cmd_irq_unbind(b.e.fd, b.id));
	test_cmd(cmd_irte_simple(other.fd, 1, 1, 0x40));
	test_cmd(cmd_irq_bind(other.fd, other.sbdf, msi_index(1), copy, target, NULL));
	test_err(EBUSY, cmd_irq_bind(b.e.fd, b.e.sbdf, msi_index(ENTRY), b.source, b.target, NULL));
	eventfd_give(b.source);
	ASSERT_EQ(1, eventfd_wait(target));
	ASSERT_EQ(0, eventfd_take(b.target));
}

/* A target is one until the last of its bindings ends, whichever that is. */
TEST(target_of_many)
{
	enum { NR = 100 };
	struct rng r = rng_start(1);
	struct bound b, other;
	__u32 id[NR], swap;
	int last;

	bound_env(&b);
	bound_env(&other);
	for (int i = 0; i < NR; i++) {
		test_cmd(cmd_irq_bind(b.e.fd, b.e.sbdf, msi_index(ENTRY), eventfd_new(), b.target,
				      &id[i]));
		/* Others lie in between. */
		bind_it(&other);
		other.source = eventfd_new();
		other.target = eventfd_new();
	}
	for (int i = NR - 1; i >= 0; i--) {
		last = rng_below(&r, i + 1);
		swap = id[last];
		id[last] = id[i];
		test_err(ELOOP, cmd_irq_bind(other.e.fd, other.e.sbdf, msi_index(ENTRY), b.target,
					     other.target, NULL));
		test_cmd(cmd_irq_unbind(b.e.fd, swap));
	}
	test_cmd(cmd_irq_bind(other.e.fd, other.e.sbdf, msi_index(ENTRY), b.target, other.target,
			      &other.id));
	eventfd_give(b.target);
	ASSERT_EQ(1, eventfd_wait(other.target));
}

/* No chain of bindings, in one unit or through two, so no loop either. */
TEST(loops)
{
	int a = eventfd_new(), b = eventfd_new(), c = eventfd_new(), d = eventfd_new();
	struct env e[2];
	__u32 id, id2;

	for (int i = 0; i < 2; i++) {
		env_open(&e[i]);
		test_cmd(cmd_irte_simple(e[i].fd, ENTRY, 1, 0x40));
	}
#define BIND(unit, source, target, id) \
	cmd_irq_bind(e[unit].fd, e[unit].sbdf, msi_index(ENTRY), source, target, id)
	test_cmd(BIND(0, a, b, &id));
	for (int i = 0; i < 2; i++) {
		ktap_note("unit %d", i);
		test_err(ELOOP, BIND(i, b, a, NULL));
		test_err(ELOOP, BIND(i, b, c, NULL));
		test_err(ELOOP, BIND(i, c, a, NULL));
		test_err(ELOOP, BIND(i, dup(b), dup(a), NULL));
	}
	/* Two that share a target; each keeps it from being a source. */
	test_cmd(BIND(1, c, b, &id2));
	test_err(ELOOP, BIND(0, d, c, NULL));
	test_cmd(cmd_irq_unbind(e[0].fd, id));
	test_err(ELOOP, BIND(0, b, d, NULL));
	test_err(ELOOP, BIND(1, b, a, NULL));
	test_cmd(cmd_irq_unbind(e[1].fd, id2));
	/* Now nothing is bound; the other way round is as good. */
	test_cmd(BIND(1, b, a, &id));
	test_err(ELOOP, BIND(0, a, c, NULL));
	eventfd_give(b);
	ASSERT_EQ(1, eventfd_wait(a));
	test_cmd(cmd_irq_unbind(e[1].fd, id));
	test_cmd(BIND(0, a, c, NULL));
#undef BIND
}

TEST(of_another_unit)
{
	struct bound b;
	struct env other;
	__u32 id;

	bound_env(&b);
	env_open(&other);
	test_cmd(cmd_irte_simple(other.fd, 1, 1, 0x40));
	/* Two there, so that one of the ids is not the one here. */
	bind_it(&b);
	for (int i = 0; i < 2; i++) {
		test_cmd(cmd_irq_bind(other.fd, other.sbdf, msi_index(1), eventfd_new(),
				      eventfd_new(), &id));
		if (id == b.id)
			continue;
		test_err(ENOENT, cmd_irq_unbind(b.e.fd, id));
		test_err(ENOENT, cmd_irq_mask(b.e.fd, id, 1));
		test_err(ENOENT, cmd_irq_coalesce(b.e.fd, id, 1, 1));
	}
	signal_arrives(&b);
}

/* ---- change ---- */

TEST(mask)
{
	struct nyx_binding_info info;
	struct bound b;

	bound_env(&b);
	bind_it(&b);
	for (int round = 0; round < 20; round++) {
		ktap_note("round %d", round);
		signal_arrives(&b);
		test_cmd(cmd_irq_mask(b.e.fd, b.id, 1));
		info = info_of(&b);
		ASSERT_EQ(NYX_BIND_F_MASKED, info.flags);
		for (int i = 0; i < 3; i++)
			eventfd_give(b.source);
		WAIT_FOR(info_of(&b).signals == info.signals + 3);
		WAIT_FOR(info_of(&b).flags == (NYX_BIND_F_MASKED | NYX_BIND_F_PENDING));
		ASSERT_EQ(0, eventfd_take(b.target));
		ASSERT_EQ(info.delivered, info_of(&b).delivered);
		/* Again is the same. */
		test_cmd(cmd_irq_mask(b.e.fd, b.id, 1));
		ASSERT_EQ(0, eventfd_take(b.target));
		/* Of the three one was kept. */
		test_cmd(cmd_irq_mask(b.e.fd, b.id, 0));
		ASSERT_EQ(1, eventfd_wait(b.target));
		WAIT_FOR(info_of(&b).delivered == info.delivered + 1);
		ASSERT_EQ(0, info_of(&b).flags);
		/* Without one there is none. */
		test_cmd(cmd_irq_mask(b.e.fd, b.id, 1));
		test_cmd(cmd_irq_mask(b.e.fd, b.id, 0));
		signal_arrives(&b);
	}
}

TEST(begins_masked)
{
	struct nyx_irq_bind c;
	struct bound b;

	bound_env(&b);
	eventfd_give(b.source);
	nyx_bind_init(&c, b.e.sbdf, msi_index(ENTRY), b.source, b.target);
	c.flags = NYX_BIND_F_MASKED;
	test_cmd(nyx_cmd(b.e.fd, NYX_IRQ_BIND, &c));
	b.id = c.out_binding_id;
	WAIT_FOR(info_of(&b).flags == (NYX_BIND_F_MASKED | NYX_BIND_F_PENDING));
	ASSERT_EQ(0, eventfd_take(b.target));
	test_cmd(cmd_irq_mask(b.e.fd, b.id, 0));
	ASSERT_EQ(1, eventfd_wait(b.target));
}

/* A signal that is kept while masked is judged when it is unmasked. */
TEST(masked_and_refused)
{
	struct bound b;

	bound_env(&b);
	bind_it(&b);
	test_cmd(cmd_irq_mask(b.e.fd, b.id, 1));
	eventfd_give(b.source);
	WAIT_FOR(info_of(&b).flags & NYX_BIND_F_PENDING);
	test_cmd(cmd_irte_clear(b.e.fd, ENTRY, 1));
	test_cmd(cmd_irq_mask(b.e.fd, b.id, 0));
	WAIT_FOR(info_of(&b).refused == 1);
	ASSERT_EQ(NYX_FAULT_IRQ_NOT_PRESENT, info_of(&b).last_reason);
	ASSERT_EQ(0, eventfd_take(b.target));
	test_cmd(cmd_irte_simple(b.e.fd, ENTRY, 1, 0x40));
	signal_arrives(&b);
}

TEST(change_message)
{
	const struct msi compat = { .address = MSI_BASE, .data = 0x41 };
	const struct msi none = { .address = 0, .data = 0x41 };
	struct nyx_irq_change both = { .size = sizeof(both) };
	struct nyx_binding_info info;
	struct bound b;

	bound_env(&b);
	bind_it(&b);
	test_cmd(cmd_irte_simple(b.e.fd, ENTRY + 7, 1, 0x40));
	signal_arrives(&b);
	test_cmd(cmd_irq_message(b.e.fd, b.id, msi_index(ENTRY + 1)));
	signal_is_refused(&b, NYX_FAULT_IRQ_NOT_PRESENT);
	test_cmd(cmd_irq_message(b.e.fd, b.id, msi_index(60000)));
	signal_is_refused(&b, NYX_FAULT_IRQ_INDEX);
	test_cmd(cmd_irq_message(b.e.fd, b.id, compat));
	signal_is_refused(&b, NYX_FAULT_IRQ_COMPAT);
	test_cmd(cmd_irq_message(b.e.fd, b.id, none));
	signal_is_refused(&b, NYX_FAULT_IRQ_REQUEST);
	test_cmd(cmd_irq_message(b.e.fd, b.id, msi_remappable(ENTRY, true, 7)));
	signal_arrives(&b);
	info = info_of(&b);
	ASSERT_EQ(msi_remappable(ENTRY, true, 7).address, info.address);
	ASSERT_EQ(7, info.data);
	ASSERT_EQ(4, info.refused);
	ASSERT_EQ(4, events_count(b.ev, NYX_EVENT_IRQ_FAULT));
	ASSERT_EQ(4, unit_stat(b.e.fd, NYX_STAT_IRQ_FAULTS));

	/* Everything at once. */
	both.flags = NYX_CHANGE_F_MASK | NYX_CHANGE_F_MESSAGE | NYX_CHANGE_F_COALESCE;
	both.binding_id = b.id;
	both.masked = 1;
	both.address = msi_index(ENTRY).address;
	both.coalesce_us = 17;
	both.coalesce_count = 3;
	test_cmd(nyx_cmd(b.e.fd, NYX_IRQ_CHANGE, &both));
	info = info_of(&b);
	ASSERT_EQ(NYX_BIND_F_MASKED, info.flags);
	ASSERT_EQ(msi_index(ENTRY).address, info.address);
	ASSERT_EQ(0, info.data);
	ASSERT_EQ(17, info.coalesce_us);
	ASSERT_EQ(3, info.coalesce_count);
	test_cmd(cmd_irq_mask(b.e.fd, b.id, 0));
	info = info_of(&b);
	ASSERT_EQ(17, info.coalesce_us);
	ASSERT_EQ(3, info.coalesce_count);
	signal_arrives(&b);
}

/* ---- coalescing ---- */

/* Held for a time: several within it are one. */
TEST(coalesce_by_time)
{
	const __u64 hold = 300000000;
	struct bound b;
	int i;

	bound_env(&b);
	bind_coalesced(&b, hold / 1000, 0);
	ASSERT_EQ(hold / 1000, info_of(&b).coalesce_us);
	for (i = 0; i < TRIES; i++) {
		__u64 before = info_of(&b).delivered, from = boottime_ns();

		for (int j = 0; j < 5; j++)
			eventfd_give(b.source);
		ASSERT_EQ(1, eventfd_wait(b.target));
		/* Not before the first was held that long. */
		ASSERT_GE(boottime_ns() - from, hold);
		WAIT_FOR(info_of(&b).signals == 5 * (i + 1ull));
		/* None is left that waits for its time. */
		pause_ms(hold / 1000000 + 100);
		eventfd_take(b.target);
		if (info_of(&b).delivered == before + 1)
			break;
	}
	ASSERT_LT(i, TRIES);
}

/* Enough of them end the time. */
TEST(coalesce_by_count)
{
	const __u64 hold = 1000000000;
	struct bound b;
	int i;

	bound_env(&b);
	bind_coalesced(&b, hold / 1000, 4);
	for (i = 0; i < TRIES; i++) {
		__u64 from = boottime_ns();

		for (int j = 0; j < 4; j++)
			eventfd_give(b.source);
		ASSERT_EQ(1, eventfd_wait(b.target));
		if (boottime_ns() - from < hold)
			break;
		pause_ms(hold / 1000000 + 100);
		eventfd_take(b.target);
	}
	ASSERT_LT(i, TRIES);
	pause_ms(hold / 1000000 + 100);
	eventfd_take(b.target);

	/* Three are not enough. */
	for (i = 0; i < 2; i++) {
		__u64 from = boottime_ns();

		for (int j = 0; j < 3; j++)
			eventfd_give(b.source);
		ASSERT_EQ(1, eventfd_wait(b.target));
		ASSERT_GE(boottime_ns() - from, hold);
		pause_ms(hold / 1000000 + 100);
		eventfd_take(b.target);
	}

	/* Off again: each arrives. */
	test_cmd(cmd_irq_coalesce(b.e.fd, b.id, 0, 0));
	for (i = 0; i < 10; i++)
		signal_arrives(&b);
}

/* One that is held does not stay when the time is changed. */
TEST(coalesce_change)
{
	struct bound b;

	bound_env(&b);
	bind_coalesced(&b, 1000000, 0);
	eventfd_give(b.source);
	WAIT_FOR(info_of(&b).signals == 1);
	test_cmd(cmd_irq_coalesce(b.e.fd, b.id, 0, 0));
	ASSERT_EQ(1, eventfd_wait(b.target));
	signal_arrives(&b);
}

/* Every signal is followed by a delivery, whatever the settings. */
TEST(coalesce_loses_nothing)
{
	struct rng r = rng_start(2);
	struct bound b;

	bound_env(&b);
	bind_it(&b);
	for (unsigned long i = 0; i < ktap_iterations(200); i++) {
		__u64 n = 1 + rng_below(&r, 10);
		__u64 signals = info_of(&b).signals;
		__u32 us = rng_below(&r, 2) ? 1 + rng_below(&r, 5000) : 0;

		ktap_note("step %lu", i);
		test_cmd(cmd_irq_coalesce(b.e.fd, b.id, us, us ? rng_below(&r, 6) : 0));
		for (__u64 j = 0; j < n; j++)
			eventfd_give(b.source);
		eventfd_wait(b.target);
		WAIT_FOR(info_of(&b).signals == signals + n);
		test_cmd(cmd_irq_coalesce(b.e.fd, b.id, 0, 0));
		/* One more signal, without coalescing, ends the step. */
		eventfd_give(b.source);
		eventfd_wait(b.target);
		WAIT_FOR(info_of(&b).signals == signals + n + 1);
		pause_ms(6);
		eventfd_take(b.target);
	}
	ASSERT_EQ(0, info_of(&b).refused);
}

/* ---- the entry changes ---- */

/* Records of changes come from now on. */
static void follow(struct bound *b)
{
	close(b->ev);
	test_cmd(cmd_events_open(b->e.fd, NYX_EVENTS_F_NONBLOCK | NYX_EVENTS_F_IRTE, &b->ev));
}

TEST(entry_is_followed)
{
	struct nyx_event event;
	struct bound b;

	bound_env(&b);
	follow(&b);
	bind_it(&b);
	signal_arrives(&b);
	test_cmd(cmd_irte_clear(b.e.fd, ENTRY, 1));
	event_wait(b.ev, NYX_EVENT_IRTE, &event);
	ASSERT_EQ(0, event.flags);
	ASSERT_EQ(ENTRY, event.irte.index);
	ASSERT_EQ(1, event.irte.nr);
	ASSERT_EQ(NYX_SBDF_ANY, event.irte.sbdf);
	ASSERT_FILLED((char *)&event + 24 + sizeof(event.irte), 0,
		      sizeof(event) - 24 - sizeof(event.irte));
	signal_is_refused(&b, NYX_FAULT_IRQ_NOT_PRESENT);
	event_wait(b.ev, NYX_EVENT_IRQ_FAULT, &event);
	ASSERT_EQ(b.e.sbdf, event.irq_fault.sbdf);
	ASSERT_EQ(NYX_FAULT_IRQ_NOT_PRESENT, event.irq_fault.reason);
	ASSERT_EQ(ENTRY, event.irq_fault.index);
	ASSERT_EQ(1, event.irq_fault.count);
	test_cmd(cmd_irte_simple(b.e.fd, ENTRY, 2, 0x41));
	event_wait(b.ev, NYX_EVENT_IRTE, &event);
	ASSERT_EQ(ENTRY, event.irte.index);
	ASSERT_EQ(1, event.irte.nr);
	signal_arrives(&b);

	/* A range, with the entry in it. */
	test_cmd(cmd_irte_clear(b.e.fd, 2, 20));
	event_wait(b.ev, NYX_EVENT_IRTE, &event);
	ASSERT_EQ(2, event.irte.index);
	ASSERT_EQ(20, event.irte.nr);
	signal_is_refused(&b, NYX_FAULT_IRQ_NOT_PRESENT);
	test_cmd(cmd_irte_simple(b.e.fd, ENTRY, 2, 0x41));
	event_wait(b.ev, NYX_EVENT_IRTE, &event);

	/* The mode is a change of all of them. */
	test_cmd(cmd_irq_setup(b.e.fd, NYX_IRQ_MODE_XAPIC));
	event_wait(b.ev, NYX_EVENT_IRTE, &event);
	ASSERT_EQ(0, event.irte.index);
	ASSERT_EQ(256, event.irte.nr);
	signal_arrives(&b);
	test_cmd(cmd_irq_setup(b.e.fd, 0));
	event_wait(b.ev, NYX_EVENT_IRTE, &event);
	ASSERT_EQ(256, event.irte.nr);

	test_cmd(cmd_irq_unbind(b.e.fd, b.id));
	test_cmd(cmd_irte_simple(b.e.fd, ENTRY, 3, 0x42));
	ASSERT_EQ(1, events_count(b.ev, NYX_EVENT_IRTE));
}

/* Changes are told while a stream is open that has asked for them, bindings or none. */
TEST(changes_are_asked_for)
{
	struct bound b;
	int all[2];

	bound_env(&b);
	for (int i = 0; i < 2; i++)
		test_cmd(cmd_events_open(b.e.fd, NYX_EVENTS_F_NONBLOCK | NYX_EVENTS_F_IRTE,
					 &all[i]));
	for (int left = 2; left >= 0; left--) {
		ktap_note("%d streams", left);
		test_cmd(cmd_irte_simple(b.e.fd, 9, 1, 0x40));
		test_cmd(cmd_irte_clear(b.e.fd, 9, 1));
		test_cmd(cmd_irq_setup(b.e.fd, NYX_IRQ_MODE_XAPIC));
		test_cmd(cmd_irq_setup(b.e.fd, 0));
		for (int i = 0; i < left; i++)
			ASSERT_EQ(4, events_count(all[i], NYX_EVENT_IRTE));
		ASSERT_EQ(left ? 4 : 0, events_count(b.ev, NYX_EVENT_IRTE));
		if (left)
			close(all[left - 1]);
	}
	bind_it(&b);
	test_cmd(cmd_irte_simple(b.e.fd, 9, 1, 0x40));
	ASSERT_EQ(0, events_count(b.ev, NYX_EVENT_IRTE));
}

/* The entries of an array are told of, each of them at least once. */
TEST(array_is_followed)
{
	struct nyx_irte_set items[100];
	bool told[100] = { false };
	struct nyx_event event;
	unsigned int left = 100;
	struct bound b;
	__u32 done;

	bound_env(&b);
	follow(&b);
	for (__u32 i = 0; i < 100; i++)
		items[i] = (struct nyx_irte_set) {
			.size = sizeof(items[i]), .index = 10 + i, .vector = 0x30,
		};
	test_cmd(cmd_array(b.e.fd, NYX_CMD_IRTE_SET, items, sizeof(items[0]), 100, &done));
	while (left) {
		event_wait(b.ev, NYX_EVENT_IRTE, &event);
		for (__u32 i = 0; i < event.irte.nr; i++) {
			__u32 at = event.irte.index + i;

			if (at < 10 || at >= 110 || told[at - 10])
				continue;
			told[at - 10] = true;
			left--;
		}
	}
}

/* Binds an entry that is posted to a descriptor at 0x2000. */
static struct pi_desc *bind_posted(struct bound *b, enum env_memory memory,
				   struct nyx_irte_set *c)
{
	struct pi_desc *d;

	bound_env_on(b, memory);
	*c = (struct nyx_irte_set) {
		.flags = NYX_IRTE_F_POSTED, .index = ENTRY, .vector = 0x66, .posted = 0x2000,
	};
	test_cmd(cmd_irte_set(b->e.fd, c));
	d = (struct pi_desc *)(b->e.mem + 0x2000);
	d->nv = 0xf2;
	bind_it(b);
	return d;
}

/* A posted entry: the target hears the notification, and not what needs none. */
TEST_EACH(posted, memory_cases)
{
	struct nyx_irte_set c;
	struct pi_desc *d;
	struct bound b;

	d = bind_posted(&b, v->memory, &c);
	eventfd_give(b.source);
	ASSERT_EQ(1, eventfd_wait(b.target));
	ASSERT_EQ(1u << 0x66 % 32, d->pir[0x66 / 32]);
	ASSERT_EQ(PI_ON, d->control);
	__atomic_store_n(&d->pir[0x66 / 32], 0, __ATOMIC_SEQ_CST);
	/* Outstanding: the vector is posted, without a notification. */
	eventfd_give(b.source);
	WAIT_FOR(__atomic_load_n(&d->pir[0x66 / 32], __ATOMIC_SEQ_CST));
	WAIT_FOR(info_of(&b).signals == 2);
	ASSERT_EQ(0, eventfd_take(b.target));
	ASSERT_EQ(2, unit_stat(b.e.fd, NYX_STAT_IRQS_POSTED));
	ASSERT_EQ(0, info_of(&b).refused);
	/* Out of reach. */
	c.posted = SZ_1G;
	test_cmd(cmd_irte_set(b.e.fd, &c));
	signal_is_refused(&b, NYX_FAULT_IRQ_POST);
}

/*
 * The descriptor's memory has to come from user space, which takes its time. The wait
 * delays neither changes nor the end; in the end it is as if there were none.
 */
TEST(posted_to_memory_that_stalls)
{
	struct nyx_irte_set c;
	struct stall stall;
	struct pi_desc *d;
	struct bound b;

	d = bind_posted(&b, MEM_USER, &c);
	stall_arm(&stall, b.e.mem + 0x2000, 4096);
	/* Many signals make it no more urgent. */
	for (unsigned int i = 0; i < 1000; i++) {
		eventfd_give(b.source);
		if (i % 10 == 0)
			pause_ms(1);
	}
	ASSERT_EQ(0, info_of(&b).refused);
	test_cmd(cmd_irq_mask(b.e.fd, b.id, 1));
	test_cmd(cmd_irq_mask(b.e.fd, b.id, 0));
	test_cmd(cmd_irq_unbind(b.e.fd, b.id));
	bind_it(&b);
	signal_is_refused(&b, NYX_FAULT_IRQ_POST);
	stall_release(&stall, 0);
	d->nv = 0xf2;
	signal_arrives(&b);
	ASSERT_EQ(1u << 0x66 % 32, d->pir[0x66 / 32]);
}

/* A page that it brings into a file would be charged to no cgroup. */
TEST(posted_to_a_hole)
{
	struct nyx_irte_set c;
	struct stat old, now;
	struct pi_desc *d;
	struct bound b;

	bind_posted(&b, MEM_FILE, &c);
	c.posted = 0x9000;
	test_cmd(cmd_irte_set(b.e.fd, &c));
	ASSERT_EQ(0, fstat(b.e.file, &old));
	signal_is_refused(&b, NYX_FAULT_IRQ_POST);
	ASSERT_EQ(0, fstat(b.e.file, &now));
	ASSERT_EQ(old.st_blocks, now.st_blocks);
	d = (struct pi_desc *)(b.e.mem + 0x9000);
	d->nv = 0xf2;
	signal_arrives(&b);
	ASSERT_EQ(1u << 0x66 % 32, d->pir[0x66 / 32]);
}

/* None is lost, and a changed entry or mask is followed, while others are posted. */
TEST_EACH(posted_while_changed, memory_cases)
{
	struct nyx_irte_set c;
	struct signaller s;
	struct pi_desc *d;
	struct bound b;

	d = bind_posted(&b, v->memory, &c);
	signaller_start(&s, b.source);
	for (unsigned long i = 0; i < ktap_iterations(200); i++) {
		__u32 old = c.vector;

		c.vector = 0x40 + i % 64;
		test_cmd(cmd_irte_set(b.e.fd, &c));
		if (c.vector != old) {
			__atomic_store_n(&d->pir[old / 32], 0, __ATOMIC_SEQ_CST);
			WAIT_FOR(__atomic_load_n(&d->pir[c.vector / 32], __ATOMIC_SEQ_CST) &
				 1u << c.vector % 32);
			ASSERT_EQ(0, d->pir[old / 32] & 1u << old % 32);
		}
		test_cmd(cmd_irq_mask(b.e.fd, b.id, 1));
		__atomic_store_n(&d->pir[c.vector / 32], 0, __ATOMIC_SEQ_CST);
		sched_yield();
		ASSERT_EQ(0, __atomic_load_n(&d->pir[c.vector / 32], __ATOMIC_SEQ_CST));
		test_cmd(cmd_irq_mask(b.e.fd, b.id, 0));
	}
	signaller_stop(&s);
	ASSERT_EQ(0, info_of(&b).refused);
	__atomic_store_n(&d->pir[c.vector / 32], 0, __ATOMIC_SEQ_CST);
	eventfd_give(b.source);
	WAIT_FOR(__atomic_load_n(&d->pir[c.vector / 32], __ATOMIC_SEQ_CST));
}

/* ---- what it may cost ---- */

/* How many events there were so far, also those that were overwritten. */
static unsigned long trace_written(void)
{
	FILE *f = fopen(TRACE_INSTANCE "/trace", "r");
	unsigned long kept, nr = 0;
	bool found = false;
	char line[512];

	ASSERT_TRUE(f);
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "# entries-in-buffer/entries-written: %lu/%lu",
			       &kept, &nr) == 2;
	ASSERT_TRUE(found);
	fclose(f);
	return nr;
}

static unsigned long trace_count(void)
{
	unsigned long nr;

	trace_stop();
	nr = trace_written();
	trace_forget();
	return nr;
}

/* Bindings of one message, each with a source of its own. */
static void bind_many(struct bound *b, unsigned int nr, int *source, __u32 coalesce_us)
{
	struct rlimit files;
	struct nyx_irq_bind c;

	/* Beside those that are open already */
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &files));
	files.rlim_cur += nr;
	if (files.rlim_max < files.rlim_cur)
		files.rlim_max = files.rlim_cur;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	for (unsigned int i = 0; i < nr; i++) {
		source[i] = eventfd(0, EFD_NONBLOCK);
		ASSERT_TRUE(source[i] >= 0);
		nyx_bind_init(&c, b->e.sbdf, msi_index(ENTRY), source[i], b->target);
		c.coalesce_us = coalesce_us;
		test_cmd(nyx_cmd(b->e.fd, NYX_IRQ_BIND, &c));
	}
}

/* Of all bindings of a unit. */
static __u64 all_refused(int fd)
{
	struct nyx_binding_info *all;
	__u64 refused = 0;
	size_t nr;

	all = list_all(fd, NYX_LIST_BINDINGS, 0, sizeof(*all), &nr);
	for (size_t i = 0; i < nr; i++)
		refused += all[i].refused;
	free(all);
	return refused;
}

/* How often memory that is not there is asked for. */
TEST(attempts_for_one)
{
	struct nyx_irte_set c;
	unsigned long nr;
	struct bound b;

	bind_posted(&b, MEM_FILE, &c);
	c.posted = 0x9000;
	test_cmd(cmd_irte_set(b.e.fd, &c));
	trace_begin("nyx/nyx_irq_stall");
	signal_is_refused(&b, NYX_FAULT_IRQ_POST);
	nr = trace_count();
	ASSERT_EQ(104, nr);
}

static const struct crowd_case {
	const char *name;
	unsigned int nr[4];	/* bindings of each unit */
} crowd_cases[] = {
	{ "one_unit", { 1000 } },
	{ "units", { 250, 250, 250, 250 } },
	{ "unequal_units", { 700, 100, 100, 100 } },
};

/*
 * Many that ask for it do so no more often than a few, as long as that takes, and
 * wherever they are.
 */
TEST_EACH(attempts_for_many, crowd_cases)
{
	enum { NR = 1000 };
	struct bound b[ARRAY_SIZE(v->nr)];
	unsigned int units = 0, at = 0;
	struct nyx_irte_set c;
	unsigned long nr;
	int source[NR];
	__u64 from, ms;

	for (; units < ARRAY_SIZE(v->nr) && v->nr[units]; units++) {
		bind_posted(&b[units], MEM_FILE, &c);
		c.posted = 0x9000;
		test_cmd(cmd_irte_set(b[units].e.fd, &c));
		bind_many(&b[units], v->nr[units], source + at, 0);
		at += v->nr[units];
	}
	ASSERT_EQ(NR, at);
	trace_begin("nyx/nyx_irq_stall");
	from = boottime_ns();
	for (unsigned int i = 0; i < NR; i++)
		eventfd_give(source[i]);
	for (unsigned int i = 0; i < units; i++)
		WAIT_FOR(all_refused(b[i].e.fd) == v->nr[i]);
	ms = (boottime_ns() - from) / 1000000;
	nr = trace_count();
	ktap_print("%lu attempts in %llu ms", nr, (unsigned long long)ms);
	ASSERT_GE(nr, NR);
	/* At once, and when there were fewer; then two in a millisecond. */
	ASSERT_LE(nr, 3 * NR + 2 * ms);
}

/**
 * struct stall_line - what the tracepoint nyx_irq_stall told
 * @unit: as in Documentation/reference/tracepoints.rst
 * @waited_ms: likewise
 * @again_ms: likewise
 * @stalled: likewise
 */
struct stall_line {
	unsigned int unit;
	unsigned int waited_ms;
	unsigned int again_ms;
	unsigned int stalled;
};

static bool stall_line(const char *line, struct stall_line *l)
{
	const char *p = line[0] == '#' ? NULL : strstr(line, "nyx_irq_stall: ");

	return p && sscanf(p, "nyx_irq_stall: unit=%u sbdf=%*s binding=%*u waited_ms=%u again_ms=%u stalled=%u",
			   &l->unit, &l->waited_ms, &l->again_ms, &l->stalled) == 4;
}

static unsigned int at_least(unsigned int a, unsigned int b)
{
	return a > b ? a : b;
}

/* The most bindings that waited at the same time so far. */
static unsigned int most_stalled(void)
{
	FILE *f = fopen(TRACE_INSTANCE "/trace", "r");
	unsigned int most = 0;
	struct stall_line l;
	char line[512];

	ASSERT_TRUE(f);
	while (fgets(line, sizeof(line), f)) {
		if (stall_line(line, &l))
			most = at_least(most, l.stalled);
	}
	fclose(f);
	return most;
}

/* A guest with many that wait for memory does not slow another guest of the user. */
TEST(attempts_beside_many)
{
	enum { NR = 500, UNITS = 2 };
	unsigned int lone = 0;
	struct bound many, one;
	struct nyx_irte_set c;
	struct stall_line l;
	char line[512];
	int source[NR];
	FILE *f;

	bind_posted(&many, MEM_FILE, &c);
	c.posted = 0x9000;
	test_cmd(cmd_irte_set(many.e.fd, &c));
	bind_many(&many, NR, source, 0);
	bind_posted(&one, MEM_FILE, &c);
	c.posted = 0x9000;
	test_cmd(cmd_irte_set(one.e.fd, &c));
	trace_begin("nyx/nyx_irq_stall");
	for (unsigned int i = 0; i < NR; i++)
		eventfd_give(source[i]);
	/*
	 * From now on each waits for a quarter of a second at least, and seconds in all. A
	 * machine that is slower makes the case weaker, not wrong: the first may be given up
	 * before the last has come.
	 */
	WAIT_FOR(most_stalled() >= NR / 2);
	signal_is_refused(&one, NYX_FAULT_IRQ_POST);
	f = trace_open();
	while (fgets(line, sizeof(line), f)) {
		if (!stall_line(line, &l))
			continue;
		if (l.unit != one.e.unit) {
			/* No longer than without the other guest. */
			ASSERT_LE(l.again_ms, at_least(1 + l.waited_ms / 16, l.stalled));
			continue;
		}
		if (!lone++) {
			ktap_print("beside %u", l.stalled - 1);
			ASSERT_EQ(1, l.again_ms);
		}
		ASSERT_LE(l.again_ms, at_least(1 + l.waited_ms / 16, UNITS));
	}
	trace_end(f);
	/* As often as alone, but for the first milliseconds. */
	ASSERT_GT(lone, 90);
}

/* A trace line's flags, behind "[CPU]"; NULL if it is no event. */
static const char *trace_flags(const char *line)
{
	const char *p = line[0] == '#' ? NULL : strchr(line, ']');

	return p && strlen(p) > 6 ? p + 2 : NULL;
}

/* However many were held until the same moment: the worker sends them all. */
TEST(held_together)
{
	enum { NR = 1024 };
	unsigned long total = 0;
	const char *flags;
	char line[512];
	struct bound b;
	int source[NR];
	FILE *f;

	bound_env(&b);
	bind_many(&b, NR, source, 500000);
	trace_begin("nyx/nyx_irq");
	for (unsigned int i = 0; i < NR; i++)
		eventfd_give(source[i]);
	WAIT_FOR(unit_stat(b.e.fd, NYX_STAT_IRQS) == NR);
	f = trace_open();
	while (fgets(line, sizeof(line), f)) {
		flags = trace_flags(line);
		if (!flags)
			continue;
		if (strchr("hHs", flags[2]))
			FAIL("sent in an interrupt or a softirq: %s", line);
		total++;
	}
	trace_end(f);
	ASSERT_EQ(NR, total);
}

#define MAX_BINDINGS	"/sys/module/nyx_iommu/parameters/max_bindings_per_user"

/* As a user without privileges; the limit was set before. */
static void bind_to_the_limit(unsigned int max)
{
	const int target = eventfd_new();
	struct env e[2];
	__u32 id = 0;
	int source;

	test_cmd(setresgid(12345, 12345, 12345));
	test_cmd(setresuid(12345, 12345, 12345));
	for (int i = 0; i < 2; i++)
		env_open(&e[i]);
	/* In two units; the descriptors are closed, the eventfds are not gone. */
	for (unsigned int i = 0; i < max; i++) {
		source = eventfd_new();
		test_cmd(cmd_irq_bind(e[i % 2].fd, e[i % 2].sbdf, msi_index(ENTRY), source,
				      target, &id));
		close(source);
	}
	source = eventfd_new();
	for (int i = 0; i < 2; i++)
		test_err(ENOSPC, cmd_irq_bind(e[i].fd, e[i].sbdf, msi_index(ENTRY), source,
					      target, NULL));
	/* An unbind makes room at once, in whichever unit. */
	for (int i = 0; i < 1000; i++) {
		test_cmd(cmd_irq_unbind(e[(max - 1) % 2].fd, id));
		test_cmd(cmd_irq_bind(e[(max - 1) % 2].fd, e[(max - 1) % 2].sbdf,
				      msi_index(ENTRY), source, target, &id));
	}
	/* So does the end of a unit. */
	test_cmd(cmd_unit_destroy(e[1].fd));
	close(e[1].fd);
	for (unsigned int i = 0; i < max / 2; i++)
		test_cmd(cmd_irq_bind(e[0].fd, e[0].sbdf, msi_index(ENTRY), eventfd_new(), target,
				      NULL));
}

/* Bindings cannot multiply the descriptors that a user may have. */
static void bind_beyond_the_limit(unsigned int max)
{
	struct bound b;

	bound_env(&b);
	for (unsigned int i = 0; i < max + 10; i++)
		test_cmd(cmd_irq_bind(b.e.fd, b.e.sbdf, msi_index(ENTRY), eventfd_new(), b.target,
				      NULL));
}

TEST(limit_of_a_user)
{
	static void (*const parts[])(unsigned int max) = {
		bind_to_the_limit, bind_beyond_the_limit,	/* a user, and root */
	};
	enum { MAX = 100 };
	int status[ARRAY_SIZE(parts)];
	char old[32] = "";
	struct stat node;
	FILE *f;
	pid_t pid;

	f = fopen(MAX_BINDINGS, "r");
	ASSERT_TRUE(f && fgets(old, sizeof(old), f));
	fclose(f);
	ASSERT_EQ(0, stat("/dev/nyx-iommu", &node));
	ASSERT_EQ(0, chmod("/dev/nyx-iommu", 0666));
	write_file(MAX_BINDINGS, "100");
	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++) {
		pid = fork();
		if (!pid) {
			parts[i](MAX);
			_exit(0);
		}
		status[i] = -1;
		waitpid(pid, &status[i], 0);
	}
	/* First of all, or what follows has a limit. */
	write_file(MAX_BINDINGS, old);
	chmod("/dev/nyx-iommu", node.st_mode & 07777);
	ASSERT_EQ(0, status[0]);
	ASSERT_EQ(0, status[1]);
}

/* Interrupts that a processor got from others that wanted it to do something. */
static unsigned long calls_to(unsigned int cpu)
{
	FILE *f = fopen("/proc/interrupts", "r");
	unsigned long calls = 0;
	bool found = false;
	char line[4096], *p;

	ASSERT_TRUE(f);
	while (!found && fgets(line, sizeof(line), f)) {
		p = line + strspn(line, " ");
		found = !strncmp(p, "CAL:", 4);
		p += 4;
		for (unsigned int i = 0; found && i <= cpu; i++)
			calls = strtoul(p, &p, 10);
	}
	fclose(f);
	if (!found)
		NOT_HERE("processors do not call each other here");
	return calls;
}

static void stay_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (!sched_setaffinity(0, sizeof(set), &set))
		return;
	if (errno == EINVAL)
		NOT_HERE("no processor %u", cpu);
	SKIP("processor %u: %s", cpu, strerror(errno));
}

/* The calls to CPU 1 while bindings come and go on CPU 0. */
static unsigned long calls_of_unbinds(struct bound *b, unsigned int nr)
{
	unsigned long before = calls_to(1);

	for (unsigned int i = 0; i < nr; i++) {
		bind_it(b);
		test_cmd(cmd_irq_unbind(b->e.fd, b->id));
	}
	return calls_to(1) - before;
}

/*
 * Other processors do not learn of an unbind. Others than this test may call them:
 * that makes more calls, in one of the tries or in all, but never fewer.
 */
TEST(unbind_calls_nobody)
{
	enum { NR = 500 };
	unsigned long calls = NR;
	struct bound b;
	pid_t busy;

	stay_on(1);
	stay_on(0);
	bound_env(&b);
	busy = fork();
	ASSERT_TRUE(busy >= 0);
	if (!busy) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		stay_on(1);
		for (;;)
			__asm__ volatile("");
	}
	for (int i = 0; calls >= NR / 5 && i < TRIES; i++) {
		calls = calls_of_unbinds(&b, NR);
		ktap_print("%d unbinds, %lu calls", NR, calls);
	}
	kill(busy, SIGKILL);
	ASSERT_LT(calls, NR / 5);
}

/* ---- the end ---- */

TEST(unbind_drops_masked)
{
	struct bound b;

	bound_env(&b);
	bind_it(&b);
	for (int i = 0; i < 10; i++) {
		test_cmd(cmd_irq_mask(b.e.fd, b.id, 1));
		eventfd_give(b.source);
		WAIT_FOR(info_of(&b).flags & NYX_BIND_F_PENDING);
		test_cmd(cmd_irq_unbind(b.e.fd, b.id));
		ASSERT_EQ(0, eventfd_take(b.target));
		bind_it(&b);
		ASSERT_EQ(0, info_of(&b).flags);
		signal_arrives(&b);
	}
}

TEST(unbind_drops_held)
{
	struct bound b;

	bound_env(&b);
	for (int i = 0; i < 3; i++) {
		bind_coalesced(&b, 200000, 0);
		eventfd_give(b.source);
		WAIT_FOR(info_of(&b).signals == 1);
		test_cmd(cmd_irq_unbind(b.e.fd, b.id));
		/* It may have been delivered already, where that took long. */
		eventfd_take(b.target);
		pause_ms(300);
		ASSERT_EQ(0, eventfd_take(b.target));
	}
}

TEST(source_closed)
{
	struct nyx_unit_info unit;
	int old;
	struct bound b;

	bound_env(&b);
	bind_it(&b);
	signal_arrives(&b);
	/* A copy keeps it. */
	old = b.source;
	b.source = dup(old);
	close(old);
	signal_arrives(&b);
	ASSERT_EQ(0, info_of(&b).flags & NYX_BIND_F_CLOSED);
	close(b.source);
	WAIT_FOR(info_of(&b).flags & NYX_BIND_F_CLOSED);
	test_cmd(cmd_irq_mask(b.e.fd, b.id, 1));
	test_cmd(cmd_irq_mask(b.e.fd, b.id, 0));
	test_cmd(cmd_irq_message(b.e.fd, b.id, msi_index(ENTRY)));
	test_cmd(cmd_unit_info(b.e.fd, &unit));
	ASSERT_EQ(1, unit.nr_bindings);
	/* The target is free to be anything again when it is unbound. */
	test_cmd(cmd_irq_unbind(b.e.fd, b.id));
	test_cmd(cmd_unit_info(b.e.fd, &unit));
	ASSERT_EQ(0, unit.nr_bindings);
	b.source = b.target;
	b.target = eventfd_new();
	bind_it(&b);
	signal_arrives(&b);
}

/* With one that is pending, or held, when the source goes. */
TEST(source_closed_with_one)
{
	struct bound b;

	bound_env(&b);
	bind_it(&b);
	test_cmd(cmd_irq_mask(b.e.fd, b.id, 1));
	eventfd_give(b.source);
	WAIT_FOR(info_of(&b).flags & NYX_BIND_F_PENDING);
	close(b.source);
	WAIT_FOR(info_of(&b).flags & NYX_BIND_F_CLOSED);
	test_cmd(cmd_irq_mask(b.e.fd, b.id, 0));
	ASSERT_EQ(1, eventfd_wait(b.target));
	test_cmd(cmd_irq_unbind(b.e.fd, b.id));
	b.source = eventfd_new();
	bind_coalesced(&b, 100000, 0);
	eventfd_give(b.source);
	WAIT_FOR(info_of(&b).signals == 1);
	close(b.source);
	ASSERT_EQ(1, eventfd_wait(b.target));
}

TEST(target_closed)
{
	struct bound b;

	bound_env(&b);
	bind_it(&b);
	signal_arrives(&b);
	close(b.target);
	for (__u64 i = 0; i < 10; i++) {
		eventfd_give(b.source);
		WAIT_FOR(info_of(&b).signals == 2 + i);
	}
	WAIT_FOR(info_of(&b).delivered > 1);
	ASSERT_EQ(0, info_of(&b).refused);
	test_cmd(cmd_irq_unbind(b.e.fd, b.id));
}

/* A target that is full takes no more, and no thread waits for it. */
TEST(target_full)
{
	const __u64 most = 0xfffffffffffffffeull;
	struct bound b;

	bound_env(&b);
	bind_it(&b);
	ASSERT_EQ(8, write(b.target, &most, sizeof(most)));
	for (__u64 i = 0; i < 5; i++) {
		eventfd_give(b.source);
		WAIT_FOR(info_of(&b).signals == 1 + i);
	}
	WAIT_FOR(info_of(&b).delivered > 0);
	ASSERT_GE(eventfd_take(b.target), most);
	/* The rest of them may still be on their way. */
	WAIT_FOR(info_of(&b).delivered + info_of(&b).refused >= 1);
	eventfd_take(b.target);
	eventfd_give(b.source);
	ASSERT_GE(eventfd_wait(b.target), 1);
}

/* Without its device an interrupt is refused; it is back when that is. */
TEST(device_removed)
{
	struct nyx_binding_info info;
	struct bound b;

	bound_env(&b);
	bind_it(&b);
	signal_arrives(&b);
	for (int i = 0; i < 10; i++) {
		test_cmd(cmd_device_remove(b.e.fd, b.e.sbdf));
		signal_is_refused(&b, 0);
		test_cmd(cmd_device_add(b.e.fd, b.e.sbdf));
		info = info_of(&b);
		eventfd_give(b.source);
		WAIT_FOR(info_of(&b).delivered + info_of(&b).refused >
			 info.delivered + info.refused);
		eventfd_take(b.target);
	}
	test_cmd(cmd_irq_unbind(b.e.fd, b.id));
	test_cmd(cmd_device_remove(b.e.fd, b.e.sbdf));
	test_err(ENOENT, cmd_irq_bind(b.e.fd, b.e.sbdf, msi_index(ENTRY), b.source, b.target,
				      NULL));
}

/* A device in quarantine is not heard; its interrupts are no faults. */
TEST(device_quarantined)
{
	struct bound b;

	bound_env(&b);
	bind_it(&b);
	test_cmd(cmd_device_control(b.e.fd, b.e.sbdf, NYX_DEVICE_DO_QUARANTINE));
	signal_is_refused(&b, NYX_FAULT_QUARANTINED);
	test_cmd(cmd_device_control(b.e.fd, b.e.sbdf, NYX_DEVICE_DO_DISABLE));
	signal_is_refused(&b, NYX_FAULT_QUARANTINED);
	ASSERT_EQ(2, unit_stat(b.e.fd, NYX_STAT_QUARANTINED_ACCESSES));
	ASSERT_EQ(0, unit_stat(b.e.fd, NYX_STAT_IRQ_FAULTS));
	ASSERT_EQ(0, events_count(b.ev, NYX_EVENT_IRQ_FAULT));
	test_cmd(cmd_device_control(b.e.fd, b.e.sbdf, NYX_DEVICE_DO_RESET));
	signal_arrives(&b);
}

static const struct end_case {
	const char *name;
	bool destroy;
	bool held;
} end_cases[] = {
	{ "destroy", true, false }, { "destroy_held", true, true },
	{ "close", false, false }, { "close_held", false, true },
};

/* A unit that ends lets go of its sources. */
TEST_EACH(unit_ends, end_cases)
{
	struct bound b, other;

	bound_env(&b);
	bind_coalesced(&b, v->held ? 50000 : 0, 0);
	eventfd_give(b.source);
	WAIT_FOR(info_of(&b).signals == 1);
	close(b.ev);
	if (v->destroy) {
		test_cmd(cmd_unit_destroy(b.e.fd));
		eventfd_give(b.source);
		test_err(ENODEV, cmd_irq_unbind(b.e.fd, b.id));
		test_err(ENODEV, cmd_irq_bind(b.e.fd, b.e.sbdf, msi_index(ENTRY), eventfd_new(),
					      b.target, NULL));
	}
	close(b.e.fd);

	bound_env(&other);
	other.source = b.source;
	WAIT_FOR(cmd_irq_bind(other.e.fd, other.e.sbdf, msi_index(ENTRY), other.source,
			      other.target, &other.id) != -EBUSY);
	/* Signals that were not read are still there. */
	eventfd_give(other.source);
	ASSERT_GE(eventfd_wait(other.target), 1);
	pause_ms(v->held ? 100 : 1);
	eventfd_take(b.target);
	eventfd_give(other.source);
	ASSERT_GE(eventfd_wait(other.target), 1);
	ASSERT_EQ(0, eventfd_take(b.target));
}

/* ---- while it is signalled ---- */

/* When an unbind has returned the target is not signalled any more. */
TEST(unbind_under_signals)
{
	struct signaller s;
	struct bound b;

	bound_env(&b);
	signaller_start(&s, b.source);
	for (unsigned long i = 0; i < ktap_iterations(200); i++) {
		ktap_note("round %lu", i);
		bind_coalesced(&b, i % 3 == 2 ? 100 : 0, i % 3 == 2 ? i % 4 : 0);
		eventfd_wait(b.target);
		if (i % 5 == 0)
			test_cmd(cmd_irq_mask(b.e.fd, b.id, 1));
		test_cmd(cmd_irq_unbind(b.e.fd, b.id));
		eventfd_take(b.target);
		for (int j = 0; j < 5; j++) {
			sched_yield();
			ASSERT_EQ(0, eventfd_take(b.target));
		}
	}
	signaller_stop(&s);
	ktap_print("%lu signals", s.given);
	bind_it(&b);
	eventfd_give(b.source);
	ASSERT_GE(eventfd_wait(b.target), 1);
}

struct unbind_race {
	struct bound *b;
	unsigned long round;
	unsigned long gone;
	bool stop;
};

/* Ends the binding of each round; when it is gone, by whomever, nothing is signalled. */
static void *unbind_thread(void *arg)
{
	struct unbind_race *r = arg;
	unsigned long seen = 0, round;

	while (!__atomic_load_n(&r->stop, __ATOMIC_SEQ_CST)) {
		round = __atomic_load_n(&r->round, __ATOMIC_SEQ_CST);
		if (round == seen)
			continue;
		seen = round;
		if (cmd_irq_unbind(r->b->e.fd, r->b->id) == -ENOENT) {
			eventfd_take(r->b->target);
			for (int j = 0; j < 5; j++) {
				sched_yield();
				ASSERT_EQ(0, eventfd_take(r->b->target));
			}
		}
		__atomic_add_fetch(&r->gone, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

TEST(two_that_unbind)
{
	struct unbind_race r = {};
	struct signaller s;
	struct bound b;
	pthread_t t[2];

	bound_env(&b);
	r.b = &b;
	signaller_start(&s, b.source);
	for (int i = 0; i < 2; i++)
		t[i] = thread_start(unbind_thread, &r);
	for (unsigned long i = 0; i < ktap_iterations(200); i++) {
		bind_it(&b);
		eventfd_wait(b.target);
		__atomic_add_fetch(&r.round, 1, __ATOMIC_SEQ_CST);
		WAIT_FOR(__atomic_load_n(&r.gone, __ATOMIC_SEQ_CST) == 2 * (i + 1));
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 2; i++)
		thread_end(t[i], "a thread that unbinds");
	signaller_stop(&s);
}

/* A signal is delivered or refused, and counted, for any change of the entry. */
TEST(entry_under_signals)
{
	struct signaller s;
	struct nyx_binding_info info;
	struct bound b;

	bound_env(&b);
	close(b.ev);
	bind_it(&b);
	signaller_start(&s, b.source);
	for (unsigned long i = 0; i < ktap_iterations(1000); i++) {
		switch (i % 4) {
		case 0:
			test_cmd(cmd_irte_clear(b.e.fd, ENTRY, 1));
			break;
		case 1:
			test_cmd(cmd_irte_simple(b.e.fd, ENTRY, i, 0x40));
			break;
		case 2:
			test_cmd(cmd_irq_message(b.e.fd, b.id, msi_index(ENTRY + i % 8 / 4)));
			break;
		default:
			test_cmd(cmd_irq_mask(b.e.fd, b.id, i % 8 / 4));
		}
		/* Let one be handled, in each of these states. */
		if (i % 9 == 0)
			pause_ms(1);
	}
	signaller_stop(&s);
	test_cmd(cmd_irte_simple(b.e.fd, ENTRY, 1, 0x40));
	test_cmd(cmd_irq_message(b.e.fd, b.id, msi_index(ENTRY)));
	test_cmd(cmd_irq_mask(b.e.fd, b.id, 0));
	WAIT_FOR(info_of(&b).signals == s.given);
	/* The last of them, if all others came while it was masked. */
	WAIT_FOR(info_of(&b).delivered + info_of(&b).refused > 0);
	info = info_of(&b);
	ktap_print("%lu signals, %llu delivered, %llu refused", s.given,
		   (unsigned long long)info.delivered, (unsigned long long)info.refused);
	ASSERT_LE(info.delivered + info.refused, s.given);
	/* And it still works. */
	eventfd_take(b.target);
	eventfd_give(b.source);
	ASSERT_GE(eventfd_wait(b.target), 1);
}

/* Sources that are closed, and units that end, while they are signalled. */
TEST(ends_under_signals)
{
	struct bound b;

	for (unsigned long i = 0; i < ktap_iterations(100); i++) {
		struct signaller s;

		ktap_note("round %lu", i);
		bound_env(&b);
		bind_coalesced(&b, i % 2 ? 50 : 0, 0);
		signaller_start(&s, b.source);
		eventfd_wait(b.target);
		switch (i % 3) {
		case 0:
			test_cmd(cmd_unit_destroy(b.e.fd));
			break;
		case 1:
			test_cmd(cmd_device_remove(b.e.fd, b.e.sbdf));
			close(b.e.fd);
			b.e.fd = -1;
			break;
		default:
			close(b.target);
		}
		sched_yield();
		signaller_stop(&s);
		close(b.source);
		if (i % 3 != 2)
			close(b.target);
		close(b.ev);
		if (b.e.fd >= 0)
			close(b.e.fd);
	}
}

struct bind_race {
	struct env e;
	int source;
	int target[2];
	bool stop;
	unsigned long bound;
	int nr;
};

static void *bind_thread(void *arg)
{
	struct bind_race *r = arg;
	int me = __atomic_fetch_add(&r->nr, 1, __ATOMIC_SEQ_CST);
	__u32 id;

	for (unsigned long i = 0; i < ktap_iterations(150); i++) {
		/* The one as a source, the other way round as a target. */
		int ret = cmd_irq_bind(r->e.fd, r->e.sbdf, msi_index(ENTRY),
				       me % 2 ? r->source : r->target[0],
				       me % 2 ? r->target[0] : r->source, &id);

		ASSERT_TRUE(!ret || ret == -EBUSY || ret == -ELOOP);
		if (ret)
			continue;
		__atomic_add_fetch(&r->bound, 1, __ATOMIC_SEQ_CST);
		if (i % 4 == 0)
			sched_yield();
		test_cmd(cmd_irq_unbind(r->e.fd, id));
	}
	return NULL;
}

/* Two that bind the same two eventfds in turn: never both. */
TEST(bind_race)
{
	struct bind_race r = { .source = eventfd_new(), .target = { eventfd_new(), -1 } };
	pthread_t t[4];

	env_open(&r.e);
	test_cmd(cmd_irte_simple(r.e.fd, ENTRY, 1, 0x40));
	/* With a signal there, a loop would run for ever. */
	eventfd_give(r.source);
	for (int i = 0; i < 4; i++)
		t[i] = thread_start(bind_thread, &r);
	for (int i = 0; i < 4; i++)
		thread_end(t[i], "a thread that binds");
	ktap_print("%lu bindings", r.bound);
	ASSERT_GT(r.bound, 0);
}
