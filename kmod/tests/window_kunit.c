// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: KUnit suite nyx_window: domains without an index, and two threads that change one word.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * selftests/uapi/nyx_view.c has what a process can bring about by itself.
 */
#include <kunit/test.h>
#include <linux/err.h>

#include "base/types.h"
#include "core/access/device.h"
#include "core/account/qos.h"
#include "core/attach.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/unit.h"
#include "core/window/window.h"
#include "suite_unit.h"
#include "waiter.h"

#define SBDF	0x0018u
#define TURNS	20000u

static int window_init(struct kunit *test)
{
	static const struct nyx_unit_config cfg = {
		.model = NYX_MODEL_NATIVE,
		.address_width = 48,
		.iotlb_entries = 64,
		.event_entries = 64,
		.max_domains = 2,
		.max_devices = 2,
		.max_memory = 4,
		.irt_entries = 64,
	};

	test->priv = suite_unit_open(test, &cfg);
	return nyx_device_add(test->priv, SBDF);
}

/* A domain, with a reference. */
static struct nyx_domain *new_domain(struct kunit *test)
{
	struct nyx_domain_config cfg = {
		.kind = NYX_DOMAIN_PAGING,
		.pt = { .format = PT_VTDSS, .levels = 4 },
		.id = NYX_ID_ANY,
	};
	struct nyx_domain *dom;
	u32 id;

	KUNIT_ASSERT_EQ(test, nyx_domain_create(test->priv, &cfg, &id), 0);
	dom = nyx_domain_get(test->priv, id);
	KUNIT_ASSERT_NOT_NULL(test, dom);
	return dom;
}

static u64 device_word(struct kunit *test)
{
	struct nyx_unit *unit = test->priv;
	struct nyx_device *dev = xa_load(&unit->devices, SBDF);

	return READ_ONCE(dev->window->word);
}

/* All indexes are taken by domains to which there are references. */
static void domain_without_index(struct kunit *test)
{
	struct nyx_unit *unit = test->priv;
	struct nyx_domain *old[2], *none, *dom;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		old[i] = new_domain(test);
		KUNIT_EXPECT_EQ(test, old[i]->index, i + 1);
		KUNIT_EXPECT_EQ(test, nyx_domain_destroy(unit, old[i]->id), 0);
	}
	none = new_domain(test);
	KUNIT_EXPECT_EQ(test, none->index, 0u);
	KUNIT_EXPECT_PTR_EQ(test, none->space.word, &none->own_word);
	KUNIT_EXPECT_EQ(test, nyx_device_attach(unit, SBDF, none->id, false), 0);
	/* A process that looks it up finds the word of no domain. */
	KUNIT_EXPECT_EQ(test, (u32)device_word(test) >> NYX_WINDOW_DEV_DOMAIN_SHIFT, 0u);

	for (i = 0; i < 2; i++)
		nyx_domain_put(old[i]);
	dom = new_domain(test);
	KUNIT_EXPECT_EQ(test, dom->index, 1u);
	KUNIT_EXPECT_EQ(test, nyx_device_attach(unit, SBDF, dom->id, true), 0);
	KUNIT_EXPECT_EQ(test, (u32)device_word(test) >> NYX_WINDOW_DEV_DOMAIN_SHIFT, 1u);
	nyx_domain_put(none);
	nyx_domain_put(dom);
}

/**
 * struct change - two threads that change one word
 * @flusher: gives it another tag
 * @limiter: changes a bit
 * @dom: of this domain
 * @lost: changes that were not there afterwards
 */
struct change {
	struct waiter flusher;
	struct waiter limiter;
	struct nyx_domain *dom;
	atomic_t lost;
};

static int flush(void *arg)
{
	struct change *c = arg;
	struct nyx_domain *dom = c->dom;
	struct nyx_ticket ticket = NYX_TICKET(dom->unit);
	unsigned int i;
	u64 tag;

	for (i = 0; i < TURNS; i++) {
		tag = *dom->space.word >> NYX_WINDOW_DOM_TAG_SHIFT;
		nyx_inval_range(dom, 0, U64_MAX, &ticket);
		if (READ_ONCE(*dom->space.word) >> NYX_WINDOW_DOM_TAG_SHIFT == tag)
			atomic_inc(&c->lost);
		cond_resched();
	}
	return nyx_inval_wait(&ticket);
}

static int limit(void *arg)
{
	static const struct nyx_limits some = { .ops_per_s = 1000000, .burst_ms = 100 }, none;
	struct change *c = arg;
	struct nyx_domain *dom = c->dom;
	unsigned int i;
	bool limited;
	int ret = 0;

	for (i = 0; i < TURNS && !ret; i++) {
		ret = nyx_limits_set(dom->unit, NYX_SCOPE_DOMAIN, dom->id,
				     i % 2 ? &none : &some);
		limited = READ_ONCE(*dom->space.word) & NYX_WINDOW_DOM_LIMITED;
		if (limited == i % 2)
			atomic_inc(&c->lost);
		cond_resched();
	}
	return ret;
}

/* Neither loses what the other has changed. */
static void tag_and_bits(struct kunit *test)
{
	struct change *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->dom = new_domain(test);
	waiter_start(test, &c->flusher, flush, c);
	waiter_start(test, &c->limiter, limit, c);
	KUNIT_EXPECT_EQ(test, waiter_end(&c->flusher), 0);
	KUNIT_EXPECT_EQ(test, waiter_end(&c->limiter), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&c->lost), 0);
	KUNIT_EXPECT_EQ(test, *c->dom->space.word & 0xfff, (u64)NYX_WINDOW_DOM_LIVE);
	nyx_domain_put(c->dom);
}

static struct kunit_case window_cases[] = {
	KUNIT_CASE(domain_without_index),
	KUNIT_CASE(tag_and_bits),
	{}
};

static struct kunit_suite window_suite = {
	.name = "nyx_window",
	.init = window_init,
	.test_cases = window_cases,
};

kunit_test_suite(window_suite);
