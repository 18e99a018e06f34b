// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: VT-d units: change streams of what a guest maps.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The unit has caching mode: the guest invalidates what it maps, too. A write of a register
 * handles the changes that it brings, as a VMM does before the guest's processor goes on.
 */
#include "vtd_guest.h"

#include <poll.h>
#include <sys/mman.h>

#define NEVER_MS	60000u	/* the case fails before that */
#define SOON_MS		20u
#define LEVELS		4u
#define AT_DATA_2M	0x400000ull
#define OTHER_DID	8u

/**
 * struct scene - a guest with a stream, whose target is DEV
 * @g: the guest
 * @s: the stream
 * @root: DEV's table
 * @t: number of the target
 */
struct scene {
	struct guest g;
	struct stream s;
	__u64 root;
	__u32 t;
};

static void scene_open_max(struct scene *c, __u32 flags, __u32 timeout_ms, __u32 max_maps)
{
	guest_open(&c->g, .flags = NYX_VTD_F_CACHING_MODE, .view_timeout_ms = timeout_ms);
	boot(&c->g, BOOT_QUEUE | BOOT_DMA);
	c->root = attach(&c->g, DEV, DID, LEVELS);
	invalidate(&c->g, CC_DEVICE(DID, DEV, 0), 0);
	stream_open(&c->s, c->g.fd, flags);
	if (flags & NYX_CHANGES_F_INLINE)
		c->g.stream = &c->s;
	c->t = stream_add_max(&c->s, NYX_CHANGES_DEVICE, DEV, max_maps);
	stream_settle(&c->s);
	stream_count(&c->s, 0, 0, 1);
	ASSERT_EQ(NYX_CHANGE_ATTACHED, c->s.target[0].state);
}

static void scene_open(struct scene *c, __u32 flags, __u32 timeout_ms)
{
	scene_open_max(c, flags, timeout_ms, 0);
}

static void map(struct scene *c, __u64 iova, __u64 gpa)
{
	set_pte(&c->g, c->root, LEVELS, iova, 0, gpa | PTE_RW);
}

static void unmap(struct scene *c, __u64 iova)
{
	*pte(&c->g, c->root, LEVELS, iova, 0) = 0;
}

static void flush_page(struct scene *c, __u64 iova)
{
	invalidate(&c->g, IOTLB_PAGE(DID), iova);
}

/* ---- differences ---- */

TEST(pages)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	map(&c, 0x5000, AT_DATA);
	flush_page(&c, 0x5000);
	stream_count(&c.s, 1, 0, 0);
	stream_has(&c.s, c.t, 0x5000, SZ_4K, AT_DATA, RW);
	/* Once more, and of all of the domain, and of all: nothing has changed. */
	flush_page(&c, 0x5000);
	invalidate(&c.g, IOTLB_DOMAIN(DID), 0);
	invalidate(&c.g, IOTLB_GLOBAL, 0);
	invalidate(&c.g, CC_GLOBAL, 0);
	stream_count(&c.s, 0, 0, 0);
	/* Another permission, another page */
	set_pte(&c.g, c.root, LEVELS, 0x5000, 0, AT_DATA | PTE_R);
	flush_page(&c, 0x5000);
	stream_count(&c.s, 1, 1, 0);
	stream_has(&c.s, c.t, 0x5000, SZ_4K, AT_DATA, NYX_PROT_READ);
	map(&c, 0x5000, AT_DATA + SZ_4K);
	flush_page(&c, 0x5000);
	stream_count(&c.s, 1, 1, 0);
	unmap(&c, 0x5000);
	flush_page(&c, 0x5000);
	stream_count(&c.s, 0, 1, 0);
	stream_has(&c.s, c.t, 0, 0, 0, 0);
	/* Nothing looks at a page that the guest does not invalidate. */
	map(&c, 0x5000, AT_DATA);
	map(&c, 0x8000, AT_DATA);
	flush_page(&c, 0x8000);
	stream_has(&c.s, c.t, 0x8000, SZ_4K, AT_DATA, RW);
}

/* Neighbours are one map; what is taken away in a row is one unmap. */
TEST(neighbours)
{
	const unsigned int nr = 2 * SZ_1M / SZ_4K;
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	for (unsigned int i = 0; i < nr; i++)
		map(&c, SZ_1G + i * SZ_4K, AT_DATA + i * SZ_4K);
	invalidate(&c.g, IOTLB_DOMAIN(DID), 0);
	stream_count(&c.s, 1, 0, 0);
	stream_has(&c.s, c.t, SZ_1G, 2 * SZ_1M, AT_DATA, RW);
	for (unsigned int i = 0; i < nr; i++)
		map(&c, SZ_1G + i * SZ_4K, AT_DATA + (i ^ 1) * SZ_4K);
	invalidate(&c.g, IOTLB_DOMAIN(DID), 0);
	stream_count(&c.s, nr, 1, 0);
	for (unsigned int i = 0; i < nr; i++)
		unmap(&c, SZ_1G + i * SZ_4K);
	invalidate(&c.g, IOTLB_DOMAIN(DID), 0);
	stream_count(&c.s, 0, 1, 0);
}

TEST(large_pages)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	set_pte(&c.g, c.root, LEVELS, SZ_1G, 1, AT_DATA_2M | PTE_RW | PTE_PS);
	/* The guest names any part of it. */
	flush_page(&c, SZ_1G + 0x5000);
	stream_has(&c.s, c.t, SZ_1G, SZ_2M, AT_DATA_2M, RW);
	*pte(&c.g, c.root, LEVELS, SZ_1G, 1) = 0;
	flush_page(&c, SZ_1G + 0x8000);
	stream_has(&c.s, c.t, 0, 0, 0, 0);
	set_pte(&c.g, c.root, LEVELS, SZ_1G, 1, AT_DATA_2M | PTE_RW | PTE_PS);
	flush_page(&c, SZ_1G + SZ_2M - SZ_4K);
	stream_count(&c.s, 2, 1, 0);
	/* A page of which only a part is memory */
	set_pte(&c.g, c.root, LEVELS, 2 * SZ_1G, 2, PTE_RW | PTE_PS);
	invalidate(&c.g, IOTLB_DOMAIN(DID), 0);
	ASSERT_TRUE(stream_maps(&c.s, c.t, 2 * SZ_1G, GUEST_RAM, 0, RW));
	*pte(&c.g, c.root, LEVELS, 2 * SZ_1G, 2) = 0;
	invalidate(&c.g, IOTLB_DOMAIN(DID), 0);
	stream_has(&c.s, c.t, SZ_1G, SZ_2M, AT_DATA_2M, RW);
}

/*
 * The guest takes a large page away, and names any address in it: also one that was never
 * reported, and one that translates as before.
 */
TEST(parts_of_large_pages)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	/* Only the beginning is memory. */
	set_pte(&c.g, c.root, LEVELS, SZ_1G, 2, PTE_RW | PTE_PS);
	flush_page(&c, SZ_1G);
	stream_has(&c.s, c.t, SZ_1G, GUEST_RAM, 0, RW);
	*pte(&c.g, c.root, LEVELS, SZ_1G, 2) = 0;
	flush_page(&c, 2 * SZ_1G - SZ_4K);
	stream_has(&c.s, c.t, 0, 0, 0, 0);
	/* Two ranges of memory */
	set_pte(&c.g, c.root, LEVELS, SZ_1G, 1, AT_DATA_2M | PTE_RW | PTE_PS);
	flush_page(&c, SZ_1G);
	*pte(&c.g, c.root, LEVELS, SZ_1G, 1) = 0;
	/* A table in place of the page: the first entry leads where that led. */
	set_pte(&c.g, c.root, LEVELS, SZ_1G, 0, AT_DATA_2M | PTE_RW);
	flush_page(&c, SZ_1G);
	stream_has(&c.s, c.t, SZ_1G, SZ_4K, AT_DATA_2M, RW);
}

TEST(page_over_two_ranges)
{
	const __u64 at = GUEST_RAM + SZ_2M;
	unsigned char *more = map_aligned(SZ_2M, SZ_4K, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	test_cmd(cmd_memory_add(c.g.fd, 0, at, SZ_64K, more));
	test_cmd(cmd_memory_add(c.g.fd, 0, at + SZ_1M, SZ_64K, more + SZ_1M));
	stream_settle(&c.s);
	set_pte(&c.g, c.root, LEVELS, SZ_1G, 1, at | PTE_RW | PTE_PS);
	flush_page(&c, SZ_1G);
	stream_count(&c.s, 2, 0, 0);
	*pte(&c.g, c.root, LEVELS, SZ_1G, 1) = 0;
	flush_page(&c, SZ_1G);
	stream_has(&c.s, c.t, 0, 0, 0, 0);
}

/* Addresses of interrupts are never mapped, nor is what is no memory. */
TEST(holes)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	for (__u64 i = 0; i < 3; i++)
		map(&c, 0xfedff000 + i * SZ_4K, AT_DATA + i * SZ_4K);
	for (__u64 i = 0; i < 2; i++)
		map(&c, 0xfeeff000 + i * SZ_4K, AT_DATA + i * SZ_4K);
	map(&c, 0x5000, NOWHERE);
	map(&c, 0x6000, 0xfee00000);
	invalidate(&c.g, IOTLB_DOMAIN(DID), 0);
	stream_count(&c.s, 2, 0, 0);
	ASSERT_TRUE(stream_maps(&c.s, c.t, 0xfedff000, SZ_4K, AT_DATA, RW));
	ASSERT_TRUE(stream_maps(&c.s, c.t, 0xfef00000, SZ_4K, AT_DATA + SZ_4K, RW));
}

/* The last page of 48 bits, alone and with all that is below it */
TEST(last_page)
{
	const __u64 last = (1ull << 48) - SZ_4K;
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	map(&c, last, AT_DATA);
	flush_page(&c, last);
	stream_has(&c.s, c.t, last, SZ_4K, AT_DATA, RW);
	flush_page(&c, last + SZ_4K);	/* beyond the width: nothing is there */
	stream_has(&c.s, c.t, last, SZ_4K, AT_DATA, RW);
	unmap(&c, last);
	flush_page(&c, last);
	stream_has(&c.s, c.t, 0, 0, 0, 0);
	map(&c, last, AT_DATA);
	map(&c, 0, AT_DATA);
	invalidate(&c.g, IOTLB_DOMAIN(DID), 0);
	stream_count(&c.s, 3, 1, 0);
	unmap(&c, last);
	unmap(&c, 0);
	invalidate(&c.g, IOTLB_GLOBAL, 0);
	stream_has(&c.s, c.t, 0, 0, 0, 0);
}

/* ---- contexts ---- */

TEST(contexts)
{
	__u64 other;
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	map(&c, 0x5000, AT_DATA);
	map(&c, 0x7000, AT_DATA);
	flush_page(&c, 0x5000);
	flush_page(&c, 0x7000);
	stream_count(&c.s, 2, 0, 0);
	/* Another table, with a page that is the same */
	other = attach(&c.g, DEV, OTHER_DID, 3);
	set_pte(&c.g, other, 3, 0x5000, 0, AT_DATA | PTE_RW);
	invalidate(&c.g, CC_DEVICE(DID, DEV, 0), 0);
	stream_count(&c.s, 0, 1, 1);
	stream_has(&c.s, c.t, 0x5000, SZ_4K, AT_DATA, RW);
	/* No table */
	set_context(&c.g, DEV, 0, 0);
	invalidate(&c.g, CC_DEVICE(OTHER_DID, DEV, 0), 0);
	stream_count(&c.s, 0, 1, 1);
	ASSERT_EQ(NYX_CHANGE_DETACHED, c.s.target[0].state);
	/* The pages of a device are not those of another. */
	set_context(&c.g, DEV2, other | 1, 1 | OTHER_DID << 8);
	invalidate(&c.g, CC_DEVICE(OTHER_DID, DEV2, 0), 0);
	stream_count(&c.s, 0, 0, 0);
	/* All memory, by pass-through and by no translation at all */
	set_context(&c.g, DEV, 1 | 2 << 2, 2 | DID << 8);
	invalidate(&c.g, CC_GLOBAL, 0);
	stream_has(&c.s, c.t, 0, GUEST_RAM, 0, RW);
	set_context(&c.g, DEV, c.root | 1, 2 | DID << 8);
	invalidate(&c.g, CC_DEVICE(DID, DEV, 0), 0);
	stream_count(&c.s, 3, 1, 2);
	command(&c.g, 0, G_TE);
	stream_has(&c.s, c.t, 0, GUEST_RAM, 0, RW);
	command(&c.g, G_TE, 0);
	ASSERT_EQ(2, c.s.target[0].nr);
}

/* Two targets of one domain */
TEST(two_devices)
{
	struct scene c;
	__u32 t;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	set_context(&c.g, DEV2, c.root | 1, 2 | DID << 8);
	invalidate(&c.g, CC_DEVICE(DID, DEV2, 0), 0);
	t = stream_add(&c.s, NYX_CHANGES_DEVICE, DEV2);
	map(&c, 0x5000, AT_DATA);
	flush_page(&c, 0x5000);
	stream_has(&c.s, c.t, 0x5000, SZ_4K, AT_DATA, RW);
	stream_has(&c.s, t, 0x5000, SZ_4K, AT_DATA, RW);
	set_context(&c.g, DEV2, 0, 0);
	invalidate(&c.g, CC_DEVICE(DID, DEV2, 0), 0);
	stream_has(&c.s, c.t, 0x5000, SZ_4K, AT_DATA, RW);
	stream_has(&c.s, t, 0, 0, 0, 0);
}

TEST(reset)
{
	struct nyx_unit_reset r = { .size = sizeof(r) };
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	map(&c, 0x5000, AT_DATA);
	flush_page(&c, 0x5000);
	test_err(EINPROGRESS, nyx_cmd(c.g.fd, NYX_UNIT_RESET, &r));
	stream_settle(&c.s);
	stream_has(&c.s, c.t, 0, GUEST_RAM, 0, RW);
	ASSERT_EQ(0, r32(&c.g, GSTS));
}

/* ---- waits ---- */

/* A wait descriptor stores nothing before the changes are handled. */
TEST(queue_stops)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	map(&c, 0x5000, AT_DATA);
	map(&c, 0x6000, AT_DATA + SZ_4K);
	invalidate(&c.g, IOTLB_DOMAIN(DID), 0);
	stream_count(&c.s, 1, 0, 0);

	c.g.put_off = true;
	unmap(&c, 0x5000);
	unmap(&c, 0x6000);
	put(&c.g, IOTLB_PAGE(DID), 0x5000);
	put(&c.g, WAIT_SW | 1ull << 32, AT_STATUS);
	put(&c.g, IOTLB_PAGE(DID), 0x6000);
	put(&c.g, WAIT_SW | 2ull << 32, AT_STATUS + 4);
	store64(&c.g, AT_STATUS, 0);
	submit(&c.g);
	ASSERT_TRUE(c.g.pending);
	/* The changes came back from that very call. */
	stream_count(&c.s, 0, 1, 0);
	ASSERT_EQ(0, load64(&c.g, AT_STATUS));
	ASSERT_NE(c.g.tail << 4, r64(&c.g, IQH));
	/* A write of another processor meanwhile */
	submit(&c.g);
	ASSERT_TRUE(c.g.pending);
	ASSERT_EQ(0, load64(&c.g, AT_STATUS));
	stream_settle(&c.s);
	ASSERT_EQ(1 | 2ull << 32, load64(&c.g, AT_STATUS));
	ASSERT_EQ(c.g.tail << 4, r64(&c.g, IQH));
	stream_has(&c.s, c.t, 0, 0, 0, 0);
}

static const struct register_case {
	const char *name;
	__u32 write;
	__u64 value;
	__u32 read;
	__u64 mask;
	__u64 before;
} register_cases[] = {
	{ "context", CCMD, BIT(63) | BIT(61), CCMD, BIT(63), BIT(63) },
	{ "iotlb", IOTLB, BIT(63) | BIT(60), IOTLB, BIT(63), BIT(63) },
	{ "translation_off", GCMD, G_QIE, GSTS, G_TE, G_TE },
};

/* A register does not say that a command is done before the changes are handled. */
TEST_EACH(registers, register_cases)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	map(&c, 0x5000, AT_DATA);
	flush_page(&c, 0x5000);
	unmap(&c, 0x5000);
	if (v->write == CCMD)
		set_context(&c.g, DEV, 0, 0);
	c.g.put_off = true;
	if (v->write == GCMD)
		w32(&c.g, v->write, v->value);
	else
		w64(&c.g, v->write, v->value);
	ASSERT_TRUE(c.g.pending);
	ASSERT_EQ(v->before, (v->read == GSTS ? r32(&c.g, GSTS) : r64(&c.g, v->read)) & v->mask);
	stream_settle(&c.s);
	ASSERT_EQ(0, (v->read == GSTS ? r32(&c.g, GSTS) : r64(&c.g, v->read)) & v->mask);
}

/* Neither a write nor a reset is lost while changes are to be handled. */
TEST(write_while_pending)
{
	struct nyx_unit_reset r = { .size = sizeof(r) };
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	map(&c, 0x5000, AT_DATA);
	flush_page(&c, 0x5000);
	unmap(&c, 0x5000);
	c.g.put_off = true;
	w64(&c.g, IOTLB, BIT(63) | BIT(60));
	ASSERT_TRUE(c.g.pending);
	w32(&c.g, FEDATA, 0x1234);
	ASSERT_TRUE(c.g.pending);
	ASSERT_EQ(0x1234, r32(&c.g, FEDATA));
	check_listed(&c.g);
	stream_settle(&c.s);
	ASSERT_EQ(0, r64(&c.g, IOTLB) & BIT(63));
	stream_has(&c.s, c.t, 0, 0, 0, 0);

	map(&c, 0x5000, AT_DATA);
	w64(&c.g, IOTLB, BIT(63) | BIT(60));
	ASSERT_TRUE(c.g.pending);
	test_err(EINPROGRESS, nyx_cmd(c.g.fd, NYX_UNIT_RESET, &r));
	stream_settle(&c.s);
	ASSERT_EQ(0, r32(&c.g, GSTS));
	ASSERT_EQ(0, r32(&c.g, FEDATA));
	stream_has(&c.s, c.t, 0, GUEST_RAM, 0, RW);
}

static int sleep_until_ready(void *arg)
{
	const struct stream *s = arg;
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	return poll(&p, 1, -1) == 1 ? 0 : -1;
}

/* How often has a thread gone to sleep? */
static unsigned long sleeps(pid_t tid)
{
	unsigned long n = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	f = fopen(path, "r");
	ASSERT_TRUE(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "voluntary_ctxt_switches: %lu", &n);
	fclose(f);
	ASSERT_NE(0, n);
	return n;
}

/* Changes that the caller handles wake no thread that polls; those of others do. */
TEST(poller_sleeps)
{
	struct caller call;
	struct nyx_mmio m = {
		.size = sizeof(m), .flags = NYX_MMIO_F_WRITE, .offset = IQT, .width = 8,
	};
	unsigned long before;
	unsigned int i;
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	m.changes_id = c.s.id;
	caller_start(&call, sleep_until_ready, &c.s);
	ASSERT_TRUE(caller_waits(&call));
	before = sleeps(call.tid);
	for (i = 0; i < 16; i++) {
		map(&c, 0x5000, AT_DATA);
		flush_page(&c, 0x5000);
		unmap(&c, 0x5000);
		flush_page(&c, 0x5000);
	}
	stream_count(&c.s, 16, 16, 0);
	ASSERT_EQ(before, sleeps(call.tid));

	map(&c, 0x5000, AT_DATA);
	c.g.stream = NULL;
	put(&c.g, IOTLB_PAGE(DID), 0x5000);
	submit(&c.g);
	test_cmd(caller_end(&call));
	stream_settle(&c.s);
	stream_has(&c.s, c.t, 0x5000, SZ_4K, AT_DATA, RW);

	/* The caller has no room for them. */
	caller_start(&call, sleep_until_ready, &c.s);
	ASSERT_TRUE(caller_waits(&call));
	unmap(&c, 0x5000);
	put(&c.g, IOTLB_PAGE(DID), 0x5000);
	m.value = c.g.tail << 4;
	test_cmd(nyx_cmd(c.g.fd, NYX_MMIO, &m));
	test_cmd(caller_end(&call));
	stream_settle(&c.s);
	stream_has(&c.s, c.t, 0, 0, 0, 0);
}

/* A register is written for an inline stream, or for none. */
TEST(threaded_is_refused)
{
	struct nyx_mmio m = {
		.size = sizeof(m), .flags = NYX_MMIO_F_WRITE, .offset = FEDATA, .width = 4,
	};
	struct scene c;

	scene_open(&c, 0, NEVER_MS);
	m.changes_id = c.s.id;
	test_err(EINVAL, nyx_cmd(c.g.fd, NYX_MMIO, &m));
	ASSERT_EQ(NYX_REASON_CONFLICT, m.out_err_reason);
	ASSERT_EQ(offsetof(struct nyx_mmio, changes_id), m.out_err_field);
	m.changes_id = 0;
	m.nr_changes = 1;
	test_err(EINVAL, nyx_cmd(c.g.fd, NYX_MMIO, &m));
	m.nr_changes = 0;
	test_cmd(nyx_cmd(c.g.fd, NYX_MMIO, &m));
}

static int do_submit(void *arg)
{
	submit(arg);
	return 0;
}

/* The other order: a thread reads, and the writer waits for it. */
TEST(thread_reads)
{
	struct caller call;
	struct scene c;

	scene_open(&c, 0, NEVER_MS);
	map(&c, 0x5000, AT_DATA);
	put(&c.g, IOTLB_PAGE(DID), 0x5000);
	put(&c.g, WAIT_SW | 1ull << 32, AT_STATUS);
	store64(&c.g, AT_STATUS, 0);
	caller_start(&call, do_submit, &c.g);
	ASSERT_TRUE(caller_waits(&call));
	WAIT_FOR(stream_ready(&c.s));
	stream_read(&c.s);
	stream_has(&c.s, c.t, 0x5000, SZ_4K, AT_DATA, RW);
	ASSERT_TRUE(caller_waits(&call));
	ASSERT_EQ(0, load64(&c.g, AT_STATUS));
	stream_next(&c.s, c.s.seq, 16);
	test_cmd(caller_end(&call));
	ASSERT_EQ(1, load64(&c.g, AT_STATUS));
}

TEST(late_reader)
{
	struct nyx_event event;
	struct scene c;

	scene_open(&c, 0, SOON_MS);
	map(&c, 0x5000, AT_DATA);
	put(&c.g, IOTLB_PAGE(DID), 0x5000);
	put(&c.g, WAIT_SW | 1ull << 32, AT_STATUS);
	store64(&c.g, AT_STATUS, 0);
	submit(&c.g);
	ASSERT_EQ(F_ITE, r32(&c.g, FSTS));
	ASSERT_EQ(0, load64(&c.g, AT_STATUS));
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, device_state(c.g.fd, DEV));
	ASSERT_EQ(1, events(&c.g, NYX_EVENT_DEVICE_STATE, &event));
	ASSERT_EQ(NYX_STATE_BY_CHANGES, event.state.cause);
	w32(&c.g, FSTS, F_ITE);
	stream_settle(&c.s);
	ASSERT_EQ(NYX_CHANGE_LATE, c.s.target[0].state);
	/* The guest goes on, and the VMM releases the device. */
	invalidate(&c.g, IOTLB_DOMAIN(DID), 0);
	stream_count(&c.s, 0, 0, 1);
	test_cmd(cmd_device_control(c.g.fd, DEV, NYX_DEVICE_DO_RESET));
	stream_settle(&c.s);
	stream_has(&c.s, c.t, 0x5000, SZ_4K, AT_DATA, RW);
}

/* ---- hostile guests ---- */

/* A table that leads to itself has 2^36 pages. */
TEST(table_leads_to_itself)
{
	struct scene c;

	scene_open_max(&c, NYX_CHANGES_F_INLINE, NEVER_MS, 1000);
	for (unsigned int i = 0; i < 512; i++)
		words(&c.g, c.root)[i] = c.root | PTE_RW;
	invalidate(&c.g, IOTLB_DOMAIN(DID), 0);
	ASSERT_EQ(NYX_CHANGE_FULL, c.s.target[0].state);
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, device_state(c.g.fd, DEV));
	stream_has(&c.s, c.t, 0, 0, 0, 0);
}

/*
 * Tables of four pages with 2^27 empty ones at their end, of two devices: a call ends, though
 * it finds nothing, and a device that is stopped is looked at no more.
 */
TEST(tables_without_pages)
{
	__u64 last, root;
	struct scene c;
	__u32 t;

	scene_open(&c, 0, NEVER_MS);
	root = new_table(&c.g);
	last = new_table(&c.g);
	for (unsigned int level = 3; level; level--) {
		__u64 table = level == 3 ? root : new_table(&c.g);

		for (unsigned int i = 0; i < 512; i++)
			words(&c.g, table)[i] = last | PTE_RW;
		last = level == 3 ? last : table;
	}
	for (unsigned int i = 0; i < 512; i++)
		words(&c.g, root)[i] = last | PTE_RW;
	set_context(&c.g, DEV, root | 1, 2 | DID << 8);
	set_context(&c.g, DEV2, root | 1, 2 | OTHER_DID << 8);
	put(&c.g, CC_GLOBAL, 0);
	submit(&c.g);
	t = stream_add(&c.s, NYX_CHANGES_DEVICE, DEV2);
	for (unsigned int i = 0; i < 4; i++)
		ASSERT_TRUE(stream_next(&c.s, c.s.seq, 16));
	ASSERT_EQ(NYX_CHANGE_ATTACHED, c.s.target[t - 1].state);
	set_context(&c.g, DEV, 0, 0);
	set_context(&c.g, DEV2, 0, 0);
	put(&c.g, CC_GLOBAL, 0);
	submit(&c.g);
	stream_settle(&c.s);
	ASSERT_EQ(NYX_CHANGE_DETACHED, c.s.target[t - 1].state);
}

TEST(table_is_no_memory)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	map(&c, 0x5000, AT_DATA);
	flush_page(&c, 0x5000);
	*pte(&c.g, c.root, LEVELS, 0x5000, 1) = NOWHERE | PTE_RW;
	invalidate(&c.g, IOTLB_DOMAIN(DID), 0);
	stream_has(&c.s, c.t, 0, 0, 0, 0);
	/* Reserved bits */
	*pte(&c.g, c.root, LEVELS, 0x5000, 3) |= BIT(7);
	invalidate(&c.g, IOTLB_DOMAIN(DID), 0);
	stream_has(&c.s, c.t, 0, 0, 0, 0);
}

/* One page, mapped and unmapped over and over */
TEST(one_page)
{
	unsigned long n = ktap_iterations(20000);
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	map(&c, 0x5000, AT_DATA);
	unmap(&c, 0x5000);
	for (unsigned long i = 0; i < n; i++) {
		map(&c, 0x5000, AT_DATA);
		flush_page(&c, 0x5000);
		unmap(&c, 0x5000);
		flush_page(&c, 0x5000);
	}
	stream_count(&c.s, n, n, 0);
}

/* ---- random ---- */

#define SPAN	128u	/* pages in which the guest maps */

/* Changes, of which some invalidations take several together */
TEST(random_guest)
{
	unsigned long n = ktap_iterations(2000);
	struct rng r = rng_start(15);
	struct scene c;
	__u64 iova;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	for (unsigned int i = 0; i < SPAN; i++) {
		map(&c, i * SZ_4K, AT_DATA);
		unmap(&c, i * SZ_4K);
	}
	while (n--) {
		for (unsigned long k = rng_below(&r, 4); k; k--) {
			iova = rng_below(&r, SPAN) * SZ_4K;
			if (rng_below(&r, 2))
				map(&c, iova, AT_DATA + iova + rng_below(&r, 2) * SZ_4K);
			else
				unmap(&c, iova);
			put(&c.g, IOTLB_PAGE(DID), iova);
		}
		if (!rng_below(&r, 16))
			put(&c.g, IOTLB_DOMAIN(DID), 0);
		settle(&c.g);
		if (!rng_below(&r, 8))
			stream_compare(&c.s, c.t, DEV, SPAN);
	}
}
