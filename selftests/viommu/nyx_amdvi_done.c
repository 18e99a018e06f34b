// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: AMD-Vi units: when a command, or a reset, is seen to be done.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * COMPLETION_WAIT stores its data when no access and no interrupt uses any more
 * what the commands before it have taken away: not while its writer waits for one,
 * and not because the writer was killed. userfaultfd(2) holds the access or the
 * interrupt for as long as the test wants. It also holds a reader of the guest's
 * tables: what the reader has found before the guest invalidates is not in use after
 * that.
 */
#include "amdvi_guest.h"
#include "view.h"

#define MSI		0xfee00000ull
#define REMAP		BIT(0)
#define ENTRY		5u
#define AT_HELD		0x800000ull	/* the page that is held */

/**
 * struct scene - a guest with something that is held
 * @guest: the guest
 * @stall: where
 * @held: the thread that is held
 * @page: what is there when it goes on
 */
struct scene {
	struct guest guest;
	struct stall stall;
	struct caller held;
	__u64 page[SZ_4K / 8];
};

static int hold_dma(void *arg)
{
	struct scene *s = arg;
	struct nyx_dma c;
	__u64 word = 0x5e;

	return cmd_dma_write(s->guest.fd, &c, DEV, 0x5000, &word, sizeof(word));
}

static int hold_irq(void *arg)
{
	struct scene *s = arg;

	send_msi(&s->guest, DEV, MSI, ENTRY);
	return 0;
}

static void set_entry(__u64 *table, unsigned int index, unsigned int vector)
{
	table[2 * index] = REMAP;
	table[2 * index + 1] = vector;
}

/* DEV writes to the page that is held; its interrupts are remapped by table @slot. */
static void prepare(struct scene *s, unsigned int slot)
{
	struct guest *g = &s->guest;

	guest_open(g);
	set_pte(g, attach(g, DEV, DID, 4), 4, 0x5000, 1, AT_HELD | P_RW);
	dte(g, DEV)[2] = irt_at(slot) | D2_IV | D2_LEN(9) | D2_CTL(2);
	boot(g, BOOT_XT);
}

static void hold(struct scene *s, __u64 gpa, int (*fn)(void *arg))
{
	stall_arm(&s->stall, s->guest.ram + gpa, SZ_4K);
	caller_start(&s->held, fn, s);
	stall_wait(&s->stall);
}

static void let_go(struct scene *s)
{
	stall_release_with(&s->stall, s->page);
	test_cmd(caller_end(&s->held));
}

/* Enters commands without telling the unit of them. */
static void put(struct guest *g, __u64 lo, __u64 hi)
{
	__u64 *slot = words(g, g->queue) + 2 * g->tail;

	slot[0] = lo;
	slot[1] = hi;
	g->tail = (g->tail + 1) % g->slots;
}

static int write_tail(void *arg)
{
	struct scene *s = arg;

	w32(&s->guest, CMDTAIL, s->guest.tail << 4);
	return 0;
}

/* ---- COMPLETION_WAIT ---- */

/**
 * struct done_case - a command that takes something away
 * @name: for the report
 * @lo: the command
 * @hi: likewise
 * @irq: what is held is an interrupt, not a DMA
 */
static const struct done_case {
	const char *name;
	__u64 lo;
	__u64 hi;
	bool irq;
} done_cases[] = {
	{ "device", CMD_DTE(DEV), 0, false },
	{ "pages", CMD_PAGES(DID), PAGES_ALL, false },
	{ "all", CMD_ALL, 0, false },
	{ "interrupt_table", CMD_IRT(DEV), 0, true },
	{ "device_irq", CMD_DTE(DEV), 0, true },
	{ "all_irq", CMD_ALL, 0, true },
};

static void scene_open(struct scene *s, const struct done_case *v)
{
	struct guest *g = &s->guest;

	*s = (struct scene){};
	prepare(s, 0);
	set_entry(s->page, ENTRY, 0x41);
	hold(s, v->irq ? irt_at(0) : AT_HELD, v->irq ? hold_irq : hold_dma);
	store64(g, AT_SEM, 0);
	put(g, v->lo, v->hi);
	put(g, CMD_WAIT(AT_SEM), 0x77);
}

TEST_EACH(stored_when_done, done_cases)
{
	struct caller writer;
	struct scene s;
	struct guest *g = &s.guest;

	scene_open(&s, v);
	caller_start(&writer, write_tail, &s);
	ASSERT_TRUE(caller_waits(&writer));
	ASSERT_EQ(0, load64(g, AT_SEM));
	let_go(&s);
	test_cmd(caller_end(&writer));
	ASSERT_EQ(0x77, load64(g, AT_SEM));
	R32(CMDHEAD, g->tail << 4);
}

/* The writer is killed: the next write of the tail executes COMPLETION_WAIT. */
TEST_EACH(stored_after_a_kill, done_cases)
{
	struct caller writer;
	struct scene s;
	struct guest *g = &s.guest;
	pid_t pid;

	scene_open(&s, v);
	pid = caller_fork(write_tail, &s);
	/* The head is at the wait: what is before that was executed. */
	WAIT_FOR(r32(g, CMDHEAD) == (g->tail - 1) << 4);
	caller_kill(pid);
	ASSERT_EQ(0, load64(g, AT_SEM));
	R32(CMDHEAD, (g->tail - 1) << 4);
	R32(STATUS, S_CMDRUN | S_EVTRUN);
	caller_start(&writer, write_tail, &s);
	ASSERT_TRUE(caller_waits(&writer));
	ASSERT_EQ(0, load64(g, AT_SEM));
	let_go(&s);
	test_cmd(caller_end(&writer));
	ASSERT_EQ(0x77, load64(g, AT_SEM));
	R32(CMDHEAD, g->tail << 4);
	expect_no_event(g);
}

/* Without a store: the interrupt tells it. */
TEST(interrupt_after_a_kill)
{
	struct caller writer;
	struct scene s = {};
	struct guest *g = &s.guest;
	pid_t pid;

	prepare(&s, 0);
	control(g, C_WAITINT, 0);
	msis(g, NULL);
	hold(&s, AT_HELD, hold_dma);
	put(g, CMD_ALL, 0);
	put(g, CMD_WAIT_INT, 0);
	pid = caller_fork(write_tail, &s);
	WAIT_FOR(r32(g, CMDHEAD) == (g->tail - 1) << 4);
	caller_kill(pid);
	R32(STATUS, S_CMDRUN | S_EVTRUN);
	ASSERT_EQ(0, msis(g, NULL));
	caller_start(&writer, write_tail, &s);
	ASSERT_TRUE(caller_waits(&writer));
	let_go(&s);
	test_cmd(caller_end(&writer));
	R32(STATUS, S_CMDRUN | S_EVTRUN | S_WAITINT);
	ASSERT_EQ(1, msis(g, NULL));
}

/* ---- reset ---- */

static int do_reset(void *arg)
{
	struct nyx_unit_reset reset = { .size = sizeof(reset) };
	struct scene *s = arg;

	return nyx_cmd(s->guest.fd, NYX_UNIT_RESET, &reset);
}

static bool is_off(struct scene *s)
{
	struct nyx_unit_info info;

	test_cmd(cmd_unit_info(s->guest.fd, &info));
	return info.irq_mode & NYX_IRQ_MODE_OFF;
}

/**
 * struct reset_case - what is under way when the unit is reset
 * @name: for the report
 * @irq: an interrupt, not a DMA
 */
static const struct reset_case {
	const char *name;
	bool irq;
} reset_cases[] = {
	{ "dma", false },
	{ "irq", true },
};

static void reset_open(struct scene *s, const struct reset_case *v)
{
	*s = (struct scene){};
	prepare(s, 0);
	set_entry(s->page, ENTRY, 0x41);
	hold(s, v->irq ? irt_at(0) : AT_HELD, v->irq ? hold_irq : hold_dma);
}

TEST_EACH(reset_waits, reset_cases)
{
	struct caller reset;
	struct scene s;

	reset_open(&s, v);
	caller_start(&reset, do_reset, &s);
	WAIT_FOR(is_off(&s));
	ASSERT_TRUE(caller_waits(&reset));
	let_go(&s);
	test_cmd(caller_end(&reset));
}

TEST_EACH(reset_again, reset_cases)
{
	struct caller second;
	struct scene s;
	pid_t pid;

	reset_open(&s, v);
	pid = caller_fork(do_reset, &s);
	WAIT_FOR(is_off(&s));
	caller_kill(pid);
	caller_start(&second, do_reset, &s);
	ASSERT_TRUE(caller_waits(&second));
	let_go(&s);
	test_cmd(caller_end(&second));
}

/* A page table that is held, and then has nothing: a fault of before the reset. */
TEST(reset_forgets_late_faults)
{
	struct scene s = {};
	struct guest *g = &s.guest;
	struct caller reset;
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	boot(g, BOOT_XT);
	hold(&s, root, hold_dma);
	caller_start(&reset, do_reset, &s);
	WAIT_FOR(is_off(&s));
	let_go(&s);
	test_cmd(caller_end(&reset));
	R64(CONTROL, 0);
	R32(STATUS, 0);
	R32(EVTHEAD, 0);
	R32(EVTTAIL, 0);
	/* Nor when the log is on again. */
	g->control = 0;
	g->tail = 0;
	memset(g->ram + AT_EVT, 0, SZ_4K);
	boot(g, BOOT_XT);
	expect_no_event(g);
	ASSERT_EQ(0, load64(g, AT_EVT));
}

/* A fault of an access of before an invalidation does not silence the next one. */
TEST(late_fault_silences_nobody)
{
	struct scene s = {};
	struct guest *g = &s.guest;
	__u64 root;

	guest_open(g);
	root = attach(g, DEV, DID, 4);
	dte(g, DEV)[1] |= D1_SE;
	boot(g, BOOT_XT);
	hold(&s, root, hold_dma);
	cmd(g, CMD_DTE(DEV), 0);
	let_go(&s);
	settle(g);
	expect_event(g, DEV, DID, E_FAULT | E_RW, 0x5000);
	refused(g, DEV, false, 0x6000, DID, E_FAULT);
	refused_quietly(g, DEV, false, 0x7000);
}

/* ---- what was found before ---- */

/**
 * struct entry_case - how the guest says that an interrupt table has changed
 * @name: for the report
 * @lo: the command
 */
static const struct entry_case {
	const char *name;
	__u64 lo;
} entry_cases[] = {
	{ "interrupt_table", CMD_IRT(DEV) },
	{ "device", CMD_DTE(DEV) },
	{ "all", CMD_ALL },
};

/*
 * An interrupt table is held after the device table entry was read. The guest
 * replaces that by one with another table, and invalidates: the entry that was found
 * in the old table is not in use after that.
 */
TEST_EACH(entry_of_before, entry_cases)
{
	struct scene s = {};
	struct guest *g = &s.guest;

	prepare(&s, 0);
	set_entry(s.page, ENTRY, 0x41);
	set_entry(words(g, irt_at(1)), ENTRY, 0x51);
	/* How the device's interrupts are treated is known, another entry is cached. */
	set_entry(words(g, irt_at(0)), ENTRY + 1, 0x42);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, MSI, ENTRY + 1));
	hold(&s, irt_at(0), hold_irq);
	dte(g, DEV)[2] = irt_at(1) | D2_IV | D2_LEN(9) | D2_CTL(2);
	cmd(g, v->lo, 0);
	let_go(&s);
	settle(g);
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, MSI, ENTRY));
	ASSERT_EQ(0x51, g->s.out_vector);
}

/* ---- views: a process that translates without a system call ---- */

/* A guest whose DEV has a domain, and a view of it. */
static void view_scene(struct scene *s, struct view *view, __u32 timeout_ms)
{
	struct guest *g = &s->guest;

	*s = (struct scene){};
	guest_open(g, .view_timeout_ms = timeout_ms);
	set_pte(g, attach(g, DEV, DID, 4), 4, 0x5000, 1, AT_DATA | P_RW);
	boot(g, BOOT_XT);
	reaches(g, DEV, 0x5000, AT_DATA);
	view_open(view, g->fd, 4, 4);
	ASSERT_TRUE(view_find(view, DEV));
	store64(g, AT_SEM, 0);
}

static void flush_domain(struct guest *g)
{
	cmd(g, CMD_PAGES(DID), PAGES_ALL);
}

TEST(view_walks_the_table)
{
	struct view view;
	struct scene s;
	struct guest *g = &s.guest;
	const struct nyx_window_dom *dom;

	view_scene(&s, &view, 60000);
	dom = &view.doms[view_domain_of(&view, DEV)];
	ASSERT_EQ(NYX_FORMAT_AMDV1, dom->format);
	view_walks(g, &view, pte(g, dom->root, 4, 0x5000, 1), flush_domain);
}

static const struct view_case {
	const char *name;
	__u64 lo;
	__u64 hi;
	bool waits;	/* for a hold of page 5 */
} view_cases[] = {
	{ "device", CMD_DTE(DEV), 0, true },
	{ "pages", CMD_PAGES(DID), PAGES_ALL, true },
	{ "page", CMD_PAGES(DID), 0x5000, true },
	{ "all", CMD_ALL, 0, true },
	{ "other_page", CMD_PAGES(DID), 0x6000, false },
	{ "other_domain", CMD_PAGES(DID + 1), PAGES_ALL, false },
	{ "nothing", 0, 0, false },
};

TEST_EACH(waits_for_hold, view_cases)
{
	struct caller writer;
	struct view view;
	struct scene s;
	struct guest *g = &s.guest;

	view_scene(&s, &view, 60000);
	hold_take(&view, 1, view_domain_of(&view, DEV), view_find(&view, DEV), 5, 5);
	if (v->lo)
		put(g, v->lo, v->hi);
	put(g, CMD_WAIT(AT_SEM), 0x77);
	caller_start(&writer, write_tail, &s);
	if (v->waits) {
		ASSERT_TRUE(caller_waits(&writer));
		ASSERT_EQ(0, load64(g, AT_SEM));
		hold_release(&view, 1);
	}
	test_cmd(caller_end(&writer));
	ASSERT_EQ(0x77, load64(g, AT_SEM));
	expect_no_event(g);
}

/* The guest sees the time-out as that of a device-TLB: an event, and the completion. */
TEST(view_times_out)
{
	struct nyx_event event;
	struct view view;
	struct scene s;
	struct guest *g = &s.guest;

	view_scene(&s, &view, 20);
	slot_enter(&view, 2, view_find(&view, DEV));
	put(g, CMD_ALL, 0);
	put(g, CMD_WAIT(AT_SEM), 0x77);
	write_tail(&s);
	ASSERT_EQ(0x77, load64(g, AT_SEM));
	R32(CMDHEAD, g->tail << 4);
	ASSERT_EQ(S_CMDRUN, r32(g, STATUS) & S_CMDRUN);
	expect_event(g, 0, 0, E_TIMEOUT, 0);
	ASSERT_EQ(1, events(g, NYX_EVENT_VIEW, &event));
	ASSERT_EQ(DEV, event.view.sbdf);
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, device_state(g->fd, DEV));
	for (unsigned int i = 0; i < 600; i++)
		invalidate(g, CMD_ALL, 0);
	expect_no_event(g);
}

/* The window does not tell exclusion ranges: a device that has one never hits. */
TEST(filtered)
{
	struct nyx_view_fill c;
	struct view view;
	struct scene s;
	struct guest *g = &s.guest;

	view_scene(&s, &view, 60000);
	ASSERT_EQ(0, view_dev(&view, view_find(&view, DEV)) & NYX_WINDOW_DEV_FILTERED);
	dte(g, DEV)[1] |= D1_EX;
	W64(EXCLBASE, AT_DATA | 1);
	W64(EXCLLIMIT, AT_DATA);
	invalidate(g, CMD_DTE(DEV), 0);
	reaches(g, DEV, 0x5000, AT_DATA);
	ASSERT_EQ(NYX_WINDOW_DEV_FILTERED,
		  view_dev(&view, view_find(&view, DEV)) & NYX_WINDOW_DEV_FILTERED);
	/* The kernel answers. */
	test_cmd(cmd_view_fill(g->fd, &c, DEV, RW, AT_DATA + 5, 6));
	ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
	ASSERT_EQ(AT_DATA + 5, c.out_extent.gpa);
	ASSERT_EQ(AT_DATA / SZ_4K, c.out_extent.first);
	ASSERT_EQ(AT_DATA / SZ_4K, c.out_extent.last);
	dte(g, DEV)[1] &= ~D1_EX;
	invalidate(g, CMD_DTE(DEV), 0);
	reaches(g, DEV, 0x5000, AT_DATA);
	ASSERT_EQ(0, view_dev(&view, view_find(&view, DEV)) & NYX_WINDOW_DEV_FILTERED);
}
