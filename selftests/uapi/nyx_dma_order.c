// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: what processors see of the DMA of devices, and devices of each other.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The memory model of struct nyx_dma: aligned words are read and written in one access, and
 * the accesses of one thread are seen in their order. Another thread plays the processor.
 */
#include "nyx_env.h"

#include <stdatomic.h>
#include <string.h>

#define WORD_IOVA	SZ_1G
#define FLAG_IOVA	(SZ_1G + SZ_4K)

static const struct word_case {
	const char *name;
	enum env_memory memory;
	__u32 width;
} word_cases[] = {
	{ "user_2", MEM_USER, 2 },
	{ "user_4", MEM_USER, 4 },
	{ "user_8", MEM_USER, 8 },
	{ "pinned_2", MEM_PINNED, 2 },
	{ "pinned_4", MEM_PINNED, 4 },
	{ "pinned_8", MEM_PINNED, 8 },
	{ "file_2", MEM_FILE, 2 },
	{ "file_4", MEM_FILE, 4 },
	{ "file_8", MEM_FILE, 8 },
};

/* A processor that looks at a word, and at what a device does to it. */
struct watcher {
	void *at;
	__u32 width;
	bool write;
	atomic_bool stop;
	unsigned long torn;
	unsigned long changes;
};

static __u64 load(const void *at, __u32 width)
{
	switch (width) {
	case 2:
		return __atomic_load_n((const __u16 *)at, __ATOMIC_RELAXED);
	case 4:
		return __atomic_load_n((const __u32 *)at, __ATOMIC_RELAXED);
	default:
		return __atomic_load_n((const __u64 *)at, __ATOMIC_RELAXED);
	}
}

static void store(void *at, __u32 width, __u64 value)
{
	switch (width) {
	case 2:
		__atomic_store_n((__u16 *)at, value, __ATOMIC_RELAXED);
		break;
	case 4:
		__atomic_store_n((__u32 *)at, value, __ATOMIC_RELAXED);
		break;
	default:
		__atomic_store_n((__u64 *)at, value, __ATOMIC_RELAXED);
		break;
	}
}

/* All bytes of the words that are written are the same. */
static bool is_torn(__u64 value, __u32 width)
{
	const unsigned char *bytes = (const unsigned char *)&value;

	for (__u32 i = 1; i < width; i++) {
		if (bytes[i] != bytes[0])
			return true;
	}
	return false;
}

static void *watch(void *arg)
{
	struct watcher *w = arg;
	__u64 value, last = 0, next = 0;

	while (!w->stop) {
		if (w->write) {
			next = next ? 0 : ~0ull;
			store(w->at, w->width, next);
			__atomic_add_fetch(&w->changes, 1, __ATOMIC_RELAXED);
			continue;
		}
		value = load(w->at, w->width);
		w->torn += is_torn(value, w->width);
		if (value != last)
			__atomic_add_fetch(&w->changes, 1, __ATOMIC_RELAXED);
		last = value;
	}
	return NULL;
}

/* Enough, and the watcher has been there. */
static bool go_on(const struct watcher *w, unsigned long i)
{
	return i < ktap_iterations(10000) ||
		__atomic_load_n(&w->changes, __ATOMIC_RELAXED) < 10;
}

static struct watcher *watcher_start(const struct env *e, __u32 width, bool write,
				     pthread_t *thread)
{
	struct watcher *w = ktap_alloc(sizeof(*w));

	w->at = e->mem;
	w->width = width;
	w->write = write;
	*thread = thread_start(watch, w);
	return w;
}

TEST_EACH(word_written_at_once, word_cases)
{
	struct watcher *w;
	pthread_t thread;
	__u64 value;
	struct env e;

	env_open(&e, .memory = v->memory);
	test_cmd(cmd_map(e.fd, e.domain, WORD_IOVA, 0, SZ_4K, RW));
	w = watcher_start(&e, v->width, false, &thread);
	for (unsigned long i = 0; go_on(w, i); i++) {
		value = i & 1 ? ~0ull : 0;
		dma_write(e.fd, e.sbdf, WORD_IOVA, &value, v->width);
	}
	w->stop = true;
	thread_end(thread, "watch");
	ktap_print("changes seen: %lu", w->changes);
	ASSERT_EQ(0, w->torn);
}

TEST_EACH(word_read_at_once, word_cases)
{
	struct watcher *w;
	pthread_t thread;
	__u64 value;
	struct env e;

	env_open(&e, .memory = v->memory);
	test_cmd(cmd_map(e.fd, e.domain, WORD_IOVA, 0, SZ_4K, RW));
	w = watcher_start(&e, v->width, true, &thread);
	for (unsigned long i = 0; go_on(w, i); i++) {
		dma_read(e.fd, e.sbdf, WORD_IOVA, &value, v->width);
		if (is_torn(value, v->width))
			FAIL("read 0x%llx", (unsigned long long)value);
	}
	w->stop = true;
	thread_end(thread, "watch");
	ktap_print("changes made: %lu", w->changes);
}

/* A ring: data, then the index. A processor that sees the index sees the data. */
struct reader {
	unsigned char *mem;
	atomic_bool stop;
	unsigned long stale;
};

static void *read_ring(void *arg)
{
	struct reader *r = arg;
	__u32 flag, data;

	while (!r->stop) {
		flag = __atomic_load_n((__u32 *)(r->mem + SZ_4K), __ATOMIC_ACQUIRE);
		data = __atomic_load_n((__u32 *)r->mem, __ATOMIC_RELAXED);
		/* The data may be newer than the index, never older. */
		r->stale += (__s32)(data - flag) < 0;
	}
	return NULL;
}

TEST_EACH(writes_in_order, memory_cases)
{
	struct reader *r = ktap_alloc(sizeof(*r));
	pthread_t thread;
	struct env e;

	env_open(&e, .memory = v->memory);
	test_cmd(cmd_map(e.fd, e.domain, WORD_IOVA, 0, SZ_64K, RW));
	r->mem = e.mem;
	thread = thread_start(read_ring, r);
	for (__u32 i = 1; i <= ktap_iterations(20000); i++) {
		struct nyx_dma item[2];
		__u32 done;

		if (i & 1) {
			/* Two commands */
			dma_write(e.fd, e.sbdf, WORD_IOVA, &i, sizeof(i));
			dma_write(e.fd, e.sbdf, FLAG_IOVA, &i, sizeof(i));
			continue;
		}
		/* Two items of one */
		for (unsigned int n = 0; n < 2; n++) {
			item[n] = (struct nyx_dma) {
				.size = sizeof(item[n]),
				.sbdf = e.sbdf,
				.pasid = NYX_PASID_NONE,
				.op = NYX_DMA_WRITE,
				.iova = n ? FLAG_IOVA : WORD_IOVA,
				.length = sizeof(i),
				.buffer = (uintptr_t)&i,
			};
		}
		test_cmd(cmd_array(e.fd, NYX_CMD_DMA, item, sizeof(item[0]), 2, &done));
		ASSERT_EQ(2, done);
	}
	r->stop = true;
	thread_end(thread, "read_ring");
	ASSERT_EQ(0, r->stale);
}
