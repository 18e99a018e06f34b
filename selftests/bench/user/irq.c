// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: interrupts. Rows I1, I2.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Messages come in random order. The floor of I1 is what no way to remap can do
 * without: the index is in bounds, the entry is loaded, it is present, and the
 * requester may use it.
 */
#include "user/bench.h"

#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "compat.h"
#include "core/irq/irte.h"

#define MAX_ENTRIES	65536u
#define SBDF		8u

struct irq_bench {
	struct world *w;
	struct irt irt;
	u32 mask;
	u32 index[MAX_ENTRIES];
	u32 address[MAX_ENTRIES];
	struct eventfd_ctx *signal;
	int fd;
	u64 ns;
};

static void fill(struct irq_bench *b, unsigned int nr)
{
	struct irt_entry e = {
		.vector = 0x40, .check = NYX_SOURCE_RID, .source = SBDF,
	};
	unsigned int i, j;

	bench_check(!irt_init(&b->irt, nr));
	b->mask = nr - 1;
	for (i = 0; i < nr; i++) {
		e.dest = i;
		irt_write(&b->irt, i, &e);
		b->index[i] = i;
	}
	for (i = nr - 1; i; i--) {
		j = bench_random() % (i + 1);
		swap(b->index[i], b->index[j]);
	}
	for (i = 0; i < nr; i++)
		b->address[i] = 0xfee00010 | (b->index[i] & 0x7fff) << 5 |
				(b->index[i] & 0x8000) >> 13;
}

/* ---- I1 ------------------------------------------------------------------------ */

static void run_remap(void *ctx, unsigned long n)
{
	struct irq_bench *b = ctx;
	const struct nyx_viommu_ops *ops = b->w->unit.guest.viommu->ops;
	struct irt_word w;
	struct irt_msg msg;
	unsigned long i;

	for (i = 0; i < n; i++) {
		bench_check(!ops->decode_msg(0, 0, b->address[i & b->mask], 0, &msg));
		bench_check(!irt_fetch(&b->irt, msg.index, &w));
		bench_check(!irt_remap(&w, 0, SBDF, &msg));
		bench_use(msg.dest);
	}
}

static void run_floor(void *ctx, unsigned long n)
{
	struct irq_bench *b = ctx;
	const struct irte *e;
	unsigned long i;

	for (i = 0; i < n; i++) {
		u32 index = b->index[i & b->mask];

		bench_check(index < b->irt.nr);
		e = &b->irt.pages[index >> IRT_PAGE_LG2][index & (IRT_PAGE - 1)];
		bench_check(READ_ONCE(e->lo) & IRTE_PRESENT);
		bench_check(READ_ONCE(e->source) == SBDF);
		bench_use(e->lo >> IRTE_DEST_SHIFT);
	}
}

static void remap(struct irq_bench *b)
{
	static const struct {
		unsigned int nr;
		u64 target;
	} size[] = { { 64, NS(4) }, { 1024, NS(4) }, { 65536, NS(8) } };
	struct bench_side ours = { .ctx = b, .run = run_remap };
	struct bench_side floor = {
		.name = "bounds, load, present, source", .ctx = b, .run = run_floor,
	};
	char variant[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(size); i++) {
		fill(b, size[i].nr);
		snprintf(variant, sizeof(variant), "decode_msg, irt_fetch, irt_remap, %u entries", size[i].nr);
		bench_row("I1", variant, size[i].target, &ours, &floor, 1);
		irt_fini(&b->irt);
	}
}

/* ---- I2 ------------------------------------------------------------------------ */

static void run_send(void *ctx, unsigned long n)
{
	struct irq_bench *b = ctx;
	struct nyx_irq_req req = { .sbdf = SBDF, .signal = b->signal };
	struct nyx_irq_reply reply;
	unsigned long i;

	for (i = 0; i < n; i++) {
		req.address = b->address[i & b->mask];
		bench_check(!nyx_irq_send(&b->w->unit, &req, &reply));
		bench_check(reply.result == NYX_IRQ_DELIVER);
	}
}

static void run_signal(void *ctx, unsigned long n)
{
	struct irq_bench *b = ctx;

	while (n--)
		compat_eventfd_signal(b->signal);
}

/* A system call signals; another one does nothing. */
static void run_write(void *ctx, unsigned long n)
{
	struct irq_bench *b = ctx;
	u64 one = 1, start, mid;
	unsigned long i;

	start = bench_clock();
	for (i = 0; i < n; i++)
		bench_check(write(b->fd, &one, sizeof(one)) == sizeof(one));
	mid = bench_clock();
	for (i = 0; i < n; i++)
		bench_check(syscall(SYS_getppid) > 0);
	b->ns = 2 * mid - start - bench_clock();
}

static u64 write_took(void *ctx)
{
	struct irq_bench *b = ctx;

	return b->ns;
}

static void send(struct irq_bench *b)
{
	struct bench_side ours = { .ctx = b, .run = run_send };
	struct bench_side peers[] = {
		{ .name = "the word alone", .ctx = b, .run = run_signal },
		{
			.name = "write(eventfd) - getppid, here", .ctx = b,
			.run = run_write, .took = write_took, .most = 10000,
			.ratio = 83,
		},
	};
	struct irt_entry e = {
		.vector = 0x40, .check = NYX_SOURCE_RID, .source = SBDF,
	};
	struct nyx_ticket ticket = NYX_TICKET(&b->w->unit);
	struct eventfd_ctx ctx = {};
	unsigned int i;

	for (i = 0; i < 1024; i++)
		bench_check(!nyx_irte_write(&b->w->unit, i, 1, &e, &ticket));
	bench_check(!nyx_inval_wait(&ticket));
	fill(b, 1024);
	bench_row("I2", "nyx_irq_send, 1024 entries, nobody is signalled", 0, &ours,
		  NULL, 0);
	b->signal = &ctx;
	b->fd = eventfd(0, EFD_NONBLOCK);
	bench_row("I2", "nyx_irq_send, 1024 entries, a word for an eventfd", NS(95),
		  &ours, peers, 2);
	close(b->fd);
	irt_fini(&b->irt);
}

void bench_irq(void)
{
	struct irq_bench *b = kzalloc(sizeof(*b), GFP_KERNEL);

	b->w = world_new(PT_VTDSS, false);
	bench_check(b->w->sbdf == SBDF);
	remap(b);
	send(b);
	kfree(b);
}
