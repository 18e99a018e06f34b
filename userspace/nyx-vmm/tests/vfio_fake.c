// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm tests: a host with VFIO; see vfio_fake.h.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "vfio_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio.h"

struct fake_host fake;

static char root[64], sysfs[80], nodes[80];

/* ---- a device -------------------------------------------------------------------- */

static void config(struct fake_device *dev, unsigned int at, uint64_t value, unsigned int len)
{
	le_put(dev->config + at, value, len);
}

/* A capability at @at, and the one behind it in the list */
static void capability(struct fake_device *dev, unsigned int at, uint8_t id, uint8_t next)
{
	config(dev, at, id, 1);
	config(dev, at + 1, next, 1);
}

static void config_of_nvme(struct fake_device *dev)
{
	config(dev, PCI_VENDOR_ID, 0x00101b36, 4);
	config(dev, PCI_STATUS, PCI_STATUS_CAP_LIST | 0x0200, 2);
	config(dev, PCI_CLASS_REVISION, 0x01080202, 4);
	config(dev, PCI_BASE_ADDRESS_0, 0xfeb00004, 4);		/* 64 bits */
	config(dev, PCI_BASE_ADDRESS_2, 0x0000c001, 4);		/* ports */
	config(dev, PCI_BASE_ADDRESS_3, 0xfeb10008, 4);		/* prefetchable */
	config(dev, PCI_SUBSYSTEM_VENDOR_ID, 0x11001af4, 4);
	config(dev, PCI_INTERRUPT_PIN, 1, 1);
	config(dev, PCI_CAPABILITY_LIST, 0x40, 1);

	capability(dev, 0x40, PCI_CAP_ID_PM, 0x48);
	config(dev, 0x42, 0xfe03, 2);				/* PME#, D1, D2 */
	capability(dev, 0x48, PCI_CAP_ID_VPD, 0x50);
	config(dev, 0x4c, 0x12345678, 4);
	capability(dev, 0x50, PCI_CAP_ID_MSI, 0x70);
	config(dev, 0x52, 0x0186, 2);				/* 64 bits, masks, 8 messages */
	capability(dev, 0x70, PCI_CAP_ID_EXP, 0xb0);
	config(dev, 0x72, PCI_EXP_TYPE_ENDPOINT << 4 | 2, 2);
	config(dev, 0x74, 0x10008fff, 4);			/* FLR, phantom functions */
	config(dev, 0x78, 0x2810, 2);
	config(dev, 0x7c, 0x0003f414, 4);			/* the link */
	config(dev, 0x94, 0x00000fff, 4);
	capability(dev, 0xb0, PCI_CAP_ID_MSIX, 0xc0);
	config(dev, 0xb2, FAKE_VECTORS - 1, 2);
	config(dev, 0xb4, 0x2000, 4);				/* of BAR 0 */
	config(dev, 0xb8, 0x3800, 4);
	capability(dev, 0xc0, PCI_CAP_ID_VNDR, 0xd0);
	config(dev, 0xc2, 0x0a, 1);
	config(dev, 0xc4, 0xcafef00d, 4);
	capability(dev, 0xd0, PCI_CAP_ID_AF, 0);

	config(dev, 0x100, 0x15020001, 4);			/* AER */
	config(dev, 0x104, UINT32_MAX, 4);
	config(dev, 0x150, 0x20010003, 4);			/* serial number */
	config(dev, 0x154, 0x1122334455667788, 8);
	config(dev, 0x200, 0x00010010, 4);			/* SR-IOV */
}

struct fake_device *fake_add(const char *name, unsigned int group)
{
	const uint32_t all = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	struct fake_device *dev = &fake.devices[fake.nr_devices++];

	dev->name = name;
	dev->group = group;
	dev->driver = "vfio-pci";
	dev->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	dev->vectors = dev->messages = FAKE_VECTORS;
	dev->file = -1;
	config_of_nvme(dev);
	dev->regions[0] = (struct fake_region){ 0x8000, all | VFIO_REGION_INFO_FLAG_MMAP };
	dev->regions[2] = (struct fake_region){ 32, all };
	dev->regions[3] = (struct fake_region){ 0x3000, all | VFIO_REGION_INFO_FLAG_MMAP };
	dev->regions[VFIO_PCI_ROM_REGION_INDEX] = (struct fake_region){
		0x1000, VFIO_REGION_INFO_FLAG_READ };
	dev->regions[VFIO_PCI_CONFIG_REGION_INDEX] = (struct fake_region){ 4096, all };
	return dev;
}

static void device_begin(struct fake_device *dev)
{
	memset(dev->triggers, 0xff, sizeof(dev->triggers));
	dev->file = memfd_create(dev->name, MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(dev->file, (off_t)(FAKE_REGION * VFIO_PCI_NUM_REGIONS)));
	ASSERT_EQ((long)sizeof(dev->config),
		  pwrite(dev->file, dev->config, sizeof(dev->config),
			 (off_t)(FAKE_REGION * VFIO_PCI_CONFIG_REGION_INDEX)));
}

uint64_t fake_get(const struct fake_device *dev, unsigned int region, uint64_t offset,
		  unsigned int len)
{
	uint8_t bytes[8];

	ASSERT_EQ(len, pread(dev->file, bytes, len, (off_t)(FAKE_REGION * region + offset)));
	return le_get(bytes, len);
}

void fake_put(struct fake_device *dev, unsigned int region, uint64_t offset, uint64_t value,
	      unsigned int len)
{
	uint8_t bytes[8];

	le_put(bytes, value, len);
	ASSERT_EQ(len, pwrite(dev->file, bytes, len, (off_t)(FAKE_REGION * region + offset)));
}

bool fake_signals(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

/* ---- what the kernel does -------------------------------------------------------- */

static int answer(int error)
{
	errno = error;
	return error ? -1 : 0;
}

/* The device whose file @fd is, or NULL */
static struct fake_device *device_of(int fd)
{
	struct stat a, b;
	unsigned int i;

	ASSERT_EQ(0, fstat(fd, &a));
	for (i = 0; i < fake.nr_devices; i++) {
		if (fake.devices[i].file >= 0 && !fstat(fake.devices[i].file, &b) &&
		    a.st_ino == b.st_ino && a.st_dev == b.st_dev)
			return &fake.devices[i];
	}
	return NULL;
}

static int region_info(const struct fake_device *dev, struct vfio_region_info *info)
{
	const struct fake_region *r;
	struct vfio_region_info_cap_sparse_mmap *cap = (void *)(info + 1);
	uint32_t size = sizeof(*info);

	if (info->index >= VFIO_PCI_NUM_REGIONS)
		return answer(EINVAL);
	r = &dev->regions[info->index];
	if (r->nr_sparse)
		size += (uint32_t)(sizeof(*cap) + r->nr_sparse * sizeof(r->sparse[0]));
	info->flags = r->flags | (r->nr_sparse ? VFIO_REGION_INFO_FLAG_CAPS : 0);
	info->size = r->size;
	info->offset = FAKE_REGION * info->index;
	info->cap_offset = 0;
	if (r->nr_sparse && info->argsz >= size) {
		info->cap_offset = sizeof(*info);
		cap->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
		cap->header.version = 1;
		cap->nr_areas = r->nr_sparse;
		memcpy(cap->areas, r->sparse, r->nr_sparse * sizeof(r->sparse[0]));
	}
	info->argsz = size;
	return 0;
}

static int irq_info(const struct fake_device *dev, struct vfio_irq_info *info)
{
	const uint32_t counts[VFIO_PCI_NUM_IRQS] = {
		[VFIO_PCI_INTX_IRQ_INDEX] = dev->config[PCI_INTERRUPT_PIN] != 0,
		[VFIO_PCI_MSI_IRQ_INDEX] = 8, [VFIO_PCI_MSIX_IRQ_INDEX] = FAKE_VECTORS,
		[VFIO_PCI_ERR_IRQ_INDEX] = 1, [VFIO_PCI_REQ_IRQ_INDEX] = 1,
	};

	info->count = counts[info->index];
	info->flags = VFIO_IRQ_INFO_EVENTFD;
	return 0;
}

static int set_irqs(struct fake_device *dev, const struct vfio_irq_set *set)
{
	int *triggers = dev->triggers[set->index];

	if (set->flags & VFIO_IRQ_SET_ACTION_UNMASK) {
		ASSERT_EQ(VFIO_PCI_INTX_IRQ_INDEX, set->index);
		dev->unmasks++;
		return 0;
	}
	if (!set->count) {
		memset(triggers, 0xff, sizeof(dev->triggers[0]));
		return 0;
	}
	ASSERT_TRUE(set->start + set->count <= FAKE_VECTORS);
	ASSERT_EQ(sizeof(*set) + 4 * set->count, set->argsz);
	if (set->index == VFIO_PCI_MSIX_IRQ_INDEX && set->count > dev->vectors)
		return (int)dev->vectors;
	if (set->index == VFIO_PCI_MSI_IRQ_INDEX && set->count > dev->messages)
		return (int)dev->messages;
	memcpy(triggers + set->start, set->data, 4 * set->count);
	return 0;
}

static int bus_info(struct vfio_pci_hot_reset_info *info)
{
	size_t size = sizeof(*info) + fake.nr_devices * sizeof(info->devices[0]);
	unsigned int i, bus, slot, function;
	int got;

	info->count = fake.nr_devices;
	if (info->argsz < size)
		return answer(ENOSPC);
	for (i = 0; i < fake.nr_devices; i++) {
		got = sscanf(fake.devices[i].name, "0000:%x:%x.%x", &bus, &slot, &function);
		ASSERT_EQ(3, got);
		info->devices[i].group_id = fake.devices[i].group;
		info->devices[i].segment = 0;
		info->devices[i].bus = (uint8_t)bus;
		info->devices[i].devfn = (uint8_t)(slot << 3 | function);
	}
	return 0;
}

static int map(const struct vfio_iommu_type1_dma_map *m)
{
	ASSERT_EQ(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE, m->flags);
	if (fake.map && ++fake.maps == fake.map_at)
		return answer(fake.map);
	ASSERT_TRUE(fake.nr_mapped < ARRAY_SIZE(fake.mapped));
	fake.mapped[fake.nr_mapped].iova = m->iova;
	fake.mapped[fake.nr_mapped].size = m->size;
	fake.mapped[fake.nr_mapped++].host = m->vaddr;
	return 0;
}

static int unmap(const struct vfio_iommu_type1_dma_unmap *m)
{
	unsigned int i;

	fake.unmaps++;
	for (i = 0; i < fake.nr_mapped; i++) {
		if (fake.mapped[i].iova != m->iova || fake.mapped[i].size != m->size)
			continue;
		fake.mapped[i] = fake.mapped[--fake.nr_mapped];
		return 0;
	}
	return answer(EINVAL);
}

static int get_device(const char *name)
{
	unsigned int i;

	if (fake.device)
		return answer(fake.device);
	for (i = 0; i < fake.nr_devices; i++) {
		if (!strcmp(fake.devices[i].name, name))
			return dup(fake.devices[i].file);
	}
	return answer(ENODEV);
}

static int device_ioctl(struct fake_device *dev, unsigned long request, void *argument)
{
	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		((struct vfio_device_info *)argument)->flags = dev->flags;
		((struct vfio_device_info *)argument)->num_irqs = VFIO_PCI_NUM_IRQS;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(dev, argument);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return irq_info(dev, argument);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(dev, argument);
	case VFIO_DEVICE_RESET:
		dev->resets++;
		return 0;
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
		return bus_info(argument);
	case VFIO_DEVICE_PCI_HOT_RESET:
		fake.bus_resets++;
		return 0;
	}
	return answer(ENOTTY);
}

/* Some requests have the same number, for a device and for others. */
static int fake_ioctl(int fd, unsigned long request, void *argument)
{
	struct fake_device *dev = device_of(fd);

	if (dev)
		return device_ioctl(dev, request, argument);
	switch (request) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return argument == (void *)VFIO_TYPE1v2_IOMMU;
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)argument)->flags = fake.viable ? 0 :
			VFIO_GROUP_FLAGS_VIABLE;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		return answer(fake.set_container);
	case VFIO_SET_IOMMU:
		fake.containers += !fake.set_iommu;
		return answer(fake.set_iommu);
	case VFIO_GROUP_GET_DEVICE_FD:
		return get_device(argument);
	case VFIO_IOMMU_MAP_DMA:
		return map(argument);
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap(argument);
	}
	return answer(ENOTTY);
}

/* ---- what the kernel shows ------------------------------------------------------- */

__attribute__((format(printf, 1, 2)))
static char *path(const char *format, ...)
{
	static char text[2][256];
	static unsigned int next;
	va_list args;

	next ^= 1;
	va_start(args, format);
	vsnprintf(text[next], sizeof(text[next]), format, args);
	va_end(args);
	return text[next];
}

static void folder(const char *name)
{
	ASSERT_TRUE(!mkdir(name, 0700) || errno == EEXIST);
}

static void link_to(const char *target, const char *name)
{
	ASSERT_TRUE(!symlink(target, name) || errno == EEXIST);
}

static void empty_file(const char *name)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	ASSERT_TRUE(fd >= 0);
	close(fd);
}

void fake_begin(void)
{
	static const char *const folders[] = {
		"", "/sys", "/sys/bus", "/sys/bus/pci", "/sys/bus/pci/devices", "/sys/kernel",
		"/sys/kernel/iommu_groups", "/vfio",
	};
	struct fake_device *dev;
	unsigned int i;

	snprintf(root, sizeof(root), "/dev/shm/nyx-vfio.%d", getpid());
	for (i = 0; i < ARRAY_SIZE(folders); i++)
		folder(path("%s%s", root, folders[i]));
	snprintf(sysfs, sizeof(sysfs), "%s/sys", root);
	snprintf(nodes, sizeof(nodes), "%s/vfio", root);
	empty_file(path("%s/vfio", nodes));
	for (dev = fake.devices; dev < fake.devices + fake.nr_devices; dev++) {
		device_begin(dev);
		folder(path("%s/bus/pci/devices/%s", sysfs, dev->name));
		if (*dev->driver)
			link_to(path("../../drivers/%s", dev->driver),
				path("%s/bus/pci/devices/%s/driver", sysfs, dev->name));
		if (!dev->group)
			continue;
		link_to(path("../../../kernel/iommu_groups/%u", dev->group),
			path("%s/bus/pci/devices/%s/iommu_group", sysfs, dev->name));
		folder(path("%s/kernel/iommu_groups/%u", sysfs, dev->group));
		folder(path("%s/kernel/iommu_groups/%u/devices", sysfs, dev->group));
		empty_file(path("%s/kernel/iommu_groups/%u/devices/%s", sysfs, dev->group, dev->name));
		empty_file(path("%s/%u", nodes, dev->group));
	}
	vfio_sys = (struct vfio_sys){ .sysfs = sysfs, .nodes = nodes, .ioctl = fake_ioctl };
}

void fake_end(void)
{
	unsigned int i, index, vector;

	for (i = 0; i < fake.nr_devices; i++) {
		struct fake_device *dev = &fake.devices[i];

		for (index = VFIO_PCI_INTX_IRQ_INDEX; index <= VFIO_PCI_MSIX_IRQ_INDEX; index++) {
			for (vector = 0; vector < FAKE_VECTORS; vector++)
				EXPECT_EQ(-1, dev->triggers[index][vector]);
		}
		close(dev->file);
		dev->file = -1;
	}
	EXPECT_EQ(0, fake.nr_mapped);
	ASSERT_EQ(0, system(path("rm -r %s", root)));
}
