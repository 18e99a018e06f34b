// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the part that the models of all vendors share: reads, writes, reset.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/vendor.h"

#include <linux/string.h>

#include "base/export.h"
#include "core/access/context.h"

int vendor_mmio_read(struct nyx_viommu *viommu, u32 offset, u32 size,
		     u64 *value)
{
	struct vendor *vendor = to_vendor(viommu);
	int ret = vendor_sync_registers(viommu);

	if (ret)
		return ret;
	spin_lock_irq(&vendor->lock);
	*value = regfile_read(&vendor->regs, offset, size);
	spin_unlock_irq(&vendor->lock);
	return 0;
}

/* Change registers, unless something is pending. False: something is. */
static bool write_registers(struct vendor *vendor, const struct mmio_write *write,
			    struct reg_write w[2], unsigned int *n)
{
	unsigned int i;
	bool done;

	spin_lock_irq(&vendor->lock);
	done = !vendor->ops->pending || !vendor->ops->pending(vendor);
	if (done) {
		*n = regfile_write(&vendor->regs, write->offset, write->size,
				   write->value, w);
		for (i = 0; i < *n; i++)
			vendor->ops->adjust(vendor, &w[i]);
	}
	spin_unlock_irq(&vendor->lock);
	return done;
}

/*
 * Make room for the values that a write asks for. Faults may change other registers
 * meanwhile.
 */
static int make_room(struct vendor *vendor, const struct mmio_write *write)
{
	struct regfile after = vendor->regs;
	u64 value[VENDOR_REGS_MAX];
	struct reg_write w[2];

	if (!vendor->ops->needs_room || !vendor->ops->needs_room(write))
		return 0;
	spin_lock_irq(&vendor->lock);
	memcpy(value, vendor->regs.value, vendor->regs.nr * sizeof(*value));
	spin_unlock_irq(&vendor->lock);
	after.value = value;
	regfile_write(&after, write->offset, write->size, write->value, w);
	return vendor->ops->make_room(vendor, value);
}

int vendor_mmio_write(struct nyx_viommu *viommu, u32 offset, u32 size,
		      u64 value)
{
	const struct mmio_write write = { offset, size, value };
	struct vendor *vendor = to_vendor(viommu);
	const struct vendor_ops *ops = vendor->ops;
	struct reg_write w[2];
	unsigned int n = 0, i;
	bool pending;
	int ret, err;

	if (mutex_lock_killable(&vendor->mutex))
		return -EINTR;
	ret = make_room(vendor, &write);
	if (!ret)
		ret = ops->prepare(vendor);
	/* The ticket of the queue has what a command before has left. */
	pending = ret == -EINPROGRESS;
	if (ret && !pending)
		goto out_unlock;
	ret = 0;
	while (!ret && !write_registers(vendor, &write, w, &n))
		ret = ops->flush(vendor);
	if (ops->release)
		ops->release(vendor);
	for (i = 0; i < n && !ret; i++) {
		err = ops->follow(vendor, &w[i]);
		if (err == -EINPROGRESS)
			pending = true;
		else if (err)
			ret = err;
	}
	if (!ret && pending)
		ret = NYX_VIOMMU_PENDING;
out_unlock:
	mutex_unlock(&vendor->mutex);
	return ret;
}

int vendor_resume(struct nyx_viommu *viommu)
{
	struct vendor *vendor = to_vendor(viommu);
	int ret;

	if (mutex_lock_killable(&vendor->mutex))
		return -EINTR;
	ret = vendor->ops->resume(vendor);
	mutex_unlock(&vendor->mutex);
	return ret;
}

int vendor_sync_registers(struct nyx_viommu *viommu)
{
	struct vendor *vendor = to_vendor(viommu);
	int ret = vendor->ops->sync(vendor);

	/* Until a listener is done, the registers show that a command is not. */
	return ret == -EINPROGRESS ? 0 : ret;
}

bool vendor_next_register(struct nyx_viommu *viommu, u64 key,
			  struct nyx_register *reg)
{
	struct vendor *vendor = to_vendor(viommu);
	bool found;

	spin_lock_irq(&vendor->lock);
	found = state_next(vendor->state, vendor->regs.value, key, reg);
	spin_unlock_irq(&vendor->lock);
	return found;
}

void vendor_copy_state(struct vendor *vendor, const void *arch)
{
	if (arch)
		memcpy(vendor->regs.value, arch, vendor->state->size);
	else
		state_reset(vendor->state, vendor->regs.value);
}

bool vendor_is_reset(struct nyx_viommu *viommu)
{
	struct vendor *vendor = to_vendor(viommu);
	bool reset;

	spin_lock_irq(&vendor->lock);
	reset = state_is_reset(vendor->state, vendor->regs.value);
	spin_unlock_irq(&vendor->lock);
	return reset;
}

static void set_state(struct vendor *vendor, const void *arch)
{
	spin_lock_irq(&vendor->lock);
	vendor->ops->set_state(vendor, arch);
	spin_unlock_irq(&vendor->lock);
}

int vendor_set_state(struct vendor *vendor, const void *arch)
{
	const struct vendor_ops *ops = vendor->ops;
	int ret = 0;

	if (mutex_lock_killable(&vendor->mutex))
		return -EINTR;
	if (arch && ops->make_room)
		ret = ops->make_room(vendor, arch);
	if (!ret)
		ret = ops->prepare(vendor);
	if (ret && ret != -EINPROGRESS)
		goto out_unlock;
	set_state(vendor, arch);
	nyx_guest_invalidate_iotlb(vendor->viommu.unit, NYX_GUEST_ALL_DIDS, 0, U64_MAX,
				   &vendor->queue.ticket);
	ret = ops->rebuild(vendor);
	/* Set the state again: accesses of before may have recorded faults meanwhile. */
	set_state(vendor, arch);
	if (ops->release)
		ops->release(vendor);
out_unlock:
	mutex_unlock(&vendor->mutex);
	return ret;
}

int vendor_reset(struct nyx_viommu *viommu)
{
	return vendor_set_state(to_vendor(viommu), NULL);
}

void vendor_init(struct vendor *vendor, struct nyx_unit *unit,
		 const struct nyx_viommu_ops *viommu_ops,
		 const struct vendor_ops *ops, const struct queue_ops *queue_ops)
{
	vendor->viommu.ops = viommu_ops;
	vendor->viommu.unit = unit;
	vendor->ops = ops;
	queue_init(&vendor->queue, unit, queue_ops);
	mutex_init(&vendor->mutex);
	spin_lock_init(&vendor->lock);
}

void vendor_init_state(struct vendor *vendor, const struct state_desc *state,
		       void *arch)
{
	vendor->state = state;
	vendor->regs.def = state->reg;
	vendor->regs.nr = state->nr_regs;
	vendor->regs.value = arch;
	state_reset(state, arch);
}

void vendor_fini(struct vendor *vendor)
{
	mutex_destroy(&vendor->mutex);
}

NYX_EXPORT_FOR_TEST(vendor_mmio_read);
NYX_EXPORT_FOR_TEST(vendor_mmio_write);
NYX_EXPORT_FOR_TEST(vendor_reset);
