// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: views: the window, its words, misses, mappings, the end of a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * nyx_view_wait.c has the commands that wait for views.
 */
#include "view.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define SECOND		NYX_SBDF(0, 4, 0, 0)
#define DEV_BITS	0xffu		/* of a device's word: enum nyx_window_dev_bits */
#define DEV_RW		(NYX_WINDOW_DEV_LIVE | NYX_WINDOW_DEV_READ | NYX_WINDOW_DEV_WRITE)
#define DOM_BITS	0xfffu
#define DOM_CLASSES	(NYX_WINDOW_DOM_4K | NYX_WINDOW_DOM_2M | NYX_WINDOW_DOM_1G)

static __u64 tag_of(__u64 word)
{
	return word >> NYX_WINDOW_DOM_TAG_SHIFT;
}

static __u32 serial_of(__u64 word)
{
	return word >> NYX_WINDOW_DEV_SERIAL_SHIFT;
}

/* The entry that a reader finds in the cache; NULL: a miss. */
static const struct nyx_window_entry *find_entry(const struct view *view, __u32 dom, __u64 iova,
						 unsigned int class)
{
	__u64 tag = tag_of(view_dom(view, dom));
	__u64 key = iova >> (12 + 9 * class) << 2 | (class + 1);
	__u64 set = (key + tag * NYX_WINDOW_HASH_TAG) * NYX_WINDOW_HASH >> view->head->set_shift;

	ASSERT_LT(set, view->head->nr_sets);
	for (unsigned int i = 0; i < NYX_WINDOW_WAYS; i++) {
		const struct nyx_window_entry *e = &view->sets[set * NYX_WINDOW_WAYS + i];

		if (e->key == key && e->tag == tag)
			return e;
	}
	return NULL;
}

/* ---- what is there ---- */

static void check_head(const struct view *view, const struct env *e, __u32 devs, __u32 doms,
		       __u32 sets)
{
	const struct nyx_window_head *h = view->head;

	ASSERT_EQ(NYX_WINDOW_VERSION, h->version);
	ASSERT_EQ(sizeof(*h), h->head_size);
	ASSERT_EQ(e->unit, h->unit);
	ASSERT_EQ(0, h->memory_gen);
	ASSERT_EQ(0, h->flags);
	ASSERT_EQ(0, h->phase);
	ASSERT_EQ(devs + 1, h->nr_devs);
	ASSERT_EQ(doms + 1, h->nr_doms);
	ASSERT_EQ(sets, h->nr_sets);
	if (sets)
		ASSERT_EQ(sets, 1ull << (64 - h->set_shift));
	ASSERT_GE(h->dev_offset, sizeof(*h));
	ASSERT_GE(h->dom_offset, h->dev_offset + h->nr_devs * sizeof(*view->devs));
	ASSERT_GE(h->set_offset, h->dom_offset + h->nr_doms * sizeof(*view->doms));
	ASSERT_GE(view->size, h->set_offset + 128ull * sets);
	ASSERT_EQ(0, h->dev_offset % 64);
	ASSERT_EQ(0, h->dom_offset % 64);
	ASSERT_EQ(0, h->set_offset % 128);
}

static const struct layout_case {
	const char *name;
	__u32 iotlb;
	__u32 sets;
} layout_cases[] = {
	{ "smallest", 8, 2 }, { "odd_page", 16, 4 }, { "default", 0, 1024 },
	{ "big", 65536, 16384 }, { "no_cache", ENV_IOTLB_OFF, 0 },
};

/* All of the window, and of the writable area, is known, or 0. */
TEST_EACH(every_byte, layout_cases)
{
	struct nyx_window_head head;
	struct nyx_window_entry *e;
	unsigned char *copy, *rw;
	struct view view;
	struct env env;
	unsigned int used = 0;
	__u64 word;
	__u32 dom;

	env_open(&env, .iotlb = v->iotlb);
	test_cmd(cmd_map(env.fd, env.domain, SZ_1G, SZ_2M, SZ_2M, RW));
	test_cmd(cmd_map(env.fd, env.domain, 0, SZ_64K, SZ_64K, NYX_PROT_READ));
	view_open(&view, env.fd, 3, 5);
	check_head(&view, &env, 65536, 65535, v->sets);
	for (unsigned int i = 0; i < 16; i++)
		dma_read(env.fd, env.sbdf, i * SZ_4K + 0x123, &word, 8);
	dma_write(env.fd, env.sbdf, SZ_1G + 0x1238, &word, 8);
	ASSERT_EQ(1, view_find(&view, env.sbdf));
	dom = view_domain_of(&view, env.sbdf);
	ASSERT_EQ(1, dom);

	copy = ktap_alloc(view.size);
	memcpy(copy, view.head, view.size);
	head = *view.head;
	memset(copy, 0, sizeof(head));
	word = view_dom(&view, dom);
	ASSERT_EQ(NYX_WINDOW_DOM_LIVE | (v->sets ? NYX_WINDOW_DOM_4K | NYX_WINDOW_DOM_2M : 0),
		  word & DOM_BITS);
	ASSERT_EQ(DEV_RW, view_dev(&view, 1) & DEV_BITS);
	ASSERT_EQ(1, serial_of(view_dev(&view, 1)));
	ASSERT_EQ(env.sbdf, view.devs[1].sbdf);
	ASSERT_EQ(NYX_PASID_NONE, view.devs[1].pasid);
	memset(copy + head.dev_offset + sizeof(*view.devs), 0, sizeof(*view.devs));
	memset(copy + head.dom_offset + sizeof(*view.doms), 0, sizeof(word));
	e = (void *)(copy + head.set_offset);
	for (unsigned int i = 0; i < NYX_WINDOW_WAYS * head.nr_sets; i++, e++) {
		if (!e->key)
			continue;
		used++;
		ASSERT_EQ(0, e->seq & 1);
		ASSERT_EQ(tag_of(word), e->tag);
		memset(e, 0, sizeof(*e));
	}
	ASSERT_FILLED(copy, 0, view.size);
	if (v->sets)
		ASSERT_GT(used, 0);
	free(copy);

	ASSERT_EQ(NYX_VIEW_VERSION, view.ctl->version);
	ASSERT_EQ(3, view.ctl->nr_slots);
	ASSERT_EQ(5, view.ctl->nr_holds);
	rw = ktap_alloc(view.rw_size);
	memcpy(rw, view.ctl, view.rw_size);
	ASSERT_EQ(2 * SZ_4K, view.rw_size);
	memset(rw, 0, offsetof(struct nyx_view_ctl, holds_used));
	ASSERT_FILLED(rw, 0, view.rw_size);
}

TEST(entries)
{
	const struct nyx_window_entry *e;
	struct view view;
	struct env env;
	__u64 tag, word;
	__u32 dom;

	env_open(&env);
	view_open(&view, env.fd, 1, 0);
	dom = view_domain_of(&view, env.sbdf);
	test_cmd(cmd_map(env.fd, env.domain, SZ_1G, SZ_2M, SZ_2M, RW));
	test_cmd(cmd_map(env.fd, env.domain, 5 * SZ_4K, SZ_64K, SZ_4K, NYX_PROT_READ));
	ASSERT_EQ(0, view_dom(&view, dom) & DOM_CLASSES);
	dma_read(env.fd, env.sbdf, 5 * SZ_4K + 8, &word, 8);
	ASSERT_EQ(NYX_WINDOW_DOM_4K, view_dom(&view, dom) & DOM_CLASSES);
	e = find_entry(&view, dom, 5 * SZ_4K, 0);
	ASSERT_TRUE(e);
	ASSERT_EQ(SZ_64K | NYX_PROT_READ << NYX_WINDOW_VAL_PROT_SHIFT | 12, e->val);
	dma_read(env.fd, env.sbdf, SZ_1G + 8, &word, 8);
	ASSERT_EQ(NYX_WINDOW_DOM_4K | NYX_WINDOW_DOM_2M, view_dom(&view, dom) & DOM_CLASSES);
	e = find_entry(&view, dom, SZ_1G, 1);
	ASSERT_TRUE(e);
	ASSERT_EQ(SZ_2M | RW << NYX_WINDOW_VAL_PROT_SHIFT | 21, e->val);
	ASSERT_TRUE(!find_entry(&view, dom, SZ_1G, 0));

	/* One page goes, the other stays. */
	test_cmd(cmd_unmap(env.fd, env.domain, 5 * SZ_4K, SZ_4K, NULL));
	ASSERT_TRUE(!find_entry(&view, dom, 5 * SZ_4K, 0));
	ASSERT_TRUE(find_entry(&view, dom, SZ_1G, 1));
	/* All goes by another tag. */
	tag = tag_of(view_dom(&view, dom));
	test_cmd(cmd_invalidate(env.fd, NYX_SCOPE_DOMAIN, env.domain, 0, 0, 0));
	ASSERT_NE(tag, tag_of(view_dom(&view, dom)));
	ASSERT_TRUE(!find_entry(&view, dom, SZ_1G, 1));
	ASSERT_EQ(0, view_dom(&view, dom) & DOM_CLASSES);
	ASSERT_EQ(NYX_WINDOW_DOM_LIVE, view_dom(&view, dom) & DOM_BITS);
}

TEST(memory_generation)
{
	struct view view;
	struct env env;

	env_open(&env);
	view_open(&view, env.fd, 1, 0);
	ASSERT_EQ(0, view.head->memory_gen);
	test_err(ENOENT, cmd_memory_remove(env.fd, SZ_1G, SZ_4K));
	ASSERT_EQ(0, view.head->memory_gen);
	test_cmd(cmd_memory_remove(env.fd, 0, env.mem_size));
	ASSERT_EQ(1, view.head->memory_gen);
	test_cmd(cmd_memory_add(env.fd, 0, 0, env.mem_size, env.mem));
	ASSERT_EQ(1, view.head->memory_gen);
}

/* ---- the word of a device ---- */

TEST(attach_and_detach)
{
	struct view view;
	struct env env;
	__u32 dev, dom, other, other_id;
	__u64 word;

	env_open(&env);
	view_open(&view, env.fd, 1, 0);
	test_cmd(cmd_domain_paging(env.fd, 0, &other_id));
	dev = view_find(&view, env.sbdf);
	dom = view_domain_of(&view, env.sbdf);
	word = view_dev(&view, dev);

	/* A device without a domain has none that the window knows, and no hits. */
	test_cmd(cmd_device_detach(env.fd, env.sbdf));
	ASSERT_EQ(serial_of(word), serial_of(view_dev(&view, dev)));
	ASSERT_EQ(0, view_dev(&view, dev) >> NYX_WINDOW_DEV_DOMAIN_SHIFT &
		     NYX_WINDOW_DEV_DOMAIN_MASK);
	ASSERT_EQ(0, view_dom(&view, 0));
	ASSERT_EQ(NYX_WINDOW_DEV_FILTERED, view_dev(&view, dev) & NYX_WINDOW_DEV_FILTERED);
	test_cmd(cmd_device_attach(env.fd, env.sbdf, other_id, 0));
	other = view_domain_of(&view, env.sbdf);
	ASSERT_NE(dom, other);
	ASSERT_EQ(serial_of(word), serial_of(view_dev(&view, dev)));
	ASSERT_EQ(DEV_RW, view_dev(&view, dev) & DEV_BITS);
	test_cmd(cmd_device_attach(env.fd, env.sbdf, env.domain, NYX_ATTACH_F_REPLACE));
	ASSERT_EQ(word, view_dev(&view, dev));

	/* Another device takes the index with another serial. */
	test_cmd(cmd_device_remove(env.fd, env.sbdf));
	ASSERT_EQ((__u64)serial_of(word) << NYX_WINDOW_DEV_SERIAL_SHIFT, view_dev(&view, dev));
	ASSERT_EQ(0, view_find(&view, env.sbdf));
	test_cmd(cmd_device_add(env.fd, SECOND));
	test_cmd(cmd_device_attach(env.fd, SECOND, env.domain, 0));
	ASSERT_EQ(dev, view_find(&view, SECOND));
	ASSERT_EQ(dom, view_domain_of(&view, SECOND));
	ASSERT_EQ(serial_of(word) + 1, serial_of(view_dev(&view, dev)));
	/* One that is refused leaves no word behind. */
	test_err(EEXIST, cmd_device_add(env.fd, SECOND));
	ASSERT_EQ(0, view_dev(&view, dev + 1) & DEV_BITS);
	test_cmd(cmd_device_add(env.fd, env.sbdf));
	test_cmd(cmd_device_attach(env.fd, env.sbdf, other_id, 0));
	ASSERT_EQ(dev + 1, view_find(&view, env.sbdf));
}

TEST(domains_come_and_go)
{
	struct view view;
	struct env env;
	__u32 ids[3], index[3];
	__u64 tag;

	env_open(&env);
	view_open(&view, env.fd, 1, 0);
	for (int i = 0; i < 3; i++) {
		test_cmd(cmd_domain_paging(env.fd, 0, &ids[i]));
		test_cmd(cmd_device_attach(env.fd, env.sbdf, ids[i], NYX_ATTACH_F_REPLACE));
		index[i] = view_domain_of(&view, env.sbdf);
		ASSERT_EQ(NYX_WINDOW_DOM_LIVE, view_dom(&view, index[i]) & DOM_BITS);
	}
	ASSERT_NE(index[0], index[1]);
	ASSERT_NE(index[1], index[2]);
	tag = tag_of(view_dom(&view, index[0]));
	test_cmd(cmd_domain_destroy(env.fd, ids[0]));
	ASSERT_EQ(0, view_dom(&view, index[0]));
	/* The index is used again, the tag is not. */
	test_cmd(cmd_domain_paging(env.fd, 0, &ids[0]));
	test_cmd(cmd_device_attach(env.fd, env.sbdf, ids[0], NYX_ATTACH_F_REPLACE));
	ASSERT_EQ(index[0], view_domain_of(&view, env.sbdf));
	ASSERT_NE(tag, tag_of(view_dom(&view, index[0])));
	ASSERT_EQ(NYX_WINDOW_DOM_LIVE, view_dom(&view, index[0]) & DOM_BITS);
}

TEST(domain_kinds)
{
	struct view view;
	struct env env;
	__u32 id, dom, dev;

	env_open(&env, .kind = NYX_DOMAIN_IDENTITY);
	view_open(&view, env.fd, 1, 0);
	dom = view_domain_of(&view, env.sbdf);
	dev = view_find(&view, env.sbdf);
	ASSERT_EQ(NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_IDENTITY, view_dom(&view, dom) & DOM_BITS);
	ASSERT_EQ(~0ull, view.doms[dom].last);
	test_cmd(cmd_domain_kind(env.fd, NYX_DOMAIN_BLOCKED, 0, &id));
	test_cmd(cmd_device_attach(env.fd, env.sbdf, id, NYX_ATTACH_F_REPLACE));
	ASSERT_EQ(NYX_WINDOW_DEV_FILTERED, view_dev(&view, dev) & NYX_WINDOW_DEV_FILTERED);
	ASSERT_EQ(0, view_dev(&view, dev) >> NYX_WINDOW_DEV_DOMAIN_SHIFT &
		     NYX_WINDOW_DEV_DOMAIN_MASK);
	/* The index of one that was an identity has no trace of it. */
	test_cmd(cmd_domain_destroy(env.fd, env.domain));
	test_cmd(cmd_domain_paging(env.fd, 0, &id));
	test_cmd(cmd_device_attach(env.fd, env.sbdf, id, NYX_ATTACH_F_REPLACE));
	ASSERT_EQ(dom, view_domain_of(&view, env.sbdf));
	ASSERT_EQ(NYX_WINDOW_DOM_LIVE, view_dom(&view, dom) & DOM_BITS);
}

static const struct policy_case {
	const char *name;
	__u32 flags;
	bool domain;
} policy_cases[] = {
	{ "device", 0, false }, { "domain", NYX_POLICY_F_DOMAIN, true },
};

TEST_EACH(refused, policy_cases)
{
	const struct nyx_policy policy = {
		.flags = v->flags, .action = NYX_ACTION_QUARANTINE, .threshold = 3,
		.window_ms = 3600000, .weight = { 1, 1, 1, 1, 1 }, .backoff_ms = 1,
		.backoff_max_ms = 1, .probation_ms = 1, .max_tries = 1,
		.records_per_s = 0xffffffff,
	};
	const __u64 dom_refused = v->domain ? NYX_WINDOW_DOM_REFUSED : 0;
	static const __u32 actions[] = { NYX_DEVICE_DO_QUARANTINE, NYX_DEVICE_DO_DISABLE };
	struct view view;
	struct env env;
	__u32 dev, dom, other;

	env_open(&env, .domain_flags = NYX_DOMAIN_F_SHARED);
	test_cmd(cmd_policy_set(env.fd, NYX_SCOPE_UNIT, 0, &policy));
	test_cmd(cmd_domain_paging(env.fd, NYX_DOMAIN_F_SHARED, &other));
	view_open(&view, env.fd, 1, 0);
	dev = view_find(&view, env.sbdf);
	dom = view_domain_of(&view, env.sbdf);
	test_cmd(cmd_device_add(env.fd, SECOND));
	test_cmd(cmd_device_attach(env.fd, SECOND, env.domain, 0));
	for (unsigned int turn = 0; turn < 3; turn++) {
		if (turn < ARRAY_SIZE(actions))
			test_cmd(cmd_device_control(env.fd, env.sbdf, actions[turn]));
		else
			for (unsigned int i = 0; i < 3; i++)
				dma_refused(env.fd, env.sbdf, SZ_1G + i * SZ_4K, NYX_PROT_READ,
					    NYX_FAULT_TABLE_NOT_PRESENT);
		ASSERT_EQ(DEV_RW | NYX_WINDOW_DEV_REFUSED, view_dev(&view, dev) & DEV_BITS);
		ASSERT_EQ(DEV_RW, view_dev(&view, view_find(&view, SECOND)) & DEV_BITS);
		ASSERT_EQ(NYX_WINDOW_DOM_LIVE | dom_refused, view_dom(&view, dom) & DOM_BITS);
		test_cmd(cmd_device_control(env.fd, env.sbdf, NYX_DEVICE_DO_RESET));
		ASSERT_EQ(DEV_RW, view_dev(&view, dev) & DEV_BITS);
		ASSERT_EQ(NYX_WINDOW_DOM_LIVE, view_dom(&view, dom) & DOM_BITS);
	}

	/* The domain that the device holds up is the one that it is in. */
	test_cmd(cmd_device_control(env.fd, env.sbdf, NYX_DEVICE_DO_QUARANTINE));
	test_cmd(cmd_device_attach(env.fd, env.sbdf, other, NYX_ATTACH_F_REPLACE));
	ASSERT_EQ(DEV_RW | NYX_WINDOW_DEV_REFUSED, view_dev(&view, dev) & DEV_BITS);
	ASSERT_EQ(NYX_WINDOW_DOM_LIVE, view_dom(&view, dom) & DOM_BITS);
	ASSERT_EQ(NYX_WINDOW_DOM_LIVE | dom_refused,
		  view_dom(&view, view_domain_of(&view, env.sbdf)) & DOM_BITS);
	test_cmd(cmd_device_remove(env.fd, env.sbdf));
	ASSERT_EQ(0, view_dev(&view, dev) & NYX_WINDOW_DEV_LIVE);
}

TEST(limited)
{
	const struct nyx_limits some = { .ops_per_s = 1000000, .burst_ms = 100 }, none = { 0 };
	struct nyx_view_fill fill;
	struct view view;
	struct env env;
	__u32 dev, dom;

	env_open(&env);
	test_cmd(cmd_map(env.fd, env.domain, 0, 0, SZ_64K, RW));
	view_open(&view, env.fd, 1, 0);
	dev = view_find(&view, env.sbdf);
	dom = view_domain_of(&view, env.sbdf);
	for (int turn = 0; turn < 2; turn++) {
		test_cmd(cmd_limit_set(env.fd, NYX_SCOPE_DEVICE, env.sbdf, &some));
		ASSERT_EQ(DEV_RW | NYX_WINDOW_DEV_LIMITED, view_dev(&view, dev) & DEV_BITS);
		ASSERT_EQ(NYX_WINDOW_DOM_LIVE, view_dom(&view, dom) & (DOM_BITS & ~DOM_CLASSES));
		test_err(EOPNOTSUPP, cmd_view_fill(env.fd, &fill, env.sbdf, RW, 0, 8));
		ASSERT_EQ(NYX_REASON_HAS_LIMITS, fill.out_err_reason);
		test_cmd(cmd_limit_set(env.fd, NYX_SCOPE_DEVICE, env.sbdf, &none));
		ASSERT_EQ(DEV_RW, view_dev(&view, dev) & DEV_BITS);
		test_cmd(cmd_view_fill(env.fd, &fill, env.sbdf, RW, 0, 8));

		test_cmd(cmd_limit_set(env.fd, NYX_SCOPE_DOMAIN, env.domain, &some));
		ASSERT_EQ(DEV_RW, view_dev(&view, dev) & DEV_BITS);
		ASSERT_EQ(NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_LIMITED,
			  view_dom(&view, dom) & (DOM_BITS & ~DOM_CLASSES));
		test_err(EOPNOTSUPP, cmd_view_fill(env.fd, &fill, env.sbdf, RW, 0, 8));
		ASSERT_EQ(NYX_REASON_HAS_LIMITS, fill.out_err_reason);
		test_cmd(cmd_limit_set(env.fd, NYX_SCOPE_DOMAIN, env.domain, &none));
		ASSERT_EQ(NYX_WINDOW_DOM_LIVE, view_dom(&view, dom) & (DOM_BITS & ~DOM_CLASSES));
		test_cmd(cmd_view_fill(env.fd, &fill, env.sbdf, RW, 0, 8));
	}
}

/* ---- NYX_VIEW_FILL ---- */

/* With room for @nr extents. */
static void fill(const struct env *e, struct nyx_view_fill *c, __u32 access, __u64 iova,
		 __u64 length, struct nyx_view_extent *extents, __u32 nr)
{
	nyx_view_fill_init(c, e->sbdf, access, iova, length);
	c->extents = PTR(extents);
	c->nr_extents = nr;
	if (nr)
		memset(extents, NYX_POISON, nr * sizeof(*extents));
	test_cmd(nyx_cmd(e->fd, NYX_VIEW_FILL, c));
}

static void check_extent(const struct nyx_view_extent *x, __u64 iova, __u64 length, __u64 gpa,
			 __u64 first, __u64 last, __u32 prot)
{
	ASSERT_EQ(iova, x->iova);
	ASSERT_EQ(length, x->length);
	ASSERT_EQ(gpa, x->gpa);
	ASSERT_EQ(first, x->first);
	ASSERT_EQ(last, x->last);
	ASSERT_EQ(prot, x->prot);
	ASSERT_EQ(0, x->__reserved);
}

TEST(fill_extents)
{
	struct nyx_view_extent x[8];
	struct nyx_view_fill c;
	struct view view;
	struct env env;

	env_open(&env);
	view_open(&view, env.fd, 1, 0);
	/* Contiguous; then another permission, then another place, then a large page. */
	for (int i = 0; i < 4; i++)
		test_cmd(cmd_map(env.fd, env.domain, i * SZ_4K, SZ_64K + i * SZ_4K, SZ_4K, RW));
	test_cmd(cmd_map(env.fd, env.domain, 4 * SZ_4K, SZ_64K + 4 * SZ_4K, SZ_4K,
			 NYX_PROT_READ));
	test_cmd(cmd_map(env.fd, env.domain, 5 * SZ_4K, SZ_64K, SZ_4K, NYX_PROT_READ));
	test_cmd(cmd_map(env.fd, env.domain, SZ_1G, SZ_2M, SZ_2M, RW));

	fill(&env, &c, NYX_PROT_READ, 0x801, 5 * SZ_4K, x, 8);
	ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
	ASSERT_EQ(view_find(&view, env.sbdf), c.out_device);
	ASSERT_EQ(view_domain_of(&view, env.sbdf), c.out_domain);
	ASSERT_EQ(5 * SZ_4K, c.out_done);
	ASSERT_EQ(3, c.out_nr_extents);
	check_extent(&x[0], 0x801, 4 * SZ_4K - 0x801, SZ_64K + 0x801, 0, 3, RW);
	check_extent(&x[1], 4 * SZ_4K, SZ_4K, SZ_64K + 4 * SZ_4K, 4, 4, NYX_PROT_READ);
	check_extent(&x[2], 5 * SZ_4K, 0x801, SZ_64K, 5, 5, NYX_PROT_READ);
	ASSERT_FILLED(&x[3], NYX_POISON, 5 * sizeof(x[0]));
	ASSERT_EQ(0, memcmp(&x[0], &c.out_extent, sizeof(x[0])));
	/* It has filled the cache. */
	ASSERT_TRUE(find_entry(&view, c.out_domain, 0, 0));
	ASSERT_TRUE(find_entry(&view, c.out_domain, 5 * SZ_4K, 0));

	/* No room: what it tells is exact. */
	fill(&env, &c, NYX_PROT_READ, 0x801, 5 * SZ_4K, x, 2);
	ASSERT_EQ(2, c.out_nr_extents);
	ASSERT_EQ(5 * SZ_4K - 0x801, c.out_done);
	ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
	fill(&env, &c, NYX_PROT_READ, 0x801, 5 * SZ_4K, NULL, 0);
	ASSERT_EQ(0, c.out_nr_extents);
	ASSERT_EQ(4 * SZ_4K - 0x801, c.out_done);
	check_extent(&c.out_extent, 0x801, 4 * SZ_4K - 0x801, SZ_64K + 0x801, 0, 3, RW);

	/* All of the page that translates it, also when it is a hit. */
	for (int i = 0; i < 2; i++) {
		fill(&env, &c, RW, SZ_1G + SZ_64K + 5, 9, x, 8);
		ASSERT_EQ(1, c.out_nr_extents);
		check_extent(&x[0], SZ_1G + SZ_64K + 5, 9, SZ_2M + SZ_64K + 5, SZ_1G / SZ_4K,
			     (SZ_1G + SZ_2M) / SZ_4K - 1, RW);
	}
	ASSERT_TRUE(find_entry(&view, c.out_domain, SZ_1G, 1));
}

/* A hold over an extent of pages of several sizes names all of each. */
TEST(fill_sizes)
{
	struct nyx_view_extent x[2];
	struct nyx_view_fill c;
	struct env env;

	env_open(&env, .mem_size = 3 * SZ_2M);
	test_cmd(cmd_map(env.fd, env.domain, SZ_1G - SZ_4K, SZ_2M - SZ_4K, SZ_4K, RW));
	test_cmd(cmd_map(env.fd, env.domain, SZ_1G, SZ_2M, SZ_2M, RW));
	test_cmd(cmd_map(env.fd, env.domain, SZ_1G + SZ_2M, 2 * SZ_2M, SZ_4K, RW));
	fill(&env, &c, RW, SZ_1G - 1, 2, x, 2);
	ASSERT_EQ(1, c.out_nr_extents);
	check_extent(&x[0], SZ_1G - 1, 2, SZ_2M - 1, SZ_1G / SZ_4K - 1,
		     (SZ_1G + SZ_2M) / SZ_4K - 1, RW);
	fill(&env, &c, RW, SZ_1G + SZ_2M - 1, 2, x, 2);
	ASSERT_EQ(1, c.out_nr_extents);
	check_extent(&x[0], SZ_1G + SZ_2M - 1, 2, 2 * SZ_2M - 1, SZ_1G / SZ_4K,
		     (SZ_1G + SZ_2M) / SZ_4K, RW);
}

/* More than the kernel handles at once. */
TEST(fill_many)
{
	enum { MANY = 100 };
	struct nyx_view_extent x[MANY + 1];
	struct nyx_view_fill c;
	struct env env;

	env_open(&env);
	for (unsigned int i = 0; i < MANY; i++)
		test_cmd(cmd_map(env.fd, env.domain, i * SZ_4K, (MANY - 1 - i) * SZ_4K, SZ_4K,
				 RW));
	for (__u32 nr = 1; nr <= MANY; nr++) {
		ktap_note("%u extents", nr);
		memset(x, NYX_POISON, sizeof(x));
		fill(&env, &c, RW, 0, MANY * SZ_4K, x, nr);
		ASSERT_EQ(nr, c.out_nr_extents);
		ASSERT_EQ(nr * SZ_4K, c.out_done);
		ASSERT_EQ(NYX_FAULT_NONE, c.out_fault.reason);
		for (unsigned int i = 0; i < nr; i++)
			check_extent(&x[i], i * SZ_4K, SZ_4K, (MANY - 1 - i) * SZ_4K, i, i, RW);
		check_extent(&c.out_extent, 0, SZ_4K, (MANY - 1) * SZ_4K, 0, 0, RW);
		ASSERT_FILLED(&x[nr], NYX_POISON, (MANY + 1 - nr) * sizeof(x[0]));
	}
}

static const struct fault_case {
	const char *name;
	__u64 iova;
	__u64 length;
	__u32 access;
} fault_cases[] = {
	{ "not_present", SZ_64K, 8, NYX_PROT_READ },
	{ "later", SZ_64K - 0x123, SZ_64K, RW },
	{ "no_table", SZ_512G, 1, NYX_PROT_WRITE },
	{ "width", 1ull << 50, 77, RW },
	{ "write_denied", SZ_2M + 4, 4, NYX_PROT_WRITE },
	{ "readonly_memory", SZ_1G, 4, NYX_PROT_WRITE },
	{ "no_memory", SZ_1G + SZ_2M, SZ_4K, NYX_PROT_READ },
	{ "quarantined", 0, 8, NYX_PROT_READ },
};

/* A fault is told, counted and recorded as that of NYX_TRANSLATE that reports. */
TEST_EACH(fill_faults, fault_cases)
{
	struct nyx_translate t;
	struct nyx_event event[2];
	struct nyx_device_info info;
	struct nyx_view_fill c;
	__u64 faults[2], translations[2];
	struct pollfd p;
	struct env env;
	unsigned char *more;
	int ev;

	env_open(&env, .mem_size = SZ_2M);
	more = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	test_cmd(cmd_memory_add(env.fd, NYX_MEMORY_F_READONLY, 2 * SZ_2M, SZ_64K, more));
	test_cmd(cmd_map(env.fd, env.domain, 0, 0, SZ_64K, RW));
	test_cmd(cmd_map(env.fd, env.domain, SZ_2M, 0, SZ_4K, NYX_PROT_READ));
	test_cmd(cmd_map(env.fd, env.domain, SZ_1G, 2 * SZ_2M, SZ_64K, RW));
	test_cmd(cmd_map(env.fd, env.domain, SZ_1G + SZ_2M, 4 * SZ_2M, SZ_64K, RW));
	test_cmd(cmd_events_open(env.fd, NYX_EVENTS_F_NONBLOCK, &ev));
	if (!strcmp(v->name, "quarantined")) {
		test_cmd(cmd_device_control(env.fd, env.sbdf, NYX_DEVICE_DO_QUARANTINE));
		events_count(ev, NYX_EVENT_DEVICE_STATE);
	}
	p = (struct pollfd){ .fd = ev, .events = POLLIN };

	nyx_translate_init(&t, env.sbdf, v->access, v->iova, v->length);
	t.flags = NYX_TRANSLATE_F_REPORT;
	test_cmd(nyx_cmd(env.fd, NYX_TRANSLATE, &t));
	ASSERT_NE(NYX_FAULT_NONE, t.out_fault.reason);
	memset(event, 0, sizeof(event));
	ASSERT_EQ(poll(&p, 1, 0), events_read(ev, &event[0], 1));
	faults[0] = unit_stat(env.fd, NYX_STAT_FAULTS);
	translations[0] = unit_stat(env.fd, NYX_STAT_TRANSLATIONS);

	test_cmd(cmd_view_fill(env.fd, &c, env.sbdf, v->access, v->iova, v->length));
	ASSERT_EQ(0, memcmp(&t.out_fault, &c.out_fault, sizeof(c.out_fault)));
	ASSERT_EQ(t.out_done, c.out_done);
	if (c.out_done)
		ASSERT_EQ(c.out_done, c.out_extent.length);
	else
		ASSERT_FILLED(&c.out_extent, 0, sizeof(c.out_extent));
	ASSERT_EQ(poll(&p, 1, 0), events_read(ev, &event[1], 1));
	ASSERT_EQ(0, memcmp(&event[0].fault, &event[1].fault, sizeof(event[0].fault)));
	faults[1] = unit_stat(env.fd, NYX_STAT_FAULTS);
	translations[1] = unit_stat(env.fd, NYX_STAT_TRANSLATIONS);
	ASSERT_EQ(2 * faults[0], faults[1]);
	ASSERT_EQ(1, translations[0]);
	ASSERT_EQ(2, translations[1]);
	device_info(env.fd, env.sbdf, &info);
	ASSERT_EQ(faults[1], info.fault_events);
}

/* Permission of memory is in the extent, where nobody asks to write. */
TEST(fill_permissions)
{
	struct nyx_view_extent x[4];
	struct nyx_view_fill c;
	struct env env;
	unsigned char *more;

	env_open(&env, .mem_size = SZ_64K);
	more = map_aligned(SZ_64K, SZ_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	test_cmd(cmd_memory_add(env.fd, NYX_MEMORY_F_READONLY, SZ_64K, SZ_64K, more));
	test_cmd(cmd_map(env.fd, env.domain, 0, SZ_64K - SZ_4K, 2 * SZ_4K, RW));
	fill(&env, &c, NYX_PROT_READ, 0, 2 * SZ_4K, x, 4);
	ASSERT_EQ(2, c.out_nr_extents);
	check_extent(&x[0], 0, SZ_4K, SZ_64K - SZ_4K, 0, 0, RW);
	check_extent(&x[1], SZ_4K, SZ_4K, SZ_64K, 1, 1, NYX_PROT_READ);
}

TEST(fill_array)
{
	enum { NR = 40, BAD = 20 };
	struct nyx_view_fill c[NR];
	struct nyx_array a = {
		.size = sizeof(a), .flags = NYX_ARRAY_F_STOP, .cmd = NYX_CMD_VIEW_FILL,
		.item_size = sizeof(c[0]), .items = PTR(c), .nr = NR,
	};
	struct env env;
	__u32 done;

	env_open(&env);
	test_cmd(cmd_map(env.fd, env.domain, 0, 0, NR * SZ_4K, RW));
	test_cmd(cmd_unmap(env.fd, env.domain, BAD * SZ_4K, SZ_4K, NULL));
	for (int stop = 0; stop < 2; stop++) {
		for (unsigned int i = 0; i < NR; i++)
			nyx_view_fill_init(&c[i], env.sbdf, RW, i * SZ_4K, 8);
		if (stop) {
			test_cmd(nyx_cmd(env.fd, NYX_ARRAY, &a));
			ASSERT_EQ(BAD, a.out_done);
		} else {
			test_cmd(cmd_array(env.fd, NYX_CMD_VIEW_FILL, c, sizeof(c[0]), NR,
					   &done));
			ASSERT_EQ(NR, done);
		}
		for (unsigned int i = 0; i < (stop ? BAD + 1 : NR); i++) {
			ASSERT_EQ(i == BAD, c[i].out_fault.reason != NYX_FAULT_NONE);
			ASSERT_EQ(i == BAD ? 0 : 8, c[i].out_done);
			if (i != BAD)
				check_extent(&c[i].out_extent, i * SZ_4K, 8, i * SZ_4K, i, i, RW);
		}
	}
	/* A bad item stops it, and says why. */
	for (unsigned int i = 0; i < NR; i++)
		nyx_view_fill_init(&c[i], env.sbdf, RW, 0, 8);
	c[7].access = 0;
	test_err(EINVAL, cmd_array(env.fd, NYX_CMD_VIEW_FILL, c, sizeof(c[0]), NR, &done));
	ASSERT_EQ(7, done);
	ASSERT_EQ(NYX_REASON_OUT_OF_RANGE, c[7].out_err_reason);
	ASSERT_EQ(offsetof(struct nyx_view_fill, access), c[7].out_err_field);
}

static const struct bad_fill {
	const char *name;
	int err;
	__u32 reason;
	__u32 field;
	__u64 iova;
	__u64 length;
	__u32 access;
	__u32 nr;
	bool pointer;
} bad_fills[] = {
#define AT(member)	offsetof(struct nyx_view_fill, member)
	{ "no_access", EINVAL, NYX_REASON_OUT_OF_RANGE, AT(access), 0, 8, 0, 0, false },
	{ "odd_access", EOPNOTSUPP, NYX_REASON_UNKNOWN_VALUE, AT(access), 0, 8, 7, 0, false },
	{ "empty", EINVAL, NYX_REASON_EMPTY, AT(length), 0, 0, RW, 0, false },
	{ "overflow", EOVERFLOW, NYX_REASON_OVERFLOW, AT(length), 9, ~0ull - 7, RW, 0, false },
	{ "too_many", EINVAL, NYX_REASON_OUT_OF_RANGE, AT(nr_extents), 0, 8, RW,
	  NYX_ARRAY_MAX + 1, true },
	{ "no_room", EINVAL, NYX_REASON_UNUSED, AT(extents), 0, 8, RW, 0, true },
	{ "no_pointer", EFAULT, NYX_REASON_POINTER, AT(extents), 0, 8, RW, 1, false },
#undef AT
};

TEST_EACH(fill_bad_values, bad_fills)
{
	struct nyx_view_extent x;
	struct nyx_view_fill c;
	struct env env;

	env_open(&env);
	test_cmd(cmd_map(env.fd, env.domain, 0, 0, SZ_64K, RW));
	nyx_view_fill_init(&c, env.sbdf, v->access, v->iova, v->length);
	c.nr_extents = v->nr;
	c.extents = v->pointer ? PTR(&x) : 0;
	test_err(v->err, nyx_cmd(env.fd, NYX_VIEW_FILL, &c));
	ASSERT_EQ(v->reason, c.out_err_reason);
	ASSERT_EQ(v->field, c.out_err_field);
	ASSERT_EQ(0, unit_stat(env.fd, NYX_STAT_TRANSLATIONS));
	test_err(ENOENT, cmd_view_fill(env.fd, &c, SECOND, RW, 0, 8));
	test_err(EOPNOTSUPP, ({
		nyx_view_fill_init(&c, env.sbdf, RW, 0, 8);
		c.pasid = 1;
		nyx_cmd(env.fd, NYX_VIEW_FILL, &c);
	}));
}

/* ---- mappings ---- */

#define WINDOW	0
#define RW_AREA	((off_t)NYX_VIEW_RW)

static const struct map_case {
	const char *name;
	int err;
	int prot;
	int flags;
	off_t offset;
	int pages;	/* beside those of the area */
} map_cases[] = {
	{ "short", EINVAL, PROT_READ, MAP_SHARED, WINDOW, -1 },
	{ "long", EINVAL, PROT_READ, MAP_SHARED, WINDOW, 1 },
	{ "second_page", EINVAL, PROT_READ, MAP_SHARED, 4096, -1 },
	{ "private", EINVAL, PROT_READ, MAP_PRIVATE, WINDOW, 0 },
	{ "write", EACCES, PROT_READ | PROT_WRITE, MAP_SHARED, WINDOW, 0 },
	{ "only_write", EACCES, PROT_WRITE, MAP_SHARED, WINDOW, 0 },
	{ "exec", EACCES, PROT_READ | PROT_EXEC, MAP_SHARED, WINDOW, 0 },
	{ "rw_short", EINVAL, PROT_READ | PROT_WRITE, MAP_SHARED, RW_AREA, -1 },
	{ "rw_long", EINVAL, PROT_READ | PROT_WRITE, MAP_SHARED, RW_AREA, 1 },
	{ "rw_second_page", EINVAL, PROT_READ | PROT_WRITE, MAP_SHARED, RW_AREA + 4096, -1 },
	{ "rw_before", EINVAL, PROT_READ | PROT_WRITE, MAP_SHARED, RW_AREA - 4096, 0 },
	{ "rw_private", EINVAL, PROT_READ | PROT_WRITE, MAP_PRIVATE, RW_AREA, 0 },
	{ "rw_read", EACCES, PROT_READ, MAP_SHARED, RW_AREA, 0 },
	{ "rw_write", EACCES, PROT_WRITE, MAP_SHARED, RW_AREA, 0 },
	{ "rw_none", EACCES, PROT_NONE, MAP_SHARED, RW_AREA, 0 },
	{ "rw_exec", EACCES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, RW_AREA, 0 },
};

static void mmap_fails(int err, size_t size, int prot, int flags, int fd, off_t offset)
{
	errno = 0;
	ASSERT_TRUE(mmap(NULL, size, prot, flags, fd, offset) == MAP_FAILED);
	ASSERT_EQ(err, errno);
}

TEST_EACH(bad_mappings, map_cases)
{
	struct nyx_view_open c;
	struct env env;
	size_t size;
	void *area;

	env_open(&env);
	test_cmd(cmd_view_open(env.fd, 100, 1000, &c));
	size = v->offset >= RW_AREA - 4096 ? c.out_view_size : c.out_window_size;
	mmap_fails(v->err, size + v->pages * SZ_4K, v->prot, v->flags, c.out_fd, v->offset);
	/* It has changed nothing. */
	area = mmap(NULL, c.out_view_size, PROT_READ | PROT_WRITE, MAP_SHARED, c.out_fd, RW_AREA);
	ASSERT_TRUE(area != MAP_FAILED);
}

static void call_fails(int err, int ret)
{
	ASSERT_EQ(-1, ret);
	ASSERT_EQ(err, errno);
}

TEST(mapped_as_a_whole)
{
	unsigned char *elsewhere = map_aligned(64 * SZ_1M, SZ_2M, PROT_NONE,
					       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	struct view view;
	unsigned char *area;
	struct env env;

	env_open(&env);
	view_open(&view, env.fd, 100, 1000);
	ASSERT_EQ(FD_CLOEXEC, fcntl(view.fd, F_GETFD));
	/* One window more is fine, a second area of slots is not. */
	area = mmap(NULL, view.size, PROT_READ, MAP_SHARED, view.fd, 0);
	ASSERT_TRUE(area != MAP_FAILED);
	ASSERT_EQ(0, memcmp(area, view.head, 64));
	test_cmd(munmap(area, view.size));
	mmap_fails(EBUSY, view.rw_size, PROT_READ | PROT_WRITE, MAP_SHARED, view.fd, RW_AREA);

	for (int i = 0; i < 2; i++) {
		size_t size = i ? view.rw_size : view.size;

		area = i ? (void *)view.ctl : (void *)view.head;
		call_fails(EINVAL, munmap(area, SZ_4K));
		call_fails(EINVAL, munmap(area + size - SZ_4K, SZ_4K));
		call_fails(EINVAL, munmap(area + SZ_4K, SZ_4K));
		call_fails(EINVAL, mprotect(area + SZ_4K, SZ_4K, PROT_NONE));
		call_fails(EACCES, mprotect(area, size, PROT_READ | PROT_EXEC));
		call_fails(EINVAL, madvise(area, size, MADV_DOFORK));
		ASSERT_TRUE(mremap(area, size, size + SZ_4K, MREMAP_MAYMOVE) == MAP_FAILED);
		ASSERT_TRUE(mremap(area, size, size - SZ_4K, 0) == MAP_FAILED);
		ASSERT_TRUE(mremap(area, 0, size, MREMAP_MAYMOVE) == MAP_FAILED);
		ASSERT_TRUE(mremap(area, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) ==
			    MAP_FAILED);
		ASSERT_EQ(EINVAL, errno);
		ASSERT_TRUE(mmap(area + SZ_4K, SZ_4K, PROT_READ,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
	}
	call_fails(EACCES, mprotect((void *)view.head, view.size, PROT_READ | PROT_WRITE));
	/* Both are as they were. */
	ASSERT_EQ(NYX_WINDOW_VERSION, view.head->version);
	ASSERT_EQ(100, view.ctl->nr_slots);
	slot_enter(&view, 99, 0);
	slot_leave(&view, 99);
	hold_take(&view, 999, 0, 0, 0, 0);
	ASSERT_EQ(2, view.slots[99].seq);
	ASSERT_EQ(1, view.holds[999].seq);
	/* Once it was unmapped it does not come back: its counts mean nothing any more. */
	test_cmd(munmap(view.ctl, view.rw_size));
	mmap_fails(EBUSY, view.rw_size, PROT_READ | PROT_WRITE, MAP_SHARED, view.fd, RW_AREA);
}

/* The largest, and the smallest. */
TEST(sizes)
{
	struct view view;
	struct env env;

	env_open(&env);
	view_open(&view, env.fd, NYX_VIEW_SLOTS_MAX, NYX_VIEW_HOLDS_MAX);
	ASSERT_EQ(17 * SZ_4K + SZ_2M, view.rw_size);
	ASSERT_EQ(0, view.slots[NYX_VIEW_SLOTS_MAX - 1].seq);
	memset(view.ctl, 0, view.rw_size);
	view_close(&view);
	view_open(&view, env.fd, 1, 0);
	ASSERT_EQ(SZ_4K, view.rw_size);
	view_close(&view);
}

/* ---- processes ---- */

static void on_segv(int sig)
{
	_exit(sig);
}

/* A child that touches @p gets SIGSEGV. Its handler keeps that out of the kernel's log. */
static void not_in_child(const volatile void *p)
{
	int status;
	pid_t pid = fork();

	ASSERT_TRUE(pid >= 0);
	if (!pid) {
		signal(SIGSEGV, on_segv);
		*(const volatile unsigned char *)p;
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	ASSERT_EQ(SIGSEGV, WEXITSTATUS(status));
}

TEST(child)
{
	struct view view;
	struct env env;

	env_open(&env);
	view_open(&view, env.fd, 1, 1);
	not_in_child(view.head);
	not_in_child((char *)view.head + view.size - 1);
	not_in_child(view.ctl);
	not_in_child(view.holds);
	IN_CHILD {
		mmap_fails(EACCES, view.size, PROT_READ, MAP_SHARED, view.fd, 0);
		mmap_fails(EACCES, view.rw_size, PROT_READ | PROT_WRITE, MAP_SHARED, view.fd,
			   RW_AREA);
	}
	/* A child has views of its own. */
	IN_CHILD {
		struct view own;

		view_open(&own, env.fd, 1, 1);
		ASSERT_NE(view.id, own.id);
		ASSERT_EQ(NYX_WINDOW_VERSION, own.head->version);
	}
}

/* ---- many, and what they tell ---- */

TEST(views_max)
{
	struct nyx_view_open c, one;
	struct nyx_unit_info info;
	struct env env;
	int last;

	env_open(&env);
	for (int i = 0; i < 64; i++)
		test_cmd(cmd_view_open(env.fd, 1, 0, &one));
	test_cmd(cmd_unit_info(env.fd, &info));
	ASSERT_EQ(64, info.nr_views);
	test_err(ENOSPC, cmd_view_open(env.fd, 1, 0, &c));
	ASSERT_EQ(NYX_REASON_VIEWS_MAX, c.out_err_reason);
	last = one.out_fd;
	test_cmd(close(last));
	test_cmd(cmd_view_open(env.fd, 1, 0, &c));
	test_err(ENOSPC, cmd_view_open(env.fd, 1, 0, &c));
}

static void one_view(int fd, struct nyx_view_info *info)
{
	struct nyx_list l = { .type = NYX_LIST_VIEWS };

	memset(info, NYX_POISON, sizeof(*info));
	test_cmd(cmd_list(fd, &l, info, sizeof(*info), 1));
	ASSERT_EQ(1, l.out_nr);
}

TEST(counters)
{
	struct nyx_view_info info;
	struct view view, second;
	struct env env;
	__u64 base[3];

	env_open(&env);
	test_cmd(prctl(PR_SET_NAME, "view-counters"));
	base[0] = unit_stat(env.fd, NYX_STAT_IOTLB_HITS);
	base[1] = unit_stat(env.fd, NYX_STAT_READ_BYTES);
	base[2] = unit_stat(env.fd, NYX_STAT_WRITE_BYTES);
	view_open(&view, env.fd, 3, 1);
	view.slots[0].hits = 5;
	view.slots[2].hits = 7;
	view.slots[1].misses = 9;
	view.slots[1].walks = 4;
	view.slots[1].read_bytes = 100;
	view.slots[2].write_bytes = 1000;
	for (int closed = 0; closed < 2; closed++) {
		ASSERT_EQ(base[0] + 12, unit_stat(env.fd, NYX_STAT_IOTLB_HITS));
		ASSERT_EQ(base[1] + 100, unit_stat(env.fd, NYX_STAT_READ_BYTES));
		ASSERT_EQ(base[2] + 1000, unit_stat(env.fd, NYX_STAT_WRITE_BYTES));
		/* A walk in user space is a miss of the cache; NYX_VIEW_FILL counts its own. */
		ASSERT_EQ(4, unit_stat(env.fd, NYX_STAT_IOTLB_MISSES));
		ASSERT_EQ(4, unit_stat(env.fd, NYX_STAT_WALKS));
		if (closed)
			break;
		one_view(env.fd, &info);
		ASSERT_EQ(view.id, info.view_id);
		ASSERT_EQ(0, info.flags);
		ASSERT_EQ(getpid(), info.pid);
		ASSERT_EQ(3, info.nr_slots);
		ASSERT_EQ(1, info.nr_holds);
		ASSERT_EQ(0, info.__reserved);
		ASSERT_EQ(12, info.hits);
		ASSERT_EQ(9, info.misses);
		ASSERT_EQ(4, info.walks);
		ASSERT_EQ(0, strcmp("view-counters", (const char *)info.name));
		view_close(&view);
	}
	view_open(&second, env.fd, 1, 0);
	second.slots[0].hits = 1;
	ASSERT_EQ(base[0] + 13, unit_stat(env.fd, NYX_STAT_IOTLB_HITS));
}

/* ---- the end ---- */

/* Reads all of both areas: no access faults. */
static void touch(const struct view *view)
{
	const volatile unsigned char *p = (const volatile void *)view->head;

	for (size_t i = 0; i < view->size; i += SZ_4K)
		(void)p[i];
	for (size_t i = 0; i < view->rw_size; i += SZ_4K)
		((volatile unsigned char *)view->ctl)[i]++;
}

static const struct end_case {
	const char *name;
	bool destroy;
	bool file_first;
} end_cases[] = {
	{ "destroyed_view_first", true, false }, { "destroyed_unit_first", true, true },
	{ "closed_view_first", false, false }, { "closed_unit_first", false, true },
};

TEST_EACH(unit_ends, end_cases)
{
	struct nyx_view_fill c;
	struct view view;
	struct env env;
	int any = nyx_open();
	__u32 units, dev;
	__u64 serial;

	env_open(&env);
	test_cmd(cmd_map(env.fd, env.domain, 0, 0, SZ_64K, RW));
	units = units_in_system(any);
	view_open(&view, env.fd, 2, 200);
	dev = view_find(&view, env.sbdf);
	serial = view_dev(&view, dev) >> NYX_WINDOW_DEV_SERIAL_SHIFT;
	test_cmd(cmd_view_fill(env.fd, &c, env.sbdf, RW, 0, 8));
	if (v->destroy) {
		test_cmd(cmd_unit_destroy(env.fd));
		ASSERT_EQ(0, view.head->version);
		ASSERT_EQ(serial, serial_of(view_dev(&view, dev)));
		ASSERT_EQ(0, view_dev(&view, dev) & NYX_WINDOW_DEV_LIVE);
		test_err(ENODEV, cmd_view_fill(env.fd, &c, env.sbdf, RW, 0, 8));
		touch(&view);
	}
	if (v->file_first) {
		close(env.fd);
		ASSERT_EQ(!v->destroy, view.head->version);
		ASSERT_EQ(units - v->destroy, units_in_system(any));
		touch(&view);
	}
	/* The mappings alone keep it. */
	test_cmd(close(view.fd));
	touch(&view);
	ASSERT_EQ(!v->destroy, view.head->version);
	test_cmd(munmap((void *)view.head, view.size));
	((volatile struct nyx_view_ctl *)view.ctl)->holds_used++;
	test_cmd(munmap(view.ctl, view.rw_size));
	if (v->file_first)
		WAIT_FOR(units_in_system(any) == units - 1);
	else
		close(env.fd);
	WAIT_FOR(units_in_system(any) == units - 1);
}

/* Views come and go while the unit ends. */
static void *opens(void *arg)
{
	struct env *env = arg;
	struct nyx_view_open c;

	for (;;) {
		int ret = cmd_view_open(env->fd, 4, 4, &c);

		if (ret == -ENODEV)
			return NULL;
		test_cmd(ret);
		close(c.out_fd);
	}
}

TEST(unit_ends_while_views_come)
{
	struct env env;
	pthread_t t[2];

	env_open(&env);
	for (int i = 0; i < 2; i++)
		t[i] = thread_start(opens, &env);
	pause_ms(50);
	test_cmd(cmd_unit_destroy(env.fd));
	for (int i = 0; i < 2; i++)
		thread_end(t[i], "opens");
}

/* Touches pages of the window that nobody has used, in two threads at once. */
TEST(many_devices)
{
	enum { DEVICES = 600 };
	struct view view;
	struct env env;

	env_open(&env, .domain_flags = NYX_DOMAIN_F_SHARED);
	view_open(&view, env.fd, 1, 0);
	for (__u32 i = 0; i < DEVICES; i++) {
		test_cmd(cmd_device_add(env.fd, 0x10000 + i));
		test_cmd(cmd_device_attach(env.fd, 0x10000 + i, env.domain, 0));
		ASSERT_EQ(0x10000 + i, view.devs[2 + i].sbdf);
		ASSERT_EQ(DEV_RW, view_dev(&view, 2 + i) & DEV_BITS);
	}
	for (__u32 i = 0; i < DEVICES; i++)
		test_cmd(cmd_device_remove(env.fd, 0x10000 + i));
	for (__u32 i = 2; i < view.head->nr_devs; i++)
		ASSERT_EQ(0, view_dev(&view, i) & DEV_BITS);
}
