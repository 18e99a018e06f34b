// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: change streams: what devices and domains translate, as differences.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/changes/changes.h"

#include <linux/bits.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "base/reason.h"
#include "base/types.h"
#include "core/access/context.h"
#include "core/access/device.h"
#include "core/changes/source.h"
#include "core/fault/quarantine.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/unit.h"

/* Look-ups of a call of nyx_changes_next(). */
#define BUDGET		32768u
/* Look-ups without an end after which a target counts as full: 256 GiB of pages of 4 KiB. */
#define LOOKS_MAX	BIT(26)

/**
 * struct nyx_target - a target of a change stream
 * @base: what posts mark
 * @ref: references: of the stream, and of waits
 * @changes: the stream, with a reference; const after init
 * @link: in &nyx_changes.targets
 * @active: in &nyx_changes.active
 * @due: step() is to look for something to report
 * @number: its number in the stream; const after init
 * @id: SBDF, or id of the domain; const after init
 * @dom: the domain, if the target is one, with a reference; const after init
 * @held: NYX_CHANGE_LATE or NYX_CHANGE_FULL: what a quarantine is reported as, or 0
 * @state: of enum nyx_change_state, as reported
 * @domain_id: as reported with it
 * @attrs: of the context that @shadow is about
 * @shadow: what was reported
 * @sync: a part of @shadow that is brought up to date
 * @todo: pages that @sync has yet to begin with
 * @taken: number of the last post whose marks were taken; 0: all are acknowledged
 * @seq: number of the last change of the target
 * @done: all marks that were taken are reported
 * @look: the guest's tables may have another context
 * @looks: look-ups since @done
 *
 * From @held on, under &nyx_changes.lock.
 */
struct nyx_target {
	struct nyx_listener base;
	struct kref ref;
	struct nyx_changes *changes;
	struct list_head link;
	struct list_head active;
	bool due;
	u32 number;
	u32 id;
	struct nyx_domain *dom;
	u8 held;
	u32 state;
	u32 domain_id;
	struct nyx_ctx_attrs attrs;
	struct shadow shadow;
	struct shadow_sync sync;
	struct nyx_ranges todo;
	u64 taken;
	u64 seq;
	bool done;
	bool look;
	u32 looks;
};

static struct nyx_target *to_target(struct nyx_listener *l)
{
	return container_of(l, struct nyx_target, base);
}

static struct nyx_listeners *listeners_of(const struct nyx_target *t)
{
	return &t->changes->unit->listeners;
}

/* ---- life --------------------------------------------------------------- */

static void changes_release(struct kref *ref)
{
	struct nyx_changes *changes = container_of(ref, struct nyx_changes, ref);

	mutex_destroy(&changes->lock);
	kfree_rcu(changes, rcu);
}

void nyx_changes_put(struct nyx_changes *changes)
{
	kref_put(&changes->ref, changes_release);
}

struct nyx_changes *nyx_changes_get(struct nyx_unit *unit, u32 id)
{
	struct nyx_changes *changes;

	rcu_read_lock();
	changes = xa_load(&unit->streams, id);
	if (changes && !kref_get_unless_zero(&changes->ref))
		changes = NULL;
	rcu_read_unlock();
	return changes;
}

struct nyx_changes *nyx_changes_open(struct nyx_unit *unit, bool is_inline)
{
	struct nyx_changes *changes = kzalloc(sizeof(*changes), GFP_CALLER);
	int ret;

	if (!changes)
		return ERR_PTR(-ENOMEM);
	kref_init(&changes->ref);
	changes->unit = unit;
	changes->is_inline = is_inline;
	mutex_init(&changes->lock);
	INIT_LIST_HEAD(&changes->targets);
	INIT_LIST_HEAD(&changes->marked);
	INIT_LIST_HEAD(&changes->active);
	changes->states = nyx_listeners_states(&unit->listeners);
	changes->asked_ns = ktime_get_ns();
	ret = xa_alloc(&unit->streams, &changes->id, changes,
		       XA_LIMIT(1, NYX_CHANGES_MAX), GFP_CALLER);
	if (ret) {
		kfree(changes);
		return ERR_PTR(ret == -EBUSY ? NYX_ERR(STREAMS_MAX) : ret);
	}
	return changes;
}

static void target_release(struct kref *ref)
{
	struct nyx_target *t = container_of(ref, struct nyx_target, ref);

	shadow_clear(&t->shadow);
	nyx_changes_put(t->changes);
	kfree(t);
}

/* Take a target off its stream. Under @changes->lock. */
static void target_remove(struct nyx_target *t)
{
	struct nyx_unit *unit = t->changes->unit;
	struct nyx_device *dev;

	lockdep_assert_held(&t->changes->lock);
	/* First, so that no wait stops a device that comes in its place. */
	nyx_listener_remove(&unit->listeners, &t->base);
	mutex_lock(&unit->lock);
	unit->nr_targets--;
	if (t->dom) {
		t->dom->nr_followers--;
	} else {
		/* A device that is followed is not removed. */
		dev = xa_load(&unit->devices, t->id);
		if (dev)
			dev->nr_followers--;
	}
	mutex_unlock(&unit->lock);
	list_del(&t->link);
	list_del(&t->active);
	if (t->dom)
		nyx_domain_put(t->dom);
	kref_put(&t->ref, target_release);
}

void nyx_changes_close(struct nyx_changes *changes)
{
	struct nyx_target *t, *next;

	xa_erase(&changes->unit->streams, changes->id);
	mutex_lock(&changes->lock);
	changes->closed = true;
	list_for_each_entry_safe(t, next, &changes->targets, link)
		target_remove(t);
	mutex_unlock(&changes->lock);
	nyx_changes_put(changes);
}

/* ---- waits -------------------------------------------------------------- */

static void target_get(struct nyx_listener *l)
{
	kref_get(&to_target(l)->ref);
}

static void target_put(struct nyx_listener *l)
{
	kref_put(&to_target(l)->ref, target_release);
}

/* Quarantine the devices of a target, whose reader is late, or which has too many maps. */
static void quarantine(struct nyx_target *t)
{
	struct nyx_unit *unit = t->changes->unit;
	struct nyx_device *dev;
	unsigned long sbdf;

	mutex_lock(&unit->lock);
	if (t->dom) {
		xa_for_each(&unit->devices, sbdf, dev) {
			if (nyx_device_domain(unit, dev) == t->dom)
				nyx_tracker_quarantine(unit, dev, NYX_STATE_BY_CHANGES);
			cond_resched();
		}
	} else {
		dev = xa_load(&unit->devices, t->id);
		if (dev)
			nyx_tracker_quarantine(unit, dev, NYX_STATE_BY_CHANGES);
	}
	mutex_unlock(&unit->lock);
}

static bool target_sleeps(struct nyx_listener *l)
{
	return READ_ONCE(to_target(l)->changes->caller) != current;
}

static int target_wait(struct nyx_listener *l, u64 number)
{
	struct nyx_target *t = to_target(l);
	struct nyx_changes *changes = t->changes;
	struct nyx_listeners *ls = listeners_of(t);
	u64 timeout = (u64)changes->unit->cfg.view_timeout_ms * NSEC_PER_MSEC;
	u64 first = 0, since, now, end;
	int ret;

	for (;;) {
		ret = nyx_listener_waited(ls, l, number, &first, &since);
		if (ret != -EINPROGRESS)
			return ret;
		now = ktime_get_ns();
		end = max(since, READ_ONCE(changes->asked_ns)) + timeout;
		if (now >= end) {
			quarantine(t);
			nyx_listener_cut(ls, l);
			continue;
		}
		if (changes->is_inline)
			return -EINPROGRESS;
		if (wait_event_killable_timeout(ls->wq,
						!nyx_listener_is_behind(ls, l, number),
						nsecs_to_jiffies(end - now) + 1) < 0)
			return -EINTR;
	}
}

static const struct nyx_listener_ops target_ops = {
	.get = target_get,
	.put = target_put,
	.sleeps = target_sleeps,
	.wait = target_wait,
};

/* ---- targets ------------------------------------------------------------ */

/* Let a target follow a device or a domain that is there. */
static int publish(struct nyx_target *t, u32 kind)
{
	struct nyx_unit *unit = t->changes->unit;
	struct nyx_device *dev;
	int ret = 0;

	mutex_lock(&unit->lock);
	if (unit->nr_targets == NYX_CHANGES_TARGETS_MAX) {
		ret = NYX_ERR(TARGETS_MAX);
	} else if (kind == NYX_CHANGES_DOMAIN) {
		t->dom = xa_load(&unit->domains, t->id);
		if (!t->dom) {
			ret = NYX_ERR(NO_SUCH_DOMAIN);
		} else if (t->dom->dying) {
			t->dom = NULL;
			ret = NYX_ERR(DOMAIN_DYING);
		} else {
			refcount_inc(&t->dom->ref);
			t->dom->nr_followers++;
		}
	} else {
		dev = xa_load(&unit->devices, t->id);
		if (!dev)
			ret = NYX_ERR(NO_SUCH_DEVICE);
		else if (READ_ONCE(dev->leaving))
			ret = NYX_ERR(DEVICE_MOVING);
		else
			dev->nr_followers++;
	}
	if (!ret) {
		unit->nr_targets++;
		nyx_listener_add(&unit->listeners, &t->base);
	}
	mutex_unlock(&unit->lock);
	return ret;
}

static struct nyx_target *find_target(struct nyx_changes *changes, u32 number)
{
	struct nyx_target *t;

	lockdep_assert_held(&changes->lock);
	list_for_each_entry(t, &changes->targets, link) {
		if (t->number == number)
			return t;
	}
	return NULL;
}

static bool has_target(struct nyx_changes *changes, u32 kind, u32 id)
{
	struct nyx_target *t;

	lockdep_assert_held(&changes->lock);
	list_for_each_entry(t, &changes->targets, link) {
		if (t->id == id && kind == (t->dom ? NYX_CHANGES_DOMAIN : NYX_CHANGES_DEVICE))
			return true;
	}
	return false;
}

int nyx_changes_add(struct nyx_changes *changes, u32 kind, u32 id, u32 max, u32 *target)
{
	struct nyx_target *t;
	int ret;

	t = kzalloc(sizeof(*t), GFP_CALLER);
	if (!t)
		return -ENOMEM;
	t->base.ops = &target_ops;
	t->base.is_device = kind == NYX_CHANGES_DEVICE;
	t->base.sbdf = id;
	t->base.marked = &changes->marked;
	INIT_LIST_HEAD(&t->active);
	kref_init(&t->ref);
	t->changes = changes;
	t->id = id;
	shadow_init(&t->shadow, max);
	ret = mutex_lock_killable(&changes->lock);
	if (ret)
		goto err_free;
	t->number = changes->next_target + 1;
	if (changes->closed)
		ret = NYX_ERR(NO_SUCH_STREAM);
	else
		ret = has_target(changes, kind, id) ? NYX_ERR(TARGET_EXISTS) : publish(t, kind);
	if (!ret) {
		kref_get(&changes->ref);
		changes->next_target = t->number;
		list_add_tail(&t->link, &changes->targets);
		*target = t->number;
	}
	mutex_unlock(&changes->lock);
	if (!ret)
		return 0;
err_free:
	kfree(t);
	return ret;
}

/* Drop changes of a target that no reader was given. */
static void drop_changes(struct nyx_changes *changes, u32 target)
{
	u32 i;

	/* They keep their numbers, so that those of others do not change. */
	for (i = changes->pos; i < changes->nr; i++) {
		if (changes->buffer[i].target == target)
			changes->buffer[i].kind = 0;
	}
}

int nyx_changes_remove(struct nyx_changes *changes, u32 target)
{
	struct nyx_target *t;
	int ret = 0;

	if (mutex_lock_killable(&changes->lock))
		return -EINTR;
	t = find_target(changes, target);
	if (t) {
		target_remove(t);
		drop_changes(changes, target);
	} else {
		ret = NYX_ERR(NO_SUCH_TARGET);
	}
	mutex_unlock(&changes->lock);
	return ret;
}

/* ---- reading ------------------------------------------------------------ */

/**
 * struct subject - the state and the source that a target should report
 * @state: of enum nyx_change_state
 * @same: the target has followed the domain before
 * @number: as nyx_listener_follow() has set it, or 0
 * @source: the domain and the context
 */
struct subject {
	u32 state;
	bool same;
	u64 number;
	struct source source;
};

/* Should a device, with @ctx, report maps? Under &nyx_unit.lock. */
static u32 device_state(struct nyx_unit *unit, const struct nyx_device *dev,
			const struct nyx_ctx *ctx)
{
	if (nyx_device_quarantined(dev, ctx->dom))
		return NYX_CHANGE_QUARANTINED;
	/* The exclusion range is not refused. */
	return ctx->dom == unit->blocked_domain ||
	       (ctx->attrs.block_reason && !ctx->attrs.excl) ?
		NYX_CHANGE_DETACHED : NYX_CHANGE_ATTACHED;
}

/* Let a target follow a domain, or none. */
static void follow(struct nyx_target *t, struct nyx_domain *dom, struct subject *sub)
{
	if (dom)
		mutex_lock(&dom->lock);
	sub->same = nyx_listener_follow(listeners_of(t), &t->base, dom, &sub->number);
	if (dom)
		mutex_unlock(&dom->lock);
}

/*
 * Find the context of a device. False: the guest's tables have to be looked at first; they
 * were at @generation, or never if that is NULL.
 */
static bool find_device(struct nyx_target *t, const u64 *generation, struct subject *sub)
{
	struct nyx_unit *unit = t->changes->unit;
	const struct nyx_ctx *ctx;
	struct nyx_device *dev;
	bool known = true;

	mutex_lock(&unit->lock);
	/* A device that is followed is not removed. */
	dev = xa_load(&unit->devices, t->id);
	if (WARN_ON_ONCE(!dev))
		goto out_unlock;
	ctx = nyx_device_ctx(unit, dev);
	sub->state = device_state(unit, dev, ctx);
	if (ctx->dom == unit->blocked_domain && nyx_viommu_has_guest(unit->guest.viommu))
		known = generation && *generation == unit->guest.generation;
	if (known) {
		sub->source.attrs = ctx->attrs;
		sub->source.dom = ctx->dom;
		refcount_inc(&ctx->dom->ref);
		follow(t, sub->state == NYX_CHANGE_ATTACHED ? ctx->dom : NULL, sub);
	}
out_unlock:
	mutex_unlock(&unit->lock);
	return known;
}

static void find_domain(struct nyx_target *t, struct subject *sub)
{
	struct nyx_domain *dom = t->dom;

	if (t->held == NYX_CHANGE_FULL)
		sub->state = NYX_CHANGE_FULL;
	else if (dom->stage.kind != NYX_STAGE_NONE)
		sub->state = NYX_CHANGE_ATTACHED;
	sub->source.attrs = dom->ctx.attrs;
	sub->source.dom = dom;
	refcount_inc(&dom->ref);
	follow(t, dom, sub);
}

/* Find what a target should report now. */
static int find_subject(struct nyx_target *t, struct subject *sub)
{
	struct nyx_unit *unit = t->changes->unit;
	struct nyx_fault_info fault;
	u64 generation;
	int ret;

	*sub = (struct subject){ .state = NYX_CHANGE_DETACHED, .source.unit = unit };
	if (t->dom) {
		find_domain(t, sub);
		return 0;
	}
	/* Without tables of a guest, the context is always known. */
	if ((!t->look || !nyx_viommu_has_guest(unit->guest.viommu)) &&
	    find_device(t, NULL, sub))
		return 0;
	do {
		ret = nyx_guest_resolve(unit, t->id, NYX_PASID_NONE, &generation, &fault);
		if (ret && ret != -ENOENT)
			return ret;
	} while (!find_device(t, &generation, sub));
	return 0;
}

static bool same_attrs(const struct nyx_ctx_attrs *a, const struct nyx_ctx_attrs *b)
{
	return a->perm == b->perm && a->block_reason == b->block_reason && a->excl == b->excl &&
	       (!a->excl || (a->excl_first == b->excl_first && a->excl_last == b->excl_last));
}

static void emit(struct nyx_target *t, const struct nyx_change *change)
{
	struct nyx_changes *changes = t->changes;

	changes->buffer[changes->nr++] = *change;
	changes->seq++;
}

static u32 room(const struct nyx_changes *changes)
{
	return NYX_CHANGES_BUFFER - changes->nr;
}

/* Changes that a step may need beside maps. */
#define STEP_ROOM	4u

/* Report that nothing is mapped, and a state. There is room for two changes. */
static void emit_empty(struct nyx_target *t, u32 state)
{
	struct nyx_change unmap = { .kind = NYX_CHANGE_UNMAP, .target = t->number };

	if (shadow_span(&t->shadow, &unmap.iova, &unmap.last))
		emit(t, &unmap);
	shadow_clear(&t->shadow);
	emit(t, &(struct nyx_change) {
		.kind = NYX_CHANGE_STATE, .target = t->number, .state = state,
	});
	t->state = state;
	t->domain_id = 0;
}

/* Compare the state with what was reported, and report it if it differs. */
static void step_state(struct nyx_target *t, const struct subject *sub)
{
	const struct source *s = &sub->source;
	u32 state = sub->state;

	if (state == NYX_CHANGE_QUARANTINED && t->held)
		state = t->held;
	else if (state != t->held)
		t->held = 0;
	if (state != NYX_CHANGE_ATTACHED) {
		if (t->state != state)
			emit_empty(t, state);
		t->sync.step = SHADOW_IDLE;
		t->todo.nr = 0;
		return;
	}
	if (t->state != state || !sub->same || !same_attrs(&t->attrs, &s->attrs)) {
		t->attrs = s->attrs;
		t->sync.step = SHADOW_IDLE;
		t->todo = NYX_RANGES_ALL;
	}
	if (t->state == state && t->domain_id == s->dom->id)
		return;
	emit(t, &(struct nyx_change) {
		.kind = NYX_CHANGE_STATE,
		.target = t->number,
		.state = state,
		.domain_id = s->dom->id,
	});
	t->state = state;
	t->domain_id = s->dom->id;
}

/* Begin a sync of pages that were marked. */
static void start_sync(struct nyx_target *t, struct source *source)
{
	u64 first, last;

	t->todo.nr--;
	first = t->todo.range[t->todo.nr].first << NYX_PAGE_LG2;
	last = t->todo.range[t->todo.nr].last << NYX_PAGE_LG2 | NYX_PAGE_MASK;
	source_widen(source, &first, &last);
	shadow_widen(&t->shadow, &first, &last);
	shadow_begin(&t->sync, first, last);
}

/* The target has more maps, or a larger table, than it may have. */
static int is_full(struct nyx_target *t)
{
	t->held = NYX_CHANGE_FULL;
	t->looks = 0;
	quarantine(t);
	return 1;
}

/* Bring the shadow up to date. 0: it is; 1: something is left; or an error. */
static int step_maps(struct nyx_target *t, struct source *source)
{
	struct nyx_changes *changes = t->changes;
	u32 budget = source->budget;
	struct shadow_out out = {
		.change = &changes->buffer[changes->nr],
		.room = room(changes),
		.target = t->number,
	};
	int ret;

	do {
		if (t->sync.step == SHADOW_IDLE && t->todo.nr)
			start_sync(t, source);
		ret = shadow_update(&t->shadow, &t->sync, source_next, source, &out);
	} while (!ret && t->sync.step == SHADOW_IDLE && t->todo.nr);
	changes->nr += out.nr;
	changes->seq += out.nr;
	t->looks += budget - source->budget;
	if (ret == -ENOSPC || t->looks > LOOKS_MAX)
		return is_full(t);
	return ret == -EAGAIN || (!ret && t->sync.step != SHADOW_IDLE) ? 1 : ret;
}

/* Acknowledge posts of which all is reported, and acknowledged by the reader. */
static void acknowledge(struct nyx_target *t)
{
	if (!t->taken || !t->done || t->seq > t->changes->acked)
		return;
	nyx_listener_ack(listeners_of(t), &t->base, t->taken);
	t->taken = 0;
}

/*
 * Put changes of a target into the buffer, which has room for STEP_ROOM, with so many look-ups
 * at most. 0: nothing is left; 1: something is; or an error, with the rest left to do.
 */
static int step(struct nyx_target *t, u32 *budget)
{
	struct nyx_changes *changes = t->changes;
	u64 before = changes->seq, number;
	bool context = false, late;
	struct subject sub;
	int ret;

	number = nyx_listener_take(listeners_of(t), &t->base, &t->todo, &context, &late);
	t->taken = number ?: t->taken;
	t->done = false;
	t->look |= context;
	if (late) {
		t->held = NYX_CHANGE_LATE;
		emit_empty(t, NYX_CHANGE_LATE);
		t->seq = changes->seq;
	}
	ret = find_subject(t, &sub);
	if (ret)
		return ret;
	t->taken = sub.number ?: t->taken;
	t->look = false;
	step_state(t, &sub);
	if (t->state == NYX_CHANGE_ATTACHED) {
		sub.source.budget = *budget;
		ret = step_maps(t, &sub.source);
		*budget = sub.source.budget;
	}
	if (sub.source.dom)
		nyx_domain_put(sub.source.dom);
	if (changes->seq != before)
		t->seq = changes->seq;
	t->done = !ret;
	if (t->done)
		t->looks = 0;
	acknowledge(t);
	return ret;
}

/* Has the state of a device changed since it was reported? */
static bool state_differs(struct nyx_target *t)
{
	struct nyx_unit *unit = t->changes->unit;
	u32 state = READ_ONCE(t->state);
	struct nyx_domain *dom;
	struct nyx_device *dev;
	bool stopped = false;

	if (!t->base.is_device)
		return false;
	rcu_read_lock();
	dev = xa_load(&unit->devices, t->id);
	dom = dev ? nyx_device_domain_rcu(dev) : NULL;
	if (dom)
		stopped = nyx_device_quarantined(dev, dom);
	rcu_read_unlock();
	return stopped ? state == NYX_CHANGE_ATTACHED || state == NYX_CHANGE_DETACHED :
			 state >= NYX_CHANGE_QUARANTINED;
}

static void set_due(struct nyx_target *t)
{
	t->due = true;
	if (list_empty(&t->active))
		list_add_tail(&t->active, &t->changes->active);
}

/* Find the targets that may have something to report beside those that are due. */
static void collect(struct nyx_changes *changes)
{
	struct nyx_listeners *ls = &changes->unit->listeners;
	int states = nyx_listeners_states(ls);
	struct nyx_listener *l, *next;
	struct nyx_target *t;

	spin_lock(&ls->lock);
	list_for_each_entry_safe(l, next, &changes->marked, marked_link) {
		list_del_init(&l->marked_link);
		set_due(to_target(l));
	}
	spin_unlock(&ls->lock);
	if (states == changes->states)
		return;
	list_for_each_entry(t, &changes->targets, link) {
		if (state_differs(t))
			set_due(t);
	}
	WRITE_ONCE(changes->states, states);
}

/* Put changes into the empty buffer. 0: nothing is left; 1: something is; or an error. */
static int fill_buffer(struct nyx_changes *changes, u32 *budget)
{
	struct nyx_target *t, *next;
	LIST_HEAD(again);
	int ret = 0, err;

	changes->nr = 0;
	changes->pos = 0;
	collect(changes);
	list_for_each_entry_safe(t, next, &changes->active, active) {
		if (!t->due)
			continue;
		if (room(changes) < STEP_ROOM || !*budget) {
			ret = 1;
			break;
		}
		err = step(t, budget);
		t->due = err;
		/* Others come first the next time. */
		if (err)
			list_move_tail(&t->active, &again);
		else if (!t->taken)
			list_del_init(&t->active);
		ret = err ?: ret;
		if (err < 0)
			break;
	}
	list_splice_tail(&again, &changes->active);
	return ret;
}

/*
 * Copy a change out without a page fault, which may last: the end of the stream waits for the
 * lock.
 */
static bool put_change(struct nyx_change __user *to, const struct nyx_change *change)
{
	unsigned long left;

	pagefault_disable();
	left = copy_to_user(to, change, sizeof(*change));
	pagefault_enable();
	return !left;
}

/* Give a reader what is in the buffer. False: a change could not be written. */
static bool give(struct nyx_changes *changes, struct nyx_changes_read *read)
{
	const struct nyx_change *change;

	while (changes->pos < changes->nr && read->nr < read->room) {
		change = &changes->buffer[changes->pos];
		if (change->kind) {
			if (!put_change(read->to + read->nr, change))
				return false;
			read->nr++;
		}
		changes->pos++;
		changes->told = changes->seq - (changes->nr - changes->pos);
	}
	return true;
}

/* Give the reader changes until it has enough, none come, or the call has done enough. */
static int read_changes(struct nyx_changes *changes, struct nyx_changes_read *read)
{
	u32 budget = BUDGET;
	int left;

	for (;;) {
		if (!give(changes, read))
			return -EAGAIN;
		read->more = changes->more || changes->pos < changes->nr;
		if (read->nr == read->room || changes->pos < changes->nr || !budget)
			return 0;
		left = fill_buffer(changes, &budget);
		WRITE_ONCE(changes->more, !!left);
		if (left < 0)
			return left;
		read->more = left;
		if (!changes->nr)
			return 0;
	}
}

/* Acknowledge, and read on. -EAGAIN: the next change is for a page that is not there. */
static int next_locked(struct nyx_changes *changes, u64 ack, struct nyx_changes_read *read)
{
	struct nyx_target *t, *next;
	bool works = ack > changes->acked;
	int ret;

	if (ack > changes->told)
		return -ERANGE;
	changes->acked = max(changes->acked, ack);
	list_for_each_entry_safe(t, next, &changes->active, active) {
		acknowledge(t);
		if (!t->due && !t->taken)
			list_del_init(&t->active);
	}
	ret = read_changes(changes, read);
	/* Give it what it has: another reader may come before it comes again. */
	if (ret == -EAGAIN && read->nr) {
		read->more = true;
		ret = 0;
	}
	/* A reader that was given nothing acknowledges nothing that another one has. */
	read->seq = read->nr ? changes->told : changes->acked;
	if (works || read->nr || read->more)
		WRITE_ONCE(changes->asked_ns, ktime_get_ns());
	return ret;
}

int nyx_changes_next(struct nyx_changes *changes, u64 ack, struct nyx_changes_read *read)
{
	int ret;

	read->nr = 0;
	read->seq = 0;
	read->more = false;
	for (;;) {
		if (mutex_lock_killable(&changes->lock))
			return -EINTR;
		ret = next_locked(changes, ack, read);
		mutex_unlock(&changes->lock);
		if (ret != -EAGAIN)
			return ret;
		if (fault_in_writeable((char __user *)read->to, sizeof(*read->to)))
			return fatal_signal_pending(current) ? -EINTR : -EFAULT;
		cond_resched();
	}
}

int nyx_changes_finish(struct nyx_changes *changes)
{
	struct nyx_unit *unit = changes->unit;
	struct nyx_viommu *viommu = unit->guest.viommu;
	int ret;

	if (!changes->is_inline)
		return 0;
	ret = viommu->ops->resume ? viommu->ops->resume(viommu) : 0;
	return ret ?: nyx_inval_finish(unit);
}

/* Has the state of a target changed since it was reported? */
static bool any_state_differs(struct nyx_changes *changes)
{
	struct nyx_listener *l;
	struct nyx_target *t;

	list_for_each_entry(l, &changes->unit->listeners.list, link) {
		if (l->ops != &target_ops)
			continue;
		t = to_target(l);
		if (t->changes == changes && state_differs(t))
			return true;
	}
	return false;
}

bool nyx_changes_pending(struct nyx_changes *changes)
{
	struct nyx_listeners *ls = &changes->unit->listeners;
	bool pending;

	if (READ_ONCE(changes->more) || READ_ONCE(changes->pos) != READ_ONCE(changes->nr))
		return true;
	spin_lock(&ls->lock);
	pending = !list_empty(&changes->marked) ||
		  (nyx_listeners_states(ls) != READ_ONCE(changes->states) &&
		   any_state_differs(changes));
	spin_unlock(&ls->lock);
	return pending;
}

void nyx_changes_begin(struct nyx_changes *changes)
{
	WRITE_ONCE(changes->caller, current);
}

void nyx_changes_end(struct nyx_changes *changes)
{
	if (READ_ONCE(changes->caller) == current)
		WRITE_ONCE(changes->caller, NULL);
	if (nyx_changes_pending(changes))
		wake_up_all(&changes->unit->listeners.readers);
}

static u64 key_of(const struct nyx_target *t)
{
	return NYX_TARGET_KEY(t->changes->id, t->number);
}

static void describe(const struct nyx_target *t, struct nyx_target_info *info)
{
	*info = (struct nyx_target_info) {
		.changes_id = t->changes->id,
		.target = t->number,
		.flags = t->changes->is_inline ? NYX_TARGET_F_INLINE : 0,
		.kind = t->dom ? NYX_CHANGES_DOMAIN : NYX_CHANGES_DEVICE,
		.id = t->id,
		.pasid = NYX_PASID_NONE,
		.state = READ_ONCE(t->state),
		.domain_id = READ_ONCE(t->domain_id),
		.nr_maps = READ_ONCE(t->shadow.nr),
		.max_maps = t->shadow.max,
		.bytes = READ_ONCE(t->shadow.bytes),
	};
	if (t->base.first) {
		info->flags |= NYX_TARGET_F_BEHIND;
		info->behind_ns = t->base.waited_ns ? ktime_get_ns() - t->base.waited_ns : 0;
	}
}

bool nyx_target_next(struct nyx_unit *unit, u64 key, struct nyx_target_info *info)
{
	struct nyx_listeners *ls = &unit->listeners;
	struct nyx_target *t, *found = NULL;
	struct nyx_listener *l;

	spin_lock(&ls->lock);
	list_for_each_entry(l, &ls->list, link) {
		if (l->ops != &target_ops)
			continue;
		t = to_target(l);
		if (key_of(t) >= key && (!found || key_of(t) < key_of(found)))
			found = t;
	}
	if (found)
		describe(found, info);
	spin_unlock(&ls->lock);
	return found;
}
