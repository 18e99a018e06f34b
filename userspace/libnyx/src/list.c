// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnyx: listings, a page at a time.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ENTRIES	256u

static int list_page(int fd, struct nyx_list *list)
{
	list->size = sizeof(*list);
	list->flags = 0;
	return nyx__ioctl(fd, NYX_LIST, list);
}

int nyx__list(int fd, uint32_t type, uint32_t domain_id, uint64_t start, nyx__entry_fn fn,
	      void *arg)
{
	struct nyx_list list;
	unsigned char *page;
	uint32_t i;
	int ret;

	page = malloc((size_t)PAGE_ENTRIES * NYX__ENTRY_SIZE);
	if (!page)
		return nyx__fail(-ENOMEM);
	do {
		memset(&list, 0, sizeof(list));
		list.type = type;
		list.domain_id = domain_id;
		list.start = start;
		list.entries = (uintptr_t)page;
		list.entry_size = NYX__ENTRY_SIZE;
		list.nr = PAGE_ENTRIES;
		ret = list_page(fd, &list);
		for (i = 0; !ret && i < list.out_nr; i++)
			ret = fn(page + (size_t)i * NYX__ENTRY_SIZE, arg);
		start = list.out_next;
	} while (!ret && list.out_more);
	free(page);
	return ret;
}

static uint64_t key_of(uint32_t type, const void *entry)
{
	const struct nyx_irte_info *irte = entry;

	switch (type) {
	case NYX_LIST_DOMAINS:
		return ((const struct nyx_domain_info *)entry)->domain_id;
	case NYX_LIST_IRTES:
		return NYX_IRTE_KEY(irte->sbdf, irte->index);
	case NYX_LIST_BINDINGS:
		return ((const struct nyx_binding_info *)entry)->binding_id;
	default:
		return ((const struct nyx_device_info *)entry)->sbdf;
	}
}

static uint32_t reason_of(uint32_t type)
{
	switch (type) {
	case NYX_LIST_DOMAINS:
		return NYX_REASON_NO_SUCH_DOMAIN;
	case NYX_LIST_IRTES:
		return NYX_REASON_NO_SUCH_IRTE;
	case NYX_LIST_BINDINGS:
		return NYX_REASON_NO_SUCH_BINDING;
	default:
		return NYX_REASON_NO_SUCH_DEVICE;
	}
}

int nyx__list_one(int fd, uint32_t type, uint64_t key, void *entry, size_t size)
{
	struct nyx_list list = {
		.type = type,
		.start = key,
		.entry_size = NYX__ENTRY_SIZE,
		.nr = 1,
	};
	__aligned_u64 room[NYX__ENTRY_SIZE / sizeof(uint64_t)];
	int ret;

	list.entries = (uintptr_t)room;
	ret = list_page(fd, &list);
	if (ret)
		return ret;
	if (!list.out_nr || key_of(type, room) != key)
		return nyx__fail_for(-ENOENT, reason_of(type));
	memset(entry, 0, size);
	memcpy(entry, room, size < sizeof(room) ? size : sizeof(room));
	return 0;
}
