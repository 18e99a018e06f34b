// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long interrupts of a disk take: latency DEVICE READS LIMIT-IN-MS. One read at a time,
 * past the page cache, so that each is a kick of the device, and an interrupt for which the
 * processor sleeps. Prints one line. A wake-up that is lost, and made good by whatever wakes
 * the processor next, shows as a read that took very long.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECTOR	4096

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Of all virtio devices and processors */
static unsigned long interrupts(void)
{
	FILE *f = fopen("/proc/interrupts", "r");
	unsigned long sum = 0, n;
	char line[4096], *p, *end;

	while (f && fgets(line, sizeof(line), f)) {
		p = strchr(line, ':');
		if (!p || !strstr(p, "virtio"))
			continue;
		for (p++; n = strtoul(p, &end, 10), end != p; p = end)
			sum += n;
	}
	if (f)
		fclose(f);
	return sum;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	unsigned long nr = argc == 4 ? strtoul(argv[2], NULL, 10) : 0, i, late = 0, before;
	uint64_t limit = argc == 4 ? strtoull(argv[3], NULL, 10) * 1000 : 0, *took, start;
	off_t sectors;
	void *buffer;
	int fd;

	if (!nr || !limit)
		return 2;
	fd = open(argv[1], O_RDONLY | O_DIRECT);
	sectors = fd < 0 ? 0 : lseek(fd, 0, SEEK_END) / SECTOR;
	took = calloc(nr, sizeof(*took));
	buffer = aligned_alloc(SECTOR, SECTOR);
	if (sectors <= 0 || !took || !buffer) {
		printf("failed: no disk %s\n", argv[1]);
		return 1;
	}
	before = interrupts();
	for (i = 0; i < nr; i++) {
		start = now_us();
		if (pread(fd, buffer, SECTOR, (off_t)(i % (uint64_t)sectors) * SECTOR) != SECTOR) {
			printf("failed: read %lu of %s\n", i, argv[1]);
			return 1;
		}
		took[i] = now_us() - start;
		late += took[i] > limit;
	}
	before = interrupts() - before;
	qsort(took, nr, sizeof(*took), by_size);
	printf("reads %lu interrupts %lu median %llu p99 %llu longest %llu late %lu\n", nr, before,
	       (unsigned long long)took[nr / 2], (unsigned long long)took[(nr - 1) * 99 / 100],
	       (unsigned long long)took[nr - 1], late);
	return 0;
}
