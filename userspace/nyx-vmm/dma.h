/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: how devices reach the guest's memory.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * There is no other way: a device model that includes this header and calls
 * ram_ptr() is wrong.
 */
#ifndef NYX_VMM_DMA_H
#define NYX_VMM_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm.h"

struct pci_dev;

struct dma_seg {
	uint64_t iova;
	uint32_t len;
};

/*
 * 0, or -EFAULT: the access was refused; bytes before the first refused one may have
 * been transferred. A naturally aligned access of 1, 2, 4 or 8 bytes is atomic. A
 * write to 0xfeexxxxx is an interrupt, as on a real bus.
 */
int dma_read(struct pci_dev *dev, uint64_t iova, void *buffer, uint64_t len);
int dma_write(struct pci_dev *dev, uint64_t iova, const void *buffer, uint64_t len);

/* A write there is an interrupt. */
static inline bool dma_is_message(uint64_t iova)
{
	return iova >= GPA_LAPIC && iova < GPA_MSI_END;
}

/* An access: @len bytes from or to @buffer. */
struct dma_op {
	uint64_t iova;
	void *buffer;
	uint64_t len;
	bool write;
	bool done;			/* out: the access was done; the caller clears it */
};

/*
 * Do accesses in order, with one call of the IOMMU where possible: the driver sees the
 * effects in that order, and a read does not pass an earlier read. -EFAULT: at least one
 * access was refused, the first whose @done is false; later ones may have been done
 * nevertheless.
 */
int dma_array(struct pci_dev *dev, struct dma_op *ops, unsigned int nr);

/*
 * dma_gather() reads [skip, skip + len) of the segments laid end to end, dma_scatter()
 * writes it. -EFAULT also if the segments are shorter than that.
 */
int dma_gather(struct pci_dev *dev, const struct dma_seg *segs, unsigned int nr,
	       uint64_t skip, void *buffer, uint64_t len);
int dma_scatter(struct pci_dev *dev, const struct dma_seg *segs, unsigned int nr,
		uint64_t skip, const void *buffer, uint64_t len);

/*
 * A pointer to all of [iova, iova + len), valid until dma_unmap(); NULL if the range
 * cannot be mapped: then the caller copies. The guest may read and change the bytes
 * meanwhile.
 */
void *dma_map(struct pci_dev *dev, uint64_t iova, uint64_t len, bool write);
void dma_unmap(struct pci_dev *dev, void *p, uint64_t len);

#endif /* NYX_VMM_DMA_H */
