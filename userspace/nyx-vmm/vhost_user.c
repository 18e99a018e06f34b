// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: back ends of the vhost-user protocol.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A back end is another program, which listens on a Unix socket. It maps all of the guest's memory,
 * so it is trusted with that; nothing else of it is: each of its messages is checked, and each
 * answer comes in time, or nyx-vmm closes the connection, says so, and the device needs a reset.
 *
 * With an IOMMU the back end translates by a device IOTLB. It asks for what it misses on a
 * socket of its own, and acknowledges an invalidation when it no longer uses what that takes away.
 *
 * An address of a message that is no IOVA is relative to the regions of memory, whose names are
 * GPAs: a back end learns no address of this process.
 *
 * The connection is used under vmm::lock, but for its handshake, for which the main thread does not
 * wait, either: the thread that adds the card has it, or, after the connection was lost, one of its
 * own. The main thread tries to connect again each second, or a minute after a try that was
 * answered wrongly or late, and after a connection of less than a minute that was cut off, or that
 * was slow.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <nyx/vhost.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "vhost.h"
#include "vhost_user_wire.h"

#define REQUESTS	32	/* of the back end, until other threads get a turn */
#define SLOW_MS		1000		/* more than an honest back end takes */
#define MINUTE_MS	60000
#define OLD_REQUESTS	4096	/* more than a socket holds */
#define GONE		512	/* invalidations while misses wait; more excuse no miss */

atomic_int vhost_user_start_timeout_ms = 20000;
atomic_int vhost_user_iotlb_timeout_ms = 5000;
atomic_int vhost_user_pause_ms = MINUTE_MS;

/* An invalidation, and which misses were sent before it: those that end by @end */
struct gone {
	uint64_t first, last;
	uint64_t end;			/* in the stream of &vhost_user.requests; 0: none */
};

struct vhost_user {
	struct vhost_backend backend;	/* first */
	struct vmm *vmm;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int fd;				/* -1: not connected */
	int requests;			/* our end of the back end's own socket; -1: none */
	struct vhost_user_inbox inbox;	/* of @requests */
	uint64_t taken;			/* bytes of @requests that whole messages had */
	struct gone gone[GONE];
	int timer;			/* for the next try to connect; -1: none */
	pthread_t thread;		/* has the handshake of such a try */
	bool has_thread;		/* there is one, or has been; main thread */
	uint64_t features;		/* of the back end that was there first; 0: none yet */
	int64_t since;			/* now_ms(), when it was connected */
	int64_t until;			/* of what is under way; 0: of no more than a request */
	struct budget iotlb_budget;
	bool slow;			/* one of these took long */
	int why;			/* the error that has ended the connection, or 0 */
	char text[192];			/* for vhost_lost() */
	bool iotlb;			/* rings are IOVAs */
	enum vhost_dpdk option;
	bool dpdk;			/* by @option, or by is_dpdk() */
	struct vhost_region regions[VHOST_USER_REGIONS];
	unsigned int nr_regions;
};

static struct vhost_user *to_user(const struct vhost_backend *backend)
{
	return (struct vhost_user *)backend;
}

/*
 * After an error the connection is of no use. The main thread finds its end, and tells the device:
 * the caller may be within a command of the IOMMU.
 */
static int check(struct vhost_user *vu, int rc)
{
	if (rc && !vu->why) {
		vu->why = rc;
		shutdown(vu->fd, SHUT_RDWR);
	}
	return rc;
}

/* One deadline for all requests of a handshake or a start */
static void begin_all(struct vhost_user *vu)
{
	vu->until = now_ms() + atomic_load(&vhost_user_start_timeout_ms);
}

static void end_all(struct vhost_user *vu)
{
	int64_t began = vu->until - atomic_load(&vhost_user_start_timeout_ms);

	vu->slow |= vu->until && now_ms() - began > SLOW_MS;
	vu->until = 0;
}

static int order(struct vhost_user *vu, struct vhost_user_message *m)
{
	m->until = vu->until;
	return vu->fd < 0 ? -EPIPE : check(vu, vhost_user_order(vu->fd, m));
}

static int ask(struct vhost_user *vu, struct vhost_user_message *m, size_t size)
{
	m->until = vu->until;
	return vu->fd < 0 ? -EPIPE : check(vu, vhost_user_ask(vu->fd, m, size));
}

static int tell(struct vhost_user *vu, struct vhost_user_message *m)
{
	m->until = vu->until;
	return vu->fd < 0 ? -EPIPE : check(vu, vhost_user_send(vu->fd, m));
}

static int set_u64(struct vhost_user *vu, enum vhost_user_request request, uint64_t value)
{
	struct vhost_user_message m = vhost_user_message(request, sizeof(value));

	m.body.u64 = value;
	return order(vu, &m);
}

static int get_u64(struct vhost_user *vu, enum vhost_user_request request, uint64_t *value)
{
	struct vhost_user_message m = vhost_user_message(request, 0);
	int rc = ask(vu, &m, sizeof(*value));

	*value = rc ? 0 : m.body.u64;
	return rc;
}

static int set_state(struct vhost_user *vu, enum vhost_user_request request, unsigned int queue,
		     unsigned int num)
{
	struct vhost_user_message m = vhost_user_message(request, sizeof(m.body.state));

	m.body.state = (struct vhost_vring_state){ queue, num };
	return order(vu, &m);
}

static int set_file(struct vhost_user *vu, enum vhost_user_request request, unsigned int queue,
		    int fd)
{
	struct vhost_user_message m = vhost_user_message(request, sizeof(m.body.u64));

	m.body.u64 = fd < 0 ? queue | VHOST_USER_NO_FD : queue;
	m.fds[0] = fd;
	m.nr_fds = fd >= 0;
	return order(vu, &m);
}

/* ---- the connection ----------------------------------------------------------------- */

static const char *text_of(int rc)
{
	switch (rc) {
	case -ETIMEDOUT:
		return "it does not answer";
	case -EPROTO:
		return "it breaks the protocol";
	case -EREMOTEIO:
		return "it refuses a request";
	case -EPIPE:
		return "it has closed the connection";
	}
	return strerror(-rc);
}

static int connect_to(struct vhost_user *vu)
{
	int fd = unix_connect(vu->path, SOCK_NONBLOCK);

	if (fd < 0)
		return fd;
	vu->fd = fd;
	vu->why = 0;
	vu->slow = false;
	vu->since = now_ms();
	vu->iotlb_budget = (struct budget){ 0 };
	return 0;
}

static void disconnect(struct vhost_user *vu)
{
	int *const fds[] = { &vu->fd, &vu->requests };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] < 0)
			continue;
		loop_remove(*fds[i]);
		close(*fds[i]);
		*fds[i] = -1;
	}
	vu->inbox.got = 0;
	vu->taken = 0;
	memset(vu->gone, 0, sizeof(vu->gone));
}

/* The back end gets one end of a socket, for its own requests. */
static int open_requests(struct vhost_user *vu)
{
	struct vhost_user_message m = vhost_user_message(VHOST_USER_SET_BACKEND_REQ_FD, 0);
	int fds[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
		return -errno;
	vu->requests = fds[0];
	m.fds[0] = fds[1];
	m.nr_fds = 1;
	rc = order(vu, &m);
	close(fds[1]);
	return rc;
}

/*
 * DPDK's library offers features of a network card and of a cryptographic device at once, unless
 * the program masks one. An invalidation makes it drop whole entries, and also the one that begins
 * right behind the range.
 */
static bool is_dpdk(const struct vhost_user *vu, uint64_t protocol)
{
	const uint64_t dpdk = UINT64_C(1) << VHOST_USER_PROTOCOL_F_RARP |
		UINT64_C(1) << VHOST_USER_PROTOCOL_F_CRYPTO_SESSION;

	if (vu->option != VHOST_DPDK_AUTO)
		return vu->option == VHOST_DPDK_ON;
	return (protocol & dpdk) == dpdk;
}

/* Agrees on what both sides can do. */
static int negotiate(struct vhost_user *vu, uint64_t *features)
{
	const uint64_t needed = UINT64_C(1) << VHOST_USER_PROTOCOL_F_REPLY_ACK;
	const uint64_t requests = UINT64_C(1) << VHOST_USER_PROTOCOL_F_BACKEND_REQ;
	struct vhost_user_message m = vhost_user_message(VHOST_USER_SET_PROTOCOL_FEATURES,
							 sizeof(m.body.u64));
	uint64_t protocol;
	int rc;

	rc = get_u64(vu, VHOST_USER_GET_FEATURES, features);
	if (rc)
		return rc;
	if (!(*features >> VHOST_USER_F_PROTOCOL_FEATURES & 1))
		return -EOPNOTSUPP;
	rc = get_u64(vu, VHOST_USER_GET_PROTOCOL_FEATURES, &protocol);
	if (rc)
		return rc;
	if (!(protocol & needed))
		return -EOPNOTSUPP;
	vu->dpdk = is_dpdk(vu, protocol);
	/* Not acknowledged: that is what it agrees on. */
	m.body.u64 = protocol & (needed | requests);
	rc = tell(vu, &m);
	if (!rc && protocol & requests)
		return open_requests(vu);
	/* The back end cannot say what it misses. */
	*features &= ~(UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM);
	return rc;
}

static void readable(void *opaque, int fd);
static void requests_ready(void *opaque, int fd);

static int listen_to(struct vhost_user *vu)
{
	int rc = loop_add(vu->fd, readable, vu);

	if (!rc && vu->requests >= 0)
		rc = loop_add(vu->requests, requests_ready, vu);
	return rc;
}

/* Nothing else uses the connection. */
static int handshake(struct vhost_user *vu)
{
	struct vhost_user_message m = vhost_user_message(VHOST_USER_SET_OWNER, 0);
	uint64_t features;
	int rc;

	begin_all(vu);
	rc = negotiate(vu, &features);
	if (!rc)
		rc = order(vu, &m);
	end_all(vu);
	if (!rc && vu->features & ~features)
		rc = -EOPNOTSUPP;
	if (!rc && !vu->features)
		vu->features = features;
	if (!rc && vu->vmm->opts->verbose)
		say("vhost-user: the back end at %s is taken for %s", vu->path,
		    vu->dpdk ? "DPDK" : "another program than DPDK");
	return rc;
}

/* Tries to connect after @ms, and then each second. */
static void try_in(struct vhost_user *vu, int ms)
{
	const struct itimerspec t = { { 1, 0 }, { ms / 1000, ms % 1000 * 1000000L } };

	timerfd_settime(vu->timer, 0, &t, NULL);
}

/* Main thread, with vmm::lock. One that wastes time in a short life may not do so again soon. */
static void await_another(struct vhost_user *vu, int rc)
{
	bool young = now_ms() - vu->since < MINUTE_MS;

	disconnect(vu);
	try_in(vu, young && (vu->slow || rc != -EPIPE) ? atomic_load(&vhost_user_pause_ms) : 1000);
	snprintf(vu->text, sizeof(vu->text), "the back end at %s is cut off: %s",
		 vu->path, text_of(rc));
	vhost_lost(vu->backend.vhost, vu->text);
}

/* Main thread: the back end has gone, or it sends something that nobody has asked for. */
static void readable(void *opaque, int fd)
{
	struct vhost_user *vu = opaque;
	ssize_t got;
	char byte;

	pthread_mutex_lock(&vu->vmm->lock);
	got = recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
	/* Or a reply has come, and was taken. */
	if (vu->backend.vhost && (got >= 0 || errno != EAGAIN))
		await_another(vu, vu->why ? vu->why : got > 0 ? -EPROTO : -EPIPE);
	pthread_mutex_unlock(&vu->vmm->lock);
}

/*
 * An invalidation is about to be sent. The back end may have missed an address there, and then gone
 * on with the update that it was sent anyway: such a miss, which waits already, is no fault.
 */
static void note_invalidation(struct vhost_user *vu, const struct vhost_iotlb_msg *msg)
{
	const size_t message = sizeof(vu->inbox.header) + sizeof(vu->inbox.body.iotlb);
	struct gone *gone = vu->gone;
	int left = 0;
	uint64_t end;

	if (vu->requests < 0 || ioctl(vu->requests, FIONREAD, &left))
		return;
	end = vu->taken + vu->inbox.got + (unsigned int)left;
	if (end < vu->taken + message)
		return;
	/* The first one of which all misses were taken */
	while (gone < vu->gone + GONE && gone->end > vu->taken)
		gone++;
	if (gone < vu->gone + GONE)
		*gone = (struct gone){ msg->iova, msg->iova + (msg->size - 1), end };
}

/* True if the message, which ends at @taken, was sent before an invalidation of its address. */
static bool is_late(const struct vhost_user *vu, const struct vhost_iotlb_msg *msg)
{
	const struct gone *gone;

	for (gone = vu->gone; gone < vu->gone + GONE; gone++) {
		if (gone->end >= vu->taken && msg->iova >= gone->first && msg->iova <= gone->last)
			return true;
	}
	return false;
}

static int take_request(struct vhost_user *vu)
{
	const struct vhost_user_header *header = &vu->inbox.header;
	struct vhost_iotlb_msg msg = vu->inbox.body.iotlb;
	struct vhost_user_message reply = {
		.header = { header->request, VHOST_USER_VERSION | VHOST_USER_REPLY,
			    sizeof(reply.body.u64) },
	};

	if (header->request != VHOST_USER_BACKEND_IOTLB_MSG || header->size != sizeof(msg) ||
	    (msg.type != VHOST_IOTLB_MISS && msg.type != VHOST_IOTLB_ACCESS_FAIL))
		return -EPROTO;
	if (msg.perm == VHOST_ACCESS_RW)
		msg.perm = VHOST_ACCESS_WO;	/* see channel_send() */
	vhost_message(vu->backend.vhost, &msg, is_late(vu, &msg));
	return header->flags & VHOST_USER_NEED_REPLY ? vhost_user_send(vu->requests, &reply) : 0;
}

static void take_requests(struct vhost_user *vu, unsigned int nr)
{
	int rc = 1;

	while (nr-- && rc > 0 && vu->requests >= 0 && vu->backend.vhost) {
		rc = vhost_user_receive(vu->requests, &vu->inbox);
		if (rc <= 0)
			break;
		vu->taken += sizeof(vu->inbox.header) + vu->inbox.header.size;
		if (take_request(vu))
			rc = -EPROTO;
	}
	if (rc < 0)
		check(vu, rc);
}

/* Main thread */
static void requests_ready(void *opaque, int fd)
{
	struct vhost_user *vu = opaque;

	(void)fd;
	pthread_mutex_lock(&vu->vmm->lock);
	take_requests(vu, REQUESTS);
	pthread_mutex_unlock(&vu->vmm->lock);
}

static void *run_handshake(void *arg)
{
	struct vhost_user *vu = arg;
	int rc = handshake(vu);

	pthread_mutex_lock(&vu->vmm->lock);
	/* The card may have been removed. */
	if (!rc && vu->backend.vhost)
		rc = listen_to(vu);
	if (!rc && vu->backend.vhost)
		vhost_found(vu->backend.vhost);
	if (rc) {
		disconnect(vu);
		try_in(vu, atomic_load(&vhost_user_pause_ms));
		say("vhost-user: the back end at %s: %s; it is tried again in a minute",
		    vu->path, text_of(rc));
	}
	pthread_mutex_unlock(&vu->vmm->lock);
	return NULL;
}

/* Main thread: the handshake has ended, or ends soon. */
static void join_thread(struct vhost_user *vu)
{
	if (vu->has_thread)
		pthread_join(vu->thread, NULL);
	vu->has_thread = false;
}

/* Main thread */
static void try_again(void *opaque, int fd)
{
	static const struct itimerspec never;
	struct vhost_user *vu = opaque;
	uint64_t times;

	if (read(fd, &times, sizeof(times)) < 0)
		return;
	/* It sets the timer at its end. */
	join_thread(vu);
	if (connect_to(vu))
		return;
	timerfd_settime(fd, 0, &never, NULL);
	vu->has_thread = !pthread_create(&vu->thread, NULL, run_handshake, vu);
	if (vu->has_thread)
		return;
	disconnect(vu);
	try_in(vu, 1000);
}

/* ---- struct vhost_ops ------------------------------------------------------------------- */

/* After the handshake; main thread */
static int set_owner(struct vhost_backend *backend)
{
	return listen_to(to_user(backend));
}

static int get_features(struct vhost_backend *backend, uint64_t *features)
{
	*features = to_user(backend)->features;
	return 0;
}

static int set_features(struct vhost_backend *backend, uint64_t features)
{
	struct vhost_user *vu = to_user(backend);

	begin_all(vu);
	/* Misses of an earlier run, which vhost.c ignores now: the queues are stopped. */
	take_requests(vu, OLD_REQUESTS);
	return set_u64(vu, VHOST_USER_SET_FEATURES,
		       vu->features & (features | UINT64_C(1) << VHOST_USER_F_PROTOCOL_FEATURES));
}

static void started(struct vhost_backend *backend)
{
	end_all(to_user(backend));
}

/* An update may come late. An invalidation may not: it is acknowledged. */
static int send_iotlb(struct vhost_user *vu, const struct vhost_iotlb_msg *msg)
{
	struct vhost_user_message m = vhost_user_message(VHOST_USER_IOTLB_MSG,
							 sizeof(m.body.iotlb));

	m.body.iotlb = *msg;
	return msg->type == VHOST_IOTLB_INVALIDATE ? order(vu, &m) : tell(vu, &m);
}

/* The guest waits, and with it all others that wait for the stream: see struct budget. */
static int send_in_time(struct vhost_user *vu, const struct vhost_iotlb_msg *msg)
{
	int64_t until = vu->until, now = now_ms(), end;
	int rc;

	end = now + budget_left(&vu->iotlb_budget, &vu->vmm->accesses,
				atomic_load(&vhost_user_iotlb_timeout_ms));
	vu->until = until && until < end ? until : end;
	rc = send_iotlb(vu, msg);
	vu->until = until;
	budget_use(&vu->iotlb_budget, now_ms() - now);
	return rc;
}

static int set_mem_table(struct vhost_backend *backend, const struct vhost_region *regions,
			 unsigned int nr, bool iotlb)
{
	struct vhost_user_message m = vhost_user_message(VHOST_USER_SET_MEM_TABLE, 8);
	static const struct vhost_iotlb_msg all = {
		.size = UINT64_MAX, .type = VHOST_IOTLB_INVALIDATE,
	};
	struct vhost_user *vu = to_user(backend);
	unsigned int i;
	int rc;

	if (nr > VHOST_USER_REGIONS)
		return -E2BIG;
	for (i = 0; i < nr; i++) {
		m.body.memory.regions[i] = (struct vhost_user_region){
			.gpa = regions[i].gpa, .size = regions[i].size,
			.user_addr = regions[i].gpa, .offset = regions[i].offset,
		};
		m.fds[i] = regions[i].fd;
		vu->regions[i] = regions[i];
	}
	m.header.size += (uint32_t)(nr * sizeof(m.body.memory.regions[0]));
	m.body.memory.nr = m.nr_fds = vu->nr_regions = nr;
	vu->iotlb = iotlb;
	rc = order(vu, &m);
	/* The back end may have kept what it learned before the device was reset. */
	return rc || !iotlb ? rc : send_iotlb(vu, &all);
}

/* The name of an address of this process for the back end; false: it is not in a region. */
static bool user_addr(const struct vhost_user *vu, uint64_t host, uint64_t *addr)
{
	const struct vhost_region *r = vu->regions;
	unsigned int i;

	for (i = 0; i < vu->nr_regions; i++, r++) {
		*addr = host - (uintptr_t)r->host;
		if (*addr >= r->size)
			continue;
		*addr += r->gpa;
		return true;
	}
	return false;
}

static int set_vring_num(struct vhost_backend *backend, unsigned int queue, unsigned int num)
{
	return set_state(to_user(backend), VHOST_USER_SET_VRING_NUM, queue, num);
}

static int set_vring_base(struct vhost_backend *backend, unsigned int queue, uint16_t base)
{
	return set_state(to_user(backend), VHOST_USER_SET_VRING_BASE, queue, base);
}

static int set_vring_addr(struct vhost_backend *backend, unsigned int queue, uint64_t desc,
			  uint64_t avail, uint64_t used)
{
	struct vhost_user_message m = vhost_user_message(VHOST_USER_SET_VRING_ADDR,
							 sizeof(m.body.addr));
	struct vhost_user *vu = to_user(backend);

	if (!vu->iotlb && (!user_addr(vu, desc, &desc) || !user_addr(vu, avail, &avail) ||
			   !user_addr(vu, used, &used)))
		return -EFAULT;
	m.body.addr = (struct vhost_vring_addr){
		.index = queue, .desc_user_addr = desc, .avail_user_addr = avail,
		.used_user_addr = used,
	};
	return order(vu, &m);
}

static int set_vring_kick(struct vhost_backend *backend, unsigned int queue, int fd)
{
	return set_file(to_user(backend), VHOST_USER_SET_VRING_KICK, queue, fd);
}

static int set_vring_call(struct vhost_backend *backend, unsigned int queue, int fd)
{
	return set_file(to_user(backend), VHOST_USER_SET_VRING_CALL, queue, fd);
}

static int get_vring_base(struct vhost_backend *backend, unsigned int queue, uint16_t *base)
{
	struct vhost_user_message m = vhost_user_message(VHOST_USER_GET_VRING_BASE,
							 sizeof(m.body.state));
	struct vhost_user *vu = to_user(backend);
	int rc;

	m.body.state = (struct vhost_vring_state){ queue, 0 };
	rc = ask(vu, &m, sizeof(m.body.state));
	if (!rc && (m.body.state.index != queue || m.body.state.num > UINT16_MAX))
		rc = check(vu, -EPROTO);
	*base = rc ? 0 : (uint16_t)m.body.state.num;
	return rc;
}

static int set_vring_enable(struct vhost_backend *backend, unsigned int queue, bool on)
{
	return set_state(to_user(backend), VHOST_USER_SET_VRING_ENABLE, queue, on);
}

/*
 * An address of this process becomes one that the back end knows. Where the guest lets the device
 * only write, DPDK finds no translation unless that is for both: it asks so when it will write.
 */
static int channel_send(const struct nyx_vhost_channel *channel, const struct vhost_iotlb_msg *msg)
{
	struct vhost_user *vu = channel->arg;
	struct vhost_iotlb_msg m = *msg;
	uint64_t addr = 0;

	if (m.type == VHOST_IOTLB_UPDATE && !user_addr(vu, m.uaddr, &addr))
		return -EFAULT;
	m.uaddr = addr;
	if (m.perm == VHOST_ACCESS_WO)
		m.perm = VHOST_ACCESS_RW;
	if (m.type == VHOST_IOTLB_INVALIDATE)
		note_invalidation(vu, msg);
	/* The entry with the last byte has the one before it, too, and the next entry stays. */
	if (vu->dpdk && m.type == VHOST_IOTLB_INVALIDATE)
		m.size--;
	return send_in_time(vu, &m);
}

static int channel(struct vhost_backend *backend, struct nyx_vhost_channel *channel)
{
	channel->arg = to_user(backend);
	channel->send = channel_send;
	channel->eager = 1;		/* DPDK drops a packet if it misses the buffer */
	return 0;
}

/* Messages come to requests_ready(), which answers those that want that. */
static int miss_fd(struct vhost_backend *backend)
{
	(void)backend;
	return -1;
}

static void close_backend(struct vhost_backend *backend)
{
	struct vhost_user *vu = to_user(backend);

	if (vu->timer >= 0)
		loop_remove(vu->timer);
	/* Has a handshake end. */
	pthread_mutex_lock(&vu->vmm->lock);
	if (vu->fd >= 0)
		shutdown(vu->fd, SHUT_RDWR);
	pthread_mutex_unlock(&vu->vmm->lock);
	join_thread(vu);
	disconnect(vu);
	if (vu->timer >= 0)
		close(vu->timer);
	free(vu);
}

static const struct vhost_ops ops = {
	.name = "vhost-user", .set_owner = set_owner, .get_features = get_features,
	.set_features = set_features, .started = started, .set_mem_table = set_mem_table,
	.set_vring_num = set_vring_num, .set_vring_base = set_vring_base,
	.set_vring_addr = set_vring_addr, .set_vring_kick = set_vring_kick,
	.set_vring_call = set_vring_call, .get_vring_base = get_vring_base,
	.set_vring_enable = set_vring_enable,
	.channel = channel, .miss_fd = miss_fd, .close = close_backend,
};

struct vhost_backend *vhost_user_net(struct vmm *vmm, const char *path, enum vhost_dpdk dpdk)
{
	struct vhost_user *vu;
	int rc;

	if (strlen(path) >= sizeof(vu->path)) {
		say("--net vhost-user=%s: the name is too long", path);
		return NULL;
	}
	if (event_share("--net vhost-user=", path))
		return NULL;
	vu = alloc_for(path, sizeof(*vu));
	if (!vu)
		return NULL;
	vu->backend.ops = &ops;
	vu->vmm = vmm;
	vu->option = dpdk;
	strcpy(vu->path, path);
	vu->fd = vu->requests = -1;
	vu->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	rc = vu->timer < 0 ? -errno : loop_add(vu->timer, try_again, vu);
	if (!rc)
		rc = connect_to(vu);
	if (rc) {
		say("--net vhost-user=%s: %s%s", path, strerror(-rc),
		    rc == -ECONNREFUSED || rc == -ENOENT ? "; start its program first" : "");
	} else {
		rc = handshake(vu);
		if (!rc)
			return &vu->backend;
		say("--net vhost-user=%s: %s", path, text_of(rc));
	}
	close_backend(&vu->backend);
	return NULL;
}
