/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: declarations of the models.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_VIOMMU_VIOMMU_H
#define NYX_VIOMMU_VIOMMU_H

#include "core/viommu.h"

extern const struct nyx_viommu_ops native_model;
extern const struct nyx_viommu_ops vtd_model;
extern const struct nyx_viommu_ops amdvi_model;

/* Register all models; while the module starts. */
void nyx_models_init(void);

#endif /* NYX_VIOMMU_VIOMMU_H */
