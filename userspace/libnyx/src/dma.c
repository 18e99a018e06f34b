// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: DMA.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * One command transfers at most 1 GiB, and a signal may end it early. transfer()
 * repeats the command until the access is complete.
 */
#include <nyx/dma.h>

#include "private.h"

#include <errno.h>
#include <string.h>

#define DMA_CHUNK	(UINT64_C(1) << 30)

static int report(const struct nyx_fault *found, struct nyx_fault *fault)
{
	if (fault)
		*fault = *found;
	else if (found->reason != NYX_FAULT_NONE)
		return -EREMOTEIO;
	return 0;
}

/* @proto holds what is the same for all parts of the access. */
static int transfer(struct nyx_unit *unit, const struct nyx_dma *proto, uint64_t *done,
		    struct nyx_fault *fault)
{
	uint64_t total = 0, step;
	struct nyx_dma req;
	int ret;

	if (done)
		*done = 0;
	if (proto->length && proto->iova + (proto->length - 1) < proto->iova)
		return nyx__fail(-EOVERFLOW);
	do {
		req = *proto;
		req.size = sizeof(req);
		req.pasid = NYX_PASID_NONE;
		req.iova += total;
		if (req.buffer)
			req.buffer += total;
		req.length -= total;
		if (req.length > DMA_CHUNK)
			req.length = DMA_CHUNK;
		ret = nyx__ioctl_once(unit->fd, NYX_DMA, &req);
		step = req.out_done;
		/*
		 * Count whole patterns only, so that the rest begins with the pattern's
		 * first byte.
		 */
		if (ret == -EINTR && req.width > 1)
			step -= step % req.width;
		total += step;
		if (!ret && !step && req.out_fault.reason == NYX_FAULT_NONE)
			ret = -EIO;
	} while ((ret == -EINTR || (!ret && req.out_fault.reason == NYX_FAULT_NONE)) &&
		 total < proto->length);
	if (ret == -EINTR)
		ret = 0;
	if (done)
		*done = total;
	return ret ? ret : report(&req.out_fault, fault);
}

NYX_EXPORT int nyx_dma_read(struct nyx_unit *unit, nyx_device_t device, uint64_t iova, void *buffer,
			    uint64_t length, uint64_t *done, struct nyx_fault *fault)
{
	const struct nyx_dma proto = {
		.sbdf = device.sbdf,
		.op = NYX_DMA_READ,
		.iova = iova,
		.length = length,
		.buffer = (uintptr_t)buffer,
	};

	return transfer(unit, &proto, done, fault);
}

NYX_EXPORT int nyx_dma_write(struct nyx_unit *unit, nyx_device_t device, uint64_t iova,
			     const void *buffer, uint64_t length, uint64_t *done,
			     struct nyx_fault *fault)
{
	const struct nyx_dma proto = {
		.sbdf = device.sbdf,
		.op = NYX_DMA_WRITE,
		.iova = iova,
		.length = length,
		.buffer = (uintptr_t)buffer,
	};

	return transfer(unit, &proto, done, fault);
}

/* ---- scattered transfers ------------------------------------------------- */

/* Limit on the items of one system call. */
#define VECTOR_BATCH	64

/* Where a transfer is: the next segment and buffer, and the bytes that are done in each. */
struct cursor {
	const struct nyx_dma_seg *seg;
	const struct nyx_dma_seg *seg_end;
	const struct iovec *iov;
	const struct iovec *iov_end;
	uint64_t in_seg;
	uint64_t in_iov;
};

/* Bytes up to the end of the segment or the buffer, whichever ends first; 0 at the end. */
static uint64_t cursor_room(struct cursor *c)
{
	uint64_t seg, iov;

	while (c->seg < c->seg_end && c->in_seg == c->seg->length) {
		c->seg++;
		c->in_seg = 0;
	}
	while (c->iov < c->iov_end && c->in_iov == c->iov->iov_len) {
		c->iov++;
		c->in_iov = 0;
	}
	if (c->seg == c->seg_end || c->iov == c->iov_end)
		return 0;
	seg = c->seg->length - c->in_seg;
	iov = c->iov->iov_len - c->in_iov;
	return seg < iov ? seg : iov;
}

static void cursor_move(struct cursor *c, uint64_t n)
{
	c->in_seg += n;
	c->in_iov += n;
}

/* Fill @items from @c on. Returns the number of items. */
static size_t vector_items(struct cursor c, const struct nyx_dma *proto, struct nyx_dma *items)
{
	uint64_t room;
	size_t n;

	for (n = 0; n < VECTOR_BATCH; n++) {
		room = cursor_room(&c);
		if (!room)
			break;
		if (room > DMA_CHUNK)
			room = DMA_CHUNK;
		items[n] = *proto;
		items[n].iova = c.seg->iova + c.in_seg;
		items[n].length = room;
		items[n].buffer = (uintptr_t)c.iov->iov_base + c.in_iov;
		cursor_move(&c, room);
	}
	return n;
}

/*
 * Advance @c by what @items have done. Returns the bytes, and in @fault the fault that
 * stopped them.
 */
static uint64_t vector_advance(struct cursor *c, const struct nyx_dma *items, size_t n,
			       struct nyx_fault *fault)
{
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		cursor_room(c);		/* to the next segment or buffer */
		cursor_move(c, items[i].out_done);
		total += items[i].out_done;
		*fault = items[i].out_fault;
	}
	return total;
}

static bool segs_valid(const struct nyx_dma_seg *segs, size_t nr_segs, const struct iovec *iov,
		       size_t nr_iov)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < nr_segs; i++) {
		if (segs[i].length && segs[i].iova + (segs[i].length - 1) < segs[i].iova)
			return false;
		if (__builtin_add_overflow(sum, segs[i].length, &sum))
			return false;
	}
	for (sum = 0, i = 0; i < nr_iov; i++) {
		if (__builtin_add_overflow(sum, (uint64_t)iov[i].iov_len, &sum))
			return false;
	}
	return true;
}

static int transfer_vector(struct nyx_unit *unit, const struct nyx_dma *proto, struct cursor *c,
			   uint64_t *done, struct nyx_fault *fault)
{
	struct nyx_fault found = { .reason = NYX_FAULT_NONE };
	struct nyx_dma items[VECTOR_BATCH];
	struct nyx_array array;
	uint64_t total = 0;
	size_t n, ran;
	int ret = 0;

	if (done)
		*done = 0;
	if (!segs_valid(c->seg, (size_t)(c->seg_end - c->seg), c->iov,
			(size_t)(c->iov_end - c->iov)))
		return nyx__fail(-EOVERFLOW);
	while ((n = vector_items(*c, proto, items))) {
		array = (struct nyx_array) {
			.size = sizeof(array),
			.flags = NYX_ARRAY_F_STOP,
			.cmd = NYX_CMD_DMA,
			.item_size = sizeof(items[0]),
			.items = (uintptr_t)items,
			.nr = (uint32_t)n,
		};
		ret = nyx__ioctl_once(unit->fd, NYX_ARRAY, &array);
		/* The item that failed also has its out_done set. */
		ran = array.out_done < n ? array.out_done + 1 : n;
		if (ret)
			nyx__item_error(&array);
		total += vector_advance(c, items, ran, &found);
		if (ret == -EINTR)
			ret = 0;
		else if (ret || found.reason != NYX_FAULT_NONE)
			break;
	}
	if (done)
		*done = total;
	return ret ? ret : report(&found, fault);
}

static int transfer_all(struct nyx_unit *unit, nyx_device_t device, uint32_t op,
			const struct nyx_dma_seg *segs, size_t nr_segs, const struct iovec *iov,
			size_t nr_iov, uint64_t *done, struct nyx_fault *fault)
{
	const struct nyx_dma proto = {
		.size = sizeof(proto),
		.sbdf = device.sbdf,
		.pasid = NYX_PASID_NONE,
		.op = op,
	};
	struct cursor cursor = {
		.seg = segs,
		.seg_end = segs + nr_segs,
		.iov = iov,
		.iov_end = iov + nr_iov,
	};

	return transfer_vector(unit, &proto, &cursor, done, fault);
}

NYX_EXPORT int nyx_dma_readv(struct nyx_unit *unit, nyx_device_t device, const struct nyx_dma_seg *segs,
			     size_t nr_segs, const struct iovec *iov, size_t nr_iov,
			     uint64_t *done, struct nyx_fault *fault)
{
	return transfer_all(unit, device, NYX_DMA_READ, segs, nr_segs, iov, nr_iov, done, fault);
}

NYX_EXPORT int nyx_dma_writev(struct nyx_unit *unit, nyx_device_t device, const struct nyx_dma_seg *segs,
			      size_t nr_segs, const struct iovec *iov, size_t nr_iov,
			      uint64_t *done, struct nyx_fault *fault)
{
	return transfer_all(unit, device, NYX_DMA_WRITE, segs, nr_segs, iov, nr_iov, done, fault);
}

NYX_EXPORT int nyx_dma_fill(struct nyx_unit *unit, nyx_device_t device, uint64_t iova, uint64_t length,
			    uint64_t pattern, uint32_t width, uint64_t *done,
			    struct nyx_fault *fault)
{
	const struct nyx_dma proto = {
		.sbdf = device.sbdf,
		.op = NYX_DMA_FILL,
		.width = width,
		.iova = iova,
		.length = length,
		.operand = pattern,
	};

	return transfer(unit, &proto, done, fault);
}

static int atomic_op(struct nyx_unit *unit, struct nyx_dma *req, uint64_t *old,
		     struct nyx_fault *fault)
{
	int ret;

	req->size = sizeof(*req);
	req->pasid = NYX_PASID_NONE;
	req->length = req->width;
	/* An interrupted atomic operation was not done, so nyx__ioctl() may repeat it. */
	ret = nyx__ioctl(unit->fd, NYX_DMA, req);
	if (ret)
		return ret;
	if (old)
		*old = req->out_old;
	return report(&req->out_fault, fault);
}

NYX_EXPORT int nyx_dma_cas(struct nyx_unit *unit, nyx_device_t device, uint64_t iova, uint32_t width,
			   uint64_t compare, uint64_t value, uint64_t *old,
			   struct nyx_fault *fault)
{
	struct nyx_dma req = {
		.sbdf = device.sbdf,
		.op = NYX_DMA_CAS,
		.width = width,
		.iova = iova,
		.operand = value,
		.compare = compare,
	};

	return atomic_op(unit, &req, old, fault);
}

NYX_EXPORT int nyx_dma_fetch_add(struct nyx_unit *unit, nyx_device_t device, uint64_t iova,
				 uint32_t width, uint64_t value, uint64_t *old,
				 struct nyx_fault *fault)
{
	struct nyx_dma req = {
		.sbdf = device.sbdf,
		.op = NYX_DMA_FETCH_ADD,
		.width = width,
		.iova = iova,
		.operand = value,
	};

	return atomic_op(unit, &req, old, fault);
}

NYX_EXPORT int nyx_dma_swap(struct nyx_unit *unit, nyx_device_t device, uint64_t iova, uint32_t width,
			    uint64_t value, uint64_t *old, struct nyx_fault *fault)
{
	struct nyx_dma req = {
		.sbdf = device.sbdf,
		.op = NYX_DMA_SWAP,
		.width = width,
		.iova = iova,
		.operand = value,
	};

	return atomic_op(unit, &req, old, fault);
}

NYX_EXPORT int nyx_dma_submit_array(struct nyx_unit *unit, struct nyx_dma *items,
				    size_t nr, size_t *done)
{
	return nyx__array(unit, NYX_CMD_DMA, items, nr, false, done);
}
