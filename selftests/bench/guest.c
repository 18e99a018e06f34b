// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: the program for the test VM. Rows Q2, M10, S4 and S5.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * usage: nyx-bench-guest load FILE [PARAMETER=VALUE]...
 *        nyx-bench-guest limits SECONDS
 *        nyx-bench-guest wait REPETITIONS
 *        nyx-bench-guest calls REPETITIONS
 *
 * The first loads a module from a process that has an eventfd, and names it to
 * the module. The second says how much a device comes to within SECONDS under a
 * limit, when its burst is used up; what is left of the burst at the end, of 10 ms
 * at most, is part of the error. The third is a guest that invalidates a page of one of
 * its domains and waits for that, with many domains and with few, in turns. The last
 * is a program that has the kernel do what it knows many of: by a system call for each, by a
 * ring of io_uring, by an array.
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

#include "../include/ring.h"

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

/* A unit with memory, a device, and an interrupt for it. @flags: of the memory. */
static void setup(__u32 flags)
{
	struct nyx_unit_create create = { .size = sizeof(create) };
	struct nyx_memory_add mem = { .size = sizeof(mem), .flags = flags, .length = MEMORY };
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

/* ---- a guest that waits -------------------------------------------------- */

#define VTD_IQT		0x088u
#define VTD_IQA		0x090u
#define VTD_GCMD	0x018u
#define VTD_RTADDR	0x020u
#define VTD_SRTP	0x40000000u
#define VTD_QIE		0x04000000u
#define VTD_TE		0x80000000u
#define AT_ROOT		0x1000u
#define AT_QUEUE	0x2000u
#define AT_STATUS	0x3000u
#define AT_CONTEXTS	0x10000u	/* a page for each bus */
#define MANY		4096u
#define FEW		4u
#define BATCH		2000u

/**
 * struct waiter - a guest
 * @fd: its unit
 * @memory: its memory
 * @tail: of its queue
 */
struct waiter {
	int fd;
	__u64 *memory;
	__u32 tail;
};

static void mmio_write(const struct waiter *w, __u32 offset, __u32 width, __u64 value)
{
	struct nyx_mmio cmd = {
		.size = sizeof(cmd), .flags = NYX_MMIO_F_WRITE, .offset = offset,
		.width = width, .value = value,
	};

	check(!ioctl(w->fd, NYX_MMIO, &cmd));
}

/* A device makes an access, so that the unit has its domain. */
static void use_device(const struct waiter *w, __u32 sbdf)
{
	char byte;
	struct nyx_dma cmd = {
		.size = sizeof(cmd), .sbdf = sbdf, .pasid = NYX_PASID_NONE,
		.op = NYX_DMA_READ, .length = 1, .buffer = (unsigned long)&byte,
	};

	check(!ioctl(w->fd, NYX_DMA, &cmd));
	check(cmd.out_done == 1);
}

/* A unit whose devices pass through, each in a domain of its own. */
static void waiter_open(struct waiter *w, unsigned int domains)
{
	struct nyx_unit_create create = {
		.size = sizeof(create), .model = NYX_MODEL_VTD, .max_devices = MANY,
	};
	struct nyx_memory_add mem = { .size = sizeof(mem), .length = MEMORY };
	unsigned int i;
	char *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	check(memory != MAP_FAILED);
	w->memory = (__u64 *)memory;
	w->tail = 0;
	mem.user_addr = (unsigned long)memory;
	check((w->fd = open("/dev/nyx-iommu", O_RDWR | O_CLOEXEC)) >= 0);
	check(!ioctl(w->fd, NYX_UNIT_CREATE, &create));
	check(!ioctl(w->fd, NYX_MEMORY_ADD, &mem));
	for (i = 0; i < domains; i++) {
		struct nyx_device_add dev = { .size = sizeof(dev), .sbdf = i };
		__u64 context = AT_CONTEXTS + (i >> 8) * 0x1000u;

		w->memory[(AT_ROOT + (i >> 8) * 16) / 8] = context | 1;
		w->memory[(context + (i & 255) * 16) / 8] = 2 << 2 | 1;
		w->memory[(context + (i & 255) * 16) / 8 + 1] = (__u64)(i + 1) << 8 | 2;
		check(!ioctl(w->fd, NYX_DEVICE_ADD, &dev));
	}
	mmio_write(w, VTD_RTADDR, 8, AT_ROOT);
	mmio_write(w, VTD_GCMD, 4, VTD_SRTP);
	mmio_write(w, VTD_IQA, 8, AT_QUEUE);
	mmio_write(w, VTD_GCMD, 4, VTD_QIE);
	mmio_write(w, VTD_GCMD, 4, VTD_QIE | VTD_TE);
	for (i = 0; i < domains; i++)
		use_device(w, i);
}

static void waiter_put(struct waiter *w, __u64 lo, __u64 hi)
{
	w->memory[(AT_QUEUE + w->tail) / 8] = lo;
	w->memory[(AT_QUEUE + w->tail) / 8 + 1] = hi;
	w->tail = (w->tail + 16) % 4096;
}

/* The time of an invalidation of a page of domain 1 with a wait, in picoseconds. */
static __u64 waiter_run(struct waiter *w, unsigned int n)
{
	__u64 start = now();
	unsigned int i;

	for (i = 1; i <= n; i++) {
		waiter_put(w, 0xf2 | 1 << 16, 0x1000);
		waiter_put(w, 0x25 | (__u64)i << 32, AT_STATUS);
		mmio_write(w, VTD_IQT, 8, w->tail);
		check((__u32)w->memory[AT_STATUS / 8] == i);
	}
	return (now() - start) * 1000 / n;
}

static void waits(unsigned int reps)
{
	__u64 many = ~0ull, few = ~0ull, t;
	struct waiter a, b;
	unsigned int i;

	waiter_open(&a, MANY);
	waiter_open(&b, FEW);
	for (i = 0; i < reps; i++) {
		t = waiter_run(&a, BATCH);
		many = t < many ? t : many;
		t = waiter_run(&b, BATCH);
		few = t < few ? t : few;
	}
	printf("row\tM10\tVT-d: invalidate a page and wait, %u domains\t%llu\t%llu\t"
	       "the same with %u\t%llu\t-\t0\t90\t-\n", MANY, many, many, FEW, few);
}

/* ---- the same by calls, rings and arrays ----------------------------------- */

#define MOST		256u	/* items of an array, and commands in a row */
#define PAGE		4096u
#define FREE_IOVA	(1ull << 30)

union item {
	struct nyx_head head;
	struct nyx_dma dma;
	struct nyx_translate translate;
	struct nyx_map map;
	struct nyx_unmap unmap;
	struct nyx_invalidate invalidate;
	struct nyx_irte_set irte;
	struct nyx_irq_send irq;
	struct nyx_view_fill fill;
	struct nyx_mmio mmio;
};

static char buffers[64][PAGE] __attribute__((aligned(4096)));

static void fill_dma(union item *item, unsigned int i, unsigned int length)
{
	item->dma = (struct nyx_dma){
		.size = sizeof(item->dma), .sbdf = SBDF, .pasid = NYX_PASID_NONE,
		.op = NYX_DMA_READ, .iova = i * PAGE, .length = length,
		.buffer = (unsigned long)buffers[i % 64],
	};
}

static void fill_dma64(union item *item, unsigned int i) { fill_dma(item, i, 64); }
static void fill_dma4k(union item *item, unsigned int i) { fill_dma(item, i, PAGE); }

static void fill_translate(union item *item, unsigned int i)
{
	item->translate = (struct nyx_translate){
		.size = sizeof(item->translate), .sbdf = SBDF, .pasid = NYX_PASID_NONE,
		.access = NYX_PROT_READ, .iova = i * PAGE, .length = 1,
	};
}

static void fill_map(union item *item, unsigned int i)
{
	item->map = (struct nyx_map){
		.size = sizeof(item->map), .domain_id = DOMAIN, .prot = NYX_PROT_READ,
		.iova = FREE_IOVA + i * PAGE, .length = PAGE,
	};
}

static void fill_unmap(union item *item, unsigned int i)
{
	item->unmap = (struct nyx_unmap){
		.size = sizeof(item->unmap), .domain_id = DOMAIN, .iova = FREE_IOVA + i * PAGE,
		.length = PAGE,
	};
}

static void fill_invalidate(union item *item, unsigned int i)
{
	item->invalidate = (struct nyx_invalidate){
		.size = sizeof(item->invalidate), .pasid = NYX_PASID_NONE,
		.scope = NYX_SCOPE_RANGE, .domain_id = DOMAIN, .iova = FREE_IOVA + i * PAGE,
		.length = PAGE,
	};
}

static void fill_irte(union item *item, unsigned int i)
{
	item->irte = (struct nyx_irte_set){
		.size = sizeof(item->irte), .index = i % 64, .vector = 0x40,
		.source_check = NYX_SOURCE_RID, .source = SBDF,
	};
}

static void fill_irq(union item *item, unsigned int i)
{
	(void)i;
	item->irq = (struct nyx_irq_send){
		.size = sizeof(item->irq), .sbdf = SBDF, .address = 0xfee00010,
	};
}

static void fill_mmio(union item *item, unsigned int i)
{
	(void)i;
	item->mmio = (struct nyx_mmio){
		.size = sizeof(item->mmio), .offset = 0x40, .width = 4,
	};
}

static int array(int fd, __u32 cmd, union item *items, size_t size, unsigned int nr)
{
	struct nyx_array a = {
		.size = sizeof(a), .cmd = cmd, .item_size = size, .nr = nr,
		.items = (unsigned long)items,
	};

	return ioctl(fd, NYX_ARRAY, &a);
}

/* An array is packed. */
static void fill_all(char *items, size_t size, unsigned int nr,
		     void (*fill)(union item *item, unsigned int i))
{
	union item item;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		fill(&item, i);
		memcpy(items + i * size, &item, size);
	}
}

static __u64 smaller(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

/**
 * struct op - a command that is done by an ioctl, and by a ring
 * @name: what it is
 * @request: its number
 * @size: of its structure
 * @fill: makes the structure
 * @fixed: its buffer may be registered
 */
static const struct op {
	const char *name;
	unsigned long request;
	size_t size;
	void (*fill)(union item *item, unsigned int i);
	bool fixed;
} ops[] = {
	{ "DMA read, 64 B", NYX_DMA, sizeof(struct nyx_dma), fill_dma64, true },
	{ "DMA read, 4 KiB", NYX_DMA, sizeof(struct nyx_dma), fill_dma4k, true },
	{ "translate", NYX_TRANSLATE, sizeof(struct nyx_translate), fill_translate, false },
};

/* The time of a command, in picoseconds. */
static __u64 by_ioctl(const struct op *op, char *items)
{
	__u64 start = now();
	unsigned int i;

	for (i = 0; i < MOST; i++)
		check(!ioctl(unit, op->request, items + i * op->size));
	return (now() - start) * 1000 / MOST;
}

static __u64 by_ring(struct ring *r, const struct op *op, char *items, unsigned int depth,
		     bool fixed, int flags)
{
	__u64 start = now();
	unsigned int i, j;
	struct io_uring_cqe cqe;

	for (i = 0; i < MOST; i += depth) {
		for (j = 0; j < depth; j++) {
			struct io_uring_sqe *sqe = ring_command(r, unit, op->request,
								items + (i + j) * op->size);

			sqe->flags = flags;
			sqe->uring_cmd_flags = fixed ? IORING_URING_CMD_FIXED : 0;
		}
		check(!ring_submit(r, depth));
		for (j = 0; j < depth; j++)
			check(ring_reap(r, &cqe) && !cqe.res);
	}
	return (now() - start) * 1000 / MOST;
}

static void measure_ring(struct ring *r, const struct op *op, char *items, unsigned int depth,
			 bool fixed, int flags, unsigned int reps)
{
	__u64 ring = ~0ull, call = ~0ull;
	unsigned int i;

	fill_all(items, op->size, MOST, op->fill);
	for (i = 0; i < reps; i++) {
		ring = smaller(ring, by_ring(r, op, items, depth, fixed, flags));
		call = smaller(call, by_ioctl(op, items));
	}
	printf("row\tS4\tio_uring, depth %u: %s%s%s\t%llu\t%llu\tthe ioctl\t%llu\t-\t0\t0\t-\n", depth,
	       op->name, fixed ? ", registered" : "", flags ? ", by a worker" : "", ring, ring,
	       call);
	fflush(stdout);
}

static void measure_rings(char *items, unsigned int reps)
{
	static const unsigned int depths[] = { 1, 4, 16, 64 };
	const struct iovec iov = { .iov_base = buffers, .iov_len = sizeof(buffers) };
	struct ring r;
	unsigned int i, j;

	check(!ring_open(&r, 64, 0));
	check(!ring_buffers(&r, &iov, 1));
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		for (j = 0; j < sizeof(depths) / sizeof(depths[0]); j++)
			measure_ring(&r, &ops[i], items, depths[j], false, 0, reps);
		for (j = 0; ops[i].fixed && j < sizeof(depths) / sizeof(depths[0]); j++)
			measure_ring(&r, &ops[i], items, depths[j], true, 0, reps);
	}
	measure_ring(&r, &ops[0], items, 1, false, IOSQE_ASYNC, reps);
	measure_ring(&r, &ops[0], items, 64, false, IOSQE_ASYNC, reps);
	ring_close(&r);
}

/**
 * struct kind - a command of arrays
 * @name: what an item is
 * @cmd: its number
 * @size: of its structure
 * @fill: makes an item
 */
static const struct kind {
	const char *name;
	__u32 cmd;
	size_t size;
	void (*fill)(union item *item, unsigned int i);
} kinds[] = {
	{ "map of a page", NYX_CMD_MAP, sizeof(struct nyx_map), fill_map },
	{ "unmap of a page", NYX_CMD_UNMAP, sizeof(struct nyx_unmap), fill_unmap },
	{ "invalidation of a page", NYX_CMD_INVALIDATE, sizeof(struct nyx_invalidate),
	  fill_invalidate },
	{ "translation", NYX_CMD_TRANSLATE, sizeof(struct nyx_translate), fill_translate },
	{ "DMA read, 64 B", NYX_CMD_DMA, sizeof(struct nyx_dma), fill_dma64 },
	{ "interrupt entry", NYX_CMD_IRTE_SET, sizeof(struct nyx_irte_set), fill_irte },
	{ "interrupt", NYX_CMD_IRQ_SEND, sizeof(struct nyx_irq_send), fill_irq },
	{ "read of a register", NYX_CMD_MMIO, sizeof(struct nyx_mmio), fill_mmio },
};

/* The time of an array, in picoseconds; of several in a row, because the clock is coarse. */
static __u64 by_array(int fd, const struct kind *k, char *items, unsigned int nr)
{
	const bool once = k->cmd == NYX_CMD_MAP || k->cmd == NYX_CMD_UNMAP;
	const unsigned int rounds = once ? 1 : 16;
	unsigned int i;
	__u64 start;

	if (k->cmd == NYX_CMD_UNMAP) {
		fill_all(items, sizeof(struct nyx_map), nr, fill_map);
		check(!array(fd, NYX_CMD_MAP, (union item *)items, sizeof(struct nyx_map), nr));
	}
	fill_all(items, k->size, nr, k->fill);
	start = now();
	for (i = 0; i < rounds; i++)
		check(!array(fd, k->cmd, (union item *)items, k->size, nr));
	start = (now() - start) * 1000 / rounds;
	if (k->cmd == NYX_CMD_MAP) {
		fill_all(items, sizeof(struct nyx_unmap), nr, fill_unmap);
		check(!array(fd, NYX_CMD_UNMAP, (union item *)items, sizeof(struct nyx_unmap), nr));
	}
	return start;
}

static void measure_arrays(char *items, unsigned int reps)
{
	struct nyx_unit_create create = { .size = sizeof(create), .model = NYX_MODEL_VTD };
	int vtd = open("/dev/nyx-iommu", O_RDWR | O_CLOEXEC);
	unsigned int i, j;

	check(vtd >= 0 && !ioctl(vtd, NYX_UNIT_CREATE, &create));
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const int fd = kinds[i].cmd == NYX_CMD_MMIO ? vtd : unit;
		__u64 one = ~0ull, all = ~0ull, item;

		for (j = 0; j < reps; j++) {
			one = smaller(one, by_array(fd, &kinds[i], items, 1));
			all = smaller(all, by_array(fd, &kinds[i], items, MOST));
		}
		item = all > one ? (all - one) / (MOST - 1) : 0;
		printf("row\tS5\tan array, by the item: %s\t%llu\t%llu\tan array of one\t%llu\t-\t25000\t0\t-\n",
		       kinds[i].name, item, item, one);
		fflush(stdout);
	}
	close(vtd);
}

static void calls(unsigned int reps)
{
	char *items = calloc(MOST, sizeof(union item));

	check(items);
	setup(NYX_MEMORY_F_PINNED);
	measure_rings(items, reps);
	measure_arrays(items, reps);
}

int main(int argc, char **argv)
{
	unsigned int i;

	if (argc >= 3 && !strcmp(argv[1], "load")) {
		load(argc - 2, argv + 2);
	} else if (argc == 3 && !strcmp(argv[1], "limits")) {
		setup(0);
		for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
			measure(&rates[i], atoi(argv[2]));
	} else if (argc == 3 && !strcmp(argv[1], "wait")) {
		waits(atoi(argv[2]));
	} else if (argc == 3 && !strcmp(argv[1], "calls")) {
		calls(atoi(argv[2]));
	} else {
		return 2;
	}
	return 0;
}
