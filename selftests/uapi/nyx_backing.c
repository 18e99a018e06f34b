// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: what guest memory is backed by, while others change it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Pinned memory of a file is the file's, whatever another thread of the process does
 * to its mappings meanwhile. A device's writes to a file stay there when the kernel
 * takes back pages that have not changed.
 */
#include "nyx_env.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>

/* ---- pins --------------------------------------------------------------- */

#define PIN_SIZE	(32 * SZ_1M)
#define REMAPPED	SZ_4K		/* the end of it */
#define ROUNDS		40
#define ENOUGH		5

/**
 * struct other_case - what another thread puts in the place of the file's last page
 * @name: for the report
 * @flags: of mmap(2)
 * @same: it is the file, another part of it
 * @file: it is a file
 */
static const struct other_case {
	const char *name;
	int flags;
	bool same;
	bool file;
} other_cases[] = {
	{ "anonymous", MAP_PRIVATE | MAP_ANONYMOUS, false, false },
	{ "other_file", MAP_SHARED, false, true },
	{ "other_part", MAP_SHARED, true, true },
	{ "private_copy", MAP_PRIVATE, true, true },
};

/**
 * struct remapper - a thread that waits for a mapping, and replaces its end
 * @v: by what
 * @fd: of the file, if it is one
 * @at: the end; NULL: not known yet
 * @stop: it need not wait any more
 * @done: it has replaced it
 */
struct remapper {
	const struct other_case *v;
	int fd;
	unsigned char *at;
	bool stop;
	bool done;
};

static void *remap_thread(void *arg)
{
	struct remapper *r = arg;
	unsigned char resident, *at;

	while (!__atomic_load_n(&r->stop, __ATOMIC_SEQ_CST)) {
		at = __atomic_load_n(&r->at, __ATOMIC_SEQ_CST);
		/* It fails where nothing is mapped. */
		if (!at || mincore(at, REMAPPED, &resident)) {
			if (nr_cpus() == 1)
				sched_yield();
			continue;
		}
		r->done = mmap(at, REMAPPED, PROT_READ | PROT_WRITE, MAP_FIXED | r->v->flags,
			       r->fd, 0) == at;
		break;
	}
	return NULL;
}

/* Where the kernel maps the file next. */
static unsigned char *next_place(int fd)
{
	void *p = mmap(NULL, PIN_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ASSERT_TRUE(p != MAP_FAILED);
	munmap(p, PIN_SIZE);
	return p;
}

/* The range is refused, or all of it is the file. */
TEST_EACH(pins_are_of_the_file, other_cases)
{
	const __u64 last = PIN_SIZE - sizeof(__u64);
	unsigned int refused = 0, replaced = 0;
	struct env e;
	int other = memfd_new("other", SZ_4K);

	env_open(&e, .memory = MEM_NONE);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, PIN_SIZE, RW));
	for (__u64 i = 1; i <= ROUNDS && refused < ENOUGH; i++) {
		int file = memfd_new("pinned", PIN_SIZE), ret;
		struct remapper r = {
			.v = v, .fd = !v->file ? -1 : v->same ? file : other,
		};
		pthread_t t;
		__u64 word;

		ktap_note("round %llu", (unsigned long long)i);
		t = thread_start(remap_thread, &r);
		/* Now that the thread has its stack: that could have been the place. */
		__atomic_store_n(&r.at, next_place(file) + PIN_SIZE - REMAPPED, __ATOMIC_SEQ_CST);
		ret = cmd_memory_add_file(e.fd, NYX_MEMORY_F_PINNED, 0, PIN_SIZE, file, 0);
		__atomic_store_n(&r.stop, true, __ATOMIC_SEQ_CST);
		thread_end(t, "the remapper");
		if (ret) {
			test_err(EINVAL, ret);
			refused++;
		} else {
			dma_write(e.fd, e.sbdf, last, &i, sizeof(i));
			ASSERT_EQ(sizeof(word), pread(file, &word, sizeof(word), last));
			ASSERT_EQ(i, word);
			test_cmd(cmd_memory_remove(e.fd, 0, PIN_SIZE));
		}
		if (r.done) {
			munmap(r.at, REMAPPED);
			replaced++;
		}
		close(file);
	}
	ktap_print("%u replaced, %u refused", replaced, refused);
	if (!replaced)
		SKIP("no mapping was replaced in %u rounds", ROUNDS);
}

/* ---- what was written --------------------------------------------------- */

enum { PAGE_READ, PAGE_WRITE, PAGE_FILL, PAGE_ATOMIC, PAGE_LAST };

/* Takes back a page of the mapping, if that is not to be written anywhere. */
static void page_out(unsigned char *at)
{
	/* The kernel takes back only pages that are in a page table. */
	(void)*(volatile unsigned char *)at;
	if (madvise(at, SZ_4K, MADV_PAGEOUT))
		SKIP("MADV_PAGEOUT: %s", strerror(errno));
}

static bool is_resident(unsigned char *at)
{
	unsigned char resident;

	ASSERT_EQ(0, mincore(at, SZ_4K, &resident));
	return resident & 1;
}

/* The first page of a file's hole that is brought in, for a device to write to. */
TEST(writes_are_not_dropped)
{
	unsigned char buf[SZ_4K];
	struct nyx_dma c;
	struct env e;
	__u64 word;

	env_open(&e, .memory = MEM_FILE, .mem_size = SZ_64K);
	test_cmd(cmd_map(e.fd, e.domain, 0, 0, SZ_64K, RW));
	/* Of zeros, and unchanged: it goes. */
	dma_read(e.fd, e.sbdf, PAGE_READ * SZ_4K, buf, 8);
	page_out(e.mem + PAGE_READ * SZ_4K);
	if (is_resident(e.mem + PAGE_READ * SZ_4K))
		SKIP("no page can be taken back");
	for (int turn = 0; turn < 3; turn++) {
		ktap_note("turn %d", turn);
		memset(buf, 0x31 + turn, SZ_4K);
		dma_write(e.fd, e.sbdf, PAGE_WRITE * SZ_4K, buf, SZ_4K);
		test_cmd(cmd_dma_fill(e.fd, &c, e.sbdf, PAGE_FILL * SZ_4K, SZ_4K, 1, 0x41 + turn));
		word = 1;
		test_cmd(cmd_dma_atomic(e.fd, &c, e.sbdf, NYX_DMA_FETCH_ADD, PAGE_ATOMIC * SZ_4K,
					sizeof(word), word, 0));
		for (int page = PAGE_WRITE; page < PAGE_LAST; page++)
			page_out(e.mem + page * SZ_4K);
		ASSERT_FILLED(e.mem + PAGE_WRITE * SZ_4K, 0x31 + turn, SZ_4K);
		ASSERT_FILLED(e.mem + PAGE_FILL * SZ_4K, 0x41 + turn, SZ_4K);
		ASSERT_EQ(turn + 1, *(__u64 *)(e.mem + PAGE_ATOMIC * SZ_4K));
	}
}
