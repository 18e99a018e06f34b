/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: an IOMMU unit.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * A unit owns all that belongs to one emulated IOMMU: guest memory, domains,
 * devices, translation cache, events. It has users (file descriptors bound to
 * it) and references to its memory. Its life:
 *
 *   created (one user) -> [persistent or not] -> ended -> torn down -> freed
 *
 * It ends when the last user of a unit that is not persistent leaves, or when it is
 * destroyed by command; from then on no lookup finds it, and commands on it fail. It is
 * torn down when it has ended and its last user has left; until then it counts for the
 * limits on units. No command can be under way then, because a command is a user. A command
 * that lists units, or shows one, holds a reference and @lock, and finds an ended unit
 * empty.
 *
 * Lock order, outermost first; rendered in Documentation/explanation/locking.rst:
 *
 *   nyx_gate::lock      whether commands may use the unit
 *   nyx_changes::lock   one reader of a change stream
 *   units_lock          (core/unit.c) names, ids, users, the end of units
 *   nyx_unit::lock      the unit's objects, which device is attached where,
 *                       and the writers' side of the memory map
 *   nyx_domain::lock         the writers' side of the page table, invalidations
 *   epoch::lock              drains that wait
 *   nyx_views::lock          the list of views
 *   nyx_inval::lock          (spinlock) posts that no wait has covered
 *   nyx_listeners::lock      (likewise) listeners, and what is marked in them
 *   nyx_fault_tracker::lock  (spinlock, any context) a device's state
 *   nyx_window::lock         (likewise) words of domains
 *   nyx_deadlines::lock      (likewise) trackers that wait for a time
 *   nyx_events::lock         (likewise) the event ring
 *
 * nyx_pages::lock (page requests) and nyx_irq::lock (interrupt remapping) stand beside
 * these: no code takes either inside one of the first three locks, nor the reverse. The
 * locks of core/irq/irqfd.h are inside nyx_irq::lock.
 *
 * nyx_window::allocating is inside all mutexes; a process may hold its mmap_lock.
 *
 * No thread waits for accesses in flight with one of these mutexes held, except
 * epoch::lock: an access may wait for user space, and commands that only inspect a unit
 * take these mutexes, too.
 *
 * Translations and accesses take none of these locks: they find device and domain under
 * RCU, enter the domain's epoch, and read tables, cache and memory map by the lock-free
 * rules of each.
 */
#ifndef NYX_CORE_UNIT_H
#define NYX_CORE_UNIT_H

#include <linux/cache.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/nyx_iommu.h>
#include <linux/rbtree.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/xarray.h>

#include "core/access/context.h"
#include "core/access/page.h"
#include "core/account/stats.h"
#include "core/account/tenant.h"
#include "core/fault/event.h"
#include "core/fault/quarantine.h"
#include "core/gate.h"
#include "core/irq/irq.h"
#include "core/space/dirty.h"
#include "core/space/inval.h"
#include "core/space/listener.h"
#include "core/space/view.h"
#include "core/window/window.h"
#include "mem/memslots.h"
#include "tlb/epoch.h"
#include "tlb/iotlb.h"

struct dentry;
struct device;
struct mm_struct;
struct nyx_domain;
struct pid_namespace;
struct user_namespace;

/**
 * struct nyx_unit_config - configuration of a unit; all values resolved
 * @model: of enum nyx_model
 * @address_width: bits of the widest IOVA
 * @iotlb_entries: size of the translation cache; 0: none
 * @event_entries: size of the event ring
 * @max_domains: limit
 * @max_devices: limit
 * @max_memory: limit
 * @view_timeout_ms: how long a wait lets a view hold it up
 * @irt_entries: size of the interrupt remapping table; 0: each device has one
 * @data_len: bytes of @data that the model has
 * @data: options, which only the model interprets
 * @group: group of the device node, which may look at the unit in sysfs
 * @name: name, or empty
 * @persist: the unit survives its last user; under units_lock
 * @shared: other processes of the owner may open the unit, and all of &nyx_unit.mem is
 *          REGION_SHARED; written under &nyx_unit.lock, never false again
 * @policy: fault policy of devices without one of their own; under &nyx_unit.lock
 *
 * Commands change @persist, @shared and @policy. The rest is const after init.
 */
struct nyx_unit_config {
	u32 model;
	u32 address_width;
	u32 iotlb_entries;
	u32 event_entries;
	u32 max_domains;
	u32 max_devices;
	u32 max_memory;
	u32 view_timeout_ms;
	u32 irt_entries;
	u32 data_len;
	u64 data[NYX_UNIT_DATA_MAX / sizeof(u64)];
	kgid_t group;
	char name[NYX_NAME_LEN];
	bool persist;
	bool shared;
	struct nyx_policy policy;
};

/**
 * struct nyx_unit_state - plain state of a unit, beside its objects
 * @retired: sums of the counters of destroyed domains
 * @next_domain: where the search for a free domain id begins
 *
 * Plain data.
 */
struct nyx_unit_state {
	u64 retired[NYX_STAT_MAX];
	u32 next_domain;
};

/**
 * struct nyx_unit - an IOMMU unit
 * @id: its id; const after init
 * @dead: the unit has ended; written under units_lock
 * @devices: struct nyx_device by SBDF; writers under @lock
 * @mem: guest memory; writers under @lock
 * @iotlb: translation cache
 * @window: what processes see of devices, domains and @iotlb
 * @views: processes that look at @window
 * @listeners: holders of copies of translations
 * @streams: struct nyx_changes by id
 * @domains: struct nyx_domain by id; writers under @lock
 * @events: event stream; const after init
 * @owner: the user who owns the unit; const after init
 * @user_ns: the user namespace of that user, held; const after init
 * @pid_ns: the process namespace of its creator, held; const after init
 * @cfg: configuration
 * @guest: the guest's side: the vIOMMU model, and generations of the guest's tables
 * @irq: interrupt remapping
 * @mem_epoch: see nyx_guest_mem_enter()
 * @gate: keeps commands out while the unit is stopped or loaded
 * @mm: address space of the creator, which alone may add private memory, and open the unit
 *      to use it, while the unit is not shared; for comparison only, holds mm_count; const
 *      after init
 * @ref: references to the memory of this struct
 * @users: file descriptors bound to it; under units_lock
 * @tenants: the user and the container that the unit counts for, or NULL; written under
 *           units_lock, while no other thread has the unit
 * @lock: protects the fields below, and changes of @devices, @domains and @mem
 * @nr_memory: ranges in @mem
 * @nr_domains: entries of @domains
 * @names: those of @domains that have names
 * @blocked_domain: the domain of devices that have no other; NULL once the unit is
 *                  torn down
 * @nr_devices: entries of @devices
 * @nr_targets: targets of @streams
 * @state: plain state of the unit, beside its objects
 * @inval: invalidations that no wait has covered
 * @pages: page requests
 * @dirty: dirty tracking
 * @deadlines: what is due for devices at some time
 * @nr_quarantined: devices that are quarantined or disabled
 * @dev: directory in sysfs; obs/'s
 * @debugfs: directory in debugfs; obs/'s
 *
 * Fields that accesses read come first; those that commands write have cache
 * lines of their own.
 */
struct nyx_unit {
	u32 id;
	bool dead;
	struct xarray devices;
	struct memslots mem;
	struct iotlb iotlb;
	struct nyx_window window;
	struct nyx_views views;
	struct nyx_listeners listeners;
	struct xarray streams;
	struct xarray domains;
	struct nyx_events *events;
	kuid_t owner;
	struct user_namespace *user_ns;
	struct pid_namespace *pid_ns;
	struct nyx_unit_config cfg;
	struct nyx_guest guest;
	struct nyx_irq irq;
	struct epoch mem_epoch;
	struct nyx_gate gate;
	struct mm_struct *mm;

	struct kref ref ____cacheline_aligned_in_smp;
	unsigned int users;
	struct nyx_tenant *tenants[NYX_TENANTS];

	struct mutex lock;
	unsigned int nr_memory;
	unsigned int nr_domains;
	struct rb_root names;
	struct nyx_domain *blocked_domain;
	unsigned int nr_devices;
	unsigned int nr_targets;
	struct nyx_unit_state state;
	struct nyx_inval inval;

	struct nyx_pages pages;
	struct nyx_dirty dirty;
	struct nyx_deadlines deadlines;
	atomic_t nr_quarantined;

	struct device *dev;
	struct dentry *debugfs;
};

/**
 * struct nyx_observer - callbacks of the code that shows units to people
 * @add: called before lookups find a unit; an error fails the unit's creation
 * @remove: called when a unit has ended; no reader looks at the unit after the return
 *
 * Both are called without a lock.
 */
struct nyx_observer {
	int (*add)(struct nyx_unit *unit);
	void (*remove)(struct nyx_unit *unit);
};

/**
 * nyx_unit_init() - prepare for units
 * @max: limit on units in the system
 * @per_user: limit on units of a user, in all its user namespaces together,
 *            without CAP_SYS_RESOURCE
 * @observer: callbacks for each unit
 *
 * Context: while the module starts.
 */
void nyx_unit_init(unsigned int max, unsigned int per_user,
		   const struct nyx_observer *observer);

/**
 * nyx_unit_exit() - wait for the RCU callbacks of destroyed units
 *
 * Context: may sleep. No unit exists.
 */
void nyx_unit_exit(void);

/**
 * nyx_unit_create() - make a unit
 * @cfg: its configuration, but for &nyx_unit_config.policy: a unit begins with the default
 *
 * Context: may sleep.
 * Return: the unit, of which the caller is the first user, or ERR_PTR:
 * -EEXIST if the owner has a unit of that name, -ENOSPC at the limit on units,
 * -EOPNOTSUPP if there is no such model, -ENOMEM.
 */
struct nyx_unit *nyx_unit_create(const struct nyx_unit_config *cfg);

/**
 * nyx_unit_open() - become a user of a unit
 * @id: its id, or NYX_ID_ANY
 * @name: its name, if @id is NYX_ID_ANY
 * @owner: its owner; INVALID_UID: the current user
 * @inspect: set to whether the caller has only the right to inspect it
 *
 * Context: may sleep.
 * Return: the unit, or ERR_PTR: -ENOENT if @owner has no such unit; -EACCES if it
 * is not open to the caller.
 */
struct nyx_unit *nyx_unit_open(u32 id, const char *name, kuid_t owner,
			       bool *inspect);

/**
 * nyx_unit_use() - make something else a user of a unit
 * @unit: the unit, of which the caller is a user; nyx_unit_close() undoes it
 *
 * Context: may sleep.
 */
void nyx_unit_use(struct nyx_unit *unit);

/**
 * nyx_unit_is_visible() - may the current user see the state of a unit?
 * @unit: the unit
 *
 * Context: any process.
 * Return: true for the owner, and with CAP_SYS_ADMIN in its user namespace.
 */
bool nyx_unit_is_visible(const struct nyx_unit *unit);

/**
 * nyx_unit_share() - let other processes of a unit's owner open it
 * @unit: the unit, of which the caller is a user
 *
 * Context: may sleep.
 * Return: 0, -EBUSY if the unit has memory that other processes may not reach.
 */
int nyx_unit_share(struct nyx_unit *unit);

/**
 * nyx_unit_close() - stop being a user of a unit
 * @unit: the unit; ends with its last user unless persistent
 *
 * Context: may sleep.
 */
void nyx_unit_close(struct nyx_unit *unit);

/**
 * nyx_unit_set_persist() - say whether a unit survives its last user
 * @unit: the unit, of which the caller is a user
 * @persist: the unit does
 *
 * Context: may sleep.
 * Return: 0, -ENODEV if it has ended, -EINVAL if the unit is not shared, so that no process
 * could open it again.
 */
int nyx_unit_set_persist(struct nyx_unit *unit, bool persist);

/**
 * nyx_unit_destroy() - end a unit
 * @unit: the unit, of which the caller is a user
 *
 * Context: may sleep.
 * Return: 0, or -ENODEV if it has ended.
 */
int nyx_unit_destroy(struct nyx_unit *unit);

/**
 * nyx_unit_next() - find the next unit by id
 * @id: the first id of interest
 *
 * Context: may sleep.
 * Return: the unit with a reference for nyx_unit_put(), or NULL.
 */
struct nyx_unit *nyx_unit_next(u32 id);

void nyx_unit_put(struct nyx_unit *unit);

/**
 * nyx_unit_count() - units in the system that have not ended
 * @max: set to the limit
 *
 * Context: any.
 * Return: their number.
 */
unsigned int nyx_unit_count(unsigned int *max);

/**
 * struct nyx_unit_totals - sums over a unit's objects
 * @mapped: bytes mapped in its domains
 * @tables: bytes of page tables
 * @faults: faults reported
 */
struct nyx_unit_totals {
	u64 mapped;
	u64 tables;
	u64 faults;
};

/**
 * nyx_unit_get_totals() - sum over a unit's objects
 * @unit: the unit
 * @totals: set
 *
 * Context: under &nyx_unit.lock.
 */
void nyx_unit_get_totals(struct nyx_unit *unit, struct nyx_unit_totals *totals);

/**
 * nyx_unit_get_stats() - counters of a unit
 * @unit: the unit
 * @count: array of NYX_STAT_MAX, set
 *
 * Context: under &nyx_unit.lock.
 */
void nyx_unit_get_stats(struct nyx_unit *unit, u64 *count);

#endif /* NYX_CORE_UNIT_H */
