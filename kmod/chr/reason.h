/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx: why a command failed.
 *
 * Copyright (C) 2026 The Nyx authors
 */
#ifndef NYX_CHR_REASON_H
#define NYX_CHR_REASON_H

#include <linux/nyx_iommu.h>
#include <linux/types.h>

/**
 * enum nyx_about - the kind of field that a reason is about
 * @ABOUT_NOTHING: none, or one that the handler of the command names
 * @ABOUT_DEVICE: the SBDF
 * @ABOUT_DOMAIN: the id of the domain
 * @ABOUT_NAME: the name
 * @ABOUT_IOVA: the first IOVA of a range
 * @ABOUT_GPA: the first GPA of a range
 * @ABOUT_FD: the file descriptor, of two the source
 * @ABOUT_TARGET: the file descriptor of the target
 * @ABOUT_ADDRESS: the address in the caller's memory
 * @ABOUT_OFFSET: the offset in the file
 * @ABOUT_KEY: the index or id of the object that the command is about
 * @ABOUT_WIDTH: the address width
 * @ABOUT_ENTRIES: the number of entries of the interrupt remapping table
 * @ABOUT_OPTIONS: the options of the unit's model
 * @ABOUT_MAX: number of kinds
 *
 * The table of commands has the offset of each in the structure of the command.
 */
enum nyx_about {
	ABOUT_NOTHING,
	ABOUT_DEVICE,
	ABOUT_DOMAIN,
	ABOUT_NAME,
	ABOUT_IOVA,
	ABOUT_GPA,
	ABOUT_FD,
	ABOUT_TARGET,
	ABOUT_ADDRESS,
	ABOUT_OFFSET,
	ABOUT_KEY,
	ABOUT_WIDTH,
	ABOUT_ENTRIES,
	ABOUT_OPTIONS,
	ABOUT_MAX,
};

/**
 * nyx_reason_is() - has a command come to an errno, with a reason or without?
 * @ret: what it came to: 0, a negative errno, or a code of NYX_ERR()
 * @err: the negative errno
 *
 * Context: any.
 * Return: true if it has.
 */
bool nyx_reason_is(int ret, int err);

/**
 * nyx_reason_tell() - tell the caller of a command why the command failed
 * @head: the caller's structure, or NULL if that has no place for it
 * @err: what the command came to: a negative errno, or a code of NYX_ERR()
 * @field: offset of the field that is to blame, or 0
 * @at: offsets of fields, by enum nyx_about
 *
 * Context: may sleep.
 * Return: the negative errno.
 */
int nyx_reason_tell(struct nyx_head __user *head, int err, u32 field, const u16 *at);

#endif /* NYX_CHR_REASON_H */
