// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: AMD-Vi units: change streams of what a guest maps.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The guest invalidates what it maps, too, as a driver does that finds NpCache. A write of a
 * register handles the changes that it brings, as a VMM does before the guest's processor
 * goes on.
 */
#include "amdvi_guest.h"

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

static void scene_open(struct scene *c, __u32 flags, __u32 timeout_ms)
{
	guest_open(&c->g, .view_timeout_ms = timeout_ms);
	boot(&c->g, 0);
	c->root = attach(&c->g, DEV, DID, LEVELS);
	invalidate(&c->g, CMD_DTE(DEV), 0);
	stream_open(&c->s, c->g.fd, flags);
	if (flags & NYX_CHANGES_F_INLINE)
		c->g.stream = &c->s;
	c->t = stream_add(&c->s, NYX_CHANGES_DEVICE, DEV);
	stream_settle(&c->s);
	stream_count(&c->s, 0, 0, 1);
	ASSERT_EQ(NYX_CHANGE_ATTACHED, c->s.target[0].state);
}

static void map(struct scene *c, __u64 iova, __u64 gpa)
{
	set_pte(&c->g, c->root, LEVELS, iova, 1, gpa | P_RW);
}

static void unmap(struct scene *c, __u64 iova)
{
	*pte(&c->g, c->root, LEVELS, iova, 1) = 0;
}

static void flush_page(struct scene *c, __u64 iova)
{
	invalidate(&c->g, CMD_PAGES(DID), iova);
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
	invalidate(&c.g, CMD_PAGES(DID), PAGES_ALL);
	invalidate(&c.g, CMD_DTE(DEV), 0);
	invalidate(&c.g, CMD_ALL, 0);
	stream_count(&c.s, 0, 0, 0);
	/* Another permission, another page */
	set_pte(&c.g, c.root, LEVELS, 0x5000, 1, AT_DATA | P_PR | P_FC | P_IR);
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
}

/* Pages of sizes between those of levels: a next level of 7 says that the size is in the entry. */
TEST(odd_sizes)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	/* 32 KiB: the lowest clear bit from 12 on is 14 */
	for (unsigned int i = 0; i < 8; i++)
		set_pte(&c.g, c.root, LEVELS, 0x10000 + i * SZ_4K, 1,
			AT_DATA | 0x3000 | P_NL(7) | P_RW);
	flush_page(&c, 0x13000);
	stream_has(&c.s, c.t, 0x10000, 8 * SZ_4K, AT_DATA, RW);
	for (unsigned int i = 0; i < 8; i++)
		unmap(&c, 0x10000 + i * SZ_4K);
	flush_page(&c, 0x15000);
	stream_has(&c.s, c.t, 0, 0, 0, 0);
	/* 2 MiB */
	set_pte(&c.g, c.root, LEVELS, SZ_1G, 2, AT_DATA_2M | P_RW);
	flush_page(&c, SZ_1G + 0x5000);
	stream_has(&c.s, c.t, SZ_1G, SZ_2M, AT_DATA_2M, RW);
}

/* The last page of four levels, alone and with all that is below it */
TEST(last_page)
{
	const __u64 last = (1ull << 48) - SZ_4K;
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	map(&c, last, AT_DATA);
	flush_page(&c, last);
	stream_has(&c.s, c.t, last, SZ_4K, AT_DATA, RW);
	flush_page(&c, last + SZ_4K);	/* beyond the table: nothing is there */
	stream_has(&c.s, c.t, last, SZ_4K, AT_DATA, RW);
	unmap(&c, last);
	flush_page(&c, last);
	stream_has(&c.s, c.t, 0, 0, 0, 0);
	map(&c, last, AT_DATA);
	map(&c, 0, AT_DATA);
	invalidate(&c.g, CMD_PAGES(DID), PAGES_ALL);
	stream_count(&c.s, 3, 1, 0);
	unmap(&c, last);
	unmap(&c, 0);
	invalidate(&c.g, CMD_ALL, 0);
	stream_has(&c.s, c.t, 0, 0, 0, 0);
}

/* ---- device table entries ---- */

TEST(contexts)
{
	__u64 other;
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	map(&c, 0x5000, AT_DATA);
	map(&c, 0x7000, AT_DATA);
	invalidate(&c.g, CMD_PAGES(DID), PAGES_ALL);
	stream_count(&c.s, 2, 0, 0);
	/* Another table, with a page that is the same */
	other = attach(&c.g, DEV, OTHER_DID, 3);
	set_pte(&c.g, other, 3, 0x5000, 1, AT_DATA | P_RW);
	invalidate(&c.g, CMD_DTE(DEV), 0);
	stream_count(&c.s, 0, 1, 1);
	stream_has(&c.s, c.t, 0x5000, SZ_4K, AT_DATA, RW);
	/* The entry allows reads alone: the map is another. */
	dte(&c.g, DEV)[0] &= ~D_IW;
	invalidate(&c.g, CMD_DTE(DEV), 0);
	stream_has(&c.s, c.t, 0x5000, SZ_4K, AT_DATA, NYX_PROT_READ);
	/* No table: all memory is the device's */
	dte(&c.g, DEV)[0] = D_V | D_TV | D_RW;
	invalidate(&c.g, CMD_DTE(DEV), 0);
	ASSERT_TRUE(stream_maps(&c.s, c.t, 0, GUEST_RAM, 0, RW));
	/* It may do nothing. */
	dte(&c.g, DEV)[0] = D_V | D_TV;
	invalidate(&c.g, CMD_DTE(DEV), 0);
	stream_has(&c.s, c.t, 0, 0, 0, 0);
	dte(&c.g, DEV)[0] = c.root | D_V | D_TV | D_MODE(LEVELS) | D_RW;
	dte(&c.g, DEV)[1] = DID;
	invalidate(&c.g, CMD_DTE(DEV), 0);
	ASSERT_EQ(2, c.s.target[0].nr);
	control(&c.g, 0, C_IOMMU);
	ASSERT_TRUE(stream_maps(&c.s, c.t, 0, GUEST_RAM, 0, RW));
	control(&c.g, C_IOMMU, 0);
	ASSERT_EQ(2, c.s.target[0].nr);
}

/* Addresses of the exclusion range lead to themselves. */
TEST(exclusion_range)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	map(&c, 0x5000, AT_DATA);
	map(&c, AT_DATA, AT_DATA + SZ_4K);
	invalidate(&c.g, CMD_PAGES(DID), PAGES_ALL);
	stream_count(&c.s, 2, 0, 0);
	w64(&c.g, EXCLLIMIT, AT_DATA + SZ_4K);
	w64(&c.g, EXCLBASE, AT_DATA | 1);
	dte(&c.g, DEV)[1] |= D1_EX;
	invalidate(&c.g, CMD_DTE(DEV), 0);
	ASSERT_TRUE(stream_maps(&c.s, c.t, 0x5000, SZ_4K, AT_DATA, RW));
	ASSERT_TRUE(stream_maps(&c.s, c.t, AT_DATA, 2 * SZ_4K, AT_DATA, RW));
}

/* ---- waits ---- */

/* COMPLETION_WAIT stores nothing before the changes are handled. */
TEST(buffer_stops)
{
	struct scene c;

	scene_open(&c, NYX_CHANGES_F_INLINE, NEVER_MS);
	map(&c, 0x5000, AT_DATA);
	flush_page(&c, 0x5000);
	stream_count(&c.s, 1, 0, 0);
	c.g.put_off = true;
	unmap(&c, 0x5000);
	cmd(&c.g, CMD_PAGES(DID), 0x5000);
	ASSERT_TRUE(!c.g.pending);
	store64(&c.g, AT_SEM, 0);
	cmd(&c.g, CMD_WAIT(AT_SEM), 77);
	ASSERT_TRUE(c.g.pending);
	/* The changes came back from that very call. */
	stream_count(&c.s, 0, 1, 0);
	ASSERT_EQ(0, load64(&c.g, AT_SEM));
	ASSERT_NE(c.g.tail << 4, r32(&c.g, CMDHEAD));
	cmd(&c.g, CMD_WAIT(AT_SEM + 8), 78);
	ASSERT_EQ(0, load64(&c.g, AT_SEM + 8));
	stream_settle(&c.s);
	ASSERT_EQ(77, load64(&c.g, AT_SEM));
	ASSERT_EQ(78, load64(&c.g, AT_SEM + 8));
	ASSERT_EQ(c.g.tail << 4, r32(&c.g, CMDHEAD));
}

static int do_wait(void *arg)
{
	cmd(arg, CMD_WAIT(AT_SEM), 77);
	return 0;
}

/* The other order: a thread reads, and the writer waits for it. */
TEST(thread_reads)
{
	struct caller call;
	struct scene c;

	scene_open(&c, 0, NEVER_MS);
	map(&c, 0x5000, AT_DATA);
	cmd(&c.g, CMD_PAGES(DID), 0x5000);
	store64(&c.g, AT_SEM, 0);
	caller_start(&call, do_wait, &c.g);
	ASSERT_TRUE(caller_waits(&call));
	WAIT_FOR(stream_ready(&c.s));
	stream_read(&c.s);
	ASSERT_TRUE(caller_waits(&call));
	ASSERT_EQ(0, load64(&c.g, AT_SEM));
	stream_next(&c.s, c.s.seq, 16);
	test_cmd(caller_end(&call));
	ASSERT_EQ(77, load64(&c.g, AT_SEM));
}

TEST(late_reader)
{
	struct scene c;

	scene_open(&c, 0, SOON_MS);
	map(&c, 0x5000, AT_DATA);
	invalidate(&c.g, CMD_PAGES(DID), 0x5000);
	expect_event(&c.g, 0, 0, E_TIMEOUT, 0);
	ASSERT_EQ(NYX_DEVICE_QUARANTINED, device_state(c.g.fd, DEV));
	stream_settle(&c.s);
	ASSERT_EQ(NYX_CHANGE_LATE, c.s.target[0].state);
	test_cmd(cmd_device_control(c.g.fd, DEV, NYX_DEVICE_DO_RESET));
	stream_settle(&c.s);
	stream_has(&c.s, c.t, 0x5000, SZ_4K, AT_DATA, RW);
}

/* ---- random ---- */

#define SPAN	128u	/* pages in which the guest maps */

TEST(random_guest)
{
	unsigned long n = ktap_iterations(2000);
	struct rng r = rng_start(16);
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
			cmd(&c.g, CMD_PAGES(DID), iova);
		}
		if (!rng_below(&r, 16))
			cmd(&c.g, CMD_PAGES(DID), PAGES_ALL);
		settle(&c.g);
		if (!rng_below(&r, 8))
			stream_compare(&c.s, c.t, DEV, SPAN);
	}
}
