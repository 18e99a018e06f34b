// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: pages and kmalloc().
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Pages lie in an arena of huge pages, as in the kernel's direct map; free ones
 * are taken from the head of a list, as from that of a CPU.
 */
#include "user/bench.h"

#include <sys/mman.h>

#define ARENA_PAGES	(256ul << 10)
#define HUGE		(2ul << 20)

char *host_arena;
struct page *host_pages;

static struct page *free_head;
static unsigned long fresh;

static void *reserve(size_t size)
{
	void *p = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	bench_check(p != MAP_FAILED);
	p = (void *)ALIGN((unsigned long)p, HUGE);
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

static void __attribute__((__constructor__)) arena_init(void)
{
	host_arena = reserve(ARENA_PAGES * PAGE_SIZE);
	host_pages = reserve(ARENA_PAGES * sizeof(struct page));
}

struct page *alloc_page(gfp_t gfp)
{
	struct page *page = free_head;

	if (page) {
		free_head = page->next;
	} else {
		bench_check(fresh < ARENA_PAGES);
		page = &host_pages[fresh++];
	}
	if (gfp & __GFP_ZERO)
		memset(page_address(page), 0, PAGE_SIZE);
	return page;
}

void __free_page(struct page *page)
{
	page->next = free_head;
	free_head = page;
}

/* No allocation fails on demand. */
bool host_failed(void)
{
	return false;
}

void *kmalloc(size_t size, gfp_t gfp)
{
	void *p;

	/* Powers of two are aligned to themselves, as in the kernel. */
	if (is_power_of_2(size) && size >= 16)
		p = aligned_alloc(min_t(size_t, size, PAGE_SIZE), size);
	else
		p = malloc(size);
	bench_check(p);
	return gfp & __GFP_ZERO ? memset(p, 0, size) : p;
}

void kfree(const void *p)
{
	free((void *)p);
}

void *host_alloc_percpu(size_t size)
{
	return kmalloc(roundup_pow_of_two(size), GFP_KERNEL | __GFP_ZERO);
}

void free_percpu(void *p)
{
	free(p);
}
