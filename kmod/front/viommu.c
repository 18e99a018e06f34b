// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the part that the models of all vendors share: reads, writes, reset.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "front/viommu.h"

#include "core/context.h"

int viommu_mmio_read(struct nyx_front *front, u32 offset, u32 size, u64 *value)
{
	struct viommu *viommu = to_viommu(front);
	int ret = viommu->ops->sync(viommu);

	if (ret)
		return ret;
	spin_lock_irq(&viommu->lock);
	*value = regfile_read(&viommu->regs, offset, size);
	spin_unlock_irq(&viommu->lock);
	return 0;
}

/* Change registers, unless something is pending. False: something is. */
static bool write_registers(struct viommu *viommu, const struct mmio_write *write,
			    struct reg_write w[2], unsigned int *n)
{
	unsigned int i;
	bool done;

	spin_lock_irq(&viommu->lock);
	done = !viommu->ops->pending || !viommu->ops->pending(viommu);
	if (done) {
		*n = regfile_write(&viommu->regs, write->offset, write->size,
				   write->value, w);
		for (i = 0; i < *n; i++)
			viommu->ops->adjust(viommu, &w[i]);
	}
	spin_unlock_irq(&viommu->lock);
	return done;
}

int viommu_mmio_write(struct nyx_front *front, u32 offset, u32 size, u64 value)
{
	const struct mmio_write write = { offset, size, value };
	struct viommu *viommu = to_viommu(front);
	const struct viommu_ops *ops = viommu->ops;
	struct reg_write w[2];
	unsigned int n = 0, i;
	int ret;

	if (mutex_lock_killable(&viommu->mutex))
		return -EINTR;
	ret = ops->prepare(viommu, &write);
	if (ret)
		goto out_unlock;
	while (!ret && !write_registers(viommu, &write, w, &n))
		ret = ops->flush(viommu);
	if (ops->release)
		ops->release(viommu);
	for (i = 0; i < n && !ret; i++)
		ret = ops->follow(viommu, &w[i]);
out_unlock:
	mutex_unlock(&viommu->mutex);
	return ret;
}

bool viommu_next_register(struct nyx_front *front, u64 key, struct nyx_register *reg)
{
	struct viommu *viommu = to_viommu(front);
	bool found;

	/* A thread that was killed sees the registers as they are. */
	viommu->ops->sync(viommu);
	spin_lock_irq(&viommu->lock);
	found = state_next(viommu->state, viommu->regs.value, key, reg);
	spin_unlock_irq(&viommu->lock);
	return found;
}

static void reset_state(struct viommu *viommu)
{
	spin_lock_irq(&viommu->lock);
	viommu->ops->reset_state(viommu);
	spin_unlock_irq(&viommu->lock);
}

int viommu_reset(struct nyx_front *front)
{
	struct viommu *viommu = to_viommu(front);
	const struct viommu_ops *ops = viommu->ops;
	int ret;

	if (mutex_lock_killable(&viommu->mutex))
		return -EINTR;
	ret = ops->prepare(viommu, NULL);
	if (ret)
		goto out_unlock;
	reset_state(viommu);
	nyx_guest_invalidate(front->unit, NYX_GUEST_ALL_TAGS, 0, U64_MAX,
			     &viommu->queue.ticket);
	ret = ops->forget(viommu);
	/* Once more: accesses of before may have recorded faults meanwhile. */
	reset_state(viommu);
	if (ops->release)
		ops->release(viommu);
out_unlock:
	mutex_unlock(&viommu->mutex);
	return ret;
}

void viommu_init(struct viommu *viommu, struct nyx_unit *unit,
		 const struct nyx_front_ops *front_ops,
		 const struct viommu_ops *ops, const struct queue_ops *queue_ops)
{
	viommu->front.ops = front_ops;
	viommu->front.unit = unit;
	viommu->ops = ops;
	queue_init(&viommu->queue, unit, queue_ops);
	mutex_init(&viommu->mutex);
	spin_lock_init(&viommu->lock);
}

void viommu_set_state(struct viommu *viommu, const struct state_desc *state,
		      void *arch)
{
	viommu->state = state;
	viommu->regs.def = state->reg;
	viommu->regs.nr = state->nr_regs;
	viommu->regs.value = arch;
	state_reset(state, arch);
}

void viommu_fini(struct viommu *viommu)
{
	mutex_destroy(&viommu->mutex);
}
