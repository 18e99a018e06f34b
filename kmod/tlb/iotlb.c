// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the translation cache.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "tlb/iotlb.h"

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/vmalloc.h>

#include "base/export.h"
#include "base/types.h"

/* Bits of a word that the cache leaves as they are */
#define OWNER_BITS	((1ull << IOTLB_TAG_SHIFT) - 1 - IOTLB_CLASSES)

/* A page is 4K at least, which leaves the low bits of its address free. */
static u64 make_val(u64 oa, unsigned int lg2, unsigned int perm)
{
	return (oa & ~nyx_lg2_last(lg2)) | (perm & 0x7) << 6 | lg2;
}

/*
 * Whole pages, which hold nothing else, so that a process may map them; of the direct map
 * if there are any, whose large pages spare each lookup a miss of the CPU's TLB.
 */
static struct iotlb_set *alloc_sets(size_t size)
{
	void *sets = alloc_pages_exact(size, GFP_CALLER | __GFP_ZERO | __GFP_NORETRY);

	return sets ?: __vmalloc(size, GFP_CALLER | __GFP_ZERO);
}

int iotlb_init(struct iotlb *tlb, unsigned int entries)
{
	atomic64_set(&tlb->next_tag, 0);
	tlb->sets = NULL;
	tlb->nr_sets = 0;
	tlb->shift = 63;
	if (!entries)
		return 0;
	if (entries > IOTLB_MAX_ENTRIES)
		return -EINVAL;

	/* Two sets at least: the hash is a shift by less than 64. */
	entries = roundup_pow_of_two(max(entries, 2 * IOTLB_WAYS));
	tlb->nr_sets = entries / IOTLB_WAYS;
	tlb->shift = 64 - ilog2(tlb->nr_sets);
	tlb->sets = alloc_sets(iotlb_size(tlb));
	if (!tlb->sets)
		return -ENOMEM;
	return 0;
}

void iotlb_fini(struct iotlb *tlb)
{
	if (is_vmalloc_addr(tlb->sets))
		vfree(tlb->sets);
	else if (tlb->sets)
		free_pages_exact(tlb->sets, iotlb_size(tlb));
	tlb->sets = NULL;
}

static u64 new_tag(struct iotlb *tlb)
{
	return atomic64_inc_return(&tlb->next_tag);
}

/* Give a space a tag that it never had, and no classes. */
static void set_tag(struct iotlb_space *space, u64 tag)
{
	u64 word = READ_ONCE(*space->word), old;

	for (;;) {
		old = cmpxchg(space->word, word,
			      (word & OWNER_BITS) | tag << IOTLB_TAG_SHIFT);
		if (old == word)
			break;
		word = old;
	}
}

void iotlb_space_init(struct iotlb *tlb, struct iotlb_space *space, u64 *word)
{
	space->word = word;
	space->invs = 0;
	set_tag(space, new_tag(tlb));
}

/*
 * Own an entry. On success its count is odd, which readers see before any of
 * the writes that follow (the cmpxchg is a full barrier; pairs with the two
 * looks at the count in iotlb_lookup()). Preemption is off until entry_unlock().
 */
static bool entry_lock(struct iotlb_entry *e, u32 *seq)
{
	*seq = READ_ONCE(e->seq);
	return !(*seq & 1) && cmpxchg(&e->seq, *seq, *seq + 1) == *seq;
}

static void entry_unlock(struct iotlb_entry *e, u32 seq)
{
	/* The entry before its count: pairs with iotlb_lookup(). */
	smp_store_release(&e->seq, seq + 2);
}

static bool holds(const struct iotlb_entry *e, u64 key, u64 tag)
{
	return READ_ONCE(e->key) == key && READ_ONCE(e->tag) == tag;
}

/*
 * Choose the entry to overwrite: the same page's (at home first, as lookups do, if two fills
 * have made two), an empty one, the page's home if that is of another tag, which may be an old
 * one, or any.
 */
static struct iotlb_entry *pick_way(struct iotlb *tlb, u64 key, u64 tag)
{
	struct iotlb_entry *home = iotlb_home(tlb, key, tag), *e;
	struct iotlb_set *set = iotlb_set(tlb, key, tag);
	unsigned int found;
	u32 age = 0;

	if (holds(home, key, tag))
		return home;
	for (found = iotlb_ways(set, key); found; found &= found - 1) {
		e = &set->way[__builtin_ctz(found)];
		if (holds(e, key, tag))
			return e;
	}
	if (!READ_ONCE(home->key))
		return home;
	found = iotlb_ways(set, 0);
	if (found)
		return &set->way[__builtin_ctz(found)];
	/* The sum of the counts moves on with every replacement. */
	for (e = set->way; e < set->way + IOTLB_WAYS; e++)
		age += READ_ONCE(e->seq) / 2;
	if (READ_ONCE(home->tag) == tag)
		return &set->way[age % IOTLB_WAYS];
	/* Not each time: pages of two tags with one home would replace each other for ever. */
	return age % 4 ? home : &set->way[age / 4 % IOTLB_WAYS];
}

/* Say that a space may have entries of a class, unless it has another tag by now. */
static bool set_class(struct iotlb_space *space, u64 tag, u64 class)
{
	u64 word = READ_ONCE(*space->word), old;

	while (word >> IOTLB_TAG_SHIFT == tag) {
		if (word & class)
			return true;
		old = cmpxchg(space->word, word, word | class);
		if (old == word)
			return true;
		word = old;
	}
	return false;
}

void iotlb_fill(struct iotlb *tlb, struct iotlb_space *space,
		const struct iotlb_snap *snap, const struct iotlb_page *page)
{
	unsigned int class;
	struct iotlb_entry *e;
	u64 key;
	u32 seq;

	if (!tlb->sets)
		return;
	class = page->lg2 >= iotlb_class_lg2(IOTLB_1G) ? IOTLB_1G :
		page->lg2 >= iotlb_class_lg2(IOTLB_2M) ? IOTLB_2M : IOTLB_4K;
	key = iotlb_key(page->va, class);

	/*
	 * Set the class bit before entry_lock(), which is the barrier; see the head
	 * of iotlb.h.
	 */
	if (!set_class(space, snap->tag, IOTLB_CLASS(class)))
		return;

	preempt_disable();
	e = pick_way(tlb, key, snap->tag);
	if (entry_lock(e, &seq)) {
		if (READ_ONCE(space->invs) == snap->invs &&
		    iotlb_tag(space) == snap->tag) {
			WRITE_ONCE(e->key, key);
			WRITE_ONCE(e->tag, snap->tag);
			WRITE_ONCE(e->val, make_val(page->oa, page->lg2, page->perm));
			WRITE_ONCE(e->hint, page->hint);
		}
		entry_unlock(e, seq);
	}
	preempt_enable();
}

/* Empty the entries of a set that hold a page. */
static void kill_key(struct iotlb_set *set, u64 key, u64 tag)
{
	struct iotlb_entry *e;

	for (e = set->way; e < set->way + IOTLB_WAYS; e++) {
		u32 seq;

		for (;;) {
			/*
			 * An entry that is neither this page's nor being
			 * written does not become this page's: a fill that
			 * begins now sees the new count.
			 */
			seq = smp_load_acquire(&e->seq);
			if (!(seq & 1)) {
				if (READ_ONCE(e->key) != key ||
				    READ_ONCE(e->tag) != tag)
					break;
				preempt_disable();
				if (cmpxchg(&e->seq, seq, seq + 1) == seq) {
					WRITE_ONCE(e->key, 0);
					entry_unlock(e, seq);
					preempt_enable();
					break;
				}
				preempt_enable();
			}
			cpu_relax();
		}
	}
}

/* From here on a fill that began before is dropped. */
static void count_invalidation(struct iotlb_space *space)
{
	/* The table has changed before the count: pairs with iotlb_begin(). */
	smp_wmb();
	WRITE_ONCE(space->invs, space->invs + 1);
}

void iotlb_flush(struct iotlb *tlb, struct iotlb_space *space)
{
	count_invalidation(space);
	/*
	 * The cmpxchg() is a full barrier: the tag is new before the caller waits for
	 * accesses in flight.
	 */
	set_tag(space, new_tag(tlb));
}

bool iotlb_invalidate(struct iotlb *tlb, struct iotlb_space *space, u64 va,
		      u64 last)
{
	u64 first, nr, word, tag, pages = 0;
	unsigned int class;

	count_invalidation(space);
	/* Count, then look for entries: pairs with entry_lock() in iotlb_fill(). */
	smp_mb();
	if (!tlb->sets)
		return false;

	word = READ_ONCE(*space->word);
	tag = word >> IOTLB_TAG_SHIFT;
	for (class = 0; class < IOTLB_NR_CLASSES; class++) {
		unsigned int lg2 = iotlb_class_lg2(class);

		if (word & IOTLB_CLASS(class))
			pages += (last >> lg2) - (va >> lg2) + 1;
	}
	if (pages > IOTLB_RANGE_MAX) {
		iotlb_flush(tlb, space);
		return true;
	}

	for (class = 0; class < IOTLB_NR_CLASSES; class++) {
		unsigned int lg2 = iotlb_class_lg2(class);

		if (!(word & IOTLB_CLASS(class)))
			continue;
		first = va >> lg2;
		for (nr = (last >> lg2) - first + 1; nr; nr--, first++) {
			u64 key = first << 2 | (class + 1);

			kill_key(iotlb_set(tlb, key, tag), key, tag);
		}
	}
	return false;
}

void iotlb_count(const struct iotlb *tlb, const struct iotlb_space *space,
		 unsigned int count[IOTLB_NR_CLASSES])
{
	u64 tag = iotlb_tag(space);
	unsigned int i, way;

	for (i = 0; i < IOTLB_NR_CLASSES; i++)
		count[i] = 0;
	for (i = 0; i < tlb->nr_sets; i++) {
		for (way = 0; way < IOTLB_WAYS; way++) {
			const struct iotlb_entry *e = &tlb->sets[i].way[way];
			u64 key = READ_ONCE(e->key);

			if ((key & 3) && READ_ONCE(e->tag) == tag)
				count[(key & 3) - 1]++;
		}
	}
}

NYX_EXPORT_FOR_TEST(iotlb_init);
NYX_EXPORT_FOR_TEST(iotlb_fini);
NYX_EXPORT_FOR_TEST(iotlb_space_init);
NYX_EXPORT_FOR_TEST(iotlb_fill);
NYX_EXPORT_FOR_TEST(iotlb_flush);
NYX_EXPORT_FOR_TEST(iotlb_invalidate);
NYX_EXPORT_FOR_TEST(iotlb_count);
