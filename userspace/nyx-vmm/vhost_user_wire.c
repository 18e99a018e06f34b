// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: messages of the vhost-user protocol; see vhost_user_wire.h.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vhost_user_wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "vmm.h"

atomic_int vhost_user_timeout_ms = 10000;

struct vhost_user_message vhost_user_message(enum vhost_user_request request, size_t size)
{
	return (struct vhost_user_message){
		.header = { request, VHOST_USER_VERSION, (uint32_t)size },
	};
}

static int64_t deadline_of(const struct vhost_user_message *m)
{
	int64_t deadline = now_ms() + atomic_load(&vhost_user_timeout_ms);

	/* A back end may touch each page of the memory that it gets. */
	if (m->until && (m->until < deadline || m->header.request == VHOST_USER_SET_MEM_TABLE))
		return m->until;
	return deadline;
}

/* Waits until the socket is ready, or closed. */
static int await(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left;
	int rc;

	do {
		left = deadline - now_ms();
		rc = left > 0 ? poll(&p, 1, (int)left) : 0;
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return -errno;
	return rc ? 0 : -ETIMEDOUT;
}

static int error_of(int error)
{
	return error == ECONNRESET || error == ENOTCONN ? -EPIPE : -error;
}

/* Sends bytes of a message from @skip on. The descriptors go with its first byte. */
static ssize_t send_some(int fd, const struct vhost_user_message *m, size_t skip)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(m->fds))];
	} control = { .bytes = { 0 } };
	struct iovec iov[] = {
		{ (void *)&m->header, sizeof(m->header) }, { (void *)&m->body, m->header.size },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *c = &control.align;
	unsigned int i;

	if (!skip && m->nr_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(m->nr_fds * sizeof(m->fds[0]));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(m->nr_fds * sizeof(m->fds[0]));
		memcpy(CMSG_DATA(c), m->fds, m->nr_fds * sizeof(m->fds[0]));
	}
	for (i = 0; i < 2; i++) {
		size_t part = skip < iov[i].iov_len ? skip : iov[i].iov_len;

		iov[i].iov_base = (uint8_t *)iov[i].iov_base + part;
		iov[i].iov_len -= part;
		skip -= part;
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int send_all(int fd, const struct vhost_user_message *m, int64_t deadline)
{
	const size_t size = sizeof(m->header) + m->header.size;
	size_t done = 0;
	ssize_t sent;
	int rc;

	while (done < size) {
		sent = send_some(fd, m, done);
		if (sent > 0) {
			done += (size_t)sent;
			continue;
		}
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return error_of(errno);
		rc = await(fd, POLLOUT, deadline);
		if (rc)
			return rc;
	}
	return 0;
}

int vhost_user_send(int fd, const struct vhost_user_message *m)
{
	return send_all(fd, m, deadline_of(m));
}

/*
 * Reads up to @size bytes. No message to us carries descriptors: without room for them, the
 * kernel drops them, and says so. 0: nothing is there now.
 */
static ssize_t read_some(int fd, void *at, size_t size)
{
	struct iovec iov = { at, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t got = recvmsg(fd, &msg, MSG_DONTWAIT);

	if (got > 0)
		return msg.msg_flags & MSG_CTRUNC ? -EPROTO : got;
	if (!got)
		return -EPIPE;
	return errno == EAGAIN || errno == EINTR ? 0 : error_of(errno);
}

int vhost_user_receive(int fd, struct vhost_user_inbox *in)
{
	const size_t header = sizeof(in->header);
	ssize_t got;

	if (in->got < header) {
		got = read_some(fd, (uint8_t *)&in->header + in->got, header - in->got);
		if (got <= 0)
			return (int)got;
		in->got += (size_t)got;
		if (in->got < header)
			return 0;
		if ((in->header.flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION ||
		    in->header.size > sizeof(in->body))
			return -EPROTO;
	}
	if (in->got < header + in->header.size) {
		got = read_some(fd, (uint8_t *)&in->body + (in->got - header),
				header + in->header.size - in->got);
		if (got <= 0)
			return (int)got;
		in->got += (size_t)got;
	}
	if (in->got < header + in->header.size)
		return 0;
	in->got = 0;
	return 1;
}

/* The next message is the reply to @m. */
static int get_reply(int fd, struct vhost_user_message *m, size_t size, int64_t deadline)
{
	struct vhost_user_inbox in = { .got = 0 };
	int rc;

	do {
		rc = await(fd, POLLIN, deadline);
		if (!rc)
			rc = vhost_user_receive(fd, &in);
	} while (!rc);
	if (rc < 0)
		return rc;
	if (in.header.request != m->header.request || in.header.size != size ||
	    !(in.header.flags & VHOST_USER_REPLY))
		return -EPROTO;
	m->body = in.body;
	return 0;
}

int vhost_user_ask(int fd, struct vhost_user_message *m, size_t size)
{
	const int64_t deadline = deadline_of(m);
	int rc = send_all(fd, m, deadline);

	return rc ? rc : get_reply(fd, m, size, deadline);
}

int vhost_user_order(int fd, struct vhost_user_message *m)
{
	int rc;

	m->header.flags |= VHOST_USER_NEED_REPLY;
	rc = vhost_user_ask(fd, m, sizeof(m->body.u64));
	if (rc)
		return rc;
	return m->body.u64 ? -EREMOTEIO : 0;
}
