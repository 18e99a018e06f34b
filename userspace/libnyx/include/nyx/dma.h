/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: DMA, the accesses of devices.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A device model calls these functions where real hardware would master the
 * bus. Bytes are transferred in ascending order and exactly up to the first
 * byte that is refused.
 *
 * Memory model. A transfer of 2, 4 or 8 bytes at an IOVA that is aligned to its length,
 * and each atomic operation, is single-copy atomic: no processor and no other device sees
 * a part of it. Longer, shorter and unaligned transfers, and fills, may be seen in parts, in
 * any order. Calls of one thread are ordered as a PCI device's posted writes and reads
 * are, and more: each is a full barrier, so that a vCPU that sees the second write sees the
 * first one, too. The items of an array are ordered like calls.
 *
 * A refused access is not an error: the call returns 0, and @fault says why. A caller that
 * passes NULL for @fault gets -EREMOTEIO instead, so that it cannot take a fault for
 * success. @done is valid after every return.
 */
#ifndef NYX_DMA_H
#define NYX_DMA_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <linux/nyx_iommu.h>

#include <nyx/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nyx_dma_read() - a device reads guest memory
 * @unit: the unit
 * @device: the device
 * @iova: first IOVA, any alignment
 * @buffer: where to put the bytes
 * @length: bytes, not 0
 * @done: where to put the bytes that were transferred, or NULL
 * @fault: where to put what stopped the transfer (reason NYX_FAULT_NONE:
 *         nothing), or NULL
 *
 * Return: 0; -ENOENT if there is no such device; -EFAULT if @buffer is not
 * accessible; -EREMOTEIO, see above; -EAGAIN over a limit, if the file descriptor
 * of the unit is non-blocking; other errors of the kernel.
 */
int nyx_dma_read(struct nyx_unit *unit, nyx_device_t device, uint64_t iova, void *buffer,
		 uint64_t length, uint64_t *done, struct nyx_fault *fault);

/**
 * nyx_dma_write() - a device writes guest memory
 * @unit: the unit
 * @device: the device
 * @iova: first IOVA, any alignment
 * @buffer: the bytes
 * @length: bytes, not 0
 * @done: as for nyx_dma_read()
 * @fault: as for nyx_dma_read()
 *
 * Return: as nyx_dma_read().
 */
int nyx_dma_write(struct nyx_unit *unit, nyx_device_t device, uint64_t iova, const void *buffer,
		  uint64_t length, uint64_t *done, struct nyx_fault *fault);

/**
 * struct nyx_dma_seg - a piece of the memory that a device transfers
 * @iova: first IOVA, any alignment
 * @length: bytes; 0 is allowed
 */
struct nyx_dma_seg {
	uint64_t iova;
	uint64_t length;
};

/**
 * nyx_dma_readv() - a device reads scattered guest memory into scattered buffers
 * @unit: the unit
 * @device: the device
 * @segs: where the bytes are, as a chain of descriptors lists them
 * @nr_segs: segments; any number
 * @iov: where to put them
 * @nr_iov: buffers; any number
 * @done: where to put the bytes that were transferred, or NULL
 * @fault: as for nyx_dma_read()
 *
 * Segments and buffers are each taken as one string of bytes, in their order; the
 * shorter string ends the transfer. The first fault ends it, too: nothing behind the
 * faulting byte is tried. A segment and a buffer of 2, 4 or 8 aligned bytes that fall
 * together are one access, see the head of this file.
 *
 * Return: as nyx_dma_read(); 0 with nothing done if either string is empty;
 * -EOVERFLOW if a string has more than 2^64 - 1 bytes.
 */
int nyx_dma_readv(struct nyx_unit *unit, nyx_device_t device, const struct nyx_dma_seg *segs,
		  size_t nr_segs, const struct iovec *iov, size_t nr_iov, uint64_t *done,
		  struct nyx_fault *fault);

/**
 * nyx_dma_writev() - a device writes scattered buffers to scattered guest memory
 * @unit: the unit
 * @device: the device
 * @segs: where to put the bytes
 * @nr_segs: segments; any number
 * @iov: the bytes
 * @nr_iov: buffers; any number
 * @done: as for nyx_dma_readv()
 * @fault: as for nyx_dma_read()
 *
 * Return: as nyx_dma_readv().
 */
int nyx_dma_writev(struct nyx_unit *unit, nyx_device_t device, const struct nyx_dma_seg *segs,
		   size_t nr_segs, const struct iovec *iov, size_t nr_iov, uint64_t *done,
		   struct nyx_fault *fault);

/**
 * nyx_dma_fill() - a device fills guest memory with a pattern
 * @unit: the unit
 * @device: the device
 * @iova: first IOVA, any alignment
 * @length: bytes, a multiple of @width
 * @pattern: the pattern, little endian
 * @width: its bytes: 1, 2, 4 or 8
 * @done: as for nyx_dma_read()
 * @fault: as for nyx_dma_read()
 *
 * Return: as nyx_dma_read(); -EINVAL.
 */
int nyx_dma_fill(struct nyx_unit *unit, nyx_device_t device, uint64_t iova, uint64_t length,
		 uint64_t pattern, uint32_t width, uint64_t *done, struct nyx_fault *fault);

/**
 * nyx_dma_cas() - a device compares and swaps, atomically
 * @unit: the unit
 * @device: the device
 * @iova: IOVA, a multiple of @width
 * @width: 4 or 8 bytes
 * @compare: write only if this is there
 * @value: what to write
 * @old: where to put what was there, or NULL; valid if there was no fault
 * @fault: as for nyx_dma_read()
 *
 * Return: as nyx_dma_read(); -EINVAL.
 */
int nyx_dma_cas(struct nyx_unit *unit, nyx_device_t device, uint64_t iova, uint32_t width,
		uint64_t compare, uint64_t value, uint64_t *old, struct nyx_fault *fault);

/**
 * nyx_dma_fetch_add() - a device adds, atomically
 * @unit: the unit
 * @device: the device
 * @iova: IOVA, a multiple of @width
 * @width: 4 or 8 bytes
 * @value: what to add
 * @old: as for nyx_dma_cas()
 * @fault: as for nyx_dma_read()
 *
 * Return: as nyx_dma_cas().
 */
int nyx_dma_fetch_add(struct nyx_unit *unit, nyx_device_t device, uint64_t iova, uint32_t width,
		      uint64_t value, uint64_t *old, struct nyx_fault *fault);

/**
 * nyx_dma_swap() - a device exchanges a value, atomically
 * @unit: the unit
 * @device: the device
 * @iova: IOVA, a multiple of @width
 * @width: 4 or 8 bytes
 * @value: what to write
 * @old: as for nyx_dma_cas()
 * @fault: as for nyx_dma_read()
 *
 * Return: as nyx_dma_cas().
 */
int nyx_dma_swap(struct nyx_unit *unit, nyx_device_t device, uint64_t iova, uint32_t width,
		 uint64_t value, uint64_t *old, struct nyx_fault *fault);

/**
 * nyx_dma_submit_array() - do many DMA operations in one system call
 * @unit: the unit
 * @items: the operations; each begins as NYX_DMA_INIT, and has its own out_done and out_fault
 * @nr: items; any number
 * @done: where to put the number of items that succeeded, or NULL; valid also
 *        after an error
 *
 * An item that meets a fault has succeeded: look at its out_fault.
 *
 * Return: 0, or the error of the first item that failed: nothing after it was tried. -EINTR
 * if a signal interrupted: unlike the other functions, this one does not resume by itself,
 * since an item may have been done in part.
 */
int nyx_dma_submit_array(struct nyx_unit *unit, struct nyx_dma *items, size_t nr, size_t *done);

#ifdef __cplusplus
}
#endif

#endif /* NYX_DMA_H */
