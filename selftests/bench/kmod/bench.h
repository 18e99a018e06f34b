/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx benchmarks: what the files of the kernel module share.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_BENCH_KMOD_BENCH_H
#define NYX_BENCH_KMOD_BENCH_H

#include <linux/compiler.h>
#include <linux/types.h>

#include "base/types.h"
#include "measure.h"

#define NS(n)		((u64)(n) * 1000)
#define PAGES(n)	((u64)(n) << NYX_PAGE_LG2)

#define bench_use(x)	__asm__ __volatile__("" : : "r" (x) : "memory")

/* A benchmark that computes nonsense is worth nothing: it is not printed. */
#define bench_check(cond)						\
	do {								\
		if (unlikely(!(cond)))					\
			bench_fail(__LINE__, #cond);			\
	} while (0)

void bench_fail(int line, const char *what);

struct nyx_unit;
struct nyx_domain;

/**
 * struct world - a unit with guest memory, a device, and its domain
 * @unit: the unit, with a cache of WORLD_TLB entries
 * @dom: the device's domain
 * @uaddr: where the current process has the pinned guest memory of GPA 0
 * @buf: memory of the current process, for the other side of a DMA
 */
struct world {
	struct nyx_unit *unit;
	struct nyx_domain *dom;
	unsigned long uaddr;
	unsigned long buf;
};

#define WORLD_TLB	4096
#define WORLD_MEMORY	(128ull << 20)
#define WORLD_BUF	(1ul << 20)
#define WORLD_SBDF	0x00000108
/* Where the IOVAs for map and unmap begin: AMD v1 has four levels there, too. */
#define WORLD_IOVA	(1ull << 40)

int world_begin(struct world *w);
void world_end(struct world *w);

void bench_rows(struct world *w);
void bench_sync_rows(struct world *w);

/* @fd: an eventfd, or -1. */
void bench_irq_rows(struct world *w, int fd);
void bench_fault_rows(struct world *w);
void bench_growth_rows(void);

#ifdef CONFIG_UML
/* The kernel is a thread of the host; its CPU time is what counts. */
static inline u64 bench_cpu_time(void)
{
	struct { s64 sec, nsec; } ts;
	long ret = 228;				/* clock_gettime */

	asm volatile("syscall" : "+a" (ret)
		     : "D" (3L /* CLOCK_THREAD_CPUTIME_ID */), "S" (&ts)
		     : "rcx", "r11", "memory");
	return ts.sec * 1000000000ull + ts.nsec;
}
#else
#include <linux/timekeeping.h>

static inline u64 bench_cpu_time(void)
{
	return ktime_get_ns();
}
#endif

#endif /* NYX_BENCH_KMOD_BENCH_H */
