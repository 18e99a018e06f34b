// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: native units: the model without registers, and without tables of a guest.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The unit's owner makes domains, attaches devices and writes interrupt remapping
 * entries by commands. No command of a native unit needs the guest's memory to find a
 * table, so the core decodes nothing.
 */
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "base/reason.h"
#include "base/types.h"
#include "core/unit.h"
#include "viommu/msi.h"
#include "viommu/pid.h"
#include "viommu/viommu.h"

#define DEFAULT_WIDTH	48u
#define DEFAULT_IRT	256u

static int native_configure(struct nyx_unit_config *cfg)
{
	u32 entries = cfg->irt_entries ?: DEFAULT_IRT;

	cfg->address_width = cfg->address_width ?: DEFAULT_WIDTH;
	if (cfg->address_width < 32 || cfg->address_width > 64)
		return NYX_ERR(MODEL_WIDTH);
	if (entries > IRT_MAX_ENTRIES)
		return NYX_ERR(MODEL_ENTRIES);
	cfg->irt_entries = roundup_pow_of_two(entries);
	return 0;
}

static struct nyx_viommu *native_create(struct nyx_unit *unit,
					const struct nyx_unit_config *cfg)
{
	struct nyx_viommu *viommu = kzalloc(sizeof(*viommu), GFP_CALLER);

	if (!viommu)
		return ERR_PTR(-ENOMEM);
	viommu->ops = &native_model;
	viommu->unit = unit;
	return viommu;
}

static void native_destroy(struct nyx_viommu *viommu)
{
	kfree(viommu);
}

const struct nyx_viommu_ops native_model = {
	.name = "native",
	.configure = native_configure,
	.create = native_create,
	.destroy = native_destroy,
	.decode_msg = msi_decode,
	.post_irte = pid_post,
};
