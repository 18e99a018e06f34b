// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: split virtqueues, and the thread that serves them.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Virtual I/O Device (VIRTIO) 1.2, chapters 2 and 3. All of a queue lies in memory that
 * the driver writes while we read: each field is read once, into a local, and checked
 * there. A driver that breaks the rules gets "device needs reset".
 */
#include "virtio.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

static bool accepted(const struct virtio_dev *dev, unsigned int bit)
{
	return dev->accepted >> bit & 1;
}

static int read16(struct virtq *vq, uint64_t addr, uint16_t *value)
{
	return dma_read(&vq->dev->pci, addr, value, sizeof(*value));
}

static int write16(struct virtq *vq, uint64_t addr, uint16_t value)
{
	return dma_write(&vq->dev->pci, addr, &value, sizeof(value));
}

static int read_desc(struct virtq *vq, uint64_t table, uint32_t index, struct desc *d)
{
	uint8_t bytes[16];
	int rc;

	rc = dma_read(&vq->dev->pci, table + 16 * (uint64_t)index, bytes, sizeof(bytes));
	if (rc)
		return rc;
	d->addr = le_get(bytes, 8);
	d->len = (uint32_t)le_get(bytes + 8, 4);
	d->flags = (uint16_t)le_get(bytes + 12, 2);
	d->next = (uint16_t)le_get(bytes + 14, 2);
	return 0;
}

static bool add_seg(struct virtq_request *req, const struct desc *d)
{
	if (d->flags & VRING_DESC_F_WRITE) {
		if (req->nr_in == VIRTQ_SEGS)
			return false;
		req->in[req->nr_in++] = (struct dma_seg){ d->addr, d->len };
		req->in_len += d->len;
		return true;
	}
	/* What we read comes first. */
	if (req->nr_in || req->nr_out == VIRTQ_SEGS)
		return false;
	req->out[req->nr_out++] = (struct dma_seg){ d->addr, d->len };
	req->out_len += d->len;
	return true;
}

/* A chain in a table of @size: it has at most that many links, or it is a ring. */
static bool read_chain(struct virtq *vq, uint64_t table, uint32_t size, uint32_t index,
		       struct virtq_request *req, bool indirect)
{
	struct desc d;
	uint32_t left;

	for (left = size; left; left--) {
		if (index >= size || read_desc(vq, table, index, &d))
			return false;
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (indirect || d.flags & VRING_DESC_F_NEXT ||
			    !accepted(vq->dev, VIRTIO_RING_F_INDIRECT_DESC) ||
			    !d.len || d.len % 16 || d.len / 16 > VIRTQ_SEGS)
				return false;
			return read_chain(vq, d.addr, d.len / 16, 0, req, true);
		}
		if (!add_seg(req, &d))
			return false;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return true;
		index = d.next;
	}
	return false;
}

/* With EVENT_IDX: where the driver's next kick is wanted. */
static int want_kick(struct virtq *vq)
{
	if (!accepted(vq->dev, VIRTIO_RING_F_EVENT_IDX))
		return 0;
	return write16(vq, vq->used + 4 + 8 * (uint64_t)vq->size, vq->last_avail);
}

static int broken(struct virtq *vq)
{
	virtio_fail(vq->dev);
	return -1;
}

int virtq_pop(struct virtq *vq, struct virtq_request *req)
{
	uint16_t idx, head;

	if (!vq->enabled || !virtio_running(vq->dev))
		return 0;
	if (read16(vq, vq->avail + 2, &idx))
		return broken(vq);
	if (idx == vq->last_avail) {
		/* Announce, then look again: a kick that we did not want came too late. */
		if (want_kick(vq))
			return broken(vq);
		atomic_thread_fence(memory_order_seq_cst);
		if (read16(vq, vq->avail + 2, &idx))
			return broken(vq);
		if (idx == vq->last_avail)
			return 0;
	}
	/* Pairs with the driver's barrier between its entry and its index. */
	atomic_thread_fence(memory_order_acquire);
	if ((uint16_t)(idx - vq->last_avail) > vq->size ||
	    read16(vq, vq->avail + 4 + 2 * (uint64_t)(vq->last_avail % vq->size), &head))
		return broken(vq);

	req->head = head;
	req->nr_out = req->nr_in = 0;
	req->out_len = req->in_len = 0;
	if (!read_chain(vq, vq->desc, vq->size, head, req, false))
		return broken(vq);
	vq->last_avail++;
	return 1;
}

void virtq_unpop(struct virtq *vq)
{
	vq->last_avail--;
}

void virtq_push(struct virtq *vq, const struct virtq_request *req, uint32_t written)
{
	uint8_t element[8];

	/* The driver may have reset the device meanwhile. */
	if (!vq->enabled || !virtio_running(vq->dev))
		return;
	le_put(element, req->head, 4);
	le_put(element + 4, written, 4);
	if (dma_write(&vq->dev->pci, vq->used + 4 + 8 * (uint64_t)(vq->used_idx % vq->size),
		      element, sizeof(element))) {
		broken(vq);
		return;
	}
	/* Pairs with the driver's barrier between our index and our element. */
	atomic_thread_fence(memory_order_release);
	if (write16(vq, vq->used + 2, ++vq->used_idx))
		broken(vq);
}

void virtq_notify(struct virtq *vq)
{
	uint16_t flags, event, old = vq->signalled_used;
	bool valid = vq->signalled_valid;

	if (!vq->enabled || !virtio_running(vq->dev))
		return;
	/* Pairs with the driver's barrier between "interrupt me" and its last look. */
	atomic_thread_fence(memory_order_seq_cst);
	if (accepted(vq->dev, VIRTIO_RING_F_EVENT_IDX)) {
		if (valid && old == vq->used_idx)
			return;		/* nothing new */
		if (read16(vq, vq->avail + 4 + 2 * (uint64_t)vq->size, &event)) {
			broken(vq);
			return;
		}
		vq->signalled_used = vq->used_idx;
		vq->signalled_valid = true;
		if (valid && !vring_need_event(event, vq->used_idx, old))
			return;
	} else {
		if (read16(vq, vq->avail, &flags)) {
			broken(vq);
			return;
		}
		if (flags & VRING_AVAIL_F_NO_INTERRUPT)
			return;
	}
	virtio_interrupt(vq->dev, vq->vector, 1);
}

/* ---- the device --------------------------------------------------------------- */

bool virtio_running(const struct virtio_dev *dev)
{
	return dev->status & VIRTIO_CONFIG_S_DRIVER_OK &&
		!(dev->status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

void virtio_fail(struct virtio_dev *dev)
{
	if (!virtio_running(dev))
		return;
	dev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	virtio_interrupt(dev, dev->config_vector, 2);
}

void virtio_kick(struct virtq *vq)
{
	uint64_t one = 1;

	if (write(vq->kick_fd, &one, sizeof(one)) < 0)
		return;		/* full: it is awake */
}

static void reset(struct virtio_dev *dev)
{
	unsigned int i;

	dev->status = 0;
	dev->accepted = 0;
	dev->config_vector = PCI_NO_VECTOR;
	dev->own_fd_paused = true;
	atomic_store(&dev->isr, 0);
	for (i = 0; i < dev->ops->nr_queues; i++) {
		struct virtq *vq = &dev->queues[i];

		vq->enabled = false;
		vq->size = VIRTQ_SIZE;
		vq->vector = PCI_NO_VECTOR;
		vq->desc = vq->avail = vq->used = 0;
		vq->last_avail = vq->used_idx = vq->signalled_used = 0;
		vq->signalled_valid = false;
	}
	if (dev->ops->reset)
		dev->ops->reset(dev);
}

/* Called with @lock held. */
void virtio_set_status(struct virtio_dev *dev, uint8_t status)
{
	const uint64_t needed = UINT64_C(1) << VIRTIO_F_VERSION_1 |
		(dev->features & UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM);
	unsigned int i;

	if (!status) {
		reset(dev);
		pci_intx_set(&dev->pci, false);
		return;
	}
	/* Bits are only ever added, and this one is ours. */
	status |= dev->status;
	status &= (uint8_t)~VIRTIO_CONFIG_S_NEEDS_RESET;
	status |= dev->status & VIRTIO_CONFIG_S_NEEDS_RESET;
	/*
	 * A driver without ACCESS_PLATFORM would hand out addresses that the IOMMU
	 * knows nothing of: it does not get far.
	 */
	if (status & VIRTIO_CONFIG_S_FEATURES_OK &&
	    (dev->accepted & ~dev->features || needed & ~dev->accepted))
		status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	if (!(status & VIRTIO_CONFIG_S_FEATURES_OK))
		status &= (uint8_t)~VIRTIO_CONFIG_S_DRIVER_OK;
	if (status & ~dev->status & VIRTIO_CONFIG_S_DRIVER_OK) {
		dev->status = status;
		dev->own_fd_paused = false;
		for (i = 0; i < dev->ops->nr_queues; i++)
			virtio_kick(&dev->queues[i]);
	}
	dev->status = status;
}

/* ---- the worker ----------------------------------------------------------------- */

static void drain(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

static void *worker(void *arg)
{
	struct virtio_dev *dev = arg;
	struct pollfd fds[VIRTIO_QUEUES + 2];
	unsigned int i, nr = dev->ops->nr_queues;
	bool again;

	for (i = 0; i < nr; i++)
		fds[i] = (struct pollfd){ .fd = dev->queues[i].kick_fd, .events = POLLIN };
	fds[nr] = (struct pollfd){ .fd = dev->stop_fd, .events = POLLIN };
	fds[nr + 1] = (struct pollfd){ .events = POLLIN };
	for (;;) {
		pthread_mutex_lock(&dev->lock);
		fds[nr + 1].fd = dev->own_fd_paused ? -1 : dev->own_fd;
		pthread_mutex_unlock(&dev->lock);
		if (poll(fds, nr + 2, -1) < 0)
			continue;
		if (fds[nr].revents)
			return NULL;
		for (i = 0; i < nr; i++) {
			if (!fds[i].revents)
				continue;
			drain(fds[i].fd);
			pthread_mutex_lock(&dev->lock);
			again = virtio_running(dev) && dev->ops->work(dev, i);
			pthread_mutex_unlock(&dev->lock);
			if (again)
				virtio_kick(&dev->queues[i]);
		}
		if (fds[nr + 1].revents) {
			pthread_mutex_lock(&dev->lock);
			if (!dev->own_fd_paused && virtio_running(dev))
				dev->ops->readable(dev);
			else
				dev->own_fd_paused = true;
			pthread_mutex_unlock(&dev->lock);
		}
	}
}

int virtio_start_worker(struct virtio_dev *dev)
{
	unsigned int i;

	pthread_mutex_init(&dev->lock, NULL);
	dev->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (i = 0; i < dev->ops->nr_queues; i++) {
		dev->queues[i].dev = dev;
		dev->queues[i].kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (dev->queues[i].kick_fd < 0)
			return -errno;
	}
	if (dev->stop_fd < 0)
		return -errno;
	reset(dev);
	if (pthread_create(&dev->worker, NULL, worker, dev))
		return -EAGAIN;
	dev->worker_runs = true;
	return 0;
}

void virtio_stop_worker(struct virtio_dev *dev)
{
	uint64_t one = 1;
	unsigned int i;

	if (dev->worker_runs && write(dev->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(dev->worker, NULL);
	for (i = 0; i < dev->ops->nr_queues; i++)
		close(dev->queues[i].kick_fd);
	close(dev->stop_fd);
	pthread_mutex_destroy(&dev->lock);
}
