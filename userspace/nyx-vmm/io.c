// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: the handlers of ports and addresses.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A handful of regions, looked through in order. Regions of the platform stand before
 * those of BARs, which a guest moves at will.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm.h"

#define MAX_REGIONS	256

struct region {
	uint64_t base;
	uint64_t last;
	const struct io_ops *ops;
	void *opaque;
};

struct io_space {
	struct {
		struct region regions[MAX_REGIONS];
		unsigned int nr;
		unsigned int nr_platform;	/* the platform's regions, which are the first */
	} kinds[2];
};

int io_init(struct vmm *vmm)
{
	vmm->io = calloc(1, sizeof(*vmm->io));
	return vmm->io ? 0 : -ENOMEM;
}

void io_exit(struct vmm *vmm)
{
	free(vmm->io);
	vmm->io = NULL;
}

static int insert(struct vmm *vmm, enum io_kind kind, uint64_t base, uint64_t size,
		  const struct io_ops *ops, void *opaque, bool platform)
{
	unsigned int nr = vmm->io->kinds[kind].nr, at;
	struct region *regions = vmm->io->kinds[kind].regions;
	uint64_t last;

	if (!size || __builtin_add_overflow(base, size - 1, &last))
		return -EINVAL;
	if (nr == MAX_REGIONS)
		return -ENOSPC;
	at = platform ? vmm->io->kinds[kind].nr_platform++ : nr;
	memmove(regions + at + 1, regions + at, (nr - at) * sizeof(*regions));
	regions[at] = (struct region){ base, last, ops, opaque };
	vmm->io->kinds[kind].nr++;
	return 0;
}

int io_add(struct vmm *vmm, enum io_kind kind, uint64_t base, uint64_t size,
	   const struct io_ops *ops, void *opaque)
{
	return insert(vmm, kind, base, size, ops, opaque, true);
}

int io_add_bar(struct vmm *vmm, enum io_kind kind, uint64_t base, uint64_t size,
	       const struct io_ops *ops, void *opaque)
{
	return insert(vmm, kind, base, size, ops, opaque, false);
}

void io_remove(struct vmm *vmm, enum io_kind kind, uint64_t base, void *opaque)
{
	unsigned int *nr = &vmm->io->kinds[kind].nr, i;
	struct region *regions = vmm->io->kinds[kind].regions;

	for (i = 0; i < *nr; i++) {
		if (regions[i].base != base || regions[i].opaque != opaque)
			continue;
		memmove(regions + i, regions + i + 1, (*nr - i - 1) * sizeof(*regions));
		(*nr)--;
		if (i < vmm->io->kinds[kind].nr_platform)
			vmm->io->kinds[kind].nr_platform--;
		return;
	}
}

static const struct region *find(struct vmm *vmm, enum io_kind kind, uint64_t addr,
				 unsigned int len)
{
	const struct region *r = vmm->io->kinds[kind].regions;
	const struct region *end = r + vmm->io->kinds[kind].nr;

	for (; r < end; r++) {
		if (addr >= r->base && addr <= r->last)
			return len - 1 <= r->last - addr ? r : NULL;
	}
	return NULL;
}

void io_access(struct vmm *vmm, enum io_kind kind, uint64_t addr, void *data,
	       unsigned int len, bool write)
{
	const struct region *r = NULL;

	pthread_mutex_lock(&vmm->lock);
	atomic_fetch_add_explicit(&vmm->accesses, 1, memory_order_relaxed);
	if (len == 1 || len == 2 || len == 4 || len == 8)
		r = find(vmm, kind, addr, len);
	if (write) {
		if (r && r->ops->write)
			r->ops->write(r->opaque, addr - r->base, le_get(data, len), len);
	} else if (r && r->ops->read) {
		le_put(data, r->ops->read(r->opaque, addr - r->base, len), len);
	} else {
		memset(data, 0xff, len);
	}
	pthread_mutex_unlock(&vmm->lock);
}
