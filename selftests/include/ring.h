/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: io_uring, as far as commands need it, without liburing: for programs that
 * are linked statically, of 64 bits and of 32.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * One thread at a time uses a ring. Functions return 0 or -errno.
 */
#ifndef NYX_SELFTESTS_RING_H
#define NYX_SELFTESTS_RING_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/io_uring.h>
#include <linux/nyx_iommu.h>

/**
 * struct ring - a ring
 * @fd: its file
 * @p: its parameters
 * @mem: head, tail and array of SQEs, and the CQEs
 * @sqes: the SQEs
 * @tail: of those that ring_sqe() has given
 * @unsubmitted: of these, not submitted yet
 */
struct ring {
	int fd;
	struct io_uring_params p;
	unsigned char *mem;
	unsigned char *sqes;
	__u32 tail;
	__u32 unsubmitted;
};

static inline size_t ring_sqe_size(const struct ring *r)
{
	return r->p.flags & IORING_SETUP_SQE128 ? 128 : 64;
}

static inline size_t ring_size(const struct ring *r)
{
	size_t sq = r->p.sq_off.array + r->p.sq_entries * sizeof(__u32);
	size_t cq = r->p.cq_off.cqes + r->p.cq_entries * sizeof(struct io_uring_cqe);

	return sq > cq ? sq : cq;
}

static inline __u32 *ring_word(const struct ring *r, __u32 offset)
{
	return (__u32 *)(r->mem + offset);
}

static inline int ring_open(struct ring *r, unsigned int entries, __u32 flags)
{
	memset(r, 0, sizeof(*r));
	r->p.flags = flags;
	r->p.sq_thread_idle = flags & IORING_SETUP_SQPOLL ? 1 : 0;
	r->fd = syscall(__NR_io_uring_setup, entries, &r->p);
	if (r->fd < 0)
		return -errno;
	r->mem = mmap(NULL, ring_size(r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		      r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, r->p.sq_entries * ring_sqe_size(r), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	return r->mem == MAP_FAILED || r->sqes == MAP_FAILED ? -errno : 0;
}

/* Requests may be under way. */
static inline void ring_close(struct ring *r)
{
	munmap(r->sqes, r->p.sq_entries * ring_sqe_size(r));
	munmap(r->mem, ring_size(r));
	close(r->fd);
}

/* The next SQE, of zeros. There must be room. */
static inline struct io_uring_sqe *ring_sqe(struct ring *r)
{
	__u32 at = r->tail++ & *ring_word(r, r->p.sq_off.ring_mask);
	void *sqe = r->sqes + at * ring_sqe_size(r);

	ring_word(r, r->p.sq_off.array)[at] = at;
	r->unsubmitted++;
	return memset(sqe, 0, ring_sqe_size(r));
}

/* Submit what ring_sqe() has given, and wait for so many CQEs to be there. */
static inline int ring_submit(struct ring *r, unsigned int wait)
{
	__u32 flags = wait ? IORING_ENTER_GETEVENTS : 0;
	__u32 n = r->unsubmitted;
	long ret;

	__atomic_store_n(ring_word(r, r->p.sq_off.tail), r->tail, __ATOMIC_RELEASE);
	if (r->p.flags & IORING_SETUP_SQPOLL)
		flags |= IORING_ENTER_SQ_WAKEUP;
	r->unsubmitted = 0;
	do {
		ret = syscall(__NR_io_uring_enter, r->fd, n, wait, flags, NULL, 0);
		if (ret > 0)
			n -= ret;
	} while ((ret < 0 && errno == EINTR) || (ret > 0 && n));
	return ret < 0 ? -errno : 0;
}

/* Take a CQE. False if there is none. */
static inline bool ring_reap(struct ring *r, struct io_uring_cqe *cqe)
{
	__u32 *head = ring_word(r, r->p.cq_off.head);
	__u32 at = *head;

	if (at == __atomic_load_n(ring_word(r, r->p.cq_off.tail), __ATOMIC_ACQUIRE))
		return false;
	at &= *ring_word(r, r->p.cq_off.ring_mask);
	*cqe = ((struct io_uring_cqe *)(r->mem + r->p.cq_off.cqes))[at];
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

/* An SQE with a command. */
static inline struct io_uring_sqe *ring_command(struct ring *r, int fd, unsigned long request,
						void *arg)
{
	struct io_uring_sqe *sqe = ring_sqe(r);
	struct nyx_uring data = { .arg = (uintptr_t)arg };

	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = request;
	memcpy(sqe->cmd, &data, sizeof(data));
	return sqe;
}

/* Submit one SQE and wait for it. Returns its result. */
static inline int ring_do(struct ring *r)
{
	struct io_uring_cqe cqe;
	int ret;

	ret = ring_submit(r, 1);
	while (!ret && !ring_reap(r, &cqe))
		ret = ring_submit(r, 1);
	return ret ? ret : cqe.res;
}

static inline int ring_buffers(struct ring *r, const struct iovec *iov, unsigned int n)
{
	return syscall(__NR_io_uring_register, r->fd, IORING_REGISTER_BUFFERS, iov, n) < 0 ?
		-errno : 0;
}

#endif /* NYX_SELFTESTS_RING_H */
