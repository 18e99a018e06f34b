// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: messages to a device in another process; see vfio_user.h.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * No function waits for longer than vfio_user_patience_ms, however the server divides up its
 * bytes, and whatever it asks for before it replies. All messages of an access of the guest wait
 * for no longer than BUDGET times that, see struct budget, and those that make the device no longer
 * than ATTACHING.
 */
#include "vfio_user.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <json-c/json.h>

#define HEAD		sizeof(struct vfio_user_head)
#define LONGEST		(HEAD + sizeof(struct vfio_user_dma) + VFIO_USER_DATA)
#define AT_ONCE		16	/* commands of the server that the main thread does in one go */
#define FILES_MOST	253	/* of a message, for the kernel: recvmsg(2) closes none */
#define UNWANTED_MOST	64	/* files of a connection */
#define JSON_DEPTH	4
#define VERSION_SIZE	4096
#define PATIENCE_MS	5000
#define BUDGET		2
#define ATTACHING	4
#define MAPS_MAX	(1u << 20)
#define PAGE		4096u
#define RELAY_BYTES	0x4000u	/* that a relay takes at once */

/* Of this program; the second and the third are VFIO_USER_FILES and VFIO_USER_DATA. */
static const char capabilities[] =
	"{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576,\"twin_socket\":{\"supported\":true}}}";

unsigned int vfio_user_patience_ms = PATIENCE_MS;

/* A thread's, and vfio_user::relay: the last one that lets it go frees it. */
struct vfio_user_relay {
	atomic_uint users;
	int from, to;			/* the thread's */
	atomic_bool takes;		/* bytes that are not in @taken yet */
	atomic_ullong taken;		/* bytes, of which some may be on their way */
};

static int fail(struct vfio_user *conn, const char *why)
{
	unsigned int i;

	if (conn->why)
		return -EIO;
	conn->why = why;
	/* The main thread sees it. */
	for (i = 0; i < ARRAY_SIZE(conn->channels); i++) {
		if (conn->channels[i].fd < 0)
			continue;
		shutdown(conn->channels[i].fd, SHUT_RDWR);
		shutdown(conn->channels[i].out, SHUT_RDWR);
	}
	return -EIO;
}

static int64_t patience(void)
{
	return now_ms() + vfio_user_patience_ms;
}

/* Until when the reply to a message is to come that is sent @now */
static int64_t reply_end(struct vfio_user *conn, int64_t now)
{
	int64_t most = conn->attach_end - now;

	if (!conn->attach_end)
		most = budget_left(&conn->budget, conn->accesses,
				   (int64_t)BUDGET * vfio_user_patience_ms);
	return now + (most < vfio_user_patience_ms ? most : vfio_user_patience_ms);
}

/* Waits until one of the files is ready, or until @end. */
static int await(struct vfio_user *conn, struct pollfd *fds, unsigned int nr, int64_t end)
{
	int64_t left = end - now_ms();
	int rc = left > 0 ? poll(fds, nr, (int)left) : 0;

	if (rc < 0)
		return errno == EINTR ? 0 : fail(conn, "poll(2) failed");
	return rc ? 0 : fail(conn, "its server does not answer");
}

/* ---- sending --------------------------------------------------------------------- */

static void attach_files(struct msghdr *msg, void *control, const int *files, unsigned int nr)
{
	struct cmsghdr *cmsg;

	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(nr * sizeof(int));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(nr * sizeof(int));
	memcpy(CMSG_DATA(cmsg), files, nr * sizeof(int));
}

static int send_all(struct vfio_user *conn, int fd, struct iovec *iov, unsigned int nr_iov,
		    const int *files, unsigned int nr_files, int64_t end)
{
	union {
		char bytes[CMSG_SPACE(VFIO_USER_FILES * sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = nr_iov };
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	if (nr_files)
		attach_files(&msg, &control, files, nr_files);
	while (msg.msg_iovlen) {
		if (!msg.msg_iov->iov_len) {
			msg.msg_iov++;
			msg.msg_iovlen--;
			continue;
		}
		n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN && !await(conn, &room, 1, end))
			continue;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(conn, "its server has gone");
		/* The files went with the first byte. */
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
		while (n) {
			size_t part = (size_t)n < msg.msg_iov->iov_len ? (size_t)n :
				msg.msg_iov->iov_len;

			msg.msg_iov->iov_base = (char *)msg.msg_iov->iov_base + part;
			msg.msg_iov->iov_len -= part;
			n -= (ssize_t)part;
			if (!msg.msg_iov->iov_len) {
				msg.msg_iov++;
				msg.msg_iovlen--;
			}
		}
	}
	return 0;
}

/* ---- commands of the server ------------------------------------------------------ */

static int do_access(struct vfio_user *conn, const struct vfio_user_head *head, uint8_t *payload,
		     size_t *more)
{
	struct vfio_user_dma *dma = (void *)payload;
	bool write = head->command == VFIO_USER_DMA_WRITE;
	uint8_t *out = conn->out + HEAD + sizeof(*dma);
	size_t size = head->size - HEAD;
	int rc;

	if (head->command != VFIO_USER_DMA_READ && !write)
		return -EOPNOTSUPP;
	if (size < sizeof(*dma) || dma->count > VFIO_USER_DATA ||
	    size - sizeof(*dma) != (write ? dma->count : 0))
		return -EINVAL;
	rc = conn->access(conn->opaque, write, dma->iova, write ? payload + sizeof(*dma) : out,
			  dma->count);
	if (rc)
		return rc;
	memcpy(conn->out + HEAD, dma, sizeof(*dma));
	*more = sizeof(*dma) + (write ? 0 : dma->count);
	return 0;
}

static void serve_one(struct vfio_user *conn, struct vfio_user_channel *ch, int64_t end)
{
	struct vfio_user_head head, reply;
	struct iovec iov;
	size_t more = 0;
	int rc;

	memcpy(&head, ch->in, HEAD);
	rc = do_access(conn, &head, ch->in + HEAD, &more);
	if (head.flags & VFIO_USER_NO_REPLY)
		return;
	reply = (struct vfio_user_head){
		.id = head.id, .command = head.command, .size = (uint32_t)(HEAD + more),
		.flags = VFIO_USER_REPLY | (rc ? VFIO_USER_ERROR : 0), .error = (uint32_t)-rc,
	};
	memcpy(conn->out, &reply, HEAD);
	iov = (struct iovec){ conn->out, reply.size };
	send_all(conn, ch->out, &iov, 1, NULL, 0, end);
}

/* ---- receiving ------------------------------------------------------------------- */

void vfio_user_keep(struct vfio_user *conn, int fd)
{
	/* There is room for UNWANTED_MOST files, those of a message, and those that are wanted. */
	if (fd >= 0 && conn->nr_kept < VFIO_USER_KEPT)
		conn->kept[conn->nr_kept++] = fd;
}

static void keep_unwanted(struct vfio_user *conn, struct vfio_user_channel *ch)
{
	while (ch->nr_files)
		vfio_user_keep(conn, ch->files[--ch->nr_files]);
}

/* Files come with any byte of a message. */
static int take_files(struct vfio_user *conn, struct vfio_user_channel *ch, struct msghdr *msg)
{
	bool lost = msg->msg_flags & MSG_CTRUNC;
	struct cmsghdr *cmsg;
	unsigned int i, nr;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		nr = (unsigned int)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (i = 0; i < nr; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			if (ch->nr_files < VFIO_USER_FILES) {
				ch->files[ch->nr_files++] = fd;
				continue;
			}
			vfio_user_keep(conn, fd);
			lost = true;
		}
	}
	return lost || conn->nr_kept > UNWANTED_MOST ?
		fail(conn, "its server sends too many files") : 0;
}

static int check_head(struct vfio_user *conn, const struct vfio_user_channel *ch)
{
	const struct vfio_user_call *call = conn->call;
	struct vfio_user_head head;

	memcpy(&head, ch->in, HEAD);
	if (head.size < HEAD || head.size > LONGEST)
		return fail(conn, "its server sends a message of a wrong size");
	if (!(head.flags & VFIO_USER_TYPE))
		return 0;
	if ((head.flags & VFIO_USER_TYPE) != VFIO_USER_REPLY)
		return fail(conn, "its server sends what is neither command nor reply");
	if (ch != conn->channels || !call || head.id != call->id || head.command != call->command)
		return fail(conn, "its server replies to what it was not asked");
	if (head.size - HEAD > call->room)
		return fail(conn, "its server sends a reply that is too long");
	if (!(head.flags & VFIO_USER_ERROR) && head.size - HEAD < call->least)
		return fail(conn, "its server sends a reply that is too short");
	return 0;
}

/* 1: a message is there; 0: not yet; or an error. */
static int receive(struct vfio_user *conn, struct vfio_user_channel *ch)
{
	union {
		char bytes[CMSG_SPACE(FILES_MOST * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct vfio_user_head head;
	struct iovec iov;
	struct msghdr msg;
	size_t want = HEAD;
	ssize_t n;
	int rc;

	for (;;) {
		if (ch->have >= HEAD) {
			memcpy(&head, ch->in, HEAD);
			want = head.size;
			if (ch->have == want)
				return 1;
		}
		iov = (struct iovec){ ch->in + ch->have, want - ch->have };
		msg = (struct msghdr){
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		n = recvmsg(ch->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return fail(conn, "its server has gone");
		rc = take_files(conn, ch, &msg);
		ch->have += (size_t)n;
		ch->received += (size_t)n;
		if (!rc && ch->have == HEAD)
			rc = check_head(conn, ch);
		if (rc)
			return rc;
	}
}

static void take_reply(struct vfio_user *conn, struct vfio_user_channel *ch)
{
	struct vfio_user_call *call = conn->call;
	struct vfio_user_head head;

	memcpy(&head, ch->in, HEAD);
	call->done = true;
	if (head.flags & VFIO_USER_ERROR) {
		call->result = head.error && head.error < 4096 ? -(int)head.error : -EREMOTEIO;
		return;
	}
	call->in_size = head.size - HEAD;
	if (call->in_size)
		memcpy(call->in, ch->in + HEAD, call->in_size);
	while (call->nr_in_files < call->room_files && call->nr_in_files < ch->nr_files) {
		call->in_files[call->nr_in_files] = ch->files[call->nr_in_files];
		ch->files[call->nr_in_files++] = -1;
	}
}

/* Takes a message, if one is there. True: there may be more. */
static bool take_one(struct vfio_user *conn, struct vfio_user_channel *ch, int64_t end)
{
	struct vfio_user_head head;

	if (ch->fd < 0 || conn->why || receive(conn, ch) != 1)
		return false;
	memcpy(&head, ch->in, HEAD);
	if (head.flags & VFIO_USER_TYPE)
		take_reply(conn, ch);
	else
		serve_one(conn, ch, end);
	keep_unwanted(conn, ch);
	ch->have = 0;
	return true;
}

void vfio_user_serve(struct vfio_user *conn)
{
	unsigned int i, n;
	int64_t end;

	pthread_mutex_lock(&conn->lock);
	end = patience();
	for (i = 0; i < ARRAY_SIZE(conn->channels); i++) {
		for (n = 0; n < AT_ONCE && take_one(conn, &conn->channels[i], end); n++)
			;
	}
	pthread_mutex_unlock(&conn->lock);
}

/* ---- commands -------------------------------------------------------------------- */

static void await_reply(struct vfio_user *conn, struct vfio_user_call *call, int64_t end)
{
	struct pollfd fds[] = {
		{ .fd = conn->channels[0].fd, .events = POLLIN },
		{ .fd = conn->channels[1].fd, .events = POLLIN },
	};
	bool more = true;

	while (!call->done && !conn->why) {
		if (!more || now_ms() >= end)
			await(conn, fds, ARRAY_SIZE(fds), end);
		more = take_one(conn, &conn->channels[1], end);
		more = take_one(conn, &conn->channels[0], end) || more;
	}
}

/* Looks in this order: what has left the second socket is in @taken, unless the relay @takes. */
static bool relay_state(struct vfio_user *conn, int *held, bool *takes, uint64_t *taken)
{
	if (ioctl(conn->channels[1].out, FIONREAD, held) || *held < 0)
		return false;
	*takes = atomic_load(&conn->relay->takes);
	*taken = atomic_load(&conn->relay->taken);
	return true;
}

/*
 * Does what the server has asked for by the second socket before it replied by the first: the
 * bytes that were there when the reply came. A server that goes on sending does not hold this up.
 */
static void settle(struct vfio_user *conn, int64_t end)
{
	struct vfio_user_channel *ch = &conn->channels[1];
	struct pollfd fd = { .fd = ch->fd, .events = POLLIN };
	uint64_t taken, target = UINT64_MAX;
	bool takes, more;
	int held;

	while (conn->relay && !conn->why) {
		if (!relay_state(conn, &held, &takes, &taken)) {
			fail(conn, "its second socket fails");
			break;
		}
		if (target == UINT64_MAX)
			target = taken + (unsigned int)held + (takes ? RELAY_BYTES : 0);
		if (ch->received >= target || (!held && !takes && ch->received == taken))
			break;
		more = take_one(conn, ch, end);
		if (!more || now_ms() >= end)
			await(conn, &fd, 1, end);
	}
}

static int call_locked(struct vfio_user *conn, struct vfio_user_call *call)
{
	struct vfio_user_head head = {
		.id = ++conn->id, .command = call->command,
		.size = (uint32_t)(HEAD + call->out_size + call->data_size),
	};
	struct iovec iov[] = {
		{ &head, HEAD }, { (void *)(uintptr_t)call->out, call->out_size },
		{ (void *)(uintptr_t)call->data, call->data_size },
	};
	int64_t now = now_ms(), end;

	if (conn->why)
		return -EIO;
	end = reply_end(conn, now);
	call->id = head.id;
	call->done = false;
	call->result = 0;
	call->nr_in_files = 0;
	conn->call = call;
	if (!send_all(conn, conn->channels[0].fd, iov, ARRAY_SIZE(iov), call->files,
		      call->nr_files, end))
		await_reply(conn, call, end);
	if (call->done)
		settle(conn, end);
	conn->call = NULL;
	budget_use(&conn->budget, now_ms() - now);
	return call->done && !conn->why ? call->result : -EIO;
}

void vfio_user_end(struct vfio_user *conn, const char *why)
{
	pthread_mutex_lock(&conn->lock);
	fail(conn, why);
	pthread_mutex_unlock(&conn->lock);
}

int vfio_user_call(struct vfio_user *conn, struct vfio_user_call *call)
{
	int rc;

	pthread_mutex_lock(&conn->lock);
	rc = call_locked(conn, call);
	pthread_mutex_unlock(&conn->lock);
	return rc;
}

/* ---- the version ----------------------------------------------------------------- */

/* A whole number of @object: its value, or @otherwise. False: it is something else. */
static bool get_number(struct json_object *object, const char *name, uint64_t otherwise,
		       uint64_t *value)
{
	struct json_object *field;

	*value = otherwise;
	if (!json_object_object_get_ex(object, name, &field))
		return true;
	if (!json_object_is_type(field, json_type_int) || json_object_get_int64(field) < 0)
		return false;
	*value = (uint64_t)json_object_get_int64(field);
	return true;
}

static bool is_socket(int fd)
{
	socklen_t size = sizeof(int);
	int domain, type;

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) && domain == AF_UNIX &&
		!getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_STREAM;
}

/* Runs @fn in a thread that nobody waits for. False: there is none. */
static bool run_alone(void *(*fn)(void *arg), void *arg)
{
	sigset_t all, before;
	pthread_t thread;
	bool runs;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	runs = !pthread_create(&thread, NULL, fn, arg);
	if (runs)
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return runs;
}

static void relay_put(struct vfio_user_relay *relay)
{
	if (relay && atomic_fetch_sub(&relay->users, 1) == 1)
		free(relay);
}

/* Files that come are dropped by the kernel. */
static void *relay_run(void *arg)
{
	struct vfio_user_relay *relay = arg;
	struct pollfd p = { .fd = relay->from, .events = POLLIN };
	char bytes[RELAY_BYTES];
	ssize_t n;
	int err;

	for (;;) {
		poll(&p, 1, -1);
		atomic_store(&relay->takes, true);
		n = recv(relay->from, bytes, sizeof(bytes), MSG_DONTWAIT);
		err = errno;
		if (n > 0)
			atomic_fetch_add(&relay->taken, (unsigned long long)n);
		/* Before the bytes go on: settle() looks again when it has them. */
		atomic_store(&relay->takes, false);
		if (n < 0 && err == EAGAIN)
			continue;
		if (n <= 0 || send(relay->to, bytes, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	}
	shutdown(relay->to, SHUT_RDWR);
	close(relay->to);
	close(relay->from);
	relay_put(relay);
	return NULL;
}

/* Reads what comes by @file, which the server may read, too; takes it in any case. */
static int relay_begin(struct vfio_user *conn, int file)
{
	struct vfio_user_relay *relay = calloc(1, sizeof(*relay));
	int pair[2];

	if (!relay || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		free(relay);
		vfio_user_keep(conn, file);
		return fail(conn, "there is no second socket left for it");
	}
	relay->from = fcntl(file, F_DUPFD_CLOEXEC, 0);
	relay->to = pair[1];
	atomic_init(&relay->users, 2);
	conn->channels[1].fd = pair[0];
	conn->channels[1].out = file;
	if (relay->from >= 0 && run_alone(relay_run, relay)) {
		conn->relay = relay;
		return 0;
	}
	close(pair[1]);
	if (relay->from >= 0)
		vfio_user_keep(conn, relay->from);
	free(relay);
	return fail(conn, "there is no thread left for it");
}

static int take_twin(struct vfio_user *conn, struct json_object *caps, int *file, unsigned int nr)
{
	struct json_object *twin, *field;
	uint64_t index;
	int fd;

	if (!json_object_object_get_ex(caps, "twin_socket", &twin) ||
	    !json_object_is_type(twin, json_type_object) ||
	    !json_object_object_get_ex(twin, "supported", &field) ||
	    !json_object_get_boolean(field))
		return 0;
	if (!get_number(twin, "fd_index", UINT64_MAX, &index) || index >= nr ||
	    !is_socket(file[index]))
		return fail(conn, "its server names a second socket, and sends none");
	fd = file[index];
	file[index] = -1;
	return relay_begin(conn, fd);
}

static int take_capabilities(struct vfio_user *conn, struct json_object *caps)
{
	uint64_t data, files, pages;

	if (!get_number(caps, "max_data_xfer_size", VFIO_USER_DATA, &data) ||
	    !get_number(caps, "max_msg_fds", 1, &files) ||
	    !get_number(caps, "max_dma_maps", VFIO_USER_MAPS, &conn->maps) ||
	    !get_number(caps, "pgsizes", PAGE, &pages))
		return fail(conn, "its server has capabilities that are no numbers");
	if (data < 8 || !files || !conn->maps || !pages)
		return fail(conn, "its server takes no data, no files or no memory");
	conn->data = data < VFIO_USER_DATA ? (uint32_t)data : VFIO_USER_DATA;
	conn->files = files < VFIO_USER_FILES ? (uint32_t)files : VFIO_USER_FILES;
	if (conn->maps > MAPS_MAX)
		conn->maps = MAPS_MAX;
	pages &= -pages;
	conn->page_size = pages < PAGE ? PAGE : pages;
	return 0;
}

/* @text: JSON, or nothing */
static int take_version(struct vfio_user *conn, const char *text, size_t size, int *files,
			unsigned int nr)
{
	struct json_object *doc = NULL, *caps = NULL;
	struct json_tokener *parser;
	int rc = 0;

	if (size) {
		if (text[size - 1])
			return fail(conn, "its server sends capabilities without an end");
		parser = json_tokener_new_ex(JSON_DEPTH);
		doc = parser ? json_tokener_parse_ex(parser, text, (int)strlen(text) + 1) : NULL;
		json_tokener_free(parser);
		if (!json_object_is_type(doc, json_type_object))
			rc = fail(conn, "its server sends capabilities that are no JSON object");
		else if (json_object_object_get_ex(doc, "capabilities", &caps) &&
			 !json_object_is_type(caps, json_type_object))
			rc = fail(conn, "its server sends capabilities that are no JSON object");
	}
	if (!rc)
		rc = take_capabilities(conn, caps);
	if (!rc)
		rc = take_twin(conn, caps, files, nr);
	json_object_put(doc);
	return rc;
}

static int negotiate(struct vfio_user *conn)
{
	const struct vfio_user_version mine = { .major = 0, .minor = 1 };
	struct vfio_user_version its;
	char answer[VERSION_SIZE];
	int files[VFIO_USER_FILES];
	struct vfio_user_call call = {
		.command = VFIO_USER_VERSION, .out = &mine, .out_size = sizeof(mine),
		.data = capabilities, .data_size = sizeof(capabilities), .in = answer,
		.least = sizeof(its), .room = sizeof(answer), .in_files = files,
		.room_files = VFIO_USER_FILES,
	};
	unsigned int i;
	int rc;

	rc = vfio_user_call(conn, &call);
	if (rc)
		return conn->why ? rc : fail(conn, "its server refuses the version 0.1");
	memcpy(&its, answer, sizeof(its));
	if (its.major != mine.major || its.minor > mine.minor)
		rc = fail(conn, "its server has another version than 0.1");
	else
		rc = take_version(conn, answer + sizeof(its), call.in_size - sizeof(its), files,
				  call.nr_in_files);
	for (i = 0; i < call.nr_in_files; i++)
		vfio_user_keep(conn, files[i]);
	return rc;
}

/* ---- life ------------------------------------------------------------------------ */

int vfio_user_open(struct vfio_user *conn, int fd)
{
	unsigned int i;

	pthread_mutex_init(&conn->lock, NULL);
	conn->attach_end = now_ms() + (int64_t)ATTACHING * vfio_user_patience_ms;
	conn->channels[0].fd = conn->channels[0].out = fd;
	conn->channels[1].fd = conn->channels[1].out = -1;
	conn->out = calloc(1, LONGEST);
	for (i = 0; i < ARRAY_SIZE(conn->channels); i++)
		conn->channels[i].in = calloc(1, LONGEST);
	if (!conn->out || !conn->channels[0].in || !conn->channels[1].in)
		return fail(conn, "there is no memory for messages");
	return negotiate(conn);
}

struct files {
	unsigned int nr;
	int fds[];
};

static void *close_all(void *arg)
{
	struct files *files = arg;

	while (files->nr)
		close(files->fds[--files->nr]);
	free(files);
	return NULL;
}

/* Without memory or a thread they stay open: nobody waits. */
static void close_kept(struct vfio_user *conn)
{
	size_t size = conn->nr_kept * sizeof(*conn->kept);
	struct files *files = malloc(sizeof(*files) + size);

	if (!files)
		return;
	files->nr = conn->nr_kept;
	memcpy(files->fds, conn->kept, size);
	conn->nr_kept = 0;
	if (!run_alone(close_all, files))
		free(files);
}

void vfio_user_attached(struct vfio_user *conn)
{
	pthread_mutex_lock(&conn->lock);
	conn->attach_end = 0;
	conn->budget = (struct budget){ .access = 0 };
	pthread_mutex_unlock(&conn->lock);
}

void vfio_user_close(struct vfio_user *conn)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(conn->channels); i++) {
		struct vfio_user_channel *ch = &conn->channels[i];

		/* The server is to know at once; a socket has files that have not been received. */
		if (ch->fd >= 0) {
			shutdown(ch->fd, SHUT_RDWR);
			shutdown(ch->out, SHUT_RDWR);
		}
		keep_unwanted(conn, ch);
		vfio_user_keep(conn, ch->out);
		if (ch->fd != ch->out)
			close(ch->fd);
		ch->fd = ch->out = -1;
		free(ch->in);
		ch->in = NULL;
	}
	close_kept(conn);
	relay_put(conn->relay);
	conn->relay = NULL;
	free(conn->out);
	conn->out = NULL;
	pthread_mutex_destroy(&conn->lock);
}
