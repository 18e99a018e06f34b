// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: back ends of vhost in the kernel: vhost-net, on a tap interface.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * With a device IOTLB the kernel gets an empty table of memory: it reaches what it is sent, and
 * nothing else. Packets that it sends without a copy would outlive an invalidation; it does that
 * only with experimental_zcopytx=1.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <nyx/nyx.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vhost.h"

#define NODE		"/dev/vhost-net"
#define REGIONS		2u

enum { QUEUES = 2, HEADER = sizeof(struct virtio_net_hdr_v1) };

/* Offloads are the work of the tap interface: vhost-net knows nothing of them. */
#define OFFLOADS	(UINT64_C(1) << VIRTIO_NET_F_CSUM | \
			 UINT64_C(1) << VIRTIO_NET_F_GUEST_CSUM | \
			 UINT64_C(1) << VIRTIO_NET_F_GUEST_TSO4 | \
			 UINT64_C(1) << VIRTIO_NET_F_GUEST_TSO6 | \
			 UINT64_C(1) << VIRTIO_NET_F_HOST_TSO4 | \
			 UINT64_C(1) << VIRTIO_NET_F_HOST_TSO6)

struct vhost_kernel {
	struct vhost_backend backend;	/* first */
	int fd;
	int tap;
	uint64_t offered;		/* by vhost-net */
};

static struct vhost_kernel *of(struct vhost_backend *backend)
{
	return (struct vhost_kernel *)backend;
}

static int request(struct vhost_backend *backend, unsigned long number, void *arg)
{
	return ioctl(of(backend)->fd, number, arg) < 0 ? -errno : 0;
}

static int set_owner(struct vhost_backend *backend)
{
	return request(backend, VHOST_SET_OWNER, NULL);
}

static int get_features(struct vhost_backend *backend, uint64_t *features)
{
	struct vhost_kernel *k = of(backend);
	int rc = request(backend, VHOST_GET_FEATURES, &k->offered);

	*features = k->offered | OFFLOADS;
	return rc;
}

/* The interface sends in the form that the driver takes; it takes all forms itself. */
static int set_offloads(int tap, uint64_t features)
{
	unsigned int flags = 0;

	if (features >> VIRTIO_NET_F_GUEST_CSUM & 1) {
		flags |= TUN_F_CSUM;
		if (features >> VIRTIO_NET_F_GUEST_TSO4 & 1)
			flags |= TUN_F_TSO4;
		if (features >> VIRTIO_NET_F_GUEST_TSO6 & 1)
			flags |= TUN_F_TSO6;
	}
	return ioctl(tap, TUNSETOFFLOAD, flags) < 0 ? -errno : 0;
}

/*
 * The kernel keeps misses of an earlier run: one that nobody has read would be a fault of this
 * run, and those without an answer take memory. They go with the owner.
 */
static int begin_anew(struct vhost_backend *backend)
{
	int rc = request(backend, VHOST_RESET_OWNER, NULL);

	/* -EPERM: it has had no owner since VHOST_SET_OWNER has failed here. */
	return rc && rc != -EPERM ? rc : request(backend, VHOST_SET_OWNER, NULL);
}

static int set_features(struct vhost_backend *backend, uint64_t features)
{
	struct vhost_kernel *k = of(backend);
	uint64_t known = features & k->offered;
	int rc;

	rc = begin_anew(backend);
	if (!rc)
		rc = request(backend, VHOST_SET_FEATURES, &known);
	return rc ? rc : set_offloads(k->tap, features);
}

static int set_mem_table(struct vhost_backend *backend, const struct vhost_region *regions,
			 unsigned int nr, bool iotlb)
{
	union {
		struct vhost_memory table;
		uint8_t bytes[sizeof(struct vhost_memory) +
			      REGIONS * sizeof(struct vhost_memory_region)];
	} memory = { .table = { .nregions = 0 } };
	unsigned int i;

	for (i = 0; i < nr && i < REGIONS && !iotlb; i++)
		memory.table.regions[memory.table.nregions++] = (struct vhost_memory_region){
			.guest_phys_addr = regions[i].gpa, .memory_size = regions[i].size,
			.userspace_addr = (uintptr_t)regions[i].host,
		};
	return request(backend, VHOST_SET_MEM_TABLE, &memory.table);
}

static int set_state(struct vhost_backend *backend, unsigned long number, unsigned int queue,
		     unsigned int num)
{
	struct vhost_vring_state state = { .index = queue, .num = num };

	return request(backend, number, &state);
}

static int set_vring_num(struct vhost_backend *backend, unsigned int queue, unsigned int num)
{
	return set_state(backend, VHOST_SET_VRING_NUM, queue, num);
}

static int set_vring_base(struct vhost_backend *backend, unsigned int queue, uint16_t base)
{
	return set_state(backend, VHOST_SET_VRING_BASE, queue, base);
}

static int get_vring_base(struct vhost_backend *backend, unsigned int queue, uint16_t *base)
{
	struct vhost_vring_state state = { .index = queue };
	int rc = request(backend, VHOST_GET_VRING_BASE, &state);

	if (!rc)
		*base = (uint16_t)state.num;
	return rc;
}

static int set_vring_addr(struct vhost_backend *backend, unsigned int queue, uint64_t desc,
			  uint64_t avail, uint64_t used)
{
	struct vhost_vring_addr addr = {
		.index = queue, .desc_user_addr = desc, .avail_user_addr = avail,
		.used_user_addr = used,
	};

	return request(backend, VHOST_SET_VRING_ADDR, &addr);
}

static int set_file(struct vhost_backend *backend, unsigned long number, unsigned int queue, int fd)
{
	struct vhost_vring_file file = { .index = queue, .fd = fd };

	return request(backend, number, &file);
}

static int set_vring_kick(struct vhost_backend *backend, unsigned int queue, int fd)
{
	return set_file(backend, VHOST_SET_VRING_KICK, queue, fd);
}

static int set_vring_call(struct vhost_backend *backend, unsigned int queue, int fd)
{
	return set_file(backend, VHOST_SET_VRING_CALL, queue, fd);
}

static int set_vring_err(struct vhost_backend *backend, unsigned int queue, int fd)
{
	return set_file(backend, VHOST_SET_VRING_ERR, queue, fd);
}

/* It returns when no packet is under way. */
static int set_backend(struct vhost_backend *backend, bool on)
{
	unsigned int q;
	int rc = 0, err;

	for (q = 0; q < QUEUES; q++) {
		err = set_file(backend, VHOST_NET_SET_BACKEND, q, on ? of(backend)->tap : -1);
		rc = rc ? rc : err;
	}
	return rc;
}

static int channel(struct vhost_backend *backend, struct nyx_vhost_channel *channel)
{
	int rc = nyx_vhost_kernel(of(backend)->fd, channel);

	/* A miss wakes our thread, its answer that of the queue: this is a call with the map. */
	channel->eager = 1;
	return rc;
}

static int miss_fd(struct vhost_backend *backend)
{
	return of(backend)->fd;
}

static void close_all(struct vhost_backend *backend)
{
	struct vhost_kernel *k = of(backend);

	if (k->fd >= 0)
		close(k->fd);
	close(k->tap);
	free(k);
}

static const struct vhost_ops ops = {
	.name = "vhost-net",
	.set_owner = set_owner,
	.get_features = get_features,
	.set_features = set_features,
	.set_mem_table = set_mem_table,
	.set_vring_num = set_vring_num,
	.set_vring_base = set_vring_base,
	.set_vring_addr = set_vring_addr,
	.set_vring_kick = set_vring_kick,
	.set_vring_call = set_vring_call,
	.set_vring_err = set_vring_err,
	.get_vring_base = get_vring_base,
	.set_backend = set_backend,
	.channel = channel,
	.miss_fd = miss_fd,
	.close = close_all,
};

struct vhost_backend *vhost_kernel_net(int tap)
{
	struct vhost_kernel *k = alloc_for(ops.name, sizeof(*k));
	int header = HEADER;

	if (!k) {
		close(tap);
		return NULL;
	}
	*k = (struct vhost_kernel){ .backend.ops = &ops, .fd = -1, .tap = tap };
	if (ioctl(tap, TUNSETVNETHDRSZ, &header)) {
		say("tap interface: headers of %d bytes: %s", header, strerror(errno));
	} else {
		k->fd = open(NODE, O_RDWR | O_CLOEXEC);
		if (k->fd >= 0)
			return &k->backend;
		say("%s: %s; is the module vhost_net loaded?", NODE, strerror(errno));
	}
	close_all(&k->backend);
	return NULL;
}
