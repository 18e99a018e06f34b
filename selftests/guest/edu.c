// SPDX-License-Identifier: GPL-2.0-only
/*
 * The edu device from a program: edu DIRECTORY-IN-SYSFS. Bound to uio_pci_generic, which
 * gives its interrupts. Prints "NAME ok" or "NAME failed ..." for each thing it tries.
 * "edu DIRECTORY read|write IOVA TIMES" only makes the device access 16 bytes there, one access
 * after the other. "edu DIRECTORY copy" has it copy 16 bytes from a page to another one, at their
 * physical addresses.
 * "edu exit" writes 5 to the port that ends the machine.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE		4096
#define DMA_MEMORY	0x40000
#define TO_RAM		2
#define COMMAND		4
#define COMMAND_MEMORY	2
#define COMMAND_MASTER	4
#define COMMAND_NO_INTX	0x400

static volatile uint8_t *regs;
static int bad;

static uint64_t get64(unsigned int at) { return *(volatile uint64_t *)(regs + at); }
static uint32_t get32(unsigned int at) { return *(volatile uint32_t *)(regs + at); }
static void set32(unsigned int at, uint32_t v) { *(volatile uint32_t *)(regs + at) = v; }
static void set64(unsigned int at, uint64_t v) { *(volatile uint64_t *)(regs + at) = v; }

static void check(const char *what, int good, uint64_t value)
{
	if (good)
		printf("%s ok\n", what);
	else
		printf("%s failed %#llx\n", what, (unsigned long long)value);
	bad |= !good;
}

static void set_command(const char *dir, uint16_t set, uint16_t clear)
{
	uint16_t value = 0;
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/config", dir);
	fd = open(path, O_RDWR);
	if (fd < 0 || pread(fd, &value, 2, COMMAND) != 2)
		return;
	value = (value | set) & ~clear;
	if (pwrite(fd, &value, 2, COMMAND) != 2)
		printf("command failed\n");
	close(fd);
}

/* The page's physical address; this is as good as an IOVA where there is no IOMMU. */
static uint64_t physical(const void *p)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0 || pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8) != 8)
		return 0;
	close(fd);
	return (entry & ((UINT64_C(1) << 55) - 1)) * PAGE;
}

static void dma(uint64_t from, uint64_t to, uint64_t direction)
{
	set64(0x80, from);
	set64(0x88, to);
	set64(0x98, 1 | direction);
}

static int interrupted(int uio)
{
	struct pollfd pfd = { .fd = uio, .events = POLLIN };
	uint32_t count;

	return poll(&pfd, 1, 10000) == 1 && read(uio, &count, 4) == 4;
}

static void try_interrupt(const char *dir)
{
	int uio = open("/dev/uio0", O_RDWR), i;

	if (uio < 0) {
		check("uio", 0, 0);
		return;
	}
	/* Level-triggered and shared: a lost EOI ends this after the first. */
	for (i = 0; i < 3; i++) {
		set_command(dir, 0, COMMAND_NO_INTX);	/* uio masks it each time */
		set32(0x60, 0x10 << i);
		if (!interrupted(uio))
			break;
		if (get32(0x24) != 0x10u << i)
			break;
		set32(0x64, 0x10 << i);
	}
	check("interrupt", i == 3, (uint64_t)i);
	close(uio);
}

/* The device does not report the outcome. */
static int access_only(const char *how, uint64_t iova, int times)
{
	int tries;

	set64(0x90, 16);
	while (times-- > 0) {
		if (!strcmp(how, "write"))
			dma(DMA_MEMORY, iova, TO_RAM);
		else
			dma(iova, DMA_MEMORY, 0);
		/* The device of QEMU takes a tenth of a second. */
		for (tries = 0; get64(0x98) & 1 && tries < 1000; tries++)
			usleep(1000);
	}
	return 0;
}

static uint8_t *two_pages(void)
{
	return mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
}

static int copy(void)
{
	uint8_t *a = two_pages(), *b = a + PAGE;

	memcpy(a, "from one to two", 16);
	access_only("read", physical(a), 1);
	access_only("write", physical(b), 1);
	check("copy", !memcmp(a, b, 16), b[0]);
	return bad;
}

int main(int argc, char **argv)
{
	uint8_t *a, *b;
	uint64_t pa, pb;
	char path[256];
	int fd, i;

	if (argc != 2 && argc != 3 && argc != 5)
		return 2;
	if (!strcmp(argv[1], "exit") && !ioperm(0xf4, 1, 1))
		outb(5, 0xf4);
	set_command(argv[1], COMMAND_MEMORY | COMMAND_MASTER, 0);
	snprintf(path, sizeof(path), "%s/resource0", argv[1]);
	fd = open(path, O_RDWR);
	regs = fd < 0 ? MAP_FAILED :
		mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (regs == MAP_FAILED) {
		check("resource0", 0, 0);
		return 1;
	}
	if (argc == 3)
		return copy();
	if (argc == 5)
		return access_only(argv[2], strtoull(argv[3], NULL, 0), atoi(argv[4]));
	check("identification", get32(0) == 0x010000ed, get32(0));
	set32(4, 0x12345678);
	check("liveness", get32(4) == ~0x12345678u, get32(4));
	set32(8, 10);
	while (get32(0x20) & 1)
		;
	check("factorial", get32(8) == 3628800, get32(8));
	try_interrupt(argv[1]);

	a = two_pages();
	b = a + PAGE;
	for (i = 0; i < PAGE; i++) {
		a[i] = (uint8_t)(i * 7 + 3);
		b[i] = 0;
	}
	pa = physical(a);
	pb = physical(b);
	if (!pa || !pb || (pa | pb) >> 28) {
		check("dma", 0, pa | pb);
		return 1;
	}
	set64(0x90, PAGE);
	/* Not a bus master: nothing moves. uio left it so; make sure. */
	set_command(argv[1], 0, COMMAND_MASTER);
	dma(DMA_MEMORY, pb, TO_RAM);
	for (i = 0; i < PAGE && !b[i]; i++)
		;
	check("dma-no-master", i == PAGE, (uint64_t)i);
	set_command(argv[1], COMMAND_MASTER, 0);
	dma(pa, DMA_MEMORY, 0);
	dma(DMA_MEMORY, pb, TO_RAM);
	check("dma", !memcmp(a, b, PAGE), b[1]);
	/* Not a byte beyond the device's memory, or from beyond the machine's */
	memset(b, 0x5a, PAGE);
	set64(0x90, PAGE + 1);
	dma(DMA_MEMORY, pb, TO_RAM);
	set64(0x90, 16);
	dma(DMA_MEMORY + PAGE - 15, pb, TO_RAM);
	dma(UINT64_MAX - 7, pb, TO_RAM);
	set64(0x90, UINT64_MAX);
	dma(DMA_MEMORY + 16, pb, TO_RAM);
	set64(0x90, 16);
	dma(0x0ffffff8, DMA_MEMORY, 0);
	for (i = 0; i < PAGE && b[i] == 0x5a; i++)
		;
	check("dma-bounds", i == PAGE, (uint64_t)i);
	return bad;
}
