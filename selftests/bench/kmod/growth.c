// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: what an operation costs while devices and domains grow in number.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * As user/growth.c, for curves that need the kernel's own arrays and allocators. Each domain
 * has a name and one device. A row's id is the name of a curve, as selftests/bench/growth knows it, and
 * its variant is the quantity.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bench.h"

#include "core/access/device.h"
#include "core/access/translate.h"
#include "core/attach.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/space/memory.h"
#include "core/unit.h"

/* Devices or domains that the curves of "the same each time" use. */
#define HOT	1u

/**
 * struct growth - what the loops work with
 * @unit: the unit
 * @shared: two domains that devices move between
 * @dom: the domains, with references
 * @nr: how many, and how many devices
 * @use: of these, those that the operations use
 * @name: name of the next domain that is created, or empty
 */
struct growth {
	struct nyx_unit *unit;
	u32 shared[2];
	struct nyx_domain **dom;
	u32 nr;
	u32 use;
	char name[NYX_NAME_LEN];
};

#define MAX_DOMAINS	64000u
#define MAX_DEVICES	10000u

static void row(const char *curve, u32 quantity, const struct bench_side *side)
{
	char variant[16];

	snprintf(variant, sizeof(variant), "%u", quantity);
	bench_row(curve, variant, 0, side, NULL, 0);
}

static u32 pick(const struct growth *g)
{
	return (bench_random() >> 32) * g->use >> 32;
}

/* Let RCU free what earlier batches have left. */
static void prepare(void *ctx, unsigned long n)
{
	cond_resched();
}

static int create(struct growth *g, u32 flags, u32 *id)
{
	struct nyx_domain_config cfg = {
		.id = NYX_ID_ANY,
		.kind = NYX_DOMAIN_PAGING,
		.flags = flags,
		.address_width = 48,
		.pt = { .format = PT_VTDSS, .levels = 4 },
	};

	memcpy(cfg.name, g->name, sizeof(cfg.name));
	return nyx_domain_create(g->unit, &cfg, id);
}

/* ---- operations ------------------------------------------------------------- */

static void run_access(void *ctx, unsigned long n)
{
	struct growth *g = ctx;

	while (n--) {
		struct nyx_access acc;

		bench_check(!nyx_access_begin(g->unit, pick(g), NYX_PASID_NONE, &acc));
		acc.tally.hits = 1;
		nyx_access_end(&acc);
	}
}

/* As a command does it, with the wait for accesses in the domain that the device leaves. */
static void run_attach(void *ctx, unsigned long n)
{
	struct growth *g = ctx;
	u32 sbdf;

	while (n--) {
		sbdf = pick(g);
		bench_check(!nyx_device_attach(g->unit, sbdf, g->shared[n & 1], true));
		bench_check(!nyx_device_attach(g->unit, sbdf, g->dom[sbdf]->id, true));
	}
}

static void run_add(void *ctx, unsigned long n)
{
	struct growth *g = ctx;

	while (n--) {
		bench_check(!nyx_device_add(g->unit, g->nr));
		bench_check(!nyx_device_remove(g->unit, g->nr));
	}
}

static void run_wait(void *ctx, unsigned long n)
{
	struct growth *g = ctx;

	while (n--) {
		struct nyx_ticket ticket = NYX_TICKET(g->unit);

		nyx_ticket_domain(&ticket, g->dom[pick(g)]);
		bench_check(!nyx_inval_wait(&ticket));
	}
}

static void run_wait_memory(void *ctx, unsigned long n)
{
	struct growth *g = ctx;

	while (n--) {
		struct nyx_ticket ticket = NYX_TICKET(g->unit);

		nyx_inval_memory(&ticket, NULL);
		bench_check(!nyx_inval_wait(&ticket));
	}
}

static void run_create(void *ctx, unsigned long n)
{
	struct growth *g = ctx;
	u32 id;

	while (n--) {
		bench_check(!create(g, 0, &id));
		bench_check(!nyx_domain_destroy(g->unit, id));
	}
}

/* ---- growth ------------------------------------------------------------------ */

static int grow(struct growth *g, u32 nr)
{
	int ret = 0;
	u32 id;

	for (; g->nr < nr && !ret; g->nr++) {
		snprintf(g->name, sizeof(g->name), "domain%u", g->nr);
		ret = create(g, 0, &id) ?: nyx_device_add(g->unit, g->nr) ?:
		      nyx_device_attach(g->unit, g->nr, id, false);
		if (ret)
			break;
		g->dom[g->nr] = nyx_domain_get(g->unit, id);
		if (!(g->nr % 64))
			cond_resched();
	}
	return ret;
}

static void measure(struct growth *g)
{
	static const struct {
		const char *name;
		void (*run)(void *ctx, unsigned long n);
		u32 most;	/* of what grows */
		u32 use;
		const char *dom_name;
	} curve[] = {
		{ "device", run_access, MAX_DOMAINS, U32_MAX, "" },
		{ "device-hot", run_access, MAX_DOMAINS, HOT, "" },
		{ "device-attach", run_attach, MAX_DEVICES, U32_MAX, "" },
		{ "device-attach-hot", run_attach, MAX_DEVICES, HOT, "" },
		{ "device-add", run_add, MAX_DEVICES, HOT, "" },
		{ "domain-wait", run_wait, MAX_DOMAINS, U32_MAX, "" },
		{ "domain-wait-hot", run_wait, MAX_DOMAINS, HOT, "" },
		{ "domain-create", run_create, MAX_DOMAINS, HOT, "" },
		{ "domain-create-named", run_create, MAX_DOMAINS, HOT, "domain" },
		{ "memory-wait", run_wait_memory, MAX_DOMAINS, HOT, "" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(curve); i++) {
		struct bench_side side = { .ctx = g, .run = curve[i].run, .prepare = prepare };

		if (g->nr > curve[i].most)
			continue;
		g->use = min(curve[i].use, g->nr);
		strscpy(g->name, curve[i].dom_name, sizeof(g->name));
		row(curve[i].name, g->nr, &side);
	}
}

static int begin(struct growth *g)
{
	static const struct nyx_unit_config cfg = {
		.model = NYX_MODEL_NATIVE,
		.address_width = 48,
		.iotlb_entries = 4096,
		.event_entries = 16,
		.max_domains = 65535,
		.max_devices = 65536,
		.max_memory = 64,
		.irt_entries = 1,
	};
	struct nyx_unit *unit = nyx_unit_create(&cfg);

	if (IS_ERR(unit))
		return PTR_ERR(unit);
	g->unit = unit;
	g->dom = kvcalloc(MAX_DOMAINS, sizeof(*g->dom), GFP_KERNEL);
	if (!g->dom)
		return -ENOMEM;
	return create(g, NYX_DOMAIN_F_SHARED, &g->shared[0]) ?:
	       create(g, NYX_DOMAIN_F_SHARED, &g->shared[1]);
}

void bench_growth_rows(void)
{
	static const u32 sizes[] = { 1, 10, 100, 1000, MAX_DEVICES, MAX_DOMAINS };
	struct growth *g = kzalloc(sizeof(*g), GFP_KERNEL);
	unsigned int i;
	int ret;

	if (!g)
		return bench_fail(__LINE__, "memory");
	ret = begin(g);
	for (i = 0; i < ARRAY_SIZE(sizes) && !ret; i++) {
		ret = grow(g, sizes[i]);
		if (!ret)
			measure(g);
	}
	if (ret)
		bench_fail(__LINE__, "unit, devices or domains");
	while (g->nr)
		nyx_domain_put(g->dom[--g->nr]);
	if (g->unit)
		nyx_unit_close(g->unit);
	kvfree(g->dom);
	kfree(g);
}
