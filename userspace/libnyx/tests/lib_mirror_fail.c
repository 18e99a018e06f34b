// SPDX-License-Identifier: GPL-2.0-only
/*
 * libnyx tests: mirrors: limits, failures, arguments. They need no module.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <errno.h>
#include <string.h>

#include "mirror_world.h"

/* ---- limits ------------------------------------------------------------------- */

TEST(conflicts_are_named)
{
	const struct nyx_mirror_range reserved[] = {
		{ 0x8000000000, 0xffffffffffff }, { 0x1000, 0x1fff },
	};
	struct nyx_mirror_opts opts = NYX_MIRROR_OPTS_INIT;
	struct world w = world_open(NYX_CHANGES_F_INLINE);
	struct nyx_mirror_range conflict[4];
	struct nyx_mirror *mirror;
	size_t nr = 99;

	ASSERT_EQ(0, nyx_mirror_check(w.mirror, conflict, 4, &nr));
	ASSERT_EQ(0, nr);

	/* As on a host with 39 bits, a hole for messages, and a reserved page */
	set_ranges(0x2000, 0xfedfffff, 0xfef00000, 0x7fffffffff);
	ASSERT_EQ(-ERANGE, nyx_mirror_check(w.mirror, conflict, 4, &nr));
	ASSERT_EQ(2, nr);
	ASSERT_EQ(0, conflict[0].first);
	ASSERT_EQ(0x1fff, conflict[0].last);
	ASSERT_EQ(0x8000000000, conflict[1].first);
	ASSERT_EQ(0xffffffffffff, conflict[1].last);
	ASSERT_EQ(-ERANGE, nyx_mirror_check(w.mirror, conflict, 1, &nr));
	ASSERT_EQ(2, nr);
	ASSERT_EQ(-ERANGE, nyx_mirror_check(w.mirror, NULL, 0, &nr));
	ASSERT_EQ(-ERANGE, nyx_mirror_add_device(w.mirror, FAKE_DEV(0)));
	ASSERT_EQ(0, stat_of(&w).targets);

	/* The guest was told of them, but for a page; ranges come in any order. */
	opts.reserved = reserved;
	opts.nr_reserved = ARRAY_SIZE(reserved);
	ASSERT_EQ(0, nyx_mirror_open(w.changes, &backend, &opts, &mirror));
	ASSERT_EQ(-ERANGE, nyx_mirror_check(mirror, conflict, 4, &nr));
	ASSERT_EQ(1, nr);
	ASSERT_EQ(0, conflict[0].first);
	ASSERT_EQ(0xfff, conflict[0].last);
	host.range[0].first = 0;
	ASSERT_EQ(0, nyx_mirror_check(mirror, conflict, 4, &nr));
	ASSERT_EQ(0, nyx_mirror_close(mirror));

	/* The guest's addresses end before those of the host. */
	opts.nr_reserved = 0;
	opts.last = 0x7fffffffff;
	ASSERT_EQ(0, nyx_mirror_open(w.changes, &backend, &opts, &mirror));
	ASSERT_EQ(0, nyx_mirror_check(mirror, conflict, 4, &nr));
	ASSERT_EQ(0, nyx_mirror_close(mirror));
	opts.last = 0x8000000000;
	ASSERT_EQ(0, nyx_mirror_open(w.changes, &backend, &opts, &mirror));
	ASSERT_EQ(-ERANGE, nyx_mirror_check(mirror, conflict, 4, &nr));
	ASSERT_EQ(0x8000000000, conflict[0].first);
	ASSERT_EQ(0x8000000000, conflict[0].last);
	ASSERT_EQ(0, nyx_mirror_close(mirror));
	world_close(&w);
}

TEST(a_host_without_any_range)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);
	struct nyx_mirror_range conflict[4];
	size_t nr;

	host.limits.nr_ranges = 0;
	ASSERT_EQ(-ERANGE, nyx_mirror_check(w.mirror, conflict, 4, &nr));
	ASSERT_EQ(2, nr);
	ASSERT_EQ(0, conflict[0].first);
	ASSERT_EQ(0xfedfffff, conflict[0].last);
	ASSERT_EQ(0xfef00000, conflict[1].first);
	ASSERT_EQ(0xffffffffffff, conflict[1].last);

	/* All of 64 bits */
	world_close(&w);
	fake.address_width = 64;
	w = world_open(NYX_CHANGES_F_INLINE);
	set_ranges(0, 0xfedfffff, 0xfef00000, UINT64_MAX);
	ASSERT_EQ(0, nyx_mirror_check(w.mirror, conflict, 4, &nr));
	set_ranges(0, 0xfedfffff, 0xfef00000, UINT64_MAX - 1);
	ASSERT_EQ(-ERANGE, nyx_mirror_check(w.mirror, conflict, 4, &nr));
	ASSERT_EQ(UINT64_MAX, conflict[0].first);
	ASSERT_EQ(UINT64_MAX, conflict[0].last);
	world_close(&w);
}

static const struct {
	const char *name;
	uint64_t iova;
	uint64_t last;
} outside[] = {
	{ "before", 0x1000, 0x1fff },
	{ "across_the_begin", 0x1000, 0x2fff },
	{ "across_the_hole", 0xfedff000, 0xfef00fff },
	{ "in_the_hole", 0xfee00000, 0xfee00fff },
	{ "across_the_end", 0x7ffffff000, 0x8000000fff },
	{ "behind", 0xffffff000, 0xffffffffff },
	{ "the_last_page", 0xfffffffff000, 0xffffffffffff },
	{ "not_aligned", 0x10001000, 0x10002fff },
};

TEST_EACH(a_map_outside_is_refused_as_a_whole, outside)
{
	struct nyx_mirror_opts opts = NYX_MIRROR_OPTS_INIT;
	struct world w = world_open(NYX_CHANGES_F_INLINE);
	const struct nyx_mirror_range all = { 0, UINT64_MAX };

	ASSERT_EQ(0, nyx_mirror_close(w.mirror));
	set_ranges(0x2000, 0xfedfffff, 0xfef00000, 0x7fffffffff);
	if (!strcmp(v->name, "behind"))
		host.range[1].last = 0xffffffefff;
	if (!strcmp(v->name, "not_aligned"))
		host.limits.page_size = 0x2000;
	opts.reserved = &all;
	opts.nr_reserved = 1;
	opts.event = note_event;
	opts.arg = told;
	ASSERT_EQ(0, nyx_mirror_open(w.changes, &backend, &opts, &w.mirror));
	ASSERT_EQ(0, nyx_mirror_memory_add(w.mirror, 0, UINT64_C(1) << 45,
					   ram - (uintptr_t)ram % (1 << 20), 0));
	fake.script = true;
	add(&w, 0);
	blind = true;
	say(NYX_CHANGE_MAP, v->iova, v->last, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, host.maps);
	ASSERT_EQ(1, told[NYX_MIRROR_REFUSED]);
	ASSERT_EQ(NYX_MIRROR_WHY_RANGE, last_event[NYX_MIRROR_REFUSED].why);
	ASSERT_EQ(v->iova, last_event[NYX_MIRROR_REFUSED].iova);
	/* It may be unmapped, as any other. */
	say(NYX_CHANGE_UNMAP, v->iova, v->last, 0);
	say(NYX_CHANGE_MAP, 0x4000, 0x5fff, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, host.maps);
	ASSERT_EQ(1, host.nr);
	world_close(&w);
}

TEST(a_map_across_two_ranges_that_touch)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);

	set_ranges(0, 0xfffff, 0x100000, UINT64_MAX);
	fake.script = true;
	add(&w, 0);
	blind = true;
	say(NYX_CHANGE_MAP, 0xff000, 0x100fff, 0);
	host.limits.nr_ranges = 1;
	host.range[0].last = UINT64_MAX;
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, host.nr);
	world_close(&w);
}

TEST(a_refusal_may_be_a_failure)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);

	memory_remove(w.mirror, 1);
	fake.script = true;
	add(&w, 0);
	blind = true;
	answer[NYX_MIRROR_REFUSED] = 1;
	say(NYX_CHANGE_MAP, BASE, BASE + PAGE - 1, 0);
	say(NYX_CHANGE_MAP, 2 * BASE, 2 * BASE + 2 * RANGE_PAGES * PAGE - 1, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(1, told[NYX_MIRROR_FAILED]);
	ASSERT_EQ(NYX_MIRROR_WHY_MEMORY, last_event[NYX_MIRROR_FAILED].why);
	ASSERT_EQ(1, fake.device[0].quarantines);
	world_close(&w);
}

TEST(without_a_function_a_refusal_is_a_failure)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);

	ASSERT_EQ(0, nyx_mirror_close(w.mirror));
	ASSERT_EQ(0, nyx_mirror_open(w.changes, &backend, NULL, &w.mirror));
	fake.script = true;
	add(&w, 0);
	blind = true;
	say(NYX_CHANGE_MAP, BASE, BASE + PAGE - 1, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, stat_of(&w).refused);
	ASSERT_EQ(1, stat_of(&w).failures);
	ASSERT_EQ(1, fake.device[0].quarantines);
	world_close(&w);
}

TEST(the_limit_is_told_before_it_bites)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);
	uint32_t i;
	size_t nr;

	host.limits.more_maps = 16;
	fake.script = true;
	add(&w, 0);
	blind = true;
	for (i = 0; i < 16; i++) {
		say(NYX_CHANGE_MAP, BASE + 2 * i * PAGE, BASE + (2 * i + 1) * PAGE - 1, 0);
		ASSERT_EQ(0, nyx_mirror_run(w.mirror));
		ASSERT_EQ(i >= 13, told[NYX_MIRROR_NEAR_LIMIT]);
	}
	ASSERT_EQ(14, last_event[NYX_MIRROR_NEAR_LIMIT].maps);
	ASSERT_EQ(16, last_event[NYX_MIRROR_NEAR_LIMIT].max_maps);
	ASSERT_EQ(16, stat_of(&w).max_maps);
	/* The back end tells how many more there may be. */
	ASSERT_EQ(0, nyx_mirror_check(w.mirror, NULL, 0, &nr));
	ASSERT_EQ(16, stat_of(&w).max_maps);

	/* One too many, and one of two pieces where there is room for one */
	say(NYX_CHANGE_MAP, 2 * BASE, 2 * BASE + PAGE - 1, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, told[NYX_MIRROR_REFUSED]);
	ASSERT_EQ(NYX_MIRROR_WHY_LIMIT, last_event[NYX_MIRROR_REFUSED].why);
	say(NYX_CHANGE_UNMAP, BASE, BASE + PAGE - 1, 0);
	say(NYX_CHANGE_MAP, 3 * BASE, 3 * BASE + 2 * RANGE_PAGES * PAGE - 1, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(2, told[NYX_MIRROR_REFUSED]);
	ASSERT_EQ(15, host.nr);

	/* Told again when it has been far below. */
	say(NYX_CHANGE_UNMAP, 0, 2 * BASE - 1, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, host.nr);
	for (i = 0; i < 14; i++)
		say(NYX_CHANGE_MAP, BASE + 2 * i * PAGE, BASE + (2 * i + 1) * PAGE - 1, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(2, told[NYX_MIRROR_NEAR_LIMIT]);
	world_close(&w);
}

/* ---- failures ----------------------------------------------------------------- */

/* The same sequence each time, in which a call of the back end fails. */
static void run_sequence(struct world *w)
{
	struct rng rng = { 4711 };
	unsigned int i;

	fake.rng = rng;
	for (i = 0; i < 24; i++) {
		change_something(&rng, &fake.device[0]);
		ASSERT_EQ(0, nyx_mirror_run(w->mirror));
	}
}

static const struct {
	const char *name;
	int error;
	char on;
	bool refused;
} failures[] = {
	{ "any_call_eio", -EIO, 0, false },
	{ "any_call_einval", -EINVAL, 0, false },
	{ "map_memlock", -ENOMEM, 'm', true },
	{ "map_limit", -ENOSPC, 'm', true },
	{ "unmap_enomem", -ENOMEM, 'u', false },
	{ "commit_eio", -EIO, 'c', false },
};

/* Of each call in turn: the mirror is what it was, or empty, and goes on. */
TEST_EACH(each_call_fails, failures)
{
	unsigned long n;
	bool more = true;

	for (n = 1; more; n++) {
		struct world w = world_open(NYX_CHANGES_F_INLINE);
		struct nyx_mirror_stat stat;
		bool failed;

		memset(told, 0, sizeof(told));
		fake.device[0].quarantines = 0;
		host.fail_on = v->on;
		host.error = v->error;
		/* A refused map is not in the back end, though it was reported. */
		blind = v->refused;
		fake_attach(0, 1, 0, RW);
		add(&w, 0);
		host.fail_at = host.calls + n;
		run_sequence(&w);
		more = host.failed;
		host.fail_at = 0;
		stat = stat_of(&w);
		failed = more && !v->refused;
		ASSERT_EQ(failed, stat.failures);
		ASSERT_EQ(failed, told[NYX_MIRROR_FAILED]);
		ASSERT_EQ(0, told[NYX_MIRROR_BROKEN]);
		ASSERT_EQ(failed, fake.device[0].quarantines);
		ASSERT_EQ(more && v->refused, told[NYX_MIRROR_REFUSED]);
		if (failed)
			ASSERT_EQ(v->error, last_event[NYX_MIRROR_FAILED].error);
		if (more && v->refused)
			ASSERT_EQ(v->error, last_event[NYX_MIRROR_REFUSED].error);
		ASSERT_EQ(host.nr, stat.maps);

		/* All is well again when the device is released. */
		fake.device[0].state = NYX_CHANGE_DETACHED;
		ASSERT_EQ(0, nyx_mirror_run(w.mirror));
		ASSERT_EQ(0, host.nr);
		blind = false;
		fake_attach(0, 1, 0, RW);
		run(&w);
		ASSERT_EQ(FAKE_PAGES * PAGE, stat_of(&w).bytes);
		world_close(&w);
	}
	ASSERT_LT(8, n);
}

TEST(an_unmapping_that_tells_less)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);

	host.short_unmap = true;
	fake.device[0].want[5].prot = 0;
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, told[NYX_MIRROR_FAILED]);
	ASSERT_EQ(NYX_MIRROR_WHY_PROTOCOL, last_event[NYX_MIRROR_FAILED].why);
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(1, fake.device[0].quarantines);
	ASSERT_EQ(NYX_CHANGE_QUARANTINED, last_event[NYX_MIRROR_STATE].state);
	world_close(&w);
}

/* Of the whole range at once: then each mapping is unmapped by itself. */
TEST(an_emptying_that_does_nothing)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);

	host.skip_unmap = true;
	host.fail_on = 'm';
	host.calls = 0;
	host.fail_at = 1;
	host.error = -EIO;
	fake.device[0].want[5].gpa = 200;
	/* The unmapping of the page's map succeeds, but tells nothing: that is a failure, too. */
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, host.nr);
	host.fail_at = 0;
	fake_attach(0, 1, 0, RW);
	run(&w);
	ASSERT_NE(0, host.nr);
	host.skip_unmap = true;
	ASSERT_EQ(0, nyx_mirror_close(w.mirror));
	ASSERT_EQ(0, host.nr);
	w.mirror = NULL;
	world_close(&w);
}

TEST(a_map_is_undone_as_a_whole)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);

	fake.script = true;
	add(&w, 0);
	blind = true;
	say(NYX_CHANGE_MAP, BASE, BASE + PAGE - 1, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	/* Its third piece */
	host.fail_on = 'm';
	host.calls = 0;
	host.fail_at = 3;
	host.error = -ENOMEM;
	say(NYX_CHANGE_MAP, 2 * BASE, 2 * BASE + 4 * RANGE_PAGES * PAGE - 1, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, host.nr);
	ASSERT_EQ(BASE, host.map[0].iova);
	ASSERT_EQ(1, told[NYX_MIRROR_REFUSED]);
	ASSERT_EQ(NYX_MIRROR_WHY_MEMLOCK, last_event[NYX_MIRROR_REFUSED].why);
	ASSERT_EQ(PAGE, last_event[NYX_MIRROR_REFUSED].bytes);

	/* Nor are pieces lost that were there before a range of memory came back. */
	host.fail_at = 0;
	say(NYX_CHANGE_UNMAP, 2 * BASE, 2 * BASE + 4 * RANGE_PAGES * PAGE - 1, 0);
	say(NYX_CHANGE_MAP, 3 * BASE, 3 * BASE + 4 * RANGE_PAGES * PAGE - 1, 0);
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(5, host.nr);
	memory_remove(w.mirror, 1);
	ASSERT_EQ(4, host.nr);
	memory_remove(w.mirror, 2);
	ASSERT_EQ(3, host.nr);
	memory_add(w.mirror, 1);
	ASSERT_EQ(3, host.nr);
	/* The second of the two pieces that are missing */
	host.calls = 0;
	host.fail_at = 2;
	memory_add(w.mirror, 2);
	ASSERT_EQ(2, host.calls);
	ASSERT_EQ(3, host.nr);
	world_close(&w);
}

TEST(broken_and_the_caller_cuts_off)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);

	host.fail_on = 'u';
	host.calls = 0;
	host.fail_at = 1;
	host.for_good = true;
	host.error = -EIO;
	fake.device[0].want[5].prot = 0;
	blind = true;
	ASSERT_EQ(0, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, told[NYX_MIRROR_BROKEN]);
	ASSERT_EQ(1, told[NYX_MIRROR_FAILED]);
	ASSERT_EQ(1, fake.device[0].quarantines);
	ASSERT_EQ(fake.seq, fake.acked);
	ASSERT_EQ(0, stat_of(&w).maps);
	host_reset();
	world_close(&w);
}

TEST(broken_and_nobody_cuts_off)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);
	uint64_t acked = fake.acked;

	answer[NYX_MIRROR_BROKEN] = 1;
	host.fail_on = 'u';
	host.calls = 0;
	host.fail_at = 1;
	host.for_good = true;
	host.error = -EIO;
	fake.device[0].want[5].prot = 0;
	blind = true;
	ASSERT_EQ(-EIO, nyx_mirror_run(w.mirror));
	ASSERT_EQ(-EIO, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, told[NYX_MIRROR_BROKEN]);
	ASSERT_EQ(0, told[NYX_MIRROR_FAILED]);
	/* The unit does not believe that anything is unmapped. */
	ASSERT_EQ(acked, fake.acked);
	ASSERT_LT(fake.acked, fake.seq);
	ASSERT_EQ(-EIO, nyx_mirror_memory_remove(w.mirror, 0, RANGE_PAGES * PAGE));
	ASSERT_EQ(-EIO, nyx_mirror_memory_add(w.mirror, UINT64_C(1) << 40, PAGE, ram, 0));
	ASSERT_EQ(-EIO, nyx_mirror_add_device(w.mirror, FAKE_DEV(1)));
	ASSERT_EQ(-EIO, nyx_mirror_remove_device(w.mirror, FAKE_DEV(0)));
	ASSERT_NE(0, stat_of(&w).maps);
	ASSERT_EQ(-EIO, nyx_mirror_close(w.mirror));
	ASSERT_EQ(0, nyx_changes_close(w.changes));
	nyx_unit_unref(w.unit);
}

/* Nothing is acknowledged afterwards, though the stream has nothing to tell. */
TEST(broken_by_a_removal_of_memory)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);
	uint64_t reads = fake.reads;

	answer[NYX_MIRROR_BROKEN] = 1;
	host.fail_on = 'u';
	host.calls = 0;
	host.fail_at = 1;
	host.for_good = true;
	host.error = -EIO;
	blind = true;
	ASSERT_EQ(-EIO, nyx_mirror_memory_remove(w.mirror, 0, RANGE_PAGES * PAGE));
	ASSERT_EQ(-EIO, nyx_mirror_run(w.mirror));
	ASSERT_EQ(reads, fake.reads);
	ASSERT_EQ(-EIO, nyx_mirror_close(w.mirror));
	ASSERT_EQ(0, nyx_changes_close(w.changes));
	nyx_unit_unref(w.unit);
}

/* A function of the mirror fails: its devices are quarantined when it returns. */
TEST(a_removal_of_memory_fails)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);

	host.fail_on = 'u';
	host.calls = 0;
	host.fail_at = 1;
	host.error = -EIO;
	memory_remove(w.mirror, 0);
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(1, told[NYX_MIRROR_FAILED]);
	ASSERT_EQ(1, fake.device[0].quarantines);
	compare();
	world_close(&w);
}

TEST(quarantine_fails)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);

	/* Readers of other streams are no obstacle. */
	fake.busy = true;
	host.fail_on = 'u';
	host.error = -EIO;
	host.calls = 0;
	host.fail_at = 1;
	fake.device[0].want[5].prot = 0;
	run(&w);
	ASSERT_EQ(1, fake.device[0].quarantines);
	ASSERT_NE(0, fake.device[0].target);
	fake_attach(0, 1, 0, RW);
	run(&w);
	ASSERT_NE(0, host.nr);

	/* A device that cannot be quarantined is not mirrored any more. */
	fake.no_quarantine = EPERM;
	host.calls = 0;
	fake.device[0].want[5].prot = 0;
	run(&w);
	ASSERT_EQ(1, fake.device[0].quarantines);
	ASSERT_EQ(0, fake.device[0].target);
	ASSERT_EQ(0, host.nr);
	fake_attach(0, 1, 0, RW);
	run(&w);
	ASSERT_EQ(0, host.nr);
	/* Until it is added again. */
	fake.no_quarantine = 0;
	mirrored[0] = false;
	ASSERT_EQ(0, nyx_mirror_remove_device(w.mirror, FAKE_DEV(0)));
	add(&w, 0);
	ASSERT_NE(0, host.nr);
	world_close(&w);
}

TEST(a_domain_fails)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);

	/* Of the fake unit, domain 1 has the table of device 0. */
	fake_attach(0, 1, 0, RW);
	fake_attach(2, 1, 0, RW);
	mirrored[0] = true;
	ASSERT_EQ(0, nyx_mirror_add_domain(w.mirror, (nyx_domain_t){ 1 }));
	compare();
	ASSERT_NE(0, host.nr);
	ASSERT_EQ(NYX_CHANGES_DOMAIN, fake.device[0].kind);
	ASSERT_EQ(NYX_SBDF_ANY, last_event[NYX_MIRROR_STATE].sbdf);
	ASSERT_EQ(1, last_event[NYX_MIRROR_STATE].domain_id);
	host.fail_on = 'u';
	host.error = -EIO;
	host.calls = 0;
	host.fail_at = 1;
	fake.device[0].want[5].prot = 0;
	run(&w);
	ASSERT_EQ(1, fake.device[0].quarantines);
	ASSERT_EQ(0, fake.device[1].quarantines);
	ASSERT_EQ(1, fake.device[2].quarantines);
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(0, fake.device[0].target);
	ASSERT_EQ(0, nyx_mirror_remove_domain(w.mirror, (nyx_domain_t){ 1 }));
	ASSERT_EQ(-ENOENT, nyx_mirror_remove_domain(w.mirror, (nyx_domain_t){ 1 }));
	world_close(&w);
}

TEST(the_unit_is_destroyed)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);

	ASSERT_NE(0, host.nr);
	fake.destroyed = true;
	ASSERT_EQ(-ENODEV, nyx_mirror_run(w.mirror));
	ASSERT_EQ(0, host.nr);
	ASSERT_EQ(1, told[NYX_MIRROR_GONE]);
	world_close(&w);
}

static const struct {
	const char *name;
	int error;
} ends[] = {
	{ "others_wait", -EINPROGRESS },
	{ "cut_off", -ETIMEDOUT },
};

/* All is applied, though a command goes on waiting, or has waited too long. */
TEST_EACH(the_stream_ends_with_an_error, ends)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);

	fake.end_error = v->error;
	fake.device[0].want[5].prot = 0;
	ASSERT_EQ(v->error, nyx_mirror_run(w.mirror));
	compare();
	fake_attach(1, 1, 0, RW);
	fake.device[1].want[5].prot = 0;
	add(&w, 1);
	ASSERT_EQ((FAKE_PAGES - 1) * PAGE, stat_of(&w).bytes);
	/* A failure has its consequences. */
	host.fail_on = 'u';
	host.error = -EIO;
	host.calls = 0;
	host.fail_at = 1;
	fake.device[0].want[6].prot = 0;
	fake.device[1].want[6].prot = 0;
	ASSERT_EQ(v->error, nyx_mirror_run(w.mirror));
	ASSERT_EQ(1, fake.device[0].quarantines);
	ASSERT_EQ(1, fake.device[1].quarantines);
	ASSERT_EQ(0, host.nr);
	fake_attach(0, 1, 0, RW);
	fake_attach(1, 1, 0, RW);
	ASSERT_EQ(v->error, nyx_mirror_run(w.mirror));
	ASSERT_EQ(FAKE_PAGES * PAGE, stat_of(&w).bytes);
	host.calls = 0;
	memory_remove(w.mirror, 0);
	ASSERT_EQ(2, fake.device[0].quarantines);
	compare();
	world_close(&w);
}

TEST(the_stream_fails)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);

	fake.next_error = -ENOMEM;
	fake.device[0].want[5].prot = 0;
	ASSERT_EQ(-ENOMEM, nyx_mirror_run(w.mirror));
	run(&w);
	fake.add_error = -ENOSPC;
	ASSERT_EQ(-ENOSPC, nyx_mirror_add_device(w.mirror, FAKE_DEV(1)));
	ASSERT_EQ(1, stat_of(&w).targets);
	fake.add_error = 0;
	fake.next_error = -ENOMEM;
	blind = true;
	ASSERT_EQ(-ENOMEM, nyx_mirror_add_device(w.mirror, FAKE_DEV(1)));
	blind = false;
	ASSERT_EQ(1, stat_of(&w).targets);
	ASSERT_EQ(0, fake.device[1].target);
	run(&w);
	world_close(&w);
}

/* ---- arguments, texts --------------------------------------------------------- */

TEST(open_checks_its_arguments)
{
	struct world w = world_open(NYX_CHANGES_F_INLINE);
	struct nyx_mirror_range backwards = { 2, 1 };
	struct nyx_mirror_opts opts = NYX_MIRROR_OPTS_INIT;
	struct nyx_mirror_backend bad = backend;
	struct nyx_mirror_stat stat = { 0 };
	struct nyx_mirror *mirror;
	size_t i;

	bad.map = NULL;
	ASSERT_EQ(-EINVAL, nyx_mirror_open(w.changes, &bad, NULL, &mirror));
	bad = backend;
	bad.reserved = 1;
	ASSERT_EQ(-EINVAL, nyx_mirror_open(w.changes, &bad, NULL, &mirror));
	bad = backend;
	bad.size = 0;
	ASSERT_EQ(-EINVAL, nyx_mirror_open(w.changes, &bad, NULL, &mirror));
	opts.flags = 1;
	ASSERT_EQ(-EINVAL, nyx_mirror_open(w.changes, &backend, &opts, &mirror));
	opts.flags = 0;
	opts.reserved = &backwards;
	opts.nr_reserved = 1;
	ASSERT_EQ(-EINVAL, nyx_mirror_open(w.changes, &backend, &opts, &mirror));
	/* Answers that a back end cannot mean */
	for (i = 0; i < 4; i++) {
		host_reset();
		if (i == 0)
			host.limits.page_size = 0;
		else if (i == 1)
			host.limits.page_size = 3;
		else if (i == 2)
			set_ranges(0, 10, 10, 20);
		else
			set_ranges(20, 10, 30, 40);
		ASSERT_EQ(-EPROTO, nyx_mirror_open(w.changes, &backend, NULL, &mirror));
	}
	ASSERT_EQ(-EINVAL, nyx_mirror_stat_get(w.mirror, &stat));
	stat.size = 8;
	stat.maps = 99;
	ASSERT_EQ(0, nyx_mirror_stat_get(w.mirror, &stat));
	ASSERT_EQ(99, stat.maps);
	host_reset();
	ASSERT_EQ(0, nyx_mirror_close(NULL));
	world_close(&w);
}

static int count_maps(const struct nyx_mirror_map *map, void *arg)
{
	size_t *n = arg;

	ASSERT_EQ(host.map[*n].iova, map->iova);
	ASSERT_EQ(host.map[*n].length, map->length);
	ASSERT_EQ(host.map[*n].gpa, map->gpa);
	ASSERT_EQ(host.map[*n].prot, map->prot);
	ASSERT_TRUE(host.map[*n].host == map->host);
	return ++*n == 3 ? 7 : 0;
}

TEST(lists_what_is_mapped)
{
	struct world w = world_mapped(NYX_CHANGES_F_INLINE);
	size_t n = 0;

	ASSERT_LE(3, host.nr);
	ASSERT_EQ(7, nyx_mirror_map_foreach(w.mirror, count_maps, &n));
	ASSERT_EQ(3, n);
	world_close(&w);
}

#define EVENT_OF(_sbdf, ...) \
	{ .size = sizeof(struct nyx_mirror_event), .sbdf = (_sbdf), __VA_ARGS__ }
#define EVENT(...)	EVENT_OF(NYX_SBDF_ANY, __VA_ARGS__)
#define DEVICE_5	NYX_SBDF(0, 0, 5, 0)

static const struct {
	const char *name;
	struct nyx_mirror_event event;
	const char *text;
} texts[] = {
	{ "attached", EVENT_OF(DEVICE_5, .kind = NYX_MIRROR_STATE, .state = NYX_CHANGE_ATTACHED,
			       .domain_id = 7),
	  "device 0000:00:05.0 is attached to domain 7" },
	{ "domain", EVENT(.kind = NYX_MIRROR_STATE, .state = NYX_CHANGE_DETACHED, .domain_id = 7),
	  "domain 7 is detached" },
	{ "late", EVENT_OF(DEVICE_5, .kind = NYX_MIRROR_STATE, .state = NYX_CHANGE_LATE),
	  "device 0000:00:05.0 is quarantined: changes were not handled in time" },
	{ "state", EVENT(.kind = NYX_MIRROR_STATE, .state = 99), "mirror is in an unknown state" },
	{ "refused", EVENT_OF(DEVICE_5, .kind = NYX_MIRROR_REFUSED, .why = NYX_MIRROR_WHY_RANGE,
			      .iova = 0x1000, .last = 0x1fff, .gpa = 0x8000, .prot = RW),
	  "device 0000:00:05.0: IOVA 0x1000 to 0x1fff is not mapped to GPA 0x8000 (rw): the host's "
	  "IOMMU cannot map these addresses" },
	{ "limit", EVENT(.kind = NYX_MIRROR_REFUSED, .why = NYX_MIRROR_WHY_LIMIT, .iova = 0x1000,
			 .last = 0x1fff, .gpa = 0x8000, .prot = NYX_PROT_READ, .maps = 16,
			 .max_maps = 16),
	  "mirror: IOVA 0x1000 to 0x1fff is not mapped to GPA 0x8000 (r): the host has as many "
	  "mappings as there may be; 16 of 16" },
	{ "near", EVENT(.kind = NYX_MIRROR_NEAR_LIMIT, .maps = 14, .max_maps = 16),
	  "mirror: the host has 14 mappings of 16 that there may be" },
	{ "failed", EVENT(.kind = NYX_MIRROR_FAILED, .why = NYX_MIRROR_WHY_BACKEND, .error = -5),
	  "mirror is emptied, and its devices are quarantined: the host's IOMMU has failed "
	  "(error 5)" },
	{ "broken", EVENT(.kind = NYX_MIRROR_BROKEN, .why = 99),
	  "mirror cannot be emptied: devices still reach memory: unknown" },
	{ "gone", EVENT(.kind = NYX_MIRROR_GONE), "mirror is emptied: the unit was destroyed" },
};

TEST_EACH(texts_of_events, texts)
{
	struct nyx_mirror_event event = v->event;
	char text[NYX_MIRROR_TEXT_LEN];

	ASSERT_EQ(0, nyx_mirror_event_format(&event, text, sizeof(text)));
	ktap_note("%s", text);
	ASSERT_EQ(0, strcmp(v->text, text));
	ASSERT_EQ(-EMSGSIZE, nyx_mirror_event_format(&event, text, strlen(v->text)));
	ASSERT_EQ(0, nyx_mirror_event_format(&event, text, strlen(v->text) + 1));
	event.kind = 99;
	ASSERT_EQ(-EINVAL, nyx_mirror_event_format(&event, text, sizeof(text)));
	event.kind = v->event.kind;
	event.size = 8;
	ASSERT_EQ(-EINVAL, nyx_mirror_event_format(&event, text, sizeof(text)));
}

TEST(the_longest_text_fits)
{
	char text[NYX_MIRROR_TEXT_LEN];
	struct nyx_mirror_event event = {
		.size = sizeof(event),
		.kind = NYX_MIRROR_REFUSED,
		.error = INT32_MIN + 1,
		.sbdf = NYX_SBDF(0xffff, 0xff, 31, 7),
		.prot = RW,
		.iova = UINT64_MAX,
		.last = UINT64_MAX,
		.gpa = UINT64_MAX,
		.maps = UINT64_MAX,
		.max_maps = UINT64_MAX,
		.bytes = UINT64_MAX,
	};

	for (event.kind = NYX_MIRROR_STATE; event.kind <= NYX_MIRROR_GONE; event.kind++) {
		for (event.why = 0; event.why < 9; event.why++)
			ASSERT_EQ(0, nyx_mirror_event_format(&event, text, sizeof(text)));
	}
}
