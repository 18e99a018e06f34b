/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: contexts: what the unit knows of a requester, and which domain it uses.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A device has a context, and the context has a domain. A domain is an address space
 * and knows nothing of devices, so that requesters of one domain share its cached
 * translations, whatever their contexts say. Each domain embeds the plain context,
 * which grants everything; a device that is attached by a command uses that one.
 *
 * A device of a unit with a vendor model has the context of &nyx_unit.blocked_domain
 * until it makes an access. Then the vIOMMU model decodes the guest's context entry,
 * and the device gets a context with what the entry says of the requester, and a
 * domain of kind NYX_DOMAIN_GUEST, of which there is one for each combination of the
 * guest's domain id and table. When the guest invalidates the entry the device loses
 * the context again.
 *
 * A context does not change after it was published. An access finds it under RCU, and
 * uses it inside the epoch of its domain. core/space/inval.h retires a context that a device
 * has lost: the domain keeps it until a wait has drained the domain, and frees it a
 * grace period later.
 *
 * A context that was read before it was invalidated must not be installed after that:
 * nyx_guest_resolve() notes &nyx_guest.generation before it reads, and installs, under
 * &nyx_unit.lock, only if that is still the same. core/irq/irte.h does likewise for
 * interrupt remapping entries.
 */
#ifndef NYX_CORE_CONTEXT_H
#define NYX_CORE_CONTEXT_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "core/viommu.h"

struct nyx_domain;
struct nyx_fault_info;
struct nyx_ticket;
struct pt_result;
struct pt_trace;

/* Where interrupt messages of x86 go */
#define NYX_IRQ_RANGE_LG2	20
#define NYX_IRQ_RANGE_START	0xfee00000ull

static inline bool nyx_guest_irq_range(u64 addr)
{
	return addr >> NYX_IRQ_RANGE_LG2 ==
	       NYX_IRQ_RANGE_START >> NYX_IRQ_RANGE_LG2;
}

/**
 * struct nyx_ctx - the context of a requester
 * @dom: its domain, which lives longer than the context
 * @filtered: accesses are checked before they are translated, because of @attrs, or of
 *            &nyx_stage.msi_window of the domain
 * @attrs: what belongs to the requester
 * @link: in &nyx_domain.retired; under &nyx_inval.lock
 * @retired: number of the post that retired the context; under &nyx_inval.lock
 * @rcu: for kfree_rcu()
 */
struct nyx_ctx {
	struct nyx_domain *dom;
	bool filtered;
	struct nyx_ctx_attrs attrs;
	union {
		struct {
			struct list_head link;
			u64 retired;
		};
		struct rcu_head rcu;
	};
};

/*
 * Limit on retired contexts: a unit keeps them until a wait has covered the accesses that
 * use them.
 */
#define NYX_CTX_RETIRED_MAX	4096u

/**
 * struct nyx_guest - the guest's side of a unit
 * @viommu: the unit's vIOMMU model; const after init
 * @generation: counts invalidations of contexts; under &nyx_unit.lock
 * @irte_generation: counts invalidations of interrupt remapping entries; under
 *                   &nyx_irq.lock
 */
struct nyx_guest {
	struct nyx_viommu *viommu;
	u64 generation;
	u64 irte_generation;
};

/**
 * nyx_guest_resolve() - give a device the context that the guest wants
 * @unit: the unit, of a model with &nyx_viommu_ops.decode_device
 * @sbdf: the device
 * @pasid: the PASID of its access
 * @generation: set to &nyx_guest.generation from before the tables were read
 * @fault: set if the guest's tables have no context for the device, by the decoder
 *
 * Context: may sleep.
 * Return: 0: enter again, unless @fault says why the tables have no context; -ENOENT;
 * -ENOMEM with nothing changed; -EINTR.
 */
int nyx_guest_resolve(struct nyx_unit *unit, u32 sbdf, u32 pasid, u64 *generation,
		      struct nyx_fault_info *fault);

/**
 * nyx_guest_walk() - walk a table that the guest owns
 * @unit: the unit
 * @dom: a domain of kind NYX_DOMAIN_GUEST
 * @iova: the address
 * @perm: NYX_ACC_* that is asked for
 * @res: set
 * @trace: gets the steps, or NULL
 *
 * Context: may sleep; inside the domain's epoch.
 */
void nyx_guest_walk(struct nyx_unit *unit, struct nyx_domain *dom, u64 iova,
		    unsigned int perm, struct pt_result *res,
		    struct pt_trace *trace);

#define NYX_GUEST_ALL_DIDS	0xffffffffu

/**
 * nyx_guest_invalidate_ctx() - invalidate cached context entries
 * @unit: the unit
 * @did: only entries with this domain id of the guest, or NYX_GUEST_ALL_DIDS
 * @t: gets the accesses that may still use the entries
 *
 * Accesses under way may use the old entries until nyx_inval_wait(). The cost is in proportion
 * to the domains with that id and their devices.
 *
 * Context: may sleep.
 */
void nyx_guest_invalidate_ctx(struct nyx_unit *unit, u32 did,
			      struct nyx_ticket *t);

/**
 * nyx_guest_invalidate_ctx_device() - invalidate the context entry of one
 *                                     requester
 * @unit: the unit
 * @sbdf: the requester
 * @t: gets the accesses that may still use the entries
 *
 * As nyx_guest_invalidate_ctx().
 *
 * Return: the guest's id of the domain that the requester was in; NYX_GUEST_ALL_DIDS: none.
 */
u32 nyx_guest_invalidate_ctx_device(struct nyx_unit *unit, u32 sbdf,
				    struct nyx_ticket *t);

/**
 * nyx_guest_invalidate_iotlb() - invalidate translations
 * @unit: the unit
 * @did: the guest's domain, or NYX_GUEST_ALL_DIDS
 * @first: first address
 * @last: last address
 * @t: gets the accesses that may still use the translations
 *
 * As nyx_guest_invalidate_ctx().
 */
void nyx_guest_invalidate_iotlb(struct nyx_unit *unit, u32 did, u64 first,
				u64 last, struct nyx_ticket *t);

#endif /* NYX_CORE_CONTEXT_H */
