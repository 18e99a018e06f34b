// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx benchmarks: a model of the IOTLB of QEMU's VT-d (hw/i386/intel_iommu.c).
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Not QEMU's code, but its structure: a GHashTable by (gfn, source id, level,
 * PASID), the same hash, a mutex around each look-up, levels probed from small
 * to large, and invalidations that visit every entry. Left out, which flatters
 * QEMU: dispatch by memory regions, RCU, traces, the look-up of the address
 * space, the context cache.
 */
#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

typedef uint64_t u64;
typedef uint16_t u16;

/* peer.h without the kernel's types, which GLib's headers do not like. */
void *qemu_new(void);
void qemu_insert(void *tlb, u16 domain, u64 va, u64 pa, unsigned int level);
u64 qemu_walk(void *tlb, u64 va, bool write);
void qemu_flush_pages(void *tlb, u16 domain, u64 va, unsigned int lg2);
void qemu_flush_domain(void *tlb, u16 domain);
void qemu_flush_all(void *tlb);

#define MAX_SIZE	1024	/* VTD_IOTLB_MAX_SIZE */
#define SOURCE_ID	0x0008
#define NO_PASID	0xffffffffu

struct key {
	uint64_t gfn;
	uint32_t pasid;
	uint16_t sid;
	uint8_t level;
};

struct entry {
	uint64_t gfn;
	uint64_t pte;
	uint64_t mask;
	uint32_t pasid;
	uint16_t domain;
	uint8_t perm;
};

struct result {
	u64 iova;
	u64 translated;
	u64 mask;
	unsigned int perm;
};

struct model {
	pthread_mutex_t lock;
	GHashTable *table;
};

static guint key_hash(gconstpointer p)
{
	const struct key *k = p;
	uint64_t h = k->gfn | (uint64_t)k->sid << 26 |
		     (uint64_t)(k->level - 1) << 42 | (uint64_t)k->pasid << 44;

	return h >> 32 ^ (h & 0xffffffffu);
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
	const struct key *x = a, *y = b;

	return x->sid == y->sid && x->pasid == y->pasid &&
	       x->level == y->level && x->gfn == y->gfn;
}

static u64 level_mask(unsigned int level)
{
	return ~((1ull << (12 + 9 * (level - 1))) - 1);
}

static void *idle(void *unused)
{
	pause();
	return unused;
}

void *qemu_new(void)
{
	struct model *m = g_malloc0(sizeof(*m));
	pthread_t thread;

	/* With one thread the C library would leave out the atomics. */
	if (pthread_create(&thread, NULL, idle, NULL))
		return NULL;
	pthread_detach(thread);
	pthread_mutex_init(&m->lock, NULL);
	m->table = g_hash_table_new_full(key_hash, key_equal, g_free, g_free);
	return m;
}

void qemu_insert(void *tlb, u16 domain, u64 va, u64 pa, unsigned int level)
{
	struct entry *entry = g_malloc(sizeof(*entry));
	struct key *key = g_malloc(sizeof(*key));
	struct model *m = tlb;

	pthread_mutex_lock(&m->lock);
	if (g_hash_table_size(m->table) >= MAX_SIZE)
		g_hash_table_remove_all(m->table);
	*entry = (struct entry){
		.gfn = va >> 12,
		.pte = pa | 3,
		.mask = level_mask(level),
		.pasid = NO_PASID,
		.domain = domain,
		.perm = 3,
	};
	*key = (struct key){
		.gfn = (va & level_mask(level)) >> 12,
		.pasid = NO_PASID,
		.sid = SOURCE_ID,
		.level = level,
	};
	g_hash_table_replace(m->table, key, entry);
	pthread_mutex_unlock(&m->lock);
}

static __attribute__((__noinline__)) bool walk(struct model *m, u64 va, bool write,
					       struct result *res)
{
	struct entry *entry = NULL;
	unsigned int level;

	pthread_mutex_lock(&m->lock);
	for (level = 1; level < 4 && !entry; level++) {
		struct key key = {
			.gfn = (va & level_mask(level)) >> 12,
			.pasid = NO_PASID,
			.sid = SOURCE_ID,
			.level = level,
		};

		entry = g_hash_table_lookup(m->table, &key);
	}
	if (!entry || !(entry->perm & (write ? 2 : 1))) {
		pthread_mutex_unlock(&m->lock);
		return false;
	}
	res->mask = entry->mask;
	res->translated = entry->pte & entry->mask & ~0xfffull;
	res->perm = entry->perm;
	res->iova = va & entry->mask;
	pthread_mutex_unlock(&m->lock);
	return true;
}

u64 qemu_walk(void *tlb, u64 va, bool write)
{
	struct result res;

	if (!walk(tlb, va, write, &res))
		return ~0ull;
	return res.translated | (va & ~res.mask);
}

struct pages {
	u64 addr;
	u64 mask;
	u16 domain;
};

static gboolean in_pages(gpointer key, gpointer value, gpointer user)
{
	const struct entry *entry = value;
	const struct pages *inv = user;
	u64 gfn = (inv->addr >> 12) & inv->mask;
	u64 gfn_tlb = (inv->addr & entry->mask) >> 12;

	return entry->domain == inv->domain &&
	       ((entry->gfn & inv->mask) == gfn || entry->gfn == gfn_tlb);
}

static gboolean in_domain(gpointer key, gpointer value, gpointer user)
{
	return ((const struct entry *)value)->domain == *(u16 *)user;
}

void qemu_flush_pages(void *tlb, u16 domain, u64 va, unsigned int lg2)
{
	struct pages inv = {
		.addr = va,
		.mask = ~((1ull << (lg2 - 12)) - 1),
		.domain = domain,
	};
	struct model *m = tlb;

	pthread_mutex_lock(&m->lock);
	g_hash_table_foreach_remove(m->table, in_pages, &inv);
	pthread_mutex_unlock(&m->lock);
}

void qemu_flush_domain(void *tlb, u16 domain)
{
	struct model *m = tlb;

	pthread_mutex_lock(&m->lock);
	g_hash_table_foreach_remove(m->table, in_domain, &domain);
	pthread_mutex_unlock(&m->lock);
}

void qemu_flush_all(void *tlb)
{
	struct model *m = tlb;

	pthread_mutex_lock(&m->lock);
	g_hash_table_remove_all(m->table);
	pthread_mutex_unlock(&m->lock);
}
