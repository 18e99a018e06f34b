// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: a third model, made up.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "tests/demo_model.h"

#include <linux/bitfield.h>
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "base/reason.h"
#include "core/access/context.h"
#include "core/fault/fault.h"
#include "core/irq/irq.h"
#include "core/irq/irte.h"
#include "core/space/inval.h"
#include "core/unit.h"
#include "viommu/msi.h"

#define NR_REGS	(DEMO_SIZE / sizeof(u64))

/**
 * struct demo - a vIOMMU model
 * @viommu: what the core knows
 * @mutex: serialises writes
 * @lock: protects @reg
 * @reg: the registers
 * @readonly: DEMO_F_READONLY
 * @ticket: what a write has to wait for; under @mutex
 */
struct demo {
	struct nyx_viommu viommu;
	struct mutex mutex;
	spinlock_t lock;
	u64 reg[NR_REGS];
	bool readonly;
	struct nyx_ticket ticket;
};

static struct demo *to_demo(struct nyx_viommu *viommu)
{
	return container_of(viommu, struct demo, viommu);
}

static u64 get_reg(struct demo *demo, u32 offset)
{
	unsigned long flags;
	u64 value;

	spin_lock_irqsave(&demo->lock, flags);
	value = demo->reg[array_index_nospec(offset / sizeof(u64), NR_REGS)];
	spin_unlock_irqrestore(&demo->lock, flags);
	return value;
}

static void set_reg(struct demo *demo, u32 offset, u64 value)
{
	unsigned long flags;

	spin_lock_irqsave(&demo->lock, flags);
	demo->reg[array_index_nospec(offset / sizeof(u64), NR_REGS)] = value;
	spin_unlock_irqrestore(&demo->lock, flags);
}

/* ---- accesses ----------------------------------------------------------- */

static bool demo_decode_device(struct nyx_viommu *viommu, u32 sbdf, u32 pasid,
			       struct nyx_ctx_entry *entry,
			       struct nyx_fault_info *fault)
{
	struct demo *demo = to_demo(viommu);
	u64 context = get_reg(demo, DEMO_CONTEXT(sbdf % DEMO_ENTRIES));

	if (!(context & DEMO_VALID)) {
		*fault = (struct nyx_fault_info) {
			.reason = NYX_FAULT_CONTEXT, .code = DEMO_NO_CONTEXT,
		};
		return false;
	}
	*entry = (struct nyx_ctx_entry) {
		.attrs.perm = (context & DEMO_WRITABLE) && !demo->readonly ?
			      NYX_ACC_RW : NYX_ACC_READ,
		.stage = {
			.kind = NYX_STAGE_IDENTITY,
			.width = viommu->unit->cfg.address_width,
		},
		.table.did = sbdf % DEMO_ENTRIES,
	};
	return true;
}

static u16 demo_fault_code(const struct nyx_fault_info *info)
{
	if (info->code)
		return info->code;
	return info->reason == NYX_FAULT_READ_DENIED ||
	       info->reason == NYX_FAULT_WRITE_DENIED ? DEMO_DENIED : 0;
}

static void demo_log_fault(struct nyx_viommu *viommu, u32 sbdf,
			   const struct nyx_fault_info *info)
{
	set_reg(to_demo(viommu), DEMO_FAULT, FIELD_PREP(DEMO_FAULT_CODE, info->code) |
					     FIELD_PREP(DEMO_FAULT_RID, sbdf & 0xffff));
}

/* ---- interrupts --------------------------------------------------------- */

/* The data of a message is the index of its entry. */
static u32 demo_decode_msg(u32 imode, u32 mode, u64 address, u32 data,
			   struct irt_msg *msg)
{
	*msg = (struct irt_msg){ .index = data };
	return msi_is_irq(address) ? NYX_FAULT_NONE : NYX_FAULT_IRQ_REQUEST;
}

static int demo_decode_irte(struct nyx_viommu *viommu, u32 sbdf, u32 index,
			    struct irt_entry *e, struct nyx_fault_info *fault)
{
	u64 entry = get_reg(to_demo(viommu), DEMO_IRTE(index % DEMO_ENTRIES));

	if (!(entry & DEMO_VALID)) {
		*fault = (struct nyx_fault_info) {
			.reason = NYX_FAULT_IRQ_NOT_PRESENT, .code = DEMO_NO_ENTRY,
		};
		return -EACCES;
	}
	*e = (struct irt_entry) {
		.vector = FIELD_GET(DEMO_VECTOR, entry),
		.dest = FIELD_GET(DEMO_DEST, entry),
	};
	return 0;
}

/* ---- registers and life ------------------------------------------------- */

static int demo_mmio_read(struct nyx_viommu *viommu, u32 offset, u32 size,
			  u64 *value)
{
	*value = get_reg(to_demo(viommu), offset);
	return 0;
}

/* When the write returns, no access and no interrupt uses what the tables said before. */
static int demo_mmio_write(struct nyx_viommu *viommu, u32 offset, u32 size,
			   u64 value)
{
	struct demo *demo = to_demo(viommu);
	int ret;

	if (mutex_lock_killable(&demo->mutex))
		return -EINTR;
	set_reg(demo, offset, offset == DEMO_FAULT ? 0 : value);
	nyx_guest_invalidate_ctx(viommu->unit, NYX_GUEST_ALL_DIDS, &demo->ticket);
	nyx_guest_invalidate_iec(viommu->unit, 0, DEMO_ENTRIES, &demo->ticket);
	ret = nyx_inval_wait(&demo->ticket);
	mutex_unlock(&demo->mutex);
	return ret;
}

static int demo_configure(struct nyx_unit_config *cfg)
{
	const struct demo_options *opt = (const void *)cfg->data;

	if (opt->flags & ~(u32)DEMO_F_READONLY)
		return NYX_ERR(OPTION_UNKNOWN);
	if (cfg->irt_entries)
		return NYX_ERR(MODEL_ENTRIES);
	cfg->address_width = cfg->address_width ?: 48;
	cfg->irt_entries = DEMO_ENTRIES;
	return 0;
}

static struct nyx_viommu *demo_create(struct nyx_unit *unit,
				      const struct nyx_unit_config *cfg)
{
	const struct demo_options *opt = (const void *)cfg->data;
	struct demo *demo = kzalloc(sizeof(*demo), GFP_KERNEL);

	if (!demo)
		return ERR_PTR(-ENOMEM);
	demo->viommu.ops = &demo_model;
	demo->viommu.unit = unit;
	demo->readonly = opt->flags & DEMO_F_READONLY;
	demo->ticket = NYX_TICKET_QUEUE(unit);
	mutex_init(&demo->mutex);
	spin_lock_init(&demo->lock);
	return &demo->viommu;
}

static void demo_destroy(struct nyx_viommu *viommu)
{
	struct demo *demo = to_demo(viommu);

	mutex_destroy(&demo->mutex);
	kfree(demo);
}

const struct nyx_viommu_ops demo_model = {
	.name = "demo",
	.one_segment = true,
	.data_size = sizeof(struct demo_options),
	.configure = demo_configure,
	.create = demo_create,
	.destroy = demo_destroy,
	.mmio_size = DEMO_SIZE,
	.mmio_read = demo_mmio_read,
	.mmio_write = demo_mmio_write,
	.decode_device = demo_decode_device,
	.decode_irte = demo_decode_irte,
	.decode_msg = demo_decode_msg,
	.fault_code = demo_fault_code,
	.log_fault = demo_log_fault,
};
