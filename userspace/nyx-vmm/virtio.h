/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: virtio devices and their queues.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each queue has a worker thread, unless a back end of vhost serves it (vhost.h), and shares
 * nothing with others that changes while the device runs. The worker takes requests whenever the
 * driver has kicked the queue, or the queue's own file descriptor is readable. Requests may be in
 * flight: they end in any order, with a reset at the latest.
 */
#ifndef NYX_VMM_VIRTIO_H
#define NYX_VMM_VIRTIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "dma.h"
#include "pci.h"

#define VIRTIO_QUEUES		MAX_DISK_QUEUES	/* most of a device */
#define VIRTQ_SIZE		256
#define VIRTQ_SEGS		DMA_SPAN_SEGS	/* header, data and status */
#define VIRTQ_BATCH		16	/* requests that are looked at together */
#define VIRTQ_DESC_SIZE		16
#define VIRTQ_HEADER		16	/* most of virtio_ops::header */
#define VIRTQ_TABLE		32	/* entries of an indirect table that are read ahead */

struct virtio_dev;

/* A request: first what the device reads, then what it writes. */
struct virtq_request {
	uint16_t head;
	const uint8_t *header;		/* beginning of the request, read ahead; NULL: not read */
	unsigned int nr_out, nr_in;
	uint64_t out_len, in_len;
	struct dma_seg out[VIRTQ_SEGS];
	struct dma_seg in[VIRTQ_SEGS];
};

struct virtq {
	struct virtio_dev *dev;
	pthread_t worker;
	bool worker_runs;
	int kick_fd;
	int done_fd;			/* finished requests, for virtio_ops::completed; or -1 */
	int own_fd;			/* for virtio_ops::readable; or -1. @lock */
	bool own_fd_paused;		/* the worker does not poll it; @lock */

	pthread_mutex_t lock;		/* for all that follows */
	/* Set by the driver; all but @vector fixed while @enabled */
	bool enabled;
	uint16_t size;
	uint16_t vector;
	uint64_t desc, avail, used;
	uint16_t last_avail;		/* index of the next request to take */
	/* As look() read them from the available ring last */
	uint16_t avail_idx;
	uint16_t event;			/* the driver's used_event, or its flags */
	uint16_t heads_from;		/* index of the request of heads[0] */
	uint16_t nr_heads;
	uint16_t nr_fetched;		/* heads that have @descs and @tables, */
	uint16_t nr_good;		/* except the first that was refused */
	uint16_t heads[VIRTQ_BATCH];
	uint8_t descs[VIRTQ_BATCH][VIRTQ_DESC_SIZE];
	uint8_t tables[VIRTQ_BATCH][VIRTQ_TABLE * VIRTQ_DESC_SIZE];
	uint8_t headers[VIRTQ_BATCH][VIRTQ_HEADER];
	uint32_t has_header;		/* a bit for each */
	bool fresh;			/* no request was taken since, and no kick came */
	bool announced;			/* the driver knows that the device waits for @last_avail */
	/* Elements not yet written to the used ring */
	uint8_t done[VIRTQ_BATCH][8];
	uint16_t nr_done;
	uint16_t used_idx;		/* index of the next element to fill */
	uint16_t signalled_used;	/* @used_idx when wanted() decided last */
};

struct virtio_ops {
	const char *name;
	uint16_t device_id;
	uint32_t class_revision;
	uint64_t features;		/* besides those of every device */
	unsigned int header;		/* bytes that each request begins with, or 0 */
	unsigned int config_size;
	/* A byte of the device's own configuration */
	uint8_t (*config_read)(struct virtio_dev *dev, unsigned int offset);
	/*
	 * Serves requests; called by the worker with virtq::lock held. True: call again soon,
	 * after others could take the lock. NULL: the device has no workers, but @start.
	 */
	bool (*work)(struct virtq *vq);
	/* virtq::own_fd is readable; called by the worker, lock held */
	void (*readable)(struct virtq *vq);
	/* virtq::done_fd is readable, which is polled always; called by the worker, lock held */
	void (*completed)(struct virtq *vq);
	/*
	 * Waits until no request of the queue is in flight; called with the lock held, before a
	 * reset and as the worker ends
	 */
	void (*settle)(struct virtq *vq);
	/* The driver has set DRIVER_OK; called with vmm::lock held */
	void (*start)(struct virtio_dev *dev);
	/* The device is reset, or goes; also if it was not started. vmm::lock is held. */
	void (*stop)(struct virtio_dev *dev);
	/* Vectors of queues, MSI-X or bus mastering may be other ones now; vmm::lock is held. */
	void (*follow)(struct virtio_dev *dev);
	/* Frees the device; called last, after the workers have ended */
	void (*destroy)(struct virtio_dev *dev);
};

struct virtio_dev {
	struct pci_dev pci;		/* first */
	const struct virtio_ops *ops;
	uint64_t features;		/* offered */
	uint64_t lacks;			/* of those of every device, what this one does not offer */
	/* By the driver, vmm::lock. A queue may read it while the device runs: it is fixed then. */
	uint64_t accepted;
	atomic_uchar status;		/* changed with vmm::lock, but for "needs reset" */
	atomic_ushort config_vector;
	unsigned int nr_queues;
	struct virtq queues[VIRTIO_QUEUES];

	/* vmm::lock: selectors of the common configuration */
	uint32_t feature_select, driver_feature_select;
	uint16_t queue_select;
	uint16_t pci_cfg_cap;

	pthread_mutex_t lock;
	uint8_t isr;			/* and the level of INTx; @lock */
	int stop_fd;
};

/* virtio.c */
/*
 * Takes a request. 1: there is one, 0: there is none, -1: the queue is broken, and the
 * device stops.
 */
int virtq_pop(struct virtq *vq, struct virtq_request *req);
/* Returns the request that was popped last: virtq_pop() takes it again. */
void virtq_unpop(struct virtq *vq);
/* The request of @head is done. The driver gets it with virtq_notify() at the latest. */
void virtq_push(struct virtq *vq, uint16_t head, uint32_t written);
/* Gives the driver the finished requests, and interrupts it if it wants that. */
void virtq_notify(struct virtq *vq);
bool virtio_running(const struct virtio_dev *dev);
void virtio_fail(struct virtio_dev *dev);	/* "needs reset" */
void virtio_set_status(struct virtio_dev *dev, uint8_t status);
int virtio_start_workers(struct virtio_dev *dev);
void virtio_stop_workers(struct virtio_dev *dev);
void virtio_kick(struct virtq *vq);

/*
 * virtio_pci.c: the PCI function of a device. @dev must be zeroed, except file descriptors of
 * queues, and @lacks; if it fails, it is gone.
 */
int virtio_pci_init(struct virtio_dev *dev, struct vmm *vmm, const struct virtio_ops *ops,
		    uint64_t features, unsigned int nr_queues);
/*
 * The back end that had the eventfds of kicks is gone, and may keep them: makes new ones. 0 or a
 * negative errno. vmm::lock
 */
int virtio_kicks_renew(struct virtio_dev *dev);
void virtio_interrupt(struct virtio_dev *dev, uint16_t vector, uint8_t isr);

#endif /* NYX_VMM_VIRTIO_H */
