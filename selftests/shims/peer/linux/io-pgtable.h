/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: as much of the kernel as drivers/iommu/amd/io_pgtable.c asks
 * for in user space. Its own macros and structs are taken from its own header.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_BENCH_IO_PGTABLE_H
#define NYX_BENCH_IO_PGTABLE_H

#include "host/memory.h"
#include <linux/list.h>
#include <linux/seqlock.h>
#include <linux/xarray.h>

#define NUMA_NO_NODE	(-1)
#define SZ_512G		(1ull << 39)
#define __sme_set(x)	(x)
#define __sme_clr(x)	(x)
#define IOMMU_DIRTY_NO_CLEAR	1

typedef unsigned int ioasid_t;

struct iommu_domain { int unused; };
struct mmu_notifier { int unused; };
struct iommu_iotlb_gather;
struct iommu_dirty_bitmap;
struct io_pgtable_ops;

struct io_pgtable_cfg {
	unsigned long pgsize_bitmap;
	unsigned int ias;
	unsigned int oas;
	struct { int nid; } amd;
};

struct io_pgtable_ops {
	int (*map_pages)(struct io_pgtable_ops *ops, unsigned long iova,
			 phys_addr_t paddr, size_t pgsize, size_t pgcount,
			 int prot, gfp_t gfp, size_t *mapped);
	size_t (*unmap_pages)(struct io_pgtable_ops *ops, unsigned long iova,
			      size_t pgsize, size_t pgcount,
			      struct iommu_iotlb_gather *gather);
	phys_addr_t (*iova_to_phys)(struct io_pgtable_ops *ops, unsigned long iova);
	int (*read_and_clear_dirty)(struct io_pgtable_ops *ops,
				    unsigned long iova, size_t size,
				    unsigned long flags,
				    struct iommu_dirty_bitmap *dirty);
};

struct io_pgtable {
	void *cookie;
	struct io_pgtable_cfg cfg;
	struct io_pgtable_ops ops;
};

#define io_pgtable_ops_to_pgtable(x) container_of((x), struct io_pgtable, ops)

struct io_pgtable_init_fns {
	struct io_pgtable *(*alloc)(struct io_pgtable_cfg *cfg, void *cookie);
	void (*free)(struct io_pgtable *iop);
};

extern struct io_pgtable_init_fns io_pgtable_amd_iommu_v1_init_fns;

#define try_cmpxchg64		try_cmpxchg
#define test_bit(n, p)		((*(p) >> (n)) & 1)

static inline bool test_and_clear_bit(unsigned int n, unsigned long *p)
{
	return __atomic_fetch_and(p, ~(1ul << n), __ATOMIC_SEQ_CST) >> n & 1;
}

static inline void iommu_dirty_bitmap_record(struct iommu_dirty_bitmap *dirty,
					     unsigned long iova, unsigned long size)
{
}

/* The link of a table that was taken out: room that struct page has left. */
#define lru			pad

#endif /* NYX_BENCH_IO_PGTABLE_H */
