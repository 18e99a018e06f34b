// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: a virtio network card on a tap interface or a datagram socket.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Virtual I/O Device (VIRTIO) 1.2, section 5.1, without offloads: the header in front of
 * each frame is empty. Frames without a receiver are dropped, as on a wire.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "virtio.h"

#define FRAME_MAX	65536
#define BATCH		64

enum {
	CLASS		= 0x02000001,
	QUEUE_RX	= 0,
	QUEUE_TX	= 1,
	HEADER		= sizeof(struct virtio_net_hdr_v1),
};

struct net {
	struct virtio_dev dev;		/* first */
	int fd;
	bool is_socket;
	struct virtio_net_config config;
	uint8_t buffer[HEADER + FRAME_MAX];
};

static ssize_t frame_read(struct net *net)
{
	uint8_t *frame = net->buffer + HEADER;

	if (net->is_socket)
		return recv(net->fd, frame, FRAME_MAX, MSG_DONTWAIT);
	return read(net->fd, frame, FRAME_MAX);
}

static void frame_write(struct net *net, size_t len)
{
	const uint8_t *frame = net->buffer + HEADER;

	if (net->is_socket)
		send(net->fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (write(net->fd, frame, len) < 0)
		return;		/* dropped */
}

/*
 * True if the peer has closed the socket, or it only returns errors: poll(2) would report
 * that forever.
 */
static bool has_ended(struct net *net)
{
	struct pollfd p = { .fd = net->fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 && p.revents;
}

/* Move one frame from the host to the guest. Returns false if the host has no more now. */
static bool receive(struct net *net, struct virtq *vq)
{
	struct virtio_dev *dev = &net->dev;
	struct virtq_request *req = &dev->request;
	struct virtio_net_hdr_v1 header = { .num_buffers = 1 };
	size_t len;
	ssize_t got;

	if (virtq_pop(vq, req) <= 0) {
		dev->own_fd_paused = true;	/* until the driver offers buffers */
		return false;
	}
	got = frame_read(net);
	if (got <= 0) {
		virtq_unpop(vq);
		if (got < 0 && errno == EAGAIN)
			return false;
		/* Otherwise recv() returned an empty frame, or the error of an earlier send. */
		if (has_ended(net)) {
			dev->own_fd = -1;
			return false;
		}
		return true;
	}
	len = HEADER + (size_t)got;
	if (req->in_len < len) {
		virtq_unpop(vq);
		return true;			/* too long: dropped */
	}
	memcpy(net->buffer, &header, HEADER);
	if (dma_scatter(&dev->pci, req->in, req->nr_in, 0, net->buffer, len)) {
		virtio_fail(dev);
		return false;
	}
	virtq_push(vq, req->head, (uint32_t)len);
	return true;
}

static void readable(struct virtio_dev *dev)
{
	struct net *net = (struct net *)dev;
	struct virtq *vq = &dev->queues[QUEUE_RX];
	int i;

	for (i = 0; i < BATCH && receive(net, vq); i++)
		;
	if (i)
		virtq_notify(vq);
}

static bool transmit(struct virtio_dev *dev)
{
	struct net *net = (struct net *)dev;
	struct virtq *vq = &dev->queues[QUEUE_TX];
	struct virtq_request *req = &dev->request;
	int i;

	for (i = 0; i < BATCH && virtq_pop(vq, req) > 0; i++) {
		if (req->out_len > HEADER && req->out_len <= sizeof(net->buffer)) {
			if (dma_gather(&dev->pci, req->out, req->nr_out, 0, net->buffer,
				       req->out_len)) {
				virtio_fail(dev);
				break;
			}
			frame_write(net, req->out_len - HEADER);
		}
		virtq_push(vq, req->head, 0);
	}
	if (i)
		virtq_notify(vq);
	return i == BATCH;
}

static bool work(struct virtio_dev *dev, unsigned int queue)
{
	if (queue == QUEUE_TX)
		return transmit(dev);
	dev->own_fd_paused = false;
	return false;
}

static uint8_t config_read(struct virtio_dev *dev, unsigned int offset)
{
	return ((const uint8_t *)&((struct net *)dev)->config)[offset];
}

static void destroy(struct virtio_dev *dev)
{
	struct net *net = (struct net *)dev;

	if (!net->is_socket)
		close(net->fd);		/* a socket belongs to the caller */
	free(net);
}

static const struct virtio_ops ops = {
	.name = "virtio-net", .device_id = 1, .class_revision = CLASS, .nr_queues = 2,
	.features = UINT64_C(1) << VIRTIO_NET_F_MAC,
	.config_size = sizeof(((struct virtio_net_config *)NULL)->mac),
	.config_read = config_read, .work = work, .readable = readable, .destroy = destroy,
};

static int open_tap(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd;

	if (strlen(name) >= sizeof(ifr.ifr_name)) {
		say("tap interface '%s': the name is too long", name);
		return -1;
	}
	/* The kernel would create a missing interface. */
	if (!if_nametoindex(name)) {
		say("tap interface '%s' does not exist", name);
		return -1;
	}
	strcpy(ifr.ifr_name, name);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr)) {
		say("tap interface '%s': %s", name, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static bool is_datagram_socket(int fd)
{
	socklen_t len = sizeof(int);
	int type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len)) {
		say("--net socket=%d: %s", fd, strerror(errno));
		return false;
	}
	if (type == SOCK_DGRAM || type == SOCK_SEQPACKET)
		return true;
	say("--net socket=%d: neither a datagram nor a seqpacket socket", fd);
	return false;
}

int virtio_net_init(struct vmm *vmm, const char *tap, int fd)
{
	static const uint8_t mac[] = { 0x52, 0x54, 0x00, 0x6e, 0x79, 0x00 };
	static unsigned int count;
	struct net *net;

	if (tap)
		fd = open_tap(tap);
	else if (!is_datagram_socket(fd))
		fd = -1;
	if (fd < 0)
		return -ENODEV;
	net = alloc_for(ops.name, sizeof(*net));
	if (!net) {
		if (tap)
			close(fd);
		return -ENOMEM;
	}
	net->fd = fd;
	net->is_socket = !tap;
	memcpy(net->config.mac, mac, sizeof(mac));
	net->config.mac[5] = (uint8_t)count++;
	return virtio_pci_init(&net->dev, vmm, &ops, 0, fd);
}
