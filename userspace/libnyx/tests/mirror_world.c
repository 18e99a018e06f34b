// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: a mirror between a unit and a back end that are parts of the program.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "mirror_world.h"

#include <string.h>
#include <sys/mman.h>

struct host host;
char *ram;
bool mirrored[FAKE_DEVICES];
bool blind;
unsigned int told[8];
struct nyx_mirror_event last_event[8];
int answer[8];

static bool have[RANGES];			/* ranges that the mirror has */
static uint32_t failed_target[FAKE_DEVICES];	/* their targets when the mirror failed */

/* ---- the back end ------------------------------------------------------------- */

static uint64_t end_of(const struct nyx_mirror_map *map)
{
	return map->iova + (map->length - 1);
}

/* Index of the first mapping that ends at @iova or behind it. */
static size_t find(uint64_t iova)
{
	size_t low = 0, high = host.nr, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (end_of(&host.map[middle]) < iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int fails(char kind)
{
	if (host.fail_on && kind != host.fail_on)
		return 0;
	host.calls++;
	if (!host.fail_at || host.calls < host.fail_at ||
	    (host.calls > host.fail_at && !host.for_good))
		return 0;
	host.failed = true;
	return host.error;
}

static int host_map(const struct nyx_mirror_backend *b, const struct nyx_mirror_map *map)
{
	size_t at, i;
	int ret;

	ASSERT_EQ(42, b->id);
	ASSERT_NE(0, map->length);
	ASSERT_LE(map->iova, end_of(map));
	ASSERT_EQ(0, (map->iova | map->length | (uintptr_t)map->host) %
		     host.limits.page_size);
	ASSERT_TRUE(map->prot && !(map->prot & ~(uint32_t)RW));
	for (i = 0; i < host.limits.nr_ranges; i++) {
		if (host.range[i].first <= map->iova && end_of(map) <= host.range[i].last)
			break;
	}
	ASSERT_LT(i, host.limits.nr_ranges);
	at = find(map->iova);
	ASSERT_TRUE(at == host.nr || host.map[at].iova > end_of(map));
	ret = fails('m');
	if (ret)
		return ret;
	ASSERT_LT(host.nr, MAPS);
	memmove(&host.map[at + 1], &host.map[at], (host.nr - at) * sizeof(host.map[0]));
	host.map[at] = *map;
	host.nr++;
	host.maps++;
	host.pending++;
	return 0;
}

static int host_unmap(const struct nyx_mirror_backend *b, uint64_t iova, uint64_t length,
		      uint64_t *unmapped)
{
	uint64_t last = iova + (length - 1);
	size_t first = find(iova), n = 0;
	int ret;

	ASSERT_EQ(42, b->id);
	ASSERT_NE(0, length);
	ASSERT_LE(iova, last);
	ret = fails('u');
	if (ret)
		return ret;
	*unmapped = 0;
	if (host.skip_unmap) {
		host.skip_unmap = false;
		return 0;
	}
	for (; first + n < host.nr && host.map[first + n].iova <= last; n++) {
		ASSERT_LE(iova, host.map[first + n].iova);
		ASSERT_LE(end_of(&host.map[first + n]), last);
		*unmapped += host.map[first + n].length;
	}
	memmove(&host.map[first], &host.map[first + n],
		(host.nr - first - n) * sizeof(host.map[0]));
	host.nr -= n;
	host.unmaps++;
	host.pending++;
	if (host.short_unmap)
		*unmapped -= PAGE;
	host.short_unmap = false;
	return 0;
}

static int host_limits(const struct nyx_mirror_backend *b, struct nyx_mirror_limits *limits)
{
	size_t i;

	ASSERT_EQ(42, b->id);
	limits->page_size = host.limits.page_size;
	limits->nr_ranges = host.limits.nr_ranges;
	for (i = 0; i < host.limits.nr_ranges && i < limits->nr; i++)
		limits->ranges[i] = host.range[i];
	limits->more_maps = host.limits.more_maps == UINT64_MAX ? UINT64_MAX :
			    host.limits.more_maps - host.nr;
	return 0;
}

static int host_commit(const struct nyx_mirror_backend *b)
{
	int ret;

	ASSERT_EQ(42, b->id);
	ret = fails('c');
	if (ret)
		return ret;
	host.commits++;
	host.pending = 0;
	return 0;
}

struct nyx_mirror_backend backend = {
	.size = sizeof(backend),
	.id = 42,
	.map = host_map,
	.unmap = host_unmap,
	.limits = host_limits,
	.commit = host_commit,
};

void host_reset(void)
{
	memset(&host, 0, sizeof(host));
	host.limits.page_size = PAGE;
	host.limits.more_maps = UINT64_MAX;
	host.limits.nr_ranges = 1;
	host.range[0] = (struct nyx_mirror_range){ .last = UINT64_MAX };
}

int note_event(struct nyx_mirror *mirror, const struct nyx_mirror_event *event, void *arg)
{
	uint32_t i;

	ASSERT_TRUE(mirror && arg == told);
	ASSERT_EQ(sizeof(*event), event->size);
	ASSERT_LT(event->kind, ARRAY_SIZE(told));
	for (i = 0; event->kind == NYX_MIRROR_FAILED && i < FAKE_DEVICES; i++)
		failed_target[i] = fake.device[i].target;
	told[event->kind]++;
	last_event[event->kind] = *event;
	return answer[event->kind];
}

/* ---- the oracle --------------------------------------------------------------- */

/* Ranges lie in reverse order, so that no two are neighbours in both spaces. */
char *host_of(uint32_t gpa)
{
	uint32_t range = gpa / RANGE_PAGES;

	return ram + ((uint64_t)(RANGES - 1 - range) * RANGE_PAGES + gpa % RANGE_PAGES) * PAGE;
}

static struct fake_page expected(uint32_t page)
{
	struct fake_page all = { .prot = RW }, one;
	bool first = true;
	uint32_t i;

	for (i = 0; i < FAKE_DEVICES; i++) {
		if (!mirrored[i])
			continue;
		/* The mirror has failed: the target is to leave the stream. */
		if (!fake.device[i].target || fake.device[i].target == failed_target[i])
			return (struct fake_page){ 0 };
		one = fake_told(&fake.device[i], page);
		if (!first && one.gpa != all.gpa)
			one.prot = 0;
		all.gpa = one.gpa;
		all.prot &= one.prot;
		first = false;
	}
	if (first || !have[all.gpa / RANGE_PAGES])
		all.prot = 0;
	return all;
}

void compare(void)
{
	uint64_t iova, pages = 0, mapped = 0;
	struct fake_page want;
	uint32_t i;
	size_t at;

	ASSERT_EQ(0, host.pending);
	for (i = 0; i < FAKE_PAGES; i++) {
		want = expected(i);
		iova = BASE + i * PAGE;
		at = find(iova);
		ktap_note("page %u: wanted GPA page %u, prot %u", i, want.gpa, want.prot);
		if (!want.prot) {
			ASSERT_TRUE(at == host.nr || host.map[at].iova > iova);
			continue;
		}
		pages++;
		ASSERT_TRUE(at < host.nr && host.map[at].iova <= iova);
		ASSERT_EQ(want.prot, host.map[at].prot);
		ASSERT_EQ((uint64_t)want.gpa * PAGE,
			  host.map[at].gpa + (iova - host.map[at].iova));
		ASSERT_TRUE(host_of(want.gpa) ==
			    (char *)host.map[at].host + (iova - host.map[at].iova));
	}
	for (at = 0; at < host.nr; at++)
		mapped += host.map[at].length;
	ASSERT_EQ(pages * PAGE, mapped);
}

static void acknowledged(void)
{
	if (!blind)
		compare();
}

/* ---- the world ---------------------------------------------------------------- */

void memory_add(struct nyx_mirror *mirror, uint32_t range)
{
	have[range] = true;
	ASSERT_EQ(0, nyx_mirror_memory_add(mirror, (uint64_t)range * RANGE_PAGES * PAGE,
					   RANGE_PAGES * PAGE, host_of(range * RANGE_PAGES), 0));
}

void memory_remove(struct nyx_mirror *mirror, uint32_t range)
{
	have[range] = false;
	ASSERT_EQ(0, nyx_mirror_memory_remove(mirror, (uint64_t)range * RANGE_PAGES * PAGE,
					      RANGE_PAGES * PAGE));
}

struct nyx_mirror *mirror_open(struct nyx_changes *changes)
{
	struct nyx_mirror_opts opts = NYX_MIRROR_OPTS_INIT;
	struct nyx_mirror *mirror = NULL;

	opts.event = note_event;
	opts.arg = told;
	ASSERT_EQ(0, nyx_mirror_open(changes, &backend, &opts, &mirror));
	return mirror;
}

struct world world_open(uint32_t flags)
{
	struct world w = { 0 };
	uint32_t i;

	host_reset();
	if (!ram)
		ram = mmap(NULL, RAM_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(ram != MAP_FAILED);
	memset(failed_target, 0, sizeof(failed_target));
	w.unit = fake_unit();
	fake.memory_cut = 4 * RANGE_PAGES;
	ASSERT_EQ(0, nyx_changes_open(w.unit, flags, &w.changes));
	w.mirror = mirror_open(w.changes);
	for (i = 0; i < RANGES; i++)
		memory_add(w.mirror, i);
	fake.acknowledged = acknowledged;
	return w;
}

void world_close(struct world *w)
{
	blind = true;
	ASSERT_EQ(0, nyx_mirror_close(w->mirror));
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(0, nyx_changes_close(w->changes));
	nyx_unit_unref(w->unit);
	blind = false;
	memset(mirrored, 0, sizeof(mirrored));
}

void add(struct world *w, unsigned int index)
{
	bool was_blind = blind;
	uint32_t i;

	/* It counts from when the function returns. */
	for (i = 0; i < FAKE_DEVICES; i++)
		blind |= mirrored[i];
	mirrored[index] = true;
	ASSERT_EQ(0, nyx_mirror_add_device(w->mirror, FAKE_DEV(index)));
	blind = was_blind;
	if (!blind)
		compare();
}

/* A world with a device that maps all of its table. */
struct world world_mapped(uint32_t flags)
{
	struct world w = world_open(flags);

	fake_attach(0, 1, 0, RW);
	add(&w, 0);
	return w;
}

struct nyx_mirror_stat stat_of(struct world *w)
{
	struct nyx_mirror_stat stat = NYX_MIRROR_STAT_INIT;

	ASSERT_EQ(0, nyx_mirror_stat_get(w->mirror, &stat));
	return stat;
}

void run(struct world *w)
{
	ASSERT_EQ(0, nyx_mirror_run(w->mirror));
	compare();
}

/* Something changes in the table of a device. */
static void change_pages(struct rng *rng, struct fake_device *dev)
{
	uint32_t first = (uint32_t)rng_below(rng, FAKE_PAGES);
	uint32_t n = 1 + (uint32_t)rng_below(rng, FAKE_PAGES - first);
	uint32_t gpa = (uint32_t)rng_below(rng, RAM_PAGES - n);
	uint32_t prot = (uint32_t)rng_below(rng, 6), i;

	for (i = 0; i < n; i++)
		dev->want[first + i] = (struct fake_page) {
			.prot = prot <= RW ? prot : 0, .gpa = gpa + i,
		};
}

void change_something(struct rng *rng, struct fake_device *dev)
{
	static const uint32_t states[] = {
		NYX_CHANGE_ATTACHED, NYX_CHANGE_ATTACHED, NYX_CHANGE_DETACHED,
		NYX_CHANGE_QUARANTINED, NYX_CHANGE_LATE,
	};

	pthread_mutex_lock(&fake.lock);
	switch (rng_below(rng, 12)) {
	case 0:
		dev->state = states[rng_below(rng, ARRAY_SIZE(states))];
		break;
	case 1:
		dev->domain = 1 + (uint32_t)rng_below(rng, 3);
		break;
	default:
		dev->state = NYX_CHANGE_ATTACHED;
		change_pages(rng, dev);
	}
	fake_changed();
	pthread_mutex_unlock(&fake.lock);
}

void say(uint32_t kind, uint64_t iova, uint64_t last, uint64_t gpa)
{
	fake_say((struct nyx_change) {
		.kind = kind, .target = 1, .prot = kind == NYX_CHANGE_MAP ? RW : 0,
		.iova = iova, .last = last, .gpa = gpa,
	});
}

void set_ranges(uint64_t first, uint64_t last, uint64_t first2, uint64_t last2)
{
	host.limits.nr_ranges = 2;
	host.range[0] = (struct nyx_mirror_range){ .first = first, .last = last };
	host.range[1] = (struct nyx_mirror_range){ .first = first2, .last = last2 };
}
