// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: what sysfs and debugfs show of a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "nyx_env.h"

#include <ctype.h>
#include <dirent.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define CLASS	"/sys/class/nyx-iommu"
#define DEBUGFS	"/sys/kernel/debug/nyx-iommu"

static const char *const files[] = {
	"name", "model", "address_width", "owner_uid", "memory_bytes", "iotlb_entries",
	"irt_entries",
};

static const char *const debug_files[] = {
	"memory", "iotlb", "tables", "irt", "bindings", "devices"
};

/* The whole of a file, by reads of @chunk bytes; NULL and errno if it fails. */
static char *read_file(const char *path, size_t chunk, size_t *size)
{
	size_t room = 4096, n = 0;
	char *text = ktap_alloc(room);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = -1;

	while (fd >= 0) {
		if (n + chunk + 1 > room) {
			room = 2 * (n + chunk + 1);
			text = realloc(text, room);
			ASSERT_TRUE(text);
		}
		got = read(fd, text + n, chunk);
		if (got <= 0)
			break;
		n += got;
	}
	if (fd >= 0)
		close(fd);
	if (got < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	if (size)
		*size = n;
	return text;
}

static void unit_path(char *path, size_t size, const char *base, __u32 unit, const char *file)
{
	snprintf(path, size, "%s/unit%u%s%s", base, unit, file ? "/" : "", file ? file : "");
}

/* The value of a file: one line. */
static char *unit_file(__u32 unit, const char *file)
{
	char path[200], *text;
	size_t n;

	unit_path(path, sizeof(path), CLASS, unit, file);
	text = read_file(path, 4096, &n);
	if (!text)
		FAIL("%s: %s", path, strerror(errno));
	ktap_note("%s: '%s'", path, text);
	ASSERT_GT(n, 0);
	ASSERT_EQ('\n', text[n - 1]);
	text[n - 1] = '\0';
	ASSERT_TRUE(!strchr(text, '\n'));
	return text;
}

static __u64 unit_number(__u32 unit, const char *file)
{
	char *text = unit_file(unit, file), *end;
	__u64 value;

	ASSERT_TRUE(isdigit((unsigned char)text[0]));
	value = strtoull(text, &end, 10);
	ASSERT_EQ(0, *end);
	free(text);
	return value;
}

static bool exists(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

static void need_debugfs(void)
{
	if (!exists(DEBUGFS))
		mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (!exists(DEBUGFS))
		SKIP("no %s", DEBUGFS);
}

/* A unit in which there is something to see. */
static void busy_env(struct env *e)
{
	unsigned char buf[100] = { 0 };

	env_open(e, .iotlb = 64);
	test_cmd(cmd_map(e->fd, e->domain, 0, 0, SZ_2M, RW));
	test_cmd(cmd_map(e->fd, e->domain, SZ_1G, SZ_2M, SZ_64K, NYX_PROT_READ));
	for (int i = 0; i < 10; i++)
		dma_write(e->fd, e->sbdf, i * 100, buf, sizeof(buf));
	dma_refused(e->fd, e->sbdf, SZ_512G, NYX_PROT_READ, NYX_FAULT_TABLE_NOT_PRESENT);
	test_cmd(cmd_device_add(e->fd, 77));
}

TEST(values)
{
	struct nyx_unit_info info;
	char *text;
	struct env e;

	busy_env(&e);
	test_cmd(cmd_unit_info(e.fd, &info));
	ASSERT_EQ(info.address_width, unit_number(e.unit, "address_width"));
	ASSERT_EQ(info.owner_uid, unit_number(e.unit, "owner_uid"));
	ASSERT_EQ(info.memory_bytes, unit_number(e.unit, "memory_bytes"));
	ASSERT_EQ(info.iotlb_entries, unit_number(e.unit, "iotlb_entries"));
	ASSERT_EQ(info.irt_entries, unit_number(e.unit, "irt_entries"));
	text = unit_file(e.unit, "model");
	ASSERT_EQ(0, strcmp(text, "native"));
	free(text);
	text = unit_file(e.unit, "name");
	ASSERT_EQ(0, text[0]);
	free(text);
}

TEST(name_and_owner)
{
	int fd = nyx_open();
	char *text;
	__u32 id;

	test_cmd(cmd_unit_create_dflt(fd, "sysfs.test:1", 0, &id));
	text = unit_file(id, "name");
	ASSERT_EQ(0, strcmp(text, "sysfs.test:1"));
	free(text);
}

/* Nothing else that depends on the unit, such as a counter */
static void only_documented(const char *path)
{
	static const char *const ours[] = { "power", "subsystem", "uevent" };
	unsigned int nr = 0, others = 0;
	struct dirent *de;
	DIR *d = opendir(path);

	ASSERT_TRUE(d);
	while ((de = readdir(d))) {
		nr += de->d_name[0] != '.';
		for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
			others += !strcmp(de->d_name, ours[i]);
	}
	closedir(d);
	ASSERT_EQ(ARRAY_SIZE(files) + others, nr);
}

/* A directory comes and goes with its unit, and holds what is documented. */
TEST(directory)
{
	char path[200];
	struct stat st;
	struct env e;

	env_open(&e);
	unit_path(path, sizeof(path), CLASS, e.unit, NULL);
	ASSERT_TRUE(exists(path));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		unit_path(path, sizeof(path), CLASS, e.unit, files[i]);
		ktap_note("%s", path);
		ASSERT_EQ(0, stat(path, &st));
		ASSERT_TRUE(S_ISREG(st.st_mode));
		ASSERT_EQ(0440, st.st_mode & 07777);
	}
	unit_path(path, sizeof(path), CLASS, e.unit, NULL);
	only_documented(path);
	close(e.fd);
	ASSERT_TRUE(!exists(path));

	/* A destroyed unit is gone although a process holds its file. */
	env_open(&e);
	unit_path(path, sizeof(path), CLASS, e.unit, NULL);
	ASSERT_TRUE(exists(path));
	test_cmd(cmd_unit_destroy(e.fd));
	ASSERT_TRUE(!exists(path));

	/* One that could not be made has left none. */
	close(e.fd);
	{
		int a = nyx_open(), b = nyx_open(), n = 0;
		DIR *d;

		test_cmd(cmd_unit_create_dflt(a, "twice", 0, NULL));
		test_err(EEXIST, cmd_unit_create_dflt(b, "twice", 0, NULL));
		d = opendir(CLASS);
		ASSERT_TRUE(d);
		for (struct dirent *de; (de = readdir(d));)
			n += de->d_name[0] != '.';
		closedir(d);
		ASSERT_EQ(units_in_system(a), n);
	}
}

static void reads_as(uid_t uid, gid_t gid, __u32 unit, bool may)
{
	char path[200];
	pid_t pid = fork();
	int fd;

	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		test_cmd(setgroups(0, NULL));
		test_cmd(setresgid(gid, gid, gid));
		test_cmd(setresuid(uid, uid, uid));
		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			unit_path(path, sizeof(path), CLASS, unit, files[i]);
			ktap_note("%s", path);
			fd = open(path, O_RDONLY);
			ASSERT_EQ(may, fd >= 0);
			if (!may)
				ASSERT_EQ(EACCES, errno);
		}
		_exit(0);
	}
	ktap_wait_exit(pid);
}

/* They are for the group of the node through which the unit was made. */
TEST(group)
{
	char path[200];
	struct stat node, st;
	int fd[2];
	__u32 id;

	if (geteuid())
		SKIP("needs root");
	test_cmd(stat(NYX_DEVICE, &node));
	test_cmd(chown(NYX_DEVICE, -1, 4100));
	for (int i = 0; i < 2; i++) {
		fd[i] = nyx_open();
		test_cmd(cmd_unit_create_dflt(fd[i], NULL, 0, &id));
		unit_path(path, sizeof(path), CLASS, id, "name");
		ASSERT_EQ(0, stat(path, &st));
		ASSERT_EQ(0, st.st_uid);
		ASSERT_EQ(i ? node.st_gid : 4100, st.st_gid);
		reads_as(4001, 4100, id, !i);
		reads_as(4001, 4001, id, false);
		reads_as(4001, node.st_gid, id, i);
		test_cmd(chown(NYX_DEVICE, -1, node.st_gid));
	}
}

/* They cannot be written, and odd reads are harmless. */
TEST(odd_reads)
{
	char path[200], *whole, *bytes, buf[64];
	struct env e;
	size_t n, m;

	busy_env(&e);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd;

		unit_path(path, sizeof(path), CLASS, e.unit, files[i]);
		ktap_note("%s", path);
		whole = read_file(path, 4096, &n);
		bytes = read_file(path, 1, &m);
		ASSERT_TRUE(whole && bytes);
		ASSERT_EQ(n, m);
		ASSERT_EQ(0, strcmp(whole, bytes));
		fd = open(path, O_RDONLY);
		ASSERT_EQ(0, pread(fd, buf, sizeof(buf), 4096));
		ASSERT_LE(pread(fd, buf, sizeof(buf), 0x7fffffffffffff00ll) + 1, 1);
		ASSERT_EQ(-1, pread(fd, (void *)-4096, 1, 0));
		close(fd);
		fd = open(path, O_WRONLY);
		if (fd >= 0) {
			/* Root may open it. */
			ASSERT_TRUE(write(fd, "1\n", 2) < 0);
			close(fd);
		}
		free(whole);
		free(bytes);
	}
}

/* A file that is open when the unit ends. */
TEST(open_across_the_end)
{
	char path[200], buf[64];
	int fd[ARRAY_SIZE(files)];
	struct env e;

	busy_env(&e);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		unit_path(path, sizeof(path), CLASS, e.unit, files[i]);
		fd[i] = open(path, O_RDONLY);
		ASSERT_TRUE(fd[i] >= 0);
	}
	close(e.fd);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ASSERT_TRUE(pread(fd[i], buf, sizeof(buf), 0) <= 0);
		close(fd[i]);
	}
}

TEST(debugfs_files)
{
	char path[200], *whole, *bytes;
	struct stat st;
	struct env e;
	size_t n, m;

	need_debugfs();
	busy_env(&e);
	for (size_t i = 0; i < ARRAY_SIZE(debug_files); i++) {
		unit_path(path, sizeof(path), DEBUGFS, e.unit, debug_files[i]);
		ktap_note("%s", path);
		ASSERT_EQ(0, stat(path, &st));
		ASSERT_EQ(0, st.st_mode & 0222);
		whole = read_file(path, 65536, &n);
		bytes = read_file(path, 1, &m);
		ASSERT_TRUE(whole && bytes);
		ASSERT_GT(n, 0);
		ASSERT_EQ('\n', whole[n - 1]);
		ASSERT_EQ(0, strcmp(whole, bytes));
		free(whole);
		free(bytes);
	}
	close(e.fd);
	ASSERT_TRUE(!exists(path));
}

/* Tables with very many entries, read while they change. */
struct reading {
	__u32 unit;
	bool stop;
	unsigned long reads;
};

static void *reader(void *arg)
{
	struct reading *r = arg;
	char path[200];

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			unit_path(path, sizeof(path), CLASS, r->unit, files[i]);
			free(read_file(path, 13, NULL));
		}
		for (size_t i = 0; i < ARRAY_SIZE(debug_files); i++) {
			unit_path(path, sizeof(path), DEBUGFS, r->unit, debug_files[i]);
			free(read_file(path, 4000, NULL));
		}
		__atomic_add_fetch(&r->reads, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST(read_while_changing)
{
	struct reading r = { .stop = false };
	struct rng rng = rng_start(1);
	pthread_t t[2];
	struct env e;

	need_debugfs();
	for (int round = 0; round < 5; round++) {
		env_open(&e);
		r.unit = e.unit;
		r.stop = false;
		for (int i = 0; i < 2; i++)
			t[i] = thread_start(reader, &r);
		for (unsigned long i = 0; i < ktap_iterations(200); i++) {
			__u32 id;

			test_cmd(cmd_domain_paging(e.fd, 0, &id));
			test_cmd(cmd_map(e.fd, id, rng_below(&rng, 1000) * SZ_2M, 0, SZ_64K, RW));
			cmd_map(e.fd, e.domain, rng_below(&rng, 4096) * SZ_4K, 0, SZ_4K, RW);
			if (i % 3)
				test_cmd(cmd_domain_destroy(e.fd, id));
			if (i % 10 == 0) {
				test_cmd(cmd_memory_remove(e.fd, 0, e.mem_size));
				test_cmd(cmd_memory_add(e.fd, 0, 0, e.mem_size, e.mem));
			}
		}
		/* The unit ends under the readers. */
		if (round % 2)
			test_cmd(cmd_unit_destroy(e.fd));
		close(e.fd);
		sched_yield();
		__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
		for (int i = 0; i < 2; i++)
			pthread_join(t[i], NULL);
	}
	ktap_print("%lu reads", r.reads);
}

/* The table in debugfs has every mapping. */
TEST(debugfs_large_tables)
{
	char path[200], *text;
	struct env e;
	size_t n, lines = 0;

	need_debugfs();
	env_open(&e);
	for (unsigned int i = 0; i < 3000; i++)
		test_cmd(cmd_map(e.fd, e.domain, i * 3 * SZ_4K, 0, SZ_4K, RW));
	unit_path(path, sizeof(path), DEBUGFS, e.unit, "tables");
	text = read_file(path, 65536, &n);
	ASSERT_TRUE(text);
	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	ASSERT_GE(lines, 3000);
	free(text);
}
