/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: a domain: an address space for devices.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A domain has a cache tag, an epoch, a stage, listeners and counters, and knows
 * nothing of the devices that use it. The context of a device, &struct nyx_ctx of
 * core/access/context.h, has the rest, and refers to the domain.
 *
 * A domain is found by its id and is alive while it has references: one while lookups find
 * it, one for each command that works on it. Devices hold none; instead a domain that has
 * devices cannot be destroyed, and an access that found the domain through the context of
 * its device is inside @epoch.
 */
#ifndef NYX_CORE_DOMAIN_H
#define NYX_CORE_DOMAIN_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/kconfig.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/nyx_iommu.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "core/access/context.h"
#include "core/account/stats.h"
#include "core/space/inval.h"
#include "pt/pt.h"
#include "tlb/epoch.h"
#include "tlb/iotlb.h"

struct nyx_history;
struct nyx_oracle;
struct nyx_qos;
struct nyx_unit;

/**
 * struct nyx_domain_config - what a domain is created from; all values resolved
 * @id: wanted id, or NYX_ID_ANY
 * @flags: of enum nyx_domain_flags
 * @kind: of enum nyx_domain_kind
 * @address_width: bits of an IOVA, for people; 0 unless paging, or a guest's
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
 * @ctx: the plain context, of devices that have none of their own; const after init
 * @stage: how the domain translates; const after init
 * @id: its id; const after init
 * @quarantined: devices that are quarantined and keep the others from working, too
 * @index: index of its word in the window, or 0: it is in none; const after init
 * @space: its side of the translation cache; invalidations under @lock
 * @stats: its counters
 * @epoch: accesses in flight
 * @unit: its unit; const after init
 * @qos: its limits, or NULL; written under &nyx_unit.lock
 * @guest: NYX_DOMAIN_GUEST: its table; const after init
 * @max_partial_lg2: NYX_DOMAIN_GUEST: log2 of the largest page of which the
 *                   cache may hold only a part, or 0
 * @pt: its table; writers under @lock
 * @cfg: configuration at creation; const after init
 * @oracle: NYX_DOMAIN_F_ORACLE: holds what @pt holds; const after init, or NULL. Use
 *          nyx_domain_oracle() to read it
 * @lock: serialises writers of @pt and invalidations of @space
 * @history: ranges that were unmapped lately, or NULL
 * @faults: faults reported
 * @nr_devices: devices attached, and devices that leave; under &nyx_unit.lock
 * @devices: NYX_DOMAIN_GUEST: devices attached; head of &nyx_device.link; under
 *           &nyx_unit.lock
 * @nr_leaving: devices that leave: a command waits for their accesses in the domain; under
 *              &nyx_unit.lock
 * @nr_followers: change streams that follow it; under &nyx_unit.lock
 * @dying: being destroyed, takes no devices; under &nyx_unit.lock
 * @gone: the domain was drained after it was closed, and no access enters it; under
 *        &nyx_inval.lock
 * @drain: posts that no wait for the domain has covered; under &nyx_inval.lock
 * @own_word: its word, if it has no index
 * @retired: contexts that accesses in the domain may still use, in the order in which
 *           devices lost them; head of &nyx_ctx.link; under &nyx_inval.lock
 * @by_name: in &nyx_unit.names, if it has a name; under &nyx_unit.lock
 * @ref: references
 * @rcu: frees it
 *
 * On a 64-bit machine @ctx fills the first cache line, and the second one has the other
 * fields that an access reads if it hits the IOTLB. Fields that commands write are behind
 * all fields that accesses read.
 */
struct nyx_domain {
	struct nyx_ctx ctx;
	struct nyx_stage stage;
	u32 id;
	atomic_t quarantined;
	struct iotlb_space space;
	struct nyx_stats_cpu __percpu *stats;
	struct epoch epoch;
	struct nyx_unit *unit;
	struct nyx_qos __rcu *qos;
	struct nyx_guest_table guest;
	u32 max_partial_lg2;
	u32 index;
	struct pt pt;
	struct nyx_domain_config cfg;
	struct nyx_oracle *oracle;

	struct mutex lock ____cacheline_aligned_in_smp;
	struct nyx_history *history;
	atomic64_t faults;
	unsigned int nr_devices;
	struct list_head devices;
	unsigned int nr_leaving;
	unsigned int nr_followers;
	bool dying;
	bool gone;
	struct nyx_drain drain;
	u64 own_word;
	struct list_head retired;
	struct rb_node by_name;
	refcount_t ref;
	struct rcu_head rcu;
};

/* The oracle of a domain, or NULL; always NULL without CONFIG_NYX_ORACLE. */
static inline struct nyx_oracle *nyx_domain_oracle(const struct nyx_domain *dom)
{
	return IS_ENABLED(CONFIG_NYX_ORACLE) ? dom->oracle : NULL;
}

/**
 * nyx_domain_blocked() - make the domain of devices that have no other
 * @unit: the unit
 *
 * Context: may sleep.
 * Return: a domain with id 0 that cannot be found, or ERR_PTR(-ENOMEM).
 */
struct nyx_domain *nyx_domain_blocked(struct nyx_unit *unit);

/**
 * nyx_domain_guest() - make a domain that the guest's tables describe
 * @unit: the unit
 * @entry: the context entry of one of its devices
 *
 * Context: may sleep.
 * Return: a domain without an id that cannot be found, or ERR_PTR(-ENOMEM).
 */
struct nyx_domain *nyx_domain_guest(struct nyx_unit *unit,
				    const struct nyx_ctx_entry *entry);

/**
 * nyx_domain_is() - is a domain the one that a context entry describes?
 * @dom: a domain of kind NYX_DOMAIN_GUEST
 * @entry: the context entry
 *
 * Context: any.
 * Return: true if it has the guest's domain id of @entry, and translates alike.
 */
bool nyx_domain_is(const struct nyx_domain *dom, const struct nyx_ctx_entry *entry);

/**
 * nyx_ctx_init() - prepare a context
 * @ctx: the context
 * @dom: the domain that it refers to
 * @attrs: what belongs to the requester
 *
 * Context: any; before a device has @ctx.
 */
void nyx_ctx_init(struct nyx_ctx *ctx, struct nyx_domain *dom,
		  const struct nyx_ctx_attrs *attrs);

/**
 * nyx_ctx_free() - free a context, a grace period later
 * @ctx: a context that no device has, and no access uses; one that its domain embeds
 *       stays
 *
 * Context: any.
 */
void nyx_ctx_free(struct nyx_ctx *ctx);

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
 * nyx_domain_close() - let no more devices into a domain that is to be destroyed
 * @unit: the unit
 * @dom: the domain
 *
 * Context: may sleep.
 * Return: 0; -ENOENT if it has gone; -EBUSY while it has devices, is followed, or is
 * closed.
 */
int nyx_domain_close(struct nyx_unit *unit, struct nyx_domain *dom);

/**
 * nyx_domain_unpublish() - hide a closed domain from lookups
 * @unit: the unit
 * @dom: the domain, in which no access is; the caller has a reference of its own
 *
 * Context: may sleep.
 */
void nyx_domain_unpublish(struct nyx_unit *unit, struct nyx_domain *dom);

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
 * Free all domains of a unit that is torn down, and has no devices any more. Takes
 * &nyx_unit.lock, for each domain anew.
 */
void nyx_domains_purge(struct nyx_unit *unit);

#endif /* NYX_CORE_DOMAIN_H */
