/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: the peers.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * - AMD v1 page tables: drivers/iommu/amd/io_pgtable.c of Linux, unmodified;
 * - vhost's IOTLB: drivers/vhost/iotlb.c of Linux, unmodified;
 * - readers: those of Linux' Tree SRCU and percpu_ref, functions taken out of the source;
 * - QEMU's VT-d IOTLB: our re-creation of its hot path, on the real GLib.
 *
 * The first two are compiled from the source of the kernel that the machine has,
 * in user space and in the kernel; readers are in user space only, for the kernel has them
 * itself. Constructors return NULL where a peer is not to be had.
 */
#ifndef NYX_BENCH_PEER_H
#define NYX_BENCH_PEER_H

#include <linux/types.h>

/* All pages are of 4 KiB, readable and writable. */
void *amdv1_new(void);
void amdv1_free(void *table);
int amdv1_map(void *table, u64 va, u64 pa, unsigned long count);
u64 amdv1_unmap(void *table, u64 va, unsigned long count);
u64 amdv1_walk(void *table, u64 va);

void *vhost_new(unsigned int limit);
void vhost_delete(void *tlb);
int vhost_add(void *tlb, u64 start, u64 last, u64 addr);
/* ~0 if there is no range, or it does not grant the access. */
u64 vhost_walk(void *tlb, u64 va, unsigned int perm);

/* Readers that come and go, @n times. */
void *readers_new(void);
void readers_srcu(void *readers, unsigned long n);
void readers_ref(void *readers, unsigned long n);

/* Levels are QEMU's: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB. */
void *qemu_new(void);
void qemu_insert(void *tlb, u16 domain, u64 va, u64 pa, unsigned int level);
u64 qemu_walk(void *tlb, u64 va, bool write);
void qemu_flush_pages(void *tlb, u16 domain, u64 va, unsigned int lg2);
void qemu_flush_domain(void *tlb, u16 domain);
void qemu_flush_all(void *tlb);

#endif /* NYX_BENCH_PEER_H */
