// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a device model uses the guest's memory in place, in one file.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 *	cc view.c $(pkg-config --cflags --libs libnyx)
 *
 * The process has mapped the guest's memory. It translates the IOVAs of its device by itself,
 * with a system call only for what is not cached, and reads a file straight into a buffer of
 * the guest while a hold keeps the buffer. Documentation/howto/view.rst explains it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nyx/nyx.h>

#define RAM_SIZE	(16u << 20)
#define QUEUE_IOVA	0xfff00000ull
#define QUEUE_GPA	0x00010000ull
#define BUFFER_IOVA	0xffc00000ull
#define BUFFER_GPA	0x00400000ull
#define BUFFER_SIZE	0x00010000ull
#define RUNS		16u

static const nyx_device_t disk = { NYX_SBDF(0, 3, 0, 0) };	/* 0000:03:00.0 */

/* A request in the guest's queue, little endian. */
struct request {
	uint64_t iova;
	uint32_t length;
	uint32_t status;
};

static void check(int ret, const char *what)
{
	if (!ret)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-ret));
	exit(1);
}

static void expect(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "this should not be: %s\n", what);
	exit(1);
}

/* ---- small accesses: a section --------------------------------------------- */

/* Read from the guest. Returns the reason of a fault, or NYX_FAULT_NONE. */
static uint32_t device_read(struct nyx_view_thread *thread, struct nyx_view_device *dev,
			    uint64_t iova, void *to, size_t length)
{
	struct nyx_view_run run[RUNS];
	struct nyx_fault fault;
	unsigned char *at = to;
	size_t n, i;

	check(nyx_view_begin(thread, dev), "section");
	check(nyx_view_translate(thread, iova, length, NYX_PROT_READ, run, RUNS, &n, &fault),
	      "translate");
	for (i = 0; i < n; at += run[i++].length) {
		/* NULL: guest memory that this process has not mapped; nyx_dma_read() has it. */
		expect(run[i].host != NULL, "memory is missing");
		memcpy(at, run[i].host, run[i].length);
	}
	/* From here on an unmap need not wait for us. */
	check(nyx_view_end(thread), "section");
	return fault.reason;
}

/* ---- long ones: a hold ------------------------------------------------------- */

/* Read the beginning of a file into a buffer of the guest, in place. */
static uint32_t device_reads_file(struct nyx_view *view, struct nyx_view_thread *thread,
				  struct nyx_view_device *dev, uint64_t iova, uint32_t length,
				  int fd)
{
	struct nyx_view_run run[RUNS];
	struct nyx_fault fault;
	uint32_t hold;
	off_t at = 0;
	size_t n, i;

	check(nyx_view_begin(thread, dev), "section");
	check(nyx_view_translate(thread, iova, length, NYX_PROT_WRITE, run, RUNS, &n, &fault),
	      "translate");
	if (fault.reason == NYX_FAULT_NONE)
		check(nyx_view_hold_take(thread, run, n, &hold), "hold");
	check(nyx_view_end(thread), "section");
	if (fault.reason != NYX_FAULT_NONE)
		return fault.reason;

	/* An unmap of the buffer waits now. A VMM submits this to io_uring, and goes on. */
	for (i = 0; i < n; at += (off_t)run[i++].length)
		expect(pread(fd, run[i].host, run[i].length, at) == (ssize_t)run[i].length,
		       "the file is short");
	nyx_view_hold_release(view, hold);
	return NYX_FAULT_NONE;
}

/* ---- the machine --------------------------------------------------------------- */

static unsigned char *make_ram(struct nyx_unit *unit)
{
	void *ram;
	int fd;

	check(nyx_memfd_create("guest-ram", RAM_SIZE, 0, &fd), "memfd");
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect(ram != MAP_FAILED, "no memory for the guest");
	check(nyx_memory_add_file(unit, 0, fd, 0, RAM_SIZE, 0), "guest memory");
	close(fd);
	return ram;
}

/* A file with something in it. */
static int make_file(void)
{
	static unsigned char content[BUFFER_SIZE];
	int fd;

	memset(content, 0x5a, sizeof(content));
	check(nyx_memfd_create("disk", sizeof(content), 0, &fd), "file");
	expect(pwrite(fd, content, sizeof(content), 0) == sizeof(content), "no file");
	return fd;
}

int main(void)
{
	struct nyx_view_device dev = nyx_view_device_of(disk);
	struct nyx_unit_create_opts opts = { .size = sizeof(opts) };
	struct nyx_view_thread *thread;
	struct nyx_view *view;
	struct nyx_unit *unit;
	struct nyx_ctx *ctx;
	struct request req = { .iova = BUFFER_IOVA, .length = BUFFER_SIZE };
	unsigned char *ram;
	nyx_domain_t domain;
	uint64_t unmapped;
	int fd = make_file();

	check(nyx_ctx_open(NULL, &ctx), NYX_NODE_DEFAULT);
	check(nyx_unit_create(ctx, &opts, &unit), "unit");
	nyx_ctx_unref(ctx);
	ram = make_ram(unit);
	check(nyx_device_assign(unit, disk, NYX_ISOLATION_STRICT, NULL, &domain), "device");

	/* One view for the process, one slot for each thread that makes accesses. */
	check(nyx_view_open(unit, 8, 1024, &view), "view");
	check(nyx_view_memory_add(view, 0, RAM_SIZE, ram, 0), "view's memory");
	check(nyx_view_thread_open(view, &thread), "slot");

	/* The guest's driver maps a queue and a buffer, and makes a request. */
	check(nyx_map_add(unit, domain, QUEUE_IOVA, QUEUE_GPA, 4096,
			  NYX_PROT_READ | NYX_PROT_WRITE), "map");
	check(nyx_map_add(unit, domain, BUFFER_IOVA, BUFFER_GPA, BUFFER_SIZE, NYX_PROT_WRITE),
	      "map");
	memcpy(ram + QUEUE_GPA, &req, sizeof(req));

	memset(&req, 0, sizeof(req));
	expect(device_read(thread, &dev, QUEUE_IOVA, &req, sizeof(req)) == NYX_FAULT_NONE,
	       "the queue cannot be read");
	expect(req.iova == BUFFER_IOVA && req.length == BUFFER_SIZE, "another request");
	expect(device_reads_file(view, thread, &dev, req.iova, req.length, fd) == NYX_FAULT_NONE,
	       "the request failed");
	expect(ram[BUFFER_GPA] == 0x5a && ram[BUFFER_GPA + BUFFER_SIZE - 1] == 0x5a &&
	       !ram[BUFFER_GPA + BUFFER_SIZE], "the buffer is not filled");
	printf("disk: %" PRIu32 " bytes are there\n", req.length);

	/* When this returns, no section and no hold uses the buffer, nor will one. */
	check(nyx_map_remove(unit, domain, BUFFER_IOVA, BUFFER_SIZE, &unmapped), "unmap");
	expect(device_reads_file(view, thread, &dev, req.iova, req.length, fd) != NYX_FAULT_NONE,
	       "the access was not refused");

	check(nyx_view_thread_close(thread), "slot");
	check(nyx_view_close(view), "view");
	nyx_unit_unref(unit);
	close(fd);
	puts("done");
	return 0;
}
