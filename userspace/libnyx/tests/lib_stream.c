// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: change streams and mirrors on the module.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The back end is a table of pages, a part of the program. Whenever a command, or a guest's
 * invalidation, is complete, it has page by page what nyx_device_translate() says: that asks
 * the tables of the unit, and knows nothing of streams.
 */
#include "lib_env.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define K4		UINT64_C(4096)
#define PAGES		64u
#define BASE		UINT64_C(0x40000000)	/* IOVA of the first page */
#define RAM		(8u << 20)
#define BIG		(PAGES * K4)

/* The back end: for each page of the window the memory, or NULL. */
static char *page[PAGES];
static uint32_t page_prot[PAGES];
static unsigned int nr_pages;
static unsigned int calls;
static unsigned int fail_at;		/* number of the call that fails; 0: none */

static char *ram;
static unsigned int states[8];		/* events, by state */
static unsigned int failures, gone;

static int host_map(const struct nyx_mirror_backend *b, const struct nyx_mirror_map *map)
{
	uint64_t i;

	(void)b;
	ASSERT_EQ(0, (map->iova | map->length) % K4);
	ASSERT_LE(BASE, map->iova);
	ASSERT_LE(map->iova + map->length, BASE + PAGES * K4);
	if (++calls == fail_at)
		return -EIO;
	for (i = (map->iova - BASE) / K4; i < (map->iova - BASE + map->length) / K4; i++) {
		ASSERT_TRUE(!page[i]);
		page[i] = (char *)map->host + (BASE + i * K4 - map->iova);
		page_prot[i] = map->prot;
		nr_pages++;
	}
	return 0;
}

static int host_unmap(const struct nyx_mirror_backend *b, uint64_t iova, uint64_t length,
		      uint64_t *unmapped)
{
	uint64_t i;

	(void)b;
	ASSERT_LE(BASE, iova);
	ASSERT_LE(iova + length, BASE + PAGES * K4);
	if (++calls == fail_at)
		return -EIO;
	*unmapped = 0;
	for (i = (iova - BASE) / K4; i < (iova - BASE + length) / K4; i++) {
		if (!page[i])
			continue;
		page[i] = NULL;
		*unmapped += K4;
		nr_pages--;
	}
	return 0;
}

static int host_limits(const struct nyx_mirror_backend *b, struct nyx_mirror_limits *limits)
{
	(void)b;
	limits->more_maps = 1000;
	limits->page_size = K4;
	limits->nr_ranges = 1;
	if (limits->nr)
		limits->ranges[0] = (struct nyx_mirror_range){ .last = UINT64_MAX };
	return 0;
}

static int on_event(struct nyx_mirror *mirror, const struct nyx_mirror_event *event, void *arg)
{
	char text[NYX_MIRROR_TEXT_LEN];

	ASSERT_TRUE(mirror && !arg);
	ASSERT_EQ(0, nyx_mirror_event_format(event, text, sizeof(text)));
	ktap_note("%s", text);
	if (event->kind == NYX_MIRROR_STATE)
		states[event->state]++;
	else if (event->kind == NYX_MIRROR_FAILED)
		failures++;
	else if (event->kind == NYX_MIRROR_GONE)
		gone++;
	else
		FAIL("%s", text);
	return 0;
}

struct world {
	struct nyx_unit *unit;
	struct nyx_changes *changes;
	struct nyx_mirror *mirror;
	int memfd;
	bool is_inline;
};

/* A command may have left changes to the reader of an inline stream. */
static int finish(struct world *w, int ret)
{
	if (ret == -EINPROGRESS) {
		ASSERT_TRUE(w->is_inline);
		ASSERT_EQ(0, nyx_mirror_run(w->mirror));
		return 0;
	}
	/* A map, or the end of a quarantine, waits for nobody: what is new is not complete yet. */
	if (!ret && w->is_inline)
		ASSERT_EQ(0, nyx_mirror_run(w->mirror));
	return ret;
}

static void compare(struct world *w, nyx_device_t device)
{
	struct nyx_translate t[2 * PAGES];
	unsigned int i, n = 0;
	uint32_t prot;
	char *host;
	size_t done;

	for (i = 0; i < 2 * PAGES; i++) {
		t[i] = (struct nyx_translate)NYX_TRANSLATE_INIT;
		t[i].sbdf = device.sbdf;
		t[i].access = i % 2 ? NYX_PROT_WRITE : NYX_PROT_READ;
		t[i].iova = BASE + i / 2 * K4;
		t[i].length = K4;
	}
	ASSERT_EQ(0, nyx_device_translate_array(w->unit, t, 2 * PAGES, &done));
	for (i = 0; i < PAGES; i++) {
		const struct nyx_translate *r = &t[2 * i];
		bool reads = r[0].out_fault.reason == NYX_FAULT_NONE && r[0].out_done == K4;
		bool writes = r[1].out_fault.reason == NYX_FAULT_NONE && r[1].out_done == K4;

		prot = (reads ? NYX_PROT_READ : 0) | (writes ? NYX_PROT_WRITE : 0);
		host = reads || writes ? ram + r[!reads].out_extent.gpa : NULL;
		ktap_note("page %u: unit %td %u, host %td %u", i, host ? host - ram : -1, prot,
			  page[i] ? page[i] - ram : -1, page[i] ? page_prot[i] : 0);
		ASSERT_TRUE(host == page[i]);
		ASSERT_TRUE(!host || prot == page_prot[i]);
		n += !!host;
	}
	ASSERT_EQ(n, nr_pages);
}

static void world_open(struct world *w, const struct nyx_unit_create_opts *opts, uint32_t flags)
{
	struct nyx_mirror_backend backend = NYX_MIRROR_BACKEND_INIT;
	struct nyx_mirror_opts mirror = NYX_MIRROR_OPTS_INIT;
	struct nyx_ctx *ctx = env_ctx();

	w->is_inline = flags & NYX_CHANGES_F_INLINE;
	ASSERT_EQ(0, nyx_unit_create(ctx, opts, &w->unit));
	nyx_ctx_unref(ctx);
	env_tolerate(w->unit);
	ASSERT_EQ(0, nyx_memfd_create("ram", RAM, 0, &w->memfd));
	ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, w->memfd, 0);
	ASSERT_TRUE(ram != MAP_FAILED);
	ASSERT_EQ(0, nyx_memory_add_file(w->unit, 0, w->memfd, 0, RAM / 2, 0));
	ASSERT_EQ(0, nyx_memory_add_file(w->unit, RAM / 2, w->memfd, RAM / 2, RAM / 2, 0));
	ASSERT_EQ(0, nyx_device_add(w->unit, DEV));

	ASSERT_EQ(0, nyx_changes_open(w->unit, flags, &w->changes));
	backend.map = host_map;
	backend.unmap = host_unmap;
	backend.limits = host_limits;
	mirror.event = on_event;
	ASSERT_EQ(0, nyx_mirror_open(w->changes, &backend, &mirror, &w->mirror));
	ASSERT_EQ(0, nyx_mirror_memory_add(w->mirror, 0, RAM / 2, ram, 0));
	ASSERT_EQ(0, nyx_mirror_memory_add(w->mirror, RAM / 2, RAM / 2, ram + RAM / 2, 0));
	if (!w->is_inline)
		ASSERT_EQ(0, nyx_changes_start(w->changes, NULL, NULL));
}

static void world_close(struct world *w)
{
	ASSERT_EQ(0, nyx_mirror_close(w->mirror));
	ASSERT_EQ(0, nr_pages);
	if (!w->is_inline)
		ASSERT_EQ(0, nyx_changes_stop(w->changes));
	ASSERT_EQ(0, nyx_changes_close(w->changes));
	nyx_unit_unref(w->unit);
}

static const struct {
	const char *name;
	uint32_t flags;
} orders[] = {
	{ "inline", NYX_CHANGES_F_INLINE },
	{ "threaded", 0 },
};

/* ---- a native unit ------------------------------------------------------------------ */

static struct world native_open(uint32_t flags, nyx_domain_t *domain)
{
	struct world w = { 0 };

	world_open(&w, NULL, flags);
	ASSERT_EQ(0, nyx_device_assign(w.unit, DEV, NYX_ISOLATION_STRICT, NULL, domain));
	ASSERT_EQ(0, nyx_mirror_add_device(w.mirror, DEV));
	ASSERT_EQ(1, states[NYX_CHANGE_ATTACHED]);
	return w;
}

/* Commands that take nothing away return before the changes are handled. */
static void settle(struct world *w, nyx_device_t device)
{
	/* Changes that were reported before are handled when this one has returned. */
	ASSERT_EQ(0, nyx_mirror_run(w->mirror));
	compare(w, device);
}

TEST_EACH(native_unit_at_random, orders)
{
	unsigned long i, n = ktap_iterations(300);
	struct rng rng = rng_start(1);
	nyx_domain_t domain;
	struct world w = native_open(v->flags, &domain);
	bool attached = true, quarantined = false, half = true;
	uint64_t first, length, gpa;
	int ret;

	for (i = 0; i < n; i++) {
		first = rng_below(&rng, PAGES);
		length = 1 + rng_below(&rng, PAGES - first);
		gpa = rng_below(&rng, RAM / K4 - length) * K4;
		switch (rng_below(&rng, 16)) {
		case 0:
			ret = quarantined ? nyx_device_reset(w.unit, DEV) :
					    nyx_device_quarantine(w.unit, DEV);
			ASSERT_EQ(0, finish(&w, ret));
			quarantined = !quarantined;
			break;
		case 1:
			ret = attached ? nyx_device_detach(w.unit, DEV) :
					 nyx_device_attach(w.unit, DEV, domain, 0);
			ASSERT_EQ(0, finish(&w, ret));
			attached = !attached;
			break;
		case 2:
			ret = half ? nyx_memory_remove(w.unit, RAM / 2, RAM / 2) :
				     nyx_memory_add_file(w.unit, RAM / 2, w.memfd, RAM / 2,
							 RAM / 2, 0);
			ASSERT_EQ(0, finish(&w, ret));
			half = !half;
			break;
		case 3:
			ret = finish(&w, nyx_map_remove_all(w.unit, domain, NULL));
			ASSERT_TRUE(!ret || ret == -ENOENT);
			break;
		case 4 ... 8:
			ret = finish(&w, nyx_map_remove(w.unit, domain, BASE + first * K4,
							length * K4, NULL));
			ASSERT_TRUE(!ret || ret == -ENOENT);
			break;
		default:
			ret = finish(&w, nyx_map_add(w.unit, domain, BASE + first * K4, gpa,
						     length * K4,
						     1 + (uint32_t)rng_below(&rng, 3)));
			ASSERT_TRUE(!ret || ret == -EEXIST);
		}
		settle(&w, DEV);
	}
	ASSERT_EQ(0, failures);
	world_close(&w);
}

/* A map that was taken away is gone in the host when the command returns, by itself. */
TEST(threaded_commands_wait_for_the_host)
{
	unsigned long i, n = ktap_iterations(200);
	nyx_domain_t domain;
	struct world w = native_open(0, &domain);

	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, nyx_map_add(w.unit, domain, BASE, 0, BIG, RW));
		settle(&w, DEV);
		ASSERT_EQ(PAGES, nr_pages);
		ASSERT_EQ(0, nyx_map_remove(w.unit, domain, BASE, BIG, NULL));
		ASSERT_EQ(0, __atomic_load_n(&nr_pages, __ATOMIC_SEQ_CST));
	}
	ASSERT_EQ(0, nyx_map_add(w.unit, domain, BASE, 0, BIG, RW));
	settle(&w, DEV);
	ASSERT_EQ(0, nyx_device_quarantine(w.unit, DEV));
	ASSERT_EQ(0, __atomic_load_n(&nr_pages, __ATOMIC_SEQ_CST));
	world_close(&w);
}

TEST(inline_commands_say_that_they_are_not_complete)
{
	nyx_domain_t domain;
	struct world w = native_open(NYX_CHANGES_F_INLINE, &domain);
	uint64_t unmapped = 0;

	ASSERT_EQ(0, nyx_map_add(w.unit, domain, BASE, 0, BIG, RW));
	settle(&w, DEV);
	ASSERT_EQ(-EINPROGRESS, nyx_map_remove(w.unit, domain, BASE, BIG, &unmapped));
	ASSERT_EQ(PAGES, nr_pages);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, nr_pages);
	/* A device that is followed stays. */
	ASSERT_EQ(-EBUSY, nyx_device_remove(w.unit, DEV));
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, nyx_mirror_remove_device(w.mirror, DEV));
	ASSERT_EQ(0, nyx_device_remove(w.unit, DEV));
	world_close(&w);
}

/* Its calls fail in turn: the device is quarantined, and all is well when it is released. */
TEST_EACH(the_host_fails, orders)
{
	nyx_domain_t domain;
	struct world w = native_open(v->flags, &domain);
	struct nyx_mirror_stat stat = NYX_MIRROR_STAT_INIT;
	struct nyx_device_info info;
	unsigned int n;

	for (n = 1; n < 8; n++) {
		int ret = 0;

		calls = 0;
		fail_at = n;
		/* A change of each kind, until the call fails */
		while (!failures) {
			ASSERT_EQ(0, finish(&w, nyx_map_add(w.unit, domain, BASE, 0, K4, RW)));
			ASSERT_EQ(0, nyx_mirror_run(w.mirror));
			ret = finish(&w, nyx_map_remove(w.unit, domain, BASE, K4, NULL));
			ASSERT_EQ(0, ret);
			ASSERT_EQ(0, nyx_mirror_run(w.mirror));
		}
		/* Inside the mirror nobody quarantines any more. */
		ASSERT_EQ(0, nyx_mirror_stat_get(w.mirror, &stat));
		ASSERT_EQ(n, stat.failures);
		ASSERT_EQ(0, nyx_device_get(w.unit, DEV, &info, sizeof(info)));
		ASSERT_EQ(NYX_DEVICE_QUARANTINED, info.state);
		ASSERT_EQ(0, nr_pages);
		failures = 0;
		ret = finish(&w, nyx_map_add(w.unit, domain, BASE + K4, K4, K4, RW));
		ASSERT_EQ(0, ret);
		settle(&w, DEV);
		ASSERT_EQ(0, nr_pages);
		ASSERT_EQ(0, finish(&w, nyx_device_reset(w.unit, DEV)));
		settle(&w, DEV);
		ASSERT_EQ(1, nr_pages);
		ASSERT_EQ(0, finish(&w, nyx_map_remove_all(w.unit, domain, NULL)));
	}
	world_close(&w);
}

TEST(a_shared_domain)
{
	struct world w = { 0 };
	nyx_domain_t domain, same;

	world_open(&w, NULL, NYX_CHANGES_F_INLINE);
	ASSERT_EQ(0, nyx_device_assign(w.unit, DEV, NYX_ISOLATION_SHARED, NULL, &domain));
	ASSERT_EQ(0, nyx_device_assign(w.unit, DEV2, NYX_ISOLATION_SHARED, NULL, &same));
	ASSERT_EQ(domain.id, same.id);
	ASSERT_EQ(0, nyx_map_add(w.unit, domain, BASE, 0, BIG, RW));
	ASSERT_EQ(0, nyx_mirror_add_device(w.mirror, DEV));
	compare(&w, DEV);
	ASSERT_EQ(PAGES, nr_pages);
	calls = 0;
	ASSERT_EQ(0, nyx_mirror_add_device(w.mirror, DEV2));
	ASSERT_EQ(PAGES, nr_pages);
	ASSERT_EQ(0, calls);
	ASSERT_EQ(0, finish(&w, nyx_map_remove(w.unit, domain, BASE, K4, NULL)));
	compare(&w, DEV2);
	/* One of them is quarantined, and the container is theirs. */
	ASSERT_EQ(0, finish(&w, nyx_device_quarantine(w.unit, DEV2)));
	ASSERT_EQ(0, nr_pages);
	ASSERT_EQ(0, nyx_mirror_remove_device(w.mirror, DEV2));
	ASSERT_EQ(PAGES - 1, nr_pages);
	compare(&w, DEV);

	/* By its domain: it is not destroyed meanwhile. */
	ASSERT_EQ(0, nyx_mirror_remove_device(w.mirror, DEV));
	ASSERT_EQ(0, nr_pages);
	ASSERT_EQ(0, nyx_mirror_add_domain(w.mirror, domain));
	ASSERT_EQ(PAGES - 1, nr_pages);
	ASSERT_EQ(0, finish(&w, nyx_device_release(w.unit, DEV2)));
	ASSERT_EQ(PAGES - 1, nr_pages);
	ASSERT_EQ(0, nyx_mirror_remove_domain(w.mirror, domain));
	ASSERT_EQ(0, nr_pages);
	world_close(&w);
}

TEST(the_unit_is_destroyed)
{
	nyx_domain_t domain;
	struct world w = native_open(NYX_CHANGES_F_INLINE, &domain);

	ASSERT_EQ(0, nyx_map_add(w.unit, domain, BASE, 0, BIG, RW));
	settle(&w, DEV);
	ASSERT_EQ(0, nyx_unit_destroy(w.unit));
	ASSERT_EQ(-ENODEV, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, gone);
	ASSERT_EQ(0, nr_pages);
	world_close(&w);
}

/* ---- a guest with tables of its own ------------------------------------------------------ */

enum {
	REG_GCMD = 0x18, REG_GSTS = 0x1c, REG_RTADDR = 0x20, REG_IQT = 0x88, REG_IQA = 0x90,
	AT_ROOT = 0x1000, AT_CONTEXTS = 0x2000, AT_TABLES = 0x3000, AT_STATUS = 0x8000,
	AT_QUEUE = 0x9000,
	SLOTS = 256,
	GUEST_DID = 5,
};

#define GCMD_TE		0x80000000u
#define GCMD_SRTP	0x40000000u
#define GCMD_QIE	0x04000000u

static const nyx_device_t guest_device = { NYX_SBDF(0, 0, 3, 0) };
static unsigned int queue_tail;

static uint64_t *word(uint64_t gpa)
{
	return (uint64_t *)(ram + gpa);
}

/* A register is written; the processor goes on when all that follows is complete. */
static void write_reg(struct world *w, uint32_t offset, uint32_t width, uint64_t value)
{
	struct nyx_mmio access = NYX_MMIO_INIT;

	access.flags = NYX_MMIO_F_WRITE;
	access.offset = offset;
	access.width = width;
	access.value = value;
	ASSERT_EQ(0, nyx_changes_mmio(w->changes, &access));
	if (access.out_pending) {
		ASSERT_TRUE(w->is_inline);
		ASSERT_EQ(0, nyx_mirror_run(w->mirror));
	}
}

static void queue_put(uint64_t low, uint64_t high)
{
	word(AT_QUEUE)[2 * queue_tail] = low;
	word(AT_QUEUE)[2 * queue_tail + 1] = high;
	queue_tail = (queue_tail + 1) % SLOTS;
}

/* Execute the queue up to here, and a wait that stores its status: then all is complete. */
static void queue_run(struct world *w)
{
	*word(AT_STATUS) = 0;
	queue_put(UINT64_C(1) << 32 | 0x25, AT_STATUS);
	write_reg(w, REG_IQT, 4, queue_tail * 16);
	ASSERT_EQ(1, *word(AT_STATUS));
}

static uint64_t *guest_pte(unsigned int index)
{
	return word(AT_TABLES + 3 * K4) + (BASE >> 12 & 511) + index;
}

static void guest_boot(struct world *w)
{
	uint64_t *context = word(AT_CONTEXTS) + 2 * (guest_device.sbdf & 0xff);
	unsigned int level;

	write_reg(w, REG_IQA, 8, AT_QUEUE);
	write_reg(w, REG_GCMD, 4, GCMD_QIE);
	word(AT_ROOT)[0] = AT_CONTEXTS | 1;
	context[0] = AT_TABLES | 1;
	context[1] = GUEST_DID << 8 | 2;
	for (level = 0; level < 3; level++)
		word(AT_TABLES + level * K4)[BASE >> (39 - 9 * level) & 511] =
			(AT_TABLES + (level + 1) * K4) | 3;
	write_reg(w, REG_RTADDR, 8, AT_ROOT);
	write_reg(w, REG_GCMD, 4, GCMD_QIE | GCMD_SRTP);
	queue_put(0x11, 0);
	queue_put(0xd2, 0);
	queue_run(w);
	write_reg(w, REG_GCMD, 4, GCMD_QIE | GCMD_TE);
}

static struct world guest_open(uint32_t flags)
{
	const struct nyx_unit_vtd vtd = { .flags = NYX_VTD_F_CACHING_MODE };
	struct nyx_unit_create_opts opts = NYX_UNIT_CREATE_OPTS_INIT;
	struct world w = { 0 };

	opts.model = NYX_MODEL_VTD;
	opts.data = &vtd;
	opts.data_len = sizeof(vtd);
	queue_tail = 0;
	world_open(&w, &opts, flags);
	ASSERT_EQ(0, nyx_device_add(w.unit, guest_device));
	guest_boot(&w);
	ASSERT_EQ(0, nyx_mirror_add_device(w.mirror, guest_device));
	compare(&w, guest_device);
	return w;
}

/* The table has changed in some pages: invalidate them, by one of the ways that there are. */
static void guest_flush(struct rng *rng, unsigned int first, unsigned int n)
{
	unsigned int lg2 = 0;

	switch (rng_below(rng, 6)) {
	case 0:
		queue_put(0xd2, 0);
		break;
	case 1:
		queue_put(0xe2 | GUEST_DID << 16, 0);
		break;
	default:
		while (first >> lg2 != (first + n - 1) >> lg2)
			lg2++;
		queue_put(0xf2 | GUEST_DID << 16, (BASE + (first >> lg2 << lg2) * K4) | lg2);
	}
}

TEST_EACH(guest_at_random, orders)
{
	unsigned long i, j, n = ktap_iterations(300);
	struct rng rng = rng_start(2);
	struct world w = guest_open(v->flags);
	uint64_t *context = word(AT_CONTEXTS) + 2 * (guest_device.sbdf & 0xff);
	unsigned int first, nr;
	uint64_t gpa;

	for (i = 0; i < n; i++) {
		if (rng_below(&rng, 20) == 0) {
			/* The context comes and goes. */
			context[0] ^= 1;
			queue_put(0x11, 0);
			queue_put(0xd2, 0);
		}
		for (j = rng_below(&rng, 3); j > 0; j--) {
			first = (unsigned int)rng_below(&rng, PAGES);
			nr = 1 + (unsigned int)rng_below(&rng, PAGES - first);
			gpa = (512 + rng_below(&rng, RAM / K4 - 512 - nr)) * K4;
			for (unsigned int p = 0; p < nr; p++)
				*guest_pte(first + p) =
					i % 3 ? (gpa + p * K4) | (1 + i % 3) : 0;
			guest_flush(&rng, first, nr);
		}
		queue_run(&w);
		compare(&w, guest_device);
	}
	ASSERT_EQ(0, failures);
	world_close(&w);
}

/* One system call for the write, one for the acknowledgment, and those of the host. */
TEST(system_calls_of_a_guests_unmap)
{
	struct world w = guest_open(NYX_CHANGES_F_INLINE);
	struct nyx_mirror_stat before = NYX_MIRROR_STAT_INIT, after = NYX_MIRROR_STAT_INIT;
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		*guest_pte(i) = (0x400000 + i * K4) | 3;
	queue_put(0xf2 | GUEST_DID << 16, BASE | 6);
	queue_run(&w);
	ASSERT_EQ(PAGES, nr_pages);
	ASSERT_EQ(0, nyx_mirror_stat_get(w.mirror, &before));
	ASSERT_EQ(1, before.maps);
	for (i = 0; i < PAGES; i++)
		*guest_pte(i) = 0;
	queue_put(0xf2 | GUEST_DID << 16, BASE | 6);
	queue_run(&w);
	ASSERT_EQ(0, nr_pages);
	ASSERT_EQ(0, nyx_mirror_stat_get(w.mirror, &after));
	ASSERT_EQ(before.reads + 1, after.reads);
	ASSERT_EQ(before.unmap_calls + 1, after.unmap_calls);
	ASSERT_EQ(before.changes + 1, after.changes);
	/* An invalidation of what has not changed costs none of them. */
	queue_put(0xd2, 0);
	queue_run(&w);
	ASSERT_EQ(0, nyx_mirror_stat_get(w.mirror, &before));
	ASSERT_LE(before.reads, after.reads + 1);
	ASSERT_EQ(before.unmap_calls, after.unmap_calls);
	world_close(&w);
}

TEST_EACH(the_host_of_a_guest_fails, orders)
{
	struct world w = guest_open(v->flags);
	struct nyx_mirror_stat stat = NYX_MIRROR_STAT_INIT;
	struct nyx_device_info info;

	*guest_pte(3) = 0x400000 | 3;
	queue_put(0xd2, 0);
	queue_run(&w);
	ASSERT_EQ(1, nr_pages);
	calls = 0;
	fail_at = 1;
	*guest_pte(3) = 0;
	queue_put(0xd2, 0);
	/* The guest's invalidation completes: nothing is mapped any more. */
	queue_run(&w);
	ASSERT_EQ(0, nr_pages);
	ASSERT_EQ(0, nyx_mirror_stat_get(w.mirror, &stat));
	ASSERT_EQ(1, stat.failures);
	ASSERT_EQ(0, nyx_device_get(w.unit, guest_device, &info, sizeof(info)));
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, info.state);
	*guest_pte(3) = 0x400000 | 3;
	queue_put(0xd2, 0);
	queue_run(&w);
	ASSERT_EQ(0, nr_pages);
	ASSERT_EQ(0, finish(&w, nyx_device_reset(w.unit, guest_device)));
	settle(&w, guest_device);
	ASSERT_EQ(1, nr_pages);
	world_close(&w);
}
