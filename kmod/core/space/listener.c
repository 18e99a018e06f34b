// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: listeners: holders of copies of translations, outside of the module.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/space/listener.h"

#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/nyx_iommu.h>
#include <linux/sched.h>

#include "base/export.h"

void nyx_listeners_init(struct nyx_listeners *ls)
{
	spin_lock_init(&ls->lock);
	INIT_LIST_HEAD(&ls->list);
	init_waitqueue_head(&ls->wq);
	init_waitqueue_head(&ls->readers);
}

/* nyx_listener_take() has something to take. */
static void announce_locked(struct nyx_listener *l)
{
	if (l->marked && list_empty(&l->marked_link))
		list_add_tail(&l->marked_link, l->marked);
}

/* Note a post of which the listener was marked. Returns true if its reader has to be woken. */
static bool mark_locked(struct nyx_listener *l, u64 number)
{
	l->last = number;
	l->first = l->first ?: number;
	return l->ops->sleeps(l);
}

void nyx_listener_add(struct nyx_listeners *ls, struct nyx_listener *l)
{
	l->ranges = NYX_RANGES_ALL;
	l->context = true;
	INIT_LIST_HEAD(&l->marked_link);
	spin_lock(&ls->lock);
	list_add_tail(&l->link, &ls->list);
	announce_locked(l);
	mark_locked(l, ++ls->posted);
	spin_unlock(&ls->lock);
	wake_up_all(&ls->readers);
}

void nyx_listener_remove(struct nyx_listeners *ls, struct nyx_listener *l)
{
	spin_lock(&ls->lock);
	list_del_init(&l->link);
	list_del_init(&l->marked_link);
	l->first = 0;
	l->dom = NULL;
	spin_unlock(&ls->lock);
	wake_up_all(&ls->wq);
}

bool nyx_listener_follow(struct nyx_listeners *ls, struct nyx_listener *l,
			 struct nyx_domain *dom, u64 *number)
{
	bool same;

	spin_lock(&ls->lock);
	same = l->dom == dom;
	l->dom = dom;
	/* Posts of the old domain mark it no more: waits still wait for what it does now. */
	if (!same && !l->first) {
		mark_locked(l, ++ls->posted);
		*number = l->last;
	}
	spin_unlock(&ls->lock);
	return same;
}

u64 nyx_listener_take(struct nyx_listeners *ls, struct nyx_listener *l,
		      struct nyx_ranges *ranges, bool *context, bool *late)
{
	u64 number;

	spin_lock(&ls->lock);
	list_del_init(&l->marked_link);
	nyx_ranges_merge(ranges, &l->ranges);
	l->ranges.nr = 0;
	*context |= l->context;
	l->context = false;
	*late = l->late;
	l->late = false;
	/* Waits wait until it has emptied its copy. */
	if (*late && !l->first)
		mark_locked(l, ++ls->posted);
	number = l->first ? l->last : 0;
	spin_unlock(&ls->lock);
	return number;
}

void nyx_listener_ack(struct nyx_listeners *ls, struct nyx_listener *l, u64 number)
{
	spin_lock(&ls->lock);
	if (l->first && l->first <= number) {
		l->first = l->last <= number ? 0 : number + 1;
		l->waited_ns = 0;
	}
	spin_unlock(&ls->lock);
	wake_up_all(&ls->wq);
}

bool nyx_listener_is_behind(struct nyx_listeners *ls, struct nyx_listener *l, u64 number)
{
	bool behind;

	spin_lock(&ls->lock);
	behind = l->first && l->first <= number;
	spin_unlock(&ls->lock);
	return behind;
}

static void cut_locked(struct nyx_listeners *ls, struct nyx_listener *l)
{
	l->late = true;
	announce_locked(l);
	l->cut = l->last;
	l->first = 0;
	l->waited_ns = 0;
	ls->cuts++;
}

int nyx_listener_waited(struct nyx_listeners *ls, struct nyx_listener *l, u64 number,
			u64 *first, u64 *since_ns)
{
	bool cut = false;
	int ret = 0;

	spin_lock(&ls->lock);
	if (l->first && l->first <= number) {
		*first = *first ?: l->first;
		l->waited_ns = l->waited_ns ?: ktime_get_ns();
		*since_ns = l->waited_ns;
		ret = -EINPROGRESS;
		cut = l->late;
		if (cut)
			cut_locked(ls, l);
	}
	if (*first && l->cut >= *first)
		ret = -ETIMEDOUT;
	spin_unlock(&ls->lock);
	if (cut) {
		wake_up_all(&ls->wq);
		wake_up_all(&ls->readers);
	}
	return ret;
}

void nyx_listener_cut(struct nyx_listeners *ls, struct nyx_listener *l)
{
	spin_lock(&ls->lock);
	if (l->first)
		cut_locked(ls, l);
	spin_unlock(&ls->lock);
	wake_up_all(&ls->wq);
	wake_up_all(&ls->readers);
}

void nyx_listeners_post(struct nyx_listeners *ls, struct nyx_domain *dom, u64 first,
			u64 last)
{
	struct nyx_listener *l;
	bool wake = false;
	u64 number = 0;

	spin_lock(&ls->lock);
	list_for_each_entry(l, &ls->list, link) {
		if (l->dom != dom)
			continue;
		number = number ?: ++ls->posted;
		nyx_ranges_add(&l->ranges, first, last);
		announce_locked(l);
		wake |= mark_locked(l, number);
	}
	spin_unlock(&ls->lock);
	if (wake)
		wake_up_all(&ls->readers);
}

void nyx_listeners_post_device(struct nyx_listeners *ls, u32 sbdf)
{
	struct nyx_listener *l;
	bool wake = false;
	u64 number = 0;

	spin_lock(&ls->lock);
	list_for_each_entry(l, &ls->list, link) {
		if (!l->is_device || (sbdf != NYX_SBDF_ANY && sbdf != l->sbdf))
			continue;
		number = number ?: ++ls->posted;
		l->context = true;
		announce_locked(l);
		wake |= mark_locked(l, number);
	}
	spin_unlock(&ls->lock);
	if (wake)
		wake_up_all(&ls->readers);
}

void nyx_listeners_post_all(struct nyx_listeners *ls)
{
	struct nyx_listener *l;
	bool wake = false;

	spin_lock(&ls->lock);
	ls->posted++;
	list_for_each_entry(l, &ls->list, link) {
		l->ranges = NYX_RANGES_ALL;
		announce_locked(l);
		wake |= mark_locked(l, ls->posted);
	}
	spin_unlock(&ls->lock);
	if (wake)
		wake_up_all(&ls->readers);
}

void nyx_listeners_forget(struct nyx_listeners *ls, const struct nyx_domain *dom)
{
	struct nyx_listener *l;

	spin_lock(&ls->lock);
	list_for_each_entry(l, &ls->list, link) {
		if (l->dom == dom)
			l->dom = NULL;
	}
	spin_unlock(&ls->lock);
}

void nyx_listeners_count_cut(struct nyx_listeners *ls)
{
	spin_lock(&ls->lock);
	ls->cuts++;
	spin_unlock(&ls->lock);
}

/* A listener that has not acknowledged a post up to @number, with a reference, or NULL. */
static struct nyx_listener *get_behind(struct nyx_listeners *ls, u64 number)
{
	struct nyx_listener *l, *found = NULL;

	spin_lock(&ls->lock);
	list_for_each_entry(l, &ls->list, link) {
		if (l->first && l->first <= number) {
			l->ops->get(l);
			found = l;
			break;
		}
	}
	spin_unlock(&ls->lock);
	return found;
}

int nyx_listeners_wait(struct nyx_listeners *ls)
{
	struct nyx_listener *l;
	int ret = 0, err;
	u64 number;

	if (likely(list_empty(&ls->list)))
		return 0;
	spin_lock(&ls->lock);
	number = ls->posted;
	spin_unlock(&ls->lock);
	while ((l = get_behind(ls, number))) {
		err = l->ops->wait(l, number);
		l->ops->put(l);
		if (err && err != -ETIMEDOUT)
			return err;
		ret = ret ?: err;
	}
	return ret;
}

NYX_EXPORT_FOR_TEST(nyx_listener_add);
NYX_EXPORT_FOR_TEST(nyx_listener_remove);
NYX_EXPORT_FOR_TEST(nyx_listener_follow);
NYX_EXPORT_FOR_TEST(nyx_listener_take);
NYX_EXPORT_FOR_TEST(nyx_listener_ack);
NYX_EXPORT_FOR_TEST(nyx_listener_is_behind);
