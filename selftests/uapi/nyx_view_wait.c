// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: views: commands wait for sections and holds, and not for longer than the
 * unit's time-out.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A case in which a command has to wait does not look at the clock: the command must not
 * have returned before the test lets it. In one where it must not wait, the time-out is a
 * minute, and the command would fail with it.
 */
#include "view.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/io_uring.h>

#define SECOND		NYX_SBDF(0, 4, 0, 0)
#define NEVER_MS	60000u	/* the case fails before that */
#define SOON_MS		20u
#define PAGES		16u	/* that are mapped, from IOVA 0 on */

/**
 * struct scene - a unit, and a view that may hold up its commands
 * @e: the unit
 * @view: the view
 * @dev: device index of the env's device
 * @dom: domain index of the env's domain
 * @other_id: another domain
 */
struct scene {
	struct env e;
	struct view view;
	__u32 dev;
	__u32 dom;
	__u32 other_id;
};

static void scene_open(struct scene *s, __u32 timeout_ms, __u32 domain_flags)
{
	env_open(&s->e, .view_timeout_ms = timeout_ms, .mem_size = PAGES * SZ_4K,
		 .domain_flags = domain_flags);
	test_cmd(cmd_map(s->e.fd, s->e.domain, 0, 0, PAGES * SZ_4K, RW));
	test_cmd(cmd_domain_paging(s->e.fd, NYX_DOMAIN_F_SHARED, &s->other_id));
	view_open(&s->view, s->e.fd, 200, 2000);
	s->dev = view_find(&s->view, s->e.sbdf);
	s->dom = view_domain_of(&s->view, s->e.sbdf);
}

/* ---- the commands ---- */

static int do_unmap(void *arg)
{
	struct scene *s = arg;

	return cmd_unmap(s->e.fd, s->e.domain, 0, PAGES * SZ_4K, NULL);
}

static int do_unmap_all(void *arg)
{
	struct scene *s = arg;

	return cmd_unmap_all(s->e.fd, s->e.domain, NULL);
}

static int do_unmap_array(void *arg)
{
	struct scene *s = arg;
	struct nyx_unmap u[4];

	for (int i = 0; i < 4; i++)
		u[i] = (struct nyx_unmap) {
			.size = sizeof(u[i]), .domain_id = s->e.domain, .iova = i * SZ_4K,
			.length = SZ_4K,
		};
	return cmd_array(s->e.fd, NYX_CMD_UNMAP, u, sizeof(u[0]), 4, NULL);
}

static int do_detach(void *arg)
{
	struct scene *s = arg;

	return cmd_device_detach(s->e.fd, s->e.sbdf);
}

static int do_replace(void *arg)
{
	struct scene *s = arg;

	return cmd_device_attach(s->e.fd, s->e.sbdf, s->other_id, NYX_ATTACH_F_REPLACE);
}

static int do_device_remove(void *arg)
{
	struct scene *s = arg;

	return cmd_device_remove(s->e.fd, s->e.sbdf);
}

static int do_memory_remove(void *arg)
{
	struct scene *s = arg;

	return cmd_memory_remove(s->e.fd, 0, s->e.mem_size);
}

static int do_domain_destroy(void *arg)
{
	struct scene *s = arg;

	return cmd_domain_destroy(s->e.fd, s->e.domain);
}

static int do_quarantine(void *arg)
{
	struct scene *s = arg;

	return cmd_device_control(s->e.fd, s->e.sbdf, NYX_DEVICE_DO_QUARANTINE);
}

static int do_disable(void *arg)
{
	struct scene *s = arg;

	return cmd_device_control(s->e.fd, s->e.sbdf, NYX_DEVICE_DO_DISABLE);
}

static int do_invalidate_domain(void *arg)
{
	struct scene *s = arg;

	return cmd_invalidate(s->e.fd, NYX_SCOPE_DOMAIN, s->e.domain, 0, 0, 0);
}

static int do_invalidate_unit(void *arg)
{
	struct scene *s = arg;

	return cmd_invalidate(s->e.fd, NYX_SCOPE_UNIT, 0, 0, 0, 0);
}

static int do_invalidate_device(void *arg)
{
	struct scene *s = arg;

	return cmd_invalidate(s->e.fd, NYX_SCOPE_DEVICE, 0, s->e.sbdf, 0, 0);
}

static int do_invalidate_range(void *arg)
{
	struct scene *s = arg;

	return cmd_invalidate(s->e.fd, NYX_SCOPE_RANGE, s->e.domain, 0, 0, PAGES * SZ_4K);
}

static const struct wait_case {
	const char *name;
	int (*command)(void *s);
	__u32 domain_flags;
	bool detached;	/* the device has left the domain before */
} wait_cases[] = {
	{ "unmap", do_unmap, 0, false },
	{ "unmap_all", do_unmap_all, 0, false },
	{ "unmap_array", do_unmap_array, 0, false },
	{ "unmap_without_device", do_unmap, 0, true },
	{ "detach", do_detach, 0, false },
	{ "replace", do_replace, 0, false },
	{ "device_remove", do_device_remove, 0, false },
	{ "memory_remove", do_memory_remove, 0, false },
	{ "domain_destroy", do_domain_destroy, 0, true },
	{ "quarantine", do_quarantine, 0, false },
	{ "disable", do_disable, 0, false },
	{ "invalidate_domain", do_invalidate_domain, NYX_DOMAIN_F_BATCHED, false },
	{ "invalidate_unit", do_invalidate_unit, NYX_DOMAIN_F_BATCHED, false },
	{ "invalidate_device", do_invalidate_device, NYX_DOMAIN_F_BATCHED, false },
	{ "invalidate_range", do_invalidate_range, NYX_DOMAIN_F_BATCHED, false },
};

static void scene_of(struct scene *s, const struct wait_case *v, __u32 timeout_ms)
{
	scene_open(s, timeout_ms, v->domain_flags);
	if (v->detached)
		test_cmd(cmd_device_detach(s->e.fd, s->e.sbdf));
}

/* ---- that they wait ---- */

TEST_EACH(waits_for_section, wait_cases)
{
	struct caller c;
	struct scene s;

	scene_of(&s, v, NEVER_MS);
	slot_enter(&s.view, 3, s.dev);
	caller_start(&c, v->command, &s);
	ASSERT_TRUE(caller_waits(&c));
	slot_leave(&s.view, 3);
	test_cmd(caller_end(&c));
}

static void *take_hold(void *arg)
{
	struct scene *s = arg;

	hold_take(&s->view, 5, s->dom, s->dev, 0, PAGES - 1);
	return NULL;
}

/* A thread takes it, another one releases it. */
TEST_EACH(waits_for_hold, wait_cases)
{
	struct caller c;
	struct scene s;

	scene_of(&s, v, NEVER_MS);
	thread_end(thread_start(take_hold, &s), "take_hold");
	caller_start(&c, v->command, &s);
	ASSERT_TRUE(caller_waits(&c));
	hold_release(&s.view, 5);
	test_cmd(caller_end(&c));
}

/* A section has ended when its count has changed, also to another odd one. */
TEST(section_after_section)
{
	struct caller c;
	struct scene s;

	scene_open(&s, NEVER_MS, 0);
	slot_enter(&s.view, 0, s.dev);
	caller_start(&c, do_unmap, &s);
	ASSERT_TRUE(caller_waits(&c));
	__atomic_store_n(&s.view.slots[0].seq, 3, __ATOMIC_SEQ_CST);
	test_cmd(caller_end(&c));
}

TEST(hold_after_hold)
{
	struct caller c;
	struct scene s;

	scene_open(&s, NEVER_MS, 0);
	hold_take(&s.view, 0, s.dom, s.dev, 0, 0);
	caller_start(&c, do_unmap, &s);
	ASSERT_TRUE(caller_waits(&c));
	__atomic_store_n(&s.view.holds[0].seq, 3, __ATOMIC_SEQ_CST);
	test_cmd(caller_end(&c));
}

/* A section is waited for, then the hold that was taken in it. */
TEST(hold_of_section)
{
	struct caller c;
	struct scene s;

	scene_open(&s, NEVER_MS, 0);
	slot_enter(&s.view, 0, s.dev);
	caller_start(&c, do_unmap, &s);
	ASSERT_TRUE(caller_waits(&c));
	hold_take(&s.view, 0, s.dom, s.dev, 0, 0);
	s.view.holds[0].phase = s.view.slots[0].phase;
	slot_leave(&s.view, 0);
	ASSERT_TRUE(caller_waits(&c));
	hold_release(&s.view, 0);
	test_cmd(caller_end(&c));
}

/* A wait looks at all words of all views. */
TEST(all_words)
{
	static const unsigned int slots[] = { 0, 1, 62, 63, 64, 199 };
	static const unsigned int holds[] = { 0, 1, 127, 128, 1023, 1024, 1999 };
	struct view second;
	struct caller c;
	struct scene s;

	scene_open(&s, NEVER_MS, NYX_DOMAIN_F_BATCHED);
	view_open(&second, s.e.fd, 200, 2000);
	for (int i = 0; i < 2; i++) {
		struct view *view = i ? &second : &s.view;

		for (size_t n = 0; n < ARRAY_SIZE(slots); n++) {
			ktap_note("view %d, slot %u", i, slots[n]);
			slot_enter(view, slots[n], 0);
			caller_start(&c, do_invalidate_domain, &s);
			ASSERT_TRUE(caller_waits(&c));
			slot_leave(view, slots[n]);
			test_cmd(caller_end(&c));
		}
		for (size_t n = 0; n < ARRAY_SIZE(holds); n++) {
			ktap_note("view %d, hold %u", i, holds[n]);
			hold_take(view, holds[n], s.dom, 0, 0, 0);
			caller_start(&c, do_invalidate_domain, &s);
			ASSERT_TRUE(caller_waits(&c));
			hold_release(view, holds[n]);
			test_cmd(caller_end(&c));
		}
	}
}

/* ---- what they do not wait for ---- */

static const struct hold_case {
	const char *name;
	bool waits;
	__u64 first;
	__u32 nr;		/* pages less one */
	__u32 used;		/* holds_used; the hold is number 4 */
	unsigned int seq;
	int dom;		/* beside the index of the domain */
	__s64 phase;		/* beside that of the last wait */
} hold_cases[] = {
	/* Pages 4 to 7 are unmapped. */
	{ "same", true, 4, 3, 5, 1, 0, 0 },
	{ "all", true, 0, ~0u, 5, 1, 0, 0 },
	{ "first_page", true, 4, 0, 5, 1, 0, 0 },
	{ "last_page", true, 7, 0, 5, 1, 0, 0 },
	{ "inside", true, 5, 1, 5, 1, 0, 0 },
	{ "ends_there", true, 0, 4, 5, 1, 0, 0 },
	{ "begins_there", true, 7, 1000, 5, 1, 0, 0 },
	{ "used_more", true, 4, 3, 100000, 1, 0, 0 },
	{ "used_most", true, 4, 3, 0xffffffff, 1, 0, 0 },
	{ "old", true, 4, 3, 5, 0xffffffff, 0, 0 },
	{ "old_phase", true, 4, 3, 5, 1, 0, -1000 },
	{ "before", false, 0, 3, 5, 1, 0, 0 },
	{ "behind", false, 8, ~0u, 5, 1, 0, 0 },
	{ "beyond", false, 1ull << 60, ~0u, 5, 1, 0, 0 },
	{ "wraps", false, ~0ull, 20, 5, 1, 0, 0 },
	{ "free", false, 4, 3, 5, 2, 0, 0 },
	{ "never", false, 4, 3, 5, 0, 0, 0 },
	{ "not_used", false, 4, 3, 4, 1, 0, 0 },
	{ "none_used", false, 4, 3, 0, 1, 0, 0 },
	{ "other_domain", false, 4, 3, 5, 1, 1, 0 },
	{ "no_domain", false, 4, 3, 5, 1, -1, 0 },
	{ "absent_domain", false, 4, 3, 5, 1, 5000, 0 },
	{ "new_phase", false, 4, 3, 5, 1, 0, 1 },
	{ "newer_phase", false, 4, 3, 5, 1, 0, 1000 },
};

static int do_unmap_4_to_7(void *arg)
{
	struct scene *s = arg;

	return cmd_unmap(s->e.fd, s->e.domain, 4 * SZ_4K, 4 * SZ_4K, NULL);
}

TEST_EACH(holds, hold_cases)
{
	struct nyx_view_hold *hold;
	struct caller c;
	struct scene s;

	scene_open(&s, NEVER_MS, 0);
	hold = &s.view.holds[4];
	hold->dom = s.dom + v->dom;
	hold->first = v->first;
	hold->nr = v->nr;
	hold->phase = s.view.head->phase + v->phase;
	hold->seq = v->seq;
	__atomic_store_n(&s.view.ctl->holds_used, v->used, __ATOMIC_SEQ_CST);
	if (!v->waits) {
		test_cmd(do_unmap_4_to_7(&s));
		return;
	}
	caller_start(&c, do_unmap_4_to_7, &s);
	ASSERT_TRUE(caller_waits(&c));
	__atomic_store_n(&hold->seq, v->seq + 1, __ATOMIC_SEQ_CST);
	test_cmd(caller_end(&c));
}

/* A section that has read the phase of the wait has begun after what that is for. */
TEST(later_section)
{
	struct caller c;
	struct scene s;
	__u64 phase;

	scene_open(&s, NEVER_MS, 0);
	phase = s.view.head->phase;
	slot_enter(&s.view, 0, s.dev);
	slot_enter(&s.view, 1, s.dev);
	s.view.slots[1].phase = phase + 1;
	hold_take(&s.view, 0, s.dom, s.dev, 0, PAGES - 1);
	s.view.holds[0].phase = phase + 1;
	caller_start(&c, do_unmap, &s);
	ASSERT_TRUE(caller_waits(&c));
	ASSERT_EQ(phase + 1, s.view.head->phase);
	slot_leave(&s.view, 0);
	test_cmd(caller_end(&c));
	/* The next wait is for them, too. */
	caller_start(&c, do_detach, &s);
	ASSERT_TRUE(caller_waits(&c));
	slot_leave(&s.view, 1);
	ASSERT_TRUE(caller_waits(&c));
	hold_release(&s.view, 0);
	test_cmd(caller_end(&c));
	ASSERT_EQ(phase + 2, s.view.head->phase);
}

/* Not for slots that are even, of whatever value; not for another unit's. */
TEST(not_for_others)
{
	struct scene s, other;

	scene_open(&s, NEVER_MS, 0);
	scene_open(&other, NEVER_MS, 0);
	slot_enter(&other.view, 0, other.dev);
	hold_take(&other.view, 0, other.dom, other.dev, 0, ~0ull);
	s.view.slots[0].seq = ~1ull;
	s.view.slots[1].seq = 2;
	s.view.slots[2].dev = s.dev;
	test_cmd(do_unmap(&s));
	test_cmd(do_detach(&s));
}

/* Two domains, one hold. */
TEST(not_for_other_domain)
{
	struct caller c;
	struct scene s;

	scene_open(&s, NEVER_MS, 0);
	test_cmd(cmd_map(s.e.fd, s.other_id, 0, 0, SZ_64K, RW));
	hold_take(&s.view, 0, s.dom, s.dev, 0, ~0ull);
	test_cmd(cmd_unmap_all(s.e.fd, s.other_id, NULL));
	caller_start(&c, do_unmap, &s);
	ASSERT_TRUE(caller_waits(&c));
	hold_release(&s.view, 0);
	test_cmd(caller_end(&c));
}

/* ---- who does not hold them up any more ---- */

TEST(unmapped)
{
	struct caller c;
	struct scene s;

	scene_open(&s, NEVER_MS, 0);
	slot_enter(&s.view, 0, s.dev);
	caller_start(&c, do_unmap_4_to_7, &s);
	ASSERT_TRUE(caller_waits(&c));
	hold_take(&s.view, 0, s.dom, s.dev, 0, 3);
	test_cmd(munmap(s.view.ctl, s.view.rw_size));
	test_cmd(caller_end(&c));
	/* Requests may still be under way: holds are free when the file is closed. */
	caller_start(&c, do_detach, &s);
	ASSERT_TRUE(caller_waits(&c));
	test_cmd(close(s.view.fd));
	ASSERT_TRUE(caller_waits(&c));
	test_cmd(munmap((void *)s.view.head, s.view.size));
	test_cmd(caller_end(&c));
}

/* An attempt to move the area leaves it in force. */
TEST(not_moved)
{
	struct caller c;
	struct scene s;

	scene_open(&s, NEVER_MS, 0);
	slot_enter(&s.view, 0, s.dev);
	caller_start(&c, do_unmap, &s);
	ASSERT_TRUE(caller_waits(&c));
	ASSERT_TRUE(mremap(s.view.ctl, s.view.rw_size, s.view.rw_size,
			   MREMAP_MAYMOVE | MREMAP_FIXED,
			   map_aligned(s.view.rw_size, SZ_4K, PROT_NONE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1)) == MAP_FAILED);
	ASSERT_TRUE(caller_waits(&c));
	slot_leave(&s.view, 0);
	test_cmd(caller_end(&c));
	slot_enter(&s.view, 0, s.dev);
	test_cmd(munmap(s.view.ctl, s.view.rw_size));
	test_cmd(do_detach(&s));
}

/* The one that has the file of a view when its process is killed. */
enum { KEPT_BY_NONE, KEPT_BY_CHILD, KEPT_BY_RING };

static const struct death_case {
	const char *name;
	bool slot;
	bool hold;
	int kept;
} death_cases[] = {
	{ "section", true, false, KEPT_BY_NONE },
	{ "hold", false, true, KEPT_BY_NONE },
	{ "section_file_kept", true, false, KEPT_BY_CHILD },
	{ "both_file_kept", true, true, KEPT_BY_CHILD },
	{ "hold_ring_kept", false, true, KEPT_BY_RING },
};

static void *pauses(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* A ring that has the file of the view, and keeps it until the last request is done. */
static void keep_by_ring(struct view *view)
{
	struct io_uring_params params = {};
	int ring = syscall(SYS_io_uring_setup, 4, &params);

	if (ring < 0)
		NOT_HERE("io_uring_setup: %s", strerror(errno));
	test_cmd(syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &view->fd, 1));
	test_cmd(close(view->fd));
}

/*
 * The holder: a view, a slot, a hold, a thread. Tells @ready of a child that has inherited the
 * file, or the ring, as a request that outlives the process has.
 */
static void hold_until_killed(struct scene *s, const struct death_case *v, int ready)
{
	pid_t keeper = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	view_open(&s->view, s->e.fd, 10, 10);
	if (v->slot)
		slot_enter(&s->view, 7, s->dev);
	if (v->hold)
		hold_take(&s->view, 7, s->dom, s->dev, 0, 3);
	if (v->kept == KEPT_BY_RING)
		keep_by_ring(&s->view);
	thread_start(pauses, NULL);
	if (v->kept) {
		keeper = fork();
		ASSERT_TRUE(keeper >= 0);
		if (!keeper)
			pauses(NULL);
	}
	ASSERT_EQ(sizeof(keeper), write(ready, &keeper, sizeof(keeper)));
	pauses(NULL);
}

TEST_EACH(holder_killed, death_cases)
{
	struct nyx_view_info info;
	struct nyx_list l = { .type = NYX_LIST_VIEWS };
	int ready[2], status;
	struct caller c, later;
	pid_t pid, keeper;
	struct scene s;

	scene_open(&s, NEVER_MS, 0);
	test_cmd(munmap(s.view.ctl, s.view.rw_size));
	test_cmd(munmap((void *)s.view.head, s.view.size));
	test_cmd(close(s.view.fd));
	test_cmd(pipe(ready));
	pid = fork();
	ASSERT_TRUE(pid >= 0);
	if (!pid)
		hold_until_killed(&s, v, ready[1]);
	close(ready[1]);
	if (read(ready[0], &keeper, sizeof(keeper)) != sizeof(keeper))
		ktap_wait_exit(pid);
	test_cmd(cmd_list(s.e.fd, &l, &info, sizeof(info), 1));
	ASSERT_EQ(1, l.out_nr);
	ASSERT_EQ(pid, info.pid);
	caller_start(&c, do_unmap, &s);
	ASSERT_TRUE(caller_waits(&c));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (v->hold && v->kept) {
		/* A wait that begins now finds the hold, too. */
		caller_start(&later, do_invalidate_domain, &s);
		ASSERT_TRUE(caller_waits(&later));
		ASSERT_TRUE(caller_waits(&c));
		kill(keeper, SIGKILL);
		test_cmd(caller_end(&later));
	}
	test_cmd(caller_end(&c));
	test_cmd(do_detach(&s));
	test_cmd(cmd_list(s.e.fd, &l, &info, sizeof(info), 1));
	ASSERT_EQ(v->kept && !v->hold, l.out_nr);
	if (v->kept && !v->hold)
		kill(keeper, SIGKILL);
}

TEST_EACH(waiter_killed, wait_cases)
{
	struct caller c;
	struct scene s;
	int ret;

	scene_of(&s, v, NEVER_MS);
	hold_take(&s.view, 0, s.dom, s.dev, 0, 3);
	caller_kill(caller_fork(v->command, &s));
	/* The next one waits in its place. */
	caller_start(&c, v->command, &s);
	ASSERT_TRUE(caller_waits(&c));
	hold_release(&s.view, 0);
	ret = caller_end(&c);
	ASSERT_TRUE(!ret || ret == -ENOENT);
}

/* ---- the time-out ---- */

static void list_views(int fd, struct nyx_view_info *info, __u32 nr)
{
	struct nyx_list l = { .type = NYX_LIST_VIEWS };

	test_cmd(cmd_list(fd, &l, info, sizeof(*info), nr));
	ASSERT_EQ(nr, l.out_nr);
}

TEST_EACH(times_out, wait_cases)
{
	struct nyx_view_info info;
	struct scene s;
	int ret, ev;

	scene_of(&s, v, SOON_MS);
	test_cmd(cmd_events_open(s.e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	slot_enter(&s.view, 3, 0);
	test_err(ETIMEDOUT, v->command(&s));
	ASSERT_EQ(1, events_count(ev, NYX_EVENT_VIEW));
	for (int i = 0; i < 200; i++)
		ASSERT_EQ(1, s.view.slots[i].cut);
	list_views(s.e.fd, &info, 1);
	ASSERT_EQ(NYX_VIEW_F_CUT, info.flags);
	/* It has done what it says, and waits no more. */
	ret = v->command(&s);
	ASSERT_TRUE(!ret || ret == -ENOENT);
	ASSERT_EQ(0, events_count(ev, NYX_EVENT_VIEW));
}

/* The device that a word names. */
enum { NAME_NONE, NAME_OWN, NAME_LEFT, NAME_OTHER, NAME_ABSENT, NAME_BEYOND };

static const struct cut_case {
	const char *name;
	__u32 part;
	int named;
	bool quarantined;
} cut_cases[] = {
	{ "slot_none", NYX_VIEW_SLOT, NAME_NONE, false },
	{ "slot_own", NYX_VIEW_SLOT, NAME_OWN, true },
	{ "slot_left", NYX_VIEW_SLOT, NAME_LEFT, true },
	{ "slot_other", NYX_VIEW_SLOT, NAME_OTHER, true },
	{ "slot_absent", NYX_VIEW_SLOT, NAME_ABSENT, false },
	{ "slot_beyond", NYX_VIEW_SLOT, NAME_BEYOND, false },
	{ "hold_none", NYX_VIEW_HOLD, NAME_NONE, false },
	{ "hold_own", NYX_VIEW_HOLD, NAME_OWN, true },
	{ "hold_other", NYX_VIEW_HOLD, NAME_OTHER, true },
	{ "hold_beyond", NYX_VIEW_HOLD, NAME_BEYOND, false },
};

static void check_event(int ev, const struct scene *s, const struct cut_case *v, __u32 sbdf)
{
	struct nyx_event event;

	event_wait(ev, NYX_EVENT_VIEW, &event);
	ASSERT_EQ(s->view.id, event.view.view_id);
	ASSERT_EQ(getpid(), event.view.pid);
	ASSERT_EQ(0, strcmp("view-wait", (const char *)event.view.name));
	ASSERT_EQ(v->part, event.view.part);
	ASSERT_EQ(9, event.view.index);
	ASSERT_EQ(v->quarantined ? sbdf : NYX_SBDF_ANY, event.view.sbdf);
	ASSERT_EQ(NYX_PASID_NONE, event.view.pasid);
	ASSERT_EQ(v->part == NYX_VIEW_SLOT ? 0 : s->e.domain, event.view.domain_id);
	ASSERT_EQ(0, event.view.__reserved);
	ASSERT_EQ(v->part == NYX_VIEW_SLOT ? 0 : 2 * SZ_4K, event.view.iova);
	ASSERT_EQ(v->part == NYX_VIEW_SLOT ? ~0ull : 5 * SZ_4K - 1, event.view.last);
}

TEST_EACH(cut_off, cut_cases)
{
	struct nyx_unmap u = { .size = sizeof(u), .length = 4 * SZ_4K };
	__u32 sbdf = ENV_SBDF, named = 0;
	struct nyx_view_info info;
	struct nyx_event event;
	struct view again;
	struct scene s;
	__u64 word;
	int ev;

	scene_open(&s, SOON_MS, NYX_DOMAIN_F_SHARED);
	test_cmd(prctl(PR_SET_NAME, "view-wait"));
	view_close(&s.view);
	view_open(&s.view, s.e.fd, 10, 10);
	test_cmd(cmd_device_add(s.e.fd, SECOND));
	test_cmd(cmd_device_attach(s.e.fd, SECOND, s.other_id, 0));
	switch (v->named) {
	case NAME_OWN:
		named = s.dev;
		break;
	case NAME_LEFT:
		named = s.dev;
		test_cmd(do_replace(&s));
		break;
	case NAME_OTHER:
		sbdf = SECOND;
		named = view_find(&s.view, SECOND);
		ASSERT_TRUE(named);
		break;
	case NAME_ABSENT:
		named = 1000;
		break;
	case NAME_BEYOND:
		named = 0xffffffff;
		break;
	}
	if (v->part == NYX_VIEW_SLOT)
		slot_enter(&s.view, 9, named);
	else
		hold_take(&s.view, 9, s.dom, named, 2, 4);

	test_cmd(cmd_events_open(s.e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	u.domain_id = s.e.domain;
	test_err(ETIMEDOUT, nyx_cmd(s.e.fd, NYX_UNMAP, &u));
	ASSERT_EQ(NYX_REASON_VIEW_TIMEOUT, u.out_err_reason);
	ASSERT_EQ(0, u.out_err_field);
	if (v->quarantined) {
		event_wait(ev, NYX_EVENT_DEVICE_STATE, &event);
		ASSERT_EQ(sbdf, event.state.sbdf);
		ASSERT_EQ(NYX_DEVICE_QUARANTINED, event.state.new_state);
		ASSERT_EQ(NYX_STATE_BY_VIEW, event.state.cause);
	}
	check_event(ev, &s, v, sbdf);
	ASSERT_EQ(v->quarantined ? NYX_DEVICE_QUARANTINED : NYX_DEVICE_ACTIVE,
		  device_state(s.e.fd, sbdf));
	ASSERT_EQ(0, events_count(ev, NYX_EVENT_DEVICE_STATE));
	ASSERT_EQ(1, s.view.slots[0].cut);
	/* No wait looks at the view any more: its page is unmapped, and so is a later one. */
	test_cmd(cmd_unmap(s.e.fd, s.e.domain, 4 * SZ_4K, SZ_4K, NULL));
	test_err(ENOENT, cmd_unmap(s.e.fd, s.e.domain, 0, 4 * SZ_4K, NULL));
	list_views(s.e.fd, &info, 1);
	ASSERT_EQ(NYX_VIEW_F_CUT, info.flags);

	/* Close it, open another, reset the device: all is as before. */
	view_open(&again, s.e.fd, 1, 1);
	ASSERT_EQ(0, again.slots[0].cut);
	view_close(&s.view);
	test_cmd(cmd_device_control(s.e.fd, sbdf, NYX_DEVICE_DO_RESET));
	if (v->named == NAME_OWN)
		dma_read(s.e.fd, sbdf, 8 * SZ_4K, &word, 8);
	slot_enter(&again, 0, 0);
	test_err(ETIMEDOUT, cmd_unmap(s.e.fd, s.e.domain, 8 * SZ_4K, SZ_4K, NULL));
	list_views(s.e.fd, &info, 1);
	ASSERT_EQ(again.id, info.view_id);
}

/* All devices that sections and holds name, whatever the wait is for, and no others. */
TEST(all_that_are_named)
{
	static const __u32 sbdf[] = { 0x100, 0x101, 0x102, 0x103, 0x104 };
	struct nyx_event event;
	__u32 dev[5];
	struct scene s;
	int ev;

	scene_open(&s, SOON_MS, 0);
	for (int i = 0; i < 5; i++) {
		test_cmd(cmd_device_add(s.e.fd, sbdf[i]));
		test_cmd(cmd_device_attach(s.e.fd, sbdf[i], s.other_id, 0));
		dev[i] = view_find(&s.view, sbdf[i]);
	}
	test_cmd(cmd_events_open(s.e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	test_cmd(cmd_device_control(s.e.fd, sbdf[1], NYX_DEVICE_DO_DISABLE));
	events_count(ev, NYX_EVENT_DEVICE_STATE);
	hold_take(&s.view, 1, s.dom, dev[0], 0, 0);
	hold_take(&s.view, 2, s.dom, dev[1], 0, 0);
	hold_take(&s.view, 1999, s.dom + 1, dev[2], 0, 0);
	slot_enter(&s.view, 8, dev[3]);
	s.view.slots[8].phase += 1000;
	s.view.slots[9].dev = dev[4];
	test_err(ETIMEDOUT, do_unmap(&s));
	for (int i = 0; i < 3; i++)
		event_wait(ev, NYX_EVENT_DEVICE_STATE, &event);
	event_wait(ev, NYX_EVENT_VIEW, &event);
	ASSERT_EQ(NYX_VIEW_HOLD, event.view.part);
	ASSERT_EQ(1, event.view.index);
	ASSERT_EQ(sbdf[0], event.view.sbdf);
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(i == 4 ? NYX_DEVICE_ACTIVE :
			  i == 1 ? NYX_DEVICE_DISABLED : NYX_DEVICE_QUARANTINED,
			  device_state(s.e.fd, sbdf[i]));
}

/* Two that wait for one word: both learn that the view was cut off. */
TEST(two_time_out)
{
	struct caller c[2];
	struct scene s;
	int ev;

	scene_open(&s, 6000, 0);
	test_cmd(cmd_events_open(s.e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	slot_enter(&s.view, 0, s.dev);
	caller_start(&c[0], do_unmap_4_to_7, &s);
	ASSERT_TRUE(caller_waits(&c[0]));
	caller_start(&c[1], do_invalidate_domain, &s);
	ASSERT_TRUE(caller_waits(&c[1]));
	test_err(ETIMEDOUT, caller_end(&c[0]));
	test_err(ETIMEDOUT, caller_end(&c[1]));
	ASSERT_EQ(1, events_count(ev, NYX_EVENT_VIEW));
}

struct poller {
	struct view *view;
	bool stop;
};

/* A thread that works all the time, a short section after the other. */
static void *polls(void *arg)
{
	struct poller *p = arg;

	while (!__atomic_load_n(&p->stop, __ATOMIC_SEQ_CST)) {
		slot_enter(p->view, 0, 0);
		sched_yield();
		slot_leave(p->view, 0);
	}
	return NULL;
}

/* One wait cuts off all that do not answer, and nobody else. */
TEST(many_time_out)
{
	enum { STUCK = 8 };
	struct view stuck[STUCK], fine[2];
	struct nyx_view_info info[STUCK + 3];
	struct poller p = { .view = &fine[1] };
	struct scene s;
	pthread_t t;
	int ev;

	scene_open(&s, 200, 0);
	test_cmd(cmd_events_open(s.e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	view_open(&fine[0], s.e.fd, 1, 1);
	for (int i = 0; i < STUCK; i++) {
		view_open(&stuck[i], s.e.fd, 1, 1);
		if (i % 2)
			slot_enter(&stuck[i], 0, 0);
		else
			hold_take(&stuck[i], 0, s.dom, 0, 0, 1);
	}
	view_open(&fine[1], s.e.fd, 1, 1);
	t = thread_start(polls, &p);
	test_err(ETIMEDOUT, do_unmap(&s));
	__atomic_store_n(&p.stop, true, __ATOMIC_SEQ_CST);
	thread_end(t, "polls");
	ASSERT_EQ(STUCK, events_count(ev, NYX_EVENT_VIEW));
	list_views(s.e.fd, info, STUCK + 3);
	for (int i = 0; i < STUCK + 3; i++)
		ASSERT_EQ(i >= 2 && i < STUCK + 2 ? NYX_VIEW_F_CUT : 0, info[i].flags);
	ASSERT_EQ(0, fine[1].slots[0].cut);
}

/* The wait goes on: what it was for is done in each domain. */
TEST(memory_of_many_domains)
{
	struct scene s;
	__u32 other;

	scene_open(&s, SOON_MS, 0);
	test_cmd(cmd_device_add(s.e.fd, SECOND));
	test_cmd(cmd_device_attach(s.e.fd, SECOND, s.other_id, 0));
	other = view_domain_of(&s.view, SECOND);
	hold_take(&s.view, 0, s.dom, 0, 0, ~0ull);
	hold_take(&s.view, 1, other, 0, 0, ~0ull);
	test_err(ETIMEDOUT, do_memory_remove(&s));
	ASSERT_EQ(1, s.view.head->memory_gen);
	test_err(ENOENT, do_memory_remove(&s));
}

/* ---- what user space can write ---- */

/* All of the area is one byte: one wait at most is held up, and only by an old phase. */
TEST(filled)
{
	struct scene s;

	for (unsigned int byte = 0; byte < 256; byte += 51) {
		ktap_note("0x%x", byte);
		scene_open(&s, SOON_MS, 0);
		memset(s.view.ctl, byte, s.view.rw_size);
		test_err((byte & 1) && (byte & 0x80) ? ETIMEDOUT : 0, do_unmap(&s));
		test_cmd(do_detach(&s));
		view_close(&s.view);
		close(s.e.fd);
	}
}

/* A process that writes anything anywhere, all the time. */
static void scribble(struct view *view, struct rng *r)
{
	__u64 *words = (__u64 *)view->ctl;
	size_t n = view->rw_size / 8;

	for (;;) {
		switch (rng_below(r, 4)) {
		case 0:
			words[rng_below(r, n)] = rng_next(r);
			break;
		case 1:
			view->slots[rng_below(r, 16)].seq++;
			break;
		case 2:
			view->holds[rng_below(r, 16)].seq++;
			break;
		default:
			view->ctl->holds_used = rng_next(r) >> (32 + rng_below(r, 32));
			view->slots[rng_below(r, 16)].phase = view->head->phase - 1;
		}
	}
}

static void honest_drain(struct scene *s)
{
	test_cmd(cmd_unmap(s->e.fd, s->e.domain, 0, SZ_4K, NULL));
	test_cmd(cmd_map(s->e.fd, s->e.domain, 0, 0, SZ_4K, RW));
}

TEST(scribbled)
{
	unsigned long turns = ktap_iterations(200);
	struct rng r = rng_start(1);
	struct scene s, other;
	unsigned int out = 0;

	scene_open(&s, 10, 0);
	scene_open(&other, NEVER_MS, 0);
	for (unsigned int round = 0; round < 4; round++) {
		int ready[2], status;
		struct view view;
		char byte;
		pid_t pid;

		test_cmd(pipe(ready));
		pid = fork();
		ASSERT_TRUE(pid >= 0);
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			r.state += round;
			view_open(&view, s.e.fd, 200, 4000);
			ASSERT_EQ(1, write(ready[1], "x", 1));
			scribble(&view, &r);
		}
		close(ready[1]);
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		for (unsigned long i = 0; i < turns; i++) {
			int ret = cmd_unmap(s.e.fd, s.e.domain, (i % 4) * SZ_4K, SZ_4K, NULL);

			ASSERT_TRUE(!ret || ret == -ETIMEDOUT);
			out += !!ret;
			test_cmd(cmd_map(s.e.fd, s.e.domain, (i % 4) * SZ_4K, 0, SZ_4K, RW));
			honest_drain(&other);
		}
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		close(ready[0]);
		/* At its end it holds up nobody. */
		test_cmd(do_invalidate_domain(&s));
	}
	ktap_print("%u of %lu waits timed out", out, 4 * turns);
}

/* One unit is held up, the other is not: the clock of neither is the other's. */
TEST(other_unit_goes_on)
{
	struct scene s, other;
	struct caller c;

	scene_open(&s, NEVER_MS, 0);
	scene_open(&other, NEVER_MS, 0);
	slot_enter(&s.view, 0, 0);
	caller_start(&c, do_unmap, &s);
	ASSERT_TRUE(caller_waits(&c));
	for (int i = 0; i < 100; i++)
		honest_drain(&other);
	/* Nor are other commands of the unit, accesses among them. */
	test_cmd(cmd_map(s.e.fd, s.other_id, 0, 0, SZ_4K, RW));
	test_cmd(cmd_device_add(s.e.fd, SECOND));
	ASSERT_TRUE(caller_waits(&c));
	slot_leave(&s.view, 0);
	test_cmd(caller_end(&c));
}

/* The unit ends while a command waits. */
TEST(unit_destroyed_meanwhile)
{
	struct caller c;
	struct scene s;
	int ret;

	scene_open(&s, NEVER_MS, 0);
	slot_enter(&s.view, 0, s.dev);
	caller_start(&c, do_unmap, &s);
	ASSERT_TRUE(caller_waits(&c));
	test_cmd(cmd_unit_destroy(s.e.fd));
	ASSERT_EQ(0, s.view.head->version);
	slot_leave(&s.view, 0);
	ret = caller_end(&c);
	ASSERT_TRUE(!ret || ret == -ENODEV);
}
