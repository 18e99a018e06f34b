/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: what the files of the user-space program share.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_BENCH_USER_BENCH_H
#define NYX_BENCH_USER_BENCH_H

#include "host/memory.h"

#include "core/access/device.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/map.h"
#include "core/access/translate.h"
#include "core/unit.h"
#include "measure.h"
#include "peer/peer.h"

#define NS(n)		((u64)((n) * 1000))
#define PAGES(n)	((u64)(n) << NYX_PAGE_LG2)

/* Compilers must not know what a loop has found out. */
#define bench_use(x)	__asm__ __volatile__("" : : "r" (x) : "memory")

/* A benchmark that computes nonsense is worth nothing. */
#define bench_check(cond)						\
	do {								\
		if (unlikely(!(cond)))					\
			bench_fail(__FILE__, __LINE__, #cond);		\
	} while (0)

void bench_fail(const char *file, int line, const char *what) __noreturn;

/**
 * struct world - a unit with guest memory, a device, and its domain
 * @unit: the unit, with a cache of WORLD_TLB entries
 * @dom: the device's domain
 * @sbdf: the device
 * @memory: the pinned guest memory at GPA 0, of WORLD_MEMORY bytes; NULL if the
 *          unit has memory at every GPA, but nothing behind it
 */
struct world {
	struct nyx_unit unit;
	struct nyx_domain *dom;
	u32 sbdf;
	char *memory;
};

#define WORLD_TLB	4096
#define WORLD_MEMORY	(16ull << 20)
/* As many as a unit has by default, and as an interrupt table may have. */
#define WORLD_EVENTS	1024
#define WORLD_IRT	65536
/* Where IOVAs begin: far enough for AMD v1 to have four levels too. */
#define WORLD_IOVA	(1ull << 40)

struct world *world_new(enum pt_format format, bool memory);

/**
 * world_new_sized() - world_new() with a cache of another size
 * @format: format of the domain's table
 * @memory: the unit has memory at GPA 0, not at every GPA with nothing behind it
 * @entries: entries of the cache
 * @nr: how many domains, and how many devices, it may have
 *
 * Return: the world.
 */
struct world *world_new_sized(enum pt_format format, bool memory, unsigned int entries,
			      unsigned int nr);

/**
 * world_add_device() - add a device with a domain of its own
 * @w: the world
 * @sbdf: the device
 * @policy: its fault policy
 *
 * Return: its domain.
 */
struct nyx_domain *world_add_device(struct world *w, u32 sbdf,
				    const struct nyx_policy *policy);

/**
 * world_pick_pages() - choose random pages that the cache can hold together
 * @tlb: the cache
 * @tag: the address space's
 * @lg2: log2 of the size of a page
 * @run: how many follow each other
 * @nr: how many
 * @pages: set to their addresses
 *
 * No set gets more pages than it has ways.
 */
void world_pick_pages(const struct iotlb *tlb, u64 tag, unsigned int lg2,
		      unsigned int run, unsigned int nr, u64 *pages);

/* Rows for peers that are not there are not printed. Returns how many are. */
unsigned int bench_peers(struct bench_side *peers, unsigned int nr);

void bench_tlb(void);
void bench_walk(void);
void bench_map(void);
void bench_dma(void);
void bench_irq(void);
void bench_fault(void);
void bench_syscall(void);
void bench_growth(void);

#endif /* NYX_BENCH_USER_BENCH_H */
