/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: commands of /dev/nyx-iommu.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The dispatcher (ioctl.c) copies a command's structure in, checks it by the table,
 * runs the handler on the copy, and copies the structure out. A handler
 * (ioctl_<noun>.c) parses, checks, calls core/, and fills in the out_ fields. Several
 * of them share the functions of ucmd.c, which is below both.
 */
#ifndef NYX_CHR_IOCTL_H
#define NYX_CHR_IOCTL_H

#include <linux/mutex.h>
#include <linux/nyx_iommu.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "base/reason.h"
#include "core/space/inval.h"

struct file;
struct io_uring_cmd;
struct nyx_unit;

/* Properties of a command. */
#define OP_NO_UNIT	0x1	/* works on a file that is not bound */
#define OP_OUT		0x2	/* has out_ fields */
#define OP_OUT_ERROR	0x4	/* fills its out_ fields also when it fails */
#define OP_NATIVE	0x8	/* refused in a unit with a vendor model */
#define OP_INSPECT	0x10	/* accepted on files that may only inspect a unit */
#define OP_QUICK	0x20	/* does not wait, and ends soon if its length is small */
#define OP_STOPPED	0x40	/* accepted while the unit is stopped or loaded */

/**
 * struct nyx_file - an open file of the device
 * @lock: serialises binding
 * @unit: the unit it is bound to, or NULL; set once
 * @refused: OP_* of commands that it does not take; set before @unit
 * @group: group of the node through which it was opened
 */
struct nyx_file {
	struct mutex lock;
	struct nyx_unit *unit;
	u8 refused;
	kgid_t group;
};

/**
 * struct nyx_ucmd - a command under way
 * @file: on which file
 * @unit: its unit; NULL only for commands that need none
 * @arg: the caller's structure
 * @size: its size as the caller knows it
 * @fixed: a DMA by io_uring whose buffer is a registered one, or NULL
 * @issue_flags: of io_uring
 * @nonblock: the file is non-blocking
 * @nowait: io_uring wants -EAGAIN, and nothing done, from what has to wait
 * @stop_at_fault: an array of DMA ends at the first fault
 * @ticket: what has to be waited for before the command ends
 * @field: offset of the field that is to blame for a failure, or 0: the reason says
 *         which, see struct nyx_op
 */
struct nyx_ucmd {
	struct nyx_file *file;
	struct nyx_unit *unit;
	void __user *arg;
	struct io_uring_cmd *fixed;
	unsigned int issue_flags;
	u32 size;
	bool nonblock;
	bool nowait;
	bool stop_at_fault;
	u32 field;
	struct nyx_ticket ticket;
};

/**
 * NYX_BAD() - refuse a command because of a field
 * @_uc: the command under way
 * @_cmd: its structure
 * @_field: the field
 * @_reason: name of the reason, without its prefix
 */
#define NYX_BAD(_uc, _cmd, _field, _reason)				\
	nyx_bad_field(_uc, offsetof(typeof(*(_cmd)), _field), NYX_ERR(_reason))

static inline int nyx_bad_field(struct nyx_ucmd *uc, u32 field, int err)
{
	uc->field = field;
	return err;
}

int nyx_ioctl_module_info(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_unit_create(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_unit_open(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_unit_info(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_unit_share(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_unit_persist(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_unit_destroy(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_list(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_stats(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_memory_add(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_memory_remove(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_domain_create(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_domain_destroy(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_device_add(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_device_remove(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_device_attach(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_device_detach(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_events_open(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_irq_setup(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_irte_clear(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_irq_bind(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_irq_unbind(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_irq_change(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_policy_set(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_policy_get(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_device_control(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_limit_set(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_limit_get(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_page_request(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_page_respond(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_unit_reset(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_walk(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_view_open(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_changes_open(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_changes_add(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_changes_remove(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_changes_next(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_dirty_start(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_dirty_stop(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_dirty_read(struct nyx_ucmd *uc, void *cmd);
int nyx_ioctl_migrate(struct nyx_ucmd *uc, void *cmd);

/*
 * Commands that NYX_ARRAY takes work on @n structures in a row. They return at
 * the first that fails; @done counts those that succeeded.
 */
int nyx_ioctl_map(struct nyx_ucmd *uc, void *items, u32 n, u32 *done);
int nyx_ioctl_unmap(struct nyx_ucmd *uc, void *items, u32 n, u32 *done);
int nyx_ioctl_invalidate(struct nyx_ucmd *uc, void *items, u32 n, u32 *done);
int nyx_ioctl_translate(struct nyx_ucmd *uc, void *items, u32 n, u32 *done);
int nyx_ioctl_view_fill(struct nyx_ucmd *uc, void *items, u32 n, u32 *done);
int nyx_ioctl_dma(struct nyx_ucmd *uc, void *items, u32 n, u32 *done);
int nyx_ioctl_irte_set(struct nyx_ucmd *uc, void *items, u32 n, u32 *done);
int nyx_ioctl_irq_send(struct nyx_ucmd *uc, void *items, u32 n, u32 *done);
int nyx_ioctl_mmio(struct nyx_ucmd *uc, void *items, u32 n, u32 *done);

/**
 * nyx_ucmd_respond() - copy a structure out
 * @uc: the command
 * @cmd: the structure
 * @ksize: its size as the kernel knows it
 *
 * Return: 0 or -EFAULT.
 */
int nyx_ucmd_respond(struct nyx_ucmd *uc, const void *cmd, u32 ksize);

/**
 * nyx_ucmd_give_file() - answer a command with a file of its own
 * @uc: the command
 * @cmd: its structure, filled in but for @out_fd
 * @ksize: its size as the kernel knows it
 * @out_fd: the member of @cmd that gets the file's descriptor
 * @filp: the file, which the caller loses, also if this fails
 *
 * A task sees the file only after the caller has its number.
 *
 * Context: may sleep; @filp is released on failure.
 * Return: 0, -EMFILE or -EFAULT.
 */
int nyx_ucmd_give_file(struct nyx_ucmd *uc, const void *cmd, u32 ksize, __s32 *out_fd,
		       struct file *filp);

/**
 * nyx_file_bind() - bind a file to a unit
 * @file: the file
 * @unit: the unit, of which the caller is a user; the file takes over
 * @inspect: the file is only to inspect the unit
 *
 * Context: under &nyx_file.lock; the file is not bound.
 */
void nyx_file_bind(struct nyx_file *file, struct nyx_unit *unit, bool inspect);

/**
 * nyx_file_inspects() - is a file only to inspect its unit?
 * @file: the file, bound
 *
 * Context: any.
 * Return: true if it is.
 */
bool nyx_file_inspects(const struct nyx_file *file);

/**
 * nyx_fill_unit_info() - describe a unit
 * @unit: the unit
 * @info: set, but for its size
 * @all: with its state and counters, which are otherwise 0
 *
 * Context: may sleep.
 * Return: 0, or -ENODEV if it has ended: then its state and counters are 0.
 */
int nyx_fill_unit_info(struct nyx_unit *unit, struct nyx_unit_info *info,
		       bool all);

/**
 * nyx_check_translate() - check what the caller wants to have translated
 * @uc: the command under way
 * @cmd: its structure, of which the fields from @pasid to @extents are read
 *
 * Context: any.
 * Return: 0, or a code of NYX_ERR().
 */
int nyx_check_translate(struct nyx_ucmd *uc, const struct nyx_translate *cmd);

/**
 * nyx_access_err() - the reason of an access that did not begin
 * @err: of nyx_access_begin(), or of a function that calls it
 *
 * Context: any.
 * Return: @err, or a code of NYX_ERR().
 */
int nyx_access_err(int err);

/**
 * nyx_check_name() - check that a name is valid, or empty
 * @name: NYX_NAME_LEN bytes
 * @extra: characters allowed beside letters and digits
 *
 * Return: 0 or NYX_ERR(NAME).
 */
int nyx_check_name(const u8 *name, const char *extra);

/**
 * nyx_chr_init() - make the device node appear
 *
 * Context: may sleep.
 * Return: 0 or negative errno.
 */
int nyx_chr_init(void);

/**
 * nyx_chr_exit() - take the device node away
 *
 * Context: may sleep.
 */
void nyx_chr_exit(void);

#endif /* NYX_CHR_IOCTL_H */
