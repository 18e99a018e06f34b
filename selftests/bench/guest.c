// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: the program for the test VM. Row Q2.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * usage: nyx-bench-guest load FILE [PARAMETER=VALUE]...
 *        nyx-bench-guest limits SECONDS
 *
 * The first loads a module from a process that has an eventfd, and names it to
 * the module. The second says how much a device comes to within SECONDS under a
 * limit, when its burst is used up; what is left of the burst at the end, of 10 ms
 * at most, is part of the error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/nyx_iommu.h>

#define SBDF		0x108u
#define DOMAIN		1u
#define MEMORY		(4ull << 20)
#define SEC		1000000000ull

#define check(cond)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "nyx-bench-guest: %d: %s: %s\n", \
				__LINE__, #cond, strerror(errno));	\
			exit(1);					\
		}							\
	} while (0)

static int unit = -1;

static void load(int argc, char **argv)
{
	char params[1024] = "";
	size_t n = 0;
	int fd, i;

	check((fd = open(argv[0], O_RDONLY | O_CLOEXEC)) >= 0);
	for (i = 1; i < argc && n < sizeof(params); i++)
		n += snprintf(params + n, sizeof(params) - n, "%s ", argv[i]);
	check(n < sizeof(params) - 32);
	check((i = eventfd(0, EFD_NONBLOCK)) >= 0);
	snprintf(params + n, sizeof(params) - n, "eventfd=%d", i);
	check(!syscall(SYS_finit_module, fd, params, 0));
}

/* A unit with memory, a device, and an interrupt for it. */
static void setup(void)
{
	struct nyx_unit_create create = { .size = sizeof(create) };
	struct nyx_memory_add mem = { .size = sizeof(mem), .length = MEMORY };
	struct nyx_domain_create dom = { .size = sizeof(dom), .domain_id = DOMAIN };
	struct nyx_device_add dev = { .size = sizeof(dev), .sbdf = SBDF };
	struct nyx_device_attach attach = {
		.size = sizeof(attach), .sbdf = SBDF, .domain_id = DOMAIN,
		.pasid = NYX_PASID_NONE,
	};
	struct nyx_map map = {
		.size = sizeof(map), .domain_id = DOMAIN, .length = MEMORY,
		.prot = NYX_PROT_READ | NYX_PROT_WRITE,
	};
	struct nyx_irte_set irte = {
		.size = sizeof(irte), .vector = 0x40, .source_check = NYX_SOURCE_RID,
		.source = SBDF,
	};
	char *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	check(memory != MAP_FAILED);
	mem.user_addr = (unsigned long)memory;
	check((unit = open("/dev/nyx-iommu", O_RDWR | O_CLOEXEC)) >= 0);
	check(!ioctl(unit, NYX_UNIT_CREATE, &create));
	check(!ioctl(unit, NYX_MEMORY_ADD, &mem));
	check(!ioctl(unit, NYX_DOMAIN_CREATE, &dom));
	check(!ioctl(unit, NYX_DEVICE_ADD, &dev));
	check(!ioctl(unit, NYX_DEVICE_ATTACH, &attach));
	check(!ioctl(unit, NYX_MAP, &map));
	check(!ioctl(unit, NYX_IRTE_SET, &irte));
}

static void dma(__u64 length)
{
	static char buf[1 << 20];
	struct nyx_dma cmd = {
		.size = sizeof(cmd), .sbdf = SBDF, .pasid = NYX_PASID_NONE,
		.op = NYX_DMA_READ, .length = length, .buffer = (unsigned long)buf,
	};

	check(!ioctl(unit, NYX_DMA, &cmd));
	check(cmd.out_done == length);
}

static void irq(__u64 unused)
{
	struct nyx_irq_send cmd = {
		.size = sizeof(cmd), .sbdf = SBDF, .address = 0xfee00010,
	};

	(void)unused;
	check(!ioctl(unit, NYX_IRQ_SEND, &cmd));
	check(cmd.out_result == NYX_IRQ_DELIVER);
}

static __u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

/**
 * struct rate - a limit, and what comes to it
 * @name: what it is
 * @limits: the limit
 * @one: what the device does
 * @length: handed to it
 * @once: what it counts
 * @rate: the limit
 */
static const struct rate {
	const char *name;
	struct nyx_limits limits;
	void (*one)(__u64 length);
	__u64 length;
	__u64 once;
	__u64 rate;
} rates[] = {
	{ "limit of 100 MB/s, reads of 64 KiB", { .bytes_per_s = 100000000 },
	  dma, 65536, 65536, 100000000 },
	{ "limit of 1000 operations/s, reads of 64 B", { .ops_per_s = 1000 },
	  dma, 64, 1, 1000 },
	{ "limit of 5000 interrupts/s", { .irqs_per_s = 5000 },
	  irq, 0, 1, 5000 },
};

static void measure(const struct rate *r, unsigned int seconds)
{
	struct nyx_limit_set cmd = {
		.size = sizeof(cmd), .scope = NYX_SCOPE_DEVICE, .id = SBDF,
		.limits = r->limits,
	};
	__u64 start = now(), end, n = 0;

	check(!ioctl(unit, NYX_LIMIT_SET, &cmd));
	while (now() - start < SEC / 2)
		r->one(r->length);
	start = now();
	do {
		r->one(r->length);
		n++;
		end = now();
	} while (end - start < seconds * SEC);
	printf("row\tQ2\t%s, %u s\t%llu\t-\tthe limit\t%llu\t-\t0\t0\terror %+.3f %%\n",
	       r->name, seconds, (end - start) * 1000 / n,
	       r->once * SEC * 1000 / r->rate,
	       100.0 * n * r->once * SEC / ((double)r->rate * (end - start)) - 100);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	unsigned int i;

	if (argc >= 3 && !strcmp(argv[1], "load")) {
		load(argc - 2, argv + 2);
	} else if (argc == 3 && !strcmp(argv[1], "limits")) {
		setup();
		for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
			measure(&rates[i], atoi(argv[2]));
	} else {
		return 2;
	}
	return 0;
}
