/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: where the memory of page tables lives.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Two places. Tables that Nyx owns are zeroed kernel pages, one page a table;
 * an entry refers to the next table by its physical address, as in hardware,
 * and readers go through the direct map. Tables that a guest owns lie in guest
 * memory and are read through struct pt_guest_mem, one entry at a time, each
 * entry once.
 *
 * Each table of the first kind has eight bytes of bookkeeping beside it, in
 * page->private, for its writer. While a table waits for its RCU grace period
 * the same word links it to the next one of its chain, and page->rcu_head of
 * the first one carries the callback.
 */
#ifndef NYX_BASE_PT_MEM_H
#define NYX_BASE_PT_MEM_H

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/types.h>

#include "base/types.h"

/**
 * struct pt_meta - a table's bookkeeping, for the writer alone
 * @present: entries that are not empty, 0 to 512
 * @unused: spare
 */
struct pt_meta {
	u16 present;
	u16 unused[3];
};

/**
 * struct pt_guest_mem - how to read a table that the guest owns
 * @read64: read the aligned little-endian 64-bit word at @gpa into @val, in CPU
 *          order, once; 0, or negative errno if @gpa is not guest memory
 * @ctx: handed to @read64
 */
struct pt_guest_mem {
	int (*read64)(void *ctx, u64 gpa, u64 *val);
	void *ctx;
};

/**
 * pt_mem_ptr() - table behind the address in an entry
 * @addr: physical address of a kernel-owned table
 *
 * Return: the table's 512 entries.
 */
static inline u64 *pt_mem_ptr(u64 addr)
{
	return phys_to_virt(addr);
}

/**
 * pt_mem_addr() - address of a table, as an entry holds it
 * @table: a kernel-owned table
 *
 * Return: its physical address.
 */
static inline u64 pt_mem_addr(const u64 *table)
{
	return virt_to_phys((void *)table);
}

/**
 * pt_mem_meta() - bookkeeping of a table
 * @table: a kernel-owned table
 *
 * Return: the writer's data about it, zero when the table is new.
 */
static inline struct pt_meta *pt_mem_meta(const u64 *table)
{
	BUILD_BUG_ON(sizeof(struct pt_meta) != sizeof_field(struct page, private));
	return (struct pt_meta *)&virt_to_page(table)->private;
}

/**
 * pt_mem_alloc() - a new, empty table
 *
 * Context: may sleep. The memory is charged to the caller's cgroup.
 * Return: 512 zero entries, or NULL.
 */
static inline u64 *pt_mem_alloc(void)
{
	struct page *page = alloc_page(GFP_CALLER | __GFP_ZERO);

	if (!page)
		return NULL;
	set_page_private(page, 0);
	return page_address(page);
}

/**
 * pt_mem_free() - give back a table that no reader can see
 * @table: a kernel-owned table
 */
static inline void pt_mem_free(u64 *table)
{
	struct page *page = virt_to_page(table);

	set_page_private(page, 0);
	__free_page(page);
}

/* Tables that an RCU callback may free at once. */
#define PT_CHAIN_RCU_MAX	256ul

/**
 * struct pt_chain - tables that were taken out of a radix tree
 * @head: the first, linked through page->private; NULL: none
 * @count: how many
 */
struct pt_chain {
	struct page *head;
	unsigned long count;
};

/**
 * pt_chain_add() - put a table on a chain
 * @chain: the chain
 * @table: a table that readers may still look at, but no longer find
 */
static inline void pt_chain_add(struct pt_chain *chain, u64 *table)
{
	struct page *page = virt_to_page(table);

	set_page_private(page, (unsigned long)chain->head);
	chain->head = page;
	chain->count++;
}

/* Free a list of pages. Returns what is left after @max of them. */
static inline struct page *pt_chain_free_some(struct page *page,
					      unsigned long max)
{
	while (page && max--) {
		struct page *next = (struct page *)page_private(page);

		set_page_private(page, 0);
		__free_page(page);
		page = next;
	}
	return page;
}

static inline void pt_chain_free_rcu_cb(struct rcu_head *head)
{
	pt_chain_free_some(container_of(head, struct page, rcu_head),
			   PT_CHAIN_RCU_MAX);
}

/**
 * pt_chain_free() - free the tables of a chain when their readers are gone
 * @chain: the chain, empty afterwards
 *
 * Readers are RCU read-side critical sections. A module that uses it calls
 * rcu_barrier() before it goes. A long chain is not left to a callback, which
 * nothing could interrupt.
 *
 * Context: may sleep.
 */
static inline void pt_chain_free(struct pt_chain *chain)
{
	struct page *page = chain->head;

	if (!page)
		return;
	if (chain->count <= PT_CHAIN_RCU_MAX) {
		call_rcu(&page->rcu_head, pt_chain_free_rcu_cb);
	} else {
		synchronize_rcu();
		while (page) {
			page = pt_chain_free_some(page, PT_CHAIN_RCU_MAX);
			cond_resched();
		}
	}
	chain->head = NULL;
	chain->count = 0;
}

/**
 * pt_mem_relax() - let others run, in the middle of a long operation
 *
 * Context: may sleep.
 * Return: true if the caller was killed and should give up what it can undo.
 */
static inline bool pt_mem_relax(void)
{
	cond_resched();
	return fatal_signal_pending(current);
}

#endif /* NYX_BASE_PT_MEM_H */
