// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx stress: everything comes and goes while devices are at work.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each device has a window of guest memory of its own, mapped in the domain that
 * it is attached to. Threads write the windows by DMA, send interrupts and signal
 * the sources of bound ones, without end. The main thread adds, attaches,
 * detaches and removes devices, memory, domains, entries and bindings. It checks:
 *
 *  - when it has taken a device, its domain's mapping or its memory away, it
 *    paints the window with a canary, which no device may write until it gives it
 *    back;
 *  - now and then the signals stop, and all that was on its way has come. Then
 *    each bound source is signalled once: that must be delivered, or refused and
 *    counted.
 *
 * NYX_STRESS_SECONDS in the environment makes it last so long (the long form is
 * 60), instead of a number of rounds.
 */
#include "nyx_env.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#define DEVICES		4u
#define WINDOW		(4 * SZ_4K)
#define WINDOW_GPA(n)	(SZ_1G + (n) * SZ_1M)
#define ENTRIES		8u
#define BINDINGS	6u
#define SETTLE_TRIES	5

/**
 * struct hot_device - a device and what belongs to it
 * @added: it exists
 * @attached: it has a domain
 * @mapped: its domain maps its window
 * @memory: its window is guest memory
 * @domain: its domain's id, or 0
 */
struct hot_device {
	bool added;
	bool attached;
	bool mapped;
	bool memory;
	__u32 domain;
};

/**
 * struct hot_binding - a bound interrupt
 * @bound: it is bound
 * @id: its id
 * @source: signalled by a thread all the time
 * @target: read by the main thread
 */
struct hot_binding {
	bool bound;
	__u32 id;
	int source;
	int target;
};

/**
 * struct hot - the run
 * @fd: the unit
 * @mem: the windows, one after the other
 * @device: the devices
 * @binding: the bindings
 * @stop: ends the threads
 * @quiet: the signaller rests
 * @resting: it does
 * @written: accesses that worked
 * @refused: accesses that did not
 * @irqs: interrupts that were delivered
 * @signals: of all sources
 * @threads: for their seeds
 */
struct hot {
	int fd;
	unsigned char *mem;
	struct hot_device device[DEVICES];
	struct hot_binding binding[BINDINGS];
	bool stop;
	bool quiet;
	bool resting;
	unsigned long written;
	unsigned long refused;
	unsigned long irqs;
	unsigned long signals;
	unsigned int threads;
};

static __u32 hot_sbdf(unsigned int n)
{
	return NYX_SBDF(n % 2, 3, n, 0);
}

static bool stopped(const struct hot *h)
{
	return __atomic_load_n(&h->stop, __ATOMIC_SEQ_CST);
}

/* ---- the threads ---- */

static struct rng thread_rng(struct hot *h)
{
	unsigned int nr = __atomic_add_fetch(&h->threads, 1, __ATOMIC_SEQ_CST);

	return (struct rng) { .state = ktap_seed + 1000003 * nr };
}

static void *dma_thread(void *arg)
{
	struct hot *h = arg;
	struct rng r = thread_rng(h);
	unsigned char *buf = ktap_alloc(WINDOW);
	struct nyx_dma c;

	memset(buf, 0xdd, WINDOW);
	while (!stopped(h)) {
		const __u32 sbdf = hot_sbdf(rng_below(&r, DEVICES));
		__u64 at = rng_below(&r, WINDOW), length = 1 + rng_below(&r, WINDOW - at);
		int ret;

		if (rng_below(&r, 2))
			ret = cmd_dma_write(h->fd, &c, sbdf, at, buf, length);
		else
			ret = cmd_dma_fill(h->fd, &c, sbdf, at, length, 1, 0xdd);
		/* The device may not be there. */
		ASSERT_TRUE(!ret || ret == -ENOENT);
		if (!ret && c.out_done == length)
			__atomic_add_fetch(&h->written, 1, __ATOMIC_SEQ_CST);
		else
			__atomic_add_fetch(&h->refused, 1, __ATOMIC_SEQ_CST);
	}
	free(buf);
	return NULL;
}

static void *irq_thread(void *arg)
{
	struct hot *h = arg;
	struct rng r = thread_rng(h);
	struct nyx_irq_send s;

	while (!stopped(h)) {
		const __u32 index = rng_below(&r, ENTRIES);
		int ret = cmd_irq_send(h->fd, &s, hot_sbdf(rng_below(&r, DEVICES)),
				       msi_index(index));

		ASSERT_TRUE(!ret || ret == -ENOENT);
		if (ret)
			continue;
		if (s.out_result == NYX_IRQ_REFUSED) {
			ASSERT_TRUE(s.out_reason == NYX_FAULT_IRQ_NOT_PRESENT ||
				    s.out_reason == NYX_FAULT_IRQ_SOURCE ||
				    s.out_reason == NYX_FAULT_QUARANTINED);
			continue;
		}
		ASSERT_EQ(NYX_IRQ_DELIVER, s.out_result);
		/* The entry in whole: its vector tells its destination. */
		ASSERT_EQ(index, s.out_dest % ENTRIES);
		ASSERT_EQ(16 + s.out_dest % 240, s.out_vector);
		__atomic_add_fetch(&h->irqs, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void *signal_thread(void *arg)
{
	struct hot *h = arg;
	struct rng r = thread_rng(h);

	while (!stopped(h)) {
		if (__atomic_load_n(&h->quiet, __ATOMIC_SEQ_CST)) {
			__atomic_store_n(&h->resting, true, __ATOMIC_SEQ_CST);
			pause_ms(1);
			continue;
		}
		__atomic_store_n(&h->resting, false, __ATOMIC_SEQ_CST);
		eventfd_give(h->binding[rng_below(&r, BINDINGS)].source);
		if (__atomic_add_fetch(&h->signals, 1, __ATOMIC_SEQ_CST) % 32 == 0)
			sched_yield();
	}
	return NULL;
}

/* ---- what is taken away ---- */

static unsigned char *window(const struct hot *h, unsigned int n)
{
	return h->mem + n * WINDOW;
}

/* No device writes the window while the caller has taken it away. */
static void check_canary(struct hot *h, unsigned int n, unsigned char canary)
{
	memset(window(h, n), canary, WINDOW);
	for (int i = 0; i < 3; i++)
		sched_yield();
	ASSERT_FILLED(window(h, n), canary, WINDOW);
}

static bool reachable(const struct hot_device *d)
{
	return d->added && d->attached && d->mapped && d->memory;
}

static void step_device(struct hot *h, struct rng *r, unsigned int n)
{
	struct hot_device *d = &h->device[n];
	const __u32 sbdf = hot_sbdf(n);

	switch (rng_below(r, 4)) {
	case 0:
		test_err(d->added ? EEXIST : 0, cmd_device_add(h->fd, sbdf));
		d->added = true;
		break;
	case 1:
		test_err(d->added ? 0 : ENOENT, cmd_device_remove(h->fd, sbdf));
		d->added = d->attached = false;
		break;
	case 2:
		if (!d->domain || !d->added || d->attached)
			break;
		test_cmd(cmd_device_attach(h->fd, sbdf, d->domain, 0));
		d->attached = true;
		break;
	default:
		test_err(d->attached ? 0 : ENOENT, cmd_device_detach(h->fd, sbdf));
		d->attached = false;
	}
}

static void step_domain(struct hot *h, struct rng *r, unsigned int n)
{
	struct hot_device *d = &h->device[n];
	struct nyx_domain_create c = { .format = rng_below(r, 3) };

	if (!d->domain) {
		test_cmd(cmd_domain_create(h->fd, &c));
		d->domain = c.out_domain_id;
		return;
	}
	switch (rng_below(r, 3)) {
	case 0:
		if (d->attached) {
			test_err(EBUSY, cmd_domain_destroy(h->fd, d->domain));
			break;
		}
		test_cmd(cmd_domain_destroy(h->fd, d->domain));
		d->domain = 0;
		d->mapped = false;
		break;
	case 1:
		if (d->mapped)
			break;
		test_cmd(cmd_map(h->fd, d->domain, 0, WINDOW_GPA(n), WINDOW, RW));
		d->mapped = true;
		break;
	default:
		test_err(d->mapped ? 0 : ENOENT,
			 cmd_unmap(h->fd, d->domain, 0, rng_below(r, 2) ? SZ_1M : WINDOW, NULL));
		d->mapped = false;
	}
}

static void step_memory(struct hot *h, struct rng *r, unsigned int n)
{
	struct hot_device *d = &h->device[n];
	__u32 pinned = rng_below(r, 2) ? NYX_MEMORY_F_PINNED : 0;

	if (d->memory)
		test_cmd(cmd_memory_remove(h->fd, WINDOW_GPA(n), WINDOW));
	else
		test_cmd(cmd_memory_add(h->fd, pinned, WINDOW_GPA(n), WINDOW, window(h, n)));
	d->memory = !d->memory;
}

static void step_entry(struct hot *h, struct rng *r)
{
	const __u32 index = rng_below(r, ENTRIES);
	struct nyx_irte_set c = { .index = index };
	int ret;

	if (rng_below(r, 3) == 0) {
		ret = cmd_irte_clear(h->fd, index, 1 + rng_below(r, 2));
		ASSERT_TRUE(!ret || ret == -ENOENT);
		return;
	}
	c.dest = rng_below(r, 1000) * ENTRIES + index;
	c.vector = 16 + c.dest % 240;
	if (rng_below(r, 3) == 0) {
		c.source_check = NYX_SOURCE_RID;
		c.source = hot_sbdf(rng_below(r, DEVICES));
	}
	test_cmd(cmd_irte_set(h->fd, &c));
}

static void step_binding(struct hot *h, struct rng *r)
{
	const unsigned int n = rng_below(r, BINDINGS);
	struct hot_binding *b = &h->binding[n];
	const __u32 sbdf = hot_sbdf(n % DEVICES);
	struct nyx_irq_bind c;
	int ret;

	if (b->bound) {
		switch (rng_below(r, 3)) {
		case 0:
			test_cmd(cmd_irq_mask(h->fd, b->id, rng_below(r, 2)));
			return;
		case 1:
			test_cmd(cmd_irq_message(h->fd, b->id, msi_index(rng_below(r, ENTRIES))));
			return;
		}
		test_cmd(cmd_irq_unbind(h->fd, b->id));
		b->bound = false;
		eventfd_take(b->target);
		sched_yield();
		ASSERT_EQ(0, eventfd_take(b->target));
		return;
	}
	nyx_bind_init(&c, sbdf, msi_index(rng_below(r, ENTRIES)), b->source, b->target);
	if (rng_below(r, 3) == 0) {
		c.coalesce_us = 1 + rng_below(r, 2000);
		c.coalesce_count = rng_below(r, 5);
	}
	ret = nyx_cmd(h->fd, NYX_IRQ_BIND, &c);
	if (!h->device[n % DEVICES].added) {
		test_err(ENOENT, ret);
		return;
	}
	test_cmd(ret);
	b->id = c.out_binding_id;
	b->bound = true;
}

/* ---- no signal is lost ---- */

/* All that was on its way has come: nothing changes any more. */
static void settle(const struct hot *h, const struct hot_binding *b,
		   struct nyx_binding_info *info)
{
	struct nyx_binding_info old;
	int same = 0;

	binding_info(h->fd, b->id, info);
	while (same < SETTLE_TRIES) {
		old = *info;
		pause_ms(1);
		eventfd_take(b->target);
		binding_info(h->fd, b->id, info);
		same = memcmp(&old, info, sizeof(old)) ? 0 : same + 1;
	}
}

static void check_signals(struct hot *h)
{
	struct nyx_binding_info old, now;

	__atomic_store_n(&h->quiet, true, __ATOMIC_SEQ_CST);
	WAIT_FOR(__atomic_load_n(&h->resting, __ATOMIC_SEQ_CST));
	for (unsigned int n = 0; n < BINDINGS; n++) {
		struct hot_binding *b = &h->binding[n];

		if (!b->bound)
			continue;
		ktap_note("binding %u, id %u", n, b->id);
		test_cmd(cmd_irq_mask(h->fd, b->id, 0));
		settle(h, b, &old);
		ASSERT_EQ(0, old.flags);
		eventfd_give(b->source);
		WAIT_FOR((binding_info(h->fd, b->id, &now),
			  now.delivered + now.refused > old.delivered + old.refused));
		ASSERT_EQ(old.signals + 1, now.signals);
		if (now.delivered > old.delivered)
			ASSERT_EQ(1, eventfd_wait(b->target));
		else
			ASSERT_NE(NYX_FAULT_NONE, now.last_reason);
		ASSERT_EQ(old.delivered + old.refused + 1, now.delivered + now.refused);
	}
	__atomic_store_n(&h->resting, false, __ATOMIC_SEQ_CST);
	__atomic_store_n(&h->quiet, false, __ATOMIC_SEQ_CST);
}

/* ---- the run ---- */

static void hot_open(struct hot *h)
{
	struct nyx_unit_create c = { .iotlb_entries = 64, .event_entries = 64 };

	*h = (struct hot){ .fd = nyx_open() };
	test_cmd(cmd_unit_create(h->fd, &c));
	test_cmd(policy_only_report(h->fd));
	h->mem = map_aligned(DEVICES * WINDOW, SZ_4K, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1);
	for (unsigned int n = 0; n < BINDINGS; n++) {
		h->binding[n].source = eventfd_new();
		h->binding[n].target = eventfd_new();
	}
}

/* The device can reach its window: give it what it lacks. */
static void make_whole(struct hot *h, unsigned int n)
{
	struct hot_device *d = &h->device[n];

	if (!d->memory)
		test_cmd(cmd_memory_add(h->fd, 0, WINDOW_GPA(n), WINDOW, window(h, n)));
	if (!d->domain)
		test_cmd(cmd_domain_paging(h->fd, 0, &d->domain));
	if (!d->mapped)
		test_cmd(cmd_map(h->fd, d->domain, 0, WINDOW_GPA(n), WINDOW, RW));
	if (!d->added)
		test_cmd(cmd_device_add(h->fd, hot_sbdf(n)));
	if (!d->attached)
		test_cmd(cmd_device_attach(h->fd, hot_sbdf(n), d->domain, 0));
	d->memory = d->mapped = d->added = d->attached = true;
}

TEST(hotplug)
{
	const char *seconds = getenv("NYX_STRESS_SECONDS");
	const unsigned long rounds = ktap_iterations(nr_cpus() > 1 ? 12000 : 4000);
	const __u64 until = seconds ? boottime_ns() + strtoull(seconds, NULL, 0) * 1000000000 : 0;
	struct rng r = rng_start(1);
	unsigned long i, canaries = 0;
	pthread_t t[4];
	struct nyx_unit_info unit;
	struct hot h;

	hot_open(&h);
	t[0] = thread_start(irq_thread, &h);
	t[1] = thread_start(signal_thread, &h);
	t[2] = thread_start(dma_thread, &h);
	t[3] = thread_start(dma_thread, &h);
	for (i = 0; until ? boottime_ns() < until : i < rounds; i++) {
		const unsigned int n = rng_below(&r, DEVICES);
		bool was;

		ktap_note("round %lu", i);
		if (rng_below(&r, 6) == 0)
			make_whole(&h, n);
		was = reachable(&h.device[n]);
		switch (rng_below(&r, 8)) {
		case 0:
		case 1:
			step_device(&h, &r, n);
			break;
		case 2:
			step_domain(&h, &r, n);
			break;
		case 3:
			step_memory(&h, &r, n);
			break;
		case 4:
		case 5:
			step_entry(&h, &r);
			break;
		default:
			step_binding(&h, &r);
		}
		if (was && !reachable(&h.device[n])) {
			check_canary(&h, n, i);
			canaries++;
		}
		if (i % 200 == 199)
			check_signals(&h);
	}
	check_signals(&h);
	__atomic_store_n(&h.stop, true, __ATOMIC_SEQ_CST);
	for (size_t j = 0; j < ARRAY_SIZE(t); j++)
		thread_end(t[j], "a thread");
	ktap_print("%lu rounds, %lu canaries, %lu writes, %lu refused, %lu interrupts, %lu signals",
		   i, canaries, h.written, h.refused, h.irqs, h.signals);
	/* Otherwise nothing was tested. */
	ASSERT_GT(canaries, 0);
	ASSERT_GT(h.written, 0);
	ASSERT_GT(h.signals, 0);

	/* All of it can be taken down. */
	for (unsigned int n = 0; n < BINDINGS; n++)
		if (h.binding[n].bound)
			test_cmd(cmd_irq_unbind(h.fd, h.binding[n].id));
	for (unsigned int n = 0; n < DEVICES; n++) {
		if (h.device[n].added)
			test_cmd(cmd_device_remove(h.fd, hot_sbdf(n)));
		if (h.device[n].domain)
			test_cmd(cmd_domain_destroy(h.fd, h.device[n].domain));
		if (h.device[n].memory)
			test_cmd(cmd_memory_remove(h.fd, WINDOW_GPA(n), WINDOW));
	}
	test_cmd(cmd_unit_info(h.fd, &unit));
	ASSERT_EQ(0, unit.nr_devices);
	ASSERT_EQ(0, unit.nr_domains);
	ASSERT_EQ(0, unit.nr_memory);
	ASSERT_EQ(0, unit.nr_bindings);
}

/* Devices that fault, and are quarantined, held, limited and released meanwhile. */
static void *fault_thread(void *arg)
{
	struct hot *h = arg;
	struct rng r = thread_rng(h);
	struct nyx_dma c;
	__u64 word;

	while (!stopped(h)) {
		int ret = cmd_dma_read(h->fd, &c, hot_sbdf(rng_below(&r, DEVICES)),
				       rng_below(&r, 2) ? 0 : SZ_1G, &word, sizeof(word));

		ASSERT_TRUE(!ret || ret == -ENOENT);
		if (!ret && !c.out_fault.reason)
			__atomic_add_fetch(&h->written, 1, __ATOMIC_SEQ_CST);
		else
			__atomic_add_fetch(&h->refused, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

TEST(quarantine)
{
	const char *seconds = getenv("NYX_STRESS_SECONDS");
	const unsigned long rounds = ktap_iterations(nr_cpus() > 1 ? 6000 : 2000);
	const __u64 until = seconds ? boottime_ns() + strtoull(seconds, NULL, 0) * 1000000000 : 0;
	struct nyx_policy p = {
		.action = NYX_ACTION_QUARANTINE, .threshold = 5, .window_ms = 1000,
		.weight = { 1, 1, 1, 1, 1 }, .backoff_ms = 1, .backoff_max_ms = 4,
		.probation_ms = 3, .max_tries = 3, .records_per_s = 100,
	};
	struct rng r = rng_start(2);
	pthread_t t[3];
	struct nyx_unit_info unit;
	__u32 domain[2];
	unsigned long i;
	struct hot h;

	hot_open(&h);
	for (int j = 0; j < 2; j++) {
		test_cmd(cmd_domain_paging(h.fd, NYX_DOMAIN_F_SHARED, &domain[j]));
		test_cmd(cmd_map(h.fd, domain[j], 0, WINDOW_GPA(0), WINDOW, RW));
	}
	test_cmd(cmd_memory_add(h.fd, 0, WINDOW_GPA(0), WINDOW, h.mem));
	for (unsigned int n = 0; n < DEVICES; n++)
		test_cmd(cmd_device_add(h.fd, hot_sbdf(n)));
	t[0] = thread_start(irq_thread, &h);
	t[1] = thread_start(fault_thread, &h);
	t[2] = thread_start(fault_thread, &h);
	for (i = 0; until ? boottime_ns() < until : i < rounds; i++) {
		const __u32 sbdf = hot_sbdf(rng_below(&r, DEVICES));
		const struct nyx_limits limits = {
			.ops_per_s = rng_below(&r, 3) * 100000, .burst_ms = 1,
		};

		ktap_note("round %lu", i);
		switch (rng_below(&r, 8)) {
		case 0:
			p.flags = rng_below(&r, 8);
			p.threshold = 1 + rng_below(&r, 9);
			test_cmd(cmd_policy_set(h.fd, NYX_SCOPE_UNIT, 0, &p));
			break;
		case 1:
			if (rng_below(&r, 2))
				test_cmd(cmd_policy_set(h.fd, NYX_SCOPE_DEVICE, sbdf, &p));
			else
				test_cmd(cmd_policy_inherit(h.fd, sbdf));
			break;
		case 2:
			test_cmd(cmd_device_control(h.fd, sbdf, rng_below(&r, 3)));
			break;
		case 3:
			test_cmd(cmd_device_remove(h.fd, sbdf));
			sched_yield();
			test_cmd(cmd_device_add(h.fd, sbdf));
			break;
		case 4:
			test_cmd(cmd_limit_set(h.fd, NYX_SCOPE_DEVICE, sbdf, &limits));
			break;
		case 5:
			test_cmd(cmd_limit_set(h.fd, NYX_SCOPE_DOMAIN, domain[0], &limits));
			break;
		default:
			test_cmd(cmd_device_attach(h.fd, sbdf, domain[rng_below(&r, 2)],
						   NYX_ATTACH_F_REPLACE));
		}
		if (i % 16 == 0)
			pause_ms(rng_below(&r, 4));
	}
	__atomic_store_n(&h.stop, true, __ATOMIC_SEQ_CST);
	for (size_t j = 0; j < ARRAY_SIZE(t); j++)
		thread_end(t[j], "a thread");
	ktap_print("%lu rounds, %lu accesses, %lu refused, %llu quarantines, %llu recoveries", i,
		   h.written, h.refused,
		   (unsigned long long)unit_stat(h.fd, NYX_STAT_QUARANTINES),
		   (unsigned long long)unit_stat(h.fd, NYX_STAT_RECOVERIES));
	/* No device is held by another when all are released. */
	for (unsigned int n = 0; n < DEVICES; n++) {
		test_cmd(cmd_limit_set(h.fd, NYX_SCOPE_DEVICE, hot_sbdf(n),
				       &(struct nyx_limits){ 0 }));
		test_cmd(cmd_policy_inherit(h.fd, hot_sbdf(n)));
	}
	test_cmd(cmd_limit_set(h.fd, NYX_SCOPE_DOMAIN, domain[0], &(struct nyx_limits){ 0 }));
	test_cmd(policy_only_report(h.fd));
	for (unsigned int n = 0; n < DEVICES; n++)
		test_cmd(cmd_device_control(h.fd, hot_sbdf(n), NYX_DEVICE_DO_RESET));
	for (unsigned int n = 0; n < DEVICES; n++) {
		struct nyx_device_info info;
		__u64 word;

		test_cmd(cmd_device_attach(h.fd, hot_sbdf(n), domain[n % 2],
					   NYX_ATTACH_F_REPLACE));
		dma_read(h.fd, hot_sbdf(n), 0, &word, sizeof(word));
		device_info(h.fd, hot_sbdf(n), &info);
		ASSERT_EQ(NYX_DEVICE_ACTIVE, info.state);
		ASSERT_EQ(0, info.flags);
	}
	test_cmd(cmd_unit_info(h.fd, &unit));
	ASSERT_EQ(0, unit.nr_quarantined);
}
