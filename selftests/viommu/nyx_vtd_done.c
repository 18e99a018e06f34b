// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: VT-d units: when a command by register, or a wait descriptor, is
 * seen to be done.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * GSTS, CCMD.ICC and IOTLB_REG.IVT say "done" when no access uses any more what
 * the command has taken away: not while the writer waits for one, and not because
 * the writer was killed. userfaultfd(2) holds the access, or a posted interrupt,
 * for as long as the test wants. It also holds a reader of the guest's tables: what
 * the reader has found before the guest invalidates is not in use after that, and a kill or
 * a reset meanwhile leaves no record of a fault.
 */
#include "victim.h"
#include "vtd_guest.h"
#include "view.h"

#define AT_HELD		0x800000ull	/* the page that is held */
#define ENTRY		8u		/* posts to a descriptor in that page */
#define POSTED_ENTRY	(0x910000ull | 0x8000ull | 1 | AT_HELD << 32)

/**
 * struct done_case - a command by register
 * @name: for the report
 * @write: the register that is written
 * @value: what is written; of GCMD: bits that are set once
 * @clear: GCMD: bits that are turned off
 * @read: the register that says so
 * @mask: its bit
 * @done: what the bit is when the command is done
 * @posted: what is held is an interrupt, not a DMA
 */
static const struct done_case {
	const char *name;
	__u32 write;
	__u64 value;
	__u32 clear;
	__u32 read;
	__u64 mask;
	bool done;
	bool posted;
} done_cases[] = {
	{ "context", CCMD, BIT(63) | BIT(61), 0, CCMD, BIT(63), false, false },
	{ "iotlb", IOTLB, BIT(63) | BIT(60), 0, IOTLB, BIT(63), false, false },
	{ "root", GCMD, G_RTP, 0, GSTS, G_RTP, true, false },
	{ "translation_off", GCMD, 0, G_TE, GSTS, G_TE, false, false },
	{ "irt", GCMD, G_IRTP, 0, GSTS, G_IRTP, true, true },
	{ "remapping_off", GCMD, 0, G_IRE, GSTS, G_IRE, false, true },
};

/**
 * struct desc_case - a descriptor of the queue
 * @name: for the report
 * @lo: the descriptor
 * @hi: likewise
 * @posted: what is held is an interrupt, not a DMA
 */
static const struct desc_case {
	const char *name;
	__u64 lo;
	__u64 hi;
	bool posted;
} desc_cases[] = {
	{ "context", CC_GLOBAL, 0, false },
	{ "context_domain", CC_DOMAIN(DID), 0, false },
	{ "context_device", CC_DEVICE(DID, DEV, 0), 0, false },
	{ "iotlb", IOTLB_GLOBAL, 0, false },
	{ "iotlb_domain", IOTLB_DOMAIN(DID), 0, false },
	{ "iotlb_page", IOTLB_PAGE(DID), 0x5000, false },
	{ "iec", IEC_GLOBAL, 0, true },
	{ "iec_index", IEC_INDEX(ENTRY, 0), 0, true },
};

/**
 * struct scene - a guest with something that is held
 * @guest: the guest
 * @v: the command
 * @stall: where
 * @held: the thread that is held
 * @seen: what a thread has read
 */
struct scene {
	struct guest guest;
	const struct done_case *v;
	struct stall stall;
	struct caller held;
	bool seen;
};

static int hold_dma(void *arg)
{
	static unsigned char buf[SZ_4K];
	struct scene *s = arg;
	struct nyx_dma c;

	return cmd_dma_write(s->guest.fd, &c, DEV, 0x5000, buf, sizeof(buf));
}

static int hold_irq(void *arg)
{
	struct scene *s = arg;

	send_msi(&s->guest, DEV, msi_address(ENTRY), 0);
	return 0;
}

static void scene_open_held(struct scene *s, const struct done_case *v, bool posted)
{
	struct guest *g = &s->guest;

	*s = (struct scene){ .v = v };
	guest_open(g, .flags = NYX_VTD_F_POSTED);
	set_pte(g, attach(g, DEV, DID, 4), 4, 0x5000, 0, AT_HELD | PTE_RW);
	set_irte(g, ENTRY, POSTED_ENTRY, 0);
	boot(g, BOOT_ALL);
	stall_arm(&s->stall, g->ram + AT_HELD, SZ_4K);
	caller_start(&s->held, posted ? hold_irq : hold_dma, s);
	stall_wait(&s->stall);
}

static void scene_open(struct scene *s, const struct done_case *v)
{
	scene_open_held(s, v, v && v->posted);
}

static void let_go(struct scene *s)
{
	stall_release(&s->stall, 0);
	test_cmd(caller_end(&s->held));
}

static int write_command(void *arg)
{
	struct scene *s = arg;

	if (s->v->write == GCMD)
		w32(&s->guest, GCMD, (s->guest.gcmd & ~s->v->clear) | s->v->value);
	else
		w64(&s->guest, s->v->write, s->v->value);
	return 0;
}

static bool looks_done(struct scene *s)
{
	__u64 value = s->v->read == GSTS ? r32(&s->guest, GSTS) : r64(&s->guest, s->v->read);

	return !!(value & s->v->mask) == s->v->done;
}

static __u32 domain_of_dev(struct scene *s)
{
	struct nyx_device_info info;

	device_info(s->guest.fd, DEV, &info);
	return info.domain_id;
}

/* Has the command taken effect? By what the host sees, unless only the guest does. */
static bool took(struct scene *s)
{
	struct nyx_unit_info info;

	if (s->v->value)
		return !looks_done(s);
	if (!s->v->posted)
		return !domain_of_dev(s);
	test_cmd(cmd_unit_info(s->guest.fd, &info));
	return info.irq_mode & NYX_IRQ_MODE_OFF;
}

/* Another processor looks while the one that gave the command waits. */
TEST_EACH(seen_when_done, done_cases)
{
	struct caller writer;
	struct scene s;

	scene_open(&s, v);
	caller_start(&writer, write_command, &s);
	WAIT_FOR(took(&s));
	ASSERT_TRUE(caller_waits(&writer));
	ASSERT_TRUE(!looks_done(&s));
	let_go(&s);
	test_cmd(caller_end(&writer));
	ASSERT_TRUE(looks_done(&s));
}

static int look(void *arg)
{
	struct scene *s = arg;

	s->seen = looks_done(s);
	return 0;
}

/* The writer is killed: the next access to a register waits in its place. */
TEST_EACH(seen_after_a_kill, done_cases)
{
	struct caller reader;
	struct scene s;
	pid_t pid;

	scene_open(&s, v);
	pid = caller_fork(write_command, &s);
	WAIT_FOR(took(&s));
	caller_kill(pid);
	caller_start(&reader, look, &s);
	ASSERT_TRUE(caller_waits(&reader));
	let_go(&s);
	test_cmd(caller_end(&reader));
	ASSERT_TRUE(s.seen);
}

static int write_another(void *arg)
{
	struct scene *s = arg;

	w32(&s->guest, FEDATA, 0x55);
	return 0;
}

TEST_EACH(written_after_a_kill, done_cases)
{
	struct caller writer;
	struct scene s;
	pid_t pid;

	scene_open(&s, v);
	pid = caller_fork(write_command, &s);
	WAIT_FOR(took(&s));
	caller_kill(pid);
	caller_start(&writer, write_another, &s);
	ASSERT_TRUE(caller_waits(&writer));
	let_go(&s);
	test_cmd(caller_end(&writer));
	ASSERT_TRUE(looks_done(&s));
	ASSERT_EQ(0x55, r32(&s.guest, FEDATA));
}

/* The next access is one of a process that is killed as well, and so on. */
TEST_EACH(killed_again, done_cases)
{
	struct caller reader;
	struct scene s;
	pid_t pid;

	scene_open(&s, v);
	pid = caller_fork(write_command, &s);
	WAIT_FOR(took(&s));
	caller_kill(pid);
	caller_kill(caller_fork(look, &s));
	caller_kill(caller_fork(write_another, &s));
	caller_start(&reader, look, &s);
	ASSERT_TRUE(caller_waits(&reader));
	let_go(&s);
	test_cmd(caller_end(&reader));
	ASSERT_TRUE(s.seen);
}

/* ---- reset ---- */

static int do_reset(void *arg)
{
	struct nyx_unit_reset reset = { .size = sizeof(reset) };
	struct scene *s = arg;

	return nyx_cmd(s->guest.fd, NYX_UNIT_RESET, &reset);
}

static const struct done_case off = {
	.read = GSTS, .mask = G_TE, .done = false,
};

TEST(reset_after_a_kill)
{
	struct nyx_unit_info info;
	struct caller reader;
	struct scene s;
	pid_t pid;

	scene_open(&s, &off);
	pid = caller_fork(do_reset, &s);
	WAIT_FOR(!domain_of_dev(&s));
	caller_kill(pid);
	/* How interrupts are treated has followed. */
	test_cmd(cmd_unit_info(s.guest.fd, &info));
	ASSERT_EQ(NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF, info.irq_mode);
	caller_start(&reader, look, &s);
	ASSERT_TRUE(caller_waits(&reader));
	let_go(&s);
	test_cmd(caller_end(&reader));
	ASSERT_TRUE(s.seen);
	ASSERT_EQ(0, r32(&s.guest, GSTS));
	ASSERT_EQ(0, r64(&s.guest, RTADDR));
}

TEST(reset_again)
{
	struct caller second;
	struct scene s;
	pid_t pid;

	scene_open(&s, &off);
	pid = caller_fork(do_reset, &s);
	WAIT_FOR(!domain_of_dev(&s));
	caller_kill(pid);
	caller_start(&second, do_reset, &s);
	ASSERT_TRUE(caller_waits(&second));
	let_go(&s);
	test_cmd(caller_end(&second));
	ASSERT_EQ(0, r32(&s.guest, GSTS));
}

/* ---- the queue ---- */

static int write_tail(void *arg)
{
	struct scene *s = arg;

	submit(&s->guest);
	return 0;
}

/* A wait descriptor whose waiter is killed is executed with the next write. */
TEST(wait_after_a_kill)
{
	struct caller writer;
	struct scene s;
	struct guest *g = &s.guest;
	pid_t pid;

	scene_open(&s, NULL);
	store32(g, AT_STATUS, 0);
	put(g, CC_GLOBAL, 0);
	put(g, WAIT_SW | 1ull << 32, AT_STATUS);
	pid = caller_fork(write_tail, &s);
	WAIT_FOR(!domain_of_dev(&s));
	caller_kill(pid);
	ASSERT_EQ(0, load32(g, AT_STATUS));
	ASSERT_NE(r64(g, IQT), r64(g, IQH));
	caller_start(&writer, write_tail, &s);
	ASSERT_TRUE(caller_waits(&writer));
	ASSERT_EQ(0, load32(g, AT_STATUS));
	let_go(&s);
	test_cmd(caller_end(&writer));
	ASSERT_EQ(1, load32(g, AT_STATUS));
	ASSERT_EQ(r64(g, IQT), r64(g, IQH));
}

/* A status whose writer is killed while it is stored is stored with the next write. */
TEST(status_after_a_kill)
{
	struct scene scene = {}, *s = &scene;
	struct guest *g = &s->guest;
	pid_t pid;

	guest_open(g);
	queue_on(g, 0);
	stall_arm(&s->stall, g->ram + AT_STATUS, SZ_4K);
	put(g, WAIT_SW | 1ull << 32, AT_STATUS);
	pid = caller_fork(write_tail, s);
	stall_wait(&s->stall);
	caller_kill(pid);
	ASSERT_NE(g->tail << 4, r64(g, IQH));
	stall_release(&s->stall, 0);
	submit(g);
	ASSERT_EQ(1, load32(g, AT_STATUS));
	R64(IQH, g->tail << 4);
}

/* The status is not written while what the descriptor has taken away is in use. */
TEST_EACH(status_when_done, desc_cases)
{
	struct caller writer;
	struct scene s;
	struct guest *g = &s.guest;

	scene_open_held(&s, NULL, v->posted);
	store32(g, AT_STATUS, 0);
	put(g, v->lo, v->hi);
	put(g, WAIT_SW | 1ull << 32, AT_STATUS);
	caller_start(&writer, write_tail, &s);
	ASSERT_TRUE(caller_waits(&writer));
	ASSERT_EQ(0, load32(g, AT_STATUS));
	let_go(&s);
	test_cmd(caller_end(&writer));
	ASSERT_EQ(1, load32(g, AT_STATUS));
}

static int remove_ram(void *arg)
{
	struct scene *s = arg;

	return cmd_memory_remove(s->guest.fd, 0, GUEST_RAM);
}

/* Memory is not given back while a descriptor is read from it. */
TEST(memory_goes_while_a_descriptor_is_read)
{
	struct scene scene = {}, *s = &scene;
	struct guest *g = &s->guest;
	struct caller remover;

	guest_open(g);
	queue_on(g, 0);
	put(g, CC_GLOBAL, 0);
	stall_arm(&s->stall, g->ram + g->queue, SZ_4K);
	caller_start(&s->held, write_tail, s);
	stall_wait(&s->stall);
	caller_start(&remover, remove_ram, s);
	ASSERT_TRUE(caller_waits(&remover));
	let_go(s);
	test_cmd(caller_end(&remover));
}

/* ---- what was found before ---- */

#define OLD_DATA	0x810000ull
#define NEW_DATA	0x820000ull

/**
 * struct context_case - how the guest says that contexts have changed
 * @name: for the report
 * @lo: a descriptor; 0: it writes CCMD
 */
static const struct context_case {
	const char *name;
	__u64 lo;
} context_cases[] = {
	{ "global", CC_GLOBAL },
	{ "domain", CC_DOMAIN(DID) },
	{ "device", CC_DEVICE(DID, DEV, 0) },
	{ "register", 0 },
};

static int write_word(void *arg)
{
	struct scene *s = arg;
	__u64 word = 0x5e;
	struct nyx_dma c;

	return cmd_dma_write(s->guest.fd, &c, DEV, 0x5000, &word, sizeof(word));
}

static int write_ccmd(void *arg)
{
	struct scene *s = arg;

	w64(&s->guest, CCMD, BIT(63) | BIT(61));
	return 0;
}

/*
 * A context table is held after its root entry was read. The guest replaces that by
 * one with another table, and invalidates: the domain that the old table names is no
 * more the device's.
 */
TEST_EACH(context_of_before, context_cases)
{
	static __u64 page[SZ_4K / 8];
	struct scene scene = {}, *s = &scene;
	struct guest *g = &s->guest;
	struct caller writer;
	__u64 old, new, ctx;

	guest_open(g);
	old = attach(g, DEV, DID, 4);
	set_pte(g, old, 4, 0x5000, 0, OLD_DATA | PTE_RW);
	memcpy(page, words(g, AT_CTX), SZ_4K);
	new = new_table(g);
	set_pte(g, new, 4, 0x5000, 0, NEW_DATA | PTE_RW);
	ctx = new_table(g);
	words(g, ctx)[2 * DEV] = new | 1;
	words(g, ctx)[2 * DEV + 1] = 2 | DID << 8;
	boot(g, BOOT_ALL);
	stall_arm(&s->stall, g->ram + AT_CTX, SZ_4K);
	caller_start(&s->held, write_word, s);
	stall_wait(&s->stall);
	store64(g, AT_ROOT, ctx | 1);
	if (v->lo) {
		put(g, v->lo, 0);
		submit(g);
	} else {
		caller_start(&writer, write_ccmd, s);
		WAIT_FOR(r64(g, CCMD) & BIT(63));
		/* It counts before it waits. */
		ASSERT_TRUE(caller_waits(&writer));
	}
	stall_release_with(&s->stall, page);
	test_cmd(caller_end(&s->held));
	if (!v->lo)
		test_cmd(caller_end(&writer));
	settle(g);
	reaches(g, DEV, 0x5000, NEW_DATA);
}

static int send_entry(void *arg)
{
	struct scene *s = arg;

	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(&s->guest, DEV, msi_address(ENTRY), 0));
	return 0;
}

static int set_table(void *arg)
{
	struct scene *s = arg;

	w32(&s->guest, GCMD, s->guest.gcmd | G_IRTP);
	return 0;
}

/* An entry of the old table is held, while the guest has another one be used. */
TEST(entry_of_before)
{
	static __u64 page[SZ_4K / 8];
	struct scene scene = {}, *s = &scene;
	struct guest *g = &s->guest;
	struct caller writer;

	guest_open(g);
	boot(g, BOOT_QUEUE | BOOT_IRQ);
	page[2 * ENTRY] = 1 | 0x41 << 16;
	words(g, AT_IRT + SZ_64K)[2 * ENTRY] = 1 | 0x51 << 16;
	stall_arm(&s->stall, g->ram + AT_IRT, SZ_4K);
	caller_start(&s->held, send_entry, s);
	stall_wait(&s->stall);
	w64(g, IRTA, (AT_IRT + SZ_64K) | 0x80f);
	caller_start(&writer, set_table, s);
	WAIT_FOR(!(r32(g, GSTS) & G_IRTP));
	ASSERT_TRUE(caller_waits(&writer));
	stall_release_with(&s->stall, page);
	test_cmd(caller_end(&s->held));
	test_cmd(caller_end(&writer));
	ASSERT_EQ(NYX_IRQ_DELIVER, send_msi(g, DEV, msi_address(ENTRY), 0));
	ASSERT_EQ(0x51, g->s.out_vector);
}

/* ---- faults of accesses that end meanwhile ---- */

static int translate_word(void *arg)
{
	struct nyx_translate t = {
		.size = sizeof(t), .flags = NYX_TRANSLATE_F_REPORT, .sbdf = DEV,
		.pasid = NYX_PASID_NONE, .access = NYX_PROT_WRITE, .length = 1,
	};
	struct scene *s = arg;

	return nyx_cmd(s->guest.fd, NYX_TRANSLATE, &t);
}

static const struct killed_case {
	const char *name;
	__u64 at;
	int (*fn)(void *arg);
} killed_cases[] = {
	{ "root_entry", AT_ROOT, write_word },
	{ "table", AT_TABLES, write_word },
	{ "table_translate", AT_TABLES, translate_word },
};

/* A caller that is killed while the tables are read has met no fault of the guest's. */
TEST_EACH(killed_is_no_fault, killed_cases)
{
	struct scene scene = {}, *s = &scene;
	struct guest *g = &s->guest;
	struct nyx_device_info info;
	pid_t pid;

	guest_open(g);
	ASSERT_EQ(AT_TABLES, attach(g, DEV, DID, 3));
	boot(g, BOOT_ALL);
	stall_arm(&s->stall, g->ram + v->at, SZ_4K);
	pid = caller_fork(v->fn, s);
	stall_wait(&s->stall);
	caller_kill(pid);
	expect_no_record(g);
	ASSERT_EQ(0, events(g, NYX_EVENT_FAULT, NULL));
	device_info(g->fd, DEV, &info);
	ASSERT_EQ(0, info.fault_events);
	stall_release(&s->stall, 0);
}

/* The guest's records are those of a new unit; the host has its own. */
TEST(fault_of_before_a_reset)
{
	struct scene scene = {}, *s = &scene;
	struct guest *g = &s->guest;
	struct caller reset;

	guest_open(g);
	ASSERT_EQ(AT_TABLES, attach(g, DEV, DID, 3));
	boot(g, BOOT_ALL);
	W32(FECTL, 0);
	stall_arm(&s->stall, g->ram + AT_TABLES, SZ_4K);
	caller_start(&s->held, write_word, s);
	stall_wait(&s->stall);
	caller_start(&reset, do_reset, s);
	ASSERT_TRUE(caller_waits(&reset));
	stall_release(&s->stall, 0);
	test_cmd(caller_end(&s->held));
	test_cmd(caller_end(&reset));
	ASSERT_EQ(1, events(g, NYX_EVENT_FAULT, NULL));
	R32(FSTS, 0);
	R32(FECTL, IM);
	for (unsigned int n = 0; n < 8; n++) {
		R64(FRCD(n), 0);
		R64(FRCD(n) + 8, 0);
	}
	ASSERT_EQ(0, msis(g, NULL));
}

/* ---- how soon a long queue ends ---- */

#define LONGEST	32768u	/* descriptors */
#define CROWD	200u	/* devices, which each of them has to look at */

static int crowd(void *arg)
{
	struct guest *g = arg;

	guest_open(g);
	guest_share(g);
	for (unsigned int i = 0; i < CROWD; i++)
		test_cmd(cmd_device_add(g->fd, NYX_SBDF(0, 16, 0, 0) + i));
	queue_on(g, 7);
	for (unsigned int i = 0; i < LONGEST - 1; i++)
		put(g, CC_GLOBAL, 0);
	return g->fd;
}

static void run_queue(void *arg)
{
	submit(arg);
}

static unsigned int executed(int fd)
{
	struct guest g = { .fd = fd };

	return r64(&g, IQH) >> 4;
}

TEST(killed_in_a_long_queue)
{
	static const struct victim_queue queue = { crowd, run_queue, executed, LONGEST - 1 };
	struct guest guest;

	victim_in_queue(&queue, &guest);
}

/* ---- views: a process that translates without a system call ---- */

/* A guest whose DEV has a domain, and a view of it. */
static void view_scene(struct scene *s, struct view *view, __u32 timeout_ms)
{
	struct guest *g = &s->guest;

	*s = (struct scene){};
	guest_open(g, .view_timeout_ms = timeout_ms);
	set_pte(g, attach(g, DEV, DID, 4), 4, 0x5000, 0, AT_DATA | PTE_RW);
	boot(g, BOOT_ALL);
	reaches(g, DEV, 0x5000, AT_DATA);
	view_open(view, g->fd, 4, 4);
	ASSERT_TRUE(view_find(view, DEV));
	store32(g, AT_STATUS, 0);
	store32(g, AT_STATUS + 4, 0);
}

static void flush_domain(struct guest *g)
{
	invalidate(g, IOTLB_GLOBAL, 0);
}

TEST(view_walks_the_table)
{
	struct view view;
	struct scene s;
	struct guest *g = &s.guest;
	const struct nyx_window_dom *dom;

	view_scene(&s, &view, 60000);
	dom = &view.doms[view_domain_of(&view, DEV)];
	ASSERT_EQ(NYX_FORMAT_VTDSS, dom->format);
	view_walks(g, &view, pte(g, dom->root, 4, 0x5000, 0), flush_domain);
}

static const struct view_case {
	const char *name;
	__u64 lo;
	__u64 hi;
	bool waits;	/* for a hold of page 5 */
} view_cases[] = {
	{ "context", CC_GLOBAL, 0, true },
	{ "context_domain", CC_DOMAIN(DID), 0, true },
	{ "iotlb", IOTLB_GLOBAL, 0, true },
	{ "iotlb_domain", IOTLB_DOMAIN(DID), 0, true },
	{ "iotlb_page", IOTLB_PAGE(DID), 0x5000, true },
	{ "iotlb_other_page", IOTLB_PAGE(DID), 0x6000, false },
	{ "iotlb_other_domain", IOTLB_DOMAIN(DID + 1), 0, false },
	{ "nothing", 0, 0, false },
};

/* The wait descriptor of what takes pages away waits for the holds of these. */
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
	put(g, WAIT_SW | 1ull << 32, AT_STATUS);
	caller_start(&writer, write_tail, &s);
	if (v->waits) {
		ASSERT_TRUE(caller_waits(&writer));
		ASSERT_EQ(0, load32(g, AT_STATUS));
		hold_release(&view, 1);
	}
	test_cmd(caller_end(&writer));
	ASSERT_EQ(1, load32(g, AT_STATUS));
	R32(FSTS, 0);
}

/*
 * The guest sees the time-out as that of a device-TLB: ITE, no status, and a queue that
 * stands behind the descriptor until the bit is cleared.
 */
TEST(view_times_out)
{
	struct nyx_event event;
	struct view view;
	struct scene s;
	struct guest *g = &s.guest;
	unsigned int behind;

	view_scene(&s, &view, 20);
	slot_enter(&view, 2, view_find(&view, DEV));
	put(g, IOTLB_GLOBAL, 0);
	put(g, WAIT_SW | 1ull << 32, AT_STATUS);
	behind = g->tail;
	put(g, WAIT_SW | 2ull << 32, AT_STATUS + 4);
	submit(g);
	R32(FSTS, F_ITE);
	R32(IQH, behind << 4);
	ASSERT_EQ(0, load32(g, AT_STATUS));
	ASSERT_EQ(0, load32(g, AT_STATUS + 4));
	ASSERT_EQ(1, events(g, NYX_EVENT_VIEW, &event));
	ASSERT_EQ(DEV, event.view.sbdf);
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, device_state(g->fd, DEV));
	/* A new tail is only noted. */
	put(g, WAIT_SW | 3ull << 32, AT_STATUS);
	submit(g);
	R32(IQH, behind << 4);
	/* Another bit does not help. */
	W32(FSTS, F_IQE);
	R32(FSTS, F_ITE);
	R32(IQH, behind << 4);
	W32(FSTS, F_ITE);
	R32(FSTS, 0);
	R32(IQH, g->tail << 4);
	ASSERT_EQ(3, load32(g, AT_STATUS));
	ASSERT_EQ(2, load32(g, AT_STATUS + 4));
	/* The driver submits it again: nobody is waited for any more. */
	for (unsigned int i = 0; i < 300; i++)
		invalidate(g, IOTLB_GLOBAL, 0);
	R32(FSTS, 0);
	test_cmd(cmd_device_control(g->fd, DEV, NYX_DEVICE_DO_RESET));
	reaches(g, DEV, 0x5000, AT_DATA);
}

/* A register has no bit for it: the command ends. */
TEST(register_times_out)
{
	struct view view;
	struct scene s;
	struct guest *g = &s.guest;

	view_scene(&s, &view, 20);
	slot_enter(&view, 2, 0);
	W64(CCMD, BIT(63) | BIT(61));
	ASSERT_EQ(0, r64(g, CCMD) & BIT(63));
	R32(FSTS, 0);
	ASSERT_EQ(1, view.slots[0].cut);
	ASSERT_EQ(1, events(g, NYX_EVENT_VIEW, NULL));
}
