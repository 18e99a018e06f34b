// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: mirrors, beside a unit and a back end that are parts of the program. They need
 * no module. Failures are in lib_mirror_fail.c.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "mirror_world.h"

/* ---- what is mapped ----------------------------------------------------------- */

TEST(mirrors_a_device)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);
	struct nyx_mirror_stat stat = stat_of(&w);
	uint32_t i;

	ASSERT_EQ(FAKE_PAGES * PAGE, stat.bytes);
	ASSERT_EQ(host.nr, stat.maps);
	ASSERT_EQ(host.maps, stat.map_calls);
	ASSERT_EQ(1, stat.targets);
	ASSERT_EQ(0, stat.max_maps);
	ASSERT_EQ(fake.reads, stat.reads);
	ASSERT_EQ(1, told[NYX_MIRROR_STATE]);
	ASSERT_EQ(NYX_CHANGE_ATTACHED, last_event[NYX_MIRROR_STATE].state);
	ASSERT_EQ(1, last_event[NYX_MIRROR_STATE].domain_id);
	ASSERT_EQ(FAKE_SBDF(0), last_event[NYX_MIRROR_STATE].sbdf);

	for (i = 8; i < 24; i++)
		fake.device[0].want[i].prot = 0;
	run(&w);
	stat = stat_of(&w);
	ASSERT_EQ((FAKE_PAGES - 16) * PAGE, stat.bytes);
	ASSERT_EQ(stat.bytes, stat.mapped_bytes - stat.unmapped_bytes);
	ASSERT_EQ(stat.maps, stat.mapped - stat.unmapped);

	/* Nothing is said again that has not changed. */
	host.maps = 0;
	run(&w);
	ASSERT_EQ(0, host.maps);
	world_close(&w);
}

static const struct {
	const char *name;
	uint32_t state;
} states[] = {
	{ "detached", NYX_CHANGE_DETACHED },
	{ "quarantined", NYX_CHANGE_QUARANTINED },
	{ "full", NYX_CHANGE_FULL },
	{ "late", NYX_CHANGE_LATE },
};

static unsigned long maps_when_told;

static int on_state(struct nyx_mirror *mirror, const struct nyx_mirror_event *event, void *arg)
{
	ASSERT_TRUE(mirror && arg);
	if (event->kind == NYX_MIRROR_STATE)
		maps_when_told = host.nr;
	return 0;
}

TEST_EACH(maps_nothing_when_not_attached, states)
{
	struct nyx_mirror_opts opts = NYX_MIRROR_OPTS_INIT;
	struct world w = world_open(NYX_CHANGES_F_INLINE);
	uint32_t i;

	nyx_mirror_close(w.mirror);
	opts.event = on_state;
	opts.arg = told;
	ASSERT_EQ(0, nyx_mirror_open(w.changes, &backend, &opts, &w.mirror));
	for (i = 0; i < RANGES; i++)
		memory_add(w.mirror, i);
	fake_attach(0, 1, 0, RW);
	add(&w, 0);
	ASSERT_NE(0, host.nr);

	/* The caller hears of it when nothing is mapped any more. */
	maps_when_told = 1;
	fake.device[0].state = v->state;
	run(&w);
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(0, maps_when_told);

	/* Also if the stream should tell the state only. */
	fake.device[0].state = NYX_CHANGE_ATTACHED;
	run(&w);
	ASSERT_NE(0, host.nr);
	blind = true;
	fake.device[0].state = v->state;
	fake.device[0].nr_maps = 0;
	run(&w);
	world_close(&w);
}

TEST(random_changes)
{
	unsigned long i, n = ktap_iterations(4000);
	struct rng rng = rng_start(1);
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);

	fake.rng = rng;
	for (i = 0; i < n; i++) {
		change_something(&rng, &fake.device[0]);
		if (rng_below(&rng, 3))
			ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	}
	ASSERT_EQ(0, stat_of(&w).failures);
	ASSERT_EQ(0, stat_of(&w).refused);
	ASSERT_EQ(0, told[NYX_MIRROR_FAILED]);
	world_close(&w);
}

/* No piece is half gone: an unmapping takes all pieces of a map. */
TEST(a_map_of_many_ranges)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);

	fake.script = true;
	add(&w, 0);
	blind = true;
	fake_say((struct nyx_change) {
		.kind = NYX_CHANGE_MAP, .target = 1, .prot = RW, .iova = BASE,
		.last = BASE + 3 * RANGE_PAGES * PAGE - 1, .gpa = 8 * PAGE,
	});
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(4, host.nr);
	ASSERT_EQ(8 * PAGE, host.map[0].length);
	ASSERT_EQ(RANGE_PAGES * PAGE, host.map[1].length);
	ASSERT_EQ(8 * PAGE, host.map[3].length);
	ASSERT_TRUE(host.map[3].host == host_of(3 * RANGE_PAGES));
	fake_say((struct nyx_change) {
		.kind = NYX_CHANGE_UNMAP, .target = 1, .iova = BASE,
		.last = BASE + 3 * RANGE_PAGES * PAGE - 1,
	});
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(1, host.unmaps);
	world_close(&w);
}

TEST(unmaps_neighbours_in_one_call)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);
	uint32_t i;

	fake.script = true;
	add(&w, 0);
	blind = true;
	/* Every second page, from the last one on, and one that stays */
	for (i = 0; i < 32; i++)
		say(NYX_CHANGE_MAP, BASE + 2 * i * PAGE, BASE + (2 * i + 1) * PAGE - 1, i * PAGE);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(32, host.nr);
	for (i = 32; i-- > 0;) {
		if (i != 9)
			say(NYX_CHANGE_UNMAP, BASE + 2 * i * PAGE,
			    BASE + (2 * i + 1) * PAGE - 1, 0);
	}
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, host.nr);
	ASSERT_EQ(BASE + 18 * PAGE, host.map[0].iova);
	ASSERT_EQ(2, host.unmaps);

	/* A page that is unmapped and mapped again in between is there. */
	say(NYX_CHANGE_UNMAP, BASE + 18 * PAGE, BASE + 19 * PAGE - 1, 0);
	say(NYX_CHANGE_MAP, BASE + 18 * PAGE, BASE + 19 * PAGE - 1, 5 * PAGE);
	say(NYX_CHANGE_MAP, BASE, BASE + PAGE - 1, 6 * PAGE);
	say(NYX_CHANGE_UNMAP, BASE, BASE + PAGE - 1, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, host.nr);
	ASSERT_EQ(5 * PAGE, host.map[0].gpa);
	world_close(&w);
}

TEST(a_million_pages)
{
	unsigned long i, n = ktap_iterations(1000000);
	struct world w = world_open(NYX_CHANGES_F_INLINE);
	struct nyx_mirror_stat stat;

	fake.script = true;
	add(&w, 0);
	blind = true;
	for (i = 0; i < n; i++) {
		uint64_t iova = i * 0x9e3779b97f4a7c15ull >> 16 & ~(PAGE - 1);

		say(NYX_CHANGE_MAP, iova, iova + PAGE - 1, i % RAM_PAGES * PAGE);
		say(NYX_CHANGE_UNMAP, iova, iova + PAGE - 1, 0);
		if (i % 50 == 0)
			ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	}
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	stat = stat_of(&w);
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(n, stat.mapped);
	ASSERT_EQ(n, stat.unmapped);
	ASSERT_EQ(n, host.unmaps);
	world_close(&w);
}

/* The whole space in single pages, up and down */
TEST(as_many_maps_as_vfio_takes)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);
	uint64_t i, n = MAPS;

	host.limits.more_maps = n;
	fake.script = true;
	add(&w, 0);
	blind = true;
	ASSERT_EQ(n, fake.device[0].max_maps);
	for (i = 0; i < n; i++) {
		uint64_t iova = (i % 2 ? i : n - i) * 2 * PAGE;

		say(NYX_CHANGE_MAP, iova, iova + PAGE - 1, 0);
		if (i % 64 == 0)
			ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	}
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(n, host.nr);
	ASSERT_EQ(1, told[NYX_MIRROR_NEAR_LIMIT]);
	say(NYX_CHANGE_UNMAP, 0, UINT64_MAX, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(1, host.unmaps);
	world_close(&w);
}

TEST(the_ends_of_the_space)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);
	uint64_t top = UINT64_MAX - (PAGE - 1);

	fake.script = true;
	add(&w, 0);
	blind = true;
	say(NYX_CHANGE_MAP, top, UINT64_MAX, 0);
	say(NYX_CHANGE_MAP, 0, PAGE - 1, PAGE);
	say(NYX_CHANGE_MAP, UINT64_C(1) << 63, (UINT64_C(1) << 63) + PAGE - 1, PAGE);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(3, host.nr);
	/* A length of all addresses does not fit. */
	say(NYX_CHANGE_UNMAP, 0, UINT64_MAX, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, host.nr);

	say(NYX_CHANGE_MAP, top, UINT64_MAX, 0);
	say(NYX_CHANGE_MAP, 0, PAGE - 1, PAGE);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(2, host.nr);
	say(NYX_CHANGE_UNMAP, top, UINT64_MAX, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, host.nr);
	say(NYX_CHANGE_MAP, top, UINT64_MAX, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(2, host.nr);
	ASSERT_EQ(0, told[NYX_MIRROR_FAILED]);
	/* Closing empties it, likewise. */
	world_close(&w);
}

static const struct {
	const char *name;
	struct nyx_change change;
} bad_changes[] = {
	{ "map_backwards", { NYX_CHANGE_MAP, 1, RW, 0, 0, 0, BASE + PAGE, BASE, 0 } },
	{ "map_no_prot", { NYX_CHANGE_MAP, 1, 0, 0, 0, 0, BASE + PAGE, BASE + 2 * PAGE - 1, 0 } },
	{ "map_odd_prot", { NYX_CHANGE_MAP, 1, 7, 0, 0, 0, BASE + PAGE, BASE + 2 * PAGE - 1, 0 } },
	{ "map_gpa_wraps", { NYX_CHANGE_MAP, 1, RW, 0, 0, 0, BASE + PAGE, BASE + 2 * PAGE - 1,
			     UINT64_MAX - 1 } },
	{ "map_twice", { NYX_CHANGE_MAP, 1, RW, 0, 0, 0, BASE, BASE + 9 * PAGE - 1, 0 } },
	{ "map_inside", { NYX_CHANGE_MAP, 1, RW, 0, 0, 0, BASE + 4 * PAGE, BASE + 5 * PAGE - 1, 0 } },
	{ "unmap_backwards", { NYX_CHANGE_UNMAP, 1, 0, 0, 0, 0, BASE + PAGE, BASE, 0 } },
	{ "unmap_cuts_first", { NYX_CHANGE_UNMAP, 1, 0, 0, 0, 0, BASE + PAGE, UINT64_MAX, 0 } },
	{ "unmap_cuts_last", { NYX_CHANGE_UNMAP, 1, 0, 0, 0, 0, 0, BASE + PAGE - 1, 0 } },
	{ "unmap_inside", { NYX_CHANGE_UNMAP, 1, 0, 0, 0, 0, BASE + PAGE, BASE + 2 * PAGE - 1, 0 } },
	{ "unknown", { 77, 1, 0, 0, 0, 0, BASE, BASE, 0 } },
};

TEST_EACH(trusts_no_stream, bad_changes)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);

	fake.script = true;
	add(&w, 0);
	blind = true;
	say(NYX_CHANGE_MAP, BASE, BASE + 8 * PAGE - 1, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, host.nr);
	fake_say(v->change);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(1, told[NYX_MIRROR_FAILED]);
	ASSERT_EQ(NYX_MIRROR_WHY_PROTOCOL, last_event[NYX_MIRROR_FAILED].why);
	ASSERT_EQ(1, fake.device[0].quarantines);
	world_close(&w);
}

/* ---- several devices ---------------------------------------------------------- */

TEST(a_shared_container_has_what_all_map)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);
	unsigned long unmaps = host.unmaps;
	uint32_t i;

	/* The same domain: nothing of the first one is disturbed. */
	fake.whole = true;
	fake_attach(1, 1, 0, RW);
	add(&w, 1);
	ASSERT_EQ(unmaps, host.unmaps);
	ASSERT_EQ(FAKE_PAGES * PAGE, stat_of(&w).bytes);

	/* Fewer permissions, and other memory */
	for (i = 0; i < 8; i++)
		fake.device[1].want[i].prot = NYX_PROT_READ;
	for (i = 8; i < 16; i++)
		fake.device[1].want[i].gpa += 64;
	for (i = 16; i < 24; i++) {
		fake.device[0].want[i].prot = NYX_PROT_READ;
		fake.device[1].want[i].prot = NYX_PROT_WRITE;
	}
	run(&w);
	ASSERT_EQ((FAKE_PAGES - 16) * PAGE, stat_of(&w).bytes);

	/* One that is detached maps nothing. */
	fake.device[1].state = NYX_CHANGE_DETACHED;
	run(&w);
	ASSERT_EQ(0, host.nr);
	/* Without it, the other one has all of its own again. */
	mirrored[1] = false;
	ASSERT_EQ(0, nyx_mirror_remove_device(w.mirror, FAKE_DEV(1)));
	compare();
	ASSERT_EQ(FAKE_PAGES * PAGE, stat_of(&w).bytes);
	ASSERT_EQ(-ENOENT, nyx_mirror_remove_device(w.mirror, FAKE_DEV(1)));
	ASSERT_EQ(NYX_REASON_NO_SUCH_TARGET, nyx_last_reason(-ENOENT));
	world_close(&w);
}

TEST(a_second_device_narrows_what_is_mapped)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);
	uint32_t i;

	fake_attach(1, 1, 0, RW);
	for (i = 0; i < FAKE_PAGES; i += 3)
		fake.device[1].want[i].prot = i % 2 ? NYX_PROT_READ : 0;
	add(&w, 1);
	ASSERT_NE(FAKE_PAGES * PAGE, stat_of(&w).bytes);
	ASSERT_EQ(-EEXIST, nyx_mirror_add_device(w.mirror, FAKE_DEV(1)));
	ASSERT_EQ(2, stat_of(&w).targets);
	mirrored[1] = false;
	ASSERT_EQ(0, nyx_mirror_remove_device(w.mirror, FAKE_DEV(1)));
	compare();
	ASSERT_EQ(FAKE_PAGES * PAGE, stat_of(&w).bytes);
	mirrored[0] = false;
	ASSERT_EQ(0, nyx_mirror_remove_device(w.mirror, FAKE_DEV(0)));
	compare();
	ASSERT_EQ(0, host.nr);
	world_close(&w);
}

TEST(random_changes_of_several_devices)
{
	unsigned long i, n = ktap_iterations(3000);
	struct rng rng = rng_start(2);
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);
	uint32_t index;

	fake.rng = rng;
	for (i = 0; i < n; i++) {
		index = (uint32_t)rng_below(&rng, 3);
		if (rng_below(&rng, 40) == 0) {
			if (mirrored[index]) {
				mirrored[index] = false;
				ASSERT_EQ(0, nyx_mirror_remove_device(w.mirror, FAKE_DEV(index)));
			} else {
				add(&w, index);
			}
			compare();
			continue;
		}
		/* Mostly the same for all */
		change_something(&rng, &fake.device[index]);
		if (rng_below(&rng, 2)) {
			fake.device[(index + 1) % 3].state = fake.device[index].state;
			memcpy(fake.device[(index + 1) % 3].want, fake.device[index].want,
			       sizeof(fake.device[index].want));
		}
		if (rng_below(&rng, 3))
			ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	}
	ASSERT_EQ(0, stat_of(&w).failures);
	world_close(&w);
}

TEST(several_mirrors_of_one_stream)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);
	struct nyx_mirror *other;
	size_t nr = host.nr;
	uint64_t bytes;
	uint32_t i;

	blind = true;
	other = mirror_open(w.changes);
	for (i = 0; i < RANGES; i++)
		ASSERT_EQ(0, nyx_mirror_memory_add(other, (uint64_t)i * RANGE_PAGES * PAGE,
						   RANGE_PAGES * PAGE,
						   host_of(i * RANGE_PAGES), 0));
	/* The same back end is in both, so the IOVAs differ. */
	fake.device[1].base = 2 * BASE;
	fake_attach(1, 2, 0, RW);
	ASSERT_EQ(0, nyx_mirror_add_device(other, FAKE_DEV(1)));
	bytes = 0;
	for (i = 0; i < host.nr; i++)
		bytes += host.map[i].length;
	ASSERT_EQ(2 * FAKE_PAGES * PAGE, bytes);
	ASSERT_EQ(-EBUSY, nyx_changes_close(w.changes));

	/* Either one runs both. */
	fake.device[0].state = NYX_CHANGE_DETACHED;
	fake.device[1].state = NYX_CHANGE_DETACHED;
	ASSERT_EQ(0, nyx_mirror_run(other));
	ASSERT_EQ(0, host.nr);
	fake.device[0].state = NYX_CHANGE_ATTACHED;
	ASSERT_EQ(0, nyx_mirror_run(other));
	ASSERT_NE(0, nr);
	ASSERT_NE(0, host.nr);
	ASSERT_EQ(0, nyx_mirror_close(other));
	ASSERT_NE(0, host.nr);
	world_close(&w);
}

/* ---- memory ------------------------------------------------------------------- */

TEST(memory_comes_and_goes)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);
	uint64_t size = RANGE_PAGES * PAGE;

	/* Hot-remove unmaps first, before the unit knows. */
	memory_remove(w.mirror, 1);
	compare();
	ASSERT_EQ((FAKE_PAGES - RANGE_PAGES) * PAGE, stat_of(&w).bytes);
	ASSERT_EQ(0, told[NYX_MIRROR_REFUSED]);
	memory_add(w.mirror, 1);
	compare();
	ASSERT_EQ(FAKE_PAGES * PAGE, stat_of(&w).bytes);

	ASSERT_EQ(-EEXIST, nyx_mirror_memory_add(w.mirror, size / 2, size, ram, 0));
	ASSERT_EQ(-EEXIST, nyx_mirror_memory_add(w.mirror, 0, size * RANGES * 2, ram, 0));
	ASSERT_EQ(-EINVAL, nyx_mirror_memory_add(w.mirror, size * RANGES, 0, ram, 0));
	ASSERT_EQ(-EINVAL, nyx_mirror_memory_add(w.mirror, size * RANGES, PAGE, ram + 1, 0));
	ASSERT_EQ(-EINVAL, nyx_mirror_memory_add(w.mirror, size * RANGES + 1, PAGE, ram, 0));
	ASSERT_EQ(-EINVAL, nyx_mirror_memory_add(w.mirror, size * RANGES, PAGE, ram,
						 NYX_MEMORY_F_PINNED));
	ASSERT_EQ(-EOVERFLOW, nyx_mirror_memory_add(w.mirror, UINT64_MAX - PAGE + 1, 2 * PAGE,
						    ram, 0));
	ASSERT_EQ(-ENOENT, nyx_mirror_memory_remove(w.mirror, 0, PAGE));
	ASSERT_EQ(-ENOENT, nyx_mirror_memory_remove(w.mirror, PAGE, size));
	ASSERT_EQ(-ENOENT, nyx_mirror_memory_remove(w.mirror, 0, 0));
	compare();
	world_close(&w);
}

TEST(a_map_without_memory_is_refused_as_a_whole)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);
	struct nyx_mirror_event *event = &last_event[NYX_MIRROR_REFUSED];

	memory_remove(w.mirror, 1);
	fake.script = true;
	add(&w, 0);
	blind = true;
	say(NYX_CHANGE_MAP, BASE, BASE + 2 * RANGE_PAGES * PAGE - 1, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(0, host.maps);
	ASSERT_EQ(1, told[NYX_MIRROR_REFUSED]);
	ASSERT_EQ(NYX_MIRROR_WHY_MEMORY, event->why);
	ASSERT_EQ(BASE, event->iova);
	ASSERT_EQ(BASE + 2 * RANGE_PAGES * PAGE - 1, event->last);
	ASSERT_EQ(FAKE_SBDF(0), event->sbdf);
	ASSERT_EQ(RW, event->prot);
	/* With the memory it is there. */
	memory_add(w.mirror, 1);
	ASSERT_EQ(2, host.nr);
	ASSERT_EQ(1, stat_of(&w).refused);
	ASSERT_EQ(0, stat_of(&w).failures);
	world_close(&w);
}

TEST(read_only_memory)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);

	ASSERT_EQ(0, nyx_mirror_memory_add(w.mirror, UINT64_C(1) << 40, PAGE, ram,
					   NYX_MEMORY_F_READONLY));
	fake.script = true;
	add(&w, 0);
	blind = true;
	say(NYX_CHANGE_MAP, BASE, BASE + PAGE - 1, UINT64_C(1) << 40);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, host.nr);
	ASSERT_EQ(NYX_PROT_READ, host.map[0].prot);
	say(NYX_CHANGE_UNMAP, BASE, BASE + PAGE - 1, 0);
	fake_say((struct nyx_change) {
		.kind = NYX_CHANGE_MAP, .target = 1, .prot = NYX_PROT_WRITE, .iova = BASE,
		.last = BASE + PAGE - 1, .gpa = UINT64_C(1) << 40,
	});
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(NYX_MIRROR_WHY_MEMORY, last_event[NYX_MIRROR_REFUSED].why);
	world_close(&w);
}

/* ---- what was written --------------------------------------------------------- */

/* Pages that the device has written, by IOVA from BASE on, and what the back end is asked. */
static uint64_t written;
static bool written_on;
static int written_error;
static unsigned int written_reads;

static int tell_written(const struct nyx_mirror_backend *b, uint32_t op, uint64_t iova,
			uint64_t length, uint64_t *bitmap)
{
	uint64_t mask;

	(void)b;
	if (written_error)
		return written_error;
	if (op != NYX_MIRROR_DIRTY_READ) {
		ASSERT_EQ(op == NYX_MIRROR_DIRTY_STOP, written_on);
		written_on = op == NYX_MIRROR_DIRTY_START;
		return 0;
	}
	ASSERT_TRUE(written_on);
	ASSERT_TRUE(iova >= BASE && length < 64 * PAGE);
	/* A whole mapping, and a bitmap of zeros. */
	ASSERT_EQ(0, *bitmap);
	mask = ((UINT64_C(1) << length / PAGE) - 1) << (iova - BASE) / PAGE;
	*bitmap = (written & mask) >> (iova - BASE) / PAGE;
	written &= ~mask;
	written_reads++;
	return 0;
}

/* Pages 0 to 3 of a device are pages 5 to 8 of the memory, page 9 is page 20, read-only. */
static struct world written_world(bool tells)
{
	struct world w;

	written = 0;
	written_on = false;
	written_error = 0;
	written_reads = 0;
	backend.dirty = tells ? tell_written : NULL;
	w = world_open(NYX_CHANGES_F_INLINE);
	fake.script = true;
	add(&w, 0);
	blind = true;
	say(NYX_CHANGE_MAP, BASE, BASE + 4 * PAGE - 1, 5 * PAGE);
	fake_say((struct nyx_change) {
		.kind = NYX_CHANGE_MAP, .target = 1, .prot = NYX_PROT_READ,
		.iova = BASE + 9 * PAGE, .last = BASE + 10 * PAGE - 1, .gpa = 20 * PAGE,
	});
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(2, host.nr);
	return w;
}

/* The pages of a part of the memory that are dirty, behind a bit of another source. */
static uint64_t read_dirty(struct world *w, uint64_t first, uint64_t nr)
{
	uint64_t bitmap[2] = { UINT64_C(1) << 63, 0 };

	ASSERT_LE(nr, 63);
	ASSERT_EQ(0, nyx_mirror_dirty_read(w->mirror, first * PAGE, nr * PAGE, bitmap));
	ASSERT_EQ(0, bitmap[1]);
	ASSERT_EQ(1, bitmap[0] >> 63);
	return bitmap[0] & ~(UINT64_C(1) << 63);
}

TEST(dirty_pages)
{
	struct world w = written_world(true);
	uint64_t bitmap = 0;

	ASSERT_EQ(-EINVAL, nyx_mirror_dirty_read(w.mirror, 0, PAGE, &bitmap));
	ASSERT_EQ(-EINVAL, nyx_mirror_dirty_stop(w.mirror));
	ASSERT_EQ(0, nyx_mirror_dirty_start(w.mirror));
	ASSERT_EQ(-EBUSY, nyx_mirror_dirty_start(w.mirror));
	ASSERT_TRUE(written_on);
	ASSERT_EQ(-EINVAL, nyx_mirror_dirty_read(w.mirror, 1, PAGE, &bitmap));
	ASSERT_EQ(-EINVAL, nyx_mirror_dirty_read(w.mirror, 0, 1, &bitmap));
	ASSERT_EQ(-EINVAL, nyx_mirror_dirty_read(w.mirror, 0, 0, &bitmap));
	ASSERT_EQ(-EOVERFLOW, nyx_mirror_dirty_read(w.mirror, -PAGE, 2 * PAGE, &bitmap));
	ASSERT_EQ(0, read_dirty(&w, 0, 60));
	/* By GPA, each once, and those of a part: the others stay. */
	written = 1 | 4 | 8;
	ASSERT_EQ(5, read_dirty(&w, 5, 3));
	written = 0;
	ASSERT_EQ(1 << 8, read_dirty(&w, 0, 60));
	ASSERT_EQ(0, read_dirty(&w, 0, 60));
	/* Memory that is not asked about is not looked at. */
	written_reads = 0;
	ASSERT_EQ(0, read_dirty(&w, 9, 40));
	ASSERT_EQ(0, written_reads);
	ASSERT_EQ(0, nyx_mirror_dirty_stop(w.mirror));
	ASSERT_TRUE(!written_on);
	ASSERT_EQ(-EINVAL, nyx_mirror_dirty_stop(w.mirror));
	/* A new start knows nothing of before. */
	ASSERT_EQ(0, nyx_mirror_dirty_start(w.mirror));
	ASSERT_EQ(0, read_dirty(&w, 0, 60));
	world_close(&w);
	ASSERT_TRUE(written_on);
	backend.dirty = NULL;
}

/* An unmapping makes all of a mapping dirty that the device might write, once. */
TEST(dirty_when_unmapped)
{
	struct world w = written_world(true);

	ASSERT_EQ(0, nyx_mirror_dirty_start(w.mirror));
	say(NYX_CHANGE_UNMAP, BASE, BASE + 4 * PAGE - 1, 0);
	say(NYX_CHANGE_UNMAP, BASE + 9 * PAGE, BASE + 10 * PAGE - 1, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, host.nr);
	/* It is not asked any more: the answer would come too early. */
	ASSERT_EQ(0, written_reads);
	ASSERT_EQ(0xf << 5, read_dirty(&w, 0, 60));
	ASSERT_EQ(0, read_dirty(&w, 0, 60));
	world_close(&w);
	backend.dirty = NULL;
}

/* A back end that cannot tell, or not now. */
TEST(dirty_if_nothing_is_told)
{
	struct world w = written_world(false);

	ASSERT_EQ(0, nyx_mirror_dirty_start(w.mirror));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0xf << 5, read_dirty(&w, 0, 60));
	ASSERT_EQ(0, nyx_mirror_dirty_stop(w.mirror));
	world_close(&w);

	w = written_world(true);
	written_error = -ENOTTY;
	ASSERT_EQ(0, nyx_mirror_dirty_start(w.mirror));
	written_error = 0;
	ASSERT_EQ(0xf << 5, read_dirty(&w, 0, 60));
	ASSERT_EQ(0, written_reads);
	ASSERT_EQ(0, nyx_mirror_dirty_stop(w.mirror));
	ASSERT_EQ(0, nyx_mirror_dirty_start(w.mirror));
	written_error = -EIO;
	ASSERT_EQ(0xf << 5, read_dirty(&w, 0, 60));
	written_error = 0;
	ASSERT_EQ(0, read_dirty(&w, 0, 60));
	world_close(&w);
	backend.dirty = NULL;
}

TEST(dirty_memory_comes_and_goes)
{
	struct world w = written_world(true);

	ASSERT_EQ(0, nyx_mirror_dirty_start(w.mirror));
	written = 3;
	ASSERT_EQ(3 << 5, read_dirty(&w, 0, 60));
	/* The bits of a range go with it. */
	memory_remove(w.mirror, 0);
	ASSERT_EQ(1, host.nr);
	memory_add(w.mirror, 0);
	ASSERT_EQ(2, host.nr);
	ASSERT_EQ(0, read_dirty(&w, 0, 60));
	written = 2;
	ASSERT_EQ(2 << 5, read_dirty(&w, 0, 60));
	world_close(&w);
	backend.dirty = NULL;
}

/* ---- order -------------------------------------------------------------------- */

static void must_be_empty(void)
{
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(0, host.pending);
}

TEST(empties_before_nobody_waits)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);

	fake.removing = must_be_empty;
	ASSERT_NE(0, host.nr);
	mirrored[0] = false;
	ASSERT_EQ(0, nyx_mirror_remove_device(w.mirror, FAKE_DEV(0)));
	add(&w, 0);
	ASSERT_NE(0, host.nr);
	world_close(&w);
}

static void unmap_a_page(void)
{
	fake.device[0].want[5].prot = 0;
}

TEST(a_register_write)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);
	struct nyx_mmio access = NYX_MMIO_INIT;
	uint64_t reads = fake.reads;

	access.flags = NYX_MMIO_F_WRITE;
	access.width = 4;
	fake.mmio = NULL;
	ASSERT_EQ(0, nyx_changes_mmio(w.changes, &access));
	ASSERT_EQ(0, access.out_pending);
	fake.mmio = unmap_a_page;
	ASSERT_EQ(0, nyx_changes_mmio(w.changes, &access));
	ASSERT_EQ(1, access.out_pending);
	ASSERT_EQ(reads, fake.reads);
	run(&w);
	world_close(&w);
}

static struct world *racing;
static pthread_t racer;

static void *run_mirror(void *arg)
{
	(void)arg;
	ASSERT_EQ(0, nyx_mirror_run(racing->mirror));
	return NULL;
}

/* Another thread reads a record of the target, before its number is known. */
static void read_meanwhile(void)
{
	uint64_t reads;
	bool done = false;

	pthread_mutex_lock(&fake.lock);
	reads = fake.reads;
	pthread_mutex_unlock(&fake.lock);
	ASSERT_EQ(0, pthread_create(&racer, NULL, run_mirror, NULL));
	while (!done) {
		pthread_mutex_lock(&fake.lock);
		done = fake.reads > reads;
		pthread_mutex_unlock(&fake.lock);
		sched_yield();
	}
}

TEST(a_record_comes_before_its_target)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);

	racing = &w;
	fake.adding = read_meanwhile;
	fake_attach(0, 1, 0, RW);
	add(&w, 0);
	ASSERT_EQ(0, pthread_join(racer, NULL));
	compare();
	ASSERT_EQ(FAKE_PAGES * PAGE, stat_of(&w).bytes);
	world_close(&w);
}

static int calls_back(struct nyx_mirror *mirror, const struct nyx_mirror_event *event, void *arg)
{
	struct nyx_mirror_stat stat = NYX_MIRROR_STAT_INIT;

	ASSERT_TRUE(event && arg);
	ASSERT_EQ(-EDEADLK, nyx_mirror_run(mirror));
	ASSERT_EQ(-EDEADLK, nyx_mirror_close(mirror));
	ASSERT_EQ(-EDEADLK, nyx_mirror_stat_get(mirror, &stat));
	ASSERT_EQ(-EDEADLK, nyx_mirror_memory_remove(mirror, 0, PAGE));
	ASSERT_EQ(-EDEADLK, nyx_mirror_add_device(mirror, FAKE_DEV(1)));
	told[event->kind]++;
	return 0;
}

TEST(functions_refuse_to_be_called_back)
{
	struct nyx_mirror_opts opts = NYX_MIRROR_OPTS_INIT;
	struct world w = world_open(NYX_CHANGES_F_INLINE);

	ASSERT_EQ(0, nyx_mirror_close(w.mirror));
	opts.event = calls_back;
	opts.arg = told;
	ASSERT_EQ(0, nyx_mirror_open(w.changes, &backend, &opts, &w.mirror));
	ASSERT_EQ(0, nyx_mirror_add_device(w.mirror, FAKE_DEV(0)));
	ASSERT_EQ(1, told[NYX_MIRROR_STATE]);
	world_close(&w);
}

/* ---- threads ------------------------------------------------------------------ */

TEST(a_thread_mirrors)
{
	unsigned long i, n = ktap_iterations(2000);
	struct rng rng = rng_start(3);
	struct world w = world_open(0);

	ASSERT_EQ(0, nyx_changes_start(w.changes, NULL, NULL));
	fake_attach(0, 1, 0, RW);
	add(&w, 0);
	for (i = 0; i < n; i++) {
		change_something(&rng, &fake.device[0]);
		if (rng_below(&rng, 2))
			continue;
		/* A command that waits */
		pthread_mutex_lock(&fake.lock);
		fake_wait();
		compare();
		pthread_mutex_unlock(&fake.lock);
	}
	ASSERT_EQ(0, nyx_changes_stop(w.changes));
	ASSERT_EQ(0, stat_of(&w).failures);
	world_close(&w);
}

TEST(a_thread_fails)
{
	struct world w = world_open(0);
	bool done = false;

	ASSERT_EQ(0, nyx_changes_start(w.changes, NULL, NULL));
	fake_attach(0, 1, 0, RW);
	add(&w, 0);
	pthread_mutex_lock(&fake.lock);
	host.fail_on = 'u';
	host.error = -EIO;
	host.calls = 0;
	host.fail_at = 1;
	fake.device[0].want[5].prot = 0;
	fake_changed();
	fake_wait();
	pthread_mutex_unlock(&fake.lock);
	/* Another thread quarantines: it would wait for the reader. */
	while (!done) {
		pthread_mutex_lock(&fake.lock);
		done = fake.device[0].quarantines && fake.device[0].target;
		pthread_mutex_unlock(&fake.lock);
		sched_yield();
	}
	ASSERT_EQ(1, stat_of(&w).failures);
	ASSERT_EQ(1, told[NYX_MIRROR_FAILED]);
	pthread_mutex_lock(&fake.lock);
	fake_wait();
	compare();
	pthread_mutex_unlock(&fake.lock);
	fake_attach(0, 1, 0, RW);
	pthread_mutex_lock(&fake.lock);
	fake_wait();
	compare();
	ASSERT_NE(0, host.nr);
	pthread_mutex_unlock(&fake.lock);
	ASSERT_EQ(0, nyx_changes_stop(w.changes));
	world_close(&w);
}
