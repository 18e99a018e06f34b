// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: units to measure with.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "user/bench.h"

#include <sys/mman.h>

#include "core/attach.h"
#include "core/space/domain.h"
#include "core/space/listener.h"
#include "core/space/memory.h"
#include "mem/region_priv.h"
#include "viommu/viommu.h"

static void *huge_alloc(size_t size)
{
	char *p = mmap(NULL, size + CHUNK_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	bench_check(p != MAP_FAILED);
	p = (char *)ALIGN((unsigned long)p, CHUNK_SIZE);
	madvise(p, size, MADV_HUGEPAGE);
	memset(p, 1, size);
	return p;
}

static struct region *region_make(char *memory)
{
	struct region *region = kzalloc(sizeof(*region), GFP_KERNEL);
	unsigned int i, nr = WORLD_MEMORY / CHUNK_SIZE;

	region->length = memory ? WORLD_MEMORY : NYX_GPA_LAST + 1;
	region->nr_pages = region->length >> NYX_PAGE_LG2;
	region->flags = REGION_PINNED;
	region->page_lg2 = CHUNK_LG2;
	if (!memory)
		return region;
	region->chunks = kcalloc(nr, sizeof(*region->chunks), GFP_KERNEL);
	for (i = 0; i < nr; i++)
		region->chunks[i] = (unsigned long)(memory + i * CHUNK_SIZE) | CHUNK_FLAT;
	return region;
}

static struct nyx_domain_config domain_config(enum pt_format format)
{
	return (struct nyx_domain_config) {
		.id = NYX_ID_ANY,
		.kind = NYX_DOMAIN_PAGING,
		.flags = NYX_DOMAIN_F_SHARED,
		.pt = { .format = format, .levels = 4 },
	};
}

struct world *world_new_sized(enum pt_format format, bool memory, unsigned int entries,
			      unsigned int nr)
{
	struct nyx_domain_config cfg = domain_config(format);
	struct world *w = kzalloc(sizeof(*w), GFP_KERNEL);
	struct nyx_unit *unit = &w->unit;
	struct region *region;
	u32 id;

	mutex_init(&unit->lock);
	nyx_inval_init(&unit->inval);
	nyx_listeners_init(&unit->listeners);
	unit->cfg.max_domains = nr;
	unit->cfg.max_devices = nr;
	bench_check(!iotlb_init(&unit->iotlb, entries));
	nyx_views_init(&unit->views);
	bench_check(!nyx_window_init(&unit->window, &unit->cfg, &unit->iotlb));
	unit->events = nyx_events_alloc(WORLD_EVENTS);
	bench_check(unit->events);
	bench_check(!nyx_irq_init(&unit->irq, WORLD_IRT, false));
	bench_check(!nyx_memory_init(unit, 16));
	unit->cfg.policy = nyx_policy_default;
	nyx_deadlines_init(&unit->deadlines);
	unit->guest.viommu = native_model.create(unit, &unit->cfg);
	bench_check(!IS_ERR(unit->guest.viommu));
	unit->blocked_domain = nyx_domain_blocked(unit);
	bench_check(!IS_ERR(unit->blocked_domain));
	bench_check(!nyx_domain_create(unit, &cfg, &id));
	w->dom = nyx_domain_get(unit, id);
	w->sbdf = 8;
	bench_check(!nyx_device_add(unit, w->sbdf));
	bench_check(!nyx_device_attach(unit, w->sbdf, id, false));

	if (memory)
		w->memory = huge_alloc(WORLD_MEMORY);
	region = region_make(w->memory);
	bench_check(!memslots_insert(&unit->mem, 0, region->length - 1, region));
	return w;
}

struct world *world_new(enum pt_format format, bool memory)
{
	return world_new_sized(format, memory, WORLD_TLB, 32);
}

struct nyx_domain *world_add_device(struct world *w, u32 sbdf,
				    const struct nyx_policy *policy)
{
	struct nyx_domain_config cfg = domain_config(PT_VTDSS);
	u32 id;

	bench_check(!nyx_domain_create(&w->unit, &cfg, &id));
	bench_check(!nyx_device_add(&w->unit, sbdf));
	bench_check(!nyx_device_attach(&w->unit, sbdf, id, false));
	bench_check(!nyx_policy_set(&w->unit, &sbdf, policy));
	return nyx_domain_get(&w->unit, id);
}

void world_pick_pages(const struct iotlb *tlb, u64 tag, unsigned int lg2,
		      unsigned int run, unsigned int nr, u64 *pages)
{
	unsigned int class = (lg2 - NYX_PAGE_LG2) / 9, n = 0, left = 0, i;
	u8 *used = kcalloc(tlb->nr_sets, 1, GFP_KERNEL);
	u64 page = 0;

	for (; n < nr; left--, page++) {
		u64 va, set;

		if (!left) {
			left = run;
			page = bench_random() % (1u << 24);
		}
		va = WORLD_IOVA + (page << lg2);
		set = iotlb_set(tlb, iotlb_key(va, class), tag) - tlb->sets;

		if (used[set] == IOTLB_WAYS)
			continue;
		for (i = 0; i < n && pages[i] != va; i++)
			;
		if (i < n)
			continue;
		used[set]++;
		pages[n++] = va;
	}
	kfree(used);
}

unsigned int bench_peers(struct bench_side *peers, unsigned int nr)
{
	unsigned int i, n = 0;

	for (i = 0; i < nr; i++) {
		if (peers[i].ctx)
			peers[n++] = peers[i];
	}
	return n;
}
