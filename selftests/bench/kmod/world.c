// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: a unit to measure with.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>

#include "bench.h"

#include "core/attach.h"
#include "core/access/device.h"
#include "core/space/domain.h"
#include "core/space/memory.h"
#include "core/unit.h"
#include "mem/region.h"

/* Memory of the current process, all there. */
static int user_alloc(unsigned long size, unsigned long *addr)
{
	unsigned long ret = vm_mmap(NULL, 0, size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, 0);

	if (IS_ERR_VALUE(ret))
		return ret;
	*addr = ret;
	return clear_user((void __user *)ret, size) ? -EFAULT : 0;
}

static int add_memory(struct world *w)
{
	struct region *region;
	int ret;

	ret = user_alloc(WORLD_BUF, &w->buf) ?: user_alloc(WORLD_MEMORY, &w->uaddr);
	if (ret)
		return ret;
	region = region_create_user(w->uaddr, WORLD_MEMORY, REGION_PINNED);
	if (IS_ERR(region))
		return PTR_ERR(region);
	ret = nyx_memory_add(w->unit, 0, WORLD_MEMORY - 1, region);
	if (ret)
		region_put(region);
	return ret;
}

int world_begin(struct world *w)
{
	static const struct nyx_unit_config unit_cfg = {
		.model = NYX_MODEL_NATIVE,
		.address_width = 48,
		.iotlb_entries = WORLD_TLB,
		.event_entries = 1024,
		.max_domains = 64,
		.max_devices = 64,
		.max_memory = 64,
		.irt_entries = 1024,
	};
	static const struct nyx_domain_config dom_cfg = {
		.id = NYX_ID_ANY,
		.kind = NYX_DOMAIN_PAGING,
		.address_width = 48,
		.pt = { .format = PT_VTDSS, .levels = 4 },
	};
	struct nyx_unit *unit = nyx_unit_create(&unit_cfg);
	u32 id;
	int ret;

	if (IS_ERR(unit))
		return PTR_ERR(unit);
	w->unit = unit;
	ret = nyx_domain_create(unit, &dom_cfg, &id);
	if (ret)
		return ret;
	w->dom = nyx_domain_get(unit, id);
	ret = nyx_device_add(unit, WORLD_SBDF);
	if (!ret)
		ret = nyx_device_attach(unit, WORLD_SBDF, id, false);
	return ret ?: add_memory(w);
}

void world_end(struct world *w)
{
	if (w->dom)
		nyx_domain_put(w->dom);
	if (w->unit)
		nyx_unit_close(w->unit);
	if (w->uaddr)
		vm_munmap(w->uaddr, WORLD_MEMORY);
	if (w->buf)
		vm_munmap(w->buf, WORLD_BUF);
}
