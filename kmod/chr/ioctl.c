// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx: the character device and the table of its commands.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * This file does by table what all commands have in common: size, unknown
 * fields, flags, reserved fields, the unit, and the reason of a failure. Fields
 * named in the table are checked before the handler sees the command.
 */
#include "chr/ioctl.h"

#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "base/reason.h"
#include "base/types.h"
#include "chr/reason.h"
#include "chr/uring.h"
#include "compat.h"
#include "core/unit.h"

/* Items of NYX_ARRAY that are copied at once. */
#define ARRAY_CHUNK	32u
/* Most bytes of a command that io_uring runs at once, not in a worker. */
#define QUICK_MAX	SZ_64K

/**
 * struct nyx_op - a command
 * @fn: its handler, or
 * @batch: its handler, of a command that NYX_ARRAY takes
 * @size: sizeof() its structure
 * @min_size: the least that a caller may pass
 * @flags: flags that the command knows
 * @prop: OP_*
 * @resv: offset of its reserved field
 * @resv_len: bytes of its reserved field, or 0
 * @quick: OP_QUICK: offset of the field whose value, above QUICK_MAX, makes it slow, or 0
 * @at: offsets of fields that a reason may be about, by enum nyx_about, or 0
 */
struct nyx_op {
	int (*fn)(struct nyx_ucmd *uc, void *cmd);
	int (*batch)(struct nyx_ucmd *uc, void *items, u32 n, u32 *done);
	u16 size;
	u16 min_size;
	u32 flags;
	u8 prop;
	u8 resv_len;
	u16 resv;
	u16 quick;
	u16 at[ABOUT_MAX];
};

#define OP_HANDLER(_handler, _name, _last, ...) {			\
	.size = sizeof(struct nyx_##_name) +				\
		BUILD_BUG_ON_ZERO(sizeof(struct nyx_##_name) > sizeof(union nyx_cmd_buf)), \
	.min_size = offsetofend(struct nyx_##_name, _last) +		\
		BUILD_BUG_ON_ZERO(offsetofend(struct nyx_##_name, _last) < \
				  sizeof(struct nyx_head)),		\
	._handler = nyx_ioctl_##_name,					\
	__VA_ARGS__							\
}

/* @_last: the last field that a caller must pass */
#define OP(_name, _last, ...)	OP_HANDLER(fn, _name, _last, __VA_ARGS__)
/* A command that NYX_ARRAY takes */
#define OP_ITEMS(_name, _last, ...)	OP_HANDLER(batch, _name, _last, __VA_ARGS__)
#define OP_RESV(_name)							\
	.resv = offsetof(struct nyx_##_name, __reserved),		\
	.resv_len = sizeof_field(struct nyx_##_name, __reserved)
#define OP_AT(_about, _name, _field)					\
	.at[ABOUT_##_about] = offsetof(struct nyx_##_name, _field)

union nyx_cmd_buf {
	struct nyx_head head;
	struct nyx_module_info module_info;
	struct nyx_unit_create unit_create;
	struct nyx_unit_open unit_open;
	struct nyx_unit_info unit_info;
	struct nyx_list list;
	struct nyx_memory_add memory_add;
	struct nyx_domain_create domain_create;
	struct nyx_map map;
	struct nyx_unmap unmap;
	struct nyx_invalidate invalidate;
	struct nyx_translate translate;
	struct nyx_dma dma;
	struct nyx_array array;
	struct nyx_irq_send irq_send;
	struct nyx_policy_get policy_get;
	struct nyx_walk walk;
	struct nyx_view_open view_open;
	struct nyx_view_fill view_fill;
	struct nyx_mmio mmio;
	struct nyx_changes_open changes_open;
	struct nyx_changes_add changes_add;
	struct nyx_changes_next changes_next;
	struct nyx_dirty_read dirty_read;
	struct nyx_migrate migrate;
};

static int nyx_ioctl_array(struct nyx_ucmd *uc, void *cmd);

static const struct nyx_op nyx_ops[] = {
	[NYX_CMD_MODULE_INFO] = OP(module_info, out_version,
		OP_RESV(module_info), .prop = OP_NO_UNIT | OP_OUT | OP_INSPECT | OP_STOPPED),
	[NYX_CMD_UNIT_CREATE] = OP(unit_create, __reserved,
		OP_RESV(unit_create),
		OP_AT(NAME, unit_create, name), OP_AT(WIDTH, unit_create, address_width),
		OP_AT(ENTRIES, unit_create, irt_entries),
		OP_AT(OPTIONS, unit_create, data_uptr),
		.flags = NYX_UNIT_F_PERSIST | NYX_UNIT_F_SHARED,
		.prop = OP_NO_UNIT | OP_OUT | OP_INSPECT | OP_STOPPED),
	[NYX_CMD_UNIT_OPEN] = OP(unit_open, __reserved,
		OP_RESV(unit_open), OP_AT(NAME, unit_open, name),
		.flags = NYX_OPEN_F_OWNER, .prop = OP_NO_UNIT | OP_OUT | OP_INSPECT | OP_STOPPED),
	[NYX_CMD_UNIT_INFO] = OP(unit_info, data, .prop = OP_OUT | OP_INSPECT | OP_STOPPED),
	[NYX_CMD_UNIT_PERSIST] = OP(unit_persist, __reserved, OP_RESV(unit_persist),
		.prop = OP_STOPPED),
	[NYX_CMD_UNIT_DESTROY] = OP(unit_destroy, out_err_field, .prop = OP_INSPECT | OP_STOPPED),
	[NYX_CMD_LIST] = OP(list, out_next,
		OP_AT(DOMAIN, list, domain_id),
		.prop = OP_NO_UNIT | OP_OUT | OP_INSPECT | OP_STOPPED),
	[NYX_CMD_STATS] = OP(stats, out_nr,
		OP_AT(DOMAIN, stats, id), OP_AT(DEVICE, stats, id),
		.prop = OP_OUT | OP_INSPECT | OP_STOPPED),
	[NYX_CMD_MEMORY_ADD] = OP(memory_add, __reserved,
		OP_RESV(memory_add), OP_AT(GPA, memory_add, gpa),
		OP_AT(ADDRESS, memory_add, user_addr),
		OP_AT(OFFSET, memory_add, file_offset), OP_AT(FD, memory_add, fd),
		.flags = NYX_MEMORY_F_READONLY | NYX_MEMORY_F_PINNED | NYX_MEMORY_F_FILE |
			 NYX_MEMORY_F_SHARED),
	[NYX_CMD_MEMORY_REMOVE] = OP(memory_remove, length,
		OP_AT(GPA, memory_remove, gpa)),
	[NYX_CMD_DOMAIN_CREATE] = OP(domain_create, __reserved,
		OP_RESV(domain_create), OP_AT(DOMAIN, domain_create, domain_id),
		OP_AT(NAME, domain_create, name),
		.flags = NYX_DOMAIN_F_SHARED | NYX_DOMAIN_F_BATCHED |
			 (IS_ENABLED(CONFIG_NYX_ORACLE) ? NYX_DOMAIN_F_ORACLE : 0),
		.prop = OP_NATIVE | OP_OUT),
	[NYX_CMD_DOMAIN_DESTROY] = OP(domain_destroy, __reserved,
		OP_RESV(domain_destroy), OP_AT(DOMAIN, domain_destroy, domain_id),
		OP_AT(KEY, domain_destroy, domain_id), .prop = OP_NATIVE),
	[NYX_CMD_DEVICE_ADD] = OP(device_add, __reserved,
		OP_RESV(device_add), OP_AT(DEVICE, device_add, sbdf)),
	[NYX_CMD_DEVICE_REMOVE] = OP(device_remove, __reserved,
		OP_RESV(device_remove), OP_AT(DEVICE, device_remove, sbdf),
		OP_AT(KEY, device_remove, sbdf)),
	[NYX_CMD_DEVICE_ATTACH] = OP(device_attach, __reserved,
		OP_RESV(device_attach), OP_AT(DEVICE, device_attach, sbdf),
		OP_AT(DOMAIN, device_attach, domain_id), .flags = NYX_ATTACH_F_REPLACE,
		.prop = OP_NATIVE),
	[NYX_CMD_DEVICE_DETACH] = OP(device_detach, pasid,
		OP_AT(DEVICE, device_detach, sbdf), .prop = OP_NATIVE),
	[NYX_CMD_MAP] = OP_ITEMS(map, length,
		OP_AT(DOMAIN, map, domain_id), OP_AT(IOVA, map, iova),
		OP_AT(GPA, map, gpa), .quick = offsetof(struct nyx_map, length),
		.prop = OP_NATIVE | OP_QUICK),
	[NYX_CMD_UNMAP] = OP_ITEMS(unmap, out_unmapped,
		OP_RESV(unmap), OP_AT(DOMAIN, unmap, domain_id),
		OP_AT(IOVA, unmap, iova), .flags = NYX_UNMAP_F_ALL,
		.prop = OP_NATIVE | OP_OUT | OP_OUT_ERROR),
	[NYX_CMD_INVALIDATE] = OP_ITEMS(invalidate, length,
		OP_AT(DOMAIN, invalidate, domain_id), OP_AT(DEVICE, invalidate, sbdf),
		OP_AT(IOVA, invalidate, iova)),
	[NYX_CMD_TRANSLATE] = OP_ITEMS(translate, out_fault,
		OP_AT(DEVICE, translate, sbdf), OP_AT(IOVA, translate, iova),
		.quick = offsetof(struct nyx_translate, length),
		.flags = NYX_TRANSLATE_F_REPORT, .prop = OP_OUT | OP_QUICK),
	[NYX_CMD_DMA] = OP_ITEMS(dma, out_fault,
		OP_AT(DEVICE, dma, sbdf), OP_AT(IOVA, dma, iova),
		.quick = offsetof(struct nyx_dma, length),
		.prop = OP_OUT | OP_OUT_ERROR | OP_QUICK),
	[NYX_CMD_ARRAY] = OP(array, out_done,
		.flags = NYX_ARRAY_F_STOP, .prop = OP_OUT | OP_OUT_ERROR),
	[NYX_CMD_EVENTS_OPEN] = OP(events_open, __reserved,
		OP_RESV(events_open),
		.flags = NYX_EVENTS_F_HISTORY | NYX_EVENTS_F_NONBLOCK | NYX_EVENTS_F_IRTE,
		.prop = OP_INSPECT | OP_STOPPED),
	[NYX_CMD_IRQ_SETUP] = OP(irq_setup, __reserved,
		OP_RESV(irq_setup), .prop = OP_NATIVE),
	[NYX_CMD_IRTE_SET] = OP_ITEMS(irte_set, posted,
		OP_AT(KEY, irte_set, index),
		.flags = NYX_IRTE_F_FPD | NYX_IRTE_F_LOGICAL | NYX_IRTE_F_LEVEL |
			 NYX_IRTE_F_HINT | NYX_IRTE_F_POSTED | NYX_IRTE_F_URGENT,
		.prop = OP_NATIVE),
	[NYX_CMD_IRTE_CLEAR] = OP(irte_clear, nr,
		OP_AT(KEY, irte_clear, index), .prop = OP_NATIVE),
	[NYX_CMD_IRQ_SEND] = OP_ITEMS(irq_send, __reserved,
		OP_RESV(irq_send), OP_AT(DEVICE, irq_send, sbdf),
		OP_AT(FD, irq_send, eventfd),
		.flags = NYX_IRQ_F_SIGNAL | NYX_IRQ_F_PROBE, .prop = OP_OUT | OP_QUICK),
	[NYX_CMD_IRQ_BIND] = OP(irq_bind, __reserved,
		OP_RESV(irq_bind), OP_AT(DEVICE, irq_bind, sbdf),
		OP_AT(FD, irq_bind, source), OP_AT(TARGET, irq_bind, target),
		.flags = NYX_BIND_F_MASKED, .prop = OP_OUT),
	[NYX_CMD_IRQ_UNBIND] = OP(irq_unbind, __reserved,
		OP_RESV(irq_unbind), OP_AT(KEY, irq_unbind, binding_id)),
	[NYX_CMD_IRQ_CHANGE] = OP(irq_change, __reserved,
		OP_RESV(irq_change), OP_AT(KEY, irq_change, binding_id),
		.flags = NYX_CHANGE_F_MASK | NYX_CHANGE_F_MESSAGE |
			 NYX_CHANGE_F_COALESCE),
	[NYX_CMD_POLICY_SET] = OP(policy_set, policy,
		OP_AT(DEVICE, policy_set, sbdf), .flags = NYX_POLICY_SET_F_INHERIT,
		.prop = OP_INSPECT),
	[NYX_CMD_POLICY_GET] = OP(policy_get, out_policy,
		OP_RESV(policy_get), OP_AT(DEVICE, policy_get, sbdf),
		.prop = OP_OUT | OP_INSPECT | OP_STOPPED),
	[NYX_CMD_DEVICE_CONTROL] = OP(device_control, action,
		OP_AT(DEVICE, device_control, sbdf), .prop = OP_INSPECT),
	[NYX_CMD_LIMIT_SET] = OP(limit_set, limits,
		OP_AT(DOMAIN, limit_set, id), OP_AT(DEVICE, limit_set, id),
		.prop = OP_INSPECT),
	[NYX_CMD_LIMIT_GET] = OP(limit_get, out_limits,
		OP_AT(DOMAIN, limit_get, id), OP_AT(DEVICE, limit_get, id),
		.prop = OP_OUT | OP_INSPECT | OP_STOPPED),
	[NYX_CMD_PAGE_REQUEST] = OP(page_request, out_response,
		OP_AT(DEVICE, page_request, sbdf), .flags = NYX_PAGE_F_NOWAIT,
		.prop = OP_NATIVE | OP_OUT),
	[NYX_CMD_PAGE_RESPOND] = OP(page_respond, response,
		OP_AT(KEY, page_respond, group), .prop = OP_NATIVE | OP_STOPPED),
	[NYX_CMD_MMIO] = OP_ITEMS(mmio, out_pending,
		.flags = NYX_MMIO_F_WRITE, .prop = OP_OUT),
	[NYX_CMD_UNIT_RESET] = OP(unit_reset, out_err_field),
	[NYX_CMD_WALK] = OP(walk, out_fault,
		OP_AT(DEVICE, walk, sbdf), OP_AT(GPA, walk, root),
		OP_AT(IOVA, walk, iova), .flags = NYX_WALK_F_DEVICE, .prop = OP_OUT),
	[NYX_CMD_UNIT_SHARE] = OP(unit_share, out_err_field),
	[NYX_CMD_VIEW_OPEN] = OP(view_open, out_view_size),
	[NYX_CMD_VIEW_FILL] = OP_ITEMS(view_fill, out_fault,
		OP_RESV(view_fill), OP_AT(DEVICE, view_fill, sbdf),
		OP_AT(IOVA, view_fill, iova), .prop = OP_OUT),
	[NYX_CMD_CHANGES_OPEN] = OP(changes_open, out_changes_id,
		.flags = NYX_CHANGES_F_INLINE),
	[NYX_CMD_CHANGES_ADD] = OP(changes_add, out_target,
		OP_AT(DOMAIN, changes_add, id), OP_AT(DEVICE, changes_add, id),
		.prop = OP_OUT),
	[NYX_CMD_CHANGES_REMOVE] = OP(changes_remove, target,
		OP_AT(KEY, changes_remove, target)),
	[NYX_CMD_CHANGES_NEXT] = OP(changes_next, out_irte_changes,
		.prop = OP_OUT | OP_OUT_ERROR | OP_STOPPED),
	[NYX_CMD_DIRTY_START] = OP(dirty_start, out_err_field,
		.prop = OP_STOPPED),
	[NYX_CMD_DIRTY_STOP] = OP(dirty_stop, out_err_field,
		.prop = OP_STOPPED),
	[NYX_CMD_DIRTY_READ] = OP(dirty_read, out_nr_dirty,
		OP_AT(GPA, dirty_read, gpa), .flags = NYX_DIRTY_READ_F_NO_CLEAR,
		.prop = OP_OUT | OP_INSPECT | OP_STOPPED),
	[NYX_CMD_MIGRATE] = OP(migrate, out_bytes,
		OP_RESV(migrate), .flags = NYX_MIGRATE_F_PROBE,
		.prop = OP_OUT | OP_OUT_ERROR | OP_STOPPED),
};

static_assert(ARRAY_SIZE(nyx_ops) == NYX_CMD_MAX);

/*
 * Check a structure that was copied in, as the table says. Sets *@field to the offset
 * of the field that is to blame.
 */
static int check_head(const struct nyx_op *op, void *cmd, u32 *field)
{
	struct nyx_head *head = cmd;

	if (head->flags & ~op->flags) {
		*field = offsetof(struct nyx_head, flags);
		return NYX_ERR(FLAG);
	}
	if (op->resv_len && memchr_inv(cmd + op->resv, 0, op->resv_len)) {
		*field = op->resv;
		return NYX_ERR(RESERVED);
	}
	head->out_err_reason = NYX_REASON_NONE;
	head->out_err_field = 0;
	return 0;
}

/* Copy in the part of a structure that the kernel knows; the rest must be zero. */
static int copy_cmd(const struct nyx_op *op, void *cmd, const void __user *from,
		    u32 size)
{
	int ret = copy_struct_from_user(cmd, op->size, from, size);

	((struct nyx_head *)cmd)->size = size;	/* the size that was checked */
	return ret == -E2BIG ? NYX_ERR(UNKNOWN_PART) : ret;
}

/* Copy in an item of an array and check what can be checked by table. */
static int copy_item(const struct nyx_op *op, void *item,
		     const void __user *from, u32 item_size, u32 *field)
{
	u32 size;
	int ret;

	if (get_user(size, (const u32 __user *)from))
		return -EFAULT;
	if (size != item_size)
		return NYX_ERR(ITEM_SIZE);
	ret = copy_cmd(op, item, from, item_size);
	return ret ?: check_head(op, item, field);
}

/*
 * Copy in a chunk. Returns the number of good items at its beginning, and in
 * @err and @field what is wrong with the one that follows them, if there is one.
 */
static u32 copy_items(const struct nyx_op *op, void *items, u32 n,
		      const void __user *from, u32 item_size, int *err, u32 *field)
{
	u32 good = 0;

	*err = 0;
	if (item_size == op->size &&
	    !copy_from_user(items, from, (size_t)n * item_size)) {
		for (; good < n; good++, items += op->size) {
			const struct nyx_head *head = items;

			*err = head->size != item_size ? NYX_ERR(ITEM_SIZE) :
				check_head(op, items, field);
			if (*err)
				break;
		}
		return good;
	}
	for (; good < n; good++, items += op->size, from += item_size) {
		*err = copy_item(op, items, from, item_size, field);
		if (*err)
			break;
	}
	return good;
}

/* Copy out a chunk. Returns the number of items that could be written. */
static u32 respond_items(const struct nyx_op *op, const void *items, u32 n,
			 void __user *to, u32 item_size)
{
	u32 i;

	if (item_size == op->size &&
	    !copy_to_user(to, items, (size_t)n * item_size))
		return n;
	for (i = 0; i < n; i++, items += op->size, to += item_size) {
		if (copy_to_user(to, items, min_t(u32, item_size, op->size)))
			break;
	}
	return i;
}

/*
 * Can a chunk be copied out? Tries a byte of each page, with what the kernel has of it, which
 * costs less than to copy all of it twice.
 */
static bool can_respond(const u8 *items, size_t size, u8 __user *to)
{
	size_t at;

	for (at = 0; at < size; at += PAGE_SIZE - offset_in_page(to + at)) {
		if (put_user(items[at], to + at))
			return false;
	}
	return true;
}

/* Run one chunk. *done counts the items that succeeded. */
static int run_chunk(struct nyx_ucmd *uc, const struct nyx_op *op, void *items,
		     u32 n, void __user *user, u32 item_size, u32 *done)
{
	u32 good, out, field = 0;
	int ret, err;

	*done = 0;
	good = copy_items(op, items, n, user, item_size, &err, &field);
	/* Try the answer first: a command that cannot report must not act. */
	if ((op->prop & OP_OUT) &&
	    (item_size != op->size || !can_respond(items, (size_t)good * item_size, user))) {
		out = respond_items(op, items, good, user, item_size);
		if (out < good) {
			err = -EFAULT;
			field = 0;
		}
		good = out;
	}
	ret = good ? op->batch(uc, items, good, done) : 0;
	if (!ret && *done == good) {
		ret = err;
		uc->field = field;
	}
	if (op->prop & OP_OUT) {
		out = min(*done + 1, good);
		if (respond_items(op, items, out, user, item_size) < out && !ret)
			ret = -EFAULT;
	}
	return ret;
}

/* Return 0 if the file accepts the command. */
static int check_file(const struct nyx_file *file, const struct nyx_op *op)
{
	u8 refused = (op->prop ^ OP_INSPECT) & file->refused;

	if (likely(!refused))
		return 0;
	return refused & OP_INSPECT ? NYX_ERR(INSPECT_ONLY) : NYX_ERR(VENDOR_MODEL);
}

/* Find the command of an array's items. */
static int array_op(struct nyx_ucmd *uc, const struct nyx_array *cmd,
		    const struct nyx_op **op)
{
	int ret;

	if (cmd->cmd >= ARRAY_SIZE(nyx_ops))
		return NYX_BAD(uc, cmd, cmd, UNKNOWN_VALUE);
	*op = &nyx_ops[array_index_nospec(cmd->cmd, ARRAY_SIZE(nyx_ops))];
	if (!(*op)->batch)
		return NYX_BAD(uc, cmd, cmd, NOT_IN_ARRAY);
	ret = check_file(uc->file, *op);
	if (ret)
		return ret;
	if (cmd->flags && cmd->cmd != NYX_CMD_DMA && cmd->cmd != NYX_CMD_VIEW_FILL)
		return NYX_BAD(uc, cmd, flags, FLAG);
	if (!cmd->nr || cmd->nr > NYX_ARRAY_MAX)
		return NYX_BAD(uc, cmd, nr, OUT_OF_RANGE);
	if (cmd->item_size < (*op)->min_size || cmd->item_size > PAGE_SIZE)
		return NYX_BAD(uc, cmd, item_size, OUT_OF_RANGE);
	if (cmd->item_size % sizeof(u64))
		return NYX_BAD(uc, cmd, item_size, MISALIGNED);
	return 0;
}

static int nyx_ioctl_array(struct nyx_ucmd *uc, void *_cmd)
{
	struct nyx_array *cmd = _cmd;
	void __user *user = u64_to_user_ptr(cmd->items);
	const struct nyx_op *op;
	u32 n, done, nr;
	void *items;
	int ret;

	cmd->out_done = 0;
	ret = array_op(uc, cmd, &op);
	if (ret)
		return ret;

	items = kmalloc_array(min(cmd->nr, ARRAY_CHUNK), op->size, GFP_CALLER);
	if (!items)
		return -ENOMEM;
	uc->stop_at_fault = cmd->flags & NYX_ARRAY_F_STOP;
	n = 0;
	done = 0;
	for (nr = cmd->nr; nr && !ret && done == n; nr -= n) {
		n = min(nr, ARRAY_CHUNK);
		ret = run_chunk(uc, op, items, n, user, cmd->item_size, &done);
		cmd->out_done += done;
		if (ret) {
			/*
			 * Some items may have run although their answers could not
			 * be written.
			 */
			nyx_reason_tell(done < n ? user + (size_t)done * cmd->item_size :
						   NULL, ret, uc->field, op->at);
			uc->field = offsetof(struct nyx_array, items);
		} else if (fatal_signal_pending(current) && nr > n) {
			ret = -EINTR;
		}
		user += (size_t)n * cmd->item_size;
		cond_resched();
	}
	kfree(items);
	return ret;
}

static int get_unit(struct nyx_ucmd *uc, const struct nyx_op *op)
{
	/* Pairs with nyx_file_bind(). */
	uc->unit = smp_load_acquire(&uc->file->unit);
	if (!uc->unit)
		return op->prop & OP_NO_UNIT ? 0 : NYX_ERR(NO_UNIT);
	if (!READ_ONCE(uc->unit->dead))
		return check_file(uc->file, op);
	uc->unit = NULL;
	return op->prop & OP_NO_UNIT ? 0 : NYX_ERR(UNIT_ENDED);
}

/* Run a command that the unit lets in. */
static int run_inside(struct nyx_ucmd *uc, const struct nyx_op *op, void *cmd)
{
	u32 done;
	int ret, err;

	uc->ticket = NYX_TICKET(uc->unit);
	/* Write the answer first: a command that cannot report must not act. */
	if (op->prop & OP_OUT) {
		ret = nyx_ucmd_respond(uc, cmd, op->size);
		if (ret)
			return ret;
	}
	ret = op->fn ? op->fn(uc, cmd) : op->batch(uc, cmd, 1, &done);
	/*
	 * -ENOENT promises no less than success, and must hide neither -EINTR, -EINPROGRESS nor
	 * -ETIMEDOUT. -ETIMEDOUT says that all is taken away, and must not hide that it is
	 * not.
	 */
	err = nyx_inval_wait(&uc->ticket);
	if (!nyx_inval_is_done(err) || (err && (!ret || nyx_reason_is(ret, -ENOENT)))) {
		ret = err;
		uc->field = 0;
	}
	if ((op->prop & OP_OUT) && (!ret || (op->prop & OP_OUT_ERROR))) {
		err = nyx_ucmd_respond(uc, cmd, op->size);
		if (!ret)
			ret = err;
	}
	return ret;
}

/* Run a command that was copied in. The errno may still be a code of NYX_ERR(). */
static int run_cmd(struct nyx_ucmd *uc, const struct nyx_op *op, void *cmd)
{
	struct nyx_unit *unit;
	unsigned int pair;
	int ret;

	ret = get_unit(uc, op);
	if (ret)
		return ret;
	unit = uc->unit;
	if (!unit || (op->prop & OP_STOPPED))
		return run_inside(uc, op, cmd);
	ret = nyx_gate_enter(unit, &unit->gate, uc->nonblock || uc->nowait, &pair);
	if (ret)
		return ret;
	ret = run_inside(uc, op, cmd);
	nyx_gate_exit(&unit->gate, pair);
	return ret;
}

/* Does a command end soon, so that io_uring need not run it in a worker? */
static bool is_quick(const struct nyx_op *op, const void *cmd)
{
	if (!(op->prop & OP_QUICK))
		return false;
	return !op->quick || *(const u64 *)(cmd + op->quick) <= QUICK_MAX;
}

static const struct nyx_op *find_op(unsigned int cmd)
{
	unsigned int nr = _IOC_NR(cmd);

	if (cmd != _IO(NYX_IOCTL_TYPE, nr) || nr >= ARRAY_SIZE(nyx_ops))
		return NULL;
	return &nyx_ops[array_index_nospec(nr, ARRAY_SIZE(nyx_ops))];
}

/* Copy a command in, check it, run it, and say why it failed. Returns 0 or an errno. */
static int do_cmd(struct nyx_ucmd *uc, const struct nyx_op *op)
{
	union nyx_cmd_buf buf;
	int ret;

	if (get_user(uc->size, (u32 __user *)uc->arg))
		return -EFAULT;
	if (uc->size < op->min_size)
		ret = NYX_ERR(SIZE);
	else if (uc->size > PAGE_SIZE)
		ret = NYX_ERR(TOO_LONG);
	else
		ret = copy_cmd(op, &buf, uc->arg, uc->size);
	if (!ret)
		ret = check_head(op, &buf, &uc->field);
	if (!ret && uc->nowait && !is_quick(op, &buf))
		return -EAGAIN;
	if (!ret)
		ret = run_cmd(uc, op, &buf);
	if (likely(!ret))
		return 0;
	/* A worker runs it again. */
	if (uc->nowait && nyx_reason_is(ret, -EAGAIN))
		return -EAGAIN;
	/* Write no reason to a structure that is too short to hold it. */
	return nyx_reason_tell(uc->size < sizeof(struct nyx_head) ? NULL : uc->arg,
			       ret, uc->field, op->at);
}

static long nyx_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct nyx_ucmd uc = {
		.file = filp->private_data,
		.nonblock = filp->f_flags & O_NONBLOCK,
		.arg = (void __user *)arg,
	};
	const struct nyx_op *op = find_op(cmd);

	return op ? do_cmd(&uc, op) : -ENOTTY;
}

/*
 * io_uring takes the commands that NYX_ARRAY takes, and NYX_ARRAY. After -EAGAIN to a
 * caller that must not wait, io_uring runs the command in a worker, which is a thread of
 * the caller's process.
 */
static int nyx_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct nyx_ucmd uc = {
		.file = cmd->file->private_data,
		.nonblock = cmd->file->f_flags & O_NONBLOCK,
		.issue_flags = issue_flags,
		.nowait = issue_flags & IO_URING_F_NONBLOCK,
	};
	const struct nyx_op *op = find_op(cmd->cmd_op);
	int ret;

	if (!op || (!op->batch && op->fn != nyx_ioctl_array))
		return -ENOTTY;
	ret = nyx_uring_parse(cmd, issue_flags, &uc.arg);
	if (ret)
		return ret;
	if (cmd->flags & IORING_URING_CMD_FIXED) {
		if (op->batch != nyx_ioctl_dma)
			return -EINVAL;
		uc.fixed = cmd;
	}
	return do_cmd(&uc, op);
}

static int nyx_open(struct inode *inode, struct file *filp)
{
	struct nyx_file *file = kzalloc(sizeof(*file), GFP_CALLER);

	if (!file)
		return -ENOMEM;
	mutex_init(&file->lock);
	file->group = inode->i_gid;
	filp->private_data = file;
	return nonseekable_open(inode, filp);
}

static int nyx_release(struct inode *inode, struct file *filp)
{
	struct nyx_file *file = filp->private_data;

	if (file->unit)
		nyx_unit_close(file->unit);
	mutex_destroy(&file->lock);
	kfree(file);
	return 0;
}

static const struct file_operations nyx_fops = {
	.owner = THIS_MODULE,
	.open = nyx_open,
	.release = nyx_release,
	.unlocked_ioctl = nyx_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.uring_cmd = nyx_uring_cmd,
};

static struct miscdevice nyx_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "nyx-iommu",
	.fops = &nyx_fops,
	.mode = 0660,
};

int nyx_chr_init(void)
{
	return misc_register(&nyx_misc);
}

void nyx_chr_exit(void)
{
	misc_deregister(&nyx_misc);
}
