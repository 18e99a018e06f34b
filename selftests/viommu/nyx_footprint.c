// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: what objects cost in kernel memory.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * As nyx_memcg, which has the lower bounds: each kind is made in a cgroup of its own, many
 * times, and what the cgroup is charged is divided by how many there are. Page tables and
 * stacks of this process do not count. A line "size NAME CPUS BYTES PERCPU" tells it: of BYTES,
 * PERCPU are there for each of CPUS possible ones. selftests/bench/growth makes a table of these
 * lines.
 *
 * The bounds hold on 64-bit machines, where no checker of the kernel adds to objects.
 */
#include "memcg.h"
#include "view.h"
#include "vtd_guest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_SPARES	64u

#define FIRST		NYX_SBDF(1, 0, 0, 0)
#define GUEST_FIRST	NYX_SBDF(0, 0, 8, 0)	/* of bus 0, behind those of guest_open() */

/**
 * struct case_state - what the functions of a kind of object share
 * @e: a unit
 * @g: a guest
 * @spare: files, or guests, one for each
 * @guests: guests
 */
struct case_state {
	struct env e;
	struct guest g;
	int spare[MAX_SPARES];
	struct guest *guests;
};

/* ---- units ---- */

static void spare_files(struct case_state *s, unsigned int nr)
{
	ASSERT_LE(nr, MAX_SPARES);
	for (unsigned int i = 0; i < nr; i++)
		s->spare[i] = nyx_open();
}

static void make_units(struct case_state *s, unsigned int nr, const struct nyx_unit_create *c)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct nyx_unit_create one = *c;

		test_cmd(cmd_unit_create(s->spare[i], &one));
	}
}

static void units_native(struct case_state *s, unsigned int nr)
{
	make_units(s, nr, &(struct nyx_unit_create) {
			.model = NYX_MODEL_NATIVE, .iotlb_entries = NYX_DEFAULT,
		   });
}

static void units_small(struct case_state *s, unsigned int nr)
{
	make_units(s, nr, &(struct nyx_unit_create) {
			.model = NYX_MODEL_NATIVE, .event_entries = 16, .irt_entries = 1,
		   });
}

static void units_vtd(struct case_state *s, unsigned int nr)
{
	make_units(s, nr, &(struct nyx_unit_create) {
			.model = NYX_MODEL_VTD, .iotlb_entries = NYX_DEFAULT,
		   });
}

static void units_amdvi(struct case_state *s, unsigned int nr)
{
	make_units(s, nr, &(struct nyx_unit_create) {
			.model = NYX_MODEL_AMDVI, .iotlb_entries = NYX_DEFAULT,
		   });
}

/* 64 KiB entries more than the small ones have. */
static void units_cache(struct case_state *s, unsigned int nr)
{
	make_units(s, nr, &(struct nyx_unit_create) {
			.model = NYX_MODEL_NATIVE, .iotlb_entries = 65536,
			.event_entries = 16, .irt_entries = 1,
		   });
}

static void units_events(struct case_state *s, unsigned int nr)
{
	make_units(s, nr, &(struct nyx_unit_create) {
			.model = NYX_MODEL_NATIVE, .event_entries = 65536, .irt_entries = 1,
		   });
}

/* ---- in a unit ---- */

static void a_unit(struct case_state *s, unsigned int nr)
{
	(void)nr;
	env_open(&s->e);
}

static void devices(struct case_state *s, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_device_add(s->e.fd, FIRST + i));
}

static void unit_with_devices(struct case_state *s, unsigned int nr)
{
	a_unit(s, nr);
	devices(s, nr);
}

/* No device is in a domain, so each access is a fault. */
static void faults(struct case_state *s, unsigned int nr, unsigned int times)
{
	struct nyx_dma c;
	char byte;

	for (unsigned int i = 0; i < nr * times; i++)
		test_cmd(cmd_dma_read(s->e.fd, &c, FIRST + i / times, 0, &byte, 1));
}

static void first_faults(struct case_state *s, unsigned int nr)
{
	faults(s, nr, 1);
}

static void unit_with_few_records(struct case_state *s, unsigned int nr)
{
	struct nyx_policy p = { .action = NYX_ACTION_REPORT, .threshold = 1000,
				.window_ms = 1000, .backoff_ms = 1, .backoff_max_ms = 1,
				.probation_ms = 1, .max_tries = 1, .records_per_s = 1 };

	unit_with_devices(s, nr);
	test_cmd(cmd_policy_set(s->e.fd, NYX_SCOPE_UNIT, 0, &p));
}

/* More than the device may have records of in a second. */
static void floods(struct case_state *s, unsigned int nr)
{
	faults(s, nr, 3);
}

static void domains(struct case_state *s, unsigned int nr)
{
	__u32 id;

	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_domain_paging(s->e.fd, 0, &id));
}

static void unit_with_mapped_domains(struct case_state *s, unsigned int nr)
{
	a_unit(s, nr);
	for (unsigned int i = 0; i < nr; i++) {
		__u32 id;

		test_cmd(cmd_domain_paging(s->e.fd, 0, &id));
		/* One page stays, and the tables with it. */
		test_cmd(cmd_map(s->e.fd, id, SZ_4K, 0, 2 * SZ_4K, NYX_PROT_READ));
	}
}

/* Ids begin at 1, and env_open() has one. */
static void first_unmaps(struct case_state *s, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_unmap(s->e.fd, s->e.domain + 1 + i, SZ_4K, SZ_4K, NULL));
}

/* IOVA and GPA that are apart by less than a larger page leave no choice. */
static void map_apart(struct case_state *s, unsigned int nr, __u64 distance)
{
	for (__u64 i = 1; i <= nr; i++)
		test_cmd(cmd_map(s->e.fd, s->e.domain, i * SZ_1G, i * SZ_1G + distance, SZ_1G,
				 NYX_PROT_READ));
}

static void gib_4k(struct case_state *s, unsigned int nr)
{
	map_apart(s, nr, SZ_4K);
}

static void gib_2m(struct case_state *s, unsigned int nr)
{
	map_apart(s, nr, SZ_2M);
}

static void gib_1g(struct case_state *s, unsigned int nr)
{
	map_apart(s, nr, SZ_1G);
}

static void ranges(struct case_state *s, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_memory_add(s->e.fd, 0, SZ_1G + i * 2ull * SZ_4K, SZ_4K,
					s->e.mem));
}

/* Pages of a file are there in the order in which they were touched: no two in a row. */
static void scattered_unit(struct case_state *s, unsigned int nr)
{
	a_unit(s, nr);
	for (__u64 at = 0; at < s->e.mem_size; at += 2 * SZ_4K)
		s->e.mem[at] = 1;
	for (__u64 at = SZ_4K; at < s->e.mem_size; at += 2 * SZ_4K)
		s->e.mem[at] = 1;
}

static void pins(struct case_state *s, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_memory_add(s->e.fd, NYX_MEMORY_F_PINNED, SZ_1G + i * SZ_2M * 2,
					SZ_2M, s->e.mem));
}

static void views(struct case_state *s, unsigned int nr)
{
	static struct view view[MAX_SPARES];

	ASSERT_LE(nr, MAX_SPARES);
	for (unsigned int i = 0; i < nr; i++)
		view_open(&view[i], s->e.fd, 64, 1024);
}

static void guest_with_entries(struct case_state *s, unsigned int nr)
{
	guest_open(&s->g);
	for (unsigned int i = 0; i < nr; i++) {
		test_cmd(cmd_device_add(s->g.fd, GUEST_FIRST + i));
		attach(&s->g, GUEST_FIRST + i, 100 + i, 4);
	}
	boot(&s->g, BOOT_ALL);
}

/* A domain for each, by its first access, which its empty table refuses. */
static void guest_domains(struct case_state *s, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		ASSERT_TRUE(peek(&s->g, GUEST_FIRST + i, SZ_1G));
}

/* ---- a virtual machine ---- */

#define VM_DEVICES	8u
#define VM_MSIS		4u	/* of each device */
#define VM_RAM		(8ull * SZ_1G)

/* Its memory is there before: the page tables of this process are not what is measured. */
static void vm_memory(struct case_state *s, unsigned int nr)
{
	spare_files(s, nr);
	s->guests = ktap_alloc(nr * sizeof(*s->guests));
	for (unsigned int i = 0; i < nr; i++) {
		struct guest *g = &s->guests[i];

		*g = (struct guest){ .next_table = AT_TABLES, .slots = 256, .queue = AT_QUEUE,
				     .faults = 8 };
		g->ram = map_aligned(VM_RAM, SZ_2M, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	}
}

/*
 * Eight devices with a table and four interrupts each, eight GiB in two ranges, and a view:
 * a unit with the defaults after each device has worked.
 */
static void vms(struct case_state *s, unsigned int nr)
{
	static struct view view[MAX_SPARES];

	for (unsigned int i = 0; i < nr; i++) {
		struct nyx_unit_create c = {
			.model = NYX_MODEL_VTD, .iotlb_entries = NYX_DEFAULT,
		};
		struct guest *g = &s->guests[i];

		g->fd = s->spare[i];
		test_cmd(cmd_unit_create(g->fd, &c));
		test_cmd(cmd_events_open(g->fd, NYX_EVENTS_F_NONBLOCK, &g->events));
		test_cmd(cmd_memory_add(g->fd, 0, 0, 3 * SZ_1G, g->ram));
		test_cmd(cmd_memory_add(g->fd, 0, 4 * SZ_1G, VM_RAM - 3 * SZ_1G,
					g->ram + 3 * SZ_1G));
		for (unsigned int d = 0; d < VM_DEVICES; d++) {
			__u64 root = attach(g, GUEST_FIRST + d, 1 + d, 3);

			test_cmd(cmd_device_add(g->fd, GUEST_FIRST + d));
			set_pte(g, root, 3, SZ_2M, 0, AT_DATA | PTE_RW);
			for (unsigned int m = 0; m < VM_MSIS; m++)
				set_irte(g, VM_MSIS * d + m, 1 | 0x41 << 16, 0);
		}
		boot(g, BOOT_ALL);
		for (unsigned int d = 0; d < VM_DEVICES; d++) {
			reaches(g, GUEST_FIRST + d, SZ_2M, AT_DATA);
			for (unsigned int m = 0; m < VM_MSIS; m++)
				ASSERT_EQ(NYX_IRQ_DELIVER,
					  send_msi(g, GUEST_FIRST + d,
						   msi_address(VM_MSIS * d + m), 0));
		}
		view_open(&view[i], g->fd, 64, 1024);
	}
}

/* ---- all of them ---- */

/**
 * struct kind - a kind of object
 * @name: its name
 * @prepare: what is there before
 * @make: makes them
 * @nr: how many
 * @most: bytes that each may cost, with one possible CPU
 */
static const struct kind {
	const char *name;
	void (*prepare)(struct case_state *s, unsigned int nr);
	void (*make)(struct case_state *s, unsigned int nr);
	unsigned int nr;
	unsigned int most;
} kinds[] = {
	{ "unit-native", spare_files, units_native, 32, 320 << 10 },
	{ "unit-vtd", spare_files, units_vtd, 32, 320 << 10 },
	{ "unit-amdvi", spare_files, units_amdvi, 32, 336 << 10 },
	{ "unit-small", spare_files, units_small, 32, 32 << 10 },
	{ "unit-cache-65536", spare_files, units_cache, 8, (2 << 20) + (32 << 10) },
	{ "unit-events-65536", spare_files, units_events, 8, (8 << 20) + (32 << 10) },
	{ "device", a_unit, devices, 2000, 1536 },
	{ "device-fault", unit_with_devices, first_faults, 2000, 64 },
	{ "device-flood", unit_with_few_records, floods, 2000, 192 },
	{ "domain", a_unit, domains, 2000, 2048 },
	{ "domain-guest", guest_with_entries, guest_domains, 150, 3072 },
	{ "domain-unmap", unit_with_mapped_domains, first_unmaps, 500, 2048 + 256 },
	{ "gib-4k", a_unit, gib_4k, 8, (2 << 20) + (16 << 10) },
	{ "gib-2m", a_unit, gib_2m, 256, 4096 + 512 },
	{ "gib-1g", a_unit, gib_1g, 256, 64 },
	{ "range", a_unit, ranges, 1000, 512 },
	/* A processor charges 64 pages at once: of two, that is 2 KiB for each of 256. */
	{ "pinned-2m", scattered_unit, pins, 256, 8192 + 2048 },
	{ "view", a_unit, views, 32, 48 << 10 },
	{ "vm", vm_memory, vms, 4, 1 << 20 },
};

static struct case_state states[ARRAY_SIZE(kinds)];

/* Of this process, not of the module. */
static long long charged(void)
{
	return memcg_stat("kernel") - memcg_stat("pagetables") - memcg_stat("kernel_stack");
}

/*
 * Of each possible CPU. The kernel also charges for a pointer to the cgroup for each four
 * bytes, once.
 */
static long long of_each_cpu(long long charge, long cpus)
{
	return charge / (cpus + (long)sizeof(void *) / 4);
}

static bool has_checkers(void)
{
	const char *vm = getenv("NYX_VM");

	return vm && (!strcmp(vm, "uml") || !strcmp(vm, "debug"));
}

/* Each in a cgroup of its own, all at once: to wait for each would take a minute. */
TEST(by_kind)
{
	const struct rlimit files = { 65536, 65536 };
	long long before[ARRAY_SIZE(kinds)], percpu[ARRAY_SIZE(kinds)];
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		ktap_note("%s", kinds[i].name);
		memcg_select(kinds[i].name);
		memcg_make_and_enter();
		kinds[i].prepare(&states[i], kinds[i].nr);
	}
	memcg_let_it_add_up();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		ktap_note("%s", kinds[i].name);
		memcg_select(kinds[i].name);
		memcg_enter();
		before[i] = charged();
		percpu[i] = memcg_stat("percpu");
		kinds[i].make(&states[i], kinds[i].nr);
	}
	memcg_leave();
	/* All that was freed on the way goes after a grace period. */
	memcg_let_it_add_up();
	memcg_let_it_add_up();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *k = &kinds[i];
		long long each;

		ktap_note("%s", k->name);
		memcg_select(k->name);
		each = (charged() - before[i]) / k->nr;
		percpu[i] = (memcg_stat("percpu") - percpu[i]) / k->nr;
		percpu[i] = of_each_cpu(percpu[i], cpus);
		ktap_print("size %s %ld %lld %lld", k->name, cpus, each, percpu[i]);
		/* The bound is for one CPU. */
		if (!has_checkers())
			EXPECT_TRUE(each - (cpus - 1) * percpu[i] <= k->most);
	}
}
