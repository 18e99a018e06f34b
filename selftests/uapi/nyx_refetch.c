// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: structures that change while a command runs.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A structure lies across two pages, of which the second is not there: the kernel
 * has read the first part when it waits for the second one. A change of the first part
 * meanwhile must not count. So each field is read once, or
 * what was read first is what is used.
 *
 * One part may be read twice: the size, before and with the rest of a structure.
 * A structure that is longer than the kernel knows holds it up between the two, in
 * the look at the bytes that must be zero.
 */
#include "ioctl_table.h"

#include <stdlib.h>
#include <sys/mman.h>

/**
 * struct arena - two pages
 * @first: where the first page begins
 * @second: where the second one begins
 * @stall: of the second one
 */
struct arena {
	unsigned char *first;
	unsigned char *second;
	struct stall stall;
};

static void arena_open(struct arena *a)
{
	a->first = map_aligned(2 * SZ_4K, SZ_4K, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1);
	a->second = a->first + SZ_4K;
	memset(a->first, 0, SZ_4K);
	stall_arm(&a->stall, a->second, SZ_4K);
}

static void arena_close(struct arena *a)
{
	munmap(a->first, 2 * SZ_4K);
}

/* Puts @size bytes across the pages, @head of them in the first. @rest: the second page. */
static void *arena_put(struct arena *a, const void *data, size_t size, size_t head,
		       unsigned char *rest)
{
	memset(rest, 0, SZ_4K);
	memcpy(a->second - head, data, head);
	memcpy(rest, (const unsigned char *)data + head, size - head);
	return a->second - head;
}

struct command {
	int fd;
	unsigned long request;
	void *arg;
};

static int issue(void *arg)
{
	const struct command *c = arg;

	return nyx_cmd(c->fd, c->request, c->arg);
}

/* ---- each field ---- */

static bool is_output(const struct ioctl_desc *d, size_t at)
{
	if (d->request == NYX_UNIT_INFO && at >= 4 && at < 8)
		return true;
	for (const struct ioctl_field *f = d->out; f < d->out + MAX_FIELDS && f->size; f++)
		if (at >= f->offset && at < f->offset + f->size)
			return true;
	return false;
}

/*
 * The command with its first @head bytes, which are whole words, for the kernel to read
 * them as such, changed when they have been read. It works
 * as if they were what they had been, and writes them back where it has an answer.
 */
static void change_head(const struct ioctl_desc *d, struct ioctl_world *w, size_t head)
{
	unsigned char rest[SZ_4K];
	struct ioctl_call call;
	struct caller caller;
	struct command c;
	struct arena a;
	int ret;

	ktap_note("%s, %zu bytes changed", d->name, head);
	ioctl_prepare(d, w, &call);
	arena_open(&a);
	c = (struct command){
		.fd = call.fd, .request = d->request,
		.arg = arena_put(&a, &call.arg, d->size, head, rest),
	};
	caller_start(&caller, issue, &c);
	stall_wait(&a.stall);
	/* No size, flags, id, count, address or reserved field is this. */
	memset(a.second - head, 0xee, head);
	stall_release_with(&a.stall, rest);
	ret = caller_end(&caller);
	test_cmd(ret);
	if (d->out[0].size)
		for (size_t i = 0; i < head; i++)
			if (!is_output(d, i))
				ASSERT_EQ(call.arg.raw[i], (a.second - head)[i]);
	/* Where the answer is, for what undoes it. */
	for (size_t i = 0; i < d->size; i++)
		if (is_output(d, i))
			call.arg.raw[i] = (a.second - head)[i];
	ioctl_undo(d, w, &call, ret);
	arena_close(&a);
}

TEST(each_field)
{
	struct ioctl_world w;

	ioctl_world_open(&w);
	for (unsigned int nr = 0; nr < NYX_CMD_MAX; nr++) {
		const struct ioctl_desc *d = &ioctl_table[nr];

		/* The size and the flags; half; all but the last word. */
		if (d->size > 8)
			change_head(d, &w, 8);
		if (d->size > 24)
			change_head(d, &w, d->size / 2 & ~7);
		if (d->size > 16)
			change_head(d, &w, d->size - 8);
	}
}

/* ---- the size, which is read twice ---- */

static const struct size_case {
	const char *name;
	__u32 size;	/* what it is changed into */
} size_cases[] = {
	{ "zero", 0 }, { "head_only", 8 }, { "page", 4096 }, { "huge", 0xffffffff },
};

TEST_EACH(size, size_cases)
{
	struct ioctl_world w;

	ioctl_world_open(&w);
	for (unsigned int nr = 0; nr < NYX_CMD_MAX; nr++) {
		const struct ioctl_desc *d = &ioctl_table[nr];
		unsigned char rest[SZ_4K] = { 0 };
		const __u32 longer = d->size + 64;
		struct ioctl_call call;
		struct caller caller;
		struct command c;
		struct arena a;
		int ret;

		ktap_note("%s", d->name);
		ioctl_prepare(d, &w, &call);
		call.arg.head.size = longer;
		arena_open(&a);
		c = (struct command){
			.fd = call.fd, .request = d->request,
			.arg = arena_put(&a, &call.arg, longer, d->size, rest),
		};
		caller_start(&caller, issue, &c);
		stall_wait(&a.stall);
		memcpy(c.arg, &v->size, sizeof(v->size));
		stall_release_with(&a.stall, rest);
		ret = caller_end(&caller);
		test_cmd(ret);
		/* The answer is that to the first one: all of it, and no more. */
		if (d->out[0].size)
			ASSERT_EQ(longer, *(__u32 *)c.arg);
		ASSERT_FILLED(a.second, 0, SZ_4K);
		memcpy(&call.arg, c.arg, d->size);
		ioctl_undo(d, &w, &call, ret);
		arena_close(&a);
	}
}

/* Likewise what else has been read when the look at the rest is over: as it is then. */
TEST(all_but_the_size)
{
	struct ioctl_world w;
	struct nyx_map map = {
		.size = sizeof(map) + 64, .domain_id = W_ABSENT, .prot = 0xff, .iova = 1, .gpa = 1,
	}, good = {
		.size = 8, .domain_id = W_SHARED, .prot = RW, .iova = W_FREE_IOVA, .length = SZ_4K,
	};
	unsigned char rest[SZ_4K], buf[sizeof(map) + 64] = { 0 };
	struct nyx_domain_info info;
	struct caller caller;
	struct command c;
	struct arena a;

	ioctl_world_open(&w);
	arena_open(&a);
	memcpy(buf, &map, sizeof(map));
	c = (struct command){
		.fd = w.fd, .request = NYX_MAP,
		.arg = arena_put(&a, buf, sizeof(buf), sizeof(map), rest),
	};
	caller_start(&caller, issue, &c);
	stall_wait(&a.stall);
	memcpy(c.arg, &good, sizeof(good));
	stall_release_with(&a.stall, rest);
	test_cmd(caller_end(&caller));
	domain_info(w.fd, W_SHARED, &info);
	ASSERT_EQ(W_MAPPED + SZ_4K, info.mapped_bytes);
	test_cmd(cmd_unmap(w.fd, W_SHARED, W_FREE_IOVA, SZ_4K, NULL));
}

/* ---- arrays ---- */

static void set_item(struct nyx_unmap *c, __u64 iova)
{
	memset(c, 0, sizeof(*c));
	c->size = sizeof(*c);
	c->domain_id = W_SHARED;
	c->iova = iova;
	c->length = SZ_4K;
}

/* The first of two items changes when it has been read. */
TEST(item)
{
	struct nyx_unmap items[2], *at;
	struct nyx_array array = {
		.size = sizeof(array), .cmd = NYX_CMD_UNMAP, .item_size = sizeof(items[0]), .nr = 2,
	};
	unsigned char rest[SZ_4K];
	struct nyx_domain_info info;
	struct ioctl_world w;
	struct caller caller;
	struct command c;
	struct arena a;

	ioctl_world_open(&w);
	set_item(&items[0], 0);
	set_item(&items[1], SZ_4K);
	arena_open(&a);
	at = arena_put(&a, items, sizeof(items), sizeof(items[0]), rest);
	array.items = PTR(at);
	c = (struct command){ .fd = w.fd, .request = NYX_ARRAY, .arg = &array };
	caller_start(&caller, issue, &c);
	stall_wait(&a.stall);
	memset(at, 0xee, sizeof(*at));
	stall_release_with(&a.stall, rest);
	test_cmd(caller_end(&caller));
	ASSERT_EQ(2, array.out_done);
	ASSERT_EQ(SZ_4K, at[0].out_unmapped);
	ASSERT_EQ(SZ_4K, at[1].out_unmapped);
	ASSERT_EQ(sizeof(*at), at[0].size);
	ASSERT_EQ(0, at[0].iova);
	domain_info(w.fd, W_SHARED, &info);
	ASSERT_EQ(W_MAPPED - 2 * SZ_4K, info.mapped_bytes);
}

/* The size of an item that is longer than known, between the two reads. */
TEST_EACH(item_size, size_cases)
{
	struct { struct nyx_unmap c; __u64 tail[8]; } item;
	struct nyx_array array = {
		.size = sizeof(array), .cmd = NYX_CMD_UNMAP, .item_size = sizeof(item), .nr = 1,
	};
	unsigned char rest[SZ_4K];
	struct nyx_unmap *at;
	struct ioctl_world w;
	struct caller caller;
	struct command c;
	struct arena a;

	ioctl_world_open(&w);
	memset(&item, 0, sizeof(item));
	set_item(&item.c, 0);
	item.c.size = sizeof(item);
	arena_open(&a);
	at = arena_put(&a, &item, sizeof(item), sizeof(item.c), rest);
	array.items = PTR(at);
	c = (struct command){ .fd = w.fd, .request = NYX_ARRAY, .arg = &array };
	caller_start(&caller, issue, &c);
	stall_wait(&a.stall);
	memcpy(&at->size, &v->size, sizeof(v->size));
	stall_release_with(&a.stall, rest);
	test_cmd(caller_end(&caller));
	ASSERT_EQ(1, array.out_done);
	ASSERT_EQ(sizeof(item), at->size);
	ASSERT_EQ(SZ_4K, at->out_unmapped);
	ASSERT_FILLED(a.second, 0, SZ_4K);
}

/* The structure of an array changes while its items are read. */
TEST(array)
{
	struct nyx_unmap items[2];
	struct nyx_array array = {
		.size = sizeof(array), .cmd = NYX_CMD_UNMAP, .item_size = sizeof(items[0]), .nr = 2,
	}, before;
	unsigned char rest[SZ_4K];
	struct ioctl_world w;
	struct caller caller;
	struct command c;
	struct arena a;

	ioctl_world_open(&w);
	set_item(&items[0], 0);
	set_item(&items[1], SZ_4K);
	arena_open(&a);
	array.items = PTR(arena_put(&a, items, sizeof(items), sizeof(items[0]), rest));
	before = array;
	c = (struct command){ .fd = w.fd, .request = NYX_ARRAY, .arg = &array };
	caller_start(&caller, issue, &c);
	stall_wait(&a.stall);
	memset(&array, 0xee, sizeof(array));
	stall_release_with(&a.stall, rest);
	test_cmd(caller_end(&caller));
	before.out_done = 2;
	ASSERT_SAME(&array, &before, sizeof(array));
}

/* ---- what structures point to ---- */

/* Pages that a device asks for: checked, then told; the same both times. */
TEST(pages)
{
	struct nyx_page pages[2] = {
		{ .iova = W_FREE_IOVA, .access = NYX_PROT_READ },
		{ .iova = W_FREE_IOVA + SZ_4K, .access = NYX_PROT_READ },
	}, *at;
	struct nyx_page_request request;
	unsigned char rest[SZ_4K];
	struct nyx_event event;
	struct ioctl_world w;
	struct caller caller;
	struct command c;
	struct arena a;
	int ev;

	ioctl_world_open(&w);
	test_cmd(cmd_events_open(w.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	arena_open(&a);
	at = arena_put(&a, pages, sizeof(pages), sizeof(pages[0]), rest);
	nyx_page_init(&request, NYX_PAGE_F_NOWAIT, X0, at, 2, 600000);
	c = (struct command){ .fd = w.fd, .request = NYX_PAGE_REQUEST, .arg = &request };
	caller_start(&caller, issue, &c);
	stall_wait(&a.stall);
	memset(at, 0xee, sizeof(*at));
	stall_release_with(&a.stall, rest);
	test_cmd(caller_end(&caller));
	for (int i = 0; i < 2; i++) {
		event_wait(ev, NYX_EVENT_PAGE_REQUEST, &event);
		ASSERT_EQ(pages[i].iova, event.page.iova);
		ASSERT_EQ(NYX_PROT_READ, event.page.access);
		ASSERT_EQ(2, event.page.nr);
	}
	test_cmd(cmd_page_respond(w.fd, request.out_group, NYX_PAGE_INVALID));
}

/* Where entries go is read once, and so is how many there may be. */
TEST(where_a_list_goes)
{
	struct nyx_list list = {
		.size = sizeof(list), .type = NYX_LIST_DEVICES,
		.entry_size = sizeof(struct nyx_device_info), .nr = 3,
	}, before;
	unsigned char rest[SZ_4K] = { 0 };
	struct nyx_device_info *info;
	struct ioctl_world w;
	struct caller caller;
	struct command c;
	struct arena a;

	ioctl_world_open(&w);
	arena_open(&a);
	/* The second entry goes to the page that is not there. */
	info = (struct nyx_device_info *)a.second - 1;
	list.entries = PTR(info);
	before = list;
	c = (struct command){ .fd = w.fd, .request = NYX_LIST, .arg = &list };
	caller_start(&caller, issue, &c);
	stall_wait(&a.stall);
	memset(&list, 0xee, sizeof(list));
	stall_release_with(&a.stall, rest);
	test_cmd(caller_end(&caller));
	before.out_nr = 3;
	before.out_more = 0;
	before.out_next = 0;
	ASSERT_SAME(&list, &before, sizeof(list));
	ASSERT_EQ(X0, info[0].sbdf);
	ASSERT_EQ(X1, info[1].sbdf);
	ASSERT_EQ(X2, info[2].sbdf);
}

/* ---- at any moment ---- */

/**
 * struct flip - a thread that changes a word all the time
 * @at: the word
 * @value: what it is in turn
 * @stop: it is enough
 */
struct flip {
	__u32 *at;
	__u32 value[2];
	bool stop;
};

static void *flip_on(void *arg)
{
	struct flip *f = arg;

	for (unsigned int i = 0; !__atomic_load_n(&f->stop, __ATOMIC_SEQ_CST); i++) {
		__atomic_store_n(f->at, f->value[i % 2], __ATOMIC_SEQ_CST);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

/* An input that is no pointer: where that leads to is this process's memory. */
static size_t pick_word(const struct ioctl_desc *d, struct rng *r)
{
	size_t at;

	do {
		at = rng_below(r, d->size / 4) * 4;
	} while (is_output(d, at) || (at >= d->pointer.offset &&
				      at < d->pointer.offset + d->pointer.size));
	return at;
}

/* At any moment a change works or is refused, and the kernel survives. */
TEST(any_moment)
{
	const unsigned long calls = ktap_iterations(16);
	struct rng r = rng_start(1);

	for (unsigned int nr = 0; nr < NYX_CMD_MAX; nr++) {
		const struct ioctl_desc *d = &ioctl_table[nr];
		struct ioctl_world w;
		struct ioctl_call call;

		/* Each in a world of its own: what it has done may be anything. */
		ioctl_world_open(&w);
		ioctl_prepare(d, &w, &call);
		if (d->request == NYX_PAGE_REQUEST)
			call.arg.page_request.timeout_ms = 1;	/* if it has to wait */
		for (unsigned int i = 0; i < 4; i++) {
			const size_t at = i ? pick_word(d, &r) : 0;
			union ioctl_arg arg = call.arg;
			struct flip f = { .at = (__u32 *)(arg.raw + at) };
			pthread_t t;

			f.value[0] = *f.at;
			f.value[1] = rng_below(&r, 2) ? rng_next(&r) : rng_below(&r, 128);
			ktap_note("%s, byte %zu, 0x%x and 0x%x", d->name, at, f.value[0],
				  f.value[1]);
			t = thread_start(flip_on, &f);
			for (unsigned long j = 0; j < calls; j++) {
				int ret = nyx_cmd(call.fd, d->request, &arg);

				ASSERT_TRUE(ret != -ENOTTY && ret != -EINTR);
				if (!ret && d->request == NYX_EVENTS_OPEN)
					close(arg.events_open.out_fd);
				if (!ret && d->request == NYX_VIEW_OPEN)
					close(arg.view_open.out_fd);
				if (!ret && d->request == NYX_CHANGES_OPEN)
					close(arg.changes_open.out_fd);
			}
			__atomic_store_n(&f.stop, true, __ATOMIC_SEQ_CST);
			thread_end(t, "a thread that changes a word");
		}
		cmd_unit_persist(call.fd, 0);
		if (call.fd != w.fd)
			close(call.fd);
		ioctl_world_close(&w);
	}
}
