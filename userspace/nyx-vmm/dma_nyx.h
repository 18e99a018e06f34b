/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nyx-vmm: accesses of devices, by a unit of the Nyx module.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_VMM_DMA_NYX_H
#define NYX_VMM_DMA_NYX_H

#include <nyx/nyx.h>

#include "dma.h"

/* As iommu_ops::access. */
int dma_nyx(struct nyx_unit *unit, uint16_t rid, struct dma_op *ops, unsigned int nr);

#endif /* NYX_VMM_DMA_NYX_H */
