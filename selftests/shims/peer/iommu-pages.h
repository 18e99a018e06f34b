/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: drivers/iommu/iommu-pages.h for user space.
 *
 * Copyright (C) 2026 The Nyx authors
 */
static inline void *iommu_alloc_page_node(int nid, gfp_t gfp)
{
	struct page *page = alloc_page(gfp | __GFP_ZERO);

	return page ? page_address(page) : NULL;
}

static inline void iommu_free_page(void *virt)
{
	if (virt)
		__free_page(virt_to_page(virt));
}

static inline void iommu_put_pages_list(struct list_head *list)
{
	while (!list_empty(list)) {
		struct list_head *link = list->prev;

		list_del(link);
		__free_page(container_of((void *)link, struct page, lru));
	}
}
