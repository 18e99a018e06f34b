// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nyx selftests: values that a command refuses.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * One table: a command, fields to change in the call of ioctl_table.c that
 * works, and the errno. After each the state of the unit, all listings and all
 * counters are what they were.
 */
#include "ioctl_table.h"

#include <sys/mman.h>

#define END	(~0ull)			/* last byte of 64 bits */
#define TOP	(0ull - SZ_4K)		/* last page of 64 bits */
#define WIDTH	(1ull << 48)		/* end of the domains' address space */
#define GPAS	(1ull << 52)		/* end of guest-physical addresses */

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
 * struct bad_value - a call that fails
 * @what: what is wrong
 * @cmd: of enum nyx_cmd
 * @error: errno
 * @set: changes
 * @name: of units and domains: new name; its 33rd byte may be the first beyond
 * @error2: another errno that the documentation allows, or 0
 */
struct bad_value {
	const char *what;
	unsigned int cmd;
	int error;
	struct bad_set set[5];
	const char *name;
	int error2;
};

#define SET(type, member, val) \
	{ offsetof(struct type, member), sizeof(((struct type *)0)->member), (val) }

#define NAME_31		"abcdefghijklmnopqrstuvwxyz12345"
#define NAME_32		"abcdefghijklmnopqrstuvwxyz123456"

static const struct bad_value bad_values[] = {
	/* UNIT_CREATE */
#define V(what, error, ...) { what, NYX_CMD_UNIT_CREATE, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_unit_create, member, val)
	V("unknown model", EOPNOTSUPP, F(model, 3)),
	V("options without a length", EINVAL, F(data_uptr, 8)),
	V("a length without options", EINVAL, F(data_len, 8)),
	V("options where there is no memory", EFAULT, F(data_uptr, 8), F(data_len, 8)),
	V("more options than a page", E2BIG, F(data_uptr, 8), F(data_len, 4097)),
	V("options without end", E2BIG, F(data_uptr, 8), F(data_len, 0xffffffff)),
	V("unknown model, all bits", EOPNOTSUPP, F(model, 0xffffffff)),
	V("unknown model beyond 31", EOPNOTSUPP, F(model, 32)),
	V("narrow", EINVAL, F(address_width, 31)),
	V("narrow 1", EINVAL, F(address_width, 1)),
	V("wide", EINVAL, F(address_width, 65)),
	V("wide, all bits", EINVAL, F(address_width, 0xffffffff)),
	V("large cache", EINVAL, F(iotlb_entries, 1048577)),
	V("huge cache", EINVAL, F(iotlb_entries, 0x80000000)),
	V("almost the default cache", EINVAL, F(iotlb_entries, 0xfffffffe)),
	V("small ring", EINVAL, F(event_entries, 15)),
	V("tiny ring", EINVAL, F(event_entries, 1)),
	V("large ring", EINVAL, F(event_entries, 65537)),
	V("huge ring", EINVAL, F(event_entries, 0xffffffff)),
	V("many domains", EINVAL, F(max_domains, 65536)),
	V("no end of domains", EINVAL, F(max_domains, 0xffffffff)),
	V("many devices", EINVAL, F(max_devices, 1048577)),
	V("no end of devices", EINVAL, F(max_devices, 0xffffffff)),
	V("many ranges", EINVAL, F(max_memory, 65537)),
	V("no end of ranges", EINVAL, F(max_memory, 0xffffffff)),
	V("large interrupt table", EINVAL, F(irt_entries, 65537)),
	V("huge interrupt table", EINVAL, F(irt_entries, 0x80000000)),
	V("no end of the interrupt table", EINVAL, F(irt_entries, 0xffffffff)),
	V("kept out of reach", EINVAL, F(flags, NYX_UNIT_F_KEEP)),
#undef V
#undef F
#define N(what, error, name) { what, NYX_CMD_UNIT_CREATE, error, { { 0 } }, name, 0 }
	N("name not terminated", EINVAL, NAME_32),
	N("name with a slash", EINVAL, "a/b"),
	N("name with a space", EINVAL, "a b"),
	N("name with a newline", EINVAL, "a\n"),
	N("name with a control character", EINVAL, "\1"),
	N("name beyond ASCII", EINVAL, "\xc3\xa4"),
	N("name with a per cent", EINVAL, "%s"),
	N("name with a plus", EINVAL, "+"),
	N("name taken", EEXIST, W_NAME),
#undef N

	/* UNIT_OPEN */
#define V(what, error, name, ...) { what, NYX_CMD_UNIT_OPEN, error, { __VA_ARGS__ }, name, 0 }
#define F(member, val) SET(nyx_unit_open, member, val)
	V("absent id", ENOENT, NULL, F(unit_id, 0xfffffff0)),
	V("absent id, all bits", ENOENT, NULL, F(unit_id, 0xffffffff)),
	V("absent id 2^31", ENOENT, NULL, F(unit_id, 0x80000000)),
	V("absent name", ENOENT, "no-such-unit", F(unit_id, 0)),
	V("longest name, absent", ENOENT, NAME_31, F(unit_id, 0)),
	V("name not terminated", EINVAL, NAME_32, F(unit_id, 0)),
	V("id and name", EINVAL, W_NAME, { 0 }),
	V("neither id nor name", EINVAL, NULL, F(unit_id, 0)),
	V("an owner without the flag", EINVAL, NULL, F(owner_uid, 1)),
	V("no owner", EINVAL, NULL, F(flags, NYX_OPEN_F_OWNER), F(owner_uid, 0xffffffff)),
	V("an owner without units", ENOENT, NULL, F(flags, NYX_OPEN_F_OWNER),
	  F(owner_uid, 0x7ffffff0)),
#undef V
#undef F

	/* UNIT_KEEP */
#define V(what, error, ...) { what, NYX_CMD_UNIT_KEEP, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_unit_keep, member, val)
	V("neither", EINVAL, F(keep, 2)),
	V("all bits", EINVAL, F(keep, 0xffffffff)),
#undef V
#undef F

	/* LIST */
#define V(what, error, ...) { what, NYX_CMD_LIST, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_list, member, val)
	V("unknown type", EOPNOTSUPP, F(type, NYX_LIST_REGISTERS + 1)),
	V("entries of a domain", EINVAL, F(type, NYX_LIST_IRTES), F(domain_id, W_SHARED)),
	V("bindings of a domain", EINVAL, F(type, NYX_LIST_BINDINGS), F(domain_id, W_SHARED)),
	V("registers of a domain", EINVAL, F(type, NYX_LIST_REGISTERS), F(domain_id, W_SHARED)),
	V("registers of no model", EOPNOTSUPP, F(type, NYX_LIST_REGISTERS)),
	V("unknown type, all bits", EOPNOTSUPP, F(type, 0xffffffff)),
	V("domains of a domain", EINVAL, F(domain_id, W_SHARED)),
	V("units of a domain", EINVAL, F(type, NYX_LIST_UNITS), F(domain_id, W_SHARED)),
	V("no entry size", EINVAL, F(entry_size, 0)),
	V("small entry size", EINVAL, F(entry_size, 7)),
	V("many entries", EINVAL, F(nr, NYX_ARRAY_MAX + 1)),
	V("2^32-1 entries", EINVAL, F(nr, 0xffffffff)),
	V("2^31 entries", EINVAL, F(nr, 0x80000000)),
	V("mappings of an absent domain", ENOENT, F(type, NYX_LIST_MAPPINGS),
	  F(domain_id, W_ABSENT)),
	V("mappings of domain 0", ENOENT, F(type, NYX_LIST_MAPPINGS), F(domain_id, 0)),
	V("mappings of domain 2^16 + 1", ENOENT, F(type, NYX_LIST_MAPPINGS),
	  F(domain_id, 65536 + W_SHARED)),
	V("mappings of another unit's domain", ENOENT, F(type, NYX_LIST_MAPPINGS),
	  F(domain_id, W_OTHER)),
	V("mappings of an identity domain", EOPNOTSUPP, F(type, NYX_LIST_MAPPINGS),
	  F(domain_id, W_IDENTITY)),
	V("mappings of a blocked domain", EOPNOTSUPP, F(type, NYX_LIST_MAPPINGS),
	  F(domain_id, W_BLOCKED)),
#undef V
#undef F

	/* STATS */
#define V(what, error, ...) { what, NYX_CMD_STATS, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_stats, member, val)
	V("unknown scope", EOPNOTSUPP, F(scope, 4)),
	V("unknown scope, all bits", EOPNOTSUPP, F(scope, 0xffffffff)),
	V("absent domain", ENOENT, F(scope, NYX_SCOPE_DOMAIN), F(id, W_ABSENT)),
	V("domain 0", ENOENT, F(scope, NYX_SCOPE_DOMAIN), F(id, 0)),
	V("another unit's domain", ENOENT, F(scope, NYX_SCOPE_DOMAIN), F(id, W_OTHER)),
	V("absent device", ENOENT, F(id, X_ABSENT)),
	V("another unit's device", ENOENT, F(id, X_OTHER)),
	V("unit with an id", EINVAL, F(scope, NYX_SCOPE_UNIT), F(id, 1)),
#undef V
#undef F
	{ "a range", NYX_CMD_STATS, EOPNOTSUPP,
	  { SET(nyx_stats, scope, NYX_SCOPE_RANGE), SET(nyx_stats, id, 0) }, NULL, EINVAL },

	/* MEMORY_ADD */
#define V(what, error, ...) { what, NYX_CMD_MEMORY_ADD, error, { __VA_ARGS__ }, NULL, 0 }
#define V2(what, error, error2, ...) \
	{ what, NYX_CMD_MEMORY_ADD, error, { __VA_ARGS__ }, NULL, error2 }
#define F(member, val) SET(nyx_memory_add, member, val)
	V("gpa misaligned", EINVAL, F(gpa, W_FREE_GPA + 1)),
	V("gpa misaligned by half a page", EINVAL, F(gpa, W_FREE_GPA + 2048)),
	V("length misaligned", EINVAL, F(length, SZ_64K - 1)),
	V("length of one byte", EINVAL, F(length, 1)),
	V("length 0", EINVAL, F(length, 0)),
	V("gpa + length leaves 64 bits", EOVERFLOW, F(gpa, TOP), F(length, 2 * SZ_4K)),
	V("gpa + length is far beyond", EOVERFLOW, F(gpa, W_FREE_GPA),
	  F(length, 0ull - SZ_4K)),
	V("gpa beyond 52 bits", ERANGE, F(gpa, GPAS)),
	V("range across 52 bits", ERANGE, F(gpa, GPAS - SZ_4K), F(length, 2 * SZ_4K)),
	V("the last page of 64 bits", ERANGE, F(gpa, TOP), F(length, SZ_4K)),
	V("overlaps in whole", EEXIST, F(gpa, 0)),
	V("overlaps at its end", EEXIST, F(gpa, W_MEM - SZ_4K)),
	V("spans another range", EEXIST, F(gpa, 0), F(length, W_MEM + SZ_4K)),
	V2("user address misaligned", EINVAL, 0, F(user_addr, 0x10001)),
	V2("user address of the kernel", EINVAL, EFAULT, F(user_addr, 0xffff888000000000)),
	V2("user address at the end", EINVAL, EFAULT, F(user_addr, TOP), F(length, SZ_4K)),
	V2("user address + length leaves 64 bits", EOVERFLOW, EINVAL, F(user_addr, TOP)),
	/* With five levels of page tables user space is 2^56 bytes. */
	V2("user range into the kernel", EINVAL, EFAULT, F(user_addr, (1ull << 56) - SZ_4K)),
	V2("pinned, but nothing there", EFAULT, EINVAL, F(flags, NYX_MEMORY_F_PINNED),
	   F(user_addr, 0x1000)),
	V2("no file", EBADF, 0, F(flags, NYX_MEMORY_F_FILE), F(user_addr, 0), F(fd, -1)),
	V2("closed file", EBADF, 0, F(flags, NYX_MEMORY_F_FILE), F(user_addr, 0),
	   F(fd, 1000)),
	V2("a file without its flag", EINVAL, 0, F(fd, 3)),
	V2("no file without its flag", EINVAL, 0, F(fd, -1)),
	V2("file and user address", EINVAL, EBADF, F(flags, NYX_MEMORY_F_FILE), F(fd, -1)),
#undef V
#undef V2
#undef F

	/* MEMORY_REMOVE */
#define V(what, error, ...) { what, NYX_CMD_MEMORY_REMOVE, error, { __VA_ARGS__ }, NULL, 0 }
#define V2(what, error, error2, ...) \
	{ what, NYX_CMD_MEMORY_REMOVE, error, { __VA_ARGS__ }, NULL, error2 }
#define F(member, val) SET(nyx_memory_remove, member, val)
	V("absent", ENOENT, F(gpa, 2 * SZ_1G)),
	V("the first part", ENOENT, F(length, SZ_4K)),
	V("the last part", ENOENT, F(gpa, W_FREE_GPA + SZ_4K), F(length, SZ_64K - SZ_4K)),
	V("more than the range", ENOENT, F(length, 2 * SZ_64K)),
	V("another unit's", ENOENT, F(gpa, W_OTHER_GPA)),
	V("length 0", EINVAL, F(length, 0)),
	V2("length misaligned", EINVAL, ENOENT, F(length, 100)),
	V2("gpa misaligned", EINVAL, ENOENT, F(gpa, 1)),
	V2("gpa + length leaves 64 bits", EOVERFLOW, 0, F(gpa, TOP), F(length, 2 * SZ_4K)),
	V2("beyond 52 bits", ERANGE, ENOENT, F(gpa, GPAS)),
#undef V
#undef V2
#undef F

	/* DOMAIN_CREATE */
#define V(what, error, ...) { what, NYX_CMD_DOMAIN_CREATE, error, { __VA_ARGS__ }, NULL, 0 }
#define V2(what, error, error2, ...) \
	{ what, NYX_CMD_DOMAIN_CREATE, error, { __VA_ARGS__ }, NULL, error2 }
#define F(member, val) SET(nyx_domain_create, member, val)
	V("unknown kind", EOPNOTSUPP, F(kind, 3)),
	V("unknown kind, all bits", EOPNOTSUPP, F(kind, 0xffffffff)),
	V("unknown format", EOPNOTSUPP, F(format, 3)),
	V("unknown format, all bits", EOPNOTSUPP, F(format, 0xffffffff)),
	V("identity with a format", EINVAL, F(kind, NYX_DOMAIN_IDENTITY), F(format, 1)),
	V("identity with a width", EINVAL, F(kind, NYX_DOMAIN_IDENTITY), F(address_width, 48)),
	V("identity with page sizes", EINVAL, F(kind, NYX_DOMAIN_IDENTITY),
	  F(page_sizes, SZ_4K)),
	V("blocked with a format", EINVAL, F(kind, NYX_DOMAIN_BLOCKED), F(format, 2)),
	V("blocked with a width", EINVAL, F(kind, NYX_DOMAIN_BLOCKED), F(address_width, 39)),
	V("VTDSS of 38 bits", EINVAL, F(address_width, 38)),
	V("VTDSS of 40 bits", EINVAL, F(address_width, 40)),
	V("VTDSS of 30 bits", EINVAL, F(address_width, 30)),
	V("VTDSS of 1 bit", EINVAL, F(address_width, 1)),
	V("VTDSS of 2^32-1 bits", EINVAL, F(address_width, 0xffffffff)),
	V2("VTDSS of 57 bits in a unit of 48", EINVAL, ERANGE, F(address_width, 57)),
	V("X86 of 39 bits", EINVAL, F(format, NYX_FORMAT_X86), F(address_width, 39)),
	V("X86 of 47 bits", EINVAL, F(format, NYX_FORMAT_X86), F(address_width, 47)),
	V2("X86 of 57 bits in a unit of 48", EINVAL, ERANGE, F(format, NYX_FORMAT_X86),
	   F(address_width, 57)),
	V("AMDV1 of 31 bits", EINVAL, F(format, NYX_FORMAT_AMDV1), F(address_width, 31)),
	V("AMDV1 of 65 bits", EINVAL, F(format, NYX_FORMAT_AMDV1), F(address_width, 65)),
	V2("AMDV1 of 49 bits in a unit of 48", EINVAL, ERANGE, F(format, NYX_FORMAT_AMDV1),
	   F(address_width, 49)),
	V("id beyond 16 bits", EINVAL, F(domain_id, 65536)),
	V("id of all bits", EINVAL, F(domain_id, 0xffffffff)),
	V("id taken", EEXIST, F(domain_id, W_STRICT)),
	V("page sizes without 4096", EINVAL, F(page_sizes, SZ_2M)),
	V2("page size of 8 KiB in VTDSS", EINVAL, EOPNOTSUPP, F(page_sizes, 0x3000)),
	V("page sizes with a gap", EINVAL, F(page_sizes, SZ_4K | SZ_1G)),
	V("page sizes of AMDV1 with a gap", EINVAL, F(format, NYX_FORMAT_AMDV1),
	  F(page_sizes, SZ_4K | 4 * SZ_1M)),
	V2("page size of 2 KiB", EINVAL, EOPNOTSUPP, F(page_sizes, 0x1800)),
	V2("page size of 1 byte", EINVAL, EOPNOTSUPP, F(page_sizes, 0x1001)),
	V2("all page sizes", EINVAL, EOPNOTSUPP, F(page_sizes, END)),
#undef V
#undef V2
#undef F
#define N(what, error, name) { what, NYX_CMD_DOMAIN_CREATE, error, { { 0 } }, name, 0 }
	N("name not terminated", EINVAL, NAME_32),
	N("name with a space", EINVAL, "a b"),
	N("name with a newline", EINVAL, "a\n"),
	N("name with a per cent", EINVAL, "%s"),
	N("name beyond ASCII", EINVAL, "\xc3\xa4"),
	N("name taken", EEXIST, W_DOMAIN_NAME),
#undef N

	/* DOMAIN_DESTROY */
#define V(what, error, ...) { what, NYX_CMD_DOMAIN_DESTROY, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_domain_destroy, member, val)
	V("absent", ENOENT, F(domain_id, W_ABSENT)),
	V("0", ENOENT, F(domain_id, 0)),
	V("2^16 + an id", ENOENT, F(domain_id, 65536 + W_EMPTY)),
	V("another unit's", ENOENT, F(domain_id, W_OTHER)),
	V("has a device", EBUSY, F(domain_id, W_SHARED)),
	V("has its device", EBUSY, F(domain_id, W_STRICT)),
#undef V
#undef F

	/* DEVICE_* */
	{ "taken", NYX_CMD_DEVICE_ADD, EEXIST, { SET(nyx_device_add, sbdf, X0) }, NULL, 0 },
	{ "absent", NYX_CMD_DEVICE_REMOVE, ENOENT,
	  { SET(nyx_device_remove, sbdf, X_ABSENT) }, NULL, 0 },
	{ "another unit's", NYX_CMD_DEVICE_REMOVE, ENOENT,
	  { SET(nyx_device_remove, sbdf, X_OTHER) }, NULL, 0 },
	{ "all bits", NYX_CMD_DEVICE_REMOVE, ENOENT,
	  { SET(nyx_device_remove, sbdf, 0xffffffff) }, NULL, 0 },
#define V(what, error, ...) { what, NYX_CMD_DEVICE_ATTACH, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_device_attach, member, val)
	V("absent device", ENOENT, F(sbdf, X_ABSENT)),
	V("another unit's device", ENOENT, F(sbdf, X_OTHER)),
	V("absent domain", ENOENT, F(domain_id, W_ABSENT)),
	V("domain 0", ENOENT, F(domain_id, 0)),
	V("another unit's domain", ENOENT, F(domain_id, W_OTHER)),
	V("domain beyond 16 bits", ENOENT, F(domain_id, 65536 + W_EMPTY)),
	V("strict domain has its device", EBUSY, F(domain_id, W_STRICT)),
	V("strict domain has its device, replace", EBUSY, F(domain_id, W_STRICT),
	  F(flags, NYX_ATTACH_F_REPLACE)),
	V("has a domain", EBUSY, F(sbdf, X0)),
	V("has this domain", EBUSY, F(sbdf, X0), F(domain_id, W_SHARED)),
#undef V
#undef F
#define PASID(CMD, type, val) \
	{ "a PASID", NYX_CMD_##CMD, EOPNOTSUPP, { SET(type, pasid, val) }, NULL, EINVAL }
	PASID(DEVICE_ATTACH, nyx_device_attach, 0),
	PASID(DEVICE_DETACH, nyx_device_detach, 0),
	PASID(DEVICE_DETACH, nyx_device_detach, 0xfffffffe),
	PASID(INVALIDATE, nyx_invalidate, 0),
	PASID(INVALIDATE, nyx_invalidate, 1),
	PASID(TRANSLATE, nyx_translate, 0),
	PASID(DMA, nyx_dma, 0),
#undef PASID
	{ "absent", NYX_CMD_DEVICE_DETACH, ENOENT,
	  { SET(nyx_device_detach, sbdf, X_ABSENT) }, NULL, 0 },
	{ "another unit's", NYX_CMD_DEVICE_DETACH, ENOENT,
	  { SET(nyx_device_detach, sbdf, X_OTHER) }, NULL, 0 },

	/* MAP */
#define V(what, error, ...) { what, NYX_CMD_MAP, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_map, member, val)
	V("absent domain", ENOENT, F(domain_id, W_ABSENT)),
	V("domain 0", ENOENT, F(domain_id, 0)),
	V("another unit's domain", ENOENT, F(domain_id, W_OTHER)),
	V("identity domain", EOPNOTSUPP, F(domain_id, W_IDENTITY)),
	V("blocked domain", EOPNOTSUPP, F(domain_id, W_BLOCKED)),
	V("no permission", EINVAL, F(prot, 0)),
	V("unknown permission", EOPNOTSUPP, F(prot, RW | 4)),
	V("all permissions", EOPNOTSUPP, F(prot, 0xffffffff)),
	V("iova misaligned", EINVAL, F(iova, W_FREE_IOVA + 1)),
	V("iova misaligned by 2 KiB", EINVAL, F(iova, W_FREE_IOVA + 2048)),
	V("gpa misaligned", EINVAL, F(gpa, 8)),
	V("length misaligned", EINVAL, F(length, SZ_4K + 1)),
	V("length below a page", EINVAL, F(length, 4095)),
	V("length 0", EINVAL, F(length, 0)),
	V("iova + length leaves 64 bits", EOVERFLOW, F(iova, TOP), F(length, 2 * SZ_4K)),
	V("iova + length leaves 64 bits far", EOVERFLOW, F(iova, SZ_1G),
	  F(length, 0ull - SZ_4K)),
	V("gpa + length leaves 64 bits", EOVERFLOW, F(gpa, TOP), F(length, 2 * SZ_4K)),
	V("beyond the width", ERANGE, F(iova, WIDTH), F(length, SZ_4K)),
	V("across the width", ERANGE, F(iova, WIDTH - SZ_4K), F(length, 2 * SZ_4K)),
	V("the last page of 64 bits", ERANGE, F(iova, TOP), F(length, SZ_4K)),
	V("2^63", ERANGE, F(iova, 1ull << 63), F(length, SZ_4K)),
	V("gpa beyond 52 bits", ERANGE, F(gpa, GPAS)),
	V("gpa across 52 bits", ERANGE, F(gpa, GPAS - SZ_4K)),
	V("mapped", EEXIST, F(iova, 0)),
	V("mapped at its end", EEXIST, F(iova, W_MAPPED - SZ_4K)),
	V("mapped in its last page", EEXIST, F(iova, 0), F(length, SZ_4K)),
	V("spans what is mapped", EEXIST, F(iova, 0), F(length, SZ_1G)),
#undef V
#undef F

	/* UNMAP */
#define V(what, error, ...) { what, NYX_CMD_UNMAP, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_unmap, member, val)
	V("absent domain", ENOENT, F(domain_id, W_ABSENT)),
	V("domain 0", ENOENT, F(domain_id, 0)),
	V("another unit's domain", ENOENT, F(domain_id, W_OTHER)),
	V("identity domain", EOPNOTSUPP, F(domain_id, W_IDENTITY)),
	V("blocked domain", EOPNOTSUPP, F(domain_id, W_BLOCKED)),
	V("iova misaligned", EINVAL, F(iova, W_FREE_IOVA + 1)),
	V("length misaligned", EINVAL, F(length, SZ_4K - 1)),
	V("length 0", EINVAL, F(length, 0)),
	V("iova + length leaves 64 bits", EOVERFLOW, F(iova, TOP), F(length, 2 * SZ_4K)),
	V("beyond the width", ERANGE, F(iova, WIDTH), F(length, SZ_4K)),
	V("across the width", ERANGE, F(iova, WIDTH - SZ_4K), F(length, 2 * SZ_4K)),
	V("nothing there", ENOENT, F(iova, SZ_1G)),
	V("nothing there, wide", ENOENT, F(iova, SZ_1G), F(length, SZ_512G)),
	V("nothing in an empty domain", ENOENT, F(domain_id, W_EMPTY), F(iova, 0)),
	V("all, with a range", EINVAL, F(flags, NYX_UNMAP_F_ALL)),
	V("all, with an iova", EINVAL, F(flags, NYX_UNMAP_F_ALL), F(length, 0)),
	V("all, with a length", EINVAL, F(flags, NYX_UNMAP_F_ALL), F(iova, 0)),
#undef V
#undef F

	/* INVALIDATE */
#define V(what, error, ...) { what, NYX_CMD_INVALIDATE, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_invalidate, member, val)
	V("unknown scope", EOPNOTSUPP, F(scope, 4)),
	V("unknown scope, all bits", EOPNOTSUPP, F(scope, 0xffffffff)),
	V("absent domain", ENOENT, F(domain_id, W_ABSENT)),
	V("another unit's domain", ENOENT, F(domain_id, W_OTHER)),
	V("domain 0", ENOENT, F(domain_id, 0)),
	V("iova misaligned", EINVAL, F(iova, 1)),
	V("length misaligned", EINVAL, F(length, 1)),
	V("length 0", EINVAL, F(length, 0)),
	V("iova + length leaves 64 bits", EOVERFLOW, F(iova, TOP), F(length, 2 * SZ_4K)),
	V("beyond the width", ERANGE, F(iova, WIDTH)),
	V("across the width", ERANGE, F(iova, WIDTH - SZ_4K), F(length, 2 * SZ_4K)),
	V("range with a device", EINVAL, F(sbdf, X0)),
	V("domain with a length", EINVAL, F(scope, NYX_SCOPE_DOMAIN)),
	V("domain with an iova", EINVAL, F(scope, NYX_SCOPE_DOMAIN), F(length, 0),
	  F(iova, SZ_4K)),
	V("domain with a device", EINVAL, F(scope, NYX_SCOPE_DOMAIN), F(length, 0),
	  F(sbdf, X0)),
	V("unit with a domain", EINVAL, F(scope, NYX_SCOPE_UNIT), F(length, 0)),
	V("unit with a length", EINVAL, F(scope, NYX_SCOPE_UNIT), F(domain_id, 0)),
	V("device with a domain", EINVAL, F(scope, NYX_SCOPE_DEVICE), F(length, 0),
	  F(sbdf, X0)),
	V("absent device", ENOENT, F(scope, NYX_SCOPE_DEVICE), F(length, 0), F(domain_id, 0),
	  F(sbdf, X_ABSENT)),
	V("another unit's device", ENOENT, F(scope, NYX_SCOPE_DEVICE), F(length, 0),
	  F(domain_id, 0), F(sbdf, X_OTHER)),
#undef V
#undef F

	/* TRANSLATE */
#define V(what, error, ...) { what, NYX_CMD_TRANSLATE, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_translate, member, val)
	V("absent device", ENOENT, F(sbdf, X_ABSENT)),
	V("another unit's device", ENOENT, F(sbdf, X_OTHER)),
	V("no access", EINVAL, F(access, 0)),
	V("unknown access", EOPNOTSUPP, F(access, 4)),
	V("all accesses", EOPNOTSUPP, F(access, 0xffffffff)),
	V("length 0", EINVAL, F(length, 0)),
	V("iova + length leaves 64 bits", EOVERFLOW, F(iova, END), F(length, 2)),
	V("iova + length leaves 64 bits far", EOVERFLOW, F(iova, 2), F(length, END)),
	V("many runs", EINVAL, F(nr_runs, NYX_ARRAY_MAX + 1)),
	V("2^32-1 runs", EINVAL, F(nr_runs, 0xffffffff)),
	V("runs without room", EINVAL, F(nr_runs, 0)),
#undef V
#undef F

	/* DMA */
#define V(what, error, ...) { what, NYX_CMD_DMA, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_dma, member, val)
	V("absent device", ENOENT, F(sbdf, X_ABSENT)),
	V("another unit's device", ENOENT, F(sbdf, X_OTHER)),
	V("unknown op", EOPNOTSUPP, F(op, 6)),
	V("unknown op, all bits", EOPNOTSUPP, F(op, 0xffffffff)),
	V("length 0", EINVAL, F(length, 0)),
	V("length above 1 GiB", EINVAL, F(length, SZ_1G + 1)),
	V("length of 2^63", EINVAL, F(iova, 0), F(length, 1ull << 63)),
	V("iova + length leaves 64 bits", EOVERFLOW, F(iova, END), F(length, 2)),
	V("write with a width", EINVAL, F(width, 4)),
	V("write with an operand", EINVAL, F(operand, 1)),
	V("write with a compare value", EINVAL, F(compare, 1)),
	V("read with a width", EINVAL, F(op, NYX_DMA_READ), F(width, 8)),
	V("read with an operand", EINVAL, F(op, NYX_DMA_READ), F(operand, 1ull << 63)),
	V("fill with a buffer", EINVAL, F(op, NYX_DMA_FILL), F(width, 1)),
	V("fill of width 0", EINVAL, F(op, NYX_DMA_FILL), F(buffer, 0)),
	V("fill of width 3", EINVAL, F(op, NYX_DMA_FILL), F(buffer, 0), F(width, 3),
	  F(length, 24)),
	V("fill of width 16", EINVAL, F(op, NYX_DMA_FILL), F(buffer, 0), F(width, 16),
	  F(length, 64)),
	V("fill of a part of the width", EINVAL, F(op, NYX_DMA_FILL), F(buffer, 0), F(width, 8),
	  F(length, 12)),
	{ "fill with a compare value", NYX_CMD_DMA, EINVAL,
	  { F(op, NYX_DMA_FILL), F(buffer, 0), F(width, 8), F(compare, 1) }, NULL, 0 },
#define ATOMIC(what, error, op_, width_, length_, iova_) \
	{ what, NYX_CMD_DMA, error, \
	  { F(op, op_), F(width, width_), F(length, length_), F(iova, iova_) }, NULL, 0 }
	/* These still have the buffer, which alone is wrong, too. */
	ATOMIC("CAS with a buffer", EINVAL, NYX_DMA_CAS, 8, 8, 0x100),
	ATOMIC("add with a buffer", EINVAL, NYX_DMA_FETCH_ADD, 4, 4, 0x100),
	ATOMIC("swap with a buffer", EINVAL, NYX_DMA_SWAP, 8, 8, 0x100),
#undef ATOMIC
#undef V
#undef F

	/* ARRAY */
#define V(what, error, ...) { what, NYX_CMD_ARRAY, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_array, member, val)
	V("unknown command", EOPNOTSUPP, F(cmd, NYX_CMD_MAX)),
	V("unknown command, all bits", EOPNOTSUPP, F(cmd, 0xffffffff)),
	V("an array of arrays", EOPNOTSUPP, F(cmd, NYX_CMD_ARRAY)),
	V("an array of domains", EOPNOTSUPP, F(cmd, NYX_CMD_DOMAIN_CREATE)),
	V("an array of bindings", EOPNOTSUPP, F(cmd, NYX_CMD_IRQ_BIND)),
	V("an array of cleared entries", EOPNOTSUPP, F(cmd, NYX_CMD_IRTE_CLEAR)),
	V("an array of page requests", EOPNOTSUPP, F(cmd, NYX_CMD_PAGE_REQUEST)),
	V("an array of module infos", EOPNOTSUPP, F(cmd, NYX_CMD_MODULE_INFO)),
	V("item size 0", EINVAL, F(item_size, 0)),
	V("item size 4", EINVAL, F(item_size, 4)),
	V("item size below the structure", EINVAL, F(item_size, sizeof(struct nyx_map) - 8)),
	V("item size above the items'", EINVAL, F(item_size, sizeof(struct nyx_map) + 8)),
	V("no items", EINVAL, F(nr, 0)),
	V("many items", EINVAL, F(nr, NYX_ARRAY_MAX + 1)),
	V("2^32-1 items", EINVAL, F(nr, 0xffffffff)),
	V("2^31 items", EINVAL, F(nr, 0x80000000)),
#undef V
#undef F

	/* IRQ_SETUP */
#define V(what, error, ...) { what, NYX_CMD_IRQ_SETUP, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_irq_setup, member, val)
	V("unknown mode", EOPNOTSUPP, F(mode, 8)),
	V("unknown mode, last bit", EOPNOTSUPP, F(mode, 0x80000001)),
	V("all modes", EOPNOTSUPP, F(mode, 0xffffffff)),
	V("compatibility with 32 bits", EINVAL, F(mode, NYX_IRQ_MODE_COMPAT)),
	V("off with 32 bits", EINVAL, F(mode, NYX_IRQ_MODE_OFF)),
	V("off and compatibility with 32 bits", EINVAL,
	  F(mode, NYX_IRQ_MODE_OFF | NYX_IRQ_MODE_COMPAT)),
#undef V
#undef F

	/* IRTE_SET */
#define V(what, error, ...) { what, NYX_CMD_IRTE_SET, error, { __VA_ARGS__ }, NULL, 0 }
#define V2(what, error, error2, ...) \
	{ what, NYX_CMD_IRTE_SET, error, { __VA_ARGS__ }, NULL, error2 }
#define F(member, val) SET(nyx_irte_set, member, val)
	V("index behind the table", EINVAL, F(index, W_IRTES)),
	V("index 65536", EINVAL, F(index, 65536)),
	V("index of all bits", EINVAL, F(index, 0xffffffff)),
	V("vector 0", EINVAL, F(vector, 0)),
	V("vector 15", EINVAL, F(vector, 15)),
	V("vector 15, lowest priority", EINVAL, F(vector, 15), F(delivery, NYX_DELIVERY_LOWEST)),
	V2("delivery 3", EOPNOTSUPP, EINVAL, F(delivery, 3)),
	V2("delivery 6", EOPNOTSUPP, EINVAL, F(delivery, 6)),
	V2("delivery 8", EOPNOTSUPP, EINVAL, F(delivery, 8)),
	V2("delivery of all bits", EOPNOTSUPP, EINVAL, F(delivery, 0xff)),
	V("unknown source check", EOPNOTSUPP, F(source_check, 3)),
	V("unknown source check, all bits", EOPNOTSUPP, F(source_check, 0xff)),
	V("source mask 1", EINVAL, F(source_mask, 1)),
	V("source mask 2", EINVAL, F(source_mask, 2)),
	V("source mask 3", EINVAL, F(source_mask, 3)),
	V("source mask 5", EINVAL, F(source_mask, 5)),
	V("source mask 8", EINVAL, F(source_mask, 8)),
	V("source mask of all bits", EINVAL, F(source_mask, 0xff)),
	V("everybody with a source", EINVAL, F(source_check, NYX_SOURCE_ANY), F(source_mask, 0)),
	V("everybody with a mask", EINVAL, F(source_check, NYX_SOURCE_ANY), F(source, 0)),
	V("buses with a mask", EINVAL, F(source_check, NYX_SOURCE_BUS),
	  F(source, NYX_SOURCE_BUSES(0, 1, 2))),
	V("buses the wrong way round", EINVAL, F(source_check, NYX_SOURCE_BUS),
	  F(source_mask, 0), F(source, NYX_SOURCE_BUSES(0, 2, 1))),
	V("urgent, but not posted", EINVAL, F(flags, NYX_IRTE_F_URGENT)),
	V("a descriptor, but not posted", EINVAL, F(posted, 0x1000)),
	V("posted with a destination", EINVAL, F(flags, NYX_IRTE_F_POSTED), F(posted, 0x1000)),
	V("posted with a delivery mode", EINVAL, F(flags, NYX_IRTE_F_POSTED), F(dest, 0),
	  F(posted, 0x1000), F(delivery, NYX_DELIVERY_NMI)),
	V("posted to a misaligned descriptor", EINVAL, F(flags, NYX_IRTE_F_POSTED),
	  F(dest, 0), F(posted, 0x1020)),
	V("posted to an odd descriptor", EINVAL, F(flags, NYX_IRTE_F_POSTED),
	  F(dest, 0), F(posted, 0x1001)),
	V("posted, vector 15", EINVAL, F(flags, NYX_IRTE_F_POSTED),
	  F(dest, 0), F(posted, 0x1000), F(vector, 15)),
	V2("posted beyond 52 bits", ERANGE, EINVAL, F(flags, NYX_IRTE_F_POSTED),
	   F(dest, 0), F(posted, GPAS)),
	V2("posted at the end", ERANGE, EINVAL, F(flags, NYX_IRTE_F_POSTED),
	   F(dest, 0), F(posted, 0ull - 64)),
#undef V
#undef V2
#undef F

	/* IRTE_CLEAR */
#define V(what, error, ...) { what, NYX_CMD_IRTE_CLEAR, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_irte_clear, member, val)
	V("none", EINVAL, F(nr, 0)),
	V("index behind the table", EINVAL, F(index, W_IRTES)),
	V("leaves the table", EINVAL, F(index, W_IRTES - 1), F(nr, 2)),
	V("more than the table", EINVAL, F(index, 0), F(nr, W_IRTES + 1)),
	V("2^32-1 entries", EINVAL, F(index, 0), F(nr, 0xffffffff)),
	{ "index + nr leaves 32 bits", NYX_CMD_IRTE_CLEAR, EINVAL,
	  { F(index, 0xffffffff), F(nr, 2) }, NULL, EOVERFLOW },
	{ "index + nr leaves 32 bits, from within", NYX_CMD_IRTE_CLEAR, EINVAL,
	  { F(index, 1), F(nr, 0xffffffff) }, NULL, EOVERFLOW },
	V("nothing there", ENOENT, F(index, 100)),
	V("nothing in a range", ENOENT, F(index, 100), F(nr, W_IRTES - 100)),
#undef V
#undef F

	/* IRQ_SEND */
#define V(what, error, ...) { what, NYX_CMD_IRQ_SEND, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_irq_send, member, val)
	V("absent device", ENOENT, F(sbdf, X_ABSENT)),
	V("another unit's device", ENOENT, F(sbdf, X_OTHER)),
	V("an eventfd without its flag", EINVAL, F(eventfd, 3)),
	V("a negative eventfd without its flag", EINVAL, F(eventfd, -2)),
	V("no eventfd", EBADF, F(flags, NYX_IRQ_F_SIGNAL), F(eventfd, -1)),
	V("closed eventfd", EBADF, F(flags, NYX_IRQ_F_SIGNAL), F(eventfd, 1000)),
	V("a signal of a probe", EINVAL, F(flags, NYX_IRQ_F_SIGNAL | NYX_IRQ_F_PROBE),
	  F(eventfd, 1000)),
	V("an eventfd of a probe", EINVAL, F(flags, NYX_IRQ_F_PROBE), F(eventfd, 3)),
	V("closed eventfd, refused interrupt", EBADF, F(flags, NYX_IRQ_F_SIGNAL),
	  F(eventfd, 1000), F(address, 0)),
#undef V
#undef F

	/* IRQ_BIND */
#define V(what, error, ...) { what, NYX_CMD_IRQ_BIND, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_irq_bind, member, val)
	{ "begin pending", NYX_CMD_IRQ_BIND, EOPNOTSUPP, { F(flags, NYX_BIND_F_PENDING) }, NULL,
	  EINVAL },
	{ "begin closed", NYX_CMD_IRQ_BIND, EOPNOTSUPP, { F(flags, NYX_BIND_F_CLOSED) }, NULL,
	  EINVAL },
	V("absent device", ENOENT, F(sbdf, X_ABSENT)),
	V("another unit's device", ENOENT, F(sbdf, X_OTHER)),
	V("no source", EBADF, F(source, -1)),
	V("closed source", EBADF, F(source, 1000)),
	V("no target", EBADF, F(target, -1)),
	V("closed target", EBADF, F(target, 1000)),
	V("held for long", EINVAL, F(coalesce_us, 1000001)),
	V("held for ever", EINVAL, F(coalesce_us, 0xffffffff)),
#undef V
#undef F

	/* IRQ_UNBIND, IRQ_CHANGE */
	{ "absent", NYX_CMD_IRQ_UNBIND, ENOENT,
	  { SET(nyx_irq_unbind, binding_id, 0x7fffffff) }, NULL, 0 },
	{ "all bits", NYX_CMD_IRQ_UNBIND, ENOENT,
	  { SET(nyx_irq_unbind, binding_id, 0xffffffff) }, NULL, 0 },
	{ "0", NYX_CMD_IRQ_UNBIND, ENOENT, { SET(nyx_irq_unbind, binding_id, 0) }, NULL, 0 },
#define V(what, error, ...) { what, NYX_CMD_IRQ_CHANGE, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_irq_change, member, val)
	V("absent", ENOENT, F(binding_id, 0x7fffffff)),
	V("0", ENOENT, F(binding_id, 0)),
	V("nothing", EINVAL, F(flags, 0), F(masked, 0)),
	V("masked is not named", EINVAL, F(flags, NYX_CHANGE_F_COALESCE)),
	V("half masked", EINVAL, F(masked, 2)),
	V("masked, all bits", EINVAL, F(masked, 0xffffffff)),
	V("an address is not named", EINVAL, F(address, MSI_BASE)),
	V("data are not named", EINVAL, F(data, 1)),
	V("a time is not named", EINVAL, F(coalesce_us, 1)),
	V("a count is not named", EINVAL, F(coalesce_count, 1)),
	V("held for long", EINVAL, F(flags, NYX_CHANGE_F_COALESCE), F(masked, 0),
	  F(coalesce_us, 1000001)),
#undef V
#undef F

	/* POLICY_SET */
#define V(what, error, ...) { what, NYX_CMD_POLICY_SET, error, { __VA_ARGS__ }, NULL, 0 }
#define V2(what, error, error2, ...) \
	{ what, NYX_CMD_POLICY_SET, error, { __VA_ARGS__ }, NULL, error2 }
#define F(member, val) SET(nyx_policy_set, member, val)
	V("unknown scope", EOPNOTSUPP, F(scope, 4)),
	V("unknown scope, all bits", EOPNOTSUPP, F(scope, 0xffffffff)),
	V2("of a domain", EOPNOTSUPP, EINVAL, F(scope, NYX_SCOPE_DOMAIN)),
	V2("of a range", EOPNOTSUPP, EINVAL, F(scope, NYX_SCOPE_RANGE)),
	V("of a unit with a device", EINVAL, F(scope, NYX_SCOPE_UNIT)),
	V("absent device", ENOENT, F(sbdf, X_ABSENT)),
	V("another unit's device", ENOENT, F(sbdf, X_OTHER)),
	V("inherits, and has one", EINVAL, F(flags, NYX_POLICY_SET_F_INHERIT)),
	V("unknown flag", EOPNOTSUPP, F(policy.flags, 8)),
	V("all flags", EOPNOTSUPP, F(policy.flags, 0xffffffff)),
	V("unknown action", EOPNOTSUPP, F(policy.action, 2)),
	V("unknown action, all bits", EOPNOTSUPP, F(policy.action, 0xffffffff)),
	V("no threshold", EINVAL, F(policy.threshold, 0)),
	V("high threshold", EINVAL, F(policy.threshold, 1000001)),
	V("no window", EINVAL, F(policy.window_ms, 0)),
	V("long window", EINVAL, F(policy.window_ms, 3600001)),
	V("heavy address", EINVAL, F(policy.weight[NYX_CLASS_ADDRESS], 1001)),
	V("heavy interrupt", EINVAL, F(policy.weight[NYX_CLASS_INTERRUPT], 0xffff)),
	V2("weight of no class", EINVAL, EOPNOTSUPP, F(policy.weight[NYX_CLASS_MAX], 1)),
	V2("weight of no class, last", EINVAL, EOPNOTSUPP, F(policy.weight[7], 1)),
	V("no back-off", EINVAL, F(policy.backoff_ms, 0)),
	V("long back-off", EINVAL, F(policy.backoff_ms, 86400001),
	  F(policy.backoff_max_ms, 86400001)),
	V("back-off above its maximum", EINVAL, F(policy.backoff_ms, 21)),
	V("long maximum", EINVAL, F(policy.backoff_max_ms, 86400001)),
	V("no probation", EINVAL, F(policy.probation_ms, 0)),
	V("long probation", EINVAL, F(policy.probation_ms, 86400001)),
	V("no tries", EINVAL, F(policy.max_tries, 0)),
	V("many tries", EINVAL, F(policy.max_tries, 1001)),
	V("no records", EINVAL, F(policy.records_per_s, 0)),
#undef V
#undef V2
#undef F

	/* POLICY_GET */
#define V(what, error, ...) { what, NYX_CMD_POLICY_GET, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_policy_get, member, val)
	V("unknown scope", EOPNOTSUPP, F(scope, 4)),
	{ "of a domain", NYX_CMD_POLICY_GET, EOPNOTSUPP, { F(scope, NYX_SCOPE_DOMAIN) }, NULL,
	  EINVAL },
	V("of a unit with a device", EINVAL, F(scope, NYX_SCOPE_UNIT)),
	V("absent device", ENOENT, F(sbdf, X_ABSENT)),
	V("another unit's device", ENOENT, F(sbdf, X_OTHER)),
#undef V
#undef F

	/* DEVICE_CONTROL */
#define V(what, error, ...) { what, NYX_CMD_DEVICE_CONTROL, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_device_control, member, val)
	V("absent device", ENOENT, F(sbdf, X_ABSENT)),
	V("another unit's device", ENOENT, F(sbdf, X_OTHER)),
	V("unknown action", EOPNOTSUPP, F(action, 3)),
	V("unknown action, all bits", EOPNOTSUPP, F(action, 0xffffffff)),
#undef V
#undef F

	/* LIMIT_SET, LIMIT_GET */
#define V(what, error, ...) { what, NYX_CMD_LIMIT_SET, error, { __VA_ARGS__ }, NULL, 0 }
#define V2(what, error, error2, ...) \
	{ what, NYX_CMD_LIMIT_SET, error, { __VA_ARGS__ }, NULL, error2 }
#define F(member, val) SET(nyx_limit_set, member, val)
	V("unknown scope", EOPNOTSUPP, F(scope, 4)),
	V2("of the unit", EOPNOTSUPP, EINVAL, F(scope, NYX_SCOPE_UNIT)),
	V2("of a range", EOPNOTSUPP, EINVAL, F(scope, NYX_SCOPE_RANGE)),
	V("absent device", ENOENT, F(id, X_ABSENT)),
	V("another unit's device", ENOENT, F(id, X_OTHER)),
	V("absent domain", ENOENT, F(scope, NYX_SCOPE_DOMAIN), F(id, W_ABSENT)),
	V("domain 0", ENOENT, F(scope, NYX_SCOPE_DOMAIN), F(id, 0)),
	V("domain beyond 16 bits", ENOENT, F(scope, NYX_SCOPE_DOMAIN), F(id, 65536 + W_EMPTY)),
	V("another unit's domain", ENOENT, F(scope, NYX_SCOPE_DOMAIN), F(id, W_OTHER)),
	V("many bytes", EINVAL, F(limits.bytes_per_s, NYX_LIMIT_MAX + 1)),
	V("no end of bytes", EINVAL, F(limits.bytes_per_s, END)),
	V("many operations", EINVAL, F(limits.ops_per_s, NYX_LIMIT_MAX + 1)),
	V("no end of operations", EINVAL, F(limits.ops_per_s, END)),
	V("many interrupts", EINVAL, F(limits.irqs_per_s, NYX_LIMIT_MAX + 1)),
	V("no end of interrupts", EINVAL, F(limits.irqs_per_s, 1ull << 63)),
	V("long burst", EINVAL, F(limits.burst_ms, 10001)),
	V("no end of a burst", EINVAL, F(limits.burst_ms, 0xffffffff)),
#undef V
#undef V2
#undef F
#define V(what, error, ...) { what, NYX_CMD_LIMIT_GET, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_limit_get, member, val)
	V("unknown scope", EOPNOTSUPP, F(scope, 4)),
	V("absent domain", ENOENT, F(id, W_ABSENT)),
	V("another unit's domain", ENOENT, F(id, W_OTHER)),
	V("absent device", ENOENT, F(scope, NYX_SCOPE_DEVICE), F(id, X_ABSENT)),
	V("another unit's device", ENOENT, F(scope, NYX_SCOPE_DEVICE), F(id, X_OTHER)),
#undef V
#undef F

	/* PAGE_REQUEST, PAGE_RESPOND */
#define V(what, error, ...) { what, NYX_CMD_PAGE_REQUEST, error, { __VA_ARGS__ }, NULL, 0 }
#define V2(what, error, error2, ...) \
	{ what, NYX_CMD_PAGE_REQUEST, error, { __VA_ARGS__ }, NULL, error2 }
#define F(member, val) SET(nyx_page_request, member, val)
	V2("a PASID", EOPNOTSUPP, EINVAL, F(pasid, 0)),
	V("absent device", ENOENT, F(sbdf, X_ABSENT)),
	V("another unit's device", ENOENT, F(sbdf, X_OTHER)),
	V2("a device without a domain", EOPNOTSUPP, ENOENT, F(sbdf, X2)),
	V("no pages", EINVAL, F(nr, 0)),
	V("many pages", EINVAL, F(nr, NYX_PAGE_GROUP_MAX + 1)),
	V("2^32-1 pages", EINVAL, F(nr, 0xffffffff)),
	V("no time", EINVAL, F(timeout_ms, 0)),
	V("much time", EINVAL, F(timeout_ms, 600001)),
	V("no end of time", EINVAL, F(timeout_ms, 0xffffffff)),
#undef V
#undef V2
#undef F
#define V(what, error, ...) { what, NYX_CMD_PAGE_RESPOND, error, { __VA_ARGS__ }, NULL, 0 }
#define F(member, val) SET(nyx_page_respond, member, val)
	V("absent", ENOENT, F(group, 0x7fffffff)),
	V("unknown response", EOPNOTSUPP, F(response, 4)),
	V("unknown response, all bits", EOPNOTSUPP, F(response, 0xffffffff)),
	{ "the kernel's response", NYX_CMD_PAGE_RESPOND, EINVAL,
	  { F(response, NYX_PAGE_TIMEOUT) }, NULL, EOPNOTSUPP },
#undef V
#undef F
};

static void bad_call(struct ioctl_world *w, const struct bad_value *v)
{
	const struct ioctl_desc *d = &ioctl_table[v->cmd];
	struct ioctl_call call;
	struct snapshot s;
	int ret;

	ktap_note("%s: %s", d->name, v->what);
	ioctl_prepare(d, w, &call);
	for (size_t i = 0; i < ARRAY_SIZE(v->set); i++)
		memcpy(call.arg.raw + v->set[i].offset, &v->set[i].value, v->set[i].size);
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
}

/**
 * struct bad_cmd - a command to test
 * @name: name
 * @cmd: of enum nyx_cmd
 */
struct bad_cmd {
	const char *name;
	unsigned int cmd;
};

static const struct bad_cmd bad_cmds[] = {
	{ "unit_create", NYX_CMD_UNIT_CREATE },
	{ "unit_open", NYX_CMD_UNIT_OPEN },
	{ "unit_keep", NYX_CMD_UNIT_KEEP },
	{ "list", NYX_CMD_LIST },
	{ "stats", NYX_CMD_STATS },
	{ "memory_add", NYX_CMD_MEMORY_ADD },
	{ "memory_remove", NYX_CMD_MEMORY_REMOVE },
	{ "domain_create", NYX_CMD_DOMAIN_CREATE },
	{ "domain_destroy", NYX_CMD_DOMAIN_DESTROY },
	{ "device_add", NYX_CMD_DEVICE_ADD },
	{ "device_remove", NYX_CMD_DEVICE_REMOVE },
	{ "device_attach", NYX_CMD_DEVICE_ATTACH },
	{ "device_detach", NYX_CMD_DEVICE_DETACH },
	{ "map", NYX_CMD_MAP },
	{ "unmap", NYX_CMD_UNMAP },
	{ "invalidate", NYX_CMD_INVALIDATE },
	{ "translate", NYX_CMD_TRANSLATE },
	{ "dma", NYX_CMD_DMA },
	{ "array", NYX_CMD_ARRAY },
	{ "irq_setup", NYX_CMD_IRQ_SETUP },
	{ "irte_set", NYX_CMD_IRTE_SET },
	{ "irte_clear", NYX_CMD_IRTE_CLEAR },
	{ "irq_send", NYX_CMD_IRQ_SEND },
	{ "irq_bind", NYX_CMD_IRQ_BIND },
	{ "irq_unbind", NYX_CMD_IRQ_UNBIND },
	{ "irq_change", NYX_CMD_IRQ_CHANGE },
	{ "policy_set", NYX_CMD_POLICY_SET },
	{ "policy_get", NYX_CMD_POLICY_GET },
	{ "device_control", NYX_CMD_DEVICE_CONTROL },
	{ "limit_set", NYX_CMD_LIMIT_SET },
	{ "limit_get", NYX_CMD_LIMIT_GET },
	{ "page_request", NYX_CMD_PAGE_REQUEST },
	{ "page_respond", NYX_CMD_PAGE_RESPOND },
};

TEST_EACH(bad_values_of, bad_cmds)
{
	struct ioctl_world w;
	unsigned int n = 0;

	ioctl_world_open(&w);
	for (size_t i = 0; i < ARRAY_SIZE(bad_values); i++) {
		if (bad_values[i].cmd != v->cmd)
			continue;
		bad_call(&w, &bad_values[i]);
		n++;
	}
	ASSERT_GT(n, 0);
}

/* The atomics take 4 or 8 aligned bytes and nothing else. */
TEST(bad_values_of_atomics)
{
	static const __u32 ops[] = { NYX_DMA_CAS, NYX_DMA_FETCH_ADD, NYX_DMA_SWAP };
	struct ioctl_world w;
	struct snapshot s;
	struct nyx_dma c;

	ioctl_world_open(&w);
	snapshot_take(&s, w.fd, true);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		for (__u32 width = 0; width <= 17; width++) {
			ktap_note("op %u, width %u", ops[i], width);
			if (width == 4 || width == 8)
				continue;
			nyx_dma_init(&c, X0, ops[i], 0x100, width ? width : 4);
			c.width = width;
			test_err(EINVAL, nyx_cmd(w.fd, NYX_DMA, &c));
		}
		for (__u32 width = 4; width <= 8; width += 4) {
			for (__u32 at = 1; at < width; at++) {
				ktap_note("op %u, width %u at %u", ops[i], width, at);
				test_err(EINVAL, cmd_dma_atomic(w.fd, &c, X0, ops[i], 0x100 + at,
								width, 0, 0));
			}
			nyx_dma_init(&c, X0, ops[i], 0x100, 2 * width);
			c.width = width;
			test_err(EINVAL, nyx_cmd(w.fd, NYX_DMA, &c));
		}
		if (ops[i] != NYX_DMA_CAS)
			test_err(EINVAL, cmd_dma_atomic(w.fd, &c, X0, ops[i], 0x100, 8, 1, 1));
	}
	snapshot_check(&s, w.fd, true);
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

/* A device that has no domain cannot be detached, nor twice. */
TEST(detach_twice)
{
	struct ioctl_world w;
	struct snapshot s;

	ioctl_world_open(&w);
	snapshot_take(&s, w.fd, true);
	test_err(ENOENT, cmd_device_detach(w.fd, X2));
	snapshot_check(&s, w.fd, true);
	test_cmd(cmd_device_detach(w.fd, X1));
	test_err(ENOENT, cmd_device_detach(w.fd, X1));
}

/* Files that cannot be guest memory. */
TEST(bad_files)
{
	struct ioctl_world w;
	struct snapshot s;
	int memfd = memfd_new("short", 4 * SZ_4K);
	int null = open("/dev/null", O_RDWR);
	int pipes[2], ro;
	char path[64];

	ioctl_world_open(&w);
	ASSERT_TRUE(null >= 0);
	test_cmd(pipe(pipes));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	ro = open(path, O_RDONLY);
	ASSERT_TRUE(ro >= 0);
	snapshot_take(&s, w.fd, true);
#define BAD_FILE(error, flags, length, file, offset) \
	test_err(error, cmd_memory_add_file(w.fd, flags, W_FREE_GPA, length, file, offset))
	BAD_FILE(EINVAL, 0, SZ_4K, null, 0);
	BAD_FILE(EINVAL, 0, SZ_4K, pipes[1], 0);
	BAD_FILE(EINVAL, 0, SZ_4K, w.fd, 0);
	BAD_FILE(EINVAL, 0, SZ_4K, memfd, 1);
	BAD_FILE(EINVAL, 0, 5 * SZ_4K, memfd, 0);
	BAD_FILE(EINVAL, 0, SZ_4K, memfd, 4 * SZ_4K);
	BAD_FILE(EINVAL, NYX_MEMORY_F_PINNED, 4 * SZ_4K, memfd, SZ_4K);
#undef BAD_FILE
	snapshot_check(&s, w.fd, true);

	/* A file that is open for reading only serves read-only memory. */
	ASSERT_TRUE(cmd_memory_add_file(w.fd, 0, W_FREE_GPA, SZ_4K, ro, 0) < 0);
	snapshot_check(&s, w.fd, true);
	test_cmd(cmd_memory_add_file(w.fd, NYX_MEMORY_F_READONLY, W_FREE_GPA, SZ_4K, ro, 0));
	test_cmd(cmd_memory_remove(w.fd, W_FREE_GPA, SZ_4K));
	snapshot_check(&s, w.fd, true);
}

/* The ranges of the commands at their ends, one by one: an independent oracle. */
TEST(range_cross_product)
{
	static const __u64 values[] = {
		0, 1, SZ_4K - 1, SZ_4K, SZ_4K + 1, 1ull << 31, (1ull << 32) - 1, 1ull << 32,
		1ull << 47, WIDTH - SZ_4K, WIDTH, 1ull << 52, 1ull << 57, (1ull << 63) - 1,
		1ull << 63, TOP - 1, TOP, END - 1, END,
	};
	struct ioctl_world w;
	unsigned int mapped = 0;

	ioctl_world_open(&w);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
			__u64 iova = values[i], length = values[j], unmapped;
			/* The first byte behind it; and whether that is beyond 2^64. */
			__u64 end = iova + length;
			bool beyond = end < iova;
			bool aligned = !((iova | length) % SZ_4K);
			int ret;

			/* More than that would only take time. */
			if (aligned && length && length > (1ull << 31) && !beyond && end <= WIDTH)
				continue;
			ktap_note("iova 0x%llx, length 0x%llx", (unsigned long long)iova,
				  (unsigned long long)length);
			ret = cmd_map(w.fd, W_EMPTY, iova, 0, length, RW);
			if (!aligned || !length) {
				/* Misaligned and beyond: any of the two. */
				ASSERT_TRUE(ret == -EINVAL || ret == -EOVERFLOW || ret == -ERANGE);
				if (!beyond && end <= WIDTH)
					ASSERT_EQ(-EINVAL, ret);
			} else if (beyond && end) {
				ASSERT_EQ(-EOVERFLOW, ret);
			} else if (beyond || end > WIDTH) {
				/* A GPA of 0 and such a length leave 52 bits, too. */
				ASSERT_EQ(-ERANGE, ret);
			} else {
				test_cmd(ret);
				mapped++;
				test_cmd(cmd_unmap(w.fd, W_EMPTY, iova, length, &unmapped));
				ASSERT_EQ(length, unmapped);
				continue;
			}
			ASSERT_EQ(ret, cmd_unmap(w.fd, W_EMPTY, iova, length, NULL));
			ASSERT_EQ(ret, cmd_invalidate(w.fd, NYX_SCOPE_RANGE, W_EMPTY, 0, iova,
						      length));
		}
	}
	ASSERT_GT(mapped, 4);
}
