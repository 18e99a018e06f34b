// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: what the border of the kernel costs on this machine. Rows S1 to S3.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The rows are the system calls of the kernel that runs the benchmark: honest on hardware
 * and under KVM. Beside them stands nyx_dma_do(), measured as in the other rows: without a
 * system call.
 */
#include "user/bench.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "core/access/dma.h"

struct sys_bench {
	struct world *w;
	int null;		/* a file with no ioctls */
	int ping;		/* eventfds */
	int pong;
	bool stop;
	char *buf;
	u64 length;
	u64 ns;
};

static void run_nothing(void *ctx, unsigned long n)
{
	while (n--)
		syscall(SYS_getppid);
}

/* No file of this machine knows NYX_DMA: the call is looked up, and refused. */
static void run_ioctl(void *ctx, unsigned long n)
{
	struct sys_bench *b = ctx;
	struct nyx_dma cmd = { .size = sizeof(cmd) };

	while (n--)
		bench_check(ioctl(b->null, NYX_DMA, &cmd) < 0);
}

static void run_eventfd(void *ctx, unsigned long n)
{
	struct sys_bench *b = ctx;
	u64 one = 1;

	while (n--)
		bench_check(write(b->ping, &one, sizeof(one)) == sizeof(one));
	bench_check(read(b->ping, &one, sizeof(one)) == sizeof(one));
}

static void run_dma(void *ctx, unsigned long n)
{
	struct sys_bench *b = ctx;
	struct nyx_dma_req req = {
		.sbdf = b->w->sbdf, .op = NYX_DMA_READ, .iova = WORLD_IOVA,
		.length = b->length, .buf = b->buf,
	};

	while (n--) {
		bench_check(!nyx_dma_do(&b->w->unit, &req));
		bench_check(req.done == b->length);
	}
}

/* The way to the memory of another process that a process has not mapped. */
static void run_readv(void *ctx, unsigned long n)
{
	struct sys_bench *b = ctx;
	struct iovec to = { .iov_base = b->buf, .iov_len = b->length };
	struct iovec from = { .iov_base = b->w->memory, .iov_len = b->length };

	while (n--)
		bench_check(process_vm_readv(getpid(), &to, 1, &from, 1, 0) == b->length);
}

static void run_memcpy(void *ctx, unsigned long n)
{
	struct sys_bench *b = ctx;

	while (n--) {
		memcpy(b->buf, b->w->memory, READ_ONCE(b->length));
		barrier();
	}
}

/* ---- to another thread and back ------------------------------------------- */

static u64 process_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * (u64)NSEC_PER_SEC + ts.tv_nsec;
}

static void *answer(void *ctx)
{
	struct sys_bench *b = ctx;
	u64 one;

	while (read(b->ping, &one, sizeof(one)) == sizeof(one) && !READ_ONCE(b->stop))
		bench_check(write(b->pong, &one, sizeof(one)) == sizeof(one));
	return NULL;
}

/* The time of both threads counts, and none in which others run. */
static void run_there_and_back(void *ctx, unsigned long n)
{
	struct sys_bench *b = ctx;
	u64 start = process_time(), one = 1;

	while (n--) {
		bench_check(write(b->ping, &one, sizeof(one)) == sizeof(one));
		bench_check(read(b->pong, &one, sizeof(one)) == sizeof(one));
	}
	b->ns = process_time() - start;
}

static u64 took(void *ctx)
{
	return ((struct sys_bench *)ctx)->ns;
}

static void bench_threads(struct sys_bench *b)
{
	struct bench_side side = {
		.ctx = b, .run = run_there_and_back, .took = took, .most = 256,
	};
	u64 one = 1;
	pthread_t thread;

	bench_check(!pthread_create(&thread, NULL, answer, b));
	bench_row("S3", "wake another thread on this CPU, and be woken by it", 0, &side,
		  NULL, 0);
	WRITE_ONCE(b->stop, true);
	bench_check(write(b->ping, &one, sizeof(one)) == sizeof(one));
	pthread_join(thread, NULL);
}

void bench_syscall(void)
{
	static const struct {
		u64 length;
		const char *name;
	} size[] = {
		{ 64, "64 B" }, { 4096, "4 KiB" }, { 65536, "64 KiB" }, { 1048576, "1 MiB" },
	};
	struct sys_bench b = {
		.w = world_new(PT_VTDSS, true),
		.null = open("/dev/null", O_RDWR | O_CLOEXEC),
		.ping = eventfd(0, EFD_CLOEXEC),
		.pong = eventfd(0, EFD_CLOEXEC),
		.buf = aligned_alloc(PAGE_SIZE, 1 << 20),
		.length = 64,
	};
	struct bench_side ours = { .ctx = &b, .run = run_nothing };
	struct bench_side dma = { .name = "nyx_dma_do read, 64 B", .ctx = &b, .run = run_dma };
	struct bench_side peers[] = {
		{ .name = "nyx_dma_do read", .ctx = &b, .run = run_dma },
		{ .name = "memcpy", .ctx = &b, .run = run_memcpy },
	};
	char variant[64];
	unsigned int i;

	bench_check(b.null >= 0 && b.ping >= 0 && b.pong >= 0 && b.buf);
	memset(b.buf, 2, 1 << 20);
	bench_check(!nyx_domain_map(b.w->dom, WORLD_IOVA, WORLD_IOVA + (4ull << 20) - 1, 0,
				    NYX_ACC_RW));
	bench_row("S1", "a system call that does nothing (getppid)", 0, &ours, &dma, 1);
	ours.run = run_ioctl;
	bench_row("S1", "an ioctl that the file does not know", 0, &ours, &dma, 1);
	ours.run = run_eventfd;
	bench_row("S1", "write to an eventfd that nobody waits for", 0, &ours, &dma, 1);
	ours.run = run_readv;
	for (i = 0; i < ARRAY_SIZE(size); i++) {
		b.length = size[i].length;
		snprintf(variant, sizeof(variant), "process_vm_readv, %s", size[i].name);
		bench_row("S2", variant, 0, &ours, peers, ARRAY_SIZE(peers));
	}
	bench_threads(&b);
}
