// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: change streams of a native unit.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Commands that must wait are called by a thread of their own; a case does not look at the clock.
 */
#include "changes.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SECOND		NYX_SBDF(0, 4, 0, 0)
#define NEVER_MS	60000u	/* the case fails before that */
#define SOON_MS		20u
#define PAGES		16u	/* of memory */
#define DEVICE		NYX_CHANGES_DEVICE
#define DOMAIN		NYX_CHANGES_DOMAIN

/**
 * struct scene - a unit with a stream
 * @e: the unit
 * @s: the stream
 * @t: number of its target
 * @other: another domain
 */
struct scene {
	struct env e;
	struct stream s;
	__u32 t;
	__u32 other;
};

/* The target is the env's device, or its domain. */
static void scene_open(struct scene *c, __u32 flags, __u32 kind, __u32 timeout_ms)
{
	env_open(&c->e, .view_timeout_ms = timeout_ms, .mem_size = PAGES * SZ_4K);
	test_cmd(cmd_domain_paging(c->e.fd, NYX_DOMAIN_F_SHARED, &c->other));
	stream_open(&c->s, c->e.fd, flags);
	c->t = stream_add(&c->s, kind, kind == DEVICE ? c->e.sbdf : c->e.domain);
	stream_settle(&c->s);
	stream_count(&c->s, 0, 0, 1);
	ASSERT_EQ(NYX_CHANGE_ATTACHED, c->s.target[c->t - 1].state);
	ASSERT_EQ(c->e.domain, c->s.target[c->t - 1].domain);
}

static int map(struct scene *c, __u64 page, __u64 to, __u64 nr, __u32 prot)
{
	return cmd_map(c->e.fd, c->e.domain, page * SZ_4K, to * SZ_4K, nr * SZ_4K, prot);
}

/* Exactly one map, in pages. */
static void has(struct scene *c, __u64 page, __u64 nr, __u64 to, __u32 prot)
{
	stream_has(&c->s, c->t, page * SZ_4K, nr * SZ_4K, to * SZ_4K, prot);
}

static bool maps(struct scene *c, __u64 page, __u64 nr, __u64 to, __u32 prot)
{
	return stream_maps(&c->s, c->t, page * SZ_4K, nr * SZ_4K, to * SZ_4K, prot);
}

static const struct kind_case {
	const char *name;
	__u32 kind;
} kind_cases[] = {
	{ "device", DEVICE },
	{ "domain", DOMAIN },
};

/* ---- what is reported ---- */

TEST_EACH(differences, kind_cases)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, v->kind, NEVER_MS);
	ASSERT_TRUE(!stream_ready(&c.s));
	test_cmd(map(&c, 4, 0, 4, RW));
	ASSERT_TRUE(stream_ready(&c.s));
	stream_settle(&c.s);
	ASSERT_TRUE(!stream_ready(&c.s));
	stream_count(&c.s, 1, 0, 0);
	has(&c, 4, 4, 0, RW);

	/* In the middle of the map. */
	test_err(EINPROGRESS, cmd_unmap(c.e.fd, c.e.domain, 5 * SZ_4K, SZ_4K, NULL));
	stream_settle(&c.s);
	stream_count(&c.s, 2, 1, 0);
	ASSERT_TRUE(maps(&c, 4, 1, 0, RW));
	ASSERT_TRUE(maps(&c, 6, 2, 2, RW));

	/* The same again, under other neighbours. */
	test_cmd(map(&c, 5, 1, 1, NYX_PROT_READ));
	stream_settle(&c.s);
	stream_count(&c.s, 1, 0, 0);
	ASSERT_TRUE(maps(&c, 5, 1, 1, NYX_PROT_READ));

	/* All of it is one change. */
	test_err(EINPROGRESS, cmd_unmap_all(c.e.fd, c.e.domain, NULL));
	stream_settle(&c.s);
	stream_count(&c.s, 0, 1, 0);
	has(&c, 0, 0, 0, 0);
}

/* Nothing is reported of a page that was unmapped and mapped again before the reader came. */
TEST_EACH(identical, kind_cases)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, v->kind, NEVER_MS);
	test_cmd(map(&c, 4, 0, 4, RW));
	stream_settle(&c.s);
	test_err(EINPROGRESS, cmd_unmap(c.e.fd, c.e.domain, 4 * SZ_4K, 4 * SZ_4K, NULL));
	test_cmd(map(&c, 4, 0, 4, RW));
	stream_settle(&c.s);
	stream_count(&c.s, 1, 0, 0);
	test_err(EINPROGRESS, cmd_invalidate(c.e.fd, NYX_SCOPE_UNIT, 0, 0, 0, 0));
	ASSERT_TRUE(stream_ready(&c.s));
	stream_settle(&c.s);
	stream_count(&c.s, 0, 0, 0);
	ASSERT_TRUE(!stream_ready(&c.s));
}

/* Only memory of the unit is, in pieces that each lie in one range of it. */
TEST(memory)
{
	struct scene c;
	void *more = map_aligned(4 * SZ_4K, SZ_4K, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1);

	scene_open(&c, NYX_CHANGES_F_INLINE, DEVICE, NEVER_MS);
	test_cmd(map(&c, 0, PAGES - 2, 8, RW));
	stream_settle(&c.s);
	has(&c, 0, 2, PAGES - 2, RW);
	/* Behind a hole of two pages */
	test_cmd(cmd_memory_add(c.e.fd, NYX_MEMORY_F_READONLY, (PAGES + 2) * SZ_4K, 2 * SZ_4K,
				more));
	stream_settle(&c.s);
	ASSERT_EQ(2, c.s.target[0].nr);
	ASSERT_TRUE(maps(&c, 4, 2, PAGES + 2, NYX_PROT_READ));
	/* The hole */
	test_cmd(cmd_memory_add(c.e.fd, 0, PAGES * SZ_4K, 2 * SZ_4K, more));
	stream_settle(&c.s);
	stream_count(&c.s, 3, 0, 0);
	ASSERT_TRUE(maps(&c, 2, 2, PAGES, RW));
	test_err(EINPROGRESS, cmd_memory_remove(c.e.fd, (PAGES + 2) * SZ_4K, 2 * SZ_4K));
	stream_settle(&c.s);
	stream_count(&c.s, 0, 1, 0);
	/* Other memory at the same place: what was there is unmapped in between. */
	test_err(EINPROGRESS, cmd_memory_remove(c.e.fd, PAGES * SZ_4K, 2 * SZ_4K));
	test_cmd(cmd_memory_add(c.e.fd, 0, PAGES * SZ_4K, 2 * SZ_4K, more + 2 * SZ_4K));
	stream_settle(&c.s);
	stream_count(&c.s, 1, 1, 0);
	ASSERT_TRUE(maps(&c, 2, 2, PAGES, RW));
}

static const struct domain_case {
	const char *name;
	__u32 kind;
	__u32 state;
	__u64 length;
} domain_cases[] = {
	{ "identity", NYX_DOMAIN_IDENTITY, NYX_CHANGE_ATTACHED, PAGES * SZ_4K },
	{ "blocked", NYX_DOMAIN_BLOCKED, NYX_CHANGE_DETACHED, 0 },
};

TEST_EACH(domains, domain_cases)
{
	struct stream s;
	struct env e;
	__u32 t[2];

	env_open(&e, .kind = v->kind, .mem_size = PAGES * SZ_4K);
	stream_open(&s, e.fd, 0);
	t[0] = stream_add(&s, DEVICE, e.sbdf);
	t[1] = stream_add(&s, DOMAIN, e.domain);
	stream_settle(&s);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(v->state, s.target[t[i] - 1].state);
		stream_has(&s, t[i], 0, v->length, 0, RW);
	}
}

/* A device is followed wherever it goes; what both domains map alike stays. */
TEST(device_moves)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, DEVICE, NEVER_MS);
	test_cmd(map(&c, 0, 0, 4, RW));
	test_cmd(map(&c, 8, 8, 1, RW));
	test_cmd(cmd_map(c.e.fd, c.other, 0, 0, 4 * SZ_4K, RW));
	test_cmd(cmd_map(c.e.fd, c.other, 9 * SZ_4K, 0, SZ_4K, RW));
	stream_settle(&c.s);
	stream_count(&c.s, 2, 0, 0);
	test_err(EINPROGRESS, cmd_device_attach(c.e.fd, c.e.sbdf, c.other,
						NYX_ATTACH_F_REPLACE));
	stream_settle(&c.s);
	stream_count(&c.s, 1, 1, 1);
	ASSERT_EQ(c.other, c.s.target[0].domain);
	ASSERT_TRUE(maps(&c, 0, 4, 0, RW));
	ASSERT_TRUE(maps(&c, 9, 1, 0, RW));

	/* It follows the new domain, and not the old one. */
	test_cmd(cmd_unmap(c.e.fd, c.e.domain, 0, SZ_4K, NULL));
	test_err(EINPROGRESS, cmd_unmap(c.e.fd, c.other, 9 * SZ_4K, SZ_4K, NULL));
	stream_settle(&c.s);
	stream_count(&c.s, 0, 1, 0);
	test_err(EINPROGRESS, cmd_device_detach(c.e.fd, c.e.sbdf));
	stream_settle(&c.s);
	stream_count(&c.s, 0, 1, 1);
	ASSERT_EQ(NYX_CHANGE_DETACHED, c.s.target[0].state);
	test_cmd(cmd_unmap(c.e.fd, c.other, 0, SZ_4K, NULL));
	ASSERT_TRUE(!stream_ready(&c.s));
	test_err(EINPROGRESS, cmd_device_attach(c.e.fd, c.e.sbdf, c.e.domain, 0));
	stream_settle(&c.s);
	stream_count(&c.s, 2, 0, 1);
}

static const struct stop_case {
	const char *name;
	__u32 action;
} stop_cases[] = {
	{ "quarantine", NYX_DEVICE_DO_QUARANTINE },
	{ "disable", NYX_DEVICE_DO_DISABLE },
};

TEST_EACH(device_is_stopped, stop_cases)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, DEVICE, NEVER_MS);
	test_cmd(map(&c, 0, 0, 4, RW));
	stream_settle(&c.s);
	stream_count(&c.s, 1, 0, 0);
	test_err(EINPROGRESS, cmd_device_control(c.e.fd, c.e.sbdf, v->action));
	stream_settle(&c.s);
	stream_count(&c.s, 0, 1, 1);
	ASSERT_EQ(NYX_CHANGE_QUARANTINED, c.s.target[0].state);
	/* Nothing is reported of it. */
	test_cmd(map(&c, 8, 8, 1, RW));
	test_cmd(cmd_unmap(c.e.fd, c.e.domain, 8 * SZ_4K, SZ_4K, NULL));
	stream_settle(&c.s);
	stream_count(&c.s, 0, 0, 0);
	ASSERT_TRUE(!stream_ready(&c.s));
	test_cmd(cmd_device_control(c.e.fd, c.e.sbdf, NYX_DEVICE_DO_RESET));
	ASSERT_TRUE(stream_ready(&c.s));
	stream_settle(&c.s);
	stream_count(&c.s, 1, 0, 1);
	has(&c, 0, 4, 0, RW);
}

/* Faults quarantine a device, and no command does: the reader is woken. */
TEST(faults_stop_device)
{
	struct nyx_policy policy = {
		.action = NYX_ACTION_QUARANTINE, .threshold = 1, .window_ms = 60000,
		.backoff_ms = 60000, .backoff_max_ms = 60000, .probation_ms = 60000,
	};
	struct nyx_policy_get get;
	struct pollfd p;
	struct scene c;

	scene_open(&c, 0, DEVICE, NEVER_MS);
	test_cmd(map(&c, 0, 0, 4, RW));
	stream_settle(&c.s);
	test_cmd(cmd_policy_get(c.e.fd, NYX_SCOPE_DEVICE, c.e.sbdf, &get));
	get.out_policy.action = policy.action;
	get.out_policy.threshold = 1;
	get.out_policy.backoff_ms = policy.backoff_ms;
	get.out_policy.backoff_max_ms = policy.backoff_max_ms;
	test_cmd(cmd_policy_set(c.e.fd, NYX_SCOPE_DEVICE, c.e.sbdf, &get.out_policy));
	dma_refused(c.e.fd, c.e.sbdf, 100 * SZ_4K, NYX_PROT_READ, NYX_FAULT_NOT_PRESENT);
	p = (struct pollfd){ .fd = c.s.fd, .events = POLLIN };
	ASSERT_EQ(1, poll(&p, 1, 60000));
	stream_settle(&c.s);
	ASSERT_EQ(NYX_CHANGE_QUARANTINED, c.s.target[0].state);
	has(&c, 0, 0, 0, 0);
}

/* Quarantine stops the devices of a domain, and leaves the maps that are followed. */
TEST(quarantine_leaves_domain)
{
	struct nyx_policy_get get;
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, DOMAIN, NEVER_MS);
	test_cmd(map(&c, 0, 0, 4, RW));
	stream_settle(&c.s);
	stream_count(&c.s, 1, 0, 0);
	test_cmd(cmd_policy_get(c.e.fd, NYX_SCOPE_DEVICE, c.e.sbdf, &get));
	get.out_policy.flags |= NYX_POLICY_F_DOMAIN;
	test_cmd(cmd_policy_set(c.e.fd, NYX_SCOPE_DEVICE, c.e.sbdf, &get.out_policy));
	test_cmd(cmd_device_control(c.e.fd, c.e.sbdf, NYX_DEVICE_DO_QUARANTINE));
	ASSERT_TRUE(!stream_ready(&c.s));
	test_cmd(map(&c, 8, 8, 1, RW));
	stream_settle(&c.s);
	stream_count(&c.s, 1, 0, 0);
	ASSERT_EQ(NYX_CHANGE_ATTACHED, c.s.target[0].state);
}

TEST(list)
{
	struct nyx_target_info *all;
	struct scene c;
	__u32 t, u;
	size_t nr;

	scene_open(&c, NYX_CHANGES_F_INLINE, DEVICE, NEVER_MS);
	t = stream_add_max(&c.s, DOMAIN, c.other, 77);
	u = stream_add(&c.s, DOMAIN, c.e.domain);
	test_cmd(cmd_changes_remove(c.e.fd, c.s.id, u));
	stream_settle(&c.s);
	test_cmd(map(&c, 0, 0, 4, RW));
	test_cmd(map(&c, 8, 0, 1, RW));
	stream_settle(&c.s);
	test_err(EINPROGRESS, cmd_unmap(c.e.fd, c.e.domain, 0, SZ_4K, NULL));
	all = list_all(c.e.fd, NYX_LIST_TARGETS, 0, sizeof(*all), &nr);
	ASSERT_EQ(2, nr);
	ASSERT_EQ(c.s.id, all[0].changes_id);
	ASSERT_EQ(c.t, all[0].target);
	ASSERT_EQ(NYX_TARGET_F_INLINE | NYX_TARGET_F_BEHIND, all[0].flags);
	ASSERT_EQ(DEVICE, all[0].kind);
	ASSERT_EQ(c.e.sbdf, all[0].id);
	ASSERT_EQ(NYX_PASID_NONE, all[0].pasid);
	ASSERT_EQ(NYX_CHANGE_ATTACHED, all[0].state);
	ASSERT_EQ(c.e.domain, all[0].domain_id);
	ASSERT_EQ(2, all[0].nr_maps);
	ASSERT_EQ(NYX_CHANGES_MAPS_DEFAULT, all[0].max_maps);
	ASSERT_EQ(5 * SZ_4K, all[0].bytes);
	ASSERT_LT(0, all[0].behind_ns);
	ASSERT_EQ(t, all[1].target);
	ASSERT_EQ(NYX_TARGET_F_INLINE, all[1].flags);
	ASSERT_EQ(DOMAIN, all[1].kind);
	ASSERT_EQ(c.other, all[1].id);
	ASSERT_EQ(77, all[1].max_maps);
	ASSERT_EQ(0, all[1].behind_ns);
	free(all);
}

/* The last RID of the last segment is one as any other. */
TEST(last_device)
{
	struct stream s;
	struct env e;
	__u32 t;

	env_open(&e, .mem_size = PAGES * SZ_4K);
	test_cmd(cmd_device_detach(e.fd, e.sbdf));
	test_cmd(cmd_device_add(e.fd, 0xffffffff));
	test_cmd(cmd_device_attach(e.fd, 0xffffffff, e.domain, 0));
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_4K, RW));
	stream_open(&s, e.fd, NYX_CHANGES_F_INLINE);
	t = stream_add(&s, DEVICE, 0xffffffff);
	stream_settle(&s);
	stream_has(&s, t, 0, SZ_4K, 0, RW);
	test_err(EINPROGRESS, cmd_device_detach(e.fd, 0xffffffff));
	stream_settle(&s);
	ASSERT_EQ(NYX_CHANGE_DETACHED, s.target[t - 1].state);
}

/* ---- limits ---- */

TEST(too_many_maps)
{
	struct stream s;
	struct env e;
	__u32 t;

	env_open(&e, .mem_size = PAGES * SZ_4K);
	stream_open(&s, e.fd, 0);
	t = stream_add_max(&s, DEVICE, e.sbdf, 4);
	for (unsigned int i = 0; i < 4; i++)
		test_cmd(cmd_map(e.fd, e.domain, 2 * i * SZ_4K, 0, SZ_4K, RW));
	stream_settle(&s);
	stream_count(&s, 4, 0, 1);
	test_cmd(cmd_map(e.fd, e.domain, 100 * SZ_4K, 0, SZ_4K, RW));
	stream_settle(&s);
	stream_count(&s, 0, 1, 1);
	ASSERT_EQ(NYX_CHANGE_FULL, s.target[t - 1].state);
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, device_state(e.fd, e.sbdf));
	/* It goes on when there is room. */
	test_cmd(cmd_unmap(e.fd, e.domain, 0, SZ_4K, NULL));
	test_cmd(cmd_device_control(e.fd, e.sbdf, NYX_DEVICE_DO_RESET));
	stream_settle(&s);
	stream_count(&s, 4, 0, 1);
}

TEST(limits)
{
	struct nyx_changes_open o;
	struct nyx_changes_add a;
	struct env e;
	__u32 id;

	env_open(&e);
	test_cmd(cmd_changes_open(e.fd, 0, &o));
	id = o.out_changes_id;
	for (unsigned int i = 1; i < NYX_CHANGES_MAX; i++)
		test_cmd(cmd_changes_open(e.fd, 0, &o));
	test_err(ENOSPC, cmd_changes_open(e.fd, 0, &o));
	ASSERT_EQ(NYX_REASON_STREAMS_MAX, o.out_err_reason);
	for (unsigned int i = 0; i < NYX_CHANGES_TARGETS_MAX; i++) {
		test_cmd(cmd_device_add(e.fd, 0x1000 + i));
		test_cmd(cmd_changes_add(e.fd, &a, id, DEVICE, 0x1000 + i));
		ASSERT_EQ(i + 1, a.out_target);
	}
	test_err(ENOSPC, cmd_changes_add(e.fd, &a, id, DEVICE, e.sbdf));
	ASSERT_EQ(NYX_REASON_TARGETS_MAX, a.out_err_reason);
	test_cmd(cmd_changes_remove(e.fd, id, 7));
	test_cmd(cmd_changes_add(e.fd, &a, id, DEVICE, e.sbdf));
	ASSERT_EQ(NYX_CHANGES_TARGETS_MAX + 1, a.out_target);
}

/* ---- waits ---- */

static int do_unmap(void *arg)
{
	struct scene *c = arg;

	return cmd_unmap(c->e.fd, c->e.domain, 0, 4 * SZ_4K, NULL);
}

static int do_detach(void *arg)
{
	struct scene *c = arg;

	return cmd_device_detach(c->e.fd, c->e.sbdf);
}

static int do_replace(void *arg)
{
	struct scene *c = arg;

	return cmd_device_attach(c->e.fd, c->e.sbdf, c->other, NYX_ATTACH_F_REPLACE);
}

static int do_memory_remove(void *arg)
{
	struct scene *c = arg;

	return cmd_memory_remove(c->e.fd, 0, c->e.mem_size);
}

static int do_quarantine(void *arg)
{
	struct scene *c = arg;

	return cmd_device_control(c->e.fd, c->e.sbdf, NYX_DEVICE_DO_QUARANTINE);
}

static const struct wait_case {
	const char *name;
	int (*command)(void *c);
	__u32 state;
} wait_cases[] = {
	{ "unmap", do_unmap, NYX_CHANGE_ATTACHED },
	{ "detach", do_detach, NYX_CHANGE_DETACHED },
	{ "replace", do_replace, NYX_CHANGE_ATTACHED },
	{ "memory_remove", do_memory_remove, NYX_CHANGE_ATTACHED },
	{ "quarantine", do_quarantine, NYX_CHANGE_QUARANTINED },
};

static void wait_scene(struct scene *c, __u32 flags, __u32 timeout_ms)
{
	scene_open(c, flags, DEVICE, timeout_ms);
	test_cmd(map(c, 0, 0, 4, RW));
	stream_settle(&c->s);
	stream_count(&c->s, 1, 0, 0);
}

/* A command waits until the reader has acknowledged, not until it has read. */
TEST_EACH(waits_for_reader, wait_cases)
{
	struct caller call;
	struct scene c;

	wait_scene(&c, 0, NEVER_MS);
	caller_start(&call, v->command, &c);
	ASSERT_TRUE(caller_waits(&call));
	WAIT_FOR(stream_ready(&c.s));
	stream_read(&c.s);
	ASSERT_TRUE(caller_waits(&call));
	has(&c, 0, 0, 0, 0);
	stream_next(&c.s, c.s.seq, 16);
	test_cmd(caller_end(&call));
	ASSERT_EQ(v->state, c.s.target[0].state);
}

/* A command of an inline stream returns at once, and is over when nothing is left. */
TEST_EACH(returns_to_reader, wait_cases)
{
	struct scene c;

	wait_scene(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	test_err(EINPROGRESS, v->command(&c));
	ASSERT_TRUE(stream_ready(&c.s));
	stream_settle(&c.s);
	has(&c, 0, 0, 0, 0);
	ASSERT_EQ(v->state, c.s.target[0].state);
	/* Nothing is left of it. */
	test_cmd(cmd_map(c.e.fd, c.other, 0, 0, SZ_4K, RW));
	stream_settle(&c.s);
	test_err(v->command == do_replace ? EINPROGRESS : 0,
		 cmd_unmap(c.e.fd, c.other, 0, SZ_4K, NULL));
}

/* Nothing is left to report before what was reported is acknowledged. */
TEST(acknowledged_in_order)
{
	struct caller call;
	struct scene c;

	wait_scene(&c, 0, NEVER_MS);
	test_cmd(map(&c, 8, 8, 1, RW));
	stream_read(&c.s);
	caller_start(&call, do_unmap, &c);
	ASSERT_TRUE(caller_waits(&call));
	/* This acknowledges the map alone. */
	stream_next(&c.s, c.s.seq, 16);
	ASSERT_TRUE(caller_waits(&call));
	stream_next(&c.s, c.s.seq, 16);
	test_cmd(caller_end(&call));
}

/* A reader that was given nothing acknowledges nothing that another one has. */
TEST(two_readers)
{
	struct nyx_changes_next n;
	struct nyx_change change;
	struct scene c;

	wait_scene(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	test_err(EINPROGRESS, do_unmap(&c));
	test_cmd(cmd_changes_next(c.e.fd, &n, c.s.id, 0, &change, 1));
	ASSERT_EQ(1, n.out_nr);
	c.s.seq = n.out_seq;
	stream_apply(&c.s, &change, 1);
	/* Another thread */
	test_err(EINPROGRESS, cmd_changes_next(c.e.fd, &n, c.s.id, 0, &change, 1));
	ASSERT_EQ(0, n.out_nr);
	ASSERT_LT(n.out_seq, c.s.seq);
	test_err(EINPROGRESS, cmd_changes_next(c.e.fd, &n, c.s.id, n.out_seq, &change, 1));
	stream_settle(&c.s);
	has(&c, 0, 0, 0, 0);
}

/* A command is not finished while another stream has something to do for it. */
TEST(two_inline_streams)
{
	struct nyx_changes_next n;
	struct nyx_change change[4];
	struct stream second;
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, DEVICE, NEVER_MS);
	stream_open(&second, c.e.fd, NYX_CHANGES_F_INLINE);
	stream_add(&second, DOMAIN, c.e.domain);
	stream_settle(&second);
	test_cmd(map(&c, 0, 0, 4, RW));
	stream_next(&c.s, 0, 16);
	stream_next(&second, 0, 16);
	test_err(EINPROGRESS, cmd_changes_next(c.e.fd, &n, c.s.id, c.s.seq, change, 4));
	stream_settle(&second);
	stream_settle(&c.s);
	test_err(EINPROGRESS, do_unmap(&c));
	stream_next(&c.s, 0, 16);
	has(&c, 0, 0, 0, 0);
	test_err(EINPROGRESS, cmd_changes_next(c.e.fd, &n, c.s.id, c.s.seq, change, 4));
	ASSERT_EQ(0, n.out_nr);
	stream_settle(&second);
	stream_settle(&c.s);
}

/* The reader is told to empty all by no command, and commands wait until it has. */
TEST(stopped_by_faults_is_waited_for)
{
	struct nyx_policy_get get;
	struct caller call;
	struct scene c;

	wait_scene(&c, 0, NEVER_MS);
	test_cmd(cmd_policy_get(c.e.fd, NYX_SCOPE_DEVICE, c.e.sbdf, &get));
	get.out_policy.action = NYX_ACTION_QUARANTINE;
	get.out_policy.threshold = 1;
	get.out_policy.backoff_ms = 60000;
	get.out_policy.backoff_max_ms = 60000;
	test_cmd(cmd_policy_set(c.e.fd, NYX_SCOPE_DEVICE, c.e.sbdf, &get.out_policy));
	dma_refused(c.e.fd, c.e.sbdf, 100 * SZ_4K, NYX_PROT_READ, NYX_FAULT_NOT_PRESENT);
	stream_read(&c.s);
	ASSERT_EQ(NYX_CHANGE_QUARANTINED, c.s.target[0].state);
	/* It has read that, and perhaps not done it. */
	caller_start(&call, do_unmap, &c);
	ASSERT_TRUE(caller_waits(&call));
	stream_next(&c.s, c.s.seq, 16);
	test_cmd(caller_end(&call));
}

/* A change that a reader has no room for is one that there is to read. */
TEST(no_room)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, DEVICE, NEVER_MS);
	test_cmd(map(&c, 0, 0, 1, RW));
	test_cmd(map(&c, 4, 0, 1, RW));
	ASSERT_TRUE(stream_next(&c.s, 0, 1));
	ASSERT_TRUE(stream_ready(&c.s));
	stream_settle(&c.s);
	ASSERT_TRUE(!stream_ready(&c.s));
}

/* Room for one change at a time. */
TEST(one_by_one)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, DEVICE, NEVER_MS);
	for (unsigned int i = 0; i < 200; i++)
		test_cmd(map(&c, 2 * i, i % PAGES, 1, RW));
	while (stream_next(&c.s, c.s.seq, 1))
		;
	stream_count(&c.s, 200, 0, 0);
	for (unsigned int i = 0; i < 200; i += 2)
		test_err(EINPROGRESS, cmd_unmap(c.e.fd, c.e.domain, 2 * i * SZ_4K, SZ_4K, NULL));
	while (stream_next(&c.s, c.s.seq, 1))
		;
	stream_count(&c.s, 0, 100, 0);
	test_err(EINPROGRESS, cmd_unmap_all(c.e.fd, c.e.domain, NULL));
	while (stream_next(&c.s, c.s.seq, 1))
		;
	stream_count(&c.s, 0, 1, 0);
}

/* ---- a reader that does not read ---- */

TEST_EACH(late_reader, wait_cases)
{
	struct nyx_event event;
	struct scene c;
	int ev;

	wait_scene(&c, 0, SOON_MS);
	test_cmd(cmd_events_open(c.e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	test_err(ETIMEDOUT, v->command(&c));
	event_wait(ev, NYX_EVENT_DEVICE_STATE, &event);
	if (v->command != do_quarantine)
		ASSERT_EQ(NYX_STATE_BY_CHANGES, event.state.cause);
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, device_state(c.e.fd, c.e.sbdf));
	stream_settle(&c.s);
	stream_count(&c.s, 0, 1, 1);
	ASSERT_EQ(NYX_CHANGE_LATE, c.s.target[0].state);
	/* It can recover. */
	test_cmd(cmd_device_control(c.e.fd, c.e.sbdf, NYX_DEVICE_DO_RESET));
	stream_settle(&c.s);
	ASSERT_EQ(v->command == do_detach ? NYX_CHANGE_DETACHED : NYX_CHANGE_ATTACHED,
		  c.s.target[0].state);
	if (v->command == do_quarantine)
		has(&c, 0, 4, 0, RW);
	else
		has(&c, 0, 0, 0, 0);
}

/* All commands that wait for a reader learn that it was cut off. */
TEST(two_wait_for_late_reader)
{
	struct caller call[2];
	struct scene c;

	wait_scene(&c, 0, 3000);
	caller_start(&call[0], do_unmap, &c);
	ASSERT_TRUE(caller_waits(&call[0]));
	caller_start(&call[1], do_memory_remove, &c);
	ASSERT_TRUE(caller_waits(&call[1]));
	test_err(ETIMEDOUT, caller_end(&call[0]));
	test_err(ETIMEDOUT, caller_end(&call[1]));
}

/* One reader is cut off, then another one has to act: the command is told in the end. */
TEST(late_and_put_off)
{
	struct nyx_changes_next n;
	struct nyx_change change[4];
	struct stream second;
	struct scene c;

	wait_scene(&c, 0, SOON_MS);
	stream_open(&second, c.e.fd, NYX_CHANGES_F_INLINE);
	stream_add(&second, DOMAIN, c.e.domain);
	stream_settle(&second);
	test_err(EINPROGRESS, do_unmap(&c));
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, device_state(c.e.fd, c.e.sbdf));
	test_cmd(cmd_changes_next(c.e.fd, &n, second.id, 0, change, 4));
	ASSERT_EQ(1, n.out_nr);
	stream_settle(&c.s);
	test_err(ETIMEDOUT, cmd_changes_next(c.e.fd, &n, second.id, n.out_seq, change, 4));
	test_cmd(cmd_changes_next(c.e.fd, &n, second.id, 0, change, 4));
}

/* A reader that no command waits for may take its time. */
TEST(nobody_waits)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, DEVICE, SOON_MS);
	test_cmd(map(&c, 0, 0, 4, RW));
	pause_ms(3 * SOON_MS);
	test_err(EINPROGRESS, do_unmap(&c));
	stream_settle(&c.s);
	ASSERT_EQ(NYX_DEVICE_ACTIVE, device_state(c.e.fd, c.e.sbdf));
	/* A device that is stopped and released by another program */
	test_cmd(cmd_device_add(c.e.fd, SECOND));
	cmd_device_control(c.e.fd, SECOND, NYX_DEVICE_DO_QUARANTINE);
	pause_ms(3 * SOON_MS);
	test_cmd(map(&c, 0, 0, 4, RW));
	stream_settle(&c.s);
	test_err(EINPROGRESS, do_unmap(&c));
	stream_settle(&c.s);
	ASSERT_EQ(NYX_DEVICE_ACTIVE, device_state(c.e.fd, c.e.sbdf));
}

/* The target of a domain goes on when its reader has learned of it. */
TEST(late_for_domain)
{
	struct scene c;

	scene_open(&c, 0, DOMAIN, SOON_MS);
	test_cmd(map(&c, 0, 0, 4, RW));
	test_cmd(map(&c, 8, 0, 4, RW));
	stream_settle(&c.s);
	stream_count(&c.s, 2, 0, 0);
	test_err(ETIMEDOUT, do_unmap(&c));
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, device_state(c.e.fd, c.e.sbdf));
	stream_settle(&c.s);
	stream_count(&c.s, 1, 1, 2);
	has(&c, 8, 4, 0, RW);
}

/* An inline stream, whose reader goes on with other commands. */
TEST(late_inline_reader)
{
	struct nyx_changes_next n;
	struct nyx_change change;
	struct scene c;
	int ret;

	wait_scene(&c, NYX_CHANGES_F_INLINE, SOON_MS);
	test_cmd(map(&c, 8, 8, 1, RW));
	do {
		pause_ms(1);
		ret = cmd_unmap(c.e.fd, c.e.domain, 0, 4 * SZ_4K, NULL);
	} while (ret == -EINPROGRESS || ret == -ENOENT);
	test_err(ETIMEDOUT, ret);
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, device_state(c.e.fd, c.e.sbdf));
	ASSERT_TRUE(stream_next(&c.s, 0, 16));
	/* The commands before that had to come back. */
	test_err(ETIMEDOUT, cmd_changes_next(c.e.fd, &n, c.s.id, c.s.seq, &change, 1));
	stream_settle(&c.s);
	ASSERT_EQ(NYX_CHANGE_LATE, c.s.target[0].state);
}

/* Only the device of the target that is behind is stopped. */
TEST(late_for_one)
{
	struct scene c;
	struct stream second;

	wait_scene(&c, 0, SOON_MS);
	test_cmd(cmd_device_add(c.e.fd, SECOND));
	test_cmd(cmd_device_attach(c.e.fd, SECOND, c.other, 0));
	stream_open(&second, c.e.fd, 0);
	stream_add(&second, DEVICE, SECOND);
	stream_settle(&second);
	test_err(ETIMEDOUT, do_unmap(&c));
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, device_state(c.e.fd, c.e.sbdf));
	ASSERT_EQ(NYX_DEVICE_ACTIVE, device_state(c.e.fd, SECOND));
	stream_settle(&second);
	stream_count(&second, 0, 0, 1);
}

/* ---- ends ---- */

TEST(followed)
{
	struct nyx_domain_destroy d = { .size = sizeof(d) };
	struct nyx_device_remove r = { .size = sizeof(r) };
	struct scene c;
	__u32 t;

	scene_open(&c, 0, DEVICE, NEVER_MS);
	t = stream_add(&c.s, DOMAIN, c.other);
	stream_settle(&c.s);
	d.domain_id = c.other;
	test_err(EBUSY, nyx_cmd(c.e.fd, NYX_DOMAIN_DESTROY, &d));
	ASSERT_EQ(NYX_REASON_FOLLOWED, d.out_err_reason);
	r.sbdf = c.e.sbdf;
	test_err(EBUSY, nyx_cmd(c.e.fd, NYX_DEVICE_REMOVE, &r));
	ASSERT_EQ(NYX_REASON_FOLLOWED, r.out_err_reason);
	test_cmd(cmd_changes_remove(c.e.fd, c.s.id, t));
	test_err(ENOENT, cmd_changes_remove(c.e.fd, c.s.id, t));
	test_cmd(cmd_domain_destroy(c.e.fd, c.other));
	/* The end of the stream is the end of its targets. */
	close(c.s.fd);
	test_cmd(cmd_device_remove(c.e.fd, c.e.sbdf));
}

static const struct end_case {
	const char *name;
	bool close;
} end_cases[] = {
	{ "close", true },
	{ "remove", false },
};

TEST_EACH(end_ends_waits, end_cases)
{
	struct caller call;
	struct scene c;

	wait_scene(&c, 0, NEVER_MS);
	caller_start(&call, do_unmap, &c);
	ASSERT_TRUE(caller_waits(&call));
	if (v->close)
		close(c.s.fd);
	else
		test_cmd(cmd_changes_remove(c.e.fd, c.s.id, c.t));
	test_cmd(caller_end(&call));
}

TEST(killed_caller)
{
	struct scene c;
	pid_t pid;

	wait_scene(&c, 0, NEVER_MS);
	pid = caller_fork(do_unmap, &c);
	WAIT_FOR(stream_ready(&c.s));
	caller_kill(pid);
	/* The same command waits for what is left. */
	stream_settle(&c.s);
	test_err(ENOENT, do_unmap(&c));
	has(&c, 0, 0, 0, 0);
}

TEST(unit_ends)
{
	struct nyx_changes_next n;
	struct nyx_change change;
	struct scene c;

	wait_scene(&c, 0, NEVER_MS);
	test_cmd(cmd_unit_destroy(c.e.fd));
	test_err(ENODEV, cmd_changes_next(c.e.fd, &n, c.s.id, 0, &change, 1));
	ASSERT_TRUE(stream_ready(&c.s));
	close(c.s.fd);
}

/* ---- bad input ---- */

TEST(bad_input)
{
	struct nyx_changes_add a = { .size = sizeof(a), .pasid = NYX_PASID_NONE };
	struct nyx_changes_next n;
	struct nyx_change change[4];
	struct scene c;

	scene_open(&c, 0, DEVICE, NEVER_MS);
	test_err(EOPNOTSUPP, cmd_changes_open(c.e.fd, 2, &(struct nyx_changes_open){}));
	test_err(ENOENT, cmd_changes_add(c.e.fd, &a, c.s.id + 1, DEVICE, SECOND));
	ASSERT_EQ(NYX_REASON_NO_SUCH_STREAM, a.out_err_reason);
	test_err(ENOENT, cmd_changes_add(c.e.fd, &a, c.s.id, DEVICE, SECOND));
	ASSERT_EQ(NYX_REASON_NO_SUCH_DEVICE, a.out_err_reason);
	test_err(ENOENT, cmd_changes_add(c.e.fd, &a, c.s.id, DOMAIN, 0xffff));
	ASSERT_EQ(NYX_REASON_NO_SUCH_DOMAIN, a.out_err_reason);
	test_err(EEXIST, cmd_changes_add(c.e.fd, &a, c.s.id, DEVICE, c.e.sbdf));
	ASSERT_EQ(NYX_REASON_TARGET_EXISTS, a.out_err_reason);
	test_err(EOPNOTSUPP, cmd_changes_add(c.e.fd, &a, c.s.id, 2, c.e.sbdf));
	a = (struct nyx_changes_add){ .size = sizeof(a), .changes_id = c.s.id, .kind = DOMAIN,
				      .id = c.other };
	test_err(EOPNOTSUPP, nyx_cmd(c.e.fd, NYX_CHANGES_ADD, &a));
	ASSERT_EQ(offsetof(struct nyx_changes_add, pasid), a.out_err_field);
	a.pasid = NYX_PASID_NONE;
	a.max_maps = NYX_CHANGES_MAPS_MAX + 1;
	test_err(EINVAL, nyx_cmd(c.e.fd, NYX_CHANGES_ADD, &a));
	ASSERT_EQ(offsetof(struct nyx_changes_add, max_maps), a.out_err_field);

	test_err(EINVAL, cmd_changes_next(c.e.fd, &n, c.s.id, 0, change, 0));
	test_err(EINVAL, cmd_changes_next(c.e.fd, &n, c.s.id, 0, change, NYX_ARRAY_MAX + 1));
	test_err(ENOENT, cmd_changes_next(c.e.fd, &n, 0, 0, change, 1));
	test_err(EINVAL, cmd_changes_next(c.e.fd, &n, c.s.id, c.s.seq + 1, change, 1));
	ASSERT_EQ(offsetof(struct nyx_changes_next, ack), n.out_err_field);
	/* A change that cannot be written is reported again. */
	test_cmd(map(&c, 0, 0, 1, RW));
	test_cmd(map(&c, 2, 0, 1, RW));
	test_err(EFAULT, cmd_changes_next(c.e.fd, &n, c.s.id, 0, NULL, 4));
	ASSERT_EQ(0, n.out_nr);
	stream_settle(&c.s);
	stream_count(&c.s, 2, 0, 0);
}

/* A reader whose memory ends after the first change. */
TEST(fault_half_way)
{
	unsigned char *page = mmap(NULL, 2 * SZ_4K, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct nyx_change *change = (void *)(page + SZ_4K - sizeof(*change));
	struct nyx_changes_next n;
	struct scene c;

	ASSERT_TRUE(page != MAP_FAILED);
	ASSERT_EQ(0, munmap(page + SZ_4K, SZ_4K));
	scene_open(&c, 0, DEVICE, NEVER_MS);
	test_cmd(map(&c, 0, 0, 1, RW));
	test_cmd(map(&c, 2, 0, 1, RW));
	test_cmd(cmd_changes_next(c.e.fd, &n, c.s.id, 0, change, 4));
	ASSERT_EQ(1, n.out_nr);
	ASSERT_EQ(1, n.out_more);
	ASSERT_EQ(c.s.seq + 1, n.out_seq);
	c.s.seq = n.out_seq;
	stream_apply(&c.s, change, 1);
	test_err(EFAULT, cmd_changes_next(c.e.fd, &n, c.s.id, 0, change + 1, 4));
	ASSERT_EQ(0, n.out_nr);
	stream_settle(&c.s);
	stream_count(&c.s, 2, 0, 0);
}

static int do_close(void *arg)
{
	struct scene *c = arg;

	return close(c->s.fd);
}

/**
 * struct held_read - a read of changes to memory that is not there yet
 * @c: the scene
 * @to: the memory
 */
struct held_read {
	struct scene *c;
	struct nyx_change *to;
};

static int do_read(void *arg)
{
	struct held_read *r = arg;
	struct nyx_changes_next n;

	return cmd_changes_next(r->c->e.fd, &n, r->c->s.id, 0, r->to, 1);
}

/* The end of a stream does not wait for a reader that waits for user space. */
TEST(end_while_read_is_held)
{
	struct caller reader, closer;
	struct held_read r;
	struct stall stall;
	struct scene c;

	scene_open(&c, 0, DEVICE, NEVER_MS);
	test_cmd(map(&c, 0, 0, 1, RW));
	r.c = &c;
	r.to = map_aligned(SZ_4K, SZ_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	stall_arm(&stall, r.to, SZ_4K);
	caller_start(&reader, do_read, &r);
	stall_wait(&stall);
	caller_start(&closer, do_close, &c);
	test_cmd(caller_end(&closer));
	test_cmd(cmd_device_remove(c.e.fd, c.e.sbdf));
	stall_release(&stall, 0);
	caller_end(&reader);
}

/* Changes of a target that is removed before they were read are not given. */
TEST(removed_with_changes)
{
	struct scene c;
	__u32 t;

	scene_open(&c, 0, DEVICE, NEVER_MS);
	t = stream_add(&c.s, DOMAIN, c.other);
	test_cmd(cmd_map(c.e.fd, c.other, 0, 0, SZ_4K, RW));
	test_cmd(map(&c, 0, 0, 1, RW));
	stream_next(&c.s, 0, 1);
	test_cmd(cmd_changes_remove(c.e.fd, c.s.id, t));
	stream_settle(&c.s);
	has(&c, 0, 1, 0, RW);
	ASSERT_EQ(0, c.s.target[t - 1].nr);
}

/* ---- random ---- */

#define SPAN	64u	/* pages in which it maps */

TEST(random_changes)
{
	unsigned long n = ktap_iterations(3000);
	struct rng r = rng_start(14);
	struct scene c;
	__u64 first, nr;
	int ret;

	scene_open(&c, NYX_CHANGES_F_INLINE, DEVICE, NEVER_MS);
	while (n--) {
		first = rng_below(&r, SPAN);
		nr = 1 + rng_below(&r, SPAN - first > 8 ? 8 : SPAN - first);
		ret = rng_below(&r, 2) ?
			map(&c, first, rng_below(&r, PAGES - nr), nr, 1 + 2 * rng_below(&r, 2)) :
			cmd_unmap(c.e.fd, c.e.domain, first * SZ_4K, nr * SZ_4K, NULL);
		ASSERT_TRUE(!ret || ret == -EEXIST || ret == -ENOENT || ret == -EINPROGRESS);
		switch (rng_below(&r, 8)) {
		case 0:
			stream_next(&c.s, c.s.seq, 1 + rng_below(&r, 4));
			break;
		case 1:
			stream_settle(&c.s);
			stream_compare(&c.s, c.t, c.e.sbdf, SPAN);
			break;
		default:
			break;
		}
	}
}
