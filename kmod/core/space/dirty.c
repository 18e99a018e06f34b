// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: dirty tracking: which guest memory devices have written.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/space/dirty.h"

#include <linux/bitops.h>
#include <linux/lockdep.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "base/export.h"
#include "base/reason.h"
#include "base/types.h"
#include "core/account/tenant.h"
#include "core/space/inval.h"
#include "core/space/memory.h"
#include "core/unit.h"
#include "core/window/window.h"
#include "mem/dirty.h"
#include "mem/memslots.h"

unsigned int nyx_max_dirty_kib_per_user = SZ_256M / SZ_1K;

/* Bits that are read before they are copied out. */
#define CHUNK_WORDS	512u
#define CHUNK_BITS	(CHUNK_WORDS * 64ull)
/* Bytes of guest memory that are looked at in one go. */
#define STEP		(8ull << 30)

/* ---- start and stop ----------------------------------------------------- */

static u32 bitmap_kib(const struct region *region)
{
	return DIV_ROUND_UP(region_dirty_bytes(region), SZ_1K);
}

static int track(struct nyx_unit *unit, struct region *region)
{
	u32 max = READ_ONCE(nyx_max_dirty_kib_per_user), kib = bitmap_kib(region);
	int ret;

	/* A range may have terabytes and no page, so what backs it does not bound its bitmap. */
	if (!nyx_tenants_charge_up_to(unit, NYX_TENANT_DIRTY_KIB, kib, max))
		return NYX_ERR(DIRTY_MAX_USER);
	ret = region_dirty_start(region);
	if (ret)
		nyx_tenants_add(unit, NYX_TENANT_DIRTY_KIB, -(int)kib);
	return ret;
}

int nyx_dirty_add(struct nyx_unit *unit, struct region *region)
{
	lockdep_assert_held(&unit->lock);
	return unit->dirty.state == NYX_DIRTY_OFF ? 0 : track(unit, region);
}

void nyx_dirty_remove(struct nyx_unit *unit, struct region *region, struct nyx_dirty_gone *gone)
{
	lockdep_assert_held(&unit->lock);
	if (region_dirty_stop(region, &gone->bitmaps))
		gone->kib += bitmap_kib(region);
}

void nyx_dirty_free(struct nyx_unit *unit, const struct nyx_dirty_gone *gone)
{
	region_dirty_free(gone->bitmaps);
	nyx_tenants_add(unit, NYX_TENANT_DIRTY_KIB, -(int)gone->kib);
}

/* Tell user space whether it may write in place. */
static void set_state(struct nyx_unit *unit, enum nyx_dirty_state state)
{
	struct nyx_domain *dom;
	unsigned long id;

	WRITE_ONCE(unit->dirty.state, state);
	xa_for_each(&unit->domains, id, dom)
		nyx_window_domain(dom);
}

static void untrack_all(struct nyx_unit *unit, struct nyx_dirty_gone *gone)
{
	const struct memslot *slot;
	u64 gpa;

	lockdep_assert_held(&unit->lock);
	for (gpa = 0; (slot = memslots_next(&unit->mem, gpa)); gpa = slot->last + 1) {
		nyx_dirty_remove(unit, slot->region, gone);
		cond_resched();
	}
	unit->dirty.runs++;
	set_state(unit, NYX_DIRTY_OFF);
}

static int track_all(struct nyx_unit *unit, struct nyx_dirty_gone *gone)
{
	const struct memslot *slot;
	int ret = 0;
	u64 gpa;

	lockdep_assert_held(&unit->lock);
	for (gpa = 0; !ret && (slot = memslots_next(&unit->mem, gpa)); gpa = slot->last + 1) {
		ret = fatal_signal_pending(current) ? -EINTR : track(unit, slot->region);
		cond_resched();
	}
	if (ret)
		untrack_all(unit, gone);
	else
		set_state(unit, NYX_DIRTY_STARTING);
	return ret;
}

int nyx_dirty_start(struct nyx_unit *unit)
{
	struct nyx_dirty_gone gone = { 0 };
	int ret = NYX_ERR(DIRTY_ON);

	mutex_lock(&unit->lock);
	if (unit->dirty.state == NYX_DIRTY_OFF)
		ret = track_all(unit, &gone);
	mutex_unlock(&unit->lock);
	if (ret)
		goto out_free;
	/* For those that have found no bitmap, or a word without NYX_WINDOW_DOM_DIRTY. */
	ret = nyx_inval_wait_writers(unit, true);
	mutex_lock(&unit->lock);
	if (nyx_inval_is_done(ret))
		WRITE_ONCE(unit->dirty.state, NYX_DIRTY_ON);
	else
		untrack_all(unit, &gone);
	mutex_unlock(&unit->lock);
out_free:
	nyx_dirty_free(unit, &gone);
	return ret;
}

int nyx_dirty_stop(struct nyx_unit *unit)
{
	struct nyx_dirty_gone gone = { 0 };
	int ret = NYX_ERR(DIRTY_OFF);

	mutex_lock(&unit->lock);
	if (unit->dirty.state == NYX_DIRTY_ON) {
		untrack_all(unit, &gone);
		ret = 0;
	}
	mutex_unlock(&unit->lock);
	nyx_dirty_free(unit, &gone);
	return ret;
}

/* ---- reading ------------------------------------------------------------ */

/**
 * typedef visit_fn - called for a piece of guest memory
 * @region: the region
 * @offset: first byte in it
 * @length: bytes, at most STEP
 * @gpa: first GPA
 * @arg: as was passed
 */
typedef void visit_fn(struct region *region, u64 offset, u64 length, u64 gpa, void *arg);

/*
 * Visit the first piece of guest memory from @gpa up to @last. Returns where the next one may
 * be, or an address behind @last.
 */
static u64 visit(struct nyx_unit *unit, u64 gpa, u64 last, visit_fn *fn, void *arg)
{
	/* nyx_memory_remove() waits for this section. */
	unsigned int pair = nyx_guest_mem_enter(unit);
	const struct memslot *slot;
	u64 to = last;

	rcu_read_lock();
	slot = memslots_next(&unit->mem, gpa);
	if (slot && slot->start <= last) {
		gpa = max(gpa, slot->start);
		to = min3(last, slot->last, gpa + (STEP - 1));
		fn(slot->region, memslot_offset(slot, gpa), to - gpa + 1, gpa, arg);
	}
	rcu_read_unlock();
	nyx_guest_mem_exit(unit, pair);
	cond_resched();
	return to + 1;
}

/**
 * struct chunk - bits that are read together
 * @req: the request
 * @gpa: of bit 0
 * @bits: the bits
 */
struct chunk {
	const struct nyx_dirty_req *req;
	u64 gpa;
	struct dirty_bits bits;
};

static void read_piece(struct region *region, u64 offset, u64 length, u64 gpa, void *arg)
{
	const struct chunk *c = arg;

	region_dirty_read(region, offset, length, c->req->clear, &c->bits,
			  (gpa - c->gpa) >> NYX_PAGE_LG2);
}

static void mark_piece(struct region *region, u64 offset, u64 length, u64 gpa, void *arg)
{
	region_dirty_set(region, offset, length);
}

static u64 bitmap_words(const struct nyx_dirty_req *req)
{
	return DIV_ROUND_UP(req->length >> req->page_lg2, 64);
}

/* Write zeros, so that a bad pointer takes no bits. */
static int clear_bitmap(const struct nyx_dirty_req *req)
{
	u64 words = bitmap_words(req), i, n;

	for (i = 0; i < words; i += n) {
		n = min_t(u64, words - i, SZ_1M / sizeof(u64));
		if (clear_user(req->bitmap + i * sizeof(u64), n * sizeof(u64)))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* Read the bits of one chunk of the bitmap, which has only zeros, and copy them out. */
static int read_chunk(struct nyx_unit *unit, struct nyx_dirty_req *req, struct chunk *c)
{
	u64 left = req->gpa + req->length - c->gpa;
	u64 at = (c->gpa - req->gpa) >> req->page_lg2;
	u64 length = min(left, CHUNK_BITS << req->page_lg2);
	u64 gpa = c->gpa, end = c->gpa + length, n, i, nr = 0;

	n = DIV_ROUND_UP(length >> req->page_lg2, 64);
	memset(c->bits.word, 0, n * sizeof(u64));
	while (gpa < end) {
		if (fatal_signal_pending(current))
			return -EINTR;
		gpa = visit(unit, gpa, end - 1, read_piece, c);
	}
	for (i = 0; i < n; i++)
		nr += hweight64(c->bits.word[i]);
	req->nr_dirty += nr;
	if (nr && copy_to_user(req->bitmap + at / 8, c->bits.word, n * sizeof(u64)))
		return -EFAULT;
	c->gpa = end;
	return 0;
}

static int read_all(struct nyx_unit *unit, struct nyx_dirty_req *req, struct chunk *c)
{
	int ret;

	do {
		ret = read_chunk(unit, req, c);
		cond_resched();
	} while (!ret && c->gpa < req->gpa + req->length);
	/* A write whose bit was taken is in memory behind this. */
	if (!ret && req->clear)
		ret = nyx_inval_wait_writers(unit, false);
	return ret;
}

/* Mark what read_all() may have cleared: all of it, as a caller may have seen any part. */
static void mark_again(struct nyx_unit *unit, const struct nyx_dirty_req *req)
{
	u64 gpa = req->gpa, end = req->gpa + req->length;

	while (gpa < end)
		gpa = visit(unit, gpa, end - 1, mark_piece, NULL);
}

int nyx_dirty_read(struct nyx_unit *unit, struct nyx_dirty_req *req)
{
	u32 runs = READ_ONCE(unit->dirty.runs);
	struct chunk c = {
		.req = req,
		.gpa = req->gpa,
		.bits.nr = min_t(u64, bitmap_words(req), CHUNK_WORDS),
		.bits.shift = req->page_lg2 - NYX_PAGE_LG2,
	};
	int ret;

	if (READ_ONCE(unit->dirty.state) != NYX_DIRTY_ON)
		return NYX_ERR(DIRTY_OFF);
	req->nr_dirty = 0;
	c.bits.word = kmalloc_array(c.bits.nr, sizeof(u64), GFP_CALLER);
	if (!c.bits.word)
		return -ENOMEM;
	ret = clear_bitmap(req);
	if (!ret) {
		ret = read_all(unit, req, &c);
		/*
		 * The bits went with the end of the tracking, or some are of the next run, whose
		 * reader has to see them.
		 */
		if (!ret && READ_ONCE(unit->dirty.runs) != runs)
			ret = NYX_ERR(DIRTY_OFF);
		if (ret && req->clear)
			mark_again(unit, req);
	}
	kfree(c.bits.word);
	return ret;
}

NYX_EXPORT_FOR_TEST(nyx_dirty_start);
NYX_EXPORT_FOR_TEST(nyx_dirty_stop);
NYX_EXPORT_FOR_TEST(nyx_dirty_read);
