// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: faults, in the kernel. Rows T7, Q1.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The module lets others make a DMA, so a fault is a DMA that is refused at once: begin,
 * cache, walk, report, fault tracker, cause, record, end.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bench.h"

#include "core/attach.h"
#include "core/access/device.h"
#include "core/access/dma.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/map.h"
#include "core/access/translate.h"
#include "core/unit.h"

#define PIECE		64u
#define PIECES		256u

/* Devices that do nothing but fault. */
enum { TOLD, COUNTED, QUARANTINED, NR_FAULTY };
#define FAULTY_SBDF(i)	(0x00000200u + (i))

struct fault_rows {
	struct world *w;
	struct nyx_domain *dom;
	u32 sbdf;
	u64 iova;
	u32 op;
	u64 ns;
	struct nyx_event event;
};

static u32 dma(struct fault_rows *r, u32 sbdf, u64 iova, u32 op)
{
	struct nyx_dma_req req = {
		.sbdf = sbdf,
		.pasid = NYX_PASID_NONE,
		.op = op,
		.iova = iova,
		.length = 64,
		.buf = (void __user *)r->w->buf,
	};

	bench_check(!nyx_dma_do(r->w->unit, &req));
	return req.fault.reason;
}

static void run_fault(void *ctx, unsigned long n)
{
	struct fault_rows *r = ctx;
	unsigned long i;

	for (i = 0; i < n; i++)
		bench_check(dma(r, r->sbdf, r->iova + PAGES(i & 63), r->op));
}

static void run_hit(void *ctx, unsigned long n)
{
	struct fault_rows *r = ctx;

	while (n--)
		bench_check(!dma(r, r->sbdf, WORLD_IOVA, NYX_DMA_READ));
}

static void run_push(void *ctx, unsigned long n)
{
	struct fault_rows *r = ctx;

	while (n--)
		nyx_events_push(r->w->unit->events, &r->event);
}

static void faults(struct fault_rows *r)
{
	struct bench_side ours = { .ctx = r, .run = run_fault };
	struct bench_side peers[] = {
		{ .name = "a read of 64 B that hits", .ctx = r, .run = run_hit },
		{ .name = "nyx_events_push", .ctx = r, .run = run_push },
	};

	r->iova = WORLD_IOVA + PAGES(256);
	r->op = NYX_DMA_READ;
	r->sbdf = FAULTY_SBDF(TOLD);
	bench_row("T7", "nyx_dma_do, not mapped, recorded", 0, &ours, peers, 2);
	r->sbdf = FAULTY_SBDF(COUNTED);
	bench_row("T7", "nyx_dma_do, not mapped, a flood: 64 records a second", 0,
		  &ours, peers, 1);
	r->iova = WORLD_IOVA + PAGES(1);
	r->op = NYX_DMA_WRITE;
	r->sbdf = FAULTY_SBDF(TOLD);
	bench_row("T7", "nyx_dma_do, not writable, recorded", 0, &ours, peers, 2);
	r->sbdf = FAULTY_SBDF(QUARANTINED);
	/* The device has earned it by now, or has not yet. */
	run_fault(r, 100);
	bench_check(dma(r, r->sbdf, WORLD_IOVA, NYX_DMA_READ) == NYX_FAULT_QUARANTINED);
	bench_row("T7", "nyx_dma_do, quarantined", 0, &ours, NULL, 0);
}

/* ---- Q1 --------------------------------------------------------------------------- */

static void flood(void *ctx)
{
	run_fault(ctx, PIECE);
}

static void nothing(void *ctx)
{
}

static void translate(void *ctx)
{
	struct fault_rows *r = ctx;
	unsigned int i;

	for (i = 0; i < PIECE; i++) {
		struct nyx_access acc;
		struct nyx_fault_info fault;
		struct nyx_segment seg;

		bench_check(!nyx_access_begin(r->w->unit, WORLD_SBDF, NYX_PASID_NONE, &acc));
		bench_check(nyx_translate(&acc, WORLD_IOVA + PAGES(i), 64, NYX_ACC_READ,
					  &seg, &fault));
		nyx_access_end(&acc);
	}
}

static void run_between(void *ctx, unsigned long n)
{
	struct fault_rows *r = ctx;

	r->ns = bench_between(flood, translate, ctx, n / PIECE);
}

static void run_alone(void *ctx, unsigned long n)
{
	struct fault_rows *r = ctx;

	r->ns = bench_between(nothing, translate, ctx, n / PIECE);
}

static u64 took(void *ctx)
{
	struct fault_rows *r = ctx;

	return r->ns;
}

static void neighbours(struct fault_rows *r)
{
	static const char *const kind[] = {
		[TOLD] = "all recorded",
		[COUNTED] = "64 records a second",
		[QUARANTINED] = "quarantined",
	};
	struct bench_side ours = {
		.ctx = r, .run = run_between, .took = took, .most = PIECE * PIECES,
	};
	struct bench_side alone = {
		.name = "the same, alone", .ctx = r, .run = run_alone, .took = took,
		.most = PIECE * PIECES, .ratio = 95,
	};
	char variant[96];
	unsigned int i;

	r->iova = WORLD_IOVA + PAGES(256);
	r->op = NYX_DMA_READ;
	for (i = 0; i < ARRAY_SIZE(kind); i++) {
		r->sbdf = FAULTY_SBDF(i);
		snprintf(variant, sizeof(variant),
			 "translate, 64 and 64, beside a flood: %s", kind[i]);
		bench_row("Q1", variant, 0, &ours, &alone, 1);
	}
}

/* A device begins with the policy that its unit has. */
static int add_devices(struct fault_rows *r)
{
	static const struct nyx_domain_config cfg = {
		.id = NYX_ID_ANY,
		.kind = NYX_DOMAIN_PAGING,
		.flags = NYX_DOMAIN_F_SHARED,
		.address_width = 48,
		.pt = { .format = PT_VTDSS, .levels = 4 },
	};
	struct nyx_policy *p = &r->w->unit->cfg.policy;
	u32 id, i;
	int ret;

	ret = nyx_domain_create(r->w->unit, &cfg, &id);
	if (ret)
		return ret;
	r->dom = nyx_domain_get(r->w->unit, id);
	for (i = 0; i < NR_FAULTY && !ret; i++) {
		p->action = i == QUARANTINED ? NYX_ACTION_QUARANTINE :
					       NYX_ACTION_REPORT;
		p->records_per_s = i == TOLD ? ~0u : 64;
		p->flags = 0;		/* it stays in quarantine */
		ret = nyx_device_add(r->w->unit, FAULTY_SBDF(i));
		if (!ret)
			ret = nyx_device_attach(r->w->unit, FAULTY_SBDF(i), id, false);
	}
	return ret;
}

void bench_fault_rows(struct world *w)
{
	struct fault_rows *r = kzalloc(sizeof(*r), GFP_KERNEL);
	u64 bytes, last = WORLD_IOVA + PAGES(PIECE) - 1;
	struct nyx_ticket ticket = NYX_TICKET(w->unit);

	if (!r)
		return bench_fail(__LINE__, "memory");
	r->w = w;
	r->event.type = NYX_EVENT_FAULT;
	if (add_devices(r)) {
		bench_fail(__LINE__, "devices");
	} else {
		bench_check(!nyx_domain_map(r->dom, WORLD_IOVA, last, 0, NYX_ACC_READ));
		bench_check(!nyx_domain_map(w->dom, WORLD_IOVA, last, 0, NYX_ACC_READ));
		faults(r);
		neighbours(r);
		bench_check(!nyx_domain_unmap(w->dom, WORLD_IOVA, last, &bytes, &ticket));
		bench_check(!nyx_inval_wait(&ticket));
	}
	if (r->dom)
		nyx_domain_put(r->dom);
	kfree(r);
}
