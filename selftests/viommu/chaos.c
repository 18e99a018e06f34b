// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a guest that does whatever comes to its mind.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "chaos.h"

#include <stdlib.h>

__u64 chaos_page(struct rng *r)
{
	switch (rng_below(r, 40)) {
	case 0:
		return rng_next(r) & ~0xfffull;
	case 1:
		return rng_below(r, CHAOS_RAM / SZ_4K) * SZ_4K;
	case 2:
		return rng_below(r, PAGES) * SZ_4K;
	default:
		return (TABLE_PAGE + rng_below(r, PAGES - TABLE_PAGE)) * SZ_4K;
	}
}

__u64 chaos_noise(struct rng *r)
{
	return rng_below(r, 30) ? 0 : 1ull << rng_below(r, 64);
}

void chaos_access(struct guest *g, struct rng *r, __u16 offset, __u64 value)
{
	__u32 width = 4u << rng_below(r, 2);
	__u64 odd = value;

	if (!rng_below(r, 8))
		test_err(EINVAL, mmio(g->fd, rng_below(r, 2), offset | 1, width, &odd));
	if (!rng_below(r, 8))
		test_err(EINVAL, mmio(g->fd, rng_below(r, 2), offset, 9 + rng_below(r, 8), &odd));
	/* One that is read-only, or not there. */
	if (!rng_below(r, 8))
		offset = 8 * rng_below(r, 128);
	offset &= ~(width - 1);
	if (width == 4) {
		if (!rng_below(r, 4)) {
			offset += 4;
			value >>= 32;
		}
		value &= 0xffffffff;
	}
	test_cmd(mmio(g->fd, NYX_MMIO_F_WRITE, offset, width, &value));
	test_cmd(mmio(g->fd, 0, offset, width, &value));
}

__u64 chaos_iova(struct rng *r)
{
	__u64 at = rng_below(r, SZ_4K);

	switch (rng_below(r, 80)) {
	case 0:
		return rng_next(r);
	case 1:
		/* Interrupts are there. */
		return MSI_BASE - SZ_64K + rng_below(r, 2 * SZ_1M);
	}
	for (unsigned int level = 0; level < 4; level++)
		at |= rng_below(r, rng_below(r, 3) ? 8 : 1) << (12 + 9 * level);
	return at;
}

__u32 chaos_device(const struct chaos_model *model, struct rng *r)
{
	return model->devices[rng_below(r, model->nr_devices)];
}

/* All that is wrong is the guest's own fault: errors are few, and known. */
static void check(int ret)
{
	if (ret && ret != -ENOSPC && ret != -ENOENT && ret != -EOVERFLOW)
		FAIL("%s", strerror(-ret));
}

static void do_translate(struct chaos *c, struct rng *r)
{
	const __u64 length = 1 + rng_below(r, rng_below(r, 8) ? 64 : SZ_64K);
	struct nyx_translate t;

	check(cmd_translate(c->g->fd, &t, chaos_device(c->model, r), 1 + rng_below(r, 3),
			    chaos_iova(r), length));
}

static void do_dma(struct chaos *chaos, struct rng *r)
{
	static __thread unsigned char buf[SZ_64K];
	const __u32 sbdf = chaos_device(chaos->model, r);
	const __u64 length = 1 + rng_below(r, rng_below(r, 8) ? 64 : sizeof(buf));
	const int fd = chaos->g->fd;
	struct nyx_dma c;
	int ret;

	switch (rng_below(r, 4)) {
	case 0:
		/* Its writes are as good as what the guest does. */
		for (size_t i = 0; i < 64; i += 8)
			((__u64 *)buf)[i / 8] = chaos_page(r) | chaos->model->page;
		ret = cmd_dma_write(fd, &c, sbdf, chaos_iova(r), buf, length);
		break;
	case 1:
		ret = cmd_dma_atomic(fd, &c, sbdf, NYX_DMA_FETCH_ADD, chaos_iova(r) & ~7ull, 8,
				     SZ_4K, 0);
		break;
	default:
		ret = cmd_dma_read(fd, &c, sbdf, chaos_iova(r), buf, length);
		break;
	}
	check(ret);
}

/* A look at a table, which may be any page; or at what a device has. */
static void do_walk(struct chaos *c, struct rng *r)
{
	const __u32 sbdf = chaos_device(c->model, r), access = 1 + rng_below(r, 3);
	struct nyx_walk w;

	nyx_walk_init(&w, sbdf, access, chaos_iova(r));
	if (rng_below(r, 2)) {
		w.flags = 0;
		w.sbdf = 0;
		w.format = rng_below(r, 3);
		w.root = chaos_page(r) & (BIT(52) - 1);
	}
	check(nyx_cmd(c->g->fd, NYX_WALK, &w));
}

static void do_msi(struct chaos *c, struct rng *r)
{
	struct nyx_irq_send s = {
		.size = sizeof(s), .sbdf = chaos_device(c->model, r),
	};

	c->model->message(r, &s);
	check(nyx_cmd(c->g->fd, NYX_IRQ_SEND, &s));
}

/* A bound eventfd sends at a time of its own. */
static void do_bound(struct chaos *c, struct rng *r)
{
	struct nyx_irq_send s;
	struct msi m;
	__u32 id;
	int ret;

	c->model->message(r, &s);
	m = (struct msi){ .address = s.address, .data = s.data };
	switch (rng_below(r, 8)) {
	case 0:
		check(cmd_irq_unbind(c->g->fd, c->binding));
		break;
	case 1:
		ret = cmd_irq_bind(c->g->fd, chaos_device(c->model, r), m, c->source, c->target,
				   &id);
		if (!ret)
			c->binding = id;
		else if (ret != -EBUSY)
			check(ret);
		break;
	case 2:
		check(cmd_irq_message(c->g->fd, c->binding, m));
		break;
	case 3:
		check(cmd_irq_mask(c->g->fd, c->binding, rng_below(r, 2)));
		break;
	case 4:
		eventfd_take(c->target);
		break;
	default:
		eventfd_give(c->source);
		break;
	}
}

static void do_reset(struct guest *g)
{
	struct nyx_unit_reset reset = { .size = sizeof(reset) };

	test_cmd(nyx_cmd(g->fd, NYX_UNIT_RESET, &reset));
}

static void do_memory(struct chaos *c, struct rng *r)
{
	const __u32 sbdf = chaos_device(c->model, r);
	struct guest *g = c->g;
	struct nyx_unit_info info;
	size_t nr;

	switch (rng_below(r, 6)) {
	case 0:
	case 1:
		test_cmd(cmd_memory_remove(g->fd, 0, CHAOS_RAM));
		/* Also then there is something to do. */
		if (!rng_below(r, 4))
			c->model->use_queue(c, r);
		do_translate(c, r);
		do_msi(c, r);
		test_cmd(cmd_memory_add(g->fd, 0, 0, CHAOS_RAM, g->ram));
		break;
	case 2:
		test_cmd(cmd_device_remove(g->fd, sbdf));
		test_cmd(cmd_device_add(g->fd, sbdf));
		break;
	case 3:
		if (!rng_below(r, 8))
			do_reset(g);
		break;
	case 4:
		test_cmd(cmd_unit_info(g->fd, &info));
		free(list_all(g->fd, NYX_LIST_DOMAINS, 0, sizeof(struct nyx_domain_info), &nr));
		free(list_all(g->fd, NYX_LIST_IRTES, 0, sizeof(struct nyx_irte_info), &nr));
		break;
	default:
		test_cmd(cmd_invalidate(g->fd, NYX_SCOPE_UNIT, 0, 0, 0, 0));
		break;
	}
}

static void forget_events(struct guest *g)
{
	struct nyx_event event[32];

	while (read(g->events, event, sizeof(event)) > 0)
		;
}

static void step(struct chaos *c, struct rng *r)
{
	const struct chaos_model *model = c->model;

	switch (rng_below(r, 10)) {
	case 0:
	case 1:
		for (int k = 0; k < 8; k++)
			model->write_memory(c->g, r);
		/* Anything, anywhere. */
		if (!rng_below(r, 10))
			store64(c->g, rng_below(r, PAGES * SZ_4K / 8) * 8, rng_next(r));
		break;
	case 2:
		if (rng_below(r, 4))
			model->use_queue(c, r);
		else
			model->access_registers(c, r);
		break;
	case 3:
		if (!rng_below(r, 8))
			model->revive(c, r);
		else
			model->use_queue(c, r);
		break;
	case 4:
	case 5:
		if (rng_below(r, 4))
			do_msi(c, r);
		else
			do_bound(c, r);
		break;
	case 6:
		if (c->memory && !rng_below(r, 8))
			do_memory(c, r);
		forget_events(c->g);
		break;
	default:
		if (rng_below(r, 3))
			do_dma(c, r);
		else if (rng_below(r, 2))
			do_translate(c, r);
		else
			do_walk(c, r);
		break;
	}
}

static void *run(void *arg)
{
	struct chaos *c = arg;
	struct rng r = rng_start(c->salt);

	c->source = eventfd_new();
	c->target = eventfd_new();
	if (c->memory)
		c->model->revive(c, &r);
	for (unsigned long i = 0; i < c->steps; i++) {
		ktap_note("step %lu of thread %llu", i, (unsigned long long)c->salt);
		step(c, &r);
	}
	check(cmd_irq_unbind(c->g->fd, c->binding));
	close(c->source);
	close(c->target);
	return NULL;
}

/* A reset leaves the state of a fresh unit, after any use. */
static void expect_fresh(struct guest *g, const struct nyx_register_info *fresh, size_t want)
{
	struct nyx_register_info *now;
	size_t nr;

	now = list_all(g->fd, NYX_LIST_REGISTERS, 0, sizeof(*now), &nr);
	for (size_t i = 0; i < nr && i < want; i++) {
		ktap_note("%.24s, entry %u", now[i].name, now[i].index);
		ASSERT_EQ(fresh[i].offset, now[i].offset);
		ASSERT_EQ(fresh[i].index, now[i].index);
		ASSERT_EQ(fresh[i].value, now[i].value);
	}
	ASSERT_EQ(want, nr);
	free(now);
}

void chaos(struct guest *g, const struct chaos_model *model, __u64 salt, unsigned long steps)
{
	struct nyx_register_info *fresh;
	struct chaos c[3];
	pthread_t t[3];
	size_t nr;

	test_cmd(cmd_memory_remove(g->fd, 0, GUEST_RAM));
	test_cmd(cmd_memory_add(g->fd, 0, 0, CHAOS_RAM, g->ram));
	fresh = list_all(g->fd, NYX_LIST_REGISTERS, 0, sizeof(*fresh), &nr);
	for (unsigned int i = 0; i < ARRAY_SIZE(c); i++) {
		c[i] = (struct chaos){
			.g = g, .model = model, .salt = salt + i, .steps = steps, .memory = !i,
		};
		t[i] = thread_start(run, &c[i]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(c); i++)
		pthread_join(t[i], NULL);
	do_reset(g);
	expect_fresh(g, fresh, nr);
	free(fresh);
	test_cmd(cmd_memory_remove(g->fd, 0, CHAOS_RAM));
	test_cmd(cmd_memory_add(g->fd, 0, 0, GUEST_RAM, g->ram));
	memset(g->ram, 0, CHAOS_RAM);
	forget_events(g);
}

void chaos_tell(struct guest *g)
{
	__u64 stats[NYX_STAT_MAX];

	test_cmd(cmd_stats(g->fd, NYX_SCOPE_UNIT, 0, stats));
	ktap_print("%llu DMAs, %llu walks, %llu invalidations, %llu interrupts, %llu faults",
		   stats[NYX_STAT_DMA_OPS], stats[NYX_STAT_WALKS], stats[NYX_STAT_INVALIDATIONS],
		   stats[NYX_STAT_IRQS], stats[NYX_STAT_FAULTS]);
}
