/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: DMA: devices read and write guest memory.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_CORE_DMA_H
#define NYX_CORE_DMA_H

#include <linux/nyx_iommu.h>
#include <linux/types.h>

#include "core/fault/fault.h"
#include "mem/region.h"

struct iov_iter;
struct nyx_unit;

/**
 * struct nyx_dma_req - a DMA
 * @sbdf: the device
 * @pasid: the PASID of the request
 * @op: of enum nyx_dma_op
 * @width: FILL, atomics: bytes of the operand
 * @iova: first IOVA; iova + length - 1 does not wrap
 * @length: bytes, not 0
 * @buf: READ, WRITE: the caller's buffer, memory of the current process
 * @iter: READ, WRITE: the caller's buffer, if it is not @buf; otherwise NULL
 * @operand: FILL, atomics
 * @compare: CAS
 * @nonblock: do not wait for a limit
 * @nowait: do nothing if there are limits
 * @old: atomics: what was there; set
 * @done: bytes transferred; set
 * @fault: what stopped the DMA, or reason NYX_FAULT_NONE; set
 */
struct nyx_dma_req {
	u32 sbdf;
	u32 pasid;
	u32 op;
	u32 width;
	u64 iova;
	u64 length;
	void __user *buf;
	struct iov_iter *iter;
	u64 operand;
	u64 compare;
	bool nonblock;
	bool nowait;
	u64 old;
	u64 done;
	struct nyx_fault_info fault;
};

/**
 * nyx_dma_do() - do a DMA
 * @unit: the unit
 * @req: what to do, and what came of it
 *
 * A guest fault is reported to the unit's readers and ends the DMA with 0.
 *
 * Context: may sleep.
 * Return: 0; -ENOENT if there is no such device; -EFAULT if @req->buf is not
 * accessible; -EAGAIN over a limit, if @req->nonblock, or @req->nowait; -EINTR if the caller was
 * killed, or a signal arrived while it waited for a limit.
 */
int nyx_dma_do(struct nyx_unit *unit, struct nyx_dma_req *req);

#endif /* NYX_CORE_DMA_H */
