// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx stress: dirty tracking misses no write.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Threads write guest memory by DMA, each its own bytes of all pages, and remember in a log what
 * they wrote last to each. The main thread does what a VMM does that moves a guest: it reads
 * and clears the bitmap, and copies the pages that are dirty, and no other. At any time a write
 * is in the copy, or its page will be told. When the writers have stopped, one more
 * read makes the copy the memory; the logs say what that has to be.
 *
 * Now and then the writers stand still between two rounds, and all is compared: a page that no
 * read has told of must be the same in memory and copy.
 */
#include "nyx_env.h"

#include <stdlib.h>
#include <sys/mman.h>

#define WRITERS		3
#define PAGES		192u
#define SIZE		(PAGES * SZ_4K)
#define PART		1024u	/* bytes of a page that a writer has */
#define LONG		(SZ_4K - WRITERS * PART)	/* the rest: all of them write that */

struct stress;

/**
 * struct writer - a writer
 * @s: the run
 * @nr: its number
 * @log: the word that it wrote last to each page
 * @writes: how often
 * @rests: it stands still
 */
struct writer {
	struct stress *s;
	unsigned int nr;
	__u64 log[PAGES];
	unsigned long writes;
	bool rests;
};

/**
 * struct stress - a run
 * @e: the unit
 * @copy: of its memory
 * @w: the writers
 * @rest: they are to stand still
 * @stop: they are to end
 */
struct stress {
	struct env e;
	unsigned char *copy;
	struct writer w[WRITERS];
	bool rest;
	bool stop;
};

/* One write to a page: of a word, of the writer's part, or a word by an atomic. */
static void write_page(struct writer *w, unsigned int page, __u64 value, struct rng *r)
{
	const __u64 iova = page * SZ_4K + w->nr * PART;
	const struct env *e = &w->s->e;
	struct nyx_dma c;

	switch (rng_below(r, 4)) {
	case 0:
		test_cmd(cmd_dma_fill(e->fd, &c, e->sbdf, iova, PART, 8, value));
		break;
	case 1:
		test_cmd(cmd_dma_atomic(e->fd, &c, e->sbdf, NYX_DMA_SWAP, iova, 8, value, 0));
		break;
	default:
		test_cmd(cmd_dma_write(e->fd, &c, e->sbdf, iova, &value, sizeof(value)));
		break;
	}
	ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
	w->log[page] = value;
}

/* The bytes behind the parts: all of them write these. */
static void write_across(struct writer *w, unsigned int page, __u64 value)
{
	const struct env *e = &w->s->e;
	struct nyx_dma c;

	test_cmd(cmd_dma_fill(e->fd, &c, e->sbdf, page * SZ_4K + WRITERS * PART, LONG, 8, value));
	ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
}

static void *writer(void *arg)
{
	struct writer *w = arg;
	struct stress *s = w->s;
	struct rng r = { .state = w->nr + 1 };

	while (!__atomic_load_n(&s->stop, __ATOMIC_SEQ_CST)) {
		unsigned int page = rng_below(&r, PAGES);

		if (__atomic_load_n(&s->rest, __ATOMIC_SEQ_CST)) {
			__atomic_store_n(&w->rests, true, __ATOMIC_SEQ_CST);
			sched_yield();
			continue;
		}
		__atomic_store_n(&w->rests, false, __ATOMIC_SEQ_CST);
		/* It may have been told to rest meanwhile: then it has to see that here. */
		if (__atomic_load_n(&s->rest, __ATOMIC_SEQ_CST))
			continue;
		/* Mostly a few pages, so that reads and writes meet. */
		if (rng_below(&r, 8))
			page %= 4;
		if (rng_below(&r, 8))
			write_page(w, page, rng_next(&r), &r);
		else
			write_across(w, page, rng_next(&r));
		__atomic_store_n(&w->writes, w->writes + 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void let_rest(struct stress *s, bool rest)
{
	__atomic_store_n(&s->rest, rest, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; rest && i < WRITERS; i++) {
		while (!__atomic_load_n(&s->w[i].rests, __ATOMIC_SEQ_CST))
			sched_yield();
	}
}

/* Read a part of the bitmap, and copy what is dirty. Returns how many pages that were. */
static unsigned int collect(struct stress *s, unsigned int first, unsigned int nr, __u64 page_size)
{
	const unsigned int per = page_size / SZ_4K;
	__u64 bitmap[(PAGES + 63) / 64], count;

	test_cmd(cmd_dirty_read(s->e.fd, 0, first * SZ_4K, nr * SZ_4K, page_size, bitmap, &count));
	for (unsigned int i = 0; i < nr / per; i++) {
		__u64 at = (first + i * per) * SZ_4K;

		if (bitmap[i / 64] >> i % 64 & 1)
			memcpy(s->copy + at, s->e.mem + at, page_size);
	}
	return count;
}

/* The writers stand still: one read later the copy is the memory. */
static void compare(struct stress *s)
{
	collect(s, 0, PAGES, SZ_4K);
	for (unsigned int page = 0; page < PAGES; page++) {
		ktap_note("page %u", page);
		ASSERT_SAME(s->copy + page * SZ_4K, s->e.mem + page * SZ_4K, SZ_4K);
		for (unsigned int i = 0; i < WRITERS; i++) {
			__u64 word;

			memcpy(&word, s->copy + page * SZ_4K + i * PART, sizeof(word));
			ASSERT_EQ(s->w[i].log[page], word);
		}
	}
	ASSERT_EQ(0, collect(s, 0, PAGES, SZ_4K));
}

TEST_EACH(no_write_is_missed, memory_cases)
{
	const unsigned long rounds = ktap_iterations(nr_cpus() > 1 ? 3000 : 300);
	unsigned long told = 0, reads = 0, writes = 0;
	struct rng r = rng_start(1);
	struct stress s = { 0 };
	pthread_t t[WRITERS];

	env_open(&s.e, .memory = v->memory, .mem_size = SIZE);
	test_cmd(cmd_map(s.e.fd, s.e.domain, 0, 0, SIZE, RW));
	s.copy = ktap_alloc(SIZE);
	memset(s.copy, 0, SIZE);
	memset(s.e.mem, 0, SIZE);
	for (unsigned int i = 0; i < WRITERS; i++) {
		s.w[i].s = &s;
		s.w[i].nr = i;
		t[i] = thread_start(writer, &s.w[i]);
	}
	for (unsigned long round = 0; round < rounds; round++) {
		ktap_note("round %lu", round);
		/* Tracking begins while they write: what is not told is copied then. */
		if (round % 100 == 0) {
			if (round)
				test_cmd(cmd_dirty_stop(s.e.fd));
			test_cmd(cmd_dirty_start(s.e.fd));
			memcpy(s.copy, s.e.mem, SIZE);
		}
		switch (rng_below(&r, 4)) {
		case 0:
			told += collect(&s, 0, PAGES, SZ_64K);
			break;
		case 1:
			told += collect(&s, 0, 1 + rng_below(&r, PAGES), SZ_4K);
			break;
		default:
			told += collect(&s, 0, PAGES, SZ_4K);
			break;
		}
		reads++;
		if (round % 4 == 3) {
			let_rest(&s, true);
			compare(&s);
			let_rest(&s, false);
		}
		if (nr_cpus() == 1)
			sched_yield();
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < WRITERS; i++) {
		pthread_join(t[i], NULL);
		writes += s.w[i].writes;
	}
	compare(&s);
	ktap_print("%lu writes, %lu reads, %lu pages told", writes, reads, told);
	/* Otherwise nothing was tested. */
	ASSERT_GT(writes, rounds / 4);
	ASSERT_GT(told, 0);
	free(s.copy);
}
