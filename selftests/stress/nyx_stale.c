// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx stress: no device writes a page that was taken away.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Threads write by DMA to one place in the device's address space, without end.
 * The main thread takes the memory behind it away: by unmap, detach,
 * replacement, removal... When that command has returned it paints the old
 * memory with a canary of this round, puts other memory in its place, waits
 * until the writers have written that, and looks: the canary must be whole.
 *
 * Also the reverse: an access that begins after a map has returned sees it.
 */
#include "nyx_env.h"

#include <stdlib.h>
#include <sys/mman.h>

#define WRITERS		2
#define WINDOW		SZ_2M	/* of guest memory: two of them, A and B */
#define PATIENCE	20000	/* yields to wait for a writer */

struct stale;

/**
 * struct stale_case - a way to take memory away
 * @name: name
 * @take: takes away what the writers write
 * @give: gives them the window @to
 * @size: of a write
 * @memory: kind of guest memory
 * @iotlb: entries of the cache
 * @domain_flags: of the domain
 * @page: of the first mapping, which is cut if it is larger than a write
 */
struct stale_case {
	const char *name;
	void (*take)(struct stale *s);
	void (*give)(struct stale *s, unsigned int to);
	__u64 size;
	enum env_memory memory;
	__u32 iotlb;
	__u32 domain_flags;
};

/**
 * struct stale - a run
 * @v: the case
 * @e: the unit
 * @domain: two domains, to replace one by the other
 * @at: where in the window the writers write
 * @written: writes that were done in whole
 * @refused: writes that were refused
 * @stop: ends the writers
 */
struct stale {
	const struct stale_case *v;
	struct env e;
	__u32 domain[2];
	__u64 at;
	unsigned long written;
	unsigned long refused;
	bool stop;
};

static void sync_batched(struct stale *s)
{
	static unsigned int turn;

	if (!(s->v->domain_flags & NYX_DOMAIN_F_BATCHED))
		return;
	switch (turn++ % 4) {
	case 0:
		test_cmd(cmd_invalidate(s->e.fd, NYX_SCOPE_UNIT, 0, 0, 0, 0));
		break;
	case 1:
		test_cmd(cmd_invalidate(s->e.fd, NYX_SCOPE_DOMAIN, s->domain[0], 0, 0, 0));
		break;
	case 2:
		test_cmd(cmd_invalidate(s->e.fd, NYX_SCOPE_DEVICE, 0, s->e.sbdf, 0, 0));
		break;
	default:
		test_cmd(cmd_invalidate(s->e.fd, NYX_SCOPE_RANGE, s->domain[0], 0, 0, WINDOW));
		break;
	}
}

/* ---- by unmap: of what is written alone, or out of a page of 2 MiB ---- */

static void take_pages(struct stale *s)
{
	test_cmd(cmd_unmap(s->e.fd, s->domain[0], s->at, s->v->size, NULL));
	sync_batched(s);
}

static void give_pages(struct stale *s, unsigned int to)
{
	test_cmd(cmd_map(s->e.fd, s->domain[0], s->at, to * WINDOW + s->at, s->v->size, RW));
}

static void take_all(struct stale *s)
{
	test_cmd(cmd_unmap_all(s->e.fd, s->domain[0], NULL));
	sync_batched(s);
}

static void give_window(struct stale *s, unsigned int to)
{
	test_cmd(cmd_map(s->e.fd, s->domain[0], 0, to * WINDOW, WINDOW, RW));
}

/* The page of 2 MiB is whole again before each cut. */
static void take_cut(struct stale *s)
{
	test_cmd(cmd_unmap(s->e.fd, s->domain[0], s->at, s->v->size, NULL));
	sync_batched(s);
}

static void give_cut(struct stale *s, unsigned int to)
{
	cmd_unmap_all(s->e.fd, s->domain[0], NULL);
	sync_batched(s);
	give_window(s, to);
}

/* A whole page of 2 MiB by an array of unmaps, page by page. */
static void take_array(struct stale *s)
{
	static struct nyx_unmap u[16];
	__u32 done;

	for (int i = 0; i < 16; i++)
		u[i] = (struct nyx_unmap) {
			.size = sizeof(u[i]), .domain_id = s->domain[0],
			.iova = i * (WINDOW / 16), .length = WINDOW / 16,
		};
	test_cmd(cmd_array(s->e.fd, NYX_CMD_UNMAP, u, sizeof(u[0]), 16, &done));
	sync_batched(s);
}

/* ---- by the device ---- */

static void take_detach(struct stale *s)
{
	test_cmd(cmd_device_detach(s->e.fd, s->e.sbdf));
}

static void give_attach(struct stale *s, unsigned int to)
{
	test_cmd(cmd_device_attach(s->e.fd, s->e.sbdf, s->domain[to], 0));
}

static void take_replace(struct stale *s)
{
	struct nyx_device_info info;

	device_info(s->e.fd, s->e.sbdf, &info);
	test_cmd(cmd_device_attach(s->e.fd, s->e.sbdf,
				   s->domain[info.domain_id == s->domain[0]],
				   NYX_ATTACH_F_REPLACE));
}

static void give_nothing(struct stale *s, unsigned int to)
{
	(void)s;
	(void)to;
}

static void take_device(struct stale *s)
{
	test_cmd(cmd_device_remove(s->e.fd, s->e.sbdf));
}

static void give_device(struct stale *s, unsigned int to)
{
	test_cmd(cmd_device_add(s->e.fd, s->e.sbdf));
	give_attach(s, to);
}

/* ---- by the memory: one mapping, and what is behind it changes ---- */

static void add_window(struct stale *s, unsigned int window)
{
	const __u32 pinned = s->v->memory == MEM_PINNED || s->v->memory == MEM_FILE_PINNED ?
		NYX_MEMORY_F_PINNED : 0;

	if (s->e.file >= 0)
		test_cmd(cmd_memory_add_file(s->e.fd, pinned, 16 * SZ_1G, WINDOW, s->e.file,
					     window * WINDOW));
	else
		test_cmd(cmd_memory_add(s->e.fd, pinned, 16 * SZ_1G, WINDOW,
					s->e.mem + window * WINDOW));
}

static void take_memory(struct stale *s)
{
	test_cmd(cmd_memory_remove(s->e.fd, 16 * SZ_1G, WINDOW));
}

static void give_memory(struct stale *s, unsigned int to)
{
	add_window(s, to);
}

/* ---- the run ---- */

#define CASE(kind, mem, tlb, flags, size_, take_, give_) \
	{ kind "_" #mem "_" #tlb, take_, give_, size_, mem, tlb, flags }
#define ALL_IOTLB(kind, mem, flags, size, take, give)			\
	CASE(kind, mem, ENV_IOTLB_OFF, flags, size, take, give),	\
	CASE(kind, mem, 64, flags, size, take, give),			\
	CASE(kind, mem, 4096, flags, size, take, give)
#define ALL_MEMORY(kind, flags, size, take, give)			\
	ALL_IOTLB(kind, MEM_USER, flags, size, take, give),		\
	CASE(kind, MEM_PINNED, 64, flags, size, take, give),		\
	CASE(kind, MEM_FILE, 64, flags, size, take, give),		\
	CASE(kind, MEM_FILE_PINNED, 64, flags, size, take, give)

static const struct stale_case stale_cases[] = {
	ALL_MEMORY("unmap_4k", 0, SZ_4K, take_pages, give_pages),
	ALL_MEMORY("unmap_2m", 0, SZ_64K, take_all, give_window),
	ALL_MEMORY("cut_2m", 0, SZ_4K, take_cut, give_cut),
	ALL_IOTLB("array", MEM_PINNED, 0, SZ_64K, take_array, give_window),
	ALL_IOTLB("batched_4k", MEM_USER, NYX_DOMAIN_F_BATCHED, SZ_4K, take_pages, give_pages),
	ALL_IOTLB("batched_cut", MEM_PINNED, NYX_DOMAIN_F_BATCHED, SZ_4K, take_cut, give_cut),
	ALL_IOTLB("batched_array", MEM_USER, NYX_DOMAIN_F_BATCHED, SZ_64K, take_array,
		  give_window),
	ALL_MEMORY("detach", 0, SZ_64K, take_detach, give_attach),
	ALL_MEMORY("replace", 0, SZ_64K, take_replace, give_nothing),
	ALL_IOTLB("device_remove", MEM_USER, 0, SZ_4K, take_device, give_device),
	ALL_MEMORY("memory_remove", 0, SZ_64K, take_memory, give_memory),
};

static void *writer(void *arg)
{
	struct stale *s = arg;
	unsigned char *buf = ktap_alloc(s->v->size);
	struct nyx_dma c;

	memset(buf, 0xdd, s->v->size);
	for (unsigned long i = 0; !__atomic_load_n(&s->stop, __ATOMIC_RELAXED); i++) {
		int ret;

		if (i % 2)
			ret = cmd_dma_write(s->e.fd, &c, s->e.sbdf, s->at, buf, s->v->size);
		else
			ret = cmd_dma_fill(s->e.fd, &c, s->e.sbdf, s->at, s->v->size, 8,
					   0xddddddddddddddddull);
		ASSERT_TRUE(!ret || (ret == -ENOENT && s->v->take == take_device));
		if (!ret && c.out_done == s->v->size)
			__atomic_add_fetch(&s->written, 1, __ATOMIC_SEQ_CST);
		else
			__atomic_add_fetch(&s->refused, 1, __ATOMIC_SEQ_CST);
	}
	free(buf);
	return NULL;
}

/* Both writers have begun and ended a write since. Gives up after a while. */
static bool wait_for_writes(struct stale *s)
{
	unsigned long from = __atomic_load_n(&s->written, __ATOMIC_SEQ_CST);

	for (int i = 0; i < PATIENCE; i++) {
		if (__atomic_load_n(&s->written, __ATOMIC_SEQ_CST) >= from + WRITERS + 1)
			return true;
		sched_yield();
	}
	return false;
}

static void prepare(struct stale *s)
{
	const struct stale_case *v = s->v;

	env_open(&s->e, .memory = v->memory, .mem_size = 2 * WINDOW, .iotlb = v->iotlb,
		 .domain_flags = v->domain_flags);
	s->domain[0] = s->e.domain;
	test_cmd(cmd_domain_paging(s->e.fd, 0, &s->domain[1]));
	s->at = 5 * SZ_64K;
	if (v->take == take_memory) {
		test_cmd(cmd_map(s->e.fd, s->domain[0], 0, 16 * SZ_1G, WINDOW, RW));
		add_window(s, 0);
	} else if (v->take == take_pages) {
		give_pages(s, 0);
	} else {
		test_cmd(cmd_map(s->e.fd, s->domain[0], 0, 0, WINDOW, RW));
		test_cmd(cmd_map(s->e.fd, s->domain[1], 0, WINDOW, WINDOW, RW));
	}
}

TEST_EACH(stale, stale_cases)
{
	const unsigned long rounds = ktap_iterations(nr_cpus() > 1 ? 16 : 8);
	unsigned long waited = 0;
	struct stale s = { .v = v };
	unsigned int now = 0;
	pthread_t t[WRITERS];

	prepare(&s);
	for (int i = 0; i < WRITERS; i++)
		t[i] = thread_start(writer, &s);
	for (unsigned long i = 0; i < rounds; i++) {
		unsigned char *old = s.e.mem + now * WINDOW + s.at, canary = i * 2 + 1;
		unsigned char *new = s.e.mem + !now * WINDOW + s.at;

		ktap_note("round %lu", i);
		if (canary == 0xdd)
			canary = 0;
		waited += wait_for_writes(&s);
		v->take(&s);
		/* From here on the old memory is ours. */
		memset(old, canary, v->size);
		ASSERT_FILLED(old, canary, v->size);
		if (i % 4 == 0)
			sched_yield();
		v->give(&s, !now);
		if (wait_for_writes(&s)) {
			waited++;
			/* They have written the new memory, in whole. */
			ASSERT_FILLED(new, 0xdd, v->size);
		}
		ASSERT_FILLED(old, canary, v->size);
		now = !now;
	}
	s.stop = true;
	for (int i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	ktap_print("%lu writes, %lu refused, in %lu of %lu rounds seen", s.written, s.refused,
		   waited, 2 * rounds);
	/* Otherwise nothing was tested. */
	ASSERT_GT(waited, 0);
	ASSERT_GT(s.written, rounds / 4);
}

/* ---- short accesses, taken away the moment they begin ---- */

/*
 * Here nothing waits for the writers: the memory is taken away while they still
 * walk the table, or look at the device, for the first time. An entry that one of them
 * then leaves in the cache, or still uses, shows in the canary.
 */
static void *short_writer(void *arg)
{
	struct stale *s = arg;
	struct nyx_dma c;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		int ret = cmd_dma_fill(s->e.fd, &c, s->e.sbdf, s->at, 8, 8,
				       0xddddddddddddddddull);

		ASSERT_TRUE(!ret || (ret == -ENOENT && s->v->take == take_device));
		__atomic_add_fetch(&s->written, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static const struct stale_case short_cases[] = {
	ALL_MEMORY("unmap", 0, SZ_4K, take_pages, give_pages),
	ALL_MEMORY("unmap_2m", 0, SZ_4K, take_all, give_window),
	CASE("cut", MEM_PINNED, 64, 0, SZ_4K, take_cut, give_cut),
	ALL_IOTLB("batched", MEM_PINNED, NYX_DOMAIN_F_BATCHED, SZ_4K, take_pages, give_pages),
	ALL_IOTLB("detach", MEM_PINNED, 0, SZ_4K, take_detach, give_attach),
	ALL_IOTLB("replace", MEM_PINNED, 0, SZ_4K, take_replace, give_nothing),
	CASE("device_remove", MEM_PINNED, 64, 0, SZ_4K, take_device, give_device),
	CASE("memory_remove", MEM_USER, 64, 0, SZ_4K, take_memory, give_memory),
	CASE("memory_remove", MEM_PINNED, 64, 0, SZ_4K, take_memory, give_memory),
};

TEST_EACH(short_access, short_cases)
{
	struct rng r = rng_start(1);
	struct stale s = { .v = v };
	/* On one CPU a round takes a slice of the scheduler or two. */
	const unsigned long rounds = ktap_iterations(nr_cpus() > 1 ? 1000 : 15);
	volatile unsigned int spin;
	unsigned int now = 0;
	pthread_t t[WRITERS];

	prepare(&s);
	for (int i = 0; i < WRITERS; i++)
		t[i] = thread_start(short_writer, &s);
	for (unsigned long i = 0; i < rounds; i++) {
		unsigned char *old = s.e.mem + now * WINDOW + s.at;
		const __u64 canary = i;
		__u64 seen;

		ktap_note("round %lu", i);
		for (spin = rng_below(&r, 4) ? rng_below(&r, 3000) : 0; spin; spin--)
			;
		v->take(&s);
		memcpy(old, &canary, sizeof(canary));
		/* Some that begin now, and see what the others have left. */
		wait_for_writes(&s);
		memcpy(&seen, old, sizeof(seen));
		ASSERT_EQ(canary, seen);
		v->give(&s, !now);
		now = !now;
	}
	s.stop = true;
	for (int i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
}

/* ---- an access that begins after a map sees it; at once, on every CPU ---- */

struct fresh {
	struct env e;
	__u64 ready;	/* IOVA of the newest mapping */
	bool stop;
	unsigned long seen;
};

static void *fresh_reader(void *arg)
{
	struct fresh *f = arg;
	struct nyx_dma c;
	__u64 word;

	while (!__atomic_load_n(&f->stop, __ATOMIC_RELAXED)) {
		__u64 iova = __atomic_load_n(&f->ready, __ATOMIC_SEQ_CST);

		/* Behind it: a look at what is not there yet, to be remembered by none. */
		test_cmd(cmd_dma_read(f->e.fd, &c, f->e.sbdf, iova + SZ_4K, &word, 8));
		test_cmd(cmd_dma_read(f->e.fd, &c, f->e.sbdf, iova, &word, 8));
		ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
		ASSERT_EQ(iova / SZ_4K % 16, word);
		__atomic_add_fetch(&f->seen, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static const struct fresh_case {
	const char *name;
	__u32 iotlb;
} fresh_cases[] = {
	{ "off", ENV_IOTLB_OFF },
	{ "64", 64 },
	{ "4096", 4096 },
};

TEST_EACH(fresh_mapping, fresh_cases)
{
	struct fresh f = { .seen = 0 };
	pthread_t t[2];

	env_open(&f.e, .iotlb = v->iotlb);
	for (__u64 i = 0; i < 16; i++)
		memcpy(f.e.mem + i * SZ_4K, &i, sizeof(i));
	test_cmd(cmd_map(f.e.fd, f.e.domain, 0, 0, SZ_4K, RW));
	for (int i = 0; i < 2; i++)
		t[i] = thread_start(fresh_reader, &f);
	for (unsigned long i = 1; i < ktap_iterations(4000); i++) {
		test_cmd(cmd_map(f.e.fd, f.e.domain, i * SZ_4K, i % 16 * SZ_4K, SZ_4K, RW));
		__atomic_store_n(&f.ready, i * SZ_4K, __ATOMIC_SEQ_CST);
		if (i % 100 == 0)
			sched_yield();
	}
	f.stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ktap_print("%lu reads", f.seen);
}
