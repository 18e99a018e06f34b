/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: pages and kmalloc() in user space.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Pages come from one arena with an array of struct page beside it, so that
 * physical and virtual addresses differ, as in the kernel. A free page is
 * poisoned under AddressSanitizer. Allocations of both kinds fail on demand.
 */
#ifndef NYX_HOST_MEMORY_H
#define NYX_HOST_MEMORY_H

#include "host/kernel.h"
#include "host/sync.h"

#define PAGE_SHIFT		12
#define PAGE_SIZE		4096UL
#define PAGE_MASK		(~(PAGE_SIZE - 1))
#define offset_in_page(p)	((unsigned long)(p) & ~PAGE_MASK)

#define __GFP_ZERO		0x100u
#define __GFP_ACCOUNT		0x400000u
#define __GFP_NOWARN		0x2000u
#define __GFP_NORETRY		0x10000u
#define GFP_KERNEL		0xcc0u
#define GFP_ATOMIC		0x820u
#define GFP_KERNEL_ACCOUNT	(GFP_KERNEL | __GFP_ACCOUNT)

/**
 * struct page - what Nyx knows of it
 * @private: free for the owner
 * @rcu_head: free for the owner
 * @used: it is allocated
 */
struct page {
	unsigned long private;
	struct rcu_head rcu_head;
	unsigned long used;
	struct page *next;
	unsigned long pad[3];
};

#define HOST_PHYS_BASE		0x40000000ull

extern char *host_arena;
extern struct page *host_pages;

struct page *alloc_page(gfp_t gfp);
void __free_page(struct page *page);

#define virt_to_page(p) \
	(&host_pages[((unsigned long)(p) - (unsigned long)host_arena) >> PAGE_SHIFT])

static inline void *page_address(const struct page *page)
{
	return host_arena + ((page - host_pages) << PAGE_SHIFT);
}

static inline void *phys_to_virt(phys_addr_t addr)
{
	return host_arena + (addr - HOST_PHYS_BASE);
}

static inline phys_addr_t virt_to_phys(const volatile void *p)
{
	return (const char *)p - host_arena + HOST_PHYS_BASE;
}

static inline unsigned long get_zeroed_page(gfp_t gfp)
{
	struct page *page = alloc_page(gfp | __GFP_ZERO);

	return page ? (unsigned long)page_address(page) : 0;
}

static inline void free_page(unsigned long addr)
{
	__free_page(virt_to_page(addr));
}

#define page_private(page)	((page)->private)
#define set_page_private(page, v) ((page)->private = (v))

void *kmalloc(size_t size, gfp_t gfp);
void kfree(const void *p);

static inline void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp | __GFP_ZERO);
}

static inline void *kmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	return kmalloc(size_mul(n, size), gfp);
}

static inline void *kcalloc(size_t n, size_t size, gfp_t gfp)
{
	return kmalloc(size_mul(n, size), gfp | __GFP_ZERO);
}

#define kvmalloc		kmalloc
#define kvzalloc		kzalloc
#define kvcalloc		kcalloc
#define kvfree			kfree
#define vmalloc(size)		kmalloc(size, GFP_KERNEL)
#define vzalloc(size)		kzalloc(size, GFP_KERNEL)
/* No memory is no memory: the other way to get it fails, too. */
#define __vmalloc(size, gfp)	(host_failed() ? NULL : kmalloc(size, gfp))
#define vfree			kfree
#define is_vmalloc_addr(p)	false
#define vmalloc_to_page		virt_to_page

#define PAGE_ALIGN(size)	(((size) + PAGE_SIZE - 1) & PAGE_MASK)
#define alloc_pages_exact	kmalloc
#define free_pages_exact(p, size) kfree(p)

/* ---- for tests ---------------------------------------------------------- */

/* Let the @nth allocation of this thread from now on fail; 0: none. */
void host_fail_nth(unsigned int nth);
/* Has it happened? */
bool host_failed(void);
/* Let the @nth question for a fatal signal be answered with yes; 0: none. */
void host_kill_nth(unsigned int nth);
/* Pages that are allocated. */
unsigned long host_pages_used(void);

#endif /* NYX_HOST_MEMORY_H */
