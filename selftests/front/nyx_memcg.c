// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: kernel memory is charged to the memory cgroup of whoever causes it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each way to make the module allocate is tried in a cgroup of its own. What the
 * cgroup has in kernel memory must grow by what the objects take at least. The
 * kernel adds it up now and then, so a case waits for that.
 */
#include "amdvi_guest.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOT	"/run/nyx-memcg"
#define GROUP	ROOT "/caller"

/* ---- the cgroup ---- */

static bool put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	bool ok = f && fputs(text, f) >= 0;

	if (f && fclose(f))
		ok = false;
	return ok;
}

/* Moves this process into a cgroup that nobody else is in. */
static void enter_cgroup(void)
{
	mkdir(ROOT, 0755);
	mount("none", ROOT, "cgroup2", 0, NULL);
	if (!put_file(ROOT "/cgroup.subtree_control", "+memory"))
		NOT_HERE("no memory controller of cgroup v2");
	/* The memory of the case before may still be on its way. */
	rmdir(GROUP);
	mkdir(GROUP, 0755);
	put_file(GROUP "/memory.max", "max");
	ASSERT_TRUE(put_file(GROUP "/cgroup.procs", "0"));
}

/* Kernel memory that the cgroup is charged for, in bytes. */
static long long kernel_memory(void)
{
	FILE *f = fopen(GROUP "/memory.stat", "r");
	long long bytes = -1;
	char line[256];

	ASSERT_TRUE(f);
	while (bytes < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "kernel %lld", &bytes);
	fclose(f);
	if (bytes < 0)
		NOT_HERE("the kernel does not tell");
	return bytes;
}

/* ---- ways to make the module allocate ---- */

static void units(struct env *e, unsigned int nr)
{
	(void)e;
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_unit_create_dflt(nyx_open(), NULL, 0, NULL));
}

static void interrupt_tables(struct env *e, unsigned int nr)
{
	(void)e;
	for (unsigned int i = 0; i < nr; i++) {
		struct nyx_unit_create c = {
			.size = sizeof(c), .irt_entries = 65536,
		};

		test_cmd(cmd_unit_create(nyx_open(), &c));
	}
}

/* The region of each, and the map, which is copied. */
static void ranges(struct env *e, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_memory_add(e->fd, 0, SZ_1G + i * 2ull * SZ_4K, SZ_4K, e->mem));
}

static void domains(struct env *e, unsigned int nr)
{
	__u32 id;

	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_domain_paging(e->fd, 0, &id));
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

/* From its first unmap on a domain has one. */
static void histories(struct env *e, unsigned int nr)
{
	__u32 id;

	for (unsigned int i = 0; i < nr; i++) {
		test_cmd(cmd_domain_paging(e->fd, 0, &id));
		test_cmd(cmd_map(e->fd, id, SZ_4K, 0, SZ_4K, NYX_PROT_READ));
		test_cmd(cmd_unmap(e->fd, id, SZ_4K, SZ_4K, NULL));
	}
}

static void devices(struct env *e, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_device_add(e->fd, NYX_SBDF(1, 0, 0, 0) + i));
}

static void limits(struct env *e, unsigned int nr)
{
	const struct nyx_limits l = { .ops_per_s = 1000000 };

	for (unsigned int i = 0; i < nr; i++) {
		test_cmd(cmd_device_add(e->fd, NYX_SBDF(1, 0, 0, 0) + i));
		test_cmd(cmd_limit_set(e->fd, NYX_SCOPE_DEVICE, NYX_SBDF(1, 0, 0, 0) + i, &l));
	}
}

static void bindings(struct env *e, unsigned int nr)
{
	const struct msi msi = { .address = MSI_BASE | 0x10 };
	int target = eventfd_new();

	for (unsigned int i = 0; i < nr; i++)
		test_cmd(cmd_irq_bind(e->fd, e->sbdf, msi, eventfd_new(), target, NULL));
}

static void event_rings(struct env *e, unsigned int nr)
{
	(void)e;
	for (unsigned int i = 0; i < nr; i++) {
		struct nyx_unit_create c = {
			.size = sizeof(c), .event_entries = 65536,
		};

		test_cmd(cmd_unit_create(nyx_open(), &c));
	}
}

static const struct way {
	const char *name;
	void (*cause)(struct env *e, unsigned int nr);
	unsigned int nr;
	unsigned int least;	/* bytes of each */
} ways[] = {
	{ "units", units, 16, 256 << 10 },
	{ "interrupt_tables", interrupt_tables, 4, 1 << 20 },
	{ "event_rings", event_rings, 1, 8 << 20 },
	{ "ranges", ranges, 8000, 64 + 24 },
	{ "domains", domains, 1000, 1024 },
	{ "page_tables", page_tables, 1000, 4096 },
	{ "oracles", oracles, 500, 2 * 4096 },
	{ "histories", histories, 500, 1024 + 1536 },
	{ "devices", devices, 1500, 1024 },
	{ "limits", limits, 1500, 1024 + 96 },
	{ "bindings", bindings, 4000, 256 },
};

static void expect_growth(long long before, unsigned int nr, unsigned int least)
{
	long long grown = 0, want = (long long)nr * least;

	WAIT_FOR((grown = kernel_memory() - before) >= want);
	ktap_print("%lld KiB, at least %lld", grown >> 10, want >> 10);
}

TEST_EACH(by_commands, ways)
{
	struct rlimit files = { v->nr + 256, v->nr + 256 };
	long long before;
	struct env e;

	enter_cgroup();
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	env_open(&e);
	before = kernel_memory();
	v->cause(&e, v->nr);
	expect_growth(before, v->nr, v->least);
}

/* ---- what a guest's tables cause ---- */

#define FIRST	NYX_SBDF(0, 16, 0, 0)
#define TABLES	400u

/* The guest has turned interrupt remapping on for all of its devices. */
static void guest_with_tables(struct guest *g)
{
	guest_open(g);
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

	enter_cgroup();
	guest_with_tables(g);
	for (unsigned int i = 0; i < TABLES; i++) {
		dte(g, FIRST + i)[1] = 100 + i;
		dte(g, FIRST + i)[0] = D_V | D_TV | D_MODE(0) | D_RW;
	}
	invalidate(g, CMD_ALL, 0);
	before = kernel_memory();
	for (unsigned int i = 0; i < TABLES; i++)
		test_cmd(cmd_dma_read(g->fd, &c, FIRST + i, AT_DATA, &byte, 1));
	expect_growth(before, TABLES, 1024);
}

/* Each device has a table of its own from its first interrupt on. */
TEST(tables_by_commands)
{
	struct guest guest, *g = &guest;
	long long before;

	enter_cgroup();
	guest_with_tables(g);
	before = kernel_memory();
	for (unsigned int i = 0; i < TABLES; i++) {
		const struct msi msi = { .address = MSI_BASE };

		test_cmd(cmd_irq_send(g->fd, &g->s, FIRST + i, msi));
	}
	expect_growth(before, TABLES, 8192);
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

	enter_cgroup();
	guest_with_tables(g);
	source = eventfd_new();
	target = eventfd_new();
	before = kernel_memory();
	for (unsigned int i = 0; i < TABLES; i++) {
		test_cmd(cmd_irq_bind(g->fd, FIRST + i, msi, source, target, &id));
		eventfd_give(source);
		WAIT_FOR((binding_info(g->fd, id, &info), info.refused + info.delivered) == 1);
		test_cmd(cmd_irq_unbind(g->fd, id));
	}
	expect_growth(before, TABLES, 8192);
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

	enter_cgroup();
	ASSERT_TRUE(put_file(ROOT "/cgroup.procs", "0"));
	snprintf(text, sizeof(text), "%d", LIMIT_MB << 20);
	ASSERT_TRUE(put_file(GROUP "/memory.max", text));
	test_cmd(pipe(result));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (!put_file(GROUP "/cgroup.procs", "0"))
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
