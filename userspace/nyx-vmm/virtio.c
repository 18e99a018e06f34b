// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: split virtqueues, and the threads that serve them.
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

#include "iommu.h"

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

static struct desc to_desc(const uint8_t *bytes)
{
	return (struct desc){
		.addr = le_get(bytes, 8), .len = (uint32_t)le_get(bytes + 8, 4),
		.flags = (uint16_t)le_get(bytes + 12, 2), .next = (uint16_t)le_get(bytes + 14, 2),
	};
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
	/* Readable buffers come first. */
	if (req->nr_in || req->nr_out == VIRTQ_SEGS)
		return false;
	req->out[req->nr_out++] = (struct dma_seg){ d->addr, d->len };
	req->out_len += d->len;
	return true;
}

static bool is_indirect(struct virtq *vq, const struct desc *d)
{
	return accepted(vq->dev, VIRTIO_RING_F_INDIRECT_DESC) &&
		!(d->flags & VRING_DESC_F_NEXT) && d->len && !(d->len % VIRTQ_DESC_SIZE) &&
		d->len <= VIRTQ_SEGS * VIRTQ_DESC_SIZE;
}

/* Follow the chain of an indirect table. A chain with more links than entries is a loop. */
static bool table_chain(const uint8_t *table, uint32_t size, struct virtq_request *req)
{
	uint32_t left, index = 0;
	struct desc d;

	for (left = size; left && index < size; left--) {
		d = to_desc(table + VIRTQ_DESC_SIZE * index);
		if (d.flags & VRING_DESC_F_INDIRECT || !add_seg(req, &d))
			return false;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return true;
		index = d.next;
	}
	return false;
}

/*
 * Follow the chain of the @n-th head in the queue's own table, whose entries are read one
 * by one.
 */
static bool queue_chain(struct virtq *vq, unsigned int n, struct virtq_request *req)
{
	uint8_t entry[VIRTQ_DESC_SIZE], table[VIRTQ_DESC_SIZE * VIRTQ_SEGS];
	struct desc d = to_desc(vq->descs[n]);
	uint32_t left;

	for (left = vq->size; left; left--) {
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (!is_indirect(vq, &d))
				return false;
			if (left == vq->size && d.len <= sizeof(vq->tables[n]))
				return table_chain(vq->tables[n], d.len / VIRTQ_DESC_SIZE, req);
			return !dma_read(&vq->dev->pci, d.addr, table, d.len) &&
				table_chain(table, d.len / VIRTQ_DESC_SIZE, req);
		}
		if (!add_seg(req, &d))
			return false;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return true;
		if (d.next >= vq->size ||
		    dma_read(&vq->dev->pci, vq->desc + VIRTQ_DESC_SIZE * (uint64_t)d.next,
			     entry, sizeof(entry)))
			return false;
		d = to_desc(entry);
	}
	return false;
}

/*
 * Read whether the driver wants interrupts, the index of available requests, and then as
 * many heads as there may be; only heads before the index are valid.
 */
static int look(struct virtq *vq)
{
	const uint64_t ring = vq->avail + 4, end = ring + 2 * (uint64_t)vq->size;
	uint16_t slot = vq->last_avail % vq->size, nr = (uint16_t)(vq->size - slot);
	uint16_t event, idx;
	struct dma_op ops[] = {
		{ .iova = accepted(vq->dev, VIRTIO_RING_F_EVENT_IDX) ? end : vq->avail,
		  .buffer = &event, .len = sizeof(event) },
		/* The driver's barrier between its entry and its index pairs with our order. */
		{ .iova = vq->avail + 2, .buffer = &idx, .len = sizeof(idx) },
		{ .iova = ring + 2 * (uint64_t)slot, .buffer = vq->heads },
	};

	if (nr > VIRTQ_BATCH)
		nr = VIRTQ_BATCH;
	ops[2].len = nr * sizeof(vq->heads[0]);
	vq->nr_heads = vq->nr_fetched = 0;
	/*
	 * Pairs with the driver's barriers between its request for a kick or an interrupt
	 * and its last check of the ring: the driver sees what nyx-vmm wrote before
	 * nyx-vmm reads.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	if (dma_array(&vq->dev->pci, ops, ARRAY_SIZE(ops)) ||
	    (uint16_t)(idx - vq->last_avail) > vq->size)
		return -1;
	if (nr > (uint16_t)(idx - vq->last_avail))
		nr = (uint16_t)(idx - vq->last_avail);
	vq->heads_from = vq->last_avail;
	vq->nr_heads = nr;
	vq->avail_idx = idx;
	vq->event = event;
	vq->fresh = true;
	return 0;
}

/* Reads ahead of time, each for one of the heads */
struct fetch {
	unsigned int nr;
	uint16_t head[VIRTQ_BATCH];
	struct dma_op ops[VIRTQ_BATCH];
};

static void fetch_add(struct fetch *f, uint16_t head, uint64_t iova, void *buffer, uint64_t len)
{
	f->head[f->nr] = head;
	f->ops[f->nr++] = (struct dma_op){ .iova = iova, .buffer = buffer, .len = len };
}

/* A refused read concerns one request: requests before it are served first. */
static void fetch_run(struct virtq *vq, struct fetch *f)
{
	unsigned int i = 0;

	if (!dma_array(&vq->dev->pci, f->ops, f->nr))
		return;
	while (i + 1 < f->nr && f->ops[i].done)
		i++;
	vq->nr_good = f->head[i];
}

/* Read the first descriptors of all heads, with one call. */
static void fetch_descs(struct virtq *vq)
{
	struct fetch f = { 0 };
	uint16_t i;

	for (i = 0; i < vq->nr_good; i++) {
		if (vq->heads[i] < vq->size)
			fetch_add(&f, i, vq->desc + VIRTQ_DESC_SIZE * (uint64_t)vq->heads[i],
				  vq->descs[i], VIRTQ_DESC_SIZE);
		else
			vq->nr_good = i;
	}
	fetch_run(vq, &f);
}

/* Read the indirect tables of all heads that have one, with one call. */
static void fetch_tables(struct virtq *vq)
{
	struct fetch f = { 0 };
	struct desc d;
	uint16_t i;

	for (i = 0; i < vq->nr_good; i++) {
		d = to_desc(vq->descs[i]);
		if (d.flags & VRING_DESC_F_INDIRECT && is_indirect(vq, &d) &&
		    d.len <= sizeof(vq->tables[i]))
			fetch_add(&f, i, d.addr, vq->tables[i], d.len);
	}
	fetch_run(vq, &f);
}

/* Read the beginnings of the requests, which the device looks at first, with one call. */
static void fetch_headers(struct virtq *vq)
{
	const unsigned int len = vq->dev->ops->header;
	struct fetch f = { 0 };
	struct desc d;
	uint16_t i;

	vq->has_header = 0;
	for (i = 0; len && i < vq->nr_good; i++) {
		d = to_desc(vq->descs[i]);
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (!is_indirect(vq, &d) || d.len > sizeof(vq->tables[i]))
				continue;
			d = to_desc(vq->tables[i]);
		}
		if (d.flags & (VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE) || d.len < len)
			continue;
		fetch_add(&f, i, d.addr, vq->headers[i], len);
		vq->has_header |= UINT32_C(1) << i;
	}
	fetch_run(vq, &f);
}

static void fetch(struct virtq *vq)
{
	vq->nr_good = vq->nr_heads;
	fetch_descs(vq);
	fetch_tables(vq);
	fetch_headers(vq);
	vq->nr_fetched = vq->nr_heads;
}

/*
 * With EVENT_IDX: the write that says at which index the driver must kick. An empty
 * operation if nothing has to be written.
 */
static struct dma_op announcement(struct virtq *vq)
{
	struct dma_op op = {
		.iova = vq->used + 4 + 8 * (uint64_t)vq->size, .buffer = &vq->last_avail,
		.len = sizeof(vq->last_avail), .write = true,
	};

	if (vq->announced || !accepted(vq->dev, VIRTIO_RING_F_EVENT_IDX))
		op.len = 0;
	vq->announced = true;
	return op;
}

static int broken(struct virtq *vq)
{
	virtio_fail(vq->dev);
	return -1;
}

/* Give the finished requests to the driver: elements, then the index. */
static int flush(struct virtq *vq)
{
	uint16_t slot = vq->used_idx % vq->size, first = (uint16_t)(vq->size - slot);
	uint16_t idx = (uint16_t)(vq->used_idx + vq->nr_done);
	const uint64_t ring = vq->used + 4;
	struct dma_op ops[4];
	unsigned int n = 0;

	if (!vq->nr_done)
		return 0;
	if (first > vq->nr_done)
		first = vq->nr_done;
	ops[n++] = (struct dma_op){
		.iova = ring + 8 * (uint64_t)slot, .buffer = vq->done, .len = 8u * first,
		.write = true,
	};
	if (first < vq->nr_done)
		ops[n++] = (struct dma_op){
			.iova = ring, .buffer = vq->done[first],
			.len = 8u * (vq->nr_done - first), .write = true,
		};
	/* The driver's barrier between our index and our elements pairs with our order. */
	ops[n++] = (struct dma_op){
		.iova = vq->used + 2, .buffer = &idx, .len = sizeof(idx), .write = true,
	};
	/* Probably no request is left: send the announcement with the same call of the IOMMU. */
	if (vq->avail_idx == vq->last_avail) {
		ops[n] = announcement(vq);
		n += !!ops[n].len;
	}
	vq->used_idx = idx;
	vq->nr_done = 0;
	vq->fresh = false;
	return dma_array(&vq->dev->pci, ops, n);
}

void virtq_push(struct virtq *vq, uint16_t head, uint32_t written)
{
	/* The driver may have reset the device meanwhile. */
	if (!vq->enabled || !virtio_running(vq->dev))
		return;
	le_put(vq->done[vq->nr_done], head, 4);
	le_put(vq->done[vq->nr_done] + 4, written, 4);
	vq->nr_done++;
	if ((vq->nr_done == VIRTQ_BATCH || vq->nr_done == vq->size) && flush(vq))
		broken(vq);
}

/*
 * Returns whether the driver wants an interrupt now (2.7.7.2), or -1 if the queue is
 * broken. Elements that an earlier call has reported cause no second interrupt.
 */
static int wanted(struct virtq *vq)
{
	uint16_t old = vq->signalled_used;

	if (old == vq->used_idx)
		return 0;		/* nothing new */
	if (look(vq))
		return -1;
	vq->signalled_used = vq->used_idx;
	if (!accepted(vq->dev, VIRTIO_RING_F_EVENT_IDX))
		return !(vq->event & VRING_AVAIL_F_NO_INTERRUPT);
	return vring_need_event(vq->event, vq->used_idx, old);
}

void virtq_notify(struct virtq *vq)
{
	int rc;

	if (!vq->enabled || !virtio_running(vq->dev))
		return;
	rc = flush(vq);
	if (!rc)
		rc = wanted(vq);
	if (rc < 0)
		broken(vq);
	else if (rc)
		virtio_interrupt(vq->dev, vq->vector, 1);
}

/* Returns 1 if there is a request, which has been fetched, or 0 if the driver will kick. */
static int find(struct virtq *vq)
{
	struct dma_op op;

	if ((uint16_t)(vq->last_avail - vq->heads_from) < vq->nr_fetched)
		return 1;
	/*
	 * virtq_notify() also reads the available ring, so call it before looking for more
	 * requests.
	 */
	if (vq->nr_done)
		virtq_notify(vq);
	if (!virtio_running(vq->dev))
		return 0;
	if (!vq->fresh && look(vq))
		return -1;
	if (!vq->nr_heads) {
		op = announcement(vq);
		if (op.len && (dma_array(&vq->dev->pci, &op, 1) || look(vq)))
			return -1;
		if (!vq->nr_heads)
			return 0;
	}
	fetch(vq);
	return 1;
}

int virtq_pop(struct virtq *vq, struct virtq_request *req)
{
	unsigned int n;
	int rc;

	if (!vq->enabled || !virtio_running(vq->dev) || vmm_stopping(vq->dev->pci.vmm))
		return 0;
	rc = find(vq);
	vq->fresh = false;
	if (rc < 0)
		return broken(vq);
	if (!rc)
		return 0;
	n = (uint16_t)(vq->last_avail - vq->heads_from);
	req->head = vq->heads[n];
	req->header = vq->has_header >> n & 1 ? vq->headers[n] : NULL;
	req->nr_out = req->nr_in = 0;
	req->out_len = req->in_len = 0;
	if (n >= vq->nr_good || !queue_chain(vq, n, req)) {
		virtq_notify(vq);	/* of the requests before the refused one */
		return broken(vq);
	}
	vq->last_avail++;
	vq->announced = false;
	return 1;
}

void virtq_unpop(struct virtq *vq)
{
	vq->last_avail--;
	vq->announced = false;
}

/* ---- the device --------------------------------------------------------------- */

static bool runs(uint8_t status)
{
	return status & VIRTIO_CONFIG_S_DRIVER_OK && !(status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

bool virtio_running(const struct virtio_dev *dev)
{
	return runs(atomic_load(&dev->status));
}

void virtio_fail(struct virtio_dev *dev)
{
	uint8_t status = atomic_load(&dev->status);

	do {
		/* Of queues that fail together, one tells the driver. */
		if (!runs(status))
			return;
	} while (!atomic_compare_exchange_weak(&dev->status, &status,
					       status | VIRTIO_CONFIG_S_NEEDS_RESET));
	virtio_interrupt(dev, atomic_load(&dev->config_vector), 2);
}

void virtio_kick(struct virtq *vq)
{
	uint64_t one = 1;

	if (vq->dev->ops->start) {
		event_signal(vq->kick_fd);
		return;
	}
	if (write(vq->kick_fd, &one, sizeof(one)) < 0)
		return;		/* full: it is awake */
}

static void reset_queue(struct virtq *vq)
{
	pthread_mutex_lock(&vq->lock);
	if (vq->dev->ops->settle)
		vq->dev->ops->settle(vq);
	vq->own_fd_paused = true;
	vq->enabled = false;
	vq->size = VIRTQ_SIZE;
	vq->vector = PCI_NO_VECTOR;
	vq->desc = vq->avail = vq->used = 0;
	vq->last_avail = vq->used_idx = vq->signalled_used = 0;
	vq->avail_idx = vq->heads_from = vq->nr_heads = vq->nr_fetched = 0;
	vq->nr_done = 0;
	vq->fresh = vq->announced = false;
	pthread_mutex_unlock(&vq->lock);
}

static void reset(struct virtio_dev *dev)
{
	const struct iommu_ops *iommu = dev->pci.vmm->iommu;
	unsigned int i;

	/* First: a queue that is reset stays as it is then, and gives nothing back. */
	atomic_store(&dev->status, 0);
	if (dev->ops->stop)
		dev->ops->stop(dev);
	for (i = 0; i < dev->nr_queues; i++)
		reset_queue(&dev->queues[i]);
	if (iommu->device_reset)
		iommu->device_reset(dev->pci.vmm, dev->pci.rid);
	dev->accepted = 0;
	atomic_store(&dev->config_vector, PCI_NO_VECTOR);
	pthread_mutex_lock(&dev->lock);
	dev->isr = 0;
	pthread_mutex_unlock(&dev->lock);
}

/* Called with vmm::lock held. */
void virtio_set_status(struct virtio_dev *dev, uint8_t status)
{
	const uint64_t needed = UINT64_C(1) << VIRTIO_F_VERSION_1 |
		(dev->features & UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM);
	uint8_t before = atomic_load(&dev->status);
	unsigned int i;

	if (!status) {
		reset(dev);
		pci_intx_set(&dev->pci, false);
		return;
	}
	/* The driver only adds status bits, and NEEDS_RESET belongs to the device. */
	status &= (uint8_t)~VIRTIO_CONFIG_S_NEEDS_RESET;
	status |= before;
	/*
	 * Refuse a driver without ACCESS_PLATFORM: it would use addresses that
	 * bypass the IOMMU.
	 */
	if (status & VIRTIO_CONFIG_S_FEATURES_OK &&
	    (dev->accepted & ~dev->features || needed & ~dev->accepted))
		status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	if (!(status & VIRTIO_CONFIG_S_FEATURES_OK))
		status &= (uint8_t)~VIRTIO_CONFIG_S_DRIVER_OK;
	atomic_fetch_or(&dev->status, status);
	if (!(status & ~before & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	if (dev->ops->start) {
		dev->ops->start(dev);
		return;
	}
	for (i = 0; i < dev->nr_queues; i++)
		virtio_kick(&dev->queues[i]);
}

/* ---- the workers ---------------------------------------------------------------- */

static void drain(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

static void *worker(void *arg)
{
	enum { STOP, DONE, KICK, OWN, NR };
	struct virtq *vq = arg;
	struct virtio_dev *dev = vq->dev;
	struct pollfd fds[NR] = {
		[STOP] = { .fd = dev->stop_fd, .events = POLLIN },
		[DONE] = { .fd = dev->ops->completed ? vq->done_fd : -1, .events = POLLIN },
		[KICK] = { .fd = vq->kick_fd, .events = POLLIN },
		[OWN] = { .events = POLLIN },
	};
	bool again;

	for (;;) {
		pthread_mutex_lock(&vq->lock);
		fds[OWN].fd = dev->ops->readable && !vq->own_fd_paused ? vq->own_fd : -1;
		pthread_mutex_unlock(&vq->lock);
		if (poll(fds, NR, -1) < 0)
			continue;
		if (fds[STOP].revents)
			break;
		if (fds[DONE].revents) {
			pthread_mutex_lock(&vq->lock);
			dev->ops->completed(vq);
			pthread_mutex_unlock(&vq->lock);
		}
		if (fds[KICK].revents) {
			drain(vq->kick_fd);
			pthread_mutex_lock(&vq->lock);
			vq->fresh = false;	/* a kick has come since then */
			again = virtio_running(dev) && dev->ops->work(vq);
			pthread_mutex_unlock(&vq->lock);
			if (again)
				virtio_kick(vq);
		}
		if (fds[OWN].revents) {
			pthread_mutex_lock(&vq->lock);
			if (!vq->own_fd_paused && virtio_running(dev))
				dev->ops->readable(vq);
			else
				vq->own_fd_paused = true;
			pthread_mutex_unlock(&vq->lock);
		}
	}
	pthread_mutex_lock(&vq->lock);
	if (dev->ops->settle)
		dev->ops->settle(vq);
	pthread_mutex_unlock(&vq->lock);
	return NULL;
}

int virtio_start_workers(struct virtio_dev *dev)
{
	struct virtq *vq, *end = dev->queues + dev->nr_queues;
	int rc = 0;

	pthread_mutex_init(&dev->lock, NULL);
	dev->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (dev->stop_fd < 0)
		rc = -errno;
	for (vq = dev->queues; vq < end; vq++) {
		pthread_mutex_init(&vq->lock, NULL);
		vq->dev = dev;
		vq->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vq->kick_fd < 0)
			rc = -errno;
	}
	if (!rc)
		reset(dev);
	for (vq = dev->queues; vq < end && !rc && dev->ops->work; vq++) {
		rc = -pthread_create(&vq->worker, NULL, worker, vq);
		vq->worker_runs = !rc;
	}
	if (rc)
		virtio_stop_workers(dev);
	return rc;
}

void virtio_stop_workers(struct virtio_dev *dev)
{
	struct virtq *vq, *end = dev->queues + dev->nr_queues;
	uint64_t one = 1;
	bool told = write(dev->stop_fd, &one, sizeof(one)) == sizeof(one);

	for (vq = dev->queues; vq < end; vq++) {
		if (vq->worker_runs && told)
			pthread_join(vq->worker, NULL);
		if (vq->kick_fd >= 0)
			close(vq->kick_fd);
		pthread_mutex_destroy(&vq->lock);
	}
	if (dev->stop_fd >= 0)
		close(dev->stop_fd);
	pthread_mutex_destroy(&dev->lock);
}
