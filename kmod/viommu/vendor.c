// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the part that the models of all vendors share: reads, writes, reset.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/vendor.h"

#include "core/access/context.h"

int vendor_mmio_read(struct nyx_viommu *viommu, u32 offset, u32 size,
		     u64 *value)
{
	struct vendor *vendor = to_vendor(viommu);
	int ret = vendor->ops->sync(vendor);

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

int vendor_mmio_write(struct nyx_viommu *viommu, u32 offset, u32 size,
		      u64 value)
{
	const struct mmio_write write = { offset, size, value };
	struct vendor *vendor = to_vendor(viommu);
	const struct vendor_ops *ops = vendor->ops;
	struct reg_write w[2];
	unsigned int n = 0, i;
	int ret;

	if (mutex_lock_killable(&vendor->mutex))
		return -EINTR;
	ret = ops->prepare(vendor, &write);
	if (ret)
		goto out_unlock;
	while (!ret && !write_registers(vendor, &write, w, &n))
		ret = ops->flush(vendor);
	if (ops->release)
		ops->release(vendor);
	for (i = 0; i < n && !ret; i++)
		ret = ops->follow(vendor, &w[i]);
out_unlock:
	mutex_unlock(&vendor->mutex);
	return ret;
}

int vendor_sync_registers(struct nyx_viommu *viommu)
{
	struct vendor *vendor = to_vendor(viommu);

	return vendor->ops->sync(vendor);
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

static void reset_state(struct vendor *vendor)
{
	spin_lock_irq(&vendor->lock);
	vendor->ops->reset_state(vendor);
	spin_unlock_irq(&vendor->lock);
}

int vendor_reset(struct nyx_viommu *viommu)
{
	struct vendor *vendor = to_vendor(viommu);
	const struct vendor_ops *ops = vendor->ops;
	int ret;

	if (mutex_lock_killable(&vendor->mutex))
		return -EINTR;
	ret = ops->prepare(vendor, NULL);
	if (ret)
		goto out_unlock;
	reset_state(vendor);
	nyx_guest_invalidate_iotlb(viommu->unit, NYX_GUEST_ALL_TAGS, 0, U64_MAX,
				   &vendor->queue.ticket);
	ret = ops->forget(vendor);
	/* Once more: accesses of before may have recorded faults meanwhile. */
	reset_state(vendor);
	if (ops->release)
		ops->release(vendor);
out_unlock:
	mutex_unlock(&vendor->mutex);
	return ret;
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

void vendor_set_state(struct vendor *vendor, const struct state_desc *state,
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
