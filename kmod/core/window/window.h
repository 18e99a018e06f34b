/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the window: what a process reads to translate without a system call.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A unit has one window: a head, a word for each device, a word for each domain, and the
 * translation cache, in pages that hold nothing else. core/space/view.h maps them into
 * processes, read-only. Documentation/design/window.rst has the layout and the rules.
 *
 * The tag and the classes of a domain, and the entries of the cache, have no second copy:
 * tlb/iotlb.h reads and writes them in the window. The other bits repeat what quarantine,
 * limits and contexts say. One function makes each word anew, under a lock, from the fields
 * of the device or domain, which a caller changes first. If a word does not allow an access,
 * a reader in user space asks the kernel, which decides by these fields: a word never refuses.
 *
 * A word of zero allows nothing: pages come with the first index that needs them, or with
 * the first look of a process.
 *
 * A device or a domain for which there is no index left, because others are on their way
 * out, has a word that no process sees. Its accesses all go through the kernel.
 */
#ifndef NYX_CORE_WINDOW_H
#define NYX_CORE_WINDOW_H

#include <linux/mutex.h>
#include <linux/nyx_iommu.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct iotlb;
struct nyx_device;
struct nyx_domain;
struct nyx_unit_config;
struct page;

/**
 * struct nyx_window - the window of a unit
 * @lock: serialises bits of the words of domains, and the phase; inside every other lock
 * @allocating: serialises the allocation of pages
 * @pages: pages of head and words, as addresses, by their number in the window
 * @devs: struct nyx_device by index
 * @doms: struct nyx_domain by index, from 1 on
 * @tlb: the cache; const after init
 * @head: the head; const after init but for its version and its counts
 * @size: bytes of the window, in whole pages; const after init
 */
struct nyx_window {
	spinlock_t lock;
	struct mutex allocating;
	struct xarray pages;
	struct xarray devs;
	struct xarray doms;
	const struct iotlb *tlb;
	struct nyx_window_head *head;
	u64 size;
};

/**
 * nyx_window_init() - make the window of a unit
 * @win: set
 * @cfg: configuration of the unit
 * @tlb: its cache, which lives longer than @win
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int nyx_window_init(struct nyx_window *win, const struct nyx_unit_config *cfg,
		    const struct iotlb *tlb);

/**
 * nyx_window_fini() - free a window
 * @win: of a unit without devices, domains and views
 */
void nyx_window_fini(struct nyx_window *win);

/**
 * nyx_window_page() - find a page of a window, for a process that maps it
 * @win: the window
 * @nr: number of the page
 *
 * Context: may sleep; in a page fault, too.
 * Return: the page, without a reference; NULL beyond the end, or out of memory.
 */
struct page *nyx_window_page(struct nyx_window *win, unsigned long nr);

/**
 * nyx_window_count_removal() - say that guest memory has been removed
 * @win: the window
 *
 * Context: under &nyx_unit.lock, before the wait for the users of that memory.
 */
void nyx_window_count_removal(struct nyx_window *win);

/**
 * nyx_window_next_phase() - tell the waits for views apart
 * @win: the window
 *
 * A section that reads the returned count sees all that the caller has changed before. A
 * full memory barrier.
 *
 * Context: any.
 * Return: the new count.
 */
u64 nyx_window_next_phase(struct nyx_window *win);

/**
 * nyx_window_end() - say that the unit has ended
 * @win: the window
 *
 * Context: any. The caller makes the words of the devices anew.
 */
void nyx_window_end(struct nyx_window *win);

/**
 * nyx_window_add_device() - give a device a word
 * @win: the window
 * @dev: the device, which no lookup finds yet
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int nyx_window_add_device(struct nyx_window *win, struct nyx_device *dev);

/**
 * nyx_window_device() - make the word of a device anew
 * @dev: the device
 *
 * Context: any, under &nyx_fault_tracker.lock; after a change of the context, of
 * quarantine, or of limits.
 */
void nyx_window_device(struct nyx_device *dev);

/**
 * nyx_window_remove_device() - take the word of a device away
 * @win: the window
 * @dev: the device, which has been removed, and was drained after that
 *
 * Another device may get the index from here on, with another serial.
 *
 * Context: any process.
 */
void nyx_window_remove_device(struct nyx_window *win, struct nyx_device *dev);

/**
 * nyx_window_add_domain() - give a domain a word
 * @win: the window
 * @dom: the domain, in which no device is yet; its stage and the guest's table are set
 * @word: set to its word, for iotlb_space_init()
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int nyx_window_add_domain(struct nyx_window *win, struct nyx_domain *dom, u64 **word);

/**
 * nyx_window_domain() - make the bits of a domain's word anew
 * @dom: the domain
 *
 * Context: any; after a change of quarantine or of limits.
 */
void nyx_window_domain(struct nyx_domain *dom);

/**
 * nyx_window_remove_domain() - take the word of a domain away
 * @win: the window
 * @dom: the domain, which is gone: no access, and no view, uses it
 *
 * Context: any process.
 */
void nyx_window_remove_domain(struct nyx_window *win, struct nyx_domain *dom);

#endif /* NYX_CORE_WINDOW_H */
