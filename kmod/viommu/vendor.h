/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: the part that the models of all vendors share: locks, registers, queue.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Locks: a write of a register is done, with all that follows from it, under @mutex; it may
 * execute the whole queue, and wait for accesses and for guest memory. Registers are read
 * and changed under @lock, by faults in any context. Nothing that a write waits for takes
 * @mutex: faults and the decoding of tables take @lock only.
 */
#ifndef NYX_VIOMMU_VENDOR_H
#define NYX_VIOMMU_VENDOR_H

#include <linux/container_of.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "core/viommu.h"
#include "viommu/queue.h"
#include "viommu/regfile.h"
#include "viommu/state.h"

struct state_error;
struct vendor;

/**
 * struct mmio_write - a write of the guest's
 * @offset: of the register, a multiple of @size
 * @size: 4 or 8
 * @value: the written bits
 */
struct mmio_write {
	u32 offset;
	u32 size;
	u64 value;
};

/**
 * struct vendor_ops - a vendor's part of reads, writes and resets
 * @sync: bring the registers up to date before they are read; may sleep. 0 or -EINTR
 * @needs_room: can a write of registers need @make_room? NULL: none can
 * @make_room: allocate what the model needs when its registers have these values, by
 *             &reg_def.index; under &vendor.mutex. 0; -ENOMEM. NULL: it needs nothing
 * @prepare: begin a write, or a change of the whole state; under &vendor.mutex. 0, or
 *           -EINPROGRESS: what was before is not complete, and @resume has to go on;
 *           -EINTR with nothing changed
 * @pending: must @flush run before registers change? Under &vendor.lock. NULL: never
 * @flush: end what is pending; under &vendor.mutex. 0 or -EINTR
 * @release: undo @prepare; under &vendor.mutex. NULL: there is nothing to undo
 * @adjust: a register was written: change the registers that follow it; under
 *          &vendor.lock
 * @follow: a register was written: do what follows; under &vendor.mutex. 0; -EINTR;
 *          -EINPROGRESS
 * @resume: go on with what @follow has left; under &vendor.mutex. Returns as @follow
 * @set_state: the architectural state becomes @arch, or that after a reset if @arch is
 *             NULL; under &vendor.lock
 * @rebuild: make all that is derived from the architectural state follow it: what the
 *           core caches of tables, and how it treats interrupts; wait until no access
 *           uses what was before; under &vendor.mutex. 0 or -EINTR
 */
struct vendor_ops {
	int (*sync)(struct vendor *vendor);
	bool (*needs_room)(const struct mmio_write *write);
	int (*make_room)(struct vendor *vendor, const u64 *reg);
	int (*prepare)(struct vendor *vendor);
	bool (*pending)(struct vendor *vendor);
	int (*flush)(struct vendor *vendor);
	void (*release)(struct vendor *vendor);
	void (*adjust)(struct vendor *vendor, const struct reg_write *w);
	int (*follow)(struct vendor *vendor, const struct reg_write *w);
	int (*resume)(struct vendor *vendor);
	void (*set_state)(struct vendor *vendor, const void *arch);
	int (*rebuild)(struct vendor *vendor);
};

/* Limit on the registers of a model. */
#define VENDOR_REGS_MAX	48u

/**
 * struct vendor - the part of a unit's model that all vendors share
 * @viommu: the core's view of the model
 * @ops: the vendor's part; const after init
 * @mutex: serialises writes and the queue
 * @lock: protects the registers, and the vendor's state beside them
 * @state: tables of the architectural state; const after init
 * @regs: the registers, a part of that state
 * @queue: the invalidation queue or command buffer; under @mutex
 */
struct vendor {
	struct nyx_viommu viommu;
	const struct vendor_ops *ops;
	struct mutex mutex;
	spinlock_t lock;
	const struct state_desc *state;
	struct regfile regs;
	struct queue queue;
};

/**
 * vendor_init() - prepare the common part
 * @vendor: the common part
 * @unit: the unit
 * @viommu_ops: operations for the core
 * @ops: the vendor's part
 * @queue_ops: the vendor's queue
 *
 * Context: may sleep.
 */
void vendor_init(struct vendor *vendor, struct nyx_unit *unit,
		 const struct nyx_viommu_ops *viommu_ops,
		 const struct vendor_ops *ops, const struct queue_ops *queue_ops);

/**
 * vendor_init_state() - name the architectural state
 * @vendor: the common part
 * @state: its tables
 * @arch: the state, which is set to reset values
 */
void vendor_init_state(struct vendor *vendor, const struct state_desc *state,
		       void *arch);

/**
 * vendor_fini() - undo vendor_init()
 * @vendor: the common part, without users
 */
void vendor_fini(struct vendor *vendor);

/**
 * vendor_set_state() - change the architectural state as a whole
 * @vendor: the common part
 * @arch: the new state, which the tables allow; NULL: as after a reset
 *
 * On return no access and no interrupt uses the old state any more.
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM with nothing changed; -EINTR if the caller was killed.
 */
int vendor_set_state(struct vendor *vendor, const void *arch);

/**
 * vendor_copy_state() - copy a state to the current one
 * @vendor: the common part
 * @arch: the new state; NULL: as after a reset
 *
 * Context: under &vendor.lock.
 */
void vendor_copy_state(struct vendor *vendor, const void *arch);

/*
 * See &nyx_viommu_ops.mmio_read, mmio_write, resume, reset, is_reset, sync_registers and
 * next_register.
 */
int vendor_mmio_read(struct nyx_viommu *viommu, u32 offset, u32 size,
		     u64 *value);
int vendor_mmio_write(struct nyx_viommu *viommu, u32 offset, u32 size,
		      u64 value);
int vendor_resume(struct nyx_viommu *viommu);
int vendor_reset(struct nyx_viommu *viommu);
bool vendor_is_reset(struct nyx_viommu *viommu);
int vendor_sync_registers(struct nyx_viommu *viommu);
bool vendor_next_register(struct nyx_viommu *viommu, u64 key,
			  struct nyx_register *reg);

/* See &nyx_viommu_ops.finish and save_size. */
int vendor_finish(struct nyx_viommu *viommu);
size_t vendor_save_size(const struct nyx_viommu *viommu);

/**
 * vendor_save() - write the architectural state of a unit to a stream
 * @viommu: the vIOMMU model
 * @to: state_save_size() bytes
 *
 * The function first finishes what an access of a register finishes: commands whose writer
 * was killed, and entries on the way to a log. The stream has the state of one moment;
 * keeping the unit in that state is up to the caller.
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM; -EINTR if the caller was killed.
 */
int vendor_save(struct nyx_viommu *viommu, void *to);

/**
 * vendor_load() - read the architectural state of a unit from a stream
 * @viommu: the vIOMMU model
 * @from: the stream, see state_load()
 * @len: its bytes
 * @error: set on -EINVAL
 *
 * Context: may sleep.
 * Return: 0; with nothing changed: -EINVAL, -ENOMEM; -EINTR if the caller was killed,
 * perhaps after the state was changed.
 */
int vendor_load(struct nyx_viommu *viommu, const void *from, size_t len,
		struct state_error *error);

static inline struct vendor *to_vendor(struct nyx_viommu *viommu)
{
	return container_of(viommu, struct vendor, viommu);
}

#endif /* NYX_VIOMMU_VENDOR_H */
