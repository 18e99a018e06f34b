// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: translations: extents, ends, faults with their exact place.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "nyx_env.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Asks with room for @nr extents. */
static void translate(const struct env *e, struct nyx_translate *t, __u32 access, __u64 iova,
		      __u64 length, struct nyx_extent *extents, __u32 nr)
{
	nyx_translate_init(t, e->sbdf, access, iova, length);
	t->extents = PTR(extents);
	t->nr_extents = nr;
	if (nr)
		memset(extents, NYX_POISON, nr * sizeof(*extents));
	test_cmd(nyx_cmd(e->fd, NYX_TRANSLATE, t));
}

static void check_run(const struct nyx_extent *r, __u64 iova, __u64 length, __u64 gpa,
		      const void *backing, __u32 prot, __u32 flags)
{
	ASSERT_EQ(iova, r->iova);
	ASSERT_EQ(length, r->length);
	ASSERT_EQ(gpa, r->gpa);
	ASSERT_EQ(PTR(backing), r->backing);
	ASSERT_EQ(prot, r->prot);
	ASSERT_EQ(flags, r->memory_flags);
}

TEST(one_run)
{
	struct nyx_translate t;
	struct nyx_extent run;
	struct env e;

	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, SZ_1G, SZ_64K, SZ_1M, RW));
	for (int i = 0; i < 2; i++) {
		translate(&e, &t, RW, SZ_1G + 0x123, 0x4567, &run, 1);
		ASSERT_EQ(1, t.out_nr_extents);
		ASSERT_EQ(0x4567, t.out_done);
		ASSERT_GE(t.out_page_size_lg2, 12);
		ASSERT_EQ(NYX_FAULT_NONE, t.out_fault.reason);
		check_run(&run, SZ_1G + 0x123, 0x4567, SZ_64K + 0x123, e.mem + SZ_64K + 0x123, RW,
			  0);
		ASSERT_EQ(0, memcmp(&run, &t.out_extent, sizeof(run)));
	}
	/* One byte, the first and the last. */
	translate(&e, &t, NYX_PROT_READ, SZ_1G, 1, &run, 1);
	check_run(&run, SZ_1G, 1, SZ_64K, e.mem + SZ_64K, RW, 0);
	translate(&e, &t, NYX_PROT_READ, SZ_1G + SZ_1M - 1, 1, &run, 1);
	check_run(&run, SZ_1G + SZ_1M - 1, 1, SZ_64K + SZ_1M - 1, e.mem + SZ_64K + SZ_1M - 1, RW,
		  0);
}

/* Pages that follow each other in GPA and backing are one run. */
TEST(runs_are_merged)
{
	struct nyx_translate t;
	struct nyx_extent extents[8];
	struct env e;

	env_open(&e);
	for (int i = 0; i < 16; i++)
		test_cmd(cmd_map(e.fd, e.domain, i * SZ_4K, SZ_64K + i * SZ_4K, SZ_4K, RW));
	translate(&e, &t, RW, 0x800, 15 * SZ_4K, extents, 8);
	ASSERT_EQ(1, t.out_nr_extents);
	check_run(&extents[0], 0x800, 15 * SZ_4K, SZ_64K + 0x800, e.mem + SZ_64K + 0x800, RW, 0);
	ASSERT_FILLED(&extents[1], NYX_POISON, 7 * sizeof(extents[0]));
}

/* A new run begins where GPA, backing, permission or kind of memory changes. */
TEST(runs_are_cut)
{
	unsigned char *far_away = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct nyx_translate t;
	struct nyx_extent extents[16], one;
	struct env e;
	__u64 done = 0;

	env_open(&e);
	/* Behind the env's memory, contiguous in GPA: elsewhere, then read-only. */
	test_cmd(cmd_memory_add(e.fd, 0, e.mem_size, SZ_4K, far_away));
	test_cmd(cmd_memory_add(e.fd, NYX_MEMORY_F_READONLY, e.mem_size + SZ_4K, SZ_4K,
				far_away + SZ_4K));
	test_cmd(cmd_map(e.fd, e.domain, 0 * SZ_4K, e.mem_size - SZ_4K, 3 * SZ_4K, RW));
	/* Another permission, then another GPA. */
	test_cmd(cmd_map(e.fd, e.domain, 3 * SZ_4K, SZ_1M, SZ_4K, RW));
	test_cmd(cmd_map(e.fd, e.domain, 4 * SZ_4K, SZ_1M + SZ_4K, SZ_4K, NYX_PROT_READ));
	test_cmd(cmd_map(e.fd, e.domain, 5 * SZ_4K, SZ_1M, SZ_4K, NYX_PROT_READ));

	translate(&e, &t, NYX_PROT_READ, 0xffe, 6 * SZ_4K - 0xffe, extents, 16);
	ASSERT_EQ(NYX_FAULT_NONE, t.out_fault.reason);
	ASSERT_EQ(6, t.out_nr_extents);
	ASSERT_EQ(6 * SZ_4K - 0xffe, t.out_done);
	check_run(&extents[0], 0xffe, 2, e.mem_size - 2, e.mem + e.mem_size - 2, RW, 0);
	check_run(&extents[1], SZ_4K, SZ_4K, e.mem_size, far_away, RW, 0);
	check_run(&extents[2], 2 * SZ_4K, SZ_4K, e.mem_size + SZ_4K, far_away + SZ_4K, NYX_PROT_READ,
		  NYX_MEMORY_F_READONLY);
	check_run(&extents[3], 3 * SZ_4K, SZ_4K, SZ_1M, e.mem + SZ_1M, RW, 0);
	check_run(&extents[4], 4 * SZ_4K, SZ_4K, SZ_1M + SZ_4K, e.mem + SZ_1M + SZ_4K, NYX_PROT_READ,
		  0);
	check_run(&extents[5], 5 * SZ_4K, SZ_4K, SZ_1M, e.mem + SZ_1M, NYX_PROT_READ, 0);
	ASSERT_EQ(0, memcmp(&extents[0], &t.out_extent, sizeof(extents[0])));
	ASSERT_FILLED(&extents[6], NYX_POISON, 10 * sizeof(extents[0]));

	/* No room: what was described is exact, and one can go on from there. */
	for (int i = 0; i < 6; i++) {
		translate(&e, &t, NYX_PROT_READ, 0xffe + done, 6 * SZ_4K - 0xffe - done, &one, 1);
		ASSERT_EQ(NYX_FAULT_NONE, t.out_fault.reason);
		ASSERT_EQ(1, t.out_nr_extents);
		ASSERT_EQ(extents[i].length, t.out_done);
		ASSERT_EQ(0, memcmp(&one, &extents[i], sizeof(one)));
		done += t.out_done;
	}
	/* The same without an array. */
	translate(&e, &t, NYX_PROT_READ, 0xffe, 6 * SZ_4K - 0xffe, NULL, 0);
	ASSERT_EQ(2, t.out_done);
	ASSERT_EQ(0, memcmp(&extents[0], &t.out_extent, sizeof(extents[0])));
	translate(&e, &t, NYX_PROT_READ, 0xffe, 6 * SZ_4K - 0xffe, extents, 2);
	ASSERT_EQ(2, t.out_nr_extents);
	ASSERT_EQ(2 + SZ_4K, t.out_done);
	ASSERT_EQ(NYX_FAULT_NONE, t.out_fault.reason);
	/* To write ends at the read-only memory. */
	translate(&e, &t, NYX_PROT_WRITE, 0, 6 * SZ_4K, extents, 16);
	ASSERT_EQ(2, t.out_nr_extents);
	ASSERT_EQ(2 * SZ_4K, t.out_done);
	check_fault(&t.out_fault, NYX_FAULT_READONLY_MEMORY, NYX_PROT_WRITE, NYX_LEVEL_NONE,
		    2 * SZ_4K, e.mem_size + SZ_4K);
}

/* More extents than the kernel would handle at once, into an array that just fits. */
TEST(many_runs)
{
	enum { EXTENTS = 1000 };
	struct nyx_extent *extents = ktap_alloc((EXTENTS + 1) * sizeof(*extents));
	struct nyx_translate t;
	struct env e;

	env_open(&e);
	/* Every other page of memory, backward: nothing is contiguous. */
	for (unsigned int i = 0; i < EXTENTS; i++)
		test_cmd(cmd_map(e.fd, e.domain, i * SZ_4K, (EXTENTS - 1 - i) * SZ_4K, SZ_4K,
				 RW));
	translate(&e, &t, RW, 0, EXTENTS * SZ_4K, extents, EXTENTS);
	ASSERT_EQ(EXTENTS, t.out_nr_extents);
	ASSERT_EQ(EXTENTS * SZ_4K, t.out_done);
	ASSERT_EQ(NYX_FAULT_NONE, t.out_fault.reason);
	for (unsigned int i = 0; i < EXTENTS; i++)
		check_run(&extents[i], i * SZ_4K, SZ_4K, (EXTENTS - 1 - i) * SZ_4K,
			  e.mem + (EXTENTS - 1 - i) * SZ_4K, RW, 0);
	for (__u32 nr = 1; nr < 70; nr++) {
		ktap_note("%u extents", nr);
		memset(extents, NYX_POISON, 100 * sizeof(*extents));
		translate(&e, &t, RW, 0, EXTENTS * SZ_4K, extents, nr);
		ASSERT_EQ(nr, t.out_nr_extents);
		ASSERT_EQ(nr * SZ_4K, t.out_done);
		ASSERT_EQ(NYX_FAULT_NONE, t.out_fault.reason);
		ASSERT_EQ((nr - 1) * SZ_4K, extents[nr - 1].iova);
		ASSERT_FILLED(&extents[nr], NYX_POISON, (100 - nr) * sizeof(*extents));
	}
	free(extents);
}

/* The level tells how far the tables go; the address is that of the first byte. */
TEST(fault_levels)
{
	static const struct {
		__u64 iova;
		int level;
		__u32 reason;
	} want[] = {
		{ SZ_4K, 0, NYX_FAULT_NOT_PRESENT },
		{ SZ_2M - 1, 0, NYX_FAULT_NOT_PRESENT },
		{ SZ_2M, 1, NYX_FAULT_TABLE_NOT_PRESENT },
		{ SZ_1G - 1, 1, NYX_FAULT_TABLE_NOT_PRESENT },
		{ SZ_1G, 2, NYX_FAULT_TABLE_NOT_PRESENT },
		{ SZ_512G - 1, 2, NYX_FAULT_TABLE_NOT_PRESENT },
		{ SZ_512G, 3, NYX_FAULT_TABLE_NOT_PRESENT },
		{ (1ull << 48) - 1, 3, NYX_FAULT_TABLE_NOT_PRESENT },
	};
	struct nyx_translate t;
	struct env e;

	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_4K, RW));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		ktap_note("0x%llx", (unsigned long long)want[i].iova);
		test_cmd(cmd_translate(e.fd, &t, e.sbdf, NYX_PROT_READ, want[i].iova, 1));
		ASSERT_EQ(0, t.out_done);
		ASSERT_EQ(0, t.out_nr_extents);
		check_fault(&t.out_fault, want[i].reason, NYX_PROT_READ, want[i].level,
			    want[i].iova, NYX_GPA_UNKNOWN);
	}
	/* Nothing was ever mapped: not even a top table, perhaps. */
	test_cmd(cmd_unmap_all(e.fd, e.domain, NULL));
	test_cmd(cmd_translate(e.fd, &t, e.sbdf, NYX_PROT_WRITE, 0x1001, 0x1000));
	ASSERT_EQ(NYX_FAULT_TABLE_NOT_PRESENT, t.out_fault.reason);
	ASSERT_EQ(3, t.out_fault.level);
	ASSERT_EQ(0x1001, t.out_fault.iova);
	/* Beyond the address width. */
	test_cmd(cmd_translate(e.fd, &t, e.sbdf, NYX_PROT_WRITE, 1ull << 48, 1));
	check_fault(&t.out_fault, NYX_FAULT_ADDRESS_WIDTH, NYX_PROT_WRITE, NYX_LEVEL_NONE,
		    1ull << 48, NYX_GPA_UNKNOWN);
	test_cmd(cmd_translate(e.fd, &t, e.sbdf, NYX_PROT_WRITE, ~0ull, 1));
	ASSERT_EQ(NYX_FAULT_ADDRESS_WIDTH, t.out_fault.reason);
}

/* A range that begins well and ends badly. */
TEST(faults_in_the_middle)
{
	struct nyx_translate t;
	struct nyx_extent extents[8];
	struct env e;

	env_open(&e);
	test_cmd(cmd_map(e.fd, e.domain, (1ull << 48) - SZ_4K, 0, SZ_4K, RW));
	translate(&e, &t, RW, (1ull << 48) - 10, 20, extents, 8);
	ASSERT_EQ(10, t.out_done);
	check_fault(&t.out_fault, NYX_FAULT_ADDRESS_WIDTH, RW, NYX_LEVEL_NONE, 1ull << 48,
		    NYX_GPA_UNKNOWN);

	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_4K, RW));
	translate(&e, &t, NYX_PROT_READ, 0x800, SZ_64K, extents, 8);
	ASSERT_EQ(1, t.out_nr_extents);
	ASSERT_EQ(0x800, t.out_done);
	check_fault(&t.out_fault, NYX_FAULT_NOT_PRESENT, NYX_PROT_READ, 0, SZ_4K,
		    NYX_GPA_UNKNOWN);
	/* Without an array the answer is about the first run only. */
	translate(&e, &t, NYX_PROT_READ, 0x800, SZ_64K, NULL, 0);
	ASSERT_EQ(0x800, t.out_done);
	ASSERT_EQ(0x800, t.out_extent.length);

	/* The end of guest memory, within a page of the table. */
	test_cmd(cmd_map(e.fd, e.domain, SZ_1G, 0, SZ_1G, RW));
	translate(&e, &t, RW, SZ_1G + 1, SZ_1G - 1, extents, 8);
	ASSERT_EQ(1, t.out_nr_extents);
	ASSERT_EQ(e.mem_size - 1, t.out_done);
	ASSERT_EQ(30, t.out_page_size_lg2);
	check_fault(&t.out_fault, NYX_FAULT_NO_MEMORY, RW, NYX_LEVEL_NONE, SZ_1G + e.mem_size,
		    e.mem_size);
	/* A mapping beyond all memory. */
	test_cmd(cmd_map(e.fd, e.domain, SZ_512G, SZ_512G, SZ_4K, RW));
	translate(&e, &t, RW, SZ_512G + 7, 1, extents, 8);
	ASSERT_EQ(0, t.out_done);
	ASSERT_EQ(0, t.out_nr_extents);
	check_fault(&t.out_fault, NYX_FAULT_NO_MEMORY, RW, NYX_LEVEL_NONE, SZ_512G + 7,
		    SZ_512G + 7);
}

/* To the last byte of a 64-bit address space. */
TEST(end_of_64_bits)
{
	struct nyx_translate t;
	struct env e;

	env_open(&e, .unit_width = 64, .format = NYX_FORMAT_AMDV1, .width = 64);
	test_cmd(cmd_map(e.fd, e.domain, 0ull - SZ_64K, 0, SZ_64K, RW));
	test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, 0ull - SZ_64K, SZ_64K));
	ASSERT_EQ(NYX_FAULT_NONE, t.out_fault.reason);
	ASSERT_EQ(SZ_64K, t.out_done);
	test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, ~0ull, 1));
	ASSERT_EQ(SZ_64K - 1, t.out_extent.gpa);
	ASSERT_EQ(1, t.out_done);
	test_err(EOVERFLOW, cmd_translate(e.fd, &t, e.sbdf, RW, ~0ull, 2));
	test_err(EOVERFLOW, cmd_translate(e.fd, &t, e.sbdf, RW, 0ull - SZ_64K, SZ_64K + 1));
	/* The longest question there is. */
	test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, 1, ~0ull));
	ASSERT_EQ(0, t.out_done);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_4K, RW));
	test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, 0, ~0ull));
	ASSERT_EQ(SZ_4K, t.out_done);
}

/* A question is no access, unless it asks for that. */
TEST(report_flag)
{
	struct nyx_device_info info;
	struct nyx_translate t;
	struct nyx_event event;
	struct pollfd p;
	struct env e;
	int ev;

	env_open(&e);
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	p = (struct pollfd){ .fd = ev, .events = POLLIN };
	test_cmd(cmd_translate(e.fd, &t, e.sbdf, RW, SZ_1G + 3, 10));
	ASSERT_NE(NYX_FAULT_NONE, t.out_fault.reason);
	ASSERT_EQ(0, poll(&p, 1, 0));
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(0, info.fault_events);
	ASSERT_EQ(0, unit_stat(e.fd, NYX_STAT_FAULTS));

	nyx_translate_init(&t, e.sbdf, RW, SZ_1G + 3, 10);
	t.flags = NYX_TRANSLATE_F_REPORT;
	test_cmd(nyx_cmd(e.fd, NYX_TRANSLATE, &t));
	ASSERT_EQ(1, poll(&p, 1, 0));
	ASSERT_EQ(sizeof(event), read(ev, &event, sizeof(event)));
	ASSERT_EQ(NYX_EVENT_FAULT, event.type);
	ASSERT_EQ(e.sbdf, event.fault.sbdf);
	ASSERT_EQ(10, event.fault.length);
	ASSERT_EQ(0, memcmp(&event.fault.fault, &t.out_fault, sizeof(t.out_fault)));
	device_info(e.fd, e.sbdf, &info);
	ASSERT_EQ(1, info.fault_events);
	ASSERT_EQ(1, unit_stat(e.fd, NYX_STAT_FAULTS));
	/* One that works reports nothing. */
	test_cmd(cmd_map(e.fd, e.domain, SZ_1G, 0, SZ_4K, RW));
	nyx_translate_init(&t, e.sbdf, RW, SZ_1G + 3, 10);
	t.flags = NYX_TRANSLATE_F_REPORT;
	test_cmd(nyx_cmd(e.fd, NYX_TRANSLATE, &t));
	ASSERT_EQ(0, poll(&p, 1, 0));
}
