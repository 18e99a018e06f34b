// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a VMM gives its guest a device of the host, in one file: it keeps the host's IOMMU equal to
 * what the guest has mapped in Nyx, by a change stream.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 *	cc -pthread vmm-mirror.c $(pkg-config --cflags --libs libnyx)
 *	./a.out [GROUP]
 *
 * With a group of VFIO, such as 26 for /dev/vfio/26, the guest's memory is mapped for its
 * devices; without, a table in the program stands for the host's IOMMU. The first half is what a
 * VMM needs; Documentation/howto/vmm-mirror.rst quotes and explains it. The second half plays
 * the guest: its driver maps a page, and unmaps it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nyx/nyx.h>

#define RAM		(16ull << 20)
#define PAGE		4096u

static const nyx_device_t nic = { NYX_SBDF(0, 0, 5, 0) };	/* 0000:00:05.0, to the guest */

struct vm {
	struct nyx_unit *unit;
	int ram_fd;
	unsigned char *ram;
	struct nyx_changes *changes;
	struct nyx_mirror *mirror;
	int container;			/* of VFIO, or -1 */
	unsigned int cut_off;		/* how often the device was */
};

/* ---- the VMM -------------------------------------------------------------------- */

/* The guest invalidates what it maps, too: only then does the unit hear of it. */
static int unit_make(struct vm *vm)
{
	struct nyx_unit_vtd vtd = { .flags = NYX_VTD_F_CACHING_MODE };
	struct nyx_unit_create_opts opts = {
		.size = sizeof(opts),
		.model = NYX_MODEL_VTD,
		.address_width = 39,
		.data = &vtd,
		.data_len = sizeof(vtd),
	};
	struct nyx_ctx *ctx;
	int ret;

	ret = nyx_ctx_open(NULL, &ctx);
	if (ret)
		return ret;
	ret = nyx_unit_create(ctx, &opts, &vm->unit);
	nyx_ctx_unref(ctx);
	if (!ret)
		ret = nyx_memory_add_file(vm->unit, 0, vm->ram_fd, 0, RAM, 0);
	return ret ? ret : nyx_device_add(vm->unit, nic);
}

/* A container with a group, whose devices reach nothing yet. */
static int container_open(const char *group_number)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int container, group;
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%s", group_number);
	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	group = open(path, O_RDWR | O_CLOEXEC);
	if (container < 0 || group < 0 || ioctl(group, VFIO_GROUP_GET_STATUS, &status))
		return -errno;
	/* Each device of the group is bound to vfio-pci, or to no driver. */
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -EPERM;
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -errno;
	return container;
}

/* In a VMM: clear the bit Bus Master Enable, reset the function, close the container. */
static void cut_off(struct vm *vm)
{
	vm->cut_off++;
}

/* The mirror tells what becomes of the device. */
static int mirror_event(struct nyx_mirror *mirror, const struct nyx_mirror_event *event, void *arg)
{
	char text[NYX_MIRROR_TEXT_LEN];
	struct vm *vm = arg;

	(void)mirror;
	if (!nyx_mirror_event_format(event, text, sizeof(text)))
		printf("%s\n", text);
	switch (event->kind) {
	case NYX_MIRROR_STATE:
		/* A device in quarantine has nothing mapped by now; its interrupts are masked. */
		if (event->state != NYX_CHANGE_ATTACHED)
			cut_off(vm);
		return 0;
	case NYX_MIRROR_BROKEN:
		cut_off(vm);
		return 0;
	case NYX_MIRROR_REFUSED:
		/* The guest believes that it is mapped: rather none of it than most of it. */
		return -1;
	default:
		return 0;
	}
}

static int mirror_make(struct vm *vm, struct nyx_mirror_backend *backend)
{
	struct nyx_mirror_opts opts = {
		.size = sizeof(opts), .event = mirror_event, .arg = vm,
	};
	struct nyx_mirror_range conflicts[8];
	size_t nr = 0, i;
	int ret;

	ret = nyx_changes_open(vm->unit, NYX_CHANGES_F_INLINE, &vm->changes);
	if (!ret && vm->container >= 0)
		ret = nyx_mirror_vfio(vm->container, backend);
	if (!ret)
		ret = nyx_mirror_open(vm->changes, backend, &opts, &vm->mirror);
	if (!ret)
		ret = nyx_mirror_memory_add(vm->mirror, 0, RAM, vm->ram, 0);
	if (!ret)
		ret = nyx_mirror_add_device(vm->mirror, nic);
	if (ret == -ERANGE) {
		/* Give the unit fewer address bits, or tell the guest by RMRR structures. */
		nyx_mirror_check(vm->mirror, conflicts, 8, &nr);
		for (i = 0; i < nr && i < 8; i++)
			fprintf(stderr, "the host cannot map 0x%" PRIx64 " to 0x%" PRIx64 "\n",
				conflicts[i].first, conflicts[i].last);
	}
	return ret;
}

/* KVM_EXIT_MMIO of the unit's registers: the processor goes on when this one returns. */
static int mmio_write(struct vm *vm, uint32_t offset, uint32_t width, uint64_t value)
{
	struct nyx_mmio access = {
		.size = sizeof(access), .flags = NYX_MMIO_F_WRITE, .offset = offset,
		.width = width, .value = value,
	};
	int ret;

	ret = nyx_changes_mmio(vm->changes, &access);
	if (!ret && access.out_pending)
		ret = nyx_mirror_run(vm->mirror);
	return ret;
}

/* Of commands of the VMM itself: quarantine, an unplug of memory. */
static int complete(struct vm *vm, int ret)
{
	return ret == -EINPROGRESS ? nyx_mirror_run(vm->mirror) : ret;
}

static int quarantine(struct vm *vm)
{
	return complete(vm, nyx_device_quarantine(vm->unit, nic));
}

/* The unit first: devices of the VMM itself may use the memory, too. */
static int memory_unplug(struct vm *vm, uint64_t gpa, uint64_t length)
{
	int ret = complete(vm, nyx_memory_remove(vm->unit, gpa, length));

	return ret ? ret : nyx_mirror_memory_remove(vm->mirror, gpa, length);
}

/* The device is no bus master any more. */
static void vm_end(struct vm *vm)
{
	nyx_mirror_close(vm->mirror);		/* empties the container */
	nyx_changes_close(vm->changes);		/* then nobody waits for it */
	nyx_unit_unref(vm->unit);
	if (vm->container >= 0)
		close(vm->container);
}

/* ---- a back end of one's own ------------------------------------------------------ */

/* The host's IOMMU, as this program has it: the mappings, in no order. */
static struct nyx_mirror_map host[16];
static unsigned int nr_host;

static int host_map(const struct nyx_mirror_backend *backend, const struct nyx_mirror_map *map)
{
	(void)backend;
	if (nr_host == 16)
		return -ENOSPC;
	host[nr_host++] = *map;
	return 0;
}

/* The range begins and ends where mappings do. */
static int host_unmap(const struct nyx_mirror_backend *backend, uint64_t iova, uint64_t length,
		      uint64_t *unmapped)
{
	unsigned int i, left = 0;

	(void)backend;
	*unmapped = 0;
	for (i = 0; i < nr_host; i++) {
		if (host[i].iova - iova < length)
			*unmapped += host[i].length;
		else
			host[left++] = host[i];
	}
	nr_host = left;
	return 0;
}

/* As an Intel IOMMU with 39 bits: all but the messages of interrupts */
static int host_limits(const struct nyx_mirror_backend *backend, struct nyx_mirror_limits *limits)
{
	const struct nyx_mirror_range ranges[] = {
		{ 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff },
	};
	size_t i;

	(void)backend;
	limits->page_size = PAGE;
	limits->more_maps = 16 - nr_host;
	limits->nr_ranges = 2;
	for (i = 0; i < 2 && i < limits->nr; i++)
		limits->ranges[i] = ranges[i];
	return 0;
}

/* ---- the guest -------------------------------------------------------------------- */

enum {
	REG_GCMD = 0x18, REG_RTADDR = 0x20, REG_IQT = 0x88, REG_IQA = 0x90,
	ROOT = 0x1000, CONTEXTS = 0x2000, TABLES = 0x3000, STATUS = 0x8000, QUEUE = 0x9000,
	BUFFER = 0x400000,
};

#define IOVA		0x7f000000ull
#define GCMD_TE		(1u << 31)
#define GCMD_SRTP	(1u << 30)
#define GCMD_QIE	(1u << 26)
#define DID		1u

static unsigned int slot;

static void check(int ret, const char *what)
{
	if (!ret)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-ret));
	exit(1);
}

static void expect(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "this should not be: %s\n", what);
	exit(1);
}

static void put(struct vm *vm, uint64_t gpa, uint64_t value)
{
	memcpy(vm->ram + gpa, &value, sizeof(value));
}

static void queue(struct vm *vm, uint64_t low, uint64_t high)
{
	put(vm, QUEUE + 16 * slot, low);
	put(vm, QUEUE + 16 * slot + 8, high);
	slot++;
}

/* Executes the queue, and waits until the unit says that all of it is complete. */
static void queue_wait(struct vm *vm)
{
	uint32_t status = 0;

	memcpy(vm->ram + STATUS, &status, sizeof(status));
	queue(vm, 1ull << 32 | 0x25, STATUS);
	check(mmio_write(vm, REG_IQT, 4, 16 * slot), "IQT");
	memcpy(&status, vm->ram + STATUS, sizeof(status));
	expect(status == 1, "the queue was not executed");
}

static void driver_starts(struct vm *vm)
{
	unsigned int level;

	check(mmio_write(vm, REG_IQA, 8, QUEUE), "IQA");
	check(mmio_write(vm, REG_GCMD, 4, GCMD_QIE), "GCMD");
	put(vm, ROOT, CONTEXTS | 1);
	put(vm, CONTEXTS + 16 * (nic.sbdf & 0xff), TABLES | 1);
	put(vm, CONTEXTS + 16 * (nic.sbdf & 0xff) + 8, DID << 8 | 1);	/* 39 bits */
	for (level = 1; level < 3; level++)
		put(vm, TABLES + 0x1000 * (level - 1) + (IOVA >> (39 - 9 * level) & 511) * 8,
		    (TABLES + 0x1000 * level) | 3);
	check(mmio_write(vm, REG_RTADDR, 8, ROOT), "RTADDR");
	check(mmio_write(vm, REG_GCMD, 4, GCMD_QIE | GCMD_SRTP), "GCMD");
	queue(vm, 0x11, 0);				/* all contexts */
	queue(vm, 0xd2, 0);				/* all translations */
	queue_wait(vm);
	check(mmio_write(vm, REG_GCMD, 4, GCMD_QIE | GCMD_TE), "GCMD");
}

/* dma_map() and dma_unmap() of a driver */
static void set_page(struct vm *vm, uint64_t entry)
{
	put(vm, TABLES + 0x2000 + (IOVA >> 12 & 511) * 8, entry);
	queue(vm, 0xf2 | DID << 16, IOVA);
	queue_wait(vm);
}

int main(int argc, char **argv)
{
	struct nyx_mirror_backend backend = {
		.size = sizeof(backend), .map = host_map, .unmap = host_unmap,
		.limits = host_limits,
	};
	struct nyx_mirror_stat stat = NYX_MIRROR_STAT_INIT;
	struct vm vm = { .container = -1 };

	check(nyx_memfd_create("guest-ram", RAM, 0, &vm.ram_fd), "memfd");
	vm.ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, vm.ram_fd, 0);
	expect(vm.ram != MAP_FAILED, "no memory for the guest");
	if (argc > 1) {
		vm.container = container_open(argv[1]);
		check(vm.container < 0 ? vm.container : 0, argv[1]);
	}
	check(unit_make(&vm), "unit");
	check(mirror_make(&vm, &backend), "mirror");

	/* Before the driver, as if there were no IOMMU: the device reaches all of the memory. */
	check(nyx_mirror_stat_get(vm.mirror, &stat), "counts");
	expect(stat.bytes == RAM, "the memory is not mapped");

	driver_starts(&vm);
	check(nyx_mirror_stat_get(vm.mirror, &stat), "counts");
	expect(!stat.bytes, "something is mapped that the guest has not mapped");
	set_page(&vm, BUFFER | 3);
	check(nyx_mirror_stat_get(vm.mirror, &stat), "counts");
	expect(stat.bytes == PAGE && stat.maps == 1, "the page is not mapped");
	if (vm.container < 0)
		expect(host[0].iova == IOVA && host[0].host == vm.ram + BUFFER, "another page");

	/* When the guest's invalidation is complete, the page is out of the device's reach. */
	set_page(&vm, 0);
	check(nyx_mirror_stat_get(vm.mirror, &stat), "counts");
	expect(!stat.bytes, "the page is still mapped");
	printf("%" PRIu64 " mappings made, %" PRIu64 " removed\n", stat.mapped, stat.unmapped);

	set_page(&vm, BUFFER | 3);
	check(quarantine(&vm), "quarantine");
	check(nyx_mirror_stat_get(vm.mirror, &stat), "counts");
	expect(!stat.bytes && vm.cut_off == 1, "the device is not cut off");
	check(complete(&vm, nyx_device_reset(vm.unit, nic)), "release");
	check(nyx_mirror_run(vm.mirror), "run");
	check(nyx_mirror_stat_get(vm.mirror, &stat), "counts");
	expect(stat.bytes == PAGE, "the page is not mapped again");

	check(memory_unplug(&vm, 0, RAM), "unplug");
	check(nyx_mirror_stat_get(vm.mirror, &stat), "counts");
	expect(!stat.bytes, "memory is mapped that is not there");
	vm_end(&vm);
	close(vm.ram_fd);
	puts("done");
	return 0;
}
