// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: transfers between a file and memory, many in flight, by io_uring.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A file in memory has no ring: there is nothing to wait for, and io_uring would hand each
 * transfer to a thread of the kernel. Nor is there one where the kernel has no io_uring, or
 * forbids it. Then transfers are done one by one, by the thread that starts them.
 */
#include "file_io.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#define RETRY_US	1000

static bool in_memory(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) &&
		(fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC ||
		 fs.f_type == HUGETLBFS_MAGIC);
}

void file_init(struct file_ring *r, int fd)
{
	r->fd = fd;
	r->last = &r->done;
	r->has_ring = !in_memory(fd) && !io_uring_queue_init(FILE_DEPTH, &r->ring, 0);
}

void file_exit(struct file_ring *r)
{
	if (r->has_ring)
		io_uring_queue_exit(&r->ring);
}

int file_done_fd(const struct file_ring *r)
{
	return r->has_ring ? r->ring.ring_fd : -1;
}

/* @n bytes are done: the rest of the vector and of the transfer. */
static void advance(struct file_io *io, size_t n)
{
	io->offset += n;
	io->len -= n;
	while (io->nr && n >= io->iov->iov_len) {
		n -= io->iov->iov_len;
		io->iov++;
		io->nr--;
	}
	if (n) {
		io->iov->iov_base = (uint8_t *)io->iov->iov_base + n;
		io->iov->iov_len -= n;
	}
}

/* Take the result of a part. Returns false if the transfer is over. */
static bool goes_on(struct file_io *io, ssize_t res)
{
	if (res == -EINTR || res == -EAGAIN)
		return true;
	/* No byte: the file has become shorter. */
	io->good = io->op == FILE_SYNC ? !res : res > 0;
	if (!io->good || io->op == FILE_SYNC)
		return false;
	advance(io, (size_t)res);
	return io->len;
}

bool file_vector(int fd, const struct file_io *transfer)
{
	struct file_io io = *transfer;
	ssize_t n;

	do {
		if (io.op == FILE_SYNC)
			n = fdatasync(fd);
		else if (io.op == FILE_READ)
			n = preadv(fd, io.iov, (int)io.nr, (off_t)io.offset);
		else
			n = pwritev(fd, io.iov, (int)io.nr, (off_t)io.offset);
	} while (goes_on(&io, n < 0 ? -errno : n));
	return io.good;
}

static struct io_uring_sqe *get_sqe(struct file_ring *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);

	while (!sqe) {
		file_submit(r);
		sqe = io_uring_get_sqe(&r->ring);
	}
	return sqe;
}

void file_start(struct file_ring *r, struct file_io *io)
{
	struct io_uring_sqe *sqe;

	if (!r->has_ring) {
		io->good = file_vector(r->fd, io);
		io->next = NULL;
		*r->last = io;
		r->last = &io->next;
		return;
	}
	sqe = get_sqe(r);
	if (io->op == FILE_SYNC)
		io_uring_prep_fsync(sqe, r->fd, IORING_FSYNC_DATASYNC);
	else if (io->op == FILE_READ)
		io_uring_prep_readv(sqe, r->fd, io->iov, io->nr, io->offset);
	else
		io_uring_prep_writev(sqe, r->fd, io->iov, io->nr, io->offset);
	io_uring_sqe_set_data(sqe, io);
	r->in_flight++;
}

void file_submit(struct file_ring *r)
{
	/* The kernel may refuse for now, for lack of memory. */
	while (r->has_ring && io_uring_sq_ready(&r->ring)) {
		if (io_uring_submit(&r->ring) < 0 && io_uring_sq_ready(&r->ring))
			usleep(RETRY_US);
	}
}

struct file_io *file_next(struct file_ring *r, bool wait)
{
	struct io_uring_cqe *cqe;
	struct file_io *io;
	int res;

	io = r->done;
	if (io) {
		r->done = io->next;
		if (!r->done)
			r->last = &r->done;
		return io;
	}
	while (r->in_flight) {
		if (io_uring_peek_cqe(&r->ring, &cqe)) {
			if (io_uring_sq_ready(&r->ring)) {
				file_submit(r);
				continue;
			}
			if (!wait)
				return NULL;
			if (io_uring_wait_cqe(&r->ring, &cqe))
				continue;
		}
		io = io_uring_cqe_get_data(cqe);
		res = cqe->res;
		io_uring_cqe_seen(&r->ring, cqe);
		r->in_flight--;
		if (!goes_on(io, res))
			return io;
		file_start(r, io);
	}
	return NULL;
}
