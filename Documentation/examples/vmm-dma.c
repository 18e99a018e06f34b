// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a VMM gives a device an IOMMU, in one file.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 *	cc vmm-dma.c $(pkg-config --cflags --libs libnyx)
 *
 * The guest has 16 MiB of memory and one device. Its driver maps a queue and a
 * buffer for the device; the device model reads the queue and fills the buffer,
 * by DMA; the driver unmaps the buffer; a device that goes on regardless is
 * stopped. Documentation/howto/vmm.rst explains it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nyx/nyx.h>

#define RAM_SIZE	(16u << 20)

/* The guest's driver chose these. */
#define QUEUE_IOVA	0xfff00000ull
#define QUEUE_GPA	0x00010000ull
#define BUFFER_IOVA	0xffc00000ull
#define BUFFER_GPA	0x00400000ull
#define BUFFER_SIZE	0x00200000ull

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

/* ---- the machine -------------------------------------------------------- */

/* Guest memory is a file, so that vhost or another process can have it too. */
static unsigned char *make_ram(struct nyx_unit *unit)
{
	void *ram;
	int fd;

	check(nyx_memfd_create("guest-ram", RAM_SIZE, 0, &fd), "memfd");
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect(ram != MAP_FAILED, "no memory for the guest");
	/* The unit holds the file. */
	check(nyx_memory_add_file(unit, 0, fd, 0, RAM_SIZE, 0), "guest memory");
	close(fd);
	return ram;
}

/* ---- what the guest's driver asks for ----------------------------------- */

/* Many ranges are one system call; whatever comes after a failed one is not done. */
static void driver_maps(struct nyx_unit *unit, nyx_domain_t domain)
{
	struct nyx_map maps[] = {
		{
			.size = sizeof(maps[0]), .domain_id = domain.id,
			.iova = QUEUE_IOVA, .gpa = QUEUE_GPA, .length = 4096,
			.prot = NYX_PROT_READ | NYX_PROT_WRITE,
		},
		{
			.size = sizeof(maps[0]), .domain_id = domain.id,
			.iova = BUFFER_IOVA, .gpa = BUFFER_GPA, .length = BUFFER_SIZE,
			.prot = NYX_PROT_WRITE,
		},
	};
	size_t done;
	int ret;

	ret = nyx_map_add_array(unit, maps, 2, &done);
	if (ret)
		fprintf(stderr, "only %zu of 2 ranges are mapped\n", done);
	check(ret, "map");
}

static void driver_queues(unsigned char *ram, uint32_t length)
{
	struct request req = { .iova = BUFFER_IOVA, .length = length };

	memcpy(ram + QUEUE_GPA, &req, sizeof(req));
}

/* ---- the device model --------------------------------------------------- */

/*
 * Reads one request, fills its buffer, sets its status. A fault is the guest's
 * business, not ours: the request fails, the VMM goes on. Returns 0 or the reason.
 */
static uint32_t disk_works(struct nyx_unit *unit)
{
	static unsigned char sector[BUFFER_SIZE];
	struct nyx_fault fault;
	struct request req;
	uint64_t done;
	int ret;

	ret = nyx_dma_read(unit, disk, QUEUE_IOVA, &req, sizeof(req), NULL, &fault);
	check(ret, "dma");
	if (fault.reason != NYX_FAULT_NONE)
		return fault.reason;

	/* The guest may have written anything. */
	if (!req.length || req.length > sizeof(sector))
		return NYX_FAULT_NONE;
	memset(sector, 0x5a, req.length);
	ret = nyx_dma_write(unit, disk, req.iova, sector, req.length, &done, &fault);
	check(ret, "dma");
	if (fault.reason != NYX_FAULT_NONE) {
		printf("disk: wrote %" PRIu64 " of %" PRIu32 " bytes: %s\n", done, req.length,
		       nyx_fault_reason_text(fault.reason));
		return fault.reason;
	}

	/* Set by compare-and-swap: the driver may be giving up on the request. */
	ret = nyx_dma_cas(unit, disk, QUEUE_IOVA + offsetof(struct request, status),
			  sizeof(req.status), 0, 1, NULL, &fault);
	check(ret, "dma");
	return fault.reason;
}

/* ---- what the operator sees --------------------------------------------- */

static unsigned int print_events(int fd)
{
	char text[NYX_EVENT_TEXT_LEN];
	struct nyx_event events[16];
	unsigned int total = 0;
	size_t got, i;

	/* Not blocking; a VMM would have it in its poll(2) loop. */
	while (!nyx_event_read(fd, events, 16, &got) && got) {
		for (i = 0; i < got; i++) {
			if (!nyx_event_format(&events[i], text, sizeof(text)))
				printf("event %" PRIu64 ": %s\n", (uint64_t)events[i].seq, text);
		}
		total += got;
	}
	return total;
}

int main(void)
{
	struct nyx_unit_create_opts opts = { .size = sizeof(opts) };
	struct nyx_unit_status status = NYX_UNIT_STATUS_INIT;
	struct nyx_unit *unit;
	struct nyx_ctx *ctx;
	unsigned char *ram;
	uint64_t unmapped;
	nyx_domain_t domain;
	int events;

	/* One unit for one guest. It is gone when we are. */
	check(nyx_ctx_open(NULL, &ctx), NYX_NODE_DEFAULT);
	check(nyx_unit_create(ctx, &opts, &unit), "unit");
	nyx_ctx_unref(ctx);
	ram = make_ram(unit);
	check(nyx_event_open(unit, NYX_EVENTS_F_NONBLOCK, &events), "events");

	/* A device with a domain of its own. */
	check(nyx_device_assign(unit, disk, NYX_ISOLATION_STRICT, NULL, &domain), "device");

	driver_maps(unit, domain);
	driver_queues(ram, BUFFER_SIZE);
	expect(disk_works(unit) == NYX_FAULT_NONE, "the request failed");
	expect(ram[BUFFER_GPA] == 0x5a && ram[BUFFER_GPA + BUFFER_SIZE - 1] == 0x5a,
	       "the buffer is not filled");
	expect(ram[BUFFER_GPA - 1] == 0 && ram[BUFFER_GPA + BUFFER_SIZE] == 0,
	       "more than the buffer is filled");
	printf("disk: %llu bytes are there\n", BUFFER_SIZE);

	/* When this returns, no DMA into the second half is under way or will begin. */
	check(nyx_map_remove(unit, domain, BUFFER_IOVA + BUFFER_SIZE / 2, BUFFER_SIZE / 2,
			     &unmapped), "unmap");
	expect(unmapped == BUFFER_SIZE / 2, "something else was unmapped");
	memset(ram + BUFFER_GPA, 0, BUFFER_SIZE);

	/* The driver forgot that. */
	driver_queues(ram, BUFFER_SIZE);
	expect(disk_works(unit) != NYX_FAULT_NONE, "the DMA was not refused");
	expect(ram[BUFFER_GPA + BUFFER_SIZE / 2 - 1] == 0x5a, "the allowed half is missing");
	expect(ram[BUFFER_GPA + BUFFER_SIZE / 2] == 0, "the other half was written");
	expect(print_events(events) == 1, "not one event");

	check(nyx_unit_status_get(unit, &status), "status");
	printf("unit: %" PRIu32 " device, %" PRIu32 " domain, %" PRIu64 " bytes mapped, %" PRIu64
	       " fault\n", status.nr_devices, status.nr_domains, status.mapped_bytes,
	       status.fault_events);

	close(events);
	nyx_unit_unref(unit);
	puts("done");
	return 0;
}
