// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: vhost-user, with back ends that break its rules.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vmm_env.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhost_user_wire.h"

#define SOON_MS		100		/* for back ends that do not answer */

/* Sends bytes, and perhaps a descriptor. */
static void put(int fd, const void *bytes, size_t size, int extra)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { (void *)bytes, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (extra >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.align = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(&control.align), &extra, sizeof(int));
	}
	ASSERT_EQ((ssize_t)size, sendmsg(fd, &msg, MSG_NOSIGNAL));
}

static void make_pair(int fds[2])
{
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
}

static int next_fd(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

/* ---- replies --------------------------------------------------------------------------- */

enum { GOOD = VHOST_USER_VERSION | VHOST_USER_REPLY };

/* What the back end answers to GET_FEATURES; @sent: so many bytes, and then nothing */
static const struct reply {
	const char *name;
	uint32_t request, flags, size;
	size_t sent;
	int want;
	bool closed, fd;
} replies[] = {
	{ "good", 1, GOOD, 8, 20, 0 },
	{ "silent", 1, GOOD, 8, 0, -ETIMEDOUT },
	{ "one_byte", 1, GOOD, 8, 1, -ETIMEDOUT },
	{ "no_body", 1, GOOD, 8, 12, -ETIMEDOUT },
	{ "half_a_body", 1, GOOD, 8, 16, -ETIMEDOUT },
	{ "closed", 1, GOOD, 8, 0, -EPIPE, .closed = true },
	{ "closed_in_the_header", 1, GOOD, 8, 11, -EPIPE, .closed = true },
	{ "closed_before_the_body", 1, GOOD, 8, 12, -EPIPE, .closed = true },
	{ "closed_in_the_body", 1, GOOD, 8, 19, -EPIPE, .closed = true },
	{ "good_and_closed", 1, GOOD, 8, 20, 0, .closed = true },
	{ "another_request", 2, GOOD, 8, 20, -EPROTO },
	{ "request_0", 0, GOOD, 8, 20, -EPROTO },
	{ "no_reply", 1, VHOST_USER_VERSION, 8, 20, -EPROTO },
	{ "version_0", 1, VHOST_USER_REPLY, 8, 20, -EPROTO },
	{ "version_2", 1, 2 | VHOST_USER_REPLY, 8, 20, -EPROTO },
	{ "version_3", 1, 3 | VHOST_USER_REPLY, 8, 20, -EPROTO },
	{ "empty", 1, GOOD, 0, 12, -EPROTO },
	{ "short", 1, GOOD, 4, 16, -EPROTO },
	{ "long", 1, GOOD, 16, 28, -EPROTO },
	{ "largest", 1, GOOD, sizeof(union vhost_user_body), 12 + sizeof(union vhost_user_body),
	  -EPROTO },
	{ "larger", 1, GOOD, sizeof(union vhost_user_body) + 1, 12, -EPROTO },
	{ "largest_of_all", 1, GOOD, UINT32_MAX, 12, -EPROTO },
	{ "with_a_file", 1, GOOD, 8, 20, -EPROTO, .fd = true },
	{ "header_with_a_file", 1, GOOD, 8, 12, -EPROTO, .fd = true },
};

TEST_EACH(reply, replies)
{
	struct vhost_user_message m = vhost_user_message(VHOST_USER_GET_FEATURES, 0);
	uint8_t bytes[12 + sizeof(union vhost_user_body)] = { 0 }, seen[13];
	const uint64_t features = UINT64_C(0x8877665544332211);
	int fds[2], before;

	make_pair(fds);
	le_put(bytes, v->request, 4);
	le_put(bytes + 4, v->flags, 4);
	le_put(bytes + 8, v->size, 4);
	le_put(bytes + 12, features, 8);
	if (v->sent)
		put(fds[1], bytes, v->sent, v->fd ? STDIN_FILENO : -1);
	if (v->closed)
		shutdown(fds[1], SHUT_WR);
	before = next_fd();
	vhost_user_timeout_ms = v->want == -ETIMEDOUT ? SOON_MS : 60000;
	EXPECT_EQ(v->want, vhost_user_ask(fds[0], &m, 8));
	if (!v->want)
		EXPECT_EQ(features, m.body.u64);
	EXPECT_EQ(before, next_fd());
	/* The request: its header, and nothing else */
	ASSERT_EQ(12, recv(fds[1], seen, sizeof(seen), 0));
	EXPECT_EQ(1, le_get(seen, 4));
	EXPECT_EQ(VHOST_USER_VERSION, le_get(seen + 4, 4));
	EXPECT_EQ(0, le_get(seen + 8, 4));
	close(fds[0]);
	close(fds[1]);
}

static const struct { const char *name; uint64_t answer; int want; } answers[] = {
	{ "yes", 0, 0 }, { "no", 1, -EREMOTEIO }, { "minus_one", UINT64_MAX, -EREMOTEIO },
	{ "high_bits", UINT64_C(1) << 32, -EREMOTEIO },
};

/* An order with a descriptor arrives whole, and asks for the answer. */
TEST_EACH(order, answers)
{
	struct vhost_user_message m = vhost_user_message(VHOST_USER_SET_VRING_KICK, 8);
	uint8_t bytes[20] = { 12, 0, 0, 0, GOOD, 0, 0, 0, 8 }, seen[64];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov = { seen, sizeof(seen) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	uint64_t count = 5;
	int fds[2], fd;

	make_pair(fds);
	le_put(bytes + 12, v->answer, 8);
	put(fds[1], bytes, sizeof(bytes), -1);
	m.body.u64 = 3;
	m.fds[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m.nr_fds = 1;
	vhost_user_timeout_ms = 60000;
	EXPECT_EQ(v->want, vhost_user_order(fds[0], &m));
	ASSERT_EQ(20, recvmsg(fds[1], &msg, 0));
	EXPECT_EQ(12, le_get(seen, 4));
	EXPECT_EQ(VHOST_USER_VERSION | VHOST_USER_NEED_REPLY, le_get(seen + 4, 4));
	EXPECT_EQ(8, le_get(seen + 8, 4));
	EXPECT_EQ(3, le_get(seen + 12, 8));
	ASSERT_TRUE(CMSG_FIRSTHDR(&msg) && CMSG_FIRSTHDR(&msg)->cmsg_len == CMSG_LEN(sizeof(int)));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	ASSERT_EQ((ssize_t)sizeof(count), write(m.fds[0], &count, sizeof(count)));
	count = 0;
	ASSERT_EQ((ssize_t)sizeof(count), read(fd, &count, sizeof(count)));
	EXPECT_EQ(5, count);
	close(fd);
	close(m.fds[0]);
	close(fds[0]);
	close(fds[1]);
}

/* A back end that does not read does not stop nyx-vmm, nor does one that has gone. */
TEST(no_reader)
{
	struct vhost_user_message m = vhost_user_message(VHOST_USER_IOTLB_MSG, 32);
	uint8_t byte = 0;
	int fds[2], rc;

	make_pair(fds);
	while (send(fds[0], &byte, 1, MSG_DONTWAIT) == 1)
		;
	vhost_user_timeout_ms = SOON_MS;
	EXPECT_EQ(-ETIMEDOUT, vhost_user_send(fds[0], &m));
	close(fds[1]);
	rc = vhost_user_send(fds[0], &m);
	EXPECT_EQ(-EPIPE, rc);
	close(fds[0]);
}

/* Byte by byte, two messages in a row */
TEST(pieces)
{
	uint8_t bytes[44] = { 1, 0, 0, 0, VHOST_USER_VERSION, 0, 0, 0, 32 };
	struct vhost_user_inbox in = { .got = 0 };
	unsigned int i, round;
	int fds[2];

	make_pair(fds);
	EXPECT_EQ(0, vhost_user_receive(fds[0], &in));
	for (round = 1; round <= 2; round++) {
		le_put(bytes + 12, 0x1234000 * round, 8);
		for (i = 0; i < sizeof(bytes); i++) {
			put(fds[1], bytes + i, 1, -1);
			ASSERT_EQ(i == sizeof(bytes) - 1, vhost_user_receive(fds[0], &in));
			ASSERT_EQ(0, i < sizeof(bytes) - 1 ? vhost_user_receive(fds[0], &in) : 0);
		}
		EXPECT_EQ(0x1234000 * round, in.body.iotlb.iova);
		EXPECT_EQ(1, in.header.request);
	}
	/* A file that comes in the middle */
	put(fds[1], bytes, 20, -1);
	while (in.got < 20)
		ASSERT_EQ(0, vhost_user_receive(fds[0], &in));
	put(fds[1], bytes + 20, 24, STDIN_FILENO);
	EXPECT_EQ(-EPROTO, vhost_user_receive(fds[0], &in));
	close(fds[0]);
	close(fds[1]);
}

