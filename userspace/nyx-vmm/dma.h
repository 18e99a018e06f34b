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
#include <sys/uio.h>

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

/* @len bytes from or to @buffer: the beginning of segments laid end to end */
struct dma_string {
	const struct dma_seg *segs;
	unsigned int nr;
	void *buffer;
	uint64_t len;			/* may be 0 */
};

/*
 * The same for many, in order, with few calls of the IOMMU. They return how many were done, all of
 * them before the one that was refused.
 */
unsigned int dma_gather_all(struct pci_dev *dev, const struct dma_string *strings, unsigned int nr);
unsigned int dma_scatter_all(struct pci_dev *dev, const struct dma_string *strings,
			     unsigned int nr);

/*
 * Copies a word in one access, other lengths in any way, from or to guest memory that is mapped.
 * Driver and device share words, like an index of a ring, without locks.
 */
void dma_copy(void *to, const void *from, uint64_t len);

#define DMA_HOLDS	32
#define DMA_SPAN_SEGS	258		/* the most that dma_hold() takes; with more it is a copy */

/* The holds that keep translations of spans until dma_release(). Begins as zeros. */
struct dma_holds {
	void *owner;
	unsigned int nr;
	uint32_t ids[DMA_HOLDS];
};

/* Guest memory that a device uses in place: [skip, skip + len) of segments laid end to end */
struct dma_span {
	const struct dma_seg *segs;
	unsigned int nr;
	uint64_t skip, len;
	bool write;
	struct iovec *iov;		/* where the pieces go */
	unsigned int room;
	struct dma_holds *holds;
	/* out */
	int rc;				/* 0; -EFAULT: refused; -EAGAIN: copy instead */
	uint64_t done;			/* -EFAULT: the bytes before what was refused */
	unsigned int nr_iov;
};

/*
 * Find the memory of spans, and keep their translations: an invalidation of the guest waits for
 * dma_release(), which must therefore come soon, and never wait for a CPU of the guest. The
 * guest may read and change the bytes meanwhile.
 */
void dma_hold(struct pci_dev *dev, struct dma_span *spans, unsigned int nr);
void dma_release(struct pci_dev *dev, struct dma_holds *holds);
/* For the IOMMU: the next piece of a span. False: there is no room for it. */
bool dma_piece(struct dma_span *s, void *p, uint64_t len);
/* False: dma_hold() only ever says -EAGAIN. */
bool dma_can_hold(const struct pci_dev *dev);

#endif /* NYX_VMM_DMA_H */
