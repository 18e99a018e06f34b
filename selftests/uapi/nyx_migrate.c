// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a unit is saved to a stream, and another one loaded from it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A copy answers as the original does; a stream that is not whole, or not right, leaves an
 * empty unit and says which section is to blame, and the original runs on.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "changes.h"
#include "nyx_env.h"
#include "saved.h"

#define MEM		(4 * SZ_1M)
#define D_STRICT	11u	/* domains */
#define D_SMALL		12u
#define D_IDENTITY	13u
#define D_BLOCKED	14u
#define D_AMD		300u
#define DEV(n)		NYX_SBDF(0, 4, n, 0)
#define NR_DEVS		5u
#define IRTES		1024u

/* Numbers of fields in a stream. */
#define FIELD_MODEL	1u
#define FIELD_DATA	4u

/* A unit with memory, and nothing else. */
static int unit_new(void *mem)
{
	struct nyx_unit_create u = { .iotlb_entries = NYX_DEFAULT, .irt_entries = IRTES };
	int fd = nyx_open();

	test_cmd(cmd_unit_create(fd, &u));
	test_cmd(cmd_memory_add(fd, 0, 0, MEM, mem));
	test_cmd(cmd_memory_add(fd, NYX_MEMORY_F_READONLY, SZ_1G, SZ_64K, mem));
	return fd;
}

static void *memory_new(void)
{
	void *mem = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_TRUE(mem != MAP_FAILED);
	return mem;
}

static void world_domain(int fd, __u32 id, __u32 kind, __u32 format, __u32 flags,
			 __u64 page_sizes)
{
	struct nyx_domain_create c = {
		.flags = flags, .kind = kind, .format = format, .domain_id = id,
		.page_sizes = page_sizes,
	};
	char name[NYX_NAME_LEN];

	snprintf(name, sizeof(name), "dom/%u", id);
	nyx_set_name(c.name, name);
	test_cmd(cmd_domain_create(fd, &c));
}

static void world_maps(int fd, __u32 dom)
{
	test_cmd(cmd_map(fd, dom, 0, 0, SZ_4K, RW));
	test_cmd(cmd_map(fd, dom, SZ_4K, SZ_64K, SZ_4K, NYX_PROT_READ));
	test_cmd(cmd_map(fd, dom, SZ_64K, SZ_64K, 3 * SZ_4K, NYX_PROT_WRITE));
	test_cmd(cmd_map(fd, dom, 4 * SZ_1M, SZ_1M, 2 * SZ_1M, RW));
	test_cmd(cmd_map(fd, dom, SZ_1G, SZ_1G, SZ_1G, NYX_PROT_READ));
	test_cmd(cmd_map(fd, dom, 3 * SZ_1G + SZ_4K, SZ_1M, SZ_64K, RW));
}

/* All that a native unit can have. */
static void world_fill(int fd)
{
	const struct nyx_limits limits = { .bytes_per_s = 1 << 30, .irqs_per_s = 5000,
					   .burst_ms = 7 };
	struct nyx_policy_get policy;

	test_cmd(cmd_policy_get(fd, NYX_SCOPE_UNIT, 0, &policy));
	policy.out_policy.threshold = 77;
	policy.out_policy.weight[2] = 3;
	test_cmd(cmd_policy_set(fd, NYX_SCOPE_UNIT, 0, &policy.out_policy));

	world_domain(fd, D_STRICT, NYX_DOMAIN_PAGING, NYX_FORMAT_VTDSS, 0, 0);
	world_domain(fd, D_SMALL, NYX_DOMAIN_PAGING, NYX_FORMAT_X86,
		     NYX_DOMAIN_F_SHARED | NYX_DOMAIN_F_BATCHED, SZ_4K);
	world_domain(fd, D_IDENTITY, NYX_DOMAIN_IDENTITY, 0, NYX_DOMAIN_F_SHARED, 0);
	world_domain(fd, D_BLOCKED, NYX_DOMAIN_BLOCKED, 0, NYX_DOMAIN_F_SHARED, 0);
	world_domain(fd, D_AMD, NYX_DOMAIN_PAGING, NYX_FORMAT_AMDV1, NYX_DOMAIN_F_SHARED, 0);
	world_maps(fd, D_STRICT);
	world_maps(fd, D_SMALL);
	world_maps(fd, D_AMD);
	test_cmd(cmd_limit_set(fd, NYX_SCOPE_DOMAIN, D_SMALL, &limits));

	for (__u32 n = 0; n < NR_DEVS; n++)
		test_cmd(cmd_device_add(fd, DEV(n)));
	test_cmd(cmd_device_attach(fd, DEV(0), D_STRICT, 0));
	test_cmd(cmd_device_attach(fd, DEV(1), D_SMALL, 0));
	test_cmd(cmd_device_attach(fd, DEV(2), D_AMD, 0));
	test_cmd(cmd_device_attach(fd, DEV(3), D_IDENTITY, 0));
	policy.out_policy.max_tries = 9;
	policy.out_policy.flags |= NYX_POLICY_F_DOMAIN;
	test_cmd(cmd_policy_set(fd, NYX_SCOPE_DEVICE, DEV(2), &policy.out_policy));
	test_cmd(cmd_limit_set(fd, NYX_SCOPE_DEVICE, DEV(0), &limits));
	test_cmd(cmd_device_control(fd, DEV(2), NYX_DEVICE_DO_QUARANTINE));
	test_cmd(cmd_device_control(fd, DEV(4), NYX_DEVICE_DO_DISABLE));

	test_cmd(cmd_irq_setup(fd, NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_COMPAT));
	test_cmd(cmd_irte_set(fd, &(struct nyx_irte_set){
		.index = 3, .dest = 5, .vector = 0x41, .source_check = NYX_SOURCE_RID,
		.source = DEV(1), .flags = NYX_IRTE_F_FPD | NYX_IRTE_F_LOGICAL }));
	test_cmd(cmd_irte_set(fd, &(struct nyx_irte_set){
		.index = IRTES - 1, .vector = 0x51, .flags = NYX_IRTE_F_POSTED,
		.posted = SZ_64K }));
}

/* ---- comparison --------------------------------------------------------- */

static void compare_lists(int a, int b, __u32 type, __u32 domain, size_t size)
{
	size_t n, m;
	void *one = list_all(a, type, domain, size, &n);
	void *two = list_all(b, type, domain, size, &m);

	ASSERT_EQ(n, m);
	ASSERT_SAME(one, two, n * size);
	free(one);
	free(two);
}

static void compare_limits(int a, int b, __u32 scope, __u32 id)
{
	struct nyx_limits one, two;

	test_cmd(cmd_limit_get(a, scope, id, &one));
	test_cmd(cmd_limit_get(b, scope, id, &two));
	ASSERT_SAME(&one, &two, sizeof(one));
}

static void compare_policies(int a, int b, __u32 scope, __u32 id)
{
	struct nyx_policy_get one, two;

	test_cmd(cmd_policy_get(a, scope, id, &one));
	test_cmd(cmd_policy_get(b, scope, id, &two));
	ASSERT_SAME(&one, &two, sizeof(one));
}

static void compare_domains(int a, int b)
{
	struct nyx_domain_info *one, *two;
	size_t n, m;

	one = list_all(a, NYX_LIST_DOMAINS, 0, sizeof(*one), &n);
	two = list_all(b, NYX_LIST_DOMAINS, 0, sizeof(*two), &m);
	ASSERT_EQ(n, m);
	for (size_t i = 0; i < n; i++) {
		one[i].fault_events = two[i].fault_events;
		compare_limits(a, b, NYX_SCOPE_DOMAIN, one[i].domain_id);
		if (one[i].kind == NYX_DOMAIN_PAGING)
			compare_lists(a, b, NYX_LIST_MAPPINGS, one[i].domain_id,
				      sizeof(struct nyx_mapping_info));
	}
	ASSERT_SAME(one, two, n * sizeof(*one));
	free(one);
	free(two);
}

static void compare_devices(int a, int b)
{
	struct nyx_device_info *one, *two;
	size_t n, m;

	one = list_all(a, NYX_LIST_DEVICES, 0, sizeof(*one), &n);
	two = list_all(b, NYX_LIST_DEVICES, 0, sizeof(*two), &m);
	ASSERT_EQ(n, m);
	for (size_t i = 0; i < n; i++) {
		one[i].fault_events = two[i].fault_events;
		one[i].last_fault_ns = two[i].last_fault_ns;
		one[i].quarantined_accesses = two[i].quarantined_accesses;
		compare_limits(a, b, NYX_SCOPE_DEVICE, one[i].sbdf);
		compare_policies(a, b, NYX_SCOPE_DEVICE, one[i].sbdf);
		/* The copy was made a moment later. */
		ASSERT_EQ(!one[i].next_ns, !two[i].next_ns);
		ASSERT_LE(one[i].next_ns, two[i].next_ns);
		ASSERT_LE(two[i].next_ns, one[i].next_ns + PATIENCE_NS);
		one[i].next_ns = two[i].next_ns;
	}
	ASSERT_SAME(one, two, n * sizeof(*one));
	free(one);
	free(two);
}

static void compare_translations(int a, int b, __u32 sbdf, __u64 iova)
{
	struct nyx_translate one, two;
	struct nyx_walk up, down;
	int ret;

	for (__u32 access = NYX_PROT_READ; access <= RW; access++) {
		ret = cmd_translate(a, &one, sbdf, access, iova, 3 * SZ_4K);
		ASSERT_EQ(ret, cmd_translate(b, &two, sbdf, access, iova, 3 * SZ_4K));
		ASSERT_SAME(&one, &two, sizeof(one));
		ret = cmd_walk_device(a, &up, sbdf, access, iova);
		ASSERT_EQ(ret, cmd_walk_device(b, &down, sbdf, access, iova));
		ASSERT_SAME(&up, &down, sizeof(up));
	}
}

static void compare(int a, int b)
{
	struct nyx_unit_info one, two;
	struct rng r = rng_start(1);
	unsigned long i;

	test_cmd(cmd_unit_info(a, &one));
	test_cmd(cmd_unit_info(b, &two));
	ASSERT_EQ(one.irq_mode, two.irq_mode);
	ASSERT_EQ(one.nr_irtes, two.nr_irtes);
	ASSERT_EQ(one.nr_quarantined, two.nr_quarantined);
	ASSERT_EQ(one.mapped_bytes, two.mapped_bytes);
	compare_policies(a, b, NYX_SCOPE_UNIT, 0);
	compare_lists(a, b, NYX_LIST_MEMORY, 0, sizeof(struct nyx_memory_info));
	compare_lists(a, b, NYX_LIST_IRTES, 0, sizeof(struct nyx_irte_info));
	compare_domains(a, b);
	compare_devices(a, b);
	for (__u32 n = 0; n < NR_DEVS; n++) {
		for (i = 0; i < ktap_iterations(300); i++)
			compare_translations(a, b, DEV(n), rng_below(&r, i % 2 ? SZ_2M : 8 * SZ_1G));
		compare_translations(a, b, DEV(n), 0);
		compare_translations(a, b, DEV(n), SZ_1G);
		compare_translations(a, b, DEV(n), SZ_512G);
	}
}

/* Nothing but memory, and usable. */
static void check_empty(int fd)
{
	struct nyx_unit_info info;
	struct nyx_migrate c;
	struct nyx_policy_get policy;

	test_cmd(cmd_unit_info(fd, &info));
	ASSERT_EQ(0, info.nr_domains);
	ASSERT_EQ(0, info.nr_devices);
	ASSERT_EQ(0, info.nr_irtes);
	ASSERT_EQ(0, info.irq_mode);
	ASSERT_EQ(0, info.nr_quarantined);
	ASSERT_EQ(0, info.table_bytes);
	ASSERT_EQ(2, info.nr_memory);
	test_cmd(cmd_policy_get(fd, NYX_SCOPE_UNIT, 0, &policy));
	ASSERT_EQ(10, policy.out_policy.threshold);
	test_cmd(cmd_migrate_probe(fd, NYX_MIGRATE_RESUMING, &c));
	ASSERT_EQ(NYX_MIGRATE_RUNNING, c.out_state);
	ASSERT_EQ(0, c.out_blockers);
}

/**
 * struct pair - an original, its stream, and a unit to load
 * @mem: guest memory of both
 * @from: the original
 * @to: an empty unit
 * @saved: the stream of @from
 * @stream: a copy to change
 */
struct pair {
	void *mem;
	int from;
	int to;
	struct saved saved;
	struct saved stream;
};

static void pair_open(struct pair *p)
{
	p->mem = memory_new();
	p->from = unit_new(p->mem);
	p->to = unit_new(p->mem);
	world_fill(p->from);
	saved_init(&p->saved);
	saved_init(&p->stream);
	saved_save(p->from, &p->saved);
	saved_copy(&p->stream, &p->saved);
}

/* ---- what works --------------------------------------------------------- */

TEST(round_trip)
{
	struct nyx_migrate c;
	struct pair p;

	pair_open(&p);
	test_cmd(saved_load(p.to, &p.saved, &c));
	compare(p.from, p.to);
	/* A copy of the copy is the same again, but for times. */
	saved_save(p.to, &p.stream);
	ASSERT_EQ(p.saved.size, p.stream.size);
}

/* The copy goes on as the original would have done. */
TEST(copy_goes_on)
{
	struct nyx_domain_create d = { 0 }, e = { 0 };
	struct nyx_irq_send one, two;
	struct nyx_migrate c;
	struct pair p;

	pair_open(&p);
	test_cmd(saved_load(p.to, &p.saved, &c));
	test_cmd(cmd_domain_create(p.from, &d));
	test_cmd(cmd_domain_create(p.to, &e));
	ASSERT_EQ(d.out_domain_id, e.out_domain_id);
	test_cmd(cmd_device_control(p.to, DEV(2), NYX_DEVICE_DO_RESET));
	dma_write(p.to, DEV(2), 0, "moved", 5);
	ASSERT_SAME(p.mem, "moved", 5);
	dma_refused(p.to, DEV(0), SZ_4K, NYX_PROT_WRITE, NYX_FAULT_WRITE_DENIED);
	test_cmd(cmd_irq_send(p.from, &one, DEV(1), msi_index(3)));
	test_cmd(cmd_irq_send(p.to, &two, DEV(1), msi_index(3)));
	ASSERT_SAME(&one, &two, sizeof(one));
	test_cmd(cmd_unmap_all(p.to, D_STRICT, NULL));
	test_cmd(cmd_device_detach(p.to, DEV(0)));
	test_cmd(cmd_domain_destroy(p.to, D_STRICT));
}

TEST(pieces_of_any_size)
{
	static const size_t size[] = { 1, 7, 24, 48, 4095, 4097 };
	struct nyx_migrate c;
	struct pair p;

	pair_open(&p);
	for (size_t i = 0; i < ARRAY_SIZE(size); i++) {
		int to = unit_new(p.mem), file;

		test_cmd(cmd_migrate(to, NYX_MIGRATE_RESUMING, &c));
		file = c.out_fd;
		test_cmd(saved_write(file, &p.saved, size[i]));
		test_cmd(cmd_migrate(to, NYX_MIGRATE_RUNNING, &c));
		close(file);
		compare_domains(p.from, to);
		close(to);
	}
	/* Reads of one byte give the same stream. */
	test_cmd(cmd_migrate(p.from, NYX_MIGRATE_STOP_COPY, &c));
	for (size_t i = 0; i < 5000 && i < p.saved.size; i++) {
		unsigned char byte;

		ASSERT_EQ(1, read(c.out_fd, &byte, 1));
		if (i < sizeof(struct nyx_stream_head))
			ASSERT_EQ(p.saved.data[i], byte);
	}
}

TEST(empty_unit)
{
	void *mem = memory_new();
	struct nyx_migrate c;
	struct saved s;
	int from = unit_new(mem), to = unit_new(mem);

	saved_init(&s);
	saved_save(from, &s);
	ASSERT_TRUE(!saved_find(&s, NYX_SECTION_DOMAINS, 0));
	test_cmd(saved_load(to, &s, &c));
	check_empty(to);
}

/* Sections of many parts. */
TEST(many_objects)
{
	const unsigned int nr = 6000;
	void *mem = memory_new();
	struct nyx_migrate c;
	struct saved s;
	int from = unit_new(mem), to = unit_new(mem);
	__u32 dom;

	test_cmd(cmd_domain_paging(from, NYX_DOMAIN_F_SHARED, &dom));
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_map(from, dom, i * 2 * SZ_4K, (i % 64) * SZ_4K, SZ_4K, RW));
	for (unsigned int i = 0; i < 700; i++) {
		test_cmd(cmd_device_add(from, i));
		test_cmd(cmd_device_attach(from, i, dom, 0));
	}
	for (unsigned int i = 0; i < IRTES; i++)
		test_cmd(cmd_irte_set(from, &(struct nyx_irte_set){ .index = i, .vector = 0x20 }));
	saved_init(&s);
	saved_save(from, &s);
	ASSERT_TRUE(saved_find(&s, NYX_SECTION_MAPPINGS, 2));
	ASSERT_TRUE(saved_find(&s, NYX_SECTION_DEVICES, 1));
	test_cmd(saved_load(to, &s, &c));
	compare_domains(from, to);
	compare_devices(from, to);
	compare_lists(from, to, NYX_LIST_IRTES, 0, sizeof(struct nyx_irte_info));
}

/* ---- a unit that is stopped, or loaded ---------------------------------- */

static int do_map(void *arg)
{
	struct pair *p = arg;

	return cmd_map(p->from, D_STRICT, 16 * SZ_1G, 0, SZ_4K, RW);
}

TEST(commands_wait)
{
	struct nyx_device_info *devices;
	struct nyx_mapping_info *maps;
	struct nyx_migrate c;
	struct caller caller;
	struct pair p;
	size_t n, m;

	pair_open(&p);
	test_cmd(cmd_migrate(p.from, NYX_MIGRATE_STOP_COPY, &c));
	caller_start(&caller, do_map, &p);
	ASSERT_TRUE(caller_waits(&caller));
	/* A caller that only looks does not wait. */
	devices = list_all(p.from, NYX_LIST_DEVICES, 0, sizeof(*devices), &n);
	ASSERT_EQ(NR_DEVS, n);
	maps = list_all(p.from, NYX_LIST_MAPPINGS, D_STRICT, sizeof(*maps), &n);
	free(devices);
	free(maps);
	/* A caller that does not want to wait does not. */
	test_cmd(fcntl(p.from, F_SETFL, O_NONBLOCK));
	test_err(EAGAIN, cmd_device_add(p.from, DEV(9)));
	test_cmd(fcntl(p.from, F_SETFL, 0));
	test_cmd(cmd_migrate(p.from, NYX_MIGRATE_RUNNING, &c));
	test_cmd(caller_end(&caller));
	maps = list_all(p.from, NYX_LIST_MAPPINGS, D_STRICT, sizeof(*maps), &m);
	ASSERT_EQ(n + 1, m);
	free(maps);
}

static void on_signal(int signal)
{
	(void)signal;
}

/* A command that waits has changed nothing: a signal that does not kill does not end it. */
TEST(signals_do_not_end_the_wait)
{
	const struct sigaction handler = { .sa_handler = on_signal };
	struct nyx_migrate c;
	struct caller caller;
	struct pair p;

	pair_open(&p);
	test_cmd(sigaction(SIGUSR1, &handler, NULL));
	test_cmd(cmd_migrate(p.from, NYX_MIGRATE_STOP_COPY, &c));
	caller_start(&caller, do_map, &p);
	ASSERT_TRUE(caller_waits(&caller));
	ASSERT_EQ(0, pthread_kill(caller.thread, SIGUSR1));
	ASSERT_TRUE(caller_waits(&caller));
	test_cmd(cmd_migrate(p.from, NYX_MIGRATE_RUNNING, &c));
	test_cmd(caller_end(&caller));
}

/* The process that saves has died, or has lost interest. */
TEST(close_lets_the_unit_go_on)
{
	struct nyx_migrate c;
	struct caller caller;
	unsigned char byte;
	struct pair p;

	pair_open(&p);
	test_cmd(cmd_migrate(p.from, NYX_MIGRATE_STOP_COPY, &c));
	caller_start(&caller, do_map, &p);
	ASSERT_TRUE(caller_waits(&caller));
	ASSERT_EQ(1, read(c.out_fd, &byte, 1));
	close(c.out_fd);
	test_cmd(caller_end(&caller));

	test_cmd(cmd_migrate(p.to, NYX_MIGRATE_RESUMING, &c));
	ASSERT_EQ(1000, write(c.out_fd, p.saved.data, 1000));
	close(c.out_fd);
	check_empty(p.to);
}

/**
 * struct held - an access that does not end, and a stop that waits for it
 * @e: the unit
 * @c: of the stop
 */
struct held {
	struct env e;
	struct nyx_migrate c;
};

static int do_dma(void *arg)
{
	static unsigned char buf[2 * SZ_4K];
	struct held *h = arg;
	struct nyx_dma c;

	return cmd_dma_write(h->e.fd, &c, h->e.sbdf, 0, buf, sizeof(buf));
}

static int do_stop(void *arg)
{
	struct held *h = arg;

	return cmd_migrate(h->e.fd, NYX_MIGRATE_STOP_COPY, &h->c);
}

TEST(stop_waits_for_commands)
{
	struct caller dma, stop;
	struct stall stall;
	struct held h;

	env_open(&h.e, 0);
	test_cmd(cmd_map(h.e.fd, h.e.domain, 0, 0, SZ_64K, RW));
	stall_arm(&stall, h.e.mem + SZ_4K, SZ_4K);
	caller_start(&dma, do_dma, &h);
	stall_wait(&stall);
	caller_start(&stop, do_stop, &h);
	ASSERT_TRUE(caller_waits(&stop));
	stall_release(&stall, 0);
	test_cmd(caller_end(&dma));
	test_cmd(caller_end(&stop));
	ASSERT_EQ(NYX_MIGRATE_STOP_COPY, h.c.out_state);
}

/* A stop that is killed leaves a unit that runs. */
TEST(stop_is_killed)
{
	struct caller dma;
	struct stall stall;
	struct held h;
	pid_t pid;

	env_open(&h.e, 0);
	test_cmd(cmd_map(h.e.fd, h.e.domain, 0, 0, SZ_64K, RW));
	stall_arm(&stall, h.e.mem + SZ_4K, SZ_4K);
	caller_start(&dma, do_dma, &h);
	stall_wait(&stall);
	pid = caller_fork(do_stop, &h);
	WAIT_FOR(!cmd_migrate_probe(h.e.fd, NYX_MIGRATE_RUNNING, &h.c) &&
		 h.c.out_state == NYX_MIGRATE_STOP_COPY);
	caller_kill(pid);
	test_cmd(cmd_device_add(h.e.fd, DEV(9)));
	stall_release(&stall, 0);
	test_cmd(caller_end(&dma));
}

TEST(loading_refuses_commands)
{
	struct nyx_migrate c;
	struct pair p;
	int file;

	pair_open(&p);
	test_cmd(cmd_migrate(p.to, NYX_MIGRATE_RESUMING, &c));
	file = c.out_fd;
	test_err(EBUSY, cmd_device_add(p.to, DEV(9)));
	test_err(EBUSY, cmd_memory_remove(p.to, 0, MEM));
	test_cmd(saved_write(file, &p.saved, 100));
	test_err(EBUSY, cmd_device_add(p.to, DEV(9)));
	test_cmd(cmd_migrate(p.to, NYX_MIGRATE_RUNNING, &c));
	test_cmd(cmd_device_add(p.to, DEV(9)));
	/* Nothing follows the end. */
	ASSERT_EQ(-1, write(file, p.saved.data, 1));
	ASSERT_EQ(ENODATA, errno);
}

TEST(states)
{
	struct nyx_migrate c;
	unsigned char byte;
	struct pair p;
	int file;

	pair_open(&p);
	test_cmd(cmd_migrate(p.from, NYX_MIGRATE_RUNNING, &c));
	ASSERT_EQ(0, c.out_state);
	test_err(EOPNOTSUPP, cmd_migrate(p.from, 1, &c));
	test_err(EOPNOTSUPP, cmd_migrate(p.from, 4, &c));
	test_err(EBUSY, cmd_migrate(p.from, NYX_MIGRATE_RESUMING, &c));
	ASSERT_EQ(NYX_REASON_UNIT_NOT_EMPTY, c.out_err_reason);
	ASSERT_EQ(NYX_MIGRATE_B_OBJECTS, c.out_blockers);
	test_cmd(cmd_migrate(p.from, NYX_MIGRATE_STOP_COPY, &c));
	file = c.out_fd;
	ASSERT_EQ(-1, write(file, &byte, 1));
	ASSERT_EQ(EBADF, errno);
	test_cmd(cmd_migrate(p.from, NYX_MIGRATE_STOP_COPY, &c));
	ASSERT_EQ(-1, c.out_fd);
	ASSERT_EQ(NYX_MIGRATE_STOP_COPY, c.out_state);
	test_err(EINVAL, cmd_migrate(p.from, NYX_MIGRATE_RESUMING, &c));
	ASSERT_EQ(NYX_REASON_MIGRATE_STATE, c.out_err_reason);
	test_cmd(cmd_migrate(p.from, NYX_MIGRATE_RUNNING, &c));
	ASSERT_EQ(-1, read(file, &byte, 1));
	ASSERT_EQ(ENODATA, errno);
	/* A file that has ended its migration does not end the next one. */
	test_cmd(cmd_migrate(p.from, NYX_MIGRATE_STOP_COPY, &c));
	close(file);
	test_cmd(cmd_migrate_probe(p.from, NYX_MIGRATE_RUNNING, &c));
	ASSERT_EQ(NYX_MIGRATE_STOP_COPY, c.out_state);
}

TEST(a_unit_ends_while_it_is_stopped)
{
	struct nyx_migrate c;
	struct caller caller;
	unsigned char byte;
	struct pair p;

	pair_open(&p);
	test_cmd(cmd_migrate(p.from, NYX_MIGRATE_STOP_COPY, &c));
	caller_start(&caller, do_map, &p);
	ASSERT_TRUE(caller_waits(&caller));
	test_cmd(cmd_unit_destroy(p.from));
	ASSERT_EQ(-ENODEV, caller_end(&caller));
	ASSERT_EQ(-1, read(c.out_fd, &byte, 1));
	ASSERT_EQ(ENODEV, errno);
}

/* ---- what cannot be migrated -------------------------------------------- */

static void block_view(struct pair *p)
{
	struct nyx_view_open c;

	test_cmd(cmd_view_open(p->from, 1, 1, &c));
}

static void block_target(struct pair *p)
{
	struct nyx_changes_open o;
	struct nyx_changes_add a;

	test_cmd(cmd_changes_open(p->from, 0, &o));
	test_cmd(cmd_changes_add(p->from, &a, o.out_changes_id, NYX_CHANGES_DOMAIN, D_STRICT));
}

static void block_binding(struct pair *p)
{
	test_cmd(cmd_irq_bind(p->from, DEV(0), msi_index(3), eventfd_new(), eventfd_new(), NULL));
}

static void block_page(struct pair *p)
{
	struct nyx_page page = { .access = NYX_PROT_READ };
	struct nyx_page_request c;

	nyx_page_init(&c, NYX_PAGE_F_NOWAIT, DEV(0), &page, 1, 60000);
	test_cmd(nyx_cmd(p->from, NYX_PAGE_REQUEST, &c));
}

static const struct {
	const char *name;
	void (*fn)(struct pair *p);
	__u32 bit;
} blockers[] = {
	{ "view", block_view, NYX_MIGRATE_B_VIEWS },
	{ "target", block_target, NYX_MIGRATE_B_TARGETS },
	{ "binding", block_binding, NYX_MIGRATE_B_BINDINGS },
	{ "page", block_page, NYX_MIGRATE_B_PAGES },
};

TEST_EACH(blocked, blockers)
{
	struct nyx_migrate c;
	struct pair p;

	pair_open(&p);
	v->fn(&p);
	test_cmd(cmd_migrate_probe(p.from, NYX_MIGRATE_STOP_COPY, &c));
	ASSERT_EQ(v->bit, c.out_blockers);
	test_err(EBUSY, cmd_migrate(p.from, NYX_MIGRATE_STOP_COPY, &c));
	ASSERT_EQ(NYX_REASON_MIGRATE_BLOCKED, c.out_err_reason);
	ASSERT_EQ(v->bit, c.out_blockers);
	ASSERT_EQ(NYX_MIGRATE_RUNNING, c.out_state);
	test_cmd(cmd_device_add(p.from, DEV(9)));
}

/* ---- hostile streams ---------------------------------------------------- */

/* A unit that is small, for tests that load it thousands of times. */
static void small_open(struct pair *p)
{
	p->mem = memory_new();
	p->from = unit_new(p->mem);
	p->to = unit_new(p->mem);
	world_domain(p->from, D_STRICT, NYX_DOMAIN_PAGING, NYX_FORMAT_VTDSS, 0, 0);
	test_cmd(cmd_map(p->from, D_STRICT, 0, 0, SZ_4K, RW));
	test_cmd(cmd_map(p->from, D_STRICT, SZ_1M, 0, SZ_64K, RW));
	test_cmd(cmd_device_add(p->from, DEV(0)));
	test_cmd(cmd_device_attach(p->from, DEV(0), D_STRICT, 0));
	test_cmd(cmd_irte_set(p->from, &(struct nyx_irte_set){ .index = 1, .vector = 0x20 }));
	saved_init(&p->saved);
	saved_init(&p->stream);
	saved_save(p->from, &p->saved);
	saved_copy(&p->stream, &p->saved);
}

TEST(truncated_anywhere)
{
	struct snapshot before;
	struct nyx_migrate c;
	struct pair p;
	size_t step;

	small_open(&p);
	snapshot_take(&before, p.from, true);
	step = p.saved.size / ktap_iterations(p.saved.size) + 1;
	if (step == 2)
		step = 1;
	for (size_t size = 0; size < p.saved.size; size += step) {
		ktap_note("%zu of %zu bytes", size, p.saved.size);
		p.stream.size = size;
		test_err(ENODATA, saved_load(p.to, &p.stream, &c));
		ASSERT_EQ(NYX_REASON_STREAM_ENDS, c.out_err_reason);
		check_empty(p.to);
	}
	snapshot_check(&before, p.from, true);
	test_cmd(saved_load(p.to, &p.saved, &c));
	compare(p.from, p.to);
}

/* Each bit counts: a flipped one is refused, and by a checksum at the latest. */
TEST(flipped_bits)
{
	struct rng r = rng_start(2);
	struct nyx_migrate c;
	struct pair p;
	unsigned long nr;

	small_open(&p);
	nr = ktap_iterations(p.saved.size * 2);
	for (unsigned long i = 0; i < nr; i++) {
		size_t at = nr >= p.saved.size ? i % p.saved.size : rng_below(&r, p.saved.size);
		unsigned char bit = 1 << rng_below(&r, 8);

		ktap_note("byte %zu, bit 0x%x", at, bit);
		p.stream.data[at] ^= bit;
		ASSERT_TRUE(saved_load(p.to, &p.stream, &c));
		check_empty(p.to);
		p.stream.data[at] ^= bit;
	}
	test_cmd(saved_load(p.to, &p.stream, &c));
}

/**
 * struct edit - a change of a stream whose checksums are right
 * @name: of the case
 * @fn: makes the change
 * @reason: why the stream is refused; 0: it is not
 * @err: the errno
 * @section: that is to blame
 */
struct edit {
	const char *name;
	void (*fn)(struct pair *p);
	__u32 reason;
	int err;
	__u32 section;
};

static struct nyx_stream_section *section_of(struct pair *p, __u32 type)
{
	struct nyx_stream_section *section = saved_find(&p->stream, type, 0);

	ASSERT_TRUE(section);
	return section;
}

static struct nyx_stream_table *table_of(struct nyx_stream_section *section)
{
	return (void *)(section + 1);
}

static void set(struct pair *p, __u32 type, const char *field, __u32 record, __u64 value)
{
	saved_set(section_of(p, type), field, record, value);
}

static void edit_magic(struct pair *p)
{
	p->stream.data[0] ^= 1;
	saved_fix_head(&p->stream);
}

static void edit_version(struct pair *p)
{
	((struct nyx_stream_head *)p->stream.data)->version++;
	saved_fix_head(&p->stream);
}

static void edit_order(struct pair *p)
{
	((struct nyx_stream_head *)p->stream.data)->byte_order = 0x04030201;
	saved_fix_head(&p->stream);
}

static void edit_head_flag(struct pair *p)
{
	((struct nyx_stream_head *)p->stream.data)->flags = 1;
	saved_fix_head(&p->stream);
}

static void edit_length(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_DOMAINS);

	s->length = NYX_SECTION_MAX + 1;
}

static void edit_length_max(struct pair *p)
{
	section_of(p, NYX_SECTION_DOMAINS)->length = 0xffffffff;
}

static void edit_duplicate(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_DOMAINS);
	size_t size = saved_section_size(s);

	saved_shift(&p->stream, s, size);
	memcpy(s, (unsigned char *)s + size, size);
}

/* The second copy says that it is the next part: the records are there twice. */
static void edit_twice(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_DOMAINS);

	edit_duplicate(p);
	s = (void *)((unsigned char *)s + saved_section_size(s));
	s->part = 1;
	saved_fix(s);
}

static void edit_unit_twice(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_UNIT);
	size_t size = saved_section_size(s);

	saved_shift(&p->stream, s, size);
	memcpy(s, (unsigned char *)s + size, size);
	s = (void *)((unsigned char *)s + size);
	s->part = 1;
	saved_fix(s);
}

static void edit_swap(struct pair *p)
{
	struct nyx_stream_section *a = section_of(p, NYX_SECTION_IRTES);
	struct nyx_stream_section *b = section_of(p, NYX_SECTION_DEVICES);
	size_t n = saved_section_size(a), m = saved_section_size(b);
	unsigned char *copy = ktap_alloc(n);

	memcpy(copy, a, n);
	memmove(a, b, m);
	memcpy((unsigned char *)a + m, copy, n);
	free(copy);
}

static void edit_no_unit(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_UNIT);

	saved_shift(&p->stream, s, -(long)saved_section_size(s));
}

static void edit_no_domains(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_DOMAINS);

	saved_shift(&p->stream, s, -(long)saved_section_size(s));
}

static void edit_no_irtes(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_IRTES);

	saved_shift(&p->stream, s, -(long)saved_section_size(s));
}

static void edit_part(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_DOMAINS);

	s->part = 1;
	saved_fix(s);
}

static void edit_phase(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_DOMAINS);

	s->phase = 1;
	saved_fix(s);
}

static void edit_section_flag(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_DOMAINS);

	s->flags |= 2;
	saved_fix(s);
}

static void edit_section_id(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_DEVICES);

	s->id = 1;
	saved_fix(s);
}

/* A section of a type that nobody knows, before the last one. */
static void edit_new_section(struct pair *p, __u32 flags)
{
	struct nyx_stream_section *end = section_of(p, NYX_SECTION_END);
	const unsigned int length = 100;

	saved_shift(&p->stream, end, sizeof(*end) + length);
	memset(end, 0x5a, sizeof(*end) + length);
	*end = (struct nyx_stream_section){
		.type = 200, .version = 1, .flags = flags, .length = length, .name = "new",
	};
	saved_fix(end);
	set(p, NYX_SECTION_END, "nr_sections", 0, 7);
}

static void edit_unknown_mandatory(struct pair *p)
{
	edit_new_section(p, NYX_SECTION_F_MANDATORY);
}

static void edit_unknown_optional(struct pair *p)
{
	edit_new_section(p, 0);
}

static void edit_model(struct pair *p)
{
	struct nyx_stream_section *s;

	edit_new_section(p, NYX_SECTION_F_MANDATORY);
	s = section_of(p, 200);
	s->type = NYX_SECTION_MODEL;
	saved_fix(s);
}

static void edit_records_max(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_MAPPINGS);

	table_of(s)->nr_records = 0xffffffff;
	saved_fix(s);
}

static void edit_fields_max(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_MAPPINGS);

	table_of(s)->nr_fields = 0xffffffff;
	saved_fix(s);
}

static void edit_records_more(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_MAPPINGS);

	table_of(s)->nr_records++;
	saved_fix(s);
}

static void edit_no_table(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_MAPPINGS);

	saved_shift(&p->stream, s + 1, -(long)s->length);
	s->length = 0;
	saved_fix(s);
}

static struct nyx_stream_field *field_of(struct pair *p, __u32 type, const char *name)
{
	struct nyx_stream_field *f;

	saved_field(section_of(p, type), name, 0, &f);
	ASSERT_TRUE(f);
	return f;
}

static void edit_field_unknown(struct pair *p)
{
	/* The last one by its id: a new field that is mandatory. */
	field_of(p, NYX_SECTION_MAPPINGS, "prot")->id = 99;
	saved_fix(section_of(p, NYX_SECTION_MAPPINGS));
}

static void edit_field_missing(struct pair *p)
{
	struct nyx_stream_field *f = field_of(p, NYX_SECTION_MAPPINGS, "prot");

	f->id = 99;
	f->flags = 0;
	saved_fix(section_of(p, NYX_SECTION_MAPPINGS));
}

static void edit_field_twice(struct pair *p)
{
	field_of(p, NYX_SECTION_MAPPINGS, "prot")->id = 3;
	saved_fix(section_of(p, NYX_SECTION_MAPPINGS));
}

static void edit_field_size(struct pair *p)
{
	struct nyx_stream_field *f = field_of(p, NYX_SECTION_MAPPINGS, "length");

	f->elem_size = 4;
	f->count = 2;
	saved_fix(section_of(p, NYX_SECTION_MAPPINGS));
}

static void edit_field_odd_size(struct pair *p)
{
	field_of(p, NYX_SECTION_MAPPINGS, "length")->elem_size = 3;
	saved_fix(section_of(p, NYX_SECTION_MAPPINGS));
}

static void edit_field_count(struct pair *p)
{
	field_of(p, NYX_SECTION_MAPPINGS, "length")->count = 0xffff;
	saved_fix(section_of(p, NYX_SECTION_MAPPINGS));
}

static void edit_field_no_elements(struct pair *p)
{
	field_of(p, NYX_SECTION_MAPPINGS, "length")->count = 0;
	saved_fix(section_of(p, NYX_SECTION_MAPPINGS));
}

/* A field that a later version may have added: an empty section shows that it is skipped. */
static void edit_field_new(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_MAPPINGS);
	struct nyx_stream_table *table = table_of(s);
	struct nyx_stream_field *f = (void *)(table + 1), *prot;
	const __u32 nr = table->nr_records;
	unsigned char *at;

	saved_shift(&p->stream, f + table->nr_fields, sizeof(*f));
	f += table->nr_fields++;
	*f = (struct nyx_stream_field){ .id = 99, .elem_size = 2, .count = 3, .name = "new" };
	s->length += sizeof(*f);
	for (__u32 i = 0; i < nr; i++) {
		/* Records before have the new field, those behind do not yet. */
		at = (unsigned char *)(f + 1) + i * (28 + 6) + 28;
		saved_shift(&p->stream, at, 6);
		memset(at, 0xee, 6);
		s->length += 6;
	}
	s->version = 9;
	prot = field_of(p, NYX_SECTION_MAPPINGS, "prot");
	ASSERT_EQ(4, prot->elem_size);
	saved_fix(s);
}

#define VALUE(_name, _section, _field, _record, _value)			\
	static void edit_##_name(struct pair *p)			\
	{								\
		set(p, NYX_SECTION_##_section, _field, _record, _value);	\
	}

VALUE(model_differs, UNIT, "model", 0, NYX_MODEL_VTD)
VALUE(width_differs, UNIT, "address_width", 0, 57)
VALUE(irt_differs, UNIT, "irt_entries", 0, 256)
VALUE(data_differs, UNIT, "data", 0, 1)
VALUE(next_domain, UNIT, "next_domain", 0, 65537)
VALUE(irq_mode, UNIT, "irq_mode", 0, 0x80)
VALUE(policy_flags, UNIT, "policy_flags", 0, 1u << 31)
VALUE(policy_zero, UNIT, "threshold", 0, 0)
VALUE(memory_gpa, MEMORY, "gpa", 0, SZ_4K)
VALUE(memory_length, MEMORY, "length", 0, 0)
VALUE(memory_readonly, MEMORY, "flags", 1, 0)
VALUE(memory_flags, MEMORY, "flags", 0, 0x80)
VALUE(domain_any, DOMAINS, "id", 0, 0)
VALUE(domain_id, DOMAINS, "id", 0, 0x10000)
VALUE(domain_flags, DOMAINS, "flags", 0, 0x80)
VALUE(domain_kind, DOMAINS, "kind", 0, NYX_DOMAIN_GUEST)
VALUE(domain_format, DOMAINS, "format", 0, 77)
VALUE(domain_width, DOMAINS, "address_width", 0, 64)
VALUE(domain_sizes, DOMAINS, "page_sizes", 0, 0x123)
VALUE(domain_name, DOMAINS, "name", 0, '%')
VALUE(domain_limit, DOMAINS, "burst_ms", 0, 10001)
VALUE(map_overlap, MAPPINGS, "iova", 1, 0)
VALUE(map_wraps, MAPPINGS, "length", 1, 0ull - SZ_4K)
VALUE(map_empty, MAPPINGS, "length", 1, 0)
VALUE(map_width, MAPPINGS, "iova", 1, 1ull << 48)
VALUE(map_gpa, MAPPINGS, "gpa", 1, 1ull << 52)
VALUE(map_prot, MAPPINGS, "prot", 1, 4)
VALUE(irte_index, IRTES, "index", 0, IRTES)
VALUE(irte_flags, IRTES, "flags", 0, 1u << 31)
VALUE(irte_delivery, IRTES, "delivery", 0, 3)
VALUE(irte_posted, IRTES, "posted", 0, 64)
VALUE(device_domain, DEVICES, "domain_id", 0, 999)
VALUE(device_own, DEVICES, "own_policy", 0, 2)
VALUE(device_state, DEVICES, "state", 0, NYX_DEVICE_DISABLED + 1)
VALUE(device_tries, DEVICES, "tries", 0, 0xffffffff)
VALUE(device_next, DEVICES, "next_in_ns", 0, 1)
VALUE(device_weight, DEVICES, "weight", 0, 0x80000000)
VALUE(device_access, DEVICES, "sample_access", 0, 0xff)
VALUE(device_limit, DEVICES, "ops_per_s", 0, 1ull << 63)
VALUE(end_number, END, "nr_sections", 0, 0)

static void edit_probation(struct pair *p)
{
	/* Nothing would ever end it. */
	set(p, NYX_SECTION_DEVICES, "state", 0, NYX_DEVICE_PROBATION);
}

static void edit_map_domain(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_MAPPINGS);

	s->id = 999;
	saved_fix(s);
}

static void edit_trailing(struct pair *p)
{
	p->stream.data[p->stream.size++] = 0;
}

static void edit_trailing_more(struct pair *p)
{
	memset(p->stream.data + p->stream.size, 0, sizeof(struct nyx_stream_section) - 1);
	p->stream.size += sizeof(struct nyx_stream_section) - 1;
}

static void edit_memory_less(struct pair *p)
{
	test_cmd(cmd_memory_add(p->to, 0, 4 * SZ_1G, SZ_4K, p->mem));
}

static void edit_behind_end(struct pair *p)
{
	struct nyx_stream_section *s = section_of(p, NYX_SECTION_END);
	size_t size = saved_section_size(s);

	memcpy((unsigned char *)s + size, s, size);
	p->stream.size += size;
}

#define EDIT(_name, _reason, _err, _section) \
	{ #_name, edit_##_name, NYX_REASON_##_reason, _err, _section }
#define S(_name)	NYX_SECTION_##_name

static const struct edit edits[] = {
	EDIT(magic, STREAM_MAGIC, EINVAL, 0),
	EDIT(version, STREAM_VERSION, EOPNOTSUPP, 0),
	EDIT(order, STREAM_VERSION, EOPNOTSUPP, 0),
	EDIT(head_flag, STREAM_VERSION, EOPNOTSUPP, 0),
	EDIT(length, STREAM_LENGTH, EINVAL, S(DOMAINS)),
	EDIT(length_max, STREAM_LENGTH, EINVAL, S(DOMAINS)),
	EDIT(duplicate, STREAM_ORDER, EINVAL, S(DOMAINS)),
	EDIT(twice, DOMAIN_NAME_TAKEN, EEXIST, S(DOMAINS)),
	EDIT(unit_twice, STREAM_ORDER, EINVAL, S(UNIT)),
	EDIT(swap, STREAM_ORDER, EINVAL, S(IRTES)),
	EDIT(no_unit, STREAM_ORDER, EINVAL, S(MEMORY)),
	EDIT(no_domains, NO_SUCH_DOMAIN, ENOENT, S(MAPPINGS)),
	EDIT(no_irtes, STREAM_ENDS, ENODATA, S(END)),
	EDIT(part, STREAM_ORDER, EINVAL, S(DOMAINS)),
	EDIT(phase, STREAM_ORDER, EINVAL, S(DOMAINS)),
	EDIT(section_flag, STREAM_VERSION, EOPNOTSUPP, S(DOMAINS)),
	EDIT(section_id, STREAM_SECTION, EOPNOTSUPP, S(DEVICES)),
	EDIT(unknown_mandatory, STREAM_SECTION, EOPNOTSUPP, 200),
	EDIT(unknown_optional, NONE, 0, 0),
	EDIT(model, STREAM_SECTION, EOPNOTSUPP, S(MODEL)),
	EDIT(records_max, STREAM_LENGTH, EINVAL, S(MAPPINGS)),
	EDIT(fields_max, STREAM_LENGTH, EINVAL, S(MAPPINGS)),
	EDIT(records_more, STREAM_LENGTH, EINVAL, S(MAPPINGS)),
	EDIT(no_table, STREAM_LENGTH, EINVAL, S(MAPPINGS)),
	EDIT(field_unknown, STREAM_FIELD, EOPNOTSUPP, S(MAPPINGS)),
	EDIT(field_missing, STREAM_FIELD, EOPNOTSUPP, S(MAPPINGS)),
	EDIT(field_twice, STREAM_FIELD, EOPNOTSUPP, S(MAPPINGS)),
	EDIT(field_size, STREAM_FIELD, EOPNOTSUPP, S(MAPPINGS)),
	EDIT(field_odd_size, STREAM_FIELD, EOPNOTSUPP, S(MAPPINGS)),
	EDIT(field_count, STREAM_FIELD, EOPNOTSUPP, S(MAPPINGS)),
	EDIT(field_no_elements, STREAM_FIELD, EOPNOTSUPP, S(MAPPINGS)),
	EDIT(field_new, NONE, 0, 0),
	EDIT(model_differs, STREAM_DIFFERS, EINVAL, S(UNIT)),
	EDIT(width_differs, STREAM_DIFFERS, EINVAL, S(UNIT)),
	EDIT(irt_differs, STREAM_DIFFERS, EINVAL, S(UNIT)),
	EDIT(data_differs, STREAM_DIFFERS, EINVAL, S(UNIT)),
	EDIT(next_domain, STREAM_VALUE, EINVAL, S(UNIT)),
	EDIT(irq_mode, UNKNOWN_VALUE, EOPNOTSUPP, S(UNIT)),
	EDIT(policy_flags, FLAG, EOPNOTSUPP, S(UNIT)),
	EDIT(policy_zero, OUT_OF_RANGE, EINVAL, S(UNIT)),
	EDIT(memory_gpa, STREAM_DIFFERS, EINVAL, S(MEMORY)),
	EDIT(memory_length, STREAM_DIFFERS, EINVAL, S(MEMORY)),
	EDIT(memory_readonly, STREAM_DIFFERS, EINVAL, S(MEMORY)),
	EDIT(memory_flags, STREAM_VALUE, EINVAL, S(MEMORY)),
	EDIT(memory_less, STREAM_DIFFERS, EINVAL, S(MEMORY)),
	EDIT(domain_any, STREAM_VALUE, EINVAL, S(DOMAINS)),
	EDIT(domain_id, OUT_OF_RANGE, EINVAL, S(DOMAINS)),
	EDIT(domain_flags, STREAM_VALUE, EINVAL, S(DOMAINS)),
	EDIT(domain_kind, UNKNOWN_VALUE, EOPNOTSUPP, S(DOMAINS)),
	EDIT(domain_format, UNKNOWN_VALUE, EOPNOTSUPP, S(DOMAINS)),
	EDIT(domain_width, FORMAT_WIDTH, EINVAL, S(DOMAINS)),
	EDIT(domain_sizes, PAGE_SIZES, EINVAL, S(DOMAINS)),
	EDIT(domain_name, NAME, EINVAL, S(DOMAINS)),
	EDIT(domain_limit, OUT_OF_RANGE, EINVAL, S(DOMAINS)),
	EDIT(map_domain, NO_SUCH_DOMAIN, ENOENT, S(MAPPINGS)),
	EDIT(map_overlap, MAPPED, EEXIST, S(MAPPINGS)),
	EDIT(map_wraps, OVERFLOW, EOVERFLOW, S(MAPPINGS)),
	EDIT(map_empty, EMPTY, EINVAL, S(MAPPINGS)),
	EDIT(map_width, IOVA_WIDTH, ERANGE, S(MAPPINGS)),
	EDIT(map_gpa, GPA_WIDTH, ERANGE, S(MAPPINGS)),
	EDIT(map_prot, UNKNOWN_VALUE, EOPNOTSUPP, S(MAPPINGS)),
	EDIT(irte_index, IRTE_BEYOND, EINVAL, S(IRTES)),
	EDIT(irte_flags, STREAM_VALUE, EINVAL, S(IRTES)),
	EDIT(irte_delivery, UNKNOWN_VALUE, EOPNOTSUPP, S(IRTES)),
	EDIT(irte_posted, UNUSED, EINVAL, S(IRTES)),
	EDIT(device_domain, NO_SUCH_DOMAIN, ENOENT, S(DEVICES)),
	EDIT(device_own, STREAM_VALUE, EINVAL, S(DEVICES)),
	EDIT(device_state, STREAM_VALUE, EINVAL, S(DEVICES)),
	EDIT(device_tries, STREAM_VALUE, EINVAL, S(DEVICES)),
	EDIT(device_next, STREAM_VALUE, EINVAL, S(DEVICES)),
	EDIT(device_weight, STREAM_VALUE, EINVAL, S(DEVICES)),
	EDIT(device_access, STREAM_VALUE, EINVAL, S(DEVICES)),
	EDIT(device_limit, OUT_OF_RANGE, EINVAL, S(DEVICES)),
	EDIT(probation, STREAM_VALUE, EINVAL, S(DEVICES)),
	EDIT(end_number, STREAM_ENDS, ENODATA, S(END)),
	EDIT(behind_end, STREAM_ORDER, EINVAL, S(END)),
	EDIT(trailing, STREAM_LENGTH, EINVAL, S(END)),
	EDIT(trailing_more, STREAM_LENGTH, EINVAL, S(END)),
};

TEST_EACH(edited, edits)
{
	struct snapshot before;
	struct nyx_migrate c;
	struct pair p;
	int ret;

	small_open(&p);
	v->fn(&p);
	snapshot_take(&before, p.from, true);
	ret = saved_load(p.to, &p.stream, &c);
	snapshot_check(&before, p.from, true);
	ASSERT_EQ(-v->err, ret);
	ASSERT_EQ(v->reason, c.out_err_reason);
	ASSERT_EQ(v->section, c.out_section);
	if (!ret) {
		compare(p.from, p.to);
		return;
	}
	if (v->fn != edit_memory_less)
		check_empty(p.to);
	else
		test_cmd(cmd_memory_remove(p.to, 4 * SZ_1G, SZ_4K));
	/* The unit can be loaded from a good one. */
	test_cmd(saved_load(p.to, &p.saved, &c));
	compare(p.from, p.to);
}

/* A refused stream leaves the policy and the mode that the VMM has set before. */
TEST(refused_leaves_what_was_set)
{
	const struct nyx_stream_section *last;
	struct nyx_policy_get policy;
	struct nyx_unit_info info;
	struct nyx_migrate c;
	struct pair p;

	small_open(&p);
	test_cmd(cmd_policy_get(p.to, NYX_SCOPE_UNIT, 0, &policy));
	policy.out_policy.threshold = 123;
	test_cmd(cmd_policy_set(p.to, NYX_SCOPE_UNIT, 0, &policy.out_policy));
	test_cmd(cmd_irq_setup(p.to, NYX_IRQ_MODE_XAPIC));
	for (int i = 0; i < 3; i++) {
		saved_copy(&p.stream, &p.saved);
		last = section_of(&p, NYX_SECTION_END);
		if (i == 0)
			p.stream.size = 0;
		else if (i == 1)
			edit_magic(&p);
		else
			p.stream.size = (const unsigned char *)last - p.stream.data;
		ASSERT_TRUE(saved_load(p.to, &p.stream, &c));
		test_cmd(cmd_policy_get(p.to, NYX_SCOPE_UNIT, 0, &policy));
		ASSERT_EQ(123, policy.out_policy.threshold);
		test_cmd(cmd_unit_info(p.to, &info));
		ASSERT_EQ(NYX_IRQ_MODE_XAPIC, info.irq_mode);
		ASSERT_EQ(0, info.nr_domains);
	}
}

/* The place of the fault is told: part, record, field. */
TEST(place_of_the_fault)
{
	struct nyx_migrate c;
	struct pair p;

	small_open(&p);
	edit_map_overlap(&p);
	test_err(EEXIST, saved_load(p.to, &p.stream, &c));
	ASSERT_EQ(D_STRICT, c.out_id);
	ASSERT_EQ(0, c.out_part);
	ASSERT_EQ(1, c.out_record);
	saved_copy(&p.stream, &p.saved);
	edit_model_differs(&p);
	test_err(EINVAL, saved_load(p.to, &p.stream, &c));
	ASSERT_EQ(FIELD_MODEL, c.out_field);
	saved_copy(&p.stream, &p.saved);
	edit_data_differs(&p);
	test_err(EINVAL, saved_load(p.to, &p.stream, &c));
	ASSERT_EQ(FIELD_DATA, c.out_field);
	saved_copy(&p.stream, &p.saved);
	edit_field_missing(&p);
	test_err(EOPNOTSUPP, saved_load(p.to, &p.stream, &c));
	ASSERT_EQ(4, c.out_field);
	ASSERT_EQ(0xffffffff, c.out_record);
}

static bool is_large(struct nyx_stream_section *s)
{
	for (__u32 i = 0; i < 2; i++) {
		struct nyx_stream_field *f;
		__u64 *length = saved_field(s, "length", i, &f);

		if (length && *length > SZ_1G)
			return true;
	}
	return false;
}

/* Bytes of a section are drawn, and its checksum is right: nothing but refusals, or a copy. */
TEST(random_sections)
{
	struct rng r = rng_start(3);
	struct nyx_migrate c;
	struct pair p;
	int good = 0;

	small_open(&p);
	for (unsigned long i = 0; i < ktap_iterations(2000); i++) {
		struct nyx_stream_section *s;
		unsigned int n = 1 + rng_below(&r, 3);
		int ret;

		saved_copy(&p.stream, &p.saved);
		do
			s = saved_find(&p.stream, 1 + rng_below(&r, 6), 0);
		while (!s);
		while (n--)
			((unsigned char *)(s + 1))[rng_below(&r, s->length)] =
				rng_below(&r, 2) ? rng_below(&r, 256) : rng_below(&r, 4) - 1;
		/* A page table of terabytes takes its time, as with NYX_MAP. */
		if (s->type == NYX_SECTION_MAPPINGS && is_large(s))
			continue;
		saved_fix(s);
		ret = saved_load(p.to, &p.stream, &c);
		if (ret) {
			check_empty(p.to);
			continue;
		}
		good++;
		close(p.to);
		p.to = unit_new(p.mem);
	}
	ktap_print("%d streams were good", good);
}
