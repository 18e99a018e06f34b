/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx host build: a window, whose cache is the kernel's, and a view of it.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The reader is that of libnyx. Under ThreadSanitizer, and where each access is a step, its
 * accesses are those of the kernel's code.
 */
#ifndef NYX_HOST_VIEW_WORLD_H
#define NYX_HOST_VIEW_WORLD_H

#include <linux/build_bug.h>
#include <linux/string.h>
#include <linux/types.h>

#include "tlb/epoch.h"
#include "tlb/iotlb.h"

#if defined(NYX_HOST_STEP) || defined(NYX_HOST_TSAN)
#define NYX_VIEW_ATOMICS
#define nyx__read64(p)			READ_ONCE(*(p))
#define nyx__read32(p)			READ_ONCE(*(p))
#define nyx__read64_acquire(p)		smp_load_acquire(p)
#define nyx__read32_acquire(p)		smp_load_acquire(p)
#define nyx__write64(p, v)		WRITE_ONCE(*(p), v)
#define nyx__write32(p, v)		WRITE_ONCE(*(p), v)
#define nyx__write64_release(p, v)	smp_store_release(p, v)
#define nyx__write32_release(p, v)	smp_store_release(p, v)
#define nyx__write64_mb(p, v)		((void)xchg(p, v))
#define nyx__read_barrier()		smp_rmb()
#define nyx__write_barrier()		smp_wmb()
#endif
#include <nyx/view_reader.h>

static_assert(sizeof(struct nyx_window_entry) == sizeof(struct iotlb_entry));
static_assert(offsetof(struct nyx_window_entry, key) == offsetof(struct iotlb_entry, key));
static_assert(offsetof(struct nyx_window_entry, tag) == offsetof(struct iotlb_entry, tag));
static_assert(offsetof(struct nyx_window_entry, val) == offsetof(struct iotlb_entry, val));
static_assert(offsetof(struct nyx_window_entry, seq) == offsetof(struct iotlb_entry, seq));
static_assert(NYX_WINDOW_WAYS == IOTLB_WAYS);
static_assert(NYX_WINDOW_DOM_CLASS_SHIFT == IOTLB_CLASS_SHIFT);
static_assert(NYX_WINDOW_DOM_TAG_SHIFT == IOTLB_TAG_SHIFT);

#define VIEW_SLOTS	2u
#define VIEW_HOLDS	2u
#define VIEW_DEVS	64u
#define VIEW_DOMS	4u
/* The device and its domain; bits of the index must not be taken for those of the word. */
#define VIEW_DEV	15u
#define VIEW_DOM	3u
#define VIEW_SERIAL	7ull
#define VIEW_SBDF	0x108u

/**
 * struct view_world - a unit as a view sees it
 * @head: the window's head, of which the phase is used
 * @devs: device words
 * @doms: domain words
 * @tlb: the cache
 * @space: the domain's side of it
 * @epoch: the domain's readers in the kernel
 * @slots: of the view
 * @holds: of the view
 * @readers: one a slot
 */
struct view_world {
	struct nyx_window_head head;
	struct nyx_window_dev devs[VIEW_DEVS];
	struct nyx_window_dom doms[VIEW_DOMS];
	struct iotlb tlb;
	struct iotlb_space space;
	struct epoch epoch;
	struct nyx_view_slot slots[VIEW_SLOTS];
	struct nyx_view_hold holds[VIEW_HOLDS];
	struct nyx_view_reader readers[VIEW_SLOTS];
};

static inline u64 view_handle(void)
{
	return VIEW_SERIAL << NYX_WINDOW_DEV_SERIAL_SHIFT | VIEW_DEV;
}

/* Set the word of the device, with these bits of enum nyx_window_dev_bits. */
static inline void view_set_dev(struct view_world *w, u64 bits)
{
	WRITE_ONCE(w->devs[VIEW_DEV].word, VIEW_SERIAL << NYX_WINDOW_DEV_SERIAL_SHIFT |
					   VIEW_DOM << NYX_WINDOW_DEV_DOMAIN_SHIFT | bits);
}

/* Set bits of the domain's word, beside tag and classes. */
static inline void view_set_dom(struct view_world *w, u64 bits)
{
	u64 *word = w->space.word;

	WRITE_ONCE(*word, (READ_ONCE(*word) & -(1ull << NYX_WINDOW_DOM_CLASS_SHIFT)) | bits);
}

/* Begin anew, with an empty cache. */
static inline void view_reset(struct view_world *w)
{
	unsigned int i;

	memset(&w->head, 0, sizeof(w->head));
	memset(w->devs, 0, sizeof(w->devs));
	memset(w->doms, 0, sizeof(w->doms));
	memset(w->slots, 0, sizeof(w->slots));
	memset(w->holds, 0, sizeof(w->holds));
	memset(w->tlb.sets, 0, w->tlb.nr_sets * sizeof(*w->tlb.sets));
	atomic64_set(&w->tlb.next_tag, 0);
	iotlb_space_init(&w->tlb, &w->space, &w->doms[VIEW_DOM].word);
	w->devs[VIEW_DEV].sbdf = VIEW_SBDF;
	w->devs[VIEW_DEV].pasid = NYX_PASID_NONE;
	view_set_dom(w, NYX_WINDOW_DOM_LIVE);
	view_set_dev(w, NYX_WINDOW_DEV_LIVE | NYX_WINDOW_DEV_READ | NYX_WINDOW_DEV_WRITE);
	for (i = 0; i < VIEW_SLOTS; i++)
		w->readers[i] = (struct nyx_view_reader) {
			.head = &w->head, .devs = w->devs, .doms = w->doms,
			.slot = &w->slots[i],
			.entries = (const struct nyx_window_entry *)w->tlb.sets,
			.set_shift = w->tlb.shift,
		};
}

static inline int view_init(struct view_world *w, unsigned int entries)
{
	int ret = iotlb_init(&w->tlb, entries);

	if (ret)
		return ret;
	ret = epoch_init(&w->epoch);
	if (ret)
		iotlb_fini(&w->tlb);
	else
		view_reset(w);
	return ret;
}

static inline void view_fini(struct view_world *w)
{
	epoch_fini(&w->epoch);
	iotlb_fini(&w->tlb);
}

/* The kernel's side of a fill, behind iotlb_begin(). */
static inline void view_fill(struct view_world *w, const struct iotlb_snap *snap, u64 va, u64 oa,
			     unsigned int lg2, unsigned int perm)
{
	iotlb_fill(&w->tlb, &w->space, snap, &(struct iotlb_page) {
			.va = va, .oa = oa, .lg2 = lg2, .perm = perm,
		});
}

static inline bool view_is_later(u64 phase, u64 than)
{
	return (s64)(phase - than) >= 0;
}

static inline void view_wait_slot(const struct nyx_view_slot *slot, u64 phase)
{
	u64 seq = smp_load_acquire(&slot->seq);

	/* Acquire: a later phase says that the section before is over. */
	if (!(seq & 1) || view_is_later(smp_load_acquire(&slot->phase), phase))
		return;
	while (smp_load_acquire(&slot->seq) == seq)
		cpu_relax();
}

static inline void view_wait_hold(const struct nyx_view_hold *hold, u64 phase, u32 dom, u64 first,
				  u64 last)
{
	u32 seq = smp_load_acquire(&hold->seq);
	bool ours;

	if (!(seq & 1))
		return;
	ours = READ_ONCE(hold->dom) == dom && READ_ONCE(hold->first) <= last &&
	       READ_ONCE(hold->first) + READ_ONCE(hold->nr) >= first &&
	       !view_is_later(READ_ONCE(hold->phase), phase);
	smp_rmb();
	if (!ours)
		return;
	while (smp_load_acquire(&hold->seq) == seq)
		cpu_relax();
}

/**
 * view_drain() - what the kernel waits for, behind its changes
 * @w: the world
 * @va: first address
 * @last: last address
 */
static inline void view_drain(struct view_world *w, u64 va, u64 last)
{
	u64 phase = w->head.phase + 1;
	unsigned int i;

	smp_mb();
	WRITE_ONCE(w->head.phase, phase);
	smp_mb();
	for (i = 0; i < VIEW_SLOTS; i++)
		view_wait_slot(&w->slots[i], phase);
	for (i = 0; i < VIEW_HOLDS; i++)
		view_wait_hold(&w->holds[i], phase, VIEW_DOM, va >> NYX_PAGE_LG2,
			       last >> NYX_PAGE_LG2);
	epoch_drain(&w->epoch);
}

#endif /* NYX_HOST_VIEW_WORLD_H */
