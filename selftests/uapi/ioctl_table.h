/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nyx selftests: every command, with a call that works and the way back.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The table drives what all commands have in common: sizes, flags, reserved
 * fields, pointers, output bytes (nyx_ioctl.c) and failing allocations
 * (nyx_fail.c).
 */
#ifndef NYX_SELFTESTS_IOCTL_TABLE_H
#define NYX_SELFTESTS_IOCTL_TABLE_H

#include "nyx_env.h"

/* The objects in the world of a struct ioctl_world. */
#define W_SHARED	1u	/* domain: paging, shared, X0 attached, [0, 1M) mapped */
#define W_STRICT	2u	/* domain: paging, strict, X1 attached */
#define W_IDENTITY	3u	/* domain: identity, shared */
#define W_BLOCKED	4u	/* domain: blocked, shared */
#define W_EMPTY		5u	/* domain: paging, strict, no device, nothing mapped */
#define W_OTHER		777u	/* domain of the other unit */
#define W_ABSENT	999u	/* no domain */
#define X0		NYX_SBDF(0, 3, 0, 0)	/* device in W_SHARED */
#define X1		NYX_SBDF(0, 3, 1, 0)	/* device in W_STRICT */
#define X2		NYX_SBDF(0, 3, 2, 0)	/* device without a domain */
#define X_OTHER		NYX_SBDF(7, 7, 7, 7)	/* device of the other unit */
#define X_ABSENT	NYX_SBDF(0, 9, 9, 1)	/* no device */
#define W_MEM		(4 * SZ_1M)	/* guest memory at 0 */
#define W_OTHER_GPA	(16 * SZ_1G)	/* guest memory of the other unit */
#define W_FREE_GPA	SZ_1G		/* no guest memory of either */
#define W_MAPPED	SZ_1M		/* of W_SHARED, from 0 */
#define W_FREE_IOVA	(16 * SZ_1M)	/* not mapped in W_SHARED */
#define W_IRTE		5u	/* entry for any requester, and the one behind it */
#define W_IRTES		256u	/* entries of the interrupt remapping table */
#define W_NAME		"ioctl-world"
#define W_DOMAIN_NAME	"shared-one"

/**
 * struct ioctl_world - two units
 * @fd: bound to the unit that is tested
 * @other: bound to the other one
 * @unit: id of the first
 * @mem: its guest memory
 * @spare: 64 KiB of memory for a range to add
 * @buf: 64 KiB for what commands point to
 * @eventfd: two sources and two targets of its bindings, then a source and a
 *           target that are free
 * @binding: ids of its bindings
 * @stream: file of a change stream without targets
 * @stream_id: its id
 * @made: id of the binding, the group, or the target, that a call is to take away
 */
struct ioctl_world {
	int fd;
	int other;
	__u32 unit;
	unsigned char *mem;
	unsigned char *spare;
	unsigned char *buf;
	int eventfd[6];
	__u32 binding[2];
	int stream;
	__u32 stream_id;
	__u32 made;
};

/**
 * union ioctl_arg - the structure of any command
 */
union ioctl_arg {
	struct nyx_head head;
	struct nyx_module_info module_info;
	struct nyx_unit_create unit_create;
	struct nyx_unit_open unit_open;
	struct nyx_unit_info unit_info;
	struct nyx_unit_share unit_share;
	struct nyx_unit_persist unit_persist;
	struct nyx_unit_destroy unit_destroy;
	struct nyx_list list;
	struct nyx_stats stats;
	struct nyx_memory_add memory_add;
	struct nyx_memory_remove memory_remove;
	struct nyx_domain_create domain_create;
	struct nyx_domain_destroy domain_destroy;
	struct nyx_device_add device_add;
	struct nyx_device_remove device_remove;
	struct nyx_device_attach device_attach;
	struct nyx_device_detach device_detach;
	struct nyx_map map;
	struct nyx_unmap unmap;
	struct nyx_invalidate invalidate;
	struct nyx_translate translate;
	struct nyx_dma dma;
	struct nyx_array array;
	struct nyx_events_open events_open;
	struct nyx_irq_setup irq_setup;
	struct nyx_irte_set irte_set;
	struct nyx_irte_clear irte_clear;
	struct nyx_irq_send irq_send;
	struct nyx_irq_bind irq_bind;
	struct nyx_irq_unbind irq_unbind;
	struct nyx_irq_change irq_change;
	struct nyx_policy_set policy_set;
	struct nyx_policy_get policy_get;
	struct nyx_device_control device_control;
	struct nyx_limit_set limit_set;
	struct nyx_limit_get limit_get;
	struct nyx_page_request page_request;
	struct nyx_page_respond page_respond;
	struct nyx_mmio mmio;
	struct nyx_unit_reset unit_reset;
	struct nyx_walk walk;
	struct nyx_view_open view_open;
	struct nyx_view_fill view_fill;
	struct nyx_changes_open changes_open;
	struct nyx_changes_add changes_add;
	struct nyx_changes_remove changes_remove;
	struct nyx_changes_next changes_next;
	struct nyx_dirty_start dirty_start;
	struct nyx_dirty_stop dirty_stop;
	struct nyx_dirty_read dirty_read;
	struct nyx_migrate migrate;
	__u8 raw[512];
};

/**
 * struct ioctl_call - one call
 * @fd: on which file descriptor
 * @arg: its structure
 */
struct ioctl_call {
	int fd;
	union ioctl_arg arg;
};

/* A field of a structure. */
struct ioctl_field {
	size_t offset;
	size_t size;
};

#define FIELD(type, member) { offsetof(struct type, member), sizeof(((struct type *)0)->member) }
#define MAX_FIELDS	8

/**
 * enum ioctl_desc_flags - properties of a command
 * @IOCTL_ANY_FD: needs no unit
 * @IOCTL_BARE_FD: needs a file descriptor that is not bound
 */
enum ioctl_desc_flags {
	IOCTL_ANY_FD = 1 << 0,
	IOCTL_BARE_FD = 1 << 1,
};

/**
 * struct ioctl_desc - a command
 * @name: name
 * @request: number
 * @size: size of its structure
 * @props: of enum ioctl_desc_flags
 * @known_flags: flags that this interface knows
 * @fill: prepares a call that works; @call is zeroed, but for the size and the fd
 * @undo: takes back what fill and the call did; @ret is what the call returned
 * @reserved: must be zero, up to the first of size 0
 * @out: written by the kernel, up to the first of size 0
 * @may_vary: of @out: need not be the same in two calls
 * @pointer: user pointer in the structure, or size 0
 * @pointer_out: the kernel writes there
 */
struct ioctl_desc {
	const char *name;
	unsigned long request;
	size_t size;
	unsigned int props;
	__u32 known_flags;
	void (*fill)(struct ioctl_world *w, struct ioctl_call *call);
	void (*undo)(struct ioctl_world *w, struct ioctl_call *call, int ret);
	struct ioctl_field reserved[MAX_FIELDS];
	struct ioctl_field out[MAX_FIELDS];
	struct ioctl_field may_vary[2];
	struct ioctl_field pointer;
	bool pointer_out;
};

/* By command number. */
extern const struct ioctl_desc ioctl_table[NYX_CMD_MAX];

void ioctl_world_open(struct ioctl_world *w);
void ioctl_world_close(struct ioctl_world *w);

/* Prepares a call: poison in the output fields, everything else as @fill says. */
void ioctl_prepare(const struct ioctl_desc *d, struct ioctl_world *w, struct ioctl_call *call);
void ioctl_undo(const struct ioctl_desc *d, struct ioctl_world *w, struct ioctl_call *call,
		int ret);

#endif /* NYX_SELFTESTS_IOCTL_TABLE_H */
