// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: a virtio source of random numbers, from getrandom(2).
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Virtual I/O Device (VIRTIO) 1.2, section 5.4.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "virtio.h"

#define MOST	4096		/* bytes for one request; a driver asks again */
#define BATCH	16

enum { CLASS = 0x00ff0001 };

static bool work(struct virtq *vq)
{
	struct virtq_request req;
	uint8_t bytes[MOST];
	ssize_t got;
	int i;

	for (i = 0; i < BATCH && virtq_pop(vq, &req) > 0; i++) {
		got = getrandom(bytes, req.in_len < MOST ? req.in_len : MOST, 0);
		if (got < 0)
			got = 0;
		if (dma_scatter(&vq->dev->pci, req.in, req.nr_in, 0, bytes, (uint64_t)got)) {
			virtio_fail(vq->dev);
			break;
		}
		virtq_push(vq, req.head, (uint32_t)got);
	}
	if (i)
		virtq_notify(vq);
	return i == BATCH;
}

static void destroy(struct virtio_dev *dev)
{
	free(dev);
}

static const struct virtio_ops ops = {
	.name = "virtio-rng", .device_id = 4, .class_revision = CLASS,
	.work = work, .destroy = destroy,
};

int virtio_rng_init(struct vmm *vmm)
{
	struct virtio_dev *dev = alloc_for(ops.name, sizeof(*dev));

	return dev ? virtio_pci_init(dev, vmm, &ops, 0, 1) : -ENOMEM;
}
