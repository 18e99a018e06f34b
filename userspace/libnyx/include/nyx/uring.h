/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: commands by io_uring.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A program that has a ring, of liburing or its own, submits the commands of a data path
 * with it, many in one system call, and collects what has become of them when it likes:
 *
 *	struct nyx_dma dma = NYX_DMA_INIT;
 *	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
 *
 *	dma.sbdf = device.sbdf;
 *	...
 *	nyx_uring_prep_dma(sqe, unit, &dma);
 *	io_uring_sqe_set_data(sqe, &dma);
 *	io_uring_submit(&ring);
 *
 * These functions only fill in an SQE, of 64 bytes; the second half of one of 128 bytes must
 * be zero. They set all of it, its flags and user data to zero: a caller that wants
 * others sets them afterwards. They do not fail.
 *
 * The structure of the command is the caller's until the CQE is there. Its result is in
 * cqe->res: 0 or a negative errno, as the function of the library returns that issues
 * the same command. nyx_last_reason() does not know of it: the reason is out_err_reason of
 * the structure, and nyx_reason_text() has its sentence. -EINTR is that of a request that waited
 * for a limit, and was cancelled, or whose process was stopped.
 *
 * Commands run in any order, and at the same time, but for those that are linked
 * (IOSQE_IO_LINK). A ring with IORING_SETUP_IOPOLL does not take them (-EOPNOTSUPP).
 * Linux 6.1 is the oldest kernel that does.
 *
 * A thread inside a section of a view, see <nyx/view.h>, must not wait for a CQE: the command
 * may wait for that section.
 *
 * The header needs none of liburing.
 */
#ifndef NYX_URING_H
#define NYX_URING_H

#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

struct io_uring_sqe;

/**
 * nyx_uring_prep_dma() - a device reads, writes or changes guest memory
 * @sqe: the SQE
 * @unit: the unit
 * @dma: the operation, and the answer; begins as NYX_DMA_INIT
 *
 * As an item of nyx_dma_submit_array(): at most 1 GiB, and a fault is in out_fault.
 */
void nyx_uring_prep_dma(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
			struct nyx_dma *dma);

/**
 * nyx_uring_prep_dma_fixed() - a DMA from or to a buffer that is registered with the ring
 * @sqe: the SQE
 * @unit: the unit
 * @dma: NYX_DMA_READ or NYX_DMA_WRITE; its buffer is a part of the registered one
 * @buf_index: number of the registered buffer
 *
 * The pages of the buffer are not looked up again. -EFAULT if not all of it is in the
 * registered buffer.
 */
void nyx_uring_prep_dma_fixed(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
			      struct nyx_dma *dma, unsigned int buf_index);

/**
 * nyx_uring_prep_translate() - translate what a device might access
 * @sqe: the SQE
 * @unit: the unit
 * @req: as for nyx_device_translate()
 */
void nyx_uring_prep_translate(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
			      struct nyx_translate *req);

/**
 * nyx_uring_prep_map() - map a range
 * @sqe: the SQE
 * @unit: the unit
 * @map: as an item of nyx_map_add_array()
 */
void nyx_uring_prep_map(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
			struct nyx_map *map);

/**
 * nyx_uring_prep_unmap() - unmap a range
 * @sqe: the SQE
 * @unit: the unit
 * @unmap: as an item of nyx_map_remove_array()
 *
 * The CQE comes when no access uses any more what was mapped.
 */
void nyx_uring_prep_unmap(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
			  struct nyx_unmap *unmap);

/**
 * nyx_uring_prep_irq_send() - a device sends an interrupt
 * @sqe: the SQE
 * @unit: the unit
 * @irq: as for nyx_irq_send()
 */
void nyx_uring_prep_irq_send(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
			     struct nyx_irq_send *irq);

/**
 * nyx_uring_prep_array() - do many commands, in order
 * @sqe: the SQE
 * @unit: the unit
 * @array: begins as NYX_ARRAY_INIT; its items, too, are the caller's until the CQE is there
 */
void nyx_uring_prep_array(struct io_uring_sqe *sqe, const struct nyx_unit *unit,
			  struct nyx_array *array);

#ifdef __cplusplus
}
#endif

#endif /* NYX_URING_H */
