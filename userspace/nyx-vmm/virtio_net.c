// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: a virtio network card on a tap interface or a datagram socket.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Virtual I/O Device (VIRTIO) 1.2, section 5.1, without offloads: the header in front of
 * each frame is empty. Frames without a receiver are dropped, as on a wire. One thread receives,
 * one sends.
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
#include "virtio_net.h"

#define FRAME_MAX	65536
#define FRAMES		VIRTQ_BATCH	/* that are copied together */
#define BATCH		64		/* until other threads get a turn */
#define BUFFER		(256 * KIB)

enum {
	QUEUE_RX	= 0,
	QUEUE_TX	= 1,
	HEADER		= sizeof(struct virtio_net_hdr_v1),
};

/* Frames that are moved together, with the headers in front. virtq::lock */
struct frames {
	unsigned int nr;
	struct virtq_request requests[FRAMES];
	struct dma_string strings[FRAMES];
	uint8_t buffer[BUFFER];
};

struct net {
	struct virtio_dev dev;		/* first */
	int fd;
	bool is_socket;
	uint8_t mac[VIRTIO_NET_MAC];
	struct frames rx, tx;
};

static ssize_t frame_read(struct net *net, void *frame)
{
	if (net->is_socket)
		return recv(net->fd, frame, FRAME_MAX, MSG_DONTWAIT);
	return read(net->fd, frame, FRAME_MAX);
}

static void frame_write(struct net *net, const void *frame, size_t len)
{
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

/* Room for another frame behind those that are there, or NULL */
static uint8_t *next_frame(struct frames *f, size_t len)
{
	const struct dma_string *last;
	uint8_t *at = f->buffer;

	if (f->nr) {
		last = &f->strings[f->nr - 1];
		at = (uint8_t *)last->buffer + last->len;
	}
	return f->nr < FRAMES && len <= (size_t)(f->buffer + BUFFER - at) ? at : NULL;
}

static void add_frame(struct frames *f, const struct dma_seg *segs, unsigned int nr, void *at,
		      size_t len)
{
	f->strings[f->nr++] = (struct dma_string){ segs, nr, at, len };
}

/* Read the next frame from the host. Returns false if it has no more now. */
static bool next_from_host(struct net *net, const struct virtq_request *req, uint8_t *at)
{
	const struct virtio_net_hdr_v1 header = { .num_buffers = 1 };
	ssize_t got = frame_read(net, at + HEADER);

	if (got <= 0) {
		if (got < 0 && errno == EAGAIN)
			return false;
		/* Otherwise recv() returned an empty frame, or the error of an earlier send. */
		if (has_ended(net)) {
			net->dev.queues[QUEUE_RX].own_fd = -1;
			return false;
		}
		return true;
	}
	if (req->in_len < HEADER + (uint64_t)got)
		return true;			/* too long: dropped */
	memcpy(at, &header, HEADER);
	add_frame(&net->rx, req->in, req->nr_in, at, HEADER + (size_t)got);
	return true;
}

/* Move frames from the host to the guest. Returns false if the host has no more now. */
static bool receive(struct net *net, struct virtq *vq)
{
	struct frames *f = &net->rx;
	unsigned int i, n = 0, done;
	bool more = true;
	uint8_t *at;

	while (n < FRAMES && virtq_pop(vq, &f->requests[n]) > 0)
		n++;
	if (!n) {
		vq->own_fd_paused = true;	/* until the driver offers buffers */
		return false;
	}
	f->nr = 0;
	/* Each round takes a frame from the host: it ends with the last request, or before. */
	for (i = 0; i < FRAMES && more && f->nr < n; i++) {
		at = next_frame(f, HEADER + FRAME_MAX);
		if (!at)
			break;
		more = next_from_host(net, &f->requests[f->nr], at);
	}
	for (i = f->nr; i < n; i++)
		virtq_unpop(vq);
	done = dma_scatter_all(&vq->dev->pci, f->strings, f->nr);
	for (i = 0; i < done; i++)
		virtq_push(vq, f->requests[i].head, (uint32_t)f->strings[i].len);
	if (done == f->nr)
		return more;
	virtq_notify(vq);
	virtio_fail(vq->dev);
	return false;
}

static void readable(struct virtq *vq)
{
	struct net *net = (struct net *)vq->dev;
	int i;

	for (i = 0; i < BATCH && receive(net, vq); i += FRAMES)
		;
	virtq_notify(vq);
}

/* Take frames of the guest, as many as there is room for. */
static unsigned int take(struct frames *f, struct virtq *vq)
{
	struct virtq_request *req = f->requests;
	uint8_t *at;
	size_t len;

	for (f->nr = 0; f->nr < FRAMES && virtq_pop(vq, req) > 0; req++) {
		len = req->out_len > HEADER && req->out_len <= HEADER + FRAME_MAX ?
			(size_t)req->out_len : 0;	/* no frame */
		at = next_frame(f, len);
		if (!at) {
			virtq_unpop(vq);
			break;
		}
		add_frame(f, req->out, req->nr_out, at, len);
	}
	return f->nr;
}

static bool transmit(struct net *net, struct virtq *vq)
{
	struct frames *f = &net->tx;
	unsigned int i, done, total;

	for (total = 0; total < BATCH && take(f, vq); total += f->nr) {
		done = dma_gather_all(&vq->dev->pci, f->strings, f->nr);
		for (i = 0; i < done; i++) {
			if (f->strings[i].len)
				frame_write(net, (uint8_t *)f->strings[i].buffer + HEADER,
					    f->strings[i].len - HEADER);
			virtq_push(vq, f->requests[i].head, 0);
		}
		if (done < f->nr) {
			virtq_notify(vq);
			virtio_fail(vq->dev);
			break;
		}
	}
	virtq_notify(vq);
	return total >= BATCH;
}

static bool work(struct virtq *vq)
{
	if (vq == &vq->dev->queues[QUEUE_TX])
		return transmit((struct net *)vq->dev, vq);
	vq->own_fd_paused = false;
	return false;
}

static uint8_t config_read(struct virtio_dev *dev, unsigned int offset)
{
	return ((struct net *)dev)->mac[offset];
}

static void destroy(struct virtio_dev *dev)
{
	struct net *net = (struct net *)dev;

	if (!net->is_socket)
		close(net->fd);		/* a socket belongs to the caller */
	free(net);
}

static const struct virtio_ops ops = {
	.name = "virtio-net", .device_id = VIRTIO_NET_ID, .class_revision = VIRTIO_NET_CLASS,
	.features = UINT64_C(1) << VIRTIO_NET_F_MAC, .config_size = VIRTIO_NET_MAC,
	.config_read = config_read, .work = work, .readable = readable, .destroy = destroy,
};

int virtio_net_open_tap(const char *name, bool headers)
{
	struct ifreq ifr = {
		.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (headers ? IFF_VNET_HDR : 0)),
	};
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

/* A card in a slot keeps its address over a reset, whatever else has come and gone. */
static uint8_t last_of_mac(void)
{
	static uint8_t count;		/* on bus 0: below MAX_NETS */
	unsigned int slot = pci_register_slot();

	return slot ? (uint8_t)(0x80 + slot) : count++;
}

void virtio_net_mac(uint8_t *mac)
{
	static const uint8_t first[VIRTIO_NET_MAC] = { 0x52, 0x54, 0x00, 0x6e, 0x79, 0x00 };

	memcpy(mac, first, sizeof(first));
	mac[VIRTIO_NET_MAC - 1] = last_of_mac();
}

int virtio_net_init(struct vmm *vmm, const char *tap, int fd)
{
	struct net *net;

	if (tap)
		fd = virtio_net_open_tap(tap, false);
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
	virtio_net_mac(net->mac);
	net->dev.queues[QUEUE_RX].own_fd = fd;
	net->dev.queues[QUEUE_TX].own_fd = -1;
	return virtio_pci_init(&net->dev, vmm, &ops, 0, 2);
}
