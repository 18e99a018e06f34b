/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: accesses of devices by a view of a unit, without a system call.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_VMM_DMA_VIEW_H
#define NYX_VMM_DMA_VIEW_H

#include <nyx/nyx.h>
#include <stdbool.h>
#include <stdint.h>

#include "dma.h"

struct dma_views;

/* NULL: no memory. The view itself is opened by the first access. */
struct dma_views *dma_views_new(struct vmm *vmm, struct nyx_unit *unit);
/* Called when the other threads have ended, and nothing is held. */
void dma_views_free(struct dma_views *views);

/*
 * Does accesses as &iommu_ops.access. Returns how many were done; with fewer than @nr: *rc is
 * -EFAULT if the next one was refused, or 0 if dma_nyx() is to do it.
 */
unsigned int dma_view_access(struct dma_views *views, uint16_t rid, struct dma_op *ops,
			     unsigned int nr, int *rc);

/* As &iommu_ops.hold and &iommu_ops.release */
void dma_view_hold(struct dma_views *views, uint16_t rid, struct dma_span *spans,
		   unsigned int nr);
void dma_view_release(struct dma_holds *holds);

/* Returns whether a view was cut off in the name of @rid since the last call. */
bool dma_view_was_cut_off(struct dma_views *views, uint16_t rid);

#endif /* NYX_VMM_DMA_VIEW_H */
