// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: units: create, open, persist, destroy, limits, owners, the end.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "nyx_env.h"

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NOBODY	65534

TEST(module_info)
{
	struct nyx_module_info info;
	int fd = nyx_open();

	memset(&info, NYX_POISON, sizeof(info));
	info.size = sizeof(info);
	info.flags = 0;
	info.__reserved = 0;
	test_cmd(nyx_cmd(fd, NYX_MODULE_INFO, &info));
	ASSERT_EQ(NYX_API_VERSION, info.out_api_version);
	ASSERT_EQ((1u << NYX_MODEL_NATIVE) | (1u << NYX_MODEL_VTD) | (1u << NYX_MODEL_AMDVI),
		  info.out_models);
	ASSERT_EQ((1u << NYX_FORMAT_VTDSS) | (1u << NYX_FORMAT_X86) | (1u << NYX_FORMAT_AMDV1),
		  info.out_formats);
	ASSERT_GE(info.out_max_units, 64);
	ASSERT_TRUE(memchr(info.out_version, 0, NYX_NAME_LEN));
	ASSERT_GT(strlen((char *)info.out_version), 0);
	ktap_print("version %s, %u of %u units", info.out_version, info.out_nr_units,
		   info.out_max_units);
}

TEST(create_defaults)
{
	struct nyx_unit_create c = { .iotlb_entries = NYX_DEFAULT };
	struct nyx_unit_info info;
	__u32 before;
	int fd = nyx_open();

	before = units_in_system(fd);
	test_cmd(cmd_unit_create(fd, &c));
	ASSERT_EQ(before + 1, units_in_system(fd));
	ASSERT_NE(NYX_ID_ANY, c.out_unit_id);
	test_cmd(cmd_unit_info(fd, &info));
	ASSERT_EQ(sizeof(info), info.size);
	ASSERT_EQ(0, info.flags);
	ASSERT_EQ(c.out_unit_id, info.unit_id);
	ASSERT_EQ(NYX_MODEL_NATIVE, info.model);
	ASSERT_EQ(48, info.address_width);
	ASSERT_EQ(geteuid(), info.owner_uid);
	ASSERT_EQ(4096, info.iotlb_entries);
	ASSERT_EQ(1024, info.event_entries);
	ASSERT_EQ(65535, info.max_domains);
	ASSERT_EQ(65536, info.max_devices);
	ASSERT_EQ(32768, info.max_memory);
	ASSERT_EQ(0, info.nr_domains);
	ASSERT_EQ(0, info.nr_devices);
	ASSERT_EQ(0, info.nr_memory);
	ASSERT_EQ(0, info.memory_bytes);
	ASSERT_EQ(0, info.mapped_bytes);
	ASSERT_EQ(0, info.table_bytes);
	ASSERT_EQ(0, info.fault_events);
	ASSERT_EQ(1, info.nr_files);
	ASSERT_EQ(256, info.irt_entries);
	ASSERT_EQ(0, info.irq_mode);
	ASSERT_EQ(0, info.nr_irtes);
	ASSERT_EQ(0, info.nr_bindings);
	ASSERT_EQ(0, info.nr_quarantined);
	ASSERT_EQ(0, info.data_len);
	ASSERT_FILLED(info.data, 0, sizeof(info.data));
	ASSERT_FILLED(info.name, 0, NYX_NAME_LEN);
}

struct size_case {
	const char *name;
	struct nyx_unit_create c;
	__u32 iotlb, events, irt;
};

static const struct size_case size_cases[] = {
	{ "smallest", { .address_width = 32, .iotlb_entries = 1, .event_entries = 16,
			.max_domains = 1, .max_devices = 1, .max_memory = 1,
			.irt_entries = 2 }, 8, 16, 2 },
	{ "odd", { .address_width = 39, .iotlb_entries = 65, .event_entries = 17,
		   .max_domains = 3, .max_devices = 5, .max_memory = 7,
		   .irt_entries = 257 }, 128, 32, 512 },
	{ "no_cache", { .address_width = 57 }, 0, 1024, 256 },
	{ "largest", { .address_width = 64, .iotlb_entries = 1048576, .event_entries = 65536,
		       .max_domains = 65535, .max_devices = 1048576, .max_memory = 65536,
		       .irt_entries = 65536 }, 1048576, 65536, 65536 },
};

TEST_EACH(create_sizes, size_cases)
{
	struct nyx_unit_create c = v->c;
	struct nyx_unit_info info;
	int fd = nyx_open();
	int ret = cmd_unit_create(fd, &c);

	if (ret == -ENOMEM)
		SKIP("no memory for it");
	test_cmd(ret);
	test_cmd(cmd_unit_info(fd, &info));
	ASSERT_EQ(v->c.address_width, info.address_width);
	/* Rounded up to a power of two of at least 8. */
	ASSERT_EQ(v->iotlb, info.iotlb_entries);
	ASSERT_EQ(v->events, info.event_entries);
	ASSERT_EQ(v->irt, info.irt_entries);
	ASSERT_EQ(v->c.max_domains ? v->c.max_domains : 65535, info.max_domains);
	ASSERT_EQ(v->c.max_devices ? v->c.max_devices : 65536, info.max_devices);
	ASSERT_EQ(v->c.max_memory ? v->c.max_memory : 32768, info.max_memory);
}

TEST(names)
{
	static const char *const good[] = {
		"a", "vm0", "A.b_c:d-e", "0123456789012345678901234567890", ".", "-", "..",
	};
	struct nyx_unit_info info;
	__u32 id, opened;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		int fd = nyx_open(), fd2 = nyx_open(), fd3 = nyx_open();

		ktap_note("name %s", good[i]);
		test_cmd(cmd_unit_create_dflt(fd, good[i], 0, &id));
		test_cmd(cmd_unit_info(fd, &info));
		ASSERT_EQ(0, strcmp((char *)info.name, good[i]));
		ASSERT_FILLED(info.name + strlen(good[i]), 0, NYX_NAME_LEN - strlen(good[i]));
		test_err(EEXIST, cmd_unit_create_dflt(fd2, good[i], 0, NULL));
		test_cmd(cmd_unit_open(fd2, NYX_ID_ANY, good[i], &opened));
		ASSERT_EQ(id, opened);
		close(fd);
		/* Still there by the second file descriptor. */
		test_err(EEXIST, cmd_unit_create_dflt(fd3, good[i], 0, NULL));
		close(fd2);
		/* The name is free at once. */
		test_cmd(cmd_unit_create_dflt(fd3, good[i], 0, &opened));
		ASSERT_NE(id, opened);
		close(fd3);
	}
}

TEST(open_by_id)
{
	int fd = nyx_open(), fd2 = nyx_open(), fd3 = nyx_open();
	struct nyx_unit_info info;
	__u32 id, opened, dom;

	test_cmd(cmd_unit_create_dflt(fd, NULL, 0, &id));
	test_cmd(cmd_unit_open(fd2, id, NULL, &opened));
	ASSERT_EQ(id, opened);
	test_cmd(cmd_unit_info(fd, &info));
	ASSERT_EQ(2, info.nr_files);

	/* Both see the same. */
	test_cmd(cmd_domain_paging(fd, 0, &dom));
	test_cmd(cmd_map(fd2, dom, 0, 0, SZ_4K, RW));
	test_err(EEXIST, cmd_map(fd, dom, 0, 0, SZ_4K, RW));

	/* A file descriptor and its duplicate are one. */
	close(fd);
	test_cmd(cmd_unit_info(fd2, &info));
	ASSERT_EQ(1, info.nr_files);
	fd = dup(fd2);
	test_cmd(cmd_unit_info(fd, &info));
	ASSERT_EQ(1, info.nr_files);
	close(fd2);
	test_cmd(cmd_unit_info(fd, &info));
	close(fd);
	test_err(ENOENT, cmd_unit_open(fd3, id, NULL, NULL));
	/* A failing open leaves the file descriptor unbound. */
	test_cmd(cmd_unit_create_dflt(fd3, NULL, 0, &id));
}

TEST(persist)
{
	int fd = nyx_open(), fd2 = nyx_open(), fd3;
	struct nyx_unit_info info;
	__u32 id, id2, before = units_in_system(fd);
	__u32 dom;

	test_cmd(cmd_unit_create_dflt(fd, "kept", UNIT_PERSISTENT, &id));
	test_cmd(cmd_unit_info(fd, &info));
	ASSERT_EQ(UNIT_PERSISTENT, info.flags);
	test_cmd(cmd_domain_paging(fd, 0, &dom));
	close(fd);
	ASSERT_EQ(before + 1, units_in_system(fd2));
	test_cmd(cmd_unit_open(fd2, NYX_ID_ANY, "kept", &id2));
	ASSERT_EQ(id, id2);
	test_cmd(cmd_unit_info(fd2, &info));
	ASSERT_EQ(1, info.nr_domains);
	ASSERT_EQ(1, info.nr_files);

	/* No longer persistent it goes with its last file descriptor. */
	test_cmd(cmd_unit_persist(fd2, 0));
	test_cmd(cmd_unit_info(fd2, &info));
	ASSERT_EQ(NYX_UNIT_F_SHARED, info.flags);
	close(fd2);
	fd3 = nyx_open();
	ASSERT_EQ(before, units_in_system(fd3));
	test_err(ENOENT, cmd_unit_open(fd3, id, NULL, NULL));

	/* Kept later, destroyed by command. */
	test_cmd(cmd_unit_create_dflt(fd3, NULL, 0, &id));
	test_err(EINVAL, cmd_unit_persist(fd3, 1));
	test_cmd(cmd_unit_share(fd3));
	test_cmd(cmd_unit_share(fd3));
	test_cmd(cmd_unit_persist(fd3, 1));
	test_cmd(cmd_unit_persist(fd3, 1));
	close(fd3);
	fd3 = nyx_open();
	test_cmd(cmd_unit_open(fd3, id, NULL, NULL));
	test_cmd(cmd_unit_destroy(fd3));
	ASSERT_EQ(before, units_in_system(fd3));
	test_err(ENODEV, cmd_unit_destroy(fd3));
	test_err(ENODEV, cmd_unit_persist(fd3, 1));
	test_err(ENODEV, cmd_unit_share(fd3));
	close(fd3);
}

/* Opening and closing does not end a persistent unit. */
TEST(keep_many_opens)
{
	int fd = nyx_open();
	__u32 id;

	test_cmd(cmd_unit_create_dflt(fd, "many-opens", UNIT_PERSISTENT, &id));
	close(fd);
	for (int i = 0; i < 50; i++) {
		fd = nyx_open();
		test_cmd(cmd_unit_open(fd, i % 2 ? id : NYX_ID_ANY, i % 2 ? NULL : "many-opens",
				       NULL));
		close(fd);
	}
	fd = nyx_open();
	test_cmd(cmd_unit_open(fd, id, NULL, NULL));
	test_cmd(cmd_unit_destroy(fd));
}

TEST(destroy_frees_name_and_id)
{
	int a = nyx_open(), b = nyx_open(), c = nyx_open();
	struct pollfd p;
	__u32 id, id2;
	char buf[sizeof(struct nyx_event)];
	int ev;

	test_cmd(cmd_unit_create_dflt(a, "phoenix", 0, &id));
	test_cmd(cmd_unit_open(b, id, NULL, NULL));
	test_cmd(cmd_events_open(a, 0, &ev));
	p = (struct pollfd){ .fd = ev, .events = POLLIN };
	ASSERT_EQ(0, poll(&p, 1, 0));

	test_cmd(cmd_unit_destroy(b));
	test_err(ENOENT, cmd_unit_open(c, id, NULL, NULL));
	test_cmd(cmd_unit_create_dflt(c, "phoenix", 0, &id2));
	test_err(ENODEV, cmd_device_add(a, 1));
	test_err(ENODEV, cmd_device_add(b, 1));
	test_cmd(cmd_device_add(c, 1));

	/* The end of the stream. */
	ASSERT_EQ(1, poll(&p, 1, -1));
	ASSERT_EQ(0, read(ev, buf, sizeof(buf)));
	ASSERT_EQ(0, read(ev, buf, sizeof(buf)));
	close(ev);
	close(a);
	close(b);
	test_cmd(cmd_device_remove(c, 1));
}

static void *info_until_the_end(void *arg)
{
	struct nyx_unit_info info;
	int ret, fd = *(int *)arg;

	while (!(ret = cmd_unit_info(fd, &info))) {
		ASSERT_EQ(0, info.nr_domains);
		ASSERT_EQ(1, info.nr_devices);
		ASSERT_EQ(0, info.fault_events);
	}
	ASSERT_EQ(-ENODEV, ret);
	return NULL;
}

/* A caller is told all about a unit that is being destroyed, or nothing. */
TEST(info_races_with_destroy)
{
	for (unsigned long i = 0; i < ktap_iterations(100); i++) {
		struct nyx_unit_create c = { .event_entries = 16 };
		int fd = nyx_open();
		pthread_t t;

		test_cmd(cmd_unit_create(fd, &c));
		test_cmd(cmd_device_add(fd, 1));
		t = thread_start(info_until_the_end, &fd);
		sched_yield();
		test_cmd(cmd_unit_destroy(fd));
		pthread_join(t, NULL);
		close(fd);
	}
}

TEST(limits)
{
	struct nyx_unit_create c = {
		.iotlb_entries = NYX_DEFAULT, .max_domains = 3, .max_devices = 4, .max_memory = 2,
	};
	unsigned char *mem = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct snapshot s;
	__u32 dom[4];
	int fd = nyx_open();

	test_cmd(cmd_unit_create(fd, &c));
	for (int i = 0; i < 3; i++)
		test_cmd(cmd_domain_paging(fd, 0, &dom[i]));
	for (__u32 i = 0; i < 4; i++)
		test_cmd(cmd_device_add(fd, i));
	for (int i = 0; i < 2; i++)
		test_cmd(cmd_memory_add(fd, 0, i * SZ_1M, SZ_4K, mem));
	snapshot_take(&s, fd, true);
	test_err(ENOSPC, cmd_domain_paging(fd, 0, &dom[3]));
	test_err(ENOSPC, cmd_domain_kind(fd, NYX_DOMAIN_IDENTITY, 0, &dom[3]));
	test_err(ENOSPC, cmd_device_add(fd, 4));
	test_err(ENOSPC, cmd_memory_add(fd, 0, 7 * SZ_1M, SZ_4K, mem));
	snapshot_check(&s, fd, true);

	/* Each that goes makes room for one, and for one only. */
	test_cmd(cmd_domain_destroy(fd, dom[1]));
	test_cmd(cmd_domain_paging(fd, 0, &dom[1]));
	test_err(ENOSPC, cmd_domain_paging(fd, 0, &dom[3]));
	test_cmd(cmd_device_remove(fd, 0));
	test_cmd(cmd_device_add(fd, 77));
	test_err(ENOSPC, cmd_device_add(fd, 78));
	test_cmd(cmd_memory_remove(fd, 0, SZ_4K));
	test_cmd(cmd_memory_add(fd, 0, 7 * SZ_1M, SZ_4K, mem));
	test_err(ENOSPC, cmd_memory_add(fd, 0, 8 * SZ_1M, SZ_4K, mem));
}

/* A hundred units at a time, in the listing in the order of their ids. */
TEST(many_units)
{
	enum { UNITS = 100 };
	struct nyx_unit_info *info;
	__u32 id[UNITS];
	int fd[UNITS];
	char name[NYX_NAME_LEN];
	size_t nr, found = 0;

	for (int i = 0; i < UNITS; i++) {
		struct nyx_unit_create c = { .iotlb_entries = 16, .event_entries = 16 };

		fd[i] = nyx_open();
		snprintf(name, sizeof(name), "many-%d", i);
		nyx_set_name(c.name, name);
		test_cmd(cmd_unit_create(fd[i], &c));
		id[i] = c.out_unit_id;
	}
	info = list_all(fd[0], NYX_LIST_UNITS, 0, sizeof(*info), &nr);
	for (size_t i = 0; i < nr; i++) {
		if (i)
			ASSERT_LT(info[i - 1].unit_id, info[i].unit_id);
		for (int j = 0; j < UNITS; j++) {
			if (info[i].unit_id != id[j])
				continue;
			snprintf(name, sizeof(name), "many-%d", j);
			ASSERT_EQ(0, strcmp(name, (char *)info[i].name));
			ASSERT_EQ(1, info[i].nr_files);
			found++;
		}
	}
	ASSERT_EQ(UNITS, found);
	free(info);
}

/* ---- owners ---- */

static void become(uid_t uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		SKIP("cannot become another user: %s", strerror(errno));
}

/* Runs @fn in a child that has become the user @uid. */
static void as_user(uid_t uid, void (*fn)(const int *fds, __u32 id), const int *fds, __u32 id)
{
	pid_t pid = fork();

	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		become(uid);
		fn(fds, id);
		_exit(0);
	}
	ktap_wait_exit(pid);
}

static void other_user_cannot_open(const int *fds, __u32 id)
{
	test_err(ENOENT, cmd_unit_open(fds[0], id, NULL, NULL));
	test_err(ENOENT, cmd_unit_open(fds[0], NYX_ID_ANY, "of-root", NULL));
	test_err(EACCES, cmd_unit_open_of(fds[0], 0, id, NULL));
	test_err(EACCES, cmd_unit_open_of(fds[0], 0, NYX_ID_ANY, "of-root"));
	/* It is as good as unbound. */
	test_err(ENXIO, cmd_unit_destroy(fds[0]));
	test_cmd(cmd_unit_create_dflt(fds[0], "of-nobody", UNIT_PERSISTENT, NULL));
	/* A file descriptor that was bound by another user works: it was given. */
	test_cmd(cmd_device_add(fds[1], 5));
}

static void owner_can_open(const int *fds, __u32 id)
{
	struct nyx_unit_info info;

	test_cmd(cmd_unit_open(fds[2], id, NULL, NULL));
	test_cmd(cmd_unit_info(fds[2], &info));
	ASSERT_EQ(NOBODY, info.owner_uid);
}

static void third_user_cannot_open(const int *fds, __u32 id)
{
	test_err(EACCES, cmd_unit_open_of(fds[3], NOBODY, id, NULL));
}

TEST(owner)
{
	int fds[4] = { nyx_open(), nyx_open(), nyx_open(), nyx_open() };
	struct nyx_unit_info info;
	int fd = nyx_open();
	__u32 id, nobodys;

	if (geteuid())
		SKIP("needs root");
	test_cmd(cmd_unit_create_dflt(fds[1], "of-root", NYX_UNIT_F_SHARED, &id));
	as_user(NOBODY, other_user_cannot_open, fds, id);
	test_cmd(cmd_device_remove(fds[1], 5));

	/* CAP_SYS_ADMIN opens it, if the owner is named. */
	test_err(ENOENT, cmd_unit_open(fd, NYX_ID_ANY, "of-nobody", NULL));
	test_cmd(cmd_unit_open_of(fd, NOBODY, NYX_ID_ANY, "of-nobody"));
	test_cmd(cmd_unit_info(fd, &info));
	nobodys = info.unit_id;
	ASSERT_EQ(NOBODY, info.owner_uid);
	as_user(NOBODY, owner_can_open, fds, nobodys);
	as_user(NOBODY - 1, third_user_cannot_open, fds, nobodys);
	test_cmd(cmd_unit_destroy(fd));
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

static void make_units(const int *fds, __u32 limit)
{
	struct nyx_unit_create c = { .event_entries = 16 };

	for (__u32 i = 0; i < limit; i++) {
		ktap_note("unit %u", i);
		test_cmd(cmd_unit_create(fds[i], &c));
	}
	test_err(ENOSPC, cmd_unit_create(fds[limit], &c));
	/* One that is destroyed is still there as long as its file is open. */
	test_cmd(cmd_unit_destroy(fds[0]));
	test_err(ENOSPC, cmd_unit_create(fds[limit], &c));
}

static void make_one_unit(const int *fds, __u32 unused)
{
	(void)unused;
	test_cmd(cmd_unit_create_dflt(fds[0], NULL, 0, NULL));
}

static void make_none(const int *fds, __u32 unused)
{
	(void)unused;
	test_err(ENOSPC, cmd_unit_create_dflt(fds[0], NULL, 0, NULL));
}

/* A user has a quota; others have theirs. */
TEST(quota)
{
	unsigned int limit = units_per_user();
	int *fds;

	if (geteuid())
		SKIP("needs root");
	if (!limit || limit > 900)
		SKIP("a quota of %u", limit);
	fds = ktap_alloc((limit + 3) * sizeof(*fds));
	for (unsigned int i = 0; i < limit + 3; i++)
		fds[i] = nyx_open();
	/* The files stay open here, and with them the units. */
	as_user(NOBODY, make_units, fds, limit);
	/* One that goes makes room, for one. */
	close(fds[0]);
	as_user(NOBODY, make_one_unit, fds + limit, 0);
	as_user(NOBODY, make_none, fds + limit + 2, 0);
	as_user(NOBODY - 1, make_one_unit, fds + limit + 1, 0);
	test_cmd(cmd_unit_create_dflt(fds[limit + 2], NULL, 0, NULL));
}

/* The node is for its owner and group. */
TEST(node_mode)
{
	if (geteuid())
		SKIP("needs root");
	IN_CHILD {
		become(NOBODY);
		ASSERT_TRUE(open(NYX_DEVICE, O_RDWR) < 0);
		ASSERT_EQ(EACCES, errno);
	}
}

/* ---- file descriptors that travel ---- */

static void send_fd(int sock, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	ASSERT_EQ(1, sendmsg(sock, &msg, 0));
}

static int receive_fd(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	ASSERT_EQ(1, recvmsg(sock, &msg, 0));
	ASSERT_TRUE(CMSG_FIRSTHDR(&msg));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* A unit lives in a message that is not received yet. */
TEST(passed_fd)
{
	int sock[2], go[2], fd = nyx_open(), spare = nyx_open();
	__u32 id, before = units_in_system(fd);
	pid_t pid;
	char byte;

	test_cmd(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	test_cmd(pipe(go));
	pid = fork();
	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		close(fd);
		close(sock[0]);
		ASSERT_EQ(1, read(go[0], &byte, 1));
		fd = receive_fd(sock[1]);
		test_cmd(cmd_device_add(fd, 9));
		test_err(EEXIST, cmd_device_add(fd, 9));
		_exit(0);
	}
	close(sock[1]);
	test_cmd(cmd_unit_create_dflt(fd, NULL, 0, &id));
	send_fd(sock[0], fd);
	close(fd);
	ASSERT_EQ(before + 1, units_in_system(spare));
	ASSERT_EQ(1, write(go[1], "x", 1));
	ktap_wait_exit(pid);
	ASSERT_EQ(before, units_in_system(spare));
	test_err(ENOENT, cmd_unit_open(spare, id, NULL, NULL));
}

/* It goes with the message: the harness checks that no unit is left. */
TEST(passed_fd_never_received)
{
	int sock[2], fd = nyx_open();

	test_cmd(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	test_cmd(cmd_unit_create_dflt(fd, NULL, 0, NULL));
	send_fd(sock[0], fd);
	/* The socket itself, too: a cycle for the kernel's collector. */
	send_fd(sock[0], sock[1]);
	send_fd(sock[0], fd);
	close(fd);
	/* The release of the second one makes the collector look. */
	close(sock[1]);
	close(sock[0]);
}

/* A unit ends with a process, also by exec, for the descriptor is O_CLOEXEC. */
TEST(ends_with_process)
{
	int fd = nyx_open();
	__u32 before = units_in_system(fd);

	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		ASSERT_TRUE(pid >= 0);
		if (!pid) {
			struct env e;

			env_open(&e, .memory = i % 4);
			test_cmd(cmd_map(e.fd, e.domain, 0, 0, e.mem_size, RW));
			if (i % 2)
				execl("/bin/true", "true", (char *)NULL);
			_exit(0);
		}
		ktap_wait_exit(pid);
		ASSERT_EQ(before, units_in_system(fd));
	}
}

/* ---- the end while something is under way ---- */

struct dma_worker {
	struct env *e;
	unsigned char *buf;
	size_t length;
};

static void *dma_worker(void *arg)
{
	struct dma_worker *w = arg;
	struct nyx_dma c;

	for (;;) {
		cmd_dma_write(w->e->fd, &c, w->e->sbdf, 0, w->buf, w->length);
		cmd_dma_read(w->e->fd, &c, w->e->sbdf, 0, w->buf, w->length);
	}
	return NULL;
}

static void *map_worker(void *arg)
{
	struct dma_worker *w = arg;

	for (;;) {
		cmd_unmap(w->e->fd, w->e->domain, SZ_1G, SZ_1M, NULL);
		cmd_map(w->e->fd, w->e->domain, SZ_1G, 0, SZ_1M, RW);
	}
	return NULL;
}

static void busy_owner(int ready, enum env_memory memory)
{
	struct env e;
	struct dma_worker w = { .e = &e, .length = SZ_1M };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	env_open(&e, .memory = memory);
	w.buf = ktap_alloc(w.length);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_2M, RW));
	for (int i = 0; i < 2; i++)
		thread_start(dma_worker, &w);
	thread_start(map_worker, &w);
	ASSERT_EQ(1, write(ready, "x", 1));
	for (;;)
		pause();
}

/* kill -9 of an owner whose devices are at work. */
TEST_EACH(killed_owner, memory_cases)
{
	int fd = nyx_open();
	__u32 before = units_in_system(fd);

	for (int i = 0; i < 10; i++) {
		int ready[2], status;
		char byte;
		pid_t pid;

		test_cmd(pipe(ready));
		pid = fork();
		ASSERT_TRUE(pid >= 0);
		if (!pid)
			busy_owner(ready[1], v->memory);
		close(ready[1]);
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		ASSERT_EQ(before + 1, units_in_system(fd));
		usleep(1000 * i);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		ASSERT_EQ(before, units_in_system(fd));
		close(ready[0]);
	}
}

static void *wait_end(void *arg)
{
	char buf[sizeof(struct nyx_event)];

	ASSERT_EQ(0, read(*(int *)arg, buf, sizeof(buf)));
	return NULL;
}

/* A reader waits for events when the unit ends. */
TEST(end_of_events)
{
	pthread_t t;
	int fd, ev;

	for (int i = 0; i < 3; i++) {
		fd = nyx_open();
		test_cmd(cmd_unit_create_dflt(fd, NULL, i == 2 ? UNIT_PERSISTENT : 0, NULL));
		test_cmd(cmd_events_open(fd, 0, &ev));
		t = thread_start(wait_end, &ev);
		usleep(20000);
		if (i)
			test_cmd(cmd_unit_destroy(fd));
		else
			close(fd);	/* readers of events do not keep a unit */
		pthread_join(t, NULL);
		close(ev);
		if (i)
			close(fd);
	}
}

struct create_race {
	pthread_barrier_t barrier;
	int won;
};

static void *create_same_name(void *arg)
{
	struct create_race *r = arg;
	int fd = nyx_open(), ret;

	pthread_barrier_wait(&r->barrier);
	ret = cmd_unit_create_dflt(fd, "race", 0, NULL);
	if (!ret)
		__atomic_add_fetch(&r->won, 1, __ATOMIC_RELAXED);
	else
		ASSERT_EQ(-EEXIST, ret);
	pthread_barrier_wait(&r->barrier);
	close(fd);
	return NULL;
}

/* Of many threads that create the same name, and bind the same file, one wins. */
TEST(create_races)
{
	enum { THREADS = 4 };

	for (int i = 0; i < 20; i++) {
		struct create_race r = { .won = 0 };
		pthread_t t[THREADS];

		pthread_barrier_init(&r.barrier, NULL, THREADS);
		for (int j = 0; j < THREADS; j++)
			t[j] = thread_start(create_same_name, &r);
		for (int j = 0; j < THREADS; j++)
			pthread_join(t[j], NULL);
		ASSERT_EQ(1, r.won);
	}
}

static int shared_fd;

static void *bind_same_fd(void *arg)
{
	struct create_race *r = arg;
	int ret;

	pthread_barrier_wait(&r->barrier);
	ret = cmd_unit_create_dflt(shared_fd, NULL, 0, NULL);
	if (!ret)
		__atomic_add_fetch(&r->won, 1, __ATOMIC_RELAXED);
	else
		ASSERT_EQ(-EBUSY, ret);
	return NULL;
}

/* ---- others go on while a unit is made ---- */

#define DEBUGFS		"/sys/kernel/debug"

/**
 * struct making - a unit that cannot be finished
 * @dir: the directory of units in debugfs
 * @page: where a reader of @dir is held, which keeps it locked
 * @fd: of the unit that is made
 * @other: of another unit, which is shared
 * @id: of @other
 */
struct making {
	int dir;
	unsigned char *page;
	int fd;
	int other;
	__u32 id;
};

static int read_directory(void *arg)
{
	struct making *m = arg;

	return syscall(__NR_getdents64, m->dir, m->page, SZ_4K) > 0 ? 0 : -errno;
}

static int make_unit(void *arg)
{
	struct making *m = arg;

	return cmd_unit_create_dflt(m->fd, "making", NYX_UNIT_F_SHARED, NULL);
}

/* All that others do with units, but make and end some. */
static int use_units(void *arg)
{
	struct making *m = arg;
	struct nyx_unit_info *all, info;
	int fd = nyx_open();
	size_t nr;

	test_cmd(cmd_unit_open(fd, m->id, NULL, NULL));
	test_cmd(cmd_unit_persist(fd, 1));
	test_cmd(cmd_unit_persist(fd, 0));
	test_cmd(cmd_unit_info(fd, &info));
	close(fd);
	fd = nyx_open();
	test_cmd(cmd_unit_open(fd, NYX_ID_ANY, "other", NULL));
	/* The unit is none yet, but has its name. */
	all = list_all(fd, NYX_LIST_UNITS, 0, sizeof(*all), &nr);
	for (size_t i = 0; i < nr; i++)
		ASSERT_NE(0, strcmp((char *)all[i].name, "making"));
	free(all);
	close(fd);
	fd = nyx_open();
	test_err(ENOENT, cmd_unit_open(fd, NYX_ID_ANY, "making", NULL));
	test_err(EEXIST, cmd_unit_create_dflt(fd, "making", NYX_UNIT_F_SHARED, NULL));
	close(fd);
	return 0;
}

/*
 * A process may have to wait while it makes a unit, for memory if its cgroup has none
 * left: no other process waits with it. Here it waits for a reader of debugfs.
 */
TEST(creation_holds_up_nobody)
{
	struct caller reader, maker, others;
	struct making m = { .fd = nyx_open(), .other = nyx_open() };
	struct stall stall;

	mount("debugfs", DEBUGFS, "debugfs", 0, NULL);
	test_cmd(cmd_unit_create_dflt(m.other, "other", NYX_UNIT_F_SHARED, &m.id));
	m.dir = open(DEBUGFS "/nyx-iommu", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m.dir < 0)
		SKIP("no debugfs");
	m.page = map_aligned(SZ_4K, SZ_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1);
	stall_arm(&stall, m.page, SZ_4K);
	caller_start(&reader, read_directory, &m);
	stall_wait(&stall);
	caller_start(&maker, make_unit, &m);
	ASSERT_TRUE(caller_waits(&maker));
	caller_start(&others, use_units, &m);
	test_cmd(caller_end(&others));
	stall_release(&stall, 0);
	test_cmd(caller_end(&reader));
	test_cmd(caller_end(&maker));
	close(m.other);
	m.other = nyx_open();
	test_cmd(cmd_unit_open(m.other, NYX_ID_ANY, "making", NULL));
}

/* Nor does debugfs charge a process with its directory locked: a kernel thread makes files. */
TEST(creation_in_debugfs)
{
	unsigned int seen = 0;
	char line[512];
	char pid[16];
	int fd = nyx_open();
	FILE *f;

	if (access(DEBUGFS "/nyx-iommu", R_OK) && mount("debugfs", DEBUGFS, "debugfs", 0, NULL))
		SKIP("no debugfs");
	trace_begin("kmem/kmem_cache_alloc");
	/* This process makes a dentry there itself, which shows how that looks. */
	ASSERT_EQ(-1, access(DEBUGFS "/nyx-iommu/missing", F_OK));
	ASSERT_EQ(ENOENT, errno);
	test_cmd(cmd_unit_create_dflt(fd, NULL, 0, NULL));
	f = trace_open();
	snprintf(pid, sizeof(pid), "-%d ", getpid());
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#' || !strstr(line, pid) ||
		    !strstr(line, "call_site=__d_alloc"))
			continue;
		if (seen++)
			FAIL("%s", line);
	}
	trace_end(f);
	ASSERT_EQ(1, seen);
}

TEST(bind_races)
{
	enum { THREADS = 4 };
	int spare = nyx_open();
	__u32 before = units_in_system(spare);

	for (int i = 0; i < 20; i++) {
		struct create_race r = { .won = 0 };
		pthread_t t[THREADS];

		shared_fd = nyx_open();
		pthread_barrier_init(&r.barrier, NULL, THREADS);
		for (int j = 0; j < THREADS; j++)
			t[j] = thread_start(bind_same_fd, &r);
		for (int j = 0; j < THREADS; j++)
			pthread_join(t[j], NULL);
		ASSERT_EQ(1, r.won);
		ASSERT_EQ(before + 1, units_in_system(spare));
		close(shared_fd);
	}
}
