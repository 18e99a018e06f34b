// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: VT-d units: a guest that does whatever comes to its mind.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Random registers, random tables and descriptors that are nearly right, random
 * DMA and messages, memory that comes and goes; from several threads. The kernel
 * must not complain, and every command must come back. Afterwards the unit is
 * reset, and has to work. -s repeats the sequence of each thread.
 */
#include "vtd_guest.h"

#include <stdlib.h>
#include <sys/mman.h>

/* Pages of the guest, as far as it keeps to its plan. */
#define ROOT_PAGE	1u
#define CTX_PAGE	2u	/* of bus 0, and 5 */
#define IRT_PAGE	4u
#define QUEUE_PAGE	6u	/* two */
#define TABLE_PAGE	8u	/* to the end */
#define PAGES		40u
#define CHAOS_RAM	(2 * SZ_1M)

/**
 * struct chaos - a guest
 * @g: its unit
 * @salt: of the sequence
 * @memory: it also takes memory and devices away
 * @exact: nobody else is there, and nothing cached: walks and translations agree
 */
struct chaos {
	struct guest *g;
	__u64 salt;
	bool memory;
	bool exact;
};

static const __u16 registers[] = {
	GCMD, RTADDR, CCMD, FSTS, FECTL, FEDATA, FEADDR, FEUADDR, IQT, IQA, ICS, IECTL, IEDATA,
	IEADDR, IEUADDR, IRTA, IVA, IOTLB, FRCD(0) + 8, FRCD(1) + 8, FRCD(2) + 8, FRCD(7) + 8,
	VER, CAP, ECAP, GSTS, IQH, IQERCD, 0x64, 0x400, 0xff8,
};

static const __u32 devices[] = { DEV, DEV_FN, DEV2, DEV_BUS };

/* A table, mostly; or any page, or anything. */
static __u64 page(struct rng *r)
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

/* Few bits. */
static __u64 noise(struct rng *r)
{
	return rng_below(r, 30) ? 0 : 1ull << rng_below(r, 64);
}

static __u64 descriptor_lo(struct rng *r)
{
	const __u64 did = rng_below(r, 4);

	switch (rng_below(r, 9)) {
	case 0:
		return CC_GLOBAL;
	case 1:
		return CC_DOMAIN(did);
	case 2:
		return CC_DEVICE(did, devices[rng_below(r, 4)], rng_below(r, 4));
	case 3:
		return IOTLB_GLOBAL;
	case 4:
		return IOTLB_DOMAIN(did);
	case 5:
		return IOTLB_PAGE(did);
	case 6:
		return rng_below(r, 20) ? IEC_INDEX(rng_below(r, 512), rng_below(r, 5)) :
					  IEC_GLOBAL;
	default:
		return (rng_below(r, 4) ? WAIT_SW : WAIT_IF) | rng_next(r) << 32;
	}
}

static void store(struct guest *g, __u64 at, __u64 lo, __u64 hi)
{
	store64(g, at + 8, hi);
	store64(g, at, lo);
}

static void write_context(struct guest *g, struct rng *r)
{
	const __u32 sbdf = devices[rng_below(r, 4)];
	const bool pass = !rng_below(r, 8);

	store(g, ROOT_PAGE * SZ_4K + 16 * (sbdf >> 8),
	      (CTX_PAGE + !!(sbdf >> 8)) * SZ_4K | (rng_below(r, 20) ? 1 : 0), noise(r));
	store(g, (CTX_PAGE + !!(sbdf >> 8)) * SZ_4K + 16 * (sbdf & 0xff),
	      (page(r) | (pass ? 8 : 0) | (rng_below(r, 4) ? 0 : 2) | 1) ^ noise(r),
	      ((1 + rng_below(r, 2)) | rng_below(r, 4) << 8) ^ noise(r));
}

static void write_entry(struct guest *g, struct rng *r)
{
	const __u64 at = (TABLE_PAGE + rng_below(r, PAGES - TABLE_PAGE)) * SZ_4K;
	__u64 value = page(r) | (rng_below(r, 8) ? PTE_RW : rng_below(r, 4));

	if (!rng_below(r, 10))
		value = (value & 3) | PTE_PS | (rng_below(r, 2) ? SZ_1G : 0);
	store64(g, at + 8 * rng_below(r, 8), value ^ noise(r));
}

static void write_irte(struct guest *g, struct rng *r)
{
	const bool post = !rng_below(r, 6);
	__u64 lo = 1 | rng_below(r, 256) << 16 | (rng_below(r, 4) ? 0 : 2);

	if (post)
		lo |= 0x8000 | page(r) << 32;
	else
		lo |= rng_below(r, 256) << 40;
	store(g, IRT_PAGE * SZ_4K + 16 * rng_below(r, 64), lo ^ noise(r),
	      (rng_below(r, 4) ? 0 : (rng_below(r, 4) << 18 | DEV)) ^ noise(r));
}

static void write_descriptor(struct guest *g, struct rng *r, __u64 at)
{
	__u64 lo = descriptor_lo(r), hi = 0;

	if ((lo & 0xf) == 5)
		hi = page(r) + 4 * rng_below(r, 1024);
	else if ((lo & 0x3f) == 0x32)
		hi = rng_below(r, 8) << 12 | rng_below(r, 20);
	store(g, at, lo ^ noise(r) * !rng_below(r, 4), hi);
}

static void write_memory(struct guest *g, struct rng *r)
{
	switch (rng_below(r, 8)) {
	case 0:
		write_context(g, r);
		break;
	case 1:
		write_irte(g, r);
		break;
	case 2:
		/* Anything, anywhere. */
		if (!rng_below(r, 10))
			store64(g, rng_below(r, PAGES * SZ_4K / 8) * 8, rng_next(r));
		break;
	default:
		write_entry(g, r);
		break;
	}
}

/* As a driver; and when the queue halts, one of the ways out. */
static void use_queue(struct guest *g, struct rng *r)
{
	__u32 head = r32(g, IQH) & 0xfff, n = 1 + rng_below(r, 20);

	for (__u32 i = 0; i < n; i++)
		write_descriptor(g, r, QUEUE_PAGE * SZ_4K + ((head + 16 * i) & 0xfff));
	w32(g, IQT, (head + 16 * n) & 0xfff);
	if (!(r32(g, FSTS) & F_IQE))
		return;
	if (rng_below(r, 4)) {
		head = r32(g, IQH) & 0xfff;
		store(g, QUEUE_PAGE * SZ_4K + head, CC_GLOBAL, 0);
		w32(g, FSTS, F_IQE);
	} else if (rng_below(r, 4)) {
		w32(g, IQT, 0);
		w32(g, GCMD, G_TE | G_IRE);
		w32(g, FSTS, F_IQE);
		w32(g, GCMD, G_TE | G_IRE | G_QIE);
	}
}

/* Everything on, at its place. */
static void revive(struct guest *g, struct rng *r)
{
	w32(g, GCMD, 0);
	w32(g, FSTS, 0x7f);
	w32(g, IQT, 0);
	w64(g, IQA, QUEUE_PAGE * SZ_4K);
	w64(g, RTADDR, ROOT_PAGE * SZ_4K);
	w64(g, IRTA, IRT_PAGE * SZ_4K | 5 | (rng_below(r, 2) ? 0x800 : 0));
	w32(g, GCMD, G_RTP | G_IRTP | G_QIE);
	w32(g, GCMD, G_TE | G_IRE | G_QIE);
	for (int i = 0; i < 4; i++)
		write_context(g, r);
}

static __u64 register_value(struct rng *r, __u16 reg)
{
	switch (reg) {
	case GCMD:
		/* Mostly on, as otherwise nothing happens. */
		return (rng_next(r) | (rng_below(r, 4) ? G_TE | G_IRE | G_QIE : 0)) & 0xffffffff;
	case RTADDR:
		return (rng_below(r, 4) ? ROOT_PAGE * SZ_4K : page(r)) | (noise(r) & 0xfff);
	case IRTA:
		return (rng_below(r, 4) ? IRT_PAGE * SZ_4K : page(r)) | rng_below(r, 16);
	case IQA:
		return (rng_below(r, 4) ? QUEUE_PAGE * SZ_4K : page(r)) |
			(rng_below(r, 4) ? 0 : rng_below(r, 8));
	case IQT:
		return rng_below(r, rng_below(r, 4) ? 64 : 0x8000) << 4;
	case FSTS:
		return 0x7f;
	case CCMD:
	case IOTLB:
		return rng_next(r) | BIT(63);
	default:
		return rng_below(r, 2) ? rng_next(r) : BIT(63) | BIT(31);
	}
}

static void access_registers(struct guest *g, struct rng *r)
{
	__u16 reg = registers[rng_below(r, ARRAY_SIZE(registers))];
	__u32 width = 4 << rng_below(r, 2);
	__u64 value = register_value(r, reg);

	reg &= ~(width - 1);
	if (width == 4) {
		if (reg != GCMD && !(rng_next(r) & 3)) {
			reg += 4;
			value >>= 32;
		}
		value &= 0xffffffff;
	} else if (reg == (GCMD & ~7)) {
		value &= 0xffffffff;
	}
	test_cmd(mmio(g->fd, NYX_MMIO_F_WRITE, reg, width, &value));
	value = 0;
	test_cmd(mmio(g->fd, 0, reg, width, &value));
	/* Once in a while it clears what stands in its way. */
	if (!rng_below(r, 4))
		w32(g, FSTS, 0x7f);
}

static __u64 iova(struct rng *r)
{
	__u64 at = rng_below(r, SZ_4K);

	if (!rng_below(r, 40))
		return rng_next(r);
	for (unsigned int level = 0; level < 4; level++)
		at |= rng_below(r, rng_below(r, 3) ? 8 : 1) << (12 + 9 * level);
	return at;
}

/* Whatever is wrong is the guest's own fault: errors are few, and known. */
static void check(int ret)
{
	if (ret && ret != -ENOSPC && ret != -ENOENT && ret != -EOVERFLOW)
		FAIL("%s", strerror(-ret));
}

static void do_dma(struct guest *g, struct rng *r)
{
	static __thread unsigned char buf[SZ_64K];
	const __u32 sbdf = devices[rng_below(r, 4)];
	const __u64 length = 1 + rng_below(r, rng_below(r, 8) ? 64 : sizeof(buf));
	struct nyx_translate t;
	struct nyx_dma c;
	int ret;

	switch (rng_below(r, 5)) {
	case 0:
		/* What it writes is as good as what the guest does. */
		for (size_t i = 0; i < 64; i += 8)
			((__u64 *)buf)[i / 8] = page(r) | PTE_RW;
		ret = cmd_dma_write(g->fd, &c, sbdf, iova(r), buf, length);
		break;
	case 1:
		ret = cmd_dma_atomic(g->fd, &c, sbdf, NYX_DMA_FETCH_ADD, iova(r) & ~7ull, 8,
				     SZ_4K, 0);
		break;
	case 2:
		ret = cmd_translate(g->fd, &t, sbdf, 1 + rng_below(r, 3), iova(r), length);
		break;
	default:
		ret = cmd_dma_read(g->fd, &c, sbdf, iova(r), buf, length);
		break;
	}
	check(ret);
}

/* A look at a table, which may be any page; or at what a device has. */
static void do_walk(struct chaos *c, struct rng *r)
{
	const __u32 sbdf = devices[rng_below(r, 4)], access = 1 + rng_below(r, 3);
	const bool device = rng_below(r, 2);
	struct nyx_translate t;
	struct nyx_walk w;
	__u64 at = iova(r);
	int ret;

	nyx_walk_init(&w, sbdf, access, at);
	if (!device) {
		w.flags = 0;
		w.sbdf = 0;
		w.format = rng_below(r, 3);
		w.root = page(r) & (BIT(52) - 1);
	}
	ret = nyx_cmd(c->g->fd, NYX_WALK, &w);
	check(ret);
	if (ret || !device || !c->exact)
		return;
	ret = cmd_translate(c->g->fd, &t, sbdf, access, at, 1);
	check(ret);
	if (ret)
		return;
	ASSERT_EQ(t.out_fault.reason, w.out_fault.reason);
	if (t.out_fault.reason == NYX_FAULT_NONE) {
		ASSERT_EQ(t.out_run.gpa, w.out_gpa);
		ASSERT_EQ(t.out_page_size_lg2, w.out_page_size_lg2);
	} else {
		ASSERT_EQ(t.out_fault.gpa, w.out_gpa);
		ASSERT_EQ(t.out_fault.level, w.out_fault.level);
	}
}

static void do_msi(struct guest *g, struct rng *r)
{
	struct nyx_irq_send s = {
		.size = sizeof(s), .sbdf = devices[rng_below(r, 4)],
		.address = msi_address(rng_below(r, rng_below(r, 8) ? 64 : 65536)) ^
			   (noise(r) & 0xffffffff),
		.data = rng_below(r, 4) ? 0 : rng_next(r) & 0x1ffff,
	};

	check(nyx_cmd(g->fd, NYX_IRQ_SEND, &s));
}

static void do_memory(struct guest *g, struct rng *r)
{
	struct nyx_unit_reset reset = { .size = sizeof(reset) };
	struct nyx_unit_info info;
	const __u32 sbdf = devices[rng_below(r, 4)];
	size_t nr;

	switch (rng_below(r, 6)) {
	case 0:
	case 1:
		test_cmd(cmd_memory_remove(g->fd, 0, CHAOS_RAM));
		test_cmd(cmd_memory_add(g->fd, 0, 0, CHAOS_RAM, g->ram));
		break;
	case 2:
		test_cmd(cmd_device_remove(g->fd, sbdf));
		test_cmd(cmd_device_add(g->fd, sbdf));
		break;
	case 3:
		if (!rng_below(r, 8))
			test_cmd(nyx_cmd(g->fd, NYX_UNIT_RESET, &reset));
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

static void *chaos(void *arg)
{
	struct chaos *c = arg;
	struct rng r = rng_start(c->salt);
	struct nyx_event event;

	for (unsigned long i = 0; i < ktap_iterations(30000); i++) {
		ktap_note("step %lu of thread %llu", i, (unsigned long long)c->salt);
		switch (rng_below(&r, 10)) {
		case 0:
		case 1:
			for (int k = 0; k < 8; k++)
				write_memory(c->g, &r);
			break;
		case 2:
			if (rng_below(&r, 4))
				use_queue(c->g, &r);
			else
				access_registers(c->g, &r);
			break;
		case 3:
			if (!rng_below(&r, 8))
				revive(c->g, &r);
			else
				use_queue(c->g, &r);
			break;
		case 4:
		case 5:
			do_msi(c->g, &r);
			break;
		case 6:
			if (c->memory && !rng_below(&r, 8))
				do_memory(c->g, &r);
			while (read(c->g->events, &event, sizeof(event)) > 0)
				;
			break;
		default:
			if (rng_below(&r, 8))
				do_dma(c->g, &r);
			else
				do_walk(c, &r);
			break;
		}
	}
	return NULL;
}

static const struct chaos_case {
	const char *name;
	unsigned int threads;
	struct guest_opts opts;
} chaos_cases[] = {
	{ "one", 1, { 0 } },
	{ "one_posted", 1, { .flags = NYX_VTD_F_POSTED, .faults = 1 } },
	{ "one_small", 1, { .flags = NYX_VTD_F_SMALL_PAGES | NYX_VTD_F_XAPIC, .width = 39 } },
	{ "one_no_iotlb", 1, { .iotlb = ENV_IOTLB_OFF } },
	{ "three", 3, { 0 } },
	{ "three_posted", 3, { .flags = NYX_VTD_F_POSTED, .iotlb = 64 } },
};

static void works_again(struct guest *g)
{
	struct nyx_unit_reset reset = { .size = sizeof(reset) };
	__u64 root;

	test_cmd(nyx_cmd(g->fd, NYX_UNIT_RESET, &reset));
	R32(GSTS, 0);
	R32(FSTS, 0);
	test_cmd(cmd_memory_remove(g->fd, 0, CHAOS_RAM));
	test_cmd(cmd_memory_add(g->fd, 0, 0, GUEST_RAM, g->ram));
	memset(g->ram, 0, CHAOS_RAM);
	g->gcmd = 0;
	root = attach(g, DEV, DID, 4);
	if (r64(g, CAP) & BIT(10))
		set_pte(g, root, 4, 0x5000, 0, 0x800000 | PTE_RW);
	else
		set_context(g, DEV, 2 << 2 | 1, 1 | DID << 8);
	set_irte(g, 3, 1 | 0x42 << 16, 0);
	boot(g, BOOT_QUEUE | BOOT_IRQ | BOOT_XAPIC | BOOT_DMA);
	reaches(g, DEV, 0x5000, r64(g, CAP) & BIT(10) ? 0x800000 : 0x5000);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(3), 0));
	ASSERT_EQ(0x42, g->s.out_vector);
	refused(g, DEV2, false, 0x5000, 0x02);
}

TEST_EACH(hostile_guest, chaos_cases)
{
	struct guest guest, *g = &guest;
	__u64 stats[NYX_STAT_MAX];
	struct chaos c[3];
	pthread_t t[3];

	guest_open_opts(g, &v->opts);
	test_cmd(cmd_memory_remove(g->fd, 0, GUEST_RAM));
	test_cmd(cmd_memory_add(g->fd, 0, 0, CHAOS_RAM, g->ram));
	for (unsigned int i = 0; i < v->threads; i++) {
		c[i] = (struct chaos){
			.g = g, .salt = 100 * (unsigned int)(v - chaos_cases) + i, .memory = !i,
			.exact = v->threads == 1 && v->opts.iotlb == ENV_IOTLB_OFF,
		};
		t[i] = thread_start(chaos, &c[i]);
	}
	for (unsigned int i = 0; i < v->threads; i++)
		pthread_join(t[i], NULL);
	test_cmd(cmd_stats(g->fd, NYX_SCOPE_UNIT, 0, stats));
	ktap_print("%llu DMAs, %llu walks, %llu invalidations, %llu interrupts, %llu faults",
		   stats[NYX_STAT_DMA_OPS], stats[NYX_STAT_WALKS], stats[NYX_STAT_INVALIDATIONS],
		   stats[NYX_STAT_IRQS], stats[NYX_STAT_FAULTS]);
	works_again(g);
}
