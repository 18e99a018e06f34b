// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: a guest that does everything at once.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "chaos.h"

#include <stdlib.h>

#define TABLES_END	(4 * SZ_1M)	/* of memory: what the driver writes is below */
#define WORDS_MAX	4096u

/* The words that the driver has written, and the registers as it has left them. */
static struct { __u64 at, value; } words_of[WORDS_MAX];
static size_t nr_words;
static struct nyx_register_info *registers;
static size_t nr_registers;

/**
 * struct chaos - one thread of a guest
 * @g: the guest
 * @model: its vendor
 * @salt: of the sequence
 * @steps: how many
 * @source: eventfds of a binding
 * @target: likewise
 * @binding: its id
 */
struct chaos {
	struct guest *g;
	const struct chaos_model *model;
	__u64 salt;
	unsigned long steps;
	int source;
	int target;
	__u32 binding;
};

__u64 chaos_noise(struct rng *r)
{
	return rng_below(r, 16) ? 0 : BIT(rng_below(r, 64));
}

static __u64 a_word(struct rng *r)
{
	return words_of[rng_below(r, nr_words)].value ^ chaos_noise(r);
}

static __u32 a_device(struct chaos *c, struct rng *r)
{
	return c->model->devices[rng_below(r, c->model->nr_devices)];
}

static __u64 an_iova(struct rng *r)
{
	const __u64 page = rng_below(r, 2) ? CHAOS_DATA : CHAOS_TABLE;

	return (rng_below(r, 8) ? page : rng_next(r) & ~0xfffull) + rng_below(r, SZ_4K);
}

/* All that is wrong is the guest's own fault: errors are few, and known. */
static void check(int ret)
{
	if (ret && ret != -ENOSPC && ret != -ENOENT && ret != -EOVERFLOW && ret != -EBUSY)
		FAIL("%s", strerror(-ret));
}

static void do_tables(struct chaos *c, struct rng *r)
{
	for (int k = 0; k < 8; k++) {
		const size_t i = rng_below(r, nr_words);
		const __u64 value = rng_below(r, 8) ? words_of[i].value : a_word(r);

		store64(c->g, words_of[i].at, value ^ chaos_noise(r));
	}
}

/* Or a half of a register. */
static void do_register(struct chaos *c, struct rng *r)
{
	const struct nyx_register_info *reg = &registers[rng_below(r, nr_registers)];
	__u64 value = rng_below(r, 8) ? reg->value : rng_next(r);
	__u32 offset = reg->offset, width = reg->width;

	if (reg->index || offset >= NYX_MMIO_SIZE_AMDVI)
		return;
	value ^= chaos_noise(r);
	if (width == 4 || !rng_below(r, 4)) {
		offset += width == 8 && rng_below(r, 2) ? 4 : 0;
		value &= 0xffffffff;
		width = 4;
	}
	test_cmd(mmio(c->g->fd, NYX_MMIO_F_WRITE, offset, width, &value));
	test_cmd(mmio(c->g->fd, 0, offset, width, &value));
}

static void do_access(struct chaos *c, struct rng *r)
{
	static __thread __u64 buf[SZ_64K / 8];
	const __u64 length = 1 + rng_below(r, rng_below(r, 8) ? 64 : sizeof(buf));
	const __u64 iova = an_iova(r);
	const __u32 sbdf = a_device(c, r);
	struct nyx_translate t;
	struct nyx_walk w;
	struct nyx_dma d;

	switch (rng_below(r, 6)) {
	case 0:
		check(cmd_translate(c->g->fd, &t, sbdf, 1 + rng_below(r, 3), iova, length));
		break;
	case 1:
		nyx_walk_init(&w, sbdf, 1 + rng_below(r, 3), iova);
		check(nyx_cmd(c->g->fd, NYX_WALK, &w));
		break;
	case 2:
		check(cmd_dma_atomic(c->g->fd, &d, sbdf, NYX_DMA_FETCH_ADD, iova & ~7ull, 8, 8, 0));
		break;
	case 3:
		for (int i = 0; i < 8; i++)
			buf[i] = a_word(r);
		check(cmd_dma_write(c->g->fd, &d, sbdf, iova, buf, length));
		break;
	default:
		check(cmd_dma_read(c->g->fd, &d, sbdf, iova, buf, length));
		break;
	}
}

/* By a command; or by an eventfd, which sends at a time of its own. */
static void do_message(struct chaos *c, struct rng *r)
{
	struct nyx_irq_send s = { .size = sizeof(s), .sbdf = a_device(c, r) };
	struct msi m;

	c->model->message(r, &s);
	m = (struct msi){ .address = s.address, .data = s.data };
	switch (rng_below(r, 16)) {
	case 0:
		check(cmd_irq_unbind(c->g->fd, c->binding));
		break;
	case 1:
		check(cmd_irq_bind(c->g->fd, s.sbdf, m, c->source, c->target, &c->binding));
		break;
	case 2:
		check(cmd_irq_message(c->g->fd, c->binding, m));
		break;
	case 3:
		check(cmd_irq_mask(c->g->fd, c->binding, rng_below(r, 2)));
		break;
	case 4 ... 6:
		eventfd_give(c->source);
		break;
	default:
		check(nyx_cmd(c->g->fd, NYX_IRQ_SEND, &s));
		break;
	}
}

static void do_reset(struct guest *g)
{
	struct nyx_unit_reset reset = { .size = sizeof(reset) };

	test_cmd(nyx_cmd(g->fd, NYX_UNIT_RESET, &reset));
}

/* One thread alone takes memory and devices away, and gives them back. */
static void do_objects(struct chaos *c, struct rng *r)
{
	const __u32 sbdf = a_device(c, r);
	struct guest *g = c->g;
	size_t nr;

	switch (rng_below(r, 8)) {
	case 0 ... 2:
		test_cmd(cmd_memory_remove(g->fd, 0, GUEST_RAM));
		c->model->give_commands(g, r);
		do_access(c, r);
		do_message(c, r);
		test_cmd(cmd_memory_add(g->fd, 0, 0, GUEST_RAM, g->ram));
		break;
	case 3 ... 5:
		test_cmd(cmd_device_remove(g->fd, sbdf));
		test_cmd(cmd_device_add(g->fd, sbdf));
		break;
	case 6:
		do_reset(g);
		c->model->start(g);
		break;
	default:
		free(list_all(g->fd, NYX_LIST_DOMAINS, 0, sizeof(struct nyx_domain_info), &nr));
		free(list_all(g->fd, NYX_LIST_IRTES, 0, sizeof(struct nyx_irte_info), &nr));
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

static void *run(void *arg)
{
	struct chaos *c = arg;
	struct rng r = rng_start(c->salt);

	c->source = eventfd_new();
	c->target = eventfd_new();
	for (unsigned long i = 0; i < c->steps; i++) {
		ktap_note("step %lu of thread %llu", i, (unsigned long long)c->salt);
		switch (rng_below(&r, 10)) {
		case 0:
			do_tables(c, &r);
			break;
		case 1:
			do_register(c, &r);
			break;
		case 2:
			c->model->give_commands(c->g, &r);
			break;
		case 3 ... 4:
			do_message(c, &r);
			break;
		case 5:
			if (!rng_below(&r, 8))
				c->model->start(c->g);
			else if (!(c->salt % 3) && !rng_below(&r, 4))
				do_objects(c, &r);
			forget_events(c->g);
			break;
		default:
			do_access(c, &r);
			break;
		}
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
	__u64 stats[NYX_STAT_MAX];
	struct chaos c[3];
	pthread_t t[3];
	size_t nr;

	fresh = list_all(g->fd, NYX_LIST_REGISTERS, 0, sizeof(*fresh), &nr);
	model->fill(g);
	for (__u64 at = 0; at < TABLES_END && nr_words < WORDS_MAX; at += 8) {
		words_of[nr_words].at = at;
		words_of[nr_words].value = load64(g, at);
		nr_words += !!load64(g, at);
	}
	model->start(g);
	registers = list_all(g->fd, NYX_LIST_REGISTERS, 0, sizeof(*registers), &nr_registers);
	for (unsigned int i = 0; i < ARRAY_SIZE(c); i++) {
		c[i] = (struct chaos){
			.g = g, .model = model, .salt = 3 * salt + i, .steps = steps,
		};
		t[i] = thread_start(run, &c[i]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(c); i++)
		pthread_join(t[i], NULL);
	do_reset(g);
	expect_fresh(g, fresh, nr);
	memset(g->ram, 0, TABLES_END);
	g->next_table = AT_TABLES;
	forget_events(g);
	test_cmd(cmd_stats(g->fd, NYX_SCOPE_UNIT, 0, stats));
	ktap_print("%llu DMAs, %llu walks, %llu invalidations, %llu interrupts, %llu faults",
		   stats[NYX_STAT_DMA_OPS], stats[NYX_STAT_WALKS], stats[NYX_STAT_INVALIDATIONS],
		   stats[NYX_STAT_IRQS], stats[NYX_STAT_FAULTS]);
}
