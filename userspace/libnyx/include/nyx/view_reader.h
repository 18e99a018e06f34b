/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnyx: the reader of a window.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The code that <nyx/view.h> is made of, without system calls and without state: it is given
 * pointers into the two areas of a view, see "The window" of <linux/nyx_iommu.h>. A program
 * that has <nyx/view.h> needs nothing of this file.
 *
 * The letters in brackets are those of barriers in Documentation/design/window.rst. Words are
 * read once each. An address that is made from a word that was read is a dependency, which
 * orders the two loads.
 */
#ifndef NYX_VIEW_READER_H
#define NYX_VIEW_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/nyx_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The host suites have functions of their own, which make each access a step. __inline__, as
 * the headers of libnyx are C90.
 */
#ifndef NYX_VIEW_ATOMICS
static __inline__ uint64_t nyx__read64(const __u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static __inline__ uint32_t nyx__read32(const __u32 *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static __inline__ uint64_t nyx__read64_acquire(const __u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static __inline__ uint32_t nyx__read32_acquire(const __u32 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static __inline__ void nyx__write64(__u64 *p, uint64_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELAXED);
}

static __inline__ void nyx__write32(__u32 *p, uint32_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELAXED);
}

static __inline__ void nyx__write64_release(__u64 *p, uint64_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELEASE);
}

static __inline__ void nyx__write32_release(__u32 *p, uint32_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELEASE);
}

/* Write, and a full barrier behind that. */
static __inline__ void nyx__write64_mb(__u64 *p, uint64_t value)
{
#if defined(__x86_64__) || defined(__i386__)
	/* One locked instruction is both. */
	(void)__atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);
#else
	__atomic_store_n(p, value, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

static __inline__ void nyx__read_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static __inline__ void nyx__write_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}
#endif /* NYX_VIEW_ATOMICS */

/**
 * struct nyx_view_reader - a slot, and where the parts of the window are
 * @head: head of the window
 * @devs: device words
 * @doms: domain words
 * @entries: cache entries, NYX_WINDOW_WAYS to a set
 * @slot: the slot
 * @seq: its count; odd inside a section
 * @set_shift: &nyx_window_head.set_shift
 *
 * Of one thread at a time.
 */
struct nyx_view_reader {
	const struct nyx_window_head *head;
	const struct nyx_window_dev *devs;
	const struct nyx_window_dom *doms;
	const struct nyx_window_entry *entries;
	struct nyx_view_slot *slot;
	uint64_t seq;
	uint32_t set_shift;
};

/**
 * struct nyx_view_hit - what a lookup found
 * @gpa: guest-physical address
 * @length: bytes from it on that the entry speaks for, at most those that were asked for
 * @first: first page (IOVA / 4096) that a hold names
 * @last: last page that it names
 * @prot: of enum nyx_prot: what the device may do
 * @domain: domain index, which a hold names
 */
struct nyx_view_hit {
	uint64_t gpa;
	uint64_t length;
	uint64_t first;
	uint64_t last;
	uint32_t prot;
	uint32_t domain;
};

/**
 * nyx_reader_init() - find the parts of a window
 * @reader: the reader, set
 * @window: the window, as mapped
 * @window_size: its bytes, at least a page
 * @slot: the slot; a section that was never left in it is over
 *
 * Return: false if the window has a layout that this reader does not know.
 */
static __inline__ bool nyx_reader_init(struct nyx_view_reader *reader, const void *window,
				       uint64_t window_size, struct nyx_view_slot *slot)
{
	const struct nyx_window_head *head = (const struct nyx_window_head *)window;
	const char *base = (const char *)window;

	if (nyx__read32(&head->version) != NYX_WINDOW_VERSION ||
	    head->set_shift < 2 || head->set_shift > 63 ||
	    head->dev_offset + (uint64_t)head->nr_devs * sizeof(*reader->devs) > window_size ||
	    head->dom_offset + (uint64_t)head->nr_doms * sizeof(*reader->doms) > window_size ||
	    head->set_offset + (uint64_t)head->nr_sets * NYX_WINDOW_WAYS *
			       sizeof(*reader->entries) > window_size)
		return false;
	reader->head = head;
	reader->devs = (const struct nyx_window_dev *)(base + head->dev_offset);
	reader->doms = (const struct nyx_window_dom *)(base + head->dom_offset);
	reader->entries = (const struct nyx_window_entry *)(base + head->set_offset);
	reader->set_shift = head->set_shift;
	reader->slot = slot;
	reader->seq = (nyx__read64(&slot->seq) + 1) & ~(uint64_t)1;
	nyx__write64_release(&slot->seq, reader->seq);
	return true;
}

/**
 * nyx_reader_enter() - begin a section
 * @reader: the reader, outside
 * @device: device index, or 0, for the event if the section takes too long
 *
 * Return: false if the view was cut off. The section has begun all the same.
 */
static __inline__ bool nyx_reader_enter(struct nyx_view_reader *reader, uint32_t device)
{
	struct nyx_view_slot *slot = reader->slot;

	nyx__write32(&slot->dev, device);
	/*
	 * [PH] The drain counts the phase up after its caller's change. The write comes behind the
	 * last section, as a wait that reads a later phase takes that section to be over.
	 */
	nyx__write64_release(&slot->phase, nyx__read64_acquire(&reader->head->phase));
	reader->seq++;
	/* [A] The drain has changed the words and entries before it looks at the slot. */
	nyx__write64_mb(&slot->seq, reader->seq);
	return !nyx__read32(&slot->cut);
}

/**
 * nyx_reader_leave() - end a section
 * @reader: the reader, inside
 *
 * Return: false if the view was cut off: what the section has used may have been taken away.
 */
static __inline__ bool nyx_reader_leave(struct nyx_view_reader *reader)
{
	struct nyx_view_slot *slot = reader->slot;

	reader->seq++;
	/* [L] The accesses of the section, before the count. */
	nyx__write64_release(&slot->seq, reader->seq);
	return !nyx__read32(&slot->cut);
}

/**
 * enum nyx_reader_answer - what a lookup says
 * @NYX_READER_KERNEL: NYX_VIEW_FILL knows
 * @NYX_READER_HIT: there is a translation
 * @NYX_READER_TABLE: the cache has none: nyx_reader_walk() may find one
 */
enum nyx_reader_answer {
	NYX_READER_KERNEL,
	NYX_READER_HIT,
	NYX_READER_TABLE
};

/* Read an entry, if it holds a page. */
static __inline__ bool nyx__reader_read(const struct nyx_window_entry *e, uint64_t key,
					uint64_t tag, uint64_t *val)
{
	uint32_t seq = nyx__read32_acquire(&e->seq);	/* [E1] */

	if (seq & 1 || nyx__read64(&e->key) != key || nyx__read64(&e->tag) != tag)
		return false;
	*val = nyx__read64(&e->val);
	nyx__read_barrier();				/* [E2] */
	return nyx__read32(&e->seq) == seq;
}

/* Look for the block of class @cls that has @iova; for constants @cls. */
static __inline__ bool nyx__reader_probe(const struct nyx_view_reader *reader, uint64_t tag,
					 unsigned int cls, uint64_t iova, uint64_t length,
					 uint32_t access, struct nyx_view_hit *hit)
{
	const unsigned int shift = 12 + 9 * cls;
	uint64_t key = iova >> shift << 2 | (cls + 1);
	uint64_t hash = (key + tag * NYX_WINDOW_HASH_TAG) * NYX_WINDOW_HASH;
	const struct nyx_window_entry *way =
		reader->entries + (hash >> reader->set_shift) * NYX_WINDOW_WAYS;
	uint64_t val, page, left;
	uint32_t found;

	/* Most pages are in the way that the next bits name: the branch is predicted. */
	if (!nyx__reader_read(way + (hash >> (reader->set_shift - 2)) % NYX_WINDOW_WAYS, key,
			      tag, &val)) {
		/* All ways are compared before one is chosen: no branch to mispredict. */
		found = (uint32_t)(nyx__read64(&way[0].key) == key) |
			(uint32_t)(nyx__read64(&way[1].key) == key) << 1 |
			(uint32_t)(nyx__read64(&way[2].key) == key) << 2 |
			(uint32_t)(nyx__read64(&way[3].key) == key) << 3;
		for (; found; found &= found - 1) {
			if (nyx__reader_read(&way[__builtin_ctz(found)], key, tag, &val))
				break;
		}
		if (!found)
			return false;
	}
	hit->prot &= (uint32_t)(val >> NYX_WINDOW_VAL_PROT_SHIFT);
	/* No block of another class grants more. */
	if (access & ~hit->prot)
		return false;
	page = ((uint64_t)1 << (val & NYX_WINDOW_VAL_LG2_MASK)) - 1;
	left = ~iova & (((uint64_t)1 << shift) - 1);
	hit->gpa = (val & ~page) | (iova & page);
	hit->length = length - 1 < left ? length : left + 1;
	hit->first = (iova & ~page) >> 12;
	hit->last = (iova | page) >> 12;
	return true;
}

/**
 * nyx_reader_lookup() - find a translation in the cache
 * @reader: the reader, inside a section, in which the answer is used
 * @device: serial and index of the device, as nyx_reader_device() gives them; 0: not known
 * @iova: first IOVA
 * @length: bytes, not 0
 * @access: of enum nyx_prot, at least one: what is to be allowed
 * @hit: set if there is one; with NYX_READER_TABLE it is for nyx_reader_walk()
 *
 * The caller knows the memory at the GPA, and whether it can be written.
 *
 * Return: of enum nyx_reader_answer.
 */
static __inline__ enum nyx_reader_answer
nyx_reader_lookup(const struct nyx_view_reader *reader, uint64_t device, uint64_t iova,
		  uint64_t length, uint32_t access, struct nyx_view_hit *hit)
{
	const uint64_t serial = ~(uint64_t)0 << NYX_WINDOW_DEV_SERIAL_SHIFT;
	const uint64_t bits = NYX_WINDOW_DEV_LIVE |
			      (uint64_t)access << NYX_WINDOW_DEV_PROT_SHIFT;
	const struct nyx_window_dom *dom;
	uint64_t d, w, state, tag, last;
	uint32_t prot;

	d = nyx__read64(&reader->devs[(uint32_t)device].word);
	if (((d ^ device) & serial) |
	    ((d ^ bits) & (bits | NYX_WINDOW_DEV_REFUSED | NYX_WINDOW_DEV_LIMITED |
			   NYX_WINDOW_DEV_FILTERED)))
		return NYX_READER_KERNEL;
	prot = (uint32_t)(d >> NYX_WINDOW_DEV_PROT_SHIFT) & (NYX_PROT_READ | NYX_PROT_WRITE);
	hit->prot = prot;
	hit->domain = (uint32_t)(d >> NYX_WINDOW_DEV_DOMAIN_SHIFT) & NYX_WINDOW_DEV_DOMAIN_MASK;
	dom = &reader->doms[hit->domain];
	w = nyx__read64(&dom->word);
	state = w & (NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_REFUSED | NYX_WINDOW_DOM_LIMITED |
		     NYX_WINDOW_DOM_DIRTY);
	if (state != NYX_WINDOW_DOM_LIVE) {
		if (state != (NYX_WINDOW_DOM_LIVE | NYX_WINDOW_DOM_DIRTY) ||
		    access & NYX_PROT_WRITE)
			return NYX_READER_KERNEL;
		/* The kernel makes the writes, and tracks them. */
		prot &= ~(uint32_t)NYX_PROT_WRITE;
		hit->prot = prot;
	}
	if (w & NYX_WINDOW_DOM_MSI_WINDOW) {
		if (iova >= NYX_WINDOW_MSI_FIRST && iova <= NYX_WINDOW_MSI_LAST)
			return NYX_READER_KERNEL;
		if (iova < NYX_WINDOW_MSI_FIRST && length > NYX_WINDOW_MSI_FIRST - iova)
			length = NYX_WINDOW_MSI_FIRST - iova;
	}
	if (w & NYX_WINDOW_DOM_IDENTITY) {
		last = nyx__read64(&dom->last);
		if (iova > last)
			return NYX_READER_KERNEL;
		hit->gpa = iova;
		hit->length = length - 1 < last - iova ? length : last - iova + 1;
		hit->first = iova >> 12;
		hit->last = (iova + (hit->length - 1)) >> 12;
		return NYX_READER_HIT;
	}
	tag = w >> NYX_WINDOW_DOM_TAG_SHIFT;
	if ((w & NYX_WINDOW_DOM_4K &&
	     nyx__reader_probe(reader, tag, 0, iova, length, access, hit)) ||
	    (w & NYX_WINDOW_DOM_2M &&
	     nyx__reader_probe(reader, tag, 1, iova, length, access, hit)) ||
	    (w & NYX_WINDOW_DOM_1G &&
	     nyx__reader_probe(reader, tag, 2, iova, length, access, hit)))
		return NYX_READER_HIT;
	hit->length = length;
	hit->prot = prot;
	return w & NYX_WINDOW_DOM_TABLE ? NYX_READER_TABLE : NYX_READER_KERNEL;
}

static __inline__ uint64_t nyx__bits(unsigned int last, unsigned int first)
{
	return (~(uint64_t)0 >> (63 - last)) & (~(uint64_t)0 << first);
}

/*
 * Read an entry of a table of Intel VT-d (second stage). Returns log2 of the page of a leaf,
 * 1 for an entry that refers to a table one level below, or 0 for one that is not well formed;
 * *prot is what it grants, also if it is not present.
 */
static __inline__ unsigned int nyx__entry_vtdss(uint64_t entry, unsigned int level, uint32_t *prot)
{
	const unsigned int lg2 = 12 + 9 * level;

	*prot = (uint32_t)entry & (NYX_PROT_READ | NYX_PROT_WRITE);
	/* TM, and SNP where there is a table */
	if (level && !(entry & nyx__bits(7, 7)))
		return !(entry & (nyx__bits(62, 62) | nyx__bits(11, 11)));
	if (entry & nyx__bits(62, 62) || (level && entry & nyx__bits(lg2 - 1, 12)))
		return 0;
	return lg2;
}

/*
 * As nyx__entry_vtdss(), for AMD-Vi (host table). A table that is more than one level below
 * is left out.
 */
static __inline__ unsigned int nyx__entry_amdv1(uint64_t entry, unsigned int level, uint32_t *prot)
{
	const unsigned int span = 12 + 9 * level, next = (unsigned int)(entry >> 9) & 7;
	unsigned int lg2 = span;

	*prot = entry & 1 ? (uint32_t)(entry >> 61) & (NYX_PROT_READ | NYX_PROT_WRITE) : 0;
	if (next && next != 7)
		return next == level && !(entry & nyx__bits(60, 52));
	if (next) {
		/* The lowest bit of the address that is zero. */
		lg2 = 1 + (unsigned int)__builtin_ctzll(~(entry | 0xfff) | nyx__bits(63, 52));
		if (lg2 <= span || lg2 >= span + 9)
			return 0;
	}
	return entry & nyx__bits(58, 52) ? 0 : lg2;
}

/* True if a page is, or reaches into, the range of interrupt messages. */
static __inline__ bool nyx__reaches_msis(uint64_t first, uint64_t last)
{
	return first <= NYX_WINDOW_MSI_LAST && last >= NYX_WINDOW_MSI_FIRST;
}

/**
 * nyx_reader_walk() - find a translation in a table of the guest
 * @reader: the reader, inside a section, in which the answer is used
 * @iova: first IOVA
 * @access: of enum nyx_prot, at least one: what is to be allowed
 * @entry_at: says where the caller has the 8 bytes at a GPA; NULL: they are no guest memory
 * @arg: for @entry_at
 * @hit: from nyx_reader_lookup(), which has returned NYX_READER_TABLE for the same
 *       arguments in the same section; set if there is a translation
 *
 * The guest's table is read as the kernel reads it, each entry once. An entry that is not
 * plain, a fault above all, is left to the kernel. An invalidation waits for the section, so the
 * entries are as good as those of the cache.
 *
 * Return: true; false: NYX_VIEW_FILL knows.
 */
static __inline__ bool nyx_reader_walk(const struct nyx_view_reader *reader, uint64_t iova,
				       uint32_t access,
				       const __u64 *(*entry_at)(void *arg, uint64_t gpa),
				       void *arg, struct nyx_view_hit *hit)
{
	/* The index comes from the device's word: the fields are as new as that. */
	const struct nyx_window_dom *dom = &reader->doms[hit->domain];
	const bool amd = nyx__read32(&dom->format) == NYX_FORMAT_AMDV1;
	unsigned int level = nyx__read32(&dom->levels), lg2;
	uint64_t table = nyx__read64(&dom->root), entry = 0, page, left;
	uint32_t prot;

	if (iova > nyx__read64(&dom->last))
		return false;
	do {
		const __u64 *at;

		if (!level)
			return false;
		level--;
		at = entry_at(arg, table + 8 * (iova >> (12 + 9 * level) & 511));
		if (!at)
			return false;
		entry = nyx__read64(at);
		lg2 = amd ? nyx__entry_amdv1(entry, level, &prot) :
			    nyx__entry_vtdss(entry, level, &prot);
		hit->prot &= prot;
		if (!lg2 || access & ~hit->prot)
			return false;
		table = entry & nyx__bits(51, 12);
	} while (lg2 == 1);
	if (lg2 > 51 || !(nyx__read64(&dom->page_sizes) >> lg2 & 1))
		return false;
	page = ((uint64_t)1 << lg2) - 1;
	left = ~iova & page;
	hit->gpa = (table & ~page) | (iova & page);
	if (nyx__read64(&dom->word) & NYX_WINDOW_DOM_MSI_WINDOW &&
	    (nyx__reaches_msis(iova & ~page, iova | page) ||
	     nyx__reaches_msis(hit->gpa & ~page, hit->gpa | page)))
		return false;
	if (hit->length - 1 > left)
		hit->length = left + 1;
	hit->first = (iova & ~page) >> 12;
	hit->last = (iova | page) >> 12;
	return true;
}

/**
 * nyx_reader_device() - find the serial of a device
 * @reader: the reader
 * @index: device index, from &nyx_view_fill.out_device; the caller has compared it with
 *         &nyx_window_head.nr_devs
 * @sbdf: the device
 * @pasid: its PASID, or NYX_PASID_NONE
 *
 * Return: serial and index, for nyx_reader_lookup(), or 0 if the device has left.
 */
static __inline__ uint64_t nyx_reader_device(const struct nyx_view_reader *reader, uint32_t index,
					     uint32_t sbdf, uint32_t pasid)
{
	const struct nyx_window_dev *dev = &reader->devs[index];
	uint64_t word = nyx__read64(&dev->word), again;
	bool same;

	nyx__read_barrier();
	same = nyx__read32(&dev->sbdf) == sbdf && nyx__read32(&dev->pasid) == pasid;
	nyx__read_barrier();
	again = nyx__read64(&dev->word);
	/* Another device of this index has another serial. */
	if (!same || !(word & NYX_WINDOW_DEV_LIVE) ||
	    (word ^ again) >> NYX_WINDOW_DEV_SERIAL_SHIFT)
		return 0;
	return word >> NYX_WINDOW_DEV_SERIAL_SHIFT << NYX_WINDOW_DEV_SERIAL_SHIFT | index;
}

/**
 * nyx_hold_take() - take a hold
 * @hold: the hold, which is free, and was acquired from the one that released it
 * @dom: domain index
 * @slot: of the section that translated the pages, in which the caller is
 * @first: first page
 * @nr: pages less one
 *
 * The caller has raised &nyx_view_ctl.holds_used, and leaves the section behind that.
 */
static __inline__ void nyx_hold_take(struct nyx_view_hold *hold, uint32_t dom,
				     const struct nyx_view_slot *slot, uint64_t first, uint32_t nr)
{
	uint32_t seq = nyx__read32(&hold->seq);

	/* [H4] The last use under the old hold, before the fields of the new one. */
	nyx__write_barrier();
	nyx__write32(&hold->dom, dom);
	nyx__write32(&hold->dev, nyx__read32(&slot->dev));
	nyx__write32(&hold->nr, nr);
	nyx__write64(&hold->first, first);
	nyx__write64(&hold->phase, nyx__read64(&slot->phase));
	nyx__write32(&hold->seq, seq + 1);
}

/**
 * nyx_hold_release() - release a hold
 * @hold: the hold, which is taken
 *
 * By any thread.
 */
static __inline__ void nyx_hold_release(struct nyx_view_hold *hold)
{
	/* [L] The accesses under the hold, before the count. */
	nyx__write32_release(&hold->seq, nyx__read32(&hold->seq) + 1);
}

#ifdef __cplusplus
}
#endif

#endif /* NYX_VIEW_READER_H */
