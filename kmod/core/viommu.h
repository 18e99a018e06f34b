/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: what a unit's model offers to the core.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Each unit has a model, &struct nyx_viommu_ops, and an instance of it, &struct nyx_viommu:
 * its vIOMMU model. The vIOMMU model of a vendor turns registers, queues and tables in
 * guest memory into calls of the core, and tells the core what these tables say. The core
 * caches that, and owns what follows from it: domains, translations, interrupts, faults. A
 * native unit has neither registers nor tables in guest memory, so that most functions of
 * its model are NULL.
 *
 * The core names no model: it finds the functions by &nyx_unit_config.model.
 *
 * A vIOMMU model calls the functions of core/access/context.h, core/irq/irte.h, core/irq/irq.h
 * and core/space/memory.h; and, for the unit's own interrupts, those below.
 */
#ifndef NYX_CORE_VIOMMU_H
#define NYX_CORE_VIOMMU_H

#include <linux/types.h>

#include "pt/pt.h"

struct irt_entry;
struct irt_msg;
struct nyx_fault_info;
struct nyx_unit;
struct nyx_unit_config;
struct nyx_viommu;
struct state_error;

/**
 * struct nyx_ctx_attrs - what a context entry says of its requester alone
 * @code: with @block_reason: the vendor's fault reason, or 0
 * @block_reason: of enum nyx_fault_reason: why it refuses every access;
 *                NYX_FAULT_NONE: it does not
 * @model: bits of the vendor model, handed back as &nyx_fault_info.model
 * @perm: NYX_ACC_* that the entry grants at all
 * @fpd: fault processing disable: the guest does not see faults of the requester
 * @excl: addresses from @excl_first to @excl_last, the exclusion range, are neither
 *        translated nor refused
 * @excl_first: first address of the exclusion range
 * @excl_last: last address of it
 */
struct nyx_ctx_attrs {
	u16 code;
	u8 block_reason;
	u8 model;
	u8 perm;
	bool fpd;
	bool excl;
	u64 excl_first;
	u64 excl_last;
};

/**
 * enum nyx_stage_kind - how an address space translates
 * @NYX_STAGE_NONE: not at all: its contexts are blocked
 * @NYX_STAGE_IDENTITY: the IOVA is the GPA
 * @NYX_STAGE_KERNEL: by a table that the kernel owns
 * @NYX_STAGE_GUEST: by a table in guest memory
 */
enum nyx_stage_kind {
	NYX_STAGE_NONE,
	NYX_STAGE_IDENTITY,
	NYX_STAGE_KERNEL,
	NYX_STAGE_GUEST,
};

/**
 * struct nyx_stage - how an address space translates
 * @kind: of enum nyx_stage_kind
 * @width: bits of an IOVA, checked where @kind is NYX_STAGE_IDENTITY
 * @msi_window: neither an IOVA nor its GPA may be in the range of interrupt messages
 */
struct nyx_stage {
	u8 kind;
	u8 width;
	bool msi_window;
};

/**
 * struct nyx_guest_table - a table in guest memory
 * @did: the guest's domain id
 * @cfg: shape of the table; @cfg and @root count with NYX_STAGE_GUEST only
 * @root: GPA of the table
 */
struct nyx_guest_table {
	u32 did;
	struct pt_config cfg;
	u64 root;
};

/**
 * struct nyx_ctx_entry - a context entry, or device table entry, as decoded
 * @attrs: what belongs to the requester
 * @stage: what belongs to the address space
 * @table: the guest's table of the address space
 */
struct nyx_ctx_entry {
	struct nyx_ctx_attrs attrs;
	struct nyx_stage stage;
	struct nyx_guest_table table;
};

/**
 * struct nyx_guest_irqs - how interrupts of a requester with a table of its own
 *                         are treated
 * @imode: bits of the model; those of tlb/irt.h are not among them
 * @did: the guest's id of the requester's domain
 * @nr: entries of the table, at most IRT_DEVICE_ENTRIES
 */
struct nyx_guest_irqs {
	u32 imode;
	u32 did;
	u32 nr;
};

/**
 * struct nyx_register - a register, a bit field of it, or another field of the state
 * @name: its name
 * @offset: of the register, or a number from NYX_REGISTER_STATE on
 * @index: of the bit field, from 1 on, or of the element
 * @width: bytes
 * @low: lowest bit
 * @high: highest bit
 * @value: of these bits
 */
struct nyx_register {
	const char *name;
	u32 offset;
	u32 index;
	u8 width;
	u8 low;
	u8 high;
	u64 value;
};

/* &nyx_viommu_ops.mmio_write has written the registers, but not all is done. */
#define NYX_VIOMMU_PENDING	1

/**
 * struct nyx_viommu_ops - a model
 * @name: its name, for sysfs
 * @one_segment: a unit has devices of segment 0 only
 * @data_size: bytes of its options, at most NYX_UNIT_DATA_MAX
 * @configure: check what a caller asks for, options included, and resolve defaults;
 *             address_width, irt_entries and data are the caller's. 0, or NYX_ERR() of
 *             MODEL_WIDTH, MODEL_ENTRIES, OPTION_UNKNOWN, OPTION_RANGE or OPTION_CONFLICT.
 *             Any context
 * @create: make the vIOMMU model of a unit from such a configuration, or ERR_PTR; may
 *          sleep
 * @stop: end what the vIOMMU model does by itself, before the unit's memory goes; the unit
 *        has no users; may sleep. NULL: the model does nothing by itself
 * @destroy: free the vIOMMU model; the unit has no users
 * @reset: set the state after power-on; may sleep. NULL: there is nothing to reset
 * @is_reset: is the state that after power-on? May sleep. NULL: it always is
 * @mmio_size: bytes of registers; 0: there are none
 * @mmio_read: read registers; may sleep. 0, or -EINTR if the caller was killed
 *             meanwhile
 * @mmio_write: write registers, and do what follows; may sleep. 0; NYX_VIOMMU_PENDING: @resume
 *              has to go on, once what a listener waits for is done; -ENOMEM with nothing
 *              changed; -EINTR if the caller was killed meanwhile
 * @resume: go on with what follows from earlier writes; may sleep. 0; -EINPROGRESS;
 *          -EINTR if the caller was killed meanwhile. NULL: there is nothing to resume
 * @sync_registers: bring the registers up to date before they are listed; may sleep.
 *                  0, or -EINTR if the caller was killed meanwhile. NULL: there are no
 *                  registers
 * @next_register: describe the first register, or field of the state, whose
 *                 NYX_REGISTER_KEY() is @key or above, as @sync_registers has left
 *                 them or later. False if there is none
 * @finish: finish what follows from earlier accesses, so that the model writes no guest memory
 *          until the next access; may sleep. 0; -EINPROGRESS; -EINTR. NULL: it never does
 * @save_size: bytes of the architectural state as a stream. NULL: there is none, and neither
 *             @save nor @load
 * @save: write the architectural state to a stream, of @save_size bytes; may sleep. 0;
 *        -ENOMEM; -EINTR
 * @load: take it from an untrusted stream; may sleep. 0; -EINVAL with nothing changed and the
 *        error set; -ENOMEM; -EINTR
 * @decode_device: read the context entry of a requester, and PASID; may sleep. False if
 *                 there is no usable entry: reason, code, fpd, did and entry_gpa of the
 *                 fault, zero before, are set. NULL: the guest has no tables; commands of
 *                 NYX_MODEL_NATIVE attach devices
 * @decode_irqs: find how a requester's interrupts are treated; may sleep. Returns as
 *               @decode_irte. NULL: one table serves all requesters
 * @decode_irte: read an interrupt remapping table entry; may sleep. 0; -EACCES if there is
 *               no usable entry, with the fault set as by @decode_device; -EINTR; -EAGAIN.
 *               NULL: as of @decode_device
 * @decode_msg: say which entry a message asks for. Gets &irt_device.imode, or 0 if one
 *              table serves all requesters or the requester is not known yet; the mode;
 *              address and data. Sets the message: its index and the fields that no entry
 *              has, or all fields if the message passes unchanged. Returns NYX_FAULT_NONE,
 *              or of enum nyx_fault_reason. Pure; any context
 * @post_irte: post an interrupt by an entry with NYX_IRTE_F_POSTED. Returns of enum
 *             nyx_irq_result, with the message set to the notification; -EINPROGRESS if the
 *             function would have to sleep and may not; -EIO; -EINVAL: reserved bits;
 *             -EINTR; -EAGAIN
 * @irq_words: names of the bits of &irt_device.imode, for debugfs; NULL if there are none
 * @fault_code: say which code the guest's driver has for a fault; 0: the driver does not
 *              see the fault. Pure; any context. NULL: the guest's driver sees none, and
 *              @log_fault is not called
 * @log_fault: log a fault of a requester for the guest's driver, by its
 *             &nyx_fault_info.code; any context
 */
struct nyx_viommu_ops {
	const char *name;
	bool one_segment;
	u32 data_size;
	int (*configure)(struct nyx_unit_config *cfg);
	struct nyx_viommu *(*create)(struct nyx_unit *unit,
				     const struct nyx_unit_config *cfg);
	void (*stop)(struct nyx_viommu *viommu);
	void (*destroy)(struct nyx_viommu *viommu);
	int (*reset)(struct nyx_viommu *viommu);
	bool (*is_reset)(struct nyx_viommu *viommu);
	u32 mmio_size;
	int (*mmio_read)(struct nyx_viommu *viommu, u32 offset, u32 size,
			 u64 *value);
	int (*mmio_write)(struct nyx_viommu *viommu, u32 offset, u32 size,
			  u64 value);
	int (*resume)(struct nyx_viommu *viommu);
	int (*sync_registers)(struct nyx_viommu *viommu);
	bool (*next_register)(struct nyx_viommu *viommu, u64 key,
			      struct nyx_register *reg);
	int (*finish)(struct nyx_viommu *viommu);
	size_t (*save_size)(const struct nyx_viommu *viommu);
	int (*save)(struct nyx_viommu *viommu, void *to);
	int (*load)(struct nyx_viommu *viommu, const void *from, size_t len,
		    struct state_error *error);
	bool (*decode_device)(struct nyx_viommu *viommu, u32 sbdf, u32 pasid,
			      struct nyx_ctx_entry *entry,
			      struct nyx_fault_info *fault);
	int (*decode_irqs)(struct nyx_viommu *viommu, u32 sbdf,
			   struct nyx_guest_irqs *irqs,
			   struct nyx_fault_info *fault);
	int (*decode_irte)(struct nyx_viommu *viommu, u32 sbdf, u32 index,
			   struct irt_entry *e, struct nyx_fault_info *fault);
	u32 (*decode_msg)(u32 imode, u32 mode, u64 address, u32 data,
			  struct irt_msg *msg);
	int (*post_irte)(struct nyx_viommu *viommu, u32 sbdf,
			 struct irt_msg *msg, bool sleep);
	const char *const *irq_words;
	u16 (*fault_code)(const struct nyx_fault_info *info);
	void (*log_fault)(struct nyx_viommu *viommu, u32 sbdf,
			  const struct nyx_fault_info *info);
};

/**
 * struct nyx_viommu - the vIOMMU model of a unit
 * @ops: its model
 * @unit: the unit
 */
struct nyx_viommu {
	const struct nyx_viommu_ops *ops;
	struct nyx_unit *unit;
};

/**
 * nyx_viommu_has_guest() - does a guest program the unit, by registers and
 *                          tables?
 * @viommu: the unit's vIOMMU model
 *
 * Context: any.
 * Return: false: the commands of NYX_MODEL_NATIVE do.
 */
static inline bool nyx_viommu_has_guest(const struct nyx_viommu *viommu)
{
	return viommu->ops->decode_device;
}

/* Limit on enum nyx_model: each model is a bit of &nyx_module_info.out_models. */
#define NYX_MODELS_MAX	32u

/**
 * nyx_viommu_register() - make a model known, or unknown
 * @model: of enum nyx_model
 * @ops: the model; NULL: no unit has it
 *
 * Context: while no unit is made.
 */
void nyx_viommu_register(u32 model, const struct nyx_viommu_ops *ops);

/**
 * nyx_viommu_find() - find a model
 * @model: of enum nyx_model, or any other number
 *
 * Context: any.
 * Return: the model, or NULL: there is none.
 */
const struct nyx_viommu_ops *nyx_viommu_find(u32 model);

/**
 * nyx_viommu_models() - the models that there are
 *
 * Context: any.
 * Return: 1 << enum nyx_model of each.
 */
u32 nyx_viommu_models(void);

/**
 * nyx_guest_msi() - tell the VMM to deliver an interrupt of the unit itself
 * @unit: the unit
 * @address: of the message
 * @data: of the message
 *
 * Context: any.
 */
void nyx_guest_msi(struct nyx_unit *unit, u64 address, u32 data);

/**
 * nyx_guest_msi_function() - tell the VMM to deliver the message of the unit's PCI function
 * @unit: the unit
 *
 * Context: any.
 */
void nyx_guest_msi_function(struct nyx_unit *unit);

#endif /* NYX_CORE_VIOMMU_H */
