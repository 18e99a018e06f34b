// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the users, and the containers, that units count for.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "core/account/tenant.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "base/reason.h"
#include "base/types.h"
#include "core/unit.h"

/**
 * struct nyx_tenant - a user, or a container, with the units it holds
 * @node: in the table of tenants
 * @uid: the user; of a container, INVALID_UID
 * @ns: the container's outermost user namespace; of a user, NULL
 * @nr_units: units of the tenant, which exists while there are any
 * @count: objects of these units, by enum nyx_tenant_count
 *
 * The lock of tenants protects all fields but @count. A unit of a container holds a
 * reference to @ns.
 */
struct nyx_tenant {
	struct hlist_node node;
	kuid_t uid;
	struct user_namespace *ns;
	unsigned int nr_units;
	atomic_t count[NYX_TENANT_COUNTS];
};

static struct mutex *tenants_lock;
static DEFINE_HASHTABLE(tenants, 8);
static unsigned int max_per_user;

void nyx_tenants_init(struct mutex *lock, unsigned int per_user)
{
	tenants_lock = lock;
	max_per_user = per_user;
}

/*
 * Find the tenants that the units of the current process count for.
 *
 * A user with subordinate ids is many users inside the namespaces that it makes, so the
 * owner of the outermost namespace counts. Root makes namespaces for others: such a
 * namespace counts as a container, all its users together.
 */
static void current_tenants(struct nyx_tenant *key)
{
	struct user_namespace *ns, *outermost = NULL;

	key[0] = (struct nyx_tenant) { .uid = current_euid() };
	for (ns = current_user_ns(); ns->parent; ns = ns->parent) {
		outermost = ns;
		if (!uid_eq(ns->owner, GLOBAL_ROOT_UID))
			key[0].uid = ns->owner;
	}
	key[1] = (struct nyx_tenant) { .uid = INVALID_UID };
	if (outermost && uid_eq(outermost->owner, GLOBAL_ROOT_UID))
		key[1].ns = outermost;
}

int nyx_tenants_alloc(struct nyx_tenant **spare)
{
	struct nyx_tenant key[NYX_TENANTS];
	unsigned int i;

	memset(spare, 0, NYX_TENANTS * sizeof(*spare));
	current_tenants(key);
	for (i = 0; i < NYX_TENANTS; i++) {
		if (!uid_valid(key[i].uid) && !key[i].ns)
			continue;
		spare[i] = kmemdup(&key[i], sizeof(key[i]), GFP_CALLER);
		if (!spare[i])
			return -ENOMEM;
	}
	return 0;
}

void nyx_tenants_free(struct nyx_tenant **spare)
{
	unsigned int i;

	for (i = 0; i < NYX_TENANTS; i++)
		kfree(spare[i]);
}

/*
 * Count a unit for the tenant that *spare describes; *spare becomes the tenant if there is
 * none so far.
 */
static struct nyx_tenant *tenant_charge(struct nyx_tenant **spare)
{
	unsigned long hash = __kuid_val((*spare)->uid) ^ (unsigned long)(*spare)->ns;
	struct nyx_tenant *tenant;

	lockdep_assert_held(tenants_lock);
	hash_for_each_possible(tenants, tenant, node, hash) {
		if (uid_eq(tenant->uid, (*spare)->uid) && tenant->ns == (*spare)->ns)
			break;
	}
	if ((tenant ? tenant->nr_units : 0) >= max_per_user &&
	    !ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE))
		return NULL;
	if (!tenant) {
		tenant = *spare;
		*spare = NULL;
		hash_add(tenants, &tenant->node, hash);
	}
	tenant->nr_units++;
	return tenant;
}

int nyx_tenants_charge(struct nyx_unit *unit, struct nyx_tenant **spare)
{
	unsigned int i;

	for (i = 0; i < NYX_TENANTS; i++) {
		if (!spare[i])
			continue;
		unit->tenants[i] = tenant_charge(&spare[i]);
		if (!unit->tenants[i]) {
			nyx_tenants_uncharge(unit);
			return NYX_ERR(UNITS_MAX_USER);
		}
	}
	return 0;
}

void nyx_tenants_uncharge(struct nyx_unit *unit)
{
	struct nyx_tenant *tenant;
	unsigned int i;

	lockdep_assert_held(tenants_lock);
	for (i = 0; i < NYX_TENANTS; i++) {
		tenant = unit->tenants[i];
		unit->tenants[i] = NULL;
		if (tenant && !--tenant->nr_units) {
			hash_del(&tenant->node);
			kfree(tenant);
		}
	}
}

u32 nyx_tenants_add(struct nyx_unit *unit, enum nyx_tenant_count what, int n)
{
	struct nyx_tenant *tenant;
	u32 most = 0;
	unsigned int i;

	/* The tenants stay while the unit has objects. */
	for (i = 0; i < NYX_TENANTS; i++) {
		tenant = unit->tenants[i];
		if (tenant)
			most = max_t(u32, most,
				     atomic_add_return(n, &tenant->count[what]));
	}
	return most;
}

static bool add_up_to(atomic_t *count, u32 n, u32 max)
{
	int old = atomic_read(count);

	do {
		if (n > max || (u32)old > max - n)
			return false;
	} while (!atomic_try_cmpxchg(count, &old, (u32)old + n));
	return true;
}

static bool charge_up_to(struct nyx_unit *unit, enum nyx_tenant_count what, u32 n, u32 max)
{
	unsigned int i;

	for (i = 0; i < NYX_TENANTS; i++) {
		if (unit->tenants[i] && !add_up_to(&unit->tenants[i]->count[what], n, max))
			goto undo;
	}
	return true;
undo:
	while (i--) {
		if (unit->tenants[i])
			atomic_sub(n, &unit->tenants[i]->count[what]);
	}
	return false;
}

bool nyx_tenants_charge_up_to(struct nyx_unit *unit, enum nyx_tenant_count what, u32 n, u32 max)
{
	return charge_up_to(unit, what, n, max) ||
	       (ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE) &&
		charge_up_to(unit, what, n, U32_MAX));
}
