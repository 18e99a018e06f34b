// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: save and load the architectural state of a unit.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "base/export.h"
#include "base/types.h"
#include "viommu/stream.h"
#include "viommu/vendor.h"

/* Copy the state to @arch, if not NULL, unless something is pending. False: something is. */
static bool get_state(struct vendor *vendor, void *arch)
{
	bool done;

	spin_lock_irq(&vendor->lock);
	done = !vendor->ops->pending || !vendor->ops->pending(vendor);
	if (done && arch)
		memcpy(arch, vendor->regs.value, vendor->state->size);
	spin_unlock_irq(&vendor->lock);
	return done;
}

/* Finish what is under way, and copy the state if @arch is not NULL. */
static int get_final_state(struct vendor *vendor, void *arch)
{
	const struct vendor_ops *ops = vendor->ops;
	int ret;

	if (mutex_lock_killable(&vendor->mutex))
		return -EINTR;
	ret = ops->resume(vendor);
	if (!ret)
		ret = ops->prepare(vendor);
	if (ret)
		goto out_unlock;
	while (!ret && !get_state(vendor, arch))
		ret = ops->flush(vendor);
	if (ops->release)
		ops->release(vendor);
out_unlock:
	mutex_unlock(&vendor->mutex);
	return ret;
}

int vendor_finish(struct nyx_viommu *viommu)
{
	return get_final_state(to_vendor(viommu), NULL);
}

size_t vendor_save_size(const struct nyx_viommu *viommu)
{
	return state_save_size(container_of(viommu, const struct vendor, viommu)->state);
}

int vendor_save(struct nyx_viommu *viommu, void *to)
{
	struct vendor *vendor = to_vendor(viommu);
	void *arch = kvzalloc(vendor->state->size, GFP_CALLER);
	int ret;

	if (!arch)
		return -ENOMEM;
	ret = get_final_state(vendor, arch);
	if (!ret)
		state_save(vendor->state, arch, to);
	kvfree(arch);
	return ret;
}

int vendor_load(struct nyx_viommu *viommu, const void *from, size_t len,
		struct state_error *error)
{
	struct vendor *vendor = to_vendor(viommu);
	void *arch = kvzalloc(vendor->state->size, GFP_CALLER);
	int ret;

	if (!arch)
		return -ENOMEM;
	ret = state_load(vendor->state, from, len, arch, error);
	if (!ret)
		ret = vendor_set_state(vendor, arch);
	kvfree(arch);
	return ret;
}

NYX_EXPORT_FOR_TEST(vendor_save);
NYX_EXPORT_FOR_TEST(vendor_load);
