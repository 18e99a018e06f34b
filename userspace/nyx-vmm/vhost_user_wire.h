/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: messages of the vhost-user protocol.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The back end is another program, at the other end of a stream socket. Nothing that it sends is
 * believed: each message has a size that is checked, none carries file descriptors, and each
 * function returns in time. After an error the stream has no known state, and is closed.
 */
#ifndef NYX_VMM_VHOST_USER_WIRE_H
#define NYX_VMM_VHOST_USER_WIRE_H

#include <linux/vhost_types.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define VHOST_USER_REGIONS	8	/* of memory, in a message */

enum vhost_user_request {
	VHOST_USER_GET_FEATURES			= 1,
	VHOST_USER_SET_FEATURES			= 2,
	VHOST_USER_SET_OWNER			= 3,
	VHOST_USER_SET_MEM_TABLE		= 5,
	VHOST_USER_SET_VRING_NUM		= 8,
	VHOST_USER_SET_VRING_ADDR		= 9,
	VHOST_USER_SET_VRING_BASE		= 10,
	VHOST_USER_GET_VRING_BASE		= 11,
	VHOST_USER_SET_VRING_KICK		= 12,
	VHOST_USER_SET_VRING_CALL		= 13,
	VHOST_USER_GET_PROTOCOL_FEATURES	= 15,
	VHOST_USER_SET_PROTOCOL_FEATURES	= 16,
	VHOST_USER_SET_VRING_ENABLE		= 18,
	VHOST_USER_SET_BACKEND_REQ_FD		= 21,
	VHOST_USER_IOTLB_MSG			= 22,
};

/* Requests of the back end, on the socket of SET_BACKEND_REQ_FD */
enum { VHOST_USER_BACKEND_IOTLB_MSG = 1 };

/* A feature of virtio, and bits of GET_PROTOCOL_FEATURES */
enum {
	VHOST_USER_F_PROTOCOL_FEATURES	= 30,

	VHOST_USER_PROTOCOL_F_RARP		= 2,
	VHOST_USER_PROTOCOL_F_REPLY_ACK		= 3,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ	= 5,
	VHOST_USER_PROTOCOL_F_CRYPTO_SESSION	= 7,
};

enum {
	VHOST_USER_VERSION	= 1,
	VHOST_USER_VERSION_MASK	= 3,
	VHOST_USER_REPLY	= 1 << 2,
	VHOST_USER_NEED_REPLY	= 1 << 3,

	VHOST_USER_NO_FD	= 1 << 8,	/* in the u64 of SET_VRING_KICK and _CALL */
};

struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;			/* of the body */
};

struct vhost_user_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t user_addr;		/* what addresses of other messages are relative to */
	uint64_t offset;		/* in the file */
};

struct vhost_user_memory {
	uint32_t nr;
	uint32_t reserved;
	struct vhost_user_region regions[VHOST_USER_REGIONS];
};

union vhost_user_body {
	uint64_t u64;
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct vhost_iotlb_msg iotlb;
	struct vhost_user_memory memory;
};

struct vhost_user_message {
	struct vhost_user_header header;
	union vhost_user_body body;
	int fds[VHOST_USER_REGIONS];	/* to send */
	unsigned int nr_fds;
	int64_t until;			/* now_ms(), when it has to be over; 0: no limit */
};

/* A request, with its body of @size bytes */
struct vhost_user_message vhost_user_message(enum vhost_user_request request, size_t size);

/* How long a back end may take to read a message and to answer it. Tests set it. */
extern atomic_int vhost_user_timeout_ms;

/*
 * These return 0 or a negative errno: -ETIMEDOUT, -EPIPE if the back end has gone, -EPROTO if it
 * breaks the protocol.
 */
int vhost_user_send(int fd, const struct vhost_user_message *m);
/* Sends a request, and puts the body of its reply, @size bytes, into @m. */
int vhost_user_ask(int fd, struct vhost_user_message *m, size_t size);
/* Sends a request that the back end acknowledges. -EREMOTEIO: it has refused it. */
int vhost_user_order(int fd, struct vhost_user_message *m);

/* A message that comes in pieces */
struct vhost_user_inbox {
	struct vhost_user_header header;
	union vhost_user_body body;
	size_t got;
};

/*
 * Reads what is there, and does not wait. 1: the message is complete, and the next call begins
 * another one; 0: it is not; or a negative errno.
 */
int vhost_user_receive(int fd, struct vhost_user_inbox *in);

#endif /* NYX_VMM_VHOST_USER_WIRE_H */
