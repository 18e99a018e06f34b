// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: vhost-user, with back ends that break its rules.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vmm_env.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <nyx/nyx.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hotplug.h"
#include "vhost.h"
#include "vhost_user_wire.h"

#define SOON_MS		100		/* for back ends that do not answer */

/* Sends bytes, and perhaps a descriptor. False: the other end is closed. */
static bool put(int fd, const void *bytes, size_t size, int extra)
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
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)size;
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

/* Answers of the back end to GET_FEATURES; @sent: so many bytes, and then nothing */
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
		ASSERT_TRUE(put(fds[1], bytes, v->sent, v->fd ? STDIN_FILENO : -1));
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
	ASSERT_TRUE(put(fds[1], bytes, sizeof(bytes), -1));
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
			ASSERT_TRUE(put(fds[1], bytes + i, 1, -1));
			ASSERT_EQ(i == sizeof(bytes) - 1, vhost_user_receive(fds[0], &in));
			ASSERT_EQ(0, i < sizeof(bytes) - 1 ? vhost_user_receive(fds[0], &in) : 0);
		}
		EXPECT_EQ(0x1234000 * round, in.body.iotlb.iova);
		EXPECT_EQ(1, in.header.request);
	}
	/* A file that comes in the middle */
	ASSERT_TRUE(put(fds[1], bytes, 20, -1));
	while (in.got < 20)
		ASSERT_EQ(0, vhost_user_receive(fds[0], &in));
	ASSERT_TRUE(put(fds[1], bytes + 20, 24, STDIN_FILENO));
	EXPECT_EQ(-EPROTO, vhost_user_receive(fds[0], &in));
	close(fds[0]);
	close(fds[1]);
}

/* ---- a back end ------------------------------------------------------------------------ */

#define IOTLB		22		/* the request */
#define NR_REQUESTS	64
#define FAKE_FEATURES	(UINT64_C(1) << 32 | UINT64_C(1) << 33 | UINT64_C(1) << 30)
#define FAKE_PROTOCOL	(UINT64_C(1) << 3 | UINT64_C(1) << 5)

enum how { OBEY, SILENT, LEAVE, LONG, ANOTHER, REFUSE, WITH_FILE, TWICE };

/* It listens on a socket, and serves one connection after the other in a thread. */
static struct fake {
	char path[64];
	int listener;
	pthread_t thread;
	uint64_t features, protocol;	/* that it offers */
	atomic_uint at;			/* the request that it does not obey, */
	atomic_uint how;		/* and what it does instead */
	atomic_uint delay_ms;		/* before each answer */
	atomic_uint seen[NR_REQUESTS];
	atomic_uint connections;
	atomic_int fd;			/* of the one that there is, or -1 */
	pthread_mutex_t lock;		/* for what follows: as it was told */
	uint64_t accepted, agreed;
	struct vhost_user_memory memory;
	struct vhost_vring_state num[2], base[2], on[2];
	struct vhost_vring_addr addr[2];
	struct vhost_iotlb_msg iotlb;
	int kick[2], call[2];	/* or -1 */
	int requests;			/* for its own, or -1 */
	int ram;			/* of the last region, or -1 */
	int first_fd;			/* that was free before all of it */
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void replace(int *fd, int by)
{
	if (*fd >= 0)
		close(*fd);
	*fd = by;
}

static bool fake_read(int fd, void *at, size_t size, int *files, unsigned int *nr)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(VHOST_USER_REGIONS * sizeof(int))];
	} control;
	struct msghdr msg;
	struct cmsghdr *c;
	struct iovec iov;
	ssize_t got;

	while (size) {
		iov = (struct iovec){ at, size };
		msg = (struct msghdr){
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
		if (got <= 0)
			return false;
		c = CMSG_FIRSTHDR(&msg);
		if (c) {
			*nr = (unsigned int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(files, CMSG_DATA(c), *nr * sizeof(int));
		}
		at = (uint8_t *)at + got;
		size -= (size_t)got;
	}
	return true;
}

static int *fake_file(uint32_t request, unsigned int queue)
{
	return request == VHOST_USER_SET_VRING_KICK ? &fake.kick[queue] : &fake.call[queue];
}

/* Does what it is told; @body becomes the answer, of the returned size. */
static uint32_t fake_obey(uint32_t request, union vhost_user_body *body, int *files,
			  unsigned int nr)
{
	unsigned int queue = body->state.index & 1;
	uint32_t size = sizeof(body->u64);

	pthread_mutex_lock(&fake.lock);
	switch (request) {
	case VHOST_USER_GET_FEATURES:
		body->u64 = fake.features;
		break;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		body->u64 = fake.protocol;
		break;
	case VHOST_USER_SET_FEATURES:
		fake.accepted = body->u64;
		break;
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		fake.agreed = body->u64;
		break;
	case VHOST_USER_SET_MEM_TABLE:
		fake.memory = body->memory;
		while (nr)
			replace(&fake.ram, files[--nr]);
		break;
	case VHOST_USER_SET_VRING_NUM:
		fake.num[queue] = body->state;
		break;
	case VHOST_USER_SET_VRING_BASE:
		fake.base[queue] = body->state;
		break;
	case VHOST_USER_SET_VRING_ENABLE:
		fake.on[queue] = body->state;
		break;
	case VHOST_USER_SET_VRING_ADDR:
		fake.addr[queue] = body->addr;
		break;
	case VHOST_USER_SET_VRING_KICK:
	case VHOST_USER_SET_VRING_CALL:
		replace(fake_file(request, queue), nr ? files[--nr] : -1);
		break;
	case VHOST_USER_GET_VRING_BASE:
		body->state.num = 7;
		size = sizeof(body->state);
		break;
	case VHOST_USER_SET_BACKEND_REQ_FD:
		replace(&fake.requests, nr ? files[--nr] : -1);
		break;
	case VHOST_USER_IOTLB_MSG:
		fake.iotlb = body->iotlb;
		break;
	}
	pthread_mutex_unlock(&fake.lock);
	EXPECT_EQ(0, nr);
	if (request != VHOST_USER_GET_FEATURES && request != VHOST_USER_GET_PROTOCOL_FEATURES &&
	    request != VHOST_USER_GET_VRING_BASE)
		body->u64 = 0;
	return size;
}

static bool fake_answers(const struct vhost_user_header *header)
{
	return header->flags & VHOST_USER_NEED_REPLY ||
		header->request == VHOST_USER_GET_FEATURES ||
		header->request == VHOST_USER_GET_PROTOCOL_FEATURES ||
		header->request == VHOST_USER_GET_VRING_BASE;
}

/* Returns false at the end of the connection. */
static bool fake_serve(int fd)
{
	uint8_t answer[sizeof(struct vhost_user_header) + sizeof(union vhost_user_body)] = { 0 };
	int files[VHOST_USER_REGIONS], extra = -1;
	struct vhost_user_header header;
	union vhost_user_body body;
	enum how how = OBEY;
	unsigned int nr = 0;
	uint32_t size;

	if (!fake_read(fd, &header, sizeof(header), files, &nr) ||
	    !fake_read(fd, &body, header.size, files, &nr))
		return false;
	size = fake_obey(header.request, &body, files, nr);
	if (header.request == atomic_load(&fake.at))
		how = atomic_load(&fake.how);
	atomic_fetch_add(&fake.seen[header.request % NR_REQUESTS], 1);
	if (how == LEAVE)
		return false;
	if (!fake_answers(&header) || how == SILENT)
		return true;
	usleep(1000 * atomic_load(&fake.delay_ms));
	if (how == REFUSE)
		body.u64 = 1;
	if (how == LONG)
		size += 8;
	if (how == WITH_FILE)
		extra = STDIN_FILENO;
	le_put(answer, header.request + (how == ANOTHER), 4);
	le_put(answer + 4, VHOST_USER_VERSION | VHOST_USER_REPLY, 4);
	le_put(answer + 8, size, 4);
	memcpy(answer + 12, &body, sizeof(body));
	return put(fd, answer, 12 + size, extra) &&
		(how != TWICE || put(fd, answer, 12 + size, -1));
}

static void *fake_run(void *arg)
{
	int fd, i;

	while ((fd = accept4(fake.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		atomic_store(&fake.fd, fd);
		atomic_fetch_add(&fake.connections, 1);
		while (fake_serve(fd))
			;
		pthread_mutex_lock(&fake.lock);
		atomic_store(&fake.fd, -1);
		close(fd);
		for (i = 0; i < 2; i++) {
			fake.on[i].num = 0;
			replace(&fake.kick[i], -1);
			replace(&fake.call[i], -1);
		}
		replace(&fake.requests, -1);
		replace(&fake.ram, -1);
		pthread_mutex_unlock(&fake.lock);
	}
	return arg;
}

/* @at: the request that it does not obey, or 0 */
static void fake_begin(uint32_t at, enum how how)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int i;

	fake.first_fd = next_fd();
	vhost_user_timeout_ms = vhost_user_start_timeout_ms =
		how == SILENT ? 3 * SOON_MS : 60000;
	vhost_user_pause_ms = 1000;
	fake.features = FAKE_FEATURES;
	fake.protocol = FAKE_PROTOCOL;
	atomic_store(&fake.at, at);
	atomic_store(&fake.how, how);
	for (i = 0; i < NR_REQUESTS; i++)
		atomic_store(&fake.seen[i], 0);
	for (i = 0; i < 2; i++)
		fake.kick[i] = fake.call[i] = -1;
	fake.requests = fake.ram = -1;
	atomic_store(&fake.fd, -1);
	snprintf(fake.path, sizeof(fake.path), "/tmp/nyx-vhost-user.%d", getpid());
	strcpy(address.sun_path, fake.path);
	unlink(fake.path);
	fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT_EQ(0, bind(fake.listener, (struct sockaddr *)&address, sizeof(address)));
	ASSERT_EQ(0, listen(fake.listener, 1));
	ASSERT_EQ(0, pthread_create(&fake.thread, NULL, fake_run, NULL));
}

static void fake_leave(void)
{
	int fd;

	pthread_mutex_lock(&fake.lock);
	fd = atomic_load(&fake.fd);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	pthread_mutex_unlock(&fake.lock);
}

static void fake_end(void)
{
	unlink(fake.path);
	shutdown(fake.listener, SHUT_RDWR);
	fake_leave();
	pthread_join(fake.thread, NULL);
	close(fake.listener);
}

static unsigned int fake_saw(uint32_t request)
{
	return atomic_load(&fake.seen[request]);
}

/* ---- what a back end is told ------------------------------------------------------------- */

#define HOST		UINT64_C(0x7f0000000000)	/* where the guest's memory is */

/* The files that it is given */
static int ram, event;
static struct options its_options;
static struct vmm its_vmm = { .opts = &its_options };
static enum vhost_dpdk its_dpdk;	/* the option */

/* The back end after its handshake, or NULL: that has failed. */
static struct vhost_backend *try_backend(void)
{
	ram = memfd_create("ram", MFD_CLOEXEC);
	event = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, loop_init());
	return vhost_user_net(&its_vmm, fake.path, its_dpdk);
}

static struct vhost_backend *backend_of(void)
{
	struct vhost_backend *backend = try_backend();

	ASSERT_TRUE(backend);
	ASSERT_EQ(0, backend->ops->set_owner(backend));
	return backend;
}

static void end_backend(struct vhost_backend *backend)
{
	if (backend)
		backend->ops->close(backend);
	loop_exit();
	close(ram);
	close(event);
	fake_end();
	EXPECT_EQ(fake.first_fd, next_fd());
}

/* As vhost.c does it. Returns the first error. */
static int start(struct vhost_backend *b)
{
	const struct vhost_region regions[] = {
		{ 0, 32 * MIB, (void *)HOST, ram, 0 },
		{ 4 * GIB, 16 * MIB, (void *)(HOST + 32 * MIB), ram, 32 * MIB },
	};
	const struct vhost_ops *ops = b->ops;
	unsigned int i;
	int rc;

	rc = ops->set_features(b, UINT64_C(1) << 32 | UINT64_C(1) << 33);
	if (!rc)
		rc = ops->set_mem_table(b, regions, 2, true);
	for (i = 0; i < 2 && !rc; i++) {
		rc = ops->set_vring_num(b, i, 128);
		if (!rc)
			rc = ops->set_vring_base(b, i, 5);
		if (!rc)
			rc = ops->set_vring_addr(b, i, 0xfffe0000, 0xfffe1000, 0xfffe2000);
		if (!rc)
			rc = ops->set_vring_kick(b, i, event);
		if (!rc)
			rc = ops->set_vring_call(b, i, event);
	}
	for (i = 0; i < 2 && !rc; i++)
		rc = ops->set_vring_enable(b, i, true);
	ops->started(b);
	return rc;
}

static int iotlb_at(struct vhost_backend *b, uint8_t type, uint64_t iova, uint64_t uaddr)
{
	struct nyx_vhost_channel channel = NYX_VHOST_CHANNEL_INIT;
	const struct vhost_iotlb_msg msg = {
		.iova = iova, .size = 0x1000, .uaddr = uaddr, .perm = 3, .type = type,
	};

	ASSERT_EQ(0, b->ops->channel(b, &channel));
	return channel.send(&channel, &msg);
}

static int iotlb(struct vhost_backend *b, uint8_t type, uint64_t uaddr)
{
	return iotlb_at(b, type, 0xfffff000, uaddr);
}

TEST(whole)
{
	struct vhost_backend *b;
	uint64_t features;
	uint16_t base;

	fake_begin(0, OBEY);
	b = backend_of();
	ASSERT_EQ(0, b->ops->get_features(b, &features));
	EXPECT_EQ(FAKE_FEATURES, features);
	EXPECT_EQ(-1, b->ops->miss_fd(b));
	ASSERT_EQ(0, start(b));
	/* It has forgotten all. */
	EXPECT_EQ(1, fake_saw(IOTLB));
	EXPECT_EQ(VHOST_IOTLB_INVALIDATE, fake.iotlb.type);
	EXPECT_EQ(UINT64_MAX, fake.iotlb.size);
	ASSERT_EQ(0, iotlb(b, VHOST_IOTLB_UPDATE, HOST + 33 * MIB));
	ASSERT_EQ(0, iotlb(b, VHOST_IOTLB_INVALIDATE, 0));
	EXPECT_EQ(3, fake_saw(IOTLB));
	EXPECT_EQ(VHOST_IOTLB_INVALIDATE, fake.iotlb.type);
	EXPECT_EQ(0xfffff000, fake.iotlb.iova);
	EXPECT_EQ(0x1000, fake.iotlb.size);
	ASSERT_EQ(0, b->ops->get_vring_base(b, 1, &base));
	EXPECT_EQ(7, base);
	pthread_mutex_lock(&fake.lock);
	EXPECT_EQ(FAKE_FEATURES, fake.accepted);
	EXPECT_EQ(FAKE_PROTOCOL, fake.agreed);
	EXPECT_EQ(2, fake.memory.nr);
	EXPECT_EQ(4 * GIB, fake.memory.regions[1].gpa);
	EXPECT_EQ(4 * GIB, fake.memory.regions[1].user_addr);
	EXPECT_EQ(16 * MIB, fake.memory.regions[1].size);
	EXPECT_EQ(32 * MIB, fake.memory.regions[1].offset);
	EXPECT_EQ(1, fake.num[1].index);
	EXPECT_EQ(128, fake.num[1].num);
	EXPECT_EQ(5, fake.base[1].num);
	EXPECT_EQ(0xfffe0000, fake.addr[1].desc_user_addr);
	EXPECT_EQ(0xfffe1000, fake.addr[1].avail_user_addr);
	EXPECT_EQ(0xfffe2000, fake.addr[1].used_user_addr);
	EXPECT_EQ(1, fake.on[1].num);
	EXPECT_TRUE(fake.kick[0] >= 0 && fake.call[1] >= 0);
	EXPECT_TRUE(fake.requests >= 0);
	pthread_mutex_unlock(&fake.lock);
	end_backend(b);
}

/* An update has the GPA of the memory, or is not sent: an address of nyx-vmm's own never is. */
static const struct { const char *name; uint64_t host, gpa; int want; } places[] = {
	{ "first", HOST, 0, 0 },
	{ "end_of_low", HOST + 32 * MIB - 4096, 32 * MIB - 4096, 0 },
	{ "high", HOST + 32 * MIB, 4 * GIB, 0 },
	{ "end_of_high", HOST + 48 * MIB - 4096, 4 * GIB + 16 * MIB - 4096, 0 },
	{ "behind", HOST + 48 * MIB, 0, -EFAULT },
	{ "before", HOST - 4096, 0, -EFAULT },
	{ "null", 0, 0, -EFAULT },
};

TEST_EACH(update, places)
{
	struct vhost_backend *b;

	fake_begin(0, OBEY);
	b = backend_of();
	ASSERT_EQ(0, start(b));
	ASSERT_EQ(v->want, iotlb(b, VHOST_IOTLB_UPDATE, v->host));
	/* The update is not acknowledged; what is behind it is. */
	ASSERT_EQ(0, b->ops->set_vring_enable(b, 0, true));
	EXPECT_EQ(1 + !v->want, fake_saw(IOTLB));
	if (!v->want)
		EXPECT_EQ(v->gpa, fake.iotlb.uaddr);
	end_backend(b);
}

static const struct {
	const char *name;
	enum vhost_dpdk option;
	uint64_t protocol, size;
} ends[] = {
	{ "neither", VHOST_DPDK_AUTO, FAKE_PROTOCOL, 0x1000 },
	{ "rarp", VHOST_DPDK_AUTO, FAKE_PROTOCOL | 1 << 2, 0x1000 },
	{ "crypto_session", VHOST_DPDK_AUTO, FAKE_PROTOCOL | 1 << 7, 0x1000 },
	{ "dpdk", VHOST_DPDK_AUTO, FAKE_PROTOCOL | 1 << 2 | 1 << 7, 0xfff },
	{ "masked", VHOST_DPDK_ON, FAKE_PROTOCOL | 1 << 2, 0xfff },
	{ "similar", VHOST_DPDK_OFF, FAKE_PROTOCOL | 1 << 2 | 1 << 7, 0x1000 },
};

/* DPDK would forget the next page as well. Another program is told of all of the page. */
TEST_EACH(invalidation, ends)
{
	struct vhost_backend *b;

	fake_begin(0, OBEY);
	fake.protocol = v->protocol;
	its_dpdk = v->option;
	its_options.verbose = true;
	b = backend_of();
	EXPECT_TRUE(strstr(env_said(), v->size == 0xfff ? "for DPDK" : "than DPDK"));
	ASSERT_EQ(0, b->ops->set_owner(b));
	ASSERT_EQ(0, start(b));
	EXPECT_EQ(UINT64_MAX, fake.iotlb.size);
	ASSERT_EQ(0, iotlb(b, VHOST_IOTLB_UPDATE, HOST));
	ASSERT_EQ(0, b->ops->set_vring_enable(b, 0, true));
	EXPECT_EQ(0x1000, fake.iotlb.size);
	ASSERT_EQ(0, iotlb(b, VHOST_IOTLB_INVALIDATE, 0));
	EXPECT_EQ(0xfffff000, fake.iotlb.iova);
	EXPECT_EQ(v->size, fake.iotlb.size);
	end_backend(b);
}

static const struct {
	const char *name;
	uint64_t features, protocol, want;
	bool works;
} offers[] = {
	{ "all", UINT64_MAX, UINT64_MAX, UINT64_MAX, true },
	{ "no_protocol", FAKE_FEATURES & ~(UINT64_C(1) << 30), FAKE_PROTOCOL, 0, false },
	{ "no_acknowledgement", FAKE_FEATURES, FAKE_PROTOCOL & ~UINT64_C(8), 0, false },
	{ "no_requests", FAKE_FEATURES, FAKE_PROTOCOL & ~UINT64_C(32),
	  FAKE_FEATURES & ~(UINT64_C(1) << 33), true },
};

/* Only a back end that can ask for translations is offered to be behind an IOMMU. */
TEST_EACH(offer, offers)
{
	struct vhost_backend *b;
	uint64_t features;

	fake_begin(0, OBEY);
	fake.features = v->features;
	fake.protocol = v->protocol;
	b = try_backend();
	EXPECT_TRUE(v->works ? !!b : !b && strstr(env_said(), "not supported"));
	if (b) {
		ASSERT_EQ(0, b->ops->get_features(b, &features));
		EXPECT_EQ(v->want, features);
		EXPECT_EQ(v->protocol & FAKE_PROTOCOL, fake.agreed);
	}
	end_backend(b);
}

/* Misses of an earlier run are taken before the next one begins. */
TEST(old_misses)
{
	uint8_t bytes[44] = { 1, 0, 0, 0, VHOST_USER_VERSION, 0, 0, 0, 32 };
	static struct vhost stopped;
	struct vhost_backend *b;
	int i, left;

	fake_begin(0, OBEY);
	b = backend_of();
	b->vhost = &stopped;
	bytes[12 + 24] = VHOST_ACCESS_RO;
	bytes[12 + 25] = VHOST_IOTLB_MISS;
	for (i = 0; i < 100; i++)
		ASSERT_TRUE(put(fake.requests, bytes, sizeof(bytes), -1));
	ASSERT_TRUE(!ioctl(fake.requests, SIOCOUTQ, &left) && left);
	ASSERT_EQ(0, start(b));
	ASSERT_TRUE(!ioctl(fake.requests, SIOCOUTQ, &left));
	EXPECT_EQ(0, left);
	end_backend(b);
}

static const struct { const char *name; uint32_t at; bool refusable; } requests[] = {
	{ "get_features", VHOST_USER_GET_FEATURES, false },
	{ "get_protocol_features", VHOST_USER_GET_PROTOCOL_FEATURES, false },
	{ "set_backend_req_fd", VHOST_USER_SET_BACKEND_REQ_FD, true },
	{ "set_owner", VHOST_USER_SET_OWNER, true },
	{ "set_features", VHOST_USER_SET_FEATURES, true },
	{ "set_mem_table", VHOST_USER_SET_MEM_TABLE, true },
	{ "set_vring_num", VHOST_USER_SET_VRING_NUM, true },
	{ "set_vring_base", VHOST_USER_SET_VRING_BASE, true },
	{ "set_vring_addr", VHOST_USER_SET_VRING_ADDR, true },
	{ "set_vring_kick", VHOST_USER_SET_VRING_KICK, true },
	{ "set_vring_call", VHOST_USER_SET_VRING_CALL, true },
	{ "set_vring_enable", VHOST_USER_SET_VRING_ENABLE, true },
	{ "invalidation", IOTLB, true },
	{ "get_vring_base", VHOST_USER_GET_VRING_BASE, false },
};

static const struct { enum how how; int want; const char *says; } ways[] = {
	{ SILENT, -ETIMEDOUT, "does not answer" }, { LEAVE, -EPIPE, "closed the connection" },
	{ LONG, -EPROTO, "breaks the protocol" }, { ANOTHER, -EPROTO, "breaks the protocol" },
	{ WITH_FILE, -EPROTO, "breaks the protocol" }, { REFUSE, -EREMOTEIO, "refuses a request" },
};

/*
 * The first thing that is wrong ends the connection: later requests fail at once, and a back end
 * that is silent is waited for once.
 */
static void disobey(uint32_t at, enum how how, int want, const char *says)
{
	struct vhost_backend *b;
	uint16_t base;
	int rc;

	ktap_note("way %d", how);
	fake_begin(at, how);
	b = try_backend();
	if (!b) {
		EXPECT_TRUE(strstr(env_said(), says));
		EXPECT_EQ(1, fake_saw(at));
		end_backend(b);
		return;
	}
	rc = start(b);
	if (!rc)
		rc = iotlb(b, VHOST_IOTLB_INVALIDATE, 0);
	if (!rc)
		rc = b->ops->get_vring_base(b, 0, &base);
	EXPECT_EQ(want, rc);
	EXPECT_EQ(1, fake_saw(at));
	vhost_user_timeout_ms = 60000;
	EXPECT_EQ(-EPIPE, iotlb(b, VHOST_IOTLB_INVALIDATE, 0));
	EXPECT_EQ(-EPIPE, b->ops->set_vring_enable(b, 0, false));
	EXPECT_EQ(-EPIPE, b->ops->get_vring_base(b, 0, &base));
	EXPECT_EQ(1, fake_saw(at));
	end_backend(b);
}

TEST_EACH(disobedience, requests)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (ways[i].how != REFUSE || v->refusable)
			disobey(v->at, ways[i].how, ways[i].want, ways[i].says);
	}
}

/* Each invalidation is answered in time, and all of one access of the guest are late. */
TEST(invalidations_add_up)
{
	struct vhost_backend *b;
	unsigned int i;
	int64_t began;
	int rc = 0;

	fake_begin(0, OBEY);
	b = backend_of();
	ASSERT_EQ(0, start(b));
	vhost_user_timeout_ms = 60000;
	vhost_user_iotlb_timeout_ms = 5 * SOON_MS;
	atomic_store(&fake.delay_ms, SOON_MS);
	for (i = 0; i < 8; i++) {
		atomic_fetch_add(&its_vmm.accesses, 1);
		ASSERT_EQ(0, iotlb(b, VHOST_IOTLB_INVALIDATE, 0));
	}
	began = now_ms();
	for (i = 0; i < 100 && !rc; i++)
		rc = iotlb(b, VHOST_IOTLB_INVALIDATE, 0);
	EXPECT_EQ(-ETIMEDOUT, rc);
	EXPECT_TRUE(now_ms() - began < 20 * SOON_MS);
	EXPECT_EQ(-EPIPE, iotlb(b, VHOST_IOTLB_INVALIDATE, 0));
	vhost_user_iotlb_timeout_ms = 60000;
	end_backend(b);
}

static const struct { const char *name; int64_t ms; unsigned int nr; } waits[] = {
	{ "prompt", 5, 4000 }, { "very_prompt", 1, 20000 }, { "slow", 105, 50 }, { "one", 5005, 1 },
	{ "hardly_slow", 6, 3334 },
};

/* So many waits for an answer in one access of the guest, of 5 seconds, are one too many. */
TEST_EACH(budget, waits)
{
	struct budget budget = { .access = 0 };
	atomic_ullong accesses = 1;
	unsigned int i;

	for (i = 0; i < v->nr; i++) {
		ASSERT_TRUE(budget_left(&budget, &accesses, 5000) > 0);
		budget_use(&budget, v->ms);
	}
	EXPECT_TRUE(budget_left(&budget, &accesses, 5000) <= 0);
	atomic_fetch_add(&accesses, 1);
	EXPECT_EQ(5000, budget_left(&budget, &accesses, 5000));
}

/* ---- a machine with such a card ------------------------------------------------------------ */

#define SLOT		1
#define BAR		0xc8000000
#define STATUS		(BAR + 0x14)
#define NEEDS_RESET	0x40
#define LINK		(BAR + 0x2006)

static struct vhost_backend *backend;

static struct vmm *card_machine(uint32_t at, enum how how)
{
	struct vmm *vmm;

	vmm = env_machine(ENV_MAP);
	fake_begin(at, how);
	vmm->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	backend = vhost_user_net(vmm, fake.path, VHOST_DPDK_AUTO);
	ASSERT_TRUE(backend);
	ASSERT_EQ(0, vhost_net_init(vmm, backend));
	return vmm;
}

static void card_end(struct vmm *vmm)
{
	close(vmm->ram_fd);
	fake_end();
	env_end(vmm);
}

static bool needs_reset(struct vmm *vmm)
{
	return env_in(vmm, IO_MMIO, STATUS, 1) & NEEDS_RESET;
}

static bool serves(void)
{
	bool is;

	pthread_mutex_lock(&fake.lock);
	is = fake.on[0].num && fake.on[1].num;
	pthread_mutex_unlock(&fake.lock);
	return is;
}

static void await_reset(struct vmm *vmm)
{
	while (!needs_reset(vmm))
		usleep(1000);
	ASSERT_EQ(0, env_in(vmm, IO_MMIO, LINK, 2));
}

/* The main thread says so, under the lock. */
static void await_word(struct vmm *vmm, const char *word)
{
	bool said;

	do {
		usleep(1000);
		pthread_mutex_lock(&vmm->lock);
		said = strstr(env_said(), word);
		pthread_mutex_unlock(&vmm->lock);
	} while (!said);
}

/* The card comes back with the driver, by that connection: the back end obeys now. */
static void card_works(struct vmm *vmm, unsigned int connection)
{
	atomic_store(&fake.at, 0);
	vhost_user_timeout_ms = vhost_user_start_timeout_ms = 60000;
	env_virtio(vmm, SLOT, BAR, 256);
	while (atomic_load(&fake.connections) < connection || !serves())
		usleep(1000);
	ASSERT_EQ(connection, atomic_load(&fake.connections));
	ASSERT_EQ(1, env_in(vmm, IO_MMIO, LINK, 2));
	ASSERT_TRUE(!needs_reset(vmm));
}

/* ---- a card in a slot ------------------------------------------------------------------- */

static atomic_bool busy, may_go_on;

/* The main thread is in the middle of something. */
static void be_busy(void *opaque, int fd)
{
	(void)opaque;
	loop_remove(fd);
	atomic_store(&busy, true);
	while (!atomic_load(&may_go_on))
		usleep(1000);
}

static void *slot_add(void *arg)
{
	char words[160], id[HOTPLUG_ID];

	snprintf(words, sizeof(words), "x=net,vhost-user=%s,dpdk=on", fake.path);
	ASSERT_EQ(1, hotplug_add(arg, words, false, id));
	return NULL;
}

static void *slot_remove(void *arg)
{
	uint64_t serial;

	ASSERT_EQ(0, hotplug_remove(arg, "x", true, &serial));
	return NULL;
}

/* Another thread, as that of the control socket, does it while the main thread is busy. */
static void in_another(struct vmm *vmm, void *(*fn)(void *arg), unsigned int connected)
{
	int wake = eventfd(1, EFD_CLOEXEC);
	pthread_t thread;

	atomic_store(&busy, false);
	atomic_store(&may_go_on, false);
	ASSERT_EQ(0, loop_add(wake, be_busy, NULL));
	while (!atomic_load(&busy))
		usleep(1000);
	ASSERT_EQ(0, pthread_create(&thread, NULL, fn, vmm));
	usleep(100000);
	ASSERT_EQ(connected, atomic_load(&fake.fd) >= 0);
	atomic_store(&may_go_on, true);
	pthread_join(thread, NULL);
	close(wake);
}

static struct vmm *slot_machine(uint32_t at, enum how how)
{
	static struct options options;
	struct vmm *vmm = env_machine(ENV_MAP);

	fake_begin(at, how);
	vmm->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	options = *vmm->opts;
	options.hotplug_slots = 1;
	options.control = "";
	vmm->opts = &options;
	ASSERT_EQ(0, hotplug_init(vmm));
	return vmm;
}

/*
 * Only the main thread makes and ends such a card: it may be about to use it. It has no part in the
 * handshake.
 */
TEST(card_in_a_slot)
{
	struct vmm *vmm = slot_machine(0, OBEY);

	in_another(vmm, slot_add, true);
	ASSERT_EQ(1, fake_saw(VHOST_USER_SET_OWNER));
	in_another(vmm, slot_remove, true);
	while (atomic_load(&fake.fd) >= 0)
		usleep(1000);
	card_end(vmm);
}

static void *slot_refuses(void *arg)
{
	char words[160], id[HOTPLUG_ID], why[512];

	snprintf(words, sizeof(words), "x=net,vhost-user=%s", fake.path);
	say_capture(why, sizeof(why));
	ASSERT_EQ(-ENODEV, hotplug_add(arg, words, false, id));
	say_capture(NULL, 0);
	return NULL;
}

static void nothing(void *arg)
{
	(void)arg;
}

/* The main thread does other work while a handshake is not answered, and ends it with the card. */
TEST(main_goes_on)
{
	struct vmm *vmm = slot_machine(VHOST_USER_GET_PROTOCOL_FEATURES, SILENT);
	pthread_t thread;

	vhost_user_timeout_ms = vhost_user_start_timeout_ms = 60000;
	ASSERT_EQ(0, pthread_create(&thread, NULL, slot_refuses, vmm));
	while (fake_saw(VHOST_USER_GET_PROTOCOL_FEATURES) < 1)
		usleep(1000);
	loop_call(nothing, NULL);
	fake_leave();
	pthread_join(thread, NULL);
	/* Another one serves, and goes; the third one is silent again. */
	atomic_store(&fake.at, 0);
	slot_add(vmm);
	atomic_store(&fake.at, VHOST_USER_GET_PROTOCOL_FEATURES);
	fake_leave();
	while (fake_saw(VHOST_USER_GET_PROTOCOL_FEATURES) < 3)
		usleep(1000);
	loop_call(nothing, NULL);
	slot_remove(vmm);
	card_end(vmm);
}

/* A guest that has no IOMMU: the rings are addresses of memory, named by GPAs. */
TEST(card_starts)
{
	struct vmm *vmm;

	vmm = card_machine(0, OBEY);
	ASSERT_TRUE(!serves());
	card_works(vmm, 1);
	pthread_mutex_lock(&fake.lock);
	EXPECT_EQ(ENV_RING, fake.addr[0].desc_user_addr);
	EXPECT_EQ(ENV_RING + ENV_RING_STEP + ENV_AVAIL, fake.addr[1].avail_user_addr);
	EXPECT_EQ(ENV_RING + ENV_RING_STEP + ENV_USED, fake.addr[1].used_user_addr);
	EXPECT_TRUE(!(fake.accepted >> 33 & 1));
	pthread_mutex_unlock(&fake.lock);
	env_out(vmm, IO_MMIO, STATUS, 0, 1);
	ASSERT_TRUE(!serves());
	EXPECT_EQ(2, fake_saw(VHOST_USER_GET_VRING_BASE));
	card_works(vmm, 1);
	EXPECT_EQ(0, env_says());
	card_end(vmm);
}

static const struct { const char *name; uint32_t at; enum how how; const char *says; } fails[] = {
	{ "silent_at_the_features", VHOST_USER_SET_FEATURES, SILENT, "does not answer" },
	{ "leaves_at_the_memory", VHOST_USER_SET_MEM_TABLE, LEAVE, "closed the connection" },
	{ "refuses_a_ring", VHOST_USER_SET_VRING_ADDR, REFUSE, "refuses a request" },
	{ "another_at_a_kick", VHOST_USER_SET_VRING_KICK, ANOTHER, "breaks the protocol" },
	{ "long_at_the_end", VHOST_USER_SET_VRING_ENABLE, LONG, "breaks the protocol" },
	{ "with_a_file", VHOST_USER_SET_VRING_CALL, WITH_FILE, "breaks the protocol" },
	{ "answers_twice", VHOST_USER_SET_VRING_NUM, TWICE, "breaks the protocol" },
};

/* The card fails when it starts, the machine goes on, and so does the card with the next driver. */
TEST_EACH(card_fails, fails)
{
	struct vmm *vmm;

	vmm = card_machine(v->at, v->how);
	env_virtio(vmm, SLOT, BAR, 256);
	await_reset(vmm);
	await_word(vmm, v->says);
	card_works(vmm, 2);
	card_end(vmm);
}

/* Likewise when the driver stops it: a reset of the guest ends in time. */
TEST(card_does_not_stop)
{
	struct vmm *vmm;

	vmm = card_machine(VHOST_USER_GET_VRING_BASE, SILENT);
	env_virtio(vmm, SLOT, BAR, 256);
	ASSERT_TRUE(serves());
	env_out(vmm, IO_MMIO, STATUS, 0, 1);
	EXPECT_EQ(1, fake_saw(VHOST_USER_GET_VRING_BASE));
	await_word(vmm, "does not answer");
	card_works(vmm, 2);
	card_end(vmm);
}

/* Messages of the back end's own: 44 bytes are a miss. */
static const struct own {
	const char *name;
	uint32_t request, flags, size;
	size_t sent;
	uint8_t type;
	bool good, closed, fd;
} own[] = {
	{ "miss", 1, 1, 32, 44, VHOST_IOTLB_MISS, .good = true },
	{ "miss_with_reply", 1, 9, 32, 44, VHOST_IOTLB_MISS, .good = true },
	{ "failed_access", 1, 1, 32, 44, VHOST_IOTLB_ACCESS_FAIL, .good = true },
	{ "half", 1, 1, 32, 20, VHOST_IOTLB_MISS, .good = true },
	{ "half_and_closed", 1, 1, 32, 20, VHOST_IOTLB_MISS, .closed = true },
	{ "closed", 1, 1, 32, 0, VHOST_IOTLB_MISS, .closed = true },
	{ "update", 1, 1, 32, 44, VHOST_IOTLB_UPDATE },
	{ "invalidation", 1, 1, 32, 44, VHOST_IOTLB_INVALIDATE },
	{ "another_request", 3, 1, 32, 44, VHOST_IOTLB_MISS },
	{ "version_0", 1, 0, 32, 44, VHOST_IOTLB_MISS },
	{ "short", 1, 1, 24, 36, VHOST_IOTLB_MISS },
	{ "long", 1, 1, 40, 52, VHOST_IOTLB_MISS },
	{ "oversize", 1, 1, UINT32_MAX, 44, VHOST_IOTLB_MISS },
	{ "with_a_file", 1, 1, 32, 44, VHOST_IOTLB_MISS, .fd = true },
};

TEST_EACH(card_requests, own)
{
	uint8_t bytes[64] = { 0 }, reply[21];
	struct vmm *vmm;
	int fd;

	vmm = card_machine(0, OBEY);
	card_works(vmm, 1);
	pthread_mutex_lock(&fake.lock);
	fd = fcntl(fake.requests, F_DUPFD_CLOEXEC, 0);
	pthread_mutex_unlock(&fake.lock);
	le_put(bytes, v->request, 4);
	le_put(bytes + 4, v->flags, 4);
	le_put(bytes + 8, v->size, 4);
	bytes[12 + 24] = VHOST_ACCESS_RO;
	bytes[12 + 25] = v->type;
	if (v->sent)
		ASSERT_TRUE(put(fd, bytes, v->sent, v->fd ? STDIN_FILENO : -1));
	if (v->closed)
		shutdown(fd, SHUT_RDWR);
	if (v->flags & VHOST_USER_NEED_REPLY) {
		while (recv(fd, reply, sizeof(reply), MSG_PEEK | MSG_DONTWAIT) < 20)
			usleep(1000);
		ASSERT_EQ(20, recv(fd, reply, sizeof(reply), 0));
		EXPECT_EQ(1, le_get(reply, 4));
		EXPECT_EQ(VHOST_USER_VERSION | VHOST_USER_REPLY, le_get(reply + 4, 4));
		EXPECT_EQ(8, le_get(reply + 8, 4));
		EXPECT_EQ(0, le_get(reply + 12, 8));
	}
	if (!v->good)
		await_reset(vmm);
	card_works(vmm, v->good ? 1 : 2);
	close(fd);
	card_end(vmm);
}

/* ---- misses ------------------------------------------------------------------------------- */

/* Called by the main thread: pages that the unit is asked about, and those that are excused */
static atomic_uint asked[16], excused[16], nr_handled;

#define PAGE(n)		(UINT64_C(0xfff00000) + ((n) << 12))

static unsigned int page_of(uint64_t iova)
{
	ASSERT_TRUE(iova >= PAGE(0) && iova < PAGE(16));
	return (unsigned int)((iova - PAGE(0)) >> 12);
}

int __wrap_nyx_vhost_message(struct nyx_vhost *vhost, uint32_t id,
			     const struct vhost_iotlb_msg *msg);
int __wrap_nyx_vhost_message(struct nyx_vhost *vhost, uint32_t id,
			     const struct vhost_iotlb_msg *msg)
{
	(void)vhost;
	(void)id;
	atomic_fetch_add(&asked[page_of(msg->iova)], 1);
	atomic_fetch_add(&nr_handled, 1);
	return 0;
}

/* Nothing is mapped. */
int __wrap_nyx_vhost_prefetch(struct nyx_vhost *vhost, uint32_t id, uint64_t iova,
			      uint64_t length);
int __wrap_nyx_vhost_prefetch(struct nyx_vhost *vhost, uint32_t id, uint64_t iova,
			      uint64_t length)
{
	(void)vhost;
	(void)id;
	ASSERT_EQ(1, length);
	atomic_fetch_add(&excused[page_of(iova)], 1);
	atomic_fetch_add(&nr_handled, 1);
	return -ENOENT;
}

/* Bytes of the miss of a page */
static void miss_bytes(unsigned int page, size_t from, size_t to)
{
	uint8_t bytes[44] = { 1, 0, 0, 0, VHOST_USER_VERSION, 0, 0, 0, 32 };

	le_put(bytes + 12, PAGE(page) + 0x123, 8);
	bytes[12 + 24] = VHOST_ACCESS_RO;
	bytes[12 + 25] = VHOST_IOTLB_MISS;
	pthread_mutex_lock(&fake.lock);
	ASSERT_TRUE(put(fake.requests, bytes + from, to - from, -1));
	pthread_mutex_unlock(&fake.lock);
}

static void miss(unsigned int page)
{
	miss_bytes(page, 0, 44);
}

static int invalidate(unsigned int page)
{
	return iotlb_at(backend, VHOST_IOTLB_INVALIDATE, PAGE(page), 0);
}

static void await_handled(struct vmm *vmm, unsigned int nr)
{
	while (atomic_load(&nr_handled) < nr)
		usleep(1000);
	/* The main thread is through. */
	pthread_mutex_lock(&vmm->lock);
	pthread_mutex_unlock(&vmm->lock);
}

/* A machine whose main thread takes no miss before misses_go() */
static struct vmm *misses_machine(void)
{
	struct vmm *vmm = card_machine(0, OBEY);

	card_works(vmm, 1);
	pthread_mutex_lock(&vmm->lock);
	backend->vhost->iotlb = (void *)&asked;
	return vmm;
}

static void misses_go(struct vmm *vmm, unsigned int nr)
{
	pthread_mutex_unlock(&vmm->lock);
	await_handled(vmm, nr);
}

static void misses_end(struct vmm *vmm)
{
	pthread_mutex_lock(&vmm->lock);
	backend->vhost->iotlb = NULL;
	pthread_mutex_unlock(&vmm->lock);
	card_end(vmm);
}

/*
 * The unit is not asked about a miss that was sent before an invalidation of the page: the back end
 * was sent the update. It is asked about other pages, also between two of those, and about the page
 * later.
 */
TEST(card_late_misses)
{
	struct vmm *vmm = misses_machine();

	miss(3);
	ASSERT_EQ(0, invalidate(3));
	ASSERT_EQ(0, invalidate(5));
	miss(2);
	miss(4);
	misses_go(vmm, 3);
	EXPECT_EQ(1, atomic_load(&excused[3]));
	EXPECT_EQ(0, atomic_load(&asked[3]));
	EXPECT_EQ(1, atomic_load(&asked[2]));
	EXPECT_EQ(1, atomic_load(&asked[4]));
	miss(3);
	await_handled(vmm, 4);
	EXPECT_EQ(1, atomic_load(&asked[3]));
	pthread_mutex_lock(&vmm->lock);
	/* None waits */
	ASSERT_EQ(0, invalidate(3));
	misses_go(vmm, 4);
	miss(3);
	await_handled(vmm, 5);
	EXPECT_EQ(2, atomic_load(&asked[3]));
	misses_end(vmm);
}

/* A miss is new if it was sent behind the invalidation, be it in the same row of messages. */
TEST(card_new_misses)
{
	struct vmm *vmm = misses_machine();

	miss(2);
	miss(3);
	ASSERT_EQ(0, invalidate(3));
	miss(3);
	miss(2);
	ASSERT_EQ(0, invalidate(2));
	misses_go(vmm, 4);
	EXPECT_EQ(1, atomic_load(&excused[3]));
	EXPECT_EQ(1, atomic_load(&asked[3]));
	EXPECT_EQ(2, atomic_load(&excused[2]));
	EXPECT_EQ(0, atomic_load(&asked[2]));
	misses_end(vmm);
}

/* A back end that always has a part of a message in the socket: that is no miss of before. */
TEST(card_part_of_a_miss)
{
	struct vmm *vmm = misses_machine();
	unsigned int i, nr = 0;

	for (i = 0; i < 2; i++) {
		miss(i);
		miss_bytes(3, 0, 1);
		ASSERT_EQ(0, invalidate(3));
		misses_go(vmm, ++nr);
		miss_bytes(3, 1, 44);
		miss_bytes(3, 0, 1);
		await_handled(vmm, ++nr);
		EXPECT_EQ(i + 1, atomic_load(&asked[3]));
		miss_bytes(3, 1, 44);
		await_handled(vmm, ++nr);
		EXPECT_EQ(0, atomic_load(&excused[3]));
		atomic_store(&asked[3], i + 1);
		pthread_mutex_lock(&vmm->lock);
	}
	misses_go(vmm, nr);
	misses_end(vmm);
}

/* Few invalidations are kept; of the others, no miss is excused. Taken misses make room. */
TEST(card_many_invalidations)
{
	struct vmm *vmm = misses_machine();
	unsigned int i;

	miss(3);
	miss(4);
	for (i = 0; i < 600; i++)
		ASSERT_EQ(0, invalidate(i ? 5 : 3));
	ASSERT_EQ(0, invalidate(4));
	misses_go(vmm, 2);
	EXPECT_EQ(1, atomic_load(&excused[3]));
	EXPECT_EQ(1, atomic_load(&asked[4]));
	pthread_mutex_lock(&vmm->lock);
	miss(4);
	ASSERT_EQ(0, invalidate(4));
	misses_go(vmm, 3);
	EXPECT_EQ(1, atomic_load(&excused[4]));
	misses_end(vmm);
}

/* A back end that comes again and then breaks the protocol is not tried once more soon. */
TEST(card_waits)
{
	struct vmm *vmm;

	vmm = card_machine(VHOST_USER_SET_MEM_TABLE, LEAVE);
	vhost_user_pause_ms = 60000;
	env_virtio(vmm, SLOT, BAR, 256);
	await_reset(vmm);
	atomic_store(&fake.how, LONG);
	atomic_store(&fake.at, VHOST_USER_GET_FEATURES);
	await_word(vmm, "it is tried again in a minute");
	EXPECT_EQ(2, atomic_load(&fake.connections));
	env_virtio(vmm, SLOT, BAR, 256);
	usleep(1500000);
	EXPECT_EQ(2, atomic_load(&fake.connections));
	card_end(vmm);
}

/* Nor is one that has wasted time in a short life. */
TEST(card_wastes_time)
{
	struct vmm *vmm;

	vmm = card_machine(VHOST_USER_SET_MEM_TABLE, SILENT);
	vhost_user_pause_ms = 60000;
	env_virtio(vmm, SLOT, BAR, 256);
	await_reset(vmm);
	await_word(vmm, "does not answer");
	usleep(1500000);
	EXPECT_EQ(1, atomic_load(&fake.connections));
	card_end(vmm);
}

/* Each answer is just in time, and all of them together are late: the start ends in time. */
TEST(card_is_always_late)
{
	struct vmm *vmm;

	vmm = card_machine(0, OBEY);
	vhost_user_timeout_ms = 60000;
	vhost_user_start_timeout_ms = 5 * SOON_MS;
	atomic_store(&fake.delay_ms, SOON_MS);
	env_virtio(vmm, SLOT, BAR, 256);
	await_reset(vmm);
	await_word(vmm, "does not answer");
	EXPECT_EQ(0, fake_saw(VHOST_USER_SET_VRING_ENABLE));
	atomic_store(&fake.delay_ms, 0);
	card_works(vmm, 2);
	card_end(vmm);
}

static const struct { const char *name; int error; const char *said; } aio_errors[] = {
	{ "all-is-used", EAGAIN, "is left on this machine; raise its limit, fs.aio-max-nr" },
	{ "forbidden", EPERM, "the kernel has no asynchronous I/O: " },
};

/* The machine runs without such a card. */
TEST_EACH(no_aio, aio_errors)
{
	env_no_aio(v->error);
	ASSERT_EQ(0, loop_init());
	ASSERT_TRUE(!vhost_user_net(&its_vmm, "/nonexistent/socket", VHOST_DPDK_AUTO));
	EXPECT_TRUE(strstr(env_said(), "--net vhost-user=/nonexistent/socket: "));
	EXPECT_TRUE(strstr(env_said(), v->said));
	loop_exit();
}

TEST(nothing_listens)
{
	char path[200];

	ASSERT_EQ(0, loop_init());
	ASSERT_TRUE(!vhost_user_net(&its_vmm, "/nonexistent/socket", VHOST_DPDK_AUTO));
	EXPECT_TRUE(strstr(env_said(), "No such file or directory; start its program first"));
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	ASSERT_TRUE(!vhost_user_net(&its_vmm, path, VHOST_DPDK_AUTO));
	EXPECT_TRUE(strstr(env_said(), "too long"));
	loop_exit();
}
