// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: faults. Rows T7, Q1, Q3.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A fault is all that the module does when an access is refused: begin, cache,
 * walk, report, fault tracker, cause, record, end. Where records are limited only the
 * first of a second are recorded. Interrupts are not switched off here, which
 * costs a few cycles for each of three locks in the kernel.
 */
#include "user/bench.h"

#include "core/attach.h"
#include "core/fault/history.h"

#define FLOOD		9u		/* the device that faults; @w->sbdf does not */
#define PIECE		64u
#define PIECES		256u

struct fault_bench {
	struct world *w;
	struct nyx_domain *dom;
	struct nyx_access acc;
	struct nyx_event event;
	u64 iova;
	u64 stride;
	u32 reason;
	u32 sbdf;
	u64 ns;
	void (*other)(void *ctx);
};

/* Nothing but reports: all of them, or those that a policy allows by default. */
static struct nyx_policy policy(u32 records)
{
	struct nyx_policy p = nyx_policy_default;

	p.action = NYX_ACTION_REPORT;
	p.records_per_s = records;
	return p;
}

static bool touch(struct fault_bench *b, u32 sbdf, u64 iova, u32 perm,
		   struct nyx_fault_info *fault)
{
	struct nyx_access acc;
	struct nyx_segment seg;
	bool ok;

	bench_check(!nyx_access_begin(&b->w->unit, sbdf, NYX_PASID_NONE, &acc));
	ok = nyx_translate(&acc, iova, 64, perm, &seg, fault);
	if (!ok)
		nyx_access_report(&acc, fault, 64);
	nyx_access_end(&acc);
	return ok;
}

static void run_fault(void *ctx, unsigned long n)
{
	struct fault_bench *b = ctx;
	struct nyx_fault_info fault;
	unsigned long i;

	for (i = 0; i < n; i++) {
		bench_check(!touch(b, FLOOD, b->iova + (i & 63) * b->stride,
				    NYX_ACC_WRITE, &fault));
		bench_check(fault.reason == b->reason);
	}
}

/* ---- T7: its parts --------------------------------------------------------------- */

static void run_refused(void *ctx, unsigned long n)
{
	struct fault_bench *b = ctx;
	struct nyx_access acc;
	struct nyx_fault_info fault;
	struct nyx_segment seg;
	unsigned long i;

	for (i = 0; i < n; i++) {
		bench_check(!nyx_access_begin(&b->w->unit, FLOOD, NYX_PASID_NONE, &acc));
		bench_check(!nyx_translate(&acc, b->iova + (i & 63) * b->stride, 64,
					   NYX_ACC_WRITE, &seg, &fault));
		nyx_access_end(&acc);
	}
}

static void run_clocks(void *ctx, unsigned long n)
{
	while (n--) {
		bench_use(ktime_get_boottime_ns());
		bench_use(ktime_get_boottime_ns());
	}
}

static void run_push(void *ctx, unsigned long n)
{
	struct fault_bench *b = ctx;

	while (n--)
		nyx_events_push(b->w->unit.events, &b->event);
}

static void run_explain(void *ctx, unsigned long n)
{
	struct fault_bench *b = ctx;
	struct nyx_access acc;
	struct nyx_fault_info fault = { .reason = b->reason };
	unsigned long i;
	struct nyx_event_fault event = {};

	bench_check(!nyx_access_begin(&b->w->unit, FLOOD, NYX_PASID_NONE, &acc));
	for (i = 0; i < n; i++) {
		fault.address = b->iova + (i & 63) * b->stride;
		bench_use(nyx_fault_explain(acc.dom, &fault, 1, &event));
	}
	nyx_access_end(&acc);
}

static void faults(struct fault_bench *b)
{
	struct nyx_policy all = policy(~0u), some = policy(64);
	u32 sbdf = FLOOD;
	struct bench_side ours = { .ctx = b, .run = run_fault };
	struct bench_side peers[] = {
		{ .name = "begin, translate, end", .ctx = b, .run = run_refused },
		{ .name = "nyx_fault_explain", .ctx = b, .run = run_explain },
		{ .name = "nyx_events_push", .ctx = b, .run = run_push },
	};
	struct bench_side clocks = { .name = "two looks at the clock", .ctx = b, .run = run_clocks };

	/* Far from what is mapped, in tables that are there. */
	b->iova = WORLD_IOVA + PAGES(256);
	b->stride = NYX_PAGE_SIZE;
	b->reason = NYX_FAULT_NOT_PRESENT;
	bench_check(!nyx_policy_set(&b->w->unit, &sbdf, &all));
	bench_row("T7", "not mapped: all of the fault, recorded", NS(40), &ours, peers, 3);
	bench_row("T7", "the same", NS(40), &ours, &clocks, 1);
	bench_check(!nyx_policy_set(&b->w->unit, &sbdf, &some));
	bench_row("T7", "not mapped, a flood: 64 records a second", NS(40), &ours,
		  peers, 1);

	b->iova = WORLD_IOVA;
	b->stride = 0;
	b->reason = NYX_FAULT_WRITE_DENIED;
	bench_check(!nyx_policy_set(&b->w->unit, &sbdf, &all));
	bench_row("T7", "not writable: all of the fault, recorded", NS(40), &ours, peers, 3);
	bench_check(!nyx_policy_set(&b->w->unit, &sbdf, &some));
	bench_row("T7", "not writable, a flood: 64 records a second", NS(40), &ours,
		  peers, 1);

	b->reason = NYX_FAULT_QUARANTINED;
	bench_check(!nyx_device_control(&b->w->unit, FLOOD, NYX_DEVICE_DO_QUARANTINE));
	bench_row("T7", "quarantined: refused and counted", 0, &ours, peers, 1);
	bench_check(!nyx_device_control(&b->w->unit, FLOOD, NYX_DEVICE_DO_RESET));
}

/* ---- Q1 --------------------------------------------------------------------------- */

static void flood(void *ctx)
{
	run_fault(ctx, PIECE);
}

static void nothing(void *ctx)
{
}

/* The device without a fault: the same page again and again. */
static void translate(void *ctx)
{
	struct fault_bench *b = ctx;
	struct nyx_fault_info fault;
	unsigned int i;

	for (i = 0; i < PIECE; i++)
		bench_check(touch(b, b->w->sbdf, WORLD_IOVA + PAGES(i),
				   NYX_ACC_READ, &fault));
}

static void run_between(void *ctx, unsigned long n)
{
	struct fault_bench *b = ctx;

	b->ns = bench_between(b->other, translate, ctx, n / PIECE);
}

static void run_alone(void *ctx, unsigned long n)
{
	struct fault_bench *b = ctx;

	b->ns = bench_between(nothing, translate, ctx, n / PIECE);
}

static u64 took(void *ctx)
{
	struct fault_bench *b = ctx;

	return b->ns;
}

static void neighbours(struct fault_bench *b)
{
	static const struct {
		const char *name;
		u32 records;
		u32 action;
	} kind[] = {
		{ "all recorded", ~0u, NYX_DEVICE_DO_RESET },
		{ "64 records a second", 64, NYX_DEVICE_DO_RESET },
		{ "quarantined", 64, NYX_DEVICE_DO_QUARANTINE },
	};
	struct bench_side ours = {
		.ctx = b, .run = run_between, .took = took, .most = PIECE * PIECES,
	};
	struct bench_side alone = {
		.name = "the same, alone", .ctx = b, .run = run_alone, .took = took,
		.most = PIECE * PIECES, .ratio = 95,
	};
	char variant[96];
	u32 sbdf = FLOOD;
	unsigned int i;

	b->iova = WORLD_IOVA + PAGES(256);
	b->stride = NYX_PAGE_SIZE;
	b->other = flood;
	for (i = 0; i < ARRAY_SIZE(kind); i++) {
		struct nyx_policy p = policy(kind[i].records);

		bench_check(!nyx_policy_set(&b->w->unit, &sbdf, &p));
		bench_check(!nyx_device_control(&b->w->unit, FLOOD, kind[i].action));
		b->reason = kind[i].action == NYX_DEVICE_DO_RESET ?
			NYX_FAULT_NOT_PRESENT : NYX_FAULT_QUARANTINED;
		snprintf(variant, sizeof(variant),
			 "translate, 64 and 64, beside a flood: %s", kind[i].name);
		bench_row("Q1", variant, 0, &ours, &alone, 1);
	}
	bench_check(!nyx_device_control(&b->w->unit, FLOOD, NYX_DEVICE_DO_RESET));
}

/* ---- Q3 --------------------------------------------------------------------------- */

static void quarantine(void *ctx)
{
	struct fault_bench *b = ctx;
	struct nyx_fault_info fault;

	bench_check(!nyx_device_control(&b->w->unit, FLOOD, NYX_DEVICE_DO_QUARANTINE));
	bench_check(!touch(b, FLOOD, WORLD_IOVA, NYX_ACC_READ, &fault));
}

static void reset(void *ctx)
{
	struct fault_bench *b = ctx;
	struct nyx_fault_info fault;

	bench_check(!nyx_device_control(&b->w->unit, FLOOD, NYX_DEVICE_DO_RESET));
	bench_check(touch(b, FLOOD, WORLD_IOVA, NYX_ACC_READ, &fault));
}

static void run_reset(void *ctx, unsigned long n)
{
	struct fault_bench *b = ctx;

	b->ns = bench_between(quarantine, reset, ctx, n);
}

static void resets(struct fault_bench *b)
{
	struct bench_side ours = {
		.ctx = b, .run = run_reset, .took = took, .most = PIECES,
	};

	bench_row("Q3", "reset of a quarantined device to its first access", 0, &ours,
		  NULL, 0);
}

void bench_fault(void)
{
	struct nyx_policy all = policy(~0u);
	struct fault_bench *b = kzalloc(sizeof(*b), GFP_KERNEL);
	struct nyx_fault_info fault;
	unsigned int i;

	b->w = world_new(PT_VTDSS, false);
	b->dom = world_add_device(b->w, FLOOD, &all);
	for (i = 0; i < PIECE; i++)
		bench_check(!nyx_domain_map(b->w->dom, WORLD_IOVA + PAGES(i),
					    WORLD_IOVA + PAGES(i + 1) - 1,
					    PAGES(i * 7 % PIECE), NYX_ACC_READ));
	bench_check(!nyx_domain_map(b->dom, WORLD_IOVA, WORLD_IOVA + NYX_PAGE_SIZE - 1,
				    0, NYX_ACC_READ));
	bench_check(touch(b, FLOOD, WORLD_IOVA, NYX_ACC_READ, &fault));
	b->event.type = NYX_EVENT_FAULT;
	faults(b);
	neighbours(b);
	resets(b);
	kfree(b);
}
