// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: invalidation: posts of what is no longer true, and waits for its users.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A wait reads the number of the last post before it drains, and then pays all posts up to
 * that number. A post, under the same lock, comes after the change that it is about, so a
 * drain that begins after its number was read covers the post.
 *
 * A wait looks at views first, once for all domains of its ticket, and pays no post that came
 * after that. A post of a domain adds to the ranges of the domain's node, which cover all
 * posts that no wait has paid. They go when a wait has paid the last post, and so all of
 * them. A wait that was cut short, or during which something was posted, leaves them as they
 * are: the next one waits for too much at worst. Two waits at once do not rely on each other.
 */
#include "core/space/inval.h"

#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>

#include "base/export.h"
#include "base/trace.h"
#include "base/types.h"
#include "core/access/device.h"
#include "core/space/domain.h"
#include "core/space/listener.h"
#include "core/space/ranges.h"
#include "core/space/view.h"
#include "core/unit.h"
#include "mem/region.h"

/* ---- what a unit lists -------------------------------------------------- */

void nyx_inval_init(struct nyx_inval *inval)
{
	spin_lock_init(&inval->lock);
	INIT_LIST_HEAD(&inval->pending);
	INIT_LIST_HEAD(&inval->lookups.link);
	INIT_LIST_HEAD(&inval->memory.link);
	INIT_LIST_HEAD(&inval->deferred);
}

static u64 posted(struct nyx_inval *inval)
{
	u64 number;

	spin_lock(&inval->lock);
	/* Changes before the post, then what the caller looks at: see ticket_range(). */
	smp_mb__after_spinlock();
	number = inval->posted;
	spin_unlock(&inval->lock);
	return number;
}

static u64 need_drain_locked(struct nyx_inval *inval, struct nyx_drain *drain)
{
	lockdep_assert_held(&inval->lock);
	drain->last = ++inval->posted;
	if (!drain->first)
		WRITE_ONCE(drain->first, drain->last);
	return drain->last;
}

/* Post to a drain. Returns the number of the post. */
static u64 need_drain(struct nyx_inval *inval, struct nyx_drain *drain)
{
	u64 number;

	spin_lock(&inval->lock);
	number = need_drain_locked(inval, drain);
	spin_unlock(&inval->lock);
	return number;
}

/*
 * As need_drain(), for pages of a domain. Returns 0 if the domain is gone: it was drained,
 * and no access enters it.
 */
static u64 owe_domain_locked(struct nyx_inval *inval, struct nyx_domain *dom,
			     u64 first, u64 last)
{
	if (dom->gone)
		return 0;
	if (list_empty(&dom->drain.link))
		list_add_tail(&dom->drain.link, &inval->pending);
	nyx_ranges_add(&dom->drain.ranges, first, last);
	return need_drain_locked(inval, &dom->drain);
}

static u64 domain_needs_drain(struct nyx_domain *dom, u64 first, u64 last)
{
	struct nyx_inval *inval = &dom->unit->inval;
	u64 number;

	spin_lock(&inval->lock);
	number = owe_domain_locked(inval, dom, first, last);
	spin_unlock(&inval->lock);
	return number;
}

/*
 * As domain_needs_drain(), for a context that a device has lost: no page of the domain is
 * the device's any more. The domain is not gone: the device was in it.
 */
static u64 retire(struct nyx_ctx *ctx)
{
	struct nyx_domain *dom = ctx->dom;
	struct nyx_inval *inval = &dom->unit->inval;
	u64 number;

	spin_lock(&inval->lock);
	number = owe_domain_locked(inval, dom, 0, NYX_LAST_PAGE);
	if (ctx != &dom->ctx) {
		ctx->retired = number;
		list_add_tail(&ctx->link, &dom->retired);
		WRITE_ONCE(inval->nr_retired, inval->nr_retired + 1);
	}
	spin_unlock(&inval->lock);
	return number;
}

static void drained_locked(struct nyx_inval *inval, struct nyx_drain *drain,
			   u64 begun)
{
	lockdep_assert_held(&inval->lock);
	if (drain->last <= begun) {
		WRITE_ONCE(drain->first, 0);
		drain->ranges.nr = 0;
		list_del_init(&drain->link);
	} else if (drain->first) {
		/* A wait that began later may have ended first, and paid more. */
		WRITE_ONCE(drain->first, max(drain->first, begun + 1));
	}
}

/* Pay a drain after a wait that began when @begun was the number of the last post. */
static void drained(struct nyx_inval *inval, struct nyx_drain *drain, u64 begun)
{
	spin_lock(&inval->lock);
	drained_locked(inval, drain, begun);
	spin_unlock(&inval->lock);
}

/* Take a context that no access uses any more, after a wait that noted @begun, or NULL. */
static struct nyx_ctx *unretire(struct nyx_domain *dom, u64 begun)
{
	struct nyx_inval *inval = &dom->unit->inval;
	struct nyx_ctx *ctx;

	spin_lock(&inval->lock);
	ctx = list_first_entry_or_null(&dom->retired, struct nyx_ctx, link);
	if (ctx && ctx->retired <= begun) {
		list_del(&ctx->link);
		WRITE_ONCE(inval->nr_retired, inval->nr_retired - 1);
	} else {
		ctx = NULL;
	}
	spin_unlock(&inval->lock);
	return ctx;
}

/* Free the contexts that no access uses any more, after a wait that noted @begun. */
static void free_retired(struct nyx_domain *dom, u64 begun)
{
	struct nyx_ctx *ctx;

	/* A context that is retired meanwhile has a later number. */
	while (!list_empty(&dom->retired)) {
		ctx = unretire(dom, begun);
		if (!ctx)
			break;
		nyx_ctx_free(ctx);
		cond_resched();
	}
}

/* As drained(), for a domain; frees its retired contexts, too. */
static void paid_domain(struct nyx_domain *dom, u64 begun)
{
	free_retired(dom, begun);
	drained(&dom->unit->inval, &dom->drain, begun);
}

static bool is_pending(const struct nyx_drain *drain, u64 until)
{
	u64 first = READ_ONCE(drain->first);

	return first && first <= until;
}

/* A listed domain that a post up to @until has touched, or NULL. */
static struct nyx_domain *find_pending(struct nyx_inval *inval, u64 until)
{
	struct nyx_domain *dom;

	lockdep_assert_held(&inval->lock);
	list_for_each_entry(dom, &inval->pending, drain.link) {
		if (is_pending(&dom->drain, until))
			return dom;
	}
	return NULL;
}

/*
 * find_pending() with a reference. A domain that is listed is not gone, so it has one
 * already.
 */
static struct nyx_domain *get_pending(struct nyx_inval *inval, u64 until)
{
	struct nyx_domain *dom;

	spin_lock(&inval->lock);
	dom = find_pending(inval, until);
	if (dom)
		refcount_inc(&dom->ref);
	spin_unlock(&inval->lock);
	return dom;
}

/* Free the regions that no access uses any more, after a wait that noted @begun. */
static void free_deferred(struct nyx_inval *inval, u64 begun)
{
	struct region *region;

	for (;;) {
		spin_lock(&inval->lock);
		region = region_undefer(&inval->deferred, begun);
		spin_unlock(&inval->lock);
		if (!region)
			break;
		region_put(region);
		cond_resched();
	}
}

void nyx_inval_purge(struct nyx_inval *inval)
{
	struct nyx_domain *dom;

	while ((dom = get_pending(inval, U64_MAX))) {
		paid_domain(dom, U64_MAX);
		nyx_domain_put(dom);
		cond_resched();
	}
}

void nyx_inval_purge_memory(struct nyx_inval *inval)
{
	free_deferred(inval, U64_MAX);
}

/* ---- posts -------------------------------------------------------------- */

/*
 * As nyx_ticket_range(). A full barrier stands between the caller's change and the look at
 * &nyx_views.nr in nyx_views_wait(): that of iotlb_invalidate() or iotlb_flush() here, of
 * posted() if the unit lists the post, and of the other callers of this function.
 */
static void ticket_range(struct nyx_ticket *t, struct nyx_domain *dom, u64 first,
			 u64 last)
{
	unsigned int i;

	first >>= NYX_PAGE_LG2;
	last >>= NYX_PAGE_LG2;
	for (i = 0; i < t->nr; i++) {
		if (t->dom[i] == dom) {
			nyx_ranges_add(&t->ranges[i], first, last);
			return;
		}
	}
	if (t->lists || t->nr == NYX_TICKET_DOMAINS) {
		t->until = max(t->until, domain_needs_drain(dom, first, last));
		return;
	}
	refcount_inc(&dom->ref);
	t->ranges[t->nr].nr = 0;
	nyx_ranges_add(&t->ranges[t->nr], first, last);
	t->dom[t->nr++] = dom;
}

void nyx_ticket_range(struct nyx_ticket *t, struct nyx_domain *dom, u64 first,
		      u64 last)
{
	/* See ticket_range(). */
	smp_mb();
	ticket_range(t, dom, first, last);
}

void nyx_ticket_domain(struct nyx_ticket *t, struct nyx_domain *dom)
{
	nyx_ticket_range(t, dom, 0, U64_MAX);
}

bool nyx_inval_device_pending(struct nyx_unit *unit, struct nyx_device *dev)
{
	struct nyx_inval *inval = &unit->inval;
	bool pending;

	lockdep_assert_held(&unit->lock);
	if (!dev->left)
		return false;
	spin_lock(&inval->lock);
	pending = find_pending(inval, dev->left);
	spin_unlock(&inval->lock);
	return pending;
}

static void ticket_left(struct nyx_ticket *t, struct nyx_device *dev)
{
	if (nyx_inval_device_pending(t->unit, dev))
		t->until = max(t->until, dev->left);
}

void nyx_ticket_device(struct nyx_ticket *t, struct nyx_device *dev)
{
	nyx_ticket_domain(t, nyx_device_domain(t->unit, dev));
	ticket_left(t, dev);
}

void nyx_inval_range_locked(struct nyx_domain *dom, u64 first, u64 last,
			    struct nyx_ticket *t)
{
	bool guest = dom->cfg.kind == NYX_DOMAIN_GUEST;
	u64 limit = dom->cfg.kind == NYX_DOMAIN_PAGING ? dom->pt.va_last : U64_MAX;
	struct iotlb *tlb = &dom->unit->iotlb;
	bool whole = !first && last >= limit;
	u64 rest;
	u32 lg2;

	lockdep_assert_held(&dom->lock);
	do {
		/* The cache may hold parts of a large page: widen the range to whole pages. */
		lg2 = READ_ONCE(dom->max_partial_lg2);
		rest = lg2 ? nyx_lg2_last(lg2) : 0;
		if (whole)
			iotlb_flush(tlb, &dom->space);
		else
			whole = iotlb_invalidate(tlb, &dom->space, first & ~rest,
						 last | rest);
		/*
		 * record_partial() runs before iotlb_fill(): repeat if it raised the size.
		 * Pairs with record_partial().
		 */
	} while (unlikely(READ_ONCE(dom->max_partial_lg2) > lg2));
	nyx_stat_add(dom->stats, whole && !guest ? NYX_STAT_FLUSHES :
						   NYX_STAT_INVALIDATIONS, 1);
	trace_nyx_invalidate(dom->unit->id, dom->id, first, last, whole);
	nyx_listeners_range(&dom->unit->listeners, dom, (first & ~rest) >> NYX_PAGE_LG2,
			    (last | rest) >> NYX_PAGE_LG2);
	ticket_range(t, dom, first & ~rest, last | rest);
}

void nyx_inval_range(struct nyx_domain *dom, u64 first, u64 last,
		     struct nyx_ticket *t)
{
	mutex_lock(&dom->lock);
	nyx_inval_range_locked(dom, first, last, t);
	mutex_unlock(&dom->lock);
}

bool nyx_inval_may_retire(struct nyx_unit *unit)
{
	return READ_ONCE(unit->inval.nr_retired) < NYX_CTX_RETIRED_MAX;
}

void nyx_inval_context(struct nyx_device *dev, struct nyx_ctx *from,
		       struct nyx_ticket *t)
{
	struct nyx_domain *dom = from->dom;

	/*
	 * Wait for domains that the device left before, too. For a queue, the post below is
	 * later.
	 */
	if (!t->lists)
		ticket_left(t, dev);
	nyx_listeners_device(&t->unit->listeners, dev->sbdf);
	/* Other commands on the device wait for this post, too, while the owner of @t waits. */
	dev->left = retire(from);
	/* From here on another wait may free @from. */
	nyx_ticket_domain(t, dom);
}

void nyx_inval_lookups(struct nyx_ticket *t)
{
	struct nyx_inval *inval = &t->unit->inval;

	if (t->lists)
		t->until = need_drain(inval, &inval->lookups);
	else
		t->lookups = true;
}

void nyx_inval_memory(struct nyx_ticket *t, struct region *region)
{
	struct nyx_inval *inval = &t->unit->inval;

	t->memory = true;
	nyx_listeners_memory(&t->unit->listeners);
	if (!region)
		return;
	spin_lock(&inval->lock);
	region_defer(region, &inval->deferred, ++inval->posted);
	spin_unlock(&inval->lock);
}

/* ---- views -------------------------------------------------------------- */

static bool is_pending_for(const struct nyx_ticket *t, const struct nyx_drain *drain)
{
	return t->lists && is_pending(drain, t->until);
}

/* Is a hold of pages from @first to @last of a domain in the way of a ticket? */
static bool ticket_wants(const void *arg, struct nyx_domain *dom, u64 first, u64 last)
{
	const struct nyx_ticket *t = arg;
	struct nyx_inval *inval = &t->unit->inval;
	const struct nyx_drain *drain = &dom->drain;
	bool named = false, wanted = false, owed;
	unsigned int i;

	if (t->memory || is_pending_for(t, &inval->memory))
		return true;
	spin_lock(&inval->lock);
	for (i = 0; i < t->nr && !named; i++) {
		named = t->dom[i] == dom;
		wanted = named && nyx_ranges_overlap(&t->ranges[i], first, last);
	}
	/* A wait for a domain that is named pays for all that the domain has on the list. */
	owed = named ? drain->first : is_pending(drain, t->until);
	if (owed)
		wanted |= nyx_ranges_overlap(&drain->ranges, first, last);
	/* wait_domain() takes away a guest's domain without devices. */
	if ((named || owed) && dom->cfg.kind == NYX_DOMAIN_GUEST && !READ_ONCE(dom->nr_devices))
		wanted = true;
	spin_unlock(&inval->lock);
	return wanted;
}

static bool is_any(const void *arg, struct nyx_domain *dom, u64 first, u64 last)
{
	return true;
}

static bool is_domain(const void *arg, struct nyx_domain *dom, u64 first, u64 last)
{
	return dom == arg;
}

/* ---- waits -------------------------------------------------------------- */

/*
 * Wait for users of translations outside of accesses: views, as nyx_views_wait(), and all
 * listeners.
 */
static int wait_holders(struct nyx_unit *unit, nyx_view_wants_fn *wants, const void *arg)
{
	int ret = nyx_views_wait(unit, wants, arg), err;

	if (!nyx_inval_is_done(ret))
		return ret;
	err = nyx_listeners_wait(&unit->listeners);
	if (nyx_inval_is_done(err))
		return ret ?: err;
	/* The next wait finds no view to wait for, and must not hide that one was cut off. */
	if (ret)
		nyx_listeners_count_cut(&unit->listeners);
	return err;
}

static void domain_gone(struct nyx_domain *dom)
{
	struct nyx_inval *inval = &dom->unit->inval;

	/* @dom is closed: no device loses a context of it any more. */
	free_retired(dom, U64_MAX);
	nyx_listeners_forget(&dom->unit->listeners, dom);
	spin_lock(&inval->lock);
	dom->gone = true;
	drained_locked(inval, &dom->drain, U64_MAX);
	spin_unlock(&inval->lock);
}

/* Destroy a domain that is closed, after wait_holders(), of which @ret is the result. */
static int drop_closed(struct nyx_domain *dom, int ret)
{
	struct nyx_unit *unit = dom->unit;

	/* A kill may have cut short the wait for a device that has left @dom. */
	if (nyx_inval_is_done(ret))
		ret = epoch_drain(&dom->epoch) ?: ret;
	/* Interrupts count in the domain of their device, inside this epoch. */
	epoch_drain_bounded(&unit->irq.epoch);
	if (nyx_inval_is_done(ret)) {
		domain_gone(dom);
		nyx_domain_unpublish(unit, dom);
	} else {
		/* Under one lock, so that another wait that pays this post can destroy @dom. */
		mutex_lock(&unit->lock);
		domain_needs_drain(dom, 0, NYX_LAST_PAGE);
		WRITE_ONCE(dom->dying, false);
		mutex_unlock(&unit->lock);
	}
	return ret;
}

int nyx_inval_drop(struct nyx_domain *dom)
{
	int ret = nyx_domain_close(dom->unit, dom);

	if (ret)
		return ret;
	/* The wait for a device that has left @dom may have been cut short. */
	return drop_closed(dom, wait_holders(dom->unit, is_domain, dom));
}

/*
 * Destroy a guest's domain without devices, if nothing was posted for it after @begun: a
 * wait that noted @begun has waited for views. False: the domain stays.
 */
static bool drop_guest(struct nyx_domain *dom, u64 begun, int *ret)
{
	struct nyx_unit *unit = dom->unit;
	bool late;

	if (nyx_domain_close(unit, dom))
		return false;
	spin_lock(&unit->inval.lock);
	late = dom->drain.first && dom->drain.last > begun;
	spin_unlock(&unit->inval.lock);
	if (late) {
		/* The wait for that post takes it away. */
		mutex_lock(&unit->lock);
		WRITE_ONCE(dom->dying, false);
		mutex_unlock(&unit->lock);
		return false;
	}
	*ret = drop_closed(dom, 0);
	return true;
}

/*
 * Wait for all accesses in a domain; take away a domain of a guest that has no device. The
 * wait has noted @begun before it looked at views, and pays posts up to that; 0: it pays
 * none.
 */
static int wait_domain(struct nyx_domain *dom, u64 begun)
{
	bool owed = begun && READ_ONCE(dom->drain.first);
	int ret;

	if (dom->cfg.kind == NYX_DOMAIN_GUEST && !READ_ONCE(dom->nr_devices) &&
	    drop_guest(dom, begun, &ret))
		return ret;
	ret = epoch_drain(&dom->epoch);
	if (!ret && owed)
		paid_domain(dom, begun);
	return ret;
}

static int wait_lookups(struct nyx_unit *unit)
{
	struct nyx_inval *inval = &unit->inval;
	u64 begun = READ_ONCE(inval->lookups.first) ? posted(inval) : 0;
	int ret;

	epoch_drain_bounded(&unit->irq.epoch);
	/* send_slow() and others that read guest memory are inside this epoch. */
	ret = epoch_drain(&unit->mem_epoch);
	if (!ret && begun)
		drained(inval, &inval->lookups, begun);
	return ret;
}

/* Wait for everything that may use memory which it found before. */
static int wait_memory(struct nyx_unit *unit, u64 begun)
{
	struct nyx_inval *inval = &unit->inval;
	struct nyx_domain *dom;
	unsigned long id = 0;
	int ret = 0;

	/* A domain that goes meanwhile was drained by nyx_inval_drop(). */
	while (!ret && (dom = nyx_domain_next(unit, id))) {
		ret = fatal_signal_pending(current) ? -EINTR : wait_domain(dom, begun);
		id = dom->id + 1ul;
		nyx_domain_put(dom);
		cond_resched();
	}
	ret = ret ?: wait_lookups(unit);
	if (ret)
		return ret;
	drained(inval, &inval->memory, begun);
	free_deferred(inval, begun);
	return 0;
}

/* Wait for the list, up to @t->until; a command's ticket has only domains there. */
static int wait_listed(const struct nyx_ticket *t, u64 begun)
{
	struct nyx_inval *inval = &t->unit->inval;
	struct nyx_domain *dom;
	int ret;

	while ((dom = get_pending(inval, t->until))) {
		ret = fatal_signal_pending(current) ? -EINTR : wait_domain(dom, begun);
		nyx_domain_put(dom);
		if (ret)
			return ret;
		cond_resched();
	}
	/* is_pending() needs no lock: later posts are no concern of this wait. */
	if (is_pending_for(t, &inval->memory))
		return wait_memory(t->unit, begun);
	if (is_pending_for(t, &inval->lookups))
		return wait_lookups(t->unit);
	/* Others may have waited for all of it. Pairs with their epoch_drain(). */
	smp_mb();
	return 0;
}

static void keep_domain(struct nyx_domain *dom, const struct nyx_ranges *ranges)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++)
		domain_needs_drain(dom, ranges->range[i].first, ranges->range[i].last);
}

/* List in the unit what a wait that was cut short has left. */
static void ticket_keep(struct nyx_ticket *t)
{
	struct nyx_inval *inval = &t->unit->inval;
	struct nyx_domain *dom;

	while (t->nr) {
		dom = t->dom[--t->nr];
		keep_domain(dom, &t->ranges[t->nr]);
		nyx_domain_put(dom);
	}
	if (t->memory)
		need_drain(inval, &inval->memory);
	else if (t->lookups)
		need_drain(inval, &inval->lookups);
}

/*
 * The number of the last post, noted before anything is waited for; 0: the unit lists nothing
 * that a wait for the ticket would pay.
 */
static u64 begin(const struct nyx_ticket *t)
{
	bool owed = t->until || t->memory;
	unsigned int i;

	for (i = 0; i < t->nr; i++)
		owed |= !!READ_ONCE(t->dom[i]->drain.first);
	return owed ? posted(&t->unit->inval) : 0;
}

/*
 * A wait is cut short that began when @cuts listeners had been cut off. The wait that makes
 * it good tells whether there are more by then.
 */
static void put_off(struct nyx_put_off *put, u32 cuts)
{
	if (put->is_set)
		return;
	put->is_set = true;
	put->cuts = cuts;
}

/* A queue does so in its own ticket, a command in the unit: see nyx_inval_finish(). */
static void ticket_put_off(struct nyx_ticket *t, u32 cuts)
{
	struct nyx_inval *inval = &t->unit->inval;

	if (t->lists) {
		put_off(&t->put_off, cuts);
		return;
	}
	spin_lock(&inval->lock);
	put_off(&inval->put_off, cuts);
	spin_unlock(&inval->lock);
}

/* Was a holder cut off while a wait was put off? It no longer is. */
static bool was_late(struct nyx_ticket *t)
{
	bool late = t->put_off.is_set &&
		    t->put_off.cuts != READ_ONCE(t->unit->listeners.cuts);

	t->put_off.is_set = false;
	return late;
}

int nyx_inval_wait(struct nyx_ticket *t)
{
	u64 begun = begin(t);
	int ret = 0, late = 0;
	struct nyx_domain *dom;
	u32 cuts = 0;

	if (t->nr || t->until || t->memory) {
		cuts = READ_ONCE(t->unit->listeners.cuts);
		late = wait_holders(t->unit, ticket_wants, t);
	}
	if (!nyx_inval_is_done(late))
		ret = late;
	while (!ret && t->nr) {
		dom = t->dom[t->nr - 1];
		ret = wait_domain(dom, begun);
		if (ret)
			break;
		t->nr--;
		nyx_domain_put(dom);
	}
	if (!ret && t->until)
		ret = wait_listed(t, begun);
	if (!ret && t->memory)
		ret = wait_memory(t->unit, begun);
	else if (!ret && t->lookups)
		ret = wait_lookups(t->unit);
	if (unlikely(ret)) {
		ticket_keep(t);
		ticket_put_off(t, cuts);
	} else if (unlikely(was_late(t))) {
		late = -ETIMEDOUT;
	}
	if (!ret || !t->lists)
		t->until = 0;
	t->lookups = false;
	t->memory = false;
	return ret ?: late;
}

int nyx_inval_finish(struct nyx_unit *unit)
{
	struct nyx_ticket t = NYX_TICKET_QUEUE(unit);
	struct nyx_inval *inval = &unit->inval;
	int ret;

	spin_lock(&inval->lock);
	t.until = inval->posted;
	t.put_off = inval->put_off;
	inval->put_off.is_set = false;
	spin_unlock(&inval->lock);
	ret = t.until ? nyx_inval_wait(&t) : 0;
	if (nyx_inval_is_done(ret))
		return ret;
	spin_lock(&inval->lock);
	put_off(&inval->put_off, t.put_off.cuts);
	spin_unlock(&inval->lock);
	return ret;
}

int nyx_inval_wait_writers(struct nyx_unit *unit, bool views)
{
	struct nyx_domain *dom;
	unsigned long id = 0;
	int ret = 0, late;

	/* A view that is opened meanwhile sees the caller's changes: pairs with view_publish(). */
	smp_mb();
	late = views ? nyx_views_wait(unit, is_any, NULL) : 0;
	if (!nyx_inval_is_done(late))
		return late;
	/* A domain that goes meanwhile was drained by nyx_inval_drop(). */
	while (!ret && (dom = nyx_domain_next(unit, id))) {
		ret = fatal_signal_pending(current) ? -EINTR : epoch_drain(&dom->epoch);
		id = dom->id + 1ul;
		nyx_domain_put(dom);
		cond_resched();
	}
	epoch_drain_bounded(&unit->irq.epoch);
	return ret ?: epoch_drain(&unit->mem_epoch) ?: late;
}

void nyx_inval_wait_senders(struct nyx_unit *unit)
{
	epoch_drain_bounded(&unit->irq.epoch);
}

int nyx_inval_wait_commands(struct nyx_unit *unit)
{
	return epoch_drain(&unit->gate.epoch);
}

void nyx_inval_wait_gone(struct nyx_unit *unit)
{
	epoch_drain_bounded(&unit->blocked_domain->epoch);
	epoch_drain_bounded(&unit->irq.epoch);
}

bool nyx_inval_domain_busy(struct nyx_domain *dom)
{
	lockdep_assert_held(&dom->unit->lock);
	return READ_ONCE(dom->drain.first) &&
	       (epoch_busy(&dom->epoch) || READ_ONCE(dom->unit->views.nr) ||
		!list_empty(&dom->unit->listeners.list));
}

NYX_EXPORT_FOR_TEST(nyx_inval_range);
NYX_EXPORT_FOR_TEST(nyx_inval_lookups);
NYX_EXPORT_FOR_TEST(nyx_inval_memory);
NYX_EXPORT_FOR_TEST(nyx_inval_drop);
NYX_EXPORT_FOR_TEST(nyx_inval_wait);
NYX_EXPORT_FOR_TEST(nyx_inval_finish);
NYX_EXPORT_FOR_TEST(nyx_ticket_range);
NYX_EXPORT_FOR_TEST(nyx_ticket_domain);
