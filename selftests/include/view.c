// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: views: the two areas of NYX_VIEW_OPEN, by system calls alone.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "view.h"

#include <sys/mman.h>

int view_try_open(struct view *v, int unit, __u32 slots, __u32 holds)
{
	struct nyx_view_open c;
	unsigned char *window, *rw;
	int ret = cmd_view_open(unit, slots, holds, &c);

	if (ret)
		return ret;
	window = mmap(NULL, c.out_window_size, PROT_READ, MAP_SHARED, c.out_fd, 0);
	ASSERT_TRUE(window != MAP_FAILED);
	rw = mmap(NULL, c.out_view_size, PROT_READ | PROT_WRITE, MAP_SHARED, c.out_fd,
		  NYX_VIEW_RW);
	ASSERT_TRUE(rw != MAP_FAILED);
	*v = (struct view){
		.fd = c.out_fd, .id = c.out_view_id, .head = (void *)window,
		.size = c.out_window_size, .ctl = (void *)rw, .rw_size = c.out_view_size,
		.slots = (void *)(rw + sizeof(struct nyx_view_ctl)),
	};
	v->devs = (void *)(window + v->head->dev_offset);
	v->doms = (void *)(window + v->head->dom_offset);
	v->sets = (void *)(window + v->head->set_offset);
	v->holds = (void *)(rw + (((1 + slots) * 64ull + SZ_4K - 1) & ~(SZ_4K - 1)));
	return 0;
}

void view_open(struct view *v, int unit, __u32 slots, __u32 holds)
{
	test_cmd(view_try_open(v, unit, slots, holds));
}

void view_close(struct view *v)
{
	test_cmd(munmap((void *)v->head, v->size));
	test_cmd(munmap(v->ctl, v->rw_size));
	test_cmd(close(v->fd));
}

__u64 view_dev(const struct view *v, __u32 index)
{
	return __atomic_load_n(&v->devs[index].word, __ATOMIC_SEQ_CST);
}

__u64 view_dom(const struct view *v, __u32 index)
{
	return __atomic_load_n(&v->doms[index].word, __ATOMIC_SEQ_CST);
}

__u32 view_find(const struct view *v, __u32 sbdf)
{
	for (__u32 i = 1; i < v->head->nr_devs; i++) {
		if ((view_dev(v, i) & NYX_WINDOW_DEV_LIVE) && v->devs[i].sbdf == sbdf)
			return i;
	}
	return 0;
}

__u32 view_domain_of(const struct view *v, __u32 sbdf)
{
	return view_dev(v, view_find(v, sbdf)) >> NYX_WINDOW_DEV_DOMAIN_SHIFT &
	       NYX_WINDOW_DEV_DOMAIN_MASK;
}

struct guest_ram {
	const char *ram;
	__u64 size;
};

static const __u64 *entry_at(void *arg, uint64_t gpa)
{
	const struct guest_ram *g = arg;

	return gpa < g->size ? (const __u64 *)(g->ram + gpa) : NULL;
}

enum nyx_reader_answer view_reads(struct view *v, const void *ram, __u64 size, __u32 sbdf,
				  __u64 iova, __u64 *gpa)
{
	struct guest_ram memory = { ram, size };
	enum nyx_reader_answer answer;
	struct nyx_view_reader reader = {};
	struct nyx_view_hit hit;
	__u32 index = view_find(v, sbdf);

	ASSERT_TRUE(nyx_reader_init(&reader, v->head, v->size, &v->slots[3]));
	ASSERT_TRUE(nyx_reader_enter(&reader, index));
	answer = nyx_reader_lookup(&reader, nyx_reader_device(&reader, index, sbdf, NYX_PASID_NONE),
				   iova, 1, NYX_PROT_READ, &hit);
	if (answer == NYX_READER_TABLE &&
	    !nyx_reader_walk(&reader, iova, NYX_PROT_READ, entry_at, &memory, &hit))
		answer = NYX_READER_KERNEL;
	if (answer != NYX_READER_KERNEL)
		*gpa = hit.gpa;
	ASSERT_TRUE(nyx_reader_leave(&reader));
	return answer;
}

void slot_enter(struct view *v, unsigned int i, __u32 dev)
{
	struct nyx_view_slot *slot = &v->slots[i];

	slot->dev = dev;
	slot->phase = __atomic_load_n(&v->head->phase, __ATOMIC_ACQUIRE);
	__atomic_store_n(&slot->seq, slot->seq + 1, __ATOMIC_SEQ_CST);
}

void slot_leave(struct view *v, unsigned int i)
{
	struct nyx_view_slot *slot = &v->slots[i];

	__atomic_store_n(&slot->seq, slot->seq + 1, __ATOMIC_SEQ_CST);
}

void hold_take(struct view *v, unsigned int i, __u32 dom, __u32 dev, __u64 first, __u64 last)
{
	struct nyx_view_hold *hold = &v->holds[i];

	if (v->ctl->holds_used <= i)
		v->ctl->holds_used = i + 1;
	hold->dom = dom;
	hold->dev = dev;
	hold->nr = last - first;
	hold->first = first;
	hold->phase = __atomic_load_n(&v->head->phase, __ATOMIC_ACQUIRE);
	__atomic_store_n(&hold->seq, hold->seq + 1, __ATOMIC_SEQ_CST);
}

void hold_release(struct view *v, unsigned int i)
{
	struct nyx_view_hold *hold = &v->holds[i];

	__atomic_store_n(&hold->seq, hold->seq + 1, __ATOMIC_SEQ_CST);
}
