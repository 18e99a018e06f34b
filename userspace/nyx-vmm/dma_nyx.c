// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: accesses of devices, by a unit of the Nyx module.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A system call costs far more than a translation: the accesses that a device makes
 * together go to the kernel in one call.
 */
#include "dma_nyx.h"

#include <errno.h>

#define BATCH	32

static int one(struct nyx_unit *unit, uint16_t rid, struct dma_op *op)
{
	const nyx_device_t device = { rid };
	struct nyx_fault fault;
	int rc;

	if (op->write)
		rc = nyx_dma_write(unit, device, op->iova, op->buffer, op->len, NULL, &fault);
	else
		rc = nyx_dma_read(unit, device, op->iova, op->buffer, op->len, NULL, &fault);
	op->done = !rc && fault.reason == NYX_FAULT_NONE;
	return op->done ? 0 : -EFAULT;
}

static int some(struct nyx_unit *unit, uint16_t rid, struct dma_op *ops, unsigned int nr)
{
	struct nyx_dma items[BATCH];
	size_t done, from = 0;
	unsigned int i;
	int rc;

	for (i = 0; i < nr; i++) {
		items[i] = (struct nyx_dma){
			.size = sizeof(items[i]), .sbdf = rid, .pasid = NYX_PASID_NONE,
			.op = ops[i].write ? NYX_DMA_WRITE : NYX_DMA_READ,
			.iova = ops[i].iova, .length = ops[i].len,
			.buffer = (uintptr_t)ops[i].buffer,
		};
	}
	/* Continue after a signal. The interrupted item is done again, which is harmless. */
	do {
		rc = nyx_dma_submit_array(unit, items + from, nr - from, &done);
		from += done;
	} while (rc == -EINTR && from < nr);
	for (i = 0; i < from; i++) {
		ops[i].done = items[i].out_fault.reason == NYX_FAULT_NONE;
		if (!ops[i].done)
			rc = -EFAULT;
	}
	return rc ? -EFAULT : 0;
}

int dma_nyx(struct nyx_unit *unit, uint16_t rid, struct dma_op *ops, unsigned int nr)
{
	unsigned int n;
	int rc = 0;

	for (; nr && !rc; nr -= n, ops += n) {
		n = nr < BATCH ? nr : BATCH;
		/* libnyx continues a transfer that a signal interrupted, and splits long ones. */
		rc = n == 1 ? one(unit, rid, ops) : some(unit, rid, ops, n);
	}
	return rc;
}
