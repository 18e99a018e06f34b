/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the users, and the containers, that units count for.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A unit counts, from its creation to its teardown, for the user that has made it
 * and, in a namespace that root has made for others, for that container. Each has
 * a struct nyx_tenant for as long as it has units.
 *
 * The lock that nyx_tenants_init() gets protects the set of tenants and the number of their
 * units. No code allocates with that lock held.
 */
#ifndef NYX_CORE_TENANT_H
#define NYX_CORE_TENANT_H

#include <linux/types.h>

struct mutex;
struct nyx_tenant;
struct nyx_unit;

/* Tenants of a unit: the user, and the container. */
#define NYX_TENANTS	2

/**
 * enum nyx_tenant_count - what is counted for the user, and the container, of a unit
 * @NYX_TENANT_BINDINGS: bound interrupts
 * @NYX_TENANT_STALLED: bound interrupts that wait for memory
 * @NYX_TENANT_STALLED_UNITS: units with bound interrupts that wait for memory
 * @NYX_TENANT_DIRTY_KIB: KiB of bitmaps of dirty tracking
 * @NYX_TENANT_COUNTS: number of counts
 */
enum nyx_tenant_count {
	NYX_TENANT_BINDINGS,
	NYX_TENANT_STALLED,
	NYX_TENANT_STALLED_UNITS,
	NYX_TENANT_DIRTY_KIB,
	NYX_TENANT_COUNTS,
};

/**
 * nyx_tenants_init() - prepare for tenants
 * @lock: the lock of tenants
 * @per_user: limit on units of a user, in all its user namespaces together,
 *            without CAP_SYS_RESOURCE
 *
 * Context: while the module starts.
 */
void nyx_tenants_init(struct mutex *lock, unsigned int per_user);

/**
 * nyx_tenants_alloc() - find the tenants that units of the current process count for
 * @spare: array of NYX_TENANTS, set: a struct for each, or NULL
 *
 * Context: may sleep; not under the lock of tenants.
 * Return: 0, or -ENOMEM; in either case nyx_tenants_free() follows.
 */
int nyx_tenants_alloc(struct nyx_tenant **spare);

/* Free what nyx_tenants_charge() has not taken of @spare. */
void nyx_tenants_free(struct nyx_tenant **spare);

/**
 * nyx_tenants_charge() - count a new unit
 * @unit: the unit
 * @spare: of nyx_tenants_alloc(); those that become tenants are NULL afterwards
 *
 * Context: under the lock of tenants.
 * Return: 0, or -ENOSPC with nothing counted.
 */
int nyx_tenants_charge(struct nyx_unit *unit, struct nyx_tenant **spare);

/**
 * nyx_tenants_uncharge() - stop counting a unit
 * @unit: the unit
 *
 * Context: under the lock of tenants.
 */
void nyx_tenants_uncharge(struct nyx_unit *unit);

/**
 * nyx_tenants_add() - count something for the user, and the container, of a unit
 * @unit: the unit
 * @what: the count
 * @n: what to add to the count
 *
 * Context: any.
 * Return: the new count of the user, or of the container if that has more.
 */
u32 nyx_tenants_add(struct nyx_unit *unit, enum nyx_tenant_count what, int n);

/**
 * nyx_tenants_charge_up_to() - count something, unless that exceeds a limit
 * @unit: the unit
 * @what: the count
 * @n: what to add to the count
 * @max: the limit of a caller without CAP_SYS_RESOURCE
 *
 * A refused amount is never counted: it may be larger than all that there is.
 *
 * Context: process.
 * Return: true; false with nothing counted.
 */
bool nyx_tenants_charge_up_to(struct nyx_unit *unit, enum nyx_tenant_count what, u32 n, u32 max);

#endif /* NYX_CORE_TENANT_H */
