/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: messages to a device in another process, the protocol vfio-user 0.1.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * nyx-vmm is the client: it sends commands, and waits for the reply to each. The server sends
 * commands, too: accesses to the guest's memory. They come by the same socket, or by a second one
 * (twin_socket of the protocol), at any time.
 *
 * The server is another program, and may be hostile. A message that breaks the protocol, or a
 * reply that does not come in time, ends the connection for good.
 *
 * Closing a file of the server may take as long as the server likes, as may any call that asks the
 * file's file system. So files that nobody wants stay open up to the connection's end, and a thread
 * of its own closes them then.
 *
 * The server has made the second socket, so it may have our end, too. A process that reads from a
 * socket into a page that does not come holds up all readers of that end, also those that do
 * not wait. So a thread reads there, and sends what it gets into a socket of ours. A reply by the
 * first socket may overtake that: a command has ended when the second one's bytes have come, too.
 */
#ifndef NYX_VMM_VFIO_USER_H
#define NYX_VMM_VFIO_USER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm.h"

#define VFIO_USER_DATA		0x100000u	/* most bytes of an access */
#define VFIO_USER_FILES		16u		/* most files of a message */
#define VFIO_USER_KEPT		512u		/* most files that wait for their end */
#define VFIO_USER_MAPS		65535u		/* of a server that names no number */

enum {
	VFIO_USER_VERSION	= 1,
	VFIO_USER_DMA_MAP	= 2,
	VFIO_USER_DMA_UNMAP	= 3,
	VFIO_USER_GET_INFO	= 4,
	VFIO_USER_REGION_INFO	= 5,
	VFIO_USER_IRQ_INFO	= 7,
	VFIO_USER_SET_IRQS	= 8,
	VFIO_USER_REGION_READ	= 9,
	VFIO_USER_REGION_WRITE	= 10,
	VFIO_USER_DMA_READ	= 11,
	VFIO_USER_DMA_WRITE	= 12,
	VFIO_USER_RESET		= 13,

	VFIO_USER_TYPE		= 0xf,		/* bits of vfio_user_head::flags */
	VFIO_USER_REPLY		= 0x1,
	VFIO_USER_NO_REPLY	= 0x10,
	VFIO_USER_ERROR		= 0x20,

	VFIO_USER_MAP_READ	= 0x1,
	VFIO_USER_MAP_WRITE	= 0x2,
};

struct vfio_user_head {
	uint16_t id, command;
	uint32_t size;				/* of the message, with this head */
	uint32_t flags, error;
};

struct vfio_user_version {
	uint16_t major, minor;			/* and JSON, which ends with a 0 */
};

struct vfio_user_map {
	uint32_t size, flags;			/* size: of this structure */
	uint64_t offset, iova, length;
};

struct vfio_user_unmap {
	uint32_t size, flags;
	uint64_t iova, length;
};

struct vfio_user_device {
	uint32_t size, flags, nr_regions, nr_irqs;
};

struct vfio_user_region {			/* an access, with data behind it */
	uint64_t offset;
	uint32_t region, count;
};

struct vfio_user_dma {				/* an access, with data behind it */
	uint64_t iova, count;
};

/* A socket, and the message that comes by it */
struct vfio_user_channel {
	int fd;					/* to read; -1: none */
	int out;				/* to write: the same, but for the second socket */
	uint8_t *in;
	size_t have;
	uint64_t received;			/* bytes of all messages */
	int files[VFIO_USER_FILES];
	unsigned int nr_files;
};

/* A command. In: all but what is said */
struct vfio_user_call {
	uint16_t command;
	const void *out, *data;			/* the payload; @data: more of it, or NULL */
	size_t out_size, data_size;
	const int *files;
	unsigned int nr_files;
	void *in;				/* for the reply's payload */
	size_t least, room;			/* its bytes; fewer are an error */
	int *in_files;
	unsigned int room_files;		/* files beyond that are kept for the end */
	/* out */
	size_t in_size;
	unsigned int nr_in_files;
	/* of vfio_user_call() */
	uint16_t id;
	bool done;
	int result;
};

struct vfio_user {
	pthread_mutex_t lock;			/* behind vmm::lock */
	struct vfio_user_channel channels[2];	/* [1]: commands of the server, if it has one */
	struct vfio_user_relay *relay;		/* of the second socket, or NULL */
	uint8_t *out;				/* of a reply */
	int kept[VFIO_USER_KEPT];		/* files to be closed at the end */
	unsigned int nr_kept;
	struct vfio_user_call *call;		/* that waits for its reply, or NULL */
	uint16_t id;
	const char *why;			/* the connection has ended; NULL: it has not */
	/* Limits of the server */
	uint32_t data, files;			/* in a message */
	uint64_t maps, page_size;
	/* An access of the server: 0, or a negative errno, and nothing else */
	int (*access)(void *opaque, bool write, uint64_t iova, void *data, uint64_t len);
	void *opaque;
	/* How long commands may wait */
	const atomic_ullong *accesses;		/* &vmm.accesses: each has a budget */
	struct budget budget;
	int64_t attach_end;			/* for all commands; 0: the device is made */
};

extern unsigned int vfio_user_patience_ms;	/* the wait for a reply */

/*
 * Agrees with the server at @fd on a version; @conn is all 0 but for @access, @opaque, @accesses.
 * It takes @fd in any case. 0, or an error, with @conn->why; then vfio_user_close(), too.
 */
int vfio_user_open(struct vfio_user *conn, int fd);
void vfio_user_close(struct vfio_user *conn);
/* The device is made: from now on each access of the guest may wait anew. */
void vfio_user_attached(struct vfio_user *conn);
/* Has vfio_user_close() close @fd, a file of the server; nothing else uses @conn meanwhile. */
void vfio_user_keep(struct vfio_user *conn, int fd);
/* Sends a command. 0, the server's error as a negative errno, or -EIO: the connection has ended. */
int vfio_user_call(struct vfio_user *conn, struct vfio_user_call *call);
/* Ends the connection, unless it has ended. */
void vfio_user_end(struct vfio_user *conn, const char *why);
/* Does what the server has asked for meanwhile. */
void vfio_user_serve(struct vfio_user *conn);

#endif /* NYX_VMM_VFIO_USER_H */
