// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the BARs of a device of the host.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The guest's addresses of a BAR are the guest's; the host's BAR stays where the host has put it.
 * Parts that VFIO lets programs map are memory of KVM while the guest decodes the BAR, so that an
 * access is one of the device without the VMM. Each other access comes to bar_read() and
 * bar_write(). Those are the table and the pending bits of MSI-X, with their pages: the guest's
 * messages are not what the device is to send. Ports, the ROM, parts of less than a page, and a BAR
 * that the guest puts where KVM has other memory are reached so as well.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio.h"

#define PAGE		UINT64_C(4096)
#define MAX_BAR		(UINT64_C(1) << 47)

static uint64_t page_down(uint64_t n)
{
	return n & ~(PAGE - 1);
}

static uint64_t page_up(uint64_t n)
{
	return page_down(n + PAGE - 1);
}

/* ---- accesses that come to the VMM ----------------------------------------------- */

/* True if [offset, offset + len) is in the table; @offset becomes that within it. */
static bool in_table(const struct vfio_bar *bar, const struct vfio_table *table, uint64_t *offset)
{
	if (bar->index != table->bar || *offset < table->offset ||
	    *offset - table->offset >= table->size)
		return false;
	*offset -= table->offset;
	return true;
}

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned int len)
{
	struct vfio_bar *bar = opaque;
	struct vfio_pci *dev = bar->dev;
	uint8_t bytes[8];

	if (in_table(bar, &dev->table, &offset))
		return pci_msix_table_read(&dev->pci, offset, len);
	if (in_table(bar, &dev->pending, &offset))
		return pci_msix_pending_read(&dev->pci, offset, len);
	/* A BAR is a power of 2, its region may be shorter. */
	if (offset >= bar->size || len > bar->size - offset ||
	    !vfio_read(dev, bar->offset + offset, bytes, len))
		return UINT64_MAX;
	return le_get(bytes, len);
}

static void bar_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	struct vfio_bar *bar = opaque;
	struct vfio_pci *dev = bar->dev;
	uint8_t bytes[8];

	if (in_table(bar, &dev->table, &offset)) {
		pci_msix_table_write(&dev->pci, offset, value, len);
		vfio_irq_update(dev);
		return;
	}
	if (in_table(bar, &dev->pending, &offset) || bar->index == PCI_ROM ||
	    offset >= bar->size || len > bar->size - offset)
		return;
	le_put(bytes, value, len);
	vfio_write(dev, bar->offset + offset, bytes, len);
}

static const struct io_ops bar_ops = { bar_read, bar_write };

/* ---- parts that the guest reaches by itself -------------------------------------- */

/* A BAR may lie where memory of KVM harms no other: where the machine has windows for it. */
static bool in_window(const struct vmm *vmm, uint64_t gpa, uint64_t size)
{
	uint64_t first, last;

	if (gpa >= GPA_PCI_WINDOW && gpa < GPA_ECAM)
		return size <= GPA_ECAM - gpa;
	pci_high_window(vmm, &first, &last);
	return gpa >= first && gpa <= last && size - 1 <= last - gpa;
}

static atomic_uint slots_removed;

unsigned int vfio_areas_removed(void)
{
	return atomic_load(&slots_removed);
}

static void remove_slot(struct vfio_pci *dev, struct vfio_area *area)
{
	if (area->slot < 0)
		return;
	kvm_slot_remove(dev->pci.vmm, area->slot);
	area->slot = -1;
	atomic_fetch_add(&slots_removed, 1);
}

void vfio_bar_moved(struct pci_dev *pci, unsigned int index, bool mapped)
{
	struct vfio_pci *dev = (struct vfio_pci *)pci;
	struct vfio_bar *bar = &dev->bars[index];
	uint64_t base = pci->bars[index].addr;
	bool direct = mapped && !(base % PAGE) && in_window(pci->vmm, base, bar->size);
	unsigned int i;

	for (i = 0; i < bar->nr_areas; i++) {
		struct vfio_area *area = &bar->areas[i];

		remove_slot(dev, area);
		if (direct)
			area->slot = kvm_slot_add(pci->vmm, base + area->offset, area->size,
						  area->host);
		/* If KVM refuses, bar_read() and bar_write() are there. */
	}
}

static int area_add(struct vfio_bar *bar, uint64_t first, uint64_t end)
{
	struct vfio_area *areas;

	if (first >= end)
		return 0;
	areas = realloc(bar->areas, (bar->nr_areas + 1) * sizeof(*areas));
	if (!areas)
		return -ENOMEM;
	bar->areas = areas;
	areas[bar->nr_areas++] = (struct vfio_area){
		.offset = first, .size = end - first, .host = MAP_FAILED, .slot = -1,
	};
	return 0;
}

/* Adds the whole pages of [first, end) that have nothing of the tables of MSI-X. */
static int areas_add(struct vfio_bar *bar, uint64_t first, uint64_t end)
{
	const struct vfio_table *tables[] = { &bar->dev->table, &bar->dev->pending };
	uint64_t from = page_up(first), stop, next;
	unsigned int i;
	int rc = 0;

	end = page_down(end);
	while (from < end && !rc) {
		stop = next = end;
		for (i = 0; i < ARRAY_SIZE(tables); i++) {
			uint64_t low = page_down(tables[i]->offset);
			uint64_t high = page_up(tables[i]->offset + tables[i]->size);

			if (!tables[i]->size || tables[i]->bar != bar->index || high <= from ||
			    low >= stop)
				continue;
			stop = low > from ? low : from;
			next = high;
		}
		rc = area_add(bar, from, stop);
		from = next;
	}
	return rc;
}

/* The capability @id of a region, or NULL */
static const struct vfio_info_cap_header *region_cap(const struct vfio_region_info *info,
						     uint16_t id)
{
	const struct vfio_info_cap_header *cap;
	uint32_t at = info->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0;

	while (at >= sizeof(*info) && at <= info->argsz - sizeof(*cap)) {
		cap = (const void *)((const uint8_t *)info + at);
		if (cap->id == id)
			return cap;
		if (cap->next <= at)
			break;
		at = cap->next;
	}
	return NULL;
}

static int sparse_areas(struct vfio_bar *bar, const struct vfio_region_info *info)
{
	const struct vfio_region_info_cap_sparse_mmap *sparse;
	uint32_t room, i;
	int rc = 0;

	sparse = (const void *)region_cap(info, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	if (!sparse)
		return areas_add(bar, 0, bar->size);
	room = info->argsz - (uint32_t)((const uint8_t *)sparse - (const uint8_t *)info);
	if (room < sizeof(*sparse) || sparse->nr_areas > (room - sizeof(*sparse)) /
	    sizeof(sparse->areas[0]))
		return -EINVAL;
	for (i = 0; i < sparse->nr_areas && !rc; i++) {
		const struct vfio_region_sparse_mmap_area *area = &sparse->areas[i];

		if (area->offset > bar->size || area->size > bar->size - area->offset)
			return -EINVAL;
		rc = areas_add(bar, area->offset, area->offset + area->size);
	}
	return rc;
}

/* ---- life ------------------------------------------------------------------------ */

/* A region with its capabilities. Free it. NULL: there is none, or no memory. */
static struct vfio_region_info *region_info(struct vfio_pci *dev, unsigned int index)
{
	struct vfio_region_info *info, *whole;
	uint32_t size = sizeof(*info);

	info = calloc(1, size);
	while (info) {
		info->argsz = size;
		info->index = index;
		if (dev->ops->request(dev, VFIO_DEVICE_GET_REGION_INFO, info)) {
			free(info);
			return NULL;
		}
		if (info->argsz <= size)
			break;
		size = info->argsz;
		whole = realloc(info, size);
		if (!whole)
			free(info);
		else
			memset(whole, 0, size);
		info = whole;
	}
	return info;
}

static unsigned int region_of(unsigned int bar)
{
	return bar == PCI_ROM ? VFIO_PCI_ROM_REGION_INDEX : VFIO_PCI_BAR0_REGION_INDEX + bar;
}

/* The least power of 2 that is not below @size. */
static uint64_t bar_size(uint64_t size)
{
	uint64_t power = 1;

	while (power < size)
		power <<= 1;
	return power;
}

static int bar_init(struct vfio_pci *dev, unsigned int index, const struct vfio_region_info *info)
{
	struct vfio_bar *bar = &dev->bars[index];
	unsigned int at = PCI_BASE_ADDRESS_0 + 4 * index;
	uint32_t flags = 0, least = index == PCI_ROM ? 2048 : 16;
	uint64_t size;

	*bar = (struct vfio_bar){ .dev = dev, .index = index };
	if (index != PCI_ROM) {
		flags = (uint32_t)le_get(dev->pci.config + at, 4);
		pci_config_set(&dev->pci, at, 0, 4);
	}
	if (!info || !info->size || !(info->flags & VFIO_REGION_INFO_FLAG_READ))
		return 0;
	if (info->size > MAX_BAR) {
		say("%s %s: BAR %u is too large", dev->ops->option, dev->name, index);
		return -EFBIG;
	}
	bar->size = info->size;
	bar->offset = info->offset;
	if (flags & PCI_BASE_ADDRESS_SPACE_IO) {
		flags = PCI_BASE_ADDRESS_SPACE_IO;
		least = 4;
	} else {
		flags &= PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH;
	}
	if (flags & PCI_BASE_ADDRESS_MEM_TYPE_64 && index == PCI_BARS - 1) {
		say("%s %s: its last BAR has no upper half", dev->ops->option, dev->name);
		return -EINVAL;
	}
	size = bar_size(bar->size < least ? least : bar->size);
	pci_bar_init(&dev->pci, index, size, flags, &bar_ops, bar);
	return 0;
}

int vfio_bars_init(struct vfio_pci *dev)
{
	struct vfio_region_info *info;
	unsigned int index;
	int rc = 0;

	for (index = 0; index <= PCI_ROM && !rc; index++) {
		info = region_info(dev, region_of(index));
		rc = bar_init(dev, index, info);
		/* The other half of the address is no BAR. */
		if (dev->pci.bars[index].flags & PCI_BASE_ADDRESS_MEM_TYPE_64)
			index++;
		free(info);
	}
	return rc;
}

static int bar_map(struct vfio_bar *bar, const struct vfio_region_info *info)
{
	const uint32_t mappable = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
		VFIO_REGION_INFO_FLAG_MMAP;
	unsigned int i;
	int rc;

	if (!info || (info->flags & mappable) != mappable)
		return 0;
	rc = sparse_areas(bar, info);
	for (i = 0; i < bar->nr_areas && !rc; i++) {
		struct vfio_area *area = &bar->areas[i];

		area->host = bar->dev->ops->map(bar->dev, bar->offset + area->offset, area->size);
		if (area->host == MAP_FAILED)
			rc = -errno;
	}
	if (rc)
		say("%s %s: cannot map BAR %u: %s", bar->dev->ops->option, bar->dev->name,
		    bar->index, strerror(-rc));
	return rc;
}

static bool table_fits(const struct vfio_pci *dev, const struct vfio_table *table)
{
	uint64_t size = table->bar < PCI_BARS ? dev->bars[table->bar].size : 0;

	return !table->size || (table->offset <= size && table->size <= size - table->offset);
}

int vfio_bars_map(struct vfio_pci *dev)
{
	struct vfio_region_info *info;
	unsigned int index;
	int rc = 0;

	if (!table_fits(dev, &dev->table) || !table_fits(dev, &dev->pending)) {
		say("%s %s: its MSI-X table lies in no BAR", dev->ops->option, dev->name);
		return -EINVAL;
	}
	for (index = 0; index < PCI_BARS && !rc; index++) {
		if (!dev->bars[index].size)
			continue;
		info = region_info(dev, region_of(index));
		rc = bar_map(&dev->bars[index], info);
		free(info);
	}
	return rc;
}

void vfio_bars_exit(struct vfio_pci *dev)
{
	unsigned int index, i;

	for (index = 0; index <= PCI_ROM; index++) {
		struct vfio_bar *bar = &dev->bars[index];

		for (i = 0; i < bar->nr_areas; i++) {
			remove_slot(dev, &bar->areas[i]);
			if (bar->areas[i].host != MAP_FAILED)
				munmap(bar->areas[i].host, bar->areas[i].size);
		}
		free(bar->areas);
		bar->areas = NULL;
		bar->nr_areas = 0;
	}
}
