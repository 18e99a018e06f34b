// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the window: what a process reads to translate without a system call.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/window/window.h"

#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/stddef.h>
#include <linux/vmalloc.h>

#include "base/types.h"
#include "core/access/context.h"
#include "core/access/device.h"
#include "core/space/domain.h"
#include "core/unit.h"
#include "pt/pt_defs.h"
#include "tlb/iotlb.h"

/* The cache is mapped as it is. */
static_assert(sizeof(struct nyx_window_entry) == sizeof(struct iotlb_entry) &&
	      offsetof(struct nyx_window_entry, key) == offsetof(struct iotlb_entry, key) &&
	      offsetof(struct nyx_window_entry, tag) == offsetof(struct iotlb_entry, tag) &&
	      offsetof(struct nyx_window_entry, val) == offsetof(struct iotlb_entry, val) &&
	      offsetof(struct nyx_window_entry, seq) == offsetof(struct iotlb_entry, seq));
static_assert(NYX_WINDOW_WAYS == IOTLB_WAYS &&
	      NYX_WINDOW_DOM_CLASS_SHIFT == IOTLB_CLASS_SHIFT &&
	      NYX_WINDOW_DOM_TAG_SHIFT == IOTLB_TAG_SHIFT);
static_assert(NYX_WINDOW_DEV_READ == NYX_ACC_READ << NYX_WINDOW_DEV_PROT_SHIFT &&
	      NYX_WINDOW_DEV_WRITE == NYX_ACC_WRITE << NYX_WINDOW_DEV_PROT_SHIFT);
static_assert((int)PT_VTDSS == NYX_FORMAT_VTDSS && (int)PT_AMDV1 == NYX_FORMAT_AMDV1);
static_assert(sizeof(struct nyx_window_dev) == 16 && sizeof(struct nyx_window_dom) == 64);

/* ---- pages -------------------------------------------------------------- */

/* A page of head or words, by its number; NULL: no memory. */
static void *word_page(struct nyx_window *win, unsigned long nr)
{
	void *page = xa_load(&win->pages, nr);

	if (page)
		return page;
	mutex_lock(&win->allocating);
	page = xa_load(&win->pages, nr);
	if (!page) {
		page = (void *)get_zeroed_page(GFP_CALLER);
		if (page && xa_err(xa_store(&win->pages, nr, page, GFP_CALLER))) {
			free_page((unsigned long)page);
			page = NULL;
		}
	}
	mutex_unlock(&win->allocating);
	return page;
}

/* The word at @offset of the window; NULL: no memory. */
static void *word_at(struct nyx_window *win, u64 offset)
{
	char *page = word_page(win, offset >> PAGE_SHIFT);

	return page ? page + offset_in_page(offset) : NULL;
}

struct page *nyx_window_page(struct nyx_window *win, unsigned long nr)
{
	u64 offset;
	char *addr;

	if (nr >= win->size >> PAGE_SHIFT)
		return NULL;
	nr = array_index_nospec(nr, win->size >> PAGE_SHIFT);
	offset = (u64)nr << PAGE_SHIFT;
	if (offset < win->head->set_offset) {
		addr = word_page(win, nr);
	} else {
		addr = (char *)win->tlb->sets + (offset - win->head->set_offset);
		if (is_vmalloc_addr(addr))
			return vmalloc_to_page(addr);
	}
	return addr ? virt_to_page(addr) : NULL;
}

int nyx_window_init(struct nyx_window *win, const struct nyx_unit_config *cfg,
		    const struct iotlb *tlb)
{
	/* Index 0 is neither a device nor a domain. */
	u64 devs = PAGE_ALIGN((cfg->max_devices + 1ull) * sizeof(struct nyx_window_dev));
	u64 doms = PAGE_ALIGN((cfg->max_domains + 1ull) * sizeof(struct nyx_window_dom));
	struct nyx_window_head *head;

	spin_lock_init(&win->lock);
	mutex_init(&win->allocating);
	xa_init_flags(&win->pages, XA_FLAGS_ACCOUNT);
	xa_init_flags(&win->devs, XA_FLAGS_ALLOC | XA_FLAGS_ACCOUNT);
	xa_init_flags(&win->doms, XA_FLAGS_ALLOC | XA_FLAGS_ACCOUNT);
	win->tlb = tlb;
	head = word_page(win, 0);
	if (!head) {
		nyx_window_fini(win);
		return -ENOMEM;
	}
	win->head = head;
	head->head_size = sizeof(*head);
	head->set_shift = tlb->shift;
	head->dev_offset = PAGE_SIZE;
	head->nr_devs = cfg->max_devices + 1;
	head->dom_offset = head->dev_offset + devs;
	head->nr_doms = cfg->max_domains + 1;
	head->set_offset = head->dom_offset + doms;
	head->nr_sets = tlb->nr_sets;
	head->version = NYX_WINDOW_VERSION;
	win->size = head->set_offset + iotlb_size(tlb);
	return 0;
}

void nyx_window_fini(struct nyx_window *win)
{
	unsigned long nr;
	void *page;

	xa_for_each(&win->pages, nr, page)
		free_page((unsigned long)page);
	xa_destroy(&win->pages);
	xa_destroy(&win->devs);
	xa_destroy(&win->doms);
	mutex_destroy(&win->allocating);
}

void nyx_window_count_removal(struct nyx_window *win)
{
	WRITE_ONCE(win->head->memory_gen, win->head->memory_gen + 1);
}

u64 nyx_window_next_phase(struct nyx_window *win)
{
	unsigned long flags;
	u64 phase;

	/* All changes before the count: pairs with the reader's load-acquire. */
	smp_mb();
	spin_lock_irqsave(&win->lock, flags);
	phase = win->head->phase + 1;
	WRITE_ONCE(win->head->phase, phase);
	spin_unlock_irqrestore(&win->lock, flags);
	/* And before the look at slots: pairs with the barrier of a reader that enters. */
	smp_mb();
	return phase;
}

void nyx_window_end(struct nyx_window *win)
{
	WRITE_ONCE(win->head->version, 0);
}

/* ---- devices ------------------------------------------------------------ */

int nyx_window_add_device(struct nyx_window *win, struct nyx_device *dev)
{
	struct nyx_window_dev *word;
	u32 index;
	int ret;

	ret = xa_alloc(&win->devs, &index, dev, XA_LIMIT(1, win->head->nr_devs - 1),
		       GFP_CALLER);
	if (ret)
		return ret == -EBUSY ? 0 : ret;
	word = word_at(win, win->head->dev_offset + (u64)index * sizeof(*word));
	if (!word) {
		xa_erase(&win->devs, index);
		return -ENOMEM;
	}
	dev->window = word;
	dev->index = index;
	dev->serial = (word->word >> NYX_WINDOW_DEV_SERIAL_SHIFT) + 1;
	/* The serial before the rest: no reader takes this device for the one before. */
	WRITE_ONCE(word->word, (u64)dev->serial << NYX_WINDOW_DEV_SERIAL_SHIFT);
	/* Pairs with the barriers between its looks in nyx_reader_device() of libnyx. */
	smp_wmb();
	WRITE_ONCE(word->sbdf, dev->sbdf);
	WRITE_ONCE(word->pasid, NYX_PASID_NONE);
	return 0;
}

/* Say what a device may do, as user space sees it, but for its serial. */
static u64 device_word(struct nyx_device *dev)
{
	const struct nyx_ctx *ctx;
	u64 word = 0;

	rcu_read_lock();
	ctx = rcu_dereference(dev->ctx);
	if (ctx && !dev->tracker.gone && !READ_ONCE(ctx->dom->unit->dead)) {
		word = NYX_WINDOW_DEV_LIVE |
		       (u64)ctx->dom->index << NYX_WINDOW_DEV_DOMAIN_SHIFT |
		       (ctx->attrs.perm & NYX_ACC_RW) << NYX_WINDOW_DEV_PROT_SHIFT;
		if (ctx->attrs.excl || ctx->attrs.block_reason)
			word |= NYX_WINDOW_DEV_FILTERED;
	}
	rcu_read_unlock();
	if (READ_ONCE(dev->quarantined))
		word |= NYX_WINDOW_DEV_REFUSED;
	if (rcu_access_pointer(dev->qos))
		word |= NYX_WINDOW_DEV_LIMITED;
	return word;
}

void nyx_window_device(struct nyx_device *dev)
{
	lockdep_assert_held(&dev->tracker.lock);
	if (!dev->window)
		return;
	/*
	 * The word of the domain before the index that leads to it: pairs with the address
	 * dependency of the reader.
	 */
	smp_store_release(&dev->window->word,
			  (u64)dev->serial << NYX_WINDOW_DEV_SERIAL_SHIFT | device_word(dev));
}

void nyx_window_remove_device(struct nyx_window *win, struct nyx_device *dev)
{
	if (!dev->window)
		return;
	xa_erase(&win->devs, dev->index);
}

/* ---- domains ------------------------------------------------------------ */

/* Tell a reader of the table in guest memory. Returns the bits that say so. */
static u64 set_table(struct nyx_window_dom *entry, const struct nyx_guest_table *table)
{
	const struct pt_config *cfg = &table->cfg;
	u64 sizes = pt_format_page_sizes(cfg->format, cfg->levels);

	if (cfg->format != PT_VTDSS && cfg->format != PT_AMDV1)
		return 0;
	WRITE_ONCE(entry->last, nyx_lg2_last(cfg->va_lg2 ?: pt_width(cfg->levels)));
	WRITE_ONCE(entry->root, table->root);
	WRITE_ONCE(entry->page_sizes, (cfg->page_sizes ?: ~0ull) & sizes);
	WRITE_ONCE(entry->format, cfg->format);
	WRITE_ONCE(entry->levels, cfg->levels);
	return sizes ? NYX_WINDOW_DOM_TABLE : 0;
}

int nyx_window_add_domain(struct nyx_window *win, struct nyx_domain *dom, u64 **word)
{
	const struct nyx_stage *stage = &dom->stage;
	struct nyx_window_dom *entry;
	u64 bits = 0;
	u32 index;
	int ret;

	*word = &dom->own_word;
	if (stage->kind == NYX_STAGE_NONE)
		return 0;
	ret = xa_alloc(&win->doms, &index, dom, XA_LIMIT(1, win->head->nr_doms - 1),
		       GFP_CALLER);
	if (ret)
		return ret == -EBUSY ? 0 : ret;
	entry = word_at(win, win->head->dom_offset + (u64)index * sizeof(*entry));
	if (!entry) {
		xa_erase(&win->doms, index);
		return -ENOMEM;
	}
	if (stage->kind == NYX_STAGE_IDENTITY) {
		bits |= NYX_WINDOW_DOM_IDENTITY;
		WRITE_ONCE(entry->last, nyx_lg2_last(stage->width));
	} else if (stage->kind == NYX_STAGE_GUEST) {
		bits |= set_table(entry, &dom->guest);
	}
	if (stage->msi_window)
		bits |= NYX_WINDOW_DOM_MSI_WINDOW;
	WRITE_ONCE(entry->word, bits | NYX_WINDOW_DOM_LIVE);
	*word = &entry->word;
	dom->index = index;
	return 0;
}

void nyx_window_domain(struct nyx_domain *dom)
{
	struct nyx_window *win = &dom->unit->window;
	u64 word, old, bits;
	unsigned long flags;

	/* The lock orders two callers, so that the later one's bits say how @dom is now. */
	spin_lock_irqsave(&win->lock, flags);
	bits = (atomic_read(&dom->quarantined) ? NYX_WINDOW_DOM_REFUSED : 0) |
	       (rcu_access_pointer(dom->qos) ? NYX_WINDOW_DOM_LIMITED : 0) |
	       (READ_ONCE(dom->unit->dirty.state) != NYX_DIRTY_OFF ? NYX_WINDOW_DOM_DIRTY : 0);
	/* cmpxchg(): tag and classes change meanwhile. */
	word = READ_ONCE(*dom->space.word);
	for (;;) {
		old = cmpxchg(dom->space.word, word,
			      (word & ~(u64)(NYX_WINDOW_DOM_REFUSED |
					     NYX_WINDOW_DOM_LIMITED |
					     NYX_WINDOW_DOM_DIRTY)) | bits);
		if (old == word)
			break;
		word = old;
	}
	spin_unlock_irqrestore(&win->lock, flags);
}

void nyx_window_remove_domain(struct nyx_window *win, struct nyx_domain *dom)
{
	if (!dom->index)
		return;
	WRITE_ONCE(*dom->space.word, 0);
	xa_erase(&win->doms, dom->index);
}
