// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the vendor models that there are, and what the unit itself has for the VMM.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/front.h"

#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "core/event.h"
#include "core/unit.h"

/* Models with a front end, by enum nyx_model. */
static nyx_front_create_fn front_create[4];

void nyx_front_register(u32 model, nyx_front_create_fn create)
{
	front_create[model] = create;
}

struct nyx_front *nyx_front_create(struct nyx_unit *unit,
				   const struct nyx_unit_config *cfg)
{
	nyx_front_create_fn create =
		front_create[array_index_nospec(cfg->model,
						ARRAY_SIZE(front_create))];

	return create ? create(unit, cfg) : NULL;
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
