// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: fault policies, states of devices, limits, page requests.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "lib_env.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define IOVA	UINT64_C(0x10000000)

struct setup {
	struct nyx_unit *unit;
	nyx_domain_t domain;
	int events;
};

/* SBDF and SBDF2 in a domain without mappings. */
static struct setup setup(void)
{
	const struct nyx_domain_create_opts opts = {
		.size = sizeof(opts), .flags = NYX_DOMAIN_F_SHARED,
	};
	struct setup s = { .unit = env_unit() };

	ASSERT_EQ(0, nyx_domain_create(s.unit, &opts, &s.domain));
	ASSERT_EQ(0, nyx_device_add(s.unit, DEV));
	ASSERT_EQ(0, nyx_device_add(s.unit, DEV2));
	ASSERT_EQ(0, nyx_device_attach(s.unit, DEV, s.domain, 0));
	ASSERT_EQ(0, nyx_device_attach(s.unit, DEV2, s.domain, 0));
	ASSERT_EQ(0, nyx_event_open(s.unit, NYX_EVENTS_F_NONBLOCK, &s.events));
	return s;
}

static struct nyx_policy unit_policy(struct nyx_unit *unit)
{
	struct nyx_policy policy;

	ASSERT_EQ(0, nyx_policy_get_unit(unit, &policy, sizeof(policy)));
	return policy;
}

static void set_policy(struct nyx_unit *unit, const struct nyx_policy *policy)
{
	ASSERT_EQ(0, nyx_policy_set_unit(unit, policy, sizeof(*policy)));
}

static struct nyx_device_info device(struct nyx_unit *unit, nyx_device_t dev)
{
	struct nyx_device_info info;

	ASSERT_EQ(0, nyx_device_get(unit, dev, &info, sizeof(info)));
	return info;
}

/* An access to an IOVA that is not mapped; returns the reason of its fault. */
static uint32_t touch(struct nyx_unit *unit, nyx_device_t dev, uint64_t iova)
{
	struct nyx_fault fault;
	unsigned char byte;

	ASSERT_EQ(0, nyx_dma_read(unit, dev, iova, &byte, 1, NULL, &fault));
	return fault.reason;
}

static struct nyx_event next_event(const struct setup *s)
{
	struct nyx_event event;
	size_t got;

	ASSERT_EQ(0, nyx_event_read(s->events, &event, 1, &got));
	return event;
}

TEST(policy_default)
{
	struct nyx_unit *unit = env_unit();
	struct nyx_policy p = unit_policy(unit);
	unsigned int i;

	EXPECT_EQ(NYX_ACTION_QUARANTINE, p.action);
	EXPECT_EQ(NYX_POLICY_F_RECOVER, p.flags);
	EXPECT_EQ(10, p.threshold);
	EXPECT_EQ(10000, p.window_ms);
	for (i = 0; i < NYX_CLASS_MAX; i++)
		EXPECT_EQ(1, p.weight[i]);
	EXPECT_EQ(1000, p.backoff_ms);
	EXPECT_EQ(60000, p.backoff_max_ms);
	EXPECT_EQ(10000, p.probation_ms);
	EXPECT_EQ(5, p.max_tries);
	EXPECT_EQ(64, p.records_per_s);
}

TEST(policy_of_a_device)
{
	struct setup s = setup();
	struct nyx_policy p = unit_policy(s.unit), q;
	uint32_t own = 9;

	ASSERT_EQ(0, nyx_policy_get_device(s.unit, DEV, &q, sizeof(q), &own));
	EXPECT_EQ(0, own);
	EXPECT_EQ(0, memcmp(&p, &q, sizeof(p)));
	p.threshold = 3;
	ASSERT_EQ(0, nyx_policy_set_device(s.unit, DEV, &p, sizeof(p)));
	ASSERT_EQ(0, nyx_policy_get_device(s.unit, DEV, &q, sizeof(q), &own));
	EXPECT_EQ(1, own);
	EXPECT_EQ(3, q.threshold);
	EXPECT_EQ(NYX_DEVICE_F_POLICY, device(s.unit, DEV).flags);
	EXPECT_EQ(0, device(s.unit, DEV2).flags);
	EXPECT_EQ(10, unit_policy(s.unit).threshold);
	ASSERT_EQ(0, nyx_policy_inherit(s.unit, DEV));
	ASSERT_EQ(0, nyx_policy_inherit(s.unit, DEV));
	EXPECT_EQ(0, device(s.unit, DEV).flags);
	EXPECT_EQ(-ENOENT, nyx_policy_inherit(s.unit, (nyx_device_t){ 9 }));
	EXPECT_EQ(-ENOENT, nyx_policy_get_device(s.unit, (nyx_device_t){ 9 }, &q, sizeof(q), NULL));
	EXPECT_EQ(-ENOENT, nyx_policy_set_device(s.unit, (nyx_device_t){ 9 }, &p, sizeof(p)));
}

/* Programs of other ages. */
TEST(policy_sizes)
{
	struct {
		struct nyx_policy p;
		uint64_t more;
	} newer = { .more = 0 };
	struct setup s = setup();
	uint32_t flags = 9;

	newer.p = unit_policy(s.unit);
	EXPECT_EQ(0, nyx_policy_set_unit(s.unit, &newer.p, sizeof(newer)));
	newer.more = 1;
	EXPECT_EQ(-E2BIG, nyx_policy_set_unit(s.unit, &newer.p, sizeof(newer)));
	EXPECT_EQ(0, nyx_policy_get_unit(s.unit, &newer.p, sizeof(newer)));
	EXPECT_EQ(0, newer.more);
	EXPECT_EQ(0, nyx_policy_get_unit(s.unit, (struct nyx_policy *)&flags,
					 sizeof(flags)));
	EXPECT_EQ(NYX_POLICY_F_RECOVER, flags);
	newer.p.threshold = 0;
	EXPECT_EQ(-EINVAL, nyx_policy_set_unit(s.unit, &newer.p,
					       sizeof(newer.p)));
	EXPECT_EQ(-EINVAL, nyx_policy_set_unit(s.unit, NULL, sizeof(newer.p)));
}

TEST(quarantine_by_faults)
{
	struct setup s = setup();
	struct nyx_policy p = unit_policy(s.unit);
	struct nyx_device_info info;
	struct nyx_event event;
	int i;

	p.threshold = 3;
	p.window_ms = 3600000;
	p.flags = 0;
	set_policy(s.unit, &p);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(NYX_FAULT_TABLE_NOT_PRESENT, touch(s.unit, DEV, IOVA));
	EXPECT_EQ(NYX_FAULT_QUARANTINED, touch(s.unit, DEV, IOVA));
	EXPECT_EQ(NYX_FAULT_TABLE_NOT_PRESENT, touch(s.unit, DEV2, IOVA));
	info = device(s.unit, DEV);
	EXPECT_EQ(NYX_DEVICE_QUARANTINED, info.state);
	EXPECT_EQ(1, info.tries);
	EXPECT_EQ(0, info.next_ns);
	EXPECT_EQ(1, info.quarantined_accesses);
	EXPECT_EQ(3, info.fault_events);

	for (i = 0; i < 3; i++)
		EXPECT_EQ(NYX_EVENT_FAULT, next_event(&s).type);
	event = next_event(&s);
	ASSERT_EQ(NYX_EVENT_DEVICE_STATE, event.type);
	EXPECT_EQ(SBDF, event.state.sbdf);
	EXPECT_EQ(NYX_DEVICE_ACTIVE, event.state.old_state);
	EXPECT_EQ(NYX_DEVICE_QUARANTINED, event.state.new_state);
	EXPECT_EQ(NYX_STATE_BY_FAULTS, event.state.cause);
	EXPECT_EQ(3, event.state.score);
	ASSERT_EQ(1, event.state.nr_samples);
	EXPECT_EQ(IOVA, event.state.samples[0].address);
	EXPECT_EQ(3, event.state.samples[0].count);
	EXPECT_EQ(NYX_FAULT_TABLE_NOT_PRESENT, event.state.samples[0].reason);
	EXPECT_EQ(NYX_PROT_READ, event.state.samples[0].access);

	ASSERT_EQ(0, nyx_device_reset(s.unit, DEV));
	EXPECT_EQ(NYX_FAULT_TABLE_NOT_PRESENT, touch(s.unit, DEV, IOVA));
	info = device(s.unit, DEV);
	EXPECT_EQ(NYX_DEVICE_ACTIVE, info.state);
	EXPECT_EQ(0, info.tries);
	EXPECT_EQ(1, info.score);
}

TEST(quarantine_of_a_domain)
{
	struct setup s = setup();
	struct nyx_policy p = unit_policy(s.unit);

	p.threshold = 1;
	p.flags = NYX_POLICY_F_DOMAIN;
	set_policy(s.unit, &p);
	touch(s.unit, DEV, IOVA);
	EXPECT_EQ(NYX_FAULT_QUARANTINED, touch(s.unit, DEV2, IOVA));
	EXPECT_EQ(NYX_DEVICE_F_HELD, device(s.unit, DEV2).flags);
	EXPECT_EQ(NYX_DEVICE_ACTIVE, device(s.unit, DEV2).state);
	ASSERT_EQ(0, nyx_device_reset(s.unit, DEV));
	EXPECT_EQ(NYX_FAULT_TABLE_NOT_PRESENT, touch(s.unit, DEV2, IOVA));
}

TEST(observe_only)
{
	struct setup s = setup();
	struct nyx_policy p = unit_policy(s.unit);
	struct nyx_event event;

	p.threshold = 1;
	p.flags = NYX_POLICY_F_OBSERVE;
	set_policy(s.unit, &p);
	touch(s.unit, DEV, IOVA);
	EXPECT_EQ(NYX_DEVICE_ACTIVE, device(s.unit, DEV).state);
	next_event(&s);
	event = next_event(&s);
	EXPECT_EQ(NYX_EVENT_DEVICE_STATE, event.type);
	EXPECT_EQ(NYX_STATE_WOULD, event.state.cause);
}

TEST(by_hand)
{
	struct setup s = setup();
	struct nyx_unit_info info = NYX_UNIT_INFO_INIT;

	ASSERT_EQ(0, nyx_device_quarantine(s.unit, DEV));
	EXPECT_EQ(NYX_DEVICE_QUARANTINED, device(s.unit, DEV).state);
	EXPECT_EQ(0, device(s.unit, DEV).next_ns);
	EXPECT_EQ(NYX_FAULT_QUARANTINED, touch(s.unit, DEV, IOVA));
	ASSERT_EQ(0, nyx_device_disable(s.unit, DEV2));
	EXPECT_EQ(NYX_DEVICE_DISABLED, device(s.unit, DEV2).state);
	ASSERT_EQ(0, nyx_unit_get(s.unit, &info));
	EXPECT_EQ(2, info.nr_quarantined);
	ASSERT_EQ(0, nyx_device_reset(s.unit, DEV));
	ASSERT_EQ(0, nyx_device_reset(s.unit, DEV2));
	EXPECT_EQ(NYX_DEVICE_ACTIVE, device(s.unit, DEV2).state);
	EXPECT_EQ(-ENOENT, nyx_device_reset(s.unit, (nyx_device_t){ 9 }));
	EXPECT_EQ(-ENOENT, nyx_device_quarantine(s.unit, (nyx_device_t){ 9 }));
	EXPECT_EQ(-ENOENT, nyx_device_disable(s.unit, (nyx_device_t){ 9 }));
}

TEST(fault_causes)
{
	struct setup s = setup();
	struct nyx_event event;

	ASSERT_EQ(0, nyx_map_add(s.unit, s.domain, IOVA, 0, 8192, NYX_PROT_READ));
	ASSERT_EQ(0, nyx_map_remove(s.unit, s.domain, IOVA + 4096, 4096, NULL));
	touch(s.unit, DEV, IOVA + 4096);
	event = next_event(&s);
	EXPECT_EQ(NYX_CAUSE_UNMAPPED, event.fault.cause);
	EXPECT_EQ(1, event.fault.count);
	touch(s.unit, DEV, IOVA + 8192 + 16);
	event = next_event(&s);
	EXPECT_EQ(NYX_CAUSE_PAST_END, event.fault.cause);
	EXPECT_EQ(4096 + 16, event.fault.bytes);
	touch(s.unit, DEV, IOVA + (1 << 30));
	EXPECT_EQ(NYX_CAUSE_NEVER_MAPPED, next_event(&s).fault.cause);
	touch(s.unit, DEV, IOVA);
	event = next_event(&s);
	EXPECT_EQ(NYX_CAUSE_MEMORY, event.fault.cause);
	EXPECT_EQ(0, event.fault.gpa);
}

TEST(limits)
{
	struct nyx_limits limits = {
		.bytes_per_s = 100 << 20, .ops_per_s = 10000, .irqs_per_s = 1000, .burst_ms = 20,
	};
	struct setup s = setup();
	struct nyx_limits got;

	ASSERT_EQ(0, nyx_limit_get_device(s.unit, DEV, &got, sizeof(got)));
	EXPECT_EQ(0, got.bytes_per_s | got.ops_per_s | got.irqs_per_s);
	ASSERT_EQ(0, nyx_limit_set_device(s.unit, DEV, &limits, sizeof(limits)));
	ASSERT_EQ(0, nyx_limit_get_device(s.unit, DEV, &got, sizeof(got)));
	EXPECT_EQ(0, memcmp(&limits, &got, sizeof(got)));
	EXPECT_EQ(NYX_DEVICE_F_LIMITS, device(s.unit, DEV).flags);
	ASSERT_EQ(0, nyx_limit_set_device(s.unit, DEV, NULL, 0));
	EXPECT_EQ(0, device(s.unit, DEV).flags);
	ASSERT_EQ(0, nyx_limit_set_domain(s.unit, s.domain, &limits, sizeof(limits)));
	ASSERT_EQ(0, nyx_limit_get_domain(s.unit, s.domain, &got, sizeof(got)));
	EXPECT_EQ(10000, got.ops_per_s);
	limits.burst_ms = 10001;
	EXPECT_EQ(-EINVAL, nyx_limit_set_device(s.unit, DEV, &limits,
						sizeof(limits)));
	EXPECT_EQ(-ENOENT, nyx_limit_set_device(s.unit, (nyx_device_t){ 9 }, NULL, 0));
	EXPECT_EQ(-ENOENT, nyx_limit_get_domain(s.unit, (nyx_domain_t){ 99 }, &got, sizeof(got)));
}

TEST(page_request_nowait)
{
	const struct nyx_page pages[2] = {
		{ .iova = IOVA, .access = NYX_PROT_READ },
		{ .iova = IOVA + 4096, .access = NYX_PROT_READ | NYX_PROT_WRITE },
	};
	struct setup s = setup();
	struct nyx_event event;
	nyx_group_t group;
	uint32_t i;

	ASSERT_EQ(0, nyx_page_request_nowait(s.unit, DEV, pages, 2, 600000, &group));
	for (i = 0; i < 2; i++) {
		event = next_event(&s);
		ASSERT_EQ(NYX_EVENT_PAGE_REQUEST, event.type);
		EXPECT_EQ(SBDF, event.page.sbdf);
		EXPECT_EQ(s.domain.id, event.page.domain_id);
		EXPECT_EQ(group.id, event.page.group);
		EXPECT_EQ(pages[i].iova, event.page.iova);
		EXPECT_EQ(pages[i].access, event.page.access);
		EXPECT_EQ(2, event.page.nr);
		EXPECT_EQ(i, event.page.index);
	}
	EXPECT_EQ(-EINVAL, nyx_page_respond(s.unit, group, NYX_PAGE_TIMEOUT));
	ASSERT_EQ(0, nyx_page_respond(s.unit, group, NYX_PAGE_INVALID));
	EXPECT_EQ(-ENOENT, nyx_page_respond(s.unit, group, NYX_PAGE_SUCCESS));
	event = next_event(&s);
	ASSERT_EQ(NYX_EVENT_PAGE_RESPONSE, event.type);
	EXPECT_EQ(group.id, event.page.group);
	EXPECT_EQ(NYX_PAGE_INVALID, event.page.response);
}

static void *ask(void *arg)
{
	const struct nyx_page page = { .iova = IOVA, .access = NYX_PROT_READ };
	struct setup *s = arg;
	uint32_t response = 9;

	ASSERT_EQ(0, nyx_page_request(s->unit, DEV, &page, 1, 600000, NULL, &response));
	EXPECT_EQ(NYX_PAGE_SUCCESS, response);
	return NULL;
}

TEST(page_request_waits)
{
	struct setup s = setup();
	struct nyx_event event;
	pthread_t thread;
	size_t got;
	int fd;

	ASSERT_EQ(0, nyx_event_open(s.unit, 0, &fd));
	ASSERT_EQ(0, pthread_create(&thread, NULL, ask, &s));
	ASSERT_EQ(0, nyx_event_read(fd, &event, 1, &got));
	ASSERT_EQ(NYX_EVENT_PAGE_REQUEST, event.type);
	ASSERT_EQ(0, nyx_page_respond(s.unit, (nyx_group_t){ event.page.group }, NYX_PAGE_SUCCESS));
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

TEST(page_request_fails)
{
	struct nyx_page page = { .iova = IOVA, .access = NYX_PROT_READ };
	struct setup s = setup();
	uint32_t response = 9;

	ASSERT_EQ(0, nyx_page_request(s.unit, DEV, &page, 1, 1, NULL, &response));
	EXPECT_EQ(NYX_PAGE_TIMEOUT, response);
	EXPECT_EQ(-EINVAL, nyx_page_request(s.unit, DEV, &page, 0, 1, NULL, &response));
	EXPECT_EQ(-EINVAL, nyx_page_request(s.unit, DEV, &page, 65, 1, NULL, &response));
	EXPECT_EQ(-EINVAL, nyx_page_request(s.unit, DEV, &page, 1, 0, NULL, &response));
	EXPECT_EQ(-ENOENT, nyx_page_request(s.unit, (nyx_device_t){ 9 }, &page, 1, 1, NULL,
					    &response));
	page.access = 0;
	EXPECT_EQ(-EINVAL, nyx_page_request(s.unit, DEV, &page, 1, 1, NULL, &response));
	EXPECT_EQ(-ENOENT, nyx_page_respond(s.unit, (nyx_group_t){ 0 }, NYX_PAGE_SUCCESS));
	page.access = NYX_PROT_READ;
	ASSERT_EQ(0, nyx_device_quarantine(s.unit, DEV));
	EXPECT_EQ(-EPERM, nyx_page_request(s.unit, DEV, &page, 1, 1, NULL, &response));
	ASSERT_EQ(0, nyx_device_reset(s.unit, DEV));
	ASSERT_EQ(0, nyx_device_detach(s.unit, DEV));
	EXPECT_EQ(-EOPNOTSUPP, nyx_page_request(s.unit, DEV, &page, 1, 1, NULL, &response));
}

/* A request that a signal ended is not made again. */
TEST(page_request_interrupted)
{
	const struct nyx_page page = { .iova = IOVA, .access = NYX_PROT_READ };
	struct setup s = setup();
	uint32_t response;

	env_inject("0x23:4");
	EXPECT_EQ(-EINTR, nyx_page_request(s.unit, DEV, &page, 1, 1, NULL, &response));
}
