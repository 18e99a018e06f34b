// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: page tables, level by level.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/walk.h>

#include "private.h"

NYX_EXPORT int nyx_walk_get(struct nyx_unit *unit, struct nyx_walk *walk)
{
	return nyx__ioctl(unit->fd, NYX_WALK, walk);
}
