/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm tests: a host with VFIO, and devices that are files in memory.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A device's file has its regions one behind the other; nyx-vmm maps, reads and writes it as
 * that of VFIO. All else of the host is a folder for sysfs, one for nodes, and fake_ioctl().
 */
#ifndef NYX_VMM_TESTS_VFIO_FAKE_H
#define NYX_VMM_TESTS_VFIO_FAKE_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm_env.h"

#define FAKE_REGION	UINT64_C(0x1000000)	/* a region begins at a multiple of this */
#define FAKE_VECTORS	8
#define FAKE_DEVICES	10

struct fake_region {
	uint64_t size;
	uint32_t flags;
	unsigned int nr_sparse;
	struct vfio_region_sparse_mmap_area sparse[4];
};

struct fake_device {
	const char *name;
	unsigned int group;
	const char *driver;
	uint32_t flags;
	struct fake_region regions[VFIO_PCI_NUM_REGIONS];
	uint8_t config[4096];
	unsigned int vectors;		/* of MSI-X that the host has */
	unsigned int messages;		/* of MSI, likewise */
	/* Requests of nyx-vmm */
	int file;			/* of the device */
	int triggers[VFIO_PCI_NUM_IRQS][FAKE_VECTORS];	/* eventfds, -1: none */
	atomic_uint resets, unmasks;
};

struct fake_host {
	struct fake_device devices[FAKE_DEVICES];
	unsigned int nr_devices;
	/* Answers: an errno, or 0 */
	int viable, set_container, set_iommu, map, device;
	unsigned int map_at;		/* @map is of this call */
	/* Requests */
	unsigned int containers, maps, unmaps, bus_resets;
	struct { uint64_t iova, size, host; } mapped[8];
	atomic_uint nr_mapped;
};

extern struct fake_host fake;

/* An NVMe drive with all capabilities that there are; more devices change it. */
struct fake_device *fake_add(const char *name, unsigned int group);
/* The host is as the devices say. Before env_machine(), and fake_end() behind env_end(). */
void fake_begin(void);
/* Fails the case if the host has anything left of nyx-vmm's. */
void fake_end(void);
/* True while nobody has read what the eventfd of a trigger was signalled. */
bool fake_signals(int fd);
uint64_t fake_get(const struct fake_device *dev, unsigned int region, uint64_t offset,
		  unsigned int len);
void fake_put(struct fake_device *dev, unsigned int region, uint64_t offset, uint64_t value,
	      unsigned int len);

#endif /* NYX_VMM_TESTS_VFIO_FAKE_H */
