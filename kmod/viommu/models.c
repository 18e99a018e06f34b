// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the table of models.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/viommu.h"

#include <linux/kernel.h>
#include <linux/nyx_iommu.h>

static const struct nyx_viommu_ops *const models[] = {
	[NYX_MODEL_NATIVE] = &native_model,
	[NYX_MODEL_VTD] = &vtd_model,
	[NYX_MODEL_AMDVI] = &amdvi_model,
};

void nyx_models_init(void)
{
	u32 model;

	for (model = 0; model < ARRAY_SIZE(models); model++)
		nyx_viommu_register(model, models[model]);
}
