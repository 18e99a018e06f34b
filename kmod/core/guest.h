/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: address spaces whose tables the guest owns.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A device of a unit with a vendor model has no domain until it makes an access.
 * Then the front end says what the guest's tables want, and the device moves to
 * a domain of kind NYX_DOMAIN_GUEST, of which there is one for each combination
 * of the guest's domain id and table. When the guest invalidates, the device
 * loses its domain again. So a cached context entry is a device's domain, and
 * all that holds for domains holds for it: who has forgotten one waits, by the
 * domain's epoch, for accesses that use it.
 *
 * A context that was read before it was invalidated must not be installed after:
 * whoever reads notes &nyx_guest.generation first, and installs, under the unit's
 * lock, only if it is still the same. Likewise for interrupt remapping entries,
 * with &nyx_guest.irte_generation under &nyx_irq.lock.
 */
#ifndef NYX_CORE_GUEST_H
#define NYX_CORE_GUEST_H

#include <linux/types.h>

#include "core/front.h"

struct nyx_domain;
struct pt_result;
struct pt_trace;

/* Where interrupt messages go: VT-d specification, section 3.14. */
#define NYX_IRQ_RANGE_LG2	20
#define NYX_IRQ_RANGE_START	0xfee00000ull

static inline bool nyx_guest_irq_range(u64 addr)
{
	return addr >> NYX_IRQ_RANGE_LG2 ==
	       NYX_IRQ_RANGE_START >> NYX_IRQ_RANGE_LG2;
}

/**
 * struct nyx_guest - the guest's side of a unit
 * @front: the front end, or NULL: the unit has no vendor model
 * @generation: counts what was forgotten of contexts; under &nyx_unit.lock
 * @irte_generation: likewise of entries; under &nyx_irq.lock
 */
struct nyx_guest {
	struct nyx_front *front;
	u64 generation;
	u64 irte_generation;
};

/**
 * nyx_guest_resolve() - give a device the domain that the guest wants
 * @unit: the unit, with a front end
 * @sbdf: the device
 * @generation: set to that of what was read
 * @refusal: set if the guest's tables refuse its accesses
 *
 * Context: may sleep.
 * Return: 0: try again, or it is refused; -ENOENT; -ENOMEM; -ENOSPC; -EINTR.
 */
int nyx_guest_resolve(struct nyx_unit *unit, u32 sbdf, u64 *generation,
		      struct nyx_refusal *refusal);

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

#endif /* NYX_CORE_GUEST_H */
