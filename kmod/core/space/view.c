// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: views: processes that use translations without a system call.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A view is found by waits under RCU, and stays while they have references to it.
 */
#include "core/space/view.h"

#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "base/reason.h"
#include "base/types.h"
#include "core/access/device.h"
#include "core/fault/event.h"
#include "core/fault/quarantine.h"
#include "core/space/domain.h"
#include "core/space/ranges.h"
#include "core/unit.h"

static_assert(sizeof(struct nyx_view_ctl) == 64 && sizeof(struct nyx_view_slot) == 64 &&
	      sizeof(struct nyx_view_hold) == 32);

/* Looks at a word before a wait goes to sleep, and the bounds of a sleep. */
#define LOOKS		50u
#define SLEEP_MIN_NS	(10ull * NSEC_PER_USEC)
#define SLEEP_MAX_NS	((u64)NSEC_PER_MSEC)

/* ---- life --------------------------------------------------------------- */

void nyx_views_init(struct nyx_views *views)
{
	mutex_init(&views->lock);
	xa_init_flags(&views->list, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
}

void nyx_views_fini(struct nyx_views *views)
{
	xa_destroy(&views->list);
	mutex_destroy(&views->lock);
}

static void view_free(struct kref *ref)
{
	struct nyx_view *view = container_of(ref, struct nyx_view, ref);

	vfree(view->ctl);
	put_pid(view->pid);
	mmdrop(view->mm);
	kfree_rcu(view, rcu);
}

static void view_put(struct nyx_view *view)
{
	kref_put(&view->ref, view_free);
}

static int view_publish(struct nyx_view *view)
{
	struct nyx_views *views = &view->unit->views;
	int ret;

	mutex_lock(&views->lock);
	if (views->nr >= NYX_VIEWS_MAX)
		ret = NYX_ERR(VIEWS_MAX);
	else
		ret = xa_alloc(&views->list, &view->id, view, XA_LIMIT(1, INT_MAX),
			       GFP_CALLER);
	if (!ret) {
		WRITE_ONCE(views->nr, views->nr + 1);
		/* Before any section of the view: pairs with nyx_views_wait(). */
		smp_mb();
	}
	mutex_unlock(&views->lock);
	return ret;
}

struct nyx_view *nyx_view_open(struct nyx_unit *unit, u32 nr_slots, u32 nr_holds)
{
	u64 holds = PAGE_ALIGN(sizeof(struct nyx_view_ctl) +
			       (u64)nr_slots * sizeof(struct nyx_view_slot));
	struct nyx_view *view;
	int ret;

	view = kzalloc(sizeof(*view), GFP_CALLER);
	if (!view)
		return ERR_PTR(-ENOMEM);
	view->size = holds + PAGE_ALIGN((u64)nr_holds * sizeof(struct nyx_view_hold));
	view->ctl = __vmalloc(view->size, GFP_CALLER | __GFP_ZERO);
	if (!view->ctl) {
		kfree(view);
		return ERR_PTR(-ENOMEM);
	}
	view->slots = (void *)(view->ctl + 1);
	view->holds = (void *)view->ctl + holds;
	view->ctl->version = NYX_VIEW_VERSION;
	view->ctl->nr_slots = nr_slots;
	view->ctl->nr_holds = nr_holds;
	view->nr_slots = nr_slots;
	view->nr_holds = nr_holds;
	view->unit = unit;
	view->mm = current->mm;
	mmgrab(view->mm);
	view->pid = get_pid(task_tgid(current));
	get_task_comm(view->name, current);
	kref_init(&view->ref);
	ret = view_publish(view);
	if (ret) {
		view_put(view);
		return ERR_PTR(ret);
	}
	return view;
}

/* Sums of the counters of a view. The process may write anything: it is no index. */
static void sum_slots(const struct nyx_view *view, struct nyx_view_counts *sum)
{
	u32 i;

	for (i = 0; i < view->nr_slots; i++) {
		const struct nyx_view_slot *slot = &view->slots[i];

		sum->hits += READ_ONCE(slot->hits);
		sum->misses += READ_ONCE(slot->misses);
		sum->walks += READ_ONCE(slot->walks);
		sum->read_bytes += READ_ONCE(slot->read_bytes);
		sum->write_bytes += READ_ONCE(slot->write_bytes);
	}
}

void nyx_view_close(struct nyx_view *view)
{
	struct nyx_views *views = &view->unit->views;

	mutex_lock(&views->lock);
	sum_slots(view, &views->retired);
	xa_erase(&views->list, view->id);
	WRITE_ONCE(views->nr, views->nr - 1);
	mutex_unlock(&views->lock);
	/* After all that requests did which had the file: pairs with is_closed(). */
	smp_store_release(&view->closed, true);
	view_put(view);
}

struct page *nyx_view_page(struct nyx_view *view, unsigned long nr)
{
	if (nr >= view->size >> PAGE_SHIFT)
		return NULL;
	nr = array_index_nospec(nr, view->size >> PAGE_SHIFT);
	return vmalloc_to_page((void *)view->ctl + (nr << PAGE_SHIFT));
}

void nyx_views_count(struct nyx_unit *unit, u64 *count)
{
	struct nyx_views *views = &unit->views;
	struct nyx_view *view;
	struct nyx_view_counts sum;
	unsigned long id;

	mutex_lock(&views->lock);
	sum = views->retired;
	xa_for_each(&views->list, id, view)
		sum_slots(view, &sum);
	mutex_unlock(&views->lock);
	/* NYX_VIEW_FILL has counted the misses that it was asked for. */
	if (unit->iotlb.sets)
		count[NYX_STAT_IOTLB_MISSES] += sum.walks;
	count[NYX_STAT_IOTLB_HITS] += sum.hits;
	count[NYX_STAT_WALKS] += sum.walks;
	count[NYX_STAT_READ_BYTES] += sum.read_bytes;
	count[NYX_STAT_WRITE_BYTES] += sum.write_bytes;
}

/* The next view by id, with a reference, or NULL. */
static struct nyx_view *get_next(struct nyx_unit *unit, unsigned long *id)
{
	struct nyx_view *view;

	rcu_read_lock();
	for (;;) {
		view = xa_find(&unit->views.list, id, ULONG_MAX, XA_PRESENT);
		if (!view || kref_get_unless_zero(&view->ref))
			break;
		++*id;
	}
	rcu_read_unlock();
	return view;
}

bool nyx_view_next(struct nyx_unit *unit, unsigned long id, struct nyx_view_info *info)
{
	struct nyx_view *view = get_next(unit, &id);
	struct nyx_view_counts sum = {};

	if (!view)
		return false;
	sum_slots(view, &sum);
	memset(info, 0, sizeof(*info));
	info->view_id = view->id;
	info->flags = READ_ONCE(view->cut) ? NYX_VIEW_F_CUT : 0;
	info->pid = pid_vnr(view->pid);
	info->nr_slots = view->nr_slots;
	info->nr_holds = view->nr_holds;
	info->hits = sum.hits;
	info->misses = sum.misses;
	info->walks = sum.walks;
	memcpy(info->name, view->name, sizeof(info->name));
	view_put(view);
	return true;
}

/* ---- cutting off -------------------------------------------------------- */

/**
 * struct view_wait - a wait for the views of a unit
 * @unit: the unit
 * @wants: of nyx_views_wait()
 * @arg: of nyx_views_wait()
 * @phase: of sections and holds that began after what the wait is for
 * @until: when its time is over, as ktime_get_ns()
 * @view: the view that is looked at
 * @part: of enum nyx_view_part: which of its words
 * @index: index of the word
 */
struct view_wait {
	struct nyx_unit *unit;
	nyx_view_wants_fn *wants;
	const void *arg;
	u64 phase;
	u64 until;
	struct nyx_view *view;
	u32 part;
	u32 index;
};

/* Quarantine the device that user space names by an index. Returns it, or NYX_SBDF_ANY. */
static u32 quarantine(struct nyx_unit *unit, u32 index)
{
	struct nyx_device *dev;
	u32 sbdf = NYX_SBDF_ANY;

	mutex_lock(&unit->lock);
	rcu_read_lock();
	dev = xa_load(&unit->window.devs, index);
	if (dev && xa_load(&unit->devices, dev->sbdf) != dev)
		dev = NULL;
	rcu_read_unlock();
	/* A device that commands find stays while the lock is held. */
	if (dev) {
		sbdf = dev->sbdf;
		nyx_tracker_quarantine(unit, dev, NYX_STATE_BY_VIEW);
	}
	mutex_unlock(&unit->lock);
	return sbdf;
}

static u32 holds_used(const struct nyx_view *view)
{
	return min(READ_ONCE(view->ctl->holds_used), view->nr_holds);
}

/* No wait protects from what the view uses now: quarantine all devices that it names. */
static void quarantine_all(const struct view_wait *w)
{
	struct nyx_view *view = w->view;
	u32 i;

	for (i = 0; i < view->nr_slots; i++) {
		if (READ_ONCE(view->slots[i].seq) & 1)
			quarantine(w->unit, READ_ONCE(view->slots[i].dev));
	}
	for (i = 0; i < holds_used(view); i++) {
		if (READ_ONCE(view->holds[i].seq) & 1)
			quarantine(w->unit, READ_ONCE(view->holds[i].dev));
		cond_resched();
	}
}

static void hold_pages(const struct nyx_view_hold *hold, u64 *first, u64 *last)
{
	*first = min_t(u64, READ_ONCE(hold->first), NYX_LAST_PAGE);
	*last = min_t(u64, *first + READ_ONCE(hold->nr), NYX_LAST_PAGE);
}

static void describe(const struct view_wait *w, struct nyx_event_view *event)
{
	const struct nyx_view *view = w->view;
	const struct nyx_view_hold *hold;
	struct nyx_domain *dom;
	u64 first, last;
	u32 dev;

	event->view_id = view->id;
	event->pid = pid_nr_ns(view->pid, w->unit->pid_ns);
	memcpy(event->name, view->name, sizeof(event->name));
	event->part = w->part;
	event->index = w->index;
	event->pasid = NYX_PASID_NONE;
	event->last = U64_MAX;
	if (w->part == NYX_VIEW_SLOT) {
		dev = READ_ONCE(view->slots[w->index].dev);
	} else {
		hold = &view->holds[w->index];
		dev = READ_ONCE(hold->dev);
		hold_pages(hold, &first, &last);
		event->iova = first << NYX_PAGE_LG2;
		event->last = last << NYX_PAGE_LG2 | NYX_PAGE_MASK;
		rcu_read_lock();
		dom = xa_load(&w->unit->window.doms, READ_ONCE(hold->dom));
		event->domain_id = dom ? dom->id : 0;
		rcu_read_unlock();
	}
	event->sbdf = quarantine(w->unit, dev);
}

/* Let no wait look at the view any more, and say so. */
static void cut_off(const struct view_wait *w)
{
	struct nyx_event event = { .type = NYX_EVENT_VIEW };
	struct nyx_view *view = w->view;
	u32 i;

	describe(w, &event.view);
	for (i = 0; i < view->nr_slots; i++)
		WRITE_ONCE(view->slots[i].cut, 1);
	/*
	 * A thread that enters a slot sees that it is cut off, or quarantine_all() sees the
	 * section: pairs with the barrier of a reader that enters.
	 */
	smp_mb();
	quarantine_all(w);
	/* Waits pass the view by after all that: a full barrier. Two waits may be here. */
	if (!xchg(&view->cut, 1))
		nyx_events_push(w->unit->events, &event);
}

/* ---- waits -------------------------------------------------------------- */

/* No thread has the view: pairs with the release by slots_close() of chr/ioctl_view.c. */
static bool is_unmapped(const struct nyx_view *view)
{
	return !atomic_read_acquire(&view->nr_vmas);
}

/* The view's file is closed, which a request that outlives its process may have kept open. */
static bool is_closed(const struct nyx_view *view)
{
	/* Acquire: pairs with nyx_view_close(). */
	return smp_load_acquire(&view->closed);
}

/* Sleep between two looks at a word; *ns grows. */
static void doze(u64 *ns)
{
	ktime_t delay = ns_to_ktime(*ns);

	__set_current_state(TASK_KILLABLE);
	schedule_hrtimeout_range(&delay, *ns / 4, HRTIMER_MODE_REL);
	*ns = min_t(u64, 2 * *ns, SLEEP_MAX_NS);
}

/* The count that a wait looks at. */
static u64 count_of(const struct view_wait *w)
{
	if (w->part == NYX_VIEW_HOLD) {
		/* Acquire: accesses of the request come before anything is freed. */
		return smp_load_acquire(&w->view->holds[w->index].seq);
	}
	/* Acquire: accesses of the section come before anything is freed. */
	return smp_load_acquire(&w->view->slots[w->index].seq);
}

/* Has the last thread, or the last request, left that could change the word? */
static bool is_left(const struct view_wait *w)
{
	return w->part == NYX_VIEW_HOLD ? is_closed(w->view) : is_unmapped(w->view);
}

/* Wait until a count is no longer @seq, which the wait has seen first. */
static int wait_for_change(const struct view_wait *w, u64 seq)
{
	unsigned int looks = LOOKS;
	u64 ns = SLEEP_MIN_NS;

	while (count_of(w) == seq) {
		if (is_left(w))
			return 0;
		/* Another wait has cut the view off, which this one has seen inside. */
		if (READ_ONCE(w->view->cut))
			return -ETIMEDOUT;
		if (looks) {
			looks--;
			cpu_relax();
			continue;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		if (ktime_get_ns() > w->until) {
			cut_off(w);
			return -ETIMEDOUT;
		}
		doze(&ns);
	}
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* Did the section, or that of the hold, begin after what the wait is for? */
static bool is_later(const struct view_wait *w, u64 phase)
{
	return (s64)(phase - w->phase) >= 0;
}

static int wait_slots(struct view_wait *w)
{
	struct nyx_view *view = w->view;
	int ret;
	u64 seq;

	if (is_unmapped(view))
		return 0;
	w->part = NYX_VIEW_SLOT;
	for (w->index = 0; w->index < view->nr_slots; w->index++) {
		seq = count_of(w);
		if (likely(!(seq & 1)))
			continue;
		/* Acquire: a later phase says that the section before is over. */
		if (is_later(w, smp_load_acquire(&view->slots[w->index].phase)))
			continue;
		ret = wait_for_change(w, seq);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Is a hold in use that is in the way? A hold whose count has changed behind the other fields
 * was released; one that was taken in its place is of a section that began after the change.
 */
static bool is_wanted(const struct view_wait *w, u64 seq)
{
	const struct nyx_view_hold *hold = &w->view->holds[w->index];
	u64 first, last, phase = READ_ONCE(hold->phase);
	u32 index = READ_ONCE(hold->dom);
	struct nyx_domain *dom;
	bool wanted;

	hold_pages(hold, &first, &last);
	/* The fields before the count: pairs with the release fence of nyx_hold_take(). */
	smp_rmb();
	if (count_of(w) != seq || is_later(w, phase))
		return false;
	rcu_read_lock();
	dom = xa_load(&w->unit->window.doms, index);
	wanted = dom && w->wants(w->arg, dom, first, last);
	rcu_read_unlock();
	return wanted;
}

static int wait_holds(struct view_wait *w)
{
	u32 nr = holds_used(w->view);
	int ret;
	u64 seq;

	w->part = NYX_VIEW_HOLD;
	for (w->index = 0; w->index < nr; w->index++) {
		seq = count_of(w);
		if ((seq & 1) && is_wanted(w, seq)) {
			ret = wait_for_change(w, seq);
			if (ret)
				return ret;
		}
		if (w->index % 1024 == 1023)
			cond_resched();
	}
	return 0;
}

static noinline int wait_views(struct view_wait *w)
{
	unsigned long id;
	int ret = 0, err;

	w->phase = nyx_window_next_phase(&w->unit->window);
	w->until = ktime_get_ns() + (u64)w->unit->cfg.view_timeout_ms * NSEC_PER_MSEC;
	for (id = 1; (w->view = get_next(w->unit, &id)); id++) {
		err = 0;
		if (!READ_ONCE(w->view->cut))
			err = wait_slots(w) ?: wait_holds(w);
		view_put(w->view);
		if (err == -EINTR)
			return err;
		if (err)
			ret = err;
		cond_resched();
	}
	return ret;
}

int nyx_views_wait(struct nyx_unit *unit, nyx_view_wants_fn *wants, const void *arg)
{
	struct view_wait w = { .unit = unit, .wants = wants, .arg = arg };

	/* A view that is missed here begins later: pairs with view_publish(). */
	return likely(!READ_ONCE(unit->views.nr)) ? 0 : wait_views(&w);
}
