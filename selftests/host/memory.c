// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx host build: pages, kmalloc(), failures on demand, warnings.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "host/memory.h"

#include <sys/mman.h>

#define ARENA_PAGES	(256ul << 10)

#if defined(__SANITIZE_ADDRESS__)
#define HOST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HOST_ASAN 1
#endif
#endif

#ifdef HOST_ASAN
#include <sanitizer/asan_interface.h>
#define poison(p)	ASAN_POISON_MEMORY_REGION(p, PAGE_SIZE)
#define unpoison(p)	ASAN_UNPOISON_MEMORY_REGION(p, PAGE_SIZE)
#else
#define poison(p)	((void)(p))
#define unpoison(p)	((void)(p))
#endif

char *host_arena;
struct page *host_pages;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct page *free_head, **free_tail = &free_head;
static unsigned long fresh, used;

static unsigned long warnings;

void host_warn(const char *file, int line, const char *what)
{
	__atomic_fetch_add(&warnings, 1, __ATOMIC_RELAXED);
	printf("# WARNING at %s:%d: %s\n", file, line, what);
}

unsigned long host_warnings(void)
{
	return __atomic_load_n(&warnings, __ATOMIC_RELAXED);
}

static __thread unsigned int fail_nth, kill_nth;
static __thread bool failed;

static void *reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

/* Early, as the constructors of the suites may want memory. */
static void __attribute__((__constructor__(101))) arena_init(void)
{
	char *p = reserve((ARENA_PAGES + 512) * PAGE_SIZE);

	/* Huge pages, as the kernel's direct map has. */
	host_arena = (char *)ALIGN((unsigned long)p, 2ul << 20);
	madvise(host_arena, ARENA_PAGES * PAGE_SIZE, MADV_HUGEPAGE);
	host_pages = reserve(ARENA_PAGES * sizeof(struct page));
}

static bool fail_now(unsigned int *nth)
{
	return *nth && !--*nth;
}

void host_fail_nth(unsigned int nth)
{
	fail_nth = nth;
	failed = false;
}

bool host_failed(void)
{
	return failed;
}

void host_kill_nth(unsigned int nth)
{
	kill_nth = nth;
}

bool host_killed(void)
{
	return fail_now(&kill_nth);
}

unsigned long host_pages_used(void)
{
	return __atomic_load_n(&used, __ATOMIC_RELAXED);
}

struct page *alloc_page(gfp_t gfp)
{
	struct page *page = NULL;

	if (fail_now(&fail_nth)) {
		failed = true;
		return NULL;
	}
	pthread_mutex_lock(&lock);
	if (free_head) {
		page = free_head;
		free_head = page->next;
		if (!free_head)
			free_tail = &free_head;
	} else if (fresh < ARENA_PAGES) {
		page = &host_pages[fresh++];
	}
	if (page)
		used++;
	pthread_mutex_unlock(&lock);
	if (!page)
		return NULL;
	BUG_ON(page->used);
	page->used = 1;
	/* As undefined as in the kernel. */
	page->private = 0xdead;
	unpoison(page_address(page));
	memset(page_address(page), (gfp & __GFP_ZERO) ? 0 : 0xa5, PAGE_SIZE);
	return page;
}

void __free_page(struct page *page)
{
	BUG_ON(page->used != 1);
	page->used = 0;
	poison(page_address(page));
	page->next = NULL;
	pthread_mutex_lock(&lock);
#ifdef HOST_ASAN
	/* The one that was freed last is used again last. */
	*free_tail = page;
	free_tail = &page->next;
#else
	page->next = free_head;
	if (!free_head)
		free_tail = &page->next;
	free_head = page;
#endif
	used--;
	pthread_mutex_unlock(&lock);
}

void *kmalloc(size_t size, gfp_t gfp)
{
	void *p;

	if (fail_now(&fail_nth)) {
		failed = true;
		return NULL;
	}
	if (size > PTRDIFF_MAX)
		return NULL;
	/* Powers of two are aligned to themselves, as in the kernel. */
	if (is_power_of_2(size) && size >= 16) {
		p = aligned_alloc(min_t(size_t, size, PAGE_SIZE), size);
		if (p)
			memset(p, (gfp & __GFP_ZERO) ? 0 : 0xa5, size);
		return p;
	}
	return (gfp & __GFP_ZERO) ? calloc(1, size) : malloc(size);
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
