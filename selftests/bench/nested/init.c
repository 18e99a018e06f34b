// SPDX-License-Identifier: GPL-2.0-only
/*
 * First process of a guest that is measured: loads the modules, reads a disk in several ways,
 * and powers off.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The kernel's command line has the disk, disk=vda or disk=nvme0n1, and the loads,
 * io=NAME:BYTES:WAY:DEPTH:COUNT: COUNT reads of BYTES, WAY is seq, random or same, DEPTH of them
 * at a time. Before and after each, it says so on the console and waits for a line; the script
 * that measures counts there.
 *
 *	io: init NS			the time since the kernel began
 *	io: domain TYPE INTERRUPTS	of the disk: DMA-FQ, DMA, ..., none; remapped or direct
 *	io: begin NAME
 *	io: end NAME NS COUNT INTERRUPTS
 *	io: failed WHAT
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <linux/fs.h>

#define MAX_DEPTH	64
#define MAX_BYTES	(1 << 20)

/* A disk: its name, the device's IOMMU group, and the interrupts of its queues */
static const struct disk {
	const char *name, *group, *queue;
} disks[] = {
	{ "vda", "/sys/block/vda/device/../iommu_group/type", "virtio0-req" },
	{ "nvme0n1", "/sys/class/nvme/nvme0/device/iommu_group/type", "nvme0q" },
};

static const struct disk *disk;

static void die(const char *what)
{
	printf("io: failed %s: %s\n", what, strerror(errno));
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void load_modules(void)
{
	char name[128], path[160];
	FILE *list = fopen("/modules/list", "r");
	int fd;

	if (!list)
		die("/modules/list");
	while (fscanf(list, "%127s", name) == 1) {
		snprintf(path, sizeof(path), "/modules/%s", name);
		fd = open(path, O_RDONLY);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			die(path);
		close(fd);
	}
	fclose(list);
}

/* All lines of the disk's queue, all processors, and whether a unit remaps them */
static uint64_t interrupts(bool *remapped)
{
	char line[1024], *at, *end;
	uint64_t sum = 0, n;
	FILE *f = fopen("/proc/interrupts", "r");

	if (!f)
		die("/proc/interrupts");
	*remapped = false;
	while (fgets(line, sizeof(line), f)) {
		at = strchr(line, ':');
		if (!at || !strstr(line, disk->queue))
			continue;
		*remapped = strstr(line, " IR-");
		for (at++;; at = end) {
			n = strtoull(at, &end, 10);
			if (end == at)
				break;
			sum += n;
		}
	}
	fclose(f);
	return sum;
}

/* A disk that reaches memory past the unit would measure something else */
static void tell_domain(void)
{
	FILE *f = fopen(disk->group, "r");
	char type[32] = "none";
	bool remapped;

	if (f) {
		if (fscanf(f, "%31s", type) != 1)
			die("the disk's IOMMU group");
		fclose(f);
	}
	interrupts(&remapped);
	printf("io: domain %s %s\n", type, remapped ? "remapped" : "direct");
}

static void wait_for_line(void)
{
	char line[64];

	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		die("no line on the console");
}

struct load {
	char name[32], way[16];
	unsigned int bytes, depth, count;
};

static uint64_t offset(const struct load *l, unsigned int i, uint64_t blocks)
{
	static uint64_t x = UINT64_C(0x9e3779b97f4a7c15);

	if (!strcmp(l->way, "same"))
		return 0;
	if (!strcmp(l->way, "seq"))
		return i % blocks * l->bytes;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x % blocks * l->bytes;
}

/* One at a time as any program does it, more by asynchronous I/O */
static void read_all(int fd, const struct load *l, uint8_t *memory, uint64_t blocks)
{
	struct io_event events[MAX_DEPTH];
	struct iocb cbs[MAX_DEPTH], *submit;
	unsigned int sent = 0, done = 0, i;
	aio_context_t ctx = 0;
	long n;

	if (l->depth == 1) {
		for (i = 0; i < l->count; i++) {
			if (pread(fd, memory, l->bytes, (off_t)offset(l, i, blocks)) != l->bytes)
				die("read");
		}
		return;
	}
	if (syscall(SYS_io_setup, MAX_DEPTH, &ctx))
		die("io_setup");
	memset(cbs, 0, sizeof(cbs));
	for (i = 0; i < l->depth && sent < l->count; i++)
		events[i].data = i;
	n = i;
	do {
		for (i = 0; i < n && sent < l->count; i++) {
			struct iocb *cb = &cbs[events[i].data];

			*cb = (struct iocb){
				.aio_data = events[i].data, .aio_lio_opcode = IOCB_CMD_PREAD,
				.aio_fildes = (uint32_t)fd, .aio_nbytes = l->bytes,
				.aio_buf = (uintptr_t)(memory + events[i].data * l->bytes),
				.aio_offset = (int64_t)offset(l, sent, blocks),
			};
			submit = cb;
			if (syscall(SYS_io_submit, ctx, 1, &submit) != 1)
				die("io_submit");
			sent++;
		}
		n = syscall(SYS_io_getevents, ctx, 1, MAX_DEPTH, events, NULL);
		if (n < 1)
			die("io_getevents");
		for (i = 0; i < n; i++) {
			if (events[i].res != l->bytes)
				die("asynchronous read");
		}
		done += (unsigned int)n;
	} while (done < l->count);
	syscall(SYS_io_destroy, ctx);
}

static void measure(int fd, const struct load *l, uint64_t size, uint8_t *memory)
{
	uint64_t before, ns;
	bool remapped;

	printf("io: begin %s\n", l->name);
	wait_for_line();
	before = interrupts(&remapped);
	ns = now(CLOCK_MONOTONIC);
	read_all(fd, l, memory, size / l->bytes);
	ns = now(CLOCK_MONOTONIC) - ns;
	printf("io: end %s %llu %u %llu\n", l->name, (unsigned long long)ns, l->count,
	       (unsigned long long)(interrupts(&remapped) - before));
	wait_for_line();
}

static int open_disk(uint64_t *size)
{
	const struct timespec some = { .tv_nsec = 10000000 };
	int fd = -1, i;
	char path[32];

	snprintf(path, sizeof(path), "/dev/%s", disk->name);
	for (i = 0; fd < 0 && i < 3000; i++) {
		fd = open(path, O_RDONLY | O_DIRECT);
		if (fd < 0)
			nanosleep(&some, NULL);
	}
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, size))
		die(path);
	return fd;
}

static void find_disk(const char *line)
{
	const char *at = strstr(line, "disk=");
	char name[16] = "";
	size_t i;

	if (at)
		sscanf(at, "disk=%15s", name);
	for (i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
		if (!strcmp(disks[i].name, name))
			disk = &disks[i];
	}
	errno = EINVAL;
	if (!disk)
		die("disk=");
}

int main(void)
{
	static char line[4096];
	struct load l;
	struct termios tio;
	uint64_t size = 0;
	uint8_t *memory;
	FILE *f;
	char *word;
	int fd;

	printf("io: init %llu\n", (unsigned long long)now(CLOCK_BOOTTIME));
	fflush(stdout);
	if (!tcgetattr(0, &tio)) {
		tio.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(0, TCSANOW, &tio);
	}
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sysfs", "/sys", "sysfs", 0, NULL) ||
	    (mount("dev", "/dev", "devtmpfs", 0, NULL) && errno != EBUSY))
		die("mount");
	load_modules();
	f = fopen("/proc/cmdline", "r");
	if (!f || !fgets(line, sizeof(line), f))
		die("/proc/cmdline");
	find_disk(line);
	fd = open_disk(&size);
	tell_domain();
	memory = mmap(NULL, MAX_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		die("memory");
	for (word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
		if (sscanf(word, "io=%31[^:]:%u:%15[^:]:%u:%u", l.name, &l.bytes, l.way, &l.depth,
			   &l.count) != 5)
			continue;
		errno = EINVAL;
		if (!l.bytes || !l.depth || l.depth > MAX_DEPTH ||
		    (uint64_t)l.bytes * l.depth > MAX_BYTES || size < l.bytes)
			die(word);
		measure(fd, &l, size, memory);
	}
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
