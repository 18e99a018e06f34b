// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: commands by io_uring.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each does and says what ioctl(2) does, whether io_uring runs it at once or in a worker;
 * what may have to wait does not hold up who submits it; registered buffers; and what is
 * under way when a unit, a ring or a process ends.
 */
#include "ioctl_table.h"
#include "ring.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define DEPTH		64u
#define LONG		(128 * 1024u)	/* of a DMA that a worker does */

static void ring_new(struct ring *r, __u32 flags)
{
	int ret = ring_open(r, DEPTH, flags);

	if (ret == -ENOSYS || ret == -EPERM)
		NOT_HERE("no io_uring");
	test_cmd(ret);
}

static bool kernel_has(unsigned int major, unsigned int minor)
{
	struct utsname u;
	unsigned long a, b;
	char *end;

	test_cmd(uname(&u));
	a = strtoul(u.release, &end, 10);
	ASSERT_EQ('.', *end);
	b = strtoul(end + 1, NULL, 10);
	return a > major || (a == major && b >= minor);
}

/* The one CQE that is there, of the request with this number. */
static int reap_one(struct ring *r, __u64 user_data)
{
	struct io_uring_cqe cqe;

	ASSERT_TRUE(ring_reap(r, &cqe));
	ASSERT_EQ(user_data, cqe.user_data);
	return cqe.res;
}

static int wait_one(struct ring *r, __u64 user_data)
{
	test_cmd(ring_submit(r, 1));
	return reap_one(r, user_data);
}

static __u64 mapped(const struct env *e)
{
	struct nyx_unit_info info;

	test_cmd(cmd_unit_info(e->fd, &info));
	return info.mapped_bytes;
}

static bool is_idle(struct ring *r)
{
	struct io_uring_cqe cqe;

	return !ring_reap(r, &cqe);
}

/* ---- as ioctl(2) ---------------------------------------------------------- */

static const struct way {
	const char *name;
	__u32 setup;
	__u8 flags;
} ways[] = {
	{ "at_once", 0, 0 },
	{ "in_a_worker", 0, IOSQE_ASYNC },
	{ "sqpoll", IORING_SETUP_SQPOLL, 0 },
	{ "sqe128", IORING_SETUP_SQE128, 0 },
};

/* Of these, the ways of a plain ring. */
static const struct way plain_ways[] = {
	{ "at_once", 0, 0 },
	{ "in_a_worker", 0, IOSQE_ASYNC },
};

static int by_ring(struct ring *r, const struct way *way, int fd, unsigned long request,
		   void *arg)
{
	ring_command(r, fd, request, arg)->flags = way->flags;
	return ring_do(r);
}

static bool taken(unsigned int nr)
{
	switch (nr) {
	case NYX_CMD_MAP:
	case NYX_CMD_UNMAP:
	case NYX_CMD_INVALIDATE:
	case NYX_CMD_TRANSLATE:
	case NYX_CMD_DMA:
	case NYX_CMD_ARRAY:
	case NYX_CMD_IRTE_SET:
	case NYX_CMD_IRQ_SEND:
	case NYX_CMD_MMIO:
	case NYX_CMD_VIEW_FILL:
		return true;
	default:
		return false;
	}
}

static bool varies(const struct ioctl_desc *d, size_t at)
{
	for (const struct ioctl_field *f = d->may_vary; f < d->may_vary + 2 && f->size; f++)
		if (at >= f->offset && at < f->offset + f->size)
			return true;
	return false;
}

static void check_same(const struct ioctl_desc *d, const union ioctl_arg *a,
		       const union ioctl_arg *b)
{
	for (size_t at = 0; at < d->size; at++) {
		ktap_note("%s, byte %zu", d->name, at);
		if (!varies(d, at))
			ASSERT_EQ(a->raw[at], b->raw[at]);
	}
}

TEST_EACH(every_command, ways)
{
	struct ioctl_call call;
	union ioctl_arg arg;
	struct ioctl_world w;
	struct ring r;
	int ret;

	ring_new(&r, v->setup);
	ioctl_world_open(&w);
	for (unsigned int nr = 0; nr < NYX_CMD_MAX; nr++) {
		const struct ioctl_desc *d = &ioctl_table[nr];

		ktap_note("%s", d->name);
		ioctl_prepare(d, &w, &call);
		arg = call.arg;
		if (taken(nr)) {
			test_cmd(nyx_cmd(call.fd, d->request, &call.arg));
			arg = call.arg;
			ioctl_undo(d, &w, &call, 0);
			ioctl_prepare(d, &w, &call);
		}
		ret = by_ring(&r, v, call.fd, d->request, &call.arg);
		ASSERT_EQ(taken(nr) ? 0 : -ENOTTY, ret);
		check_same(d, &arg, &call.arg);
		ioctl_undo(d, &w, &call, ret);
	}
	ring_close(&r);
}

/* Ways in which a structure is wrong. */
static const struct wrong {
	const char *name;
	size_t at;
	__u32 value;
} wrongs[] = {
	{ "no size", 0, 0 },
	{ "a short size", 0, 8 },
	{ "a size without the end", 0, sizeof(struct nyx_head) },
	{ "a huge size", 0, 1u << 20 },
	{ "a flag", 4, 1u << 31 },
	{ "a domain, device or item size", 20, 0x3fff },
	{ "a value", 24, 0xfffffff },
};

TEST_EACH(every_failure, ways)
{
	struct ioctl_call call;
	union ioctl_arg arg;
	struct ioctl_world w;
	struct ring r;
	int ret;

	ring_new(&r, v->setup);
	ioctl_world_open(&w);
	for (unsigned int nr = 0; nr < NYX_CMD_MAX; nr++) {
		const struct ioctl_desc *d = &ioctl_table[nr];

		for (size_t i = 0; taken(nr) && i < ARRAY_SIZE(wrongs); i++) {
			ktap_note("%s, %s", d->name, wrongs[i].name);
			ioctl_prepare(d, &w, &call);
			memcpy(call.arg.raw + wrongs[i].at, &wrongs[i].value, 4);
			arg = call.arg;
			ret = nyx_cmd(call.fd, d->request, &arg);
			if (ret)
				ASSERT_EQ(ret, by_ring(&r, v, call.fd, d->request, &call.arg));
			else
				call.arg = arg;
			check_same(d, &arg, &call.arg);
			ioctl_undo(d, &w, &call, ret);
		}
	}
	ring_close(&r);
}

TEST_EACH(no_unit, ways)
{
	struct nyx_translate t;
	struct ring r;
	int fd = nyx_open();

	ring_new(&r, v->setup);
	nyx_translate_init(&t, X0, NYX_PROT_READ, 0, 1);
	test_err(ENXIO, by_ring(&r, v, fd, NYX_TRANSLATE, &t));
	ASSERT_EQ(NYX_REASON_NO_UNIT, t.out_err_reason);
	test_cmd(cmd_unit_create_dflt(fd, NULL, 0, NULL));
	test_err(ENOENT, by_ring(&r, v, fd, NYX_TRANSLATE, &t));
	ASSERT_EQ(NYX_REASON_NO_SUCH_DEVICE, t.out_err_reason);
	test_err(EFAULT, by_ring(&r, v, fd, NYX_TRANSLATE, NULL));
	test_cmd(cmd_unit_destroy(fd));
	test_err(ENODEV, by_ring(&r, v, fd, NYX_TRANSLATE, &t));
	ASSERT_EQ(NYX_REASON_UNIT_ENDED, t.out_err_reason);
	ring_close(&r);
}

/* A unit that is open for inspection only. */
TEST(right_of_the_file)
{
	struct nyx_translate t;
	struct ioctl_world w;
	int fd;

	ioctl_world_open(&w);
	IN_CHILD {
		struct ring mine;

		ring_new(&mine, 0);
		fd = nyx_open();
		test_cmd(cmd_unit_open(fd, w.unit, NULL, NULL));
		for (size_t i = 0; i < ARRAY_SIZE(plain_ways); i++) {
			nyx_translate_init(&t, X0, NYX_PROT_READ, 0, 1);
			test_err(EACCES, by_ring(&mine, &plain_ways[i], fd, NYX_TRANSLATE, &t));
			ASSERT_EQ(NYX_REASON_INSPECT_ONLY, t.out_err_reason);
		}
	}
}

/* ---- the SQE -------------------------------------------------------------- */

static void bad_reserved(struct io_uring_sqe *sqe) { sqe->cmd[8] = 1; }
static void bad_reserved_end(struct io_uring_sqe *sqe) { sqe->cmd[15] = 0x80; }
static void bad_addr(struct io_uring_sqe *sqe) { sqe->addr = 1; }
static void bad_len(struct io_uring_sqe *sqe) { sqe->len = 1; }
static void bad_file_index(struct io_uring_sqe *sqe) { sqe->file_index = 1; }
static void bad_ioprio(struct io_uring_sqe *sqe) { sqe->ioprio = 1; }
static void bad_flag(struct io_uring_sqe *sqe) { sqe->uring_cmd_flags = 2; }
static void bad_fixed(struct io_uring_sqe *sqe) { sqe->uring_cmd_flags = IORING_URING_CMD_FIXED; }
static void bad_type(struct io_uring_sqe *sqe) { sqe->cmd_op -= 0x100; }
static void bad_size(struct io_uring_sqe *sqe) { sqe->cmd_op |= 4u << 16; }
static void bad_number(struct io_uring_sqe *sqe) { sqe->cmd_op = _IO(NYX_IOCTL_TYPE, 0xff); }

static const struct sqe_case {
	const char *name;
	void (*damage)(struct io_uring_sqe *sqe);
	int error;
	bool whole_sqe;	/* only a kernel that shows the module all of the SQE refuses it */
} sqe_cases[] = {
	{ "reserved", bad_reserved, EINVAL, false },
	{ "end_of_reserved", bad_reserved_end, EINVAL, false },
	{ "addr", bad_addr, EINVAL, true },
	{ "len", bad_len, EINVAL, true },
	{ "file_index", bad_file_index, EINVAL, true },
	{ "ioprio", bad_ioprio, EINVAL, false },
	{ "flag", bad_flag, EINVAL, false },
	{ "registered_buffer", bad_fixed, EINVAL, false },
	{ "type", bad_type, ENOTTY, false },
	{ "size_in_number", bad_size, ENOTTY, false },
	{ "number", bad_number, ENOTTY, false },
};

TEST_EACH(bad_sqe, sqe_cases)
{
	static unsigned char buf[SZ_4K];
	const struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct nyx_map m = { .size = sizeof(m), .prot = RW, .length = SZ_4K };
	struct nyx_unit_info info;
	struct nyx_map before;
	struct ring r;
	struct env e;

	if (v->whole_sqe && !kernel_has(6, 5))
		NOT_HERE("the kernel does not show the field");
	ring_new(&r, 0);
	env_open(&e);
	test_cmd(ring_buffers(&r, &iov, 1));
	m.domain_id = e.domain;
	before = m;
	for (size_t i = 0; i < ARRAY_SIZE(plain_ways); i++) {
		struct io_uring_sqe *sqe = ring_command(&r, e.fd, NYX_MAP, &m);

		sqe->flags = plain_ways[i].flags;
		v->damage(sqe);
		test_err(v->error, ring_do(&r));
		ASSERT_SAME(&m, &before, sizeof(m));
		test_cmd(cmd_unit_info(e.fd, &info));
		ASSERT_EQ(0, info.mapped_bytes);
	}
	test_cmd(by_ring(&r, &plain_ways[0], e.fd, NYX_MAP, &m));
	ring_close(&r);
}

TEST(bad_long_sqe)
{
	struct nyx_map m = { .size = sizeof(m), .prot = RW, .length = SZ_4K };
	struct ring r;
	struct env e;

	ring_new(&r, IORING_SETUP_SQE128);
	env_open(&e);
	m.domain_id = e.domain;
	for (size_t at = 8; at < 80; at++) {
		for (size_t i = 0; i < ARRAY_SIZE(plain_ways); i++) {
			struct io_uring_sqe *sqe = ring_command(&r, e.fd, NYX_MAP, &m);

			ktap_note("byte %zu", at);
			sqe->flags = plain_ways[i].flags;
			((__u8 *)sqe->cmd)[at] = 1;
			test_err(EINVAL, ring_do(&r));
		}
	}
	test_cmd(by_ring(&r, &plain_ways[0], e.fd, NYX_MAP, &m));
	ring_close(&r);
}

TEST(iopoll)
{
	struct nyx_map m = { .size = sizeof(m), .prot = RW, .length = SZ_4K };
	struct ring r;
	struct env e;

	ring_new(&r, IORING_SETUP_IOPOLL);
	env_open(&e);
	m.domain_id = e.domain;
	test_err(EOPNOTSUPP, by_ring(&r, &plain_ways[0], e.fd, NYX_MAP, &m));
	ring_close(&r);
}

/* ---- registered buffers --------------------------------------------------- */

#define BUFFER		(512 * 1024u)

/**
 * struct fixed - a ring with one registered buffer, and a unit
 * @e: the unit, all of its memory mapped
 * @r: the ring
 * @at: address of the buffer, where the process has other memory now
 * @seen: the same memory elsewhere
 */
struct fixed {
	struct env e;
	struct ring r;
	unsigned char *at;
	unsigned char *seen;
};

static void fixed_open(struct fixed *f, enum env_memory memory)
{
	int memfd = memfd_new("registered", BUFFER);
	struct iovec iov = { .iov_len = BUFFER };

	ring_new(&f->r, 0);
	env_open(&f->e, .memory = memory);
	test_cmd(cmd_map(f->e.fd, f->e.domain, 0, 0, f->e.mem_size, RW));
	f->at = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	f->seen = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	ASSERT_TRUE(f->at != MAP_FAILED && f->seen != MAP_FAILED);
	iov.iov_base = f->at;
	test_cmd(ring_buffers(&f->r, &iov, 1));
	ASSERT_TRUE(mmap(f->at, BUFFER, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == f->at);
	memset(f->at, 0x99, BUFFER);
	close(memfd);
}

static int fixed_dma(struct fixed *f, const struct way *way, struct nyx_dma *c, __u32 op,
		     __u64 iova, __u64 at, __u64 length)
{
	struct io_uring_sqe *sqe;

	nyx_dma_init(c, f->e.sbdf, op, iova, length);
	c->buffer = at;
	sqe = ring_command(&f->r, f->e.fd, NYX_DMA, c);
	sqe->flags = way->flags;
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	return ring_do(&f->r);
}

TEST_EACH(registered, memory_cases)
{
	static const struct {
		__u64 iova;
		__u32 at;
		__u32 length;
	} cases[] = {
		{ 0, 0, 1 }, { 2, 2, 2 }, { 4, 9, 4 }, { 64, 64, 8 }, { 65, 64, 8 },
		{ SZ_4K - 4, SZ_4K - 3, 8 }, { SZ_64K, SZ_4K, SZ_4K }, { 100, 7, 5000 },
		{ SZ_1M - 1, 1, SZ_64K }, { SZ_1M, 0, SZ_64K + 1 }, { SZ_1M + 3, 5, 300000 },
		{ 0, 0, BUFFER },
	};
	unsigned char *data = ktap_alloc(BUFFER);
	struct nyx_dma c;
	struct fixed f;

	fixed_open(&f, v->memory);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const struct way *way = &plain_ways[i % 2];
		const __u32 at = cases[i / 2].at, length = cases[i / 2].length;
		const __u64 iova = cases[i / 2].iova;

		ktap_note("0x%llx, %u bytes at %u, %s", (unsigned long long)iova, length, at,
			  way->name);
		for (__u32 j = 0; j < BUFFER; j++)
			data[j] = j * 7 + (j >> 9) + i;
		memcpy(f.seen, data, BUFFER);
		memset(f.e.mem, 0x11, f.e.mem_size);
		test_cmd(fixed_dma(&f, way, &c, NYX_DMA_WRITE, iova, PTR(f.at) + at,
				   length));
		ASSERT_EQ(length, c.out_done);
		ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
		ASSERT_SAME(f.e.mem + iova, data + at, length);
		ASSERT_EQ(0x11, f.e.mem[iova + length]);
		if (iova)
			ASSERT_EQ(0x11, f.e.mem[iova - 1]);

		memset(f.seen, 0x22, BUFFER);
		test_cmd(fixed_dma(&f, way, &c, NYX_DMA_READ, iova, PTR(f.at) + at,
				   length));
		ASSERT_EQ(length, c.out_done);
		ASSERT_SAME(f.seen + at, data + at, length);
		ASSERT_FILLED(f.seen, 0x22, at);
		ASSERT_FILLED(f.seen + at + length, 0x22, BUFFER - at - length);
	}
	ASSERT_FILLED(f.at, 0x99, BUFFER);
	ring_close(&f.r);
}

/* Up to the byte that the IOMMU refuses. */
TEST(registered_and_fault)
{
	struct nyx_dma c;
	struct fixed f;

	fixed_open(&f, MEM_PINNED);
	test_cmd(cmd_unmap(f.e.fd, f.e.domain, SZ_64K, SZ_4K, NULL));
	memset(f.seen, 0x33, BUFFER);
	test_cmd(fixed_dma(&f, &plain_ways[0], &c, NYX_DMA_WRITE, SZ_64K - 1000, PTR(f.at),
			   SZ_4K));
	ASSERT_EQ(1000, c.out_done);
	ASSERT_EQ(NYX_FAULT_NOT_PRESENT, c.out_fault.reason);
	ASSERT_FILLED(f.e.mem + SZ_64K - 1000, 0x33, 1000);
	memset(f.e.mem, 0x44, f.e.mem_size);
	test_cmd(fixed_dma(&f, &plain_ways[0], &c, NYX_DMA_READ, SZ_64K - 1000, PTR(f.at),
			   SZ_4K));
	ASSERT_EQ(1000, c.out_done);
	ASSERT_FILLED(f.seen, 0x44, 1000);
	ASSERT_FILLED(f.seen + 1000, 0x33, BUFFER - 1000);
	ring_close(&f.r);
}

TEST_EACH(beyond_the_buffer, plain_ways)
{
	struct nyx_dma c;
	struct fixed f;
	const struct {
		__u64 at;
		__u64 length;
	} cases[] = {
		{ -1, 1 }, { -1, 2 }, { -SZ_4K, SZ_4K }, { 0, BUFFER + 1 }, { 1, BUFFER },
		{ BUFFER - 1, 2 }, { BUFFER, 1 }, { BUFFER, SZ_4K }, { 1ull << 40, 1 },
		{ 0, SZ_1M },
	};

	fixed_open(&f, MEM_PINNED);
	memset(f.seen, 0x55, BUFFER);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const __u64 at = cases[i / 2].at, length = cases[i / 2].length;

		ktap_note("%llu bytes at %lld", (unsigned long long)length, (long long)at);
		test_err(EFAULT, fixed_dma(&f, v, &c, i % 2 ? NYX_DMA_READ : NYX_DMA_WRITE, 0,
					   PTR(f.at) + at, length));
		ASSERT_EQ(NYX_REASON_POINTER, c.out_err_reason);
		ASSERT_EQ(offsetof(struct nyx_dma, buffer), c.out_err_field);
		ASSERT_EQ(0, c.out_done);
	}
	ASSERT_FILLED(f.seen, 0x55, BUFFER);
	ASSERT_FILLED(f.e.mem, 0, f.e.mem_size);
	ring_close(&f.r);
}

/* Operations without a buffer, and a number that no buffer has. */
TEST(no_use_for_a_buffer)
{
	static const __u32 ops[] = {
		NYX_DMA_FILL, NYX_DMA_CAS, NYX_DMA_FETCH_ADD, NYX_DMA_SWAP,
	};
	struct io_uring_sqe *sqe;
	struct nyx_array array;
	struct nyx_dma c;
	struct fixed f;

	fixed_open(&f, MEM_PINNED);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		ktap_note("operation %u", ops[i]);
		nyx_dma_init(&c, f.e.sbdf, ops[i], 0, 8);
		c.width = 8;
		sqe = ring_command(&f.r, f.e.fd, NYX_DMA, &c);
		sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
		test_err(EINVAL, ring_do(&f.r));
		ASSERT_EQ(NYX_REASON_CONFLICT, c.out_err_reason);
		ASSERT_EQ(offsetof(struct nyx_dma, op), c.out_err_field);
	}
	nyx_dma_init(&c, f.e.sbdf, NYX_DMA_READ, 0, 8);
	c.buffer = PTR(f.at);
	array = (struct nyx_array){
		.size = sizeof(array), .cmd = NYX_CMD_DMA, .item_size = sizeof(c), .nr = 1,
		.items = PTR(&c),
	};
	sqe = ring_command(&f.r, f.e.fd, NYX_ARRAY, &array);
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	test_err(EINVAL, ring_do(&f.r));
	sqe = ring_command(&f.r, f.e.fd, NYX_DMA, &c);
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	sqe->buf_index = 1;
	test_err(EFAULT, ring_do(&f.r));
	ring_close(&f.r);
}

/* ---- many, and in order --------------------------------------------------- */

TEST(depth)
{
	static unsigned char buf[DEPTH][256];
	struct nyx_dma c[DEPTH];
	struct io_uring_cqe cqe;
	__u64 seen = 0;
	struct ring r;
	struct env e;

	ring_new(&r, 0);
	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, e.mem_size, RW));
	for (size_t i = 0; i < e.mem_size; i++)
		e.mem[i] = i / SZ_4K;
	for (unsigned int i = 0; i < DEPTH; i++) {
		struct io_uring_sqe *sqe;

		nyx_dma_init(&c[i], e.sbdf, NYX_DMA_READ, i * SZ_4K + 5, sizeof(buf[i]));
		c[i].buffer = PTR(buf[i]);
		sqe = ring_command(&r, e.fd, NYX_DMA, &c[i]);
		sqe->user_data = i;
		sqe->flags = i % 4 ? 0 : IOSQE_ASYNC;
	}
	test_cmd(ring_submit(&r, DEPTH));
	while (ring_reap(&r, &cqe)) {
		ASSERT_LT(cqe.user_data, DEPTH);
		ASSERT_TRUE(!(seen & 1ull << cqe.user_data));
		seen |= 1ull << cqe.user_data;
		test_cmd(cqe.res);
		ASSERT_EQ(sizeof(buf[0]), c[cqe.user_data].out_done);
		ASSERT_FILLED(buf[cqe.user_data], (unsigned char)cqe.user_data, sizeof(buf[0]));
	}
	ASSERT_EQ(~0ull, seen);
	ring_close(&r);
}

/* Links give an order, and end with the first failure. */
TEST(links)
{
	struct nyx_map m = { .size = sizeof(m), .prot = RW, .iova = SZ_1G, .length = SZ_4K };
	struct nyx_unmap u = { .size = sizeof(u), .iova = SZ_1G, .length = SZ_4K };
	struct io_uring_cqe cqe;
	unsigned char byte = 0;
	struct nyx_dma c;
	struct ring r;
	struct env e;

	ring_new(&r, 0);
	env_open(&e);
	e.mem[7] = 0x66;
	m.domain_id = u.domain_id = e.domain;
	nyx_dma_init(&c, e.sbdf, NYX_DMA_READ, SZ_1G + 7, 1);
	c.buffer = PTR(&byte);
	for (int round = 0; round < 2; round++) {
		if (round)
			m.prot = 0;
		ring_command(&r, e.fd, NYX_MAP, &m)->flags = IOSQE_IO_LINK;
		ring_command(&r, e.fd, NYX_DMA, &c)->flags = IOSQE_IO_LINK;
		ring_command(&r, e.fd, NYX_UNMAP, &u);
		test_cmd(ring_submit(&r, 3));
		for (int i = 0; i < 3; i++) {
			ASSERT_TRUE(ring_reap(&r, &cqe));
			ASSERT_EQ(!round ? 0 : i ? -ECANCELED : -EINVAL, cqe.res);
		}
		ASSERT_EQ(0x66, byte);
		ASSERT_EQ(SZ_4K, u.out_unmapped);
	}
	ASSERT_EQ(NYX_REASON_OUT_OF_RANGE, m.out_err_reason);
	ring_close(&r);
}

/* ---- who waits ------------------------------------------------------------ */

/**
 * struct held - a DMA in a worker that is held up in its buffer
 * @e: the unit
 * @r: the ring
 * @stall: where it is held
 * @buf: its buffer
 * @dma: it
 */
struct held {
	struct env e;
	struct ring r;
	struct stall stall;
	unsigned char *buf;
	struct nyx_dma dma;
};

#define HELD	77u	/* its number */

static void held_start(struct held *h, __u64 length)
{
	struct io_uring_sqe *sqe;

	ring_new(&h->r, 0);
	env_open(&h->e, .memory = MEM_PINNED);
	test_cmd(cmd_map(h->e.fd, h->e.domain, 0, 0, h->e.mem_size, RW));
	memset(h->e.mem, 0x77, h->e.mem_size);
	h->buf = map_aligned(LONG, SZ_64K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1);
	stall_arm(&h->stall, h->buf, SZ_4K);
	nyx_dma_init(&h->dma, h->e.sbdf, NYX_DMA_READ, 0, length);
	h->dma.buffer = PTR(h->buf);
	sqe = ring_command(&h->r, h->e.fd, NYX_DMA, &h->dma);
	sqe->user_data = HELD;
	/* A long one need not be told. */
	sqe->flags = length > SZ_64K ? 0 : IOSQE_ASYNC;
	test_cmd(ring_submit(&h->r, 0));
	stall_wait(&h->stall);
}

static void held_end(struct held *h)
{
	stall_release(&h->stall, 0);
	test_cmd(wait_one(&h->r, HELD));
	ASSERT_EQ(h->dma.length, h->dma.out_done);
	ASSERT_FILLED(h->buf, 0x77, h->dma.length);
	ring_close(&h->r);
}

/* A long DMA does not hold up who submits it, and neither the ring. */
TEST(long_dma)
{
	struct nyx_translate t;
	struct held h;

	held_start(&h, LONG);
	ASSERT_TRUE(is_idle(&h.r));
	nyx_translate_init(&t, h.e.sbdf, NYX_PROT_READ, 0, 1);
	ring_command(&h.r, h.e.fd, NYX_TRANSLATE, &t);
	test_cmd(wait_one(&h.r, 0));
	held_end(&h);
}

/* An unmap waits for the DMA in flight, and who has submitted it does not. */
TEST(unmap_waits)
{
	struct nyx_unmap u = { .size = sizeof(u), .length = SZ_4K };
	struct io_uring_cqe cqe;
	struct held h;
	int n = 0;

	held_start(&h, SZ_4K);
	u.domain_id = h.e.domain;
	ring_command(&h.r, h.e.fd, NYX_UNMAP, &u)->user_data = 1;
	test_cmd(ring_submit(&h.r, 0));
	WAIT_FOR(mapped(&h.e) < h.e.mem_size);
	ASSERT_TRUE(is_idle(&h.r));
	stall_release(&h.stall, 0);
	test_cmd(ring_submit(&h.r, 2));
	while (ring_reap(&h.r, &cqe)) {
		test_cmd(cqe.res);
		n++;
	}
	ASSERT_EQ(2, n);
	ASSERT_EQ(SZ_4K, u.out_unmapped);
	ring_close(&h.r);
}

/* ---- limits --------------------------------------------------------------- */

static void limit(const struct env *e, __u64 bytes, __u64 irqs)
{
	const struct nyx_limits limits = { .bytes_per_s = bytes, .irqs_per_s = irqs };

	test_cmd(cmd_limit_set(e->fd, NYX_SCOPE_DEVICE, e->sbdf, &limits));
}

/* A worker waits for the limit, and the DMA is done and counted once. */
TEST(limited_dma)
{
	unsigned char buf[64] = { 1 };
	struct io_uring_cqe cqe;
	unsigned int n = 0;
	struct nyx_dma c[2];
	struct ring r;
	struct env e;

	ring_new(&r, 0);
	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_4K, RW));
	limit(&e, 4, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(c); i++) {
		nyx_dma_init(&c[i], e.sbdf, NYX_DMA_WRITE, 0, sizeof(buf));
		c[i].buffer = PTR(buf);
		ring_command(&r, e.fd, NYX_DMA, &c[i])->user_data = i;
	}
	/* The first may pass, the second has to wait for seconds. */
	test_cmd(ring_submit(&r, 0));
	while (ring_reap(&r, &cqe))
		n++;
	ASSERT_LT(n, 2);
	WAIT_FOR(unit_stat(e.fd, NYX_STAT_THROTTLED));
	limit(&e, 0, 0);
	test_cmd(ring_submit(&r, 2 - n));
	for (; ring_reap(&r, &cqe); n++)
		test_cmd(cqe.res);
	ASSERT_EQ(2, n);
	for (unsigned int i = 0; i < ARRAY_SIZE(c); i++)
		ASSERT_EQ(sizeof(buf), c[i].out_done);
	ASSERT_EQ(2, unit_stat(e.fd, NYX_STAT_DMA_OPS));
	ASSERT_EQ(2 * sizeof(buf), unit_stat(e.fd, NYX_STAT_WRITE_BYTES));
	ring_close(&r);
}

TEST(limited_irqs)
{
	struct nyx_irq_send c[5];
	struct io_uring_cqe cqe;
	unsigned int n = 0;
	struct ring r;
	struct env e;

	ring_new(&r, 0);
	env_open(&e, .irt = 16);
	test_cmd(cmd_irte_simple(e.fd, 1, 1, 0x40));
	limit(&e, 0, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(c); i++) {
		nyx_irq_init(&c[i], e.sbdf, msi_index(1));
		ring_command(&r, e.fd, NYX_IRQ_SEND, &c[i]);
	}
	test_cmd(ring_submit(&r, 0));
	while (ring_reap(&r, &cqe))
		n++;
	ASSERT_LT(n, ARRAY_SIZE(c));
	WAIT_FOR(unit_stat(e.fd, NYX_STAT_THROTTLED));
	limit(&e, 0, 0);
	test_cmd(ring_submit(&r, ARRAY_SIZE(c) - n));
	for (; ring_reap(&r, &cqe); n++)
		test_cmd(cqe.res);
	ASSERT_EQ(ARRAY_SIZE(c), n);
	ASSERT_EQ(ARRAY_SIZE(c), unit_stat(e.fd, NYX_STAT_IRQS));
	for (unsigned int i = 0; i < ARRAY_SIZE(c); i++)
		ASSERT_EQ(NYX_IRQ_DELIVER, c[i].out_result);
	ring_close(&r);
}

/* A file that does not block: the answer is that of ioctl(2), also of a DMA done in part. */
TEST_EACH(limited_and_nonblocking, ways)
{
	static unsigned char buf[SZ_64K];
	struct nyx_dma c;
	struct ring r;
	struct env e;
	__u64 before;

	ring_new(&r, v->setup);
	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	test_cmd(fcntl(e.fd, F_SETFL, fcntl(e.fd, F_GETFL) | O_NONBLOCK));
	limit(&e, 100, 0);
	nyx_dma_init(&c, e.sbdf, NYX_DMA_WRITE, 0, sizeof(buf));
	c.buffer = PTR(buf);
	test_err(EAGAIN, by_ring(&r, v, e.fd, NYX_DMA, &c));
	ASSERT_EQ(NYX_REASON_RATE_LIMIT, c.out_err_reason);
	ASSERT_GT(c.out_done, 0);
	ASSERT_LT(c.out_done, sizeof(buf));
	ASSERT_EQ(c.out_done, unit_stat(e.fd, NYX_STAT_WRITE_BYTES));
	before = unit_stat(e.fd, NYX_STAT_THROTTLED);
	ASSERT_EQ(1, before);
	test_err(EAGAIN, by_ring(&r, v, e.fd, NYX_DMA, &c));
	ASSERT_EQ(before + 1, unit_stat(e.fd, NYX_STAT_THROTTLED));
	ring_close(&r);
}

/* ---- what ends meanwhile -------------------------------------------------- */

/* The command is of the process that submits it: its memory counts. */
TEST(other_process)
{
	static struct nyx_dma c;
	static unsigned char buf[64];
	struct ring r;
	struct env e;

	ring_new(&r, 0);
	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	memset(e.mem, 0x5a, SZ_64K);
	memset(&c, 0xff, sizeof(c));
	IN_CHILD {
		for (size_t i = 0; i < ARRAY_SIZE(plain_ways); i++) {
			memset(buf, 0, sizeof(buf));
			nyx_dma_init(&c, e.sbdf, NYX_DMA_READ, 0, sizeof(buf));
			c.buffer = PTR(buf);
			test_cmd(by_ring(&r, &plain_ways[i], e.fd, NYX_DMA, &c));
			ASSERT_EQ(sizeof(buf), c.out_done);
			ASSERT_FILLED(buf, 0x5a, sizeof(buf));
		}
	}
	ASSERT_FILLED((unsigned char *)&c, 0xff, sizeof(c));
	ASSERT_FILLED(buf, 0, sizeof(buf));
	ring_close(&r);
}

TEST(unit_ends)
{
	struct nyx_translate t;
	struct held h;

	held_start(&h, SZ_4K);
	test_cmd(cmd_unit_destroy(h.e.fd));
	nyx_translate_init(&t, h.e.sbdf, NYX_PROT_READ, 0, 1);
	ring_command(&h.r, h.e.fd, NYX_TRANSLATE, &t);
	test_err(ENODEV, wait_one(&h.r, 0));
	ASSERT_EQ(NYX_REASON_UNIT_ENDED, t.out_err_reason);
	held_end(&h);
}

/* A request that is under way keeps the unit until it is over, and no longer. */
TEST(ring_ends)
{
	int other = nyx_open();
	struct held h;
	__u32 units;

	held_start(&h, SZ_4K);
	units = units_in_system(other);
	ring_close(&h.r);
	close(h.e.fd);
	ASSERT_EQ(units, units_in_system(other));
	stall_release(&h.stall, 0);
	WAIT_FOR(units_in_system(other) == units - 1);
}

/* The command of a process that is to be killed. */
struct doomed {
	int fd;
	unsigned long request;
	void *arg;
};

static int doomed_run(void *arg)
{
	struct doomed *d = arg;
	struct ring r;

	if (!ring_open(&r, 1, 0)) {
		ring_command(&r, d->fd, d->request, d->arg);
		ring_do(&r);
	}
	return 0;
}

/* A worker that waits for accesses in flight ends when its process is killed. */
TEST(killed_while_it_waits)
{
	struct nyx_unmap u = { .size = sizeof(u), .length = SZ_4K };
	struct doomed d = { .request = NYX_UNMAP, .arg = &u };
	struct held h;
	pid_t pid;

	held_start(&h, SZ_4K);
	u.domain_id = h.e.domain;
	d.fd = h.e.fd;
	pid = caller_fork(doomed_run, &d);
	WAIT_FOR(mapped(&h.e) < h.e.mem_size);
	caller_kill(pid);
	ASSERT_TRUE(is_idle(&h.r));
	held_end(&h);
}

/* Nor does it finish a long DMA. */
TEST(killed_while_it_works)
{
	const __u64 window = 16 * SZ_1M;
	struct nyx_dma c;
	struct doomed d = { .request = NYX_DMA, .arg = &c };
	struct ring r;
	struct env e;
	__u64 done, all = 0;

	ring_new(&r, 0);
	ring_close(&r);
	env_open(&e, .memory = MEM_FILE, .mem_size = window);
	for (__u64 iova = 0; iova < SZ_1G; iova += window)
		test_cmd(cmd_map(e.fd, e.domain, iova, 0, window, RW));
	nyx_dma_init(&c, e.sbdf, NYX_DMA_FILL, 0, SZ_1G);
	c.width = 1;
	c.operand = 1;
	d.fd = e.fd;
	for (int i = 0; i < 20; i++) {
		pid_t pid;

		__atomic_store_n(e.mem, 0, __ATOMIC_SEQ_CST);
		pid = caller_fork(doomed_run, &d);
		WAIT_FOR(__atomic_load_n(e.mem, __ATOMIC_SEQ_CST));
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		done = unit_stat(e.fd, NYX_STAT_WRITE_BYTES) - all;
		all += done;
		ktap_print("%llu MiB of 1024", (unsigned long long)done >> 20);
		ASSERT_GT(done, 0);
		if (done < SZ_1G)
			return;
	}
	FAIL("no command ended before its time");
}

/* ---- a structure that changes --------------------------------------------- */

struct flip {
	__u32 *at;
	__u32 value;
	bool stop;
};

static void *flip_on(void *arg)
{
	struct flip *f = arg;
	const __u32 was = *f->at;

	for (unsigned int i = 0; !__atomic_load_n(&f->stop, __ATOMIC_SEQ_CST); i++) {
		__atomic_store_n(f->at, i % 2 ? was : f->value, __ATOMIC_SEQ_CST);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

/*
 * A short DMA becomes a long one and back, also between the try and the worker. The two lengths
 * differ in one byte: a copy of the structure may go byte by byte.
 */
TEST(length_changes)
{
	static unsigned char buf[LONG + 8];
	struct flip f = { .value = LONG + 8 };
	struct nyx_dma c;
	struct ring r;
	struct env e;
	pthread_t t;

	ring_new(&r, 0);
	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, e.mem_size, RW));
	nyx_dma_init(&c, e.sbdf, NYX_DMA_WRITE, 0, 8);
	c.buffer = PTR(buf);
	f.at = (__u32 *)&c.length;
	t = thread_start(flip_on, &f);
	for (unsigned long i = 0; i < ktap_iterations(500); i++) {
		test_cmd(by_ring(&r, &plain_ways[0], e.fd, NYX_DMA, &c));
		ASSERT_TRUE(c.out_done == 8 || c.out_done == LONG + 8);
	}
	__atomic_store_n(&f.stop, true, __ATOMIC_SEQ_CST);
	thread_end(t, "a thread that changes a length");
	ring_close(&r);
}
