// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: a shadow: what a change stream has reported of an address space.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/changes/shadow.h"

#include <linux/bits.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/nyx_iommu.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "base/export.h"
#include "base/types.h"

/**
 * struct shadow_map - a map that was reported
 * @node: in &shadow.maps
 * @run: what was reported
 */
struct shadow_map {
	struct rb_node node;
	struct shadow_run run;
};

static struct shadow_map *to_map(const struct rb_node *node)
{
	return rb_entry_safe(node, struct shadow_map, node);
}

void shadow_init(struct shadow *s, u32 max)
{
	*s = (struct shadow){ .maps = RB_ROOT, .max = max };
}

void shadow_clear(struct shadow *s)
{
	struct shadow_map *m, *next;
	unsigned int n = 0;

	rbtree_postorder_for_each_entry_safe(m, next, &s->maps, node) {
		kfree(m);
		if (++n % 1024 == 0)
			cond_resched();
	}
	shadow_init(s, s->max);
}

bool shadow_span(const struct shadow *s, u64 *first, u64 *last)
{
	if (!s->nr)
		return false;
	*first = to_map(rb_first(&s->maps))->run.iova;
	*last = to_map(rb_last(&s->maps))->run.last;
	return true;
}

/* The first map that ends at or after an address, or NULL. */
static struct shadow_map *find(const struct shadow *s, u64 iova)
{
	struct rb_node *node = s->maps.rb_node;
	struct shadow_map *m, *found = NULL;

	while (node) {
		m = to_map(node);
		if (m->run.last >= iova) {
			found = m;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/* Add a map, which overlaps none. */
static int insert(struct shadow *s, const struct shadow_run *run)
{
	struct rb_node **at = &s->maps.rb_node, *parent = NULL;
	struct shadow_map *m;

	if (s->nr == s->max)
		return -ENOSPC;
	m = kmalloc(sizeof(*m), GFP_CALLER);
	if (!m)
		return -ENOMEM;
	m->run = *run;
	while (*at) {
		parent = *at;
		at = run->iova < to_map(parent)->run.iova ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&m->node, parent, at);
	rb_insert_color(&m->node, &s->maps);
	s->nr++;
	s->bytes += run->last - run->iova + 1;
	s->sizes |= BIT_ULL(run->lg2);
	return 0;
}

static void erase(struct shadow *s, struct shadow_map *m)
{
	rb_erase(&m->node, &s->maps);
	s->nr--;
	s->bytes -= m->run.last - m->run.iova + 1;
	if (!s->nr)
		s->sizes = 0;
	kfree(m);
}

/* Is a part of a page of @lg2 or more reported in the block of that size around an address? */
static bool has_page(const struct shadow *s, u64 iova, unsigned int lg2)
{
	u64 rest = nyx_lg2_last(lg2), at = iova & ~rest, end = iova | rest;
	struct shadow_map *m;

	for (;;) {
		m = find(s, at);
		if (!m || m->run.iova > end)
			return false;
		if (m->run.lg2 >= lg2)
			return true;
		if (m->run.last >= end)
			return false;
		at = m->run.last + 1;
	}
}

/* The size of the largest reported page that an address may be in. */
static unsigned int page_around(const struct shadow *s, u64 iova)
{
	u64 sizes = s->sizes & ~nyx_lg2_last(NYX_PAGE_LG2 + 1);
	unsigned int lg2;

	while (sizes) {
		lg2 = fls64(sizes) - 1;
		if (has_page(s, iova, lg2))
			return lg2;
		sizes &= ~BIT_ULL(lg2);
	}
	return 0;
}

void shadow_widen(const struct shadow *s, u64 *first, u64 *last)
{
	unsigned int low = page_around(s, *first), high = page_around(s, *last);

	if (low)
		*first &= ~nyx_lg2_last(low);
	if (high)
		*last |= nyx_lg2_last(high);
}

/* Report the end of a map. False: there is no room. */
static bool emit_unmap(struct shadow_out *out, const struct shadow_run *run)
{
	if (out->open && out->nr) {
		out->change[out->nr - 1].last = run->last;
		return true;
	}
	if (out->nr == out->room)
		return false;
	out->change[out->nr++] = (struct nyx_change) {
		.kind = NYX_CHANGE_UNMAP,
		.target = out->target,
		.iova = run->iova,
		.last = run->last,
	};
	out->open = true;
	return true;
}

static void emit_map(struct shadow_out *out, const struct shadow_run *run)
{
	out->change[out->nr++] = (struct nyx_change) {
		.kind = NYX_CHANGE_MAP,
		.target = out->target,
		.prot = run->prot,
		.iova = run->iova,
		.last = run->last,
		.gpa = run->gpa,
	};
}

void shadow_begin(struct shadow_sync *sync, u64 first, u64 last)
{
	*sync = (struct shadow_sync) {
		.last = last,
		.low = first,
		.high = last,
		.pos = first,
		.step = SHADOW_CHECK,
	};
}

static void fill_from_here(struct shadow_sync *sync)
{
	sync->step = SHADOW_FILL;
	sync->pos = sync->low;
}

/*
 * Does a map translate as it was reported, from @sync->pos to the end of the range? 1; 0: it
 * does not; or an error.
 */
static int is_true(const struct shadow_map *m, struct shadow_sync *sync,
		   shadow_next_fn *next, void *ctx)
{
	u64 end = min(m->run.last, sync->last);
	struct shadow_run run;
	int ret;

	sync->pos = max(sync->pos, m->run.iova);
	for (;;) {
		run.iova = sync->pos;
		ret = next(ctx, sync->pos, end, &run);
		if (ret == -EAGAIN && run.iova != sync->pos)
			return 0;
		if (ret <= 0)
			return ret;
		if (run.iova != sync->pos || run.memory != m->run.memory ||
		    run.prot != m->run.prot || run.gpa - m->run.gpa != run.iova - m->run.iova)
			return 0;
		if (run.last >= end)
			return 1;
		sync->pos = run.last + 1;
	}
}

/* The first step. */
static int check(struct shadow *s, struct shadow_sync *sync, shadow_next_fn *next, void *ctx,
		 struct shadow_out *out)
{
	struct shadow_map *m;
	int ret;

	while (sync->step == SHADOW_CHECK) {
		m = find(s, sync->pos);
		if (!m || m->run.iova > sync->last) {
			fill_from_here(sync);
			break;
		}
		ret = is_true(m, sync, next, ctx);
		if (ret < 0)
			return ret;
		if (ret) {
			out->open = false;
		} else {
			if (!emit_unmap(out, &m->run))
				return 0;
			sync->low = min(sync->low, m->run.iova);
			sync->high = max(sync->high, m->run.last);
		}
		if (m->run.last >= sync->last)
			fill_from_here(sync);
		else
			sync->pos = m->run.last + 1;
		if (!ret)
			erase(s, m);
	}
	return 0;
}

/* The second step. */
static int fill(struct shadow *s, struct shadow_sync *sync, shadow_next_fn *next, void *ctx,
		struct shadow_out *out)
{
	const struct shadow_map *m;
	struct shadow_run run;
	u64 end;
	int ret;

	out->open = false;
	for (;;) {
		/* The first step has checked the maps that are in the shadow. */
		m = find(s, sync->pos);
		if (m && m->run.iova <= sync->pos) {
			if (m->run.last >= sync->high)
				break;
			sync->pos = m->run.last + 1;
			continue;
		}
		end = m && m->run.iova <= sync->high ? m->run.iova - 1 : sync->high;
		run.iova = sync->pos;
		ret = next(ctx, sync->pos, end, &run);
		if (ret == -EAGAIN)
			sync->pos = run.iova;
		if (ret < 0)
			return ret;
		if (ret) {
			if (out->nr == out->room)
				return 0;
			ret = insert(s, &run);
			if (ret)
				return ret;
			emit_map(out, &run);
			end = run.last;
		}
		if (end >= sync->high)
			break;
		sync->pos = end + 1;
	}
	sync->step = SHADOW_IDLE;
	return 0;
}

int shadow_update(struct shadow *s, struct shadow_sync *sync, shadow_next_fn *next,
		  void *ctx, struct shadow_out *out)
{
	int ret = 0;

	if (sync->step == SHADOW_CHECK)
		ret = check(s, sync, next, ctx, out);
	if (!ret && sync->step == SHADOW_FILL)
		ret = fill(s, sync, next, ctx, out);
	return ret;
}

NYX_EXPORT_FOR_TEST(shadow_init);
NYX_EXPORT_FOR_TEST(shadow_clear);
NYX_EXPORT_FOR_TEST(shadow_span);
NYX_EXPORT_FOR_TEST(shadow_begin);
NYX_EXPORT_FOR_TEST(shadow_update);
