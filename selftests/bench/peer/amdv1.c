// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: a handle on Linux' AMD v1 page tables.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The source is included, so that its static functions can be called directly.
 * In the kernel they are called by pointer: this flatters the peer a little.
 */
#include <linux/mem_encrypt.h>

#include "io_pgtable.c"

#include "peer/peer.h"

unsigned long amd_iommu_pgsize_bitmap = AMD_IOMMU_PGSIZES;

void amd_iommu_update_and_flush_device_table(struct protection_domain *domain)
{
}

void amd_iommu_domain_flush_pages(struct protection_domain *domain,
				  u64 address, size_t size)
{
}

void *amdv1_new(void)
{
	struct protection_domain *dom = kzalloc(sizeof(*dom), GFP_KERNEL);

	if (!dom)
		return NULL;
	spin_lock_init(&dom->lock);
	dom->iop.pgtbl.cfg.amd.nid = NUMA_NO_NODE;
	if (!v1_alloc_pgtable(&dom->iop.pgtbl.cfg, dom)) {
		kfree(dom);
		return NULL;
	}
	return &dom->iop.pgtbl.ops;
}

void amdv1_free(void *table)
{
	struct protection_domain *dom = io_pgtable_ops_to_domain(table);

	v1_free_pgtable(&dom->iop.pgtbl);
	kfree(dom);
}

int amdv1_map(void *table, u64 va, u64 pa, unsigned long count)
{
	size_t mapped = 0;

	return iommu_v1_map_pages(table, va, pa, PAGE_SIZE, count,
				  IOMMU_PROT_IR | IOMMU_PROT_IW, GFP_KERNEL,
				  &mapped);
}

u64 amdv1_unmap(void *table, u64 va, unsigned long count)
{
	return iommu_v1_unmap_pages(table, va, PAGE_SIZE, count, NULL);
}

u64 amdv1_walk(void *table, u64 va)
{
	return iommu_v1_iova_to_phys(table, va);
}
