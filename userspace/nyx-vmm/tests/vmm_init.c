// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: devices that cannot be made say why, once, and leave nothing; memory.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vmm_env.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int fds[2];

static int make_blk(struct vmm *vmm)
{
	return virtio_blk_init(vmm, env_file(4096, 0, &fds[0]), false, 1);
}

static int make_net(struct vmm *vmm)
{
	return virtio_net_init(vmm, NULL, fds[0]);
}

static int make_edu(struct vmm *vmm)
{
	return edu_init(vmm, UINT64_MAX);
}

static const struct device {
	const char *name;
	int (*make)(struct vmm *vmm);
	const char *says;
	int own;			/* file descriptors for itself, -1: none at all */
} devices[] = {
	{ "blk", make_blk, "/proc/self/fd/", 2 },
	{ "net", make_net, "virtio-net", 0 },
	{ "rng", virtio_rng_init, "virtio-rng", 0 },
	{ "edu", make_edu, "edu", -1 },
};

static void expect_said(const struct device *v, int error)
{
	EXPECT_EQ(1, env_says());
	EXPECT_TRUE(strstr(env_said(), v->says) || strstr(env_said(), "virtio-blk"));
	EXPECT_TRUE(strstr(env_said(), error == ENOMEM ? "no memory" : strerror(error)));
}

TEST_EACH(no_memory, devices)
{
	struct vmm *vmm;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
	vmm = env_machine(ENV_MAP);
	env_no_memory(true);
	EXPECT_EQ(-ENOMEM, v->make(vmm));
	env_no_memory(false);
	expect_said(v, ENOMEM);
	if (v->make == make_blk)
		close(fds[0]);
	env_end(vmm);
}

/* The limit that leaves room for so many more files */
static rlim_t limit_for(int room)
{
	int fd = 0;

	while (fcntl(fd, F_GETFD) >= 0 || room--)
		fd++;
	return (rlim_t)fd;
}

/* The more there may be, the later it fails. */
TEST_EACH(no_files, devices)
{
	struct rlimit all, few;
	struct vmm *vmm;
	int i;

	if (v->own < 0)
		return;
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &all));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
	vmm = env_machine(ENV_MAP);
	for (i = 0; i < 2; i++) {
		few = all;
		few.rlim_cur = limit_for(v->own + i);
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
		EXPECT_EQ(-EMFILE, v->make(vmm));
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &all));
		if (!i)
			expect_said(v, EMFILE);
		if (v->make == make_blk)
			close(fds[0]);
	}
	EXPECT_EQ(2, env_says());
	env_end(vmm);
}

TEST_EACH(no_slot, devices)
{
	struct vmm *vmm;
	unsigned int i;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
	vmm = env_machine(ENV_MAP);
	for (i = 1; i < 32; i++)
		ASSERT_EQ(0, make_edu(vmm));
	EXPECT_EQ(-ENOSPC, v->make(vmm));
	EXPECT_EQ(1, env_says());
	EXPECT_TRUE(strstr(env_said(), "no PCI slot is left"));
	if (v->make == make_blk)
		close(fds[0]);
	env_end(vmm);
}

/* A process that gets the file cannot change its size, nor have others change it. */
TEST(memory_is_sealed)
{
	const struct options opts = { .memory = GPA_RAM_LOW_END + MIB };
	struct vmm vmm = { .opts = &opts };

	ASSERT_EQ(0, ram_init(&vmm));
	EXPECT_EQ(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, fcntl(vmm.ram_fd, F_GET_SEALS));
	EXPECT_EQ(-1, ftruncate(vmm.ram_fd, 0));
	EXPECT_TRUE(ram_ptr(&vmm, GPA_RAM_HIGH, MIB) == vmm.ram + GPA_RAM_LOW_END);
	EXPECT_TRUE(!ram_ptr(&vmm, GPA_RAM_HIGH, MIB + 1));
	ram_exit(&vmm);
}
