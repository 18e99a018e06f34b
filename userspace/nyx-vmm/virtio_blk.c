// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: a virtio disk on a file or block device of the host.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Virtual I/O Device (VIRTIO) 1.2, section 5.2. One queue, one request at a time. Data
 * goes straight between the file and the guest's memory where that can be mapped, and
 * through a buffer where it cannot.
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
#include <sys/uio.h>
#include <unistd.h>

#include "virtio.h"

#define SECTOR		512
#define BUFFER		(256 * KIB)
#define LONGEST		(64 * MIB)	/* one request; no driver makes longer ones */
#define BATCH		VIRTQ_BATCH	/* requests until other threads get a turn */

enum {
	CLASS		= 0x01800001,	/* mass storage, other; revision 1 */
	HEADER		= 16,		/* VIRTQ_HEADER at most */
};

struct blk {
	struct virtio_dev dev;		/* first */
	int fd;
	bool readonly;
	uint64_t sectors;
	unsigned int nr;
	struct virtio_blk_config config;
	struct iovec iov[VIRTQ_SEGS];
	uint8_t buffer[BUFFER + 1];	/* with the status behind the last data */
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

/* Map the whole range to blk::iov, or nothing. Returns the number of entries, or 0. */
static unsigned int map_all(struct blk *blk, const struct range *r)
{
	uint64_t skip = r->skip, left = r->len, part;
	unsigned int i, nr = 0;
	void *p;

	for (i = 0; i < r->nr && left; i++) {
		if (skip >= r->segs[i].len) {
			skip -= r->segs[i].len;
			continue;
		}
		part = r->segs[i].len - skip;
		if (part > left)
			part = left;
		p = r->segs[i].iova + skip < skip ? NULL :
			dma_map(&blk->dev.pci, r->segs[i].iova + skip, part, r->to_guest);
		if (!p)
			break;
		blk->iov[nr++] = (struct iovec){ p, part };
		left -= part;
		skip = 0;
	}
	if (!left)
		return nr;
	for (i = 0; i < nr; i++)
		dma_unmap(&blk->dev.pci, blk->iov[i].iov_base, blk->iov[i].iov_len);
	return 0;
}

/* Transfer all @len bytes of the vector, in as many system calls as needed. */
static bool file_vector(struct blk *blk, struct iovec *iov, unsigned int nr, uint64_t offset,
			uint64_t len, bool read)
{
	ssize_t n;

	while (len) {
		n = read ? preadv(blk->fd, iov, (int)nr, (off_t)offset) :
			pwritev(blk->fd, iov, (int)nr, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
		while (nr && (size_t)n >= iov->iov_len) {
			n -= (ssize_t)iov->iov_len;
			iov++;
			nr--;
		}
		if (n) {
			iov->iov_base = (uint8_t *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	return true;
}

static bool copy_through(struct blk *blk, struct range *r)
{
	struct iovec iov;
	uint64_t part;

	for (; r->len; r->len -= part, r->skip += part, r->offset += part) {
		part = r->len < BUFFER ? r->len : BUFFER;
		iov = (struct iovec){ blk->buffer, part };
		if (!r->to_guest && dma_gather(&blk->dev.pci, r->segs, r->nr, r->skip,
					       blk->buffer, part))
			return false;
		if (!file_vector(blk, &iov, 1, r->offset, part, r->to_guest))
			return false;
		if (!r->to_guest)
			continue;
		/* Write the data and the status behind it with one call. */
		r->told = part == r->len;
		blk->buffer[part] = VIRTIO_BLK_S_OK;
		if (dma_scatter(&blk->dev.pci, r->segs, r->nr, r->skip, blk->buffer,
				part + r->told))
			return false;
	}
	return true;
}

static uint8_t transfer(struct blk *blk, struct range *r, uint64_t sector)
{
	unsigned int nr;
	bool good;

	if (r->len % SECTOR || r->len > LONGEST || sector > blk->sectors ||
	    r->len / SECTOR > blk->sectors - sector)
		return VIRTIO_BLK_S_IOERR;
	r->offset = sector * SECTOR;
	nr = map_all(blk, r);
	if (nr)
		good = file_vector(blk, blk->iov, nr, r->offset, r->len, r->to_guest);
	else
		good = copy_through(blk, r);
	return good ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

static uint8_t get_id(struct blk *blk, const struct virtq_request *req, uint64_t room)
{
	char id[VIRTIO_BLK_ID_BYTES + 1] = { 0 };

	snprintf(id, sizeof(id), "nyx-disk-%u", blk->nr);
	if (room < VIRTIO_BLK_ID_BYTES || dma_scatter(&blk->dev.pci, req->in, req->nr_in, 0,
						      id, VIRTIO_BLK_ID_BYTES))
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

/* Serve a request. Returns false if it has no room for its status. */
static bool handle(struct blk *blk, const struct virtq_request *req, uint32_t *written)
{
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
		status = transfer(blk, &r, sector);
		if (status == VIRTIO_BLK_S_OK)
			*written += (uint32_t)room;
		break;
	case VIRTIO_BLK_T_OUT:
		r = (struct range){ .segs = req->out, .nr = req->nr_out, .skip = HEADER,
				    .len = req->out_len - HEADER };
		status = blk->readonly ? VIRTIO_BLK_S_IOERR : transfer(blk, &r, sector);
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

static bool work(struct virtio_dev *dev, unsigned int queue)
{
	struct blk *blk = (struct blk *)dev;
	struct virtq *vq = &dev->queues[queue];
	uint32_t written;
	int rc = 0, i;

	for (i = 0; i < BATCH; i++) {
		rc = virtq_pop(vq, &dev->request);
		if (rc <= 0)
			break;
		if (!handle(blk, &dev->request, &written)) {
			virtq_notify(vq);
			virtio_fail(dev);
			break;
		}
		virtq_push(vq, &dev->request, written);
	}
	if (i)
		virtq_notify(vq);
	return i == BATCH;
}

static uint8_t config_read(struct virtio_dev *dev, unsigned int offset)
{
	return ((const uint8_t *)&((struct blk *)dev)->config)[offset];
}

static void destroy(struct virtio_dev *dev)
{
	struct blk *blk = (struct blk *)dev;

	if (!blk->readonly)
		fdatasync(blk->fd);
	close(blk->fd);
	free(blk);
}

static const struct virtio_ops ops = {
	.name = "virtio-blk", .device_id = 2, .class_revision = CLASS, .nr_queues = 1,
	.features = UINT64_C(1) << VIRTIO_BLK_F_SEG_MAX | UINT64_C(1) << VIRTIO_BLK_F_BLK_SIZE |
		UINT64_C(1) << VIRTIO_BLK_F_FLUSH,
	.header = HEADER, .config_size = sizeof(struct virtio_blk_config),
	.config_read = config_read, .work = work, .destroy = destroy,
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
		say("%s is in use by another machine", path);
		close(fd);
		return -1;
	}
	return fd;
}

int virtio_blk_init(struct vmm *vmm, const char *path, bool readonly)
{
	static unsigned int count;
	struct blk *blk;
	int fd;

	fd = open_disk(path, readonly);
	if (fd < 0)
		return -ENOENT;
	blk = alloc_for(path, sizeof(*blk));
	if (!blk) {
		close(fd);
		return -ENOMEM;
	}
	blk->fd = fd;
	blk->readonly = readonly;
	blk->nr = count++;
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
	return virtio_pci_init(&blk->dev, vmm, &ops,
			       readonly ? UINT64_C(1) << VIRTIO_BLK_F_RO : 0, -1);
}
