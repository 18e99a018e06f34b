// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx stress: processes that are killed at any moment.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A family of processes with threads uses units of its own and of each other,
 * and is killed with SIGKILL after a random time. Then no unit, no pinned page
 * and no charge may be left; units that were kept are found and destroyed.
 */
#include "changes.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/**
 * struct victim - what a process works with
 * @e: its unit
 * @seed: of its threads
 */
struct victim {
	struct env e;
	__u64 seed;
};

static void *worker(void *arg)
{
	struct victim *v = arg;
	struct rng r = { .state = v->seed ^ (__u64)syscall(SYS_gettid) };
	unsigned char *buf = ktap_alloc(SZ_1M);
	struct nyx_map *items = ktap_alloc(1000 * sizeof(*items));
	int fd = v->e.fd;
	struct nyx_dma c;
	struct nyx_event event;
	__u32 id;
	int ev;

	for (;;) {
		switch (rng_below(&r, 10)) {
		case 0:
			cmd_dma_write(fd, &c, v->e.sbdf, 0, buf, SZ_1M);
			break;
		case 1:
			cmd_dma_read(fd, &c, v->e.sbdf, 0, buf, SZ_1M);
			break;
		case 2:
			cmd_unmap(fd, v->e.domain, rng_below(&r, 512) * SZ_4K, SZ_4K, NULL);
			break;
		case 3:
			cmd_map(fd, v->e.domain, 0, 0, 2 * SZ_1M, RW);
			break;
		case 4:
			cmd_memory_remove(fd, 0, v->e.mem_size);
			cmd_memory_add(fd, NYX_MEMORY_F_SHARED |
				       (rng_below(&r, 2) ? NYX_MEMORY_F_PINNED : 0), 0,
				       v->e.mem_size, v->e.mem);
			break;
		case 5:
			cmd_device_detach(fd, v->e.sbdf);
			cmd_device_attach(fd, v->e.sbdf, v->e.domain, 0);
			break;
		case 6:
			/* Long commands: an array, and 64 GiB in pages of 4 KiB. */
			for (int i = 0; i < 1000; i++)
				items[i] = (struct nyx_map) {
					.size = sizeof(items[i]), .domain_id = v->e.domain,
					.prot = RW, .iova = SZ_1G + i * SZ_2M, .length = SZ_4K,
				};
			cmd_array(fd, NYX_CMD_MAP, items, sizeof(items[0]), 1000, NULL);
			break;
		case 7:
			if (cmd_domain_paging(fd, 0, &id))
				break;
			cmd_map(fd, id, SZ_4K, 0, 4 * SZ_1G, RW);
			cmd_domain_destroy(fd, id);
			break;
		case 8:
			cmd_unmap_all(fd, v->e.domain, NULL);
			break;
		default:
			if (cmd_events_open(fd, NYX_EVENTS_F_NONBLOCK, &ev))
				break;
			cmd_dma_read(fd, &c, v->e.sbdf, 7 * SZ_1G, buf, 8);
			if (read(ev, &event, sizeof(event)) < 0)
				sched_yield();
			close(ev);
		}
	}
	return NULL;
}

/* Follows the device, as a VMM's mirror does: commands wait for it, and it comes and goes. */
static void *follower(void *arg)
{
	struct victim *v = arg;
	struct rng r = { .state = v->seed ^ (__u64)syscall(SYS_gettid) };
	struct nyx_change *changes = ktap_alloc(16 * sizeof(*changes));
	struct nyx_changes_open open;
	struct nyx_changes_next next;
	struct nyx_changes_add add;

	for (;;) {
		if (cmd_changes_open(v->e.fd, rng_below(&r, 2) ? NYX_CHANGES_F_INLINE : 0, &open))
			continue;
		cmd_changes_add(v->e.fd, &add, open.out_changes_id, NYX_CHANGES_DEVICE, v->e.sbdf);
		next.out_seq = 0;
		for (__u64 i = rng_below(&r, 200); i; i--) {
			if (cmd_changes_next(v->e.fd, &next, open.out_changes_id, next.out_seq,
					     changes, 16))
				break;
		}
		close(open.out_fd);
	}
	return NULL;
}

/* A process, and a child of it that uses the same unit from another mm. */
static void victim(__u64 seed, bool keep, int ready)
{
	struct victim v = { .seed = seed };
	struct rng r = { .state = seed };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	env_open(&v.e, .memory = rng_below(&r, 4), .mem_size = 2 * SZ_1M,
		 .iotlb = rng_below(&r, 2) ? 64 : ENV_IOTLB_OFF, .shared = true);
	if (keep)
		test_cmd(cmd_unit_persist(v.e.fd, 1));
	cmd_map(v.e.fd, v.e.domain, 0, 0, 2 * SZ_1M, RW);
	if (rng_below(&r, 2)) {
		pid_t parent = getpid(), pid = fork();

		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (getppid() != parent)
				_exit(0);	/* it died before */
			worker(&v);
		}
	}
	for (int i = 0; i < 3; i++)
		thread_start(worker, &v);
	if (rng_below(&r, 2))
		thread_start(follower, &v);
	/* A word, with the unit's id for the process that has to find it. */
	ASSERT_EQ(sizeof(v.e.unit), write(ready, &v.e.unit, sizeof(v.e.unit)));
	for (;;)
		pause();
}

static const struct victim_case {
	const char *name;
	bool keep;
	unsigned int at_once;
} victim_cases[] = {
	{ "one", false, 1 },
	{ "three", false, 3 },
	{ "kept", true, 1 },
};

TEST_EACH(killed, victim_cases)
{
	struct rng r = rng_start(1);
	int spare = nyx_open();
	__u32 units = units_in_system(spare);
	long pins = pinned_pages();

	for (unsigned long round = 0; round < ktap_iterations(15); round++) {
		pid_t pid[3];
		__u32 id[3];
		int ready[2];

		ktap_note("round %lu", round);
		test_cmd(pipe(ready));
		for (unsigned int i = 0; i < v->at_once; i++) {
			__u64 seed = rng_next(&r);

			pid[i] = fork();
			ASSERT_TRUE(pid[i] >= 0);
			if (!pid[i])
				victim(seed, v->keep, ready[1]);
		}
		for (unsigned int i = 0; i < v->at_once; i++)
			ASSERT_EQ(sizeof(id[i]), read(ready[0], &id[i], sizeof(id[i])));
		close(ready[0]);
		close(ready[1]);
		usleep(rng_below(&r, 30000));
		for (unsigned int i = 0; i < v->at_once; i++)
			kill(pid[i], SIGKILL);
		for (unsigned int i = 0; i < v->at_once; i++)
			ASSERT_EQ(pid[i], waitpid(pid[i], NULL, 0));
		/* Orphans were killed with their parents, and are not ours to wait for. */
		for (int i = 0; i < 1000 && units_in_system(spare) !=
		     units + (v->keep ? v->at_once : 0); i++)
			usleep(10000);
		ASSERT_EQ(units + (v->keep ? v->at_once : 0), units_in_system(spare));
		if (v->keep) {
			int fd = nyx_open();
			struct nyx_unit_info info;

			test_cmd(cmd_unit_open(fd, id[0], NULL, NULL));
			test_cmd(cmd_unit_info(fd, &info));
			test_cmd(cmd_unit_destroy(fd));
			close(fd);
			ASSERT_EQ(units, units_in_system(spare));
		}
	}
	/* Orphans may still be in the middle of a long command. */
	for (int i = 0; i < 6000 && pinned_pages() > pins; i++)
		usleep(10000);
	ASSERT_LE(pinned_pages(), pins);
}

/* The very first moments of a process and its unit. */
TEST(killed_young)
{
	struct rng r = rng_start(2);
	int spare = nyx_open();
	__u32 units = units_in_system(spare);

	for (unsigned long round = 0; round < ktap_iterations(60); round++) {
		pid_t pid = fork();

		ASSERT_TRUE(pid >= 0);
		if (!pid) {
			for (;;) {
				struct env e;

				env_open(&e, .memory = rng_below(&r, 4));
				cmd_map(e.fd, e.domain, 0, 0, SZ_2M, RW);
				close(e.fd);
				if (e.file >= 0)
					close(e.file);
			}
		}
		usleep(rng_below(&r, 6000));
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		ASSERT_EQ(units, units_in_system(spare));
	}
}

/* SIGKILL ends one long command, soon. */
TEST(killed_in_long_command)
{
	int spare = nyx_open();
	__u32 units = units_in_system(spare);

	for (int i = 0; i < 4; i++) {
		int ready[2];
		pid_t pid;
		char byte;

		test_cmd(pipe(ready));
		pid = fork();
		ASSERT_TRUE(pid >= 0);
		if (!pid) {
			struct nyx_dma c;
			struct env e;

			env_open(&e, .page_sizes = SZ_4K, .mem_size = SZ_2M);
			ASSERT_EQ(1, write(ready[1], "x", 1));
			for (;;) {
				if (i % 2) {
					/* A table of gigabytes of small pages. */
					cmd_map(e.fd, e.domain, 0, 0, 16 * SZ_1G, RW);
					cmd_unmap_all(e.fd, e.domain, NULL);
				} else {
					cmd_map(e.fd, e.domain, 0, 0, SZ_2M, RW);
					cmd_dma_fill(e.fd, &c, e.sbdf, 0, SZ_2M, 1, i);
				}
			}
		}
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		usleep(20000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		ASSERT_EQ(units, units_in_system(spare));
		close(ready[0]);
		close(ready[1]);
	}
}
