// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: AMD-Vi: registers, and what the core asks.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#include "viommu/amdvi/amdvi.h"

#include <linux/bitfield.h>
#include <linux/err.h>
#include <linux/mm.h>

#include "base/reason.h"
#include "base/types.h"
#include "core/access/context.h"
#include "core/fault/fault.h"
#include "core/irq/irq.h"
#include "core/irq/irte.h"
#include "core/space/memory.h"
#include "core/unit.h"
#include "viommu/viommu.h"

/* ---- what the core asks: accesses --------------------------------------- */

/* Bits of &nyx_ctx_attrs.model: DTE.SA and DTE.SE, which suppress page faults. */
#define MODEL_SA	BIT(0)
#define MODEL_SE	BIT(1)

/**
 * struct settings - registers that say how a requester is treated
 * @control: CONTROL
 * @tables: the device table
 * @excl_first: first address of the exclusion range
 * @excl_last: last address of it
 * @excl: the exclusion range is enabled
 * @excl_all: the exclusion range is for all devices
 */
struct settings {
	u64 control;
	struct amdvi_tables tables;
	u64 excl_first;
	u64 excl_last;
	bool excl;
	bool excl_all;
};

static void get_settings(struct amdvi *amdvi, struct settings *set)
{
	unsigned int n, lg2;
	unsigned long flags;
	u64 base, limit;

	spin_lock_irqsave(&amdvi->base.lock, flags);
	set->control = amdvi->arch.reg[REG_CONTROL];
	lg2 = min_t(u32, FIELD_GET(AMDVI_CTL_SEGMENTS, set->control),
		    AMDVI_SEGMENTS_LG2);
	set->tables.segments_lg2 = lg2;
	set->tables.base[0] = amdvi->arch.reg[REG_DEV_TABLE];
	for (n = 1; n < 1u << lg2; n++)
		set->tables.base[n] = amdvi->arch.reg[REG_SEGMENT1 + n - 1];
	base = amdvi->arch.reg[REG_EXCL_BASE];
	limit = amdvi->arch.reg[REG_EXCL_LIMIT];
	spin_unlock_irqrestore(&amdvi->base.lock, flags);

	set->excl = base & AMDVI_EXCL_ENABLE;
	set->excl_all = base & AMDVI_EXCL_ALLOW;
	set->excl_first = base & AMDVI_BASE_ADDR;
	set->excl_last = limit | NYX_PAGE_MASK;
}

/*
 * Read a device table entry in ascending order of words: drivers write the first word last.
 * Returns 0 or AMDVI_EVENT_*, or an error.
 */
static int read_dte(struct amdvi *amdvi, const struct settings *set, u16 rid,
		    u64 dte[4], u64 *at)
{
	unsigned int i;
	int ret;

	if (!amdvi_find_dte(&set->tables, rid, at)) {
		*at = 0;
		return AMDVI_EVENT_ILLEGAL_DTE;
	}
	for (i = 0; i < 4; i++) {
		ret = nyx_guest_read64(amdvi->base.viommu.unit, *at + 8 * i,
				       &dte[i]);
		if (ret == -EIO)
			return AMDVI_EVENT_DTE_HARDWARE | AMDVI_EVENT_MASTER_ABORT;
		if (ret)
			return ret;
	}
	return 0;
}

/* The IOMMU is off for the requester: all its accesses pass. */
static void make_identity(struct nyx_ctx_entry *entry)
{
	*entry = (struct nyx_ctx_entry) {
		.attrs.perm = NYX_ACC_RW,
		.stage = { .kind = NYX_STAGE_IDENTITY, .width = 64 },
	};
}

static u8 stage_of(const struct amdvi_dma *dma, u16 code)
{
	if (code)
		return NYX_STAGE_NONE;
	return dma->mode ? NYX_STAGE_GUEST : NYX_STAGE_IDENTITY;
}

/* @code: why the entry refuses every access outside of the exclusion range, or 0 */
static void make_entry(const struct settings *set, const struct amdvi_dma *dma,
		       u16 code, struct nyx_ctx_entry *entry)
{
	*entry = (struct nyx_ctx_entry) {
		.attrs = {
			.block_reason = code ? NYX_FAULT_CONTEXT : NYX_FAULT_NONE,
			.code = code,
			.model = (dma->sa ? MODEL_SA : 0) |
				 (dma->se ? MODEL_SE : 0),
			.perm = dma->perm,
		},
		.stage = {
			.kind = stage_of(dma, code),
			.width = 64,
			.msi_window = true,
		},
		.table = {
			.did = dma->did,
			.cfg = { .format = PT_AMDV1, .levels = dma->mode },
			.root = dma->root,
		},
	};
	if (set->excl && (set->excl_all || dma->exclude) &&
	    set->excl_first <= set->excl_last) {
		entry->attrs.excl = true;
		entry->attrs.excl_first = set->excl_first;
		entry->attrs.excl_last = set->excl_last;
	}
}

static bool amdvi_decode(struct nyx_viommu *viommu, u32 sbdf, u32 pasid,
			 struct nyx_ctx_entry *entry, struct nyx_fault_info *fault)
{
	struct amdvi *amdvi = to_amdvi(viommu);
	struct settings set;
	struct amdvi_dma dma;
	u64 dte[4], at;
	int code;

	get_settings(amdvi, &set);
	if (!(set.control & AMDVI_CTL_IOMMU)) {
		make_identity(entry);
		return true;
	}
	code = read_dte(amdvi, &set, sbdf, dte, &at);
	if (!code) {
		code = amdvi_decode_dma(dte, &dma);
		at = 0;
	}
	if (code) {
		*fault = (struct nyx_fault_info) {
			.reason = NYX_FAULT_CONTEXT,
			/* The caller was killed: nyx_guest_resolve() drops the fault. */
			.code = code < 0 ? 0 : code,
			.entry_gpa = at,
		};
		return false;
	}
	if (!dma.valid)
		make_identity(entry);
	else
		make_entry(&set, &dma, amdvi_check_dma(&amdvi->cfg.shape, &dma), entry);
	return true;
}

/* ---- what the core asks: interrupts ------------------------------------- */

static int int_fault(struct nyx_fault_info *fault, u32 reason, int code,
		     const struct amdvi_int *irq, bool ig, u64 at)
{
	if (code < 0)
		return code;
	*fault = (struct nyx_fault_info) {
		.reason = reason,
		.code = code | AMDVI_EVENT_I,
		.fpd = ig,
		.did = irq ? irq->did : 0,
		.entry_gpa = at,
	};
	return -EACCES;
}

static int read_int(struct amdvi *amdvi, const struct settings *set, u32 sbdf,
		    struct amdvi_int *irq, struct nyx_fault_info *fault)
{
	u64 dte[4], at;
	int code;

	code = read_dte(amdvi, set, sbdf, dte, &at);
	if (code)
		return int_fault(fault, NYX_FAULT_CONTEXT, code, NULL, false, at);
	code = amdvi_decode_int(dte, irq);
	/* DTE.IG is about page faults only. */
	return code ? int_fault(fault, NYX_FAULT_CONTEXT, code, irq, false, 0) : 0;
}

static int amdvi_decode_irqs(struct nyx_viommu *viommu, u32 sbdf,
			     struct nyx_guest_irqs *irqs,
			     struct nyx_fault_info *fault)
{
	struct amdvi *amdvi = to_amdvi(viommu);
	struct amdvi_int irq;
	struct settings set;
	int ret;

	get_settings(amdvi, &set);
	ret = read_int(amdvi, &set, sbdf, &irq, fault);
	if (ret)
		return ret;
	*irqs = (struct nyx_guest_irqs) {
		.did = irq.did,
		.nr = min(irq.nr, IRT_DEVICE_ENTRIES),
	};
	if (!irq.valid) {
		irqs->imode = AMDVI_IMODE_PASS_ALL;
		return 0;
	}
	irqs->imode = (irq.nmi ? AMDVI_IMODE_NMI : 0) |
		    (irq.init ? AMDVI_IMODE_INIT : 0) |
		    (irq.extint ? AMDVI_IMODE_EXTINT : 0) |
		    (irq.ig ? AMDVI_IMODE_IG : 0);
	if (irq.ctl == AMDVI_INT_REMAP)
		irqs->imode |= AMDVI_IMODE_REMAP;
	else
		irqs->imode |= irq.ctl == AMDVI_INT_PASS ? AMDVI_IMODE_PASS :
							 AMDVI_IMODE_REFUSE;
	return 0;
}

/* Names of the bits of enum amdvi_imode. */
static const char *const irq_words[32] = {
	[1] = "pass-all", [2] = "pass", [3] = "remap", [4] = "refuse", [5] = "nmi",
	[6] = "init", [7] = "extint", [8] = "ig",
};

/* Read an entry of either size as 128 bits. */
static int read_irte(struct amdvi *amdvi, bool large, u64 root, u32 index,
		     u64 word[2])
{
	struct nyx_unit *unit = amdvi->base.viommu.unit;
	u64 at;
	int ret;

	if (large)
		return nyx_guest_read128(unit, root + (u64)index *
					 AMDVI_IRTE128_SIZE, word);
	at = root + (u64)index * AMDVI_IRTE32_SIZE;
	ret = nyx_guest_read64(unit, at & ~7ull, &word[0]);
	word[0] = (u32)(at & 4 ? word[0] >> 32 : word[0]);
	return ret;
}

/* &irt_entry.post of an interrupt of a guest of the guest: GATag, and flags */
#define POST_RUN	BIT_ULL(32)
#define POST_LOG	BIT_ULL(33)

static int amdvi_decode_entry(struct nyx_viommu *viommu, u32 sbdf, u32 index,
			      struct irt_entry *e, struct nyx_fault_info *fault)
{
	struct amdvi *amdvi = to_amdvi(viommu);
	struct amdvi_post post = {};
	struct amdvi_int irq;
	struct settings set;
	u64 word[2];
	bool large;
	int ret;

	get_settings(amdvi, &set);
	ret = read_int(amdvi, &set, sbdf, &irq, fault);
	if (ret)
		return ret;
	large = set.control & AMDVI_CTL_GA;
	/* The device table entry has changed since resolve_irqs() read it. */
	if (!irq.valid || irq.ctl != AMDVI_INT_REMAP || index >= irq.nr)
		return int_fault(fault, NYX_FAULT_IRQ_INDEX,
				 AMDVI_EVENT_PAGE_FAULT, &irq, irq.ig, 0);
	ret = read_irte(amdvi, large, irq.root, index, word);
	/* The specification has no event for this: log the closest one. */
	if (ret == -EIO)
		return int_fault(fault, NYX_FAULT_IRQ_TABLE,
				 AMDVI_EVENT_PTE_HARDWARE |
				 AMDVI_EVENT_MASTER_ABORT, &irq, false,
				 irq.root + (u64)index * (large ?
				 AMDVI_IRTE128_SIZE : AMDVI_IRTE32_SIZE));
	if (ret)
		return ret;
	ret = large ?
		amdvi_decode_irte128(set.control & AMDVI_CTL_GAM,
				     set.control & AMDVI_CTL_XT, word[0],
				     word[1], e, &post) :
		amdvi_decode_irte32(word[0], e);
	if (!ret) {
		/* Drivers change IsRun and its destination without a command. */
		e->once = e->flags & NYX_IRTE_F_POSTED;
		e->posted = post.apic;
		e->post = post.tag | (post.run ? POST_RUN : 0) |
			  (post.log ? POST_LOG : 0);
		return 0;
	}
	return int_fault(fault, ret & AMDVI_EVENT_PR ?
			 NYX_FAULT_IRQ_RESERVED : NYX_FAULT_IRQ_NOT_PRESENT,
			 ret, &irq, irq.ig || (e->flags & NYX_IRTE_F_FPD), 0);
}

/* Section 2.10: an interrupt of a guest of the guest */
static int amdvi_post_entry(struct nyx_viommu *viommu, u32 sbdf,
			    struct irt_msg *msg, bool sleep)
{
	u64 irr = msg->posted + AMDVI_VAPIC_IRR + msg->vector / 32 * 16;
	int ret;

	if (!sleep)
		return -EINPROGRESS;
	ret = nyx_guest_or32(viommu->unit, irr, BIT(msg->vector % 32));
	if (ret)
		return ret;
	/* The doorbell has no vector: the IRR of the virtual APIC has it now. */
	msg->vector = 0;
	if (msg->post & POST_RUN)
		return NYX_IRQ_NOTIFY;
	if (msg->post & POST_LOG)
		amdvi_log_guest(to_amdvi(viommu), sbdf, msg->post);
	return NYX_IRQ_POSTED;
}

/* ---- what the core asks: faults ----------------------------------------- */

/* The event for a fault, without AMDVI_EVENT_RW */
static u16 event_of(const struct nyx_fault_info *info)
{
	if (info->code)
		return info->code;
	switch (info->reason) {
	case NYX_FAULT_ADDRESS_WIDTH:
	case NYX_FAULT_NOT_PRESENT:
	case NYX_FAULT_TABLE_NOT_PRESENT:
		return AMDVI_EVENT_PAGE_FAULT;
	case NYX_FAULT_READ_DENIED:
	case NYX_FAULT_WRITE_DENIED:
		return AMDVI_EVENT_PAGE_FAULT | AMDVI_EVENT_PR | AMDVI_EVENT_PE;
	case NYX_FAULT_RESERVED_BIT:
		return amdvi_pte_code(info->entry);
	case NYX_FAULT_TABLE_ACCESS:
		return AMDVI_EVENT_PTE_HARDWARE | AMDVI_EVENT_MASTER_ABORT;
	case NYX_FAULT_INTERRUPT_RANGE:
		/* A write there is an interrupt, and no fault of a DMA. */
		return info->access & NYX_ACC_WRITE || info->gpa != NYX_GPA_UNKNOWN ?
			0 : AMDVI_EVENT_INVALID_REQUEST;
	case NYX_FAULT_IRQ_INDEX:
		return AMDVI_EVENT_PAGE_FAULT | AMDVI_EVENT_I;
	default:
		/* Not a fault of an IOMMU: the bus would abort the access. */
		return 0;
	}
}

static u16 amdvi_fault_code(const struct nyx_fault_info *info)
{
	u16 code = event_of(info);

	return code && (info->access & NYX_ACC_WRITE) ? code | AMDVI_EVENT_RW : code;
}

static void amdvi_log_fault(struct nyx_viommu *viommu, u32 sbdf,
			    const struct nyx_fault_info *info)
{
	struct amdvi *amdvi = to_amdvi(viommu);
	u64 address = info->address;

	switch (info->code & AMDVI_EVENT_CODE) {
	case AMDVI_EVENT_PAGE_FAULT:
		if ((info->model & MODEL_SA) ||
		    ((info->model & MODEL_SE) &&
		     test_and_set_bit((u16)sbdf, amdvi->arch.silenced)))
			return;
		break;
	case AMDVI_EVENT_DTE_HARDWARE:
	case AMDVI_EVENT_PTE_HARDWARE:
		address = info->entry_gpa;
		break;
	case AMDVI_EVENT_ILLEGAL_DTE:
		address &= ~3ull;
		break;
	}
	if (info->irq)
		address &= ~3ull;
	amdvi_log_event(amdvi, sbdf, info->did, info->code, address);
}

/* ---- registers ---------------------------------------------------------- */

/* The interrupt mode that CONTROL selects. */
static u32 irq_mode(u64 control)
{
	if (!(control & AMDVI_CTL_IOMMU))
		return NYX_IRQ_MODE_XAPIC | NYX_IRQ_MODE_OFF;
	return (control & AMDVI_CTL_GA) && (control & AMDVI_CTL_XT) ?
		0 : NYX_IRQ_MODE_XAPIC;
}

/* Caches and modes that are derived from the registers. */
#define DERIVED_CONTEXTS	BIT(0)
#define DERIVED_IRQS		BIT(1)
#define DERIVED_ALL		(DERIVED_CONTEXTS | DERIVED_IRQS)

/* Make @derived follow the registers. Old values may be in use until amdvi_drain(). */
static void rebuild(struct amdvi *amdvi, u32 derived)
{
	struct nyx_unit *unit = amdvi->base.viommu.unit;
	struct nyx_ticket *ticket = &amdvi->base.queue.ticket;

	if (derived & DERIVED_CONTEXTS) {
		nyx_guest_invalidate_ctx(unit, NYX_GUEST_ALL_DIDS, ticket);
		amdvi_clear_silence(amdvi, 0, AMDVI_REQUESTERS);
	}
	if (derived & DERIVED_IRQS) {
		nyx_guest_invalidate_irt(unit, NYX_GUEST_ALL_IRQS, ticket);
		nyx_irq_set_mode(unit, irq_mode(amdvi->arch.reg[REG_CONTROL]), ticket);
	}
}

/* Section 3.4.4 */
static int control_changed(struct amdvi *amdvi, u64 changed)
{
	u32 derived = 0;
	int ret;

	if (changed & (AMDVI_CTL_IOMMU | AMDVI_CTL_SEGMENTS))
		derived |= DERIVED_CONTEXTS;
	if (changed & (AMDVI_CTL_IOMMU | AMDVI_CTL_SEGMENTS | AMDVI_CTL_GA |
		       AMDVI_CTL_XT | AMDVI_CTL_GAM))
		derived |= DERIVED_IRQS;
	rebuild(amdvi, derived);
	/* Drain also if nothing changes: an earlier writer may have been killed in here. */
	ret = amdvi_drain(amdvi);
	return ret ?: amdvi_cmd_run(amdvi);
}

static int amdvi_follow(struct vendor *vendor, const struct reg_write *w)
{
	struct amdvi *amdvi = container_of(vendor, struct amdvi, base);

	switch (w->def->index) {
	case REG_CONTROL:
		return control_changed(amdvi, w->old ^ w->new);
	case REG_CMD_TAIL:
		return amdvi_cmd_run(amdvi);
	default:
		return 0;
	}
}

static int amdvi_resume(struct vendor *vendor)
{
	struct amdvi *amdvi = container_of(vendor, struct amdvi, base);

	/* A write of CONTROL drains before commands run. */
	return amdvi_drain(amdvi) ?: amdvi_cmd_run(amdvi);
}

static void amdvi_adjust(struct vendor *vendor, const struct reg_write *w)
{
	struct amdvi *amdvi = container_of(vendor, struct amdvi, base);
	u64 status = amdvi->arch.reg[REG_STATUS];

	amdvi_log_resume(amdvi);
	switch (w->def->index) {
	case REG_CONTROL:
		amdvi_control_written(amdvi, w);
		break;
	case REG_XT_GENERAL:
	case REG_XT_PPR:
	case REG_XT_GA:
		amdvi_vector_written(amdvi, w->def->index);
		break;
	/* Section 2.4: a new buffer is empty. */
	case REG_CMD_BASE:
		if (!(status & AMDVI_STS_CMD_RUN)) {
			amdvi->arch.reg[REG_CMD_HEAD] = 0;
			amdvi->arch.reg[REG_CMD_TAIL] = 0;
		}
		break;
	case REG_EVT_BASE:
	case REG_GA_BASE:
		amdvi_log_base_written(amdvi, w->def->index);
		break;
	/* While a ring runs, its pointer is the unit's. */
	case REG_CMD_HEAD:
		if (status & AMDVI_STS_CMD_RUN)
			amdvi->arch.reg[REG_CMD_HEAD] = w->old;
		break;
	case REG_EVT_TAIL:
		if (status & AMDVI_STS_EVT_RUN)
			amdvi->arch.reg[REG_EVT_TAIL] = w->old;
		break;
	case REG_GA_TAIL:
		if (status & AMDVI_STS_GA_RUN)
			amdvi->arch.reg[REG_GA_TAIL] = w->old;
		break;
	}
}

static int amdvi_sync(struct vendor *vendor)
{
	return amdvi_log_flush(container_of(vendor, struct amdvi, base));
}

/* Room is for logs, which the registers of their bases make larger. Each has 8 bytes. */
static bool amdvi_needs_room(const struct mmio_write *write)
{
	u32 offset = write->offset & ~7u;

	return offset == AMDVI_EVT_BASE || offset == AMDVI_GA_BASE;
}

static int amdvi_make_room(struct vendor *vendor, const u64 *reg)
{
	return amdvi_log_make_room(container_of(vendor, struct amdvi, base), reg);
}

/* Entries that came up before a write go by the registers as they were. */
static int amdvi_prepare(struct vendor *vendor)
{
	struct amdvi *amdvi = container_of(vendor, struct amdvi, base);

	return mutex_lock_killable(&amdvi->log_mutex) ? -EINTR : 0;
}

static bool amdvi_pending(struct vendor *vendor)
{
	return amdvi_log_pending(container_of(vendor, struct amdvi, base));
}

static int amdvi_flush(struct vendor *vendor)
{
	return amdvi_log_flush_locked(container_of(vendor, struct amdvi, base));
}

static void amdvi_release(struct vendor *vendor)
{
	amdvi_log_unlock(container_of(vendor, struct amdvi, base));
}

/* ---- life --------------------------------------------------------------- */

static void amdvi_set_state(struct vendor *vendor, const void *arch)
{
	struct amdvi *amdvi = container_of(vendor, struct amdvi, base);

	vendor_copy_state(vendor, arch);
	amdvi_log_restart(amdvi);
}

static int amdvi_rebuild(struct vendor *vendor)
{
	struct amdvi *amdvi = container_of(vendor, struct amdvi, base);

	rebuild(amdvi, DERIVED_ALL);
	return amdvi_drain(amdvi);
}

static const struct vendor_ops amdvi_vendor_ops = {
	.sync = amdvi_sync,
	.needs_room = amdvi_needs_room,
	.make_room = amdvi_make_room,
	.prepare = amdvi_prepare,
	.pending = amdvi_pending,
	.flush = amdvi_flush,
	.release = amdvi_release,
	.adjust = amdvi_adjust,
	.follow = amdvi_follow,
	.resume = amdvi_resume,
	.set_state = amdvi_set_state,
	.rebuild = amdvi_rebuild,
};

static void amdvi_stop(struct nyx_viommu *viommu)
{
	amdvi_log_stop(to_amdvi(viommu));
}

static void amdvi_destroy(struct nyx_viommu *viommu)
{
	struct amdvi *amdvi = to_amdvi(viommu);

	amdvi_log_fini(amdvi);
	vendor_fini(&amdvi->base);
	kvfree(amdvi);
}

#define DEFAULT_WIDTH	64u

static const struct nyx_unit_amdvi *options(const struct nyx_unit_config *cfg)
{
	return (const void *)cfg->data;
}

static int amdvi_configure(struct nyx_unit_config *cfg)
{
	const struct nyx_unit_amdvi *opt = options(cfg);

	static_assert(sizeof(*opt) <= sizeof(cfg->data));
	if (opt->__reserved ||
	    (opt->flags & ~(NYX_AMDVI_F_XAPIC | NYX_AMDVI_F_SMALL_IRTES |
			    NYX_AMDVI_F_GUEST_APIC | NYX_AMDVI_F_SEGMENTS |
			    NYX_AMDVI_F_PREFETCH | NYX_AMDVI_F_DEVICE_TLB)))
		return NYX_ERR(OPTION_UNKNOWN);
	cfg->address_width = cfg->address_width ?: DEFAULT_WIDTH;
	if (cfg->address_width != 48 && cfg->address_width != 57 &&
	    cfg->address_width != 64)
		return NYX_ERR(MODEL_WIDTH);
	/* Wide destinations, and guests, need the large entries. */
	if ((opt->flags & NYX_AMDVI_F_SMALL_IRTES) &&
	    (!(opt->flags & NYX_AMDVI_F_XAPIC) ||
	     (opt->flags & NYX_AMDVI_F_GUEST_APIC)))
		return NYX_ERR(OPTION_CONFLICT);
	/* Each device has a table of its own: the unit has none. */
	return cfg->irt_entries ? NYX_ERR(MODEL_ENTRIES) : 0;
}

static struct nyx_viommu *amdvi_create(struct nyx_unit *unit,
				       const struct nyx_unit_config *cfg)
{
	struct amdvi *amdvi = kvzalloc(sizeof(*amdvi), GFP_CALLER);

	static_assert(AMDVI_NR_REGS <= VENDOR_REGS_MAX);
	if (!amdvi)
		return ERR_PTR(-ENOMEM);
	vendor_init(&amdvi->base, unit, &amdvi_model, &amdvi_vendor_ops,
		    &amdvi_queue_ops);
	amdvi_log_init(amdvi);
	amdvi_cfg_init(&amdvi->cfg, pt_format_levels(PT_AMDV1, cfg->address_width),
		       options(cfg)->flags);
	vendor_init_state(&amdvi->base, &amdvi->cfg.state, &amdvi->arch);
	/* As after a reset; the unit is not published yet. */
	unit->irq.mode = irq_mode(0);
	return &amdvi->base.viommu;
}

const struct nyx_viommu_ops amdvi_model = {
	.name = "amdvi",
	.one_segment = true,
	.data_size = sizeof(struct nyx_unit_amdvi),
	.configure = amdvi_configure,
	.create = amdvi_create,
	.stop = amdvi_stop,
	.destroy = amdvi_destroy,
	.reset = vendor_reset,
	.is_reset = vendor_is_reset,
	.mmio_size = NYX_MMIO_SIZE_AMDVI,
	.mmio_read = vendor_mmio_read,
	.mmio_write = vendor_mmio_write,
	.resume = vendor_resume,
	.sync_registers = vendor_sync_registers,
	.next_register = vendor_next_register,
	.finish = vendor_finish,
	.save_size = vendor_save_size,
	.save = vendor_save,
	.load = vendor_load,
	.decode_device = amdvi_decode,
	.decode_irqs = amdvi_decode_irqs,
	.decode_irte = amdvi_decode_entry,
	.decode_msg = amdvi_decode_msg,
	.post_irte = amdvi_post_entry,
	.irq_words = irq_words,
	.fault_code = amdvi_fault_code,
	.log_fault = amdvi_log_fault,
};
