/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: PCI devices of the host, by VFIO.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * vfio_host.c finds the device, its group and a container, which is an address space of the
 * host's IOMMU. vfio.c makes a function of the guest's PCI bus of it, out of vfio_config.c
 * (configuration space), vfio_bar.c (memory and ports) and vfio_irq.c (interrupts). The
 * guest's IOMMU keeps the container equal to what the guest lets the function reach:
 * &iommu_ops.mirror. vfio_fault.c tells it what the host's IOMMU has refused:
 * &iommu_ops.host_fault.
 *
 * All of it is protected by vmm::lock. Only the main thread makes and frees devices, opens and
 * closes groups and containers, and does the latter without the lock: the host takes its time.
 */
#ifndef NYX_VMM_VFIO_H
#define NYX_VMM_VFIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pci.h"
#include "vmm.h"

/* The host's kernel; tests put their own in its place. */
struct vfio_sys {
	const char *sysfs;
	const char *nodes;
	const char *log;		/* the kernel's, as /dev/kmsg */
	int (*ioctl)(int fd, unsigned long request, void *argument);
};

extern struct vfio_sys vfio_sys;

/* ---- vfio_host.c ----------------------------------------------------------------------- */

struct nyx_mirror_backend;

/* An address space of the host's IOMMU, and the devices in it */
struct vfio_container {
	int fd;
	bool shared;			/* isolation=shared */
	unsigned int nr_groups;
	unsigned int nr_devices;
	bool open;			/* &iommu_ops.mirror_open was called */
	struct nyx_mirror *mirror;	/* iommu_mirror.c */
	unsigned int nr_refused;
	const char *option;		/* of the command line, for messages of the mirror */
	/* Where the mirror maps; NULL: @fd, of VFIO */
	const struct nyx_mirror_backend *backend;
};

struct nyx_mirror;
struct vfio_group;
struct vfio_pci;

/* How a device is reached */
struct vfio_ops {
	const char *option;		/* of the command line */
	/* A request VFIO_DEVICE_*: its result, or a negative errno */
	int (*request)(struct vfio_pci *dev, unsigned long request, void *argument);
	/* As pread(2) and pwrite(2), at offsets of VFIO_DEVICE_GET_REGION_INFO */
	ssize_t (*read)(struct vfio_pci *dev, void *data, size_t len, uint64_t offset);
	ssize_t (*write)(struct vfio_pci *dev, const void *data, size_t len, uint64_t offset);
	/* A part of a region, or MAP_FAILED with errno */
	void *(*map)(struct vfio_pci *dev, uint64_t offset, uint64_t size);
	/* Closes @fd, which was vfio_pci::fd, and the container with its last device */
	void (*close)(struct vfio_pci *dev, int fd);
};

extern const struct vfio_ops vfio_host_ops;

/* To read and to write; 0 or a negative errno. Both in pages of the host */
int vfio_container_map(struct vfio_container *container, uint64_t iova, uint64_t size, void *host);
void vfio_container_unmap(struct vfio_container *container, uint64_t iova, uint64_t size);

/*
 * Opens the device @name, like 0000:00:05.0, with its group and a container. Prints its
 * failures, with the way out, and leaves nothing behind.
 */
int vfio_host_open(const char *name, bool shared, struct vfio_group **group, int *fd);
struct vfio_container *vfio_group_container(const struct vfio_group *group);
/* Address spaces of the host's IOMMU. Each locks the guest's memory for itself. */
unsigned int vfio_nr_spaces(void);
/* The file of the group @number if it is open here, or -1 */
int vfio_group_file(uint32_t number);

/* ---- a device -------------------------------------------------------------------------- */

#define VFIO_NAME	108	/* a name of PCI, or the path of a socket */

/* A part of a BAR that the guest reaches without the VMM */
struct vfio_area {
	uint64_t offset, size;
	void *host;
	int slot;			/* of KVM, or negative */
};

struct vfio_bar {
	struct vfio_pci *dev;
	unsigned int index;
	uint64_t size;			/* 0: none */
	uint64_t offset;		/* in the device's file */
	struct vfio_area *areas;
	unsigned int nr_areas;
};

/* Where a table of MSI-X lies in a BAR */
struct vfio_table {
	unsigned int bar;
	uint64_t offset, size;
};

enum vfio_irq_mode { VFIO_IRQ_OFF, VFIO_IRQ_INTX, VFIO_IRQ_MSI, VFIO_IRQ_MSIX };

struct vfio_vector {
	int fd;				/* -1: none yet */
	struct irq_line *line;		/* or NULL */
};

struct vfio_pci {
	struct pci_dev pci;		/* first */
	struct vfio_pci *next;
	char name[VFIO_NAME];
	const struct vfio_ops *ops;
	struct vfio_container *container;
	struct vfio_group *group;	/* of VFIO, or NULL */
	int fd;				/* -1: the device is gone */
	uint32_t flags;			/* VFIO_DEVICE_FLAGS_* */
	uint32_t nr_irqs;
	bool told;			/* that an access failed */
	bool connected;			/* to the bus: it has a place there, and may interrupt */
	bool cut;			/* vfio_cut_off() */
	bool stopped;			/* vfio_stop() */

	uint64_t config_offset, config_size;
	uint8_t live[PCI_CONFIG_SIZE];	/* bits that reads take from the device */
	uint16_t express;		/* capability, or 0 */

	struct vfio_bar bars[PCI_ROM + 1];
	struct vfio_table table, pending;	/* size 0: no MSI-X */

	enum vfio_irq_mode irq_mode;
	bool has_intx;
	int trigger, resample;		/* eventfds of INTx, or -1 */
	int request, error;		/* the host wants it back; it reports an error */
	unsigned int nr_requests;
	unsigned int nr_served;		/* vectors of MSI or MSI-X that the host has given */
	unsigned int nr_messages;	/* of MSI that device and host have, a power of 2, or 0 */
	unsigned int nr_enabled;	/* of them, when VFIO was told last */
	struct vfio_vector msi[PCI_MSI_MAX];
	struct vfio_vector *vectors;	/* by vector of MSI-X */
};

/* vfio.c. @name: like 0000:00:05.0. Prints its failures. */
int vfio_init(struct vmm *vmm, const char *name, bool shared);
/* The device that is open by that name, or NULL */
struct vfio_pci *vfio_find_name(const char *name);
/*
 * Makes a function of @dev: a device that is open, with its operations and its container. Prints
 * its failures, and then frees @dev.
 */
int vfio_begin(struct vfio_pci *dev);
/*
 * vfio_user.c: a device that another process serves at the socket @path. With @messages it gets
 * no file of the guest's memory. Prints its failures. vfio_user_attach() takes a socket @fd.
 */
int vfio_user_init(struct vmm *vmm, const char *path, bool messages);
int vfio_user_attach(struct vmm *vmm, const char *name, int fd, bool messages);
/* True if @word names a device; @name gets it with its domain. */
bool vfio_name_parse(const char *word, char *name, size_t size);
/* Accesses of the device's file: all of @len bytes, or false; then @dev tells, once. */
bool vfio_read(struct vfio_pci *dev, uint64_t offset, void *data, unsigned int len);
bool vfio_write(struct vfio_pci *dev, uint64_t offset, const void *data, unsigned int len);
/* The guest resets the function. */
void vfio_function_reset(struct vfio_pci *dev);
/*
 * The device of @rid, if it is one of the host, makes no DMA and no interrupt while it is cut off;
 * the guest's settings have effect again afterwards. Main thread.
 */
void vfio_cut_off(struct vmm *vmm, uint16_t rid, bool cut);
/* As vfio_cut_off(), for all devices of a container, and for good. Under vmm::lock. */
void vfio_stop(const struct vfio_container *container);
/*
 * A CPU has failed to reach memory, since vfio_areas_removed() was @removed. BARs of devices in
 * other processes are no longer mapped, then. True: some were, here or meanwhile, so that the
 * access may go well, as a message. Any thread, both
 */
bool vfio_drop_areas(struct vmm *vmm, unsigned int removed);
unsigned int vfio_areas_removed(void);
/*
 * The device with an address like 00:05.0 of the host; @segment -1: of any. NULL: the guest has
 * none. Main thread.
 */
struct vfio_pci *vfio_find(int segment, const char *address);
/* Calls @fn for each device of the host. Main thread. */
void vfio_foreach(struct vmm *vmm, void (*fn)(struct vmm *vmm, uint16_t rid));
/* The host takes the device away: the guest finds it gone, and its slot empty. Main thread. */
void vfio_lost(struct vfio_pci *dev, const char *why);
/* The host wants it back: a guest that has it in a slot is asked first. Main thread. */
void vfio_wanted(struct vfio_pci *dev);

/*
 * vfio_config.c: fills in the function's configuration, BARs aside. Then vfio_bars_init() makes
 * these, and vfio_bars_map() maps what the guest may reach of them.
 */
int vfio_config_init(struct vfio_pci *dev);
bool vfio_config_read(struct pci_dev *pci, unsigned int at, unsigned int len, uint32_t *value);
void vfio_config_written(struct pci_dev *pci, unsigned int at, unsigned int len);
/* Writes the command register as the guest has it; memory and ports stay enabled there. */
void vfio_command_write(struct vfio_pci *dev);

/* vfio_bar.c */
int vfio_bars_init(struct vfio_pci *dev);
int vfio_bars_map(struct vfio_pci *dev);
void vfio_bars_exit(struct vfio_pci *dev);
void vfio_bar_moved(struct pci_dev *pci, unsigned int bar, bool mapped);

/* vfio_irq.c */
void vfio_irq_init(struct vfio_pci *dev);
int vfio_irq_start(struct vfio_pci *dev);
/* The pin of INTx, for vfio_pci::connected */
int vfio_irq_connect(struct vfio_pci *dev);
void vfio_irq_disconnect(struct vfio_pci *dev);
void vfio_irq_exit(struct vfio_pci *dev);
/* The guest has changed how the function interrupts. */
void vfio_irq_update(struct vfio_pci *dev);

/* vfio_fault.c: an access that the host's IOMMU has refused */
struct vfio_fault {
	int segment;			/* -1: not known */
	uint16_t rid;			/* bus, device, function */
	uint64_t iova;
	bool write;
};

/* True if a record of the kernel's log tells of a fault. */
bool vfio_fault_parse(const char *record, struct vfio_fault *fault);
/* Follows the log, if it is not followed yet and the guest has an IOMMU. Main thread, both. */
void vfio_fault_init(struct vmm *vmm);
void vfio_fault_exit(void);

#endif /* NYX_VMM_VFIO_H */
