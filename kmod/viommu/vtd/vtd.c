// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: Intel VT-d: registers, and what the core asks.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/vtd/vtd.h"

#include <linux/bitfield.h>
#include <linux/err.h>
#include <linux/slab.h>

#include "base/reason.h"
#include "base/types.h"
#include "core/access/context.h"
#include "core/fault/fault.h"
#include "core/irq/irq.h"
#include "core/irq/irte.h"
#include "core/space/memory.h"
#include "core/unit.h"
#include "viommu/msi.h"
#include "viommu/pid.h"
#include "viommu/viommu.h"

/* ---- what the core asks --------------------------------------------------- */

/* Translation is off: all accesses pass, also to the range of interrupt messages. */
static void make_identity(const struct vtd *vtd, struct nyx_ctx_entry *entry)
{
	*entry = (struct nyx_ctx_entry) {
		.attrs.perm = NYX_ACC_RW,
		.stage = {
			.kind = NYX_STAGE_IDENTITY,
			.width = vtd->cfg.shape.haw,
		},
	};
}

static void make_entry(const struct vtd *vtd, const struct vtd_context *ctx,
		       struct nyx_ctx_entry *entry)
{
	*entry = (struct nyx_ctx_entry) {
		.attrs = {
			.perm = NYX_ACC_RW,
			.fpd = ctx->fpd,
		},
		.stage = {
			.kind = ctx->pass_through ? NYX_STAGE_IDENTITY :
						    NYX_STAGE_GUEST,
			.width = ctx->width,
			.msi_window = true,
		},
		.table = {
			.did = ctx->did,
			.cfg = {
				.format = PT_VTDSS,
				.levels = ctx->levels,
				.va_lg2 = ctx->width,
				.page_sizes = vtd->cfg.page_sizes,
			},
			.root = ctx->root,
		},
	};
}

static bool vtd_decode(struct nyx_viommu *viommu, u32 sbdf, u32 pasid,
		       struct nyx_ctx_entry *entry, struct nyx_fault_info *fault)
{
	struct vtd *vtd = to_vtd(viommu);
	const struct pt_guest_mem mem = nyx_guest_mem(viommu->unit);
	struct vtd_context ctx;
	unsigned long flags;
	u64 root, gsts;
	u8 code;

	spin_lock_irqsave(&vtd->base.lock, flags);
	root = vtd->arch.root;
	gsts = vtd->arch.status;
	spin_unlock_irqrestore(&vtd->base.lock, flags);
	if (!(gsts & VTD_GSTS_TES)) {
		make_identity(vtd, entry);
		return true;
	}
	code = vtd_decode_device(&vtd->cfg.shape, root, &mem, sbdf, &ctx);
	if (code) {
		*fault = (struct nyx_fault_info) {
			.reason = NYX_FAULT_CONTEXT,
			.code = code,
			/*
			 * FPD hides only faults that are found after the context entry was
			 * read.
			 */
			.fpd = ctx.fpd,
		};
		return false;
	}
	make_entry(vtd, &ctx, entry);
	return true;
}

/* Entries of the interrupt table that IRTA describes. */
static u32 irt_entries(u64 irta)
{
	return 2u << FIELD_GET(VTD_IRTA_S, irta);
}

static int vtd_decode_entry(struct nyx_viommu *viommu, u32 sbdf, u32 index,
			    struct irt_entry *e, struct nyx_fault_info *fault)
{
	struct vtd *vtd = to_vtd(viommu);
	unsigned long flags;
	u64 irta, base, at, word[2];
	u8 code;
	int ret;

	spin_lock_irqsave(&vtd->base.lock, flags);
	irta = vtd->arch.irta;
	spin_unlock_irqrestore(&vtd->base.lock, flags);

	/* The sender has checked the limit of an older table, which was larger. */
	if (index >= irt_entries(irta)) {
		*fault = (struct nyx_fault_info) {
			.reason = NYX_FAULT_IRQ_INDEX, .code = VTD_IR_INDEX_BEYOND,
		};
		return -EACCES;
	}
	base = irta & VTD_IRTA_ADDR;
	at = base + (u64)index * VTD_ENTRY_SIZE;
	/* The table does not go on at address 0: past the last address there is no memory. */
	ret = at < base ? -EIO : nyx_guest_read128(viommu->unit, at, word);
	if (ret == -EIO) {
		*fault = (struct nyx_fault_info) {
			.reason = NYX_FAULT_IRQ_TABLE, .code = VTD_IR_ACCESS,
		};
		return -EACCES;
	}
	if (ret)
		return ret;
	code = vtd_decode_irte(&vtd->cfg.shape, irta & VTD_IRTA_EIME, word[0],
			       word[1], e);
	if (!code)
		return 0;
	*fault = (struct nyx_fault_info) {
		.reason = code == VTD_IR_NOT_PRESENT ? NYX_FAULT_IRQ_NOT_PRESENT :
						       NYX_FAULT_IRQ_RESERVED,
		.code = code,
		.fpd = e->flags & NYX_IRTE_F_FPD,
	};
	return -EACCES;
}

/* Sections 7.1.3 and 5.1.4.1 */
static u16 vtd_fault_code(const struct nyx_fault_info *info)
{
	if (info->code)
		return info->code;
	switch (info->reason) {
	case NYX_FAULT_ADDRESS_WIDTH:
		return VTD_ADDR_BEYOND;
	case NYX_FAULT_NOT_PRESENT:
	case NYX_FAULT_TABLE_NOT_PRESENT:
		return info->access & NYX_ACC_WRITE ? VTD_WRITE_DENIED :
						      VTD_READ_DENIED;
	case NYX_FAULT_READ_DENIED:
		return VTD_READ_DENIED;
	case NYX_FAULT_WRITE_DENIED:
		return VTD_WRITE_DENIED;
	case NYX_FAULT_RESERVED_BIT:
		return VTD_PTE_RESERVED;
	case NYX_FAULT_INTERRUPT_RANGE:
		/* A DMA with an IOVA in the range is an interrupt, and no fault. */
		return info->gpa == NYX_GPA_UNKNOWN ? VTD_OK : VTD_OUT_IN_IRQ_RANGE;
	case NYX_FAULT_TABLE_ACCESS:
		/* The pointer to the top table is the context entry's. */
		return info->level + 1u == info->levels ? VTD_CTX_INVALID :
							  VTD_TABLE_ACCESS;
	case NYX_FAULT_IRQ_REQUEST:
		return VTD_IR_REQ_RESERVED;
	case NYX_FAULT_IRQ_COMPAT:
		return VTD_IR_COMPAT_BLOCKED;
	case NYX_FAULT_IRQ_INDEX:
		return VTD_IR_INDEX_BEYOND;
	case NYX_FAULT_IRQ_NOT_PRESENT:
		return VTD_IR_NOT_PRESENT;
	case NYX_FAULT_IRQ_RESERVED:
		return VTD_IR_RESERVED;
	case NYX_FAULT_IRQ_SOURCE:
		return VTD_IR_SOURCE;
	case NYX_FAULT_IRQ_TABLE:
		return VTD_IR_ACCESS;
	case NYX_FAULT_IRQ_POST:
		return VTD_IR_PID_ACCESS;
	case NYX_FAULT_IRQ_POST_RESERVED:
		return VTD_IR_PID_RESERVED;
	default:
		/* Not a fault of an IOMMU: the bus would abort the access. */
		return VTD_OK;
	}
}

static void vtd_log_fault(struct nyx_viommu *viommu, u32 sbdf,
			  const struct nyx_fault_info *info)
{
	u64 what = info->irq ? FIELD_PREP(VTD_FRCD_FI_INDEX, info->index & 0xffff) :
			       info->address & VTD_FRCD_FI_ADDR;

	vtd_fault_record(to_vtd(viommu), sbdf, what, info->code,
			 !(info->access & NYX_ACC_WRITE));
}

/* ---- commands ----------------------------------------------------------- */

/* The interrupt mode that IRTA and the status select. */
static u32 irq_mode(const struct vtd *vtd)
{
	u32 mode = 0;

	if (!(vtd->arch.irta & VTD_IRTA_EIME) || !(vtd->arch.status & VTD_GSTS_IRES))
		mode |= NYX_IRQ_MODE_XAPIC;
	if (!(vtd->arch.status & VTD_GSTS_IRES))
		mode |= NYX_IRQ_MODE_OFF;
	else if ((vtd->arch.status & VTD_GSTS_CFIS) && (mode & NYX_IRQ_MODE_XAPIC))
		mode |= NYX_IRQ_MODE_COMPAT;
	return mode;
}

/* Set the limit of the interrupt table to that of IRTA. */
static void use_irt_limit(struct vtd *vtd)
{
	WRITE_ONCE(vtd->base.viommu.unit->irq.irt.limit,
		   irt_entries(vtd->arch.irta));
}

/* Caches and modes that are derived from the registers. */
#define DERIVED_CONTEXTS	BIT(0)
#define DERIVED_IRTES		BIT(1)
#define DERIVED_IRQ_MODE	BIT(2)
#define DERIVED_ALL		(DERIVED_CONTEXTS | DERIVED_IRTES | DERIVED_IRQ_MODE)

/* Make @derived follow the registers. Old values may be in use until finish(). */
static void rebuild(struct vtd *vtd, u32 derived)
{
	struct nyx_unit *unit = vtd->base.viommu.unit;
	struct nyx_ticket *ticket = &vtd->base.queue.ticket;

	if (derived & DERIVED_CONTEXTS)
		nyx_guest_invalidate_ctx(unit, NYX_GUEST_ALL_DIDS, ticket);
	if (derived & DERIVED_IRTES) {
		use_irt_limit(vtd);
		nyx_guest_invalidate_iec(unit, 0, IRT_MAX_ENTRIES, ticket);
	}
	if (derived & DERIVED_IRQ_MODE)
		nyx_irq_set_mode(unit, irq_mode(vtd), ticket);
}

static void set_status(struct vtd *vtd, u64 mask, u64 gcmd)
{
	spin_lock_irq(&vtd->base.lock);
	vtd->arch.status &= ~mask;
	vtd->arch.status |= gcmd & mask;
	spin_unlock_irq(&vtd->base.lock);
}

static void set_root(struct vtd *vtd)
{
	spin_lock_irq(&vtd->base.lock);
	vtd->arch.root = vtd->arch.reg[REG_RTADDR];
	vtd->arch.status |= VTD_GSTS_RTPS;
	vtd->arch.reg[REG_GSTS] &= ~VTD_GSTS_RTPS;
	spin_unlock_irq(&vtd->base.lock);
	rebuild(vtd, DERIVED_CONTEXTS);
}

static void set_irt(struct vtd *vtd)
{
	spin_lock_irq(&vtd->base.lock);
	vtd->arch.irta = vtd->arch.reg[REG_IRTA];
	vtd->arch.status |= VTD_GSTS_IRTPS;
	vtd->arch.reg[REG_GSTS] &= ~VTD_GSTS_IRTPS;
	spin_unlock_irq(&vtd->base.lock);
	rebuild(vtd, DERIVED_IRTES | DERIVED_IRQ_MODE);
}

/*
 * Is a command in effect that the registers do not show as done? Outside of the mutex a
 * write under way may change the answer.
 */
static bool unfinished(const struct vtd *vtd)
{
	return READ_ONCE(vtd->arch.reg[REG_GSTS]) != READ_ONCE(vtd->arch.status) ||
	       (READ_ONCE(vtd->arch.reg[REG_CCMD]) & VTD_CCMD_ICC) ||
	       (READ_ONCE(vtd->arch.reg[REG_IOTLB]) & VTD_IOTLB_IVT);
}

/*
 * Wait until all commands are done, and show them as done. -EINTR leaves that to the next
 * access of a register.
 */
static int finish(struct vtd *vtd)
{
	int ret;

	lockdep_assert_held(&vtd->base.mutex);
	ret = nyx_inval_wait(&vtd->base.queue.ticket);
	/* A register has no field for a time-out, which NYX_EVENT_VIEW reports. */
	if (!nyx_inval_is_done(ret))
		return ret;
	spin_lock_irq(&vtd->base.lock);
	vtd->arch.reg[REG_GSTS] = vtd->arch.status;
	vtd->arch.reg[REG_CCMD] &= ~VTD_CCMD_ICC;
	vtd->arch.reg[REG_IOTLB] &= ~VTD_IOTLB_IVT;
	spin_unlock_irq(&vtd->base.lock);
	return 0;
}

/* A write, or a new state, first finishes a command whose writer was killed. */
static int vtd_prepare(struct vendor *vendor)
{
	struct vtd *vtd = container_of(vendor, struct vtd, base);

	return unfinished(vtd) ? finish(vtd) : 0;
}

/* A writer that holds the mutex finishes its command itself: do not wait for the writer. */
static int vtd_sync(struct vendor *vendor)
{
	struct vtd *vtd = container_of(vendor, struct vtd, base);
	int ret;

	if (likely(!unfinished(vtd)) || !mutex_trylock(&vendor->mutex))
		return 0;
	ret = finish(vtd);
	mutex_unlock(&vendor->mutex);
	return ret;
}

/*
 * Section 11.4.4. Each bit that differs from the status is a command; SRTP and SIRTP are
 * one whenever they are set. Any order is allowed: a guest that takes over from another
 * turns the queue off first.
 */
static int command(struct vtd *vtd, u64 gcmd)
{
	u64 changed = gcmd ^ vtd->arch.status;
	int ret = 0;

	if (gcmd & VTD_GCMD_SRTP)
		set_root(vtd);
	if (gcmd & VTD_GCMD_SIRTP)
		set_irt(vtd);
	if (changed & VTD_GCMD_QIE) {
		spin_lock_irq(&vtd->base.lock);
		vtd->arch.reg[REG_IQH] = 0;
		spin_unlock_irq(&vtd->base.lock);
		set_status(vtd, VTD_GSTS_QIES, gcmd);
	}
	if (changed & (VTD_GCMD_IRE | VTD_GCMD_CFI)) {
		set_status(vtd, VTD_GSTS_IRES | VTD_GSTS_CFIS, gcmd);
		rebuild(vtd, DERIVED_IRQ_MODE);
	}
	if (changed & VTD_GCMD_TE) {
		set_status(vtd, VTD_GSTS_TES, gcmd);
		rebuild(vtd, DERIVED_CONTEXTS);
	}
	if (changed & gcmd & VTD_GCMD_QIE)
		ret = vtd_queue_run(vtd);
	return ret ?: finish(vtd);
}

/* Section 11.4.6.1: CCMD. The command is done when ICC is clear. */
static int context_command(struct vtd *vtd, u64 ccmd)
{
	struct vtd_desc desc = {
		.granularity = FIELD_GET(VTD_CCMD_CIRG, ccmd),
		.did = FIELD_GET(VTD_CCMD_DID, ccmd),
		.sid = FIELD_GET(VTD_CCMD_SID, ccmd),
		.function_mask = vtd_function_mask(FIELD_GET(VTD_CCMD_FM, ccmd)),
	};

	if (desc.granularity)
		vtd_invalidate_context(vtd, &desc);
	spin_lock_irq(&vtd->base.lock);
	vtd->arch.reg[REG_CCMD] &= ~VTD_CCMD_CAIG;
	vtd->arch.reg[REG_CCMD] |= FIELD_PREP(VTD_CCMD_CAIG, desc.granularity);
	spin_unlock_irq(&vtd->base.lock);
	return finish(vtd);
}

/* Section 11.4.6.3: IOTLB_REG. The command is done when IVT is clear. */
static int iotlb_command(struct vtd *vtd, u64 cmd)
{
	u64 iva = vtd->arch.reg[REG_IVA], span;
	u8 am = FIELD_GET(VTD_IVA_AM, iva);
	struct vtd_desc desc = {
		.granularity = FIELD_GET(VTD_IOTLB_IIRG, cmd),
		.did = FIELD_GET(VTD_IOTLB_DID, cmd),
	};

	if (desc.granularity == VTD_PAGE && am > VTD_MAMV)
		desc.granularity = VTD_DOMAIN;
	span = nyx_lg2_last(NYX_PAGE_LG2 + min(am, VTD_MAMV));
	desc.first = iva & VTD_IVA_ADDR & ~span;
	desc.last = desc.first | span;
	if (desc.granularity)
		vtd_invalidate_iotlb(vtd, &desc);
	spin_lock_irq(&vtd->base.lock);
	vtd->arch.reg[REG_IOTLB] &= ~VTD_IOTLB_IAIG;
	vtd->arch.reg[REG_IOTLB] |= FIELD_PREP(VTD_IOTLB_IAIG, desc.granularity);
	spin_unlock_irq(&vtd->base.lock);
	return finish(vtd);
}

static int vtd_follow(struct vendor *vendor, const struct reg_write *w)
{
	struct vtd *vtd = container_of(vendor, struct vtd, base);

	switch (w->def->index) {
	case REG_GCMD:
		return command(vtd, w->written);
	case REG_CCMD:
		return w->written & VTD_CCMD_ICC ?
			context_command(vtd, w->new) : 0;
	case REG_IOTLB:
		return w->written & VTD_IOTLB_IVT ?
			iotlb_command(vtd, w->new) : 0;
	case REG_FSTS:
		/* Once the guest has cleared them, the queue goes on from its head. */
		return w->old & ~w->new & (VTD_FSTS_IQE | VTD_FSTS_ITE) ?
			vtd_queue_run(vtd) : 0;
	case REG_IQT:
		return vtd_queue_run(vtd);
	default:
		return 0;
	}
}

static int vtd_resume(struct vendor *vendor)
{
	struct vtd *vtd = container_of(vendor, struct vtd, base);
	int ret = vtd_queue_run(vtd);

	return ret ?: vtd_prepare(vendor);
}

static void vtd_adjust(struct vendor *vendor, const struct reg_write *w)
{
	struct vtd *vtd = container_of(vendor, struct vtd, base);

	switch (w->def->index) {
	case REG_FSTS:
	case REG_FECTL:
		vtd_fault_written(vtd, w);
		break;
	case REG_ICS:
	case REG_IECTL:
		vtd_event_written(vtd, w);
		break;
	default:
		if (w->def->index >= REG_FRCD)
			vtd_fault_written(vtd, w);
		break;
	}
}

/* ---- life --------------------------------------------------------------- */

/* Set all state but GSTS, which finish() updates when accesses have ended. */
static void vtd_set_state(struct vendor *vendor, const void *arch)
{
	struct vtd *vtd = container_of(vendor, struct vtd, base);
	u64 gsts = vtd->arch.reg[REG_GSTS];

	vendor_copy_state(vendor, arch);
	vtd->arch.reg[REG_GSTS] = gsts;
}

static int vtd_rebuild(struct vendor *vendor)
{
	struct vtd *vtd = container_of(vendor, struct vtd, base);

	rebuild(vtd, DERIVED_ALL);
	return finish(vtd);
}

static const struct vendor_ops vtd_vendor_ops = {
	.sync = vtd_sync,
	.prepare = vtd_prepare,
	.adjust = vtd_adjust,
	.follow = vtd_follow,
	.resume = vtd_resume,
	.set_state = vtd_set_state,
	.rebuild = vtd_rebuild,
};

static void vtd_destroy(struct nyx_viommu *viommu)
{
	struct vtd *vtd = to_vtd(viommu);

	vendor_fini(&vtd->base);
	kfree(vtd);
}

#define DEFAULT_WIDTH	48u

static const struct nyx_unit_vtd *options(const struct nyx_unit_config *cfg)
{
	return (const void *)cfg->data;
}

static int vtd_configure(struct nyx_unit_config *cfg)
{
	struct nyx_unit_vtd *opt = (void *)cfg->data;

	static_assert(sizeof(*opt) <= sizeof(cfg->data));
	if (opt->flags & ~(NYX_VTD_F_CACHING_MODE | NYX_VTD_F_XAPIC |
			   NYX_VTD_F_SMALL_PAGES | NYX_VTD_F_POSTED))
		return NYX_ERR(OPTION_UNKNOWN);
	cfg->address_width = cfg->address_width ?: DEFAULT_WIDTH;
	if (cfg->address_width != 39 && cfg->address_width != 48)
		return NYX_ERR(MODEL_WIDTH);
	if (opt->faults > VTD_FRCD_MAX)
		return NYX_ERR(OPTION_RANGE);
	/* IRTA says how large the guest's table is. */
	if (cfg->irt_entries)
		return NYX_ERR(MODEL_ENTRIES);
	opt->faults = opt->faults ?: VTD_FRCD_MAX;
	cfg->irt_entries = IRT_MAX_ENTRIES;
	return 0;
}

static struct nyx_viommu *vtd_create(struct nyx_unit *unit,
				     const struct nyx_unit_config *cfg)
{
	struct vtd *vtd = kzalloc(sizeof(*vtd), GFP_CALLER);

	static_assert(VTD_NR_REGS <= VENDOR_REGS_MAX);
	if (!vtd)
		return ERR_PTR(-ENOMEM);
	vendor_init(&vtd->base, unit, &vtd_model, &vtd_vendor_ops, &vtd_queue_ops);
	vtd_cfg_init(&vtd->cfg, cfg->address_width, options(cfg)->flags,
		     options(cfg)->faults);
	vendor_init_state(&vtd->base, &vtd->cfg.state, &vtd->arch);
	/* As after a reset; the unit is not published yet. */
	unit->irq.mode = irq_mode(vtd);
	use_irt_limit(vtd);
	return &vtd->base.viommu;
}

const struct nyx_viommu_ops vtd_model = {
	.name = "vtd",
	.one_segment = true,
	.data_size = sizeof(struct nyx_unit_vtd),
	.configure = vtd_configure,
	.create = vtd_create,
	.destroy = vtd_destroy,
	.reset = vendor_reset,
	.is_reset = vendor_is_reset,
	.mmio_size = NYX_MMIO_SIZE,
	.mmio_read = vendor_mmio_read,
	.mmio_write = vendor_mmio_write,
	.resume = vendor_resume,
	.sync_registers = vendor_sync_registers,
	.next_register = vendor_next_register,
	.finish = vendor_finish,
	.save_size = vendor_save_size,
	.save = vendor_save,
	.load = vendor_load,
	.decode_device = vtd_decode,
	.decode_irte = vtd_decode_entry,
	.decode_msg = msi_decode,
	.post_irte = pid_post,
	.fault_code = vtd_fault_code,
	.log_fault = vtd_log_fault,
};
