// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: a virtio disk on a file or block device of the host.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Virtual I/O Device (VIRTIO) 1.2, section 5.2. Reads, writes and flushes are in flight, as many
 * as the driver has made available, and end in any order: data goes straight between the file
 * and the guest's memory, whose translations are held until then. A request that is wrong, or
 * cannot be held, is done at once, through a buffer. Each queue has a ring of its own.
 *
 * A flush covers what was written before it was made available, as the driver has seen those
 * writes end.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/virtio_blk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_io.h"
#include "virtio.h"

#define SECTOR		512
#define BUFFER		(256 * KIB)
#define LONGEST		(64 * MIB)	/* one request; no driver makes longer ones */
#define BATCH		VIRTQ_BATCH	/* requests until other threads get a turn */

enum {
	CLASS		= 0x01800001,	/* mass storage, other; revision 1 */
	HEADER		= 16,		/* VIRTQ_HEADER at most */
};

/* A request in flight */
struct job {
	struct file_io io;		/* first */
	struct job *next;		/* of blk_queue::idle */
	uint16_t head;
	uint32_t written;		/* if it is good */
	uint8_t *status;
	struct dma_holds holds;
	struct iovec iov[VIRTQ_SEGS];
};

/* virtq::lock */
struct blk_queue {
	struct blk *blk;
	struct virtq *vq;
	struct file_ring file;
	struct job *idle;
	unsigned int nr_jobs;		/* idle and in flight */
	bool full;			/* a request waits for a job */
	struct virtq_request requests[BATCH];
	uint8_t buffer[BUFFER + 1];	/* with the status behind the last data */
};

struct blk {
	struct virtio_dev dev;		/* first */
	int fd;
	bool readonly;
	uint64_t sectors;
	char id[VIRTIO_BLK_ID_BYTES + 1];
	struct virtio_blk_config config;
	struct blk_queue queues[];
};

struct range {
	const struct dma_seg *segs;
	unsigned int nr;
	uint64_t skip;			/* bytes in front that are not data */
	uint64_t len;
	uint64_t offset;		/* in the file */
	bool to_guest;
	bool told;			/* the driver has the status, VIRTIO_BLK_S_OK */
};

static struct blk_queue *queue_of(struct virtq *vq)
{
	return &((struct blk *)vq->dev)->queues[vq - vq->dev->queues];
}

static bool copy_through(struct blk_queue *q, struct range *r)
{
	struct pci_dev *pci = &q->blk->dev.pci;
	struct file_io io = { .op = r->to_guest ? FILE_READ : FILE_WRITE, .nr = 1 };
	struct iovec iov;
	uint64_t part;

	for (; r->len; r->len -= part, r->skip += part, r->offset += part) {
		part = r->len < BUFFER ? r->len : BUFFER;
		iov = (struct iovec){ q->buffer, part };
		io.iov = &iov;
		io.offset = r->offset;
		io.len = part;
		if (!r->to_guest && dma_gather(pci, r->segs, r->nr, r->skip, q->buffer, part))
			return false;
		if (!file_vector(q->blk->fd, &io))
			return false;
		if (!r->to_guest)
			continue;
		/* Write the data and the status behind it with one call. */
		r->told = part == r->len;
		q->buffer[part] = VIRTIO_BLK_S_OK;
		if (dma_scatter(pci, r->segs, r->nr, r->skip, q->buffer, part + r->told))
			return false;
	}
	return true;
}

static bool on_disk(const struct blk *blk, uint64_t sector, uint64_t len)
{
	return !(len % SECTOR) && len <= LONGEST && sector <= blk->sectors &&
		len / SECTOR <= blk->sectors - sector;
}

static uint8_t transfer(struct blk_queue *q, struct range *r, uint64_t sector)
{
	if (!on_disk(q->blk, sector, r->len))
		return VIRTIO_BLK_S_IOERR;
	r->offset = sector * SECTOR;
	return copy_through(q, r) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

static uint8_t get_id(struct blk *blk, const struct virtq_request *req, uint64_t room)
{
	if (room < VIRTIO_BLK_ID_BYTES || dma_scatter(&blk->dev.pci, req->in, req->nr_in, 0,
						      blk->id, VIRTIO_BLK_ID_BYTES))
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

/* Serve a request. Returns false if it has no room for its status. */
static bool handle(struct blk_queue *q, const struct virtq_request *req, uint32_t *written)
{
	struct blk *blk = q->blk;
	struct pci_dev *pci = &blk->dev.pci;
	uint8_t bytes[HEADER], status;
	const uint8_t *header = req->header ? req->header : bytes;
	struct range r = { .told = false };
	uint64_t room, sector;

	if (!req->in_len || req->out_len < HEADER ||
	    (!req->header && dma_gather(pci, req->out, req->nr_out, 0, bytes, HEADER)))
		return false;
	room = req->in_len - 1;
	sector = le_get(header + 8, 8);
	*written = 1;
	switch (le_get(header, 4)) {
	case VIRTIO_BLK_T_IN:
		r = (struct range){ .segs = req->in, .nr = req->nr_in, .len = room,
				    .to_guest = true };
		status = transfer(q, &r, sector);
		if (status == VIRTIO_BLK_S_OK)
			*written += (uint32_t)room;
		break;
	case VIRTIO_BLK_T_OUT:
		r = (struct range){ .segs = req->out, .nr = req->nr_out, .skip = HEADER,
				    .len = req->out_len - HEADER };
		status = blk->readonly ? VIRTIO_BLK_S_IOERR : transfer(q, &r, sector);
		break;
	case VIRTIO_BLK_T_FLUSH:
		status = fdatasync(blk->fd) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
		break;
	case VIRTIO_BLK_T_GET_ID:
		status = get_id(blk, req, room);
		*written += VIRTIO_BLK_ID_BYTES;
		break;
	default:
		status = VIRTIO_BLK_S_UNSUPP;
		break;
	}
	if (r.told && status == VIRTIO_BLK_S_OK)
		return true;
	return !dma_scatter(pci, req->in, req->nr_in, room, &status, 1);
}

/* ---- requests in flight ------------------------------------------------------------- */

static struct job *get_job(struct blk_queue *q)
{
	struct job *job = q->idle;

	if (job) {
		q->idle = job->next;
	} else if (q->nr_jobs < FILE_DEPTH) {
		job = malloc(sizeof(*job));
		q->nr_jobs += !!job;
	}
	if (job)
		job->holds.nr = 0;
	return job;
}

static void put_job(struct blk_queue *q, struct job *job)
{
	dma_release(&q->blk->dev.pci, &job->holds);
	job->next = q->idle;
	q->idle = job;
}

/* Requests that are begun together */
struct batch {
	unsigned int nr, nr_reads, nr_writes;
	struct job *jobs[BATCH];		/* NULL: done at once, by handle() */
	struct iovec status[BATCH];
	/* Of memory: the data of writes; the rest, with the status as its last byte */
	struct dma_span reads[BATCH], writes[BATCH];
	struct dma_span *data[BATCH], *answer[BATCH];	/* by request; @data may be NULL */
};

static struct dma_span *add_span(struct dma_span *s, struct job *job, struct iovec *iov,
				 unsigned int room)
{
	s->iov = iov;
	s->room = room;
	s->holds = &job->holds;
	return s;
}

/*
 * Prepare the request that was popped last, while its header is there. It gets a job if it is
 * right in itself.
 */
static void prepare(struct blk_queue *q, struct batch *b)
{
	unsigned int n = b->nr++;
	const struct virtq_request *req = &q->requests[n];
	struct dma_span *answer = &b->writes[b->nr_writes], *data = &b->reads[b->nr_reads];
	uint64_t room = req->in_len - 1, sector, len;
	struct job *job;
	uint32_t type;

	b->jobs[n] = NULL;
	b->data[n] = NULL;
	if (!req->header || !req->in_len || req->out_len < HEADER)
		return;
	type = (uint32_t)le_get(req->header, 4);
	sector = le_get(req->header + 8, 8);
	len = type == VIRTIO_BLK_T_IN ? room : req->out_len - HEADER;
	if (type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_OUT) {
		if (!len || !on_disk(q->blk, sector, len) ||
		    (type == VIRTIO_BLK_T_OUT && q->blk->readonly))
			return;
	} else if (type != VIRTIO_BLK_T_FLUSH) {
		return;
	}
	job = get_job(q);
	if (!job)
		return;
	b->jobs[n] = job;
	job->head = req->head;
	job->written = 1;
	job->io = (struct file_io){
		.op = FILE_SYNC, .iov = job->iov, .offset = sector * SECTOR, .len = len,
	};
	*answer = (struct dma_span){ .segs = req->in, .nr = req->nr_in, .write = true };
	if (type == VIRTIO_BLK_T_IN) {
		job->io.op = FILE_READ;
		job->written += (uint32_t)len;
		answer->len = req->in_len;
		add_span(answer, job, job->iov, VIRTQ_SEGS);
	} else {
		answer->skip = room;
		answer->len = 1;
		add_span(answer, job, &b->status[n], 1);
	}
	b->answer[n] = answer;
	b->nr_writes++;
	if (type != VIRTIO_BLK_T_OUT)
		return;
	job->io.op = FILE_WRITE;
	*data = (struct dma_span){
		.segs = req->out, .nr = req->nr_out, .skip = HEADER, .len = len,
	};
	b->data[n] = add_span(data, job, job->iov, VIRTQ_SEGS);
	b->nr_reads++;
}

/*
 * Start the job of a request. 0; -EAGAIN: handle() is to do it; -EFAULT: the IOMMU has refused
 * some of it, and reported that.
 */
static int start(struct blk_queue *q, const struct batch *b, unsigned int n)
{
	const struct dma_span *answer = b->answer[n], *data = b->data[n];
	struct job *job = b->jobs[n];
	struct iovec *last;

	if (data && data->rc)
		return data->rc;
	if (answer->rc)
		return answer->rc;
	job->io.nr = data ? data->nr_iov : answer->nr_iov;
	last = &answer->iov[answer->nr_iov - 1];
	job->status = (uint8_t *)last->iov_base + last->iov_len - 1;
	if (job->io.op == FILE_READ) {
		last->iov_len--;
		job->io.nr -= !last->iov_len;
	}
	file_start(&q->file, &job->io);
	return 0;
}

/* Tell the driver that its request was refused. Returns false if it has no room for that. */
static bool refuse(struct blk_queue *q, const struct batch *b, unsigned int n)
{
	const struct virtq_request *req = &q->requests[n];
	const uint8_t status = VIRTIO_BLK_S_IOERR;

	if (b->answer[n]->rc == -EFAULT && b->answer[n]->done == b->answer[n]->len - 1)
		return false;
	return !dma_scatter(&q->blk->dev.pci, req->in, req->nr_in, req->in_len - 1, &status, 1);
}

/* Begin requests, those that have no job to their end. False: the device stops. */
static bool begin(struct blk_queue *q, struct batch *b)
{
	struct pci_dev *pci = &q->blk->dev.pci;
	uint32_t written;
	unsigned int n;
	bool good = true;
	int rc;

	dma_hold(pci, b->reads, b->nr_reads);
	dma_hold(pci, b->writes, b->nr_writes);
	for (n = 0; n < b->nr; n++) {
		rc = b->jobs[n] && good ? start(q, b, n) : -EAGAIN;
		if (!rc)
			continue;
		if (b->jobs[n])
			put_job(q, b->jobs[n]);
		if (!good)
			continue;
		written = 1;
		good = rc == -EFAULT ? refuse(q, b, n) : handle(q, &q->requests[n], &written);
		if (good)
			virtq_push(q->vq, q->requests[n].head, written);
	}
	file_submit(&q->file);
	return good;
}

/* Give the driver what has ended. With @wait: all. */
static void end_jobs(struct blk_queue *q, bool wait)
{
	struct job *job;

	while ((job = (struct job *)file_next(&q->file, wait))) {
		/* In place, as the memory is held. The used ring, which says so, comes later. */
		__atomic_store_n(job->status, job->io.good ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR,
				 __ATOMIC_RELEASE);
		virtq_push(q->vq, job->head, job->io.good ? job->written : 1);
		put_job(q, job);
	}
}

/*
 * Take requests. Without jobs one after the other: a request that is refused stops the device, and
 * those before it are served.
 */
static bool take(struct blk_queue *q, struct batch *b)
{
	unsigned int most = dma_can_hold(&q->blk->dev.pci) ? BATCH : 1;

	b->nr = b->nr_reads = b->nr_writes = 0;
	q->full = q->file.in_flight + most > FILE_DEPTH;
	while (!q->full && b->nr < most && virtq_pop(q->vq, &q->requests[b->nr]) > 0) {
		prepare(q, b);
		/* The next one may be read ahead to where this header is. */
		if (most > 1)
			q->requests[b->nr - 1].header = NULL;
	}
	return b->nr;
}

static bool work(struct virtq *vq)
{
	struct blk_queue *q = queue_of(vq);
	struct batch b;
	unsigned int n;

	for (n = 0; n < BATCH && take(q, &b); n += b.nr) {
		if (!begin(q, &b)) {
			virtq_notify(vq);
			virtio_fail(vq->dev);
			break;
		}
		/* Pages of the file that are in memory are there at once. */
		end_jobs(q, false);
	}
	virtq_notify(vq);
	return n >= BATCH;
}

static void completed(struct virtq *vq)
{
	struct blk_queue *q = queue_of(vq);

	end_jobs(q, false);
	virtq_notify(vq);
	if (q->full)
		virtio_kick(vq);
}

static void settle(struct virtq *vq)
{
	end_jobs(queue_of(vq), true);
}

static uint8_t config_read(struct virtio_dev *dev, unsigned int offset)
{
	return ((const uint8_t *)&((struct blk *)dev)->config)[offset];
}

static void destroy(struct virtio_dev *dev)
{
	struct blk *blk = (struct blk *)dev;
	struct blk_queue *q;
	struct job *job;

	for (q = blk->queues; q < blk->queues + dev->nr_queues; q++) {
		while ((job = q->idle)) {
			q->idle = job->next;
			free(job);
		}
		file_exit(&q->file);
	}
	if (!blk->readonly)
		fdatasync(blk->fd);
	close(blk->fd);
	free(blk);
}

static const struct virtio_ops ops = {
	.name = "virtio-blk", .device_id = 2, .class_revision = CLASS,
	.features = UINT64_C(1) << VIRTIO_BLK_F_SEG_MAX | UINT64_C(1) << VIRTIO_BLK_F_BLK_SIZE |
		UINT64_C(1) << VIRTIO_BLK_F_FLUSH,
	.header = HEADER, .config_size = sizeof(struct virtio_blk_config),
	.config_read = config_read, .work = work, .completed = completed, .settle = settle,
	.destroy = destroy,
};

/* Size in bytes, or 0 if the file is not a disk. */
static uint64_t disk_size(int fd)
{
	struct stat st;
	uint64_t size;

	if (fstat(fd, &st))
		return 0;
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKGETSIZE64, &size) ? 0 : size;
	return S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static int open_disk(const char *path, bool readonly)
{
	struct flock lock = { .l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };
	/* Without O_NONBLOCK a FIFO would wait for a writer; disks know no difference. */
	int fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		say("%s: %s", path, strerror(errno));
		return -1;
	}
	/* Two machines must not write one disk. A file system without locks is no error. */
	if (fcntl(fd, F_OFD_SETLK, &lock) && (errno == EAGAIN || errno == EACCES)) {
		say("%s is in use by another machine, or by another disk of this one", path);
		close(fd);
		return -1;
	}
	/* With O_NONBLOCK some files would not be waited for. */
	fcntl(fd, F_SETFL, 0);
	return fd;
}

/* A disk in a slot keeps its serial number over a reset, whatever else has come and gone. */
static void set_id(struct blk *blk)
{
	static unsigned int count;	/* on bus 0 */
	unsigned int slot = pci_register_slot();

	if (slot)
		snprintf(blk->id, sizeof(blk->id), "nyx-slot-%u", slot);
	else
		snprintf(blk->id, sizeof(blk->id), "nyx-disk-%u", count++);
}

int virtio_blk_init(struct vmm *vmm, const char *path, bool readonly, unsigned int queues)
{
	uint64_t features = 0;
	struct blk_queue *q;
	struct blk *blk;
	unsigned int i;
	int fd;

	fd = open_disk(path, readonly);
	if (fd < 0)
		return -ENOENT;
	blk = alloc_for(path, sizeof(*blk) + queues * sizeof(*q));
	if (!blk) {
		close(fd);
		return -ENOMEM;
	}
	blk->fd = fd;
	blk->readonly = readonly;
	set_id(blk);
	blk->sectors = disk_size(fd) / SECTOR;
	if (!blk->sectors) {
		say("%s: not a file or device of at least %d bytes", path, SECTOR);
		close(fd);
		free(blk);
		return -EINVAL;
	}
	blk->config.capacity = blk->sectors;
	blk->config.seg_max = VIRTQ_SIZE - 2;
	blk->config.blk_size = SECTOR;
	blk->config.num_queues = (uint16_t)queues;
	for (i = 0; i < queues; i++) {
		q = &blk->queues[i];
		q->blk = blk;
		q->vq = &blk->dev.queues[i];
		file_init(&q->file, fd);
		q->vq->done_fd = file_done_fd(&q->file);
	}
	if (readonly)
		features |= UINT64_C(1) << VIRTIO_BLK_F_RO;
	if (queues > 1)
		features |= UINT64_C(1) << VIRTIO_BLK_F_MQ;
	return virtio_pci_init(&blk->dev, vmm, &ops, features, queues);
}
