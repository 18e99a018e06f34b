/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the translation cache.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * One cache a unit, shared by its address spaces: sets of four entries, each
 * entry 32 bytes. An entry is found by the address at the granularity of its
 * class (4K, 2M, 1G: the largest that the page fills) and by the tag of its
 * address space. A tag is never used twice in the life of a cache, so that a
 * space is flushed by giving it a new one; entries with the old tag are never found
 * again, and are overwritten in time. A space knows which classes it may have entries of;
 * a lookup probes only those. Tag and classes are one word, so that a reader sees
 * them together; core/window/window.h shows that word, and the entries, to user space.
 *
 * Readers take no lock and write nothing. Each entry has a sequence count, odd
 * while it is written; a reader that meets one, or sees it change, has a miss.
 * Writers (fills, on any CPU, and invalidations) make the count odd by
 * cmpxchg; a fill that loses gives up, an invalidation waits the few
 * instructions.
 *
 * No entry may be filled after its translation was taken away. A filler notes
 * the space's tag and its count of invalidations (iotlb_begin()) before it
 * walks the table. When it owns the entry it looks again, and writes only if
 * neither has changed. The invalidation, after the table was changed, counts
 * up, then (full barrier) looks for entries. Either the filler sees the new
 * count, or the invalidation sees the entry, odd or filled. The same argument
 * covers the class bit, which a filler sets before it owns the entry, by a cmpxchg()
 * that fails if the tag has changed.
 */
#ifndef NYX_TLB_IOTLB_H
#define NYX_TLB_IOTLB_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/types.h>

#include "base/types.h"

#define IOTLB_WAYS		4u
#define IOTLB_MAX_ENTRIES	1048576u
/* A range of more pages than this is invalidated by flushing its space. */
#define IOTLB_RANGE_MAX		512u

/* Classes of page sizes, as bits of a space's word. */
enum iotlb_class {
	IOTLB_4K,
	IOTLB_2M,
	IOTLB_1G,
	IOTLB_NR_CLASSES,
};

/*
 * The word of a space: bits of its owner, the classes that it may have entries of, its
 * tag.
 */
#define IOTLB_CLASS_SHIFT	6
#define IOTLB_CLASS(class)	(1ull << (IOTLB_CLASS_SHIFT + (class)))
#define IOTLB_CLASSES		(7ull << IOTLB_CLASS_SHIFT)
#define IOTLB_TAG_SHIFT		12

/**
 * struct iotlb_entry - one cached translation
 * @key: page number at the granularity of the class, and the class; 0: empty
 * @tag: tag of the address space
 * @val: output address of the page, log2 of its size, permission
 * @hint: where the memory map found the output address
 * @seq: odd while the entry is written
 */
struct iotlb_entry {
	u64 key;
	u64 tag;
	u64 val;
	u32 hint;
	u32 seq;
};

/**
 * struct iotlb_set - entries that share a hash
 * @way: the entries
 */
struct iotlb_set {
	struct iotlb_entry way[IOTLB_WAYS];
} __aligned(sizeof(struct iotlb_entry) * IOTLB_WAYS);

/**
 * struct iotlb - the cache of a unit
 * @sets: the sets, or NULL: no cache
 * @shift: 64 - log2 of the number of sets; const after init
 * @nr_sets: number of sets; const after init
 * @next_tag: source of tags; not in the cache line of what each lookup reads
 */
struct iotlb {
	struct iotlb_set *sets;
	unsigned int shift;
	unsigned int nr_sets;
	atomic64_t next_tag ____cacheline_aligned_in_smp;
};

/**
 * struct iotlb_space - an address space's side of the cache
 * @word: its tag and classes, and bits of the owner, which changes them by cmpxchg()
 * @invs: count of invalidations
 *
 * Invalidations of a space are serialised by their caller.
 */
struct iotlb_space {
	u64 *word;
	u64 invs;
};

/**
 * struct iotlb_snap - a space as it was before a walk
 * @tag: its tag
 * @invs: its count of invalidations
 */
struct iotlb_snap {
	u64 tag;
	u64 invs;
};

/**
 * struct iotlb_page - a page as a table maps it
 * @va: an address in the page
 * @oa: the output address of that
 * @hint: index for the memory map
 * @perm: NYX_ACC_* that the page grants
 * @lg2: log2 of the size of the page
 */
struct iotlb_page {
	u64 va;
	u64 oa;
	u32 hint;
	u8 perm;
	u8 lg2;
};

/**
 * struct iotlb_hit - what a lookup found
 * @oa: output address of the byte that was asked for
 * @hint: as it was filled
 * @perm: NYX_ACC_*
 * @lg2: log2 of the size of the page, as it was filled
 * @valid_lg2: log2 of the part of the page that the entry speaks for: the
 *             granularity of its class. The rest of a page that is larger may
 *             have been unmapped since, without this entry's key in the range
 */
struct iotlb_hit {
	u64 oa;
	u32 hint;
	u8 perm;
	u8 lg2;
	u8 valid_lg2;
};

/**
 * iotlb_init() - make a cache
 * @tlb: the cache
 * @entries: wanted size, rounded up to a power of two of at least
 *           IOTLB_WAYS; 0: no cache
 *
 * Context: may sleep.
 * Return: 0, -EINVAL if it is too large, or -ENOMEM.
 */
int iotlb_init(struct iotlb *tlb, unsigned int entries);

/**
 * iotlb_fini() - free a cache
 * @tlb: the cache, without users
 */
void iotlb_fini(struct iotlb *tlb);

/**
 * iotlb_space_init() - prepare an address space
 * @tlb: the cache that it will use
 * @space: the space
 * @word: its word, whose bits below IOTLB_CLASS_SHIFT stay as they are
 */
void iotlb_space_init(struct iotlb *tlb, struct iotlb_space *space, u64 *word);

/**
 * iotlb_fill() - remember a translation
 * @tlb: the cache
 * @space: the space
 * @snap: the space as it was before the table was walked
 * @page: what to remember
 *
 * May do nothing: if the space was invalidated since, or the entry is busy.
 *
 * Context: any.
 */
void iotlb_fill(struct iotlb *tlb, struct iotlb_space *space,
		const struct iotlb_snap *snap, const struct iotlb_page *page);

/**
 * iotlb_invalidate() - forget a range of a space
 * @tlb: the cache
 * @space: the space
 * @va: first address
 * @last: last address
 *
 * A full barrier behind the change of the table, and behind the last entry that goes.
 *
 * Context: process; the caller serialises invalidations of the space. The table
 * was changed before.
 * Return: true if the whole space was flushed instead.
 */
bool iotlb_invalidate(struct iotlb *tlb, struct iotlb_space *space, u64 va,
		      u64 last);

/**
 * iotlb_flush() - forget everything of a space
 * @tlb: the cache
 * @space: the space
 *
 * Context: as iotlb_invalidate().
 */
void iotlb_flush(struct iotlb *tlb, struct iotlb_space *space);

/**
 * iotlb_count() - count the entries of a space, by class
 * @tlb: the cache
 * @space: the space
 * @count: entries by class
 *
 * Context: any; a snapshot for people.
 */
void iotlb_count(const struct iotlb *tlb, const struct iotlb_space *space,
		 unsigned int count[IOTLB_NR_CLASSES]);

/* Bytes of the sets, in whole pages. */
static inline size_t iotlb_size(const struct iotlb *tlb)
{
	return PAGE_ALIGN(tlb->nr_sets * sizeof(*tlb->sets));
}

/**
 * iotlb_class_lg2() - log2 of the granularity of a class
 * @class: of enum iotlb_class
 *
 * Return: 12, 21 or 30.
 */
static inline unsigned int iotlb_class_lg2(unsigned int class)
{
	return NYX_PAGE_LG2 + 9 * class;
}

/**
 * iotlb_holds_part() - does an entry speak for a part of its page only?
 * @lg2: log2 of the size of the page
 *
 * Return: true unless that is the granularity of a class.
 */
static inline bool iotlb_holds_part(unsigned int lg2)
{
	return lg2 != iotlb_class_lg2(IOTLB_4K) &&
	       lg2 != iotlb_class_lg2(IOTLB_2M) &&
	       lg2 != iotlb_class_lg2(IOTLB_1G);
}

static inline u64 iotlb_key(u64 va, unsigned int class)
{
	return (va >> iotlb_class_lg2(class)) << 2 | (class + 1);
}

static inline u64 iotlb_hash(u64 key, u64 tag)
{
	return (key + tag * 0x9e3779b97f4a7c15ull) * 0x278dde6e5fd29f05ull;
}

static inline struct iotlb_set *iotlb_set(const struct iotlb *tlb, u64 key,
					  u64 tag)
{
	return &tlb->sets[iotlb_hash(key, tag) >> tlb->shift];
}

/* The way of its set that a page is put into if that is empty, and is looked for in first. */
static inline struct iotlb_entry *iotlb_home(const struct iotlb *tlb, u64 key, u64 tag)
{
	/* Entries of neighbouring sets are neighbours, too. */
	static_assert(sizeof(struct iotlb_set) == IOTLB_WAYS * sizeof(struct iotlb_entry));
	return (struct iotlb_entry *)tlb->sets +
	       (iotlb_hash(key, tag) >> (tlb->shift - ilog2(IOTLB_WAYS)));
}

/* The tag of a space. */
static inline u64 iotlb_tag(const struct iotlb_space *space)
{
	return READ_ONCE(*space->word) >> IOTLB_TAG_SHIFT;
}

/**
 * iotlb_begin() - note the state of a space before its table is walked
 * @space: the space
 * @snap: for iotlb_fill()
 */
static inline void iotlb_begin(const struct iotlb_space *space,
			       struct iotlb_snap *snap)
{
	snap->invs = READ_ONCE(space->invs);
	snap->tag = iotlb_tag(space);
	/*
	 * The table is read after this. Pairs with the barrier between the
	 * change of the table and the count in iotlb_invalidate().
	 */
	smp_rmb();
}

/* Read an entry, if it holds a page. */
static __always_inline bool iotlb_read(const struct iotlb_entry *e, u64 key, u64 tag, u64 va,
				       unsigned int class, struct iotlb_hit *hit)
{
	u64 val, mask;
	u32 seq;

	/* Pairs with entry_unlock(). */
	seq = smp_load_acquire(&e->seq);
	if (unlikely(seq & 1) || READ_ONCE(e->key) != key || READ_ONCE(e->tag) != tag)
		return false;
	val = READ_ONCE(e->val);
	hit->hint = READ_ONCE(e->hint);
	/* Pairs with entry_lock(). */
	smp_rmb();
	if (unlikely(READ_ONCE(e->seq) != seq))
		return false;
	hit->lg2 = val & 0x3f;
	hit->perm = (val >> 6) & 0x7;
	hit->valid_lg2 = iotlb_class_lg2(class);
	mask = (1ull << hit->lg2) - 1;
	hit->oa = (val & ~mask) | (va & mask);
	return true;
}

/* The ways that have a key (0: those that are empty), as a mask: no branch to mispredict. */
static __always_inline unsigned int iotlb_ways(const struct iotlb_set *set, u64 key)
{
	const struct iotlb_entry *way = set->way;

	static_assert(IOTLB_WAYS == 4);
	return (READ_ONCE(way[0].key) == key) | (READ_ONCE(way[1].key) == key) << 1 |
	       (READ_ONCE(way[2].key) == key) << 2 | (READ_ONCE(way[3].key) == key) << 3;
}

/* Find a translation of one class, which the compiler knows. */
static __always_inline bool iotlb_probe(const struct iotlb *tlb, u64 tag, u64 va,
					unsigned int class, struct iotlb_hit *hit)
{
	u64 key = iotlb_key(va, class);
	const struct iotlb_set *set = iotlb_set(tlb, key, tag);
	unsigned int found;

	/* Most pages are at home: the processor predicts it, and goes on with the entry. */
	if (likely(iotlb_read(iotlb_home(tlb, key, tag), key, tag, va, class, hit)))
		return true;
	for (found = iotlb_ways(set, key); found; found &= found - 1) {
		if (iotlb_read(&set->way[__builtin_ctz(found)], key, tag, va, class, hit))
			return true;
	}
	return false;
}

/**
 * iotlb_lookup() - find a translation
 * @tlb: the cache, which exists
 * @space: the space
 * @va: the address
 * @hit: set if there is one
 *
 * Context: any.
 * Return: true if there is one.
 */
static inline bool iotlb_lookup(const struct iotlb *tlb,
				const struct iotlb_space *space, u64 va,
				struct iotlb_hit *hit)
{
	u64 word = READ_ONCE(*space->word), tag = word >> IOTLB_TAG_SHIFT;

	return ((word & IOTLB_CLASS(IOTLB_4K)) &&
		iotlb_probe(tlb, tag, va, IOTLB_4K, hit)) ||
	       ((word & IOTLB_CLASS(IOTLB_2M)) &&
		iotlb_probe(tlb, tag, va, IOTLB_2M, hit)) ||
	       ((word & IOTLB_CLASS(IOTLB_1G)) &&
		iotlb_probe(tlb, tag, va, IOTLB_1G, hit));
}

#endif /* NYX_TLB_IOTLB_H */
