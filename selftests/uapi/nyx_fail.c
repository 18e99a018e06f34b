// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: allocations that fail, one after the other.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * With fault injection in the kernel, each command of ioctl_table.c is issued
 * with its first allocation failing, then its second, and so on until it works:
 * each time it either fails and has changed nothing, or has done all of it.
 * Beside that, the kernel's own complaints are looked for.
 */
#include "fail.h"
#include "ioctl_table.h"

/* Issues a call until it meets no failure; what @check says holds after each. */
static unsigned int sweep(const struct ioctl_desc *d, struct ioctl_world *w, int nth)
{
	struct ioctl_call call;
	struct snapshot s;
	unsigned int n;

	for (n = 1; n < FAIL_MAX; n++) {
		bool used;
		int ret;

		ktap_note("%s, allocation %u", d->name, n);
		ioctl_prepare(d, w, &call);
		snapshot_take(&s, w->fd, true);
		fail_arm(nth, n);
		ret = nyx_cmd(call.fd, d->request, &call.arg);
		used = fail_disarm(nth);
		if (ret) {
			ASSERT_TRUE(used);
			/* -EFAULT: of a page that could not be faulted in. */
			ASSERT_TRUE(ret == -ENOMEM || ret == -EFAULT);
			snapshot_check(&s, w->fd, true);
		}
		snapshot_free(&s);
		ioctl_undo(d, w, &call, ret);
		if (!used)
			return n - 1;
	}
	FAIL("no end after %u points", n);
	return 0;
}

TEST(every_command)
{
	struct ioctl_world w;
	int nth = fail_open(false);

	ioctl_world_open(&w);
	for (unsigned int nr = 0; nr < NYX_CMD_MAX; nr++) {
		unsigned int n;

		/* NYX_DMA counts the failure of a page of the process as a fault. */
		if (nr == NYX_CMD_DMA)
			continue;
		n = sweep(&ioctl_table[nr], &w, nth);
		ktap_print("%s: %u points", ioctl_table[nr].name, n);
	}
}

/*
 * Copies from and to the caller that fail although the memory is there, as if
 * another thread took it away. A command that has an answer may then have been
 * carried out, so each gets a world of its own.
 */
TEST(every_copy)
{
	int nth = fail_open(true);

	for (unsigned int nr = 0; nr < NYX_CMD_MAX; nr++) {
		const struct ioctl_desc *d = &ioctl_table[nr];
		unsigned int n;
		bool used = true;

		for (n = 1; used && n < FAIL_MAX; n++) {
			struct ioctl_world w;
			struct ioctl_call call;
			struct snapshot s;
			int ret;

			ktap_note("%s, copy %u", d->name, n);
			ioctl_world_open(&w);
			ioctl_prepare(d, &w, &call);
			snapshot_take(&s, w.fd, true);
			fail_arm(nth, n);
			ret = nyx_cmd(call.fd, d->request, &call.arg);
			used = fail_disarm(nth);
			/* On the guest's side of a DMA it is an error of the host. */
			if (used && nr == NYX_CMD_DMA && !ret)
				ASSERT_EQ(NYX_FAULT_MEMORY_ERROR, call.arg.dma.out_fault.reason);
			/*
			 * Items that cannot be copied together are copied one by one; changes are
			 * copied again once the page is there.
			 */
			else if (!used || ret ||
				 (nr != NYX_CMD_ARRAY && nr != NYX_CMD_CHANGES_NEXT))
				ASSERT_EQ(used ? -EFAULT : 0, ret);
			/* The first copy brings the command in. */
			if (ret && (n == 1 || !d->out[0].size))
				snapshot_check(&s, w.fd, true);
			snapshot_free(&s);
			/* A view would keep the unit. */
			if (!ret && nr == NYX_CMD_VIEW_OPEN)
				close(call.arg.view_open.out_fd);
			/* So would a stream. */
			if (!ret && nr == NYX_CMD_CHANGES_OPEN)
				close(call.arg.changes_open.out_fd);
			cmd_unit_persist(call.fd, 0);
			if (call.fd != w.fd)
				close(call.fd);
			ioctl_world_close(&w);
		}
		ktap_print("%s: %u copies", d->name, n - 2);
	}
}

TEST(open_device)
{
	int nth = fail_open(false), fd;
	bool used;

	for (unsigned int n = 1; n < FAIL_MAX; n++) {
		fail_arm(nth, n);
		fd = open(NYX_DEVICE, O_RDWR);
		used = fail_disarm(nth);
		if (fd < 0)
			ASSERT_TRUE(errno == ENOMEM || errno == ENFILE || errno == EMFILE);
		else
			close(fd);
		if (!used)
			return;
	}
	FAIL("no end");
}

/* A unit of every kind of memory, made and torn down with failures on the way. */
static const struct add_case {
	const char *name;
	__u32 flags;
	bool file;
} add_cases[] = {
	{ "user", 0, false },
	{ "pinned", NYX_MEMORY_F_PINNED, false },
	{ "file", 0, true },
	{ "file_pinned", NYX_MEMORY_F_PINNED, true },
};

TEST_EACH(memory, add_cases)
{
	struct ioctl_world w;
	struct snapshot s;
	int nth = fail_open(false), memfd;

	ioctl_world_open(&w);
	memfd = memfd_new("fail", SZ_64K);
	snapshot_take(&s, w.fd, true);
	for (unsigned int n = 1; n < FAIL_MAX; n++) {
		bool used;
		int ret;

		ktap_note("add, allocation %u", n);
		fail_arm(nth, n);
		if (v->file)
			ret = cmd_memory_add_file(w.fd, v->flags, W_FREE_GPA, SZ_64K, memfd, 0);
		else
			ret = cmd_memory_add(w.fd, v->flags, W_FREE_GPA, SZ_64K, w.spare);
		used = fail_disarm(nth);
		if (ret) {
			ASSERT_TRUE(used);
			snapshot_check(&s, w.fd, true);
			continue;
		}
		/* Removing must work, or change nothing, too. */
		for (unsigned int m = 1; m < FAIL_MAX; m++) {
			ktap_note("remove, allocation %u", m);
			fail_arm(nth, m);
			ret = cmd_memory_remove(w.fd, W_FREE_GPA, SZ_64K);
			fail_disarm(nth);
			if (!ret)
				break;
			ASSERT_EQ(-ENOMEM, ret);
			ASSERT_EQ(-EEXIST, cmd_memory_add(w.fd, 0, W_FREE_GPA, SZ_64K, w.spare));
		}
		snapshot_check(&s, w.fd, true);
		if (!used)
			return;
	}
	FAIL("no end");
}

/* Maps and unmaps that need many tables, in each format. */
static const struct table_case {
	const char *name;
	__u32 format;
} table_cases[] = {
	{ "vtdss", NYX_FORMAT_VTDSS },
	{ "x86", NYX_FORMAT_X86 },
	{ "amdv1", NYX_FORMAT_AMDV1 },
};

static void sweep_tables(const struct env *e, int nth, bool unmap, __u64 iova, __u64 length)
{
	struct snapshot s;

	snapshot_take(&s, e->fd, true);
	for (unsigned int n = 1; n < FAIL_MAX; n++) {
		bool used;
		int ret;

		ktap_note("%s 0x%llx + 0x%llx, allocation %u", unmap ? "unmap" : "map",
			  (unsigned long long)iova, (unsigned long long)length, n);
		fail_arm(nth, n);
		if (unmap)
			ret = cmd_unmap(e->fd, e->domain, iova, length, NULL);
		else
			ret = cmd_map(e->fd, e->domain, iova, iova, length, RW);
		used = fail_disarm(nth);
		if (!ret) {
			snapshot_free(&s);
			return;
		}
		ASSERT_TRUE(used);
		ASSERT_TRUE(ret == -ENOMEM || ret == -EFAULT);
		snapshot_check(&s, e->fd, true);
	}
	FAIL("no end");
}

TEST_EACH(tables, table_cases)
{
	int nth = fail_open(false);
	struct env e;

	env_open(&e, .memory = MEM_NONE, .format = v->format);
	sweep_tables(&e, nth, false, SZ_1G - SZ_4K, SZ_1G + 3 * SZ_2M + SZ_4K);
	sweep_tables(&e, nth, false, SZ_512G - 16 * SZ_4K, 32 * SZ_4K);
	/* Splits at both ends of a range, of pages of 1 GiB. */
	sweep_tables(&e, nth, false, 64 * SZ_1G, 4 * SZ_1G);
	sweep_tables(&e, nth, true, 65 * SZ_1G + 17 * SZ_4K, SZ_1G);
	sweep_tables(&e, nth, true, 64 * SZ_1G + SZ_2M, SZ_4K);
	sweep_tables(&e, nth, true, 0, 1ull << 47);
}

/* A failed unmap enters nothing that is still mapped in the history. */
TEST(history)
{
	const __u64 first = 64 * SZ_1G + SZ_4K, pages = 65 * SZ_1G + SZ_4K, before = SZ_1G;
	struct nyx_event event;
	int nth = fail_open(false), ev, ret;
	struct nyx_dma c;
	struct env e;
	__u8 byte;

	env_open(&e, .memory = MEM_NONE);
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	test_cmd(cmd_map(e.fd, e.domain, before, 0, SZ_4K, RW));
	test_cmd(cmd_unmap(e.fd, e.domain, before, SZ_4K, NULL));
	/* A page that has to be split, and more pieces than a domain remembers. */
	test_cmd(cmd_map(e.fd, e.domain, 64 * SZ_1G, 0, SZ_1G, RW));
	for (__u64 i = 0; i < 70; i++)
		test_cmd(cmd_map(e.fd, e.domain, pages + i * 2 * SZ_4K, 0, SZ_4K, RW));
	fail_arm(nth, 1);
	ret = cmd_unmap(e.fd, e.domain, first, 2 * SZ_1G, NULL);
	ASSERT_TRUE(fail_disarm(nth));
	ASSERT_EQ(-ENOMEM, ret);

	test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, before, &byte, 1));
	event_wait(ev, NYX_EVENT_FAULT, &event);
	ASSERT_EQ(NYX_CAUSE_UNMAPPED, event.fault.cause);
	test_cmd(cmd_unmap(e.fd, e.domain, first, 2 * SZ_1G, NULL));
	test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, first, &byte, 1));
	event_wait(ev, NYX_EVENT_FAULT, &event);
	ASSERT_EQ(NYX_CAUSE_UNMAPPED, event.fault.cause);
}

/* Without memory for the last suppressed fault its record is lost, and no fault. */
TEST(suppressed_fault)
{
	struct nyx_policy p = { .action = NYX_ACTION_REPORT, .threshold = 1000,
				.window_ms = 1000, .backoff_ms = 1, .backoff_max_ms = 1,
				.probation_ms = 1, .max_tries = 1, .records_per_s = 1 };
	struct nyx_event event;
	int nth = fail_open(false), ev;
	struct nyx_dma c;
	struct env e;
	__u8 byte;
	bool used;

	env_open(&e, .memory = MEM_NONE);
	test_cmd(cmd_policy_set(e.fd, NYX_SCOPE_UNIT, 0, &p));
	test_cmd(cmd_events_open(e.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	/* The first fault of a second is recorded; a second one is not, if it is in time. */
	do {
		pause_ms(1100);
		test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, SZ_1G, &byte, 1));
		event_wait(ev, NYX_EVENT_FAULT, &event);
		ASSERT_EQ(1, event.fault.count);
		fail_arm(nth, 1);
		test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, SZ_1G, &byte, 1));
		used = fail_disarm(nth);
		if (!used)
			event_wait(ev, NYX_EVENT_FAULT, &event);
	} while (!used);
	ASSERT_EQ(1, unit_stat(e.fd, NYX_STAT_EVENTS_LOST));
	pause_ms(1500);
	ASSERT_EQ(0, events_read(ev, &event, 1));
	/* The next one tells of both. */
	test_cmd(cmd_dma_read(e.fd, &c, e.sbdf, SZ_1G, &byte, 1));
	event_wait(ev, NYX_EVENT_FAULT, &event);
	ASSERT_EQ(2, event.fault.count);
	ASSERT_EQ(1, unit_stat(e.fd, NYX_STAT_EVENTS_LOST));
}

/* AMD-Vi: a log whose length takes memory, by 0x10 (event log base). */
TEST(log_base)
{
	struct nyx_unit_create c = {
		.size = sizeof(c), .model = NYX_MODEL_AMDVI, .iotlb_entries = NYX_DEFAULT,
	};
	int nth = fail_open(false), fd = nyx_open();
	struct nyx_mmio m = { .size = sizeof(m), .offset = 0x10, .width = 8 };
	unsigned int refused = 0;

	test_cmd(nyx_cmd(fd, NYX_UNIT_CREATE, &c));
	for (__u64 length = 8; length < 16; length++) {
		__u64 before = m.value, base = 0x10000 | length << 56;
		bool used = true;

		for (unsigned int n = 1; used && n < FAIL_MAX; n++) {
			int ret;

			ktap_note("length %u, allocation %u", (unsigned int)length, n);
			m.flags = NYX_MMIO_F_WRITE;
			m.value = base;
			fail_arm(nth, n);
			ret = nyx_cmd(fd, NYX_MMIO, &m);
			used = fail_disarm(nth);
			if (ret) {
				ASSERT_TRUE(used);
				ASSERT_EQ(-ENOMEM, ret);
				refused++;
			}
			m.flags = 0;
			test_cmd(nyx_cmd(fd, NYX_MMIO, &m));
			ASSERT_EQ(ret ? before : base, m.value);
		}
		ASSERT_EQ(false, used);
	}
	ASSERT_NE(0, refused);
}

/* DMA: bytes that are said to be done are done. */
TEST(dma)
{
	int nth = fail_open(false);
	unsigned char buf[3 * 4096];
	struct nyx_dma c;
	struct env e;

	memset(buf, 0x5d, sizeof(buf));
	for (int memory = MEM_USER; memory <= MEM_FILE_PINNED; memory++) {
		env_open(&e, .memory = memory, .mem_size = 64 * SZ_64K);
		test_cmd(cmd_map(e.fd, e.domain, 0, 0, e.mem_size, RW));
		/*
		 * The process's own memory is there: User Mode Linux does not
		 * survive a page fault of the kernel that finds no memory. That
		 * of files is not.
		 */
		if (memory == MEM_USER)
			memset(e.mem, 0, e.mem_size);
		for (unsigned int n = 1; n < 60; n++) {
			const __u64 at = n * SZ_64K + 0x800;
			bool used;
			int ret;

			ktap_note("memory %d, allocation %u", memory, n);
			fail_arm(nth, n);
			ret = cmd_dma_write(e.fd, &c, e.sbdf, at, buf, sizeof(buf));
			used = fail_disarm(nth);
			ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
			if (!used)
				ASSERT_TRUE(!ret && c.out_done == sizeof(buf));
			if (!ret && c.out_done < sizeof(buf))
				ASSERT_EQ(NYX_FAULT_MEMORY_ERROR, c.out_fault.reason);
			if (ret == -EFAULT && c.out_done == 0xa5a5a5a5a5a5a5a5ull)
				continue;	/* the structure could not be copied */
			ASSERT_LE(c.out_done, sizeof(buf));
			ASSERT_FILLED(e.mem + at, 0x5d, c.out_done);
			ASSERT_FILLED(e.mem + at + c.out_done, 0, sizeof(buf) - c.out_done);
			if (!used)
				break;
		}
		close(e.fd);
	}
}
