// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: fault policy: thresholds, quarantine, recovery, records, causes.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Times are asserted from below only. Where a fault must still count the window
 * is an hour, where a state must not end by itself it lasts a day.
 */
#include "nyx_env.h"

#include <stdlib.h>

#define HOUR_MS		3600000u
#define DAY_MS		86400000u
#define SECOND_SBDF	NYX_SBDF(0, 4, 0, 0)
#define THIRD_SBDF	NYX_SBDF(0, 5, 0, 0)
#define UNMAPPED	(7 * SZ_1G)

/* Three faults; it comes back in no time, and is watched for a day. */
static const struct nyx_policy quick = {
	.flags = NYX_POLICY_F_RECOVER, .action = NYX_ACTION_QUARANTINE, .threshold = 3,
	.window_ms = HOUR_MS, .weight = { 1, 1, 1, 1, 1 }, .backoff_ms = 20,
	.backoff_max_ms = 60, .probation_ms = DAY_MS, .max_tries = 1000,
	.records_per_s = 0xffffffff,
};

/* Three faults; it does not come back. */
static const struct nyx_policy strict = {
	.action = NYX_ACTION_QUARANTINE, .threshold = 3, .window_ms = HOUR_MS,
	.weight = { 1, 1, 1, 1, 1 }, .backoff_ms = 1, .backoff_max_ms = 1, .probation_ms = 1,
	.max_tries = 1, .records_per_s = 0xffffffff,
};

/* A unit with this policy, [0, 64K) mapped. */
static void policy_env(struct env *e, const struct nyx_policy *p, __u32 domain_flags, int *ev)
{
	env_open(e, .events = 16384, .domain_flags = domain_flags);
	if (p)
		test_cmd(cmd_policy_set(e->fd, NYX_SCOPE_UNIT, 0, p));
	test_cmd(cmd_map(e->fd, e->domain, 0, 0, SZ_64K, RW));
	test_cmd(cmd_events_open(e->fd, NYX_EVENTS_F_NONBLOCK, ev));
}

/* Faults in a page each. */
static void faults_of(const struct env *e, __u32 sbdf, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		dma_refused(e->fd, sbdf, UNMAPPED + i * SZ_4K, NYX_PROT_READ,
			    NYX_FAULT_TABLE_NOT_PRESENT);
}

static void faults(const struct env *e, unsigned int n)
{
	faults_of(e, e->sbdf, n);
}

static void wait_state(const struct env *e, __u32 sbdf, __u32 state)
{
	ktap_note("device 0x%x to state %u", sbdf, state);
	WAIT_FOR(device_state(e->fd, sbdf) == state);
}

static __u64 quarantined_accesses(const struct env *e, __u32 sbdf)
{
	struct nyx_device_info info;

	device_info(e->fd, sbdf, &info);
	return info.quarantined_accesses;
}

/* Accesses and interrupts alike are stopped, which is counted and is no fault. */
static void check_quarantined(const struct env *e, __u32 sbdf, int ev)
{
	struct nyx_device_info old, now;
	struct nyx_translate t;
	struct nyx_irq_send s;
	int target = eventfd_new();
	__u64 counted, quietly;
	struct nyx_dma c;
	__u8 byte = 0;

	events_count(ev, NYX_EVENT_FAULT);
	test_cmd(cmd_irte_simple(e->fd, 1, 1, 0x40));
	device_info(e->fd, sbdf, &old);
	counted = unit_stat(e->fd, NYX_STAT_QUARANTINED_ACCESSES);
	quietly = unit_stat(e->fd, NYX_STAT_FAULTS);
	dma_refused(e->fd, sbdf, 5, NYX_PROT_READ, NYX_FAULT_QUARANTINED);
	test_cmd(cmd_dma_write(e->fd, &c, sbdf, SZ_4K, &byte, 1));
	check_fault(&c.out_fault, NYX_FAULT_QUARANTINED, NYX_PROT_WRITE, NYX_LEVEL_NONE, SZ_4K,
		    NYX_GPA_UNKNOWN);
	test_cmd(cmd_irq_signal(e->fd, &s, sbdf, msi_index(1), target));
	ASSERT_EQ(NYX_IRQ_REFUSED, s.out_result);
	ASSERT_EQ(NYX_FAULT_QUARANTINED, s.out_reason);
	ASSERT_EQ(0, eventfd_take(target));
	close(target);
	device_info(e->fd, sbdf, &now);
	ASSERT_EQ(old.quarantined_accesses + 3, now.quarantined_accesses);
	ASSERT_EQ(old.fault_events, now.fault_events);
	ASSERT_EQ(old.last_fault_ns, now.last_fault_ns);
	ASSERT_EQ(counted + 3, unit_stat(e->fd, NYX_STAT_QUARANTINED_ACCESSES));
	ASSERT_EQ(quietly, unit_stat(e->fd, NYX_STAT_FAULTS));
	ASSERT_EQ(0, events_count(ev, NYX_EVENT_FAULT));
	/* A translation says the same. */
	test_cmd(cmd_translate(e->fd, &t, sbdf, NYX_PROT_READ, 0, 1));
	ASSERT_EQ(NYX_FAULT_QUARANTINED, t.out_fault.reason);
}

static void check_works(const struct env *e, __u32 sbdf)
{
	struct nyx_irq_send s;
	__u8 byte = 1;

	dma_write(e->fd, sbdf, 77, &byte, 1);
	test_cmd(cmd_irte_simple(e->fd, 1, 1, 0x40));
	test_cmd(cmd_irq_send(e->fd, &s, sbdf, msi_index(1)));
	ASSERT_EQ(NYX_IRQ_DELIVER, s.out_result);
}

/* The next change of state in the stream. */
static void next_state(int ev, const struct env *e, struct nyx_event_state *state, __u8 old,
		       __u8 new, __u8 cause)
{
	struct nyx_event event;

	ktap_note("change from %u to %u because of %u", old, new, cause);
	event_wait(ev, NYX_EVENT_DEVICE_STATE, &event);
	*state = event.state;
	ASSERT_EQ(0, event.flags);
	ASSERT_EQ(e->sbdf, state->sbdf);
	ASSERT_EQ(old, state->old_state);
	ASSERT_EQ(new, state->new_state);
	ASSERT_EQ(cause, state->cause);
	ASSERT_LE(state->nr_samples, NYX_SAMPLES_MAX);
	ASSERT_FILLED(&state->samples[state->nr_samples], 0,
		      (NYX_SAMPLES_MAX - state->nr_samples) * sizeof(state->samples[0]));
}

/* ---- the policy itself ---- */

TEST(defaults)
{
	static const struct nyx_policy want = {
		.flags = NYX_POLICY_F_RECOVER, .action = NYX_ACTION_QUARANTINE, .threshold = 10,
		.window_ms = 10000, .weight = { 1, 1, 1, 1, 1 }, .backoff_ms = 1000,
		.backoff_max_ms = 60000, .probation_ms = 10000, .max_tries = 5,
		.records_per_s = 64,
	};
	struct nyx_policy_get c;
	struct env e;

	env_open(&e, .kernel_policy = true);
	test_cmd(cmd_policy_get(e.fd, NYX_SCOPE_UNIT, 0, &c));
	ASSERT_EQ(0, c.out_own);
	ASSERT_SAME(&c.out_policy, &want, sizeof(want));
	test_cmd(cmd_policy_get(e.fd, NYX_SCOPE_DEVICE, e.sbdf, &c));
	ASSERT_EQ(0, c.out_own);
	ASSERT_SAME(&c.out_policy, &want, sizeof(want));
}

TEST(set_and_inherit)
{
	static const struct nyx_policy ends[] = {
		{ .threshold = 1, .window_ms = 1, .backoff_ms = 1, .backoff_max_ms = 1,
		  .probation_ms = 1, .max_tries = 1, .records_per_s = 1 },
		{ .flags = NYX_POLICY_F_OBSERVE | NYX_POLICY_F_DOMAIN | NYX_POLICY_F_RECOVER,
		  .action = NYX_ACTION_QUARANTINE, .threshold = 1000000, .window_ms = HOUR_MS,
		  .weight = { 1000, 1000, 1000, 1000, 1000 }, .backoff_ms = DAY_MS,
		  .backoff_max_ms = DAY_MS, .probation_ms = DAY_MS, .max_tries = 1000,
		  .records_per_s = 0xffffffff },
	};
	struct nyx_device_info info;
	struct nyx_policy_get c;
	struct env e;

	env_open(&e, .no_domain = true);
	test_cmd(cmd_device_add(e.fd, 1));
	test_cmd(cmd_device_add(e.fd, 2));
	for (int i = 0; i < 2; i++) {
		const struct nyx_policy *unit = &ends[i], *own = &ends[!i];

		test_cmd(cmd_policy_set(e.fd, NYX_SCOPE_UNIT, 0, unit));
		test_cmd(cmd_policy_set(e.fd, NYX_SCOPE_DEVICE, 2, own));
		test_cmd(cmd_policy_get(e.fd, NYX_SCOPE_UNIT, 0, &c));
		ASSERT_SAME(&c.out_policy, unit, sizeof(*unit));
		test_cmd(cmd_policy_get(e.fd, NYX_SCOPE_DEVICE, 1, &c));
		ASSERT_EQ(0, c.out_own);
		ASSERT_SAME(&c.out_policy, unit, sizeof(*unit));
		test_cmd(cmd_policy_get(e.fd, NYX_SCOPE_DEVICE, 2, &c));
		ASSERT_EQ(1, c.out_own);
		ASSERT_SAME(&c.out_policy, own, sizeof(*own));
		device_info(e.fd, 1, &info);
		ASSERT_EQ(0, info.flags);
		device_info(e.fd, 2, &info);
		ASSERT_EQ(NYX_DEVICE_F_POLICY, info.flags);

		test_cmd(cmd_policy_inherit(e.fd, 2));
		test_cmd(cmd_policy_get(e.fd, NYX_SCOPE_DEVICE, 2, &c));
		ASSERT_EQ(0, c.out_own);
		ASSERT_SAME(&c.out_policy, unit, sizeof(*unit));
		device_info(e.fd, 2, &info);
		ASSERT_EQ(0, info.flags);
	}
	/* A device that comes back has none. */
	test_cmd(cmd_policy_set(e.fd, NYX_SCOPE_DEVICE, 2, &quick));
	test_cmd(cmd_device_remove(e.fd, 2));
	test_cmd(cmd_device_add(e.fd, 2));
	test_cmd(cmd_policy_get(e.fd, NYX_SCOPE_DEVICE, 2, &c));
	ASSERT_EQ(0, c.out_own);
	test_err(ENOENT, cmd_policy_inherit(e.fd, 3));
}

/* Each device has what applies to it. */
TEST(own_policy_applies)
{
	struct nyx_policy lenient = strict;
	struct env e;
	int ev;

	policy_env(&e, &strict, NYX_DOMAIN_F_SHARED, &ev);
	lenient.threshold = 6;
	test_cmd(cmd_device_add(e.fd, SECOND_SBDF));
	test_cmd(cmd_device_attach(e.fd, SECOND_SBDF, e.domain, 0));
	test_cmd(cmd_policy_set(e.fd, NYX_SCOPE_DEVICE, SECOND_SBDF, &lenient));
	faults_of(&e, SECOND_SBDF, 5);
	ASSERT_EQ(NYX_DEVICE_ACTIVE, device_state(e.fd, SECOND_SBDF));
	faults(&e, 3);
	wait_state(&e, e.sbdf, NYX_DEVICE_QUARANTINED);
	faults_of(&e, SECOND_SBDF, 1);
	wait_state(&e, SECOND_SBDF, NYX_DEVICE_QUARANTINED);
}

/* ---- the threshold ---- */

TEST(default_threshold)
{
	struct nyx_event_state state;
	struct nyx_device_info info;
	struct nyx_unit_info unit;
	__u64 before, between, after;
	struct env e;
	int ev;

	env_open(&e, .kernel_policy = true);
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	before = boottime_ns();
	faults(&e, 9);
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(NYX_DEVICE_ACTIVE, info.state);
	ASSERT_EQ(9, info.fault_events);
	ASSERT_EQ(0, info.tries);
	ASSERT_EQ(0, info.next_ns);
	between = boottime_ns();
	faults(&e, 1);
	if (boottime_ns() - before > 8000000000ull)
		SKIP("this machine is too slow for a window of 10 s");
	ASSERT_EQ(9, info.score);
	next_state(ev, &e, &state, NYX_DEVICE_ACTIVE, NYX_DEVICE_QUARANTINED,
		   NYX_STATE_BY_FAULTS);
	after = boottime_ns();
	ASSERT_EQ(10, state.score);
	ASSERT_EQ(1, state.tries);
	/* One second from then. */
	ASSERT_GE(state.next_ns, between + 1000000000);
	ASSERT_LE(state.next_ns, after + 1000000000);
	device_info(e.fd, e.sbdf, &info);
	if (info.state == NYX_DEVICE_QUARANTINED) {
		ASSERT_EQ(1, info.tries);
		ASSERT_EQ(state.next_ns, info.next_ns);
		ASSERT_EQ(10, info.fault_events);
		test_cmd(cmd_unit_info(e.fd, &unit));
		ASSERT_LE(unit.nr_quarantined, 1);
	}
	ASSERT_EQ(1, unit_stat(e.fd, NYX_STAT_QUARANTINES));
	/* It comes back to be watched. */
	wait_state(&e, e.sbdf, NYX_DEVICE_PROBATION);
	ASSERT_GE(boottime_ns(), state.next_ns);
}

static const struct threshold_case {
	const char *name;
	__u32 threshold;
} threshold_cases[] = {
	{ "1", 1 }, { "2", 2 }, { "3", 3 }, { "10", 10 }, { "100", 100 }, { "1000", 1000 },
};

TEST_EACH(threshold, threshold_cases)
{
	struct nyx_policy p = strict;
	struct nyx_event_state state;
	struct nyx_device_info info;
	struct nyx_unit_info unit;
	struct env e;
	int ev;

	p.threshold = v->threshold;
	policy_env(&e, &p, 0, &ev);
	check_works(&e, e.sbdf);
	faults(&e, v->threshold - 1);
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(NYX_DEVICE_ACTIVE, info.state);
	ASSERT_EQ(v->threshold - 1, info.score);
	check_works(&e, e.sbdf);
	faults(&e, 1);
	next_state(ev, &e, &state, NYX_DEVICE_ACTIVE, NYX_DEVICE_QUARANTINED,
		   NYX_STATE_BY_FAULTS);
	ASSERT_EQ(v->threshold, state.score);
	ASSERT_EQ(1, state.tries);
	ASSERT_EQ(0, state.next_ns);
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, info.state);
	ASSERT_EQ(1, info.tries);
	ASSERT_EQ(0, info.next_ns);
	ASSERT_EQ(v->threshold, info.fault_events);
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(1, unit.nr_quarantined);
	ASSERT_EQ(1, unit_stat(e.fd, NYX_STAT_QUARANTINES));
	check_quarantined(&e, e.sbdf, ev);
}

/* A fault that is older than the window does not count. */
TEST(window)
{
	struct nyx_policy p = strict;
	struct nyx_device_info info;
	struct env e;
	int ev;

	p.window_ms = 100;
	policy_env(&e, &p, 0, &ev);
	for (int i = 0; i < 5; i++) {
		faults(&e, 2);
		pause_ms(150);
		device_info(e.fd, e.sbdf, &info);
		ASSERT_EQ(0, info.score);
		ASSERT_EQ(NYX_DEVICE_ACTIVE, info.state);
	}
	ASSERT_EQ(10, info.fault_events);
	ASSERT_EQ(0, events_count(ev, NYX_EVENT_DEVICE_STATE));
	/* A longer one, as a new policy: what comes now counts again. */
	p.window_ms = HOUR_MS;
	test_cmd(cmd_policy_set(e.fd, NYX_SCOPE_UNIT, 0, &p));
	faults(&e, 3);
	wait_state(&e, e.sbdf, NYX_DEVICE_QUARANTINED);
}

/* ---- classes and weights ---- */

struct class_env {
	struct env e;
	int ev;
	__u32 blocked;
};

static void fault_not_present(struct class_env *c)
{
	dma_refused(c->e.fd, c->e.sbdf, SZ_64K, NYX_PROT_READ, NYX_FAULT_NOT_PRESENT);
}

static void fault_table(struct class_env *c)
{
	dma_refused(c->e.fd, c->e.sbdf, UNMAPPED, NYX_PROT_WRITE, NYX_FAULT_TABLE_NOT_PRESENT);
}

static void fault_width(struct class_env *c)
{
	dma_refused(c->e.fd, c->e.sbdf, 1ull << 48, NYX_PROT_READ, NYX_FAULT_ADDRESS_WIDTH);
}

static void fault_blocked(struct class_env *c)
{
	test_cmd(cmd_device_attach(c->e.fd, c->e.sbdf, c->blocked, NYX_ATTACH_F_REPLACE));
	dma_refused(c->e.fd, c->e.sbdf, 0, NYX_PROT_READ, NYX_FAULT_BLOCKED);
	test_cmd(cmd_device_attach(c->e.fd, c->e.sbdf, c->e.domain, NYX_ATTACH_F_REPLACE));
}

static void fault_no_domain(struct class_env *c)
{
	test_cmd(cmd_device_detach(c->e.fd, c->e.sbdf));
	dma_refused(c->e.fd, c->e.sbdf, 0, NYX_PROT_READ, NYX_FAULT_NO_DOMAIN);
	test_cmd(cmd_device_attach(c->e.fd, c->e.sbdf, c->e.domain, 0));
}

static void fault_write(struct class_env *c)
{
	dma_refused(c->e.fd, c->e.sbdf, SZ_1M, NYX_PROT_WRITE, NYX_FAULT_WRITE_DENIED);
}

static void fault_memory(struct class_env *c)
{
	dma_refused(c->e.fd, c->e.sbdf, SZ_2M, NYX_PROT_READ, NYX_FAULT_NO_MEMORY);
}

static void fault_irq(struct class_env *c)
{
	struct nyx_irq_send s;

	test_cmd(cmd_irq_send(c->e.fd, &s, c->e.sbdf, msi_index(200)));
	ASSERT_EQ(NYX_FAULT_IRQ_NOT_PRESENT, s.out_reason);
}

static void fault_translate(struct class_env *c)
{
	struct nyx_translate t;

	nyx_translate_init(&t, c->e.sbdf, NYX_PROT_READ, UNMAPPED, 1);
	t.flags = NYX_TRANSLATE_F_REPORT;
	test_cmd(nyx_cmd(c->e.fd, NYX_TRANSLATE, &t));
	ASSERT_EQ(NYX_FAULT_TABLE_NOT_PRESENT, t.out_fault.reason);
}

static const struct class_case {
	const char *name;
	void (*fault)(struct class_env *c);
	__u32 class;
} class_cases[] = {
	{ "not_present", fault_not_present, NYX_CLASS_ADDRESS },
	{ "table_not_present", fault_table, NYX_CLASS_ADDRESS },
	{ "width", fault_width, NYX_CLASS_ADDRESS },
	{ "blocked", fault_blocked, NYX_CLASS_ADDRESS },
	{ "no_domain", fault_no_domain, NYX_CLASS_ADDRESS },
	{ "translate", fault_translate, NYX_CLASS_ADDRESS },
	{ "write", fault_write, NYX_CLASS_PERMISSION },
	{ "memory", fault_memory, NYX_CLASS_MEMORY },
	{ "irq", fault_irq, NYX_CLASS_INTERRUPT },
};

TEST_EACH(weight, class_cases)
{
	struct class_env c;
	struct nyx_policy p = strict;
	struct nyx_event_state state;
	struct nyx_device_info info;

	policy_env(&c.e, NULL, 0, &c.ev);
	test_cmd(cmd_map(c.e.fd, c.e.domain, SZ_1M, 0, SZ_4K, NYX_PROT_READ));
	test_cmd(cmd_map(c.e.fd, c.e.domain, SZ_2M, SZ_1G, SZ_4K, RW));
	test_cmd(cmd_domain_kind(c.e.fd, NYX_DOMAIN_BLOCKED, 0, &c.blocked));

	/* Of no weight, and the others of the highest. */
	p.threshold = 1000;
	for (unsigned int i = 0; i < NYX_CLASS_MAX; i++)
		p.weight[i] = i == v->class ? 0 : 1000;
	test_cmd(cmd_policy_set(c.e.fd, NYX_SCOPE_UNIT, 0, &p));
	for (int i = 0; i < 30; i++)
		v->fault(&c);
	device_info(c.e.fd, c.e.sbdf, &info);
	ASSERT_EQ(NYX_DEVICE_ACTIVE, info.state);
	ASSERT_EQ(0, info.score);
	ASSERT_EQ(30, info.fault_events);

	/* Of some weight, and the others of none. */
	p.threshold = 10;
	for (unsigned int i = 0; i < NYX_CLASS_MAX; i++)
		p.weight[i] = i == v->class ? 4 : 0;
	test_cmd(cmd_policy_set(c.e.fd, NYX_SCOPE_UNIT, 0, &p));
	for (int i = 0; i < 2; i++) {
		v->fault(&c);
		device_info(c.e.fd, c.e.sbdf, &info);
		ASSERT_EQ(4 * (i + 1), info.score);
		ASSERT_EQ(NYX_DEVICE_ACTIVE, info.state);
	}
	v->fault(&c);
	next_state(c.ev, &c.e, &state, NYX_DEVICE_ACTIVE, NYX_DEVICE_QUARANTINED,
		   NYX_STATE_BY_FAULTS);
	ASSERT_EQ(12, state.score);
}

/* Faults that are not reported do not count for the device. */
TEST(unreported_faults)
{
	struct nyx_irte_set fpd = {
		.flags = NYX_IRTE_F_FPD, .index = 3, .vector = 0x40,
		.source_check = NYX_SOURCE_RID, .source = THIRD_SBDF,
	};
	struct nyx_device_info info;
	struct nyx_translate t;
	struct nyx_irq_send s;
	struct env e;
	int ev;

	policy_env(&e, &strict, 0, &ev);
	test_cmd(cmd_irte_set(e.fd, &fpd));
	for (int i = 0; i < 20; i++) {
		test_cmd(cmd_irq_send(e.fd, &s, e.sbdf, msi_index(3)));
		ASSERT_EQ(NYX_FAULT_IRQ_SOURCE, s.out_reason);
		test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, UNMAPPED, 1));
		ASSERT_EQ(NYX_FAULT_TABLE_NOT_PRESENT, t.out_fault.reason);
	}
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(NYX_DEVICE_ACTIVE, info.state);
	ASSERT_EQ(0, info.score);
	ASSERT_EQ(0, info.fault_events);
}

/* ---- actions ---- */

TEST(report)
{
	struct nyx_policy p = strict;
	struct env e;
	int ev;

	p.action = NYX_ACTION_REPORT;
	policy_env(&e, &p, 0, &ev);
	faults(&e, 50);
	ASSERT_EQ(NYX_DEVICE_ACTIVE, device_state(e.fd, e.sbdf));
	check_works(&e, e.sbdf);
	ASSERT_EQ(50, unit_stat(e.fd, NYX_STAT_FAULTS));
	ASSERT_EQ(0, unit_stat(e.fd, NYX_STAT_QUARANTINES));
	ASSERT_EQ(0, unit_stat(e.fd, NYX_STAT_QUARANTINED_ACCESSES));
	ASSERT_EQ(0, events_count(ev, NYX_EVENT_DEVICE_STATE));
}

/* With OBSERVE an event tells what would have happened, and nothing else happens. */
TEST(observe)
{
	struct nyx_event_state state;
	struct nyx_policy p = quick;
	struct nyx_device_info info;
	struct nyx_unit_info unit;
	struct env e;
	int ev;

	p.flags |= NYX_POLICY_F_OBSERVE | NYX_POLICY_F_DOMAIN;
	policy_env(&e, &p, NYX_DOMAIN_F_SHARED, &ev);
	test_cmd(cmd_device_add(e.fd, SECOND_SBDF));
	test_cmd(cmd_device_attach(e.fd, SECOND_SBDF, e.domain, 0));
	faults(&e, 2);
	ASSERT_EQ(0, events_count(ev, NYX_EVENT_DEVICE_STATE));
	faults(&e, 1);
	next_state(ev, &e, &state, NYX_DEVICE_ACTIVE, NYX_DEVICE_QUARANTINED, NYX_STATE_WOULD);
	ASSERT_EQ(3, state.score);
	ASSERT_GT(state.nr_samples, 0);
	faults(&e, 20);
	check_works(&e, e.sbdf);
	check_works(&e, SECOND_SBDF);
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(NYX_DEVICE_ACTIVE, info.state);
	ASSERT_EQ(0, info.tries);
	ASSERT_EQ(0, info.next_ns);
	ASSERT_EQ(0, info.quarantined_accesses);
	device_info(e.fd, SECOND_SBDF, &info);
	ASSERT_EQ(0, info.flags);
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(0, unit.nr_quarantined);
	ASSERT_EQ(0, unit_stat(e.fd, NYX_STAT_QUARANTINES));
	ASSERT_EQ(0, unit_stat(e.fd, NYX_STAT_QUARANTINED_ACCESSES));
	ASSERT_EQ(23, unit_stat(e.fd, NYX_STAT_FAULTS));
	/* In earnest again: by its next faults. */
	test_cmd(cmd_policy_set(e.fd, NYX_SCOPE_UNIT, 0, &strict));
	faults(&e, 1);
	wait_state(&e, e.sbdf, NYX_DEVICE_QUARANTINED);
}

/* ---- samples ---- */

TEST(samples)
{
	struct nyx_policy p = strict;
	struct nyx_event_state state;
	struct nyx_dma c;
	__u8 byte = 0;
	struct env e;
	__u64 from, to;
	int ev;

	p.threshold = 20;
	policy_env(&e, &p, 0, &ev);
	test_cmd(cmd_map(e.fd, e.domain, SZ_1M, 0, SZ_4K, NYX_PROT_READ));
	from = boottime_ns();
	/* Three kinds, the last one latest; several in a page are one. */
	for (int i = 0; i < 5; i++)
		dma_refused(e.fd, e.sbdf, UNMAPPED + 0x123 + i, NYX_PROT_READ,
			    NYX_FAULT_TABLE_NOT_PRESENT);
	for (int i = 0; i < 7; i++)
		dma_refused(e.fd, e.sbdf, SZ_1M + 0x80 + i, NYX_PROT_WRITE,
			    NYX_FAULT_WRITE_DENIED);
	for (int i = 0; i < 8; i++) {
		test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, UNMAPPED + 0xff8 + i, &byte, 1));
		ASSERT_EQ(NYX_FAULT_TABLE_NOT_PRESENT, c.out_fault.reason);
	}
	next_state(ev, &e, &state, NYX_DEVICE_ACTIVE, NYX_DEVICE_QUARANTINED,
		   NYX_STATE_BY_FAULTS);
	to = boottime_ns();
	ASSERT_EQ(3, state.nr_samples);
	ASSERT_EQ(UNMAPPED + 0xff8, state.samples[0].address);
	ASSERT_EQ(NYX_FAULT_TABLE_NOT_PRESENT, state.samples[0].reason);
	ASSERT_EQ(NYX_PROT_WRITE, state.samples[0].access);
	ASSERT_EQ(8, state.samples[0].count);
	ASSERT_EQ(SZ_1M + 0x80, state.samples[1].address);
	ASSERT_EQ(NYX_FAULT_WRITE_DENIED, state.samples[1].reason);
	ASSERT_EQ(NYX_PROT_WRITE, state.samples[1].access);
	ASSERT_EQ(7, state.samples[1].count);
	ASSERT_EQ(UNMAPPED + 0x123, state.samples[2].address);
	ASSERT_EQ(NYX_PROT_READ, state.samples[2].access);
	ASSERT_EQ(5, state.samples[2].count);
	for (int i = 0; i < 3; i++)
		ASSERT_LE(state.samples[i].ago_ms, (to - from) / 1000000 + 1);
	ASSERT_LE(state.samples[0].ago_ms, state.samples[1].ago_ms);
	ASSERT_LE(state.samples[1].ago_ms, state.samples[2].ago_ms);
}

/* More than there is room for: the latest. */
TEST(samples_overflow)
{
	struct nyx_policy p = strict;
	struct nyx_event_state state;
	struct nyx_irq_send s;
	struct env e;
	int ev;

	p.threshold = 21;
	policy_env(&e, &p, 0, &ev);
	for (int i = 0; i < 20; i++)
		dma_refused(e.fd, e.sbdf, UNMAPPED + i * SZ_4K, NYX_PROT_READ,
			    NYX_FAULT_TABLE_NOT_PRESENT);
	test_cmd(cmd_irq_send(e.fd, &s, e.sbdf, msi_index(9)));
	next_state(ev, &e, &state, NYX_DEVICE_ACTIVE, NYX_DEVICE_QUARANTINED,
		   NYX_STATE_BY_FAULTS);
	ASSERT_EQ(NYX_SAMPLES_MAX, state.nr_samples);
	ASSERT_EQ(msi_index(9).address, state.samples[0].address);
	ASSERT_EQ(NYX_FAULT_IRQ_NOT_PRESENT, state.samples[0].reason);
	for (unsigned int i = 1; i < NYX_SAMPLES_MAX; i++) {
		ASSERT_EQ(UNMAPPED + (20 - i) * SZ_4K, state.samples[i].address);
		ASSERT_EQ(1, state.samples[i].count);
	}
}

/* A count that does not wrap. */
TEST(samples_many)
{
	struct nyx_dma *items = ktap_alloc(1000 * sizeof(*items));
	struct nyx_policy p = strict;
	struct nyx_event_state state;
	struct env e;
	__u32 done;
	int ev;

	p.threshold = 70000;
	p.records_per_s = 1;
	policy_env(&e, &p, 0, &ev);
	for (int i = 0; i < 1000; i++) {
		nyx_dma_init(&items[i], e.sbdf, NYX_DMA_FILL, UNMAPPED + i, 1);
		items[i].width = 1;
	}
	for (int i = 0; i < 70; i++)
		test_cmd(cmd_array(e.fd, NYX_CMD_DMA, items, sizeof(*items), 1000, &done));
	next_state(ev, &e, &state, NYX_DEVICE_ACTIVE, NYX_DEVICE_QUARANTINED,
		   NYX_STATE_BY_FAULTS);
	ASSERT_EQ(70000, state.score);
	ASSERT_EQ(1, state.nr_samples);
	ASSERT_EQ(UNMAPPED, state.samples[0].address);
	ASSERT_EQ(65535, state.samples[0].count);
}

/* ---- the others in the domain ---- */

static const struct domain_case {
	const char *name;
	__u32 flags;
} domain_cases[] = {
	{ "alone", 0 }, { "all", NYX_POLICY_F_DOMAIN },
};

TEST_EACH(domain, domain_cases)
{
	struct nyx_device_info info;
	struct nyx_policy p = strict;
	struct nyx_unit_info unit;
	struct env e;
	__u32 other;
	int ev;

	p.flags = v->flags;
	policy_env(&e, &p, NYX_DOMAIN_F_SHARED, &ev);
	test_cmd(cmd_domain_paging(e.fd, NYX_DOMAIN_F_SHARED, &other));
	test_cmd(cmd_map(e.fd, other, 0, 0, SZ_64K, RW));
	test_cmd(cmd_device_add(e.fd, SECOND_SBDF));
	test_cmd(cmd_device_attach(e.fd, SECOND_SBDF, e.domain, 0));
	test_cmd(cmd_device_add(e.fd, THIRD_SBDF));
	test_cmd(cmd_device_attach(e.fd, THIRD_SBDF, other, 0));
	faults(&e, 3);
	wait_state(&e, e.sbdf, NYX_DEVICE_QUARANTINED);
	check_quarantined(&e, e.sbdf, ev);
	check_works(&e, THIRD_SBDF);
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(1, unit.nr_quarantined);
	device_info(e.fd, SECOND_SBDF, &info);
	ASSERT_EQ(NYX_DEVICE_ACTIVE, info.state);
	ASSERT_EQ(0, info.score);
	if (!v->flags) {
		ASSERT_EQ(0, info.flags);
		check_works(&e, SECOND_SBDF);
		return;
	}
	ASSERT_EQ(NYX_DEVICE_F_HELD, info.flags);
	check_quarantined(&e, SECOND_SBDF, ev);
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(0, info.flags & NYX_DEVICE_F_HELD);

	/* A device that comes is held, one that goes is not. */
	test_cmd(cmd_device_attach(e.fd, THIRD_SBDF, e.domain, NYX_ATTACH_F_REPLACE));
	check_quarantined(&e, THIRD_SBDF, ev);
	test_cmd(cmd_device_attach(e.fd, THIRD_SBDF, other, NYX_ATTACH_F_REPLACE));
	check_works(&e, THIRD_SBDF);

	/* By hand: every device works again. */
	test_cmd(cmd_device_control(e.fd, e.sbdf, NYX_DEVICE_DO_RESET));
	check_works(&e, e.sbdf);
	check_works(&e, SECOND_SBDF);
	device_info(e.fd, SECOND_SBDF, &info);
	ASSERT_EQ(0, info.flags);

	/* It takes the quarantine with it into the other domain. */
	faults(&e, 3);
	wait_state(&e, e.sbdf, NYX_DEVICE_QUARANTINED);
	check_quarantined(&e, SECOND_SBDF, ev);
	test_cmd(cmd_device_attach(e.fd, e.sbdf, other, NYX_ATTACH_F_REPLACE));
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, device_state(e.fd, e.sbdf));
	check_quarantined(&e, e.sbdf, ev);
	check_quarantined(&e, THIRD_SBDF, ev);
	check_works(&e, SECOND_SBDF);
	/* Without a domain it holds no other device, and is still what it was. */
	test_cmd(cmd_device_detach(e.fd, e.sbdf));
	check_works(&e, THIRD_SBDF);
	check_quarantined(&e, e.sbdf, ev);
	test_cmd(cmd_device_attach(e.fd, e.sbdf, e.domain, 0));
	check_quarantined(&e, e.sbdf, ev);
	check_quarantined(&e, SECOND_SBDF, ev);
	/* Gone for good: a device of the same number is another one. */
	test_cmd(cmd_device_remove(e.fd, e.sbdf));
	check_works(&e, SECOND_SBDF);
	test_cmd(cmd_device_add(e.fd, e.sbdf));
	test_cmd(cmd_device_attach(e.fd, e.sbdf, e.domain, 0));
	check_works(&e, e.sbdf);
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(0, info.score);
	ASSERT_EQ(0, info.tries);
	ASSERT_EQ(0, info.quarantined_accesses);
	ASSERT_EQ(0, info.fault_events);
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(0, unit.nr_quarantined);
}

/* Two that hold one domain: it takes both to let it go. */
TEST(held_twice)
{
	struct nyx_policy p = strict;
	struct nyx_device_info info;
	struct env e;
	int ev;

	p.flags = NYX_POLICY_F_DOMAIN;
	policy_env(&e, &p, NYX_DOMAIN_F_SHARED, &ev);
	test_cmd(cmd_device_add(e.fd, SECOND_SBDF));
	test_cmd(cmd_device_add(e.fd, THIRD_SBDF));
	/* Each becomes quarantined alone, and then comes in. */
	test_cmd(cmd_device_attach(e.fd, THIRD_SBDF, e.domain, 0));
	for (int i = 0; i < 3; i++)
		dma_refused(e.fd, SECOND_SBDF, 0, NYX_PROT_READ, NYX_FAULT_NO_DOMAIN);
	wait_state(&e, SECOND_SBDF, NYX_DEVICE_QUARANTINED);
	faults(&e, 3);
	wait_state(&e, e.sbdf, NYX_DEVICE_QUARANTINED);
	test_cmd(cmd_device_attach(e.fd, SECOND_SBDF, e.domain, 0));
	check_quarantined(&e, THIRD_SBDF, ev);
	test_cmd(cmd_device_control(e.fd, e.sbdf, NYX_DEVICE_DO_RESET));
	/* It is held by the other one now. */
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(NYX_DEVICE_ACTIVE, info.state);
	ASSERT_EQ(NYX_DEVICE_F_HELD, info.flags);
	check_quarantined(&e, e.sbdf, ev);
	check_quarantined(&e, THIRD_SBDF, ev);
	test_cmd(cmd_device_remove(e.fd, SECOND_SBDF));
	check_works(&e, e.sbdf);
	check_works(&e, THIRD_SBDF);
}

/* A quarantined device does not keep its domain, or itself, from being taken down. */
TEST(taken_down)
{
	struct nyx_policy p = strict;
	struct env e;
	int ev;

	p.flags = NYX_POLICY_F_DOMAIN;
	policy_env(&e, &p, NYX_DOMAIN_F_SHARED, &ev);
	faults(&e, 3);
	wait_state(&e, e.sbdf, NYX_DEVICE_QUARANTINED);
	test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));
	test_cmd(cmd_device_detach(e.fd, e.sbdf));
	test_cmd(cmd_domain_destroy(e.fd, e.domain));
	test_cmd(cmd_device_remove(e.fd, e.sbdf));
}

/* ---- recovery ---- */

TEST(recovery)
{
	struct nyx_event_state state;
	struct nyx_policy p = quick;
	struct nyx_device_info info;
	struct nyx_unit_info unit;
	__u64 before, after, next;
	struct env e;
	int ev;

	p.backoff_ms = 200;
	p.backoff_max_ms = 1000;
	p.probation_ms = 300;
	policy_env(&e, &p, 0, &ev);
	for (unsigned int i = 0; i < 2; i++) {
		before = boottime_ns();
		faults(&e, 3);
		next_state(ev, &e, &state, NYX_DEVICE_ACTIVE, NYX_DEVICE_QUARANTINED,
			   NYX_STATE_BY_FAULTS);
		after = boottime_ns();
		/* Active for good in between: the count begins again. */
		ASSERT_EQ(1, state.tries);
		ASSERT_GE(state.next_ns, before + 200000000);
		ASSERT_LE(state.next_ns, after + 200000000);
		next = state.next_ns;
		before = next;
		next_state(ev, &e, &state, NYX_DEVICE_QUARANTINED, NYX_DEVICE_PROBATION,
			   NYX_STATE_BY_TIME);
		after = boottime_ns();
		ASSERT_GE(after, next);
		ASSERT_EQ(1, state.tries);
		ASSERT_GE(state.next_ns, before + 300000000);
		ASSERT_LE(state.next_ns, after + 300000000);
		next = state.next_ns;
		device_info(e.fd, e.sbdf, &info);
		if (info.state == NYX_DEVICE_PROBATION) {
			ASSERT_EQ(next, info.next_ns);
			ASSERT_EQ(1, info.tries);
		}
		check_works(&e, e.sbdf);
		next_state(ev, &e, &state, NYX_DEVICE_PROBATION, NYX_DEVICE_ACTIVE,
			   NYX_STATE_BY_TIME);
		ASSERT_GE(boottime_ns(), next);
		ASSERT_EQ(0, state.next_ns);
		device_info(e.fd, e.sbdf, &info);
		ASSERT_EQ(NYX_DEVICE_ACTIVE, info.state);
		ASSERT_EQ(0, info.tries);
		ASSERT_EQ(0, info.next_ns);
		check_works(&e, e.sbdf);
		test_cmd(cmd_unit_info(e.fd, &unit));
		ASSERT_EQ(0, unit.nr_quarantined);
		/* The record may be there before the count is. */
		WAIT_FOR(unit_stat(e.fd, NYX_STAT_RECOVERIES) == i + 1);
		ASSERT_EQ(i + 1, unit_stat(e.fd, NYX_STAT_QUARANTINES));
		ASSERT_EQ(i + 1, unit_stat(e.fd, NYX_STAT_PROBATIONS));
	}
}

/* Faults until a device in probation is quarantined again. */
static void burst(const struct env *e, unsigned int threshold)
{
	unsigned int n;

	for (n = 0; n < threshold && device_state(e->fd, e->sbdf) == NYX_DEVICE_PROBATION; n++) {
		struct nyx_dma c;
		__u8 byte;

		test_cmd(cmd_dma_read(e->fd, &c, e->sbdf, UNMAPPED, &byte, 1));
		ASSERT_NE(NYX_FAULT_NONE, c.out_fault.reason);
	}
}

/* Longer each time, up to the longest. */
TEST(backoff_doubles)
{
	static const __u64 times[] = { 20, 40, 60, 60, 60 };
	struct nyx_event_state state;
	__u8 old = NYX_DEVICE_ACTIVE;
	struct env e;
	int ev;

	policy_env(&e, &quick, 0, &ev);
	for (unsigned int i = 0; i < ARRAY_SIZE(times); i++) {
		__u64 before = boottime_ns(), after;

		if (i)
			burst(&e, 3);
		else
			faults(&e, 3);
		next_state(ev, &e, &state, old, NYX_DEVICE_QUARANTINED, NYX_STATE_BY_FAULTS);
		after = boottime_ns();
		ASSERT_EQ(i + 1, state.tries);
		ASSERT_GE(state.next_ns, before + times[i] * 1000000);
		ASSERT_LE(state.next_ns, after + times[i] * 1000000);
		next_state(ev, &e, &state, NYX_DEVICE_QUARANTINED, NYX_DEVICE_PROBATION,
			   NYX_STATE_BY_TIME);
		ASSERT_EQ(i + 1, state.tries);
		old = NYX_DEVICE_PROBATION;
		check_works(&e, e.sbdf);
	}
	WAIT_FOR(unit_stat(e.fd, NYX_STAT_PROBATIONS) == ARRAY_SIZE(times));
	ASSERT_EQ(ARRAY_SIZE(times), unit_stat(e.fd, NYX_STAT_QUARANTINES));
	ASSERT_EQ(0, unit_stat(e.fd, NYX_STAT_RECOVERIES));
}

static const struct tries_case {
	const char *name;
	__u32 max;
} tries_cases[] = {
	{ "1", 1 }, { "2", 2 }, { "5", 5 },
};

TEST_EACH(max_tries, tries_cases)
{
	struct nyx_event_state state;
	struct nyx_device_info info;
	struct nyx_policy p = quick;
	struct nyx_unit_info unit;
	struct env e;
	int ev;

	p.backoff_ms = 1;
	p.backoff_max_ms = 1;
	p.max_tries = v->max;
	policy_env(&e, &p, 0, &ev);
	faults(&e, 3);
	for (unsigned int i = 0; i < v->max; i++) {
		next_state(ev, &e, &state, i ? NYX_DEVICE_PROBATION : NYX_DEVICE_ACTIVE,
			   NYX_DEVICE_QUARANTINED, NYX_STATE_BY_FAULTS);
		next_state(ev, &e, &state, NYX_DEVICE_QUARANTINED, NYX_DEVICE_PROBATION,
			   NYX_STATE_BY_TIME);
		burst(&e, 3);
	}
	next_state(ev, &e, &state, NYX_DEVICE_PROBATION, NYX_DEVICE_DISABLED,
		   NYX_STATE_BY_FAULTS);
	ASSERT_EQ(0, state.next_ns);
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(NYX_DEVICE_DISABLED, info.state);
	ASSERT_EQ(0, info.next_ns);
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(1, unit.nr_quarantined);
	ASSERT_EQ(v->max + 1, unit_stat(e.fd, NYX_STAT_QUARANTINES));
	check_quarantined(&e, e.sbdf, ev);
	pause_ms(50);
	ASSERT_EQ(NYX_DEVICE_DISABLED, device_state(e.fd, e.sbdf));
	test_cmd(cmd_device_control(e.fd, e.sbdf, NYX_DEVICE_DO_RESET));
	check_works(&e, e.sbdf);
}

/* The time that was set when it began, whatever the policy is now. */
TEST(policy_of_then)
{
	struct nyx_policy p = quick;
	struct nyx_device_info info;
	struct env e;
	__u64 next;
	int ev;

	p.backoff_ms = DAY_MS;
	p.backoff_max_ms = DAY_MS;
	policy_env(&e, &p, 0, &ev);
	faults(&e, 3);
	wait_state(&e, e.sbdf, NYX_DEVICE_QUARANTINED);
	device_info(e.fd, e.sbdf, &info);
	next = info.next_ns;
	test_cmd(cmd_policy_set(e.fd, NYX_SCOPE_UNIT, 0, &quick));
	test_cmd(cmd_policy_set(e.fd, NYX_SCOPE_DEVICE, e.sbdf, &quick));
	pause_ms(60);
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, info.state);
	ASSERT_EQ(next, info.next_ns);
	check_quarantined(&e, e.sbdf, ev);
}

/* ---- by hand ---- */

static const struct hand_case {
	const char *name;
	__u8 from;
	__u8 action;
	__u8 to;
} hand_cases[] = {
#define HAND(from, name, action, to) \
	{ #from "_" name, NYX_DEVICE_##from, NYX_DEVICE_DO_##action, NYX_DEVICE_##to }
	HAND(ACTIVE, "reset", RESET, ACTIVE),
	HAND(ACTIVE, "quarantine", QUARANTINE, QUARANTINED),
	HAND(ACTIVE, "disable", DISABLE, DISABLED),
	HAND(QUARANTINED, "reset", RESET, ACTIVE),
	HAND(QUARANTINED, "quarantine", QUARANTINE, QUARANTINED),
	HAND(QUARANTINED, "disable", DISABLE, DISABLED),
	HAND(PROBATION, "reset", RESET, ACTIVE),
	HAND(PROBATION, "quarantine", QUARANTINE, QUARANTINED),
	HAND(PROBATION, "disable", DISABLE, DISABLED),
	HAND(DISABLED, "reset", RESET, ACTIVE),
	HAND(DISABLED, "quarantine", QUARANTINE, QUARANTINED),
	HAND(DISABLED, "disable", DISABLE, DISABLED),
#undef HAND
};

TEST_EACH(by_hand, hand_cases)
{
	struct nyx_event_state state;
	struct nyx_device_info info;
	struct nyx_policy p = quick;
	struct nyx_unit_info unit;
	struct nyx_event event;
	struct env e;
	int ev;

	if (v->from == NYX_DEVICE_QUARANTINED)
		p.backoff_ms = p.backoff_max_ms = 500;
	policy_env(&e, &p, 0, &ev);
	switch (v->from) {
	case NYX_DEVICE_ACTIVE:
		faults(&e, 2);	/* to be forgotten */
		break;
	case NYX_DEVICE_DISABLED:
		test_cmd(cmd_device_control(e.fd, e.sbdf, NYX_DEVICE_DO_DISABLE));
		break;
	default:
		faults(&e, 3);
		/* The state itself can be seen before it is told. */
		do {
			event_wait(ev, NYX_EVENT_DEVICE_STATE, &event);
		} while (event.state.new_state != v->from);
	}
	device_info(e.fd, e.sbdf, &info);
	if (info.state != v->from)
		SKIP("this machine is too slow to find it in quarantine");
	events_count(ev, NYX_EVENT_DEVICE_STATE);
	test_cmd(cmd_device_control(e.fd, e.sbdf, v->action));
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(v->to, info.state);
	ASSERT_EQ(0, info.next_ns);
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(v->to != NYX_DEVICE_ACTIVE, unit.nr_quarantined);
	if (v->from != v->to) {
		/* One may have come from the time in between. */
		next_state(ev, &e, &state, v->from, v->to, NYX_STATE_BY_COMMAND);
		ASSERT_EQ(0, state.next_ns);
	}
	if (v->to == NYX_DEVICE_ACTIVE) {
		ASSERT_EQ(0, info.score);
		ASSERT_EQ(0, info.tries);
		check_works(&e, e.sbdf);
		/* Two more are not three. */
		faults(&e, 2);
		ASSERT_EQ(NYX_DEVICE_ACTIVE, device_state(e.fd, e.sbdf));
		faults(&e, 1);
		wait_state(&e, e.sbdf, NYX_DEVICE_QUARANTINED);
		return;
	}
	check_quarantined(&e, e.sbdf, ev);
	/* It does not come back by itself. */
	pause_ms(v->from == NYX_DEVICE_QUARANTINED ? 700 : 80);
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(v->to, info.state);
	ASSERT_EQ(0, info.next_ns);
	ASSERT_EQ(0, events_count(ev, NYX_EVENT_DEVICE_STATE));
	test_cmd(cmd_device_control(e.fd, e.sbdf, NYX_DEVICE_DO_RESET));
	check_works(&e, e.sbdf);
}

struct hand_race {
	struct env e;
	bool stop;
	unsigned long held;	/* odd: no access may begin and work */
	unsigned long ok, refused;
};

static void *hand_dma(void *arg)
{
	struct hand_race *r = arg;
	struct nyx_dma c;
	__u64 word = 0xdddddddddddddddd;

	while (!__atomic_load_n(&r->stop, __ATOMIC_SEQ_CST)) {
		unsigned long before = __atomic_load_n(&r->held, __ATOMIC_SEQ_CST);

		test_cmd(cmd_dma_write(r->e.fd, &c, r->e.sbdf, 0, &word, sizeof(word)));
		if (c.out_fault.reason) {
			ASSERT_EQ(NYX_FAULT_QUARANTINED, c.out_fault.reason);
			__atomic_add_fetch(&r->refused, 1, __ATOMIC_SEQ_CST);
			continue;
		}
		__atomic_add_fetch(&r->ok, 1, __ATOMIC_SEQ_CST);
		if (before % 2)
			ASSERT_NE(before, __atomic_load_n(&r->held, __ATOMIC_SEQ_CST));
	}
	return NULL;
}

/* When QUARANTINE or DISABLE has returned, memory is not written any more. */
TEST(by_hand_under_dma)
{
	struct hand_race r = { .stop = false };
	pthread_t t[2];
	int ev;

	policy_env(&r.e, &quick, 0, &ev);
	for (int i = 0; i < 2; i++)
		t[i] = thread_start(hand_dma, &r);
	for (__u64 i = 0; i < ktap_iterations(500); i++) {
		__u64 word = i, seen;

		test_cmd(cmd_device_control(r.e.fd, r.e.sbdf, i % 2 ? NYX_DEVICE_DO_QUARANTINE :
					    NYX_DEVICE_DO_DISABLE));
		memcpy(r.e.mem, &word, sizeof(word));
		__atomic_add_fetch(&r.held, 1, __ATOMIC_SEQ_CST);
		for (int j = 0; j < 3; j++)
			sched_yield();
		memcpy(&seen, r.e.mem, sizeof(seen));
		ASSERT_EQ(word, seen);
		__atomic_add_fetch(&r.held, 1, __ATOMIC_SEQ_CST);
		test_cmd(cmd_device_control(r.e.fd, r.e.sbdf, NYX_DEVICE_DO_RESET));
		if (i % 8 == 0)
			sched_yield();
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ktap_print("%lu accesses, %lu refused", r.ok, r.refused);
	ASSERT_EQ(r.refused, quarantined_accesses(&r.e, r.e.sbdf));
}

/* 100 devices at once: each for itself. */
TEST(many_devices)
{
	enum { NR = 100 };
	struct nyx_device_info *all;
	struct nyx_unit_info unit;
	struct env e;
	size_t nr;
	int ev;

	policy_env(&e, &strict, NYX_DOMAIN_F_SHARED, &ev);
	for (__u32 i = 0; i < NR; i++) {
		test_cmd(cmd_device_add(e.fd, 0x1000 + i));
		test_cmd(cmd_device_attach(e.fd, 0x1000 + i, e.domain, 0));
	}
	for (int round = 0; round < 3; round++)
		for (__u32 i = 0; i < NR; i += 2)
			faults_of(&e, 0x1000 + i, 1);
	for (__u32 i = 0; i < NR; i += 2)
		wait_state(&e, 0x1000 + i, NYX_DEVICE_QUARANTINED);
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(NR / 2, unit.nr_quarantined);
	for (__u32 i = 1; i < NR; i += 2)
		check_works(&e, 0x1000 + i);
	ASSERT_EQ(NR / 2, events_count(ev, NYX_EVENT_DEVICE_STATE));
	for (__u32 i = 0; i < NR; i++)
		test_cmd(cmd_device_remove(e.fd, 0x1000 + i));
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(0, unit.nr_quarantined);
	all = list_all(e.fd, NYX_LIST_DEVICES, 0, sizeof(*all), &nr);
	ASSERT_EQ(1, nr);
	free(all);
}

/* Removed, or the unit ended, with a change of state still to come. */
TEST(gone_before_its_time)
{
	struct nyx_policy p = quick;
	struct env e;
	int ev;

	p.probation_ms = 10;
	for (unsigned long i = 0; i < ktap_iterations(60); i++) {
		p.backoff_ms = p.backoff_max_ms = 1 + i % 7;
		policy_env(&e, &p, 0, &ev);
		faults(&e, 3);
		if (i % 2)
			pause_ms(i % 7);
		if (i % 3)
			test_cmd(cmd_device_remove(e.fd, e.sbdf));
		if (i % 3 == 1)
			test_cmd(cmd_unit_destroy(e.fd));
		close(e.fd);
		close(ev);
	}
	pause_ms(50);
}

/* ---- records ---- */

struct records {
	__u64 nr;	/* of both types */
	__u64 sum;	/* of their counts */
	__u64 irqs;
};

static void take_records(int ev, struct records *r)
{
	struct nyx_event event[64];
	unsigned int n;

	while ((n = events_read(ev, event, ARRAY_SIZE(event))) > 0) {
		for (unsigned int i = 0; i < n; i++) {
			if (event[i].type == NYX_EVENT_FAULT) {
				ASSERT_GE(event[i].fault.count, 1);
				r->sum += event[i].fault.count;
			} else {
				ASSERT_EQ(NYX_EVENT_IRQ_FAULT, event[i].type);
				ASSERT_GE(event[i].irq_fault.count, 1);
				r->sum += event[i].irq_fault.count;
				r->irqs++;
			}
			r->nr++;
		}
	}
}

static const struct record_case {
	const char *name;
	__u32 per_s;
	unsigned int irqs;	/* every so many-th is an interrupt */
} record_cases[] = {
	{ "1", 1, 0 }, { "64", 64, 0 }, { "1000", 1000, 0 }, { "64_with_interrupts", 64, 5 },
	{ "all", 0xffffffff, 3 },
};

TEST_EACH(records, record_cases)
{
	const unsigned long rounds = ktap_iterations(20000) / 1000 + 1;
	struct nyx_dma *items = ktap_alloc(1000 * sizeof(*items));
	struct nyx_policy p = strict;
	struct records r = { 0 };
	struct nyx_device_info info;
	struct nyx_irq_send s;
	__u64 from, seconds;
	struct env e;
	__u32 done;
	int ev;

	p.action = NYX_ACTION_REPORT;
	p.records_per_s = v->per_s;
	policy_env(&e, &p, 0, &ev);
	for (unsigned int i = 0; i < 1000; i++) {
		nyx_dma_init(&items[i], e.sbdf, NYX_DMA_FILL, UNMAPPED + i * SZ_4K, 8);
		items[i].width = 8;
	}
	from = boottime_ns();
	for (unsigned long i = 0; i < rounds; i++) {
		test_cmd(cmd_array(e.fd, NYX_CMD_DMA, items, sizeof(*items), 1000, &done));
		ASSERT_EQ(1000, done);
		if (v->irqs && i % v->irqs == 0)
			test_cmd(cmd_irq_send(e.fd, &s, e.sbdf, msi_index(9)));
		take_records(ev, &r);
	}
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(rounds * 1000 + (v->irqs ? (rounds + v->irqs - 1) / v->irqs : 0),
		  info.fault_events);
	/* Faults that were left out come in a last record, without another fault. */
	WAIT_FOR((take_records(ev, &r), r.sum >= info.fault_events));
	ASSERT_EQ(info.fault_events, r.sum);
	seconds = (boottime_ns() - from) / 1000000000 + 1;
	ktap_print("%llu faults in %llu records, up to %llu s",
		   (unsigned long long)info.fault_events, (unsigned long long)r.nr,
		   (unsigned long long)seconds);
	if (v->per_s == 0xffffffff)
		ASSERT_EQ(r.sum, r.nr);
	else	/* a second may begin with what the last one has left */
		ASSERT_LE(r.nr, (seconds + 1) * v->per_s + 1);
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(info.fault_events, r.sum);
	/* After a pause the first fault is a record at once. */
	pause_ms(1200);
	take_records(ev, &r);
	faults(&e, 1);
	WAIT_FOR((take_records(ev, &r), r.sum == info.fault_events + 1));
}

/* The limit is each device's own. */
TEST(records_of_two)
{
	struct nyx_policy p = strict;
	struct nyx_event event;
	struct env e;
	int ev;

	p.action = NYX_ACTION_REPORT;
	p.records_per_s = 1;
	policy_env(&e, &p, NYX_DOMAIN_F_SHARED, &ev);
	test_cmd(cmd_device_add(e.fd, SECOND_SBDF));
	test_cmd(cmd_device_attach(e.fd, SECOND_SBDF, e.domain, 0));
	faults(&e, 50);
	faults_of(&e, SECOND_SBDF, 1);
	do {
		event_wait(ev, NYX_EVENT_FAULT, &event);
	} while (event.fault.sbdf != SECOND_SBDF);
	ASSERT_EQ(1, event.fault.count);
}

/* A device that leaves, or whose unit ends, before its last record does no harm. */
TEST(records_of_the_departed)
{
	struct nyx_policy p = strict;
	struct env e;
	int ev;

	p.action = NYX_ACTION_REPORT;
	p.records_per_s = 2;
	for (unsigned long i = 0; i < ktap_iterations(30); i++) {
		policy_env(&e, &p, 0, &ev);
		faults(&e, 10);
		if (i % 2) {
			test_cmd(cmd_device_remove(e.fd, e.sbdf));
			test_cmd(cmd_device_add(e.fd, e.sbdf));
			test_cmd(cmd_device_attach(e.fd, e.sbdf, e.domain, 0));
			faults(&e, 3);
		}
		if (i % 3)
			test_cmd(cmd_unit_destroy(e.fd));
		close(e.fd);
		close(ev);
	}
	pause_ms(600);
}

/* ---- causes ---- */

static void next_fault(int ev, struct nyx_event_fault *f, __u32 reason, __u32 cause)
{
	struct nyx_event event;

	event_wait(ev, NYX_EVENT_FAULT, &event);
	*f = event.fault;
	ASSERT_EQ(reason, f->fault.reason);
	ASSERT_EQ(cause, f->cause);
	ASSERT_EQ(1, f->count);
}

TEST(cause_never_mapped)
{
	struct nyx_event_fault f;
	struct env e;
	int ev;

	policy_env(&e, NULL, 0, &ev);
	faults(&e, 1);
	next_fault(ev, &f, NYX_FAULT_TABLE_NOT_PRESENT, NYX_CAUSE_NEVER_MAPPED);
	ASSERT_EQ(0, f.since_ns);
	/* In front of a mapping is not behind it. */
	test_cmd(cmd_map(e.fd, e.domain, UNMAPPED + SZ_2M, 0, SZ_64K, RW));
	dma_refused(e.fd, e.sbdf, UNMAPPED + SZ_2M - 8, NYX_PROT_READ, NYX_FAULT_TABLE_NOT_PRESENT);
	next_fault(ev, &f, NYX_FAULT_TABLE_NOT_PRESENT, NYX_CAUSE_NEVER_MAPPED);
}

TEST(cause_unmapped)
{
	struct nyx_event_fault f;
	__u64 before, after;
	struct env e;
	int ev;

	policy_env(&e, NULL, 0, &ev);
	for (int i = 0; i < 4; i++) {
		const __u64 iova = (i + 1) * SZ_1G, length = (i + 1) * SZ_64K;

		ktap_note("round %d", i);
		test_cmd(cmd_map(e.fd, e.domain, iova, 0, length, RW));
		before = boottime_ns();
		if (i % 2)
			test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));
		else
			test_cmd(cmd_unmap(e.fd, e.domain, iova, length, NULL));
		pause_ms(100);
		/* The first byte, one within, the last. */
		for (__u64 at = 0; at < length; at += at ? length - SZ_4K - 1 : SZ_4K) {
			struct nyx_dma c;
			__u8 byte;

			test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, iova + at, &byte, 1));
			next_fault(ev, &f, c.out_fault.reason, NYX_CAUSE_UNMAPPED);
			after = boottime_ns();
			/* The kernel's clock may be one of ticks. */
			ASSERT_GE(f.since_ns + 50000000, 100000000);
			ASSERT_LE(f.since_ns, after - before + 50000000);
		}
		/* Mapped again and refused for another reason: that is the cause. */
		test_cmd(cmd_map(e.fd, e.domain, iova, 0, SZ_4K, NYX_PROT_READ));
		dma_refused(e.fd, e.sbdf, iova, NYX_PROT_WRITE, NYX_FAULT_WRITE_DENIED);
		next_fault(ev, &f, NYX_FAULT_WRITE_DENIED, NYX_CAUSE_PERMISSION);
	}
}

/* Another domain's unmap is not this one's. */
TEST(cause_of_another_domain)
{
	struct nyx_event_fault f;
	struct env e;
	__u32 other;
	int ev;

	policy_env(&e, NULL, 0, &ev);
	test_cmd(cmd_domain_paging(e.fd, 0, &other));
	test_cmd(cmd_map(e.fd, other, UNMAPPED, 0, SZ_64K, RW));
	test_cmd(cmd_unmap(e.fd, other, UNMAPPED, SZ_64K, NULL));
	faults(&e, 1);
	next_fault(ev, &f, NYX_FAULT_TABLE_NOT_PRESENT, NYX_CAUSE_NEVER_MAPPED);
}

TEST(cause_past_end)
{
	unsigned char buf[64] = { 0 };
	struct nyx_event_fault f;
	struct nyx_dma c;
	struct env e;
	int ev;

	policy_env(&e, NULL, 0, &ev);
	/* A buffer that is longer than its mapping. */
	test_cmd(cmd_dma_write(e.fd, &c, e.sbdf, SZ_64K - 32, buf, 64));
	ASSERT_EQ(32, c.out_done);
	next_fault(ev, &f, NYX_FAULT_NOT_PRESENT, NYX_CAUSE_PAST_END);
	ASSERT_EQ(0, f.bytes);
	dma_refused(e.fd, e.sbdf, SZ_64K + 0x123, NYX_PROT_READ, NYX_FAULT_NOT_PRESENT);
	next_fault(ev, &f, NYX_FAULT_NOT_PRESENT, NYX_CAUSE_PAST_END);
	ASSERT_EQ(0x123, f.bytes);
	/* Behind a large page, in another table. */
	test_cmd(cmd_map(e.fd, e.domain, SZ_1G, 0, SZ_2M, RW));
	dma_refused(e.fd, e.sbdf, SZ_1G + SZ_2M + 7, NYX_PROT_READ, NYX_FAULT_TABLE_NOT_PRESENT);
	next_fault(ev, &f, NYX_FAULT_TABLE_NOT_PRESENT, NYX_CAUSE_PAST_END);
	ASSERT_EQ(7, f.bytes);
}

TEST(cause_permission)
{
	struct nyx_domain_create amd = { .format = NYX_FORMAT_AMDV1 };
	struct nyx_event_fault f;
	struct env e;
	int ev;

	policy_env(&e, NULL, 0, &ev);
	test_cmd(cmd_map(e.fd, e.domain, SZ_1M, 0, SZ_4K, NYX_PROT_READ));
	dma_refused(e.fd, e.sbdf, SZ_1M + 5, NYX_PROT_WRITE, NYX_FAULT_WRITE_DENIED);
	next_fault(ev, &f, NYX_FAULT_WRITE_DENIED, NYX_CAUSE_PERMISSION);
	ASSERT_EQ(NYX_PROT_READ, f.prot);
	test_cmd(cmd_domain_create(e.fd, &amd));
	test_cmd(cmd_map(e.fd, amd.out_domain_id, SZ_1M, 0, SZ_4K, NYX_PROT_WRITE));
	test_cmd(cmd_device_attach(e.fd, e.sbdf, amd.out_domain_id, NYX_ATTACH_F_REPLACE));
	dma_refused(e.fd, e.sbdf, SZ_1M, NYX_PROT_READ, NYX_FAULT_READ_DENIED);
	next_fault(ev, &f, NYX_FAULT_READ_DENIED, NYX_CAUSE_PERMISSION);
	ASSERT_EQ(NYX_PROT_WRITE, f.prot);
}

TEST(cause_blocked)
{
	struct nyx_event_fault f;
	struct env e;
	__u32 blocked;
	int ev;

	policy_env(&e, NULL, 0, &ev);
	test_cmd(cmd_domain_kind(e.fd, NYX_DOMAIN_BLOCKED, 0, &blocked));
	test_cmd(cmd_device_attach(e.fd, e.sbdf, blocked, NYX_ATTACH_F_REPLACE));
	dma_refused(e.fd, e.sbdf, 0, NYX_PROT_READ, NYX_FAULT_BLOCKED);
	next_fault(ev, &f, NYX_FAULT_BLOCKED, NYX_CAUSE_BLOCKED);
	ASSERT_EQ(blocked, f.domain_id);
	test_cmd(cmd_device_detach(e.fd, e.sbdf));
	dma_refused(e.fd, e.sbdf, 0, NYX_PROT_READ, NYX_FAULT_NO_DOMAIN);
	next_fault(ev, &f, NYX_FAULT_NO_DOMAIN, NYX_CAUSE_BLOCKED);
	ASSERT_EQ(0, f.domain_id);
}

TEST(cause_width)
{
	static const __u64 iovas[] = { 1ull << 48, 1ull << 57, 1ull << 63, ~0ull };
	struct nyx_event_fault f;
	struct env e;
	int ev;

	policy_env(&e, NULL, 0, &ev);
	for (size_t i = 0; i < ARRAY_SIZE(iovas); i++) {
		dma_refused(e.fd, e.sbdf, iovas[i], NYX_PROT_READ, NYX_FAULT_ADDRESS_WIDTH);
		next_fault(ev, &f, NYX_FAULT_ADDRESS_WIDTH, NYX_CAUSE_WIDTH);
	}
}

TEST(cause_memory)
{
	struct nyx_event_fault f;
	__u32 identity;
	struct env e;
	int ev;

	policy_env(&e, NULL, 0, &ev);
	test_cmd(cmd_map(e.fd, e.domain, SZ_1G, 5 * SZ_1G, SZ_4K, RW));
	dma_refused(e.fd, e.sbdf, SZ_1G + 0x42, NYX_PROT_READ, NYX_FAULT_NO_MEMORY);
	next_fault(ev, &f, NYX_FAULT_NO_MEMORY, NYX_CAUSE_MEMORY);
	ASSERT_EQ(5 * SZ_1G + 0x42, f.gpa);
	test_cmd(cmd_domain_kind(e.fd, NYX_DOMAIN_IDENTITY, 0, &identity));
	test_cmd(cmd_device_attach(e.fd, e.sbdf, identity, NYX_ATTACH_F_REPLACE));
	dma_refused(e.fd, e.sbdf, 6 * SZ_1G, NYX_PROT_WRITE, NYX_FAULT_NO_MEMORY);
	next_fault(ev, &f, NYX_FAULT_NO_MEMORY, NYX_CAUSE_MEMORY);
	ASSERT_EQ(6 * SZ_1G, f.gpa);
}
