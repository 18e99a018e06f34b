// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: domains.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <nyx/domain.h>

#include "private.h"

#include <errno.h>
#include <string.h>

NYX_EXPORT int nyx_domain_create(struct nyx_unit *unit,
				 const struct nyx_domain_create_opts *opts, nyx_domain_t *domain)
{
	struct nyx_domain_create req = { .size = sizeof(req) };
	struct nyx_domain_create_opts o = { 0 };
	int ret;

	ret = nyx__opts_copy(&o, sizeof(o), opts, opts ? opts->size : 0);
	if (ret)
		return ret;
	if (o.reserved)
		return nyx__fail(-EINVAL);
	ret = nyx__name_copy(req.name, o.name);
	if (ret)
		return ret;
	req.flags = o.flags;
	req.kind = o.kind;
	req.format = o.format;
	req.address_width = o.address_width;
	req.domain_id = o.domain_id;
	req.page_sizes = o.page_sizes;
	ret = nyx__ioctl(unit->fd, NYX_DOMAIN_CREATE, &req);
	if (!ret && domain)
		domain->id = req.out_domain_id;
	return ret;
}

NYX_EXPORT int nyx_domain_destroy(struct nyx_unit *unit, nyx_domain_t domain)
{
	struct nyx_domain_destroy req = { .size = sizeof(req), .domain_id = domain.id };

	return nyx__ioctl(unit->fd, NYX_DOMAIN_DESTROY, &req);
}

NYX_EXPORT int nyx_domain_get(struct nyx_unit *unit, nyx_domain_t domain, struct nyx_domain_info *info,
			      size_t size)
{
	return nyx__list_one(unit->fd, NYX_LIST_DOMAINS, domain.id, info, size);
}

struct domain_search {
	const char *name;
	struct nyx_domain_info *info;
	size_t size;
};

static int match_name(const void *entry, void *arg)
{
	const struct nyx_domain_info *domain = entry;
	const struct domain_search *search = arg;

	if (strncmp((const char *)domain->name, search->name, NYX_NAME_LEN))
		return 0;
	memset(search->info, 0, search->size);
	memcpy(search->info, entry,
	       search->size < NYX__ENTRY_SIZE ? search->size : NYX__ENTRY_SIZE);
	return 1;
}

NYX_EXPORT int nyx_domain_find(struct nyx_unit *unit, const char *name,
			       struct nyx_domain_info *info, size_t size)
{
	struct domain_search search = { .name = name, .info = info, .size = size };
	int ret;

	if (!*name)
		return nyx__fail(-ENOENT);
	ret = nyx__list(unit->fd, NYX_LIST_DOMAINS, 0, 0, match_name, &search);
	return ret == 1 ? 0 : ret ? ret : -ENOENT;
}

NYX__ENTRY(domain, nyx_domain_fn)

NYX_EXPORT int nyx_domain_foreach(struct nyx_unit *unit, nyx_domain_fn fn, void *arg)
{
	struct domain_call call = { .fn = fn, .arg = arg };

	return nyx__list(unit->fd, NYX_LIST_DOMAINS, 0, 0, domain_entry, &call);
}
