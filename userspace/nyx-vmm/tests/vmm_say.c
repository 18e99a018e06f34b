// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: messages without a reader.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "ktap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm.h"

static int make_socket(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
}

static const struct kind { const char *name; int (*make)(int fds[2]); } kinds[] = {
	{ "pipe", pipe }, { "socket", make_socket },
};

static void set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	ASSERT_EQ(0, fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

/* Standard error, without room for a byte more; its other side */
static int full(const struct kind *v)
{
	static const char junk[4096];
	size_t len;
	int fds[2];

	ASSERT_EQ(0, v->make(fds));
	set_nonblock(fds[0], true);
	set_nonblock(fds[1], true);
	for (len = sizeof(junk); len; len /= 2) {
		while (write(fds[1], junk, len) > 0)
			;
		ASSERT_EQ(EAGAIN, errno);
	}
	set_nonblock(fds[1], false);
	ASSERT_EQ(STDERR_FILENO, dup2(fds[1], STDERR_FILENO));
	say_init();
	/* Other programs that have it open notice nothing. */
	ASSERT_TRUE(!(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK));
	return fds[0];
}

static void empty(int fd)
{
	char junk[4096];

	while (read(fd, junk, sizeof(junk)) > 0)
		;
}

static void expect_read(int fd, const char *want)
{
	char seen[1024] = "";

	EXPECT_TRUE(read(fd, seen, sizeof(seen) - 1) > 0);
	ktap_note("seen: %s", seen);
	EXPECT_TRUE(!strcmp(want, seen));
}

TEST_EACH(unread, kinds)
{
	int fd = full(v);

	say_running(true);
	say("one");
	say("two");
	empty(fd);
	say("number %d", 3);
	expect_read(fd, "nyx-vmm: 2 messages dropped\nnyx-vmm: number 3\n");
	say("four");
	expect_read(fd, "nyx-vmm: four\n");
}

TEST_EACH(told_in_the_end, kinds)
{
	int fd = full(v);

	say_running(true);
	say("one");
	empty(fd);
	say_running(false);
	expect_read(fd, "nyx-vmm: 1 messages dropped\n");
	say_running(false);
	say("the end");
	expect_read(fd, "nyx-vmm: the end\n");
}

TEST_EACH(reader_gone, kinds)
{
	int fd = full(v);

	signal(SIGPIPE, SIG_IGN);
	say_running(true);
	close(fd);
	say("to nobody");
	say_running(false);
}

TEST_EACH(long_line, kinds)
{
	char line[2000], want[600];
	int fd = full(v);

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	empty(fd);
	say("%s", line);
	snprintf(want, sizeof(want), "nyx-vmm: %.511s\n", line);
	expect_read(fd, want);
}
