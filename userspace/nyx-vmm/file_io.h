/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: transfers between a file and memory, many in flight, by io_uring.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_VMM_FILE_IO_H
#define NYX_VMM_FILE_IO_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define FILE_DEPTH	256		/* transfers in flight */

enum file_op { FILE_READ, FILE_WRITE, FILE_SYNC };

/* A transfer of all @len bytes; the caller's again when file_next() returns it. */
struct file_io {
	enum file_op op;
	struct iovec *iov;		/* changes meanwhile */
	unsigned int nr;
	uint64_t offset, len;
	bool good;			/* out */
	struct file_io *next;
};

/* A file and its transfers. Any thread, one at a time. */
struct file_ring {
	int fd;
	bool has_ring;			/* else each transfer is done as it starts */
	unsigned int in_flight;
	struct file_io *done, **last;
	struct io_uring ring;
};

/* Makes the ring of a file, if the kernel lets it. */
void file_init(struct file_ring *r, int fd);
/* No transfer is in flight. The file stays open. */
void file_exit(struct file_ring *r);
/* Readable when file_next() has something to return, or -1 */
int file_done_fd(const struct file_ring *r);
/* At most FILE_DEPTH are in flight. It begins with file_submit() at the latest. */
void file_start(struct file_ring *r, struct file_io *io);
void file_submit(struct file_ring *r);
/* A transfer that is over. NULL: none is now; with @wait: none is in flight. */
struct file_io *file_next(struct file_ring *r, bool wait);
/* Transfers at once. */
bool file_vector(int fd, const struct file_io *io);

#endif /* NYX_VMM_FILE_IO_H */
