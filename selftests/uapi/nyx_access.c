// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: access to units: processes, users, user namespaces, names, and the
 * memory of other processes.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Root opens the files, because users without the node's group cannot, and children
 * that have become other users use them.
 */
#include "nyx_env.h"

#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define ALICE	4001
#define MALLORY	4002
#define NR_FDS	8

/**
 * struct scene - what the processes of a case share
 * @fd: files, opened by root, on which units are made and opened
 * @id: units
 */
struct scene {
	int fd[NR_FDS];
	__u32 id[NR_FDS];
};

/* Shared by a case and its children. */
static struct scene *new_scene(void)
{
	struct scene *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_TRUE(s != MAP_FAILED);
	if (geteuid())
		SKIP("needs root");
	for (int i = 0; i < NR_FDS; i++)
		s->fd[i] = nyx_open();
	return s;
}

static void become(uid_t uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		SKIP("no change of user: %s", strerror(errno));
}

/* Another process of the same user: @fn, to its end. */
static void elsewhere(void (*fn)(struct scene *s), struct scene *s)
{
	pid_t pid = fork();

	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		fn(s);
		_exit(0);
	}
	ktap_wait_exit(pid);
}

static void as_user(uid_t uid, void (*fn)(struct scene *s), struct scene *s)
{
	pid_t pid = fork();

	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		become(uid);
		fn(s);
		_exit(0);
	}
	ktap_wait_exit(pid);
}

static void write_map(pid_t pid, const char *map, uid_t root, uid_t first, unsigned int nr)
{
	char path[64], text[64];
	int fd, len;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, map);
	len = snprintf(text, sizeof(text), "0 %u 1\n1 %u %u\n", root, first, nr);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ASSERT_TRUE(fd >= 0);
	ASSERT_EQ(len, write(fd, text, len));
	close(fd);
}

/*
 * In a user namespace that the user @uid makes: there it is root, with @nr further ids
 * from @first on.
 */
static void in_container(uid_t uid, uid_t first, unsigned int nr, void (*fn)(struct scene *s),
			 struct scene *s)
{
	int up[2], down[2], error = 0;
	pid_t pid;

	test_cmd(pipe(up));
	test_cmd(pipe(down));
	pid = fork();
	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		become(uid);
		prctl(PR_SET_DUMPABLE, 1);
		if (unshare(CLONE_NEWUSER))
			error = errno;
		ASSERT_EQ(sizeof(error), write(up[1], &error, sizeof(error)));
		ASSERT_EQ(sizeof(error), read(down[0], &error, sizeof(error)));
		if (error)
			_exit(0);
		become(0);
		fn(s);
		_exit(0);
	}
	ASSERT_EQ(sizeof(error), read(up[0], &error, sizeof(error)));
	if (!error) {
		write_map(pid, "uid_map", uid, first, nr);
		write_map(pid, "gid_map", uid, first, nr);
	}
	ASSERT_EQ(sizeof(error), write(down[1], &error, sizeof(error)));
	ktap_wait_exit(pid);
	for (int i = 0; i < 2; i++) {
		close(up[i]);
		close(down[i]);
	}
	if (error == EINVAL || error == ENOSPC)
		NOT_HERE("no user namespaces in this kernel");
	if (error)
		SKIP("user namespace: %s", strerror(error));
}

static bool seen_by_id(int fd, __u32 id, struct nyx_unit_info *found)
{
	struct nyx_unit_info *info;
	bool seen = false;
	size_t nr;

	info = list_all(fd, NYX_LIST_UNITS, 0, sizeof(*info), &nr);
	for (size_t i = 0; i < nr; i++) {
		if (info[i].unit_id == id) {
			*found = info[i];
			seen = true;
		}
	}
	free(info);
	return seen;
}

/* ---- other processes of the owner ---- */

static void open_is_refused(struct scene *s)
{
	test_err(EACCES, cmd_unit_open(s->fd[1], s->id[0], NULL, NULL));
	test_err(EACCES, cmd_unit_open(s->fd[1], NYX_ID_ANY, "mine", NULL));
	test_err(EACCES, cmd_unit_open_of(s->fd[1], ALICE, s->id[0], NULL));
	test_err(ENXIO, cmd_device_add(s->fd[1], 1));
	/* The file that it was given works. */
	test_cmd(cmd_device_add(s->fd[0], 2));
}

static void open_is_granted(struct scene *s)
{
	test_cmd(cmd_unit_open(s->fd[1], s->id[0], NULL, NULL));
	test_cmd(cmd_device_add(s->fd[1], 1));
	test_cmd(cmd_unit_open(s->fd[2], NYX_ID_ANY, "mine", NULL));
	test_cmd(cmd_device_remove(s->fd[2], 1));
}

static void makes_a_private_unit(struct scene *s)
{
	struct nyx_unit_info info;

	test_cmd(cmd_unit_create_dflt(s->fd[0], "mine", 0, &s->id[0]));
	test_cmd(cmd_unit_info(s->fd[0], &info));
	ASSERT_EQ(0, info.flags);
	elsewhere(open_is_refused, s);
	/* To itself the process is no other one. */
	test_cmd(cmd_unit_open(s->fd[3], s->id[0], NULL, NULL));
	test_cmd(cmd_device_remove(s->fd[3], 2));

	test_cmd(cmd_unit_share(s->fd[3]));
	test_cmd(cmd_unit_info(s->fd[0], &info));
	ASSERT_EQ(NYX_UNIT_F_SHARED, info.flags);
	elsewhere(open_is_granted, s);
}

static void makes_a_shared_unit(struct scene *s)
{
	test_cmd(cmd_unit_create_dflt(s->fd[0], "mine", NYX_UNIT_F_SHARED, &s->id[0]));
	elsewhere(open_is_granted, s);
}

/* Only what its maker lets them opens for other processes, whatever they know of it. */
TEST(private_until_shared)
{
	as_user(ALICE, makes_a_private_unit, new_scene());
}

TEST(shared_from_the_start)
{
	as_user(ALICE, makes_a_shared_unit, new_scene());
}

/* ---- memory ---- */

static int add_memory(int fd, const struct memory_case *v, __u32 flags, const struct env *e)
{
	if (v->memory == MEM_PINNED || v->memory == MEM_FILE_PINNED)
		flags |= NYX_MEMORY_F_PINNED;
	return v->memory == MEM_FILE || v->memory == MEM_FILE_PINNED ?
		cmd_memory_add_file(fd, flags, SZ_1G, SZ_64K, e->file, 0) :
		cmd_memory_add(fd, flags, SZ_1G, SZ_64K, e->mem);
}

/* A unit that others may open has no memory but what they may reach. */
TEST_EACH(memory_of_a_shared_unit, memory_cases)
{
	struct nyx_memory_info *info;
	long pins = pinned_pages();
	struct env e;
	size_t nr;

	env_open(&e, .memory = v->memory);
	test_err(EBUSY, cmd_unit_share(e.fd));
	test_err(EINVAL, cmd_unit_persist(e.fd, 1));
	test_cmd(add_memory(e.fd, v, NYX_MEMORY_F_SHARED, &e));
	test_err(EBUSY, cmd_unit_share(e.fd));
	test_cmd(cmd_memory_remove(e.fd, 0, e.mem_size));
	test_cmd(cmd_unit_share(e.fd));

	test_cmd(cmd_memory_remove(e.fd, SZ_1G, SZ_64K));
	test_err(EPERM, add_memory(e.fd, v, 0, &e));
	ASSERT_LE(pinned_pages(), pins);
	test_err(ENOENT, cmd_memory_remove(e.fd, SZ_1G, SZ_64K));
	test_cmd(add_memory(e.fd, v, NYX_MEMORY_F_SHARED, &e));
	info = list_all(e.fd, NYX_LIST_MEMORY, 0, sizeof(*info), &nr);
	ASSERT_EQ(1, nr);
	ASSERT_TRUE(info->flags & NYX_MEMORY_F_SHARED);
	free(info);
}

/* Nor has one that another process has made, and which it therefore has, too. */
TEST_EACH(memory_of_another_process, memory_cases)
{
	unsigned char buf[16];
	struct env e;

	env_open(&e, .memory = v->memory);
	test_cmd(cmd_map(e.fd, e.domain, 0, SZ_1G, SZ_64K, RW));
	IN_CHILD {
		test_err(EPERM, add_memory(e.fd, v, 0, &e));
		memset(e.mem, 0x35, SZ_64K);
		test_cmd(add_memory(e.fd, v, NYX_MEMORY_F_SHARED, &e));
		dma_read(e.fd, e.sbdf, 0, buf, sizeof(buf));
		ASSERT_FILLED(buf, 0x35, sizeof(buf));
	}
}

/* ---- privileged users ---- */

static void makes_a_unit_with_memory(struct scene *s)
{
	struct env e = { .fd = s->fd[0], .sbdf = 1 };
	unsigned char *mem;

	/* As a VMM that nothing may attach to */
	test_cmd(prctl(PR_SET_DUMPABLE, 0));
	test_cmd(cmd_unit_create_dflt(e.fd, "secret", 0, &s->id[0]));
	mem = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	memset(mem, 0x77, SZ_64K);
	test_cmd(cmd_memory_add(e.fd, 0, 0, SZ_64K, mem));
	test_cmd(cmd_device_add(e.fd, e.sbdf));
	test_cmd(cmd_domain_kind(e.fd, NYX_DOMAIN_IDENTITY, 0, &e.domain));
	test_cmd(cmd_device_attach(e.fd, e.sbdf, e.domain, 0));
}

static const bool for_inspection[NYX_CMD_MAX] = {
	[NYX_CMD_MODULE_INFO] = true, [NYX_CMD_UNIT_CREATE] = true, [NYX_CMD_UNIT_OPEN] = true,
	[NYX_CMD_UNIT_INFO] = true, [NYX_CMD_UNIT_DESTROY] = true, [NYX_CMD_LIST] = true,
	[NYX_CMD_STATS] = true, [NYX_CMD_EVENTS_OPEN] = true, [NYX_CMD_POLICY_SET] = true,
	[NYX_CMD_POLICY_GET] = true, [NYX_CMD_DEVICE_CONTROL] = true,
	[NYX_CMD_LIMIT_SET] = true, [NYX_CMD_LIMIT_GET] = true,
};

/* Root, too, has no way through a unit around what ptrace(2) asks for. */
TEST(inspection)
{
	struct scene *s = new_scene();
	struct nyx_device_info *devices;
	struct nyx_memory_info *memory;
	struct nyx_unit_info info;
	unsigned char buf[4096];
	struct nyx_dma c;
	int ev, ret;
	size_t nr;

	as_user(ALICE, makes_a_unit_with_memory, s);
	test_err(ENOENT, cmd_unit_open(s->fd[1], s->id[0], NULL, NULL));
	test_cmd(cmd_unit_open_of(s->fd[1], ALICE, s->id[0], NULL));
	test_cmd(cmd_unit_info(s->fd[1], &info));
	ASSERT_EQ(0, info.flags);
	ASSERT_EQ(ALICE, info.owner_uid);
	ASSERT_EQ(1, info.nr_memory);
	devices = list_all(s->fd[1], NYX_LIST_DEVICES, 0, sizeof(*devices), &nr);
	ASSERT_EQ(1, nr);
	free(devices);
	/* Where its memory is, but not where that is in the process. */
	for (int i = 0; i < 2; i++) {
		memory = list_all(s->fd[i], NYX_LIST_MEMORY, 0, sizeof(*memory), &nr);
		ASSERT_EQ(1, nr);
		ASSERT_EQ(SZ_64K, memory->length);
		ASSERT_EQ(i == 1, !memory->backing);
		free(memory);
	}
	test_cmd(cmd_device_control(s->fd[1], 1, NYX_DEVICE_DO_QUARANTINE));
	test_cmd(cmd_device_control(s->fd[1], 1, NYX_DEVICE_DO_RESET));
	test_cmd(cmd_events_open(s->fd[1], NYX_EVENTS_F_NONBLOCK, &ev));
	close(ev);

	test_err(EACCES, cmd_dma_read(s->fd[1], &c, 1, 0, buf, 8));
	test_err(EACCES, cmd_dma_write(s->fd[1], &c, 1, 0, buf, 8));
	test_err(EACCES, cmd_unit_share(s->fd[1]));
	for (unsigned int cmd = 0; cmd < NYX_CMD_MAX; cmd++) {
		ktap_note("command 0x%x", cmd);
		if (cmd == NYX_CMD_UNIT_DESTROY)
			continue;
		memset(buf, 0, sizeof(buf));
		*(__u32 *)buf = sizeof(buf);
		ret = nyx_cmd(s->fd[1], _IO(NYX_IOCTL_TYPE, cmd), buf);
		if (for_inspection[cmd])
			ASSERT_NE(-EACCES, ret);
		else
			ASSERT_EQ(-EACCES, ret);
	}
	/* The file that was given, or the word of the maker, is another matter. */
	test_err(EBUSY, cmd_unit_share(s->fd[0]));
	test_cmd(cmd_memory_remove(s->fd[0], 0, SZ_64K));
	test_cmd(cmd_unit_share(s->fd[0]));
	test_cmd(cmd_unit_open_of(s->fd[2], ALICE, NYX_ID_ANY, "secret"));
	test_cmd(cmd_device_add(s->fd[2], 2));
	test_err(EACCES, cmd_device_add(s->fd[1], 3));
	test_cmd(cmd_unit_destroy(s->fd[1]));
	test_err(ENODEV, cmd_device_add(s->fd[2], 3));
}

/* ---- names and owners ---- */

static void alice_makes_vm1(struct scene *s)
{
	test_cmd(cmd_unit_create_dflt(s->fd[0], "vm1", NYX_UNIT_F_SHARED, &s->id[0]));
	test_err(EEXIST, cmd_unit_create_dflt(s->fd[1], "vm1", NYX_UNIT_F_SHARED, NULL));
}

static void mallory_makes_vm1(struct scene *s)
{
	int fd = s->fd[1];

	test_err(ENOENT, cmd_unit_open(fd, NYX_ID_ANY, "vm1", NULL));
	test_err(ENOENT, cmd_unit_open(fd, s->id[0], NULL, NULL));
	test_err(EACCES, cmd_unit_open_of(fd, ALICE, NYX_ID_ANY, "vm1"));
	test_err(EACCES, cmd_unit_open_of(fd, ALICE, s->id[0], NULL));
	test_err(ENOENT, cmd_unit_open_of(fd, MALLORY, s->id[0], NULL));
	test_cmd(cmd_unit_create_dflt(fd, "vm1", NYX_UNIT_F_SHARED, &s->id[1]));
	ASSERT_NE(s->id[0], s->id[1]);
}

static void opens_its_own(struct scene *s)
{
	int mine = geteuid() == ALICE ? 0 : 1;
	__u32 id;

	test_cmd(cmd_unit_open(s->fd[2 + mine], NYX_ID_ANY, "vm1", &id));
	ASSERT_EQ(s->id[mine], id);
}

/* A name is its owner's: it cannot be taken from another user, nor lead to one. */
TEST(names_belong_to_owners)
{
	struct scene *s = new_scene();
	struct nyx_unit_info info;

	as_user(ALICE, alice_makes_vm1, s);
	as_user(MALLORY, mallory_makes_vm1, s);
	as_user(ALICE, opens_its_own, s);
	as_user(MALLORY, opens_its_own, s);

	/* Root has none, and has to say whose it means. */
	test_err(ENOENT, cmd_unit_open(s->fd[4], NYX_ID_ANY, "vm1", NULL));
	test_err(ENOENT, cmd_unit_open(s->fd[4], s->id[0], NULL, NULL));
	test_err(ENOENT, cmd_unit_open_of(s->fd[4], 0, NYX_ID_ANY, "vm1"));
	test_err(ENOENT, cmd_unit_open_of(s->fd[4], ALICE, s->id[1], NULL));
	test_cmd(cmd_unit_open_of(s->fd[4], ALICE, NYX_ID_ANY, "vm1"));
	test_cmd(cmd_unit_info(s->fd[4], &info));
	ASSERT_EQ(s->id[0], info.unit_id);
	test_cmd(cmd_unit_open_of(s->fd[5], MALLORY, s->id[1], NULL));
	/* Its own it may name, too. */
	test_cmd(cmd_unit_create_dflt(s->fd[6], "vm1", 0, NULL));
	test_cmd(cmd_unit_open_of(s->fd[7], geteuid(), NYX_ID_ANY, "vm1"));
}

/* ---- listings ---- */

static void makes_a_busy_unit(struct scene *s)
{
	unsigned char *mem = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct nyx_unit_info info;
	__u32 id;

	test_cmd(cmd_unit_create_dflt(s->fd[0], "busy", NYX_UNIT_F_SHARED, &s->id[0]));
	test_cmd(cmd_memory_add(s->fd[0], NYX_MEMORY_F_SHARED, 0, SZ_64K, mem));
	test_cmd(cmd_domain_paging(s->fd[0], 0, &id));
	test_cmd(cmd_map(s->fd[0], id, 0, 0, SZ_64K, RW));
	test_cmd(cmd_device_add(s->fd[0], 7));
	test_cmd(cmd_device_attach(s->fd[0], 7, id, 0));
	dma_refused(s->fd[0], 7, SZ_1G, NYX_PROT_READ, NYX_FAULT_TABLE_NOT_PRESENT);
	/* The owner sees all, in the listing, too. */
	ASSERT_TRUE(seen_by_id(s->fd[0], s->id[0], &info));
	ASSERT_EQ(NYX_UNIT_F_SHARED, info.flags);
	ASSERT_EQ(1, info.nr_devices);
	ASSERT_EQ(1, info.fault_events);
	ASSERT_EQ(SZ_64K, info.mapped_bytes);
}

static void sees_names_and_sizes(struct scene *s)
{
	struct nyx_unit_info info;

	ASSERT_TRUE(seen_by_id(s->fd[1], s->id[0], &info));
	ASSERT_EQ(NYX_UNIT_F_SHARED | NYX_UNIT_F_OTHERS, info.flags);
	ASSERT_EQ(0, strcmp((char *)info.name, "busy"));
	ASSERT_EQ(ALICE, info.owner_uid);
	ASSERT_EQ(SZ_64K, info.memory_bytes);
	ASSERT_EQ(4096, info.iotlb_entries);
	ASSERT_EQ(0, info.nr_domains + info.nr_devices + info.nr_memory + info.nr_files);
	ASSERT_EQ(0, info.mapped_bytes + info.table_bytes + info.fault_events);
	ASSERT_EQ(0, info.irq_mode + info.nr_irtes + info.nr_bindings + info.nr_quarantined);
}

TEST(listing)
{
	struct scene *s = new_scene();
	struct nyx_unit_info info;

	as_user(ALICE, makes_a_busy_unit, s);
	as_user(MALLORY, sees_names_and_sizes, s);
	ASSERT_TRUE(seen_by_id(s->fd[1], s->id[0], &info));
	ASSERT_EQ(NYX_UNIT_F_SHARED, info.flags);
	ASSERT_EQ(1, info.nr_devices);
}

/* ---- user namespaces ---- */

static void alice_makes_a_unit(struct scene *s)
{
	test_cmd(cmd_unit_create_dflt(s->fd[0], "vm1", NYX_UNIT_F_SHARED, &s->id[0]));
}

/* The same user of the system, as root of a container */
static void boxed_alice(struct scene *s)
{
	struct nyx_unit_info info;

	test_err(ENOENT, cmd_unit_open(s->fd[1], NYX_ID_ANY, "vm1", NULL));
	test_err(ENOENT, cmd_unit_open(s->fd[1], s->id[0], NULL, NULL));
	test_err(ENOENT, cmd_unit_open_of(s->fd[1], 0, NYX_ID_ANY, "vm1"));
	test_err(EACCES, cmd_unit_open_of(s->fd[1], 0, s->id[0], NULL));
	test_err(EINVAL, cmd_unit_open_of(s->fd[1], 0x10000000, s->id[0], NULL));
	ASSERT_TRUE(seen_by_id(s->fd[1], s->id[0], &info));
	ASSERT_TRUE(info.flags & NYX_UNIT_F_OTHERS);
	test_cmd(cmd_unit_create_dflt(s->fd[1], "vm1", NYX_UNIT_F_SHARED, &s->id[1]));
}

/* Outside she has made the namespace, and so is privileged in it. */
static void alice_looks_inside(struct scene *s)
{
	__u32 id;

	test_cmd(cmd_unit_open(s->fd[2], NYX_ID_ANY, "vm1", &id));
	ASSERT_EQ(s->id[0], id);
	test_err(ENOENT, cmd_unit_open(s->fd[3], s->id[1], NULL, NULL));
	test_cmd(cmd_unit_open_of(s->fd[3], ALICE, s->id[1], NULL));
}

static void mallory_looks_inside(struct scene *s)
{
	test_err(ENOENT, cmd_unit_open(s->fd[4], s->id[1], NULL, NULL));
	test_err(EACCES, cmd_unit_open_of(s->fd[4], ALICE, s->id[1], NULL));
}

TEST(user_namespaces)
{
	struct scene *s = new_scene();

	as_user(ALICE, alice_makes_a_unit, s);
	in_container(ALICE, 100000, 65535, boxed_alice, s);
	as_user(ALICE, alice_looks_inside, s);
	as_user(MALLORY, mallory_looks_inside, s);
	/* A name leads to what is in the caller's namespace only. */
	test_cmd(cmd_unit_open_of(s->fd[5], ALICE, NYX_ID_ANY, "vm1"));
}

/* How many units a user without privileges may have, or 0. */
static unsigned int units_per_user(void)
{
	unsigned int n = 0;
	FILE *f = fopen("/sys/module/nyx_iommu/parameters/max_units_per_user", "re");

	if (f && fscanf(f, "%u", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

static int *many, nr_many;

static int make_small(int fd)
{
	struct nyx_unit_create c = { .event_entries = 16, .irt_entries = 1 };

	return cmd_unit_create(fd, &c);
}

static void make_none(struct scene *s)
{
	test_err(ENOSPC, make_small(s->fd[0]));
}

static void make_one(struct scene *s)
{
	test_cmd(make_small(s->fd[geteuid() % 7 + 1]));
}

/* Root in a container, which becomes one of its users after the other */
static void fill_container(struct scene *s)
{
	for (int i = 0; i < nr_many; i++) {
		test_cmd(setresuid(1 + i % 40, 1 + i % 40, 0));
		ktap_note("unit %d", i);
		test_cmd(make_small(many[i]));
		test_cmd(setresuid(0, 0, 0));
	}
	for (uid_t uid = 1; uid < 50; uid += 16)
		as_user(uid, make_none, s);
	make_none(s);
	/* Nor does it help to make more of them. */
	in_container(0, 1000, 1000, make_none, s);
	in_container(77, 1000, 1000, make_none, s);
}

static void open_many(unsigned int limit)
{
	if (!limit || limit > 900)
		SKIP("a quota of %u", limit);
	nr_many = limit;
	many = ktap_alloc(nr_many * sizeof(*many));
	for (int i = 0; i < nr_many; i++)
		many[i] = nyx_open();
}

/* A user with subordinate ids is one user. */
TEST(quota_of_a_container)
{
	struct scene *s = new_scene();

	open_many(units_per_user());
	in_container(ALICE, 100000, 65535, fill_container, s);
	as_user(ALICE, make_none, s);
	in_container(ALICE, 200000, 65535, make_none, s);
	as_user(MALLORY, make_one, s);
	/* One that goes makes room for one, wherever. */
	close(many[0]);
	in_container(ALICE, 300000, 65535, make_one, s);
	as_user(ALICE, make_none, s);
}

/* So is a container that root has made, all its users together. */
TEST(quota_of_a_container_of_root)
{
	struct scene *s = new_scene();

	open_many(units_per_user());
	in_container(0, 100000, 65535, fill_container, s);
	as_user(ALICE, make_one, s);
	in_container(0, 200000, 65535, make_one, s);
}

/* ---- refusals and the audit log ---- */

#define CAP_OPT_NOAUDIT	2

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static void many_refusals(struct scene *s)
{
	unsigned char *mem = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct nyx_unit_info info;

	test_err(EACCES, cmd_unit_open_of(s->fd[1], 0, s->id[0], NULL));
	test_err(ENOENT, cmd_unit_open(s->fd[1], s->id[0], NULL, NULL));
	ASSERT_TRUE(seen_by_id(s->fd[1], s->id[0], &info));
	test_cmd(cmd_unit_create_dflt(s->fd[1], NULL, 0, NULL));
	/* Within the limit, and beyond it */
	test_cmd(cmd_memory_add(s->fd[1], NYX_MEMORY_F_PINNED, 0, SZ_4K, mem));
	test_cmd(cmd_memory_remove(s->fd[1], 0, SZ_4K));
	test_err(EDQUOT, cmd_memory_add(s->fd[1], NYX_MEMORY_F_PINNED, 0, SZ_64K, mem));
	for (int i = 0; i < nr_many - 1; i++)
		test_cmd(make_small(many[i]));
	test_err(ENOSPC, make_small(many[nr_many - 1]));
}

/* A capability that is missing is no event for the audit log. */
TEST(refusals_make_no_noise)
{
	const struct rlimit room = { SZ_4K, SZ_4K };
	struct scene *s = new_scene();
	unsigned int asked = 0;
	char line[512];
	FILE *trace;

	open_many(units_per_user());
	if (access(TRACING "/kprobe_events", F_OK))
		mount("tracefs", TRACING, "tracefs", 0, NULL);
	if (access(TRACING "/kprobe_events", F_OK) && errno == ENOENT)
		NOT_HERE("no kprobes in this kernel");
	/* x86: the third and fourth argument of security_capable() */
	if (!put(TRACING "/kprobe_events",
		 "p:nyx/capable security_capable cap=%dx:u32 opts=%cx:u32\n")) {
		/* Where there are no security modules. */
		if (errno == ENOENT)
			NOT_HERE("no security_capable() in this kernel");
		SKIP("kprobe: %s", strerror(errno));
	}
	test_cmd(cmd_unit_create_dflt(s->fd[0], NULL, 0, &s->id[0]));
	test_cmd(setrlimit(RLIMIT_MEMLOCK, &room));
	ASSERT_TRUE(put(TRACING "/events/nyx/capable/enable", "1"));
	as_user(ALICE, many_refusals, s);
	ASSERT_TRUE(put(TRACING "/events/nyx/capable/enable", "0"));
	trace = fopen(TRACING "/trace", "re");
	ASSERT_TRUE(trace);
	while (fgets(line, sizeof(line), trace)) {
		unsigned int cap, opts;
		char *found = strstr(line, "cap=");

		if (!found || !strstr(line, "nyx_access") ||
		    sscanf(found, "cap=%u opts=%u", &cap, &opts) != 2 ||
		    (cap != 14 && cap != 21 && cap != 24))
			continue;
		asked++;
		if (!(opts & CAP_OPT_NOAUDIT))
			ktap_failed(false, __FILE__, __LINE__, "asked aloud: %s", line);
	}
	ASSERT_GT(asked, 0);
	fclose(trace);
	put(TRACING "/kprobe_events", "-:nyx/capable\n");
}
