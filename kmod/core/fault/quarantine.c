// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: fault policy, quarantine and recovery.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/fault/quarantine.h"

#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "base/export.h"
#include "base/reason.h"
#include "base/trace.h"
#include "core/access/device.h"
#include "core/fault/event.h"
#include "core/fault/fault.h"
#include "core/space/domain.h"
#include "core/unit.h"
#include "core/window/window.h"
#include "migrate/objects.h"

#define RECORDS_ALL	0xffffffffu

const struct nyx_policy nyx_policy_default = {
	.flags = NYX_POLICY_F_RECOVER,
	.action = NYX_ACTION_QUARANTINE,
	.threshold = 10,
	.window_ms = 10 * MSEC_PER_SEC,
	.weight = { 1, 1, 1, 1, 1 },
	.backoff_ms = MSEC_PER_SEC,
	.backoff_max_ms = 60 * MSEC_PER_SEC,
	.probation_ms = 10 * MSEC_PER_SEC,
	.max_tries = 5,
	.records_per_s = 64,
};

/* ---- the score ---------------------------------------------------------- */

void nyx_score_setup(struct nyx_score *score, u64 window_ns)
{
	memset(score, 0, sizeof(*score));
	score->part_ns = window_ns / NYX_SCORE_PARTS;
}

u32 nyx_score_add(struct nyx_score *score, u64 now, u32 weight)
{
	unsigned int n;

	if (now > score->start && now - score->start >= score->part_ns) {
		u64 parts = div64_u64(now - score->start, score->part_ns);

		score->start += parts * score->part_ns;
		for (n = 0; n < min_t(u64, parts, NYX_SCORE_PARTS); n++) {
			score->part = (score->part + 1) % NYX_SCORE_PARTS;
			score->sum -= score->weight[score->part];
			score->weight[score->part] = 0;
		}
	}
	/* Saturate far above every threshold. */
	weight = min_t(u32, weight, S32_MAX - score->sum);
	score->weight[score->part] += weight;
	score->sum += weight;
	return score->sum;
}

static u32 fault_class(u32 reason)
{
	switch (reason) {
	case NYX_FAULT_READ_DENIED:
	case NYX_FAULT_WRITE_DENIED:
	case NYX_FAULT_READONLY_MEMORY:
		return NYX_CLASS_PERMISSION;
	case NYX_FAULT_RESERVED_BIT:
	case NYX_FAULT_TABLE_ACCESS:
	case NYX_FAULT_ORACLE:
		return NYX_CLASS_TABLE;
	case NYX_FAULT_NO_MEMORY:
	case NYX_FAULT_MEMORY_ERROR:
		return NYX_CLASS_MEMORY;
	case NYX_FAULT_IRQ_REQUEST ... NYX_FAULT_IRQ_POST:
	case NYX_FAULT_IRQ_POST_RESERVED:
		return NYX_CLASS_INTERRUPT;
	default:
		return NYX_CLASS_ADDRESS;
	}
}

/* ---- samples ------------------------------------------------------------ */

static void sample_add(struct nyx_fault_tracker *t, const struct nyx_fault_info *info,
		       u64 now)
{
	struct nyx_sample *c, *oldest = t->state.samples;
	u8 access = info->irq ? 0 : info->access;

	for (c = t->state.samples; c < t->state.samples + NYX_SAMPLES_MAX; c++) {
		if (c->count && c->reason == info->reason && c->access == access &&
		    c->address >> NYX_PAGE_LG2 == info->address >> NYX_PAGE_LG2) {
			c->time_ns = now;
			c->count = min(c->count + 1, U16_MAX);
			return;
		}
		if (c->time_ns < oldest->time_ns)
			oldest = c;
	}
	*oldest = (struct nyx_sample){ info->address, now, info->reason, access, 1 };
}

/* The samples of the current window, latest first. */
static u8 samples_get(const struct nyx_fault_tracker *t, u64 now,
		      struct nyx_fault_sample *out)
{
	u64 window = (u64)t->cfg.policy.window_ms * NSEC_PER_MSEC, ago;
	unsigned int taken = 0, i, best;
	u8 n = 0;

	for (;;) {
		best = NYX_SAMPLES_MAX;
		for (i = 0; i < NYX_SAMPLES_MAX; i++) {
			if (!(taken & BIT(i)) && t->state.samples[i].count &&
			    (best == NYX_SAMPLES_MAX ||
			     t->state.samples[i].time_ns > t->state.samples[best].time_ns))
				best = i;
		}
		if (best == NYX_SAMPLES_MAX)
			return n;
		taken |= BIT(best);
		ago = now - min(now, t->state.samples[best].time_ns);
		if (ago > window)
			return n;
		out[n++] = (struct nyx_fault_sample) {
			.address = t->state.samples[best].address,
			.ago_ms = div_u64(ago, NSEC_PER_MSEC),
			.reason = t->state.samples[best].reason,
			.access = t->state.samples[best].access,
			.count = t->state.samples[best].count,
		};
	}
}

/* ---- what is due -------------------------------------------------------- */

/* Is there a suppressed fault that can be recorded? */
static bool has_suppressed(const struct nyx_fault_tracker *t)
{
	return t->records.suppressed && t->records.event;
}

/* The time at which do_due() has something to do for a fault tracker, or 0. */
static u64 due_time(const struct nyx_fault_tracker *t)
{
	u64 emit = has_suppressed(t) ? t->records.start_ns + NSEC_PER_SEC : 0;

	if (!emit || !t->state.next_ns)
		return emit ?: t->state.next_ns;
	return min(emit, t->state.next_ns);
}

static void kick(struct nyx_deadlines *deadlines, u64 at, u64 now)
{
	/* Round up, so that deadlines_work() does not run too early. */
	u64 delay = at > now ? nsecs_to_jiffies64(at - now) + 1 : 0;

	mod_delayed_work(system_unbound_wq, &deadlines->work,
			 min_t(u64, delay, MAX_JIFFY_OFFSET));
}

/* Put the fault tracker where it belongs in the queue. */
static void enqueue(struct nyx_unit *unit, struct nyx_fault_tracker *t, u64 now)
{
	struct nyx_deadlines *deadlines = &unit->deadlines;
	u64 at = t->gone ? 0 : due_time(t);

	lockdep_assert_held(&t->lock);
	spin_lock(&deadlines->lock);
	if (t->queued && t->node.expires != at) {
		timerqueue_del(&deadlines->queue, &t->node);
		t->queued = false;
	}
	if (at && !t->queued) {
		t->node.expires = at;
		t->queued = true;
		if (timerqueue_add(&deadlines->queue, &t->node))
			kick(deadlines, at, now);
	}
	spin_unlock(&deadlines->lock);
}

/* ---- changes of state --------------------------------------------------- */

static bool state_quarantined(u8 state)
{
	return state == NYX_DEVICE_QUARANTINED || state == NYX_DEVICE_DISABLED;
}

/* The domain of a device whose fault tracker is locked, or NULL. */
static struct nyx_domain *domain_of(const struct nyx_device *dev)
{
	struct nyx_ctx *ctx = rcu_dereference_protected(dev->ctx,
							lockdep_is_held(&dev->tracker.lock));

	return ctx ? ctx->dom : NULL;
}

void nyx_tracker_hold(struct nyx_device *dev)
{
	struct nyx_fault_tracker *t = &dev->tracker;
	struct nyx_domain *dom = NULL;
	struct nyx_unit *unit;

	lockdep_assert_held(&t->lock);
	if (state_quarantined(t->state.device) && (t->cfg.policy.flags & NYX_POLICY_F_DOMAIN))
		dom = domain_of(dev);
	/* Devices of @blocked_domain have nothing in common. */
	if (dom && dom == dom->unit->blocked_domain)
		dom = NULL;
	if (dom == t->held)
		return;
	unit = (dom ?: t->held)->unit;
	if (t->held) {
		atomic_dec(&t->held->quarantined);
		nyx_window_domain(t->held);
	}
	if (dom) {
		atomic_inc(&dom->quarantined);
		nyx_window_domain(dom);
	}
	t->held = dom;
	nyx_listeners_state(&unit->listeners);
}

static void describe(struct nyx_device *dev, struct nyx_event *event, u8 new,
		     enum nyx_state_cause cause, u64 now)
{
	struct nyx_fault_tracker *t = &dev->tracker;

	memset(event, 0, sizeof(*event));
	event->type = NYX_EVENT_DEVICE_STATE;
	event->state.sbdf = dev->sbdf;
	event->state.old_state = t->state.device;
	event->state.new_state = new;
	event->state.cause = cause;
	event->state.score = t->state.score.sum;
	event->state.tries = t->state.tries;
	event->state.next_ns = t->state.next_ns;
	event->state.nr_samples = samples_get(t, now, event->state.samples);
}

/*
 * &nyx_tracker_state.tries and next_ns are those of the new state. True: the state is
 * another one than before, and @event is to be emitted.
 */
static bool change_state(struct nyx_unit *unit, struct nyx_device *dev, u8 new,
			 enum nyx_state_cause cause, u64 now,
			 struct nyx_event *event)
{
	struct nyx_fault_tracker *t = &dev->tracker;
	bool was = state_quarantined(t->state.device), is = state_quarantined(new);
	bool changed = new != t->state.device;

	lockdep_assert_held(&t->lock);
	describe(dev, event, new, cause, now);
	t->state.device = new;
	WRITE_ONCE(dev->quarantined, is);
	if (is != was)
		atomic_add(is ? 1 : -1, &unit->nr_quarantined);
	nyx_tracker_hold(dev);
	if (is != was)
		nyx_listeners_state(&unit->listeners);
	nyx_window_device(dev);
	nyx_score_setup(&t->state.score, (u64)t->cfg.policy.window_ms * NSEC_PER_MSEC);
	memset(t->state.samples, 0, sizeof(t->state.samples));
	return changed;
}

static u64 backoff_ns(const struct nyx_fault_tracker *t)
{
	u64 ms = t->cfg.policy.backoff_ms;

	/* A policy allows a day at most, 2^27 ms, so the shift cannot overflow. */
	ms <<= min(t->state.tries - 1, 31u);
	return min_t(u64, ms, t->cfg.policy.backoff_max_ms) * NSEC_PER_MSEC;
}

/* The threshold was reached. True: @event is to be emitted. */
static bool too_much(struct nyx_unit *unit, struct nyx_device *dev, u64 now,
		     struct nyx_event *event)
{
	struct nyx_fault_tracker *t = &dev->tracker;
	u8 state = NYX_DEVICE_QUARANTINED;
	bool would = false;

	lockdep_assert_held(&t->lock);
	if (t->cfg.policy.action == NYX_ACTION_REPORT || t->gone)
		return false;
	if (t->cfg.policy.flags & NYX_POLICY_F_OBSERVE) {
		/* Record that once in a window: the device goes on faulting. */
		if (!t->state.would_ns || now - t->state.would_ns >=
		    (u64)t->cfg.policy.window_ms * NSEC_PER_MSEC) {
			describe(dev, event, state, NYX_STATE_WOULD, now);
			t->state.would_ns = now;
			would = true;
		}
		nyx_score_setup(&t->state.score,
				(u64)t->cfg.policy.window_ms * NSEC_PER_MSEC);
		return would;
	}
	t->state.tries++;
	t->state.next_ns = 0;
	if (t->state.tries > t->cfg.policy.max_tries)
		state = NYX_DEVICE_DISABLED;
	else if (t->cfg.policy.flags & NYX_POLICY_F_RECOVER)
		t->state.next_ns = now + backoff_ns(t);
	return change_state(unit, dev, state, NYX_STATE_BY_FAULTS, now, event);
}

/* The time of the state is over. True: @event is to be emitted. */
static bool time_is_over(struct nyx_unit *unit, struct nyx_device *dev, u64 now,
			 struct nyx_event *event)
{
	struct nyx_fault_tracker *t = &dev->tracker;

	lockdep_assert_held(&t->lock);
	if (t->state.device == NYX_DEVICE_QUARANTINED) {
		t->state.next_ns = now + (u64)t->cfg.policy.probation_ms * NSEC_PER_MSEC;
		return change_state(unit, dev, NYX_DEVICE_PROBATION,
				    NYX_STATE_BY_TIME, now, event);
	}
	t->state.next_ns = 0;
	if (t->state.device != NYX_DEVICE_PROBATION)
		return false;
	t->state.tries = 0;
	return change_state(unit, dev, NYX_DEVICE_ACTIVE, NYX_STATE_BY_TIME, now, event);
}

/* Count something for a device and its domain. */
static void count(struct nyx_device *dev, u32 stat)
{
	struct nyx_domain *dom;

	nyx_stat_add(dev->stats, stat, 1);
	rcu_read_lock();
	dom = nyx_device_domain_rcu(dev);
	if (dom)
		nyx_stat_add(dom->stats, stat, 1);
	rcu_read_unlock();
}

void nyx_tracker_emit(struct nyx_unit *unit, struct nyx_device *dev,
		      struct nyx_event *event)
{
	static const u8 stat[] = {
		[NYX_DEVICE_ACTIVE] = NYX_STAT_RECOVERIES,
		[NYX_DEVICE_QUARANTINED] = NYX_STAT_QUARANTINES,
		[NYX_DEVICE_PROBATION] = NYX_STAT_PROBATIONS,
		[NYX_DEVICE_DISABLED] = NYX_STAT_QUARANTINES,
	};
	const struct nyx_event_state *s = &event->state;

	/* A reader of the record finds it counted. */
	if (s->cause != NYX_STATE_WOULD)
		count(dev, stat[s->new_state]);
	/* Listeners look at the state again. */
	wake_up_all(&unit->listeners.readers);
	nyx_events_push(unit->events, event);
	trace_nyx_device_state(unit->id, s->sbdf, s->old_state, s->new_state,
			       s->cause, s->score, s->tries);
}

/* The record of the faults whose own records were suppressed. False: there are none. */
static bool take_suppressed(struct nyx_fault_tracker *t, struct nyx_event *event)
{
	lockdep_assert_held(&t->lock);
	if (!has_suppressed(t))
		return false;
	*event = *t->records.event;
	if (event->type == NYX_EVENT_FAULT)
		event->fault.count = t->records.suppressed;
	else
		event->irq_fault.count = t->records.suppressed;
	t->records.suppressed = 0;
	return true;
}

/* Do what is due for a device. A command may have removed it; RCU keeps its memory. */
static void do_due(struct nyx_unit *unit, struct nyx_device *dev, u64 now)
{
	bool recorded = false, changed = false;
	struct nyx_fault_tracker *t = &dev->tracker;
	struct nyx_event record, state;
	unsigned long flags;

	spin_lock_irqsave(&t->lock, flags);
	if (t->gone)
		goto out_unlock;
	if (now >= t->records.start_ns + NSEC_PER_SEC)
		recorded = take_suppressed(t, &record);
	if (recorded) {
		record.time_ns = now;
		t->records.start_ns = now;
		t->records.emitted = 1;
	}
	if (t->state.next_ns && now >= t->state.next_ns)
		changed = time_is_over(unit, dev, now, &state);
	enqueue(unit, t, now);
out_unlock:
	spin_unlock_irqrestore(&t->lock, flags);

	if (recorded)
		nyx_events_push(unit->events, &record);
	if (changed)
		nyx_tracker_emit(unit, dev, &state);
}

static void deadlines_work(struct work_struct *work)
{
	struct nyx_deadlines *deadlines =
		container_of(work, struct nyx_deadlines, work.work);
	struct nyx_unit *unit = container_of(deadlines, struct nyx_unit,
					     deadlines);
	struct timerqueue_node *node;
	struct nyx_device *dev;
	u64 now;

	for (;;) {
		/* RCU keeps the memory of @dev, which a command may remove meanwhile. */
		rcu_read_lock();
		spin_lock_irq(&deadlines->lock);
		now = ktime_get_boottime_ns();
		node = timerqueue_getnext(&deadlines->queue);
		if (!node || node->expires > now) {
			if (node)
				kick(deadlines, node->expires, now);
			spin_unlock_irq(&deadlines->lock);
			rcu_read_unlock();
			return;
		}
		timerqueue_del(&deadlines->queue, node);
		dev = container_of(node, struct nyx_device, tracker.node);
		dev->tracker.queued = false;
		spin_unlock_irq(&deadlines->lock);
		do_due(unit, dev, now);
		rcu_read_unlock();
		cond_resched();
	}
}

void nyx_deadlines_init(struct nyx_deadlines *deadlines)
{
	spin_lock_init(&deadlines->lock);
	timerqueue_init_head(&deadlines->queue);
	INIT_DELAYED_WORK(&deadlines->work, deadlines_work);
}

void nyx_deadlines_fini(struct nyx_deadlines *deadlines)
{
	cancel_delayed_work_sync(&deadlines->work);
}

/* ---- fault trackers ----------------------------------------------------- */

static void adopt(struct nyx_fault_tracker *t, const struct nyx_policy *policy,
		  bool own)
{
	bool window = t->cfg.policy.window_ms != policy->window_ms;

	t->cfg.policy = *policy;
	t->cfg.own = own;
	if (window)
		nyx_score_setup(&t->state.score,
				(u64)policy->window_ms * NSEC_PER_MSEC);
}

void nyx_tracker_init(struct nyx_device *dev, const struct nyx_policy *policy)
{
	spin_lock_init(&dev->tracker.lock);
	timerqueue_init(&dev->tracker.node);
	adopt(&dev->tracker, policy, false);
}

void nyx_tracker_free(struct nyx_device *dev)
{
	kfree(dev->tracker.records.event);
}

void nyx_tracker_gone(struct nyx_unit *unit, struct nyx_device *dev)
{
	struct nyx_fault_tracker *t = &dev->tracker;
	struct nyx_event record;
	unsigned long flags;
	bool recorded;

	spin_lock_irqsave(&t->lock, flags);
	t->gone = true;
	recorded = take_suppressed(t, &record);
	if (state_quarantined(t->state.device))
		atomic_dec(&unit->nr_quarantined);
	t->state.device = NYX_DEVICE_ACTIVE;
	nyx_tracker_hold(dev);
	nyx_window_device(dev);
	enqueue(unit, t, 0);
	spin_unlock_irqrestore(&t->lock, flags);
	if (recorded)
		nyx_events_push(unit->events, &record);
}

void nyx_tracker_flush(struct nyx_unit *unit, struct nyx_device *dev)
{
	struct nyx_fault_tracker *t = &dev->tracker;
	struct nyx_event record;
	unsigned long flags;
	bool recorded;

	spin_lock_irqsave(&t->lock, flags);
	recorded = take_suppressed(t, &record);
	/* From now on each has a record of its own, until the stream ends. */
	t->cfg.policy.records_per_s = RECORDS_ALL;
	nyx_window_device(dev);
	spin_unlock_irqrestore(&t->lock, flags);
	if (recorded)
		nyx_events_push(unit->events, &record);
}

/* May the fault have a record of its own? Sets the count of the record. */
static bool may_emit(struct nyx_unit *unit, struct nyx_fault_tracker *t,
		     struct nyx_event *event, u64 now)
{
	u64 count = t->records.suppressed + 1;

	lockdep_assert_held(&t->lock);
	if (event->type == NYX_EVENT_FAULT)
		event->fault.count = count;
	else
		event->irq_fault.count = count;
	if (t->cfg.policy.records_per_s == RECORDS_ALL || t->gone) {
		t->records.suppressed = 0;
		return true;
	}
	if (now - t->records.start_ns >= NSEC_PER_SEC && now > t->records.start_ns) {
		t->records.start_ns = now;
		t->records.emitted = 0;
	}
	if (t->records.emitted < t->cfg.policy.records_per_s) {
		t->records.emitted++;
		t->records.suppressed = 0;
		return true;
	}
	t->records.suppressed = count;
	if (!t->records.event)
		t->records.event = kmalloc(sizeof(*event), GFP_CALLER_ATOMIC);
	if (t->records.event)
		*t->records.event = *event;
	else if (count == 1)
		/* The next record of the device has the count; one of its own is lost. */
		nyx_events_count_lost(unit->events, 1);
	return false;
}

bool nyx_tracker_fault(struct nyx_unit *unit, struct nyx_device *dev,
		       const struct nyx_fault_info *info, struct nyx_event *event,
		       struct nyx_event *state, bool *changed)
{
	struct nyx_fault_tracker *t = &dev->tracker;
	u64 now = event->time_ns;
	unsigned long flags;
	bool emit, had;
	u32 weight;

	*changed = false;
	spin_lock_irqsave(&t->lock, flags);
	had = has_suppressed(t);
	emit = may_emit(unit, t, event, now);
	weight = t->cfg.policy.weight[fault_class(info->reason)];
	if (weight && !state_quarantined(t->state.device)) {
		sample_add(t, info, now);
		if (nyx_score_add(&t->state.score, now, weight) >= t->cfg.policy.threshold)
			*changed = too_much(unit, dev, now, state);
	}
	if ((has_suppressed(t) && !had) || *changed)
		enqueue(unit, t, now);
	spin_unlock_irqrestore(&t->lock, flags);
	return emit;
}

void nyx_tracker_get(struct nyx_device *dev, struct nyx_device_info *info)
{
	struct nyx_fault_tracker *t = &dev->tracker;
	struct nyx_domain *dom;
	unsigned long flags;

	spin_lock_irqsave(&t->lock, flags);
	info->state = t->state.device;
	info->score = nyx_score_add(&t->state.score, ktime_get_boottime_ns(), 0);
	info->tries = t->state.tries;
	info->next_ns = t->state.next_ns;
	if (t->cfg.own)
		info->flags |= NYX_DEVICE_F_POLICY;
	dom = domain_of(dev);
	if (dom && atomic_read(&dom->quarantined) && !state_quarantined(t->state.device))
		info->flags |= NYX_DEVICE_F_HELD;
	spin_unlock_irqrestore(&t->lock, flags);
}

/* ---- migration ---------------------------------------------------------- */

static_assert(OBJECT_SCORE_PARTS == NYX_SCORE_PARTS);

#define TRIES_MAX	1001u				/* one more than a policy allows */
#define NEXT_MAX_NS	(86400ull * NSEC_PER_SEC)	/* the longest time of a policy */

/* The place of the part of a window that began @n parts before the current one. */
static u32 part_before(const struct nyx_score *score, u32 n)
{
	return (score->part + NYX_SCORE_PARTS - n) % NYX_SCORE_PARTS;
}

void nyx_tracker_save(struct nyx_device *dev, struct object_device *o)
{
	struct nyx_fault_tracker *t = &dev->tracker;
	u64 now = ktime_get_boottime_ns();
	struct nyx_tracker_state state;
	unsigned int i;

	spin_lock_irq(&t->lock);
	nyx_score_add(&t->state.score, now, 0);
	state = t->state;
	o->policy = t->cfg.policy;
	o->own_policy = t->cfg.own;
	spin_unlock_irq(&t->lock);

	o->state = state.device;
	o->tries = state.tries;
	if (state.next_ns)
		o->next_in_ns = state.next_ns > now ? state.next_ns - now : 1;
	if (state.would_ns)
		o->would_ago_ns = now - min(now, state.would_ns) + 1;
	o->part_ago_ns = now - min(now, state.score.start);
	for (i = 0; i < NYX_SCORE_PARTS; i++)
		o->weight[i] = state.score.weight[part_before(&state.score, i)];
	for (i = 0; i < NYX_SAMPLES_MAX; i++) {
		const struct nyx_sample *c = &state.samples[i];

		if (!c->count)
			continue;
		o->sample_address[i] = c->address;
		o->sample_ago_ns[i] = now - min(now, c->time_ns);
		o->sample_count[i] = c->count;
		o->sample_reason[i] = c->reason;
		o->sample_access[i] = c->access;
	}
}

static bool state_is_sane(const struct object_device *o)
{
	bool due = o->next_in_ns;
	unsigned int i;
	u64 sum = 0;

	if (o->tries > TRIES_MAX || o->next_in_ns > NEXT_MAX_NS)
		return false;
	for (i = 0; i < NYX_SCORE_PARTS; i++)
		sum += o->weight[i];
	for (i = 0; i < NYX_SAMPLES_MAX; i++) {
		if (o->sample_access[i] & ~NYX_ACC_RW)
			return false;
	}
	if (sum > S32_MAX)
		return false;
	switch (o->state) {
	case NYX_DEVICE_ACTIVE:
		return !due && !o->tries;
	case NYX_DEVICE_QUARANTINED:
		return true;
	case NYX_DEVICE_PROBATION:
		return due;
	case NYX_DEVICE_DISABLED:
		return !due;
	default:
		return false;
	}
}

int nyx_tracker_load(struct nyx_unit *unit, struct nyx_device *dev,
		     const struct object_device *o)
{
	struct nyx_fault_tracker *t = &dev->tracker;
	u64 now = ktime_get_boottime_ns();
	struct nyx_tracker_state *s = &t->state;
	unsigned int i;

	lockdep_assert_held(&unit->lock);
	if (!state_is_sane(o))
		return NYX_ERR(STREAM_VALUE);
	spin_lock_irq(&t->lock);
	s->device = o->state;
	s->tries = o->tries;
	s->next_ns = o->next_in_ns ? now + o->next_in_ns : 0;
	if (o->would_ago_ns)
		s->would_ns = max(now - min(now, o->would_ago_ns - 1), 1ull);
	s->score.start = now - min(now, o->part_ago_ns);
	s->score.part = 0;
	for (i = 0; i < NYX_SCORE_PARTS; i++) {
		s->score.weight[part_before(&s->score, i)] = o->weight[i];
		s->score.sum += o->weight[i];
	}
	for (i = 0; i < NYX_SAMPLES_MAX; i++) {
		if (o->sample_count[i])
			s->samples[i] = (struct nyx_sample) {
				.address = o->sample_address[i],
				.time_ns = now - min(now, o->sample_ago_ns[i]),
				.reason = o->sample_reason[i],
				.access = o->sample_access[i],
				.count = o->sample_count[i],
			};
	}
	if (state_quarantined(o->state)) {
		WRITE_ONCE(dev->quarantined, true);
		atomic_inc(&unit->nr_quarantined);
	}
	nyx_tracker_hold(dev);
	nyx_window_device(dev);
	enqueue(unit, t, now);
	spin_unlock_irq(&t->lock);
	return 0;
}

/* ---- commands ----------------------------------------------------------- */

void nyx_tracker_control(struct nyx_unit *unit, struct nyx_device *dev,
			 u32 action, u32 cause)
{
	static const u8 state[] = {
		[NYX_DEVICE_DO_RESET] = NYX_DEVICE_ACTIVE,
		[NYX_DEVICE_DO_QUARANTINE] = NYX_DEVICE_QUARANTINED,
		[NYX_DEVICE_DO_DISABLE] = NYX_DEVICE_DISABLED,
	};
	struct nyx_fault_tracker *t = &dev->tracker;
	u64 now = ktime_get_boottime_ns();
	struct nyx_event event;
	bool changed;

	spin_lock_irq(&t->lock);
	t->state.next_ns = 0;
	if (action == NYX_DEVICE_DO_RESET) {
		t->state.tries = 0;
		t->state.would_ns = 0;
	}
	action = array_index_nospec(action, ARRAY_SIZE(state));
	changed = change_state(unit, dev, state[action], cause, now,
			       &event);
	enqueue(unit, t, now);
	spin_unlock_irq(&t->lock);
	if (changed)
		nyx_tracker_emit(unit, dev, &event);
}

void nyx_tracker_quarantine(struct nyx_unit *unit, struct nyx_device *dev, u32 cause)
{
	lockdep_assert_held(&unit->lock);
	if (!READ_ONCE(dev->quarantined))
		nyx_tracker_control(unit, dev, NYX_DEVICE_DO_QUARANTINE, cause);
}

int nyx_policy_set(struct nyx_unit *unit, const u32 *sbdf,
		   const struct nyx_policy *policy)
{
	struct nyx_device *dev;
	unsigned long id;
	int ret = 0;

	mutex_lock(&unit->lock);
	if (sbdf) {
		dev = xa_load(&unit->devices, *sbdf);
		if (dev) {
			spin_lock_irq(&dev->tracker.lock);
			adopt(&dev->tracker, policy ?: &unit->cfg.policy, policy);
			spin_unlock_irq(&dev->tracker.lock);
		} else {
			ret = NYX_ERR(NO_SUCH_DEVICE);
		}
	} else {
		unit->cfg.policy = *policy;
		xa_for_each(&unit->devices, id, dev) {
			spin_lock_irq(&dev->tracker.lock);
			if (!dev->tracker.cfg.own)
				adopt(&dev->tracker, policy, false);
			spin_unlock_irq(&dev->tracker.lock);
			cond_resched();
		}
	}
	mutex_unlock(&unit->lock);
	return ret;
}

int nyx_policy_get(struct nyx_unit *unit, const u32 *sbdf,
		   struct nyx_policy *policy, bool *own)
{
	struct nyx_device *dev;
	int ret = 0;

	*own = false;
	mutex_lock(&unit->lock);
	dev = sbdf ? xa_load(&unit->devices, *sbdf) : NULL;
	if (dev) {
		/* The policy changes only under &nyx_unit.lock. */
		*policy = dev->tracker.cfg.policy;
		*own = dev->tracker.cfg.own;
	} else if (sbdf) {
		ret = NYX_ERR(NO_SUCH_DEVICE);
	} else {
		*policy = unit->cfg.policy;
	}
	mutex_unlock(&unit->lock);
	return ret;
}

NYX_EXPORT_FOR_TEST(nyx_score_setup);
NYX_EXPORT_FOR_TEST(nyx_score_add);
