// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: kernel memory is charged to the memory cgroup of the process that causes it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each way to make the module allocate is tried in a cgroup of its own. The kernel memory of
 * the cgroup must grow by the size of the objects at least. The kernel adds it up now and
 * then, so a case waits for that.
 */
#include "amdvi_guest.h"
#include "memcg.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- ways to make the module allocate ---- */

/*
 * Objects that the kernel itself charges, as eventfds and threads, are made before a way
 * begins.
 */
#define SPARES	8192u

static int *spare;	/* of the way that is tried */

static void eventfds(struct env *e, unsigned int nr)
{
	(void)e;
	ASSERT_LE(2 * nr, SPARES);
	for (unsigned int i = 0; i < 2 * nr; i++)
		spare[i] = eventfd_new();
}

static void unbound_files(struct env *e, unsigned int nr)
{
	(void)e;
	for (unsigned int i = 0; i < nr; i++)
		nyx_open();
}

static void spare_files(struct env *e, unsigned int nr)
{
	(void)e;
	ASSERT_LE(nr, SPARES);
	for (unsigned int i = 0; i < nr; i++)
		spare[i] = nyx_open();
}

static void streams(struct env *e, unsigned int nr)
{
	int fd;

	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_events_open(e->fd, 0, &fd));
}

static void units(struct env *e, unsigned int nr)
{
	(void)e;
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_unit_create_dflt(spare[i], NULL, 0, NULL));
}

static void small_units(struct env *e, unsigned int nr)
{
	(void)e;
	for (unsigned int i = 0; i < nr; i++) {
		struct nyx_unit_create c = { .event_entries = 16, .irt_entries = 1 };

		test_cmd(cmd_unit_create(spare[i], &c));
	}
}

static void vtd_units(struct env *e, unsigned int nr)
{
	(void)e;
	for (unsigned int i = 0; i < nr; i++) {
		struct nyx_unit_create c = { .model = NYX_MODEL_VTD, .event_entries = 16 };

		test_cmd(cmd_unit_create(spare[i], &c));
	}
}

static void amdvi_units(struct env *e, unsigned int nr)
{
	(void)e;
	for (unsigned int i = 0; i < nr; i++) {
		struct nyx_unit_create c = { .model = NYX_MODEL_AMDVI, .event_entries = 16 };

		test_cmd(cmd_unit_create(spare[i], &c));
	}
}

/* An AMD-Vi unit keeps entries in a buffer until they are in the guest's log. */
static void logs(struct env *e, unsigned int nr)
{
	(void)e;
	for (unsigned int i = 0; i < nr; i++) {
		__u64 base = 15ull << 56;

		test_cmd(mmio(spare[i], NYX_MMIO_F_WRITE, EVTBASE, 8, &base));
	}
}

static void interrupt_tables(struct env *e, unsigned int nr)
{
	(void)e;
	for (unsigned int i = 0; i < nr; i++) {
		struct nyx_unit_create c = {
			.size = sizeof(c), .irt_entries = 65536,
		};

		test_cmd(cmd_unit_create(spare[i], &c));
	}
}

static void caches(struct env *e, unsigned int nr)
{
	(void)e;
	for (unsigned int i = 0; i < nr; i++) {
		struct nyx_unit_create c = { .iotlb_entries = 65536, .event_entries = 16 };

		test_cmd(cmd_unit_create(spare[i], &c));
	}
}

/* The region of each, and the map, which is copied. */
static void ranges(struct env *e, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_memory_add(e->fd, 0, SZ_1G + i * 2ull * SZ_4K, SZ_4K, e->mem));
}

/* A word for each page, where they are not in a row: every second one is. */
static void pins(struct env *e, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_memory_add(e->fd, NYX_MEMORY_F_PINNED, SZ_1G + i * SZ_4K * 1024,
					SZ_2M, e->mem));
}

/* Pages of a file are there in the order in which they were first touched. */
static void scatter(struct env *e, unsigned int nr)
{
	(void)nr;
	for (__u64 at = 0; at < e->mem_size; at += 2 * SZ_4K)
		e->mem[at] = 1;
	for (__u64 at = SZ_4K; at < e->mem_size; at += 2 * SZ_4K)
		e->mem[at] = 1;
}

static void domains(struct env *e, unsigned int nr)
{
	__u32 id;

	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_domain_kind(e->fd, NYX_DOMAIN_BLOCKED, 0, &id));
}

/* A table for each, on the lowest level. */
static void page_tables(struct env *e, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_map(e->fd, e->domain, (i + 1ull) << 21, 0, SZ_4K, NYX_PROT_READ));
}

/* Also those of the oracle, and its ranges. */
static void oracles(struct env *e, unsigned int nr)
{
	__u32 id;

	test_cmd(cmd_domain_paging(e->fd, NYX_DOMAIN_F_ORACLE, &id));
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_map(e->fd, id, (i + 1ull) << 21, 0, SZ_4K, NYX_PROT_READ));
}

static void spare_domains(struct env *e, unsigned int nr)
{
	__u32 id;

	for (unsigned int i = 0; i < nr; i++) {
		test_cmd(cmd_domain_paging(e->fd, 0, &id));
		spare[i] = id;
		/* One page stays, and the tables with it. */
		test_cmd(cmd_map(e->fd, id, SZ_4K, 0, 2 * SZ_4K, NYX_PROT_READ));
	}
}

/* From its first unmap on a domain has one. */
static void histories(struct env *e, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_unmap(e->fd, spare[i], SZ_4K, SZ_4K, NULL));
}

static void devices(struct env *e, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_device_add(e->fd, NYX_SBDF(1, 0, 0, 0) + i));
}

static void limits(struct env *e, unsigned int nr)
{
	const struct nyx_limits l = { .ops_per_s = 1000000 };

	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_limit_set(e->fd, NYX_SCOPE_DEVICE, NYX_SBDF(1, 0, 0, 0) + i, &l));
}

static void bindings(struct env *e, unsigned int nr)
{
	const struct msi msi = { .address = MSI_BASE | 0x10 };

	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_irq_bind(e->fd, e->sbdf, msi, spare[2 * i], spare[2 * i + 1],
				      NULL));
}

static void attached_devices(struct env *e, unsigned int nr)
{
	__u32 id;

	test_cmd(cmd_domain_paging(e->fd, NYX_DOMAIN_F_SHARED, &id));
	for (unsigned int i = 0; i <= nr / NYX_PAGE_GROUPS_MAX; i++) {
		test_cmd(cmd_device_add(e->fd, NYX_SBDF(1, 0, 0, 0) + i));
		test_cmd(cmd_device_attach(e->fd, NYX_SBDF(1, 0, 0, 0) + i, id, 0));
	}
}

/* Without an answer. */
static void page_requests(struct env *e, unsigned int nr)
{
	const struct nyx_page page = { .iova = SZ_1G, .access = NYX_PROT_READ };
	__u32 id;

	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_page_post(e->fd, NYX_SBDF(1, 0, 0, 0) + i / NYX_PAGE_GROUPS_MAX,
				       &page, 1, 600000, &id));
}

/*
 * Threads that wait for an answer, each with as many pages as it may ask for. Until then
 * they sleep: hundreds that looked now and then would leave no time to others.
 */
static struct waiters {
	int fd;
	pthread_barrier_t go;
	unsigned int nr;
} waiters;

static void *wait_for_pages(void *arg)
{
	struct nyx_page pages[NYX_PAGE_GROUP_MAX] = { 0 };
	struct nyx_page_request c;
	unsigned int n;

	(void)arg;
	n = __atomic_fetch_add(&waiters.nr, 1, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < NYX_PAGE_GROUP_MAX; i++)
		pages[i] = (struct nyx_page){ .iova = SZ_1G, .access = NYX_PROT_READ };
	pthread_barrier_wait(&waiters.go);
	nyx_page_init(&c, 0, NYX_SBDF(1, 0, 0, 0) + n / NYX_PAGE_GROUPS_MAX, pages,
		      NYX_PAGE_GROUP_MAX, 600000);
	/* The end of the case ends it. */
	nyx_cmd(waiters.fd, NYX_PAGE_REQUEST, &c);
	return NULL;
}

static void spare_waiters(struct env *e, unsigned int nr)
{
	close(e->fd);
	env_open(e, .events = 65536);
	attached_devices(e, nr);
	waiters.fd = e->fd;
	test_cmd(pthread_barrier_init(&waiters.go, NULL, nr + 1));
	for (unsigned int i = 0; i < nr; i++)
		thread_start(wait_for_pages, NULL);
	WAIT_FOR(__atomic_load_n(&waiters.nr, __ATOMIC_SEQ_CST) == nr);
}

static void waiting_requests(struct env *e, unsigned int nr)
{
	pthread_barrier_wait(&waiters.go);
	WAIT_FOR(unit_stat(e->fd, NYX_STAT_PAGE_REQUESTS) == nr * NYX_PAGE_GROUP_MAX);
}

static void event_rings(struct env *e, unsigned int nr)
{
	(void)e;
	for (unsigned int i = 0; i < nr; i++) {
		struct nyx_unit_create c = {
			.size = sizeof(c), .event_entries = 65536,
		};

		test_cmd(cmd_unit_create(spare[i], &c));
	}
}

static void amdvi_spares(struct env *e, unsigned int nr)
{
	spare_files(e, nr);
	amdvi_units(e, nr);
}

/* Each of 1 GiB, without a page. */
static void sparse_ranges(struct env *e, unsigned int nr)
{
	int memfd = memfd_new("sparse", nr * SZ_1G);

	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_memory_add_file(e->fd, 0, (i + 1) * SZ_1G, SZ_1G, memfd, i * SZ_1G));
}

static void dirty_bitmaps(struct env *e, unsigned int nr)
{
	(void)nr;
	test_cmd(cmd_dirty_start(e->fd));
}

/**
 * struct way - a way to make the module allocate
 * @name: its name
 * @prepare: what is there before, or NULL
 * @cause: does it
 * @nr: how many times
 * @least: bytes of each that are charged
 */
static const struct way {
	const char *name;
	void (*prepare)(struct env *e, unsigned int nr);
	void (*cause)(struct env *e, unsigned int nr);
	unsigned int nr;
	unsigned int least;
} ways[] = {
	{ "files", NULL, unbound_files, 4000, 256 },
	{ "streams", NULL, streams, 4000, 256 + 64 },
	{ "units", spare_files, units, 16, 256 << 10 },
	{ "small_units", spare_files, small_units, 200, 4096 },
	{ "vtd_units", spare_files, vtd_units, 200, 4096 + 2048 + 1024 },
	{ "amdvi_units", spare_files, amdvi_units, 200, 4096 + 8192 },
	{ "logs", amdvi_spares, logs, 16, 512 << 10 },
	{ "interrupt_tables", spare_files, interrupt_tables, 4, 1 << 20 },
	{ "event_rings", spare_files, event_rings, 1, 8 << 20 },
	{ "caches", spare_files, caches, 4, 65536 * 16 },
	{ "ranges", NULL, ranges, 8000, 64 + 24 },
	{ "dirty_bitmaps", sparse_ranges, dirty_bitmaps, 16, 32 << 10 },
	{ "pins", scatter, pins, 256, 4096 },
	{ "domains", NULL, domains, 1000, 1024 },
	{ "page_tables", NULL, page_tables, 1000, 4096 },
	{ "oracles", NULL, oracles, 500, 2 * 4096 },
	{ "histories", spare_domains, histories, 500, 1536 },
	{ "devices", NULL, devices, 1500, 1024 },
	{ "limits", devices, limits, 1500, 96 },
	{ "bindings", eventfds, bindings, 4000, 256 },
	{ "page_requests", attached_devices, page_requests, 500, 64 },
	{ "waiting_requests", spare_waiters, waiting_requests, 256, 1024 },
};

/*
 * The charge that shows @nr objects. Memory that the kernel has held for the cgroup, and
 * frees meanwhile, may take a page or two off: less than one in 64.
 */
static long long charge_of(unsigned int nr, unsigned int least)
{
	return (long long)nr * least / 64 * 63;
}

static void expect_growth(long long before, unsigned int nr, unsigned int least)
{
	long long grown = 0, want = charge_of(nr, least);

	WAIT_FOR((grown = memcg_stat("kernel") - before) >= want);
	ktap_print("%lld KiB, at least %lld", grown >> 10, want >> 10);
}

static int spares[ARRAY_SIZE(ways)][SPARES];

static void select_way(size_t i)
{
	ktap_note("%s", ways[i].name);
	spare = spares[i];
	memcg_select(ways[i].name);
}

static bool all_have_grown(const long long *before, bool tell)
{
	bool all = true;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		bool enough;
		long long grown;

		select_way(i);
		grown = memcg_stat("kernel") - before[i];
		enough = grown >= charge_of(ways[i].nr, ways[i].least);
		if (tell) {
			ktap_print("%s: %lld bytes of each, at least %u", ways[i].name,
				   grown / ways[i].nr, ways[i].least);
			EXPECT_TRUE(enough);
		}
		all = all && enough;
	}
	return all;
}

/* Each in a cgroup of its own, all at once: to wait for each would take a minute. */
TEST(by_commands)
{
	const struct rlimit files = { 65536, 65536 };
	long long before[ARRAY_SIZE(ways)];
	static struct env e[ARRAY_SIZE(ways)];

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		select_way(i);
		memcg_make_and_enter();
		env_open(&e[i]);
		if (ways[i].prepare)
			ways[i].prepare(&e[i], ways[i].nr);
	}
	memcg_let_it_add_up();
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		select_way(i);
		memcg_enter();
		before[i] = memcg_stat("kernel");
		ways[i].cause(&e[i], ways[i].nr);
	}
	/* Those that must grow do; one that does not is named when the time is over. */
	for (__u64 until = boottime_ns() + PATIENCE_NS; boottime_ns() < until; pause_ms(10))
		if (all_have_grown(before, false))
			break;
	all_have_grown(before, true);
}

/* ---- what a guest's tables cause ---- */

#define FIRST	NYX_SBDF(0, 16, 0, 0)
#define TABLES	400u

/* The guest has turned interrupt remapping on for all of its devices. */
static void guest_with_tables(struct guest *g)
{
	guest_open(g);
	/* The entry of a message with no data: vector 0x41 of processor 1. */
	words(g, irt_at(0))[0] = BIT(0) | 1 << 8;
	words(g, irt_at(0))[1] = 0x41;
	for (unsigned int i = 0; i < TABLES; i++) {
		test_cmd(cmd_device_add(g->fd, FIRST + i));
		dte(g, FIRST + i)[2] = irt_at(0) | D2_IV | D2_LEN(9) | D2_CTL(2);
	}
	boot(g, BOOT_XT);
}

/* A domain for each, by its first access. */
TEST(guest_domains)
{
	struct guest guest, *g = &guest;
	long long before;
	struct nyx_dma c;
	char byte;

	memcg_make_and_enter();
	guest_with_tables(g);
	for (unsigned int i = 0; i < TABLES; i++) {
		dte(g, FIRST + i)[1] = 100 + i;
		dte(g, FIRST + i)[0] = D_V | D_TV | D_MODE(0) | D_RW;
	}
	invalidate(g, CMD_ALL, 0);
	before = memcg_stat("kernel");
	for (unsigned int i = 0; i < TABLES; i++)
		test_cmd(cmd_dma_read(g->fd, &c, FIRST + i, AT_DATA, &byte, 1));
	expect_growth(before, TABLES, 1024);
}

/* Each device has a table of its own, with memory for entries that it has used. */
TEST(tables_by_commands)
{
	struct guest guest, *g = &guest;
	long long before;

	memcg_make_and_enter();
	guest_with_tables(g);
	before = memcg_stat("kernel");
	for (unsigned int i = 0; i < TABLES; i++) {
		const struct msi msi = { .address = MSI_BASE };

		test_cmd(cmd_irq_send(g->fd, &g->s, FIRST + i, msi));
	}
	expect_growth(before, TABLES, 4096);
}

/* The same by a thread of the kernel. */
TEST(tables_by_the_worker)
{
	const struct msi msi = { .address = MSI_BASE };
	struct nyx_binding_info info;
	struct guest guest, *g = &guest;
	int source, target;
	long long before;
	__u32 id;

	memcg_make_and_enter();
	guest_with_tables(g);
	source = eventfd_new();
	target = eventfd_new();
	before = memcg_stat("kernel");
	for (unsigned int i = 0; i < TABLES; i++) {
		test_cmd(cmd_irq_bind(g->fd, FIRST + i, msi, source, target, &id));
		eventfd_give(source);
		WAIT_FOR((binding_info(g->fd, id, &info), info.refused + info.delivered) == 1);
		test_cmd(cmd_irq_unbind(g->fd, id));
	}
	expect_growth(before, TABLES, 4096);
}

/* ---- the limit ---- */

/* At the limit of the cgroup it ends, and the machine has lost no more than that. */
TEST(limit)
{
	enum { LIMIT_MB = 32 };
	int status, result[2];
	unsigned int nr = 0;
	char text[32];
	pid_t pid;

	memcg_make_and_enter();
	memcg_leave();
	snprintf(text, sizeof(text), "%d", LIMIT_MB << 20);
	ASSERT_TRUE(memcg_put("memory.max", text));
	test_cmd(pipe(result));
	pid = fork();
	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		if (!memcg_put("cgroup.procs", "0"))
			_exit(2);
		for (;;) {
			int ret = cmd_unit_create_dflt(nyx_open(), NULL, 0, NULL);

			if (ret)
				_exit(ret != -ENOMEM);
			if (write(result[1], "", 1) != 1)
				_exit(3);
		}
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	close(result[1]);
	while (read(result[0], text, 1) == 1)
		nr++;
	ktap_print("%u units", nr);
	/* Either the kernel ends it, or the command fails. */
	if (WIFEXITED(status))
		ASSERT_EQ(0, WEXITSTATUS(status));
	else
		ASSERT_EQ(SIGKILL, WTERMSIG(status));
	ASSERT_LE(nr, LIMIT_MB * 4);
	ASSERT_GT(nr, LIMIT_MB);
}
