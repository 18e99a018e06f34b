/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: virtio devices whose queues a vhost back end serves.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * vhost.c starts and stops the back end as the driver sets and resets the device, gives it the
 * rings, and lets its interrupts go through the IOMMU. With an IOMMU the rings are IOVAs, and the
 * back end translates by a device IOTLB, which iommu_mirror.c keeps: &iommu_ops.iotlb_open. A
 * transport (vhost_kernel.c) passes on to the back end what vhost.c asks for.
 *
 * All of it is under vmm::lock, but for the beginning and the end of a device, in the main thread.
 * The queues have no workers.
 */
#ifndef NYX_VMM_VHOST_H
#define NYX_VMM_VHOST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "virtio.h"

struct nyx_vhost;
struct nyx_vhost_channel;
struct vhost_backend;
struct vhost_iotlb_msg;

/* Guest memory, as this process has mapped it */
struct vhost_region {
	uint64_t gpa, size;
	void *host;
	int fd;				/* of the memory, */
	uint64_t offset;		/* and where it is there */
};

/*
 * The functions of a transport, which return 0 or a negative errno. One that may be NULL says so.
 * vhost.c calls set_owner and get_features once, in the main thread; at each start set_features,
 * set_mem_table, set_vring_num to set_vring_err of each queue, set_backend, set_vring_enable and
 * started, in that order; at each stop set_vring_enable, set_backend and get_vring_base.
 */
struct vhost_ops {
	const char *name;
	int (*set_owner)(struct vhost_backend *backend);
	int (*get_features)(struct vhost_backend *backend, uint64_t *features);
	/*
	 * A run begins: no miss of an earlier one is received any more. With
	 * VIRTIO_F_ACCESS_PLATFORM the device IOTLB is empty from here on.
	 */
	int (*set_features)(struct vhost_backend *backend, uint64_t features);
	/* @iotlb: the back end translates, and needs the table only to find memory */
	int (*set_mem_table)(struct vhost_backend *backend, const struct vhost_region *regions,
			     unsigned int nr, bool iotlb);
	int (*set_vring_num)(struct vhost_backend *backend, unsigned int queue, unsigned int num);
	int (*set_vring_base)(struct vhost_backend *backend, unsigned int queue, uint16_t base);
	/* Addresses of the process, or IOVAs with a device IOTLB */
	int (*set_vring_addr)(struct vhost_backend *backend, unsigned int queue, uint64_t desc,
			      uint64_t avail, uint64_t used);
	int (*set_vring_kick)(struct vhost_backend *backend, unsigned int queue, int fd);
	int (*set_vring_call)(struct vhost_backend *backend, unsigned int queue, int fd);
	int (*set_vring_err)(struct vhost_backend *backend, unsigned int queue, int fd);
								/* may be NULL */
	/* Stops the queue, and tells where. */
	int (*get_vring_base)(struct vhost_backend *backend, unsigned int queue, uint16_t *base);
	int (*set_vring_enable)(struct vhost_backend *backend, unsigned int queue, bool on);
								/* may be NULL */
	/* Connects the queues with the network, or ends that: no access is under way then. */
	int (*set_backend)(struct vhost_backend *backend, bool on);	/* may be NULL */
	/* A start is over, well or not. */
	void (*started)(struct vhost_backend *backend);			/* may be NULL */
	/* The channel of the device IOTLB, for nyx_vhost_add() */
	int (*channel)(struct vhost_backend *backend, struct nyx_vhost_channel *channel);
	/*
	 * The file of the device IOTLB's misses, which vhost.c adds to the main loop between start
	 * and stop, and then calls nyx_vhost_receive(). -1: the transport takes messages itself,
	 * and calls vhost_message() under vmm::lock.
	 */
	int (*miss_fd)(struct vhost_backend *backend);
	/* Ends it; called last. */
	void (*close)(struct vhost_backend *backend);
};

/* A transport embeds it as its first member. */
struct vhost_backend {
	const struct vhost_ops *ops;
	struct vhost *vhost;		/* vhost.c; NULL: no device has it yet */
};

/* An eventfd that the back end signals to interrupt the guest */
struct vhost_call {
	int fd;
	struct irq_line *line;		/* of a vector; NULL: the main thread waits for it */
};

/* A device that has a back end; embedded in the device's own structure */
struct vhost {
	struct vmm *vmm;
	struct virtio_dev *dev;
	struct vhost_backend *backend;
	struct vhost *next;
	unsigned int nr_queues;
	bool started;
	bool cut;			/* vhost_cut_off() */
	bool lost;			/* vhost_lost() */
	bool broken;			/* vhost_broken(), since the last reset */
	bool lined;			/* vectors have their lines */
	struct nyx_vhost *iotlb;	/* NULL: none, or stopped; of &iommu_ops.iotlb_open */
	uint32_t channel;		/* of @iotlb */
	int miss_fd;			/* in the main loop; -1: none */
	int err_fd;			/* the back end signals that it cannot go on with a queue */
	uint16_t base[VIRTIO_QUEUES];	/* where queues go on */
	int call[VIRTIO_QUEUES];	/* eventfd that the back end signals; -1: none yet */
	/* By vector; the one behind the last is for queues without one */
	struct vhost_call calls[VIRTIO_QUEUES + 2];
};

/*
 * Joins device and back end, before virtio_pci_init(). @features: of the kind of device; those that
 * the back end lacks are taken away. Prints its failures. The caller calls vhost_exit() after a
 * failure as well.
 */
int vhost_init(struct vhost *vhost, struct vmm *vmm, struct virtio_dev *dev,
	       unsigned int nr_queues, struct vhost_backend *backend, uint64_t *features);
/* Closes the back end of a device that was stopped. Main thread, without vmm::lock. */
void vhost_exit(struct vhost *vhost);

/* For &virtio_ops.start, .stop and .follow */
void vhost_start(struct vhost *vhost);
void vhost_stop(struct vhost *vhost);
void vhost_follow(struct vhost *vhost);

/*
 * A transport without a file of misses has a message of the back end. @old: it was sent before an
 * invalidation of that address: a miss of what is not mapped now is no fault. Main thread,
 * vmm::lock.
 */
void vhost_message(struct vhost *vhost, const struct vhost_iotlb_msg *msg, bool old);
/*
 * The back end is gone: the device needs a reset, and does not start again before vhost_found().
 * vmm::lock, but not inside the stream of changes.
 */
void vhost_lost(struct vhost *vhost, const char *why);
void vhost_found(struct vhost *vhost);
/*
 * An invalidation was not acknowledged: the back end is stopped at once, and the device is
 * quarantined until the guest resets it. Inside the stream of changes.
 */
void vhost_broken(struct vhost *vhost);

/*
 * The back end of the device @rid, if it has one, is stopped while it is cut off, and goes on
 * afterwards. Main thread, without vmm::lock.
 */
void vhost_cut_off(struct vmm *vmm, uint16_t rid, bool cut);
/* Calls @fn for each device that has a back end. Main thread. */
void vhost_foreach(struct vmm *vmm, void (*fn)(struct vmm *vmm, uint16_t rid));

/*
 * vhost_kernel.c: the kernel's vhost-net on a tap interface with headers of 12 bytes, whose file it
 * takes over, also when it fails. NULL, after a message.
 */
struct vhost_backend *vhost_kernel_net(int tap);

/*
 * vhost_user.c: a program that listens on the Unix socket @path, after the handshake with it, for
 * which the caller waits. Any thread. NULL, after a message.
 */
struct vhost_backend *vhost_user_net(struct vmm *vmm, const char *path, enum vhost_dpdk dpdk);

/*
 * How long a handshake or a start takes, all IOTLB messages within an access of the guest, and
 * until the next try. Tests set them.
 */
extern atomic_int vhost_user_start_timeout_ms, vhost_user_iotlb_timeout_ms, vhost_user_pause_ms;

/*
 * vhost_net.c: a network card that @backend serves, and which takes it over, also when it fails.
 * Prints its failures.
 */
int vhost_net_init(struct vmm *vmm, struct vhost_backend *backend);

#endif /* NYX_VMM_VHOST_H */
