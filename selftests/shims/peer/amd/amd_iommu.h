/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: drivers/iommu/amd/amd_iommu.h for user space.
 *
 * Copyright (C) 2026 The Nyx authors
 */
extern unsigned long amd_iommu_pgsize_bitmap;

void amd_iommu_update_and_flush_device_table(struct protection_domain *domain);
void amd_iommu_domain_flush_pages(struct protection_domain *domain,
				  u64 address, size_t size);

static inline u64 iommu_virt_to_phys(void *vaddr)
{
	return virt_to_phys(vaddr);
}

static inline void *iommu_phys_to_virt(unsigned long paddr)
{
	return phys_to_virt(paddr);
}
