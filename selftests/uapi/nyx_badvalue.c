// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: values that a command refuses.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * The table describes the fields of each command: the range, the bits, the object that is
 * valid there. From that come the values to try, one by one, in the call of ioctl_table.c
 * that works. Combinations have rows of their own. After each call the state of the unit,
 * all listings and all counters are what they were.
 *
 * nyx_reason has one command for each reason. This program alone notices that the check of a
 * field is missing elsewhere: bugs ioctl-atomic-*, ioctl-page-access, ioctl-translate-access of
 * selftests/mutations.
 */
#include "ioctl_table.h"

#define END	(~0ull)			/* last byte of 64 bits */
#define TOP	(0ull - SZ_4K)		/* last page of 64 bits */
#define WIDTH	(1ull << 48)		/* end of the domains' address space */
#define GPAS	(1ull << 52)		/* end of guest-physical addresses */

/**
 * enum bad_kind - what a field may be
 * @BAD_NONE: there is no field: the changes, or the name, are what is wrong
 * @BAD_RANGE: from @low to @high
 * @BAD_DEFAULT: from @low to @high, or 0
 * @BAD_BITS: of the bits of @high
 * @BAD_PAGE: a multiple of a page
 * @BAD_DEVICE: a device of the unit
 * @BAD_DOMAIN: a domain of the unit
 * @BAD_FD: a file descriptor
 */
enum bad_kind {
	BAD_NONE, BAD_RANGE, BAD_DEFAULT, BAD_BITS, BAD_PAGE, BAD_DEVICE, BAD_DOMAIN, BAD_FD,
};

/**
 * struct bad_set - a change to a field
 * @offset: of the field
 * @size: of the field; 0: no change
 * @value: new value
 */
struct bad_set {
	size_t offset;
	size_t size;
	__u64 value;
};

/**
 * struct bad_value - calls that fail
 * @what: the changes, or the field
 * @cmd: of enum nyx_cmd
 * @error: errno
 * @error2: another errno that the documentation allows, or 0
 * @set: changes
 * @kind: of @field
 * @field: what gets the values, after the changes
 * @low: smallest value
 * @high: largest value, or all bits
 * @name: new name; its 33rd byte may be the first beyond
 */
struct bad_value {
	const char *what;
	unsigned int cmd;
	int error;
	int error2;
	struct bad_set set[5];
	enum bad_kind kind;
	struct bad_set field;
	__u64 low;
	__u64 high;
	const char *name;
};

/* @member is of union ioctl_arg: map.iova */
#define F(member, val) \
	{ offsetof(union ioctl_arg, member), sizeof(((union ioctl_arg *)0)->member), (val) }

/* A row of changes; V2() allows two errors. */
#define V2(command, err, err2, ...) {					\
	.what = #__VA_ARGS__, .cmd = NYX_CMD_##command, .error = (err),	\
	.error2 = (err2), .set = { __VA_ARGS__ } }
#define V(command, err, ...)	V2(command, err, 0, __VA_ARGS__)

/* A row of a name, which is in one of these structures. */
#define N(command, err, text, ...) {					\
	.what = "name " #text, .cmd = NYX_CMD_##command, .error = (err),	\
	.set = { __VA_ARGS__ }, .name = (text) }

/* A row of a field, after changes. */
#define ROW(command, k, err, err2, member, lo, hi, ...) {		\
	.what = #member, .cmd = NYX_CMD_##command, .kind = (k),		\
	.error = (err), .error2 = (err2), .field = F(member, 0),	\
	.low = (lo), .high = (hi), .set = { __VA_ARGS__ } }
#define RANGE(command, member, lo, hi, ...) \
	ROW(command, BAD_RANGE, EINVAL, 0, member, lo, hi, __VA_ARGS__)
#define DEFAULT(command, member, lo, hi, ...) \
	ROW(command, BAD_DEFAULT, EINVAL, 0, member, lo, hi, __VA_ARGS__)
#define ZERO(command, member, ...)	RANGE(command, member, 0, 0, __VA_ARGS__)
/* A value that is not known: those beyond the last one. */
#define ENUM(command, member, last, ...) \
	ROW(command, BAD_RANGE, EOPNOTSUPP, 0, member, 0, last, __VA_ARGS__)
#define BITS(command, member, all, ...) \
	ROW(command, BAD_BITS, EOPNOTSUPP, 0, member, 0, all, __VA_ARGS__)
#define PAGE(command, member, ...) \
	ROW(command, BAD_PAGE, EINVAL, 0, member, 0, 0, __VA_ARGS__)
#define DEVICE(command, member, ...) \
	ROW(command, BAD_DEVICE, ENOENT, 0, member, 0, 0, __VA_ARGS__)
#define DOMAIN(command, member, ...) \
	ROW(command, BAD_DOMAIN, ENOENT, 0, member, 0, 0, __VA_ARGS__)
#define FD(command, member, ...) \
	ROW(command, BAD_FD, EBADF, 0, member, 0, 0, __VA_ARGS__)
/* Of iova or gpa, and length: what leaves 64 bits, or is beyond @end. */
#define SPAN(command, start, length, end)						\
	V(command, EOVERFLOW, F(start, TOP), F(length, 2 * SZ_4K)),			\
	V(command, EOVERFLOW, F(start, SZ_1G), F(length, 0ull - SZ_4K)),		\
	V(command, ERANGE, F(start, end), F(length, SZ_4K)),				\
	V(command, ERANGE, F(start, (end) - SZ_4K), F(length, 2 * SZ_4K)),		\
	V(command, ERANGE, F(start, 1ull << 63), F(length, SZ_4K)),			\
	V(command, ERANGE, F(start, TOP), F(length, SZ_4K)),				\
	RANGE(command, length, 1, END), PAGE(command, start), PAGE(command, length)
#define PASID(command, member) \
	ROW(command, BAD_RANGE, EOPNOTSUPP, EINVAL, member, NYX_PASID_NONE, NYX_PASID_NONE)

#define NAME_31		"abcdefghijklmnopqrstuvwxyz12345"
#define NAME_32		"abcdefghijklmnopqrstuvwxyz123456"

static const struct bad_value bad_values[] = {
	/* UNIT_CREATE */
	ENUM(UNIT_CREATE, unit_create.model, NYX_MODEL_AMDVI),
	DEFAULT(UNIT_CREATE, unit_create.address_width, 32, 64),
	/* All bits are the default. */
	V(UNIT_CREATE, EINVAL, F(unit_create.iotlb_entries, 1048577)),
	V(UNIT_CREATE, EINVAL, F(unit_create.iotlb_entries, 0x80000000)),
	V(UNIT_CREATE, EINVAL, F(unit_create.iotlb_entries, 0xfffffffe)),
	DEFAULT(UNIT_CREATE, unit_create.event_entries, 16, 65536),
	RANGE(UNIT_CREATE, unit_create.max_domains, 0, 65535),
	RANGE(UNIT_CREATE, unit_create.max_devices, 0, 1048576),
	RANGE(UNIT_CREATE, unit_create.max_memory, 0, 65536),
	RANGE(UNIT_CREATE, unit_create.irt_entries, 0, 65536),
	V(UNIT_CREATE, EINVAL, F(unit_create.view_timeout_ms, 1)),
	V(UNIT_CREATE, EINVAL, F(unit_create.view_timeout_ms, 9)),
	V(UNIT_CREATE, EINVAL, F(unit_create.view_timeout_ms, 60001)),
	V(UNIT_CREATE, EINVAL, F(unit_create.view_timeout_ms, 0xffffffff)),
	V(UNIT_CREATE, EINVAL, F(unit_create.data_uptr, 8)),
	V(UNIT_CREATE, EINVAL, F(unit_create.data_len, 8)),
	V(UNIT_CREATE, EFAULT, F(unit_create.data_uptr, 8), F(unit_create.data_len, 8)),
	V(UNIT_CREATE, E2BIG, F(unit_create.data_uptr, 8), F(unit_create.data_len, 4097)),
	V(UNIT_CREATE, E2BIG, F(unit_create.data_uptr, 8), F(unit_create.data_len, 0xffffffff)),
	/* No process could open a persistent unit that is not shared. */
	V(UNIT_CREATE, EINVAL, F(unit_create.flags, NYX_UNIT_F_PERSIST)),
	N(UNIT_CREATE, EINVAL, NAME_32),
	N(UNIT_CREATE, EINVAL, "a/b"),
	N(UNIT_CREATE, EINVAL, "a b"),
	N(UNIT_CREATE, EINVAL, "a\n"),
	N(UNIT_CREATE, EINVAL, "\1"),
	N(UNIT_CREATE, EINVAL, "\xc3\xa4"),
	N(UNIT_CREATE, EINVAL, "%s"),
	N(UNIT_CREATE, EINVAL, "+"),
	N(UNIT_CREATE, EEXIST, W_NAME),

	/* UNIT_OPEN: an id or a name */
	V(UNIT_OPEN, ENOENT, F(unit_open.unit_id, 0xfffffff0)),
	V(UNIT_OPEN, ENOENT, F(unit_open.unit_id, 0xffffffff)),
	V(UNIT_OPEN, ENOENT, F(unit_open.unit_id, 0x80000000)),
	N(UNIT_OPEN, ENOENT, "no-such-unit", F(unit_open.unit_id, 0)),
	N(UNIT_OPEN, ENOENT, NAME_31, F(unit_open.unit_id, 0)),
	N(UNIT_OPEN, EINVAL, NAME_32, F(unit_open.unit_id, 0)),
	N(UNIT_OPEN, EINVAL, W_NAME),
	V(UNIT_OPEN, EINVAL, F(unit_open.unit_id, 0)),
	V(UNIT_OPEN, EINVAL, F(unit_open.owner_uid, 1)),
	V(UNIT_OPEN, EINVAL, F(unit_open.flags, NYX_OPEN_F_OWNER),
	  F(unit_open.owner_uid, 0xffffffff)),
	V(UNIT_OPEN, ENOENT, F(unit_open.flags, NYX_OPEN_F_OWNER),
	  F(unit_open.owner_uid, 0x7ffffff0)),

	RANGE(UNIT_PERSIST, unit_persist.persist, 0, 1),

	/* LIST */
	ENUM(LIST, list.type, NYX_LIST_TARGETS),
	ZERO(LIST, list.domain_id),
	ZERO(LIST, list.domain_id, F(list.type, NYX_LIST_UNITS)),
	ZERO(LIST, list.domain_id, F(list.type, NYX_LIST_IRTES)),
	ZERO(LIST, list.domain_id, F(list.type, NYX_LIST_BINDINGS)),
	ZERO(LIST, list.domain_id, F(list.type, NYX_LIST_REGISTERS)),
	ZERO(LIST, list.domain_id, F(list.type, NYX_LIST_VIEWS)),
	ZERO(LIST, list.domain_id, F(list.type, NYX_LIST_TARGETS)),
	V(LIST, EOPNOTSUPP, F(list.type, NYX_LIST_REGISTERS)),
	RANGE(LIST, list.entry_size, 8, 0xffffffff),
	RANGE(LIST, list.nr, 0, NYX_ARRAY_MAX),
	DOMAIN(LIST, list.domain_id, F(list.type, NYX_LIST_MAPPINGS)),
	V(LIST, EOPNOTSUPP, F(list.type, NYX_LIST_MAPPINGS), F(list.domain_id, W_IDENTITY)),
	V(LIST, EOPNOTSUPP, F(list.type, NYX_LIST_MAPPINGS), F(list.domain_id, W_BLOCKED)),

	/* STATS */
	ENUM(STATS, stats.scope, NYX_SCOPE_RANGE),
	V2(STATS, EOPNOTSUPP, EINVAL, F(stats.scope, NYX_SCOPE_RANGE), F(stats.id, 0)),
	DOMAIN(STATS, stats.id, F(stats.scope, NYX_SCOPE_DOMAIN)),
	DEVICE(STATS, stats.id),
	ZERO(STATS, stats.id, F(stats.scope, NYX_SCOPE_UNIT)),

	/* MEMORY_ADD: a user address, or a file */
	SPAN(MEMORY_ADD, memory_add.gpa, memory_add.length, GPAS),
	V(MEMORY_ADD, EEXIST, F(memory_add.gpa, 0)),
	V(MEMORY_ADD, EEXIST, F(memory_add.gpa, W_MEM - SZ_4K)),
	V(MEMORY_ADD, EEXIST, F(memory_add.gpa, 0), F(memory_add.length, W_MEM + SZ_4K)),
	PAGE(MEMORY_ADD, memory_add.user_addr),
	V2(MEMORY_ADD, EINVAL, EFAULT, F(memory_add.user_addr, 0xffff888000000000)),
	V2(MEMORY_ADD, EINVAL, EFAULT, F(memory_add.user_addr, TOP), F(memory_add.length, SZ_4K)),
	V2(MEMORY_ADD, EOVERFLOW, EINVAL, F(memory_add.user_addr, TOP)),
	/* With five levels of page tables user space is 2^56 bytes. */
	V2(MEMORY_ADD, EINVAL, EFAULT, F(memory_add.user_addr, (1ull << 56) - SZ_4K)),
	V2(MEMORY_ADD, EFAULT, EINVAL, F(memory_add.flags, NYX_MEMORY_F_PINNED),
	   F(memory_add.user_addr, 0x1000)),
	FD(MEMORY_ADD, memory_add.fd, F(memory_add.flags, NYX_MEMORY_F_FILE),
	   F(memory_add.user_addr, 0)),
	ZERO(MEMORY_ADD, memory_add.fd),
	V2(MEMORY_ADD, EINVAL, EBADF, F(memory_add.flags, NYX_MEMORY_F_FILE), F(memory_add.fd, -1)),

	/* MEMORY_REMOVE: a range as it was added */
	SPAN(MEMORY_REMOVE, memory_remove.gpa, memory_remove.length, GPAS),
	V(MEMORY_REMOVE, ENOENT, F(memory_remove.gpa, 2 * SZ_1G)),
	V(MEMORY_REMOVE, ENOENT, F(memory_remove.length, SZ_4K)),
	V(MEMORY_REMOVE, ENOENT, F(memory_remove.gpa, W_FREE_GPA + SZ_4K),
	  F(memory_remove.length, SZ_64K - SZ_4K)),
	V(MEMORY_REMOVE, ENOENT, F(memory_remove.length, 2 * SZ_64K)),
	V(MEMORY_REMOVE, ENOENT, F(memory_remove.gpa, W_OTHER_GPA)),

	/* DIRTY_START, DIRTY_STOP: the one needs the other */
	/* DIRTY_READ: a range of pages */
	PAGE(DIRTY_READ, dirty_read.gpa, F(dirty_read.page_size, SZ_4K)),
	V(DIRTY_READ, EINVAL, F(dirty_read.gpa, SZ_4K)),
	V(DIRTY_READ, EINVAL, F(dirty_read.length, 0)),
	V(DIRTY_READ, EINVAL, F(dirty_read.length, SZ_4K)),
	V(DIRTY_READ, EINVAL, F(dirty_read.length, SZ_64K + 1)),
	V(DIRTY_READ, EOVERFLOW, F(dirty_read.gpa, -SZ_64K), F(dirty_read.length, 2 * SZ_64K)),
	V(DIRTY_READ, ERANGE, F(dirty_read.gpa, GPAS - SZ_64K), F(dirty_read.length, 2 * SZ_64K)),
	V(DIRTY_READ, ERANGE, F(dirty_read.gpa, GPAS)),
	V(DIRTY_READ, EINVAL, F(dirty_read.page_size, 0)),
	V(DIRTY_READ, EINVAL, F(dirty_read.page_size, 2048)),
	V(DIRTY_READ, EINVAL, F(dirty_read.page_size, 3 * SZ_4K)),
	V(DIRTY_READ, EINVAL, F(dirty_read.page_size, 2 * SZ_1G), F(dirty_read.gpa, 0),
	  F(dirty_read.length, 2 * SZ_1G)),
	V(DIRTY_READ, EINVAL, F(dirty_read.page_size, END)),

	/* DOMAIN_CREATE */
	ENUM(DOMAIN_CREATE, domain_create.kind, NYX_DOMAIN_BLOCKED),
	ENUM(DOMAIN_CREATE, domain_create.format, NYX_FORMAT_AMDV1),
	ZERO(DOMAIN_CREATE, domain_create.format, F(domain_create.kind, NYX_DOMAIN_IDENTITY)),
	ZERO(DOMAIN_CREATE, domain_create.format, F(domain_create.kind, NYX_DOMAIN_BLOCKED)),
	ZERO(DOMAIN_CREATE, domain_create.address_width,
	     F(domain_create.kind, NYX_DOMAIN_IDENTITY)),
	ZERO(DOMAIN_CREATE, domain_create.address_width,
	     F(domain_create.kind, NYX_DOMAIN_BLOCKED)),
	ZERO(DOMAIN_CREATE, domain_create.page_sizes, F(domain_create.kind, NYX_DOMAIN_IDENTITY)),
	/* Widths of a format; the unit has 48 bits. */
	DEFAULT(DOMAIN_CREATE, domain_create.address_width, 39, 39),
	V(DOMAIN_CREATE, EINVAL, F(domain_create.address_width, 30)),
	DEFAULT(DOMAIN_CREATE, domain_create.address_width, 48, 48,
		F(domain_create.format, NYX_FORMAT_X86)),
	V(DOMAIN_CREATE, EINVAL, F(domain_create.format, NYX_FORMAT_X86),
	  F(domain_create.address_width, 39)),
	DEFAULT(DOMAIN_CREATE, domain_create.address_width, 32, 64,
		F(domain_create.format, NYX_FORMAT_AMDV1)),
	V2(DOMAIN_CREATE, EINVAL, ERANGE, F(domain_create.address_width, 57)),
	V2(DOMAIN_CREATE, EINVAL, ERANGE, F(domain_create.format, NYX_FORMAT_X86),
	   F(domain_create.address_width, 57)),
	V2(DOMAIN_CREATE, EINVAL, ERANGE, F(domain_create.format, NYX_FORMAT_AMDV1),
	   F(domain_create.address_width, 49)),
	RANGE(DOMAIN_CREATE, domain_create.domain_id, 0, 65535),
	V(DOMAIN_CREATE, EEXIST, F(domain_create.domain_id, W_STRICT)),
	/* Pages of 4096 bytes, and no gap */
	V(DOMAIN_CREATE, EINVAL, F(domain_create.page_sizes, SZ_2M)),
	V(DOMAIN_CREATE, EINVAL, F(domain_create.page_sizes, SZ_4K | SZ_1G)),
	V(DOMAIN_CREATE, EINVAL, F(domain_create.format, NYX_FORMAT_AMDV1),
	  F(domain_create.page_sizes, SZ_4K | 4 * SZ_1M)),
	V2(DOMAIN_CREATE, EINVAL, EOPNOTSUPP, F(domain_create.page_sizes, 0x3000)),
	V2(DOMAIN_CREATE, EINVAL, EOPNOTSUPP, F(domain_create.page_sizes, 0x1800)),
	V2(DOMAIN_CREATE, EINVAL, EOPNOTSUPP, F(domain_create.page_sizes, 0x1001)),
	V2(DOMAIN_CREATE, EINVAL, EOPNOTSUPP, F(domain_create.page_sizes, END)),
	N(DOMAIN_CREATE, EINVAL, NAME_32),
	N(DOMAIN_CREATE, EINVAL, "a b"),
	N(DOMAIN_CREATE, EINVAL, "a\n"),
	N(DOMAIN_CREATE, EINVAL, "%s"),
	N(DOMAIN_CREATE, EINVAL, "\xc3\xa4"),
	N(DOMAIN_CREATE, EEXIST, W_DOMAIN_NAME),

	/* DOMAIN_DESTROY */
	DOMAIN(DOMAIN_DESTROY, domain_destroy.domain_id),
	V(DOMAIN_DESTROY, EBUSY, F(domain_destroy.domain_id, W_SHARED)),
	V(DOMAIN_DESTROY, EBUSY, F(domain_destroy.domain_id, W_STRICT)),

	/* DEVICE_* */
	V(DEVICE_ADD, EEXIST, F(device_add.sbdf, X0)),
	DEVICE(DEVICE_REMOVE, device_remove.sbdf),
	DEVICE(DEVICE_ATTACH, device_attach.sbdf),
	DOMAIN(DEVICE_ATTACH, device_attach.domain_id),
	PASID(DEVICE_ATTACH, device_attach.pasid),
	V(DEVICE_ATTACH, EBUSY, F(device_attach.domain_id, W_STRICT)),
	V(DEVICE_ATTACH, EBUSY, F(device_attach.domain_id, W_STRICT),
	  F(device_attach.flags, NYX_ATTACH_F_REPLACE)),
	V(DEVICE_ATTACH, EBUSY, F(device_attach.sbdf, X0)),
	V(DEVICE_ATTACH, EBUSY, F(device_attach.sbdf, X0), F(device_attach.domain_id, W_SHARED)),
	DEVICE(DEVICE_DETACH, device_detach.sbdf),
	PASID(DEVICE_DETACH, device_detach.pasid),

	/* MAP */
	DOMAIN(MAP, map.domain_id),
	V(MAP, EOPNOTSUPP, F(map.domain_id, W_IDENTITY)),
	V(MAP, EOPNOTSUPP, F(map.domain_id, W_BLOCKED)),
	V(MAP, EINVAL, F(map.prot, 0)),
	BITS(MAP, map.prot, RW),
	SPAN(MAP, map.iova, map.length, WIDTH),
	PAGE(MAP, map.gpa),
	V(MAP, EINVAL, F(map.length, 4095)),
	V(MAP, EOVERFLOW, F(map.gpa, TOP), F(map.length, 2 * SZ_4K)),
	V(MAP, ERANGE, F(map.gpa, GPAS)),
	V(MAP, ERANGE, F(map.gpa, GPAS - SZ_4K)),
	V(MAP, EEXIST, F(map.iova, 0)),
	V(MAP, EEXIST, F(map.iova, W_MAPPED - SZ_4K)),
	V(MAP, EEXIST, F(map.iova, 0), F(map.length, SZ_4K)),
	V(MAP, EEXIST, F(map.iova, 0), F(map.length, SZ_1G)),

	/* UNMAP */
	DOMAIN(UNMAP, unmap.domain_id),
	V(UNMAP, EOPNOTSUPP, F(unmap.domain_id, W_IDENTITY)),
	V(UNMAP, EOPNOTSUPP, F(unmap.domain_id, W_BLOCKED)),
	SPAN(UNMAP, unmap.iova, unmap.length, WIDTH),
	V(UNMAP, ENOENT, F(unmap.iova, SZ_1G)),
	V(UNMAP, ENOENT, F(unmap.iova, SZ_1G), F(unmap.length, SZ_512G)),
	V(UNMAP, ENOENT, F(unmap.domain_id, W_EMPTY), F(unmap.iova, 0)),
	V(UNMAP, EINVAL, F(unmap.flags, NYX_UNMAP_F_ALL)),
	V(UNMAP, EINVAL, F(unmap.flags, NYX_UNMAP_F_ALL), F(unmap.length, 0)),
	V(UNMAP, EINVAL, F(unmap.flags, NYX_UNMAP_F_ALL), F(unmap.iova, 0)),

	/* INVALIDATE: a range of a domain, a domain, a device, the unit */
	ENUM(INVALIDATE, invalidate.scope, NYX_SCOPE_RANGE),
	PASID(INVALIDATE, invalidate.pasid),
	DOMAIN(INVALIDATE, invalidate.domain_id),
	SPAN(INVALIDATE, invalidate.iova, invalidate.length, WIDTH),
	ZERO(INVALIDATE, invalidate.sbdf),
	ZERO(INVALIDATE, invalidate.length, F(invalidate.scope, NYX_SCOPE_DOMAIN)),
	ZERO(INVALIDATE, invalidate.iova, F(invalidate.scope, NYX_SCOPE_DOMAIN),
	     F(invalidate.length, 0)),
	ZERO(INVALIDATE, invalidate.sbdf, F(invalidate.scope, NYX_SCOPE_DOMAIN),
	     F(invalidate.length, 0)),
	ZERO(INVALIDATE, invalidate.domain_id, F(invalidate.scope, NYX_SCOPE_UNIT),
	     F(invalidate.length, 0)),
	ZERO(INVALIDATE, invalidate.length, F(invalidate.scope, NYX_SCOPE_UNIT),
	     F(invalidate.domain_id, 0)),
	ZERO(INVALIDATE, invalidate.domain_id, F(invalidate.scope, NYX_SCOPE_DEVICE),
	     F(invalidate.length, 0), F(invalidate.sbdf, X0)),
	DEVICE(INVALIDATE, invalidate.sbdf, F(invalidate.scope, NYX_SCOPE_DEVICE),
	       F(invalidate.length, 0), F(invalidate.domain_id, 0)),

	/* TRANSLATE */
	DEVICE(TRANSLATE, translate.sbdf),
	PASID(TRANSLATE, translate.pasid),
	V(TRANSLATE, EINVAL, F(translate.access, 0)),
	BITS(TRANSLATE, translate.access, RW),
	RANGE(TRANSLATE, translate.length, 1, END, F(translate.iova, 0)),
	V(TRANSLATE, EOVERFLOW, F(translate.iova, END), F(translate.length, 2)),
	V(TRANSLATE, EOVERFLOW, F(translate.iova, 2), F(translate.length, END)),
	RANGE(TRANSLATE, translate.nr_extents, 1, NYX_ARRAY_MAX),

	/* CHANGES_ADD, CHANGES_REMOVE, CHANGES_NEXT */
	V(CHANGES_ADD, ENOENT, F(changes_add.changes_id, 0)),
	V(CHANGES_ADD, ENOENT, F(changes_add.changes_id, 2)),
	V(CHANGES_ADD, ENOENT, F(changes_add.changes_id, END)),
	ENUM(CHANGES_ADD, changes_add.kind, NYX_CHANGES_DOMAIN),
	DOMAIN(CHANGES_ADD, changes_add.id),
	DEVICE(CHANGES_ADD, changes_add.id, F(changes_add.kind, NYX_CHANGES_DEVICE)),
	PASID(CHANGES_ADD, changes_add.pasid),
	DEFAULT(CHANGES_ADD, changes_add.max_maps, 1, NYX_CHANGES_MAPS_MAX),
	V(CHANGES_REMOVE, ENOENT, F(changes_remove.changes_id, 0)),
	V(CHANGES_REMOVE, ENOENT, F(changes_remove.target, 0)),
	V(CHANGES_REMOVE, ENOENT, F(changes_remove.target, END)),
	V(CHANGES_NEXT, ENOENT, F(changes_next.changes_id, 0)),
	RANGE(CHANGES_NEXT, changes_next.nr, 1, NYX_ARRAY_MAX),
	RANGE(CHANGES_NEXT, changes_next.ack, 0, 0),

	/* VIEW_OPEN */
	RANGE(VIEW_OPEN, view_open.nr_slots, 1, NYX_VIEW_SLOTS_MAX),
	RANGE(VIEW_OPEN, view_open.nr_holds, 0, NYX_VIEW_HOLDS_MAX),

	/* VIEW_FILL */
	DEVICE(VIEW_FILL, view_fill.sbdf),
	PASID(VIEW_FILL, view_fill.pasid),
	V(VIEW_FILL, EINVAL, F(view_fill.access, 0)),
	BITS(VIEW_FILL, view_fill.access, RW),
	RANGE(VIEW_FILL, view_fill.length, 1, END, F(view_fill.iova, 0)),
	V(VIEW_FILL, EOVERFLOW, F(view_fill.iova, END), F(view_fill.length, 2)),
	V(VIEW_FILL, EOVERFLOW, F(view_fill.iova, 2), F(view_fill.length, END)),
	RANGE(VIEW_FILL, view_fill.nr_extents, 1, NYX_ARRAY_MAX),

	/* DMA: no width, no operand; a fill has no buffer */
	DEVICE(DMA, dma.sbdf),
	PASID(DMA, dma.pasid),
	ENUM(DMA, dma.op, NYX_DMA_SWAP),
	RANGE(DMA, dma.length, 1, SZ_1G, F(dma.iova, 0)),
	V(DMA, EOVERFLOW, F(dma.iova, END), F(dma.length, 2)),
	ZERO(DMA, dma.width),
	ZERO(DMA, dma.operand),
	ZERO(DMA, dma.compare),
	ZERO(DMA, dma.width, F(dma.op, NYX_DMA_READ)),
	ZERO(DMA, dma.operand, F(dma.op, NYX_DMA_READ)),
	ZERO(DMA, dma.buffer, F(dma.op, NYX_DMA_FILL), F(dma.width, 1)),
	ZERO(DMA, dma.compare, F(dma.op, NYX_DMA_FILL), F(dma.buffer, 0), F(dma.width, 1)),
	RANGE(DMA, dma.width, 1, 8, F(dma.op, NYX_DMA_FILL), F(dma.buffer, 0), F(dma.length, 72)),
	V(DMA, EINVAL, F(dma.op, NYX_DMA_FILL), F(dma.buffer, 0), F(dma.width, 3),
	  F(dma.length, 24)),
	V(DMA, EINVAL, F(dma.op, NYX_DMA_FILL), F(dma.buffer, 0), F(dma.width, 8),
	  F(dma.length, 12)),
	/* Atomics: 4 or 8 aligned bytes */
#define ATOMIC(w, len, at)							\
	V(DMA, EINVAL, F(dma.op, NYX_DMA_SWAP), F(dma.buffer, 0), F(dma.width, w),	\
	  F(dma.length, len), F(dma.iova, at))
	ATOMIC(2, 2, 0x100), ATOMIC(16, 16, 0x100), ATOMIC(4, 8, 0x100), ATOMIC(8, 4, 0x100),
	ATOMIC(8, 8, 0x104), ATOMIC(4, 4, 0x102),
#undef ATOMIC
	ZERO(DMA, dma.buffer, F(dma.op, NYX_DMA_CAS), F(dma.width, 8), F(dma.length, 8),
	     F(dma.iova, 0x100)),
	ZERO(DMA, dma.buffer, F(dma.op, NYX_DMA_FETCH_ADD), F(dma.width, 4), F(dma.length, 4),
	     F(dma.iova, 0x100)),
	ZERO(DMA, dma.buffer, F(dma.op, NYX_DMA_SWAP), F(dma.width, 8), F(dma.length, 8),
	     F(dma.iova, 0x100)),

	/* ARRAY */
	ENUM(ARRAY, array.cmd, NYX_CMD_MAX - 1),
	V(ARRAY, EOPNOTSUPP, F(array.cmd, NYX_CMD_ARRAY)),
	V(ARRAY, EOPNOTSUPP, F(array.cmd, NYX_CMD_DOMAIN_CREATE)),
	V(ARRAY, EOPNOTSUPP, F(array.cmd, NYX_CMD_IRQ_BIND)),
	V(ARRAY, EOPNOTSUPP, F(array.cmd, NYX_CMD_IRTE_CLEAR)),
	V(ARRAY, EOPNOTSUPP, F(array.cmd, NYX_CMD_PAGE_REQUEST)),
	V(ARRAY, EOPNOTSUPP, F(array.cmd, NYX_CMD_MODULE_INFO)),
	RANGE(ARRAY, array.item_size, sizeof(struct nyx_map), sizeof(struct nyx_map)),
	V(ARRAY, EINVAL, F(array.item_size, sizeof(struct nyx_map) - 8)),
	V(ARRAY, EINVAL, F(array.item_size, sizeof(struct nyx_map) + 8)),
	RANGE(ARRAY, array.nr, 1, NYX_ARRAY_MAX),

	/* IRQ_SETUP: compatibility, and none, are of 8 bits */
	BITS(IRQ_SETUP, irq_setup.mode, 7),
	V(IRQ_SETUP, EINVAL, F(irq_setup.mode, NYX_IRQ_MODE_COMPAT)),
	V(IRQ_SETUP, EINVAL, F(irq_setup.mode, NYX_IRQ_MODE_OFF)),
	V(IRQ_SETUP, EINVAL, F(irq_setup.mode, NYX_IRQ_MODE_OFF | NYX_IRQ_MODE_COMPAT)),

	/* IRTE_SET */
	RANGE(IRTE_SET, irte_set.index, 0, W_IRTES - 1),
	RANGE(IRTE_SET, irte_set.vector, 16, 255),
	RANGE(IRTE_SET, irte_set.vector, 16, 255, F(irte_set.delivery, NYX_DELIVERY_LOWEST)),
	ROW(IRTE_SET, BAD_RANGE, EOPNOTSUPP, EINVAL, irte_set.delivery, 0, NYX_DELIVERY_EXTINT),
	V2(IRTE_SET, EOPNOTSUPP, EINVAL, F(irte_set.delivery, 3)),
	V2(IRTE_SET, EOPNOTSUPP, EINVAL, F(irte_set.delivery, 6)),
	ENUM(IRTE_SET, irte_set.source_check, NYX_SOURCE_BUS),
	DEFAULT(IRTE_SET, irte_set.source_mask, 4, 4),
	V(IRTE_SET, EINVAL, F(irte_set.source_mask, 2)),
	ZERO(IRTE_SET, irte_set.source, F(irte_set.source_check, NYX_SOURCE_ANY),
	     F(irte_set.source_mask, 0)),
	ZERO(IRTE_SET, irte_set.source_mask, F(irte_set.source_check, NYX_SOURCE_ANY),
	     F(irte_set.source, 0)),
	ZERO(IRTE_SET, irte_set.source_mask, F(irte_set.source_check, NYX_SOURCE_BUS),
	     F(irte_set.source, NYX_SOURCE_BUSES(0, 1, 2))),
	V(IRTE_SET, EINVAL, F(irte_set.source_check, NYX_SOURCE_BUS), F(irte_set.source_mask, 0),
	  F(irte_set.source, NYX_SOURCE_BUSES(0, 2, 1))),
	V(IRTE_SET, EINVAL, F(irte_set.flags, NYX_IRTE_F_URGENT)),
	ZERO(IRTE_SET, irte_set.posted),
#define POSTED	F(irte_set.flags, NYX_IRTE_F_POSTED), F(irte_set.posted, 0x1000)
	ZERO(IRTE_SET, irte_set.dest, POSTED),
	V(IRTE_SET, EINVAL, POSTED, F(irte_set.dest, 0), F(irte_set.delivery, NYX_DELIVERY_NMI)),
	RANGE(IRTE_SET, irte_set.vector, 16, 255, POSTED, F(irte_set.dest, 0)),
	V(IRTE_SET, EINVAL, POSTED, F(irte_set.dest, 0), F(irte_set.posted, 0x1020)),
	V(IRTE_SET, EINVAL, POSTED, F(irte_set.dest, 0), F(irte_set.posted, 0x1001)),
	V2(IRTE_SET, ERANGE, EINVAL, POSTED, F(irte_set.dest, 0), F(irte_set.posted, GPAS)),
	V2(IRTE_SET, ERANGE, EINVAL, POSTED, F(irte_set.dest, 0), F(irte_set.posted, 0ull - 64)),
#undef POSTED

	/* IRTE_CLEAR */
	RANGE(IRTE_CLEAR, irte_clear.index, 0, W_IRTES - 1),
	RANGE(IRTE_CLEAR, irte_clear.nr, 1, W_IRTES, F(irte_clear.index, 0)),
	V(IRTE_CLEAR, EINVAL, F(irte_clear.index, W_IRTES - 1), F(irte_clear.nr, 2)),
	V2(IRTE_CLEAR, EINVAL, EOVERFLOW, F(irte_clear.index, 0xffffffff), F(irte_clear.nr, 2)),
	V2(IRTE_CLEAR, EINVAL, EOVERFLOW, F(irte_clear.index, 1), F(irte_clear.nr, 0xffffffff)),
	V(IRTE_CLEAR, ENOENT, F(irte_clear.index, 100)),
	V(IRTE_CLEAR, ENOENT, F(irte_clear.index, 100), F(irte_clear.nr, W_IRTES - 100)),

	/* IRQ_SEND: an eventfd with its flag */
	DEVICE(IRQ_SEND, irq_send.sbdf),
	V(IRQ_SEND, EINVAL, F(irq_send.eventfd, 3)),
	V(IRQ_SEND, EINVAL, F(irq_send.eventfd, -2)),
	V(IRQ_SEND, EINVAL, F(irq_send.flags, NYX_IRQ_F_PROBE), F(irq_send.eventfd, 3)),
	FD(IRQ_SEND, irq_send.eventfd, F(irq_send.flags, NYX_IRQ_F_SIGNAL)),
	/* Also where the interrupt would be refused */
	FD(IRQ_SEND, irq_send.eventfd, F(irq_send.flags, NYX_IRQ_F_SIGNAL), F(irq_send.address, 0)),
	V(IRQ_SEND, EINVAL, F(irq_send.flags, NYX_IRQ_F_SIGNAL | NYX_IRQ_F_PROBE),
	  F(irq_send.eventfd, 1000)),

	/* IRQ_BIND, IRQ_UNBIND, IRQ_CHANGE */
	V2(IRQ_BIND, EOPNOTSUPP, EINVAL, F(irq_bind.flags, NYX_BIND_F_PENDING)),
	V2(IRQ_BIND, EOPNOTSUPP, EINVAL, F(irq_bind.flags, NYX_BIND_F_CLOSED)),
	DEVICE(IRQ_BIND, irq_bind.sbdf),
	FD(IRQ_BIND, irq_bind.source),
	FD(IRQ_BIND, irq_bind.target),
	RANGE(IRQ_BIND, irq_bind.coalesce_us, 0, 1000000),
	V(IRQ_UNBIND, ENOENT, F(irq_unbind.binding_id, 0x7fffffff)),
	V(IRQ_UNBIND, ENOENT, F(irq_unbind.binding_id, 0xffffffff)),
	V(IRQ_UNBIND, ENOENT, F(irq_unbind.binding_id, 0)),
	V(IRQ_CHANGE, ENOENT, F(irq_change.binding_id, 0x7fffffff)),
	V(IRQ_CHANGE, ENOENT, F(irq_change.binding_id, 0)),
	V(IRQ_CHANGE, EINVAL, F(irq_change.flags, 0), F(irq_change.masked, 0)),
	/* Fields that the flags do not name are 0. */
	V(IRQ_CHANGE, EINVAL, F(irq_change.flags, NYX_CHANGE_F_COALESCE)),
	RANGE(IRQ_CHANGE, irq_change.masked, 0, 1),
	ZERO(IRQ_CHANGE, irq_change.address),
	ZERO(IRQ_CHANGE, irq_change.data),
	ZERO(IRQ_CHANGE, irq_change.coalesce_us),
	ZERO(IRQ_CHANGE, irq_change.coalesce_count),
	RANGE(IRQ_CHANGE, irq_change.coalesce_us, 0, 1000000,
	      F(irq_change.flags, NYX_CHANGE_F_COALESCE), F(irq_change.masked, 0)),

	/* POLICY_SET */
	ENUM(POLICY_SET, policy_set.scope, NYX_SCOPE_RANGE),
	V2(POLICY_SET, EOPNOTSUPP, EINVAL, F(policy_set.scope, NYX_SCOPE_DOMAIN)),
	V2(POLICY_SET, EOPNOTSUPP, EINVAL, F(policy_set.scope, NYX_SCOPE_RANGE)),
	ZERO(POLICY_SET, policy_set.sbdf, F(policy_set.scope, NYX_SCOPE_UNIT)),
	DEVICE(POLICY_SET, policy_set.sbdf),
	V(POLICY_SET, EINVAL, F(policy_set.flags, NYX_POLICY_SET_F_INHERIT)),
	BITS(POLICY_SET, policy_set.policy.flags, 7),
	ENUM(POLICY_SET, policy_set.policy.action, 1),
	RANGE(POLICY_SET, policy_set.policy.threshold, 1, 1000000),
	RANGE(POLICY_SET, policy_set.policy.window_ms, 1, 3600000),
	RANGE(POLICY_SET, policy_set.policy.weight[NYX_CLASS_ADDRESS], 0, 1000),
	RANGE(POLICY_SET, policy_set.policy.weight[NYX_CLASS_INTERRUPT], 0, 1000),
	V2(POLICY_SET, EINVAL, EOPNOTSUPP, F(policy_set.policy.weight[NYX_CLASS_MAX], 1)),
	V2(POLICY_SET, EINVAL, EOPNOTSUPP, F(policy_set.policy.weight[7], 1)),
	RANGE(POLICY_SET, policy_set.policy.backoff_ms, 1, 86400000,
	      F(policy_set.policy.backoff_max_ms, 86400000)),
	V(POLICY_SET, EINVAL, F(policy_set.policy.backoff_ms, 21)),
	RANGE(POLICY_SET, policy_set.policy.backoff_max_ms, 1, 86400000),
	RANGE(POLICY_SET, policy_set.policy.probation_ms, 1, 86400000),
	RANGE(POLICY_SET, policy_set.policy.max_tries, 1, 1000),
	RANGE(POLICY_SET, policy_set.policy.records_per_s, 1, 0xffffffff),

	/* POLICY_GET, DEVICE_CONTROL */
	ENUM(POLICY_GET, policy_get.scope, NYX_SCOPE_RANGE),
	V2(POLICY_GET, EOPNOTSUPP, EINVAL, F(policy_get.scope, NYX_SCOPE_DOMAIN)),
	ZERO(POLICY_GET, policy_get.sbdf, F(policy_get.scope, NYX_SCOPE_UNIT)),
	DEVICE(POLICY_GET, policy_get.sbdf),
	DEVICE(DEVICE_CONTROL, device_control.sbdf),
	ENUM(DEVICE_CONTROL, device_control.action, 2),

	/* LIMIT_SET, LIMIT_GET */
	ENUM(LIMIT_SET, limit_set.scope, NYX_SCOPE_RANGE),
	V2(LIMIT_SET, EOPNOTSUPP, EINVAL, F(limit_set.scope, NYX_SCOPE_UNIT)),
	V2(LIMIT_SET, EOPNOTSUPP, EINVAL, F(limit_set.scope, NYX_SCOPE_RANGE)),
	DEVICE(LIMIT_SET, limit_set.id),
	DOMAIN(LIMIT_SET, limit_set.id, F(limit_set.scope, NYX_SCOPE_DOMAIN)),
	RANGE(LIMIT_SET, limit_set.limits.bytes_per_s, 0, NYX_LIMIT_MAX),
	RANGE(LIMIT_SET, limit_set.limits.ops_per_s, 0, NYX_LIMIT_MAX),
	RANGE(LIMIT_SET, limit_set.limits.irqs_per_s, 0, NYX_LIMIT_MAX),
	RANGE(LIMIT_SET, limit_set.limits.burst_ms, 0, 10000),
	ENUM(LIMIT_GET, limit_get.scope, NYX_SCOPE_RANGE),
	DOMAIN(LIMIT_GET, limit_get.id),
	DEVICE(LIMIT_GET, limit_get.id, F(limit_get.scope, NYX_SCOPE_DEVICE)),

	/* PAGE_REQUEST, PAGE_RESPOND */
	PASID(PAGE_REQUEST, page_request.pasid),
	DEVICE(PAGE_REQUEST, page_request.sbdf),
	V2(PAGE_REQUEST, EOPNOTSUPP, ENOENT, F(page_request.sbdf, X2)),
	RANGE(PAGE_REQUEST, page_request.nr, 1, NYX_PAGE_GROUP_MAX),
	RANGE(PAGE_REQUEST, page_request.timeout_ms, 1, 600000),
	V(PAGE_RESPOND, ENOENT, F(page_respond.group, 0x7fffffff)),
	ENUM(PAGE_RESPOND, page_respond.response, NYX_PAGE_TIMEOUT),
	V2(PAGE_RESPOND, EINVAL, EOPNOTSUPP, F(page_respond.response, NYX_PAGE_TIMEOUT)),
};

/*
 * The values that a field must not have, which has @now in the call that works. Returns
 * their number.
 */
static unsigned int values_of(const struct bad_value *v, __u64 now, __u64 bad[64])
{
	const __u64 all = END >> (64 - 8 * v->field.size), top = all / 2 + 1;
	const __u64 range[] = { 0, 1, v->low - 1, v->high + 1, v->high * 2 + 1, top, all };
	static const __u64 devices[] = { X_ABSENT, X_OTHER, 0xffffffff };
	static const __u64 domains[] = { 0, W_ABSENT, W_OTHER, 65536 + W_EMPTY, 0xffffffff };
	static const __u64 fds[] = { 0xffffffff, 1000 };
	const __u64 pages[] = { now + 1, now + 8, now + 2048, now + 4095 };
	unsigned int n = 0;

#define COPY(tab) (memcpy(bad, tab, sizeof(tab)), ARRAY_SIZE(tab))
	switch (v->kind) {
	case BAD_NONE:
		bad[n++] = 0;		/* no field gets it */
		break;
	case BAD_RANGE:
	case BAD_DEFAULT:
		for (size_t i = 0; i < ARRAY_SIZE(range); i++) {
			bool valid = (range[i] >= v->low && range[i] <= v->high) ||
				     (!range[i] && v->kind == BAD_DEFAULT);

			if (!valid && range[i] <= all)
				bad[n++] = range[i];
		}
		break;
	case BAD_BITS:
		for (__u64 bit = top; bit; bit >>= 1) {
			if (!(bit & v->high))
				bad[n++] = now | bit;
		}
		break;
	case BAD_PAGE:
		return COPY(pages);
	case BAD_DEVICE:
		return COPY(devices);
	case BAD_DOMAIN:
		return COPY(domains);
	case BAD_FD:
		return COPY(fds);
	}
#undef COPY
	return n;
}

/* Tries the @nr-th value of a row; false if there is none. */
static bool bad_call(struct ioctl_world *w, const struct bad_value *v, unsigned int nr)
{
	const struct ioctl_desc *d = &ioctl_table[v->cmd];
	__u64 bad[64], now = 0;
	struct ioctl_call call;
	struct snapshot s;
	unsigned int n;
	int ret;

	ioctl_prepare(d, w, &call);
	for (size_t i = 0; i < ARRAY_SIZE(v->set); i++)
		memcpy(call.arg.raw + v->set[i].offset, &v->set[i].value, v->set[i].size);
	memcpy(&now, call.arg.raw + v->field.offset, v->field.size);
	n = values_of(v, now, bad);
	if (nr == n) {
		ioctl_undo(d, w, &call, -1);
		return false;
	}
	ktap_note("%s: %s, 0x%llx", d->name, v->what, (unsigned long long)bad[nr]);
	memcpy(call.arg.raw + v->field.offset, &bad[nr], v->field.size);
	if (v->name && v->cmd == NYX_CMD_UNIT_CREATE)
		nyx_set_name(call.arg.unit_create.name, v->name);
	if (v->name && v->cmd == NYX_CMD_UNIT_OPEN)
		nyx_set_name(call.arg.unit_open.name, v->name);
	if (v->name && v->cmd == NYX_CMD_DOMAIN_CREATE)
		nyx_set_name(call.arg.domain_create.name, v->name);

	snapshot_take(&s, w->fd, true);
	ret = nyx_cmd(call.fd, d->request, &call.arg);
	if (!v->error2 || ret != -v->error2)
		EXPECT_EQ(-v->error, ret);
	if (ret)
		snapshot_check(&s, w->fd, true);
	snapshot_free(&s);
	ioctl_undo(d, w, &call, ret);
	return true;
}

TEST(values_refused)
{
	struct ioctl_world w;

	ioctl_world_open(&w);
	for (size_t i = 0; i < ARRAY_SIZE(bad_values); i++) {
		for (unsigned int nr = 0; bad_call(&w, &bad_values[i], nr); nr++)
			;
	}
}

/* The unit has nothing to inherit from; pages that cannot be asked for. */
TEST(bad_values_inside)
{
	static const struct {
		const char *what;
		struct nyx_page page;
		int error;
	} pages[] = {
		{ "no access", { .iova = SZ_4K }, EINVAL },
		{ "unknown access", { .iova = SZ_4K, .access = 4 }, EOPNOTSUPP },
		{ "all accesses", { .iova = SZ_4K, .access = 0xffffffff }, EOPNOTSUPP },
		{ "misaligned", { .iova = SZ_4K + 8, .access = RW }, EINVAL },
		{ "reserved", { .iova = SZ_4K, .access = RW, .__reserved = 1 }, EOPNOTSUPP },
	};
	struct nyx_policy_set policy = {
		.size = sizeof(policy), .flags = NYX_POLICY_SET_F_INHERIT,
		.scope = NYX_SCOPE_UNIT,
	};
	struct ioctl_world w;
	struct snapshot s;
	__u32 group;

	ioctl_world_open(&w);
	snapshot_take(&s, w.fd, true);
	test_err(EINVAL, nyx_cmd(w.fd, NYX_POLICY_SET, &policy));
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		for (unsigned int at = 0; at < 3; at++) {
			struct nyx_page three[3];

			ktap_note("%s, page %u", pages[i].what, at);
			for (unsigned int j = 0; j < 3; j++)
				three[j] = (struct nyx_page) {
					.iova = W_FREE_IOVA + j * SZ_4K, .access = RW,
				};
			three[at] = pages[i].page;
			test_err(pages[i].error,
				 cmd_page_post(w.fd, X0, three, 3, 1000, &group));
			snapshot_check(&s, w.fd, true);
		}
	}
	snapshot_check(&s, w.fd, true);
}
