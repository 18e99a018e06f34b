// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: change streams: what devices and domains translate, as differences.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/changes/changes.h"

#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "base/export.h"
#include "base/reason.h"
#include "base/types.h"
#include "core/access/context.h"
#include "core/access/device.h"
#include "core/changes/source.h"
#include "core/fault/quarantine.h"
#include "core/space/domain.h"
#include "core/space/inval.h"
#include "core/unit.h"

/* Look-ups of a call of nyx_changes_next() in each target. */
#define BUDGET		32768u

/**
 * struct nyx_target - a target of a change stream
 * @base: what posts mark
 * @ref: references: of the stream, and of waits
 * @changes: the stream, with a reference; const after init
 * @link: in &nyx_changes.targets
 * @number: its number in the stream; const after init
 * @id: SBDF, or id of the domain; const after init
 * @dom: the domain, if the target is one, with a reference; const after init
 * @late: the reader was cut off, and the target is to report that; also written by waits
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
 *
 * From @held on, under &nyx_changes.lock.
 */
struct nyx_target {
	struct nyx_listener base;
	struct kref ref;
	struct nyx_changes *changes;
	struct list_head link;
	u32 number;
	u32 id;
	struct nyx_domain *dom;
	bool late;
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
	nyx_listener_remove(&unit->listeners, &t->base);
	list_del(&t->link);
	if (t->dom)
		nyx_domain_put(t->dom);
	kref_put(&t->ref, target_release);
}

void nyx_changes_close(struct nyx_changes *changes)
{
	struct nyx_target *t, *next;

	xa_erase(&changes->unit->streams, changes->id);
	mutex_lock(&changes->lock);
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

/* Quarantine the devices of a target, which is behind, or has too many maps. */
static void quarantine(struct nyx_target *t)
{
	struct nyx_unit *unit = t->changes->unit;
	struct nyx_device *dev;
	unsigned long sbdf;

	mutex_lock(&unit->lock);
	xa_for_each(&unit->devices, sbdf, dev) {
		if (t->dom ? nyx_device_domain(unit, dev) != t->dom : sbdf != t->id)
			continue;
		if (!READ_ONCE(dev->quarantined))
			nyx_tracker_control(unit, dev, NYX_DEVICE_DO_QUARANTINE,
					    NYX_STATE_BY_CHANGES);
		cond_resched();
	}
	mutex_unlock(&unit->lock);
}

/* No wait waits for a target any more until it has reported that its reader was late. */
static void cut_off(struct nyx_target *t)
{
	WRITE_ONCE(t->late, true);
	quarantine(t);
	nyx_listener_ack(listeners_of(t), &t->base, U64_MAX);
}

/* When a wait for a target ends at the latest, if its reader does nothing. */
static u64 deadline_of(struct nyx_target *t)
{
	struct nyx_unit *unit = t->changes->unit;
	u64 since;

	spin_lock(&unit->listeners.lock);
	since = t->base.since_ns;
	spin_unlock(&unit->listeners.lock);
	since = max(since, READ_ONCE(t->changes->asked_ns));
	return since + (u64)unit->cfg.view_timeout_ms * NSEC_PER_MSEC;
}

static int target_wait(struct nyx_listener *l, u64 number)
{
	struct nyx_target *t = to_target(l);
	struct nyx_listeners *ls = listeners_of(t);
	u64 now, end;
	long ret;

	while (nyx_listener_is_behind(ls, l, number)) {
		now = ktime_get_ns();
		end = deadline_of(t);
		if (READ_ONCE(t->late) || now >= end) {
			cut_off(t);
			return -ETIMEDOUT;
		}
		if (t->changes->is_inline)
			return -EINPROGRESS;
		ret = wait_event_killable_timeout(ls->wq, !nyx_listener_is_behind(ls, l, number),
						  nsecs_to_jiffies(end - now) + 1);
		if (ret < 0)
			return -EINTR;
	}
	return 0;
}

static const struct nyx_listener_ops target_ops = {
	.get = target_get,
	.put = target_put,
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
	t->base.sbdf = kind == NYX_CHANGES_DEVICE ? id : NYX_SBDF_ANY;
	kref_init(&t->ref);
	t->changes = changes;
	t->id = id;
	shadow_init(&t->shadow, max);
	ret = mutex_lock_killable(&changes->lock);
	if (ret)
		goto err_free;
	t->number = changes->next_target + 1;
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
 * @source: the domain and the context
 */
struct subject {
	u32 state;
	bool same;
	struct source source;
};

/* Should a device, with @ctx, report maps? Under &nyx_unit.lock. */
static u32 device_state(struct nyx_unit *unit, const struct nyx_device *dev,
			const struct nyx_ctx *ctx)
{
	if (nyx_device_quarantined(dev, ctx->dom))
		return NYX_CHANGE_QUARANTINED;
	return ctx->dom == unit->blocked_domain || ctx->attrs.block_reason ?
		NYX_CHANGE_DETACHED : NYX_CHANGE_ATTACHED;
}

/* Let a target follow a domain. True: it has done so before. */
static bool follow(struct nyx_target *t, struct nyx_domain *dom)
{
	bool same;

	if (!dom)
		return nyx_listener_follow(listeners_of(t), &t->base, NULL);
	mutex_lock(&dom->lock);
	same = nyx_listener_follow(listeners_of(t), &t->base, dom);
	mutex_unlock(&dom->lock);
	return same;
}

static void find_device(struct nyx_target *t, struct subject *sub)
{
	struct nyx_unit *unit = t->changes->unit;
	const struct nyx_ctx *ctx;
	struct nyx_device *dev;

	mutex_lock(&unit->lock);
	dev = xa_load(&unit->devices, t->id);
	/* A device that is followed is not removed. */
	if (dev) {
		ctx = nyx_device_ctx(unit, dev);
		sub->state = device_state(unit, dev, ctx);
		sub->source.attrs = ctx->attrs;
		sub->source.dom = ctx->dom;
		refcount_inc(&ctx->dom->ref);
	}
	sub->same = follow(t, sub->state == NYX_CHANGE_ATTACHED ? sub->source.dom : NULL);
	mutex_unlock(&unit->lock);
}

/* Is a device of a domain quarantined? */
static bool has_quarantined(struct nyx_unit *unit, const struct nyx_domain *dom)
{
	struct nyx_device *dev;
	unsigned long sbdf;
	bool found = false;

	mutex_lock(&unit->lock);
	xa_for_each(&unit->devices, sbdf, dev) {
		found = nyx_device_domain(unit, dev) == dom &&
			nyx_device_quarantined(dev, dom);
		if (found)
			break;
		cond_resched();
	}
	mutex_unlock(&unit->lock);
	return found;
}

static void find_domain(struct nyx_target *t, struct subject *sub)
{
	struct nyx_domain *dom = t->dom;

	sub->state = dom->stage.kind == NYX_STAGE_NONE ? NYX_CHANGE_DETACHED :
							 NYX_CHANGE_ATTACHED;
	/* A domain cannot be released. */
	if (t->held == NYX_CHANGE_FULL ||
	    (t->held && has_quarantined(t->changes->unit, dom)))
		sub->state = t->held;
	sub->source.attrs = dom->ctx.attrs;
	sub->source.dom = dom;
	refcount_inc(&dom->ref);
	sub->same = follow(t, dom);
}

/* Find what a target should report now. @context: its context may have changed. */
static int find_subject(struct nyx_target *t, bool context, struct subject *sub)
{
	struct nyx_unit *unit = t->changes->unit;
	struct nyx_fault_info fault;
	u64 generation;
	int ret;

	*sub = (struct subject) {
		.state = NYX_CHANGE_DETACHED,
		.source = { .unit = unit, .budget = BUDGET },
	};
	if (t->dom) {
		find_domain(t, sub);
		return 0;
	}
	if (context && nyx_viommu_has_guest(unit->guest.viommu)) {
		ret = nyx_guest_resolve(unit, t->id, NYX_PASID_NONE, &generation, &fault);
		if (ret && ret != -ENOENT)
			return ret;
	}
	find_device(t, sub);
	if (sub->state == NYX_CHANGE_QUARANTINED && t->held)
		sub->state = t->held;
	return 0;
}

static bool same_attrs(const struct nyx_ctx_attrs *a, const struct nyx_ctx_attrs *b)
{
	return a->perm == b->perm && a->excl == b->excl &&
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

	if (sub->state != NYX_CHANGE_ATTACHED) {
		if (t->state != sub->state)
			emit_empty(t, sub->state);
		t->sync.step = SHADOW_IDLE;
		t->todo.nr = 0;
		return;
	}
	t->held = 0;
	if (t->state != sub->state || !sub->same || !same_attrs(&t->attrs, &s->attrs)) {
		t->attrs = s->attrs;
		t->sync.step = SHADOW_IDLE;
		t->todo = NYX_RANGES_ALL;
	}
	if (t->state == sub->state && t->domain_id == s->dom->id)
		return;
	emit(t, &(struct nyx_change) {
		.kind = NYX_CHANGE_STATE,
		.target = t->number,
		.state = sub->state,
		.iova = s->dom->id,
	});
	t->state = sub->state;
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
	shadow_begin(&t->sync, first, last);
}

/* Bring the shadow up to date. 0: it is; 1: something is left; or an error. */
static int step_maps(struct nyx_target *t, struct source *source)
{
	struct nyx_changes *changes = t->changes;
	struct shadow_out out = {
		.change = &changes->buffer[changes->nr],
		.room = room(changes),
		.target = t->number,
	};
	int ret = 0;

	do {
		if (t->sync.step == SHADOW_IDLE && t->todo.nr)
			start_sync(t, source);
		ret = shadow_update(&t->shadow, &t->sync, source_next, source, &out);
	} while (!ret && t->sync.step == SHADOW_IDLE && t->todo.nr);
	changes->nr += out.nr;
	changes->seq += out.nr;
	if (ret == -ENOSPC) {
		t->held = NYX_CHANGE_FULL;
		quarantine(t);
		return 1;
	}
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
 * Put changes of a target into the buffer. 0: nothing is left; 1: something is; or an error,
 * with the rest left to do.
 */
static int step(struct nyx_target *t)
{
	struct nyx_changes *changes = t->changes;
	u64 before = changes->seq, number;
	bool context = false, late;
	struct subject sub;
	int ret;

	if (room(changes) < STEP_ROOM)
		return 1;
	number = nyx_listener_take(listeners_of(t), &t->base, &t->todo, &context);
	t->taken = number ?: t->taken;
	t->done = false;
	t->look = t->look || context || t->state != NYX_CHANGE_ATTACHED;
	late = READ_ONCE(t->late);
	if (late)
		t->held = NYX_CHANGE_LATE;
	ret = find_subject(t, t->look, &sub);
	if (ret)
		return ret;
	t->look = false;
	if (late) {
		WRITE_ONCE(t->late, false);
		emit_empty(t, NYX_CHANGE_LATE);
	}
	step_state(t, &sub);
	if (sub.state == NYX_CHANGE_ATTACHED)
		ret = step_maps(t, &sub.source);
	if (sub.source.dom)
		nyx_domain_put(sub.source.dom);
	if (changes->seq != before)
		t->seq = changes->seq;
	t->done = !ret;
	acknowledge(t);
	return ret;
}

/* Put changes into the empty buffer. 0: nothing is left; 1: something is; or an error. */
static int fill_buffer(struct nyx_changes *changes)
{
	struct nyx_target *t, *next;
	int ret = 0, err;

	changes->nr = 0;
	changes->pos = 0;
	list_for_each_entry_safe(t, next, &changes->targets, link) {
		err = step(t);
		if (err < 0)
			return err;
		/* Others come first the next time. */
		if (err && room(changes) >= STEP_ROOM)
			list_move_tail(&t->link, &changes->targets);
		ret = ret ?: err;
	}
	return ret;
}

/* Give a reader what is in the buffer. False: a change could not be written. */
static bool give(struct nyx_changes *changes, struct nyx_changes_read *read)
{
	const struct nyx_change *change;

	while (changes->pos < changes->nr && read->nr < read->room) {
		change = &changes->buffer[changes->pos];
		if (change->kind) {
			if (copy_to_user(read->to + read->nr, change, sizeof(*change)))
				return false;
			read->nr++;
		}
		changes->pos++;
		changes->told = changes->seq - (changes->nr - changes->pos);
	}
	return true;
}

/* Give the reader changes until it has enough, or none come. */
static int read_changes(struct nyx_changes *changes, struct nyx_changes_read *read)
{
	int left;

	for (;;) {
		if (!give(changes, read))
			return -EFAULT;
		read->more = changes->more || changes->pos < changes->nr;
		if (read->nr == read->room || changes->pos < changes->nr)
			return 0;
		left = fill_buffer(changes);
		WRITE_ONCE(changes->more, !!left);
		if (left < 0)
			return left;
		read->more = left;
		if (!changes->nr)
			return 0;
	}
}

int nyx_changes_next(struct nyx_changes *changes, u64 ack, struct nyx_changes_read *read)
{
	struct nyx_target *t;
	int ret;

	read->nr = 0;
	read->seq = 0;
	read->more = false;
	if (mutex_lock_killable(&changes->lock))
		return -EINTR;
	WRITE_ONCE(changes->asked_ns, ktime_get_ns());
	ret = ack > changes->told ? -ERANGE : 0;
	if (!ret) {
		changes->acked = max(changes->acked, ack);
		list_for_each_entry(t, &changes->targets, link)
			acknowledge(t);
		ret = read_changes(changes, read);
	}
	read->seq = changes->told;
	WRITE_ONCE(changes->asked_ns, ktime_get_ns());
	mutex_unlock(&changes->lock);
	return ret;
}

int nyx_changes_finish(struct nyx_changes *changes)
{
	struct nyx_unit *unit = changes->unit;
	struct nyx_viommu *viommu = unit->guest.viommu;
	int ret;

	if (!changes->is_inline)
		return 0;
	ret = nyx_inval_finish(unit);
	if (!nyx_inval_is_done(ret))
		return ret;
	return viommu->ops->resume ? viommu->ops->resume(viommu) : 0;
}

/* Has the state of a device changed since it was reported? */
static bool state_differs(struct nyx_target *t)
{
	struct nyx_unit *unit = t->changes->unit;
	u32 state = READ_ONCE(t->state);
	struct nyx_domain *dom;
	struct nyx_device *dev;
	bool stopped = false;

	if (t->base.sbdf == NYX_SBDF_ANY)
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

bool nyx_changes_pending(struct nyx_changes *changes)
{
	struct nyx_listeners *ls = &changes->unit->listeners;
	bool pending = READ_ONCE(changes->more);
	struct nyx_listener *l;
	struct nyx_target *t;

	spin_lock(&ls->lock);
	list_for_each_entry(l, &ls->list, link) {
		if (pending)
			break;
		if (l->ops != &target_ops)
			continue;
		t = to_target(l);
		pending = t->changes == changes &&
			  (l->ranges.nr || l->context || READ_ONCE(t->late) ||
			   state_differs(t));
	}
	spin_unlock(&ls->lock);
	return pending;
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
		info->behind_ns = ktime_get_ns() - t->base.since_ns;
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
