// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: commands that take something away wait for the accesses in flight.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * userfaultfd(2) holds a DMA in the middle of its copy, for as long as the test
 * wants: in guest memory, or in the buffer of the process. Meanwhile a second
 * thread issues a command that must wait. It must not have returned before
 * the test lets the DMA go on; a thread that is slow makes the test weaker,
 * never wrong.
 */
#include "nyx_env.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/**
 * struct scene - a DMA that is held up, and a command that waits for it
 * @e: the unit
 * @stall: where the DMA is held
 * @buffer: the DMA's buffer
 * @length: its length
 * @dma: the DMA
 * @dma_ret: what it returned
 * @command: the command that waits
 * @other_domain: a second domain, which maps the same IOVA elsewhere
 * @ret: what the command returned
 * @let_go: set before the DMA is let go
 * @returned_early: the command came back before that
 * @tid: of the thread that waits
 */
struct scene {
	struct env e;
	struct stall stall;
	unsigned char *buffer;
	__u64 length;
	struct nyx_dma dma;
	int dma_ret;
	int (*command)(struct scene *s);
	__u32 other_domain;
	int ret;
	bool let_go;
	bool returned_early;
	pid_t tid;
};

/* ---- the commands ---- */

static int do_unmap(struct scene *s)
{
	return cmd_unmap(s->e.fd, s->e.domain, 0, SZ_64K, NULL);
}

static int do_unmap_page(struct scene *s)
{
	/* The page that the DMA is held in. */
	return cmd_unmap(s->e.fd, s->e.domain, SZ_4K, SZ_4K, NULL);
}

static int do_unmap_all(struct scene *s)
{
	return cmd_unmap_all(s->e.fd, s->e.domain, NULL);
}

static int do_unmap_array(struct scene *s)
{
	struct nyx_unmap u[4];

	for (int i = 0; i < 4; i++)
		u[i] = (struct nyx_unmap) {
			.size = sizeof(u[i]), .domain_id = s->e.domain, .iova = i * SZ_4K,
			.length = SZ_4K,
		};
	return cmd_array(s->e.fd, NYX_CMD_UNMAP, u, sizeof(u[0]), 4, NULL);
}

static int do_detach(struct scene *s)
{
	return cmd_device_detach(s->e.fd, s->e.sbdf);
}

static int do_replace(struct scene *s)
{
	return cmd_device_attach(s->e.fd, s->e.sbdf, s->other_domain, NYX_ATTACH_F_REPLACE);
}

static int do_device_remove(struct scene *s)
{
	return cmd_device_remove(s->e.fd, s->e.sbdf);
}

static int do_memory_remove(struct scene *s)
{
	return cmd_memory_remove(s->e.fd, 0, s->e.mem_size);
}

static int do_invalidate_domain(struct scene *s)
{
	return cmd_invalidate(s->e.fd, NYX_SCOPE_DOMAIN, s->e.domain, 0, 0, 0);
}

static int do_invalidate_unit(struct scene *s)
{
	return cmd_invalidate(s->e.fd, NYX_SCOPE_UNIT, 0, 0, 0, 0);
}

static int do_invalidate_device(struct scene *s)
{
	return cmd_invalidate(s->e.fd, NYX_SCOPE_DEVICE, 0, s->e.sbdf, 0, 0);
}

static int do_invalidate_range(struct scene *s)
{
	return cmd_invalidate(s->e.fd, NYX_SCOPE_RANGE, s->e.domain, 0, 0, SZ_64K);
}

static const struct wait_case {
	const char *name;
	int (*command)(struct scene *s);
	__u32 domain_flags;
} wait_cases[] = {
	{ "unmap", do_unmap, 0 },
	{ "unmap_page", do_unmap_page, 0 },
	{ "unmap_all", do_unmap_all, 0 },
	{ "unmap_array", do_unmap_array, 0 },
	{ "detach", do_detach, 0 },
	{ "replace", do_replace, 0 },
	{ "device_remove", do_device_remove, 0 },
	{ "memory_remove", do_memory_remove, 0 },
	{ "invalidate_domain", do_invalidate_domain, NYX_DOMAIN_F_BATCHED },
	{ "invalidate_unit", do_invalidate_unit, NYX_DOMAIN_F_BATCHED },
	{ "invalidate_device", do_invalidate_device, NYX_DOMAIN_F_BATCHED },
	{ "invalidate_range", do_invalidate_range, NYX_DOMAIN_F_BATCHED },
};

/* ---- the scene ---- */

static void scene_open(struct scene *s, const struct wait_case *v, enum env_memory memory)
{
	*s = (struct scene){ .command = v->command, .length = 3 * SZ_4K };
	env_open(&s->e, .memory = memory, .mem_size = SZ_64K, .domain_flags = v->domain_flags);
	test_cmd(cmd_map(s->e.fd, s->e.domain, 0, 0, SZ_64K, RW));
	test_cmd(cmd_domain_paging(s->e.fd, 0, &s->other_domain));
	s->buffer = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1);
	memset(s->buffer, 0x5e, SZ_64K);
}

static void *dma_thread(void *arg)
{
	struct scene *s = arg;

	if (s->dma.op == NYX_DMA_READ)
		s->dma_ret = cmd_dma_read(s->e.fd, &s->dma, s->e.sbdf, 0, s->buffer, s->length);
	else
		s->dma_ret = cmd_dma_write(s->e.fd, &s->dma, s->e.sbdf, 0, s->buffer, s->length);
	return NULL;
}

static void *command_thread(void *arg)
{
	struct scene *s = arg;

	__atomic_store_n(&s->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	s->ret = s->command(s);
	s->returned_early = !__atomic_load_n(&s->let_go, __ATOMIC_SEQ_CST);
	return NULL;
}

static pthread_t start_command(struct scene *s)
{
	pthread_t t = thread_start(command_thread, s);

	while (!__atomic_load_n(&s->tid, __ATOMIC_ACQUIRE))
		sched_yield();
	wait_asleep(s->tid);
	return t;
}

static void run_scene(struct scene *s)
{
	pthread_t dma, command;

	dma = thread_start(dma_thread, s);
	stall_wait(&s->stall);
	command = start_command(s);
	__atomic_store_n(&s->let_go, true, __ATOMIC_SEQ_CST);
	stall_release(&s->stall, 0x77);
	pthread_join(command, NULL);
	pthread_join(dma, NULL);
	if (s->returned_early)
		FAIL("the command did not wait for the DMA");
	test_cmd(s->ret);
	/* The access that was under way may end well, or where the change cut it. */
	test_cmd(s->dma_ret);
	ASSERT_GE(s->dma.out_done, 2 * SZ_4K);
	if (s->dma.out_done < s->length)
		ASSERT_NE(NYX_FAULT_NONE, s->dma.out_fault.reason);
}

/* Held in guest memory: the second page of a write. */
TEST_EACH(waits_for_write, wait_cases)
{
	struct scene s;

	scene_open(&s, v, MEM_USER);
	s.dma.op = NYX_DMA_WRITE;
	stall_arm(&s.stall, s.e.mem + SZ_4K, SZ_4K);
	run_scene(&s);
	ASSERT_FILLED(s.e.mem, 0x5e, 2 * SZ_4K);
}

/* Held in the process's buffer, by each kind of guest memory. */
static void waits_for_read(const struct wait_case *v, enum env_memory memory)
{
	struct scene s;

	scene_open(&s, v, memory);
	memset(s.e.mem, 0x3a, SZ_64K);
	s.dma.op = NYX_DMA_READ;
	stall_arm(&s.stall, s.buffer + SZ_4K, SZ_4K);
	run_scene(&s);
	ASSERT_FILLED(s.buffer, 0x3a, 2 * SZ_4K);
}

TEST_EACH(waits_for_read_of_user_memory, wait_cases)
{
	waits_for_read(v, MEM_USER);
}

TEST_EACH(waits_for_read_of_pinned_memory, wait_cases)
{
	waits_for_read(v, MEM_PINNED);
}

TEST_EACH(waits_for_read_of_file, wait_cases)
{
	waits_for_read(v, MEM_FILE);
}

/* ---- others go on while one waits ---- */

#define PATIENCE_S	20	/* for what must not hang; then it is let go */

/**
 * struct bystander - a thread that has nothing to do with the one that waits
 * @s: the scene
 * @other: another unit
 */
struct bystander {
	struct scene *s;
	struct env other;
};

/* Devices of the same unit, and the same device elsewhere. */
static void *by_accesses(void *arg)
{
	struct bystander *b = arg;
	int fd = b->s->e.fd;
	struct nyx_dma c;
	__u64 word = 1;

	test_cmd(cmd_dma_write(fd, &c, 0x77, 0, &word, 8));
	test_cmd(cmd_dma_read(fd, &c, 0x77, 0, &word, 8));
	cmd_dma_write(fd, &c, b->s->e.sbdf, 8 * SZ_4K, &word, 8);
	return NULL;
}

/* Another unit. */
static void *by_other_unit(void *arg)
{
	struct bystander *b = arg;
	__u64 word = 1;
	struct env more;

	dma_write(b->other.fd, b->other.sbdf, 0, &word, 8);
	test_cmd(cmd_unmap(b->other.fd, b->other.domain, 0, SZ_4K, NULL));
	test_cmd(cmd_device_remove(b->other.fd, b->other.sbdf));
	env_open(&more);
	close(more.fd);
	test_cmd(cmd_unit_destroy(b->other.fd));
	return NULL;
}

/* Another process's look at the units of the system. */
static void *by_listing_units(void *arg)
{
	struct nyx_list l = { .type = NYX_LIST_UNITS };
	struct nyx_unit_info info[16];

	(void)arg;
	test_cmd(cmd_list(nyx_open(), &l, info, sizeof(info[0]), 16));
	return NULL;
}

static void *by_unit_info(void *arg)
{
	struct bystander *b = arg;
	struct nyx_unit_info info;

	test_cmd(cmd_unit_info(b->s->e.fd, &info));
	return NULL;
}

static void *by_sysfs(void *arg)
{
	static const char *const files[] = {
		"name", "model", "owner_uid", "memory_bytes", "iotlb_entries", "irt_entries",
	};
	struct bystander *b = arg;
	char path[100], buf[64];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd;

		snprintf(path, sizeof(path), "/sys/class/nyx-iommu/unit%u/%s", b->s->e.unit,
			 files[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		/* The unit may have ended. */
		if (fd >= 0 && read(fd, buf, sizeof(buf)) < 0)
			ASSERT_EQ(ENODEV, errno);
		close(fd);
	}
	return NULL;
}

static void *by_destroying(void *arg)
{
	struct bystander *b = arg;

	test_cmd(cmd_unit_destroy(b->s->e.fd));
	return NULL;
}

/* Ends the case if the thread hangs, after it has let everything go. */
static void must_end(struct scene *s, pthread_t t, const char *what)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	if (!pthread_timedjoin_np(t, NULL, &until))
		return;
	stall_release(&s->stall, 0);
	FAIL("%s hangs while a command waits for an access", what);
}

static void go_on(const struct wait_case *v, void *(*fn)(void *), const char *what, bool end)
{
	struct scene s;
	struct bystander b = { .s = &s };
	pthread_t dma, command, by;

	scene_open(&s, v, MEM_USER);
	s.dma.op = NYX_DMA_WRITE;
	stall_arm(&s.stall, s.e.mem + SZ_4K, SZ_4K);
	env_open(&b.other);
	test_cmd(cmd_map(b.other.fd, b.other.domain, 0, 0, SZ_64K, RW));
	test_cmd(cmd_device_add(s.e.fd, 0x77));
	test_cmd(cmd_map(s.e.fd, s.other_domain, 0, 8 * SZ_4K, SZ_4K, RW));
	if (v->command != do_replace)
		test_cmd(cmd_device_attach(s.e.fd, 0x77, s.other_domain, 0));
	dma = thread_start(dma_thread, &s);
	stall_wait(&s.stall);
	command = start_command(&s);

	by = thread_start(fn, &b);
	if (end) {
		/* The unit ends while a thread looks at it: no other unit may notice. */
		pthread_t destroyer, third;

		usleep(20000);
		destroyer = thread_start(by_destroying, &b);
		usleep(20000);
		third = thread_start(by_other_unit, &b);
		must_end(&s, third, "another unit");
		must_end(&s, destroyer, "NYX_UNIT_DESTROY");
	}
	must_end(&s, by, what);

	__atomic_store_n(&s.let_go, true, __ATOMIC_SEQ_CST);
	stall_release(&s.stall, 0);
	pthread_join(command, NULL);
	pthread_join(dma, NULL);
	ASSERT_TRUE(!s.returned_early);
	test_cmd(s.ret);
}

TEST_EACH(accesses_go_on, wait_cases)
{
	go_on(v, by_accesses, "an access", false);
}

TEST_EACH(other_units_go_on, wait_cases)
{
	go_on(v, by_other_unit, "another unit", false);
}

TEST_EACH(listing_goes_on, wait_cases)
{
	go_on(v, by_listing_units, "NYX_LIST of units", false);
}

TEST_EACH(info_goes_on, wait_cases)
{
	go_on(v, by_unit_info, "NYX_UNIT_INFO", false);
}

TEST_EACH(sysfs_goes_on, wait_cases)
{
	go_on(v, by_sysfs, "sysfs", false);
}

TEST_EACH(end_while_shown, wait_cases)
{
	go_on(v, by_sysfs, "sysfs", true);
}

/* Two that wait for the same access. */
TEST(two_wait)
{
	static const struct wait_case v = { "", do_unmap_page, 0 };
	struct scene s, t;
	pthread_t dma, a, b;

	scene_open(&s, &v, MEM_USER);
	s.dma.op = NYX_DMA_WRITE;
	stall_arm(&s.stall, s.e.mem + SZ_4K, SZ_4K);
	dma = thread_start(dma_thread, &s);
	stall_wait(&s.stall);
	t = s;
	t.tid = 0;
	t.command = do_invalidate_domain;
	a = start_command(&s);
	b = start_command(&t);
	s.let_go = true;
	__atomic_store_n(&t.let_go, true, __ATOMIC_SEQ_CST);
	stall_release(&s.stall, 0);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	pthread_join(dma, NULL);
	ASSERT_TRUE(!s.returned_early && !t.returned_early);
	test_cmd(s.ret);
	test_cmd(t.ret);
}

/* The unit ends at once; an access that is inside finishes. */
TEST(destroy_does_not_wait)
{
	static const struct wait_case v = { "", do_unmap, 0 };
	struct nyx_unit_info info;
	struct scene s;
	pthread_t dma;
	int fd = nyx_open();
	__u32 units = units_in_system(fd);

	scene_open(&s, &v, MEM_USER);
	s.dma.op = NYX_DMA_WRITE;
	stall_arm(&s.stall, s.e.mem + SZ_4K, SZ_4K);
	dma = thread_start(dma_thread, &s);
	stall_wait(&s.stall);
	test_cmd(cmd_unit_destroy(s.e.fd));
	ASSERT_EQ(units, units_in_system(fd));
	test_err(ENODEV, cmd_unit_info(s.e.fd, &info));
	/* Another thread closes the file of the command that is under way. */
	close(s.e.fd);
	stall_release(&s.stall, 0);
	pthread_join(dma, NULL);
	test_cmd(s.dma_ret);
	ASSERT_GE(s.dma.out_done, 2 * SZ_4K);
}

TEST(close_does_not_wait)
{
	static const struct wait_case v = { "", do_unmap, 0 };
	struct scene s;
	pthread_t dma;
	int fd = nyx_open();
	__u32 units = units_in_system(fd);

	scene_open(&s, &v, MEM_USER);
	s.dma.op = NYX_DMA_WRITE;
	stall_arm(&s.stall, s.e.mem + SZ_4K, SZ_4K);
	dma = thread_start(dma_thread, &s);
	stall_wait(&s.stall);
	close(s.e.fd);
	/* The command holds the file. */
	ASSERT_EQ(units + 1, units_in_system(fd));
	stall_release(&s.stall, 0);
	pthread_join(dma, NULL);
	test_cmd(s.dma_ret);
	ASSERT_EQ(s.length, s.dma.out_done);
	ASSERT_EQ(units, units_in_system(fd));
}

/* An access that outlives its unit is refused as ever, but not recorded any more. */
TEST(no_event_after_the_end)
{
	static const struct wait_case v = { "", do_unmap, 0 };
	struct nyx_event event;
	struct scene s;
	pthread_t dma;
	int ev;

	scene_open(&s, &v, MEM_USER);
	test_cmd(cmd_unmap(s.e.fd, s.e.domain, 2 * SZ_4K, SZ_4K, NULL));
	test_cmd(cmd_events_open(s.e.fd, NYX_EVENTS_F_HISTORY, &ev));
	s.dma.op = NYX_DMA_WRITE;
	stall_arm(&s.stall, s.e.mem + SZ_4K, SZ_4K);
	dma = thread_start(dma_thread, &s);
	stall_wait(&s.stall);
	test_cmd(cmd_unit_destroy(s.e.fd));
	ASSERT_EQ(0, read(ev, &event, sizeof(event)));
	stall_release(&s.stall, 0);
	pthread_join(dma, NULL);
	test_cmd(s.dma_ret);
	ASSERT_EQ(2 * SZ_4K, s.dma.out_done);
	ASSERT_EQ(NYX_FAULT_NOT_PRESENT, s.dma.out_fault.reason);
	ASSERT_EQ(0, read(ev, &event, sizeof(event)));
}

/* ---- kill(2) ---- */

/* A process that issues the command when it is told to, to be killed in it. */
static pid_t fork_command(struct scene *s, int *tell)
{
	int ready[2];
	char byte;
	pid_t pid;

	test_cmd(pipe(ready));
	pid = fork();
	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		s->command(s);
		_exit(0);	/* must not come before it is killed */
	}
	*tell = ready[1];
	return pid;
}

/* It may not have begun when it is killed; never may it have returned. */
static void kill_command(pid_t pid)
{
	int status;

	wait_asleep(pid);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* A process that waits dies of SIGKILL although the access never ends. */
TEST_EACH(killed_while_waiting, wait_cases)
{
	struct scene s;
	pthread_t dma;
	pid_t pid;
	int tell;

	scene_open(&s, v, MEM_USER);
	s.dma.op = NYX_DMA_WRITE;
	pid = fork_command(&s, &tell);
	stall_arm(&s.stall, s.e.mem + SZ_4K, SZ_4K);
	dma = thread_start(dma_thread, &s);
	stall_wait(&s.stall);
	ASSERT_EQ(1, write(tell, "x", 1));
	kill_command(pid);

	/* The access is still alive and well, and so is the unit. */
	stall_release(&s.stall, 0);
	pthread_join(dma, NULL);
	test_cmd(s.dma_ret);
	ASSERT_GE(s.dma.out_done, 2 * SZ_4K);
	ASSERT_FILLED(s.e.mem, 0x5e, 2 * SZ_4K);
	/* Everything can be taken down in the usual way. */
	cmd_device_remove(s.e.fd, s.e.sbdf);
	test_cmd(cmd_domain_destroy(s.e.fd, s.e.domain));
	cmd_memory_remove(s.e.fd, 0, s.e.mem_size);
	test_err(ENOENT, cmd_memory_remove(s.e.fd, 0, s.e.mem_size));
}

static int do_remove_unused_memory(struct scene *s)
{
	return cmd_memory_remove(s->e.fd, SZ_1G, SZ_64K);
}

/* The next removal gives back what the killed removal of a range has kept. */
TEST(killed_removal_is_made_good)
{
	static const struct wait_case v = { "", do_remove_unused_memory, 0 };
	int tell, memfd = memfd_new("removed", SZ_64K);
	const __u64 gpa = SZ_1G;
	struct nyx_unit_info info;
	struct scene s;
	pthread_t dma;
	pid_t pid;

	scene_open(&s, &v, MEM_USER);
	test_cmd(cmd_memory_add_file(s.e.fd, 0, gpa, SZ_64K, memfd, 0));
	test_cmd(cmd_memory_add_file(s.e.fd, 0, 2 * gpa, SZ_64K, memfd_new("other", SZ_64K), 0));
	s.dma.op = NYX_DMA_WRITE;
	pid = fork_command(&s, &tell);
	stall_arm(&s.stall, s.e.mem + SZ_4K, SZ_4K);
	dma = thread_start(dma_thread, &s);
	stall_wait(&s.stall);
	ASSERT_EQ(1, write(tell, "x", 1));
	/* Gone from the map: the command is past the point of no return. */
	do {
		usleep(1000);
		test_cmd(cmd_unit_info(s.e.fd, &info));
	} while (info.nr_memory != 2);
	kill_command(pid);
	/* Still in use for the kernel: a range that may be written. */
	ASSERT_EQ(-1, fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE));
	ASSERT_EQ(EBUSY, errno);

	stall_release(&s.stall, 0);
	pthread_join(dma, NULL);
	test_cmd(cmd_memory_remove(s.e.fd, 2 * gpa, SZ_64K));
	test_cmd(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE));
}

/* The same command again waits for what the killed replacement has not waited for. */
TEST(killed_replace_is_made_good)
{
	static const struct wait_case v = { "", do_replace, 0 };
	struct nyx_device_info info;
	pthread_t dma, command;
	struct scene s;
	pid_t pid;
	int tell;

	scene_open(&s, &v, MEM_USER);
	test_cmd(cmd_device_add(s.e.fd, 0x77));
	s.dma.op = NYX_DMA_WRITE;
	pid = fork_command(&s, &tell);
	stall_arm(&s.stall, s.e.mem + SZ_4K, SZ_4K);
	dma = thread_start(dma_thread, &s);
	stall_wait(&s.stall);
	ASSERT_EQ(1, write(tell, "x", 1));
	/* It has moved: the command is past the point of no return. */
	do {
		usleep(1000);
		device_info(s.e.fd, s.e.sbdf, &info);
	} while (info.domain_id != s.other_domain);
	kill_command(pid);
	/* The access is in the STRICT domain that its device has left. */
	test_err(EBUSY, cmd_device_attach(s.e.fd, 0x77, s.e.domain, 0));

	command = start_command(&s);
	__atomic_store_n(&s.let_go, true, __ATOMIC_SEQ_CST);
	stall_release(&s.stall, 0);
	pthread_join(command, NULL);
	pthread_join(dma, NULL);
	if (s.returned_early)
		FAIL("the command did not wait for the DMA");
	test_cmd(s.ret);
	test_cmd(s.dma_ret);
	test_cmd(cmd_device_attach(s.e.fd, 0x77, s.e.domain, 0));
	/* All is made good: nothing is left to wait for. */
	test_cmd(do_replace(&s));
}

/* A process whose own access is held and whose own command waits. */
TEST_EACH(killed_with_both, wait_cases)
{
	int ready[2], status, fd = nyx_open();
	__u32 units = units_in_system(fd);
	char byte;
	pid_t pid;

	test_cmd(pipe(ready));
	pid = fork();
	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		struct scene s;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		scene_open(&s, v, MEM_USER);
		s.dma.op = NYX_DMA_WRITE;
		stall_arm(&s.stall, s.e.mem + SZ_4K, SZ_4K);
		thread_start(dma_thread, &s);
		stall_wait(&s.stall);
		start_command(&s);
		ASSERT_EQ(1, write(ready[1], "x", 1));
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		ktap_wait_exit(pid);	/* it was skipped, or has failed */
		FAIL("no word from the child");
	}
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(units, units_in_system(fd));
}

/* ---- held in the structure or the array of a command ---- */

/*
 * An array whose second half is not there yet: items that were read are done or
 * not; in between anything may be taken away.
 */
struct held_array {
	struct env e;
	struct nyx_map *items;
	__u32 nr;
	__u32 done;
	int ret;
};

static void *array_thread(void *arg)
{
	struct held_array *h = arg;

	h->ret = cmd_array(h->e.fd, NYX_CMD_MAP, h->items, sizeof(*h->items), h->nr, &h->done);
	return NULL;
}

static const struct held_case {
	const char *name;
	int what;
} held_cases[] = {
	{ "nothing", 0 },
	{ "domain_destroyed", 1 },
	{ "unit_destroyed", 2 },
	{ "file_closed", 3 },
};

TEST_EACH(held_in_array, held_cases)
{
	const size_t half = SZ_4K / sizeof(struct nyx_map);
	struct held_array h = { .nr = 2 * half };
	unsigned char *arena = map_aligned(2 * SZ_4K, SZ_4K, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct nyx_map *image = ktap_alloc(2 * SZ_4K);
	struct nyx_domain_info info;
	struct stall stall;
	pthread_t t;

	env_open(&h.e);
	for (__u32 i = 0; i < h.nr; i++)
		image[i] = (struct nyx_map) {
			.size = sizeof(image[i]), .domain_id = h.e.domain, .prot = RW,
			.iova = i * SZ_1M, .length = SZ_4K,
		};
	/* An item begins where the second page does. */
	h.items = (struct nyx_map *)(arena + SZ_4K) - half;
	memcpy(h.items, image, half * sizeof(*image));
	stall_arm(&stall, arena + SZ_4K, SZ_4K);
	t = thread_start(array_thread, &h);
	stall_wait(&stall);
	switch (v->what) {
	case 1:
		test_cmd(cmd_device_detach(h.e.fd, h.e.sbdf));
		test_cmd(cmd_domain_destroy(h.e.fd, h.e.domain));
		break;
	case 2:
		test_cmd(cmd_unit_destroy(h.e.fd));
		break;
	case 3:
		close(h.e.fd);
		break;
	}
	/* The rest of the array is 0x77: an impossible size. */
	stall_release(&stall, 0x77);
	pthread_join(t, NULL);
	ASSERT_TRUE(h.ret == -EINVAL || (v->what == 1 && h.ret == -ENOENT) ||
		    (v->what == 2 && h.ret == -ENODEV));
	ASSERT_LE(h.done, half);
	if (v->what == 0) {
		domain_info(h.e.fd, h.e.domain, &info);
		ASSERT_EQ(h.done * SZ_4K, info.mapped_bytes);
		ASSERT_EQ(half, h.done);
	}
}
