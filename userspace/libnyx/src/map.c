// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: mappings.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/map.h>

#include "private.h"

NYX_EXPORT int nyx_map_add(struct nyx_unit *unit, nyx_domain_t domain, uint64_t iova,
			   uint64_t gpa, uint64_t length, uint32_t prot)
{
	struct nyx_map req = {
		.size = sizeof(req),
		.domain_id = domain.id,
		.prot = prot,
		.iova = iova,
		.gpa = gpa,
		.length = length,
	};

	return nyx__ioctl(unit->fd, NYX_MAP, &req);
}

NYX_EXPORT int nyx_map_add_array(struct nyx_unit *unit, struct nyx_map *items, size_t nr, size_t *done)
{
	return nyx__array(unit, NYX_CMD_MAP, items, nr, true, done);
}

static int unmap(struct nyx_unit *unit, struct nyx_unmap *req, uint64_t *unmapped)
{
	int ret;

	req->size = sizeof(*req);
	/* Do not repeat after EINTR: the range is unmapped already. */
	ret = nyx__ioctl_once(unit->fd, NYX_UNMAP, req);
	if (unmapped)
		*unmapped = req->out_unmapped;
	return ret;
}

NYX_EXPORT int nyx_map_remove(struct nyx_unit *unit, nyx_domain_t domain, uint64_t iova,
			      uint64_t length, uint64_t *unmapped)
{
	struct nyx_unmap req = {
		.domain_id = domain.id,
		.iova = iova,
		.length = length,
	};

	return unmap(unit, &req, unmapped);
}

NYX_EXPORT int nyx_map_remove_all(struct nyx_unit *unit, nyx_domain_t domain, uint64_t *unmapped)
{
	struct nyx_unmap req = {
		.flags = NYX_UNMAP_F_ALL,
		.domain_id = domain.id,
	};

	return unmap(unit, &req, unmapped);
}

NYX_EXPORT int nyx_map_remove_array(struct nyx_unit *unit, struct nyx_unmap *items,
				    size_t nr, size_t *done)
{
	return nyx__array(unit, NYX_CMD_UNMAP, items, nr, false, done);
}

NYX__ENTRY(map, nyx_map_fn)

NYX_EXPORT int nyx_map_foreach(struct nyx_unit *unit, nyx_domain_t domain, uint64_t start,
			       nyx_map_fn fn, void *arg)
{
	struct map_call call = { .fn = fn, .arg = arg };

	return nyx__list(unit->fd, NYX_LIST_MAPPINGS, domain.id, start, map_entry, &call);
}
