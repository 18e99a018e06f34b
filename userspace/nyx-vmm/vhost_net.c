// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: a virtio network card whose queues a vhost back end serves.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Virtual I/O Device (VIRTIO) 1.2, section 5.1, with the offloads that the back end has. The link
 * is down while there is no back end or the device is cut off, and when it needs a reset.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "vhost.h"
#include "virtio_net.h"

enum { QUEUES = 2 };

#define FEATURES	(UINT64_C(1) << VIRTIO_NET_F_CSUM | \
			 UINT64_C(1) << VIRTIO_NET_F_GUEST_CSUM | \
			 UINT64_C(1) << VIRTIO_NET_F_GUEST_TSO4 | \
			 UINT64_C(1) << VIRTIO_NET_F_GUEST_TSO6 | \
			 UINT64_C(1) << VIRTIO_NET_F_HOST_TSO4 | \
			 UINT64_C(1) << VIRTIO_NET_F_HOST_TSO6 | \
			 UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF)

struct vhost_net {
	struct virtio_dev dev;		/* first */
	struct vhost vhost;
	uint8_t mac[VIRTIO_NET_MAC];
};

static struct vhost_net *of(struct virtio_dev *dev)
{
	return (struct vhost_net *)dev;
}

static bool link_up(struct virtio_dev *dev)
{
	const struct vhost *vhost = &of(dev)->vhost;

	return !vhost->lost && !vhost->cut && !(atomic_load(&dev->status) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static uint8_t config_read(struct virtio_dev *dev, unsigned int offset)
{
	if (offset < VIRTIO_NET_MAC)
		return of(dev)->mac[offset];
	return offset == offsetof(struct virtio_net_config, status) && link_up(dev) ?
		VIRTIO_NET_S_LINK_UP : 0;
}

static void start(struct virtio_dev *dev)
{
	vhost_start(&of(dev)->vhost);
}

static void stop(struct virtio_dev *dev)
{
	vhost_stop(&of(dev)->vhost);
}

static void follow(struct virtio_dev *dev)
{
	vhost_follow(&of(dev)->vhost);
}

static void destroy(struct virtio_dev *dev)
{
	vhost_exit(&of(dev)->vhost);
	free(dev);
}

static const struct virtio_ops ops = {
	.name = "virtio-net", .device_id = VIRTIO_NET_ID, .class_revision = VIRTIO_NET_CLASS,
	.features = UINT64_C(1) << VIRTIO_NET_F_MAC | UINT64_C(1) << VIRTIO_NET_F_STATUS,
	.config_size = offsetof(struct virtio_net_config, max_virtqueue_pairs),
	.config_read = config_read, .start = start, .stop = stop, .follow = follow,
	.destroy = destroy,
};

int vhost_net_init(struct vmm *vmm, struct vhost_backend *backend)
{
	struct vhost_net *net = alloc_for(ops.name, sizeof(*net));
	uint64_t features = FEATURES;
	int rc;

	if (!net) {
		backend->ops->close(backend);
		return -ENOMEM;
	}
	virtio_net_mac(net->mac);
	rc = vhost_init(&net->vhost, vmm, &net->dev, QUEUES, backend, &features);
	if (rc) {
		destroy(&net->dev);
		return rc;
	}
	return virtio_pci_init(&net->dev, vmm, &ops, features, QUEUES);
}

int vhost_net_tap_init(struct vmm *vmm, const char *tap)
{
	struct vhost_backend *backend;
	int fd = virtio_net_open_tap(tap, true);

	if (fd < 0)
		return -ENODEV;
	backend = vhost_kernel_net(fd);
	return backend ? vhost_net_init(vmm, backend) : -ENODEV;
}

int vhost_net_user_init(struct vmm *vmm, const char *path, enum vhost_dpdk dpdk)
{
	struct vhost_backend *backend = vhost_user_net(vmm, path, dpdk);

	return backend ? vhost_net_init(vmm, backend) : -ENODEV;
}
