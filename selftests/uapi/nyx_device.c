// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: devices: add, remove, attach, detach, replace, many of them.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "nyx_env.h"

#include <stdlib.h>

/* Every 32-bit number is a device. */
TEST(any_sbdf)
{
	static const __u32 sbdfs[] = {
		0, 1, 0xff, 0x100, 0xffff, 0x10000, 0x12345678, 0x7fffffff, 0x80000000,
		0xfffffffe, 0xffffffff,
	};
	struct nyx_device_info *all;
	struct env e;
	size_t nr;

	env_open(&e, .no_domain = true);
	for (size_t i = 0; i < ARRAY_SIZE(sbdfs); i++) {
		ktap_note("0x%x", sbdfs[i]);
		test_err(ENOENT, cmd_device_remove(e.fd, sbdfs[i]));
		test_cmd(cmd_device_add(e.fd, sbdfs[i]));
		test_err(EEXIST, cmd_device_add(e.fd, sbdfs[i]));
	}
	all = list_all(e.fd, NYX_LIST_DEVICES, 0, sizeof(*all), &nr);
	ASSERT_EQ(ARRAY_SIZE(sbdfs), nr);
	for (size_t i = 0; i < nr; i++) {
		ASSERT_EQ(sbdfs[i], all[i].sbdf);
		ASSERT_EQ(0, all[i].flags);
		ASSERT_EQ(0, all[i].domain_id);
		ASSERT_EQ(NYX_DEVICE_ACTIVE, all[i].state);
		ASSERT_EQ(0, all[i].fault_events);
		ASSERT_EQ(0, all[i].last_fault_ns);
		ASSERT_EQ(0, all[i].score);
		ASSERT_EQ(0, all[i].tries);
		ASSERT_EQ(0, all[i].next_ns);
		ASSERT_EQ(0, all[i].quarantined_accesses);
	}
	free(all);
	for (size_t i = 0; i < ARRAY_SIZE(sbdfs); i++)
		test_cmd(cmd_device_remove(e.fd, sbdfs[i]));
	test_err(ENOENT, cmd_device_remove(e.fd, sbdfs[0]));
}

TEST(attach_detach)
{
	struct nyx_device_info info;
	struct nyx_domain_info dom;
	struct env e;

	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	for (int i = 0; i < 20; i++) {
		device_info(e.fd, e.sbdf, &info);
		ASSERT_EQ(e.domain, info.domain_id);
		domain_info(e.fd, e.domain, &dom);
		ASSERT_EQ(1, dom.nr_devices);
		dma_write(e.fd, e.sbdf, 0, "x", 1);
		test_cmd(cmd_device_detach(e.fd, e.sbdf));
		device_info(e.fd, e.sbdf, &info);
		ASSERT_EQ(0, info.domain_id);
		ASSERT_EQ(2 * i, info.fault_events);
		domain_info(e.fd, e.domain, &dom);
		ASSERT_EQ(0, dom.nr_devices);
		ASSERT_EQ(SZ_64K, dom.mapped_bytes);
		dma_refused(e.fd, e.sbdf, 0, NYX_PROT_READ, NYX_FAULT_NO_DOMAIN);
		dma_refused(e.fd, e.sbdf, 0, NYX_PROT_WRITE, NYX_FAULT_NO_DOMAIN);
		test_err(ENOENT, cmd_device_detach(e.fd, e.sbdf));
		test_cmd(cmd_device_attach(e.fd, e.sbdf, e.domain, 0));
	}
}

/* The same IOVA leads elsewhere in each domain, whatever the cache holds. */
TEST(replace)
{
	static const __u32 kinds[] = {
		NYX_DOMAIN_PAGING, NYX_DOMAIN_PAGING, NYX_DOMAIN_IDENTITY, NYX_DOMAIN_BLOCKED,
	};
	__u32 dom[ARRAY_SIZE(kinds)];
	struct nyx_device_info info;
	struct env e;
	__u8 byte;

	env_open(&e);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		test_cmd(cmd_domain_kind(e.fd, kinds[i], 0, &dom[i]));
	for (unsigned int i = 0; i < 16; i++)
		e.mem[i * SZ_4K] = i;
	test_cmd(cmd_map(e.fd, dom[0], 5 * SZ_4K, 1 * SZ_4K, SZ_4K, RW));
	test_cmd(cmd_map(e.fd, dom[1], 5 * SZ_4K, 2 * SZ_4K, SZ_4K, RW));
	for (unsigned int i = 0; i < 60; i++) {
		unsigned int to = i * 7 % ARRAY_SIZE(kinds);
		static const __u8 expect[] = { 1, 2, 5, 0 };

		ktap_note("step %u to %u", i, to);
		test_err(EBUSY, cmd_device_attach(e.fd, e.sbdf, dom[to], 0));
		test_cmd(cmd_device_attach(e.fd, e.sbdf, dom[to], NYX_ATTACH_F_REPLACE));
		device_info(e.fd, e.sbdf, &info);
		ASSERT_EQ(dom[to], info.domain_id);
		if (kinds[to] == NYX_DOMAIN_BLOCKED) {
			dma_refused(e.fd, e.sbdf, 5 * SZ_4K, NYX_PROT_READ, NYX_FAULT_BLOCKED);
		} else {
			dma_read(e.fd, e.sbdf, 5 * SZ_4K, &byte, 1);
			ASSERT_EQ(expect[to], byte);
		}
	}
	/* Replacing nothing is attaching. */
	test_cmd(cmd_device_detach(e.fd, e.sbdf));
	test_cmd(cmd_device_attach(e.fd, e.sbdf, dom[1], NYX_ATTACH_F_REPLACE));
	dma_read(e.fd, e.sbdf, 5 * SZ_4K, &byte, 1);
	ASSERT_EQ(2, byte);
}

/* A device that comes back is a new one: no domain, no counts. */
TEST(remove_attached)
{
	struct nyx_device_info info;
	struct nyx_domain_info dom;
	__u64 values[NYX_STAT_MAX], faults;
	struct nyx_dma c;
	struct env e;

	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	dma_write(e.fd, e.sbdf, 0, "x", 1);
	dma_refused(e.fd, e.sbdf, SZ_1G, NYX_PROT_READ, NYX_FAULT_TABLE_NOT_PRESENT);
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(1, info.fault_events);
	ASSERT_NE(0, info.last_fault_ns);
	faults = unit_stat(e.fd, NYX_STAT_FAULTS);
	test_cmd(cmd_device_remove(e.fd, e.sbdf));
	domain_info(e.fd, e.domain, &dom);
	ASSERT_EQ(0, dom.nr_devices);
	test_err(ENOENT, cmd_dma_read(e.fd, &c, e.sbdf, 0, &info, 1));
	ASSERT_EQ(faults, unit_stat(e.fd, NYX_STAT_FAULTS));
	test_cmd(cmd_device_add(e.fd, e.sbdf));
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(0, info.domain_id);
	ASSERT_EQ(0, info.fault_events);
	ASSERT_EQ(0, info.last_fault_ns);
	test_cmd(cmd_stats(e.fd, NYX_SCOPE_DEVICE, e.sbdf, values));
	ASSERT_FILLED(values, 0, sizeof(values));
	/* The strict domain is free for it, or for another. */
	test_cmd(cmd_device_add(e.fd, 99));
	test_cmd(cmd_device_attach(e.fd, 99, e.domain, 0));
}

/* 10,000 devices in 100 shared domains. */
TEST(many_devices)
{
	enum { DEVICES = 10000, DOMAINS = 100 };
	struct nyx_device_info *all;
	struct nyx_domain_info dom;
	struct nyx_unit_info unit;
	struct rng r = rng_start(1);
	__u32 id[DOMAINS], word;
	struct env e;
	size_t nr;

	env_open(&e, .no_domain = true);
	for (unsigned int i = 0; i < DOMAINS; i++) {
		test_cmd(cmd_domain_paging(e.fd, NYX_DOMAIN_F_SHARED, &id[i]));
		test_cmd(cmd_map(e.fd, id[i], 0, i * SZ_4K, SZ_4K, RW));
	}
	/* Spread over segments and buses. */
	for (__u32 i = 0; i < DEVICES; i++) {
		__u32 sbdf = i * 2654435761u;

		test_cmd(cmd_device_add(e.fd, sbdf));
		test_cmd(cmd_device_attach(e.fd, sbdf, id[i % DOMAINS], 0));
	}
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(DEVICES, unit.nr_devices);
	domain_info(e.fd, id[42], &dom);
	ASSERT_EQ(DEVICES / DOMAINS, dom.nr_devices);
	all = list_all(e.fd, NYX_LIST_DEVICES, 0, sizeof(*all), &nr);
	ASSERT_EQ(DEVICES, nr);
	for (size_t i = 1; i < nr; i++)
		ASSERT_LT(all[i - 1].sbdf, all[i].sbdf);
	free(all);
	for (int i = 0; i < 3000; i++) {
		__u32 n = rng_below(&r, DEVICES);

		dma_write(e.fd, n * 2654435761u, 16, &n, sizeof(n));
		memcpy(&word, e.mem + n % DOMAINS * SZ_4K + 16, sizeof(word));
		ASSERT_EQ(n, word);
	}
	for (__u32 i = 0; i < DEVICES; i++)
		test_cmd(cmd_device_remove(e.fd, i * 2654435761u));
	test_cmd(cmd_unit_info(e.fd, &unit));
	ASSERT_EQ(0, unit.nr_devices);
	for (unsigned int i = 0; i < DOMAINS; i++)
		test_cmd(cmd_domain_destroy(e.fd, id[i]));
}

struct attach_race {
	struct env e;
	__u32 dom[2];
	bool stop;
	unsigned long ok, refused;
};

static void *attach_dma(void *arg)
{
	struct attach_race *r = arg;
	struct nyx_dma c;
	__u64 word;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		test_cmd(cmd_dma_read(r->e.fd, &c, r->e.sbdf, 0, &word, sizeof(word)));
		/* By replacing there is no moment without a domain. */
		ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
		ASSERT_EQ(8, c.out_done);
		ASSERT_TRUE(word == 1 || word == 2);
		__atomic_add_fetch(&r->ok, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST(replace_under_dma)
{
	const __u64 one = 1, two = 2;
	struct attach_race r = { .stop = false };
	pthread_t t[2];

	env_open(&r.e);
	memcpy(r.e.mem, &one, 8);
	memcpy(r.e.mem + SZ_4K, &two, 8);
	for (int i = 0; i < 2; i++) {
		test_cmd(cmd_domain_paging(r.e.fd, 0, &r.dom[i]));
		test_cmd(cmd_map(r.e.fd, r.dom[i], 0, i * SZ_4K, SZ_4K, RW));
	}
	test_cmd(cmd_device_attach(r.e.fd, r.e.sbdf, r.dom[0], NYX_ATTACH_F_REPLACE));
	for (int i = 0; i < 2; i++)
		t[i] = thread_start(attach_dma, &r);
	for (unsigned long i = 0; i < ktap_iterations(2000); i++) {
		test_cmd(cmd_device_attach(r.e.fd, r.e.sbdf, r.dom[i % 2], NYX_ATTACH_F_REPLACE));
		if (i % 64 == 0)
			sched_yield();
	}
	r.stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ktap_print("%lu reads", r.ok);
}

static void *remove_dma(void *arg)
{
	struct attach_race *r = arg;
	struct nyx_dma c;
	__u64 word = 1;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		int ret = cmd_dma_write(r->e.fd, &c, r->e.sbdf, 0, &word, sizeof(word));

		ASSERT_TRUE(!ret || ret == -ENOENT);
		if (!ret && c.out_fault.reason)
			ASSERT_EQ(NYX_FAULT_NO_DOMAIN, c.out_fault.reason);
		__atomic_add_fetch(ret || c.out_fault.reason ? &r->refused : &r->ok, 1,
				   __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Hot removal and return while the device is at work. */
TEST(remove_under_dma)
{
	struct attach_race r = { .stop = false };
	pthread_t t[2];

	env_open(&r.e);
	test_cmd(cmd_map(r.e.fd, r.e.domain, 0, 0, SZ_4K, RW));
	for (int i = 0; i < 2; i++)
		t[i] = thread_start(remove_dma, &r);
	for (unsigned long i = 0; i < ktap_iterations(1000); i++) {
		if (i % 3)
			test_cmd(cmd_device_remove(r.e.fd, r.e.sbdf));
		else
			test_cmd(cmd_device_detach(r.e.fd, r.e.sbdf));
		if (i % 64 == 0)
			sched_yield();
		if (i % 3)
			test_cmd(cmd_device_add(r.e.fd, r.e.sbdf));
		test_cmd(cmd_device_attach(r.e.fd, r.e.sbdf, r.e.domain, 0));
		if (i % 16 == 0)
			sched_yield();
	}
	r.stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ktap_print("%lu accesses, %lu refused", r.ok, r.refused);
}
