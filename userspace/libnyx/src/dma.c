// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: DMA.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * One command transfers at most 1 GiB, and a signal may end it early. transfer()
 * makes one access of it again.
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
		return -EOVERFLOW;
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
		/* A pattern goes on where it began. */
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

NYX_EXPORT int nyx_dma_read(struct nyx_unit *unit, uint32_t sbdf, uint64_t iova, void *buffer,
			    uint64_t length, uint64_t *done, struct nyx_fault *fault)
{
	const struct nyx_dma proto = {
		.sbdf = sbdf,
		.op = NYX_DMA_READ,
		.iova = iova,
		.length = length,
		.buffer = (uintptr_t)buffer,
	};

	return transfer(unit, &proto, done, fault);
}

NYX_EXPORT int nyx_dma_write(struct nyx_unit *unit, uint32_t sbdf, uint64_t iova,
			     const void *buffer, uint64_t length, uint64_t *done,
			     struct nyx_fault *fault)
{
	const struct nyx_dma proto = {
		.sbdf = sbdf,
		.op = NYX_DMA_WRITE,
		.iova = iova,
		.length = length,
		.buffer = (uintptr_t)buffer,
	};

	return transfer(unit, &proto, done, fault);
}

NYX_EXPORT int nyx_dma_fill(struct nyx_unit *unit, uint32_t sbdf, uint64_t iova, uint64_t length,
			    uint64_t pattern, uint32_t width, uint64_t *done,
			    struct nyx_fault *fault)
{
	const struct nyx_dma proto = {
		.sbdf = sbdf,
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
	/* An atomic that was interrupted has not been done. */
	ret = nyx__ioctl(unit->fd, NYX_DMA, req);
	if (ret)
		return ret;
	if (old)
		*old = req->out_old;
	return report(&req->out_fault, fault);
}

NYX_EXPORT int nyx_dma_cas(struct nyx_unit *unit, uint32_t sbdf, uint64_t iova, uint32_t width,
			   uint64_t compare, uint64_t value, uint64_t *old,
			   struct nyx_fault *fault)
{
	struct nyx_dma req = {
		.sbdf = sbdf,
		.op = NYX_DMA_CAS,
		.width = width,
		.iova = iova,
		.operand = value,
		.compare = compare,
	};

	return atomic_op(unit, &req, old, fault);
}

NYX_EXPORT int nyx_dma_fetch_add(struct nyx_unit *unit, uint32_t sbdf, uint64_t iova,
				 uint32_t width, uint64_t value, uint64_t *old,
				 struct nyx_fault *fault)
{
	struct nyx_dma req = {
		.sbdf = sbdf,
		.op = NYX_DMA_FETCH_ADD,
		.width = width,
		.iova = iova,
		.operand = value,
	};

	return atomic_op(unit, &req, old, fault);
}

NYX_EXPORT int nyx_dma_swap(struct nyx_unit *unit, uint32_t sbdf, uint64_t iova, uint32_t width,
			    uint64_t value, uint64_t *old, struct nyx_fault *fault)
{
	struct nyx_dma req = {
		.sbdf = sbdf,
		.op = NYX_DMA_SWAP,
		.width = width,
		.iova = iova,
		.operand = value,
	};

	return atomic_op(unit, &req, old, fault);
}

NYX_EXPORT int nyx_dma_submit_array(struct nyx_unit *unit, struct nyx_dma *items,
				    size_t item_size, size_t nr, size_t *done)
{
	return nyx__array(unit, NYX_CMD_DMA, items, item_size, nr, false, done);
}
