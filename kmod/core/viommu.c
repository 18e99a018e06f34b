// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the table of models, and messages of the unit itself for the VMM.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/viommu.h"

#include <linux/nospec.h>
#include <linux/string.h>

#include "base/export.h"
#include "base/types.h"
#include "core/fault/event.h"
#include "core/unit.h"

/* The models, by enum nyx_model. */
static const struct nyx_viommu_ops *models[NYX_MODELS_MAX];

void nyx_viommu_register(u32 model, const struct nyx_viommu_ops *ops)
{
	models[model] = ops;
}

const struct nyx_viommu_ops *nyx_viommu_find(u32 model)
{
	if (model >= NYX_MODELS_MAX)
		return NULL;
	return models[array_index_nospec(model, NYX_MODELS_MAX)];
}

u32 nyx_viommu_models(void)
{
	u32 model, mask = 0;

	for (model = 0; model < NYX_MODELS_MAX; model++)
		mask |= models[model] ? BIT(model) : 0;
	return mask;
}

static void push_msi(struct nyx_unit *unit, u64 address, u32 data, u32 flags)
{
	struct nyx_event event;

	memset(&event, 0, sizeof(event));
	event.type = NYX_EVENT_MSI;
	event.msi.address = address;
	event.msi.data = data;
	event.msi.flags = flags;
	nyx_events_push(unit->events, &event);
}

void nyx_guest_msi(struct nyx_unit *unit, u64 address, u32 data)
{
	push_msi(unit, address, data, 0);
}

void nyx_guest_msi_function(struct nyx_unit *unit)
{
	push_msi(unit, 0, 0, NYX_MSI_F_FUNCTION);
}

NYX_EXPORT_FOR_TEST(nyx_viommu_register);
