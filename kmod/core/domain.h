/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: a domain: an address space for devices.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A domain is found by its id and is alive while it has references: one for
 * being there, one for each command that works on it. Devices hold none;
 * instead a domain that has devices cannot be destroyed, and an access that
 * found the domain through its device is inside @epoch.
 */
#ifndef NYX_CORE_DOMAIN_H
#define NYX_CORE_DOMAIN_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/mutex.h>
#include <linux/nyx_iommu.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "core/front.h"
#include "core/stats.h"
#include "pt/pt.h"
#include "tlb/epoch.h"
#include "tlb/iotlb.h"

struct nyx_history;
struct nyx_oracle;
struct nyx_qos;
struct nyx_unit;

/* The kind of &nyx_unit.nowhere, beside those of enum nyx_domain_kind. */
#define NYX_DOMAIN_NOWHERE	0xffu

/**
 * struct nyx_domain_config - what a domain is created from; all values resolved
 * @id: wanted id, or NYX_ID_ANY
 * @flags: of enum nyx_domain_flags
 * @kind: of enum nyx_domain_kind
 * @address_width: bits of an IOVA, for people; 0 unless paging
 * @pt: shape of the table, if paging
 * @name: name, or empty
 */
struct nyx_domain_config {
	u32 id;
	u32 flags;
	u32 kind;
	u32 address_width;
	struct pt_config pt;
	char name[NYX_NAME_LEN];
};

/**
 * struct nyx_domain - an address space
 * @kind: of enum nyx_domain_kind, or NYX_DOMAIN_NOWHERE; const after init
 * @flags: of enum nyx_domain_flags; const after init
 * @id: its id; const after init
 * @refused: devices that are quarantined and keep the others from working, too
 * @space: its side of the translation cache; invalidations under @lock
 * @stats: its counters
 * @epoch: accesses in flight
 * @unit: its unit; const after init
 * @qos: its limits, or NULL; written under &nyx_unit.lock
 * @guest: NYX_DOMAIN_GUEST: where its table is; const after init
 * @pieces_lg2: NYX_DOMAIN_GUEST: log2 of the largest page of which the cache may
 *              hold only a part, or 0
 * @pt: its table; writers under @lock
 * @oracle: NYX_DOMAIN_F_ORACLE: holds the same; const after init, or NULL
 * @lock: serialises writers of @pt and invalidations of @space
 * @history: what was unmapped lately, or NULL
 * @faults: faults reported
 * @nr_devices: devices attached; under &nyx_unit.lock
 * @dying: being destroyed, takes no devices; under &nyx_unit.lock
 * @unsettled: accesses of a device that left may be inside, because the wait
 *             for them was cut short by a kill; under &nyx_unit.lock
 * @ref: references
 * @rcu: frees it
 * @address_width: bits of an IOVA, or 0; const after init
 * @name: name, or empty; const after init
 *
 * Fields that an access reads which hits the cache are in the first cache line;
 * those that commands write are behind all that any access reads.
 */
struct nyx_domain {
	u32 kind;
	u32 flags;
	u32 id;
	atomic_t refused;
	struct iotlb_space space;
	struct nyx_stats_cpu __percpu *stats;
	struct epoch epoch;
	struct nyx_unit *unit;
	struct nyx_qos __rcu *qos;
	struct nyx_guest_map guest;
	u32 pieces_lg2;
	struct pt pt;
	struct nyx_oracle *oracle;

	struct mutex lock ____cacheline_aligned_in_smp;
	struct nyx_history *history;
	atomic64_t faults;
	unsigned int nr_devices;
	bool dying;
	bool unsettled;
	refcount_t ref;
	struct rcu_head rcu;
	u32 address_width;
	char name[NYX_NAME_LEN];
};

/**
 * nyx_domain_nowhere() - make the domain of devices that have none
 * @unit: the unit
 *
 * Context: may sleep.
 * Return: a domain with id 0 that cannot be found, or ERR_PTR(-ENOMEM).
 */
struct nyx_domain *nyx_domain_nowhere(struct nyx_unit *unit);

/**
 * nyx_domain_guest() - make a domain whose table the guest owns
 * @unit: the unit
 * @map: where it is
 *
 * Context: may sleep.
 * Return: a domain without an id that cannot be found, or ERR_PTR(-ENOMEM).
 */
struct nyx_domain *nyx_domain_guest(struct nyx_unit *unit,
				    const struct nyx_guest_map *map);

/**
 * nyx_domain_create() - make a domain
 * @unit: the unit
 * @cfg: its properties
 * @id: set to its id
 *
 * Context: may sleep.
 * Return: 0; -EEXIST if id or name is taken; -ENOSPC at the limit; -EINVAL if
 * the format has no such shape; -ENOMEM.
 */
int nyx_domain_create(struct nyx_unit *unit,
		      const struct nyx_domain_config *cfg, u32 *id);

/**
 * nyx_domain_drop() - take a domain away, if no device is in it
 * @unit: the unit
 * @dom: the domain, of which the caller has a reference
 *
 * Context: may sleep.
 * Return: 0; -ENOENT if it has gone; -EBUSY while it has devices, or another
 * caller is about to take it away; -EINTR if the caller was killed, with nothing
 * changed.
 */
int nyx_domain_drop(struct nyx_unit *unit, struct nyx_domain *dom);

/**
 * nyx_domain_destroy() - take a domain away
 * @unit: the unit
 * @id: its id
 *
 * Context: may sleep.
 * Return: as nyx_domain_drop().
 */
int nyx_domain_destroy(struct nyx_unit *unit, u32 id);

/**
 * nyx_domain_get() - find a domain
 * @unit: the unit
 * @id: its id
 *
 * Context: any.
 * Return: the domain with a reference for nyx_domain_put(), or NULL.
 */
struct nyx_domain *nyx_domain_get(struct nyx_unit *unit, u32 id);

/**
 * nyx_domain_next() - find the next domain by id
 * @unit: the unit
 * @id: the first id of interest
 *
 * Context: may sleep.
 * Return: the domain with a reference for nyx_domain_put(), or NULL.
 */
struct nyx_domain *nyx_domain_next(struct nyx_unit *unit, unsigned long id);

/**
 * nyx_domain_put() - drop a reference
 * @dom: the domain
 *
 * Context: may sleep.
 */
void nyx_domain_put(struct nyx_domain *dom);

/*
 * Drop all domains of a unit that has no devices any more; at its end. Takes
 * &nyx_unit.lock, for each domain anew.
 */
void nyx_domains_purge(struct nyx_unit *unit);

/**
 * nyx_domains_drain() - wait for the accesses in flight in all domains
 * @unit: the unit
 *
 * Domains of the guest that no device is in are taken away.
 *
 * Context: may sleep; not under &nyx_unit.lock.
 * Return: 0, or -EINTR if the caller was killed.
 */
int nyx_domains_drain(struct nyx_unit *unit);

/**
 * nyx_domain_check_range() - is a range one that a domain may map?
 * @dom: the domain
 * @iova: first IOVA
 * @length: bytes
 * @last: set to the last IOVA
 *
 * Return: 0; -EOPNOTSUPP if the domain has no table; -EINVAL if the range is
 * empty or not made of 4K pages; -EOVERFLOW if it leaves 64 bits; -ERANGE if it
 * leaves the domain.
 */
int nyx_domain_check_range(const struct nyx_domain *dom, u64 iova, u64 length,
			   u64 *last);

/**
 * nyx_domain_map() - map a range
 * @dom: a paging domain
 * @iova: first IOVA; the range has passed nyx_domain_check_range()
 * @last: last IOVA
 * @gpa: first GPA, a multiple of 4096; the range ends within 52 bits
 * @perm: NYX_ACC_READ, NYX_ACC_WRITE or both
 *
 * Context: may sleep.
 * Return: 0 or an error of pt_map().
 */
int nyx_domain_map(struct nyx_domain *dom, u64 iova, u64 last, u64 gpa,
		   unsigned int perm);

/**
 * nyx_domain_unmap() - unmap a range, without waiting
 * @dom: a paging domain
 * @iova: first IOVA
 * @last: last IOVA
 * @unmapped: set to the bytes that were mapped
 *
 * Unless the domain is batched, cached translations are invalidated, and the
 * caller waits by epoch_drain() before it says that the range is gone.
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM with nothing changed.
 */
int nyx_domain_unmap(struct nyx_domain *dom, u64 iova, u64 last, u64 *unmapped);

/**
 * nyx_domain_invalidate() - drop cached translations, without waiting
 * @dom: the domain
 * @iova: first IOVA
 * @last: last IOVA
 *
 * Context: may sleep.
 */
void nyx_domain_invalidate(struct nyx_domain *dom, u64 iova, u64 last);

#endif /* NYX_CORE_DOMAIN_H */
